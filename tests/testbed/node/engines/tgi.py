"""A look-alike of the image of text-generation-inference: its launcher, shards and router in one process.

What it does when, and its words: https://github.com/huggingface/text-generation-inference/blob/main/launcher/src/main.rs
and https://github.com/huggingface/text-generation-inference/blob/main/router/src/server.rs.
"""

from __future__ import annotations

import os
import sys
import time
from typing import NoReturn

from tests.testbed.node.engines import gpu, inside, tgi_arguments, weights
from tests.testbed.node.engines.behaviour import Speaker
from tests.testbed.node.engines.container import Terminated, Termination, after, die, say, take_memory
from tests.testbed.node.engines.host import SHARED_MEMORY, Host
from tests.testbed.node.engines.hub_client import HubClient, HubError, token
from tests.testbed.node.engines.server import Server
from tests.testbed.node.engines.tgi_arguments import Options
from tests.testbed.node.engines.tgi_requests import Limits
from tests.testbed.node.engines.tgi_routes import Router
from tests.testbed.node.engines.weights import Library, Model
from tests.testbed.node.engines.work import Work

OFFICIAL = "ghcr.io/huggingface/text-generation-inference"
ROOT_SINCE = (3, 1)
"""Since 3.1 the official image keeps its Python in /root, which nobody but root may enter.
https://github.com/huggingface/text-generation-inference/issues/3082 (open; the mend, pull request 3197, as well)."""
WIGGLE_ROOM = 0.9
BATCH = 32
"""Requests that run at a time, unless MAX_BATCH_SIZE says otherwise; the real number follows from their lengths."""


def main() -> NoReturn:
    """The container's entry point."""
    host, termination = inside.host(), Termination()
    try:
        _needs_root(host)
        options = tgi_arguments.parse(sys.argv[1:], os.environ)
        _log("INFO", f"Args {{ model_id: {options.text('model-id')!r}, revision: {options.text('revision')!r} }}")
        problem = tgi_arguments.argument_problem(options)
        if problem:
            die(1, f'Error: ArgumentValidation("{problem}")')
        model, adapters = _download(host, options, termination)
        limits = _load(host, options, model)
        told = _told_by_the_hub(host, options)
    except Terminated:
        _log("INFO", "Shutting down shards")
        sys.exit(0)
    _serve(host, options, model, adapters, limits, told, termination)


def _log(level: str, line: str, span: str = "") -> None:
    now = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
    say(f"{now}.000000Z {level:>5} {span}text_generation_launcher: {line}")


def _needs_root(host: Host) -> None:
    if host.uid != 0 and host.repository == OFFICIAL and host.version >= ROOT_SINCE:
        die(
            127,
            "unable to refresh ld cache, not a big deal in most cases",
            "text-generation-launcher: error while loading shared libraries: libpython3.11.so.1.0: cannot open shared "
            "object file: No such file or directory",
        )


def _library(host: Host, options: Options) -> Library:
    # The image sets HF_HOME=/data: https://github.com/huggingface/text-generation-inference/blob/main/Dockerfile
    environment = {"HF_HOME": "/data", **os.environ}
    cache = options.text("huggingface-hub-cache") or weights.cache_folder(environment)
    client = HubClient(weights.endpoint(host), token())
    return Library(host, client, cache, weights.is_offline())


def _download(host: Host, options: Options, termination: Termination) -> tuple[Model, dict[str, str]]:
    """The model, and the commits of its adapters."""
    name, revision = options.text("model-id") or "", options.text("revision") or "main"
    _log("INFO", f"Starting check and download process for {name}", "download: ")
    try:
        library = _library(host, options)
        model = library.find(name, revision, termination.going)
        adapters = {
            adapter: library.adapter(place, pinned or "main", termination.going)
            for adapter, (place, pinned) in tgi_arguments.adapters(options).items()
        }
    except (HubError, weights.NotFound, OSError) as problem:
        said = f"{type(problem).__name__}: {problem}" if isinstance(problem, OSError) else str(problem)
        _log("ERROR", f"Download encountered an error: \nTraceback (most recent call last):\n\n{said}\n", "download: ")
        die(1, "Error: DownloadError")
    _log("INFO", f"Successfully downloaded weights for {name}", "download: ")
    return model, adapters


def _load(host: Host, options: Options, model: Model) -> Limits:
    """The shards, and the warm-up of the router. Its limits follow from the memory that is left."""
    shards = options.number("num-shard") or max(host.gpus, 1)
    _log("INFO", "Starting shard", "shard-manager: ")
    seconds = model.behaviour.load_seconds
    host.sleep(host.load_seconds if seconds is None else seconds)
    take_memory(host, model.behaviour.host_memory)
    problem = model.behaviour.dies or _shard_problem(host, options, model, shards)
    if problem:
        _log("ERROR", f"Shard complete standard error output:\n\n{problem} rank=0", "shard-manager: ")
        _log("ERROR", "Shard 0 failed to start")
        _log("INFO", "Shutting down shards")
        die(1, "Error: ShardCannotStart")
    _log("INFO", f"Shard ready in {seconds or host.load_seconds:.1f}s rank=0", "shard-manager: ")
    _log("INFO", "Starting Webserver")
    positions = int(model.config.get("max_position_embeddings") or 2048)
    room = _room(host, options, model, shards) if host.gpus else positions
    unwritable = host.write_problem(f"{host.workdir.rstrip('/')}/out")
    if unwritable:  # `py_resolve_tokenizer` in router/src/server.rs saves the tokenizer there
        _log("ERROR", "Webserver Crashed")
        die(1, f"thread 'main' panicked at router/src/server.rs: {unwritable}", "Error: WebserverFailed")
    total = options.number("max-total-tokens")
    warm_up = min(total or 1024, 1024)
    if room < warm_up:
        _webserver_crashed(
            f'Warmup(Generation("Not enough memory to handle {warm_up} prefill tokens. '
            'You need to decrease `--max-batch-prefill-tokens`"))'
        )
    if total is not None and total > room:
        _webserver_crashed(f"NotEnoughMemory({total})")
    total = total or min(room, positions)
    return Limits(options.max_input or total - 1, total, room, options.number("max-client-batch-size") or 4)


