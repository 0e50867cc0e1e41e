"""Curves of one's own: tables of numbers, output of lm-evaluation-harness, and what is told."""

from __future__ import annotations

import argparse
import csv
import json
import math
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness_runs import (
    DATE,
    LARGE,
    LATER,
    LONG,
    MODELS,
    SMALL,
    TWO,
    digest,
    only,
    write_run,
    written_results,
)
from ushaped.axes import PARAMETERS, SHOTS, THINKING_TOKENS, TRAINING_TOKENS
from ushaped.errors import UserError
from ushaped.literature.run_noise import read_run_noise
from ushaped.shapes import __main__ as program
from ushaped.shapes.curves import Curve
from ushaped.shapes.data import Counts, Data, Items, Means, Settings
from ushaped.shapes.standalone import rows
from ushaped.shapes.standalone.lm_eval_input import read_harness
from ushaped.shapes.standalone.table_input import read_curves, write_curves


@pytest.fixture
def table(tmp_path: Path):
    """Write a table and give its path."""

    def write(text: str, name: str = "curve.csv") -> Path:
        (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path / name

    return write


# -- tables ---------------------------------------------------------------------------------------


def test_counts_become_shares(table) -> None:
    curve, data = only(read_curves(table("scale,k,n\n1e20,90,100\n1e21,30,100\n1e22,70,100\n")))
    assert curve.values.tolist() == [0.9, 0.3, 0.7]
    assert curve.flops.tolist() == [1e20, 1e21, 1e22]
    assert (curve.sizes, curve.n, curve.flags) == (("1e20", "1e21", "1e22"), 100, ())
    assert (curve.family, curve.task) == ("models", "curve")
    assert isinstance(data, Counts)
    assert (data.k.tolist(), data.n.tolist()) == ([90, 30, 70], [100, 100, 100])


def test_sizes_out_of_order_are_sorted_and_that_is_said(table) -> None:
    curve, data = only(read_curves(table("scale,size,k,n\n1e22,C,70,100\n1e20,A,90,100\n")))
    assert (curve.sizes, data.k.tolist()) == (("A", "C"), [90, 70])
    assert "sorted" in curve.flags[0]


def test_different_numbers_of_items_are_said(table) -> None:
    curve, _ = only(read_curves(table("scale,k,n\n1,9,10\n2,30,100\n")))
    assert curve.n is None
    assert curve.flags == ("the sizes have different numbers of items",)


def test_a_loss_is_better_where_it_is_lower(table) -> None:
    path = table("scale,mean,error\n1e20,2.5,0.1\n1e21,3.5,0.2\n")
    curve, data = only(read_curves(path, metric="sequence_loss"))
    assert curve.heights.tolist() == [-2.5, -3.5]
    assert isinstance(data, Means)
    assert data.errors.tolist() == [0.1, 0.2]


def test_parameters_as_scale_are_named_and_flagged(table) -> None:
    curve, _ = only(read_curves(table("scale,k,n\n70e6,9,10\n1.4e9,3,10\n"), axis=PARAMETERS))
    assert (curve.sizes, curve.flags) == (("70M", "1.4B"), ("ordered-by-parameters",))


@pytest.mark.parametrize(
    ("column", "axis", "sizes"),
    [
        ("shots", SHOTS, ("0", "1", "16")),
        ("thinking_tokens", THINKING_TOKENS, ("0", "1", "16")),
        ("thinking_budget", THINKING_TOKENS, ("0", "1", "16")),
    ],
)
def test_a_column_may_name_the_axis(table, column: str, axis, sizes: tuple[str, ...]) -> None:
    curve, data = only(read_curves(table(f"{column},k,n\n16,7,10\n1,3,10\n0,9,10\n")))
    assert (curve.axis, curve.sizes) == (axis, sizes)
    assert curve.scale_values.tolist() == [0, 1, 16]
    assert curve.positions.tolist() == pytest.approx([0, math.log10(2), math.log10(17)])
    assert data.k.tolist() == [9, 3, 7]


def test_the_scale_may_be_told_to_be_another_axis(table) -> None:
    path = table("scale,mean,error\n1e9,0.5,0.1\n3e9,0.4,0.1\n")
    curve, _ = only(read_curves(path, axis=TRAINING_TOKENS))
    assert (curve.axis, curve.sizes, curve.flags) == (TRAINING_TOKENS, ("1B", "3B"), ())


@pytest.mark.parametrize(
    ("text", "axis", "words"),
    [
        ("shots,k,n\n-1,9,10\n1,3,10\n", None, "line 2: scale is -1; give 0 or more"),
        ("scale,k,n\n0,9,10\n1,3,10\n", TRAINING_TOKENS, "give a number above 0"),
        ("shots,k,n\n0,9,10\n1,3,10\n", PARAMETERS, "'shots' is not the axis that is asked for"),
        ("shots,parameters,k,n\n0,5,9,10\n1,5,3,10\n", None, "has the columns shots"),
    ],
)
def test_a_wrong_axis_is_one_line(table, text: str, axis, words: str) -> None:
    with pytest.raises(UserError, match=re.escape(words)):
        read_curves(table(text), axis=axis)


def test_words_are_those_of_the_axis(
    table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path, picture = table("shots,k,n\n0,147,315\n2,63,315\n16,278,315\n"), tmp_path / "shots.svg"
    words = [str(path), "--draws", "100", "--output", str(picture)]
    monkeypatch.setattr(sys, "argv", ["shapes", *words])
    program.main()
    told = capsys.readouterr().out.replace(str(tmp_path), "")
    assert "  point              shots" in told
    assert "none between points of the same models" in told
    assert "points independent" in told
    for absent in ("FLOPs", "size", "mechanism", "predicted", "holds up to"):
        assert absent not in told
    assert "shots (solved items before the question)" in picture.read_text()


def test_an_unknown_axis_has_a_suggestion(table, monkeypatch: pytest.MonkeyPatch) -> None:
    path = table("scale,k,n\n1,9,10\n2,3,10\n")
    monkeypatch.setattr(sys, "argv", ["shapes", str(path), "--axis", "shot"])
    with pytest.raises(UserError, match="--axis: unknown axis 'shot'; did you mean 'shots'"):
        program.main()


def test_items_stay_together_over_models_and_seeds(table) -> None:
    curve, data = only(read_curves(table(LONG), chance=0.5))
    assert isinstance(data, Items)
    assert data.values.tolist() == [[1, 0, 1], [1, 1, 1], [1, 0, 0]]
    assert data.members == ((0, 1), (2,))
    assert data.clusters is not None
    assert data.clusters.tolist() == [1, 1, 2]
    assert curve.chance == 0.5
    assert curve.values == pytest.approx([5 / 6, 1 / 3])
    assert curve.models == (("small, seed 0", "small, seed 1"), ("large, seed 0",))
    assert curve.n == 3


def test_json_lines_say_the_same_as_csv(table) -> None:
    rows = list(csv.DictReader(LONG.splitlines()))
    lines = [json.dumps(row | {"correct": row["correct"] == "1"}) for row in rows]
    (from_csv, items), (from_lines, others) = (
        only(read_curves(table(LONG), task="t")),
        only(read_curves(table("\n".join(lines), "curve.jsonl"), task="t")),
    )
    assert from_csv.values.tolist() == from_lines.values.tolist()
    assert items.values.tolist() == others.values.tolist()


def test_files_of_items_lie_beside_the_table_that_names_them(table) -> None:
    table("item,correct\n1,1\n2,0\n", "small.csv")
    table('{"item": 2, "correct": true}\n{"item": 1, "correct": false}\n', "large.jsonl")
    curve, data = only(read_curves(table("scale,file\n1,small.csv\n10,large.jsonl\n")))
    assert data.values.tolist() == [[1, 0], [0, 1]]
    assert curve.values.tolist() == [0.5, 0.5]


def test_items_of_a_loss_are_turned_so_that_higher_is_better(table) -> None:
    path = table("scale,item,correct\n1,a,2.5\n2,a,0.5\n")
    curve, data = only(read_curves(path, metric="sequence_loss"))
    assert (curve.values.tolist(), data.values.tolist()) == ([2.5, 0.5], [[-2.5], [-0.5]])


def test_items_that_a_model_lacks_are_left_out_and_counted(table) -> None:
    rows = [f"{scale},{item},1" for scale in (1, 2) for item in range(10)]
    curve, data = only(read_curves(table("\n".join(["scale,item,correct", *rows[:-3]]))))
    assert data.values.shape == (2, 7)
    assert curve.flags == ("3 of 10 items left out: not every model has them",)


def test_models_with_mostly_different_items_are_refused(table) -> None:
    rows = [f"{scale},{item},1" for scale in (1, 2) for item in range(10)]
    with pytest.raises(UserError, match="only 4 of 10 items are common"):
        read_curves(table("\n".join(["scale,item,correct", *rows[:-6]])))


def test_a_table_may_hold_several_curves(table) -> None:
    curves = read_curves(table(TWO))
    assert [(curve.task, data.k.tolist()) for curve, data in curves] == [
        ("x", [5, 7]),
        ("y", [6, 8]),
    ]


def test_one_of_several_curves_can_be_named(table) -> None:
    curve, _ = only(read_curves(table(TWO), task="y"))
    assert (curve.family, curve.task) == ("A", "y")
    with pytest.raises(UserError, match="it has A/x, A/y"):
        read_curves(table(TWO), task="z")


def test_values_do_not_hang_on_the_unit_of_the_scale(table) -> None:
    one, _ = only(read_curves(table("scale,k,n\n8,3,9\n62,4,9\n540,5,9\n")))
    other, _ = only(read_curves(table("scale,k,n\n8e9,3,9\n62e9,4,9\n540e9,5,9\n")))
    assert one.values.tolist() == other.values.tolist()
    assert np.log10(other.flops / one.flops) == pytest.approx([9, 9, 9])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("scale,k,n\n1,5,9\n1,6,9\n", "line 3: scale 1 of models/curve is there twice"),
        ("scale,k,n\n1,10,9\n2,6,9\n", "line 2: 10 of 9 items are right"),
        ("scale,k,n\n1,-1,9\n2,6,9\n", "line 2: -1 of 9 items are right"),
        ("scale,k,n\n1,0,0\n2,6,9\n", "line 2: 0 of 0 items are right"),
        ("scale,k,n\n1,0.5,1\n2,6,9\n", "line 2: 0.5 of 1 items are right; give whole numbers"),
        ("scale,k,n\n1,nan,9\n2,6,9\n", "line 2: k is 'nan'; give a number"),
        ("scale,k,n\n1,,9\n2,6,9\n", "line 2: k is ''; give a number"),
        ("scale,k,n\n0,5,9\n2,6,9\n", "line 2: scale is 0; give a number above 0"),
        ("scale,k,n\n-1,5,9\n2,6,9\n", "line 2: scale is -1; give a number above 0"),
        ("scale,k,n\n1,5\n", "line 2: has 2 cells, but there are 3 columns"),
        ("scale,k,n\n", "has no rows"),
        ("", "has no rows"),
        ("scale;k;n\n1;5;9\n", "is no line of column names"),
        ("scale,k,k\n1,5,9\n", "column 'k' is there twice"),
        ('scale,k,n\n1,5,"9\n', "is no CSV"),
        ("scale,accuracy\n1,0.5\n", "has the columns scale, accuracy; give scale,k,n or"),
        ("scale,k,n,tsak\n1,5,9,x\n", "column 'tsak' is not known.*did you mean 'task'"),
        ("scale,k,n,seed\n1,5,9,0\n", "column 'seed' is not known beside scale, k, n"),
        ("scale,size,k,n\n1,A,5,9\n2,A,6,9\n", "size 'A' stands at several scales"),
        ("scale,protocol,k,n\n1,p,5,9\n2,q,6,9\n", r"its sizes differ in protocol \('p' and 'q'\)"),
        ("scale,chance,k,n\n1,25,5,9\n2,25,6,9\n", "chance is 25; give a share of 1"),
        ("scale,mean,error\n1,50,1\n2,60,1\n", "a value is 50, which looks like percent"),
        ("scale,mean,error\n1,-3,1\n2,60,1\n", "a value is -3, which is no share"),
        ("scale,mean,error\n1,0.5,0\n2,0.6,1\n", "line 2: error is 0; give its standard error"),
        ("scale,mean,error\n1,0.5,inf\n2,0.6,1\n", "line 2: error is 'inf'; give a number"),
        ("scale,item,correct\n1,a,100\n2,a,0\n", "a value is 100, which looks like percent"),
        ("scale,item,correct\n1,a,1\n1,a,0\n", "line 3: item 'a' is there twice at scale 1"),
        ("scale,item,correct\n1,,1\n", "line 2: item is ''"),
        ("scale,size,item,correct\n1,A,a,1\n1,B,b,0\n", "scale 1 has the sizes 'A' and 'B'"),
        ("scale,item,part,correct\n1,a,1,1\n2,a,2,0\n", "line 3: part of item 'a' is 2"),
        ("scale,item,part,correct\n1,a,1,1\n1,b,,0\n", "some items have no part"),
        ("scale,file\n1,gone.csv\n", "gone.csv: cannot be read"),
        ('{"scale": 1, "k": [5], "n": 9}\n', "line 1: is no row of JSONL"),
        ('{"scale": 1, "k": 5, "n": 9}\n{"scale": 2}\n', "line 2: has other keys"),
        ('{"scale": 1, "k": null, "n": 9}\n', "line 1: k is ''"),
        ("scale,k,n\n1,1_5,20\n2,6,20\n", "line 2: k is '1_5'; give a number"),
        ("scale,k,n\n1,5,1e30\n2,6,9\n", "line 2: 5 of 1e30 items are right"),
        ("scale,k,n,line\n1,5,9,7\n", "column 'line' is not known"),
        ("scale,item,part,correct\n1,a,1e30,1\n", "part of item 'a' is 1e30"),
        ("scale,file\n1,a\0b.csv\n", "line 2: has a control character"),
        ('{"scale": 1, "k": 5, "n": 9, "path": "a"}\n', "column 'path' is not known"),
        ('{"scale": 1, "k": true, "n": 9}\n', "line 1: k is true or false"),
        ('{"scale": 1, "k": 5, "k": 6, "n": 9}\n', "key 'k' is there twice"),
        (
            '{"scale": 1, "task": "\\ud83d", "k": 5, "n": 9}\n',
            "line 1: has a control character or half",
        ),
        ("scale,size,k,n\n1,a\x01,5,9\n", "line 2: has a control character"),
        ("scale,mean,error\n1,1e200,1\n", "line 2: mean is 1e200; give a number below 1e100"),
        ("scale,mean,error\n1e-200,1,1\n", "line 2: scale is 1e-200; give a number above 0"),
        (
            "scale,size,k,n\n1e20,a,5,9\n1.0000000000000002e20,b,5,9\n",
            "two of its scales differ by less than curves can show",
        ),
        ('{"scale": ' + "[" * 9999 + "\n", "nested too deeply"),
    ],
)
def test_bad_input_is_told_in_one_line(table, text: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as told:
        read_curves(table(text))
    assert "\n" not in str(told.value)


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "curve.csv").write_bytes(b"\xff\xfe\x00scale")
    with pytest.raises(UserError, match="is no text in UTF-8"):
        read_curves(tmp_path / "curve.csv")
    with pytest.raises(UserError, match=r"gone.csv: cannot be read \(No such file"):
        read_curves(tmp_path / "gone.csv")


