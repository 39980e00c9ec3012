"""Golden files: what a user writes, and every object that comes of it, in one YAML stream that people can read.

The first document is the Deployment, the second what its ModelVersions were resolved to; these two are written by hand.
The others are written by `SLIPWAY_WRITE_GOLDEN=1 pytest tests/unit/domain/cluster/test_golden_manifests.py`: read the
difference before it is committed, because whatever changes in a pod template rolls every endpoint of every user.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from slipway.api.v1alpha1.common import SecretKeyRef
from slipway.api.v1alpha1.deployment import Deployment
from slipway.api.v1alpha1.deployment_status import AdapterRevision
from slipway.domain.cluster.cache.job import script
from slipway.domain.cluster.engines.known import image_of
from slipway.domain.cluster.manifests.build import problem, wanted
from slipway.domain.cluster.manifests.wanted import Wanted
from slipway.domain.cluster.marks import Manifest
from slipway.domain.cluster.settings import ClusterSettings
from slipway.domain.cluster.subject import Subject
from slipway.domain.served import ServedModel

FOLDER = Path(__file__).parent / "golden"
REVISIONS = FOLDER / "revisions.json"
WRITE = os.environ.get("SLIPWAY_WRITE_GOLDEN") == "1"
SETTINGS = ClusterSettings(operator_namespace="slipway-system")
_WRITTEN_BY_HAND = 2


@dataclass(frozen=True)
class Case:
    """One golden file."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def documents(self) -> list[Any]:
        return list(yaml.safe_load_all(self.path.read_text()))

    def wanted(self) -> Wanted:
        """What comes of the documents that are written by hand."""
        deployment = Deployment.model_validate(self._deployment())
        target = deployment.spec.target.cluster
        assert target
        resolved = self.documents[1]["resolved"]
        adapters = tuple(AdapterRevision(**adapter) for adapter in resolved.pop("adapters", []))
        token = SecretKeyRef(**resolved.pop("token")) if "token" in resolved else None
        served = ServedModel(**resolved, adapters=adapters)
        image, subject = image_of(deployment.spec.engine), Subject.of(deployment.metadata)
        assert problem(deployment.spec, target, served, image, subject, token) is None
        return wanted(deployment.spec, target, served, image, subject, SETTINGS, token)

    def _deployment(self) -> Any:
        by_hand = self.documents[0]
        metadata = {"namespace": "ml", "uid": "7d3c0a52-5a0e-4f0b-9d0c-3f6f0f3b7a11", "resourceVersion": "1"}
        return by_hand | {"metadata": metadata | by_hand["metadata"]}

    def write(self, manifests: list[Manifest]) -> None:
        """Everything behind the documents that are written by hand."""
        by_hand = self.path.read_text().split("\n---\n")[:_WRITTEN_BY_HAND]
        generated = [yaml.dump(readable(m), Dumper=_Plain, sort_keys=False, width=110).rstrip() for m in manifests]
        self.path.write_text("\n---\n".join([*(text.rstrip() for text in by_hand), *generated]) + "\n")


def manifests(found: Wanted) -> list[Manifest]:
    """Everything that is applied, as the API server gets it."""
    prefetch = [found.prefetch] if found.prefetch else []
    canary = [found.canary] if found.canary else []
    everything = [found.workload, found.service, *canary, *found.beside, *prefetch, *found.optional]
    return [json.loads(json.dumps(manifest)) for manifest in everything]


def readable(manifest: Manifest) -> Manifest:
    """Without the text of the script that loads weights, which is a file of its own."""
    return _without(manifest, script())


def _without(value: Any, text: str) -> Any:
    if isinstance(value, dict):
        return {key: _without(inner, text) for key, inner in value.items()}
    if isinstance(value, list):
        return [_without(inner, text) for inner in value]
    return "(the text of slipway/in_pod/prefetch.py)" if value == text else value


CASES = [Case(path) for path in sorted(FOLDER.glob("*.yaml"))]


class _Plain(yaml.SafeDumper):
    """Without references to what was written before, and texts of several lines as such."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Plain.add_representer(str, _text)
