"""What goes wrong in the test bed's pods is told as the kubelet, the registry and the engines tell it."""

from collections.abc import Callable

from tests.integration.cluster_target import plain
from tests.integration.cluster_target.looking import engine, routed, served, waiting
from tests.testbed.hub.models import llama_8b_repository
from tests.testbed.node.bed import Bed, Object, condition
from tests.testbed.node.machine import Machine

MakeBed = Callable[..., Bed]


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


def test_a_command_that_the_image_lacks_is_told_in_the_runtimes_words(bed: Bed) -> None:
    bed.things.create(plain.pod(commit=bed.publish(), container={"command": ["lorax-launcher"]}))

    bed.wait(lambda: waiting(bed).get("reason") == "CrashLoopBackOff", "it loops")

    last = engine(bed.things.get("Pod", "twin") or {})["lastState"]["terminated"]
    assert (last["exitCode"], last["reason"]) == (128, "StartError")
    assert 'exec: "lorax-launcher": executable file not found in $PATH' in last["message"]


def test_an_init_container_that_fails_holds_the_engine_up(bed: Bed) -> None:
    first = {"name": "first", "image": plain.TGI, "command": ["python3", "-c", "raise SystemExit('not today')"]}
    bed.things.create(plain.pod(commit=bed.publish(), initContainers=[first]))

    def state() -> Object:
        statuses = ((bed.things.get("Pod", "twin") or {}).get("status") or {}).get("initContainerStatuses") or [{}]
        found: Object = statuses[0].get("state", {}).get("waiting") or {}
        return found

    bed.wait(lambda: state().get("reason") == "CrashLoopBackOff", "it loops")
    pod = bed.things.get("Pod", "twin") or {}
    assert condition(pod, "Initialized")["message"] == "containers with incomplete status: [first]"
    assert waiting(bed)["reason"] == "PodInitializing"
    assert "not today" in bed.nodes.logs("twin", "first")
