"""The Job that loads weights, the volume it loads them to, and where servers find them."""

import json
from dataclasses import replace
from typing import Any

import kubernetes_validate
import pytest

from slipway.api.v1alpha1.cluster_target import Cache
from slipway.api.v1alpha1.common import SecretKeyRef
from slipway.api.v1alpha1.deployment_status import AdapterRevision, ServedRevision
from slipway.domain.cluster.cache import Load, Prefetch, commit_of, prefetch, server_mount, snapshot_folder, volume
from slipway.domain.cluster.cache.job import script
from slipway.domain.cluster.looks.memory import Served
from slipway.domain.cluster.marks import Manifest
from slipway.domain.cluster.subject import Subject, marked
from slipway.domain.ownership import owner_reference
from slipway.domain.served import ServedModel
from tests.unit.domain.builders import merged
from tests.unit.domain.cluster.pod_security import violations

A, B = "a" * 40, "b" * 40
SUBJECT = Subject("ml", "twin", "00000000-0000-0000-0000-000000000001")
CACHE = Cache(size="100Gi")
ONE_NODE = Cache(size="100Gi", access_mode="ReadWriteOnce")
MODEL = Prefetch(Load((("acme/twin", A),)))
VERSIONS = ["1.25", "1.28", "1.31", "1.34", "1.37"]
TEMPLATE: Manifest = {
    "metadata": {"labels": {"slipway.dev/deployment": "twin", "slipway.dev/role": "server"}},
    "spec": {
        "serviceAccountName": "twin",
        "nodeSelector": {"pool": "gpu"},
        "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
        "affinity": {
            "nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": {
                    "nodeSelectorTerms": [
                        {"matchExpressions": [{"key": "nvidia.com/gpu.product", "operator": "In", "values": ["L4"]}]}
                    ]
                }
            }
        },
        "runtimeClassName": "nvidia",
        "imagePullSecrets": [{"name": "registry"}],
        "securityContext": {"runAsNonRoot": True, "runAsUser": 2000, "fsGroup": 2000},
        "topologySpreadConstraints": [
            {"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "DoNotSchedule"}
        ],
        "volumes": [
            {"name": "weights", "persistentVolumeClaim": {"claimName": "twin-weights"}},
            {"name": "shared-memory", "emptyDir": {"medium": "Memory"}},
            {"name": "certificates", "configMap": {"name": "company-ca"}},
        ],
        "containers": [
            {"name": "sidecar", "image": "sidecar:1"},
            {
                "name": "engine",
                "image": "engine:1",
                "env": [
                    {"name": "MODEL_ID", "value": "/weights/…"},
                    {"name": "HF_HUB_OFFLINE", "value": "1"},
                    {"name": "https_proxy", "value": "http://proxy:3128"},
                    {"name": "SSL_CERT_FILE", "value": "/ca/ca.pem"},
                ],
                "resources": {"limits": {"nvidia.com/gpu": "2"}},
                "ports": [{"containerPort": 8080}],
                "volumeMounts": [
                    {"name": "weights", "mountPath": "/weights", "readOnly": True},
                    {"name": "shared-memory", "mountPath": "/dev/shm"},
                    {"name": "certificates", "mountPath": "/ca"},
                ],
            },
        ],
    },
}


def job(
    wanted: Prefetch = MODEL, template: dict[str, Any] | None = None, cache: Cache = CACHE, gpus: int = 2
) -> Manifest:
    return prefetch(SUBJECT, wanted, cache, merged(TEMPLATE, template or {}), gpus=gpus)


def pod_of(manifest: Manifest) -> dict[str, Any]:
    spec: dict[str, Any] = manifest["spec"]["template"]["spec"]
    return spec


def container_of(manifest: Manifest) -> dict[str, Any]:
    (container,) = pod_of(manifest)["containers"]
    found: dict[str, Any] = container
    return found


def environment_of(manifest: Manifest) -> dict[str, Any]:
    return {entry["name"]: entry.get("value", entry.get("valueFrom")) for entry in container_of(manifest)["env"]}


def options_of(manifest: Manifest) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(container_of(manifest)["command"][-1])
    return found


@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_accepts_them(version: str) -> None:
    token = SecretKeyRef(name="hub")
    for wanted, cache in ((MODEL, CACHE), (replace(MODEL, token=token, hub="https://hub.internal"), ONE_NODE)):
        kubernetes_validate.validate(job(wanted, cache=cache), version, strict=True)
        kubernetes_validate.validate(volume(SUBJECT, cache), version, strict=True)


