"""An operator that dies at one of its writes, to Kubernetes or to AWS, before or after the write's effect.

A question to an endpoint counts as a write: it changes nothing outside, but what follows from its answer must be found
out again by whoever comes after.
"""

import asyncio
import contextlib
import os
import signal
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from slipway import app
from slipway.api.v1alpha1 import GROUP
from slipway.domain.errors import Conflict
from slipway.domain.identity import Identity
from slipway.kube import Kube
from slipway.loop.store import Object
from slipway.settings import Settings
from slipway.targets.sagemaker.clients import AwsClients

T = TypeVar("T")
Phase = Literal["before", "after"]
_READING = ("describe_", "list_", "get_", "simulate_")


@dataclass(frozen=True)
class Moment:
    """A write at which to die: the `nth` (from 1) of its kind, before or after its effect."""

    write: str
    """`create_model`, `put_metric_alarm`, `invoke_endpoint` and the like; `deployments status`,
    `deployments finalizers`, `secrets`; or `post deployments`, `patch services`, for what is made in the cluster."""
    nth: int
    phase: Phase

    def __str__(self) -> str:
        return f"{self.phase}:{self.write}:{self.nth}"

    @classmethod
    def parse(cls, text: str) -> "Moment":
        """The inverse of str()."""
        phase, write, nth = text.split(":")
        return cls(write, int(nth), "before" if phase == "before" else "after")


EACH = Moment("*", 0, "after")
"""After whichever write comes first. An operator that is started again dies after its first one, too.

But for those to ModelVersions: who tracks a branch asks the Hub when it starts and writes down that it did, so one that
died of that each time would come to nothing else.
"""


class Crasher:
    """Counts writes and ends it all at one of them."""

    def __init__(
        self,
        at: Moment | None,
        die: Callable[[], Awaitable[None]],
        *,
        aws_url: str | None = None,
        counting: Callable[[], bool] = lambda: True,
    ) -> None:
        """`die` ends the operator; it does not return. `aws_url`: None for where the environment says. Writes are
        counted, and may be the last one, while `counting` says so."""
        self._aws_url = aws_url
        self._counting = counting
        self._at = at
        self._die = die
        self.writes: Counter[str] = Counter()
        self.fired = False

    async def around(self, write: str, send: Callable[[], Awaitable[T]]) -> T:
        """Carry out a write, or die just before or after it."""
        if self.fired:
            await asyncio.Event().wait()  # the dead do nothing
        if not self._counting():
            return await send()
        self.writes[write] += 1
        nth = self.writes[write]
        await self._crash_at(Moment(write, nth, "before"))
        try:
            result = await send()
        except Conflict:
            self.writes[write] -= 1  # what was seen is not there any more: it had no effect, and comes again
            raise
        await self._crash_at(Moment(write, nth, "after"))
        return result

    async def _crash_at(self, moment: Moment) -> None:
        each = self._at == EACH and moment.phase == "after" and moment.write != "modelversions status"
        if moment == self._at or each:
            self.fired = True
            await self._die()

    def kube(self, *args: Any, **parameters: Any) -> Kube:
        """Kube whose writes are counted. Events do not count: nothing is decided on them."""
        crasher = self

        class CrashingKube(Kube):
            async def _write(self, method: str, path: str, **request: Any) -> Object:
                if path.endswith("/events"):
                    return await super()._write(method, path, **request)
                send = super()._write
                return await crasher.around(_what(method, path), lambda: send(method, path, **request))

        return CrashingKube(*args, **parameters)

    def clients(self, *args: Any, **parameters: Any) -> AwsClients:
        """AWS clients whose mutating calls are counted."""
        crasher = self

        class CrashingClients(AwsClients):
            async def call(
                self, identity: Identity, service: str, region: str, operation: str, **request: Any
            ) -> dict[str, Any]:
                send = super().call
                if operation.startswith(_READING):
                    return await send(identity, service, region, operation, **request)
                return await crasher.around(operation, lambda: send(identity, service, region, operation, **request))

            def _make_client(self, identity: Identity, service: str, region: str, read_timeout: int | None) -> Any:
                if crasher._aws_url is None:
                    return super()._make_client(identity, service, region, read_timeout)
                session = self._role(identity, region).session if identity.role_arn else self._own.current
                keys = {"aws_access_key_id": "AKIAIOSFODNN7EXAMPLE", "aws_secret_access_key": "secret"}
                return session.client(
                    service,
                    region_name=region,
                    config=self._config,
                    endpoint_url=crasher._aws_url,
                    **({} if identity.role_arn else keys),
                )

        return CrashingClients(*args, **parameters)


def _what(method: str, path: str) -> str:
    """What a write to this path of the API server is, as `Moment.write` says it."""
    _, kind, *rest = path.partition("/namespaces/")[2].split("/")
    subresource = rest[1:]
    if kind == "secrets":
        return kind
    if path.startswith(f"/apis/{GROUP}/"):
        return f"{kind} {'status' if subresource == ['status'] else 'finalizers'}"
    return f"{method} {'/'.join([kind, *subresource])}"


class RevivingOperator:
    """The operator in a thread of this process. When it has crashed, it is started again.

    It does not crash any more then, unless it was to crash at EACH write.
    """

    def __init__(self, settings: Settings, at: Moment | None, aws_url: str) -> None:
        """`aws_url`: each operator has AWS at an address of its own; the environment is the whole process's. Nothing
        is counted, and it does not crash, but within `endangered`."""
        self._endangered = threading.Event()
        self._settings = settings
        self._aws_url = aws_url
        self._at = at
        self._thread = threading.Thread(target=self._live, name="operator", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._ended = threading.Event()
        self.crasher: Crasher | None = None
        """The first incarnation's."""
        self.starts = 1
        """How often it was started."""
        self.problem: BaseException | None = None

    def _live(self) -> None:
        try:
            asyncio.run(self._incarnation(self._at))
            while not self._ended.is_set():
                self.starts += 1
                asyncio.run(self._incarnation(EACH if self._at == EACH else None))
        except BaseException as problem:  # it is reported where the operator is stopped
            self.problem = problem

    async def _incarnation(self, at: Moment | None) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        stop = self._stop

        async def die() -> None:
            stop.set()
            await asyncio.Event().wait()

        crasher = Crasher(at, die, aws_url=self._aws_url, counting=self._endangered.is_set)
        self.crasher = self.crasher or crasher
        await app.run(self._settings, stop, make_kube=crasher.kube, make_clients=crasher.clients)

    @contextlib.contextmanager
    def endangered(self) -> Iterator[None]:
        """The part of a life in which writes are counted, and the crash comes."""
        self._endangered.set()
        try:
            yield
        finally:
            self._endangered.clear()

    def __enter__(self) -> "RevivingOperator":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        while self._thread.is_alive():
            with contextlib.suppress(RuntimeError):  # between two incarnations there is no loop
                if self._loop and self._stop:
                    self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(0.5)
        if self.problem:
            raise self.problem


async def _kill_self() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    """The operator as a process that kills itself at the moment CRASH_AT."""
    crasher = Crasher(Moment.parse(os.environ["CRASH_AT"]), _kill_self)
    asyncio.run(app.run(Settings(), asyncio.Event(), make_kube=crasher.kube, make_clients=crasher.clients))


if __name__ == "__main__":
    main()
