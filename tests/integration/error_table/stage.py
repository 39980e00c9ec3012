"""What the tests of the error table share: a neighbour that nothing may happen to, and what was sent how often."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from slipway.api.v1alpha1 import RECONCILE_NOW
from tests.testbed.cluster import Object
from tests.testbed.operator_process import OperatorProcess
from tests.testbed.sagemaker import Call
from tests.testbed.workbench import Workbench

SLOW = {"rejected_first": 3600, "rejected_longest": 3600}
"""What was refused is not asked again by itself, so that a condition stands until it was looked at, and the log shows
that one refusal was one request."""
TYPE = "ml.g5.2xlarge"


class Neighbour:
    """Another Deployment, of a pinned ModelVersion, that serves: what happens to `twin` is none of its business."""

    def __init__(self, bench: Workbench, commit: str) -> None:
        self._bench = bench
        bench.model_version("other", revision=commit, updates={"policy": "Pin"})
        bench.deployment("other", model="other")
        bench.wait_serving(commit, "other")
        self._object, self._resources = bench.get("Deployment", "other"), self._ours()

    def is_as_it_was(self) -> bool:
        """Whether nothing of it was changed, neither in the cluster nor in SageMaker."""
        return (self._bench.get("Deployment", "other"), self._ours()) == (self._object, self._resources)

    def serves(self) -> bool:
        """Whether it is Ready, whatever else is said about it, and nothing of it was changed in SageMaker."""
        ready = self._bench.condition("Deployment", "other", "Ready")
        return ready.get("status") == "True" and self._ours() == self._resources

    def _ours(self) -> list[Object]:
        found = [one for one in self._bench.sagemaker.resources() if one.tags.get("slipway.dev/name") == "other"]
        return [{"arn": one.arn, "tags": dict(one.tags)} for one in found]


@contextmanager
def staged(
    bench: Workbench, commit: str, *, serving: bool = False, harmless: bool = True, **settings: Any
) -> Iterator[tuple[OperatorProcess, Neighbour]]:
    """The operator, with a neighbour that serves; and, with `serving`, a `twin` that does. The log of calls is empty.

    In the end the neighbour must be as it was. `harmless` False: the trouble is everybody's, and the neighbour only
    has to serve as before.
    """
    with bench.operator(**settings) as operator:
        neighbour = Neighbour(bench, commit)
        bench.model_version()
        if serving:
            bench.deployment()
            bench.wait_serving(commit)
        bench.wait_reason("ModelVersion", "twin", "Ready", "Resolved")
        bench.sagemaker.clear_calls()
        yield operator, neighbour
        assert neighbour.is_as_it_was() if harmless else neighbour.serves()


def patch(bench: Workbench, change: Object) -> None:
    bench.cluster.patch("Deployment", bench.namespace, "twin", change)


def target(bench: Workbench, **fields: Any) -> None:
    """Change fields of spec.target.sageMaker."""
    patch(bench, {"spec": {"target": {"sageMaker": fields}}})


def ask_again(bench: Workbench) -> None:
    """What the messages call giving the annotation a new value."""
    patch(bench, {"metadata": {"annotations": {RECONCILE_NOW: "again"}}})


def passes_go_by(bench: Workbench, operator: OperatorProcess) -> None:
    """Three passes over the Deployment that have no reason to send anything."""
    for number in range(3):
        done = passes(bench, operator)
        patch(bench, {"metadata": {"labels": {"touched": str(number)}}})
        bench.wait(lambda done=done: passes(bench, operator) > done, "another pass")  # type: ignore[misc]


def passes(bench: Workbench, operator: OperatorProcess) -> float:
    return bench.metric(operator, "slipway_reconcile_total", kind="Deployment", result="done")


def said(bench: Workbench, reason: str) -> str:
    """The message of an event of `twin`, which tells of a condition that may have passed already."""

    def look() -> str:
        events = bench.cluster.list("Event", bench.namespace)
        ours = [one for one in events if one["involvedObject"]["name"] == "twin" and one["reason"] == reason]
        return ours[-1]["message"] if ours else ""

    return bench.wait(look, f"an event {reason}")


def calls(bench: Workbench, operation: str) -> list[Call]:
    return [call for call in bench.sagemaker.calls if call.operation == operation]


def outcomes(bench: Workbench, operation: str) -> list[str]:
    """What came of each request of an operation: "done", or the code of the refusal."""
    return [call.error or "done" for call in calls(bench, operation)]


def effects(bench: Workbench) -> Mapping[str, int]:
    """How often each operation has changed something since `staged`."""
    return Counter(call.operation for call in bench.sagemaker.mutations(effective=True))


def once_before(bench: Workbench, operation: str, act: Callable[[dict[str, Any]], None]) -> None:
    """Something happens between the operator's look and its next request of this operation."""
    waiting = [True]

    def hook(called: str, params: Mapping[str, Any], phase: str) -> None:
        if called == operation and phase == "before" and waiting:
            waiting.clear()
            act(dict(params))

    bench.sagemaker.on_call(hook)


def new_commit(bench: Workbench) -> str:
    """Another commit of the tracked branch."""
    return bench.hub.commit("acme/twin", {"README.md": b"# better\n"})
