"""The whole path, as users see it: create, roll, scale, delete, Retain."""

import json
import re

from tests.testbed.workbench import REGION, Workbench


def served_by(bench: Workbench) -> str:
    """The commit that the endpoint itself says it serves."""
    runtime = bench.sagemaker.client("sagemaker-runtime", region=REGION)
    body = json.dumps({"messages": [{"role": "user", "content": "Who are you?"}]}).encode()
    answer = runtime.invoke_endpoint(EndpointName=bench.endpoint, ContentType="application/json", Body=body)
    text = json.loads(answer["Body"].read())["choices"][0]["message"]["content"]
    found = re.search(r"\b[0-9a-f]{40}\b", text)
    assert found, text
    return found[0]


def test_a_commit_is_served_rolled_and_removed(bench: Workbench, commit: str) -> None:
    with bench.operator():
        bench.model_version()
        bench.deployment()
        bench.wait_serving(commit)
        assert bench.sagemaker.names("endpoint") == [bench.endpoint]
        assert served_by(bench) == commit

        second = bench.hub.commit("acme/twin", {"README.md": b"# better\n"})
        bench.wait_serving(second)
        assert served_by(bench) == second
        status = bench.status("Deployment")
        assert status["revision"]["previous"]["revision"] == commit
        assert [entry["outcome"] for entry in status["history"]] == ["Serving", "Replaced"]

        third = bench.hub.commit("acme/twin", {"README.md": b"# best\n"})
        bench.wait_serving(third)
        # One generation is kept for a roll back; the first one is gone.
        assert len(bench.sagemaker.names("endpoint-config")) == 2
        assert len(bench.sagemaker.names("model")) == 2

        bench.cluster.delete("Deployment", bench.namespace, "twin")
        bench.wait_gone("Deployment")
        assert bench.sagemaker.resources() == []


def test_the_container_gets_the_commit_and_the_engine_settings(bench: Workbench, commit: str) -> None:
    with bench.operator():
        bench.model_version()
        engine = {
            "maxInputTokens": 2048,
            "maxTotalTokens": 4096,
            "quantization": "bitsandbytes-nf4",
            "env": [{"name": "MAX_BATCH_PREFILL_TOKENS", "value": "4096"}],
        }
        bench.deployment(engine=engine, target={"instanceType": "ml.g5.12xlarge"})
        bench.wait_serving(commit)
    client = bench.sagemaker.client(region=REGION)
    (model,) = bench.sagemaker.names("model")
    container = client.describe_model(ModelName=model)["PrimaryContainer"]
    assert container["Image"].endswith("2.7.0-tgi3.3.6-gpu-py311-cu124-ubuntu22.04")
    assert container["Environment"] == {
        "HF_MODEL_ID": "acme/twin",
        "HF_MODEL_REVISION": commit,
        "HF_ENDPOINT": bench.hub.url,
        "SM_NUM_GPUS": "4",
        "MAX_INPUT_TOKENS": "2048",
        "MAX_TOTAL_TOKENS": "4096",
        "HF_MODEL_QUANTIZE": "bitsandbytes-nf4",
        "MAX_BATCH_PREFILL_TOKENS": "4096",
    }
    (name,) = bench.sagemaker.names("endpoint-config")
    (variant,) = client.describe_endpoint_config(EndpointConfigName=name)["ProductionVariants"]
    assert variant["InferenceAmiVersion"] == "al2-ami-sagemaker-inference-gpu-3-1"
    assert variant["ContainerStartupHealthCheckTimeoutInSeconds"] == 1800


def test_everything_carries_the_owners_tags(bench: Workbench, commit: str) -> None:
    with bench.operator():
        bench.model_version()
        created = bench.deployment()
        bench.wait_serving(commit)
    for resource in bench.sagemaker.resources():
        assert resource.tags == {
            "slipway.dev/installation": "testbed",
            "slipway.dev/namespace": bench.namespace,
            "slipway.dev/name": "twin",
            "slipway.dev/uid": created["metadata"]["uid"],
        }


