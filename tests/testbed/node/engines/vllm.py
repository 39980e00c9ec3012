"""A look-alike of the image vllm/vllm-openai: `vllm serve`.

Its start: https://github.com/vllm-project/vllm/blob/main/vllm/entrypoints/openai/api_server.py, its memory:
https://github.com/vllm-project/vllm/blob/main/vllm/v1/core/kv_cache_utils.py.
"""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from typing import NoReturn

from tests.testbed.node.engines import gpu, inside, vllm_arguments, weights
from tests.testbed.node.engines.behaviour import Speaker
from tests.testbed.node.engines.container import Terminated, Termination, after, die, say, take_memory
from tests.testbed.node.engines.host import SHARED_MEMORY, Host
from tests.testbed.node.engines.hub_client import HubClient, HubError, token
from tests.testbed.node.engines.server import Server
from tests.testbed.node.engines.vllm_routes import Api
from tests.testbed.node.engines.weights import Library, Model
from tests.testbed.node.engines.work import Work

USER_SINCE = (0, 10)
"""From here on importing vLLM asks for the user's name: https://github.com/vllm-project/vllm/issues/44548."""
OWN_USER, OWN_USER_SINCE = 2000, (0, 21)
"""The image's own user: https://github.com/vllm-project/vllm/pull/40275."""
SEQUENCES = 256
CPU_MEMORY = 64 * gpu.GIB
"""Of a machine without GPUs, for weights and cache."""
_NAMES = ("LOGNAME", "USER", "LNAME", "USERNAME")
"""Where getpass.getuser() looks before it asks for the user id: https://docs.python.org/3/library/getpass.html"""


def main() -> NoReturn:
    """The container's entry point."""
    host, termination = inside.host(), Termination()
    try:
        _import(host)
        options = vllm_arguments.parse(sys.argv[1:], host.version)
        if options.model:
            say("WARNING [argparse_utils.py] With `vllm serve`, you should provide the model as a positional argument.")
        model, loras = _find(host, options, termination)
        longest, room = _load(host, options, model)
    except Terminated:
        die(1, "Traceback (most recent call last):", "KeyboardInterrupt: terminated")
    _serve(host, options, model, loras, longest, room, termination)


def _import(host: Host) -> None:
    """What happens before an argument is read."""
    user = any(os.environ.get(name) for name in _NAMES) or os.environ.get("TORCHINDUCTOR_CACHE_DIR")
    known = host.uid == 0 or (host.uid == OWN_USER and host.version >= OWN_USER_SINCE)
    if not user and not known and host.version >= USER_SINCE:
        die(1, "Traceback (most recent call last):", f"KeyError: 'getpwuid(): uid not found: {host.uid}'")
    folders = [os.environ.get("TMPDIR"), "/tmp", "/var/tmp"]
    if all(folder is None or host.write_problem(folder) for folder in folders):
        die(
            1,
            "Traceback (most recent call last):",
            "FileNotFoundError: [Errno 2] No usable temporary directory found in "
            "['/tmp', '/var/tmp', '/usr/tmp', '/vllm-workspace']",
        )
    port = os.environ.get("VLLM_PORT", "")
    if "://" in port:
        die(
            1,
            "Traceback (most recent call last):",
            f"ValueError: VLLM_PORT '{port}' appears to be a URI. This may be caused by a Kubernetes service discovery "
            "issue,check the warning in: https://docs.vllm.ai/en/stable/serving/env_vars.html",
        )


def _home(host: Host) -> str:
    known = "/root" if host.uid == 0 else "/home/vllm" if host.uid == OWN_USER else ""
    return (os.environ.get("HOME") or known).rstrip("/")


def _find(host: Host, options: Namespace, termination: Termination) -> tuple[Model, dict[str, str]]:
    """The model, and the commits of its adapters."""
    cache = options.download_dir or weights.cache_folder(os.environ, _home(host))
    library = Library(host, HubClient(weights.endpoint(host), options.hf_token or token()), cache, weights.is_offline())
    name = options.model_tag or options.model or "Qwen/Qwen3-0.6B"
    try:
        loras = {
            adapter: library.adapter(path, "main", termination.going)
            for adapter, path in vllm_arguments.adapters(options).items()
        }
        return library.find(name, options.revision or "main", termination.going), loras
    except HubError as problem:
        die(1, "Traceback (most recent call last):", str(problem), *_transformers_words(name, problem))
    except weights.NotFound as problem:
        die(1, "Traceback (most recent call last):", str(problem))
    except OSError as problem:
        die(1, "Traceback (most recent call last):", f"{type(problem).__name__}: {problem}")


def _transformers_words(name: str, problem: HubError) -> list[str]:
    """https://github.com/huggingface/transformers/blob/main/src/transformers/utils/hub.py"""
    chained = ["", "The above exception was the direct cause of the following exception:", ""]
    if problem.kind == "GatedRepoError":
        page = f"https://huggingface.co/{name}"
        access = f"Make sure to have access to it at {page}."
        return [*chained, f"OSError: You are trying to access a gated repo.\n{access}\n{problem.args[0]}"]
    if problem.kind == "RepositoryNotFoundError":
        return [
            *chained,
            (
                f"OSError: {name} is not a local folder and is not a valid model identifier listed on "
                "'https://huggingface.co/models'\nIf this is a private repository, make sure to pass a token having "
                "permission to this repo either by logging in with `hf auth login` or by passing `token=<your_token>`"
            ),
        ]
    return []


