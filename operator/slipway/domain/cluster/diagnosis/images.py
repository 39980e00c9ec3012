"""Images that cannot be pulled.

https://github.com/kubernetes/kubernetes/blob/master/pkg/kubelet/images/image_manager.go and …/types.go have the
kubelet's words; what follows them is the container runtime's and the registry's. Before Kubernetes 1.32 the words are
only there for the seconds between a try and the back-off after it.
"""

from datetime import datetime, timedelta

from slipway.domain.cluster.diagnosis.reasons import Cause, Patience, Reason
from slipway.domain.cluster.diagnosis.seen import Container, Pod
from slipway.domain.cluster.diagnosis.signs import first, sign
from slipway.domain.cluster.diagnosis.words import quoted

WAITING = frozenset(
    {
        "ErrImagePull",
        "ImagePullBackOff",
        "InvalidImageName",
        "ErrImageNeverPull",
        "ImageInspectError",
        "ErrImageInspect",
        "RegistryUnavailable",
        "SignatureValidationFailed",
    }
)
"""Reasons for which a container waits for its image."""
GIVE_UP_AFTER = timedelta(minutes=10)
"""How long an image may be missing, or refused: a pipeline may apply a manifest before it has pushed the image, and a
Secret with the registry's password may come a little later. The kubelet tries every 5 minutes at least by then:
https://kubernetes.io/docs/concepts/containers/images/#imagepullbackoff"""

_IMAGE = "spec.engine.image, or spec.engine.version"
_SIGNS = (
    sign(
        r"no match for platform|image operating system .{0,80}cannot be used|exec format error",
        Reason.IMAGE_PULL,
        "the image is for another kind of processor",
        f"Choose an image for the processors of these nodes ({_IMAGE})",
    ),
    sign(
        r"toomanyrequests|[Tt]oo [Mm]any [Rr]equests|\b429\b|pull QPS exceeded|rate limit",
        Reason.IMAGE_PULL,
        "the registry asks for patience",
        "Wait; a mirror in spec.engine.image, or a login by imagePullSecrets in spec.target.cluster.podTemplate, has "
        "no such limit",
        Patience.ALL,
    ),
    sign(
        r"no space left on device|[Dd]isk quota exceeded",
        Reason.IMAGE_PULL,
        "the node has no room for the image",
        "Make room on the node: images of engines are large",
        Patience.ALL,
    ),
    sign(
        r"unauthorized|authentication required|[Aa]uthorization failed|pull access denied|denied: |insufficient_scope"
        r"|\b40[13] (?:Unauth|Forb)|no basic auth credentials|requested access to the resource is denied",
        Reason.IMAGE_PULL,
        "the registry does not let it pull the image",
        f"Correct the image ({_IMAGE}), or add imagePullSecrets to spec.target.cluster.podTemplate",
    ),
    sign(
        r"manifest unknown|not found|NotFound|name unknown|does not exist|repository name not known",
        Reason.IMAGE_PULL,
        "there is no such image",
        f"Correct {_IMAGE}",
    ),
    sign(
        r"timeout|timed out|no such host|connection refused|connection reset|\bEOF\b|server misbehaving|unreachable"
        r"|TLS handshake|\b50[0234]\b|context deadline exceeded|certificate|registry is unavailable",
        Reason.IMAGE_PULL,
        "the node cannot reach the registry",
        "Check the node's way to the registry, or name a mirror in spec.engine.image",
        Patience.ALL,
    ),
)


def image_cause(pod: Pod, container: Container, now: datetime) -> Cause:
    """Why a container waits for its image."""
    words = quoted(container.waiting_message)
    since = pod.conditions["PodScheduled"].since if "PodScheduled" in pod.conditions else pod.created
    what, advice, patience = _kind(container, words)
    if patience is Patience.SOME:
        patience = Patience.NONE if since and now - since >= GIVE_UP_AFTER else Patience.ALL
    return Cause(
        Reason.IMAGE_PULL,
        f"waits for the image {quoted(str(container.spec.get('image') or 'of its container'))}: {what}",
        speaker="the kubelet says",
        words=words,
        advice=advice,
        patience=patience,
        since=since,
    )


def _kind(container: Container, words: str) -> tuple[str, str, Patience]:
    if container.waiting == "InvalidImageName":
        return "that is no name of an image", f"Correct {_IMAGE}", Patience.NONE
    if container.waiting == "ErrImageNeverPull":
        advice = "Load it there, or set another imagePullPolicy in spec.target.cluster.podTemplate"
        return "it is not on the node, and imagePullPolicy is Never", advice, Patience.SOME
    if container.waiting == "SignatureValidationFailed":
        return "its signature is not what the node's policy asks for", f"Correct {_IMAGE}", Patience.SOME
    known = first(_SIGNS, words)
    if known:
        return known.what, known.advice, known.patience
    advice = "The events of the pod have the registry's own words: kubectl describe pod"
    return "it cannot be pulled", advice, Patience.ALL