def test_a_count_changes_without_a_second_fleet(bench: Workbench, commit: str) -> None:
    with bench.operator():
        bench.model_version()
        bench.deployment(replicas=1)
        bench.wait_serving(commit)
        configs = bench.sagemaker.names("endpoint-config")
        bench.plane.kubectl("scale", "sdep/twin", "--replicas=3", "-n", bench.namespace)
        bench.wait(lambda: bench.status("Deployment").get("readyReplicas") == 3, "three instances")
        bench.wait_serving(commit)
        assert bench.sagemaker.names("endpoint-config") == configs
        # A roll keeps the count.
        second = bench.hub.commit("acme/twin", {"README.md": b"# better\n"})
        bench.wait_serving(second)
        assert bench.status("Deployment")["readyReplicas"] == 3


def test_retain_leaves_everything_and_marks_it(bench: Workbench, commit: str) -> None:
    with bench.operator():
        bench.model_version()
        bench.deployment(deletionPolicy="Retain")
        bench.wait_serving(commit)
        bench.cluster.delete("Deployment", bench.namespace, "twin")
        bench.wait_gone("Deployment")
        left = bench.sagemaker.resources()
        assert {resource.kind for resource in left} == {"endpoint", "endpoint-config", "model"}
        assert all(resource.tags["slipway.dev/retained"] == bench.endpoint for resource in left)
        assert served_by(bench) == commit

        # A Deployment of the same name takes it over: no second endpoint, and the mark is gone.
        again = bench.deployment()
        bench.wait_serving(commit)
        (endpoint,) = [r for r in bench.sagemaker.resources() if r.kind == "endpoint"]
        assert endpoint.tags["slipway.dev/uid"] == again["metadata"]["uid"]
        assert "slipway.dev/retained" not in endpoint.tags
        assert not [call for call in bench.sagemaker.mutations() if call.operation == "UpdateEndpoint"]


def test_the_policy_may_be_edited_while_deletion_waits(bench: Workbench, commit: str) -> None:
    bench.sagemaker.hold()
    with bench.operator():
        bench.model_version()
        bench.deployment()
        bench.wait(lambda: bench.sagemaker.status(bench.endpoint) == "Creating", "Creating")
        bench.cluster.delete("Deployment", bench.namespace, "twin")
        bench.wait_reason("Deployment", "twin", "Reconciling", "WaitingToDelete")
        change = {"spec": {"deletionPolicy": "Retain"}}
        bench.cluster.patch("Deployment", bench.namespace, "twin", change)
        bench.wait_gone("Deployment")
    assert bench.sagemaker.status(bench.endpoint) == "Creating"


def test_a_deployment_deleted_while_its_endpoint_is_creating(bench: Workbench, commit: str) -> None:
    bench.sagemaker.hold()
    with bench.operator():
        bench.model_version()
        bench.deployment()
        bench.wait_reason("Deployment", "twin", "Reconciling", "Creating")
        bench.wait(lambda: bench.sagemaker.status(bench.endpoint) == "Creating", "Creating")
        bench.cluster.delete("Deployment", bench.namespace, "twin")
        found = bench.wait_reason("Deployment", "twin", "Reconciling", "WaitingToDelete")
        assert "within 30 minutes" in found["message"]
        bench.sagemaker.release()
        bench.wait_gone("Deployment")
    assert bench.sagemaker.resources() == []


def test_a_namespace_deleted_takes_its_endpoints_along(bench: Workbench, commit: str) -> None:
    with bench.operator():
        bench.model_version()
        bench.deployment()
        bench.wait_serving(commit)
        bench.cluster.delete_namespace(bench.namespace)
        bench.wait(lambda: not bench.cluster.namespace_exists(bench.namespace), "the namespace is gone", 60)
    assert bench.sagemaker.resources() == []


def test_a_deployment_that_never_created_anything_goes_at_once(bench: Workbench) -> None:
    with bench.operator():
        bench.deployment(model="missing")
        bench.wait_reason("Deployment", "twin", "Stalled", "ModelVersionNotFound")
        bench.cluster.delete("Deployment", bench.namespace, "twin")
        bench.wait_gone("Deployment")
    assert bench.sagemaker.calls == []


def test_an_upgrade_of_the_operator_changes_nothing(bench: Workbench, commit: str) -> None:
    """A restarted operator finds everything as it is: no write to Kubernetes, no change in SageMaker."""
    with bench.operator():
        bench.model_version()
        bench.deployment()
        bench.wait_serving(commit)
    before = bench.get("Deployment")
    bench.sagemaker.clear_calls()
    with bench.operator() as operator:
        bench.wait_first_pass(operator, "Deployment", 1)
    assert bench.get("Deployment") == before
    assert bench.sagemaker.mutations() == []
