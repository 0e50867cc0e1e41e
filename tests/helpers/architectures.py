"""Tiny random models of the architectures of causal language models that transformers has.

Each model type of `transformers` that can be made this small is a configuration, and so are
variations of some of them. `measure` scores one with the project's engine and with the plain
reference: each sequence by itself, without a cache, a mask or neighbours.
"""

from __future__ import annotations

import copy
import tempfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from transformers import AutoModelForCausalLM, PreTrainedModel
from transformers.models.auto.configuration_auto import CONFIG_MAPPING
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

VOCABULARY, CONTEXT, WINDOW = 300, 256, 32

# The settings that get a small value, in every configuration that has them.
_SETTINGS = {
    VOCABULARY: "vocab_size vocab_size_per_layer_input",
    CONTEXT: "max_position_embeddings n_positions n_ctx max_target_positions max_seq_len "
    "context_length model_max_length",
    # How far a layer looks back, and the width inside of a layer.
    WINDOW: "sliding_window window_size attention_window_size attention_chunk_size "
    "sliding_window_size index_topk intermediate_size ffn_dim decoder_ffn_dim encoder_ffn_dim "
    "d_inner n_inner dff dim_ff ffn_hidden_size mamba_d_ssm feed_forward_size "
    "intermediate_size_mlp",
    # Widths.
    16: "hidden_size n_embd d_model embed_dim emb_dim word_embed_proj_dim embedding_size "
    "embedding_dim lru_width attention_hidden_size shape_embed_dim pronunciation_embed_dim "
    "moe_intermediate_size shared_expert_intermediate_size shared_intermediate_size "
    "moe_shared_expert_intermediate_size expert_ffn_hidden_size shared_experts_intermediate_size "
    "mamba_chunk_size chunk_size",
    30: "shape_vocab_size pronunciation_vocab_size",
    8: "head_dim kv_lora_rank q_lora_rank v_head_dim index_head_dim linear_key_head_dim "
    "linear_value_head_dim linear_head_dim mamba_d_head mamba_d_state mamba_head_dim "
    "ssm_state_size state_size swa_head_dim hidden_size_per_layer_input",
    # Numbers of heads and of experts.
    4: "num_attention_heads n_head n_heads num_heads decoder_attention_heads "
    "encoder_attention_heads attention_heads num_decoder_attention_heads "
    "num_encoder_attention_heads mamba_n_heads mamba_num_heads n_mamba_heads "
    "swa_num_attention_heads num_experts num_local_experts n_routed_experts moe_num_experts "
    "zero_expert_num d_head d_kv dim_head qk_rope_head_dim qk_nope_head_dim rotary_dim "
    "mamba_dt_rank time_step_rank",
    # Layers, heads that others share, and experts that are asked.
    2: "num_hidden_layers n_layer n_layers num_layers decoder_layers encoder_layers "
    "num_decoder_layers num_encoder_layers num_blocks num_key_value_heads num_experts_per_tok "
    "num_experts_per_token moe_k moe_topk index_n_heads linear_num_value_heads "
    "linear_num_key_heads linear_num_heads swa_num_key_value_heads",
    1: "n_group topk_group num_expert_group n_shared_experts num_shared_experts n_groups",
}
SMALL = {name: value for value, names in _SETTINGS.items() for name in names.split()}
ENDS = {"bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0}

Settings = Mapping[str, Any]

# Compressed keys and values: every head has its own.
_LATENT: Settings = {"num_key_value_heads": 4, "head_dim": 4, "qk_head_dim": 8}
_INDEXED: Settings = _LATENT | {"layer_types": ["indexed_attention"] * 2}
_DENSE_AND_SPARSE: Settings = {"mlp_layer_types": ["dense", "sparse"]}
_WINDOW_AND_FULL: Settings = {"layer_types": ["sliding_attention", "full_attention"]}
_LINEAR_AND_FULL: Settings = {"layer_types": ["linear_attention", "full_attention"]}
_CONVOLUTION_AND_FULL: Settings = {"layer_types": ["conv", "full_attention"]}
_UNSCALED: Settings = {"rope_type": "default", "rope_theta": 1e4}
_BY_LAYER = {"sliding_attention": _UNSCALED, "full_attention": _UNSCALED}

# What a model type needs beside the small sizes.
NEEDS: dict[str, Settings] = {
    "axk1": {**_LATENT, **_DENSE_AND_SPARSE},
    "axk2": {**_INDEXED, **_DENSE_AND_SPARSE, "gated_norm_rank": 4},
    "bailing_hybrid": {**_LATENT, **_LINEAR_AND_FULL, **_DENSE_AND_SPARSE},
    "bamba": {"attn_layer_indices": [1]},
    "cohere": {"logit_scale": 1.0},
    "cohere2_moe": {"logit_scale": 1.0},
    "cohere_compass_text": {**_WINDOW_AND_FULL, "rope_parameters": _BY_LAYER},
    "dbrx": {
        "attn_config": {"kv_n_heads": 2, "clip_qkv": 8.0, "rope_theta": 1e4},
        "ffn_config": {"ffn_hidden_size": 16, "moe_num_experts": 4, "moe_top_k": 2},
    },
    "deepseek_v2": {**_LATENT, "first_k_dense_replace": 1, "num_experts_per_tok": 2},
    "deepseek_v3": {**_LATENT, "first_k_dense_replace": 1},
    "deepseek_v32": {**_INDEXED, **_DENSE_AND_SPARSE},
    "dots1": {"n_routed_experts": 4, "n_shared_experts": 1, "num_experts_per_tok": 2},
    "dots3_note_text": {
        **_INDEXED,
        **_DENSE_AND_SPARSE,
        "layer_types": ["indexed_attention", "sliding_attention"],
        "head_dim": 8,
        "swa_num_attention_heads": 4,
        "swa_num_key_value_heads": 4,
        "swa_q_lora_rank": 8,
        "swa_kv_lora_rank": 8,
        "swa_head_dim": 8,
        "swa_qk_nope_head_dim": 4,
        "swa_v_head_dim": 8,
    },
    "gemma3n_text": {
        **_WINDOW_AND_FULL,
        "num_hidden_layers": 4,
        "layer_types": [*_BY_LAYER, *_BY_LAYER],
        "num_kv_shared_layers": 2,
        "laurel_rank": 4,
    },
    "glm_moe_dsa": _INDEXED,
    "gpt_neo": {"attention_types": [[["global", "local"], 1]]},
    "granitemoehybrid": _LINEAR_AND_FULL,
    "helium": {"head_dim": 4},
    "hunyuan_v1_dense": {"head_dim": 4},
    "hunyuan_v1_moe": {"head_dim": 4},
    "jamba": {"attn_layer_period": 2, "attn_layer_offset": 1},
    "kimi_linear": {**_LATENT, **_LINEAR_AND_FULL},
    "lfm2": _CONVOLUTION_AND_FULL,
    "lfm2_moe": {**_CONVOLUTION_AND_FULL, "num_dense_layers": 1},
    "lfm3": _CONVOLUTION_AND_FULL,
    "longcat_flash": _LATENT,
    "ministral": {**_WINDOW_AND_FULL, "head_dim": 4},
    "nemotron": {"num_key_value_heads": 2},
    "qwen3_5_moe_text": _LINEAR_AND_FULL,
    "qwen3_5_text": _LINEAR_AND_FULL,
    "qwen3_next": _LINEAR_AND_FULL,
    "qwen4_exp_text": {
        "layer_types": ["linear_attention", "indexed_attention"],
        "hc_lowrank": 4,
        "indexer_n_heads": 2,
        "indexer_kv_heads": 1,
        "indexer_head_dim": 8,
        "indexer_budget": WINDOW,
        "indexer_compress_ratio": 4,
    },
    "recurrent_gemma": {"num_hidden_layers": 3},
    "reformer": {
        "is_decoder": True,
        "attn_layers": ["local", "lsh"],
        "axial_pos_embds": False,
        "attention_head_size": 4,
    },
    "xmod": {"default_language": "en_XX"},
    "youtu": _LATENT,
    "zamba": {
        "num_hidden_layers": 3,
        "layers_block_type": ["linear_attention", "hybrid", "hybrid"],
        "n_mamba_heads": 2,
        "attention_hidden_size": 32,
        "attention_head_dim": 8,
        "num_key_value_heads": 4,
    },
    "zamba2": {
        "num_hidden_layers": 3,
        "layers_block_type": ["linear_attention", "hybrid", "hybrid"],
        "num_key_value_heads": 4,
        "attention_hidden_size": 32,
        "attention_head_dim": 8,
        "mamba_headdim": 8,
    },
    "zaya": {"num_experts_per_tok": 1},
}
_VISION = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1}
_VISION |= {"num_attention_heads": 2, "image_size": 16, "patch_size": 8}
# Of models that are a text model within another, the type of the text model, and the rest.
WITHIN: dict[str, tuple[str, Settings]] = {
    "gemma3": ("gemma3_text", {"vision_config": _VISION, "mm_tokens_per_image": 4}),
    "llama4": ("llama4_text", {}),
    "qwen3_5": ("qwen3_5_text", {}),
    "qwen3_5_moe": ("qwen3_5_moe_text", {}),
    "qwen4_exp": ("qwen4_exp_text", {}),
}
# Model types that are left out, and why.
LEFT_OUT: dict[str, str] = {
    name: why
    for why, names in {
        "hears or sees beside its text model": "dots3_note emu3 fuyu gemma3n gemma4 gemma4_unified "
        "git got_ocr2 mllama moss_transcribe_diarize musicgen musicgen_melody phi4_multimodal",
        "drafts for another model, whose hidden states it reads": "gemma4_assistant "
        "gemma4_unified_assistant",
        "reads bytes, with a model of its own that cuts them into patches": "blt",
    }.items()
    for name in names.split()
}


