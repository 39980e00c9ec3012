"""The test bed's volumes: filled by one pod, read by another, attached where they can be."""

from collections.abc import Callable

from tests.integration.cluster_target import plain
from tests.integration.cluster_target.looking import answers, engine, phase, served, unscheduled, waiting
from tests.testbed.node.bed import Bed, condition
from tests.testbed.node.machine import Machine

MakeBed = Callable[..., Bed]

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
