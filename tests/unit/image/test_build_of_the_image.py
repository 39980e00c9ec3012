"""What builds the image: pruning, the closure, and the bill of materials."""

import ast
import json
import os
import re
import subprocess
import tomllib
from importlib.metadata import PathDistribution
from pathlib import Path
from typing import Any

import botocore
import pytest

from image import bill_of_materials, closure, prune

ROOT = Path(__file__).parents[3]
NOT_SERVICES = {"account", "config"}
"""Words in the source that are services' names, too."""


def test_the_services_that_stay_are_those_that_the_source_names() -> None:
    data = Path(botocore.__file__).parent / "data"
    known = {folder.name for folder in data.iterdir() if folder.is_dir()}
    sources = (ROOT / "operator/slipway/targets/sagemaker").rglob("*.py")
    words = {
        node.value
        for source in sources
        for node in ast.walk(ast.parse(source.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }

    assert (words & known) - NOT_SERVICES == prune.CALLED
    assert known >= prune.SERVICES


def test_what_goes_is_what_is_never_run(tmp_path: Path) -> None:
    environment = an_environment(tmp_path)

    prune.main(environment)

    left = {str(path.relative_to(environment)) for path in environment.rglob("*") if path.suffix != ".pyc"}
    packages = "lib/python3.12/site-packages"
    assert f"{packages}/botocore/data/sagemaker/service-2.json" in left
    assert f"{packages}/botocore/data/endpoints.json" in left
    assert f"{packages}/botocore/data/ec2" not in left
    assert f"{packages}/kubernetes/client/models/v1_object_meta.py" in left
    assert f"{packages}/kubernetes/client/models/v1_pod_0.py" not in left
    assert f"{packages}/certifi" in left
    assert f"{packages}/certifi/tests" not in left
    assert {path for path in left if path.startswith("bin/")} == {"bin/python3", "bin/slipway"}
    record = (environment / packages / "kubernetes-1.dist-info/RECORD").read_text()
    assert record == "kubernetes/client/models/v1_object_meta.py,sha256=a,1\n"


def test_a_package_that_is_laid_out_differently_is_an_error(tmp_path: Path) -> None:
    environment = an_environment(tmp_path, models=3)

    with pytest.raises(SystemExit, match=re.escape("look at image/prune.py again")):
        prune.main(environment)


def test_a_file_is_copied_with_the_links_that_lead_to_it(tmp_path: Path) -> None:
    there, into = tmp_path / "there", tmp_path / "into"
    (there / "usr/lib").mkdir(parents=True)
    (there / "usr/lib/real.so.1.2").write_text("library")
    (there / "usr/lib/real.so.1").symlink_to("real.so.1.2")
    (there / "lib").symlink_to("usr/lib")
    into.mkdir()

    root = closure.Root(into)
    real = root.add(there / "lib/real.so.1")

    copy = root.place(there)
    assert real == there / "usr/lib/real.so.1.2"
    assert (copy / "lib/real.so.1").read_text() == "library"
    assert os.readlink(copy / "lib") == "usr/lib"
    assert os.readlink(copy / "usr/lib/real.so.1") == "real.so.1.2"


def test_a_library_that_the_base_lacks_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = "/app/a.so:\n\tlibfoo.so.1 => not found\n\tlibc.so.6 => /lib/libc.so.6 (0x00007f00)\n"
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 0, said, ""))

    with pytest.raises(SystemExit, match=re.escape("the base image lacks libfoo.so.1")):
        closure.linked([])


def test_the_owners_of_files_are_read_from_what_dpkg_says(monkeypatch: pytest.MonkeyPatch) -> None:
    said = "diversion by dash from: /bin/sh\nlibc6:amd64, libc6-x: /lib/libc.so.6\nbase-files: /usr/lib/os-release\n"
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 1, said, ""))

    assert closure.packages_of([Path("/usr/lib/libc.so.6")]) == {"libc6:amd64", "libc6-x", "base-files"}


def test_the_bill_of_materials_has_the_installed_packages_and_the_files_they_are_from(tmp_path: Path) -> None:
    packages, root = installed(tmp_path, a="1.0", slipway="0.1.0"), debian(tmp_path)

    bill = bill_of_materials.main(locked(a="1.0", b="2.0"), root, [packages])

    found = {each["name"]: each for each in bill["components"]}
    assert set(found) == {"a", "python", "debian", "libc6"}
    assert [each["url"] for each in found["a"]["externalReferences"]] == ["https://x/a-1.0-py2.py3-none-any.whl"]
    assert found["libc6"]["purl"] == "pkg:deb/debian/libc6@2.36-9%2Bdeb12u1?arch=amd64&distro=debian-12"
    assert bill["dependencies"] == [{"ref": "slipway@0.1.0", "dependsOn": ["a@1.0"]}, {"ref": "a@1.0"}]
    assert bill["serialNumber"] == bill_of_materials.main(locked(a="1.0", b="2.0"), root, [packages])["serialNumber"]


