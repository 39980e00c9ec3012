"""What is in the Secret for clients, when it must be written, and whose it is."""

import re
from base64 import b64decode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.api.v1alpha1.common import ObjectMeta
from slipway.api.v1alpha1.deployment import NAME_MAX_LENGTH
from slipway.api.v1alpha1.deployment_status import DeploymentStatus, EndpointStatus, Placement, RevisionStatus
from slipway.domain.binding import (
    SECRET_TYPE,
    binding_name,
    conflict,
    differs,
    entries,
    manifest,
    recheck_after,
)
from slipway.domain.ownership import is_owned
from tests.unit.domain.builders import ACCOUNT, ENDPOINT, REGION, A, B, metadata, served, wanted

URL = f"https://runtime.sagemaker.{REGION}.amazonaws.com/endpoints/{ENDPOINT}/openai/v1"
PLACEMENT = Placement(target="SageMaker", account=ACCOUNT, region=REGION, endpoint_name=ENDPOINT)
META = ObjectMeta.model_validate(metadata())
CONTENT = {
    "type": "openai",
    "provider": "sagemaker",
    "uri": URL,
    "host": f"runtime.sagemaker.{REGION}.amazonaws.com",
    "port": "443",
    "model": "tgi",
    "engine": "TGI",
    "region": REGION,
    "endpoint-name": ENDPOINT,
}
CONTENTS = st.dictionaries(st.sampled_from(sorted(CONTENT)), st.text(max_size=20), min_size=1)


def at(**changes: Any) -> EndpointStatus:
    fields = {"name": ENDPOINT, "arn": "arn", "last_modified": "then", "url": URL, "model": "tgi", "engine": "TGI"}
    return EndpointStatus(**{**fields, **changes})


def status(**changes: Any) -> DeploymentStatus:
    fields = {"placement": PLACEMENT, "endpoint": at(), "revision": RevisionStatus(serving=served(wanted(A)))}
    return DeploymentStatus(**{**fields, **changes})


def stored(content: dict[str, str], **changes: Any) -> dict[str, Any]:
    """A Secret as the API server has it after it was applied."""
    applied = manifest(META, content)
    fields = {"f:data": {".": {}, **{f"f:{key}": {} for key in content}}, "f:type": {}}
    entry = {"manager": "slipway", "operation": "Apply", "fieldsType": "FieldsV1", "fieldsV1": fields}
    return {**applied, "metadata": {**applied["metadata"], "managedFields": [entry]}, **changes}


class TestEntries:
    def test_what_clients_are_told(self) -> None:
        assert entries(status()) == CONTENT

    @pytest.mark.parametrize(
        "missing", [{"endpoint": None}, {"endpoint": at(url=None)}, {"placement": None}, {"revision": RevisionStatus()}]
    )
    def test_there_is_nothing_to_tell_before_something_serves(self, missing: dict[str, Any]) -> None:
        assert entries(status(**missing)) is None

    def test_what_is_not_known_is_left_out(self) -> None:
        found = entries(status(endpoint=at(model=None, engine=None)))
        assert found == {key: value for key, value in CONTENT.items() if key not in ("model", "engine")}

    def test_a_new_revision_of_the_same_model_changes_nothing(self) -> None:
        other = RevisionStatus(desired=B, serving=served(wanted(B)), previous=served(wanted(A)))
        assert entries(status(revision=other, observed_generation=7, replicas=3)) == CONTENT

    @pytest.mark.parametrize(
        ("url", "host", "port"),
        [
            ("http://twin.ml.svc:8080/v1", "twin.ml.svc", "8080"),
            ("http://twin.ml.svc/v1", "twin.ml.svc", "80"),
            ("https://models.example.com/v1", "models.example.com", "443"),
        ],
    )
    def test_another_kind_of_target_changes_values_only(self, url: str, host: str, port: str) -> None:
        found = entries(status(endpoint=at(url=url)))
        assert found
        assert (found["uri"], found["host"], found["port"]) == (url, host, port)
        assert found.keys() == CONTENT.keys()

    def test_keys_can_be_names_of_files_as_the_specification_asks(self) -> None:
        assert all(re.fullmatch(r"[a-z0-9\-.]{1,253}", key) for key in CONTENT)


