"""The API server as tests use it: over plain HTTP with one connection, since a kubectl a look is too slow."""

import base64
import json
import ssl
import tempfile
from pathlib import Path
from typing import Any

import httpx2
import yaml

Object = dict[str, Any]
_PLURALS = {
    "ModelVersion": "apis/slipway.dev/v1alpha1/namespaces/{}/modelversions",
    "Deployment": "apis/slipway.dev/v1alpha1/namespaces/{}/deployments",
    "Secret": "api/v1/namespaces/{}/secrets",
    "Event": "api/v1/namespaces/{}/events",
}


class Cluster:
    """A cluster administrator's view."""

    def __init__(self, kubeconfig: Path) -> None:
        config = yaml.safe_load(kubeconfig.read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        headers = {"Authorization": f"Bearer {user['token']}"} if "token" in user else {}
        self._http = httpx2.Client(
            base_url=cluster["server"], headers=headers, verify=_tls(cluster, user), timeout=30, trust_env=False
        )

    def close(self) -> None:
        self._http.close()

    def _path(self, kind: str, namespace: str, name: str | None = None) -> str:
        path = "/" + _PLURALS[kind].format(namespace)
        return f"{path}/{name}" if name else path

    def get(self, kind: str, namespace: str, name: str) -> Object | None:
        answer = self._http.get(self._path(kind, namespace, name))
        return None if answer.status_code == 404 else _json(answer)

    def list(self, kind: str, namespace: str) -> list[Object]:
        items: list[Object] = _json(self._http.get(self._path(kind, namespace)))["items"]
        return items

    def create(self, namespace: str, manifest: Object) -> Object:
        return _json(self._http.post(self._path(manifest["kind"], namespace), json=manifest))

    def patch(self, kind: str, namespace: str, name: str, change: Object) -> Object:
        """JSON merge patch."""
        headers = {"Content-Type": "application/merge-patch+json"}
        body = json.dumps(change).encode()
        return _json(self._http.patch(self._path(kind, namespace, name), content=body, headers=headers))

    def delete(self, kind: str, namespace: str, name: str) -> None:
        answer = self._http.delete(self._path(kind, namespace, name))
        if answer.status_code != 404:
            _json(answer)

    def create_namespace(self, name: str) -> None:
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        _json(self._http.post("/api/v1/namespaces", json=body))

    def delete_namespace(self, name: str) -> None:
        self._http.delete(f"/api/v1/namespaces/{name}")

    def namespace_exists(self, name: str) -> bool:
        return self._http.get(f"/api/v1/namespaces/{name}").status_code == 200


def _json(answer: httpx2.Response) -> Object:
    if answer.is_error:
        raise RuntimeError(f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text}")
    body: Object = answer.json()
    return body


def _tls(cluster: Object, user: Object) -> ssl.SSLContext | bool:
    if not cluster["server"].startswith("https"):
        return False
    context = ssl.create_default_context()
    if "certificate-authority-data" in cluster:
        context.load_verify_locations(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
    elif "certificate-authority" in cluster:
        context.load_verify_locations(cafile=cluster["certificate-authority"])
    elif cluster.get("insecure-skip-tls-verify"):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if "client-certificate-data" in user:
        with tempfile.NamedTemporaryFile() as pair:
            pair.write(base64.b64decode(user["client-certificate-data"]) + b"\n")
            pair.write(base64.b64decode(user["client-key-data"]))
            pair.flush()
            context.load_cert_chain(pair.name)
    return context
