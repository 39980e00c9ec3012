"""One pass over a ModelVersion: look where its reference points, report the commit that counts."""

import hashlib
from collections.abc import Hashable

from pydantic import ValidationError

from slipway.api.v1alpha1 import RECONCILE_NOW
from slipway.api.v1alpha1.model_version import ModelVersion
from slipway.domain import model_versions
from slipway.domain.errors import Conflict, NotFound, OutsideError
from slipway.domain.installation import Installation
from slipway.domain.model_versions import Outcome
from slipway.domain.models import ModelSource, RegistryToken
from slipway.kube import Kube
from slipway.loop.clock import Clock
from slipway.loop.keys import Key
from slipway.loop.store import Store
from slipway.reconcilers.reporting import Reporter, report_invalid
from slipway.reconcilers.retries import Retries
from slipway.registries.port import Registry


class ModelVersionReconciler:
    """Passes over ModelVersions."""

    def __init__(
        self,
        *,
        kube: Kube,
        store: Store,
        reporter: Reporter,
        registry: Registry,
        clock: Clock,
        installation: Installation,
    ) -> None:
        self._kube = kube
        self._store = store
        self._reporter = reporter
        self._registry = registry
        self._clock = clock
        self._installation = installation
        self._timing = installation.timing
        self._retries = Retries(installation.timing, clock)
        self._triggers: dict[Key, str | None] = {}

    async def reconcile(self, key: Key) -> float | None:
        """One pass; seconds until the next one."""
        raw = self._store.get(key)
        if raw is None:
            self._retries.clear(key)
            self._triggers.pop(key, None)
            return None
        if raw["metadata"].get("deletionTimestamp"):
            return None
        try:
            model_version = ModelVersion.model_validate(raw)
        except ValidationError as invalid:
            await report_invalid(self._reporter, key, raw, invalid, self._clock.now())
            return None
        outcome, again = await self._look(key, model_version)
        status = model_versions.next_status(model_version, outcome, self._clock.now())
        try:
            await self._reporter.report(key, raw, status.to_api())
        except (Conflict, NotFound):
            return self._timing.retry_first  # the watch brings the new state; this is for the case that it is deaf
        return again

    async def _look(self, key: Key, model_version: ModelVersion) -> tuple[Outcome, float | None]:
        spec = model_version.spec
        invalid = model_versions.invalid_spec(spec) or model_versions.hub_not_allowed(spec, self._installation)
        source = model_versions.source_of(spec)
        if invalid or source is None:
            return Outcome(invalid=invalid), None
        if not model_versions.needs_head(model_version):
            return Outcome(), None
        circumstances: Hashable = None
        try:
            token = await self._token(model_version)
            circumstances = _circumstances(model_version, token)
            held = self._retries.holding(key, circumstances)
            if held:
                error, left = held
                return Outcome(error=error), self._recheck(model_version, left)
            outcome = await self._ask(key, model_version, source, token)
        except OutsideError as error:
            left = self._retries.record(key, circumstances, error)
            return Outcome(error=error), self._recheck(model_version, left)
        self._retries.clear(key)
        return outcome, model_versions.next_look(model_version, self._timing.shortest_track)

    async def _token(self, model_version: ModelVersion) -> RegistryToken | None:
        hub = model_version.spec.source.hugging_face
        if hub is None or hub.token_secret_ref is None:
            return None
        reference = hub.token_secret_ref
        value = await self._kube.secret_value(model_version.metadata.namespace, reference.name, reference.key)
        return RegistryToken(value)

    async def _ask(
        self, key: Key, model_version: ModelVersion, source: ModelSource, token: RegistryToken | None
    ) -> Outcome:
        head = await self._registry.resolve(source, token, max_age=self._max_age(key, model_version))
        wanted = model_versions.wanted_commit(model_version.spec, head)
        if wanted is None or not model_versions.must_describe(model_version, wanted):
            return Outcome(head=head)
        facts = await self._registry.describe(source, wanted, token)
        resolved = model_versions.resolved_from(source, wanted, facts, self._clock.now())
        return Outcome(resolved=resolved, head=head)

    def _max_age(self, key: Key, model_version: ModelVersion) -> float:
        """How old an answer may be: nothing, where a person asks for a look now."""
        trigger = model_version.metadata.annotations.get(RECONCILE_NOW)
        asked = key in self._triggers and self._triggers[key] != trigger
        self._triggers[key] = trigger
        fresh = model_version.status.observed_generation != model_version.metadata.generation
        if asked or fresh:
            return 0.0
        return model_versions.next_look(model_version, self._timing.shortest_track) or 0.0

    def _recheck(self, model_version: ModelVersion, left: float) -> float:
        """A Secret is read again sooner than the Hub is asked: a new token is tried at once."""
        hub = model_version.spec.source.hugging_face
        return min(left, self._timing.secret_recheck) if hub and hub.token_secret_ref else left


def _circumstances(model_version: ModelVersion, token: RegistryToken | None) -> Hashable:
    """What must change before something that was refused is asked again at once.

    The token takes part as a hash that stays in this process.
    """
    return (
        model_version.metadata.uid,
        model_version.metadata.generation,
        model_version.metadata.annotations.get(RECONCILE_NOW),
        hashlib.sha256(token.value.encode()).hexdigest() if token else None,
    )
