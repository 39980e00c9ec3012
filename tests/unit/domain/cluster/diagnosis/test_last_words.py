"""Which of a container's last lines tell why it has ended."""

import json
from typing import Any

import pytest

from slipway.domain.cluster.diagnosis import diagnose, unexplained
from slipway.domain.cluster.diagnosis.last_words import passages, telling
from slipway.domain.cluster.diagnosis.words import clean, quoted, shortened
from tests.unit.domain.cluster.diagnosis import logs
from tests.unit.domain.cluster.diagnosis.pods import NOW, Manifest, crashed, last_of_log, pod


def best(log: str) -> str:
    return telling(passages(log))


def as_json(log: str) -> str:
    """What TGI's launcher writes with --json-output: the plain lines of its own as records, and the rest as it is."""
    lines = []
    for line in log.splitlines():
        time, _, rest = line.partition(" ")
        level, _, message = rest.strip().partition(" ")
        if level not in ("INFO", "WARN", "ERROR"):
            lines.append(line)
            continue
        target, _, words = message.rpartition("text_generation_launcher: ")
        record = {"timestamp": time, "level": level, "fields": {"message": words}, "target": "text_generation_launcher"}
        span = {"span": {"rank": 0, "name": "shard-manager"}} if target else {}
        lines.append(json.dumps(record | span, separators=(",", ":")))
    return "\n".join(lines)


def test_what_only_says_that_there_was_an_error_is_not_what_tells() -> None:
    assert best(logs.TGI_HEADS).startswith("ValueError: `num_heads` must be divisible by `num_shards`")
    assert best(logs.TGI_SIGNAL_9) == "Shard process was signaled to shutdown with signal 9"


def test_but_it_is_better_than_nothing() -> None:
    assert best("Error: DownloadError\n") == "Error: DownloadError"
    after = "2026-11-21T11:29:13.941247Z  INFO text_generation_launcher: Shutting down shards\n"
    assert best("Error: DownloadError\n" + after) == "Error: DownloadError"
    assert best(logs.VLLM_END).startswith("RuntimeError: Engine core initialization failed")


def test_an_exception_is_told_with_all_of_its_message() -> None:
    assert best(logs.GATED_403) == (
        "huggingface_hub.utils._errors.GatedRepoError: 403 Client Error. Cannot access gated repo for url "
        "https://huggingface.co/meta-llama/Meta-Llama-3-8B/resolve/main/config.json. Access to model "
        "meta-llama/Meta-Llama-3-8B is restricted and you are not in the authorized list. Visit "
        "https://huggingface.co/meta-llama/Meta-Llama-3-8B to ask for access."
    )
    assert "Value error, World size (2)" in best(logs.VLLM_CONFIG.format(config="X", words="World size (2)"))


def test_frames_of_tracebacks_are_left_out() -> None:
    for log in (logs.VLLM_END, logs.VLLM_FREE_MEMORY, logs.TGI_WARMUP, logs.TGI_FLASH_ATTENTION):
        assert not any("line " in passage.text and "File" in passage.text for passage in passages(log))


def test_an_exception_that_is_called_otherwise_is_found_behind_its_traceback() -> None:
    trace = 'Traceback (most recent call last):\n  File "x.py", line 1, in f\n    raise OddThing("no")\nOddThing: no\n'
    assert best(trace + "and that was that\n").startswith("OddThing: no")


def test_processes_that_write_at_once_do_not_disturb_each_other() -> None:
    """vLLM with two workers."""
    first, second = (
        "(Worker_TP0 pid=7) ERROR 11-29 20:52:18 [x.py:5] ",
        "(Worker_TP1 pid=8) ERROR 11-29 20:52:18 [x.py:5] ",
    )
    log = (
        f"{first}Traceback (most recent call last):\n{second}Traceback (most recent call last):\n"
        f'{first}  File "a.py", line 1, in f\n{second}  File "a.py", line 1, in f\n'
        f"{first}ValueError: of the first\n{second}    return f()\n{second}ValueError: of the second\n"
    )
    assert [passage.text for passage in passages(log)] == ["ValueError: of the first", "ValueError: of the second"]


@pytest.mark.parametrize(
    "log",
    [
        logs.TGI_CUDA_OUT_OF_MEMORY,
        logs.TGI_HEADS,
        logs.TGI_FLASH_ATTENTION,
        logs.TGI_WARMUP,
        logs.TGI_MAX_TOTAL_TOKENS,
        logs.TGI_SIGNAL_9,
    ],
)
def test_logs_as_json_say_the_same(log: str) -> None:
    plain, other = (diagnose([pod(crashed(text))], None, now=NOW) for text in (log, as_json(log)))
    assert plain
    assert other
    assert (plain.reason, plain.message) == (other.reason, other.message)


