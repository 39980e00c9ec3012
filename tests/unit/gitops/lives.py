"""Deployments as they stand in the API server throughout their lives, driven by the operator's own reconcilers.

Told lives, for what must not be left to chance, and random walks from fixed seeds over what people, the world and the
operator do. Whatever is written (a spec, a status, a
finalizer, a deletion) is recorded as it is then, so that states in between passes, with a generation that nobody has
seen yet, are among them.
"""

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from random import Random
from typing import Any

from slipway.domain.errors import Rejected, Transient
from slipway.loop.keys import Key
from slipway.loop.store import Object
from tests.testbed.fakes.kube_objects import Place
from tests.unit.domain.builders import A, B, C
from tests.unit.reconcilers.harness import ADOPTERS, SDEP, Harness
from tests.unit.reconcilers.test_cluster import CHECK, Life
from tests.unit.reconcilers.world import World

Deed = Callable[[], Any]
ENDPOINT = "ml-twin"
SERVICE = Place("ml", "Service", "twin")
SPECS: tuple[dict[str, Any], ...] = (
    {"replicas": 0},
    {"replicas": 1},
    {"replicas": 2},
    {"expireAfter": "2h"},
    {"expireAfter": None},
    {"drift": "Report"},
    {"drift": "Correct"},
    {"rollout": CHECK},
    {"deletionPolicy": "Retain"},
    {"deletionPolicy": None},
)


def deployments() -> list[Object]:
    """What was recorded, each state once; one that nobody has looked at with an empty status."""
    found: dict[str, Object] = {}
    for recorded in (*_told(), *_sagemaker(), *_cluster()):
        for obj in recorded:
            state = {"status": {}, **obj}
            found.setdefault(_what_matters(state), state)
    return list(found.values())


def _what_matters(obj: Object) -> str:
    metadata, status = obj["metadata"], obj["status"]
    conditions = [(c["type"], c["status"], c["reason"]) for c in status.get("conditions", [])]
    seen = status.get("observedGeneration") == metadata["generation"]
    return json.dumps([conditions, seen, "deletionTimestamp" in metadata, metadata.get("finalizers")])


def _recorded(harness: Harness) -> list[Object]:
    """A list that grows with every write of the Deployment."""
    states: list[Object] = []
    put = harness.kube.put

    def watched(key: Key, raw: Object) -> Object:
        stored = put(key, raw)
        if key == SDEP:
            states.append(deepcopy(stored))
        return stored

    harness.kube.put = watched  # type: ignore[method-assign]
    return states


def _told() -> Iterator[list[Object]]:
    """A roll on SageMaker that fails and an expiry; rolls, no pods, and a refused spec in the cluster."""
    world = World()
    harness = Harness(world)
    states = _recorded(harness)
    harness.apply(A)
    _passes(harness, 6)
    harness.resolve(None)
    _passes(harness, 1)
    harness.resolve(A)
    harness.calm()
    harness.edit(drift="Report")
    world.outside_config("theirs", "main")
    world.outside_update(ENDPOINT, "theirs")
    harness.calm()
    harness.edit(drift="Correct")
    harness.calm()
    world.bad = {B}
    harness.resolve(B)
    _passes(harness, 6)
    harness.resolve(None)
    _passes(harness, 1)
    harness.resolve(B)
    harness.calm()
    harness.clock.seconds += 8000
    harness.edit(expireAfter="2h")
    harness.calm()
    harness.edit(expireAfter=None)
    harness.resolve(A)
    harness.calm()
    world.current_account = "999999999999"
    harness.delete()
    _passes(harness, 2)
    world.current_account = "123456789012"
    harness.trigger("mended")
    harness.calm()
    yield states
    life = Life()
    states = _recorded(life)
    life.begin(replicas=0)
    _passes(life, 3)
    life.edit(replicas=2)
    life.rest()
    life.resolve(B)
    life.rest()
    for pod in life.cluster.pods("ml"):
        life.cluster.nodes.unready("ml", pod)
    _passes(life, 1)
    life.rest()
    life.edit(replicas=0)
    life.rest()
    life.edit(replicas=1)
    life.rest()
    life.edit(deletionPolicy="Retain")  # which the checks refuse in the cluster
    _passes(life, 2)
    yield states


def _passes(harness: Harness, number: int) -> None:
    for _ in range(number):
        harness.deliver()
        harness.one_pass()