def test_a_file_too_large_for_curves_is_refused(table, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "LARGEST", 2**20)
    path = table("scale,k,n\n" + "1,5,9\n" * 200_000)
    with pytest.raises(UserError, match="has 1 MiB, more than 1; keep the named columns only"):
        read_curves(path)


def test_counts_are_no_loss(table) -> None:
    with pytest.raises(UserError, match="counts of right answers are no sequence_loss"):
        read_curves(table("scale,k,n\n1,5,9\n2,6,9\n"), metric="sequence_loss")


def test_curves_that_are_written_are_read_again(table, tmp_path: Path) -> None:
    sources = {
        "counts": read_curves(table("scale,size,k,n\n1.5e20,A,5,9\n2e22,B,6,9\n"), chance=0.25),
        "items": read_curves(table(LONG), chance=0.5),
        "means": read_curves(table("scale,mean,error\n1,.123456789,.01\n2,0.6,.02\n")),
    }
    for name, curves in sources.items():
        (path,) = write_curves(tmp_path / f"{name}.csv", curves)
        (before, data), (after, again) = only(curves), only(read_curves(path))
        for field in ("family", "task", "metric", "sizes", "n"):
            assert getattr(after, field) == getattr(before, field)
        assert after.flops.tolist() == before.flops.tolist()
        assert after.values.tolist() == before.values.tolist()
        assert type(again) is type(data)
        for field in ("values", "clusters", "k", "n", "errors"):
            if hasattr(data, field):
                assert np.array_equal(getattr(again, field), getattr(data, field))
        assert np.array_equal(after.chance, before.chance, equal_nan=True)


