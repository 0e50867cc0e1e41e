"""Scoring without a tree: rows padded on the right, each computed whole, no prefix shared.

For models that accept no custom attention mask, and to check those that do. No mask is needed for
the padding: a causal model never looks at later tokens.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ushaped.scoring.engine.encoding import tokens

if TYPE_CHECKING:
    from transformers import PreTrainedModel

# Rows of at least this share of the longest row's length may join its batch.
SIMILAR = 0.85


def predictions(
    model: PreTrainedModel,
    rows: Sequence[bytes],
    starts: Sequence[int],
    max_tokens: int,
    max_predictions: int,
) -> Iterator[tuple[list[int], Tensor, list[list[int]]]]:
    """Log-probabilities of every next token, where they are needed.

    Parameters
    ----------
    rows : sequence of bytes
    starts : sequence of int
        Of each row, the first position whose prediction is needed.
    max_tokens, max_predictions : int
        Of one forward pass; a single row still runs.

    Yields
    ------
    numbers : list of int
        Rows of this pass.
    log_probs : Tensor, shape (predictions, vocabulary)
    indices : list of list of int
        Of each of these rows, the indices of its predictions in ``log_probs``.
    """
    lengths = [len(tokens(row)) for row in rows]
    order = sorted(range(len(rows)), key=lambda i: lengths[i], reverse=True)
    while order:
        longest, first = lengths[order[0]], starts[order[0]]
        numbers = order[:1]
        for i in order[1:]:
            first_then = min(first, starts[i])
            count = len(numbers) + 1
            if (
                lengths[i] < SIMILAR * longest
                or count * longest > max_tokens
                or count * (longest - first_then + 1) > max_predictions
            ):
                break
            first = first_then
            numbers.append(i)
        order = order[len(numbers) :]
        log_probs = _forward(model, [rows[i] for i in numbers], longest, first - 1)
        width = longest - first + 1
        indices = [
            [n * width + position - first for position in range(starts[i], lengths[i] + 1)]
            for n, i in enumerate(numbers)
        ]
        yield numbers, log_probs.flatten(0, 1), indices


@torch.inference_mode()
def _forward(model: PreTrainedModel, rows: list[bytes], longest: int, first: int) -> Tensor:
    """Log-probabilities after position ``first`` and later; shape (rows, positions, vocabulary)."""
    device = model.get_input_embeddings().weight.device
    input_ids = torch.zeros(len(rows), longest, dtype=torch.int64)
    for n, row in enumerate(rows):
        ids = tokens(row)
        input_ids[n, : len(ids)] = torch.from_numpy(ids.astype("int64"))
    positions = torch.arange(first, longest, device=device)
    logits = logits_at(model, positions, input_ids=input_ids.to(device))
    return torch.log_softmax(logits.float(), dim=-1)


def logits_at(model: PreTrainedModel, positions: Tensor, **inputs: Tensor) -> Tensor:
    """Logits after some positions, shape (rows, n, vocabulary), in the model's own dtype; no cache.

    ``positions`` are ascending, shape (n,); ``inputs`` are arguments of the model, among them
    ``input_ids`` of shape (rows, tokens). A model with code of its own may not know
    ``logits_to_keep``, may ignore it, or may take a number only; then all positions, or the last
    ones, are computed and the others dropped.

    Raises
    ------
    RuntimeError
        If the model predicts after other positions than requested.
    """
    length = inputs["input_ids"].shape[1]
    names = inspect.signature(model.forward).parameters
    open_ended = any(name.kind is name.VAR_KEYWORD for name in names.values())
    options: dict[str, Any] = {"use_cache": False} if open_ended or "use_cache" in names else {}
    first = int(positions[0])
    last = length - first
    if "logits_to_keep" in names:
        # A model with code of its own may take a number alone.
        takes_positions = type(model).__module__.startswith("transformers.")
        adjoining = len(positions) == last
        options["logits_to_keep"] = positions if takes_positions and not adjoining else last
    elif "num_logits_to_keep" in names:
        options["num_logits_to_keep"] = last
    output = model(**inputs, **options)
    logits: Tensor = output[0] if isinstance(output, tuple) else output.logits
    size = logits.shape[1]
    if size == length:
        return logits[:, positions.to(logits.device)]
    if size == last:
        return logits[:, (positions - first).to(logits.device)]
    if size != len(positions):
        raise RuntimeError(f"gives {size} predictions for {length} tokens")
    return logits
