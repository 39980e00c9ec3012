"""Lives of a Deployment from its creation to its end, in which an operator may crash at any of its writes.

Each says how far everything must have come, whatever happened on the way, and what must hold in the end. Only within
`endangered` are writes counted, and crashes made: what another life covers already comes before or after it.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.integration.crashing import Endangered
from tests.testbed.hub.models import llama_8b_repository
from tests.testbed.sagemaker import IMAGE, ROLE, LocalSageMaker
from tests.testbed.workbench import REGION, Workbench

LONGEST = 60
"""Seconds for what usually takes one or two: a crash, a new start, and several lives at the same time."""
STEPS = {"shift": "Canary", "stepPercent": 10, "stepInterval": "1s", "terminationWait": "1s"}
CHECK = {"prompt": "Are you there?"}
LATENCY = {"metric": "ModelLatency", "threshold": 5e6}
FOREIGN_TAGS = {"team": "search"}
RETAINED = "slipway.dev/retained"

KUBERNETES = frozenset({"deployments status", "secrets"})


@dataclass(frozen=True)
class Life:
    """What a user does, and the writes of the operator that belong to it."""

    name: str
    live: Callable[[Workbench, Endangered], None]
    """Fails unless everything is as it must be."""
    writes: frozenset[str]
    """Everything that the operator writes where it is endangered."""
    adopts: bool = False
    """Whether the installation must allow it to adopt its endpoint."""

    def __str__(self) -> str:
        return self.name


# What all of them do


def published(bench: Workbench) -> str:
    """A repository with a ModelVersion that tracks it. Its first commit."""
    bench.hub.create_repo("acme/twin")
    commit = bench.hub.commit("acme/twin", llama_8b_repository(shards=1))
    bench.model_version()
    bench.wait_reason("ModelVersion", "twin", "Ready", "Resolved", LONGEST)
    return commit


def improved(bench: Workbench) -> str:
    """The next commit."""
    return bench.hub.commit("acme/twin", {"README.md": b"# better\n"})


def deleted(bench: Workbench) -> None:
    bench.cluster.delete("Deployment", bench.namespace, "twin")
    bench.wait_gone("Deployment", timeout=LONGEST)


def nothing_left(bench: Workbench) -> None:
    assert bench.sagemaker.resources() == []
    assert alarms(bench) == []


def had_effect(bench: Workbench, **expected: int) -> None:
    """How often these operations had an effect."""
    done = Counter(call.operation for call in bench.sagemaker.mutations(effective=True))
    assert {operation: done[operation] for operation in expected} == expected, done


def kinds(bench: Workbench) -> list[str]:
    """What is in SageMaker."""
    return sorted(resource.kind for resource in bench.sagemaker.resources())


def alarms(bench: Workbench) -> list[str]:
    """CloudWatch alarms on the endpoint; those of other lives are in the same account."""
    found = bench.sagemaker.client("cloudwatch", region=REGION).describe_alarms()["MetricAlarms"]
    watching = {"Name": "EndpointName", "Value": bench.endpoint}
    return [alarm["AlarmName"] for alarm in found if watching in alarm["Dimensions"]]


def in_service(bench: Workbench) -> str:
    """The config that SageMaker says is in service."""
    described = bench.sagemaker.client(region=REGION).describe_endpoint(EndpointName=bench.endpoint)
    return str(described["EndpointConfigName"])


def wait_stalled(bench: Workbench, serving: str, reason: str) -> None:
    """Until this commit is reported as serving, and nothing is under way any more for this reason."""

    def look() -> bool:
        conditions = {c["type"]: c["reason"] for c in bench.status("Deployment").get("conditions", [])}
        return bench.serving() == serving and conditions == {"Ready": "Serving", "Stalled": reason}

    bench.wait(look, f"{serving} serves, {reason}", LONGEST)


# The lives


def create_roll_delete(bench: Workbench, endangered: Endangered) -> None:
    """After each of them, what is there must be exactly what should be."""
    with endangered():
        commit = published(bench)
        bench.deployment()
        bench.wait_serving(commit, timeout=LONGEST)
        assert kinds(bench) == ["endpoint", "endpoint-config", "model"]
        second = improved(bench)
        bench.wait_serving(second, timeout=LONGEST)
        assert kinds(bench) == ["endpoint", "endpoint-config", "endpoint-config", "model", "model"]
        deleted(bench)
    nothing_left(bench)
    had_effect(bench, CreateEndpoint=1, UpdateEndpoint=1, DeleteEndpoint=1)


def canary(bench: Workbench, endangered: Endangered) -> None:
    """Watched by an alarm of Slipway's own and checked: one roll, one alarm, and none of it is left."""
    commit = published(bench)
    with endangered():
        bench.deployment(rollout={"blueGreen": STEPS, "check": CHECK, "alarms": [LATENCY]})
        bench.wait_serving(commit, timeout=LONGEST)
        assert alarms(bench) == bench.status("Deployment")["alarms"]
        second = improved(bench)
        bench.wait_serving(second, timeout=LONGEST)
        assert bench.status("Deployment")["check"]["outcome"] == "Passed"
        assert len(alarms(bench)) == 1
        deleted(bench)
    nothing_left(bench)
    had_effect(bench, CreateEndpoint=1, UpdateEndpoint=1, DeleteEndpoint=1, PutMetricAlarm=1, DeleteAlarms=1)