def test_curves_of_several_forms_are_written_apart(table, tmp_path: Path) -> None:
    curves = read_curves(table(TWO)) + read_curves(table(LONG))
    paths = write_curves(tmp_path / "out.csv", curves)
    assert [path.name for path in paths] == ["out-counts.csv", "out-items.csv"]
    assert [len(read_curves(path)) for path in paths] == [2, 1]


# -- lm-evaluation-harness ------------------------------------------------------------------------


@pytest.fixture
def models(table) -> Path:
    return table(MODELS, "models.csv")


def test_samples_of_the_harness_become_a_curve_of_items(tmp_path: Path, models: Path) -> None:
    write_run(tmp_path / "out", "org/tiny-1b", {"neqa": SMALL})
    write_run(tmp_path / "out", "org/tiny-8b", {"neqa": LARGE})
    curve, data = only(read_harness([tmp_path / "out"], models))
    assert (curve.family, curve.task, curve.sizes) == ("tiny", "neqa", ("1b", "8b"))
    assert curve.protocol == "0-shot, task version 1.0"
    assert curve.values.tolist() == [6 / 8, 3 / 8]
    assert data.values.tolist() == [SMALL, LARGE]
    assert (data.members, curve.chance) == (((0,), (1,)), 0.5)


def test_single_files_of_the_harness_may_be_given(tmp_path: Path, models: Path) -> None:
    for name, right in (("org/tiny-1b", SMALL), ("org/tiny-8b", LARGE)):
        write_run(tmp_path / "out", name, {"neqa": right}, with_results=False)
    curve, data = only(read_harness(sorted((tmp_path / "out").rglob("*.jsonl")), models))
    assert (curve.protocol, data.values.tolist()) == ("", [SMALL, LARGE])


