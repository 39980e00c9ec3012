"""Which kinds the cluster has: asked now and then, by one pass for all."""

import asyncio
from collections import Counter
from typing import cast

import pytest

from slipway.domain.cluster.apis import AUTOSCALER, POD_MONITOR
from slipway.domain.errors import Transient
from slipway.kube import Resources
from slipway.targets.cluster.discovery import Discovery


class ApiServer:
    """Groups and what is in them; one that is missing is answered 404."""

    def __init__(self) -> None:
        self.groups: dict[tuple[str, str], frozenset[str]] = {
            ("apps", "v1"): frozenset({"Deployment", "ReplicaSet"}),
            ("monitoring.coreos.com", "v1"): frozenset({"ServiceMonitor"}),
        }
        self.broken: set[str] = set()
        self.asked: Counter[str] = Counter()

    async def kinds_served(self, group: str, version: str) -> frozenset[str] | None:
        await asyncio.sleep(0)
        self.asked[group] += 1
        if group in self.broken:
            raise Transient("ApiServerError", "the server is currently unable to handle the request")
        return self.groups.get((group, version))


def made(lifetime: float = 60.0) -> tuple[Discovery, ApiServer]:
    server = ApiServer()
    return Discovery(cast(Resources, server), lifetime=lifetime), server


async def test_a_group_and_a_kind_of_a_group_may_be_missing() -> None:
    discovery, _ = made()
    asked = {"Deployment", "Service", "Pod", "PodMonitor", "ServiceMonitor", "HorizontalPodAutoscaler", "ScaledObject"}
    assert await discovery.missing(asked) == {"PodMonitor", "HorizontalPodAutoscaler", "ScaledObject"}


async def test_an_older_version_does_not_count() -> None:
    discovery, server = made()
    server.groups["autoscaling", "v2beta2"] = frozenset({"HorizontalPodAutoscaler"})
    assert await discovery.missing({"HorizontalPodAutoscaler"}) == {"HorizontalPodAutoscaler"}


async def test_a_hundred_passes_are_one_question_for_each_group() -> None:
    discovery, server = made()
    answers = await asyncio.gather(*(discovery.missing({"PodMonitor", "ServiceMonitor"}) for _ in range(100)))
    assert set(answers) == {frozenset({"PodMonitor"})}
    assert server.asked == {"monitoring.coreos.com": 1}


async def test_what_is_installed_later_is_noticed_after_a_while() -> None:
    discovery, server = made(lifetime=0)
    assert await discovery.missing({"ScaledObject"}) == {"ScaledObject"}
    server.groups["keda.sh", "v1alpha1"] = frozenset({"ScaledObject"})
    assert await discovery.missing({"ScaledObject"}) == frozenset()


async def test_what_turned_out_wrong_is_asked_again_at_once() -> None:
    discovery, server = made()
    server.groups["autoscaling", "v2"] = frozenset({"HorizontalPodAutoscaler"})
    assert await discovery.missing({"HorizontalPodAutoscaler"}) == frozenset()
    del server.groups["autoscaling", "v2"]
    assert await discovery.missing({"HorizontalPodAutoscaler"}) == frozenset()
    discovery.forget(AUTOSCALER)
    discovery.forget(POD_MONITOR)  # never asked about
    assert await discovery.missing({"HorizontalPodAutoscaler"}) == {"HorizontalPodAutoscaler"}


async def test_an_aggregated_api_that_does_not_answer_is_not_missing() -> None:
    discovery, server = made()
    server.broken.add("monitoring.coreos.com")
    with pytest.raises(Transient):
        await discovery.missing({"Deployment", "PodMonitor"})
    assert await discovery.missing({"Deployment"}) == frozenset()
    server.broken.clear()
    assert await discovery.missing({"PodMonitor"}) == {"PodMonitor"}
