"""A cause as a message: what is the case, somebody's own words, what to do."""

from slipway.domain.cluster.diagnosis.reasons import Cause
from slipway.domain.cluster.diagnosis.words import MESSAGE_LIMIT, quoted, sentence, shortened

_LONGEST_HEAD = 420
"""Characters of what is the case: with the longest names of a pod and an image."""


def message(subject: str, cause: Cause) -> str:
    """At most MESSAGE_LIMIT characters, without a full stop at the end. The words give way, never the advice.

    Nothing in it changes from one look to the next while the same is the case: no ages, no counts of restarts.
    """
    head = shortened(sentence(f"{subject} {cause.what}"), _LONGEST_HEAD)
    advice = f". {cause.advice}" if cause.advice else ""
    if not cause.words:
        return head + advice
    introduction = f". {cause.speaker[:1].upper()}{cause.speaker[1:]}: “"
    room = MESSAGE_LIMIT - len(head) - len(introduction) - len(advice) - 1
    return f"{head}{introduction}{sentence(shortened(cause.words, room))}”{advice}"


def name(given: str) -> str:
    """A name as it may be repeated."""
    return shortened(quoted(given), 120)
