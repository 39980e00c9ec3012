"""What the API server shows and what is made of it, by words that their sources are known to use."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from slipway.domain.cluster.diagnosis.reasons import Reason
from tests.unit.domain.cluster.diagnosis import logs
from tests.unit.domain.cluster.diagnosis.pods import (
    CREATING,
    IMAGE,
    NOW,
    STARTUP_SECONDS,
    Manifest,
    again,
    ago,
    claim,
    crashed,
    disrupted,
    gone,
    last_of_log,
    pod,
    unscheduled,
    waiting,
    workload,
)

KUBERNETES = "https://github.com/kubernetes/kubernetes/blob/master/"
TORCH = "https://github.com/pytorch/pytorch/blob/main/c10/cuda/"
TGI = "https://github.com/huggingface/text-generation-inference/"
VLLM = "https://github.com/vllm-project/vllm/"
TRANSFORMERS = "https://github.com/huggingface/transformers/blob/main/src/transformers/"


@dataclass(frozen=True)
class Case:
    """What the API server shows, and what is made of it."""

    reason: Reason
    source: str
    """Where the words are from."""
    pods: list[Manifest]
    says: tuple[str, ...]
    """Parts of the message: the pod's own words, and the field to change."""
    hopeless: bool = False
    workload: Manifest = field(default_factory=workload)
    claims: tuple[Manifest, ...] = ()


def ended(words: str, **how: Any) -> list[Manifest]:
    """A pod whose engine has ended with these last lines."""
    return [pod(crashed(last_of_log(words), **how))]


def config(name: str, words: str) -> list[Manifest]:
    """A pod whose vLLM refuses its configuration."""
    return ended(logs.VLLM_CONFIG.format(config=name, words=words))


def not_pulled(message: str, *, reason: str = "ErrImagePull", minutes: float = 4) -> list[Manifest]:
    return [pod(waiting(reason, message), phase="Pending", created=NOW - timedelta(minutes=minutes))]


PULL = (
    f'rpc error: code = NotFound desc = failed to pull and unpack image "{IMAGE}": failed to resolve reference '
    f'"{IMAGE}": {IMAGE}: not found'
)
UNAUTHORIZED = (
    'rpc error: code = Unknown desc = failed to pull and unpack image "docker.io/library/controller:latest": failed to '
    'resolve reference "docker.io/library/controller:latest": pull access denied, repository does not exist or may '
    "require authorization: server message: insufficient_scope: authorization failed"
)
TOO_MANY = (
    "rpc error: code = Unknown desc = failed to copy: httpReadSeeker: failed open: unexpected status code "
    "https://registry-1.docker.io/v2/x/manifests/sha256:8d0b: 429 Too Many Requests - Server message: toomanyrequests: "
    "You have reached your pull rate limit. You may increase the limit by authenticating and upgrading"
)
POD_SECURITY = (
    'pods "twin-5d9c-x" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false '
    '(container "runtime" must set securityContext.allowPrivilegeEscalation=false)'
)
GPU_QUOTA = (
    'pods "twin-5d9c-x" is forbidden: exceeded quota: gpus, requested: requests.nvidia.com/gpu={requested}, used: '
    "requests.nvidia.com/gpu={used}, limited: requests.nvidia.com/gpu=4"
)
UNBOUND = (
    "0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims. preemption: 0/3 nodes are available: 3 "
    "Preemption is not helpful for scheduling."
)
NOT_ENOUGH_KV = (
    "To serve at least one request with the models's max seq len (131072), (16.00 GiB KV cache is needed, which is "
    "larger than the available KV cache memory (5.43 GiB). Based on the available memory, the estimated maximum model "
    "length is 44480. Try increasing `gpu_memory_utilization` or decreasing `max_model_len` when initializing the "
    "engine."
)

