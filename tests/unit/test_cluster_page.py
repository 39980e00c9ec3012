"""docs/cluster.md and the examples for the cluster: what they say can be had, and every field is to be found."""

import re
from collections.abc import Iterator
from itertools import chain, groupby
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from pydantic import BaseModel

from slipway.api.v1alpha1.autoscaling import Autoscaling
from slipway.api.v1alpha1.cluster_target import ClusterTarget
from slipway.api.v1alpha1.deployment import Deployment
from slipway.api.v1alpha1.model_version import ModelVersion
from slipway.api.v1alpha1.rollout import Rollout
from slipway.domain.checks.chain import checked
from slipway.domain.checks.cluster import served_image
from slipway.domain.checks.inputs import Inputs
from slipway.domain.cluster import optional
from slipway.domain.cluster.manifests.build import wanted
from slipway.domain.cluster.marks import Manifest
from slipway.domain.cluster.rolls.stages import Stage, Traffic, stages
from slipway.domain.cluster.settings import ClusterSettings
from slipway.domain.cluster.subject import Subject
from slipway.domain.permissions import PlacementRule
from slipway.domain.sagemaker.catalogue import shipped
from tests.unit.domain.builders import merged, metadata, resolved_json
from tests.unit.domain.cluster.optional.crd_schemas import KINDS, faults
from tests.unit.domain.cluster.pod_security import violations

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "cluster.md").read_text()
SNIPPETS = [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)]
Json = dict[str, Any]


def written() -> Iterator[Any]:
    """The Deployments of the examples that are served in the cluster, with the ModelVersions beside them."""
    for path in sorted((ROOT / "examples").rglob("*.yaml")):
        beside = chain.from_iterable(
            yaml.safe_load_all(file.read_text()) for file in sorted(path.parent.glob("*.yaml"))
        )
        models = [raw for raw in beside if raw and raw["kind"] == "ModelVersion"]
        for raw in yaml.safe_load_all(path.read_text()):
            if raw and raw["kind"] == "Deployment" and "cluster" in raw["spec"].get("target", {}):
                yield pytest.param(raw, models, id=str(path.relative_to(ROOT)))


def inputs(raw: Json, models: list[Json]) -> Inputs:
    """As a pass has them once the ModelVersion is resolved."""
    name = raw["spec"]["modelRef"]["name"]
    model = next(model for model in models if model["metadata"]["name"] == name)
    source = model["spec"]["source"]["huggingFace"]
    status = {"observedGeneration": 1, "resolved": resolved_json(repo=source["repo"], ref=source["revision"])}
    found = {**model, "metadata": metadata(name), "status": status}
    return Inputs(
        deployment=Deployment.model_validate({**raw, "metadata": metadata(raw["metadata"]["name"])}),
        model_version=ModelVersion.model_validate(found),
        account=None,
        rules=(),
        default_rule=PlacementRule((), (), (), ()),
        catalogue=shipped(),
    )


def made(of: Inputs) -> list[Manifest]:
    """Every object of a Deployment that passes the checks."""
    result = checked(of)
    assert result.problem is None, result.problem
    spec, target = of.deployment.spec, of.deployment.spec.target.cluster
    assert target
    assert result.served
    subject, image = Subject.of(of.deployment.metadata), served_image(of.deployment)
    found = wanted(spec, target, result.served, image, subject, ClusterSettings(), result.served.token)
    scaled = spec.autoscaling
    autoscaler = (
        optional.autoscaler(subject, scaled, spec.engine, found.workload["metadata"]["name"]) if scaled else None
    )
    everything = (found.workload, found.service, *found.beside, found.prefetch, *found.optional, autoscaler)
    return [manifest for manifest in everything if manifest]


@pytest.mark.parametrize(("raw", "models"), list(written()))
class TestExamples:
    def test_the_operator_has_nothing_to_say_against_it(self, raw: Json, models: list[Json]) -> None:
        assert checked(inputs(raw, models)).problem is None

    def test_every_api_server_takes_what_is_made_of_it(self, raw: Json, models: list[Json]) -> None:
        for manifest in made(inputs(raw, models)):
            if manifest["kind"] in KINDS:
                assert faults(manifest) == []
            else:
                assert kubernetes_validate.validate(manifest, "1.31", strict=True) == "1.31"

    def test_its_pods_keep_to_the_restricted_profile(self, raw: Json, models: list[Json]) -> None:
        pods = [m["spec"]["template"] for m in made(inputs(raw, models)) if m["kind"] in ("Deployment", "Job")]
        assert pods
        assert [violations(pod) for pod in pods] == [[] for _ in pods]


