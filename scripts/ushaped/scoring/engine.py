"""Exact log-likelihoods of continuations.

Prompt and continuation are tokenised together and split where the tokens of both begin to differ
from those of the prompt alone. A row of a batch is a token sequence without its last token; answers
that differ only in their last token share one row. Rows of similar length run together, filled up
on the right: a causal model never looks there, so no mask is needed and no score can move. Only the
positions that are needed meet the vocabulary matrix.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from ushaped.errors import UserError

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

# Rows at least this share of a batch's longest may join it: fewer batches, little filling.
SIMILAR = 0.85


@dataclass(frozen=True)
class Encoded:
    """Prompt and one continuation as tokens: the first ``start`` are the prompt's."""

    tokens: tuple[int, ...]
    start: int


@dataclass(frozen=True)
class Scored:
    """Log-likelihood (natural log, summed) of each continuation of one prompt, and token counts."""

    log_likelihood: list[float]
    prompt_tokens: int
    class_tokens: list[int]


def log_likelihoods(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[str],
    continuations: Sequence[Sequence[str]],
    batch_tokens: int,
    tell: Callable[[int, int], None] = lambda done, total: None,
) -> list[Scored]:
    """Score every continuation of every prompt.

    Parameters
    ----------
    model, tokenizer
        Loaded by `ushaped.models.load`.
    prompts : sequence of str
    continuations : sequence of sequence of str
        For each prompt its classes, with their leading spaces.
    batch_tokens : int
        Tokens of one forward pass, at most; a longer single row still runs.
    tell : callable
        Called with (rows done, rows in all) after each batch.

    Returns
    -------
    list of Scored
        In the order of ``prompts``. The log-softmax is taken in float32 and summed in float64.

    Raises
    ------
    UserError
        If a prompt with its continuation is longer than the model's context.
    """
    encoded = encode(tokenizer, prompts, continuations)
    limit = context_length(model)
    sums = [[0.0] * len(classes) for classes in encoded]
    rows: dict[tuple[int, ...], list[tuple[int, int]]] = {}
    for i, classes in enumerate(encoded):
        for c, one in enumerate(classes):
            if limit and len(one.tokens) - 1 > limit:
                raise UserError(
                    f"item {i}",
                    f"has {len(one.tokens)} tokens, the model's context {limit}",
                    "leave out the variant or use a model with a longer context",
                )
            rows.setdefault(one.tokens[:-1], []).append((i, c))
    done = 0
    for batch in _batches(list(rows), batch_tokens):
        wanted = [[(i, c, encoded[i][c]) for i, c in rows[row]] for row in batch]
        for (i, c), total in _score_batch(model, batch, wanted):
            sums[i][c] = total
        done += len(batch)
        tell(done, len(rows))
    return [
        Scored(total, classes[0].start, [len(one.tokens) - one.start for one in classes])
        for total, classes in zip(sums, encoded, strict=True)
    ]


def encode(
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[str],
    continuations: Sequence[Sequence[str]],
) -> list[list[Encoded]]:
    """Tokenise each prompt with each of its continuations.

    Where a token spans the join, the prompt ends before it: the common prefix of the tokens of the
    prompt and of prompt plus continuation decides.

    Raises
    ------
    UserError
        If that leaves no token of a prompt.
    """
    alone = tokenizer(list(prompts))["input_ids"]
    joined = [
        prompt + name
        for prompt, classes in zip(prompts, continuations, strict=True)
        for name in classes
    ]
    whole = iter(tokenizer(joined)["input_ids"])
    encoded = []
    for prompt, tokens, classes in zip(prompts, alone, continuations, strict=True):
        texts = [next(whole) for _ in classes]
        starts = [min(_common(tokens, text), len(text) - 1) for text in texts]
        if min(starts) == 0:
            raise UserError(
                f"prompt {prompt[:40]!r}",
                "leaves no token before the class",
                "use a tokenizer that begins a text with a special token",
            )
        encoded.append(
            [Encoded(tuple(text), start) for text, start in zip(texts, starts, strict=True)]
        )
    return encoded


def _common(first: Sequence[int], second: Sequence[int]) -> int:
    """Length of the common prefix."""
    pairs = zip(first, second, strict=False)
    return next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(first), len(second)))


def context_length(model: PreTrainedModel) -> int | None:
    """Longest input of a model, in tokens, if its configuration tells."""
    return getattr(model.config, "max_position_embeddings", None)


def _batches(rows: list[tuple[int, ...]], batch_tokens: int) -> Iterator[list[tuple[int, ...]]]:
    """Rows of similar length together, longest first, as many as the token budget allows."""
    rows = sorted(rows, key=len, reverse=True)
    start = 0
    while start < len(rows):
        longest = len(rows[start])
        end = start + 1
        while (
            end < len(rows)
            and len(rows[end]) >= SIMILAR * longest
            and (end - start + 1) * longest <= batch_tokens
        ):
            end += 1
        yield rows[start:end]
        start = end


@torch.inference_mode()
def _score_batch(
    model: PreTrainedModel,
    batch: list[tuple[int, ...]],
    wanted: list[list[tuple[int, int, Encoded]]],
) -> Iterator[tuple[tuple[int, int], float]]:
    length = len(batch[0])
    # The token at position p is predicted at position p - 1.
    needed = sorted(
        {p - 1 for row in wanted for _, _, one in row for p in range(one.start, len(one.tokens))}
    )
    place = {position: i for i, position in enumerate(needed)}
    logits = model(
        input_ids=torch.tensor([row + (0,) * (length - len(row)) for row in batch]),
        use_cache=False,
        logits_to_keep=torch.tensor(needed),
    ).logits
    log_probabilities = torch.log_softmax(logits.float(), dim=-1)
    for row, here in enumerate(wanted):
        for i, c, one in here:
            at = torch.tensor([place[p - 1] for p in range(one.start, len(one.tokens))])
            tokens = torch.tensor(one.tokens[one.start :])
            yield (i, c), float(log_probabilities[row, at, tokens].double().sum())
