"""Credentials of roles that are assumed: fetched where they are needed, renewed before they expire."""

import re
import time
from collections.abc import Callable
from typing import Any

from botocore.credentials import (
    CredentialProvider,
    CredentialResolver,
    DeferredRefreshableCredentials,
    create_assume_role_refresher,
)
from botocore.exceptions import BotoCoreError, ClientError

from slipway.domain.identity import Identity

FAILURE_KEPT = 5.0
"""Seconds for which a failure to assume a role is not asked about again: a thousand Deployments under a role that
trusts nobody are one question, and an STS that says nothing keeps nobody waiting twice.
Shorter than the first retry of what was refused."""
_SESSION_NAME_LIMIT = 64
_NOT_IN_SESSION_NAME = re.compile(r"[^A-Za-z0-9_+=,.@-]+")


def session_name(installation: str) -> str:
    """What CloudTrail calls the operator under a role that it has assumed: the installation.

    Letters, digits and `_+=,.@-`, 64 at most: https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
    """
    return _NOT_IN_SESSION_NAME.sub("-", f"slipway-{installation}")[:_SESSION_NAME_LIMIT]


class AssumedRole:
    """The credentials of one role, from the STS endpoint of one region. Used from threads only: it waits for STS.

    botocore renews them in the last quarter of an hour of their hour, and while that fails goes on with the ones
    that it has until ten minutes are left.
    """

    def __init__(
        self, identity: Identity, name: str, sts: Callable[[], Any], on_assumed: Callable[[], None] = lambda: None
    ) -> None:
        """`name`: RoleSessionName. `sts` makes, or has, a client of STS with the operator's own identity.

        `on_assumed` is called whenever STS has given credentials.
        """
        parameters = {"RoleArn": identity.role_arn, "RoleSessionName": name}
        if identity.external_id is not None:
            parameters["ExternalId"] = identity.external_id
        self._parameters = parameters
        self._secret = identity.external_id
        self._sts = sts
        self._on_assumed = on_assumed
        self._refused: tuple[float, ClientError | BotoCoreError | None] = 0.0, None
        self.credentials = DeferredRefreshableCredentials(refresh_using=self._assume, method="assume-role")

    def check(self) -> None:
        """Raise the last failure again while it is fresh."""
        until, failure = self._refused
        if failure and time.monotonic() < until:
            raise failure.with_traceback(None)  # or it would grow with each thread that raises it

    def _assume(self) -> Any:
        self.check()  # several threads may have waited for the same answer
        try:
            found = create_assume_role_refresher(self._sts(), self._parameters)()
        except ClientError as refused:
            failure = ClientError(_without(self._secret, refused), "AssumeRole")
            self._refused = time.monotonic() + FAILURE_KEPT, failure
            raise failure from None  # the original may hold the external id
        except BotoCoreError as failure:  # such as no answer in time
            self._refused = time.monotonic() + FAILURE_KEPT, failure
            raise
        self._on_assumed()
        return found

    def resolver(self) -> CredentialResolver:
        """What makes these the credentials of a botocore session."""
        return CredentialResolver([_Fixed(self.credentials)])


class _Fixed(CredentialProvider):
    METHOD = "assume-role"

    def __init__(self, credentials: DeferredRefreshableCredentials) -> None:
        super().__init__()
        self._credentials = credentials

    def load(self) -> DeferredRefreshableCredentials:
        return self._credentials


def _without(secret: str | None, refused: ClientError) -> Any:
    """The answer without the external id: STS repeats a value that it finds malformed."""
    error = refused.response.get("Error", {})
    words = error.get("Message", "")
    if secret is not None:
        words = words.replace(secret, "(the external id)")
    return {**refused.response, "Error": {**error, "Message": words}}
