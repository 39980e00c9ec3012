"""What the API server shows and what is made of it, by words that their sources are known to use."""

from tests.unit.domain.cluster.diagnosis.cases import (
    admission,
    arguments,
    containers,
    gpus,
    images,
    nodes,
    resources,
    restarts,
    scheduling,
    weights,
)
from tests.unit.domain.cluster.diagnosis.cases.case import Case, ended

__all__ = ["CASES", "Case", "ended"]

_PARTS = (scheduling, admission, images, containers, gpus, resources, weights, arguments, restarts, nodes)

CASES = {name: case for part in _PARTS for name, case in part.CASES.items()}
assert len(CASES) == sum(len(part.CASES) for part in _PARTS), "two cases have the same name"
