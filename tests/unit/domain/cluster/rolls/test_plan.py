"""Rolls in a cluster in memory, watched as its users see them: who gets requests, how many pods there are."""

from datetime import timedelta
from typing import Any

import pytest

from slipway.domain.cluster.looks.observation import Diagnosis
from slipway.domain.cluster.marks import NOBODY
from slipway.domain.cluster.questions import Answer, PodRequest
from slipway.domain.cluster.rolls.steps import Create
from tests.testbed.fakes.cluster import engine_answer
from tests.testbed.fakes.kube_objects import Place
from tests.unit.domain.cluster.rolls.world import SUBJECT, World, commit, wanted

CHECK = {"check": {"prompt": "Two and two?"}}
STRATEGIES: dict[str, dict[str, Any]] = {
    "blue-green": {},
    "canary": {"blueGreen": {"shift": "Canary", "stepPercent": 20, "stepInterval": "10m"}},
    "linear": {"blueGreen": {"shift": "Linear", "stepPercent": 25, "stepInterval": "1m"}},
    "rolling": {"strategy": "Rolling", "rolling": {"batchInterval": "1m"}},
    "recreate": {"strategy": "Recreate"},
}
HOPELESS = Diagnosis("CrashLoop", "the container ends again and again: exit code 1", hopeless=True)


async def serving_world(**settings: Any) -> World:
    world = World(**settings)
    await world.rest()
    assert await world.serving() == commit(1)
    return world


async def late_in_a_rolling_roll() -> World:
    """The last old pods are gone, and the last new ones do not come."""
    world = await serving_world(rollout=STRATEGIES["rolling"] | {"startupTimeout": "5m"}, replicas=4)
    world.commit = 2
    for _ in range(60):
        found = await world.step()
        if await world.counts() == {commit(1): 0, commit(2): 4}:
            world.cluster.nodes.run()
            world.now += timedelta(minutes=6)
            return world
        world.cluster.nodes.settle()
        world.now += timedelta(seconds=found.look_again or 0)
    raise AssertionError(world.plans[-1])


class TestFirstStart:
    async def test_it_gets_requests_once_its_pods_are_ready(self) -> None:
        world = World()
        for _ in range(6):
            await world.step()
            world.cluster.nodes.run()
        assert (await world.routing()).selected == NOBODY
        await world.rest()
        assert await world.gets_requests() == {commit(1)}
        assert await world.counts() == {commit(1): 2}

    async def test_it_gets_requests_as_soon_as_one_pod_is_ready(self) -> None:
        world = World(replicas=3)
        for _ in range(8):
            await world.step()
            world.cluster.nodes.run()
            for name in world.pods_of(1)[:1]:
                world.cluster.nodes.ready("ml", name)
            world.cluster.nodes.run()
        found = await world.step()
        assert await world.gets_requests() == {commit(1)}
        assert await world.serving() == commit(1)
        assert found.reconciling
        assert found.reconciling.message == "1 of 3 pods are ready"

    async def test_a_further_pass_does_nothing(self) -> None:
        world = await serving_world()
        found = await world.step()
        assert not found.steps
        assert not found.question
        assert not found.reconciling

    async def test_no_pod_comes_before_the_service(self) -> None:
        world = World()
        await world.step()
        assert not any(isinstance(step, Create) for step in world.cluster.steps)

    async def test_the_check_comes_before_the_first_request(self) -> None:
        world = World(rollout=CHECK)
        await world.rest()
        asked = [request.path for _pod, request in world.cluster.asked]
        assert asked == ["/info", "/generate"]
        assert world.checked
        assert world.checked.outcome == "Passed"

    async def test_its_time_counts_from_when_it_has_a_gpu(self) -> None:
        world = World(diagnosis=Diagnosis("Unschedulable", "0/3 nodes are available: 3 Insufficient nvidia.com/gpu."))
        for _ in range(6):
            await world.step()
            world.cluster.nodes.run()
        world.now += timedelta(hours=2)
        world.diagnosis = None
        for pod in world.pods_of(1):
            world.cluster.nodes.start("ml", pod)
        found = await world.step()
        assert not found.failure
        world.now += timedelta(hours=1)
        found = await world.step()
        assert found.failure
        assert found.failure.reason == "StartupTimedOut"

    async def test_somebody_elses_service_is_left_alone(self) -> None:
        world = World()
        foreign = {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "twin", "namespace": "ml"},
            "spec": {"ports": [{"port": 80}]},
        }
        world.cluster.objects.create(foreign)
        found = await world.rest()
        assert found.stalled
        assert found.stalled.reason == "NameConflict"
        assert not world.cluster.steps

    async def test_without_a_gpu_it_waits_for_as_long_as_it_takes(self) -> None:
        world = World(diagnosis=Diagnosis("Unschedulable", "0/3 nodes are available: 3 Insufficient nvidia.com/gpu."))
        for _ in range(10):
            found = await world.step()
            world.cluster.nodes.run()
            world.now += timedelta(hours=1)
        assert found.reconciling
        assert found.reconciling.reason == "Unschedulable"
        assert not found.failure


