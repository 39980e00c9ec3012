"""Which container image SageMaker runs for an engine and a version, in a region.

The answers come from `images.json`, generated from the SageMaker SDK by `tests/testbed/catalogue.py`. A
contract test compares every version in every region with what the SDK answers.

The SDK's version aliases are left out on purpose. They move when the SDK is upgraded, and some surprise: in
sagemaker-core 2.27.0 `2.0` means TGI 2.4.0. A version here is a full one (x.y.z) and means exactly itself.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import NamedTuple, Self

from slipway.domain.engines import version_key


class NotInCatalogue(ValueError):
    """The catalogue has no such image; the message lists what it has."""


class UnknownEngine(NotInCatalogue):
    """No image of this engine is known, or not in a container of this vendor."""


class UnknownVersion(NotInCatalogue):
    """The engine has no image of this version, or the version is not a full one."""


class UnknownRegion(NotInCatalogue):
    """The engine's images are not published in this region."""


class UnknownPair(NotInCatalogue):
    """Version and region are both known, but this version is not published in this region."""


class Container(NamedTuple):
    """A line of images: an engine, in the container of one vendor."""

    engine: str
    """spec.engine.name"""
    vendor: str
    """spec.engine.container"""

    def __str__(self) -> str:
        return f"{self.engine} in {self.vendor}'s container"


@dataclass(frozen=True)
class Image:
    """One container image in one region."""

    uri: str
    version: str
    """The engine's version, not the image's: 3.3.6 of TGI."""
    tag: str


@dataclass(frozen=True)
class EngineImages:
    """The images of one container: the name of a version's image is the same in every region."""

    images: Mapping[str, str]
    """`repository:tag` by full version, newest first."""
    registries: Mapping[str, str]
    """Registry host by region. The host carries the account and the partition's DNS suffix."""
    only: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The versions of regions that do not have all of them."""

    def in_region(self, region: str) -> tuple[str, ...]:
        """The versions that are published in a region, newest first; none if the region is not known."""
        if region not in self.registries:
            return ()
        return _newest_first(self.only.get(region, tuple(self.images)))

    def hold(self, registry: str, repository: str) -> bool:
        """Whether a repository in a registry is one of these images'."""
        repositories = {name.partition(":")[0] for name in self.images.values()}
        return repository in repositories and registry in self.registries.values()


@dataclass(frozen=True)
class Catalogue:
    """The container images that are known."""

    source: str
    """What the catalogue was generated from, such as `sagemaker-core 2.27.0`."""
    containers: Mapping[Container, EngineImages]

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read a catalogue in the format of `images.json`."""
        data = json.loads(text)
        return cls(
            source=data["source"],
            containers={
                Container(engine, vendor): EngineImages(
                    images=known["images"],
                    registries=known["registries"],
                    only={region: tuple(versions) for region, versions in known.get("only", {}).items()},
                )
                for engine, vendors in data["engines"].items()
                for vendor, known in vendors.items()
            },
        )

    def image(self, container: Container, version: str, region: str) -> Image:
        """The image of a full version in a region.

        Raises `UnknownEngine`, `UnknownVersion`, `UnknownRegion` or `UnknownPair`: all are `NotInCatalogue`.
        """
        known = self._known(container)
        name = known.images.get(version)
        if name is None:
            raise UnknownVersion(
                f"{container.engine} {version} is not in the image catalogue ({self.source}) of {container.vendor}'s "
                f"containers; give a full version (x.y.z) that is: {', '.join(self.versions(container))}"
            )
        registry = known.registries.get(region)
        if registry is None:
            raise self._unknown_region(container, region)
        if version not in known.in_region(region):
            having = [other for other in self.regions(container) if version in known.in_region(other)]
            raise UnknownPair(
                f"{container} has no version {version} in region {region} as far as the image catalogue "
                f"({self.source}) knows; versions there: {', '.join(known.in_region(region))}; regions with "
                f"{version}: {', '.join(having)}"
            )
        return Image(uri=f"{registry}/{name}", version=version, tag=name.partition(":")[2])

    def latest(self, container: Container, region: str) -> str:
        """The newest version in a region. Raises `UnknownEngine` or `UnknownRegion`."""
        versions = self._known(container).in_region(region)
        if not versions:
            raise self._unknown_region(container, region)
        return versions[0]

    def versions(self, container: Container) -> tuple[str, ...]:
        """The full versions that are published in any region, newest first. Raises `UnknownEngine`."""
        return _newest_first(tuple(self._known(container).images))

    def regions(self, container: Container) -> tuple[str, ...]:
        """The regions in which any version is published, by name. Raises `UnknownEngine`."""
        return tuple(sorted(self._known(container).registries))

    def container_of(self, uri: str) -> Container | None:
        """Whose image a URI names, told by registry and repository; None for one that is in none of the catalogue's."""
        registry, _, name = uri.partition("/")
        repository = name.partition("@")[0].partition(":")[0]
        return next((c for c, known in self.containers.items() if known.hold(registry, repository)), None)

    def _known(self, container: Container) -> EngineImages:
        try:
            return self.containers[container]
        except KeyError:
            raise UnknownEngine(
                f"the image catalogue ({self.source}) has no images of {container}; "
                f"it has: {', '.join(str(known) for known in sorted(self.containers))}"
            ) from None

    def _unknown_region(self, container: Container, region: str) -> UnknownRegion:
        return UnknownRegion(
            f"images of {container} are not published in region {region} as far as the image catalogue "
            f"({self.source}) knows; regions: {', '.join(self.regions(container))}"
        )


@cache  # for each pass over each Deployment; what is sorted are the catalogue's few lists
def _newest_first(versions: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(versions, key=version_key, reverse=True))


@cache
def shipped() -> Catalogue:
    """The catalogue that comes with Slipway, read once."""
    file = resources.files(__package__).joinpath("images.json")
    return Catalogue.from_json(file.read_text(encoding="utf-8"))
