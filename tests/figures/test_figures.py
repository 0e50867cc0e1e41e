"""Figures: they draw the numbers beside them, the same way each time, and can be read."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as Xml
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from docutils.core import publish_parts  # type: ignore[import-untyped]
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text

import drawing
import figures
from drawing import overlapping_labels
from fabricate import (
    ALL_TASKS,
    LITERATURE,
    metrics,
    of_two_sources,
    published,
    shapes,
    with_published,
    write_tables,
)
from ushaped.errors import UserError
from ushaped.figures import entries, panels, style, theme
from ushaped.figures.compact import compact
from ushaped.figures.theme import save
from ushaped.questions import QUESTIONS
from ushaped.results import spread, tables

SCRIPT = Path(__file__).parents[2] / "scripts" / "figures.py"
NAMES = ("scaling", "task", "verdicts", "overview", "seeds", "beside")
SMALL: dict[str, Any] = {
    "tasks": ("memo-trap", "neqa", "prompt-injection"),
    "variants": ("zero-shot", "cot"),
    "sizes": (1_000, 8_000, 45_000),
    "seeds": 1,
}


def make(name: str, measured: pd.DataFrame, **options: str) -> tuple[pd.DataFrame, Figure]:
    inputs = {"metrics": measured, "shapes": shapes(measured), "published": published()}
    return drawing.make(name, inputs, **options)


@pytest.fixture(scope="module")
def full() -> pd.DataFrame:
    return metrics()


@pytest.fixture(scope="module")
def drawn(full: pd.DataFrame) -> dict[str, tuple[pd.DataFrame, Figure]]:
    made = {name: make(name, full) for name in NAMES if name != "task"}
    return made | {"task": make("task", full, task="neqa", source="replica")}


def drawn_points(figure: Figure) -> set[tuple[float, float]]:
    """All points of all lines in data coordinates, without the axis limits' help."""
    points: set[tuple[float, float]] = set()
    for axis in figure.axes:
        for line in axis.get_lines():
            points |= {(float(x), float(y)) for x, y in np.asarray(line.get_xydata())}
    return points


@pytest.mark.parametrize("name", ["task", "overview", "seeds", "scaling"])
def test_every_number_in_the_csv_is_drawn(
    name: str, drawn: dict[str, tuple[pd.DataFrame, Figure]]
) -> None:
    table, figure = drawn[name]
    points = drawn_points(figure)
    missing = [
        (x, y)
        for x, y in zip(table["training_flops"], table["value"], strict=True)
        if (float(x), float(y)) not in points
    ]
    assert len(table) >= 40
    assert not missing


def test_every_mark_in_the_accuracy_panel_is_in_the_csv(
    drawn: dict[str, tuple[pd.DataFrame, Figure]],
) -> None:
    table, figure = drawn["task"]
    own = table[table["metric"] == "accuracy"]
    known = set(zip(own["training_flops"], own["value"], strict=True))
    marked = [line for line in figure.axes[0].get_lines() if line.get_marker() not in ("None", "")]
    assert marked
    for line in marked:
        assert {(float(x), float(y)) for x, y in np.asarray(line.get_xydata())} <= known


def test_bands_are_the_intervals_of_the_csv(
    drawn: dict[str, tuple[pd.DataFrame, Figure]],
) -> None:
    table, figure = drawn["task"]
    means = table[(table["metric"] == "accuracy") & (table["kind"] == "mean")]
    edges = {
        (float(x), float(y))
        for band in figure.axes[0].patches
        for x, y in np.asarray(band.get_xy())
    }
    for column in ("low", "high"):
        assert set(zip(means["training_flops"], means[column], strict=True)) <= edges


def test_verdict_cells_say_what_the_table_says(
    drawn: dict[str, tuple[pd.DataFrame, Figure]],
) -> None:
    table, figure = drawn["verdicts"]
    said = [text.get_text() for text in figure.axes[0].texts]
    for shape, count in table["equivalent"].value_counts().items():
        assert said.count(str(shape)) == count
    assert any(text.startswith("PaLM") for text in said)
    assert {"official protocol", "modified protocol"} <= set(said)


