"""Names, labels and annotations of what a Deployment has in the cluster.

Labels say what is whose; what has to be remembered about a revision is an annotation of its own apps/v1 Deployment, and
what has to be remembered about a roll is an annotation of the Service, whose selector decides who gets the requests.
"""

from typing import Any

Manifest = dict[str, Any]
"""An object of the Kubernetes API, as JSON."""

NAME_LABEL = "app.kubernetes.io/name"
INSTANCE_LABEL = "app.kubernetes.io/instance"
MANAGED_BY_LABEL = "app.kubernetes.io/managed-by"
"""https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/"""
MANAGED_BY = "slipway"
DEPLOYMENT_LABEL = "slipway.dev/deployment"
"""Name of our Deployment, on everything that is made for it, pods included."""
REVISION_LABEL = "slipway.dev/revision"
"""The revision's digest, on its apps/v1 Deployment and on its pods."""
ROLE_LABEL = "slipway.dev/role"
"""What a pod is for: `server`, or `prefetch` for the Job that loads weights into the cache."""
SERVER = "server"
PREFETCH = "prefetch"

CONTENT = "slipway.dev/content"
"""Annotation of everything that is applied: digest of what was applied. Tells drift from a change of ours."""
SERVED = "slipway.dev/served"
"""Annotation of a revision's apps/v1 Deployment: JSON of what it serves (`Served`)."""
FAILED = "slipway.dev/failed"
"""Annotation of a revision's apps/v1 Deployment: JSON of why it failed (`Failure`). Its replicas are 0 then."""
VERIFIED = "slipway.dev/verified"
"""Annotation of a revision's apps/v1 Deployment: how its commit was verified, Engine or Arguments."""
SERVING = "slipway.dev/serving"
"""Annotation of the Service: digest of the revision that serves."""
ROLLOUT = "slipway.dev/rollout"
"""Annotation of the Service: JSON of the roll under way (`Progress`)."""

SERVER_CONTAINER = "engine"
"""Name of the container that serves; the user's podTemplate merges with it by this name."""
PORT_NAME = "http"
PORT = 8080
"""Of the container: above 1024, because it runs as no root. The Service has 80."""
SERVICE_PORT = 80
NOBODY = "none"
"""Value of the revision label in a selector that must match no pod."""


def child_name(deployment: str, revision: str) -> str:
    """Name of a revision's apps/v1 Deployment: `<name>-<digest>`, at most 48 + 1 + 10 characters."""
    return f"{deployment}-{revision}"


def canary_name(deployment: str) -> str:
    """Name of the Service that has the new revision's pods alone while a route divides the requests."""
    return f"{deployment}-canary"


def labels(deployment: str, revision: str | None = None) -> dict[str, str]:
    """The labels of what is made for a Deployment, or for one revision of it."""
    own = {INSTANCE_LABEL: deployment, MANAGED_BY_LABEL: MANAGED_BY, DEPLOYMENT_LABEL: deployment}
    return own | ({REVISION_LABEL: revision} if revision else {})


def labels_of(manifest: Manifest) -> dict[str, str]:
    """The labels that an object has."""
    return manifest["metadata"].get("labels") or {}