@dataclass(frozen=True)
class Architecture:
    """A configuration to try.

    Attributes
    ----------
    type : str
        Model type of `transformers`.
    variation : str
        In what it differs from the type's own settings; empty if in nothing but its size.
    settings : mapping
        Of its configuration, beside the small sizes.
    """

    type: str
    variation: str = ""
    settings: Settings = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Type and variation."""
        return f"{self.type}: {self.variation}" if self.variation else self.type

    def config(self) -> Any:
        """Its configuration, as `transformers` has it."""
        kind = CONFIG_MAPPING[self.type]
        if self.type in WITHIN:
            text, rest = WITHIN[self.type]
            inside = Architecture(text, settings=self.settings).config()
            return kind(text_config=inside.to_dict(), **rest)
        own = _own_settings(kind)
        small = {name: size for name, size in SMALL.items() if own.get(name) is not None}
        # A copy: some types change what they are given.
        return kind(**copy.deepcopy({**small, **ENDS, **NEEDS.get(self.type, {}), **self.settings}))

    def model(self, dtype: torch.dtype = torch.float32) -> PreTrainedModel:
        """The model, random but always the same; in another format its weights are rounded."""
        torch.set_num_threads(1)
        torch.manual_seed(zlib.crc32(self.name.encode()))
        model = AutoModelForCausalLM.from_config(self.config()).eval()
        randomize(model)
        if dtype == torch.float32:
            return model
        # Loaded as the project loads it: `model.to` would round what is computed from the
        # configuration as well, and weights that the architecture keeps in float32.
        with tempfile.TemporaryDirectory() as folder:
            model.save_pretrained(folder)
            return AutoModelForCausalLM.from_pretrained(folder, dtype=dtype).eval()


def _own_settings(kind: Any) -> dict[str, Any]:
    try:
        return kind().to_dict()
    except Exception:  # some have no valid settings of their own
        return {name: 0 for name in kind.__dataclass_fields__}


def randomize(model: nn.Module, size: float = 0.3) -> None:
    """Draw weights with which predictions are far from even, and attention is as well."""
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim >= 2:
                parameter.normal_(0, size)
            else:
                parameter.add_(torch.randn_like(parameter) * 0.1)


def _rope(kind: str, **more: Any) -> Settings:
    return {"rope_parameters": {"rope_type": kind, "rope_theta": 1e4, "factor": 4.0, **more}}


# A limit that the rotary scaling knows of, well inside of the context.
_TRAINED = {"original_max_position_embeddings": 64}
_YARN = _rope("yarn", **_TRAINED)
_LLAMA3 = _rope("llama3", **_TRAINED, low_freq_factor=1.0, high_freq_factor=4.0)


def _longrope(pairs: int, **more: Any) -> Settings:
    """Rotary scaling that switches for rows of more than 64 tokens."""
    factors = {"short_factor": [1.0] * pairs, "long_factor": [1.5 + n for n in range(pairs)]}
    return {**_TRAINED, **_rope("longrope", **_TRAINED, **factors, **more)}


_UP_TO_64 = {"max_position_embeddings": 64}
_ALL_FULL: Settings = {"layer_types": ["full_attention"] * 2}
_DECODER: Settings = {"is_decoder": True}

# What matters within a type, by the type.
VARIATIONS: dict[str, dict[str, Settings]] = {
    "bert": {"decoder": _DECODER},
    "bert-generation": {"decoder": _DECODER},
    "big_bird": {"decoder": {**_DECODER, "attention_type": "original_full"}},
    "bloom": {"residual after the norm": {"apply_residual_connection_post_layernorm": True}},
    "camembert": {"decoder": _DECODER},
    "cohere": {"norms of queries and keys": {"use_qk_norm": True}},
    "deepseek_v2": {"queries not compressed": {"q_lora_rank": None}},
    "deepseek_v3": {"yarn": {**_rope("yarn", **_TRAINED, mscale=1.0, mscale_all_dim=0.5)}},
    "doge": {"window": {"keep_window_size": 24}, "experts": {"is_moe": True}},
    "electra": {"decoder": _DECODER},
    "ernie": {"decoder": _DECODER},
    "falcon": {
        "alibi": {"alibi": True},
        "new decoder": {"new_decoder_architecture": True, "num_kv_heads": 2},
        "one block after the other": {"parallel_attn": False, "multi_query": False},
        "alibi, new decoder": {"alibi": True, "new_decoder_architecture": True, "num_kv_heads": 2},
    },
    "gemma2": {
        "no window": _ALL_FULL,
        "no window, no cap": {**_ALL_FULL, "attn_logit_softcapping": None},
        "window as long as the context": {"sliding_window": CONTEXT},
    },
    "gemma3_text": {"no window": _ALL_FULL, "one window and one full": _WINDOW_AND_FULL},
    "gpt2": {
        "untied": {"tie_word_embeddings": False},
        "scaled by layer": {"scale_attn_by_inverse_layer_idx": True},
        "upcast": {"reorder_and_upcast_attn": True},
    },
    "gpt_bigcode": {"every head its keys": {"multi_query": False}},
    "gpt_neo": {"all global": {"attention_types": [[["global"], 2]]}},
    "gpt_neox": {
        "one block after the other": {"use_parallel_residual": False},
        "all rotary": {"rope_parameters": {**_UNSCALED, "partial_rotary_factor": 1.0}},
        "dynamic": {**_rope("dynamic", partial_rotary_factor=1.0), **_UP_TO_64},
    },
    "gpt_oss": {"no window": _ALL_FULL, "windows": {"layer_types": ["sliding_attention"] * 2}},
    "gptj": {"partly rotary": {"rotary_dim": 2}},
    "granite": {"scaled": {"attention_multiplier": 0.5, "residual_multiplier": 0.7}},
    "llama": {
        "every head its keys": {"num_key_value_heads": 4},
        "one key head": {"num_key_value_heads": 1},
        "tied": {"tie_word_embeddings": True},
        "biases": {"attention_bias": True, "mlp_bias": True},
        "linear": _rope("linear"),
        "dynamic": {**_rope("dynamic"), **_UP_TO_64},
        "yarn": _YARN,
        "llama3": _LLAMA3,
        "longrope": _longrope(4),
    },
    "megatron-bert": {"decoder": _DECODER},
    "mistral": {"no window": {"sliding_window": None}, "window of 200": {"sliding_window": 200}},
    "mixtral": {"window": {"sliding_window": WINDOW}},
    "mpt": {"clipped": {"attn_config": {"clip_qkv": 1.0}}},
    "olmo": {"clipped": {"clip_qkv": 1.0}},
    "opt": {
        "norm after": {"do_layer_norm_before": False},
        "projected": {"word_embed_proj_dim": 8, "do_layer_norm_before": False},
    },
    "phi": {"norms of queries and keys": {"qk_layernorm": True}},
    "phi3": {
        "window": {"sliding_window": WINDOW},
        "longrope": _longrope(2),
        "longrope, partial": {**_longrope(1, partial_rotary_factor=0.5)},
    },
    "phimoe": {"longrope": _longrope(2, short_mscale=1.0, long_mscale=1.2)},
    "qwen2": {
        "window in the second layer": {
            "use_sliding_window": True,
            "sliding_window": WINDOW,
            "max_window_layers": 1,
        },
        "window not in use": {"use_sliding_window": False, "sliding_window": WINDOW},
        "yarn": _YARN,
    },
    "qwen3": {"dynamic": {**_rope("dynamic"), **_UP_TO_64}},
    "rembert": {"decoder": _DECODER},
    "roberta": {"decoder": _DECODER},
    "roberta-prelayernorm": {"decoder": _DECODER},
    "roc_bert": {"decoder": _DECODER},
    "roformer": {"decoder": _DECODER},
    "rwkv": {"rescaled": {"rescale_every": 1}},
    "stablelm": {
        "parallel": {"use_parallel_residual": True, "use_qkv_bias": True},
        "norms of queries and keys": {"qk_layernorm": True},
    },
    "starcoder2": {"window": {"sliding_window": WINDOW}},
    "xlm": {"causal": {"causal": True}},
    "xlm-roberta": {"decoder": _DECODER},
    "xlm-roberta-xl": {"decoder": _DECODER},
    "xmod": {"decoder": _DECODER},
}

ARCHITECTURES: list[Architecture] = [
    Architecture(kind, variation, settings)
    for kind in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
    if kind not in LEFT_OUT
    for variation, settings in {"": {}, **VARIATIONS.get(kind, {})}.items()
]
