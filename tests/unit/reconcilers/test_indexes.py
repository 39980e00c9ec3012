"""Whom a poller wakes, and whether anybody still needs it."""

from typing import Any

from slipway.domain.identity import OWN, Identity
from slipway.loop.keys import Key
from slipway.loop.store import Store
from slipway.reconcilers.indexes import BY_ENDPOINT, BY_IDENTITY, INDEXERS, endpoint_index, identity_index
from tests.unit.domain.builders import REGION, deployment_json

ONE, OTHER = (Identity(f"arn:aws:iam::{account}:role/slipway") for account in ("111111111111", "222222222222"))


def put(store: Store, name: str, identity: Identity, **status: Any) -> Key:
    key = Key("Deployment", "ml", name)
    role = {"arn": identity.role_arn, **({"externalId": identity.external_id} if identity.external_id else {})}
    spec = {"target": {"sageMaker": {"endpointName": "twin", **({"assumeRole": role} if identity.role_arn else {})}}}
    raw = deployment_json(spec, status=status)
    store.put(key, {**raw, "metadata": {**raw["metadata"], "name": name}})
    return key


def test_equal_names_in_two_accounts_are_two_endpoints() -> None:
    store = Store(INDEXERS)
    keys = {identity: put(store, f"d{number}", identity) for number, identity in enumerate((OWN, ONE, OTHER))}
    for identity, key in keys.items():
        assert store.find(BY_ENDPOINT, endpoint_index(REGION, "TWIN", identity)) == {key}


def test_an_external_id_does_not_keep_anybody_from_being_woken() -> None:
    store = Store(INDEXERS)
    key = put(store, "twin", Identity(ONE.role_arn, "changed"))
    assert store.find(BY_ENDPOINT, endpoint_index(REGION, "twin", ONE)) == {key}


def test_an_identity_is_needed_while_a_deployment_names_it() -> None:
    store = Store(INDEXERS)
    key = put(store, "twin", Identity(ONE.role_arn, "first"))
    first, second = (identity_index(REGION, Identity(ONE.role_arn, word)) for word in ("first", "second"))
    assert (store.find(BY_IDENTITY, first), store.find(BY_IDENTITY, second)) == ({key}, frozenset())
    raw = store.get(key)
    assert raw
    raw["spec"]["target"]["sageMaker"]["assumeRole"]["externalId"] = "second"
    raw["metadata"]["resourceVersion"] = "2"
    store.put(key, raw)
    assert (store.find(BY_IDENTITY, first), store.find(BY_IDENTITY, second)) == (frozenset(), {key})
    store.discard(key)
    assert store.find(BY_IDENTITY, second) == frozenset()


def test_the_index_does_not_hold_the_external_id() -> None:
    assert "hush" not in identity_index(REGION, Identity(ONE.role_arn, "hush"))


def test_the_stored_role_counts() -> None:
    store = Store(INDEXERS)
    placement = {"region": REGION, "endpointName": "twin", "roleArn": OTHER.role_arn}
    key = put(store, "twin", ONE, placement=placement)
    assert store.find(BY_IDENTITY, identity_index(REGION, OTHER)) == {key}
    assert store.find(BY_ENDPOINT, endpoint_index(REGION, "twin", OTHER)) == {key}
