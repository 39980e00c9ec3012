"""Rows "autoscaled variant, instance type changed" and "delete w/o permission": autoscaling that somebody set up."""

from typing import Any

from tests.integration.error_table.stage import SLOW, ask_again, effects, outcomes, passes_go_by, staged, target
from tests.testbed.workbench import REGION, Workbench


def autoscaled(bench: Workbench) -> tuple[Any, dict[str, str]]:
    """Somebody registers the endpoint's variant. The client, and what names the scalable target."""
    named = {
        "ServiceNamespace": "sagemaker",
        "ResourceId": f"endpoint/{bench.endpoint}/variant/AllTraffic",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    }
    client = bench.sagemaker.client("application-autoscaling", region=REGION)
    client.register_scalable_target(**named, MinCapacity=1, MaxCapacity=4)
    bench.sagemaker.clear_calls()
    return client, named


def targets(client: Any) -> list[str]:
    found = client.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
    return [one["ResourceId"] for one in found]


def test_another_instance_type(bench: Workbench, commit: str) -> None:
    with staged(bench, commit, serving=True, timing=SLOW) as (operator, _):
        client, named = autoscaled(bench)
        target(bench, instanceType="ml.g5.4xlarge")
        found = bench.wait_reason("Deployment", "twin", "Stalled", "AutoscaledVariant")
        assert "cannot be changed while automatic scaling is registered" in found["message"]
        assert "Deregister the variant's scalable target" in found["message"]
        assert "spec.target.sageMaker.instanceType" in found["message"]
        passes_go_by(bench, operator)
        assert outcomes(bench, "UpdateEndpoint") == ["ValidationException"]
        assert bench.serving() == commit
        assert targets(client) == [named["ResourceId"]]  # theirs

        client.deregister_scalable_target(**named)
        ask_again(bench)
        bench.wait_serving(commit)
        assert outcomes(bench, "UpdateEndpoint") == ["ValidationException", "done"]
        described = bench.sagemaker.client(region=REGION).describe_endpoint(EndpointName=bench.endpoint)
        config = bench.sagemaker.client(region=REGION).describe_endpoint_config(
            EndpointConfigName=described["EndpointConfigName"]
        )
        assert config["ProductionVariants"][0]["InstanceType"] == "ml.g5.4xlarge"


def test_a_deletion_without_the_permission(bench: Workbench, commit: str) -> None:
    with staged(bench, commit, serving=True, timing=SLOW) as (operator, _):
        client, named = autoscaled(bench)
        before = bench.sagemaker.resources()
        denial = bench.sagemaker.deny("application-autoscaling:DeregisterScalableTarget")
        bench.cluster.delete("Deployment", bench.namespace, "twin")
        found = bench.wait_reason("Deployment", "twin", "Stalled", "AccessDenied")
        assert "An Application AutoScaling scalable target exists for a variant being deleted" in found["message"]
        assert ". Allow application-autoscaling:DeregisterScalableTarget to the role" in found["message"]
        assert "spec.deletionPolicy to Retain" in found["message"]
        passes_go_by(bench, operator)
        assert outcomes(bench, "DeleteEndpoint") == ["ValidationException"]
        assert bench.sagemaker.resources() == before
        assert targets(client) == [named["ResourceId"]]

        denial.cancel()
        ask_again(bench)
        bench.wait_gone("Deployment")
        assert effects(bench) == {"DeleteEndpoint": 1, "DeleteEndpointConfig": 1, "DeleteModel": 1}
        assert targets(client) == []
