"""Bearer tokens of the OpenAI path: nothing else says there whose endpoint is meant, and in which region.

[D] https://docs.aws.amazon.com/sagemaker/latest/dg/realtime-endpoints-openai-compatible.html: made from the caller's
credentials, valid for at most 12 hours, need sagemaker:CallWithBearerToken and sagemaker:InvokeEndpoint. Codes and
texts of the refusals are [M].
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass

from tests.testbed.sagemaker.refusals import Refusal

LONGEST = 12 * 3600.0


@dataclass(frozen=True)
class Bearer:
    account: str
    region: str
    identity: str
    """The ARN of who made it."""
    expires: float


class Tokens:
    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[str, Bearer] = {}

    def issue(self, account: str, region: str, identity: str, seconds: float) -> str:
        if not 0 < seconds <= LONGEST:
            raise ValueError(f"a token lives for up to {LONGEST:.0f} seconds, not {seconds}")
        token = f"sagemaker-local-{secrets.token_urlsafe(24)}"
        with self._lock:
            self._known[token] = Bearer(account, region, identity, self._clock() + seconds)
        return token

    def find(self, token: str) -> Bearer | None:
        with self._lock:
            return self._known.get(token)

    def check(self, token: str) -> Bearer:
        """Raises 401 without a token, 403 for one that is unknown or too old."""
        if not token:
            raise Refusal("MissingAuthenticationTokenException", "Missing Authentication Token", 401)
        found = self.find(token)
        if found is None:
            raise Refusal("UnrecognizedClientException", "The bearer token included in the request is invalid.", 403)
        if found.expires <= self._clock():
            raise Refusal("ExpiredTokenException", "The bearer token included in the request is expired.", 403)
        return found
