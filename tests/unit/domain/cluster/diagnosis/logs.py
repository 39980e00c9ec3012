"""Last lines of real logs, shortened where they repeat themselves. Each says where it is from."""

TGI_CUDA_OUT_OF_MEMORY = """\
  File "/opt/conda/lib/python3.9/site-packages/text_generation_server/utils/weights.py", line 62, in get_tensor
    tensor = tensor.to(device=self.device)

torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 128.00 MiB (GPU 0; 15.77 GiB total capacity; \
15.37 GiB already allocated; 13.62 MiB free; 15.77 GiB allowed; 15.40 GiB reserved in total by PyTorch) If reserved \
memory is >> allocated memory try setting max_split_size_mb to avoid fragmentation.  See documentation for Memory \
Management and PYTORCH_CUDA_ALLOC_CONF
 rank=0
Error: ShardCannotStart
2023-08-17T10:23:27.032737Z ERROR text_generation_launcher: Shard 0 failed to start
2023-08-17T10:23:27.032758Z  INFO text_generation_launcher: Shutting down shards
"""
"""https://github.com/huggingface/text-generation-inference/issues/866"""

TGI_HEADS = """\
  File "/opt/conda/lib/python3.10/site-packages/text_generation_server/models/custom_modeling/flash_rw_modeling.py", \
line 385, in __init__
    self.self_attention = FlashRWAttention(

  File "/opt/conda/lib/python3.10/site-packages/text_generation_server/models/custom_modeling/flash_rw_modeling.py", \
line 138, in __init__
    raise ValueError(

ValueError: `num_heads` must be divisible by `num_shards` (got `num_heads`: 71 and `num_shards`: 2
 rank=0
2023-12-16T09:36:24.632149Z ERROR text_generation_launcher: Shard 0 failed to start
2023-12-16T09:36:24.632181Z  INFO text_generation_launcher: Shutting down shards
2023-12-16T09:36:24.652173Z  INFO shard-manager: text_generation_launcher: Shard terminated rank=1
Error: ShardCannotStart
"""
"""https://github.com/huggingface/text-generation-inference/issues/1354"""

TGI_FLASH_ATTENTION = """\
  File "/opt/conda/lib/python3.9/site-packages/text_generation_server/models/__init__.py", line 193, in get_model
    raise NotImplementedError(FLASH_ATT_ERROR_MESSAGE.format("Sharded Llama"))

NotImplementedError: Sharded Llama requires Flash Attention enabled models.
 rank=0
2023-07-24T02:39:20.704629Z ERROR text_generation_launcher: Shard 0 failed to start
2023-07-24T02:39:20.704663Z  INFO text_generation_launcher: Shutting down shards
2023-07-24T02:39:20.781260Z  INFO shard-manager: text_generation_launcher: Shard terminated rank=1
Error: ShardCannotStart
"""
"""https://github.com/huggingface/text-generation-inference/issues/686"""

TGI_NOT_SHARDED = """\
> File "/opt/conda/lib/python3.9/site-packages/text_generation_server/server.py", line 133, in serve_inner
    model = get_model(
  File "/opt/conda/lib/python3.9/site-packages/text_generation_server/models/__init__.py", line 240, in get_model
    raise NotImplementedError("sharded is not supported for this model")
NotImplementedError: sharded is not supported for this model
 rank=0
"""
"""https://github.com/huggingface/text-generation-inference/issues/574"""

