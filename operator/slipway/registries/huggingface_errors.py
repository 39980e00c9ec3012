"""What the Hub's refusals mean to Slipway.

The codes in `X-Error-Code` and the words in `X-Error-Message` are those that `huggingface_hub` itself goes by
(`hf_raise_for_status` in
https://github.com/huggingface/huggingface_hub/blob/main/src/huggingface_hub/utils/_http.py). Its exceptions
are not used here: they carry the request and its headers, they recognise a 401 without a code only over
https, and the function logs whatever a server puts into `X-HF-Warning`.
"""

import json
import re
import ssl
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import httpx2
from huggingface_hub.utils import parse_ratelimit_headers  # type: ignore[attr-defined]  # lazily exported

from slipway.domain.errors import NotFound, OutsideError, RateLimited, Rejected, Transient
from slipway.domain.models import RegistryToken
from slipway.registries.huggingface_question import Question

DISABLED = "Access to this resource is disabled."
DEFAULT_RETRY_AFTER = 30.0
"""Seconds to wait after a 429 that does not say how long."""
WORDS = 300
"""Characters of a server's own words that a message keeps."""


def refusal(question: Question, status: int, headers: Mapping[str, str], body: bytes) -> OutsideError:
    """The error of Slipway for a response with a status of 400 or more."""
    words = _words(headers, body, question.token)
    said = f' The Hub said: "{words}" (HTTP {status}).' if words else f" The Hub answered {_status_line(status)}."
    code = headers.get("X-Error-Code", "")
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return redacted(
            RateLimited(
                "HubRateLimited",
                f"{question.endpoint} limits the number of requests; asking again later.{said}"
                f" Anonymous requests share a small quota per address: a token has a larger one of its own.",
                retry_after=retry_after(headers),
            ),
            question.token,
        )
    if words == DISABLED:
        code = "Disabled"
    elif _is_bad_token(question, status, code, words):
        code = "TokenInvalid"
    elif status == HTTPStatus.UNAUTHORIZED and not code:
        code = "RepoNotFound"  # what the Hub says to strangers about a private or missing repository
    make = _BY_CODE.get(code) or _by_status(status)
    return redacted(make(question, said), question.token)


def unreachable(question: Question, error: Exception) -> OutsideError:
    """The error of Slipway for a request that got no response; `error` is httpx2's, asyncio's or the
    system's.
    """
    return redacted(_unreachable(question, error), question.token)


def invalid(question: Question, what: str, *, in_commit: bool = False) -> OutsideError:
    """An answer that makes no sense.

    `in_commit`: a file of an immutable commit, which will be the same the next time. Anything else may be a
    proxy's or a maintenance page in between, and passes.
    """
    kind: type[OutsideError] = Rejected if in_commit else Transient
    advice = (
        "Correct the file in the repository, which makes a new commit."
        if in_commit
        else "Check that the endpoint is a Hugging Face Hub, and that no proxy answers in its place."
    )
    message = f"{question.endpoint} gave an unusable answer about {question.repo}: {what}. {advice}"
    return redacted(kind("HubResponseInvalid", message), question.token)


def redacted(error: OutsideError, token: RegistryToken | None) -> OutsideError:
    """The same error without the token, which a server may have echoed."""
    message = _without(token, error.message)
    return error if message == error.message else replace(error, message=message)


def _without(token: RegistryToken | None, text: str) -> str:
    secret = token.value.strip() if token else ""
    return text.replace(secret, "…") if secret else text


def retry_after(headers: Mapping[str, str]) -> float:
    """Seconds to wait after a 429, from `RateLimit` (https://huggingface.co/docs/hub/rate-limits) or
    `Retry-After`.

    `RateLimit` is on every response: it is the reason for the 429 only if nothing remains.
    """
    limit = parse_ratelimit_headers(headers)
    if limit is not None and limit.remaining == 0:
        return limit.reset_in_seconds + 1.0  # both are whole seconds, rounded down
    value = headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return DEFAULT_RETRY_AFTER
    return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def _words(headers: Mapping[str, str], body: bytes, token: RegistryToken | None) -> str:
    """The server's own words. The token goes before they are cut, or a part of it would stay."""
    words: object = headers.get("X-Error-Message", "")
    if not words:
        try:
            data = json.loads(body)
        except (ValueError, RecursionError):
            data = None
        words = data.get("error", "") if isinstance(data, dict) else ""
    if isinstance(words, list):
        words = "; ".join(str(word) for word in words)
    return re.sub(r"[\s\x00-\x1f\x7f]+", " ", _without(token, str(words))).strip()[:WORDS]


def _status_line(status: int) -> str:
    try:
        return f"HTTP {status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"HTTP {status}"


