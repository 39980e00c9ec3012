"""Settings of a model and an endpoint config in the words of SageMaker's API."""

from typing import Any

from slipway.domain.sagemaker.settings import DataCaptureSettings
from slipway.domain.sagemaker.steps import ConfigRequest, ModelRequest

Parameters = dict[str, Any]

DATA_CAPTURE_PROPERTY = {"VariantPropertyType": "DataCaptureConfig"}
"""https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_VariantProperty.html"""

_JSON = ["application/json"]
"""What the engines speak. Without this header captured bodies are base64:
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DataCaptureConfig.html"""


def model_settings(model: ModelRequest) -> Parameters:
    """Further parameters of CreateModel: those that are asked for."""
    parameters: Parameters = {}
    if model.vpc:
        parameters["VpcConfig"] = {
            "SecurityGroupIds": list(model.vpc.security_groups),
            "Subnets": list(model.vpc.subnets),
        }
    if model.network_isolation:
        parameters["EnableNetworkIsolation"] = True
    return parameters


def config_settings(config: ConfigRequest) -> Parameters:
    """Further parameters of CreateEndpointConfig: those that are asked for."""
    parameters: Parameters = {}
    if config.kms_key:
        parameters["KmsKeyId"] = config.kms_key
    if config.data_capture:
        parameters["DataCaptureConfig"] = _data_capture(config.data_capture)
    return parameters


def _data_capture(capture: DataCaptureSettings) -> Parameters:
    parameters = {
        "EnableCapture": True,
        "InitialSamplingPercentage": capture.sampling_percent,
        "DestinationS3Uri": capture.destination,
        "CaptureOptions": [{"CaptureMode": mode} for mode in capture.modes],
        "CaptureContentTypeHeader": {"JsonContentTypes": _JSON},
    }
    return parameters | ({"KmsKeyId": capture.kms_key} if capture.kms_key else {})
