"""The steps that change something in the cluster. Each may be carried out twice."""

from dataclasses import dataclass

from slipway.domain.cluster.marks import Manifest


@dataclass(frozen=True)
class Apply:
    """Make this the part of an object that we own, by server-side apply.

    `resource_version`: of the object as it was seen; Conflict if it has changed meanwhile. None: it was not there.
    """

    manifest: Manifest
    resource_version: str | None = None
    whole: bool = False
    """Whether the lists of its spec lose what others have added: an apply alone leaves it there, as it is theirs.
    https://kubernetes.io/docs/reference/using-api/server-side-apply/#merge-strategy"""


@dataclass(frozen=True)
class Create:
    """Create an object, with fields that later applies leave out. That it exists by now is a Conflict.

    An apply must not do it: leaving out `replicas` in the next one would set it back to 1.
    """

    manifest: Manifest


@dataclass(frozen=True)
class Annotate:
    """Set annotations of an object that exists, or take them away (None), by a merge patch with resourceVersion."""

    kind: str
    name: str
    resource_version: str
    annotations: tuple[tuple[str, str | None], ...]


@dataclass(frozen=True)
class Scale:
    """Set the replicas of an apps/v1 Deployment, by its scale subresource.

    Replicas are in no applied manifest: under an autoscaler they are not ours, and a field that an apply leaves out is
    set back to 1: https://kubernetes.io/docs/reference/using-api/server-side-apply/#transferring-ownership
    """

    name: str
    replicas: int
    resource_version: str


@dataclass(frozen=True)
class Delete:
    """Delete an object that was seen with this uid; nothing if there is another one of its name by now."""

    kind: str
    name: str
    uid: str


Step = Apply | Create | Annotate | Scale | Delete
