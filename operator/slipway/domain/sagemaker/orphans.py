"""What of this installation has no Deployment any more, and in which order it may go: pure.

Models and endpoint configs are told by the prefix of their names and their tags, endpoints by their tags. Whatever is
in doubt is left alone: tags that could not be read, marks of Retain, namespaces that are not watched, names that a
living Deployment uses.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from slipway.domain.conditions import Finding
from slipway.domain.identity import OWN, Identity
from slipway.domain.names import TAG_INSTALLATION, TAG_NAME, TAG_NAMESPACE, TAG_RETAINED, TAG_UID, Owner
from slipway.domain.sagemaker.observation import EndpointState

Tags = dict[str, str]
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
"""Names of Kubernetes. Anything else in a tag was put there by somebody, and must not end up in a request's path."""
_NAMED = 10
"""So many things are named in a message; of the others only the number is said."""


class Kind(StrEnum):
    """What can be left behind."""

    ENDPOINT = "endpoint"
    CONFIG = "endpoint-config"
    MODEL = "model"


@dataclass(frozen=True)
class Place:
    """Where to look, and with whose rights."""

    region: str
    identity: Identity = OWN


@dataclass(frozen=True)
class Site:
    """An account in a region."""

    account: str
    region: str

    def __str__(self) -> str:
        return f"{self.region} of account {self.account}"


@dataclass(frozen=True)
class Resource:
    """One row of a list."""

    kind: Kind
    name: str
    arn: str
    created: str
    """CreationTime. With the ARN it tells a resource from one that was made anew under its name."""
    state: EndpointState | None = None
    """Of an endpoint."""


@dataclass(frozen=True)
class Home:
    """Where a Deployment of the cluster lives, as its status tells."""

    uid: str
    site: Site | None = None
    """None: nowhere yet, or the status was lost."""
    identity: Identity = OWN
    endpoint: str | None = None
    has_endpoint: bool = False
    """Whether its endpoint was seen, and was its own."""
    uses: frozenset[str] = frozenset()
    """Names of the configs and models that serve, served before, or are being tried."""
    is_in_cluster: bool = False
    """Its pods run in this cluster: nothing in AWS is its own."""


Homes = Mapping[tuple[str, str], Home]
"""By (namespace, name): every Deployment in the cluster."""


@dataclass(frozen=True)
class Jurisdiction:
    """What this installation may judge."""

    installation: str
    namespaces: frozenset[str] = frozenset()
    """Namespaces that are watched; empty: all."""

    def owner(self, resource: Resource, tags: Tags) -> Owner | None:
        """Whose it is, according to its tags; None if it is nobody's of this installation and its namespaces.

        A model or config must carry its owner's prefix as well, as for the owner's own passes: tags can be copied.
        """
        namespace, name = tags.get(TAG_NAMESPACE, ""), tags.get(TAG_NAME, "")
        if tags.get(TAG_INSTALLATION) != self.installation:
            return None
        if not (_LABEL.fullmatch(namespace) and _LABEL.fullmatch(name)):
            return None
        if self.namespaces and namespace not in self.namespaces:
            return None
        owner = Owner(self.installation, namespace, name, tags.get(TAG_UID, ""))
        if resource.kind is not Kind.ENDPOINT and not resource.name.startswith(owner.prefix):
            return None
        return owner


@dataclass(frozen=True)
class Claims:
    """What living Deployments have at one site, told by names alone: for these, no tags need be read."""

    prefixes: frozenset[str]
    names: frozenset[str]
    endpoints: frozenset[str]

    @classmethod
    def of(cls, jurisdiction: Jurisdiction, site: Site, homes: Homes) -> "Claims":
        """A Deployment that lives nowhere yet may come to live here."""
        here = {key: home for key, home in homes.items() if home.site in (None, site) and not home.is_in_cluster}
        return cls(
            frozenset(Owner(jurisdiction.installation, *key, home.uid).prefix for key, home in here.items()),
            frozenset(name for home in here.values() for name in home.uses),
            frozenset(home.endpoint.lower() for home in here.values() if home.endpoint and home.has_endpoint),
        )

    def hold(self, resource: Resource) -> bool:
        """Whether a living Deployment has it."""
        if resource.kind is Kind.ENDPOINT:
            return resource.name.lower() in self.endpoints
        prefix = resource.name[: resource.name.rfind("-") + 1]
        return prefix in self.prefixes or resource.name in self.names


class Verdict(StrEnum):
    """What something is."""

    LIVING = "living"
    FOREIGN = "foreign"
    """Not this installation's, or of a namespace that is not watched."""
    RETAINED = "retained"
    """Left behind on purpose."""
    ORPHANED = "orphaned"
    """Its Deployment does not exist."""
    MISPLACED = "misplaced"
    """Its Deployment lives elsewhere, and so no pass ever looks at it."""
    UNKNOWN = "unknown"
    """Its tags are not known: not asked for yet, not visible yet, or it is gone."""


