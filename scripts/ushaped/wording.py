"""Small pieces that the replica generators share."""

from __future__ import annotations

import random
from collections.abc import Sequence


def article(noun: str) -> str:
    """``noun`` with its indefinite article.

    Examples
    --------
    >>> article("insect"), article("bird")
    ('an insect', 'a bird')
    """
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def shuffled(rng: random.Random, *options: str) -> tuple[tuple[str, ...], list[int]]:
    """Put options in a random order.

    Returns
    -------
    options : tuple of str
        In their new order.
    places : list of int
        Where each of the given options went.

    Examples
    --------
    >>> options, (right, wrong) = shuffled(random.Random(0), "right", "wrong")
    >>> options[right], options[wrong]
    ('right', 'wrong')
    """
    order = rng.sample(range(len(options)), len(options))
    return tuple(options[i] for i in order), [order.index(i) for i in range(len(options))]


def lettered(options: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    r"""Options as lettered lines, and the letters as classes.

    Examples
    --------
    >>> lettered(["tea", "rice"])
    ('\nA. tea\nB. rice', (' A', ' B'))
    """
    letters = "ABCDEFGH"[: len(options)]
    lines = "".join(f"\n{a}. {option}" for a, option in zip(letters, options, strict=True))
    return lines, tuple(f" {a}" for a in letters)
