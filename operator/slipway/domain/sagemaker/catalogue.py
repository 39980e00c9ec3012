"""Which container image SageMaker runs for an engine and a version, in a region.

The answers come from `images.json`, generated from the SageMaker SDK by `tests/testbed/catalogue.py`. A
contract test compares every version in every region with what the SDK answers.

The SDK's version aliases are left out on purpose. They move when the SDK is upgraded, and some surprise: in
sagemaker-core 2.27.0 `2.0` means 2.4.0. A version here is a full one (x.y.z) and means exactly itself.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Self


class NotInCatalogue(ValueError):
    """The catalogue has no such image; the message lists what it has."""


class UnknownEngine(NotInCatalogue):
    """No image of this engine is known."""


class UnknownVersion(NotInCatalogue):
    """The engine has no image of this version, or the version is not a full one."""


class UnknownRegion(NotInCatalogue):
    """The engine's images are not published in this region."""


@dataclass(frozen=True)
class Image:
    """One container image in one region."""

    uri: str
    version: str
    """The engine's version, not the image's: 3.3.6 of TGI."""
    tag: str


@dataclass(frozen=True)
class EngineImages:
    """The images of one engine: every version is published in every region, under the same name."""

    images: Mapping[str, str]
    """`repository:tag` by full version, newest first."""
    registries: Mapping[str, str]
    """Registry host by region. The host carries the account and the partition's DNS suffix."""


@dataclass(frozen=True)
class Catalogue:
    """The container images that are known, by engine."""

    source: str
    """What the catalogue was generated from, such as `sagemaker-core 2.27.0`."""
    engines: Mapping[str, EngineImages]

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read a catalogue in the format of `images.json`."""
        data = json.loads(text)
        return cls(
            source=data["source"],
            engines={
                name: EngineImages(images=engine["images"], registries=engine["registries"])
                for name, engine in data["engines"].items()
            },
        )

    def image(self, engine: str, version: str, region: str) -> Image:
        """The image of a full version in a region.

        Raises `UnknownEngine`, `UnknownVersion` or `UnknownRegion`: all are `NotInCatalogue`.
        """
        known = self._engine(engine)
        name = known.images.get(version)
        if name is None:
            raise UnknownVersion(
                f"{engine} {version} is not in the image catalogue ({self.source}); give a full "
                f"version (x.y.z) that is: {', '.join(self.versions(engine))}"
            )
        registry = known.registries.get(region)
        if registry is None:
            raise UnknownRegion(
                f"{engine} images are not published in region {region} as far as the image catalogue "
                f"({self.source}) knows; regions: {', '.join(self.regions(engine))}"
            )
        return Image(uri=f"{registry}/{name}", version=version, tag=name.partition(":")[2])

    def latest(self, engine: str) -> str:
        """The newest version of an engine."""
        return self.versions(engine)[0]

    def versions(self, engine: str) -> tuple[str, ...]:
        """The full versions of an engine, newest first."""
        return tuple(sorted(self._engine(engine).images, key=version_key, reverse=True))

    def regions(self, engine: str) -> tuple[str, ...]:
        """The regions in which an engine's images are published, by name."""
        return tuple(sorted(self._engine(engine).registries))

    def _engine(self, engine: str) -> EngineImages:
        try:
            return self.engines[engine]
        except KeyError:
            raise UnknownEngine(
                f"the image catalogue ({self.source}) has no images of engine {engine}; "
                f"engines: {', '.join(sorted(self.engines))}"
            ) from None


def version_key(version: str) -> tuple[int, ...]:
    """Sorts x.y.z as numbers: 0.10.0 is newer than 0.9.3."""
    return tuple(int(part) for part in version.split("."))


@cache
def shipped() -> Catalogue:
    """The catalogue that comes with Slipway, read once."""
    file = resources.files(__package__).joinpath("images.json")
    return Catalogue.from_json(file.read_text(encoding="utf-8"))
