"""Values that are refused, in words that name them."""

from typing import Any

import pytest

from tests.contract.chart.rendering import refusal

CA = {"configMap": {"name": "acme"}}


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"setings": {}}, "additional properties 'setings' not allowed"),
        ({"image": {"tags": "1"}}, "at '/image': additional properties 'tags' not allowed"),
        ({"image": {"tag": 1.2}}, "at '/image/tag': got number, want string"),
        ({"image": {"digest": "sha256:short"}}, "at '/image/digest'"),
        ({"replicas": 2}, "additional properties 'replicas' not allowed"),
        ({"watchNamespaces": "ml"}, "at '/watchNamespaces': got string, want array"),
        ({"watchNamespaces": ["ml-*"]}, "at '/watchNamespaces/0'"),
        ({"watchNamespaces": ["ml", "ml"]}, "at '/watchNamespaces'"),
        ({"settings": {"wokers": 3}}, "at '/settings': additional properties 'wokers' not allowed"),
        ({"settings": {"workers": 0}}, "at '/settings/workers': minimum"),
        ({"settings": {"log_level": "debug"}}, "at '/settings/log_level': value must be one of 'DEBUG'"),
        ({"settings": {"timing": {"poll": 3}}}, "at '/settings/timing': additional properties 'poll' not allowed"),
        ({"settings": {"http_port": 80}}, "at '/settings': additional properties 'http_port' not allowed"),
        ({"settings": {"namespaces": ["ml"]}}, "additional properties 'namespaces' not allowed"),
        ({"settings": {"placements": []}}, "additional properties 'placements' not allowed"),
        ({"settings": {"cluster": {"operator_namespace": "a"}}}, "at '/settings/cluster': additional properties"),
        ({"placements": [{"namespaces": ["ml"]}]}, "at '/placements/0': missing properties 'accounts', 'regions'"),
        ({"placements": [{"namespaces": ["ml"], "accounts": [1], "regions": ["a"], "execution_roles": ["b"]}]},
         "at '/placements/0/accounts/0': got number, want string"),
        ({"placements": [{"executionRoles": ["b"]}]}, "additional properties 'executionRoles' not allowed"),
        ({"proxy": {"httpsProxy": "proxy.acme.org:3128"}}, "at '/proxy/httpsProxy'"),
        ({"proxy": {"httpsProxy": "http://user:password@proxy.acme.org"}}, "at '/proxy/httpsProxy'"),
        ({"proxy": {"noProxy": ["10.0.0.0/8"]}}, "at '/proxy/noProxy/0'"),
        ({"httpPort": 80}, "at '/httpPort': minimum: got 80, want 1,024"),
        ({"extraEnv": [{"name": "SLIPWAY_WORKERS", "value": "2"}]}, "extraEnv sets SLIPWAY_WORKERS"),
        ({"extraEnv": [{"name": "NO_PROXY", "value": "a"}], "proxy": {"httpsProxy": "http://p:1"}},
         "extraEnv sets NO_PROXY"),
        ({"extraEnv": [{"name": "AWS_CA_BUNDLE"}], "caBundle": {**CA, "aws": True}}, "extraEnv sets AWS_CA_BUNDLE"),
        ({"caBundle": {**CA, "secret": {"name": "b"}}}, "caBundle names a ConfigMap and a Secret"),
        ({"caBundle": CA, "settings": {"hub_ca_bundle": "/x"}}, "caBundle and settings.hub_ca_bundle both name"),
        ({"crds": {"keep": False}, "uninstallGuard": {"enabled": False}}, "crds.keep is false"),
        ({"crds": {"keep": False}, "watchNamespaces": ["ml"]}, "crds.keep is false"),
        ({"fullnameOverride": "2nd"}, "at '/fullnameOverride'"),
        ({"podLabels": {"app.kubernetes.io/name": "x"}}, "podLabels sets app.kubernetes.io/name"),
    ],
)  # fmt: skip
def test_a_mistake_is_named(values: dict[str, Any], words: str) -> None:
    assert words in refusal(values)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"crds": {"keep": None}}, "at '/crds': missing property 'keep'"),
        ({"uninstallGuard": {"enabled": None}}, "at '/uninstallGuard': missing property 'enabled'"),
        ({"httpPort": None}, "missing property 'httpPort'"),
        ({"proxy": None, "metrics": None}, "missing properties 'metrics', 'proxy'"),
        ({"networkPolicy": {"apiServer": None}}, "at '/networkPolicy': missing property 'apiServer'"),
    ],
)
def test_a_null_takes_no_default_away_without_a_word(values: dict[str, Any], words: str) -> None:
    """Helm drops what is null, the default with it, before anybody looks: `keep:` alone would be `keep: false`."""
    assert words in refusal(values)
