"""What comes between: other wishes in the middle of a roll, other people's doings, a process that ends, a clock."""

from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from slipway.domain.cluster.looks.memory import Progress
from slipway.domain.cluster.looks.observation import Diagnosis
from slipway.domain.cluster.marks import NOBODY, Manifest
from slipway.domain.cluster.questions import Answer, PodRequest
from slipway.domain.cluster.rolls.steps import Apply, Scale, Step
from slipway.domain.cluster.subject import marked
from tests.testbed.fakes.cluster import engine_answer
from tests.testbed.fakes.kube_objects import Place
from tests.unit.domain.cluster.rolls.test_plan import CHECK, HOPELESS, STRATEGIES, serving_world
from tests.unit.domain.cluster.rolls.world import SUBJECT, World, commit, wanted

SERVICE = Place("ml", "Service", "twin")
UNINTERRUPTED = {"blue-green": 2, "canary": 4, "linear": 6, "rolling": 6}
"""Strategies with the number of their stages."""
AUTOSCALER = marked(
    {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": SUBJECT.metadata("twin"),
        "spec": {"maxReplicas": 9},
    }
)


def place_of(number: int) -> Place:
    return Place("ml", "Deployment", wanted(number).workload["metadata"]["name"])


async def passes(world: World, number: int, *, answering: bool = True) -> None:
    """So many passes at most, after each of which somebody answers, until a pass has nothing to do or to wait for."""
    for _ in range(number):
        found = await world.step()
        world.cluster.nodes.settle()
        if answering:
            assert await world.gets_requests(), found
        if not found.steps and not found.question and found.look_again is None:
            return
        world.now += timedelta(seconds=found.look_again or 0)


async def until_stage(world: World, stage: int) -> Progress:
    """Passes until a roll has come to this stage."""
    for _ in range(80):
        found = await world.step()
        world.cluster.nodes.settle()
        progress = (await world.routing()).progress
        if progress and progress.stage == stage:
            return progress
        world.now += timedelta(seconds=found.look_again or 0)
    raise AssertionError("it does not come to this stage")


def silent_about(number: int) -> Any:
    """Engines of one commit that answer a prompt with nothing."""

    def answer(pod: Manifest, request: PodRequest) -> Answer:
        if request.path == "/generate" and commit(number) in str(pod["spec"]):
            return Answer(b'{"generated_text": ""}', 0.1, status=200)
        return engine_answer(pod, request)

    return answer


