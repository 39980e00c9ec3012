"""Objects in every state that the operator can write: out of its own functions, not by hand."""

import functools
import itertools
import json
from collections.abc import Iterator
from typing import Any

from slipway.api.v1alpha1.model_version import ModelVersion
from slipway.domain import model_versions
from slipway.domain.conditions import Finding, Health, conditions
from slipway.domain.errors import NotFound, OutsideError, RateLimited, Rejected, Transient
from slipway.domain.model_versions import Outcome
from slipway.domain.models import Access, ModelFacts
from slipway.reconcilers.reporting import OWN_CONDITIONS
from tests.unit.domain.builders import NOW, REPO, A, B, Json, merged, model_version_json
from tests.unit.gitops import lives
from tests.unit.test_documented_reasons import reasons_in_source

DEPLOYMENT, MODEL_VERSION = "Deployment", "ModelVersion"
DECIDING = ("Ready", "Reconciling", "Stalled")
WARNINGS = {DEPLOYMENT: sorted(OWN_CONDITIONS - set(DECIDING)), MODEL_VERSION: ["UnpinnedReference"]}
DELETED = "2026-11-05T12:00:00Z"
UNSEEN: Json = {}
"""The status of an object that nobody has looked at."""


def all_states(kind: str) -> list[Json]:
    """Every state, as of now, with a generation that nobody has seen yet, and in deletion."""
    walked = recorded_deployments() if kind == DEPLOYMENT else recorded_model_versions()
    return [variant for obj in (_object(kind, UNSEEN), *walked, *by_reason(kind)) for variant in _at_other_moments(obj)]


def by_reason(kind: str) -> Iterator[Json]:
    """Each reason of the source in each combination of conditions, as `conditions` puts them together."""
    for reason in sorted(reasons_in_source()):
        finding = Finding(reason, f"what {reason} means")
        for ready, reconciling, stalled in itertools.product((True, False), (None, finding), (None, finding)):
            yield stated(kind, Health(ready, finding, reconciling, stalled))
    finding = Finding("Serving", "it serves")
    for warning in WARNINGS[kind]:
        yield stated(kind, Health(True, finding, warnings=((warning, Finding("Why", "because")),)))


def stated(kind: str, health: Health, generation: int = 1) -> Json:
    """An object whose last pass concluded this."""
    found = conditions(health, (), generation=generation, now=NOW)
    return _object(kind, {"observedGeneration": generation, "conditions": [one.to_api() for one in found]})


def _object(kind: str, status: Json) -> Json:
    metadata = {"name": "twin", "namespace": "ml", "uid": "uid-1", "generation": 1}
    return {"apiVersion": "slipway.dev/v1alpha1", "kind": kind, "metadata": metadata, "status": status}


def _at_other_moments(obj: Json) -> Iterator[Json]:
    """As it is, after a change of the spec, and in deletion: before and after the operator has noticed it."""
    yield obj
    generation = obj["metadata"]["generation"]
    newer = {"metadata": {"generation": generation + 1}}
    deleting = {"metadata": {"deletionTimestamp": DELETED, "finalizers": ["slipway.dev/finalizer"]}}
    yield merged(obj, newer)
    yield merged(obj, deleting)
    yield merged(merged(obj, newer), deleting)


@functools.cache
def recorded_deployments() -> list[Json]:
    """What Deployments went through in their lives."""
    return lives.deployments()


@functools.cache
def recorded_model_versions() -> list[Json]:
    """What a ModelVersion can come to in two passes, with a change of the spec between them. Each state once."""
    specs: list[Json] = [
        {"updates": {"policy": "Pin"}},
        {"updates": {"policy": "Track"}},
        {"updates": {"policy": "Approve"}},
        {"updates": {"policy": "Approve", "approved": A}},
        {"updates": {"policy": "Approve", "approved": B}},
        {"updates": {"policy": "Pin"}, "source": {"huggingFace": {"revision": A}}},
    ]
    found: dict[str, Json] = {}
    for first, then in itertools.product(specs, specs):
        for earlier in _after(model_version_json(None, first, metadata={"generation": 1})):
            for later in (earlier, *_after(merged(earlier, {"spec": then, "metadata": {"generation": 2}}))):
                found.setdefault(json.dumps([later["status"]["conditions"], later["status"].get("candidate")]), later)
    return list(found.values())


def _after(raw: Json) -> Iterator[Json]:
    """The object after one pass, for whatever the pass may have found."""
    metadata = {"name": "twin", "namespace": "ml", "uid": "uid-mv", "resourceVersion": "1", **raw["metadata"]}
    raw = {**raw, "metadata": metadata}
    parsed = ModelVersion.model_validate(raw)
    for outcome in _outcomes(parsed):
        yield {**raw, "status": model_versions.next_status(parsed, outcome, NOW).to_api()}


def _outcomes(parsed: ModelVersion) -> Iterator[Outcome]:
    source = model_versions.source_of(parsed.spec)
    assert source
    for head in (A, B):
        wanted = model_versions.wanted_commit(parsed.spec, head)
        facts = ModelFacts(access=Access.PUBLIC)
        yield Outcome(resolved=model_versions.resolved_from(source, wanted, facts, NOW) if wanted else None, head=head)
    errors: tuple[OutsideError, ...] = (
        Rejected("GatedRepository", "the files are gated"),
        NotFound("RepositoryNotFound", f"there is no {REPO}"),
        Transient("HubUnreachable", "no connection"),
        RateLimited("HubRateLimited", "too many requests", retry_after=30.0),
    )
    yield from (Outcome(error=error) for error in errors)
    yield Outcome(invalid=Finding("HubNotAllowed", "spec.source.huggingFace.endpoint: no Hub of this installation"))


def verdicts(obj: Json) -> list[tuple[str, str]]:
    """(type, reason) of Reconciling and Stalled, in the order of the list."""
    found = obj["status"].get("conditions", [])
    return [(c["type"], c["reason"]) for c in found if c["type"] in DECIDING[1:] and c["status"] == "True"]


def condition(obj: Json, kind: str) -> Any:
    """The condition of a type; None: it is not there."""
    return next((c for c in obj["status"].get("conditions", []) if c["type"] == kind), None)
