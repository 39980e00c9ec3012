"""Which namespaces may use which AWS accounts, regions and roles: a setting of the installation.

Passing an execution role hands its rights to whoever writes the Deployment, and so does assuming a role. So without
an entry a namespace may use the installation's default region and default execution role in the operator's own
account, and no role may be assumed for it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(frozen=True)
class PlacementRule:
    """One entry of the setting. Every list holds shell-style patterns; one match in each is needed.

    Roles to assume are matched where a Deployment names one. The operator's own identity needs no entry there. Names
    of endpoints are matched where a Deployment wants to adopt one: it could be anybody's.
    """

    namespaces: tuple[str, ...]
    accounts: tuple[str, ...]
    regions: tuple[str, ...]
    execution_roles: tuple[str, ...]
    assume_roles: tuple[str, ...] = ()
    adopt: tuple[str, ...] = ()


@dataclass(frozen=True)
class PlacementRequest:
    """What a Deployment asks for."""

    namespace: str
    account: str | None
    """None: not known yet, and not judged."""
    region: str
    execution_role: str
    assume_role: str | None = None
    """None: the operator's own identity."""
    adopt: str | None = None
    """Name of the endpoint that is to be adopted; None: none is."""


def _matches(value: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(value, pattern) for pattern in patterns)


def refusal(request: PlacementRequest, rules: Iterable[PlacementRule], default: PlacementRule) -> str | None:
    """Why the request is not allowed, naming the field; None if it is allowed."""
    own = [rule for rule in rules if _matches(request.namespace, rule.namespaces)]
    candidates = own or [default]
    problems = [_first_mismatch(request, rule) for rule in candidates]
    if None in problems:
        return None
    setting = "no entry of the installation's placement setting names it, so only its defaults are allowed"
    if own:
        setting = "see the installation's placement setting"
    return f"namespace {request.namespace} may not use {problems[0]}: {setting}"


def _first_mismatch(request: PlacementRequest, rule: PlacementRule) -> str | None:
    if request.assume_role is not None and not _matches(request.assume_role, rule.assume_roles):
        return f"spec.target.sageMaker.assumeRole.arn {request.assume_role}"
    if request.account is not None and not _matches(request.account, rule.accounts):
        return f"AWS account {request.account}"
    if not _matches(request.region, rule.regions):
        return f"spec.target.sageMaker.region {request.region}"
    if not _matches(request.execution_role, rule.execution_roles):
        return f"spec.target.sageMaker.executionRoleArn {request.execution_role}"
    if request.adopt is not None and not _matches(request.adopt, rule.adopt):
        return f"spec.target.sageMaker.adopt for the endpoint {request.adopt}"
    return None
