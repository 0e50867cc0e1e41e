"""Exact log-likelihoods of continuations, each token with the same history computed once.

A scorer is a pure function from a model, prompts and continuations to summed token
log-probabilities; no batch, order or neighbour can change a score by more than rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from ushaped.errors import UserError
from ushaped.models.load import to_screen, vocabulary
from ushaped.scoring.engine import attention, plain
from ushaped.scoring.engine import methods as ways
from ushaped.scoring.engine.encoding import (
    TOKEN,
    Encoded,
    Encoder,
    context_length,
    data,
    fitted,
    tokens,
)
from ushaped.scoring.engine.methods import SINGLE, TREE, Ways
from ushaped.scoring.engine.precision import use_float32_output
from ushaped.scoring.engine.tree import Ints, layout, plan
from ushaped.scoring.telemetry import Counts

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

# Vocabulary rows x predictions that are held at once: 128 MiB in float32.
MOST_CELLS = 1 << 25

Log = Callable[[str], None]


class Engine:
    """A model, ready to score.

    Parameters
    ----------
    model
        Loaded by `ushaped.models.load.load`.
    batch_tokens : int
        Tokens of one forward pass, at most; a longer single sequence still runs.
    log : callable
        Gets a line for each fallback.

    Attributes
    ----------
    ways : Ways
        How sequences are computed, by their length.
    output_format : torch.dtype or None
        Number format of the logits as the model gives them; None before the first pass.
    cache_is_right : bool or None
        Whether generation with the model's own cache is what it is without; None before it is used.
    counts : Counts

    Raises
    ------
    UserError
        If the model cannot be run, or is no causal language model.
    """

    def __init__(
        self, model: PreTrainedModel, batch_tokens: int = 2048, log: Log = to_screen
    ) -> None:
        self.model, self.batch_tokens, self.log = model, batch_tokens, log
        self.counts = Counts()
        self.context = context_length(model)
        self.vocabulary = vocabulary(model)
        self.device = model.get_input_embeddings().weight.device
        self.most_needed = max(64, MOST_CELLS // self.vocabulary)
        self._layers = ways.layers_of(model.config)
        self._prefix: tuple[bytes, attention.TreePass] | None = None
        self.output_format: torch.dtype | None = None
        self.cache_is_right: bool | None = None
        use_float32_output(model)
        self.ways = ways.find(self)
        for line in self.ways.lines(type(model).__name__):
            log(line)

    @property
    def tree(self) -> bool:
        """Whether short sequences share prefixes."""
        return self.ways.short == TREE

    def try_way(self, way: str, sequences: Sequence[Encoded]) -> list[float]:
        """Log-likelihoods computed one way, in small batches; for the self-check."""
        budget, counts, self.ways = self.batch_tokens, self.counts, Ways(way)
        # Small enough that prefixes are kept between batches.
        self.batch_tokens, self.counts = max(len(one) for one in sequences) + 12, Counts()
        try:
            return in_order(self.score(sequences))
        finally:
            self.batch_tokens, self.counts, self._prefix = budget, counts, None

    # -- scoring ----------------------------------------------------------------------------------

    def score(
        self, sequences: Sequence[Encoded], missing: Collection[int] | None = None
    ) -> Iterator[list[tuple[int, float]]]:
        """Score sequences, batch by batch.

        Parameters
        ----------
        sequences : sequence of Encoded
        missing : collection of int, optional
            Which of them to score; the batches are the same as if it were all.

        Yields
        ------
        list of (int, float)
            Number of a sequence, and the log-likelihood (natural log, summed in float64) of its
            continuation.

        Raises
        ------
        UserError
            If a single sequence does not fit into memory.
        """
        todo = set(range(len(sequences)) if missing is None else missing)
        by_way: dict[str, list[int]] = {}
        for number, one in enumerate(sequences):
            by_way.setdefault(self.ways.of(len(one) - 1), []).append(number)
        for way, numbers in by_way.items():
            yield from self._score(way, sequences, numbers, todo)

    def _score(
        self, way: str, sequences: Sequence[Encoded], numbers: list[int], todo: Collection[int]
    ) -> Iterator[list[tuple[int, float]]]:
        asked: dict[bytes, list[int]] = {}
        for number in numbers:
            # The last token is predicted, not read: answers that differ only there share a row.
            asked.setdefault(sequences[number].data[: -TOKEN.itemsize], []).append(number)
        rows = sorted(asked)
        starts = [min(sequences[number].start for number in asked[row]) for row in rows]
        needed = [len(row) // TOKEN.itemsize - s + 1 for row, s in zip(rows, starts, strict=True)]
        budget = self.batch_tokens
        for batch in plan(rows, starts, needed, budget, self.most_needed):
            wanted = [
                (row, start)
                for row, start in zip(
                    rows[batch.first : batch.last], starts[batch.first : batch.last], strict=True
                )
                if any(number in todo for number in asked[row])
            ]
            if not wanted:
                continue
            found: list[tuple[int, float]] = []
            for row, start, lines in self._predictions(way, wanted, batch.prefix, budget):
                some = [number for number in asked[row] if number in todo]
                found += zip(some, _summed(sequences, some, start, lines), strict=True)
            self.counts.sequences += len(found)
            self.counts.total_tokens += sum(len(sequences[number]) for number, _ in found)
            yield found

    def _predictions(
        self, way: str, wanted: list[tuple[bytes, int]], prefix: int, budget: int
    ) -> Iterator[tuple[bytes, int, Tensor]]:
        """Row, start, and the log-probabilities from there on, shape (positions, vocabulary).

        ``budget`` is what the batch was planned for; if memory has run out since, it is cut again.
        """
        rows, starts = [row for row, _ in wanted], [start for _, start in wanted]
        if self.batch_tokens >= budget:
            try:
                yield from self._forward(way, rows, starts, prefix)
                return
            except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
                if not out_of_memory(error):
                    raise
            # Outside of the handler, where nothing holds what the failed pass had allocated.
            self._halve(rows)
        budget = self.batch_tokens
        needed = [len(row) // TOKEN.itemsize - s + 1 for row, s in zip(rows, starts, strict=True)]
        for batch in plan(rows, starts, needed, budget, self.most_needed):
            part = slice(batch.first, batch.last)
            some = list(zip(rows[part], starts[part], strict=True))
            yield from self._predictions(way, some, batch.prefix, budget)

    def _halve(self, rows: list[bytes]) -> None:
        """Make batches smaller from now on."""
        self._prefix = None
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        if len(rows) == 1:
            raise UserError(
                f"a sequence of {len(rows[0]) // TOKEN.itemsize} tokens",
                "does not fit into memory together with the model",
                "use a larger device, or leave out the variant",
            )
        half = max(1, self.batch_tokens // 2)
        self.log(f"out of memory with {self.batch_tokens} tokens at once: going on with {half}")
        self.batch_tokens, self.most_needed = half, max(1, self.most_needed // 2)

    def _forward(
        self, way: str, rows: list[bytes], starts: list[int], prefix: int
    ) -> Iterator[tuple[bytes, int, Tensor]]:
        if way == TREE:
            laid = layout(rows, starts, prefix, most_keys=4 * self.batch_tokens)
            one = attention.TreePass(laid, self.kept(rows[0], prefix))
            needed, inverse = np.unique(np.concatenate(laid.places), return_inverse=True)
            logits = self.run(laid.tokens, laid.positions, one, needed)
            lines = torch.log_softmax(logits, dim=-1)
            ends = np.cumsum([len(places) for places in laid.places])
            for row, start, end in zip(rows, starts, ends, strict=True):
                size = len(row) // TOKEN.itemsize - start + 1
                yield row, start, lines[torch.from_numpy(inverse[end - size : end])]
            return
        self.counts.computed_tokens += sum(len(row) // TOKEN.itemsize for row in rows)
        for chosen, lines, places in plain.predictions(
            self.model, rows, starts, 0 if way == SINGLE else self.batch_tokens, self.most_needed
        ):
            for i, here in zip(chosen, places, strict=True):
                self.counts.predictions += len(here)
                yield rows[i], starts[i], lines[torch.tensor(here)]

    def kept(self, row: bytes, prefix: int) -> attention.TreePass | None:
        """The pass over a row's prefix, from the last batch if that had the same."""
        if not prefix:
            return None
        head = row[: prefix * TOKEN.itemsize]
        if self._prefix is None or self._prefix[0] != head:
            laid = layout([head], [prefix])
            one = attention.TreePass(laid, keep=True)
            self.run(laid.tokens, laid.positions, one, np.array([prefix - 1]))
            self._prefix = (head, one)
        return self._prefix[1]

    @torch.inference_mode()
    def run(self, tokens: Ints, positions: Ints, one: attention.Pass, needed: Ints) -> Tensor:
        """One forward pass of a model that shares prefixes.

        Parameters
        ----------
        tokens, positions : ndarray of int, shape (t,)
        one : Pass
            What each token sees.
        needed : ndarray of int, shape (n,)
            Tokens whose predictions are wanted.

        Returns
        -------
        Tensor, shape (n, vocabulary)
            Logits, float32.

        Raises
        ------
        UnsupportedError
            If not each layer has attended as ``one`` says, once.
        """
        with attention.running(self.model, one) as called:
            logits = plain.logits_at(
                self.model,
                torch.from_numpy(needed).to(self.device),
                input_ids=torch.from_numpy(tokens)[None].to(self.device),
                position_ids=torch.from_numpy(positions)[None].to(self.device),
            )[0]
        if len(called) != self._layers or len(set(called)) != len(called):
            raise attention.UnsupportedError(
                f"{len(set(called))} of {self._layers} layers attend as they are asked to"
            )
        self.output_format = logits.dtype
        self.counts.computed_tokens += len(tokens)
        self.counts.predictions += len(needed)
        return logits.float()

    def bytes_per_token(self) -> int:
        """Memory that the keys and values of one token take, in all layers."""
        one = attention.TreePass(layout([data([0])], [1]), keep=True)
        self.run(one.laid.tokens, one.laid.positions, one, np.array([0]))
        return sum(t.numel() * t.element_size() for pair in one.kept.values() for t in pair)


