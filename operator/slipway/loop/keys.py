"""The name of one object in the cluster."""

from typing import NamedTuple


class Key(NamedTuple):
    """Kind, namespace and name: what the queue holds and the store is addressed by."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.namespace}/{self.name}"
