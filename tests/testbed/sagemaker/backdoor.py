"""What happens behind the caller's back: drift, people at the console, a fleet that was there before."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

from tests.testbed.sagemaker.defaults import ACCOUNT, IMAGE, REGION, ROLE
from tests.testbed.sagemaker.handle import Handle
from tests.testbed.sagemaker.resources import Config, Endpoint, Model, Variant
from tests.testbed.sagemaker.states import World


class Backdoor(Handle):
    def remove_endpoint(self, name: str) -> None:
        """Gone at once, in whatever state."""
        with self.rules.lock:
            world, endpoint = self._endpoint(name)
            world.forget(endpoint)

    def remove_config(self, name: str) -> None:
        self._remove("configs", name)

    def remove_model(self, name: str) -> None:
        self._remove("models", name)

    def change_config(self, name: str, config: str) -> None:
        """As if somebody had updated the endpoint to another config, and that update were through."""
        with self.rules.lock:
            world, endpoint = self._endpoint(name)
            found = world.configs[config.lower()]
            endpoint.variants, endpoint.config_name = world.deploy(found), found.name
            endpoint.capture = found.params.get("DataCaptureConfig")
            for variant in endpoint.variants:
                variant.settle()
            world.rest(endpoint, "InService")

    def change_count(self, name: str, count: int, variant: str | None = None) -> None:
        with self.rules.lock:
            world, endpoint = self._endpoint(name)
            for one in endpoint.variants:
                if variant in {None, one.name}:
                    one.desired = count
                    one.settle()
            world.touch(endpoint)

    def change_tags(self, arn: str, tags: Mapping[str, str]) -> None:
        with self.rules.lock:
            found = [one for world in self._worlds() for _, one in world.everything() if one.arn == arn]
            found[0].tags = dict(tags)

    def set_status(self, name: str, status: str, reason: str | None = None) -> None:
        """Any status, until it is set again. In motion it has no end: SystemUpdating, RollingBack."""
        with self.rules.lock:
            world, endpoint = self._endpoint(name)
            world.rest(endpoint, status)
            if reason is not None:
                endpoint.failure = reason[:1024]
            elif status == "InService":
                endpoint.failure = None

    def seed(
        self,
        names: Iterable[str],
        *,
        account: str = ACCOUNT,
        region: str = REGION,
        repo: str = "acme/model",
        revision: str = "0" * 40,
        environment: Mapping[str, str] | None = None,
        image: str = IMAGE,
        instance_type: str = "ml.g5.2xlarge",
        count: int = 1,
        tags: Callable[[str], Mapping[str, str]] | Mapping[str, str] | None = None,
        model_name: Callable[[str], str] = str,
        config_name: Callable[[str], str] = str,
        role: str = ROLE,
    ) -> None:
        """A model, an endpoint config and an InService endpoint for each name, without a call."""
        env = {"HF_MODEL_ID": repo, "HF_MODEL_REVISION": revision, **(environment or {})}
        with self.rules.lock:
            world = self.service.world(account, region)
            for name in names:
                labels = dict(tags(name) if callable(tags) else tags or {})
                _seed(
                    world,
                    name,
                    Model(
                        model_name(name),
                        world.arn("model", model_name(name)),
                        {
                            "ModelName": model_name(name),
                            "PrimaryContainer": {"Mode": "SingleModel", "Environment": env, "Image": image},
                            "ExecutionRoleArn": role,
                            "EnableNetworkIsolation": False,
                        },
                        world.now(),
                        dict(labels),
                    ),
                    config_name(name),
                    instance_type,
                    count,
                    labels,
                )

    def _remove(self, where: Literal["configs", "models"], name: str) -> None:
        with self.rules.lock:
            for world in self._worlds():
                found: dict[str, Any] = getattr(world, where)
                if found.pop(name.lower(), None) is not None:
                    return
        raise KeyError(f"no {where[:-1]} {name}")


def _seed(
    world: World,
    name: str,
    model: Model,
    config_name: str,
    instance_type: str,
    count: int,
    tags: Mapping[str, str],
) -> None:
    world.models[model.name.lower()] = model
    variant = {
        "InitialVariantWeight": 1.0,
        "VariantName": "AllTraffic",
        "ModelName": model.name,
        "InstanceType": instance_type,
        "InitialInstanceCount": count,
    }
    params = {
        "EndpointConfigName": config_name,
        "ProductionVariants": [variant],
        "EnableNetworkIsolation": False,
    }
    config = Config(config_name, world.arn("endpoint-config", config_name), params, world.now(), dict(tags))
    world.configs[config_name.lower()] = config
    now = world.now()
    variants: list[Variant] = world.deploy(config)
    for one in variants:
        one.settle()
        one.resolved_at = now
    world.endpoints[name.lower()] = Endpoint(
        name, world.arn("endpoint", name), config.name, "InService", now, now, dict(tags), variants
    )