class TestOtherWishes:
    @pytest.mark.parametrize(
        ("strategy", "stage"), [(name, stage) for name, count in UNINTERRUPTED.items() for stage in range(count)]
    )
    @pytest.mark.parametrize("next_commit", [1, 3])
    async def test_another_commit_in_any_stage_leaves_nobody_without_answer(
        self, strategy: str, stage: int, next_commit: int
    ) -> None:
        world = await serving_world(rollout=STRATEGIES[strategy] | CHECK, replicas=4)
        world.commit = 2
        await until_stage(world, stage)
        world.commit = next_commit
        await passes(world, 60)
        assert await world.gets_requests() == {commit(next_commit)}
        assert (await world.counts())[commit(next_commit)] == 4

    @pytest.mark.parametrize("stage", range(6))
    async def test_another_way_of_rolling_out_in_any_stage(self, stage: int) -> None:
        world = await serving_world(rollout=STRATEGIES["rolling"], replicas=4)
        world.commit = 2
        await until_stage(world, stage)
        world.rollout = {"strategy": "Rolling", "rolling": {"batchInterval": "3m"}}
        await passes(world, 60)
        assert await world.counts() == {commit(1): 0, commit(2): 4}

    async def test_back_to_what_serves_takes_no_pod_of_it(self) -> None:
        world = await serving_world(rollout=STRATEGIES["recreate"])
        world.commit = 2
        await world.step()
        world.commit = 1
        before = world.pods_of(1)
        await passes(world, 10)
        assert world.pods_of(1) == before

    @pytest.mark.parametrize("strategy", STRATEGIES)
    @pytest.mark.parametrize("count", [2, 6])
    async def test_another_count_in_the_middle(self, strategy: str, count: int) -> None:
        world = await serving_world(rollout=STRATEGIES[strategy], replicas=4)
        world.commit = 2
        await until_stage(world, 1)
        world.replicas = count
        await passes(world, 60, answering=strategy != "recreate")
        assert await world.counts() == {commit(1): 0, commit(2): count}

    @pytest.mark.parametrize("strategy", STRATEGIES)
    async def test_a_count_that_is_left_open_stays_what_it_was(self, strategy: str) -> None:
        world = await serving_world(rollout=STRATEGIES[strategy], replicas=4)
        world.replicas = None
        world.commit = 2
        await passes(world, 60, answering=strategy != "recreate")
        assert await world.counts() == {commit(1): 0, commit(2): 4}

    async def test_a_count_that_is_left_open_survives_another_way_of_rolling_out(self) -> None:
        world = await serving_world(rollout=STRATEGIES["rolling"], replicas=4)
        world.replicas = None
        world.commit = 2
        await until_stage(world, 1)
        world.rollout = STRATEGIES["blue-green"]
        await passes(world, 60)
        assert await world.counts() == {commit(1): 0, commit(2): 4}

    async def test_one_pod_is_not_taken_away_before_the_other_one_answers(self) -> None:
        world = await serving_world(rollout=STRATEGIES["rolling"], replicas=None)
        assert await world.counts() == {commit(1): 1}
        world.commit = 2
        await passes(world, 40)
        assert await world.counts() == {commit(1): 0, commit(2): 1}

    async def test_what_never_served_is_not_kept_in_place_of_what_did(self) -> None:
        world = await serving_world()
        world.commit = 2
        await world.step()
        world.cluster.nodes.run()
        world.now += timedelta(minutes=1)
        await world.step()
        world.commit = 3
        await world.rest()
        assert await world.counts() == {commit(1): 0, commit(3): 2}

    async def test_a_check_of_a_former_try_does_not_count(self) -> None:
        world = await serving_world(rollout=CHECK)
        world.commit = 2
        await until_stage(world, 1)
        world.diagnosis = HOPELESS
        world.now += timedelta(minutes=1)
        await world.rest()
        world.diagnosis, world.trigger = None, "again"
        world.now += timedelta(minutes=1)
        world.cluster.answer = silent_about(2)
        found = await world.rest()
        assert found.stalled
        assert found.stalled.reason == "CheckFailed"
        assert await world.gets_requests() == {commit(1)}


class TestTheServiceIsDeleted:
    @pytest.mark.parametrize("strategy", UNINTERRUPTED)
    async def test_in_the_middle_of_a_roll_the_old_pods_stay(self, strategy: str) -> None:
        world = await serving_world(rollout=STRATEGIES[strategy] | CHECK, replicas=4)
        world.cluster.answer = silent_about(2)
        world.commit = 2
        await until_stage(world, 0)
        world.cluster.objects.delete(SERVICE)
        await passes(world, 60)
        assert await world.gets_requests() == {commit(1)}
        assert await world.counts() == {commit(1): 4, commit(2): 0}

    async def test_at_rest_requests_go_on_at_once_and_nobody_is_asked_again(self) -> None:
        world = await serving_world(rollout=CHECK)
        asked = len(world.cluster.asked)
        world.cluster.objects.delete(SERVICE)
        await passes(world, 1)
        assert await world.gets_requests() == {commit(1)}
        await world.rest()
        assert len(world.cluster.asked) == asked

    async def test_its_memory_is_taken_away(self) -> None:
        world = await serving_world()
        world.cluster.objects.merge(SERVICE, {"metadata": {"annotations": {"slipway.dev/serving": None}}})
        await passes(world, 3)
        assert (await world.routing()).serving == wanted(1).revision

    async def test_with_the_status_it_comes_back_all_the_same(self) -> None:
        world = await serving_world(rollout=CHECK)
        world.cluster.objects.delete(SERVICE)
        world.remembered = world.checked = None
        await world.rest()
        assert await world.gets_requests() == {commit(1)}
        assert await world.counts() == {commit(1): 2}


