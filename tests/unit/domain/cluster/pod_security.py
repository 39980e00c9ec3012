"""The Pod Security Standards, restricted: which of its controls a pod does not fulfil.

https://kubernetes.io/docs/concepts/security/pod-security-standards/, with what came up to Kubernetes 1.34. The names
are that page's own; one per row of its two tables.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

Pod = Mapping[str, Any]
"""A PodTemplateSpec, or a Pod."""

_CONTAINERS = ("containers[*]", "initContainers[*]", "ephemeralContainers[*]")
_PROBED = ("containers[*]", "initContainers[*]")
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe", "lifecycle.postStart", "lifecycle.preStop")

BASELINE_CAPABILITIES = frozenset(
    {
        "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "SETFCAP",
        "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
    }
)  # fmt: skip
_SELINUX_TYPES = (None, "", "container_t", "container_init_t", "container_kvm_t", "container_engine_t")
_SYSCTLS = frozenset(
    {
        "kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.ip_unprivileged_port_start",
        "net.ipv4.tcp_syncookies", "net.ipv4.ping_group_range", "net.ipv4.ip_local_reserved_ports",
        "net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_intvl",
        "net.ipv4.tcp_keepalive_probes",
    }
)  # fmt: skip
_VOLUMES = frozenset(
    {
        "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret",
    }
)  # fmt: skip
_SECCOMP = ("RuntimeDefault", "Localhost")
_APPARMOR_ANNOTATION = "container.apparmor.security.beta.kubernetes.io/"


def violations(pod: Pod) -> list[str]:
    """Names of the controls that a pod does not fulfil."""
    return [name for name, holds in CONTROLS.items() if not holds(pod)]


def _at(pod: Any, path: str) -> Iterator[Any]:
    """The values at a path; None where there is none."""
    name, _, rest = path.partition(".")
    if name.endswith("[*]"):
        entries = (pod or {}).get(name.removesuffix("[*]")) or []
        for entry in entries:
            yield from _at(entry, rest) if rest else [entry]
        return
    value = pod.get(name) if isinstance(pod, Mapping) else None
    yield from _at(value, rest) if rest else [value]


def _everywhere(pod: Pod, field: str) -> Iterator[Any]:
    """A field of the security contexts of the pod and of all its containers."""
    yield from _at(pod, f"spec.securityContext.{field}")
    yield from _in_containers(pod, f"securityContext.{field}")


def _in_containers(pod: Pod, field: str) -> Iterator[Any]:
    for containers in _CONTAINERS:
        yield from _at(pod, f"spec.{containers}.{field}")


def _off(values: Iterator[Any]) -> bool:
    return all(value in (None, False) for value in values)


def _host_namespaces(pod: Pod) -> bool:
    return all(_off(_at(pod, f"spec.{name}")) for name in ("hostNetwork", "hostPID", "hostIPC"))


def _baseline_capabilities(pod: Pod) -> bool:
    return all(
        {*(added or ())} <= BASELINE_CAPABILITIES for added in _in_containers(pod, "securityContext.capabilities.add")
    )


def _host_ports(pod: Pod) -> bool:
    return all(port in (None, 0) for port in _in_containers(pod, "ports[*].hostPort"))


def _host_probes(pod: Pod) -> bool:
    paths = (
        f"spec.{containers}.{probe}.{action}.host"
        for containers in _PROBED
        for probe in _PROBES
        for action in ("httpGet", "tcpSocket")
    )
    return all(host in (None, "") for path in paths for host in _at(pod, path))


def _apparmor(pod: Pod) -> bool:
    annotations = (pod.get("metadata") or {}).get("annotations") or {}
    profiles = [value for name, value in annotations.items() if name.startswith(_APPARMOR_ANNOTATION)]
    fields = all(profile in (None, *_SECCOMP) for profile in _everywhere(pod, "appArmorProfile.type"))
    return fields and all(profile == "runtime/default" or profile.startswith("localhost/") for profile in profiles)


def _selinux(pod: Pod) -> bool:
    types = all(found in _SELINUX_TYPES for found in _everywhere(pod, "seLinuxOptions.type"))
    return types and all(
        found in (None, "") for name in ("user", "role") for found in _everywhere(pod, f"seLinuxOptions.{name}")
    )


def _volume_types(pod: Pod) -> bool:
    return all(any(volume.get(kind) is not None for kind in _VOLUMES) for volume in _at(pod, "spec.volumes[*]"))


def _non_root(pod: Pod) -> bool:
    of_pod = next(_at(pod, "spec.securityContext.runAsNonRoot"))
    return all(
        found is True or (found is None and of_pod is True)
        for found in _in_containers(pod, "securityContext.runAsNonRoot")
    )


def _seccomp(pod: Pod) -> bool:
    of_pod = next(_at(pod, "spec.securityContext.seccompProfile.type"))
    return of_pod in (None, *_SECCOMP) and all(
        found in _SECCOMP or (found is None and of_pod in _SECCOMP)
        for found in _in_containers(pod, "securityContext.seccompProfile.type")
    )


def _restricted_capabilities(pod: Pod) -> bool:
    dropped = all("ALL" in (found or ()) for found in _in_containers(pod, "securityContext.capabilities.drop"))
    return dropped and all(
        {*(added or ())} <= {"NET_BIND_SERVICE"} for added in _in_containers(pod, "securityContext.capabilities.add")
    )


CONTROLS: Mapping[str, Callable[[Pod], bool]] = {
    # Baseline
    "HostProcess": lambda pod: _off(_everywhere(pod, "windowsOptions.hostProcess")),
    "Host Namespaces": _host_namespaces,
    "Privileged Containers": lambda pod: _off(_in_containers(pod, "securityContext.privileged")),
    "Capabilities (baseline)": _baseline_capabilities,
    "HostPath Volumes": lambda pod: all(path is None for path in _at(pod, "spec.volumes[*].hostPath")),
    "Host Ports": _host_ports,
    "Host Probes / Lifecycle Hooks": _host_probes,
    "AppArmor": _apparmor,
    "SELinux": _selinux,
    "/proc Mount Type": lambda pod: all(
        mount in (None, "Default") for mount in _in_containers(pod, "securityContext.procMount")
    ),
    "Seccomp (baseline)": lambda pod: all(
        profile in (None, *_SECCOMP) for profile in _everywhere(pod, "seccompProfile.type")
    ),
    "Sysctls": lambda pod: all(name in _SYSCTLS for name in _at(pod, "spec.securityContext.sysctls[*].name")),
    # Restricted
    "Volume Types": _volume_types,
    "Privilege Escalation": lambda pod: all(
        allowed is False for allowed in _in_containers(pod, "securityContext.allowPrivilegeEscalation")
    ),
    "Running as Non-root": _non_root,
    "Running as Non-root user": lambda pod: all(user != 0 for user in _everywhere(pod, "runAsUser")),
    "Seccomp": _seccomp,
    "Capabilities": _restricted_capabilities,
}