def _load(host: Host, options: Namespace, model: Model) -> tuple[int, int]:
    """The longest sequence, and the tokens for which the cache has room."""
    seconds = model.behaviour.load_seconds
    host.sleep(host.load_seconds if seconds is None else seconds)
    take_memory(host, model.behaviour.host_memory)
    parallel = options.tensor_parallel_size or 1
    problem = model.behaviour.dies or _device_problem(host, options, model, parallel)
    if problem:
        _engine_died(problem)
    memory = host.gpu_memory if host.gpus else CPU_MEMORY
    utilization = 0.9 if options.gpu_memory_utilization is None else options.gpu_memory_utilization
    left = int(memory * utilization) - gpu.weights_on_each(model.size, parallel, options.quantization)
    if left <= 0:
        _engine_died(
            "ValueError: No available memory for the cache blocks. Try increasing `gpu_memory_utilization` when "
            "initializing the engine."
        )
    each = gpu.bytes_per_token(model.config)
    room = left * parallel // each
    positions = int(model.config.get("max_position_embeddings") or 2048)
    longest = positions if options.max_model_len is None else options.max_model_len
    if longest == 0:
        return min(room, positions), room
    if longest > positions and os.environ.get("VLLM_ALLOW_LONG_MAX_MODEL_LEN") != "1":
        _engine_died(
            f"ValueError: User-specified max_model_len ({longest}) is greater than the derived max_model_len "
            f"(max_position_embeddings={positions} or model_max_length=None in model's config.json). To allow "
            "overriding this maximum, set the env var VLLM_ALLOW_LONG_MAX_MODEL_LEN=1."
        )
    if room < longest:
        _engine_died(
            f"ValueError: To serve at least one request with the models's max seq len ({longest}), "
            f"({longest * each / parallel / gpu.GIB:.2f} GiB KV cache is needed, which is larger than the available KV "
            f"cache memory ({left / gpu.GIB:.2f} GiB). Based on the available memory, the estimated maximum model "
            f"length is {room}. Try increasing `gpu_memory_utilization` or decreasing `max_model_len` when "
            "initializing the engine."
        )
    return longest, room


def _device_problem(host: Host, options: Namespace, model: Model, parallel: int) -> str | None:
    if host.gpus == 0 and "cpu" in host.repository:  # an image that was built for it
        return None
    if host.gpus == 0:
        return "RuntimeError: Failed to infer device type"
    if parallel * (options.pipeline_parallel_size or 1) > host.gpus:
        return (
            f"ValueError: World size ({parallel}) is larger than the number of available GPUs ({host.gpus}) in this "
            "node. If this is intentional and you are using: ray, set '--distributed-executor-backend ray'."
        )
    heads = int(model.config.get("num_attention_heads") or parallel)
    if heads % parallel:
        return (
            f"ValueError: Total number of attention heads ({heads}) must be divisible by tensor parallel size "
            f"({parallel})."
        )
    if parallel > 1 and not host.is_mounted(SHARED_MEMORY) and os.environ.get("NCCL_SHM_DISABLE") != "1":
        return gpu.SHARED_MEMORY_NEEDED
    root = os.environ.get("VLLM_CACHE_ROOT") or f"{os.environ.get('XDG_CACHE_HOME') or _home(host) + '/.cache'}/vllm"
    triton = os.environ.get("TRITON_CACHE_DIR") or f"{os.environ.get('TRITON_HOME') or _home(host)}/.triton/cache"
    for path in (root, triton):
        unwritable = host.write_problem(path)
        if unwritable:
            return f"{type(unwritable).__name__}: {unwritable}"
    needed = gpu.weights_on_each(model.size, parallel, options.quantization)
    return gpu.out_of_memory(needed, host.gpu_memory) if needed > host.gpu_memory else None


def _engine_died(problem: str) -> NoReturn:
    die(
        1,
        f"(EngineCore_0 pid=84) ERROR [core.py] {problem}",
        "Traceback (most recent call last):",
        "RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}",
    )


def _serve(
    host: Host,
    options: Namespace,
    model: Model,
    loras: dict[str, str],
    longest: int,
    room: int,
    termination: Termination,
) -> NoReturn:
    name = options.model_tag or options.model
    speaker = Speaker(name, model.commit, model.behaviour.answers, loras)
    work = Work(host, speaker, options.max_num_seqs or SEQUENCES, None)
    names = [*(options.served_model_name or [name])]
    version = ".".join(str(number) for number in host.version) or "0.0.0"
    keys = options.api_key or ([os.environ["VLLM_API_KEY"]] if os.environ.get("VLLM_API_KEY") else [])
    api = Api(work, names, [*loras], name, longest, room, version, keys)
    address = "127.0.0.1" if options.host in ("127.0.0.1", "localhost") else host.address
    try:
        server = Server(address, options.port or 8000, api.route)
    except OSError as problem:
        die(1, "Traceback (most recent call last):", f"OSError: {problem}")
    try:
        server.start()
        say(f"INFO [launcher.py] Starting vLLM API server 0 on http://0.0.0.0:{options.port or 8000}")
        api.on_death = lambda: after(0.2, host, _dead)
        after(model.behaviour.crashes_after, host, _dead)
        termination.wait()
    except Terminated:
        say("INFO:     Shutting down")
        # Without a timeout, and before there was one, requests under way are aborted.
        server.drain((getattr(options, "shutdown_timeout", None) or 0) / host.speed)
    sys.stdout.flush()
    os._exit(0)


def _dead() -> NoReturn:
    die(
        1,
        "(EngineCore_0 pid=84) torch.AcceleratorError: CUDA error: an illegal memory access was encountered",
        "vllm.v1.engine.exceptions.EngineDeadError: EngineCore encountered an issue. See stack trace (above) for the "
        "root cause.",
    )


if __name__ == "__main__":
    main()
