"""What a pod is asked over HTTP, in the words of its engine, and what its answers say. Asks nothing itself."""

import json
from dataclasses import dataclass
from typing import Any, NamedTuple

from slipway.api.v1alpha1.engine import Engine
from slipway.api.v1alpha1.rollout import RolloutCheck
from slipway.domain.cluster.cache.layout import commit_of
from slipway.domain.models import COMMIT
from slipway.domain.prompt_check import CheckAnswer


class PodRequest(NamedTuple):
    """One request to a pod."""

    path: str
    body: bytes | None = None
    """JSON for a POST; None: a GET."""


@dataclass(frozen=True)
class Answer(CheckAnswer):
    """What a pod answered. `problem` says why that is no good answer: no connection, no end, or a status."""

    status: int | None = None
    """HTTP status; None: it did not answer."""


class LoadedModel(NamedTuple):
    """A model that vLLM has loaded."""

    name: str
    """What clients give as `model`."""
    root: str
    """Repository or folder that it was loaded from."""


INFO = PodRequest("/info")
"""TGI: https://huggingface.co/docs/text-generation-inference/reference/api_reference"""
MODELS = PodRequest("/v1/models")
"""vLLM: https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html"""
_SHOWN = 300
"""Bytes of an answer in no known shape."""


def identity_request(engine: str) -> PodRequest:
    """What tells most about what a pod serves: TGI's /info, vLLM's /v1/models."""
    return INFO if engine == "TGI" else MODELS


def prompt(check: RolloutCheck, engine: Engine, model: str) -> PodRequest:
    """The user's prompt. Both shapes take plain text, so that models without a chat template pass, too.

    `model`: what clients give as `model`. vLLM refuses another name; TGI has no such field.
    """
    if engine.name == "TGI":
        body: dict[str, Any] = {"inputs": check.prompt, "parameters": {"max_new_tokens": check.max_tokens}}
        return PodRequest("/generate", json.dumps(body).encode())
    body = {"model": model, "prompt": check.prompt, "max_tokens": check.max_tokens}
    return PodRequest("/v1/completions", json.dumps(body).encode())


def served_commit(engine: str, body: bytes) -> str | None:
    """The commit that an answer to `identity_request` names; None: the engine does not say it.

    TGI asks the Hub for it when it starts. With HF_HUB_OFFLINE, with a folder as its model, or where the Hub does not
    answer, `model_sha` is null
    (https://github.com/huggingface/text-generation-inference/blob/v3.3.7/router/src/server.rs). vLLM never says it. But
    what comes from a cache is a folder that is named after its commit, and both say which.
    """
    if engine == "TGI":
        found = _json(body)
        commit = found.get("model_sha") or commit_of(_text(found.get("model_id")))
    else:
        loaded = loaded_model(body)
        commit = commit_of(loaded.root) if loaded else None
    return commit if isinstance(commit, str) and COMMIT.fullmatch(commit) else None


def _text(found: object) -> str | None:
    return found if isinstance(found, str) else None


def loaded_model(body: bytes) -> LoadedModel | None:
    """The base model in an answer of vLLM's /v1/models: the first entry without a parent, adapters have one.

    None if the answer is in another shape.
    """
    entries = _json(body).get("data")
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict) and isinstance(entry.get("id"), str) and not entry.get("parent"):
            return LoadedModel(entry["id"], str(entry.get("root") or ""))
    return None


def words_of(body: bytes) -> str:
    """What an answer says is wrong: the `error` of TGI, the `message` of vLLM, or its first characters."""
    found = _json(body)
    error = found.get("error", found)
    if isinstance(error, dict):
        error = error.get("message")
    return error if isinstance(error, str) else body[:_SHOWN].decode(errors="replace").strip()


def _json(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
