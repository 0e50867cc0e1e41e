"""Fits under a shape, their null distributions and weights, and the errors of a sample."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import isotonic_regression
from scipy.stats import chi2, norm, t

from ushaped.errors import UserError
from ushaped.shapes.bootstrap import binomial_resamples, resampled_clustered_means
from ushaped.shapes.conclude import range_upper_limit
from ushaped.shapes.data import Settings
from ushaped.shapes.fits import FITTED_SHAPES, binomial_loss, fits, normal_loss, sample_loss
from ushaped.shapes.hypothesis_tests.goric import goric_weights, penalties
from ushaped.shapes.hypothesis_tests.significance import (
    NullDistributions,
    PValues,
    p_values,
    p_values_of,
    significant_blocks,
)
from ushaped.shapes.power import smallest_dip, u_curve
from ushaped.shapes.rules import Floats
from ushaped.shapes.sample import (
    Sample,
    from_counts,
    from_draws,
    from_errors,
    from_items,
    half_counts,
)
from ushaped.shapes.valley_estimate import ValleyEstimate, estimate_valley, possible_valleys

MIRROR = {"positive": "inverse", "U-shaped": "inverted-U", "flat": "flat", "any": "any"}
MIRROR |= {one: other for other, one in MIRROR.items()}


def counted(shares: list[float], n: int = 300) -> Sample:
    """A sample whose sizes have the same number of items."""
    right = np.rint(np.array(shares) * n).astype(np.int64)
    return from_counts(right, np.full(len(right), n))


def unit(heights: list[float], correlation: float = 0.0, degrees: float = np.inf) -> Sample:
    """Heights with standard errors of 1."""
    scales = len(heights)
    between = np.full((scales, scales), correlation) + (1 - correlation) * np.eye(scales)
    return Sample(np.array(heights), np.ones(scales), between, degrees=degrees)


def p_of(sample: Sample, draws: int = 4000, seed: int = 0) -> PValues:
    return p_values(sample, NullDistributions(sample, draws, np.random.default_rng(seed)))


counts = st.lists(
    st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))),
    min_size=2,
    max_size=9,
).map(lambda pairs: from_counts(*np.array(pairs).T))


# -- fits -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "weights", "shape", "fitted"),
    [
        ([0.2, 0.4, 0.9], [1, 1, 1], "flat", [0.5, 0.5, 0.5]),
        ([0.2, 0.4, 0.9], [8, 1, 1], "flat", [0.29, 0.29, 0.29]),
        ([0.5, 0.2, 0.8], [1, 1, 1], "positive", [0.35, 0.35, 0.8]),
        ([0.5, 0.2, 0.8], [1, 3, 1], "positive", [0.275, 0.275, 0.8]),
        ([0.5, 0.2, 0.8], [1, 1, 1], "inverse", [0.5, 0.5, 0.5]),
        ([0.5, 0.2, 0.8], [1, 1, 1], "U-shaped", [0.5, 0.2, 0.8]),
        # It turns where that is likeliest: before the last size.
        ([0.5, 0.2, 0.8], [1, 1, 1], "inverted-U", [0.35, 0.35, 0.8]),
        ([0.4, 0.6, 0.2, 0.5, 0.3], [1] * 5, "U-shaped", [0.5, 0.5, 0.2, 0.4, 0.4]),
        ([0.9, 0.1, 0.8, 0.2], [1] * 4, "any", [0.9, 0.1, 0.8, 0.2]),
    ],
)
def test_fits_by_hand(
    values: list[float], weights: list[float], shape: str, fitted: list[float]
) -> None:
    known = np.array(weights, dtype=float)
    found = fits(values, known, normal_loss)[shape]
    assert found.heights[0] == pytest.approx(fitted)
    distance = (known / 2 * (np.array(values) - fitted) ** 2).sum()
    assert found.loss[0] == pytest.approx(distance)


def test_the_loss_of_shares_is_that_of_the_binomial() -> None:
    trials = np.array([10.0, 20.0])
    found = fits([0.5, 0.2], trials, binomial_loss)
    # 9 of 30 in all.
    flat = 9 * np.log(0.3) + 21 * np.log(0.7)
    free = 10 * np.log(0.5) + 4 * np.log(0.2) + 16 * np.log(0.8)
    assert -found["flat"].loss[0] == pytest.approx(flat)
    assert -found["any"].loss[0] == pytest.approx(free)
    assert fits([0.0, 1.0], trials, binomial_loss)["any"].loss[0] == 0


def by_pooling(sample: Sample, shape: str) -> Floats:
    """The fit of a shape by SciPy's isotonic regression, every turn tried one after another."""
    heights, weights, loss = sample.heights, sample.weights, sample_loss(sample)
    if shape == "inverted-U":
        mirrored = replace(sample, heights=1 - heights)
        return 1 - by_pooling(mirrored, "U-shaped")
    if shape != "U-shaped":
        return isotonic_regression(heights, weights=weights, increasing=shape == "positive").x
    tried = []
    for turn in range(len(heights)):
        fall = isotonic_regression(heights[:turn], weights=weights[:turn], increasing=False).x
        rise = isotonic_regression(heights[turn:], weights=weights[turn:]).x
        tried.append(np.concatenate([fall, rise]))
    return min(tried, key=lambda fitted: float(loss(fitted, heights, weights).sum()))


