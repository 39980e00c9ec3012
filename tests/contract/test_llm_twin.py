"""The LLM Twin's manifests ask for what its scripts ask for, and every difference is explained in the README.

What the scripts send is restated below as data, from the LLM Engineer's Handbook
(https://github.com/PacktPublishing/LLM-Engineers-Handbook) and from version 2 of the SageMaker SDK that it uses. What
Slipway sends is taken from its own code: the checks, the plan, and the adapter that makes requests of its steps.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from slipway.api.v1alpha1.deployment import Deployment, DeploymentSpec
from slipway.api.v1alpha1.deployment_status import RevisionStatus
from slipway.api.v1alpha1.model_version import ModelVersion
from slipway.domain import model_versions
from slipway.domain.checks.chain import Checked, checked
from slipway.domain.checks.image import image_of
from slipway.domain.checks.inputs import Inputs
from slipway.domain.checks.placement import placement_of
from slipway.domain.names import Owner
from slipway.domain.permissions import PlacementRule
from slipway.domain.sagemaker.catalogue import shipped
from slipway.domain.sagemaker.desired import desired
from slipway.domain.sagemaker.observation import Observation
from slipway.domain.sagemaker.plan import Situation, plan
from slipway.targets.sagemaker.act import Act
from slipway.targets.sagemaker.clients import AwsClients
from tests.unit.domain.builders import NOW, A, metadata, model_version_json, resolved_json

FOLDER = Path(__file__).parents[2] / "examples" / "llm-twin"
ROLE = "arn:aws:iam::111122223333:role/slipway-execution"
"""AWS_ARN_ROLE in the book's .env, and the role in the manifest."""
ACCOUNT = ROLE.split(":")[4]
SCRIPTS_MODEL = "huggingface-pytorch-tgi-inference-2026-11-05-12-00-00-000"
"""sagemaker.utils.name_from_base: the image's name and the time."""
TASK = [{"Key": "task", "Value": "model_task"}]
"""sagemaker_huggingface.py: tags=[{"Key": "task", "Value": "model_task"}]; the SDK puts them on all three."""

SCRIPTS: dict[str, dict[str, Any]] = {
    "CreateModel": {
        "ModelName": SCRIPTS_MODEL,
        "ExecutionRoleArn": ROLE,
        "PrimaryContainer": {
            # run.py: get_huggingface_llm_image_uri("huggingface", version="2.2.0"), in eu-central-1
            "Image": (
                "763104351884.dkr.ecr.eu-central-1.amazonaws.com/huggingface-pytorch-tgi-inference:"
                "2.3.0-tgi2.2.0-gpu-py310-cu121-ubuntu22.04-v2.0"
            ),
            "Environment": {
                # config.py: hugging_face_deploy_config, with the values of settings.py
                "HF_MODEL_ID": "mlabonne/TwinLlama-3.1-8B-DPO",
                "HUGGING_FACE_HUB_TOKEN": "(HUGGINGFACE_ACCESS_TOKEN of the .env)",
                "SM_NUM_GPUS": "1",
                "MAX_INPUT_LENGTH": "2048",
                "MAX_TOTAL_TOKENS": "4096",
                "MAX_BATCH_TOTAL_TOKENS": "4096",
                "MAX_BATCH_PREFILL_TOKENS": "4096",
                "HF_MODEL_QUANTIZE": "bitsandbytes",
                # the SDK's Model._script_mode_env_vars, which HuggingFaceModel adds
                "SAGEMAKER_PROGRAM": "",
                "SAGEMAKER_SUBMIT_DIRECTORY": "",
                "SAGEMAKER_CONTAINER_LOG_LEVEL": "20",
                "SAGEMAKER_REGION": "eu-central-1",
            },
        },
        "Tags": TASK,
    },
    "CreateEndpointConfig": {
        # the SDK's endpoint_from_production_variants names the config like the endpoint
        "EndpointConfigName": "twin",
        "ProductionVariants": [
            {
                "VariantName": "AllTraffic",
                "ModelName": SCRIPTS_MODEL,
                "InstanceType": "ml.g5.2xlarge",  # settings.py: GPU_INSTANCE_TYPE
                "InitialInstanceCount": 1,  # sagemaker_huggingface.py
                "InitialVariantWeight": 1,
                "ContainerStartupHealthCheckTimeoutInSeconds": 900,  # sagemaker_huggingface.py
            }
        ],
        "Tags": TASK,
    },
    "CreateEndpoint": {
        "EndpointName": "twin",  # settings.py: SAGEMAKER_ENDPOINT_INFERENCE
        "EndpointConfigName": "twin",
        "Tags": TASK,
    },
}

