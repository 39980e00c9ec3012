"""A Hugging Face Hub on 127.0.0.1: what the real one does, as far as Slipway and its engines can tell."""

import hashlib
import re
import ssl
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Self

import yaml

from tests.testbed.hub import quota
from tests.testbed.hub.accounts import Refusal, Token, User, bad_credentials
from tests.testbed.hub.content import Content, content
from tests.testbed.hub.faults import Fault, FaultInjection, Kind
from tests.testbed.hub.repository import Gated, Repository, full_name
from tests.testbed.hub.routes import Call, Reply, answer, bucket, reply_refusal
from tests.testbed.hub.server import HubServer

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Entry:
    """A line of the request log. `user` is whose token it was; no token is kept. Status 0: no answer."""

    origin: str
    method: str
    path: str
    query: Mapping[str, list[str]]
    status: int
    user: str | None


class LocalHub(FaultInjection):
    """A context manager. Commits are as immutable, and errors as terse, as the real Hub's.

    Everything is deterministic: the nth change of a hub happens n minutes after `EPOCH`, so that the same
    calls make the same commits. Rate limits are the Hub's own (`quota.anonymous`, `quota.user`).
    """

    def __init__(self, *, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        """`host`: the address to listen on. `port` 0: the kernel chooses. `tls`: serve https."""
        self.crashes: list[BaseException] = []
        self.log: list[Entry] = []
        self.quota = quota.Quota()
        self.released = threading.Event()
        super().__init__()
        self._lock = threading.RLock()
        self._repositories: dict[str, Repository] = {}
        self._moved: dict[str, str] = {}
        self._users: dict[str, User] = {}
        self._tokens: dict[str, Token] = {}
        self._changes = 0
        self._servers = [HubServer(self, host, port, tls, is_cdn=False), HubServer(self, host, 0, tls, is_cdn=True)]
        self.url, self.cdn_url = (server.url for server in self._servers)

    def __enter__(self) -> Self:
        for server in self._servers:
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.released.set()
        for server in self._servers:
            server.shutdown()
            server.server_close()
        if self.crashes and error is None:
            raise RuntimeError("the local Hub failed") from self.crashes[0]

    # Repositories

    def create_repo(
        self,
        name: str,
        *,
        private: bool = False,
        gated: Gated = False,
        disabled: bool = False,
        card: Mapping[str, Any] | None = None,
        library: str | None = None,
        counts_parameters: bool = True,
    ) -> str:
        """A repository with the initial commit that the Hub makes; returns that commit."""
        metadata = {**(card or {}), **({"library_name": library} if library else {})}
        front = f"---\n{yaml.safe_dump(metadata)}---\n" if metadata else ""
        with self._lock:
            if name in self._repositories:
                raise ValueError(f"{name} exists already")
            self._moved.pop(name, None)
            self._repositories[name] = Repository(name, self._tick(), private, gated, disabled, counts_parameters)
        files = {".gitattributes": b"*.safetensors filter=lfs diff=lfs merge=lfs -text\n"}
        if front:
            files["README.md"] = f"{front}# {name}\n".encode()
        return self.commit(name, files, message="initial commit")

    def commit(
        self,
        name: str,
        files: Mapping[str, bytes | Content | None],
        *,
        ref: str = "main",
        message: str = "Upload model",
        author: str = "author",
    ) -> str:
        """Adds, replaces or (None) deletes files on top of `ref`; returns the commit."""
        changed = {path: None if file is None else content(file) for path, file in files.items()}
        with self._lock:
            commit = self._repositories[name].add(changed, ref=ref, message=message, author=author, date=self._tick())
        return commit.sha

    def branch(self, name: str, branch: str, revision: str = "main") -> str:
        return self._point(name, full_name(branch), revision)

    def tag(self, name: str, tag: str, revision: str = "main") -> str:
        return self._point(name, f"refs/tags/{tag}", revision)

    def pull_request(
        self,
        name: str,
        number: int,
        files: Mapping[str, bytes | Content | None],
        *,
        message: str = "Proposal",
    ) -> str:
        """A commit on refs/pr/N, which starts at main."""
        self._point(name, f"refs/pr/{number}", "main")
        return self.commit(name, files, ref=f"refs/pr/{number}", message=message)

    def delete_ref(self, name: str, ref: str) -> None:
        """Deletes a branch, or a ref by its full name; commits stay."""
        with self._lock:
            del self._repositories[name].refs[full_name(ref)]

    def delete_repo(self, name: str) -> None:
        with self._lock:
            del self._repositories[name]

    def move_repo(self, name: str, to: str) -> None:
        """Renames; the old name redirects until somebody takes it."""
        with self._lock:
            repository = self._repositories.pop(name)
            repository.name = to
            self._repositories[to] = repository
            self._moved[name] = to

    def change(self, name: str, **settings: Any) -> None:
        """Changes private, gated, disabled or counts_parameters."""
        with self._lock:
            for key, value in settings.items():
                if key not in ("private", "gated", "disabled", "counts_parameters"):
                    raise ValueError(f"no such setting: {key}")
                setattr(self._repositories[name], key, value)

    # People

    def add_token(
        self,
        token: str,
        user: str,
        *,
        can_read: Iterable[str] = (),
        gated_access: Iterable[str] = (),
        reads_gated: bool = True,
    ) -> None:
        """A token of `user`, who may read the private `can_read` and was let into `gated_access`.

        `reads_gated` False: a fine-grained token without the permission to read gated repositories.
        """
        with self._lock:
            owner = self._users.setdefault(user, User(user))
            owner.can_read.update(can_read)
            owner.gated_access.update(gated_access)
            self._tokens[_digest(token)] = Token(owner, reads_gated)

    def revoke_token(self, token: str) -> None:
        with self._lock:
            del self._tokens[_digest(token)]

    def grant(self, user: str, name: str) -> None:
        """The author of a gated repository accepts a user's request."""
        with self._lock:
            self._users.setdefault(user, User(user)).gated_access.add(name)

    # What was asked

    def calls(self, *, method: str | None = None, path: str = "", user: str | None = None) -> int:
        """How many requests matched; `path` is a regular expression."""
        with self._lock:
            return sum(
                method in (None, entry.method)
                and user in (None, entry.user)
                and re.search(path, entry.path) is not None
                for entry in self.log
            )

    # For the server and the routes

    def serve(self, call: Call, *, is_cdn: bool) -> tuple[Reply, Fault | None]:
        """The reply to a call, and the fault that replaces it."""
        with self._lock:
            fault = self.take_fault(call.method, call.path)
            user: str | None = None
            try:
                token = None if is_cdn else self._authenticate(call)
                user = token.user.name if token else None
                reply = self._cdn(call) if is_cdn else answer(self, call, token)
            except Refusal as refusal:
                reply = _refused(refusal, call)
            reply = self._finish(call, reply, user, fault) if not is_cdn else reply
            silent = fault is not None and fault.kind in (Kind.HANG, Kind.RESET, Kind.TRICKLE)
            origin, status = "cdn" if is_cdn else "hub", 0 if silent else reply.status
            self.log.append(Entry(origin, call.method, call.path, call.query, status, user))
        return reply, fault

    def repository(self, name: str) -> Repository | None:
        return self._repositories.get(name)

    def moved_to(self, name: str) -> str | None:
        return self._moved.get(name)

    def signed(self, sha256: str) -> str:
        """A signature that a guess does not hit."""
        return hashlib.sha256(f"local-hub {id(self)} {sha256}".encode()).hexdigest()[:32]

    def _finish(self, call: Call, reply: Reply, user: str | None, fault: Fault | None) -> Reply:
        """Counts the call against its rate limit, and puts the fault and the headers of every response in."""
        kind = bucket(call.path)
        within, limits = self.quota.spend(kind, user) if kind is not None else (True, {})
        if fault is not None and fault.kind is Kind.STATUS:
            reply = _refused(Refusal(fault.status, fault.code, fault.message), call)
            limits |= dict(fault.headers)
        elif not within:
            reply = _refused(Refusal(429, "", "We had to rate limit you. Retry later."), call)
        always = {**limits, "X-Request-Id": f"Root=1-{len(self.log):08x}"}
        return Reply(reply.status, {**reply.headers, **always}, reply.content)

    def _cdn(self, call: Call) -> Reply:
        """Signed URLs only. Like S3, it refuses a request that is signed and also carries a token."""
        if "authorization" in {name.lower() for name in call.headers}:
            raise Refusal(400, "", "Only one auth mechanism allowed")
        sha256 = call.path.removeprefix("/repos/")
        if call.query.get("Signature") != [self.signed(sha256)]:
            raise Refusal(403, "", "AccessDenied")
        for repository in self._repositories.values():
            for commit in repository.commits.values():
                for file in commit.files.values():
                    if file.sha256 == sha256:
                        return Reply(200, {"ETag": f'"{sha256}"', "Accept-Ranges": "bytes"}, file)
        raise Refusal(404, "", "NoSuchKey")

    def _authenticate(self, call: Call) -> Token | None:
        headers = {name.lower(): value for name, value in call.headers.items()}
        if "authorization" not in headers:
            return None
        scheme, _, value = headers["authorization"].partition(" ")
        token = self._tokens.get(_digest(value))
        if scheme != "Bearer" or token is None:
            raise bad_credentials()
        return token

    def _point(self, name: str, ref: str, revision: str) -> str:
        with self._lock:
            repository = self._repositories[name]
            commit = repository.find(revision)
            if commit is None:
                raise ValueError(f"{name} has no {revision}")
            repository.refs[ref] = commit.sha
            return commit.sha

    def _tick(self) -> datetime:
        self._changes += 1
        return EPOCH + timedelta(minutes=self._changes)


def _refused(refusal: Refusal, call: Call) -> Reply:
    return reply_refusal(refusal, api=call.path.startswith("/api/"))


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
