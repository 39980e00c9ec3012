"""The CEL rules of the CRDs, evaluated as an API server does that knows CEL, beside the operator's own checks.

The control plane of the tests may be too old for CEL, so this is where the rules are run.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import celpy
import pytest

from slipway.api.v1alpha1.deployment import Deployment
from slipway.api.v1alpha1.deployment_status import ClusterPlacement, Placement
from slipway.api.v1alpha1.model_version import ModelVersion
from slipway.crds import DEFINITIONS, openapi_schema
from slipway.domain import model_versions
from slipway.domain.checks.chain import checked
from slipway.domain.checks.inputs import Inputs
from slipway.domain.permissions import PlacementRule
from slipway.domain.sagemaker import catalogue
from tests.unit.domain import builders
from tests.unit.domain.builders import ACCOUNT, ENDPOINT, REGION, Json, merged

OTHER_ROLE = f"arn:aws:iam::{ACCOUNT}:role/other"
ENVIRONMENT = celpy.Environment()


@dataclass(frozen=True)
class Rule:
    """One rule, and where in the object `self` is."""

    kind: str
    path: tuple[str | int, ...]
    expression: str
    message: str

    def allows(self, new: Json, old: Json) -> bool:
        """Whether an update from `old` to `new` passes. Rules that name oldSelf are about updates only."""
        program = ENVIRONMENT.program(ENVIRONMENT.compile(self.expression))
        here, before = (_at(_stored(self.kind, version), self.path) for version in (new, old))
        if here is None or (before is None and "oldSelf" in self.expression):
            return True
        return bool(program.evaluate({"self": celpy.json_to_cel(here), "oldSelf": celpy.json_to_cel(before)}))


def _stored(kind: str, given: Json) -> Json:
    """The object with the schema's defaults, which the API server fills in before it evaluates rules."""
    model = Deployment if kind == "Deployment" else ModelVersion
    return {**given, **model.model_validate(given).to_api()}


def _at(found: Any, path: tuple[str | int, ...]) -> Any:
    for step in path:
        found = (found or [None])[step] if isinstance(step, int) else (found or {}).get(step)
    return found


def _rules(kind: str, schema: Json, path: tuple[str | int, ...] = ()) -> Iterator[Rule]:
    for rule in schema.get("x-kubernetes-validations", ()):
        yield Rule(kind, path, rule["rule"], rule["message"])
    for name, child in schema.get("properties", {}).items():
        yield from _rules(kind, child, (*path, name))
    if "items" in schema:
        yield from _rules(kind, schema["items"], (*path, 0))


RULES = [rule for definition in DEFINITIONS for rule in _rules(definition.kind, openapi_schema(definition.model))]


@dataclass(frozen=True)
class Offence:
    """A change that exactly one rule forbids."""

    message: str
    kind: str = "Deployment"
    spec: Json = field(default_factory=dict)
    metadata: Json = field(default_factory=dict)
    good: Json = field(default_factory=dict)
    """What is laid over the small valid object before the change."""
    said_later: bool = False
    """Whether the operator finds it only when it looks at the cluster: tests/unit/domain/cluster says so."""

    def before_and_after(self) -> tuple[Json, Json]:
        good = builders.deployment_json(self.good) if self.kind == "Deployment" else builders.model_version_json()
        bad = merged(good, {"spec": self.spec, "metadata": self.metadata})
        return good, bad


