"""How one commit of a model behaves, and what its answers say.

A commit may carry `look_alike.json`: what a real engine does with weights that are broken in some way. Nothing there
changes what the engine was asked to do; it only takes the place of the weights.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

FILE = "look_alike.json"
LONG = "long story"
"""A prompt with these words is answered at the greatest length that the request allows."""
DEFAULT_LENGTH = 100


@dataclass(frozen=True)
class Behaviour:
    """What the weights of a commit do to an engine."""

    answers: Literal["text", "nothing", "never", "error"] = "text"
    """nothing: the first token ends the text. never: the engine is healthy and no token comes. error: the GPU fails."""
    load_seconds: float | None = None
    crashes_after: float | None = None
    """Seconds after the port has opened."""
    host_memory: int | None = None
    """Bytes of main memory that loading takes: above the container's limit the kernel kills it."""
    dies: str | None = None
    """The last line of a traceback with which loading ends."""

    @classmethod
    def of(cls, folder: Path) -> Behaviour:
        """What a folder with weights says; as a rule nothing."""
        file = folder / FILE
        said: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
        known = {each.name for each in fields(cls)}
        if said.keys() - known:
            raise ValueError(f"{FILE} knows {sorted(known)}, not {sorted(said.keys() - known)}")
        return cls(**said)


@dataclass(frozen=True)
class Speaker:
    """A look-alike's voice."""

    model: str
    commit: str
    """40 hex digits; `unknown` where the weights do not tell."""
    answers: str
    adapters: Mapping[str, str] = field(default_factory=dict)
    """LoRA adapters and their commits."""

    def tokens(self, prompt: str, limit: int | None, adapter: str | None = None) -> Iterator[str]:
        """A word counts as a token. An adapter that is not there changes nothing, as in TGI."""
        if self.answers == "nothing":
            return
        seen = hashlib.sha256(prompt.encode()).hexdigest()[:8]
        known = self.adapters.get(adapter or "")
        tuned = f" with adapter {adapter} at commit {known}" if known else ""
        served = f"It serves {self.model} at commit {self.commit}{tuned} and read {seen}."
        said = f"This is no model but a look-alike. {served}".split()
        allowed = DEFAULT_LENGTH if limit is None else limit
        length = allowed if LONG in prompt else min(allowed, len(said))
        for number in range(length):
            yield ("" if number == 0 else " ") + said[number % len(said)]

    def reason(self, prompt: str, limit: int | None, written: int) -> Literal["length", "stop"]:
        """Why an answer of so many tokens ended."""
        allowed = DEFAULT_LENGTH if limit is None else limit
        return "length" if written >= allowed and self.answers != "nothing" else "stop"
