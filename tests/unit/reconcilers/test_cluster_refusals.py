"""What the API server refuses of what is optional holds up nothing else, is said, and is not asked for without end."""

from typing import Any

import pytest

from slipway.domain.cluster.marks import Manifest
from slipway.domain.cluster.optional import APIS
from slipway.domain.cluster.optional.refusals import FIELDS
from slipway.domain.cluster.rolls.steps import Delete, Scale, Step
from slipway.domain.errors import Rejected, Transient
from tests.testbed.fakes.kube_objects import Place
from tests.unit.domain.builders import A, B
from tests.unit.reconcilers.test_cluster import CHECK
from tests.unit.reconcilers.test_cluster_readiness import Watched

BAD, GOOD = "bad.example.com", "good.example.com"
ROUTE = Place("ml", "HTTPRoute", "twin")


def routed(host: str | None = BAD, **cluster: Any) -> dict[str, Any]:
    """A target with a route, or without."""
    route = {"parentRefs": [{"name": "gateway"}], "hostnames": [host]} if host else None
    return {"sageMaker": None, "cluster": {"gpus": 1, "expose": {"httpRoute": route}, **cluster}}


def no_bad_host(manifest: Manifest) -> str | None:
    hosts = manifest["spec"].get("hostnames", []) if manifest["kind"] == "HTTPRoute" else []
    return f"the host {BAD} is somebody else's" if BAD in hosts else None


def begun(**spec: Any) -> Watched:
    """A Deployment whose route is denied."""
    life = Watched()
    life.cluster.denies = no_bad_host
    life.begin(**{"target": routed(), **spec})
    until_quiet(life)
    return life


def until_quiet(life: Watched, limit: int = 60) -> None:
    """Passes until three in a row write nothing and try nothing; no time passes but what stages wait for."""
    quiet = 0
    for _ in range(limit):
        before = acts(life)
        life.some_passes()
        life.cluster.nodes.settle()
        rolls = life.reasons().get("Reconciling") is not None
        quiet = quiet + 1 if acts(life) == before and not rolls else 0
        if quiet == 3:
            return
        life.clock.seconds += 20.0 if rolls else 0.0  # more than any wait of a stage
    raise AssertionError(f"no rest: {life.describe()}")


def acts(life: Watched) -> tuple[int, int, int, int]:
    return life.kube.writes, len(life.cluster.steps), len(life.cluster.denied), len(life.cluster.asked)


def types(status: dict[str, Any]) -> set[str]:
    return {one["type"] for one in status["conditions"]}


def test_every_optional_kind_may_be_refused() -> None:
    assert FIELDS.keys() == APIS.keys()


def test_it_is_said_in_the_api_servers_words_and_the_model_serves() -> None:
    life = begun(rollout=CHECK)
    assert life.reasons() == {"Ready": "Serving", "OptionalRefused": "OptionalRefused"}
    message = life.message("OptionalRefused")
    assert f'admission webhook "policy.acme.org" denied the request: the host {BAD} is somebody else\'s' in message
    assert "HTTPRoute twin" in message
    assert "spec.target.cluster.expose.httpRoute" in message


def test_a_roll_goes_on_to_its_end_and_the_warning_stays() -> None:
    life = begun(rollout={"strategy": "Rolling"} | CHECK)
    life.statuses.clear()
    life.resolve(B)
    until_quiet(life)
    serving = life.live.status.revision.serving
    assert serving
    assert serving.revision == B
    assert life.reasons() == {"Ready": "Serving", "OptionalRefused": "OptionalRefused"}
    assert life.statuses
    assert all("OptionalRefused" in types(status) and "Stalled" not in types(status) for status in life.statuses)


def test_at_rest_it_costs_no_write_and_no_further_try_before_its_time() -> None:
    life = begun()
    before = acts(life)
    life.some_passes(3)  # woken by something else
    assert acts(life) == before
    tried, waits = len(life.cluster.denied), []
    for _ in range(8):
        life.deliver()
        again = life.one_pass()
        assert again
        waits.append(again)
        life.clock.seconds += again
    assert len(life.cluster.denied) >= tried + 7  # each wait ends in a try
    assert waits[-1] >= life.timing.rejected_longest / 2
    assert life.kube.writes == before[0]


def test_a_changed_spec_is_tried_at_once_and_clears_it() -> None:
    life = begun()
    life.edit(target=routed(GOOD))
    life.some_passes()
    assert life.reasons() == {"Ready": "Serving"}
    route = life.cluster.objects.get(ROUTE)
    assert route
    assert route["spec"]["hostnames"] == [GOOD]


def test_another_change_of_the_spec_does_not_try_it_again() -> None:
    life = begun()
    tried = len(life.cluster.denied)
    life.edit(replicas=3)
    until_quiet(life)
    assert len(life.cluster.denied) == tried
    assert life.live.status.ready_replicas == 3
    assert "OptionalRefused" in life.reasons()


