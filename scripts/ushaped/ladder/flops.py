"""Exact count of the floating-point operations of training a ladder model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Shape:
    """Sizes of a decoder-only transformer (GPT-NeoX layout, embeddings tied).

    ``hidden`` must be a multiple of ``heads``; the feed-forward layer is four times as wide.
    """

    hidden: int
    layers: int
    heads: int
    vocabulary: int

    @property
    def parameters(self) -> int:
        """All parameters: matrices, biases, norms, and the one (tied) vocabulary matrix.

        Per layer: 12·d² in matrices, 9·d in their biases (query, key, value, output, 4d and d of
        the feed-forward layer) and 4·d in two norms; then a last norm and d·V embeddings.
        """
        d = self.hidden
        return self.layers * (12 * d * d + 13 * d) + 2 * d + d * self.vocabulary


def float32_bytes(rung: Mapping[str, Any], vocabulary: int) -> int:
    """Bytes of the weights of a rung of the configuration, with a vocabulary of so many tokens."""
    return 4 * Shape(rung["hidden"], rung["layers"], rung["heads"], vocabulary).parameters


def forward_flops(shape: Shape, rows: int, length: int) -> int:
    """FLOPs of the matrix products of one forward pass over ``rows`` rows of ``length`` tokens.

    A product of an m×k and a k×n matrix counts 2·m·k·n. Per layer and token: query, key, value and
    output projections (4 products d×d) and the feed-forward layer (d×4d and 4d×d), so 24·d²; and
    attention scores and their weighted sum over all positions of the row (the full square, as the
    dense formula counts it), so 4·length·d. At the end the vocabulary matrix, 2·d·V. Norms,
    activations and the softmax are left out, as in Kaplan et al. (2020, arXiv:2001.08361, table 1).
    """
    d = shape.hidden
    per_token = shape.layers * (24 * d * d + 4 * length * d) + 2 * d * shape.vocabulary
    return rows * length * per_token


def training_flops(shape: Shape, rows: dict[int, int]) -> int:
    """FLOPs of training once on ``rows`` (how many rows of each length).

    The last token of a row predicts nothing and is not read. The backward pass counts twice the
    forward pass.
    """
    return 3 * sum(forward_flops(shape, count, length - 1) for length, count in rows.items())
