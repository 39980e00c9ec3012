"""Everything that a build of an image needs, made when it is first asked for and kept in the cache."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.testbed.controlplane.apt import Archive
from tests.testbed.controlplane.processes import ControlPlaneError
from tests.testbed.controlplane.progress import Progress, Report
from tests.testbed.images import cache, recipe
from tests.testbed.images.base import fetch_tools, make_base
from tests.testbed.images.builder import Builder
from tests.testbed.images.facts import Facts, look, obstacle

ROOT = Path(__file__).parents[3]
"""The repository."""


class ImagesUnavailable(RuntimeError):
    """No image can be built here; the message says why."""


class ImageError(RuntimeError):
    """A build has failed; the message ends with the end of its log."""


@dataclass(frozen=True)
class Image:
    """A finished image."""

    reference: str
    """The name that a pod gives."""
    archive: Path
    """In Docker's format: `ctr --namespace k8s.io images import ARCHIVE`."""


@dataclass(frozen=True)
class Plan:
    """An image to build."""

    kind: str
    """First part of the archive's name."""
    file: Path
    context: Path
    key: str
    """Digest of everything that decides the result, but the base image."""
    arguments: Mapping[str, str]
    target: str | None = None


class Workshop:
    """Builds what a plan says, unless the cache has it."""

    def __init__(self, report: Report, facts: Callable[[Path], Facts] = look) -> None:
        self._report = report
        self._facts = facts
        self._root = recipe.cache_root()
        self._tools = self._root / recipe.tools_key()
        self._base = f"localhost/slipway-{recipe.base_key()}"

    def image(self, plan: Plan, reference: str) -> Image:
        """The image under a name. Raises ImagesUnavailable and ImageError."""
        digest = recipe.digest([plan.key, self._base, reference])
        archive = self._root / f"{plan.kind}-{digest}.tar"
        with cache.lock(self._root / "lock", self._report):
            if archive.exists():
                archive.touch()  # what is used stays longest
            else:
                self._build(plan, reference, archive)
        return Image(reference, archive)

    @contextmanager
    def builder(self) -> Iterator[Builder]:
        """buildah with the store that images are built in, for tests that look into one. Raises as `image` does."""
        with cache.lock(self._root / "lock", self._report), self._failing():
            yield self._builder(self._progress("look"))

    def name(self, plan: Plan) -> str:
        """What an image is called in the store."""
        return f"localhost/slipway-{plan.kind}:{recipe.digest([plan.key, self._base])}"

    def _build(self, plan: Plan, reference: str, archive: Path) -> None:
        progress = self._progress(plan.kind)
        with self._failing():
            builder = self._builder(progress)
            with progress.phase(f"Building {reference}"):
                arguments = {"PYTHON_IMAGE": self._base, **plan.arguments}
                builder.build(plan.context, plan.file, self.name(plan), arguments, plan.target)
            with progress.phase(f"Writing {archive}"):
                builder.save(self.name(plan), reference, archive)
            for old in cache.outdated([*self._root.glob(f"{plan.kind}-*.tar")]):
                old.unlink()

    def _builder(self, progress: Progress) -> Builder:
        """With the base image in its store."""
        facts = self._facts(self._root)
        if problem := obstacle(facts):
            raise ImagesUnavailable(f"No image can be built: {problem}.")
        assert facts.keyring is not None  # else it would have been the obstacle
        builder = Builder(self._tools, self._root, facts.storage_driver, progress)
        if self._tools.is_dir() and builder.has(self._base):
            return builder
        with TemporaryDirectory(prefix=".debian-", dir=self._root) as folder:
            debian = Archive(recipe.SUITE, Path(folder), facts.keyring, progress)
            with progress.phase(f"Reading Debian's lists for {recipe.SUITE}"):
                debian.update()
            if not self._tools.is_dir():
                with progress.phase("Fetching buildah (10 MB)"):
                    fetch_tools(self._tools, debian, progress)
            with progress.phase("Making a base image of Debian's packages (half a minute)"):
                make_base(self._base, self._tools, Path(folder, "sources.list"), builder, progress)
        return builder

    def _progress(self, what: str) -> Progress:
        self._root.mkdir(parents=True, exist_ok=True)
        log = self._root / f"{what}.log"
        log.unlink(missing_ok=True)
        return Progress(self._report, log)

    @contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except ControlPlaneError as error:  # what the test bed's runner of commands raises
            raise ImageError(str(error)) from error
