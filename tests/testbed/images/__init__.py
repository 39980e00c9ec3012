"""Images, built on one Linux machine without Docker and without a registry: the operator's, from its own Dockerfile,
and those of the engines' look-alikes. Needs root on Debian or a derivative.

What is built and what it is built with lies in ~/.cache/slipway/images.
"""

from tests.testbed.images.engines import engine_image, tgi_image, vllm_image
from tests.testbed.images.operator import operator_image
from tests.testbed.images.workshop import Image, ImageError, ImagesUnavailable

__all__ = [
    "Image",
    "ImageError",
    "ImagesUnavailable",
    "engine_image",
    "operator_image",
    "tgi_image",
    "vllm_image",
]