def roll_back(bench: Workbench, endangered: Endangered) -> None:
    """An alarm trips while the canary bakes: SageMaker goes back, and Slipway does not try again."""
    commit = published(bench)
    bench.deployment(replicas=1, rollout={"blueGreen": STEPS, "alarms": [LATENCY]})
    bench.wait_serving(commit, timeout=LONGEST)
    first, (alarm,) = in_service(bench), alarms(bench)
    bench.sagemaker.hold(bench.endpoint, at="Baking")
    with endangered():
        improved(bench)
        bench.wait(lambda: stage(bench) == "Baking", "the canary bakes", LONGEST)
        cloudwatch = bench.sagemaker.client("cloudwatch", region=REGION)
        cloudwatch.set_alarm_state(AlarmName=alarm, StateValue="ALARM", StateReason="a test says so")
        wait_stalled(bench, commit, "RolloutFailed")
        cloudwatch.set_alarm_state(AlarmName=alarm, StateValue="OK", StateReason="a test says so")
        # Another pass, and one that changes the endpoint: what failed is left alone, what serves follows the spec.
        bench.cluster.patch("Deployment", bench.namespace, "twin", {"spec": {"replicas": 2}})
        bench.wait(lambda: bench.status("Deployment").get("readyReplicas") == 2, "two instances", LONGEST)
        wait_stalled(bench, commit, "RolloutFailed")
    assert in_service(bench) == first
    assert bench.status("Deployment")["attempt"]["reason"] == "AlarmRaised"
    deleted(bench)
    nothing_left(bench)
    had_effect(bench, CreateEndpoint=1, UpdateEndpoint=1, UpdateEndpointWeightsAndCapacities=1, DeleteEndpoint=1)


def stage(bench: Workbench) -> str | None:
    """Which phase an update of the endpoint is in."""
    described = bench.sagemaker.client(region=REGION).describe_endpoint(EndpointName=bench.endpoint)
    pending = described.get("PendingDeploymentSummary", {}).get("ProductionVariants", [])
    return pending[0]["VariantStatus"][0]["Status"] if pending else None


def failed_check(bench: Workbench, endangered: Endangered) -> None:
    """The new commit comes into service and has nothing to say: there and back, once each."""
    commit = published(bench)
    bench.deployment(rollout={"check": CHECK})
    bench.wait_serving(commit, timeout=LONGEST)
    first = in_service(bench)
    with endangered():
        second = bench.hub.commit("acme/twin", {"README.md": b"# worse\n"})
        bench.sagemaker.script_invocation(bench.endpoint, "empty", times=None, revision=second)
        wait_stalled(bench, commit, "CheckFailed")
    assert in_service(bench) == first
    status = bench.status("Deployment")
    assert status["check"]["outcome"] == "Failed"
    assert [(one["revision"], one["outcome"]) for one in status["history"]] == [(second, "Failed"), (commit, "Serving")]
    had_effect(bench, CreateEndpoint=1, UpdateEndpoint=2)
    deleted(bench)
    nothing_left(bench)


def adoption(bench: Workbench, endangered: Endangered) -> None:
    """An endpoint that somebody made, with a variant of another name: it is rolled, what was theirs stays theirs."""
    theirs = foreign_endpoint(bench)
    commit = published(bench)
    bench.sagemaker.clear_calls()
    with endangered():
        bench.deployment(target={"adopt": True})
        bench.wait_serving(commit, timeout=LONGEST)
        assert bench.status("Deployment")["placement"]["variant"] == "primary"
        assert described(bench.sagemaker) == theirs
        had_effect(bench, CreateEndpoint=0, UpdateEndpoint=1)
        deleted(bench)
    assert described(bench.sagemaker) == theirs
    assert kinds(bench) == ["endpoint-config", "model"]
    had_effect(bench, CreateEndpoint=0, UpdateEndpoint=1, DeleteEndpoint=1)


