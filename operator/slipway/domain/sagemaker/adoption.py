"""Taking over an endpoint that exists: which ones, and which not."""

from slipway.domain.conditions import Finding
from slipway.domain.names import TAG_INSTALLATION, TAG_RETAINED, describe_owner
from slipway.domain.sagemaker.observation import Endpoint
from slipway.domain.sagemaker.situation import Plan, Situation
from slipway.domain.sagemaker.steps import MarkOwner


def plan_adoption(situation: Situation, endpoint: Endpoint) -> Plan:
    """The steps towards an endpoint that is not ours: to mark it as ours, or to leave it alone and say why."""
    problem = _problem(situation, endpoint)
    if problem:
        return Plan(attempt=situation.attempt, stalled=problem)
    if endpoint.state.is_moving:
        text = f"waiting to take over {endpoint.name}, which is {endpoint.state.value}"
        return Plan(attempt=situation.attempt, reconciling=Finding("Adopting", text), look_again=True)
    serves = situation.seen.serving_revision
    what = f", which serves {serves.repo} at {serves.revision}" if serves else ""
    return Plan(
        (MarkOwner(situation.owner, endpoint.arn),),
        situation.attempt,
        reconciling=Finding("Adopting", f"taking over the endpoint {endpoint.name}{what}"),
        adopts=endpoint.variants[0],
    )


def _problem(situation: Situation, endpoint: Endpoint) -> Finding | None:
    theirs = TAG_INSTALLATION in endpoint.tags and TAG_RETAINED not in endpoint.tags
    if theirs or not situation.adopt:
        return _name_conflict(endpoint, theirs=theirs)
    if len(endpoint.variants) != 1:
        text = (
            f"the endpoint {endpoint.name} has {len(endpoint.variants)} production variants "
            f"({', '.join(endpoint.variants)}): only one with a single variant can be taken over, because an update "
            "must keep the variants' names"
        )
        return Finding("NotAdoptable", text)
    if situation.seen.hosts_components:
        text = f"the endpoint {endpoint.name} hosts inference components, which Slipway cannot take over"
        return Finding("NotAdoptable", text)
    return None


def _name_conflict(endpoint: Endpoint, *, theirs: bool) -> Finding:
    """The endpoint's name is taken."""
    text = f"the endpoint {endpoint.name} belongs to {describe_owner(endpoint.tags)}. "
    if not theirs:
        text += "Set spec.target.sageMaker.adopt to true to take it over, or delete it"
    else:
        text += "Delete that one"
    text += ", or delete this Deployment and create it anew with another spec.target.sageMaker.endpointName"
    return Finding("NameConflict", text)
