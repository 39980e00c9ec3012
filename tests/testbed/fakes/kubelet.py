"""The scheduler and the kubelets of a cluster: what becomes of each pod is said, nothing happens by itself."""

import itertools
from typing import Any

from slipway.domain.cluster.marks import Manifest
from tests.testbed.fakes.controllers import Controllers, is_ready, owner_of
from tests.testbed.fakes.kube_objects import KubeObjects, Place

_STARTED = ("Initialized", "PodScheduled")


class Nodes:
    """Nodes with pods, and the controllers beside them."""

    def __init__(self, objects: KubeObjects) -> None:
        self._objects = objects
        self._controllers = Controllers(objects)
        self._addresses = itertools.count(1)

    def run(self) -> None:
        """One turn of the controllers: pods as Deployments and Jobs ask, orphans go, Endpoints follow the pods."""
        self._controllers.run()

    def settle(self) -> None:
        """Everything goes well: deleted pods end, all others become ready, Jobs succeed, until nothing changes."""
        for _ in range(20):
            before = self._objects.versions()
            self.run()
            for pod in self._objects.each("Pod"):
                self._go_well(pod)
            if self._objects.versions() == before:
                return
        raise AssertionError("it does not settle: somebody makes new pods for ever")

    def _go_well(self, pod: Manifest) -> None:
        namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
        if "deletionTimestamp" in pod["metadata"]:
            self.end(namespace, name)
        elif job := owner_of(pod, "Job"):
            if pod["status"]["phase"] != "Succeeded":
                self.finish_job(namespace, job)
        elif not is_ready(pod):
            self.ready(namespace, name)

    def schedule(self, namespace: str, pod: str, node: str = "node-1") -> None:
        """The scheduler has found a node."""
        self._status(namespace, pod, conditions={"PodScheduled": "True"}, spec={"nodeName": node})

    def unschedulable(self, namespace: str, pod: str, message: str) -> None:
        """No node suits; `message` in the scheduler's words."""
        self._status(namespace, pod, conditions={"PodScheduled": ("False", "Unschedulable", message)})

    def waiting(self, namespace: str, pod: str, reason: str, message: str = "") -> None:
        """The container does not start: ImagePullBackOff, CreateContainerConfigError and the like."""
        state = {"waiting": {"reason": reason, "message": message}}
        conditions = dict.fromkeys(_STARTED, "True") | {"Ready": "False", "ContainersReady": "False"}
        self._status(namespace, pod, conditions=conditions, state=state, ready=False)

    def start(self, namespace: str, pod: str) -> None:
        """The container runs, and its probe has not passed yet."""
        self._running(namespace, pod, ready=False)

    def ready(self, namespace: str, pod: str) -> None:
        """The readiness probe passes."""
        self._running(namespace, pod, ready=True)

    def unready(self, namespace: str, pod: str) -> None:
        """The readiness probe fails."""
        self._running(namespace, pod, ready=False)

    def crash(self, namespace: str, pod: str, *, code: int = 1, reason: str = "Error", message: str = "") -> None:
        """The container has ended and is started again after a while. `message`: its termination message."""
        found = self._pod(namespace, pod)
        count = found["status"].get("containerStatuses", [{}])[0].get("restartCount", 0)
        now = self._objects.timestamp()
        ended = {"exitCode": code, "reason": reason, "startedAt": now, "finishedAt": now}
        last = {"terminated": ended | ({"message": message} if message else {})}
        container = found["spec"]["containers"][0]["name"]
        text = f"back-off 5m0s restarting failed container={container} pod={pod}_{namespace}"
        state = {"waiting": {"reason": "CrashLoopBackOff", "message": text}}
        conditions = dict.fromkeys(_STARTED, "True") | {"Ready": "False", "ContainersReady": "False"}
        self._status(
            namespace, pod, conditions=conditions, state=state, last=last, ready=False, restarts=count + 1,
            phase="Running", address=True,
        )  # fmt: skip

    def end(self, namespace: str, pod: str) -> None:
        """A pod that was deleted is gone."""
        self._objects.remove(Place(namespace, "Pod", pod))

    def finish_job(self, namespace: str, job: str, *, succeeded: bool = True, message: str = "") -> None:
        """The pod of a Job has ended; a Job that failed has used up its tries."""
        phase, condition = ("Succeeded", "Complete") if succeeded else ("Failed", "Failed")
        for pod in self._objects.each("Pod", namespace):
            if owner_of(pod, "Job") == job:
                self._status(namespace, pod["metadata"]["name"], phase=phase, conditions={"Ready": "False"})
        now = self._objects.timestamp()
        reason = {} if succeeded else {"reason": "BackoffLimitExceeded", "message": message}
        done = {"type": condition, "status": "True", "lastTransitionTime": now, **reason}
        status = {"conditions": [done], "active": None, "succeeded" if succeeded else "failed": 1}
        self._objects.merge(Place(namespace, "Job", job), {"status": status})

    def _running(self, namespace: str, pod: str, *, ready: bool) -> None:
        flag = "True" if ready else "False"
        conditions = dict.fromkeys(_STARTED, "True") | {"Ready": flag, "ContainersReady": flag}
        state = {"running": {"startedAt": self._objects.timestamp()}}
        self._status(
            namespace, pod, conditions=conditions, state=state, ready=ready, phase="Running", address=True,
            spec={"nodeName": "node-1"},
        )  # fmt: skip

    def _status(
        self,
        namespace: str,
        pod: str,
        *,
        conditions: dict[str, Any],
        state: dict[str, Any] | None = None,
        last: dict[str, Any] | None = None,
        ready: bool | None = None,
        restarts: int | None = None,
        phase: str | None = None,
        address: bool = False,
        spec: dict[str, Any] | None = None,
    ) -> None:
        found = self._pod(namespace, pod)
        status = found["status"]
        there = {condition["type"]: condition for condition in status.get("conditions", [])}
        for kind, value in conditions.items():
            there[kind] = _condition(there.get(kind), kind, value, self._objects.timestamp())
        new: dict[str, Any] = {"conditions": [there[kind] for kind in sorted(there)]}
        if phase:
            new["phase"] = phase
        if address and "podIP" not in status:
            number = next(self._addresses)
            new["podIP"] = f"10.244.{number // 250}.{number % 250 + 1}"
        if state is not None:
            new["containerStatuses"] = [_container(found, state, last, ready, restarts)]
        self._objects.merge(Place(namespace, "Pod", pod), {"status": new} | ({"spec": spec} if spec else {}))

    def _pod(self, namespace: str, name: str) -> Manifest:
        found = self._objects.get(Place(namespace, "Pod", name))
        assert found, f"there is no pod {name} in {namespace}"
        return found


def _container(
    pod: Manifest, state: dict[str, Any], last: dict[str, Any] | None, ready: bool | None, restarts: int | None
) -> dict[str, Any]:
    before = pod["status"].get("containerStatuses", [{}])[0]
    container = pod["spec"]["containers"][0]
    return {
        "name": container["name"],
        "image": container["image"],
        "ready": bool(ready),
        "started": "running" in state,
        "restartCount": before.get("restartCount", 0) if restarts is None else restarts,
        "state": state,
        "lastState": last or before.get("lastState") or {},
    }


def _condition(before: dict[str, Any] | None, kind: str, value: Any, now: str) -> dict[str, Any]:
    status, reason, message = value if isinstance(value, tuple) else (value, None, None)
    said = {"reason": reason, "message": message} if reason else {}
    since = before["lastTransitionTime"] if before and before["status"] == status else now
    return {"type": kind, "status": status, "lastTransitionTime": since, **said}