IN_CLUSTER: Json = {
    "engine": {"image": "registry.example.com/tgi:1"},
    "target": {"sageMaker": None, "cluster": {"gpus": 1, "minGpuMemory": "20G"}},
}
SCALED: Json = {"provider": "HPA", "maxReplicas": 3}
OFFENCES = [
    Offence("maxInputTokens must be below", spec={"engine": {"maxInputTokens": 4096, "maxTotalTokens": 4096}}),
    Offence("set dtype or quantization", spec={"engine": {"dtype": "bfloat16", "quantization": "awq"}}),
    Offence("region cannot change", spec={"target": {"sageMaker": {"region": "us-east-1"}}}),
    Offence("endpointName cannot change", spec={"target": {"sageMaker": {"endpointName": "another"}}}),
    Offence("maxInputTokens is a setting of TGI", spec={"engine": {"name": "vLLM", "maxInputTokens": 2048}}),
    Offence("container AWS is for vLLM", spec={"engine": {"container": "AWS"}}),
    Offence("assumeRole.arn cannot change", spec={"target": {"sageMaker": {"assumeRole": {"arn": OTHER_ROLE}}}}),
    Offence("tags must not begin", spec={"target": {"sageMaker": {"tags": {"slipway.dev/uid": "1"}}}}),
    Offence("tags must not begin", spec={"target": {"sageMaker": {"tags": {"aws:team": "1"}}}}),
    Offence(
        "blueGreen is for strategy", spec={"rollout": {"strategy": "Rolling", "blueGreen": {"shift": "AllAtOnce"}}}
    ),
    Offence("blueGreen is for strategy", spec={"rollout": {"rolling": {"batchPercent": 20}}}),
    Offence("shift Canary takes", spec={"rollout": {"blueGreen": {"shift": "Linear", "stepPercent": 5}}}),
    Offence("shift Canary takes", spec={"rollout": {"blueGreen": {"shift": "Canary"}}}),
    Offence("shift Canary takes", spec={"rollout": {"blueGreen": {"shift": "AllAtOnce", "stepPercent": 5}}}),
    Offence("give an alarm either", spec={"rollout": {"alarms": [{"name": "a", "metric": "ModelLatency"}]}}),
    Offence("give an alarm either", spec={"rollout": {"alarms": [{"metric": "ModelLatency"}]}}),
    Offence("give an alarm either", spec={"rollout": {"alarms": [{}]}}),
    Offence("set exactly one target", spec={"target": {"cluster": {}}}),
    Offence("the kind of target cannot change", spec={"target": {"sageMaker": None, "cluster": {}}}),
    Offence("gpuProducts and minGpuMemory", good=IN_CLUSTER, spec={"target": {"cluster": {"gpus": 0}}}),
    Offence(
        "cache.storageClass and",
        good=merged(IN_CLUSTER, {"target": {"cluster": {"cache": {"size": "1Gi"}}}}),
        spec={"target": {"cluster": {"cache": {"accessMode": "ReadWriteOnce"}}}},
        said_later=True,
    ),
    Offence("deletionPolicy Retain is for", good=IN_CLUSTER, spec={"deletionPolicy": "Retain"}),
    Offence("set replicas or autoscaling", good=IN_CLUSTER, spec={"replicas": 1, "autoscaling": SCALED}),
    Offence("autoscaling.minReplicas must not", good=IN_CLUSTER, spec={"autoscaling": SCALED | {"minReplicas": 9}}),
    Offence("autoscaling.minReplicas 0", good=IN_CLUSTER, spec={"autoscaling": SCALED | {"minReplicas": 0}}),
    Offence("autoscaling.prometheus is", good=IN_CLUSTER, spec={"autoscaling": SCALED | {"provider": "KEDA"}}),
    Offence("metadata.name must be", metadata={"name": "1st"}),
    Offence("metadata.name must be", metadata={"name": "a" * 49}),
    Offence("metadata.name must be", metadata={"name": "a.b"}),
    Offence("set exactly one registry", kind="ModelVersion", spec={"source": {"huggingFace": None}}),
]


def test_every_rule_has_an_offence() -> None:
    offended = {rule.message for rule in RULES for offence in OFFENCES if rule.message.startswith(offence.message)}
    assert offended == {rule.message for rule in RULES}


@pytest.mark.parametrize("kind", ["Deployment", "ModelVersion"])
def test_what_is_valid_passes_every_rule(kind: str) -> None:
    good, _ = Offence("", kind=kind).before_and_after()
    assert [rule.message for rule in RULES if rule.kind == kind and not rule.allows(good, good)] == []


@pytest.mark.parametrize("offence", OFFENCES, ids=lambda offence: offence.message)
def test_each_offence_breaks_its_rule_and_no_other(offence: Offence) -> None:
    good, bad = offence.before_and_after()
    broken = [rule.message for rule in RULES if rule.kind == offence.kind and not rule.allows(bad, good)]
    assert len(broken) == 1
    assert broken[0].startswith(offence.message)


@pytest.mark.parametrize("offence", OFFENCES, ids=lambda offence: offence.message)
def test_the_operator_says_the_same_where_the_api_server_does_not_know_cel(offence: Offence) -> None:
    if offence.said_later:
        return
    good, bad = offence.before_and_after()
    (message,) = {rule.message for rule in RULES if rule.message.startswith(offence.message)}
    assert message in _operators_words(offence.kind, good, bad)


def _operators_words(kind: str, good: Json, bad: Json) -> str:
    if kind == "ModelVersion":
        finding = model_versions.invalid_spec(ModelVersion.model_validate(bad).spec)
        return finding.message if finding else ""
    placement: Placement | ClusterPlacement = ClusterPlacement()
    if "sageMaker" in good["spec"]["target"]:
        placement = Placement(target="SageMaker", account=ACCOUNT, region=REGION, endpoint_name=ENDPOINT)
    found = Deployment.model_validate(bad)
    found = found.model_copy(update={"status": found.status.model_copy(update={"placement": placement})})
    inputs = Inputs(
        deployment=found,
        model_version=builders.model_version(),
        account=ACCOUNT,
        rules=(),
        default_rule=PlacementRule(namespaces=("*",), accounts=("*",), regions=("*",), execution_roles=("*",)),
        catalogue=catalogue.shipped(),
    )
    problem = checked(inputs).problem
    return problem.finding.message if problem else ""
