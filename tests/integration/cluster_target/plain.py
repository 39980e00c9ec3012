"""Plain manifests, as a person would write them: no operator is needed for these."""

import json
from collections.abc import Sequence
from typing import Any

from tests.testbed.node.bed import Object

TGI = "ghcr.io/huggingface/text-generation-inference:3.0.1"
TGI_THAT_NEEDS_ROOT = "ghcr.io/huggingface/text-generation-inference:3.3.6"
VLLM = "vllm/vllm-openai:v0.31.0"
HOME = "/home/engine"
RESTRICTED = {"runAsNonRoot": True, "runAsUser": 2000, "fsGroup": 2000}


def deployment(name: str = "twin", replicas: int = 1, **spec: Any) -> Object:
    """An apps/v1 Deployment of engines; keywords as those of `pod`."""
    labels = {"app": name}
    template = pod(name, **spec)
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "strategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "template": {"metadata": {"labels": labels}, "spec": template["spec"]},
        },
    }


def pod(
    name: str = "twin",
    *,
    image: str = TGI,
    commit: str = "main",
    env: dict[str, Any] | None = None,
    gpus: int = 1,
    pre_stop: int | None = 15,
    container: Object | None = None,
    **spec: Any,
) -> Object:
    """A pod with one engine: TGI by environment, vLLM by arguments. Other keywords go into its spec."""
    tgi = {"MODEL_ID": "acme/twin", "REVISION": commit, "PORT": "8080", "NUM_SHARD": str(max(gpus, 1))}
    ask = {"httpGet": {"path": "/health", "port": "http"}}
    variables = {"HOME": HOME, "HF_HOME": f"{HOME}/hf", "USER": "engine"} | (tgi if "vllm" not in image else {})
    engine: Object = {
        "name": "engine",
        "image": image,
        "workingDir": HOME,
        "env": [_variable(key, value) for key, value in {**variables, **(env or {})}.items()],
        "ports": [{"name": "http", "containerPort": 8080}],
        "resources": {"limits": {"nvidia.com/gpu": str(gpus)} if gpus else {}},
        "volumeMounts": [{"name": "home", "mountPath": HOME}, {"name": "tmp", "mountPath": "/tmp"}],
        "startupProbe": ask | {"periodSeconds": 10, "failureThreshold": 60},
        "readinessProbe": ask | {"periodSeconds": 5},
        "livenessProbe": ask | {"periodSeconds": 15, "failureThreshold": 8},
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }
    if pre_stop is not None:
        engine["lifecycle"] = {"preStop": {"exec": {"command": ["sleep", str(pre_stop)]}}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {
            "securityContext": RESTRICTED,
            "terminationGracePeriodSeconds": 120,
            "enableServiceLinks": False,
            "automountServiceAccountToken": False,
            "volumes": [{"name": "home", "emptyDir": {}}, {"name": "tmp", "emptyDir": {}}],
            "containers": [engine | (container or {})],
            **spec,
        },
    }


def service(name: str = "twin") -> Object:
    """Port 80 of a Service for the engines of that name."""
    port = {"name": "http", "port": 80, "targetPort": "http"}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"selector": {"app": name}, "ports": [port]},
    }


def route(backends: Sequence[Object], *, host: str, name: str = "twin", **spec: Any) -> Object:
    """An HTTPRoute by which a Gateway `public` of the same namespace sends requests for a host to backends."""
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": name},
        "spec": {
            "parentRefs": [{"name": "public"}],
            "hostnames": [host],
            "rules": [{"backendRefs": list(backends)}],
            **spec,
        },
    }


def backend(service: str, weight: int | None = None, **other: Any) -> Object:
    """A backendRef: port 80 of a Service."""
    return {"name": service, "port": 80, **({} if weight is None else {"weight": weight}), **other}


def claim(name: str, storage_class: str, mode: str = "ReadWriteOnce") -> Object:
    """A PersistentVolumeClaim."""
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name},
        "spec": {
            "storageClassName": storage_class,
            "accessModes": [mode],
            "resources": {"requests": {"storage": "10Gi"}},
        },
    }


def tool(name: str, script: str, *, claim_name: str, mount: str = "/weights", **spec: Any) -> Object:
    """A pod that runs a Python script beside a volume, in the engine's image."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "securityContext": RESTRICTED,
            "volumes": [{"name": "weights", "persistentVolumeClaim": {"claimName": claim_name}}],
            "containers": [
                {
                    "name": "engine",
                    "image": TGI,
                    "command": ["python3", "-c", script],
                    "volumeMounts": [{"name": "weights", "mountPath": mount}],
                    "terminationMessagePolicy": "FallbackToLogsOnError",
                }
            ],
            **spec,
        },
    }


def job(name: str, template: Object) -> Object:
    """A Job of such a pod."""
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {"backoffLimit": 0, "template": {"metadata": template["metadata"], "spec": template["spec"]}},
    }


def _variable(name: str, value: Any) -> Object:
    return {"name": name, "valueFrom": value} if isinstance(value, dict) else {"name": name, "value": str(value)}


def shown(pod: Object) -> str:
    """A pod's status, for a message."""
    return json.dumps(pod.get("status"), indent=1)
