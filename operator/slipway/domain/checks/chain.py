"""The checks in their order, and what comes of them."""

from dataclasses import dataclass, replace

from slipway.api.v1alpha1.engine import Engine
from slipway.domain import revisions
from slipway.domain.checks.adapters import check_adapters, check_adapters_in_cluster
from slipway.domain.checks.cluster import check_cluster, check_manifests
from slipway.domain.checks.endpoint import check_endpoint, check_isolation
from slipway.domain.checks.image import check_image
from slipway.domain.checks.inputs import Check, Inputs, Problem
from slipway.domain.checks.model import check_model, check_weights, served_model
from slipway.domain.checks.placement import (
    check_one_account,
    check_placement_allowed,
    check_placement_fixed,
    check_target_fixed,
)
from slipway.domain.checks.spec import check_spec
from slipway.domain.served import ServedModel

SAGEMAKER_CHECKS: tuple[Check, ...] = (
    check_spec,
    check_target_fixed,
    check_endpoint,
    check_isolation,
    check_placement_fixed,
    check_one_account,
    check_model,
    check_weights,
    check_image,
    check_adapters,
    check_placement_allowed,
)
"""In this order: the first that fails gives reason and message."""

CLUSTER_CHECKS: tuple[Check, ...] = (
    check_spec,
    check_target_fixed,
    check_cluster,
    check_model,
    check_manifests,
    check_adapters_in_cluster,
)
"""The same for pods."""


_TOLERATED = {check_model}
"""With these failing, what served before can go on being kept in service."""


@dataclass(frozen=True)
class Checked:
    """What came of the checks."""

    served: ServedModel | None
    """The commit to serve; None if nothing may be acted on."""
    problem: Problem | None = None


def checked(inputs: Inputs) -> Checked:
    """Run the checks. A ModelVersion that is gone or not ready does not stop what serves from being kept.

    The model then stays at the commit that it was served at last, and so does each adapter of the spec.
    """
    problem: Problem | None = None
    for check in CLUSTER_CHECKS if inputs.deployment.spec.target.cluster else SAGEMAKER_CHECKS:
        found = check(inputs)
        if found and check not in _TOLERATED:
            return Checked(None, found)
        problem = problem or found
    if problem:
        return Checked(_kept(revisions.last_served(inputs.deployment.status), inputs.deployment.spec.engine), problem)
    served = served_model(inputs)
    if served is None:
        raise AssertionError("check_model passes only with resolved commits")
    return Checked(served)


def _kept(served: ServedModel | None, engine: Engine) -> ServedModel | None:
    """What served last, without the adapters that the spec has no more."""
    if served is None:
        return None
    names = {adapter.name for adapter in engine.adapters}
    return replace(served, adapters=tuple(adapter for adapter in served.adapters if adapter.name in names))
