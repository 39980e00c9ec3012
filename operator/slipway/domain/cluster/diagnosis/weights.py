"""Weights that cannot be had: gated, not there, damaged, or behind a Hub that does not answer.

Sources of the words:
- https://github.com/huggingface/huggingface_hub/blob/main/src/huggingface_hub/utils/_http.py (hf_raise_for_status),
  …/file_download.py and …/_snapshot_download.py, whose exceptions both engines and the loading Job let through
- https://github.com/huggingface/transformers/blob/main/src/transformers/utils/hub.py (cached_files)
- https://github.com/huggingface/text-generation-inference/blob/main/server/text_generation_server/utils/hub.py
- https://github.com/huggingface/safetensors/blob/main/safetensors/src/tensor.rs (SafeTensorError)

That a repository is not found means that it may not be seen: the ModelVersion has found it with its own token.
"""

from slipway.domain.cluster.diagnosis.reasons import Patience, Reason
from slipway.domain.cluster.diagnosis.signs import sign

_ACCESS = (
    "Ask for access on the model's page with the user of that token, or put another token into the Secret of the "
    "ModelVersion's tokenSecretRef"
)
_NETWORK = "Check spec.target.cluster.network.egressTo, the DNS, and proxy variables in spec.engine.env"

GATED = (
    sign(
        r"GatedRepoError|Cannot access gated repo|You are trying to access a gated repo"
        r"|RepositoryNotFoundError|Repository Not Found for url|401 Client Error|403 Client Error"
        r"|403 Forbidden|Invalid (?:username or password|credentials in Authorization header|user token)"
        r"|HTTP status client error \(40[13]|token does not have the (?:right|required) permission",
        Reason.GATED_WEIGHTS,
        "the Hub does not let it load the weights",
        _ACCESS,
    ),
)

NOT_FOUND = (
    sign(
        r"RevisionNotFoundError|Revision Not Found for url|Invalid rev id|is not a valid git identifier",
        Reason.WEIGHTS_NOT_FOUND,
        "the repository does not have this commit any more",
        "Choose another commit: spec.source.huggingFace.revision of the ModelVersion",
    ),
    sign(
        r"No (?:\.safetensors|\.bin|local) weights found|Cannot find any model weights|RemoteEntryNotFoundError"
        r"|Entry Not Found for url|does not appear to have a file named|no file named .{0,60}found in directory"
        r"|Can't load the configuration of|Invalid repository ID or local directory specified",
        Reason.WEIGHTS_NOT_FOUND,
        "the repository lacks a file that the engine needs",
        "Look at the repository at that commit: does it hold the whole model, in a format that the engine reads",
        Patience.NONE,
    ),
)

DAMAGED = (
    sign(
        r"SafetensorError|Error while deserializing header|MetadataIncompleteBuffer|InvalidHeader|HeaderTooLarge"
        r"|PytorchStreamReader failed|Consistency check failed",
        Reason.WEIGHTS_DAMAGED,
        "a file of the weights is damaged",
        "With a cache, delete the file on the volume, or the Job that loads it, so that it is loaded again; without "
        "one, look at the file in the repository",
    ),
)

NOT_CACHED = (
    sign(
        r"outgoing traffic has been disabled|offline mode is enabled|run `text-generation-server download-weights"
        r"|OfflineModeIsEnabled",
        Reason.WEIGHTS_NOT_CACHED,
        "the cache volume does not hold what the engine needs, and the engine may not load it",
        "Delete the Job that loads the weights, so that it runs again; if something is always missing, take "
        "spec.target.cluster.cache away",
        Patience.ALL,
    ),
)

HUB = (
    sign(
        r"429 (?:Client Error|Too Many Requests)|Too Many Requests for url|rate limit",
        Reason.HUB_RATE_LIMITED,
        "the Hub asks for patience",
        "Set a token (tokenSecretRef of the ModelVersion), which has a quota of its own, or a cache, which loads once",
        Patience.ALL,
    ),
    sign(
        r"50\d Server Error|\b50[0234] (?:Internal Server Error|Bad Gateway|Service Unavailable|Gateway Time-?out)",
        Reason.HUB_UNAVAILABLE,
        "the Hub is disturbed",
        "Wait: it is tried again",
        Patience.ALL,
    ),
    sign(
        r"CERTIFICATE_VERIFY_FAILED|certificate verify failed|unable to get local issuer certificate",
        Reason.HUB_UNREACHABLE,
        "it does not trust the certificate of the Hub",
        "Mount your authority's certificate by spec.target.cluster.podTemplate, and name it in SSL_CERT_FILE and "
        "REQUESTS_CA_BUNDLE by spec.engine.env",
    ),
    sign(
        r"NameResolutionError|name resolution|Name or service not known|Max retries exceeded with url|ConnectTimeout"
        r"|ConnectError\b|ConnectionError\b|Failed to establish a new connection|Read timed out|ReadTimeout"
        r"|We couldn't connect to|An error happened while trying to locate the file"
        r"|dns error|error sending request for url",
        Reason.HUB_UNREACHABLE,
        "it cannot reach the Hub",
        _NETWORK,
        Patience.ALL,
    ),
)

SIGNS = (*GATED, *NOT_FOUND, *DAMAGED, *NOT_CACHED, *HUB)
