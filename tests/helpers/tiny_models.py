"""Tiny random models of many architectures, a small tokenizer, and the plainest scorer."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import torch
from transformers import (
    BloomConfig,
    BloomForCausalLM,
    Gemma2Config,
    Gemma2ForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    GPTNeoXConfig,
    GPTNeoXForCausalLM,
    GptOssConfig,
    GptOssForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    MambaConfig,
    MambaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    OPTConfig,
    OPTForCausalLM,
    PreTrainedModel,
    Qwen2Config,
    Qwen2ForCausalLM,
)

VOCABULARY = 300
CONTEXT = 96
SIZES = {"vocab_size": VOCABULARY, "max_position_embeddings": CONTEXT}
SMALL = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4}
ENDS = {"bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0}


def neox() -> PreTrainedModel:
    """A tiny GPT-NeoX: rotary positions on a quarter of each head, parallel residual."""
    return GPTNeoXForCausalLM(GPTNeoXConfig(**SIZES, **SMALL, **ENDS, intermediate_size=32))


def llama() -> PreTrainedModel:
    """A tiny Llama whose queries share keys and values."""
    sizes = SIZES | SMALL | {"num_key_value_heads": 2, "intermediate_size": 32}
    return LlamaForCausalLM(LlamaConfig(**sizes, **ENDS))


def gpt2() -> PreTrainedModel:
    """A tiny GPT-2: learned positions."""
    sizes = {"vocab_size": VOCABULARY, "n_positions": CONTEXT, "n_embd": 16}
    return GPT2LMHeadModel(GPT2Config(**sizes, n_layer=2, n_head=4, **ENDS))


def opt() -> PreTrainedModel:
    """A tiny OPT: learned positions with an offset."""
    return OPTForCausalLM(OPTConfig(**SIZES, **SMALL, **ENDS, ffn_dim=32, word_embed_proj_dim=16))


def qwen2() -> PreTrainedModel:
    """A tiny Qwen2: biases on queries, keys and values."""
    sizes = SIZES | SMALL | {"num_key_value_heads": 1, "intermediate_size": 32}
    return Qwen2ForCausalLM(Qwen2Config(**sizes, **ENDS))


def bloom() -> PreTrainedModel:
    """A tiny BLOOM: ALiBi instead of positions, so that it takes no tree."""
    return BloomForCausalLM(
        BloomConfig(vocab_size=VOCABULARY, hidden_size=16, n_layer=2, n_head=4, **ENDS)
    )


def mistral() -> PreTrainedModel:
    """A tiny Mistral: its attention sees eight tokens."""
    sizes = SIZES | SMALL | {"num_key_value_heads": 2, "intermediate_size": 32}
    return MistralForCausalLM(MistralConfig(**sizes, **ENDS, sliding_window=8))


def gemma2() -> PreTrainedModel:
    """A tiny Gemma 2: capped attention, which sees eight tokens in its first layer."""
    sizes = SIZES | SMALL | {"num_key_value_heads": 2, "intermediate_size": 32, "head_dim": 4}
    cap = {"attn_logit_softcapping": 0.5, "query_pre_attn_scalar": 4}
    return Gemma2ForCausalLM(Gemma2Config(**sizes, **ENDS, **cap, sliding_window=8))


def gpt_oss() -> PreTrainedModel:
    """A tiny gpt-oss: attention with sinks, which sees eight tokens in its first layer."""
    sizes = SIZES | SMALL | {"num_key_value_heads": 2, "intermediate_size": 16, "head_dim": 4}
    experts = {"num_local_experts": 4, "num_experts_per_tok": 2}
    rope = {"rope_type": "default", "rope_theta": 1e4}
    config = GptOssConfig(**sizes, **ENDS, **experts, sliding_window=8, rope_parameters=rope)
    model = GptOssForCausalLM(config)
    with torch.no_grad():
        for layer in model.model.layers:
            layer.self_attn.sinks.normal_(0, 2)
    return model


def mamba() -> PreTrainedModel:
    """A tiny Mamba: a state-space model, without attention."""
    return MambaForCausalLM(
        MambaConfig(vocab_size=VOCABULARY, hidden_size=16, num_hidden_layers=2, **ENDS)
    )


TREES: dict[str, Callable[[], PreTrainedModel]] = {
    "neox": neox,
    "llama": llama,
    "gpt2": gpt2,
    "opt": opt,
    "qwen2": qwen2,
    "mistral": mistral,
    "gemma2": gemma2,
    "gpt_oss": gpt_oss,
}
PLAIN: dict[str, Callable[[], PreTrainedModel]] = {
    "bloom": bloom,
    "mamba": mamba,
}


def made(name: str) -> PreTrainedModel:
    """A random model whose predictions are far from even and depend on every token."""
    torch.set_num_threads(1)
    torch.manual_seed(7)
    model = (TREES | PLAIN)[name]().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim >= 2:
                parameter.normal_(0, 0.3)
    return model


# Prompts of many lengths that begin alike; classes of one token, of several, of different lengths,
# and alike but for their last token.
WORDS = ["Which", "one", "is", "not", "a", "bird", "Answer", "no", "yes", "12", "7"]
PROMPTS = [" ".join(random.Random(n // 2).choices(WORDS, k=1 + n % 13)) + ":" for n in range(24)]
CHOICES = [[" yes", " no"], [" A", " B", " C"], [" not a bird", " one"], [" 12 7", " 12 12"]]
CLASSES = [CHOICES[n % 4] for n in range(24)]


@torch.inference_mode()
def plain(model: PreTrainedModel, ids: list[int], start: int) -> float:
    """Log-likelihood of the tokens from ``start`` on: one row, no sharing, one after the other."""
    logits = model(torch.tensor([ids]), use_cache=False).logits[0].double()
    return sum(
        float(logits[at - 1, ids[at]] - torch.logsumexp(logits[at - 1], 0))
        for at in range(start, len(ids))
    )


def plain_text(model: PreTrainedModel, tokenizer: Any, prompt: str, name: str) -> float:
    """The same for texts."""
    alone, text = (tokenizer(part)["input_ids"] for part in (prompt, prompt + name))
    assert text[: len(alone)] == alone
    return plain(model, text, len(alone))


@torch.inference_mode()
def greedy(model: PreTrainedModel, tokenizer: Any, prompt: str, most: int) -> str:
    """The likeliest token after the other, until a line end."""
    ids = tokenizer(prompt)["input_ids"]
    new: list[int] = []
    while len(new) < most:
        token = int(model(torch.tensor([ids + new]), use_cache=False).logits[0, -1].argmax())
        if token == tokenizer.eos_token_id:
            break
        new.append(token)
        if "\n" in tokenizer.decode([token]):
            break
    return str(tokenizer.decode(new)).split("\n")[0]
