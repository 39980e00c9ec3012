"""What makes the Prometheus operator scrape the pods: https://prometheus-operator.dev/docs/api-reference/api/"""

from typing import Any

from slipway.api.v1alpha1.cluster_target import Monitoring
from slipway.domain.cluster.apis import POD_MONITOR, SERVICE_MONITOR
from slipway.domain.cluster.marks import (
    DEPLOYMENT_LABEL,
    PORT_NAME,
    REVISION_LABEL,
    ROLE_LABEL,
    SERVER,
    Manifest,
)
from slipway.domain.cluster.subject import Subject, marked

_PATH = "/metrics"
"""Of both engines, on the port that serves."""


def monitor(subject: Subject, wanted: Monitoring) -> Manifest:
    """The PodMonitor or ServiceMonitor `<name>`.

    A PodMonitor sees every pod that serves or is about to; a ServiceMonitor those that the Service has. Both carry the
    Deployment's name and the revision onto the series, as `slipway_dev_deployment` and `slipway_dev_revision`.
    """
    of_pods = wanted.kind == "PodMonitor"
    api = POD_MONITOR if of_pods else SERVICE_MONITOR
    endpoint = {"port": PORT_NAME, "path": _PATH, "interval": wanted.interval}
    labels = {DEPLOYMENT_LABEL: subject.name} | ({ROLE_LABEL: SERVER} if of_pods else {})
    spec: dict[str, Any] = {
        "selector": {"matchLabels": labels},
        "podTargetLabels": [DEPLOYMENT_LABEL, REVISION_LABEL],
        ("podMetricsEndpoints" if of_pods else "endpoints"): [endpoint],
    }
    return marked(
        {
            "apiVersion": api.api_version,
            "kind": api.kind,
            "metadata": subject.metadata(subject.name, labels=wanted.labels),
            "spec": spec,
        }
    )