TGI_WARMUP = """\
2023-09-26T21:48:00.969072Z ERROR text_generation_launcher: Method Warmup encountered an error.
Traceback (most recent call last):
  File "/opt/conda/lib/python3.9/site-packages/text_generation_server/models/flash_causal_lm.py", line 753, in warmup
    _, batch = self.generate_token(batch)
torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 448.00 MiB

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/opt/conda/lib/python3.9/site-packages/text_generation_server/models/flash_causal_lm.py", line 755, in warmup
    raise RuntimeError(
RuntimeError: Not enough memory to handle 4096 prefill tokens. You need to decrease `--max-batch-prefill-tokens`

2023-09-26T21:48:01.014527Z ERROR warmup{max_input_length=1024 max_prefill_tokens=4096}:warmup: \
text_generation_client: router/client/src/lib.rs:33: Server error: Not enough memory to handle 4096 prefill tokens. \
You need to decrease `--max-batch-prefill-tokens`
Error: Warmup(Generation("Not enough memory to handle 4096 prefill tokens. You need to decrease \
`--max-batch-prefill-tokens`"))
2023-09-26T21:48:01.070021Z ERROR text_generation_launcher: Webserver Crashed
2023-09-26T21:48:01.070044Z  INFO text_generation_launcher: Shutting down shards
Error: WebserverFailed
"""
"""https://github.com/huggingface/text-generation-inference/issues/1067 and …/755"""

TGI_MAX_TOTAL_TOKENS = """\
2026-02-03T10:00:41.103321Z  INFO text_generation_router_v3: backends/v3/src/lib.rs:125: Warming up model
Error: Backend(NotEnoughMemory(131072))
2026-02-03T10:01:02.880417Z ERROR text_generation_launcher: Webserver Crashed
2026-02-03T10:01:02.880438Z  INFO text_generation_launcher: Shutting down shards
Error: WebserverFailed
"""
"""Made up from https://github.com/huggingface/text-generation-inference/blob/main/backends/v3/src/lib.rs"""

TGI_ARGUMENTS = 'Error: ArgumentValidation("`max_input_tokens must be < `max_total_tokens`")\n'
"""https://github.com/huggingface/text-generation-inference/blob/main/launcher/src/main.rs"""

TGI_CLAP = """\
error: unexpected argument '--max-length' found

  tip: a similar argument exists: '--max-input-length'

Usage: text-generation-launcher <--model-id <MODEL_ID>|--revision <REVISION>|--validation-workers <VALIDATION_WORKERS>>

For more information, try '--help'.
"""
"""https://github.com/clap-rs/clap/blob/master/clap_builder/src/error/format.rs, as in
https://github.com/jeremylvln/Shulker/issues/245"""

TGI_SIGNAL_9 = """\
2023-08-17T15:29:13.941247Z  INFO shard-manager: text_generation_launcher: Waiting for shard to be ready... rank=2
2023-08-17T15:29:15.005112Z ERROR text_generation_launcher: Shard complete standard error output:

You are using the default legacy behaviour of the tokenizer rank=1
2023-08-17T15:29:15.005130Z ERROR text_generation_launcher: Shard process was signaled to shutdown with signal 9 rank=1
2023-08-17T15:29:15.103399Z ERROR text_generation_launcher: Shard 1 failed to start
2023-08-17T15:29:15.103410Z  INFO text_generation_launcher: Shutting down shards
Error: ShardCannotStart
"""
"""https://github.com/huggingface/text-generation-inference/blob/main/launcher/src/main.rs (shard_manager)"""

TGI_TRUST_REMOTE_CODE_IGNORED = """\
The argument `trust_remote_code` is to be used with Auto classes. It has no effect here and is ignored.
ValueError: Unsupported model type falcon
 rank=0
Error: ShardCannotStart
"""
"""https://github.com/huggingface/text-generation-inference/issues/402 and …/599"""

