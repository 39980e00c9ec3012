"""Any order of wishes, faults, crashes and other people's doings: it comes to rest, nothing unproven is served, and as
long as nobody interferes and nothing breaks, somebody always answers.

HYPOTHESIS_PROFILE=unshrunk tries others than those of every run.
"""

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from slipway.domain.cluster.cache.progress import State, loading
from slipway.domain.cluster.looks.observation import Diagnosis
from slipway.domain.cluster.questions import Answer, PodRequest
from slipway.domain.cluster.rolls.steps import Step
from slipway.domain.cluster.subject import marked
from tests.testbed.fakes.cluster import engine_answer
from tests.testbed.fakes.controllers import owner_of
from tests.testbed.fakes.kube_objects import Place
from tests.unit.domain.cluster.rolls.test_plan import CHECK, STRATEGIES
from tests.unit.domain.cluster.rolls.world import SUBJECT, World, commit, wanted

Found = TypeVar("Found")
LONGEST = 120
"""Passes until everything is at rest: the longest plan has eleven stages, each of a few passes."""
ROLLOUTS = [STRATEGIES[name] | CHECK for name in STRATEGIES] + [{}]
INTERFERENCE = 3
"""Passes after which everything that others have done is undone, as far as requests go."""
SERVICE = Place("ml", "Service", "twin")
CANARY = Place("ml", "Service", "twin-canary")
SCALER = Place("ml", "HorizontalPodAutoscaler", "twin")
AUTOSCALER = marked(
    {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": SUBJECT.metadata("twin"),
        "spec": {"maxReplicas": 9},
    }
)


class Killed(Exception):  # not an error of the program: the process ends here
    """The operator's process dies."""


