"""Choice by weight, without chance: after each whole round, everything has been chosen exactly as often as it weighs.

This is nginx's smooth weighted round robin (ngx_http_upstream_get_peer:
https://github.com/nginx/nginx/blob/release-1.26.0/src/http/ngx_http_upstream_round_robin.c#L518): each choice adds to
every score its weight, takes the highest, and takes the sum of all weights from that one.
"""

from __future__ import annotations

from collections.abc import Sequence


class WeightedRounds:
    """What is chosen among, by position. Nothing that weighs 0 is ever chosen."""

    def __init__(self, weights: Sequence[int]) -> None:
        self._weights = weights
        self._scores = [0] * len(weights)

    def choose(self) -> int | None:
        """The next position; None where nothing weighs anything."""
        total = sum(self._weights)
        if not total:
            return None
        self._scores = [score + weight for score, weight in zip(self._scores, self._weights, strict=True)]
        weighty = [position for position, weight in enumerate(self._weights) if weight]
        chosen = max(weighty, key=lambda position: self._scores[position])  # the first among equals
        self._scores[chosen] -= total
        return chosen
