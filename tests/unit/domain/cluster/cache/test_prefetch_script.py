"""The script of the Job, run as the pod runs it: by its text, in a process of its own, against a local Hub."""

import hashlib
import json
import os
import runpy
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from slipway.api.v1alpha1.cluster_target import Cache
from slipway.domain.cluster.cache import job as prefetch_job
from slipway.domain.cluster.cache.job import script
from slipway.domain.cluster.cache.load import Load
from slipway.domain.cluster.subject import Subject
from tests.testbed.hub import LocalHub

MODEL, ADAPTER = "acme/twin", "acme/twin-legal"
MIB = 2**20
WEIGHTS_1 = b"1" * MIB
"""Unchanged from commit to commit in most tests: commits share it."""

FULL_VOLUME = """
import collections, os, shutil
def _usage(folder):
    files = (os.path.join(at, name) for at, _, names in os.walk(folder) for name in names)
    used = sum(os.path.getsize(path) for path in files if not os.path.islink(path))
    return collections.namedtuple("usage", "total used free")({capacity}, used, {capacity} - used)
shutil.disk_usage = _usage
"""


@dataclass
class Bench:
    """A Hub with a model, an empty volume, and the script."""

    hub: LocalHub
    folder: Path
    token: str | None = None

    def commit(self, weights: bytes, repo: str = MODEL, **files: Any) -> str:
        """A commit of the model: two files of weights, of which one stays, and what engines read beside them."""
        content = {
            "config.json": b'{"model_type": "llama"}',
            "model-00001-of-00002.safetensors": WEIGHTS_1,
            "model-00002-of-00002.safetensors": weights,
        }
        return self.hub.commit(repo, content | {path.replace("__", "."): file for path, file in files.items()})

    def start(
        self, *items: tuple[str, str], keep: tuple[Load, ...] = (), most: int = 3, prelude: str = "", **options: Any
    ) -> subprocess.Popen[str]:
        given = {
            "volume": str(self.volume),
            "load": Load(items).to_json(),
            "keep": [load.to_json() for load in keep],
            "keepCommits": most,
            "safetensors": False,
            "message": str(self.message),
            **options,
        }
        environment = {
            "PATH": os.environ["PATH"],
            "HF_ENDPOINT": self.hub.url,
            "HF_HOME": str(self.folder / "scratch"),
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "HF_HUB_DISABLE_SHARED_BLOBS": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            **({"HF_TOKEN": self.token} if self.token else {}),
        }
        self.message.unlink(missing_ok=True)
        return subprocess.Popen(
            [sys.executable, "-c", prelude + script(), json.dumps(given)],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *items: tuple[str, str], **options: Any) -> str:
        """What it printed. It must succeed."""
        process = self.start(*items, **options)
        output, _ = process.communicate(timeout=60)
        assert process.returncode == 0, output
        return output

    def fail(self, *items: tuple[str, str], **options: Any) -> str:
        """What the kubelet would show. It must fail."""
        process = self.start(*items, **options)
        output, _ = process.communicate(timeout=60)
        assert process.returncode == 1, output
        assert self.message.read_text() in output
        return self.message.read_text()

    @property
    def volume(self) -> Path:
        return self.folder / "weights"

    @property
    def message(self) -> Path:
        return self.folder / "termination-log"

    def repository(self, repo: str = MODEL) -> Path:
        return self.volume / "hub" / ("models--" + repo.replace("/", "--"))

    def snapshot(self, commit: str, repo: str = MODEL) -> dict[str, bytes]:
        """The files that an engine would find."""
        folder = self.repository(repo) / "snapshots" / commit
        return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    def commits(self, repo: str = MODEL) -> set[str]:
        folder = self.repository(repo) / "snapshots"
        return {path.name for path in folder.iterdir()} if folder.exists() else set()

    def blobs(self, repo: str = MODEL) -> list[bytes]:
        return sorted(path.read_bytes() for path in (self.repository(repo) / "blobs").iterdir())

    def calls(self) -> int:
        return len(self.hub.log)

    def age(self, load: Load, days: int) -> None:
        """As if it had been asked for last so many days ago."""
        then = time.time() - days * 86400
        os.utime(self.volume / "loads" / f"{load.name}.json", (then, then))


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with LocalHub() as hub:
        hub.create_repo(MODEL)
        hub.create_repo(ADAPTER)
        yield Bench(hub, tmp_path)


