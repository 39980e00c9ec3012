"""Whether the shared poller's view alone shows that there is nothing to do.

Without this, every start of the operator would describe every endpoint: thousands of requests against an API that
bears a few a second.
"""

from slipway.api.v1alpha1.deployment import Deployment
from slipway.domain.names import Owner
from slipway.domain.sagemaker.desired import Desired
from slipway.domain.sagemaker.observation import (
    Endpoint,
    EndpointState,
    EndpointSummary,
    Observation,
)
from slipway.domain.sagemaker.tags import tags_due


def at_rest(
    deployment: Deployment,
    wanted: Desired | None,
    summary: EndpointSummary | None,
    owner: Owner,
    trigger: str | None = None,
) -> Observation | None:
    """The last observation again, if the endpoint has not been modified since; None if it must be looked at.

    A spec that was not acted on yet, or a new value of the reconcile-now annotation (`trigger`), asks for a look.
    The service moves LastModifiedTime with every change of an endpoint's config, state or count.
    """
    status = deployment.status
    endpoint, serving, attempt = status.endpoint, status.revision.serving, status.attempt
    if summary is None or wanted is None or endpoint is None or serving is None or attempt is None:
        return None
    if endpoint.arn is None or endpoint.last_modified is None:
        return None
    unchanged = summary.state is EndpointState.IN_SERVICE and summary.last_modified == endpoint.last_modified
    settled = attempt.outcome == "Succeeded" and attempt.config == serving.config == wanted.config.name
    right_count = wanted.instances is None or wanted.instances == status.replicas
    answered = status.settled == wanted.content and attempt.trigger == trigger
    answered = answered and not any(condition.type == "Drifted" for condition in status.conditions)
    if not (unchanged and settled and right_count and answered) or tags_due(endpoint, wanted.tags):
        return None
    return Observation(
        endpoint=Endpoint(
            name=endpoint.name,
            arn=endpoint.arn,
            state=EndpointState.IN_SERVICE,
            config=serving.config,
            last_modified=endpoint.last_modified,
            tags={**wanted.tags, **owner.tags()},
            desired_instances=status.replicas,
            current_instances=status.ready_replicas,
        )
    )
