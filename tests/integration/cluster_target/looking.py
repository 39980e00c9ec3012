"""What the tests of pods look at."""

from pathlib import Path

import httpx2

from tests.testbed.node.bed import Bed, Object, condition


def engine(pod: Object) -> Object:
    """The status of a pod's container."""
    statuses: list[Object] = (pod.get("status") or {}).get("containerStatuses") or [{}]
    return statuses[0]


def waiting(bed: Bed, name: str = "twin") -> Object:
    """Why a pod's container waits."""
    found: Object = engine(bed.things.get("Pod", name) or {}).get("state", {}).get("waiting") or {}
    return found


def served(bed: Bed, count: int = 1, name: str = "twin") -> list[Object]:
    """So many ready pods, once they answer through their Service."""
    bed.wait(lambda: len(bed.ready(app=name)) == count, f"{count} pods of {name} are ready")
    bed.wait(lambda: routed(bed, name) == {pod["status"]["podIP"] for pod in bed.ready(app=name)}, "all are routed to")
    return bed.ready(app=name)


def routed(bed: Bed, name: str) -> set[str]:
    endpoints = bed.things.get("Endpoints", name) or {}
    return {each["ip"] for subset in endpoints.get("subsets") or [] for each in subset.get("addresses") or []}


def answers(bed: Bed) -> bool:
    try:
        return bool(bed.ask())
    except httpx2.HTTPError:
        return False


def alive(pids: list[int]) -> list[int]:
    return [pid for pid in pids if Path(f"/proc/{pid}").exists()]


def phase(bed: Bed, name: str) -> str:
    return str(((bed.things.get("Pod", name) or {}).get("status") or {}).get("phase"))


def unscheduled(bed: Bed, name: str) -> Object:
    pod = bed.things.get("Pod", name) or {}
    return pod if condition(pod, "PodScheduled").get("status") == "False" else {}
