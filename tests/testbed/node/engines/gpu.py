"""Whether a model fits on the GPUs, with PyTorch's words where it does not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

GIB = 2**30
_QUARTER = ("bitsandbytes-nf4", "bitsandbytes-fp4")
_HALF = ("bitsandbytes", "eetq", "fp8")
SHARED_MEMORY_NEEDED = (
    "torch.distributed.DistBackendError: NCCL error in: ../torch/csrc/distributed/c10d/NCCLUtils.cpp, unhandled system "
    "error (run with NCCL_DEBUG=INFO for details)\nLast error:\nError while creating shared memory segment "
    "/dev/shm/nccl-Xh2Vrf (size 33030528), error: No space left on device (28)"
)
"""More than one GPU, and the 64 MiB that a container has at /dev/shm by default.
https://github.com/huggingface/text-generation-inference#a-note-on-shared-memory-shm"""


def weights_on_each(size: int, gpus: int, quantization: str | None) -> int:
    """Bytes of weights on each GPU; what is quantized while it is loaded shrinks from 16 bits."""
    part = 4 if quantization in _QUARTER else 2 if quantization in _HALF else 1
    return size // part // max(gpus, 1)


def bytes_per_token(config: Mapping[str, Any], width: int = 2) -> int:
    """Of the key-value cache, over all GPUs; at least 1."""
    heads = int(config.get("num_attention_heads") or 1)
    head = int(config.get("head_dim") or int(config.get("hidden_size") or heads) // heads)
    kv_heads = int(config.get("num_key_value_heads") or heads)
    return max(1, 2 * int(config.get("num_hidden_layers") or 1) * kv_heads * head * width)


def out_of_memory(wanted: int, memory: int) -> str:
    """The last line of PyTorch's traceback."""
    free = memory // 200
    return (
        f"torch.OutOfMemoryError: CUDA out of memory. Tried to allocate {min(wanted, 224 * 2**20) / 2**20:.2f} MiB. "
        f"GPU 0 has a total capacity of {memory / GIB:.2f} GiB of which {free / 2**20:.2f} MiB is free. Process 1 has "
        f"{(memory - free) / GIB:.2f} GiB memory in use. Of the allocated memory {(memory - 2 * free) / GIB:.2f} GiB "
        f"is allocated by PyTorch, and {free / 2**20:.2f} MiB is reserved by PyTorch but unallocated. If reserved but "
        "unallocated memory is large try setting PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True to avoid "
        "fragmentation.  See documentation for Memory Management  "
        "(https://pytorch.org/docs/stable/notes/cuda.html#environment-variables)"
    )
