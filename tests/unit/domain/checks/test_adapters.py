"""Adapters beside a model: each pinned by a ModelVersion of its own, and checked like the model."""

from dataclasses import replace
from typing import Any

import pytest

from slipway.api.v1alpha1.deployment_status import AdapterRevision, DeploymentStatus, RevisionStatus
from slipway.api.v1alpha1.model_version import ModelVersion
from slipway.domain.checks.chain import Checked, checked
from slipway.domain.checks.inputs import Inputs
from slipway.domain.conditions import Finding
from slipway.domain.deployments import Result, next_status
from slipway.domain.permissions import PlacementRule
from slipway.domain.revisions import last_served
from slipway.domain.sagemaker.catalogue import shipped
from slipway.domain.sagemaker.desired import desired
from slipway.domain.sagemaker.observation import Observation
from slipway.domain.sagemaker.progress import revised
from slipway.domain.served import ServedModel
from tests.unit.domain.builders import (
    ACCOUNT,
    IMAGE,
    NOW,
    OWNER,
    REPO,
    A,
    B,
    C,
    attempt,
    deployment,
    endpoint,
    model_version,
    resolved_json,
)

EVERYTHING = PlacementRule(("*",), ("*",), ("*",), ("*",))
SQL = AdapterRevision(name="acme/sql", repo="acme/sql", revision=B)
CHAT = AdapterRevision(name="acme/chat", repo="acme/chat", revision=C)


def listed(*repos: str, **engine: Any) -> dict[str, Any]:
    adapters = [{"name": repo, "modelRef": {"name": repo.rpartition("/")[2]}} for repo in repos]
    return {"engine": {"adapters": adapters, **engine}}


def resolved(repo: str, commit: str, hub: str | None = None, **changes: Any) -> ModelVersion:
    source = {"repo": repo, "revision": "main", "endpoint": hub}
    status = {"observedGeneration": 1, "resolved": resolved_json(commit, repo=repo, endpoint=hub, **changes)}
    return model_version(commit, {"source": {"huggingFace": source}}, status=status)


FOUND = {"sql": resolved("acme/sql", B), "chat": resolved("acme/chat", C)}


def check(
    spec: dict[str, Any],
    adapters: dict[str, ModelVersion] | None = None,
    *,
    model: ModelVersion | None = model_version(),  # noqa: B008  # frozen
    status: DeploymentStatus | None = None,
) -> Checked:
    object_ = deployment(spec).model_copy(update={"status": status or DeploymentStatus()})
    found = FOUND if adapters is None else adapters
    return checked(Inputs(object_, model, ACCOUNT, (), EVERYTHING, shipped(), adapters=found))


def refused(found: Checked) -> Finding:
    assert found.problem
    assert found.served is None
    return found.problem.finding


class TestServed:
    def test_each_at_its_commit_in_the_order_of_the_spec(self) -> None:
        found = check(listed("acme/chat", "acme/sql"))
        assert found == Checked(ServedModel(REPO, A, "twin", adapters=(CHAT, SQL)))

    def test_none_are_none(self) -> None:
        assert check({}) == Checked(ServedModel(REPO, A, "twin"))

    def test_another_commit_of_an_adapter_is_another_model(self) -> None:
        names = set()
        for commit in (B, C):
            served = check(listed("acme/sql"), {"sql": resolved("acme/sql", commit)}).served
            spec = deployment(listed("acme/sql")).spec
            assert served
            assert spec.target.sage_maker
            names.add(desired(spec, spec.target.sage_maker, served, IMAGE, OWNER).model.name)
        assert len(names) == 2


class TestRefusals:
    def test_a_missing_model_version_is_named_with_its_field(self) -> None:
        assert refused(check(listed("acme/sql"), {})) == Finding(
            "ModelVersionNotFound",
            "spec.engine.adapters[acme/sql].modelRef: there is no ModelVersion sql in this namespace",
        )

    def test_so_is_one_that_is_not_resolved_yet(self) -> None:
        found = check(listed("acme/sql"), {"sql": model_version(None)})
        assert refused(found) == Finding(
            "ModelVersionNotReady",
            "spec.engine.adapters[acme/sql].modelRef: waiting for ModelVersion sql to be resolved to a commit",
        )
        assert found.problem
        assert found.problem.passing

    @pytest.mark.parametrize("access", ["Gated", "Private"])
    def test_one_that_needs_a_token_cannot_be_reached(self, access: str) -> None:
        finding = refused(check(listed("acme/sql"), {"sql": resolved("acme/sql", B, access=access)}))
        assert finding.reason == "WeightsNotReachable"
        assert finding.message.startswith(f"acme/sql is {access.lower()}: ")

    def test_tgi_knows_it_by_its_repository(self) -> None:
        spec = {"engine": {"adapters": [{"name": "sql", "modelRef": {"name": "sql"}}]}}
        finding = refused(check(spec))
        assert finding.reason == "InvalidSpec"
        assert "spec.engine.adapters[sql]" in finding.message
        assert "Set its name to acme/sql" in finding.message

    def test_a_container_knows_one_hub(self) -> None:
        hub = "https://mirror.example"
        finding = refused(check(listed("acme/sql"), {"sql": resolved("acme/sql", B, hub)}))
        assert finding.reason == "InvalidSpec"
        assert f"it comes from {hub} and the model from the public Hub" in finding.message

    def test_the_same_other_hub_is_fine(self) -> None:
        hub = "https://mirror.example"
        found = check(listed("acme/sql"), {"sql": resolved("acme/sql", B, hub)}, model=resolved(REPO, A, hub))
        assert found.served
        assert (found.served.hub, found.served.adapters) == (hub, (SQL,))

    def test_more_than_fit_into_one_variable(self) -> None:
        repos = [f"acme/{letter * 60}" for letter in "abcdefghijk"]
        versions = {repo.rpartition("/")[2]: resolved(repo, B) for repo in repos}
        assert check(listed(*repos[:9]), versions).served
        finding = refused(check(listed(*repos), versions))
        assert finding.reason == "InvalidSpec"
        assert "take 1176 characters, of the 1024" in finding.message

    def test_an_image_that_serves_and_ignores_their_commit(self) -> None:
        spec = listed("acme/sql", image=None)
        old = (
            "763104351884.dkr.ecr.eu-central-1.amazonaws.com/huggingface-pytorch-tgi-inference:2.4.0-tgi2.3.1-gpu-cu124"
        )
        revision = RevisionStatus(serving=status_entry(SQL, image=old))
        finding = refused(check(spec, status=DeploymentStatus(revision=revision)))
        assert finding.reason == "InvalidSpec"
        assert "TGI 2.3.1 downloads the newest commit" in finding.message


