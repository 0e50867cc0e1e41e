"""How the sequences of a model are computed, decided by trying it before anything is scored.

Three methods, from the fastest to the slowest: `TREE` (shared prefixes, see `tree`), `PADDED`
(whole sequences of similar length in one batch, padded on the right) and `SINGLE` (one sequence at
a time). The last one is right by definition; each of the others is used only if it gives the same:

- `TREE`: every layer's attention was called with the tree, once (`Engine.run` checks every pass),
  and the scores of probes are those of `SINGLE`.
- Both: a configuration may name a number of tokens beyond which a model computes differently (a
  window; rotary frequencies that switch with the longest sequence of a batch, as in LongRoPE; a
  sparse attention's number of keys). Longer sequences use no tree, and padded batches only for the
  windows of `transformers` itself. But a tree has windows too, if the layers name them: see
  `_has_windows`.

A model whose predictions change with later tokens is refused: it has no log-likelihoods.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from ushaped.errors import UserError
from ushaped.scoring.engine import attention
from ushaped.scoring.engine.encoding import Encoded, data
from ushaped.scoring.engine.plain import logits_at
from ushaped.scoring.engine.precision import LOW, in_float32
from ushaped.scoring.engine.tree import MIN_PREFIX

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel

Ids = NDArray[np.int64]

TREE, PADDED, SINGLE = "tree", "padded", "single"

# Largest difference from single sequences in the self-check, in nats: in float32, and where memory
# does not suffice to convert a low-precision model to float32.
TOLERANCE, LOW_PRECISION_TOLERANCE = 1e-3, 0.5
# By how much a log-probability may move when only later tokens change, in nats. The same shapes
# give the same bits, but for the experts of a mixture, which then get other numbers of tokens.
LATER_TOLERANCE, EXPERTS_LATER_TOLERANCE, LOW_PRECISION_LATER_TOLERANCE = 2e-5, 1e-3, 0.05
# Tokens of the text that models without a tree read twice: longer than the buckets of a randomly
# hashed attention, and than the pieces of a recurrent layer.
LONG = 256
# Without a tree, windows up to this many tokens are crossed by probes.
PROBE_UP_TO = 512
# With a tree, all are, at this size or less: one token more or less shows best in a small window.
NARROW = 16
# Keys of a configuration that name a number of tokens beyond which attention differs ...
LIMITS = re.compile(
    r"window|attention_chunk|attn_chunk|local_att|block_size|index_topk|original_max"
)
# ... except numbers of layers, and keys that name no number of tokens.
NO_LIMITS = re.compile(r"layer|num_|expert|pattern")
# Limits that `transformers` masks itself, in any batch.
MASKED = ("sliding_window", "attention_chunk_size")
# Attention that is none to tokens, but to a state or to summaries of several tokens.
NO_TOKENS = re.compile("linear|compressed")
# Rotary scalings that do not depend on how long a sequence is.
FIXED_ROPE = {"default", "linear", "yarn", "llama3", "proportional"}


@dataclass(frozen=True)
class Methods:
    """How sequences of one model are computed.

    Attributes
    ----------
    short : {"tree", "padded", "single"}
        For sequences up to ``limit`` tokens.
    limit : int or None
        None if the configuration names none below the context's length.
    long : {"padded", "single"}
        For longer ones.
    reason : str
        Why ``short`` is no tree, or empty.
    limit_name : str
        The configuration's key, or empty.
    """

    short: str
    limit: int | None = None
    long: str = SINGLE
    reason: str = ""
    limit_name: str = ""

    def of(self, length: int) -> str:
        """The method for a sequence of so many tokens."""
        return self.short if self.limit is None or length <= self.limit else self.long

    def log_lines(self, model: str) -> Iterator[str]:
        """Lines of the log about the model of that name."""
        phrase = {PADDED: "in padded batches", SINGLE: "one by one"}
        if self.reason:
            yield f"{model}: prefixes are not shared, {phrase[self.short]} instead ({self.reason})"
        if self.limit is not None and self.long != self.short:
            yield (
                f"{model}: sequences of more than {self.limit} tokens are computed "
                f"{phrase[self.long]} ({self.limit_name})"
            )


class Candidate(Protocol):
    """A model that can be tried: an `.engine.Engine` before its methods are known."""

    model: PreTrainedModel
    context: int | None
    vocabulary: int
    batch_tokens: int
    windows: list[int | None]

    def try_method(self, method: str, sequences: Sequence[Encoded]) -> list[float]:
        """Log-likelihoods by one method."""


def find_methods(engine: Candidate) -> Methods:
    """Try an engine's model.

    Raises
    ------
    UserError
        If the model cannot be run, or its predictions depend on later tokens.
    """
    attention.register()
    limit, name = _limit_of(engine)
    with in_float32(engine.model) as precise:
        _check_causal(engine, limit, precise)
        if engine.batch_tokens == 1:
            return Methods(SINGLE, reason="batches of one token")
        tolerance = TOLERANCE if precise else LOW_PRECISION_TOLERANCE
        short, reason = _short(engine, limit, tolerance)
        if short == TREE:
            limit, name = _limit_of_tree(engine, limit, name, tolerance)
        long = _long(engine, limit, name, tolerance)
        if short != TREE:
            _check_repeatable(engine, precise)
    if short != TREE:
        _check_format(engine)
    return Methods(short, limit, long, reason, name)


def _limit_of(engine: Candidate, windows: bool = True) -> tuple[int | None, str]:
    """As `limit_of`, but nothing beyond the context."""
    limit, name = limit_of(engine.model.config, windows)
    if limit is not None and engine.context is not None and limit >= engine.context:
        return None, ""
    return limit, name


def _short(engine: Candidate, limit: int | None, tolerance: float) -> tuple[str, str]:
    longest = min((n for n in (limit, engine.context) if n is not None), default=64)
    sequences = probes(engine.vocabulary, 1, longest)
    single = engine.try_method(SINGLE, sequences)
    reason = _other_layers(engine.model.config) or _differs(
        engine, TREE, sequences, single, tolerance
    )
    if not reason:
        return TREE, ""
    padded = _differs(engine, PADDED, sequences, single, tolerance)
    return (SINGLE, f"{reason}; padded batches: {padded}") if padded else (PADDED, reason)


def _limit_of_tree(
    engine: Candidate, limit: int | None, name: str, tolerance: float
) -> tuple[int | None, str]:
    """The limit that is left to a tree, which has just been used up to ``limit`` tokens."""
    context = engine.context or math.inf
    windows = {window for window in engine.windows if window is not None and window < context}
    if not windows:
        return limit, name
    beyond, beyond_name = _limit_of(engine, windows=False)
    if _has_windows(engine, windows, beyond, tolerance):
        return beyond, beyond_name
    # Layers may have windows of which the configuration says nothing.
    narrowest = min(windows)
    return (narrowest, "window") if limit is None or narrowest < limit else (limit, name)


def _has_windows(engine: Candidate, windows: set[int], limit: int | None, tolerance: float) -> bool:
    """Whether the tree's windows are the model's.

    The layers whose attention was called with a window have to be those that have one by the
    configuration. The windows are then made small for a while: this has to move the scores of
    single sequences, and those of the tree in the same way.
    """
    kinds = getattr(_text(engine.model.config), "layer_types", None)
    kinds = kinds or ["sliding_attention"] * len(engine.windows)
    if [window is not None for window in engine.windows] != [
        kind == "sliding_attention" for kind in kinds
    ]:
        return False
    small = min(NARROW, min(windows) // 2)
    longest = min((n for n in (limit, engine.context) if n is not None), default=4 * NARROW)
    if not 0 < small < longest:
        return False
    sequences = probes(engine.vocabulary, small + 1, longest)
    usual = engine.try_method(SINGLE, sequences)
    with _windows_of(engine.model, windows, small):
        try:
            single = engine.try_method(SINGLE, sequences)
        except Exception:  # whatever a model raises, its windows are not as assumed
            return False
        moved = float(np.abs(np.array(single) - usual).max())
        return not _differs(engine, TREE, sequences, single, min(tolerance, moved / 10))


@contextmanager
def _windows_of(model: PreTrainedModel, windows: set[int], size: int) -> Iterator[None]:
    """While this is entered, the model's windows of some sizes have another one."""
    owners = [
        owner for module in model.modules() for owner in (module, getattr(module, "config", module))
    ]
    places = [
        (owner, name, value)
        for owner in {id(owner): owner for owner in owners}.values()
        for name, value in getattr(owner, "__dict__", {}).items()
        if "window" in name and type(value) is int and value in windows
    ]
    try:
        for owner, name, _ in places:
            setattr(owner, name, size)
        yield
    finally:
        for owner, name, value in places:
            setattr(owner, name, value)


