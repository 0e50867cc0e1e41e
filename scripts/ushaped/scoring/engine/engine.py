"""Exact log-likelihoods of continuations; a token with the same history is computed once.

A scorer is a pure function from a model, prompts and continuations to summed token
log-probabilities: no batch, order or neighbour can change a score by more than rounding.

Two prompts, ``^ q a`` and ``^ q b``, with the classes ``Y`` and ``N o`` (``^`` is the
beginning-of-sequence token). The last token of a class is predicted, never read, so these rows go
through the model, as one row without padding::

    rows       tree                   index in the layout   0  1  2  3  4  5
    ^ q a                             token                 ^  q  a  N  b  N
    ^ q a N    ^ --- q -+- a --- N    position              0  1  2  3  2  3
    ^ q b               |
    ^ q b N             +- b --- N

    what each token sees (x)          what its logits give

             ^ q a N b N
    0  ^     x                        -
    1  q     x x                      -
    2  a     x x x                    log p(Y | ^ q a),    log p(N | ^ q a)
    3  N     x x x x                  log p(o | ^ q a N)
    4  b     x x . . x                log p(Y | ^ q b),    log p(N | ^ q b)
    5  N     x x . . x x              log p(o | ^ q b N)

    log-likelihood of "Y"   after ^ q a  =  log p(Y) at 2
    log-likelihood of "N o" after ^ q a  =  log p(N) at 2  +  log p(o) at 3
    log-likelihood of "Y"   after ^ q b  =  log p(Y) at 4
    log-likelihood of "N o" after ^ q b  =  log p(N) at 4  +  log p(o) at 5

Six tokens are computed, not the 16 of four padded sequences, and only the four rows of logits at 2
to 5. A prefix that several batches share (``^ q``, if it were long) is computed once and its keys
and values are kept; its tokens are then keys of later layouts, but not part of them.
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
from ushaped.scoring.engine.encoding import (
    TOKEN,
    Encoded,
    Encoder,
    context_length,
    data,
    fitted,
    tokens,
)
from ushaped.scoring.engine.methods import SINGLE, TREE, Methods, find_methods, layers_of
from ushaped.scoring.engine.precision import use_float32_output
from ushaped.scoring.engine.tree import (
    MAX_LOGITS,
    Ints,
    Layouts,
    build_layout,
    plan_batches,
    prefix_lengths,
)
from ushaped.scoring.telemetry import Counts

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

Log = Callable[[str], None]


@dataclass(frozen=True)
class PlannedBatch:
    """A batch that may be computed: its ``tokens``, and the numbers of its ``sequences``.

    ``shared``: tokens that its first row has in common with the last one of the batch before.
    """

    tokens: int
    shared: int
    sequences: list[int]


def _end_tokens(model: PreTrainedModel) -> set[int]:
    settings = getattr(model, "generation_config", None)
    ends = getattr(settings, "eos_token_id", None)
    return {int(end) for end in (ends if isinstance(ends, list) else [ends]) if end is not None}


class Engine:
    """A model, loaded by `ushaped.models.load.load`, ready to score.

    A forward pass has at most ``batch_tokens`` tokens, but a longer single sequence still runs.
    ``log`` gets a line for each fallback. ``layouts`` may know those of other models with the same
    tokens.

    Attributes
    ----------
    context : int or None
        Context length in tokens; None if it is not known.
    end_tokens : set of int
        Tokens that end what the model writes, as its generation settings name them.
    methods : Methods
        How sequences are computed, by their length.
    output_format : torch.dtype or None
        Number format of the model's own logits; None before the first pass.
    cache_is_right : bool or None
        Whether generation with the model's own cache equals that without; None until it is tried.
    windows : list of int or None
        Of each layer in the last pass with a tree, how many positions it has seen; None for all.
    counts : Counts

    Raises
    ------
    UserError
        If the model cannot be run, or is no causal language model.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        batch_tokens: int = 2048,
        log: Log = to_screen,
        layouts: Layouts | None = None,
    ) -> None:
        self.model, self.batch_tokens, self.log = model, batch_tokens, log
        self.layouts = layouts or Layouts()
        self.counts = Counts()
        self.context = context_length(model.config)
        self.end_tokens = _end_tokens(model)
        self.vocabulary = vocabulary(model)
        self.device = model.get_input_embeddings().weight.device
        self.max_predictions = max(64, MAX_LOGITS // self.vocabulary)
        self._layers = layers_of(model.config)
        self._prefix: tuple[bytes, attention.TreePass] | None = None
        self.windows: list[int | None] = []
        self.output_format: torch.dtype | None = None
        self.cache_is_right: bool | None = None
        use_float32_output(model)
        self.methods = find_methods(self)
        for line in self.methods.log_lines(type(model).__name__):
            log(line)

    @property
    def tree(self) -> bool:
        """Whether short sequences share prefixes."""
        return self.methods.short == TREE

    def try_method(self, method: str, sequences: Sequence[Encoded]) -> list[float]:
        """Log-likelihoods by one method, in small batches; for the self-check."""
        batch_tokens, counts, self.methods = self.batch_tokens, self.counts, Methods(method)
        # Small enough that prefixes are kept between batches.
        self.batch_tokens, self.counts = max(map(len, sequences)) + 4, Counts()
        try:
            return in_order(self.score(sequences))
        finally:
            self.batch_tokens, self.counts, self._prefix = batch_tokens, counts, None

    # -- scoring ----------------------------------------------------------------------------------

    def score(
        self, sequences: Sequence[Encoded], missing: Collection[int] | None = None
    ) -> Iterator[list[tuple[int, float]]]:
        """Score sequences, batch by batch.

        Yields
        ------
        list of (int, float)
            Number of a sequence, and the log-likelihood (natural log, summed in float64) of its
            continuation; only of those in ``missing``, if it is given. The batches are the same as
            if it were all.

        Raises
        ------
        UserError
            If a single sequence does not fit into memory.
        """
        missing = set(range(len(sequences)) if missing is None else missing)
        for method, numbers in self._by_method(sequences).items():
            yield from self._score(method, sequences, numbers, missing)

    def plan(self, sequences: Sequence[Encoded]) -> list[PlannedBatch]:
        """The batches of `score`, as long as memory does not run out.

        They depend on the sequences and on ``batch_tokens`` alone. Who computes only some of them,
        by ``missing``, gets the same bits as who computes all.
        """
        planned = []
        for method, numbers in self._by_method(sequences).items():
            by_row, rows, starts = _rows(sequences, numbers)
            shared = prefix_lengths(rows).tolist()
            for batch in plan_batches(
                rows, starts, _predictions(rows, starts), self.batch_tokens, self.max_predictions
            ):
                own = range(batch.first, batch.last)
                size = sum(len(rows[i]) // TOKEN.itemsize for i in own)
                if method == TREE:
                    size -= batch.prefix + sum(shared[i] for i in own[1:])
                inside = [number for i in own for number in by_row[rows[i]]]
                planned.append(PlannedBatch(size, shared[batch.first], inside))
        return planned

    def _by_method(self, sequences: Sequence[Encoded]) -> dict[str, list[int]]:
        """Numbers of sequences, by how they are computed."""
        by_method: dict[str, list[int]] = {}
        for number, sequence in enumerate(sequences):
            by_method.setdefault(self.methods.of(len(sequence) - 1), []).append(number)
        return by_method

    def _score(
        self,
        method: str,
        sequences: Sequence[Encoded],
        numbers: list[int],
        missing: Collection[int],
    ) -> Iterator[list[tuple[int, float]]]:
        by_row, rows, starts = _rows(sequences, numbers)
        batch_tokens = self.batch_tokens
        for batch in plan_batches(
            rows, starts, _predictions(rows, starts), batch_tokens, self.max_predictions
        ):
            part = slice(batch.first, batch.last)
            needed = [
                (row, start)
                for row, start in zip(rows[part], starts[part], strict=True)
                if any(number in missing for number in by_row[row])
            ]
            if not needed:
                continue
            scores: list[tuple[int, float]] = []
            for row, start, log_probs in self._row_log_probs(
                method, needed, batch.prefix, batch_tokens
            ):
                for number in by_row[row]:
                    if number in missing:
                        scores.append((number, _summed(sequences[number], start, log_probs)))
            self.counts.sequences += len(scores)
            self.counts.total_tokens += sum(len(sequences[number]) for number, _ in scores)
            yield scores

    def _row_log_probs(
        self, method: str, needed: list[tuple[bytes, int]], prefix: int, batch_tokens: int
    ) -> Iterator[tuple[bytes, int, Tensor]]:
        """Row, start, and the log-probabilities from there on, shape (positions, vocabulary).

        The batch was planned for ``batch_tokens``; if memory has run out since, it is cut again.
        """
        rows, starts = [row for row, _ in needed], [start for _, start in needed]
        if self.batch_tokens >= batch_tokens:
            try:
                yield from self._forward(method, rows, starts, prefix)
                return
            except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
                if not out_of_memory(error):
                    raise
            # Outside of the handler, where nothing holds what the failed pass had allocated.
            self._halve(rows)
        batch_tokens = self.batch_tokens
        for batch in plan_batches(
            rows, starts, _predictions(rows, starts), batch_tokens, self.max_predictions
        ):
            part = needed[batch.first : batch.last]
            yield from self._row_log_probs(method, part, batch.prefix, batch_tokens)

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
        self.batch_tokens, self.max_predictions = half, max(1, self.max_predictions // 2)

    def _forward(
        self, method: str, rows: list[bytes], starts: list[int], prefix: int
    ) -> Iterator[tuple[bytes, int, Tensor]]:
        if method == TREE:
            layout = self.layouts.layout(rows, starts, prefix, 4 * self.batch_tokens)
            tree_pass = attention.TreePass(layout, self.prefix_pass(rows[0], prefix))
            needed, inverse = np.unique(np.concatenate(layout.logit_indices), return_inverse=True)
            logits = self.run(layout.tokens, layout.positions, tree_pass, needed)
            log_probs = torch.log_softmax(logits, dim=-1)
            ends = np.cumsum([len(indices) for indices in layout.logit_indices])
            for row, start, end in zip(rows, starts, ends, strict=True):
                size = len(row) // TOKEN.itemsize - start + 1
                yield row, start, log_probs[torch.from_numpy(inverse[end - size : end])]
            return
        self.counts.computed_tokens += sum(len(row) // TOKEN.itemsize for row in rows)
        batch_tokens = 0 if method == SINGLE else self.batch_tokens
        for numbers, log_probs, row_indices in plain.predictions(
            self.model, rows, starts, batch_tokens, self.max_predictions
        ):
            for i, indices in zip(numbers, row_indices, strict=True):
                self.counts.predictions += len(indices)
                yield rows[i], starts[i], log_probs[torch.tensor(indices)]

    def prefix_pass(self, row: bytes, prefix: int) -> attention.TreePass | None:
        """The pass over a row's prefix, from the last batch if that had the same."""
        if not prefix:
            return None
        head = row[: prefix * TOKEN.itemsize]
        if self._prefix is None or self._prefix[0] != head:
            layout = build_layout([head], [prefix])
            tree_pass = attention.TreePass(layout, keep=True)
            self.run(layout.tokens, layout.positions, tree_pass, np.array([prefix - 1]))
            self._prefix = (head, tree_pass)
        return self._prefix[1]

    @torch.inference_mode()
    def run(
        self, tokens: Ints, positions: Ints, forward_pass: attention.Pass, needed: Ints
    ) -> Tensor:
        """One forward pass of a model that shares prefixes.

        Parameters
        ----------
        tokens, positions : ndarray of int, shape (t,)
        forward_pass : Pass
            Decides what each token sees.
        needed : ndarray of int, shape (n,)
            Indices of the tokens after which predictions are needed.

        Returns
        -------
        Tensor, shape (n, vocabulary)
            Logits, float32.

        Raises
        ------
        UnsupportedError
            If not each layer has attended by ``forward_pass``, once.
        """
        with attention.running(self.model, forward_pass) as called:
            logits = plain.logits_at(
                self.model,
                torch.from_numpy(needed).to(self.device),
                input_ids=torch.from_numpy(tokens)[None].to(self.device),
                position_ids=torch.from_numpy(positions)[None].to(self.device),
            )[0]
        layers = {module for module, _ in called}
        if len(called) != self._layers or len(layers) != len(called):
            raise attention.UnsupportedError(
                f"{len(layers)} of {self._layers} layers attend as requested"
            )
        self.windows = [options.window for _, options in called]
        self.output_format = logits.dtype
        self.counts.computed_tokens += len(tokens)
        self.counts.predictions += len(needed)
        return logits.float()

    def bytes_per_token(self) -> int:
        """Memory of the keys and values of one token, in all layers."""
        tree_pass = attention.TreePass(build_layout([data([0])], [1]), keep=True)
        layout = tree_pass.layout
        self.run(layout.tokens, layout.positions, tree_pass, np.array([0]))
        return sum(t.nbytes for pair in tree_pass.keys_values.values() for t in pair)


def _rows(
    sequences: Sequence[Encoded], numbers: Sequence[int]
) -> tuple[dict[bytes, list[int]], list[bytes], list[int]]:
    """Sequences by the row of tokens that they read, the sorted rows, and where each starts."""
    by_row: dict[bytes, list[int]] = {}
    for number in numbers:
        # The last token is predicted, not read: classes that differ only there share a row.
        by_row.setdefault(sequences[number].data[: -TOKEN.itemsize], []).append(number)
    rows = sorted(by_row)
    return by_row, rows, [min(sequences[n].start for n in by_row[row]) for row in rows]


def _predictions(rows: Sequence[bytes], starts: Sequence[int]) -> list[int]:
    """How many predictions each row needs."""
    return [len(row) // TOKEN.itemsize - start + 1 for row, start in zip(rows, starts, strict=True)]


def in_order(batches: Iterator[list[tuple[int, float]]]) -> list[float]:
    """Values by the numbers of their sequences."""
    return [value for _, value in sorted(pair for batch in batches for pair in batch)]


def _summed(sequence: Encoded, start: int, log_probs: Tensor) -> float:
    """Log-likelihood of a sequence, given the log-probabilities of its row from ``start`` on."""
    ids = tokens(sequence.data)[sequence.start :].astype(np.int64)
    index = torch.from_numpy(ids).to(log_probs.device)[:, None]
    return float(log_probs[sequence.start - start :].gather(1, index).double().sum())


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, on whatever device."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or (
        "allocate memory" in str(error) or "out of memory" in str(error).lower()
    )


# -- the scorer as a function ---------------------------------------------------------------------


@dataclass(frozen=True)
class Scored:
    """Scores of the continuations of one prompt.

    ``log_likelihood`` is a natural log, summed over the tokens of each continuation;
    ``prompt_tokens`` counts the tokens before the first one, after ``cut`` tokens were left out;
    ``boundary_merged`` says whether for some continuation a token spans the join.
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
    """Score every continuation (class, with its leading space) of every prompt, in the same order.

    See `Engine` for ``batch_tokens``, `.encoding.Encoder` for ``bos``, `.encoding.fitted` for
    ``too_long``.

    Raises
    ------
    UserError
        If a prompt with its continuation is longer than the model's context and must not be cut.
    """
    encoder = Encoder(tokenizer, bos, vocabulary(model))
    limit = context_length(model.config)
    where = [f"item {i}" for i in range(len(prompts))]
    items = [
        fitted(encoded, limit, item, too_long=too_long, begins_with=encoder.begins_with)
        for encoded, item in zip(encoder.pairs(prompts, continuations, where), where, strict=True)
    ]
    sequences = [sequence for encoded in items for sequence in encoded]
    values = iter(in_order(Engine(model, batch_tokens).score(sequences)))
    return [
        Scored(
            [next(values) for _ in encoded],
            encoded[0].start,
            [len(sequence) - sequence.start for sequence in encoded],
            any(sequence.boundary_merged for sequence in encoded),
            max(sequence.cut for sequence in encoded),
        )
        for encoded in items
    ]
