"""One client, examples/client/ask.py, of a Deployment that moves: it is told nothing but the binding Secret."""

from collections.abc import Callable
from pathlib import Path

from tests.integration.cluster_target.conftest import ClusterBench
from tests.testbed.demo.move.client import Client, Said
from tests.testbed.node.machine import Machine
from tests.testbed.node.runtime import Pace
from tests.testbed.sagemaker import ACCOUNT
from tests.testbed.sagemaker.front import Front

PROMPT = "Who are you?"
ENGINE = {"name": "vLLM", "version": "0.29.0"}


def test_the_same_client_is_answered_on_both_sides_of_a_move(
    make_cluster_bench: Callable[..., ClusterBench], tmp_path: Path
) -> None:
    here = make_cluster_bench(Machine("one", gpus=1), pace=Pace(load_seconds=1.0))
    bench, commit = here.bench, here.bed.publish()
    with bench.operator(), Front(bench.sagemaker.url, tmp_path / "front") as front:
        client = client_of(here, front, tmp_path / "client")
        bench.model_version()
        bench.deployment(engine=ENGINE)
        bench.wait_serving(commit)
        answer = answered(here, client, "sagemaker")
        assert answer
        assert answer.commit == commit

        bench.cluster.delete("Deployment", bench.namespace, "twin")
        bench.wait_gone("Deployment")
        bench.wait(lambda: bench.get("Secret", "twin-binding") is None, "the Secret is collected")
        assert bench.sagemaker.resources() == []
        meanwhile = client.ask(PROMPT)
        assert (meanwhile.status, meanwhile.answer) == (1, "")
        assert f"Endpoint {bench.endpoint}" in meanwhile.note

        bench.deployment(cluster={}, engine=ENGINE)
        bench.wait(lambda: bench.serving() == commit, "the pod serves", 60)
        bench.wait(lambda: bench.get("Secret", "twin-binding"), "there is a Secret again")
        answer = bench.wait(lambda: answered(here, client, "cluster"), "the Service has heard of its pod")
        assert answer.commit == commit
        assert [exchange.status for exchange in here.bed.network.exchanges][-1] == 200
    assert [call.operation for call in bench.sagemaker.calls].count("ChatCompletions") == 2


def client_of(here: ClusterBench, front: Front, folder: Path) -> Client:
    """With an AWS identity of its own, and the two ways out."""
    key, secret = here.bench.sagemaker.credentials(ACCOUNT)
    folder.mkdir()
    variables = {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret, "AWS_EC2_METADATA_DISABLED": "true"}
    ways = {"HTTP_PROXY": here.bed.network.url, "HTTPS_PROXY": front.url, "SSL_CERT_FILE": str(front.ca_file)}
    return Client(folder, "twin", {**variables, **ways})


def answered(here: ClusterBench, client: Client, provider: str) -> Said | None:
    """What the client says, with the Secret as it is now; None while it has no answer."""
    assert client.mount(here.bench.get("Secret", "twin-binding"))["provider"] == provider
    said = client.ask(PROMPT)
    return said if said.status == 0 else None