@settings(max_examples=60, deadline=None)
@given(counts)
def test_fits_are_those_of_isotonic_regression(sample: Sample) -> None:
    loss = sample_loss(sample)
    found = fits(sample.heights, sample.weights, loss)
    for shape in ("positive", "inverse"):
        assert found[shape].heights[0] == pytest.approx(by_pooling(sample, shape), abs=1e-9)
    for shape in ("U-shaped", "inverted-U"):
        # Two turns may be equally likely.
        pooled = float(loss(by_pooling(sample, shape), sample.heights, sample.weights).sum())
        assert found[shape].loss[0] == pytest.approx(pooled, abs=1e-7)


@settings(max_examples=60, deadline=None)
@given(counts)
def test_a_fit_has_its_shape_and_a_freer_shape_fits_no_worse(sample: Sample) -> None:
    found = fits(sample.heights, sample.weights, sample_loss(sample))
    steps = {shape: np.diff(fit.heights[0]).round(9) for shape, fit in found.items()}
    assert (steps["flat"] == 0).all()
    assert (steps["positive"] >= 0).all()
    assert (steps["inverse"] <= 0).all()
    for shape, sign in (("U-shaped", 1), ("inverted-U", -1)):
        signs = sign * np.sign(steps[shape][steps[shape] != 0])
        assert (np.diff(signs) >= 0).all()
    loss = {shape: fit.loss[0] - 1e-9 for shape, fit in found.items()}
    for turn in ("U-shaped", "inverted-U"):
        assert loss["any"] <= found[turn].loss[0]
        for monotone in ("positive", "inverse"):
            assert loss[turn] <= found[monotone].loss[0]
            assert loss[monotone] <= found["flat"].loss[0]


@settings(max_examples=40, deadline=None)
@given(counts, st.floats(0.1, 50), st.floats(-5, 5))
def test_mirrors_multiples_of_trials_and_constants_leave_the_fits(
    sample: Sample, times: float, constant: float
) -> None:
    rows, weights = sample.heights, sample.weights
    before = fits(rows, weights, sample_loss(sample))
    mirrored = fits(1 - rows, weights, sample_loss(sample))
    more = fits(rows, times * weights, binomial_loss)
    nats = fits(rows, weights, normal_loss)
    raised = fits(rows + constant, weights, normal_loss)
    for shape in FITTED_SHAPES:
        assert mirrored[MIRROR[shape]].loss == pytest.approx(before[shape].loss, abs=1e-8)
        assert more[shape].loss == pytest.approx(times * before[shape].loss, abs=1e-6)
        assert raised[shape].loss == pytest.approx(nats[shape].loss, abs=1e-8)
    for shape in ("flat", "positive", "inverse", "any"):
        assert 1 - mirrored[MIRROR[shape]].heights == pytest.approx(before[shape].heights)
        assert more[shape].heights == pytest.approx(before[shape].heights)
        assert raised[shape].heights - constant == pytest.approx(nats[shape].heights, abs=1e-9)


