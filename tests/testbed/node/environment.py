"""What a container's environment holds, and why the kubelet cannot make it.

https://github.com/kubernetes/kubernetes/blob/v1.31.0/pkg/kubelet/kubelet_pods.go (makeEnvironmentVariables)
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Any

from tests.testbed.node.api import Api
from tests.testbed.node.quantity import quantity

Object = dict[str, Any]
_REFERENCE = re.compile(r"\$\$|\$\(([^)]+)\)")


class ConfigError(Exception):
    """CreateContainerConfigError; the kubelet's words."""


class Surroundings:
    """Where the values of one pod's variables come from."""

    def __init__(self, api: Api, pod: Object, address: str, host: str) -> None:
        self._api = api
        self._pod = pod
        self._address = address
        self._host = host

    async def of(self, container: Object, image: Mapping[str, str]) -> dict[str, str]:
        """The variables of a container, those of its image among them. Raises ConfigError."""
        found = dict(image) | {"HOSTNAME": self._pod["metadata"]["name"]} | await self._service_links()
        for source in container.get("envFrom") or []:
            found |= await self._from(source)
        for variable in container.get("env") or []:
            value = await self._value(variable, container, found)
            if value is not None:
                found[variable["name"]] = value
        return found

    async def _value(self, variable: Object, container: Object, before: Mapping[str, str]) -> str | None:
        source = variable.get("valueFrom")
        if source is None:
            return expanded(variable.get("value", ""), before)
        if "secretKeyRef" in source:
            return await self._key("secret", source["secretKeyRef"])
        if "configMapKeyRef" in source:
            return await self._key("configmap", source["configMapKeyRef"])
        if "fieldRef" in source:
            return self._field(source["fieldRef"]["fieldPath"])
        return self._resource(source["resourceFieldRef"], container)

    async def _key(self, kind: str, reference: Object) -> str | None:
        name, key, optional = reference["name"], reference["key"], reference.get("optional", False)
        data = await self._data(kind, name, optional)
        if key not in data and not optional:
            shown = "Secret" if kind == "secret" else "ConfigMap"
            raise ConfigError(f"couldn't find key {key} in {shown} {self._pod['metadata']['namespace']}/{name}")
        return data.get(key)

    async def _from(self, source: Object) -> dict[str, str]:
        kind = "secret" if "secretRef" in source else "configmap"
        reference = source["secretRef" if kind == "secret" else "configMapRef"]
        data = await self._data(kind, reference["name"], reference.get("optional", False))
        return {source.get("prefix", "") + key: value for key, value in data.items()}

    async def _data(self, kind: str, name: str, optional: bool) -> dict[str, str]:
        found = await self._api.get(f"/api/v1/namespaces/{self._pod['metadata']['namespace']}/{kind}s/{name}")
        if found is None:
            if optional:
                return {}
            raise ConfigError(f'{kind} "{name}" not found')
        data = found.get("data") or {}
        return {key: base64.b64decode(value).decode() for key, value in data.items()} if kind == "secret" else data

    def _field(self, path: str) -> str:
        meta = self._pod["metadata"]
        labelled = re.fullmatch(r"metadata\.(labels|annotations)\['(.+)'\]", path)
        if labelled:
            return str((meta.get(labelled[1]) or {}).get(labelled[2], ""))
        known = {
            "metadata.name": meta["name"],
            "metadata.namespace": meta["namespace"],
            "metadata.uid": meta["uid"],
            "spec.nodeName": self._pod["spec"]["nodeName"],
            "spec.serviceAccountName": self._pod["spec"].get("serviceAccountName", "default"),
            "status.podIP": self._address,
            "status.podIPs": self._address,
            "status.hostIP": self._host,
        }
        return str(known[path])

    def _resource(self, reference: Object, container: Object) -> str:
        kind, _, name = reference["resource"].partition(".")
        amount = ((container.get("resources") or {}).get(kind) or {}).get(name, "0")
        return str(-(-quantity(amount) // quantity(reference.get("divisor") or "1")))

    async def _service_links(self) -> dict[str, str]:
        """https://kubernetes.io/docs/tutorials/services/connect-applications-service/#environment-variables"""
        if self._pod["spec"].get("enableServiceLinks") is False:
            return {}
        listed = await self._api.get(f"/api/v1/namespaces/{self._pod['metadata']['namespace']}/services")
        found: dict[str, str] = {}
        for service in (listed or {"items": []})["items"]:
            address = service["spec"].get("clusterIP")
            if not address or address == "None":
                continue
            prefix = service["metadata"]["name"].upper().replace("-", "_")
            port = service["spec"]["ports"][0]["port"]
            url = f"tcp://{address}:{port}"
            found |= {f"{prefix}_SERVICE_HOST": address, f"{prefix}_SERVICE_PORT": str(port), f"{prefix}_PORT": url}
        return found


def expanded(text: str, values: Mapping[str, str]) -> str:
    """$(NAME) replaced by its value where there is one, $$ by $.

    https://github.com/kubernetes/kubernetes/blob/master/third_party/forked/golang/expansion/expand.go
    """
    return _REFERENCE.sub(lambda found: "$" if found[1] is None else values.get(found[1], found[0]), text)
