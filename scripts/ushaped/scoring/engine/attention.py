"""Attention over a prefix tree, for every model that takes its attention from a registry.

Such a model computes queries, keys and values itself, with position encodings, and hands them to a
function that `transformers` knows by name. Under the name `NAME` that function is the `attend` of
the running pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor
from torch.nn import Module
from torch.nn.functional import scaled_dot_product_attention

from ushaped.scoring.engine.tree import Group, Layout

if TYPE_CHECKING:
    from transformers import PreTrainedModel

NAME = "ushaped_tree"
# On a processor, attention over at most this many keys is computed in float64. Matrix products do
# not depend on the rest of a batch, attention kernels do; rounded from float64, their results are
# the same bits whatever the batch. Over more keys that would take too much time.
DOUBLE_UP_TO = 384
# Options of a model's attention that are not implemented here.
UNSUPPORTED = ("softcap", "s_aux", "position_bias")

KeysAndValues = tuple[Tensor, Tensor]


class UnsupportedError(Exception):
    """A model whose attention needs more than queries, keys and values."""


class Pass(Protocol):
    """A forward pass that decides what its queries see."""

    def attend(
        self, module: Module, query: Tensor, key: Tensor, value: Tensor, scaling: float | None
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


# The pass, and the layers that have attended by it.
_running: list[tuple[Pass, list[Module]]] = []


@contextmanager
def running(model: PreTrainedModel, forward_pass: Pass) -> Iterator[list[Module]]:
    """While this is entered, the model attends by ``forward_pass``.

    Yields a list to which every attention layer is added when it attends: some models silently
    ignore the requested attention.
    """
    usual = model.config._attn_implementation
    called: list[Module] = []
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
    **options: Any,
) -> tuple[Tensor, None]:
    for name in UNSUPPORTED:
        if options.get(name) is not None:
            raise UnsupportedError(name)
    if options.get("is_causal") is False:
        raise UnsupportedError("attention to later tokens")
    forward_pass, called = _running[-1]
    called.append(module)
    return forward_pass.attend(module, query, key, value, scaling)[None], None


class _DeviceGroup:
    """Indices and mask of a group on one device."""

    def __init__(self, group: Group, like: Tensor) -> None:
        device = like.device
        self.size = group.size
        short = device.type == "cpu" and group.size[2] <= DOUBLE_UP_TO
        self.dtype = torch.float64 if short and like.dtype == torch.float32 else like.dtype
        self.queries = torch.from_numpy(group.queries).to(device)
        self.keys = torch.from_numpy(group.keys).to(device)
        real = torch.from_numpy(group.real).to(device)
        self.real = None if bool(real.all()) else real.nonzero()[:, 0]
        self.out = self.queries if self.real is None else self.queries[self.real]
        self.mask = None
        if group.hidden is not None:
            hidden = torch.from_numpy(group.hidden).to(device)[:, None]
            zeros = torch.zeros(hidden.shape, dtype=self.dtype, device=device)
            self.mask = zeros.masked_fill_(hidden, float("-inf"))


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
        self, module: Module, query: Tensor, key: Tensor, value: Tensor, scaling: float | None
    ) -> Tensor:
        """See `Pass`."""
        if query.device not in self._groups:
            self._groups[query.device] = [_DeviceGroup(g, query) for g in self.layout.groups]
        if module in self.before:
            before = self.before[module]
            key, value = torch.cat([before[0], key], 2), torch.cat([before[1], value], 2)
        if self.keep:
            self.keys_values[module] = (key, value)
        heads, width = query.shape[1], value.shape[-1]
        result = value.new_empty(query.shape[2], heads, width)
        for group in self._groups[query.device]:
            attended = _attend(group, query, key, value, scaling).transpose(1, 2)
            flat = attended.reshape(-1, heads, width)
            result.index_copy_(0, group.out, flat if group.real is None else flat[group.real])
        return result


def _attend(
    group: _DeviceGroup, query: Tensor, key: Tensor, value: Tensor, scaling: float | None
) -> Tensor:
    """Attention of one group; shape (units, heads, queries, width)."""
    units, queries, keys = group.size
    queries_per_key = query.shape[1] // key.shape[1]
    group_keys = _select(key, group.keys, units, keys).to(group.dtype)
    group_values = _select(value, group.keys, units, keys).to(group.dtype)
    if queries_per_key > 1 and group.mask is not None and query.device.type == "cuda":
        # CUDA's fast kernels do not take a mask together with keys that queries share.
        group_keys = group_keys.repeat_interleave(queries_per_key, 1)
        group_values = group_values.repeat_interleave(queries_per_key, 1)
    attended = scaled_dot_product_attention(
        _select(query, group.queries, units, queries).to(group.dtype),
        group_keys,
        group_values,
        attn_mask=group.mask,
        is_causal=group.mask is None,
        scale=scaling,
        enable_gqa=query.shape[1] != group_keys.shape[1],
    )
    return attended.to(query.dtype)


def _select(states: Tensor, indices: Tensor, units: int, each: int) -> Tensor:
    """Tokens of (1, heads, tokens, width) by index, as (units, heads, each, width)."""
    selected = states[0].index_select(1, indices)
    return selected.view(selected.shape[0], units, each, -1).transpose(0, 1)
