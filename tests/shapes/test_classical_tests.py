"""Classical tests: neighbouring sizes, two lines, the parabola's slopes, corrections for many.

References are scipy's and statsmodels' own tests where they have one, and numbers by hand.
"""

from __future__ import annotations

import csv
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.optimize import minimize_scalar
from statsmodels.discrete.discrete_model import Logit
from statsmodels.stats.multitest import multipletests

from ushaped.errors import UserError
from ushaped.shapes.evidence_record import NeighbourTest
from ushaped.shapes.hypothesis_tests.lines import lind_mehlum, two_lines
from ushaped.shapes.hypothesis_tests.multiple_testing import benjamini_hochberg, holm
from ushaped.shapes.hypothesis_tests.neighbours import (
    mcnemar,
    neighbour_tests,
    paired_means,
    two_proportions,
)
from ushaped.shapes.rules import Floats

SERIES = Path(__file__).parents[2] / "literature" / "series.csv"

FOUR = np.array([20.38, 22.57, 23.47, 24.40])
EIGHT = np.linspace(18.0, 22.0, 8)


@pytest.fixture(autouse=True)
def _no_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def pair(gained: int, lost: int, n: int) -> np.ndarray:
    """Answers of two sizes, the second of which gains some items and loses others."""
    correct = np.zeros((2, n))
    correct[1, :gained] = 1
    correct[0, gained : gained + lost] = 1
    return correct


def shares(values: list[float], n: float = 300) -> dict[str, np.ndarray]:
    return {"heights": np.array(values), "trials": np.full(len(values), n)}


# -- many tests -----------------------------------------------------------------------------------


def test_corrections_by_hand() -> None:
    p = [0.04, 0.01, 0.03, 0.9]
    assert holm(p).tolist() == pytest.approx([0.09, 0.04, 0.09, 0.9])
    assert benjamini_hochberg(p).tolist() == pytest.approx([0.16 / 3, 0.04, 0.16 / 3, 0.9])


def test_corrections_are_those_of_statsmodels() -> None:
    for seed, tests in enumerate((1, 3, 11)):
        p = np.random.default_rng(seed).random(tests) ** 3
        np.testing.assert_allclose(holm(p), multipletests(p, method="holm")[1])
        np.testing.assert_allclose(benjamini_hochberg(p), multipletests(p, method="fdr_bh")[1])


@given(st.lists(st.integers(0, 1000).map(lambda p: p / 1000), min_size=1, max_size=12))
def test_corrections_keep_the_order_and_are_never_kinder_than_no_correction(
    p: list[float],
) -> None:
    order = np.argsort(p)
    q, corrected = benjamini_hochberg(p), holm(p)
    assert (np.diff(q[order]) >= 0).all()
    assert (np.diff(corrected[order]) >= 0).all()
    assert (np.array(p) <= q + 1e-12).all()
    assert (q <= corrected + 1e-12).all()


@pytest.mark.parametrize("correct", [holm, benjamini_hochberg])
def test_a_test_that_was_not_made_does_not_count(correct) -> None:
    with_it, without = correct([0.01, np.nan, 0.02]), correct([0.01, 0.02])
    assert np.isnan(with_it[1])
    assert with_it[[0, 2]].tolist() == without.tolist()
    assert np.isnan(correct([np.nan])).all()
    assert correct([]).shape == (0,)


def test_a_test_that_could_not_be_made_does_not_count() -> None:
    q = benjamini_hochberg([0.5, 0.01, float("nan")])
    assert q[:2].tolist() == [0.5, 0.02]
    assert np.isnan(q[2])


def steps_of(heights: Floats, *known: Any, **data: Any) -> list[NeighbourTest]:
    """Tests of sizes that are named by their index."""
    return neighbour_tests([str(index) for index in range(len(heights))], heights, *known, **data)


# -- neighbours: the same items -------------------------------------------------------------------


@settings(max_examples=40)
@given(st.integers(0, 30), st.integers(0, 30))
def test_mcnemar_is_the_binomial_test_of_the_items_that_changed(gained: int, lost: int) -> None:
    difference, _, _, p = mcnemar(pair(gained, lost, 70))
    changed = gained + lost
    assert p[0] == pytest.approx(stats.binomtest(gained, changed).pvalue if changed else 1.0)
    assert difference[0] == pytest.approx((gained - lost) / 70)


