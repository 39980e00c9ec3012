"""What else a container may lack: memory of the node, shared memory, disk, a place to write.

Sources of the words:
- NCCL: https://github.com/NVIDIA/nccl/issues/525
- TGI: https://github.com/huggingface/text-generation-inference/blob/main/launcher/src/main.rs; signal 7 is what a shard
  dies of that lacks shared memory: https://github.com/IBM/text-generation-inference/pull/34
- vLLM: https://github.com/vllm-project/vllm/blob/main/vllm/v1/engine/utils.py (exit codes of its processes, below zero
  for signals: https://docs.python.org/3/library/multiprocessing.html#multiprocessing.Process.exitcode)
- PyTorch: https://github.com/pytorch/pytorch/blob/main/torch/utils/data/_utils/signal_handling.py
"""

from slipway.domain.cluster.diagnosis.reasons import Reason
from slipway.domain.cluster.diagnosis.signs import sign

RAISE_MEMORY = "Raise spec.target.cluster.memory; what lies in /dev/shm (sharedMemory) counts as part of it"
RAISE_SHARED_MEMORY = "Raise spec.target.cluster.sharedMemory, and memory by as much: it counts as part of it"
RAISE_DISK = (
    "Make spec.target.cluster.cache.size larger, or keepCommits smaller; without a cache, the pod's own disk must hold "
    "the weights: raise ephemeral-storage in spec.target.cluster.podTemplate"
)

SHARED_MEMORY = (
    sign(
        r"creating shared memory segment|/dev/shm.{0,120}No space left on device|[Nn]o space left.{0,80}/dev/shm"
        r"|posix_fallocate failed : No space left|signaled to shutdown with signal 7|Bus error"
        r"|out of shared memory|Failed core proc\(s\): \{[^}]*: -7\b",
        Reason.OUT_OF_SHARED_MEMORY,
        "the shared memory (/dev/shm) does not suffice, which several GPUs talk through",
        RAISE_SHARED_MEMORY,
    ),
)

MEMORY = (
    sign(
        r"signaled to shutdown with signal 9|Failed core proc\(s\): \{[^}]*: -9\b|Cannot allocate memory"
        r"|can't allocate memory|DefaultCPUAllocator: not enough memory|Unable to allocate .{0,40} for an array"
        r"|memory allocation of \d+ bytes failed|^MemoryError\b",
        Reason.OUT_OF_MEMORY,
        "the memory does not suffice",
        RAISE_MEMORY,
    ),
)

DISK = (
    sign(
        r"[Nn]o space left on device|Not enough free disk space|[Dd]isk quota exceeded",
        Reason.OUT_OF_DISK,
        "there is no room for the weights",
        RAISE_DISK,
    ),
)

WRITING = (
    sign(
        r"Read-only file system|Permission denied: ['\"]/|Permission denied \(os error 13\)"
        r"|mkdir .{0,200}: [Pp]ermission denied",
        Reason.NOT_WRITABLE,
        "it may not write where it wants to: its root is read-only, and it is not root",
        "Mount an emptyDir there in spec.target.cluster.podTemplate, or point the engine elsewhere by spec.engine.env; "
        "for a volume of your own, set securityContext.fsGroup",
    ),
)

SIGNS = (*SHARED_MEMORY, *MEMORY, *DISK, *WRITING)
