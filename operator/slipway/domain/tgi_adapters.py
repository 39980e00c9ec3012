"""How far TGI serves LoRA adapters at the commits that they are pinned to."""

from slipway.domain.engines import version_key

FIRST_WITH_PINNED_ADAPTERS = "2.4.0"
"""Before it the launcher downloads the newest commit of an adapter, whatever LORA_ADAPTERS says:
https://github.com/huggingface/text-generation-inference/pull/2592"""

ADAPTER_CONFIG_UNPINNED = (
    "spec.engine.adapters: TGI loads an adapter's weights at its commit, but reads its adapter_config.json (rank and "
    "scale) at the newest commit of its repository, whenever an instance starts. Leave that file as it is"
)
"""`LoraConfig.load(adapter_path or adapter_id, None)` in `load_module_map` is not given the revision:
https://github.com/huggingface/text-generation-inference/blob/main/server/text_generation_server/utils/adapter.py"""


def unpinned(version: str | None) -> str | None:
    """Why a version (x.y.z) serves no adapters at their commits, or None. An unknown one is taken at its word."""
    if version and version_key(version) < version_key(FIRST_WITH_PINNED_ADAPTERS):
        return (
            f"spec.engine.adapters: TGI {version} downloads the newest commit of an adapter, not the pinned one. "
            f"Set spec.engine.version to {FIRST_WITH_PINNED_ADAPTERS} or a later one"
        )
    return None
