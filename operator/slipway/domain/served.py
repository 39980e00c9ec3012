"""What is to be served: a commit of a model, and of each adapter beside it."""

from dataclasses import dataclass

from slipway.api.v1alpha1.common import SecretKeyRef
from slipway.api.v1alpha1.deployment_status import AdapterRevision


@dataclass(frozen=True)
class ServedModel:
    """The commit that is to be served."""

    repo: str
    revision: str
    model_version: str
    hub: str | None = None
    """Base URL of the Hub, where the container must be told; None: the public one."""
    adapters: tuple[AdapterRevision, ...] = ()
    """LoRA adapters in the order of the spec."""
    token: SecretKeyRef | None = None
    """Where pods find the token for the Hub. In the cluster only."""
