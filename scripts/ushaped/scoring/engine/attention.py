"""Attention over a prefix tree, for every model that takes its attention from a registry.

Such a model computes queries, keys and values itself, with position encodings, and hands them to a
function that `transformers` knows by name. Under the name `NAME` that function is the `attend` of
the running pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import Module
from torch.nn.functional import scaled_dot_product_attention

from ushaped.scoring.engine.tree import Bools, Group, Layout

if TYPE_CHECKING:
    from transformers import PreTrainedModel

NAME = "ushaped_tree"
# On a processor, attention over at most this many keys is computed in float64. Matrix products do
# not depend on the rest of a batch, attention kernels do; rounded from float64, their results are
# the same bits whatever the batch. Over more keys that would take too much time.
DOUBLE_UP_TO = 384
# Options of a model's attention that are not implemented here.
UNSUPPORTED = ("position_bias",)

KeysAndValues = tuple[Tensor, Tensor]


class UnsupportedError(Exception):
    """A model whose attention needs more than queries, keys and values."""


@dataclass(frozen=True, eq=False)
class Options:
    """What a layer asks of its attention.

    Attributes
    ----------
    scaling : float or None
        Factor of the logits; None for one over the root of the width.
    window : int or None
        How many positions a query sees, its own being the last; None for all. `transformers` masks
        the same: ``key > query - sliding_window``.
    cap : float or None
        Logits become ``cap * tanh(logits / cap)``.
    sinks : Tensor, shape (heads,), or None
        One more logit of each head, whose weight goes to no value.
    """

    scaling: float | None = None
    window: int | None = None
    cap: float | None = None
    sinks: Tensor | None = None

    def scale(self, width: int) -> float:
        """Factor of the logits, for queries of a width."""
        return width**-0.5 if self.scaling is None else self.scaling

    def weights(self, logits: Tensor, mask: Tensor) -> Tensor:
        """Weights of the values.

        Below float32 this rounds where the models themselves do, so that it is as near to them as
        can be.

        Parameters
        ----------
        logits : Tensor, shape (batch, heads, queries, keys)
        mask : Tensor
            Zero where a query sees a key, else minus infinity; as ``logits``, or broadcast.

        Returns
        -------
        Tensor, shape (batch, heads, queries, keys)
            In float32, or in the format of ``logits`` if that is finer.
        """
        if self.cap is not None:
            logits = self.cap * torch.tanh(logits / self.cap)
        logits = logits + mask
        if self.sinks is not None:
            sinks = self.sinks.to(logits)[None, :, None, None].expand(*logits.shape[:3], 1)
            logits = torch.cat([logits, sinks], -1)
        dtype = torch.promote_types(logits.dtype, torch.float32)
        return torch.softmax(logits, -1, dtype=dtype)[..., : mask.shape[-1]]


class Pass(Protocol):
    """A forward pass that decides what its queries see."""

    def attend(
        self, module: Module, query: Tensor, key: Tensor, value: Tensor, options: Options
    ) -> Tensor:
        """Attention of one layer.

        Parameters
        ----------
        query : Tensor, shape (1, heads, tokens, width)
        key, value : Tensor, shape (1, key heads, tokens, width)

        Returns
        -------
        Tensor, shape (tokens, heads, width)
        """


Called = list[tuple[Module, Options]]

# The pass, and the layers that have attended by it.
_running: list[tuple[Pass, Called]] = []


@contextmanager
def running(model: PreTrainedModel, forward_pass: Pass) -> Iterator[Called]:
    """While this is entered, the model attends by ``forward_pass``.

    Yields a list to which every attention layer is added when it attends: some models silently
    ignore the requested attention.
    """
    usual = model.config._attn_implementation
    called: Called = []
    _running.append((forward_pass, called))
    try:
        model.set_attn_implementation(NAME)
        yield called
    finally:
        model.set_attn_implementation(usual)
        _running.pop()


def register() -> None:
    """Make `NAME` known to `transformers`."""
    from transformers import AttentionInterface

    AttentionInterface.register(NAME, _attention)


def _attention(
    module: Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    sliding_window: int | None = None,
    softcap: float | None = None,
    s_aux: Tensor | None = None,
    **more: Any,
) -> tuple[Tensor, None]:
    for name in UNSUPPORTED:
        if more.get(name) is not None:
            raise UnsupportedError(name)
    if more.get("is_causal") is False:
        raise UnsupportedError("attention to later tokens")
    if sliding_window is not None and type(sliding_window) is not int:
        raise UnsupportedError(f"a window of {sliding_window}")
    if key.shape[2] != query.shape[2]:
        raise UnsupportedError("attention to other keys than the tokens'")
    options = Options(scaling, sliding_window, softcap, s_aux)
    forward_pass, called = _running[-1]
    called.append((module, options))
    return forward_pass.attend(module, query, key, value, options)[None], None


class _DeviceGroup:
    """Indices and masks of a group on one device."""

    def __init__(self, group: Group, layout: Layout, like: Tensor) -> None:
        self.device = device = like.device
        self.size = group.size
        short = device.type == "cpu" and group.size[2] <= DOUBLE_UP_TO
        self.dtype = torch.float64 if short and like.dtype == torch.float32 else like.dtype
        self.queries = torch.from_numpy(group.queries).to(device)
        self.keys = torch.from_numpy(group.keys).to(device)
        real = torch.from_numpy(group.real).to(device)
        self.real = None if bool(real.all()) else real.nonzero()[:, 0]
        self.out = self.queries if self.real is None else self.queries[self.real]
        self._group, self._layout = group, layout
        self._usual = None if group.hidden is None else self._mask(group.hidden)
        self._within: dict[int, Tensor | None] = {}

    def mask(self, window: int | None) -> Tensor | None:
        """See `Options.weights`; shape (units, 1, queries, keys), or None if plainly causal."""
        if window is None:
            return self._usual
        if window not in self._within:
            far = self._far(window)
            self._within[window] = self._without(far) if far.any() else self._usual
        return self._within[window]

    def _far(self, window: int) -> Bools:
        """Which keys lie before each query's window; shape (units, queries, keys)."""
        units, queries, keys = self.size
        after = self._layout.positions
        # A layout begins right behind its kept prefix.
        positions = np.concatenate([np.arange(after[0]), after])
        of_queries = after[self._group.queries].reshape(units, queries, 1)
        of_keys = positions[self._group.keys].reshape(units, 1, keys)
        return np.asarray(of_keys <= of_queries - window)

    def _without(self, far: Bools) -> Tensor:
        # Padding may see nothing then: what it attends to is no number, and dropped.
        mask = self._mask(far)
        return mask + (_causal(mask) if self._usual is None else self._usual)

    def _mask(self, hidden: Bools) -> Tensor:
        zeros = torch.zeros(hidden.shape, dtype=self.dtype)
        masked = zeros.masked_fill_(torch.from_numpy(hidden), float("-inf"))
        return masked[:, None].to(self.device)


