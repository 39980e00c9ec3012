"""Loads commits of a model and its adapters into a cache volume. It runs in a pod, in the engine's own image.

It is no part of the operator: `slipway.domain.cluster.cache.job` sends its text to the pod as an argument. So it knows
the standard library and huggingface_hub alone, in every version from 0.23 on, and Python from 3.10 on.

`python3 -c <this text> <options as JSON>`:

- volume: folder of the volume
- load: {name, items: [[repository, commit], ...]}, what is to lie on the volume; the model first, then its adapters
- keep: loads of the same shape that must stay whatever happens, such as the one that serves
- keepCommits: how many loads stay in all
- safetensors: whether the engine can read no other format from a volume that it may not write to
- message: file for the last words, which the kubelet shows as the container's termination message

What is complete is remembered in `<volume>/loads/<name>.json`, written last and by a rename: a load that was
interrupted is never taken for a complete one. A complete one is not asked of the Hub again.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import sys
from fnmatch import fnmatch
from glob import escape
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi, scan_cache_dir, snapshot_download
from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils import (  # type: ignore[attr-defined]  # newer versions have them in `errors`, all have here
    GatedRepoError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

Files = dict[str, dict[str, list[Any]]]
"""{repository@commit: {path: [size in bytes, name of its blob]}}."""

WEIGHTS = ("*.safetensors", "*.bin", "*.pt", "*.pth", "*.gguf", "*.onnx", "*.msgpack", "*.h5", "*.ot", "*.tflite")
MARGIN = 64 * 1024 * 1024
"""Bytes that stay free, for directories and what the file system keeps to itself."""


class Failed(Exception):
    """Why the load has failed: a word for programs, and a sentence for people."""


class Volume:
    """The volume: a cache of the Hub in `hub`, and what was loaded completely in `loads`."""

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)
        self.hub = self.folder / "hub"
        self.loads = self.folder / "loads"
        self.hub.mkdir(parents=True, exist_ok=True)
        self.loads.mkdir(exist_ok=True)

    def repository(self, repo: str) -> Path:
        return self.hub / ("models--" + repo.replace("/", "--"))

    def record(self, name: str) -> Path:
        return self.loads / (name + ".json")

    def read(self, name: str) -> dict[str, Any] | None:
        """The record of a load; None if it was not completed."""
        try:
            found: dict[str, Any] = json.loads(self.record(name).read_text())
        except (OSError, ValueError):
            return None
        return found

    def missing(self, files: Files) -> Files:
        """Those of the files that are not there in full."""
        found: Files = {}
        for pinned, paths in files.items():
            repo, _, commit = pinned.rpartition("@")
            folder = self.repository(repo) / "snapshots" / commit
            lost = {path: file for path, file in paths.items() if size_of(folder / path) != file[0]}
            if lost:
                found[pinned] = lost
        return found

    def oldest_first(self) -> list[str]:
        """Names of the complete loads by when they were last asked for."""
        return [path.stem for path in sorted(self.loads.glob("*.json"), key=lambda path: path.stat().st_mtime)]

    def free(self) -> int:
        return shutil.disk_usage(self.folder).free

    def write(self, path: Path, text: str) -> None:
        """All of it or nothing."""
        path.parent.mkdir(parents=True, exist_ok=True)
        part = self.loads / f".{path.name}.part"
        part.write_text(text)
        os.replace(part, path)


def size_of(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


def main(options: dict[str, Any]) -> None:
    volume, load = Volume(options["volume"]), options["load"]
    record = volume.read(load["name"])
    files: Files = record["files"] if record else {}
    if record is None:
        files = {f"{repo}@{commit}": listed(repo, commit) for repo, commit in load["items"]}
        if options["safetensors"]:
            must_have_safetensors(files, *load["items"][0])
    make_room(volume, files, load, options["keep"], options["keepCommits"])
    for pinned, paths in volume.missing(files).items():
        download(volume, pinned, paths)
    for repo, commit in load["items"]:
        # A reference from the commit to itself: without it the hf-hub crate, with which TGI's router reads the
        # configuration, finds no commit by its hash offline (`CacheRepo::get` reads refs/<revision>).
        volume.write(volume.repository(repo) / "refs" / commit, commit)
    volume.write(volume.record(load["name"]), json.dumps({"items": load["items"], "files": files}))
    print(f"complete: {', '.join(files)}", flush=True)


def listed(repo: str, commit: str) -> dict[str, list[Any]]:
    """What the engine needs of a commit.

    Of weights, those at the root in one format: what some repositories hold beside it, in other formats and folders,
    is the same model a second time, and no engine reads it.
    """
    tree = HfApi().list_repo_tree(repo, revision=commit, recursive=True)
    files = {entry.path: entry for entry in tree if isinstance(entry, RepoFile)}
    at_root = [path for path in files if "/" not in path]
    formats = [pattern for pattern in WEIGHTS if any(fnmatch(path, pattern) for path in at_root)]

    def is_needed(path: str) -> bool:
        if not formats or not any(fnmatch(path, pattern) for pattern in WEIGHTS):
            return True
        return path in at_root and fnmatch(path, formats[0])

    return {
        path: [entry.size, entry.lfs.sha256 if entry.lfs else entry.blob_id]
        for path, entry in files.items()
        if is_needed(path)
    }


def must_have_safetensors(files: Files, repo: str, commit: str) -> None:
    if not any(path.endswith(".safetensors") for path in files[f"{repo}@{commit}"]):
        raise Failed(
            "UnsupportedModel",
            f"{repo} at {commit} has no *.safetensors. TGI would convert its weights when it starts, and may not write "
            "to the cache. Convert the repository, or take spec.target.cluster.cache away",
        )


def make_room(volume: Volume, files: Files, load: dict[str, Any], keep: list[dict[str, Any]], most: int) -> None:
    """Removes what is surplus: by number, then for want of room, the oldest first. What is in `keep` stays."""
    kept = {each["name"] for each in keep}
    others = [name for name in volume.oldest_first() if name != load["name"]]
    removable = [name for name in others if name not in kept]
    surplus = max(0, len(others) + 1 - most)
    for name in removable[:surplus]:
        volume.record(name).unlink()
    removable = removable[surplus:]
    sweep(volume, files, [load, *keep])
    while lacks(volume, files) and removable:
        volume.record(removable.pop(0)).unlink()
        sweep(volume, files, [load, *keep])
    short = lacks(volume, files)
    if short:
        raise Failed(
            "OutOfDisk",
            f"the volume lacks {gib(short)} for {', '.join(files)}: {gib(volume.free())} are free, and nothing more "
            "may be removed from it. Make spec.target.cluster.cache.size larger, or keepCommits smaller",
        )


def lacks(volume: Volume, files: Files) -> int:
    """Bytes that the missing files need and that are not free; 0 if there is room."""
    needed = 0
    for pinned, paths in volume.missing(files).items():
        blobs = volume.repository(pinned.rpartition("@")[0]) / "blobs"
        for size, blob in paths.values():
            there = size_of(blobs / blob) or size_of(blobs / f"{blob}.incomplete") or 0
            needed += max(0, size - there)
    return max(0, needed + MARGIN - volume.free()) if needed else 0


def gib(size: int) -> str:
    return f"{size / 2**30:.1f} GiB"


def sweep(volume: Volume, files: Files, stay: list[dict[str, Any]]) -> None:
    """Removes every snapshot that belongs to no load, then what no snapshot needs. Snapshots share blobs."""
    loads = [*stay, *(volume.read(name) or {"items": []} for name in volume.oldest_first())]
    wanted = {commit for load in loads for _, commit in load["items"]}
    found = scan_cache_dir(volume.hub)
    for warning in found.warnings:
        print(f"not understood, and left alone: {warning}", flush=True)
    surplus = {revision.commit_hash for repo in found.repos for revision in repo.revisions} - wanted
    if surplus:
        print(f"removing {', '.join(sorted(surplus))}", flush=True)
        found.delete_revisions(*surplus).execute()
    missing = {blob for paths in volume.missing(files).values() for _, blob in paths.values()}
    for repository in volume.hub.glob("models--*"):
        remove_orphans(repository, missing)


def remove_orphans(repository: Path, missing: set[str]) -> None:
    """What an interruption has left: blobs without a snapshot, and parts of files that nobody continues.

    Older versions of huggingface_hub continue `<blob>.incomplete`; parts of newer ones have random names and are lost.
    """
    linked = {os.path.basename(os.readlink(path)) for path in repository.glob("snapshots/**/*") if path.is_symlink()}
    for blob in repository.glob("blobs/*"):
        if blob.name not in linked and blob.name.removesuffix(".incomplete") not in missing:
            blob.unlink()


def download(volume: Volume, pinned: str, paths: dict[str, list[Any]]) -> None:
    """Only what is missing."""
    repo, _, commit = pinned.rpartition("@")
    print(f"loading {pinned}: {len(paths)} files, {gib(sum(size for size, _ in paths.values()))}", flush=True)
    patterns = [escape(path) for path in paths]
    snapshot_download(repo, revision=commit, cache_dir=volume.hub, allow_patterns=patterns)
    # Where the Hub cannot be reached, it returns the folder with what happens to be in it, and raises nothing.
    lost = volume.missing({pinned: paths})
    if lost:
        raise Failed("WeightsNotLoaded", f"{len(lost[pinned])} files of {pinned} did not arrive")


def words(error: Exception) -> str:
    """Why it failed, in one line, without what was asked for: links to files carry a signature."""
    if isinstance(error, Failed):
        return "{}: {}".format(*error.args)
    if isinstance(error, GatedRepoError):
        return "GatedWeights: the Hub does not let this token load the weights. Ask for access on the model's page"
    if isinstance(error, RepositoryNotFoundError):
        return "WeightsNotFound: the Hub knows no such repository, or does not show it to this token"
    if isinstance(error, RevisionNotFoundError):
        return "WeightsNotFound: the repository has no such commit any more"
    first = (str(error).strip().splitlines() or [""])[0]
    return f"WeightsNotLoaded: {type(error).__name__}: " + re.sub(r"\?\S+", "", first)


if __name__ == "__main__":
    # The first process of a container ignores SIGTERM unless it says otherwise. What is written by then stays usable.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(143))
    given = json.loads(sys.argv[1])
    try:
        main(given)
    except Exception as problem:
        said = words(problem)
        print(said, file=sys.stderr, flush=True)
        with contextlib.suppress(OSError):
            Path(given["message"]).write_text(said)
        sys.exit(1)
