"""Finding a model: in a folder, in a cache of the Hub's layout, or on the Hub.

The layout: https://huggingface.co/docs/huggingface_hub/guides/manage-cache. A download takes the small files whole and
of the weights the first kilobytes; what is stored has the true size, without its bytes.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.testbed.node.engines.behaviour import FILE, Behaviour
from tests.testbed.node.engines.host import Host
from tests.testbed.node.engines.hub_client import HubClient, HubError

COMMIT = re.compile(r"[0-9a-f]{40}")
HEAD = 64 * 1024
"""Bytes that are asked for of each file with weights."""
SMALL = 32 * 2**20
UNKNOWN = "unknown"
ADAPTER_CONFIG = "adapter_config.json"
_NEEDED = re.compile(r"[^/]+\.(json|txt|model|jinja|safetensors)")


@dataclass(frozen=True)
class Model:
    """What an engine has found."""

    name: str
    """As it was asked for: a repository, or a folder of the container."""
    folder: Path
    commit: str
    config: Mapping[str, Any]
    size: int
    """Bytes of weights."""
    behaviour: Behaviour


class NotFound(Exception):
    """Neither there nor to be had; the message is the last line of a traceback."""


def cache_folder(environment: Mapping[str, str] = os.environ, home: str = "/root") -> str:
    """Where huggingface_hub keeps its cache: a path of the container.

    https://huggingface.co/docs/huggingface_hub/package_reference/environment_variables#hfhubcache
    """
    given = environment.get("HF_HUB_CACHE") or environment.get("HUGGINGFACE_HUB_CACHE")
    if given:
        return given
    base = environment.get("XDG_CACHE_HOME") or f"{environment.get('HOME', home).rstrip('/')}/.cache"
    return f"{environment.get('HF_HOME') or f'{base}/huggingface'}/hub"


def is_offline(environment: Mapping[str, str] = os.environ) -> bool:
    """https://huggingface.co/docs/huggingface_hub/package_reference/environment_variables#hfhuboffline"""
    return environment.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")


def endpoint(host: Host, environment: Mapping[str, str] = os.environ) -> str:
    """The Hub, or the mirror that stands in for it."""
    return environment.get("HF_ENDPOINT") or host.hub