def test_the_pods_fulfil_the_restricted_standard() -> None:
    assert list(violations(job()["spec"]["template"])) == []


def test_it_fulfils_it_even_if_the_template_says_nothing() -> None:
    bare = {"metadata": {}, "spec": {"containers": [{"name": "engine", "image": "engine:1"}]}}
    manifest = prefetch(SUBJECT, MODEL, CACHE, bare, gpus=1)
    assert list(violations(manifest["spec"]["template"])) == []


def test_it_runs_where_the_servers_will_run_and_asks_for_no_gpu() -> None:
    pod, servers = pod_of(job()), TEMPLATE["spec"]
    for field in ("nodeSelector", "tolerations", "runtimeClassName", "imagePullSecrets", "serviceAccountName"):
        assert pod[field] == servers[field]
    required = "requiredDuringSchedulingIgnoredDuringExecution"
    assert pod["affinity"]["nodeAffinity"][required] == servers["affinity"]["nodeAffinity"][required]
    resources = container_of(job())["resources"]
    assert not any("gpu" in name for kind in resources.values() for name in kind)
    assert environment_of(job())["NVIDIA_VISIBLE_DEVICES"] == "void"


def test_it_prefers_nodes_with_gpus_where_nothing_else_leads_it_there() -> None:
    """A volume comes into being where its first pod runs."""
    preferred = "preferredDuringSchedulingIgnoredDuringExecution"
    (preference,) = pod_of(job())["affinity"]["nodeAffinity"][preferred]
    assert preference["preference"]["matchExpressions"][0]["key"] == "nvidia.com/gpu.present"
    assert preferred not in pod_of(job(gpus=0))["affinity"]["nodeAffinity"]