def test_many_curves_at_once_are_fitted_like_each_alone() -> None:
    trials = np.array([40.0, 90.0, 70.0, 20.0, 60.0])
    rows = np.random.default_rng(0).random((20, 5))
    together = fits(rows, trials, binomial_loss)
    for place, row in enumerate(rows):
        for shape, alone in fits(row, trials, binomial_loss).items():
            assert together[shape].heights[place] == pytest.approx(alone.heights[0])
            assert together[shape].loss[place] == pytest.approx(alone.loss[0])


# -- p-values -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("correlation", "degrees"), [(0.0, np.inf), (0.8, np.inf), (0.0, 4)])
def test_two_sizes_are_tested_as_their_difference_is(correlation: float, degrees: float) -> None:
    z = 1.5
    apart = z * (2 * (1 - correlation)) ** 0.5
    found = p_of(unit([apart, 0.0], correlation, degrees), 20_000)
    beyond = (norm if np.isinf(degrees) else t(degrees)).sf(z)
    assert found.change == pytest.approx(2 * beyond, abs=0.01)
    assert found.fall == pytest.approx(beyond, abs=0.01)
    assert (found.rise, found.u, found.inverted_u) == (1, 1, 1)


def test_three_sizes_are_tested_by_the_mixture_of_chi_squared_distributions() -> None:
    # The level probabilities of three equal weights are 1/3, 1/2 and 1/6 (Robertson, Wright and
    # Dykstra 1988, chapter 2).
    found = p_of(unit([1.2, 0.0, -1.2]), 20_000)
    statistic = 2 * 1.2**2
    assert found.change == pytest.approx(chi2.sf(statistic, 2), abs=0.01)
    mixture = chi2.sf(statistic, 2) / 3 + chi2.sf(statistic, 1) / 2
    assert found.fall == pytest.approx(mixture, abs=0.01)


def test_a_step_is_significant_beyond_the_root_of_log_n() -> None:
    # Without a number of items, that of 300: twice the log-likelihood of a step d is d^2 / 2.
    edge = (2 * np.log(300)) ** 0.5
    for apart, blocks in ((edge - 0.01, [0, 0, 0]), (edge + 0.01, [0, 1, 1])):
        sample = unit([0.0, apart, apart])
        # Two sizes of the same height weigh twice as much as one, so that less is needed.
        sample = replace(sample, errors=np.array([1.0, 2**0.5, 2**0.5]))
        found = significant_blocks(sample, sample.heights, sample.heights, sample_loss(sample))
        assert found.tolist() == blocks


def test_the_smallest_steps_are_taken_away_first() -> None:
    sample = counted([0.9, 0.88, 0.5, 0.48, 0.1])
    found = significant_blocks(sample, sample.heights, sample.heights, sample_loss(sample))
    assert found.tolist() == [0, 0, 1, 1, 2]


