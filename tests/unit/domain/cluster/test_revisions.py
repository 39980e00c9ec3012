"""What makes another revision, and what does not."""

from typing import Any

import pytest

from tests.unit.domain.cluster.specs import CACHE, COMMIT, SERVED, TOKEN, spec, wanted


def revision(of: Any, **arguments: Any) -> str:
    return wanted(of, **arguments).revision


@pytest.mark.parametrize(
    "other",
    [
        spec({"version": "0.30.0"}),
        spec({"maxTotalTokens": 4096}),
        spec({"env": [{"name": "X", "value": "1"}]}),
        spec(cluster={"gpus": 2}),
        spec(cluster={"cache": CACHE}),
        spec(cluster={"memory": "17Gi"}),
        spec(rollout={"startupTimeout": "20m"}),
        spec(cluster={"podTemplate": {"metadata": {"labels": {"a": "b"}}}}),
        spec(cluster={"podTemplate": {"spec": {"priorityClassName": "high"}}}),
    ],
)
def test_what_the_pods_would_notice_is_another_revision(other: Any) -> None:
    assert revision(other) != revision(spec())


def test_another_commit_or_token_is_another_revision() -> None:
    other = SERVED.__class__("acme/twin", "c" * 40, "twin")
    assert len({revision(spec()), revision(spec(), served=other), revision(spec(), token=TOKEN)}) == 3


@pytest.mark.parametrize(
    "same",
    [
        spec(replicas=3),
        spec(rollout={"strategy": "Recreate"}),
        spec(cluster={"network": {"ingressFrom": []}}),
        spec(drift="Report"),
        spec(expireAfter="1h"),
    ],
)
def test_what_the_pods_would_not_notice_is_the_same_revision(same: Any) -> None:
    assert revision(same) == revision(spec())


def test_the_revision_is_in_its_name_its_selector_and_its_pods() -> None:
    found = wanted(spec())
    workload = found.workload
    assert workload["metadata"]["name"] == f"twin-{found.revision}"
    assert len(found.revision) == 10
    selector = workload["spec"]["selector"]["matchLabels"]
    assert selector == {"slipway.dev/deployment": "twin", "slipway.dev/revision": found.revision}
    assert selector.items() <= workload["spec"]["template"]["metadata"]["labels"].items()
    assert COMMIT in workload["metadata"]["annotations"]["slipway.dev/served"]


def test_an_edit_by_somebody_else_needs_no_gpu_to_spare() -> None:
    strategy = wanted(spec()).workload["spec"]["strategy"]
    assert strategy["rollingUpdate"] == {"maxSurge": 0, "maxUnavailable": 1}
