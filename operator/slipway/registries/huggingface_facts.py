"""From the Hub's JSON and a model's config.json to `ModelFacts`: pure, and distrustful of every field.

The JSON is written by whoever owns the repository; what is not of the expected type counts as not said.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from slipway.domain.models import Access, Architecture, Parameters

Json = Mapping[str, Any]

TEXT = 128
"""Characters kept of a text that the repository's owner wrote."""
LARGEST = 2**63 - 1
"""What a Kubernetes status can hold (int64)."""

_TEXT_CONFIGS = ("text_config", "llm_config", "language_config", "thinker_config")
"""Where multimodal models keep the language model's numbers."""
_ALIASES = {
    "layers": ("num_hidden_layers", "n_layer", "n_layers", "num_layers"),
    "heads": ("num_attention_heads", "n_head", "n_heads"),
    "kv_heads": ("num_key_value_heads", "num_kv_heads", "n_head_kv", "multi_query_group_num"),
    "head_dim": ("head_dim", "kv_channels"),
    "hidden": ("hidden_size", "n_embd", "d_model"),
    "max_positions": (
        "max_position_embeddings",
        "n_positions",
        "max_seq_len",
        "seq_length",
        "max_sequence_length",
    ),
}
"""Names in config.json: Llama and nearly all others first, then GPT-2, Falcon, MPT, ChatGLM."""


def text(value: object) -> str | None:
    """A text on one line, cut to `TEXT` characters; None for anything else or nothing."""
    return " ".join(value.split())[:TEXT] or None if isinstance(value, str) else None


def number(value: object) -> int | None:
    """A positive integer that fits a status; None for anything else (True is not a number)."""
    return value if type(value) is int and 0 < value <= LARGEST else None


def access(info: Json) -> Access:
    """Private weighs more than gated: a private repository is not even listed for others."""
    if info.get("private") is True:
        return Access.PRIVATE
    return Access.GATED if info.get("gated") else Access.PUBLIC


def license_of(info: Json) -> str | None:
    """From the model card: one name or several; 'other' has its name in `license_name`. Else the tag."""
    card = info.get("cardData")
    card = card if isinstance(card, dict) else {}
    declared = card.get("license")
    names = declared if isinstance(declared, list) else [declared]
    known = [name for name in map(text, names) if name]
    if known == ["other"]:
        return text(card.get("license_name")) or "other"
    return text(", ".join(known)) or _license_tag(info.get("tags"))


def _license_tag(tags: object) -> str | None:
    names = (
        [tag for tag in tags if isinstance(tag, str) and tag.startswith("license:")] if isinstance(tags, list) else []
    )
    return text(names[0].removeprefix("license:")) if names else None


def file_sizes(info: Json) -> dict[str, int]:
    """Size in bytes by path, -1 where the Hub does not give it (it does with `?blobs=true`)."""
    siblings = info.get("siblings")
    sizes: dict[str, int] = {}
    for sibling in siblings if isinstance(siblings, list) else []:
        if isinstance(sibling, dict) and isinstance(sibling.get("rfilename"), str):
            size = sibling.get("size")
            sizes[sibling["rfilename"]] = size if type(size) is int and 0 <= size <= LARGEST else -1
    return sizes


def indexed_files(index: Json) -> set[str] | None:
    """The shards that a model.safetensors.index.json names; None if it is not one."""
    weight_map = index.get("weight_map")
    if not isinstance(weight_map, dict) or not all(isinstance(path, str) for path in weight_map.values()):
        return None
    return set(weight_map.values()) or None


def weight_files(sizes: Mapping[str, int], indexed: set[str] | None) -> dict[str, int]:
    """The files an engine loads: those of the index, else model.safetensors, else the root's, else its *.bin.

    Never those of subfolders, which hold the same weights once more for another engine: counting them doubles
    gpt-oss (https://github.com/kaito-project/kaito, website/docs/memory-estimator.md).
    """
    root = {path: size for path, size in sizes.items() if "/" not in path}
    if indexed is not None:
        return {path: sizes.get(path, -1) for path in sorted(indexed)}
    if "model.safetensors" in root:
        return {"model.safetensors": root["model.safetensors"]}
    for suffix in (".safetensors", ".bin"):
        found = {path: size for path, size in sorted(root.items()) if path.endswith(suffix)}
        if found:
            return {path: size for path, size in found.items() if path != "training_args.bin"}
    return {}


def total_size(files: Mapping[str, int]) -> int | None:
    """Sum of the sizes; None if there are no files or one's size is unknown."""
    return number(sum(files.values())) if files and min(files.values()) >= 0 else None


def parameters(info: Json) -> Parameters | None:
    """As the Hub counted them; None where it did not (a new commit, a mirror)."""
    counted = info.get("safetensors")
    by_dtype = counted.get("parameters") if isinstance(counted, dict) else None
    if not isinstance(by_dtype, dict) or not by_dtype:
        return None
    counts = {text(dtype): number(count) for dtype, count in by_dtype.items()}
    known = {dtype: count for dtype, count in counts.items() if dtype is not None and count is not None}
    total = number(sum(known.values()))
    return Parameters(total, known) if total is not None and len(known) == len(by_dtype) else None


def committed_at(commits: object) -> datetime | None:
    """Date of the first commit in a list of commits, the newest."""
    first = commits[0] if isinstance(commits, list) and commits else None
    value = first.get("date") if isinstance(first, dict) else None
    try:
        date = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return date if date is not None and date.tzinfo is not None else None


def architecture(config: Json) -> Architecture:
    """The numbers that decide how much memory a token takes.

    As in transformers, heads that are not grouped have one key-value head each, and a head's dimension that
    is not given is hidden_size / heads.
    """
    names = config.get("architectures")
    name = text(names[0]) if isinstance(names, list) and names else None
    core = _language_model(config)
    found = {field: _first(core, aliases) for field, aliases in _ALIASES.items()}
    heads, hidden, head_dim = found["heads"], found["hidden"], found["head_dim"]
    if head_dim is None and heads and hidden and hidden % heads == 0:
        head_dim = hidden // heads
    return Architecture(
        name=name,
        layers=found["layers"],
        heads=heads,
        kv_heads=_kv_heads(core, found["kv_heads"], heads),
        head_dim=head_dim,
        max_positions=found["max_positions"],
    )


def _language_model(config: Json) -> Json:
    """The part of a (multimodal) config that describes the language model."""
    for key in _TEXT_CONFIGS:
        nested = config.get(key)
        if isinstance(nested, dict) and _first(config, _ALIASES["layers"]) is None:
            inner = nested.get("text_config")  # thinker_config (Qwen Omni) nests once more
            return inner if isinstance(inner, dict) else nested
    return config


def _kv_heads(core: Json, given: int | None, heads: int | None) -> int | None:
    attention = core.get("attn_config")
    if isinstance(attention, dict):  # MPT
        given = given or number(attention.get("kv_n_heads"))
    if core.get("multi_query") is True and core.get("new_decoder_architecture") is not True:  # Falcon 7B, StarCoder
        return 1
    return given or heads


def _first(config: Json, names: Sequence[str]) -> int | None:
    return next((value for value in (number(config.get(name)) for name in names) if value is not None), None)
