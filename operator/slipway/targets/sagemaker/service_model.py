"""botocore's description of SageMaker, without what is never called.

It describes some 400 operations by 3,200 shapes and is kept as dictionaries, about 10 MB, for as long as the process
lives. The requests of this package need 17 operations and about 300 shapes.
"""

from collections.abc import Iterator
from typing import Any

from botocore.loaders import Loader

OPERATIONS = frozenset(
    {
        "AddTags",
        "CreateEndpoint",
        "CreateEndpointConfig",
        "CreateModel",
        "DeleteEndpoint",
        "DeleteEndpointConfig",
        "DeleteModel",
        "DeleteTags",
        "DescribeEndpoint",
        "DescribeEndpointConfig",
        "DescribeModel",
        "ListEndpointConfigs",
        "ListEndpoints",
        "ListModels",
        "ListTags",
        "UpdateEndpoint",
        "UpdateEndpointWeightsAndCapacities",
    }
)
"""Every operation of SageMaker that is called. A client has no method for any other."""


IAM_OPERATIONS = frozenset({"GetRole", "SimulatePrincipalPolicy"})
"""Every operation of IAM that is called."""


def keep_needed_operations(loader: Loader, service: str = "sagemaker", needed: frozenset[str] = OPERATIONS) -> None:
    """Take everything else out of the description that `loader` keeps and makes clients from.

    Best done first of all: parsing the whole of it needs 15 MB for a moment, which the objects then come to use.
    """
    description: dict[str, Any] = loader.load_service_model(service, "service-2")
    operations, shapes = description["operations"], description["shapes"]
    for name in operations.keys() - needed:
        del operations[name]
    for name in shapes.keys() - _reachable(operations, shapes):
        del shapes[name]


def _reachable(operations: dict[str, Any], shapes: dict[str, Any]) -> set[str]:
    found: set[str] = set()
    waiting = set(_references(operations))
    while waiting:
        name = waiting.pop()
        found.add(name)
        waiting |= set(_references(shapes[name])) - found
    return found


def _references(node: Any) -> Iterator[str]:
    """Names of shapes in any part of a description; a member may be called `shape` itself."""
    if isinstance(node, dict):
        name = node.get("shape")
        if isinstance(name, str):
            yield name
        for child in node.values():
            yield from _references(child)
    elif isinstance(node, list):
        for child in node:
            yield from _references(child)
