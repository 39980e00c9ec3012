"""The local SageMaker in a process of its own, so that its CPU is not counted as anybody else's.

The child reads one JSON command a line, and answers each with one line. It ends with its standard input.
"""

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, Self

import boto3

from tests.testbed.sagemaker import REGION, ROLE, LocalSageMaker

_ROOT = Path(__file__).parents[2]
_OLDEST = 30 * 24 * 3600.0


@dataclass(frozen=True)
class ExistingEndpoint:
    """An endpoint as the operator would have made it, with its config and model."""

    name: str
    config: str
    model: str
    repo: str
    revision: str
    tags: dict[str, str]


@dataclass(frozen=True)
class Calls:
    """What has arrived since the last question, by operation."""

    by_operation: dict[str, int]
    mutating: int
    """How many of them could change something."""


@dataclass(frozen=True)
class Arrival:
    """One call that has arrived, of whatever service of AWS."""

    at: float
    """As time.time()."""
    service: str
    operation: str
    account: str
    region: str
    mutating: bool


class SageMakerProcess:
    """The handle on the child."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.sagemaker"],
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.url: str = self._answer()["url"]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        _pipe(self._process.stdin).close()
        self._process.wait(timeout=30)
        _pipe(self._process.stdout).close()

    def seed(self, endpoints: Sequence[ExistingEndpoint]) -> None:
        """Make endpoints that are InService, and were modified last at times spread over the last 30 days."""
        self._ask(seed=[asdict(endpoint) for endpoint in endpoints])

    def endpoints(self) -> dict[str, dict[str, Any]]:
        """The rows of ListEndpoints, by name."""
        client = boto3.client(
            "sagemaker",
            region_name=REGION,
            endpoint_url=self.url,
            aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
            aws_secret_access_key="secret",
        )
        pages = client.get_paginator("list_endpoints").paginate(PaginationConfig={"PageSize": 100})
        rows: dict[str, dict[str, Any]] = {
            row["EndpointName"]: dict(row) for page in pages for row in page["Endpoints"]
        }
        self.calls()  # these were ours
        return rows

    def calls(self) -> Calls:
        """The calls since the last question."""
        return Calls(**self._ask(calls=True))

    def arrivals(self) -> list[Arrival]:
        """The calls since the last question, one by one."""
        return [Arrival(**one) for one in self._ask(arrivals=True)]

    def put_into_service(self, endpoint: str, config: str) -> float:
        """Somebody updates an endpoint to another config, behind everybody's back. Returns when that was through."""
        return self._tamper("change_config", endpoint, config)

    def set_count(self, endpoint: str, count: int) -> float:
        """Somebody changes the number of instances. Returns when that was through."""
        return self._tamper("change_count", endpoint, count)

    def remove(self, endpoint: str) -> float:
        """Somebody deletes an endpoint. Returns when it was gone."""
        return self._tamper("remove_endpoint", endpoint)

    def _tamper(self, *how: Any) -> float:
        return float(self._ask(tamper=how)["at"])

    def _ask(self, **command: Any) -> Any:
        stdin = _pipe(self._process.stdin)
        stdin.write(json.dumps(command) + "\n")
        stdin.flush()
        return self._answer()

    def _answer(self) -> Any:
        line = _pipe(self._process.stdout).readline()
        if not line:
            raise RuntimeError(f"the local SageMaker ended with {self._process.wait()}")
        return json.loads(line)


def _pipe(pipe: IO[str] | None) -> IO[str]:
    if pipe is None:
        raise AssertionError("both pipes are asked for")
    return pipe


def _seed(sagemaker: LocalSageMaker, endpoints: list[dict[str, Any]]) -> None:
    now = time.time()
    clock = sagemaker.rules.clock
    try:
        for number, endpoint in enumerate(endpoints):
            made = now - _OLDEST * (1 - number / len(endpoints))
            sagemaker.rules.clock = lambda made=made: made  # type: ignore[misc]
            sagemaker.seed(
                [endpoint["name"]],
                repo=endpoint["repo"],
                revision=endpoint["revision"],
                tags=endpoint["tags"],
                model_name=lambda _, model=endpoint["model"]: str(model),  # type: ignore[misc]
                config_name=lambda _, config=endpoint["config"]: str(config),  # type: ignore[misc]
            )
    finally:
        sagemaker.rules.clock = clock


def _calls(sagemaker: LocalSageMaker) -> Calls:
    calls = sagemaker.calls
    sagemaker.clear_calls()
    return Calls(dict(Counter(call.operation for call in calls)), sum(call.mutating for call in calls))


def _arrivals(sagemaker: LocalSageMaker) -> list[dict[str, Any]]:
    calls = sagemaker.calls
    sagemaker.clear_calls()
    found = (
        Arrival(call.time, call.service, call.operation, call.account, call.region, call.mutating) for call in calls
    )
    return [asdict(arrival) for arrival in found]


def _serve() -> None:
    with LocalSageMaker() as sagemaker:
        sagemaker.add_role(ROLE)
        _say({"url": sagemaker.url})
        for line in sys.stdin:
            command = json.loads(line)
            if "seed" in command:
                _seed(sagemaker, command["seed"])
                _say({})
            elif "tamper" in command:
                method, *arguments = command["tamper"]
                getattr(sagemaker, method)(*arguments)
                _say({"at": time.time()})
            elif "arrivals" in command:
                _say(_arrivals(sagemaker))
            else:
                _say(asdict(_calls(sagemaker)))


def _say(answer: Any) -> None:
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    _serve()
