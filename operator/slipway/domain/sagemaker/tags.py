"""The tags of spec.target.sageMaker.tags on what is there: pure, like `plan`.

Tags are no part of a name, so a change of them rolls nothing. They are put on everything that is created, and brought
to the spec on what is there already. Only keys that this or an earlier spec has named are ever touched: what others
add stays. The status remembers those keys: `tags` while everything is as the spec says, `changingTags` from before the
first change until the last, because a process may be killed in between.

The alarms that belong to an endpoint may be handed to `tag_steps` as further things once there are any.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from slipway.api.v1alpha1.deployment_status import EndpointStatus
from slipway.domain.sagemaker.steps import SetTags

Tags = Mapping[str, str]


@dataclass(frozen=True)
class TagMemory:
    """What the status must say about tags; to be stored before a step is executed."""

    tags: dict[str, str] | None
    """The spec's tags as they are on everything; None: none were put."""
    changing: list[str] | None
    """Keys that may be on something already, or still; None: nothing is being changed."""


def tags_due(remembered: EndpointStatus | None, wanted: Tags) -> bool:
    """Whether the spec's tags may not be on everything yet. `remembered`: the endpoint, from the status."""
    if remembered is None:
        return bool(wanted)
    return bool(remembered.changing_tags) or (remembered.tags or {}) != wanted


def tag_steps(remembered: EndpointStatus | None, wanted: Tags, things: Mapping[str, Tags]) -> tuple[SetTags, ...]:
    """What brings the tags of `things` (by ARN) to the spec; nothing where they are as it says.

    A key that was once in the spec and no longer is goes away.
    """
    gone = _ever_named(remembered) - wanted.keys()
    found = []
    for arn, tags in sorted(things.items()):
        put = {key: value for key, value in wanted.items() if tags.get(key) != value}
        remove = tuple(sorted(gone & tags.keys()))
        if put or remove:
            found.append(SetTags(arn, put, remove))
    return tuple(found)


def remembered_tags(before: EndpointStatus | None, wanted: Tags, *, done: bool) -> TagMemory:
    """What the status must say once `wanted` is what the spec asks for. `done`: that is on everything."""
    if done or not tags_due(before, wanted):
        return TagMemory(dict(wanted) or None, None)
    return TagMemory(before.tags if before else None, sorted(wanted.keys() | _ever_named(before)))


def kept_tags(before: EndpointStatus | None) -> TagMemory:
    """The memory as it is, where nothing was found out about tags."""
    return TagMemory(before.tags, before.changing_tags) if before else TagMemory(None, None)


def _ever_named(remembered: EndpointStatus | None) -> set[str]:
    """Keys that an earlier spec may have put."""
    return {*((remembered.tags if remembered else None) or {}), *_in_change(remembered)}


def _in_change(remembered: EndpointStatus | None) -> set[str]:
    return set((remembered.changing_tags if remembered else None) or ())
