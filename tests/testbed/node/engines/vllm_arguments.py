"""The options of `vllm serve`, read by argparse as vLLM does.

https://docs.vllm.ai/en/stable/cli/serve/, https://github.com/vllm-project/vllm/blob/main/vllm/utils/argparse_utils.py
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import re
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

from tests.testbed.node.engines.container import die

SHUTDOWN_TIMEOUT_SINCE = (0, 18)
"""https://github.com/vllm-project/vllm/pull/36666"""
_FLAGS = Path(__file__).parents[2] / "sagemaker" / "container" / "vllm_flags.py"
_LENGTH = re.compile(r"auto|-1|([0-9]+(?:\.[0-9]+)?)([kKmMgG]?)")
_UNITS = {"": 1, "k": 10**3, "K": 2**10, "m": 10**6, "M": 2**20, "g": 10**9, "G": 2**30}
_MANY = ("served-model-name", "lora-modules", "api-key", "allowed-origins", "middleware")


class _Parser(argparse.ArgumentParser):
    """vLLM's own parser ends with argparse's words; unknown options are told by the outer one."""

    def error(self, message: str) -> NoReturn:
        prog = "vllm" if message.startswith("unrecognized") else "vllm serve"
        die(2, "usage: vllm serve [model_tag] [options]", f"{prog}: error: {message}")


def parse(arguments: Sequence[str], version: tuple[int, ...]) -> argparse.Namespace:
    """Ends the process with exit code 2 for what argparse does not take."""
    flags = _flags()
    parser = _Parser(prog="vllm serve", add_help=False, allow_abbrev=True)
    parser.add_argument("model_tag", nargs="?")
    for name in sorted(flags.BOOLEAN):
        parser.add_argument(f"--{name}", action="store_true")
    for name in sorted(flags.WHOLE - ({"shutdown-timeout"} if (0,) < version < SHUTDOWN_TIMEOUT_SINCE else set())):
        parser.add_argument(f"--{name}", type=int)
    for name in sorted(flags.DECIMAL):
        parser.add_argument(f"--{name}", type=float)
    for name in sorted(flags.TEXT - {"max-model-len"}):
        more: dict[str, Any] = {"nargs": "+"} if name in _MANY else {}
        if name in flags.CHOICES:
            more["choices"] = sorted(flags.CHOICES[name])
        parser.add_argument(f"--{name}", **more)
    parser.add_argument("--max-model-len", type=_length)
    return parser.parse_args([_dashes(word) for word in arguments])


def adapters(options: argparse.Namespace) -> dict[str, str]:
    """Name and path of each of --lora-modules: `name=path`, or JSON with both."""
    found = {}
    for given in options.lora_modules or []:
        if given.startswith("{"):
            read = json.loads(given)
            found[read["name"]] = read["path"]
        else:
            name, equals, path = given.partition("=")
            if not equals or not path:
                die(2, f"vllm serve: error: argument --lora-modules: Invalid lora module format: {given}")
            found[name] = path
    return found


def _flags() -> ModuleType:
    """The names are those that the SageMaker double knows; by path, since its package is a heavy one to import."""
    spec = importlib.util.spec_from_file_location("vllm_flags", _FLAGS)
    if spec is None or spec.loader is None:
        raise ImportError(str(_FLAGS))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _dashes(word: str) -> str:
    """--max_model_len is taken for --max-model-len."""
    if not word.startswith("--"):
        return word
    name, equals, value = word.partition("=")
    return name.replace("_", "-") + equals + value


def _length(given: str) -> int:
    """Human-readable integers: 4k is 4000, 4K is 4096; auto and -1 (here 0) fit the memory."""
    found = _LENGTH.fullmatch(given)
    if found is None:
        raise argparse.ArgumentTypeError(f"Invalid length: {given!r}")
    return 0 if found[1] is None else int(float(found[1]) * _UNITS[found[2]])