def test_five_items_that_all_flip_one_way_are_not_enough() -> None:
    assert mcnemar(pair(5, 0, 300))[3][0] == 2 / 2**5
    assert mcnemar(pair(6, 0, 300))[3][0] == 2 / 2**6


@given(st.integers(0, 60), st.integers(0, 60), st.integers(1, 400))
def test_the_paired_interval_leaves_out_zero_where_mcnemar_rejects(
    gained: int, lost: int, others: int
) -> None:
    difference, low, high, p = mcnemar(pair(gained, lost, gained + lost + others))
    assert low[0] <= difference[0] <= high[0]
    assert (p[0] < 0.05) == (low[0] > 0 or high[0] < 0)


@pytest.mark.parametrize(("gained", "lost"), [(0.1, 0.3), (0.0, 0.5), (0.01, 0.0)])
def test_the_paired_interval_covers(gained: float, lost: float) -> None:
    drawn = np.random.default_rng(0).multinomial(300, [gained, lost, 1 - gained - lost], size=1000)
    covered = 0
    for more, fewer, _ in drawn:
        _, low, high, _ = mcnemar(pair(more, fewer, 300))
        covered += low[0] <= gained - lost <= high[0]
    assert 0.93 <= covered / 1000 <= 0.99


def test_the_other_way_round_a_change_has_the_other_sign() -> None:
    correct = np.random.default_rng(0).random((2, 90)) < [[0.4], [0.7]]
    there, back = mcnemar(correct), mcnemar(correct[::-1])
    assert there[3] == back[3]
    for one, other in zip(there[:3], (back[0], back[2], back[1]), strict=True):
        assert one[0] == pytest.approx(-other[0])


def test_values_that_are_no_answers_are_refused() -> None:
    with pytest.raises(UserError, match="neither right"):
        mcnemar(np.array([[0.5, 1.0], [1.0, 1.0]]))


# -- neighbours: counts ---------------------------------------------------------------------------


@settings(max_examples=40)
@given(st.integers(1, 39), st.integers(0, 60))
def test_two_proportions_is_the_chi_squared_test_with_its_small_correction(
    first: int, second: int
) -> None:
    table = [[first, 40 - first], [second, 60 - second]]
    chi_squared = stats.chi2_contingency(table, correction=False).statistic
    _, _, _, p = two_proportions(np.array([first, second]), np.array([40, 60]))
    assert p[0] == pytest.approx(stats.chi2.sf(chi_squared * 99 / 100, 1), abs=1e-12)


@pytest.mark.parametrize("k", [(12, 26), (3, 2), (0, 20), (20, 27)])
def test_the_score_interval_ends_where_the_test_just_rejects(k: tuple[int, int]) -> None:
    n = np.array([25.0, 27.0])
    observed, low, high, _ = two_proportions(np.array(k), n)

    def score(supposed: float) -> float:
        """With the likeliest shares of that difference, found by search."""

        def loss(first: float) -> float:
            p = np.array([first, first + supposed])
            return -float(stats.binom.logpmf(k, n, p).sum())

        ends = max(0.0, -supposed), min(1.0, 1 - supposed)
        first = minimize_scalar(loss, bounds=ends, options={"xatol": 1e-10}).x
        p = np.array([first, first + supposed])
        variance = (p * (1 - p) / n).sum() * n.sum() / (n.sum() - 1)
        return float((observed[0] - supposed) / np.sqrt(variance))

    assert score(low[0]) == pytest.approx(1.96, abs=1e-3)
    assert score(high[0]) == pytest.approx(-1.96, abs=1e-3)


@settings(max_examples=60)
@given(st.integers(0, 30), st.integers(0, 50))
def test_the_score_interval_leaves_out_zero_where_the_test_rejects(first: int, second: int) -> None:
    observed, low, high, p = two_proportions(np.array([first, second]), np.array([30, 50]))
    assert -1 <= low[0] <= observed[0] + 1e-9
    assert observed[0] - 1e-9 <= high[0] <= 1
    assert (p[0] < 0.05) == (low[0] > 0 or high[0] < 0)


def test_all_wrong_twice_is_no_change_and_all_wrong_after_all_right_is_one() -> None:
    difference, low, high, p = two_proportions(np.array([0, 0, 40]), np.array([40, 40, 40]))
    assert difference.tolist() == [0, 1]
    assert p[0] == 1
    assert low[0] == pytest.approx(-high[0])
    assert p[1] < 1e-12
    assert high[1] == 1


