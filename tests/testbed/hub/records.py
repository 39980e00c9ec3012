"""The Hub's JSON: a model's record, trees, commits and refs."""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import yaml

from tests.testbed.hub.content import Content, tensor_types
from tests.testbed.hub.repository import Commit, Repository, tree_oid

INDEX = "model.safetensors.index.json"
SINGLE = "model.safetensors"


def iso(date: datetime) -> str:
    return date.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def model_record(repository: Repository, commit: Commit, *, blobs: bool, security: bool) -> dict[str, Any]:
    """`GET /api/models/{repo}[/revision/{rev}]`. `lastModified` is the repository's."""
    card = card_data(commit)
    config = _config(commit)
    record: dict[str, Any] = {
        "_id": commit.sha[:24],
        "id": repository.name,
        "modelId": repository.name,
        "author": repository.owner or None,
        "sha": commit.sha,
        "createdAt": iso(repository.created_at),
        "lastModified": iso(max(each.date for each in repository.commits.values())),
        "private": repository.private,
        "gated": repository.gated,
        "disabled": repository.disabled,
        "downloads": 0,
        "likes": 0,
        "tags": _tags(commit, card),
        "spaces": [],
        "siblings": [_sibling(path, file, blobs) for path, file in sorted(commit.files.items())],
        "usedStorage": sum(file.size for file in commit.files.values()),
        "model-index": None,
    }
    optional = {
        "cardData": card or None,
        "config": {key: config[key] for key in ("architectures", "model_type") if key in config} or None,
        "pipeline_tag": _task(card, config),
        "library_name": _library(card, commit),
        "safetensors": _parameters(commit) if repository.counts_parameters else None,
        "securityRepoStatus": {"scansDone": True, "filesWithIssues": []} if security else None,
    }
    return record | {key: value for key, value in optional.items() if value is not None}


def card_data(commit: Commit) -> dict[str, Any]:
    """The front matter of the README of that commit; nothing if it is not YAML."""
    readme = commit.files.get("README.md")
    if readme is None or not readme.head.startswith(b"---\n"):
        return {}
    try:
        data = yaml.safe_load(readme.head[4:].split(b"\n---", 1)[0])
    except yaml.YAMLError:
        return {}
    return data if isinstance(data, dict) else {}


def refs(repository: Repository, *, pull_requests: bool) -> dict[str, Any]:
    """`GET /api/models/{repo}/refs`."""

    def under(prefix: str, keep: int) -> list[dict[str, str]]:
        return [
            {"name": ref[keep:], "ref": ref, "targetCommit": sha}
            for ref, sha in sorted(repository.refs.items())
            if ref.startswith(prefix)
        ]

    listed = {"branches": under("refs/heads/", 11), "converts": [], "tags": under("refs/tags/", 10)}
    return listed | ({"pullRequests": under("refs/pr/", 0)} if pull_requests else {})


def commit_record(commit: Commit) -> dict[str, Any]:
    """An entry of `GET /api/models/{repo}/commits/{rev}`."""
    title, _, message = commit.message.partition("\n")
    return {
        "id": commit.sha,
        "title": title,
        "message": message.strip(),
        "authors": [{"user": commit.author, "avatar": f"/avatars/{commit.author}.svg"}],
        "date": iso(commit.date),
    }


def tree(repository: Repository, commit: Commit, folder: str, *, recursive: bool, expand: bool) -> list[dict[str, Any]]:
    """`GET /api/models/{repo}/tree/{rev}[/folder]`: folders first, as the Hub lists them."""
    prefix = f"{folder}/" if folder else ""
    inside = [path for path in sorted(commit.files) if path.startswith(prefix)]
    folders: set[str] = set()
    files: list[dict[str, Any]] = []
    for path in inside:
        parts = path[len(prefix) :].split("/")
        depths = range(1, len(parts)) if recursive else range(1, min(2, len(parts)))
        folders.update(prefix + "/".join(parts[:depth]) for depth in depths)
        if recursive or len(parts) == 1:
            files.append(file_entry(repository, commit, path, expand=expand))
    listed = [
        {"type": "directory", "oid": tree_oid(commit.files, f"{name}/"), "size": 0, "path": name}
        for name in sorted(folders)
    ]
    return listed + files


def file_entry(repository: Repository, commit: Commit, path: str, *, expand: bool) -> dict[str, Any]:
    """An entry of a tree or of paths-info."""
    file = commit.files[path]
    entry: dict[str, Any] = {"type": "file", "oid": file.oid(path), "size": file.size, "path": path}
    if file.is_lfs(path):
        entry["lfs"] = {"oid": file.sha256, "size": file.size, "pointerSize": len(file.pointer())}
    if expand:
        last = _last_change(repository, commit, path)
        entry["lastCommit"] = {"id": last.sha, "title": last.message.split("\n")[0], "date": iso(last.date)}
        entry["securityFileStatus"] = {"status": "safe", "avScan": None, "pickleImportScan": None}
    return entry


def _last_change(repository: Repository, commit: Commit, path: str) -> Commit:
    last = commit
    for each in repository.history(commit):
        if each.files.get(path) != commit.files[path]:
            break
        last = each
    return last


def _sibling(path: str, file: Content, blobs: bool) -> dict[str, Any]:
    if not blobs:
        return {"rfilename": path}
    sibling: dict[str, Any] = {"rfilename": path, "size": file.size, "blobId": file.oid(path)}
    if file.is_lfs(path):
        sibling["lfs"] = {"sha256": file.sha256, "size": file.size, "pointerSize": len(file.pointer())}
    return sibling


def _config(commit: Commit) -> dict[str, Any]:
    file = commit.files.get("config.json")
    try:
        config = json.loads(file.head) if file else {}
    except (ValueError, RecursionError):
        return {}
    return config if isinstance(config, dict) else {}


def _parameters(commit: Commit) -> dict[str, Any] | None:
    """The Hub counts model.safetensors, else the shards of the index; it gives up on what it cannot parse."""
    names: Iterable[str] = ()
    if SINGLE in commit.files:
        names = [SINGLE]
    elif INDEX in commit.files:
        names = sorted(set(json.loads(commit.files[INDEX].head).get("weight_map", {}).values()))
    counts: dict[str, int] = {}
    try:
        for name in names:
            for dtype, elements in tensor_types(commit.files[name]).items():
                counts[dtype] = counts.get(dtype, 0) + elements
    except (ValueError, KeyError, AttributeError):
        return None
    return {"parameters": counts, "total": sum(counts.values())} if counts else None


def _task(card: dict[str, Any], config: dict[str, Any]) -> str | None:
    if "pipeline_tag" in card:
        return str(card["pipeline_tag"])
    names = config.get("architectures") or [""]
    return "text-generation" if str(names[0]).endswith("ForCausalLM") else None


def _library(card: dict[str, Any], commit: Commit) -> str | None:
    if "library_name" in card:
        return str(card["library_name"])
    return "transformers" if "config.json" in commit.files else None


def _tags(commit: Commit, card: dict[str, Any]) -> list[str]:
    licenses = card.get("license") or []
    tags = [str(tag) for tag in card.get("tags") or []]
    tags += [f"license:{name}" for name in (licenses if isinstance(licenses, list) else [licenses])]
    return tags + (["safetensors"] if any(path.endswith(".safetensors") for path in commit.files) else [])