def test_there_is_a_small_example_and_one_with_almost_everything() -> None:
    kinds = {
        parameter.id: {manifest["kind"] for manifest in made(inputs(*parameter.values))}
        for parameter in written()
        if parameter.id.startswith("examples/cluster/")
    }
    least = {"Deployment", "Service", "ServiceAccount", "NetworkPolicy", "PodDisruptionBudget"}
    most = least | {"PersistentVolumeClaim", "Job", "HTTPRoute", "PodMonitor", "ScaledObject"}
    assert kinds == {"examples/cluster/twin.yaml": least, "examples/cluster/twin-cached.yaml": most}


def parts(of: type[BaseModel]) -> Iterator[str]:
    """The names of all fields, those of parts included, as people write them."""
    for name, field in of.model_fields.items():
        yield field.alias or name
        for found in (field.annotation, *getattr(field.annotation, "__args__", ())):
            if isinstance(found, type) and issubclass(found, BaseModel):
                yield from parts(found)


@pytest.mark.parametrize("name", sorted({*parts(ClusterTarget), *parts(Autoscaling)}))
def test_every_field_is_on_the_page(name: str) -> None:
    assert re.search(rf"\b{name}\b", PAGE)


def test_all_parts_are_looked_into() -> None:
    assert {"gpus", "keepCommits", "parentRefs", "failureMode", "ingressFrom", "interval"} <= {*parts(ClusterTarget)}


MODELS = [
    {"kind": "ModelVersion", "metadata": {"name": "twin"}, "spec": {"source": {"huggingFace": {"repo": "acme/t"}}}}
]
BASE = {"modelRef": {"name": "twin"}, "engine": {"name": "vLLM"}, "target": {"cluster": {}}}


@pytest.mark.parametrize("snippet", SNIPPETS, ids=range(len(SNIPPETS)))
def test_what_the_page_shows_can_be_had(snippet: Json) -> None:
    spec = merged(BASE, snippet.get("spec", snippet))
    raw = {"apiVersion": "slipway.dev/v1alpha1", "kind": "Deployment", "metadata": {"name": "twin"}, "spec": spec}
    model = merged(MODELS[0], {"spec": {"source": {"huggingFace": {"revision": "main"}}}})
    for manifest in made(inputs(raw, [model])):
        found = faults(manifest) if manifest["kind"] in KINDS else []
        assert found == []


def shown(found: tuple[Stage, ...], replicas: int) -> str:
    """Stages as the page shows them: those that get requests in bold; waits where something is waited for."""
    cells = []
    for (new, old, gets, weight), same in groupby(
        found, lambda s: (s.new_count(replicas), s.old_count(replicas), gets_of(s, replicas), s.weight)
    ):
        held = max(stage.hold for stage in same)
        share = f"{round(weight * 100)} %: " if weight else ""
        cells.append((f"{share}{bold(new, 'new' in gets)} + {bold(old, 'old' in gets)}", held))
    last = "wait" if found[-1].old else "hold"
    return " → ".join(
        f"{text}, {last if place == len(cells) - 1 else 'hold'}" if held else text
        for place, (text, held) in enumerate(cells)
    )


def gets_of(stage: Stage, replicas: int) -> frozenset[str]:
    """Who has pods that get requests."""
    counts = {"new": stage.new_count(replicas), "old": stage.old_count(replicas)}
    who = {Traffic.OLD: {"old"}, Traffic.BOTH: {"new", "old"}, Traffic.NEW: {"new"}}[stage.traffic]
    return frozenset(name for name in who if counts[name])


def bold(count: int, gets: bool) -> str:
    return f"**{count}**" if gets else str(count)


def rows(text: str) -> list[tuple[str, str, str]]:
    return re.findall(r"^\| (?:`({.*})`[^|]*|\(the first start\)) \| ([^|]+) \| (\d+) \|$", text, re.MULTILINE)


BY_PODS, BY_WEIGHT = (rows(part) for part in PAGE.split("### Canaries by weight"))
ROWS = [*((False, *row) for row in BY_PODS), *((True, *row) for row in BY_WEIGHT)]


@pytest.mark.parametrize(("by_route", "rollout", "text", "most"), ROWS)
def test_the_stages_on_the_page_are_the_codes(rollout: str, text: str, most: str, *, by_route: bool) -> None:
    strategy = Rollout.model_validate(yaml.safe_load(rollout) if rollout else {})
    found = stages(strategy, first=not rollout, drain_wait=15, by_route=by_route)
    assert text == shown(found, 4)
    assert int(most) == max(stage.new_count(4) + stage.old_count(4) for stage in found)


def test_every_strategy_is_among_them() -> None:
    assert (len(BY_PODS), len(BY_WEIGHT)) == (6, 2)
    asked = [yaml.safe_load(row[0]) for row in BY_PODS if row[0]]
    assert {one.get("strategy", "BlueGreen") for one in asked} == {"BlueGreen", "Rolling", "Recreate"}
