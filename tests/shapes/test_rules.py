"""Shapes: known curves, what the rules ignore, the bootstrap, and the judging step."""

from __future__ import annotations

import csv
import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fabricate
import shapes as step
from ushaped.errors import UserError
from ushaped.results.columns import METRICS as COLUMNS
from ushaped.shapes.bootstrap import (
    binomial_resamples,
    paired_resamples,
    resampled_cluster_count,
    resampled_clustered_means,
    verdict_frequencies,
)
from ushaped.shapes.curves import Answers, Curve, draw_measured
from ushaped.shapes.read import read_items
from ushaped.shapes.rules import Rule, valley, verdict, verdicts
from ushaped.shapes.sample import from_counts
from ushaped.shapes.valley_estimate import estimate_valley
from ushaped.terms import SHAPES, TEN_TASKS

LITERAL, EQUIVALENT = Rule.literal(), Rule.published_equivalent()

curves = st.lists(
    st.integers(0, 100).map(lambda percent: percent / 100), min_size=2, max_size=9
).map(np.array)


# -- rules ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "literal", "equivalent"),
    [
        ([0.1, 0.5, 0.9], "positive", "positive"),
        ([0.9, 0.5, 0.1], "inverse", "inverse"),
        ([0.9, 0.2, 0.8], "U-shaped", "U-shaped"),
        ([0.2, 0.9, 0.1], "inverted-U", "inverted-U"),
        ([0.5, 0.5, 0.5], "flat", "flat"),
        ([0.50, 0.51, 0.49], "flat", "flat"),
        # A dip that is practically nothing, before a real rise.
        ([0.50, 0.49, 0.90], "U-shaped", "positive"),
        # A dip that is small beside the rise after it, and a rise that is small beside the fall.
        ([0.50, 0.47, 0.90], "U-shaped", "positive"),
        ([0.48, 0.51, 0.00], "inverted-U", "inverse"),
        # A rise that wins back too little.
        ([0.90, 0.30, 0.40], "U-shaped", "inverse"),
        # A third is enough, exactly.
        ([0.90, 0.30, 0.50], "U-shaped", "U-shaped"),
        # The fall counts from the highest value before the lowest one.
        ([0.50, 0.90, 0.30, 0.60], "U-shaped", "U-shaped"),
        # Back to where it began, twice.
        ([0.10, 0.60, 0.10, 0.60], "U-shaped", "U-shaped"),
        # A zigzag that ends at its lowest is no U, and its mirror image starts at its lowest.
        ([0.90, 0.50, 0.80, 0.40], "inverse", "inverse"),
        ([0.10, 0.90], "positive", "positive"),
        ([0.90, 0.10], "inverse", "inverse"),
    ],
)
def test_known_shapes(values: list[float], literal: str, equivalent: str) -> None:
    assert verdict(values, LITERAL) == literal
    assert verdict(values, EQUIVALENT) == equivalent


def test_a_difference_of_exactly_the_equivalence_is_flat() -> None:
    # 0.52 - 0.50 is a little more than 0.02 in binary.
    assert verdict([0.50, 0.52], EQUIVALENT) == "flat"
    assert verdict([0.50, 0.521], EQUIVALENT) == "positive"


def test_valley_is_the_first_lowest_value_after_the_peak() -> None:
    found = valley([[0.1, 0.6, 0.1, 0.1, 0.4], [0.2, 0.5, 0.6, 0.7, 0.8]])
    assert found.index.tolist() == [2, 0]
    assert found.recovery[0] == pytest.approx(0.6)
    assert np.isnan(found.recovery[1])


@given(curves)
def test_mirroring_a_curve_mirrors_its_verdict(values: np.ndarray) -> None:
    mirror = {"positive": "inverse", "U-shaped": "inverted-U", "flat": "flat"}
    mirror |= {one: other for other, one in mirror.items()}
    for rule in (LITERAL, EQUIVALENT):
        before, after = verdict(values, rule), verdict(-values, rule)
        # A curve that is both (down, up, down) is called U-shaped either way.
        assert after == mirror[before] or before == "U-shaped" or values[0] == values[-1]


