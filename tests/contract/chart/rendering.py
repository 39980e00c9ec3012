"""What the tests of the chart share: its cases, each rendered once, and ways to find an object."""

import subprocess
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.testbed.chart import CHART, Manifest, manifests
from tests.testbed.helm import run_helm

CASES = {
    "default": (),
    **{path.stem.removesuffix("-values"): (path,) for path in sorted(CHART.glob("ci/*-values.yaml"))},
}
"""Name -> values files. The files are chart-testing's: https://github.com/helm/chart-testing"""
VERSIONS = [f"1.{minor}" for minor in range(25, 38)]
CUSTOM = {"CustomResourceDefinition", "ServiceMonitor"}
"""Kinds whose schema kubernetes-validate does not have."""


@cache
def rendered(case: str, version: str = "1.34") -> tuple[Manifest, ...]:
    """Every object of a case, as a cluster of that version gets it."""
    return tuple(manifests(files=CASES[case], kube_version=version))


def found(objects: Iterable[Manifest], kind: str) -> list[Manifest]:
    """The objects of a kind."""
    return [each for each in objects if each["kind"] == kind]


def only(objects: Iterable[Manifest], kind: str) -> Manifest:
    """The one object of a kind."""
    (it,) = found(objects, kind)
    return it


def templates(objects: Iterable[Manifest]) -> list[Manifest]:
    """Every pod template."""
    return [each["spec"]["template"] for each in objects if each["kind"] in ("Deployment", "Job")]


def settings_file(objects: Iterable[Manifest]) -> Any:
    """The operator's settings."""
    (text,) = [each["data"]["settings.yaml"] for each in found(objects, "ConfigMap") if "settings.yaml" in each["data"]]
    return yaml.safe_load(text)


def refusal(values: Mapping[str, Any]) -> str:
    """What helm says to values that it must refuse."""
    result: subprocess.CompletedProcess[str] = run_helm(
        "template", "slipway", str(CHART), "--values=-", stdin=yaml.safe_dump(dict(values)), check=False
    )
    assert result.returncode != 0, result.stdout[:300]
    return result.stderr


def read(path: Path) -> list[Manifest]:
    """The documents of a YAML file."""
    return [document for document in yaml.safe_load_all(path.read_text()) if document]
