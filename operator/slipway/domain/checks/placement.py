"""Whether a Deployment may live where its spec says."""

from slipway.api.v1alpha1.deployment import TARGET_FIXED, Deployment
from slipway.api.v1alpha1.deployment_status import Placement
from slipway.api.v1alpha1.sagemaker_target import ASSUME_ROLE_FIXED, ENDPOINT_NAME_FIXED, REGION_FIXED, SageMakerTarget
from slipway.domain.checks.inputs import Inputs, Problem, invalid
from slipway.domain.conditions import Finding
from slipway.domain.identity import account_of
from slipway.domain.names import default_endpoint_name
from slipway.domain.permissions import PlacementRequest, PlacementRule, refusal

_PLACES = {"SageMaker": "Amazon SageMaker", "Cluster": "this cluster"}


def placement_of(deployment: Deployment, account: str) -> Placement | None:
    """Where the Deployment lives: as stored, or as the spec says. None if the spec does not say."""
    if deployment.status.placement:
        return deployment.status.sage_maker
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


def check_target_fixed(inputs: Inputs) -> Problem | None:
    """The kind of target cannot change."""
    placement, target = inputs.deployment.status.placement, inputs.deployment.spec.target
    if placement is None or (placement.target == "Cluster") == (target.cluster is not None):
        return None
    return Problem(Finding("PlacementChanged", f"{TARGET_FIXED} (it lives in {_PLACES[placement.target]})"))


def check_placement_fixed(inputs: Inputs) -> Problem | None:
    """Where a Deployment lives cannot change."""
    placement, target = inputs.deployment.status.sage_maker, inputs.deployment.spec.target.sage_maker
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
    """Whether this namespace may use this account, region and role.

    All but the account of the operator's own identity is judged before AWS is asked: a role's ARN names its account.
    """
    text = placement_refusal(inputs.deployment, inputs.account, inputs.rules, inputs.default_rule)
    return Problem(Finding("PlacementNotAllowed", text)) if text else None


def placement_refusal(
    deployment: Deployment, account: str | None, rules: tuple[PlacementRule, ...], default: PlacementRule
) -> str | None:
    """Why the namespace may not use what the spec asks for; None if it may, or if the spec asks for nothing."""
    target = deployment.spec.target.sage_maker
    if target is None:
        return None
    metadata = deployment.metadata
    name = target.endpoint_name or default_endpoint_name(metadata.namespace, metadata.name)
    request = PlacementRequest(
        namespace=metadata.namespace,
        account=account or _assumed_account(target),
        region=target.region,
        execution_role=target.execution_role_arn,
        assume_role=target.assume_role.arn if target.assume_role else None,
        adopt=name if target.adopt else None,
    )
    return refusal(request, rules, default)


def check_one_account(inputs: Inputs) -> Problem | None:
    """Whether the execution role is in the account of the endpoint: SageMaker takes no other.

    "Cross-account pass role is not allowed" is the service's answer to CreateModel, and IAM's documentation says so:
    https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html
    """
    target = inputs.deployment.spec.target.sage_maker
    account = inputs.account or (_assumed_account(target) if target else None)
    if target is None or account is None:
        return None
    role = account_of(target.execution_role_arn)
    if role == account:
        return None
    own = "and spec.target.sageMaker.assumeRole is not set, so the endpoint would be in the operator's own account"
    assumed = "but spec.target.sageMaker.assumeRole.arn puts the endpoint into account"
    return invalid(
        f"spec.target.sageMaker.executionRoleArn is a role of account {role}, "
        f"{assumed if target.assume_role else own} {account}. SageMaker would refuse: Cross-account pass role is not "
        f"allowed. Name an execution role of account {account}, or assume a role of account {role}"
    )


def _assumed_account(target: SageMakerTarget) -> str | None:
    """The account of the role to assume; None for the operator's own identity, whose account only AWS knows."""
    return account_of(target.assume_role.arn) if target.assume_role else None
