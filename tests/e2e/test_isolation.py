"""The real node leaves the machine alone that it runs on, and its pods reach nothing else."""

import pytest

from tests.testbed.controlplane import ControlPlaneError
from tests.testbed.real_node.cluster import RealCluster


@pytest.mark.parametrize("destination", ["169.254.169.254", "192.0.2.1", "10.0.0.1"])
def test_nothing_but_this_machine_is_in_reach(cluster: RealCluster, destination: str) -> None:
    machines = [cluster.control, *(node.machine for node in cluster.nodes)]
    for machine in machines:
        assert cluster.network.here in machine.run("ip", "route", "get", cluster.network.here)
        with pytest.raises(ControlPlaneError, match="No route to host"):
            machine.run("ip", "route", "get", destination)


def test_settings_of_the_kernel_stay_as_they_are(cluster: RealCluster) -> None:
    for node in cluster.nodes:
        swappiness = node.machine.run("cat", "/proc/sys/vm/swappiness").strip()
        with pytest.raises(ControlPlaneError, match="Read-only file system"):
            node.machine.set_sysctl("vm/swappiness", swappiness)


def test_of_the_control_plane_others_reach_the_api_server_only(cluster: RealCluster) -> None:
    listening = cluster.control.run("ss", "--no-header", "--listening", "--tcp", "--numeric").splitlines()
    open_to_others = [line.split()[3] for line in listening if not line.split()[3].startswith("127.")]
    assert open_to_others == [f"{cluster.network.address(1)}:6443"]
