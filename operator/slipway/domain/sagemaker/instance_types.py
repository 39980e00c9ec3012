"""How many GPUs a SageMaker instance type has.

The types are those of `ProductionVariantInstanceType` in botocore's service model of SageMaker (1.44.5); a
test fails when botocore knows a type that this table does not. The counts are EC2's
(https://docs.aws.amazon.com/ec2/latest/instancetypes/ac.html); a contract test compares those of the older
families (p2 to p5, g4dn, g5) with the ones that the SageMaker SDK ships.
"""

_ONE_TO_EIGHT = {
    **dict.fromkeys(("xlarge", "2xlarge", "4xlarge", "8xlarge", "16xlarge"), 1),
    **dict.fromkeys(("12xlarge", "24xlarge"), 4),
    "48xlarge": 8,
}
_BLACKWELL = {
    **dict.fromkeys(("2xlarge", "4xlarge", "8xlarge"), 1),
    "12xlarge": 2,
    "24xlarge": 4,
    "48xlarge": 8,
}

_GPUS: dict[str, dict[str, int]] = {
    "p2": {"xlarge": 1, "8xlarge": 8, "16xlarge": 16},
    "p3": {"2xlarge": 1, "8xlarge": 4, "16xlarge": 8},
    "p4d": {"24xlarge": 8},
    "p4de": {"24xlarge": 8},
    "p5": {"4xlarge": 1, "48xlarge": 8},
    "p5e": {"48xlarge": 8},
    "p5en": {"48xlarge": 8},
    "p6-b200": {"48xlarge": 8},
    "p6-b300": {"48xlarge": 8},
    "p6e-gb200": {"36xlarge": 4},
    "g4dn": {**dict.fromkeys(("xlarge", "2xlarge", "4xlarge", "8xlarge", "16xlarge"), 1), "12xlarge": 4},
    "g5": _ONE_TO_EIGHT,
    "g6": _ONE_TO_EIGHT,
    "g6e": _ONE_TO_EIGHT,
    "g7": _BLACKWELL,
    "g7e": _BLACKWELL,
}

# fmt: off
_WITHOUT_GPU = frozenset((
    "t2", "m4", "m5", "m5d", "m6g", "m6gd", "m6i", "m7i", "m8g",
    "c4", "c5", "c5d", "c6g", "c6gd", "c6gn", "c6i", "c6in", "c7g", "c7i", "c8g",
    "r5", "r5d", "r6g", "r6gd", "r6i", "r7gd", "r7i", "r8g",
    "inf1", "inf2", "trn1", "trn1n", "trn2", "dl1",  # accelerators, but not GPUs: they run other images
))
# fmt: on


def gpu_count(instance_type: str) -> int | None:
    """The number of GPUs of an instance type such as `ml.g5.2xlarge`.

    0: known to have none (CPU, Neuron and Gaudi). None: a type that Slipway does not know.
    """
    prefix, _, name = instance_type.partition(".")
    family, _, size = name.partition(".")
    if prefix != "ml" or not size:
        return None
    if family in _WITHOUT_GPU:
        return 0
    return _GPUS.get(family, {}).get(size)
