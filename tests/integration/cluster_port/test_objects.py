"""The contract of the port `ClusterTarget`: looking at objects and changing them."""

from typing import Any

import pytest

from slipway.domain.cluster.looks.observation import ObjectRef
from slipway.domain.cluster.marks import Manifest
from slipway.domain.cluster.rolls.steps import Annotate, Apply, Create, Delete, Scale
from slipway.domain.errors import Conflict, NotFound, Rejected
from tests.integration.cluster_port.worlds import (
    CHILD,
    NAME,
    World,
    account,
    eventually,
    job,
    look,
    metadata,
    service,
    settled,
    there,
    version,
    workload,
)


async def make(world: World, manifest: Manifest) -> Manifest:
    """Create it, and see it."""
    step = Create(manifest) if manifest["kind"] == "Deployment" else Apply(manifest)
    await world.target.execute(world.namespace, step)
    if manifest["kind"] == "Deployment":
        return await settled(world)
    return await there(world, manifest["kind"], manifest["metadata"]["name"])


def ref_of(manifest: Manifest) -> ObjectRef:
    return ObjectRef(manifest["kind"], manifest["metadata"]["name"])


class TestLooking:
    async def test_nothing_is_there(self, world: World) -> None:
        seen = await look(world, ("Service", NAME), ("NetworkPolicy", NAME))
        assert (seen.objects, seen.pods, seen.routed) == ({}, (), None)

    async def test_what_carries_the_label_is_found_and_says_what_it_is(self, world: World) -> None:
        for manifest in (workload(world, replicas=0), service(world), account(world), job(world)):
            await make(world, manifest)
        seen = await look(world)
        assert set(seen.objects) == {
            ObjectRef("Deployment", CHILD),
            ObjectRef("Service", NAME),
            ObjectRef("ServiceAccount", NAME),
            ObjectRef("Job", f"{NAME}-prefetch"),
        }
        for ref, manifest in seen.objects.items():
            assert (manifest["kind"], manifest["metadata"]["namespace"]) == (ref.kind, world.namespace)
            assert manifest["metadata"]["uid"]
            assert version(manifest).isdigit()
            assert "managedFields" not in manifest["metadata"]
        assert {manifest["apiVersion"] for manifest in seen.objects.values()} == {"apps/v1", "v1", "batch/v1"}

    async def test_what_lacks_the_label_is_found_by_its_name_only(self, world: World) -> None:
        foreign = account(world)
        del foreign["metadata"]["labels"]
        await world.create(foreign)
        assert (await look(world)).objects == {}
        assert set((await look(world, ("ServiceAccount", NAME))).objects) == {ObjectRef("ServiceAccount", NAME)}

    async def test_another_deployments_things_are_not_seen(self, world: World) -> None:
        await make(world, service(world))
        seen = await look(world, deployment="other")
        assert (seen.objects, seen.routed) == ({}, None)

    async def test_kinds_that_are_not_asked_about_are_not_looked_at(self, world: World) -> None:
        await make(world, account(world))
        await make(world, service(world))
        assert set((await look(world, kinds=[])).objects) == {ObjectRef("Service", NAME)}

    async def test_what_the_cluster_lacks_is_said_and_does_not_keep_from_the_rest(self, world: World) -> None:
        await make(world, service(world))
        seen = await look(world, ("PodMonitor", NAME), kinds=["Deployment", "PodMonitor"])
        assert seen.missing == {"PodMonitor"}
        assert set(seen.objects) == {ObjectRef("Service", NAME)}
        assert (await look(world, kinds=["Deployment"])).missing == frozenset()

    async def test_what_the_cluster_lacks_cannot_be_made(self, world: World) -> None:
        monitor = {"apiVersion": "monitoring.coreos.com/v1", "kind": "PodMonitor", "metadata": metadata(world, NAME)}
        with pytest.raises(NotFound):
            await world.target.execute(world.namespace, Apply(monitor))


