"""What a container needs before it starts."""

from datetime import timedelta

from slipway.domain.cluster.diagnosis.reasons import Reason
from tests.unit.domain.cluster.diagnosis import logs
from tests.unit.domain.cluster.diagnosis.cases.case import KUBERNETES, Case, ended
from tests.unit.domain.cluster.diagnosis.pods import crashed, pod, waiting

CASES = {
    "no Secret": Case(
        Reason.CONTAINER_CONFIG,
        KUBERNETES + "pkg/kubelet/kubelet_pods.go",
        [pod(waiting("CreateContainerConfigError", 'secret "hf" not found'))],
        ('The kubelet says: “secret "hf" not found”', "in this namespace"),
    ),
    "no key in the Secret": Case(
        Reason.CONTAINER_CONFIG,
        KUBERNETES + "pkg/kubelet/kubelet_pods.go",
        [pod(waiting("CreateContainerConfigError", "couldn't find key token in Secret ml/hf"))],
        ("couldn't find key token in Secret ml/hf", "add the key"),
    ),
    "root": Case(
        Reason.CONTAINER_CONFIG,
        KUBERNETES + "pkg/kubelet/kuberuntime/security_context_others.go",
        [
            pod(
                waiting(
                    "CreateContainerConfigError",
                    'container has runAsNonRoot and image will run as root (pod: "twin-5d9c-x_ml(8f)", '
                    "container: engine)",
                )
            )
        ],
        ("its image would run as root", "runAsUser", "spec.target.cluster.podTemplate"),
        hopeless=True,
    ),
    "a user by name": Case(
        Reason.CONTAINER_CONFIG,
        KUBERNETES + "pkg/kubelet/kuberuntime/security_context_others.go",
        [
            pod(
                waiting(
                    "CreateContainerConfigError",
                    "container has runAsNonRoot and image has non-numeric user (vllm), cannot verify user is non-root",
                )
            )
        ],
        ("non-numeric user (vllm)", "runAsUser"),
        hopeless=True,
    ),
    "no executable": Case(
        Reason.CONTAINER_START,
        "https://github.com/LMCache/LMCache/issues/1850",
        [pod(crashed(logs.NO_EXECUTABLE, code=128, reason="StartError", ran=timedelta()))],
        ("its image does not hold what it is to run", 'exec: "vllm": executable file not found', "spec.engine.name"),
        hopeless=True,
    ),
    "no executable, seen early": Case(
        Reason.CONTAINER_START,
        "https://github.com/LMCache/LMCache/issues/1850",
        [pod(waiting("RunContainerError", logs.NO_EXECUTABLE))],
        ("cannot start: its image does not hold what it is to run",),
        hopeless=True,
    ),
    "no command in the shell": Case(
        Reason.CONTAINER_START,
        "https://www.gnu.org/software/bash/manual/html_node/Exit-Status.html",
        ended("/bin/sh: 1: text-generation-launcher: not found\n", code=127),
        ("text-generation-launcher: not found",),
        hopeless=True,
    ),
    "a runtime that fails": Case(
        Reason.CONTAINER_START,
        KUBERNETES + "pkg/kubelet/kuberuntime/kuberuntime_container.go",
        [pod(waiting("CreateContainerError", "context deadline exceeded"))],
        ("the container runtime fails", "context deadline exceeded"),
    ),
    "a hook": Case(
        Reason.CONTAINER_START,
        KUBERNETES + "pkg/kubelet/lifecycle/handlers.go",
        [pod(waiting("PostStartHookError", "Exec lifecycle hook ([/warm]) for Container failed"))],
        ("a lifecycle hook fails", "spec.target.cluster.podTemplate"),
    ),
}
