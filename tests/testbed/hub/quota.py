"""The Hub's rate limits (https://huggingface.co/docs/hub/rate-limits): fixed windows, by caller, bucket."""

import math
import time
from collections import Counter

WINDOW = 300
"""Seconds."""
ANONYMOUS = {"api": 500, "resolvers": 3000}
FREE_USER = {"api": 1000, "resolvers": 5000}


class Quota:
    """Counts requests. Not thread-safe: the Hub's lock guards it."""

    def __init__(self) -> None:
        self.anonymous = dict(ANONYMOUS)
        self.user = dict(FREE_USER)
        self._window = -1
        self._used: Counter[tuple[str, str]] = Counter()

    def spend(self, bucket: str, caller: str | None) -> tuple[bool, dict[str, str]]:
        """Counts a request: whether it is within the quota, and the headers that every response has."""
        now = time.monotonic()
        if int(now // WINDOW) != self._window:
            self._window = int(now // WINDOW)
            self._used.clear()
        quota = (self.user if caller else self.anonymous)[bucket]
        key = (bucket, caller or "")
        self._used[key] += 1
        remaining = max(0, quota - self._used[key])
        reset = math.ceil((self._window + 1) * WINDOW - now)
        return self._used[key] <= quota, headers(bucket, remaining=remaining, reset=reset, quota=quota)


def headers(bucket: str, *, remaining: int, reset: int, quota: int) -> dict[str, str]:
    """As in draft-ietf-httpapi-ratelimit-headers-09, in the Hub's own spelling."""
    return {
        "RateLimit": f'"{bucket}";r={remaining};t={reset}',
        "RateLimit-Policy": f'"fixed window";"{bucket}";q={quota};w={WINDOW}',
    }