def test_more_right_answers_than_items_are_refused() -> None:
    with pytest.raises(UserError, match="more items are right"):
        two_proportions(np.array([3, 5]), np.array([4, 4]))


# -- neighbours: means ----------------------------------------------------------------------------


def test_paired_means_is_the_paired_t_test() -> None:
    values = np.random.default_rng(0).normal(size=(3, 25)) + np.random.default_rng(1).normal(
        size=25
    )
    errors = values.std(axis=1, ddof=1) / 5
    steps = steps_of(values.mean(axis=1), errors, np.corrcoef(values), 24)
    for step in steps:
        reference = stats.ttest_rel(values[int(step["to"])], values[int(step["from"])])
        assert step["p"] == pytest.approx(reference.pvalue)
        assert (step["low"], step["high"]) == pytest.approx(tuple(reference.confidence_interval()))
        assert step["test"] == "paired-means"


def test_independent_means_by_hand() -> None:
    heights, errors = np.array([-1.8, -1.7]), np.array([0.03, 0.04])
    (step,) = steps_of(heights, errors, np.eye(2), np.inf)
    assert step["test"] == "means"
    assert step["p"] == pytest.approx(2 * stats.norm.sf(2.0))
    assert (step["low"], step["high"]) == pytest.approx(
        (0.1 - 1.959964 * 0.05, 0.1 + 1.959964 * 0.05)
    )


def test_heights_that_move_as_one_say_nothing_of_their_change() -> None:
    together = np.ones((2, 2))
    _, low, high, p = paired_means(np.array([1.0, 0.0]), np.full(2, 0.1), together, np.inf)
    assert np.isnan([low[0], high[0], p[0]]).all()


# -- neighbours: what comes out -------------------------------------------------------------------


def test_answers_decide_before_counts_and_counts_before_errors() -> None:
    correct = np.array([[0, 0, 1, 1], [0, 1, 1, 1], [1, 1, 1, 1]])
    known = (correct.mean(axis=1), np.full(3, 0.2), np.eye(3), 3.0)
    counts = (correct.sum(axis=1), np.full(3, 4))
    assert {step["test"] for step in steps_of(*known, correct, counts)} == {"mcnemar"}
    assert {step["test"] for step in steps_of(*known, None, counts)} == {"two-proportions"}
    assert {step["test"] for step in steps_of(*known)} == {"means"}


def test_steps_are_corrected_over_the_pairs_of_the_curve() -> None:
    counts = np.array([50, 20, 35, 90]), np.full(4, 100)
    steps = steps_of(np.zeros(4), np.ones(4), np.eye(4), np.inf, counts=counts)
    assert [(step["from"], step["to"]) for step in steps] == [("0", "1"), ("1", "2"), ("2", "3")]
    assert [step["p_holm"] for step in steps] == holm([step["p"] for step in steps]).tolist()


def test_without_errors_a_step_has_its_difference_alone() -> None:
    unknown = np.full(2, np.nan)
    (step,) = steps_of(np.array([0.5, 0.75]), unknown, np.eye(2), 3)
    assert step["difference"] == 0.25
    assert np.isnan([step["low"], step["high"], step["p"], step["p_holm"]]).all()


def test_one_size_has_no_neighbour() -> None:
    one = np.ones(1)
    assert steps_of(one, one, np.eye(1), np.inf) == []
    assert steps_of(one, one, np.eye(1), np.inf, np.ones((1, 5))) == []
    assert steps_of(one, one, np.eye(1), np.inf, counts=(np.array([3]), np.array([5]))) == []


def test_evidence_names_the_sizes() -> None:
    heights, errors = np.array([0.1, 0.5]), np.full(2, 0.1)
    (written,) = neighbour_tests(["1B", "8B"], heights, errors, np.eye(2), np.inf)
    assert list(written) == ["from", "to", "difference", "low", "high", "p", "p_holm", "test"]
    assert (written["from"], written["to"], written["difference"]) == ("1B", "8B", 0.4)


# -- two lines ------------------------------------------------------------------------------------