class TestOtherPeople:
    async def test_the_old_revision_is_deleted_while_both_serve(self) -> None:
        world = await serving_world(rollout=STRATEGIES["canary"] | CHECK, replicas=4)
        world.commit = 2
        await until_stage(world, 1)
        world.cluster.objects.delete(place_of(1))
        world.cluster.nodes.settle()
        await passes(world, 30)
        assert await world.counts() == {commit(2): 4}

    async def test_a_third_revision_gets_no_request_while_two_share_them(self) -> None:
        world = await serving_world(rollout=STRATEGIES["canary"], replicas=4)
        for number in (2, 3):
            world.commit = number
            await world.rest()
            world.now += timedelta(minutes=1)
        world.commit = 4
        await until_stage(world, 1)
        await passes(world, 1)
        third = next(place for place in map(place_of, (1, 2)) if world.cluster.objects.get(place))
        world.cluster.objects.merge(third, {"spec": {"replicas": 1}})
        world.cluster.nodes.settle()
        await passes(world, 2)
        assert await world.gets_requests() == {commit(3), commit(4)}

    async def test_what_cannot_be_changed_back_is_not_tried_without_end(self) -> None:
        world = await serving_world()

        def add() -> None:
            container = {"name": "engine", "image": "engine:1", "env": [{"name": "EXTRA", "value": "1"}]}
            patch = {"spec": {"template": {"spec": {"containers": [container]}}}}
            world.cluster.objects.merge(place_of(1), patch)

        world.cluster.after_write = lambda step: add() if isinstance(step, Apply) else None
        add()
        found = await world.step()
        assert found.drifted
        assert found.look_again is None

    async def test_what_somebody_has_added_is_taken_away_again(self) -> None:
        world = await serving_world()
        container = {"name": "engine", "image": "engine:1", "env": [{"name": "REVISION", "value": commit(1)}]}
        container["env"] = [*container["env"], {"name": "EXTRA", "value": "1"}]  # type: ignore[list-item]
        world.cluster.objects.merge(place_of(1), {"spec": {"template": {"spec": {"containers": [container]}}}})
        assert (await world.step()).drifted
        await world.rest()
        there = world.cluster.objects.get(place_of(1))
        assert there
        assert "EXTRA" not in str(there["spec"])

    async def test_with_report_the_ports_are_left_alone_and_it_is_said(self) -> None:
        world = await serving_world(drift="Report")
        other = [{"name": "http", "port": 81, "targetPort": "http", "protocol": "TCP"}]
        world.cluster.objects.merge(SERVICE, {"spec": {"ports": other}})
        found = await world.step()
        assert found.drifted
        assert "Service twin" in found.drifted.message
        assert not found.steps
        world.drift = "Correct"
        found = await world.step()
        assert found.drifted
        there = world.cluster.objects.get(SERVICE)
        assert there
        assert [port["port"] for port in there["spec"]["ports"]] == [80]

    async def test_a_pod_is_asked_although_something_beside_is_always_changed(self) -> None:
        world = await serving_world(rollout=CHECK)
        account = Place("ml", "ServiceAccount", "twin")

        def change() -> None:
            world.cluster.objects.merge(account, {"metadata": {"labels": {"slipway.dev/deployment": "other"}}})

        world.cluster.after_write = lambda step: change()
        change()
        world.commit = 2
        await passes(world, 60)
        assert await world.gets_requests() == {commit(2)}

    async def test_a_template_that_somebody_has_changed_is_mended_before_its_pods_come(self) -> None:
        world = await serving_world()
        world.commit = 2
        await world.rest()
        other = [{"name": "engine", "image": "other:1", "env": [{"name": "REVISION", "value": commit(1)}]}]
        world.cluster.objects.merge(place_of(1), {"spec": {"template": {"spec": {"containers": other}}}})
        world.commit = 1
        images: set[str] = set()
        for _ in range(20):
            found = await world.step()
            world.cluster.nodes.settle()
            pods = (world.cluster.objects.get(Place("ml", "Pod", name)) for name in world.pods_of(1))
            images |= {pod["spec"]["containers"][0]["image"] for pod in pods if pod}
            world.now += timedelta(seconds=found.look_again or 0)
        assert images == {"engine:1"}

    async def test_what_serves_crashes_and_is_not_rolled_back(self) -> None:
        world = await serving_world()
        for name in world.pods_of(1):
            world.cluster.nodes.crash("ml", name)
        world.cluster.nodes.run()
        world.diagnosis = HOPELESS
        found = await world.step()
        assert found.reconciling
        assert found.reconciling.reason == "CrashLoop"
        assert not found.steps
        assert not found.failure
        assert await world.serving() == commit(1)