@pytest.mark.parametrize("name", NAMES)
def test_no_two_labels_overlap(name: str, drawn: dict[str, tuple[pd.DataFrame, Figure]]) -> None:
    assert overlapping_labels(drawn[name][1]) == []


def start(folder: Path, *words: str, seed: str = "1") -> subprocess.Popen[str]:
    """Begin to draw figures of the tables in a folder, of items of neqa."""
    options = ("--literature", str(LITERATURE), "--editions", "replica/neqa")
    places = ("--store", str(folder / "store"), "--results", str(folder))
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), *words, *options, *places],
        env={**os.environ, "PYTHONHASHSEED": seed, "SOURCE_DATE_EPOCH": seed},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_two_runs_write_the_same_bytes(tmp_path: Path) -> None:
    for run in ("1", "2"):
        write_tables(tmp_path / run, metrics(**SMALL))
    runs = [start(tmp_path / run, "task", seed=run) for run in ("1", "2")]
    assert [run.wait() for run in runs] == [0, 0]
    for ending in ("svg", "png", "csv", "rst"):
        path = f"figures/tasks/replica/neqa.{ending}"
        first, second = ((tmp_path / run / path).read_bytes() for run in "12")
        assert first == second
        assert first


def test_a_figure_is_drawn_again_only_if_its_numbers_change(tmp_path: Path) -> None:
    names = ("power", "verdicts")
    write_tables(tmp_path, metrics(**SMALL))
    assert start(tmp_path, *names).communicate()[0] == "power: drawn\nverdicts: drawn\n"
    before = {path.name: path.read_bytes() for path in (tmp_path / "figures").iterdir()}
    assert set(before) == {f"{n}.{e}" for n in names for e in ("svg", "png", "csv", "rst")}
    shutil.rmtree(tmp_path / "figures")
    assert start(tmp_path, *names).communicate()[0] == ""
    assert {path.name: path.read_bytes() for path in (tmp_path / "figures").iterdir()} == before

    table = pd.read_csv(tmp_path / "power.csv")
    table.assign(n=table["n"] + 1).to_csv(tmp_path / "power.csv", index=False)
    assert start(tmp_path, *names).communicate()[0] == "power: drawn\n"
    assert (tmp_path / "figures/power.csv").read_bytes() != before["power.csv"]
    # What no figure shows any more is not kept.
    assert len(list((tmp_path / "store").iterdir())) == 6


def test_every_module_with_a_title_is_a_figure_and_its_caption_is_text() -> None:
    found = entries()
    assert set(NAMES) < set(found)
    assert {found[name].category for name in ("average", "task", "matching", "seeds")} == {
        *("Published", "Tasks", "Open questions", "Overview")
    }
    for entry in found.values():
        assert callable(entry.module().figure)
        assert set(entry.inputs) <= {*figures.READERS, "axes", *QUESTIONS}
        text = figures.caption(entry, {}, [("replica", "neqa")])
        parts = publish_parts(
            text, writer="html", settings_overrides={"halt_level": 2, "report_level": 2}
        )
        assert len(parts["body"]) > 100
        assert "{" not in text
    targets = [entry.target({}) for entry in found.values()]
    assert len(set(targets)) == len(targets)


def test_a_legend_below_is_not_wider_than_its_figure() -> None:
    figure = Figure(figsize=(5, 2), layout="constrained")
    names = [f"a family with a long name {i}" for i in range(6)]
    theme.legend_below(figure, [theme.entry(name) for name in names])
    (legend,) = figure.legends
    assert legend.get_window_extent().width <= figure.bbox.width
    assert {text.get_text() for text in legend.get_texts()} == set(names)


