"""Prometheus metrics of the operator itself."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from slipway.loop.queue import WorkQueue


class Metrics:
    """All metrics of one process. Each instance has a registry of its own, so that tests do not share them."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.passes = Counter(
            "slipway_reconcile",
            "Passes over an object.",
            ["kind", "result"],
            registry=self.registry,
        )
        self.seconds = Histogram(
            "slipway_reconcile_seconds",
            "Duration of a pass.",
            ["kind"],
            buckets=(0.005, 0.02, 0.1, 0.5, 2, 10, 60),
            registry=self.registry,
        )
        self.kube_writes = Counter(
            "slipway_kubernetes_writes",
            "Writes to the API server.",
            ["what"],
            registry=self.registry,
        )
        self.aws_requests = Counter(
            "slipway_aws_requests",
            "Requests to AWS; outcome is ok or the reason of the refusal.",
            ["operation", "outcome"],
            registry=self.registry,
        )
        self.events_dropped = Counter(
            "slipway_events_dropped", "Events that could not be recorded.", registry=self.registry
        )
        self.missed = Counter(
            "slipway_watch_missed",
            "Objects whose change the watch had not delivered when the sweep found it.",
            ["kind"],
            registry=self.registry,
        )
        self.conditions = Counter(
            "slipway_condition_transitions",
            "Conditions that appeared or changed.",
            ["kind", "type", "reason"],
            registry=self.registry,
        )

        self.endpoint_list_age = Gauge(
            "slipway_endpoint_list_age_seconds",
            "Time since the last successful ListEndpoints of a region; role is empty for the operator's own identity.",
            ["region", "account", "role"],
            registry=self.registry,
        )
        self.orphans = Gauge(
            "slipway_orphans",
            "Things in AWS of this installation without a Deployment (orphaned), or left on purpose (retained).",
            ["kind", "account", "region", "state"],
            registry=self.registry,
        )
        self.orphan_sweeps = Counter(
            "slipway_orphan_sweeps",
            "Searches for orphans in a region; outcome is ok or the reason why one came to nothing.",
            ["region", "outcome"],
            registry=self.registry,
        )
        self._list_ages: dict[tuple[str, str, str], Callable[[], float]] = {}

    def show_list_age(self, region: str, account: str, role: str, age: Callable[[], float]) -> Callable[[], None]:
        """Show the age of a list of endpoints when asked. Returns what takes it away again."""
        labels = region, account, role
        self.endpoint_list_age.labels(*labels).set_function(age)
        self._list_ages[labels] = age

        def hide() -> None:
            if self._list_ages.get(labels) is age:  # and no other list has come in its place
                del self._list_ages[labels]
                self.endpoint_list_age.remove(*labels)

        return hide

    def watch_queue(self, queue: WorkQueue) -> None:
        """Show the queue's depth and age when asked."""
        depth = Gauge("slipway_queue_depth", "Objects that wait for a worker.", registry=self.registry)
        depth.set_function(lambda: queue.depth)
        age = Gauge(
            "slipway_queue_longest_wait_seconds",
            "How long the oldest of them has waited.",
            registry=self.registry,
        )
        age.set_function(queue.longest_wait)
