"""The operator's image, built from the repository's Dockerfile."""

from __future__ import annotations

from tests.testbed.controlplane.progress import Report
from tests.testbed.images import recipe
from tests.testbed.images.plan import Plan
from tests.testbed.images.workshop import ROOT, Image, Workshop

REPOSITORY = "registry.test/slipway"
"""A name that no registry has: the archive is all there is. https://www.rfc-editor.org/rfc/rfc6761#section-6.2"""
VERSION = "0.1.0"
SOURCES = ("Dockerfile", ".dockerignore", "pyproject.toml", "uv.lock", "README.md", "LICENSE", ".ci/image", "operator")
"""What the build reads."""
LOCKED = (
    "Dockerfile",
    ".dockerignore",
    "pyproject.toml",
    "uv.lock",
    ".ci/image/requirements.txt",
    ".ci/image/prune.py",
)
"""What its first stage reads."""


def operator_plan(version: str = VERSION) -> Plan:
    """What is built of the sources as they are. `version`: of the image's labels."""
    key = recipe.digest_of_files(ROOT, SOURCES, [version])
    upon = {"PACKAGES_IMAGE": packages_plan()}  # an argument that this one does not read
    return Plan("operator", ROOT / "Dockerfile", ROOT, key, {"VERSION": version}, upon=upon)


def packages_plan() -> Plan:
    """The stage in which packages are installed: uv, and what uv.lock names."""
    key = recipe.digest_of_files(ROOT, LOCKED)
    return Plan("packages", ROOT / "Dockerfile", ROOT, key, target="packages")


def operator_image(report: Report, version: str = VERSION) -> Image:
    """`registry.test/slipway:<version>`. Raises ImagesUnavailable and ImageError."""
    return Workshop(report).image(operator_plan(version), f"{REPOSITORY}:{version}")
