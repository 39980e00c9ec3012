"""Words by which a cause is recognised."""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from slipway.domain.cluster.diagnosis.last_words import Passage
from slipway.domain.cluster.diagnosis.reasons import Patience, Reason


class Sign(NamedTuple):
    """Words that stand for a cause."""

    words: re.Pattern[str]
    reason: Reason
    what: str
    """What is the case, without a subject."""
    advice: str
    patience: Patience = Patience.SOME


class Recognised(NamedTuple):
    """A sign that was found."""

    sign: Sign
    passage: str
    at: int
    """Where in the passage the words stand."""


def sign(words: str, reason: Reason, what: str, advice: str, patience: Patience = Patience.SOME) -> Sign:
    """A sign whose words are a regular expression over a passage in one line."""
    return Sign(re.compile(words), reason, what, advice, patience)


def first(signs: Iterable[Sign], words: str) -> Sign | None:
    """The first of the signs that is in a text."""
    return next((candidate for candidate in signs if candidate.words.search(words)), None)


def recognised(found: Sequence[Passage], signs: Iterable[Sign]) -> Recognised | None:
    """The first of the signs that is there; of several passages with it, the last."""
    texts = [passage.text for passage in reversed(found) if passage.counts]
    for candidate in signs:
        for text in texts:
            match = candidate.words.search(text)
            if match:
                return Recognised(candidate, text, match.start())
    return None
