"""Other memory, and disk."""

from slipway.domain.cluster.diagnosis.reasons import Reason
from tests.unit.domain.cluster.diagnosis import logs
from tests.unit.domain.cluster.diagnosis.cases.case import TGI, VLLM, Case, ended
from tests.unit.domain.cluster.diagnosis.pods import again, pod

CASES = {
    "killed for memory": Case(
        Reason.OUT_OF_MEMORY,
        "https://kubernetes.io/docs/tasks/configure-pod-container/assign-memory-resource/",
        ended("", code=137, reason="OOMKilled"),
        ("was killed for using more memory than it may (16Gi)", "spec.target.cluster.memory", "sharedMemory"),
    ),
    "killed for memory, again": Case(
        Reason.OUT_OF_MEMORY,
        "https://kubernetes.io/docs/tasks/configure-pod-container/assign-memory-resource/",
        [pod(again("", code=137, reason="OOMKilled", restarts=3))],
        ("spec.target.cluster.memory",),
        hopeless=True,
    ),
    "a shard killed for memory": Case(
        Reason.OUT_OF_MEMORY,
        TGI + "blob/main/launcher/src/main.rs",
        ended(logs.TGI_SIGNAL_9),
        ("signaled to shutdown with signal 9", "spec.target.cluster.memory"),
    ),
    "an engine core killed for memory": Case(
        Reason.OUT_OF_MEMORY,
        VLLM + "blob/main/vllm/v1/engine/utils.py",
        ended(logs.VLLM_END.replace("'EngineCore_DP0': 1", "'EngineCore_DP0': -9")),
        ("{'EngineCore_DP0': -9}", "spec.target.cluster.memory"),
    ),
    "NCCL without shared memory": Case(
        Reason.OUT_OF_SHARED_MEMORY,
        "https://github.com/llm-d/llm-d/issues/352",
        ended(logs.VLLM_SHARED_MEMORY),
        ("/dev/shm/nccl-Ewjreo (size 33030528)", "spec.target.cluster.sharedMemory"),
    ),
    "a shard without shared memory": Case(
        Reason.OUT_OF_SHARED_MEMORY,
        "https://github.com/IBM/text-generation-inference/pull/34",
        ended(logs.TGI_SIGNAL_9.replace("signal 9", "signal 7")),
        ("signal 7", "spec.target.cluster.sharedMemory"),
    ),
    "SIGBUS": Case(
        Reason.OUT_OF_SHARED_MEMORY,
        "https://man7.org/linux/man-pages/man7/signal.7.html",
        ended("", code=135),
        ("SIGBUS", "spec.target.cluster.sharedMemory"),
    ),
    "no room": Case(
        Reason.OUT_OF_DISK,
        TGI + "issues/3087",
        ended("OSError: [Errno 28] No space left on device: '/data/hub/blobs/1a2b.incomplete'\nError: DownloadError\n"),
        ("no room for the weights", "[Errno 28] No space left on device", "spec.target.cluster.cache.size"),
    ),
    "read-only": Case(
        Reason.NOT_WRITABLE,
        "https://docs.python.org/3/library/errno.html#errno.EROFS",
        ended("OSError: [Errno 30] Read-only file system: '/.triton'\n"),
        ("it may not write", "/.triton", "emptyDir"),
    ),
    "not permitted": Case(
        Reason.NOT_WRITABLE,
        "https://docs.python.org/3/library/errno.html#errno.EACCES",
        ended("PermissionError: [Errno 13] Permission denied: '/data/hub'\n", restarts=4),
        ("/data/hub", "fsGroup"),
        hopeless=True,
    ),
}