def test_svg_is_self_contained_and_dateless(
    tmp_path: Path, drawn: dict[str, tuple[pd.DataFrame, Figure]]
) -> None:
    table, figure = drawn["scaling"]
    save(figure, table, tmp_path / "scaling", "scaling")
    text = (tmp_path / "scaling.svg").read_text()
    root = Xml.fromstring(text)
    links = [v for e in root.iter() for k, v in e.attrib.items() if k.endswith("href")]
    ids = {e.get("id") for e in root.iter()}
    assert all(link.startswith("#") and link[1:] in ids for link in links)
    assert "date" not in text.lower()
    assert "sans-serif" in text
    assert pd.read_csv(tmp_path / "scaling.csv").shape == table.shape


def test_compact_svg_keeps_every_text_and_reference() -> None:
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        'viewBox="0 0 9 9"><defs><style>*{a:b}</style><path id="m12" d="M 1.23456 2 \nL 3 4"/>'
        '</defs><g id="g1"><use xlink:href="#m12" style="fill: #0072b2"/>'
        '<text id="t" style="fill: #0072b2">0.123456 &lt;b&gt;</text></g></svg>'
    )
    small = compact(svg)
    assert "0.123456 &lt;b&gt;" in small
    assert 'd="M1.23 2l1.77 2"' in small
    assert 'href="#i0"' in small
    assert 'id="i0"' in small
    assert "#0072b2" in small
    assert "g1" not in small


@pytest.mark.parametrize(
    ("path", "short"),
    [
        ("M 54.18 30.22 L 54.18 292.5", "M54.2 30.2l0 262.3"),
        (
            "M 54 30 L 60.04 20 L 66.08 10 L 50 12 z M 54 30 L 55 30",
            "M54 30l6-10 6.1-10-16.1 2zM54 30l1 0",
        ),
        ("M 0 2.5 C 0.66 2.5 1.3 2.24 1.77 1.77", "M0 2.5c.66 0 1.3-.26 1.77-.73"),
        ("M 48.23 143.8 L 48.25 143.8", "M48.2 143.8l0 0"),
    ],
)
def test_paths_say_how_far_they_go(path: str, short: str) -> None:
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><path d="{path}"/></svg>'
    assert f'd="{short}"' in compact(svg)


def test_rounding_never_adds_up_along_a_path() -> None:
    rng = np.random.default_rng(1)
    points = rng.uniform(0, 700, (200, 2))
    path = "M" + "L".join(f"{x} {y}" for x, y in points)
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><path d="{path}"/></svg>'
    found = re.search(r' d="M([^"]*)"', compact(svg))
    assert found is not None
    numbers = [float(n) for n in re.findall(r"-?[\d.]+", found[1])]
    ends = np.cumsum(np.reshape(numbers, (-1, 2)), axis=0)
    assert np.abs(ends - points).max() < 0.051


def test_dark_pages_get_other_colours_and_light_ones_the_same(
    tmp_path: Path, drawn: dict[str, tuple[pd.DataFrame, Figure]]
) -> None:
    table, figure = drawn["verdicts"]
    save(figure, table, tmp_path / "verdicts")
    plain = (tmp_path / "verdicts.svg").read_text()
    both = style.for_dark_pages(plain)
    start = both.index('<style id="dark">')
    end = both.index("</style>", start) + len("</style>")
    assert both[:start] + both[end:] == plain
    dark = both[start:end]
    assert dark.startswith('<style id="dark">@media (prefers-color-scheme:dark){')
    assert style.DARK[style.INK] in dark
    assert style.INK not in dark
    # Whatever has a colour has another one in the dark.
    coloured = re.findall(r"\.(s\d+)\{[^}]*#", plain)
    assert coloured
    assert set(re.findall(r"\.(s\d+)\{", dark)) == set(coloured)


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_lines_and_text_stand_out_on_light_and_dark_paper() -> None:
    looks = [*style.VARIANTS.values(), *style.FAMILIES.values()]
    looks += [*style.SPARE_VARIANTS, *style.SPARE_FAMILIES]
    for colour in {look.colour for look in looks} | set(style.SHAPE_COLOURS.values()):
        assert contrast(colour, style.PAPER) >= 3
        assert contrast(style.DARK[colour], style.DARK[style.PAPER]) >= 3
    for colour in (style.INK, style.MUTED):
        assert contrast(colour, style.PAPER) >= 4.5
        assert contrast(style.DARK[colour], style.DARK[style.PAPER]) >= 4.5


