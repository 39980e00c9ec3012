"""The nodes of the test bed by themselves: what the tests of the cluster target lean on. No operator runs here."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.integration.cluster_target import plain
from tests.testbed.controlplane import ControlPlane
from tests.testbed.hub.models import llama_8b_repository
from tests.testbed.node.bed import Bed, Object, condition, node_bed
from tests.testbed.node.machine import GPU_TAINT, Machine

MakeBed = Callable[..., Bed]
LONG = {"inputs": "Tell me a long story", "parameters": {"max_new_tokens": 500}}
"""Ten seconds of a real engine's time: one of this test bed's."""
SHORT = {"inputs": "Hello", "parameters": {"max_new_tokens": 1}}


def engine(pod: Object) -> Object:
    """The status of a pod's container."""
    statuses: list[Object] = (pod.get("status") or {}).get("containerStatuses") or [{}]
    return statuses[0]


def waiting(bed: Bed, name: str = "twin") -> Object:
    """Why a pod's container waits."""
    found: Object = engine(bed.things.get("Pod", name) or {}).get("state", {}).get("waiting") or {}
    return found


def served(bed: Bed, count: int = 1, name: str = "twin") -> list[Object]:
    """So many ready pods, once they answer through their Service."""
    bed.wait(lambda: len(bed.ready(app=name)) == count, f"{count} pods of {name} are ready")
    bed.wait(lambda: routed(bed, name) == {pod["status"]["podIP"] for pod in bed.ready(app=name)}, "all are routed to")
    return bed.ready(app=name)


def routed(bed: Bed, name: str) -> set[str]:
    endpoints = bed.things.get("Endpoints", name) or {}
    return {each["ip"] for subset in endpoints.get("subsets") or [] for each in subset.get("addresses") or []}


def answers(bed: Bed) -> bool:
    try:
        return bool(bed.ask())
    except httpx2.HTTPError:
        return False


def alive(pids: list[int]) -> list[int]:
    return [pid for pid in pids if Path(f"/proc/{pid}").exists()]


# A life


def test_a_deployment_becomes_ready_and_answers_through_its_service(bed: Bed) -> None:
    commit = bed.publish()
    bed.things.create(plain.deployment(commit=commit), plain.service())

    (pod,) = served(bed)
    bed.wait(lambda: answers(bed), "the Service answers")

    assert f"It serves acme/twin at commit {commit}" in bed.ask()
    status = pod["status"]
    assert {each["type"]: each["status"] for each in status["conditions"]} == {
        "PodScheduled": "True",
        "Initialized": "True",
        "ContainersReady": "True",
        "Ready": "True",
    }
    assert status["phase"] == "Running"
    assert status["startTime"]
    assert (engine(pod)["started"], engine(pod)["ready"], engine(pod)["restartCount"]) == (True, True, 0)
    with bed.client() as client:
        info = client.get(bed.url("twin", "/info")).json()
        assert (info["model_id"], info["model_sha"]) == ("acme/twin", commit)
        assert client.get(bed.url("nobody")).status_code == 502
        assert "tgi_queue_size 0" in client.get(bed.url("twin", "/metrics")).text
    reasons = [event["reason"] for event in bed.things.list("Event")]
    assert {"Scheduled", "Pulled", "Started"} <= set(reasons)


def test_scaling_gives_each_machine_a_pod_and_takes_its_process_away(bed: Bed) -> None:
    bed.things.create(plain.deployment(commit=bed.publish(), replicas=2), plain.service())
    pods = served(bed, 2)
    assert {pod["spec"]["nodeName"].rpartition("-")[0] for pod in pods} == {"one", "two"}
    assert len({pod["status"]["podIP"] for pod in pods}) == 2

    bed.things.scale("twin", 0)

    bed.wait(lambda: not bed.things.list("Pod"), "no pod is left")
    assert bed.nodes.processes() == {}


def test_a_deleted_deployment_leaves_no_process(bed: Bed) -> None:
    bed.things.create(plain.deployment(commit=bed.publish(), replicas=2), plain.service())
    served(bed, 2)
    pids = [pid for found in bed.nodes.processes().values() for pid in found]
    assert len(alive(pids)) == 2

    bed.things.delete("Deployment", "twin")

    bed.wait(lambda: not bed.things.list("Pod"), "garbage collection has taken the pods")
    assert alive(pids) == []