def test_a_line_through_two_sizes_is_a_likelihood_ratio_test_of_two_shares() -> None:
    found = two_lines(FOUR, np.array([0.6, 0.5, 0.7, 0.9]), np.full(4, 200.0))
    assert found is not None
    table = [[120, 80], [100, 100]]
    g = stats.chi2_contingency(table, correction=False, lambda_="log-likelihood").statistic
    assert found["break"] == FOUR[1]
    assert found["p_left"] == pytest.approx(stats.norm.sf(np.sqrt(g)))
    assert found["slope_left"] == pytest.approx(-np.log(1.5) / (FOUR[1] - FOUR[0]))


def test_a_longer_line_is_the_logistic_regression_of_the_items() -> None:
    counts = [100, 140, 180]
    found = two_lines(FOUR, np.array([120, *counts]) / 200, np.full(4, 200.0))
    assert found is not None
    right = np.concatenate([np.arange(200) < count for count in counts]).astype(float)
    design = np.stack([np.ones(600), np.repeat(FOUR[1:] - FOUR[1], 200)], axis=1)
    reference = Logit(right, design).fit(disp=False)
    assert found["slope_right"] == pytest.approx(reference.params[1], rel=1e-5)
    assert found["p_right"] == pytest.approx(reference.llr_pvalue / 2, rel=1e-4)


def test_lines_through_means_are_weighted_by_their_errors() -> None:
    heights, errors = np.array([5.0, 2.0, 2.9, 4.5]), np.array([0.3, 0.1, 0.2, 0.4])
    found = two_lines(FOUR, heights, errors=errors)
    assert found is not None
    slope, covariance = np.polyfit(FOUR[1:], heights[1:], 1, w=1 / errors[1:], cov="unscaled")
    assert found["slope_right"] == pytest.approx(slope[0])
    assert found["p_right"] == pytest.approx(stats.norm.sf(slope[0] / np.sqrt(covariance[0, 0])))
    assert found["p_u"] == pytest.approx(2 * max(found["p_left"], found["p_right"]))


def test_the_break_takes_from_the_surer_line_and_gives_to_the_other() -> None:
    # The second and third size are equals. Before them it falls far, after them it rises little.
    steep_first = two_lines(FOUR, **shares([0.9, 0.5, 0.5, 0.58]))
    steep_last = two_lines(FOUR, **shares([0.58, 0.5, 0.5, 0.9]))
    assert steep_first is not None
    assert steep_last is not None
    assert steep_first["break"] == FOUR[1]
    assert steep_last["break"] == FOUR[2]


def test_a_deeper_valley_is_surer() -> None:
    p = [
        two_lines(FOUR, **shares([0.6, 0.6 - depth, 0.6 - depth / 2, 0.6]))["p_u"]  # type: ignore[union-attr]
        for depth in (0.0, 0.05, 0.1, 0.2, 0.4)
    ]
    assert p == sorted(p, reverse=True)
    assert p[0] > 0.9
    assert p[-1] < 0.001


@pytest.mark.parametrize(
    "truth",
    [
        [0.5] * 8,
        [0.9, 0.77, 0.63, 0.5, 0.5, 0.5, 0.5, 0.5],
        [0.5, 0.5, 0.5, 0.5, 0.5, 0.63, 0.77, 0.9],
    ],
    ids=["flat", "falls and stays", "stays and rises"],
)
def test_curves_that_never_turn_are_seldom_called_a_u(truth: list[float]) -> None:
    rng = np.random.default_rng(0)
    called = 0
    for _ in range(100):
        found = two_lines(EIGHT, **shares((rng.binomial(300, truth) / 300).tolist()))
        called += found is not None and found["p_u"] < 0.05
    # Of 100 at a true rate of 5 %, eleven or more come once in a hundred times.
    assert called <= 10


def test_two_lines_agree_with_the_published_verdicts_of_palm() -> None:
    curves: dict[str, list[dict[str, str]]] = {}
    with SERIES.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["series"] == "PaLM" and row["metric"] == "accuracy" and row["k"]:
                curves.setdefault(row["task"], []).append(row)
    called = set()
    for task, rows in curves.items():
        n = np.array([float(row["n"]) for row in rows])
        k = np.array([float(row["k"]) for row in rows])
        x = np.log10([float(row["training_flops"]) for row in rows])
        found = two_lines(x, k / n, n)
        if found is not None and found["p_u"] < 0.05:
            called.add(task)
    assert len(curves) == 10
    assert called == {
        "resisting-correction",
        "memo-trap",
        "neqa",
        "modus-tollens",
        "sig-figs",
        "hindsight-neglect",
    }