class TestProcessesThatEnd:
    @pytest.mark.parametrize("step", range(1, 6))
    async def test_a_count_that_is_left_open_is_not_lost(self, step: int) -> None:
        world = await serving_world(rollout=STRATEGIES["rolling"], replicas=4)
        world.replicas = None
        world.commit = 2
        await until_stage(world, 1)
        world.diagnosis = HOPELESS
        left = step

        def die(done: Step) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                raise InterruptedError

        world.cluster.after_write = die
        for _ in range(8):
            with suppress(InterruptedError):
                await world.step()
            world.cluster.nodes.settle()
        await world.rest()
        assert await world.counts() == {commit(1): 4, commit(2): 0}

    async def test_a_stage_that_nobody_began_in_time_has_not_failed(self) -> None:
        world = await serving_world(rollout={"startupTimeout": "5m"})
        world.commit = 2
        while (await world.routing()).progress is None:
            await world.step()
        world.now += timedelta(hours=1)
        await world.rest()
        assert await world.serving() == commit(2)


class TestTime:
    async def test_old_pods_that_take_long_to_go_are_not_the_new_ones_fault(self) -> None:
        world = await serving_world(rollout=STRATEGIES["rolling"] | {"startupTimeout": "1m"}, replicas=4)
        world.commit = 2
        await until_stage(world, 3)  # the rest of the old ones go
        nodes = world.cluster.nodes
        for _ in range(8):
            found = await world.step()
            nodes.run()
            world.now += timedelta(seconds=found.look_again or 1)
            assert not found.failure
        await world.rest()
        assert await world.serving() == commit(2)

    async def test_who_waits_for_a_gpu_for_days_is_not_looked_at_every_second(self) -> None:
        world = World(diagnosis=Diagnosis("Unschedulable", "0/3 nodes are available: 3 Insufficient nvidia.com/gpu."))
        for _ in range(8):
            await world.step()
            world.cluster.nodes.run()
        world.now += timedelta(days=2)
        found = await world.step()
        assert found.look_again
        assert found.look_again >= 30

    async def test_a_clock_that_goes_back_loses_nothing(self) -> None:
        world = await serving_world(rollout=STRATEGIES["canary"] | CHECK, replicas=4)
        world.commit = 2
        await until_stage(world, 1)
        world.now -= timedelta(hours=3)
        await passes(world, 60)
        assert await world.gets_requests() == {commit(2)}


class TestUnderAnAutoscaler:
    async def test_the_new_fleet_is_as_large_as_the_old_one_has_become(self) -> None:
        world = await serving_world(replicas=None, autoscaler=AUTOSCALER)
        world.commit = 2
        await until_stage(world, 0)
        world.cluster.objects.merge(place_of(1), {"spec": {"replicas": 5}})
        await passes(world, 40)
        assert (await world.counts())[commit(2)] == 5

    async def test_its_count_is_not_raised_after_a_failed_roll(self) -> None:
        world = await serving_world(replicas=3)
        world.replicas, world.autoscaler = None, AUTOSCALER
        world.commit = 2
        await until_stage(world, 0)
        world.cluster.objects.merge(place_of(1), {"spec": {"replicas": 1}})
        world.diagnosis = HOPELESS
        await world.rest()
        assert await world.counts() == {commit(1): 1, commit(2): 0}

    @pytest.mark.parametrize("route", [False, True])
    async def test_nor_after_a_canary_that_has_had_requests(self, *, route: bool) -> None:
        world = await serving_world(replicas=4, rollout=STRATEGIES["canary"], route=route)
        world.replicas, world.autoscaler = None, AUTOSCALER
        world.commit = 2
        await until_stage(world, 1)
        world.cluster.objects.merge(place_of(1), {"spec": {"replicas": 1}})
        world.diagnosis = HOPELESS
        await world.rest()
        assert await world.counts() == {commit(1): 1, commit(2): 0}

    async def test_what_somebody_deletes_comes_back_with_pods_and_is_verified(self) -> None:
        world = await serving_world(replicas=None, autoscaler=AUTOSCALER)
        world.cluster.objects.delete(place_of(1))
        world.cluster.nodes.settle()
        await world.rest()
        assert await world.gets_requests() == {commit(1)}
        assert [child.verified for child in (await world.look()).children.values()] == ["Engine"]

    async def test_zero_is_left_alone_by_a_roll_and_its_failure(self) -> None:
        world = await serving_world(replicas=None, autoscaler=AUTOSCALER)
        world.cluster.objects.merge(place_of(1), {"spec": {"replicas": 0}})
        world.cluster.nodes.settle()
        world.commit = 2
        await until_stage(world, 0)
        world.diagnosis = HOPELESS
        await world.rest()
        assert await world.counts() == {commit(1): 0, commit(2): 0}
        world.diagnosis, world.trigger = None, "again"
        await world.rest()
        assert await world.serving() == commit(2)

    @pytest.mark.parametrize("strategy", STRATEGIES)
    async def test_nobody_else_scales_at_the_same_time(self, strategy: str) -> None:
        world = await serving_world(rollout=STRATEGIES[strategy], replicas=4)
        world.replicas, world.autoscaler = None, AUTOSCALER
        await world.rest()
        world.commit = 2
        for _ in range(60):
            found = await world.step()
            there = world.cluster.objects.get(Place("ml", "HorizontalPodAutoscaler", "twin"))
            old = wanted(1).workload["metadata"]["name"]
            scaled = [step for step in found.steps if isinstance(step, Scale) and step.name == old]
            if await world.serving() == commit(1):
                assert not (there and scaled)
            world.cluster.nodes.settle()
            world.now += timedelta(seconds=found.look_again or 0)
        assert await world.serving() == commit(2)
        assert world.cluster.objects.get(Place("ml", "HorizontalPodAutoscaler", "twin"))