def test_files_of_several_models_in_one_folder_are_told_apart_by_their_date(
    tmp_path: Path, models: Path
) -> None:
    # `--output_path out/run.json` leaves the files of all models side by side.
    for name, right, date in (("org/tiny-1b", SMALL, DATE), ("org/tiny-8b", LARGE, LATER)):
        write_run(tmp_path / "own", name, {"neqa": right}, date=date)
    (tmp_path / "out").mkdir()
    for path in (tmp_path / "own").rglob("*.json*"):
        path.rename(tmp_path / "out" / path.name.replace("results_", "run_"))
    _, data = only(read_harness([tmp_path / "out"], models))
    assert data.values.tolist() == [SMALL, LARGE]


def test_another_metric_can_be_named(tmp_path: Path, models: Path) -> None:
    write_run(tmp_path, "org/tiny-1b", {"neqa": SMALL})
    write_run(tmp_path, "org/tiny-8b", {"neqa": LARGE})
    for name in ("acc_norm", "acc_norm,none"):
        curve, _ = only(read_harness([tmp_path], models, name))
        assert curve.values.tolist() == [2 / 8, 5 / 8]
    with pytest.raises(UserError, match=r"no metric 'f1' in common.*acc,none, acc_norm,none"):
        read_harness([tmp_path], models, "f1")


