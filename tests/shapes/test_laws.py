"""Mechanism, broken law and prediction: known curves, what cannot be told, out of sample."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit

from ushaped.errors import UserError
from ushaped.shapes.laws.broken import fit_broken_law, why_not_fitted
from ushaped.shapes.laws.mechanism import (
    PARAMETERS,
    Mechanism,
    _observe,
    _probabilities,
    _slopes,
    accuracy,
    fit_mechanism,
)
from ushaped.shapes.laws.prediction import predict_largest
from ushaped.shapes.rules import Floats

TRUTH = {
    "baseline": 0.5,
    "true_onset": 2.6,
    "true_width": 0.3,
    "distractor_onset": 1.1,
    "distractor_width": 0.25,
}


def answers(x: Floats, classes: int = 2, **other: float) -> tuple[Floats, Floats]:
    """Right and distractor answers by the formula of the mechanism, written out again."""
    known = TRUTH | {"baseline": 1 / classes} | other
    true = expit((x - known["true_onset"]) / known["true_width"])
    distracted = expit((x - known["distractor_onset"]) / known["distractor_width"])
    chance = known["baseline"]
    right = true + (1 - true) * ((1 - distracted) * chance + distracted * 0)
    wrong = (1 - chance) / (classes - 1)
    return right, (1 - true) * ((1 - distracted) * wrong + distracted * 1)


def right(x: Floats, **other: float) -> Floats:
    return answers(x, **other)[0]


def fit(x: Floats, shares: Floats, n: int = 500, draws: int = 300, seed: int = 1) -> Mechanism:
    rng = np.random.default_rng(seed)
    drawn = rng.binomial(n, shares, (draws, len(x))) / n
    return fit_mechanism(x, shares, np.full(len(x), n), 0.5, drawn=drawn)


# -- parameters -----------------------------------------------------------------------------------


def test_known_parameters_come_back_from_a_curve_without_noise() -> None:
    x = np.linspace(0, 4, 24)
    found = fit(x, right(x), n=5000)
    assert found.identifiable
    for name, value in TRUTH.items():
        estimate, low, high = found.parameters[name]
        assert estimate == pytest.approx(value, abs=0.005)
        assert low <= value <= high
    assert found.gap[0] == pytest.approx(1.5, abs=0.01)
    assert found.misfit_p > 0.99


def test_known_parameters_come_back_from_noisy_curves_on_average() -> None:
    rng = np.random.default_rng(5)
    x = np.linspace(0, 4, 16)
    shares = rng.binomial(400, right(x), (40, 16)) / 400
    found = [fit_mechanism(x, row, np.full(16, 400), 0.5) for row in shares]
    for name, value in TRUTH.items():
        assert np.mean([fit.parameters[name][0] for fit in found]) == pytest.approx(value, abs=0.02)


def test_bootstrap_intervals_cover_the_truth() -> None:
    rng = np.random.default_rng(6)
    x = np.linspace(0, 4, 10)
    curves = rng.binomial(400, right(x), (60, 10)) / 400
    covered = []
    for seed, shares in enumerate(curves):
        found = fit(x, shares, n=400, draws=200, seed=seed)
        assert found.identifiable
        for name in TRUTH.keys() - {"baseline"}:
            _, low, high = found.parameters[name]
            covered.append(low <= TRUTH[name] <= high)
    assert 0.90 <= np.mean(covered) <= 0.99


def test_another_unit_of_scale_moves_the_onsets_and_nothing_else() -> None:
    x = np.linspace(0, 4, 10)
    shares = np.random.default_rng(7).binomial(500, right(x)) / 500
    here, there = fit(x, shares), fit(x + 20, shares)
    for name in TRUTH:
        moved = 20 if name.endswith("onset") else 0
        assert there.parameters[name] == pytest.approx(
            np.add(here.parameters[name], moved), abs=0.01
        )
    assert there.gap == pytest.approx(here.gap, abs=0.01)


def test_more_items_make_narrower_intervals() -> None:
    x = np.linspace(0, 4, 10)
    few, many = (fit(x, right(x), n=n) for n in (200, 3200))
    width = [found.gap[2] - found.gap[1] for found in (few, many)]
    assert 0.15 < width[1] / width[0] < 0.35  # a quarter: sixteen times as many items


def test_a_curve_that_jumps_about_the_fit_has_wider_intervals() -> None:
    x = np.linspace(0, 4, 14)
    calm, wild = right(x), right(x)
    wild[1::2] += np.where(wild[1::2] < 0.5, 0.05, -0.05)
    smooth, jumping = fit(x, calm, n=2000), fit(x, wild, n=2000)
    assert jumping.identifiable
    assert jumping.misfit_p < 0.001 < smooth.misfit_p
    assert jumping.gap[2] - jumping.gap[1] > 2 * (smooth.gap[2] - smooth.gap[1])


# -- not identifiable -----------------------------------------------------------------------------


def test_four_sizes_are_too_few() -> None:
    found = fit(np.linspace(0, 4, 4), np.array([0.5, 0.1, 0.4, 0.9]))
    assert not found.identifiable
    assert found.reason == "too few sizes (4) for its four parameters"


@pytest.mark.parametrize(
    ("shares", "reason"),
    [
        (0.5 + np.linspace(0, 0.45, 9), "no distractor task"),
        (0.5 * expit(np.linspace(6, -6, 9)), "no recovery"),
        (np.full(9, 0.5), "no distractor task"),
    ],
)
def test_a_monotone_curve_shows_no_mechanism(shares: Floats, reason: str) -> None:
    found = fit(np.linspace(0, 4, 9), shares)
    assert not found.identifiable
    assert reason in found.reason


def test_a_recovery_beyond_the_largest_size_is_not_identifiable() -> None:
    x = np.linspace(0, 4, 9)
    found = fit(x, right(x, true_onset=4.5))
    assert not found.identifiable
    assert found.reason == "the true task may set in beyond the largest size"


def test_a_decline_before_the_smallest_size_is_not_identifiable() -> None:
    x = np.linspace(0, 4, 9)
    found = fit(x, right(x, distractor_onset=-0.3))
    assert found.reason == "the distractor task may set in below the smallest size"


def test_a_true_task_that_grows_over_more_than_the_sizes_is_not_identifiable() -> None:
    x = np.linspace(0, 4, 10)
    found = fit(x, right(x, true_onset=2, true_width=6, distractor_onset=1), n=5000)
    assert found.reason == "the true task sets in too gradually for these sizes to tell where"


def test_two_fits_that_are_equally_good_tell_nothing() -> None:
    shares = np.array([0.46, 0.46, 0.47, 0.47, 0.52, 0.31, 0.29])
    found = fit(np.linspace(0, 4, 7), shares, n=300)
    assert found.reason == "quite different onsets fit the curve equally well"


def test_jumps_are_no_evidence_of_a_mechanism() -> None:
    shares = np.array([0.5, 0.43, 0.52, 0, 0.57, 0.19, 0.41, 0.8])
    found = fit(np.linspace(0, 4, 8), shares, n=256)
    assert not found.identifiable
    assert "jumps too much" in found.reason


def test_what_is_not_identifiable_has_no_numbers() -> None:
    x = np.linspace(0, 4, 9)
    found = fit(x, right(x, true_onset=4.5))
    told = [*found.parameters.values(), found.gap, found.back_at]
    assert np.isnan(told).all()
    assert found.as_evidence()["curve"] == {}


def test_chance_levels_are_rarely_taken_for_a_mechanism() -> None:
    x = np.linspace(0, 4, 8)
    curves = np.random.default_rng(8).binomial(300, 0.5, (60, 8)) / 300
    found = [fit_mechanism(x, shares, np.full(8, 300), 0.5).identifiable for shares in curves]
    assert np.mean(found) <= 0.05


@pytest.mark.parametrize("trend", [(99.0, 99.0), (2.0, 99.0), (99.0, 2.0)])
def test_curves_without_a_mechanism_that_jump_rarely_show_one(trend: tuple[float, float]) -> None:
    rng, x = np.random.default_rng(9), np.linspace(0, 4, 8)
    plain = right(x, true_onset=trend[0], distractor_onset=trend[1]).clip(1e-3, 1 - 1e-3)
    shares = expit(logit(plain) + 0.3 * rng.normal(size=(40, 8)))
    curves = rng.binomial(300, shares) / 300
    found = [fit_mechanism(x, row, np.full(8, 300), 0.5).identifiable for row in curves]
    assert np.mean(found) <= 0.1


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.lists(st.integers(0, 20), min_size=2, max_size=9))
def test_every_curve_gets_an_answer_with_ordered_intervals(counts: list[int]) -> None:
    found = fit(np.arange(float(len(counts))) * 0.4, np.array(counts) / 20, n=20, draws=40)
    assert found.identifiable == (not found.reason)
    for estimate, low, high in (*found.parameters.values(), found.gap):
        assert found.identifiable or math.isnan(estimate)
        assert not low > high
    json.dumps(found.as_evidence())


# -- measured distractor answers ------------------------------------------------------------------


def with_and_without_distractors(sizes: int) -> tuple[Mechanism, Mechanism]:
    """Fits of one curve of four classes with its distractor answers, and by accuracy alone."""
    x, n = np.linspace(0, 4, sizes), np.full(sizes, 2000)
    share, wrong = answers(x, classes=4)
    other = (1 - share - wrong).clip(0)
    rng = np.random.default_rng(2)
    drawn = rng.multinomial(2000, np.stack([share, wrong, other], axis=1), (200, sizes)) / 2000
    return (
        fit_mechanism(x, share, n, 0.25, wrong, drawn[..., 0], drawn[..., 1]),
        fit_mechanism(x, share, n, 0.25, drawn=drawn[..., 0]),
    )


def test_measured_distractor_answers_identify_what_accuracy_alone_does_not() -> None:
    both, alone = with_and_without_distractors(4)
    assert both.identifiable
    assert not alone.identifiable


def test_measured_distractor_answers_narrow_the_intervals() -> None:
    both, alone = with_and_without_distractors(8)
    onset = [found.parameters["distractor_onset"] for found in (both, alone)]
    assert onset[0][0] == pytest.approx(1.1, abs=0.02)
    assert both.parameters["distractor_baseline"][0] == pytest.approx(0.25, abs=0.01)
    assert onset[0][2] - onset[0][1] < 0.7 * (onset[1][2] - onset[1][1])
    assert both.degrees == 2 * 8 - 4


def test_measured_distractor_answers_change_the_estimate() -> None:
    x = np.linspace(0, 4, 10)
    share, wrong = answers(x, classes=4)
    _, later = answers(x, classes=4, distractor_onset=1.3)
    n = np.full(10, 1000)
    onsets = [
        fit_mechanism(x, share, n, 0.25, some).parameters["distractor_onset"][0]
        for some in (wrong, np.minimum(later, 1 - share))
    ]
    assert onsets[0] + 0.05 < onsets[1]


def test_with_two_classes_distractor_answers_say_nothing_more() -> None:
    x = np.linspace(0, 4, 10)
    share, wrong = answers(x)
    n = np.full(10, 500)
    alone, both = fit_mechanism(x, share, n, 0.5), fit_mechanism(x, share, n, 0.5, wrong)
    for name in PARAMETERS:
        assert both.parameters[name] == pytest.approx(alone.parameters[name], nan_ok=True)
    assert both.degrees == alone.degrees == 6


@pytest.mark.parametrize("column", range(6))
def test_slopes_of_the_likelihood_are_those_of_finite_differences(column: int) -> None:
    x = np.linspace(0, 4, 8)
    share, wrong = answers(x, classes=4)
    _, data = _observe(x, share, np.full(8, 100), wrong)
    row, step = np.array([[0.4, 0.3, 2.5, -1.0, 1.2, -1.5]]), 1e-6 * np.eye(6)[[column]]
    up, down = (_probabilities(row + sign * step, data)[0] for sign in (1, -1))
    slope = _slopes(row, data, np.array([column]))[..., 0]
    assert slope == pytest.approx((up - down) / 2e-6, abs=1e-8)


# -- baseline -------------------------------------------------------------------------------------


def test_the_baseline_is_chance_where_chance_fits() -> None:
    x = np.linspace(0, 4, 10)
    found = fit(x, right(x))
    assert found.parameters["baseline"] == (0.5, 0.5, 0.5)
    assert found.degrees == 10 - 4


@pytest.mark.parametrize("level", [0.1, 0.9])
def test_the_baseline_is_free_where_small_models_prefer_an_answer(level: float) -> None:
    x = np.linspace(0, 4, 10)
    found = fit(x, right(x, baseline=level))
    estimate, low, high = found.parameters["baseline"]
    assert low < estimate < high
    assert estimate == pytest.approx(level, abs=0.01)
    assert found.degrees == 10 - 5


def test_five_sizes_are_too_few_for_a_baseline_off_chance() -> None:
    x = np.linspace(0, 4, 5)
    found = fit(x, right(x, baseline=0.95), n=5000)
    assert "too few for another level" in found.reason
    assert fit(x, right(x), n=5000).identifiable


# -- shares of 0 and 1 ----------------------------------------------------------------------------


def test_shares_of_nought_and_one_are_fitted_and_the_onsets_lie_between_sizes() -> None:
    x = np.arange(9.0)
    found = fit(x, np.array([1, 1, 1, 0, 0, 0, 1, 1, 1.0]))
    assert found.identifiable
    assert math.isfinite(found.deviance)
    distractor, true = found.parameters["distractor_onset"], found.parameters["true_onset"]
    assert distractor[1:] == (2, 3)
    assert true[1:] == (5, 6)
    assert found.parameters["true_width"][1] == 0
    assert found.gap[1] <= 2
    assert found.gap[2] >= 4


# -- the way back ---------------------------------------------------------------------------------


def test_back_at_is_where_accuracy_is_back_at_its_level_at_the_smallest_size() -> None:
    x = np.linspace(0, 4, 12)
    found = fit(x, right(x))
    assert found.fitted is not None
    estimate, low, high = found.back_at
    level, there = accuracy(found.fitted[None], np.array([x[0], estimate]))[0]
    assert there == pytest.approx(level, abs=1e-6)
    assert 2 < low < estimate < high < 3


def test_back_at_is_infinite_where_the_way_back_is_too_long() -> None:
    x = np.linspace(0, 4, 12)
    never = right(x, baseline=0.99999, true_onset=3.5, true_width=0.8, distractor_width=0.1)
    found = fit(x, never, n=20_000)
    assert found.identifiable
    assert found.back_at[2] == math.inf


# -- what is handed on ----------------------------------------------------------------------------


def test_the_entry_of_the_evidence_can_be_written() -> None:
    x = np.linspace(20, 24, 12)
    entry = fit(x, right(x - 20)).as_evidence()
    curve = json.loads(json.dumps(entry))["curve"]
    assert curve["x"][0] == 20
    assert curve["x"][-1] == 25
    assert {len(values) for values in curve.values()} == {50}
    assert curve["true"][-1] > 0.99
    assert entry["reason"] == ""


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"x": [0, 2, 1, 3, 4, 5]}, "do not increase"),
        ({"x": [0, 1, 1, 3, 4, 5]}, "do not increase"),
        ({"x": [0, 1]}, "not one share"),
        ({"shares": [0.5, 0.1, 0.1, 0.1, 1.2, 0.9]}, "no share"),
        ({"shares": [0.5, 0.1, 0.1, 0.1, math.nan, 0.9]}, "no share"),
        ({"trials": [9, 9, 9, 9, 9, 0]}, "without items"),
        ({"chance": 1.0}, "is 1.0"),
        ({"distractor": [0.9] * 6}, "do not go with"),
        ({"drawn": [[0.5, 0.1]]}, "do not have its sizes"),
    ],
)
def test_input_that_does_not_belong_together_is_refused(change: dict, what: str) -> None:
    given = {
        "x": list(range(6)),
        "shares": [0.5, 0.35, 0.1, 0.1, 0.4, 0.9],
        "trials": [99] * 6,
        "chance": 0.5,
    }
    with pytest.raises(UserError, match=what):
        fit_mechanism(**(given | change))


# -- broken law -----------------------------------------------------------------------------------


@pytest.mark.parametrize("sizes", [8, 12])
def test_a_broken_law_follows_a_u(sizes: int) -> None:
    x = np.linspace(20, 24, sizes)
    heights = right(x - 20)
    law = fit_broken_law(x, heights, share=True)
    assert law is not None
    assert law.error < 0.05
    assert law.heights(x[-1]) > law.heights(22) + 0.5 < law.heights(x[0]) + 0.5
    residuals = law.heights(x) - heights
    assert math.sqrt(np.mean(residuals**2)) == pytest.approx(law.error, rel=0.05)


def test_a_broken_law_is_the_equation_with_its_parameters() -> None:
    x = np.linspace(20, 24, 9)
    law = fit_broken_law(x, -(0.2 + 3 * 10 ** (-0.1 * (x - 20))), share=False)
    assert law is not None
    p, scale = law.parameters, 10.0 ** np.array([20.5, 22, 23.5])
    bend = (1 + (scale / p["d1"]) ** (1 / p["f1"])) ** (-p["c1"] * p["f1"])
    loss = p["a"] + p["b"] * scale ** -p["c0"] * bend
    assert -law.heights(np.log10(scale)) == pytest.approx(loss, rel=1e-6)
    assert loss == pytest.approx(0.2 + 3 * (scale / 1e20) ** -0.1, abs=0.02)


def test_a_broken_law_does_not_dive_between_sizes() -> None:
    x = np.linspace(20, 24, 8)
    for heights in (
        [0.46, 0.46, 0.46, 0.47, 0.46, 0.46, 0.39, 0.35],
        [0.47, 0.47, 0.48, 0.48, 0.39, 0.51, 0.34, 0.13],
    ):
        law = fit_broken_law(x, heights, share=True)
        assert law is not None
        between = law.heights(np.linspace(20, 24, 200))
        assert between.min() > min(heights) - 0.03
        assert between.max() < max(heights) + 0.03


def test_losses_in_another_unit_give_the_same_law() -> None:
    x = np.linspace(20, 24, 8)
    loss = np.array([8.1, 3.3, 1.2, 0.04, 0.4, 2.4, 2.8, 3.2])
    nats, bits = (
        fit_broken_law(x, -loss, share=False),
        fit_broken_law(x, -loss / np.log(2), share=False),
    )
    assert nats is not None
    assert bits is not None
    assert bits.error * np.log(2) == pytest.approx(nats.error, rel=1e-2)


def test_a_broken_law_says_why_there_is_none() -> None:
    x = np.arange(6.0)
    assert fit_broken_law(x, np.full(6, 0.5), share=True) is None
    assert "too few sizes (6)" in why_not_fitted(np.full(6, 0.5), share=True)
    log_odds = np.linspace(-2, 2, 8)
    assert fit_broken_law(np.arange(8.0), log_odds, share=False) is None
    assert "0 or more" in why_not_fitted(log_odds, share=False)
    assert why_not_fitted(np.full(8, -1.0), share=False) == ""


def test_a_broken_law_can_be_written() -> None:
    law = fit_broken_law(np.linspace(20, 24, 8), right(np.linspace(0, 4, 8)), share=True)
    assert law is not None
    entry = json.loads(json.dumps(law.as_evidence()))
    assert list(entry["parameters"]) == ["a", "b", "c0", "c1", "d1", "f1"]
    assert len(entry["curve"]["x"]) == len(entry["curve"]["value"]) == 50


# -- out of sample --------------------------------------------------------------------------------


def predictions(x: Floats, shares: Floats, n: int = 1000) -> dict[str, tuple[float, float, float]]:
    drawn = np.random.default_rng(4).binomial(n, shares, (200, len(x))) / n
    trials = np.full(len(x), n)
    found = predict_largest(x, shares, True, drawn=drawn, trials=trials, chance=0.5)
    return {one["method"]: (one["predicted"], one["low"], one["high"]) for one in found}


def test_the_largest_size_is_not_used_to_predict_it() -> None:
    x = np.linspace(0, 4, 9)
    other = np.append(right(x)[:-1], 0.123)
    here, there = predictions(x, right(x)), predictions(x, other)
    assert set(here) == {"last value", "line", "mechanism", "broken law"}
    for method, values in here.items():
        assert there[method][0] == pytest.approx(values[0])


def test_the_mechanism_predicts_its_own_kind_of_curve() -> None:
    x = np.linspace(0, 3.2, 10)
    shares = right(x)
    found = predictions(x, shares)
    predicted, low, high = found["mechanism"]
    assert predicted == pytest.approx(shares[-1], abs=0.01)
    assert low < shares[-1] < high
    assert abs(found["last value"][0] - shares[-1]) > 0.05


def test_errors_are_predicted_minus_observed() -> None:
    x = np.linspace(0, 4, 9)
    found = predict_largest(x, right(x), True, trials=np.full(9, 300), chance=0.5)
    assert len(found) == 4
    for one in found:
        assert one["observed"] == right(x)[-1]
        assert one["error"] == pytest.approx(one["predicted"] - one["observed"])
        assert math.isnan(one["low"])


def test_plain_guesses_are_the_last_value_and_the_line_of_log_odds() -> None:
    x = np.linspace(0, 4, 6)
    shares = expit(x - 2)
    found = predictions(x, shares, n=10**6)
    assert found["last value"][0] == shares[-2]
    assert found["line"][0] == pytest.approx(shares[-1], abs=1e-4)
    assert found["line"][1] < shares[-1] < found["line"][2]


def test_a_line_of_losses_is_straight_in_nats() -> None:
    found = predict_largest([1, 2, 4, 5], [-4.0, -3.5, -2.5, 0.0], False)
    assert {one["method"]: one["predicted"] for one in found} == pytest.approx(
        {"last value": -2.5, "line": -2.0}
    )


def test_what_few_sizes_do_not_suffice_for_is_left_out() -> None:
    trials = np.full(3, 100)
    three = predict_largest([1, 2, 3], [0.5, 0.2, 0.6], True, trials=trials, chance=0.5)
    assert [one["method"] for one in three] == ["last value"]
    assert predict_largest([1], [0.5], True) == []


def test_a_line_through_shares_of_nought_stays_a_share() -> None:
    x = np.arange(5.0)
    found = predictions(x, np.array([1, 0.4, 0, 0, 0.2]), n=100)
    assert 0 <= found["line"][0] < 0.05
