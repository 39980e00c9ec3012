"""Keys, tokens and kubeconfigs of a control plane of our own. Only their owner can read the files."""

from __future__ import annotations

import base64
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ADMIN = "slipway-admin"
CONTROLLER_MANAGER = "system:kube-controller-manager"

# An ECPrivateKey (RFC 5915) on P-256 that leaves the public key out; Go derives it. So no openssl is needed.
_EC_BEFORE = bytes.fromhex("30310201010420")
_EC_AFTER = bytes.fromhex("a00a06082a8648ce3d030107")


def write_private(path: Path, text: str) -> Path:
    """Write a file that only its owner can read, at no moment anybody else."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    return temporary.replace(path)


def signing_key() -> str:
    """A new private key for service account tokens, as PEM."""
    # The first byte keeps the number above zero and below the order of the curve.
    scalar = bytes([secrets.randbelow(127) + 1]) + secrets.token_bytes(31)
    body = base64.encodebytes(_EC_BEFORE + scalar + _EC_AFTER).decode()
    return f"-----BEGIN EC PRIVATE KEY-----\n{body}-----END EC PRIVATE KEY-----\n"


@dataclass(frozen=True)
class Tokens:
    """The bearer tokens of those who are there before any service account is."""

    admin: str
    controller_manager: str

    @classmethod
    def new(cls) -> Tokens:
        """Tokens that nobody can guess."""
        return cls(secrets.token_urlsafe(32), secrets.token_urlsafe(32))

    def csv(self) -> str:
        """The file for --token-auth-file."""
        return (
            f'{self.admin},{ADMIN},{ADMIN},"system:masters"\n'
            f"{self.controller_manager},{CONTROLLER_MANAGER},{CONTROLLER_MANAGER}\n"
        )


def kubeconfig(cluster: dict[str, Any], user: str, token: str, namespace: str = "default") -> str:
    """A kubeconfig (JSON, which is YAML) for one cluster and one token."""
    context = {"cluster": "slipway", "user": user, "namespace": namespace}
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "slipway", "cluster": cluster}],
            "users": [{"name": user, "user": {"token": token}}],
            "contexts": [{"name": "slipway", "context": context}],
            "current-context": "slipway",
        },
        indent=2,
    )


def cluster_entry(server: str, certificate: Path) -> dict[str, Any]:
    """How a kubeconfig names the server, its certificate included."""
    return {
        "server": server,
        "certificate-authority-data": base64.b64encode(certificate.read_bytes()).decode(),
    }
