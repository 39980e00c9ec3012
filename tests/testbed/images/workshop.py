"""Everything that a build of an image needs, made when it is first asked for and kept in the cache."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.testbed.controlplane.apt import Archive
from tests.testbed.controlplane.lock import locked
from tests.testbed.controlplane.processes import ControlPlaneError
from tests.testbed.controlplane.progress import Progress, Report
from tests.testbed.images import cache, recipe
from tests.testbed.images.base import fetch_tools, make_base
from tests.testbed.images.builder import Builder
from tests.testbed.images.facts import Facts, look, obstacle
from tests.testbed.images.plan import Plan

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


def _name(kind: str, digest: str) -> str:
    return f"localhost/slipway-{kind}:{digest}"


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
        archive = self._archive(plan.kind, self._digest(plan))
        with self._locked():
            if archive.exists():
                archive.touch()  # what is used stays longest
            else:
                self._build(plan, reference, archive)
        return Image(reference, archive)

    def builder(self) -> Builder:
        """buildah with the store that images are built in, for tests that look into one. Raises as `image` does."""
        with self._locked(), self._failing():
            return self._builder(self._progress("look"))

    def name(self, plan: Plan) -> str:
        """What an image is called in the store."""
        return _name(plan.kind, self._digest(plan))

    def _locked(self) -> AbstractContextManager[None]:
        return locked(self._root / "lock", "building images", self._report)

    def _digest(self, plan: Plan) -> str:
        return recipe.digest([plan.key, self._base])

    def _archive(self, kind: str, digest: str) -> Path:
        return self._root / f"{kind}-{digest}.tar"

    def _build(self, plan: Plan, reference: str, archive: Path) -> None:
        progress = self._progress(plan.kind)
        with self._failing():
            builder = self._builder(progress)
            with progress.phase(f"Building {reference}"):
                self._build_in_store(builder, plan)
            with progress.phase(f"Writing {archive}"):
                builder.save(self.name(plan), reference, archive)
            self._tidy(plan.kind, builder)

    def _tidy(self, kind: str, builder: Builder) -> None:
        """Several checkouts share the cache: of each image a few stay, and of the layers what these are made of."""
        surplus = cache.outdated([*self._root.glob(f"{kind}-*.tar")])
        for archive in surplus:
            builder.remove(_name(kind, archive.stem.removeprefix(f"{kind}-")))
            archive.unlink()
        if surplus:
            builder.prune()

    def _build_in_store(self, builder: Builder, plan: Plan) -> None:
        for each in plan.upon.values():
            if not builder.has(self.name(each)):
                self._build_in_store(builder, each)
        arguments = {"PYTHON_IMAGE": self._base, **{key: self.name(each) for key, each in plan.upon.items()}}
        builder.build(plan, self.name(plan), {**arguments, **plan.arguments})

    def _builder(self, progress: Progress) -> Builder:
        """With the base image in its store."""
        facts = self._facts(self._root)
        if problem := obstacle(facts):
            raise ImagesUnavailable(f"No image can be built: {problem}.")
        assert facts.keyring is not None  # else it would have been the obstacle
        cache.clear_leftovers(self._root)
        builder = Builder(self._tools, self._root, facts.storage_driver, progress)
        if self._tools.is_dir():
            builder.remove_leftovers()
            if builder.has(self._base):
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