@pytest.mark.parametrize(
    ("truth", "names"),
    [
        ([0.5] * 4, ("change", "rise", "fall")),
        ([0.02] * 4, ("change", "rise", "fall")),
        # Between what falls and what turns: the worst case of a curve that is no U.
        ([0.7, 0.3, 0.3, 0.3, 0.3], ("rise", "u")),
        ([0.3, 0.7, 0.7, 0.7, 0.7], ("fall", "inverted_u")),
    ],
)
def test_p_values_are_uniform_under_the_null_hypothesis(
    truth: list[float], names: tuple[str, ...]
) -> None:
    sample = counted([0.5] * len(truth))
    nulls = NullDistributions(sample, 1000, np.random.default_rng(0))
    rows = np.random.default_rng(1).binomial(300, truth, (800, len(truth))) / 300
    found = p_values_of(sample, rows, nulls)
    for name in names:
        p = np.array([getattr(one, name) for one in found])
        # Half of 5 %, or twice as much, would be outside; so would a one-sided test taken twice.
        assert 0.026 < (p <= 0.05).mean() < 0.075
        assert 0.06 < (p <= 0.1).mean() < 0.14
        assert 0.44 < (p <= 0.5).mean() < 0.56


def test_a_flat_curve_is_hardly_ever_a_u() -> None:
    sample = counted([0.5] * 4)
    rows = np.random.default_rng(1).binomial(300, 0.5, (500, 4)) / 300
    found = p_values_of(sample, rows, NullDistributions(sample, 500, np.random.default_rng(0)))
    assert np.mean([one.u <= 0.05 for one in found]) < 0.02


@pytest.mark.parametrize(
    "truth", [[0.5] * 8, [0.7, 0.3, 0.3, 0.3], np.linspace(0.7, 0.3, 8), [0.7, 0.4, 0.4, 0.4, 0.7]]
)
def test_curves_of_one_turn_are_rarely_said_to_have_more(truth: list[float]) -> None:
    sample = counted([0.5] * len(truth))
    rows = np.random.default_rng(1).binomial(300, truth, (500, len(truth))) / 300
    found = p_values_of(sample, rows, NullDistributions(sample, 500, np.random.default_rng(0)))
    assert np.mean([one.misfit <= 0.05 for one in found]) < 0.05


def test_curves_of_three_sizes_have_no_second_turn() -> None:
    assert p_of(counted([0.9, 0.1, 0.8], 1000)).misfit == 1
    assert p_of(counted([0.9, 0.5, 0.9, 0.5], 1000)).misfit < 0.001


@pytest.mark.parametrize("shares", [[0.5, 0.4, 0.5], [0.6, 0.5, 0.55], [0.5, 0.4, 0.45, 0.5]])
def test_more_items_never_raise_the_p_value_of_an_exact_u(shares: list[float]) -> None:
    found = [p_of(counted(shares, n), 1000).u for n in (20, 40, 100, 200, 400, 1000, 4000)]
    assert found == sorted(found, reverse=True)
    assert found[0] > 0.4
    assert found[-1] < 0.005


def test_a_curve_and_its_mirror_image_have_each_others_p_values() -> None:
    sample = counted([0.5, 0.42, 0.4, 0.47])
    mirror = p_of(replace(sample, heights=1 - sample.heights), seed=1)
    found = p_of(sample)
    for one, other in (("u", "inverted_u"), ("rise", "fall"), ("change", "change")):
        assert getattr(found, one) == pytest.approx(getattr(mirror, other), abs=0.03)
        assert getattr(found, other) == pytest.approx(getattr(mirror, one), abs=0.03)


def test_p_values_of_means_depend_on_neither_unit_nor_origin() -> None:
    sample = unit([0.0, -2.0, 0.5, 1.0])
    moved = Sample(7.5 + 0.01 * sample.heights, 0.01 * sample.errors, sample.correlation)
    assert p_of(moved) == p_of(sample)


def test_no_p_value_is_below_what_its_draws_can_tell() -> None:
    found = p_of(counted([0.9, 0.1, 0.9], 1000), draws=99)
    assert (found.u, found.inverted_u) == (0.01, 1.0)


# -- weights of the shapes ------------------------------------------------------------------------


