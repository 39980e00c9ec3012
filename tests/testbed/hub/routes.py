"""The Hub's routes, as functions from a call to a reply. The lock of `LocalHub` is held around them."""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import parse_qs, quote, unquote, urlencode

from tests.testbed.hub import records
from tests.testbed.hub.accounts import Refusal, Token, may_read_files, may_see
from tests.testbed.hub.content import Content, content
from tests.testbed.hub.repository import Commit, Repository

SUBPATHS = {"revision", "refs", "commits", "tree", "paths-info", "auth-check"}
COMMITS_PER_PAGE, TREE_PER_PAGE, EXPANDED_TREE_PER_PAGE = 50, 1000, 50


@dataclass(frozen=True)
class Call:
    """A request as it came in. `path` is still quoted."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes = b""

    def flag(self, name: str) -> bool:
        return self.query.get(name, [""])[0].lower() in ("true", "1")

    def integer(self, name: str, default: int, most: int) -> int:
        value = self.query.get(name, [""])[0]
        return max(1, min(int(value), most)) if value.isdigit() else default


@dataclass(frozen=True)
class Reply:
    """A response; `content` is served with ranges."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    content: Content = field(default_factory=lambda: Content(b"", 0))


class Shelf(Protocol):
    """What the routes need of the Hub."""

    url: str
    cdn_url: str

    def repository(self, name: str) -> Repository | None: ...
    def moved_to(self, name: str) -> str | None: ...
    def signed(self, sha256: str) -> str: ...


def bucket(path: str) -> str | None:
    """Which rate limit a path counts against; None: a cache or a page."""
    if path.startswith("/api/resolve-cache/"):
        return None
    if path.startswith("/api/"):
        return "api"
    return "resolvers" if "/resolve/" in path else None


def answer(hub: Shelf, call: Call, token: Token | None) -> Reply:
    """The reply to a call. Raises `Refusal`."""
    pieces = [unquote(piece) for piece in call.path.strip("/").split("/")]
    if pieces == ["api", "whoami-v2"]:
        return _whoami(token)
    if pieces[:3] == ["api", "resolve-cache", "models"]:
        return _cached_file(hub, call, pieces[3:], token)
    if pieces[:2] == ["api", "models"]:
        return _api(hub, call, pieces[2:], token)
    if "resolve" in pieces[1:3]:
        at = pieces.index("resolve", 1)
        return _resolve(hub, call, "/".join(pieces[:at]), pieces[at + 1 :], token)
    raise Refusal(404, "", "Sorry, we can't find the page you are looking for.")


def reply_json(data: Any, headers: Mapping[str, str] | None = None, status: int = 200) -> Reply:
    encoded = json.dumps(data).encode()
    return Reply(status, {"Content-Type": "application/json; charset=utf-8", **(headers or {})}, content(encoded))


def reply_refusal(refusal: Refusal, *, api: bool) -> Reply:
    """An error as the Hub words it: twice, in a header and in the body."""
    headers = {"X-Error-Message": refusal.message}
    if refusal.code:
        headers["X-Error-Code"] = refusal.code
    if refusal.commit:
        headers["X-Repo-Commit"] = refusal.commit
    if api:
        return reply_json({"error": refusal.message}, headers, refusal.status)
    headers["Content-Type"] = "text/plain; charset=utf-8"
    return Reply(refusal.status, headers, content(refusal.message.encode()))


def _whoami(token: Token | None) -> Reply:
    if token is None:
        raise Refusal(401, "", "Invalid username or password.")
    name = token.user.name
    auth = {"type": "access_token", "accessToken": {"displayName": "slipway", "role": "read"}}
    return reply_json({"type": "user", "id": name, "name": name, "fullname": name, "orgs": [], "auth": auth})


def _api(hub: Shelf, call: Call, pieces: list[str], token: Token | None) -> Reply:
    length = 1 if len(pieces) == 1 or pieces[1] in SUBPATHS else 2
    name, rest = "/".join(pieces[:length]), pieces[length:]
    target = hub.moved_to(name)
    if target:
        return _moved(call, f"/api/models/{target}" + "".join(f"/{quote(piece, safe='')}" for piece in rest))
    repository = may_see(hub.repository(name), token)
    if rest == ["refs"]:
        return reply_json(records.refs(repository, pull_requests=call.flag("include_prs")))
    if rest == ["auth-check"]:
        may_read_files(repository, token, f"{hub.url}/{name}")
        return reply_json({})
    handler = _HANDLERS.get(rest[0] if rest else "")
    if handler is None:
        raise Refusal(404, "", "Sorry, we can't find the page you are looking for.")
    commit = _commit(repository, rest[1] if len(rest) > 1 else "main")
    return handler(hub, call, repository, commit, "/".join(rest[2:]))


def _record(hub: Shelf, call: Call, repository: Repository, commit: Commit, _: str) -> Reply:
    blobs, security = call.flag("blobs"), call.flag("securityStatus")
    record = records.model_record(repository, commit, blobs=blobs, security=security)
    wanted = [*call.query.get("expand", []), *call.query.get("expand[]", [])]
    if wanted and (blobs or security):
        raise Refusal(400, "", '"expand" is exclusive with "blobs" and "securityStatus"')
    if wanted:
        record = {key: record[key] for key in ("_id", "id", *wanted) if key in record}
    return reply_json(record)


