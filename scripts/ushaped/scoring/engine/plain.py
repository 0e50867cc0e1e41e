"""The plain way to score: rows filled up on the right, each computed whole, nothing shared.

For models whose attention cannot be told about a tree, and to check those that can. No mask is
needed: a causal model never looks at what comes after.
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

# Rows at least this share of a batch's longest may join it.
SIMILAR = 0.85


def predictions(
    model: PreTrainedModel,
    rows: Sequence[bytes],
    starts: Sequence[int],
    budget: int,
    most_needed: int,
) -> Iterator[tuple[list[int], Tensor, list[list[int]]]]:
    """Log-probabilities of every next token, where they are needed.

    Parameters
    ----------
    rows : sequence of bytes
    starts : sequence of int
        Of each row, the first position whose prediction is needed.
    budget, most_needed : int
        Tokens, and predictions, of one forward pass, at most; a single row still runs.

    Yields
    ------
    chosen : list of int
        Which rows.
    log_probabilities : Tensor, shape (predictions, vocabulary)
    places : list of list of int
        Of each chosen row, where its predictions stand.
    """
    lengths = [len(tokens(row)) for row in rows]
    order = sorted(range(len(rows)), key=lambda i: lengths[i], reverse=True)
    while order:
        longest, first = lengths[order[0]], starts[order[0]]
        chosen = order[:1]
        for i in order[1:]:
            first_then = min(first, starts[i])
            count = len(chosen) + 1
            if (
                lengths[i] < SIMILAR * longest
                or count * longest > budget
                or count * (longest - first_then + 1) > most_needed
            ):
                break
            first = first_then
            chosen.append(i)
        order = order[len(chosen) :]
        found = _forward(model, [rows[i] for i in chosen], longest, first - 1)
        width = longest - first + 1
        places = [
            [n * width + p - first for p in range(starts[i], lengths[i] + 1)]
            for n, i in enumerate(chosen)
        ]
        yield chosen, found.flatten(0, 1), places


@torch.inference_mode()
def _forward(model: PreTrainedModel, rows: list[bytes], longest: int, first: int) -> Tensor:
    """Log-probabilities after position ``first`` and later; shape (rows, positions, vocabulary)."""
    device = model.get_input_embeddings().weight.device
    filled = torch.zeros(len(rows), longest, dtype=torch.int64)
    for n, row in enumerate(rows):
        ids = tokens(row)
        filled[n, : len(ids)] = torch.from_numpy(ids.astype("int64"))
    wanted = torch.arange(first, longest, device=device)
    logits = logits_at(model, wanted, input_ids=filled.to(device))
    return torch.log_softmax(logits.float(), dim=-1)


def logits_at(model: PreTrainedModel, wanted: Tensor, **inputs: Tensor) -> Tensor:
    """Predictions of one forward pass after some positions, without a cache.

    A model that comes with code of its own need not know ``logits_to_keep``, may ignore it, or may
    take a number only; then all positions, or the last ones, are computed and the others dropped.

    Parameters
    ----------
    model : PreTrainedModel
    wanted : Tensor of int, shape (n,)
        Positions, ascending.
    inputs : Tensor
        Arguments of the model; ``input_ids`` has shape (rows, tokens).

    Returns
    -------
    Tensor, shape (rows, n, vocabulary)
        Logits in the model's own dtype.

    Raises
    ------
    RuntimeError
        If the model predicts after other positions than it was asked for.
    """
    tokens_read = inputs["input_ids"].shape[1]
    names = inspect.signature(model.forward).parameters
    open_ended = any(one.kind is one.VAR_KEYWORD for one in names.values())
    more: dict[str, Any] = {"use_cache": False} if open_ended or "use_cache" in names else {}
    first = int(wanted[0])
    last = tokens_read - first
    if "logits_to_keep" in names:
        # Code of its own may take a number alone.
        known = type(model).__module__.startswith("transformers.")
        adjoining = len(wanted) == last
        more["logits_to_keep"] = wanted if known and not adjoining else last
    elif "num_logits_to_keep" in names:
        more["num_logits_to_keep"] = last
    found = model(**inputs, **more)
    logits: Tensor = found[0] if isinstance(found, tuple) else found.logits
    size = logits.shape[1]
    if size == tokens_read:
        return logits[:, wanted.to(logits.device)]
    if size == last:
        return logits[:, (wanted - first).to(logits.device)]
    if size != len(wanted):
        raise RuntimeError(f"gives {size} predictions for {tokens_read} tokens")
    return logits