def _is_bad_token(question: Question, status: int, code: str, words: str) -> bool:
    if status != HTTPStatus.UNAUTHORIZED or question.token is None or code == "GatedRepo":
        return False
    return code != "RepoNotFound" or "credentials" in words.lower() or "token" in words.lower()


def _repository_not_found(question: Question, said: str) -> OutsideError:
    advice = (
        "if it is private, give a token of a user (and with a scope) that may read it in tokenSecretRef"
        if question.token
        else "if it is private, set tokenSecretRef"
    )
    return NotFound(
        "RepositoryNotFound",
        f"There is no repository {question.repo} at {question.endpoint}, or it is private and looks the same:"
        f" check the spelling; {advice}.{said}",
    )


def _revision_not_found(question: Question, said: str) -> OutsideError:
    return NotFound(
        "RevisionNotFound",
        f"{question.repo} has no branch, tag or commit {question.revision!r}. Commits need all 40 digits;"
        f" see {question.page}/commits.{said}",
    )


def _file_not_found(question: Question, said: str) -> OutsideError:
    return NotFound("FileNotFound", f"A file is missing in {question.repo} at {question.revision!r}.{said}")


def _gated(question: Question, said: str) -> OutsideError:
    advice = (
        f"Ask for access at {question.page} with the user whose token it is (access is given to users)."
        if question.token
        else f"Ask for access at {question.page} and set tokenSecretRef to a token of the user who got it."
    )
    return Rejected("GatedRepository", f"The files of {question.repo} are gated. {advice}{said}")


def _disabled(question: Question, said: str) -> OutsideError:
    return Rejected(
        "RepositoryDisabled",
        f"{question.repo} was disabled at {question.endpoint}: choose another model.{said}",
    )


def _token_invalid(question: Question, said: str) -> OutsideError:
    return Rejected(
        "TokenInvalid",
        f"{question.endpoint} does not accept the token (expired, revoked, of another Hub): put a valid one"
        f" into the Secret that tokenSecretRef names.{said}",
    )


def _forbidden(question: Question, said: str) -> OutsideError:
    return Rejected(
        "Forbidden",
        f"The token may not read {question.repo}. A fine-grained token needs read access to this repository,"
        f" and for gated ones 'Read access to contents of all public gated repos you can access'.{said}",
    )


def _unavailable(question: Question, said: str) -> OutsideError:
    return Transient("HubUnavailable", f"{question.endpoint} cannot answer at the moment; trying again.{said}")


def _rejected(question: Question, said: str) -> OutsideError:
    return Rejected(
        "HubRejected",
        f"{question.endpoint} refuses the request about {question.repo} at {question.revision!r}.{said}",
    )


_Maker = Callable[[Question, str], OutsideError]

_BY_CODE: dict[str, _Maker] = {
    "Disabled": _disabled,
    "EntryNotFound": _file_not_found,
    "GatedRepo": _gated,
    "RepoNotFound": _repository_not_found,
    "RevisionNotFound": _revision_not_found,
    "TokenInvalid": _token_invalid,
}
_BY_STATUS: dict[int, _Maker] = {
    403: _forbidden,
    404: _repository_not_found,
    408: _unavailable,
    409: _unavailable,
    423: _unavailable,
    425: _unavailable,
}


def _by_status(status: int) -> _Maker:
    return _unavailable if status >= HTTPStatus.INTERNAL_SERVER_ERROR else _BY_STATUS.get(status, _rejected)


def _unreachable(question: Question, error: Exception) -> OutsideError:
    endpoint, words = question.endpoint, f"{type(error).__name__}: {error}"[:WORDS]
    certificate = _certificate_error(error)
    if certificate is not None:
        return Rejected(
            "HubCertificateInvalid",
            f"The TLS certificate of {endpoint} cannot be trusted: {certificate}."
            f" If a private authority signed it, add that to the installation's CA bundle.",
        )
    if isinstance(error, TimeoutError | httpx2.TimeoutException):
        return Transient("HubTimeout", f"{endpoint} did not answer in time; trying again. ({type(error).__name__})")
    if isinstance(error, httpx2.InvalidURL | httpx2.UnsupportedProtocol):
        return Rejected("EndpointInvalid", f"{endpoint} cannot be used as the address of a Hub: {words}.")
    if isinstance(error, httpx2.TooManyRedirects | httpx2.DecodingError):
        return invalid(question, words)
    return Transient(
        "HubUnreachable",
        f"No connection to {endpoint}; trying again. Check its name, the proxy (HTTPS_PROXY, NO_PROXY)"
        f" and the network policies. ({words})",
    )


def _certificate_error(error: BaseException | None) -> str | None:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return error.verify_message or str(error)
        error = error.__cause__ or error.__context__
    return None