@pytest.mark.parametrize(
    ("of", "said"), [({"a": "1.1"}, "a is 1.1, not 1.0"), ({"a": "1.0", "c": "3"}, "c 3 is not locked")]
)
def test_what_is_not_locked_is_an_error(tmp_path: Path, of: dict[str, str], said: str) -> None:
    packages = installed(tmp_path, slipway="0.1.0", **of)

    with pytest.raises(SystemExit, match=re.escape(said)):
        bill_of_materials.main(locked(a="1.0"), debian(tmp_path), [packages])


def test_a_component_whose_wheel_is_not_among_the_locked_keeps_all_its_files(tmp_path: Path) -> None:
    packages = installed(tmp_path, a="1.0")
    (packages / "a-1.0.dist-info/WHEEL").write_text("Tag: cp99-none-any\n")
    component = locked(a="1.0")["components"][0]

    narrowed = bill_of_materials.narrowed(component, PathDistribution(packages / "a-1.0.dist-info"))

    assert narrowed == component


def test_the_image_is_labelled_with_the_version_that_it_has() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    said = re.search(r"^ARG VERSION=(.*)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)

    assert said
    assert said[1] == project["version"]


def test_what_builds_the_image_is_locked_by_hash() -> None:
    asked = (ROOT / ".ci/image/requirements.in").read_text().splitlines()
    lines = (ROOT / ".ci/image/requirements.txt").read_text().replace("\\\n", "").splitlines()
    pinned = {line.partition("==")[0]: line for line in lines}

    assert {name for name in asked if not name.startswith("#")} <= set(pinned)
    assert all("--hash=sha256:" in line for line in lines)


def an_environment(folder: Path, models: int = 60) -> Path:
    """A virtual environment with what `prune` wants to see."""
    packages = folder / "lib/python3.12/site-packages"
    files = [f"botocore/data/{service}/service-2.json" for service in (*prune.SERVICES, "ec2", "s3")]
    files += ["botocore/data/endpoints.json", "certifi/tests/test_it.py", "kubernetes/client/models/v1_object_meta.py"]
    files += [f"kubernetes/{kind}/v1_pod_{number}.py" for kind in prune.TYPED for number in range(models)]
    for name in files:
        (packages / name).parent.mkdir(parents=True, exist_ok=True)
        (packages / name).write_text("")
    record = packages / "kubernetes-1.dist-info/RECORD"
    record.parent.mkdir()
    record.write_text(
        "kubernetes/client/models/v1_object_meta.py,sha256=a,1\nkubernetes/client/models/v1_pod_0.py,sha256=b,1\n"
    )
    (folder / "bin").mkdir()
    for name in ("python3", "slipway", "hf", "activate"):
        (folder / "bin" / name).write_text("")
    return folder


def installed(folder: Path, **packages: str) -> Path:
    """A folder site-packages."""
    for name, version in packages.items():
        info = folder / "site-packages" / f"{name}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        (info / "WHEEL").write_text("Wheel-Version: 1.0\nTag: py2-none-any\nTag: py3-none-any\n")
    return folder / "site-packages"


def locked(**packages: str) -> dict[str, Any]:
    """What uv exports."""
    components = [
        {
            "type": "library",
            "bom-ref": f"{name}@{version}",
            "name": name,
            "version": version,
            "purl": f"pkg:pypi/{name}@{version}",
            "externalReferences": [
                {"type": "distribution", "url": f"https://x/{name}-{version}.tar.gz"},
                {"type": "distribution", "url": f"https://x/{name}-{version}-py2.py3-none-any.whl"},
                {"type": "distribution", "url": f"https://x/{name}-{version}-cp312-cp312-win_amd64.whl"},
            ],
        }
        for name, version in packages.items()
    ]
    own = {"type": "library", "bom-ref": "slipway@0.1.0", "name": "slipway", "version": "0.1.0"}
    references = [str(each["bom-ref"]) for each in components]
    dependencies = [{"ref": "slipway@0.1.0", "dependsOn": references}, *({"ref": each} for each in references)]
    exported = {"metadata": {"tools": [], "component": own}, "components": components, "dependencies": dependencies}
    copied: dict[str, Any] = json.loads(json.dumps(exported))
    return copied


def debian(folder: Path) -> Path:
    """A root with one package of Debian."""
    for name, text in {
        "etc/os-release": 'ID=debian\nVERSION_ID="12"\n',
        "var/lib/dpkg/status.d/libc6": "Package: libc6\nVersion: 2.36-9+deb12u1\nArchitecture: amd64\n a: b\n",
    }.items():
        file = folder / "root" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return folder / "root"