def test_a_metric_with_several_filters_must_be_named_with_one(
    tmp_path: Path, table, models: Path
) -> None:
    for name in ("org__tiny-1b", "org__tiny-8b"):
        (tmp_path / name).mkdir()
        lines = [
            {"doc_id": 0, "doc": {}, "arguments": {"gen_args_0": {}}, "filter": told}
            | {"metrics": ["exact_match"], "exact_match": right}
            for told, right in (("strict-match", 0), ("flexible-extract", 1))
        ]
        text = "\n".join(json.dumps(line) for line in lines)
        table(text, f"{name}/samples_gsm8k_{DATE}.jsonl")
    with pytest.raises(UserError, match="exact_match,strict-match or exact_match,flexible-extract"):
        read_harness([tmp_path], models)
    curve, _ = only(read_harness([tmp_path], models, "exact_match,flexible-extract"))
    assert curve.values.tolist() == [1, 1]
    assert math.isnan(curve.chance)


def test_results_without_samples_become_counts(tmp_path: Path, models: Path) -> None:
    write_run(tmp_path, "org/tiny-1b", {"neqa": SMALL}, with_samples=False)
    write_run(tmp_path, "org/tiny-8b", {"neqa": LARGE})
    curve, data = only(read_harness([tmp_path], models))
    assert isinstance(data, Counts)
    assert (data.k.tolist(), data.n.tolist()) == ([6, 3], [8, 8])
    assert any("no samples" in flag for flag in curve.flags)


def test_results_that_are_no_counts_become_means(tmp_path: Path, models: Path) -> None:
    # As of truthfulqa_mc2, whose items are worth a share each.
    for name, mean in (("org/tiny-1b", 0.4123), ("org/tiny-8b", 0.5)):
        results = written_results(name, {"mc2": SMALL})
        results["results"]["mc2"] |= {"acc,none": mean, "acc_stderr,none": 0.0137}
        write_run(tmp_path, name, {"mc2": SMALL}, with_samples=False, results=results["results"])
    curve, data = only(read_harness([tmp_path], models))
    assert isinstance(data, Means)
    assert (curve.values.tolist(), data.errors.tolist()) == ([0.4123, 0.5], [0.0137, 0.0137])


def test_items_of_a_limited_run_limit_all(tmp_path: Path, models: Path) -> None:
    write_run(tmp_path, "org/tiny-1b", {"neqa": SMALL})
    write_run(tmp_path, "org/tiny-8b", {"neqa": LARGE[:6]})
    curve, data = only(read_harness([tmp_path], models))
    assert data.values.tolist() == [SMALL[:6], LARGE[:6]]
    assert curve.flags == ("2 of 8 items left out: not every model has them",)


def test_other_documents_under_the_same_numbers_are_other_items(
    tmp_path: Path, models: Path
) -> None:
    write_run(tmp_path, "org/tiny-1b", {"neqa": SMALL})
    write_run(tmp_path, "org/tiny-8b", {"neqa": LARGE})
    (path,) = (tmp_path / "org__tiny-8b").glob("samples_*")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    changed = [line | {"doc_hash": digest(line["doc_hash"])} for line in lines]
    path.write_text("\n".join(json.dumps(line) for line in changed))
    with pytest.raises(UserError, match="only 0 of 16 items are common to all models"):
        read_harness([tmp_path], models)


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ({"n-shot": {"neqa": 5}}, "5-shot"),
        ({"versions": {"neqa": 2.0}}, "task version 2.0"),
        ({"chat_template_sha": "abc"}, "chat template"),
    ],
)
def test_models_that_were_asked_differently_are_no_curve(
    tmp_path: Path, models: Path, other: dict[str, Any], told: str
) -> None:
    write_run(tmp_path, "org/tiny-1b", {"neqa": SMALL})
    write_run(tmp_path, "org/tiny-8b", {"neqa": LARGE}, **other)
    with pytest.raises(UserError, match=f"'org/tiny-8b' with '.*{told}"):
        read_harness([tmp_path], models)


def test_of_two_like_runs_the_latest_counts(tmp_path: Path, models: Path) -> None:
    write_run(tmp_path, "org/tiny-1b", {"neqa": SMALL})
    write_run(tmp_path, "org/tiny-8b", {"neqa": LARGE}, date=LATER)
    write_run(tmp_path, "org/tiny-8b", {"neqa": SMALL})
    curve, data = only(read_harness([tmp_path], models))
    assert data.values.tolist() == [SMALL, LARGE]
    assert curve.flags == ("of 2 runs the latest: org/tiny-8b",)


def test_checkpoints_of_one_model_are_told_apart_by_their_folders(tmp_path: Path, table) -> None:
    for step, right in (("step1", SMALL), ("step2", LARGE)):
        arguments = {"config": {"model_args": f"pretrained=org/tiny-1b,revision={step}"}}
        write_run(tmp_path / step, "org/tiny-1b", {"neqa": right}, **arguments)
    write_run(tmp_path / "step2", "org/tiny-8b", {"neqa": LARGE})
    with pytest.raises(UserError, match="was run with different arguments"):
        read_harness([tmp_path], table(MODELS, "models.csv"))
    rows = "step1/org__tiny-1b,tiny,1e20\nstep2/org__tiny-1b,tiny,1e21\n"
    _, data = only(read_harness([tmp_path], table(f"model,family,scale\n{rows}", "models.csv")))
    assert data.values.tolist() == [SMALL, LARGE]


