"""What somebody else has changed, in words that name both values."""

from dataclasses import replace

from slipway.api.v1alpha1.deployment_status import Attempt
from slipway.domain.conditions import Finding
from slipway.domain.sagemaker.observation import Endpoint
from slipway.domain.sagemaker.situation import Situation

_NOT_CORRECTED = (
    ". spec.drift is Report: set it to Correct, or give the annotation slipway.dev/reconcile-now a new value"
)


def drift(situation: Situation) -> Finding | None:
    """The differences between what was brought about and what is there; None if there are none, or may be none yet."""
    if not situation.settled:
        return None
    endpoint = situation.seen.endpoint
    if endpoint is None:
        text = f"the endpoint {situation.endpoint_name} is gone"
        return Finding("EndpointMissing", text)
    if not situation.owner.owns(endpoint.tags):
        return None  # it is somebody else's now, which is no matter of fields
    found = _differences(situation, endpoint)
    return Finding("ChangedOutside", f"{endpoint.name}: {'; '.join(found)}") if found else None


def drift_beside_a_failure(failed: Attempt, endpoint: Endpoint) -> Finding | None:
    """A roll has failed, and what serves now is neither what it was to bring nor what it was to replace.

    It is only said: what served before may be as little wanted as what failed. The next roll replaces it.
    """
    if failed.replaces is None or endpoint.config in (failed.replaces, failed.config):
        return None
    text = (
        f"{endpoint.name}: the endpoint config is {endpoint.config}, which somebody else has brought into service "
        f"after {failed.config} had failed; before, it was {failed.replaces}. It stays until the next roll"
    )
    return Finding("ChangedOutside", text)


def _differences(situation: Situation, endpoint: Endpoint) -> list[str]:
    wanted = situation.desired
    found = []
    if endpoint.config != wanted.config.name:
        serves = situation.seen.serving_revision
        what = f" ({serves.repo} at {serves.revision})" if serves else ""
        found.append(f"the endpoint config is {endpoint.config}{what}, wanted is {wanted.config.name}")
    if wanted.instances is not None and endpoint.desired_instances not in (None, wanted.instances):
        found.append(f"the number of instances is {endpoint.desired_instances}, wanted is {wanted.instances}")
    for key, value in sorted(wanted.tags.items()):
        if endpoint.tags.get(key) != value:
            there = f"is {endpoint.tags[key]}" if key in endpoint.tags else "is gone"
            found.append(f"the tag {key} {there}, wanted is {value}")
    alarms = situation.seen.alarms
    if alarms is not None:
        missing = [alarm.name for alarm in wanted.alarms if alarm.name not in alarms]
        found += [f"the alarm {name} is gone" for name in missing]
    return found


def left_as_it_is(found: Finding) -> Finding:
    """The same, with what to do where it is only reported."""
    return replace(found, message=found.message + _NOT_CORRECTED)
