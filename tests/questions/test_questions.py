"""Open questions: last steps, reasoning, compute-optimal models, and selection by chance."""

from __future__ import annotations

import csv
import math
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import questions as step
from drawing import make
from project import Project
from ushaped.errors import UserError
from ushaped.figures.theme import save
from ushaped.questions import QUESTIONS, chains, continuing, matching, selection
from ushaped.questions.selection import INDEPENDENT, LAST_FALL, SLOPE, WALK
from ushaped.report import questions as shown
from ushaped.results import tables
from ushaped.shapes.curves import Curve
from ushaped.shapes.read import read_published
from ushaped.shapes.rules import Rule
from ushaped.terms import TEN_TASKS

ROOT = Path(__file__).parents[2]
SERIES = ROOT / "literature/series.csv"
RULE = Rule.published_equivalent()
SETTINGS = ("--recovery", "0.3333", "--equivalence", "0.02", "--draws", "200", "--seed", "0")


def curve(values: list[float], **changed: object) -> Curve:
    told = {
        "family": "f",
        "source": "published",
        "task": "neqa",
        "variant": "zero-shot",
        "protocol": "official",
        "modified": "",
        "metric": "accuracy",
        "sizes": tuple(f"s{i}" for i in range(len(values))),
        "flops": 100.0 ** np.arange(len(values)),
        "values": np.array(values),
        "n": 100,
    }
    return Curve(**(told | changed))  # type: ignore[arg-type]


