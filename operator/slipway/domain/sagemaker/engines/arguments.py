"""Arguments of a command line, in the variables that SageMaker's containers take instead."""

import re
from collections.abc import Sequence

from slipway.domain.sagemaker.engines.rules import Rules
from slipway.domain.secrets import looks_like_token

_OPTION = re.compile(r"--?[A-Za-z]")
"""How an option begins; -1 is a value."""
_HARMLESS = re.compile(r"[A-Za-z0-9._,:/+\-]{1,32}")
"""Values that may be repeated in a message."""
_SECRET = re.compile(r"KEY|TOKEN(?!S$|IZER)|SECRET|PASS|CREDENTIAL")
"""Names of variables whose values may not."""


def as_variables(arguments: Sequence[str], rules: Rules) -> str:
    """How spec.engine.env would say the same; what other fields decide is named with the reason.

    Values that might be secrets, and several values of one option, are not repeated: the text ends up in the status
    and in events.
    """
    wanted, refused = [], []
    for option, values in _options(arguments):
        name = rules.variable_of(option)
        if name in rules.OWN_VARIABLES:
            refused.append(f"{name} may not be set: {rules.OWN_VARIABLES[name]}")
        else:
            wanted.append(f"{name}={_shown(name, values)}")
    return "; ".join([*([", ".join(wanted)] if wanted else []), *refused])


def _options(arguments: Sequence[str]) -> list[tuple[str, list[str]]]:
    """The options without dashes, each with its values. What stands before the first one belongs to none."""
    options: list[tuple[str, list[str]]] = []
    for argument in arguments:
        if _OPTION.match(argument):
            name, is_pair, value = argument.lstrip("-").partition("=")
            options.append((name, [value] if is_pair else []))
        elif options:
            options[-1][1].append(argument)
    return options


def _shown(name: str, values: list[str]) -> str:
    if not values:
        return "true"
    secret = len(values) > 1 or _SECRET.search(name) or looks_like_token(values[0])
    return "…" if secret or not _HARMLESS.fullmatch(values[0]) else values[0]