def foreign_endpoint(bench: Workbench) -> dict[str, Any]:
    """As somebody makes one with boto3. What the service says of its config and model."""
    client = bench.sagemaker.client(region=REGION)
    tags = [{"Key": key, "Value": value} for key, value in FOREIGN_TAGS.items()]
    environment = {"HF_MODEL_ID": "acme/twin", "HF_MODEL_REVISION": "main"}
    client.create_model(
        ModelName="theirs",
        ExecutionRoleArn=ROLE,
        PrimaryContainer={"Image": IMAGE, "Environment": environment},
        Tags=tags,
    )
    variant = {
        "VariantName": "primary",
        "ModelName": "theirs",
        "InstanceType": "ml.g5.2xlarge",
        "InitialInstanceCount": 1,
    }
    client.create_endpoint_config(EndpointConfigName="theirs", ProductionVariants=[variant], Tags=tags)
    client.create_endpoint(EndpointName=bench.endpoint, EndpointConfigName="theirs", Tags=tags)
    bench.wait(
        lambda: client.describe_endpoint(EndpointName=bench.endpoint)["EndpointStatus"] == "InService", "InService"
    )
    return described(bench.sagemaker)


def described(sagemaker: LocalSageMaker) -> dict[str, Any]:
    """The config and the model `theirs`, with their tags."""
    client = sagemaker.client(region=REGION)
    found = {
        "config": client.describe_endpoint_config(EndpointConfigName="theirs"),
        "model": client.describe_model(ModelName="theirs"),
    }
    for one in found.values():
        del one["ResponseMetadata"]
    tags = {resource.arn: resource.tags for resource in sagemaker.resources() if resource.name == "theirs"}
    return {**found, "tags": tags}


def retain(bench: Workbench, endangered: Endangered) -> None:
    """Everything stays, marked, and a Deployment of the same name takes it over as it is."""
    commit = published(bench)
    bench.deployment(deletionPolicy="Retain")
    bench.wait_serving(commit, timeout=LONGEST)
    with endangered():
        deleted(bench)
        left = bench.sagemaker.resources()
        assert kinds(bench) == ["endpoint", "endpoint-config", "model"]
        assert all(resource.tags[RETAINED] == bench.endpoint for resource in left)
        # The Secret for clients goes with its owner, by the garbage collector's leave; until then it is in the way.
        bench.wait(lambda: bench.get("Secret", "twin-binding") is None, "the Secret is collected", LONGEST)
        again = bench.deployment()
        bench.wait_serving(commit, timeout=LONGEST)
        (endpoint,) = [resource for resource in bench.sagemaker.resources() if resource.kind == "endpoint"]
        assert endpoint.tags["slipway.dev/uid"] == again["metadata"]["uid"]
        assert RETAINED not in endpoint.tags
    had_effect(bench, CreateModel=1, CreateEndpointConfig=1, CreateEndpoint=1, UpdateEndpoint=0)
    deleted(bench)
    nothing_left(bench)


_MADE = frozenset({"create_model", "create_endpoint_config"})
_REMOVED = frozenset({"delete_endpoint", "delete_endpoint_config", "delete_model", "deployments finalizers"})
_WHOLE = KUBERNETES | _MADE | _REMOVED | {"create_endpoint", "update_endpoint", "modelversions status"}

CREATE_ROLL_DELETE = Life("create-roll-delete", create_roll_delete, _WHOLE)
CANARY = Life("canary", canary, _WHOLE | {"put_metric_alarm", "delete_alarms", "invoke_endpoint"})
ROLL_BACK = Life(
    "roll-back",
    roll_back,
    _MADE | {"modelversions status", "deployments status", "update_endpoint", "update_endpoint_weights_and_capacities"},
)
FAILED_CHECK = Life(
    "failed-check",
    failed_check,
    _MADE | {"modelversions status", "deployments status", "update_endpoint", "invoke_endpoint"},
)
ADOPTION = Life(
    "adoption", adoption, KUBERNETES | _MADE | _REMOVED | {"add_tags", "delete_tags", "update_endpoint"}, adopts=True
)
RETAIN = Life("retain", retain, KUBERNETES | {"deployments finalizers", "add_tags", "delete_tags"})
