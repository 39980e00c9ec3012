"""What is left of botocore's description of SageMaker."""

import json
from pathlib import Path

import boto3
import botocore.session
from botocore.loaders import Loader

from slipway.targets.sagemaker.service_model import OPERATIONS, keep_needed_operations

ROOT = Path(__file__).parents[4]


def test_the_operations_are_those_that_the_documented_policy_allows() -> None:
    policy = json.loads((ROOT / "docs" / "iam" / "operator-permissions.json").read_text())
    actions = {
        action
        for statement in policy["Statement"]
        for action in _as_list(statement["Action"])
        if "sagemaker:" in action
    } - {"sagemaker:InvokeEndpoint"}  # of the service sagemaker-runtime, whose description is small
    assert actions == {f"sagemaker:{operation}" for operation in OPERATIONS}


def test_what_is_kept_is_described_as_before() -> None:
    whole, kept = Loader(), Loader()
    keep_needed_operations(kept)
    before = whole.load_service_model("sagemaker", "service-2")
    after = kept.load_service_model("sagemaker", "service-2")
    assert after["operations"].keys() == OPERATIONS
    assert all(before["operations"][name] == found for name, found in after["operations"].items())
    assert all(before["shapes"][name] == found for name, found in after["shapes"].items())
    assert len(after["shapes"]) < len(before["shapes"]) / 5


def test_a_client_of_it_knows_every_shape_that_it_needs() -> None:
    core = botocore.session.get_session()
    keep_needed_operations(core.get_component("data_loader"))
    session = boto3.Session(botocore_session=core)
    client = session.client("sagemaker", region_name="eu-central-1", aws_access_key_id="a", aws_secret_access_key="b")
    for name in OPERATIONS:
        operation = client.meta.service_model.operation_model(name)
        for shape in (operation.input_shape, operation.output_shape, *operation.error_shapes):
            _walk(shape, set())


def _walk(shape, seen) -> None:  # type: ignore[no-untyped-def]
    """Resolves every shape below; botocore raises NoShapeFoundError for one that is missing."""
    if shape is None or shape.name in seen:
        return
    seen.add(shape.name)
    children = [*getattr(shape, "members", {}).values()] if shape.type_name == "structure" else []
    children += [shape.member] if shape.type_name == "list" else []
    children += [shape.key, shape.value] if shape.type_name == "map" else []
    for child in children:
        _walk(child, seen)


def _as_list(found: str | list[str]) -> list[str]:
    return [found] if isinstance(found, str) else found