ORPHANS = frozenset({Verdict.ORPHANED, Verdict.MISPLACED})


@dataclass(frozen=True)
class Judged:
    """A resource and what it is. The owner is there unless it is foreign or unknown."""

    resource: Resource
    verdict: Verdict
    owner: Owner | None = None


def judge(resource: Resource, tags: Tags | None, jurisdiction: Jurisdiction, site: Site, homes: Homes) -> Judged:
    """What something is, of which the names alone do not tell. `tags`: None if they are not known."""
    if tags is None:
        return Judged(resource, Verdict.UNKNOWN)
    owner = jurisdiction.owner(resource, tags)
    if owner is None:
        return Judged(resource, Verdict.FOREIGN)
    if TAG_RETAINED in tags:
        return Judged(resource, Verdict.RETAINED, owner)
    home = homes.get((owner.namespace, owner.name))
    if home is None:
        return Judged(resource, Verdict.ORPHANED, owner)
    # An event must name the object that lives.
    living = Owner(owner.installation, owner.namespace, owner.name, home.uid)
    return Judged(resource, Verdict.LIVING if _lives_there(resource, site, home) else Verdict.MISPLACED, living)


def _lives_there(resource: Resource, site: Site, home: Home) -> bool:
    if home.is_in_cluster:
        return False
    if home.site is None:
        return True
    if home.site != site:
        return False
    return resource.kind is not Kind.ENDPOINT or resource.name.lower() == (home.endpoint or "").lower()


def plan_removal(judged: Iterable[Judged], is_due: Callable[[Resource], bool]) -> tuple[Judged, ...]:
    """What may be removed from one site now, in this order. `is_due`: whether it has been an orphan for long enough.

    Only what has no Deployment goes: whether something of a living one may go, a person decides. An owner's configs
    wait until no endpoint of this owner is there, its models until no config is. An endpoint in motion waits. One whose
    tags are not known may be anybody's: then only endpoints go.
    """
    known = list(judged)
    unknown = any(one.verdict is Verdict.UNKNOWN and one.resource.kind is Kind.ENDPOINT for one in known)
    by_owner: dict[tuple[str, str], list[Judged]] = {}
    for one in known:
        if one.owner:
            by_owner.setdefault((one.owner.namespace, one.owner.name), []).append(one)
    return tuple(
        removal
        for _, things in sorted(by_owner.items())
        for removal in _of_one_owner(things, is_due, endpoints_unknown=unknown)
    )


def _of_one_owner(
    things: Sequence[Judged], is_due: Callable[[Resource], bool], *, endpoints_unknown: bool
) -> list[Judged]:
    def all_of(kind: Kind) -> list[Judged]:
        return [one for one in things if one.resource.kind is kind]

    def removable(kind: Kind) -> list[Judged]:
        return [one for one in all_of(kind) if one.verdict is Verdict.ORPHANED and is_due(one.resource)]

    if all_of(Kind.ENDPOINT):
        return [one for one in removable(Kind.ENDPOINT) if one.resource.state and not one.resource.state.is_moving]
    if endpoints_unknown:
        return []
    configs = removable(Kind.CONFIG)
    models = removable(Kind.MODEL) if configs == all_of(Kind.CONFIG) else []
    return [*configs, *models]


def finding(orphans: Sequence[Judged], site: Site, *, removed_after: float | None) -> Finding:
    """What is said about the orphans of one owner. `removed_after`: seconds, if the installation removes them."""
    owner = orphans[0].owner
    name = f"{owner.namespace}/{owner.name}" if owner else "?"
    if any(one.verdict is Verdict.MISPLACED for one in orphans):
        why = f"the Deployment {name} lives elsewhere, so nobody looks after them. See docs/uninstall.md"
    elif removed_after is None:
        why = f"there is no Deployment {name}. To remove them see docs/uninstall.md; to keep them, create it again"
    else:
        minutes = round(removed_after / 60)
        why = f"there is no Deployment {name}. They are removed unless it is created again within {minutes} minutes"
    return Finding("Orphaned", f"left in {site}: {_named(orphans)}; {why}")


def _named(orphans: Sequence[Judged]) -> str:
    order = list(Kind)
    ordered = sorted((one.resource for one in orphans), key=lambda one: (order.index(one.kind), one.name))
    named = ", ".join(f"{one.kind} {one.name}" for one in ordered[:_NAMED])
    more = len(ordered) - _NAMED
    return f"{named} and {more} more" if more > 0 else named
