"""Amounts of memory, as Kubernetes writes them."""

from decimal import Decimal
from math import ceil

_MEBIBYTE = 1024**2
_FACTORS = {
    "m": Decimal("0.001"),
    **{suffix: Decimal(1000) ** power for power, suffix in enumerate(("", "k", "M", "G", "T"))},
    **{suffix: Decimal(1024) ** power for power, suffix in enumerate(("Ki", "Mi", "Gi", "Ti"), start=1)},
}
"""https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/"""


def mebibytes(quantity: str) -> int:
    """The fewest whole MiB that are no less than a quantity of bytes, such as 40Gi or 24G."""
    number = quantity.rstrip("mkKMGTi")
    return ceil(Decimal(number) * _FACTORS[quantity[len(number) :]] / _MEBIBYTE)
