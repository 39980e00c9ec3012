"""How long things take, and where they wait."""

from __future__ import annotations

from tests.testbed.sagemaker.handle import Handle


class Timing(Handle):
    def set_durations(self, **seconds: float) -> None:
        """Of Creating, Updating, Scaling, RollingBack, Deleting, and of the phases of an update with a
        DeploymentConfig: ActivatingTraffic, Baking, Terminating. For what begins from now on."""
        unknown = seconds.keys() - self.rules.durations.keys()
        if unknown:
            raise KeyError(f"no such transition: {sorted(unknown)}")
        with self.rules.lock:
            self.rules.durations.update(seconds)

    def scale_time(self, seconds: float | None) -> None:
        """What a second of a DeploymentConfig's waits takes; None: Baking and Terminating of the durations."""
        with self.rules.lock:
            self.rules.time_scale = seconds

    def hold(self, name: str | None = None, *, at: str | None = None) -> None:
        """Endpoints in motion, this one or all, stay so until `release`, however much time passes.

        `at`: only where they are in this phase of an update (Creating, ActivatingTraffic, Baking, Deleting) or in
        this EndpointStatus of another motion. `release_step` takes a held one from phase to phase.
        """
        with self.rules.lock:
            if name is None:
                self.rules.hold_all, self.rules.hold_all_at = True, at
            else:
                self.rules.held[name.lower()] = at

    def release(self, name: str | None = None) -> None:
        """Finishes this endpoint's transition now and lifts its own hold; without a name, lifts all holds."""
        with self.rules.lock:
            if name is None:
                self.rules.hold_all = False
                self.rules.held.clear()
            else:
                self.rules.held.pop(name.lower(), None)
            for world in self.service.worlds():
                world.advance()
                if name is None:
                    world.release_parked()
                else:
                    world.release(name)

    def release_step(self, name: str) -> None:
        """Finishes the phase that this endpoint's update is in, or its other motion; holds stay."""
        with self.rules.lock:
            for world in self.service.worlds():
                world.advance()
                world.release_step(name)
