"""The patience and the threads for one service in an account and region: AWS's limits are for each of these."""

import time
from concurrent.futures import ThreadPoolExecutor

from aiolimiter import AsyncLimiter

from slipway.domain.errors import RateLimited


class Lane:
    """Requests to one account in one region: paced, so many at the same time, and held while AWS throttles."""

    def __init__(self, place: str, concurrency: int, requests_per_second: float) -> None:
        """`place` names account and region in messages."""
        at_once = max(requests_per_second, 1.0)
        self.limiter = AsyncLimiter(at_once, at_once / requests_per_second)
        self.threads = ThreadPoolExecutor(concurrency, thread_name_prefix=f"aws-{place}")
        self.under_way = 0
        """Requests that wait or are on their way."""
        self.used = time.monotonic()
        """When the last one began or ended."""
        self._held_until = 0.0
        self._place = place

    def hold(self, seconds: float) -> None:
        """Nobody may send before so many seconds have passed: throttling slows the whole port."""
        self._held_until = max(self._held_until, time.monotonic() + seconds)

    def check(self) -> None:
        """Raise RateLimited while the lane is held."""
        left = self._held_until - time.monotonic()
        if left > 0:
            raise RateLimited("AwsThrottled", f"AWS asked for patience in {self._place}", left)

    def __enter__(self) -> None:
        self.under_way += 1
        self.used = time.monotonic()

    def __exit__(self, *_: object) -> None:
        self.under_way -= 1
        self.used = time.monotonic()

    def idle(self) -> float:
        """Seconds since the last request; 0 while there is one."""
        return 0.0 if self.under_way else time.monotonic() - self.used

    def close(self) -> None:
        """End the threads; requests that are on their way end by their own time-out."""
        self.threads.shutdown(wait=False, cancel_futures=True)
