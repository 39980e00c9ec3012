"""Which partition of AWS a region belongs to: what its ARNs begin with, and the domain of its services.

The table is botocore's `partitions.json` (1.44.5); a test compares it with botocore's for every region that botocore
knows. It is kept here because the URL of an endpoint must be known without a client and without a look: in plans, and
at rest.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Partition:
    """One partition: https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html"""

    name: str
    """As in ARNs."""
    dns_suffix: str
    """What the hosts of its services end with."""


_STANDARD = Partition("aws", "amazonaws.com")
_BY_PREFIX = {
    "cn-": Partition("aws-cn", "amazonaws.com.cn"),
    "us-gov-": Partition("aws-us-gov", "amazonaws.com"),
    "us-iso-": Partition("aws-iso", "c2s.ic.gov"),
    "us-isob-": Partition("aws-iso-b", "sc2s.sgov.gov"),
    "us-isof-": Partition("aws-iso-f", "csp.hci.ic.gov"),
    "eu-isoe-": Partition("aws-iso-e", "cloud.adc-e.uk"),
    "eusc-": Partition("aws-eusc", "amazonaws.eu"),
}
"""By what the names of its regions begin with."""


def partition_of(region: str) -> Partition:
    """The partition of a region. Regions that match no other one are taken for the standard partition's."""
    return next((found for prefix, found in _BY_PREFIX.items() if region.startswith(prefix)), _STANDARD)
