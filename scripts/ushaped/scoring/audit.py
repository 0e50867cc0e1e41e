"""Auditing a scoring job: which of its items are scored again, by themselves, once it is done."""

from __future__ import annotations

import random
from collections.abc import Sequence


def sample(lengths: Sequence[Sequence[int]], one_in: int = 200, seed: int = 0) -> list[list[int]]:
    """Draw the items of each file to audit.

    Parameters
    ----------
    lengths : sequence of sequence of int
        For each file, the prompt length of each of its items, in characters.
    one_in : int
        One of so many items of a file is drawn, rounded up.
    seed : int
        Of the random draw; the same arguments give the same items.

    Returns
    -------
    list of list of int
        For each file, positions of items in ascending order: at least one where the file has items.
        The shortest and the longest prompt of all files are among them, the first of several; they
        count towards what is drawn of their files.

    Raises
    ------
    ValueError
        If ``one_in`` is below 1.

    Examples
    --------
    >>> [len(some) for some in sample([[7] * 401, [], [3, 9, 5]])]
    [3, 0, 2]
    >>> sample([[7], [3, 9, 5]])
    [[0], [0, 1]]
    """
    if one_in < 1:
        raise ValueError(f"one_in is {one_in}, and has to be 1 or more")
    items = [(file, item) for file, own in enumerate(lengths) for item in range(len(own))]
    if not items:
        return [[] for _ in lengths]
    required = {choose(items, key=lambda at: lengths[at[0]][at[1]]) for choose in (min, max)}
    draw = random.Random(seed)
    drawn = []
    for file, own in enumerate(lengths):
        chosen = {item for at, item in required if at == file}
        others = [item for item in range(len(own)) if item not in chosen]
        missing = max(0, -(-len(own) // one_in) - len(chosen))
        drawn.append(sorted(chosen | set(draw.sample(others, missing))))
    return drawn
