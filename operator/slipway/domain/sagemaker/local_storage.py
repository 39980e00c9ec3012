"""Which instance types keep their data on local storage (NVMe), which takes no key of one's own.

"Local storage volumes are encrypted using a hardware module on the instance. You can't request a KmsKeyId when using
an instance type with local storage [...] the call to CreateEndpointConfig fails"
(https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpointConfig.html; newer editions say that the
key "does not encrypt instance local storage", which is no better for whoever asks for one). The service's words are
"KMS key is not supported for NVMe instance storage" (https://github.com/aws/sagemaker-python-sdk/issues/3677).
"""

# fmt: off
_FAMILIES = frozenset((
    "g4dn", "g5", "g6", "g6e", "g7", "g7e",
    "p4d", "p4de", "p5", "p5e", "p5en", "p6-b200", "p6-b300", "p6e-gb200",
    "m5d", "m6gd", "c5d", "c6gd", "r5d", "r6gd", "r7gd",
    "trn1", "trn1n", "trn2", "dl1",
))
# fmt: on
"""Those of `ProductionVariantInstanceType` (botocore 1.44.5) that have instance store volumes in
https://docs.aws.amazon.com/ec2/latest/instancetypes/ac.html and .../gp.html, co.html, mo.html."""


def has_local_storage(instance_type: str) -> bool:
    """Whether an instance type such as `ml.g5.2xlarge` is known to have local storage."""
    return instance_type.removeprefix("ml.").partition(".")[0] in _FAMILIES