def in_order(batches: Iterator[list[tuple[int, float]]]) -> list[float]:
    """Values by the numbers of their sequences."""
    return [value for _, value in sorted(pair for batch in batches for pair in batch)]


def _summed(
    sequences: Sequence[Encoded], numbers: list[int], start: int, lines: Tensor
) -> list[float]:
    """Log-likelihoods of the sequences of one row, whose predictions begin at ``start``."""
    sums = []
    for number in numbers:
        one = sequences[number]
        wanted = torch.from_numpy(tokens(one.data)[one.start :].astype(np.int64)).to(lines.device)
        here = lines[one.start - start :].gather(1, wanted[:, None])
        sums.append(float(here.double().sum()))
    return sums


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, on whatever device."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or (
        "allocate memory" in str(error) or "out of memory" in str(error).lower()
    )


# -- the scorer as a function ---------------------------------------------------------------------


@dataclass(frozen=True)
class Scored:
    """Log-likelihood (natural log, summed) of each continuation of one prompt, and how it came.

    Attributes
    ----------
    log_likelihood : list of float
    prompt_tokens : int
        Tokens before the first continuation, after any cut.
    class_tokens : list of int
    boundary_merged : bool
        Whether for some continuation a token spans the join.
    cut : int
        Tokens that were left out at the beginning.
    """

    log_likelihood: list[float]
    prompt_tokens: int
    class_tokens: list[int]
    boundary_merged: bool = False
    cut: int = 0


