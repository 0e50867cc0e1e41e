"""Training one rung of the ladder: one pass over the corpus, one thread, one seed."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch.nn import functional
from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

from ushaped.ladder.flops import Shape


@dataclass(frozen=True)
class Recipe:
    """How a rung is trained; every value comes from the config.

    ``device`` is ``cpu`` (float32) or ``cuda`` (matrix products in bfloat16, weights in float32).
    """

    batch_tokens: int
    embedding_rate: float
    matrix_rate: float
    warmup: float
    weight_decay: float
    device: str = "cpu"


def batches(packed: Sequence[torch.Tensor], tokens: int, seed: int) -> list[torch.Tensor]:
    """Cut rows into batches of about ``tokens`` tokens, in a random order."""
    order = torch.Generator().manual_seed(seed)
    cut: list[torch.Tensor] = []
    for rows in packed:
        mixed = rows[torch.randperm(len(rows), generator=order)]
        cut += list(mixed.split(max(1, tokens // rows.shape[1])))
    return [cut[i] for i in torch.randperm(len(cut), generator=order).tolist()]


def new_model(shape: Shape, context: int, end: int, seed: int) -> GPTNeoXForCausalLM:
    """A model with random weights, float32, rotary positions over the whole head."""
    torch.manual_seed(seed)
    config = GPTNeoXConfig(
        vocab_size=shape.vocabulary,
        hidden_size=shape.hidden,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        intermediate_size=4 * shape.hidden,
        max_position_embeddings=context,
        rope_parameters={
            "rope_type": "default",
            "rope_theta": 10_000.0,
            "partial_rotary_factor": 1.0,
        },
        tie_word_embeddings=True,
        bos_token_id=end,
        eos_token_id=end,
        initializer_range=min(0.1, shape.hidden**-0.5),
    )
    return GPTNeoXForCausalLM(config)


def optimizers(model: GPTNeoXForCausalLM, recipe: Recipe) -> list[torch.optim.Optimizer]:
    """Muon for the weight matrices of the layers, AdamW for embeddings, norms and biases.

    Muon (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon) takes orthogonalised
    momentum steps; at these sizes it needs clearly fewer tokens than AdamW alone.
    """
    matrices = [p for p in model.gpt_neox.layers.parameters() if p.dim() == 2]
    chosen = {id(p) for p in matrices}
    rest = [p for p in model.parameters() if id(p) not in chosen]
    return [
        torch.optim.Muon(matrices, lr=recipe.matrix_rate, weight_decay=recipe.weight_decay),
        torch.optim.AdamW(
            rest, lr=recipe.embedding_rate, betas=(0.9, 0.95), weight_decay=0.0, fused=True
        ),
    ]


def train(
    model: GPTNeoXForCausalLM,
    data: Sequence[torch.Tensor],
    recipe: Recipe,
    tell: Callable[[int, int, float, float], None],
) -> float:
    """Train on each batch once.

    The learning rates rise linearly over the ``warmup`` share of the steps and fall along half a
    cosine to a tenth. ``tell(step, steps, loss, tokens_per_second)`` is called now and then.

    Returns
    -------
    float
        Mean loss (nats per token) over the last tenth of the steps.
    """
    model.to(recipe.device)
    steppers = optimizers(model, recipe)
    schedules = [
        torch.optim.lr_scheduler.LambdaLR(
            stepper, lambda step: learning_rate(step, len(data), recipe.warmup)
        )
        for stepper in steppers
    ]
    model.train()
    losses: list[float] = []
    began, tokens = time.monotonic(), 0
    for step, rows in enumerate(data, start=1):
        with torch.autocast(recipe.device, torch.bfloat16, enabled=recipe.device == "cuda"):
            loss = next_token_loss(model, rows.to(recipe.device))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for stepper, schedule in zip(steppers, schedules, strict=True):
            stepper.step()
            stepper.zero_grad()
            schedule.step()
        losses.append(loss.item())
        tokens += rows.numel()
        if step % 50 == 0 or step == len(data):
            tell(step, len(data), losses[-1], tokens / (time.monotonic() - began))
    tail = losses[-max(1, len(losses) // 10) :]
    return sum(tail) / len(tail)


def learning_rate(step: int, steps: int, warmup: float) -> float:
    """Factor on the peak learning rate at ``step`` (0-based) of ``steps``."""
    rise = max(1, round(warmup * steps))
    if step < rise:
        return (step + 1) / rise
    done = (step - rise) / max(1, steps - rise)
    return 0.1 + 0.45 * (1 + math.cos(math.pi * min(1.0, done)))


def next_token_loss(model: GPTNeoXForCausalLM, rows: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy (nats per token) of predicting each token but the first of a row."""
    logits = model(input_ids=rows, use_cache=False).logits
    return functional.cross_entropy(logits[:, :-1].flatten(0, 1), rows[:, 1:].flatten())


def save_weights(model: GPTNeoXForCausalLM, path: str | Path) -> None:
    """Save the weights as safetensors, the same bytes for the same weights.

    The output layer is left out: it is tied to the embeddings, and a note about that in the header
    would stand there in a random order.
    """
    weights = model.cpu().state_dict()
    del weights["lm_head.weight"]
    save_file(weights, str(path), metadata={"format": "pt"})