def test_reconcile_now_tries_it_again() -> None:
    life = begun()
    tried = len(life.cluster.denied)
    life.trigger("now")
    life.some_passes(2)
    assert len(life.cluster.denied) == tried + 1


def test_a_try_that_succeeds_clears_it() -> None:
    life = begun()
    life.cluster.denies = lambda manifest: None
    life.some_passes()
    assert "OptionalRefused" in life.reasons()
    life.clock.seconds += life.timing.rejected_longest
    life.some_passes()
    assert life.reasons() == {"Ready": "Serving"}
    assert life.cluster.objects.get(ROUTE)


def test_what_is_not_wanted_any_more_is_not_complained_of() -> None:
    life = begun()
    life.edit(target=routed(None))
    life.some_passes()
    assert life.reasons() == {"Ready": "Serving"}
    life.edit(target=routed())
    tried = len(life.cluster.denied)
    life.some_passes()
    assert len(life.cluster.denied) == tried + 1  # it was forgotten meanwhile


def test_an_operator_that_starts_anew_tries_once_and_the_condition_stays() -> None:
    life = begun()
    tried = len(life.cluster.denied)
    life.statuses.clear()
    life.start()
    life.some_passes(3)
    assert len(life.cluster.denied) == tried + 1
    assert life.statuses == []


@pytest.mark.parametrize("spec", [{"deletionPolicy": "Retain"}, {}])
def test_it_is_said_on_while_nothing_can_be_planned(spec: dict[str, Any]) -> None:
    life = begun()
    life.statuses.clear()
    if spec:
        life.edit(**spec)
    else:
        life.cluster.fail("observe", Transient("ApiServerUnreachable", "no answer"))
    life.some_passes(2)
    assert life.statuses
    assert all("OptionalRefused" in types(status) for status in life.statuses)


def test_several_are_all_named() -> None:
    life = Watched()
    life.cluster.denies = lambda m: "no" * 600 if m["kind"] in ("HTTPRoute", "PodMonitor") else None
    life.begin(target=routed(monitoring={"kind": "PodMonitor"}))
    until_quiet(life)
    message = life.message("OptionalRefused")
    assert "HTTPRoute twin" in message
    assert "PodMonitor twin" in message
    assert message.endswith("does not depend on it")


def test_an_autoscaler_that_is_refused_leaves_the_count_alone() -> None:
    life = Watched()
    life.cluster.denies = lambda m: "no autoscalers" if m["kind"] == "HorizontalPodAutoscaler" else None
    life.begin(replicas=None, autoscaling={"provider": "HPA", "minReplicas": 2, "maxReplicas": 5})
    until_quiet(life)
    life.resolve(B)
    until_quiet(life)
    assert life.reasons() == {"Ready": "Serving", "OptionalRefused": "OptionalRefused"}
    assert life.live.status.ready_replicas == 2
    assert "spec.autoscaling" in life.message("OptionalRefused")


def undeletable(kind: str) -> Any:
    def refuse(step: Step) -> None:
        if isinstance(step, Delete) and step.kind == kind:
            raise Rejected("ApiServerRefused", f"{kind} twin: deletion is forbidden")

    return refuse


def test_a_route_that_cannot_be_deleted_holds_up_nothing() -> None:
    life = Watched().serve(target=routed(GOOD))
    life.cluster.before_write = undeletable("HTTPRoute")
    life.edit(target=routed(None))
    life.resolve(B)
    until_quiet(life)
    assert life.reasons() == {"Ready": "Serving", "OptionalRefused": "OptionalRefused"}
    assert "deletion is forbidden" in life.message("OptionalRefused")
    assert life.live.status.revision.serving
    assert life.live.status.revision.serving.revision == B


def test_a_roll_that_must_take_the_autoscaler_away_does_not_go_on_beside_it() -> None:
    """Else it and the roll would set the same count against each other."""
    scaled = {"provider": "HPA", "minReplicas": 2, "maxReplicas": 5}
    life = Watched().serve(replicas=None, autoscaling=scaled, rollout={"strategy": "Rolling"})
    life.cluster.before_write = undeletable("HorizontalPodAutoscaler")
    steps = len(life.cluster.steps)
    life.resolve(B)
    for _ in range(20):
        life.some_passes()
        life.cluster.nodes.settle()
        life.clock.seconds += 20
    assert life.reasons() == {"Ready": "Serving", "Stalled": "ApiServerRefused"}
    assert not [step for step in life.cluster.steps[steps:] if isinstance(step, Scale) and step.replicas < 2]
    assert life.live.status.revision.serving
    assert life.live.status.revision.serving.revision == A


def test_what_has_expired_goes_although_its_route_may_not() -> None:
    life = Watched().serve(target=routed(GOOD))
    life.cluster.before_write = undeletable("HTTPRoute")
    life.clock.seconds += 4000
    life.edit(expireAfter="1h")
    for _ in range(10):
        life.some_passes()
        life.cluster.nodes.settle()
        life.clock.seconds += 400
    assert not life.cluster.pods("ml")
    assert life.reasons()["Stalled"] == "ApiServerRefused"
