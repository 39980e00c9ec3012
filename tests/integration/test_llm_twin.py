"""examples/llm-twin, applied as it is: it becomes ready, answers the book's client, and says how to reach it."""

import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import yaml

from tests.testbed.hub.models import llama_8b_repository
from tests.testbed.operator_process import OperatorProcess
from tests.testbed.workbench import ROOT, Workbench

FOLDER = ROOT / "examples" / "llm-twin"
PROMPT = "Write an article paragraph about RAG."


def manifest(name: str) -> Any:
    return yaml.safe_load((FOLDER / name).read_text())


def inference(runtime: Any, inputs: str) -> str:
    """What the book's client does: llm_engineering/model/inference/{inference,run}.py."""
    parameters = {"max_new_tokens": 150, "top_p": 0.9, "temperature": 0.01, "return_full_text": False}
    body = json.dumps({"inputs": inputs, "parameters": parameters})
    answer = runtime.invoke_endpoint(EndpointName="twin", ContentType="application/json", Body=body)
    text: str = json.loads(answer["Body"].read().decode("utf8"))[0]["generated_text"]
    return text


def operator_of(bench: Workbench, account: str, **settings: Any) -> OperatorProcess:
    """The operator with an identity in this account: no role of another one can be passed."""
    key, secret = bench.sagemaker.credentials(account)
    identity = {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret}
    environment = {**bench.environment(**settings), **identity}
    return OperatorProcess(environment, bench.folder / f"operator-{bench.namespace}.log")


def apply(bench: Workbench, *files: Path) -> None:
    for file in files:
        bench.plane.kubectl("apply", f"--filename={file}", f"--namespace={bench.namespace}")


def test_the_llm_twin_is_served_under_its_own_name(bench: Workbench) -> None:
    repo = manifest("modelversion.yaml")["spec"]["source"]["huggingFace"]["repo"]
    target = manifest("deployment.yaml")["spec"]["target"]["sageMaker"]
    role, region = target["executionRoleArn"], target["region"]
    bench.hub.create_repo(repo)
    commit = bench.hub.commit(repo, llama_8b_repository(shards=1))
    bench.sagemaker.add_role(role)
    account = role.split(":")[4]
    with operator_of(bench, account, aws_regions=[region], aws_execution_roles=[role]):
        apply(bench, FOLDER / "modelversion.yaml", FOLDER / "deployment.yaml")
        bench.wait_serving(commit)

        runtime = bench.sagemaker.client("sagemaker-runtime", region=region, account=account)
        answer = inference(runtime, PROMPT)
        assert repo in answer
        assert commit in answer

        status = bench.status("Deployment")
        url = "https://runtime.sagemaker.eu-central-1.amazonaws.com/endpoints/twin/openai/v1"
        assert (status["endpoint"]["name"], status["endpoint"]["url"]) == ("twin", url)
        secret = bench.get("Secret", status["binding"]["name"])
        assert secret
        assert b64decode(secret["data"]["uri"]).decode() == url

        # What the scripts cannot do: a second run. A new training is rolled out without one.
        bench.sagemaker.clear_calls()
        apply(bench, FOLDER / "modelversion.yaml", FOLDER / "deployment.yaml")
        second = bench.hub.commit(repo, {"README.md": b"# trained again\n"})
        bench.plane.kubectl("annotate", "mv/twin", "slipway.dev/reconcile-now=1", f"--namespace={bench.namespace}")
        bench.wait_serving(second)
        assert second in inference(runtime, PROMPT)

        bench.plane.kubectl("delete", f"--filename={FOLDER / 'deployment.yaml'}", f"--namespace={bench.namespace}")
        bench.wait_gone("Deployment")
    assert bench.sagemaker.resources() == []
