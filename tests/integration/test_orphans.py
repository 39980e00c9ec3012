"""What nobody looks after any more: reported, and removed where the installation says so."""

from typing import Any

import pytest

from slipway.domain.names import Owner, content_name
from tests.testbed.cluster import Object
from tests.testbed.operator_process import OperatorProcess
from tests.testbed.workbench import INSTALLATION, REGION, Workbench

QUICK = {"orphan_sweep": 0.5, "orphan_grace": 2.0, "aws_requests_per_second": 2000}
"""A search every half second, twenty calls a second."""
KINDS = ("endpoint", "endpoint-config", "model")


def seed(bench: Workbench, owner: Owner, endpoint: str, **tags: str) -> None:
    """An endpoint with its config and model, as this owner would have made them."""
    bench.sagemaker.seed(
        [endpoint],
        tags={**owner.tags(), **tags},
        model_name=lambda name: content_name(owner, [name, "model"]),
        config_name=lambda name: content_name(owner, [name, "config"]),
    )


def orphans(bench: Workbench, operator: OperatorProcess, state: str = "orphaned") -> list[float]:
    """The metric, by kind."""
    return [bench.metric(operator, "slipway_orphans", kind=kind, region=REGION, state=state) for kind in KINDS]


def said(bench: Workbench) -> list[Object]:
    return [event for event in bench.cluster.list("Event", bench.namespace) if event["reason"] == "Orphaned"]


def searches(bench: Workbench, operator: OperatorProcess) -> float:
    return bench.metric(operator, "slipway_orphan_sweeps_total", region=REGION, outcome="ok")


def wait_searches(bench: Workbench, operator: OperatorProcess, more: int) -> None:
    """Until so many further searches have come to their end."""
    before = searches(bench, operator)
    bench.wait(lambda: searches(bench, operator) >= before + more, f"{more} searches for orphans")


def abandon(bench: Workbench) -> None:
    """What people do to a deletion that does not end: take the finalizer away, with no operator running."""
    bench.cluster.delete("Deployment", bench.namespace, "twin")
    bench.cluster.patch("Deployment", bench.namespace, "twin", {"metadata": {"finalizers": None}})
    bench.wait_gone("Deployment")


@pytest.fixture
def abandoned(bench: Workbench, commit: str) -> Workbench:
    """An endpoint serves, and its Deployment is gone."""
    with bench.operator():
        bench.model_version()
        bench.deployment()
        bench.wait_serving(commit)
    abandon(bench)
    assert bench.sagemaker.status(bench.endpoint) == "InService"
    return bench


def test_what_was_left_is_reported_once_and_not_touched(abandoned: Workbench) -> None:
    bench, before = abandoned, abandoned.sagemaker.resources()
    with bench.operator(**QUICK) as operator:
        bench.wait(lambda: orphans(bench, operator) == [1, 1, 1], "three orphans")
        (event,) = bench.wait(lambda: said(bench), "an event")
        assert event["type"] == "Warning"
        assert event["involvedObject"]["name"] == "twin"
        assert all(resource.name in event["message"] for resource in before)
        wait_searches(bench, operator, 8)
        assert len(said(bench)) == 1
        assert operator.log.read_text().count('"Orphaned: ') == 1
    assert bench.sagemaker.resources() == before


def test_a_deployment_that_is_created_again_claims_it(abandoned: Workbench, commit: str) -> None:
    bench = abandoned
    endpoint = [r.arn for r in bench.sagemaker.resources()]
    with bench.operator(**QUICK, orphans="Report") as operator:
        bench.wait(lambda: orphans(bench, operator) == [1, 1, 1], "three orphans")
        bench.deployment()
        bench.wait_serving(commit)
        bench.wait(lambda: orphans(bench, operator) == [0, 0, 0], "no orphan")
    assert [r.arn for r in bench.sagemaker.resources()] == endpoint


def test_where_the_installation_says_so_it_is_removed_and_nothing_else_is(abandoned: Workbench, commit: str) -> None:
    bench = abandoned
    dead = Owner(INSTALLATION, bench.namespace, "another", "uid-1")
    seed(bench, Owner("somebody-else", bench.namespace, "another", "uid-1"), "not-ours")
    seed(bench, Owner(INSTALLATION, "not-watched", "another", "uid-1"), "not-watched")
    seed(bench, dead, "kept", **{"slipway.dev/retained": "kept"})
    bench.sagemaker.seed(["untagged"], model_name=lambda name: f"slw-{name}", config_name=lambda name: f"slw-{name}")
    kept = bench.sagemaker.resources()
    mine = [r for r in kept if r.tags.get("slipway.dev/name") == "twin"]
    bench.sagemaker.clear_calls()
    with bench.operator(**QUICK, orphans="Delete") as operator:
        bench.deployment("living")
        bench.wait_serving(commit, "living")
        living = [r for r in bench.sagemaker.resources() if r.tags.get("slipway.dev/name") == "living"]
        bench.wait(lambda: not [r for r in mine if r in bench.sagemaker.resources()], "removed")
        bench.wait(lambda: orphans(bench, operator) == [0, 0, 0], "no orphan")
        assert orphans(bench, operator, "retained") == [1, 1, 1]
        wait_searches(bench, operator, 8)
        assert bench.serving("living") == commit
    assert sorted(r.arn for r in bench.sagemaker.resources()) == sorted(
        r.arn for r in [*kept, *living] if r not in mine
    )
    deletions = [call.operation for call in bench.sagemaker.mutations() if call.operation.startswith("Delete")]
    assert deletions == ["DeleteEndpoint", "DeleteEndpointConfig", "DeleteModel"]


def test_an_orphan_in_motion_waits(abandoned: Workbench) -> None:
    bench = abandoned
    bench.sagemaker.set_status(bench.endpoint, "SystemUpdating")
    with bench.operator(**{**QUICK, "orphan_grace": 0.0}, orphans="Delete") as operator:
        bench.wait(lambda: orphans(bench, operator) == [1, 1, 1], "three orphans")
        wait_searches(bench, operator, 6)
        assert bench.sagemaker.status(bench.endpoint) == "SystemUpdating"
        bench.sagemaker.set_status(bench.endpoint, "InService")
        bench.wait(lambda: bench.sagemaker.resources() == [], "everything is removed")


def test_where_the_search_is_refused_everything_else_goes_on(bench: Workbench, commit: str) -> None:
    refused = ("AccessDeniedException", "not authorized to perform: sagemaker:ListModels", 400)
    of_the_search = {"NameContains": "slw-"}
    bench.sagemaker.fail(
        "ListModels", times=None, error=refused, match=lambda asked: of_the_search.items() <= asked.items()
    )
    settings: dict[str, Any] = {**QUICK, "aws_regions": [REGION, "us-east-1"]}
    with bench.operator(**settings) as operator:
        bench.wait(
            lambda: all(
                bench.metric(operator, "slipway_orphan_sweeps_total", region=region, outcome="AccessDenied") >= 3
                for region in settings["aws_regions"]
            ),
            "refused in both regions",
        )
        bench.model_version()
        bench.deployment()
        bench.wait_serving(commit)
        assert operator.is_running
        bench.sagemaker.clear_faults()
        wait_searches(bench, operator, 2)
        assert operator.log.read_text().count("orphans cannot be searched for in us-east-1") == 1