@pytest.mark.parametrize("scales", [2, 4, 8])
def test_penalties_are_one_the_harmonic_numbers_and_the_number_of_sizes(scales: int) -> None:
    found = penalties(counted([0.5] * scales), 20_000, np.random.default_rng(0))
    harmonic = (1 / np.arange(1, scales + 1)).sum()
    assert found["flat"] == 1
    assert found["any"] == pytest.approx(scales, rel=0.02)
    assert found["positive"] == pytest.approx(harmonic, rel=0.02)
    assert found["inverse"] == pytest.approx(harmonic, rel=0.02)
    for turn in ("U-shaped", "inverted-U"):
        assert harmonic < found[turn] <= found["any"] + 1e-9


def test_weights_of_the_shapes_add_up_and_follow_from_likelihood_and_penalty() -> None:
    sample = counted([0.6, 0.4, 0.45, 0.7])
    found = fits(sample.heights, sample.weights, sample_loss(sample))
    made = goric_weights(found, sample, 2000, np.random.default_rng(0))
    assert [one["shape"] for one in made] == list(FITTED_SHAPES)
    assert sum(one["weight"] for one in made) == pytest.approx(1)
    by_shape = {one["shape"]: one for one in made}
    best, worst = by_shape["U-shaped"], by_shape["flat"]
    assert best["weight"] == max(one["weight"] for one in made)
    assert best["criterion"] == pytest.approx(2 * best["penalty"] - 2 * best["log_likelihood"])
    ratio = np.exp((best["criterion"] - worst["criterion"]) / 2)
    assert worst["weight"] / best["weight"] == pytest.approx(ratio)


def test_shapes_that_fit_a_flat_curve_alike_are_weighed_by_their_penalty() -> None:
    sample = counted([0.5] * 4)
    found = fits(sample.heights, sample.weights, sample_loss(sample))
    made = goric_weights(found, sample, 4000, np.random.default_rng(0))
    assert max(made, key=lambda one: one["weight"])["shape"] == "flat"
    weights = {one["shape"]: one["weight"] for one in made}
    assert weights["flat"] / weights["any"] == pytest.approx(np.exp(3), rel=0.1)


# -- samples --------------------------------------------------------------------------------------


def test_half_an_answer_is_added_to_both_sides_of_a_count() -> None:
    heights, errors = half_counts(counted([0.0, 0.5, 1.0], 10), np.array([0.0, 0.5, 1.0]))
    assert heights == pytest.approx([0.5 / 11, 0.5, 10.5 / 11])
    assert errors[1] == pytest.approx((0.25 / 10) ** 0.5)
    assert errors.min() > 0
    means = from_errors(np.array([-2.0, -1.0]), np.array([0.1, 0.2]))
    heights, errors = half_counts(means, means.heights)
    assert (heights.tolist(), errors.tolist()) == ([-2.0, -1.0], [0.1, 0.2])


@pytest.mark.parametrize(("right", "n"), [(11, 10), (-1, 10), (0, 0)])
def test_impossible_counts_are_refused(right: int, n: int) -> None:
    with pytest.raises(UserError, match=f"{right} of {n} items are right"):
        from_counts(np.array([1, right]), np.array([10, n]))


@pytest.mark.parametrize("error", [0.0, -0.1, np.nan])
def test_impossible_errors_are_refused(error: float) -> None:
    with pytest.raises(UserError, match="give numbers above 0"):
        from_errors(np.zeros(2), np.array([0.1, error]))


def test_draws_give_errors_and_how_they_hang_together() -> None:
    rng = np.random.default_rng(0)
    common, own = rng.normal(size=(20_000, 1)), rng.normal(size=(20_000, 2))
    found = from_draws(np.array([0.5, 0.4]), 0.5 + 0.01 * (common + own))
    assert found is not None
    assert found.errors == pytest.approx([0.01 * 2**0.5] * 2, rel=0.03)
    assert found.correlation[0, 1] == pytest.approx(0.5, abs=0.03)
    assert from_draws(np.array([0.5, 0.4]), np.tile([0.5, 0.4], (100, 1))) is None


