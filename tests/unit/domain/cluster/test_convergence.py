"""Any order of wishes, faults, crashes and other people's doings: it comes to rest, and nothing unproven is served."""

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from slipway.domain.cluster.observation import Diagnosis
from slipway.domain.cluster.questions import Answer, PodRequest
from slipway.domain.cluster.steps import Step
from tests.testbed.fakes.cluster import engine_answer
from tests.testbed.fakes.kube_objects import Place
from tests.unit.domain.cluster.test_plan import CHECK, STRATEGIES
from tests.unit.domain.cluster.world import World, commit, wanted

Found = TypeVar("Found")
LONGEST = 120
"""Passes until everything is at rest: the longest plan has eleven stages, each of a few passes."""
ROLLOUTS = [STRATEGIES[name] | CHECK for name in STRATEGIES] + [{}]


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
        self.proven: set[str] = set()
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

    @initialize(rollout=st.sampled_from(ROLLOUTS), replicas=st.sampled_from([None, 1, 2, 4]))
    def begin(self, rollout: dict[str, Any], replicas: int | None) -> None:
        self.world.rollout, self.world.replicas = rollout, replicas

    @rule(number=st.integers(1, 5))
    def another_commit(self, number: int) -> None:
        self.world.commit = number

    @rule(replicas=st.sampled_from([None, 0, 1, 2, 3, 5]))
    def another_count(self, replicas: int | None) -> None:
        self.world.replicas = replicas

    @rule(rollout=st.sampled_from(ROLLOUTS))
    def another_way(self, rollout: dict[str, Any]) -> None:
        self.world.rollout = rollout

    @rule(trigger=st.sampled_from([None, "a", "b"]))
    def reconcile_now(self, trigger: str | None) -> None:
        self.world.trigger = trigger

    @rule(number=st.integers(1, 5))
    def breaks(self, number: int) -> None:
        self.broken ^= {commit(number)}

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
        self.world.checked = lost

    @rule(data=st.data(), count=st.integers(0, 4))
    def somebody_scales(self, data: st.DataObject, count: int) -> None:
        name = self._any("Deployment", data)
        if name:
            self.world.cluster.objects.merge(Place("ml", "Deployment", name), {"spec": {"replicas": count}})

    @rule(data=st.data(), kind=st.sampled_from(["Deployment", "Service", "ServiceAccount"]))
    def somebody_deletes(self, data: st.DataObject, kind: str) -> None:
        name = self._any(kind, data)
        if name and name != "somebody":
            self.world.cluster.objects.delete(Place("ml", kind, name))

    @rule(number=st.integers(1, 5))
    @precondition(lambda self: self.world.cluster.objects.get(Place("ml", "Service", "twin")) is not None)
    def somebody_routes(self, number: int) -> None:
        selector = {"slipway.dev/revision": wanted(number).revision}
        self.world.cluster.objects.merge(Place("ml", "Service", "twin"), {"spec": {"selector": selector}})

    def _any(self, kind: str, data: st.DataObject) -> str | None:
        names = sorted(item["metadata"]["name"] for item in self.world.cluster.objects.each(kind, "ml"))
        return data.draw(st.sampled_from(names)) if names else None

    def _pass(self) -> None:
        world = self.world
        ails = commit(world.commit) in self.broken
        world.diagnosis = Diagnosis("CrashLoop", "it ends again and again", hopeless=True) if ails else None
        found = self.run(world.step())
        self._nodes()
        if not found.steps and not found.question and found.look_again:
            world.now += timedelta(seconds=found.look_again)

    def _nodes(self) -> None:
        """Every pod becomes ready but those of a broken commit."""
        nodes = self.world.cluster.nodes
        for _ in range(10):
            nodes.run()
            for pod in list(self.world.cluster.objects.each("Pod", "ml")):
                told = pod["spec"]["containers"][0]["env"][0]["value"]
                ready = any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions", []))
                if "deletionTimestamp" in pod["metadata"]:
                    nodes.end("ml", pod["metadata"]["name"])
                elif told in self.broken:
                    nodes.crash("ml", pod["metadata"]["name"])
                elif not ready:
                    nodes.ready("ml", pod["metadata"]["name"])
            nodes.run()

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
            if idle:
                assert len(world.cluster.steps) == before
                break
        else:
            raise AssertionError(f"no rest after {LONGEST} passes: {world.plans[-4:]}")
        self._is_as_wanted()

    def _is_as_wanted(self) -> None:
        world, found = self.world, self.world.plans[-1]
        serving = self.run(world.serving())
        counts = self.run(world.counts())
        if found.asleep:
            assert not any(counts.values())
            return
        if found.stalled:
            assert commit(world.commit) in self.broken | self.silent or found.failure
            assert counts.get(commit(world.commit), 0) == 0 or serving == commit(world.commit)
        else:
            assert serving == commit(world.commit)
        if serving and world.replicas is not None:
            assert counts[serving] == world.replicas
        if serving and serving not in self.broken:
            assert self.run(world.gets_requests()) == {serving}
        assert all(count == 0 for one, count in counts.items() if one != serving)
        assert len(counts) <= 3


Machine.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestAnything = Machine.TestCase
