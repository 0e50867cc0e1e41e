"""The figure of onsets against the frequency of the true regularity."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from drawing import make, overlapping_labels
from fabricate import onset_rows
from ushaped.results import tables


@pytest.fixture
def rows(tmp_path: Path) -> pd.DataFrame:
    path = tmp_path / "onsets.csv"
    pd.DataFrame(list(onset_rows())).to_csv(path, index=False)
    return tables.read_question(path)


def draw(rows: pd.DataFrame) -> tuple[pd.DataFrame, Figure]:
    return make("onsets", {"onsets": rows})


def test_each_task_has_a_panel_with_its_onsets_at_their_frequency(rows: pd.DataFrame) -> None:
    table, figure = draw(rows)
    assert set(table["kind"]) == {"onset"}
    for panel, task in enumerate(("memo-trap", "neqa")):
        axis = figure.axes[panel]
        assert axis.get_title() + axis.get_title(loc="left") == task
        drawn = {
            (round(float(x)), round(float(y), 2))
            for line in axis.get_lines()
            for x, y in np.asarray(line.get_xydata())
            if np.isfinite([x, y]).all()
        }
        own = table[(table["task"] == task) & table["value"].notna()]
        assert len(own) == 9
        for _, row in own.iterrows():
            near = [(x, y) for x, y in drawn if x == round(row["value"])]
            assert any(abs(y / row["true_frequency"] - 1) < 0.15 for _, y in near), row
    assert overlapping_labels(figure) == []


def test_an_onset_beyond_the_sizes_is_an_arrow(rows: pd.DataFrame) -> None:
    _, figure = draw(rows)
    arrows = [
        tuple(map(float, point))
        for marks in figure.axes[0].collections
        for point in np.asarray(marks.get_offsets())
        if len(marks.get_offsets()) and marks.get_zorder() == 4
    ]
    ((x, y),) = arrows
    assert 4e5 < x < 6e5
    assert y == pytest.approx(0.05, rel=0.1)


def test_a_task_without_any_valley_has_an_empty_panel(rows: pd.DataFrame) -> None:
    none = rows["task"] == "neqa"
    rows.loc[none, ["value", "low", "high"]] = np.nan
    rows.loc[none, "outside"] = "no valley"
    _, figure = draw(rows)
    memo, neqa = (axis.get_lines() for axis in figure.axes)
    assert len(memo) > len(neqa)
    # Nor is there one where no task has a valley.
    draw(rows[none])


def test_nothing_to_compare_makes_an_empty_figure(rows: pd.DataFrame) -> None:
    table, figure = draw(rows.iloc[:0])
    assert table.empty
    assert not figure.axes[0].get_lines()