def right_answers(chances: list[float], n: int, seed: int = 0) -> Floats:
    """Answers of shape (models, n) to items of unequal difficulty."""
    rng = np.random.default_rng(seed)
    ease = rng.uniform(-0.2, 0.2, n)
    return (rng.random((len(chances), n)) < np.array(chances)[:, None] + ease).astype(float)


def of_items(values: Floats, seeds: int = 1, clusters: Floats | None = None) -> Sample:
    members = np.arange(len(values)).reshape(-1, seeds).tolist()
    found = from_items(values, members, clusters, shares=True)
    assert found is not None
    return found


def test_independent_items_are_as_many_trials_as_there_are() -> None:
    values = right_answers([0.6, 0.4, 0.5], 200)
    found = of_items(values)
    assert found.heights == pytest.approx(values.mean(axis=1))
    # The unbiased variance over items is p (1 - p) / (n - 1).
    assert found.trials == pytest.approx([199] * 3)
    assert found.errors == pytest.approx(values.std(axis=1) / 199**0.5)
    assert found.correlation == pytest.approx(np.corrcoef(values))
    assert found.degrees == np.inf


@pytest.mark.parametrize("copies", [2, 5])
def test_items_that_are_written_down_several_times_are_no_more_trials(copies: int) -> None:
    values = right_answers([0.6, 0.4, 0.5], 60)
    alone, copied = of_items(values), np.repeat(values, copies, axis=1)
    clusters = np.repeat(np.arange(60), copies)
    together = of_items(copied, clusters=clusters)
    assert together.trials == pytest.approx(alone.trials)
    assert together.errors == pytest.approx(alone.errors)
    assert together.correlation == pytest.approx(alone.correlation)
    assert together.degrees == 59
    # Nobody told that they are copies.
    assert of_items(copied).trials == pytest.approx([60 * copies - 1] * 3)


def test_few_clusters_are_parts_whose_levels_do_not_count() -> None:
    # All that one part has right and another wrong is by design.
    values = np.tile(np.repeat([1.0, 0.0], 30), (2, 1))
    values[:, :10] = [[0.0], [1.0]] @ np.ones((1, 10))
    parts = np.repeat([1, 2], 30)
    found = of_items(values, clusters=parts)
    within = 30 * values[0, :30].var(ddof=1) / 60**2
    assert found.errors == pytest.approx([within**0.5, 0.0])
    assert found.trials is not None
    assert found.trials[0] > 60


def test_a_size_that_never_varies_has_trials_all_the_same() -> None:
    for values in (np.zeros((3, 50)), np.ones((3, 50)), np.ones((3, 1))):
        found = of_items(values)
        assert found.trials == pytest.approx([values.shape[1]] * 3)
        assert np.isfinite(found.correlation).all()
    losses = np.full((2, 50), -1.0)
    assert from_items(losses, [[0], [1]], None, shares=False) is None


