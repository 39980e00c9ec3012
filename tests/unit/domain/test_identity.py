"""Whose rights are used for a Deployment."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.domain.identity import OWN, Identity, account_of, identity_of
from tests.unit.domain.builders import merged

ROLE = "arn:aws:iam::999999999999:role/team/slipway-target"
OTHER = "arn:aws:iam::999999999999:role/other"
SECRET = "hush-7f3a"


def asked(arn: str = ROLE, external_id: str | None = SECRET) -> dict[str, Any]:
    role = {"arn": arn, **({"externalId": external_id} if external_id else {})}
    return {"spec": {"target": {"sageMaker": {"region": "eu-central-1", "assumeRole": role}}}}


def placed(role: str | None) -> dict[str, Any]:
    return {"status": {"placement": {"region": "eu-central-1", **({"roleArn": role} if role else {})}}}


def test_before_there_is_a_placement_the_spec_names_the_role() -> None:
    assert identity_of({"spec": {}}) == OWN
    assert identity_of(asked()) == Identity(ROLE, SECRET)
    assert identity_of(asked(external_id=None)) == Identity(ROLE)


@pytest.mark.parametrize(
    ("spec", "status", "expected"),
    [
        (asked(), placed(ROLE), Identity(ROLE, SECRET)),
        (asked(external_id="another"), placed(ROLE), Identity(ROLE, "another")),
        (asked(OTHER), placed(ROLE), Identity(ROLE)),
        ({"spec": {}}, placed(ROLE), Identity(ROLE)),
        (asked(), placed(None), OWN),
        ({"spec": {}}, placed(None), OWN),
    ],
)
def test_the_stored_role_is_fixed_and_the_external_id_is_that_of_the_same_role(
    spec: dict[str, Any], status: dict[str, Any], expected: Identity
) -> None:
    assert identity_of(merged(spec, status)) == expected


def test_a_spec_that_cannot_be_read_otherwise_still_names_its_role() -> None:
    broken = merged(asked(), {"spec": {"engine": 7, "target": {"sageMaker": {"region": None}}}})
    assert identity_of(merged(broken, placed(ROLE))) == Identity(ROLE, SECRET)


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["arn", "externalId"]), inner),
)


@given(JSON, JSON, JSON, JSON)
def test_whatever_is_in_an_object_there_is_an_identity(spec: Any, target: Any, role: Any, placement: Any) -> None:
    for raw in (
        {"spec": spec, "status": placement},
        {"spec": {"target": target}, "status": {"placement": placement}},
        {"spec": {"target": {"sageMaker": {"assumeRole": role}}}},
    ):
        found = identity_of(raw)
        assert found.role_arn is None or isinstance(found.role_arn, str)
        assert found.external_id is None or found.role_arn is not None


def test_an_external_id_is_not_shown() -> None:
    shown = f"{Identity(ROLE, SECRET)} {Identity(ROLE, SECRET)!r} {[Identity(ROLE, SECRET)]}"
    assert SECRET not in shown
    assert ROLE in shown


def test_the_account_of_a_role_is_in_its_name() -> None:
    assert account_of(ROLE) == Identity(ROLE).account == "999999999999"
    assert OWN.account is None
    assert Identity(ROLE, "a") != Identity(ROLE, "b")
