"""The options of a command line, as far as they can be told from their values."""

import re
from collections.abc import Sequence

_OPTION = re.compile(r"--?[A-Za-z]")
"""How an option begins; -1 is a value."""


def names(arguments: Sequence[str]) -> set[str]:
    """The options' names, without dashes and values. vLLM takes max_model_len for max-model-len, too."""
    return {name_of(argument) for argument in arguments if _OPTION.match(argument)}


def name_of(argument: str) -> str:
    """An option's name."""
    return argument.lstrip("-").partition("=")[0].replace("_", "-")


def meant(name: str, options: Sequence[str]) -> str | None:
    """The first of the options that a name may stand for: argparse, and so vLLM, takes what an option begins with.

    https://docs.python.org/3/library/argparse.html#allow-abbrev
    """
    exact = (option for option in options if option == name)
    return next(exact, next((option for option in options if option.startswith(name)), None))
