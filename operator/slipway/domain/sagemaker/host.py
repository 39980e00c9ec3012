"""Which host image (AMI) SageMaker has to start for a container image.

The host brings the NVIDIA driver, the container brings CUDA. A container whose CUDA is too new for the driver
dies before it can log a line: the endpoint stays `Creating` until the health check times out.
"""

import re

CUDA_13_HOST = "al2023-ami-sagemaker-inference-gpu-4-1"
"""Driver 580, CUDA 13.0."""

CUDA_12_HOST = "al2-ami-sagemaker-inference-gpu-3-1"
"""Driver 550, CUDA 12.4."""

_RULES = (
    (re.compile(r"(?:^|-)cu13\d*(?:-|$)"), CUDA_13_HOST),
    (re.compile(r"(?:^|-)cu12[4-9](?:-|$)"), CUDA_12_HOST),
)


def inference_ami_version(image_uri: str) -> str | None:
    """The `InferenceAmiVersion` that an image needs, read off its tag; None leaves the choice to SageMaker.

    | CUDA in the tag   | host                                   | driver |
    |-------------------|----------------------------------------|--------|
    | cu13…             | al2023-ami-sagemaker-inference-gpu-4-1 | 580    |
    | cu124 … cu129     | al2-ami-sagemaker-inference-gpu-3-1    | 550    |
    | anything else     | None                                   |        |

    SageMaker's own choice is driver 470 on g4dn, g5 and p4d, and a newer one on newer families.

    The rule is not "the newest driver for everyone": a CUDA 12.9 image on the CUDA 13 host never left
    `Creating`. An image named by digest (`repository@sha256:…`, with or without a tag) or by a tag without a
    CUDA version gets None: nothing is known about it.

    Sources:
    - values, drivers and CUDA versions: `ProductionVariant.InferenceAmiVersion` in
      https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ProductionVariant.html
    - a CUDA 12.9 image stuck on the CUDA 13 host: https://github.com/aws/deep-learning-containers/pull/6187
    - a cu13 image crashing without a log on the default host; the SDK chooses too since September 2026:
      https://github.com/aws/sagemaker-python-sdk/pull/6281
    - the same reading of cu13 off the tag: https://github.com/autogluon/autogluon-cloud/pull/270
    """
    if "@" in image_uri:
        return None
    name = image_uri.rpartition("/")[2]  # so that the port of a registry is not taken for a tag
    tag = name.partition(":")[2]
    return next((host for pattern, host in _RULES if pattern.search(tag)), None)
