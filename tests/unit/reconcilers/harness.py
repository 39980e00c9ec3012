"""The passes over one Deployment, with an API server of two dictionaries and a SageMaker in memory.

The passes are the operator's own, so the order of what they store and what they do is not a copy. Nothing waits:
every pass is driven to its end in one go.
"""

from base64 import b64decode
from collections.abc import Coroutine
from copy import deepcopy
from typing import Any, TypeVar, cast

from slipway.api.v1alpha1 import RECONCILE_NOW
from slipway.api.v1alpha1.deployment import Deployment
from slipway.domain.conditions import timestamp
from slipway.domain.errors import Conflict, NotFound
from slipway.domain.installation import Installation, Timing
from slipway.domain.names import Owner
from slipway.domain.ownership import is_owned
from slipway.domain.permissions import PlacementRule
from slipway.domain.sagemaker import catalogue
from slipway.domain.sagemaker.steps import Step
from slipway.kube import Kube
from slipway.loop.keys import Key
from slipway.loop.store import Object, Store
from slipway.reconcilers.deployment import DeploymentReconciler
from slipway.reconcilers.deployment_pass import Tools
from slipway.reconcilers.reporting import Reporter
from slipway.reconcilers.retries import Retries
from slipway.telemetry.events import EventRecorder
from slipway.telemetry.metrics import Metrics
from tests.testbed.fakes.cluster import FakeCluster
from tests.unit.domain.builders import REGION, ROLE, A, deployment_json, merged, model_version_json
from tests.unit.loop.fakes import FakeClock
from tests.unit.reconcilers.world import Killed, World

T = TypeVar("T")
SDEP = Key("Deployment", "ml", "twin")
MV = Key("ModelVersion", "ml", "twin")
ADOPTERS = PlacementRule(("*",), ("*",), (REGION,), (ROLE,), adopt=("*",))
"""Lets everybody adopt every endpoint."""
CALM_PASSES = 80
"""More than any way from one state to rest takes, most of them spent on watching transitions end."""


def driven(passing: Coroutine[Any, Any, T]) -> T:
    """Run to the end a coroutine that never has to wait."""
    try:
        passing.send(None)
    except StopIteration as ended:
        return cast(T, ended.value)
    raise AssertionError("the pass waited for something")


class FakeKube:
    """The API server: optimistic locking, finalizers that hold a deletion, and a kill switch."""

    def __init__(self) -> None:
        self.objects: dict[Key, Object] = {}
        self.secrets: dict[str, Object] = {}
        """By name, in the one namespace."""
        self.writes = 0
        self.kill: str | None = None
        """`before` or `after` the next write."""
        self._versions = 100

    def put(self, key: Key, raw: Object) -> Object:
        self._versions += 1
        stored = merged(raw, {"metadata": {"resourceVersion": str(self._versions)}})
        self.objects[key] = stored
        return stored

    async def get(self, key: Key) -> Object | None:
        return deepcopy(self.objects.get(key))

    async def apply_status(self, key: Key, resource_version: str, status: dict[str, Any]) -> Object:
        return self._write(key, resource_version, {"status": None}, status)

    async def set_finalizers(self, key: Key, resource_version: str, finalizers: list[str]) -> Object:
        return self._write(key, resource_version, {"metadata": {"finalizers": finalizers}}, None)

    async def secret(self, namespace: str, name: str) -> Object | None:
        return deepcopy(self.secrets.get(name))

    async def apply_secret(self, manifest: Object, resource_version: str | None) -> Object:
        kill, self.kill = self.kill, None
        if kill == "before":
            raise Killed
        name = manifest["metadata"]["name"]
        there = self.secrets.get(name)
        if (there["metadata"]["resourceVersion"] if there else None) != resource_version:
            raise Conflict("Conflict", f"the Secret {name} has changed")
        self.writes += 1
        self._versions += 1
        fields = {"f:data": {f"f:{key}": {} for key in manifest["data"]}}
        applied = [{"manager": "slipway", "operation": "Apply", "fieldsV1": fields}]
        version = {"resourceVersion": str(self._versions), "managedFields": applied}
        self.secrets[name] = merged(deepcopy(manifest), {"metadata": version})
        if kill == "after":
            raise Killed
        return deepcopy(self.secrets[name])

    def _write(self, key: Key, resource_version: str, change: Object, status: Object | None) -> Object:
        kill, self.kill = self.kill, None
        if kill == "before":
            raise Killed
        live = self.objects.get(key)
        if live is None:
            raise NotFound("NotFound", f"{key} is gone")
        if live["metadata"]["resourceVersion"] != resource_version:
            raise Conflict("Conflict", f"{key} has changed")
        self.writes += 1
        body = merged(live, change)
        written = self.put(key, {**body, "status": status} if status is not None else {**body})
        if written["metadata"].get("deletionTimestamp") and not written["metadata"].get("finalizers"):
            del self.objects[key]
            self._collect(written["metadata"]["uid"])
        if kill == "after":
            raise Killed
        return deepcopy(written)

    def _collect(self, uid: str) -> None:
        """What the garbage collector does with the dependents of an object that is gone."""
        owned = [name for name, secret in self.secrets.items() if is_owned(secret, uid)]
        for name in owned:
            del self.secrets[name]