def test_series_differ_in_more_than_colour() -> None:
    variants = list(style.VARIANTS.values())
    assert len({look.marker for look in variants}) == len(variants)
    assert len({str(look.line) for look in variants}) == len(variants)
    families = [*style.FAMILIES.values(), *style.SPARE_FAMILIES]
    assert len({look.marker for look in families}) == len(families)
    assert set(style.SHAPE_CURVES) == set(style.SHAPES)


def test_a_variant_looks_the_same_whatever_stands_beside_it() -> None:
    alone = style.variant_looks(["cot"])["cot"]
    among = style.variant_looks(["zero-shot", "few-shot-5", "cot"])
    assert among["cot"] == alone
    assert among["few-shot-5"] == style.VARIANTS["few-shot"]


def test_a_tiny_label_mass_can_be_told_from_none() -> None:
    measured = metrics(tasks=("neqa",), sizes=(1_000, 8_000), seeds=1)
    mass = measured["metric"] == "label_mass"
    measured.loc[mass, ["value", "low", "high"]] = [3e-5, 0.0, 1e-4]
    _, figure = make("task", measured, task="neqa", source="replica")
    (axis,) = [a for a in figure.axes if a.get_title(loc="left").endswith("Label mass")]
    assert axis.get_yscale() == "log"
    assert 0 < axis.get_ylim()[0] < 3e-5


def test_losses_are_drawn_with_the_better_end_on_top(full: pd.DataFrame) -> None:
    _, figure = make("task", full, task="prompt-injection", source="replica")
    bottom, top = figure.axes[0].get_ylim()
    assert bottom > top
    assert "better" in figure.axes[0].get_title(loc="left")


def test_always_the_same_answer_is_hollow_and_in_the_legend(
    drawn: dict[str, tuple[pd.DataFrame, Figure]],
) -> None:
    table, figure = drawn["task"]
    flagged = table[
        table["flags"].str.contains("constant-answer")
        & (table["metric"] == "accuracy")
        & (table["kind"] == "mean")
    ]
    hollow = {
        (float(x), float(y))
        for line in figure.axes[0].get_lines()
        if to_hex(line.get_markerfacecolor()) == style.PAPER
        for x, y in np.asarray(line.get_xydata())
    }
    assert hollow == set(zip(flagged["training_flops"], flagged["value"], strict=True))
    assert "always the same answer" in [e.get_label() for e in panels.legend_entries(table)]


@pytest.mark.parametrize("name", NAMES)
def test_few_tasks_one_seed_and_missing_values_still_give_a_figure(name: str) -> None:
    measured = metrics(**SMALL)
    measured.loc[measured.index[::7], ["value", "low", "high"]] = np.nan
    options = {"task": "memo-trap", "source": "replica"} if name == "task" else {}
    _, figure = make(name, measured, **options)
    FigureCanvasAgg(figure).draw()


@pytest.mark.parametrize("name", NAMES)
def test_one_size_alone_still_gives_a_figure(name: str) -> None:
    measured = metrics(tasks=("neqa",), variants=("zero-shot",), sizes=(1_000,), seeds=1)
    options = {"task": "neqa", "source": "replica"} if name == "task" else {}
    _, figure = make(name, measured, **options)
    FigureCanvasAgg(figure).draw()


def stars(figure: Figure) -> set[tuple[float, float]]:
    """Points that are marked as published."""
    lines = [line for axis in figure.axes for line in axis.get_lines()]
    marked = [line for line in lines if line.get_marker() == "*"]
    return {(float(x), float(y)) for line in marked for x, y in np.asarray(line.get_xydata())}


