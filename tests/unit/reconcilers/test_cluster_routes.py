"""Routes that the API server does not take, and pods that cannot be asked, in the middle of a roll."""

from typing import Any

from slipway.domain.cluster.questions import Answer
from slipway.domain.errors import Transient
from tests.testbed.fakes.cluster import engine_answer
from tests.testbed.fakes.kube_objects import Place
from tests.unit.domain.builders import A, B
from tests.unit.reconcilers.test_cluster import CHECK, Life, _route

C = "c" * 40
ROUTE = {"httpRoute": {"parentRefs": [{"name": "public"}], "hostnames": ["twin.example.com"]}}
TARGET = {"sageMaker": None, "cluster": {"gpus": 1, "expose": ROUTE}}
CANARY = {"blueGreen": {"shift": "Canary", "stepPercent": 20, "stepInterval": "10m"}}


def weights(life: Life) -> dict[str, int]:
    return {ref["name"]: ref.get("weight", 1) for ref in _route(life)["spec"]["rules"][0]["backendRefs"]}


def canary_pods(life: Life) -> set[str]:
    life.cluster.nodes.run()
    endpoints = life.cluster.objects.get(Place("ml", "Endpoints", "twin-canary")) or {}
    return {a["targetRef"]["name"] for s in endpoints.get("subsets") or [] for a in s.get("addresses") or []}


def divided() -> Life:
    life = Life()
    life.begin(target=TARGET, rollout=CANARY | CHECK)
    life.rest()
    life.resolve(B)
    for _ in range(60):
        life.deliver()
        life.one_pass()
        life.cluster.nodes.settle()
        if weights(life) == {"twin": 80, "twin-canary": 20}:
            return life
    raise AssertionError(weights(life))


def refuse_routes(life: Life) -> None:
    life.cluster.denies = lambda manifest: "no changes today" if manifest["kind"] == "HTTPRoute" else None


def test_pods_stay_while_the_route_that_is_refused_leads_to_them() -> None:
    life = divided()
    refuse_routes(life)
    life.resolve(A)
    for _ in range(20):
        life.deliver()
        life.one_pass()
        life.cluster.nodes.settle()
    assert weights(life).get("twin-canary") == 20
    assert canary_pods(life)


def test_nobody_unproven_gets_requests_by_a_route_that_could_not_be_taken_back() -> None:
    life = divided()
    refuse_routes(life)
    asked = len(life.cluster.asked)
    life.resolve(C)
    for _ in range(20):
        life.deliver()
        life.one_pass()
        life.cluster.nodes.settle()
        proven = any(request.path == "/generate" for _, request in life.cluster.asked[asked:])
        pods = [p for p in life.cluster.objects.each("Pod", "ml") if p["metadata"]["name"] in canary_pods(life)]
        if weights(life).get("twin-canary") and not proven:
            assert not any(C in str(pod["spec"]) for pod in pods)


def test_a_webhook_that_does_not_answer_holds_up_no_roll() -> None:
    """failurePolicy: Fail, and nobody there: the API server answers 500."""
    life = Life()
    life.begin(target=TARGET)
    life.rest()
    do = life.cluster.execute

    async def execute(namespace: str, step: Any) -> None:
        if getattr(step, "manifest", {}).get("kind") == "HTTPRoute":
            raise Transient("ApiServerError", "failed calling webhook: connection refused")
        await do(namespace, step)

    life.cluster.execute = execute  # type: ignore[method-assign]
    life.edit(target={"cluster": {"expose": {"httpRoute": {"hostnames": ["other.example.com"]}}}})
    life.resolve(B)
    for _ in range(60):
        life.deliver()
        life.clock.seconds += life.one_pass() or 0.0
        life.cluster.nodes.settle()
    assert life.live.status.revision.serving
    assert life.live.status.revision.serving.revision == B


def test_one_pod_that_cannot_be_reached_does_not_fail_the_roll_of_all() -> None:
    life = Life()
    life.begin(replicas=4, rollout={"startupTimeout": "10m"})
    life.rest()
    life.resolve(B)

    def answer(pod: Any, request: Any) -> Answer:
        mates = sorted(p["metadata"]["name"] for p in life.cluster.objects.each("Pod", "ml") if B in str(p["spec"]))
        if pod["metadata"]["name"] == mates[0]:
            return Answer(problem="no connection: its node is cut off")
        return engine_answer(pod, request)

    life.cluster.answer = answer
    for _ in range(80):
        life.deliver()
        life.clock.seconds += life.one_pass() or 0.0
        life.cluster.nodes.settle()
    assert life.live.status.revision.serving
    assert life.live.status.revision.serving.revision == B
