"""The chart, rendered by the real helm."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.testbed.helm import run_helm

CHART = Path(__file__).parents[2] / "charts" / "slipway"

Manifest = dict[str, Any]


def template(
    values: Mapping[str, Any] | None = None,
    *,
    release: str = "slipway",
    namespace: str = "slipway",
    files: Iterable[Path] = (),
    only: Iterable[str] = (),
    kube_version: str | None = None,
) -> str:
    """`helm template`: YAML of what a release of these values consists of, hooks included. Raises HelmError.

    `files` come before `values`; `only`: these files below templates/.
    """
    arguments = ["template", release, str(CHART), f"--namespace={namespace}"]
    arguments += [f"--values={path}" for path in files] + ["--values=-"]
    arguments += [f"--show-only=templates/{name}" for name in only]
    arguments += [f"--kube-version={kube_version}"] if kube_version else []
    return run_helm(*arguments, stdin=yaml.safe_dump(dict(values or {}))).stdout


def manifests(values: Mapping[str, Any] | None = None, **arguments: Any) -> list[Manifest]:
    """The objects of `template`."""
    return [found for found in yaml.safe_load_all(template(values, **arguments)) if found]


def rights(values: Mapping[str, Any] | None = None, *, release: str = "slipway", namespace: str = "slipway") -> str:
    """YAML of what an operator needs in the cluster that runs as a process: namespace, ServiceAccount, RBAC."""
    created = yaml.safe_dump({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    only = ("serviceaccount.yaml", "rbac.yaml")
    return f"{created}---\n{template(values, release=release, namespace=namespace, only=only)}"
