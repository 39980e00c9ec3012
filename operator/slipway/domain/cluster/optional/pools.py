"""A pool of the Gateway API Inference Extension, from which a gateway picks replicas by their queues and caches.

https://gateway-api-inference-extension.sigs.k8s.io/reference/spec/#inferencepool
"""

from collections.abc import Mapping

from slipway.api.v1alpha1.cluster_target import InferencePool
from slipway.domain.cluster.apis import INFERENCE_POOL
from slipway.domain.cluster.marks import DEPLOYMENT_LABEL, NOBODY, PORT, REVISION_LABEL, Manifest
from slipway.domain.cluster.subject import Subject, marked


def pool(subject: Subject, wanted: InferencePool) -> Manifest:
    """The InferencePool `<name>`, of no pod yet: a pool finds its pods past the Service. `routed` puts them in."""
    picker = {
        "name": wanted.endpoint_picker,
        "port": {"number": wanted.port},
        "failureMode": wanted.failure_mode,
    }
    nobody = {DEPLOYMENT_LABEL: subject.name, REVISION_LABEL: NOBODY}
    return marked(
        {
            "apiVersion": INFERENCE_POOL.api_version,
            "kind": INFERENCE_POOL.kind,
            "metadata": subject.metadata(subject.name),
            "spec": {
                "selector": {"matchLabels": nobody},
                "targetPorts": [{"number": PORT}],
                "endpointPickerRef": picker,
            },
        }
    )


def routed(manifest: Manifest, selector: Mapping[str, str]) -> Manifest:
    """An optional object as the Service's selector wants it now.

    A pool must have the pods that the Service has, and no others: a revision that has not been checked gets no request.
    Everything else goes through the Service, and is returned as it is.
    """
    if manifest["kind"] != INFERENCE_POOL.kind:
        return manifest
    return marked(manifest | {"spec": manifest["spec"] | {"selector": {"matchLabels": dict(selector)}}})
