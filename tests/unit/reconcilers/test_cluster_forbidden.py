"""What is optional and may not be listed holds up nothing, and is said where the spec asks for it."""

from typing import Any

import pytest

from slipway.domain.cluster.marks import canary_name
from slipway.domain.cluster.optional import APIS
from tests.testbed.fakes.kube_objects import Place
from tests.unit.domain.builders import A, B
from tests.unit.reconcilers.test_cluster import CHECK
from tests.unit.reconcilers.test_cluster_readiness import Watched
from tests.unit.reconcilers.test_cluster_refusals import GOOD, ROUTE, routed, until_quiet

STEPS = {"shift": "Canary", "stepPercent": 25, "stepInterval": "1h", "terminationWait": "1s"}


def begun(*forbidden: str, **spec: Any) -> Watched:
    life = Watched()
    life.cluster.forbids = set(forbidden)
    life.begin(**spec)
    until_quiet(life)
    return life


def test_nobody_is_told_of_rights_that_nobody_needs() -> None:
    life = begun(*APIS, rollout=CHECK)
    assert life.reasons() == {"Ready": "Serving"}
    life.resolve(B)
    until_quiet(life)
    assert life.reasons() == {"Ready": "Serving"}
    assert life.live.status.revision.serving
    assert life.live.status.revision.serving.revision == B


def test_what_is_asked_for_is_named_with_the_right_and_the_model_serves() -> None:
    life = begun(*APIS, target=routed(GOOD, monitoring={"kind": "PodMonitor"}))
    assert life.reasons() == {"Ready": "Serving", "OptionalRefused": "OptionalRefused"}
    message = life.message("OptionalRefused")
    for kind, field in {"HTTPRoute": "expose.httpRoute", "PodMonitor": "monitoring"}.items():
        assert f"{kind} twin (spec.target.cluster.{field})" in message
        assert f'cannot list resource "{APIS[kind].plural}" in API group "{APIS[kind].group}"' in message
    assert "ScaledObject" not in message
    assert life.cluster.objects.get(ROUTE) is None


def test_at_rest_it_costs_no_write() -> None:
    life = begun("HTTPRoute", target=routed(GOOD))
    before = life.kube.writes
    life.some_passes(5)
    assert life.kube.writes == before


def test_a_right_that_is_given_is_used_and_the_warning_ends() -> None:
    life = begun("HTTPRoute", target=routed(GOOD))
    life.cluster.forbids.clear()
    until_quiet(life)
    assert life.reasons() == {"Ready": "Serving"}
    assert life.cluster.objects.get(ROUTE)


def test_a_right_that_is_taken_away_leaves_everything_as_it_is() -> None:
    life = Watched().serve(target=routed(GOOD))
    url, route = life.live.status.endpoint, life.cluster.objects.get(ROUTE)
    life.cluster.forbids = {"HTTPRoute"}
    until_quiet(life)
    assert life.reasons() == {"Ready": "Serving", "OptionalRefused": "OptionalRefused"}
    assert life.live.status.endpoint == url
    assert life.cluster.objects.get(ROUTE) == route


def test_an_autoscaler_that_may_not_be_listed_leaves_the_count_alone() -> None:
    scaled = {"provider": "HPA", "minReplicas": 2, "maxReplicas": 5}
    life = begun("HorizontalPodAutoscaler", replicas=None, autoscaling=scaled)
    life.resolve(B)
    until_quiet(life)
    assert life.reasons() == {"Ready": "Serving", "OptionalRefused": "OptionalRefused"}
    assert "spec.autoscaling" in life.message("OptionalRefused")
    assert life.live.status.ready_replicas == 2


def test_a_route_that_leads_to_a_canary_and_cannot_be_seen_any_more_stops_the_roll_where_it_is() -> None:
    life = Watched().serve(target=routed(GOOD), rollout={"blueGreen": STEPS})
    life.resolve(B)
    for _ in range(20):
        life.some_passes()
        life.cluster.nodes.settle()
    assert life.cluster.objects.get(Place("ml", "Service", canary_name("twin")))
    life.cluster.forbids = {"HTTPRoute"}
    steps = len(life.cluster.steps)
    life.clock.seconds += 7200
    life.some_passes(3)
    assert life.reasons()["Stalled"] == "ApiServerRefused"
    assert 'cannot list resource "httproutes"' in life.message("Stalled")
    assert life.reasons()["Ready"] == "Serving"
    assert len(life.cluster.steps) == steps
    life.cluster.forbids.clear()
    life.clock.seconds += 400
    until_quiet(life, 200)
    assert life.reasons() == {"Ready": "Serving"}
    assert life.live.status.revision.serving
    assert life.live.status.revision.serving.revision == B


@pytest.mark.parametrize("kind", ["Deployment", "Service", "Job", "NetworkPolicy"])
def test_any_other_right_is_needed(kind: str) -> None:
    life = Watched().serve()
    life.cluster.forbids = {kind}
    life.edit(replicas=3)
    life.some_passes(2)
    assert life.reasons() == {"Ready": "Serving", "Stalled": "ApiServerRefused"}
    assert "cannot list resource" in life.message("Stalled")
    assert life.live.status.revision.serving
    assert life.live.status.revision.serving.revision == A


def test_what_has_expired_goes_although_its_route_cannot_be_seen() -> None:
    life = Watched().serve(target=routed(GOOD))
    life.cluster.forbids = set(APIS)
    life.clock.seconds += 4000
    life.edit(expireAfter="1h")
    for _ in range(10):
        life.some_passes()
        life.cluster.nodes.settle()
        life.clock.seconds += 400
    assert not life.cluster.pods("ml")
