"""The revisions of one Deployment, their pods and their Service, as one look has found them: whatever the spec says."""

from dataclasses import dataclass
from functools import cached_property

from slipway.domain.cluster.looks import views
from slipway.domain.cluster.looks.observation import ObjectRef, Observation
from slipway.domain.cluster.subject import Subject


@dataclass(frozen=True)
class Fleet:
    """What runs, and who gets requests."""

    subject: Subject
    seen: Observation
    remembered: str | None = None
    """Name of the apps/v1 Deployment that served at the last look: for a Service that was deleted, or has lost it."""

    @cached_property
    def children(self) -> dict[str, views.Child]:
        """The revisions by digest."""
        return views.children(self.seen, self.subject.uid)

    @cached_property
    def pods(self) -> tuple[views.Pod, ...]:
        """Every pod of every revision that holds resources."""
        return views.pods(self.seen)

    @cached_property
    def routing(self) -> views.Routing | None:
        """The Service."""
        return views.routing(self.seen, self.subject.name, self.subject.uid)

    @property
    def serving(self) -> views.Child | None:
        """The revision that has proved itself, if it is still there."""
        if self.routing and self.routing.serving:
            return self.children.get(self.routing.serving)
        if self.routing is None and ObjectRef("Service", self.subject.name) in self.seen.objects:
            return None  # somebody else's has its name, and whoever asks it does not reach us
        known = (child for child in self.children.values() if child.name == self.remembered)
        return next((child for child in known if child.failure is None), None)

    @property
    def rolls(self) -> bool:
        """Whether a roll is under way, as far as the Service remembers."""
        return self.routing is not None and self.routing.progress is not None

    @property
    def counted(self) -> views.Child | None:
        """The revision whose pods are counted for the user: the one that the Service selects.

        While two share the requests, the one that has served before, for as long as it should have pods; before
        anything serves, the one that comes.
        """
        alone = self.children.get(self.routing.selected or "") if self.routing else None
        if alone:
            return alone
        progress = self.routing.progress if self.routing else None
        coming = self.children.get(progress.to) if progress else None
        serving = self.serving
        return serving if serving and (serving.replicas or coming is None) else coming

    @property
    def reached(self) -> list[views.Pod]:
        """The ready pods that the Service's selector lets requests reach; none without a Service."""
        if self.routing is None:
            return []
        selected = self.routing.selected
        return [pod for pod in self.pods if pod.ready] if selected is None else self.ready_of(selected)

    def pods_of(self, revision: str) -> list[views.Pod]:
        """Pods of one revision, those that are leaving among them."""
        return [pod for pod in self.pods if pod.revision == revision]

    def ready_of(self, revision: str) -> list[views.Pod]:
        """Pods of one revision that can answer."""
        return [pod for pod in self.pods_of(revision) if pod.ready]