def test_a_model_without_a_task_is_left_out_of_its_curve(tmp_path: Path, models: Path) -> None:
    write_run(tmp_path, "org/tiny-1b", {"neqa": SMALL, "redefine": SMALL})
    write_run(tmp_path, "org/tiny-8b", {"neqa": LARGE})
    neqa, redefine = (curve for curve, _ in read_harness([tmp_path], models))
    assert (neqa.sizes, redefine.sizes) == (("1b", "8b"), ("1b",))
    assert redefine.flags == ("left out, since the task was not run: org/tiny-8b",)


def test_training_seeds_stand_at_one_size(tmp_path: Path, table) -> None:
    write_run(tmp_path, "org/tiny-1b", {"neqa": SMALL})
    write_run(tmp_path, "org/tiny-8b", {"neqa": LARGE})
    rows = "org/tiny-1b,tiny,1e20,{}\norg/tiny-8b,tiny,1e20,{}\n"
    header = "model,family,scale,seed\n"
    told = table(header + rows.format(0, 1), "models.csv")
    curve, data = only(read_harness([tmp_path], told))
    assert (data.members, curve.values.tolist()) == (((0, 1),), [9 / 16])
    with pytest.raises(UserError, match=r"line 3.*have the same scale 1e20"):
        read_harness([tmp_path], table(header + rows.format(0, 0), "models.csv"))


def test_a_model_without_output_is_refused(tmp_path: Path, models: Path) -> None:
    write_run(tmp_path, "org/tiny-1b", {"neqa": SMALL})
    with pytest.raises(UserError, match="no output of model 'org/tiny-8b', only of org__tiny-1b"):
        read_harness([tmp_path], models)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (f"samples_neqa_{DATE}.jsonl", "not JSON\n", "line 1: is no sample"),
        (f"samples_neqa_{DATE}.jsonl", '{"doc_id": 0, "acc": "x"}\n', "no samples with a number"),
        (
            f"samples_neqa_{DATE}.jsonl",
            '{"doc_id": 0, "acc": 1}\n' * 2,
            "document 0 is there twice",
        ),
        (f"results_{DATE}.json", "[]", "holds no results"),
        ("other.json", "{}", "holds no output"),
    ],
)
def test_files_that_the_harness_did_not_write_are_refused(
    tmp_path: Path, table, name: str, text: str, message: str
) -> None:
    (tmp_path / "tiny").mkdir()
    path = table(text, f"tiny/{name}")
    with pytest.raises(UserError, match=message):
        read_harness([path.parent], table("model,family,scale\ntiny,t,1\n", "models.csv"))


def test_the_converter_keeps_the_curves_of_the_harness(tmp_path: Path, models: Path) -> None:
    write_run(tmp_path / "out", "org/tiny-1b", {"neqa": SMALL})
    write_run(tmp_path / "out", "org/tiny-8b", {"neqa": LARGE})
    curves = read_harness([tmp_path / "out"], models)
    (path,) = write_curves(tmp_path / "kept.csv", curves)
    (before, data), (after, again) = only(curves), only(read_curves(path))
    assert again.values.tolist() == data.values.tolist()
    assert (after.sizes, after.protocol) == (before.sizes, before.protocol)
    assert after.chance == 0.5


# -- telling --------------------------------------------------------------------------------------


def evidence(sizes: int = 4) -> dict[str, Any]:
    """Evidence as ``examine`` gives it, of a U."""
    values = [0.6, 0.5, 0.26, 0.7][:sizes]
    names = ["1B", "8B", "62B", "540B"][:sizes]
    step = {"low": -0.3, "high": -0.18, "p": 0.001, "p_holm": 0.0031, "test": "two-proportions"}
    shapes = ("flat", "positive", "inverse", "U-shaped", "inverted-U", "any")
    return {
        "about": {
            "family": "PaLM",
            "source": "given",
            "task": "redefine",
            "variant": "",
            "protocol": "",
            "modified": "",
            "metric": "accuracy",
        },
        "unit": "share",
        "scale": "training_flops",
        "sizes": names,
        "at": [4.7e21, 3.7e22, 2.9e23, 2.5e24][:sizes],
        "values": values,
        "low": [value - 0.05 for value in values],
        "high": [value + 0.05 for value in values],
        "chance": 0.5,
        "n": 300,
        "trials": None,
        "seeds": [2] * sizes,
        "sampling": "counts",
        "clusters": 0,
        "verdict": {
            "statistical": "U-shaped",
            "literal": "U-shaped",
            "equivalent": "U-shaped",
            "because": "It falls by 34 points to 62B and rises by 44 to 540B. " * 2,
            "p_u": 2e-9,
            "p_inverted_u": 0.8,
            "p_rise": 0.001,
            "p_fall": 0.0004,
            "p_change": 0.0321,
            "q_u": 0.011,
            "q_change": None,
            "probabilities": {"U-shaped": 0.97, "inverse": 0.03, "flat": 0.0},
            "notes": ["constant-answer", "3 of 300 items left out"],
        },
        "shapes": [
            {"shape": shape, "weight": 0.91 if shape == "U-shaped" else 0.018} for shape in shapes
        ],
        "neighbours": [
            step | {"from": one, "to": other, "difference": -0.24} for one, other in pairwise(names)
        ],
        "two_lines": {"p_u": 0.012},
        "lind_mehlum": {"p_u": 0.034},
        "valley": {
            "at": "62B",
            "sizes": ["8B", "62B"],
            "depth": [0.34, 0.27, 0.41],
            "rise": [0.44, 0.37, 0.5],
            "recovery": [1.29, 1.0, None],
        },
        "mechanism": {
            "identifiable": True,
            "reason": "",
            "gap": [1.5, 0.9, 2.2],
            "back_at": [24.1, 23.8, 24.4],
        },
        "broken": None,
        "prediction": [
            {"method": "last value", "predicted": 0.26, "observed": 0.7, "error": -0.44}
            | {"low": None, "high": None}
        ],
        "parts": [
            {"part": 1, "n": 60, "equivalent": "U-shaped"},
            {"part": 2, "n": 60, "equivalent": "inverse"},
        ],
    }