class TestRolls:
    @pytest.mark.parametrize("strategy", STRATEGIES)
    async def test_the_new_commit_serves_alone_in_the_end(self, strategy: str) -> None:
        world = await serving_world(rollout=STRATEGIES[strategy] | CHECK, replicas=4)
        world.commit = 2
        await world.rest()
        assert await world.serving() == commit(2)
        assert await world.gets_requests() == {commit(2)}
        assert await world.counts() == {commit(1): 0, commit(2): 4}

    @pytest.mark.parametrize("strategy", [name for name in STRATEGIES if name != "recreate"])
    async def test_somebody_answers_at_every_moment(self, strategy: str) -> None:
        world = await serving_world(rollout=STRATEGIES[strategy], replicas=4)
        world.commit = 2
        for _ in range(80):
            found = await world.step()
            world.cluster.nodes.settle()
            assert await world.gets_requests()
            world.now += timedelta(seconds=found.look_again or 0)
        assert await world.gets_requests() == {commit(2)}

    @pytest.mark.parametrize("strategy", ["rolling", "recreate"])
    async def test_no_more_pods_than_before(self, strategy: str) -> None:
        world = await serving_world(rollout=STRATEGIES[strategy], replicas=4)
        world.commit = 2
        for _ in range(60):
            found = await world.step()
            world.cluster.nodes.run()
            assert len(world.cluster.pods("ml")) <= 4
            world.cluster.nodes.settle()
            world.now += timedelta(seconds=found.look_again or 0)
        assert await world.serving() == commit(2)

    async def test_a_canary_is_watched_before_all_requests_move(self) -> None:
        world = await serving_world(rollout=STRATEGIES["canary"], replicas=4)
        world.commit = 2
        for _ in range(12):
            await world.step()
            world.cluster.nodes.settle()
        assert await world.gets_requests() == {commit(1), commit(2)}
        assert await world.counts() == {commit(1): 4, commit(2): 1}
        assert await world.serving() == commit(1)

    async def test_the_old_pods_stay_until_requests_go_to_the_new_ones_alone(self) -> None:
        world = await serving_world()
        world.commit = 2
        for _ in range(40):
            found = await world.step()
            world.cluster.nodes.settle()
            if await world.gets_requests() != {commit(2)}:
                assert len(world.pods_of(1)) == 2
            world.now += timedelta(seconds=found.look_again or 0)
        assert world.pods_of(1) == []

    async def test_another_commit_in_the_middle_is_rolled_to_instead(self) -> None:
        world = await serving_world()
        world.commit = 2
        for _ in range(3):
            await world.step()
            world.cluster.nodes.run()
        world.commit = 3
        await world.rest()
        assert await world.serving() == commit(3)
        assert (await world.counts())[commit(3)] == 2
        assert world.pods_of(2) == []

    async def test_one_generation_stays_for_a_roll_back(self) -> None:
        world = await serving_world()
        for number in (2, 3, 4):
            world.commit = number
            await world.rest()
        assert await world.counts() == {commit(3): 0, commit(4): 2}
        world.commit = 3
        await world.rest()
        assert await world.serving() == commit(3)

    async def test_a_count_alone_is_no_roll(self) -> None:
        world = await serving_world()
        world.replicas = 5
        await world.rest()
        assert await world.counts() == {commit(1): 5}


