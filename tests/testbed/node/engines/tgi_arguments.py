"""The launcher's options, as clap reads them: arguments first, else the environment.

https://github.com/huggingface/text-generation-inference/blob/main/docs/source/reference/launcher.md
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

from tests.testbed.node.engines.container import die

_NUMBERS = (
    "validation-workers",
    "num-shard",
    "speculate",
    "max-concurrent-requests",
    "max-best-of",
    "max-stop-sequences",
    "max-top-n-tokens",
    "max-input-tokens",
    "max-input-length",
    "max-total-tokens",
    "max-batch-prefill-tokens",
    "max-batch-total-tokens",
    "max-waiting-tokens",
    "max-batch-size",
    "port",
    "prometheus-port",
    "master-port",
    "max-client-batch-size",
    "payload-limit",
    "graceful-termination-timeout",
)
_FRACTIONS = ("waiting-served-ratio", "cuda-memory-fraction", "rope-factor", "watermark-gamma", "watermark-delta")
_FLAGS = (
    "trust-remote-code",
    "enable-cuda-graphs",
    "disable-custom-kernels",
    "json-output",
    "disable-grammar-support",
    "disable-usage-stats",
    "disable-crash-reports",
    "env",
    "enable-prefill-logprobs",
    "ngrok",
)
_TEXTS = (
    "model-id",
    "revision",
    "sharded",
    "hostname",
    "cuda-graphs",
    "shard-uds-path",
    "master-addr",
    "huggingface-hub-cache",
    "weights-cache-override",
    "otlp-endpoint",
    "otlp-service-name",
    "cors-allow-origin",
    "api-key",
    "ngrok-authtoken",
    "ngrok-edge",
    "tokenizer-config-path",
    "lora-adapters",
)
QUANTIZATIONS = (
    "awq",
    "compressed-tensors",
    "eetq",
    "exl2",
    "gptq",
    "marlin",
    "bitsandbytes",
    "bitsandbytes-nf4",
    "bitsandbytes-fp4",
    "fp8",
)
"""The launcher's own, whether SageMaker or a cluster runs it."""
_CHOICES: Mapping[str, tuple[str, ...]] = {
    "quantize": QUANTIZATIONS,
    "dtype": ("float16", "bfloat16"),
    "kv-cache-dtype": ("fp8_e4m3fn", "fp8_e5m2"),
    "rope-scaling": ("linear", "dynamic"),
    "usage-stats": ("on", "off", "no-stack"),
}
_DEFAULTS = {
    "model-id": "bigscience/bloom-560m",
    "hostname": "0.0.0.0",
    "port": "3000",
    "max-concurrent-requests": "128",
    "max-best-of": "2",
    "max-stop-sequences": "4",
    "max-client-batch-size": "4",
    "validation-workers": "2",
    "cuda-memory-fraction": "1.0",
    "graceful-termination-timeout": "90",
}
_VALUED = (*_NUMBERS, *_FRACTIONS, *_TEXTS, *_CHOICES)
_SHORT = {"p": "port", "h": "help", "e": "env"}


@dataclass(frozen=True)
class Options:
    """What the launcher was asked for."""

    given: Mapping[str, str]

    def text(self, name: str) -> str | None:
        return self.given.get(name, _DEFAULTS.get(name))

    def number(self, name: str) -> int | None:
        found = self.text(name)
        return None if found is None else int(found)

    def fraction(self, name: str, default: float) -> float:
        found = self.text(name)
        return default if found is None else float(found)

    @property
    def max_input(self) -> int | None:
        return self.number("max-input-tokens") or self.number("max-input-length")


def parse(arguments: Sequence[str], environment: Mapping[str, str]) -> Options:
    """Ends the process with clap's words and exit code 2 for what clap does not take."""
    given = _from_environment(environment) | _from_arguments(list(arguments))
    for name, value in given.items():
        _check(name, value)
    return Options(given)