class TestManifest:
    def test_it_is_the_deployments_and_of_the_type_that_its_entry_says(self) -> None:
        made = manifest(META, CONTENT)
        assert made["metadata"]["name"] == "twin-binding"
        assert made["metadata"]["namespace"] == "ml"
        assert made["type"] == SECRET_TYPE == "servicebinding.io/openai"
        (owner,) = made["metadata"]["ownerReferences"]
        assert (owner["apiVersion"], owner["kind"], owner["name"], owner["uid"]) == (
            "slipway.dev/v1alpha1", "Deployment", "twin", "uid-1",
        )  # fmt: skip
        assert "blockOwnerDeletion" not in owner

    @given(CONTENTS)
    def test_the_values_are_the_entries(self, content: dict[str, str]) -> None:
        data = manifest(META, content)["data"]
        assert {key: b64decode(value).decode() for key, value in data.items()} == content

    @given(st.permutations(sorted(CONTENT)))
    def test_the_same_entries_make_the_same_secret_in_whatever_order(self, order: list[str]) -> None:
        assert manifest(META, {key: CONTENT[key] for key in order}) == manifest(META, CONTENT)

    def test_the_longest_name_of_a_deployment_gives_a_name_that_a_secret_may_have(self) -> None:
        assert len(binding_name("a" * NAME_MAX_LENGTH)) <= 253


class TestDiffers:
    @given(CONTENTS)
    def test_what_was_applied_does_not_differ(self, content: dict[str, str]) -> None:
        assert not differs(stored(content), manifest(META, content))

    @given(CONTENTS, CONTENTS)
    def test_it_differs_exactly_where_an_entry_does(self, before: dict[str, str], after: dict[str, str]) -> None:
        """An entry that was applied once and is not wanted any more counts, too."""
        assert differs(stored(before), manifest(META, after)) == (before != after)

    def test_what_others_add_is_theirs(self) -> None:
        extended = stored(CONTENT)
        extended["data"] = {**extended["data"], "api-key": "c2VjcmV0"}
        extended["metadata"] = {**extended["metadata"], "labels": {"team": "a"}}
        assert not differs(extended, manifest(META, CONTENT))

    def test_an_entry_that_somebody_removed_is_missing(self) -> None:
        for key in CONTENT:
            data = {name: value for name, value in stored(CONTENT)["data"].items() if name != key}
            assert differs(stored(CONTENT, data=data), manifest(META, CONTENT))
        assert differs(stored(CONTENT, data=None), manifest(META, CONTENT))

    def test_another_type_differs(self) -> None:
        assert differs(stored(CONTENT, type="Opaque"), manifest(META, CONTENT))


class TestWhose:
    def test_what_was_applied_is_ours(self) -> None:
        assert is_owned(stored(CONTENT), "uid-1")

    @pytest.mark.parametrize("owners", [None, [], [{"kind": "Deployment", "name": "twin", "uid": "uid-0"}]])
    def test_what_is_nobodys_or_a_predecessors_is_not(self, owners: Any) -> None:
        assert not is_owned({"metadata": {"name": "twin-binding", "ownerReferences": owners}}, "uid-1")

    def test_a_conflict_names_the_secret_and_what_to_do(self) -> None:
        found = conflict("twin")
        assert found.reason == "BindingConflict"
        assert "twin-binding" in found.message
        assert "Delete it" in found.message


class TestRecheck:
    """When the Secret of what rests is looked at again."""

    def test_few_wait_no_longer_than_they_were_promised(self) -> None:
        assert recheck_after(600.0, 1, 1.0) == recheck_after(600.0, 600, 1.0) == 600.0

    def test_what_was_looked_at_in_one_moment_is_spread_over_half_of_the_time(self) -> None:
        assert recheck_after(600.0, 1, 0.0) == 300.0
        assert recheck_after(600.0, 1, 0.5) == 450.0

    @given(objects=st.integers(600, 100_000))
    def test_however_many_there_are_they_have_no_more_than_two_looks_a_second(self, objects: int) -> None:
        after = [recheck_after(600.0, objects, chance / 100) for chance in range(101)]
        assert objects / min(after) <= 2.0
        assert objects / (sum(after) / len(after)) <= 1.4
