"""What an API server adds to objects of its own accord, and what it does not let change."""

import copy
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from slipway.domain.cluster.marks import Manifest
from slipway.domain.errors import Rejected

_IMMUTABLE: dict[str, tuple[tuple[str, ...], ...]] = {
    "Deployment": (("spec", "selector"),),
    "Job": (("spec", "template"), ("spec", "selector"), ("spec", "completions")),
    "PersistentVolumeClaim": (("spec", "storageClassName"), ("spec", "accessModes")),
}
_PROBES = ("startupProbe", "readinessProbe", "livenessProbe")


def defaulted(manifest: Manifest) -> Manifest:
    """The object with the defaults of its kind, as far as Slipway's manifests come near them."""
    made = copy.deepcopy(manifest)
    apply = {"Deployment": _deployment, "Service": _service, "Job": _job, "PersistentVolumeClaim": _claim}
    if made["kind"] in apply:
        apply[made["kind"]](made["spec"])
        made.setdefault("status", {})
    if made["kind"] == "NetworkPolicy":
        _network_policy(made["spec"])
    return made


def immutable_parts(manifest: Manifest) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Paths of an object that cannot change, with their values."""
    for path in _IMMUTABLE.get(manifest["kind"], ()):
        found: Any = manifest
        for key in path:
            found = (found or {}).get(key)
        yield path, found


def check_ports(manifest: Manifest) -> None:
    """An old API server does not know the default of a key by which a list is merged."""
    spec = manifest.get("spec") or {}
    containers = ((spec.get("template") or {}).get("spec") or {}).get("containers") or []
    own = spec.get("ports") or [] if manifest["kind"] == "Service" else []
    if any("protocol" not in port for port in [*own, *(port for one in containers for port in one.get("ports", []))]):
        text = 'associative list with keys has an element that omits key field "protocol"'
        raise Rejected("ApiServerRefused", f"failed to create typed patch object: {text}")


def _deployment(spec: dict[str, Any]) -> None:
    spec.setdefault("replicas", 1)
    spec.setdefault("revisionHistoryLimit", 10)
    spec.setdefault("progressDeadlineSeconds", 600)
    strategy = spec.setdefault("strategy", {})
    if strategy.setdefault("type", "RollingUpdate") == "RollingUpdate":
        rolling = strategy.setdefault("rollingUpdate", {})
        rolling.setdefault("maxUnavailable", "25%")
        rolling.setdefault("maxSurge", "25%")
    _template(spec["template"], restart="Always")


def _job(spec: dict[str, Any]) -> None:
    spec.setdefault("backoffLimit", 6)
    spec.setdefault("completions", 1)
    spec.setdefault("parallelism", 1)
    _template(spec["template"], restart=None)


def _template(template: dict[str, Any], *, restart: str | None) -> None:
    template.setdefault("metadata", {}).setdefault("creationTimestamp", None)
    spec = template["spec"]
    if restart:
        spec.setdefault("restartPolicy", restart)
    spec.setdefault("dnsPolicy", "ClusterFirst")
    spec.setdefault("schedulerName", "default-scheduler")
    spec.setdefault("securityContext", {})
    spec.setdefault("terminationGracePeriodSeconds", 30)
    if spec.get("serviceAccountName"):
        spec.setdefault("serviceAccount", spec["serviceAccountName"])
    for container in [*spec.get("initContainers", []), *spec["containers"]]:
        _container(container)
    for volume in spec.get("volumes", []):
        for source in ("secret", "configMap"):
            if source in volume:
                volume[source].setdefault("defaultMode", 420)
        if volume.keys() == {"name"}:
            volume["emptyDir"] = {}
        if volume.get("emptyDir", {}).get("sizeLimit"):
            volume["emptyDir"]["sizeLimit"] = canonical(volume["emptyDir"]["sizeLimit"])


def _container(container: dict[str, Any]) -> None:
    container.setdefault("terminationMessagePath", "/dev/termination-log")
    container.setdefault("terminationMessagePolicy", "File")
    tag = container["image"].rpartition("/")[2]
    newest = "@" not in tag and (":" not in tag or tag.endswith(":latest"))
    container.setdefault("imagePullPolicy", "Always" if newest else "IfNotPresent")
    resources = container.setdefault("resources", {})
    for kind in ("requests", "limits"):
        if kind in resources:
            resources[kind] = {name: canonical(value) for name, value in resources[kind].items()}
    for port in container.get("ports", []):
        port.setdefault("protocol", "TCP")
    for variable in container.get("env", []):
        if "fieldRef" in variable.get("valueFrom", {}):
            variable["valueFrom"]["fieldRef"].setdefault("apiVersion", "v1")
    for name in _PROBES:
        if name in container:
            _probe(container[name])


def _probe(probe: dict[str, Any]) -> None:
    for field, default in (("timeoutSeconds", 1), ("periodSeconds", 10), ("successThreshold", 1)):
        probe.setdefault(field, default)
    probe.setdefault("failureThreshold", 3)
    if "httpGet" in probe:
        probe["httpGet"].setdefault("scheme", "HTTP")


def _service(spec: dict[str, Any]) -> None:
    spec.setdefault("type", "ClusterIP")
    spec.setdefault("clusterIP", "10.96.0.10")
    spec.setdefault("sessionAffinity", "None")
    for port in spec.get("ports", []):
        port.setdefault("protocol", "TCP")
        port.setdefault("targetPort", port["port"])


def _claim(spec: dict[str, Any]) -> None:
    spec.setdefault("volumeMode", "Filesystem")
    requests = spec["resources"]["requests"]
    spec["resources"]["requests"] = {name: canonical(value) for name, value in requests.items()}


def _network_policy(spec: dict[str, Any]) -> None:
    kinds = ["Ingress", "Egress"] if "egress" in spec else ["Ingress"]
    spec.setdefault("policyTypes", kinds)
    for rule in [*spec.get("ingress", []), *spec.get("egress", [])]:
        for port in rule.get("ports", []):
            port.setdefault("protocol", "TCP")


def canonical(quantity: str | int) -> str:
    """A quantity as the API server writes it: 0.5 is 500m, 1024Mi is 1Gi, 1000 is 1k.

    https://pkg.go.dev/k8s.io/apimachinery/pkg/api/resource#Quantity
    """
    match = re.fullmatch(r"([0-9.]+)([A-Za-z]*)", str(quantity))
    assert match, quantity
    number, suffix = Decimal(match[1]), match[2]
    binary = suffix.endswith("i")
    base = 1024 if binary else 1000
    units = ["", "Ki", "Mi", "Gi", "Ti", "Pi"] if binary else ["m", "", "k", "M", "G", "T", "P"]
    place = units.index(suffix)
    while number != number.to_integral_value():
        number, place = number * base, place - 1
    while number and number % base == 0 and place + 1 < len(units):
        number, place = number / base, place + 1
    return f"{int(number)}{units[place]}"
