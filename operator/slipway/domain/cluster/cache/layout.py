"""Where weights lie on a cache volume, and how a server finds them there.

A server is given the folder of a commit in place of a repository and a revision. It loads nothing from the Hub then,
and can load no other commit:

- TGI 3 does not find all of a commit by its hash offline: its launcher reads config.json through the hf-hub crate,
  which since 0.4 looks in the home directory only
  (https://github.com/huggingface/text-generation-inference/issues/3088). In an existing folder it finds everything.
  `MODEL_ID` is that folder, and `REVISION` must not be set: with it the router asks for the folder's name on the Hub
  (`use_api` in router/src/server.rs).
- `LORA_ADAPTERS` takes `name=folder`, which the launcher does not download, and of which TGI reads adapter_config.json
  too; without a folder it reads the newest one, not the pinned one.
- vLLM puts this folder in place of a repository itself when it is offline (`EngineArgs.__post_init__`). It cannot be
  told the commit of an adapter, but takes its folder: `--lora-modules name=folder`.

Which commit serves can be read from what the engine says: TGI's /info has no `model_sha` then, but the folder as
`model_id`; vLLM's /v1/models has it as `root`.
"""

from typing import Any

MOUNT = "/weights"
"""Where the volume is mounted, in the servers and in the Job that loads it."""
HUB_CACHE = f"{MOUNT}/hub"
"""Layout of the Hub's own cache: https://huggingface.co/docs/huggingface_hub/guides/manage-cache"""
VOLUME = "weights"
"""Name of the volume in a pod."""
SERVER_ENVIRONMENT = {"HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": HUB_CACHE, "HUGGINGFACE_HUB_CACHE": HUB_CACHE}
"""Variables of a server that starts from the cache. Both names of the cache: TGI's router knows the old one only."""


def claim_name(deployment: str) -> str:
    """Name of a Deployment's PersistentVolumeClaim: at most 48 + 8 characters."""
    return f"{deployment}-weights"


def snapshot_folder(repo: str, commit: str) -> str:
    """The folder of a commit, as a server or an adapter is given it."""
    return f"{HUB_CACHE}/models--{repo.replace('/', '--')}/snapshots/{commit}"


def commit_of(folder: str | None) -> str | None:
    """The commit that a folder of the cache holds; None: it is no such folder."""
    if folder is None or not folder.startswith(f"{HUB_CACHE}/models--"):
        return None
    before, _, commit = folder.rstrip("/").rpartition("/")
    return commit if before.endswith("/snapshots") else None


def pod_volume(deployment: str) -> dict[str, Any]:
    """Entry of a pod's `volumes`."""
    return {"name": VOLUME, "persistentVolumeClaim": {"claimName": claim_name(deployment)}}


def server_mount() -> dict[str, Any]:
    """Entry of a server's `volumeMounts`: nothing that serves may change what others serve from."""
    return {"name": VOLUME, "mountPath": MOUNT, "readOnly": True}
