"""What is known about a model: where it comes from, which commit, and facts about that commit."""

import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

COMMIT = re.compile(r"[0-9a-f]{40}")


class Access(StrEnum):
    """Who may download the weights."""

    PUBLIC = "Public"
    GATED = "Gated"
    PRIVATE = "Private"


@dataclass(frozen=True)
class ModelSource:
    """A repository and a ref (branch, tag, commit or `refs/pr/N`) on a Hugging Face Hub or a mirror of it."""

    repo: str
    revision: str
    endpoint: str | None = None
    """Base URL of the Hub; None means the installation's default."""

    @property
    def is_pinned(self) -> bool:
        """Whether the revision is a full commit, which never moves."""
        return COMMIT.fullmatch(self.revision) is not None


@dataclass(frozen=True)
class RegistryToken:
    """A credential. Its value shows neither in `repr` nor in an exception."""

    value: str = field(repr=False)

    def __str__(self) -> str:
        return "RegistryToken(…)"


@dataclass(frozen=True)
class Architecture:
    """The numbers of config.json that decide how much memory a token takes. None: config.json does not say."""

    name: str | None = None
    layers: int | None = None
    heads: int | None = None
    kv_heads: int | None = None
    head_dim: int | None = None
    max_positions: int | None = None


@dataclass(frozen=True)
class Parameters:
    """Number of parameters, in total and by safetensors dtype (BF16, F32, …)."""

    total: int
    by_dtype: dict[str, int]


@dataclass(frozen=True)
class ModelFacts:
    """What a registry knows about one commit of a model."""

    access: Access
    committed_at: datetime | None = None
    task: str | None = None
    license: str | None = None
    library: str | None = None
    size_bytes: int | None = None
    """Sum of the files that an engine downloads to serve the model: the weight files of the repository's root."""
    parameters: Parameters | None = None
    architecture: Architecture | None = None
