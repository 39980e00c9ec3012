"""Deployment: where a ModelVersion is served, and how."""

from typing import Annotated, Literal

from pydantic import Field

from slipway.api.v1alpha1.autoscaling import REPLICAS_OR_AUTOSCALING, Autoscaling
from slipway.api.v1alpha1.cluster_target import ClusterTarget
from slipway.api.v1alpha1.common import ApiModel, Duration, ModelRef, ObjectMeta, rules
from slipway.api.v1alpha1.deployment_status import DeploymentStatus
from slipway.api.v1alpha1.engine import Engine
from slipway.api.v1alpha1.rollout import Rollout
from slipway.api.v1alpha1.sagemaker_target import SageMakerTarget

ONE_TARGET = "set exactly one target below spec.target: sageMaker or cluster"
TARGET_FIXED = "the kind of target cannot change: delete this Deployment and create another one"
RETAIN_IN_CLUSTER = (
    "deletionPolicy Retain is for target sageMaker: to leave pods behind, delete with kubectl delete --cascade=orphan"
)
NAME_SHAPE = "metadata.name must be a DNS label of at most 48 characters that starts with a letter (a-z, 0-9, '-')"
NAME_PATTERN = "^[a-z]([-a-z0-9]*[a-z0-9])?$"
NAME_MAX_LENGTH = 48


class Target(ApiModel):
    """Where to serve: exactly one target. The kind of target cannot change."""

    model_config = {
        "json_schema_extra": rules(
            ("has(self.sageMaker) != has(self.cluster)", ONE_TARGET),
            ("has(self.sageMaker) == has(oldSelf.sageMaker)", TARGET_FIXED),
        )
    }

    sage_maker: SageMakerTarget | None = None
    """Amazon SageMaker."""
    cluster: ClusterTarget | None = None
    """Pods with GPUs, in this namespace."""


class DeploymentSpec(ApiModel):
    """What to serve, where and how."""

    model_config = {
        "json_schema_extra": rules(
            ("!has(self.replicas) || !has(self.autoscaling)", REPLICAS_OR_AUTOSCALING),
            ("!has(self.target.cluster) || self.deletionPolicy == 'Delete'", RETAIN_IN_CLUSTER),
        )
    }

    model_ref: ModelRef
    """The ModelVersion to serve."""
    engine: Engine
    """The inference server."""
    target: Target
    """Where to serve."""
    replicas: Annotated[int, Field(ge=0, le=1000)] | None = None
    """Number of instances or pods. Without it the operator starts with one and leaves the count alone."""
    autoscaling: Autoscaling | None = None
    """The number of pods follows the engine's queue. Target cluster only."""
    rollout: Rollout = Rollout()
    """How a new revision comes into service."""
    deletion_policy: Literal["Delete", "Retain"] = "Delete"
    """What happens to the endpoint when this object is deleted. May be edited while deletion waits."""
    drift: Literal["Correct", "Report"] = "Correct"
    """What happens when somebody else changes the endpoint: it is changed back, or only reported."""
    expire_after: Duration | None = None
    """After this time since its creation the Deployment stops serving and its endpoint is removed."""


class Deployment(ApiModel):
    """A model that is served, on SageMaker or in this cluster. Short name sdep: apps/v1 has a deployment too."""

    model_config = {
        "json_schema_extra": rules(
            (
                f"self.metadata.name.size() <= {NAME_MAX_LENGTH} && self.metadata.name.matches('{NAME_PATTERN}')",
                NAME_SHAPE,
            )
        )
    }

    metadata: ObjectMeta
    spec: DeploymentSpec
    status: DeploymentStatus = DeploymentStatus()
