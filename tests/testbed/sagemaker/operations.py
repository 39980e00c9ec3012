"""The operations that this double answers itself. All run under the lock, with their input checked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from tests.testbed.sagemaker import describing, guardrails, listing, neighbours, refusals, rollout
from tests.testbed.sagemaker.creating import create_endpoint_config, create_model, tags_of
from tests.testbed.sagemaker.resources import IN_MOTION, Change, Config, Endpoint, Model, Variant, shown
from tests.testbed.sagemaker.states import World

Params = Mapping[str, Any]
Operation = Callable[[World, Params], Params]


# -- looking up -------------------------------------------------------------------------------------


def _model(world: World, name: str) -> Model:
    found = world.models.get(name.lower())
    if found is None:
        raise refusals.not_found("model", world.arn("model", name))
    return found


def _config(world: World, name: str) -> Config:
    found = world.configs.get(name.lower())
    if found is None:
        raise refusals.not_found("endpoint-config", world.arn("endpoint-config", name))
    return found


def _config_to_deploy(world: World, name: str) -> Config:
    """[D] CreateEndpoint reads an eventually consistent table: a new config may not be there yet."""
    config = _config(world, name)
    if config.hidden_for > 0:
        config.hidden_for -= 1
        raise refusals.not_found("endpoint-config", config.arn)
    return config


def _endpoint(world: World, name: str) -> Endpoint:
    found = world.endpoints.get(name.lower())
    if found is None:
        raise refusals.not_found("endpoint", world.arn("endpoint", name))
    return found


def _changeable(world: World, name: str) -> Endpoint:
    endpoint = _endpoint(world, name)
    if endpoint.status in IN_MOTION:
        raise refusals.in_progress(endpoint.arn)
    if endpoint.status == "Failed":
        raise refusals.failed_endpoint(endpoint.arn)
    return endpoint


# -- models and configs -----------------------------------------------------------------------------


def describe_model(world: World, params: Params) -> Params:
    model = _model(world, params["ModelName"])
    return {**model.params, "ModelArn": model.arn, "CreationTime": shown(model.created)}


def delete_model(world: World, params: Params) -> Params:
    """Allowed while endpoints serve it, as the real service allows it: what follows is the caller's loss."""
    del world.models[_model(world, params["ModelName"]).name.lower()]
    return {}


def describe_endpoint_config(world: World, params: Params) -> Params:
    config = _config(world, params["EndpointConfigName"])
    return {**config.params, "EndpointConfigArn": config.arn, "CreationTime": shown(config.created)}


def delete_endpoint_config(world: World, params: Params) -> Params:
    del world.configs[_config(world, params["EndpointConfigName"]).name.lower()]
    return {}


# -- endpoints --------------------------------------------------------------------------------------


def create_endpoint(world: World, params: Params) -> Params:
    name = params["EndpointName"]
    arn = world.arn("endpoint", name)
    if name.lower() in world.endpoints:
        raise refusals.exists("endpoint", arn)
    config = _config_to_deploy(world, params["EndpointConfigName"])
    guardrails.check(world, params.get("DeploymentConfig"))
    tags = tags_of(params)
    variants = world.deploy(config)
    world.check_quota(_instances(variants))
    now = world.now()
    endpoint = Endpoint(name, arn, config.name, "Creating", now, now, tags, deployment=params.get("DeploymentConfig"))
    world.endpoints[name.lower()] = endpoint
    change = Change("create", now, config, variants, world.health(variants), capture=_capture(config))
    world.begin(endpoint, "Creating", change, "Creating")
    endpoint.modified = now
    return {"EndpointArn": arn}


def update_endpoint(world: World, params: Params) -> Params:
    endpoint = _changeable(world, params["EndpointName"])
    config = _config_to_deploy(world, params["EndpointConfigName"])
    if config.name == endpoint.config_name and not world.rules.same_config_allowed:
        raise refusals.same_config(endpoint.arn, config.arn)
    # terraform-provider-aws#40048: the update reads the config in use, and fails if somebody deleted it.
    _config(world, endpoint.config_name)
    deployment = params.get("DeploymentConfig")
    if params.get("RetainDeploymentConfig"):
        deployment = endpoint.deployment
    guardrails.check(world, deployment)
    variants = _retained(world, endpoint, config, params)
    guardrails.check_fleets(deployment, endpoint.variants, variants)
    _same_types_where_scaled(world, endpoint, variants)
    extra = rollout.extra_instances(_instances(variants), deployment)
    world.check_quota(extra)
    if not world.rules.failure_reason_sticks:
        endpoint.failure = None
    steps = rollout.phases(deployment, sum(variant.desired for variant in variants), world.rules.pace())
    change = Change(
        "update",
        world.now(),
        config,
        variants,
        world.health(variants),
        deployment,
        capture=_capture(config) if "DataCaptureConfig" not in _kept(params) else endpoint.capture,
        extra=extra,
        phases=steps,
    )
    world.begin_update(endpoint, change)
    return {"EndpointArn": endpoint.arn}


_PROPERTIES = frozenset({"DesiredInstanceCount", "DesiredWeight", "DataCaptureConfig"})


def _kept(params: Params) -> frozenset[str]:
    """What stays as the endpoint has it, whatever the new config says [S]."""
    if not params.get("RetainAllVariantProperties"):
        return frozenset()
    excluded = params.get("ExcludeRetainedVariantProperties") or []
    return _PROPERTIES - {prop["VariantPropertyType"] for prop in excluded}


def _capture(config: Config) -> Params | None:
    found: Params | None = config.params.get("DataCaptureConfig")
    return found


