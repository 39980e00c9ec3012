"""Other wishes, other people and less room in the middle of a roll: who answers then, and what is left of it."""

from datetime import timedelta

from tests.testbed.fakes.controllers import is_ready, owner_of
from tests.testbed.fakes.kube_objects import Place
from tests.unit.domain.cluster.rolls.test_convergence import AUTOSCALER
from tests.unit.domain.cluster.rolls.test_plan import STRATEGIES, late_in_a_rolling_roll, serving_world
from tests.unit.domain.cluster.rolls.world import World, commit, wanted

CANARY = Place("ml", "Service", "twin-canary")


def ready_some(world: World, number: int, count: int) -> None:
    for name in world.pods_of(number)[:count]:
        world.cluster.nodes.ready("ml", name)
    world.cluster.nodes.run()


async def loading_passes(world: World, passes: int, *, succeeded: bool) -> None:
    """Passes while the Jobs that load weights end so, and the first commit's pods become ready."""
    for _ in range(passes):
        await world.step()
        world.cluster.nodes.run()
        for job in list(world.cluster.objects.each("Job", "ml")):
            pods = [pod for pod in world.cluster.objects.each("Pod", "ml") if owner_of(pod, "Job")]
            if any(pod["status"]["phase"] == "Pending" for pod in pods) and not job["status"].get("conditions"):
                world.cluster.nodes.finish_job("ml", job["metadata"]["name"], succeeded=succeeded)
        ready_some(world, 1, 9)
        world.end_those_that_leave()


async def until_divided(world: World, old: int = 9) -> None:
    for _ in range(30):
        await world.step()
        world.cluster.nodes.run()
        ready_some(world, 1, old)
        ready_some(world, 2, 9)
        world.end_those_that_leave()
        if world.weights() == {"twin": 80, "twin-canary": 20}:
            return
    raise AssertionError(world.weights())


async def test_a_reverted_canary_gets_no_requests_although_the_old_fleet_lacks_pods() -> None:
    """First start: 2 of 4 come. Canary of one pod by the route. The wish to go back must take it back."""
    world = World(replicas=4, route=True, rollout=STRATEGIES["canary"])
    for _ in range(20):
        await world.step()
        world.cluster.nodes.run()
        ready_some(world, 1, 2)
    assert await world.serving() == commit(1)
    world.commit = 2
    await until_divided(world, old=2)
    world.commit = 1
    for _ in range(30):
        await world.step()
        world.cluster.nodes.run()
        world.end_those_that_leave()
    assert await world.gets_requests() == {commit(1)}
    assert (await world.counts())[commit(2)] == 0


async def test_a_reverted_canary_with_more_replicas_in_the_same_edit() -> None:
    world = await serving_world(replicas=4, route=True, rollout=STRATEGIES["canary"])
    world.commit = 2
    await until_divided(world)
    world.commit, world.replicas = 1, 8
    for _ in range(30):  # there are no GPUs for eight
        await world.step()
        world.cluster.nodes.run()
        ready_some(world, 1, 4)
        world.end_those_that_leave()
    assert await world.gets_requests() == {commit(1)}
    assert (await world.counts())[commit(2)] == 0


async def test_a_third_commit_while_old_pods_come_back_is_no_outage() -> None:
    world = await late_in_a_rolling_roll()
    for _ in range(6):
        found = await world.step()
        world.cluster.nodes.run()
        world.end_those_that_leave()
    assert found.stalled
    assert await world.gets_requests() == {commit(2)}
    world.commit = 3
    for _ in range(6):
        await world.step()
        world.cluster.nodes.run()
        assert await world.gets_requests()


async def test_going_back_does_not_fight_with_the_autoscaler() -> None:
    """Blue-green with a wait: the old fleet gets no requests, so the autoscaler makes it smaller. Then a wish back."""
    rollout = {"blueGreen": {"terminationWait": "1h"}}
    world = await serving_world(rollout=rollout, replicas=4)
    world.replicas, world.autoscaler = None, AUTOSCALER
    await world.rest()
    world.commit = 2
    for _ in range(20):
        await world.step()
        world.cluster.nodes.settle()
        if await world.gets_requests() == {commit(2)}:
            break
    await world.step()
    scaler, old = Place("ml", "HorizontalPodAutoscaler", "twin"), wanted(1).workload["metadata"]["name"]

    def autoscale() -> None:
        if world.cluster.objects.get(scaler):
            world.cluster.objects.merge(Place("ml", "Deployment", old), {"spec": {"replicas": 1}})

    autoscale()
    world.cluster.nodes.settle()
    world.end_those_that_leave()
    assert len(world.pods_of(1)) == 1
    world.commit = 1
    writes = []
    for _ in range(40):
        before = len(world.cluster.steps)
        await world.step()
        writes.append(len(world.cluster.steps) - before)
        world.cluster.nodes.run()
        autoscale()  # it wants one; a model takes longer to start than it takes to see that
        world.cluster.nodes.run()
        world.end_those_that_leave()
    assert await world.gets_requests() == {commit(1)}
    assert (await world.counts())[commit(2)] == 0
    assert not any(writes[-10:])


