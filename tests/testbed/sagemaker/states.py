"""One account in one region: what there is, and what a config becomes when it is deployed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from typing import Any

from tests.testbed.sagemaker import container, refusals
from tests.testbed.sagemaker.container import Started
from tests.testbed.sagemaker.motion import Motion
from tests.testbed.sagemaker.resources import Config, Endpoint, Model, Variant
from tests.testbed.sagemaker.rules import Rules

_PARTITIONS = {
    "cn": "aws-cn",
    "us-gov": "aws-us-gov",
    "us-iso": "aws-iso",
    "us-isob": "aws-iso-b",
    "us-isof": "aws-iso-f",
    "eu-isoe": "aws-iso-e",
    "eusc-de": "aws-eusc",
}


class World(Motion):
    """Every method is called with `rules.lock` held."""

    def __init__(self, account: str, region: str, rules: Rules) -> None:
        super().__init__(account, region, rules)
        self.models: dict[str, Model] = {}
        self.configs: dict[str, Config] = {}

    def arn(self, kind: str, name: str) -> str:
        partition = _PARTITIONS.get(self.region.rsplit("-", 2)[0], "aws")
        # [M] the real service puts names into its ARNs in lower case.
        return f"arn:{partition}:sagemaker:{self.region}:{self.account}:{kind}/{name.lower()}"

    def deploy(
        self,
        config: Config,
        counts: Mapping[str, int] | None = None,
        weights: Mapping[str, float] | None = None,
    ) -> list[Variant]:
        """The variants of a config, with the models as they are now; counts and weights: those retained."""
        return [
            Variant(
                name=spec["VariantName"],
                config=spec,
                fleet=self._fleet(spec),
                desired=(counts or {}).get(spec["VariantName"], spec["InitialInstanceCount"]),
                desired_weight=(weights or {}).get(spec["VariantName"], spec["InitialVariantWeight"]),
            )
            for spec in config.variants
        ]

    def _fleet(self, spec: Mapping[str, Any]) -> list[tuple[str, Started]]:
        pools = sorted(spec.get("InstancePools", []), key=lambda pool: int(pool["Priority"]))
        if not pools:
            return [(spec["InstanceType"], self._started(spec["ModelName"], spec["InstanceType"], spec))]
        fleet = []
        for pool in pools:
            model = pool.get("ModelNameOverride", spec["ModelName"])
            fleet.append((pool["InstanceType"], self._started(model, pool["InstanceType"], spec)))
        return fleet

    def _started(self, model_name: str, instance_type: str, spec: Mapping[str, Any]) -> Started:
        model = self.models.get(model_name.lower())
        if model is None:
            raise refusals.not_found("model", self.arn("model", model_name))
        primary = model.params["PrimaryContainer"]
        return Started(
            image=primary["Image"],
            environment=dict(primary.get("Environment", {})),
            instance_type=instance_type,
            has_model_data=bool(primary.get("ModelDataUrl") or primary.get("ModelDataSource")),
            isolated=bool(model.params.get("EnableNetworkIsolation")),
            host=spec.get("InferenceAmiVersion"),
        )

    def health(self, variants: list[Variant]) -> dict[tuple[str, str], Future[str | None]]:
        """Starts every container now; the answers are read when the transition is due."""
        checks: dict[tuple[str, str], Future[str | None]] = {}
        for variant in variants:
            for instance_type, started in variant.fleet:
                checks[variant.name, instance_type] = self._start(started)
        return checks

    def _start(self, started: Started) -> Future[str | None]:
        if self.rules.check_weights is not None:
            return self.rules.pool.submit(container.why_not, started, self.rules.check_weights)
        done: Future[str | None] = Future()
        done.set_result(container.why_not(started, None))
        return done

    def check_quota(self, wanted: Counter[str]) -> None:
        for instance_type, delta in wanted.items():
            limit = self.rules.quotas.get(instance_type)
            if limit is None or delta <= 0:
                continue
            used = sum(self._used(endpoint, instance_type) for endpoint in self.endpoints.values())
            if used + delta > limit:
                raise refusals.quota(instance_type, limit, used, delta)

    def _used(self, endpoint: Endpoint, instance_type: str) -> int:
        if endpoint.status == "Failed":
            return 0
        held = sum(max(v.current, v.desired) for v in endpoint.variants if v.instance_type == instance_type)
        if endpoint.change is not None and endpoint.change.kind == "update":
            held += endpoint.change.extra.get(instance_type, 0)
        if endpoint.change is not None and endpoint.change.kind == "create":
            held += sum(v.desired for v in endpoint.change.variants if v.instance_type == instance_type)
        return held

    def tagged(self, arn: str) -> Model | Config | Endpoint | None:
        """The resource behind an ARN of this account and region, without a scan."""
        kind, _, name = arn.rpartition(":")[2].partition("/")
        found: Mapping[str, Mapping[str, Model | Config | Endpoint]] = {
            "model": self.models,
            "endpoint-config": self.configs,
            "endpoint": self.endpoints,
        }
        return found.get(kind, {}).get(name.lower())

    def everything(self) -> Iterator[tuple[str, Model | Config | Endpoint]]:
        yield from (("model", one) for one in list(self.models.values()))
        yield from (("endpoint-config", one) for one in list(self.configs.values()))
        yield from (("endpoint", one) for one in list(self.endpoints.values()))
