"""The words for what can be wrong, and what one finding consists of."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum, StrEnum


class Reason(StrEnum):
    """A word for programs. The order is that of precedence: what tells more of a cause comes first.

    What an engine said about itself tells most; what happened to a pod before it ran tells less; and that a pod is gone
    only matters while nothing else is known. docs/diagnosis.md has all of them.
    """

    BAD_ARGUMENTS = "BadArguments"
    UNSUPPORTED_MODEL = "UnsupportedModel"
    UNSUPPORTED_GPU = "UnsupportedGpu"
    GPU_NOT_VISIBLE = "GpuNotVisible"
    GATED_WEIGHTS = "GatedWeights"
    WEIGHTS_NOT_FOUND = "WeightsNotFound"
    WEIGHTS_DAMAGED = "WeightsDamaged"
    WEIGHTS_NOT_CACHED = "WeightsNotCached"
    OUT_OF_SHARED_MEMORY = "OutOfSharedMemory"
    OUT_OF_GPU_MEMORY = "OutOfGpuMemory"
    OUT_OF_MEMORY = "OutOfMemory"
    OUT_OF_DISK = "OutOfDisk"
    NOT_WRITABLE = "NotWritable"
    GPU_FAULT = "GpuFault"
    HUB_RATE_LIMITED = "HubRateLimited"
    HUB_UNAVAILABLE = "HubUnavailable"
    HUB_UNREACHABLE = "HubUnreachable"
    CONTAINER_CONFIG = "ContainerConfig"
    CONTAINER_START = "ContainerStart"
    IMAGE_PULL = "ImagePull"
    STARTUP_TIMED_OUT = "StartupTimedOut"
    CRASH_LOOP = "CrashLoop"
    WEIGHTS_NOT_LOADED = "WeightsNotLoaded"
    POD_REFUSED = "PodRefused"
    QUOTA_EXCEEDED = "QuotaExceeded"
    VOLUME_NOT_READY = "VolumeNotReady"
    UNSCHEDULABLE = "Unschedulable"
    CONTAINER_CREATING = "ContainerCreating"
    REFUSED_BY_NODE = "RefusedByNode"
    EVICTED = "Evicted"
    PREEMPTED = "Preempted"
    NODE_LOST = "NodeLost"


PRECEDENCE = {reason: place for place, reason in enumerate(Reason)}


class Patience(Enum):
    """How long something is waited for before there is no hope left."""

    NONE = 0
    """The same will happen again, however often it is tried."""
    SOME = 1
    """It may pass, but not as a rule: a few tries tell."""
    ALL = 2
    """It passes by itself, or when somebody does something elsewhere."""


@dataclass(frozen=True)
class Cause:
    """One thing that is wrong with one pod, or with what makes pods."""

    reason: Reason
    what: str
    """What is the case, without a subject: `cannot be scheduled`."""
    speaker: str = ""
    """Whose words these are: `the scheduler says`."""
    words: str = ""
    """Somebody else's words, clean and without secrets."""
    advice: str = ""
    """What to do, as one or two sentences; empty where the words say it all."""
    patience: Patience = Patience.ALL
    since: datetime | None = None
    """Since when, as far as the pod says."""
    restarts: int = 0
    """How often its container has been started again."""
