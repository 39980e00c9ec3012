"""The Services of a Deployment: the one whose address stays the same, and that of a canary by weight."""

from slipway.domain.cluster.marks import PORT_NAME, SERVICE_PORT, Manifest, canary_name
from slipway.domain.cluster.settings import ClusterSettings
from slipway.domain.cluster.subject import Subject, marked


def service(subject: Subject) -> Manifest:
    """The Service `<name>`, without selector: who gets the requests is a matter of the roll, which adds it."""
    return _service(subject, subject.name)


def canary_service(subject: Subject) -> Manifest:
    """The Service `<name>-canary`, without selector, to which an HTTPRoute leads a share of the requests in a roll."""
    return _service(subject, canary_name(subject.name))


def _service(subject: Subject, name: str) -> Manifest:
    port = {
        "name": PORT_NAME,
        "port": SERVICE_PORT,
        "targetPort": PORT_NAME,
        "protocol": "TCP",
        "appProtocol": "http",
    }
    return marked(
        {"apiVersion": "v1", "kind": "Service", "metadata": subject.metadata(name), "spec": {"ports": [port]}}
    )


def base_url(subject: Subject, settings: ClusterSettings) -> str:
    """Base URL for OpenAI clients within the cluster."""
    return f"http://{subject.name}.{subject.namespace}.svc.{settings.cluster_domain}/v1"
