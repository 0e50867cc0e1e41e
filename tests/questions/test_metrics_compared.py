"""Whether the shape depends on the metric: verdicts on made-up answers, and what the page says."""

from __future__ import annotations

import csv
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import questions as step
from ushaped.errors import UserError
from ushaped.metrics.continuous import CONTINUOUS
from ushaped.questions import metrics_compared
from ushaped.report.metrics_compared import metrics_compared_view
from ushaped.results import tables
from ushaped.results.columns import METRICS
from ushaped.results.parquet import PROMPTS, SCORES
from ushaped.results.text_files import write_table
from ushaped.shapes.curves import Curve
from ushaped.shapes.data import Items, Settings
from ushaped.shapes.evidence import examine
from ushaped.shapes.rules import Rule

RULE = Rule.published_equivalent()
N = 200
# Share of right answers, and probability of the right class where the answer is right and wrong:
# accuracy falls from 80 to 30 % and rises to 80 %, mean probability rises from 43 to 61 to 72 %.
JUMPING = ((0.8, 0.51, 0.1), (0.3, 0.9, 0.49), (0.8, 0.8, 0.4))
# Both fall and rise.
STEADY = ((0.8, 0.9, 0.1), (0.3, 0.9, 0.1), (0.8, 0.9, 0.1))


def log_likelihoods(size: tuple[float, float, float], mass: float = 0.5) -> np.ndarray:
    """Of two classes for `N` items, the first class is right; shape (N, 2)."""
    share, right, wrong = size
    p = np.where(np.arange(N) < share * N, right, wrong)
    return np.log(mass * np.stack([p, 1 - p], axis=1))


def write_results(folder: Path, sizes: Any, task: str = "neqa", runs: int = 1) -> None:
    """Prompts, scores and metrics of one family: one model for each run of each size."""
    file = f"replica/{task}/zero-shot.parquet"
    rows = [
        dict.fromkeys(PROMPTS.names)
        | {"item": item, "classes": [" Yes", " No"], "answer_index": 0, "part": 0, "cluster": 0}
        | {"protocol": "official", "modified": "", "chain": False, "metric": "accuracy"}
        for item in range(N)
    ]
    write_parquet(folder / "prompts" / file, rows, PROMPTS)
    measured = []
    for place, size in enumerate(sizes):
        name = f"{10**place}k"
        scale = {"parameters": 10**place, "training_flops": 1e9 * 100**place}
        about = {"family": "f", "size": name, "source": "replica", "task": task} | scale
        about |= {"variant": "zero-shot", "protocol": "official", "modified": "", "n": N}
        about |= {"metric": "accuracy", "value": size[0], "chance": 0.5, "flags": ""}
        for run in range(runs):
            model = f"f-{name}-s{run}"
            # Runs differ a little in their probabilities.
            values = log_likelihoods(size) - 0.001 * run
            scored = [
                dict.fromkeys(SCORES.names)
                | {"item": item, "log_likelihood": row, "boundary_merged": False, "cut": 0}
                for item, row in enumerate(values.tolist())
            ]
            write_parquet(folder / "scores" / model / file, scored, SCORES)
            measured.append(about | {"model": model, "seed": run})
        measured.append(about | {"model": "", "seed": None})
    rows = [{name: row.get(name) for name in METRICS} for row in measured]
    write_table(folder / "metrics.csv", METRICS, rows)


def write_parquet(path: Path, rows: list[dict[str, Any]], schema: pa.Schema) -> None:
    path.parent.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)


def answer(folder: Path, monkeypatch: pytest.MonkeyPatch) -> pd.DataFrame:
    """Answer the question as its rule does; rows by metric."""
    path = folder / "metrics-compared.csv"
    words = ["metrics-compared", "--results", str(folder), "--published", "none.csv"]
    words += ["--recovery", "0.3333", "--equivalence", "0.02", "--draws", "500", "--seed", "0"]
    monkeypatch.setattr(sys, "argv", ["questions.py", *words, "--output", str(path)])
    step.main()
    with open(path, encoding="utf-8", newline="") as handle:
        assert tuple(next(csv.reader(handle))) == metrics_compared.COLUMNS
    return tables.read_question(path).set_index("metric", drop=False)


