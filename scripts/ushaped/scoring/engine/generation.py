"""Greedy generation of reasoning chains, in batches that share prefixes and shrink.

The prompts of a batch go through the model as a prefix tree; what they have in common stays in
memory once. From then on each prompt adds a token per step, until it has written a stop string or
reached its limit; it then leaves the batch.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import Module
from transformers import GenerationConfig, StoppingCriteria, StoppingCriteriaList

from ushaped.errors import UserError
from ushaped.scoring.engine import attention
from ushaped.scoring.engine.encoding import TOKEN, tokens
from ushaped.scoring.engine.engine import Engine, out_of_memory
from ushaped.scoring.engine.methods import PADDED, PROBE_UP_TO, SINGLE, TREE
from ushaped.scoring.engine.plain import logits_at
from ushaped.scoring.engine.tree import layout, plan

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

# Memory for the keys and values of a batch on a CPU; on a GPU, the share of what is free.
CPU_MEMORY = 1 << 30
GPU_SHARE = 0.25
# A batch's prompts have at most this many times the tokens of a scoring batch.
LARGER = 4


@dataclass(frozen=True)
class Asked:
    """A prompt to go on from.

    Attributes
    ----------
    data : bytes
        Its tokens.
    limit : int
        Longest chain, in tokens.
    """

    data: bytes
    limit: int


@dataclass(frozen=True)
class Chain:
    """What was generated.

    Attributes
    ----------
    text : str
        Up to the stop string, without it.
    tokens : int
        Tokens generated, those of the stop string included.
    stopped : bool
        Whether it ended by itself, not at its limit.
    ids : tuple of int
        The tokens, for the audit.
    """

    text: str
    tokens: int
    stopped: bool
    ids: tuple[int, ...] = field(default=(), compare=False)


class Ending:
    """Tells when a chain has ended, and what its text is.

    Parameters
    ----------
    tokenizer
    stop : sequence of str
        Strings that end a chain; so does the tokenizer's end-of-sequence token.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, stop: Sequence[str]) -> None:
        self.tokenizer, self.stop = tokenizer, tuple(stop)
        self.end = tokenizer.eos_token_id
        self._letters = set("".join(stop))
        self._may_end: dict[int, bool] = {}

    def met(self, prompt: bytes, made: Sequence[int]) -> bool:
        """Whether the last of the generated tokens ends the chain."""
        last = made[-1]
        if last not in self._may_end:
            # Most tokens hold no letter of a stop string: no need to read the text again.
            letters = self._letters & set(self._decoded([last]))
            self._may_end[last] = last == self.end or bool(letters)
        return self._may_end[last] and self.text(prompt, made)[1]

    def text(self, prompt: bytes, made: Sequence[int]) -> tuple[str, bool]:
        """Text of the generated tokens, and whether a stop string or the end was met."""
        ended = bool(made) and made[-1] == self.end
        made = list(made[:-1] if ended else made)
        # Some tokenizers drop a leading space; not if a token goes before.
        before = [int(tokens(prompt)[-1])]
        text = self._decoded(before + made)[len(self._decoded(before)) :]
        found = [at for at in (text.find(stop) for stop in self.stop) if at >= 0]
        return (text[: min(found)], True) if found else (text, ended)

    def _decoded(self, ids: list[int]) -> str:
        return str(self.tokenizer.decode(ids, clean_up_tokenization_spaces=False))


def chains(
    engine: Engine,
    tokenizer: PreTrainedTokenizerBase,
    asked: Sequence[Asked],
    stop: Sequence[str],
    missing: Collection[int] | None = None,
) -> Iterator[list[tuple[int, Chain]]]:
    """Continue prompts greedily, batch by batch.

    Parameters
    ----------
    engine : Engine
    tokenizer
    asked : sequence of Asked
    stop : sequence of str
        Strings that end a chain.
    missing : collection of int, optional
        Which prompts to continue; the batches are the same as if it were all.

    Yields
    ------
    list of (int, Chain)
        Number of a prompt, and its chain.

    Raises
    ------
    UserError
        If a single prompt does not fit into memory.
    """
    ending = Ending(tokenizer, stop)
    numbers: dict[bytes, list[int]] = {}
    for number, one in enumerate(asked):
        numbers.setdefault(one.data, []).append(number)
    todo = set(range(len(asked)) if missing is None else missing)
    by_way: dict[str, list[bytes]] = {}
    for row in sorted(numbers):
        longest = len(row) // TOKEN.itemsize + max(asked[number].limit for number in numbers[row])
        by_way.setdefault(engine.ways.of(longest), []).append(row)
    for way, rows in by_way.items():
        yield from _chains(engine, ending, way, rows, asked, numbers, todo)