def test_what_is_left_running_ends_with_the_nodes(make_bed: MakeBed, plane: ControlPlane, tmp_path: Path) -> None:
    with node_bed(plane, tmp_path) as bed:
        bed.things.create(plain.deployment(commit=bed.publish()), plain.service())
        (pod,) = served(bed)
        node = pod["spec"]["nodeName"]
        pids = [pid for found in bed.nodes.processes().values() for pid in found]
        assert len(alive(pids)) == 1

    assert alive(pids) == []
    assert "NotFound" in plane.kubectl("get", "node", node, check=False).stderr


def test_vllm_serves_by_its_arguments(bed: Bed) -> None:
    commit = bed.publish()
    arguments = ["acme/twin", f"--revision={commit}", "--port=8080", "--max-model-len=2048", "--served-model-name=twin"]
    template = plain.deployment(image=plain.VLLM, container={"args": arguments})
    bed.things.create(template, plain.service())
    served(bed)
    bed.wait(lambda: answers_chat(bed, "twin") == 200, "the Service answers")

    with bed.client() as client:
        models = client.get(bed.url("twin", "/v1/models")).json()["data"]
        assert [(each["id"], each["root"]) for each in models] == [("twin", "acme/twin")]
        chat = {"model": "twin", "messages": [{"role": "user", "content": "Hello"}]}
        said = client.post(bed.url("twin", "/v1/chat/completions"), json=chat).json()["choices"][0]["message"][
            "content"
        ]
        assert commit in said
    assert answers_chat(bed, "another") == 404


def answers_chat(bed: Bed, model: str) -> int:
    with bed.client() as client:
        body = {"model": model, "messages": [{"role": "user", "content": "Hello"}]}
        return int(client.post(bed.url("twin", "/v1/chat/completions"), json=body).status_code)


# Nodes are chosen


def test_a_gpu_too_few_is_told_in_the_schedulers_words_until_one_is_free(bed: Bed) -> None:
    bed.things.create(plain.deployment(commit=bed.publish(), replicas=3), plain.service())

    pending = bed.wait(
        lambda: [pod for pod in bed.pods() if condition(pod, "PodScheduled").get("status") == "False"],
        "one is too many",
    )

    found = condition(pending[0], "PodScheduled")
    assert found["reason"] == "Unschedulable"
    assert found["message"] == (
        "0/2 nodes are available: 2 Insufficient nvidia.com/gpu. "
        "preemption: 0/2 nodes are available: 2 No preemption victims found for incoming pod."
    )
    assert pending[0]["status"]["phase"] == "Pending"
    name = pending[0]["metadata"]["name"]
    other = next(pod for pod in bed.pods() if pod["metadata"]["name"] != name)
    bed.things.scale("twin", 0)
    bed.things.delete("Pod", other["metadata"]["name"])
    bed.wait(lambda: not bed.things.list("Pod"), "all have gone")
    assert "FailedScheduling" in {event["reason"] for event in bed.things.list("Event")}


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            {"nodeSelector": {"nvidia.com/gpu.product": "NVIDIA-H100"}},
            "2 node(s) didn't match Pod's node affinity/selector",
        ),
        ({"gpus": 4}, "2 Insufficient nvidia.com/gpu"),
        (
            {"tolerations": []},
            "1 Insufficient nvidia.com/gpu, 1 node(s) had untolerated taint {nvidia.com/gpu: present}",
        ),
    ],
)
def test_why_no_node_will_do(make_bed: MakeBed, spec: dict[str, Any], message: str) -> None:
    tainted = Machine("tainted", taints=(GPU_TAINT,))
    bed = make_bed(machines=(tainted, Machine("bare", gpus=0 if "tolerations" in spec else 1)))
    tolerate = {"tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}]}
    bed.things.create(plain.pod(**{**tolerate, **spec}))

    def refused() -> str:
        return str(condition(bed.things.get("Pod", "twin") or {}, "PodScheduled").get("message", ""))

    bed.wait(lambda: refused(), "it is refused")
    assert refused().startswith(f"0/2 nodes are available: {message}. preemption: 0/2 nodes are available: ")
    assert refused().endswith("2 Preemption is not helpful for scheduling.")


def test_affinity_finds_the_machine_with_enough_memory(make_bed: MakeBed) -> None:
    bed = make_bed(machines=(Machine("small"), Machine("large", gpu_product="NVIDIA-A100-SXM4-80GB", gpu_memory=81920)))
    memory = {"key": "nvidia.com/gpu.memory", "operator": "Gt", "values": ["40000"]}
    kind = {"key": "nvidia.com/gpu.product", "operator": "In", "values": ["NVIDIA-A100-SXM4-80GB", "NVIDIA-H200"]}
    required = {"nodeSelectorTerms": [{"matchExpressions": [memory, kind]}]}
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}

    bed.things.create(plain.pod(commit=bed.publish(), affinity=affinity))

    bed.wait(lambda: bed.ready(), "it is ready")
    assert bed.ready()[0]["spec"]["nodeName"].startswith("large-")


