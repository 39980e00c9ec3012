"""What goes wrong when a test wants it to."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from tests.testbed.sagemaker import neighbours
from tests.testbed.sagemaker.calls import Failure, Fault, Hook, Params, When
from tests.testbed.sagemaker.handle import Handle
from tests.testbed.sagemaker.invoking import Outcome, Script
from tests.testbed.sagemaker.permissions import Denial
from tests.testbed.sagemaker.rules import Scripted


class Troubles(Handle):
    def fail(
        self,
        operation: str,
        *,
        times: int | None = 1,
        when: When = "before",
        error: Failure = ("InternalFailure", "Internal failure.", 500),
        match: Callable[[Params], bool] | None = None,
    ) -> Fault:
        """Scripts failures of an operation ("*": of any). After: the effect is there, the answer is not."""
        return self.service.faults.add(Fault(operation, when, error, times, match))

    def throttle(self, operation: str = "*", *, times: int | None = 1, code: str = "ThrottlingException") -> Fault:
        """`code`: Throttling and RequestLimitExceeded are in use as well."""
        return self.fail(operation, times=times, error=(code, "Rate exceeded", 400))

    def expire_sessions(self) -> None:
        """Whatever AssumeRole gave until now is too old: ExpiredTokenException, in STS and IAM ExpiredToken."""
        self.service.credentials.expire(*neighbours.session_keys())

    def invalidate(self, *access_keys: str) -> None:
        """Nobody knows these keys: UnrecognizedClientException, in STS and IAM InvalidClientTokenId."""
        self.service.credentials.invalidate(*access_keys)

    def deny(
        self,
        action: str,
        resource: str = "*",
        *,
        account: str | None = None,
        role: str | None = None,
        explicit: bool = False,
        times: int | None = None,
    ) -> Denial:
        """Takes a permission away until cancelled: the calls that need it are refused, and IAM's simulation says so.

        `action`: "iam:PassRole", "cloudwatch:*"; without a service it is SageMaker's. `resource`: a pattern for its
        ARN. `account`, `role` (name or ARN): of the caller; None: of anybody.
        """
        action = action if ":" in action or action == "*" else f"sagemaker:{action}"
        return self.service.permissions.add(Denial(action, resource, account, role, explicit, times))

    def clear_faults(self) -> None:
        """Forgets scripted failures and denials."""
        self.service.faults.clear()
        self.service.permissions.clear()

    def limit_rate(self, per_second: float | None, *, burst: float = 1.0) -> None:
        """Throttles each operation of each account and region to a rate; None: not at all."""
        self.service.rate_limit.set(per_second, burst)

    def next_failure(self, endpoint: str, reason: str, *, times: int = 1, rollback_fails: bool = False) -> None:
        """The endpoint's next create, update or change of counts is accepted, then fails for this reason."""
        with self.rules.lock:
            waiting = self.rules.failures.setdefault(endpoint.lower(), deque())
            waiting.extend([Scripted(reason, rollback_fails)] * times)

    def no_capacity(self, instance_type: str, *, times: int = 1) -> None:
        """The next `times` attempts to provision this type fail with the service's CapacityError."""
        with self.rules.lock:
            self.rules.shortages[instance_type] += times

    def script_invocation(
        self, endpoint: str, outcome: Outcome, *, times: int | None = 1, revision: str | None = None
    ) -> Script:
        """What becomes of the endpoint's next invocations (None: of all until cancelled), by either path.

        `revision`: only of those that reach a container which loaded this one, for instance while traffic shifts.
        """
        return self.service.invocations.script(endpoint, Script(outcome, times, revision))

    def clear_invocations(self) -> None:
        """Forgets every script."""
        self.service.invocations.clear()

    def on_call(self, hook: Hook) -> Callable[[], None]:
        """Calls `hook(operation, params, "before"|"after")` around mutating calls; returns the way out."""
        return self.service.hooks.add(hook)
