"""The matrix and the comparison: what they can show is what the tables and the evidence say."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from fabricate import (
    ALL_TASKS,
    metrics,
    of_two_sources,
    with_published,
    write_inputs,
    write_tables,
)
from page import TEMPLATE, Page, inputs, spaced
from ushaped.report import render
from ushaped.report.compare import compare_view, known, metrics_of
from ushaped.report.evidence import index_evidence
from ushaped.report.findings import findings_of
from ushaped.report.matrix import VerdictMatrix, cells_of, verdict_matrix
from ushaped.report.packed import pack
from ushaped.results import tables
from ushaped.results.folder import Results
from ushaped.results.numbers import draws

HOSTILE = '"><script>alert(1)</script>&<b> {{ 7 * 7 }}'
SMALL: dict[str, Any] = {
    "tasks": ("memo-trap", "redefine", "neqa", "prompt-injection"),
    "variants": ("zero-shot", "few-shot-2", "cot"),
    "sizes": (1_000, 8_000, 45_000),
    "seeds": 2,
}
RULES = ("equivalent", "literal", "statistical")

Values = dict[str, Any]


@pytest.fixture
def made(tmp_path: Path) -> Callable[..., Results]:
    """Results of made-up results, without figures."""

    def build(measured: pd.DataFrame | None = None, **changed: Any) -> Results:
        measured = metrics(**SMALL) if measured is None else measured
        write_tables(tmp_path, measured)
        write_inputs(tmp_path, measured)
        return inputs(tmp_path, literature=None, **changed)

    return build


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """Results of two families, to be looked at alone."""
    folder = tmp_path_factory.mktemp("shown")
    measured = metrics(**SMALL, families=("ladder", "other"), unknown=("other",))
    write_tables(folder, measured)
    write_inputs(folder, measured)
    return inputs(folder, literature=None)


@pytest.fixture(scope="module")
def page(shown: Results) -> str:
    return render(TEMPLATE, shown)


def both(given: Results) -> tuple[Values, VerdictMatrix]:
    """The comparison and the matrix of some results."""
    findings = findings_of(given)
    view, matrix = compare_view(findings), verdict_matrix(findings)
    assert view is not None
    assert matrix is not None
    json.dumps(view.data, allow_nan=False)
    return view.data, matrix


def curve_of(values: Values, family: str, task: str, variant: str, published: bool = False) -> Any:
    """The one curve of a family, task and variant."""
    (found,) = [
        curve
        for curve in values["curves"]
        if curve["task"] == task
        and values["variants"][curve["variant"]]["name"] == variant
        and values["families"][curve["family"]]["name"] == family
        and values["families"][curve["family"]]["published"] is published
    ]
    return found


def places(values: Values) -> dict[str, int]:
    """Places of the metrics."""
    return {metric["name"]: place for place, metric in enumerate(values["metrics"])}


# -- the comparison ------------------------------------------------------------------------------


def test_every_mean_is_there_with_its_interval_and_no_single_seed(shown: Results) -> None:
    values, _ = both(shown)
    means = shown.metrics[shown.metrics["model"] == ""]
    for _, row in means.iterrows():
        curve = curve_of(values, row["family"], row["task"], row["variant"])
        series = curve["metrics"][places(values)[row["metric"]]]
        place = series["size"].index(row["size"])
        for name in ("value", "low", "high"):
            assert series[name][place] == pytest.approx(row[name], rel=1e-4, abs=1e-9)
        assert series["n"] == row["n"]
        assert series["chance"] == known(row["chance"])
        assert (series["flags"].get(place) or "") == row["flags"]
    ours = [c for c in values["curves"] if c["source"] != "published"]
    count = sum(len(series["value"]) for c in ours for series in c["metrics"].values())
    assert count == len(means)


def test_sizes_stand_in_order_with_their_scale(shown: Results) -> None:
    values, _ = both(shown)
    ladder, other = (
        next(f for f in values["families"] if f["name"] == name) for name in ("ladder", "other")
    )
    assert [size for size, *_ in ladder["sizes"]] == ["1k", "8k", "45k"]
    assert [flops for *_, flops in ladder["sizes"]] == [2.4e10, 1.92e11, 1.08e12]
    # What is not known of a family is not made up.
    assert [row[1:] for row in other["sizes"]] == [[1000, None], [8000, None], [45000, None]]
    series = curve_of(values, "other", "neqa", "cot")["metrics"][places(values)["accuracy"]]
    assert series["size"] == ["1k", "8k", "45k"]


def test_a_variant_of_tasks_in_and_outside_the_prize_names_both_protocols_and_a_curve_its_own(
    made: Callable[..., Results],
) -> None:
    measured = metrics(**SMALL)
    other = measured[measured["task"] == "neqa"].assign(task="zebra-puzzles")
    other["protocol"] = other["protocol"].replace("official", "own")
    values, matrix = both(made(pd.concat([measured, other], ignore_index=True)))
    told = {v["name"]: v["protocol"] for v in values["variants"]}
    assert (told["zero-shot"], told["cot"]) == ("official or own", "modified")
    assert {v.name: v.protocol for v in matrix.variants} == told
    of = {task: curve_of(values, "ladder", task, "zero-shot") for task in ("neqa", "zebra-puzzles")}
    assert {task: curve["protocol"] for task, curve in of.items()} == {
        "neqa": "official",
        "zebra-puzzles": "own",
    }
    assert "protocol" not in curve_of(values, "ladder", "zebra-puzzles", "cot")


def test_every_prompt_variant_has_its_protocol(shown: Results) -> None:
    values, _ = both(shown)
    told = [(v["name"], v["protocol"], v["modified"]) for v in values["variants"]]
    assert told == [
        ("zero-shot", "official", ""),
        ("few-shot-2", "official", ""),
        ("cot", "modified", "our own cot prompt"),
    ]


def test_published_values_have_the_intervals_of_the_evidence(shown: Results) -> None:
    values, _ = both(shown)
    assert [f["name"] for f in values["families"]] == ["ladder", "other", "PaLM"]
    assert values["families"][-1]["key"] == "published:PaLM"
    for told in shown.evidence:
        about = told["about"]
        if about["source"] != "published":
            continue
        curve = curve_of(values, about["family"], about["task"], "zero-shot", published=True)
        series = curve["metrics"][places(values)[about["metric"]]]
        assert series["size"] == told["sizes"]
        for name, column in (("value", "values"), ("low", "low"), ("high", "high")):
            assert series[name] == [known(value) for value in told[column]]
    flops = [size[2] for size in values["families"][-1]["sizes"]]
    assert flops == [2.4e20, 3.7e22, 2.9e23, 2.53e24]


def test_parameters_of_published_models_come_from_the_literature(
    made: Callable[..., Results], tmp_path: Path, literature: Path
) -> None:
    given = made()
    without, _ = both(given)
    assert {size[1] for size in without["families"][-1]["sizes"]} == {None}
    (palm,) = [f for f in both(inputs(tmp_path, literature=literature))[0]["families"][1:]]
    assert [size[1] for size in palm["sizes"]] == [1e9, 8e9, 6.2e10, 5.4e11]


def test_the_verdicts_on_a_curve_are_those_of_its_row_and_its_evidence(shown: Results) -> None:
    values, _ = both(shown)
    evidence = index_evidence(shown.evidence)
    for _, row in shown.shapes.iterrows():
        published = row["source"] == "published"
        curve = curve_of(values, row["family"], row["task"], row["variant"], published)
        said = curve["verdict"]
        curve_evidence = evidence[row["family"], row["source"], row["task"], row["variant"]]
        assert curve["judged"] == row["metric"]
        assert said["equivalent"][0] == row["equivalent"]
        assert said["equivalent"][1] == draws(tables.verdict_probability(row))
        assert said["literal"][0] == row["literal"]
        assert said["statistical"][0] == curve_evidence.statistical
        assert said["link"] == f"evidence-{curve_evidence.slug}"


def test_a_family_that_was_run_and_published_is_two_families(made: Callable[..., Results]) -> None:
    values, _ = both(made(metrics(**SMALL, families=("PaLM",))))
    assert [(f["name"], f["published"], f["key"]) for f in values["families"]] == [
        ("PaLM", False, "PaLM"),
        ("PaLM", True, "published:PaLM"),
    ]
    ours = curve_of(values, "PaLM", "redefine", "zero-shot")
    theirs = curve_of(values, "PaLM", "redefine", "zero-shot", published=True)
    assert ours["metrics"] != theirs["metrics"]


@pytest.mark.parametrize("unknown", [(), ("other",)])
def test_it_opens_on_a_scale_that_every_family_has(
    made: Callable[..., Results], unknown: tuple[str, ...]
) -> None:
    measured = metrics(**SMALL, families=("ladder", "other"), unknown=unknown)
    values, _ = both(made(measured))
    assert values["scale"] == ("parameters" if unknown else "training_flops")


def test_items_of_two_sources_are_two_tasks(made: Callable[..., Results]) -> None:
    values, matrix = both(made(of_two_sources(("neqa",), **SMALL)))
    told = [(one["key"], one["source"], one["card"]) for one in values["editions"]]
    assert ("neqa@official", "official", "task-neqa-official") in told
    assert ("neqa@replica", "replica", "task-neqa-replica") in told
    assert ("memo-trap", "replica", "task-memo-trap") in told
    heights = {
        curve["source"]: curve["metrics"][places(values)["accuracy"]]["value"]
        for curve in values["curves"]
        if curve["task"] == "neqa" and curve["variant"] == 0
    }
    assert set(heights) == {"official", "replica"}
    assert heights["official"] != heights["replica"]
    assert matrix.sources == ["official", "replica"]


def test_a_task_that_was_not_run_can_still_be_compared(made: Callable[..., Results]) -> None:
    values, _ = both(made(metrics(**SMALL | {"tasks": ("neqa",)})))
    told = [(one["task"], one["source"]) for one in values["editions"]]
    assert told[0] == ("neqa", "replica")
    assert ("redefine", "published") in told
    assert told[-1] == (tables.AVERAGE, "published")


def test_published_points_on_a_curve_that_was_run_keep_their_flag(
    made: Callable[..., Results],
) -> None:
    values, _ = both(made(with_published(metrics(**SMALL))))
    series = curve_of(values, "ladder", "redefine", "zero-shot")["metrics"]
    accuracy = series[places(values)["accuracy"]]
    assert accuracy["size"][-1] == "175B"
    assert accuracy["flags"][3] == "published"


def test_metrics_are_named_in_reading_order() -> None:
    present = ["zeta", "answer_rate_10", "loss", "answer_rate_2", "accuracy"]
    assert metrics_of(present) == ["accuracy", "loss", "answer_rate_2", "answer_rate_10", "zeta"]


def test_losses_are_told_to_be_better_where_lower(shown: Results) -> None:
    values, _ = both(shown)
    by_name = {metric["name"]: metric for metric in values["metrics"]}
    assert by_name["sequence_loss"]["lower"]
    assert by_name["sequence_loss"]["unit"] == "nats"
    assert not by_name["accuracy"]["lower"]
    assert by_name["accuracy"]["unit"] == "share"


def test_looks_differ_in_more_than_colour(shown: Results) -> None:
    values, _ = both(shown)
    for kind in ("families", "variants"):
        looks = [(one["marker"], *one["dashes"]) for one in values[kind]]
        assert len(set(looks)) == len(looks)


def test_it_works_without_evidence_and_protocols(made: Callable[..., Results]) -> None:
    values, matrix = both(made(evidence=[], protocols=None))
    assert [f["name"] for f in values["families"]] == ["ladder"]
    cell = matrix.rows[0].cells["ladder"]["zero-shot"]
    assert cell.opinions["equivalent"].note
    assert cell.opinions["literal"].note == ""
    assert cell.opinions["statistical"].shape == ""
    assert cell.link == ""


def test_one_size_is_drawn_and_has_no_verdict(made: Callable[..., Results]) -> None:
    values, matrix = both(made(metrics(**SMALL | {"sizes": (8_000,)})))
    curve = curve_of(values, "ladder", "neqa", "zero-shot")
    assert curve["metrics"][places(values)["accuracy"]]["size"] == ["8k"]
    assert curve["verdict"]["equivalent"] == ["", "", False]
    assert matrix.rows[0].cells["ladder"]["zero-shot"].shown == "none: one size"


def test_eleven_tasks_and_five_families_take_little_room(made: Callable[..., Results]) -> None:
    many = ("ladder", "Pythia", "OPT", "Qwen", "Gemma")
    values, matrix = both(made(metrics(ALL_TASKS, families=many, seeds=1)))
    assert len(pack(values)) + len(pack(matrix.record())) < 400_000


# -- the matrix ----------------------------------------------------------------------------------


def test_the_matrix_can_show_every_verdict(shown: Results) -> None:
    _, matrix = both(shown)
    given = matrix.record()
    evidence = index_evidence(shown.evidence)
    rows = {(row["source"], row["task"]): row for row in given["rows"]}
    ours = shown.shapes[shown.shapes["source"] != "published"]
    for _, row in ours.iterrows():
        cell = rows[row["source"], row["task"]]["cells"][row["family"]][row["variant"]]
        curve_evidence = evidence[row["family"], row["source"], row["task"], row["variant"]]
        said = (row["equivalent"], row["literal"], curve_evidence.statistical)
        assert tuple(cell[rule][0] for rule in RULES) == said
    assert len(ours) == sum(len(by) for row in given["rows"] for by in row["cells"].values())
    redefine = next(row for row in given["rows"] if row["task"] == "redefine")
    assert list(redefine["published"]) == ["PaLM"]


def test_how_sure_the_literal_rule_is_stands_in_the_protocols(shown: Results) -> None:
    _, matrix = both(shown)
    assert shown.protocols is not None
    for _, row in shown.protocols.iterrows():
        (line,) = [one for one in matrix.rows if one.task == row["task"]]
        cell = line.cells[row["family"]][row["variant"]]
        assert cell.opinions["literal"].note == draws(row["p_literal"])


def test_a_statistical_verdict_shows_the_test_that_speaks_to_it(
    made: Callable[..., Results],
) -> None:
    given = made()
    wanted = {
        "memo-trap": ("U-shaped", {"q_u": 0.012, "q_change": 0.7}, "q = 0.012, ", True),
        "redefine": ("inverse", {"q_u": 0.9, "q_change": 0.0004}, "q < 0.001, ", True),
        "neqa": ("undetermined", {"q_u": 0.9, "q_change": 0.031}, "q = 0.031, ", False),
        "prompt-injection": ("flat", {"q_u": 0.9, "q_change": 0.031}, "", True),
    }
    for curve in given.evidence:
        about = curve["about"]
        if about["task"] in wanted and about["source"] != "published":
            shape, levels, *_ = wanted[about["task"]]
            limit = {"these_models": shape, "tipping_point": 0.021}
            curve["verdict"] |= {"statistical": shape} | levels | limit
    _, matrix = both(given)
    for row in matrix.rows:
        opinion = row.cells["ladder"]["zero-shot"].opinions["statistical"]
        shape, _, level, sure = wanted[row.task]
        note = level + ("up to ± 0.02 nats" if shape == "flat" else "up to ± 2.1 points")
        assert (opinion.shape, spaced(opinion.note), opinion.sure) == (shape, note, sure)


def test_a_cell_is_sure_from_95_percent_of_the_draws_on(made: Callable[..., Results]) -> None:
    given = made()
    first = given.shapes["equivalent"] != ""
    for place, share in zip(given.shapes.index[first], (0.949, 0.951, math.nan), strict=False):
        shape = given.shapes.loc[place, "equivalent"]
        given.shapes.loc[place, tables.PROBABILITY[str(shape)]] = share
    findings = findings_of(given)
    cells = cells_of(findings)
    sure = {verdict.probability: cells[verdict.key] for verdict in findings.verdicts}
    assert not sure[0.949].opinions["equivalent"].sure
    assert sure[0.951].opinions["equivalent"].sure


def table_of(page: str, name: str) -> str:
    found = re.search(rf'<table id="{name}".*?</table>', page, re.DOTALL)
    assert found is not None
    return found[0]


def test_without_a_script_the_matrix_shows_zero_shot_by_the_published_equivalent_rule(
    page: str, shown: Results
) -> None:
    text = table_of(page, "matrix-table")
    cells = re.findall(
        r'<td data-family="([^"]*)" data-task="([^"]*)" data-source="([^"]*)".*?>(.*?)</td>',
        text,
        re.DOTALL,
    )
    told = {(family, task, source): spaced(body) for family, task, source, body in cells}
    main = shown.shapes[shown.shapes["variant"] == "zero-shot"]
    run = main[main["task"].isin(set(shown.metrics["task"]))]
    assert run["equivalent"].nunique() > 1
    for _, row in run.iterrows():
        said = told[row["family"], row["task"], row["source"]]
        note = draws(tables.verdict_probability(row))
        assert said == f"{row['equivalent']} {note}".strip()
    assert told["PaLM", "neqa", "published"] == "–"
    assert text.count('zero-shot <span class="tag official">official</span>') == 3
    assert 'scope="row"' in text
    assert 'scope="col"' in text


def test_what_needs_a_script_is_hidden_without_one(page: str) -> None:
    hidden = {a["id"] for _, a in Page(page).elements if "hidden" in a and "id" in a}
    assert {"matrix-controls", "compare-panel"} <= hidden
    assert "The choice needs a script" in page


def test_everything_can_be_chosen_and_says_its_protocol(page: str) -> None:
    parsed = Page(page)
    chosen: dict[str, list[str]] = {}
    for field in parsed.all("input"):
        chosen.setdefault(field.get("name", ""), []).append(field.get("value", ""))
    assert chosen["matrix-variant"] == ["zero-shot", "few-shot-2", "cot"]
    assert chosen["matrix-rule"] == list(RULES)
    assert "matrix-source" not in chosen
    assert chosen["compare-variant"] == chosen["matrix-variant"]
    assert chosen["compare-family"] == ["ladder", "other", "published:PaLM"]
    assert chosen["compare-task"][:2] == ["memo-trap", "redefine"]
    for kind in ("matrix", "compare"):
        labels = re.findall(rf'<label><input[^>]*name="{kind}-variant".*?</label>', page, re.DOTALL)
        assert [spaced(label) for label in labels] == [
            "zero-shot official",
            "few-shot-2 official",
            "cot modified",
        ]


def test_a_choice_of_items_is_offered_where_there_is_one(made: Callable[..., Results]) -> None:
    text = render(TEMPLATE, made(of_two_sources(("neqa",), **SMALL)))
    values = [a["value"] for a in Page(text).all("input") if a.get("name") == "matrix-source"]
    assert values == ["", "official", "replica"]
    table = table_of(text, "matrix-table")
    assert len(re.findall(r'data-task="neqa" data-source="official"', table)) == 1
    assert len(re.findall(r'data-task="neqa" data-source="replica"', table)) == 1


def test_hostile_names_stay_text(made: Callable[..., Results]) -> None:
    given = made()
    for table in (given.metrics, given.shapes):
        table["family"] = table["family"].replace("ladder", HOSTILE)
        table["modified"] = table["modified"].replace("our own cot prompt", HOSTILE)
    text = render(TEMPLATE, given)
    assert HOSTILE not in text
    assert {a.get("value") for a in Page(text).all("input")} >= {HOSTILE}
    assert not [words for words in Page(text).texts["script"] if "alert" in words]
