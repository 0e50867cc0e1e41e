"""Finished runs join the atlas with their own verdicts, protocol and commit."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from released import complaint
from ushaped.atlas.answers import twice
from ushaped.atlas.archive import find_reports, read_runs
from ushaped.atlas.judge import add_q_values
from ushaped.atlas.verdicts import read_verdicts, write_verdicts


def curve(**changes: Any) -> dict[str, Any]:
    """A curve as ``report.json`` has it."""
    made = {
        "family": "pythia",
        "source": "official",
        "task": "neqa",
        "variant": "zero-shot",
        "protocol": "official",
        "modified": "",
        "metric": "accuracy",
        "scale": "training_flops",
        "chance": 0.5,
        "n": 300,
        "sizes": ["1B", "2B", "3B"],
        "at": [1e20, 2e20, 3e20],
        "values": [0.6, 0.4, 0.7],
        "low": [0.5, 0.3, None],
        "high": [0.7, 0.5, None],
        "run_noise": {"sd": 0.03, "source": "borrowed", "study": "two-choice", "degrees": None},
        "flags": ["ties"],
        "verdicts": {
            "equivalent": {"shape": "U-shaped"},
            "literal": {"shape": "U-shaped"},
            "statistical": {
                "shape": "U-shaped",
                "these_models": "U-shaped",
                "tipping_point": 0.05,
                "because": "both",
                "p": {"change": 0.001, "u": 0.002, "inverted_u": 0.9},
            },
        },
        "valley": {"size": "2B", "first": 0.6, "lowest": 0.4, "last": 0.7},
        "prediction": [{"method": "line", "error": 0.1}],
    }
    return made | changes


def report(folder: Path, *curves: dict[str, Any], **changes: Any) -> Path:
    """A folder of results with these curves."""
    folder.mkdir(parents=True)
    content = {
        "format": "ushaped-report",
        "version": "1.3",
        "provenance": {"commit": folder.name * 8},
        "curves": list(curves),
    }
    path = folder / "report.json"
    path.write_text(json.dumps(content | changes), encoding="utf-8")
    return path


def test_a_curve_of_a_run_keeps_its_verdict_protocol_and_commit(tmp_path: Path) -> None:
    path = report(tmp_path / "may", curve(), curve(source="published", family="PaLM"))
    (row,), left_out = read_runs([path])
    assert not left_out
    assert (row["set"], row["commit"]) == (str(tmp_path / "may"), "may" * 8)
    assert (row["statistical"], row["tipping_point"], row["pvalue_u"]) == ("U-shaped", 0.05, 0.002)
    assert (row["protocol"], row["fixed"]) == ("official", "zero-shot, official items")
    add_q_values([row])
    write_verdicts(tmp_path / "verdicts.csv", [row])
    (read,) = read_verdicts(tmp_path / "verdicts.csv")
    assert (read["values"], read["low"], read["confirmed"]) == ("0.6;0.4;0.7", "0.5;0.3;", "yes")


def test_a_family_measured_twice_stands_side_by_side(tmp_path: Path) -> None:
    later = curve(values=[0.6, 0.45, 0.7], protocol="modified", modified="in two points")
    paths = [report(tmp_path / "may", curve()), report(tmp_path / "june", later)]
    rows, _ = read_runs(paths)
    (found,) = twice.rows(rows)
    assert len(rows) == 2
    assert (found["same_verdict"], found["same_protocol"]) == ("yes", "no")
    assert (found["at"], found["largest_difference"]) == ("2B", pytest.approx(0.05))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"version": "2.0"}, "is of version 2.0, and 1 is read here"),
        ({"format": "other"}, "is not of format ushaped-report"),
        ({"curves": None}, "has no list of curves"),
    ],
)
def test_a_report_that_cannot_be_read_costs_one_line(
    tmp_path: Path, changes: dict[str, Any], reason: str
) -> None:
    paths = [report(tmp_path / "a", curve(), **changes), report(tmp_path / "b", curve())]
    rows, left_out = read_runs(paths)
    assert [row["set"] for row in rows] == [str(tmp_path / "b")]
    assert [reason in one.reason for one in left_out] == [True]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda own: own.update(n=None), "number of items is unknown"),
        (lambda own: own.update(values=[60, 40, 70]), "divide percentages by 100"),
        (lambda own: own.update(at=[1e20, None, 3e20]), "no known place"),
        (lambda own: own.pop("verdicts"), "lacks or damages 'verdicts'"),
        (lambda own: own.update(scale="height"), "lacks or damages 'height'"),
    ],
)
def test_a_wrong_curve_costs_one_line_and_the_rest_goes_on(
    tmp_path: Path, change: Callable[[dict[str, Any]], Any], reason: str
) -> None:
    wrong = curve(task="redefine")
    change(wrong)
    rows, left_out = read_runs([report(tmp_path / "a", wrong, curve())])
    assert [row["task"] for row in rows] == ["neqa"]
    assert [reason in one.reason for one in left_out] == [True]


def test_a_curve_that_is_there_twice_is_taken_once(tmp_path: Path) -> None:
    rows, left_out = read_runs([report(tmp_path / "a", curve(), curve())])
    assert (len(rows), len(left_out)) == (1, 1)


def test_reports_are_found_in_folders_and_folders_of_folders(tmp_path: Path) -> None:
    one, other = report(tmp_path / "all/b"), report(tmp_path / "all/a")
    assert find_reports([str(tmp_path / "all"), str(tmp_path / "all/a")]) == [other, one]
    assert "holds no report.json" in complaint(find_reports, [str(tmp_path / "none")])