def _causal(like: Tensor) -> Tensor:
    """The mask that plain causal attention has, for as many queries as keys."""
    return torch.full_like(like, float("-inf")).triu(1)


class TreePass:
    """A forward pass over a layout.

    ``before`` is the pass over the kept prefix, with its keys and values. With ``keep``, keys and
    values are kept in `keys_values`, after those of ``before``.
    """

    def __init__(self, layout: Layout, before: TreePass | None = None, keep: bool = False) -> None:
        self.layout = layout
        self.before = before.keys_values if before else {}
        self.keys_values: dict[Module, KeysAndValues] = {}
        self.keep = keep
        self._groups: dict[torch.device, list[_DeviceGroup]] = {}

    def attend(
        self, module: Module, query: Tensor, key: Tensor, value: Tensor, options: Options
    ) -> Tensor:
        """See `Pass`."""
        if query.device not in self._groups:
            groups = [_DeviceGroup(group, self.layout, query) for group in self.layout.groups]
            self._groups[query.device] = groups
        if module in self.before:
            before = self.before[module]
            key, value = torch.cat([before[0], key], 2), torch.cat([before[1], value], 2)
        if self.keep:
            self.keys_values[module] = (key, value)
        heads, width = query.shape[1], value.shape[-1]
        result = value.new_empty(query.shape[2], heads, width)
        for group in self._groups[query.device]:
            attended = _attend(group, query, key, value, options).transpose(1, 2)
            flat = attended.reshape(-1, heads, width)
            result.index_copy_(0, group.out, flat if group.real is None else flat[group.real])
        return result


def _attend(
    group: _DeviceGroup, query: Tensor, key: Tensor, value: Tensor, options: Options
) -> Tensor:
    """Attention of one group; shape (units, heads, queries, width)."""
    units, queries, keys = group.size
    queries_per_key = query.shape[1] // key.shape[1]
    group_queries = _select(query, group.queries, units, queries).to(group.dtype)
    group_keys = _select(key, group.keys, units, keys).to(group.dtype)
    group_values = _select(value, group.keys, units, keys).to(group.dtype)
    mask = group.mask(options.window)
    if options.cap is not None or options.sinks is not None:
        attended = _attend_in_steps(group_queries, group_keys, group_values, mask, options)
        return attended.to(query.dtype)
    if queries_per_key > 1 and mask is not None and query.device.type == "cuda":
        # CUDA's fast kernels do not take a mask together with keys that queries share.
        group_keys = group_keys.repeat_interleave(queries_per_key, 1)
        group_values = group_values.repeat_interleave(queries_per_key, 1)
    attended = scaled_dot_product_attention(
        group_queries,
        group_keys,
        group_values,
        attn_mask=mask,
        is_causal=mask is None,
        scale=options.scaling,
        enable_gqa=query.shape[1] != group_keys.shape[1],
    )
    return attended.to(query.dtype)


def _attend_in_steps(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, options: Options
) -> Tensor:
    """What `scaled_dot_product_attention` cannot say: capped logits, and sinks."""
    units, heads, queries, width = query.shape
    # Queries that share a key one below the other.
    shared = (units, key.shape[1], -1)
    logits = query.reshape(*shared, width) @ key.transpose(-1, -2) * options.scale(width)
    logits = logits.view(units, heads, queries, -1)
    mask = _causal(logits[:1, :1]) if mask is None else mask
    weights = options.weights(logits, mask).to(value.dtype)
    return (weights.view(*shared, weights.shape[-1]) @ value).view(units, heads, queries, -1)


def _select(states: Tensor, indices: Tensor, units: int, each: int) -> Tensor:
    """Tokens of (1, heads, tokens, width) by index, as (units, heads, each, width)."""
    selected = states[0].index_select(1, indices)
    return selected.view(selected.shape[0], units, each, -1).transpose(0, 1)