# What goes wrong


def test_a_crash_loop_keeps_the_engines_last_words(bed: Bed) -> None:
    bed.things.create(plain.pod(commit=bed.publish(), container={"args": ["--max-totl-tokens", "4096"]}))

    bed.wait(lambda: waiting(bed).get("reason") == "CrashLoopBackOff", "it loops")

    pod = bed.things.get("Pod", "twin") or {}
    last = engine(pod)["lastState"]["terminated"]
    assert (last["exitCode"], last["reason"]) == (2, "Error")
    assert "error: unexpected argument '--max-totl-tokens' found" in last["message"]
    assert engine(pod)["restartCount"] >= 1
    uid = pod["metadata"]["uid"]
    assert waiting(bed)["message"] == f"back-off 10s restarting failed container=engine pod=twin_{bed.namespace}({uid})"
    assert pod["status"]["phase"] == "Running"
    bed.wait(lambda: "back-off 20s" in waiting(bed).get("message", ""), "the back-off grows")


def test_an_unknown_image_is_told_in_the_registrys_words(bed: Bed) -> None:
    bed.things.create(plain.pod(image="ghcr.io/huggingface/text-generation-inference:9.9.9"))

    bed.wait(lambda: waiting(bed).get("reason") == "ErrImagePull", "it is not found")
    assert waiting(bed)["message"].endswith("ghcr.io/huggingface/text-generation-inference:9.9.9: not found")
    bed.wait(lambda: waiting(bed).get("reason") == "ImagePullBackOff", "it backs off")
    assert waiting(bed)["message"].startswith('Back-off pulling image "ghcr.io/huggingface/text-generation-inference:9')
    assert (bed.things.get("Pod", "twin") or {})["status"]["phase"] == "Pending"


def test_a_missing_secret_holds_a_container_up_until_it_is_there(bed: Bed) -> None:
    secret = {"secretKeyRef": {"name": "hub", "key": "token"}}
    bed.things.create(plain.pod(commit=bed.publish(), env={"HF_TOKEN": secret}))

    bed.wait(lambda: waiting(bed).get("reason") == "CreateContainerConfigError", "it cannot be configured")
    assert waiting(bed)["message"] == 'secret "hub" not found'
    bed.things.create({"kind": "Secret", "metadata": {"name": "hub"}, "stringData": {"other": "x"}})
    missing = f"couldn't find key token in Secret {bed.namespace}/hub"
    bed.wait(lambda: waiting(bed).get("message") == missing, "the key is missing")
    bed.hub.add_token("hf_ours", "us")
    bed.things.patch("Secret", "hub", {"stringData": {"token": "hf_ours"}})

    bed.wait(lambda: bed.ready(), "it is ready")
    assert bed.hub.calls(user="us") > 0


def test_gated_weights_need_a_token(bed: Bed) -> None:
    commit = bed.publish("acme/gated")
    bed.hub.change("acme/gated", gated="manual")
    bed.things.create(plain.pod(commit=commit, env={"MODEL_ID": "acme/gated"}))

    bed.wait(lambda: engine(bed.things.get("Pod", "twin") or {}).get("lastState"), "it has died")

    last = engine(bed.things.get("Pod", "twin") or {})["lastState"]["terminated"]
    assert last["exitCode"] == 1
    assert "huggingface_hub.errors.GatedRepoError: 401 Client Error" in last["message"]
    assert "Error: DownloadError" in last["message"]