async def test_the_pods_of_a_roll_that_is_not_wanted_any_more_go_where_weights_do_not_come() -> None:
    world = World(cache=True, replicas=2)
    await loading_passes(world, 25, succeeded=True)
    assert await world.serving() == commit(1)
    world.commit = 2
    await loading_passes(world, 12, succeeded=True)
    assert await world.counts() == {commit(1): 2, commit(2): 2}
    world.commit = 3
    await loading_passes(world, 20, succeeded=False)
    found = world.plans[-1]
    assert found.stalled
    assert await world.counts() == {commit(1): 2, commit(2): 0}


async def test_the_service_of_a_canary_is_not_turned_away_from_pods_that_may_still_be_asked() -> None:
    """1 -> 2 by weight, then commit 3. No time passes, so a gateway may still send a fifth to twin-canary."""
    world = await serving_world(replicas=4, route=True, rollout=STRATEGIES["canary"])
    world.commit = 2
    await until_divided(world)
    world.commit = 3
    for _ in range(6):
        await world.step()
        world.cluster.nodes.run()
        assert world.pods_of(2)
        selector = (world.cluster.objects.get(CANARY) or {})["spec"]["selector"]
        assert selector["slipway.dev/revision"] == wanted(2).revision


async def three_of_four_are_new() -> World:
    """In batches of one pod."""
    rolling = {"strategy": "Rolling", "rolling": {"batchPercent": 25, "batchInterval": "10m"}}
    world = await serving_world(rollout=rolling, replicas=4)
    world.commit = 2
    for _ in range(60):
        found = await world.step()
        world.cluster.nodes.settle()
        world.end_those_that_leave()
        if await world.counts() == {commit(1): 1, commit(2): 3} and len((await world.look()).seen.routed or ()) == 4:
            return world
        world.now += timedelta(seconds=found.look_again or 0)
    raise AssertionError(world.plans[-1])


async def fewest_that_answer(world: World) -> int:
    """In the next passes, while no further pod becomes ready."""
    found = []
    for _ in range(10):
        await world.step()
        world.cluster.nodes.run()
        found.append(len((await world.look()).seen.routed or ()))
    return min(found)


async def test_another_interval_in_the_middle_keeps_the_capacity() -> None:
    """Also an operator whose stages have another digest."""
    world = await three_of_four_are_new()
    world.rollout = {"strategy": "Rolling", "rolling": {"batchPercent": 25, "batchInterval": "5m"}}
    assert await fewest_that_answer(world) >= 3


async def test_a_third_commit_in_the_middle_keeps_the_capacity() -> None:
    world = await three_of_four_are_new()
    world.commit = 3
    assert await fewest_that_answer(world) >= 3


async def test_an_autoscaler_does_not_make_a_canary_last_for_ever() -> None:
    world = await serving_world(replicas=4, route=True, rollout=STRATEGIES["canary"])
    world.replicas, world.autoscaler = None, AUTOSCALER
    await world.rest()
    world.commit = 2
    old = Place("ml", "Deployment", wanted(1).workload["metadata"]["name"])
    for number in range(120):  # two hours; the stage is held for ten minutes
        for _ in range(6):
            await world.step()
            world.cluster.nodes.settle()
            world.end_those_that_leave()
        if number % 4 == 0 and world.cluster.objects.get(Place("ml", "HorizontalPodAutoscaler", "twin")):
            world.cluster.objects.merge(old, {"spec": {"replicas": 6 if number % 8 else 4}})
        world.now += timedelta(minutes=1)
    assert await world.serving() == commit(2)


async def test_the_selector_of_the_canary_is_set_right_under_report() -> None:
    world = await serving_world(replicas=4, route=True, rollout=STRATEGIES["canary"], drift="Report")
    world.commit = 2
    await until_divided(world)
    world.cluster.objects.merge(CANARY, {"spec": {"selector": {"slipway.dev/revision": "none"}}})
    for _ in range(30):
        await world.step()
        world.cluster.nodes.settle()
        world.now += timedelta(minutes=1)
    assert (await world.look()).seen.canary or not world.weights().get("twin-canary")


async def test_old_pods_come_back_although_there_are_fewer_gpus_by_now() -> None:
    """A node is gone: there is room for three. Those that find none let new ones go, but never the last one."""
    world = await late_in_a_rolling_roll()
    ready_some(world, 2, 3)
    for _ in range(60):
        await world.step()
        world.cluster.nodes.run()
        world.end_those_that_leave()
        room = 3 - sum(pod.ready for pod in (await world.look()).pods)
        for name in world.pods_of(1):
            pod = world.cluster.objects.get(Place("ml", "Pod", name)) or {}
            if room > 0 and not is_ready(pod):
                world.cluster.nodes.ready("ml", name)
                room -= 1
        world.cluster.nodes.run()
        assert await world.gets_requests()
        world.now += timedelta(seconds=61)
    assert await world.gets_requests() == {commit(1)}
    assert await world.counts() == {commit(1): 4, commit(2): 0}


async def test_recreate_is_over_with_the_pods_that_there_is_room_for() -> None:
    world = await serving_world(rollout=STRATEGIES["recreate"], replicas=3)
    world.commit = 2
    for _ in range(20):
        await world.step()
        world.cluster.nodes.run()
        ready_some(world, 2, 1)
        world.end_those_that_leave()
    assert await world.serving() == commit(2)
    assert await world.gets_requests() == {commit(2)}
