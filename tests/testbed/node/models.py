"""A model that is small enough to be downloaded for real, and behaves like a large one."""

from __future__ import annotations

import json
from typing import Any

from tests.testbed.hub import Content, sparse_safetensors
from tests.testbed.node.engines.behaviour import FILE

LAYERS, HIDDEN, HEADS, VOCABULARY = 2, 64, 4, 256
CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": HIDDEN,
    "max_position_embeddings": 4096,
    "num_attention_heads": HEADS,
    "num_hidden_layers": LAYERS,
    "num_key_value_heads": HEADS,
    "torch_dtype": "bfloat16",
    "vocab_size": VOCABULARY,
}


def small_repository(note: str = "", **behaviour: Any) -> dict[str, bytes | Content | None]:
    """Some hundred kilobytes. `note` makes another commit; `behaviour`: fields of `engines.behaviour.Behaviour`.

    A commit without behaviour mends what an earlier one on the same branch did.
    """
    tensors = {
        "model.embed_tokens.weight": ("BF16", [VOCABULARY, HIDDEN]),
        "lm_head.weight": ("BF16", [VOCABULARY, HIDDEN]),
    }
    tensors |= {f"model.layers.{layer}.mlp.up_proj.weight": ("BF16", [HIDDEN, 4 * HIDDEN]) for layer in range(LAYERS)}
    card = "---\nlicense: apache-2.0\npipeline_tag: text-generation\nlibrary_name: transformers\n---\n"
    return {
        "README.md": f"{card}# A small model\n{note}\n".encode(),
        "config.json": json.dumps(CONFIG, indent=2).encode(),
        "tokenizer.json": json.dumps({"version": "1.0", "model": {"type": "BPE", "vocab": {}}}).encode(),
        "tokenizer_config.json": json.dumps({"tokenizer_class": "PreTrainedTokenizerFast"}).encode(),
        FILE: json.dumps(behaviour).encode(),
        **sparse_safetensors("model.safetensors", tensors),
    }
