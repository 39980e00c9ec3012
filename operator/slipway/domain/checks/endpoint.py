"""Whether the settings of spec.target.sageMaker go together, as far as that can be told without asking AWS."""

import re
import unicodedata

from slipway.api.v1alpha1.common import seconds
from slipway.api.v1alpha1.sagemaker_target import SageMakerTarget
from slipway.domain.checks.inputs import Inputs, Problem, invalid
from slipway.domain.conditions import Finding
from slipway.domain.sagemaker.local_storage import has_local_storage
from slipway.domain.sagemaker.settings import DOWNLOAD_TIMEOUT_RANGE

_FIELD = "spec.target.sageMaker"
_TAG_KEY_LIMIT = 128
_TAG_KEY_MARKS = "_.:/=+-@"
"""https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_Tag.html. The schema limits values and their number:
40, and Slipway's own, of the 50 that a resource may have."""
_DESTINATION = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[!-~]*)?")
"""https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html"""


def check_endpoint(inputs: Inputs) -> Problem | None:
    """What SageMaker would refuse, or would take and not do."""
    target = inputs.deployment.spec.target.sage_maker
    if target is None:
        return None
    problems = (_keys(target), _download_timeout(target), _destination(target), _tags(target))
    text = next((problem for problem in problems if problem), None)
    return invalid(f"{_FIELD}.{text}") if text else None


def check_isolation(inputs: Inputs) -> Problem | None:
    """Whether a container without a network has a model to serve."""
    spec = inputs.deployment.spec
    target = spec.target.sage_maker
    if target is None or not target.network_isolation or spec.engine.image:
        return None
    text = (
        f"{_FIELD}.networkIsolation cuts the container off from the Hub, and its own image brings no model. Set "
        "spec.engine.image to an image that has the model in it, or leave networkIsolation out"
    )
    return Problem(Finding("WeightsNotReachable", text))


def _keys(target: SageMakerTarget) -> str | None:
    if target.kms_key_id and has_local_storage(target.instance_type):
        return (
            f"kmsKeyId: {target.instance_type} keeps its data on local storage, which its own hardware encrypts and "
            "which takes no other key. Leave kmsKeyId out, or choose an instanceType without local storage"
        )
    capture = target.data_capture
    keys = {"kmsKeyId": target.kms_key_id, "dataCapture.kmsKeyId": capture.kms_key_id if capture else None}
    for field, key in keys.items():
        problem = _key_arn(key, target.region) if key else None
        if problem:
            return f"{field}: {problem}"
    return None


def _key_arn(key: str, region: str) -> str | None:
    """What is wrong with a key's ARN; None if nothing is, or if it is an id or an alias."""
    if not key.startswith("arn:"):
        return None
    parts = key.split(":", 5)
    if len(parts) < 6 or parts[2] != "kms" or not parts[5].startswith(("key/", "alias/")):
        return f"{key} is not the ARN of a KMS key: arn:aws:kms:<region>:<account>:key/<id> or …:alias/<name>"
    if parts[3] != region:
        return f"the key is in {parts[3]}, but the endpoint is in {region}. Use a key of {region}"
    return None


def _download_timeout(target: SageMakerTarget) -> str | None:
    if target.model_download_timeout is None:
        return None
    shortest, longest = DOWNLOAD_TIMEOUT_RANGE
    if shortest <= seconds(target.model_download_timeout) <= longest:
        return None
    return "modelDownloadTimeout must be between 1m and 1h, which is what SageMaker allows"


def _destination(target: SageMakerTarget) -> str | None:
    capture = target.data_capture
    if capture is None or _DESTINATION.fullmatch(capture.destination_s3_uri):
        return None
    return (
        f"dataCapture.destinationS3Uri: {capture.destination_s3_uri} must be s3://bucket/prefix, with a bucket's name "
        "of 3 to 63 lower-case letters, digits, dots and hyphens"
    )


def _tags(target: SageMakerTarget) -> str | None:
    for key in target.tags:
        if key.lower().startswith("aws:"):
            return f"tags: {key} begins with aws:, which is reserved whatever its case"
        if not 1 <= len(key) <= _TAG_KEY_LIMIT or not all(_may_be_in_a_key(letter) for letter in key):
            return (
                f"tags: {key!r} cannot be the key of a tag. AWS allows 1 to {_TAG_KEY_LIMIT} letters, digits, spaces "
                f"and {' '.join(_TAG_KEY_MARKS)}"
            )
    return None


def _may_be_in_a_key(letter: str) -> bool:
    return letter in _TAG_KEY_MARKS or unicodedata.category(letter)[0] in "LNZ"
