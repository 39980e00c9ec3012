"""ModelVersion: what to serve, and why it may be served."""

from typing import Annotated, Literal

from pydantic import Field

from slipway.api.v1alpha1.common import (
    ApiModel,
    Conditions,
    Duration,
    ObjectMeta,
    SecretKeyRef,
    Timestamp,
    rules,
)

Commit = Annotated[str, Field(pattern=r"^[0-9a-f]{40}$", max_length=40)]

ONE_SOURCE = "set exactly one registry below spec.source: huggingFace"


class HuggingFaceSource(ApiModel):
    """A model on the Hugging Face Hub, or on a mirror of it."""

    repo: Annotated[str, Field(min_length=3, max_length=193, pattern=r"^[A-Za-z0-9][\w.\-]*/[A-Za-z0-9][\w.\-]*$")]
    """Repository as owner/name, for example mlabonne/TwinLlama-3.1-8B-DPO."""
    revision: Annotated[str, Field(min_length=1, max_length=250, pattern=r"^[^\s\\?*:~^\[\]]+$")] = "main"
    """Branch, tag, full commit, or refs/pr/N. Only a full commit (40 hex digits) never moves."""
    token_secret_ref: SecretKeyRef | None = None
    """Access token for a private or gated repository, from a Secret in this namespace."""
    endpoint: Annotated[str, Field(max_length=2048, pattern=r"^https?://[^\s/@]+(/[^\s@]*)?$")] | None = None
    """Base URL of the Hub or mirror. Without it, the installation's default (https://huggingface.co)."""


class Source(ApiModel):
    """Where the model comes from: exactly one registry."""

    model_config = {"json_schema_extra": rules(("has(self.huggingFace)", ONE_SOURCE))}

    hugging_face: HuggingFaceSource | None = None
    """A repository of the Hugging Face Hub."""


class Updates(ApiModel):
    """What happens when the reference moves to another commit."""

    policy: Literal["Pin", "Track", "Approve"] = "Pin"
    """Pin: resolve once and stay. Track: follow the reference. Approve: follow it, serve only `approved`."""
    interval: Duration = "15m"
    """How often to look for a new commit (Track, Approve), as 90s, 15m or 1h. The installation sets a minimum."""
    approved: Commit | None = None
    """Approve: the one commit (40 hex digits) that may be served."""


class ModelVersionSpec(ApiModel):
    """The model that is wanted."""

    source: Source
    """Where the model comes from."""
    updates: Updates = Updates()
    """What happens when the reference moves to another commit."""


class ParametersStatus(ApiModel):
    """Number of parameters, from the safetensors metadata."""

    total: int
    """All parameters."""
    by_dtype: dict[str, int] = Field(default_factory=dict)
    """Parameters by safetensors dtype, such as BF16 or F32."""


class ArchitectureStatus(ApiModel):
    """Numbers from config.json that decide how much GPU memory a token takes."""

    name: str | None = None
    """Class name of the model, such as LlamaForCausalLM."""
    layers: int | None = None
    """Hidden layers."""
    heads: int | None = None
    """Attention heads."""
    kv_heads: int | None = None
    """Key and value heads."""
    head_dim: int | None = None
    """Size of one head."""
    max_positions: int | None = None
    """Longest sequence, in tokens."""


class Resolved(ApiModel):
    """The commit that Deployments serve, with facts about it."""

    revision: Commit
    """The commit."""
    uri: str
    """hf://owner/name@commit"""
    repo: str
    """owner/name"""
    ref: str
    """The reference that named this commit."""
    for_: Annotated[str, Field(alias="for")]
    """Hash of the source that this answers. A changed source is resolved anew."""
    resolved_at: Timestamp
    """When the reference was found to name this commit."""
    committed_at: Timestamp | None = None
    """When the commit was made."""
    access: Literal["Public", "Gated", "Private"]
    """Who may download the weights."""
    task: str | None = None
    """Pipeline task, such as text-generation."""
    license: str | None = None
    """License identifier of the model card."""
    library: str | None = None
    """Library of the model card, such as transformers."""
    size_bytes: int | None = None
    """Bytes of the weight files that an engine downloads."""
    parameters: ParametersStatus | None = None
    """Number of parameters."""
    architecture: ArchitectureStatus | None = None
    """Shape of the model."""


class Candidate(ApiModel):
    """A newer commit that is not served yet."""

    revision: Commit
    """The commit."""
    ref: str
    """The reference that names it now."""
    seen_at: Timestamp
    """When it was first seen."""
    waiting_for: str
    """What it waits for."""


class ModelVersionStatus(ApiModel):
    """What is known about the model, and which commit counts."""

    observed_generation: Annotated[int, Field(ge=0)] | None = None
    """The generation that this status answers."""
    conditions: Conditions = Field(default_factory=list)
    """Ready, and while they are true: Reconciling, Stalled, UnpinnedReference."""
    resolved: Resolved | None = None
    """The commit that counts."""
    candidate: Candidate | None = None
    """A newer commit, and what it waits for."""


class ModelVersion(ApiModel):
    """A model from a registry, pinned to a commit: what to serve, and why it may be served."""

    metadata: ObjectMeta
    spec: ModelVersionSpec
    status: ModelVersionStatus = ModelVersionStatus()
