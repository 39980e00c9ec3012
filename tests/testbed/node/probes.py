"""Asking a container how it is, as the kubelet does.

https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/,
https://github.com/kubernetes/kubernetes/blob/v1.31.0/pkg/kubelet/prober/worker.go
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import aiohttp

from tests.testbed.node.runtime import Pace

Object = dict[str, Any]
_SHORTEST = 0.05
"""Seconds between two tries, however fast everything is."""
_PATIENCE = 2.0
"""Seconds that an answer may take however fast everything is: this machine does not get faster."""
AGENT = "kube-probe/1.31"


@dataclass(frozen=True)
class Outcome:
    """Of one try; the message is the event's."""

    good: bool
    message: str = ""


@dataclass(frozen=True)
class Prober:
    """The probes of one container."""

    container: Object
    address: str
    pace: Pace
    session: aiohttp.ClientSession
    run: Callable[[list[str], float], Coroutine[Any, Any, tuple[int, str]]]
    """Runs a command in the container, for so many seconds: exit code and output."""

    def has(self, kind: str) -> bool:
        """`kind`: startupProbe, readinessProbe or livenessProbe."""
        return kind in self.container

    async def watch(self, kind: str, changed: Callable[[bool, str], Awaitable[None]]) -> None:
        """Try for ever; tell each failure's message, and each change for good by the thresholds.

        `changed(good, message)`: good=False with a message is one failed try, with none that the threshold is reached.
        """
        probe = self.container[kind]
        await asyncio.sleep(self.pace.real(probe.get("initialDelaySeconds") or 0))
        period = max(self.pace.real(probe.get("periodSeconds") or 10), _SHORTEST)
        successes = failures = 0
        while True:
            outcome = await self.once(probe)
            if outcome.good:
                successes, failures = successes + 1, 0
                if successes == (probe.get("successThreshold") or 1):
                    await changed(True, "")
            else:
                successes, failures = 0, failures + 1
                await changed(False, f"{_NAMES[kind]} probe failed: {outcome.message}")
                if failures == (probe.get("failureThreshold") or 3):
                    await changed(False, "")
            await asyncio.sleep(period)

    async def once(self, probe: Object) -> Outcome:
        """One try."""
        patience = max(self.pace.real(probe.get("timeoutSeconds") or 1), _PATIENCE)
        if "httpGet" in probe:
            return await self._http(probe["httpGet"], patience)
        if "tcpSocket" in probe:
            return await self._tcp(self._port(probe["tcpSocket"]["port"]), patience)
        code, said = await self.run(probe["exec"]["command"], patience)
        return Outcome(code == 0, said)

    async def _http(self, get: Object, patience: float) -> Outcome:
        port = self._port(get["port"])
        url = (
            f"{(get.get('scheme') or 'HTTP').lower()}://{get.get('host') or self.address}:{port}{get.get('path', '/')}"
        )
        headers = {header["name"]: header["value"] for header in get.get("httpHeaders") or []}
        try:
            timeout = aiohttp.ClientTimeout(total=patience)
            asked = self.session.get(
                url, headers={"User-Agent": AGENT, **headers}, timeout=timeout, allow_redirects=False, ssl=False
            )
            async with asked as answer:
                good = 200 <= answer.status < 400
                return Outcome(good, "" if good else f"HTTP probe failed with statuscode: {answer.status}")
        except TimeoutError:
            return Outcome(
                False, f'Get "{url}": context deadline exceeded (Client.Timeout exceeded while awaiting headers)'
            )
        except (aiohttp.ClientError, OSError):
            return Outcome(False, f'Get "{url}": dial tcp {self.address}:{port}: connect: connection refused')

    async def _tcp(self, port: int, patience: float) -> Outcome:
        try:
            async with asyncio.timeout(patience):
                _, writer = await asyncio.open_connection(self.address, port)
            writer.close()
        except (OSError, TimeoutError):
            return Outcome(False, f"dial tcp {self.address}:{port}: connect: connection refused")
        return Outcome(True)

    def _port(self, port: int | str) -> int:
        if isinstance(port, int):
            return port
        named = {each.get("name"): each["containerPort"] for each in self.container.get("ports") or []}
        return int(named[port])


_NAMES = {"startupProbe": "Startup", "readinessProbe": "Readiness", "livenessProbe": "Liveness"}
