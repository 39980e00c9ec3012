"""The scheduler's loop: pods that wait for a node, one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from tests.testbed.node.api import STRATEGIC, Api, ApiError, Informer, claim_path, pod_path
from tests.testbed.node.events import Events, now
from tests.testbed.node.placing import Claims, Unschedulable, place

Object = dict[str, Any]
SELECTED_NODE = "volume.kubernetes.io/selected-node"
_AGAIN = 1.0
"""Seconds after which everything is looked at again without a reason."""


class Scheduler:
    """Places pods on the nodes of this test bed."""

    def __init__(
        self, api: Api, pods: Informer, claims: Informer, nodes: Informer, ours: Callable[[Object], bool]
    ) -> None:
        self._api = api
        self._pods = pods
        self._claims = claims
        self._nodes = nodes
        self._ours = ours
        self._events = Events(api, "default-scheduler")
        self._bound: dict[str, str] = {}
        """Nodes by uid of pods of which the binding is under way or not seen yet."""
        self.wake = asyncio.Event()

    async def run(self) -> None:
        """For ever."""
        await asyncio.gather(self._pods.synced.wait(), self._claims.synced.wait(), self._nodes.synced.wait())
        while True:
            self.wake.clear()
            waiting = [pod for pod in self._pods.objects.values() if self._waits(pod)]
            for pod in sorted(waiting, key=lambda each: str(each["metadata"]["creationTimestamp"])):
                await self._schedule(pod)
            try:
                async with asyncio.timeout(_AGAIN):
                    await self.wake.wait()
            except TimeoutError:
                continue

    def _waits(self, pod: Object) -> bool:
        spec = pod["spec"]
        return (
            not spec.get("nodeName")
            and spec.get("schedulerName", "default-scheduler") == "default-scheduler"
            and not pod["metadata"].get("deletionTimestamp")
            and pod["metadata"]["uid"] not in self._bound
        )

    async def _schedule(self, pod: Object) -> None:
        claims, first_consumers = await self._look_at_claims(pod)
        nodes = [node for node in self._nodes.objects.values() if self._ours(node)]
        found = place(pod, nodes, self._everywhere(), claims)
        if isinstance(found, Unschedulable):
            await self._refuse(pod, found.message)
            return
        if first_consumers:  # bound on the node of their first pod; the pod follows once they are
            for claim in first_consumers:
                if (claim["metadata"].get("annotations") or {}).get(SELECTED_NODE) != found:
                    await self._api.patch(claim_path(claim), {"metadata": {"annotations": {SELECTED_NODE: found}}})
            return
        await self._bind(pod, found)

    def _everywhere(self) -> list[Object]:
        """All pods, those whose binding is not seen yet with their node."""
        return [
            pod | {"spec": pod["spec"] | {"nodeName": self._bound[pod["metadata"]["uid"]]}}
            if pod["metadata"]["uid"] in self._bound and not pod["spec"].get("nodeName")
            else pod
            for pod in self._pods.objects.values()
        ]

    async def _bind(self, pod: Object, node: str) -> None:
        meta = pod["metadata"]
        binding = {
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"name": meta["name"], "uid": meta["uid"]},
            "target": {"apiVersion": "v1", "kind": "Node", "name": node},
        }
        self._bound[meta["uid"]] = node
        try:
            await self._api.create(f"{pod_path(pod)}/binding", binding)
        except ApiError:  # it is gone, or was bound before an answer was lost
            return
        said = f"Successfully assigned {meta['namespace']}/{meta['name']} to {node}"
        await self._events.say(pod, "Normal", "Scheduled", said)

    async def _refuse(self, pod: Object, message: str) -> None:
        conditions = (pod.get("status") or {}).get("conditions") or []
        if not any(each["type"] == "PodScheduled" and each.get("message") == message for each in conditions):
            condition = {
                "type": "PodScheduled",
                "status": "False",
                "reason": "Unschedulable",
                "message": message,
                "lastProbeTime": None,
                "lastTransitionTime": now(),
            }
            await self._api.patch(f"{pod_path(pod)}/status", {"status": {"conditions": [condition]}}, STRATEGIC)
            await self._events.say(pod, "Warning", "FailedScheduling", message)

    async def _look_at_claims(self, pod: Object) -> tuple[Claims, list[Object]]:
        """What the claims ask for, and those that wait for their first consumer."""
        affinities, first_consumers = [], []
        for volume in pod["spec"].get("volumes") or []:
            if "persistentVolumeClaim" not in volume:
                continue
            name = volume["persistentVolumeClaim"]["claimName"]
            claim = self._claims.get(pod["metadata"]["namespace"], name)
            if claim is None:
                return Claims(missing=name), []
            volume_name = claim["spec"].get("volumeName")
            if volume_name and (claim.get("status") or {}).get("phase") == "Bound":
                bound = await self._api.get(f"/api/v1/persistentvolumes/{volume_name}") or {"spec": {}}
                required = (bound["spec"].get("nodeAffinity") or {}).get("required")
                if required:
                    affinities.append(required["nodeSelectorTerms"])
            elif await self._waits_for_consumer(claim):
                first_consumers.append(claim)
            else:
                return Claims(unbound=True), []
        return Claims(affinities=tuple(affinities)), first_consumers

    async def _waits_for_consumer(self, claim: Object) -> bool:
        name = claim["spec"].get("storageClassName")
        found = await self._api.get(f"/apis/storage.k8s.io/v1/storageclasses/{name}") if name else None
        return found is not None and found.get("volumeBindingMode") == "WaitForFirstConsumer"
