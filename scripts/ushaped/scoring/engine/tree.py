"""The prefix tree of many token sequences, cut into batches, and the layout of a batch.

Sorted sequences are a tree written in depth-first order: a sequence adds to its predecessor the
tokens after their longest common prefix (LCP), and all additions one after the other are the tokens
of the tree, each once. A batch is a run of sequences; its additions are one row of the model's
input, without padding, so the linear layers compute nothing in vain. `.engine` has a picture.

Only attention has to know the tree. A batch is divided into units: a few neighbouring additions,
the queries, with the keys that they see: their ancestors and themselves. Units of similar size are
computed by one call (`Group`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ushaped.scoring.engine.encoding import TOKEN, common, tokens

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

# Largest number of logits that are held at once: 128 MiB in float32.
MAX_LOGITS = 1 << 25
# Prompts of a batch of chains: at most this many times the tokens of a scoring batch.
CHAIN_BATCH_FACTOR = 4
# A shorter prefix is computed again in each batch rather than kept between them.
MIN_PREFIX = 32
# Batches follow one another on one kept prefix as long as it does not shrink below this share.
SAME_PREFIX = 0.7
# A batch may be closed from this share of its budgets on, where its neighbours share least.
EARLY = 0.75
# Padding of units that are computed together: this share of their query-key pairs, and this many.
PADDING, FREE_PADDING = 0.2, 4000


@dataclass(frozen=True)
class Batch:
    """Sequences ``first`` to ``last`` (exclusive), which share their first ``prefix`` tokens."""

    first: int
    last: int
    prefix: int = 0


def prefix_lengths(rows: Sequence[bytes]) -> Ints:
    """Length of the prefix that each row shares with the one before it; shape (rows,), first 0.

    Examples
    --------
    >>> from ushaped.scoring.engine.encoding import data
    >>> prefix_lengths([data([1, 2]), data([1, 2, 3]), data([1, 4])]).tolist()
    [0, 2, 1]
    """
    arrays = [tokens(row) for row in rows]
    return np.array([0, *map(common, arrays, arrays[1:])][: len(rows)], dtype=np.int64)


def plan_batches(
    rows: Sequence[bytes],
    starts: Sequence[int],
    predictions: Sequence[int],
    max_tokens: int,
    max_predictions: int,
) -> list[Batch]:
    """Cut sorted rows into batches.

    The cut depends on the arguments alone, so a resumed job computes the same batches with the same
    bits.

    Parameters
    ----------
    rows : sequence of bytes
        Sorted, all different.
    starts : sequence of int
        Of each row, the first position whose prediction is needed; a kept prefix ends before it.
    predictions : sequence of int
        Of each row, how many predictions are needed.
    max_tokens, max_predictions : int
        Of one batch; a row beyond them is a batch of its own.
    """
    if not rows:
        return []
    shared = prefix_lengths(rows)
    lengths = [len(row) // TOKEN.itemsize for row in rows]
    cuts = [0, *_cuts(shared, lengths, predictions, max_tokens, max_predictions), len(rows)]
    batches = [Batch(a, b) for a, b in pairwise(cuts)]
    return _with_prefixes(batches, shared, lengths, starts)


def _cuts(
    shared: Ints,
    lengths: Sequence[int],
    predictions: Sequence[int],
    max_tokens: int,
    max_predictions: int,
) -> Iterator[int]:
    begin = 0
    while begin < len(lengths):
        size, predicted, end = lengths[begin], predictions[begin], begin + 1
        early = end
        while end < len(lengths):
            size += lengths[end] - int(shared[end])
            predicted += predictions[end]
            if size > max_tokens or predicted > max_predictions:
                break
            if max(size / max_tokens, predicted / max_predictions) <= EARLY:
                early = end + 1
            end += 1
        else:
            return
        window = range(min(early, end), end + 1)
        begin = min(window, key=lambda cut: (shared[cut], -cut))
        yield begin


def _with_prefixes(
    batches: list[Batch], shared: Ints, lengths: Sequence[int], starts: Sequence[int]
) -> list[Batch]:
    """Give runs of neighbouring batches the prefix that they have in common, if it is long."""

    def own(batch: Batch) -> int:
        inside = shared[batch.first + 1 : batch.last]
        limit = min(starts[batch.first : batch.last]) - 1
        return min(int(inside.min(initial=lengths[batch.first])), limit)

    result: list[Batch] = []
    begin = 0
    while begin < len(batches):
        prefix, end = own(batches[begin]), begin + 1
        while end < len(batches):
            less = min(prefix, int(shared[batches[end].first]), own(batches[end]))
            if less < max(MIN_PREFIX, SAME_PREFIX * prefix):
                break
            prefix, end = less, end + 1
        kept = prefix if end - begin > 1 else 0
        result += [Batch(batch.first, batch.last, kept) for batch in batches[begin:end]]
        begin = end
    return result


@dataclass(frozen=True)
class Unit:
    """Additions that attend together.

    Attributes
    ----------
    first, length : int
        The queries: tokens ``first`` to ``first + length`` of the layout.
    ancestors : ndarray of int, shape (a,)
        The keys before them, counted from the beginning of the kept prefix.
    pieces : list of (int, int, int)
        Of each addition in it: LCP with its predecessor, depth of its end, index of its first token
        in the unit.
    """

    first: int
    length: int
    ancestors: Ints
    pieces: list[tuple[int, int, int]]

    @property
    def keys(self) -> int:
        """Number of keys."""
        return len(self.ancestors) + self.length

    @property
    def chain(self) -> bool:
        """Whether each query sees all keys up to itself."""
        return len(self.pieces) == 1


@dataclass(frozen=True)
class Group:
    """Units of similar size, padded to the largest and computed by one call.

    Attributes
    ----------
    size : tuple of int
        (units, queries, keys) of the call.
    queries : ndarray of int, shape (units * queries,)
        Tokens of the layout; padding repeats the unit's first.
    real : ndarray of bool, shape (units * queries,)
        False for padding.
    keys : ndarray of int, shape (units * keys,)
        Counted from the beginning of the kept prefix.
    hidden : ndarray of bool, shape (units, queries, keys), or None
        Which keys a query must not see; None where plain causal attention hides the same.
    """

    size: tuple[int, int, int]
    queries: Ints
    real: Bools
    keys: Ints
    hidden: Bools | None


@dataclass(frozen=True)
class Layout:
    """One forward pass over a batch.

    Attributes
    ----------
    tokens, positions : ndarray of int, shape (t,)
    logit_indices : list of ndarray of int
        Of each row, the indices in the layout of its tokens from position ``starts[row] - 1`` on,
        after which predictions are read.
    groups : list of Group
    """

    tokens: Ints
    positions: Ints
    logit_indices: list[Ints]
    groups: list[Group]

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        total = sum(a.nbytes for a in (self.tokens, self.positions, *self.logit_indices))
        for group in self.groups:
            total += sum(a.nbytes for a in (group.queries, group.real, group.keys))
            total += 0 if group.hidden is None else group.hidden.nbytes
        return total


class Layouts:
    """Layouts of batches, kept up to a number of bytes for further models with the same tokens."""

    def __init__(self, room: int = 0) -> None:
        self._room = room
        self._known: dict[tuple[tuple[bytes, ...], tuple[int, ...], int, int], Layout] = {}

    def layout(
        self, rows: Sequence[bytes], starts: Sequence[int], prefix: int, max_keys: int
    ) -> Layout:
        """`build_layout` of the same arguments."""
        key = tuple(rows), tuple(starts), prefix, max_keys
        if key in self._known:
            return self._known[key]
        layout = build_layout(rows, starts, prefix, max_keys)
        if layout.nbytes <= self._room:
            self._known[key] = layout
            self._room -= layout.nbytes
        return layout


def build_layout(
    rows: Sequence[bytes], starts: Sequence[int], prefix: int = 0, max_keys: int = 1 << 16
) -> Layout:
    """Lay out sorted rows that share their first ``prefix`` tokens, which are not computed here.

    Parameters
    ----------
    rows : sequence of bytes
        Sorted, all different.
    starts : sequence of int
        Of each row, the first position whose prediction is needed, greater than ``prefix``.
    max_keys : int
        Of one call (copies are made of them).

    Examples
    --------
    The picture in `.engine`, with ``^ q a b N`` as 0 to 4:

    >>> from ushaped.scoring.engine.encoding import data
    >>> rows = [data(row) for row in ([0, 1, 2], [0, 1, 2, 4], [0, 1, 3], [0, 1, 3, 4])]
    >>> layout = build_layout(rows, [3, 3, 3, 3])
    >>> layout.tokens.tolist(), layout.positions.tolist()
    ([0, 1, 2, 4, 3, 4], [0, 1, 2, 3, 2, 3])
    >>> [indices.tolist() for indices in layout.logit_indices]
    [[2], [2, 3], [4], [4, 5]]
    """
    arrays = [tokens(row) for row in rows]
    shared = np.maximum(prefix_lengths(rows), prefix)
    path = np.arange(max(map(len, arrays)))
    units: list[Unit] = []
    logit_indices: list[Ints] = []
    size = 0
    for row, array, start in zip(range(len(rows)), arrays, starts, strict=True):
        lcp, length = int(shared[row]), len(array)
        new = length - lcp
        if units and units[-1].length + new <= _max_joined(lcp):
            last = units[-1]
            pieces = [*last.pieces, (lcp, length, last.length)]
            units[-1] = Unit(last.first, last.length + new, last.ancestors, pieces)
        elif new:
            units.append(Unit(size, new, path[:lcp].copy(), [(lcp, length, 0)]))
        path[lcp:length] = prefix + np.arange(size, size + new)
        logit_indices.append(path[start - 1 : length] - prefix)
        size += new
    pairs = list(zip(arrays, shared, strict=True))
    return Layout(
        np.concatenate([array[lcp:] for array, lcp in pairs]).astype(np.int64),
        np.concatenate([np.arange(lcp, len(array)) for array, lcp in pairs], dtype=np.int64),
        logit_indices,
        [_group(similar, prefix) for similar in _similar(units, max_keys)],
    )


def _max_joined(ancestors: int) -> int:
    """Longest unit, in tokens, that another addition may join.

    Joined additions see one copy of their ancestors instead of one each, but compute attention to
    one another in vain; the two costs are equal at a length that grows as the square root.
    """
    return int(4 * math.sqrt(ancestors))


def _similar(units: list[Unit], max_keys: int) -> Iterator[list[Unit]]:
    """Units of similar size, so that padding them costs little."""
    units = sorted(units, key=lambda unit: (unit.chain, unit.length, unit.keys), reverse=True)
    begin = 0
    while begin < len(units):
        queries, keys, pairs = units[begin].length, units[begin].keys, 0
        end = begin
        while end < len(units) and units[end].chain == units[begin].chain:
            widest = max(keys, units[end].keys)
            count = end + 1 - begin
            pairs_then = pairs + units[end].length * units[end].keys
            padding = count * queries * widest - pairs_then
            if end > begin and (
                padding > PADDING * pairs_then + FREE_PADDING or count * widest > max_keys
            ):
                break
            keys, pairs, end = widest, pairs_then, end + 1
        yield units[begin:end]
        begin = end


def _group(units: list[Unit], prefix: int) -> Group:
    queries, keys = max(unit.length for unit in units), max(unit.keys for unit in units)
    causal = units[0].chain and not any(len(unit.ancestors) for unit in units)
    indices = np.array([unit.first for unit in units])[:, None] + np.arange(queries)
    real = np.arange(queries) < np.array([unit.length for unit in units])[:, None]
    indices = np.where(real, indices, indices[:, :1])
    seen = np.zeros((len(units), keys), dtype=np.int64)
    for number, unit in enumerate(units):
        before = len(unit.ancestors)
        seen[number, :before] = unit.ancestors
        seen[number, before : unit.keys] = prefix + unit.first + np.arange(unit.length)
    return Group(
        (len(units), queries, keys),
        indices.ravel(),
        real.ravel(),
        seen.ravel(),
        None if causal else _hidden(units, queries, keys),
    )


def _hidden(units: list[Unit], queries: int, keys: int) -> Bools:
    before = np.array([len(unit.ancestors) for unit in units])[:, None, None]
    if units[0].chain:
        return np.arange(keys) > before + np.arange(queries)[:, None]
    hidden = np.ones((len(units), queries, keys), dtype=np.bool_)
    # Padding sees one key, since attention to nothing is not a number.
    hidden[:, :, 0] = False
    for number, unit in enumerate(units):
        hidden[number, : unit.length, 0] = True
        path = np.arange(max(end for _, end, _ in unit.pieces))
        for lcp, end, first in unit.pieces:
            own = np.arange(first, first + end - lcp)
            path[lcp:end] = len(unit.ancestors) + own
            hidden[number][np.ix_(own, path[:lcp])] = False
            hidden[number][np.ix_(own, path[lcp:end])] = ~np.tri(len(own), dtype=np.bool_)
    return hidden
