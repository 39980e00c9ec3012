"""Engines and their containers, as users see them: what is started, what answers, what is refused."""

import json
import re
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.testbed.hub.content import Content
from tests.testbed.workbench import REGION, ROLE, Workbench

QUESTION = {"messages": [{"role": "user", "content": "Who are you?"}]}
CUDA_12 = "al2-ami-sagemaker-inference-gpu-3-1"
CUDA_13 = "al2023-ami-sagemaker-inference-gpu-4-1"
CONFIG = "adapter_config.json"


def ask(bench: Workbench, body: dict[str, Any]) -> dict[str, Any]:
    runtime = bench.sagemaker.client("sagemaker-runtime", region=REGION)
    answer = runtime.invoke_endpoint(
        EndpointName=bench.endpoint, ContentType="application/json", Body=json.dumps(body).encode()
    )
    read: dict[str, Any] = json.loads(answer["Body"].read())
    return read


def commit_of(answer: dict[str, Any]) -> str:
    """The commit that the container itself says it was started with."""
    found = re.search(r"\b[0-9a-f]{40}\b", answer["choices"][0]["message"]["content"])
    assert found, answer
    return found[0]


def in_service(bench: Workbench) -> tuple[dict[str, Any], dict[str, Any]]:
    """The container and the production variant that serve."""
    client = bench.sagemaker.client(region=REGION)
    config = client.describe_endpoint(EndpointName=bench.endpoint)["EndpointConfigName"]
    (variant,) = client.describe_endpoint_config(EndpointConfigName=config)["ProductionVariants"]
    return client.describe_model(ModelName=variant["ModelName"])["PrimaryContainer"], variant


def adapter(bench: Workbench, note: str = "") -> str:
    """A commit of the adapter acme/sql."""
    data = json.dumps({"peft_type": "LORA", "r": 16, "note": note}).encode()
    return bench.hub.commit("acme/sql", {CONFIG: Content(data, len(data))})


@pytest.mark.parametrize(
    ("container", "version", "image", "host"),
    [
        (
            "HuggingFace",
            "0.29.0",
            "/huggingface-vllm:0.29.0-transformers5.15.0-gpu-py312-cu130-ubuntu24.04-v1.0",
            CUDA_13,
        ),
        ("HuggingFace", "0.17.0", "/huggingface-vllm:0.17.0-transformers4.57.5-gpu-py312-cu129-ubuntu22.04", CUDA_12),
        ("AWS", "0.27.1", "/vllm:0.27.1-gpu-py312-cu130-ubuntu22.04-sagemaker", CUDA_13),
    ],
)
def test_vllm_serves_a_commit_and_the_next_one(
    bench: Workbench, commit: str, container: str, version: str, image: str, host: str
) -> None:
    with bench.operator():
        bench.model_version()
        settings = {"maxTotalTokens": 4096, "env": [{"name": "SM_VLLM_MAX_NUM_SEQS", "value": "64"}]}
        engine = {"name": "vLLM", "container": container, "version": version, **settings}
        bench.deployment(engine=engine, target={"instanceType": "ml.g5.12xlarge"})
        bench.wait_serving(commit)
        started, variant = in_service(bench)
        assert started["Image"].endswith(image)
        assert variant["InferenceAmiVersion"] == host
        assert started["Environment"] == {
            "SM_VLLM_MODEL": "acme/twin",
            "SM_VLLM_REVISION": commit,
            "SM_VLLM_HOST": "0.0.0.0",
            "SM_VLLM_TENSOR_PARALLEL_SIZE": "4",
            "SM_VLLM_MAX_MODEL_LEN": "4096",
            "SM_VLLM_MAX_NUM_SEQS": "64",
            "HF_ENDPOINT": bench.hub.url,
            "DO_NOT_TRACK": "1",
        }
        assert commit_of(ask(bench, {"model": "acme/twin", **QUESTION})) == commit
        with pytest.raises(ClientError, match="The model `gpt` does not exist"):
            ask(bench, {"model": "gpt", **QUESTION})

        second = bench.hub.commit("acme/twin", {"README.md": b"# better\n"})
        bench.wait_serving(second)
        assert commit_of(ask(bench, QUESTION)) == second


def test_from_tgi_to_vllm_image_and_host_follow_the_engine(bench: Workbench, commit: str) -> None:
    with bench.operator():
        bench.model_version()
        bench.deployment()
        bench.wait_serving(commit)
        assert in_service(bench)[1]["InferenceAmiVersion"] == CUDA_12
        change = {"spec": {"engine": {"name": "vLLM", "version": None}}}
        bench.cluster.patch("Deployment", bench.namespace, "twin", change)
        bench.wait(lambda: "vllm" in in_service(bench)[0]["Image"], "vLLM serves")
        bench.wait_serving(commit)
        started, variant = in_service(bench)
        assert started["Image"].rpartition("/")[2].startswith("huggingface-vllm:0.29.0-")
        assert variant["InferenceAmiVersion"] == CUDA_13
        # The contract of TGI's own clients ends here: docs/engines.md.
        with pytest.raises(ClientError, match="Cannot find suitable handler"):
            ask(bench, {"inputs": "Who are you?"})


