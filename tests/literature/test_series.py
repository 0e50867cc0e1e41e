"""The published numbers: whole, consistent, and with the verdicts that the paper printed."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from fabricate import RUN_NOISE, SETTINGS
from project import Project
from ushaped.errors import UserError
from ushaped.items.task import load_task
from ushaped.literature.points import read_humans
from ushaped.shapes.curves import Curve
from ushaped.shapes.read import read_published
from ushaped.shapes.rules import Rule, verdict
from ushaped.terms import AVERAGE, TEN_TASKS

SERIES = Path(__file__).parents[2] / "literature" / "series.csv"

# Wei et al. (2022): which task is inverse follows from the counts by elimination.
PALM = {
    "resisting-correction": "U-shaped",
    "memo-trap": "U-shaped",
    "neqa": "U-shaped",
    "modus-tollens": "U-shaped",
    "sig-figs": "U-shaped",
    "hindsight-neglect": "U-shaped",
    "repetitive-algebra": "positive",
    "redefine": "inverse",
    "pattern-matching-suppression": "inverse",
    "into-the-unknown": "inverse",
    "prompt-injection": "inverse",
}


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    """All rows of the series."""
    with open(SERIES, encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


@pytest.fixture(scope="module")
def palm() -> dict[str, Curve]:
    """PaLM's curves by task."""
    return {curve.task: curve for curve in read_published(SERIES) if curve.family == "PaLM"}


def test_no_point_occurs_twice(rows: list[dict[str, str]]) -> None:
    counts = Counter((row["series"], row["size"], row["task"], row["metric"]) for row in rows)
    assert counts.most_common(1)[0][1] == 1


def test_every_series_has_all_tasks_at_every_size(rows: list[dict[str, str]]) -> None:
    tasks: dict[tuple[str, str], set[str]] = {}
    for row in rows:
        if row["size"] and row["metric"] in ("accuracy", "sequence_loss"):
            tasks.setdefault((row["series"], row["size"]), set()).add(row["task"])
    assert len({series for series, _ in tasks}) == 10
    assert all(len(some) == 12 for some in tasks.values())


def test_every_row_names_its_source_and_protocol(rows: list[dict[str, str]]) -> None:
    assert all(row["source"].startswith("arXiv:") for row in rows)
    assert {row["protocol"] for row in rows} == {"official"}


def test_a_size_label_and_its_parameters_agree(rows: list[dict[str, str]]) -> None:
    for row in rows:
        if row["size"]:
            unit = {"M": 1e6, "B": 1e9}[row["size"][-1]]
            assert int(row["parameters"]) == round(float(row["size"][:-1]) * unit)


def test_a_size_has_one_training_compute_within_its_series(rows: list[dict[str, str]]) -> None:
    flops: dict[tuple[str, str], set[str]] = {}
    for row in rows:
        flops.setdefault((row["series"], row["size"]), set()).add(row["training_flops"])
    assert all(len(some) == 1 for some in flops.values())


def test_training_compute_of_palm_is_the_precise_one(palm: dict[str, Curve]) -> None:
    assert palm["neqa"].sizes == ("1B", "8B", "62B", "540B")
    assert palm["neqa"].flops.tolist() == [0.24e21, 37.4e21, 295.7e21, 2527.2e21]


def test_every_ten_task_average_is_the_mean_of_its_ten_tasks(rows: list[dict[str, str]]) -> None:
    values = {
        (row["series"], row["size"], row["task"]): float(row["value"])
        for row in rows
        if row["metric"] == "accuracy"
    }
    averages = [key for key in values if key[2] == "ten-task-average"]
    assert len(averages) == 58
    for series, size, task in averages:
        mean = sum(values[series, size, one] for one in TEN_TASKS) / 10
        assert mean == pytest.approx(values[series, size, task], abs=1e-5), (series, size)


def test_averages_of_palm_are_the_published_ones(palm: dict[str, Curve]) -> None:
    means = [sum(palm[task].values[size] for task in TEN_TASKS) / 10 for size in range(4)]
    assert [round(100 * mean, 2) for mean in means] == [52.71, 36.46, 40.33, 55.86]


