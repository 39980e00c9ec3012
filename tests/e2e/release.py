"""A release of the chart, as a platform team installs it: with helm."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.testbed.chart import CHART
from tests.testbed.controlplane import ControlPlane
from tests.testbed.helm import run_helm
from tests.testbed.images import Image

_WAIT = "120s"
_FLAGS = ("--wait", f"--timeout={_WAIT}")


def image_values(image: Image) -> dict[str, str]:
    """The chart's values for an image."""
    repository, _, tag = image.reference.rpartition(":")
    return {"registry": "", "repository": repository, "tag": tag}


@dataclass
class Release:
    """One release. Its values are a file, because that is how people keep them."""

    plane: ControlPlane
    folder: Path
    namespace: str
    name: str = "slipway"
    values: Mapping[str, Any] = field(default_factory=dict)

    def install(self) -> str:
        """`helm install --wait`: returns when the operator is ready. Returns what helm says."""
        return self._helm("install", self.name, str(CHART), "--create-namespace", *self._file(), *_FLAGS)

    def upgrade(self, **values: Any) -> str:
        """`helm upgrade --wait` with other values for these top-level keys."""
        self.values = {**self.values, **values}
        return self._helm("upgrade", self.name, str(CHART), *self._file(), *_FLAGS)

    def rollback(self, revision: int) -> str:
        """`helm rollback --wait`."""
        return self._helm("rollback", self.name, str(revision), *_FLAGS)

    def uninstall(self) -> str:
        """`helm uninstall --wait`. Raises HelmError where the guard refuses."""
        return self._helm("uninstall", self.name, "--wait", f"--timeout={_WAIT}")

    def is_installed(self) -> bool:
        """Whether helm knows it."""
        return self.name in [one["name"] for one in json.loads(self._helm("list", "--output=json"))]

    def pods(self) -> list[dict[str, Any]]:
        """The operator's pods."""
        selector = f"app.kubernetes.io/instance={self.name},app.kubernetes.io/component=operator"
        arguments = ("get", "pods", f"--namespace={self.namespace}", f"--selector={selector}", "--output=json")
        items: list[dict[str, Any]] = json.loads(self.plane.kubectl(*arguments).stdout)["items"]
        return items

    def log(self) -> str:
        """What the operator has said."""
        arguments = ("logs", f"--namespace={self.namespace}", f"deployment/{self.name}", "--tail=200")
        return self.plane.kubectl(*arguments, check=False).stdout

    def _file(self) -> tuple[str, str]:
        path = self.folder / f"{self.namespace}-{self.name}-values.yaml"
        path.write_text(yaml.safe_dump(dict(self.values)))
        return ("--values", str(path))

    def _helm(self, *arguments: str) -> str:
        home = {name: str(self.folder / "helm") for name in ("HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME")}
        where = (f"--kubeconfig={self.plane.admin_kubeconfig}", f"--namespace={self.namespace}")
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(self.folder), **home}
        return run_helm(*arguments, *where, environment=environment).stdout
