"""What Ready and the counts say of a Deployment in the cluster: whether its Service answers, whatever the spec says."""

from copy import deepcopy
from typing import Any

import pytest

from slipway.domain.cluster.looks.observation import Observation
from slipway.domain.errors import Rejected, Transient
from tests.testbed.fakes.kube_objects import Place
from tests.unit.domain.builders import A, B
from tests.unit.reconcilers.test_cluster import CHECK, Life

INVALID = {"deletionPolicy": "Retain"}
"""A change that the checks refuse in the cluster."""
MENDED = {"deletionPolicy": None}
SERVICE = Place("ml", "Service", "twin")


class Watched(Life):
    """Whoever reads every status that is written."""

    def __init__(self, **timing: float) -> None:
        super().__init__(**timing)
        self.statuses: list[dict[str, Any]] = []
        """With the names of the pods that the Service reached at that moment, as `reached`."""
        apply = self.kube.apply_status

        async def watched(*arguments: Any) -> Any:
            written = await apply(*arguments)
            self.statuses.append(deepcopy(written["status"]) | {"reached": self.reached()})
            return written

        self.kube.apply_status = watched  # type: ignore[method-assign]

    def serve(self, **spec: Any) -> "Watched":
        self.begin(**spec)
        self.rest()
        assert self.reasons() == {"Ready": "Serving"}
        return self

    def reached(self) -> set[str]:
        """Commits that requests reach, as the Endpoints of the Service say."""
        self.cluster.nodes.run()
        endpoints = self.cluster.objects.get(Place("ml", "Endpoints", "twin")) or {}
        names = {a["targetRef"]["name"] for s in endpoints.get("subsets") or [] for a in s.get("addresses") or []}
        pods = [pod for pod in self.cluster.objects.each("Pod", "ml") if pod["metadata"]["name"] in names]
        return {commit for commit in (A, B) for pod in pods if commit in str(pod["spec"])}

    def unready(self, *, commit: str = A) -> None:
        for pod in self.cluster.objects.each("Pod", "ml"):
            if commit in str(pod["spec"]):
                self.cluster.nodes.unready("ml", pod["metadata"]["name"])
        self.cluster.nodes.run()

    def some_passes(self, number: int = 1) -> None:
        for _ in range(number):
            self.deliver()
            self.one_pass()


def ready(status: dict[str, Any]) -> tuple[str, str, str]:
    found = next(one for one in status["conditions"] if one["type"] == "Ready")
    return found["status"], found["reason"], found["message"]


class TestASpecThatIsRefused:
    def test_what_serves_is_still_said_to(self) -> None:
        life = Watched().serve()
        life.edit(**INVALID)
        life.some_passes(3)
        assert life.reasons() == {"Ready": "Serving", "Stalled": "InvalidSpec"}
        assert (life.live.status.replicas, life.live.status.ready_replicas) == (2, 2)

    def test_pods_that_go_are_noticed(self) -> None:
        life = Watched().serve()
        life.edit(**INVALID)
        life.some_passes()
        steps = len(life.cluster.steps)
        life.unready()
        life.some_passes()
        assert ready(life.statuses[-1])[:2] == ("False", "NoPodReady")
        assert "deletionPolicy" not in life.message("Ready")  # that is not what ails the pods
        assert life.reasons()["Stalled"] == "InvalidSpec"
        assert (life.live.status.replicas, life.live.status.ready_replicas) == (2, 0)
        life.cluster.nodes.settle()
        life.some_passes()
        assert life.reasons() == {"Ready": "Serving", "Stalled": "InvalidSpec"}
        assert len(life.cluster.steps) == steps

    def test_the_count_follows_what_others_do_to_the_pods(self) -> None:
        life = Watched().serve()
        life.edit(**INVALID)
        life.some_passes()
        (child,) = life.cluster.objects.each("Deployment", "ml")
        life.cluster.objects.merge(Place("ml", "Deployment", child["metadata"]["name"]), {"spec": {"replicas": 0}})
        life.cluster.nodes.settle()
        life.some_passes()
        status = life.live.status
        assert (life.reasons()["Ready"], status.replicas, status.ready_replicas) == ("NoPodReady", 0, 0)

    def test_a_service_that_is_gone_is_not_made_anew_and_nobody_answers(self) -> None:
        life = Watched().serve()
        life.edit(**INVALID)
        life.cluster.objects.delete(SERVICE)
        steps = len(life.cluster.steps)
        life.some_passes(2)
        assert life.reasons() == {"Ready": "NoPodReady", "Stalled": "InvalidSpec"}
        assert "it is gone" in life.message("Ready")
        assert len(life.cluster.steps) == steps
        life.edit(**MENDED)
        life.rest()
        assert life.reasons() == {"Ready": "Serving"}

    def test_a_revision_that_is_gone_is_not_forgotten(self) -> None:
        life = Watched().serve()
        life.edit(**INVALID)
        (child,) = life.cluster.objects.each("Deployment", "ml")
        life.cluster.objects.delete(Place("ml", "Deployment", child["metadata"]["name"]))
        life.cluster.nodes.settle()
        life.some_passes(2)
        status = life.live.status
        assert life.reasons() == {"Ready": "NoPodReady", "Stalled": "InvalidSpec"}
        assert status.revision.serving
        assert (status.revision.serving.revision, status.replicas, status.ready_replicas) == (A, 0, 0)

    def test_at_rest_nothing_is_written_and_a_former_look_will_do(self) -> None:
        life = Watched().serve()
        life.edit(**INVALID)
        life.some_passes()
        looks = looks_of(life)
        writes = life.kube.writes
        life.some_passes(3)
        assert life.kube.writes == writes
        assert looks == [True] * 3

    def test_what_was_never_made_is_not_looked_at(self) -> None:
        life = Watched()
        life.begin(**INVALID)
        looks = looks_of(life)
        life.some_passes(2)
        assert looks == []
        assert life.reasons() == {"Ready": "InvalidSpec", "Stalled": "InvalidSpec"}

    @pytest.mark.parametrize(
        ("error", "said"),
        [
            (Transient("ApiServerUnreachable", "no answer"), {"Reconciling": "ApiServerUnreachable"}),
            (Rejected("ApiServerRefused", "no right to list pods"), {"Stalled": "ApiServerRefused"}),
        ],
    )
    def test_a_look_that_fails_takes_nothing_back(self, error: Any, said: dict[str, str]) -> None:
        life = Watched().serve()
        life.edit(**INVALID)
        life.unready()
        life.some_passes()
        assert life.reasons()["Ready"] == "NoPodReady"
        life.cluster.fail("observe", error)
        life.some_passes()
        assert life.reasons() == {"Ready": "NoPodReady", "Stalled": "InvalidSpec"} | said
        life.some_passes()  # held back
        assert life.reasons() == {"Ready": "NoPodReady", "Stalled": "InvalidSpec"} | said
        life.clock.seconds += 600
        life.some_passes()
        assert life.reasons() == {"Ready": "NoPodReady", "Stalled": "InvalidSpec"}


