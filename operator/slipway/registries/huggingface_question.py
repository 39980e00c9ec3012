"""What is asked of a Hub, checked before it becomes part of a URL."""

from dataclasses import dataclass
from urllib.parse import quote

import httpx2
from huggingface_hub import hf_hub_url
from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]  # lazily exported

from slipway.domain.errors import Rejected
from slipway.domain.models import RegistryToken


@dataclass(frozen=True)
class Question:
    """A repository, a revision of it and the credential, at one Hub. Made by `ask`."""

    endpoint: str
    repo: str
    revision: str
    token: RegistryToken | None

    @property
    def page(self) -> str:
        """The repository's page for people."""
        return f"{self.endpoint}/{self.repo}"

    @property
    def info_url(self) -> str:
        """https://huggingface.co/docs/hub/api, `GET /api/models/{repo}/revision/{revision}`."""
        return f"{self.endpoint}/api/models/{self.repo}/revision/{quote(self.revision, safe='')}"

    @property
    def commits_url(self) -> str:
        """The newest first; `limit` as in huggingface.js' listCommits."""
        return f"{self.endpoint}/api/models/{self.repo}/commits/{quote(self.revision, safe='')}?limit=1"

    def file_url(self, path: str) -> str:
        """The resolver's URL of a file."""
        return hf_hub_url(self.repo, path, revision=self.revision, endpoint=self.endpoint)


def ask(endpoint: str, repo: str, revision: str, token: RegistryToken | None) -> Question:
    """A question that is safe to put into a URL. Raises `Rejected` for what no Hub could answer."""
    try:
        validate_repo_id(repo)
    except HFValidationError as error:
        problem = Rejected("RepositoryInvalid", f"{repo!r} cannot be the name of a repository: {error}")
    else:
        if revision.strip() not in ("", ".", ".."):  # the last two would walk up the URL
            return Question(_checked(endpoint), repo, revision, token)
        problem = Rejected("RevisionInvalid", f"{revision!r} cannot be a branch, tag or commit of {repo}")
    raise problem


def _checked(endpoint: str) -> str:
    try:
        url = httpx2.URL(endpoint)
    except httpx2.InvalidURL:
        url = httpx2.URL("")
    if url.scheme in ("http", "https") and url.host and not (url.userinfo or url.query or url.fragment):
        return endpoint.rstrip("/")
    shown = f"{url.scheme}://…@{url.host}" if url.userinfo else endpoint
    raise Rejected(
        "EndpointInvalid",
        f"{shown} is not the address of a Hub: it takes http(s)://host[:port][/path], without a password"
        f" (a token goes into the Secret that tokenSecretRef names)",
    )
