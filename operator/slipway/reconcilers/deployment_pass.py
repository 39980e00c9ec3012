"""What passes over a Deployment share, whatever its target: what they look at, and how they report."""

import logging
import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from pydantic import ValidationError

from slipway.api.v1alpha1 import RECONCILE_NOW
from slipway.api.v1alpha1.deployment import Deployment
from slipway.api.v1alpha1.deployment_status import DeploymentStatus
from slipway.api.v1alpha1.model_version import ModelVersion
from slipway.domain import binding
from slipway.domain.binding import Bound
from slipway.domain.checks.chain import Checked
from slipway.domain.checks.inputs import Inputs
from slipway.domain.conditions import Finding
from slipway.domain.errors import Conflict, NotFound, OutsideError, RateLimited, Transient
from slipway.domain.installation import Installation
from slipway.domain.sagemaker.catalogue import Catalogue
from slipway.kube import Kube
from slipway.loop.clock import Clock
from slipway.loop.keys import Key
from slipway.loop.store import Object, Store
from slipway.reconcilers.binding import BindingKeeper
from slipway.reconcilers.reporting import Reporter
from slipway.reconcilers.retries import Retries
from slipway.targets.cluster.port import ClusterTarget
from slipway.targets.port import Targets
from slipway.telemetry.metrics import Metrics

log = logging.getLogger(__name__)

Conclusion = TypeVar("Conclusion")
"""What a pass has concluded, from which the status follows."""


class Outdated(Exception):  # nothing went wrong: the pass is void and will be done again
    """The object is not the one that the pass started from any more."""


@dataclass(frozen=True)
class Tools:
    """What every pass works with."""

    kube: Kube
    store: Store
    reporter: Reporter
    target: Targets
    """Amazon SageMaker."""
    cluster: ClusterTarget
    catalogue: Catalogue
    installation: Installation
    retries: Retries
    clock: Clock
    metrics: Metrics
    chance: Callable[[], float] = random.random
    """A number from 0 to 1, another one each time: what is not urgent must not all be done in the same moment."""


class DeploymentPass(ABC, Generic[Conclusion]):
    """One pass over one Deployment; nothing of it outlives the pass.

    Every method raises Outdated when the object has changed or gone meanwhile.
    """

    def __init__(self, tools: Tools, key: Key, raw: Object, deployment: Deployment) -> None:
        self.tools = tools
        self.key = key
        self.raw = raw
        self.deployment = deployment
        self.timing = tools.installation.timing
        self.now: datetime = tools.clock.now()
        metadata = deployment.metadata
        self.trigger = metadata.annotations.get(RECONCILE_NOW)
        recheck = binding.recheck_after(self.timing.binding_recheck, len(tools.store), tools.chance())
        self.binding = BindingKeeper(tools.kube, tools.metrics, metadata, self.timing, recheck=recheck)

    @abstractmethod
    def status_after(self, conclusion: Conclusion, bound: Bound | None = None) -> DeploymentStatus:
        """The status that follows. `bound`: what became of the Secret for clients, if it was looked after."""

    @abstractmethod
    def refused(self, conclusion: Conclusion, error: OutsideError) -> Conclusion:
        """The conclusion of a pass that ended in an error."""

    @abstractmethod
    def has_clients(self, conclusion: Conclusion) -> bool:
        """Whether the Secret for clients is still wanted."""

    async def report(self, conclusion: Conclusion) -> bool:
        """Write the status, if it changed, and before it the Secret that it names. Whether the status changed."""
        before = self.raw
        status = self.status_after(conclusion)
        bound = await self.binding.keep(status) if self.has_clients(conclusion) else None
        if bound:
            status = self.status_after(conclusion, bound)
        try:
            self.raw = await self.tools.reporter.report(self.key, self.raw, status.to_api())
        except (Conflict, NotFound) as changed:
            raise Outdated(str(changed)) from changed
        self.deployment = self.deployment.model_copy(update={"status": status})
        return self.raw is not before

    async def failed(self, circumstances: Hashable, error: OutsideError, conclusion: Conclusion) -> float:
        """Report what the outside world refused. Seconds until the next try."""
        delay = self.tools.retries.record(self.key, circumstances, error)
        log.warning("%s; next try in %.0f s", error, delay)
        await self.report(self.refused(conclusion, error))
        return delay

    async def check_alive(self) -> None:
        """The first mutation of a pass needs proof that the object is still the one that was planned for.

        Where the status was just written under its resourceVersion, that was the proof already.
        """
        live = await self.tools.kube.get(self.key)
        if live is None:
            raise Outdated("the object is gone")
        mine, now = self.raw["metadata"], live["metadata"]
        if (mine["uid"], mine["resourceVersion"]) != (now["uid"], now["resourceVersion"]):
            raise Outdated("the object was changed")

    async def set_finalizers(self, finalizers: list[str]) -> None:
        """Replace the finalizers."""
        version = self.raw["metadata"]["resourceVersion"]
        try:
            self.raw = await self.tools.kube.set_finalizers(self.key, version, finalizers)
        except (Conflict, NotFound) as changed:
            raise Outdated(str(changed)) from changed
        self.tools.metrics.kube_writes.labels("finalizers").inc()
        metadata = self.deployment.metadata
        if metadata.deletion_timestamp and not finalizers:
            # The watch may have told already; the answer would bring the object back until the next sweep.
            self.tools.store.discard(self.key, metadata.uid)
        else:
            self.tools.store.put(self.key, self.raw)

    async def model_versions(self) -> dict[str, ModelVersion]:
        """Those that the spec names and that exist, by name."""
        spec = self.deployment.spec
        names = dict.fromkeys([spec.model_ref.name, *(adapter.model_ref.name for adapter in spec.engine.adapters)])
        found = {name: await self._model_version(name) for name in names}
        return {name: model_version for name, model_version in found.items() if model_version}

    async def _model_version(self, name: str) -> ModelVersion | None:
        """One that was never seen is asked for: the two watches do not keep step with each other."""
        key = Key("ModelVersion", self.key.namespace, name)
        if key not in self.tools.store and (live := await self.tools.kube.get(key)):
            self.tools.store.put(key, live)
        raw = self.tools.store.get(key)
        if raw is None or raw["metadata"].get("deletionTimestamp"):
            return None
        try:
            return ModelVersion.model_validate(raw)
        except ValidationError:
            return None  # its own pass reports what is wrong with it

    def inputs(self, model_versions: Mapping[str, ModelVersion], *, account: str | None) -> Inputs:
        """What the checks look at."""
        installation = self.tools.installation
        return Inputs(
            deployment=self.deployment,
            model_version=model_versions.get(self.deployment.spec.model_ref.name),
            account=account,
            rules=installation.placement_rules,
            default_rule=installation.default_rule(account or ""),
            catalogue=self.tools.catalogue,
            hub=installation.hub_of_containers,
            adapters=model_versions,
        )

    def circumstances(self, checks: Checked) -> Hashable:
        """What must change before something that was refused is asked again at once."""
        metadata = self.deployment.metadata
        return (metadata.uid, metadata.generation, self.trigger, checks.served)


def as_findings(error: OutsideError) -> tuple[Finding | None, Finding | None]:
    """(reconciling, stalled) of an error: it passes by itself, or it does not."""
    finding = Finding(error.reason, error.message)
    passing = isinstance(error, Transient | RateLimited | Conflict)
    return (finding, None) if passing else (None, finding)
