"""The operator's own AWS session, made anew where its credentials are missing or not accepted any more.

botocore renews what expires by itself. What it read once from a file or the environment, or did not find, it never
looks for again: https://docs.aws.amazon.com/boto3/latest/guide/credentials.html
"""

import time
from typing import Any

import boto3
import botocore.session

RENEWED_AFTER = 60.0
"""Seconds between two sessions. A search through all of boto3's sources may wait for the metadata service."""


class OwnSession:
    """A boto3 session with boto3's default credential chain. Not thread-safe: its owner locks."""

    def __init__(self) -> None:
        core = botocore.session.get_session()
        self.loader: Any = core.get_component("data_loader")
        """Shared by all sessions."""
        self.current: Any = boto3.Session(botocore_session=core)
        """Typed as Any: the stubs have one overload a service, none for a variable."""
        self._renewable_at = 0.0

    def renew(self) -> bool:
        """Begin anew, if that was not done just before. Whether it was done now: then clients are to be dropped."""
        now = time.monotonic()
        if now < self._renewable_at:
            return False
        self._renewable_at = now + RENEWED_AFTER
        core = botocore.session.get_session()
        core.register_component("data_loader", self.loader)
        self.current = boto3.Session(botocore_session=core)
        return True