# -- the parabola ---------------------------------------------------------------------------------


def test_the_slopes_of_a_parabola_through_means_are_tested_as_linear_contrasts() -> None:
    heights, errors = np.array([3.0, 1.2, 1.0, 2.4, 4.0]), np.array([0.2, 0.3, 0.1, 0.2, 0.3])
    x = np.array([18.0, 19.0, 20.5, 21.0, 22.0])
    found = lind_mehlum(x, heights, errors=errors)
    assert found is not None
    fit, covariance = np.polyfit(x, heights, 2, w=1 / errors, cov="unscaled")
    p = []
    for at, slope, sign in ((x[0], found["slope_low"], 1), (x[-1], found["slope_high"], -1)):
        contrast = np.array([2 * at, 1.0, 0.0])
        assert slope == pytest.approx(contrast @ fit)
        error = np.sqrt(contrast @ covariance @ contrast)
        p.append(stats.norm.cdf(sign * slope / error))
    assert found["p_u"] == pytest.approx(max(p), rel=1e-4)
    estimate, low, high = found["extremum"]
    assert estimate == pytest.approx(-fit[1] / (2 * fit[0]))
    assert low < estimate < high
    for end in (low, high):
        contrast = np.array([2 * end, 1.0, 0.0])
        error = np.sqrt(contrast @ covariance @ contrast)
        assert abs(contrast @ fit) / error == pytest.approx(1.959964, rel=1e-4)


def test_the_parabola_of_shares_is_the_logistic_regression_of_the_items() -> None:
    counts = np.array([160, 90, 110, 170])
    found = lind_mehlum(FOUR, counts / 200, np.full(4, 200.0))
    assert found is not None
    right = np.concatenate([np.arange(200) < count for count in counts]).astype(float)
    away = np.repeat(FOUR - FOUR[0], 200)
    fit = Logit(right, np.stack([np.ones(800), away, away**2], axis=1)).fit(disp=False)
    assert found["slope_low"] == pytest.approx(fit.params[1], rel=1e-4)
    level = Logit(right, np.stack([np.ones(800), away**2], axis=1)).fit(disp=False)
    falls = stats.norm.sf(np.sqrt(2 * (fit.llf - level.llf)))
    assert found["p_u"] >= falls * (1 - 1e-4)


def test_a_straight_line_has_no_bounded_turn() -> None:
    found = lind_mehlum(EIGHT, **shares(np.linspace(0.3, 0.7, 8).tolist()))
    assert found is not None
    assert np.isnan(found["extremum"][1:]).all()
    assert found["p_u"] > 0.99


def test_a_curve_that_levels_off_fools_the_parabola_and_not_the_lines() -> None:
    rises = np.array([0.1, 0.7, 0.84, 0.88, 0.89, 0.895, 0.9, 0.9])
    parabola, lines = (
        lind_mehlum(EIGHT, **shares(rises.tolist())),
        two_lines(EIGHT, **shares(rises.tolist())),
    )
    assert parabola is not None
    assert lines is not None
    assert parabola["p_inverted_u"] < 0.001
    assert lines["p_inverted_u"] > 0.5


# -- both -----------------------------------------------------------------------------------------

any_shares = st.lists(st.integers(0, 40).map(lambda right: right / 40), min_size=4, max_size=7)


@settings(max_examples=15, deadline=None)
@given(any_shares, st.integers(-60, 60).map(lambda tenths: tenths / 10))
def test_another_unit_of_scale_moves_the_turn_and_changes_no_test(
    values: list[float], constant: float
) -> None:
    x, data = np.linspace(18.0, 22.0, len(values)), shares(values, 40)
    for test in (two_lines, lind_mehlum):
        before, after = test(x, **data), test(x + constant, **data)
        assert before is not None
        assert after is not None
        assert after["p_u"] == pytest.approx(before["p_u"], abs=1e-6)
        assert after["p_inverted_u"] == pytest.approx(before["p_inverted_u"], abs=1e-6)
    lines, moved = two_lines(x, **data), two_lines(x + constant, **data)
    assert lines is not None
    assert moved is not None
    assert moved["break"] == pytest.approx(lines["break"] + constant)