class Machine(RuleBasedStateMachine):
    """A Deployment in a cluster where anything may happen."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.world = World()
        self.broken: set[str] = set()
        """Commits whose pods never become ready, and say why."""
        self.silent: set[str] = set()
        """Commits whose engines answer nothing."""
        self.gated: set[str] = set()
        """Commits that the Hub gives to nobody."""
        self.proven: set[str] = set()
        """Commits that may get requests: they have answered, or nobody wanted to ask them."""
        self.disturbed = 0
        """Passes for which requests may go astray, after somebody else has had a hand in them."""
        self.interrupts = False
        """Whether strategy Recreate has been asked for since everything was at rest."""
        self.world.cluster.answer = self.answer
        self.foreign = {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": "somebody", "namespace": "ml"},
        }
        self.world.cluster.objects.create(self.foreign)

    def run(self, doing: Coroutine[Any, Any, Found]) -> Found:
        return self.loop.run_until_complete(doing)

    def teardown(self) -> None:
        self.loop.close()

    def answer(self, pod: dict[str, Any], request: PodRequest) -> Answer:
        told = pod["spec"]["containers"][0]["env"][0]["value"]
        if request.path == "/generate":
            if told in self.silent:
                return Answer(b'{"generated_text": ""}', 0.1, status=200)
            self.proven.add(told)
        return engine_answer(pod, request)

    @initialize(rollout=st.sampled_from(ROLLOUTS), replicas=st.sampled_from([None, 1, 2, 4]), cache=st.booleans())
    def begin(self, rollout: dict[str, Any], replicas: int | None, cache: bool) -> None:
        self.world.replicas, self.world.cache = replicas, cache
        self.another_way(rollout)

    @rule(number=st.integers(1, 5))
    def another_commit(self, number: int) -> None:
        self.world.commit = number

    @rule(replicas=st.sampled_from([None, 0, 1, 2, 3, 5]))
    def another_count(self, replicas: int | None) -> None:
        self.world.replicas = replicas
        self.world.autoscaler = None
        self.disturbed = max(self.disturbed, 1 if replicas == 0 else 0)

    @rule()
    def autoscaling(self) -> None:
        self.world.replicas, self.world.autoscaler = None, AUTOSCALER

    @rule(count=st.integers(1, 5))
    def the_load_changes(self, count: int) -> None:
        serving = self.run(self.world.look()).serving
        if serving and self.world.cluster.objects.get(SCALER):
            self.world.cluster.objects.merge(Place("ml", "Deployment", serving.name), {"spec": {"replicas": count}})

    @rule(route=st.booleans())
    def by_route(self, route: bool) -> None:
        self.world.route = route

    @rule(drift=st.sampled_from(["Correct", "Report"]))
    def another_policy(self, drift: Any) -> None:
        self.world.drift = drift

    @rule(rollout=st.sampled_from(ROLLOUTS))
    def another_way(self, rollout: dict[str, Any]) -> None:
        self.world.rollout = rollout
        self.interrupts |= rollout.get("strategy") == "Recreate"

    @rule(trigger=st.sampled_from([None, "a", "b"]))
    def reconcile_now(self, trigger: str | None) -> None:
        self.world.trigger = trigger

    @rule(number=st.integers(1, 5))
    def breaks(self, number: int) -> None:
        self.broken ^= {commit(number)}
        self.disturbed = INTERFERENCE

    @rule(number=st.integers(1, 5))
    def is_gated(self, number: int) -> None:
        self.gated ^= {commit(number)}

    @rule(number=st.integers(1, 5))
    def falls_silent(self, number: int) -> None:
        self.silent ^= {commit(number)}

    @rule(minutes=st.integers(1, 40))
    def time_passes(self, minutes: int) -> None:
        self.world.now += timedelta(minutes=minutes)

    @rule(passes=st.integers(1, 6))
    def work(self, passes: int) -> None:
        for _ in range(passes):
            self._pass()

    @rule(number=st.integers(1, 4), after=st.booleans())
    def work_and_die(self, number: int, after: bool) -> None:
        left = number

        def die(step: Step) -> None:
            nonlocal left
            left -= 1
            if left <= 0:
                raise Killed

        cluster = self.world.cluster
        if after:
            cluster.after_write = die
        else:
            cluster.before_write = die
        try:
            for _ in range(6):
                self._pass()
        except Killed:
            pass
        finally:
            cluster.before_write = cluster.after_write = lambda step: None

    @rule(lost=st.just(None))
    def the_status_is_lost(self, lost: None) -> None:
        self.world.checked = self.world.remembered = lost
        self.disturbed = max(self.disturbed, INTERFERENCE if self.world.cluster.objects.get(SERVICE) is None else 0)

    @rule(data=st.data(), count=st.integers(0, 4))
    def somebody_scales(self, data: st.DataObject, count: int) -> None:
        name = self._any("Deployment", data)
        if name:
            self.world.cluster.objects.merge(Place("ml", "Deployment", name), {"spec": {"replicas": count}})
            self.disturbed = INTERFERENCE

    @rule(data=st.data())
    def somebody_edits_a_template(self, data: st.DataObject) -> None:
        name = self._any("Deployment", data)
        there = self.world.cluster.objects.get(Place("ml", "Deployment", name)) if name else None
        if name and there:
            (container,) = there["spec"]["template"]["spec"]["containers"]
            env = [*(one for one in container["env"] if one["name"] != "EXTRA"), {"name": "EXTRA", "value": "1"}]
            patch = {"spec": {"template": {"spec": {"containers": [{**container, "env": env}]}}}}
            self.world.cluster.objects.merge(Place("ml", "Deployment", name), patch)

    @rule(port=st.integers(81, 83))
    @precondition(lambda self: self.world.cluster.objects.get(SERVICE) is not None)
    def somebody_edits_the_service(self, port: int) -> None:
        ports = [{"name": "http", "port": port, "targetPort": "http", "protocol": "TCP"}]
        self.world.cluster.objects.merge(SERVICE, {"spec": {"ports": ports}})

    @rule(
        data=st.data(),
        kind=st.sampled_from(
            [
                "Deployment",
                "Service",
                "ServiceAccount",
                "Job",
                "PersistentVolumeClaim",
                "HorizontalPodAutoscaler",
                "HTTPRoute",
            ]
        ),
    )
    def somebody_deletes(self, data: st.DataObject, kind: str) -> None:
        name = self._any(kind, data)
        if name and name != "somebody":
            self.world.cluster.objects.delete(Place("ml", kind, name))
            self.disturbed = INTERFERENCE

    @rule(number=st.integers(1, 5))
    @precondition(lambda self: self.world.cluster.objects.get(Place("ml", "Service", "twin")) is not None)
    def somebody_routes(self, number: int) -> None:
        selector = {"slipway.dev/revision": wanted(number).revision}
        self.world.cluster.objects.merge(SERVICE, {"spec": {"selector": selector}})
        self.disturbed = INTERFERENCE

    def _any(self, kind: str, data: st.DataObject) -> str | None:
        names = sorted(item["metadata"]["name"] for item in self.world.cluster.objects.each(kind, "ml"))
        return data.draw(st.sampled_from(names)) if names else None

    def _pass(self) -> None:
        world = self.world
        ails = commit(world.commit) in self.broken
        world.diagnosis = Diagnosis("CrashLoop", "it ends again and again", hopeless=True) if ails else None
        if "check" not in world.rollout:
            self.proven.add(commit(world.commit))
        before = self.run(world.gets_requests())
        found = self.run(world.step())
        self._nodes()
        self._look_at_requests(before)
        if not found.steps and not found.question and found.look_again:
            world.now += timedelta(seconds=found.look_again)

    def _look_at_requests(self, before: set[str]) -> None:
        """Who gets requests has proved itself; and if there was somebody, there still is."""
        self.disturbed -= 1 if self.disturbed else 0
        if self.disturbed:
            return
        now = self.run(self.world.gets_requests())
        assert now <= self.proven, self.world.plans[-3:]
        asleep = self.world.replicas == 0 or self.world.plans[-1].asleep
        if before and not self.interrupts and not asleep:
            assert now, self.world.plans[-3:]

    def _nodes(self) -> None:
        """Every pod becomes ready but those of a broken commit; Jobs load what they are given."""
        nodes = self.world.cluster.nodes
        for _ in range(10):
            versions = self.world.cluster.objects.versions()
            nodes.run()
            for pod in list(self.world.cluster.objects.each("Pod", "ml")):
                told = pod["spec"]["containers"][0]["env"][0]["value"]
                ready = any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions", []))
                job = owner_of(pod, "Job")
                if "deletionTimestamp" in pod["metadata"]:
                    nodes.end("ml", pod["metadata"]["name"])
                elif job:
                    if pod["status"]["phase"] == "Pending":
                        nodes.finish_job("ml", job, succeeded=told not in self.gated)
                elif told in self.broken:
                    nodes.crash("ml", pod["metadata"]["name"])
                elif not ready:
                    nodes.ready("ml", pod["metadata"]["name"])
            nodes.run()
            if self.world.cluster.objects.versions() == versions:
                return

    @invariant()
    def nothing_foreign_is_touched(self) -> None:
        there = self.world.cluster.objects.get(Place("ml", "ServiceAccount", "somebody"))
        assert there
        assert "annotations" not in there["metadata"]

    @rule()
    def comes_to_rest(self) -> None:
        world = self.world
        for _ in range(LONGEST):
            before = len(world.cluster.steps)
            self._pass()
            found = world.plans[-1]
            idle = not found.steps and not found.question and found.look_again is None
            loads = found.reconciling is not None and found.reconciling.reason == "LoadingWeights"
            if idle and not loads:  # the Job's end is what it waits for then, and a watch tells
                assert len(world.cluster.steps) == before
                break
        else:
            raise AssertionError(f"no rest after {LONGEST} passes: {world.plans[-4:]}")
        self._is_as_wanted()
        self.interrupts = world.rollout.get("strategy") == "Recreate"

    def _is_as_wanted(self) -> None:
        world, found = self.world, self.world.plans[-1]
        serving = self.run(world.serving())
        counts = self.run(world.counts())
        if found.asleep:
            assert not any(counts.values())
            return
        if found.stalled:
            given_up = [job for job in world.cluster.objects.each("Job") if _has_failed(job)]
            assert commit(world.commit) in self.broken | self.silent or found.failure or given_up
            assert counts.get(commit(world.commit), 0) == 0 or serving == commit(world.commit)
        else:
            assert serving == commit(world.commit)
        if serving and world.replicas is not None:
            assert counts[serving] == world.replicas
        if serving and world.autoscaler is None:
            assert counts[serving]
        if serving and serving not in self.broken and counts[serving]:  # an autoscaler may want none
            assert self.run(world.gets_requests()) == {serving}
        assert all(count == 0 for one, count in counts.items() if one != serving)
        assert len(counts) <= 3
        if world.drift == "Correct" and serving == commit(world.commit):
            assert "EXTRA" not in str(world.cluster.objects.get(Place("ml", "Deployment", self._name())))
            assert [port["port"] for port in (world.cluster.objects.get(SERVICE) or {})["spec"]["ports"]] == [80]
        assert world.weights() == ({"twin": 1} if world.route else {})
        assert world.cluster.objects.get(CANARY) is None
        assert (world.cluster.objects.get(SCALER) is not None) == (world.autoscaler is not None and serving is not None)

    def _name(self) -> str:
        return str(self.world.wanted.workload["metadata"]["name"])


def _has_failed(job: dict[str, Any]) -> bool:
    state = loading(job)
    return state is not None and state.state is State.FAILED


Machine.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestAnything = Machine.TestCase
