"""The nodes of the test bed by themselves: what the tests of the cluster target lean on. No operator runs here."""

from collections.abc import Callable
from pathlib import Path

import httpx2

from tests.integration.cluster_target import plain
from tests.integration.cluster_target.looking import alive, answers, engine, served
from tests.testbed.controlplane import ControlPlane
from tests.testbed.node.bed import Bed, node_bed

MakeBed = Callable[..., Bed]


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
    bed.wait(lambda: bed.nodes.processes() == {}, "no process is left")


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
