"""Who may see and read what, and with which words the Hub says no."""

from dataclasses import dataclass, field

from tests.testbed.hub.repository import Repository


@dataclass
class User:
    """Access to gated repositories belongs to the user, not to a token or an organisation."""

    name: str
    can_read: set[str] = field(default_factory=set)
    gated_access: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Token:
    """A user access token. A fine-grained one without `reads_gated` is refused on gated repositories."""

    user: User
    reads_gated: bool = True


@dataclass(eq=False)
class Refusal(Exception):
    """An error response: status, X-Error-Code (may be empty) and X-Error-Message."""

    status: int
    code: str
    message: str
    commit: str | None = None


def bad_credentials() -> Refusal:
    return Refusal(401, "", "Invalid credentials in Authorization header")


def may_see(repository: Repository | None, token: Token | None) -> Repository:
    """The repository, unless it is not there for this caller: strangers cannot tell private from missing."""
    if repository is None or (repository.private and not _is_reader(repository, token)):
        if token is None:
            raise Refusal(401, "RepoNotFound", "Invalid username or password.")
        raise Refusal(404, "RepoNotFound", "Repository not found")
    if repository.disabled:
        raise Refusal(403, "", "Access to this resource is disabled.")
    return repository


def may_read_files(repository: Repository, token: Token | None, page: str) -> None:
    """Gating guards the files, not the record (https://huggingface.co/docs/hub/models-gated)."""
    if not repository.gated:
        return
    restricted = f"Access to model {repository.name} is restricted"
    if token is None:
        message = f"{restricted}. You must have access to it and be authenticated to access it. Please log in."
        raise Refusal(401, "GatedRepo", message)
    if repository.name not in token.user.gated_access and token.user.name != repository.owner:
        message = f"{restricted} and you are not in the authorized list. Visit {page} to ask for access."
        raise Refusal(403, "GatedRepo", message)
    if not token.reads_gated:
        message = (
            "Please enable access to public gated repositories in your fine-grained token settings"
            " to view this repository."
        )
        raise Refusal(403, "", message)


def _is_reader(repository: Repository, token: Token | None) -> bool:
    return token is not None and (token.user.name == repository.owner or repository.name in token.user.can_read)
