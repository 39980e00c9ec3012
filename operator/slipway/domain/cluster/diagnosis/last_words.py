"""The last lines of a container's log: which of them tell why it has ended.

They come from several programs at once. TGI's launcher writes lines of its own (plain or as JSON) and passes on the
standard error of its shards, tracebacks and all; vLLM's processes put their name before every line of theirs. What
ends a log is seldom what tells: `Error: ShardCannotStart`, `Engine core initialization failed. See root cause above`.
"""

import json
import re
from dataclasses import dataclass, field

from slipway.domain.cluster.diagnosis.words import clean, quoted
from slipway.domain.secrets import without_secrets

CUT_AT = 2000
"""Bytes from which on a message was probably cut: the kubelet keeps the last 2048 of a log and 4096 of a file.
https://github.com/kubernetes/kubernetes/blob/master/pkg/kubelet/container/helpers.go"""

_TRACING = re.compile(
    r"(?P<prefix>\d{4}-\d\d-\d\dT[\d:.]+Z? +(?P<level>TRACE|DEBUG|INFO|WARN|ERROR) +"
    r"(?:[a-z][\w-]*(?:::\w+)*(?:\{[^{}]*\})?: ?){0,8}(?:[\w./-]+\.rs:\d+: )?)"
)
"""What TGI's launcher and router put before a line: time, level, spans, target, place in the source.
https://docs.rs/tracing-subscriber/latest/tracing_subscriber/fmt/format/struct.Compact.html"""
_VLLM = re.compile(
    r"(?P<prefix>(?:\([^()]{0,60}\bpid=\d+\) ?)?"
    r"(?:(?P<level>DEBUG|INFO|WARNING|ERROR|CRITICAL) \d\d-\d\d \d\d:\d\d:\d\d \[[^\]]{1,80}\] ?)?)"
)
"""What vLLM puts before a line: https://github.com/vllm-project/vllm/blob/main/vllm/logging_utils/formatter.py"""
_UVICORN = re.compile(r"(?P<prefix>(?P<level>INFO|WARNING|ERROR|CRITICAL): +)")
_EXCEPTION = re.compile(
    r"(?:[A-Za-z_]\w*\.)+[A-Z]\w*(?::|$)|\w*(?:Error|Exception|Interrupt|Exit)(?::|$)|thread '[^']*' .{0,20}panicked at"
    r"|(?:[\w./ -]{1,60}: )?error: "
)
"""The line that names an exception of Python, an error or a panic of Rust, or what argparse and clap refuse."""
_TRACE_BEGINS = re.compile(r'Traceback \(most recent call last\)|  File "')
_NOISE = re.compile(
    r"During handling of the above exception|The above exception was the direct cause|frame #\d+:|[\^~ ]+$|[│╭╰├┌└┃]"
    r"|\s*\.\.\.<\d+ lines>\.\.\."
)
_FIRST_WORDS = re.compile(r"\A\s*(?:\S+\s+){0,2}\S+")
_RANK = re.compile(r"\s*\brank=\d+\s*$")
"""What TGI's launcher puts behind the lines of a shard."""
_UNIMPORTANT = ("TRACE", "DEBUG", "INFO", "WARN", "WARNING")
_GENERIC = re.compile(
    r"Error: (?:ShardCannotStart|ShardFailed|ShardDisconnected|DownloadError|WebserverFailed|WebserverCannotStart)$"
    r"|Shard (?:\d+ )?(?:failed to start|crashed|complete standard error output:?$)"
    r"|Webserver Crashed|Error when initializing model$|Method \w+ encountered an error\.$"
    r"|\w+: (?:Engine core initialization failed|WorkerProc initialization failed|Engine process failed to start)"
    r"|(?:EngineCore|WorkerProc) (?:failed to start|hit an exception|encountered a fatal error)"
    r"|SystemExit|Process \w+:$"
    r"|(?:vllm\.v1\.engine\.exceptions\.)?EngineDeadError"
)
"""What an engine says last, and what only says that something was said before.
https://github.com/huggingface/text-generation-inference/blob/main/launcher/src/main.rs (LauncherError),
https://github.com/vllm-project/vllm/blob/main/vllm/v1/engine/utils.py"""


@dataclass
class Passage:
    """What belongs together: an exception with its message, or one line of a log with what follows it."""

    level: str = ""
    """Of the log; empty where the line has none."""
    is_error: bool = False
    lines: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """In one line."""
        return quoted(_RANK.sub("", "\n".join(self.lines)))

    @property
    def is_generic(self) -> bool:
        """Whether it says no more than that there was an error."""
        return _GENERIC.match(self.lines[0].strip()) is not None

    @property
    def counts(self) -> bool:
        """Whether it may tell of an error: a warning that was survived does not."""
        return self.level not in _UNIMPORTANT


def passages(message: str) -> list[Passage]:
    """The last lines of a log by what belongs together, without the frames of tracebacks."""
    found: list[Passage] = []
    tracing: set[str] = set()  # who is in the middle of a traceback: several processes write at once
    before = ""
    for line in _readable(message).split("\n"):
        prefix, level, rest = _parsed(line)
        if not rest.strip() or _NOISE.match(rest):
            continue
        if _TRACE_BEGINS.match(rest):
            tracing.add(prefix)
        elif prefix in tracing and rest[0] == " ":
            continue
        elif prefix in tracing or _EXCEPTION.match(rest):
            tracing.discard(prefix)
            found.append(Passage(level, is_error=True, lines=[rest]))
        elif found and prefix == before and found[-1].is_error:
            found[-1].lines.append(rest)
        else:
            found.append(Passage(level, is_error=level in ("ERROR", "CRITICAL"), lines=[rest]))
        before = prefix
    return [passage for passage in found if passage.text]


def telling(found: list[Passage]) -> str:
    """The passage that says most about why a container has ended; empty if nothing was said."""
    errors = [passage for passage in found if passage.is_error]
    best = [passage for passage in errors if not passage.is_generic] or errors or found
    return best[-1].text if best else ""


def _readable(message: str) -> str:
    """What may be repeated of a message: TGI's --json-output as it writes without it, and no secrets.

    Of one that was cut, the first words are left out: they could be the rest of a token, or stand before one, and what
    is left of `Bearer` or `api_key: Some(` lets nobody recognise what follows.
    """
    readable = without_secrets("\n".join(_unpacked(line) for line in clean(message).split("\n")))
    was_cut = len(message.encode(errors="replace")) >= CUT_AT
    return _FIRST_WORDS.sub("", readable) if was_cut else readable


def _unpacked(line: str) -> str:
    """A record of tracing's JSON format, or what is left of one, as text. The spans hold nothing that tells."""
    if line.startswith("{"):
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            return line
        fields = record.get("fields") if isinstance(record, dict) else None
        message = fields.get("message") if isinstance(fields, dict) else None
        if not isinstance(message, str):
            return line
        return f"{record.get('timestamp')} {record.get('level')} {record.get('target')}: {clean(message)}"
    rest, cut, _ = line.partition('"},"target":"')
    if not cut:
        return line
    message = rest.rpartition('"message":"')[2].replace("\\n", "\n").replace('\\"', '"')
    return clean(message)


def _parsed(line: str) -> tuple[str, str, str]:
    """What a program puts before its lines, the level, and the line itself."""
    for pattern in (_TRACING, _UVICORN, _VLLM):
        found = pattern.match(line)
        if found and found["prefix"]:
            return found["prefix"], found["level"] or "", line[found.end() :]
    return "", "", line
