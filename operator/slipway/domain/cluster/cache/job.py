"""The Job that loads a commit into the cache before any pod asks for a GPU."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache as cached
from importlib import resources
from typing import Any

from slipway.api.v1alpha1.cluster_target import Cache
from slipway.api.v1alpha1.common import SecretKeyRef
from slipway.domain.cluster.cache import place
from slipway.domain.cluster.cache.layout import HUB_CACHE, MOUNT, VOLUME, pod_volume
from slipway.domain.cluster.cache.load import Load
from slipway.domain.cluster.marks import PREFETCH, ROLE_LABEL, SERVER_CONTAINER, Manifest, labels
from slipway.domain.cluster.subject import Subject, marked
from slipway.domain.names import digest

LOAD = "slipway.dev/load"
"""Annotation of the Job: JSON of the repositories and commits that it loads."""
RETRIES = 4
"""After 10, 20, 40 and 80 s: https://kubernetes.io/docs/concepts/workloads/controllers/job/#pod-backoff-failure-policy"""
TERMINATION_MESSAGE = "/dev/termination-log"
"""https://kubernetes.io/docs/tasks/debug/debug-application/determine-reason-pod-failure/"""
_DIGITS = 8
_SCRATCH = "/scratch"

_VENV = "/usr/src/.venv/bin/activate"
"""TGI from 3.1 on has its Python there, and not in PATH (tgi-entrypoint.sh). vLLM's images have python3 in PATH, as
TGI 3.0 has: https://github.com/vllm-project/vllm/blob/main/docker/Dockerfile"""
_LAUNCH = f'if [ -r {_VENV} ]; then . {_VENV}; fi; exec python3 -c "$0" "$1"'

_RESOURCES = {"requests": {"cpu": "1", "memory": "2Gi"}, "limits": {"memory": "8Gi"}}
"""Downloads of several files at once are decompressed in memory; no GPU."""

_PASSED_ON = frozenset(
    {"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"}
    | {"SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"}
)
"""Variables of the server that say how to reach the Hub: those go to the Job as well, in capital letters or small."""

_FILES = frozenset({"configMap", "secret", "projected"})
"""Volumes of the server that go to the Job as well: those with files in them, such as certificates."""

_ROLE = {ROLE_LABEL: PREFETCH}

_ENVIRONMENT = {
    "HOME": _SCRATCH,
    "TMPDIR": _SCRATCH,
    "HF_HOME": f"{_SCRATCH}/huggingface",
    "HF_HUB_CACHE": HUB_CACHE,
    "HF_HUB_OFFLINE": "0",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    # Volumes are read by several versions of huggingface_hub, of which only the newest know shared blobs.
    "HF_HUB_DISABLE_SHARED_BLOBS": "1",
    # TGI's image turns hf_transfer on, which cannot continue an interrupted file.
    "HF_HUB_ENABLE_HF_TRANSFER": "0",
    "HF_XET_CHUNK_CACHE_SIZE_BYTES": "0",
    # Where NVIDIA's is the default runtime, the image's own `all` would show the pod every GPU of the node.
    "NVIDIA_VISIBLE_DEVICES": "void",
}


@dataclass(frozen=True)
class Prefetch:
    """What is loaded, from where, and what stays."""

    load: Load
    keep: tuple[Load, ...] = ()
    """What must stay on the volume whatever happens: what serves, and what a roll back goes to."""
    hub: str | None = None
    """Base URL of the Hub; None: the public one."""
    token: SecretKeyRef | None = None
    """Access token for the Hub, in a Secret of the namespace."""
    deadline: int = 3600
    """Seconds until it is given up, waiting for a node among them."""
    needs_safetensors: bool = False
    """Whether the engine can read no other format from a volume that it may not write to: so it is with TGI."""


