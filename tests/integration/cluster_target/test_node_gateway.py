"""The Gateway of the test bed by itself: what tests of a canary by weight lean on. No operator runs here."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import httpx2

from tests.integration.cluster_target import plain
from tests.integration.cluster_target.looking import served
from tests.integration.cluster_target.plain import backend, route
from tests.testbed.controlplane import ControlPlane
from tests.testbed.node.bed import Bed, Object
from tests.testbed.node.gateway import Gateway, Passage
from tests.testbed.node.gateway_api import CRD, http_routes

MakeGateway = Callable[..., Gateway]
HOST = "twin.example.com"
GATEWAY = {"group": "gateway.networking.k8s.io", "kind": "Gateway"}


def engines(bed: Bed, *names: str) -> dict[str, str]:
    """One pod with a Service for each name, and each of a commit of its own: the commits by name."""
    commits = {name: bed.publish(note=name) for name in names}
    for name, commit in commits.items():
        bed.things.create(plain.deployment(name, commit=commit), plain.service(name))
    for name in names:
        served(bed, 1, name)
    return commits


def asked(gateway: Gateway, count: int, host: str = HOST) -> Counter[str]:
    """What clients were answered: the commits, or the status where it was none of a pod."""
    with gateway.client(host) as client:
        answers = [client.get("/info") for _ in range(count)]
    return Counter(each.json()["model_sha"] if each.is_success else str(each.status_code) for each in answers)


def shares(passages: list[Passage]) -> Counter[tuple[str | None, int | None]]:
    return Counter((each.backend, each.status) for each in passages)


def rerouted(bed: Bed, *backends: Object) -> Object:
    return bed.things.patch("HTTPRoute", "twin", {"spec": {"rules": [{"backendRefs": list(backends)}]}})


def parents(bed: Bed, name: str = "twin") -> list[Object]:
    found: list[Object] = ((bed.things.get("HTTPRoute", name) or {}).get("status") or {}).get("parents") or []
    return found


def told(bed: Bed, condition: str, name: str = "twin") -> tuple[str, str, int]:
    """Status, reason and observed generation of a condition of the first parent."""
    for parent in parents(bed, name)[:1]:
        for each in parent["conditions"]:
            if each["type"] == condition:
                return each["status"], each["reason"], each["observedGeneration"]
    return "", "", 0


def test_the_kind_comes_and_goes(plane: ControlPlane, tmp_path: Path, pod_network: None) -> None:
    with http_routes(plane, tmp_path):
        assert CRD in plane.kubectl("get", "crd", "--output=name").stdout
        with http_routes(plane, tmp_path):
            pass
        assert CRD in plane.kubectl("get", "crd", "--output=name").stdout, "it is not taken from who had it before"
    assert CRD not in plane.kubectl("get", "crd", "--output=name").stdout


def test_requests_are_split_by_weight_and_follow_its_changes(bed: Bed, make_gateway: MakeGateway) -> None:
    commits = engines(bed, "twin", "twin-canary")
    old, new = commits["twin"], commits["twin-canary"]
    gateway = make_gateway(bed.namespace)
    assert asked(gateway, 1) == {"404": 1}
    bed.things.create(route([backend("twin", 80), backend("twin-canary", 20)], host=HOST))
    bed.wait(lambda: asked(gateway, 5) == {old: 4, new: 1}, "both are asked")

    before = len(gateway.exchanges)
    assert asked(gateway, 300) == {old: 240, new: 60}
    assert shares(gateway.exchanges[before:]) == {("twin", 200): 240, ("twin-canary", 200): 60}
    pods = {each.backend: each.pod for each in gateway.exchanges[before:]}
    assert {pod["metadata"]["name"] for pod in bed.ready(app="twin")} == {pods["twin"]}

    rerouted(bed, backend("twin", 1), backend("twin-canary", 3))
    bed.wait(lambda: gateway.split(HOST) == {"twin": 1, "twin-canary": 3}, "the new weights are heard of")
    assert asked(gateway, 200) == {old: 50, new: 150}

    rerouted(bed, backend("twin"), backend("twin-canary"))
    bed.wait(lambda: gateway.split(HOST) == {"twin": 1, "twin-canary": 1}, "the default is heard of")
    assert asked(gateway, 100) == {old: 50, new: 50}

    rerouted(bed, backend("twin", 100), backend("twin-canary", 0))
    bed.wait(lambda: gateway.split(HOST) == {"twin": 100, "twin-canary": 0}, "the zero is heard of")
    assert asked(gateway, 200) == {old: 200}

    rerouted(bed, backend("twin", 0), backend("twin-canary", 0))
    bed.wait(lambda: asked(gateway, 1) == {"500": 1}, "nothing may be chosen")
    assert asked(gateway, 1, "other.example.com") == {"404": 1}


def test_what_is_not_there_has_its_share_of_the_requests(bed: Bed, make_gateway: MakeGateway) -> None:
    (commit,) = engines(bed, "twin").values()
    bed.things.create(plain.service("twin-empty"))
    gateway = make_gateway(bed.namespace)
    bed.things.create(route([backend("twin", 80), backend("twin-canary", 20)], host=HOST))
    bed.wait(lambda: asked(gateway, 5) == {commit: 4, "500": 1}, "a fifth leads nowhere")
    before = len(gateway.exchanges)
    assert asked(gateway, 200) == {commit: 160, "500": 40}
    assert shares(gateway.exchanges[before:]) == {("twin", 200): 160, ("twin-canary", 500): 40}

    rerouted(bed, backend("twin", 80), backend("twin-empty", 20))
    bed.wait(lambda: gateway.split(HOST) == {"twin": 80, "twin-empty": 20}, "the other Service is heard of")
    assert asked(gateway, 200) == {commit: 160, "503": 40}
    lost = [each for each in gateway.exchanges[-200:] if each.backend == "twin-empty"]
    assert {(each.pod, each.status) for each in lost} == {(None, 503)}

    bed.things.scale("twin", 0)
    bed.wait(lambda: asked(gateway, 5) == {"503": 5}, "the endpoint has gone for both")
    bed.things.scale("twin", 1)
    bed.wait(lambda: asked(gateway, 5) == {commit: 4, "503": 1}, "the endpoint is back")


def test_a_pod_that_does_not_answer_costs_its_requests(bed: Bed, make_gateway: MakeGateway) -> None:
    """A Service whose endpoint nothing listens at: the request is lost, and tried nowhere else."""
    (commit,) = engines(bed, "twin").values()
    deaf = plain.service("deaf")
    del deaf["spec"]["selector"]
    (pod,) = bed.ready(app="twin")
    bed.things.create(deaf)
    subset = {"addresses": [{"ip": pod["status"]["podIP"]}], "ports": [{"name": "http", "port": 9}]}
    bed.things.create({"apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": "deaf"}, "subsets": [subset]})
    gateway = make_gateway(bed.namespace)
    bed.things.create(route([backend("twin", 3), backend("deaf", 1)], host=HOST))

    bed.wait(lambda: asked(gateway, 4) == {commit: 3, "503": 1}, "a quarter is lost")

    assert ("deaf", None) in shares(gateway.exchanges)
    assert asked(gateway, 40) == {commit: 30, "503": 10}


def test_the_status_says_what_the_gateway_makes_of_a_route(bed: Bed, make_gateway: MakeGateway) -> None:
    make_gateway(bed.namespace)
    bed.things.create(plain.service("twin"))
    bed.things.create(route([backend("twin", 80), backend("twin-canary", 20)], host=HOST))

    bed.wait(lambda: told(bed, "Accepted") == ("True", "Accepted", 1), "the route is taken")
    assert told(bed, "ResolvedRefs") == ("False", "BackendNotFound", 1)
    (parent,) = parents(bed)
    assert parent["parentRef"] == {**GATEWAY, "name": "public"}
    since = {each["type"]: each["lastTransitionTime"] for each in parent["conditions"]}

    bed.things.create(plain.service("twin-canary"))
    bed.wait(lambda: told(bed, "ResolvedRefs") == ("True", "ResolvedRefs", 1), "the Service is there, without pods")

    changed = rerouted(bed, backend("twin", 80), backend("twin", 20, namespace="kube-system"))
    assert changed["metadata"]["generation"] == 2
    bed.wait(lambda: told(bed, "ResolvedRefs") == ("False", "RefNotPermitted", 2), "the change is judged")
    assert told(bed, "Accepted") == ("True", "Accepted", 2)
    now = {each["type"]: each["lastTransitionTime"] for each in parents(bed)[0]["conditions"]}
    assert now["Accepted"] == since["Accepted"]

    rerouted(bed, backend("twin", group="inference.networking.k8s.io", kind="InferencePool"))
    bed.wait(lambda: told(bed, "ResolvedRefs") == ("False", "InvalidKind", 3), "pools are not known here")


def test_routes_that_are_not_its_own_get_nothing(bed: Bed, make_gateway: MakeGateway) -> None:
    gateway = make_gateway(bed.namespace, home="gateways")
    bed.things.create(plain.service("twin"))
    here = {"name": "public", "namespace": "gateways"}
    everything = [backend("twin")]
    v2 = {"headers": [{"name": "version", "value": "v2"}]}
    bed.things.create(
        route(everything, host="own.example.com", name="own", parentRefs=[{"name": "other"}, here]),
        route(everything, host="near.example.com", name="near"),
        route(everything, host="port.example.com", name="port", parentRefs=[{**here, "sectionName": "https"}]),
        route(
            everything,
            host="match.example.com",
            name="match",
            parentRefs=[here],
            rules=[{"backendRefs": everything, "matches": [v2]}],
        ),
    )

    bed.wait(lambda: asked(gateway, 1, "own.example.com") == {"503": 1}, "its own route is taken")
    bed.wait(lambda: told(bed, "Accepted", "port") == ("False", "NoMatchingParent", 1), "one is refused")
    bed.wait(lambda: told(bed, "Accepted", "match") == ("False", "UnsupportedValue", 1), "the other as well")
    assert [each["parentRef"]["name"] for each in parents(bed, "own")] == ["public"]
    assert parents(bed, "near") == []
    for name in ("near", "port", "match"):
        assert asked(gateway, 1, f"{name}.example.com") == {"404": 1}


def test_the_status_of_other_controllers_stays(bed: Bed, make_gateway: MakeGateway) -> None:
    bed.things.create(plain.service("twin"), route([backend("twin")], host=HOST))
    foreign = {"parentRef": {**GATEWAY, "name": "theirs"}, "controllerName": "example.com/theirs"}
    when = {"lastTransitionTime": "2026-01-01T00:00:00Z", "observedGeneration": 1}
    foreign["conditions"] = [{"type": "Accepted", "status": "True", "reason": "Accepted", "message": "", **when}]
    bed.things.patch("HTTPRoute", "twin/status", {"status": {"parents": [foreign]}})

    gateway = make_gateway(bed.namespace)

    bed.wait(lambda: len(parents(bed)) == 2, "both say something")
    assert parents(bed)[0] == foreign
    bed.things.delete("HTTPRoute", "twin")
    bed.wait(lambda: not gateway.split(HOST), "the route has gone")
    assert asked(gateway, 1) == {"404": 1}


def test_the_body_the_path_and_the_query_reach_the_engine(bed: Bed, make_gateway: MakeGateway) -> None:
    (commit,) = engines(bed, "twin").values()
    gateway = make_gateway(bed.namespace)
    bed.things.create(route([backend("twin")], host="*.example.com"))
    bed.wait(lambda: asked(gateway, 1) == {commit: 1}, "it is asked")

    with gateway.client(HOST.upper()) as client:
        body = {"inputs": "Are you there?", "parameters": {"max_new_tokens": 50}}
        said = client.post("/generate?x=%2F", json=body).raise_for_status().json()["generated_text"]
        assert commit in said
        streamed = client.post("/generate_stream", json=body)
        assert streamed.headers["content-type"].startswith("text/event-stream")
        assert len(streamed.text.split("data:")) > 2
    assert httpx2.get(gateway.url, trust_env=False).status_code == 404, "an address is no host name of the route"
