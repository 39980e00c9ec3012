"""Kubernetes quantities: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/"""

from __future__ import annotations

import re
from fractions import Fraction

_FORM = re.compile(r"([0-9]+(?:\.[0-9]+)?)(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?")
_FACTORS = {
    "": Fraction(1),
    "m": Fraction(1, 1000),
    **{unit: Fraction(1000**power) for power, unit in enumerate("kMGTP", 1)},
    **{f"{unit}i": Fraction(1024**power) for power, unit in enumerate("KMGTP", 1)},
}


def quantity(text: str | int) -> Fraction:
    """The number that a quantity stands for. Raises ValueError."""
    found = _FORM.fullmatch(str(text))
    if found is None:
        raise ValueError(f"{text!r} is no quantity")
    return Fraction(found[1]) * _FACTORS[found[2] or ""]
