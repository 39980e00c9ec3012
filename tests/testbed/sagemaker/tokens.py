"""Bearer tokens of the OpenAI path: nothing else says there whose endpoint is meant, and in which region.

[D] https://docs.aws.amazon.com/sagemaker/latest/dg/realtime-endpoints-openai-compatible.html: made from the caller's
credentials, valid for at most 12 hours, need sagemaker:CallWithBearerToken and sagemaker:InvokeEndpoint. [S] what is in
one: sagemaker.core.token_generator of the SDK. Codes and texts of the refusals are [M].
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlencode

from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.testbed.sagemaker.identities import Principal
from tests.testbed.sagemaker.refusals import Refusal

LONGEST = 12 * 3600.0
_PREFIX = "sagemaker-api-key-"
_HOST = "sagemaker.amazonaws.com"
_CREDENTIAL = re.compile(r"([^/]+)/(\d{8})/([a-z0-9-]+)/sagemaker/aws4_request")
_FIXED = {
    "Action": "CallWithBearerToken",
    "Version": "1",
    "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
    "X-Amz-SignedHeaders": "host",
}


@dataclass(frozen=True)
class Bearer:
    account: str
    region: str
    identity: str
    """The ARN of who made it."""
    expires: float
    access_key: str = ""
    """Whose signature it is; empty for one that `Tokens.issue` made."""


class Tokens:
    def __init__(
        self,
        clock: Callable[[], float],
        principal: Callable[[str], Principal],
        secret: Callable[[str], str | None],
    ) -> None:
        """`principal`: whose an access key is; `secret`: its secret key, where that is known here."""
        self._clock = clock
        self._principal = principal
        self._secret = secret
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
            found = self._known.get(token)
        return found or self._signed(token)

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

    def _signed(self, token: str) -> Bearer | None:
        """What a client made of its own credentials: a request for CallWithBearerToken, signed and never sent."""
        query = _query(token)
        credential = _CREDENTIAL.fullmatch(query.get("X-Amz-Credential", ""))
        if credential is None or not query.items() >= _FIXED.items():
            return None
        key, day, region = credential.groups()
        try:
            made = datetime.strptime(query["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
            seconds = int(query["X-Amz-Expires"])
        except (KeyError, ValueError):
            return None
        if f"{made:%Y%m%d}" != day or not 0 < seconds <= LONGEST:
            return None
        secret = self._secret(key)
        if secret is not None and not hmac.compare_digest(_signature(query, secret, region), query["X-Amz-Signature"]):
            return None
        principal = self._principal(key)
        return Bearer(principal.account, region, principal.arn, made.timestamp() + seconds, key)


def _query(token: str) -> Mapping[str, str]:
    """The parameters of the request in a token; none where it is something else, or not signed."""
    try:
        url = base64.b64decode(token.removeprefix(_PREFIX), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return {}
    host, _, query = url.partition("/?")
    found = dict(parse_qsl(query))
    return found if token.startswith(_PREFIX) and host == _HOST and "X-Amz-Signature" in found else {}


def _signature(query: Mapping[str, str], secret: str, region: str) -> str:
    """What the signature has to be."""
    signed = {name: value for name, value in query.items() if name not in {"X-Amz-Signature", "Version"}}
    url = f"https://{_HOST}/?{urlencode(signed)}"
    request = AWSRequest(method="POST", url=url, headers={"host": _HOST})
    request.context["timestamp"] = query["X-Amz-Date"]
    access_key = query["X-Amz-Credential"].partition("/")[0]
    auth = SigV4QueryAuth(Credentials(access_key, secret), "sagemaker", region)
    text = auth.string_to_sign(request, auth.canonical_request(request))
    return str(auth.signature(text, request))