class TestByWeightOfARoute:
    """The Service keeps to the old pods; only what comes by the route is divided."""

    async def canary(self, **settings: Any) -> World:
        world = await serving_world(rollout=STRATEGIES["canary"] | CHECK, replicas=4, route=True, **settings)
        world.commit = 2
        return world

    async def until_divided(self, world: World) -> None:
        for _ in range(20):
            await world.step()
            world.cluster.nodes.settle()
            if world.weights() == {"twin": 80, "twin-canary": 20}:
                return
        raise AssertionError(world.weights())

    async def test_a_fifth_of_the_requests_by_the_route_takes_a_fifth_of_the_pods(self) -> None:
        world = await self.canary()
        await self.until_divided(world)
        situation = await world.look()
        assert situation.seen.routed == frozenset(world.pods_of(1))
        assert situation.seen.canary == frozenset(world.pods_of(2))
        assert await world.counts() == {commit(1): 4, commit(2): 1}
        assert await world.serving() == commit(1)

    async def test_it_says_so(self) -> None:
        world = await self.canary()
        await self.until_divided(world)
        found = await world.step()
        assert found.reconciling
        assert "20 % of the requests by the HTTPRoute go to them" in found.reconciling.message

    async def test_the_route_leads_only_to_services_with_endpoints(self) -> None:
        """A gateway refuses the share of a Service that is not there, or has nobody."""
        world = await self.canary()
        for _ in range(60):
            found = await world.step()
            if world.weights().get("twin-canary"):
                assert (await world.look()).seen.canary
            world.cluster.nodes.settle()
            world.now += timedelta(seconds=found.look_again or 0)
        assert await world.serving() == commit(2)

    async def test_nothing_of_it_is_left(self) -> None:
        world = await self.canary()
        await world.rest()
        assert await world.serving() == commit(2)
        assert world.weights() == {"twin": 1}
        assert world.cluster.objects.get(Place("ml", "Service", "twin-canary")) is None
        assert await world.counts() == {commit(1): 0, commit(2): 4}

    async def test_no_request_before_the_check(self) -> None:
        world = await self.canary()
        world.cluster.answer = lambda pod, request: (
            Answer(b'{"generated_text": ""}', 0.1, status=200)
            if request.path == "/generate"
            else engine_answer(pod, request)
        )
        for _ in range(40):
            found = await world.step()
            world.cluster.nodes.settle()
            assert commit(2) not in await world.gets_requests()
            world.now += timedelta(seconds=found.look_again or 0)
        assert found.stalled
        assert found.stalled.reason == "CheckFailed"
        assert world.cluster.objects.get(Place("ml", "Service", "twin-canary")) is None

    async def test_when_it_fails_the_route_leads_to_the_old_pods_before_the_new_ones_go(self) -> None:
        world = await self.canary()
        await self.until_divided(world)
        world.diagnosis = HOPELESS
        for _ in range(8):
            await world.step()
            if world.weights().get("twin-canary"):
                assert world.pods_of(2)
            world.cluster.nodes.run()
        await world.rest()
        assert world.weights() == {"twin": 1}
        assert await world.gets_requests() == {commit(1)}
        assert await world.counts() == {commit(1): 4, commit(2): 0}

    async def test_a_way_back_in_the_middle(self) -> None:
        world = await self.canary()
        await self.until_divided(world)
        world.commit = 1
        await world.rest()
        assert world.weights() == {"twin": 1}
        assert world.cluster.objects.get(Place("ml", "Service", "twin-canary")) is None
        assert await world.counts() == {commit(1): 4, commit(2): 0}

    async def test_it_goes_no_further_without_its_share(self) -> None:
        """Nothing is learnt from a canary that no request has reached."""
        world = await self.canary(drift="Report")
        await self.until_divided(world)
        refs = [{"name": "twin", "port": 80, "weight": 100}, {"name": "twin-canary", "port": 80, "weight": 0}]
        world.cluster.objects.merge(Place("ml", "HTTPRoute", "twin"), {"spec": {"rules": [{"backendRefs": refs}]}})
        for _ in range(20):
            found = await world.step()
            world.cluster.nodes.settle()
            world.now += timedelta(minutes=10)
        assert await world.serving() == commit(1)
        assert found.reconciling
        assert "should go to them, which it does not say yet" in found.reconciling.message
        world.drift = "Correct"
        await world.rest()
        assert await world.serving() == commit(2)

    async def test_the_service_stays_until_nobody_can_be_sent_there(self) -> None:
        world = await self.canary()
        await self.until_divided(world)
        world.commit = 1
        await world.step()
        world.cluster.nodes.run()
        assert world.weights() == {"twin": 1}
        assert world.pods_of(2)
        await world.step()
        world.cluster.nodes.run()
        assert any("deletionTimestamp" in pod["metadata"] for pod in world.cluster.objects.each("Pod", "ml"))
        await world.step()
        assert world.cluster.objects.get(Place("ml", "Service", "twin-canary")) is not None

    async def test_somebody_elses_service_of_that_name_is_left_alone(self) -> None:
        world = await self.canary()
        foreign = {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "twin-canary", "namespace": "ml"},
            "spec": {"ports": [{"port": 80}]},
        }
        world.cluster.objects.create(foreign)
        found = await world.rest()
        assert found.stalled
        assert found.stalled.reason == "NameConflict"
        assert await world.gets_requests() == {commit(1)}


