"""The kinds of the cluster target, each in one version."""

import pytest

from slipway.domain.cluster.apis import AUTOSCALER, BY_KIND, DEPLOYMENT, SERVICE, WATCHED, api_of


def test_a_manifest_is_found_by_its_version_and_kind() -> None:
    assert api_of({"apiVersion": "apps/v1", "kind": "Deployment"}) is DEPLOYMENT
    assert api_of({"apiVersion": "v1", "kind": "Service"}) is SERVICE
    assert api_of({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler"}) is AUTOSCALER


@pytest.mark.parametrize(
    ("version", "kind"),
    [
        ("autoscaling/v2beta2", "HorizontalPodAutoscaler"),
        ("policy/v1beta1", "PodDisruptionBudget"),
        ("slipway.dev/v1alpha1", "Deployment"),
        ("v1", "Secret"),
    ],
)
def test_another_version_is_never_used_in_its_place(version: str, kind: str) -> None:
    with pytest.raises(ValueError, match=kind):
        api_of({"apiVersion": version, "kind": kind})


def test_what_is_watched_is_always_there() -> None:
    assert {api.group for api in WATCHED} <= {"", "apps", "batch"}
    assert all(BY_KIND[api.kind] is api for api in WATCHED)
