"""Curves that were measured elsewhere: a section and a key of their own, never among ours."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import elsewhere as step
from eee_files import ANSWERS, log, write_log, write_logs
from fabricate import RUN_NOISE, SETTINGS, metrics, write_inputs, write_tables
from page import TEMPLATE, Page, changed, inputs
from ushaped.export.record import check, record
from ushaped.report import render
from ushaped.results.columns import FLIPS, PARTS
from ushaped.results.folder import Results
from ushaped.shapes.elsewhere_record import MeasuredElsewhere, read_elsewhere

SCHEMA = TEMPLATE.parent / "schema/report.schema.json"
HOSTILE = '<script>alert(1)</script> & "q"'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, literature: Path) -> Path:
    """Invented results of a run, and ``elsewhere.json`` as the step writes it."""
    made = tmp_path_factory.mktemp("elsewhere")
    measured = metrics(("neqa", "memo-trap"), ("zero-shot",), (1_000, 8_000, 45_000), 1)
    write_tables(made, measured)
    write_inputs(made, measured)
    (made / "literature").symlink_to(literature)
    logs = write_logs(made / "logs")
    write_log(logs, "old", log("tiny-8b", ANSWERS["tiny-8b"], schema_version="0.1.0"))
    table = made / "theirs.csv"
    rows = pd.DataFrame({"task": HOSTILE, "scale": [1, 2], "k": [5, 6], "n": 9})
    rows.to_csv(table, index=False)
    entries = [{"path": str(logs)}, {"path": str(table)}, {"path": str(made / "gone.csv")}]
    run_step(made, entries)
    return made


def run_step(folder: Path, entries: list[dict[str, str]]) -> None:
    words = ["--elsewhere", json.dumps(entries), "--output", folder / "elsewhere.json"]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sys, "argv", ["elsewhere", *map(str, [*words, *SETTINGS, *RUN_NOISE])])
        step.main()


@pytest.fixture(scope="module")
def results(folder: Path) -> Results:
    given = inputs(folder)
    return changed(given, config=given.config | {"elsewhere": [{"path": "logs"}]})


@pytest.fixture(scope="module")
def page(results: Results) -> str:
    return render(TEMPLATE, results)


def section(page: str) -> str:
    start = page.index('<section id="elsewhere"')
    return page[start : page.index("</section>", start)] + "</section>"


def test_the_step_judges_what_it_can_and_names_the_rest(folder: Path) -> None:
    measured, left_out = read_elsewhere(folder / "elsewhere.json")
    assert [one.evidence["verdict"]["statistical"] for one in measured] == [
        "U-shaped",
        "undetermined",
    ]
    assert measured[0].origin == "lm-evaluation-harness, A Laboratory, lm_eval 0.4.13"
    assert (measured[1].origin, Path(measured[1].file).name) == ("table", "theirs.csv")
    assert len(left_out) == 2
    assert "schema_version is '0.1.0'" in left_out[0]
    assert "gone.csv" in left_out[1]


def test_the_page_shows_them_with_protocol_and_source(page: str) -> None:
    Page(page)
    own = section(page)
    for text in ("Measured elsewhere", "A Laboratory, lm_eval 0.4.13", "0-shot", "not stated"):
        assert text in own
    # A line of heads, and one of each curve.
    assert own.count("<tr") == 3
    assert own.count("<svg") >= 2
    assert "schema_version is &#39;0.1.0&#39;" in own
    assert HOSTILE not in page


def test_without_the_setting_there_are_none(folder: Path) -> None:
    assert inputs(folder).elsewhere is None


def test_they_are_in_no_other_section_than_their_own(page: str, results: Results) -> None:
    without = render(TEMPLATE, changed(results, elsewhere=None))
    assert 'id="elsewhere"' not in without
    assert "#elsewhere" not in without
    start, end = page.index('<section id="elsewhere"'), len(section(page))
    link = '<li><a href="#elsewhere">Measured elsewhere</a></li>'
    rest = (page[:start] + page[start + end :]).replace(link, "")
    assert "".join(rest.split()) == "".join(without.split())


def test_report_json_has_them_under_a_key_of_their_own(results: Results) -> None:
    none = {"parts": pd.DataFrame(columns=PARTS), "flips": pd.DataFrame(columns=FLIPS)}
    told = record(changed(results, **none))
    check(told, SCHEMA)
    assert told["version"] == "1.4"
    first, second = told["elsewhere"]["curves"]
    assert first["verdicts"]["statistical"]["shape"] == "U-shaped"
    assert (first["protocol"], first["source"], second["source"]) == ("0-shot", "lm_eval", "given")
    assert len(told["elsewhere"]["left_out"]) == 2
    names = {"lm_eval", "given"}
    for curves in (told["curves"], told["measurements"]):
        assert not names & {curve["source"] for curve in curves}
    without = record(changed(results, elsewhere=None, **none))
    assert without["elsewhere"] is None
    check(without, SCHEMA)
    assert told | {"elsewhere": None} == without


def test_curves_of_one_name_from_two_files_stay_two(folder: Path, tmp_path: Path) -> None:
    entries: list[dict[str, Any]] = [{"path": str(folder / "logs")}, {"path": str(folder / "logs")}]
    run_step(tmp_path, entries)
    measured, _ = read_elsewhere(tmp_path / "elsewhere.json")
    assert len(measured) == 2
    assert all(isinstance(one, MeasuredElsewhere) for one in measured)