@given(curves, st.floats(-3, 3))
def test_adding_a_constant_changes_no_verdict(values: np.ndarray, constant: float) -> None:
    for rule in (LITERAL, EQUIVALENT):
        assert verdict(values + constant, rule) == verdict(values, rule)


@given(curves)
def test_the_literal_rule_finds_every_u_that_the_equivalent_rule_finds(values: np.ndarray) -> None:
    if verdict(values, EQUIVALENT) == "U-shaped":
        assert verdict(values, LITERAL) == "U-shaped"


@given(curves)
def test_two_sizes_are_never_a_u(values: np.ndarray) -> None:
    assert verdict(values[:2], EQUIVALENT) in ("positive", "inverse", "flat")


@settings(max_examples=20)
@given(st.integers(2, 6), st.integers(0, 10_000))
def test_many_curves_at_once_get_the_verdicts_of_each_alone(scales: int, seed: int) -> None:
    rows = np.random.default_rng(seed).integers(0, 6, (30, scales)) / 5
    together = [SHAPES[code] for code in verdicts(rows, EQUIVALENT)]
    assert together == [verdict(row, EQUIVALENT) for row in rows]


def test_a_curve_of_one_size_is_refused() -> None:
    with pytest.raises(UserError, match="has one size"):
        verdict([0.5], EQUIVALENT)


def test_a_value_that_is_no_number_is_refused() -> None:
    with pytest.raises(UserError, match="no finite number"):
        verdict([0.5, float("nan")], EQUIVALENT)


# -- bootstrap ------------------------------------------------------------------------------------


def test_shares_of_verdicts_add_up_to_one() -> None:
    drawn = np.random.default_rng(0).random((500, 4))
    assert sum(verdict_frequencies(drawn, EQUIVALENT).values()) == pytest.approx(1)


def test_a_clear_u_is_sure_and_a_near_tie_is_not() -> None:
    n = 400
    clear = binomial_resamples(
        np.array([360, 80, 320]), np.array([n] * 3), 1000, np.random.default_rng(0)
    )
    # 0.5 -> 0.44 -> 0.46: whether it falls, and comes back a third, hangs on a few items.
    unsure = binomial_resamples(
        np.array([200, 176, 184]), np.array([n] * 3), 1000, np.random.default_rng(0)
    )
    assert verdict_frequencies(clear, EQUIVALENT)["U-shaped"] == 1.0
    assert 0.1 < verdict_frequencies(unsure, EQUIVALENT)["U-shaped"] < 0.9


def test_items_are_paired_across_the_models_of_a_curve() -> None:
    # Two sizes answer alike on every item: no draw may see a difference between them.
    right = np.random.default_rng(0).integers(0, 2, (100, 1)).astype(float)
    both = (np.arange(100), np.zeros(100, dtype=int), np.hstack([right, right]))
    (drawn,) = paired_resamples([both], 200, 0, "replica", "x")
    assert np.array_equal(drawn[:, 0], drawn[:, 1])
    assert len(set(drawn[:, 0])) > 1


def seeded(values: dict[str, list[float]], task: str = "neqa") -> tuple[Curve, Answers]:
    """A curve whose sizes were trained with several seeds: the shares that each got right."""
    items = np.arange(100)
    models = {f"{size}-{i}": share for size, some in values.items() for i, share in enumerate(some)}
    correct = np.array([items < round(100 * share) for share in models.values()], dtype=float)
    names = tuple(tuple(m for m in models if m.startswith(f"{size}-")) for size in values)
    about = ("f", "replica", task, "zero-shot", "official", "", "accuracy")
    heights = np.array([np.mean(some) for some in values.values()])
    flops = np.arange(1.0, len(values) + 1)
    curve = Curve(*about, tuple(values), flops, heights, 100, (), names)
    return curve, of_one_cluster(items, {name: i for i, name in enumerate(models)}, correct)


def of_one_cluster(items: np.ndarray, models: dict[str, int], correct: np.ndarray) -> Answers:
    """Answers to items that have nothing in common."""
    nothing = np.zeros(len(items), dtype=int)
    return Answers(items, models, correct, nothing, np.arange(len(items)) % 2)


