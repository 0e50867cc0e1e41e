"""report.json and the tables for papers say what the tables say, whatever names they hold."""

from __future__ import annotations

import copy
import itertools
import json
import math
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

import export
from fabricate import (
    ALL_TASKS,
    metrics,
    of_two_sources,
    with_published,
    write_inputs,
    write_made,
    write_tables,
)
from page import changed
from ushaped.errors import UserError
from ushaped.export import latex, markdown
from ushaped.export.paper import paper_tables
from ushaped.export.record import FORMAT, VERSION, check, plain, record, text
from ushaped.export.table import NUMBER, TEXT, Group, Table
from ushaped.report.text import FLAGS
from ushaped.results import tables
from ushaped.results.columns import FLIPS, PARTS
from ushaped.results.folder import Results
from ushaped.results.formats import read_made

ROOT = Path(__file__).parents[2]
SCHEMA = ROOT / "report/schema/report.schema.json"
DOCUMENT = ROOT / "docs/report.json.md"
CURVE = ["family", "source", "task", "variant", "metric"]
SMALL: dict[str, Any] = {"sizes": (1_000, 8_000, 45_000), "seeds": 2}
HOSTILE = r"50% of a_b & $x^2$ ~ #1 {\input{x}} \\[9cm] [y] *z* `c` <b>d</b> | @e -- ''f'' \"g\""


def write(folder: Path, measured: pd.DataFrame) -> Path:
    """Write everything that the plain files are made from; return the folder."""
    write_tables(folder, measured)
    write_inputs(folder, measured)
    judged = measured[measured["metric"].isin(tables.PRIMARY) & (measured["model"] == "")]
    halves = [judged.assign(part=part, n=judged["n"] / 2) for part in (1, 2)]
    pd.concat(halves)[list(PARTS)].to_csv(folder / "parts.csv", index=False)
    write_flips(folder, judged)
    (folder / "literature").mkdir()
    shutil.copy(ROOT / "literature/verdicts.csv", folder / "literature")
    (folder / "published.csv").rename(folder / "literature/series.csv")
    return folder


def read(folder: Path) -> Results:
    """The results in a folder that `write` wrote, with the files of scores that are there."""
    results = Results(folder, folder / "tasks", folder / "literature")
    results.scores = sorted(folder.glob("scores/*/*/*/*.parquet"))
    return results