def test_a_commit_lies_on_the_volume_as_engines_look_for_it(bench: Bench) -> None:
    commit = bench.commit(b"weights")
    bench.run((MODEL, commit))
    files = bench.snapshot(commit)
    assert files["model-00001-of-00002.safetensors"] == WEIGHTS_1
    assert files["model-00002-of-00002.safetensors"] == b"weights"
    assert files["config.json"] == b'{"model_type": "llama"}'
    assert (bench.repository() / "refs" / commit).read_text() == commit


def test_the_jobs_own_command_does_it(bench: Bench) -> None:
    """Shell, quotes and all. Only the folders are others."""
    commit = bench.commit(b"weights")
    template = {"metadata": {}, "spec": {"containers": [{"name": "engine", "image": "engine:1"}]}}
    wanted = prefetch_job.Prefetch(Load(((MODEL, commit),)))
    job = prefetch_job.prefetch(Subject("ml", "twin", "uid"), wanted, Cache(size="1Gi"), template, gpus=1)
    *command, options = job["spec"]["template"]["spec"]["containers"][0]["command"]
    given = json.loads(options) | {"volume": str(bench.volume), "message": str(bench.message)}
    environment = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HF_ENDPOINT": bench.hub.url,
        "HF_HOME": str(bench.folder / "scratch"),
    }
    subprocess.run([*command, json.dumps(given)], env=environment, check=True, timeout=60)
    assert bench.snapshot(commit)["model-00002-of-00002.safetensors"] == b"weights"


def test_a_model_comes_with_its_adapters(bench: Bench) -> None:
    commit = bench.commit(b"weights")
    adapter = bench.hub.commit(ADAPTER, {"adapter_config.json": b"{}", "adapter_model.safetensors": b"lora"})
    bench.run((MODEL, commit), (ADAPTER, adapter))
    assert bench.snapshot(commit)["model-00002-of-00002.safetensors"] == b"weights"
    assert bench.snapshot(adapter, ADAPTER)["adapter_model.safetensors"] == b"lora"


def test_what_is_there_is_not_asked_for_again(bench: Bench) -> None:
    commit = bench.commit(b"weights")
    bench.run((MODEL, commit))
    before = bench.calls()
    bench.hub.delete_repo(MODEL)
    bench.run((MODEL, commit))
    assert bench.calls() == before


def test_what_two_commits_share_is_loaded_once(bench: Bench) -> None:
    old, new = bench.commit(b"old"), bench.commit(b"new")
    bench.run((MODEL, old))
    before = bench.hub.calls(method="GET", path="^/repos/")
    bench.run((MODEL, new))
    assert bench.hub.calls(method="GET", path="^/repos/") == before + 1
    assert bench.snapshot(new)["model-00001-of-00002.safetensors"] == WEIGHTS_1


def test_the_same_weights_in_other_formats_and_folders_stay_on_the_hub(bench: Bench) -> None:
    surplus = {"pytorch_model.bin": b"bin", "original/consolidated.00.pth": b"pth", "onnx/model.onnx": b"onnx"}
    wanted = {"original/params.json": b"{}", "tokenizer.model": b"tokenizer", "chat_template.jinja": b"{{ x }}"}
    commit = bench.commit(b"weights", **surplus, **wanted)
    bench.run((MODEL, commit))
    files = bench.snapshot(commit)
    assert not surplus.keys() & files.keys()
    assert wanted.items() <= files.items()


def test_weights_that_are_there_in_another_format_only_are_loaded(bench: Bench) -> None:
    commit = bench.hub.commit(MODEL, {"config.json": b"{}", "pytorch_model.bin": b"bin", "model.gguf": b"gguf"})
    bench.run((MODEL, commit))
    assert bench.snapshot(commit)["pytorch_model.bin"] == b"bin"
    assert "model.gguf" not in bench.snapshot(commit)


