"""The answer on difficulty groups on the page."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pandas as pd

from drawing import make
from page import TEMPLATE, Page, inputs, spaced
from ushaped.figures.theme import save
from ushaped.questions.difficulty import COLUMNS
from ushaped.report import difficulty as shown
from ushaped.report import render
from ushaped.results import tables

# -- in words ------------------------------------------------------------------------------------


def third(task: str, group: str, grouping: str, **changed: Any) -> dict[str, Any]:
    row = {"family": "f", "source": "replica", "variant": "zero-shot", "protocol": "official"}
    row |= {"task": task, "group": group, "grouping": grouping, "difficulty_from": grouping}
    row |= {"size": "1k", "value": 0.3, "low": 0.25, "high": 0.35, "chance": 0.5, "all_high": 0.6}
    return row | {"gap": -0.2, "equivalent": "U-shaped"} | changed


def told(**changed: dict[str, Any]) -> shown.Difficulty:
    """What the page says of two tasks; cells ``changed`` by grouping, ``same`` and ``cross``."""
    rows = [
        third(task, group, grouping, **changed.get(name, {}))
        for task in ("neqa", "redefine")
        for group in ("hardest", "middle", "easiest")
        for name, grouping in (("same", "same models"), ("cross", "cross-fitted"))
    ]
    (said,) = shown.difficulties(pd.DataFrame(rows))
    return said


def test_a_start_below_chance_is_one_of_the_whole_interval() -> None:
    said = told(cross={"high": 0.55})
    assert said.start == (
        "the hardest third starts below chance on 2 of 2 tasks with groups by the same models and "
        "on 0 with cross-fitted groups; all items together do on 0"
    )
    assert "do on 2" in told(same={"all_high": 0.4}).start
    unknown = {"chance": math.nan}
    assert told(same=unknown, cross=unknown).start.endswith("known for no task")


def test_gaps_are_means_over_tasks_and_the_share_that_remains_is_of_them() -> None:
    gaps = told(cross={"gap": -0.05}).gaps
    assert gaps.startswith(
        "hardest third −20.0 points with groups by the same models and −5.0 with cross-fitted "
        "groups (25% of it); easiest third"
    )
    # Items that all have the same score leave no gap to take a share of.
    assert "of it" not in told(same={"gap": 0.0}, cross={"gap": 0.0}).gaps


def test_turns_count_the_shapes_that_were_reported() -> None:
    assert told(cross={"equivalent": "flat"}).turns == (
        "hardest third U-shaped on 2 of 2 tasks with groups by the same models and on 0 with "
        "cross-fitted groups; easiest third inverted-U on 0 of 2 tasks with groups by the same "
        "models and on 0 with cross-fitted groups"
    )


def test_without_an_answer_nothing_is_said() -> None:
    assert shown.difficulties(None) == []
    assert shown.difficulties(pd.DataFrame(columns=list(COLUMNS))) == []


def test_a_task_without_a_known_chance_of_its_groups_is_named_and_not_counted(
    results: Path,
) -> None:
    (said,) = shown.difficulties(tables.read_question(results / "questions/difficulty.csv"))
    assert said.uncounted == ["sig-figs"]
    assert " of 1 task with" in said.start


# -- on the page ---------------------------------------------------------------------------------


def section(page: str) -> str:
    start = page.index('id="question-difficulty"')
    return page[start : page.index("</section>", start)]


def test_the_page_counts_starts_below_chance_under_both_groupings(page: str) -> None:
    words = spaced(section(page))
    assert "ladder, zero-shot (official protocol), replica items" in words
    assert "the hardest third starts below chance on 1 of 1 task with groups by the same" in words
    assert "and on 0 with cross-fitted groups; all items together do on 0" in words
    assert "Not counted: sig-figs, whose items differ in their number of classes" in words
    assert "hardest third −30.0 points with groups by the same models and −6.0 with" in words
    assert "Source of the cross-fitted groups: other training runs" in words
    assert "neqa hardest 1k 50.0% 20.0% 10.0% to 30.0% 44.0% 34.0% to 54.0% −30.0 −6.0 20%" in words
    assert "nan" not in words


def test_the_figure_stands_with_the_answer_and_its_text_says_what_it_shows(
    results: Path, tmp_path: Path
) -> None:
    table, figure = make(
        "difficulty", {"difficulty": tables.read_question(results / "questions/difficulty.csv")}
    )
    save(figure, table, tmp_path / "difficulty")
    given = inputs(results, figures={"difficulty": tmp_path / "difficulty.svg"})
    alts = [image["alt"] for image in Page(render(TEMPLATE, given)).all("img")]
    (alt,) = [alt for alt in alts if alt.startswith("Accuracy by difficulty group")]
    assert "starts below chance on 1 of 1 task" in alt


def test_without_a_curve_of_several_sizes_the_question_is_open(results: Path) -> None:
    empty = {"difficulty": pd.DataFrame(columns=list(COLUMNS))}
    words = spaced(section(render(TEMPLATE, inputs(results, questions=empty))))
    assert "Open: no accuracy curve of two sizes or more was measured under zero-shot" in words
