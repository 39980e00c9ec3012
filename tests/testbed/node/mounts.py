"""A pod's volumes, and where a container finds them.

Containers share this machine's file system, so a path of a container is not where it says. A look-alike is told which
folder stands for which mount (`Host.mounts`) and keeps speaking of the container's paths. Any other command gets its
arguments and its environment rewritten: where a mount's path stands in them, the folder is put in its place, as is a
file of its own for /dev/termination-log. A command that writes to a path that it does not get from there, writes to
this machine's own files: that is what this cannot do.
"""

from __future__ import annotations

import base64
import re
import shutil
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.testbed.node.api import Api

Object = dict[str, Any]
_BOUNDARY = r"(?=$|[/\s\"'`:;,=)\]}&|<>\\])"
_BEFORE = r"(?<![\w./-])"


class MountFailed(Exception):
    """A volume is not there (yet); the kubelet's words."""


@dataclass(frozen=True)
class Volume:
    """One volume of a pod."""

    folder: Path
    by_whom: str
    """`anybody`, `group` (a claim: root, and others through fsGroup), or `nobody`."""


@dataclass(frozen=True)
class Mount:
    """One volume in a container."""

    path: str
    folder: Path
    writable: bool


async def volumes(api: Api, pod: Object, folder: Path, claimed: Callable[[str], Awaitable[Path]]) -> dict[str, Volume]:
    """The pod's volumes by name. `claimed`: the folder of a claim. Raises MountFailed."""
    found: dict[str, Volume] = {}
    for volume in pod["spec"].get("volumes") or []:
        name = volume["name"]
        place = folder / name
        if "persistentVolumeClaim" in volume:
            found[name] = Volume(await claimed(volume["persistentVolumeClaim"]["claimName"]), "group")
        elif "emptyDir" in volume:
            place.mkdir(parents=True, exist_ok=True)
            found[name] = Volume(place, "anybody")
        else:
            files = await _files(api, pod["metadata"]["namespace"], name, volume)
            place.mkdir(parents=True, exist_ok=True)
            for path, data in files.items():
                (place / path).parent.mkdir(parents=True, exist_ok=True)
                (place / path).write_bytes(data)
            found[name] = Volume(place, "nobody")
    return found


async def _files(api: Api, namespace: str, name: str, volume: Object) -> dict[str, bytes]:
    """What a Secret, a ConfigMap or a projection of them holds."""
    if "projected" in volume:
        merged: dict[str, bytes] = {}
        for source in volume["projected"].get("sources") or []:
            if "serviceAccountToken" in source:
                merged[source["serviceAccountToken"]["path"]] = b"no token in this test bed"
            elif "downwardAPI" not in source:
                merged |= await _files(api, namespace, name, source)
        return merged
    kind = "secret" if "secret" in volume else "configMap" if "configMap" in volume else None
    if kind is None:
        known = "emptyDir, persistentVolumeClaim, secret, configMap, projected"
        raise MountFailed(f'volume "{name}": this test bed knows {known} only')
    source = volume[kind]
    of = source.get("secretName") or source.get("name")
    plural = "secrets" if kind == "secret" else "configmaps"
    found = await api.get(f"/api/v1/namespaces/{namespace}/{plural}/{of}")
    if found is None:
        if source.get("optional"):
            return {}
        raise MountFailed(f'MountVolume.SetUp failed for volume "{name}" : {kind.lower()} "{of}" not found')
    data = (
        {key: base64.b64decode(value) for key, value in (found.get("data") or {}).items()}
        if kind == "secret"
        else {key: str(value).encode() for key, value in (found.get("data") or {}).items()}
    )
    items = source.get("items")
    return {item["path"]: data[item["key"]] for item in items} if items else data


def mounts(container: Object, found: Mapping[str, Volume], uid: int, group: bool) -> list[Mount]:
    """A container's mounts. `group`: whether the pod has an fsGroup, without which a claim is root's alone."""
    result = []
    for mount in container.get("volumeMounts") or []:
        volume = found[mount["name"]]
        folder = volume.folder / mount.get("subPath", "")
        folder.mkdir(parents=True, exist_ok=True)
        allowed = {"anybody": True, "group": uid == 0 or group, "nobody": False}[volume.by_whom]
        result.append(Mount(mount["mountPath"], folder, allowed and not mount.get("readOnly")))
    return result


def protected(mount: Mount, scratch: Path) -> Path:
    """The folder that stands for a mount of any command: one that it cannot write to is a view of its entries.

    The process has no capability to override the folder's mode (see `process.py`).
    """
    if mount.writable:
        return mount.folder
    view = scratch / "read-only" / mount.path.strip("/")
    if view.exists():
        view.chmod(0o755)
        shutil.rmtree(view)
    view.mkdir(parents=True)
    for entry in mount.folder.iterdir():
        (view / entry.name).symlink_to(entry)
    view.chmod(0o555)
    return view


def rewritten(text: str, places: Mapping[str, Path]) -> str:
    """A text with this machine's folders in place of the container's paths, the longest first."""
    if not places:
        return text
    paths = "|".join(re.escape(path.rstrip("/")) for path in sorted(places, key=len, reverse=True))
    by_path = {path.rstrip("/"): str(place) for path, place in places.items()}
    return re.sub(f"{_BEFORE}({paths}){_BOUNDARY}", lambda found: by_path[found[1]], text)