def test_an_engine_that_would_have_to_convert_them_is_told_before_it_starts(bench: Bench) -> None:
    commit = bench.hub.commit(MODEL, {"config.json": b"{}", "pytorch_model.bin": b"bin"})
    said = bench.fail((MODEL, commit), safetensors=True)
    assert said.startswith("UnsupportedModel: ")
    assert "*.safetensors" in said


def test_names_with_brackets_are_names(bench: Bench) -> None:
    commit = bench.commit(b"weights", **{"notes [draft].md": b"text"})
    bench.run((MODEL, commit))
    assert bench.snapshot(commit)["notes [draft].md"] == b"text"


def test_an_interrupted_load_is_not_complete_and_goes_on_where_it_was(bench: Bench) -> None:
    commit = bench.commit(b"weights")
    bench.hub.reset(times=100, method="GET", path="^/repos/" + _sha256(b"weights"))
    assert bench.fail((MODEL, commit)).startswith("WeightsNotLoaded: ")
    assert not list((bench.volume / "loads").glob("*.json"))
    bench.hub.clear_faults()
    before = bench.hub.calls(method="GET", path="^/repos/")
    bench.run((MODEL, commit))
    assert bench.hub.calls(method="GET", path="^/repos/") == before + 1
    assert bench.snapshot(commit)["model-00002-of-00002.safetensors"] == b"weights"


def test_half_a_load_is_not_taken_for_a_whole_one_while_the_hub_answers_nonsense(bench: Bench) -> None:
    commit = bench.commit(b"weights")
    bench.hub.reset(times=100, method="GET", path="^/repos/" + _sha256(b"weights"))
    bench.fail((MODEL, commit))
    bench.hub.garble(times=100)
    assert bench.fail((MODEL, commit)).startswith("WeightsNotLoaded: ")
    assert not list((bench.volume / "loads").glob("*.json"))


def test_half_a_load_is_not_taken_for_a_whole_one_where_the_library_does_so(bench: Bench) -> None:
    """Where the Hub fails between two of its requests, snapshot_download returns the folder as it is."""
    commit = bench.commit(b"weights")
    bench.hub.reset(times=100, method="GET", path="^/repos/" + _sha256(b"weights"))
    bench.fail((MODEL, commit))
    silent = "import huggingface_hub\nhuggingface_hub.snapshot_download = lambda *_, **__: 'a folder'\n"
    assert "1 files of" in bench.fail((MODEL, commit), prelude=silent)
    assert not list((bench.volume / "loads").glob("*.json"))


def test_a_file_that_was_cut_off_on_the_volume_is_noticed(bench: Bench) -> None:
    commit = bench.commit(b"weights")
    bench.run((MODEL, commit))
    whole = bench.repository() / "snapshots" / commit / "model-00002-of-00002.safetensors"
    whole.resolve().unlink()
    whole.unlink()
    bench.run((MODEL, commit))
    assert bench.snapshot(commit)["model-00002-of-00002.safetensors"] == b"weights"


def test_it_ends_at_once_when_its_pod_is_deleted_and_the_next_one_goes_on(bench: Bench) -> None:
    commit = bench.commit(b"weights")
    bench.hub.hang(method="GET", path="^/repos/" + _sha256(b"weights"))
    process = bench.start((MODEL, commit))
    assert _becomes_true(lambda: "model-00001-of-00002.safetensors" in bench.snapshot(commit))
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=5) == 143
    bench.hub.clear_faults()
    bench.run((MODEL, commit))
    assert bench.snapshot(commit)["model-00002-of-00002.safetensors"] == b"weights"
    assert bench.blobs() == sorted([WEIGHTS_1, b"weights", *_small(bench, commit)])


