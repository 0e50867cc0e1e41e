"""Two orders of sizes in one figure: the averages confirm the correction, and no other one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ushaped.errors import UserError
from ushaped.literature.ordering import TOLERANCE, explanations, ordering_rows
from ushaped.literature.points import Point, points_of
from ushaped.results.tables import read_published
from ushaped.terms import AVERAGE, TEN_TASKS

SERIES = Path(__file__).parents[2] / "literature" / "series.csv"
MIXED = {"OPT", "GPT-2", "GPT-3 FeedME"}
# By hand: a label, and the size whose average stands there.
OPT = {"350M": "2.7B", "1.3B": "175B", "2.7B": "6.7B", "6.7B": "1.3B", "13B": "30B", "30B": "13B"}
OPT |= {"175B": "350M", "125M": "125M", "66B": "66B"}


@pytest.fixture(scope="module")
def points() -> list[Point]:
    """All published points."""
    return points_of(read_published(SERIES))


@pytest.fixture(scope="module")
def table(points: list[Point]) -> pd.DataFrame:
    return pd.DataFrame(ordering_rows(points))


def test_the_sizes_of_the_averages_and_the_tasks_that_move(table: pd.DataFrame) -> None:
    mixed = table[table["series"].isin(MIXED)]
    assert set(mixed["moved_tasks"]) == {"neqa;hindsight-neglect"}
    opt = table[table["series"] == "OPT"]
    assert dict(zip(opt["plotted_size"], opt["size"], strict=True)) == OPT
    others = table[~table["series"].isin(MIXED)]
    assert others["series"].nunique() == 7
    assert (others["size"] == others["plotted_size"]).all()
    assert set(others["moved_tasks"]) == {""}


def test_the_averages_fit_after_the_correction_and_not_before(table: pd.DataFrame) -> None:
    errors = table.groupby("series")[["error_before", "error_across", "error_after"]]
    largest = errors.agg(lambda column: column.abs().max())
    assert (largest[["error_across", "error_after"]] < TOLERANCE).all(axis=None)
    assert set(largest.index[largest["error_before"] > TOLERANCE]) == MIXED
    assert (largest.loc[list(MIXED), "error_before"] > 0.01).all()


def test_no_other_split_of_the_tasks_explains_the_averages(table: pd.DataFrame) -> None:
    assert set(table.loc[table["series"].isin(MIXED), "explanations"]) == {1}


def test_a_correction_that_the_averages_contradict_is_refused(points: list[Point]) -> None:
    def is_wrong(point: Point) -> bool:
        return (point.series, point.size, point.task) == ("OPT", "13B", AVERAGE)

    wrong = [replace(p, value=0.9) if is_wrong(p) else p for p in points]
    said = (
        r"series 'OPT', size 13B: the corrected average is not the mean of its ten tasks; correct"
    )
    with pytest.raises(UserError, match=said):
        ordering_rows(wrong)


def test_a_task_that_is_not_drawn_at_a_label_is_named(points: list[Point]) -> None:
    some = [p for p in points if not (p.series == "OPT" and p.size == "13B" and p.task == "neqa")]
    said = r"series 'OPT', task 'neqa': has no point with plotted_size 30B; add or correct its row"
    with pytest.raises(UserError, match=said):
        ordering_rows(some)


def plant(moved: list[int], order: list[int], *, with_average: bool) -> pd.DataFrame:
    """Random values; the points of the ``moved`` tasks at label i belong to ``order[i]``."""
    values = np.round(np.random.default_rng(7).uniform(size=(5, 10)), 6)
    average = np.round(values.mean(axis=1), 6)
    plotted = values.copy()
    plotted[:, moved] = values[np.ix_(order, moved)]
    table = pd.DataFrame(plotted, columns=list(TEN_TASKS))
    return table.assign(**{AVERAGE: average[order] if with_average else average})


@pytest.mark.parametrize("with_average", [True, False])
@pytest.mark.parametrize("order", [[1, 0, 2, 3, 4], [1, 2, 0, 4, 3], [4, 0, 1, 2, 3]])
def test_a_planted_order_has_one_explanation(order: list[int], with_average: bool) -> None:
    planted = plant([2, 5, 9], order, with_average=with_average)
    assert explanations(planted) == 1
    assert explanations(planted.assign(**{AVERAGE: planted[AVERAGE] + 0.3})) == 0


def test_labels_that_share_a_partner_are_no_explanation() -> None:
    planted = plant([2, 5], [1, 1, 2, 3, 4], with_average=True)
    assert explanations(planted) == 0


def test_several_explanations_are_counted() -> None:
    # A task with the same value everywhere can be on either side of the split.
    planted = plant([2, 5], [1, 0, 2, 3, 4], with_average=True)
    original = plant([], [0, 1, 2, 3, 4], with_average=False)[TEN_TASKS[7]].to_numpy()
    planted[AVERAGE] -= np.round(original[[1, 0, 2, 3, 4]] / 10, 6)
    assert explanations(planted.assign(**{TEN_TASKS[7]: 0.0})) == 2
