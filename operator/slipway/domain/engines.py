"""What is true of an engine wherever it runs: its images' names, its versions, and what clients call its model."""

from collections.abc import Mapping

from slipway.api.v1alpha1.engine import Engine

_WORDS: Mapping[str, tuple[str, ...]] = {"TGI": ("text-generation-inference", "tgi"), "vLLM": ("vllm",)}
"""In the names of images, by spec.engine.name: Hugging Face's, AWS's, vLLM's own, and what others make of them."""


def speaks_of(image_name: str, engine: str) -> bool:
    """Whether the name of an image, or its name and tag, speaks of an engine (as spec.engine.name)."""
    return any(word in image_name.lower() for word in _WORDS[engine])


def engine_of(image: str) -> str | None:
    """The engine that an image's name or tag speaks of, as spec.engine.name; None if they speak of none."""
    name = image.rpartition("/")[2]
    return next((engine for engine in _WORDS if speaks_of(name, engine)), None)


def version_key(version: str) -> tuple[int, ...]:
    """Sorts x.y.z as numbers: 0.10.0 is newer than 0.9.3."""
    return tuple(int(part) for part in version.split("."))


def model_name(engine: Engine, repo: str) -> str:
    """What a client gives as `model`, which reaches the engine as it is.

    vLLM answers 404 to anything but its served name, which is what it was told to load: the repository
    (https://docs.vllm.ai/en/latest/cli/serve/, --served-model-name). TGI takes a name for that of a LoRA adapter, and
    `tgi` for the model itself (https://huggingface.co/docs/text-generation-inference/messages_api).
    """
    return "tgi" if engine.name == "TGI" else repo
