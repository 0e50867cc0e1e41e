"""From prompts and continuations to token sequences, and where in them a continuation begins.

A sequence is ``bytes``, four per token, most significant first: compact, a key of a dictionary, and
sorted in the order of its tokens.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ushaped.errors import UserError

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedTokenizerBase

TOKEN = np.dtype(">u4")
# Texts that are tokenised by one call.
SLICE = 1000
# Most characters of the texts whose tokens an `Encoder` remembers: some 300 MB with the tokens.
REMEMBERED = 100_000_000

# Texts that show which tokens a tokenizer puts around a text.
PROBES = ("a", "Answer", "the 7", "?")
# Names of the context length in configurations, and of the text parts of multimodal ones that
# transformers does not find.
CONTEXT_NAMES = (
    "max_position_embeddings",
    "n_positions",
    "n_ctx",
    "max_seq_len",
    "max_seq_length",
    "max_sequence_length",
    "seq_length",
    "context_length",
)
TEXT_PARTS = ("llm_config", "language_config", "language_model_config")


@dataclass(frozen=True)
class Encoded:
    """A prompt and one continuation as tokens, four bytes each in ``data``.

    The first ``start`` tokens are the prompt's; the probability of the others is the
    continuation's. ``boundary_merged``: a token spans the join, and the prompt ends before it.
    ``cut`` tokens were left out at the beginning to fit the context length.
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
    """The sequence of tokens.

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
        Loaded by `transformers`.
    bos : {"default", "always", "never"}
        Whether a text begins with the tokenizer's beginning-of-sequence token: by the tokenizer's
        own default, always, or never.
    vocabulary : int, optional
        Size of the model's vocabulary; by default tokens are not checked against it.
    remember : bool
        Whether texts that were tokenised before are looked up, for several models with one
        tokenizer; up to `REMEMBERED` characters.

    Attributes
    ----------
    begins_with : tuple of int
        The tokens that every text begins with.

    Raises
    ------
    UserError
        With ``always``, if the tokenizer has no such token; with ``default``, if it does not show
        which tokens it puts around a text.
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        bos: str = "default",
        vocabulary: int | None = None,
        remember: bool = False,
    ) -> None:
        self.tokenizer, self.vocabulary = tokenizer, vocabulary
        self.begins_with = _beginning(tokenizer, bos)
        self._known: dict[str, bytes] = {}
        self._room = REMEMBERED if remember else 0

    def __call__(self, texts: Sequence[str], where: Sequence[str] | None = None) -> list[bytes]:
        """Tokens of each text, with the tokens that every text begins with.

        ``where`` names the item of each text in messages.

        Raises
        ------
        UserError
            If a text has tokens that the model does not know.
        """
        new = list(dict.fromkeys(text for text in texts if text not in self._known))
        found = dict(zip(new, self._tokenise(new), strict=True))
        encoded = [self._known[text] if text in self._known else found[text] for text in texts]
        for text, sequence in found.items():
            if self._room >= len(text):
                self._known[text] = sequence
                self._room -= len(text)
        if self.vocabulary is not None:
            for number, sequence in enumerate(encoded):
                if sequence and (largest := int(tokens(sequence).max())) >= self.vocabulary:
                    raise UserError(
                        where[number] if where else f"text {texts[number][:40]!r}",
                        "the tokenizer has more tokens than the model's embedding "
                        f"(token {largest} of {self.vocabulary})",
                        "use the model's own tokenizer",
                    )
        return encoded

    def _tokenise(self, texts: Sequence[str]) -> Iterator[bytes]:
        begin = data(self.begins_with)
        for first in range(0, len(texts), SLICE):
            batch = list(texts[first : first + SLICE])
            for ids in self.tokenizer(batch, add_special_tokens=False)["input_ids"]:
                yield begin + data(ids)

    def pairs(
        self,
        prompts: Sequence[str],
        continuations: Sequence[Sequence[str]],
        where: Sequence[str] | None = None,
    ) -> list[list[Encoded]]:
        """Tokenise each prompt together with each of its continuations.

        Where a token spans the join, the common prefix of the tokens of the prompt alone and of
        prompt and continuation together decides where the continuation begins. ``where`` names the
        item of each prompt in messages.

        Raises
        ------
        UserError
            If no token is left before a continuation; if a prompt or a continuation has no token,
            or none that the tokenizer knows; or if two continuations of a prompt are the same
            tokens, whose scores could only be equal.
        """
        where = where or [f"prompt {prompt[:40]!r}" for prompt in prompts]
        encoded_prompts = self(prompts, where)
        texts = [
            (prompt + name, item)
            for prompt, names, item in zip(prompts, continuations, where, strict=True)
            for name in names
        ]
        joined = iter(self([text for text, _ in texts], [item for _, item in texts]))
        result = []
        for prompt, names, item, before in zip(
            prompts, continuations, where, encoded_prompts, strict=True
        ):
            if prompt and self._is_unknown(tokens(before)[len(self.begins_with) :]):
                raise _not_known(item, f"the prompt {prompt[:40]!r}")
            encoded = [_split(item, name, before, next(joined)) for name in names]
            for name, sequence in zip(names, encoded, strict=True):
                if self._is_unknown(tokens(sequence.data)[sequence.start :]):
                    raise _not_known(item, f"class {name!r}")
            _check_different(item, names, encoded)
            result.append(encoded)
        return result

    def _is_unknown(self, ids: NDArray[np.uint32]) -> bool:
        """Whether there is no token but the one for unknown text."""
        unknown = getattr(self.tokenizer, "unk_token_id", None)
        return not len(ids) or (unknown is not None and bool((ids == unknown).all()))


def _beginning(tokenizer: PreTrainedTokenizerBase, bos: str) -> tuple[int, ...]:
    """Tokens before every text: those that special tokens add before the probes."""
    pairs = _probes(tokenizer)
    ends = {without[-1] for _, without in pairs}
    if len(pairs) > 1 and ends == {getattr(tokenizer, "eos_token_id", None)}:
        raise UserError(
            "the tokenizer",
            "ends every text with its end-of-sequence token, even without special tokens",
            "set add_eos_token to false in tokenizer_config.json",
        )
    if bos == "never":
        return ()
    if bos == "always":
        if tokenizer.bos_token_id is None:
            raise UserError(
                "the registry, bos: always",
                "the tokenizer has no beginning-of-sequence token",
                "set it to default or never",
            )
        first = int(tokenizer.bos_token_id)
        # Some tokenizers put it before a text even without special tokens.
        is_there = bool(pairs) and all(without[0] == first for _, without in pairs)
        return () if is_there else (first,)
    beginnings = {_before(with_special, without) for with_special, without in pairs}
    (begin,) = beginnings if len(beginnings) == 1 else (None,)
    if begin is None:
        raise UserError(
            "the registry, bos: default",
            "the tokenizer does not show which tokens it puts before a text",
            "set it to always or never for this family",
        )
    return begin


def _probes(tokenizer: PreTrainedTokenizerBase) -> list[tuple[list[int], list[int]]]:
    """Probes as tokens, with special tokens and without; texts without any token are left out.

    Not every tokenizer knows letters: where the probes give nothing, tokens of its own vocabulary
    are decoded and probed.
    """
    pairs: list[tuple[list[int], list[int]]] = []
    for text in (*PROBES, *_vocabulary_texts(tokenizer)):
        without = list(tokenizer(text, add_special_tokens=False)["input_ids"])
        if without:
            pairs.append((list(tokenizer(text)["input_ids"]), without))
        if len(pairs) == len(PROBES):
            break
    return pairs


def _vocabulary_texts(tokenizer: PreTrainedTokenizerBase) -> Iterator[str]:
    """Texts of a tokenizer's own tokens, special ones left out."""
    special = set(tokenizer.all_special_ids)
    for number in sorted(set(tokenizer.get_vocab().values()) - special):
        yield str(tokenizer.decode([number]))


