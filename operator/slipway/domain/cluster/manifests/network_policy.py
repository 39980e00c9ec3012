"""Who may talk to the pods, and to whom they may talk: everything else is denied.

https://kubernetes.io/docs/concepts/services-networking/network-policies/
"""

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from slipway.api.v1alpha1.cluster_target import ClusterTarget
from slipway.api.v1alpha1.engine import EnvVar
from slipway.domain.cluster.marks import DEPLOYMENT_LABEL, PORT, PREFETCH, ROLE_LABEL, SERVER, Manifest
from slipway.domain.cluster.settings import ClusterSettings, Peer
from slipway.domain.cluster.subject import Subject, marked

_DNS = [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]
_HTTPS = 443
_DEFAULT_PORTS = {"http": 80, "https": _HTTPS}
_PROXIES = frozenset({"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"})
"""Variables that name a proxy, in capital letters or small."""
_SAME_NAMESPACE: Peer = {"podSelector": {}}

Rule = dict[str, Any]


def network_policies(
    subject: Subject, target: ClusterTarget, hub: str | None, env: Iterable[EnvVar], settings: ClusterSettings
) -> tuple[Manifest, ...]:
    """The NetworkPolicy `<name>` of the servers, and with a cache `<name>-load` of the Job that fills it.

    Servers that start from a cache reach nothing but DNS: only the Job talks to the Hub. `hub`: base URL of a mirror.
    `env`: spec.engine.env, in which a proxy may be named.
    """
    ingress = _ingress(target, settings)
    dns = _rule("to", list(settings.dns) or None, _DNS)
    loading = [*dns, *_rule("to", target.network.egress_to, _hub_ports(hub, env))]
    if target.cache is None:
        return (_policy(subject, subject.name, SERVER, ingress, loading),)
    return (
        _policy(subject, subject.name, SERVER, ingress, dns),
        _policy(subject, f"{subject.name}-load", PREFETCH, [], loading),
    )


def _ingress(target: ClusterTarget, settings: ClusterSettings) -> list[Rule]:
    wanted = target.network.ingress_from
    clients = [_SAME_NAMESPACE] if wanted is None else wanted
    return _rule("from", [*clients, settings.operator, *settings.prometheus], [{"protocol": "TCP", "port": PORT}])


def _rule(direction: str, peers: list[Peer] | None, ports: list[dict[str, Any]]) -> list[Rule]:
    """None: everybody. An empty list is nobody, and so no rule: with an empty list in it, a rule means everybody."""
    if peers is None:
        return [{"ports": ports}]
    return [{direction: peers, "ports": ports}] if peers else []


def _hub_ports(hub: str | None, env: Iterable[EnvVar]) -> list[dict[str, Any]]:
    """HTTPS, where the Hub and its stores of large files are, and the ports of a mirror and of proxies."""
    proxies = (variable.value for variable in env if variable.name.upper() in _PROXIES)
    ports = {_HTTPS, *(port for url in (hub, *proxies) if url and (port := _port(url)))}
    return [{"protocol": "TCP", "port": port} for port in sorted(ports)]


def _port(url: str) -> int | None:
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        return parts.port or _DEFAULT_PORTS.get(parts.scheme)
    except ValueError:  # no number, or too large a one: the engine will say so
        return None


def _policy(subject: Subject, name: str, role: str, ingress: list[Rule], egress: list[Rule]) -> Manifest:
    return marked(
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": subject.metadata(name),
            "spec": {
                "podSelector": {"matchLabels": {DEPLOYMENT_LABEL: subject.name, ROLE_LABEL: role}},
                "policyTypes": ["Ingress", "Egress"],
                "ingress": ingress,
                "egress": egress,
            },
        }
    )
