"""Times that are only compared, and whose list a summary comes from."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from slipway.api.v1alpha1.deployment_status import Placement
from slipway.domain.identity import OWN, Identity
from slipway.targets.sagemaker.clients import AwsClients, AwsSession
from slipway.targets.sagemaker.look import instant
from slipway.targets.sagemaker.poller import EndpointPoller
from slipway.targets.sagemaker.preflight import Preflight
from slipway.targets.sagemaker.target import SageMaker

NOW = datetime(2026, 11, 5, 12, 0, 0, 123, tzinfo=UTC)


@given(st.integers(-14, 14), st.integers(-14, 14))
def test_the_same_instant_reads_the_same_in_every_zone(hours: int, others: int) -> None:
    one, other = (NOW.astimezone(timezone(timedelta(hours=zone))) for zone in (hours, others))
    assert instant(one) == instant(other) == "2026-11-05T12:00:00.000123+00:00"


def test_instants_that_differ_by_a_microsecond_are_told_apart() -> None:
    assert instant(NOW) != instant(NOW + timedelta(microseconds=1))
    assert instant(NOW.replace(microsecond=0)) == "2026-11-05T12:00:00.000000+00:00"


class Clients:
    """Accounts by role, each with one endpoint that is called after it."""

    def __init__(self) -> None:
        self.own_account = "111111111111"
        self.asked = list[str]()

    def session(self, identity: Identity) -> AwsSession:
        return AwsSession(cast(AwsClients, self), identity)

    async def call(self, identity: Identity, service: str, region: str, operation: str, **asked: Any) -> dict[str, Any]:
        self.asked.append(operation)
        account = identity.account or self.own_account
        if operation == "get_caller_identity":
            return {"Account": account, "Arn": f"arn:aws:sts::{account}:assumed-role/r/s"}
        name = f"in-{account}"
        arn = f"arn:aws:sagemaker:{region}:{account}:endpoint/{name}"
        times = {"CreationTime": NOW, "LastModifiedTime": NOW}
        return {"Endpoints": [{"EndpointName": name, "EndpointArn": arn, "EndpointStatus": "InService", **times}]}


def sagemaker(clients: Clients, made: list[EndpointPoller]) -> SageMaker:
    def poller(identity: Identity, account: str, region: str) -> EndpointPoller:
        session = clients.session(identity)
        made.append(EndpointPoller(session, region, wake=lambda r, n: None, interval=60, sweep_interval=60))
        return made[-1]

    return SageMaker(cast(AwsClients, clients), poller=poller, preflight=Preflight(missing_kept=1))


def place(account: str, endpoint: str | None = None, region: str = "eu-central-1") -> Placement:
    return Placement(
        target="SageMaker", account=account, region=region, endpoint_name=endpoint or f"in-{account}", role_arn=None
    )


async def test_a_summary_is_of_the_identitys_own_account() -> None:
    clients, made = Clients(), list[EndpointPoller]()
    target = sagemaker(clients, made)
    other = Identity("arn:aws:iam::222222222222:role/r")
    assert await target.under(OWN).summary(place("111111111111"))
    assert await target.under(other).summary(place("222222222222"))
    assert await target.under(OWN).summary(place("111111111111", "in-222222222222")) is None
    assert await target.under(other).summary(place("222222222222", "in-111111111111")) is None
    assert len(made) == 2
    assert await target.under(other).summary(place("222222222222", region="us-east-1"))
    assert len(made) == 3
    await target.close()


async def test_roles_with_another_external_id_share_nothing() -> None:
    clients, made = Clients(), list[EndpointPoller]()
    target = sagemaker(clients, made)
    for word in ("a", "b"):
        await target.under(Identity("arn:aws:iam::222222222222:role/r", word)).summary(place("222222222222"))
    assert len(made) == 2
    await target.close()


async def test_a_list_of_the_account_that_the_credentials_belonged_to_before_answers_nobody() -> None:
    clients, made = Clients(), list[EndpointPoller]()
    target = sagemaker(clients, made)
    assert await target.under(OWN).summary(place("111111111111"))
    clients.own_account = "333333333333"
    assert await target.under(OWN).summary(place("333333333333", "in-111111111111")) is None
    assert [poller.has_ended for poller in made] == [True, False]
    await target.close()


async def test_the_account_is_asked_for_once_for_an_identity_and_a_region() -> None:
    clients = Clients()
    target = sagemaker(clients, [])
    other = Identity("arn:aws:iam::222222222222:role/r")
    found = [await target.under(identity).account(region) for identity in (OWN, other) for region in ("a", "b", "a")]
    assert found == ["111111111111"] * 3 + ["222222222222"] * 3
    assert clients.asked == ["get_caller_identity"] * 4
