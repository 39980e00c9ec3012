"""What is seen of a Deployment in the cluster. Nothing here asks; everything is what one look has found."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from slipway.domain.cluster.marks import Manifest


class Api(NamedTuple):
    """A kind of object, as the API server knows it."""

    group: str
    """Empty: the core group."""
    version: str
    kind: str
    plural: str

    @property
    def api_version(self) -> str:
        """What a manifest says."""
        return f"{self.group}/{self.version}" if self.group else self.version


class ObjectRef(NamedTuple):
    """One object of the namespace."""

    kind: str
    name: str


@dataclass(frozen=True)
class Observation:
    """One look at the namespace."""

    objects: Mapping[ObjectRef, Manifest] = field(default_factory=dict)
    """Everything that carries the Deployment's label, and whatever stands under a name that is wanted."""
    pods: tuple[Manifest, ...] = ()
    """Every pod that carries the Deployment's label, those of Jobs included."""
    routed: frozenset[str] | None = None
    """Names of the pods that requests to the Service may reach now; None: there is no Service."""
    canary: frozenset[str] = frozenset()
    """Names of the pods that requests to the Service of a canary may reach now."""
    missing: frozenset[str] = frozenset()
    """Kinds that were asked about and that the cluster does not have."""
    forbidden: Mapping[str, str] = field(default_factory=dict)
    """Optional kinds that may not be listed, each with the API server's words."""

    @property
    def unusable(self) -> frozenset[str]:
        """Kinds that nothing is made of, and that nothing else relies on."""
        return self.missing | self.forbidden.keys()

    def of_kind(self, kind: str) -> dict[str, Manifest]:
        """The objects of a kind by name."""
        return {ref.name: manifest for ref, manifest in self.objects.items() if ref.kind == kind}


@dataclass(frozen=True)
class Diagnosis:
    """Why a revision's pods do not serve, in the pods' own words."""

    reason: str
    """CamelCase: Unschedulable, ImagePull, OutOfMemory, OutOfGpuMemory, GatedWeights, BadArguments, CrashLoop, …"""
    message: str
    """What is the case, the pod's own words among it, and what to do."""
    hopeless: bool = False
    """Whether waiting longer will not help: the roll has failed."""
    since: datetime | None = None
    """Since when, as far as the pods say."""
