"""The table, the ratios, and whether the aims are met."""

import os
import platform
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any

from tests.bench.figures import FirstPass, Round

_TIME_AIM = 1 / 2
_MEMORY_AIM = 1 / 3
_MEMORY_LIMIT = 180.0
_PACKAGES = ("kopf", "kubernetes", "aiohttp", "pydantic", "boto3")


@dataclass(frozen=True)
class Machine:
    """What the figures were measured on."""

    cores: int
    processor: str
    load: float
    """Load average of the last minute when the bench began: whatever else runs slows everything down."""
    python: str
    packages: dict[str, str]
    control_plane: str


def machine(control_plane: str) -> Machine:
    """This one, now."""
    return Machine(
        cores=os.cpu_count() or 0,
        processor=_processor(),
        load=round(os.getloadavg()[0], 2),
        python=platform.python_version(),
        packages={name: version(name) for name in _PACKAGES},
        control_plane=control_plane,
    )


def _processor() -> str:
    try:
        with open("/proc/cpuinfo") as file:
            names = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.machine()


@dataclass(frozen=True)
class Aim:
    """Something that was to be reached."""

    text: str
    measured: str
    met: bool


def aims(one: Round) -> list[Aim]:
    """The aims that hold for this number of objects: those of 1,000 below 5,000, those of 5,000 from there on."""
    writes, changes = sum(one.operator.rest.writes.values()), one.operator.rest.sagemaker_mutating
    restart = one.operator.restart
    found = [
        Aim(
            "restart: no write, no mutating call",
            f"{restart.writes_total}, {restart.sagemaker_mutating}",
            not restart.writes_total and not restart.sagemaker_mutating,
        ),
        Aim("at rest: no write, no mutating call", f"{writes}, {changes}", not writes and not changes),
    ]
    memory = restart.usage.peak_memory
    if one.objects >= 5000:
        return [
            *found,
            Aim(f"whole operator: memory under {_MEMORY_LIMIT:.0f} MB", f"{memory:.0f} MB", memory < _MEMORY_LIMIT),
        ]
    time, share = one.loop.from_start / one.kopf.from_start, memory / one.kopf.usage.peak_memory
    return [
        *found,
        Aim("loop alone: half of plain kopf's time", f"{time:.2f}", time <= _TIME_AIM),
        Aim("whole operator: a third of plain kopf's memory", f"{share:.2f}", share <= _MEMORY_AIM),
    ]


_Column = tuple[str, int, Callable[[FirstPass], str]]
_COLUMNS: tuple[_Column, ...] = (
    ("", 19, lambda one: one.subject),
    ("first pass", 10, lambda one: f"{one.from_start:.1f} s"),
    ("from list", 9, lambda one: f"{one.from_watch:.1f} s"),
    ("peak memory", 11, lambda one: f"{one.usage.peak_memory:.0f} MB"),
    ("CPU", 7, lambda one: f"{one.usage.cpu:.1f} s"),
    ("of it imports", 13, lambda one: f"{one.cpu_start:.1f} s"),
    ("files", 5, lambda one: f"{one.usage.peak_descriptors}"),
    ("writes", 6, lambda one: f"{one.writes_total}"),
    ("reads", 5, lambda one: f"{sum(one.reads.values())}"),
    ("SageMaker", 9, lambda one: f"{sum(one.sagemaker.values())}" if one.passes is not None else "-"),
)


def lines(one: Round) -> list[str]:
    """What is printed about one number of objects."""
    subjects = (one.kopf, one.loop, one.operator.restart)
    cells = [[title for title, _, _ in _COLUMNS], *([show(subject) for _, _, show in _COLUMNS] for subject in subjects)]
    table = ["  ".join(f"{cell:>{width}}" for cell, (_, width, _) in zip(row, _COLUMNS, strict=True)) for row in cells]
    return [
        f"{one.objects:,} Deployments",
        *table,
        "",
        *_ratios(one),
        *_calls(one),
        *_rest(one),
        *(f"  aim {'met    ' if aim.met else 'NOT MET'}  {aim.text}: {aim.measured}" for aim in aims(one)),
    ]


def _ratios(one: Round) -> Iterable[str]:
    reference = one.kopf
    for subject in (one.loop, one.operator.restart):
        yield (
            f"  {subject.subject} / plain kopf: time {subject.from_start / reference.from_start:.2f} "
            f"(from the list {subject.from_watch / reference.from_watch:.2f}), "
            f"memory {subject.usage.peak_memory / reference.usage.peak_memory:.2f}, "
            f"CPU {subject.usage.cpu / reference.usage.cpu:.2f}"
        )


def _calls(one: Round) -> Iterable[str]:
    for subject in (one.kopf, one.loop, one.operator.restart):
        yield f"  {subject.subject}: writes {_counts(subject.writes)}; reads {_counts(subject.reads)}"
    restart, double = one.operator.restart, one.operator.double
    yield f"  {restart.subject}: {restart.passes} passes; calls to SageMaker {_counts(restart.sagemaker)}"
    yield (
        f"  the SageMaker double itself: {double.describe_endpoint:.0f} DescribeEndpoint/s, "
        f"{double.list_endpoints:.0f} ListEndpoints/s (pages of 100)"
    )


def _rest(one: Round) -> Iterable[str]:
    rest = one.operator.rest
    per_minute = ", ".join(f"{count:.1f} {name}" for name, count in sorted(rest.per_minute().items())) or "none"
    yield (
        f"  {rest.seconds:.0f} s at rest: writes {_counts(rest.writes)}; calls to SageMaker a minute: {per_minute}; "
        f"mutating {rest.sagemaker_mutating}; passes {rest.passes}; CPU {rest.cpu_share:.2%} of a core"
    )


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items())) or "none"


def as_json(found: Machine, rounds: Iterable[Round]) -> dict[str, Any]:
    """The same for programs."""
    return {
        "machine": asdict(found),
        "rounds": [asdict(one) | {"aims": [asdict(aim) for aim in aims(one)]} for one in rounds],
    }