def _webserver_crashed(problem: str) -> NoReturn:
    _log("ERROR", "Webserver Crashed")
    die(1, f"Error: Backend({problem})", "Error: WebserverFailed")


def _room(host: Host, options: Options, model: Model, shards: int) -> int:
    """Tokens for which the key-value cache has room."""
    usable = int(host.gpu_memory * options.fraction("cuda-memory-fraction", 1.0) * WIGGLE_ROOM)
    left = usable - gpu.weights_on_each(model.size, shards, options.text("quantize"))
    width = 1 if options.text("kv-cache-dtype") else 2
    return max(0, left) * shards // gpu.bytes_per_token(model.config, width)


def _shard_problem(host: Host, options: Options, model: Model, shards: int) -> str | None:
    if host.gpus == 0 and shards == 1:
        return None  # it falls back to the CPU
    if shards > host.gpus:
        return "torch.AcceleratorError: CUDA error: invalid device ordinal"
    for name in ("num_attention_heads", "num_key_value_heads"):
        heads = int(model.config.get(name) or shards)
        if heads % shards:
            got = f"(got `num_heads`: {heads} and `num_shards`: {shards}"
            return f"ValueError: `num_heads` must be divisible by `num_shards` {got}"
    if shards > 1 and not host.is_mounted(SHARED_MEMORY) and os.environ.get("NCCL_SHM_DISABLE") != "1":
        return gpu.SHARED_MEMORY_NEEDED
    for path in (options.text("shard-uds-path") or "/tmp/text-generation-server", _triton_cache()):
        unwritable = host.write_problem(path)
        if unwritable:
            return f"{type(unwritable).__name__}: {unwritable}"
    needed = gpu.weights_on_each(model.size, shards, options.text("quantize"))
    return gpu.out_of_memory(needed, host.gpu_memory) if needed > host.gpu_memory else None


def _triton_cache() -> str:
    """https://github.com/triton-lang/triton/blob/main/python/triton/knobs.py: TRITON_CACHE_DIR, TRITON_HOME, else ~."""
    home = os.environ.get("TRITON_HOME") or os.environ.get("HOME") or "/"
    return os.environ.get("TRITON_CACHE_DIR") or f"{home.rstrip('/')}/.triton/cache"


def _told_by_the_hub(host: Host, options: Options) -> tuple[str | None, bool]:
    """What the router asks for by itself: the commit, and whether there is a chat template.

    Offline, and for a folder, it knows no commit (server.rs, `Type::Cache`). It does not know HF_ENDPOINT: what it asks
    is huggingface.co (`ApiBuilder::new()`, https://github.com/huggingface/hf-hub/issues/102), and without an answer it
    has no template either.
    """
    name, revision = options.text("model-id") or "", options.text("revision")
    if weights.is_offline() or (revision is None and host.place(name).is_dir()):
        return None, True
    try:
        return str(HubClient(host.hub, token()).record(name, revision or "main")["sha"]), True
    except HubError:
        _log("WARN", "Could not retrieve model info from the Hugging Face hub.")
        return None, False


def _serve(
    host: Host,
    options: Options,
    model: Model,
    adapters: dict[str, str],
    limits: Limits,
    told: tuple[str | None, bool],
    termination: Termination,
) -> NoReturn:
    name = options.text("model-id") or ""
    speaker = Speaker(name, model.commit, model.behaviour.answers, adapters)
    most = options.number("max-concurrent-requests")
    work = Work(host, speaker, options.number("max-batch-size") or BATCH, most)
    version = ".".join(str(number) for number in host.version) or "3.3.6"
    router = Router(work, limits, name, *told, version, most or 0, options.text("api-key"))
    address = "127.0.0.1" if options.text("hostname") in ("127.0.0.1", "localhost") else host.address
    try:
        server = Server(address, options.number("port") or 3000, router.route)
    except OSError as problem:
        die(1, f"Error: Backend(Io({problem}))", "Error: WebserverFailed")
    try:
        server.start()
        _log("INFO", "Connected")
        after(model.behaviour.crashes_after, host, _crash)
        termination.wait()
    except Terminated:
        _log("INFO", "Terminating webserver")
        _log("INFO", "Waiting for webserver to gracefully shutdown")
        timeout = (options.number("graceful-termination-timeout") or 0) / host.speed
        _log("INFO", "webserver terminated" if server.drain(timeout) else "webserver killed")
    _log("INFO", "Shutting down shards")
    sys.stdout.flush()
    os._exit(0)


def _crash() -> NoReturn:
    _log("ERROR", "Shard 0 crashed")
    die(1, "torch.AcceleratorError: CUDA error: an illegal memory access was encountered", "Error: ShardFailed")


if __name__ == "__main__":
    main()
