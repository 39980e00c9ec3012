"""What is loaded into the cache at once: a commit of a model, and of each adapter beside it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from slipway.domain.names import digest

_DIGITS = 12


class PinnedAdapter(Protocol):
    """A commit of an adapter, wherever it is remembered."""

    @property
    def repo(self) -> str: ...
    @property
    def revision(self) -> str: ...


class Pinned(Protocol):
    """A commit of a model with its adapters, wherever it is remembered: ServedModel, Served, ServedRevision."""

    @property
    def repo(self) -> str: ...
    @property
    def revision(self) -> str: ...
    @property
    def adapters(self) -> Iterable[PinnedAdapter] | None: ...


@dataclass(frozen=True)
class Load:
    """Repositories and commits, the model first. Equal ones are the same load, wherever they come from."""

    items: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, pinned: Pinned) -> "Load":
        """What a served or remembered model needs on the volume. The order of the adapters does not matter."""
        adapters = {(adapter.repo, adapter.revision) for adapter in pinned.adapters or ()}
        return cls(((pinned.repo, pinned.revision), *sorted(adapters - {(pinned.repo, pinned.revision)})))

    @property
    def name(self) -> str:
        """Under which the volume remembers that it is complete."""
        return digest(self.items, _DIGITS)

    def to_json(self) -> dict[str, Any]:
        """As the script in the pod reads it."""
        return {"name": self.name, "items": [list(item) for item in self.items]}