def _chains(
    engine: Engine,
    ending: Ending,
    way: str,
    rows: list[bytes],
    asked: Sequence[Asked],
    numbers: Mapping[bytes, list[int]],
    todo: Collection[int],
) -> Iterator[list[tuple[int, Chain]]]:
    """Continue sorted rows in one way."""
    limits = [max(asked[number].limit for number in numbers[row]) for row in rows]
    lengths = [len(row) // TOKEN.itemsize for row in rows]
    room = _room(engine, way)
    for batch in plan(rows, lengths, limits, room, room):
        some = [
            (row, limit)
            for row, limit in zip(
                rows[batch.first : batch.last], limits[batch.first : batch.last], strict=True
            )
            if any(number in todo for number in numbers[row])
        ]
        found: list[tuple[int, Chain]] = []
        for row, made in _continued(engine, ending, way, some, batch.prefix):
            for number in numbers[row]:
                if number in todo:
                    found.append((number, _chain(ending, row, made[: asked[number].limit])))
        if found:
            yield found


def _chain(ending: Ending, row: bytes, made: list[int]) -> Chain:
    text, stopped = ending.text(row, made)
    return Chain(text, len(made), stopped, tuple(made))


def _room(engine: Engine, way: str) -> int:
    """Prompt tokens, and generated tokens, of one batch."""
    if way == SINGLE:
        return 1
    room = LARGER * engine.batch_tokens
    if way == TREE:
        device = engine.device
        free = CPU_MEMORY
        if device.type == "cuda":
            free = int(GPU_SHARE * torch.cuda.mem_get_info(device)[0])
        room = min(room, free // engine.bytes_per_token() // 2)
    return max(1, room)


def _continued(
    engine: Engine, ending: Ending, way: str, some: list[tuple[bytes, int]], prefix: int
) -> Iterator[tuple[bytes, list[int]]]:
    """Generated tokens of each row, in smaller batches if memory runs out."""
    if not some:
        return
    rows, limits = [row for row, _ in some], [limit for _, limit in some]
    try:
        if way == TREE:
            made = _together(engine, ending, rows, limits, prefix)
        else:
            made = _plainly(engine, ending, way, rows, limits)
        yield from zip(rows, made, strict=True)
        return
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        if not out_of_memory(error):
            raise
    if len(some) == 1:
        raise UserError(
            f"a prompt of {len(rows[0]) // TOKEN.itemsize} tokens",
            "does not fit into memory together with the model",
            "use a larger device, or leave out the variant",
        )
    engine.log(f"out of memory with {len(some)} chains at once: going on with half of them")
    half = len(some) // 2
    yield from _continued(engine, ending, way, some[:half], prefix)
    yield from _continued(engine, ending, way, some[half:], prefix)


@torch.inference_mode()
def _together(
    engine: Engine, ending: Ending, rows: list[bytes], limits: list[int], prefix: int
) -> list[list[int]]:
    """Continue rows that share ``prefix`` tokens."""
    # The last token of a row is not part of what is shared: its prediction is needed.
    prefix = min(prefix, min(len(row) for row in rows) // TOKEN.itemsize - 1)
    laid = layout(rows, [prefix + 1] * len(rows), prefix, most_keys=LARGER * engine.batch_tokens)
    first = attention.TreePass(laid, engine.kept(rows[0], prefix), keep=True)
    last = np.array([places[-1] for places in laid.places])
    best = engine.run(laid.tokens, laid.positions, first, last).argmax(-1).tolist()
    memory = _Memory(first, laid.places, prefix, limits)
    made: list[list[int]] = [[] for _ in rows]
    while True:
        # From the last place to the first: the row that moves into a free place was seen before.
        for place in reversed(range(len(memory.rows))):
            row = memory.rows[place]
            made[row].append(best[place])
            if len(made[row]) >= limits[row] or ending.met(rows[row], made[row]):
                memory.drop(place)
                best[place] = best[-1]
                best.pop()
        if not memory.rows:
            return made
        best = memory.step(engine, best)


class _Memory:
    """Keys and values of the rows that are being continued; a pass that adds one token to each.

    What all rows share is held once. A row's own are held at a place; when a row is dropped, the
    last one moves into its place, so that those in use stand together and nothing else is copied.

    Attributes
    ----------
    rows : list of int
        Which row each place holds.
    lengths : ndarray of int, shape (places,)
        Own tokens of each place so far.
    """

    def __init__(
        self,
        first: attention.TreePass,
        places: Sequence[np.ndarray],
        prefix: int,
        limits: Sequence[int],
    ) -> None:
        self.prefix, self.rows = prefix, list(range(len(places)))
        # Where the new tokens go, on each device; the same for all layers of a step.
        self._at: dict[torch.device, Tensor] = {}
        self.lengths = np.array([len(own) for own in places])
        size = max(len(own) + limit for own, limit in zip(places, limits, strict=True))
        index = np.zeros((len(places), size), dtype=np.int64)
        for row, own in enumerate(places):
            index[row, : len(own)] = prefix + own
        taken = torch.from_numpy(index.ravel())
        self.shared: dict[Module, attention.KeysAndValues] = {}
        self.own: dict[Module, attention.KeysAndValues] = {}
        for module in list(first.kept):
            # Popped: as soon as a layer's are copied, the originals can go.
            key, value = first.kept.pop(module)
            at = taken.to(key.device)
            self.shared[module] = (key[0, :, :prefix].clone(), value[0, :, :prefix].clone())
            self.own[module] = (
                _by_row(key, at, len(places)),
                _by_row(value, at, len(places)),
            )

    def step(self, engine: Engine, new: list[int]) -> list[int]:
        """Add a token to each row; what the model predicts next for each."""
        places = np.arange(len(self.rows))
        lengths = self.lengths[places]
        self._at.clear()
        best = engine.run(np.array(new), self.prefix + lengths, self, places).argmax(-1)
        self.lengths[places] += 1
        return list(best.tolist())

    def drop(self, place: int) -> None:
        """Give up the row at a place."""
        last = len(self.rows) - 1
        if place != last:
            for key, value in self.own.values():
                key[place].copy_(key[last])
                value[place].copy_(value[last])
            self.rows[place], self.lengths[place] = self.rows[last], self.lengths[last]
        self.rows.pop()

    def attend(
        self, module: Module, query: Tensor, key: Tensor, value: Tensor, scaling: float | None
    ) -> Tensor:
        """See `.attention.Pass`; the tokens are one of each row, at their positions."""
        count, heads, groups = len(self.rows), query.shape[1], key.shape[1]
        each_key, width = heads // groups, query.shape[-1]
        if query.device not in self._at:
            self._at[query.device] = torch.from_numpy(self.lengths[:count].copy()).to(query.device)
        at = self._at[query.device]
        keys, values = (states[:count] for states in self.own[module])
        each = torch.arange(count, device=at.device)
        keys[each, :, at] = key[0].transpose(0, 1)
        values[each, :, at] = value[0].transpose(0, 1)
        size = int(self.lengths[:count].max()) + 1
        # (rows, key heads, queries per key head, width)
        asked = query[0].transpose(0, 1).reshape(count, groups, each_key, width)
        asked = asked * (width**-0.5 if scaling is None else scaling)
        own = (asked @ keys[:, :, :size].transpose(-1, -2)).float()
        hidden = torch.arange(size, device=at.device) > at[:, None]
        own.masked_fill_(hidden[:, None, None], float("-inf"))
        before, before_values = self.shared[module]
        # All rows at once against what they share: (key heads, rows x queries, width).
        flat = asked.transpose(0, 1).reshape(groups, count * each_key, width)
        shared = (flat @ before.transpose(-1, -2)).float()
        length = before.shape[1]
        shared = shared.view(groups, count, each_key, length).transpose(0, 1)
        weights = torch.softmax(torch.cat([shared, own], -1), -1).to(value.dtype)
        result = weights[..., length:] @ values[:, :, :size]
        flat = weights[..., :length].transpose(0, 1).reshape(groups, count * each_key, length)
        mixed = (flat @ before_values).view(groups, count, each_key, value.shape[-1])
        result += mixed.transpose(0, 1)
        return result.reshape(count, heads, -1)


def _by_row(states: Tensor, at: Tensor, rows: int) -> Tensor:
    """Tokens ``at`` of (1, heads, tokens, width), as (rows, heads, tokens of a row, width)."""
    some = states[0].index_select(1, at)
    return some.view(some.shape[0], rows, -1, some.shape[-1]).transpose(0, 1).contiguous()


class _Ended(StoppingCriteria):
    """Each row stops by itself once its chain has ended."""

    def __init__(self, ending: Ending, length: int) -> None:
        self.ending, self.length = ending, length

    def __call__(self, input_ids: Tensor, scores: object, **_: object) -> Tensor:
        """Which rows have ended."""
        before = input_ids[:, self.length - 1].tolist()
        made = input_ids[:, self.length :].tolist()
        ended = [
            self.ending.met(np.array([first], dtype=TOKEN).tobytes(), row)
            for first, row in zip(before, made, strict=True)
        ]
        return torch.tensor(ended, device=input_ids.device)


def _plainly(
    engine: Engine, ending: Ending, way: str, rows: list[bytes], limits: list[int]
) -> list[list[int]]:
    """Continue rows without a tree, one length and one limit at a time.

    With the model's own cache, where that gives what the model gives without; a model's own
    generation settings (penalties, forced or suppressed tokens) are left out: a chain is the
    likeliest token, one after the other.
    """
    continue_rows = _cached if way == PADDED and _cache_is_right(engine) else _uncached
    alike: dict[tuple[int, int], list[int]] = {}
    for number, row in enumerate(rows):
        alike.setdefault((len(row) // TOKEN.itemsize, limits[number]), []).append(number)
    found: list[list[int]] = [[] for _ in rows]
    for (length, limit), numbers in alike.items():
        ids = torch.tensor(np.stack([tokens(rows[n]) for n in numbers]).astype(np.int64))
        ended = _Ended(ending, length)
        made = continue_rows(engine, ids.to(engine.device), limit, ended)[:, length:].tolist()
        for number, row_made in zip(numbers, made, strict=True):
            found[number] = _up_to_the_end(ending, rows[number], row_made)
    return found


@torch.inference_mode()
def _cached(engine: Engine, ids: Tensor, limit: int, ended: StoppingCriteria | None) -> Tensor:
    """Rows of one length with what the model goes on with; shape (rows, tokens)."""
    # In place of the model's own settings, which would fill in what is not said here.
    engine.model.generation_config = GenerationConfig(
        max_new_tokens=limit, do_sample=False, pad_token_id=0
    )
    made = engine.model.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        stopping_criteria=StoppingCriteriaList([ended] if ended else []),
    )
    return made if isinstance(made, Tensor) else made.sequences


@torch.inference_mode()
def _uncached(engine: Engine, ids: Tensor, limit: int, ended: StoppingCriteria | None) -> Tensor:
    """The same, with a forward pass over all tokens for each new one."""
    for _ in range(limit):
        last = torch.tensor([ids.shape[1] - 1], device=ids.device)
        best = logits_at(engine.model, last, input_ids=ids)[:, 0].float().argmax(-1)
        ids = torch.cat([ids, best[:, None].to(ids.device)], dim=1)
        if ended is not None and bool(ended(ids, None).all()):
            break
    return ids


def _cache_is_right(engine: Engine) -> bool:
    """Whether a model goes on from its cache as it does without; found once for each engine.

    Tried with two rows at once, and across a window that is short enough to try.
    """
    if engine.cache_is_right is None:
        limit = engine.ways.limit
        longest = (engine.context or 64) - 8
        sizes = [min(12, longest)]
        if limit is not None and limit <= PROBE_UP_TO:
            sizes += [min(limit - 2, longest), min(4 * limit, longest)]
        engine.cache_is_right = all(_cache_is_right_after(engine, max(1, n)) for n in sizes)
        if not engine.cache_is_right:
            engine.log(f"{type(engine.model).__name__}: chains are generated without cache")
    return engine.cache_is_right


def _cache_is_right_after(engine: Engine, size: int) -> bool:
    rng = np.random.default_rng(0)
    ids = torch.from_numpy(rng.integers(0, engine.vocabulary, (2, size))).to(engine.device)
    try:
        return torch.equal(_cached(engine, ids, 6, None), _uncached(engine, ids, 6, None))
    except Exception:  # whatever a model's cache raises, it can do without
        return False


def _up_to_the_end(ending: Ending, row: bytes, made: list[int]) -> list[int]:
    """Without the filling that follows where other rows went on."""
    ends = (n for n in range(1, len(made) + 1) if ending.met(row, made[:n]))
    return made[: next(ends, len(made))]
