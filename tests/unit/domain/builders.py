"""Objects as tests need them: a Deployment, a ModelVersion, what was seen, with everything else filled in."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from slipway.api.v1alpha1.deployment import Deployment
from slipway.api.v1alpha1.deployment_status import Attempt, DeploymentStatus, RevisionStatus, ServedRevision
from slipway.api.v1alpha1.model_version import ModelVersion
from slipway.domain import model_versions
from slipway.domain.conditions import timestamp
from slipway.domain.models import ModelSource
from slipway.domain.names import Owner
from slipway.domain.sagemaker.desired import Desired, desired
from slipway.domain.sagemaker.observation import Endpoint, EndpointState, Inventory, Observation
from slipway.domain.sagemaker.situation import Plan, Situation
from slipway.domain.served import ServedModel

NOW = datetime(2026, 11, 5, 12, 0, 0, tzinfo=UTC)
ACCOUNT = "123456789012"
REGION = "eu-central-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/sagemaker"
REPO = "acme/twin"
IMAGE = "registry.example/tgi:3.3.6-cu124"
A, B, C = "a" * 40, "b" * 40, "c" * 40
"""Commits."""
OWNER = Owner(installation="here", namespace="ml", name="twin", uid="uid-1")
ENDPOINT = "ml-twin"
CAPACITY_WORDS = "CapacityError: Unable to provision requested ML compute capacity."
PING_WORDS = "The primary container for production variant AllTraffic did not pass the ping health check."

Json = dict[str, Any]


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> Json:
    """`base` with `changes` laid over it, mappings merged at every depth; a value of None removes the key."""
    result = dict(base)
    for key, value in changes.items():
        if isinstance(value, Mapping) and isinstance(result.get(key), Mapping):
            result[key] = merged(result[key], value)
        elif value is None:
            result.pop(key, None)
        else:
            result[key] = value
    return result


def metadata(name: str = "twin", **changes: Any) -> Json:
    base = {"name": name, "namespace": "ml", "uid": "uid-1", "resourceVersion": "1", "generation": 1}
    return merged(base, changes)


def deployment_json(spec: Mapping[str, Any] | None = None, **top: Any) -> Json:
    """A Deployment as the API server has it; `spec` is laid over a small one that is valid."""
    base: Json = {
        "modelRef": {"name": "twin"},
        "engine": {"name": "TGI", "image": IMAGE},
        "target": {
            "sageMaker": {"region": REGION, "executionRoleArn": ROLE, "instanceType": "ml.g5.xlarge"},
        },
    }
    return {
        "apiVersion": "slipway.dev/v1alpha1",
        "kind": "Deployment",
        "metadata": metadata(),
        "spec": merged(base, spec or {}),
        **top,
    }


def deployment(spec: Mapping[str, Any] | None = None, **top: Any) -> Deployment:
    return Deployment.model_validate(deployment_json(spec, **top))


def with_status(spec: Mapping[str, Any] | None = None, **status: Any) -> Deployment:
    """A Deployment with these fields in its status."""
    return deployment(spec).model_copy(update={"status": DeploymentStatus(**status)})


def resolved_json(commit: str = A, **changes: Any) -> Json:
    source = ModelSource(changes.pop("repo", REPO), changes.pop("ref", "main"), changes.pop("endpoint", None))
    base = {
        "revision": commit,
        "uri": f"hf://{source.repo}@{commit}",
        "repo": source.repo,
        "ref": source.revision,
        "for": model_versions.source_hash(source),
        "resolvedAt": timestamp(NOW),
        "access": "Public",
    }
    return merged(base, changes)


def model_version_json(commit: str | None = A, spec: Mapping[str, Any] | None = None, **top: Any) -> Json:
    """A ModelVersion that tracks acme/twin main and was resolved to `commit` (None: not resolved yet)."""
    base: Json = {"source": {"huggingFace": {"repo": REPO, "revision": "main"}}, "updates": {"policy": "Track"}}
    status: Json = {"observedGeneration": 1, "resolved": resolved_json(commit)} if commit else {}
    return {
        "apiVersion": "slipway.dev/v1alpha1",
        "kind": "ModelVersion",
        "metadata": metadata(uid="uid-mv"),
        "spec": merged(base, spec or {}),
        "status": status,
        **top,
    }


def model_version(commit: str | None = A, spec: Mapping[str, Any] | None = None, **top: Any) -> ModelVersion:
    return ModelVersion.model_validate(model_version_json(commit, spec, **top))


def wanted(commit: str = A, spec: Mapping[str, Any] | None = None, owner: Owner = OWNER) -> Desired:
    """What a Deployment with this spec wants of SageMaker, for a commit."""
    parsed = deployment(spec).spec
    target = parsed.target.sage_maker
    assert target is not None
    return desired(parsed, target, ServedModel(REPO, commit, "twin"), parsed.engine.image or IMAGE, owner)


def endpoint(config: str | Desired = "slw-other", **changes: Any) -> Endpoint:
    """An endpoint of ours in service."""
    found = Endpoint(
        name=ENDPOINT,
        arn=f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:endpoint/{ENDPOINT}",
        state=EndpointState.IN_SERVICE,
        config=config if isinstance(config, str) else config.config.name,
        last_modified="2026-11-05T11:00:00.000000+00:00",
        tags=OWNER.tags(),
        desired_instances=1,
        current_instances=1,
    )
    return replace(found, **changes)


MOVED = "2026-11-05T11:30:00.000000+00:00"
"""A LastModifiedTime other than that of `endpoint()`."""


def attempt(of: Desired, outcome: str = "InProgress", **changes: Any) -> Attempt:
    """The memory of a try to bring `of` into service, recorded while the endpoint was as `endpoint()` shows it."""
    base = Attempt(
        config=of.config.name,
        model=of.model.name,
        revision=of.served.revision,
        repo=of.served.repo,
        model_version="twin",
        image=of.image,
        started_at=timestamp(NOW - timedelta(minutes=5)),
        outcome="InProgress",
        endpoint_modified=endpoint().last_modified,
        rollout=of.fingerprint,
    )
    return base.model_copy(update={"outcome": outcome, **changes})


def served(of: Desired, **changes: Any) -> ServedRevision:
    """The status entry of a revision that serves."""
    base = ServedRevision(
        revision=of.served.revision,
        model_version="twin",
        repo=of.served.repo,
        config=of.config.name,
        model=of.model.name,
        image=of.image,
        since=timestamp(NOW - timedelta(hours=1)),
    )
    return base.model_copy(update=changes)


def inventory(*of: Desired, **changes: Any) -> Inventory:
    """The configs and models of several revisions."""
    found = Inventory(tuple(d.config.name for d in of), tuple(d.model.name for d in of))
    return replace(found, **changes)


def situation(
    want: Desired, at: Endpoint | None = None, *, seen: Mapping[str, Any] | None = None, **changes: Any
) -> Situation:
    """What a plan is made from: nothing tried before, nothing known to have served."""
    base = Situation(
        owner=OWNER,
        endpoint_name=ENDPOINT,
        desired=want,
        seen=Observation(endpoint=at, **(seen or {})),
        attempt=None,
        revision=RevisionStatus(),
        now=NOW,
    )
    return replace(base, **changes)


def reasons(result: Plan) -> tuple[str | None, str | None]:
    """What a plan says is under way, and what is stuck: (reconciling, stalled)."""
    return (
        result.reconciling.reason if result.reconciling else None,
        result.stalled.reason if result.stalled else None,
    )
