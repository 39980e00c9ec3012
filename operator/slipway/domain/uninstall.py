"""What an uninstallation would leave behind on SageMaker, and what to say about it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from slipway.api.v1alpha1 import FINALIZER

_SHOWN = 50
"""A terminal holds that many; the rest is counted."""

_KEEP = "To keep the release instead, which Helm does not upgrade as it is now: {}"
_OTHERWISE = (
    "If an endpoint is to go on serving without Slipway, set spec.deletionPolicy to Retain before you delete.",
    "To uninstall all the same: helm uninstall --no-hooks. Endpoints then go on serving and being billed, and the",
    "objects cannot be deleted until an operator with the same setting `installation` is installed again, or the",
    f"finalizer {FINALIZER} is taken away by hand: docs/uninstall.md has both.",
)


@dataclass(frozen=True)
class Held:
    """A Deployment that only a running operator can let go."""

    namespace: str
    name: str
    endpoint: str | None = None
    """Name of the endpoint; None where nothing is known to have been made."""
    account: str | None = None
    region: str | None = None
    retained: bool = False
    """spec.deletionPolicy is Retain: the endpoint would stay."""
    deleting: bool = False


def held(deployments: Iterable[Mapping[str, Any]]) -> list[Held]:
    """Those of the objects that carry the operator's finalizer, in order of namespace and name.

    They are read as the API server gives them, and not as models: one whose spec has become invalid counts, too.
    """
    found = (_held(raw) for raw in deployments if FINALIZER in (raw["metadata"].get("finalizers") or ()))
    return sorted(found, key=lambda each: (each.namespace, each.name))


def _held(raw: Mapping[str, Any]) -> Held:
    metadata, spec = raw["metadata"], raw.get("spec") or {}
    placement = (raw.get("status") or {}).get("placement") or {}
    return Held(
        namespace=metadata["namespace"],
        name=metadata["name"],
        endpoint=placement.get("endpointName"),
        account=placement.get("account"),
        region=placement.get("region"),
        retained=spec.get("deletionPolicy") == "Retain",
        deleting=bool(metadata.get("deletionTimestamp")),
    )


def refusal(found: Sequence[Held], to_keep: str | None = None) -> str | None:
    """Why the operator must not be uninstalled now, and how to go on; None if nothing is in its way.

    `to_keep`: the command that makes a Helm release usable again, which Helm calls `uninstalling` from now on.
    """
    if not found:
        return None
    subject = "1 Deployment of slipway.dev has" if len(found) == 1 else f"{len(found)} Deployments of slipway.dev have"
    more = [f"  and {len(found) - _SHOWN} more"] if len(found) > _SHOWN else []
    namespaces = dict.fromkeys(each.namespace for each in found)
    lines = [
        f"{subject} something on SageMaker that only a running operator can remove:",
        "",
        *(f"  {_line(each)}" for each in found[:_SHOWN]),
        *more,
        "",
        "Nothing was uninstalled. Delete them first, and uninstall again when they are gone:",
        "",
        *(f"  kubectl delete deployments.slipway.dev -n {each} {_names(each, found)}" for each in namespaces),
        "",
        *([_KEEP.format(to_keep), ""] if to_keep else []),
        *_OTHERWISE,
    ]
    return "\n".join(lines)


def unseen(to_keep: str | None = None) -> str:
    """How to go on where it could not be looked, as when a watched namespace is gone, and the rights in it too."""
    lines = [
        "Try again, or look yourself (kubectl get deployments.slipway.dev --all-namespaces) and uninstall without this",
        "look: helm uninstall --no-hooks. What that may leave behind is in docs/uninstall.md.",
        *([_KEEP.format(to_keep)] if to_keep else []),
    ]
    return "\n".join(lines)


def _line(each: Held) -> str:
    where = (
        f"endpoint {each.endpoint} in {each.region}, account {each.account}"
        if each.endpoint
        else "nothing known to have been made yet"
    )
    marks = [mark for mark, holds in (("Retain", each.retained), ("is being deleted", each.deleting)) if holds]
    return f"{each.namespace}/{each.name}: {where}" + (f" ({', '.join(marks)})" if marks else "")


def _names(namespace: str, found: Sequence[Held]) -> str:
    """The names in one namespace, or all of it where they are too many for a line."""
    names = [each.name for each in found if each.namespace == namespace]
    return " ".join(names) if len(names) <= _SHOWN else "--all  # also those in the cluster"
