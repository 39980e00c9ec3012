"""What all parts of LocalSageMaker hold."""

from __future__ import annotations

from tests.testbed.sagemaker.resources import Endpoint
from tests.testbed.sagemaker.rules import Rules
from tests.testbed.sagemaker.service import Service
from tests.testbed.sagemaker.states import World


class Handle:
    def __init__(self) -> None:
        self.service = Service()
        self.rules: Rules = self.service.rules

    def _worlds(self) -> list[World]:
        worlds = self.service.worlds()
        for world in worlds:
            world.advance()
        return worlds

    def _endpoint(self, name: str) -> tuple[World, Endpoint]:
        found = [(w, w.endpoints[name.lower()]) for w in self._worlds() if name.lower() in w.endpoints]
        if not found:
            raise KeyError(f"no endpoint {name}")
        if len(found) > 1:
            raise KeyError(f"endpoint {name} is in several accounts or regions")
        return found[0]