class TestApply:
    async def test_a_second_time_changes_nothing(self, world: World) -> None:
        for manifest in (workload(world, content="1"), service(world, content="1"), account(world, content="1")):
            await make(world, manifest)

            async def nothing_changes(manifest: Manifest = manifest) -> bool:
                """As soon as the controllers, which write to the object as well, have nothing more to say."""
                before = await there(world, *ref_of(manifest))
                try:
                    await world.target.execute(world.namespace, Apply(manifest, version(before)))
                except Conflict:
                    return False
                return await there(world, *ref_of(manifest)) == before

            await eventually(world, nothing_changes, f"an apply of the same {manifest['kind']} changes nothing")

    async def test_what_is_left_out_goes_and_what_others_have_added_stays(self, world: World) -> None:
        await make(world, service(world, content="1", rollout="stage 1"))
        await world.change("Service", NAME, {"metadata": {"annotations": {"acme.org/team": "ml"}}})
        seen = await there(world, "Service", NAME)
        await world.target.execute(world.namespace, Apply(service(world, None, content="2"), version(seen)))
        found = await there(world, "Service", NAME)
        assert found["metadata"]["annotations"] == {"acme.org/team": "ml", "slipway.dev/content": "2"}
        assert found["spec"]["selector"] == {"slipway.dev/deployment": NAME}

    async def test_what_others_have_changed_is_taken_back(self, world: World) -> None:
        await make(world, service(world, content="1"))
        labels = {"labels": {"app.kubernetes.io/instance": "mine"}}
        await world.change("Service", NAME, {"metadata": labels, "spec": {"selector": {"slipway.dev/revision": "x"}}})
        seen = await there(world, "Service", NAME)
        wanted = service(world, content="1")
        await world.target.execute(world.namespace, Apply(wanted, version(seen)))
        found = await there(world, "Service", NAME)
        assert found["metadata"]["labels"] == wanted["metadata"]["labels"]
        assert found["spec"]["selector"] == wanted["spec"]["selector"]

    async def test_a_container_that_somebody_injects_stays(self, world: World) -> None:
        manifest = workload(world)
        await world.target.execute(world.namespace, Apply(manifest))
        seen = await settled(world)
        containers = seen["spec"]["template"]["spec"]["containers"]
        sidecar = {"name": "proxy", "image": "ghcr.io/acme/proxy:1.0"}
        patch = {"spec": {"template": {"spec": {"containers": [*containers, sidecar]}}}}
        await world.change("Deployment", CHILD, patch)
        seen = await settled(world)
        manifest["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": "REVISION", "value": "b" * 40}]
        await world.target.execute(world.namespace, Apply(manifest, version(seen)))
        found = (await there(world, "Deployment", CHILD))["spec"]["template"]["spec"]["containers"]
        assert [container["name"] for container in found] == ["engine", "proxy"]
        assert found[0]["env"] == [{"name": "REVISION", "value": "b" * 40}]

    async def test_as_a_whole_it_takes_away_what_others_have_added_to_lists(self, world: World) -> None:
        manifest = workload(world)
        await world.target.execute(world.namespace, Apply(manifest))
        seen = await settled(world)
        await world.target.execute(world.namespace, Scale(CHILD, 3, version(seen)))
        seen = await settled(world)
        containers = seen["spec"]["template"]["spec"]["containers"]
        more = [*containers[0].get("env", []), {"name": "EXTRA", "value": "1"}]
        patch = {"spec": {"template": {"spec": {"containers": [{**containers[0], "env": more}]}}}}
        await world.change("Deployment", CHILD, patch)
        seen = await settled(world)
        await world.target.execute(world.namespace, Apply(manifest, version(seen), whole=True))
        found = (await settled(world))["spec"]
        assert "EXTRA" not in str(found["template"])
        assert found["template"]["spec"]["containers"][0]["env"] == containers[0]["env"]
        assert found["replicas"] == 3

    async def test_as_a_whole_a_port_of_the_same_name_is_set_right(self, world: World) -> None:
        await make(world, service(world))
        wanted = service(world)
        port = {**wanted["spec"]["ports"][0], "port": 81}
        await world.change("Service", NAME, {"spec": {"ports": [port]}})
        seen = await there(world, "Service", NAME)
        await world.target.execute(world.namespace, Apply(wanted, version(seen), whole=True))
        found = await there(world, "Service", NAME)
        assert [one["port"] for one in found["spec"]["ports"]] == [wanted["spec"]["ports"][0]["port"]]

    async def test_one_that_has_changed_since_is_a_conflict(self, world: World) -> None:
        seen = await make(world, service(world, content="1"))
        await world.change("Service", NAME, {"metadata": {"annotations": {"acme.org/team": "ml"}}})
        with pytest.raises(Conflict):
            await world.target.execute(world.namespace, Apply(service(world, None, content="2"), version(seen)))
        found = await there(world, "Service", NAME)
        assert found["metadata"]["annotations"] == {"acme.org/team": "ml", "slipway.dev/content": "1"}
        assert found["spec"]["selector"] == seen["spec"]["selector"]

    async def test_one_that_is_gone_is_not_made_anew(self, world: World) -> None:
        seen = await make(world, service(world))
        await world.remove("Service", NAME)
        with pytest.raises(Conflict):
            await world.target.execute(world.namespace, Apply(service(world), version(seen)))
        assert await world.get("Service", NAME) is None

    async def test_one_that_was_made_anew_is_a_conflict(self, world: World) -> None:
        seen = await make(world, service(world, content="1"))
        await world.remove("Service", NAME)
        await world.create(service(world, None))
        with pytest.raises(Conflict):
            await world.target.execute(world.namespace, Apply(service(world, content="2"), version(seen)))
        assert (await there(world, "Service", NAME))["spec"]["selector"] == {"slipway.dev/deployment": NAME}

    async def test_one_that_is_there_by_now_is_a_conflict_and_left_alone(self, world: World) -> None:
        foreign = account(world)
        del foreign["metadata"]["labels"]
        await world.create(foreign)
        before = await there(world, "ServiceAccount", NAME)
        with pytest.raises(Conflict):
            await world.target.execute(world.namespace, Apply(account(world)))
        assert (await there(world, "ServiceAccount", NAME))["metadata"] == before["metadata"]

    async def test_what_cannot_change_is_refused_with_the_objects_name(self, world: World) -> None:
        seen = await make(world, workload(world, replicas=0))
        manifest = workload(world)
        own = {"app": "another"}
        manifest["spec"]["selector"] = {"matchLabels": own}
        manifest["spec"]["template"]["metadata"]["labels"] = own
        with pytest.raises(Rejected, match=rf'"{CHILD}" is invalid: .*immutable') as refused:
            await world.target.execute(world.namespace, Apply(manifest, version(seen)))
        assert refused.value.reason == "ApiServerRefused"

    async def test_a_port_without_its_protocol_is_refused_by_an_old_server(self, world: World) -> None:
        if world.minor > 20:
            pytest.skip("newer ones know the default")
        manifest = service(world)
        del manifest["spec"]["ports"][0]["protocol"]
        with pytest.raises(Rejected, match="protocol"):
            await world.target.execute(world.namespace, Apply(manifest))

    async def test_a_manifest_for_another_namespace_is_a_defect(self, world: World) -> None:
        manifest = service(world)
        manifest["metadata"]["namespace"] = "kube-system"
        with pytest.raises(ValueError, match="kube-system"):
            await world.target.execute(world.namespace, Apply(manifest))


