"""Quantities, as Kubernetes writes them."""

from decimal import Decimal, InvalidOperation
from math import ceil

_MEBIBYTE = 1024**2
_FACTORS = {
    "m": Decimal("0.001"),
    **{suffix: Decimal(1000) ** power for power, suffix in enumerate(("", "k", "M", "G", "T"))},
    **{suffix: Decimal(1024) ** power for power, suffix in enumerate(("Ki", "Mi", "Gi", "Ti"), start=1)},
}
"""https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/"""


def amount(text: str) -> Decimal | None:
    """The number that a quantity such as 500m, 2 or 40Gi stands for; None if it is no quantity."""
    number = text.rstrip("mkKMGTi")
    factor = _FACTORS.get(text[len(number) :])
    try:
        return Decimal(number) * factor if factor else None
    except InvalidOperation:
        return None


def mebibytes(quantity: str) -> int:
    """The fewest whole MiB that are no less than a quantity of bytes, such as 40Gi or 24G.

    Raises ValueError if it is none, which the schema does not let through.
    """
    found = amount(quantity)
    if found is None:
        raise ValueError(f"{quantity!r} is no quantity")
    return ceil(found / _MEBIBYTE)