def test_a_container_above_its_memory_limit_is_killed(bed: Bed) -> None:
    commit = bed.publish(host_memory=8 * 2**30)
    limits = {"nvidia.com/gpu": "1", "memory": "4Gi"}
    bed.things.create(plain.pod(commit=commit, container={"resources": {"limits": limits}}))

    bed.wait(lambda: engine(bed.things.get("Pod", "twin") or {}).get("lastState"), "it has died")

    last = engine(bed.things.get("Pod", "twin") or {})["lastState"]["terminated"]
    assert (last["exitCode"], last["reason"]) == (137, "OOMKilled")


def test_weights_that_do_not_fit_end_in_pytorchs_words(make_bed: MakeBed) -> None:
    bed = make_bed(machines=(Machine("small", gpu_product="NVIDIA-RTX-A2000-12GB", gpu_memory=12282),))
    bed.hub.create_repo("acme/twin")
    commit = bed.hub.commit("acme/twin", llama_8b_repository(shards=1))
    bed.things.create(plain.pod(commit=commit))

    bed.wait(lambda: engine(bed.things.get("Pod", "twin") or {}).get("lastState"), "it has died")

    last = engine(bed.things.get("Pod", "twin") or {})["lastState"]["terminated"]
    assert "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate" in last["message"]
    assert "Error: ShardCannotStart" in last["message"]


def test_restricted_pods_find_what_an_image_needs_root_for(bed: Bed) -> None:
    commit = bed.publish()
    rootless = {"runAsNonRoot": True}
    bed.things.create(
        plain.pod("old", commit=commit, image=plain.TGI_THAT_NEEDS_ROOT),
        plain.pod("unnamed", commit=commit, securityContext=rootless),
    )

    bed.wait(lambda: engine(bed.things.get("Pod", "old") or {}).get("lastState"), "it has died")
    last = engine(bed.things.get("Pod", "old") or {})["lastState"]["terminated"]
    assert last["exitCode"] == 127
    assert "libpython3.11.so.1.0: cannot open shared object file" in last["message"]
    bed.wait(lambda: waiting(bed, "unnamed").get("reason") == "CreateContainerConfigError", "root is refused")
    assert waiting(bed, "unnamed")["message"].startswith("container has runAsNonRoot and image will run as root (pod: ")


def test_a_read_only_root_needs_volumes_for_what_the_engine_writes(bed: Bed) -> None:
    mounts = {
        "volumeMounts": [{"name": "home", "mountPath": plain.HOME}],
        "securityContext": {"readOnlyRootFilesystem": True},
    }
    bed.things.create(plain.pod(commit=bed.publish(), container=mounts))

    bed.wait(lambda: engine(bed.things.get("Pod", "twin") or {}).get("lastState"), "it has died")

    last = engine(bed.things.get("Pod", "twin") or {})["lastState"]["terminated"]
    assert "OSError: [Errno 30] Read-only file system: '/tmp/text-generation-server'" in last["message"]


def test_a_failing_gpu_takes_a_pod_out_of_its_service_and_then_restarts_it(bed: Bed) -> None:
    commit = bed.publish(answers="error")
    liveness = {"httpGet": {"path": "/health", "port": "http"}, "periodSeconds": 10, "failureThreshold": 4}
    bed.things.create(plain.deployment(commit=commit, container={"livenessProbe": liveness}), plain.service())
    served(bed)
    bed.wait(lambda: routed(bed, "twin"), "it is routed to")

    with bed.client() as client:
        body = {"inputs": "Hello"}
        bed.wait(lambda: client.post(bed.url("twin", "/generate"), json=body).status_code == 424, "it fails")

    bed.wait(lambda: not routed(bed, "twin"), "nobody is sent there any more")
    bed.wait(lambda: engine(bed.pods()[0])["restartCount"] == 1, "it is restarted")
    said = [event["message"] for event in bed.things.list("Event")]
    assert "Readiness probe failed: HTTP probe failed with statuscode: 503" in said
    assert "Container engine failed liveness probe, will be restarted" in said


# Drain