@pytest.mark.parametrize("name", ["task", "overview", "scaling"])
def test_published_points_are_stars_with_dashes_and_a_legend_entry(name: str) -> None:
    options = {"task": "neqa", "source": "replica"} if name == "task" else {}
    table, figure = make(name, with_published(metrics(variants=("zero-shot", "cot"))), **options)
    theirs = table[table["flags"] == "published"]
    assert len(theirs)
    assert set(zip(theirs["training_flops"], theirs["value"], strict=True)) <= stars(figure)
    assert "published, not run here" in said_in(figure)
    dashed = [
        line
        for axis in figure.axes
        for line in axis.get_lines()
        if line.get_linestyle() == "--" and 1e14 in line.get_xdata()
    ]
    assert dashed
    # The band is of what was measured.
    bands = [band.get_xy() for axis in figure.axes for band in axis.patches]
    assert bands
    assert all(band[:, 0].max() < 1e14 for band in bands)


def test_names_of_sizes_that_lie_close_are_left_out() -> None:
    close = pd.DataFrame({"training_flops": [1.0, 1.2, 1e6], "size": ["a", "b", "c"]})
    axis = Figure().subplots()
    axis.plot([1, 1e6], [0, 1])
    axis.set_xscale("log")
    panels.size_axis(axis, close)
    FigureCanvasAgg(axis.figure).draw()
    top = axis.child_axes[0]
    assert [text.get_text() for text in top.get_xticklabels()] == ["a", "c"]


def test_published_points_have_no_seeds() -> None:
    table, _ = make("seeds", with_published(metrics()))
    assert "175B" not in set(table["size"])


@pytest.mark.parametrize("name", ["task", "overview", "seeds"])
def test_sizes_of_unknown_compute_are_drawn_along_their_parameters(name: str) -> None:
    options = {"task": "neqa", "source": "replica"} if name == "task" else {}
    table, figure = make(name, metrics(**SMALL, families=("gpt",), unknown=("gpt",)), **options)
    assert table["training_flops"].isna().all()
    assert set(zip(table["parameters"], table["value"], strict=True)) <= drawn_points(figure)
    assert "Parameters" in said_in(figure)
    assert not {"FLOPs", "Training compute (FLOPs)"} & set(said_in(figure))


def test_the_average_of_unknown_compute_is_drawn_along_parameters_alone() -> None:
    measured = metrics(variants=("zero-shot",), families=("gpt", "ladder"), unknown=("gpt",))
    table, figure = make("scaling", measured)
    own = table[table["family"] == "gpt"]
    *compute, parameters = figure.axes
    values = set(own["value"])
    assert values <= {y for line in parameters.get_lines() for y in line.get_ydata()}
    assert not values & {
        y for axis in compute for line in axis.get_lines() for y in line.get_ydata()
    }
    (said,) = [text for text in said_in(figure) if text.startswith("gpt")]
    assert said == "gpt, zero-shot (official), only in b"


def test_a_family_has_one_look_in_both_panels() -> None:
    families = ("alpha", "beta", "gpt")
    measured = metrics(variants=("zero-shot",), families=families, unknown=("alpha",))
    table, figure = make("scaling", measured)
    values = set(table.loc[table["family"] == "beta", "value"])
    lines = [line for axis in figure.axes for line in axis.get_lines()]
    own = [line for line in lines if values <= set(line.get_ydata())]
    assert len(own) >= 2
    assert len({line.get_color() for line in own}) == 1


def test_an_axis_that_does_not_tell_checkpoints_apart_leaves_them_out() -> None:
    measured = metrics(variants=("zero-shot",), families=("steps", "ladder"))
    measured.loc[measured["family"] == "steps", "parameters"] = 5e5
    table, figure = make("scaling", measured)
    own = set(table.loc[table["family"] == "steps", "value"])
    *compute, parameters = figure.axes
    assert own <= {y for axis in compute for line in axis.get_lines() for y in line.get_ydata()}
    assert not own & {y for line in parameters.get_lines() for y in line.get_ydata()}
    assert "steps, zero-shot (official), only in a" in said_in(figure)


def said_in(figure: Figure) -> list[str]:
    """All texts of a figure."""
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def test_one_size_is_called_neither_flat_nor_undetermined() -> None:
    measured = metrics(**(SMALL | {"sizes": (8_000,)}))
    _, figure = make("verdicts", measured)
    said = said_in(figure)
    assert said.count("one size") == 6
    assert not {"flat", "undetermined"} & set(said)


