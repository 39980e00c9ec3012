"""The header of a safetensors file: how many parameters of which type
(https://huggingface.co/docs/safetensors).
"""

import json
import re
from collections import Counter
from math import prod

LENGTH_BYTES = 8
MAX_HEADER = 25_000_000
"""Bytes; the bound that huggingface_hub sets too (SAFETENSORS_MAX_HEADER_LENGTH)."""
MAX_ELEMENTS = 2**48
MAX_DIMENSIONS = 16
_DTYPE = re.compile(r"^[A-Z][A-Z0-9_]{0,15}$")


def header_length(start: bytes) -> int:
    """Length of the header in bytes, from a file's first eight. Raises ValueError."""
    if len(start) < LENGTH_BYTES:
        raise ValueError(f"a safetensors file of {len(start)} bytes")
    length = int.from_bytes(start[:LENGTH_BYTES], "little")
    if not 2 <= length <= MAX_HEADER:
        raise ValueError(f"a safetensors header of {length} bytes")
    return length


def count_parameters(header: bytes) -> Counter[str]:
    """Number of elements by dtype. Raises ValueError for what is not a safetensors header."""
    try:
        tensors = json.loads(header)
    except (ValueError, RecursionError) as error:
        raise ValueError("a safetensors header that is not JSON") from error
    if not isinstance(tensors, dict):
        raise ValueError("a safetensors header that is not a JSON object")  # noqa: TRY004 - bytes, not types
    counts: Counter[str] = Counter()
    for name, tensor in tensors.items():
        if name != "__metadata__":
            dtype, elements = _tensor(tensor)
            counts[dtype] += elements
    return counts


def _tensor(tensor: object) -> tuple[str, int]:
    dtype = tensor.get("dtype") if isinstance(tensor, dict) else None
    shape = tensor.get("shape") if isinstance(tensor, dict) else None
    if not isinstance(dtype, str) or not _DTYPE.fullmatch(dtype) or not isinstance(shape, list):
        raise ValueError("a safetensors header with a tensor that lacks dtype or shape")
    sizes = [size for size in shape if type(size) is int and 0 <= size <= MAX_ELEMENTS]
    if len(sizes) < len(shape) or len(shape) > MAX_DIMENSIONS or prod(sizes) > MAX_ELEMENTS:
        raise ValueError("a safetensors header with an impossible shape")
    return dtype, prod(sizes)