def want(*adapters: AdapterRevision) -> Any:
    spec = deployment(listed(*(adapter.repo for adapter in adapters))).spec
    assert spec.target.sage_maker
    return desired(spec, spec.target.sage_maker, ServedModel(REPO, A, "twin", adapters=adapters), IMAGE, OWNER)


def status_entry(*adapters: AdapterRevision, image: str = IMAGE) -> Any:
    wanted = want(*adapters)
    seen = Observation(endpoint("other"))
    entry = revised(DeploymentStatus(), replace(seen, endpoint=endpoint(wanted)), wanted, OWNER, NOW).serving
    assert entry
    return entry.model_copy(update={"image": image})


class TestWhatServesStays:
    """An adapter's ModelVersion that disappears stops nothing."""

    STATUS = DeploymentStatus(revision=RevisionStatus(serving=status_entry(SQL, CHAT)))

    @pytest.mark.parametrize("adapters", [{}, {"sql": FOUND["sql"]}, {**FOUND, "chat": model_version(None)}])
    def test_it_goes_on_being_served_at_its_last_commit(self, adapters: dict[str, ModelVersion]) -> None:
        found = check(listed("acme/sql", "acme/chat"), adapters, status=self.STATUS)
        assert found.served == ServedModel(REPO, A, "twin", adapters=(SQL, CHAT))
        assert found.problem

    def test_with_the_models_own_gone_too(self) -> None:
        found = check(listed("acme/sql", "acme/chat"), {}, model=None, status=self.STATUS)
        assert found.served == ServedModel(REPO, A, "twin", adapters=(SQL, CHAT))
        assert found.problem
        assert found.problem.finding.message == "spec.modelRef: there is no ModelVersion twin in this namespace"

    def test_one_that_the_spec_has_no_more_is_not_kept(self) -> None:
        found = check(listed("acme/sql"), {}, model=None, status=self.STATUS)
        assert found.served == ServedModel(REPO, A, "twin", adapters=(SQL,))

    def test_one_that_is_new_and_not_resolved_waits_without_stopping_the_others(self) -> None:
        found = check(listed("acme/sql", "acme/chat", "acme/new"), status=self.STATUS)
        assert found.served == ServedModel(REPO, A, "twin", adapters=(SQL, CHAT))
        assert found.problem
        assert "spec.engine.adapters[acme/new]" in found.problem.finding.message

    def test_a_roll_under_way_comes_to_its_end_with_its_adapters(self) -> None:
        going = attempt(want(SQL), adapters=[SQL])
        assert last_served(DeploymentStatus(attempt=going)) == ServedModel(REPO, A, "twin", adapters=(SQL,))


class TestWarning:
    def warned(self, spec: dict[str, Any]) -> list[str]:
        status = next_status(deployment(spec), Result(), NOW)
        return [condition.message for condition in status.conditions if condition.type == "UnpinnedReference"]

    def test_what_tgi_does_not_pin_is_said(self) -> None:
        assert "adapter_config.json" in self.warned(listed("acme/sql"))[0]

    def test_without_adapters_there_is_nothing_to_say(self) -> None:
        assert self.warned({}) == []


class TestInTheCluster:
    def asked(self, name: str, cluster: dict[str, Any] | None = None, hub: str | None = None) -> Checked:
        engine = {"adapters": [{"name": name, "modelRef": {"name": "sql"}}]}
        spec = {"engine": engine, "target": {"sageMaker": None, "cluster": cluster or {}}}
        return check(spec, {"sql": resolved("acme/sql", B, hub)})

    def test_its_repository_is_a_name_that_tgi_knows(self) -> None:
        assert self.asked("acme/sql").problem is None

    def test_any_other_name_would_be_answered_by_the_model_alone(self) -> None:
        finding = refused(self.asked("sql"))
        assert finding.reason == "InvalidSpec"
        assert "Set its name to acme/sql" in finding.message

    def test_a_folder_of_the_cache_may_have_any_name(self) -> None:
        assert self.asked("sql", {"cache": {"size": "100Gi"}}).problem is None

    def test_all_come_from_one_hub(self) -> None:
        for cluster in ({}, {"cache": {"size": "100Gi"}}):
            finding = refused(self.asked("acme/sql", cluster, "https://hub.example"))
            assert "it comes from https://hub.example and the model from the public Hub" in finding.message