def test_a_single_point_is_marked_where_there_is_no_line() -> None:
    measured = metrics(tasks=("neqa",), variants=("zero-shot",), sizes=(8_000,), seeds=2)
    table, figure = make("seeds", measured)
    marked = {
        (float(x), float(y))
        for line in figure.axes[0].get_lines()
        if line.get_marker() not in ("None", "", None)
        for x, y in np.asarray(line.get_xydata())
    }
    assert marked == set(zip(table["training_flops"], table["value"], strict=True))


@pytest.mark.parametrize("name", ["verdicts", "overview", "seeds"])
def test_a_figure_of_all_tasks_says_whose_items_each_has(name: str) -> None:
    _, figure = make(name, metrics(**SMALL, official=("neqa",)))
    lines = [line for text in said_in(figure) for line in text.split("\n")]
    assert lines.count("official items") == 1
    assert lines.count("replica items") == 2
    _, figure = make(name, metrics(**SMALL))
    assert [line for text in said_in(figure) for line in text.split("\n")].count(
        "replica items"
    ) == 1


@pytest.mark.parametrize("name", ["verdicts", "overview", "seeds", "task"])
def test_labels_do_not_overlap_with_items_of_two_sources(name: str) -> None:
    options = {"task": "neqa", "source": "official"} if name == "task" else {}
    drawn = {name: make(name, metrics(official=("neqa", "memo-trap")), **options)}
    test_no_two_labels_overlap(name, drawn)


@pytest.mark.parametrize("task", ["neqa", "memo-trap"])
def test_the_figure_of_a_task_says_whose_items_it_has(task: str) -> None:
    source = "official" if task == "neqa" else "replica"
    _, figure = make("task", metrics(**SMALL, official=("neqa",)), task=task, source=source)
    assert f"{source} items\nVariant (protocol)" in said_in(figure)


def test_the_average_says_whose_items_it_has() -> None:
    _, figure = make("scaling", metrics(seeds=1, official=ALL_TASKS))
    assert any("Families run here: official items" in text for text in said_in(figure))
    table, figure = make("scaling", metrics(seeds=1, official=("neqa",)))
    assert set(table.loc[table["kind"] == "mean", "source"]) == {"replica"}
    assert any("Families run here: replica items" in text for text in said_in(figure))
    assert figure.axes[0].get_ylabel() == "Accuracy, mean of 9 tasks"


# -- one task on items of two sources ----------------------------------------------------------


def test_a_task_is_named_with_its_items_where_it_has_two_editions() -> None:
    found = tables.editions(of_two_sources(("neqa",), **SMALL))
    assert found == [
        ("replica", "memo-trap"),
        ("replica", "prompt-injection"),
        ("official", "neqa"),
        ("replica", "neqa"),
    ]
    assert list(tables.edition_names(found).values()) == [
        *("memo-trap", "prompt-injection", "neqa (official items)", "neqa (replica items)")
    ]


@pytest.mark.parametrize("source", ["official", "replica"])
def test_the_figure_of_a_task_draws_the_items_of_one_source_alone(source: str) -> None:
    measured = of_two_sources(("neqa",), **SMALL)
    table, figure = make("task", measured, task="neqa", source=source)
    assert set(table["source"]) == {source}
    ours = measured[(measured["source"] == source) & (measured["task"] == "neqa")]
    means = ours[(ours["metric"] == "accuracy") & (ours["model"] == "")]
    drawn = table[(table["metric"] == "accuracy") & (table["kind"] == "mean")]
    assert drawn["value"].to_numpy() == pytest.approx(means["value"].to_numpy(), rel=1e-5)
    assert f"{source} items\nVariant (protocol)" in said_in(figure)