def looks_of(life: Life) -> list[bool]:
    """Of each look from now on, whether a former one would do."""
    found: list[bool] = []
    observe = life.cluster.observe

    async def watched(namespace: str, name: str, names: Any, kinds: Any, *, at_rest: bool = False) -> Observation:
        found.append(at_rest)
        return await observe(namespace, name, names, kinds, at_rest=at_rest)

    life.cluster.observe = watched  # type: ignore[method-assign]
    return found


ROLLS: dict[str, dict[str, Any]] = {
    "Rolling": {"strategy": "Rolling"},
    "BlueGreen": {"strategy": "BlueGreen"},
    "Canary": {"blueGreen": {"shift": "Canary", "stepPercent": 50}},
    "Linear": {"blueGreen": {"shift": "Linear", "stepPercent": 25}},
    "Recreate": {"strategy": "Recreate"},
}


class TestARoll:
    @pytest.mark.parametrize("strategy", [name for name in ROLLS if name != "Recreate"])
    def test_it_is_ready_all_the_time_and_names_who_answers(self, strategy: str) -> None:
        life = Watched().serve(rollout=ROLLS[strategy] | CHECK)
        life.statuses.clear()
        life.resolve(B)
        life.rest()
        said = [ready(status) for status in life.statuses]
        assert {entry[:2] for entry in said} == {("True", "Serving")}
        assert said[-1][2] == f"acme/twin at {B} serves"
        for (_, _, text), status in zip(said, life.statuses, strict=True):
            assert {commit for commit in (A, B) if commit in text} == status["reached"]
        assert all(status["readyReplicas"] for status in life.statuses)

    def test_recreate_says_that_nobody_answers_meanwhile(self) -> None:
        life = Watched().serve(rollout=ROLLS["Recreate"])
        life.statuses.clear()
        life.resolve(B)
        life.rest()
        said = [ready(status)[:2] for status in life.statuses]
        assert set(said) == {("True", "Serving"), ("False", "NoPodReady")}
        assert said[-1] == ("True", "Serving")
        for entry, status in zip(said, life.statuses, strict=True):
            assert (entry[0] == "True") == bool(status["reached"]), (entry, status)

    def test_an_autoscalers_zero_is_no_roll(self) -> None:
        life = Watched().serve(
            replicas=None,
            autoscaling={
                "provider": "KEDA",
                "minReplicas": 0,
                "maxReplicas": 2,
                "prometheus": "http://prometheus:9090",
            },
        )
        (child,) = life.cluster.objects.each("Deployment", "ml")
        life.cluster.objects.merge(Place("ml", "Deployment", child["metadata"]["name"]), {"spec": {"replicas": 0}})
        life.cluster.nodes.settle()
        life.rest()
        assert ready(life.statuses[-1])[:2] == ("True", "ScaledToZero")
        assert "autoscaler" in life.message("Ready")


def test_a_service_somebody_deleted_answers_nobody_until_it_is_back() -> None:
    life = Watched().serve()
    life.statuses.clear()
    life.cluster.objects.delete(SERVICE)
    life.rest()
    assert [ready(status)[:2] for status in life.statuses] == [("False", "NoPodReady"), ("True", "Serving")]
