"""examples/quickstart.yaml, as the demo reads it to prepare the stand-ins. It is applied as it is."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

PATH = Path("examples/quickstart.yaml")
"""Relative to the root of the repository, as a person would type it."""


class NotAQuickstart(ValueError):
    """The file does not hold what the demo is about."""


@dataclass(frozen=True)
class Quickstart:
    """What the stand-ins must know."""

    model_version: str
    deployment: str
    repo: str
    ref: str
    region: str
    role: str
    instance_type: str
    named_endpoint: str | None = None

    @property
    def account(self) -> str:
        """The AWS account of the execution role."""
        return self.role.split(":")[4]

    def endpoint(self, namespace: str) -> str:
        """The endpoint's name, as a client of the endpoint has to know it."""
        return self.named_endpoint or f"{namespace}-{self.deployment}"


def parse(text: str, origin: Path = PATH) -> Quickstart:
    """Read one ModelVersion and one Deployment that refers to it; `origin` is for people. Raises NotAQuickstart."""
    objects: dict[str, dict[str, Any]] = {one["kind"]: one for one in yaml.safe_load_all(text) if one}
    try:
        source = objects["ModelVersion"]["spec"]["source"]["huggingFace"]
        target = objects["Deployment"]["spec"]["target"]["sageMaker"]
        return Quickstart(
            model_version=objects["ModelVersion"]["metadata"]["name"],
            deployment=objects["Deployment"]["metadata"]["name"],
            repo=source["repo"],
            ref=source.get("revision", "main"),
            region=target["region"],
            role=target["executionRoleArn"],
            instance_type=target["instanceType"],
            named_endpoint=target.get("endpointName"),
        )
    except KeyError as missing:
        raise NotAQuickstart(f"{origin} lacks {missing}: the demo needs one ModelVersion and one Deployment") from None