class TestReplicas:
    async def test_a_deployment_is_created_without_pods_and_applies_leave_its_count_alone(self, world: World) -> None:
        seen = await make(world, workload(world, replicas=0, content="1"))
        assert seen["spec"]["replicas"] == 0
        await world.target.execute(world.namespace, Apply(workload(world, content="2"), version(seen)))
        seen = await settled(world)
        assert (seen["spec"]["replicas"], seen["metadata"]["annotations"]["slipway.dev/content"]) == (0, "2")
        await world.target.execute(world.namespace, Scale(CHILD, 3, version(seen)))
        seen = await settled(world)
        assert seen["spec"]["replicas"] == 3
        await world.target.execute(world.namespace, Apply(workload(world, content="3"), version(seen)))
        seen = await settled(world)
        assert (seen["spec"]["replicas"], seen["metadata"]["annotations"]["slipway.dev/content"]) == (3, "3")

    async def test_one_that_exists_is_not_created(self, world: World) -> None:
        before = await make(world, workload(world, replicas=0))
        with pytest.raises(Conflict):
            await world.target.execute(world.namespace, Create(workload(world, replicas=2)))
        assert (await there(world, "Deployment", CHILD))["spec"] == before["spec"]

    async def test_the_count_that_is_there_already_writes_nothing(self, world: World) -> None:
        seen = await make(world, workload(world, replicas=0))
        await world.target.execute(world.namespace, Scale(CHILD, 0, version(seen)))
        assert await there(world, "Deployment", CHILD) == seen

    async def test_one_that_has_changed_was_made_anew_or_is_gone_is_a_conflict(self, world: World) -> None:
        seen = await make(world, workload(world, replicas=0))
        await world.change("Deployment", CHILD, {"metadata": {"annotations": {"acme.org/team": "ml"}}})
        with pytest.raises(Conflict):
            await world.target.execute(world.namespace, Scale(CHILD, 3, version(seen)))
        assert (await there(world, "Deployment", CHILD))["spec"]["replicas"] == 0
        await world.remove("Deployment", CHILD)
        with pytest.raises(Conflict):
            await world.target.execute(world.namespace, Scale(CHILD, 3, version(seen)))
        await world.create(workload(world, replicas=1))
        with pytest.raises(Conflict):
            await world.target.execute(world.namespace, Scale(CHILD, 3, version(seen)))
        assert (await there(world, "Deployment", CHILD))["spec"]["replicas"] == 1


def annotate(seen: Manifest, **annotations: str | None) -> Annotate:
    changed = tuple((f"slipway.dev/{key}", value) for key, value in annotations.items())
    return Annotate(seen["kind"], seen["metadata"]["name"], version(seen), changed)


