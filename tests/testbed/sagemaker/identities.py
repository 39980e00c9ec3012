"""Who calls: the ARN that belongs to an access key, as STS and the refusals of IAM spell it."""

from __future__ import annotations


def identity(account: str, role: str, session: str = "session") -> str:
    """A session of a role. [D] The role's path is not part of it."""
    return f"arn:aws:sts::{account}:assumed-role/{role.rpartition('/')[2]}/{session}"
