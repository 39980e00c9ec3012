"""Images that cannot be pulled."""

from datetime import timedelta

from slipway.domain.cluster.diagnosis.reasons import Reason
from tests.unit.domain.cluster.diagnosis.cases.case import KUBERNETES, Case
from tests.unit.domain.cluster.diagnosis.pods import IMAGE, NOW, Manifest, pod, waiting


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

CASES = {
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
}
