"""What the pods are to the cluster: somebody without rights and without a token."""

from slipway.domain.cluster.marks import Manifest
from slipway.domain.cluster.subject import Subject, marked


def account_name(deployment: str) -> str:
    """Name of the ServiceAccount. Not the Deployment's own: one that is named `default` would take that of all pods."""
    return f"{deployment}-engine"


def service_account(subject: Subject) -> Manifest:
    """The ServiceAccount `<name>-engine`. One with a cloud identity can be named in podTemplate instead."""
    return marked(
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": subject.metadata(account_name(subject.name)),
            "automountServiceAccountToken": False,
        }
    )
