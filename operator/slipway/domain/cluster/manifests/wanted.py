"""What a spec and a commit ask for in the cluster."""

from dataclasses import dataclass

from slipway.domain.cluster.marks import Manifest
from slipway.domain.served import ServedModel


@dataclass(frozen=True)
class Wanted:
    """The objects of one spec and one commit."""

    served: ServedModel
    image: str
    revision: str
    """Digest of the pods' template: what differs in it is another revision. Replicas are not part of it."""
    workload: Manifest
    """The apps/v1 Deployment of the revision, without replicas."""
    service: Manifest
    """The Service, without selector and annotations about a roll: these follow the roll."""
    beside: tuple[Manifest, ...]
    """What stands beside them whatever the revision: ServiceAccount, NetworkPolicy, PodDisruptionBudget, volume, …"""
    prefetch: Manifest | None = None
    """The Job that loads this commit into the cache; None: there is no cache."""
    optional: tuple[Manifest, ...] = ()
    """What is left out, and said so, where the cluster does not know it: routes, pools, monitors, autoscalers."""
    canary: Manifest | None = None
    """The Service of a canary, without selector; None: no route divides the requests between two Services."""
    url: str = ""
    """Base URL for OpenAI clients."""
    model: str = ""
    """What such clients give as `model`."""
