"""Where the weights lie in a container: in the cache volume, in the layout of huggingface_hub's own cache.

https://huggingface.co/docs/huggingface_hub/guides/manage-cache#understand-caching
"""

VOLUME = "weights"
"""Name of the cache volume in a pod."""
CACHE = "/weights"
"""Where the cache volume is mounted: what HF_HUB_CACHE is for whoever fills it."""
HUB_CACHE = "HF_HUB_CACHE"
OFFLINE = "HF_HUB_OFFLINE"
"""https://huggingface.co/docs/huggingface_hub/package_reference/environment_variables"""


def claim_name(deployment: str) -> str:
    """Name of the PersistentVolumeClaim of a Deployment's cache."""
    return f"{deployment}-weights"


def snapshot(repo: str, revision: str) -> str:
    """The folder of one commit, as snapshot_download makes it below CACHE."""
    return f"{CACHE}/models--{repo.replace('/', '--')}/snapshots/{revision}"
