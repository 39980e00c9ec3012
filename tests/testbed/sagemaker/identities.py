"""Who calls: what belongs to an access key, as STS and the refusals of IAM spell it."""

from __future__ import annotations

from dataclasses import dataclass

OWN_ROLE = "slipway"
"""The role behind every access key that did not come from AssumeRole: sessions of a pod, as IRSA gives them."""


def identity(account: str, role: str, session: str = "session") -> str:
    """A session of a role. [D] The role's path is not part of it."""
    return f"arn:aws:sts::{account}:assumed-role/{role.rpartition('/')[2]}/{session}"


@dataclass(frozen=True)
class Principal:
    account: str
    arn: str
    """Of the session."""

    @property
    def role(self) -> str:
        """Its name, without a path."""
        return self.arn.split("/")[1]
