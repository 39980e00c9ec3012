"""The checks in their order, and what comes of them."""

from dataclasses import dataclass

from slipway.domain import model_versions
from slipway.domain.checks.image import check_image
from slipway.domain.checks.inputs import Check, Inputs, Problem
from slipway.domain.checks.model import check_model, check_weights
from slipway.domain.checks.placement import check_one_account, check_placement_allowed, check_placement_fixed
from slipway.domain.checks.spec import check_spec
from slipway.domain.sagemaker import progress
from slipway.domain.sagemaker.desired import ServedModel

CHECKS: tuple[Check, ...] = (
    check_spec,
    check_placement_fixed,
    check_one_account,
    check_model,
    check_weights,
    check_image,
    check_placement_allowed,
)
"""In this order: the first that fails gives reason and message."""


_TOLERATED = {check_model}
"""With these failing, what served before can go on being kept in service."""


@dataclass(frozen=True)
class Checked:
    """What came of the checks."""

    served: ServedModel | None
    """The commit to serve; None if nothing may be acted on."""
    problem: Problem | None = None


def checked(inputs: Inputs) -> Checked:
    """Run the checks. A ModelVersion that is gone or not ready does not stop what serves from being kept."""
    problem: Problem | None = None
    for check in CHECKS:
        found = check(inputs)
        if found and check not in _TOLERATED:
            return Checked(None, found)
        problem = problem or found
    if problem:
        return Checked(progress.last_served(inputs.deployment.status), problem)
    resolved = inputs.model_version.status.resolved if inputs.model_version else None
    source = model_versions.source_of(inputs.model_version.spec) if inputs.model_version else None
    if resolved is None:
        raise AssertionError("check_model passes only with a resolved commit")
    return Checked(
        ServedModel(
            repo=resolved.repo,
            revision=resolved.revision,
            model_version=inputs.deployment.spec.model_ref.name,
            hub=(source.endpoint if source else None) or inputs.hub,
        )
    )