Fields = dict[tuple[str, str], str]
"""Value by (request, path of the field)."""
NOT_SENT = "—"


def flat(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every field of a request with its path. Tags by their keys; the one production variant without its number."""
    if isinstance(value, list) and all(isinstance(item, dict) and item.keys() == {"Key", "Value"} for item in value):
        value = {item["Key"]: item["Value"] for item in value}
    if isinstance(value, list):
        (value,) = value
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from flat(inner, f"{path}.{key}" if path else key)
    else:
        yield path, str(value)


def fields(requests: dict[str, dict[str, Any]]) -> Fields:
    return {(name, path): value for name, request in requests.items() for path, value in flat(request)}


# What Slipway does


def manifests() -> tuple[ModelVersion, Deployment]:
    """As the API server has them once the Hub was asked."""
    read = [yaml.safe_load((FOLDER / name).read_text()) for name in ("modelversion.yaml", "deployment.yaml")]
    meta = metadata()
    source = read[0]["spec"]["source"]["huggingFace"]
    resolved = resolved_json(A, repo=source["repo"], ref=source["revision"])
    model_version = model_version_json(spec=read[0]["spec"], status={"observedGeneration": 1, "resolved": resolved})
    return (
        ModelVersion.model_validate(model_version),
        Deployment.model_validate({**read[1], "metadata": {**read[1]["metadata"], **meta}}),
    )


def passed(deployment: Deployment, model_version: ModelVersion | None) -> Checked:
    """What the checks say, where the installation allows what the manifest names."""
    rule = PlacementRule(("ml",), (ACCOUNT,), ("eu-central-1",), (ROLE,))
    return checked(
        Inputs(
            deployment=deployment,
            model_version=model_version,
            account=ACCOUNT,
            rules=(rule,),
            default_rule=PlacementRule((), (), (), ()),
            catalogue=shipped(),
        )
    )


class Recorder(Act):
    """The adapter, with nobody at the other end."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.sent: dict[str, dict[str, Any]] = {}

    async def call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        self.sent[operation.title().replace("_", "")] = parameters
        return {}


async def sent_by_slipway() -> dict[str, dict[str, Any]]:
    model_version, deployment = manifests()
    found = passed(deployment, model_version)
    assert found.problem is None
    assert found.served
    target, placement = deployment.spec.target.sage_maker, placement_of(deployment, ACCOUNT)
    assert target
    assert placement
    owner = Owner("example-cluster", "ml", deployment.metadata.name, deployment.metadata.uid)
    wanted = desired(deployment.spec, target, found.served, image_of(deployment, shipped()), owner)
    nothing = Observation(endpoint=None)
    planned = plan(Situation(owner, placement.endpoint_name, wanted, nothing, None, RevisionStatus(), NOW))
    recorder = Recorder(cast(AwsClients, None), placement)
    for step in planned.steps:
        await recorder.do(step)
    return recorder.sent


# The explanations


@dataclass(frozen=True)
class Explained:
    """A row of the README's table."""

    request: str
    field: str
    scripts: str
    slipway: str
    why: str

    def fits(self, name: str, path: str, scripts: str | None, slipway: str | None) -> bool:
        matches = fnmatchcase(name, self.request) and fnmatchcase(path, self.field)
        return matches and _is(scripts, self.scripts) and _is(slipway, self.slipway)


def _is(value: str | None, cell: str) -> bool:
    """Whether a value is what a cell of the table says: `…` is any, — is none."""
    if value is None or cell == NOT_SENT:
        return value is None and cell == NOT_SENT
    return fnmatchcase(value, cell.strip("`").replace("…", "*"))


def explanations() -> list[Explained]:
    section = (FOLDER / "README.md").read_text().split("## What differs in the requests, and why")[1].split("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    return [Explained(*(cell.strip() for cell in row)) for row in rows[2:]]


def unexplained(scripts: Fields, slipway: Fields, rows: list[Explained]) -> tuple[list[str], list[str]]:
    """Differences that no row explains, and rows that explain none."""
    used: set[Explained] = set()
    missing = []
    for name, path in sorted(scripts.keys() | slipway.keys()):
        theirs, ours = scripts.get((name, path)), slipway.get((name, path))
        if theirs == ours:
            continue
        fitting = [row for row in rows if row.fits(name, path, theirs, ours)]
        used.update(fitting)
        if not fitting:
            missing.append(f"{name} {path}: {theirs} / {ours}")
    return missing, [f"{row.request} {row.field}" for row in rows if row not in used]


async def test_every_difference_is_explained_and_every_explanation_is_of_a_difference() -> None:
    slipway = fields(await sent_by_slipway())
    missing, idle = unexplained(fields(SCRIPTS), slipway, explanations())
    assert missing == [], "differs, but README.md does not say why"
    assert idle == [], "README.md explains a difference that there is not"


async def test_what_matters_is_the_same() -> None:
    """What the table could hardly explain away."""
    slipway, scripts = await sent_by_slipway(), SCRIPTS
    container, theirs = slipway["CreateModel"]["PrimaryContainer"], scripts["CreateModel"]["PrimaryContainer"]
    assert container["Image"] == theirs["Image"]
    shared = container["Environment"].keys() & theirs["Environment"].keys()
    assert shared >= {"HF_MODEL_ID", "SM_NUM_GPUS", "MAX_TOTAL_TOKENS", "HF_MODEL_QUANTIZE"}
    (variant,), (their_variant,) = (
        requests["CreateEndpointConfig"]["ProductionVariants"] for requests in (slipway, scripts)
    )
    for field in ("InstanceType", "InitialInstanceCount", "ContainerStartupHealthCheckTimeoutInSeconds"):
        assert variant[field] == their_variant[field]
    assert slipway["CreateEndpoint"]["EndpointName"] == "twin"
    assert slipway.keys() == scripts.keys()


class TestTheComparison:
    """It can fail in both directions."""

    ROW = Explained("CreateModel", "Environment.A", "`1`", "—", "why")

    def compare(self, ours: dict[str, str], *rows: Explained) -> tuple[list[str], list[str]]:
        theirs: Fields = {("CreateModel", "Environment.A"): "1"}
        return unexplained(theirs, {("CreateModel", path): value for path, value in ours.items()}, list(rows))

    def test_a_difference_that_is_explained_passes(self) -> None:
        assert self.compare({}, self.ROW) == ([], [])

    def test_a_difference_without_a_row_is_found(self) -> None:
        assert self.compare({}) == (["CreateModel Environment.A: 1 / None"], [])

    def test_a_field_that_only_one_side_sends_is_found(self) -> None:
        found = self.compare({"Environment.A": "1", "Environment.B": "2"})
        assert found == (["CreateModel Environment.B: None / 2"], [])

    def test_another_value_than_the_one_explained_is_found(self) -> None:
        assert self.compare({"Environment.A": "2"}, self.ROW)[0] == ["CreateModel Environment.A: 1 / 2"]

    def test_a_row_without_a_difference_is_found(self) -> None:
        assert self.compare({"Environment.A": "1"}, self.ROW) == ([], ["CreateModel Environment.A"])

    def test_a_row_whose_values_are_not_those_sent_is_found(self) -> None:
        wrong = Explained("CreateModel", "Environment.A", "`2`", "—", "why")
        assert self.compare({}, wrong) == (["CreateModel Environment.A: 1 / None"], ["CreateModel Environment.A"])


def test_every_row_says_why() -> None:
    rows = explanations()
    assert len(rows) > 8
    assert all(len(row.why) > 15 for row in rows)


def test_the_manifests_have_no_field_that_is_not_known() -> None:
    """Pydantic ignores what it does not know; the API server would drop it without a word."""
    _, deployment = manifests()
    read = yaml.safe_load((FOLDER / "deployment.yaml").read_text())
    stored = deployment.to_api()["spec"]
    assert {path for path, _ in flat_all(read["spec"])} <= {path for path, _ in flat_all(stored)}


def flat_all(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    yield path, value
    for key, inner in items:
        yield from flat_all(inner, f"{path}.{key}")


def snippets() -> list[dict[str, Any]]:
    """The engines that the README proposes for later."""
    return [yaml.safe_load(text)["engine"] for text in re.findall(r"```yaml\n(.*?)```", read_me(), re.DOTALL)]


def read_me() -> str:
    return (FOLDER / "README.md").read_text()


@pytest.mark.parametrize("engine", snippets(), ids=lambda engine: engine["name"])
def test_the_engines_that_are_proposed_for_later_are_valid(engine: dict[str, Any]) -> None:
    spec = yaml.safe_load((FOLDER / "deployment.yaml").read_text())["spec"]
    DeploymentSpec.model_validate({**spec, "engine": engine})
    model_version, deployment = manifests()
    changed = Deployment.model_validate({**deployment.to_api(), "spec": {**spec, "engine": engine}})
    assert passed(changed, model_version).problem is None


def test_the_model_that_it_names_is_the_source_of_the_resolved_commit() -> None:
    model_version, _ = manifests()
    assert model_versions.answers(model_version)