VLLM_FREE_MEMORY = """\
(EngineCore_DP0 pid=17374) ERROR 09-28 15:47:24 [core.py:718]     return func(*args, **kwargs)
(EngineCore_DP0 pid=17374) ERROR 09-28 15:47:24 [core.py:718]   File \
"/home/vmejia/.venv/lib/python3.10/site-packages/vllm/worker/worker_base.py", line 611, in init_device
(EngineCore_DP0 pid=17374) ERROR 09-28 15:47:24 [core.py:718]     self.worker.init_device()  # type: ignore
(EngineCore_DP0 pid=17374) ERROR 09-28 15:47:24 [core.py:718]     raise ValueError(
(EngineCore_DP0 pid=17374) ERROR 09-28 15:47:24 [core.py:718] ValueError: Free memory on device (3.22/4.0 GiB) on \
startup is less than desired GPU memory utilization (0.9, 3.6 GiB). Decrease GPU memory utilization or reduce GPU \
memory used by other processes.
(EngineCore_DP0 pid=17374) Process EngineCore_DP0:
(EngineCore_DP0 pid=17374) Traceback (most recent call last):
(EngineCore_DP0 pid=17374)   File "/usr/lib/python3.10/multiprocessing/process.py", line 314, in _bootstrap
(EngineCore_DP0 pid=17374)     self.run()
"""
"""https://github.com/vllm-project/vllm/issues/25837"""

VLLM_END = """\
(APIServer pid=1) Traceback (most recent call last):
(APIServer pid=1)   File "/usr/local/bin/vllm", line 10, in <module>
(APIServer pid=1)     sys.exit(main())
(APIServer pid=1)              ^^^^^^
(APIServer pid=1)   File "/usr/local/lib/python3.12/dist-packages/vllm/entrypoints/cli/main.py", line 54, in main
(APIServer pid=1)     args.dispatch_function(args)
(APIServer pid=1)   File "/usr/local/lib/python3.12/dist-packages/vllm/entrypoints/cli/serve.py", line 57, in cmd
(APIServer pid=1)     uvloop.run(run_server(args))
(APIServer pid=1)   File "/usr/local/lib/python3.12/dist-packages/uvloop/__init__.py", line 109, in run
(APIServer pid=1)     return __asyncio.run(
(APIServer pid=1)            ^^^^^^^^^^^^^^
(APIServer pid=1)   File "/usr/lib/python3.12/asyncio/runners.py", line 195, in run
(APIServer pid=1)     return runner.run(main)
(APIServer pid=1)            ^^^^^^^^^^^^^^^^
(APIServer pid=1)   File "/usr/lib/python3.12/asyncio/runners.py", line 118, in run
(APIServer pid=1)     return self._loop.run_until_complete(task)
(APIServer pid=1)            ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
(APIServer pid=1)   File "uvloop/loop.pyx", line 1518, in uvloop.loop.Loop.run_until_complete
(APIServer pid=1)   File "/usr/local/lib/python3.12/dist-packages/uvloop/__init__.py", line 61, in wrapper
(APIServer pid=1)     return await main
(APIServer pid=1)            ^^^^^^^^^^
(APIServer pid=1)   File "/usr/local/lib/python3.12/dist-packages/vllm/entrypoints/openai/api_server.py", line 1922, \
in run_server
(APIServer pid=1)     await run_server_worker(listen_address, sock, args, **uvicorn_kwargs)
(APIServer pid=1)   File "/usr/local/lib/python3.12/dist-packages/vllm/v1/engine/core_client.py", line 484, in \
_wait_for_engine_startup
(APIServer pid=1)     raise RuntimeError("Engine core initialization failed. "
(APIServer pid=1) RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): \
{'EngineCore_DP0': 1}
"""
"""https://github.com/vllm-project/vllm/issues/19002 and …/27508: what is left of a log in 2048 bytes"""

VLLM_CONFIG = """\
(APIServer pid=1)     s.__pydantic_validator__.validate_python(ArgsKwargs(args, kwargs), self_instance=s)
(APIServer pid=1) pydantic_core._pydantic_core.ValidationError: 1 validation error for {config}
(APIServer pid=1)   Value error, {words} [type=value_error, input_value=ArgsKwargs((), {{'model': \
'meta-llama/Llama-3.1-8B-Instruct'}}), input_type=ArgsKwargs]
(APIServer pid=1)     For further information visit https://errors.pydantic.dev/2.12/v/value_error
"""
"""https://github.com/vllm-project/vllm/pull/19660"""