@pytest.mark.parametrize("name", ["overview", "seeds"])
def test_every_edition_has_a_panel_with_its_own_numbers(name: str) -> None:
    table, figure = make(name, of_two_sources(("neqa",), **SMALL))
    panels_by_title = {axis.get_title(loc="left"): axis for axis in figure.axes}
    values = {}
    for source in ("official", "replica"):
        axis = panels_by_title[f"neqa\n{source} items"]
        own = table[(table["task"] == "neqa") & (table["source"] == source)]
        drawn = {
            float(y)
            for line in axis.get_lines()
            if line.get_transform() == axis.transData
            for _, y in np.asarray(line.get_xydata())
        }
        assert set(own["value"]) <= drawn
        values[source] = set(own["value"])
    assert not values["official"] & values["replica"]


def test_every_edition_has_a_row_of_verdicts_and_the_published_one_stands_beside_both() -> None:
    measured = of_two_sources(("memo-trap",), **SMALL)
    table, figure = make("verdicts", measured)
    said = said_in(figure)
    assert said.count("memo-trap") == 2
    assert (said.count("official items"), said.count("replica items")) == (1, 3)
    published = table[table["source"] == "published"]
    assert list(published["task"]) == ["memo-trap"]
    cells = table["equivalent"].value_counts()
    twice = str(published["equivalent"].iloc[0])
    for shape, count in cells.items():
        assert said.count(str(shape)) == count + (shape == twice)


def test_averages_of_several_families_are_those_of_zero_shot_alone() -> None:
    one, _ = make("scaling", metrics(families=("ladder",)))
    two, _ = make("scaling", metrics(families=("ladder", "pythia")))
    ours = two[two["kind"] == "mean"]
    assert set(ours["family"]) == {"ladder", "pythia"}
    assert set(ours["variant"]) == {"zero-shot"}
    assert set(one[one["kind"] == "mean"]["variant"]) > {"zero-shot"}


def test_averages_over_items_of_two_sources_are_two_series() -> None:
    measured = of_two_sources(ALL_TASKS, seeds=1, variants=("zero-shot",), sizes=(1_000, 8_000))
    table, figure = make("scaling", measured)
    ours = table[table["kind"] == "mean"]
    assert sorted(ours["source"]) == ["official"] * 2 + ["replica"] * 2
    legend = [text for text in said_in(figure) if text.startswith("ladder, ")]
    assert legend == [
        "ladder, official items, zero-shot (official)",
        "ladder, replica items, zero-shot (official)",
    ]
    axis = figure.axes[0]
    lines = [set(map(tuple, line.get_xydata())) for line in axis.get_lines()]
    for source in ("official", "replica"):
        own = ours[ours["source"] == source]
        assert set(zip(own["training_flops"], own["value"], strict=True)) in lines
    assert any("items as named" in text for text in said_in(figure))


@pytest.mark.parametrize("name", ["verdicts", "overview", "seeds", "scaling"])
def test_no_two_labels_overlap_where_tasks_have_two_editions(name: str) -> None:
    test_no_two_labels_overlap(name, {name: make(name, of_two_sources(ALL_TASKS))})


def test_without_the_ten_tasks_the_average_says_so() -> None:
    _, figure = make("scaling", metrics(**SMALL))
    assert figure.axes[0].get_ylabel() == "Accuracy, mean of 2 tasks"
    table, figure = make("scaling", metrics(**(SMALL | {"tasks": ("prompt-injection",)})))
    assert set(table["kind"]) == {"published"}
    (legend,) = figure.legends
    assert "No accuracy task was run" in legend.get_title().get_text()


def of_families(*families: str, **changed: Any) -> tuple[pd.DataFrame, Figure]:
    options: dict[str, Any] = {"tasks": ("neqa",), "variants": ("zero-shot",), "seeds": 1}
    measured = metrics(**(options | {"sizes": (1_000, 8_000), "families": families} | changed))
    return make("task", measured, task="neqa", source="replica")


