"""Run-to-run noise: estimated, borrowed, in draws and tests, and how much a verdict withstands."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ushaped.errors import UserError
from ushaped.literature.run_noise import TABLE, read_run_noise
from ushaped.shapes.bootstrap import resampled_clustered_means
from ushaped.shapes.conclude import judge
from ushaped.shapes.data import Counts, Settings
from ushaped.shapes.evidence import examine
from ushaped.shapes.evidence_record import CurveEvidence
from ushaped.shapes.read import read_published
from ushaped.shapes.rules import Floats, Rule
from ushaped.shapes.run_noise import (
    BORROWED,
    Borrowed,
    RunNoise,
    estimate_run_noise,
    noise_profile,
    resampled_runs,
    with_run_noise,
)
from ushaped.shapes.sample import Sample, from_counts, from_errors, from_items
from ushaped.shapes.stability import OVERDISPERSED, overdispersion, tipping_point

RULE = Rule.published_equivalent()
SERIES = Path(__file__).parents[2] / "literature" / "series.csv"


def losses(means: list[float], spread: float = 1.0) -> Floats:
    """Values of models whose items differ alike, shape (models, 400); their means are given."""
    noise = np.random.default_rng(2).normal(size=400)
    return np.array(means)[:, None] + spread * (noise - noise.mean()) / noise.std()


def right_answers(chances: Floats, n: int, seed: int = 0) -> Floats:
    """Answers of shape (models, n) to items of unequal difficulty."""
    rng = np.random.default_rng(seed)
    ease = rng.uniform(-0.2, 0.2, n)
    return (rng.random((len(chances), n)) < chances[:, None] + ease).astype(float)


def members_of(values: Floats, runs: int) -> list[list[int]]:
    return np.arange(len(values)).reshape(-1, runs).tolist()


def trained(values: Floats, runs: int) -> Sample:
    """Sample with the run-to-run noise that its runs show."""
    members = members_of(values, runs)
    sample = from_items(values, members, None, shares=True)
    noise = estimate_run_noise(values, members, shares=True)
    assert sample is not None
    assert noise is not None
    return with_run_noise(sample, noise, np.full(len(members), runs))


def of_shares(shares: list[float], n: int = 1000) -> Sample:
    right = np.rint(np.array(shares) * n).astype(np.int64)
    return from_counts(right, np.full(len(shares), n))


def noisy(sample: Sample, sd: float) -> Sample:
    return with_run_noise(sample, RunNoise(BORROWED, sd), np.ones(len(sample.heights), np.int64))


# -- estimated ------------------------------------------------------------------------------------


def test_one_run_per_size_gives_no_estimate() -> None:
    assert estimate_run_noise(losses([0.0, 1.0]), [[0], [1]], shares=False) is None


def test_the_estimate_pools_the_runs_of_all_sizes() -> None:
    # Variances 2, 0 and 8, of one, one and two degrees of freedom.
    values = losses([-1.0, 1.0, 5.0, 5.0, -2.0, 0.0, 2.0])
    values[4:] *= 2**0.5
    found = estimate_run_noise(values, [[0, 1], [2, 3], [4, 5, 6]], shares=False)
    assert found is not None
    assert found.degrees == 4
    assert found.total == pytest.approx((2 + 0 + 2 * 8) / 4, rel=1e-6)


@pytest.mark.parametrize("sd", [0.0, 0.05])
def test_the_luck_of_the_items_is_no_run_to_run_noise(sd: float) -> None:
    rng = np.random.default_rng(1)
    squares = []
    for draw in range(200):
        chances = 0.5 + sd * rng.standard_normal(16)
        found = estimate_run_noise(right_answers(chances, 300, draw), members_of(chances, 2), True)
        assert found is not None
        squares.append(found.sd**2)
    # Of no noise, negative estimates count as none; 1.4 points are left of the items' 2.9.
    assert math.sqrt(np.mean(squares)) == pytest.approx(sd, abs=0.003 if sd else 0.015)


def test_runs_that_differ_lower_the_trials_and_the_degrees_of_freedom() -> None:
    level = np.repeat([0.6, 0.4, 0.5, 0.5], 2)
    same = trained(right_answers(level, 200), 2)
    different = trained(right_answers(level + np.tile([0.15, -0.15], 4), 200), 2)
    assert same.trials is not None
    assert different.trials is not None
    assert (different.trials < 0.3 * same.trials).all()
    # One degree of freedom for each pair of runs, and a little for the items.
    assert 4 <= different.degrees < 8
    assert same.degrees > different.degrees


def test_runs_alone_have_a_degree_of_freedom_for_each_beyond_the_first() -> None:
    # No item varies: what varies is the run, at 0 or 1.
    values = np.repeat([[0.0], [1.0], [1.0], [0.0], [1.0], [1.0]], 40, axis=1)
    found = trained(values, 3)
    assert found.degrees == pytest.approx(4)
    # Variance of a mean of three: 1/3 of that of one, 1/3.
    assert found.errors == pytest.approx([1 / 3] * 2)


@pytest.mark.parametrize(("runs", "apart"), [(2, 0.0), (3, 0.0), (3, 0.2)])
def test_errors_count_the_luck_of_the_items_once(runs: int, apart: float) -> None:
    # Runs that answer each item on their own: what they leave over items is the luck that also
    # sets their means apart.
    rng, found, heights = np.random.default_rng(0), [], []
    for _ in range(300):
        chances = 0.5 + apart * rng.uniform(-1, 1, 4 * runs)
        sample = trained((rng.random((4 * runs, 60)) < chances[:, None]).astype(float), runs)
        found.append((sample.errors**2).mean())
        heights.append(sample.heights)
    # Nothing is taken away where runs seem to agree more than luck allows. For a spread that is
    # estimated from four pairs that makes E[max(1, X / 4)] = 1.27, X chi-squared with four degrees.
    assert 0.95 < np.mean(found) / np.var(heights) < 1.4


# -- draws ----------------------------------------------------------------------------------------


def over_runs_alone(values: Floats, members: list[list[int]], draws: int) -> Floats:
    """Draws of the runs, with the same items in every draw."""
    drawn = np.repeat(values.mean(axis=1)[None], draws, axis=0)
    rngs = [np.random.default_rng(place) for place in range(len(members))]
    return resampled_runs(drawn, values, members, rngs, share=False)


@pytest.mark.parametrize("count", [2, 3, 5])
def test_the_variance_of_drawn_runs_is_unbiased(count: int) -> None:
    means = np.random.default_rng(0).normal(size=count)
    (column,) = over_runs_alone(losses(means.tolist()), [list(range(count))], 20_000).T
    assert column.mean() == pytest.approx(0, abs=0.02)
    assert column.var() == pytest.approx(means.var(ddof=1) / count, rel=0.04)


def test_drawn_runs_vary_alike_at_all_sizes_with_one_run_too() -> None:
    # Runs 2 apart, and runs that happen to agree: variances 2 and 0, so 1 for each run.
    values = np.vstack([losses([-1.0, 1.0]), losses([5.0, 5.0]), losses([0.0])])
    one, other, alone = over_runs_alone(values, [[0, 1], [2, 3], [4]], 20_000).T
    assert one.var() == pytest.approx(1 / 2, rel=0.04)
    assert other.var() == pytest.approx(1 / 2, rel=0.04)
    assert alone.var() == pytest.approx(1, rel=0.04)


def test_without_several_runs_nothing_is_drawn() -> None:
    assert not over_runs_alone(losses([0.0, 1.0]), [[0], [1]], 10).any()


@pytest.mark.parametrize("between", [0.0, 0.3])
def test_draws_over_items_and_runs_count_the_luck_of_the_items_once(between: float) -> None:
    # Two models of one size on 60 items, many times over: what varies is whether an item is right.
    rng, found, truth = np.random.default_rng(0), [], []
    for _ in range(400):
        chances = 0.5 + between * rng.choice([-1, 1], size=2)
        right = (rng.random((60, 2)) < chances).astype(float)
        drawn = resampled_clustered_means(right, np.zeros(60, dtype=int), 200, rng)
        runs = resampled_runs(drawn, right.T, [range(2)], [rng], share=True)
        found.append((drawn.mean(axis=1) + runs[:, 0]).var())
        truth.append(right.mean())
    excess = np.mean(found) / np.var(truth)
    # Negative estimates of the training's part count as none; where it is none that makes the
    # variance larger by E[max(0, X - 1)] = 0.48, X being chi-squared with one degree of freedom.
    assert 0.9 < excess < (1.65 if between == 0 else 1.1)


def test_errors_are_those_of_the_draws() -> None:
    values = right_answers(np.array([0.75, 0.45, 0.55, 0.25]), 120)
    rngs = [np.random.default_rng(1 + place) for place in range(2)]
    drawn = resampled_clustered_means(values.T, np.zeros(120, int), 8000, np.random.default_rng(0))
    runs = resampled_runs(drawn, values, members_of(values, 2), rngs, share=True)
    items = drawn.reshape(len(drawn), 2, 2).mean(axis=2)
    assert trained(values, 2).errors == pytest.approx((items + runs).std(axis=0), rel=0.06)


# -- known and borrowed ---------------------------------------------------------------------------


def test_the_noise_of_a_share_is_full_in_the_middle_and_small_at_the_ends() -> None:
    heights = np.array([0.0, 0.01, 0.07, 0.5, 0.93, 1.0])
    found = noise_profile(heights, 1000)
    assert found[2:5] == pytest.approx(1)
    assert found[0] == pytest.approx(found[-1])
    assert found[0] < found[1] < 0.2
    assert noise_profile(heights - 5, None).tolist() == [1] * 6


def test_noise_is_added_to_the_variance_and_lowers_the_trials() -> None:
    sample = of_shares([0.5, 0.3, 0.4])
    found = noisy(sample, 0.03)
    assert found.errors**2 == pytest.approx(sample.errors**2 + 0.03**2)
    assert found.trials is not None
    spread = found.heights * (1 - found.heights)
    assert found.trials == pytest.approx(spread / (spread / 1000 + 0.03**2), rel=1e-2)
    means = noisy(from_errors(np.array([-1.0, -2.0]), np.array([0.3, 0.4])), 0.4)
    assert means.errors == pytest.approx([0.5, 0.32**0.5])
    assert noisy(sample, 0.0) is sample


def test_the_mean_of_several_runs_varies_less() -> None:
    sample = of_shares([0.5, 0.5])
    found = with_run_noise(sample, RunNoise(BORROWED, 0.04), np.array([1, 4]))
    assert found.errors**2 - sample.errors**2 == pytest.approx([0.04**2, 0.02**2])


def test_a_kind_of_task_names_the_root_mean_square_of_its_rows(tmp_path: Path) -> None:
    table = tmp_path / "run_noise.csv"
    rows = ["kind,of,metric,sd", "a,task,accuracy,0.03", "a,task,accuracy,0.04"]
    table.write_text("\n".join([*rows, "a,average,accuracy,0.01", "b,task,accuracy,0.2"]))
    found = read_run_noise("a", table)
    assert found is not None
    assert found.of("accuracy", average=False).sd == pytest.approx(12.5**0.5 / 100)
    assert found.of("accuracy", average=True).sd == pytest.approx(0.01)
    assert found.of("sequence_loss", average=False) == RunNoise("unknown", 0.0, "a")


def test_noise_may_be_a_number_or_zero() -> None:
    assert read_run_noise("zero") is None
    known = read_run_noise("0.02")
    assert known is not None
    assert known.of("accuracy", average=True).sd == 0.02


@pytest.mark.parametrize("setting", ["two choice", "0", "-0.1", "0.6", "nan"])
def test_a_wrong_noise_is_refused_with_what_may_be_written(setting: str) -> None:
    with pytest.raises(UserError, match=r"give zero, multiple-choice, two-choice, or a share"):
        read_run_noise(setting)


def test_a_noise_of_the_table_that_is_no_share_is_refused(tmp_path: Path) -> None:
    table = tmp_path / "run_noise.csv"
    table.write_text("kind,of,metric,sd\na,task,accuracy,3.2\n")
    with pytest.raises(UserError, match=r"run_noise.csv, line 2: sd is '3.2'; give a share"):
        read_run_noise("a", table)


def test_the_kinds_of_the_table_are_those_of_the_configuration() -> None:
    kinds = {line.split(",")[0] for line in TABLE.read_text().splitlines()[1:]}
    for kind in kinds:
        found = read_run_noise(kind)
        assert found is not None
        assert 0.005 < found.of("accuracy", average=False).sd < 0.05
        assert found.of("accuracy", average=True).sd < found.of("accuracy", average=False).sd


# -- how much a verdict withstands ----------------------------------------------------------------


def limit_of(sample: Sample, shape: str) -> float:
    runs = np.ones(len(sample.heights), np.int64)
    return tipping_point(sample, shape, RULE, runs, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("shares", "shape"),
    [([0.6, 0.3, 0.5], "U-shaped"), ([0.3, 0.4, 0.7], "positive"), ([0.5, 0.5, 0.5], "flat")],
)
def test_a_verdict_stands_up_to_its_tipping_point(shares: list[float], shape: str) -> None:
    sample = of_shares(shares, 20_000)
    limit = limit_of(sample, shape)
    assert 0 < limit < 0.5
    for factor, stands in ((0.9, True), (1.1, False)):
        judged = judge(noisy(sample, factor * limit), RULE, 2000, np.random.default_rng(1))
        assert (judged.conclusion.shape == shape) == stands


def test_a_deeper_valley_withstands_more() -> None:
    deep, shallow = of_shares([0.6, 0.2, 0.6]), of_shares([0.6, 0.4, 0.6])
    assert limit_of(deep, "U-shaped") > 1.5 * limit_of(shallow, "U-shaped")


def test_an_undetermined_verdict_has_no_tipping_point() -> None:
    assert math.isnan(limit_of(of_shares([0.5, 0.51, 0.5], 100), "undetermined"))


@pytest.mark.parametrize("sd", [0.0, 0.03, 0.08])
def test_sizes_that_scatter_show_how_much(sd: float) -> None:
    rng = np.random.default_rng(3)
    covered, found = 0, []
    for _ in range(100):
        truth = np.linspace(0.7, 0.4, 10) + sd * rng.standard_normal(10)
        sample = of_shares((rng.binomial(1000, truth) / 1000).tolist())
        estimate = overdispersion(sample, np.ones(10, np.int64), rng)
        assert estimate is not None
        covered += estimate[1] <= sd <= estimate[2]
        found.append(estimate[0])
    assert covered >= 85
    assert np.median(found) == pytest.approx(sd, abs=0.012)


def test_few_sizes_do_not_show_how_much_they_scatter() -> None:
    sample = of_shares([0.5] * 7)
    assert overdispersion(sample, np.ones(7, np.int64), np.random.default_rng(0)) is None


# -- the record -----------------------------------------------------------------------------------

PALM = {c.task: c for c in read_published(SERIES) if c.family == "PaLM" and c.right is not None}


def record_of(task: str, run_noise: Borrowed | None) -> CurveEvidence:
    curve = PALM[task]
    assert curve.right is not None
    assert curve.items is not None
    return examine(
        curve, Counts(curve.right, curve.items), Settings(draws=500, run_noise=run_noise)
    )


@pytest.mark.parametrize("task", PALM)
def test_both_verdicts_agree_where_the_noise_is_below_the_tipping_point(task: str) -> None:
    noise = read_run_noise("two-choice")
    assert noise is not None
    record, alone = record_of(task, noise), record_of(task, None)
    said = record["verdict"]
    assert record["run_noise"]["source"] == "borrowed"
    assert record["run_noise"]["sd"] == noise.of("accuracy", average=False).sd
    assert said["these_models"] == alone["verdict"]["statistical"]
    within = said["tipping_point"] >= record["run_noise"]["sd"]
    assert (said["statistical"] == said["these_models"]) == within


def test_another_training_could_undo_the_verdict_on_memo_trap() -> None:
    said = record_of("memo-trap", Borrowed("a study", {("accuracy", False): 0.05}))["verdict"]
    assert (said["these_models"], said["statistical"]) == ("U-shaped", "inverse")
    assert 0.02 < said["tipping_point"] < 0.04


def test_borrowed_noise_widens_intervals_and_leaves_the_draws() -> None:
    alone = record_of("hindsight-neglect", None)
    noisy = record_of("hindsight-neglect", Borrowed("a study", {("accuracy", False): 0.1}))
    for low, wider_low, high, wider_high in zip(
        alone["low"], noisy["low"], alone["high"], noisy["high"], strict=True
    ):
        assert wider_low < low
        assert wider_high > high
    # The rule's draws are over items; they are those of the comparison of prompt variants.
    one, other = (record["verdict"]["probabilities"]["U-shaped"] for record in (alone, noisy))
    assert other == one


@pytest.mark.parametrize(("setting", "source"), [(None, "zero"), (Borrowed("", {}), "unknown")])
def test_without_noise_the_verdict_is_on_these_very_models(
    setting: Borrowed | None, source: str
) -> None:
    record = record_of("neqa", setting)
    assert record["run_noise"]["source"] == source
    assert record["verdict"]["these_models"] == record["verdict"]["statistical"]


def test_of_a_curve_without_errors_the_noise_is_unknown() -> None:
    curve = next(c for c in read_published(SERIES) if c.task == "prompt-injection")
    record = examine(curve, None, Settings(draws=50))
    assert record["run_noise"]["source"] == "unknown"
    assert record["verdict"]["these_models"] == "undetermined"


def test_sizes_that_scatter_more_than_the_noise_are_flagged() -> None:
    shares = [0.5, 0.6, 0.45, 0.58, 0.44, 0.6, 0.5, 0.42]
    right = np.rint(np.array(shares) * 2000).astype(np.int64)
    curve = replace(
        PALM["neqa"],
        sizes=tuple("abcdefgh"),
        flops=10.0 ** np.arange(18, 26),
        parameters=None,
        values=right / 2000,
        right=None,
        items=None,
        n=2000,
    )
    for sd, flagged in ((0.01, True), (0.2, False)):
        settings = Settings(draws=500, run_noise=Borrowed("a study", {("accuracy", False): sd}))
        record = examine(curve, Counts(right, np.full(8, 2000)), settings)
        assert (OVERDISPERSED in record["verdict"]["notes"]) == flagged
