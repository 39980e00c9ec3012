"""A believable Hugging Face Hub for tests: `with LocalHub() as hub: hub.create_repo("org/model")`."""

from tests.testbed.hub.certificates import PrivateAuthority
from tests.testbed.hub.content import Content, sparse_safetensors
from tests.testbed.hub.hub import Entry, LocalHub
from tests.testbed.hub.models import LLAMA_8B_CONFIG, LLAMA_8B_PARAMETERS, llama_8b_repository

__all__ = [
    "LLAMA_8B_CONFIG",
    "LLAMA_8B_PARAMETERS",
    "Content",
    "Entry",
    "LocalHub",
    "PrivateAuthority",
    "llama_8b_repository",
    "sparse_safetensors",
]