def test_a_u_of_accuracy_alone_is_none_of_the_probability(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_results(tmp_path, JUMPING)
    table = answer(tmp_path, monkeypatch)
    assert list(table["metric"]) == ["accuracy", *CONTINUOUS]
    for verdict in ("equivalent", "statistical"):
        assert table.loc["accuracy", verdict] == "U-shaped"
        assert table.loc["answer_probability", verdict] == "positive"
        assert table.loc["answer_probability", f"{verdict}_agrees"] == "other"
        assert set(table[f"accuracy_{verdict}"]) == {"U-shaped"}
    first, lowest, last = table.loc["accuracy", ["first", "lowest", "last"]]
    assert (first, lowest, last) == pytest.approx((0.8, 0.3, 0.8))
    assert table.loc["answer_probability", "values"] == "0.428;0.613;0.72"


def test_a_u_of_the_probabilities_is_one_under_every_metric(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_results(tmp_path, STEADY)
    table = answer(tmp_path, monkeypatch)
    assert set(table["equivalent"]) == set(table["statistical"]) == {"U-shaped"}
    assert set(table["equivalent_agrees"]) == set(table["statistical_agrees"]) == {"same"}
    assert set(table["valley_size"]) == {"10k"}
    # The worst loss is the largest.
    assert table.loc["loss", "lowest"] > table.loc["loss", "first"]
    assert table.loc["loss", "lowest"] == pytest.approx(
        -(0.3 * math.log(0.9) + 0.7 * math.log(0.1))
    )
    # " Yes" has four bytes; half of the mass is on the classes.
    bits = -(0.8 * math.log2(0.45) + 0.2 * math.log2(0.05)) / 4
    assert table.loc["bits_per_byte", "first"] == pytest.approx(bits)


def test_one_run_per_size_leaves_a_verdict_on_these_very_models(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_results(tmp_path, STEADY)
    table = answer(tmp_path, monkeypatch)
    assert set(table["verdict_on"]) == {"these very models"}
    assert set(table["run_noise_source"]) == {"unknown"}


def test_several_runs_per_size_give_a_verdict_on_models_trained_this_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_results(tmp_path, STEADY, runs=2)
    table = answer(tmp_path, monkeypatch)
    assert set(table["verdict_on"]) == {"models trained this way"}
    assert set(table["run_noise_source"]) == {"estimated"}
    # Runs differ by 0.001 nats in the log-likelihood only.
    assert table.loc["answer_log_likelihood", "run_noise"] == pytest.approx(0.001 / math.sqrt(2))
    assert table.loc["answer_probability", "run_noise"] == pytest.approx(0)


def test_answers_of_equal_length_have_one_verdict_in_nats_and_in_bits_per_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_results(tmp_path, JUMPING)
    table = answer(tmp_path, monkeypatch)
    for verdict in ("equivalent", "statistical"):
        assert table.loc["bits_per_byte", verdict] == table.loc["answer_log_likelihood", verdict]
    ratio = table.loc["answer_log_likelihood", "last"] / table.loc["bits_per_byte", "last"]
    assert ratio == pytest.approx(-4 * math.log(2))
    margins = table["equivalence"]
    assert margins["answer_log_likelihood"] / margins["bits_per_byte"] == pytest.approx(-ratio)


def test_a_single_size_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_results(tmp_path, JUMPING[:1])
    assert answer(tmp_path, monkeypatch).empty


@pytest.mark.parametrize(
    ("words", "other"), [("accuracy", "sequence_loss"), ("zero-shot", "few-shot-2")]
)
def test_other_variants_and_tasks_without_accuracy_are_left_out(
    words: str, other: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_results(tmp_path, JUMPING)
    metrics = tmp_path / "metrics.csv"
    metrics.write_text(metrics.read_text().replace(words, other))
    assert answer(tmp_path, monkeypatch).empty


def test_scores_that_are_missing_are_named_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_results(tmp_path, JUMPING)
    (tmp_path / "scores/f-10k-s0/replica/neqa/zero-shot.parquet").unlink()
    with pytest.raises(UserError, match=r"f-10k-s0/replica/neqa/zero-shot\.parquet: is not read"):
        answer(tmp_path, monkeypatch)


@pytest.mark.parametrize("runs", [1, 3])
def test_the_verdict_under_accuracy_is_that_of_the_evidence(runs: int) -> None:
    rng = np.random.default_rng(1)
    shares = np.repeat([0.6, 0.5, 0.58, 0.7], runs)
    right = (rng.random((len(shares), N)) < shares[:, None]).astype(float)
    models = tuple(
        tuple(f"m{size}-{run}" for run in range(runs)) for size in range(len(shares) // runs)
    )
    members = tuple(tuple(range(runs * at, runs * (at + 1))) for at in range(len(models)))
    items = Items(right, members, np.zeros(N, dtype=int))
    heights = metrics_compared.heights_of(items)
    flops = 10.0 ** np.arange(len(models))
    about = ("f", "replica", "neqa", "zero-shot", "official", "", "accuracy")
    curve = Curve(*about, sizes=("a", "b", "c", "d"), flops=flops, values=heights, n=N)
    values = metrics_compared.Values({"accuracy": items}, {"accuracy": RULE.equivalence})
    (row,) = metrics_compared.compare(curve, values, RULE, 500, 0)
    expected = examine(curve, items, Settings(draws=500))["verdict"]
    assert row["equivalent"] == expected["equivalent"]
    assert row["statistical"] == expected["statistical"]


# -- the page -------------------------------------------------------------------------------------


def row_of(task: str, metric: str, shape: str, base: str) -> dict[str, Any]:
    agrees = "open" if "undetermined" in (shape, base) else "same" if shape == base else "other"
    row: dict[str, Any] = dict.fromkeys(metrics_compared.COLUMNS, "")
    row |= {"family": "f", "source": "replica", "task": task, "variant": "zero-shot"}
    row |= {"protocol": "official", "metric": metric, "verdict_on": "these very models"}
    row |= {"values": "0.5;0.25", "first": 0.5, "lowest": 0.25, "last": 0.25}
    for verdict in ("equivalent", "statistical"):
        row |= {verdict: shape, f"{verdict}_agrees": agrees}
    return row


def table_of(shapes: dict[str, list[str]]) -> pd.DataFrame:
    """A table of the shapes of each task: under accuracy, then under each continuous metric."""
    return pd.DataFrame(
        row_of(task, metric, shape, own[0])
        for task, own in shapes.items()
        for metric, shape in zip(("accuracy", *CONTINUOUS), own, strict=True)
    )


def test_the_page_counts_the_us_that_survive_each_metric() -> None:
    u, other, unsure = "U-shaped", "positive", "undetermined"
    shapes = {"neqa": [u, u, u, u, other, other], "redefine": [u, u, unsure, other, other, other]}
    view = metrics_compared_view(table_of(shapes | {"sig-figs": [other, *[u] * 5]}), 0.02)
    assert view is not None
    (family,) = view.families
    assert family.sentences[0] == (
        "By the rule, 2 of 3 curves are U-shaped under accuracy; of these, 2 under probability, "
        "1 under loss (1 undetermined), 1 under Brier score, 0 under log-likelihood and 0 under "
        "bits per byte"
    )
    assert family.verdicts_on == ["these very models"]
    assert list(view.by_task) == ["redefine", "neqa", "sig-figs"]
    assert view.by_task["neqa"][0].agreeing("equivalent") == "3 of 5"
    assert view.by_task["redefine"][0].agreeing("statistical") == "1 of 5, 1 undetermined"


def test_the_page_says_where_no_curve_is_u_shaped_or_nothing_was_compared() -> None:
    view = metrics_compared_view(table_of({"neqa": ["flat"] * 6}), 0.02)
    assert view is not None
    assert (
        view.families[0].sentences[0] == "By the rule, none of 1 curve is U-shaped under accuracy"
    )
    assert metrics_compared_view(None, 0.02) is None


def test_values_are_shown_in_their_units() -> None:
    view = metrics_compared_view(table_of({"neqa": ["flat"] * 6}), 0.02)
    assert view is not None
    rows = view.by_task["neqa"][0].rows
    assert (rows["accuracy"]["first"], rows["brier"]["first"]) == ("50.0%", "0.50")
    assert rows["answer_probability"]["points"] == "50.0%, 25.0%"
    assert rows["bits_per_byte"]["points"] == "0.50, 0.25"
