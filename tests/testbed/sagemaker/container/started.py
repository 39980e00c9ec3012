"""What a container is started with, and what all containers share: instances, drivers, how they refuse."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

CheckWeights = Callable[[str, str], bool]

MAX_NEW_TOKENS = 100
CUDA_13_HOST = "al2023-ami-sagemaker-inference-gpu-4-1"
_CUDA = re.compile(r"(?:^|[:-])cu(1[23])\d*(?:-|$)")
_GPUS_BY_SIZE: Mapping[str, Mapping[str, int]] = {
    "p2": {"xlarge": 1, "8xlarge": 8, "16xlarge": 16},
    "p3": {"2xlarge": 1, "8xlarge": 4, "16xlarge": 8},
    "p4d": {"24xlarge": 8},
    "p4de": {"24xlarge": 8},
    "p5": {"4xlarge": 1, "48xlarge": 8},
    "p5e": {"48xlarge": 8},
    "p5en": {"48xlarge": 8},
    "p6-b200": {"48xlarge": 8},
    "p6-b300": {"48xlarge": 8},
    "p6e-gb200": {"36xlarge": 4},
    "g4dn": {"12xlarge": 4},
    "g5": {"12xlarge": 4, "24xlarge": 4, "48xlarge": 8},
    "g6": {"12xlarge": 4, "24xlarge": 4, "48xlarge": 8},
    "g6e": {"12xlarge": 4, "24xlarge": 4, "48xlarge": 8},
    "g7e": {"12xlarge": 2, "24xlarge": 4, "48xlarge": 8},
}


def gpus(instance_type: str) -> int:
    """GPUs of an ml.* type; 0 for families without. Sizes that the table leaves out have one."""
    _, family, size = instance_type.split(".", 2)
    if family in _GPUS_BY_SIZE:
        return _GPUS_BY_SIZE[family].get(size, 1)
    return 1 if re.match(r"[gp]\d", family) else 0


@dataclass(frozen=True)
class Started:
    """Taken when the deployment began, as the real one pulls it."""

    image: str
    environment: Mapping[str, str]
    instance_type: str
    has_model_data: bool = False
    isolated: bool = False
    host: str | None = None
    """The InferenceAmiVersion of the variant."""

    @property
    def repository(self) -> str:
        """The image's name without registry, tag and digest."""
        return self.image.partition("@")[0].rpartition("/")[2].partition(":")[0]


def host_problem(started: Started) -> str | None:
    """Why the container dies before it logs a line, or None (facts/sagemaker-containers.md, 2.3).

    CUDA 13 needs the driver of gpu-4-1, and an image of CUDA 12 never came up there. An image named by its digest
    does not tell its CUDA.
    """
    tag = started.image.rpartition("/")[2] if "@" not in started.image else ""
    cuda = _CUDA.search(tag)
    if cuda is None:
        return None
    if cuda[1] == "13" and started.host != CUDA_13_HOST:
        return f"CUDA driver version is insufficient for CUDA runtime version: host {started.host or 'default'}"
    if cuda[1] == "12" and started.host == CUDA_13_HOST:
        return f"an image of CUDA 12 does not come up on host {started.host}"
    return None


class ContainerError(Exception):
    """The container's own answer, which SageMaker wraps into a ModelError."""

    def __init__(self, status: int, body: str) -> None:
        super().__init__(body)
        self.status = status
        self.body = body


def words(repo: str, revision: str, prompt: str, limit: int | None) -> tuple[str, str, int]:
    """The text of an answer, why it ended, and its length, a word counted as a token."""
    seen = hashlib.sha256(prompt.encode()).hexdigest()[:8]
    said = (
        f"This is no model but a look-alike. It was started with {repo} at revision {revision} and read prompt {seen}."
    ).split()
    allowed = limit if limit is not None else MAX_NEW_TOKENS
    return " ".join(said[:allowed]), "length" if allowed < len(said) else "stop", min(allowed, len(said))
