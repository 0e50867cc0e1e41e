"""Tiny random models of the architectures of causal language models that transformers has.

Each model type of `transformers` that can be made this small is a configuration, and so are
variations of some of them. `measure` scores one with the project's engine and with the plain
reference: each sequence by itself, without a cache, a mask or neighbours.
"""

from __future__ import annotations

import copy
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, PreTrainedModel
from transformers.models.auto.configuration_auto import CONFIG_MAPPING
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

VOCABULARY, CONTEXT, WINDOW = 300, 256, 32

# By the name of a setting, its small value, for every configuration that has such a setting.
_WIDTH = dict.fromkeys(
    "hidden_size n_embd d_model embed_dim emb_dim word_embed_proj_dim embedding_size embedding_dim "
    "lru_width attention_hidden_size shape_embed_dim pronunciation_embed_dim".split(),
    16,
)
_INNER = dict.fromkeys(
    "intermediate_size ffn_dim decoder_ffn_dim encoder_ffn_dim d_inner n_inner dff dim_ff "
    "ffn_hidden_size mamba_d_ssm feed_forward_size intermediate_size_mlp".split(),
    32,
)
_LAYERS = dict.fromkeys(
    "num_hidden_layers n_layer n_layers num_layers decoder_layers encoder_layers num_decoder_layers "
    "num_encoder_layers num_blocks".split(),
    2,
)
_HEADS = dict.fromkeys(
    "num_attention_heads n_head n_heads num_heads decoder_attention_heads encoder_attention_heads "
    "attention_heads num_decoder_attention_heads num_encoder_attention_heads mamba_n_heads "
    "mamba_num_heads n_mamba_heads swa_num_attention_heads".split(),
    4,
)
_CONTEXT = dict.fromkeys(
    "max_position_embeddings n_positions n_ctx max_target_positions max_seq_len context_length "
    "model_max_length".split(),
    CONTEXT,
)
_EXPERTS = dict.fromkeys(
    "num_experts num_local_experts n_routed_experts moe_num_experts zero_expert_num".split(), 4
)
_EXPERT_WIDTH = dict.fromkeys(
    "moe_intermediate_size shared_expert_intermediate_size shared_intermediate_size "
    "moe_shared_expert_intermediate_size expert_ffn_hidden_size "
    "shared_experts_intermediate_size".split(),
    16,
)
_TWO = dict.fromkeys(
    "num_key_value_heads num_experts_per_tok num_experts_per_token moe_k moe_topk index_n_heads "
    "linear_num_value_heads linear_num_key_heads linear_num_heads "
    "swa_num_key_value_heads".split(),
    2,
)
_EIGHT = dict.fromkeys(
    "head_dim kv_lora_rank q_lora_rank v_head_dim index_head_dim linear_key_head_dim "
    "linear_value_head_dim linear_head_dim mamba_d_head mamba_d_state mamba_head_dim "
    "ssm_state_size state_size swa_head_dim".split(),
    8,
)
_FOUR = dict.fromkeys(
    "d_head d_kv dim_head qk_rope_head_dim qk_nope_head_dim rotary_dim mamba_dt_rank "
    "time_step_rank".split(),
    4,
)
_ONE = dict.fromkeys(
    "n_group topk_group num_expert_group n_shared_experts num_shared_experts n_groups".split(), 1
)
_LOOKS_BACK = dict.fromkeys(
    "sliding_window window_size attention_window_size attention_chunk_size sliding_window_size "
    "local_attention_window_len index_topk".split(),
    WINDOW,
)
_CHUNK = dict.fromkeys("mamba_chunk_size chunk_size".split(), 16)
SMALL: dict[str, int] = (
    {"vocab_size": VOCABULARY, "vocab_size_per_layer_input": VOCABULARY}
    | {"hidden_size_per_layer_input": 8, "shape_vocab_size": 30, "pronunciation_vocab_size": 30}
    | (_WIDTH | _INNER | _LAYERS | _HEADS | _CONTEXT | _EXPERTS | _EXPERT_WIDTH)
    | (_TWO | _EIGHT | _FOUR | _ONE | _LOOKS_BACK | _CHUNK)
)
ENDS = {"bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0}

Settings = Mapping[str, Any]

# Compressed keys and values: every head has its own.
_LATENT: Settings = {"num_key_value_heads": 4, "head_dim": 4, "qk_head_dim": 8}
_SPARSE: Settings = _LATENT | {"layer_types": ["indexed_attention"] * 2}
_BOTH = ["sliding_attention", "full_attention"]
_MAMBA_AND_ATTENTION = {"layer_types": ["linear_attention", "full_attention"]}

# What a model type needs beside the small sizes.
NEEDS: dict[str, Settings] = {
    "axk1": _LATENT | {"mlp_layer_types": ["dense", "sparse"]},
    "axk2": _SPARSE | {"mlp_layer_types": ["dense", "sparse"], "gated_norm_rank": 4},
    "bart": {},
    "cohere_compass_text": {
        "layer_types": _BOTH,
        "rope_parameters": {kind: {"rope_type": "default", "rope_theta": 1e4} for kind in _BOTH},
    },
    "deepseek_v2": _LATENT | {"first_k_dense_replace": 1, "num_experts_per_tok": 2},
    "deepseek_v3": _LATENT | {"first_k_dense_replace": 1},
    "deepseek_v32": _SPARSE | {"mlp_layer_types": ["dense", "sparse"]},
    "dots1": {"n_routed_experts": 4, "n_shared_experts": 1, "num_experts_per_tok": 2},
    "glm_moe_dsa": _SPARSE,
    "gpt_neo": {"attention_types": [[["global", "local"], 1]]},
    "helium": {"head_dim": 4},
    "hunyuan_v1_dense": {"head_dim": 4},
    "hunyuan_v1_moe": {"head_dim": 4},
    "lfm2_moe": {"layer_types": ["conv", "full_attention"], "num_dense_layers": 1},
    "longcat_flash": _LATENT,
    "ministral": {"head_dim": 4, "layer_types": _BOTH},
    "nemotron": {"num_key_value_heads": 2},
    "xmod": {"default_language": "en_XX"},
    "youtu": _LATENT,
    "zaya": {"num_experts_per_tok": 1},
}
# Model types that are left out, and why.
LEFT_OUT: dict[str, str] = {
    name: why
    for why, names in {
        "the model is a vision or audio model around a text model that is tried": "dots3_note emu3 fuyu "
        "gemma3n gemma4 gemma4_unified git got_ocr2 llama4 mllama moss_transcribe_diarize musicgen "
        "musicgen_melody phi4_multimodal qwen3_5 qwen3_5_moe qwen4_exp",
        "drafts for another model": "gemma4_assistant gemma4_unified_assistant",
        "patches bytes": "blt",
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
        own = _own_settings(kind)
        small = {name: size for name, size in SMALL.items() if own.get(name) is not None}
        return kind(**small | ENDS | NEEDS.get(self.type, {}) | dict(self.settings))

    def model(self, dtype: torch.dtype = torch.float32) -> PreTrainedModel:
        """The model, random but always the same; in another format its weights are rounded."""
        torch.set_num_threads(1)
        torch.manual_seed(zlib.crc32(self.name.encode()))
        model = AutoModelForCausalLM.from_config(self.config()).eval()
        randomize(model)
        if dtype == torch.float32:
            return model
        # Not `model.to`, which would round what is computed from the configuration as well.
        rounded = AutoModelForCausalLM.from_config(self.config(), dtype=dtype).eval()
        rounded.load_state_dict(model.state_dict())
        return rounded


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


def plain_types() -> list[Architecture]:
    """Every model type of causal language models, but for those that are left out."""
    return [Architecture(t) for t in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES if t not in LEFT_OUT]
