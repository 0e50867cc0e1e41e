"""Two orders of sizes in one figure: found where they are, not found where they are not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ushaped.errors import UserError
from ushaped.literature.ordering import Drawn, as_drawn, find, is_consistent, rows, solutions
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
def drawn(points: list[Point]) -> dict[str, Drawn]:
    """Every series as it is plotted."""
    return {one.series: one for one in as_drawn(points)}


def test_the_mixed_orders_are_found(drawn: dict[str, Drawn]) -> None:
    for series in MIXED:
        found = find(drawn[series])
        assert found.fits == 1
        assert set(found.moved) == {"neqa", "hindsight-neglect"}
        assert found.average_moves
    labels = drawn["OPT"].labels
    targets = [labels[place] for place in find(drawn["OPT"]).target]
    assert dict(zip(labels, targets, strict=True)) == OPT


def test_nothing_is_found_where_the_averages_fit(drawn: dict[str, Drawn]) -> None:
    right = set(drawn) - MIXED
    assert len(right) == 7
    for series in right:
        found = find(drawn[series])
        assert is_consistent(drawn[series])
        assert (found.fits, found.moved, found.average_moves) == (0, (), False)
        assert found.target == tuple(range(len(found.drawn.labels)))


def test_the_sizes_of_the_file_are_those_that_are_found(
    points: list[Point], drawn: dict[str, Drawn]
) -> None:
    checked = 0
    for point in points:
        if point.metric != "accuracy":
            continue
        found = find(drawn[point.series])
        moves = point.task in found.moved or (point.task == AVERAGE and found.average_moves)
        place = found.drawn.labels.index(point.plotted_size)
        size = found.drawn.labels[found.target[place]] if moves else point.plotted_size
        assert point.size == size, point
        checked += size != point.plotted_size
    # Three points (two tasks and the average) at 7 sizes of OPT, 2 of GPT-2 and 2 of FeedME.
    assert checked == 3 * (7 + 2 + 2)


def test_the_averages_fit_after_the_correction_and_not_before(drawn: dict[str, Drawn]) -> None:
    for series in MIXED:
        made = rows(find(drawn[series]))
        assert max(abs(float(str(row["error_before"]))) for row in made) > 0.01
        assert max(abs(float(str(row["error_across"]))) for row in made) < 1e-5
        assert max(abs(float(str(row["error_after"]))) for row in made) < 1e-5


LABELS = ("1M", "2M", "3M", "4M", "5M")


def plant(moved: list[int], order: list[int], *, with_average: bool) -> Drawn:
    """Random values; the points of the ``moved`` tasks at label i belong to ``order[i]``."""
    values = np.round(np.random.default_rng(7).uniform(size=(5, 10)), 6)
    average = np.round(values.mean(axis=1), 6)
    plotted = values.copy()
    plotted[:, moved] = values[np.ix_(order, moved)]
    flops = np.arange(1.0, 6.0)
    return Drawn("made", LABELS, flops, average[order] if with_average else average, plotted)


@pytest.mark.parametrize("with_average", [True, False])
@pytest.mark.parametrize("order", [[1, 0, 2, 3, 4], [1, 2, 0, 4, 3], [4, 0, 1, 2, 3]])
def test_a_planted_order_is_found(order: list[int], with_average: bool) -> None:
    planted = plant([2, 5, 9], order, with_average=with_average)
    found = find(planted)
    assert found.moved == (TEN_TASKS[2], TEN_TASKS[5], TEN_TASKS[9])
    assert found.average_moves is with_average
    assert found.target == tuple(order)
    assert found.corrected.mean(axis=1) == pytest.approx(found.average, abs=1e-5)
    straight = plant([], [0, 1, 2, 3, 4], with_average=False)
    assert (found.corrected == straight.values).all()


def test_averages_that_nothing_explains_are_left_alone() -> None:
    planted = plant([2], [1, 0, 2, 3, 4], with_average=True)
    wrong = Drawn("made", LABELS, planted.flops, planted.average + 0.3, planted.values)
    assert solutions(wrong) == []
    found = find(wrong)
    assert (found.fits, found.moved) == (0, ())
    assert (found.corrected == wrong.values).all()


def test_several_explanations_move_nothing() -> None:
    # Two tasks with the same value everywhere can be on either side of the split.
    planted = plant([2, 5], [1, 0, 2, 3, 4], with_average=True)
    planted.values[:, 7] = 0.0
    average = planted.average - np.round(
        plant([], [0, 1, 2, 3, 4], with_average=False).values[[1, 0, 2, 3, 4], 7] / 10, 6
    )
    found = find(Drawn("made", LABELS, planted.flops, average, planted.values))
    assert found.fits == 2
    assert found.moved == ()


def test_two_groups_of_equal_size_move_nothing() -> None:
    planted = plant([0, 1, 2, 3, 4], [1, 0, 2, 3, 4], with_average=True)
    assert len(solutions(planted)) == 1
    assert find(planted).moved == ()


def test_a_task_that_is_not_drawn_at_a_label_is_named(points: list[Point]) -> None:
    some = [p for p in points if not (p.series == "OPT" and p.size == "13B" and p.task == "neqa")]
    with pytest.raises(UserError, match=r"series 'OPT', task 'neqa': has no point drawn at 30B"):
        as_drawn(some)