def test_seeds_are_drawn_where_there_are_several() -> None:
    # No item varies, so all that varies is which of the two seeds of 'b' were drawn.
    curve, answers = seeded({"a": [1.0], "b": [0.0, 1.0]})
    (drawn,) = draw_measured([curve], {curve.key: answers}, 4000, 0).values()
    # Half of the other runs of 'a' would be lower, by what a share of 1 leaves to the noise.
    assert (drawn[:, 0] == 1).mean() == pytest.approx(0.5, abs=0.03)
    assert 0.7 < drawn[:, 0].min() < 0.9
    assert {round(float(value), 6) for value in drawn[:, 1]} == {0.0, 0.5, 1.0}
    assert drawn[:, 1].mean() == pytest.approx(0.5, abs=0.02)


def test_the_same_seeds_are_drawn_for_all_tasks() -> None:
    first, own = seeded({"a": [0.0, 1.0], "b": [1.0, 0.0]})
    other, theirs = seeded({"a": [0.0, 1.0], "b": [1.0, 0.0]}, task="redefine")
    drawn = draw_measured([first, other], {first.key: own, other.key: theirs}, 50, 0)
    assert np.array_equal(drawn[first.key], drawn[other.key])
    # But those of one size say nothing about another size.
    many = draw_measured([first], {first.key: own}, 4000, 0)[first.key]
    assert abs(np.corrcoef(many.T)[0, 1]) < 0.06


def test_draws_of_a_curve_do_not_depend_on_its_company() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.random((50, 3)), rng.random((50, 4))
    items, fewer = np.arange(50), np.arange(1, 51)
    part = np.repeat([1, 2], 25)
    (alone,) = paired_resamples([(items, part, one)], 100, 0, "replica", "neqa")
    company = [(fewer, part, other), (items, part, one), (items, part, other)]
    together = paired_resamples(company, 100, 0, "replica", "neqa")
    assert np.allclose(alone, together[1])


