"""Which helm the tests of the chart get."""

import platform
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.testbed.helm import HelmUnavailable, helm


@pytest.fixture(autouse=True)
def anew() -> Iterator[None]:
    """The choice is made once a process."""
    helm.cache_clear()
    yield
    helm.cache_clear()


def executable(path: Path) -> Path:
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_the_one_that_is_named_comes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    named = executable(tmp_path / "helm")
    monkeypatch.setenv("SLIPWAY_HELM", str(named))
    assert helm() == named


def test_one_that_is_named_and_not_there_is_no_reason_to_take_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLIPWAY_HELM", "/nowhere/helm")
    with pytest.raises(HelmUnavailable, match="SLIPWAY_HELM=/nowhere/helm is not an executable"):
        helm()


def test_where_none_can_be_fetched_the_path_is_searched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("SLIPWAY_HELM", raising=False)
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    monkeypatch.setattr(shutil, "which", lambda name: str(executable(tmp_path / name)))
    assert helm() == tmp_path / "helm"


def test_without_any_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLIPWAY_HELM", raising=False)
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(HelmUnavailable, match=r"install helm 3\.18 or newer, or name it in SLIPWAY_HELM"):
        helm()
