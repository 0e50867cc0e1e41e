"""From prompts and continuations to token sequences, and where in them a continuation begins.

A sequence is held as ``bytes``, four per token, most significant first: compact in any number, a
key of a dictionary, and sorted as its tokens are.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ushaped.errors import UserError

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

TOKEN = np.dtype(">u4")
# Texts that the tokenizer gets at once.
SLICE = 1000

BOS_CHOICES = ("default", "always", "never")


@dataclass(frozen=True)
class Encoded:
    """A prompt and one continuation as tokens.

    Attributes
    ----------
    data : bytes
        All tokens, four bytes each.
    start : int
        The first ``start`` tokens are the prompt's; the continuation's probability is that of the
        others.
    boundary_merged : bool
        Whether a token spans the join, so that the prompt ends before it.
    cut : int
        Tokens that were left out at the beginning to fit the model's context.
    """

    data: bytes
    start: int
    boundary_merged: bool = False
    cut: int = 0

    def __len__(self) -> int:
        """Number of tokens."""
        return len(self.data) // TOKEN.itemsize


def tokens(data: bytes) -> NDArray[np.uint32]:
    """Tokens of a sequence, shape (n,)."""
    return np.frombuffer(data, dtype=TOKEN)


def data(tokens: Iterable[int]) -> bytes:
    """The sequence of some tokens.

    Examples
    --------
    >>> data([1, 256]) < data([2]), len(data([1, 256]))
    (True, 8)
    """
    return np.asarray(list(tokens), dtype=TOKEN).tobytes()


class Encoder:
    """Tokenises texts for one model.

    Parameters
    ----------
    tokenizer
        As `transformers` loads it.
    bos : {"default", "always", "never"}
        Whether a text begins with the tokenizer's beginning-of-sequence token: as the tokenizer
        does by itself, always, or never.

    Attributes
    ----------
    begins_with : tuple of int
        The tokens that every text begins with.

    Raises
    ------
    UserError
        If the token is asked for and the tokenizer has none.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, bos: str = "default") -> None:
        self.tokenizer = tokenizer
        self.begins_with = _beginning(tokenizer, bos)

    def __call__(self, texts: Sequence[str]) -> list[bytes]:
        """Tokens of each text, with the tokens that every text begins with."""
        begin = data(self.begins_with)
        found: list[bytes] = []
        for first in range(0, len(texts), SLICE):
            some = list(texts[first : first + SLICE])
            ids = self.tokenizer(some, add_special_tokens=False)["input_ids"]
            found += [begin + data(one) for one in ids]
        return found

    def pairs(
        self, prompts: Sequence[str], continuations: Sequence[Sequence[str]]
    ) -> list[list[Encoded]]:
        """Tokenise each prompt together with each of its continuations.

        Where a token spans the join, the common prefix of the tokens of the prompt alone and of
        prompt and continuation together decides where the continuation begins.

        Raises
        ------
        UserError
            If no token is left before a continuation.
        """
        alone = self(prompts)
        joined = iter(
            self(
                [
                    prompt + name
                    for prompt, n in zip(prompts, continuations, strict=True)
                    for name in n
                ]
            )
        )
        return [
            [_split(prompt, before, next(joined)) for _ in names]
            for prompt, before, names in zip(prompts, alone, continuations, strict=True)
        ]


def _beginning(tokenizer: PreTrainedTokenizerBase, bos: str) -> tuple[int, ...]:
    if bos == "never":
        return ()
    if bos == "always":
        if tokenizer.bos_token_id is None:
            raise UserError(
                "config/models.yaml, bos: always",
                "the tokenizer has no beginning-of-sequence token",
                "say default or never",
            )
        return (int(tokenizer.bos_token_id),)
    with_special = list(tokenizer("a")["input_ids"])
    without = list(tokenizer("a", add_special_tokens=False)["input_ids"])
    before = next(
        (n for n in range(len(with_special)) if with_special[n : n + len(without)] == without), 0
    )
    return tuple(with_special[:before])


