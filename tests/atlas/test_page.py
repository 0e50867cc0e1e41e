"""The page of the atlas shows verdicts, answers and omissions, and needs nothing beside itself."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import pytest

import published_results
from page import Page, unpacked
from ushaped.atlas.answers import TABLES, Inputs
from ushaped.atlas.curves import curves_of
from ushaped.atlas.judge import add_q_values, judge_curve
from ushaped.atlas.page import Atlas, render_atlas
from ushaped.atlas.points import LeftOut
from ushaped.atlas.readers import read_set
from ushaped.atlas.verdicts import read_verdicts, write_verdicts
from ushaped.literature.run_noise import read_run_noise
from ushaped.results.text_files import read_rows, write_table
from ushaped.shapes.data import Settings

TEMPLATE = Path(__file__).parents[2] / "report/atlas.html.j2"
VALUES = {"copa": [0.9, 0.2, 0.3, 0.95], "mmlu": [0.25, 0.5, 0.7, 0.9]}


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A page of four invented models on two tasks."""
    folder = tmp_path_factory.mktemp("atlas")
    models = {
        f"web-{place}": {task: values[place] for task, values in VALUES.items()}
        for place in range(4)
    }
    published_results.gadre(folder / "files", models)
    source = published_results.source("gadre", folder / "files")
    points = read_set("made", source, folder / "files").points
    judge = partial(
        judge_curve,
        settings=Settings(draws=100, run_noise=read_run_noise("multiple-choice")),
        two_choice=read_run_noise("two-choice"),
    )
    judged = [judge(curve) for curve in curves_of(points, {})[0]]
    add_q_values(judged)
    write_verdicts(folder / "verdicts.csv", judged)
    rows = read_verdicts(folder / "verdicts.csv")
    inputs = Inputs(rows, {"made": source}, 0.02, 100, 0)
    tables = {}
    for name, table in TABLES.items():
        write_table(folder / f"{name}.csv", table.columns, table.rows(inputs))
        tables[name] = read_rows(folder / f"{name}.csv", table.columns)
    left_out = [LeftOut("made", "a <file>", "why & what to do")]
    atlas = Atlas({"made": source}, points, rows, tables, left_out, 0.02)
    return render_atlas(TEMPLATE, atlas)


def test_every_curve_is_in_the_table_with_protocol_and_commit(page: str) -> None:
    table = unpacked(page, "atlas")
    rows = [dict(zip(table["columns"], row, strict=True)) for row in table["rows"]]
    assert {row["axis"] for row in rows} == {"training-compute", "parameters", "validation-loss"}
    assert {row["commit"] for row in rows} == {published_results.COMMIT}
    verdicts = {row["task"]: row["statistical"] for row in rows if row["axis"] == "parameters"}
    assert verdicts == {"copa": "U-shaped", "mmlu": "positive"}


def test_curves_can_be_compared_with_their_values(page: str) -> None:
    data = unpacked(page, "compare")
    found = {curve["task"]: curve for curve in data["curves"]}
    assert found["copa"]["metrics"]["0"]["value"] == VALUES["copa"]
    assert found["copa"]["verdict"]["statistical"][0] == "U-shaped"
    sizes = {name: (parameters, flops) for name, parameters, flops in data["families"][0]["sizes"]}
    assert sizes["10M × 20"] == (1e7, 6 * 1e7 * 2e8)


def test_the_matrix_names_the_verdict_of_each_cell(page: str) -> None:
    matrices = page.split('id="tasks"')[1].split("</section>")[0]
    words = re.findall(r'role="img" aria-label="([^"]+)"', matrices)
    assert words.count("U-shaped") == words.count("positive") > 0


def test_what_was_left_out_is_at_the_end_and_escaped(page: str) -> None:
    last = page.split("<section ")[-1]
    assert last.startswith('id="left-out"')
    assert "a &lt;file&gt;" in last
    assert "why &amp; what to do" in last


def test_contents_lead_to_sections_and_no_id_is_there_twice(page: str) -> None:
    ids = [own["id"] for _, own in Page(page).elements if "id" in own]
    assert len(ids) == len(set(ids))
    links = re.findall(r'<li><a href="#([^"]+)"', page)
    assert links
    assert set(links) <= set(ids)


def test_the_page_loads_nothing(page: str) -> None:
    elements = Page(page).elements
    assert not [own for name, own in elements if "src" in own or name == "link"]


def test_many_points_and_the_source_are_spoken_of(page: str) -> None:
    assert "owner/name at 0000000" in page
    assert "nobody. Nothing" in page
