"""The check of the restricted profile finds every single thing that the profile forbids."""

from copy import deepcopy
from typing import Any

import pytest

from tests.unit.domain.cluster.pod_security import BASELINE_CAPABILITIES, CONTROLS, Pod, violations


class _Absent:
    """A name that is the same in every process: workers must collect the same tests."""

    def __repr__(self) -> str:
        return "absent"


ABSENT = _Absent()
_RESTRICTED = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
KINDS = ("containers", "initContainers", "ephemeralContainers")
PROBED = ("containers", "initContainers")


def pod() -> Any:
    """Fulfils everything, with a container of each kind."""
    return {
        "metadata": {"annotations": {}},
        "spec": {
            "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
            "volumes": [{"name": "home", "emptyDir": {}}],
            **{kind: [{"name": "one", "securityContext": deepcopy(_RESTRICTED)}] for kind in KINDS},
        },
    }


def put(target: Any, path: tuple[Any, ...], value: Any) -> None:
    *way, last = path
    for step in way:
        target = target[step] if isinstance(step, int) else target.setdefault(step, {})
    if value is ABSENT:
        target.pop(last, None)
    else:
        target[last] = value


def of_containers(*path: Any) -> list[tuple[Any, ...]]:
    return [("spec", kind, 0, *path) for kind in KINDS]


def everywhere(*path: Any) -> list[tuple[Any, ...]]:
    return [("spec", "securityContext", *path), *of_containers("securityContext", *path)]


PROBES = [
    ("spec", kind, 0, *probe, action, "host")
    for kind in PROBED
    for probe in (
        ("livenessProbe",),
        ("readinessProbe",),
        ("startupProbe",),
        ("lifecycle", "postStart"),
        ("lifecycle", "preStop"),
    )
    for action in ("httpGet", "tcpSocket")
]

MUTATIONS: list[tuple[str, list[tuple[Any, ...]], Any]] = [
    ("HostProcess", everywhere("windowsOptions", "hostProcess"), True),
    ("Host Namespaces", [("spec", name) for name in ("hostNetwork", "hostPID", "hostIPC")], True),
    ("Privileged Containers", of_containers("securityContext", "privileged"), True),
    ("Capabilities (baseline)", of_containers("securityContext", "capabilities", "add"), ["SYS_ADMIN"]),
    ("HostPath Volumes", [("spec", "volumes", 0, "hostPath")], {"path": "/"}),
    ("Host Ports", of_containers("ports"), [{"containerPort": 80}, {"containerPort": 81, "hostPort": 81}]),
    ("Host Probes / Lifecycle Hooks", PROBES, "169.254.169.254"),
    ("AppArmor", everywhere("appArmorProfile", "type"), "Unconfined"),
    ("AppArmor", [("metadata", "annotations", "container.apparmor.security.beta.kubernetes.io/one")], "unconfined"),
    ("SELinux", everywhere("seLinuxOptions", "type"), "spc_t"),
    ("SELinux", everywhere("seLinuxOptions", "user"), "system_u"),
    ("SELinux", everywhere("seLinuxOptions", "role"), "system_r"),
    ("/proc Mount Type", of_containers("securityContext", "procMount"), "Unmasked"),
    ("Seccomp (baseline)", everywhere("seccompProfile", "type"), "Unconfined"),
    ("Sysctls", [("spec", "securityContext", "sysctls")], [{"name": "kernel.msgmax", "value": "1"}]),
    ("Volume Types", [("spec", "volumes", 0)], {"name": "home", "nfs": {"server": "one", "path": "/"}}),
    ("Volume Types", [("spec", "volumes", 0)], {"name": "home", "hostPath": {"path": "/"}}),
    ("Volume Types", [("spec", "volumes", 0)], {"name": "home"}),
    ("Privilege Escalation", of_containers("securityContext", "allowPrivilegeEscalation"), True),
    ("Privilege Escalation", of_containers("securityContext", "allowPrivilegeEscalation"), ABSENT),
    ("Running as Non-root", [("spec", "securityContext", "runAsNonRoot")], ABSENT),
    ("Running as Non-root", everywhere("runAsNonRoot"), False),
    ("Running as Non-root user", everywhere("runAsUser"), 0),
    ("Seccomp", [("spec", "securityContext", "seccompProfile")], ABSENT),
    ("Seccomp", everywhere("seccompProfile", "type"), "Unconfined"),
    ("Capabilities", of_containers("securityContext", "capabilities", "drop"), ["NET_RAW"]),
    ("Capabilities", of_containers("securityContext", "capabilities"), ABSENT),
    ("Capabilities", of_containers("securityContext", "capabilities", "add"), ["CHOWN"]),
    ("Capabilities", of_containers("securityContext"), ABSENT),
]
SINGLE = [(control, path, value) for control, paths, value in MUTATIONS for path in paths]


def test_a_pod_that_fulfils_everything_is_let_through() -> None:
    assert violations(pod()) == []


@pytest.mark.parametrize(("control", "path", "value"), SINGLE, ids=lambda part: str(part)[:60])
def test_each_forbidden_thing_is_found(control: str, path: tuple[Any, ...], value: Any) -> None:
    changed = pod()
    put(changed, path, value)
    assert control in violations(changed)


def test_every_control_is_proven() -> None:
    assert {control for control, _, _ in MUTATIONS} == CONTROLS.keys()


ALLOWED: list[tuple[tuple[Any, ...], Any]] = [
    (("spec", "containers", 0, "securityContext", "capabilities", "add"), ["NET_BIND_SERVICE"]),
    (("spec", "containers", 0, "securityContext", "runAsNonRoot"), True),
    (("spec", "containers", 0, "ports"), [{"containerPort": 8080, "hostPort": 0}]),
    (("spec", "securityContext", "seLinuxOptions", "type"), "container_t"),
    (("spec", "securityContext", "runAsUser"), 2000),
    (("spec", "volumes", 0), {"name": "home", "persistentVolumeClaim": {"claimName": "one"}}),
    (("metadata", "annotations", "container.apparmor.security.beta.kubernetes.io/one"), "localhost/mine"),
]


@pytest.mark.parametrize(("path", "value"), ALLOWED, ids=str)
def test_what_the_profile_allows_is_let_through(path: tuple[Any, ...], value: Any) -> None:
    changed = pod()
    put(changed, path, value)
    assert violations(changed) == []


def test_containers_may_say_for_themselves_what_the_pod_does_not() -> None:
    own = {"runAsNonRoot": True, "seccompProfile": {"type": "Localhost"}}
    changed: Pod = pod()
    changed["spec"]["securityContext"] = {}
    for kind in KINDS:
        changed["spec"][kind][0]["securityContext"] |= own
    assert violations(changed) == []


def test_the_capabilities_of_the_baseline_are_those_of_the_page() -> None:
    """13 of them: a wider list would let a pod through that the API server refuses."""
    assert len(BASELINE_CAPABILITIES) == 13
