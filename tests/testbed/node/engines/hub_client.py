"""Asking the Hub as the engines do, with huggingface_hub's words when it refuses.

The words: https://github.com/huggingface/huggingface_hub/blob/main/src/huggingface_hub/utils/_http.py
"""

from __future__ import annotations

import json
import os
import ssl
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any
from urllib.parse import urljoin, urlsplit

_REDIRECTS = (301, 302, 307, 308)
_MOST_REDIRECTS = 4
_TIMEOUT = 10
"""Seconds: HF_HUB_ETAG_TIMEOUT and HF_HUB_DOWNLOAD_TIMEOUT have this default."""


class HubError(Exception):
    """What a traceback of huggingface_hub ends with."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind

    def __str__(self) -> str:
        return f"huggingface_hub.errors.{self.kind}: {self.args[0]}"


def token(environment: Mapping[str, str] = os.environ) -> str | None:
    """What the engine sends; both names are read: HF_TOKEN comes first."""
    return environment.get("HF_TOKEN") or environment.get("HUGGING_FACE_HUB_TOKEN") or None


class HubClient:
    """A few requests, each on a connection of its own."""

    def __init__(self, endpoint: str, secret: str | None) -> None:
        self._endpoint = endpoint.rstrip("/")
        self._token = secret

    def record(self, repo: str, revision: str) -> dict[str, Any]:
        """The model's record at a revision, with the sizes of its files. Raises HubError."""
        path = f"/api/models/{repo}/revision/{revision.replace('/', '%2F')}?blobs=true"
        record: dict[str, Any] = json.loads(self._get(path, {})[0])
        return record

    def file(self, repo: str, commit: str, name: str, most: int) -> tuple[bytes, str]:
        """The first bytes of a file, `most` of them, and its ETag. Raises HubError."""
        data, headers = self._get(f"/{repo}/resolve/{commit}/{name}", {"Range": f"bytes=0-{most - 1}"})
        return data, (headers.get("X-Linked-Etag") or headers.get("ETag") or name).strip('W/"')

    def _get(self, path: str, headers: dict[str, str]) -> tuple[bytes, dict[str, str]]:
        url, linked = self._endpoint + path, dict[str, str]()
        for _ in range(_MOST_REDIRECTS):
            status, found, data = self._ask(url, headers)
            linked |= {name: value for name, value in found.items() if name == "X-Linked-Etag"}
            if status not in _REDIRECTS:
                if status >= 400:
                    raise _refused(status, found, url)
                return data, found | linked
            url = urljoin(url, found["Location"])
        raise HubError("HfHubHTTPError", f"Exceeded {_MOST_REDIRECTS} redirects.")

    def _ask(self, url: str, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        parts = urlsplit(url)
        connection = _connect(parts.scheme, parts.netloc)
        # The token is for the Hub alone: the CDN refuses a signed request that carries one.
        if self._token and url.startswith(self._endpoint + "/"):
            headers = headers | {"Authorization": f"Bearer {self._token}"}
        try:
            target = parts.path + (f"?{parts.query}" if parts.query else "")
            connection.request("GET", target, headers=headers | {"User-Agent": "slipway-testbed-look-alike"})
            answer: HTTPResponse = connection.getresponse()
            named = {name.title(): value for name, value in answer.getheaders()}
            return answer.status, named | {"ETag": named.get("Etag", "")}, answer.read()
        except (OSError, HTTPException) as problem:
            # requests' and urllib3's words, as far as a diagnosis may lean on them
            host, port = parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)
            raise HubError(
                "LocalEntryNotFoundError",
                "An error happened while trying to locate the file on the Hub and we cannot find the requested files "
                "in the local cache. Please check your connection and try again or make sure your Internet connection "
                f"is on. (HTTPSConnectionPool(host='{host}', port={port}): Max retries exceeded: {problem})",
            ) from problem
        finally:
            connection.close()


def _connect(scheme: str, netloc: str) -> HTTPConnection:
    if scheme == "https":
        return HTTPSConnection(netloc, timeout=_TIMEOUT, context=ssl.create_default_context())
    return HTTPConnection(netloc, timeout=_TIMEOUT)


def _refused(status: int, headers: Mapping[str, str], url: str) -> HubError:
    code, said = headers.get("X-Error-Code", ""), headers.get("X-Error-Message", "")
    request = f" (Request ID: {headers.get('X-Request-Id', '')})"
    failed = f"{status} Client Error.{request}"
    if code == "RevisionNotFound":
        return HubError("RevisionNotFoundError", f"{failed}\n\nRevision Not Found for url: {url}.\n{said}")
    if code == "GatedRepo":
        return HubError("GatedRepoError", f"{failed}\n\nCannot access gated repo for url {url}.\n{said}")
    if code == "RepoNotFound" or (status == 401 and said != "Invalid credentials in Authorization header"):
        return HubError(
            "RepositoryNotFoundError",
            f"{failed}\n\nRepository Not Found for url: {url}.\n"
            "Please make sure you specified the correct `repo_id` and `repo_type`.\n"
            "If you are trying to access a private or gated repo, make sure you are authenticated. For more details, "
            f"see https://huggingface.co/docs/huggingface_hub/authentication\n{said}",
        )
    if status == 403:
        return HubError(
            "HfHubHTTPError",
            f"{request}\n\n403 Forbidden: {said}.\nCannot access content at: {url}.\n"
            "Make sure your token has the correct permissions.",
        )
    kind = "Client" if status < 500 else "Server"
    return HubError("HfHubHTTPError", f"{status} {kind} Error: {said or 'None'} for url: {url}{request}\n\n{said}")
