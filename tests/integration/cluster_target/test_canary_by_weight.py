"""Canaries by the weights of an HTTPRoute, with a Gateway that follows them and clients that ask through it."""

import threading
from collections import Counter
from collections.abc import Callable

import httpx2
import pytest

from tests.integration.cluster_target.conftest import ClusterBench
from tests.integration.cluster_target.using import FOUR, LONGEST, QUICK, begun, message, published, reasons, serves
from tests.testbed.node.gateway import Gateway

HOST = "twin.example.com"
ROUTE = {"httpRoute": {"parentRefs": [{"name": "public", "namespace": "gateways"}], "hostnames": [HOST]}}
STEPS = {"shift": "Canary", "stepPercent": 25, "stepInterval": "6s", "terminationWait": "1s"}


@pytest.fixture
def here(make_cluster_bench: Callable[..., ClusterBench]) -> ClusterBench:
    """Two machines with two GPUs each."""
    return make_cluster_bench(*FOUR, pace=QUICK)


@pytest.fixture
def gateway(here: ClusterBench, make_gateway: Callable[..., Gateway]) -> Gateway:
    """What clients from outside come through."""
    return make_gateway(here.bench.namespace, home="gateways", speed=QUICK.speed)


class Asking:
    """A client that asks all the time, through the Gateway."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._ask, daemon=True)
        self.failed: list[str] = []
        self.answered: Counter[str] = Counter()

    def _ask(self) -> None:
        with self._gateway.client(HOST) as client:
            while not self._stop.is_set():
                try:
                    answer = client.get("/info")
                    answer.raise_for_status()
                    self.answered[answer.json()["model_sha"]] += 1
                except httpx2.HTTPError as problem:
                    self.failed.append(repr(problem))

    def __enter__(self) -> "Asking":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(30)


def begun_behind(here: ClusterBench, gateway: Gateway) -> str:
    """A first commit that serves behind the Gateway."""
    first = begun(here, cluster={"expose": ROUTE}, replicas=2, rollout={"blueGreen": STEPS})
    here.bench.wait(lambda: gateway.split(HOST) == {"twin": 1}, "it is behind the Gateway", LONGEST)
    return first


def divided(here: ClusterBench, gateway: Gateway) -> None:
    here.bench.wait(lambda: gateway.split(HOST) == {"twin": 75, "twin-canary": 25}, "the route divides", LONGEST)


def test_a_quarter_of_the_requests_and_none_lost(here: ClusterBench, gateway: Gateway) -> None:
    with here.bench.operator():
        first = begun_behind(here, gateway)
        assert here.bench.status("Deployment")["endpoint"]["url"] == f"https://{HOST}/v1"
        with Asking(gateway) as client:
            second = published(here, "better")
            divided(here, gateway)
            with gateway.client(HOST) as http:
                answers = Counter(http.get("/info").json()["model_sha"] for _ in range(80))
            share = answers[second]
            assert first in here.bed.ask()  # whoever comes past the route gets the old one
            serves(here, second)
            here.bench.wait(lambda: not here.bed.things.get("Service", "twin-canary"), "nothing of it is left", LONGEST)
        assert 10 <= share <= 30
        assert client.failed == []
        assert client.answered.keys() == {first, second}
        assert gateway.split(HOST) == {"twin": 1}


def test_a_way_back_in_the_middle_loses_no_request(here: ClusterBench, gateway: Gateway) -> None:
    with here.bench.operator():
        first = begun_behind(here, gateway)
        published(here, "worse")
        divided(here, gateway)
        said = "25 % of the requests by the HTTPRoute go to them"
        here.bench.wait(lambda: said in message(here, "Reconciling"), "the status says so", LONGEST)
        source = {"huggingFace": {"revision": first}}
        here.bench.cluster.patch("ModelVersion", here.bench.namespace, "twin", {"spec": {"source": source}})
        with Asking(gateway) as client:
            here.bench.wait(lambda: gateway.split(HOST) == {"twin": 1}, "the route leads to the old pods", LONGEST)
            here.bench.wait(lambda: not here.bed.things.get("Service", "twin-canary"), "nothing of it is left", LONGEST)
            serves(here, first)
        assert client.failed == []
        assert "Stalled" not in reasons(here)
