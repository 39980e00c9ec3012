"""What ends for an unknown reason."""

from datetime import timedelta

from slipway.domain.cluster.diagnosis.reasons import Reason
from tests.unit.domain.cluster.diagnosis import logs
from tests.unit.domain.cluster.diagnosis.cases.case import TGI, VLLM, Case, ended
from tests.unit.domain.cluster.diagnosis.pods import STARTUP_SECONDS

CASES = {
    "not started in time": Case(
        Reason.STARTUP_TIMED_OUT,
        "https://kubernetes.io/docs/concepts/workloads/pods/probes/#startup-probe",
        ended(
            "2026-11-21T11:29:13.941247Z  INFO shard-manager: text_generation_launcher: Waiting for shard to be "
            "ready...",
            code=137,
            ran=timedelta(seconds=STARTUP_SECONDS + 90),
        ),
        ("had not started after 30 minutes", "“Waiting for shard to be ready”", "spec.rollout.startupTimeout"),
        hopeless=True,
    ),
    "TGI asked to end": Case(
        Reason.STARTUP_TIMED_OUT,
        TGI + "blob/main/launcher/src/main.rs",
        ended("", code=0, reason="Completed", ran=timedelta(seconds=STARTUP_SECONDS + 4)),
        ("had not started after 30 minutes",),
        hopeless=True,
    ),
    "vLLM asked to end": Case(
        Reason.STARTUP_TIMED_OUT,
        VLLM + "blob/main/docs/deployment/k8s.md",
        ended("KeyboardInterrupt: terminated\n", ran=timedelta(seconds=STARTUP_SECONDS + 2)),
        ("had not started after 30 minutes",),
        hopeless=True,
    ),
    "unknown words": Case(
        Reason.CRASH_LOOP,
        VLLM + "issues/19002",
        ended(logs.VLLM_END, restarts=3),
        ("ends again and again (exit code 1)", "Engine core initialization failed", "kubectl logs --previous"),
        hopeless=True,
    ),
    "no words": Case(
        Reason.CRASH_LOOP,
        "https://man7.org/linux/man-pages/man7/signal.7.html",
        ended("", code=139, restarts=3),
        ("SIGSEGV", "It left no words; kubectl logs --previous"),
        hopeless=True,
    ),
}
