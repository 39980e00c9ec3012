"""The engines by name, and their images."""

import re
from collections.abc import Mapping

from slipway.api.v1alpha1.engine import Engine
from slipway.domain.cluster.engines import tgi, vllm
from slipway.domain.cluster.engines.rules import Rules
from slipway.domain.engines import speaks_of

RULES: Mapping[str, Rules] = {"TGI": tgi, "vLLM": vllm}
"""By spec.engine.name."""

HEALTH = "/health"
METRICS = "/metrics"
"""Paths that both have: https://huggingface.co/docs/text-generation-inference/reference/api_reference and
https://docs.vllm.ai/en/latest/serving/openai_compatible_server/"""

_VERSION_TAG = re.compile(r"v?(\d+\.\d+\.\d+)(?![\d.])")


def rules_of(engine: Engine) -> Rules:
    """What Slipway knows of the engine."""
    return RULES[engine.name]


def image_of(engine: Engine) -> str:
    """The image that the spec alone asks for. Where the version is left open, the one that serves is kept instead."""
    rules = rules_of(engine)
    return engine.image or rules.image(engine.version or rules.DEFAULT_VERSION)


def version_of(engine: Engine, image: str) -> str | None:
    """The engine's version in an image: what the spec says of an image of the user's own, or else its tag.

    A tag is believed where the image's name speaks of the engine: what others count may be something else.
    """
    if engine.image and engine.version:
        return engine.version
    name, _, tag = image.partition("@")[0].rpartition("/")[2].partition(":")
    if not speaks_of(name, engine.name):
        return None
    found = _VERSION_TAG.match(tag)
    return found[1] if found else None
