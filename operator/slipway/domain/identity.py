"""Whose rights are used for a Deployment: the operator's own, or those of a role that it assumes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Identity:
    """A role to assume, or (without one) the operator's own identity."""

    role_arn: str | None = None
    """Role to assume; None: none."""
    external_id: str | None = field(default=None, repr=False)
    """What the role's trust policy may ask for. It never appears in a message, a log line, an event or a status."""

    def __str__(self) -> str:
        return self.role_arn or "the operator's own identity"

    @property
    def account(self) -> str | None:
        """The AWS account of the role; None for the operator's own identity, of which only AWS knows it."""
        return account_of(self.role_arn) if self.role_arn else None


OWN = Identity()
"""The operator's own identity."""


def account_of(arn: str) -> str:
    """The account that an ARN names: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html"""
    return arn.split(":")[4]


def identity_of(raw: Mapping[str, Any]) -> Identity:
    """The identity for a Deployment, as the API server has it.

    The role is fixed by `status.placement`; before there is one, the spec names it. The external id is the spec's,
    where the spec names the same role: it may change, and is stored nowhere else. The object is taken as it is, so
    that a deletion finds the role even where the rest of the spec cannot be read.
    """
    asked = _mapping(_mapping(_mapping(raw, "spec", "target"), "sageMaker"), "assumeRole")
    wanted = Identity(_text(asked, "arn"), _text(asked, "externalId"))
    placement = _mapping(raw, "status", "placement")
    if not placement:
        return wanted if wanted.role_arn else OWN
    role = _text(placement, "roleArn")
    return wanted if role is not None and role == wanted.role_arn else Identity(role)


def _mapping(raw: Mapping[str, Any], *path: str) -> Mapping[str, Any]:
    found: Any = raw
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _text(raw: Mapping[str, Any], name: str) -> str | None:
    found = raw.get(name)
    return found if isinstance(found, str) else None
