"""The AWS clients under several identities, over HTTP, against the local SageMaker with moto's STS."""

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from slipway.domain.errors import RateLimited, Rejected
from slipway.domain.identity import OWN, Identity
from slipway.domain.sagemaker.permissions import Lacking, Permission, needed
from slipway.targets.sagemaker import own, roles
from slipway.targets.sagemaker.clients import IDLE, IDLE_BESIDE, AwsClients
from slipway.targets.sagemaker.preflight import Caller, Preflight
from tests.testbed.sagemaker import ACCOUNT, REGION, Call, LocalSageMaker
from tests.unit.domain.builders import ENDPOINT, OWNER, deployment, wanted

OTHER = "999999999999"
ROLE = f"arn:aws:iam::{OTHER}:role/team/slipway-target"
SECRET = "hush-7f3a"
TRUSTED = Identity(ROLE, SECRET)
ALARMS = [{"name": "theirs"}, {"metric": "ModelLatency", "threshold": 1}]
EVERYTHING = {"rollout": {"check": {"prompt": "hello"}, "alarms": ALARMS}}


@pytest.fixture
def sagemaker(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalSageMaker]:
    with LocalSageMaker() as local:
        monkeypatch.setenv("AWS_ENDPOINT_URL", local.url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        monkeypatch.delenv("AWS_PROFILE", raising=False)
        local.seed(["here"])
        local.seed(["there"], account=OTHER)
        local.trust(ROLE, SECRET)
        yield local


@pytest.fixture
def counted() -> Counter[tuple[str, str]]:
    return Counter()


@pytest.fixture
def clients(sagemaker: LocalSageMaker, counted: Counter[tuple[str, str]]) -> Iterator[AwsClients]:
    made = AwsClients(
        timeout=5,
        concurrency=4,
        requests_per_second=500,
        session_name="slipway-here",
        counted=lambda operation, outcome: counted.update([(operation, outcome)]),
    )
    yield made
    made.close()


async def endpoints(clients: AwsClients, identity: Identity, region: str = REGION) -> list[str]:
    found = await clients.session(identity).call("sagemaker", region, "list_endpoints")
    return [row["EndpointName"] for row in found["Endpoints"]]


def assumptions(sagemaker: LocalSageMaker) -> list[Call]:
    return [call for call in sagemaker.calls if call.operation == "AssumeRole"]


class TestIdentities:
    async def test_each_sees_its_own_account(self, clients: AwsClients) -> None:
        assert await endpoints(clients, OWN) == ["here"]
        assert await endpoints(clients, TRUSTED) == ["there"]
        asked = [await clients.call(who, "sts", REGION, "get_caller_identity") for who in (OWN, TRUSTED)]
        assert [answer["Account"] for answer in asked] == [ACCOUNT, OTHER]

    async def test_a_role_is_assumed_once_for_all_that_need_it(
        self, clients: AwsClients, sagemaker: LocalSageMaker, counted: Counter[tuple[str, str]]
    ) -> None:
        await asyncio.gather(*(endpoints(clients, TRUSTED) for _ in range(20)))
        await clients.call(TRUSTED, "sts", REGION, "get_caller_identity")
        (call,) = assumptions(sagemaker)
        assert call.params["RoleSessionName"] == "slipway-here"
        assert call.params["ExternalId"] == SECRET
        assert "DurationSeconds" not in call.params
        assert (call.account, call.region) == (ACCOUNT, REGION)
        assert counted["AssumeRole", "ok"] == 1

    async def test_a_role_is_assumed_in_the_region_where_it_is_used(
        self, clients: AwsClients, sagemaker: LocalSageMaker
    ) -> None:
        for region in (REGION, "us-east-1", REGION):
            await endpoints(clients, TRUSTED, region)
        assert [call.region for call in assumptions(sagemaker)] == [REGION, "us-east-1"]

    async def test_no_session_of_another_external_id_is_used(
        self, clients: AwsClients, sagemaker: LocalSageMaker
    ) -> None:
        assert await endpoints(clients, TRUSTED) == ["there"]
        for guess in (None, "guess"):
            with pytest.raises(Rejected) as refused:
                await endpoints(clients, Identity(ROLE, guess))
            assert refused.value.reason == "AssumeRoleDenied"
        assert len(assumptions(sagemaker)) == 3


class TestRefusals:
    async def test_the_message_names_role_and_field_but_not_the_external_id(
        self, clients: AwsClients, sagemaker: LocalSageMaker, counted: Counter[tuple[str, str]]
    ) -> None:
        with pytest.raises(Rejected) as refused:
            await endpoints(clients, Identity(ROLE, "wrong-secret"))
        assert refused.value.reason == "AssumeRoleDenied"
        assert refused.value.message.startswith("AssumeRole: User: ")
        assert ROLE in refused.value.message
        assert "spec.target.sageMaker.assumeRole" in refused.value.message
        assert "wrong-secret" not in str(refused.value)
        assert counted["AssumeRole", "AssumeRoleDenied"] == 1
        assert [call for call in sagemaker.calls if call.service == "sagemaker"] == []

    async def test_sts_that_repeats_the_external_id_does_not_make_us_repeat_it(
        self, clients: AwsClients, sagemaker: LocalSageMaker, caplog: pytest.LogCaptureFixture
    ) -> None:
        words = f"1 validation error detected: Value '{SECRET}' at 'externalId' failed to satisfy constraint"
        sagemaker.fail("AssumeRole", error=("ValidationError", words, 400))
        with caplog.at_level(logging.INFO), pytest.raises(Rejected) as refused:
            await endpoints(clients, TRUSTED)
        assert "'(the external id)' at 'externalId'" in refused.value.message
        assert SECRET not in caplog.text
        assert SECRET not in repr(refused.value)

    async def test_a_thousand_deployments_are_one_question(
        self, clients: AwsClients, sagemaker: LocalSageMaker
    ) -> None:
        wrong = Identity(ROLE, "wrong")
        answers = await asyncio.gather(*(endpoints(clients, wrong) for _ in range(50)), return_exceptions=True)
        assert {type(answer) for answer in answers} == {Rejected}
        assert len(assumptions(sagemaker)) == 1

    async def test_trust_that_is_given_later_is_found(
        self, clients: AwsClients, sagemaker: LocalSageMaker, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(roles, "FAILURE_KEPT", 0.0)
        late = Identity(f"{ROLE}-late")
        with pytest.raises(Rejected):
            await endpoints(clients, late)
        sagemaker.trust(f"{ROLE}-late")
        assert await endpoints(clients, late) == ["there"]

    async def test_a_session_that_aws_does_not_accept_any_more_is_replaced(
        self, clients: AwsClients, sagemaker: LocalSageMaker
    ) -> None:
        assert await endpoints(clients, TRUSTED) == ["there"]
        gone = ("UnrecognizedClientException", "The security token included in the request is invalid.", 400)
        sagemaker.fail("ListEndpoints", error=gone)
        with pytest.raises(Rejected, match="CredentialsInvalid"):
            await endpoints(clients, TRUSTED)
        assert await endpoints(clients, TRUSTED) == ["there"]
        assert len(assumptions(sagemaker)) == 2

    async def test_a_lost_answer_of_sts_passes(
        self, clients: AwsClients, sagemaker: LocalSageMaker, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(roles, "FAILURE_KEPT", 0.0)
        sagemaker.fail("AssumeRole", error="reset")
        with pytest.raises(Exception, match="AwsUnreachable"):
            await endpoints(clients, TRUSTED)
        assert await endpoints(clients, TRUSTED) == ["there"]


class TestOwnCredentials:
    """Static ones, in a file that somebody mounts or replaces."""

    @pytest.fixture
    def written(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], object]:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.delenv(name)
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        file = tmp_path / "credentials"
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
        monkeypatch.setattr(own, "RENEWED_AFTER", 0.0)
        return lambda key: file.write_text(f"[default]\naws_access_key_id={key}\naws_secret_access_key=secret\n")

    async def test_they_are_found_when_they_come_late(
        self, sagemaker: LocalSageMaker, written: Callable[[str], object]
    ) -> None:
        clients = AwsClients(timeout=5, concurrency=4, requests_per_second=500)
        with pytest.raises(Rejected, match="CredentialsMissing"):
            await endpoints(clients, OWN)
        with pytest.raises(Rejected, match="CredentialsMissing"):
            await endpoints(clients, TRUSTED)
        written("AKIAIOSFODNN7EXAMPLE")
        with contextlib.suppress(Rejected):
            await endpoints(clients, OWN)  # the client that has none notices
        assert await endpoints(clients, OWN) == ["here"]
        clients.close()

    async def test_they_are_read_again_when_they_are_not_accepted_any_more(
        self, sagemaker: LocalSageMaker, written: Callable[[str], object]
    ) -> None:
        written("AKIAIOSFODNN7OLDOLD")
        clients = AwsClients(timeout=5, concurrency=4, requests_per_second=500)
        assert await endpoints(clients, OWN) == ["here"]
        written("AKIAIOSFODNN7EXAMPLE")
        sagemaker.invalidate("AKIAIOSFODNN7OLDOLD")
        with pytest.raises(Rejected, match="CredentialsInvalid"):
            await endpoints(clients, OWN)
        assert await endpoints(clients, OWN) == ["here"]
        clients.close()

    def test_not_more_often_than_once_a_minute(self) -> None:
        session = own.OwnSession()
        assert [session.renew(), session.renew()] == [True, False]


class TestLanes:
    async def test_throttling_holds_one_account_and_region(
        self, clients: AwsClients, sagemaker: LocalSageMaker
    ) -> None:
        sagemaker.trust(f"{ROLE}-2")
        await endpoints(clients, TRUSTED)
        sagemaker.throttle("ListEndpoints")
        with pytest.raises(RateLimited):
            await endpoints(clients, TRUSTED)
        with pytest.raises(RateLimited, match=f"{REGION} of account {OTHER}"):
            await endpoints(clients, Identity(f"{ROLE}-2"))  # a role of the same account waits too
        assert await endpoints(clients, OWN) == ["here"]
        assert await endpoints(clients, TRUSTED, "us-east-1") == []

    async def test_throttling_of_one_service_does_not_hold_the_others(
        self, clients: AwsClients, sagemaker: LocalSageMaker
    ) -> None:
        sagemaker.throttle("GetRole")
        for _ in range(2):
            with pytest.raises(RateLimited):
                await clients.call(OWN, "iam", REGION, "get_role", RoleName="slipway")
        assert await endpoints(clients, OWN) == ["here"]
        await clients.call(OWN, "cloudwatch", REGION, "describe_alarms")


class TestManyPlaces:
    async def test_what_nobody_uses_is_dropped(
        self, clients: AwsClients, sagemaker: LocalSageMaker, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        identities = [Identity(f"arn:aws:iam::{number:012}:role/slipway") for number in range(1, 51)]
        for identity in identities:
            sagemaker.trust(str(identity.role_arn))
        await asyncio.gather(*(endpoints(clients, identity) for identity in identities))
        assert len(clients._clients) == 51  # and one of STS, with the operator's own identity
        assert (len(clients._roles), len(clients._lanes)) == (50, 50)
        used = [*clients._clients.values(), *clients._roles.values(), *clients._lanes.values()]
        for kept in used:
            kept.used -= IDLE + 1
        monkeypatch.setattr(clients, "_drop_next", 0.0)
        assert await endpoints(clients, TRUSTED) == ["there"]
        assert {(key[0], key[1]) for key in clients._clients} == {(TRUSTED, "sagemaker"), (OWN, "sts")}
        assert (len(clients._roles), len(clients._lanes)) == (1, 1)

    async def test_what_is_asked_now_and_then_is_dropped_sooner(
        self, clients: AwsClients, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await endpoints(clients, TRUSTED)
        await clients.call(TRUSTED, "sts", REGION, "get_caller_identity")
        for kept in clients._clients.values():
            kept.used -= IDLE_BESIDE + 1
        monkeypatch.setattr(clients, "_drop_next", 0.0)
        assert await endpoints(clients, TRUSTED) == ["there"]
        assert {(key[0], key[1]) for key in clients._clients} == {(TRUSTED, "sagemaker")}

    async def test_all_descriptions_come_from_one_loader(self, clients: AwsClients) -> None:
        await endpoints(clients, OWN)
        await endpoints(clients, TRUSTED)
        models = {id(kept.client.meta.service_model._service_description)
                  for key, kept in clients._clients.items() if key[1] == "sagemaker"}  # fmt: skip
        assert len(models) == 1


def needed_by(spec: dict[str, Any] | None = None, account: str = ACCOUNT) -> tuple[Permission, ...]:
    found = deployment(spec).spec
    assert found.target.sage_maker
    want = wanted(spec=spec)
    return needed(
        found,
        found.target.sage_maker,
        owner=OWNER,
        account=account,
        endpoint=ENDPOINT,
        config=want.config.name,
        model=want.model.name,
    )


async def lacking(clients: AwsClients, identity: Identity, needed: tuple[Permission, ...]) -> Lacking | None:
    asked = await clients.call(identity, "sts", REGION, "get_caller_identity")
    caller = Caller(asked["Account"], asked["Arn"])
    return await Preflight(missing_kept=0).lacking(clients.session(identity), REGION, OWNER, caller, needed)


class TestPreflight:
    async def test_with_every_permission_nothing_is_missing_and_nothing_was_changed(
        self, clients: AwsClients, sagemaker: LocalSageMaker, caplog: pytest.LogCaptureFixture
    ) -> None:
        assert await lacking(clients, OWN, needed_by(EVERYTHING)) is None
        assert caplog.messages == []  # it was found out, not given up
        assert [call for call in sagemaker.calls if call.operation == "SimulatePrincipalPolicy"]
        assert sagemaker.mutations() == []

    @pytest.mark.parametrize("action", sorted({permission.action for permission in needed_by(EVERYTHING)}))
    async def test_each_is_missed_on_its_own_resource(
        self, clients: AwsClients, sagemaker: LocalSageMaker, action: str
    ) -> None:
        sagemaker.deny(action)
        found = await lacking(clients, OWN, needed_by(EVERYTHING))
        assert found
        assert found.principal == f"arn:aws:iam::{ACCOUNT}:role/slipway"
        expected = {str(p) for p in needed_by(EVERYTHING) if p.action == action}
        assert {str(permission) for permission in found.permissions} == expected

    async def test_only_the_resource_that_is_meant(self, clients: AwsClients, sagemaker: LocalSageMaker) -> None:
        sagemaker.deny("sagemaker:DescribeEndpoint", "arn:aws:sagemaker:*:*:endpoint/theirs-*")
        assert await lacking(clients, OWN, needed_by(EVERYTHING)) is None
        sagemaker.deny("sagemaker:UpdateEndpoint", "arn:aws:sagemaker:*:*:endpoint-config/slw-*", explicit=True)
        found = await lacking(clients, OWN, needed_by(EVERYTHING))
        assert found
        (one,) = found.permissions
        assert one.action == "sagemaker:UpdateEndpoint"
        assert ":endpoint-config/slw-" in one.resource

    async def test_the_role_that_was_assumed_is_the_one_that_is_asked_about(
        self, clients: AwsClients, sagemaker: LocalSageMaker
    ) -> None:
        execution = f"arn:aws:iam::{OTHER}:role/execution"
        spec = {"target": {"sageMaker": {"executionRoleArn": execution}}}
        sagemaker.deny("iam:PassRole", account=ACCOUNT)
        assert await lacking(clients, TRUSTED, needed_by(spec, OTHER)) is None
        sagemaker.deny("iam:PassRole", role=ROLE)
        found = await lacking(clients, TRUSTED, needed_by(spec, OTHER))
        assert found
        assert found.principal == ROLE
        assert [str(p) for p in found.permissions] == [f"iam:PassRole on {execution}"]
        assert "GetRole" not in {call.operation for call in sagemaker.calls}

    @pytest.mark.parametrize("action", ["iam:GetRole", "iam:SimulatePrincipalPolicy"])
    async def test_without_the_permission_to_ask_it_goes_on_and_says_so(
        self, clients: AwsClients, sagemaker: LocalSageMaker, action: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        sagemaker.deny(action)
        sagemaker.deny("iam:PassRole")
        assert await lacking(clients, OWN, needed_by()) is None
        (line,) = caplog.messages
        assert action in line


class TestDenied:
    async def test_a_call_that_is_refused_names_action_resource_and_role(
        self, clients: AwsClients, sagemaker: LocalSageMaker
    ) -> None:
        sagemaker.deny("sagemaker:DeleteModel")
        with pytest.raises(Rejected) as refused:
            await clients.call(TRUSTED, "sagemaker", REGION, "delete_model", ModelName="there")
        assert refused.value.reason == "AccessDenied"
        resource = f"arn:aws:sagemaker:{REGION}:{OTHER}:model/there"
        role = f"the role slipway-target of account {OTHER}"
        assert refused.value.message.endswith(f". Allow sagemaker:DeleteModel on {resource} to {role}")
