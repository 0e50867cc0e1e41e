"""Small pieces that the replica generators share."""

from __future__ import annotations

import random


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
