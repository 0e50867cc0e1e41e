"""Training one rung of the ladder: one pass over the corpus, one thread, one seed."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from ushaped.ladder.flops import Shape
from ushaped.ladder.network import EMBEDDING, Weights, next_token_loss


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


def optimizers(weights: Weights, recipe: Recipe) -> list[torch.optim.Optimizer]:
    """Muon for the weight matrices of the layers, AdamW for embeddings, norms and biases.

    Muon (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon) takes orthogonalised
    momentum steps; at these sizes it needs clearly fewer tokens than AdamW alone.
    """
    chosen = {name for name, weight in weights.items() if weight.dim() == 2} - {EMBEDDING}
    matrices = [weight for name, weight in weights.items() if name in chosen]
    rest = [weight for name, weight in weights.items() if name not in chosen]
    return [
        torch.optim.Muon(matrices, lr=recipe.matrix_rate, weight_decay=recipe.weight_decay),
        torch.optim.AdamW(
            rest, lr=recipe.embedding_rate, betas=(0.9, 0.95), weight_decay=0.0, fused=True
        ),
    ]


def train(
    weights: Weights,
    shape: Shape,
    data: Sequence[torch.Tensor],
    recipe: Recipe,
    tell: Callable[[int, int, float, float], None],
) -> tuple[Weights, float]:
    """Train on each batch once.

    The learning rates rise linearly over the ``warmup`` share of the steps and fall along half a
    cosine to a tenth. ``tell(step, steps, loss, tokens_per_second)`` is called now and then.

    Returns
    -------
    dict of str to Tensor
        The trained weights, on the processor.
    float
        Mean loss (nats per token) over the last tenth of the steps.
    """
    weights = {name: weight.to(recipe.device).requires_grad_() for name, weight in weights.items()}
    steppers = optimizers(weights, recipe)
    schedules = [
        torch.optim.lr_scheduler.LambdaLR(
            stepper, lambda step: learning_rate(step, len(data), recipe.warmup)
        )
        for stepper in steppers
    ]
    losses: list[float] = []
    began, tokens = time.monotonic(), 0
    for step, rows in enumerate(data, start=1):
        with torch.autocast(recipe.device, torch.bfloat16, enabled=recipe.device == "cuda"):
            loss = next_token_loss(weights, shape, rows.to(recipe.device))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(list(weights.values()), 1.0)
        for stepper, schedule in zip(steppers, schedules, strict=True):
            stepper.step()
            stepper.zero_grad()
            schedule.step()
        losses.append(loss.item())
        tokens += rows.numel()
        if step % 50 == 0 or step == len(data):
            tell(step, len(data), losses[-1], tokens / (time.monotonic() - began))
    tail = losses[-max(1, len(losses) // 10) :]
    trained = {name: weight.detach().cpu() for name, weight in weights.items()}
    return trained, sum(tail) / len(tail)


def learning_rate(step: int, steps: int, warmup: float) -> float:
    """Factor on the peak learning rate at ``step`` (0-based) of ``steps``."""
    rise = max(1, round(warmup * steps))
    if step < rise:
        return (step + 1) / rise
    done = (step - rise) / max(1, steps - rise)
    return 0.1 + 0.45 * (1 + math.cos(math.pi * min(1.0, done)))