def test_several_families_share_the_panels_of_a_task_and_differ_in_more_than_colour() -> None:
    table, figure = of_families("ladder", "one", "two", "three", "four", "five")
    accuracy, *_ = figure.axes
    values = set(table.loc[table["metric"] == "accuracy", "value"])
    lines = [line for line in accuracy.get_lines() if values & set(line.get_ydata())]
    assert values <= {y for line in lines for y in line.get_ydata()}
    assert len({line.get_marker() for line in lines} - {"None"}) == 6
    assert {"ladder", "one", "two", "three", "four", "five"} <= set(said_in(figure))
    assert "replica items\nzero-shot (official)" in said_in(figure)


def test_below_them_each_family_has_a_panel_with_its_ways_of_asking() -> None:
    table, figure = of_families("ladder", "other", variants=("zero-shot", "cot"))
    titles = [axis.get_title(loc="left") for axis in figure.axes]
    assert titles[-3:-1] == ["ladder", "other"]
    for axis, family in zip(figure.axes[-3:-1], ("ladder", "other"), strict=True):
        own = table[(table["family"] == family) & (table["metric"] == "accuracy")]
        assert set(own["variant"]) == {"zero-shot", "cot"}
        assert set(own["value"]) <= {y for line in axis.get_lines() for y in line.get_ydata()}
    # Their companions are not drawn, so the numbers are not given either.
    beside = table[table["metric"] != "accuracy"]
    assert len(beside)
    assert set(beside["variant"]) == {"zero-shot"}


def test_the_compute_axis_is_cut_where_nothing_lies() -> None:
    pieces = style.segments([1e10, 1e12, 1e20, 1e22])
    assert len(pieces) == 2
    assert len(style.segments([1e10, 1e12, 1e14])) == 1
    assert all(low < high for low, high in pieces)


@pytest.mark.parametrize(
    ("low", "high"), [(1e3, 1e6), (2e9, 5e9), (1e10, 1e25), (1.0, 1.3), (1.05, 1.8), (2.3, 4.0)]
)
def test_ticks_lie_inside_and_are_few(low: float, high: float) -> None:
    ticks = style.decade_ticks(low, high)
    assert ticks
    assert len(ticks) <= 6
    assert all(low * 0.999 <= tick <= high * 1.001 for tick in ticks)


def test_seed_spread_is_measured_where_there_are_seeds() -> None:
    measured = metrics(tasks=("neqa",), variants=("zero-shot",), sizes=(1_000, 8_000), seeds=3)
    table = spread.seed_curves(measured)
    (row,) = spread.spread(table).to_dict("records")
    singles = table[table["kind"] == "seed"].groupby("size")["value"]
    assert row["seeds"] == 3
    assert row["sd"] == pytest.approx(singles.std().mean())
    assert row["range"] == pytest.approx((singles.max() - singles.min()).max())


def test_tasks_come_in_the_order_of_the_paper_with_new_ones_after() -> None:
    names = ["zebra", tables.AVERAGE, *reversed(ALL_TASKS)]
    assert tables.order_tasks(names) == [*tables.TASKS, "zebra", tables.AVERAGE]


def test_an_unknown_task_is_told_in_one_line(full: pd.DataFrame) -> None:
    with pytest.raises(UserError, match=r"replica items of task 'nega'.*replica/neqa"):
        make("task", full, task="nega", source="replica")
    with pytest.raises(UserError, match=r"official items of task 'neqa'.*replica/neqa"):
        make("task", full, task="neqa", source="official")


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    write_tables(tmp_path, metrics(**SMALL))
    table = pd.read_csv(tmp_path / "metrics.csv").drop(columns="protocol")
    table.to_csv(tmp_path / "metrics.csv", index=False)
    with pytest.raises(UserError, match="column 'protocol'"):
        tables.read_metrics(tmp_path / "metrics.csv")


def test_a_number_that_is_none_is_named(tmp_path: Path) -> None:
    write_tables(tmp_path, metrics(**SMALL))
    text = (tmp_path / "shapes.csv").read_text().replace("200.0", "many")
    text = text.replace(",200,", ",many,")
    (tmp_path / "shapes.csv").write_text(text)
    with pytest.raises(UserError, match=r"line 2: n is 'many'"):
        tables.read_shapes(tmp_path / "shapes.csv")