@dataclass(frozen=True)
class Library:
    """The ways to weights that one engine has."""

    host: Host
    client: HubClient
    cache: str
    """A path of the container."""
    offline: bool

    def find(self, name: str, revision: str, going: Callable[[], bool]) -> Model:
        """The model at a revision. `going`: False ends a download. Raises NotFound, HubError and OSError."""
        place = self.host.place(name)
        if name.startswith("/") or place.is_dir():
            if not place.is_dir():
                raise NotFound(_bad_name(name))
            return _model(name, place, _told_commit(place))
        if name.count("/") > 1:
            raise NotFound(_bad_name(name))
        repository = self.host.place(self.cache) / f"models--{name.replace('/', '--')}"
        if self.offline:
            return self._cached(name, revision, repository)
        record = self.client.record(name, revision)
        commit = str(record["sha"])
        folder = repository / "snapshots" / commit
        for file in record["siblings"]:
            if not _NEEDED.fullmatch(file["rfilename"]) or (folder / file["rfilename"]).exists():
                continue
            if not going():
                raise InterruptedError
            self._download(repository, name, commit, file["rfilename"], int(file["size"]))
        if revision != commit:
            _write(repository / "refs" / revision, commit.encode())
        return _model(name, folder, commit)

    def adapter(self, name: str, revision: str, going: Callable[[], bool]) -> str:
        """The commit of a LoRA adapter, fetched like a model. Raises NotFound, HubError and OSError."""
        place = self.host.place(name)
        if name.startswith("/"):
            if not (place / ADAPTER_CONFIG).is_file():
                raise NotFound(f"ValueError: Loading lora {name} failed: No adapter found for {name}")
            return _told_commit(place)
        repository = self.host.place(self.cache) / f"models--{name.replace('/', '--')}"
        if self.offline:
            reference = repository / "refs" / revision
            commit = reference.read_text().strip() if reference.is_file() else revision
        else:
            commit = str(self.client.record(name, revision)["sha"])
            for file, needed in ((ADAPTER_CONFIG, True), ("adapter_model.safetensors", going())):
                if needed and not (repository / "snapshots" / commit / file).exists():
                    self._download(repository, name, commit, file, 0)
        if not (repository / "snapshots" / commit / ADAPTER_CONFIG).exists():
            lost = f"File {ADAPTER_CONFIG} of model {name} not found in the local cache."
            raise HubError("LocalEntryNotFoundError", lost)
        return commit

    def _cached(self, name: str, revision: str, repository: Path) -> Model:
        reference = repository / "refs" / revision
        commit = reference.read_text().strip() if reference.is_file() else revision
        folder = repository / "snapshots" / commit
        if not (folder / "config.json").exists():
            raise HubError(
                "LocalEntryNotFoundError",
                "Cannot find an appropriate cached snapshot folder for the specified revision on the local disk and "
                "outgoing traffic has been disabled. To enable repo look-ups and downloads online, set "
                f"'HF_HUB_OFFLINE=0' as environment variable. ({name} at {revision})",
            )
        return _model(name, folder, commit)

    def _download(self, repository: Path, name: str, commit: str, file: str, size: int) -> None:
        self.host.folder(f"{self.cache}/{repository.name}")
        data, etag = self.client.file(name, commit, file, HEAD if file.endswith(".safetensors") else SMALL)
        blob = repository / "blobs" / etag
        _write(blob, data, max(size, len(data)))
        link = repository / "snapshots" / commit / file
        link.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):  # another pod has downloaded it meanwhile
            link.symlink_to(os.path.relpath(blob, link.parent))


def _model(name: str, folder: Path, commit: str) -> Model:
    config = folder / "config.json"
    if not config.exists():
        raise NotFound(
            f"OSError: {name} does not appear to have a file named config.json. Checkout "
            f"'https://huggingface.co/{name}/tree/main' for available files."
        )
    index = folder / "model.safetensors.index.json"
    names = {file.name for file in folder.glob("*.safetensors")}
    missing = set(json.loads(index.read_text())["weight_map"].values()) - names if index.exists() else set()
    if missing or not names:
        lost = min(missing) if missing else "model.safetensors"
        raise NotFound(
            f"huggingface_hub.errors.LocalEntryNotFoundError: File {lost} of model {name} not found in the local "
            f"cache. Please run `text-generation-server download-weights {name}` first."
        )
    size = sum((folder / weights).stat().st_size for weights in names)
    return Model(name, folder, commit, json.loads(config.read_text()), size, Behaviour.of(folder))


def _told_commit(folder: Path) -> str:
    """The commit of a folder that says: a snapshot of the cache's layout, or what was downloaded with `local_dir`."""
    for part in reversed(folder.resolve().parts):
        if COMMIT.fullmatch(part):
            return part
    metadata = folder / ".cache" / "huggingface" / "download" / "config.json.metadata"
    first = metadata.read_text().partition("\n")[0] if metadata.is_file() else ""
    return first if COMMIT.fullmatch(first) else UNKNOWN


def _bad_name(name: str) -> str:
    return (
        "huggingface_hub.errors.HFValidationError: Repo id must be in the form 'repo_name' or 'namespace/repo_name': "
        f"'{name}'. Use `repo_type` argument if needed."
    )


def _write(path: Path, data: bytes, size: int | None = None) -> None:
    """All at once: others may read the same volume."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with temporary.open("wb") as file:
        file.write(data)
        if size is not None:
            file.truncate(size)
    temporary.replace(path)


__all__ = ["COMMIT", "FILE", "UNKNOWN", "Library", "Model", "NotFound", "cache_folder", "endpoint", "is_offline"]
