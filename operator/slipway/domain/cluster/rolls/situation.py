"""What a plan for the cluster is made from, and what it is."""

from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Literal

from slipway.api.v1alpha1.deployment_status import CheckStatus
from slipway.api.v1alpha1.rollout import Rollout
from slipway.domain.cluster.apis import HTTP_ROUTE
from slipway.domain.cluster.looks import views
from slipway.domain.cluster.looks.fleet import Fleet
from slipway.domain.cluster.looks.memory import Failure
from slipway.domain.cluster.looks.observation import Diagnosis
from slipway.domain.cluster.manifests.wanted import Wanted
from slipway.domain.cluster.marks import REVISION_LABEL, Manifest, canary_name
from slipway.domain.cluster.optional.routes import weight_of
from slipway.domain.cluster.rolls.steps import Step
from slipway.domain.conditions import Finding


@dataclass(frozen=True)
class Question:
    """What is asked of a pod of a revision that gets no requests yet."""

    child: views.Child
    pod: views.Pod
    verify: bool
    """Whether it serves the pinned commit; else the user's prompt."""


@dataclass(frozen=True)
class Plan:
    """What to do, and what to say about it."""

    steps: tuple[Step, ...] = ()
    """Carried out one after the other, until one fails."""
    question: Question | None = None
    """Asked when the steps are done. What comes of it decides what is next."""
    failure: Failure | None = None
    """Why the wanted revision has failed, if it has."""
    reconciling: Finding | None = None
    stalled: Finding | None = None
    drifted: Finding | None = None
    asleep: Finding | None = None
    """Why no pod runs, where none should."""
    look_again: float | None = None
    """Seconds until something is due that no watch tells."""


@dataclass(frozen=True, kw_only=True)
class Situation(Fleet):
    """Everything that a plan depends on."""

    wanted: Wanted
    rollout: Rollout
    now: datetime
    replicas: int | None
    """spec.replicas; None: not ours to decide once something serves."""
    autoscaler: Manifest | None = None
    """Of the revision that serves; None: there is none."""
    least: int = 1
    """Replicas of a first start where spec.replicas says nothing."""
    checked: CheckStatus | None = None
    """The last check."""
    diagnosis: Diagnosis | None = None
    """What ails the wanted revision's pods."""
    loading: Diagnosis | None = None
    """What ails the Job that loads the weights."""
    trigger: str | None = None
    """Value of the reconcile-now annotation: a new one permits another try of what failed."""
    volume_problem: str | None = None
    """Why the volume that is there cannot become the one that is wanted."""
    rollout_digest: str = ""
    drain_wait: int = 10
    """Seconds until everybody who routes requests has heard of a change."""
    drift: Literal["Correct", "Report"] = "Correct"

    @property
    def serving_revision(self) -> str | None:
        """Digest of the revision that has proved itself."""
        return self.serving.revision if self.serving else None

    @property
    def in_canary(self) -> str | None:
        """Digest of the revision that the Service of a canary selects, if there is one."""
        found = self.seen.of_kind("Service").get(canary_name(self.subject.name))
        return ((found["spec"].get("selector") or {}).get(REVISION_LABEL)) if found else None

    @property
    def canary_weight(self) -> Fraction | None:
        """Share of what comes by the route that it leads to the Service of a canary, as it is. None: there is none."""
        name = self.subject.name
        route = self.seen.of_kind(HTTP_ROUTE.kind).get(name)
        return weight_of(route, canary_name(name)) if route else None

    def is_led_to(self, revision: str) -> bool:
        """Whether the route leads requests to this revision, past the Service."""
        return self.in_canary == revision and bool(self.canary_weight)

    def pod_to_ask(self, child: views.Child) -> views.Pod | None:
        """A ready pod of a revision: if one cannot be reached, another is asked the next time. None: none is ready."""
        ready = self.ready_of(child.revision)
        return ready[int(self.now.timestamp()) % len(ready)] if ready else None

    @property
    def coming(self) -> views.Child | None:
        """The wanted revision."""
        return self.children.get(self.wanted.revision)
