"""Images of the engines' look-alikes, under the names that the operator gives its pods by default."""

from __future__ import annotations

from typing import Literal

from slipway.domain.cluster.engines import tgi, vllm
from tests.testbed.controlplane.progress import Report
from tests.testbed.images import recipe
from tests.testbed.images.operator import packages_plan
from tests.testbed.images.plan import Plan
from tests.testbed.images.workshop import ROOT, Image, Workshop

_CONTEXT = ROOT / "tests" / "testbed"
_FILE = "images/engines.Containerfile"
_IGNORE = "images/engines.ignore"
_SOURCES = (_FILE, _IGNORE, "images/commands", "node/engines", "sagemaker/container/vllm_flags.py")
Kind = Literal["tgi", "vllm"]


def engine_plan(kind: Kind, reference: str) -> Plan:
    """What is built: a look-alike that takes itself for the image `reference`."""
    packages = packages_plan()
    key = recipe.digest_of_files(_CONTEXT, _SOURCES, [packages.key, kind, reference])
    return Plan(
        kind=kind,
        file=_CONTEXT / _FILE,
        context=_CONTEXT,
        key=key,
        arguments={"IMAGE": reference},
        target=kind,
        ignore=_CONTEXT / _IGNORE,
        upon={"PACKAGES_IMAGE": packages},
    )


def tgi_image(report: Report, version: str = tgi.DEFAULT_VERSION) -> Image:
    """`ghcr.io/huggingface/text-generation-inference:<version>`. Raises ImagesUnavailable and ImageError."""
    return engine_image(report, "tgi", tgi.image(version))


def vllm_image(report: Report, version: str = vllm.DEFAULT_VERSION) -> Image:
    """`docker.io/vllm/vllm-openai:v<version>`, which is what containerd makes of the name without a registry.

    Raises ImagesUnavailable and ImageError.
    """
    return engine_image(report, "vllm", vllm.image(version))


def engine_image(report: Report, kind: Kind, reference: str) -> Image:
    """A look-alike under any name, such as that of spec.engine.image. Raises ImagesUnavailable and ImageError."""
    return Workshop(report).image(engine_plan(kind, reference), reference)
