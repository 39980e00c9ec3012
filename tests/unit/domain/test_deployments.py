"""The checks of a Deployment in their order, and what its status says."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.api.v1alpha1.deployment import NAME_SHAPE, ONE_TARGET, Deployment
from slipway.api.v1alpha1.deployment_status import DeploymentStatus, Placement, RevisionStatus, Scaling
from slipway.api.v1alpha1.engine import DTYPE_OR_QUANTIZATION, INPUT_BELOW_TOTAL
from slipway.api.v1alpha1.model_version import ModelVersion
from slipway.api.v1alpha1.sagemaker_target import ENDPOINT_NAME_FIXED, REGION_FIXED
from slipway.domain.checks.chain import checked
from slipway.domain.checks.image import check_image, image_in_use, image_of
from slipway.domain.checks.inputs import Inputs
from slipway.domain.checks.model import check_model, check_weights
from slipway.domain.checks.placement import check_placement_allowed, check_placement_fixed, placement_of
from slipway.domain.checks.spec import check_spec
from slipway.domain.conditions import Finding, timestamp
from slipway.domain.deployments import Result, next_status
from slipway.domain.permissions import PlacementRule
from slipway.domain.sagemaker.catalogue import Container, NotInCatalogue, shipped
from slipway.domain.sagemaker.engines.tgi import OWN_VARIABLES
from slipway.domain.sagemaker.observation import Observation
from slipway.domain.served import ServedModel
from tests.unit.domain.builders import (
    ACCOUNT,
    ENDPOINT,
    IMAGE,
    NOW,
    REGION,
    REPO,
    ROLE,
    A,
    B,
    attempt,
    deployment,
    endpoint,
    metadata,
    model_version,
    resolved_json,
    served,
    wanted,
    with_status,
)

LATER = NOW + timedelta(hours=1)
PLACEMENT = Placement(target="SageMaker", account=ACCOUNT, region=REGION, endpoint_name=ENDPOINT)
EVERYTHING = PlacementRule(("*",), ("*",), ("*",), ("*",))
NOTHING = PlacementRule(("*",), (), (), ())
OLD, NEW = wanted(A), wanted(B)


def inputs(
    spec: Mapping[str, Any] | Deployment | None = None,
    model: ModelVersion | None = model_version(),  # noqa: B008  # frozen
    *,
    account: str | None = ACCOUNT,
    default_rule: PlacementRule = EVERYTHING,
) -> Inputs:
    given_one = spec if isinstance(spec, Deployment) else deployment(spec)
    return Inputs(given_one, model, account, (), default_rule, shipped())


def named(name: str) -> Deployment:
    return deployment(metadata=metadata(name))


def placed(spec: Mapping[str, Any] | None = None, **changes: Any) -> Deployment:
    return with_status(spec, placement=PLACEMENT.model_copy(update=changes))


def sagemaker(**fields: Any) -> dict[str, Any]:
    return {"target": {"sageMaker": fields}}


def engine(**fields: Any) -> dict[str, Any]:
    return {"engine": fields}


def of_access(access: str) -> ModelVersion:
    status = {"observedGeneration": 1, "resolved": resolved_json(A, access=access)}
    return model_version(status=status)


class TestSpec:
    def test_the_small_one_of_the_builders_is_valid(self) -> None:
        assert check_spec(inputs()) is None

    @pytest.mark.parametrize(
        ("spec", "message"),
        [
            ({"target": {"sageMaker": None}}, ONE_TARGET),
            (engine(maxInputTokens=4096, maxTotalTokens=4096), INPUT_BELOW_TOTAL),
            (engine(maxInputTokens=4097, maxTotalTokens=4096), INPUT_BELOW_TOTAL),
            (engine(dtype="float16", quantization="awq"), DTYPE_OR_QUANTIZATION),
        ],
    )
    def test_what_the_crds_rules_refuse_is_refused_here_with_the_same_words(
        self, spec: dict[str, Any], message: str
    ) -> None:
        problem = check_spec(inputs(spec))
        assert problem
        assert (problem.finding, problem.passing) == (Finding("InvalidSpec", message), False)

    @pytest.mark.parametrize(
        "spec",
        [
            engine(maxInputTokens=4095, maxTotalTokens=4096),
            engine(maxInputTokens=4096),
            engine(maxTotalTokens=4096),
            engine(dtype="float16"),
            engine(quantization="awq"),
        ],
    )
    def test_what_they_allow_is_allowed(self, spec: dict[str, Any]) -> None:
        assert check_spec(inputs(spec)) is None

    @pytest.mark.parametrize("name", ["a", "a-1", "a" * 48, "twin-2"])
    def test_a_name_that_is_allowed(self, name: str) -> None:
        assert check_spec(inputs(named(name))) is None

    @pytest.mark.parametrize("name", ["", "1a", "a-", "-a", "a.b", "A", "a" * 49, "a_b"])
    def test_a_name_that_is_not(self, name: str) -> None:
        problem = check_spec(inputs(named(name)))
        assert problem
        assert problem.finding.message == NAME_SHAPE

    @pytest.mark.parametrize(("timeout", "allowed"), [("59s", 0), ("60s", 1), ("1h", 1), ("3601s", 0), ("0s", 0)])
    def test_the_startup_timeout_is_one_that_sagemaker_allows(self, timeout: str, allowed: int) -> None:
        problem = check_spec(inputs({"rollout": {"startupTimeout": timeout}}))
        assert (problem is None) == bool(allowed)
        assert problem is None or "spec.rollout.startupTimeout" in problem.finding.message


class TestEnvironment:
    @pytest.mark.parametrize("name", sorted(OWN_VARIABLES))
    def test_what_other_fields_decide_cannot_be_set(self, name: str) -> None:
        problem = check_spec(
            inputs(engine(env=[{"name": "MAX_BATCH_SIZE", "value": "4"}, {"name": name, "value": ""}]))
        )
        assert problem
        assert problem.finding == Finding("InvalidSpec", f"spec.engine.env may not set {name}: {OWN_VARIABLES[name]}")

    @given(st.from_regex(r"hf_[A-Za-z0-9]{20,40}", fullmatch=True), st.sampled_from(["", " ", "Bearer ", "https://u:"]))
    def test_whatever_looks_like_a_token_is_refused_and_not_repeated(self, token: str, before: str) -> None:
        problem = check_spec(inputs(engine(env=[{"name": "EXTRA", "value": f"{before}{token}"}])))
        assert problem
        assert problem.finding.message.startswith("spec.engine.env sets EXTRA to something that looks like an access")
        assert token not in problem.finding.message

    @pytest.mark.parametrize("key", ["AKIAIOSFODNN7EXAMPLE", "ASIAIOSFODNN7EXAMPLE"])
    def test_so_is_an_access_key_of_aws(self, key: str) -> None:
        problem = check_spec(inputs(engine(env=[{"name": "EXTRA", "value": f"key={key}"}])))
        assert problem
        assert key not in problem.finding.message

    @pytest.mark.parametrize(
        ("name", "value"),
        [("SM_NUM_GPUS", "2"), ("MAX_BATCH_SIZE", "4"), ("hf_token", "1"), ("EXTRA", "hf_short"), ("EXTRA", "")],
    )
    def test_anything_else_may_be_set(self, name: str, value: str) -> None:
        assert check_spec(inputs(engine(env=[{"name": name, "value": value}]))) is None


class TestPlacementFixed:
    def test_before_anything_is_placed_all_is_open(self) -> None:
        assert check_placement_fixed(inputs(sagemaker(region="us-east-1"))) is None

    @pytest.mark.parametrize("spec", [None, sagemaker(endpointName=ENDPOINT), sagemaker(instanceType="ml.p5.48xlarge")])
    def test_what_stays_where_it_is_passes(self, spec: dict[str, Any] | None) -> None:
        assert check_placement_fixed(inputs(placed(spec))) is None

    @pytest.mark.parametrize(
        ("spec", "message"),
        [
            (sagemaker(region="us-east-1"), f"{REGION_FIXED} (it lives in {REGION})"),
            (sagemaker(endpointName="other"), f"{ENDPOINT_NAME_FIXED} (its endpoint is {ENDPOINT})"),
        ],
    )
    def test_region_and_name_of_the_endpoint_cannot_change(self, spec: dict[str, Any], message: str) -> None:
        problem = check_placement_fixed(inputs(placed(spec)))
        assert problem
        assert problem.finding == Finding("PlacementChanged", message)

    def test_a_name_that_was_given_cannot_be_taken_back(self) -> None:
        problem = check_placement_fixed(inputs(placed(endpoint_name="given")))
        assert problem
        assert problem.finding.message == f"{ENDPOINT_NAME_FIXED} (its endpoint is given)"

    def test_nor_can_the_account_of_the_credentials(self) -> None:
        problem = check_placement_fixed(inputs(placed(), account="999999999999"))
        assert problem
        assert problem.finding.reason == "PlacementChanged"
        assert "999999999999" in problem.finding.message
        assert ACCOUNT in problem.finding.message

    def test_an_account_that_is_not_known_yet_is_no_other_one(self) -> None:
        assert check_placement_fixed(inputs(placed(), account=None)) is None


class TestPlacementAllowed:
    def test_the_installation_must_allow_it(self) -> None:
        assert check_placement_allowed(inputs()) is None
        problem = check_placement_allowed(inputs(default_rule=NOTHING))
        assert problem
        assert problem.finding.reason == "PlacementNotAllowed"
        assert problem.finding.message.startswith(f"namespace ml may not use AWS account {ACCOUNT}")

    @pytest.mark.parametrize(
        ("rule", "field"),
        [
            (PlacementRule(("*",), ("*",), ("us-*",), ("*",)), f"region {REGION}"),
            (PlacementRule(("*",), ("*",), ("*",), ("arn:other",)), f"executionRoleArn {ROLE}"),
        ],
    )
    def test_the_message_names_the_field(self, rule: PlacementRule, field: str) -> None:
        problem = check_placement_allowed(inputs(default_rule=rule))
        assert problem
        assert f"spec.target.sageMaker.{field}" in problem.finding.message

    def test_an_account_that_is_not_known_yet_is_not_judged_but_the_rest_is(self) -> None:
        elsewhere = PlacementRule(("*",), ("999999999999",), ("*",), ("*",))
        assert check_placement_allowed(inputs(account=None, default_rule=elsewhere)) is None
        assert check_placement_allowed(inputs(default_rule=elsewhere))
        assert check_placement_allowed(inputs(account=None, default_rule=NOTHING))


class TestModel:
    def test_a_resolved_one_passes(self) -> None:
        assert check_model(inputs()) is None

    def test_a_missing_one_is_named(self) -> None:
        problem = check_model(inputs(model=None))
        assert problem
        assert problem.finding == Finding(
            "ModelVersionNotFound", "spec.modelRef: there is no ModelVersion twin in this namespace"
        )
        assert not problem.passing

    def test_one_that_is_not_resolved_yet_is_waited_for(self) -> None:
        problem = check_model(inputs(model=model_version(None)))
        assert problem
        assert (problem.finding.reason, problem.passing) == ("ModelVersionNotReady", True)

    def stalled(self, generation: int) -> ModelVersion:
        condition = {"type": "Stalled", "status": "True", "reason": "TokenInvalid", "message": "another token"}
        status = {"observedGeneration": 1, "conditions": [{**condition, "lastTransitionTime": timestamp(NOW)}]}
        return model_version(None, status=status, metadata=metadata(generation=generation))

    def test_one_that_is_stalled_says_why(self) -> None:
        problem = check_model(inputs(model=self.stalled(1)))
        assert problem
        assert problem.finding.message == "ModelVersion twin is not ready: TokenInvalid: another token"
        assert not problem.passing

    def test_what_an_older_generation_was_stalled_by_does_not_count(self) -> None:
        problem = check_model(inputs(model=self.stalled(2)))
        assert problem
        assert problem.passing


class TestWeights:
    @pytest.mark.parametrize("access", ["Gated", "Private"])
    def test_weights_that_need_a_token_cannot_be_reached(self, access: str) -> None:
        problem = check_weights(inputs(model=of_access(access)))
        assert problem
        assert problem.finding.reason == "WeightsNotReachable"
        assert problem.finding.message.startswith(f"{REPO} is {access.lower()}: ")

    def test_public_ones_can(self) -> None:
        assert check_weights(inputs(model=of_access("Public"))) is None

    @pytest.mark.parametrize("model", [None, model_version(None)])
    def test_of_a_model_that_is_not_known_nothing_is_said(self, model: ModelVersion | None) -> None:
        assert check_weights(inputs(model=model)) is None

    def test_the_answer_to_a_former_source_does_not_count(self) -> None:
        """Its source was changed to another repository, of which nothing is known yet."""
        changed = {"source": {"huggingFace": {"repo": "acme/public"}}}
        status = {"observedGeneration": 1, "resolved": resolved_json(A, access="Private")}
        model = model_version(None, changed, status=status, metadata=metadata(generation=2))
        found = checked(inputs(with_status(revision=RevisionStatus(serving=served(OLD))), model))
        assert found.problem
        assert found.problem.finding.reason == "ModelVersionNotReady"
        assert found.served == ServedModel(REPO, A, "twin")


class TestImage:
    def test_an_image_that_is_given_need_not_be_known(self) -> None:
        assert check_image(inputs()) is None

    @pytest.mark.parametrize(
        ("spec", "what"),
        [
            (engine(image=None, version="9.9.9"), "TGI 9.9.9 is not in the image catalogue"),
            ({**engine(image=None), **sagemaker(region="xx-nowhere-1")}, "not published in region xx-nowhere-1"),
            (
                {
                    **engine(image=None, name="vLLM", container="AWS", version="0.30.0"),
                    **sagemaker(region="us-gov-west-1"),
                },
                "versions there: 0.28.0, 0.27.1; regions with 0.30.0: af-south-1",
            ),
        ],
    )
    def test_one_that_is_not_known_is_an_invalid_spec_with_a_way_out(self, spec: dict[str, Any], what: str) -> None:
        problem = check_image(inputs(spec))
        assert problem
        assert problem.finding.reason == "InvalidSpec"
        assert what in problem.finding.message
        assert problem.finding.message.endswith("set spec.engine.image")


TOKEN_LIMITS = engine(image=None, version="9.9.9", maxInputTokens=2, maxTotalTokens=2)
IN_ORDER = ["InvalidSpec", "PlacementChanged", "WeightsNotReachable", "InvalidSpec", "PlacementNotAllowed"]


class TestOrder:
    @pytest.mark.parametrize("solved", range(5))
    def test_the_first_check_that_fails_gives_the_reason(self, solved: int) -> None:
        spec: dict[str, Any] = {**TOKEN_LIMITS, **sagemaker(region="us-east-1")}
        if solved > 0:
            spec["engine"] = {**spec["engine"], "maxTotalTokens": 3}
        if solved > 1:
            spec["target"] = {}
        model = of_access("Public" if solved > 2 else "Private")
        if solved > 3:
            spec["engine"] = {}
        found = checked(inputs(placed(spec), model, default_rule=NOTHING))
        assert found.served is None
        assert found.problem
        assert found.problem.finding.reason == IN_ORDER[solved]

    @pytest.mark.parametrize("model", [None, model_version(None)])
    def test_without_a_ready_model_what_serves_is_kept(self, model: ModelVersion | None) -> None:
        found = checked(inputs(with_status(revision=RevisionStatus(serving=served(OLD))), model))
        assert found.served == ServedModel(REPO, A, "twin")
        assert found.problem

    def test_without_a_ready_model_and_with_nothing_serving_nothing_is_done(self) -> None:
        found = checked(inputs(model=None))
        assert found.served is None
        assert found.problem

    def test_a_later_failure_weighs_more_than_a_model_that_is_not_ready(self) -> None:
        serving = with_status(revision=RevisionStatus(serving=served(OLD)))
        found = checked(inputs(serving, None, default_rule=NOTHING))
        assert found.served is None
        assert found.problem
        assert found.problem.finding.reason == "PlacementNotAllowed"

    def test_with_every_check_passed_the_resolved_commit_is_served(self) -> None:
        model = model_version(
            None,
            {"source": {"huggingFace": {"endpoint": "https://mirror.example"}}},
            status={"observedGeneration": 1, "resolved": resolved_json(B, endpoint="https://mirror.example")},
        )
        found = checked(inputs(model=model))
        assert found.problem is None
        assert found.served == ServedModel(REPO, B, "twin", "https://mirror.example")

    def test_the_installations_hub_is_told_where_the_model_names_none(self) -> None:
        found = checked(replace(inputs(), hub="https://mirror.example"))
        assert found.served == ServedModel(REPO, A, "twin", "https://mirror.example")


CATALOGUE = shipped()
TGI, VLLM = Container("TGI", "HuggingFace"), Container("vLLM", "HuggingFace")
NEWEST = CATALOGUE.image(TGI, CATALOGUE.latest(TGI, REGION), REGION).uri
OPEN = engine(image=None)


class TestImageOf:
    def test_the_specs_image_weighs_most(self) -> None:
        assert image_of(deployment(engine(version="3.2.0")), CATALOGUE) == IMAGE

    def test_then_the_specs_version(self) -> None:
        spec = engine(image=None, version="3.2.0")
        at = with_status(spec, revision=RevisionStatus(serving=served(OLD)))
        assert image_of(at, CATALOGUE) == CATALOGUE.image(TGI, "3.2.0", REGION).uri

    def test_a_version_left_open_stays_what_serves(self) -> None:
        at = with_status(OPEN, revision=RevisionStatus(serving=served(OLD, image="registry.example/tgi:old")))
        assert image_of(at, CATALOGUE) == "registry.example/tgi:old"

    @pytest.mark.parametrize(
        ("name", "container", "serving", "kept"),
        [
            ("vLLM", "HuggingFace", NEWEST, False),
            ("vLLM", "HuggingFace", "registry.example/tgi:old", False),
            ("vLLM", "HuggingFace", "registry.example/vllm:old", True),
            ("vLLM", "HuggingFace", "registry.example/own:old", True),
            ("vLLM", "HuggingFace", CATALOGUE.image(VLLM, "0.25.1", REGION).uri, True),
            ("vLLM", "AWS", CATALOGUE.image(VLLM, "0.25.1", REGION).uri, False),
            ("TGI", "HuggingFace", CATALOGUE.image(VLLM, "0.25.1", REGION).uri, False),
            ("TGI", "HuggingFace", "registry.example/vllm:old", False),
        ],
    )
    def test_but_not_where_another_container_is_wanted(
        self, name: str, container: str, serving: str, kept: bool
    ) -> None:
        spec = engine(image=None, name=name, container=container)
        at = with_status(spec, revision=RevisionStatus(serving=served(OLD, image=serving)))
        wants = Container(name, container)
        newest = CATALOGUE.image(wants, CATALOGUE.latest(wants, REGION), REGION).uri
        assert image_of(at, CATALOGUE) == (serving if kept else newest)

    def test_and_is_the_newest_at_first(self) -> None:
        assert image_of(deployment(OPEN), CATALOGUE) == NEWEST

    def test_the_newest_is_one_that_the_region_has(self) -> None:
        spec = {**engine(image=None, name="vLLM", container="AWS"), **sagemaker(region="us-gov-west-1")}
        assert "/vllm:0.28.0-" in image_of(deployment(spec), CATALOGUE)

    def test_what_is_not_known_is_refused(self) -> None:
        with pytest.raises(NotInCatalogue):
            image_of(deployment(engine(image=None, version="9.9.9")), CATALOGUE)

    @pytest.mark.parametrize(
        ("outcome", "serves", "image"),
        [
            (None, False, None),
            (None, True, "old"),
            ("InProgress", False, "new"),
            ("InProgress", True, "new"),
            ("Succeeded", True, "old"),
            ("Succeeded", False, "new"),
            ("Failed", True, "old"),
            ("Failed", False, None),
        ],
    )
    def test_the_image_in_use(self, outcome: str | None, serves: bool, image: str | None) -> None:
        status = DeploymentStatus(
            revision=RevisionStatus(serving=served(OLD, image="old") if serves else None),
            attempt=attempt(NEW, outcome, image="new") if outcome else None,
        )
        assert image_in_use(status) == image

    def test_an_image_whose_check_failed_runs_while_nothing_else_serves(self) -> None:
        failed = attempt(NEW, "Failed", reason="CheckFailed", image="new")
        assert image_in_use(DeploymentStatus(attempt=failed)) == "new"
        back = RevisionStatus(serving=served(OLD, image="old"))
        assert image_in_use(DeploymentStatus(attempt=failed, revision=back)) == "old"


class TestPlacementOf:
    def test_it_is_what_was_stored(self) -> None:
        assert placement_of(placed(sagemaker(region="us-east-1")), "999999999999") == PLACEMENT

    def test_or_else_what_the_spec_says(self) -> None:
        assert placement_of(deployment(), ACCOUNT) == PLACEMENT
        given_name = placement_of(deployment(sagemaker(endpointName="given")), ACCOUNT)
        assert given_name
        assert given_name.endpoint_name == "given"

    def test_or_nothing(self) -> None:
        assert placement_of(deployment({"target": {"sageMaker": None}}), ACCOUNT) is None


BUSY, STUCK = Finding("Updating", "at work"), Finding("RolloutFailed", "mend it")


def said(status: DeploymentStatus) -> dict[str, tuple[str, str]]:
    return {condition.type: (condition.status, condition.reason) for condition in status.conditions}


class TestConditions:
    @pytest.mark.parametrize(
        ("serves", "result", "expected"),
        [
            (False, Result(), {"Ready": ("False", "Starting")}),
            (False, Result(reconciling=BUSY), {"Ready": ("False", "Updating"), "Reconciling": ("True", "Updating")}),
            (False, Result(stalled=STUCK), {"Ready": ("False", "RolloutFailed"), "Stalled": ("True", "RolloutFailed")}),
            (True, Result(), {"Ready": ("True", "Serving")}),
            (True, Result(reconciling=BUSY), {"Ready": ("True", "Serving"), "Reconciling": ("True", "Updating")}),
            (True, Result(stalled=STUCK), {"Ready": ("True", "Serving"), "Stalled": ("True", "RolloutFailed")}),
            (
                True,
                Result(deleting=True),
                {"Ready": ("False", "Deleting"), "Reconciling": ("True", "Deleting")},
            ),
            (
                True,
                Result(deleting=True, reconciling=BUSY),
                {"Ready": ("False", "Updating"), "Reconciling": ("True", "Updating")},
            ),
            (
                True,
                Result(deleting=True, reconciling=BUSY, stalled=STUCK),
                {"Ready": ("False", "RolloutFailed"), "Stalled": ("True", "RolloutFailed")},
            ),
        ],
    )
    def test_each_state_of_the_readmes_table(
        self, serves: bool, result: Result, expected: dict[str, tuple[str, str]]
    ) -> None:
        at = with_status(revision=RevisionStatus(serving=served(OLD) if serves else None))
        assert said(next_status(at, result, NOW)) == expected

    def test_ready_names_the_commit(self) -> None:
        at = with_status(revision=RevisionStatus(serving=served(OLD)))
        (ready,) = next_status(at, Result(), NOW).conditions
        assert ready.message == f"{REPO} at {A} serves"

    def test_or_says_that_there_is_none(self) -> None:
        at = with_status(revision=RevisionStatus(serving=served(OLD, revision="unpinned")))
        (ready,) = next_status(at, Result(), NOW).conditions
        assert ready.message.startswith(f"{REPO} serves, at no pinned commit")


SEEN = Observation(endpoint=endpoint(OLD, desired_instances=2, current_instances=1))


class TestStatus:
    def before(self) -> Deployment:
        return with_status(
            placement=PLACEMENT,
            revision=RevisionStatus(desired=A, serving=served(OLD)),
            attempt=attempt(OLD, "Succeeded"),
            replicas=5,
            ready_replicas=4,
            image="registry.example/tgi:old",
        )

    def test_what_was_not_looked_at_stays_as_it_was(self) -> None:
        first = next_status(self.before(), Result(seen=SEEN), NOW)
        again = next_status(self.before().model_copy(update={"status": first}), Result(), LATER)
        assert again == first

    def test_what_was_seen_is_told(self) -> None:
        status = next_status(self.before(), Result(seen=SEEN, image=IMAGE), NOW)
        assert (status.replicas, status.ready_replicas, status.image) == (2, 1, IMAGE)
        assert status.endpoint
        assert status.endpoint.to_api() == {
            "name": ENDPOINT,
            "arn": f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:endpoint/{ENDPOINT}",
            "lastModified": endpoint().last_modified,
            "url": f"https://runtime.sagemaker.{REGION}.amazonaws.com/endpoints/{ENDPOINT}/openai/v1",
        }

    def test_an_endpoint_that_is_gone_has_no_instances(self) -> None:
        status = next_status(self.before(), Result(seen=Observation(None)), NOW)
        assert (status.endpoint, status.replicas, status.ready_replicas) == (None, 0, 0)

    def test_what_must_be_remembered_is_kept_until_it_is_replaced(self) -> None:
        kept = next_status(self.before(), Result(), NOW)
        assert (kept.placement, kept.attempt, kept.image) == (
            PLACEMENT,
            attempt(OLD, "Succeeded"),
            "registry.example/tgi:old",
        )
        elsewhere = PLACEMENT.model_copy(update={"region": "us-east-1"})
        replaced = next_status(self.before(), Result(placement=elsewhere, attempt=attempt(NEW)), NOW)
        assert (replaced.placement, replaced.attempt) == (elsewhere, attempt(NEW))

    def test_a_change_of_the_count_is_forgotten_by_a_plan_alone(self) -> None:
        known = Scaling(instances=3, config=OLD.config.name, endpoint_modified="then", failures=2)
        before = with_status(scaling=known)
        assert next_status(before, Result(), NOW).scaling == known
        assert next_status(before, Result(config=OLD.config.name, scaling=known), NOW).scaling == known
        assert next_status(before, Result(config=OLD.config.name), NOW).scaling is None
        assert next_status(before, Result(removed=True), NOW).scaling is None

    def test_it_answers_the_generation_of_the_spec(self) -> None:
        status = next_status(deployment(metadata=metadata(generation=9)), Result(), NOW)
        assert status.observed_generation == 9
        assert {condition.observed_generation for condition in status.conditions} == {9}

    @given(
        st.sampled_from([None, SEEN, Observation(None)]),
        st.sampled_from([None, attempt(NEW), attempt(NEW, "Failed"), attempt(OLD, "Succeeded")]),
        st.sampled_from([None, BUSY]),
        st.sampled_from([None, STUCK]),
        st.sampled_from([None, RevisionStatus(serving=served(NEW), previous=served(OLD))]),
        st.booleans(),
    )
    def test_the_same_result_again_writes_nothing(
        self,
        seen: Observation | None,
        tried: Any,
        reconciling: Finding | None,
        stalled: Finding | None,
        revision: RevisionStatus | None,
        deleting: bool,
    ) -> None:
        result = Result(
            seen=seen,
            attempt=tried,
            reconciling=reconciling,
            stalled=stalled,
            revision=revision,
            deleting=deleting,
        )
        first = next_status(self.before(), result, NOW)
        assert next_status(self.before().model_copy(update={"status": first}), result, LATER) == first
