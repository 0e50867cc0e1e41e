"""The figure of difficulty groups: both groupings side by side, as their table says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from drawing import make, overlapping_labels
from fabricate import write_questions
from ushaped.figures import entries
from ushaped.questions.difficulty import COLUMNS
from ushaped.results import tables


@pytest.fixture
def rows(tmp_path: Path) -> pd.DataFrame:
    write_questions(tmp_path)
    return tables.read_question(tmp_path / "questions/difficulty.csv")


def draw(rows: pd.DataFrame) -> tuple[pd.DataFrame, Figure]:
    return make("difficulty", {"difficulty": rows})


def points(figure: Figure, panel: int) -> set[tuple[float, float]]:
    lines = figure.axes[panel].get_lines()
    return {(float(x), float(y)) for line in lines for x, y in np.asarray(line.get_xydata())}


def legend(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_each_task_has_a_panel_for_each_grouping_with_its_values(rows: pd.DataFrame) -> None:
    table, figure = draw(rows)
    titles = [axis.get_title(loc="left") for axis in figure.axes]
    assert titles == [
        f"{task}\n{grouping}"
        for task in ("neqa", "sig-figs")
        for grouping in ("same models", "cross-fitted")
    ]
    for panel, title in enumerate(titles):
        task, grouping = title.split("\n")
        own = table[(table["task"] == task) & (table["grouping"] == grouping)]
        for column in ("value", "all_items"):
            shown = set(zip(own["training_flops"], own[column], strict=True))
            assert shown <= points(figure, panel)
    assert overlapping_labels(figure) == []


def test_bands_are_the_intervals_of_the_table(rows: pd.DataFrame) -> None:
    table, figure = draw(rows)
    own = table[(table["task"] == "neqa") & (table["grouping"] == "same models")]
    edges = {
        (float(x), float(y))
        for band in figure.axes[0].patches
        for x, y in np.asarray(band.get_xy())
    }
    for column in ("low", "high"):
        assert set(zip(own["training_flops"], own[column], strict=True)) <= edges


def test_there_is_a_chance_line_where_the_chance_of_a_group_is_known(rows: pd.DataFrame) -> None:
    _, figure = draw(rows)
    level = [
        [line for line in axis.get_lines() if list(line.get_ydata()) == [0.5, 0.5]]
        for axis in figure.axes
    ]
    # The curve of all items is at 0.5 too in these rows; an axis line has relative positions.
    across = [[line for line in own if list(line.get_xdata()) == [0, 1]] for own in level]
    assert list(map(len, across)) == [1, 1, 0, 0]


def test_several_families_have_markers_of_their_own_and_no_bands(rows: pd.DataFrame) -> None:
    other = rows.assign(family="pythia", value=rows["value"] + 0.05)
    _, figure = draw(pd.concat([rows, other], ignore_index=True))
    assert not figure.axes[0].patches
    assert {"hardest third", "ladder", "pythia", "all items", "chance"} <= set(legend(figure))
    assert overlapping_labels(figure) == []


def test_titles_name_the_items_where_there_are_several_sources(rows: pd.DataFrame) -> None:
    _, figure = draw(pd.concat([rows, rows.assign(source="official")], ignore_index=True))
    titles = {axis.get_title(loc="left") for axis in figure.axes}
    assert "neqa\ncross-fitted, official items" in titles
    assert overlapping_labels(figure) == []


def test_a_run_without_such_curves_has_an_empty_figure(tmp_path: Path) -> None:
    (tmp_path / "difficulty.csv").write_text(",".join(COLUMNS) + "\n")
    table, figure = draw(tables.read_question(tmp_path / "difficulty.csv"))
    assert table.empty
    assert all(not axis.get_lines() for axis in figure.axes)


def test_the_figure_stands_with_the_open_questions_though_it_is_measured() -> None:
    entry = entries()["difficulty"]
    assert entry.category == "Open questions"
    assert not entry.of_literature
