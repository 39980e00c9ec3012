"""Writes what is in the image, as CycloneDX 1.5.

    uv export --format cyclonedx1.5 ... > LOCKED
    python image/bill_of_materials.py LOCKED ROOT VIRTUAL_ENVIRONMENT... > slipway.cdx.json

What uv.lock says is narrowed to what is installed, with the one file that each package was installed from; Python
itself and the packages of Debian that files of ROOT belong to are added. An installed package that the lock does not
name, or names in another version, is an error. https://cyclonedx.org/docs/1.5/json/
"""

import itertools
import json
import platform
import re
import sys
import uuid
from collections.abc import Iterable, Mapping
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any
from urllib.parse import quote

Object = dict[str, Any]
_NAMESPACE = uuid.UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8")
"""RFC 4122's for URLs: the serial number follows from the content, so that builds repeat."""


def main(locked: Object, root: Path, packages: Iterable[Path]) -> Object:
    """The bill of materials. `packages`: folders site-packages. Raises SystemExit where lock and image differ."""
    installed = {normal(each.metadata["Name"]): each for each in distributions(path=[str(each) for each in packages])}
    own = locked["metadata"]["component"]
    known = {each["name"]: each for each in locked["components"]}
    if differing := different(installed, {**known, own["name"]: own}):
        raise SystemExit(f"uv.lock and what is installed differ: {'; '.join(differing)}")
    kept = [narrowed(known[name], installed[name]) for name in sorted(installed) if name != own["name"]]
    system = [python(), *debian(root)]
    references = {each["bom-ref"] for each in [own, *kept]}
    dependencies = [
        {**each, "dependsOn": sorted(references & set(each["dependsOn"]))} if "dependsOn" in each else each
        for each in locked["dependencies"]
        if each["ref"] in references
    ]
    content = {"components": [*kept, *system], "dependencies": dependencies}
    metadata = {"tools": locked["metadata"]["tools"], "component": {**own, "type": "application"}}
    serial = uuid.uuid5(_NAMESPACE, json.dumps([metadata, content], sort_keys=True))
    head = {"bomFormat": "CycloneDX", "specVersion": "1.5", "serialNumber": f"urn:uuid:{serial}", "version": 1}
    return {**head, "metadata": metadata, **content}


def normal(name: str) -> str:
    """https://packaging.python.org/en/latest/specifications/name-normalization/"""
    return re.sub(r"[-_.]+", "-", name).lower()


def different(installed: Mapping[str, Distribution], known: Mapping[str, Object]) -> list[str]:
    """Sentences about packages that are installed but locked otherwise, or not at all."""
    found = []
    for name, each in sorted(installed.items()):
        if name not in known:
            found.append(f"{name} {each.version} is not locked")
        elif known[name]["version"] != each.version:
            found.append(f"{name} is {each.version}, not {known[name]['version']}")
    return found


def narrowed(component: Object, installed: Distribution) -> Object:
    """A component with those of its files that can have been installed, by the tags of the wheel."""
    tags = {value for key, value in _fields(installed.read_text("WHEEL") or "") if key == "Tag"}
    references = component.get("externalReferences", [])
    right = [each for each in references if tags & _tags(each["url"])]
    return {**component, "externalReferences": right or references}


def _tags(url: str) -> set[str]:
    """https://packaging.python.org/en/latest/specifications/platform-compatibility-tags/#compressed-tag-sets"""
    name = url.rpartition("/")[2]
    if not name.endswith(".whl"):
        return set()
    sets = (part.split(".") for part in name.removesuffix(".whl").split("-")[-3:])
    return {"-".join(tag) for tag in itertools.product(*sets)}


def _fields(text: str) -> Iterable[tuple[str, str]]:
    return ((key, value.strip()) for key, _, value in (line.partition(":") for line in text.splitlines()))


def python() -> Object:
    """The interpreter, whose official images compile it themselves."""
    version = platform.python_version()
    purl = f"pkg:generic/python@{version}?download_url=" + quote(
        f"https://www.python.org/ftp/python/{version}/Python-{version}.tar.xz", safe=""
    )
    cpe = f"cpe:2.3:a:python:python:{version}:*:*:*:*:*:*:*"
    return {"type": "platform", "bom-ref": purl, "name": "python", "version": version, "cpe": cpe, "purl": purl}


def debian(root: Path) -> list[Object]:
    """The system and its packages, as far as files of theirs are in the image. Of other systems: the name alone."""
    said = root / "etc" / "os-release"
    release = {
        key: value.strip('"') for key, _, value in (line.partition("=") for line in said.read_text().split("\n"))
    }
    name, version = release.get("ID", "linux"), release.get("VERSION_ID", "")
    found: list[Object] = [
        {"type": "operating-system", "bom-ref": f"{name}@{version}", "name": name, "version": version}
    ]
    for file in sorted((root / "var" / "lib" / "dpkg" / "status.d").glob("*")):
        status = dict(_fields(file.read_text()))
        where = f"arch={status['Architecture']}&distro={name}-{version}"
        purl = f"pkg:deb/{name}/{status['Package']}@{quote(status['Version'], safe='')}?{where}"
        package = {"name": status["Package"], "version": status["Version"], "purl": purl}
        found.append({"type": "library", "bom-ref": purl, **package})
    return found


if __name__ == "__main__":
    lock, base, *environments = (Path(argument) for argument in sys.argv[1:])
    folders = [folder for each in environments for folder in each.glob("lib/python*/site-packages")]
    print(json.dumps(main(json.loads(lock.read_text()), base, folders), indent=1))
