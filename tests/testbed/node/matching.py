"""Whether a pod may go to a node: node selectors, affinity, taints and tolerations.

https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/,
https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Object = dict[str, Any]
_KEEPS_OUT = ("NoSchedule", "NoExecute")


def selected(pod: Object, node: Object) -> bool:
    """nodeSelector, and the required part of nodeAffinity."""
    labels = node["metadata"].get("labels") or {}
    spec = pod["spec"]
    if any(labels.get(key) != value for key, value in (spec.get("nodeSelector") or {}).items()):
        return False
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    return required is None or terms_match(required["nodeSelectorTerms"], node)


def terms_match(terms: Sequence[Object], node: Object) -> bool:
    """One of the terms is enough; all of a term's requirements are needed; an empty term matches nothing."""
    return any(_term_matches(term, node) for term in terms)


def overcrowded(pod: Object, nodes: Sequence[Object], pods: Sequence[Object]) -> set[str]:
    """Nodes where one pod more would be against a topology spread constraint that must hold (DoNotSchedule).

    https://kubernetes.io/docs/concepts/scheduling-eviction/topology-spread-constraints/
    """
    out: set[str] = set()
    for constraint in pod["spec"].get("topologySpreadConstraints") or []:
        if constraint["whenUnsatisfiable"] != "DoNotSchedule":
            continue
        wanted = (constraint.get("labelSelector") or {}).get("matchLabels") or {}
        domains = {
            node["metadata"]["name"]: (node["metadata"].get("labels") or {}).get(constraint["topologyKey"])
            for node in nodes
            if selected(pod, node)
        }
        counts = dict.fromkeys((domain for domain in domains.values() if domain is not None), 0)
        for other in pods:
            domain = domains.get(other["spec"].get("nodeName") or "")
            labels = other["metadata"].get("labels") or {}
            if domain is not None and wanted.items() <= labels.items():
                counts[domain] += 1
        fewest = min(counts.values(), default=0)
        out |= {
            name
            for name, domain in domains.items()
            if domain is None or counts[domain] + 1 - fewest > constraint["maxSkew"]
        }
    return out


def together(pod: Object, nodes: Sequence[Object], pods: Sequence[Object]) -> set[str] | None:
    """The nodes where the pod finds those that it must be beside (podAffinity); None: it must be beside none.

    A pod that matches its own term may be the first of them.
    https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/#inter-pod-affinity-and-anti-affinity
    """
    affinity = (pod["spec"].get("affinity") or {}).get("podAffinity") or {}
    terms = affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or []
    found: set[str] | None = None
    for term in terms:
        allowed = _beside(term, pod, nodes, pods)
        found = allowed if found is None else found & allowed
    return found


def _beside(term: Object, pod: Object, nodes: Sequence[Object], pods: Sequence[Object]) -> set[str]:
    wanted = (term.get("labelSelector") or {}).get("matchLabels") or {}
    domains = {
        node["metadata"]["name"]: (node["metadata"].get("labels") or {}).get(term["topologyKey"]) for node in nodes
    }
    there = {
        domains.get(other["spec"].get("nodeName") or "")
        for other in pods
        if other["metadata"]["namespace"] == pod["metadata"]["namespace"]
        and wanted.items() <= (other["metadata"].get("labels") or {}).items()
    } - {None}
    if not there and wanted.items() <= (pod["metadata"].get("labels") or {}).items():
        return {name for name, domain in domains.items() if domain is not None}
    return {name for name, domain in domains.items() if domain in there}


def preference(pod: Object, node: Object) -> int:
    """The weight of the preferred terms of nodeAffinity that the node matches."""
    affinity = (pod["spec"].get("affinity") or {}).get("nodeAffinity") or {}
    preferred = affinity.get("preferredDuringSchedulingIgnoredDuringExecution") or []
    return sum(term["weight"] for term in preferred if terms_match([term["preference"]], node))


def _term_matches(term: Object, node: Object) -> bool:
    expressions, fields = term.get("matchExpressions") or [], term.get("matchFields") or []
    labels = node["metadata"].get("labels") or {}
    names = {"metadata.name": node["metadata"]["name"]}
    if not expressions and not fields:
        return False
    return all(_required(each, labels) for each in expressions) and all(_required(each, names) for each in fields)


def _required(requirement: Object, labels: Mapping[str, str]) -> bool:
    key, operator, values = requirement["key"], requirement["operator"], requirement.get("values") or []
    found = labels.get(key)
    if operator == "In":
        return found in values
    if operator == "NotIn":
        return found not in values
    if operator == "Exists":
        return found is not None
    if operator == "DoesNotExist":
        return found is None
    if found is None or not found.lstrip("-").isdigit():
        return False
    return int(found) > int(values[0]) if operator == "Gt" else int(found) < int(values[0])


def untolerated(pod: Object, node: Object) -> Object | None:
    """The first taint that keeps the pod out."""
    tolerations = pod["spec"].get("tolerations") or []
    for taint in node["spec"].get("taints") or []:
        if taint["effect"] in _KEEPS_OUT and not any(_tolerates(each, taint) for each in tolerations):
            return dict(taint)
    return None


def _tolerates(toleration: Object, taint: Object) -> bool:
    if toleration.get("effect") and toleration["effect"] != taint["effect"]:
        return False
    if toleration.get("key") and toleration["key"] != taint["key"]:
        return False
    if toleration.get("operator") == "Exists":
        return True
    return bool(toleration.get("key")) and (toleration.get("value") or "") == (taint.get("value") or "")
