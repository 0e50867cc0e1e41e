"""Generation of reasoning chains and answers, in batches that share prefixes and shrink.

The prompts of a batch go through the model as a prefix tree; keys and values of their common prefix
are held once. From then on each prompt gets a token per step, until its chain ends with a stop
string or reaches its limit; it then leaves the batch. The last chains of all batches are generated
together, from their tokens so far.

A token is the likeliest one, or drawn at a temperature by the Gumbel-max method (`.draws`). The
noise of a chain's n-th token depends on the chain's own seed and n alone, so that what else is in a
batch, or an interruption, changes no draw.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import Module
from transformers import (
    GenerationConfig,
    LogitsProcessor,
    LogitsProcessorList,
    StoppingCriteria,
    StoppingCriteriaList,
)

from ushaped.errors import UserError
from ushaped.scoring.engine import attention, draws
from ushaped.scoring.engine.encoding import TOKEN, data, tokens
from ushaped.scoring.engine.engine import Engine, out_of_memory
from ushaped.scoring.engine.methods import PADDED, PROBE_UP_TO, SINGLE, TREE
from ushaped.scoring.engine.plain import logits_at
from ushaped.scoring.engine.tree import CHAIN_BATCH_FACTOR, build_layout, plan_batches

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

# Memory for the keys and values of a batch on a CPU; on a GPU, the share of what is free.
CPU_MEMORY = 1 << 30
GPU_SHARE = 0.25
# A batch may stop when at most this share of its chains is left, and others can join them: as soon
# as the steps with so few have cost as much as their rows will cost again, a step as much as
# `STEP` tokens of a prompt (an estimate: it bounds the loss, and was not tuned).
FEW, STEP = 0.25, 8


@dataclass(frozen=True)
class GenerationRequest:
    """The tokens of a prompt, and the longest chain after it, in tokens.

    Attributes
    ----------
    data : bytes
    limit : int
    temperature : float
        0 for the likeliest token, one after the other.
    seed : int
        Of the draws, below 2**63.
    """

    data: bytes
    limit: int
    temperature: float = 0.0
    seed: int = 0

    @property
    def key(self) -> tuple[bytes, float, int]:
        """What a chain depends on but for its length."""
        return self.data, self.temperature, self.seed


@dataclass(frozen=True)
class Chain:
    """A generated chain.

    ``text`` ends before the stop string, whose tokens count in ``tokens``. ``stopped`` is false if
    the chain reached its limit. The audit needs the tokens, ``ids``.
    """

    text: str
    tokens: int
    stopped: bool
    ids: tuple[int, ...] = field(default=(), compare=False)


class Ending:
    """Where a chain ends: at a stop string, or at an end token.

    End tokens are the tokenizer's end-of-sequence token and ``ends``.
    """

    def __init__(
        self, tokenizer: PreTrainedTokenizerBase, stop: Sequence[str], ends: Collection[int] = ()
    ) -> None:
        self.tokenizer, self.stop = tokenizer, tuple(stop)
        self.ends = {tokenizer.eos_token_id, *ends}
        self._letters = set("".join(stop))
        self._may_end: dict[int, bool] = {}

    def met(self, prompt: bytes, generated: Sequence[int]) -> bool:
        """Whether the last of the generated tokens ends the chain."""
        last = generated[-1]
        if last not in self._may_end:
            # Most tokens hold no letter of a stop string: no need to read the text again.
            letters = self._letters & set(self._decoded([last]))
            self._may_end[last] = last in self.ends or bool(letters)
        return self._may_end[last] and self.text(prompt, generated)[1]

    def text(self, prompt: bytes, generated: Sequence[int]) -> tuple[str, bool]:
        """Text of the generated tokens, and whether a stop string or the end was met."""
        ended = bool(generated) and generated[-1] in self.ends
        ids = list(generated[:-1] if ended else generated)
        # Some tokenizers drop a leading space, unless a token comes before it.
        before = [int(tokens(prompt)[-1])]
        text = self._decoded(before + ids)[len(self._decoded(before)) :]
        ends = [at for at in (text.find(stop) for stop in self.stop) if at >= 0]
        return (text[: min(ends)], True) if ends else (text, ended)

    def _decoded(self, ids: list[int]) -> str:
        return str(self.tokenizer.decode(ids, clean_up_tokenization_spaces=False))


def chains(
    engine: Engine,
    tokenizer: PreTrainedTokenizerBase,
    requests: Sequence[GenerationRequest],
    stop: Sequence[str],
    missing: Collection[int] | None = None,
    ends: Collection[int] = (),
) -> Iterator[list[tuple[int, Chain]]]:
    """Continue prompts until a stop string or an end token (see `Ending`), batch by batch.

    Yields
    ------
    list of (int, Chain)
        Number of a request, and its chain; only of those in ``missing``, if it is given. The
        batches are the same as if it were all.

    Raises
    ------
    UserError
        If a single prompt does not fit into memory.
    """
    ending = Ending(tokenizer, stop, ends)
    by_key: dict[Key, list[int]] = {}
    for number, request in enumerate(requests):
        by_key.setdefault(request.key, []).append(number)
    missing = set(range(len(requests)) if missing is None else missing)
    by_method: dict[str, list[_Growing]] = {}
    for key in sorted(by_key):
        chain = _Growing(key, max(requests[number].limit for number in by_key[key]))
        longest = len(chain.prompt) // TOKEN.itemsize + chain.limit
        by_method.setdefault(engine.methods.of(longest), []).append(chain)
    for method, growing in by_method.items():
        needed = {key for key in by_key if any(number in missing for number in by_key[key])}
        for ended in _rounds(engine, ending, method, growing, needed):
            answers: list[tuple[int, Chain]] = []
            for chain in ended:
                for number in by_key[chain.key]:
                    if number in missing:
                        ids = chain.generated[: requests[number].limit]
                        answer = _chain(ending, chain.prompt, ids)
                        answers.append((number, answer))
                        size = len(chain.prompt) // TOKEN.itemsize
                        engine.counts.total_tokens += size + answer.tokens
            if answers:
                yield answers


Key = tuple[bytes, float, int]


@dataclass
class _Growing:
    """A chain that is being generated: its key, its longest length, its tokens so far."""

    key: Key
    limit: int
    generated: list[int] = field(default_factory=list)

    @property
    def prompt(self) -> bytes:
        """Tokens of the prompt."""
        return self.key[0]

    def noise(self, step: int, size: int) -> Tensor | None:
        """Noise for its token number ``step``, see `.draws.noise`; None at temperature 0."""
        _, temperature, seed = self.key
        return draws.noise(temperature, seed, step, size) if temperature else None

    @property
    def row(self) -> bytes:
        """The prompt and the tokens so far."""
        return self.prompt + data(self.generated)

    @property
    def left(self) -> int:
        """Tokens that it may still get."""
        return self.limit - len(self.generated)

    def ended(self, ending: Ending) -> bool:
        """Whether its last token was the last one."""
        return self.left <= 0 or ending.met(self.prompt, self.generated)


def _rounds(
    engine: Engine, ending: Ending, method: str, growing: list[_Growing], needed: set[Key]
) -> Iterator[list[_Growing]]:
    """The chains that have ended, batch by batch.

    A step costs little less with few chains than with many. So a batch stops when few of its chains
    are left for long, and those of all batches go on together in the next round.
    """
    room = _room(engine, method)
    while growing:
        rows = {chain.row: chain for chain in growing}
        order = sorted(rows)
        lengths = [len(row) // TOKEN.itemsize for row in order]
        left = [rows[row].left for row in order]
        batches = plan_batches(order, lengths, left, room, room)
        # Rows may be equal (samples of one prompt; a prompt with its chain and another prompt): all
        # but one of them wait for the next round.
        waiting = [chain for chain in growing if rows[chain.row] is not chain]
        share = FEW if method == TREE and (len(batches) > 1 or waiting) else 0.0
        growing = waiting
        for batch in batches:
            part = [rows[row] for row in order[batch.first : batch.last]]
            part = [chain for chain in part if chain.key in needed]
            for chain, ids in _continued(engine, ending, method, part, batch.prefix, share):
                chain.generated += ids
            ended: list[_Growing] = []
            for chain in part:
                (ended if not share or chain.ended(ending) else growing).append(chain)
            yield ended


def _chain(ending: Ending, row: bytes, generated: list[int]) -> Chain:
    text, stopped = ending.text(row, generated)
    return Chain(text, len(generated), stopped, tuple(generated))


def _room(engine: Engine, method: str) -> int:
    """Prompt tokens, and generated tokens, of one batch."""
    if method == SINGLE:
        return 1
    room = CHAIN_BATCH_FACTOR * engine.batch_tokens
    if method == TREE:
        device = engine.device
        free = CPU_MEMORY
        if device.type == "cuda":
            free = int(GPU_SHARE * torch.cuda.mem_get_info(device)[0])
        room = min(room, free // engine.bytes_per_token() // 2)
    return max(1, room)


def _continued(
    engine: Engine,
    ending: Ending,
    method: str,
    growing: list[_Growing],
    prefix: int,
    share: float,
) -> Iterator[tuple[_Growing, list[int]]]:
    """New tokens of each chain, until at most ``share`` of them are left for long.

    In smaller batches if memory runs out.
    """
    if not growing:
        return
    try:
        if method == TREE:
            generated = _by_tree(engine, ending, growing, prefix, int(share * len(growing)))
        else:
            generated = _without_tree(engine, ending, method, growing)
        yield from zip(growing, generated, strict=True)
        return
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        if not out_of_memory(error):
            raise
    if len(growing) == 1:
        raise UserError(
            f"a prompt of {len(growing[0].prompt) // TOKEN.itemsize} tokens",
            "does not fit into memory together with the model",
            "use a larger device, or leave out the variant",
        )
    engine.log(f"out of memory with {len(growing)} chains at once: going on with half of them")
    half = len(growing) // 2
    yield from _continued(engine, ending, method, growing[:half], prefix, share)
    yield from _continued(engine, ending, method, growing[half:], prefix, share)


@torch.inference_mode()
def _by_tree(
    engine: Engine, ending: Ending, growing: list[_Growing], prefix: int, few: int
) -> list[list[int]]:
    """Continue chains whose rows share ``prefix`` tokens, until ``few`` are left for long."""
    rows = [chain.row for chain in growing]
    # The last token of a row is not part of the prefix: its prediction is needed.
    prefix = min(prefix, min(len(row) for row in rows) // TOKEN.itemsize - 1)
    max_keys = CHAIN_BATCH_FACTOR * engine.batch_tokens
    layout = build_layout(rows, [prefix + 1] * len(rows), prefix, max_keys=max_keys)
    tree_pass = attention.TreePass(layout, engine.prefix_pass(rows[0], prefix), keep=True)
    last = np.array([indices[-1] for indices in layout.logit_indices])
    logits = engine.run(layout.tokens, layout.positions, tree_pass, last)
    best = _chosen(logits, growing, [len(chain.generated) for chain in growing])
    memory = _Memory(tree_pass, layout.logit_indices, prefix, [chain.left for chain in growing])
    longer = [_Growing(chain.key, chain.limit, [*chain.generated]) for chain in growing]
    waited = 0
    while True:
        # From the last slot to the first: the row that moves into a free slot was seen before.
        for slot in reversed(range(len(memory.rows))):
            chain = longer[memory.rows[slot]]
            chain.generated.append(best[slot])
            if chain.ended(ending):
                memory.drop(slot)
                best[slot] = best[-1]
                best.pop()
        left = len(memory.rows)
        waited += STEP if left <= few else 0
        if not left or (left <= few and waited >= memory.lengths[:left].sum()):
            pairs = zip(growing, longer, strict=True)
            return [after.generated[len(before.generated) :] for before, after in pairs]
        rest = [longer[row] for row in memory.rows]
        logits = memory.step(engine, best)
        best = _chosen(logits, rest, [len(chain.generated) for chain in rest])


def _chosen(logits: Tensor, growing: Sequence[_Growing], steps: Sequence[int]) -> list[int]:
    """The next token of each chain; logits have the shape (chains, vocabulary)."""
    return list(_with_noise(logits, growing, steps).argmax(-1).tolist())


def _with_noise(logits: Tensor, growing: Sequence[_Growing], steps: Sequence[int]) -> Tensor:
    """Logits of each chain with the noise of its next token; the same tensor if none has any."""
    size = logits.shape[-1]
    noise = [chain.noise(step, size) for chain, step in zip(growing, steps, strict=True)]
    if all(own is None for own in noise):
        return logits
    known = [torch.zeros(size) if own is None else own for own in noise]
    return logits.float() + torch.stack(known).to(logits.device)


class _Memory:
    """Keys and values of the rows that are being continued; a pass that adds one token to each.

    Those of the common prefix are held once, those of a row's own tokens in a slot. When a row is
    dropped, the row of the last slot moves into its slot, so that the slots in use are adjacent and
    nothing else is copied.

    Attributes
    ----------
    rows : list of int
        Row of each slot.
    lengths : ndarray of int, shape (slots,)
        Own tokens in each slot so far.
    """

    def __init__(
        self,
        tree_pass: attention.TreePass,
        row_indices: Sequence[np.ndarray],
        prefix: int,
        limits: Sequence[int],
    ) -> None:
        self.prefix, self.rows = prefix, list(range(len(row_indices)))
        # Where the new tokens go, on each device; the same for all layers of a step.
        self._ends: dict[torch.device, Tensor] = {}
        self.lengths = np.array([len(own) for own in row_indices])
        size = max(len(own) + limit for own, limit in zip(row_indices, limits, strict=True))
        index = np.zeros((len(row_indices), size), dtype=np.int64)
        for row, own in enumerate(row_indices):
            index[row, : len(own)] = prefix + own
        flat = torch.from_numpy(index.ravel())
        self.shared: dict[Module, attention.KeysAndValues] = {}
        self.own: dict[Module, attention.KeysAndValues] = {}
        for module in list(tree_pass.keys_values):
            # Popped: as soon as a layer's are copied, the originals can go.
            key, value = tree_pass.keys_values.pop(module)
            indices, rows = flat.to(key.device), len(row_indices)
            self.shared[module] = (key[0, :, :prefix].clone(), value[0, :, :prefix].clone())
            self.own[module] = (_by_row(key, indices, rows), _by_row(value, indices, rows))

    def step(self, engine: Engine, new: list[int]) -> Tensor:
        """Add a token to each row; logits of the next one, shape (rows, vocabulary)."""
        slots = np.arange(len(self.rows))
        lengths = self.lengths[slots]
        self._ends.clear()
        logits = engine.run(np.array(new), self.prefix + lengths, self, slots)
        self.lengths[slots] += 1
        return logits

    def drop(self, slot: int) -> None:
        """Give up the row of a slot."""
        last = len(self.rows) - 1
        if slot != last:
            for key, value in self.own.values():
                key[slot].copy_(key[last])
                value[slot].copy_(value[last])
            self.rows[slot], self.lengths[slot] = self.rows[last], self.lengths[last]
        self.rows.pop()

    def attend(
        self,
        module: Module,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        options: attention.Options,
    ) -> Tensor:
        """See `.attention.Pass`; the tokens are one of each row, at the end of its own."""
        count, heads, groups = len(self.rows), query.shape[1], key.shape[1]
        each_key, width = heads // groups, query.shape[-1]
        if query.device not in self._ends:
            ends = torch.from_numpy(self.lengths[:count].copy())
            self._ends[query.device] = ends.to(query.device)
        ends = self._ends[query.device]
        keys, values = (states[:count] for states in self.own[module])
        slots = torch.arange(count, device=ends.device)
        keys[slots, :, ends] = key[0].transpose(0, 1)
        values[slots, :, ends] = value[0].transpose(0, 1)
        size = int(self.lengths[:count].max()) + 1
        # (rows, key heads, queries per key head, width)
        queries = query[0].transpose(0, 1).reshape(count, groups, each_key, width)
        queries = queries * options.scale(width)
        own = queries @ keys[:, :, :size].transpose(-1, -2)
        prefix_keys, prefix_values = self.shared[module]
        # All rows at once against the common prefix: (key heads, rows x queries, width).
        flat = queries.transpose(0, 1).reshape(groups, count * each_key, width)
        length = prefix_keys.shape[1]
        shared = (flat @ prefix_keys.transpose(-1, -2)).view(groups, count, each_key, length)
        logits = torch.cat([shared.transpose(0, 1), own], -1).view(count, heads, 1, -1).float()
        # The first key has position 0, with or without a common prefix.
        positions, last = torch.arange(length + size, device=ends.device), (length + ends)[:, None]
        hidden = positions > last
        if options.window is not None:
            hidden |= positions <= last - options.window
        mask = torch.zeros(hidden.shape, device=ends.device).masked_fill_(hidden, float("-inf"))
        weights = options.weights(logits, mask[:, None, None]).to(value.dtype)
        weights = weights.view(count, groups, each_key, -1)
        result = weights[..., length:] @ values[:, :, :size]
        flat = weights[..., :length].transpose(0, 1).reshape(groups, count * each_key, length)
        mixed = (flat @ prefix_values).view(groups, count, each_key, value.shape[-1])
        result += mixed.transpose(0, 1)
        return result.reshape(count, heads, -1)


def _by_row(states: Tensor, indices: Tensor, rows: int) -> Tensor:
    """Tokens of (1, heads, tokens, width) by index, as (rows, heads, tokens of a row, width)."""
    selected = states[0].index_select(1, indices)
    by_row = selected.view(selected.shape[0], rows, -1, selected.shape[-1])
    return by_row.transpose(0, 1).contiguous()


class _Ended(StoppingCriteria):
    """Stops each row once its chain has ended."""

    def __init__(self, ending: Ending, length: int) -> None:
        self.ending, self.length = ending, length

    def __call__(self, input_ids: Tensor, scores: object, **_: object) -> Tensor:
        """Which rows have ended."""
        before = input_ids[:, self.length - 1].tolist()
        generated = input_ids[:, self.length :].tolist()
        ended = [
            self.ending.met(np.array([first], dtype=TOKEN).tobytes(), row)
            for first, row in zip(before, generated, strict=True)
        ]
        return torch.tensor(ended, device=input_ids.device)


def _without_tree(
    engine: Engine, ending: Ending, method: str, growing: list[_Growing]
) -> list[list[int]]:
    """Continue rows without a tree, one length and one limit at a time.

    With the model's own cache, if it gives the same tokens as the model without; a model's own
    generation settings (penalties, forced or suppressed tokens) are left out.
    """
    generate = _cached if method == PADDED and _cache_is_right(engine) else _uncached
    rows = [chain.prompt for chain in growing]
    by_size: dict[tuple[int, int], list[int]] = {}
    for number, row in enumerate(rows):
        by_size.setdefault((len(row) // TOKEN.itemsize, growing[number].limit), []).append(number)
    result: list[list[int]] = [[] for _ in rows]
    for (length, limit), numbers in by_size.items():
        ids = torch.tensor(np.stack([tokens(rows[n]) for n in numbers]).astype(np.int64))
        ended = _Ended(ending, length)
        noise = _Noise([growing[n] for n in numbers], length)
        output = generate(engine, ids.to(engine.device), limit, ended, noise)
        generated = output[:, length:].tolist()
        for number, row_ids in zip(numbers, generated, strict=True):
            result[number] = _up_to_the_end(ending, rows[number], row_ids)
    return result


class _Noise(LogitsProcessor):
    """Adds the noise of each row's next token."""

    def __init__(self, growing: Sequence[_Growing], length: int) -> None:
        self.growing, self.length = growing, length

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Logits with noise, shape (rows, vocabulary)."""
        step = input_ids.shape[1] - self.length
        return _with_noise(scores, self.growing, [step] * len(self.growing))


@torch.inference_mode()
def _cached(
    engine: Engine,
    ids: Tensor,
    limit: int,
    ended: StoppingCriteria | None,
    noise: LogitsProcessor | None = None,
) -> Tensor:
    """Rows of one length with their continuations; shape (rows, tokens)."""
    # In place of the model's own settings, which would fill in what is not set here.
    engine.model.generation_config = GenerationConfig(
        max_new_tokens=limit, do_sample=False, pad_token_id=0
    )
    output = engine.model.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        stopping_criteria=StoppingCriteriaList([ended] if ended else []),
        logits_processor=LogitsProcessorList([noise] if noise else []),
    )
    return output if isinstance(output, Tensor) else output.sequences


@torch.inference_mode()
def _uncached(
    engine: Engine,
    ids: Tensor,
    limit: int,
    ended: StoppingCriteria | None,
    noise: LogitsProcessor | None = None,
) -> Tensor:
    """The same, with a forward pass over all tokens for each new one."""
    for _ in range(limit):
        last = torch.tensor([ids.shape[1] - 1], device=ids.device)
        logits = logits_at(engine.model, last, input_ids=ids)[:, 0].float()
        best = (noise(ids, logits) if noise else logits).argmax(-1)
        ids = torch.cat([ids, best[:, None].to(ids.device)], dim=1)
        if ended is not None and bool(ended(ids, None).all()):
            break
    return ids


def _cache_is_right(engine: Engine) -> bool:
    """Whether a model generates the same tokens with its cache as without; tried once per engine.

    With two rows at once, and across a window that is short enough to try.
    """
    if engine.cache_is_right is None:
        limit = engine.methods.limit
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
    except Exception:  # whatever a model's cache raises, chains are generated without it
        return False


def _up_to_the_end(ending: Ending, row: bytes, generated: list[int]) -> list[int]:
    """Without the padding that follows where other rows went on."""
    ends = (n for n in range(1, len(generated) + 1) if ending.met(row, generated[:n]))
    return generated[: next(ends, len(generated))]
