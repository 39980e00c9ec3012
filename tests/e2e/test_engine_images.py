"""The images of the engines' look-alikes, started as the pods that the operator renders say."""

import json
import os
import signal
import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest

from slipway.api.v1alpha1.deployment import DeploymentSpec
from slipway.domain.served import ServedModel
from tests.e2e.needed import do_without
from tests.testbed.controlplane.progress import Report
from tests.testbed.hub import LocalHub
from tests.testbed.images.confined import Container, container, first_process
from tests.testbed.images.engines import engine_plan, tgi_image, vllm_image
from tests.testbed.images.workshop import ImagesUnavailable, Workshop
from tests.testbed.node.engines.host import VARIABLE
from tests.testbed.node.models import small_repository
from tests.testbed.waiting import eventually
from tests.unit.domain.cluster.specs import CACHE, engine, pod, spec, tgi, wanted

pytestmark = pytest.mark.e2e
REPO = "acme/twin"
IN_MEMORY = {"home": None, "tmp": None, "shared-memory": None, "scratch": None}
"""The volumes of a pod that begin empty."""


@pytest.fixture(scope="module")
def images(say: Report) -> Iterator[Mapping[str, Container]]:
    """A container of each image, by the engine's name."""
    workshop = Workshop(say)
    try:
        made = {"TGI": ("tgi", tgi_image(say)), "vLLM": ("vllm", vllm_image(say))}
        with ExitStack() as stack:
            builder = workshop.builder()
            yield {
                name: stack.enter_context(container(builder, workshop.name(engine_plan(kind, image.reference))))
                for name, (kind, image) in made.items()
            }
    except ImagesUnavailable as why:
        do_without(why)


@pytest.fixture
def hub() -> Iterator[LocalHub]:
    """With a repository that has no commit yet."""
    with LocalHub() as hub:
        hub.create_repo(REPO)
        yield hub


class Started:
    """A container of a pod."""

    def __init__(self, image: Container, described: Any, volumes: Mapping[str, Path | None], user: int) -> None:
        """`described`: the container in the pod's spec. `volumes`: by name, the folder; None: memory."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._asked = {str(port["containerPort"]) for port in described.get("ports", [])}
        environment = {each["name"]: self._own(each["value"]) for each in described["env"]}
        self.process = image.start(
            *(self._own(word) for word in described.get("args", [])),
            command=described.get("command"),
            user=user,
            environment=environment,
            mounts={each["mountPath"]: volumes[each["name"]] for each in described["volumeMounts"]},
            workdir=described.get("workingDir"),
        )

    def _own(self, word: str) -> str:
        """With another port: this machine's network is shared."""
        before, equals, value = word.rpartition("=")
        return f"{before}{equals}{self.port}" if value in self._asked else word

    def up(self) -> "Started":
        eventually(self.is_up, "the engine answers")
        return self

    def is_up(self) -> bool:
        assert self.process.poll() is None, self.process.communicate()[0]
        try:
            return httpx2.get(f"{self.url}/health", trust_env=False).status_code == 200
        except httpx2.TransportError:
            return False

    def get(self, path: str) -> Any:
        return httpx2.get(self.url + path, trust_env=False).json()

    def ask(self, model: str) -> str:
        body = {"model": model, "messages": [{"role": "user", "content": "What are you?"}]}
        answer = httpx2.post(f"{self.url}/v1/chat/completions", json=body, trust_env=False)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["choices"][0]["message"]["content"])

    def terminate(self) -> int:
        """SIGTERM to its first process. Returns the exit status."""
        pid = eventually(partial(first_process, self.process), "the first process")
        os.kill(pid, signal.SIGTERM)
        self.process.communicate(timeout=30)
        return self.process.returncode

    def end(self) -> tuple[int, str]:
        """Exit status and log, when it has ended."""
        said, _ = self.process.communicate(timeout=60)
        return self.process.returncode, said


class Pods:
    """Starts containers of what is rendered, and ends them with the test."""

    def __init__(self, images: Mapping[str, Container], hub: LocalHub, weights: Path) -> None:
        self._images = images
        self._hub = hub
        self._weights = weights
        self._started: list[Started] = []

    def serve(self, of: DeploymentSpec, commit: str) -> Started:
        rendered = wanted(of, self._served(commit))
        return self._start(of.engine.name, pod(rendered), engine(rendered))

    def prefetch(self, of: DeploymentSpec, commit: str) -> Started:
        job = wanted(of, self._served(commit)).prefetch
        assert job
        template = job["spec"]["template"]["spec"]
        return self._start(of.engine.name, template, template["containers"][0])

    def _served(self, commit: str) -> ServedModel:
        return ServedModel(REPO, commit, "twin", hub=self._hub.url)

    def _start(self, name: str, of_pod: Any, described: Any) -> Started:
        user = of_pod["securityContext"]["runAsUser"]
        os.chown(self._weights, user, user)  # fsGroup
        started = Started(self._images[name], described, {**IN_MEMORY, "weights": self._weights}, user)
        self._started.append(started)
        return started

    def close(self) -> None:
        for each in self._started:
            each.process.kill()
            each.process.wait()


@pytest.fixture
def pods(images: Mapping[str, Container], hub: LocalHub, tmp_path: Path) -> Iterator[Pods]:
    made = Pods(images, hub, tmp_path)
    yield made
    made.close()


def test_vllm_loads_the_commit_from_the_hub_and_ends_when_it_is_asked_to(pods: Pods, hub: LocalHub) -> None:
    commit = hub.commit(REPO, small_repository())
    hub.commit(REPO, small_repository("a newer one"))

    server = pods.serve(spec(), commit).up()

    assert [model["id"] for model in server.get("/v1/models")["data"]] == [REPO]
    assert f"at commit {commit}" in server.ask(REPO)
    assert server.terminate() == 0


@pytest.mark.parametrize("of", [tgi(cluster={"cache": CACHE}), spec(cluster={"cache": CACHE})], ids=["TGI", "vLLM"])
def test_a_volume_is_loaded_in_the_engines_own_image_and_served_from(
    pods: Pods, hub: LocalHub, of: DeploymentSpec
) -> None:
    commit = hub.commit(REPO, small_repository())

    status, said = pods.prefetch(of, commit).end()
    assert status == 0, said
    server = pods.serve(of, commit).up()

    assert f"at commit {commit}" in server.ask("tgi" if of.engine.name == "TGI" else REPO)
    assert server.terminate() == 0


def test_weights_that_are_broken_end_it_in_the_engines_words(pods: Pods, hub: LocalHub) -> None:
    commit = hub.commit(REPO, small_repository(dies="RuntimeError: weights are broken"))

    status, said = pods.serve(spec(), commit).end()

    assert status == 1
    assert "RuntimeError: weights are broken" in said


def test_a_variable_of_the_spec_says_what_gpus_the_node_has(pods: Pods, hub: LocalHub) -> None:
    commit = hub.commit(REPO, small_repository())
    small = {"env": [{"name": VARIABLE, "value": json.dumps({"gpu_memory": 1000})}]}

    status, said = pods.serve(spec(engine=small), commit).end()

    assert status == 1
    assert "torch.OutOfMemoryError: CUDA out of memory" in said


def test_a_program_that_the_image_has_not_is_refused(images: Mapping[str, Container]) -> None:
    status, said = images["vLLM"].run(command=["vllm", "bench"], user=2000)

    assert status == 2
    assert "invalid choice: 'bench'" in said


def test_a_hook_finds_what_it_sleeps_with(images: Mapping[str, Container]) -> None:
    for image in images.values():
        assert image.run(command=["sleep", "0"], user=2000) == (0, "")
