"""CreateModel and CreateEndpointConfig: what the service refuses beyond its schema."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tests.testbed.sagemaker import images, refusals
from tests.testbed.sagemaker.resources import Config, Model, Tags
from tests.testbed.sagemaker.states import World

Params = Mapping[str, Any]

# [M] families whose storage is the instance's own refuse a volume size.
_LOCAL_STORAGE = re.compile(r"ml\.(g4dn|g5|g6|g6e|g7|g7e|p4d|p4de|p5|p5e|p5en|p6-b200|p6-b300|m5d|c5d|r5d)\.")
_NOT_MODELLED = ("ShadowProductionVariants", "AsyncInferenceConfig", "ExplainerConfig", "ExecutionRoleArn")


def tags_of(params: Params, have: Mapping[str, str] | None = None) -> Tags:
    """The tags of a request on top of those there; more than 50, duplicates and aws: are refused [M]."""
    tags = dict(have or {})
    seen = set()
    for tag in params.get("Tags") or []:
        if tag["Key"] in seen:
            raise refusals.invalid(f"Duplicate tag key found: {tag['Key']}")
        if tag["Key"].lower().startswith("aws:"):
            raise refusals.invalid(f"Tag key {tag['Key']} uses the reserved prefix aws:")
        seen.add(tag["Key"])
        tags[tag["Key"]] = tag["Value"]
    if len(tags) > 50:
        raise refusals.invalid("A resource can have at most 50 tags.")
    return tags


def create_model(world: World, params: Params) -> Params:
    arn = world.arn("model", params["ModelName"])
    if params["ModelName"].lower() in world.models:
        raise refusals.exists("model", arn)
    container = _container(params)
    _role(world, params)
    _environment(container.get("Environment", {}))
    _weights(container)
    images.check(world.rules, world.region, container["Image"])
    kept = {key: value for key, value in params.items() if key not in {"Tags", "Containers"}}
    # [M] what DescribeModel adds to what was sent.
    kept["PrimaryContainer"] = {"Mode": "SingleModel", "Environment": {}, **container}
    kept.setdefault("EnableNetworkIsolation", False)
    world.models[params["ModelName"].lower()] = Model(params["ModelName"], arn, kept, world.now(), tags_of(params))
    return {"ModelArn": arn}


def _container(params: Params) -> dict[str, Any]:
    containers = params.get("Containers") or []
    if ("PrimaryContainer" in params) == bool(containers):
        raise refusals.invalid("Exactly one of PrimaryContainer and Containers must be set.")  # [M]
    if len(containers) > 1:
        raise refusals.not_modelled("models of several containers")
    container = dict(params.get("PrimaryContainer") or containers[0])
    if "ModelPackageName" in container:
        raise refusals.not_modelled("models from model packages")
    if "Image" not in container:
        raise refusals.invalid("The container must have an Image or a ModelPackageName.")  # [M]
    return container


def _role(world: World, params: Params) -> None:
    role = params.get("ExecutionRoleArn")
    if not role:
        raise refusals.invalid("ExecutionRoleArn is required.")  # [M]
    if role.split(":")[4] != world.account:
        raise refusals.cross_account_role()
    if role not in world.rules.roles:
        raise refusals.role_not_assumable(role)


def _environment(environment: Mapping[str, str]) -> None:
    """[D] 1,024 bytes each, 32 KiB together; the schema counts characters and entries. Texts [M]."""
    total = 0
    for key, value in environment.items():
        longest = max(len(key.encode()), len(value.encode()))
        total += len(key.encode()) + len(value.encode())
        if longest > 1024:
            raise refusals.invalid(f"Environment variable {key} exceeds 1024 bytes.")
    if total > 32 * 1024:
        raise refusals.invalid("The environment variables exceed 32 KB in total.")


def _weights(container: Params) -> None:
    source = (container.get("ModelDataSource") or {}).get("S3DataSource")
    if source and "ModelDataUrl" in container:
        raise refusals.invalid("ModelDataUrl and ModelDataSource cannot both be set.")  # [M]
    if source and source["S3DataType"] == "S3Prefix" and not source["S3Uri"].endswith("/"):
        raise refusals.invalid(f'S3Uri {source["S3Uri"]} must end with a forward slash "/".')  # [M]


def create_endpoint_config(world: World, params: Params) -> Params:
    name = params["EndpointConfigName"]
    arn = world.arn("endpoint-config", name)
    if name.lower() in world.configs:
        raise refusals.exists("endpoint-config", arn)
    for unsupported in _NOT_MODELLED:
        if unsupported in params:
            raise refusals.not_modelled(f"endpoint configs with {unsupported}")
    variants = [_variant(world, variant) for variant in params["ProductionVariants"]]
    _key(params, variants)
    names = [variant["VariantName"] for variant in variants]
    if len(set(names)) < len(names):
        raise refusals.invalid("Production variant names must be unique.")  # [M]
    kept = {key: value for key, value in params.items() if key not in {"Tags", "ProductionVariants"}}
    kept |= {"ProductionVariants": variants}
    kept.setdefault("EnableNetworkIsolation", False)
    world.configs[name.lower()] = Config(
        name, arn, kept, world.now(), tags_of(params), hidden_for=world.rules.hidden_calls
    )
    return {"EndpointConfigArn": arn}


def _variant(world: World, variant: Params) -> dict[str, Any]:
    if "ServerlessConfig" in variant:
        raise refusals.not_modelled("serverless variants")
    if "ModelName" not in variant:
        raise refusals.not_modelled("variants without a model (inference components)")
    if "ManagedInstanceScaling" in variant:
        raise refusals.invalid("ManagedInstanceScaling is not supported with the given EndpointConfig setup.")
    if ("InstanceType" in variant) == ("InstancePools" in variant):
        raise refusals.invalid("Exactly one of InstanceType and InstancePools must be set.")  # [M]
    if "InitialInstanceCount" not in variant:
        raise refusals.invalid("InitialInstanceCount is required for an instance-based variant.")  # [M]
    _storage(variant)
    for model in _models(variant):
        if model.lower() not in world.models:
            raise refusals.not_found("model", world.arn("model", model))
    return {"InitialVariantWeight": 1.0, **variant}


def _models(variant: Params) -> list[str]:
    pools = variant.get("InstancePools", [])
    return [
        variant["ModelName"],
        *(pool["ModelNameOverride"] for pool in pools if "ModelNameOverride" in pool),
    ]


def _key(params: Params, variants: list[dict[str, Any]]) -> None:
    """Storage that is the instance's own is encrypted by its hardware.

    [M] The documents of CreateEndpointConfig said for years that the call fails; today's say that the key is without
    effect there. A key that does nothing is not what anybody wants, so it fails here.
    """
    local = [kind for variant in variants for kind in _types(variant) if _LOCAL_STORAGE.match(kind)]
    if "KmsKeyId" in params and local:
        raise refusals.invalid(
            f"KmsKeyId is not supported for instance type {local[0]}, whose local storage is encrypted by a hardware "
            "module on the instance."
        )


def _types(variant: Params) -> list[str]:
    return [one["InstanceType"] for one in [variant, *variant.get("InstancePools", [])] if "InstanceType" in one]


def _storage(variant: Params) -> None:
    local = [kind for kind in _types(variant) if _LOCAL_STORAGE.match(kind)]
    if "VolumeSizeInGB" in variant and local:
        raise refusals.invalid(f"VolumeSizeInGB is not supported for instance type {local[0]}.")  # [M]