def _common(harness: Harness, random: Random) -> list[Deed]:
    return [
        *(lambda commit=commit: harness.resolve(commit) for commit in (A, B, C, None)),
        *(lambda spec=spec: harness.edit(**spec) for spec in SPECS),
        lambda: harness.trigger(str(random.random())),
        lambda: setattr(harness.clock, "seconds", harness.clock.seconds + random.choice([10, 1000, 4000])),
        lambda: harness.kube.secrets.update({"twin-binding": {"metadata": {"name": "twin-binding"}, "data": {}}}),
        lambda: harness.kube.secrets.clear(),
    ]


def _walk(harness: Harness, random: Random, deeds: list[Deed], passing: Deed) -> None:
    """Deeds with passes between them, then a deletion."""
    for _ in range(14):
        if harness.deployment is None:
            return
        random.choice(deeds)()
        for _ in range(random.choice([0, 1, 2, 6])):
            passing()
    if harness.deployment:
        harness.delete()
    for _ in range(6):
        passing()


def _sagemaker() -> Iterator[list[Object]]:
    for seed in range(40):
        random, world = Random(seed), World(may_adopt=lambda: True)
        harness = Harness(world, rules=(ADOPTERS,))
        states = _recorded(harness)
        if seed % 6 == 0:
            world.outside_config("before", "main", "AllTraffic")
            world.outside_endpoint(ENDPOINT, {"team": "search"}, "before")

        def passing(harness: Harness = harness, world: World = world, random: Random = random) -> None:
            faults = ("refused", "throttled", "lost", "killed before", "killed after")
            world.faults = [random.choice(faults)] if random.random() < 0.15 else []  # type: ignore[list-item]
            harness.deliver()
            harness.one_pass()
            if random.random() < 0.6:
                world.tick(ENDPOINT)

        harness.apply(A, target={"sageMaker": {"adopt": seed % 6 == 0}})
        _walk(harness, random, [*_common(harness, random), *_of_the_world(world)], passing)
        yield states


def _of_the_world(world: World) -> list[Deed]:
    def theirs() -> None:
        world.outside_config("theirs", "main")
        world.outside_update(ENDPOINT, "theirs")

    return [
        lambda: setattr(world, "bad", {B}),
        lambda: setattr(world, "bad", set()),
        lambda: setattr(world, "mute", {C}),
        lambda: setattr(world, "shortages", 2),
        lambda: setattr(world, "rollback_fails", True),
        lambda: setattr(world, "current_account", "999999999999"),
        lambda: setattr(world, "current_account", "123456789012"),
        lambda: world.endpoints.pop(ENDPOINT, None),
        theirs,
    ]


def _cluster() -> Iterator[list[Object]]:
    for seed in range(5):  # a fake API server copies a lot: a third of a second each
        random, life = Random(seed), Life()
        states = _recorded(life)

        def passing(life: Life = life, random: Random = random) -> None:
            life.deliver()
            again = life.one_pass()
            (life.cluster.nodes.settle if random.random() < 0.7 else life.cluster.nodes.run)()
            life.clock.seconds += min(again or 0.0, 60.0)

        life.begin(rollout=CHECK)
        _walk(life, random, [*_common(life, random), *_of_the_cluster(life)], passing)
        yield states


def _of_the_cluster(life: Life) -> list[Deed]:
    def each_pod(what: Callable[[str], object]) -> Deed:
        return lambda: [what(pod) for pod in life.cluster.pods("ml")]

    nodes, words = life.cluster.nodes, "0/3 nodes are available: 3 Insufficient nvidia.com/gpu."
    route = {"parentRefs": [{"name": "edge"}], "hostnames": ["twin.example.com"]}
    spec = {"ports": [{"port": 80, "protocol": "TCP"}]}
    stranger = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "twin", "namespace": "ml"}, "spec": spec}
    return [
        each_pod(lambda pod: nodes.unschedulable("ml", pod, words)),
        each_pod(lambda pod: nodes.unready("ml", pod)),
        lambda: life.edit(target={"cluster": {"expose": {"httpRoute": route}}}),
        lambda: life.edit(target={"cluster": {"cache": {"size": "10Gi"}}}),
        lambda: life.cluster.lacks.add("HTTPRoute"),
        lambda: life.cluster.lacks.clear(),
        lambda: setattr(life.cluster, "denies", lambda manifest: "no" if manifest["kind"] == "HTTPRoute" else None),
        lambda: life.cluster.fail("execute", Rejected("ApiServerRefused", "a quota is exhausted"), times=2),
        lambda: life.cluster.fail("observe", Transient("ApiServerUnreachable", "no connection"), times=2),
        lambda: life.cluster.objects.get(SERVICE) and life.cluster.objects.delete(SERVICE),
        lambda: life.cluster.objects.get(SERVICE) or life.cluster.objects.create(deepcopy(stranger)),
    ]
