"""Whether images can be built, decided from facts alone, and what the cache is keyed by."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from tests.testbed.images import ImagesUnavailable, cache, recipe
from tests.testbed.images.engines import engine_plan
from tests.testbed.images.facts import Facts, obstacle
from tests.testbed.images.operator import SOURCES, operator_plan
from tests.testbed.images.plan import Plan
from tests.testbed.images.workshop import ROOT, Workshop
from tests.testbed.node.engines.inside import gpus

DEBIAN = Facts(keyring=Path("/keyring.gpg"), has_overlay=True)


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (replace(DEBIAN, system="Darwin"), "this is Darwin; images are built with Debian's buildah, which needs Linux"),
        (replace(DEBIAN, machine="riscv64"), "the processor is riscv64; the build is for x86_64 and aarch64"),
        (replace(DEBIAN, is_root=False, may_mount=False), "images are built as root, and this is another user"),
        (replace(DEBIAN, missing_tools=("apt-get", "dpkg")), "needs Debian or a derivative, and apt-get, dpkg is not"),
        (replace(DEBIAN, may_mount=False), "it needs CAP_SYS_ADMIN"),
        (replace(DEBIAN, keyring=None), "apt install debian-archive-keyring"),
    ],
)
def test_an_obstacle_is_named(facts: Facts, said: str) -> None:
    assert said in (obstacle(facts) or "")


def test_debian_as_root_has_none() -> None:
    assert obstacle(DEBIAN) is None


@pytest.mark.parametrize(("has_overlay", "driver"), [(True, "overlay"), (False, "vfs")])
def test_layers_are_kept_as_the_cache_folder_allows(has_overlay: bool, driver: str) -> None:
    assert replace(DEBIAN, has_overlay=has_overlay).storage_driver == driver


def test_where_no_image_can_be_built_it_is_said_before_anything_is_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    workshop = Workshop(print, lambda _: replace(DEBIAN, system="Darwin"))

    with pytest.raises(ImagesUnavailable, match="No image can be built: this is Darwin"):
        workshop.image(Plan("operator", Path("Dockerfile"), tmp_path, "key"), "slipway:1")
    with pytest.raises(ImagesUnavailable, match="No image can be built: this is Darwin"):
        workshop.builder()


def test_a_finished_archive_is_used_whatever_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    plan = Plan("operator", Path("Dockerfile"), tmp_path, "key")
    workshop = Workshop(print, lambda _: replace(DEBIAN, system="Darwin"))
    digest = workshop.name(plan).rpartition(":")[2]
    archive = recipe.cache_root() / f"operator-{digest}.tar"
    archive.parent.mkdir(parents=True)
    archive.write_text("")

    assert workshop.image(plan, "slipway:1").archive == archive


def test_the_key_follows_contents_paths_and_modes_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "source/__pycache__").mkdir(parents=True)
    file = tmp_path / "source/a.py"
    file.write_text("1")
    keys = [recipe.digest_of_files(tmp_path, ["source"])]

    (tmp_path / "source/__pycache__/a.pyc").write_text("compiled")
    os.utime(file, (1, 1))
    assert recipe.digest_of_files(tmp_path, ["source"]) == keys[0]

    file.write_text("2")
    keys.append(recipe.digest_of_files(tmp_path, ["source"]))
    file.chmod(0o755)
    keys.append(recipe.digest_of_files(tmp_path, ["source"]))
    file.rename(tmp_path / "source/b.py")
    keys.append(recipe.digest_of_files(tmp_path, ["source"]))
    keys.append(recipe.digest_of_files(tmp_path, ["source"], ["a further word"]))
    assert len(set(keys)) == len(keys)


def test_a_source_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        recipe.digest_of_files(tmp_path, ["Dockerfile"])


def test_the_key_covers_everything_that_the_build_may_read() -> None:
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}

    assert allowed | {"Dockerfile", ".dockerignore"} == set(SOURCES)


def test_versions_and_names_are_images_of_their_own() -> None:
    assert operator_plan("0.1.0").key != operator_plan("0.2.0").key
    assert engine_plan("tgi", "a/tgi:1").key != engine_plan("tgi", "a/tgi:2").key
    assert engine_plan("tgi", "a/b:1").key != engine_plan("vllm", "a/b:1").key


def test_the_newest_archives_stay(tmp_path: Path) -> None:
    archives = [tmp_path / f"operator-{number}.tar" for number in range(cache.KEPT + 2)]
    for age, archive in enumerate(archives):
        archive.write_text("")
        os.utime(archive, (1000 - age, 1000 - age))

    assert cache.outdated(archives) == archives[cache.KEPT :]


@pytest.mark.parametrize(("visible", "seen"), [("void", 0), ("none", 0), ("", 0), ("0,1", 2), ("GPU-a", 1), ("all", 8)])
def test_a_container_sees_the_gpus_that_nvidias_variable_says(visible: str, seen: int) -> None:
    assert gpus(visible) == seen


def test_what_a_killed_build_has_left_is_removed(tmp_path: Path) -> None:
    (tmp_path / ".base-x" / "system").mkdir(parents=True)
    (tmp_path / "operator-1.part").touch()
    kept = {tmp_path / name for name in ("operator-1.tar", "tools-1", "store-overlay", "lock")}
    for each in kept:
        each.touch()

    cache.clear_leftovers(tmp_path)

    assert set(tmp_path.iterdir()) == kept