class Harness:
    """One Deployment ml/twin, its ModelVersion, and an operator that can be killed and started again."""

    def __init__(self, world: World | None = None, rules: tuple[PlacementRule, ...] = (), **timing: float) -> None:
        self.world = world or World()
        self.rules = rules
        self.kube = FakeKube()
        self.clock = FakeClock(0.0)
        self.cluster = FakeCluster(now=self.clock.now)
        # Looks at the Secret are rarer than all other waits: they are passes that change nothing, but no rest.
        looks = {"binding_recheck": 86400.0, "secret_recheck": 86400.0}
        self.timing = Timing(**{"endpoint_visible": 0.0, **looks, **timing})
        self.generation = 0
        self._uids = 0
        self.start()

    def start(self) -> None:
        """A new process: what was in memory is lost."""
        self.store = Store()
        kube = cast(Kube, self.kube)
        metrics = Metrics()
        self.tools = Tools(
            kube=kube,
            store=self.store,
            reporter=Reporter(kube, self.store, EventRecorder(kube, self.clock, metrics), metrics),
            target=self.world,
            cluster=self.cluster,
            catalogue=catalogue.shipped(),
            installation=Installation(
                "here",
                placement_rules=self.rules,
                default_regions=(REGION,),
                default_execution_roles=(ROLE,),
                timing=self.timing,
            ),
            retries=Retries(self.timing, self.clock),
            clock=self.clock,
            metrics=metrics,
            chance=lambda: 1.0,
        )
        self.reconciler = DeploymentReconciler(self.tools)
        self.deliver()

    # What people do

    def apply(self, commit: str | None = A, **spec: Any) -> None:
        """Create both objects."""
        self.resolve(commit)
        self._uids += 1
        self.generation = 1
        raw = deployment_json(spec)
        created = {"uid": f"uid-{self._uids}", "creationTimestamp": timestamp(self.clock.now())}
        raw["metadata"] = merged(raw["metadata"], created)
        self.kube.put(SDEP, raw)
        self.deliver()

    def resolve(self, commit: str | None) -> None:
        """The ModelVersion names this commit; None: it is deleted."""
        if commit is None:
            self.kube.objects.pop(MV, None)
        else:
            self.kube.put(MV, model_version_json(commit))

    def edit(self, **spec: Any) -> None:
        """Change the spec, which moves the generation."""
        live = self.kube.objects[SDEP]
        self.generation += 1
        self.kube.put(SDEP, merged(live, {"spec": spec, "metadata": {"generation": self.generation}}))

    def trigger(self, value: str) -> None:
        self.kube.put(SDEP, merged(self.kube.objects[SDEP], {"metadata": {"annotations": {RECONCILE_NOW: value}}}))

    def delete(self) -> None:
        live = self.kube.objects[SDEP]
        if not live["metadata"].get("finalizers"):
            del self.kube.objects[SDEP]
        elif not live["metadata"].get("deletionTimestamp"):
            self.generation += 1
            mark = {"deletionTimestamp": "2026-11-05T12:00:00Z", "generation": self.generation}
            self.kube.put(SDEP, merged(live, {"metadata": mark}))

    # What the machinery does

    def deliver(self) -> None:
        """The watch brings everything up to date."""
        for key in (SDEP, MV):
            live = self.kube.objects.get(key)
            if live is None:
                self.store.discard(key)
            else:
                self.store.put(key, deepcopy(live))

    def one_pass(self) -> float | None:
        """One pass over what the watch has delivered; a process that is killed in it is started again."""
        try:
            return driven(self.reconciler.reconcile(SDEP))
        except Killed:
            self.start()
            return 0.0

    def calm(self) -> int:
        """No more faults and changes: passes until everything is at rest. Returns their number."""
        self.world.faults.clear()
        self.kube.kill = None
        quiet = passes = 0
        while quiet < 3:
            passes += 1
            assert passes < CALM_PASSES, f"does not come to rest: {self.describe()}"
            self.deliver()
            before = (self.kube.writes, len(self.world.sent), self._moving())
            again = self.one_pass()
            for name in list(self.world.endpoints):
                self.world.tick(name)
            still = before == (self.kube.writes, len(self.world.sent), False)
            quiet = quiet + 1 if still and not self._waiting() else 0
            for_the_secret = again == self.timing.binding_recheck  # nothing to wait for
            self.clock.seconds += 1.0 if again is None or for_the_secret else max(1.0, again)
        return passes

    def _waiting(self) -> bool:
        """Whether the status says that something goes on: another pass may come sooner than the one it waits for."""
        return self.deployment is not None and "Reconciling" in self.conditions()

    def _moving(self) -> bool:
        return any(endpoint.state.is_moving for endpoint in self.world.endpoints.values())

    # What can be seen

    @property
    def deployment(self) -> Deployment | None:
        raw = self.kube.objects.get(SDEP)
        return Deployment.model_validate(raw) if raw else None

    @property
    def live(self) -> Deployment:
        found = self.deployment
        assert found is not None, "the Deployment is gone"
        return found

    @property
    def secret(self) -> dict[str, str] | None:
        """The binding Secret's content, decoded."""
        found = self.kube.secrets.get("twin-binding")
        return {key: b64decode(value).decode() for key, value in found["data"].items()} if found else None

    @property
    def owner(self) -> Owner:
        return Owner("here", "ml", "twin", f"uid-{self._uids}")

    def conditions(self) -> dict[str, tuple[str, str]]:
        """Status and reason by type."""
        return {c.type: (c.status, c.reason) for c in self.live.status.conditions}

    def message(self, kind: str) -> str:
        return next(c.message for c in self.live.status.conditions if c.type == kind)

    def describe(self) -> str:
        """Everything, for a test that failed."""
        sent = [f"{type(step).__name__} {_name(step)}" for step in self.world.sent[-12:]]
        if self.deployment is None:
            return f"gone\nworld={list(self.world.endpoints.values())}\nsent={sent}"
        status = self.live.status
        revision = {name: entry.config for name, entry in status.revision if hasattr(entry, "config")}
        attempt = status.attempt and status.attempt.model_dump(include={"config", "outcome", "reason", "retry_at"})
        return (
            f"{self.conditions()}\nrevision={revision}\nattempt={attempt}\n"
            f"world={list(self.world.endpoints.values())}\nsent={sent}"
        )


def _name(step: Step) -> str:
    for words in ("config", "model"):
        if hasattr(getattr(step, words, None), "name"):
            return str(getattr(step, words).name)
    return str(getattr(step, "config", None) or getattr(step, "name", ""))
