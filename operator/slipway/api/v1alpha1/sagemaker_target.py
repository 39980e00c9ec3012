"""spec.target.sageMaker: a real-time endpoint of Amazon SageMaker."""

from typing import Annotated, Literal

from pydantic import Field

from slipway.api.v1alpha1.common import ApiModel, Duration, rules

REGION_FIXED = "region cannot change: delete this Deployment and create another one"
ENDPOINT_NAME_FIXED = "endpointName cannot change: delete this Deployment and create another one"
ASSUME_ROLE_FIXED = "assumeRole.arn cannot change: delete this Deployment and create another one"
RESERVED_TAGS = "tags must not begin with slipway.dev/ or aws:, which are reserved"
RoleArn = Annotated[str, Field(min_length=20, max_length=2048, pattern=r"^arn:aws[a-z\-]*:iam::[0-9]{12}:role/[!-~]+$")]
KmsKeyId = Annotated[str, Field(min_length=1, max_length=2048, pattern=r"^[a-zA-Z0-9:/_-]+$")]
EndpointName = Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}$")]


class AssumeRole(ApiModel):
    """A role that the operator assumes, for another account or narrower rights."""

    arn: RoleArn
    """The role. Its trust policy must name the operator's own."""
    external_id: Annotated[str, Field(min_length=2, max_length=1224, pattern=r"^[A-Za-z0-9_+=,.@:/\-]+$")] | None = None
    """External id that the role's trust policy asks for."""


class Vpc(ApiModel):
    """The network that containers live in. Without a way to the Hub they cannot download a model."""

    security_group_ids: Annotated[
        list[Annotated[str, Field(max_length=32, pattern=r"^[-0-9a-zA-Z]+$")]], Field(min_length=1, max_length=5)
    ]
    """One to five security groups."""
    subnets: Annotated[
        list[Annotated[str, Field(max_length=32, pattern=r"^[-0-9a-zA-Z]+$")]], Field(min_length=1, max_length=16)
    ]
    """One to sixteen subnets."""


class DataCapture(ApiModel):
    """Requests and answers, kept in S3."""

    sampling_percent: Annotated[int, Field(ge=0, le=100)]
    """How many of a hundred requests are kept."""
    destination_s3_uri: Annotated[str, Field(min_length=6, max_length=512, pattern=r"^s3://[!-~]+$")]
    """Where to: s3://bucket/prefix."""
    capture: Literal["Input", "Output", "InputAndOutput"] = "InputAndOutput"
    """What of a request is kept."""
    kms_key_id: KmsKeyId | None = None
    """Key that what is kept is encrypted with."""


class SageMakerTarget(ApiModel):
    """A real-time endpoint of Amazon SageMaker."""

    model_config = {
        "json_schema_extra": rules(
            ("self.region == oldSelf.region", REGION_FIXED),
            (
                (
                    "has(self.endpointName) == has(oldSelf.endpointName)"
                    " && (!has(self.endpointName) || self.endpointName == oldSelf.endpointName)"
                ),
                ENDPOINT_NAME_FIXED,
            ),
            (
                (
                    "has(self.assumeRole) == has(oldSelf.assumeRole)"
                    " && (!has(self.assumeRole) || self.assumeRole.arn == oldSelf.assumeRole.arn)"
                ),
                ASSUME_ROLE_FIXED,
            ),
            (
                "!has(self.tags) || self.tags.all(key, !key.startsWith('slipway.dev/') && !key.startsWith('aws:'))",
                RESERVED_TAGS,
            ),
        )
    }

    region: Annotated[str, Field(min_length=5, max_length=32, pattern=r"^[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}$")]
    """AWS region, such as eu-central-1. Cannot change."""
    execution_role_arn: RoleArn
    """IAM role that SageMaker assumes for the container. The operator must be allowed to pass it."""
    instance_type: Annotated[str, Field(min_length=4, max_length=64, pattern=r"^ml\.[a-z0-9.\-]+$")]
    """Instance type, such as ml.g5.2xlarge."""
    endpoint_name: EndpointName | None = None
    """Name of the endpoint. Without it: <namespace>-<name>. Cannot change."""
    adopt: bool = False
    """Take over an endpoint of that name which nobody's Deployment owns. What it serves goes on until it is rolled."""
    assume_role: AssumeRole | None = None
    """Role that the operator assumes for this Deployment. Without it: the operator's own identity. Cannot change."""
    inference_ami_version: Annotated[str, Field(max_length=63, pattern=r"^[a-z0-9\-]+$")] | None = None
    """Host image, which brings the GPU driver. Without it: what the container image needs."""
    vpc: Vpc | None = None
    """Network of the containers."""
    kms_key_id: KmsKeyId | None = None
    """Key for the instances' storage volume. Instance types with local storage, such as g5, take none."""
    network_isolation: bool = False
    """Cut the containers off from every network. They cannot download a model then: it must be in engine.image."""
    data_capture: DataCapture | None = None
    """Keep requests and answers in S3."""
    model_download_timeout: Duration | None = None
    """How long the download of a model from S3 may take (1m to 1h). Downloads from a Hub count into startupTimeout."""
    tags: Annotated[
        dict[str, Annotated[str, Field(max_length=256, pattern=r"^[A-Za-z0-9_ .:/=+\-@]*$")]], Field(max_length=40)
    ] = Field(default_factory=dict)
    """Further AWS tags of the model, the endpoint config and the endpoint; of its alarms as they are made."""