def test_chance_line_of_the_average(rows: list[dict[str, str]]) -> None:
    chance = {row["task"]: float(row["value"]) for row in rows if row["series"] == "chance"}
    assert set(chance) == {*TEN_TASKS, "ten-task-average"}
    assert round(100 * chance["ten-task-average"], 2) == 48.94


def test_prompt_injection_is_a_positive_loss(palm: dict[str, Curve]) -> None:
    assert palm["prompt-injection"].metric == "sequence_loss"
    assert palm["prompt-injection"].values.tolist() == [0.3, 1.8, 2.2, 1.7]


@pytest.mark.parametrize("recovery", [0.27, 0.3, 1 / 3, 0.36, 0.38])
def test_palm_gets_its_eleven_published_verdicts(palm: dict[str, Curve], recovery: float) -> None:
    rule = Rule.published_equivalent(recovery=recovery)
    assert {task: verdict(palm[task].heights, rule) for task in PALM} == PALM
    counts = Counter(PALM.values())
    assert (counts["U-shaped"], counts["positive"], counts["inverse"]) == (6, 1, 4)


@pytest.mark.parametrize("recovery", [0.26, 0.40])
def test_other_thresholds_change_a_verdict_of_palm(palm: dict[str, Curve], recovery: float) -> None:
    rule = Rule.published_equivalent(recovery=recovery)
    assert {task: verdict(palm[task].heights, rule) for task in PALM} != PALM


def test_literal_rule_calls_three_more_tasks_of_palm_u_shaped(palm: dict[str, Curve]) -> None:
    counts = Counter(verdict(palm[task].heights, Rule.literal()) for task in PALM)
    assert counts == {"U-shaped": 9, "positive": 1, "inverse": 1}


def test_the_average_of_palm_is_u_shaped_and_that_of_gopher_inverse(
    palm: dict[str, Curve],
) -> None:
    rule = Rule.published_equivalent()
    gopher = {curve.task: curve for curve in read_published(SERIES) if curve.family == "Gopher"}
    assert verdict(palm["ten-task-average"].heights, rule) == "U-shaped"
    assert verdict(gopher["ten-task-average"].heights, rule) == "inverse"


HEAD = "series,size,parameters,training_flops,task,metric,value,k,n,plotted_size,protocol,source\n"
GOOD = "X,1B,1000000000,1e20,neqa,accuracy,0.5,150,300,1B,official,a paper\n"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("X,2B,2000000000,2e20,neqa,accuracy,0.5,301,300,2B,official,p", "line 3: k is 301 of n 3"),
        ("X,2B,2000000000,2e20,neqa,accuracy,0.9,150,300,2B,official,p", "line 3: k / n is 0.5000"),
        ("X,2B,2000000000,1e20,neqa,accuracy,0.5,,300,2B,official,p", "have the same training com"),
        ("X,2B,2000000000,2e20,neqa,accuracy,,,300,2B,official,p", "line 3: value is ''"),
        ("X,2B,2000000000,?,neqa,accuracy,0.5,,300,2B,official,p", "training_flops is '?'"),
        ("X,2B,2000000000,2e20,neqa,accuracy,0.5,,300,2B,modified,p", "its sizes differ in protoc"),
    ],
)
def test_a_wrong_row_is_named(tmp_path: Path, row: str, message: str) -> None:
    path = tmp_path / "series.csv"
    path.write_text(HEAD + GOOD + row + "\n")
    with pytest.raises(UserError) as told:
        read_published(path)
    assert message in str(told.value)


# -- the tables of `snakemake figures` -----------------------------------------------------------


@pytest.fixture(scope="module")
def made(literature: Path) -> dict[str, list[dict[str, str]]]:
    """The tables as the workflow writes them, by name."""
    found = {}
    for path in (literature / "tables").glob("*.csv"):
        with open(path, encoding="utf-8", newline="") as handle:
            found[path.stem] = list(csv.DictReader(handle))
    return found


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("equivalent", {"U-shaped": 6, "positive": 1, "inverse": 4, "inverted-U": 0, "flat": 0}),
        ("literal", {"U-shaped": 9, "positive": 1, "inverse": 1, "inverted-U": 0, "flat": 0}),
    ],
)
def test_the_table_counts_the_verdicts_of_palm(
    made: dict[str, list[dict[str, str]]], rule: str, expected: dict[str, int]
) -> None:
    (row,) = [r for r in made["verdict-counts"] if (r["series"], r["rule"]) == ("PaLM", rule)]
    assert {shape: int(row[shape]) for shape in expected} == expected
    given = Counter(
        r[rule] for r in made["verdicts"] if r["series"] == "PaLM" and r["task"] != AVERAGE
    )
    assert given == {shape: count for shape, count in expected.items() if count}