@settings(max_examples=15, deadline=None)
@given(any_shares)
def test_the_mirror_image_of_a_u_is_an_inverted_u(values: list[float]) -> None:
    x = np.linspace(18.0, 22.0, len(values))
    for test in (two_lines, lind_mehlum):
        one = test(x, **shares(values, 40))
        other = test(x, **shares([1 - value for value in values], 40))
        assert one is not None
        assert other is not None
        assert one["p_u"] == pytest.approx(other["p_inverted_u"], abs=1e-6)
        assert one["p_inverted_u"] == pytest.approx(other["p_u"], abs=1e-6)


def test_trials_need_not_be_whole_and_more_of_them_make_it_surer() -> None:
    values = [0.6, 0.5, 0.55, 0.65]
    for test in (two_lines, lind_mehlum):
        few, more = test(FOUR, **shares(values, 80.5)), test(FOUR, **shares(values, 322.0))
        assert few is not None
        assert more is not None
        assert more["p_u"] < few["p_u"] < 0.5


def test_four_times_the_trials_double_the_test_statistic() -> None:
    few = two_lines(FOUR, **shares([0.6, 0.3, 0.5, 0.7], 50.25))
    more = two_lines(FOUR, **shares([0.6, 0.3, 0.5, 0.7], 201.0))
    assert few is not None
    assert more is not None
    assert stats.norm.isf(more["p_left"]) == pytest.approx(
        2 * stats.norm.isf(few["p_left"]), rel=1e-4
    )


@pytest.mark.parametrize(
    ("values", "turns"),
    [
        ([0.0, 0.0, 0.0, 0.0], False),
        ([1.0, 1.0, 1.0, 1.0], False),
        ([1.0, 1.0, 0.0, 0.0], False),
        ([1.0, 0.0, 0.0, 1.0], True),
        ([1.0, 0.0, 0.577, 0.76], True),
        ([0.5, 0.5, 0.5, 0.5], False),
    ],
)
def test_all_right_and_all_wrong_give_finite_slopes(values: list[float], turns: bool) -> None:
    lines, parabola = two_lines(FOUR, **shares(values)), lind_mehlum(FOUR, **shares(values))
    assert lines is not None
    assert parabola is not None
    slopes = [
        lines["slope_left"],
        lines["slope_right"],
        parabola["slope_low"],
        parabola["slope_high"],
    ]
    assert np.isfinite(slopes).all()
    assert (lines["p_u"] < 0.05) == turns
    assert (parabola["p_u"] < 0.05) == turns


def test_a_fall_from_all_right_to_all_wrong_is_half_an_answer_short_of_infinite() -> None:
    found = two_lines(FOUR, **shares([1.0, 0.0, 0.577, 0.76]))
    assert found is not None
    assert found["slope_left"] == pytest.approx(-2 * np.log(300.5 / 0.5) / (FOUR[1] - FOUR[0]))


def test_what_cannot_be_tested_has_no_result() -> None:
    for test in (two_lines, lind_mehlum):
        assert (
            test(FOUR[:3], **{key: some[:3] for key, some in shares([0.9, 0.1, 0.9, 1]).items()})
            is None
        )
        assert test(FOUR, np.zeros(4)) is None
        assert test(FOUR, np.zeros(4), errors=np.array([0.1, 0.1, 0.0, 0.1])) is None
        assert test(FOUR, np.zeros(4), errors=np.array([0.1, 0.1, np.nan, 0.1])) is None


def test_shares_in_percent_are_refused() -> None:
    for test in (two_lines, lind_mehlum):
        with pytest.raises(UserError, match="between 0 and 1"):
            test(FOUR, **shares([92.6, 72.8, 76.7, 82.7]))


def test_evidence_has_the_names_of_the_results() -> None:
    lines, parabola = (
        two_lines(FOUR, **shares([0.9, 0.1, 0.5, 0.8])),
        lind_mehlum(FOUR, **shares([0.9, 0.1, 0.5, 0.8])),
    )
    assert lines is not None
    assert parabola is not None
    assert list(lines) == [
        "break",
        "slope_left",
        "slope_right",
        "p_left",
        "p_right",
        "p_u",
        "p_inverted_u",
    ]
    assert list(parabola) == [
        "slope_low",
        "slope_high",
        "p_u",
        "p_inverted_u",
        "extremum",
        "inside",
    ]
