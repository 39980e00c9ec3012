"""The look-alikes of vLLM's two containers, and the hosts that CUDA's versions need."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.contract.sagemaker_double.asking import (
    ENV,
    NEXT_SHA,
    SHA,
    ask,
    config,
    endpoint,
    model,
    refused,
    settled,
)
from tests.testbed.sagemaker import HF_VLLM_IMAGE, IMAGE, REGION, VLLM_IMAGE, LocalSageMaker

CUDA_13 = "al2023-ami-sagemaker-inference-gpu-4-1"
CUDA_12 = "al2-ami-sagemaker-inference-gpu-3-1"
VLLM_ENV = {"SM_VLLM_MODEL": "acme/tiny", "SM_VLLM_REVISION": SHA, "SM_VLLM_HOST": "0.0.0.0"}
HELLO = {"messages": [{"role": "user", "content": "hello there"}]}
S3 = {
    "ModelDataSource": {
        "S3DataSource": {"S3Uri": "s3://bucket/weights/", "S3DataType": "S3Prefix", "CompressionType": "None"}
    }
}


def status(
    client: Any,
    environment: dict[str, str],
    image: str = VLLM_IMAGE,
    host: str | None = CUDA_13,
    instance_type: str = "ml.g5.2xlarge",
    **changes: Any,
) -> str:
    """InService, or Failed because of the ping."""
    model(client, environment=environment, image=image, **changes)
    config(client, InferenceAmiVersion=host, InstanceType=instance_type)
    endpoint(client)
    found = {"Creating": ""}
    while found.get("EndpointStatus", "Creating") == "Creating":
        found = client.describe_endpoint(EndpointName="e")
    if found["EndpointStatus"] == "Failed":
        assert "did not pass the ping health check" in found["FailureReason"]
    return found["EndpointStatus"]


def said(local: LocalSageMaker, **more: Any) -> str:
    return str(ask(local, {**HELLO, **more})["choices"][0]["message"]["content"])


def container_refusal(local: LocalSageMaker, body: Any) -> tuple[int, str]:
    with pytest.raises(ClientError) as caught:
        ask(local, body)
    assert caught.value.response["Error"]["Code"] == "ModelError"
    answer: Any = caught.value.response
    return answer["OriginalStatusCode"], json.loads(answer["OriginalMessage"])["error"]["message"]


class TestImages:
    @pytest.mark.parametrize(
        "name",
        [
            "vllm:0.27.1-gpu-py312-cu130-ubuntu22.04-sagemaker",
            "vllm:0.27.0-gpu-py312-cu130-amzn2023-sagemaker",
            "vllm:0.25.1-gpu-py312-cu130-ubuntu22.04-sagemaker-v1.3-2026-07-22-22-50-11",
            "huggingface-vllm:0.25.1-transformers5.10.2-gpu-py312-cu130-ubuntu22.04",
            "huggingface-vllm:0.29.0-transformers5.15.0-gpu-py312-cu130-ubuntu24.04-v1.0",
            f"vllm@sha256:{'a' * 64}",
        ],
    )
    def test_they_are_there(self, client: Any, name: str) -> None:
        model(client, image=f"763104351884.dkr.ecr.{REGION}.amazonaws.com/{name}")

    @pytest.mark.parametrize(
        "image",
        [
            "vllm/vllm-openai:v0.27.1",
            VLLM_IMAGE.replace("-sagemaker", ""),
            VLLM_IMAGE.replace(REGION, "us-east-1"),
            VLLM_IMAGE.replace("763104351884", "123456789012"),
            VLLM_IMAGE.replace("vllm:", "vllms:"),
            HF_VLLM_IMAGE.replace("-transformers5.10.2", ""),
            f"763104351884.dkr.ecr.{REGION}.amazonaws.com/vllm",
            f"763104351884.dkr.ecr.{REGION}.amazonaws.com.cn/vllm:0.27.1-gpu-py312-cu130-ubuntu22.04-sagemaker",
        ],
    )
    def test_they_are_not(self, client: Any, image: str) -> None:
        assert refused(lambda: model(client, image=image)) == (
            "ValidationException",
            f"Requested image {image} not found.",
        )

    @pytest.mark.parametrize(
        ("region", "registry"),
        [
            ("cn-north-1", "727897471807.dkr.ecr.cn-north-1.amazonaws.com.cn"),
            ("us-gov-west-1", "442386744353.dkr.ecr.us-gov-west-1.amazonaws.com"),
            ("us-iso-east-1", "886529160074.dkr.ecr.us-iso-east-1.c2s.ic.gov"),
        ],
    )
    def test_each_partition_has_its_registries(self, sagemaker: LocalSageMaker, region: str, registry: str) -> None:
        client = sagemaker.client(region=region)
        model(client, image=IMAGE.replace("763104351884.dkr.ecr.eu-central-1.amazonaws.com", registry))
        assert client.describe_model(ModelName="m")["ModelArn"].startswith("arn:aws-")


class TestHosts:
    """facts/sagemaker-containers.md, 2.3."""

    @pytest.mark.parametrize(
        ("image", "environment", "host", "expected"),
        [
            (VLLM_IMAGE, VLLM_ENV, CUDA_13, "InService"),
            (VLLM_IMAGE, VLLM_ENV, CUDA_12, "Failed"),
            (VLLM_IMAGE, VLLM_ENV, None, "Failed"),
            (VLLM_IMAGE.replace("cu130", "cu129"), VLLM_ENV, CUDA_12, "InService"),
            (VLLM_IMAGE.replace("cu130", "cu129"), VLLM_ENV, CUDA_13, "Failed"),
            (IMAGE, ENV, None, "InService"),
            (IMAGE, ENV, CUDA_12, "InService"),
            (IMAGE, ENV, CUDA_13, "Failed"),
        ],
    )
    def test_cuda_needs_its_driver(
        self, client: Any, image: str, environment: dict[str, str], host: str | None, expected: str
    ) -> None:
        assert status(client, environment, image, host) == expected

    def test_an_update_to_the_wrong_host_leaves_the_old_config(self, client: Any) -> None:
        assert status(client, VLLM_ENV) == "InService"
        config(client, "d", InferenceAmiVersion=CUDA_12)
        client.update_endpoint(EndpointName="e", EndpointConfigName="d")
        back = settled(client)
        assert back["EndpointConfigName"] == "c"
        assert "ping health check" in back["FailureReason"]


class TestStarting:
    @pytest.mark.parametrize(
        "environment",
        [
            {"SM_VLLM_MODEL": "acme/tiny"},
            {"HF_MODEL_ID": "acme/tiny", "SM_VLLM_REVISION": SHA},
            {**VLLM_ENV, "SM_VLLM_MAX_MODEL_LEN": "4096", "SM_VLLM_GPU_MEMORY_UTILIZATION": "0.92"},
            {**VLLM_ENV, "SM_VLLM_MAX_MODEL_LEN": "auto", "SM_VLLM_ENFORCE_EAGER": "true"},
            {**VLLM_ENV, "SM_VLLM_DTYPE": "bfloat16", "SM_VLLM_QUANTIZATION": "fp8"},
            {**VLLM_ENV, "SM_VLLM_NO_SUCH_OPTION": "false"},
            {**VLLM_ENV, "HF_MODEL_REVISION": NEXT_SHA, "VLLM_LOGGING_LEVEL": "INFO"},
        ],
    )
    def test_environments_that_start(self, client: Any, environment: dict[str, str]) -> None:
        assert status(client, environment) == "InService"

    @pytest.mark.parametrize(
        "changes",
        [
            {"SM_VLLM_MODEL": None},
            {"SM_VLLM_NO_SUCH_OPTION": "1"},
            {"SM_VLLM_DISABLE_LOG_REQUESTS": "true"},
            {"SM_VLLM_MAX_MODEL_LEN": "long"},
            {"SM_VLLM_MAX_NUM_SEQS": "4.5"},
            {"SM_VLLM_MAX_NUM_SEQS": "true"},
            {"SM_VLLM_MAX_NUM_SEQS": ""},
            {"SM_VLLM_GPU_MEMORY_UTILIZATION": "1.5"},
            {"SM_VLLM_GPU_MEMORY_UTILIZATION": "most"},
            {"SM_VLLM_ENFORCE_EAGER": "yes"},
            {"SM_VLLM_DTYPE": "int4"},
            {"SM_VLLM_QUANTIZATION": "eetq"},
            {"SM_VLLM_HOST": "127.0.0.1"},
            {"SM_VLLM_PORT": "8000"},
            {"SM_VLLM_MODEL": "/opt/ml/model"},
            {"SM_VLLM_MODEL": "/somewhere"},
            {"SM_VLLM_TENSOR_PARALLEL_SIZE": "2"},
            {"SM_VLLM_LORA_MODULES": '{"name": "legal", "path": "acme/legal"}'},
            {"SM_VLLM_LORA_MODULES": "legal", "SM_VLLM_ENABLE_LORA": "true"},
        ],
    )
    def test_environments_that_do_not(self, client: Any, changes: dict[str, str | None]) -> None:
        environment = {key: value for key, value in {**VLLM_ENV, **changes}.items() if value is not None}
        assert status(client, environment) == "Failed"

    def test_four_gpus_are_four(self, client: Any) -> None:
        environment = {**VLLM_ENV, "SM_VLLM_TENSOR_PARALLEL_SIZE": "2", "SM_VLLM_PIPELINE_PARALLEL_SIZE": "2"}
        assert status(client, environment, instance_type="ml.g5.12xlarge") == "InService"

    @pytest.mark.parametrize(("host", "expected"), [(None, "Failed"), ("0.0.0.0", "InService")])
    def test_the_container_of_hugging_face_must_be_told_its_host(
        self, client: Any, host: str | None, expected: str
    ) -> None:
        environment = {"HF_MODEL_ID": "acme/tiny", "SM_VLLM_REVISION": SHA}
        if host is not None:
            environment["SM_VLLM_HOST"] = host
        assert status(client, environment, HF_VLLM_IMAGE) == expected

    def test_isolation_needs_weights_in_the_model(self, client: Any) -> None:
        assert status(client, VLLM_ENV, EnableNetworkIsolation=True) == "Failed"

    @pytest.mark.parametrize(("image", "expected"), [(VLLM_IMAGE, "InService"), (HF_VLLM_IMAGE, "Failed")])
    def test_a_list_of_adapters_is_one_token_in_the_container_of_hugging_face(
        self, client: Any, image: str, expected: str
    ) -> None:
        adapters = '[{"name": "legal", "path": "acme/legal"}, {"name": "other", "path": "acme/other"}]'
        environment = {**VLLM_ENV, "SM_VLLM_ENABLE_LORA": "true", "SM_VLLM_LORA_MODULES": adapters}
        assert status(client, environment, image) == expected

    def test_the_hub_is_asked_for_what_pins(self) -> None:
        seen: list[tuple[str, str]] = []

        def check(repo: str, revision: str) -> bool:
            seen.append((repo, revision))
            return True

        with LocalSageMaker(durations={"Creating": 0.0}, check_weights=check) as local:
            local.add_role("arn:aws:iam::123456789012:role/sagemaker")
            assert status(local.client(), {**VLLM_ENV, "HF_MODEL_REVISION": NEXT_SHA}) == "InService"
        assert seen == [("acme/tiny", SHA)]


class TestTheModelLadder:
    @pytest.mark.parametrize(
        ("environment", "changes", "expected"),
        [
            ({"SM_VLLM_MODEL": "acme/a", "HF_MODEL_ID": "acme/b"}, {"container": S3}, "acme/a at revision main"),
            ({"HF_MODEL_ID": "acme/b"}, {"container": S3}, "/opt/ml/model at revision main"),
            ({"HF_MODEL_ID": "acme/b", "SM_VLLM_REVISION": SHA}, {}, f"acme/b at revision {SHA}"),
            ({"HF_MODEL_ID": "acme/b", "HF_MODEL_REVISION": SHA}, {}, "acme/b at revision main"),
        ],
    )
    def test_what_is_served(
        self,
        sagemaker: LocalSageMaker,
        client: Any,
        environment: dict[str, str],
        changes: dict[str, Any],
        expected: str,
    ) -> None:
        assert status(client, environment, **changes) == "InService"
        assert f"started with {expected} and" in said(sagemaker)

    def test_a_revision_sends_tgi_to_the_hub_whatever_the_folder(self, client: Any) -> None:
        environment = {"HF_MODEL_ID": "/opt/ml/model", "HF_MODEL_REVISION": SHA}
        assert status(client, environment, IMAGE, None, container=S3) == "Failed"


class TestAnswering:
    def test_a_chat(self, sagemaker: LocalSageMaker, client: Any) -> None:
        status(client, VLLM_ENV)
        answer = ask(sagemaker, {**HELLO, "max_tokens": 4})
        assert (answer["object"], answer["model"]) == ("chat.completion", "acme/tiny")
        assert "look-alike" in answer["system_fingerprint"]
        assert answer["choices"][0]["finish_reason"] == "length"
        assert answer["usage"] == {"prompt_tokens": 2, "completion_tokens": 4, "total_tokens": 6}

    def test_a_completion(self, sagemaker: LocalSageMaker, client: Any) -> None:
        status(client, VLLM_ENV)
        answer = ask(sagemaker, {"prompt": "hello there", "max_tokens": 4})
        assert (answer["object"], answer["model"]) == ("text_completion", "acme/tiny")
        assert answer["choices"][0]["text"] == "This is no model"
        assert answer["usage"] == {"prompt_tokens": 2, "completion_tokens": 4, "total_tokens": 6}
        assert ask(sagemaker, {"prompt": "hello"})["usage"]["completion_tokens"] == 16
        sagemaker.script_invocation("e", "empty")
        assert ask(sagemaker, {"prompt": "hello"})["choices"][0]["text"] == ""

    @pytest.mark.parametrize(
        ("body", "expected"),
        [
            ({"prompt": "hello", "max_tokens": 8}, (400, "maximum context length is 8 tokens")),
            ({"inputs": "hello"}, (400, "Cannot find suitable handler for request")),
            ({**HELLO, "model": "e"}, (404, "The model `e` does not exist.")),
            ({"messages": []}, (400, "The decoder prompt cannot be empty")),
            ({**HELLO, "max_tokens": 0}, (400, "max_tokens must be at least 1")),
            ({**HELLO, "max_tokens": 7}, (400, "maximum context length is 8 tokens")),
            ({**HELLO, "stream": True}, (400, "does not stream")),
        ],
    )
    def test_refusals(
        self, sagemaker: LocalSageMaker, client: Any, body: dict[str, Any], expected: tuple[int, str]
    ) -> None:
        status(client, {**VLLM_ENV, "SM_VLLM_MAX_MODEL_LEN": "8"})
        code, message = container_refusal(sagemaker, body)
        assert code == expected[0]
        assert expected[1] in message

    def test_models_by_their_names(self, sagemaker: LocalSageMaker, client: Any) -> None:
        adapters = '{"name": "legal", "path": "acme/legal"}'
        status(client, {**VLLM_ENV, "SM_VLLM_ENABLE_LORA": "true", "SM_VLLM_LORA_MODULES": adapters})
        for name in ("", "acme/tiny", "legal"):
            assert SHA in said(sagemaker, model=name)
        assert container_refusal(sagemaker, {**HELLO, "model": "acme/legal"})[0] == 404

    def test_a_served_name_takes_the_place_of_the_repository(self, sagemaker: LocalSageMaker, client: Any) -> None:
        status(client, {**VLLM_ENV, "SM_VLLM_SERVED_MODEL_NAME": "twin"})
        assert ask(sagemaker, HELLO)["model"] == "twin"
        assert container_refusal(sagemaker, {**HELLO, "model": "acme/tiny"})[0] == 404