def test_the_host_of_the_spec_weighs_more_than_the_images(bench: Workbench, commit: str) -> None:
    """CUDA 12.4 on the host of CUDA 13 never comes up, which is what the rule is for."""
    with bench.operator():
        bench.model_version()
        bench.deployment(target={"inferenceAmiVersion": CUDA_13})
        bench.wait_reason("Deployment", "twin", "Stalled", "EndpointFailed")
        bench.cluster.patch(
            "Deployment", bench.namespace, "twin", {"spec": {"target": {"sageMaker": {"inferenceAmiVersion": None}}}}
        )
        bench.wait_serving(commit)
        assert in_service(bench)[1]["InferenceAmiVersion"] == CUDA_12


def test_adapters_follow_their_own_model_versions(bench: Workbench, commit: str) -> None:
    bench.hub.create_repo("acme/sql")
    first = adapter(bench)

    def served() -> str:
        return str(in_service(bench)[0]["Environment"].get("LORA_ADAPTERS"))

    with bench.operator():
        bench.model_version()
        bench.deployment(engine={"adapters": [{"name": "acme/sql", "modelRef": {"name": "sql"}}]})
        found = bench.wait_reason("Deployment", "twin", "Ready", "ModelVersionNotFound")
        assert found["message"].startswith("spec.engine.adapters[acme/sql].modelRef: there is no ModelVersion sql")
        bench.model_version("sql", repo="acme/sql")
        bench.wait(lambda: bench.serving() == commit, "the model serves")
        assert served() == f"acme/sql@{first}"
        warning = bench.wait_reason("Deployment", "twin", "UnpinnedReference", "UnpinnedReference")
        assert CONFIG in warning["message"]

        second = adapter(bench, "better")
        bench.wait(lambda: served() == f"acme/sql@{second}", "the adapter's new commit is rolled out")
        revision = bench.status("Deployment")["revision"]
        assert revision["serving"]["revision"] == commit

        bench.cluster.delete("ModelVersion", bench.namespace, "sql")
        bench.wait_reason("Deployment", "twin", "Stalled", "ModelVersionNotFound")
        assert bench.serving() == commit
        assert served() == f"acme/sql@{second}"
        serving = bench.status("Deployment")["revision"]["serving"]
        assert serving["adapters"] == [{"name": "acme/sql", "repo": "acme/sql", "revision": second}]


@pytest.mark.parametrize(
    ("engine", "words"),
    [
        ({"name": "vLLM", "version": "0.25.1", "args": ["--max-num-seqs", "64"]}, "SM_VLLM_MAX_NUM_SEQS=64"),
        (
            {"name": "vLLM", "version": "0.25.1", "adapters": [{"name": "sql", "modelRef": {"name": "sql"}}]},
            "vLLM downloads the newest commit of an adapter",
        ),
        ({"name": "vLLM", "version": "0.1.0"}, "give a full version (x.y.z) that is: 0.29.0"),
        (
            {"name": "vLLM", "version": "0.25.1", "env": [{"name": "SM_VLLM_REVISION", "value": "main"}]},
            "the ModelVersion decides which commit is served",
        ),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_is_created(
    bench: Workbench, commit: str, engine: dict[str, Any], words: str
) -> None:
    with bench.operator():
        bench.model_version()
        bench.deployment(engine=engine)
        stalled = bench.wait_reason("Deployment", "twin", "Stalled", "InvalidSpec")
        assert words in stalled["message"]
    assert bench.sagemaker.resources() == []


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"SM_VLLM_MODEL": "acme/twin", "SM_VLLM_HOST": "0.0.0.0"}, "unpinned"),
        ({"HF_MODEL_ID": "acme/twin", "HF_MODEL_REVISION": "v1", "SM_VLLM_HOST": "0.0.0.0"}, "unpinned"),
        ({"SM_VLLM_MODEL": "acme/twin", "SM_VLLM_HOST": "0.0.0.0", "SM_VLLM_REVISION": "v1"}, "v1"),
    ],
)
def test_what_somebody_else_brought_into_service_is_told_as_the_container_reads_it(
    bench: Workbench, commit: str, environment: dict[str, str], expected: str
) -> None:
    """With a spec that cannot be acted on nothing is brought back, so what serves meanwhile is there to be told."""
    bench.hub.tag("acme/twin", "v1", commit)
    with bench.operator():
        bench.model_version()
        bench.deployment()
        bench.wait_serving(commit)
        bench.cluster.patch("Deployment", bench.namespace, "twin", {"spec": {"engine": {"args": ["--help"]}}})
        bench.wait_reason("Deployment", "twin", "Stalled", "InvalidSpec")

        client = bench.sagemaker.client(region=REGION)
        image = "763104351884.dkr.ecr.eu-central-1.amazonaws.com/vllm:0.30.0-gpu-py312-cu130-ubuntu24.04-sagemaker"
        container = {"Image": image, "Environment": environment}
        client.create_model(ModelName="by-hand", PrimaryContainer=container, ExecutionRoleArn=ROLE)
        variant = {"VariantName": "AllTraffic", "ModelName": "by-hand", "InstanceType": "ml.g5.2xlarge"}
        host = {"InitialInstanceCount": 1, "InferenceAmiVersion": CUDA_13}
        client.create_endpoint_config(EndpointConfigName="by-hand", ProductionVariants=[{**variant, **host}])
        client.update_endpoint(EndpointName=bench.endpoint, EndpointConfigName="by-hand")
        bench.wait(lambda: bench.serving() == expected, f"{expected} is told")
        if expected == "unpinned":
            assert "at no pinned commit" in bench.condition("Deployment", "twin", "Ready")["message"]
