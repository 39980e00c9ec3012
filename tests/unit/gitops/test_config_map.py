"""The chart's ConfigMap holds the scripts under the keys of argocd-cm, and is not argocd-cm."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.testbed.helm import run_helm
from tests.unit.gitops.test_health import FOLDER, KINDS

TEMPLATE = FOLDER.parents[1] / "templates" / "argocd-health.yaml"
HELPERS = """
{{- define "slipway.fullname" -}}{{ .Release.Name }}{{- end -}}
{{- define "slipway.labels" -}}app.kubernetes.io/name: slipway{{- end -}}
"""


@pytest.fixture(scope="module")
def chart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template alone, with the files that it reads."""
    folder = tmp_path_factory.mktemp("chart")
    (folder / "templates").mkdir()
    (folder / "Chart.yaml").write_text("apiVersion: v2\nname: slipway\nversion: 0.1.0\n")
    (folder / "values.yaml").write_text("argocd: {healthChecks: {enabled: false}}\n")
    (folder / "templates" / "_names.tpl").write_text(HELPERS)
    shutil.copy(TEMPLATE, folder / "templates")
    shutil.copytree(FOLDER, folder / "files" / "argocd")
    return folder


def rendered(chart: Path, *options: str) -> list[Any]:
    found = run_helm("template", "slipway", str(chart), "--namespace", "slipway", *options)
    return [one for one in yaml.safe_load_all(found.stdout) if one]


def test_without_the_value_there_is_none(chart: Path) -> None:
    assert rendered(chart) == []


def test_it_holds_the_scripts_as_they_are(chart: Path) -> None:
    (found,) = rendered(chart, "--set", "argocd.healthChecks.enabled=true")
    data = found["data"]
    customizations = ("health", "actions")
    assert sorted(data) == sorted(
        f"resource.customizations.{what}.slipway.dev_{k}" for what in customizations for k in KINDS
    )
    for kind in KINDS:
        folder = FOLDER / kind
        assert data[f"resource.customizations.health.slipway.dev_{kind}"] == (folder / "health.lua").read_text()
        actions = yaml.safe_load(data[f"resource.customizations.actions.slipway.dev_{kind}"])
        assert actions["discovery.lua"] == (folder / "actions" / "discovery.lua").read_text()
        (action,) = actions["definitions"]
        source = (folder / "actions" / "reconcile-now" / "action.lua").read_text()
        assert action == {"name": "reconcile-now", "action.lua": source}


def test_argo_cd_does_not_take_it_for_its_own(chart: Path) -> None:
    (found,) = rendered(chart, "--set", "argocd.healthChecks.enabled=true")
    assert (found["metadata"]["name"], found["metadata"]["namespace"]) == ("slipway-argocd", "slipway")
    assert found["metadata"]["labels"].get("app.kubernetes.io/part-of") != "argocd"
