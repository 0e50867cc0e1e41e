"""Fits of many curves at once."""

from __future__ import annotations

import numpy as np
import pytest

from ushaped.shapes import fits as module
from ushaped.shapes.fits import Loss, binomial_loss, fits, normal_loss


@pytest.mark.parametrize("loss", [normal_loss, binomial_loss])
@pytest.mark.parametrize("sizes", [2, 7, 35])
def test_curves_that_are_fitted_in_parts_are_fitted_as_all_together(
    monkeypatch: pytest.MonkeyPatch, loss: Loss, sizes: int
) -> None:
    rng = np.random.default_rng(sizes)
    rows = rng.integers(0, 50, (61, sizes)) / 50
    weights = rng.uniform(10, 1000, sizes)
    monkeypatch.setattr(module, "_CELLS", rows.size * sizes + 1)
    together = fits(rows, weights, loss)
    monkeypatch.setattr(module, "_CELLS", 6 * sizes**2)
    in_parts = fits(rows, weights, loss)
    for shape, fit in together.items():
        np.testing.assert_array_equal(in_parts[shape].heights, fit.heights)
        np.testing.assert_array_equal(in_parts[shape].loss, fit.loss)


def test_a_u_is_the_best_split_into_a_falling_and_a_rising_piece() -> None:
    rng = np.random.default_rng(0)
    rows, weights = rng.normal(size=(40, 9)), rng.uniform(1, 5, 9)
    fitted = fits(rows, weights, normal_loss)["U-shaped"]
    for row, loss in zip(rows, fitted.loss, strict=True):
        splits = [
            sum(
                float(fits(part, own, normal_loss)[shape].loss[0])
                for shape, part, own in (
                    ("inverse", row[:at], weights[:at]),
                    ("positive", row[at:], weights[at:]),
                )
                if len(part)
            )
            for at in range(len(row))
        ]
        assert loss == pytest.approx(min(splits))
