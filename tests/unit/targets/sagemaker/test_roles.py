"""Names of sessions, and credentials that are renewed before they end."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from hypothesis import given
from hypothesis import strategies as st

from slipway.domain.identity import Identity
from slipway.targets.sagemaker.roles import AssumedRole, session_name


@given(st.text(max_size=300))
def test_every_installation_makes_a_name_that_sts_takes(installation: str) -> None:
    """https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html"""
    assert re.fullmatch(r"[A-Za-z0-9_+=,.@-]{2,64}", session_name(installation))


def test_it_names_the_installation() -> None:
    assert session_name("example-cluster") == "slipway-example-cluster"
    assert session_name("3f2a/slipway two") == "slipway-3f2a-slipway-two"


class Sts:
    """Gives numbered credentials that last so long, or refuses."""

    def __init__(self, lasting: timedelta) -> None:
        self.lasting = lasting
        self.asked = list[dict[str, Any]]()
        self.refusal: str | None = None

    def assume_role(self, **parameters: Any) -> dict[str, Any]:
        self.asked.append(parameters)
        if self.refusal:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": self.refusal}}, "AssumeRole")
        number = len(self.asked)
        return {
            "Credentials": {
                "AccessKeyId": f"key-{number}",
                "SecretAccessKey": "secret",
                "SessionToken": "token",
                "Expiration": datetime.now(UTC) + self.lasting,
            }
        }


ROLE = Identity("arn:aws:iam::999999999999:role/slipway", "hush-7f3a")


def test_nothing_is_asked_before_it_is_needed_and_then_once() -> None:
    sts, assumed = Sts(timedelta(hours=1)), list[str]()
    role = AssumedRole(ROLE, "slipway-here", lambda: sts, lambda: assumed.append("assumed"))
    assert sts.asked == []
    assert {role.credentials.get_frozen_credentials().access_key for _ in range(3)} == {"key-1"}
    assert sts.asked == [{"RoleArn": ROLE.role_arn, "RoleSessionName": "slipway-here", "ExternalId": ROLE.external_id}]
    assert assumed == ["assumed"]


def test_credentials_are_renewed_before_they_end() -> None:
    sts = Sts(timedelta(minutes=14))
    role = AssumedRole(ROLE, "slipway", lambda: sts)
    keys = [role.credentials.get_frozen_credentials().access_key for _ in range(3)]
    assert keys == ["key-1", "key-2", "key-3"]


def test_while_they_cannot_be_renewed_they_are_used_as_long_as_they_last() -> None:
    sts = Sts(timedelta(minutes=14))
    role = AssumedRole(ROLE, "slipway", lambda: sts)
    role.credentials.get_frozen_credentials()
    sts.refusal = "no"
    assert role.credentials.get_frozen_credentials().access_key == "key-1"


def test_a_refusal_is_not_asked_about_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    sts = Sts(timedelta(hours=1))
    sts.refusal = "no"
    role = AssumedRole(ROLE, "slipway", lambda: sts)
    for _ in range(5):
        with pytest.raises(ClientError, match="no"):
            role.credentials.get_frozen_credentials()
    assert len(sts.asked) == 1
    with pytest.raises(ClientError):
        role.check()
    sts.refusal = None
    monkeypatch.setattr(role, "_refused", (0.0, None))
    role.check()
    assert role.credentials.get_frozen_credentials().access_key == "key-2"


def test_nor_is_an_sts_that_says_nothing() -> None:
    asked = list[dict[str, Any]]()

    class Silent:
        def assume_role(self, **parameters: Any) -> None:
            asked.append(parameters)
            raise ReadTimeoutError(endpoint_url="https://sts.eu-central-1.amazonaws.com")

    role = AssumedRole(ROLE, "slipway", Silent)
    for _ in range(3):
        with pytest.raises(ReadTimeoutError):
            role.credentials.get_frozen_credentials()
    with pytest.raises(ReadTimeoutError):
        role.check()
    assert len(asked) == 1
