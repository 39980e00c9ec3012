"""One case, and what several of them are made of."""

from dataclasses import dataclass, field
from typing import Any

from slipway.domain.cluster.diagnosis.reasons import Reason
from tests.unit.domain.cluster.diagnosis import logs
from tests.unit.domain.cluster.diagnosis.pods import Manifest, crashed, last_of_log, pod, workload

KUBERNETES = "https://github.com/kubernetes/kubernetes/blob/master/"
TGI = "https://github.com/huggingface/text-generation-inference/"
VLLM = "https://github.com/vllm-project/vllm/"
TRANSFORMERS = "https://github.com/huggingface/transformers/blob/main/src/transformers/"


@dataclass(frozen=True)
class Case:
    """What the API server shows, and what is made of it."""

    reason: Reason
    source: str
    """Where the words are from."""
    pods: list[Manifest]
    says: tuple[str, ...]
    """Parts of the message: the pod's own words, and the field to change."""
    hopeless: bool = False
    workload: Manifest = field(default_factory=workload)
    claims: tuple[Manifest, ...] = ()


def ended(words: str, **how: Any) -> list[Manifest]:
    """A pod whose engine has ended with these last lines."""
    return [pod(crashed(last_of_log(words), **how))]


def config(name: str, words: str) -> list[Manifest]:
    """A pod whose vLLM refuses its configuration."""
    return ended(logs.VLLM_CONFIG.format(config=name, words=words))
