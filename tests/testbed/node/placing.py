"""Where the scheduler puts a pod, or its words about why nowhere: pure.

The order of the filters, of which the first that refuses gives a node's reason, and the wording:
https://github.com/kubernetes/kubernetes/blob/v1.31.0/pkg/scheduler/apis/config/v1/default_plugins.go,
https://github.com/kubernetes/kubernetes/blob/v1.31.0/pkg/scheduler/framework/types.go (FitError)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from tests.testbed.node.matching import overcrowded, preference, selected, terms_match, together, untolerated
from tests.testbed.node.quantity import quantity

Object = dict[str, Any]
_AFFINITY = "node(s) didn't match Pod's node affinity/selector"
_VOLUME = "node(s) had volume node affinity conflict"
_SPREAD = "node(s) didn't match pod topology spread constraints"
_BESIDE = "node(s) didn't match pod affinity rules"
_CORDONED = "node(s) were unschedulable"
_HELPLESS = "Preemption is not helpful for scheduling"
_NO_VICTIMS = "No preemption victims found for incoming pod"
_OVER = ("Succeeded", "Failed")


@dataclass(frozen=True)
class Claims:
    """What the pod's volumes ask of a node."""

    missing: str | None = None
    """A claim that does not exist."""
    unbound: bool = False
    """A claim that must be bound before a pod can be placed, and is not."""
    affinities: tuple[Sequence[Object], ...] = ()
    """The node selector terms of each of the bound volumes that has them."""


@dataclass(frozen=True)
class Unschedulable:
    """The condition's and the event's message."""

    message: str


@dataclass
class _Refusals:
    reasons: Counter[str] = field(default_factory=Counter)
    helpless: int = 0
    """Nodes that would not fit if they were empty."""
    full: int = 0


def requests(pod: Object) -> dict[str, Fraction]:
    """What a pod takes of a node: the sum over its containers, or the greatest of its init containers.

    https://kubernetes.io/docs/concepts/workloads/pods/init-containers/#resource-sharing-within-containers
    """
    total: dict[str, Fraction] = {"pods": Fraction(1)}
    for container in pod["spec"]["containers"]:
        for name, amount in _asked(container).items():
            total[name] = total.get(name, Fraction(0)) + amount
    for container in pod["spec"].get("initContainers") or []:
        for name, amount in _asked(container).items():
            total[name] = max(total.get(name, Fraction(0)), amount)
    return total


def place(pod: Object, nodes: Sequence[Object], pods: Iterable[Object], claims: Claims) -> str | Unschedulable:
    """The name of the node that is preferred, then of the one with the most room; or why there is none."""
    count = len(nodes)
    if claims.missing:
        return _nowhere(count, f'persistentvolumeclaim "{claims.missing}" not found')
    if claims.unbound:
        return _nowhere(count, "pod has unbound immediate PersistentVolumeClaims")
    others = list(pods)
    wanted, used = requests(pod), _used(others)
    spread, beside = overcrowded(pod, nodes, others), together(pod, nodes, others)
    refusals, fitting = _Refusals(), list[tuple[int, Fraction, str]]()
    for node in nodes:
        name = node["metadata"]["name"]
        free = _free(node, used.get(name, {}))
        reasons = _refusals(pod, node, wanted, free, claims, refusals)
        if not reasons and (name in spread or (beside is not None and name not in beside)):
            refusals.full += 1
            reasons = [_SPREAD if name in spread else _BESIDE]
        refusals.reasons.update(reasons)
        if not reasons:
            left = [free[each] / capacity for each, capacity in _capacity(node).items() if capacity]
            fitting.append((-preference(pod, node), -sum(left, Fraction(0)), name))
    if fitting:
        return min(fitting)[2]
    said = ", ".join(sorted(f"{number} {reason}" for reason, number in refusals.reasons.items()))
    return Unschedulable(f"0/{count} nodes are available: {said}. {_preemption(count, refusals)}")


def _refusals(
    pod: Object,
    node: Object,
    wanted: Mapping[str, Fraction],
    free: Mapping[str, Fraction],
    claims: Claims,
    refusals: _Refusals,
) -> list[str]:
    """The reasons of the first filter that refuses the node."""
    taint = untolerated(pod, node)
    hard = (
        _CORDONED
        if node["spec"].get("unschedulable")
        else f"node(s) had untolerated taint {{{taint['key']}: {taint.get('value', '')}}}"
        if taint
        else None
        if selected(pod, node)
        else _AFFINITY
    )
    if hard:
        refusals.helpless += 1
        return [hard]
    short = [name for name, amount in wanted.items() if amount > free.get(name, Fraction(0))]
    if short:
        capacity = _capacity(node)
        never = any(wanted[name] > capacity.get(name, Fraction(0)) for name in short)
        refusals.helpless += never
        refusals.full += not never
        return ["Too many pods" if name == "pods" else f"Insufficient {name}" for name in short]
    if not all(terms_match(terms, node) for terms in claims.affinities):
        refusals.helpless += 1
        return [_VOLUME]
    return []


def _nowhere(count: int, reason: str) -> Unschedulable:
    return Unschedulable(f"0/{count} nodes are available: {reason}. {_preemption(count, _Refusals(helpless=count))}")


def _preemption(count: int, refusals: _Refusals) -> str:
    parts = [(refusals.full, _NO_VICTIMS), (refusals.helpless, _HELPLESS)]
    said = ", ".join(f"{number} {reason}" for number, reason in parts if number)
    return f"preemption: 0/{count} nodes are available" + (f": {said}." if said else ".")


def _asked(container: Object) -> dict[str, Fraction]:
    resources = container.get("resources") or {}
    asked = {**(resources.get("limits") or {}), **(resources.get("requests") or {})}
    return {name: quantity(amount) for name, amount in asked.items()}


def _used(pods: Iterable[Object]) -> dict[str, dict[str, Fraction]]:
    """By node: what is taken by pods that are not over."""
    used: dict[str, dict[str, Fraction]] = {}
    for pod in pods:
        node = pod["spec"].get("nodeName")
        if node and (pod.get("status") or {}).get("phase") not in _OVER:
            taken = used.setdefault(node, {})
            for name, amount in requests(pod).items():
                taken[name] = taken.get(name, Fraction(0)) + amount
    return used


def _capacity(node: Object) -> dict[str, Fraction]:
    return {name: quantity(amount) for name, amount in (node["status"].get("allocatable") or {}).items()}


def _free(node: Object, used: Mapping[str, Fraction]) -> dict[str, Fraction]:
    return {name: amount - used.get(name, Fraction(0)) for name, amount in _capacity(node).items()}
