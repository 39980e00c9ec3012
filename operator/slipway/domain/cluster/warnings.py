"""What the user should know of a Deployment in the cluster, and need not stop for: pure."""

from collections.abc import Iterator, Sequence

from slipway.api.v1alpha1.deployment import DeploymentSpec
from slipway.domain.cluster import optional
from slipway.domain.cluster.engines.problems import engine_warnings
from slipway.domain.cluster.marks import Manifest
from slipway.domain.cluster.optional.refusals import CONDITION, Refused, refused_lists
from slipway.domain.cluster.rolls.situation import Situation
from slipway.domain.conditions import Finding


def warnings(spec: DeploymentSpec, situation: Situation, *, refused: Finding | None) -> Iterator[tuple[str, Finding]]:
    """Conditions by type. `refused`: what the API server does not take of what is optional."""
    wanted = situation.wanted
    missing = optional.skipped(situation.seen.missing, (*wanted.beside, *_optional(situation)))
    if missing:
        yield "OptionalApiMissing", missing
    if refused:
        yield CONDITION, refused
    texts = engine_warnings(spec.engine, spec.target.cluster, wanted.served) if spec.target.cluster else ()
    if texts:
        yield "Limited", Finding("Limited", "; ".join(texts))


def unlisted(situation: Situation) -> Sequence[Refused]:
    """What the spec asks for beside the pods and nobody may look for."""
    return refused_lists(situation.seen.forbidden, _optional(situation))


def _optional(situation: Situation) -> tuple[Manifest, ...]:
    scaled = (situation.autoscaler,) if situation.autoscaler else ()
    return (*situation.wanted.optional, *scaled)
