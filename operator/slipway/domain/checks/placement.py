"""Whether a Deployment may live where its spec says."""

from slipway.api.v1alpha1.deployment import ASSUME_ROLE_FIXED, ENDPOINT_NAME_FIXED, REGION_FIXED, Deployment, Placement
from slipway.domain.checks.inputs import Inputs, Problem
from slipway.domain.conditions import Finding
from slipway.domain.names import default_endpoint_name
from slipway.domain.permissions import PlacementRequest, refusal


def placement_of(deployment: Deployment, account: str) -> Placement | None:
    """Where the Deployment lives: as stored, or as the spec says. None if the spec does not say."""
    if deployment.status.placement:
        return deployment.status.placement
    target = deployment.spec.target.sage_maker
    if target is None:
        return None
    metadata = deployment.metadata
    return Placement(
        target="SageMaker",
        account=account,
        region=target.region,
        endpoint_name=target.endpoint_name or default_endpoint_name(metadata.namespace, metadata.name),
        role_arn=target.assume_role.arn if target.assume_role else None,
    )


def check_placement_fixed(inputs: Inputs) -> Problem | None:
    """Where a Deployment lives cannot change."""
    placement, target = inputs.deployment.status.placement, inputs.deployment.spec.target.sage_maker
    if placement is None or target is None:
        return None
    if placement.region != target.region:
        return Problem(Finding("PlacementChanged", f"{REGION_FIXED} (it lives in {placement.region})"))
    metadata = inputs.deployment.metadata
    if (target.endpoint_name or default_endpoint_name(metadata.namespace, metadata.name)) != (placement.endpoint_name):
        text = f"{ENDPOINT_NAME_FIXED} (its endpoint is {placement.endpoint_name})"
        return Problem(Finding("PlacementChanged", text))
    if (target.assume_role.arn if target.assume_role else None) != placement.role_arn:
        own = "the operator's own identity"
        text = f"{ASSUME_ROLE_FIXED} (it lives under {placement.role_arn or own})"
        return Problem(Finding("PlacementChanged", text))
    if inputs.account not in (None, placement.account):
        return Problem(Finding("PlacementChanged", other_account(placement, inputs.account or "")))
    return None


def other_account(placement: Placement, account: str) -> str:
    """The operator's credentials are for another account than the endpoint's."""
    return (
        f"the operator's credentials are for AWS account {account} now, but this Deployment lives in "
        f"{placement.account}. Give the operator credentials for that account again"
    )


def check_placement_allowed(inputs: Inputs) -> Problem | None:
    """Whether this namespace may use this account, region and role. Region and role are judged before AWS is asked."""
    target = inputs.deployment.spec.target.sage_maker
    if target is None:
        return None
    request = PlacementRequest(
        inputs.deployment.metadata.namespace, inputs.account, target.region, target.execution_role_arn
    )
    text = refusal(request, inputs.rules, inputs.default_rule)
    return Problem(Finding("PlacementNotAllowed", text)) if text else None