def prefetch(subject: Subject, wanted: Prefetch, cache: Cache, template: Manifest, *, gpus: int) -> Manifest:
    """The Job `<name>-load-<digest>`: at most 48 + 6 + 8 characters, of the 63 that the name of a Job may have.

    `template`: the pod template of the servers, from which it takes image, place and rights. `gpus`: of each server.

    The digest covers everything but what is to stay. So a Job that could not run is replaced once the template, the
    token or the deadline changes. A finished one says that the commit lies on the volume, as long as no other Job has
    run since. One for a commit that is there already takes seconds, and asks nothing of the Hub.
    """
    content = digest(_spec(subject, replace(wanted, keep=()), cache, template, gpus), _DIGITS)
    annotations = {LOAD: json.dumps(wanted.load.items)}
    metadata = subject.metadata(f"{subject.name}-load-{content}", labels=_ROLE, annotations=annotations)
    spec = _spec(subject, wanted, cache, template, gpus)
    return marked({"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec})


def _spec(subject: Subject, wanted: Prefetch, cache: Cache, template: Manifest, gpus: int) -> Manifest:
    """Of the Job. It is kept when it has finished: no ttlSecondsAfterFinished."""
    pod, server = template["spec"], server_of(template["spec"])
    files = [volume for volume in pod.get("volumes") or [] if _FILES & volume.keys()]
    names = {volume["name"] for volume in files}
    mounts = [mount for mount in server.get("volumeMounts") or [] if mount["name"] in names]
    beside_servers = cache.access_mode == "ReadWriteOnce"
    return {
        "backoffLimit": RETRIES,
        "activeDeadlineSeconds": wanted.deadline,
        "template": {
            "metadata": {"labels": labels(subject.name) | _ROLE},
            "spec": {
                **place.fields(pod),
                "affinity": place.affinity(pod, subject.name, gpus=gpus, beside_servers=beside_servers),
                "restartPolicy": "Never",
                "terminationGracePeriodSeconds": 10,
                "automountServiceAccountToken": False,
                "enableServiceLinks": False,
                "securityContext": place.pod_rights(pod),
                "volumes": [*files, pod_volume(subject.name), {"name": "scratch", "emptyDir": {}}],
                "containers": [_container(wanted, cache, server, mounts)],
            },
        },
    }


def server_of(pod: Mapping[str, Any]) -> Mapping[str, Any]:
    """The container that serves, of a pod's spec. Raises ValueError if there is none."""
    for container in pod["containers"]:
        if container["name"] == SERVER_CONTAINER:
            return dict(container)
    raise ValueError(f"the pod template has no container {SERVER_CONTAINER}")


def _container(wanted: Prefetch, cache: Cache, server: Mapping[str, Any], mounts: list[Any]) -> Manifest:
    pull = {"imagePullPolicy": server["imagePullPolicy"]} if "imagePullPolicy" in server else {}
    return {
        "name": PREFETCH,
        "image": server["image"],
        **pull,
        "command": ["/bin/sh", "-c", _LAUNCH, script(), json.dumps(_options(wanted, cache))],
        "env": _environment(wanted, server),
        "resources": _RESOURCES,
        "securityContext": place.container_rights(server),
        "terminationMessagePath": TERMINATION_MESSAGE,
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [
            *mounts,
            {"name": VOLUME, "mountPath": MOUNT},
            {"name": "scratch", "mountPath": _SCRATCH},
        ],
    }


def _options(wanted: Prefetch, cache: Cache) -> Manifest:
    return {
        "volume": MOUNT,
        "load": wanted.load.to_json(),
        "keep": [load.to_json() for load in sorted(set(wanted.keep) - {wanted.load}, key=lambda load: load.name)],
        "keepCommits": cache.keep_commits,
        "safetensors": wanted.needs_safetensors,
        "message": TERMINATION_MESSAGE,
    }


def _environment(wanted: Prefetch, server: Mapping[str, Any]) -> list[Manifest]:
    own = _ENVIRONMENT | ({"HF_ENDPOINT": wanted.hub} if wanted.hub else {})
    passed = [entry for entry in server.get("env") or [] if entry["name"].upper() in _PASSED_ON]
    found = [*passed, *({"name": name, "value": value} for name, value in own.items())]
    if wanted.token:
        reference = {"name": wanted.token.name, "key": wanted.token.key}
        found.append({"name": "HF_TOKEN", "valueFrom": {"secretKeyRef": reference}})
    return found


@cached
def script() -> str:
    """What runs in the pod."""
    return (resources.files("slipway") / "in_pod" / "prefetch.py").read_text(encoding="utf-8")
