"""What Slipway makes is never taken for what Git asks for, whatever way Argo CD tracks its resources.

Argo CD counts an object to an Application by the annotation argocd.argoproj.io/tracking-id, or (the default before 3.0,
and still a choice) by a label, mostly app.kubernetes.io/instance; and only where the object has no owner:
`isRoot && appName != ""` in https://github.com/argoproj/argo-cd/blob/master/controller/cache/cache.go. Ours carry that
label, with the name of the Deployment, which may well be that of an Application, too. What would be counted to it and
is not in Git would be pruned.
https://argo-cd.readthedocs.io/en/stable/user-guide/resource_tracking/
"""

import json

import pytest

from slipway.domain.cluster.marks import Manifest
from tests.unit.domain.builders import A, B, Json, merged
from tests.unit.reconcilers.harness import SDEP
from tests.unit.reconcilers.test_cluster import Life

TRACKED = {
    "labels": {"app.kubernetes.io/instance": "an-application", "argocd.argoproj.io/instance": "an-application"},
    "annotations": {
        "argocd.argoproj.io/tracking-id": "an-application:slipway.dev/Deployment:ml/twin",
        "argocd.argoproj.io/sync-wave": "1",
        "argocd.argoproj.io/sync-options": "Prune=confirm",
        "kubectl.kubernetes.io/last-applied-configuration": "{}",
    },
}
"""What Argo CD puts on the objects of an Application, and people on those in their Git."""
EVERYTHING: Json = {
    "sageMaker": None,
    "cluster": {
        "gpus": 1,
        "cache": {"size": "10Gi"},
        "expose": {"httpRoute": {"parentRefs": [{"name": "edge"}], "hostnames": ["twin.example.com"]}},
    },
}


@pytest.fixture(scope="module")
def made() -> list[Manifest]:
    """Everything that is made for a Deployment which Argo CD has applied, in a roll."""
    life = Life()
    life.begin(A, target=EVERYTHING, replicas=None, autoscaling={"provider": "HPA", "maxReplicas": 3})
    life.kube.put(SDEP, merged(life.kube.objects[SDEP], {"metadata": TRACKED}))
    life.rest()
    life.resolve(B)
    for _ in range(12):
        life.deliver()
        life.one_pass()
        life.cluster.nodes.settle()
    return [step.manifest for step in life.cluster.steps if hasattr(step, "manifest")] + list(
        life.kube.secrets.values()
    )


def test_all_kinds_are_among_them(made: list[Manifest]) -> None:
    kinds = {manifest["kind"] for manifest in made}
    assert kinds >= {
        "Deployment", "Service", "ServiceAccount", "NetworkPolicy", "PodDisruptionBudget", "PersistentVolumeClaim",
        "Job", "HTTPRoute", "HorizontalPodAutoscaler", "Secret",
    }  # fmt: skip


def test_each_has_an_owner_so_that_it_is_no_root(made: list[Manifest]) -> None:
    for manifest in made:
        owners = manifest["metadata"].get("ownerReferences", [])
        assert [(owner["kind"], owner["name"]) for owner in owners] == [("Deployment", "twin")], manifest["kind"]
        assert owners[0]["apiVersion"].startswith("slipway.dev/")


def test_none_inherits_what_argo_cd_put_on_the_deployment(made: list[Manifest]) -> None:
    for manifest in made:
        text = json.dumps(manifest)
        assert "argocd.argoproj.io" not in text
        assert "an-application" not in text
        assert "last-applied-configuration" not in text
