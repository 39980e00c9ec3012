"""What spec.target.sageMaker says about a model and its config besides what serves: network, keys, data capture.

Each part of a name's content is there only while its field is set, so that what never used a field keeps its name.
Lists that are sets are sorted: another order is not another network.
"""

from dataclasses import asdict, dataclass
from typing import Any

from slipway.api.v1alpha1.common import seconds
from slipway.api.v1alpha1.sagemaker_target import SageMakerTarget

DOWNLOAD_TIMEOUT_RANGE = (60, 3600)
"""Seconds that ModelDataDownloadTimeoutInSeconds allows:
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ProductionVariant.html"""

_CAPTURE_MODES = {"Input": ("Input",), "Output": ("Output",), "InputAndOutput": ("Input", "Output")}
"""Both are asked for one by one, as in
https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-data-capture-endpoint.html"""


@dataclass(frozen=True)
class VpcSettings:
    """VpcConfig: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_VpcConfig.html"""

    security_groups: tuple[str, ...]
    """Sorted, each once."""
    subnets: tuple[str, ...]
    """Sorted, each once."""


@dataclass(frozen=True)
class DataCaptureSettings:
    """DataCaptureConfig: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DataCaptureConfig.html"""

    sampling_percent: int
    destination: str
    """s3://bucket/prefix."""
    modes: tuple[str, ...]
    """Input, Output, or both."""
    kms_key: str | None = None


def vpc_settings(target: SageMakerTarget) -> VpcSettings | None:
    """The network that is asked for; None: SageMaker's own."""
    vpc = target.vpc
    if vpc is None:
        return None
    return VpcSettings(tuple(sorted(set(vpc.security_group_ids))), tuple(sorted(set(vpc.subnets))))


def data_capture_settings(target: SageMakerTarget) -> DataCaptureSettings | None:
    """What is to be kept of requests; None: nothing."""
    capture = target.data_capture
    if capture is None:
        return None
    return DataCaptureSettings(
        capture.sampling_percent, capture.destination_s3_uri, _CAPTURE_MODES[capture.capture], capture.kms_key_id
    )


def download_timeout(target: SageMakerTarget) -> int | None:
    """Seconds that the download of a model from S3 may take; None: SageMaker's own choice."""
    return seconds(target.model_download_timeout) if target.model_download_timeout else None


def model_content(target: SageMakerTarget) -> dict[str, Any]:
    """What these settings add to the content that the model's name is made of."""
    vpc = vpc_settings(target)
    content: dict[str, Any] = {"vpc": asdict(vpc)} if vpc else {}
    return content | ({"networkIsolation": True} if target.network_isolation else {})


def config_content(target: SageMakerTarget) -> dict[str, Any]:
    """What these settings add to the content that the endpoint config's name is made of."""
    capture = data_capture_settings(target)
    found = {
        "kmsKey": target.kms_key_id,
        "dataCapture": asdict(capture) if capture else None,
        "modelDownloadTimeout": download_timeout(target),
    }
    return {name: value for name, value in found.items() if value is not None}