def _commits(hub: Shelf, call: Call, repository: Repository, commit: Commit, _: str) -> Reply:
    limit, page = call.integer("limit", COMMITS_PER_PAGE, 1000), call.query.get("p", ["0"])[0]
    start = int(page) * limit
    history = list(repository.history(commit))
    data = [records.commit_record(each) for each in history[start : start + limit]]
    headers = {"X-Total-Count": str(len(history))}
    if start + limit < len(history):
        headers["Link"] = _next(hub, call, p=str(int(page) + 1))
    return reply_json(data, headers)


def _tree(hub: Shelf, call: Call, repository: Repository, commit: Commit, folder: str) -> Reply:
    expand = call.flag("expand")
    most = EXPANDED_TREE_PER_PAGE if expand else TREE_PER_PAGE
    limit = call.integer("limit", most, most)
    listed = records.tree(repository, commit, folder, recursive=call.flag("recursive"), expand=expand)
    if not listed and folder:
        raise Refusal(404, "EntryNotFound", f"{folder} does not exist on {commit.sha}", commit.sha)
    cursor = call.query.get("cursor", [""])[0]
    start = int(base64.b64decode(cursor)) if cursor else 0
    headers = {}
    if start + limit < len(listed):
        headers["Link"] = _next(hub, call, cursor=base64.b64encode(str(start + limit).encode()).decode())
    return reply_json(listed[start : start + limit], headers)


def _paths_info(hub: Shelf, call: Call, repository: Repository, commit: Commit, _: str) -> Reply:
    form = parse_qs(call.body.decode())
    expand = form.get("expand", [""])[0].lower() == "true"
    paths = [path for path in form.get("paths", []) if path in commit.files]
    return reply_json([records.file_entry(repository, commit, path, expand=expand) for path in paths])


_HANDLERS: dict[str, Callable[[Shelf, Call, Repository, Commit, str], Reply]] = {
    "": _record,
    "revision": _record,
    "commits": _commits,
    "tree": _tree,
    "paths-info": _paths_info,
}


def _resolve(hub: Shelf, call: Call, name: str, rest: list[str], token: Token | None) -> Reply:
    """Redirects, always: a file in git to the resolver's cache, one in LFS to the CDN with a signed URL."""
    target = hub.moved_to(name)
    if target:
        return _moved(call, f"/{target}/resolve/" + "/".join(quote(piece, safe="") for piece in rest))
    repository = may_see(hub.repository(name), token)
    may_read_files(repository, token, f"{hub.url}/{name}")
    commit, path = _commit(repository, rest[0]), "/".join(rest[1:])
    file = _file(commit, path)
    etag = file.etag(path)
    headers = {
        "X-Repo-Commit": commit.sha,
        "X-Linked-Size": str(file.size),
        "X-Linked-ETag": f'"{etag}"',
        "Accept-Ranges": "bytes",
        "Content-Type": "text/plain; charset=utf-8",
    }
    if file.is_lfs(path):
        location = f"{hub.cdn_url}/repos/{file.sha256}?Signature={hub.signed(file.sha256)}"
        return Reply(302, headers | {"Location": location}, content(f"Found. Redirecting to {location}".encode()))
    location = f"/api/resolve-cache/models/{name}/{commit.sha}/{quote(path)}?etag=%22{etag}%22"
    body = f"Temporary Redirect. Redirecting to {location}".encode()
    return Reply(307, headers | {"Location": location}, content(body))


def _cached_file(hub: Shelf, call: Call, pieces: list[str], token: Token | None) -> Reply:
    at = next((index for index, piece in enumerate(pieces) if len(piece) == 40 and index in (1, 2)), len(pieces))
    name, rest = "/".join(pieces[:at]), pieces[at:]
    repository = may_see(hub.repository(name), token)
    may_read_files(repository, token, f"{hub.url}/{name}")
    path = "/".join(rest[1:])
    commit = _commit(repository, rest[0] if rest else "")
    file = _file(commit, path)
    headers = {
        "X-Repo-Commit": commit.sha,
        "ETag": f'"{file.etag(path)}"',
        "Accept-Ranges": "bytes",
        "Content-Type": "text/plain; charset=utf-8",
        "Content-Disposition": f'inline; filename="{path.rsplit("/", 1)[-1]}"',
    }
    return Reply(200, headers, file)


def _commit(repository: Repository, revision: str) -> Commit:
    commit = repository.find(revision)
    if commit is None:
        raise Refusal(404, "RevisionNotFound", f"Invalid rev id: {revision}")
    return commit


def _file(commit: Commit, path: str) -> Content:
    if path not in commit.files:
        raise Refusal(404, "EntryNotFound", "Entry not found", commit.sha)
    return commit.files[path]


def _moved(call: Call, path: str) -> Reply:
    query = urlencode(call.query, doseq=True)
    location = f"{path}?{query}" if query else path
    return Reply(307, {"Location": location}, content(f"Temporary Redirect. Redirecting to {location}".encode()))


def _next(hub: Shelf, call: Call, **changes: str) -> str:
    query = {key: values[0] for key, values in call.query.items()} | changes
    return f'<{hub.url}{call.path}?{urlencode(query)}>; rel="next"'
