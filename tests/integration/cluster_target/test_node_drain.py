"""Pods that go under load: the test bed loses requests where a cluster would, and nowhere else."""

import threading
from collections.abc import Callable

import httpx2

from tests.integration.cluster_target import plain
from tests.integration.cluster_target.looking import answers, served
from tests.testbed.node.bed import Bed, Object
from tests.testbed.node.machine import Machine

MakeBed = Callable[..., Bed]

LONG = {"inputs": "Tell me a long story", "parameters": {"max_new_tokens": 500}}
"""Ten seconds of a real engine's time: one of this test bed's."""
SHORT = {"inputs": "Hello", "parameters": {"max_new_tokens": 1}}


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


def test_a_hook_that_fails_costs_its_wait(bed: Bed) -> None:
    hook = {"lifecycle": {"preStop": {"exec": {"command": ["no-such-program"]}}}}
    bed.things.create(plain.deployment(commit=bed.publish(), container=hook), plain.service())
    served(bed)

    bed.things.scale("twin", 0)

    bed.wait(lambda: not bed.things.list("Pod"), "it has gone")
    said = {event["reason"]: event["message"] for event in bed.things.list("Event")}
    assert 'exec: "no-such-program": executable file not found in $PATH' in said["FailedPreStopHook"]


def test_a_pod_is_killed_at_the_end_of_its_grace_period(bed: Bed) -> None:
    bed.things.create(
        plain.deployment(commit=bed.publish(), pre_stop=None, terminationGracePeriodSeconds=3), plain.service()
    )
    (pod,) = served(bed)
    bed.wait(lambda: answers(bed), "the Service answers")
    client = Load(bed, {"inputs": LONG["inputs"], "parameters": {"max_new_tokens": 4000}})
    client.start()
    address = pod["status"]["podIP"]
    busy = lambda: "tgi_batch_current_size 1" in httpx2.get(f"http://{address}:8080/metrics", trust_env=False).text  # noqa: E731
    bed.wait(busy, "it answers")

    bed.things.scale("twin", 0)

    bed.wait(lambda: not bed.things.list("Pod"), "it has gone")
    client.stop()
    assert client.bad, "what it had begun was cut off"
