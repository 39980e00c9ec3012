"""What comes of a spec, in files that people can read, valid for every Kubernetes that counts.

`golden_files` says how they are written anew. The revisions are never written anew: see `test_revisions`.
"""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import kubernetes_validate
import pytest
from kubernetes_validate import utils

from slipway.domain.cluster import marks
from slipway.domain.cluster.marks import Manifest
from slipway.domain.cluster.subject import content_of, marked
from tests.unit.domain.cluster.golden_files import CASES, REVISIONS, WRITE, Case, manifests, readable
from tests.unit.domain.cluster.pod_security import violations

VERSIONS = [f"1.{minor}" for minor in range(25, 38)]
NOT_BUILT_IN = {"HTTPRoute", "InferencePool", "PodMonitor", "ServiceMonitor", "ScaledObject"}
"""Kinds of CRDs, whose schemas are not Kubernetes' own."""

by_name = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def everything() -> Iterator[tuple[str, Manifest]]:
    for case in CASES:
        for manifest in manifests(case.wanted()):
            yield case.name, manifest


@by_name
def test_a_spec_gives_these_manifests(case: Case) -> None:
    found = manifests(case.wanted())
    if WRITE:
        case.write(found)
    assert case.documents[2:] == [readable(manifest) for manifest in found]


def test_there_are_enough_of_them() -> None:
    assert len(CASES) >= 12


@pytest.fixture(scope="module")
def validate() -> Iterator[Any]:
    """kubernetes_validate, which would read a file of 2 MB again for each of some thousand manifests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(utils, "schema_contents", cache(utils.schema_contents))
        yield kubernetes_validate.validate


@pytest.mark.parametrize("version", VERSIONS)
def test_every_manifest_is_valid(version: str, validate: Any) -> None:
    """Strictly: a field that a version does not know would make the apply fail there."""
    for name, manifest in everything():
        if manifest["kind"] in NOT_BUILT_IN:
            continue
        assert validate(manifest, version, strict=True) == version, (name, manifest["kind"])


@pytest.mark.parametrize("version", VERSIONS)
def test_a_field_that_does_not_exist_is_no_valid_one(version: str, validate: Any) -> None:
    """The check above is able to fail, in each version."""
    manifest = manifests(CASES[0].wanted())[0]
    manifest["spec"]["template"]["spec"]["containers"][0]["gpus"] = 1
    with pytest.raises(kubernetes_validate.ValidationError, match="gpus"):
        validate(manifest, version, strict=True)


@by_name
def test_every_pod_fulfils_the_restricted_profile(case: Case) -> None:
    templates = [m["spec"]["template"] for m in manifests(case.wanted()) if m["kind"] in ("Deployment", "Job")]
    assert [violations(template) for template in templates] == [[] for _ in templates]


def test_everything_is_owned_found_and_marked() -> None:
    for name, manifest in everything():
        metadata = manifest["metadata"]
        assert [owner["uid"] for owner in metadata["ownerReferences"]] == ["7d3c0a52-5a0e-4f0b-9d0c-3f6f0f3b7a11"], name
        assert metadata["labels"][marks.DEPLOYMENT_LABEL] == "twin"
        assert metadata["namespace"] == "ml"
        assert content_of(manifest) == content_of(marked(manifest))


def test_replicas_are_in_no_manifest() -> None:
    """An apply that once held them, and does no more, would set them back to 1."""
    assert not [name for name, manifest in everything() if "replicas" in (manifest.get("spec") or {})]


def test_a_token_is_nowhere_but_in_a_reference_to_a_secret() -> None:
    def variables(value: Any) -> Iterator[Mapping[str, Any]]:
        if isinstance(value, dict):
            yield from [entry for entry in value.get("env") or [] if entry["name"] == "HF_TOKEN"]
            for inner in value.values():
                yield from variables(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from variables(inner)

    found = [variable for _, manifest in everything() for variable in variables(manifest)]
    assert found
    assert all(variable.keys() == {"name", "valueFrom"} for variable in found)


def test_revisions() -> None:
    """An upgrade of the operator rolls nothing: a revision is the digest of a pod template, and one that serves
    nothing yet is rolled out. If this fails, every pod of every user would be replaced when the operator is upgraded.

    Do not make the file follow the code. Leave a new field out of the template while it is not set. Only a new case
    adds a line; a template that must change for everybody is a decision of its own.
    """
    known = json.loads(REVISIONS.read_text()) if REVISIONS.exists() else {}
    found = {case.name: case.wanted().revision for case in CASES}
    if WRITE and found.keys() - known.keys():
        known = {**found, **known}
        REVISIONS.write_text(json.dumps(known, indent=2, sort_keys=True) + "\n")
    assert found == known


def test_only_what_the_pods_do_not_notice_is_the_same_revision() -> None:
    """Of these specs, two differ in their NetworkPolicy alone."""
    revisions: dict[str, list[str]] = {}
    for case in CASES:
        revisions.setdefault(case.wanted().revision, []).append(case.name)
    assert [{*names} for names in revisions.values() if len(names) > 1] == [{"vllm", "vllm-network"}]