class Load(threading.Thread):
    """Clients that ask one after the other, until they are stopped."""

    def __init__(self, bed: Bed, body: Object) -> None:
        super().__init__(daemon=True)
        self._bed = bed
        self._body = body
        self._over = threading.Event()
        self.good = 0
        self.bad: list[str] = []

    def run(self) -> None:
        with self._bed.client() as client:
            while not self._over.is_set():
                try:
                    answer = client.post(self._bed.url("twin", "/generate"), json=self._body)
                    good = answer.status_code == 200 and bool(answer.json()["generated_text"])
                    self.bad += [] if good else [f"{answer.status_code} {answer.text[:200]}"]
                    self.good += good
                except (httpx2.HTTPError, ValueError) as problem:
                    self.bad.append(repr(problem))

    def stop(self) -> None:
        self._over.set()
        self.join(60)


def roll(bed: Bed, body: Object) -> list[Load]:
    """Replace both pods while four clients ask."""
    old = {pod["metadata"]["name"] for pod in served(bed, 2)}
    bed.wait(lambda: answers(bed), "the Service answers")
    clients = [Load(bed, body) for _ in range(4)]
    for client in clients:
        client.start()
    bed.wait(lambda: all(client.good for client in clients), "each has been answered")
    change = {"spec": {"template": {"metadata": {"annotations": {"roll": "1"}}}}}
    bed.things.patch("Deployment", "twin", change)
    bed.wait(lambda: not old & {pod["metadata"]["name"] for pod in bed.things.list("Pod")}, "the old ones have gone")
    for client in clients:
        client.stop()
    return clients


def test_a_pod_that_waits_before_it_ends_loses_no_request(make_bed: MakeBed) -> None:
    bed = make_bed(machines=(Machine("one", gpus=2), Machine("two", gpus=2)))
    bed.things.create(plain.deployment(commit=bed.publish(), replicas=2), plain.service())

    clients = roll(bed, LONG)

    assert [problem for client in clients for problem in client.bad] == []
    assert sum(client.good for client in clients) >= 4


def test_a_pod_that_ends_at_once_loses_requests(make_bed: MakeBed) -> None:
    """As it is in reality: the endpoint goes at the same time as the process stops listening, and is heard of later."""
    bed = make_bed(machines=(Machine("one", gpus=2), Machine("two", gpus=2)))
    bed.things.create(plain.deployment(commit=bed.publish(), replicas=2, pre_stop=None), plain.service())

    clients = roll(bed, SHORT)

    assert [problem for client in clients for problem in client.bad]


# Volumes


LOAD = """
from huggingface_hub import snapshot_download
print(snapshot_download("acme/twin", revision="{commit}", cache_dir="/weights/hub"))
"""


def test_a_job_fills_a_volume_from_which_engines_start_without_the_hub(make_bed: MakeBed) -> None:
    bed = make_bed(machines=(Machine("one"), Machine("two")))
    commit = bed.publish()
    bed.things.create(plain.claim("weights", "shared", "ReadWriteMany"))
    script = LOAD.format(commit=commit)
    bed.things.create(plain.job("load", plain.tool("load", script, claim_name="weights")))

    bed.wait(lambda: ((bed.things.get("Job", "load") or {}).get("status") or {}).get("succeeded") == 1, "it is loaded")
    before = bed.hub.calls()
    assert bed.hub.calls(path="safetensors") > 0

    folder = f"/weights/hub/models--acme--twin/snapshots/{commit}"
    weights = {"name": "weights", "persistentVolumeClaim": {"claimName": "weights"}}
    template = plain.deployment(replicas=2, env={"MODEL_ID": folder, "HF_HUB_OFFLINE": "1", "REVISION": "x"})
    spec = template["spec"]["template"]["spec"]
    spec["volumes"].append(weights)
    spec["containers"][0]["volumeMounts"].append({"name": "weights", "mountPath": "/weights", "readOnly": True})
    spec["containers"][0]["env"] = [each for each in spec["containers"][0]["env"] if each["name"] != "REVISION"]
    bed.things.create(template, plain.service())
    served(bed, 2)
    bed.wait(lambda: answers(bed), "they answer")

    assert bed.hub.calls() == before, "not one request"
    assert f"at commit {commit}" in bed.ask()
    with bed.client() as client:
        info = client.get(bed.url("twin", "/info")).json()
    assert (info["model_id"], info["model_sha"]) == (folder, None), "an engine that is offline knows no commit"


