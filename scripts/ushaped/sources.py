"""Names of sources: where items come from, and whether only some of them are taken.

The name says both, as in ``official-first-200`` or ``own-random-200-s1``. It is the label of every
number, table, figure and card, and numbers of two sources are never mixed: so those on some items
cannot be mixed with those on all of them, nor with those on others.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass

from ushaped.terms import SOURCES

_NAME = re.compile(
    rf"(?P<base>{'|'.join(SOURCES)})"
    r"(?:-first-(?P<first>[1-9]\d{0,8})|-random-(?P<random>[1-9]\d{0,8})-s(?P<seed>0|[1-9]\d{0,8}))?"
)
# What a user may write; N and S stand for numbers.
PATTERNS = tuple(name + end for name in SOURCES for end in ("", "-first-N", "-random-N-sS"))


@dataclass(frozen=True)
class Source:
    """A source by its name.

    Attributes
    ----------
    name : str
    base : str
        One of `ushaped.terms.SOURCES`, whose items they are.
    count : int or None
        How many of them; None for all.
    seed : int or None
        That draws them; None for the first ones.
    """

    name: str
    base: str
    count: int | None = None
    seed: int | None = None

    def choose(self, items: int, task: str) -> list[int]:
        """The numbers of the items that are taken, of so many of a task, in order.

        Of one seed the larger sample holds the smaller one.

        Raises
        ------
        ValueError
            If there are fewer items than are wanted.
        """
        numbers = list(range(items))
        if self.count is None:
            return numbers
        if self.count > items:
            raise ValueError(f"{self.count} of {items} items")
        if self.seed is not None:
            random.Random(f"{task}-{self.seed}").shuffle(numbers)
        return sorted(numbers[: self.count])

    @property
    def words(self) -> str:
        """Which items are taken, in words; "" for all.

        Examples
        --------
        >>> parse_source("own-first-200").words, parse_source("own-random-50-s3").words
        ('the first 200 of them', '50 of them, drawn at random with seed 3')
        """
        if self.count is None:
            return ""
        if self.seed is None:
            return f"the first {self.count} of them"
        return f"{self.count} of them, drawn at random with seed {self.seed}"


def is_source(name: str) -> bool:
    """Whether a name is that of a source."""
    return bool(_NAME.fullmatch(name))


def parse_source(name: str) -> Source:
    """The source of a name.

    Raises
    ------
    ValueError
        If it is none.

    Examples
    --------
    >>> parse_source("round-1-random-20-s0")
    Source(name='round-1-random-20-s0', base='round-1', count=20, seed=0)
    """
    found = _NAME.fullmatch(name)
    if found is None:
        raise ValueError(f"{name!r} is no source")
    count, seed = found["first"] or found["random"], found["seed"]
    return Source(name, found["base"], *(None if n is None else int(n) for n in (count, seed)))


def base_of(name: str) -> str:
    """Whose items those of a source are; a name that is none, as of the literature, stays.

    Examples
    --------
    >>> base_of("official-first-200"), base_of("published")
    ('official', 'published')
    """
    return parse_source(name).base if is_source(name) else name
