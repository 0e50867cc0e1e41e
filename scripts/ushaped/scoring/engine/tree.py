"""The prefix tree of many token sequences, cut into batches, and how a batch is laid out.

Sorted sequences are a tree written in depth-first order: what a sequence adds to its predecessor is
the part after their common prefix (their LCP), so the additions one after the other are all tokens
of the tree, each once. A batch is a run of sequences; its additions are one row of the model's
input, without any padding, so the linear layers do no idle work.

Only attention has to know the tree. For it a batch is divided into units: a few additions that
stand together, the queries, and the keys that they see: their ancestors and themselves. Units of
similar size are computed together (`Group`).
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

# A prefix shorter than this is computed again in each batch rather than kept between them.
LEAST_PREFIX = 32
# Batches follow one another on one kept prefix as long as it does not shrink below this share.
SAME_PREFIX = 0.7
# A batch is closed early, in its last quarter, where its neighbours have least in common.
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


def plan(
    rows: Sequence[bytes],
    starts: Sequence[int],
    needed: Sequence[int],
    budget: int,
    most_needed: int,
) -> list[Batch]:
    """Cut sorted rows into batches.

    The cut depends on the rows and the budgets alone, so a resumed job computes the same batches
    with the same bits.

    Parameters
    ----------
    rows : sequence of bytes
        Sorted, all different.
    starts : sequence of int
        Of each row, the first position whose prediction is needed; a kept prefix ends before it.
    needed : sequence of int
        Of each row, how many predictions are needed.
    budget, most_needed : int
        Tokens, and predictions, of one batch, at most; a row beyond it is a batch of its own.

    Returns
    -------
    list of Batch
    """
    if not rows:
        return []
    shared = prefix_lengths(rows)
    lengths = [len(row) // TOKEN.itemsize for row in rows]
    cuts = [0, *_cuts(shared, lengths, needed, budget, most_needed), len(rows)]
    batches = [Batch(a, b) for a, b in pairwise(cuts)]
    return _with_prefixes(batches, shared, lengths, starts)


def _cuts(
    shared: Ints, lengths: Sequence[int], needed: Sequence[int], budget: int, most_needed: int
) -> Iterator[int]:
    begin = 0
    while begin < len(lengths):
        size, asked, end = lengths[begin], needed[begin], begin + 1
        early = end
        while end < len(lengths):
            size += lengths[end] - int(shared[end])
            asked += needed[end]
            if size > budget or asked > most_needed:
                break
            if max(size / budget, asked / most_needed) <= EARLY:
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

    found: list[Batch] = []
    begin = 0
    while begin < len(batches):
        prefix, end = own(batches[begin]), begin + 1
        while end < len(batches):
            less = min(prefix, int(shared[batches[end].first]), own(batches[end]))
            if less < max(LEAST_PREFIX, SAME_PREFIX * prefix):
                break
            prefix, end = less, end + 1
        kept = prefix if end - begin > 1 else 0
        found += [Batch(one.first, one.last, kept) for one in batches[begin:end]]
        begin = end
    return found


@dataclass(frozen=True)
class Unit:
    """Additions that attend together.

    Attributes
    ----------
    first, length : int
        The queries: tokens ``first`` to ``first + length`` of the layout.
    ancestors : ndarray of int, shape (a,)
        The keys before them. Keys are counted from the beginning of the kept prefix.
    pieces : list of (int, int, int)
        Of each addition in it: LCP with its predecessor, depth of its end, place of its first token
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
    """Units of similar size, computed by one call, filled up to the size of the largest.

    Attributes
    ----------
    size : tuple of int
        (units, queries, keys) of the call.
    queries : ndarray of int, shape (units * queries,)
        Tokens of the layout; filling repeats the unit's first.
    real : ndarray of bool, shape (units * queries,)
        What is not filling.
    keys : ndarray of int, shape (units * keys,)
        Counted from the beginning of the kept prefix.
    hidden : ndarray of bool, shape (units, queries, keys), or None
        Which key a query must not see; None where plain causal attention does.
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
    places : list of ndarray of int
        Of each row, the place of its last tokens in the layout: those from position
        ``starts[row] - 1`` on, where predictions are read.
    groups : list of Group
    """

    tokens: Ints
    positions: Ints
    places: list[Ints]
    groups: list[Group]


