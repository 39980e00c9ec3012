"""What every story tells in the same words: commands, what is left, and what the operator wrote."""

from tests.testbed.demo.screen import Screen
from tests.testbed.demo.stage import NAMESPACE, Stage
from tests.testbed.demo.watching import Deviation
from tests.testbed.workbench import OPERATOR_USER, ROOT


def kubectl(stage: Stage, screen: Screen, *arguments: str) -> None:
    """Show a command and run it. Files are named as from the root of the repository."""
    screen.command(" ".join(["kubectl", "-n", NAMESPACE, *arguments]))
    local = [str(ROOT / argument) if argument.startswith("examples/") else argument for argument in arguments]
    screen.say(stage.plane.kubectl("-n", NAMESPACE, *local).stdout)


def left_in_sagemaker(stage: Stage) -> str:
    """How much there is, as its API tells."""
    client = stage.aws("sagemaker")
    endpoints = len(client.list_endpoints()["Endpoints"])
    configs = len(client.list_endpoint_configs()["EndpointConfigs"])
    models = len(client.list_models()["Models"])
    return f"endpoints: {endpoints}, endpoint configs: {configs}, models: {models}"


def nothing_in_sagemaker(stage: Stage) -> str:
    """That nothing is left there, in any account or region. Raises Deviation."""
    left = stage.sagemaker.resources()
    if left:
        names = ", ".join(f"{one.kind} {one.name}" for one in left)
        raise Deviation(f"something is left in SageMaker: {names}")
    return f"nothing is left in SageMaker ({left_in_sagemaker(stage)})"


def operators_writes(stage: Stage) -> str:
    """How often the operator wrote, by the API server's audit log. Raises Deviation where it was refused."""
    writes = stage.plane.audit_writes(OPERATOR_USER)
    refused = [write for write in writes if write.code == 403]
    if refused:
        one = refused[0]
        raise Deviation(f"RBAC refused the operator {len(refused)} writes, first: {one.verb} {one.resource}")
    return f"the operator wrote {len(writes)} times to the API server, as {OPERATOR_USER}; RBAC refused none"
