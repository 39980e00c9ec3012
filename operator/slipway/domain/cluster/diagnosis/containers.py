"""Why a container does not run, or does not stay.

The kubelet's words: https://github.com/kubernetes/kubernetes/tree/master/pkg/kubelet/kuberuntime
(kuberuntime_container.go, security_context_others.go) and …/pkg/kubelet/kubelet_pods.go.
"""

import re
from datetime import datetime

from slipway.domain.cluster.diagnosis import arguments, gpus, images, resources, weights
from slipway.domain.cluster.diagnosis.last_words import passages, telling
from slipway.domain.cluster.diagnosis.reasons import Cause, Patience, Reason
from slipway.domain.cluster.diagnosis.restarts import crash, startup_kill
from slipway.domain.cluster.diagnosis.seen import Container, Ended, Pod, part
from slipway.domain.cluster.diagnosis.signs import Recognised, recognised
from slipway.domain.cluster.diagnosis.words import quoted, shortened

LONGEST_WORDS = 500
"""Characters of a container's own words: room is left for what is the case and what to do."""
SIGNS = (
    *gpus.SIGNS,
    *arguments.COUNT_OF_GPUS,
    *arguments.MODEL,
    *resources.SIGNS,
    *weights.SIGNS,
    *arguments.COMMAND_LINE,
)
"""In the order in which they count: what is rather a consequence comes later."""
_NEVER_BEGAN = frozenset({"StartError", "ContainerCannotRun"})
"""Reasons of a container whose process was never there: of containerd and CRI-O, and of Docker."""
_ROOT = re.compile(r"runAsNonRoot|non-root policy|run as root")
_HOOKS = ("PreCreateHookError", "PreStartHookError", "PostStartHookError")
_NOT_IN_IMAGE = re.compile(
    r"executable file .{0,120}not found|no such file or directory|exec format error|permission denied|not a directory"
    r"|command not found|: not found"
)

_RUNTIME = "the container runtime says"
_COMMAND_ADVICE = (
    "Choose an image of the engine that spec.engine.name says, or correct command in spec.target.cluster.podTemplate"
)
_HOOK_ADVICE = "Correct lifecycle in spec.target.cluster.podTemplate; the events of the pod have more"
_RUNTIME_ADVICE = "It is tried again by itself; look at the node if that does not help"


def container_cause(pod: Pod, container: Container, now: datetime, log: str = "") -> Cause | None:
    """What is wrong with a container; None: nothing as far as one can see. `log`: its last lines, where they are known
    beside those in the status."""
    if container.ready or (container.running and container.started):
        return None  # however it ended before, it has got further since
    if container.waiting in images.WAITING:
        return images.image_cause(pod, container, now)
    if container.waiting == "CreateContainerConfigError":
        return _config(container)
    if container.waiting in ("CreateContainerError", "RunContainerError", *_HOOKS):
        return _start(container.waiting_message, container, None)
    if container.ended is None:
        return None
    return _ended(pod, container, container.ended, log)


def is_silent(container: Container) -> bool:
    """Whether a container has ended, and neither the kubelet nor its last lines say why."""
    ended = container.ended
    if (
        ended is None
        or container.ready
        or (container.running and container.started)
        or container.waiting in images.WAITING
    ):
        return False
    if ended.exit_code == 0 or ended.reason == "OOMKilled" or ended.reason in _NEVER_BEGAN:
        return False
    found = passages(ended.message)
    return recognised(found, SIGNS) is None and all(passage.is_generic for passage in found if passage.is_error)


def _config(container: Container) -> Cause:
    words = quoted(container.waiting_message)
    if _ROOT.search(words):
        return Cause(
            Reason.CONTAINER_CONFIG,
            "may not run: its image would run as root, or does not say as whom",
            "the kubelet says",
            words,
            "Set securityContext.runAsUser to a number above 0 in spec.target.cluster.podTemplate, or choose an image "
            "with a numeric USER",
            Patience.NONE,
        )
    return Cause(
        Reason.CONTAINER_CONFIG,
        "waits for something that it is configured with",
        "the kubelet says",
        words,
        "Create the Secret or ConfigMap in this namespace, or add the key; it is tried again by itself",
        Patience.ALL,
    )


def _start(message: str, container: Container, ended: Ended | None) -> Cause:
    words, since = quoted(message), ended.finished if ended else None
    known = recognised(passages(message), gpus.SIGNS)
    if known:
        return _known(known, "cannot start", _RUNTIME, since)
    if container.waiting in _HOOKS:
        why, advice, patience = "a lifecycle hook fails", _HOOK_ADVICE, Patience.SOME
    elif _NOT_IN_IMAGE.search(words):
        why, advice, patience = "its image does not hold what it is to run", _COMMAND_ADVICE, Patience.NONE
    else:
        why, advice, patience = "the container runtime fails", _RUNTIME_ADVICE, Patience.SOME
    short = shortened(words, LONGEST_WORDS)
    return Cause(Reason.CONTAINER_START, f"cannot start: {why}", _RUNTIME, short, advice, patience, since)


def _ended(pod: Pod, container: Container, ended: Ended, log: str) -> Cause | None:
    if ended.reason in _NEVER_BEGAN:
        return _start(ended.message, container, ended)
    if ended.reason == "OOMKilled":
        return _out_of_memory(container, ended)
    if ended.reason == "ContainerStatusUnknown":
        return None  # its node has forgotten it: what became of the pod tells more
    found = passages(log) + passages(ended.message)
    known = recognised(found, SIGNS)
    if known:
        return _known(known, "has ended", "it says", ended.finished)
    words = shortened(telling(found), LONGEST_WORDS)
    if ended.exit_code in (126, 127):
        return _start(words or "the shell has not found the command", container, ended)
    return startup_kill(pod, container, ended, words) or crash(container, ended, words)


def _known(known: Recognised, what: str, speaker: str, since: datetime | None) -> Cause:
    found = known.sign
    words = shortened(known.passage, LONGEST_WORDS, known.at)
    return Cause(found.reason, f"{what}: {found.what}", speaker, words, found.advice, found.patience, since)


def _out_of_memory(container: Container, ended: Ended) -> Cause:
    """https://kubernetes.io/docs/tasks/configure-pod-container/assign-memory-resource/#exceed-a-container-s-memory-limit"""
    limit = part(container.spec, "resources", "limits").get("memory")
    amount = f" ({limit})" if isinstance(limit, str) else ""
    return Cause(
        Reason.OUT_OF_MEMORY,
        f"was killed for using more memory than it may{amount}",
        advice=resources.RAISE_MEMORY if container.is_engine else "Raise its limit in spec.target.cluster.podTemplate",
        patience=Patience.SOME,
        since=ended.finished,
    )
