"""What stands beside the pods: Service, ServiceAccount, PodDisruptionBudget and who may talk to whom."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from slipway.domain.cluster.settings import ClusterSettings
from slipway.domain.served import ServedModel
from tests.unit.domain.cluster.specs import CACHE, COMMIT, SUBJECT, beside, pod, problem, spec, tgi, wanted

SAME_NAMESPACE = {"podSelector": {}}
DNS = {"ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]}


def policies(of: Any, **arguments: Any) -> dict[str, Any]:
    return {found["metadata"]["name"]: found["spec"] for found in beside(wanted(of, **arguments), "NetworkPolicy")}


def hub(*ports: int) -> dict[str, Any]:
    return {"ports": [{"protocol": "TCP", "port": port} for port in ports]}


def mirrored(url: str) -> ServedModel:
    return ServedModel("acme/twin", COMMIT, "twin", hub=url)


def network(**fields: Any) -> Any:
    return spec(cluster={"network": fields})


# Service


def test_clients_find_the_model_at_one_address() -> None:
    found = wanted(spec(), settings=ClusterSettings(cluster_domain="corp.local"))
    assert found.url == "http://twin.ml.svc.corp.local/v1"
    assert found.model == "acme/twin"
    (port,) = found.service["spec"]["ports"]
    assert (port["name"], port["port"], port["targetPort"]) == ("http", 80, "http")
    assert found.service["metadata"]["name"] == "twin"


def test_the_selector_is_a_matter_of_the_roll() -> None:
    assert "selector" not in wanted(spec()).service["spec"]


# ServiceAccount


def test_pods_are_nobody_to_the_cluster() -> None:
    found = wanted(spec())
    (account,) = beside(found, "ServiceAccount")
    assert account["automountServiceAccountToken"] is False
    assert pod(found)["serviceAccountName"] == account["metadata"]["name"]


def test_a_deployment_called_default_does_not_take_the_account_of_all_pods() -> None:
    (account,) = beside(wanted(spec()), "ServiceAccount")
    assert account["metadata"]["name"] != SUBJECT.name


# PodDisruptionBudget


def test_a_drain_takes_one_replica_at_a_time_and_the_only_one_as_well() -> None:
    (budget,) = beside(wanted(spec()), "PodDisruptionBudget")
    assert budget["apiVersion"] == "policy/v1"
    assert budget["spec"]["maxUnavailable"] == 1
    assert "minAvailable" not in budget["spec"]
    labels = wanted(spec()).workload["spec"]["template"]["metadata"]["labels"]
    assert budget["spec"]["selector"]["matchLabels"].items() <= labels.items()


def test_pods_that_never_come_up_do_not_block_a_drain_where_the_cluster_knows_how() -> None:
    (budget,) = beside(wanted(spec(), settings=ClusterSettings(evicts_unhealthy=True)), "PodDisruptionBudget")
    assert budget["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow"


# NetworkPolicy


def test_everything_else_is_denied_in_both_directions() -> None:
    for found in policies(spec(cluster={"cache": CACHE})).values():
        assert found["policyTypes"] == ["Ingress", "Egress"]


def test_the_policy_is_about_the_pods_that_serve() -> None:
    labels = wanted(spec()).workload["spec"]["template"]["metadata"]["labels"]
    assert policies(spec())["twin"]["podSelector"]["matchLabels"].items() <= labels.items()


def test_the_namespace_the_operator_and_prometheus_may_ask() -> None:
    settings = ClusterSettings(operator_namespace="slipway-system")
    (rule,) = policies(spec(), settings=settings)["twin"]["ingress"]
    clients, operator, prometheus = rule["from"]
    assert clients == SAME_NAMESPACE
    assert operator == {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "slipway-system"}},
        "podSelector": {"matchLabels": {"app.kubernetes.io/name": "slipway"}},
    }
    assert prometheus["podSelector"] == {"matchLabels": {"app.kubernetes.io/name": "prometheus"}}
    assert rule["ports"] == [{"protocol": "TCP", "port": 8080}]


def test_whoever_is_named_may_ask_in_place_of_the_namespace() -> None:
    mine = {"podSelector": {"matchLabels": {"team": "search"}}}
    (rule,) = policies(network(ingressFrom=[mine]))["twin"]["ingress"]
    assert rule["from"][0] == mine
    assert SAME_NAMESPACE not in rule["from"]


def test_nobody_may_ask_where_nobody_is_named_but_those_who_watch() -> None:
    (rule,) = policies(network(ingressFrom=[]))["twin"]["ingress"]
    assert len(rule["from"]) == 2


def test_the_hub_may_be_anywhere_by_https() -> None:
    assert policies(spec())["twin"]["egress"] == [DNS, hub(443)]


def test_where_to_may_be_narrowed() -> None:
    to = [{"ipBlock": {"cidr": "10.0.0.0/8"}}]
    assert policies(network(egressTo=to))["twin"]["egress"] == [DNS, {"to": to, **hub(443)}]


def test_a_mirror_has_a_port_of_its_own() -> None:
    assert policies(spec(), served=mirrored("http://hub.example.com:8081"))["twin"]["egress"][1] == hub(443, 8081)
    assert policies(spec(), served=mirrored("http://hub.example.com"))["twin"]["egress"][1] == hub(80, 443)


def test_a_proxy_on_the_way_may_be_reached() -> None:
    env = [{"name": "https_proxy", "value": "proxy:3128"}, {"name": "HTTP_PROXY", "value": "http://[bad"}]
    assert policies(spec({"env": env}))["twin"]["egress"][1] == hub(443, 3128)


def test_from_a_cache_servers_reach_nothing_and_the_job_reaches_the_hub() -> None:
    found = policies(spec(cluster={"cache": CACHE}))
    assert found["twin"]["egress"] == [DNS]
    assert found["twin-load"]["egress"] == [DNS, hub(443)]
    assert found["twin-load"]["ingress"] == []
    job = wanted(spec(cluster={"cache": CACHE})).prefetch
    assert job
    labels = job["spec"]["template"]["metadata"]["labels"]
    assert found["twin-load"]["podSelector"]["matchLabels"].items() <= labels.items()
    assert not found["twin"]["podSelector"]["matchLabels"].items() <= labels.items()


def test_dns_may_be_narrowed() -> None:
    peer = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}
    assert policies(spec(), settings=ClusterSettings(dns=(peer,)))["twin"]["egress"][0] == {"to": [peer], **DNS}


_peers = st.one_of(
    st.none(), st.lists(st.sampled_from([SAME_NAMESPACE, {"ipBlock": {"cidr": "10.0.0.0/8"}}]), max_size=2)
)


@given(_peers, _peers, st.booleans())
def test_no_rule_has_an_empty_list_of_peers_which_would_mean_everybody(ingress: Any, egress: Any, cached: bool) -> None:
    fields = {"network": {"ingressFrom": ingress, "egressTo": egress}} | ({"cache": CACHE} if cached else {})
    settings = ClusterSettings(prometheus=())
    for found in policies(spec(cluster=fields), settings=settings).values():
        for rule in [*found["ingress"], *found["egress"]]:
            assert rule.get("from") != []
            assert rule.get("to") != []
        for rule in found["ingress"]:
            assert rule["from"]
    if egress == []:
        name = "twin-load" if cached else "twin"
        assert policies(spec(cluster=fields), settings=settings)[name]["egress"] == [DNS]


# Ways from outside

ROUTE = {"parentRefs": [{"name": "public"}], "hostnames": ["twin.example.com"]}


def test_the_address_is_the_services_until_a_look_says_that_there_are_routes() -> None:
    found = wanted(spec(cluster={"expose": {"httpRoute": ROUTE}}))
    assert found.url == "http://twin.ml.svc.cluster.local/v1"
    assert [manifest["kind"] for manifest in found.optional] == ["HTTPRoute"]


def test_what_goes_beside_the_pods_is_looked_at_as_well() -> None:
    pool = {"expose": {"inferencePool": {"endpointPicker": "picker"}}}
    assert problem(spec(cluster=pool)) is None
    text = problem(tgi(cluster=pool))
    assert text
    assert text.startswith("spec.target.cluster.expose.inferencePool is for engine vLLM")
    text = problem(spec(cluster={"cache": {"size": "1Gi", "accessMode": "ReadWriteOnce"}}))
    assert text
    assert text.startswith("spec.target.cluster.cache.accessMode is ReadWriteOnce")