def _split(prompt: str, before: bytes, whole: bytes) -> Encoded:
    alone, text = tokens(before), tokens(whole)
    shared = common(alone, text)
    start = min(shared, len(text) - 1)
    if start < 1:
        raise UserError(
            f"prompt {prompt[:40]!r}",
            "leaves no token before the class",
            "say 'bos: always' for this family in config/models.yaml, or use another tokenizer",
        )
    return Encoded(whole, start, boundary_merged=shared < len(alone))


def common(first: NDArray[np.uint32], second: NDArray[np.uint32]) -> int:
    """Length of the common prefix.

    Examples
    --------
    >>> common(np.array([1, 2, 3], np.uint32), np.array([1, 2], np.uint32))
    2
    """
    n = min(len(first), len(second))
    differ = first[:n] != second[:n]
    return int(differ.argmax()) if differ.any() else n


def context_length(model: PreTrainedModel) -> int | None:
    """Longest input of a model, in tokens, if its configuration tells."""
    return getattr(model.config, "max_position_embeddings", None)


def fitted_prompt(
    ids: bytes,
    limit: int | None,
    where: str,
    *,
    after: int,
    too_long: str,
    begins_with: Sequence[int] = (),
) -> tuple[bytes, int]:
    """A prompt to go on from, fitted to the model's context, and how many tokens may be generated.

    Parameters
    ----------
    ids : bytes
        The prompt's tokens.
    limit : int or None
        Longest input in tokens.
    where : str
        The item, for a message.
    after : int
        Tokens that must fit behind what is generated.
    too_long, begins_with
        As in `fitted`.

    Raises
    ------
    UserError
        If not even one token could be generated and the prompt must not be cut.
    """
    if limit is None:
        return ids, sys.maxsize
    room = limit - after - len(ids) // TOKEN.itemsize
    if room >= 1:
        return ids, room
    if too_long != "cut":
        raise _too_long(where, limit - room + 1, limit)
    at, over = len(begins_with) * TOKEN.itemsize, (1 - room) * TOKEN.itemsize
    if at + over >= len(ids):
        raise _no_room(where, limit)
    return ids[:at] + ids[at + over :], 1


def _too_long(where: str, size: int, limit: int) -> UserError:
    return UserError(
        where,
        f"has {size} tokens, the model's context {limit}",
        "leave out the variant, use a model with a longer context, or set scoring.too_long to cut",
    )


def _no_room(where: str, limit: int) -> UserError:
    return UserError(
        where,
        f"has a class that alone fills the model's context of {limit} tokens",
        "use a model with a longer context",
    )


def fitted(
    names: Sequence[Encoded],
    limit: int | None,
    where: str,
    *,
    too_long: str,
    begins_with: Sequence[int] = (),
) -> list[Encoded]:
    """The continuations of one prompt, fitted to the model's context.

    All are cut alike, so that each still follows the same prompt. The tokens that every text begins
    with stay.

    Parameters
    ----------
    names : sequence of Encoded
    limit : int or None
        Longest input in tokens; the last token of a sequence is predicted, not read.
    where : str
        The item, for a message.
    too_long : {"error", "cut"}
        What to do with a sequence that does not fit.

    Raises
    ------
    UserError
        If a sequence does not fit and must not be cut, or if the cut would reach a continuation.
    """
    over = max(len(one) - 1 for one in names) - (limit or 0)
    if limit is None or over <= 0:
        return list(names)
    if too_long != "cut":
        raise _too_long(where, over + limit, limit)
    keep = len(begins_with)
    if min(one.start for one in names) - over <= keep:
        raise _no_room(where, limit)
    at, to = keep * TOKEN.itemsize, (keep + over) * TOKEN.itemsize
    return [
        replace(one, data=one.data[:at] + one.data[to:], start=one.start - over, cut=over)
        for one in names
    ]