class TestAnnotate:
    async def test_annotations_are_set_and_taken_away_and_applies_leave_them_alone(self, world: World) -> None:
        seen = await make(world, workload(world, replicas=0, content="1"))
        await world.target.execute(world.namespace, annotate(seen, failed="it did", verified="Engine"))
        seen = await settled(world)
        await world.target.execute(world.namespace, Apply(workload(world, content="2"), version(seen)))
        seen = await settled(world)
        await world.target.execute(world.namespace, annotate(seen, failed=None, unknown=None))
        found = ours(await there(world, "Deployment", CHILD))
        assert found == {"slipway.dev/content": "2", "slipway.dev/verified": "Engine"}

    async def test_one_that_has_changed_was_made_anew_or_is_gone_is_a_conflict(self, world: World) -> None:
        seen = await make(world, service(world))
        step = annotate(seen, serving="abc")
        await world.change("Service", NAME, {"metadata": {"annotations": {"acme.org/team": "ml"}}})
        with pytest.raises(Conflict):
            await world.target.execute(world.namespace, step)
        await world.remove("Service", NAME)
        with pytest.raises(Conflict):
            await world.target.execute(world.namespace, step)
        assert await world.get("Service", NAME) is None
        await world.create(service(world))
        with pytest.raises(Conflict):
            await world.target.execute(world.namespace, step)
        assert ours(await there(world, "Service", NAME)) == {}


def ours(manifest: Manifest) -> dict[str, str]:
    annotations: dict[str, str] = manifest["metadata"].get("annotations") or {}
    return {key: value for key, value in annotations.items() if key.startswith("slipway.dev/")}


class TestDelete:
    async def test_it_goes_and_a_second_time_is_success(self, world: World) -> None:
        seen = await make(world, service(world))
        step = Delete("Service", NAME, seen["metadata"]["uid"])
        await world.target.execute(world.namespace, step)
        assert await world.get("Service", NAME) is None
        await world.target.execute(world.namespace, step)

    async def test_another_one_of_its_name_is_left_alone(self, world: World) -> None:
        seen = await make(world, service(world))
        await world.remove("Service", NAME)
        await world.create(service(world))
        await world.target.execute(world.namespace, Delete("Service", NAME, seen["metadata"]["uid"]))
        assert await world.get("Service", NAME) is not None

    async def test_the_pods_of_a_deployment_go_with_it(self, world: World) -> None:
        seen = await make(world, workload(world, replicas=2))
        await eventually(world, lambda: _pods(world, 2), "two pods")
        await world.target.execute(world.namespace, Delete("Deployment", CHILD, seen["metadata"]["uid"]))
        assert await world.get("Deployment", CHILD) is None
        await eventually(world, lambda: _pods(world, 0), "no pods")


async def _pods(world: World, count: int) -> bool:
    return len((await look(world)).pods) == count


async def test_what_the_api_server_adds_of_its_own(world: World) -> None:
    """So that whoever compares a manifest with what is there meets the real differences in the fake as well."""
    manifest = workload(world, cpu="0.5", memory="1024Mi")
    deployment = await make(world, manifest)
    template = deployment["spec"]["template"]["spec"]
    container = template["containers"][0]
    assert added(deployment["spec"], manifest["spec"]) == {
        "replicas": 1,
        "revisionHistoryLimit": 10,
        "progressDeadlineSeconds": 600,
        "template.spec.restartPolicy": "Always",
        "template.spec.dnsPolicy": "ClusterFirst",
        "template.spec.schedulerName": "default-scheduler",
        "template.spec.terminationGracePeriodSeconds": 30,
        "template.spec.containers.0.imagePullPolicy": "IfNotPresent",
        "template.spec.containers.0.terminationMessagePath": "/dev/termination-log",
        "template.spec.containers.0.terminationMessagePolicy": "File",
        "template.spec.containers.0.startupProbe.timeoutSeconds": 1,
        "template.spec.containers.0.startupProbe.periodSeconds": 10,
        "template.spec.containers.0.startupProbe.successThreshold": 1,
        "template.spec.containers.0.startupProbe.httpGet.scheme": "HTTP",
    }
    assert container["resources"] == {"limits": {"cpu": "500m", "memory": "1Gi"}}
    assert template["volumes"] == [{"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "1Gi"}}]
    found = await make(world, service(world))
    assert found["spec"]["type"] == "ClusterIP"
    assert found["spec"]["clusterIP"]
    assert found["spec"]["ports"] == [{"name": "http", "protocol": "TCP", "port": 80, "targetPort": "http"}]


def added(there: Any, wanted: Any, path: str = "") -> dict[str, Any]:
    """What is there and was not asked for, by path. Nulls, which depend on the server's version, are left out."""
    found: dict[str, Any] = {}
    items = there.items() if isinstance(there, dict) else enumerate(there) if isinstance(there, list) else ()
    for key, value in items:
        has = key in wanted if isinstance(wanted, dict) else key < len(wanted)
        name = f"{path}.{key}" if path else str(key)
        if not has and value is not None:
            found[name] = value
        elif has:
            found |= added(value, wanted[key], name)
    return found
