"""What a plan is made from, and what it is."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from slipway.api.v1alpha1.deployment_status import Attempt, CheckStatus, EndpointStatus, RevisionStatus, Scaling
from slipway.domain.conditions import Finding
from slipway.domain.names import Owner
from slipway.domain.sagemaker.check import CheckRequest
from slipway.domain.sagemaker.desired import Desired
from slipway.domain.sagemaker.observation import Observation
from slipway.domain.sagemaker.steps import Step


@dataclass(frozen=True)
class Plan:
    """What to do, and what to say about it."""

    steps: tuple[Step, ...] = ()
    attempt: Attempt | None = None
    """Must be stored before the first step is executed."""
    reconciling: Finding | None = None
    stalled: Finding | None = None
    drifted: Finding | None = None
    """What somebody else has changed, while it differs."""
    tagged: bool = False
    """Whether everything was looked at, and carries the spec's tags."""
    look_again: bool = False
    """Whether the service is at work, so that the state will change by itself."""
    not_before: datetime | None = None
    """When a retry is due."""
    check: CheckRequest | None = None
    """A question to put to the endpoint. Instead of steps: the answer decides what comes next."""
    scaling: Scaling | None = None
    """The memory of a change of the number of instances; stored before the first step, like the attempt."""
    adopts: str | None = None
    """Production variant of an endpoint that is taken over: must be stored with the placement before the step."""

    @property
    def at_rest(self) -> bool:
        """Whether everything is as it is wanted."""
        return not (self.steps or self.check or self.reconciling or self.stalled or self.drifted)


@dataclass(frozen=True)
class Situation:
    """Everything that a plan depends on."""

    owner: Owner
    endpoint_name: str
    desired: Desired
    seen: Observation
    attempt: Attempt | None
    revision: RevisionStatus
    now: datetime
    capacity_delay: float = 300.0
    """Seconds; the N-th failure in a row for want of capacity waits N times as long."""
    trigger: str | None = None
    """Value of the reconcile-now annotation: a new one permits another try of what failed."""
    checked: CheckStatus | None = None
    """The last check."""
    remembered: EndpointStatus | None = None
    """The endpoint as the status has it."""
    scaling: Scaling | None = None
    """The last change of the number of instances that is not through yet."""
    made_alarms: tuple[str, ...] = ()
    """Names of the alarms that were made, as far as the status knows."""
    adopt: bool = False
    """Whether an endpoint that nobody owns may be taken over."""
    drift: Literal["Correct", "Report"] = "Correct"
    settled: bool = False
    """Whether everything was as wanted once, for this generation of the spec and this commit: what differs now,
    somebody else has changed."""

    @property
    def config(self) -> str:
        """Name of the wanted endpoint config."""
        return self.desired.config.name

    @property
    def touches_data_capture(self) -> bool:
        """Whether requests are captured now, or are to be: an update would else keep what is in force."""
        endpoint = self.seen.endpoint
        return (endpoint is not None and endpoint.captures_data) or self.desired.config.data_capture is not None

    @property
    def tried(self) -> Attempt | None:
        """The last attempt, if it was about the wanted config."""
        return self.attempt if self.attempt and self.attempt.config == self.config else None
