"""GPUs: too little memory on them, too old, broken, or not to be seen.

Sources of the words:
- PyTorch: https://github.com/pytorch/pytorch/blob/main/c10/cuda/CUDAFunctions.cpp and …/CUDACachingAllocator.cpp
- vLLM: https://github.com/vllm-project/vllm/blob/main/vllm/v1/core/kv_cache_utils.py, …/v1/worker/utils.py,
  …/platforms/cuda.py, …/config/device.py
- TGI: https://github.com/huggingface/text-generation-inference/blob/main/backends/v3/src/lib.rs (NotEnoughMemory) and
  …/server/text_generation_server/models/flash_causal_lm.py
- the container runtime: https://github.com/NVIDIA/nvidia-container-toolkit/issues/152
"""

from slipway.domain.cluster.diagnosis.reasons import Patience, Reason
from slipway.domain.cluster.diagnosis.signs import sign

_LESS_OR_LARGER = (
    "Need less (a smaller spec.engine.maxTotalTokens, or spec.engine.quantization), or take more: larger GPUs "
    "(spec.target.cluster.minGpuMemory or gpuProducts), or more of them (gpus)"
)
_OTHER_GPUS = (
    "Choose other GPUs in spec.target.cluster.gpuProducts, or a spec.engine.version, dtype or quantization that these "
    "can run"
)
_DRIVER = "Update the driver of the nodes, or choose an older spec.engine.version, which needs an older CUDA"
_LOOK_FOR_GPU = (
    "If NVIDIA's runtime is not the nodes' default, set spec.target.cluster.runtimeClassName (mostly nvidia); else "
    "look at the GPU operator or the device plugin on that node"
)

OUT_OF_MEMORY = (
    # TGI and vLLM compute what they lack: it will be lacking the next time, too.
    sign(
        r"Not enough memory to handle|NotEnoughMemory\(|larger than the available KV cache memory"
        r"|No available memory for the cache blocks|is larger than the maximum number of tokens that can be stored in "
        r"KV cache",
        Reason.OUT_OF_GPU_MEMORY,
        "the GPU has room for the weights, but not for as many tokens as asked for",
        _LESS_OR_LARGER,
        Patience.NONE,
    ),
    sign(
        r"Free memory on device .{0,80}is less than desired GPU memory utilization",
        Reason.OUT_OF_GPU_MEMORY,
        "somebody else uses the memory of the same GPU",
        "Do not share GPUs that vLLM runs on, or give it less of one: --gpu-memory-utilization in spec.engine.args",
    ),
    sign(
        r"CUDA out of memory|torch\.(?:cuda\.)?OutOfMemoryError|HIP out of memory|CUDA error: out of memory"
        r"|CUBLAS_STATUS_ALLOC_FAILED|cudaErrorMemoryAllocation|NCCL.{0,200}[Cc]uda failure 2 'out of memory'",
        Reason.OUT_OF_GPU_MEMORY,
        "the memory of the GPU does not suffice",
        _LESS_OR_LARGER,
    ),
)

FAULTS = (
    sign(
        r"uncorrectable ECC error|GPU is lost|fallen off the bus|CUDA error: unspecified launch failure"
        r"|hardware stack error|Unable to determine the device handle for GPU",
        Reason.GPU_FAULT,
        "the GPU of its node is broken, or must be reset",
        "Cordon the node, and delete the pod, so that it starts on another one",
        Patience.ALL,
    ),
    sign(
        r"system not yet initialized",  # CUDA's error 802
        Reason.GPU_FAULT,
        "the GPUs of its node are not set up: their NVLink fabric has no manager",
        "Start nvidia-fabricmanager on the node, in the version of its driver; until then cordon the node",
        Patience.ALL,
    ),
    sign(
        r"CUDA-capable device\(s\) is/are busy or unavailable",
        Reason.GPU_FAULT,
        "the GPU is in use by somebody else, or hangs",
        "Look at it on the node with nvidia-smi, and delete the pod, so that it starts on another one",
        Patience.ALL,
    ),
)

UNSUPPORTED = (
    sign(
        r"CUDA driver version is insufficient|NVIDIA driver on your system is too old|unsatisfied condition: cuda"
        r"|forward compatibility was attempted on non supported HW|unsupported display driver / cuda driver combination"
        r"|provided PTX was compiled with an unsupported toolchain",
        Reason.UNSUPPORTED_GPU,
        "the driver of its node is too old for this image",
        _DRIVER,
        Patience.NONE,
    ),
    sign(
        r"no kernel image is available for execution|not supported for (?:', ')?the current GPU"
        r"|only supported on GPUs with compute capability|compute capability below|is not compatible with the current "
        r"PyTorch installation|requires Flash Attention enabled models|FlashAttention only supports Ampere GPUs"
        r"|requires (?:device with )?(?:a )?compute capability",
        Reason.UNSUPPORTED_GPU,
        "the engine has no code for this kind of GPU",
        _OTHER_GPUS,
        Patience.NONE,
    ),
)

NOT_VISIBLE = (
    sign(
        r"Failed to infer device type|Found no NVIDIA driver on your system|No CUDA GPUs are available"
        r"|no CUDA-capable device is detected|[Nn]o CUDA runtime is found|NVML Shared Library Not Found"
        r"|libcuda\.so(?:\.1)?: cannot open shared object file|libnvidia-ml\.so\.1: cannot open shared object file"
        r"|not enough cuda devices|NotEnoughCUDADevices\(|Failed to initialize NVML"
        r"|nvidia-container-cli: (?:initialization|mount|device) error|nvml error: driver not loaded"
        r"|could not select device driver",
        Reason.GPU_NOT_VISIBLE,
        "the container does not see the GPU that the pod has got",
        _LOOK_FOR_GPU,
    ),
)

SIGNS = (*FAULTS, *UNSUPPORTED, *OUT_OF_MEMORY, *NOT_VISIBLE)