VLLM_USAGE = """\
usage: vllm [-h] [-v]
            {chat,complete,serve,launch,bench,collect-env,run-batch} ...
vllm: error: unrecognized arguments: --enable-metrics
"""
"""https://github.com/defilantech/LLMKube/issues/1030"""

VLLM_OUT_OF_MEMORY = """\
ERROR 04-16 00:59:44 [core.py:390] torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 1.25 GiB. GPU 0 has a \
total capacity of 79.14 GiB of which 74.75 MiB is free. Process 508352 has 79.06 GiB memory in use. Of the allocated \
memory 78.50 GiB is allocated by PyTorch, and 78.61 MiB is reserved by PyTorch but unallocated. If reserved but \
unallocated memory is large try setting PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True to avoid fragmentation.
ERROR 04-16 00:59:44 [core.py:390]
CRITICAL 04-16 00:59:44 [core_client.py:361] Got fatal signal from worker processes, shutting down. See stack trace \
above for root cause issue.
"""
"""https://github.com/vllm-project/vllm/issues/16127"""

VLLM_SHARED_MEMORY = """\
[2025-10-13 09:06:25] vllm-deepseek-ep-decode-0:3663:4044 [0] misc/shmutils.cc:129 NCCL WARN Error while creating \
shared memory segment /dev/shm/nccl-Ewjreo (size 33030528), error: No space left on device (28)
vllm-deepseek-ep-decode-0:3663:4044 [0] NCCL INFO proxy.cc:1336 -> 2
vllm-deepseek-ep-decode-0:3663:4044 [0] NCCL INFO proxy.cc:1402 -> 2
"""
"""https://github.com/llm-d/llm-d/issues/352"""

GATED_403 = """\
huggingface_hub.utils._errors.GatedRepoError: 403 Client Error. (Request ID: \
Root=1-66d1c249-75919cc37bdd839c3d8506ba;c3e0ae52-ae6f-4463-9192-5c53d581fbfc)

Cannot access gated repo for url https://huggingface.co/meta-llama/Meta-Llama-3-8B/resolve/main/config.json.
Access to model meta-llama/Meta-Llama-3-8B is restricted and you are not in the authorized list. Visit \
https://huggingface.co/meta-llama/Meta-Llama-3-8B to ask for access.
"""
"""https://github.com/kubeai-project/kubeai/issues/155"""

OFFLINE = (
    "huggingface_hub.utils._errors.LocalEntryNotFoundError: Cannot find an appropriate cached snapshot folder for the "
    "specified revision on the local disk and outgoing traffic has been disabled. To enable repo look-ups and "
    "downloads online, set 'HF_HUB_OFFLINE=0' as environment variable."
)
"""https://github.com/exo-explore/exo/issues/80"""

HUB_UNREACHABLE = (
    "huggingface_hub.errors.LocalEntryNotFoundError: An error happened while trying to locate the file on the Hub and "
    "we cannot find the requested files in the local cache. Please check your connection and try again or make sure "
    "your Internet connection is on."
)
"""https://github.com/Stability-AI/stablediffusion/issues/412"""

DRIVER = (
    "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: "
    "unable to start container process: error during container init: error running prestart hook #0: exit status 1, "
    "stdout: , stderr: Auto-detected mode as 'legacy'\nnvidia-container-cli: requirement error: unsatisfied condition: "
    "cuda>=12.8, please update your driver to a newer version, or use an earlier cuda container: unknown"
)
"""https://github.com/MauriceNino/dashdot/issues/1226"""

NO_EXECUTABLE = (
    "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: "
    'unable to start container process: exec: "vllm": executable file not found in $PATH: unknown'
)
"""https://github.com/LMCache/LMCache/issues/1850"""
