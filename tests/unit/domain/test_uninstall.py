"""What an uninstallation would leave behind, and what is said about it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.api.v1alpha1 import FINALIZER
from slipway.domain.uninstall import Held, held, refusal, unseen

PLACEMENT = {"target": "SageMaker", "account": "111122223333", "region": "eu-central-1", "endpointName": "ml-twin"}


def deployment(name: str = "twin", namespace: str = "ml", *, finalizers: list[str] | None = None, **more: Any) -> Any:
    metadata = {"name": name, "namespace": namespace, "finalizers": [FINALIZER] if finalizers is None else finalizers}
    return {"metadata": {**metadata, **more.pop("metadata", {})}, "spec": {}, **more}


class TestWhatIsHeld:
    def test_what_the_operator_has_to_let_go(self) -> None:
        found = held([deployment(status={"placement": PLACEMENT})])
        assert found == [Held("ml", "twin", "ml-twin", "111122223333", "eu-central-1")]

    @pytest.mark.parametrize("finalizers", [[], ["foregroundDeletion"], ["example.com/ours"]])
    def test_what_it_has_nothing_to_do_with_is_not(self, finalizers: list[str]) -> None:
        assert held([deployment(finalizers=finalizers)]) == []

    def test_an_object_in_the_cluster_has_no_finalizer_at_all(self) -> None:
        raw = deployment(status={"placement": {"target": "Cluster"}})
        del raw["metadata"]["finalizers"]
        assert held([raw]) == []

    def test_one_whose_spec_has_become_invalid_counts(self) -> None:
        assert held([{**deployment(), "spec": {"gibberish": 1}}]) == [Held("ml", "twin")]

    def test_retained_and_deleting(self) -> None:
        raw = deployment(spec={"deletionPolicy": "Retain"}, metadata={"deletionTimestamp": "2026-11-22T04:45:08Z"})
        assert held([raw]) == [Held("ml", "twin", retained=True, deleting=True)]

    def test_the_order_is_that_of_the_names(self) -> None:
        objects = [deployment("b"), deployment("a"), deployment("z", "alpha")]
        assert [(each.namespace, each.name) for each in held(objects)] == [("alpha", "z"), ("ml", "a"), ("ml", "b")]


class TestRefusal:
    def test_nothing_in_the_way(self) -> None:
        assert refusal([]) is None

    def test_it_says_what_where_and_how_to_go_on(self) -> None:
        one = Held("ml", "twin", "ml-twin", "111122223333", "eu-central-1")
        other = Held("qa", "judge", retained=True, deleting=True)
        text = refusal([one, other], "helm rollback slipway 3 --namespace slipway")
        assert text == (
            "2 Deployments of slipway.dev have something on SageMaker that only a running operator can remove:\n"
            "\n"
            "  ml/twin: endpoint ml-twin in eu-central-1, account 111122223333\n"
            "  qa/judge: nothing known to have been made yet (Retain, is being deleted)\n"
            "\n"
            "Nothing was uninstalled. Delete them first, and uninstall again when they are gone:\n"
            "\n"
            "  kubectl delete deployments.slipway.dev -n ml twin\n"
            "  kubectl delete deployments.slipway.dev -n qa judge\n"
            "\n"
            "To keep the release instead, which Helm does not upgrade as it is now: "
            "helm rollback slipway 3 --namespace slipway\n"
            "\n"
            "If an endpoint is to go on serving without Slipway, set spec.deletionPolicy to Retain before you delete.\n"
            "To uninstall all the same: helm uninstall --no-hooks. Endpoints then go on serving and being billed, and "
            "the\n"
            "objects cannot be deleted until an operator with the same setting `installation` is installed again, or "
            "the\n"
            "finalizer slipway.dev/finalizer is taken away by hand: docs/uninstall.md has both."
        )

    def test_one_is_one_and_without_helm_there_is_nothing_to_keep(self) -> None:
        text = refusal([Held("ml", "twin")])
        assert text is not None
        assert text.startswith("1 Deployment of slipway.dev has something on SageMaker")
        assert "rollback" not in text

    @given(st.integers(1, 200))
    def test_however_many_there_are_it_stays_readable_and_none_is_forgotten(self, count: int) -> None:
        text = refusal([Held("ml", f"twin-{number:03}") for number in range(count)])
        assert text is not None
        lines = text.splitlines()
        shown = [line for line in lines if line.startswith("  ml/")]
        assert len(shown) == min(count, 50)
        assert (f"  and {count - 50} more" in lines) == (count > 50)
        (command,) = [line for line in lines if "kubectl delete" in line]
        assert (
            command.endswith(" --all  # also those in the cluster") if count > 50 else command.count("twin-") == count
        )


def test_who_could_not_look_says_how_to_look_and_how_to_keep_the_release() -> None:
    """Helm calls it `uninstalling` then, too."""
    text = unseen("helm rollback slipway 3 --namespace slipway")
    for words in ("kubectl get deployments.slipway.dev --all-namespaces", "helm uninstall --no-hooks"):
        assert words in text
    assert text.endswith("helm rollback slipway 3 --namespace slipway")
    assert "rollback" not in unseen()