def log_likelihoods(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[str],
    continuations: Sequence[Sequence[str]],
    batch_tokens: int = 2048,
    bos: str = "default",
    too_long: str = "error",
) -> list[Scored]:
    """Score every continuation of every prompt.

    Parameters
    ----------
    model, tokenizer
        Loaded by `ushaped.models.load.load`.
    prompts : sequence of str
    continuations : sequence of sequence of str
        For each prompt its classes, with their leading spaces.
    batch_tokens : int
        Tokens of one forward pass, at most; a longer single sequence still runs.
    bos : {"default", "always", "never"}
        See `ushaped.scoring.engine.encoding.Encoder`.
    too_long : {"error", "cut"}
        See `ushaped.scoring.engine.encoding.fitted`.

    Returns
    -------
    list of Scored
        In the order of ``prompts``.

    Raises
    ------
    UserError
        If a prompt with its continuation is longer than the model's context and must not be cut.
    """
    encoder = Encoder(tokenizer, bos, vocabulary(model))
    limit = context_length(model)
    where = [f"item {i}" for i in range(len(prompts))]
    items = [
        fitted(names, limit, at, too_long=too_long, begins_with=encoder.begins_with)
        for names, at in zip(encoder.pairs(prompts, continuations, where), where, strict=True)
    ]
    flat = [one for names in items for one in names]
    values = iter(in_order(Engine(model, batch_tokens).score(flat)))
    return [scored(names, [next(values) for _ in names]) for names in items]


def scored(names: Sequence[Encoded], values: list[float]) -> Scored:
    """The continuations of one prompt with their log-likelihoods."""
    return Scored(
        values,
        names[0].start,
        [len(one) - one.start for one in names],
        any(one.boundary_merged for one in names),
        max(one.cut for one in names),
    )
