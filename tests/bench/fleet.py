"""Thousands of objects, made quickly."""

import asyncio
import base64
import ssl
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from slipway.api.v1alpha1 import API_VERSION, FIELD_MANAGER, FINALIZER
from tests.testbed.sagemaker import ROLE
from tests.testbed.workbench import REGION

Object = dict[str, Any]
Request = tuple[str, str, Object]
"""Method, path, body."""
_CONNECTIONS = 32
_BATCH = 500
REPO = "acme/twin"
COMMIT = "5f0b2fbbe2e27a5bc8a8e0a3f0c1f5f8d3a5e2c1"
DEPLOYMENTS_A_MODEL = 10
"""How many Deployments share a ModelVersion."""


def model_version(number: int) -> Object:
    """A ModelVersion that is pinned to a full commit."""
    return {
        "apiVersion": API_VERSION,
        "kind": "ModelVersion",
        "metadata": {"name": f"model-{number:05d}"},
        "spec": {"source": {"huggingFace": {"repo": REPO, "revision": COMMIT}}, "updates": {"policy": "Pin"}},
    }


def deployment(number: int, *, with_finalizer: bool = False) -> Object:
    """A Deployment as a team would write it; `with_finalizer`: as the operator would have left it."""
    return {
        "apiVersion": API_VERSION,
        "kind": "Deployment",
        "metadata": {
            "name": f"chat-{number:05d}",
            "labels": {"team": f"team-{number % 50}"},
            "finalizers": [FINALIZER] if with_finalizer else [],
        },
        "spec": {
            "modelRef": {"name": f"model-{number // DEPLOYMENTS_A_MODEL:05d}"},
            "engine": {"name": "TGI", "version": "3.3.6", "maxInputTokens": 2048, "maxTotalTokens": 4096},
            "replicas": 1,
            "target": {
                "sageMaker": {"region": REGION, "executionRoleArn": ROLE, "instanceType": "ml.g5.2xlarge"},
            },
        },
    }


def create(kubeconfig: Path, namespace: str, manifests: Iterable[Object]) -> list[Object]:
    """Create objects. Returns them as the API server stored them."""
    requests = [("POST", _path(namespace, manifest), manifest) for manifest in manifests]
    return asyncio.run(_send(yaml.safe_load(kubeconfig.read_text()), requests))


def set_statuses(kubeconfig: Path, namespace: str, objects: Iterable[tuple[Object, Object]]) -> None:
    """Apply a status to each object, in the operator's own way and name."""
    requests = []
    for raw, status in objects:
        name = raw["metadata"]["name"]
        path = f"{_path(namespace, raw)}/{name}/status?fieldManager={FIELD_MANAGER}&force=true"
        body = {"apiVersion": API_VERSION, "kind": raw["kind"], "metadata": {"name": name}, "status": status}
        requests.append(("PATCH", path, body))
    asyncio.run(_send(yaml.safe_load(kubeconfig.read_text()), requests))


def apply_secrets(kubeconfig: Path, namespace: str, manifests: Iterable[Object]) -> None:
    """Apply Secrets, in the operator's own way and name."""
    requests = []
    for manifest in manifests:
        name = manifest["metadata"]["name"]
        requests.append(
            ("PATCH", f"/api/v1/namespaces/{namespace}/secrets/{name}?fieldManager={FIELD_MANAGER}", manifest)
        )
    asyncio.run(_send(yaml.safe_load(kubeconfig.read_text()), requests))


def _path(namespace: str, raw: Object) -> str:
    return f"/apis/{API_VERSION}/namespaces/{namespace}/{raw['kind'].lower()}s"


async def _send(config: Object, requests: list[Request]) -> list[Object]:
    """Send requests over many connections at once. Returns the answers in order."""
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
    connector = aiohttp.TCPConnector(limit=_CONNECTIONS, ssl=ssl.create_default_context(cadata=authority))
    headers = {"Authorization": f"Bearer {user['token']}"}
    async with aiohttp.ClientSession(cluster["server"], connector=connector, headers=headers) as session:

        async def send(request: Request) -> Object:
            method, path, body = request
            kind = {"Content-Type": "application/apply-patch+yaml"} if method == "PATCH" else {}
            async with session.request(method, path, json=body, headers=kind) as answer:
                stored: Object = await answer.json()
                if not answer.ok:
                    raise RuntimeError(f"{method} {path}: {answer.status} {stored}")
                return stored

        results: list[Object] = []
        for start in range(0, len(requests), _BATCH):
            results += await asyncio.gather(*map(send, requests[start : start + _BATCH]))
        return results