def test_a_record_that_lost_its_beginning_is_still_read() -> None:
    """The kubelet keeps 2048 bytes, and TGI's record with a whole traceback has more."""
    trace = "\n".join(f'  File "/opt/{number}.py", line {number}, in f' for number in range(80))
    message = (
        f'Shard complete standard error output:\n\nTraceback (most recent call last):\n{trace}\nValueError: odd "one"'
    )
    record = {
        "timestamp": "2026-11-21T11:29:13Z",
        "level": "ERROR",
        "fields": {"message": message},
        "target": "launcher",
    }
    log = json.dumps(record, separators=(",", ":")) + "\nError: ShardCannotStart\n"
    assert len(log) > 3000
    assert best(last_of_log(log)) == 'ValueError: odd "one"'


def test_rich_tracebacks_with_local_variables_are_left_out() -> None:
    """TGI's server shows them in boxes: https://github.com/huggingface/text-generation-inference/issues/3090"""
    log = (
        "╭──────────────────── Traceback (most recent call last) ────────────────────╮\n"
        "│ ❱  860 │   │   return _hf_hub_download_to_cache_dir(                      │\n"
        "│ │ hf_headers = {                                                          │\n"
        "│ │              │   'authorization': 'Bearer opaque-1234567890'            │\n"
        "╰────────────────────────────────────────────────────────────────────────────╯\n"
        "LocalEntryNotFoundError: Cannot find the requested files in the disk cache\n"
        "and outgoing traffic has been disabled.\n"
    )
    assert best(log) == (
        "LocalEntryNotFoundError: Cannot find the requested files in the disk cache and outgoing traffic has been "
        "disabled."
    )


def test_colours_and_control_characters_are_left_out() -> None:
    assert (
        quoted("\x1b[2m2026\x1b[0m \x1b[31mERROR\x1b[0m\ta\x00b\x07c\u202ed\u200be\x1b]0;title\x07f")
        == "2026 ERROR abcdef"
    )
    assert clean("10%\r20%\r\nend") == "10%\n20%\nend"
    assert quoted("Grüße, 你好") == "Grüße, 你好"


def test_what_differs_at_every_try_is_left_out() -> None:
    first = "403 Client Error. (Request ID: Root=1-66d1;c3e0) object at 0x00000228F9769DE0".lower()
    assert quoted("403 Client Error. (Request ID: Root=1-66d1;c3e0)") == "403 Client Error."
    assert quoted(first).endswith("object at 0x…")


@pytest.mark.parametrize("limit", [0, 1, 2, 10, 99])
@pytest.mark.parametrize("around", [0, 5, 50, 98])
def test_long_words_are_shortened_around_what_matters(limit: int, around: int) -> None:
    words = "".join(chr(ord("a") + place % 26) for place in range(99))
    found = shortened(words, limit, around)
    assert len(found) <= limit
    if limit == 99:
        assert found == words
    elif limit == 10:
        assert words[around] in found
    else:
        assert "…" in found or limit == 0


class TestVllm:
    """What fails in vLLM's engine core stands in its log, but before what the status has room for."""

    LOG = logs.VLLM_OUT_OF_MEMORY + logs.VLLM_END

    def silent(self, **how: Any) -> Manifest:
        return pod(crashed(last_of_log(self.LOG), **how))

    def test_the_status_does_not_hold_it(self) -> None:
        assert "out of memory" not in last_of_log(self.LOG)
        assert diagnose([self.silent()], None, now=NOW) is None
        assert unexplained([self.silent()]) == ("twin-5d9c-x",)

    def test_its_log_does(self) -> None:
        diagnosis = diagnose([self.silent()], None, now=NOW, logs={"twin-5d9c-x": self.LOG})
        assert diagnosis
        assert diagnosis.reason == "OutOfGpuMemory"
        assert "CUDA out of memory. Tried to allocate 1.25 GiB" in diagnosis.message

    def test_a_log_of_another_pod_says_nothing(self) -> None:
        assert diagnose([self.silent()], None, now=NOW, logs={"other": self.LOG}) is None

    @pytest.mark.parametrize(
        "explained",
        [
            crashed(logs.TGI_HEADS),
            crashed("", code=137, reason="OOMKilled"),
            crashed(logs.NO_EXECUTABLE, reason="StartError"),
            crashed("OddError: it says why, in words that nobody knows"),
            {"ready": True, "started": True, "state": {"running": {}}},
        ],
        ids=["known words", "killed for memory", "never began", "words of its own", "serving"],
    )
    def test_others_need_no_log(self, explained: Manifest) -> None:
        assert unexplained([pod(explained)]) == ()

    def test_one_without_any_words_does(self) -> None:
        assert unexplained([pod(crashed(""), name="b"), pod(crashed(""), name="a")]) == ("a", "b")
