"""Lives of a Deployment whose target is the cluster, in which an operator may crash at any of its writes.

Each says how far everything must have come, whatever happened on the way, and what must hold then. Only within
`endangered` are writes counted, and crashes made: what another life covers already comes before or after it. A client
asks all the time, and watches that nothing answers which has not proved itself.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from tests.integration.cluster_target.conftest import ClusterBench
from tests.integration.cluster_target.standing import (
    PROMPT,
    Client,
    Stand,
    deleted,
    digest_of,
    history,
    pods_run,
    stands,
)
from tests.integration.crashing import Endangered
from tests.testbed.node.bed import Object
from tests.testbed.node.machine import Machine

CHECK = {"prompt": PROMPT}
STEPS = {"shift": "Canary", "stepPercent": 25, "stepInterval": "1s", "terminationWait": "1s"}
OUT_OF_MEMORY = "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB."
FOUR = (Machine("one", gpus=2), Machine("two", gpus=2))
ONE = (Machine("one", gpus=1),)


@dataclass(frozen=True)
class Life:
    """What a user does, and the writes of the operator that belong to it."""

    name: str
    live: Callable[[ClusterBench, Endangered], None]
    """Fails unless everything is as it must be."""
    writes: frozenset[str]
    """Everything that the operator writes where it is endangered."""
    machines: tuple[Machine, ...] = FOUR

    def __str__(self) -> str:
        return self.name


# What all of them do


def published(here: ClusterBench, note: str = "", **behaviour: Any) -> str:
    return here.bed.publish(note=note, **behaviour)


def begun(here: ClusterBench, *, cluster: Object | None = None, **spec: Any) -> str:
    """A Deployment of a first commit. It need not serve yet."""
    commit = published(here)
    here.bench.model_version()
    here.bench.deployment(cluster=cluster or {}, **spec)
    return commit


def edited(here: ClusterBench, **spec: Any) -> None:
    here.bench.cluster.patch("Deployment", here.bench.namespace, "twin", {"spec": spec})


# The lives


def create_scale_roll_delete(here: ClusterBench, endangered: Endangered) -> None:
    """After each of them, what is there must be exactly what should be."""
    with endangered():
        with Client(here) as client:
            first = begun(here, replicas=1, rollout={"check": CHECK})
            stands(here, Stand(first, pods=1))
            client.hears(first)
            edited(here, replicas=2)
            stands(here, Stand(first, pods=2))
            second = published(here, "better")
            stands(here, Stand(second, pods=2, without_pods=frozenset({first})))
            client.hears(second)
        assert client.answered == {first, second}
        assert history(here) == [(second, "Serving"), (first, "Replaced")]
        assert here.bench.status("Deployment")["check"]["outcome"] == "Passed"
        assert here.bench.status("Deployment")["revision"]["serving"]["verified"] == "Engine"
        assert [pods_run(here, f"twin-{digest_of(here, commit)}") for commit in (first, second)] == [2, 2]
        deleted(here)


def roll_back(here: ClusterBench, endangered: Endangered) -> None:
    """A commit that runs out of memory is given up for good, and the mended one after it serves."""
    first = begun(here, replicas=1)
    stands(here, Stand(first, pods=1))
    with endangered(), Client(here) as client:
        worse = published(here, "worse", dies=OUT_OF_MEMORY)
        kept = frozenset({worse})
        given_up = Stand(first, pods=1, without_pods=kept, failed=kept, stalled="OutOfGpuMemory")
        stands(here, given_up)
        # Another pass, and one that changes something: what failed is left alone, what serves follows the spec.
        edited(here, replicas=2)
        stands(here, replace(given_up, pods=2))
        assert history(here)[0] == (worse, "Failed")
        assert pods_run(here, f"twin-{digest_of(here, worse)}") == 1
        mended = published(here, "mended")
        # One is kept besides, and what has served before is worth more than what has failed.
        stands(here, Stand(mended, pods=2, without_pods=frozenset({first})))
        client.hears(mended)
    assert client.answered == {first, mended}
    assert history(here) == [(mended, "Serving"), (worse, "Failed"), (first, "Replaced")]


def failed_check(here: ClusterBench, endangered: Endangered) -> None:
    """A commit with nothing to say is ready, and never gets a request."""
    first = begun(here, replicas=1, rollout={"check": CHECK})
    stands(here, Stand(first, pods=1))
    with endangered(), Client(here) as client:
        silent = published(here, "silent", answers="nothing")
        kept = frozenset({silent})
        stands(here, Stand(first, pods=1, without_pods=kept, failed=kept, stalled="CheckFailed"))
        client.hears(first)
    assert client.answered == {first}
    assert here.bench.status("Deployment")["check"]["outcome"] == "Failed"
    assert history(here) == [(silent, "Failed"), (first, "Serving")]
    assert pods_run(here, f"twin-{digest_of(here, silent)}") == 1


def canary(here: ClusterBench, endangered: Endangered, *, cluster: Object | None = None) -> None:
    """One pod of the new commit beside two of the old one, then two, then nothing else."""
    first = begun(here, cluster=cluster, replicas=2, rollout={"blueGreen": STEPS, "check": CHECK})
    stands(here, Stand(first, pods=2))
    with endangered(), Client(here) as client:
        second = published(here, "better")
        stands(here, Stand(second, pods=2, without_pods=frozenset({first})))
        client.hears(second)
    assert client.answered == {first, second}
    assert history(here) == [(second, "Serving"), (first, "Replaced")]
    assert [pods_run(here, f"twin-{digest_of(here, commit)}") for commit in (first, second)] == [2, 2]


def recreate(here: ClusterBench, endangered: Endangered) -> None:
    """There is one GPU: the old pod goes before the new one comes."""
    first = begun(here, replicas=1, rollout={"strategy": "Recreate"})
    stands(here, Stand(first, pods=1))
    with endangered(), Client(here) as client:
        second = published(here, "better")
        stands(here, Stand(second, pods=1, without_pods=frozenset({first})))
        client.hears(second)
    assert second in client.answered
    assert history(here) == [(second, "Serving"), (first, "Replaced")]
    assert [pods_run(here, f"twin-{digest_of(here, commit)}") for commit in (first, second)] == [1, 1]


def cache(here: ClusterBench, endangered: Endangered) -> None:
    """Each commit is loaded once, before any of its pods starts."""
    with endangered():
        with Client(here) as client:
            first = begun(here, replicas=1, cluster={"cache": {"size": "10Gi"}})
            stands(here, Stand(first, pods=1))
            client.hears(first)
            second = published(here, "better")
            stands(here, Stand(second, pods=1, without_pods=frozenset({first})))
            client.hears(second)
        assert client.answered == {first, second}
        assert pods_run(here, "twin-load") == 2
        deleted(here)


FIRST = frozenset({"modelversions status", "deployments status", "secrets"})
BESIDE = frozenset({"patch networkpolicies", "patch serviceaccounts"})
ROLL = frozenset({"post deployments", "patch deployments/scale", "patch deployments", "patch services"})
STATUS = frozenset({"modelversions status", "deployments status"})

CREATE_SCALE_ROLL_DELETE = Life("create-scale-roll-delete", create_scale_roll_delete, FIRST | BESIDE | ROLL)
ROLL_BACK = Life("roll-back", roll_back, STATUS | ROLL | {"delete deployments"})
FAILED_CHECK = Life("failed-check", failed_check, STATUS | ROLL)
CANARY = Life("canary", canary, STATUS | ROLL)
BY_ROUTE = partial(canary, cluster={"expose": {"httpRoute": {"parentRefs": [{"name": "public"}]}}})
CANARY_BY_ROUTE = Life("canary-by-route", BY_ROUTE, STATUS | ROLL | {"patch httproutes", "delete services"})
RECREATE = Life("recreate", recreate, STATUS | ROLL, ONE)
CACHE = Life("cache", cache, FIRST | BESIDE | ROLL | {"patch jobs", "delete jobs", "patch persistentvolumeclaims"})
