"""From a verdict to conditions, in the way that `kubectl wait`, Argo CD, Flux and kstatus read them.

`Ready` is always there. `Reconciling` and `Stalled` exist only while they are true, so that no condition is False
in the normal state (https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from slipway.api.v1alpha1.common import Condition

MESSAGE_LIMIT = 1000
"""Characters of a condition's message. The API allows more; nobody reads more."""


@dataclass(frozen=True)
class Finding:
    """A word for programs and a sentence for people."""

    reason: str
    message: str


@dataclass(frozen=True)
class Health:
    """What a pass concluded about an object."""

    ready: bool
    finding: Finding
    """Why it is ready, or why not."""
    reconciling: Finding | None = None
    """Work is under way, or will be tried again by itself."""
    stalled: Finding | None = None
    """No progress until something changes."""
    warnings: tuple[tuple[str, Finding], ...] = ()
    """Further conditions that exist only while true, by type."""


def timestamp(moment: datetime) -> str:
    """RFC 3339 in UTC, whole seconds, as the API server writes it. `moment` is aware."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def conditions(health: Health, before: Iterable[Condition], *, generation: int, now: datetime) -> list[Condition]:
    """The conditions of a status. `lastTransitionTime` moves only when a condition's status does."""
    earlier = {condition.type: condition for condition in before}

    def condition(kind: str, *, status: bool, finding: Finding) -> Condition:
        word = "True" if status else "False"
        last = earlier.get(kind)
        unchanged = last is not None and last.status == word
        return Condition(
            type=kind,
            status=word,
            reason=finding.reason,
            message=_shortened(finding.message),
            last_transition_time=last.last_transition_time if last and unchanged else timestamp(now),
            observed_generation=generation,
        )

    result = [condition("Ready", status=health.ready, finding=health.finding)]
    if health.reconciling:
        result.append(condition("Reconciling", status=True, finding=health.reconciling))
    if health.stalled:
        result.append(condition("Stalled", status=True, finding=health.stalled))
    result += [condition(kind, status=True, finding=finding) for kind, finding in health.warnings]
    return result


def kept(before: Iterable[Condition], kind: str) -> Finding | None:
    """What a condition that exists only while it is true has said so far: for a pass that could not look.

    None: it was not there.
    """
    return next((Finding(c.reason, c.message) for c in before if c.type == kind and c.status == "True"), None)


def _shortened(message: str) -> str:
    return message if len(message) <= MESSAGE_LIMIT else message[: MESSAGE_LIMIT - 1] + "…"


@dataclass(frozen=True)
class Transition:
    """A condition that appeared, or changed its status or reason."""

    kind: str
    status: str
    reason: str
    message: str

    @property
    def is_warning(self) -> bool:
        """Stalled, or a condition that is a warning in itself."""
        return self.status == "True" and self.kind not in ("Ready", "Reconciling")


def transitions(before: Iterable[Condition], after: Iterable[Condition]) -> list[Transition]:
    """What changed between two lists of conditions, apart from messages and times."""
    earlier = {condition.type: (condition.status, condition.reason) for condition in before}
    return [
        Transition(condition.type, condition.status, condition.reason, condition.message)
        for condition in after
        if earlier.get(condition.type) != (condition.status, condition.reason)
    ]


def announcements(changes: Iterable[Transition]) -> list[Transition]:
    """Those worth an event: of several conditions that say the same, the most serious one."""
    found: dict[tuple[str, str], Transition] = {}
    for change in changes:
        said = found.setdefault((change.reason, change.message), change)
        if change.is_warning and not said.is_warning:
            found[change.reason, change.message] = change
    return list(found.values())
