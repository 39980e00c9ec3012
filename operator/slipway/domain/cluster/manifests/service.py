"""The one Service of a Deployment: its address stays the same whatever revision serves."""

from slipway.domain.cluster.marks import PORT_NAME, SERVICE_PORT, Manifest
from slipway.domain.cluster.settings import ClusterSettings
from slipway.domain.cluster.subject import Subject, marked


def service(subject: Subject) -> Manifest:
    """The Service `<name>`, without selector: who gets the requests is a matter of the roll, which adds it."""
    port = {
        "name": PORT_NAME,
        "port": SERVICE_PORT,
        "targetPort": PORT_NAME,
        "protocol": "TCP",
        "appProtocol": "http",
    }
    metadata = subject.metadata(subject.name)
    return marked({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"ports": [port]}})


def base_url(subject: Subject, settings: ClusterSettings) -> str:
    """Base URL for OpenAI clients within the cluster."""
    return f"http://{subject.name}.{subject.namespace}.svc.{settings.cluster_domain}/v1"