def test_the_oldest_go_when_there_are_more_than_may_stay(bench: Bench) -> None:
    commits = [bench.commit(f"weights {number}".encode()) for number in range(4)]
    loads = [Load(((MODEL, commit),)) for commit in commits]
    for commit, load, days in zip(commits[:3], loads, (1, 9, 5), strict=False):
        bench.run((MODEL, commit))
        bench.age(load, days)
    bench.run((MODEL, commits[3]), most=3)
    assert bench.commits() == {commits[0], commits[2], commits[3]}
    assert b"weights 1" not in bench.blobs()
    assert WEIGHTS_1 in bench.blobs()
    assert bench.snapshot(commits[0])["model-00001-of-00002.safetensors"] == WEIGHTS_1


def test_what_was_asked_for_again_is_young_again(bench: Bench) -> None:
    commits = [bench.commit(f"weights {number}".encode()) for number in range(3)]
    for commit, days in zip(commits[:2], (9, 5), strict=False):
        bench.run((MODEL, commit))
        bench.age(Load(((MODEL, commit),)), days)
    bench.run((MODEL, commits[0]))
    bench.run((MODEL, commits[2]), most=2)
    assert bench.commits() == {commits[0], commits[2]}


def test_what_serves_stays_however_old_it_is_and_however_few_may_stay(bench: Bench) -> None:
    serving, other, new = (bench.commit(text) for text in (b"serving", b"other", b"new"))
    for commit, days in ((serving, 90), (other, 1)):
        bench.run((MODEL, commit))
        bench.age(Load(((MODEL, commit),)), days)
    bench.run((MODEL, new), most=1, keep=(Load(((MODEL, serving),)),))
    assert bench.commits() == {serving, new}
    assert bench.snapshot(serving)["model-00002-of-00002.safetensors"] == b"serving"
    bench.hub.delete_repo(MODEL)
    bench.run((MODEL, serving), most=1)  # a roll back to it needs no Hub


def test_what_serves_stays_even_if_nothing_says_that_it_was_loaded(bench: Bench) -> None:
    serving, new = bench.commit(b"serving"), bench.commit(b"new")
    bench.run((MODEL, serving))
    for record in (bench.volume / "loads").glob("*.json"):
        record.unlink()
    bench.run((MODEL, new), most=1, keep=(Load(((MODEL, serving),)),))
    assert bench.snapshot(serving)["model-00002-of-00002.safetensors"] == b"serving"


def test_an_adapter_stays_as_long_as_a_load_needs_it(bench: Bench) -> None:
    first, second, third = (bench.commit(text) for text in (b"first", b"second", b"third"))
    adapter = bench.hub.commit(ADAPTER, {"adapter_model.safetensors": b"lora"})
    bench.run((MODEL, first), (ADAPTER, adapter))
    bench.run((MODEL, second), (ADAPTER, adapter), most=1)
    assert bench.commits() == {second}
    assert bench.snapshot(adapter, ADAPTER)["adapter_model.safetensors"] == b"lora"
    bench.run((MODEL, third), most=1)
    assert bench.commits(ADAPTER) == set()


def test_another_repository_goes_with_its_last_load(bench: Bench) -> None:
    bench.hub.create_repo("acme/other")
    other, commit = bench.commit(b"other", "acme/other"), bench.commit(b"weights")
    bench.run(("acme/other", other))
    bench.run((MODEL, commit), most=1)
    assert bench.commits("acme/other") == set()
    assert bench.commits() == {commit}


def test_old_commits_make_room_for_the_new_one(bench: Bench) -> None:
    room = FULL_VOLUME.format(capacity=64 * MIB + 6 * MIB)
    commits = [bench.commit(bytes([number]) * 2 * MIB) for number in range(3)]
    for commit, days in zip(commits[:2], (9, 5), strict=False):
        bench.run((MODEL, commit))
        bench.age(Load(((MODEL, commit),)), days)
    bench.run((MODEL, commits[2]), most=9, prelude=room)
    assert bench.commits() == {commits[1], commits[2]}


