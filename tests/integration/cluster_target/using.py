"""What a user of the operator does, and what the status and the endpoint then say."""

from typing import Any

import httpx2

from tests.integration.cluster_target.conftest import ClusterBench
from tests.testbed.node.machine import Machine
from tests.testbed.node.runtime import Pace

LONGEST = 60
FOUR = (Machine("one", gpus=2), Machine("two", gpus=2))
QUICK = Pace(load_seconds=1.0)


def published(here: ClusterBench, note: str = "", **behaviour: Any) -> str:
    return here.bed.publish(note=note, **behaviour)


def begun(here: ClusterBench, **spec: Any) -> str:
    """A Deployment of a first commit that serves."""
    commit = published(here)
    here.bench.model_version()
    here.bench.deployment(cluster=spec.pop("cluster", {}), **spec)
    serves(here, commit)
    return commit


def serves(here: ClusterBench, commit: str) -> None:
    """Until nothing is under way any more, and clients get answers from this commit alone."""
    here.bench.wait(lambda: here.bench.serving() == commit, f"{commit} serves", LONGEST)
    at_rest = {"Ready", "OptionalApiMissing", "Limited"}
    here.bench.wait(lambda: reasons(here).keys() <= at_rest, "nothing is under way", LONGEST)
    here.bench.wait(lambda: commit in answer(here), "it answers", LONGEST)


def reasons(here: ClusterBench) -> dict[str, str]:
    return {c["type"]: c["reason"] for c in here.bench.status("Deployment").get("conditions", [])}


def message(here: ClusterBench, condition: str) -> str:
    return str(here.bench.condition("Deployment", "twin", condition).get("message", ""))


def answer(here: ClusterBench) -> str:
    """What clients of the Service get; empty where there is nothing to get."""
    try:
        return here.bed.ask()
    except httpx2.HTTPError:
        return ""


def edited(here: ClusterBench, **spec: Any) -> None:
    here.bench.cluster.patch("Deployment", here.bench.namespace, "twin", {"spec": spec})
