"""What stands beside the pods where the cluster knows it."""

from fractions import Fraction
from typing import Any

import pytest

from slipway.domain.cluster.marks import CONTENT, Manifest
from slipway.domain.cluster.optional import APIS, canary, manifests, public_url, routed, skipped
from slipway.domain.cluster.optional.routes import divided, leads_to
from slipway.domain.cluster.subject import marked
from slipway.domain.ownership import owner_reference
from tests.unit.domain.cluster.optional.crd_schemas import faults
from tests.unit.domain.cluster.optional.specs import SUBJECT, target_of, with_target

ROUTE: dict[str, Any] = {
    "parentRefs": [{"name": "public", "namespace": "gateways", "sectionName": "https"}],
    "hostnames": ["twin.example.com", "llm.example.com"],
}
POOL = {"endpointPicker": "twin-picker", "failureMode": "FailOpen"}


def made(missing: frozenset[str] = frozenset(), **fields: Any) -> dict[str, Manifest]:
    spec = with_target(**fields)
    return {found["kind"]: found for found in manifests(SUBJECT, spec, target_of(spec), missing)}


@pytest.mark.parametrize(
    "fields",
    [
        {"expose": {"httpRoute": ROUTE}},
        {"expose": {"httpRoute": {"parentRefs": [{"name": "public"}]}}},
        {"expose": {"inferencePool": POOL}},
        {"expose": {"httpRoute": ROUTE, "inferencePool": POOL}},
        {"monitoring": {"kind": "PodMonitor", "labels": {"release": "prometheus"}, "interval": "15s"}},
        {"monitoring": {"kind": "ServiceMonitor"}},
    ],
)
def test_each_is_what_its_own_crd_accepts(fields: dict[str, Any]) -> None:
    found = made(**fields)
    assert found
    for manifest in found.values():
        assert faults(manifest) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("spec", "timeouts"), {}),
        (("spec", "rules", 0, "backendRefs", 0, "port"), None),
        (("spec", "parentRefs", 0, "sectionName"), "Not A Name"),
    ],
)
def test_the_schemas_refuse_what_an_api_server_would(path: tuple[Any, ...], value: Any) -> None:
    """That the checks above can fail."""
    manifest = made(expose={"httpRoute": ROUTE})["HTTPRoute"]
    place: Any = manifest
    for step in path[:-1]:
        place = place[step]
    if value is None:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    assert faults(manifest)


def test_nothing_is_made_that_nobody_asked_for() -> None:
    assert made() == {}


def test_everything_goes_with_the_deployment_and_is_found_again() -> None:
    for manifest in made(expose={"httpRoute": ROUTE, "inferencePool": POOL}, monitoring={}).values():
        assert manifest["metadata"]["ownerReferences"] == [owner_reference(SUBJECT.name, SUBJECT.uid)]
        assert manifest["metadata"]["labels"]["slipway.dev/deployment"] == "twin"
        assert manifest == marked(manifest)
        api = APIS[manifest["kind"]]
        assert manifest["apiVersion"] == api.api_version


def test_a_route_leads_to_the_service() -> None:
    spec = made(expose={"httpRoute": ROUTE})["HTTPRoute"]["spec"]
    assert spec["rules"] == [{"backendRefs": [{"name": "twin", "port": 80}]}]
    assert spec["parentRefs"] == ROUTE["parentRefs"]
    assert spec["hostnames"] == ROUTE["hostnames"]


def test_a_route_leads_to_the_pool_where_there_is_one() -> None:
    backend = {"group": "inference.networking.k8s.io", "kind": "InferencePool", "name": "twin"}
    spec = made(expose={"httpRoute": ROUTE, "inferencePool": POOL})["HTTPRoute"]["spec"]
    assert spec["rules"] == [{"backendRefs": [backend]}]


def test_a_route_leads_to_the_service_where_the_cluster_knows_no_pools() -> None:
    found = made(frozenset({"InferencePool"}), expose={"httpRoute": ROUTE, "inferencePool": POOL})
    assert found["HTTPRoute"]["spec"]["rules"] == [{"backendRefs": [{"name": "twin", "port": 80}]}]
    assert "InferencePool" in found


def test_a_route_divides_the_requests_between_two_services() -> None:
    route = made(expose={"httpRoute": ROUTE})["HTTPRoute"]
    found = divided(route, SUBJECT, Fraction(15, 100))
    backends = [{"name": "twin", "port": 80, "weight": 85}, {"name": "twin-canary", "port": 80, "weight": 15}]
    assert found["spec"]["rules"] == [{"backendRefs": backends}]
    assert found["spec"]["parentRefs"] == ROUTE["parentRefs"]
    assert found["metadata"]["annotations"][CONTENT] != route["metadata"]["annotations"][CONTENT]
    assert faults(found) == []
    assert leads_to(found, "twin-canary")
    assert not leads_to(route, "twin-canary")