def empty(sizes: int) -> dict[str, Any]:
    """Evidence of a curve of which nothing but its values is known."""
    lists = {"shapes": [], "neighbours": [], "parts": [], "low": None, "high": None}
    nothing = ("two_lines", "lind_mehlum", "valley", "mechanism", "broken", "prediction", "n")
    known = dict.fromkeys(nothing) | lists | {"seeds": None, "chance": None, "sampling": "none"}
    return evidence(sizes) | known


def test_the_verdict_and_its_evidence_are_printed_in_lines_of_eighty_columns() -> None:
    told = program.evidence_text(evidence())
    lines = told.splitlines()
    assert max(len(line) for line in lines) <= 80
    assert 20 <= len(lines) <= 35
    assert lines[0] == "PaLM, redefine: U-shaped"
    text = " ".join(told.split())
    for part in (
        "It falls by 34 points to 62B and rises by 44 to 540B.",
        "62B 2.9×10²³ 26.0 % 21.0 % to 31.0 % lowest",
        "300 items, 2/2/2/2 training seeds per size, chance 50.0 %, intervals from counts",
        "literal U-shaped, published-equivalent U-shaped",
        "U-shaped 97 %, inverse 3 % of draws",
        "a U p <0.0001 (q 0.011), an inverted U p 0.8, any change p 0.032",
        "weights of the fitted shapes: U-shaped 0.91",
        "1B to 8B: −24.0 (−30.0 to −18.0), p 0.0031",
        "by tests of two proportions, p after Holm",
        "two lines p 0.012, Lind and Mehlum p 0.034",
        "at 62B (95 %: 8B, 62B), depth 34.0 (27.0 to 41.0), recovery 1.29 (1.00 to –)",
        "1.50 (0.90 to 2.20) decades after the distractor, back at 1e24.1 (1e23.8 to 1e24.4)",
        "540B without it: 26.0 %, −44.0 off (last value)",
        "1 U-shaped, 2 inverse",
        "one answer takes 99% of the items or more",
        "3 of 300 items left out",
    ):
        assert part in text


def test_why_a_mechanism_is_not_identifiable_is_printed() -> None:
    reason = {"identifiable": False, "reason": "too few sizes", "gap": None, "back_at": None}
    text = program.evidence_text(evidence() | {"mechanism": reason})
    assert "not identifiable: too few sizes" in text


def test_a_loss_is_printed_in_its_own_unit() -> None:
    loss = evidence()
    loss["about"]["metric"] = "sequence_loss"
    loss |= {"unit": "nats", "values": [2.5, 2.75, 3.125, 2.25]}
    # Predictions are of heights, which are turned; they are told as the values are.
    loss["prediction"][0] |= {"predicted": -2.5}
    told = program.evidence_text(loss)
    assert "3.12" in told
    assert "without it: 2.5," in " ".join(told.split())
    without_draws = "".join(line for line in told.splitlines() if "of draws" not in line)
    assert "%" not in without_draws.replace("95 %", "").replace("99%", "")


def test_one_size_gets_no_verdict() -> None:
    told = program.evidence_text(empty(1) | {"verdict": None})
    assert told.startswith("PaLM, redefine: no verdict")
    assert "a single size is no curve" in told
    assert "no intervals" in told
    assert "tests" not in told


def test_for_two_sizes_a_note_says_that_they_cannot_show_a_turn() -> None:
    assert "two sizes cannot show a turn" in program.evidence_text(empty(2))


# -- the program ----------------------------------------------------------------------------------


def arguments(monkeypatch: pytest.MonkeyPatch, *given: object) -> argparse.Namespace:
    monkeypatch.setattr(sys, "argv", ["shapes", *(str(one) for one in given)])
    return program.parse()


