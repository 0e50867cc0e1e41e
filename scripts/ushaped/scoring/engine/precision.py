"""Number formats: the output matrix in float32, and a whole model in float32 for a check.

In bfloat16 a logit near 16 is a multiple of 1/8, so two classes often get the same one and the
first of them wins. The hidden states carry more: their products with the output matrix, computed in
float32 at the few positions that are needed, tell such classes apart.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import Linear
from torch.nn.functional import linear

if TYPE_CHECKING:
    from transformers import PreTrainedModel

LOW = (torch.bfloat16, torch.float16)
# Elements of the output matrix that are held in float32 at once: 256 MiB.
MAX_ELEMENTS = 1 << 26
# Share of the free memory by which a model may grow in float32.
MEMORY_SHARE = 0.7


def use_float32_output(model: PreTrainedModel) -> None:
    """Make a low-precision model multiply by its output matrix in float32.

    The matrix keeps its format and is converted part by part; float32 products of bfloat16 or
    float16 numbers are exact but for their sum. Nothing is done to a float32 model, or to one whose
    output layer is no plain matrix; `Engine.output_format` has the format of the logits.
    """
    head = model.get_output_embeddings()
    if type(head) is not Linear or head.weight.dtype not in LOW:
        return
    # Where accelerate spreads a model over devices, it has put its own function before the layer's.
    name = "_old_forward" if hasattr(head, "_hf_hook") else "forward"
    setattr(head, name, partial(_product, head))


def _product(head: Linear, hidden: Tensor) -> Tensor:
    parts = head.weight.split(max(1, MAX_ELEMENTS // head.in_features))
    logits = torch.cat([linear(hidden.float(), part.float()) for part in parts], dim=-1)
    return logits if head.bias is None else logits + head.bias.float()


@contextmanager
def in_float32(model: PreTrainedModel) -> Iterator[bool]:
    """While this is entered, all weights are float32 if memory suffices; yields whether they are.

    Converting bfloat16 or float16 to float32 and back gives the same bits.
    """
    low = [weight for weight in chain(model.parameters(), model.buffers()) if weight.dtype in LOW]
    if not low or not _can_convert(model, low):
        yield not low
        return
    formats = [weight.dtype for weight in low]
    try:
        for weight in low:
            weight.data = weight.data.float()
        yield True
    finally:
        for weight, dtype in zip(low, formats, strict=True):
            weight.data = weight.data.to(dtype)


def _can_convert(model: PreTrainedModel, low: list[Tensor]) -> bool:
    if getattr(model, "hf_quantizer", None) is not None:
        return False
    growth: dict[torch.device, int] = {}
    for weight in low:
        growth[weight.device] = growth.get(weight.device, 0) + 2 * weight.numel()
    return all(size < MEMORY_SHARE * _free(device) for device, size in growth.items())


def _free(device: torch.device) -> int:
    """Free bytes of a device."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    if device.type == "cpu":
        import psutil

        return int(psutil.virtual_memory().available)
    # The meta device: a layer that lies on disk.
    return 0