def test_with_a_volume_of_one_node_it_runs_beside_the_servers() -> None:
    (term,) = pod_of(job(cache=ONE_NODE))["affinity"]["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert term["topologyKey"] == "kubernetes.io/hostname"
    labels = job(cache=ONE_NODE)["spec"]["template"]["metadata"]["labels"]
    # Its own pod matches, too: else the first one could never be scheduled.
    assert term["labelSelector"]["matchLabels"].items() <= labels.items()
    assert "podAffinity" not in pod_of(job())["affinity"]


def test_no_server_is_mistaken_for_it_and_it_for_none() -> None:
    labels = job()["spec"]["template"]["metadata"]["labels"]
    assert labels["slipway.dev/deployment"] == "twin"
    assert labels["slipway.dev/role"] == "prefetch"
    assert "slipway.dev/revision" not in labels


def test_it_has_the_engines_image_and_what_leads_to_the_hub() -> None:
    container, variables = container_of(job()), environment_of(job())
    assert container["image"] == "engine:1"
    assert variables["https_proxy"] == "http://proxy:3128"
    assert variables["SSL_CERT_FILE"] == "/ca/ca.pem"
    assert variables["HF_HUB_OFFLINE"] == "0"
    assert "MODEL_ID" not in variables
    assert {"name": "certificates", "mountPath": "/ca"} in container["volumeMounts"]
    assert {"name": "certificates", "configMap": {"name": "company-ca"}} in pod_of(job())["volumes"]


def test_it_alone_may_write_to_the_volume() -> None:
    (mount,) = (mount for mount in container_of(job())["volumeMounts"] if mount["name"] == "weights")
    assert not mount.get("readOnly")
    assert server_mount()["readOnly"] is True
    assert {"name": "weights", "persistentVolumeClaim": {"claimName": "twin-weights"}} in pod_of(job())["volumes"]


def test_the_token_comes_from_its_secret_and_nowhere_else() -> None:
    manifest = job(replace(MODEL, token=SecretKeyRef(name="hub", key="token")))
    assert environment_of(manifest)["HF_TOKEN"] == {"secretKeyRef": {"name": "hub", "key": "token"}}
    assert "HF_TOKEN" not in environment_of(job())


def test_a_mirror_is_asked_in_place_of_the_hub() -> None:
    assert environment_of(job(replace(MODEL, hub="https://hub.internal")))["HF_ENDPOINT"] == "https://hub.internal"
    assert "HF_ENDPOINT" not in environment_of(job())


def test_the_script_is_told_what_to_load_and_what_to_keep() -> None:
    adapters = (AdapterRevision(name="legal", repo="acme/legal", revision=B),)
    serving, wanted = Load((("acme/twin", B),)), Load.of(ServedModel("acme/twin", A, "twin", adapters=adapters))
    manifest = job(Prefetch(wanted, keep=(serving, wanted), needs_safetensors=True), cache=CACHE)
    options = options_of(manifest)
    assert options["load"]["items"] == [["acme/twin", A], ["acme/legal", B]]
    assert [load["items"] for load in options["keep"]] == [[["acme/twin", B]]]
    assert (options["keepCommits"], options["volume"], options["safetensors"]) == (3, "/weights", True)
    assert script() in container_of(manifest)["command"]


def test_it_ends_in_time_tries_again_and_is_kept_when_it_has_finished() -> None:
    spec = job(replace(MODEL, deadline=1800))["spec"]
    assert spec["activeDeadlineSeconds"] == 1800
    assert 0 < spec["backoffLimit"] < 10
    assert "ttlSecondsAfterFinished" not in spec


def test_what_it_is_about_decides_its_name() -> None:
    name = job()["metadata"]["name"]
    others = [
        job(Prefetch(Load((("acme/twin", B),)))),
        job(replace(MODEL, token=SecretKeyRef(name="hub"))),
        job(replace(MODEL, hub="https://hub.internal")),
        job(replace(MODEL, deadline=60)),
        job(template={"spec": {"nodeSelector": {"pool": "other"}}}),
    ]
    assert len({name, *(other["metadata"]["name"] for other in others)}) == 6
    assert job()["metadata"]["name"] == name


def test_what_is_to_stay_does_not() -> None:
    """It changes while the Job is there, and a Job's template cannot."""
    kept = replace(MODEL, keep=(Load((("acme/twin", B),)),))
    assert job(kept)["metadata"]["name"] == job()["metadata"]["name"]


def test_the_longest_name_is_one_that_a_job_may_have() -> None:
    """It becomes the value of a label, which may have 63 characters."""
    longest = Subject("ml", "t" * 48, "uid")
    assert len(prefetch(longest, MODEL, CACHE, TEMPLATE, gpus=1)["metadata"]["name"]) <= 63


def test_they_go_with_the_deployment_and_are_found_again() -> None:
    for manifest in (job(), volume(SUBJECT, CACHE)):
        assert manifest["metadata"]["ownerReferences"] == [owner_reference(SUBJECT.name, SUBJECT.uid)]
        assert manifest["metadata"]["labels"]["slipway.dev/deployment"] == "twin"
        assert manifest == marked(manifest)


def test_the_volume_is_the_users() -> None:
    cache = Cache(size="2Ti", storage_class="nfs", access_mode="ReadWriteMany")
    manifest = volume(SUBJECT, cache)
    assert manifest["metadata"]["name"] == "twin-weights"
    assert manifest["spec"] == {
        "accessModes": ["ReadWriteMany"],
        "resources": {"requests": {"storage": "2Ti"}},
        "storageClassName": "nfs",
    }
    assert "storageClassName" not in volume(SUBJECT, CACHE)["spec"]


def test_the_same_commits_are_the_same_load_wherever_they_are_remembered() -> None:
    one = AdapterRevision(name="one", repo="acme/one", revision=B)
    two = AdapterRevision(name="two", repo="acme/two", revision=B)
    served = ServedModel("acme/twin", A, "twin", adapters=(one, two))
    fields = {"repo": "acme/twin", "revision": A, "model_version": "twin"}
    status = ServedRevision(**fields, config="twin-1", since="2026-11-21T12:00:00Z", adapters=[two, one])
    memory = Served(**fields, image="engine:1", engine="vLLM", model="acme/twin", adapters=[two, one])
    assert Load.of(served) == Load.of(status) == Load.of(memory)
    assert Load.of(served).name != Load.of(replace(served, adapters=())).name


def test_a_server_finds_the_folder_and_says_which_commit_it_is() -> None:
    folder = snapshot_folder("acme/twin", A)
    assert folder == f"/weights/hub/models--acme--twin/snapshots/{A}"
    assert commit_of(folder) == A
    assert commit_of("acme/twin") is None
    assert commit_of(None) is None
    assert commit_of("/weights/hub/models--acme--twin") is None