def test_curves_are_examined_printed_and_drawn(
    table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = []

    def examine(curve: Curve, data: Data, settings: Settings) -> dict[str, Any]:
        seen.append((curve.task, type(data), settings))
        found = evidence()
        found["about"]["task"] = curve.task
        return found | {"chance": float("nan")}

    def draw(found: dict[str, Any], standalone: bool) -> str:
        assert standalone
        return f"<svg>{found['about']['task']}</svg>"

    given = arguments(
        *(monkeypatch, table(TWO), "--output", tmp_path / "a.svg", "--json", tmp_path / "a.json"),
        *("--equivalence", "0.05", "--draws", "100", "--seed", "3"),
    )
    program.examine_curves(program.read_input(given), given, examine, draw)
    settings = Settings(0.05, draws=100, seed=3, run_noise=read_run_noise("two-choice"))
    assert seen == [("x", Counts, settings), ("y", Counts, settings)]
    assert (tmp_path / "a-a-x.svg").read_text() == "<svg>x</svg>"
    assert (tmp_path / "a-a-y.svg").read_text() == "<svg>y</svg>"
    kept = json.loads((tmp_path / "a.json").read_text())
    assert kept["version"] == 2
    assert [one["chance"] for one in kept["curves"]] == [None, None]
    told = capsys.readouterr().out
    assert told.index("PaLM, x: U-shaped") < told.index("PaLM, y: U-shaped")


def test_a_single_picture_has_the_name_that_was_given(
    table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = table("scale,k,n\n1,5,9\n2,6,9\n", "mine.csv")
    given = arguments(monkeypatch, one, "--output", tmp_path / "picture.svg")
    assert program.picture_paths(given, program.read_input(given)) == [tmp_path / "picture.svg"]
    given = arguments(monkeypatch, one)
    assert program.picture_paths(given, program.read_input(given)) == [Path("mine.svg")]


def test_one_curve_of_the_harness_can_be_named(
    tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("org/tiny-1b", "org/tiny-8b"):
        write_run(tmp_path / "out", name, {"neqa": SMALL, "redefine": LARGE})
    asked = (monkeypatch, "--harness", tmp_path / "out", "--models", models, "--task")
    curve, _ = only(program.read_input(arguments(*asked, "redefine")))
    assert curve.task == "redefine"
    with pytest.raises(UserError, match="name no curve of tiny/neqa, tiny/redefine"):
        program.read_input(arguments(*asked, "sig-figs"))


def test_the_direction_of_a_metric_of_the_harness_can_be_given(
    tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, right in (("org/tiny-1b", SMALL), ("org/tiny-8b", LARGE)):
        write_run(tmp_path / "out", name, {"neqa": right}, with_results=False)
    for path in (tmp_path / "out").rglob("*.jsonl"):
        path.write_text(path.read_text().replace('"acc"', '"biased"'))
    asked = (monkeypatch, "--harness", tmp_path / "out", "--models", models, "--metric", "biased")
    for option, metric in (("lower", "sequence_loss"), ("higher", "accuracy")):
        curve, _ = only(program.read_input(arguments(*asked, f"--{option}-is-better")))
        assert curve.metric == metric
        assert f"of 'biased', {option} is better" in curve.flags[0]
    with pytest.raises(UserError, match="say --higher-is-better or --lower-is-better"):
        program.read_input(arguments(*asked))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "has no input, or two"),
        (["curve.csv", "--harness", "out"], "has no input, or two"),
        (["--harness", "out"], "one of them is missing"),
        (["curve.csv", "--models", "models.csv"], "one of them is missing"),
        (["curve.csv", "--metric", "acc"], "--metric: is 'acc'"),
        (["curve.csv", "--metric", "accuracy", "--lower-is-better"], "without --metric"),
        (["curve.csv", "--higher-is-better"], "--higher-is-better: is of --harness"),
        (["curve.csv", "--chance", "inf"], "--chance: is inf"),
        (["curve.csv", "--recovery", "0"], "--recovery: is 0"),
        (["curve.csv", "--equivalence", "-1"], "--equivalence: is -1"),
        (["curve.csv", "--draws", "0"], "--draws: is 0"),
        (["curve.csv", "--seed", "-1"], "--seed: is -1"),
    ],
)
def test_a_wrong_command_line_is_refused(
    monkeypatch: pytest.MonkeyPatch, given: list[str], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        arguments(monkeypatch, *given)


def test_the_program_converts_and_ends_bad_input_with_one_line(
    table, tmp_path: Path, models: Path
) -> None:
    write_run(tmp_path / "out", "org/tiny-1b", {"neqa": SMALL})
    write_run(tmp_path / "out", "org/tiny-8b", {"neqa": LARGE[:6]})
    kept = tmp_path / "kept.csv"
    start = [sys.executable, "-m", "ushaped.shapes"]
    given = ["--harness", tmp_path / "out", "--models", models, "--convert", kept]
    done = subprocess.run([*start, *given], capture_output=True, text=True)
    note = "note: tiny/neqa: 2 of 8 items left out: not every model has them"
    assert (done.returncode, done.stdout) == (0, f"written: {kept}\n{note}\n")
    assert len(kept.read_text().splitlines()) == 1 + 2 * 6
    done = subprocess.run(
        [*start, table("scale,k,n\n1,5,4\n2,1,4\n")], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "line 2: 5 of 4 items are right" in done.stderr