def _before(with_special: list[int], without: list[int]) -> tuple[int, ...] | None:
    """Tokens before the text; None if the text is not found among those with special tokens."""
    size = len(without)
    starts = range(len(with_special) - size + 1)
    at = next((n for n in starts if with_special[n : n + size] == without), None)
    return None if at is None else tuple(with_special[:at])


def _split(where: str, name: str, before: bytes, whole: bytes) -> Encoded:
    alone, text = tokens(before), tokens(whole)
    start = common(alone, text)
    if start == len(text):
        raise UserError(
            where,
            f"class {name!r} gives no token of its own after the prompt",
            "use a tokenizer that knows it, or leave out the item",
        )
    if start < 1:
        raise UserError(
            where,
            "leaves no token before the class",
            "set 'bos: always' for this family in the registry, or use another tokenizer",
        )
    return Encoded(whole, start, boundary_merged=start < len(alone))


def _not_known(where: str, what: str) -> UserError:
    return UserError(
        where,
        f"{what} has no token that the tokenizer knows",
        "use a tokenizer that knows it, or leave out the item",
    )


def _check_different(where: str, names: Sequence[str], encoded: Sequence[Encoded]) -> None:
    seen: dict[bytes, str] = {}
    for name, sequence in zip(names, encoded, strict=True):
        other = seen.setdefault(sequence.data, name)
        if other != name:
            raise UserError(
                where,
                f"classes {other!r} and {name!r} are the same tokens, so that their scores could "
                "only be equal",
                "use a tokenizer that tells them apart, or leave out the item",
            )


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


