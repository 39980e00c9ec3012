"""A registry in memory, for tests that are not about the registry. The port's contract suite runs against it
too.
"""

import asyncio
import hashlib
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from slipway.domain.errors import NotFound, OutsideError, RateLimited, Rejected
from slipway.domain.models import COMMIT, Access, ModelFacts, ModelSource, RegistryToken
from slipway.registries.lookups import SharedLookups
from slipway.registries.throttle import Throttle

ENDPOINT = "https://hub.test"


@dataclass
class FakeRepository:
    """Refs and commits; `facts.access` says who may read."""

    refs: dict[str, str] = field(default_factory=dict)
    commits: dict[str, ModelFacts] = field(default_factory=dict)
    access: Access = Access.PUBLIC
    disabled: bool = False


class FakeRegistry:
    """Implements `slipway.registries.port.Registry`. `requests` holds what a real one would have asked its
    server.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.requests: list[tuple[str, str, str]] = []
        """(method, repository, revision), in order."""
        self._repositories: dict[str, FakeRepository] = {}
        self._readers: dict[str, set[str]] = {}
        self._failures: list[OutsideError] = []
        self._throttle = Throttle(clock)
        self._commits: SharedLookups[tuple[str, str, str, str], str] = SharedLookups(size=10_000, clock=clock)

    def publish(
        self,
        repo: str,
        facts: ModelFacts | None = None,
        *,
        ref: str = "main",
        commit: str | None = None,
    ) -> str:
        """A new commit on a branch, tag or refs/pr/N; `facts.access` becomes the repository's."""
        repository = self._repositories.setdefault(repo, FakeRepository())
        facts = facts or ModelFacts(access=repository.access)
        number = len(repository.commits)
        sha = commit or hashlib.sha1(f"{repo} {number}".encode(), usedforsecurity=False).hexdigest()
        repository.access = facts.access
        repository.commits[sha] = facts
        repository.refs[ref] = sha
        return sha

    def point(self, repo: str, ref: str, commit: str) -> None:
        """Makes `ref` name `commit`."""
        self._repositories[repo].refs[ref] = commit

    def delete_repo(self, repo: str) -> None:
        del self._repositories[repo]

    def disable(self, repo: str) -> None:
        self._repositories[repo].disabled = True

    def add_token(self, token: str, *, can_read: Iterable[str] = ()) -> None:
        """A token that may read these private and gated repositories. An unknown token is invalid."""
        self._readers.setdefault(token, set()).update(can_read)

    def revoke_token(self, token: str) -> None:
        del self._readers[token]

    def fail(self, error: OutsideError, *, times: int = 1) -> None:
        """The next requests raise `error`."""
        self._failures.extend([error] * times)

    async def resolve(self, source: ModelSource, token: RegistryToken | None, *, max_age: float) -> str:
        """See the port."""
        key = (source.endpoint or ENDPOINT, source.repo, source.revision, token.value if token else "")

        async def fetch() -> str:
            repository = await self._ask("resolve", source, source.revision, token)
            if repository.access is Access.GATED:
                self._may_read(source.repo, token)
            return _commit(repository, source)

        return await self._commits.get(key, fetch, max_age=max_age)

    async def describe(self, source: ModelSource, commit: str, token: RegistryToken | None) -> ModelFacts:
        """See the port."""
        repository = await self._ask("describe", source, commit, token)
        _commit(repository, replace(source, revision=commit))
        if repository.access is Access.GATED:
            self._may_read(source.repo, token)
        return replace(repository.commits[commit], access=repository.access)

    async def _ask(
        self, method: str, source: ModelSource, revision: str, token: RegistryToken | None
    ) -> FakeRepository:
        endpoint = source.endpoint or ENDPOINT
        held = self._throttle.seconds_left(endpoint)
        if held > 0:
            raise RateLimited("HubRateLimited", f"{endpoint} asked for patience", retry_after=held)
        self.requests.append((method, source.repo, revision))
        await asyncio.sleep(0)
        if self._failures:
            error = self._failures.pop(0)
            if isinstance(error, RateLimited):
                self._throttle.hold(endpoint, error.retry_after)
            raise replace(error)
        return self._visible(source.repo, token)

    def _visible(self, repo: str, token: RegistryToken | None) -> FakeRepository:
        if token is not None and token.value not in self._readers:
            raise Rejected("TokenInvalid", "the token is not valid")
        repository = self._repositories.get(repo)
        hidden = repository is not None and repository.access is Access.PRIVATE
        if repository is None or (hidden and not self._reads(repo, token)):
            raise NotFound("RepositoryNotFound", f"no repository {repo}; if it is private, set tokenSecretRef")
        if repository.disabled:
            raise Rejected("RepositoryDisabled", f"{repo} was disabled")
        return repository

    def _reads(self, repo: str, token: RegistryToken | None) -> bool:
        return token is not None and repo in self._readers.get(token.value, set())

    def _may_read(self, repo: str, token: RegistryToken | None) -> None:
        if not self._reads(repo, token):
            raise Rejected("GatedRepository", f"ask for access at {ENDPOINT}/{repo}")


def _commit(repository: FakeRepository, source: ModelSource) -> str:
    commit = repository.refs.get(source.revision, source.revision)
    if not COMMIT.match(commit) or commit not in repository.commits:
        raise NotFound("RevisionNotFound", f"{source.repo} has no {source.revision}")
    return commit
