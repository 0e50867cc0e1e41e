"""The random numbers of sampled tokens: Gumbel noise that depends on a seed and a step alone."""

from __future__ import annotations

import torch
from torch import Tensor


def noise(temperature: float, seed: int, step: int, size: int) -> Tensor:
    """Gumbel noise times the temperature for the token number ``step`` of what is written.

    The largest of logit + noise is a draw from the softmax at this temperature (Gumbel-max,
    Maddison et al. 2014, arXiv:1411.0030).

    Returns
    -------
    Tensor of float32, shape (size,)
        On the processor: other devices draw other numbers.
    """
    generator = torch.Generator().manual_seed(seed ^ (step * 0x9E3779B97F4A7C15 % 2**63))
    # Minus the logarithm of a standard exponential variable has the Gumbel distribution.
    exponential = torch.empty(size).exponential_(generator=generator)
    return -temperature * exponential.log()