@pytest.mark.parametrize("clusters", [None, np.arange(120) // 6, np.arange(120) // 40])
def test_errors_are_those_of_the_draws(clusters: Floats | None) -> None:
    values = right_answers([0.6, 0.4], 120)
    nothing = np.zeros(120, dtype=np.int64) if clusters is None else clusters
    drawn = resampled_clustered_means(values.T, nothing, 8000, np.random.default_rng(0))
    found = of_items(values, clusters=clusters)
    assert found.errors == pytest.approx(drawn.std(axis=0), rel=0.06)
    assert found.correlation[0, 1] == pytest.approx(np.corrcoef(drawn.T)[0, 1], abs=0.05)


def test_the_widest_difference_is_bounded_with_95_percent_confidence() -> None:
    rng = np.random.default_rng(0)
    exact = from_errors(np.array([0.5, 0.4, 0.45]), np.full(3, 1e-9))
    assert range_upper_limit(exact, 500, rng) == pytest.approx(0.1)
    equal = from_errors(np.zeros(2), np.ones(2))
    assert range_upper_limit(equal, 20_000, rng) == pytest.approx(
        norm.isf(0.025) * 2**0.5, rel=0.03
    )


# -- the valley -----------------------------------------------------------------------------------


def turned(right: list[int], n: int, draws: int = 1000) -> ValleyEstimate | None:
    sample = from_counts(np.array(right), np.full(len(right), n))
    rng = np.random.default_rng(0)
    drawn = binomial_resamples(np.array(right), np.full(len(right), n), draws, rng)
    return estimate_valley(sample, drawn, 500, rng)


def test_a_valley_by_hand() -> None:
    found = turned([900, 300, 500], 1000)
    assert found is not None
    assert (found.index, found.possible) == (1, (1,))
    assert found.depth[0] == pytest.approx(0.6)
    assert found.rise[0] == pytest.approx(0.2)
    assert found.recovery[0] == pytest.approx(1 / 3)
    # About 1.96 standard errors of a difference of two shares to each side.
    half = 1.96 * (0.9 * 0.1 / 1000 + 0.3 * 0.7 / 1000) ** 0.5
    assert found.depth[2] - found.depth[1] == pytest.approx(2 * half, rel=0.15)
    assert turned([300, 500, 900], 1000) is None


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 40), min_size=2, max_size=7))
def test_intervals_hold_the_estimate_and_the_possible_places_the_valley(right: list[int]) -> None:
    found = turned(right, 40, draws=400)
    if found is None:
        assert right[0] == min(right)
        return
    assert found.index in found.possible
    for value, low, high in (found.depth, found.rise, found.recovery):
        assert (low <= value <= high) or (np.isnan(low) and np.isnan(high))
    assert np.isnan(found.recovery[1]) == (found.depth[1] <= 0)


def test_the_depth_of_a_noisy_valley_may_be_less_than_its_plain_interval_says() -> None:
    # The lowest of eight noisy sizes is low by chance.
    found = turned([150, 146, 165, 132, 152, 148, 150, 140], 300)
    assert found is not None
    plain = 33 / 300 - 1.96 * (0.55 * 0.45 / 300 + 0.44 * 0.56 / 300) ** 0.5
    assert found.depth[1] < plain - 0.004


def test_more_items_leave_fewer_places_for_the_valley() -> None:
    few, many = turned([60, 30, 35, 60], 100), turned([6000, 3000, 3500, 6000], 10_000)
    assert few is not None
    assert many is not None
    assert (few.possible, many.possible) == ((1, 2), (1,))


def test_sizes_that_make_the_same_errors_are_told_apart() -> None:
    # A curve that moves as a whole from draw to draw.
    errors = np.full(4, 0.1)
    sample = Sample(np.array([0.5, 0.2, 0.21, 0.2]), errors, np.ones((4, 4)))
    assert possible_valleys(sample, 200, np.random.default_rng(0)) == (1, 3)


# -- power ----------------------------------------------------------------------------------------


def test_the_simulated_curve_falls_and_rises_by_what_was_asked() -> None:
    x = np.array([1.0, 1.5, 3.0, 4.0, 5.0])
    curve = u_curve(x, 0.3, 0.5)
    assert curve.argmin() == 2
    assert curve[0] - curve[2] == pytest.approx(0.3)
    assert curve[-1] - curve[2] == pytest.approx(0.15)
    steep = u_curve(x, 0.3, 2.0)
    assert steep[-1] - steep[2] == pytest.approx(0.6)
    assert 0 < steep.min() < steep.max() < 1


def test_the_smallest_dip_shrinks_with_the_number_of_items() -> None:
    options = Settings(draws=200)
    dips = [smallest_dip(np.arange(4.0), n, 1.0, options, simulations=60) for n in (100, 400, 1600)]
    assert dips == sorted(dips, reverse=True)
    # Four times the items, half the dip.
    assert 1.5 < dips[0] / dips[1] < 2.7
    few = smallest_dip(np.arange(4.0), 5, 1.0, options, simulations=60)
    assert np.isnan(few) or few > dips[0]