def write_flips(folder: Path, judged: pd.DataFrame) -> None:
    """One row for each pair of neighbouring sizes; two seeds of the first size, one of the next."""
    rows = []
    for _, curve in judged[judged["metric"] == "accuracy"].groupby(CURVE, sort=False):
        known = curve.iloc[0][["family", "source", "task", "variant", "protocol", "modified"]]
        counts = {"seeds": 2, "next_seeds": 1, "n": 100, "lost": 3.5, "gained": 1.0}
        for size, following in itertools.pairwise(curve["size"]):
            told = {"size": size, "next_size": following, "seeds_differ": 7.0}
            rows.append(dict(known) | told | counts)
    pd.DataFrame(rows).reindex(columns=list(FLIPS)).to_csv(folder / "flips.csv", index=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two families, eleven tasks, and a published point on every curve of the first."""
    measured = metrics(families=("ladder", "other"), variants=("zero-shot", "cot"), **SMALL)
    ladder = measured["family"] == "ladder"
    measured = pd.concat([with_published(measured[ladder]), measured[~ladder]], ignore_index=True)
    return write(tmp_path_factory.mktemp("given"), measured)


@pytest.fixture(scope="module")
def results(folder: Path) -> Results:
    return read(folder)


@pytest.fixture(scope="module")
def value(results: Results) -> dict[str, Any]:
    return record(results)


@pytest.fixture
def copied(value: dict[str, Any]) -> dict[str, Any]:
    return copy.deepcopy(value)


def read_json(written: str) -> dict[str, Any]:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(written, parse_constant=refuse)


# -- report.json --------------------------------------------------------------------------------


def test_report_json_is_what_its_schema_says(value: dict[str, Any]) -> None:
    assert (value["format"], value["version"]) == (FORMAT, VERSION)
    check(read_json(text(value)), SCHEMA)


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        (("version",), "2.0"),
        (("new",), 1),
        (("curves", 0, "new"), 1),
        (("curves", 0, "values", 0), "0.5"),
        (("curves", 0, "protocol"), "official-ish"),
        (("curves", 0, "verdicts", "equivalent", "shape"), "U"),
        (("curves", 0, "verdicts", "equivalent", "probabilities", "flat"), 1.5),
        (("curves", 0, "mechanism", "gap"), [0.1, 0.0, 0.2]),
        (("measurements", 0, "runs", "models"), None),
        (("families", 0, "sizes", 0, "measured"), None),
        (("protocols", 0, "equivalent", "flips"), "yes"),
        (("questions", "chains", 0, "p"), [1]),
        (("questions", "the weather"), []),
    ],
)
def test_a_value_that_does_not_fit_the_schema_is_refused(
    copied: dict[str, Any], path: tuple[Any, ...], wrong: Any
) -> None:
    inner: Any = copied
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = wrong
    with pytest.raises(UserError, match="does not fit"):
        check(copied, SCHEMA)


def test_nothing_in_report_json_may_be_missing(value: dict[str, Any]) -> None:
    def without(inner: Any) -> list[Any]:
        """Copies of a value, each without one of its keys, of first records alone."""
        if isinstance(inner, dict):
            less = [{k: v for k, v in inner.items() if k != key} for key in inner]
            return less + [{**inner, key: one} for key in inner for one in without(inner[key])]
        return [[one] for one in without(inner[0])] if isinstance(inner, list) and inner else []

    free = {"config", "questions", "provenance"}
    first = {k: v[:1] if isinstance(v, list) else {} if k in free else v for k, v in value.items()}
    first["provenance"] = value["provenance"] | {"packages": None, "hardware": None}
    first["curves"][0] = first["curves"][0] | {"broken": None, "prediction": [], "parts": []}
    first["curves"][0] = first["curves"][0] | {"mechanism": None}
    check(first, SCHEMA)
    for one in without(first):
        with pytest.raises(UserError, match="does not fit"):
            check(one, SCHEMA)


def test_every_curve_has_the_verdicts_of_the_shapes_table(
    results: Results, value: dict[str, Any]
) -> None:
    curves = {tuple(curve[name] for name in CURVE): curve for curve in value["curves"]}
    assert len(curves) == len(results.shapes) > 40
    for _, row in results.shapes.iterrows():
        curve = curves[tuple(row[CURVE])]
        told = {rule: (verdict or {}).get("shape") for rule, verdict in curve["verdicts"].items()}
        assert told["equivalent"] == row["equivalent"]
        assert told["literal"] == row["literal"]
        assert curve["protocol"] == row["protocol"]
        shares = curve["verdicts"]["equivalent"]["probabilities"]
        for shape, column in tables.PROBABILITY.items():
            known = pd.notna(row[column]) and curve["source"] != "published"
            assert not known or shares[shape] == pytest.approx(row[column])
        assert curve["valley"]["last"] == pytest.approx(row["last"])
        lengths = {len(curve[name]) for name in ("sizes", "at", "values", "low", "high")}
        assert lengths == {row["sizes"]}


def test_every_number_of_the_metrics_table_is_in_report_json(
    results: Results, value: dict[str, Any]
) -> None:
    told: dict[tuple[str, ...], tuple[float, ...]] = {}
    for one in value["measurements"]:
        key = tuple(one[name] for name in CURVE)
        for name, lists in (("sizes", one), ("models", one["runs"])):
            for place, who in enumerate(lists[name]):
                numbers = tuple(lists[kind][place] for kind in ("values", "low", "high", "n"))
                told[*key, name, who] = numbers
    ours = {key: numbers for key, numbers in told.items() if key[1] != "published"}
    assert len(ours) == len(results.metrics)
    for row in results.metrics.to_dict("records"):
        who = ("models", row["model"]) if row["model"] else ("sizes", row["size"])
        expected = [row[name] for name in ("value", "low", "high", "n")]
        found = ours[*(row[name] for name in CURVE), *who]
        np.testing.assert_allclose(np.array(found, dtype=float), expected, rtol=1e-9)


def test_sizes_of_a_measurement_are_those_of_its_family_smallest_first(
    value: dict[str, Any],
) -> None:
    orders = {
        (family["family"], family["published"]): [size["size"] for size in family["sizes"]]
        for family in value["families"]
    }
    for one in [*value["measurements"], *value["parts"], *value["curves"]]:
        order = orders[one["family"], one["source"] == "published"]
        assert one["sizes"] == [size for size in order if size in one["sizes"]]
    ladder = next(family for family in value["families"] if family["family"] == "ladder")
    assert [size["measured"] for size in ladder["sizes"]] == [True] * 3 + [False]
    assert ladder["sizes"][0]["parameters"] == 1000


def test_parts_and_comparisons_are_those_of_their_tables(
    results: Results, value: dict[str, Any]
) -> None:
    assert sum(len(part["values"]) for part in value["parts"]) == len(results.parts)
    assert {part["part"] for part in value["parts"]} == {1, 2}
    rows = results.protocols
    assert len(value["protocols"]) == len(rows)
    for one, (_, row) in zip(value["protocols"], rows.iterrows(), strict=True):
        assert [one[name] for name in CURVE] == list(row[CURVE])
        assert one["equivalent"]["flips"] == {"yes": True, "no": False, "": None}[row["flips"]]
        if pd.notna(row["difference"]):
            assert one["difference"]["value"] == pytest.approx(row["difference"])
            assert one["difference"]["low"] == pytest.approx(row["difference_low"])


def test_flips_are_the_rows_of_their_table(results: Results, value: dict[str, Any]) -> None:
    assert len(value["flips"]) == len(results.flips) > 20
    first = value["flips"][0]
    assert (first["size"], first["seeds"]) == ("1k", 2)
    assert (first["lost"], first["seeds_differ"]) == (3.5, 7)
    assert first["next_seeds_differ"] is None


def test_published_verdicts_stand_beside_ours(results: Results, value: dict[str, Any]) -> None:
    told = {one["task"]: one for one in value["published_verdicts"]}
    assert list(told) == list(results.labels["task"])
    assert told["memo-trap"]["verdict"] == "U-shaped"
    palm = results.shapes[(results.shapes["family"] == "PaLM")].set_index("task")
    assert told["memo-trap"]["equivalent"] == palm.loc["memo-trap", "equivalent"]
    # No curve of it was judged here.
    assert told["neqa"]["equivalent"] is None


def test_one_size_has_numbers_and_no_verdict(tmp_path: Path) -> None:
    made = metrics(tasks=("neqa",), variants=("zero-shot",), sizes=(1_000,), seeds=1)
    results = read(write(tmp_path, made))
    value = record(results)
    check(value, SCHEMA)
    (curve,) = [curve for curve in value["curves"] if curve["source"] != "published"]
    assert set(curve["verdicts"].values()) == {None}
    assert curve["flags"] == ["one-size"]
    table = paper_tables(results)["verdicts-replica"][0]
    assert table.groups[0].rows == [["neqa", "ladder", *["–"] * 7]]


def test_what_is_unknown_is_null() -> None:
    assert plain([math.nan, math.inf, -math.inf, 0.1 + 0.2, -0.0, 3]) == [None] * 3 + [0.3, 0.0, 3]
    assert math.copysign(1, plain(-0.0)) == 1


def test_no_folder_of_this_machine_is_told(results: Results, value: dict[str, Any]) -> None:
    models = [model | {"folder": "/a/folder"} for model in results.models]
    assert record(changed(results, models=models)) == value


def test_evidence_on_other_curves_than_those_of_the_shapes_is_refused(results: Results) -> None:
    with pytest.raises(UserError, match=r"evidence.json: has other curves than shapes.csv"):
        record(changed(results, evidence=results.evidence[1:]))


def test_scores_and_flags_are_told_in_report_json(results: Results, tmp_path: Path) -> None:
    audit = {"items": 12, "largest": 3.1e-6, "tolerance": 1e-4, "item": 7}
    write_made(tmp_path / "scores", "ladder-1k-s0", audit=audit)
    write_made(tmp_path / "scores", "ladder-1k-s1", dtype="bfloat16")
    scores = sorted(tmp_path.glob("scores/*/*/*/*.parquet"))
    told = record(changed(results, scores=scores, made=read_made(scores)))
    check(read_json(text(told)), SCHEMA)
    one, other = told["scoring"]
    assert one["audit"] == audit | {"item": "replica/neqa/zero-shot, item 7"}
    assert (other["dtype"], other["audit"], other["compared"]) == ("bfloat16", None, None)
    assert {row["flag"]: row["words"] for row in told["flags"]}.items() <= FLAGS.items()


def test_everything_in_the_schema_is_explained() -> None:
    schema = json.loads(SCHEMA.read_text())
    explained = DOCUMENT.read_text()
    kinds = ("curve", "measurement", "part", "comparison", "family", "model", "task", "valley")
    kinds += ("scoring",)
    lists = [schema, *(schema["$defs"][kind] for kind in kinds)]
    missing = {name for one in lists for name in one["properties"] if f"`{name}`" not in explained}
    assert not missing
    assert f"version {VERSION}" in explained
    assert all(f"| `{flag}` | {words} |\n" in explained for flag, words in FLAGS.items())


# -- tables -------------------------------------------------------------------------------------


def test_verdict_table_holds_every_task_and_family(results: Results) -> None:
    (table,) = paper_tables(results)["verdicts-replica"]
    rows = [row for group in table.groups for row in group.rows]
    assert [row[:2] for row in rows] == [
        [task, family]
        for task in [*tables.order_tasks(ALL_TASKS), tables.AVERAGE]
        for family in ("ladder", "other")
    ]
    keys = ["task", "family"]
    mine = results.shapes[results.shapes["variant"] == "zero-shot"].set_index(keys)
    for task, family, shape, share, literal, statistical, *_ in rows:
        row = mine.loc[task, family]
        expected = (row["equivalent"], row["literal"], row["statistical"])
        assert (shape, literal, statistical) == expected
        shown = tables.verdict_probability(row)
        assert share == (">0.99" if shown > 0.99 else f"{shown:.2f}")
    assert "zero-shot (official protocol)" in table.caption


def test_numbers_say_value_and_interval_under_the_protocol(results: Results) -> None:
    files = paper_tables(results)["numbers-replica"]
    assert len(files) == len(ALL_TASKS) + 1
    table = next(one for one in files if one.name.endswith("memo-trap"))
    assert [name for name, _ in table.columns[3:]] == [
        "Accuracy (%)",
        "Distractor answers (%)",
        "Loss (nats)",
        "Label mass (%)",
    ]
    headings = [group.heading for group in table.groups]
    assert headings[:2] == ["ladder, zero-shot (official)", "ladder, cot (modified)"]
    assert [len(group.rows) for group in table.groups] == [4, 3, 3, 3]
    rows = results.metrics
    rows = rows[(rows["task"] == "memo-trap") & (rows["model"] == "")]
    rows = rows[(rows["family"] == "ladder") & (rows["variant"] == "zero-shot")]
    row = rows[(rows["size"] == "8k") & (rows["metric"] == "accuracy")].iloc[0]
    value, low, high = (f"{100 * row[name]:.1f}" for name in ("value", "low", "high"))
    assert table.groups[0].rows[1][0] == "8k"
    assert table.groups[0].rows[1][3] == f"{value} ({low}, {high})"
    assert table.notes == ["cot: our own cot prompt."]


def test_comparisons_leave_out_zero_shot_itself(results: Results) -> None:
    (table,) = paper_tables(results)["protocols-replica"]
    rows = [row for group in table.groups for row in group.rows]
    assert {row[0] for row in rows} == {"cot (modified)"}
    assert len(rows) == 2 * (len(ALL_TASKS) + 1)
    assert {row[3] for row in rows} <= {"yes", "yes, settled", "no"}


def test_tables_of_two_sources_are_never_mixed(tmp_path: Path) -> None:
    made = of_two_sources(("neqa",), tasks=("neqa", "redefine"), variants=("zero-shot",), **SMALL)
    files = paper_tables(read(write(tmp_path, made)))
    kinds = ("verdicts", "numbers", "protocols")
    assert set(files) == {f"{k}-{s}" for k in kinds for s in ("official", "replica")} | {
        "published"
    }
    told = {
        source: [row[0] for group in files[f"verdicts-{source}"][0].groups for row in group.rows]
        for source in ("official", "replica")
    }
    assert told == {"official": ["neqa"], "replica": ["redefine", "neqa"]}
    official, replica = (files[f"numbers-{source}"] for source in ("official", "replica"))
    assert [table.name for table in official] == ["numbers-official-neqa"]
    assert len(replica) == 2
    assert official[0].groups[0].rows[0][3] != replica[1].groups[0].rows[0][3]
    assert not any("Distractor" in name for name, _ in official[0].columns)


def test_published_tables_hold_numbers_and_labels(results: Results) -> None:
    values, labels = paper_tables(results)["published"]
    rows = {row[0]: row for row in values.groups[0].rows}
    assert [name for name, _ in values.columns[2:]] == ["1B", "8B", "62B", "540B"]
    assert rows["memo-trap"][1:] == ["accuracy, %", "54.6", "33.5", "31.0", "40.2"]
    said = {row[0]: row[1:3] for row in labels.groups[0].rows}
    assert said["memo-trap"] == ["U-shaped", "U-shaped"]
    assert said[tables.AVERAGE][0] == "–"


# -- formats ------------------------------------------------------------------------------------

GITHUB = MarkdownIt("commonmark").enable("table")


def shown(source: str) -> list[list[str]]:
    """Rows of all tables of a Markdown text, as plain text; markup in a cell is an error."""
    rows: list[list[str]] = []
    for token in GITHUB.parse(source):
        if token.type == "tr_open":
            rows.append([])
        elif token.type == "inline" and token.level > 2:
            kinds = {child.type for child in token.children or []}
            assert kinds <= {"text", "text_special", "strong_open", "strong_close"}, kinds
            rows[-1].append("".join(child.content for child in token.children or []))
    return rows


# What LaTeX prints for each command that a cell may hold.
PRINTED = {
    r"\textbackslash{}": "\\",
    r"\textasciicircum{}": "^",
    r"\textasciitilde{}": "~",
    r"\textless{}": "<",
    r"\textgreater{}": ">",
    r"\textbar{}": "|",
    r"\textendash{}": "–",
    r"{\char34}": '"',
    r"\`{}": "`",
    "$-$": "−",
    r"$\times$": "×",
    r"\textsuperscript{$-$}": "⁻",
    **{rf"\textsuperscript{{{digit}}}": sign for digit, sign in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")},
    **{rf"\{sign}": sign for sign in "{}$&#%_"},
    "{}": "",
}
TOKEN = re.compile("|".join([*map(re.escape, sorted(PRINTED, key=len, reverse=True)), "."]))


def printed(cell: str) -> str:
    """What LaTeX prints for a cell; anything that it would take for a command is an error."""
    signs = []
    for token in TOKEN.findall(cell):
        assert token in PRINTED or token not in '\\{}$&#%_^~<>|"`', f"{token} in {cell}"
        signs.append(PRINTED.get(token, token))
    return "".join(signs)


def hostile_table(name: str) -> Table:
    return Table(name, name, [(name, TEXT), ("n", NUMBER)], [Group(name, [[name, "1"]])], [name])


def test_every_row_of_every_table_has_one_cell_per_column(results: Results) -> None:
    for files in paper_tables(results).values():
        for table in files:
            rows = [row for group in table.groups for row in group.rows]
            assert rows
            assert {len(row) for row in rows} == {len(table.columns)}
            cells = shown(markdown.markdown(table))
            assert len(cells) == 1 + table.length
            assert [row for row in cells[1:] if any(row[1:])] == rows


@pytest.mark.parametrize("name", [HOSTILE, "a|b", "http://evil.example www.evil.example :bug:"])
def test_hostile_names_are_text_in_markdown(name: str) -> None:
    written = markdown.markdown(hostile_table(name))
    plain_name = " ".join(name.split())
    assert shown(written) == [[plain_name, "n"], [plain_name, ""], [plain_name, "1"]]
    # Not links or emoji for GitHub either, which goes beyond the standard.
    assert not re.search(r"(?<!\\):[\w/]|www\.|(?<!\\)[$@]", written)


def test_hostile_names_are_text_in_latex() -> None:
    written = latex.latex(hostile_table(HOSTILE))
    body = written[written.index(r"\midrule") : written.index(r"\bottomrule")].splitlines()
    assert printed(body[2].removesuffix(r" & 1 \\")) == HOSTILE
    begins = latex.latex(Table("a", "a", [("a", TEXT)], [Group("", [["[9cm] *"]])]))
    assert "\n{}[9cm] * \\\\\n" in begins


TYPED = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), max_size=40)


@given(TYPED)
@settings(max_examples=150, deadline=None)
def test_any_text_is_shown_as_it_is_in_markdown(typed: str) -> None:
    rows = shown(f"| a |\n| --- |\n| x{markdown.escape(typed)}y |\n")
    # The ends of the text may be spaces.
    assert rows[1] == [f"x{' '.join(typed.split())}y"]


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40))
@settings(max_examples=150, deadline=None)
def test_any_ascii_text_is_printed_as_it_is_in_latex(typed: str) -> None:
    assert printed(latex.escape(typed)) == " ".join(typed.split())


def test_signs_that_latex_may_not_have_stand_as_code_points() -> None:
    assert latex.escape("Ð木é\u202e") == "U+00D0U+6728éU+202E"


def test_long_tables_go_on_over_pages() -> None:
    rows = [[str(n)] for n in range(latex.LONGEST + 1)]
    long, short = (Table("a", "a", [("n", NUMBER)], [Group("", rows[end:])]) for end in (0, 1))
    assert r"\begin{longtable}" in latex.latex(long)
    assert r"\begin{table}" in latex.latex(short)


@pytest.mark.needs("latex")
def test_latex_compiles(results: Results, tmp_path: Path) -> None:
    files = paper_tables(results) | {"hostile": [hostile_table(HOSTILE + "木é–×⁻¹")]}
    for name, made in files.items():
        (tmp_path / f"{name}.tex").write_text(latex.document(made), encoding="utf-8")
    inputs = "\n".join(rf"\input{{{name}}}" for name in files)
    (tmp_path / "paper.tex").write_text(
        "\\documentclass{article}\n\\usepackage{booktabs,longtable}\n"
        f"\\begin{{document}}\n{inputs}\n\\end{{document}}\n"
    )
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
    log = (tmp_path / "paper.log").read_text(errors="replace")
    assert not re.search(r"multiply defined|Missing character", log)


# -- the step -----------------------------------------------------------------------------------


def test_the_step_writes_all_files(
    folder: Path, value: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in Results(folder, folder / "tasks", folder / "literature").scores:
        made = next((folder / "scores" / path.parts[-4]).rglob("*.parquet"))
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            shutil.copy(made, path)
    words = ["export", "--results", folder, "--tasks", folder / "tasks"]
    words += ["--literature", folder / "literature", "--schema", SCHEMA]
    words += ["--output", tmp_path / "report.json", "--tables", tmp_path / "tables"]
    monkeypatch.setattr(sys, "argv", list(map(str, words)))
    export.main()
    # The same inputs give the same bytes.
    assert (tmp_path / "report.json").read_text(encoding="utf-8") == text(value)
    names = [*(f"{kind}-replica" for kind in ("verdicts", "numbers", "protocols")), "published"]
    expected = {f"{name}.{ending}" for name in names for ending in ("md", "tex")}
    assert {path.name for path in (tmp_path / "tables").iterdir()} == expected


def test_a_name_that_is_no_file_name_keeps_to_its_label() -> None:
    assert latex.label("numbers-a/b c_{d}") == "numbers-a-b-c--d-"
