"""A control plane as tests see it, whoever runs it."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from tests.testbed.waiting import eventually

from .audit import AuditedRequest, AuditedWrite, read_requests, read_writes
from .credentials import kubeconfig, write_private
from .servers import Servers

_CEL_RULES = "x-kubernetes-validations"
_CEL_SINCE = 25
_TOKEN_SECONDS = 30 * 24 * 3600


class KubectlError(RuntimeError):
    """kubectl ended with an error; the message holds the command and what it said."""

    def __init__(self, result: subprocess.CompletedProcess[str]) -> None:
        command = " ".join(["kubectl", *result.args[1:]])
        super().__init__(f"{command}: exit {result.returncode}\n{result.stderr.strip()}")
        self.stderr = result.stderr


class NotOwnedError(RuntimeError):
    """Asked of somebody else's cluster what only a control plane of our own can do."""


@dataclass
class ControlPlane:
    """An API server, and what a test may do with it."""

    origin: str
    """One line: what was chosen and why."""
    admin_kubeconfig: Path
    kubectl_path: Path
    state: Path
    servers: Servers | None = field(default=None, repr=False)
    """The processes, where they are ours."""

    @property
    def owned(self) -> bool:
        """False for an existing cluster: nothing there is started, stopped or audited."""
        return self.servers is not None

    @cached_property
    def server_minor(self) -> int:
        """20 for Kubernetes 1.20."""
        version = json.loads(self.kubectl("version", "--output=json").stdout)
        return int(version["serverVersion"]["minor"].rstrip("+"))

    def kubectl(
        self, *args: str, stdin: str | None = None, check: bool = True, timeout: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """Run kubectl as cluster administrator; an error raises KubectlError unless `check` is off."""
        command = [
            str(self.kubectl_path),
            f"--kubeconfig={self.admin_kubeconfig}",
            f"--cache-dir={self.state / 'kubectl-cache'}",
            *args,
        ]
        result = subprocess.run(
            command, input=stdin or "", capture_output=True, text=True, check=False, timeout=timeout
        )
        if check and result.returncode != 0:
            raise KubectlError(result)
        return result

    def apply(self, manifest: str | Path) -> subprocess.CompletedProcess[str]:
        """`kubectl apply`, as a user would: of a file or folder, or of YAML text."""
        if isinstance(manifest, Path):
            return self.kubectl("apply", "--filename", str(manifest))
        return self.kubectl("apply", "--filename=-", stdin=manifest)

    def install_crds(self, folder: Path) -> None:
        """Install the CRDs in a folder's *.yaml, without CEL rules where the server does not know them.

        Returns once they are established.
        """
        files = sorted(folder.glob("*.yaml"))
        crds = [crd for file in files for crd in yaml.safe_load_all(file.read_text()) if crd]
        if not crds:
            raise FileNotFoundError(f"no CRDs in {folder}")
        if self.server_minor < _CEL_SINCE:
            crds = [without_cel(crd) for crd in crds]
        # Server-side: a client-side apply would copy each CRD into an annotation, which has a limit.
        command = ("apply", "--server-side", "--force-conflicts", "--filename=-")
        self.kubectl(*command, stdin=yaml.safe_dump_all(crds))
        names = [f"customresourcedefinition/{crd['metadata']['name']}" for crd in crds]
        # Not `kubectl wait`: it gives up where a CRD has no status yet ("accessor error: <nil> is of the type <nil>").
        eventually(lambda: self._are_established(names), "the CRDs are established", timeout=30)

    def _are_established(self, names: list[str]) -> bool:
        items = json.loads(self.kubectl("get", "--output=json", *names).stdout)
        return all(
            any(one["type"] == "Established" and one["status"] == "True" for one in conditions)
            for conditions in (
                (item.get("status") or {}).get("conditions") or [] for item in items.get("items", [items])
            )
        )

    def service_account_kubeconfig(self, namespace: str, name: str, path: Path) -> Path:
        """Write a kubeconfig (0600, good for 30 days) that acts as a service account, which must exist."""
        request = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": _TOKEN_SECONDS},
        }
        url = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
        answer = self.kubectl("create", f"--raw={url}", "--filename=-", stdin=json.dumps(request))
        token = json.loads(answer.stdout)["status"]["token"]
        view = self.kubectl("config", "view", "--raw", "--minify", "--flatten", "--output=json")
        cluster = json.loads(view.stdout)["clusters"][0]["cluster"]
        return write_private(path, kubeconfig(cluster, name, token, namespace))

    def audit_writes(self, username: str | None = None, since: datetime | None = None) -> list[AuditedWrite]:
        """The requests that wanted to change something (refused ones too, see their code), oldest first.

        `since` is aware (UTC). A service account is `system:serviceaccount:<namespace>:<name>`.
        """
        return read_writes(self._own("its audit log").audit_log, username, since)

    def audit_requests(self, username: str) -> list[AuditedRequest]:
        """Everything that a user has asked for, oldest first; the plane must have been started with its groups."""
        return read_requests(self._own("its audit log").audit_log, username)

    def stop_apiserver(self) -> None:
        """Kill the API server with SIGKILL; connections are refused from now on."""
        self._own("stopping it").stop_apiserver()

    def start_apiserver(self) -> None:
        """Start the API server again on its old port, and return once it is ready."""
        self._own("starting it").start_apiserver()

    def freeze_apiserver(self) -> None:
        """Stop the API server in its tracks: it accepts connections and answers nothing."""
        self._own("freezing it").freeze_apiserver()

    def thaw_apiserver(self) -> None:
        """Let a frozen API server go on."""
        self._own("thawing it").thaw_apiserver()

    def _own(self, what: str) -> Servers:
        if self.servers is None:
            raise NotOwnedError(f"{what} needs a control plane of our own; this is {self.origin}")
        return self.servers


def without_cel(manifest: Any) -> Any:
    """A copy of a manifest without its x-kubernetes-validations."""
    if isinstance(manifest, dict):
        return {key: without_cel(value) for key, value in manifest.items() if key != _CEL_RULES}
    if isinstance(manifest, list):
        return [without_cel(item) for item in manifest]
    return manifest