def _long(engine: Candidate, limit: int | None, name: str, tolerance: float) -> str:
    if limit is None or name not in MASKED:
        return SINGLE
    if limit > PROBE_UP_TO:
        return PADDED
    sequences = probes(engine.vocabulary, limit + 1, engine.context or 2 * limit + 16)
    single = engine.try_method(SINGLE, sequences)
    return SINGLE if _differs(engine, PADDED, sequences, single, tolerance) else PADDED


def _differs(
    engine: Candidate, method: str, sequences: list[Encoded], single: list[float], tolerance: float
) -> str:
    """Why a method does not give the scores of single sequences; empty if it does."""
    try:
        scores = engine.try_method(method, sequences)
    except Exception as error:  # whatever a model raises, there is another method
        return f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
    worst = float(np.abs(np.array(scores) - single).max())
    return "" if worst <= tolerance else f"scores move by {worst:.2g} nats"


def _other_layers(config: PreTrainedConfig) -> str:
    """Layers that a tree is not for, where a configuration names them.

    They do not attend to tokens; or, in Llama 4, scale queries by their place in the row instead of
    their position, which shows from `floor_scale` tokens of a batch on: too many for a probe.
    """
    text = _text(config)
    if getattr(text, "attn_temperature_tuning", False):
        return "layers that scale queries by their place in the batch"
    kinds = {str(kind) for kind in getattr(text, "layer_types", None) or []}
    other = {kind for kind in kinds if "attention" not in kind or NO_TOKENS.search(kind)}
    return f"layers of the kind {', '.join(sorted(other))}" if other else ""


