"""The whole path, as users see it: create, roll, scale, delete, Retain."""

import pytest

from tests.testbed.hub.models import llama_8b_repository
from tests.testbed.workbench import REGION, Workbench


@pytest.fixture
def commit(bench: Workbench) -> str:
    bench.hub.create_repo("acme/twin")
    return bench.hub.commit("acme/twin", llama_8b_repository(shards=1))


def test_a_commit_is_served_rolled_and_removed(bench: Workbench, commit: str) -> None:
    with bench.operator():
        bench.model_version()
        bench.deployment()
        bench.wait_serving(commit)
        endpoint = f"{bench.namespace}-twin"
        assert bench.sagemaker.names("endpoint") == [endpoint]
        assert answer_of(bench, endpoint) == commit

        second = bench.hub.commit("acme/twin", {"README.md": b"# better\n"})
        bench.wait_serving(second)
        assert answer_of(bench, endpoint) == second
        status = bench.status("Deployment")
        assert status["revision"]["previous"]["revision"] == commit
        assert [entry["outcome"] for entry in status["history"]] == ["Serving", "Replaced"]
        # One generation is kept for a roll back, a third revision ousts the first.
        assert len(bench.sagemaker.names("endpoint-config")) == 2
        third = bench.hub.commit("acme/twin", {"README.md": b"# best\n"})
        bench.wait_serving(third)
        assert len(bench.sagemaker.names("endpoint-config")) == len(bench.sagemaker.names("model")) == 2

        bench.cluster.delete("Deployment", bench.namespace, "twin")
        bench.wait_gone("Deployment")
        assert bench.sagemaker.resources() == []


def answer_of(bench: Workbench, endpoint: str) -> str:
    """The commit that the endpoint itself says it serves."""
    import json

    runtime = bench.sagemaker.client("sagemaker-runtime", region=REGION)
    body = {"messages": [{"role": "user", "content": "Who are you?"}]}
    answer = runtime.invoke_endpoint(
        EndpointName=endpoint, ContentType="application/json", Body=json.dumps(body).encode()
    )
    return json.loads(answer["Body"].read())["choices"][0]["message"]["content"]
