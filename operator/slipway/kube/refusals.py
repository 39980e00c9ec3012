"""The API server's refusals as our errors."""

import json

from kubernetes.aio.client.exceptions import ApiException

from slipway.domain.errors import Conflict, NotFound, OutsideError, RateLimited, Rejected, Transient

_MALFORMED = "failed to create typed patch object"
"""A field that does not exist, or a key that is left out, in what is applied: the API server calls that its own error
(https://github.com/kubernetes/kubernetes/blob/v1.34.0/staging/src/k8s.io/apimachinery/pkg/util/managedfields/internal/structuredmerge.go)."""

_UNSAID = " is forbidden:"
"""How the API server puts it where an apply may change objects and not create them, with the authorizer's reason after
it, which RBAC does not give: `withAuthorization` in
https://github.com/kubernetes/kubernetes/blob/v1.34.0/staging/src/k8s.io/apiserver/pkg/endpoints/handlers/update.go"""
_CREATE = "there is none yet, and an apply takes the right to create it then"
_ADVICE = (
    "the operator's ServiceAccount lacks this right: give it the Role or ClusterRole of this version (docs/rbac.md)"
)


def translated(refused: ApiException) -> OutsideError:
    """The API server's refusal as one of our errors."""
    status = refused.status or 0
    words = _message(refused)
    if status == 404:
        return NotFound("NotFound", words)
    if status == 409:
        return Conflict("Conflict", words)
    if status == 429:
        after = (refused.headers or {}).get("Retry-After", "1")
        return RateLimited("ApiServerBusy", words, float(after) if after.isdigit() else 1.0)
    if _MALFORMED in words:
        return Rejected("ApiServerRefused", words)
    if status in (408, 410, 423) or status >= 500 or status == 0:
        # 410: a list took so long that its next page is gone. It begins anew.
        return Transient("ApiServerError", words)
    if status == 403 and words.rstrip().endswith(_UNSAID):
        return Rejected("ApiServerRefused", f"{words.rstrip()} {_CREATE} ({_ADVICE})")
    return Rejected("ApiServerRefused", f"{words} ({_ADVICE})" if _is_missing_right(status, words) else words)


def _is_missing_right(status: int, words: str) -> bool:
    """As every authorizer's no is put, which neither a webhook's nor a quota's is:
    https://github.com/kubernetes/kubernetes/blob/v1.34.0/staging/src/k8s.io/apiserver/pkg/endpoints/handlers/responsewriters/errors.go
    """
    return status == 403 and 'User "' in words and " cannot " in words


def _message(refused: ApiException) -> str:
    try:
        return str(json.loads(refused.body or "")["message"])
    except (TypeError, ValueError, KeyError):
        return f"HTTP {refused.status} {refused.reason}"