@pytest.mark.parametrize(
    ("expose", "missing", "there"),
    [
        ({"httpRoute": ROUTE}, set(), True),
        ({"httpRoute": ROUTE}, {"HTTPRoute"}, False),
        ({"httpRoute": ROUTE, "inferencePool": POOL}, set(), False),
        ({"httpRoute": ROUTE, "inferencePool": POOL}, {"InferencePool"}, True),
        ({}, set(), False),
    ],
)
def test_a_canary_has_a_service_where_a_route_can_lead_to_it(
    expose: dict[str, Any], missing: set[str], *, there: bool
) -> None:
    found = canary(SUBJECT, target_of(with_target(expose=expose)), frozenset(missing))
    assert (found is not None) is there


@pytest.mark.parametrize(
    ("changes", "url"),
    [
        ({}, "https://twin.example.com/v1"),
        ({"scheme": "http"}, "http://twin.example.com/v1"),
        ({"hostnames": []}, None),
    ],
)
def test_the_public_url_is_that_of_the_first_host(changes: dict[str, Any], url: str | None) -> None:
    exposed = target_of(with_target(expose={"httpRoute": {**ROUTE, **changes}})).expose
    assert exposed.http_route is not None
    assert public_url(exposed.http_route) == url


def test_a_pool_has_nobody_until_it_has_whom_the_service_has() -> None:
    pool = made(expose={"inferencePool": POOL})["InferencePool"]
    assert pool["spec"]["selector"]["matchLabels"]["slipway.dev/revision"] == "none"
    selector = {"slipway.dev/deployment": "twin", "slipway.dev/revision": "0123456789"}
    after = routed(pool, selector)
    assert after["spec"]["selector"] == {"matchLabels": selector}
    assert after["spec"]["endpointPickerRef"] == pool["spec"]["endpointPickerRef"]
    assert after["metadata"]["annotations"][CONTENT] != pool["metadata"]["annotations"][CONTENT]
    assert faults(after) == []


def test_a_pool_asks_the_picker_that_the_user_names() -> None:
    spec = made(expose={"inferencePool": POOL})["InferencePool"]["spec"]
    assert spec["endpointPickerRef"] == {"name": "twin-picker", "port": {"number": 9002}, "failureMode": "FailOpen"}
    assert spec["targetPorts"] == [{"number": 8080}]


def test_what_goes_through_the_service_does_not_change_with_its_selector() -> None:
    route = made(expose={"httpRoute": ROUTE})["HTTPRoute"]
    assert routed(route, {"any": "thing"}) == route


def test_a_pod_monitor_scrapes_those_that_serve_and_not_those_that_load() -> None:
    monitor = made(monitoring={"labels": {"release": "prometheus"}, "interval": "15s"})["PodMonitor"]
    labels = {"slipway.dev/deployment": "twin", "slipway.dev/role": "server"}
    assert monitor["spec"]["selector"] == {"matchLabels": labels}
    assert monitor["spec"]["podMetricsEndpoints"] == [{"port": "http", "path": "/metrics", "interval": "15s"}]
    assert monitor["metadata"]["labels"]["release"] == "prometheus"


def test_a_service_monitor_finds_the_service_by_its_labels() -> None:
    monitor = made(monitoring={"kind": "ServiceMonitor"})["ServiceMonitor"]
    assert monitor["spec"]["selector"] == {"matchLabels": {"slipway.dev/deployment": "twin"}}
    assert monitor["spec"]["endpoints"] == [{"port": "http", "path": "/metrics", "interval": "30s"}]


def test_a_label_of_the_users_does_not_hide_an_object_from_us() -> None:
    monitor = made(monitoring={"labels": {"slipway.dev/deployment": "other"}})["PodMonitor"]
    assert monitor["metadata"]["labels"]["slipway.dev/deployment"] == "twin"


def test_what_the_cluster_lacks_is_said_with_a_way_out() -> None:
    wanted = made(expose={"httpRoute": ROUTE, "inferencePool": POOL}, monitoring={}).values()
    finding = skipped(frozenset({"HTTPRoute", "PodMonitor", "ScaledObject"}), wanted)
    assert finding is not None
    assert finding.reason == "OptionalApiMissing"
    assert "no HTTPRoute (gateway.networking.k8s.io/v1)" in finding.message
    assert "install the Gateway API" in finding.message
    assert "no PodMonitor (monitoring.coreos.com/v1)" in finding.message
    assert "InferencePool" not in finding.message
    assert "ScaledObject" not in finding.message


def test_what_is_there_is_not_said() -> None:
    wanted = made(expose={"httpRoute": ROUTE}).values()
    assert skipped(frozenset(), wanted) is None
    assert skipped(frozenset({"PodMonitor"}), wanted) is None


def test_a_built_in_api_of_a_later_kubernetes_is_said_too() -> None:
    budget = {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "twin"}}
    finding = skipped(frozenset({"PodDisruptionBudget"}), [budget])
    assert finding is not None
    assert "Kubernetes 1.21" in finding.message
