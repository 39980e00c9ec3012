"""What was measured of one subject with one number of objects."""

from dataclasses import dataclass, field

from tests.bench.process import Usage
from tests.bench.throughput import Throughput


@dataclass(frozen=True)
class FirstPass:
    """From the start of a process to the moment when every object has been dealt with."""

    subject: str
    objects: int
    from_start: float
    """Seconds from the start of the process, its imports included. The end is the API server's answer to the
    last object's first status write; where nothing is written, the end of the last pass (to 0.1 s)."""
    from_watch: float
    """The same from the moment when the process has done its imports and begins to list."""
    usage: Usage
    """Until it had written nothing (and made no pass) for three seconds after that."""
    cpu_start: float
    """CPU seconds that went into the imports, to a tenth of a second."""
    writes: dict[str, int]
    """Writes to the API server by verb and resource, from its audit log."""
    reads: dict[str, int]
    """Reads of Slipway's resources by verb, from the API server's counters."""
    sagemaker: dict[str, int] = field(default_factory=dict)
    """Calls to SageMaker by operation."""
    sagemaker_mutating: int = 0
    passes: int | None = None

    @property
    def writes_total(self) -> int:
        """All writes to the API server, refused ones too."""
        return sum(self.writes.values())


@dataclass(frozen=True)
class AtRest:
    """A window in which nothing happens."""

    objects: int
    seconds: float
    writes: dict[str, int]
    sagemaker: dict[str, int]
    """Calls in the window, by operation."""
    sagemaker_mutating: int
    cpu_share: float
    """Share of one core."""
    passes: int

    def per_minute(self) -> dict[str, float]:
        """The calls to SageMaker."""
        return {operation: count * 60 / self.seconds for operation, count in self.sagemaker.items()}


@dataclass(frozen=True)
class WholeOperator:
    """The figures of `python -m slipway run`."""

    restart: FirstPass
    rest: AtRest
    double: Throughput


@dataclass(frozen=True)
class Round:
    """Everything about one number of objects."""

    objects: int
    kopf: FirstPass
    loop: FirstPass
    operator: WholeOperator


@dataclass(frozen=True)
class CallRate:
    """The calls to AWS that reached one account and region in a window."""

    account: str
    region: str
    per_minute: dict[str, float]
    """On average, by operation."""
    busiest_minute: int
    """The most of all operations together within any 60 seconds."""
    mutating: int


@dataclass(frozen=True)
class Noticed:
    """Something that somebody did to an endpoint, and what came of it."""

    what: str
    """config, count or deletion."""
    deployment: str
    seconds: float | None
    """From then until a condition says so; None: nobody noticed within the time that the bench waits."""
    reasons: dict[str, str]
    """Those conditions with their reasons."""


@dataclass(frozen=True)
class Noticing:
    """The operator at rest with its default settings, and what it notices."""

    objects: int
    seed: int
    """Of the choice of endpoints and moments."""
    restart: FirstPass
    changes: list[Noticed]
    deletions: list[Noticed]
    seconds: float
    """How long it was left alone after that."""
    rates: list[CallRate]
    orphan_searches: int
    """Searches for orphans that ended in that time."""
    orphan_calls: int
    """Calls of theirs that no other part makes (ListModels, ListEndpointConfigs) in that time."""
    passes: int
    secret_reads: int
    writes: dict[str, int]
    cpu_share: float
    """Share of one core in that time."""
    usage: Usage
    """Until its end."""
