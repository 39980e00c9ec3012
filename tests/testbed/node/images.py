"""Which images the registry has, and what is in them."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

_VERSION = re.compile(r"v?(\d+)\.(\d+)\.(\d+)(?:-[\w.]+)?")
_TGI = "ghcr.io/huggingface/text-generation-inference"
_LAST_TGI = (3, 3, 7)
"""The last release: https://github.com/huggingface/text-generation-inference/releases"""
_VLLM = "vllm/vllm-openai"


@dataclass(frozen=True)
class Image:
    """An image that can be pulled."""

    name: str
    engine: Literal["tgi", "vllm"] | None
    """The look-alike that its entrypoint starts; None: there is none, and pods name their command."""
    environment: Mapping[str, str]
    workdir: str
    users: Mapping[int, str]
    """Home directories of /etc/passwd by user id. The image itself names no user: it runs as root."""


def find(name: str, tools: Collection[str] = ()) -> Image | None:
    """The image of a name; None: there is no such one.

    `tools`: further repositories, of images that hold Python and a shell.
    """
    repository, tag = _split(name)
    if repository in tools:
        return Image(name, None, {}, "/", {0: "/root"})
    base = repository.rpartition("/")[2]
    number = _VERSION.fullmatch(tag)
    version = tuple(int(part) for part in number.groups()) if number else ()
    if "text-generation-inference" in base:
        if repository == _TGI and (not version or tag.startswith("v") or version > _LAST_TGI) and tag != "latest":
            return None
        # https://github.com/huggingface/text-generation-inference/blob/main/Dockerfile
        environment = {"HF_HOME": "/data", "HF_HUB_ENABLE_HF_TRANSFER": "1", "PORT": "80"}
        return Image(name, "tgi", environment, "/usr/src", {0: "/root"})
    if "vllm" in base:
        if repository.removeprefix("docker.io/") == _VLLM and not (version and tag.startswith("v")) and tag != "latest":
            return None
        # https://github.com/vllm-project/vllm/blob/main/docker/Dockerfile
        users = {0: "/root"} | ({2000: "/home/vllm"} if not version or version >= (0, 21, 0) else {})
        return Image(name, "vllm", {"VLLM_USAGE_SOURCE": "production-docker-image"}, "/vllm-workspace", users)
    return None


def not_found(name: str) -> str:
    """containerd's words, as the kubelet passes them on."""
    whole = _qualified(name)
    return (
        f'rpc error: code = NotFound desc = failed to pull and unpack image "{whole}": failed to resolve reference '
        f'"{whole}": {whole}: not found'
    )


def _split(name: str) -> tuple[str, str]:
    bare = name.partition("@")[0]
    repository, colon, tag = bare.rpartition(":")
    return (repository, tag) if colon and "/" not in tag else (bare, "latest")


def _qualified(name: str) -> str:
    """Docker's short names are those of Docker Hub."""
    first, slash, _ = name.partition("/")
    whole = name if slash and ("." in first or ":" in first) else f"docker.io/{name if slash else f'library/{name}'}"
    return whole if "@" in whole or ":" in whole.rpartition("/")[2] else f"{whole}:latest"
