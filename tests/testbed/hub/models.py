"""Repositories that look like those on the Hub and weigh nothing."""

import json
from collections.abc import Iterator

import yaml

from tests.testbed.hub.content import Content, sparse_safetensors

LAYERS, HIDDEN, HEADS, KV_HEADS, INTERMEDIATE, VOCABULARY = 32, 4096, 32, 8, 14336, 128256
LLAMA_8B_PARAMETERS = 8_030_261_248
LLAMA_8B_CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "bos_token_id": 128000,
    "eos_token_id": 128009,
    "hidden_act": "silu",
    "hidden_size": HIDDEN,
    "intermediate_size": INTERMEDIATE,
    "max_position_embeddings": 131072,
    "num_attention_heads": HEADS,
    "num_hidden_layers": LAYERS,
    "num_key_value_heads": KV_HEADS,
    "rms_norm_eps": 1e-05,
    "rope_theta": 500000.0,
    "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
    "vocab_size": VOCABULARY,
}
_Tensors = dict[str, tuple[str, list[int]]]


def llama_8b_repository(*, shards: int = 4, license_id: str = "llama3.1", note: str = "") -> dict[str, Content]:
    """Files as in meta-llama/Llama-3.1-8B-Instruct: 16 GB of BF16 in `shards` files (1: a single file, no
    index).

    `note` goes into the README: another note makes another commit of the same model. The folder original/
    holds the weights a second time, as Meta's repositories do: whoever counts it doubles the model.
    """
    card = {"license": license_id, "pipeline_tag": "text-generation", "library_name": "transformers"}
    readme = f"---\n{yaml.safe_dump(card)}---\n# A model of the size of Llama 3.1 8B\n{note}\n"
    small = {
        "README.md": readme.encode(),
        "config.json": json.dumps(LLAMA_8B_CONFIG, indent=2).encode(),
        "generation_config.json": json.dumps({"bos_token_id": 128000, "eos_token_id": [128001, 128009]}).encode(),
        "special_tokens_map.json": json.dumps({"bos_token": "<|begin_of_text|>"}).encode(),
        "tokenizer.json": json.dumps({"version": "1.0", "model": {"type": "BPE", "vocab": {}}}).encode(),
        "tokenizer_config.json": json.dumps({"tokenizer_class": "PreTrainedTokenizerFast"}).encode(),
    }
    files = {path: Content(data, len(data)) for path, data in small.items()}
    files["original/consolidated.00.pth"] = Content(b"PK\x03\x04", 16_060_617_592)
    return files | _weights(shards)


def _weights(shards: int) -> dict[str, Content]:
    if shards == 1:
        return sparse_safetensors("model.safetensors", dict(_llama_tensors()))
    names = [f"model-{number:05}-of-{shards:05}.safetensors" for number in range(1, shards + 1)]
    tensors = list(_llama_tensors())
    per_shard = -(-len(tensors) // shards)
    weight_map: dict[str, str] = {}
    files: dict[str, Content] = {}
    for number, name in enumerate(names):
        part: _Tensors = dict(tensors[number * per_shard : (number + 1) * per_shard])
        files |= sparse_safetensors(name, part)
        weight_map |= dict.fromkeys(part, name)
    index = {"metadata": {"total_size": LLAMA_8B_PARAMETERS * 2}, "weight_map": weight_map}
    encoded = json.dumps(index, indent=2).encode()
    return files | {"model.safetensors.index.json": Content(encoded, len(encoded))}


def _llama_tensors() -> Iterator[tuple[str, tuple[str, list[int]]]]:
    keys = HIDDEN // HEADS * KV_HEADS
    yield "model.embed_tokens.weight", ("BF16", [VOCABULARY, HIDDEN])
    for layer in range(LAYERS):
        at = f"model.layers.{layer}"
        yield f"{at}.input_layernorm.weight", ("BF16", [HIDDEN])
        yield f"{at}.mlp.down_proj.weight", ("BF16", [HIDDEN, INTERMEDIATE])
        yield f"{at}.mlp.gate_proj.weight", ("BF16", [INTERMEDIATE, HIDDEN])
        yield f"{at}.mlp.up_proj.weight", ("BF16", [INTERMEDIATE, HIDDEN])
        yield f"{at}.post_attention_layernorm.weight", ("BF16", [HIDDEN])
        yield f"{at}.self_attn.k_proj.weight", ("BF16", [keys, HIDDEN])
        yield f"{at}.self_attn.o_proj.weight", ("BF16", [HIDDEN, HIDDEN])
        yield f"{at}.self_attn.q_proj.weight", ("BF16", [HIDDEN, HIDDEN])
        yield f"{at}.self_attn.v_proj.weight", ("BF16", [keys, HIDDEN])
    yield "model.norm.weight", ("BF16", [HIDDEN])
    yield "lm_head.weight", ("BF16", [VOCABULARY, HIDDEN])
