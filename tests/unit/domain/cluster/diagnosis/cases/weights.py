"""Weights, and the Hub that has them."""

from slipway.domain.cluster.diagnosis.reasons import Reason
from tests.unit.domain.cluster.diagnosis import logs
from tests.unit.domain.cluster.diagnosis.cases.case import TGI, TRANSFORMERS, Case, ended

CASES = {
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
}
