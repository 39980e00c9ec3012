"""Other people's words, made fit for a condition: clean, without secrets, and no longer than anybody reads."""

import re
import unicodedata

from slipway.domain.secrets import without_secrets

MESSAGE_LIMIT = 900
"""Characters of a diagnosis. A condition shows 1000 (slipway.domain.conditions), and the planning puts words before."""
LONGEST_READ = 20_000
"""Characters that are looked at, from the end: what is longer was written by nobody who wants to be read."""

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-_])")
"""Colours and the like, of a terminal: https://www.ecma-international.org/publications-and-standards/standards/ecma-48/"""
_VOLATILE = (
    # What differs at every try would be a new status at every try.
    (re.compile(r" ?\(Request ID: [^)\s]*\)"), ""),
    (re.compile(r"\b0x[0-9a-f]{6,}\b"), "0x…"),
)
_INVISIBLE = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
"""Categories of Unicode that a terminal does not show as they are: controls, marks of direction, halves of pairs.
https://www.unicode.org/reports/tr44/#General_Category_Values"""


def clean(words: str) -> str:
    """Without colours, control characters and marks of direction. Lines stay lines; a progress bar becomes several."""
    words = _ESCAPES.sub("", words[-LONGEST_READ:]).replace("\r\n", "\n").replace("\r", "\n").replace("\t", "  ")
    kept = (c for c in words if c == "\n" or (c.isascii() and c.isprintable()) or not _is_invisible(c))
    return "".join(kept)


def quoted(words: str) -> str:
    """In one line, clean and without secrets. What differs at every try is left out."""
    words = without_secrets(clean(words))
    for pattern, replacement in _VOLATILE:
        words = pattern.sub(replacement, words)
    return " ".join(words.split())


def shortened(words: str, limit: int, around: int = 0) -> str:
    """At most `limit` characters; of longer ones those around a place, and if that is near enough, from the start."""
    if len(words) <= limit:
        return words
    if limit < 4 or around < limit * 2 // 3:
        return words[: limit - 1] + "…" if limit > 0 else ""
    start = around - limit // 4
    if start + limit > len(words):
        return "…" + words[len(words) - limit + 1 :]
    return f"…{words[start : start + limit - 2]}…"


def sentence(words: str) -> str:
    """Without the full stops that others put at the end, so that ours is the only one."""
    return words.rstrip(" .")


def _is_invisible(character: str) -> bool:
    return unicodedata.category(character) in _INVISIBLE