def answer(question: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Answer a question from the published series, as its rule does."""
    path = folder / f"{question}.csv"
    words = [question, "--results", str(folder), "--published", str(SERIES), *SETTINGS]
    words += ["--output", str(path)]
    monkeypatch.setattr(sys, "argv", ["questions.py", *words])
    step.main()
    return path


def test_every_question_is_a_module_with_its_columns() -> None:
    for name in QUESTIONS:
        module = import_module(f"ushaped.questions.{name.replace('-', '_')}")
        assert module.COLUMNS
        assert set(module.COLUMNS) >= module.TEXT


def rows_of(path: Path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


# -- does it continue? -----------------------------------------------------------------------------


def test_the_last_step_and_its_slope_per_factor_of_ten() -> None:
    drawn = np.array([[0.9, 0.5, 0.3], [0.9, 0.5, 0.1], [0.9, 0.4, 0.39], [0.9, 0.5, 0.3]])
    inverse = curve([0.9, 0.5, 0.3], chance=0.5)
    (row,) = continuing.continuing([inverse], lambda _: drawn, RULE)
    assert row["step"] == pytest.approx(-0.2)
    # Compute grows by a factor of a hundred from size to size.
    assert row["slope"] == pytest.approx(-0.1)
    assert (row["direction"], row["p_direction"]) == ("down", 0.75)
    # All four draws are inverse by the rule.
    assert row["p_inverse"] == 1.0
    assert row["room_to_zero"] == pytest.approx(0.3)
    assert row["room_to_chance"] == pytest.approx(-0.2)


def test_only_inverse_curves_are_followed() -> None:
    curves = [curve([0.9, 0.3, 0.8]), curve([0.1, 0.9]), curve([0.9]), curve([0.9, 0.3, 0.31])]
    (row,) = continuing.continuing(curves, lambda _: None, RULE)
    assert (row["before"], row["direction"]) == (0.3, "flat")
    assert math.isnan(row["p_direction"])
    assert math.isnan(row["step_low"])


def test_a_loss_that_falls_rises_again_and_has_no_room_to_state() -> None:
    loss = curve([0.3, 2.2, 1.7], metric="sequence_loss", chance=0.5)
    (row,) = continuing.continuing([loss], lambda _: None, RULE)
    assert row["step"] == pytest.approx(0.5)
    assert row["direction"] == "up"
    assert math.isnan(row["room_to_zero"])
    assert math.isnan(row["room_to_chance"])


def test_a_step_of_exactly_the_margin_is_flat() -> None:
    steps = np.array([0.5 - 0.52, 0.52 - 0.5, -0.0201])
    assert continuing.directions(steps, 0.02) == ["flat", "flat", "down"]


def test_palms_inverse_tasks_at_their_last_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = answer("continuing-published", tmp_path, monkeypatch)
    palm = {row["task"]: row for row in rows_of(path) if row["family"] == "PaLM"}
    # 56.7 to 44.1 %, 0 to 0.1 %, 36.0 to 36.7 %, and 2.2 to 1.7 nats.
    assert {task: row["direction"] for task, row in palm.items()} == {
        "redefine": "down",
        "pattern-matching-suppression": "flat",
        "into-the-unknown": "flat",
        "prompt-injection": "up",
    }
    assert float(palm["into-the-unknown"]["room_to_chance"]) == pytest.approx(-0.133)
    first = shown.last_steps([tables.read_question(path)])[0]
    assert first.who.startswith("PaLM, zero-shot (official protocol), published results on")
    assert "1 still falls (redefine), 2 change no further" in first.sentence
    assert first.floored(0.02) == ["pattern-matching-suppression (0.1%)"]


# -- with reasoning? -------------------------------------------------------------------------------


def test_verdicts_with_reasoning_are_those_of_the_variants_with_chains() -> None:
    base = dict.fromkeys(chains.COLUMNS, "") | {"family": "f", "task": "neqa", "size": "s"}
    compared = [base | {"variant": name} for name in ("zero-shot", "cot", "zero-shot-cot")]
    measured = [
        base | {"model": model, "variant": "cot", "metric": "unparsed_share", "value": value}
        for model, value in (("", "0.25"), ("m", "0.5"))
    ]
    rows = chains.chains(compared, measured)
    assert [(row["variant"], row["unparsed"]) for row in rows] == [
        ("cot", "0.25"),
        ("zero-shot-cot", ""),
    ]


def test_the_page_counts_inverse_tasks_with_reasoning_by_variant() -> None:
    table = pd.DataFrame(
        [
            {"family": "f", "source": "replica", "variant": variant, "protocol": "modified"}
            | {"task": task, "equivalent": shape, "p": p}
            for variant, task, shape, p in (
                ("cot", "neqa", "inverse", 0.95),
                ("cot", "redefine", "inverse", 0.6),
                ("cot", "memo-trap", "U-shaped", 0.9),
                ("cot", tables.AVERAGE, "inverse", 0.9),
                ("zero-shot-cot", "neqa", "positive", 0.9),
            )
        ]
    )
    said = [group.sentence for group in shown.chains(table)]
    assert "cot (modified protocol), replica items: 2 of 3 tasks are inverse" in said[0]
    assert said[0].endswith("for 1 of these at least 95% of the draws agree")
    assert said[1].endswith("none of 1 task is inverse")
    assert shown.chains(None) == []


# -- compute-optimal? ------------------------------------------------------------------------------


def test_between_sizes_values_go_with_the_logarithm_and_outside_there_are_none() -> None:
    scales = np.array([1.0, 100.0, 1e4])
    values = np.array([[0.2, 0.6, 0.4], [1.0, 2.0, 3.0]])
    assert matching.interpolate(scales, values, 10.0).tolist() == pytest.approx([0.4, 1.5])
    assert matching.interpolate(scales, values, 1e4).tolist() == [0.4, 3.0]
    assert matching.interpolate(scales, values, 1.0).tolist() == [0.2, 1.0]
    for outside in (0.9, 1.1e4):
        with pytest.raises(ValueError, match="lies outside"):
            matching.interpolate(scales, values, outside)


def series(flops: list[float], parameters: list[float], values: list[float]) -> matching.Series:
    scales = {"training_flops": np.array(flops), "parameters": np.array(parameters)}
    names = tuple(f"{value:g}" for value in parameters)
    return matching.Series(names, scales, np.array(values), None, "accuracy")


def test_points_lie_where_both_series_reach() -> None:
    optimal = series([1e20, 1e22, 1e24], [1e8, 1e9, 1e10], [0.5, 0.4, 0.6])
    gopher = series([1e21, 1e23], [1e9, 1e11], [0.5, 0.3])
    rows = matching.matching({("Chinchilla", "neqa"): optimal, ("Gopher", "neqa"): gopher})
    compute = [row for row in rows if row["axis"] == "training_flops"]
    assert [(row["at"], row["largest"]) for row in compute] == [
        ("Chinchilla 1e+09", "no"),
        ("Gopher 1e+11", "yes"),
    ]
    # At 1e22 Gopher lies half way; at 1e23 Chinchilla does.
    assert [row["difference"] for row in compute] == pytest.approx([0.4 - 0.4, 0.5 - 0.3])
    # There Chinchilla has 1e9 of 1e10 parameters, and 10^9.5 of 1e11.
    assert [row["other_axis_ratio"] for row in compute] == pytest.approx([0.1, 10**-1.5])
    equal = [row for row in rows if row["axis"] == "parameters"]
    assert [row["at"] for row in equal] == ["Chinchilla 1e+09", "Chinchilla 1e+10"]
    assert [row["value"] for row in equal] == pytest.approx([0.5, 0.4])


def test_published_comparisons_extrapolate_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = rows_of(answer("matching", tmp_path, monkeypatch))
    average = [row for row in rows if row["task"] == "ten-task-average"]
    reached = {(row["axis"], row["other"], row["at"]) for row in average}
    # Chinchilla 70B has more compute than Gopher 280B, and PaLM begins at 1B.
    assert ("training_flops", "Gopher", "Chinchilla 70B") not in reached
    assert ("training_flops", "Gopher", "Gopher 280B") in reached
    assert ("parameters", "PaLM", "Chinchilla 400M") not in reached
    assert {row["metric"] for row in rows if row["task"] == "prompt-injection"} == {"sequence_loss"}
    # Where both have a model, the difference is that of the two published numbers.
    (same,) = [
        r
        for r in average
        if (r["axis"], r["other"]) == ("parameters", "Gopher") and r["at"].endswith(" 7B")
    ]
    published = {
        (r["series"], r["size"]): float(r["value"])
        for r in rows_of(SERIES)
        if r["task"] == "ten-task-average"
    }
    expected = published["Chinchilla", "7B"] - published["Gopher", "7B"]
    assert float(same["difference"]) == pytest.approx(expected, abs=1e-9)
    assert float(same["low"]) < expected < float(same["high"])


def test_better_and_worse_are_told_by_the_interval() -> None:
    row = {"metric": "accuracy", "difference": 0.1, "low": 0.05, "high": 0.15}
    assert shown.outcome(row) == "better"
    assert shown.outcome(row | {"metric": "sequence_loss"}) == "worse"
    assert shown.outcome(row | {"low": -0.05}) == "not distinguishable"
    assert shown.outcome(row | {"low": math.nan}) == "without an interval"


# -- a selection effect? ---------------------------------------------------------------------------

TWO_AND_ONE = np.array([0.0, 1.0, 2.0])


def followed(kind: str, tau: float, ranking: str, count: int, tasks: int) -> selection.Outcome:
    true = 0.5 + selection.wiggles(kind, tau, TWO_AND_ONE, (4000, tasks), 0)
    return selection.follow(selection.measured(true, None, 0), TWO_AND_ONE, ranking, count, RULE)


@pytest.mark.parametrize("kind", selection.KINDS)
@pytest.mark.parametrize("ranking", selection.RANKINGS)
def test_without_noise_and_wiggle_nothing_turns(kind: str, ranking: str) -> None:
    found = followed(kind, 0.0, ranking, 11, 30)
    assert not found.turned.any()
    assert not found.rise.any()


@pytest.mark.parametrize("ranking", selection.RANKINGS)
def test_independent_wiggle_returns_to_the_mean_by_what_was_chosen(ranking: str) -> None:
    # Of two tasks with falls d ~ N(0, 2 tau^2) the deeper one is taken: E d = -tau sqrt(2 / pi),
    # half of it at the larger size, all of which comes back at the next one.
    tau = 0.1
    found = followed(INDEPENDENT, tau, ranking, 1, 2)
    assert found.fall.mean() == pytest.approx(tau * math.sqrt(2 / math.pi), rel=0.08)
    assert found.rise.mean() == pytest.approx(tau / math.sqrt(2 * math.pi), rel=0.15)
    everything = followed(INDEPENDENT, tau, ranking, 2, 2)
    assert everything.rise.mean() == pytest.approx(0, abs=0.004)


@pytest.mark.parametrize("ranking", selection.RANKINGS)
def test_a_random_walk_does_not_return(ranking: str) -> None:
    found = followed(WALK, 0.1, ranking, 1, 2)
    # The one step of a walk between two sizes a decade apart has d ~ N(0, tau^2).
    assert found.fall.mean() == pytest.approx(0.1 / math.sqrt(math.pi), rel=0.08)
    assert found.rise.mean() == pytest.approx(0, abs=0.005)


def test_a_walk_widens_with_the_root_of_compute() -> None:
    drawn = selection.wiggles(WALK, 0.1, np.array([0.0, 1.0, 5.0]), (20_000,), 1)
    assert drawn.std(axis=0) == pytest.approx([0.0, 0.1, 0.1 * math.sqrt(5)], rel=0.03)


def test_the_lowest_slope_and_the_deepest_last_fall_are_chosen() -> None:
    values = np.array([[[0.9, 0.5, 0.5], [0.5, 0.9, 0.45], [0.5, 0.5, 0.5]]])
    assert selection.chosen(values, TWO_AND_ONE, SLOPE, 1).tolist() == [[0]]
    assert selection.chosen(values, TWO_AND_ONE, LAST_FALL, 2).tolist() == [[1, 0]]


def test_item_noise_has_the_width_of_a_binomial() -> None:
    values = selection.measured(np.full((200, 50, 2), 0.5), [400], 0)
    assert values.std() == pytest.approx(math.sqrt(0.25 / 400), rel=0.03)
    assert values.mean() == pytest.approx(0.5, abs=0.001)


def test_the_bound_on_the_wiggle_finds_what_was_put_in() -> None:
    items = np.full(6, 10_000)
    decades = np.array([0.0, 0.4, 1.0, 1.5, 2.5, 3.5])
    for kind in selection.KINDS:
        values = 0.5 + selection.wiggles(kind, 0.05, decades, (400,), 2)
        curves = [curve(list(row), flops=10.0**decades, items=items) for row in values]
        assert selection.wiggle_bound(curves, kind) == pytest.approx(0.05, rel=0.06)
    straight = [curve(list(0.6 - 0.05 * decades), flops=10.0**decades, items=items)]
    # A straight trend is no independent wiggle; to a walk all of it might be.
    assert selection.wiggle_bound(straight, INDEPENDENT) == 0.0
    assert selection.wiggle_bound(straight, WALK) > 0.03


def test_a_fall_in_other_models_is_set_against_wiggle_and_noise() -> None:
    counted = {"items": np.array([100] * 3), "flops": np.array([1.0, 100.0, 1e3])}
    curves = [curve([0.5, 0.4, 0.9], **counted), curve([0.5, 0.3, 0.9], **counted)]
    fall, p = selection.fresh_fall(curves, INDEPENDENT, 0.0)
    assert fall == pytest.approx(0.15)
    variance = (0.25 + 0.24 + 0.25 + 0.21) / 100
    assert p == pytest.approx(0.5 * math.erfc(0.15 / (math.sqrt(variance) / 2) / math.sqrt(2)))
    assert selection.fresh_fall(curves, INDEPENDENT, 0.2)[1] > p
    # Two decades apart: the variances of a walk and of two independent sizes are the same.
    walked = selection.fresh_fall(curves, WALK, 0.2)
    assert walked == pytest.approx(selection.fresh_fall(curves, INDEPENDENT, 0.2))


@pytest.fixture(scope="module")
def simulated() -> pd.DataFrame:
    rows = selection.selection(read_published(SERIES), RULE, 0)
    return pd.DataFrame(rows)


def test_what_was_observed_stands_beside_what_was_simulated(simulated: pd.DataFrame) -> None:
    assert tuple(simulated.columns) == selection.COLUMNS
    assert len(simulated) == len(selection.KINDS) * len(selection.TAUS) * len(selection.RANKINGS)
    assert set(simulated["observed_u"]) == {6}
    assert set(simulated["observed_of"]) == {11}
    # PaLM's mean over ten tasks falls from 52.71 to 40.33 %; the counts are rounded.
    assert simulated["fresh_fall"].iloc[0] == pytest.approx(0.5271 - 0.4033, abs=1e-4)
    assert (simulated["u_low"] <= simulated["u_median"]).all()
    assert (simulated["u_median"] <= simulated["u_high"]).all()
    both = simulated[simulated["tau"] == 0].drop(columns=["kind", "tau_bound"])
    without = [rows.drop(columns="ranking").values.tolist() for _, rows in both.groupby("ranking")]
    # Without wiggle both kinds are one.
    assert all(rows[0] == rows[1] for rows in without)


def test_the_same_seed_gives_the_same_numbers(simulated: pd.DataFrame) -> None:
    again = selection.selection(read_published(SERIES), RULE, 0)
    assert pd.DataFrame(again).equals(simulated)


def selected(place: str, p: float) -> pd.DataFrame:
    """Simulated numbers in which the observed one lies at a place, for the page."""
    low = {"above": 0, "inside": 5, "below": 8}[place]
    return pd.DataFrame(
        [
            {"kind": kind, "ranking": "slope", "tau": tau, "u_low": low, "u_high": low + 2}
            | {"fall_median": tau, "observed_fall": 0.1, "observed_u": 6, "tau_bound": 0.15}
            | {"fresh_fall": 0.1, "p_fresh_fall": p, "u_median": low + 1, "observed_of": 11}
            for kind in selection.KINDS
            for tau in (0.0, 0.1, 0.2)
        ]
    )


@pytest.mark.parametrize(("place", "said"), [("above", "is not"), ("inside", "may be")])
def test_the_answer_follows_the_numbers(place: str, said: str) -> None:
    found = shown.selection(selected(place, 0.01))
    assert found is not None
    assert found.independent.position == place
    assert found.independent.row["tau"] == 0.1
    assert found.bounding["tau"] == 0.2
    assert f"turn {said} what selection alone would give" in found.sentence
    assert "falls further than independent wiggle" in found.sentence
    other = shown.selection(selected(place, 0.3))
    assert other is not None
    assert "falls no further than independent wiggle" in other.sentence


# -- the steps and what is shown -------------------------------------------------------------------


@pytest.mark.parametrize("name", ["matching", "selection"])
def test_the_published_answers_are_drawn(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = answer(name, tmp_path, monkeypatch)
    table, figure = make(name, {name: tables.read_question(path)})
    save(figure, table, tmp_path / "figure")
    assert all((tmp_path / f"figure.{ending}").stat().st_size for ending in ("svg", "png", "csv"))
    drawn = rows_of(tmp_path / "figure.csv")
    if name == "matching":
        assert {row["task"] for row in drawn} == {*TEN_TASKS, "ten-task-average"}
    texts = shown.describe_figures({name: tables.read_question(path)})
    assert "nan" not in texts[name]
    assert len(texts[name]) > 150


def test_a_question_without_its_file_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match=r"protocols\.csv: cannot be read: no such file"):
        answer("chains", tmp_path, monkeypatch)
    with pytest.raises(UserError, match="is no open question"):
        tables.read_question(tmp_path / "other.csv")


def test_what_the_published_series_answer_needs_no_model(fresh: Project) -> None:
    files = [
        *(f"results/questions/{name}.csv" for name in ("continuing-published", "matching")),
        *("results/questions/selection.csv", "results/figures/matching.svg"),
        "results/figures/selection.csv",
    ]
    jobs = fresh.plan(*files)
    assert {job.rule for job in jobs} == {"questions", "published_figures"}
    data = {path for job in jobs for path in job.inputs if not path.startswith("scripts/")}
    made = {path for job in jobs for path in job.outputs}
    assert data - made == {"literature/series.csv", "literature/markers.csv"}