def context_length(config: PreTrainedConfig) -> int | None:
    """Context length of a model, in tokens; None if its configuration does not say.

    Of a multimodal model, that of the text part. A tokenizer's own limit is not used: it is often a
    default that nobody has set.
    """
    parts = [config.get_text_config(decoder=True)]
    parts += [getattr(config, name, None) for name in TEXT_PARTS]
    for part in parts:
        for name in CONTEXT_NAMES:
            value = part.get(name) if isinstance(part, dict) else getattr(part, name, None)
            if isinstance(value, int) and not isinstance(value, bool) and value > 0:
                return value
    return None


def fitted_prompt(
    ids: bytes,
    limit: int | None,
    where: str,
    *,
    after: int,
    too_long: str,
    begins_with: Sequence[int] = (),
) -> tuple[bytes, int]:
    """A prompt fitted to the context length, and how many tokens may be generated after it.

    ``after`` tokens must fit after the generated ones; for the others see `fitted`.

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
    continuations: Sequence[Encoded],
    limit: int | None,
    where: str,
    *,
    too_long: str,
    begins_with: Sequence[int] = (),
) -> list[Encoded]:
    """The continuations of one prompt, fitted to the context length ``limit`` (None: no limit).

    The last token of a sequence is predicted, not read. With ``too_long="cut"``, all are cut by the
    same number of tokens, so that each still follows the same prompt; the tokens that every text
    begins with stay. ``where`` names the item in messages.

    Raises
    ------
    UserError
        If a sequence does not fit and must not be cut, or if the cut would reach a continuation.
    """
    over = max(map(len, continuations)) - 1 - (limit or 0)
    if limit is None or over <= 0:
        return list(continuations)
    if too_long != "cut":
        raise _too_long(where, over + limit, limit)
    keep = len(begins_with)
    if min(sequence.start for sequence in continuations) - over <= keep:
        raise _no_room(where, limit)
    at, to = keep * TOKEN.itemsize, (keep + over) * TOKEN.itemsize
    return [
        replace(
            sequence,
            data=sequence.data[:at] + sequence.data[to:],
            start=sequence.start - over,
            cut=over,
        )
        for sequence in continuations
    ]
