"""What is printed about the operator at rest, and whether the limits hold that are promised for it."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from statistics import median
from typing import Any

from tests.bench.figures import CallRate, Noticed, Noticing
from tests.bench.report import Aim

_CHANGE = 30.0
"""Seconds within which a change is noticed."""
_DELETION = 300.0
"""Seconds within which an endpoint that somebody deleted is missed."""
_CALLS = 20
"""Calls to AWS in any minute for one account and region are fewer than that."""


def limits(found: Noticing) -> list[Aim]:
    """What must hold: of the worst case that was measured, not of the average."""
    busiest = max((rate.busiest_minute for rate in found.rates), default=0)
    return [
        _in_time("a change is noticed", found.changes, _CHANGE),
        _in_time("an endpoint that was deleted is missed", found.deletions, _DELETION),
        Aim(f"at rest: fewer than {_CALLS} calls to AWS in any 60 s", f"{busiest}", 0 < busiest < _CALLS),
        Aim(
            "at rest: no write, no mutating call",
            f"{sum(found.writes.values())}, {sum(rate.mutating for rate in found.rates)}",
            not found.writes and not any(rate.mutating for rate in found.rates),
        ),
        Aim(
            "a search for orphans was among it",
            f"{found.orphan_searches} ended, {found.orphan_calls} calls",
            bool(found.orphan_searches and found.orphan_calls),
        ),
    ]


def _in_time(what: str, found: Sequence[Noticed], limit: float) -> Aim:
    met = bool(found) and all(one.seconds is not None and one.seconds <= limit for one in found)
    return Aim(f"{what} within {limit:.0f} s", _spread(found), met)


def _spread(found: Sequence[Noticed]) -> str:
    times = [one.seconds for one in found if one.seconds is not None]
    missed = len(found) - len(times)
    said = f"median {median(times):.1f} s, longest {max(times):.1f} s of {len(times)}" if times else "none"
    return f"{said}; {missed} never" if missed else said


def lines(found: Noticing) -> list[str]:
    """What is printed."""
    return [
        f"{found.objects:,} Deployments at rest, default settings (seed {found.seed})",
        *_of_each("changed", found.changes),
        *_of_each("deleted", found.deletions),
        _at_rest(found),
        *(_calls(rate) for rate in found.rates),
        *(f"  {'holds        ' if one.met else 'DOES NOT HOLD'}  {one.text}: {one.measured}" for one in limits(found)),
    ]


def _at_rest(found: Noticing) -> str:
    memory = f"{found.usage.memory:.0f} MB (peak {found.usage.peak_memory:.0f})"
    return (
        f"  left alone for {found.seconds:.0f} s: {found.passes} passes, {found.secret_reads} Secrets read, "
        f"CPU {found.cpu_share:.2%} of a core, memory {memory}"
    )


def _of_each(word: str, found: Sequence[Noticed]) -> Iterable[str]:
    for one in found:
        seconds = "never" if one.seconds is None else f"{one.seconds:6.1f} s"
        reasons = ", ".join(f"{kind}={reason}" for kind, reason in sorted(one.reasons.items()))
        yield f"  {word} {one.deployment} ({one.what}): noticed after {seconds}  {reasons}"


def _calls(rate: CallRate) -> str:
    each = ", ".join(f"{count:.2f} {operation}" for operation, count in rate.per_minute.items())
    return (
        f"  calls to {rate.region} of account {rate.account}: {sum(rate.per_minute.values()):.1f} a minute ({each}), "
        f"{rate.busiest_minute} in the busiest 60 s"
    )


def as_json(found: Noticing) -> dict[str, Any]:
    """The same for programs."""
    return asdict(found) | {"limits": [asdict(one) for one in limits(found)]}