class TestFailedRolls:
    @pytest.mark.parametrize("strategy", STRATEGIES)
    async def test_the_old_commit_serves_with_all_its_pods(self, strategy: str) -> None:
        world = await serving_world(rollout=STRATEGIES[strategy], replicas=4)
        world.commit = 2
        for _ in range(4):
            await world.step()
            world.cluster.nodes.run()
        world.diagnosis = HOPELESS
        found = await world.rest()
        assert found.stalled
        assert found.stalled.reason == "CrashLoop"
        assert "exit code 1" in found.stalled.message
        assert await world.serving() == commit(1)
        assert await world.gets_requests() == {commit(1)}
        assert await world.counts() == {commit(1): 4, commit(2): 0}

    async def test_new_pods_answer_until_old_ones_have_taken_their_place_again(self) -> None:
        world = await late_in_a_rolling_roll()
        for _ in range(40):
            found = await world.step()
            world.cluster.nodes.run()
            assert sum(not pod.leaving for pod in (await world.look()).pods) <= 4
            for name in world.pods_of(1):
                world.cluster.nodes.ready("ml", name)
            world.cluster.nodes.run()
            assert await world.gets_requests()
            world.end_those_that_leave()
        assert found.stalled
        assert found.stalled.reason == "StartupTimedOut"
        assert await world.gets_requests() == {commit(1)}
        assert await world.counts() == {commit(1): 4, commit(2): 0}
        assert (await world.routing()).progress is None

    async def test_they_answer_for_as_long_as_no_old_one_comes(self) -> None:
        world = await late_in_a_rolling_roll()
        for _ in range(20):
            found = await world.step()
            world.cluster.nodes.run()
            world.end_those_that_leave()
        assert found.stalled
        assert "answer until the old ones are back" in found.stalled.message
        assert not found.steps
        assert await world.gets_requests() == {commit(2)}
        assert await world.counts() == {commit(1): 2, commit(2): 2}

    async def test_a_wish_to_go_back_is_no_outage_either(self) -> None:
        world = await serving_world(rollout=STRATEGIES["rolling"], replicas=4)
        world.commit = 2
        for _ in range(60):
            found = await world.step()
            world.cluster.nodes.settle()
            if len(await world.gets_requests()) == 2:
                break
            world.now += timedelta(seconds=found.look_again or 0)
        world.commit = 1
        for _ in range(20):
            await world.step()
            world.cluster.nodes.run()
            ready = [pod for pod in (await world.look()).pods if pod.ready]
            assert len(ready) >= 3
            for name in world.pods_of(1):
                world.cluster.nodes.ready("ml", name)
            world.end_those_that_leave()
        assert await world.counts() == {commit(1): 4, commit(2): 0}
        assert await world.gets_requests() == {commit(1)}

    async def test_it_is_not_tried_again_until_something_changes(self) -> None:
        world = await serving_world()
        world.commit, world.diagnosis = 2, HOPELESS
        await world.rest()
        world.diagnosis = None
        assert not (await world.step()).steps
        world.trigger = "now"
        await world.rest()
        assert await world.serving() == commit(2)

    async def test_another_way_of_rolling_out_tries_it_again(self) -> None:
        world = await serving_world()
        world.commit, world.diagnosis = 2, HOPELESS
        await world.rest()
        world.diagnosis, world.rollout = None, STRATEGIES["canary"]
        await world.rest()
        assert await world.serving() == commit(2)

    async def test_a_failed_check_never_gets_a_request(self) -> None:
        world = await serving_world(rollout=CHECK)

        def empty(pod: Any, request: PodRequest) -> Answer:
            text = b'{"generated_text": ""}'
            return Answer(text, 0.1, status=200) if request.path == "/generate" else engine_answer(pod, request)

        world.cluster.answer = empty
        world.commit = 2
        for _ in range(40):
            found = await world.step()
            world.cluster.nodes.settle()
            assert commit(2) not in await world.gets_requests()
        assert found.stalled
        assert found.stalled.reason == "CheckFailed"
        assert await world.counts() == {commit(1): 2, commit(2): 0}

    async def test_pods_that_never_become_ready_fail_after_the_startup_timeout(self) -> None:
        world = await serving_world(rollout={"startupTimeout": "5m"})
        world.commit = 2
        found = await world.rest(healthy=False)
        assert found.stalled
        assert found.stalled.reason == "StartupTimedOut"
        assert "5m" in found.stalled.message
        assert await world.gets_requests() == {commit(1)}

    async def test_without_capacity_a_roll_is_given_up(self) -> None:
        world = await serving_world()
        world.commit = 2
        world.diagnosis = Diagnosis("Unschedulable", "0/3 nodes are available: 3 Insufficient nvidia.com/gpu.")
        found = await world.rest(healthy=False)
        assert found.stalled
        assert found.stalled.reason == "Unschedulable"
        assert await world.counts() == {commit(1): 2, commit(2): 0}

    async def test_what_left_the_count_open_has_it_back(self) -> None:
        world = await serving_world(rollout=STRATEGIES["recreate"])
        world.replicas = None
        world.commit = 2
        for _ in range(6):
            await world.step()
            world.cluster.nodes.run()
            for name in world.pods_of(1):
                world.cluster.nodes.end("ml", name)
        world.diagnosis = HOPELESS
        await world.rest()
        assert await world.counts() == {commit(1): 2, commit(2): 0}


class TestAtRest:
    async def test_a_deleted_revision_is_made_anew(self) -> None:
        world = await serving_world()
        name = wanted(1).workload["metadata"]["name"]
        uid = next(iter((await world.look()).children.values())).manifest["metadata"]["uid"]
        world.cluster.objects.delete(Place("ml", "Deployment", name), uid)
        world.cluster.nodes.settle()
        await world.rest()
        assert await world.gets_requests() == {commit(1)}

    async def test_no_replicas_no_pods(self) -> None:
        world = await serving_world()
        world.replicas = 0
        found = await world.rest()
        assert found.asleep
        assert await world.counts() == {commit(1): 0}
        world.replicas = 1
        await world.rest()
        assert await world.counts() == {commit(1): 1}

    async def test_a_count_left_open_is_not_ours(self) -> None:
        world = await serving_world(replicas=None)
        assert await world.counts() == {commit(1): 1}
        child = next(iter((await world.look()).children.values()))
        from slipway.domain.cluster.rolls.steps import Scale

        await world.cluster.execute(SUBJECT.namespace, Scale(child.name, 3, child.resource_version))
        await world.rest()
        assert await world.counts() == {commit(1): 3}