def layout(
    rows: Sequence[bytes], starts: Sequence[int], prefix: int = 0, most_keys: int = 1 << 16
) -> Layout:
    """Lay out sorted rows that share their first ``prefix`` tokens, which are not computed here.

    Parameters
    ----------
    rows : sequence of bytes
        Sorted, all different.
    starts : sequence of int
        Of each row, the first position whose prediction is needed, greater than ``prefix``.
    most_keys : int
        Keys of one call, at most (copies are made of them).
    """
    arrays = [tokens(row) for row in rows]
    shared = np.maximum(prefix_lengths(rows), prefix)
    path = np.arange(max(map(len, arrays)))
    found: list[Unit] = []
    places: list[Ints] = []
    size = 0
    for row, array, start in zip(range(len(rows)), arrays, starts, strict=True):
        lcp, length = int(shared[row]), len(array)
        new = length - lcp
        if found and found[-1].length + new <= _most(lcp):
            last = found[-1]
            pieces = [*last.pieces, (lcp, length, last.length)]
            found[-1] = Unit(last.first, last.length + new, last.ancestors, pieces)
        elif new:
            found.append(Unit(size, new, path[:lcp].copy(), [(lcp, length, 0)]))
        path[lcp:length] = prefix + np.arange(size, size + new)
        places.append(path[start - 1 : length] - prefix)
        size += new
    return Layout(
        np.concatenate([a[s:] for a, s in zip(arrays, shared, strict=True)]).astype(np.int64),
        np.concatenate(
            [np.arange(s, len(a)) for a, s in zip(arrays, shared, strict=True)], dtype=np.int64
        ),
        places,
        [_group(some, prefix) for some in _alike(found, most_keys)],
    )


def _most(ancestors: int) -> int:
    """Longest unit, in tokens, that another addition may join.

    Joined additions see one copy of their ancestors instead of one each, but compute attention to
    one another in vain; the two costs are equal at a length that grows as the square root.
    """
    return int(4 * math.sqrt(ancestors))


def _alike(units: list[Unit], most_keys: int) -> Iterator[list[Unit]]:
    """Units of similar size, so that filling them up costs little."""
    units = sorted(units, key=lambda unit: (unit.chain, unit.length, unit.keys), reverse=True)
    begin = 0
    while begin < len(units):
        queries, keys, pairs = units[begin].length, units[begin].keys, 0
        end = begin
        while end < len(units) and units[end].chain == units[begin].chain:
            widest = max(keys, units[end].keys)
            count = end + 1 - begin
            pairs_then = pairs + units[end].length * units[end].keys
            filling = count * queries * widest - pairs_then
            if end > begin and (
                filling > PADDING * pairs_then + FREE_PADDING or count * widest > most_keys
            ):
                break
            keys, pairs, end = widest, pairs_then, end + 1
        yield units[begin:end]
        begin = end


def _group(units: list[Unit], prefix: int) -> Group:
    queries, keys = max(unit.length for unit in units), max(unit.keys for unit in units)
    plain = units[0].chain and not any(len(unit.ancestors) for unit in units)
    asked = np.array([unit.first for unit in units])[:, None] + np.arange(queries)
    real = np.arange(queries) < np.array([unit.length for unit in units])[:, None]
    asked = np.where(real, asked, asked[:, :1])
    seen = np.zeros((len(units), keys), dtype=np.int64)
    for place, unit in enumerate(units):
        a = len(unit.ancestors)
        seen[place, :a] = unit.ancestors
        seen[place, a : unit.keys] = prefix + unit.first + np.arange(unit.length)
    return Group(
        (len(units), queries, keys),
        asked.ravel(),
        real.ravel(),
        seen.ravel(),
        None if plain else _hidden(units, queries, keys),
    )


def _hidden(units: list[Unit], queries: int, keys: int) -> Bools:
    before = np.array([len(unit.ancestors) for unit in units])[:, None, None]
    if units[0].chain:
        return np.arange(keys) > before + np.arange(queries)[:, None]
    hidden = np.ones((len(units), queries, keys), dtype=np.bool_)
    # Filling sees one key, since attention to nothing is not a number.
    hidden[:, :, 0] = False
    for place, unit in enumerate(units):
        hidden[place, : unit.length, 0] = True
        a = len(unit.ancestors)
        path = np.arange(max(end for _, end, _ in unit.pieces))
        for lcp, end, at in unit.pieces:
            own = np.arange(at, at + end - lcp)
            path[lcp:end] = a + own
            hidden[place][np.ix_(own, path[:lcp])] = False
            hidden[place][np.ix_(own, path[lcp:end])] = ~np.tri(len(own), dtype=np.bool_)
    return hidden