def test_a_volume_needs_a_group_for_who_is_not_root(bed: Bed) -> None:
    bed.things.create(plain.claim("weights", "shared", "ReadWriteMany"))
    nobody = {"runAsNonRoot": True, "runAsUser": 2000}
    bed.things.create(plain.tool("grouped", "open('/weights/proof', 'w')", claim_name="weights"))
    bed.wait(lambda: phase(bed, "grouped") == "Succeeded", "a member of the group writes")

    bed.things.create(plain.tool("alone", "open('/weights/other', 'w')", claim_name="weights", securityContext=nobody))
    bed.wait(lambda: phase(bed, "alone") == "Failed", "nobody else does")

    terminated = engine(bed.things.get("Pod", "alone") or {})["state"]["terminated"]
    assert "PermissionError: [Errno 13] Permission denied" in terminated["message"]


def phase(bed: Bed, name: str) -> str:
    return str(((bed.things.get("Pod", name) or {}).get("status") or {}).get("phase"))


def test_a_disk_is_attached_to_one_node_at_a_time(bed: Bed) -> None:
    bed.things.create(plain.claim("weights", "disk"))
    names = list(bed.nodes.machines)
    stay = "import signal, time; signal.signal(signal.SIGTERM, lambda *_: exit(0)); time.sleep(600)"
    here = plain.tool("here", stay, claim_name="weights", nodeSelector={"kubernetes.io/hostname": names[0]})
    there = plain.tool(
        "there", "print('there')", claim_name="weights", nodeSelector={"kubernetes.io/hostname": names[1]}
    )
    bed.things.create(here)
    bed.wait(lambda: phase(bed, "here") == "Running", "the first one has it")
    bed.things.create(there)

    def refused() -> list[str]:
        return [each["message"] for each in bed.things.list("Event") if each["reason"] == "FailedAttachVolume"]

    bed.wait(refused, "the second one does not get it")
    assert refused()[0].startswith("Multi-Attach error for volume")
    assert waiting(bed, "there")["reason"] == "ContainerCreating"
    bed.things.delete("Pod", "here")
    bed.wait(lambda: phase(bed, "there") == "Succeeded", "then it does")


def test_a_local_volume_holds_its_pods_on_its_node(bed: Bed) -> None:
    bed.things.create(plain.claim("weights", "local"))
    bed.things.create(plain.tool("first", "open('/weights/proof', 'w').write('here')", claim_name="weights"))
    bed.wait(lambda: phase(bed, "first") == "Succeeded", "the first one has written")
    node = (bed.things.get("Pod", "first") or {})["spec"]["nodeName"]
    other = next(name for name in bed.nodes.machines if name != node)

    bed.things.create(plain.tool("second", "print(open('/weights/proof').read())", claim_name="weights"))
    away = {"kubernetes.io/hostname": other}
    bed.things.create(plain.tool("away", "print()", claim_name="weights", nodeSelector=away))

    bed.wait(lambda: phase(bed, "second") == "Succeeded", "the second one finds it")
    assert bed.nodes.logs("second").strip() == "here"
    said = condition(bed.wait(lambda: unscheduled(bed, "away"), "the third one has no node"), "PodScheduled")["message"]
    assert said.startswith(
        "0/2 nodes are available: 1 node(s) didn't match Pod's node affinity/selector, "
        "1 node(s) had volume node affinity conflict."
    )


def unscheduled(bed: Bed, name: str) -> Object:
    pod = bed.things.get("Pod", name) or {}
    return pod if condition(pod, "PodScheduled").get("status") == "False" else {}


# The control plane goes


def test_pods_go_on_while_the_api_server_is_away(bed: Bed, plane: ControlPlane) -> None:
    bed.things.create(plain.deployment(commit=bed.publish()), plain.service())
    (pod,) = served(bed)
    pids = bed.nodes.processes()

    plane.stop_apiserver()
    try:
        address = pod["status"]["podIP"]
        assert httpx2.get(f"http://{address}:8080/health", trust_env=False).status_code == 200
    finally:
        plane.start_apiserver()

    bed.things.scale("twin", 2)
    assert len(served(bed, 2)) == 2
    assert bed.nodes.processes().items() >= pids.items(), "the first one was not started again"
