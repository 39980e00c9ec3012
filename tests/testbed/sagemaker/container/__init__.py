"""Look-alikes of the containers, as much of them as SageMaker shows: /ping, /invocations, /v1/chat/completions.

They are no models: they say what they were started with. They read only what a real container gets (the image and
the environment of the deployed model, the instance and the host it runs on), so that a wrong environment fails here
as well.
"""

from __future__ import annotations

from typing import Protocol

from tests.testbed.sagemaker.container import tgi, vllm
from tests.testbed.sagemaker.container.started import CheckWeights, ContainerError, Started, gpus, host_problem

__all__ = ["CheckWeights", "ContainerError", "Started", "chat", "gpus", "invoke", "revision", "why_not"]


class _Engine(Protocol):
    def repo(self, started: Started) -> str: ...
    def revision(self, started: Started) -> str: ...
    def why_not(self, started: Started) -> str | None: ...
    def invoke(self, started: Started, body: bytes) -> bytes: ...
    def chat(self, started: Started, body: bytes) -> bytes: ...


def _engine(started: Started) -> _Engine:
    """By the image's name: an image of one's own counts as TGI unless it is called after vLLM."""
    return vllm if "vllm" in started.repository else tgi


def revision(started: Started) -> str:
    """Of the weights that the container loads."""
    return _engine(started).revision(started)


def why_not(started: Started, check_weights: CheckWeights | None) -> str | None:
    """What the log would say if the engine gives up; None: /ping answers 200."""
    engine = _engine(started)
    problem = host_problem(started) or engine.why_not(started)
    if problem:
        return problem
    repo = engine.repo(started)
    if check_weights and not repo.startswith("/") and not check_weights(repo, engine.revision(started)):
        return f"401 Client Error: cannot download {repo} at {engine.revision(started)}"
    return None


def invoke(started: Started, body: bytes) -> bytes:
    """POST /invocations. Raises ContainerError."""
    return _engine(started).invoke(started, body)


def chat(started: Started, body: bytes) -> bytes:
    """POST /v1/chat/completions. Raises ContainerError."""
    return _engine(started).chat(started, body)