def test_nothing_is_removed_for_room_that_is_there(bench: Bench) -> None:
    room = FULL_VOLUME.format(capacity=64 * MIB + 8 * MIB)
    commits = [bench.commit(bytes([number]) * 2 * MIB) for number in range(3)]
    for commit in commits[:2]:
        bench.run((MODEL, commit))
    bench.run((MODEL, commits[2]), most=9, prelude=room)
    assert bench.commits() == set(commits)


def test_a_volume_that_is_too_small_is_said_before_anything_is_loaded(bench: Bench) -> None:
    room = FULL_VOLUME.format(capacity=64 * MIB + 4 * MIB)
    serving, new = bench.commit(b"a" * 2 * MIB), bench.commit(b"b" * 2 * MIB)
    bench.run((MODEL, serving))
    before = bench.hub.calls(method="GET", path="^/repos/")
    said = bench.fail((MODEL, new), keep=(Load(((MODEL, serving),)),), prelude=room)
    assert said.startswith("OutOfDisk: the volume lacks ")
    assert "spec.target.cluster.cache.size" in said
    assert bench.hub.calls(method="GET", path="^/repos/") == before
    assert bench.snapshot(serving)["model-00002-of-00002.safetensors"] == b"a" * 2 * MIB


def test_what_interruptions_have_left_is_cleared_away(bench: Bench) -> None:
    commit, abandoned = bench.commit(b"weights"), bench.commit(b"abandoned")
    bench.hub.reset(times=100, method="GET", path="^/repos/" + _sha256(b"abandoned"))
    bench.fail((MODEL, abandoned))
    (bench.repository() / "blobs" / f"{_sha256(b'abandoned')}.1a2b3c4d.incomplete").write_bytes(b"aban")
    (bench.repository() / "blobs" / f"{_sha256(b'weights')}.5e6f7a8b.incomplete").write_bytes(b"wei")
    bench.hub.clear_faults()
    bench.run((MODEL, commit))
    assert bench.commits() == {commit}
    assert bench.blobs() == sorted([WEIGHTS_1, b"weights", *_small(bench, commit)])


def test_a_whole_file_that_was_not_yet_put_in_its_place_is_not_loaded_again(bench: Bench) -> None:
    commit = bench.commit(b"weights")
    (bench.repository() / "blobs").mkdir(parents=True)
    (bench.repository() / "blobs" / _sha256(WEIGHTS_1)).write_bytes(WEIGHTS_1)
    bench.run((MODEL, commit))
    assert bench.hub.calls(path="^/repos/" + _sha256(WEIGHTS_1)) == 0
    assert bench.snapshot(commit)["model-00001-of-00002.safetensors"] == WEIGHTS_1


def test_weights_behind_a_gate(bench: Bench) -> None:
    commit = bench.commit(b"weights")
    bench.hub.change(MODEL, gated="manual")
    assert bench.fail((MODEL, commit)).startswith("GatedWeights: ")
    bench.hub.add_token("hf_let_in", "reader", gated_access=[MODEL])
    bench.token = "hf_let_in"
    bench.run((MODEL, commit))


def test_a_private_repository_without_a_token(bench: Bench) -> None:
    commit = bench.commit(b"weights")
    bench.hub.change(MODEL, private=True)
    assert bench.fail((MODEL, commit)).startswith("WeightsNotFound: ")


def test_a_commit_that_is_gone(bench: Bench) -> None:
    bench.commit(b"weights")
    assert bench.fail((MODEL, "f" * 40)).startswith("WeightsNotFound: ")


def test_links_are_not_repeated_with_their_signature() -> None:
    source = Path(str(files("slipway") / "in_pod" / "prefetch.py"))
    words = runpy.run_path(str(source))["words"]
    error = OSError("Client error '403 Forbidden' for url 'https://cdn.example/repos/1f?Signature=secret&Expires=1'")
    assert words(error).startswith("WeightsNotLoaded: OSError: Client error '403 Forbidden' for url 'https://cdn.")
    assert "secret" not in words(error)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _small(bench: Bench, commit: str) -> list[bytes]:
    return [file for path, file in bench.snapshot(commit).items() if not path.endswith(".safetensors")]


def _becomes_true(condition: Any, seconds: float = 30) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return False