def _retained(world: World, endpoint: Endpoint, config: Config, params: Params) -> list[Variant]:
    """The new variants: with the config's counts and weights, unless they are to be retained."""
    kept = _kept(params)
    counts = {v.name: v.desired for v in endpoint.variants} if "DesiredInstanceCount" in kept else {}
    weights = {v.name: v.desired_weight for v in endpoint.variants} if "DesiredWeight" in kept else {}
    return world.deploy(config, counts, weights)


def _same_types_where_scaled(world: World, endpoint: Endpoint, variants: list[Variant]) -> None:
    scaled = neighbours.scaled_variants(world.account, world.region, endpoint.name)
    if not scaled:
        return
    types = {variant.name: variant.instance_type for variant in variants}
    moved = [v.name for v in endpoint.variants if v.name in scaled and types.get(v.name) != v.instance_type]
    if moved:
        raise refusals.scalable_target(endpoint.arn, moved)


def _instances(variants: list[Variant]) -> Counter[str]:
    wanted: Counter[str] = Counter()
    for variant in variants:
        wanted[variant.instance_type] += variant.desired
    return wanted


def update_weights(world: World, params: Params) -> Params:
    endpoint = _changeable(world, params["EndpointName"])
    config = _config(world, endpoint.config_name)
    variants = {variant.name: variant for variant in endpoint.variants}
    wanted = params["DesiredWeightsAndCapacities"]
    grown: Counter[str] = Counter()
    for one in wanted:
        variant = variants.get(one["VariantName"])
        if variant is None:
            raise refusals.invalid(f'Could not find variant "{one["VariantName"]}".')  # [M]
        if "ServerlessUpdateConfig" in one:
            raise refusals.invalid("ServerlessUpdateConfig needs a serverless variant.")  # [M]
        if one.get("DesiredInstanceCount", 1) < 1:  # [M] zero takes inference components
            raise refusals.invalid("DesiredInstanceCount must be at least 1 for an instance-based variant.")
        count = one.get("DesiredInstanceCount", variant.desired)
        grown[variant.instance_type] += max(count - variant.desired, 0)
    if +grown:
        world.deploy(config)  # "Could not find model" if one of them is gone
    world.check_quota(grown)
    for one in wanted:
        variant = variants[one["VariantName"]]
        variant.desired = one.get("DesiredInstanceCount", variant.desired)
        variant.desired_weight = one.get("DesiredWeight", variant.desired_weight)
    world.begin(endpoint, "Updating", Change("scale", world.now(), variants=endpoint.variants), "Scaling")
    return {"EndpointArn": endpoint.arn}


def delete_endpoint(world: World, params: Params) -> Params:
    endpoint = _endpoint(world, params["EndpointName"])
    if endpoint.status in IN_MOTION:
        raise refusals.in_progress(endpoint.arn)
    world.begin(endpoint, "Deleting", Change("delete", world.now()), "Deleting")
    return {}


def describe_endpoint(world: World, params: Params) -> Params:
    return describing.endpoint(_endpoint(world, params["EndpointName"]))


# -- tags -------------------------------------------------------------------------------------------


def _tagged(world: World, params: Params) -> Model | Config | Endpoint:
    arn: str = params["ResourceArn"]
    parts = arn.split(":", 5)
    if parts[4] != world.account or parts[3] != world.region:  # [M]
        raise refusals.Refusal("AccessDeniedException", f"{arn} is not of this account and region.")
    found = world.tagged(arn)
    if found is None:  # ValidationException: amazon-sagemaker-feedback#108; the text is [M]
        raise refusals.not_found(parts[5].partition("/")[0], arn)
    return found


def add_tags(world: World, params: Params) -> Params:
    found = _tagged(world, params)
    found.tags = tags_of(params, found.tags)
    return {"Tags": _listed(found.tags)}


def list_tags(world: World, params: Params) -> Params:
    found = _tagged(world, params)
    return {"Tags": _listed(found.tags)}


def delete_tags(world: World, params: Params) -> Params:
    found = _tagged(world, params)
    found.tags = {key: value for key, value in found.tags.items() if key not in params["TagKeys"]}
    return {}


def _listed(tags: Mapping[str, str]) -> list[Params]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


OPERATIONS: Mapping[str, Operation] = {
    "CreateModel": create_model,
    "DescribeModel": describe_model,
    "DeleteModel": delete_model,
    "ListModels": listing.list_models,
    "CreateEndpointConfig": create_endpoint_config,
    "DescribeEndpointConfig": describe_endpoint_config,
    "DeleteEndpointConfig": delete_endpoint_config,
    "ListEndpointConfigs": listing.list_endpoint_configs,
    "CreateEndpoint": create_endpoint,
    "DescribeEndpoint": describe_endpoint,
    "UpdateEndpoint": update_endpoint,
    "UpdateEndpointWeightsAndCapacities": update_weights,
    "DeleteEndpoint": delete_endpoint,
    "ListEndpoints": listing.list_endpoints,
    "AddTags": add_tags,
    "ListTags": list_tags,
    "DeleteTags": delete_tags,
}
# Not moto's to answer: it would succeed where the double does not know the consequences.
REFUSED = frozenset(
    {
        "CreateInferenceComponent",
        "UpdateInferenceComponent",
        "CreateInferenceExperiment",
        "UpdateInferenceComponentRuntimeConfig",
        "DeleteInferenceComponent",
    }
)
TARGETS = ("EndpointName", "EndpointConfigName", "ModelName", "ResourceArn", "NameContains")


def target_of(params: Params) -> str:
    """The name an operation is about, for the call log."""
    return next((str(params[name]) for name in TARGETS if name in params), "")
