"""Pods that no node takes, in the scheduler's words.

- https://github.com/kubernetes/kubernetes/blob/master/pkg/scheduler/framework/types.go (FitError): how the reasons of
  all nodes become one text, and what preemption adds
- https://github.com/kubernetes/kubernetes/tree/master/pkg/scheduler/framework/plugins: the reasons
"""

import re
from datetime import datetime
from typing import NamedTuple

from slipway.domain.cluster.diagnosis.reasons import Cause, Reason
from slipway.domain.cluster.diagnosis.seen import Pod, parts, text
from slipway.domain.cluster.diagnosis.words import quoted, sentence, shortened

LONGEST_WORDS = 330
"""Characters of the scheduler's own words: what they come to is said before."""

_NODES = re.compile(r"0/(\d+) nodes are available:? ?")
_PREEMPTION = re.compile(r"[.,]? ?(?:no new claims to deallocate[.,] ?)?(?:preemption: |preempt: ).*$")
"""That nobody can be moved away is no news, and the reasons are those from before once more."""
_NEXT = re.compile(r", (?=\d+ )")
"""Before the next reason. A reason may have commas: `3 node(s) had taint {a: b}, that the pod didn't tolerate`."""
_COUNTED = re.compile(r"(\d+) (.*)", re.DOTALL)
_SHORT = re.compile(r"Insufficient (\S+)|Too many pods")
_LABELS = re.compile(r"node affinity|node selector|affinity/selector")
_TAINT = re.compile(r"\{[^{}]*\}")
_VOLUME = re.compile(r"volume|\bpvc", re.IGNORECASE)


class Refusal(NamedTuple):
    """Why some nodes do not take a pod."""

    nodes: int
    why: str

    @property
    def short_of(self) -> str:
        """The resource of which they have too little; empty if it is something else."""
        found = _SHORT.match(self.why)
        return (found[1] or "pods").rstrip(".,") if found else ""

    @property
    def is_about_volumes(self) -> bool:
        """Whether they cannot use a volume of the pod."""
        return _VOLUME.search(self.why) is not None


class Verdict(NamedTuple):
    """What the scheduler says about all nodes."""

    nodes: int
    refusals: tuple[Refusal, ...]
    whole: str
    """Of a refusal that is not about single nodes; empty if there is none."""


def verdict(message: str) -> Verdict | None:
    """What the scheduler's words say; None if they are none that are known."""
    head = _NODES.search(message)
    if head is None:
        return None
    rest = sentence(_PREEMPTION.sub("", message[head.end() :]))
    refusals, whole = [], []
    for reason in _NEXT.split(rest):
        found = _COUNTED.fullmatch(reason)
        if found and len(found[1]) <= 6:
            refusals.append(Refusal(int(found[1]), found[2]))
        elif reason:
            whole.append(reason)
    return Verdict(int(head[1][:6]), tuple(refusals), ", ".join(whole))


def scheduling_cause(pod: Pod, claims: str = "") -> Cause | None:
    """Why a pod has no node; None: it has one, or the scheduler has not said anything. `claims`: what is known of its
    PersistentVolumeClaims, for where these are the cause."""
    condition = pod.conditions.get("PodScheduled")
    if condition is None or condition.status != "False":
        return None
    words = quoted(condition.message)
    if condition.reason == "SchedulingGated":
        return Cause(
            Reason.UNSCHEDULABLE,
            f"waits for its scheduling gates{_gates(pod)} to be taken away",
            advice="Look at who has put them there: mostly Kueue, when its queue has no room",
            since=condition.since,
        )
    said = verdict(words)
    if said is not None and not said.refusals and _VOLUME.search(said.whole):
        return _of_volumes(pod, words, claims, condition.since)
    if said is None and _VOLUME.search(words):
        return _of_volumes(pod, words, claims, condition.since)
    what = f": {_summary(said)}" if said and said.refusals else ""
    return Cause(
        Reason.UNSCHEDULABLE,
        f"finds no node{what}",
        "the scheduler says" if words else "",
        shortened(_PREEMPTION.sub("", words), LONGEST_WORDS),
        _advice(said),
        since=condition.since,
    )


def _of_volumes(pod: Pod, words: str, claims: str, since: datetime | None) -> Cause:
    names = ", ".join(quoted(name) for name in pod.claims)
    return Cause(
        Reason.VOLUME_NOT_READY,
        f"waits for its volume{f' ({names})' if names else ''}{claims}",
        "the scheduler says",
        shortened(_PREEMPTION.sub("", words), LONGEST_WORDS),
        CLAIM_ADVICE,
        since=since,
    )


CLAIM_ADVICE = (
    "The events of the claim say why (kubectl describe pvc): is there a StorageClass of the name in "
    "spec.target.cluster.cache.storageClass, or a default one, and can it do cache.accessMode"
)


def _gates(pod: Pod) -> str:
    names = [quoted(text(gate.get("name"))) for gate in parts(pod.spec.get("schedulingGates"))]
    return f" ({', '.join(names)})" if names else ""


def _summary(said: Verdict) -> str:
    """Which resource is short on how many nodes, and how many are out of the question for another reason."""
    return ", ".join(filter(None, (_in_short(refusal, said.nodes) for refusal in said.refusals)))


def _in_short(refusal: Refusal, nodes: int) -> str:
    if refusal.short_of:
        return f"{refusal.nodes} of {nodes} nodes have too little {refusal.short_of} free"
    if refusal.is_about_volumes:
        return f"{refusal.nodes} cannot use its volume"
    if "taint" in refusal.why:
        taint = _TAINT.search(refusal.why)
        return f"{refusal.nodes} have a taint{f' {taint[0]}' if taint else ''} that it does not tolerate"
    if _LABELS.search(refusal.why):
        return f"{refusal.nodes} lack labels that it asks for"
    return f"{refusal.nodes} are cordoned" if "unschedulable" in refusal.why else ""


def _advice(said: Verdict | None) -> str:
    """At most two things to do: about what is short, and about nodes that are out of the question."""
    refusals = said.refusals if said else ()
    short = {refusal.short_of for refusal in refusals if refusal.short_of}
    found = []
    if any("/" in resource for resource in short):
        found.append(
            "Free GPUs or add nodes, or ask for fewer (spec.target.cluster.gpus, spec.replicas). A BlueGreen roll "
            "needs room for both revisions; rollout.strategy Rolling or Recreate needs less"
        )
    elif short:
        found.append(
            "Ask for less (spec.target.cluster.memory or cpu, ephemeral-storage in podTemplate), or add larger nodes"
        )
    if any(refusal.is_about_volumes for refusal in refusals):
        found.append("The volume is tied to one zone or node: use a StorageClass with accessMode ReadWriteMany")
    elif any(_LABELS.search(refusal.why) for refusal in refusals):
        found.append(
            "Correct spec.target.cluster.gpuProducts or minGpuMemory, or label nodes with GPU feature discovery"
        )
    elif any("taint" in refusal.why for refusal in refusals):
        found.append("Add tolerations to spec.target.cluster.podTemplate, if those nodes are meant for it")
    return ". ".join(found[:2])