class TestTheCache:
    async def loaded(self) -> World:
        world = await serving_world(cache=True)
        assert [job["metadata"]["name"] for job in world.cluster.objects.each("Job")] == [self.job(1)]
        return world

    def job(self, number: int) -> str:
        return f"twin-load-{wanted(number).revision[:8]}"

    async def test_a_volume_that_was_replaced_is_loaded_again(self) -> None:
        world = await self.loaded()
        before = next(world.cluster.objects.each("Job"))["metadata"]["uid"]
        world.now += timedelta(minutes=5)
        world.cluster.objects.delete(Place("ml", "PersistentVolumeClaim", "twin-weights"))
        await world.step()  # the volume is made anew
        found = await world.step()
        assert found.reconciling
        assert found.reconciling.reason == "LoadingWeights"
        await world.rest()
        (job,) = world.cluster.objects.each("Job")
        assert job["metadata"]["uid"] != before
        assert job["status"]["conditions"][0]["type"] == "Complete"
        assert await world.gets_requests() == {commit(1)}

    async def test_a_revision_that_starts_once_more_has_its_weights(self) -> None:
        world = await self.loaded()
        world.commit = 2
        await world.rest()
        world.commit = 1
        for _ in range(30):
            await world.step()
            if world.pods_of(1):
                break
            world.cluster.nodes.settle()
        (job,) = world.cluster.objects.each("Job")
        assert job["metadata"]["name"] == self.job(1)
        assert job["status"]["conditions"][0]["type"] == "Complete"

    async def test_what_has_given_up_is_tried_again_when_somebody_says_so(self) -> None:
        world = await self.loaded()
        world.commit = 2
        await world.step()
        world.cluster.nodes.run()
        world.cluster.nodes.finish_job("ml", self.job(2), succeeded=False, message="gated")
        found = await world.step()
        assert found.stalled
        assert "slipway.dev/reconcile-now" in found.stalled.message
        assert await world.gets_requests() == {commit(1)}
        world.trigger = "again"
        await world.rest()
        assert await world.serving() == commit(2)

    async def test_the_job_of_another_commit_gives_way(self) -> None:
        world = await self.loaded()
        world.commit = 2
        await world.step()
        world.cluster.nodes.run()
        world.commit = 3
        await world.rest()
        assert [job["metadata"]["name"] for job in world.cluster.objects.each("Job")] == [self.job(3)]
        assert await world.serving() == commit(3)


class TestNames:
    async def test_the_pods_of_a_similar_name_are_not_ours(self) -> None:
        world = await serving_world()
        there = world.cluster.objects.get(place_of(1))
        assert there
        labels = {**there["metadata"]["labels"], "slipway.dev/deployment": "twin-a"}
        other = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "twin-a-0123456789", "namespace": "ml", "labels": labels},
            "spec": {**there["spec"], "template": {**there["spec"]["template"], "metadata": {"labels": labels}}},
        }
        other["spec"]["selector"] = {"matchLabels": {"slipway.dev/deployment": "twin-a"}}
        world.cluster.objects.create(other)
        world.cluster.nodes.settle()
        world.commit = 2
        await world.rest()
        assert len(world.cluster.pods("ml", {"slipway.dev/deployment": "twin-a"})) == 2
        assert await world.gets_requests() == {commit(2)}

    async def test_nobody_is_routed_to_before_the_check(self) -> None:
        world = World(rollout=CHECK)
        world.cluster.answer = silent_about(1)
        found = await world.rest()
        assert found.stalled
        assert (await world.routing()).selected == NOBODY