def argument_problem(options: Options) -> str | None:
    """What `LauncherError::ArgumentValidation` holds."""
    if options.number("max-input-tokens") is not None and options.number("max-input-length") is not None:
        return (
            "Both `max_input_tokens` and `max_input_length` are set. Please define only `max_input_tokens` as "
            "`max_input_length is deprecated for naming consistency."
        )
    longest, total = options.max_input, options.number("max-total-tokens")
    if longest is not None and total is not None and longest >= total:
        return f"`max_input_tokens`({longest}) must be < `max_total_tokens`({total})"
    batch = options.number("max-batch-total-tokens")
    if batch is not None and total is not None and total > batch:
        return f"`max_total_tokens` must be <= `max_batch_total_tokens`. Given: {total} and {batch}"
    if options.number("validation-workers") == 0:
        return "`validation_workers` must be > 0"
    if options.text("quantize") and options.text("dtype"):
        return "Only one of `--quantize` and `--dtype` can be set"
    return None


def adapters(options: Options) -> dict[str, tuple[str, str | None]]:
    """Repository or folder, and revision, of each of `repo`, `repo@revision` and `name=/path`, by what requests say.

    https://huggingface.co/docs/text-generation-inference/conceptual/lora
    """
    found: dict[str, tuple[str, str | None]] = {}
    for given in (options.text("lora-adapters") or "").split(","):
        if not given:
            continue
        if given.count("@") > 1:
            die(1, f"ValueError: Invalid LoRA adapter format: {given}")
        name, equals, path = given.partition("=")
        place, _, revision = (path if equals else name).partition("@")
        found[name if equals else place] = (place, revision or None)
    return found


def _from_environment(environment: Mapping[str, str]) -> dict[str, str]:
    found = {}
    for name in (*_VALUED, *_FLAGS):
        variable = name.upper().replace("-", "_")
        value = environment.get(variable)
        if value is None or (name in _FLAGS and value.lower() in ("", "0", "false", "no", "off", "n", "f")):
            continue
        found[name] = value
    return found


def _from_arguments(words: list[str]) -> dict[str, str]:
    found = {}
    while words:
        word = words.pop(0)
        name, equals, value = word.removeprefix("--").partition("=")
        if re.fullmatch(r"-[a-z]", word):
            name = _SHORT.get(word[1:], "")
        elif not word.startswith("--"):
            name = ""
        if name in _FLAGS:
            found[name] = "true"
        elif name in _VALUED:
            if not equals and not words:
                _usage(f"a value is required for '--{name} <{_placeholder(name)}>' but none was supplied", "--help")
            found[name] = value if equals else words.pop(0)
        else:
            _usage(f"unexpected argument '{word.partition('=')[0]}' found", "--help", usage=True)
    return found


def _check(name: str, value: str) -> None:
    if name in _NUMBERS and not re.fullmatch(r"[0-9]+", value):
        digit = "cannot parse integer from empty string" if not value else "invalid digit found in string"
        _usage(f"invalid value '{value}' for '--{name} <{_placeholder(name)}>': {digit}", "--help")
    if name in _FRACTIONS and not re.fullmatch(r"[0-9]*\.?[0-9]+", value):
        _usage(f"invalid value '{value}' for '--{name} <{_placeholder(name)}>': invalid float literal", "--help")
    if name in _CHOICES and value not in _CHOICES[name]:
        possible = ", ".join(_CHOICES[name])
        said = f"invalid value '{value}' for '--{name} <{_placeholder(name)}>'\n  [possible values: {possible}]"
        _usage(said, "--help")


def _placeholder(name: str) -> str:
    return name.upper().replace("-", "_")


def _usage(problem: str, more: str, *, usage: bool = False) -> NoReturn:
    lines = ["\nUsage: text-generation-launcher [OPTIONS]"] if usage else []
    die(2, f"error: {problem}", *lines, f"\nFor more information, try '{more}'.")
