"""One container of a pod through its life: pulled, configured, started, watched, restarted, ended.

https://github.com/kubernetes/kubernetes/blob/v1.31.0/pkg/kubelet/kuberuntime/kuberuntime_manager.go,
https://github.com/kubernetes/kubernetes/blob/v1.31.0/pkg/kubelet/images/image_manager.go
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from pathlib import Path
from typing import Any

from tests.testbed.node.ending import Ending, run_inside
from tests.testbed.node.engines.host import OOM_MARK
from tests.testbed.node.environment import ConfigError
from tests.testbed.node.events import now
from tests.testbed.node.images import Image, not_found
from tests.testbed.node.mounts import mounts
from tests.testbed.node.pod_status import ContainerState
from tests.testbed.node.probes import Prober
from tests.testbed.node.process import Process, end_of
from tests.testbed.node.runtime import Started, StartError, user
from tests.testbed.node.surrounding import Surrounding
from tests.testbed.node.watching import Watch

Object = dict[str, Any]
FIRST_BACK_OFF, LONGEST_BACK_OFF = 10.0, 300.0
"""Seconds, of restarts and of pulls: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#restart-policy"""
_AGAIN = 10.0
"""Seconds until a container that cannot be configured is tried again."""


class Container:
    """One container. `run` ends when it will not be started again."""

    def __init__(self, around: Surrounding, spec: Object, policy: str) -> None:
        """`policy`: Always, OnFailure or Never."""
        self._around = around
        self._pace = around.sandbox.pace
        self._spec = spec
        self._policy = policy
        self.state = ContainerState(spec["name"], spec["image"])
        self._process: Process | None = None
        self._started: Started | None = None
        self._stopping = asyncio.Event()
        self._killing: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """Of the process that runs; None: none does."""
        return self._process.pid if self._process is not None and not self._process.ended.done() else None

    async def run(self) -> None:
        """Until the policy or a stop ends it."""
        image = await self._pulled()
        delay, restarted = FIRST_BACK_OFF, False
        while image is not None and not self._stopping.is_set():
            began = time.monotonic()
            await self._try(image)
            if self._stopping.is_set() or not self._is_restarted():
                break
            if (time.monotonic() - began) * self._pace.speed > 2 * LONGEST_BACK_OFF:
                delay, restarted = FIRST_BACK_OFF, False
            if restarted:  # the first restart comes at once
                await self._back_off(delay)
                delay = min(2 * delay, LONGEST_BACK_OFF)
            restarted = True
            self.state.restarts += 1
        self.state.finished = True
        self._around.changed()

    async def stop(self, grace: float) -> None:
        """End it within so many seconds (real ones, made faster here)."""
        self._stopping.set()
        await self._kill(grace, f"Stopping container {self._spec['name']}")

    def kill_now(self) -> None:
        """No grace."""
        self._stopping.set()
        if self._process is not None:
            self._process.kill()

    # Before it runs

    async def _pulled(self) -> Image | None:
        name, delay = self._spec["image"], FIRST_BACK_OFF
        while not self._stopping.is_set():
            image, was_pulled = await self._around.pull(name)
            if image is not None:
                said = "Successfully pulled image" if was_pulled else "Container image"
                rest = "" if was_pulled else " already present on machine"
                await self._around.say("Normal", "Pulled", f'{said} "{name}"{rest}')
                return image
            problem = not_found(name)
            await self._around.say("Warning", "Failed", f'Failed to pull image "{name}": {problem}')
            self._wait("ErrImagePull", problem)
            await self._pause(1.0)
            await self._around.say("Normal", "BackOff", f'Back-off pulling image "{name}"')
            self._wait("ImagePullBackOff", f'Back-off pulling image "{name}": ErrImagePull: {problem}')
            await self._pause(delay)
            delay = min(2 * delay, LONGEST_BACK_OFF)
        return None

    async def _try(self, image: Image) -> None:
        """Configure it, which is tried again for as long as it takes, and run it to its end."""
        sandbox = self._around.sandbox
        while not self._stopping.is_set():
            try:
                found = await self._around.surroundings.of(self._spec, image.environment)
                group = (sandbox.pod["spec"].get("securityContext") or {}).get("fsGroup") is not None
                mounted = mounts(self._spec, self._around.volumes, user(sandbox.pod, self._spec), group)
                await self._run_once(sandbox.start(self._spec, image, found, mounted))
                return
            except ConfigError as problem:
                await self._around.say("Warning", "Failed", f"Error: {problem}")
                self._wait("CreateContainerConfigError", str(problem))
                await self._pause(_AGAIN)
            except StartError as problem:
                await self._failed_to_start(str(problem))
                return

    async def _failed_to_start(self, message: str) -> None:
        await self._around.say("Warning", "Failed", f"Error: {message}")
        epoch = "1970-01-01T00:00:00Z"
        self.state.last = self.state.terminated or self.state.last
        self._over({"exitCode": 128, "reason": "StartError", "message": message, "startedAt": epoch})

    # While it runs

    async def _run_once(self, started: Started) -> None:
        name, state = self._spec["name"], self.state
        log = self._around.logs / f"{name}-{state.restarts}.log"
        (started.scratch / OOM_MARK).unlink(missing_ok=True)
        try:
            process = Process(started.command, started.environment, started.folder, log)
        except OSError as problem:
            raise StartError(str(problem)) from problem
        self._process, self._started = process, started
        state.container_id = f"testbed://{secrets.token_hex(32)}"
        state.last = state.terminated or state.last
        state.waiting, state.running_since, state.terminated = None, now(), None
        state.started = "startupProbe" not in self._spec
        state.ready = state.started and "readinessProbe" not in self._spec
        since = state.running_since
        self._around.changed()
        await self._around.say("Normal", "Started", f"Started container {name}")
        watching = asyncio.create_task(Watch(state, self._prober(), self._around, self._unhealthy).run())
        try:
            code = await asyncio.shield(process.ended)
        finally:
            watching.cancel()
        self._over(self._terminated(code, started, log) | {"startedAt": since})

    def _terminated(self, code: int, started: Started, log: Path) -> Object:
        reason = "Completed" if code == 0 else "Error"
        if (started.scratch / OOM_MARK).exists():
            reason = "OOMKilled"
        written = started.termination_log
        message = written.read_text(errors="replace")[:4096] if written.exists() else ""
        if not message and code != 0 and self._spec.get("terminationMessagePolicy") == "FallbackToLogsOnError":
            message = end_of(log)
        return {"exitCode": code, "reason": reason, "finishedAt": now()} | ({"message": message} if message else {})

    def _over(self, terminated: Object) -> None:
        state = self.state
        state.container_id = state.container_id or f"testbed://{secrets.token_hex(32)}"
        state.terminated = {"finishedAt": now(), "containerID": state.container_id, **terminated}
        state.waiting, state.running_since, state.ready, state.started = None, None, False, False
        self._around.changed()

    def _prober(self) -> Prober:
        started = self._started

        async def run(command: list[str], patience: float) -> tuple[int, str]:
            return await run_inside(started, command, patience)

        return Prober(self._spec, self._around.sandbox.address, self._pace, self._around.session, run)

    def _unhealthy(self, kind: str) -> None:
        """The startup or the liveness probe has failed too often."""
        if self._stopping.is_set():  # nobody restarts what is going
            return
        grace = float(self._around.sandbox.pod["spec"].get("terminationGracePeriodSeconds", 30))
        said = f"Container {self._spec['name']} failed {kind} probe, will be restarted"
        self._killing = asyncio.create_task(self._kill(grace, said))

    # When it ends

    async def gone(self) -> None:
        """Until its process has ended."""
        if self._process is not None:
            await asyncio.shield(self._process.ended)

    async def _kill(self, grace: float, why: str) -> None:
        process = self._process
        if process is None or process.ended.done():
            return
        await self._around.say("Normal", "Killing", why)
        hook = (self._spec.get("lifecycle") or {}).get("preStop")
        await Ending(hook, self._prober(), self._pace, self._hook_failed).end(process, grace)

    async def _hook_failed(self, message: str) -> None:
        await self._around.say("Warning", "FailedPreStopHook", message)

    def _is_restarted(self) -> bool:
        return self._policy == "Always" or (self._policy == "OnFailure" and self.state.exit_code != 0)

    async def _back_off(self, delay: float) -> None:
        meta, name = self._around.sandbox.pod["metadata"], self._spec["name"]
        which = f"{meta['name']}_{meta['namespace']}({meta['uid']})"
        await self._around.say("Warning", "BackOff", f"Back-off restarting failed container {name} in pod {which}")
        shown = f"{int(delay // 60)}m{int(delay % 60)}s" if delay >= 60 else f"{int(delay)}s"
        self._wait("CrashLoopBackOff", f"back-off {shown} restarting failed container={name} pod={which}")
        await self._pause(delay)

    def _wait(self, reason: str, message: str) -> None:
        state = self.state
        if state.terminated is not None:
            state.last, state.terminated = state.terminated, None
        state.waiting = (reason, message)
        self._around.changed()

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._pace.real(seconds)):
                await self._stopping.wait()
