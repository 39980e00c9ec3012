"""What is decided about a real node before anything runs."""

import io
import json
import tarfile
import tempfile
from pathlib import Path

import pytest

from tests.testbed.real_node.containerd import network
from tests.testbed.real_node.folder import cluster_folder
from tests.testbed.real_node.images import PAUSE, pause_image
from tests.testbed.real_node.kubelet import KubeletOptions, configuration
from tests.testbed.real_node.obstacle import Facts, obstacle

OPTIONS = KubeletOptions(name="one", address="198.18.0.2", cgroup="nodes-one", client_ca=Path("/ca"), labels="")


def test_a_machine_that_can_has_no_obstacle() -> None:
    assert obstacle(Facts()) is None


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        (Facts(system="Darwin"), "this is Darwin"),
        (Facts(machine="aarch64"), "the processor is aarch64"),
        (Facts(root=False), "run it as root"),
        (Facts(missing_tools=("unshare", "dpkg")), "unshare, dpkg is not here"),
        (Facts(keyring=None), "apt install debian-archive-keyring"),
        (Facts(missing_controllers=("cpu", "memory")), "no writable hierarchy for cpu, memory"),
        (Facts(namespaces_refused="unshare failed: Operation not permitted"), "Operation not permitted"),
    ],
)
def test_an_obstacle_is_named_with_the_way_out(facts: Facts, says: str) -> None:
    assert says in (obstacle(facts) or "")


def test_a_kubelet_lets_nobody_in_but_the_api_server() -> None:
    said = json.loads(configuration(OPTIONS, Path("/resolv.conf"), Path("/plugins")))
    assert said["authentication"]["anonymous"]["enabled"] is False
    assert said["authentication"]["x509"]["clientCAFile"] == "/ca"
    assert said["cgroupRoot"] == "/nodes-one"


def test_pods_of_two_nodes_have_addresses_of_their_own() -> None:
    first, second = (
        json.loads(network(pods))["plugins"][0]["ipam"]["ranges"] for pods in ("10.1.0.0/24", "10.2.0.0/24")
    )
    assert first != second


def test_the_pause_image_holds_one_program_that_nobody_runs_as_root(tmp_path: Path) -> None:
    program = tmp_path / "pause"
    program.write_bytes(b"\x7fELF")
    with tarfile.open(fileobj=io.BytesIO(pause_image(program))) as archive:

        def read(name: str) -> bytes:
            file = archive.extractfile(name)
            assert file is not None
            return file.read()

        (manifest,) = json.loads(read("manifest.json"))
        config = json.loads(read(manifest["Config"]))
        with tarfile.open(fileobj=io.BytesIO(read(manifest["Layers"][0]))) as layer:
            assert layer.getnames() == ["pause"]
            assert layer.getmember("pause").mode == 0o755
    assert manifest["RepoTags"] == [PAUSE]
    assert config["config"]["User"] not in ("", "0")


def test_a_killed_runs_folder_is_removed_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    left, kept = tmp_path / "slipway-node-left", tmp_path / "slipway-node-kept"
    left.mkdir()
    (left / "lock").touch()  # nobody holds it
    kept.mkdir()

    with cluster_folder(keep=lambda: True) as used, cluster_folder() as other:
        assert sorted(tmp_path.iterdir()) == sorted([used, other, kept])
    with cluster_folder() as third:
        pass

    assert sorted(tmp_path.iterdir()) == sorted([used, kept])
    assert not third.exists()
