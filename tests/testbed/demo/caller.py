"""The user of an endpoint: asks it through boto3, as any application would, and counts who answered."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

_COMMIT = re.compile(r"\b[0-9a-f]{40}\b")
_PAUSE = 0.1


@dataclass(frozen=True)
class Answer:
    """What the endpoint said, and the commit that it named itself."""

    text: str
    revision: str | None


@dataclass
class Tally:
    """Who answered while something was going on."""

    by_revision: dict[str, int] = field(default_factory=dict)
    """Answers, in the order in which the commits first answered."""
    failures: list[str] = field(default_factory=list)
    switches: int = 0
    """How often the answering commit changed."""
    _last: str | None = None

    def add(self, answer: Answer) -> None:
        """Count an answer."""
        revision = answer.revision or "unknown"
        self.switches += self._last not in (None, revision)
        self._last = revision
        self.by_revision[revision] = self.by_revision.get(revision, 0) + 1

    @property
    def total(self) -> int:
        """Requests sent and answered, or failed."""
        return sum(self.by_revision.values()) + len(self.failures)

    def sentence(self) -> str:
        """The tally in one line."""
        answered = ", ".join(f"{count} by {revision[:12]}" for revision, count in list(self.by_revision.items()))
        return f"{self.total} requests: {answered or 'none answered yet'}, {len(self.failures)} failed"


class Caller:
    """Sends chat requests to one endpoint."""

    def __init__(self, runtime: Any, endpoint: str) -> None:
        """`runtime`: a boto3 client of sagemaker-runtime."""
        self._runtime = runtime
        self.endpoint = endpoint

    def request(self, prompt: str) -> dict[str, Any]:
        """The arguments of InvokeEndpoint."""
        body = json.dumps({"messages": [{"role": "user", "content": prompt}]}, separators=(",", ":"))
        return {"EndpointName": self.endpoint, "ContentType": "application/json", "Body": body}

    def ask(self, prompt: str) -> Answer:
        """One question. Raises boto3's errors."""
        answer = self._runtime.invoke_endpoint(**self.request(prompt))
        text = json.loads(answer["Body"].read())["choices"][0]["message"]["content"]
        found = _COMMIT.search(text)
        return Answer(text, found[0] if found else None)

    @contextmanager
    def asking(self, prompt: str) -> Iterator[Tally]:
        """Ask ten times a second, on a thread beside, for as long as the block lasts."""
        tally, stop = Tally(), threading.Event()

        def ask_on() -> None:
            while not stop.wait(_PAUSE):
                try:
                    tally.add(self.ask(prompt))
                except (ClientError, BotoCoreError) as failure:
                    tally.failures.append(str(failure))

        thread = threading.Thread(target=ask_on, name="caller", daemon=True)
        thread.start()
        try:
            yield tally
        finally:
            stop.set()
            thread.join()
