"""The operator's image as it is built from the Dockerfile: what is in it, and that it runs where little is allowed."""

import csv
import json
import os
import re
import signal
import socket
import stat
import subprocess
from collections.abc import Iterator
from functools import partial
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import pytest

from image import prune
from tests.e2e.needed import do_without
from tests.testbed.controlplane.progress import Report
from tests.testbed.images.confined import Container, container, first_process
from tests.testbed.images.operator import operator_image, operator_plan
from tests.testbed.images.workshop import ImagesUnavailable, Workshop
from tests.testbed.waiting import eventually

pytestmark = pytest.mark.e2e
SITE_PACKAGES_MOST = 200 * 2**20
"""Bytes, with what is compiled."""
BINARIES = {"python", "python3", "slipway"}
IMPORTS = """
import importlib, json, os, pkgutil, ssl, sys
import boto3, slipway

failed, count = {}, 0
for module in pkgutil.walk_packages(slipway.__path__, "slipway."):
    if module.name.startswith("slipway.in_pod") or module.name.endswith("__main__"):
        continue
    count += 1
    try:
        importlib.import_module(module.name)
    except Exception as problem:
        failed[module.name] = repr(problem)
session = boto3.Session(region_name="eu-west-1", aws_access_key_id="a", aws_secret_access_key="b")
for service in sys.argv[1:]:
    try:
        session.client(service)
    except Exception as problem:
        failed[service] = repr(problem)
absent = [name for name in ("pip", "ensurepip", "setuptools", "uv") if importlib.util.find_spec(name) is None]
compiled = {name: getattr(module, "__cached__", None) for name, module in sys.modules.items()}
stale = [name for name, file in compiled.items() if file and not os.path.exists(file)]
authorities = ssl.create_default_context().cert_store_stats()["x509_ca"]
found = {"failed": failed, "count": count, "absent": absent, "not compiled": stale, "authorities": authorities}
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def image(say: Report) -> Iterator[Container]:
    """A container of the image."""
    workshop = Workshop(say)
    try:
        operator_image(say)
        with container(workshop.builder(), workshop.name(operator_plan())) as found:
            yield found
    except ImagesUnavailable as why:
        do_without(why)


def test_it_says_who_it_is_and_runs_as_a_number(image: Container) -> None:
    said = image.configuration

    assert said["User"] == "65532:65532"
    assert (said["Entrypoint"], said["Cmd"]) == (["slipway"], ["run"])
    assert said["Labels"]["org.opencontainers.image.version"] == "0.1.0"


def test_nothing_in_it_builds_installs_or_gives_rights(image: Container) -> None:
    binaries = {file.name for file in files(image) if file.parent.name in ("bin", "sbin")}
    modes = {file: file.lstat().st_mode for file in files(image) if not file.is_symlink()}

    assert {re.sub(r"^python3\.\d+$", "python3", name) for name in binaries} == BINARIES
    assert [file for file, mode in modes.items() if mode & (stat.S_ISUID | stat.S_ISGID | stat.S_IWOTH)] == []
    assert [file for file in modes if file.lstat().st_uid != 0] == []


def test_the_packages_are_small(image: Container) -> None:
    size = sum(file.stat().st_size for file in files(image) if "site-packages" in file.parts and not file.is_symlink())

    assert 20 * 2**20 < size < SITE_PACKAGES_MOST


def test_the_bill_of_materials_lists_exactly_what_is_there(image: Container) -> None:
    bill = json.loads((image.root / "usr/share/sbom/slipway.cdx.json").read_text())
    installed = {(name(each.metadata["Name"]), each.version) for each in distributions(path=[str(packages(image))])}
    own = (bill["metadata"]["component"]["name"], bill["metadata"]["component"]["version"])
    listed = {(each["name"], each["version"]): each["purl"] for each in bill["components"] if "purl" in each}
    of_debian = {key for key, purl in listed.items() if purl.startswith("pkg:deb/debian/")}
    status = (parsed(file) for file in (image.root / "var/lib/dpkg/status.d").iterdir())

    assert {key for key, purl in listed.items() if purl.startswith("pkg:pypi/")} | {own} == installed
    assert of_debian == {(each["Package"], each["Version"]) for each in status}
    assert {"libc6", "libssl3", "ca-certificates"} <= {package for package, _ in of_debian}
    assert [purl for purl in listed.values() if purl.startswith("pkg:generic/python@3.")] != []
    assert own == ("slipway", "0.1.0")


def test_every_package_says_truly_what_it_has(image: Container) -> None:
    lost = [
        row[0]
        for record in packages(image).glob("*.dist-info/RECORD")
        for row in csv.reader(record.read_text().splitlines())
        if not (packages(image) / row[0]).is_symlink() and not (packages(image) / row[0]).exists()
    ]

    assert lost == []


@pytest.mark.parametrize("user", [65532, 1000690000], ids=["its own user", "one that the cluster has chosen"])
def test_every_module_is_imported_without_anything_to_write_to(image: Container, user: int) -> None:
    status, said = image.run("-c", IMPORTS, *sorted(prune.SERVICES), command=["python"], user=user)

    assert status == 0, said
    found = json.loads(said.splitlines()[-1])
    assert found["failed"] == {}
    assert found["count"] > 100
    assert found["absent"] == ["pip", "ensurepip", "setuptools", "uv"]
    assert found["not compiled"] == []
    assert found["authorities"] > 50


def test_it_explains_itself_and_what_it_lacks(image: Container) -> None:
    helped, usage = image.run("--help")
    status, said = image.run(*image.configuration["Cmd"])

    assert (helped, "run the operator" in usage) == (0, True)
    assert status == 2
    assert "no cluster is configured" in said
    assert "set KUBECONFIG" in said
    assert "Traceback" not in said


def test_as_the_first_process_it_ends_when_it_is_asked_to_while_it_starts(image: Container, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # an API server that takes connections and says nothing
        settings = tmp_path / "home"
        settings.mkdir()
        (settings / "config").write_text(json.dumps(kubeconfig(silent.getsockname()[1])))
        tmp_path.chmod(0o755)
        process = image.start(
            *image.configuration["Cmd"],
            environment={"KUBECONFIG": "/home/slipway/config"},
            mounts={"/home/slipway": settings},
        )
        silent.settimeout(60)
        connection, _ = silent.accept()
        with connection:
            ended(process)

    assert process.returncode == 128 + signal.SIGTERM


def ended(process: subprocess.Popen[str]) -> None:
    """SIGTERM to the first process, and its end; killed where it does not come."""
    pid = eventually(partial(first_process, process), "the container's first process")
    try:
        subprocess.run(["kill", "-TERM", str(pid)], check=True)
        process.communicate(timeout=20)
    finally:
        process.kill()


def kubeconfig(port: int) -> dict[str, Any]:
    """For a server without TLS on this machine."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        "clusters": [{"name": "test", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "users": [{"name": "test", "user": {"token": "of a test"}}],
    }


def files(image: Container) -> Iterator[Path]:
    """Everything in the image but folders."""
    for folder, below, names in os.walk(image.root):
        links = [each for each in below if Path(folder, each).is_symlink()]
        yield from (Path(folder, each) for each in [*names, *links])


def packages(image: Container) -> Path:
    """site-packages."""
    (found,) = image.root.glob("app/.venv/lib/python3.*/site-packages")
    return found


def name(of_package: str) -> str:
    """https://packaging.python.org/en/latest/specifications/name-normalization/"""
    return re.sub(r"[-_.]+", "-", of_package).lower()


def parsed(status: Path) -> dict[str, str]:
    """The one-line fields of a package's status."""
    return dict(line.split(": ", 1) for line in status.read_text().splitlines() if re.match(r"\w[\w-]*: ", line))
