"""What the atlas answers follows from the verdicts, exceptions and undetermined curves counted."""

from __future__ import annotations

import numpy as np
import pytest

from ushaped.atlas.answers import agreement, counts, everywhere, metrics, predictable, twice
from ushaped.atlas.judge import COLUMNS
from ushaped.results.text_files import Row


def row(**cells: object) -> Row:
    """A verdict; whatever is not given is the same for all."""
    made: Row = dict.fromkeys(COLUMNS, "")
    made |= {
        "set": "made",
        "corpus": "web",
        "task": "quiz",
        "metric": "accuracy",
        "axis": "parameters",
        "fixed": "20 tokens per parameter",
        "statistical": "positive",
        "pvalue_change": 0.01,
        "size_names": "1B;2B",
        "values": "0.5;0.6",
    }
    return made | cells


# -- counts ---------------------------------------------------------------------------------------


def test_curves_are_counted_by_shape_and_intervals_resample_tasks() -> None:
    rows = [
        row(task=f"t{place}", statistical="U-shaped" if place < 3 else "positive", confirmed="yes")
        for place in range(12)
    ]
    rows.append(row(task="t0", pvalue_change=None, statistical="undetermined"))
    found = {one["shape"]: one for one in counts.rows(rows, 500, 0)}
    assert (found["U-shaped"]["count"], found["U-shaped"]["confirmed"]) == (3, 3)
    assert (found["U-shaped"]["curves"], found["U-shaped"]["tested"]) == (13, 12)
    assert found["undetermined"]["count"] == 0
    low, high = found["U-shaped"]["low"], found["U-shaped"]["high"]
    assert 0 <= low < 0.25 < high < 0.6  # type: ignore[operator]
    # Twelve tasks without one do not show that there is none.
    assert found["inverse"]["low"] == 0
    assert float(str(found["inverse"]["high"])) == pytest.approx(0.242, abs=0.001)


def test_few_tasks_give_no_interval() -> None:
    found = counts.rows([row(task=f"t{place}") for place in range(9)], 100, 0)
    assert np.isnan(float(str(found[0]["low"])))


# -- agreement ------------------------------------------------------------------------------------


def test_corpora_that_agree_on_every_task_do_so_beyond_chance() -> None:
    rows = [
        row(task=f"t{place}", corpus=corpus, statistical="inverse" if place % 2 else "positive")
        for place in range(10)
        for corpus in "abc"
    ]
    (found,) = agreement.rows(rows, 500, 0)
    assert (found["kappa"], found["all_same"], found["tasks"]) == (1.0, 10, 10)
    assert found["p"] == pytest.approx(1 / 501)


def test_corpora_that_ignore_the_task_agree_by_chance() -> None:
    rng = np.random.default_rng(1)
    rows = [
        row(task=f"t{place}", corpus=corpus, statistical=str(rng.choice(["inverse", "positive"])))
        for place in range(40)
        for corpus in "abc"
    ]
    (found,) = agreement.rows(rows, 500, 0)
    assert abs(found["kappa"]) < 0.25  # type: ignore[arg-type]
    assert found["p"] > 0.05  # type: ignore[operator]


def test_agreement_to_be_undetermined_is_counted_apart() -> None:
    rows = [
        row(task=f"t{place}", corpus=corpus, statistical="undetermined" if place else "positive")
        for place in range(6)
        for corpus in "ab"
    ]
    (found,) = agreement.rows(rows, 100, 0)
    assert (found["all_same"], found["all_same_and_decided"]) == (6, 1)


# -- everywhere, predictable, metrics, twice ------------------------------------------------------


def test_a_task_is_u_shaped_everywhere_only_without_an_exception() -> None:
    rows = [
        row(task="always", statistical="U-shaped"),
        row(task="always", statistical="U-shaped", corpus="b"),
        row(task="mostly", statistical="U-shaped"),
        row(task="mostly", statistical="undetermined", corpus="b"),
        row(task="sometimes", statistical="U-shaped"),
        row(task="sometimes", statistical="positive", corpus="b"),
        row(task="always", statistical="irregular", flags="mixed-multiples"),
    ]
    found = {one["task"]: one for one in everywhere.rows(rows)}
    assert [found[task]["everywhere"] for task in ("always", "mostly", "sometimes")] == [
        "U-shaped",
        "",
        "",
    ]
    assert [found[task]["wherever_decided"] for task in ("always", "mostly", "sometimes")] == [
        "U-shaped",
        "U-shaped",
        "",
    ]


def test_a_flat_curve_is_foretold_and_not_predictable() -> None:
    rows = [row(task=f"t{place}", error_line=0.01, error_last_value=-0.05) for place in range(6)]
    rows += [
        row(task=f"f{place}", error_line=0.0, error_last_value=0.0, statistical="flat")
        for place in range(2)
    ]
    rows += [row(task=f"m{place}", error_line=-0.03, error_last_value=-0.01) for place in range(2)]
    for one in rows:
        one["error_broken_law"] = None
    found = {one["law"]: one for one in predictable.rows(rows, 0.02)}
    assert found.keys() == {"last value", "line"}
    line = found["line"]
    assert (line["curves"], line["foretold"], line["moving"], line["predictable"]) == (10, 8, 8, 6)
    assert (line["share"], line["better_than_last_value"]) == (0.6, 6)


def test_verdicts_under_another_metric_are_same_other_or_open() -> None:
    rows = []
    for task, other, tested in (
        ("same", "positive", 0.01),
        ("other", "flat", 0.01),
        ("open", "undetermined", 0.01),
        ("untested", "positive", None),
    ):
        rows += [
            row(task=task),
            row(task=task, metric="brier", statistical=other, pvalue_change=tested),
        ]
    (found,) = metrics.rows(rows)
    assert (found["same"], found["other"], found["open"]) == (1, 1, 2)
    assert found["pairs"] == "1 positive - flat"


def test_a_curve_measured_twice_is_compared_point_by_point() -> None:
    rows = [
        row(set="results/a", commit="one"),
        row(
            set="results/b",
            commit="two",
            size_names="2B;3B",
            values="0.45;0.9",
            statistical="inverse",
        ),
        row(set="results/b", task="another"),
    ]
    (found,) = twice.rows(rows)
    assert (found["commit"], found["other_commit"]) == ("one", "two")
    assert (found["same_verdict"], found["shared_points"], found["at"]) == ("no", 1, "2B")
    assert found["largest_difference"] == pytest.approx(-0.15)
