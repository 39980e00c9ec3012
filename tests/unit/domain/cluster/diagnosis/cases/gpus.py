"""GPUs, and their memory."""

from slipway.domain.cluster.diagnosis.reasons import Reason
from tests.unit.domain.cluster.diagnosis import logs
from tests.unit.domain.cluster.diagnosis.cases.case import TGI, VLLM, Case, config, ended
from tests.unit.domain.cluster.diagnosis.pods import crashed, pod

TORCH = "https://github.com/pytorch/pytorch/blob/main/c10/cuda/"
NOT_ENOUGH_KV = (
    "To serve at least one request with the models's max seq len (131072), (16.00 GiB KV cache is needed, which is "
    "larger than the available KV cache memory (5.43 GiB). Based on the available memory, the estimated maximum model "
    "length is 44480. Try increasing `gpu_memory_utilization` or decreasing `max_model_len` when initializing the "
    "engine."
)

CASES = {
    # GPUs.
    "an old driver": Case(
        Reason.UNSUPPORTED_GPU,
        "https://github.com/MauriceNino/dashdot/issues/1226",
        [pod(crashed(logs.DRIVER, code=128, reason="StartError"))],
        ("cannot start: the driver of its node is too old", "unsatisfied condition: cuda>=12.8", "spec.engine.version"),
        hopeless=True,
    ),
    "an old driver, seen by PyTorch": Case(
        Reason.UNSUPPORTED_GPU,
        "https://github.com/lllyasviel/Fooocus/issues/1313",
        ended(
            "RuntimeError: The NVIDIA driver on your system is too old (found version 11040). Please update your GPU "
            "driver"
        ),
        ("driver of its node is too old", "found version 11040"),
        hopeless=True,
    ),
    "an old driver, seen by CUDA": Case(
        Reason.UNSUPPORTED_GPU,
        TORCH + "CUDAFunctions.cpp",
        ended("RuntimeError: CUDA error: CUDA driver version is insufficient for CUDA runtime version"),
        ("CUDA driver version is insufficient",),
        hopeless=True,
    ),
    "no code for the GPU": Case(
        Reason.UNSUPPORTED_GPU,
        TGI + "issues/2703",
        ended("RuntimeError: CUDA error: no kernel image is available for execution on the device"),
        ("no code for this kind of GPU", "no kernel image", "spec.target.cluster.gpuProducts"),
        hopeless=True,
    ),
    "a quantization that the GPU lacks": Case(
        Reason.UNSUPPORTED_GPU,
        VLLM + "issues/4202",
        config(
            "VllmConfig",
            "The quantization method awq is not supported for the current GPU. Minimum capability: 75. Current "
            "capability: 70.",
        ),
        ("Minimum capability: 75",),
        hopeless=True,
    ),
    "a scheme that the GPU lacks": Case(
        Reason.UNSUPPORTED_GPU,
        VLLM + "issues/14040",
        ended(
            "RuntimeError: ('Quantization scheme is not supported for ', 'the current GPU. Min capability: 80. ', "
            "'Current capability: 75.')"
        ),
        ("Min capability: 80",),
        hopeless=True,
    ),
    "bfloat16": Case(
        Reason.UNSUPPORTED_GPU,
        VLLM + "issues/1157",
        ended(
            "ValueError: Bfloat16 is only supported on GPUs with compute capability of at least 8.0. Your Tesla T4 GPU "
            "has compute capability 7.5. You can use float16 instead by explicitly setting the`dtype` flag in CLI"
        ),
        ("Your Tesla T4 GPU", "dtype"),
        hopeless=True,
    ),
    "flash attention": Case(
        Reason.UNSUPPORTED_GPU,
        TGI + "issues/686",
        ended(logs.TGI_FLASH_ATTENTION),
        ("Sharded Llama requires Flash Attention enabled models",),
        hopeless=True,
    ),
    "no GPU to be seen by vLLM": Case(
        Reason.GPU_NOT_VISIBLE,
        VLLM + "issues/8885",
        ended("RuntimeError: Failed to infer device type"),
        ("does not see the GPU", "spec.target.cluster.runtimeClassName"),
    ),
    "no GPU to be seen by PyTorch": Case(
        Reason.GPU_NOT_VISIBLE,
        "https://github.com/pytorch/pytorch/blob/main/torch/cuda/__init__.py",
        ended("RuntimeError: No CUDA GPUs are available", restarts=3),
        ("No CUDA GPUs are available", "spec.target.cluster.runtimeClassName"),
        hopeless=True,
    ),
    "broken memory": Case(
        Reason.GPU_FAULT,
        VLLM + "issues/5222",
        ended("RuntimeError: CUDA error: uncorrectable ECC error encountered", restarts=9),
        ("the GPU of its node is broken", "Cordon the node"),
    ),
    "no fabric manager": Case(
        Reason.GPU_FAULT,
        "https://github.com/MiniMax-AI/MiniMax-M2.5/issues/9",
        ended(
            "RuntimeError: Unexpected error from cudaGetDeviceCount(). Did you run some cuda functions before calling "
            "NumCudaDevices() that might have already set an error? Error 802: system not yet initialized"
        ),
        ("nvidia-fabricmanager",),
    ),
    # Memory of a GPU.
    "TGI out of GPU memory": Case(
        Reason.OUT_OF_GPU_MEMORY,
        TGI + "issues/866",
        ended(logs.TGI_CUDA_OUT_OF_MEMORY),
        ("torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 128.00 MiB", "spec.engine.maxTotalTokens"),
    ),
    "TGI out of GPU memory, again": Case(
        Reason.OUT_OF_GPU_MEMORY,
        TGI + "issues/866",
        ended(logs.TGI_CUDA_OUT_OF_MEMORY, restarts=3),
        ("spec.target.cluster.minGpuMemory",),
        hopeless=True,
    ),
    "TGI warms up": Case(
        Reason.OUT_OF_GPU_MEMORY,
        TGI + "issues/1067",
        ended(logs.TGI_WARMUP),
        ("not for as many tokens", "Not enough memory to handle 4096 prefill tokens", "spec.engine.maxTotalTokens"),
        hopeless=True,
    ),
    "TGI has too many tokens": Case(
        Reason.OUT_OF_GPU_MEMORY,
        TGI + "blob/main/backends/v3/src/lib.rs",
        ended(logs.TGI_MAX_TOTAL_TOKENS),
        ("NotEnoughMemory(131072)",),
        hopeless=True,
    ),
    "vLLM out of GPU memory": Case(
        Reason.OUT_OF_GPU_MEMORY,
        VLLM + "issues/16127",
        ended(logs.VLLM_OUT_OF_MEMORY),
        ("GPU 0 has a total capacity of 79.14 GiB",),
    ),
    "vLLM shares a GPU": Case(
        Reason.OUT_OF_GPU_MEMORY,
        VLLM + "issues/25837",
        ended(logs.VLLM_FREE_MEMORY),
        ("somebody else uses the memory", "3.22/4.0 GiB", "--gpu-memory-utilization in spec.engine.args"),
    ),
    "vLLM has no cache": Case(
        Reason.OUT_OF_GPU_MEMORY,
        VLLM + "blob/main/vllm/v1/core/kv_cache_utils.py",
        ended(
            "ValueError: No available memory for the cache blocks. Try increasing `gpu_memory_utilization` when "
            "initializing the engine."
        ),
        ("No available memory for the cache blocks",),
        hopeless=True,
    ),
    "vLLM has too small a cache": Case(
        Reason.OUT_OF_GPU_MEMORY,
        VLLM + "blob/main/vllm/v1/core/kv_cache_utils.py",
        ended(f"ValueError: {NOT_ENOUGH_KV}"),
        ("the estimated maximum model length is 44480", "spec.engine.maxTotalTokens"),
        hopeless=True,
    ),
    "vLLM warms up its sampler": Case(
        Reason.OUT_OF_GPU_MEMORY,
        VLLM + "blob/main/vllm/v1/worker/gpu_model_runner.py",
        ended(
            "RuntimeError: CUDA out of memory occurred when warming up sampler with 256 dummy requests. Please try "
            "lowering `max_num_seqs` or `gpu_memory_utilization` when initializing the engine."
        ),
        ("lowering `max_num_seqs`",),
    ),
}
