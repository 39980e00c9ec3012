"""What the API server's authorizer says about users that do not exist."""

import json
from collections.abc import Collection
from types import TracebackType
from typing import Any, Self

import httpx2

from tests.testbed.controlplane import ControlPlane
from tests.testbed.node.api import login
from tests.testbed.rights import Grant, rules_of
from tests.testbed.waiting import eventually

_RBAC = "/apis/rbac.authorization.k8s.io/v1"


class Reviews:
    """SubjectAccessReviews: https://kubernetes.io/docs/reference/access-authn-authz/authorization/"""

    def __init__(self, plane: ControlPlane) -> None:
        server, headers, context = login(plane.admin_kubeconfig)
        self._http = httpx2.Client(base_url=server, headers=headers, verify=context, timeout=30, trust_env=False)
        self._made: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for path in self._made:
            self._http.delete(path)
        self._http.close()

    def refused(self, user: str, grants: Collection[Grant], asked: Collection[Grant]) -> set[Grant]:
        """What a user with these rights in the whole cluster would be refused. `user`: one that was not used before."""
        self._grant(user, grants)
        eventually(lambda: self._may(user, min(grants, key=str)), f"the authorizer knows of {user}")
        kinds = {one._replace(name=None if one.resource != "namespaces" else one.name) for one in asked}
        return {one for one in kinds if not self._may(user, one)}

    def _grant(self, user: str, grants: Collection[Grant]) -> None:
        metadata = {"name": user}
        role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": user}
        subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}
        self._post(f"{_RBAC}/clusterroles", {"metadata": metadata, "rules": rules_of(grants)})
        self._post(f"{_RBAC}/clusterrolebindings", {"metadata": metadata, "roleRef": role, "subjects": [subject]})
        self._made += [f"{_RBAC}/clusterrolebindings/{user}", f"{_RBAC}/clusterroles/{user}"]

    def _may(self, user: str, asked: Grant) -> bool:
        attributes = {
            "group": asked.group,
            "resource": asked.resource,
            "subresource": asked.subresource,
            "verb": asked.verb,
            "name": asked.name or "",
            "namespace": "" if asked.resource == "namespaces" else "default",
        }
        body = {"spec": {"user": user, "resourceAttributes": attributes}}
        answer = self._post("/apis/authorization.k8s.io/v1/subjectaccessreviews", body)
        return bool(answer["status"].get("allowed"))

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = self._http.post(path, content=json.dumps(body), headers={"Content-Type": "application/json"})
        if answer.is_error:
            raise RuntimeError(f"{path}: {answer.status_code} {answer.text}")
        found: dict[str, Any] = answer.json()
        return found
