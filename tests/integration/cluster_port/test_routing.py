"""The contract of the port `ClusterTarget`: pods, and which of them requests to the Service may reach."""

from slipway.domain.cluster.looks.observation import ObjectRef, Observation
from slipway.domain.cluster.rolls.steps import Apply, Create, Delete, Scale
from slipway.domain.errors import Conflict
from tests.integration.cluster_port.worlds import (
    CHILD,
    NAME,
    REVISION,
    World,
    eventually,
    job,
    look,
    service,
    there,
    version,
    workload,
)


async def pods(world: World, count: int) -> list[str]:
    """Names of the pods, once there are so many."""

    async def enough() -> list[str]:
        found = [pod["metadata"]["name"] for pod in (await look(world)).pods]
        return found if len(found) == count else []

    return await eventually(world, enough, f"{count} pods")


async def routed(world: World, expected: set[str]) -> Observation:
    """A look that shows just these behind the Service."""

    async def so() -> Observation | None:
        seen = await look(world)
        return seen if seen.routed == frozenset(expected) else None

    found = await eventually(world, so, f"requests go to {expected or 'nobody'}")
    assert found
    return found


async def test_pods_are_seen_with_the_labels_of_their_revision(world: World) -> None:
    await world.target.execute(world.namespace, Create(workload(world, replicas=2)))
    await pods(world, 2)
    seen = await look(world)
    assert {pod["metadata"]["labels"]["slipway.dev/revision"] for pod in seen.pods} == {REVISION}
    assert {pod["status"]["phase"] for pod in seen.pods} == {"Pending"}
    assert all("managedFields" not in pod["metadata"] for pod in seen.pods)
    assert not [ref for ref in seen.objects if ref.kind == "Pod"]
    assert (await look(world, deployment="other")).pods == ()


async def test_without_a_service_nobody_can_say_who_gets_requests(world: World) -> None:
    await world.target.execute(world.namespace, Create(workload(world, replicas=1)))
    (pod,) = await pods(world, 1)
    await world.ready(pod)
    assert (await look(world)).routed is None


async def test_only_pods_that_are_ready_and_selected_get_requests(world: World) -> None:
    await world.target.execute(world.namespace, Apply(service(world, "none")))
    await world.target.execute(world.namespace, Create(workload(world, replicas=2)))
    first, second = await pods(world, 2)
    await world.ready(first)
    await routed(world, set())
    seen = await there(world, "Service", NAME)
    await world.target.execute(world.namespace, Apply(service(world), version(seen)))
    await routed(world, {first})
    await world.ready(second)
    await routed(world, {first, second})
    await world.crash(first)
    await routed(world, {second})


async def test_a_pod_that_has_a_node_is_there_until_the_node_lets_go_of_it_but_gets_no_requests(world: World) -> None:
    await world.target.execute(world.namespace, Apply(service(world)))
    await world.target.execute(world.namespace, Create(workload(world, replicas=2)))
    names = await pods(world, 2)
    for name in names:
        await world.schedule(name)
        await world.ready(name)
    await routed(world, set(names))

    async def fewer() -> bool:
        seen = await there(world, "Deployment", CHILD)
        try:
            await world.target.execute(world.namespace, Scale(CHILD, 1, version(seen)))
        except Conflict:  # its controller writes the status while pods become ready
            return False
        return True

    await eventually(world, fewer, "scaled")

    async def leaving() -> list[str]:
        found = (await look(world)).pods
        return [pod["metadata"]["name"] for pod in found if "deletionTimestamp" in pod["metadata"]]

    (gone,) = await eventually(world, leaving, "one on its way out")
    seen = await routed(world, set(names) - {gone})
    assert len(seen.pods) == 2
    await world.end(gone)
    assert await pods(world, 1) == [name for name in names if name != gone]


async def test_a_pod_without_a_node_goes_at_once(world: World) -> None:
    await world.target.execute(world.namespace, Create(workload(world, replicas=1)))
    await pods(world, 1)
    seen = await there(world, "Deployment", CHILD)
    await world.target.execute(world.namespace, Delete("Deployment", CHILD, seen["metadata"]["uid"]))
    await eventually(world, lambda: _none(world), "no pods")


async def _none(world: World) -> bool:
    return (await look(world)).pods == ()


async def test_a_job_has_a_pod_of_its_own(world: World) -> None:
    await world.target.execute(world.namespace, Apply(job(world)))
    (name,) = await pods(world, 1)
    seen = await look(world)
    assert name.startswith(f"{NAME}-prefetch-")
    assert seen.pods[0]["metadata"]["labels"]["slipway.dev/role"] == "prefetch"
    uid = seen.objects[ObjectRef("Job", f"{NAME}-prefetch")]["metadata"]["uid"]
    await world.target.execute(world.namespace, Delete("Job", f"{NAME}-prefetch", uid))
    await eventually(world, lambda: _none(world), "no pods")
