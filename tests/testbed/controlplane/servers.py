"""etcd, kube-apiserver and kube-controller-manager of our own, on loopback addresses."""

from __future__ import annotations

import http.client
import os
import platform
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from .audit import POLICY
from .choice import Binaries
from .credentials import CONTROLLER_MANAGER, Tokens, cluster_entry, kubeconfig, signing_key, write_private
from .processes import Child, ControlPlaneError, Launcher, tail

_LOOPBACK = "127.0.0.1"
_READY_WITHIN = 60.0
_TRIES_FOR_A_PORT = 3
_PORT = 6443
"""Where the API server listens on a machine of its own."""
_KNOCK = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=1)"


@dataclass(frozen=True)
class Place:
    """Where the servers run: on this machine's loopback, or on a machine of their own that has nodes."""

    address: str = _LOOPBACK
    """Of the API server. etcd, which asks nobody for a password, is on the loopback in any case."""
    prefix: tuple[str, ...] = ()
    """What goes before each command."""
    tokens: Mapping[str, str] = field(default_factory=dict)
    """Further users: a line of --token-auth-file's form for each name."""
    apiserver_flags: tuple[str, ...] = ()


class Servers:
    """The three processes. Their data, keys and logs are in `state`."""

    def __init__(
        self,
        binaries: Binaries,
        state: Path,
        place: Place = Place(),  # frozen
        *,
        audit_policy: str = POLICY,
        admission: Sequence[str] = (),
    ) -> None:
        """`admission`: plugins beside those that are on by default."""
        self._binaries = binaries
        self._audit_policy = audit_policy
        self._admission = admission
        self._state = state
        self._place = place
        self._certificate = state / "certs" / "apiserver.crt"
        self._tokens = Tokens.new()
        self._minor = _minor_version(binaries.apiserver)
        self._launcher = Launcher()
        self._port = _hold_port() if place.address == _LOOPBACK else None
        self._etcd_url = ""
        self._etcd: Child | None = None
        self._apiserver: Child | None = None
        self._manager: Child | None = None

    @property
    def url(self) -> str:
        """The API server's address, the same for as long as this lives."""
        return f"https://{self._place.address}:{self._secure_port}"

    @property
    def _secure_port(self) -> int:
        return self._port.getsockname()[1] if self._port else _PORT

    @property
    def admin_kubeconfig(self) -> Path:
        """The kubeconfig of a cluster administrator."""
        return self._state / "admin.kubeconfig"

    @property
    def audit_log(self) -> Path:
        """Every write that the API server answered, one JSON event a line."""
        return self._state / "audit.log"

    def start(self) -> None:
        """Start all three, and return once they serve."""
        key = self._state / "sa.key"
        if not key.exists():
            write_private(key, signing_key())
        write_private(self._state / "tokens.csv", self._tokens.csv() + "".join(self._place.tokens.values()))
        (self._state / "audit-policy.yaml").write_text(self._audit_policy)
        self._start_etcd()
        self.start_apiserver()
        cluster = cluster_entry(self.url, self._certificate)
        write_private(self.admin_kubeconfig, kubeconfig(cluster, "admin", self._tokens.admin))
        if self._binaries.controller_manager is not None:
            token = self._tokens.controller_manager
            write_private(self._state / "manager.kubeconfig", kubeconfig(cluster, CONTROLLER_MANAGER, token))
            self._manager = self._launch("kube-controller-manager", self._manager_command())
            default_account = "/api/v1/namespaces/default/serviceaccounts/default"
            self._wait(self._manager, lambda: self._answers(default_account), "make service accounts")

    def start_apiserver(self) -> None:
        """Start the API server, also again, on the port that it had; return once it is ready."""
        if self._apiserver is not None:
            raise ControlPlaneError("The API server runs already; stop_apiserver comes first.")
        self._apiserver = self._launch("kube-apiserver", self._apiserver_command())
        self._wait(self._apiserver, lambda: self._answers("/readyz"), "be ready")

    def stop_apiserver(self) -> None:
        """Kill the API server, as a crash would. Connections are refused until it is started again."""
        if self._apiserver is not None:
            self._apiserver.kill()
            self._apiserver = None

    def freeze_apiserver(self) -> None:
        """Stop the API server in its tracks: connections stay open, nothing is answered."""
        self._running().send(signal.SIGSTOP)

    def thaw_apiserver(self) -> None:
        """Let a frozen API server go on."""
        self._running().send(signal.SIGCONT)

    def close(self) -> None:
        """Kill everything; `state` stays for whoever wants to look at the logs."""
        for child in (self._manager, self._apiserver, self._etcd):
            if child is not None:
                child.kill()
        self._launcher.close()
        if self._port is not None:
            self._port.close()

    def _running(self) -> Child:
        if self._apiserver is None:
            raise ControlPlaneError("The API server is stopped.")
        return self._apiserver

    def _start_etcd(self) -> None:
        for _ in range(_TRIES_FOR_A_PORT):
            port, peer_port = _free_port(), _free_port()
            self._etcd_url = f"http://{_LOOPBACK}:{port}"
            self._etcd = self._launch("etcd", self._etcd_command(f"http://{_LOOPBACK}:{peer_port}"))
            try:
                return self._wait(self._etcd, partial(self._accepts, port), "listen")
            except ControlPlaneError:
                if "address already in use" not in tail(self._etcd.log):
                    raise
        raise ControlPlaneError(f"etcd found no free port in {_TRIES_FOR_A_PORT} tries.")

    def _etcd_command(self, peer_url: str) -> list[str]:
        return [
            str(self._binaries.etcd),
            f"--data-dir={self._state / 'etcd'}",
            "--unsafe-no-fsync",
            f"--listen-client-urls={self._etcd_url}",
            f"--advertise-client-urls={self._etcd_url}",
            f"--listen-peer-urls={peer_url}",
            f"--initial-advertise-peer-urls={peer_url}",
            f"--initial-cluster=default={peer_url}",
        ]

    def _apiserver_command(self) -> list[str]:
        key = self._state / "sa.key"
        command = [
            str(self._binaries.apiserver),
            f"--etcd-servers={self._etcd_url}",
            f"--bind-address={self._place.address}",
            f"--advertise-address={self._place.address}",  # else it wants a default route
            f"--secure-port={self._secure_port}",
            f"--cert-dir={self._certificate.parent}",
            f"--token-auth-file={self._state / 'tokens.csv'}",
            "--authorization-mode=RBAC",
            "--service-cluster-ip-range=10.96.0.0/16",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={key}",
            f"--service-account-signing-key-file={key}",
            f"--audit-policy-file={self._state / 'audit-policy.yaml'}",
            f"--audit-log-path={self.audit_log}",
            "--audit-log-mode=blocking",
            "--audit-log-maxsize=4096",  # megabytes: a log that rotates would lose writes
            *self._place.apiserver_flags,
        ]
        if self._port is not None:
            # The first shares the port with the socket that holds it, see _hold_port. The second: Endpoints cannot
            # be on loopback.
            command += ["--permit-port-sharing=true", "--endpoint-reconciler-type=none"]
        if self._admission:
            command.append(f"--enable-admission-plugins={','.join(self._admission)}")
        if self._minor < 24:
            command.append("--insecure-port=0")
        if self._binaries.controller_manager is None:  # nobody makes the accounts that pods would need
            command.append("--disable-admission-plugins=ServiceAccount")
        return command

    def _manager_command(self) -> list[str]:
        command = [
            str(self._binaries.controller_manager),
            f"--kubeconfig={self._state / 'manager.kubeconfig'}",
            "--leader-elect=false",
            "--use-service-account-credentials=true",
            f"--service-account-private-key-file={self._state / 'sa.key'}",
            f"--root-ca-file={self._certificate}",
            "--secure-port=0",
            "--kube-api-qps=1000",  # by default the accounts of its 30 controllers take three seconds
            "--kube-api-burst=2000",
            f"--flex-volume-plugin-dir={self._state / 'flexvolume'}",  # else it makes a folder in /usr/libexec
        ]
        return [*command, "--port=0"] if self._minor < 24 else command

    def _launch(self, name: str, command: list[str]) -> Child:
        environment = {**os.environ}
        environment.pop("KUBECONFIG", None)
        if platform.machine() == "aarch64":
            environment["ETCD_UNSUPPORTED_ARCH"] = "arm64"  # etcd 3.4 wants to be asked
        return self._launcher.start(name, [*self._place.prefix, *command], self._state / f"{name}.log", environment)

    def _wait(self, child: Child, done: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + _READY_WITHIN
        while not done():
            child.check()
            if time.monotonic() > deadline:
                late = f"{child.name} did not {what} within {_READY_WITHIN:.0f} s"
                raise ControlPlaneError(f"{late}; the end of {child.log}:\n{tail(child.log)}")
            time.sleep(0.1)

    def _accepts(self, port: int) -> bool:
        """Whether a server listens on the loopback, which on a machine of its own is not this one's."""
        knock = [*self._place.prefix, sys.executable, "-I", "-S", "-c", _KNOCK, _LOOPBACK, str(port)]
        return subprocess.run(knock, capture_output=True, check=False).returncode == 0

    def _answers(self, path: str) -> bool:
        headers = {"Authorization": f"Bearer {self._tokens.admin}"}
        request = urllib.request.Request(self.url + path, headers=headers)
        try:
            context = ssl.create_default_context(cafile=str(self._certificate))
            https = urllib.request.HTTPSHandler(context=context)
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), https)
            with opener.open(request, timeout=5) as response:
                return bool(response.status == 200)
        except (OSError, http.client.HTTPException):  # no certificate yet, refused, not found, not ready
            return False


def _hold_port() -> socket.socket:
    """A socket that holds a free port without listening on it.

    The API server shares it (SO_REUSEPORT), so that the port stays ours while the server is down: else the
    kernel could give it to any outgoing connection meanwhile, even to a client that tries to reconnect to it.
    """
    holder = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    holder.bind((_LOOPBACK, 0))
    return holder


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((_LOOPBACK, 0))
        return int(probe.getsockname()[1])


def _minor_version(apiserver: Path) -> int:
    output = subprocess.run([apiserver, "--version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"v1\.(\d+)\.", output)
    if found is None:
        raise ControlPlaneError(f"{apiserver} --version says {output!r}")
    return int(found[1])