def _check_causal(engine: Candidate, limit: int | None, precise: bool) -> None:
    """Refuse a model whose predictions move when later tokens change."""
    model = engine.model
    size = min(24, limit or 24, engine.context or 24)
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, engine.vocabulary, (2, size))
    before = max(1, size // 3)
    second[:before] = first[:before]
    moved = _moved(model, first, second, before)
    tolerance = EXPERTS_LATER_TOLERANCE if _has_experts(model.config) else LATER_TOLERANCE
    if moved > (tolerance if precise else LOW_PRECISION_LATER_TOLERANCE):
        raise UserError(
            type(model).__name__,
            f"predictions change by {moved:.2g} nats with the tokens after them, so the model has "
            "no log-likelihoods of texts",
            "use a causal (decoder-only) language model; for BERT and its kin, is_decoder: true "
            "in config.json if it was trained so",
        )


def _check_repeatable(engine: Candidate, precise: bool) -> None:
    """Refuse a model that gives two results for one long text."""
    text = _long_text(engine)
    moved = _moved(engine.model, text, text, len(text))
    if moved > (TOLERANCE if precise else LOW_PRECISION_TOLERANCE):
        raise UserError(
            type(engine.model).__name__,
            f"gives predictions that differ by {moved:.2g} nats when it reads one text twice",
            "leave this model out: its scores would be random",
        )


def _long_text(engine: Candidate) -> Ids:
    size = min(LONG, engine.context or LONG)
    return np.random.default_rng(0).integers(0, engine.vocabulary, size)


def _moved(model: PreTrainedModel, first: Ids, second: Ids, positions: int) -> float:
    """Largest difference of log-probabilities after the first positions of two texts, in nats."""
    try:
        pair = [_log_probs(model, ids)[:positions] for ids in (first, second)]
    except Exception as error:  # whatever a model raises, the user needs its name
        raise _unusable(model, len(first), error, "leave this model out") from error
    return float((pair[0] - pair[1]).abs().max())


def _check_format(engine: Candidate) -> None:
    """Refuse a number format in which the model cannot be run."""
    model = engine.model
    if model.dtype not in LOW:
        return
    ids = _long_text(engine)
    try:
        _log_probs(model, ids)
    except Exception as error:  # whatever a model raises, it has just been run in float32
        raise _unusable(model, len(ids), error, "set scoring.dtype to float32") from error


def _unusable(model: PreTrainedModel, size: int, error: Exception, do: str) -> UserError:
    first = (str(error).splitlines() or [""])[0]
    name = str(model.dtype).removeprefix("torch.")
    what = f"cannot be run on {size} tokens in {name} ({type(error).__name__}: {first})"
    return UserError(type(model).__name__, what, do)


@torch.inference_mode()
def _log_probs(model: PreTrainedModel, ids: Ids) -> torch.Tensor:
    device = model.get_input_embeddings().weight.device
    positions = torch.arange(len(ids), device=device)
    logits = logits_at(model, positions, input_ids=torch.from_numpy(ids)[None].to(device))[0]
    return torch.log_softmax(logits.float(), dim=-1)


def probes(vocabulary: int, shortest: int, longest: int) -> list[Encoded]:
    """Sequences that share long and short prefixes.

    Parameters
    ----------
    vocabulary : int
    shortest, longest : int
        Tokens that are read of a sequence (all but its last), at least and at most.
    """
    rng = np.random.default_rng(0)
    # Longer than the prefixes that are kept between batches.
    size = max(1, shortest, min(shortest + MIN_PREFIX + 8, longest - 4))

    def draw(n: int) -> list[int]:
        return [int(token) for token in rng.integers(0, vocabulary, n)]

    first, second, fork = draw(size), draw(max(1, shortest, size // 2)), draw(2)
    prompts = [first, first + fork, second, first[: max(1, size - 1)] + draw(3)]
    ends = [draw(1), draw(3)]
    sequences = [Encoded(data(prompt + end), len(prompt)) for prompt in prompts for end in ends]
    return [s for s in sequences if shortest <= len(s) - 1 <= longest] or sequences[:1]


# -- reading a configuration ----------------------------------------------------------------------


def limit_of(config: PreTrainedConfig, windows: bool = True) -> tuple[int | None, str]:
    """The smallest number of tokens beyond which a model may compute differently, and its key.

    With ``windows`` false, ``sliding_window`` is not one of them.
    """
    text = _text(config)
    values: dict[str, int] = {}
    for key, number in _numbers(text):
        if LIMITS.search(key) and not NO_LIMITS.search(key):
            values[key] = min(number, values.get(key, number))
    if not windows or getattr(text, "use_sliding_window", True) is False:
        values.pop("sliding_window", None)
    kinds = getattr(text, "layer_types", None)
    if kinds and all("full" in str(kind) for kind in kinds):
        values = {name: n for name, n in values.items() if name not in MASKED}
    if _rope_types(text) <= FIXED_ROPE:
        values = {name: n for name, n in values.items() if "original_max" not in name}
    name = min(values, key=values.__getitem__, default="")
    return values.get(name), name


def _text(config: PreTrainedConfig) -> PreTrainedConfig:
    try:
        return config.get_text_config()
    except ValueError:  # several, and none is known to be the right one
        return config


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Settings of a configuration, also those in mappings and lists inside it."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(inner, str(key))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _leaves(inner, name)
    else:
        yield name, value


def _numbers(config: PreTrainedConfig) -> Iterator[tuple[str, int]]:
    """Positive whole numbers of a configuration."""
    for name, value in _leaves(config.to_dict()):
        if type(value) is int and value > 0:
            yield name, value


def _rope_types(config: PreTrainedConfig) -> set[str]:
    names = ("rope_type", "type")
    return {str(value) for name, value in _leaves(config.to_dict()) if name in names and value}


def _has_experts(config: PreTrainedConfig) -> bool:
    return any("expert" in name and value > 1 for name, value in _numbers(_text(config)))


def layers_of(config: PreTrainedConfig) -> int | None:
    """Number of layers; None if the configuration does not say."""
    return getattr(_text(config), "num_hidden_layers", None)
