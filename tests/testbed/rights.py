"""What an installation grants its operator, what a user has used, and where the two differ."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

from tests.testbed.chart import manifests
from tests.testbed.controlplane import AuditedRequest

_ROLES = ("ClusterRole", "Role")


class Grant(NamedTuple):
    """One verb on one resource."""

    group: str
    """Empty: the core group. RBAC knows no versions."""
    resource: str
    subresource: str
    """Empty: the resource itself."""
    verb: str
    name: str | None = None
    """Of the only object that it is about."""

    def __str__(self) -> str:
        resource = f"{self.resource}/{self.subresource}" if self.subresource else self.resource
        return " ".join(filter(None, (self.verb, f"{resource}.{self.group}" if self.group else resource, self.name)))

    def allows(self, asked: Grant) -> bool:
        """Whether it lets a request through."""
        return self[:4] == asked[:4] and self.name in (None, asked.name)


def installed() -> list[dict[str, Any]]:
    """The manifests with which the chart gives the operator its rights. Raises HelmError."""
    return manifests(only=["rbac.yaml"])


def granted(given: Iterable[Mapping[str, Any]] | None = None) -> set[Grant]:
    """Every grant of the Roles and ClusterRoles among the manifests (None: of those that are installed)."""
    roles = [each for each in (installed() if given is None else given) if each["kind"] in _ROLES]
    return {grant for role in roles for rule in role["rules"] for grant in grants_of(rule)}


def grants_of(rule: Mapping[str, Any]) -> set[Grant]:
    """What one rule grants. Raises ValueError for a wildcard: nobody could say what it is used for."""
    if "*" in (*rule["apiGroups"], *rule["resources"], *rule["verbs"]):
        raise ValueError(f"a wildcard in {rule}")
    return {
        Grant(group, resource.partition("/")[0], resource.partition("/")[2], verb, name)
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
        for name in rule.get("resourceNames") or [None]
    }


def rules_of(grants: Iterable[Grant]) -> list[dict[str, Any]]:
    """The inverse: a rule for each grant."""
    return [
        {
            "apiGroups": [grant.group],
            "resources": [f"{grant.resource}/{grant.subresource}" if grant.subresource else grant.resource],
            "verbs": [grant.verb],
        }
        | ({"resourceNames": [grant.name]} if grant.name else {})
        for grant in sorted(grants, key=str)
    ]


def used(requests: Iterable[AuditedRequest]) -> set[Grant]:
    """What it took to have these requests answered.

    A patch that makes an object is a server-side apply, and takes the right to create it besides
    (tests/integration/rbac/test_writes.py).
    What is no resource (discovery) is nobody's to grant: every user has it from system:discovery.
    """
    found: set[Grant] = set()
    for request in requests:
        if not request.resource:
            continue
        asked = Grant(request.group, request.resource, request.subresource, request.verb, request.name or None)
        found.add(asked)
        if request.verb == "patch" and request.code == 201:
            found.add(asked._replace(verb="create"))
    return found


def missing(asked: Iterable[Grant], grants: Iterable[Grant]) -> set[Grant]:
    """What was asked for and nobody has granted."""
    known = set(grants)
    return {one for one in asked if not any(grant.allows(one) for grant in known)}


def unused(asked: Collection[Grant], grants: Collection[Grant]) -> set[Grant]:
    """What was granted and nobody has asked for. A request uses the narrowest of the grants that let it through."""
    named = {grant for grant in grants if grant.name}
    others = set(grants) - named
    wide = {one for one in set(asked) if not any(grant.allows(one) for grant in named)}
    return (named - set(asked)) | {grant for grant in others if not any(grant.allows(one) for one in wide)}


def forbidden(requests: Iterable[AuditedRequest]) -> list[str]:
    """The requests that the API server would not let through, whatever they were about."""
    return sorted({f"{request.verb} {request.path}" for request in requests if request.code == 403})
