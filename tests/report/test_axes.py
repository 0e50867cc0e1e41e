"""The section on other axes: a figure, every curve with its protocol, and what is left out."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from drawing import make, overlapping_labels
from fabricate import metrics, write_axes, write_inputs, write_tables
from page import TEMPLATE, Page, changed, inputs
from ushaped.export.record import check, record, text
from ushaped.figures.theme import save
from ushaped.report import render
from ushaped.results import tables
from ushaped.results.columns import FLIPS, PARTS
from ushaped.results.folder import Results
from ushaped.results.text_files import read_json

SCHEMA = TEMPLATE.parent / "schema/report.schema.json"
TASKS = ("neqa", "memo-trap")


def invented() -> pd.DataFrame:
    """Zero and two shots under one protocol; up to 64 tokens of thinking."""
    variants = ("zero-shot", "few-shot-2", "zero-shot-generated", "think-16", "think-64")
    table = metrics(TASKS, variants, (1_000, 8_000), 2)
    written = table["variant"].str.contains("generated|think")
    budget = table["variant"].str.extract(r"think-(\d+)")[0]
    thought = "the model thinks for at most " + budget + " tokens before its answer; "
    table["protocol"] = written.map({True: "modified", False: "official"})
    table["modified"] = thought.fillna("") + written.map({True: "the model writes", False: ""})
    used = table[(table["metric"] == "accuracy") & budget.notna()].assign(metric="thinking_tokens")
    used["value"] = budget[used.index].astype(float) / 2
    return pd.concat([table, used], ignore_index=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, literature: Path) -> Path:
    made = tmp_path_factory.mktemp("axes")
    measured = invented()
    write_tables(made, measured[measured["metric"] != "thinking_tokens"])
    write_inputs(made, measured)
    write_axes(made, measured, "shots", "thinking-tokens", "training-tokens")
    for axis in ("shots", "thinking-tokens"):
        table, figure = make("axes", {"axes": along(made)}, axis=axis)
        save(figure, table, made / f"figures/axes/{axis}")
    (made / "literature").symlink_to(literature)
    return made


def along(folder: Path) -> dict[str, pd.DataFrame]:
    axes = ("shots", "thinking-tokens", "training-tokens")
    return {axis: tables.read_along(folder / f"axes/{axis}/metrics.csv", axis) for axis in axes}


@pytest.fixture(scope="module")
def results(folder: Path) -> Results:
    return inputs(folder)


@pytest.fixture(scope="module")
def section(results: Results) -> str:
    page = render(TEMPLATE, results)
    Page(page)
    start = page.index('<section id="axes"')
    return page[start : page.index("</section>", start)] + "</section>"


def test_every_axis_has_its_figure_and_every_curve_a_line_of_the_table(section: str) -> None:
    read = Page(section)
    assert [image["alt"].split(". ")[0] for image in read.all("img")] == [
        "One small panel per task and source of items, along shots",
        "One small panel per task and source of items, along thinking tokens",
    ]
    # Two tasks and two sizes along each of two axes, beside the lines of heads.
    assert section.count("<tr") == 2 * (2 * 2 + 1)
    assert section.count("these very models") == 2


def test_the_table_has_budgets_asked_and_tokens_used_and_the_protocol(section: str) -> None:
    assert section.count("<td>0, 16, 64</td><td>0, 8, 32</td>") == 4
    said = "the model thinks for at most k tokens before its answer; the model writes"
    assert section.count(f'title="{said}"') == 4
    assert "<td>0, 2</td>" in section


def test_flags_speak_of_points_not_of_sizes(section: str) -> None:
    assert "two points cannot show a turn" in section
    assert "two-sizes" not in section


def test_what_is_on_no_curve_is_named(section: str) -> None:
    assert "No curve along training tokens." in section
    assert "<li>ladder: all of its sizes have the same number of training tokens</li>" in section


def test_no_axis_no_section(folder: Path, results: Results) -> None:
    page = render(TEMPLATE, changed(inputs(folder), config=results.config | {"axes": []}))
    assert 'id="axes"' not in page
    assert "#axes" not in page


def test_report_json_has_every_axis(results: Results, tmp_path: Path) -> None:
    none = {"parts": pd.DataFrame(columns=PARTS), "flips": pd.DataFrame(columns=FLIPS)}
    (tmp_path / "report.json").write_text(text(record(changed(results, **none))))
    told = read_json(tmp_path / "report.json")
    check(told, SCHEMA)
    shots, thinking, tokens = told["axes"]
    assert [one["axis"] for one in told["axes"]] == ["shots", "thinking-tokens", "training-tokens"]
    assert [curve["at"] for curve in shots["curves"]] == [[0.0, 2.0]] * 4
    assert shots["used"] is None
    assert thinking["scale"] == "thinking_budget"
    assert thinking["used"] == [[0.0, 8.0, 32.0]] * 4
    assert {curve["scale"] for curve in thinking["curves"]} == {"thinking_budget"}
    assert tokens["curves"] == []
    assert tokens["left_out"][0]["family"] == "ladder"
    assert tokens["left_out"][0]["task"] is None


@pytest.mark.parametrize("axis", ["shots", "thinking-tokens", "training-tokens"])
def test_a_figure_draws_the_judging_metric_of_each_task(folder: Path, axis: str) -> None:
    table, figure = make("axes", {"axes": along(folder)}, axis=axis)
    panels = [axes for axes in figure.axes if axes.get_title(loc="left")]
    assert len(panels) == table["task"].nunique()
    for axes in panels:
        assert [tick for tick in axes.get_xticks() if tick == 0] == [0]
        assert axes.get_xlim()[0] < 0
    assert overlapping_labels(figure) == []
