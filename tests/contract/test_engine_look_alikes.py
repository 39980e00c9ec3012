"""The look-alikes of the engines, as processes by themselves: what the test bed's nodes run in pods."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.testbed.hub import LocalHub, llama_8b_repository
from tests.testbed.node.engines.host import VARIABLE
from tests.testbed.node.models import small_repository
from tests.testbed.waiting import eventually

ROOT = Path(__file__).parents[2]
VLLM = "vllm/vllm-openai:v0.31.0"
TGI = "ghcr.io/huggingface/text-generation-inference:3.0.1"
LONG = "Tell me a long story"
SPEED = 50


@dataclass
class Engine:
    """One process."""

    process: subprocess.Popen[str]
    url: str

    def end(self) -> str:
        """What it has said, once it has ended."""
        return self.process.communicate(timeout=30)[0]

    def is_up(self) -> bool:
        try:
            return httpx2.get(f"{self.url}/health", trust_env=False, timeout=5).status_code == 200
        except httpx2.TransportError:
            return False

    def get(self, path: str) -> httpx2.Response:
        return httpx2.get(self.url + path, trust_env=False, timeout=30)

    def post(self, path: str, body: Any) -> httpx2.Response:
        return httpx2.post(self.url + path, json=body, trust_env=False, timeout=30)

    def asked(self, path: str, body: Any) -> "Asking":
        """Ask in the background."""
        asking = Asking(self, path, body)
        asking.start()
        return asking


class Asking(threading.Thread):
    """A request under way: its status, or None if the connection broke."""

    def __init__(self, engine: Engine, path: str, body: Any) -> None:
        super().__init__(daemon=True)
        self._asked = (engine, path, body)
        self.status: int | None = None

    def run(self) -> None:
        try:
            engine, path, body = self._asked
            self.status = engine.post(path, body).status_code
        except httpx2.TransportError:
            self.status = None

    def result(self) -> int | None:
        self.join(30)
        return self.status


class Engines:
    """Starts them; each has the same file system, and the Hub."""

    def __init__(self, hub: LocalHub, folder: Path) -> None:
        self.hub = hub
        self._folder = folder
        self._started: list[Engine] = []

    def start(self, *arguments: str, image: str = TGI, env: dict[str, str] | None = None, **host: Any) -> Engine:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        name = "vllm" if "vllm" in image else "tgi"
        own = {"PORT": str(port)} if name == "tgi" else {}
        words = [*arguments, *(["--port", str(port)] if name == "vllm" else [])]
        told = {
            "image": image,
            "hub": self.hub.url,
            "scratch": str(self._folder),
            "workdir": "/usr/src",
            "speed": SPEED,
            **host,
        }
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), VARIABLE: json.dumps(told), **own}
        process = subprocess.Popen(
            [sys.executable, "-S", "-m", f"tests.testbed.node.engines.{name}", *words],
            env=environment | (env or {}),
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        engine = Engine(process, f"http://127.0.0.1:{port}")
        self._started.append(engine)
        return engine

    def tgi(self, commit: str, **env: str) -> Engine:
        """One that is up."""
        engine = self.start(env={"MODEL_ID": "acme/twin", "REVISION": commit, **env})
        eventually(engine.is_up, "TGI is up")
        return engine

    def vllm(self, commit: str, *arguments: str, image: str = VLLM) -> Engine:
        """One that is up."""
        engine = self.start("acme/twin", f"--revision={commit}", *arguments, image=image)
        eventually(engine.is_up, "vLLM is up")
        return engine

    def close(self) -> None:
        for engine in self._started:
            engine.process.kill()
            engine.process.communicate()


@pytest.fixture
def engines(tmp_path: Path) -> Iterator[Engines]:
    with LocalHub() as hub:
        hub.create_repo("acme/twin")
        started = Engines(hub, tmp_path)
        try:
            yield started
        finally:
            started.close()


@pytest.fixture
def commit(engines: Engines) -> str:
    return engines.hub.commit("acme/twin", small_repository())


def running(engine: Engine, name: str = "tgi_batch_current_size") -> int:
    """How many requests run, by its own metrics."""
    lines = [line for line in engine.get("/metrics").text.splitlines() if line.startswith(name)]
    return int(float(lines[0].rpartition(" ")[2]))


# Starting


@pytest.mark.parametrize(
    ("image", "arguments", "env", "said"),
    [
        (TGI, ["--max-totl-tokens=1"], {}, "error: unexpected argument '--max-totl-tokens' found\n\nUsage: "),
        (TGI, [], {"MAX_TOTAL_TOKENS": "4k"}, "error: invalid value '4k' for '--max-total-tokens <MAX_TOTAL_TOKENS>'"),
        (
            TGI,
            [],
            {"QUANTIZE": "int8"},
            "error: invalid value 'int8' for '--quantize <QUANTIZE>'\n  [possible values: ",
        ),
        (VLLM, ["acme/twin", "--max-modl-len=1"], {}, "vllm: error: unrecognized arguments: --max-modl-len=1"),
        (VLLM, ["acme/twin", "--max-model-len=4x"], {}, "vllm serve: error: argument --max-model-len: "),
        (VLLM, ["acme/twin", "--dtype=int8"], {}, "vllm serve: error: argument --dtype: invalid choice: 'int8'"),
        (
            "vllm/vllm-openai:v0.17.0",
            ["a/b", "--shutdown-timeout=9"],
            {},
            "unrecognized arguments: --shutdown-timeout=9",
        ),
    ],
)
def test_what_the_command_line_does_not_take_ends_it(
    engines: Engines, image: str, arguments: list[str], env: dict[str, str], said: str
) -> None:
    engine = engines.start(*arguments, image=image, env=env)
    assert said in engine.end()
    assert engine.process.returncode == 2


def test_settings_that_contradict_each_other_end_tgi(engines: Engines, commit: str) -> None:
    engine = engines.start(env={"MODEL_ID": "acme/twin", "MAX_INPUT_TOKENS": "512", "MAX_TOTAL_TOKENS": "512"})
    assert 'Error: ArgumentValidation("`max_input_tokens`(512) must be < `max_total_tokens`(512)")' in engine.end()
    assert engine.process.returncode == 1


def test_the_port_opens_only_when_the_model_is_loaded(engines: Engines) -> None:
    commit = engines.hub.commit("acme/twin", small_repository(load_seconds=3600.0))
    engine = engines.start(env={"MODEL_ID": "acme/twin", "REVISION": commit})
    eventually(lambda: engines.hub.calls(path="model.safetensors"), "it downloads")

    assert not engine.is_up()

    engine.process.send_signal(signal.SIGTERM)
    engine.end()
    assert engine.process.returncode == 0, "the launcher ends in peace while it loads"


def test_weights_are_downloaded_once_for_a_cache(engines: Engines, commit: str) -> None:
    engines.tgi(commit)
    downloads = engines.hub.calls(path="model.safetensors")
    assert downloads > 0

    assert engines.tgi(commit).get("/info").json()["model_sha"] == commit
    assert engines.hub.calls(path="model.safetensors") == downloads

    before = engines.hub.calls()
    offline = engines.tgi(commit, HF_HUB_OFFLINE="1")
    assert engines.hub.calls() == before
    assert offline.get("/info").json()["model_sha"] is None
    assert commit in offline.post("/generate", {"inputs": "Hello"}).json()["generated_text"]


def test_what_is_not_in_the_cache_cannot_be_had_offline(engines: Engines, commit: str) -> None:
    engine = engines.start(env={"MODEL_ID": "acme/twin", "REVISION": commit, "HF_HUB_OFFLINE": "1"})
    assert "LocalEntryNotFoundError: Cannot find an appropriate cached snapshot folder" in engine.end()
    assert engine.process.returncode == 1


@pytest.mark.parametrize("image", [TGI, VLLM])
def test_a_repository_that_nobody_may_see_ends_the_engine(engines: Engines, image: str) -> None:
    engines.hub.create_repo("acme/secret", private=True)
    engine = engines.start(*(["acme/secret"] if image == VLLM else []), image=image, env={"MODEL_ID": "acme/secret"})
    assert "huggingface_hub.errors.RepositoryNotFoundError: 401 Client Error." in engine.end()
    assert engine.process.returncode == 1


def test_a_context_that_does_not_fit_into_the_gpu_ends_vllm_and_shortens_tgi(engines: Engines) -> None:
    commit = engines.hub.commit("acme/twin", llama_8b_repository(shards=1))
    engine = engines.start("acme/twin", f"--revision={commit}", image=VLLM)
    said = engine.end()
    assert (
        "ValueError: To serve at least one request with the models's max seq len (131072), (16.00 GiB KV cache" in said
    )
    assert "the estimated maximum model length is" in said
    assert engine.process.returncode == 1

    assert engines.vllm(commit, "--max-model-len=8192").get("/v1/models").json()["data"][0]["max_model_len"] == 8192
    assert 8192 < engines.tgi(commit).get("/info").json()["max_total_tokens"] < 131072


def test_more_than_one_gpu_needs_shared_memory(engines: Engines, commit: str, tmp_path: Path) -> None:
    two = {"MODEL_ID": "acme/twin", "REVISION": commit, "NUM_SHARD": "2"}
    assert "Error while creating shared memory segment /dev/shm/nccl" in engines.start(env=two, gpus=2).end()
    memory = {"/dev/shm": [str(tmp_path / "shm"), True]}
    eventually(engines.start(env=two, gpus=2, mounts=memory).is_up, "it is up")


def test_vllm_needs_a_user_that_its_image_knows_or_a_name(engines: Engines, commit: str, tmp_path: Path) -> None:
    arguments = ["acme/twin", f"--revision={commit}"]
    assert "KeyError: 'getpwuid(): uid not found: 1000'" in engines.start(*arguments, image=VLLM, uid=1000).end()
    named = {"USER": "engine", "HOME": "/home"}
    nowhere = engines.start(*arguments, image=VLLM, uid=1000, env=named)
    assert "PermissionError: [Errno 13] Permission denied: '/home/.cache/huggingface" in nowhere.end()
    home = {"/home": [str(tmp_path / "home"), True]}
    eventually(engines.start(*arguments, image=VLLM, uid=1000, env=named, mounts=home).is_up, "it is up")


def test_a_service_that_is_called_vllm_ends_vllm(engines: Engines, commit: str) -> None:
    engine = engines.start("acme/twin", image=VLLM, env={"VLLM_PORT": "tcp://10.96.0.7:80"})
    assert "ValueError: VLLM_PORT 'tcp://10.96.0.7:80' appears to be a URI." in engine.end()


def test_tgis_router_asks_hugging_face_whatever_the_mirror(engines: Engines, commit: str) -> None:
    with LocalHub() as mirror:
        mirror.create_repo("acme/twin")
        mirrored = mirror.commit("acme/twin", small_repository())
        env = {"MODEL_ID": "acme/twin", "REVISION": mirrored, "HF_ENDPOINT": mirror.url}
        engine = engines.start(env=env, hub="http://127.0.0.1:9")
        eventually(engine.is_up, "it has its weights from the mirror")

    assert engine.get("/info").json()["model_sha"] is None
    refused = engine.post("/v1/chat/completions", {"messages": [{"role": "user", "content": "Hello"}]})
    assert (refused.status_code, refused.json()["error"]) == (422, "Template error: template not found")


# Answering


def test_both_stream_what_they_say_at_once(engines: Engines, commit: str) -> None:
    chat = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 40}
    for engine in (engines.tgi(commit), engines.vllm(commit)):
        whole = engine.post("/v1/chat/completions", chat).json()["choices"][0]["message"]["content"]
        events = engine.post("/v1/chat/completions", {**chat, "stream": True}).text.split("\n\n")
        assert events[-2] == "data: [DONE]"
        chunks = [json.loads(event.removeprefix("data: ")) for event in events[:-2]]
        assert "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks) == whole
        assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
        assert f"acme/twin at commit {commit}" in whole


def test_tgis_own_stream_ends_with_the_whole_text(engines: Engines, commit: str) -> None:
    body = {"inputs": "Hello", "parameters": {"max_new_tokens": 3}}
    events = engines.tgi(commit).post("/generate_stream", body).text.strip().split("\n\n")
    assert len(events) == 4
    assert json.loads(events[-1].removeprefix("data:"))["generated_text"] == "This is no"


def test_tgi_refuses_what_is_too_much_and_queues_what_is_not(engines: Engines, commit: str) -> None:
    engine = engines.tgi(commit, MAX_CONCURRENT_REQUESTS="2", MAX_BATCH_SIZE="1")
    body = {"inputs": LONG, "parameters": {"max_new_tokens": 2000}}
    first = engine.asked("/generate", body)
    eventually(lambda: running(engine) == 1, "the first one runs")
    second = engine.asked("/generate", body)
    eventually(lambda: running(engine, "tgi_queue_size") == 1, "the second one waits")

    third = engine.post("/generate", body)

    assert (third.status_code, third.json()["error_type"]) == (429, "overloaded")
    assert (first.result(), second.result()) == (200, 200)
    assert 'tgi_request_failure{err="overloaded"} 1' in engine.get("/metrics").text


def test_vllm_queues_without_an_end(engines: Engines, commit: str) -> None:
    engine = engines.vllm(commit, "--max-num-seqs=1")
    body = {"model": "acme/twin", "prompt": LONG, "max_tokens": 1000}
    asked = [engine.asked("/v1/completions", body) for _ in range(3)]
    eventually(lambda: running(engine, "vllm:num_requests_waiting") == 2, "two wait")
    assert [each.result() for each in asked] == [200, 200, 200]


def test_broken_weights_answer_nothing_or_fail(engines: Engines) -> None:
    mute = engines.hub.commit("acme/twin", small_repository(answers="nothing"))
    assert engines.tgi(mute).post("/generate", {"inputs": "Hello"}).json() == {"generated_text": ""}

    broken = engines.tgi(engines.hub.commit("acme/twin", small_repository(answers="error")))
    assert broken.post("/generate", {"inputs": "Hello"}).status_code == 424
    assert broken.get("/health").status_code == 503

    crashing = engines.hub.commit("acme/twin", small_repository(crashes_after=1.0))
    engine = engines.start(env={"MODEL_ID": "acme/twin", "REVISION": crashing})
    assert "CUDA error: an illegal memory access was encountered\nError: ShardFailed" in engine.end()
    assert engine.process.returncode == 1


# Ending


def test_tgi_answers_what_it_has_begun_and_nothing_else(engines: Engines, commit: str) -> None:
    engine = engines.tgi(commit, GRACEFUL_TERMINATION_TIMEOUT="3600")
    asked = engine.asked("/generate", {"inputs": LONG, "parameters": {"max_new_tokens": 2000}})
    eventually(lambda: running(engine) == 1, "it runs")

    engine.process.send_signal(signal.SIGTERM)

    eventually(lambda: not engine.is_up(), "its port is closed")
    assert asked.result() == 200
    assert "webserver terminated" in engine.end()
    assert engine.process.returncode == 0


def test_tgi_does_not_wait_longer_than_it_was_told(engines: Engines, commit: str) -> None:
    engine = engines.tgi(commit, GRACEFUL_TERMINATION_TIMEOUT="1")
    asked = engine.asked("/generate", {"inputs": LONG, "parameters": {"max_new_tokens": 3900}})
    eventually(lambda: running(engine) == 1, "it runs")

    engine.process.send_signal(signal.SIGTERM)

    assert asked.result() is None
    assert "webserver killed" in engine.end()


@pytest.mark.parametrize(
    ("image", "arguments", "status"),
    [
        ("vllm/vllm-openai:v0.17.1", [], None),
        (VLLM, [], None),
        (VLLM, ["--shutdown-timeout=3600"], 200),
    ],
)
def test_vllm_aborts_what_it_has_begun_unless_it_was_told_to_wait(
    engines: Engines, commit: str, image: str, arguments: list[str], status: int | None
) -> None:
    engine = engines.vllm(commit, *arguments, image=image)
    asked = engine.asked("/v1/completions", {"model": "acme/twin", "prompt": LONG, "max_tokens": 2000})
    eventually(lambda: running(engine, "vllm:num_requests_running") == 1, "it runs")

    engine.process.send_signal(signal.SIGTERM)

    assert asked.result() == status
    engine.end()
    assert engine.process.returncode == 0
