"""The ladder's transformer: that of GPT-NeoX, which `transformers` loads from what is saved here.

Only the operations that training needs: importing the library's class takes longer than importing
torch. A step itself is hardly faster.
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

from ushaped.ladder.flops import Shape

# Tensors by their names in a GPTNeoXForCausalLM.
Weights = dict[str, Tensor]

EMBEDDING = "gpt_neox.embed_in.weight"
LAST_NORM = "gpt_neox.final_layer_norm"
ROPE_BASE = 10_000.0
NORM_EPSILON = 1e-5


def configuration(shape: Shape, context: int, end: int) -> dict[str, object]:
    """The content of ``config.json``; ``end`` is the token that begins and ends texts."""
    return {
        "architectures": ["GPTNeoXForCausalLM"],
        "model_type": "gpt_neox",
        "vocab_size": shape.vocabulary,
        "hidden_size": shape.hidden,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "intermediate_size": 4 * shape.hidden,
        "max_position_embeddings": context,
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": ROPE_BASE,
            "partial_rotary_factor": 1.0,
        },
        "hidden_act": "gelu",
        "layer_norm_eps": NORM_EPSILON,
        "use_parallel_residual": True,
        "attention_bias": True,
        "tie_word_embeddings": True,
        "bos_token_id": end,
        "eos_token_id": end,
        "dtype": "float32",
    }


def new_weights(shape: Shape, seed: int) -> Weights:
    """Random weights, float32: normal matrices, biases of zero, norms of one."""
    random = torch.Generator().manual_seed(seed)
    deviation = min(0.1, shape.hidden**-0.5)
    d = shape.hidden

    def matrix(rows: int, columns: int) -> Tensor:
        return deviation * torch.randn(rows, columns, generator=random)

    weights = {EMBEDDING: matrix(shape.vocabulary, d)}
    for layer in range(shape.layers):
        name = f"gpt_neox.layers.{layer}"
        for norm in ("input_layernorm", "post_attention_layernorm"):
            weights |= {
                f"{name}.{norm}.weight": torch.ones(d),
                f"{name}.{norm}.bias": torch.zeros(d),
            }
        for linear, rows, columns in (
            ("attention.query_key_value", 3 * d, d),
            ("attention.dense", d, d),
            ("mlp.dense_h_to_4h", 4 * d, d),
            ("mlp.dense_4h_to_h", d, 4 * d),
        ):
            weights[f"{name}.{linear}.weight"] = matrix(rows, columns)
            weights[f"{name}.{linear}.bias"] = torch.zeros(rows)
    weights |= {f"{LAST_NORM}.weight": torch.ones(d), f"{LAST_NORM}.bias": torch.zeros(d)}
    return weights


def save(weights: Weights, path: Path) -> None:
    """Save weights as safetensors, the same bytes for the same weights.

    The output layer is left out: it is tied to the embeddings.
    """
    save_file(weights, path, metadata={"format": "pt"})


def next_token_loss(weights: Weights, shape: Shape, rows: Tensor) -> Tensor:
    """Mean cross-entropy (nats per token) of predicting each token but the first of a row.

    Parameters
    ----------
    weights : dict of str to Tensor
    shape : Shape
    rows : Tensor of int64, shape (rows, length)
    """
    states = hidden_states(weights, shape, rows[:, :-1]).flatten(0, 1)
    return functional.cross_entropy(states @ weights[EMBEDDING].T, rows[:, 1:].flatten())


def hidden_states(weights: Weights, shape: Shape, rows: Tensor) -> Tensor:
    """Hidden states after the last norm; shape (rows, length, hidden)."""
    rotation = _rotation(shape.hidden // shape.heads, rows.shape[1], rows.device)
    states = functional.embedding(rows, weights[EMBEDDING])
    for layer in range(shape.layers):
        name = f"gpt_neox.layers.{layer}"
        attended = _attention(
            weights, name, shape, _norm(weights, f"{name}.input_layernorm", states), rotation
        )
        inner = _norm(weights, f"{name}.post_attention_layernorm", states)
        inner = functional.gelu(_linear(weights, f"{name}.mlp.dense_h_to_4h", inner))
        states = states + attended + _linear(weights, f"{name}.mlp.dense_4h_to_h", inner)
    return _norm(weights, LAST_NORM, states)


def _attention(
    weights: Weights, name: str, shape: Shape, states: Tensor, rotation: tuple[Tensor, Tensor]
) -> Tensor:
    """Causal attention with rotary positions; queries, keys and values lie head by head."""
    count, length, width = states.shape
    mixed = _linear(weights, f"{name}.attention.query_key_value", states)
    mixed = mixed.view(count, length, shape.heads, 3, width // shape.heads)
    # To (3, rows, heads, length, width of a head); queries and keys turn together.
    mixed = mixed.permute(3, 0, 2, 1, 4)
    turned = _rotate(mixed[:2], rotation)
    attended = functional.scaled_dot_product_attention(
        turned[0], turned[1], mixed[2], is_causal=True
    )
    return _linear(weights, f"{name}.attention.dense", attended.transpose(1, 2).flatten(2))


def _rotation(width: int, length: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Cosines and sines of the rotary positions (Su et al. 2021, arXiv:2104.09864).

    Shape (length, width); both halves of a head have the same frequencies.
    """
    powers = torch.arange(0, width, 2, device=device, dtype=torch.float32) / width
    angles = torch.outer(torch.arange(length, device=device).float(), ROPE_BASE**-powers)
    angles = torch.cat([angles, angles], dim=1)
    return angles.cos(), angles.sin()


def _rotate(states: Tensor, rotation: tuple[Tensor, Tensor]) -> Tensor:
    first, second = states.chunk(2, dim=-1)
    return states * rotation[0] + torch.cat([-second, first], dim=-1) * rotation[1]


def _linear(weights: Weights, name: str, states: Tensor) -> Tensor:
    return functional.linear(states, weights[f"{name}.weight"], weights[f"{name}.bias"])


def _norm(weights: Weights, name: str, states: Tensor) -> Tensor:
    scale, shift = weights[f"{name}.weight"], weights[f"{name}.bias"]
    return functional.layer_norm(states, scale.shape, scale, shift, NORM_EPSILON)
