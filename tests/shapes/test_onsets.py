"""Sizes at which a curve crosses half of chance and chance, and how they move with a frequency."""

from __future__ import annotations

import numpy as np
import pytest

from ushaped.shapes.onsets import BELOW, BEYOND, onsets, slopes

X = np.arange(5.0)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.5, 0.0, 0.0, 0.0, 0.5], [0.5, 3.5, 4.0]),
        # A dip that ends before another one: the first fall, the last rises.
        ([0.5, 0.0, 0.5, 0.0, 1.0], [0.5, 3.25, 3.5]),
        ([0.1, 0.0, 0.0, 0.5, 0.6], [BELOW, 2.5, 3.0]),
        ([0.5, 0.4, 0.0, 0.0, 0.3], [1.375, 3 + 0.25 / 0.3, BEYOND]),
        ([0.5, 0.0, 0.0, 0.0, 0.1], [0.5, BEYOND, BEYOND]),
        ([0.1, 0.1, 0.1, 0.1, 0.1], [BELOW, BEYOND, BEYOND]),
        # Never below half of chance: a dip of a quarter is none.
        ([0.5, 0.4, 0.25, 0.3, 0.6], [np.nan] * 3),
        ([0.5, 0.6, 0.7, 0.8, 0.9], [np.nan] * 3),
    ],
)
def test_onsets_are_the_first_fall_and_the_last_rises(
    values: list[float], expected: list[float]
) -> None:
    assert onsets(X, np.array(values), 0.5) == pytest.approx(expected, nan_ok=True)


def test_many_draws_have_the_onsets_of_each() -> None:
    rng = np.random.default_rng(0)
    drawn = rng.random((200, 5))
    alone = np.array([onsets(X, values, 0.5) for values in drawn])
    np.testing.assert_array_equal(onsets(X, drawn, 0.5), alone)


def test_a_slope_is_that_of_least_squares() -> None:
    frequencies = np.array([0.05, 0.1, 0.2, 0.4])
    places = np.array([4.1, 3.2, 3.0, 1.5])
    fitted = np.polyfit(np.log2(frequencies), places, 1)[0]
    assert slopes(frequencies, places, (0, 5)) == pytest.approx(fitted)


def test_an_onset_outside_of_the_sizes_is_put_at_the_nearest_one() -> None:
    frequencies = np.array([0.1, 0.2, 0.4])
    ends = slopes(frequencies, np.array([5.0, 3.0, 1.0]), (1, 5))
    assert slopes(frequencies, np.array([BEYOND, 3.0, BELOW]), (1, 5)) == pytest.approx(ends)


def test_a_frequency_without_a_valley_is_left_out_and_one_alone_has_no_slope() -> None:
    frequencies = np.array([0.1, 0.2, 0.4])
    places = np.array([[3.0, 2.0, np.nan], [3.0, np.nan, np.nan], [np.nan] * 3])
    assert slopes(frequencies, places, (1, 5)) == pytest.approx([-1, np.nan, np.nan], nan_ok=True)
