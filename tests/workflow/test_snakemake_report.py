"""What `snakemake --report` shows: every product under a category, with labels and a caption."""

from __future__ import annotations

import json
import re
import shutil
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from project import Project

pytestmark = pytest.mark.workflow

CATEGORIES = {
    "Report",
    "Overview",
    "Tasks",
    "Published",
    "Open questions",
    "Tables",
    "Tables for papers",
}


@pytest.fixture(scope="module")
def shown(finished: Project, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The values that the page of the report is made from."""
    folder = tmp_path_factory.mktemp("report") / "project"
    shutil.copytree(finished.folder, folder)
    project = Project(folder)
    done = project.call(project.command("--report", "report.zip"))
    assert done.returncode == 0, done.stdout
    with zipfile.ZipFile(folder / "report.zip") as archive:
        page = archive.read("report/report.html").decode()
    return {name: value_of(page, name) for name in ("results", "categories")}


def value_of(page: str, name: str) -> Any:
    """A value that a script of the page holds, not one of the same name in a library."""
    begin = page.index(f'var {name} = {{"') + len(f"var {name} = ")
    return json.JSONDecoder().raw_decode(page, begin)[0]


def by_category(shown: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    return {
        name: [shown["results"][path] for paths in inside.values() for path in paths]
        for name, inside in shown["categories"].items()
    }


def test_every_result_has_a_category_and_a_caption(shown: dict[str, Any]) -> None:
    assert set(shown["categories"]) == CATEGORIES
    for path, result in shown["results"].items():
        words = re.sub(r"<[^>]*>", "", result["caption"]).strip()
        assert len(words) > 40, path
        assert words.endswith((".", ";")), path
        assert "{" not in words, path


def test_plain_files_are_in_it(shown: dict[str, Any]) -> None:
    names = {Path(path).name for path in shown["results"]}
    assert {"report.html", "report.json", "metrics.csv", "verdicts-replica.tex"} <= names
    assert {"numbers-replica.md", "protocols-replica.tex", "published.md"} <= names


def test_labels_tell_all_results_of_a_category_apart(shown: dict[str, Any]) -> None:
    for category, results in by_category(shown).items():
        # The list of a category has one set of columns.
        assert len({tuple(result["labels"]) for result in results}) == 1, category
        told = [tuple(result["labels"].values()) for result in results]
        assert len(set(told)) == len(told), category


def test_no_switch_of_a_category_leads_nowhere(shown: dict[str, Any]) -> None:
    # Of a label with two values, in half of the results each, the list makes a switch; one result
    # that has only one of the values makes the whole page blank.
    for category, results in by_category(shown).items():
        others = list(results[0]["labels"])[1:]
        switches = []
        for label in others:
            counts = Counter(result["labels"][label] for result in results)
            if len(counts) == 2 and len(set(counts.values())) == 1:
                switches.append(label)
        if len(switches) == 1:
            rest = Counter(
                tuple(value for name, value in result["labels"].items() if name != switches[0])
                for result in results
            )
            assert set(rest.values()) == {2}, category


def test_labels_are_words_and_no_names_of_files(shown: dict[str, Any]) -> None:
    for result in shown["results"].values():
        first = next(iter(result["labels"].values()))
        assert " " in first, result["name"]
        assert first != Path(result["name"]).stem