def test_the_table_gives_palm_its_published_verdicts(
    made: dict[str, list[dict[str, str]]],
) -> None:
    own = {r["task"]: r["equivalent"] for r in made["verdicts"] if r["series"] == "PaLM"}
    assert own == PALM | {AVERAGE: "U-shaped"}


def test_the_table_of_averages_has_the_published_means(
    made: dict[str, list[dict[str, str]]],
) -> None:
    own = [float(r["mean_of_ten"]) for r in made["averages"] if r["series"] == "PaLM"]
    assert [round(100 * mean, 2) for mean in own] == [52.71, 36.46, 40.33, 55.86]
    assert len(made["averages"]) == 57
    assert all(abs(float(row["difference"])) < 1e-5 for row in made["averages"])


# Items of sig-figs have two classes or more; those of the other tasks two.
CHANCE = {"sig-figs": 0.3942}


def test_the_table_of_tasks_agrees_with_their_facts(made: dict[str, list[dict[str, str]]]) -> None:
    assert {row["task"] for row in made["tasks"]} == set(PALM)
    for row in made["tasks"]:
        facts = load_task(SERIES.parents[1] / "tasks" / row["task"]).facts
        assert int(row["n"]) == facts.official.rows
        assert row["metric"] == facts.metric.replace("-", "_")
        if row["chance"]:
            assert float(row["chance"]) == pytest.approx(CHANCE.get(row["task"], 0.5), abs=1e-4)


def test_compute_and_parameters_imply_the_tokens(made: dict[str, list[dict[str, str]]]) -> None:
    (row,) = [r for r in made["series"] if (r["series"], r["size"]) == ("OPT", "175B")]
    # OPT was trained on 180 billion tokens (Zhang et al. 2022, arXiv:2205.01068).
    assert float(row["implied_tokens"]) == pytest.approx(180e9)
    assert float(row["zettaflops"]) == pytest.approx(189)


def test_human_agreement_is_a_sourced_share_or_unknown(tmp_path: Path) -> None:
    path = tmp_path / "humans.csv"
    head = "task,agreement,source\n"
    path.write_text(head + "neqa,unknown,\nredefine,0.9,a paper\n")
    humans = read_humans(path)
    assert humans["neqa"].agreement is None
    assert humans["redefine"].agreement == 0.9
    for wrong in ("neqa,0.9,\n", "neqa,90,a paper\n"):
        path.write_text(head + wrong)
        with pytest.raises(UserError, match=r"line 2: agreement .* is no sourced share"):
            read_humans(path)


def test_a_number_that_is_not_in_its_source_is_not_in_the_markers() -> None:
    with open(SERIES.with_name("markers.csv"), encoding="utf-8", newline="") as handle:
        (row,) = csv.DictReader(handle)
    assert (row["series"], row["task"], row["value"]) == ("GPT-4", "hindsight-neglect", "")
    assert row["source"].startswith("arXiv:2303.08774")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--metrics", "m.csv"), "one of them is missing"),
        ((), "has nothing to judge"),
    ],
)
def test_judging_nothing_or_half_is_refused(
    words: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    script = SERIES.parents[1] / "scripts" / "shapes.py"
    words += ("--output", str(tmp_path / "s.csv"), "--evidence", str(tmp_path / "e.json"))
    words += tuple(map(str, (*SETTINGS, *RUN_NOISE)))
    done = subprocess.run(
        [sys.executable, script, *words],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert message in done.stderr


def test_the_target_figures_needs_no_model_prompt_or_item(fresh: Project) -> None:
    jobs = fresh.plan("figures")
    assert {job.rule for job in jobs} == {
        "figures",
        "published_figures",
        "questions",
        "published_shapes",
        "published_tables",
    }
    assert len(jobs) == 7