CASES = {
    # What no node takes.
    "no free GPU": Case(
        Reason.UNSCHEDULABLE,
        KUBERNETES + "pkg/scheduler/framework/types.go",
        [
            unscheduled(
                "0/5 nodes are available: 2 node(s) had untolerated taint {nvidia.com/gpu: true}, 3 Insufficient "
                "nvidia.com/gpu. preemption: 0/5 nodes are available: 2 Preemption is not helpful for scheduling, 3 No "
                "preemption victims found for incoming pod."
            )
        ],
        (
            "3 of 5 nodes have too little nvidia.com/gpu free",
            "2 have a taint {nvidia.com/gpu: true} that it does not tolerate",
            "The scheduler says: “0/5 nodes are available: 2 node(s) had untolerated taint",
            "spec.target.cluster.gpus",
            "tolerations to spec.target.cluster.podTemplate",
        ),
    ),
    "scheduling gates": Case(
        Reason.UNSCHEDULABLE,
        "https://kubernetes.io/docs/concepts/scheduling-eviction/pod-scheduling-readiness/",
        [unscheduled("Scheduling is blocked due to non-empty scheduling gates", reason="SchedulingGated")],
        ("waits for its scheduling gates", "Kueue"),
    ),
    "no volume": Case(
        Reason.VOLUME_NOT_READY,
        KUBERNETES + "pkg/scheduler/framework/plugins/volumebinding/volume_binding.go",
        [unscheduled(UNBOUND)],
        (
            "its volume (twin-cache), which is not bound (with StorageClass shared)",
            "unbound immediate",
            "cache.accessMode",
        ),
        claims=(claim("Pending"),),
    ),
    "a claim that is missing": Case(
        Reason.VOLUME_NOT_READY,
        KUBERNETES + "pkg/scheduler/framework/plugins/volumebinding/volume_binding.go",
        [unscheduled('0/3 nodes are available: persistentvolumeclaim "twin-cache" not found.')],
        ("twin-cache", "spec.target.cluster.cache.storageClass"),
    ),
    "a volume that is gone": Case(
        Reason.VOLUME_NOT_READY,
        "https://kubernetes.io/docs/concepts/storage/persistent-volumes/#phase",
        [pod(CREATING, phase="Pending")],
        ("a volume that is gone", "claim twin-cache", "Delete the claim"),
        hopeless=True,
        claims=(claim("Lost"),),
    ),
    "a volume that cannot be mounted": Case(
        Reason.VOLUME_NOT_READY,
        "https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-has-network",
        [
            pod(
                CREATING,
                phase="Pending",
                conditions=[
                    {"type": "PodReadyToStartContainers", "status": "False", "lastTransitionTime": ago(minutes=4)}
                ],
            )
        ],
        ("its volumes (twin-cache), or for the network", "kubectl describe pod"),
    ),
    "a container that is not made": Case(
        Reason.CONTAINER_CREATING,
        "https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#container-states",
        [pod(CREATING, phase="Pending", created=NOW - timedelta(minutes=16))],
        ("the image is still being pulled, or a volume cannot be mounted", "kubectl describe pod"),
    ),
    # What cannot be made.
    "quota used up": Case(
        Reason.QUOTA_EXCEEDED,
        "https://github.com/ministryofjustice/cloud-platform/issues/590",
        [],
        ("apps/v1 Deployment twin-5d9c gets no pods: a ResourceQuota", "exceeded quota: gpus", "spec.replicas"),
        workload=workload(GPU_QUOTA.format(requested=2, used=4)),
    ),
    "quota too small": Case(
        Reason.QUOTA_EXCEEDED,
        "https://github.com/ministryofjustice/cloud-platform/issues/590",
        [],
        ("one pod alone asks for more", "limited: requests.nvidia.com/gpu=4"),
        hopeless=True,
        workload=workload(GPU_QUOTA.format(requested=8, used=0)),
    ),
    "quota that is just enough": Case(
        Reason.QUOTA_EXCEEDED,
        "https://github.com/ministryofjustice/cloud-platform/issues/590",
        [],
        ("a ResourceQuota of the namespace is used up",),
        workload=workload(GPU_QUOTA.format(requested=4, used=1)),
    ),
    "quota without a request": Case(
        Reason.QUOTA_EXCEEDED,
        "https://github.com/kubernetes/kubernetes/issues/96634",
        [],
        ("must specify limits.cpu", "spec.target.cluster.podTemplate"),
        hopeless=True,
        workload=workload('pods "x" is forbidden: failed quota: rq-demo: must specify limits.cpu for: proxy'),
    ),
    "Pod Security": Case(
        Reason.POD_REFUSED,
        "https://github.com/redhat-developer/odo/issues/6847",
        [],
        ("the namespace's policy refuses its pods", "violates PodSecurity", "spec.target.cluster.podTemplate"),
        hopeless=True,
        workload=workload(POD_SECURITY),
    ),
    "webhook denies": Case(
        Reason.POD_REFUSED,
        "https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/",
        [],
        ("a policy of the cluster refuses its pods", "images must come from our registry"),
        workload=workload(
            'admission webhook "validation.gatekeeper.sh" denied the request: [repos] images must come from '
            "our registry"
        ),
    ),
    "webhook gone": Case(
        Reason.POD_REFUSED,
        "https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/",
        [],
        ("a webhook that must be asked does not answer", "connection refused"),
        workload=workload(
            'Internal error occurred: failed calling webhook "inject.example.com": failed to call webhook: Post '
            '"https://injector.mesh.svc:443/inject?timeout=10s": dial tcp 10.0.0.7:443: connect: connection refused'
        ),
    ),
    "no ServiceAccount": Case(
        Reason.POD_REFUSED,
        KUBERNETES + "plugin/pkg/admission/serviceaccount/admission.go",
        [],
        ("the ServiceAccount of its pods is not there", 'serviceaccount "twin" not found'),
        workload=workload(
            'pods "x" is forbidden: error looking up service account ml/twin: serviceaccount "twin" not found'
        ),
    ),
    "no RuntimeClass": Case(
        Reason.POD_REFUSED,
        KUBERNETES + "plugin/pkg/admission/runtimeclass/admission.go",
        [],
        ("there is no such RuntimeClass", "spec.target.cluster.runtimeClassName"),
        workload=workload('pods "x" is forbidden: pod rejected: RuntimeClass "nvidia" not found'),
    ),
    "limit range": Case(
        Reason.POD_REFUSED,
        KUBERNETES + "plugin/pkg/admission/limitranger/admission.go",
        [],
        ("a LimitRange", "maximum memory usage per Container is 8Gi", "spec.target.cluster.memory"),
        hopeless=True,
        workload=workload('pods "x" is forbidden: maximum memory usage per Container is 8Gi, but limit is 16Gi'),
    ),
    # Images.
    "no such image": Case(
        Reason.IMAGE_PULL,
        "https://github.com/kubernetes-sigs/provider-aws-test-infra/pull/281",
        not_pulled(PULL),
        (IMAGE, "there is no such image", "The kubelet says: “rpc error: code = NotFound", "spec.engine.image"),
    ),
    "no such image, for long": Case(
        Reason.IMAGE_PULL,
        "https://github.com/kubernetes/kubernetes/blob/master/pkg/kubelet/images/image_manager.go (1.32 and later)",
        not_pulled(f'Back-off pulling image "{IMAGE}": ErrImagePull: {PULL}', reason="ImagePullBackOff", minutes=11),
        ("there is no such image", "spec.engine.version"),
        hopeless=True,
    ),
    "back-off before Kubernetes 1.32": Case(
        Reason.IMAGE_PULL,
        KUBERNETES + "pkg/kubelet/images/image_manager.go",
        not_pulled(f'Back-off pulling image "{IMAGE}"', reason="ImagePullBackOff", minutes=30),
        ("it cannot be pulled", "The events of the pod have the registry's own words"),
    ),
    "private registry": Case(
        Reason.IMAGE_PULL,
        "https://github.com/pfnet/image-pull-secrets-provisioner/issues/31",
        not_pulled(UNAUTHORIZED),
        ("the registry does not let it pull the image", "insufficient_scope", "imagePullSecrets"),
    ),
    "rate of the registry": Case(
        Reason.IMAGE_PULL,
        "https://github.com/namespacelabs/foundation/issues/846",
        not_pulled(TOO_MANY, minutes=60),
        ("the registry asks for patience", "toomanyrequests"),
    ),
    "registry out of reach": Case(
        Reason.IMAGE_PULL,
        "https://github.com/kubereboot/charts/issues/8",
        not_pulled(
            'rpc error: code = Unknown desc = failed to do request: Head "https://ghcr.io/v2/x/manifests/1": EOF',
            minutes=60,
        ),
        ("the node cannot reach the registry", "EOF"),
    ),
    "a disk that is full of images": Case(
        Reason.IMAGE_PULL,
        "https://github.com/kserve/kserve/issues/3408",
        not_pulled("failed to register layer: write /opt/x/libtensorflow_cc.so.2: no space left on device", minutes=60),
        ("the node has no room for the image",),
    ),
    "another processor": Case(
        Reason.IMAGE_PULL,
        "https://github.com/containerd/containerd/blob/main/core/images/image.go",
        not_pulled("rpc error: code = NotFound desc = no match for platform in manifest: not found", minutes=20),
        ("another kind of processor", "spec.engine.image"),
        hopeless=True,
    ),
    "no name of an image": Case(
        Reason.IMAGE_PULL,
        KUBERNETES + "pkg/kubelet/images/image_manager.go",
        not_pulled(
            'Failed to apply default image tag "ghcr.io/X:1:2": couldn\'t parse image name: invalid reference format',
            reason="InvalidImageName",
        ),
        ("that is no name of an image", "invalid reference format"),
        hopeless=True,
    ),
    "never pulled": Case(
        Reason.IMAGE_PULL,
        KUBERNETES + "pkg/kubelet/images/image_manager.go",
        not_pulled(f'Container image "{IMAGE}" is not present with pull policy of Never', reason="ErrImageNeverPull"),
        ("imagePullPolicy is Never",),
    ),
    # What a container needs before it starts.
    "no Secret": Case(
        Reason.CONTAINER_CONFIG,
        KUBERNETES + "pkg/kubelet/kubelet_pods.go",
        [pod(waiting("CreateContainerConfigError", 'secret "hf" not found'))],
        ('The kubelet says: “secret "hf" not found”', "in this namespace"),
    ),
    "no key in the Secret": Case(
        Reason.CONTAINER_CONFIG,
        KUBERNETES + "pkg/kubelet/kubelet_pods.go",
        [pod(waiting("CreateContainerConfigError", "couldn't find key token in Secret ml/hf"))],
        ("couldn't find key token in Secret ml/hf", "add the key"),
    ),
    "root": Case(
        Reason.CONTAINER_CONFIG,
        KUBERNETES + "pkg/kubelet/kuberuntime/security_context_others.go",
        [
            pod(
                waiting(
                    "CreateContainerConfigError",
                    'container has runAsNonRoot and image will run as root (pod: "twin-5d9c-x_ml(8f)", '
                    "container: engine)",
                )
            )
        ],
        ("its image would run as root", "runAsUser", "spec.target.cluster.podTemplate"),
        hopeless=True,
    ),
    "a user by name": Case(
        Reason.CONTAINER_CONFIG,
        KUBERNETES + "pkg/kubelet/kuberuntime/security_context_others.go",
        [
            pod(
                waiting(
                    "CreateContainerConfigError",
                    "container has runAsNonRoot and image has non-numeric user (vllm), cannot verify user is non-root",
                )
            )
        ],
        ("non-numeric user (vllm)", "runAsUser"),
        hopeless=True,
    ),
    "no executable": Case(
        Reason.CONTAINER_START,
        "https://github.com/LMCache/LMCache/issues/1850",
        [pod(crashed(logs.NO_EXECUTABLE, code=128, reason="StartError", ran=timedelta()))],
        ("its image does not hold what it is to run", 'exec: "vllm": executable file not found', "spec.engine.name"),
        hopeless=True,
    ),
    "no executable, seen early": Case(
        Reason.CONTAINER_START,
        "https://github.com/LMCache/LMCache/issues/1850",
        [pod(waiting("RunContainerError", logs.NO_EXECUTABLE))],
        ("cannot start: its image does not hold what it is to run",),
        hopeless=True,
    ),
    "no command in the shell": Case(
        Reason.CONTAINER_START,
        "https://www.gnu.org/software/bash/manual/html_node/Exit-Status.html",
        ended("/bin/sh: 1: text-generation-launcher: not found\n", code=127),
        ("text-generation-launcher: not found",),
        hopeless=True,
    ),
    "a runtime that fails": Case(
        Reason.CONTAINER_START,
        KUBERNETES + "pkg/kubelet/kuberuntime/kuberuntime_container.go",
        [pod(waiting("CreateContainerError", "context deadline exceeded"))],
        ("the container runtime fails", "context deadline exceeded"),
    ),
    "a hook": Case(
        Reason.CONTAINER_START,
        KUBERNETES + "pkg/kubelet/lifecycle/handlers.go",
        [pod(waiting("PostStartHookError", "Exec lifecycle hook ([/warm]) for Container failed"))],
        ("a lifecycle hook fails", "spec.target.cluster.podTemplate"),
    ),
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
    # Other memory, and disk.
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
    # Weights.
    "gated": Case(
        Reason.GATED_WEIGHTS,
        "https://github.com/kubeai-project/kubeai/issues/155",
        ended(logs.GATED_403),
        (
            "GatedRepoError: 403 Client Error. Cannot access gated repo for url",
            "you are not in the authorized list",
            "tokenSecretRef",
        ),
    ),
    "gated, says transformers": Case(
        Reason.GATED_WEIGHTS,
        TRANSFORMERS + "utils/hub.py",
        ended(
            "OSError: You are trying to access a gated repo.\nMake sure to have access to it at "
            "https://huggingface.co/meta-llama/Llama-3.1-8B.\n401 Client Error.\n",
            restarts=3,
        ),
        ("You are trying to access a gated repo",),
        hopeless=True,
    ),
    "no such file": Case(
        Reason.WEIGHTS_NOT_FOUND,
        TGI + "blob/main/server/text_generation_server/utils/hub.py",
        ended(
            "huggingface_hub.errors.EntryNotFoundError: No .bin weights found for model acme/x and revision 1a2b.\n"
            "Error: DownloadError\n"
        ),
        ("lacks a file", "No .bin weights found"),
        hopeless=True,
    ),
    "no such commit": Case(
        Reason.WEIGHTS_NOT_FOUND,
        "https://github.com/huggingface/huggingface_hub/blob/main/src/huggingface_hub/utils/_http.py",
        ended(
            "huggingface_hub.errors.RevisionNotFoundError: 404 Client Error. (Request ID: Root=1-6;a)\n\nRevision Not "
            "Found for url: https://huggingface.co/api/models/acme/x/revision/1a2b.\n"
        ),
        ("does not have this commit any more", "spec.source.huggingFace.revision"),
    ),
    "half a file": Case(
        Reason.WEIGHTS_DAMAGED,
        "https://github.com/huggingface/safetensors/blob/main/safetensors/src/tensor.rs",
        ended("safetensors_rust.SafetensorError: Error while deserializing header: MetadataIncompleteBuffer\n"),
        ("a file of the weights is damaged", "MetadataIncompleteBuffer"),
    ),
    "not in the cache": Case(
        Reason.WEIGHTS_NOT_CACHED,
        "https://github.com/exo-explore/exo/issues/80",
        ended(logs.OFFLINE, restarts=5),
        ("the cache volume does not hold", "Delete the Job"),
    ),
    "no Hub": Case(
        Reason.HUB_UNREACHABLE,
        "https://github.com/Stability-AI/stablediffusion/issues/412",
        ended(logs.HUB_UNREACHABLE, restarts=7),
        ("cannot reach the Hub", "spec.target.cluster.network.egressTo"),
    ),
    "no name": Case(
        Reason.HUB_UNREACHABLE,
        "https://github.com/abacaj/replit-3B-inference/issues/8",
        ended(
            "requests.exceptions.ConnectionError: HTTPSConnectionPool(host='huggingface.co', port=443): Max retries "
            'exceeded with url: /api/models/x (Caused by NameResolutionError("<urllib3.connection.HTTPSConnection '
            "object at 0x00000228F9769DE0>: Failed to resolve 'huggingface.co'\"))"
        ),
        ("Failed to resolve 'huggingface.co'",),
    ),
    "a certificate": Case(
        Reason.HUB_UNREACHABLE,
        "https://docs.python.org/3/library/ssl.html#ssl.SSLCertVerificationError",
        ended(
            "httpx.ConnectError: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate "
            "in certificate chain (_ssl.c:1000)"
        ),
        ("does not trust the certificate of the Hub", "SSL_CERT_FILE"),
    ),
    "rate of the Hub": Case(
        Reason.HUB_RATE_LIMITED,
        "https://github.com/huggingface/huggingface_hub/blob/main/src/huggingface_hub/utils/_http.py",
        ended(
            "huggingface_hub.errors.HfHubHTTPError: \n\n429 Too Many Requests: you have reached your 'api' rate "
            "limit.\nRetry after 55 seconds (0/1000 requests remaining in current 300s window).\n",
            restarts=4,
        ),
        ("the Hub asks for patience", "Retry after 55 seconds"),
    ),
    "a Hub that is disturbed": Case(
        Reason.HUB_UNAVAILABLE,
        "https://github.com/psf/requests/blob/main/src/requests/models.py",
        ended("requests.exceptions.HTTPError: 503 Server Error: Service Unavailable for url: https://huggingface.co/x"),
        ("the Hub is disturbed",),
    ),
    # What an engine refuses.
    "an argument of TGI": Case(
        Reason.BAD_ARGUMENTS,
        "https://github.com/clap-rs/clap/blob/master/clap_builder/src/error/format.rs",
        ended(logs.TGI_CLAP, code=2),
        ("error: unexpected argument '--max-length' found", "a similar argument exists", "spec.engine.args"),
        hopeless=True,
    ),
    "arguments of TGI together": Case(
        Reason.BAD_ARGUMENTS,
        TGI + "blob/main/launcher/src/main.rs",
        ended(logs.TGI_ARGUMENTS),
        ("`max_input_tokens must be < `max_total_tokens`",),
        hopeless=True,
    ),
    "an argument of vLLM": Case(
        Reason.BAD_ARGUMENTS,
        "https://github.com/defilantech/LLMKube/issues/1030",
        ended(logs.VLLM_USAGE, code=2),
        ("It says: “vllm: error: unrecognized arguments: --enable-metrics”",),
        hopeless=True,
    ),
    "a choice of vLLM": Case(
        Reason.BAD_ARGUMENTS,
        "https://docs.python.org/3/library/argparse.html#choices",
        ended("vllm serve: error: argument --dtype: invalid choice: 'int3' (choose from auto, half)\n", code=2),
        ("argument --dtype: invalid choice",),
        hopeless=True,
    ),
    "a configuration of vLLM": Case(
        Reason.BAD_ARGUMENTS,
        VLLM + "pull/19660",
        config(
            "ModelConfig",
            "User-specified max_model_len (513) is greater than the derived max_model_len (max_position_embeddings=512 "
            "or model_max_length=None in model's config.json).",
        ),
        ("refuses its configuration", "User-specified max_model_len (513)"),
        hopeless=True,
    ),
    "heads of vLLM": Case(
        Reason.BAD_ARGUMENTS,
        VLLM + "issues/2652",
        config("VllmConfig", "Total number of attention heads (52) must be divisible by tensor parallel size (8)."),
        ("cannot be split over that many GPUs", "attention heads (52)", "spec.target.cluster.gpus"),
        hopeless=True,
    ),
    "heads of TGI": Case(
        Reason.BAD_ARGUMENTS,
        TGI + "issues/1354",
        ended(logs.TGI_HEADS),
        ("`num_heads` must be divisible by `num_shards`", "spec.target.cluster.gpus"),
        hopeless=True,
    ),
    "a model that TGI does not split": Case(
        Reason.BAD_ARGUMENTS,
        TGI + "issues/574",
        ended(logs.TGI_NOT_SHARDED),
        ("sharded is not supported for this model",),
        hopeless=True,
    ),
    "more GPUs than there are": Case(
        Reason.BAD_ARGUMENTS,
        VLLM + "blob/main/vllm/config/parallel.py",
        config("ParallelConfig", "World size (2) is larger than the number of available GPUs (1) in this node."),
        ("World size (2)", "spec.target.cluster.gpus decides"),
        hopeless=True,
    ),
    "code of the model": Case(
        Reason.BAD_ARGUMENTS,
        TRANSFORMERS + "dynamic_module_utils.py",
        config(
            "ModelConfig",
            "The repository acme/x contains custom code which must be executed to correctly load the model. Please "
            "pass the argument `trust_remote_code=True` to allow custom code to be run.",
        ),
        ("--trust-remote-code to spec.engine.args",),
        hopeless=True,
    ),
    "a model that vLLM does not know": Case(
        Reason.UNSUPPORTED_MODEL,
        VLLM + "blob/main/vllm/model_executor/models/registry.py",
        config(
            "ModelConfig",
            "Model architectures ['DeepseekOCRForCausalLM'] are not supported for now. Supported architectures: "
            "dict_keys(['ApertusForCausalLM', 'AquilaModel'])",
        ),
        ("does not know this kind of model", "DeepseekOCRForCausalLM", "spec.engine.version"),
        hopeless=True,
    ),
    "a model that TGI does not know": Case(
        Reason.UNSUPPORTED_MODEL,
        TGI + "issues/599",
        ended(logs.TGI_TRUST_REMOTE_CODE_IGNORED),
        ("Unsupported model type falcon",),
        hopeless=True,
    ),
    "another quantization": Case(
        Reason.UNSUPPORTED_MODEL,
        VLLM + "issues/19050",
        config(
            "ModelConfig",
            "Quantization method specified in the model config (fp8) does not match the quantization method specified "
            "in the `quantization` argument (gguf).",
        ),
        ("not of the kind", "spec.engine.quantization"),
        hopeless=True,
    ),
    "weights that are missing": Case(
        Reason.UNSUPPORTED_MODEL,
        TGI + "blob/main/server/text_generation_server/utils/weights.py",
        ended(
            "RuntimeError: weight model.layers.0.self_attn.q_proj.qweight does not exist\n rank=0\n"
            "Error: ShardCannotStart\n"
        ),
        ("q_proj.qweight does not exist", "spec.engine.quantization"),
        hopeless=True,
    ),
    # What ends for an unknown reason.
    "not started in time": Case(
        Reason.STARTUP_TIMED_OUT,
        "https://kubernetes.io/docs/concepts/workloads/pods/probes/#startup-probe",
        ended(
            "2026-11-21T11:29:13.941247Z  INFO shard-manager: text_generation_launcher: Waiting for shard to be "
            "ready...",
            code=137,
            ran=timedelta(seconds=STARTUP_SECONDS + 90),
        ),
        ("had not started after 30 minutes", "“Waiting for shard to be ready”", "spec.rollout.startupTimeout"),
        hopeless=True,
    ),
    "TGI asked to end": Case(
        Reason.STARTUP_TIMED_OUT,
        TGI + "blob/main/launcher/src/main.rs",
        ended("", code=0, reason="Completed", ran=timedelta(seconds=STARTUP_SECONDS + 4)),
        ("had not started after 30 minutes",),
        hopeless=True,
    ),
    "vLLM asked to end": Case(
        Reason.STARTUP_TIMED_OUT,
        VLLM + "blob/main/docs/deployment/k8s.md",
        ended("KeyboardInterrupt: terminated\n", ran=timedelta(seconds=STARTUP_SECONDS + 2)),
        ("had not started after 30 minutes",),
        hopeless=True,
    ),
    "unknown words": Case(
        Reason.CRASH_LOOP,
        VLLM + "issues/19002",
        ended(logs.VLLM_END, restarts=3),
        ("ends again and again (exit code 1)", "Engine core initialization failed", "kubectl logs --previous"),
        hopeless=True,
    ),
    "no words": Case(
        Reason.CRASH_LOOP,
        "https://man7.org/linux/man-pages/man7/signal.7.html",
        ended("", code=139, restarts=3),
        ("SIGSEGV", "It left no words; kubectl logs --previous"),
        hopeless=True,
    ),
    # What is gone.
    "evicted for disk": Case(
        Reason.EVICTED,
        KUBERNETES + "pkg/kubelet/eviction/helpers.go",
        [
            gone(
                "Evicted",
                "The node was low on resource: ephemeral-storage. Threshold quantity: 8032Mi, available: 7411Mi. "
                "Container engine was using 29Gi, request is 0, has larger consumption of ephemeral-storage. ",
            )
        ],
        ("was put out by its node", "Container engine was using 29Gi", "spec.target.cluster.cache.size"),
    ),
    "evicted for shared memory": Case(
        Reason.EVICTED,
        KUBERNETES + "pkg/kubelet/eviction/helpers.go",
        [gone("Evicted", 'Usage of EmptyDir volume "shared-memory" exceeds the limit "1Gi". ')],
        ("spec.target.cluster.sharedMemory",),
    ),
    "drained": Case(
        Reason.EVICTED,
        "https://kubernetes.io/docs/concepts/workloads/pods/disruptions/#pod-disruption-conditions",
        [disrupted("EvictionByEvictionAPI", "Eviction API: evicting")],
        ("mostly because its node is drained",),
    ),
    "preempted": Case(
        Reason.PREEMPTED,
        "https://kubernetes.io/docs/concepts/workloads/pods/disruptions/#pod-disruption-conditions",
        [disrupted("PreemptionByScheduler", "default-scheduler: preempting to accommodate a higher priority pod")],
        ("a pod of higher priority", "preempting to accommodate"),
    ),
    "refused for a GPU": Case(
        Reason.REFUSED_BY_NODE,
        "https://github.com/kubernetes/kubernetes/issues/130145",
        [
            gone(
                "UnexpectedAdmissionError",
                "Pod was rejected: Allocate failed due to requested number of devices unavailable for nvidia.com/gpu. "
                "Requested: 1, Available: 0, which is unexpected",
            )
        ],
        ("was refused by its node (UnexpectedAdmissionError)", "Requested: 1, Available: 0", "device plugin"),
    ),
    "refused for want": Case(
        Reason.REFUSED_BY_NODE,
        KUBERNETES + "pkg/kubelet/lifecycle/predicate.go",
        [
            gone(
                "OutOfnvidia.com/gpu",
                "Node didn't have enough resource: nvidia.com/gpu, requested: 1, used: 1, capacity: 1",
            )
        ],
        ("OutOfnvidia.com/gpu", "capacity: 1"),
    ),
    "shut down": Case(
        Reason.NODE_LOST,
        "https://kubernetes.io/docs/concepts/cluster-administration/node-shutdown/",
        [gone("Terminated", "Pod was terminated in response to imminent node shutdown.")],
        ("was lost with its node", "imminent node shutdown"),
    ),
    "a node that is gone": Case(
        Reason.NODE_LOST,
        "https://kubernetes.io/docs/concepts/workloads/pods/disruptions/#pod-disruption-conditions",
        [disrupted("DeletionByTaintManager", "Taint manager: deleting due to NoExecute taint")],
        ("a taint of its node",),
    ),
}
