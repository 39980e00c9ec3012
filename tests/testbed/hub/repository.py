"""Repositories with git's own identifiers: the same files, message and date always make the same commit."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from tests.testbed.hub.content import Content, git_object

Gated = Literal[False, "auto", "manual"]


@dataclass(frozen=True)
class Commit:
    """An immutable state of a repository."""

    sha: str
    parent: str | None
    files: Mapping[str, Content]
    message: str
    author: str
    date: datetime


@dataclass
class Repository:
    """Commits and the refs that point to them; refs have full names (refs/heads/main, refs/tags/v1,
    refs/pr/1).
    """

    name: str
    created_at: datetime
    private: bool = False
    gated: Gated = False
    disabled: bool = False
    counts_parameters: bool = True
    """Whether the record has `safetensors`: it lacks them for a while after a push, and on mirrors."""
    commits: dict[str, Commit] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)

    @property
    def owner(self) -> str:
        return self.name.split("/")[0] if "/" in self.name else ""

    def add(
        self, files: Mapping[str, Content | None], *, ref: str, message: str, author: str, date: datetime
    ) -> Commit:
        """A commit on top of `ref` (None deletes a file), which `ref` then names."""
        full = full_name(ref)
        parent = self.refs.get(full)
        before = dict(self.commits[parent].files) if parent else {}
        after = {path: file for path, file in {**before, **files}.items() if file is not None}
        sha = _commit_sha(after, parent, message, author, date)
        commit = Commit(sha, parent, after, message, author, date)
        self.commits[sha] = commit
        self.refs[full] = sha
        return commit

    def find(self, revision: str) -> Commit | None:
        """By branch, tag, full ref or full commit, in that order. Never by the first digits of a commit."""
        for name in (f"refs/heads/{revision}", f"refs/tags/{revision}", revision):
            if name in self.refs:
                return self.commits[self.refs[name]]
        return self.commits.get(revision)

    def history(self, commit: Commit) -> Iterator[Commit]:
        """The commit and its ancestors, newest first."""
        current: Commit | None = commit
        while current is not None:
            yield current
            current = self.commits[current.parent] if current.parent else None


def full_name(ref: str) -> str:
    return ref if ref.startswith("refs/") else f"refs/heads/{ref}"


def tree_oid(files: Mapping[str, Content], folder: str = "") -> str:
    """The name of a tree object, as git computes it."""
    entries: dict[str, tuple[str, str]] = {}
    for path, file in files.items():
        if not path.startswith(folder):
            continue
        name, slash, _ = path[len(folder) :].partition("/")
        if slash and name not in entries:
            entries[name] = ("40000", tree_oid(files, f"{folder}{name}/"))
        elif not slash:
            entries[name] = ("100644", file.oid(path))
    data = b"".join(
        f"{mode} {name}\0".encode() + bytes.fromhex(oid)
        for name, (mode, oid) in sorted(entries.items(), key=lambda entry: _git_order(*entry))
    )
    return git_object("tree", data)


def _git_order(name: str, entry: tuple[str, str]) -> str:
    return name + "/" if entry[0] == "40000" else name


def _commit_sha(files: Mapping[str, Content], parent: str | None, message: str, author: str, date: datetime) -> str:
    who = f"{author} <{author}@users.noreply.huggingface.co> {int(date.timestamp())} +0000"
    lines = [f"tree {tree_oid(files)}", *([f"parent {parent}"] if parent else [])]
    lines += [f"author {who}", f"committer {who}", "", message, ""]
    return git_object("commit", "\n".join(lines).encode())
