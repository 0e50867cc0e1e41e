"""``judge`` in a notebook: a table, a figure and an HTML view of verdicts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from ushaped import judge
from ushaped.errors import UserError
from ushaped.judged import COLUMNS

PALM = pd.DataFrame(
    {"scale": [0.24e21, 37.4e21, 295.7e21, 2527.2e21], "k": [147, 63, 141, 278], "n": 315}
)


def test_a_frame_gets_a_verdict_with_table_figure_and_view() -> None:
    judged = judge(PALM, task="hindsight-neglect", family="PaLM", draws=200)
    row = judged.table.iloc[0]
    assert tuple(judged.table.columns) == COLUMNS
    assert (row["family"], row["task"], row["statistical"]) == (
        "PaLM",
        "hindsight-neglect",
        "U-shaped",
    )
    assert row["p_u"] < 0.05
    assert isinstance(judged.figure, Figure)
    (axis,) = judged.figure.axes
    assert axis.get_title(loc="left") == "PaLM, hindsight-neglect\nU-shaped"
    html = judged._repr_html_()
    assert "<table" in html
    assert html.count("<svg") == 1
    assert "U-shaped" in repr(judged)
    assert judged.left_out == []


def test_a_frame_of_several_tasks_has_a_panel_for_each() -> None:
    frame = pd.concat([PALM.assign(task=f"task {number}") for number in range(5)])
    judged = judge(frame, draws=50)
    assert [axis.get_title(loc="left") != "" for axis in judged.figure.axes] == [
        *[True] * 5,
        *[False] * 3,
    ]
    assert judged.points["curve"].nunique() == 5


def test_answers_of_a_frame_are_paired_item_by_item() -> None:
    rng = np.random.default_rng(0)
    rows = [
        {"scale": scale, "item": item, "correct": bool(rng.random() < share)}
        for scale, share in ((1e20, 0.9), (1e21, 0.2), (1e22, 0.9))
        for item in range(80)
    ]
    judged = judge(pd.DataFrame(rows), draws=100)
    assert judged.evidence[0]["sampling"] == "items"
    assert judged.table["statistical"].tolist() == ["U-shaped"]


def test_losses_are_better_where_they_are_lower() -> None:
    frame = pd.DataFrame({"scale": [1e20, 1e21], "mean": [3.5, 2.5], "error": [0.1, 0.1]})
    judged = judge(frame, higher_is_better=False, draws=100)
    assert judged.table["metric"].tolist() == ["sequence_loss"]
    assert judged.table["equivalent"].tolist() == ["positive"]
    assert isinstance(judged.figure, Figure)


def test_names_are_escaped_in_the_view() -> None:
    judged = judge(PALM.assign(task="<b>&"), draws=50)
    assert "<b>" not in judged.html
    drawing = judged.html[judged.html.index("<svg") :]
    ElementTree.fromstring(drawing)


def test_a_file_is_judged_as_a_frame(tmp_path: Path) -> None:
    path = tmp_path / "frame.csv"
    PALM.to_csv(path, index=False)
    assert judge(path, draws=100).evidence == judge(PALM, draws=100).evidence


@pytest.mark.parametrize(
    ("frame", "told"),
    [
        (PALM.assign(k=400), "frame, line 1: 400 of 315 items are right"),
        (PALM.drop(columns="n"), "frame: has the columns scale, k; give scale,k,n or"),
        (PALM.assign(n=np.nan), "frame, line 1: n is ''; give a number"),
        (PALM.assign(scale=None), "frame, line 1: scale is ''; give a number"),
        (PALM.iloc[:0], "frame: has no rows"),
        (pd.concat([PALM, PALM["k"]], axis=1), "has columns without names of their own"),
        (pd.DataFrame({"scale": [1.0], "mean": [50.0], "error": [1.0]}), "looks like percent"),
    ],
)
def test_a_wrong_frame_is_told_in_one_line(frame: pd.DataFrame, told: str) -> None:
    with pytest.raises(UserError, match="frame") as error:
        judge(frame)
    assert told in str(error.value)
    assert "\n" not in str(error.value)


def test_what_is_wrong_is_left_out_and_the_rest_is_judged() -> None:
    frame = pd.concat([PALM.assign(task="right"), PALM.assign(task="wrong", n=100)])
    judged = judge(frame, draws=50)
    assert judged.table["task"].tolist() == ["right"]
    assert len(judged.left_out) == 1
    assert "147 of 100 items are right" in judged.left_out[0]
    assert judged.left_out[0] in repr(judged)
    assert "Left out" in judged.html


def test_importing_the_package_loads_no_other() -> None:
    program = "import sys, ushaped; print(sorted({'numpy', 'pandas', 'torch'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr
    with pytest.raises(AttributeError, match="has no attribute 'jugde'"):
        import ushaped

        ushaped.jugde  # noqa: B018