def drawn_means(values: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    """Many means over drawn items, shape (draws,)."""
    rng = np.random.default_rng(0)
    return resampled_clustered_means(values[:, None], clusters, 8000, rng)[:, 0]


def test_clusters_whose_items_stand_or_fall_together_count_as_single_items() -> None:
    # Twenty templates of six items each: the spread is that of twenty numbers, not of 120.
    right = np.repeat(np.arange(20) % 2, 6).astype(float)
    drawn = drawn_means(right, np.repeat(np.arange(20), 6))
    assert drawn.mean() == pytest.approx(0.5, abs=0.005)
    assert drawn.std() == pytest.approx(right[::6].std(ddof=1) / 20**0.5, rel=0.03)


def test_drawn_clusters_weigh_as_many_items_as_they_have() -> None:
    sizes = np.arange(1, 41)
    right = np.repeat(np.arange(40) % 2, sizes).astype(float)
    drawn = drawn_means(right, np.repeat(np.arange(40), sizes))
    assert drawn.mean() == pytest.approx(right.mean(), abs=0.01)
    # Linearised variance of a ratio of two means (Cochran 1977, chapter 6).
    about = (sizes * (np.arange(40) % 2) - right.mean() * sizes) / sizes.mean()
    assert drawn.std() == pytest.approx(about.std(ddof=1) / 40**0.5, rel=0.1)


def test_the_parts_of_a_task_keep_their_sizes() -> None:
    # All that varies is between the two parts, and those are there by design.
    right = np.repeat([0.0, 1.0], [30, 90])
    assert set(drawn_means(right, np.repeat([1, 2], [30, 90]))) == {0.75}
    one = drawn_means(right, np.ones(120, dtype=int))
    assert one.std() == pytest.approx((0.75 * 0.25 / 120) ** 0.5, rel=0.03)


def test_the_items_of_few_parts_vary_within_each_part_without_bias() -> None:
    right = np.array([1.0, 0.0, 1.0, 0.0, 0.0])
    drawn = drawn_means(right, np.array([1, 1, 2, 2, 2]))
    within = (2 / 5) ** 2 * np.var([1, 0], ddof=1) / 2 + (3 / 5) ** 2 * np.var(
        [1, 0, 0], ddof=1
    ) / 3
    assert drawn.var() == pytest.approx(within, rel=0.04)


def test_a_part_of_one_item_is_drawn_with_the_others() -> None:
    right = np.array([1.0, 0.0, 1.0, 0.0])
    parts, alone = np.array([1, 2, 2, 2]), np.ones(4, dtype=int)
    assert np.array_equal(drawn_means(right, parts), drawn_means(right, alone))


def test_ten_clusters_are_drawn_and_nine_are_not() -> None:
    assert resampled_cluster_count(np.repeat(np.arange(10), 3)) == 10
    assert resampled_cluster_count(np.repeat(np.arange(9), 3)) == 0
    right = np.repeat(np.arange(10) % 2, 3).astype(float)
    assert drawn_means(right, np.repeat(np.arange(10), 3)).std() > 0
    assert drawn_means(right[:27], np.repeat(np.arange(9), 3)).std() < 1e-12


def test_clusters_reach_the_draws_of_a_curve() -> None:
    curve, answers = seeded({"a": [0.5], "b": [0.5]})
    # 'seeded' answers the first half of the items right: here ten templates, right or wrong.
    whole = replace(answers, clusters=np.repeat(np.arange(10), 10))
    one = draw_measured([curve], {curve.key: answers}, 2000, 0)[curve.key]
    ten = draw_measured([curve], {curve.key: whole}, 2000, 0)[curve.key]
    assert ten.std() > 2.5 * one.std()
    assert np.array_equal(ten[:, 0], ten[:, 1])


def test_recovery_has_no_interval_where_draws_may_not_fall() -> None:
    n = np.full(3, 100)
    for right, known in (([50, 45, 60], False), ([90, 20, 60], True)):
        rng = np.random.default_rng(0)
        drawn = binomial_resamples(np.array(right), n, 2000, rng)
        found = estimate_valley(from_counts(np.array(right), n), drawn, 200, rng)
        assert found is not None
        assert np.isfinite(found.recovery).tolist() == [True, known, known]


def test_more_right_answers_than_items_are_refused() -> None:
    with pytest.raises(UserError, match="11 of 10 items are right"):
        binomial_resamples(np.array([1, 11]), np.array([10, 10]), 5, np.random.default_rng(0))


# -- the step -------------------------------------------------------------------------------------

SETTINGS = ("--recovery", "0.3333", "--equivalence", "0.02", "--draws", "200", "--seed", "0")
RUN_NOISE = tuple(map(str, fabricate.RUN_NOISE))


class Tables:
    """A metrics table and its items, built from answers, and the step that judges them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.metrics: list[dict[str, object]] = []
        self.items: list[dict[str, object]] = []

    def curve(
        self,
        shares: list[float],
        *,
        family: str = "ladder",
        task: str = "neqa",
        unit: float = 1e12,
        flops: list[float] | None = None,
        protocol: str = "official",
        n: int = 100,
        flags: str = "",
    ) -> None:
        """Add a curve: one model per size, right on the first items."""
        for place, share in enumerate(shares):
            row = dict.fromkeys(COLUMNS, "") | {
                "family": family,
                "size": f"{2**place}k",
                "training_flops": (flops or [unit * 4**i for i in range(len(shares))])[place],
                "source": "replica",
                "task": task,
                "variant": "zero-shot",
                "protocol": protocol,
                "metric": "accuracy",
                "value": share,
                "n": n,
                "flags": flags,
            }
            model = f"{family}-{2**place}k-s0"
            self.metrics += [row | {"model": model, "seed": 0}, row]
            if task == "ten-task-average":
                continue
            self.items += [
                {
                    "family": family,
                    "model": model,
                    "source": "replica",
                    "task": task,
                    "variant": "zero-shot",
                    "item": item,
                    "correct": float(item < round(share * n)),
                    "cluster": 0,
                    "answer": item % 2,
                    "distractor": float("nan"),
                }
                for item in range(n)
            ]

    def judge(self, monkeypatch: pytest.MonkeyPatch, *more: str) -> list[dict[str, str]]:
        """Run the step in this process and read its table."""
        with open(self.folder / "metrics.csv", "w", encoding="utf-8", newline="") as handle:
            writer = csv.DictWriter(handle, COLUMNS)
            writer.writeheader()
            writer.writerows(self.metrics)
        pq.write_table(pa.Table.from_pylist(self.items), self.folder / "items.parquet")
        words = [
            *("--metrics", str(self.folder / "metrics.csv")),
            *("--items", str(self.folder / "items.parquet")),
            *("--output", str(self.folder / "shapes.csv")),
            *("--evidence", str(self.folder / "evidence.json")),
        ]
        monkeypatch.setattr(sys, "argv", ["shapes.py", *words, *SETTINGS, *RUN_NOISE, *more])
        step.main()
        with open(self.folder / "shapes.csv", encoding="utf-8", newline="") as handle:
            return list(csv.DictReader(handle))


@pytest.fixture
def tables(tmp_path: Path) -> Tables:
    """An empty table."""
    return Tables(tmp_path)


def test_a_curve_gets_one_row_with_its_evidence(
    tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables.curve([0.9, 0.3, 0.2, 0.8], flags="constant-answer")
    (row,) = tables.judge(monkeypatch)
    assert (row["literal"], row["equivalent"], row["p_u"]) == ("U-shaped", "U-shaped", "1")
    assert (row["sizes"], row["n"], row["valley_size"]) == ("4", "100", "4k")
    assert float(row["valley_flops"]) == 16e12
    assert float(row["recovery"]) == pytest.approx(6 / 7)
    assert float(row["recovery_low"]) < 6 / 7 < float(row["recovery_high"])
    assert row["flags"] == "constant-answer"


def test_the_unit_of_scale_changes_nothing(tables: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    tables.curve([0.9, 0.3, 0.2, 0.8])
    (in_flops,) = tables.judge(monkeypatch)
    tables.metrics, tables.items = [], []
    tables.curve([0.9, 0.3, 0.2, 0.8], unit=1e-9)
    (in_zettaflops,) = tables.judge(monkeypatch)
    del in_flops["valley_flops"], in_zettaflops["valley_flops"]
    assert in_flops == in_zettaflops


def test_points_are_ordered_by_training_compute_not_by_row(
    tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables.curve([0.2, 0.9, 0.5], flops=[1e3, 1e9, 1e6])
    (row,) = tables.judge(monkeypatch)
    assert row["equivalent"] == "positive"


def test_sizes_of_unknown_compute_are_ordered_by_their_parameters_and_the_row_says_so(
    tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables.curve([0.2, 0.9, 0.3], flops=[1e3, 1e9, 1e6], family="mixed")
    tables.curve([0.2, 0.9, 0.3], flops=[1e3, 1e9, 1e6], family="known")
    for row in tables.metrics:
        row["parameters"] = {"1k": 1000, "2k": 2000, "4k": 4000}[str(row["size"])]
        if row["family"] == "mixed" and row["size"] == "2k":
            row["training_flops"] = ""
    mixed, known = tables.judge(monkeypatch)
    assert (mixed["equivalent"], mixed["flags"]) == ("inverted-U", "ordered-by-parameters")
    assert (known["equivalent"], known["flags"]) == ("positive", "")
    assert (mixed["valley_size"], mixed["valley_flops"]) == ("1k", "")
    assert (known["valley_size"], known["valley_flops"]) == ("1k", "1000.0")


def test_the_lowest_point_of_unknown_compute_has_no_compute(
    tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables.curve([0.9, 0.2, 0.8])
    for row in tables.metrics:
        row["parameters"] = {"1k": 1000, "2k": 2000, "4k": 4000}[str(row["size"])]
        row["training_flops"] = ""
    (row,) = tables.judge(monkeypatch)
    assert (row["equivalent"], row["valley_size"], row["valley_flops"]) == ("U-shaped", "2k", "")


def test_a_size_of_neither_compute_nor_parameters_is_refused(
    tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables.curve([0.9, 0.2, 0.8])
    tables.metrics[-1]["training_flops"] = ""
    with pytest.raises(UserError, match="parameters is ''"):
        tables.judge(monkeypatch)


def with_published(tables: Tables, value: float, **told: object) -> None:
    """Add a published point beyond the last size of the last curve."""
    row = dict(tables.metrics[-1])
    row |= {"model": "", "seed": "", "size": "175B", "training_flops": 1e20, "value": value}
    tables.metrics.append(row | {"flags": "published"} | told)


def test_a_published_point_ends_the_curve_of_measured_sizes(
    tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables.curve([0.9, 0.5, 0.2])
    (measured,) = tables.judge(monkeypatch)
    with_published(tables, 0.8)
    (row,) = tables.judge(monkeypatch)
    assert (measured["equivalent"], measured["flags"]) == ("inverse", "")
    assert (row["equivalent"], row["flags"], row["p_u"]) == ("U-shaped", "published-points", "1")
    assert (row["sizes"], row["n"], row["last"]) == ("4", "100", "0.8")
    assert float(row["recovery"]) == pytest.approx(6 / 7)


def test_a_published_point_is_drawn_from_its_counts_and_leaves_the_other_draws_alone() -> None:
    answers = of_one_cluster(
        np.arange(100),
        {"small": 0, "large": 1},
        np.array([np.arange(100) < 90, np.arange(100) < 20], dtype=float),
    )
    about = ("f", "official", "neqa", "zero-shot", "official", "", "accuracy")
    models = (("small",), ("large",))
    alone = Curve(*about, ("a", "b"), np.array([1.0, 2.0]), np.array([0.9, 0.2]), 100, (), models)
    longer = Curve(
        *about,
        ("a", "p", "b"),
        np.array([1.0, 1.5, 2.0]),
        np.array([0.9, 0.3, 0.2]),
        100,
        ("published-points",),
        (models[0], (), models[1]),
    )
    (few,) = draw_measured([alone], {alone.key: answers}, 4000, 0).values()
    (more,) = draw_measured([longer], {longer.key: answers}, 4000, 0).values()
    assert np.array_equal(more[:, [0, 2]], few)
    assert more[:, 1].mean() == pytest.approx(0.3, abs=0.005)
    assert more[:, 1].std() == pytest.approx((0.3 * 0.7 / 100) ** 0.5, rel=0.05)
    assert abs(np.corrcoef(more[:, 1], more[:, 0])[0, 1]) < 0.06


def test_a_published_point_without_counts_leaves_the_curve_without_probabilities(
    tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables.curve([0.2, 0.5, 0.9], task="prompt-injection")
    for row in tables.metrics:
        row["metric"], row["value"] = "sequence_loss", 1 - float(str(row["value"]))
    for item in tables.items:
        item["correct"] = float(str(item["correct"])) - 1
    with_published(tables, 0.4)
    (row,) = tables.judge(monkeypatch)
    assert (row["equivalent"], row["p_u"], row["p_positive"]) == ("inverted-U", "", "")


def test_published_points_join_the_average_of_ten_tasks(
    tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    for task in TEN_TASKS:
        tables.curve([0.9, 0.2], task=task)
        with_published(tables, 0.8)
    tables.curve([0.9, 0.2], task="ten-task-average", n=1000)
    with_published(tables, 0.8)
    (row,) = [row for row in tables.judge(monkeypatch) if row["task"] == "ten-task-average"]
    assert (row["equivalent"], row["sizes"], row["p_u"]) == ("U-shaped", "3", "1")
    assert row["flags"] == "published-points"


def test_one_size_gets_no_verdict_and_two_are_flagged(
    tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables.curve([0.5], family="single")
    tables.curve([0.5, 0.7], family="pair")
    single, pair = tables.judge(monkeypatch)
    assert (single["literal"], single["equivalent"], single["p_u"]) == ("", "", "")
    assert single["flags"] == "one-size"
    assert (pair["equivalent"], pair["flags"]) == ("positive", "two-sizes")


def test_ten_task_average_is_drawn_within_its_tasks(
    tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    for task in TEN_TASKS:
        tables.curve([0.9, 0.4, 0.7], task=task)
    tables.curve([0.9, 0.4, 0.7], task="ten-task-average", n=1000)
    rows = {row["task"]: row for row in tables.judge(monkeypatch)}
    average, single = rows["ten-task-average"], rows["neqa"]
    assert (average["equivalent"], average["p_u"], average["n"]) == ("U-shaped", "1", "1000")

    def width(row: dict[str, str]) -> float:
        return float(row["recovery_high"]) - float(row["recovery_low"])

    # Ten independent tasks: about a third of one task's uncertainty.
    assert width(average) < 0.6 * width(single)


def test_published_means_without_counts_get_no_probabilities(
    tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables.curve([0.9, 0.4, 0.7])
    published = Path(__file__).parents[2] / "literature" / "series.csv"
    head, *lines = published.read_text(encoding="utf-8").splitlines(keepends=True)
    series = tables.folder / "series.csv"
    few = [line for line in lines if re.search(r"\b(PaLM|OPT)\b", line)]
    series.write_text("".join([head, *few]), encoding="utf-8")
    rows = tables.judge(monkeypatch, "--published", str(series))
    palm = {row["task"]: row for row in rows if row["family"] == "PaLM"}
    injected = palm["prompt-injection"]
    assert (injected["lowest"], injected["p_u"], injected["depth_low"]) == ("2.2", "", "")
    assert float(palm["neqa"]["p_u"]) > 0.5
    # The average of ten tasks is drawn from their counts.
    average = palm["ten-task-average"]
    assert (average["equivalent"], average["p_u"], average["n"]) == ("U-shaped", "1", "")
    opt = [row for row in rows if (row["family"], row["task"]) == ("OPT", "ten-task-average")]
    assert "relabelled-sizes" in opt[0]["flags"].split(";")


def test_judging_twice_gives_the_same_bytes(
    tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables.curve([0.55, 0.5, 0.52, 0.53])
    tables.judge(monkeypatch)
    first = (tables.folder / "shapes.csv").read_bytes()
    tables.judge(monkeypatch)
    assert (tables.folder / "shapes.csv").read_bytes() == first


def test_two_sizes_at_one_scale_are_refused(
    tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables.curve([0.9, 0.4, 0.7], flops=[1e3, 1e6, 1e6])
    with pytest.raises(
        UserError, match=r"sizes '2k' and '4k' of .* have the same training compute"
    ):
        tables.judge(monkeypatch)


def test_a_curve_of_two_protocols_is_refused(
    tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables.curve([0.9, 0.4, 0.7])
    tables.metrics[-1]["protocol"] = "modified"
    with pytest.raises(UserError, match="its sizes differ in protocol"):
        tables.judge(monkeypatch)


def test_models_with_different_items_are_refused(tables: Tables) -> None:
    tables.curve([0.9, 0.4])
    pq.write_table(pa.Table.from_pylist(tables.items[:-1]), tables.folder / "items.parquet")
    with pytest.raises(UserError, match="'ladder-1k-s0' and 'ladder-2k-s0' have different items"):
        read_items(tables.folder / "items.parquet")


def test_items_that_contradict_the_metrics_are_refused(
    tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables.curve([0.9, 0.4])
    tables.items[0]["correct"] = 0.0
    with pytest.raises(UserError, match="items and metrics say different things"):
        tables.judge(monkeypatch)


@pytest.mark.parametrize("words", [("--recovery", "0"), ("--equivalence", "-1"), ("--draws", "-5")])
def test_a_setting_out_of_range_is_refused(
    tables: Tables, monkeypatch: pytest.MonkeyPatch, words: tuple[str, str]
) -> None:
    tables.curve([0.9, 0.4])
    with pytest.raises(UserError, match=words[0]):
        tables.judge(monkeypatch, *words)
