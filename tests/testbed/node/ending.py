"""How a container is ended: preStop, SIGTERM, the rest of the grace period, SIGKILL.

https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination,
https://github.com/kubernetes/kubernetes/blob/v1.31.0/pkg/kubelet/kuberuntime/kuberuntime_container.go (killContainer)
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tests.testbed.node.mounts import rewritten
from tests.testbed.node.probes import Prober
from tests.testbed.node.process import Process
from tests.testbed.node.runtime import Pace, Started

Object = dict[str, Any]
_LEAST_GRACE = 2.0
"""Seconds that are left after a long preStop hook (minimumGracePeriodInSeconds)."""
_SLEEP = re.compile(r"\bsleep (\d+(?:\.\d+)?)")


@dataclass(frozen=True)
class Ending:
    """What it takes to end one container."""

    hook: Object | None
    """lifecycle.preStop."""
    prober: Prober
    pace: Pace
    failed: Callable[[str], Awaitable[None]]
    """Told why the hook failed; the container is ended all the same."""

    async def end(self, process: Process, grace: float) -> None:
        """Within so many seconds (real ones, made faster here); none: at once."""
        left = grace
        if self.hook and grace > 0:
            began = time.monotonic()
            await self._pre_stop(self.hook, process, self.pace.real(grace))
            left -= (time.monotonic() - began) * self.pace.speed
        if grace > 0:
            process.terminate()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.pace.real(max(left, _LEAST_GRACE))):
                    await asyncio.shield(process.ended)
        process.kill()
        await asyncio.shield(process.ended)

    async def _pre_stop(self, hook: Object, process: Process, patience: float) -> None:
        """Until the hook has run, the container has ended, or the time is over."""
        running: asyncio.Task[Any]
        if "httpGet" in hook:
            running = asyncio.create_task(self.prober.once({"httpGet": hook["httpGet"]}))
        elif "sleep" in hook:
            running = asyncio.create_task(asyncio.sleep(self.pace.real(float(hook["sleep"]["seconds"]))))
        else:
            running = asyncio.create_task(self.prober.run(self._faster(hook["exec"]["command"]), patience))
        done, _ = await asyncio.wait({running, process.ended}, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
        if running not in done:
            running.cancel()
            return
        result = running.result()
        if isinstance(result, tuple) and result[0] != 0:
            await self.failed(f"PreStopHook failed: {result[1]}")

    def _faster(self, command: Sequence[str]) -> list[str]:
        """What sleeps in it sleeps shorter."""
        words = list(command)
        if words[0].rpartition("/")[2] == "sleep":
            return [words[0], *(str(self.pace.real(float(each.rstrip("s")))) for each in words[1:])]
        return [_SLEEP.sub(lambda found: f"sleep {self.pace.real(float(found[1]))}", word) for word in words]


async def run_inside(started: Started | None, command: Sequence[str], patience: float) -> tuple[int, str]:
    """A command in a container that runs, for a hook or a probe: its exit code and what it said."""
    if started is None:
        return 1, "the container does not run"
    words = [rewritten(word, started.places) for word in command]
    try:
        process = await asyncio.create_subprocess_exec(
            *words,
            cwd=started.folder,
            env={"PATH": "/usr/bin:/bin"} | dict(started.environment),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError:
        return 126, f'exec: "{words[0]}": executable file not found in $PATH'
    try:
        async with asyncio.timeout(patience):
            said, _ = await process.communicate()
    except TimeoutError:
        return 1, f"command timed out after {patience:g} s"
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    return process.returncode or 0, said.decode(errors="replace")
