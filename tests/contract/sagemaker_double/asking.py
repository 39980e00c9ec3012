"""What the tests of the local SageMaker ask it, with boto3, and how they wait."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.testbed.sagemaker import ACCOUNT, IMAGE, REGION, ROLE, LocalSageMaker

OTHER_ACCOUNT = "210987654321"
TYPE = "ml.g5.2xlarge"
SHA = "a" * 40
NEXT_SHA = "b" * 40
HELLO = {"messages": [{"role": "user", "content": "hello"}]}
ENV = {"HF_MODEL_ID": "acme/tiny", "HF_MODEL_REVISION": SHA, "SM_NUM_GPUS": "1"}


def arn(kind: str, name: str) -> str:
    return f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:{kind}/{name}"


def model(client: Any, name: str = "m", **changes: Any) -> str:
    environment = changes.pop("environment", ENV)
    container = {
        "Image": changes.pop("image", IMAGE),
        "Environment": environment,
        **changes.pop("container", {}),
    }
    asked = {"ModelName": name, "PrimaryContainer": container, "ExecutionRoleArn": ROLE, **changes}
    return str(client.create_model(**asked)["ModelArn"])


def variant(model_name: str = "m", **changes: Any) -> dict[str, Any]:
    spec = {
        "VariantName": "AllTraffic",
        "ModelName": model_name,
        "InstanceType": TYPE,
        "InitialInstanceCount": 1,
        **changes,
    }
    return {key: value for key, value in spec.items() if value is not None}


def config(client: Any, name: str = "c", model_name: str = "m", *, tags: Any = None, **changes: Any) -> str:
    asked: dict[str, Any] = {
        "EndpointConfigName": name,
        "ProductionVariants": [variant(model_name, **changes)],
    }
    if tags is not None:
        asked["Tags"] = tags
    return str(client.create_endpoint_config(**asked)["EndpointConfigArn"])


def endpoint(client: Any, name: str = "e", config_name: str = "c", **changes: Any) -> str:
    asked = {"EndpointName": name, "EndpointConfigName": config_name, **changes}
    return str(client.create_endpoint(**asked)["EndpointArn"])


def describe(client: Any, name: str = "e") -> dict[str, Any]:
    found: dict[str, Any] = client.describe_endpoint(EndpointName=name)
    return found


def wait_for(condition: Callable[[], Any], seconds: float = 10.0) -> Any:
    """The condition's first true value; each look is a request, so nothing spins for free."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = condition()
        if found:
            return found
    raise AssertionError("the condition did not become true in time")


def settled(client: Any, name: str = "e", status: str = "InService") -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        found = describe(client, name)
        return found if found["EndpointStatus"] == status else None

    found: dict[str, Any] = wait_for(look)
    return found


def serving(client: Any, name: str = "e") -> dict[str, Any]:
    """A model, two configs (c and d, which serves the next revision) and an endpoint in service with c."""
    model(client)
    model(client, "n", environment={**ENV, "HF_MODEL_REVISION": NEXT_SHA})
    config(client)
    config(client, "d", "n")
    endpoint(client, name)
    return settled(client, name)


def refused(call: Callable[..., Any], **params: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**params)
    return caught.value.response["Error"]["Code"], caught.value.response["Error"]["Message"]


def ask(local: LocalSageMaker, body: Any, name: str = "e", **more: Any) -> Any:
    answer = local.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=name, ContentType="application/json", Body=json.dumps(body), **more
    )
    return json.loads(answer["Body"].read())


def post(
    local: LocalSageMaker,
    token: str | None,
    body: Any = HELLO,
    name: str = "e",
    path: str = "/chat/completions",
    scheme: str = "Bearer",
) -> tuple[int, Any]:
    """To the OpenAI path; a body of None makes it a GET. The status and what the answer holds."""
    headers = {"Content-Type": "application/json"}
    if token is not None:
        headers["Authorization"] = f"{scheme} {token}"
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(local.openai_url(name) + path, data=data, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refusal:
        return refusal.code, json.load(refusal)
