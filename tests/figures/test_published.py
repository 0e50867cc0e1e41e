"""Figures of the literature: every number is drawn, nothing is hidden, one look everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from drawing import make, overlapping_labels
from fabricate import LITERATURE, metrics
from ushaped.figures import beside, style
from ushaped.figures.published import compute, parts, tasks
from ushaped.figures.theme import save
from ushaped.results import tables

NAMES = ["average", "tasks", "injection", "compute", "answers", "ordering"]
SMALL: dict[str, Any] = {"tasks": ("neqa", "memo-trap"), "variants": ("zero-shot", "cot")}
SMALL |= {"sizes": (1_000, 8_000, 45_000), "seeds": 1}


@pytest.fixture(scope="module")
def published() -> pd.DataFrame:
    """The published series."""
    return tables.read_published(LITERATURE / "series.csv")


@pytest.fixture(scope="module")
def markers() -> pd.DataFrame:
    """Results without known compute."""
    return parts.read_markers(LITERATURE / "markers.csv")


@pytest.fixture(scope="module")
def drawn(published: pd.DataFrame, markers: pd.DataFrame) -> dict[str, tuple[pd.DataFrame, Figure]]:
    """Every figure with its table."""
    inputs = {"published": published, "markers": markers}
    return {name: make(name, inputs) for name in NAMES}


def points(figure: Figure) -> set[tuple[float, float]]:
    """All points of all lines in data coordinates."""
    return {
        (float(x), float(y))
        for axis in figure.axes
        for line in axis.get_lines()
        for x, y in np.asarray(line.get_xydata())
    }


@pytest.mark.parametrize(
    ("name", "x", "y"),
    [
        ("average", "training_flops", ["value"]),
        ("tasks", "training_flops", ["value"]),
        ("injection", "training_flops", ["value"]),
        ("compute", "training_flops", ["parameters"]),
        ("answers", "parameters", ["value"]),
        ("ordering", "training_flops", ["plotted", "corrected"]),
    ],
)
def test_every_number_in_the_csv_is_drawn(
    name: str, x: str, y: list[str], drawn: dict[str, tuple[pd.DataFrame, Figure]]
) -> None:
    table, figure = drawn[name]
    found = points(figure)
    if name == "tasks":
        table = table[table["kind"] != tasks.MARKER]
    if name == "compute":
        # Tuned series lie on those that they were made from.
        table = table.drop_duplicates(["parameters", "training_flops"])
    # Losses are drawn negated.
    signs = [
        -1 if metric == "sequence_loss" and name == "injection" else 1
        for metric in table.get("metric", table["family"])
    ]
    for column in y:
        wanted = zip(table[x], table[column] * signs, strict=True)
        assert {(float(a), float(b)) for a, b in wanted} <= found
    assert len(table) >= 17


@pytest.mark.parametrize("name", NAMES)
def test_no_two_labels_overlap(name: str, drawn: dict[str, tuple[pd.DataFrame, Figure]]) -> None:
    assert overlapping_labels(drawn[name][1]) == []


@pytest.mark.parametrize("name", NAMES)
def test_the_figure_is_small_enough_for_the_page(
    name: str, drawn: dict[str, tuple[pd.DataFrame, Figure]], tmp_path: Path
) -> None:
    table, figure = drawn[name]
    save(figure, table, tmp_path / name, name)
    assert (tmp_path / f"{name}.svg").stat().st_size < 120_000


def test_all_ten_series_have_a_look_of_their_own(published: pd.DataFrame) -> None:
    names = set(published["series"]) - {tables.CHANCE}
    assert len(names) == 10
    assert names <= set(style.FAMILIES)
    assert len({style.FAMILIES[name].marker for name in names}) == 10


def test_the_prize_saw_no_palm(drawn: dict[str, tuple[pd.DataFrame, Figure]]) -> None:
    table, figure = drawn["average"]
    left, right = figure.axes
    palm = table.loc[table["family"] == "PaLM", "value"].tolist()
    assert palm == [0.5271, 0.3646, 0.4033, 0.5586]
    blue = style.FAMILIES["PaLM"].colour
    assert not [line for line in left.get_lines() if to_hex(line.get_color()) == blue]
    (line,) = [line for line in right.get_lines() if to_hex(line.get_color()) == blue]
    assert np.asarray(line.get_ydata()).tolist() == palm
    assert line.get_zorder() == max(one.get_zorder() for one in right.get_lines())


def test_intervals_are_wilsons_where_counts_are_known(
    drawn: dict[str, tuple[pd.DataFrame, Figure]],
) -> None:
    table, _ = drawn["tasks"]
    own = table[(table["family"] == "PaLM") & (table["task"] == "neqa")].set_index("size")
    # 120 of 300: (0.4 + z²/600) / (1 + z²/300) ± z / (1 + z²/300) · sqrt(0.24/300 + z²/360000).
    assert own.loc["540B", ["low", "high"]].tolist() == pytest.approx([0.3462, 0.4563], abs=1e-4)
    assert table.loc[table["task"] == "prompt-injection", "low"].isna().all()


def test_the_missing_probability_of_palm_is_said(
    drawn: dict[str, tuple[pd.DataFrame, Figure]],
) -> None:
    _, right = drawn["injection"][1].axes
    assert [text.get_text() for text in right.texts] == ["PaLM: no probability published"]


def test_a_result_without_compute_stands_at_the_edge(
    published: pd.DataFrame, markers: pd.DataFrame
) -> None:
    for value, marker in ((0.75, "o"), (float("nan"), "^")):
        figure = tasks.figure(tasks.table(published, markers.assign(value=value)))
        (axis,) = [a for a in figure.axes if a.get_title(loc="left") == "hindsight-neglect"]
        (edge,) = [line for line in axis.get_lines() if line.get_color() == style.INK]
        assert edge.get_marker() == marker
        assert set(np.asarray(edge.get_xdata()).tolist()) == {1}
        if marker == "o":
            assert np.asarray(edge.get_ydata()).tolist() == [0.75]


def test_tuned_series_share_the_models_of_others(
    drawn: dict[str, tuple[pd.DataFrame, Figure]],
) -> None:
    groups = compute.same_models(drawn["compute"][0])
    assert groups["Anthropic LM"] == ["Anthropic Context Distilled", "Anthropic RLHF"]
    assert groups["GPT-3"] == ["GPT-3 FeedME"]
    assert sum(len(others) + 1 for others in groups.values()) == 10


def test_beside_the_published_stand_only_curves_that_were_asked_alike(
    published: pd.DataFrame,
) -> None:
    measured = metrics(**SMALL, official=("neqa",))
    table = beside.table(measured, published)
    ours = table[table["source"] != "published"]
    assert set(ours["variant"]) == {"zero-shot"}
    assert set(ours["protocol"]) == {"official"}
    assert set(table["task"]) == {"neqa", "memo-trap"}
    modified = measured.assign(protocol="modified")
    assert set(beside.table(modified, published)["kind"]) == {"published"}


def test_beside_the_published_the_axis_is_cut_where_no_model_lies(
    published: pd.DataFrame,
) -> None:
    measured = metrics(**SMALL)
    table = beside.table(measured, published)
    figure = beside.figure(table)
    # Each task has a piece for the families run here and one for the published series.
    pieces = [axis for axis in figure.axes if axis.axison]
    assert len(pieces) == 2 * table["task"].nunique()
    ours = table.loc[table["source"] != "published", "training_flops"]
    theirs = table.loc[table["source"] == "published", "training_flops"]
    for left, right in zip(pieces[::2], pieces[1::2], strict=True):
        assert left.get_xlim()[0] < ours.min() < ours.max() < left.get_xlim()[1]
        assert right.get_xlim()[0] < theirs.min() < theirs.max() < right.get_xlim()[1]
        assert left.get_ylim() == right.get_ylim()


def test_beside_the_published_the_legend_says_whose_items_ours_are(
    published: pd.DataFrame,
) -> None:
    measured = metrics(**SMALL, official=("neqa",), families=("OPT",))
    figure = beside.figure(beside.table(measured, published))
    (legend,) = [axis.get_legend() for axis in figure.axes if axis.get_legend()]
    said = [text.get_text() for text in legend.get_texts()]
    assert said[:2] == ["OPT, official items", "OPT, replica items"]
    assert "OPT" in said
    looks = {to_hex(line.get_color()) for line in legend.get_lines()[:2]}
    assert looks == {style.FAMILIES["OPT"].colour}
    assert len({line.get_linestyle() for line in legend.get_lines()[:2]}) == 2


def test_beside_the_published_constant_answers_have_hollow_marks(published: pd.DataFrame) -> None:
    measured = metrics(**SMALL, official=("neqa",))
    explained = {}
    for flags in ("", "constant-answer"):
        figure = beside.figure(beside.table(measured.assign(flags=flags), published))
        (legend,) = [axis.get_legend() for axis in figure.axes if axis.get_legend()]
        words = [text.get_text() for text in legend.get_texts()]
        faces = {
            to_hex(line.get_markerfacecolor())
            for axis in figure.axes
            for line in axis.get_lines()
            if len(line.get_xdata()) > 1
        }
        explained[flags] = ("always the same answer" in words, style.PAPER.lower() in faces)
    assert explained == {"": (False, False), "constant-answer": (True, True)}
