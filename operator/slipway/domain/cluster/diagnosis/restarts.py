"""Containers that end again and again, for a reason that they do not tell themselves."""

import signal

from slipway.domain.cluster.diagnosis import resources
from slipway.domain.cluster.diagnosis.reasons import Cause, Patience, Reason
from slipway.domain.cluster.diagnosis.seen import Container, Ended, Pod, number, part

TRIES = 3
"""Restarts from which on it counts as a loop. The kubelet waits 10, 20, 40 … seconds between them:
https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#container-restarts"""
_BY_SIGNAL = 128
"""Exit codes above it stand for a signal: https://tldp.org/LDP/abs/html/exitcodes.html"""
_KILLED = (0, _BY_SIGNAL + signal.SIGINT, _BY_SIGNAL + signal.SIGKILL, _BY_SIGNAL + signal.SIGTERM)
"""How one ends that was asked to: TGI's launcher with 0, as it takes SIGTERM for a wish."""
_ASKED_TO_END = ("KeyboardInterrupt: terminated", "KeyboardInterrupt")
"""What vLLM says then: https://github.com/vllm-project/vllm/blob/main/docs/deployment/k8s.md"""
_DEFAULT_GRACE = 30
"""Seconds: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination"""
_SLACK = 60
"""Seconds that the kubelet may take beside, and that a probe may begin late."""
_LOG = "kubectl logs --previous has all of its log"
_NAMES = {int(known): known.name for known in signal.Signals}
_SIGNALS: dict[int, str] = {
    signal.SIGILL: "the processor of its node lacks an instruction that the engine needs",
    signal.SIGABRT: "it has given itself up",
    signal.SIGKILL: "it was killed: by its liveness probe, or by a node that is short of memory; its events say which",
    signal.SIGTERM: "it was asked to end: by its liveness probe, or with its node; its events say which",
    signal.SIGSEGV: "it has used memory that is not its own, which is a defect of the engine or of a driver",
}


def startup_kill(pod: Pod, container: Container, ended: Ended, words: str) -> Cause | None:
    """Whether the kubelet has ended a container because its startup probe had failed for too long.

    Only an event says so. What tells it apart is how long the container ran: as long as its probe allows, and hardly
    longer. A container that has started and is ended later by its liveness probe runs longer.
    """
    budget, ran = _startup_budget(container), ended.seconds
    was_killed = ended.exit_code in _KILLED or words.startswith(_ASKED_TO_END)
    if budget is None or ran is None or not was_killed:
        return None
    period, seconds = budget
    grace = number(part(container.spec, "startupProbe").get("terminationGracePeriodSeconds"), -1)
    if grace < 0:
        grace = number(pod.spec.get("terminationGracePeriodSeconds"), _DEFAULT_GRACE)
    if not seconds - period <= ran <= seconds + grace + _SLACK:
        return None
    return Cause(
        Reason.STARTUP_TIMED_OUT,
        f"was ended because it had not started after {-(-seconds // 60)} minutes",
        "its last words" if words else "",
        "" if words.startswith(_ASKED_TO_END) else words,
        "If it was still downloading or loading, raise spec.rollout.startupTimeout, or let a cache keep the weights "
        f"(spec.target.cluster.cache); {_LOG}",
        Patience.NONE,
        ended.finished,
    )


def crash(container: Container, ended: Ended, words: str) -> Cause | None:
    """Anything else that ends, once it has done so too often to be chance."""
    if number_of_signal(ended) == signal.SIGBUS:
        return _bus_error(ended, words)
    if container.restarts < TRIES:
        return None
    return Cause(
        Reason.CRASH_LOOP,
        f"ends again and again ({_how(ended)})",
        "its last words" if words else "",
        words,
        f"{_LOG}" if words else f"It left no words; {_LOG}",
        Patience.SOME,
        ended.finished,
    )


def number_of_signal(ended: Ended) -> int:
    """The signal that has ended it; 0 for none."""
    return ended.signal or (ended.exit_code - _BY_SIGNAL if _BY_SIGNAL < ended.exit_code <= _BY_SIGNAL + 64 else 0)


def _bus_error(ended: Ended, words: str) -> Cause:
    """What a process dies of that uses more shared memory than there is: https://man7.org/linux/man-pages/man5/tmpfs.5.html"""
    what = "has ended by SIGBUS: the shared memory (/dev/shm) does not suffice"
    advice, since = resources.RAISE_SHARED_MEMORY, ended.finished
    speaker = "its last words" if words else ""
    return Cause(Reason.OUT_OF_SHARED_MEMORY, what, speaker, words, advice, Patience.SOME, since)


def _how(ended: Ended) -> str:
    by_signal = number_of_signal(ended)
    if not by_signal:
        return "of itself, without an error" if ended.exit_code == 0 else f"exit code {ended.exit_code}"
    name = _NAMES.get(by_signal, f"signal {by_signal}")
    return f"{name}: {_SIGNALS[by_signal]}" if by_signal in _SIGNALS else name


def _startup_budget(container: Container) -> tuple[int, int] | None:
    """Seconds between two probes, and seconds after which the last one has failed; None without a startup probe.
    Defaults: https://kubernetes.io/docs/tasks/configure-pod-container/configure-liveness-readiness-startup-probes/"""
    probe = part(container.spec, "startupProbe")
    if not probe:
        return None
    period, failures = number(probe.get("periodSeconds"), 10), number(probe.get("failureThreshold"), 3)
    return period, number(probe.get("initialDelaySeconds")) + period * failures
