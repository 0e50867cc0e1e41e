"""Ways of asking: what flips against zero-shot, how sure that is, and what must not be mixed."""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import protocols as step
from ushaped.errors import UserError
from ushaped.figures import protocols as protocols_figure
from ushaped.protocols import compare as compare_curves
from ushaped.report.protocols import count, read_comparisons, summarize
from ushaped.results import columns, tables
from ushaped.results.columns import METRICS
from ushaped.results.columns import PROTOCOLS as COLUMNS
from ushaped.shapes.curves import Answers, Curve, draw_measured
from ushaped.shapes.rules import Rule
from ushaped.terms import AVERAGE, TEN_TASKS

LITERAL, EQUIVALENT = Rule.literal(), Rule.published_equivalent()
ITEMS = np.arange(200)


def answered(values: Sequence[float], shift: int = 0) -> np.ndarray:
    """Answers of one model per value: the first so many items are right, from ``shift`` on."""
    right = [(ITEMS - shift) % len(ITEMS) < round(value * len(ITEMS)) for value in values]
    return np.array(right, dtype=float)


def curve(values: Sequence[float], variant: str, **changed: object) -> Curve:
    told = {
        "family": "f",
        "source": "replica",
        "task": "neqa",
        "variant": variant,
        "protocol": "official" if variant == "zero-shot" else "modified",
        "modified": "" if variant == "zero-shot" else "our own words",
        "metric": "accuracy",
        "sizes": tuple(f"s{i}" for i in range(len(values))),
        "flops": 10.0 ** np.arange(len(values)),
        "values": np.array(values),
        "n": len(ITEMS),
        "models": tuple((f"m{i}",) for i in range(len(values))),
    }
    return Curve(**(told | changed))  # type: ignore[arg-type]


def compared(*pairs: tuple[Curve, np.ndarray], items: dict[str, np.ndarray] | None = None) -> dict:
    """Rows of the comparison by source, task and variant."""
    answers = {
        one.key: Answers(
            (items or {}).get(one.variant, ITEMS),
            {names[0]: i for i, names in enumerate(one.models)},
            correct,
            np.zeros(correct.shape[1], dtype=np.int64),
            np.zeros(correct.shape[1], dtype=np.int64),
        )
        for one, correct in pairs
    }
    curves = [one for one, _ in pairs]
    drawn = draw_measured(curves, answers, 200, 0)
    rows = compare_curves(curves, drawn, answers, LITERAL, EQUIVALENT)
    assert all(tuple(row) == COLUMNS for row in rows)
    return {(row["source"], row["variant"]): row for row in rows}


U, DOWN, NEARLY = (0.9, 0.3, 0.8), (0.9, 0.5, 0.1), (0.9, 0.3, 0.505)


def test_a_published_point_takes_no_part_in_a_comparison() -> None:
    mixed = curve(
        (*DOWN, 0.9), "zero-shot", models=(("m0",), ("m1",), ("m2",), ()),
        flags=("published-points", "constant-answer"),
    )  # fmt: skip
    alone = mixed.without_published()
    assert (alone.sizes, alone.values.tolist()) == (("s0", "s1", "s2"), list(DOWN))
    assert alone.flags == ("constant-answer",)
    row = compared((alone, answered(DOWN)), (curve(U, "cot"), answered(U)))["replica", "cot"]
    assert row["difference"] == pytest.approx(0.7)


def test_a_clear_change_flips_and_is_settled() -> None:
    rows = compared((curve(DOWN, "zero-shot"), answered(DOWN)), (curve(U, "cot"), answered(U)))
    row = rows["replica", "cot"]
    assert (row["base_equivalent"], row["equivalent"]) == ("inverse", "U-shaped")
    assert (row["flips"], row["settled"], row["flips_literal"]) == ("yes", "yes", "yes")
    assert (row["base_p"], row["p"], row["p_differs"]) == (1.0, 1.0, 1.0)
    assert row["difference"] == pytest.approx(0.7)
    assert row["base_value"] == pytest.approx(0.1)


def test_zero_shot_itself_is_compared_with_nothing() -> None:
    row = compared((curve(U, "zero-shot"), answered(U)))["replica", "zero-shot"]
    assert row["equivalent"] == "U-shaped"
    for name in ("flips", "settled", "difference", "base_equivalent", "p_differs"):
        assert row[name] is None


def test_a_change_with_one_unsure_side_is_not_settled() -> None:
    # Here 0.205 of a fall of 0.6 is won back: a little more than a third.
    rows = compared(
        (curve(DOWN, "zero-shot"), answered(DOWN)), (curve(NEARLY, "cot"), answered(NEARLY))
    )
    row = rows["replica", "cot"]
    assert row["flips"] == "yes"
    assert row["p"] < 0.9 < row["base_p"]
    assert row["settled"] == "no"
    # By the literal rule any rise counts.
    assert row["settled_literal"] == "yes"


def test_the_same_answers_differ_by_nothing_with_certainty() -> None:
    # Two independent intervals of 50 % from 200 items would be 14 points apart at their ends.
    half = (0.9, 0.5)
    rows = compared(
        (curve(half, "zero-shot"), answered(half)), (curve(half, "one-shot"), answered(half))
    )
    row = rows["replica", "one-shot"]
    assert (row["difference"], row["difference_low"], row["difference_high"]) == (0, 0, 0)
    assert (row["flips"], row["settled"]) == ("no", "yes")


def test_the_interval_of_a_difference_is_that_of_the_paired_items() -> None:
    # Items 0 to 99 against items 60 to 179: differences of -1, 0 and 1 with shares .3, .3 and .4.
    low, high = (0.9, 0.5), (0.9, 0.6)
    rows = compared(
        (curve(low, "zero-shot"), answered(low)), (curve(high, "cot"), answered(high, shift=60))
    )
    row = rows["replica", "cot"]
    error = np.sqrt((0.3 + 0.4 - 0.1**2) / 200)
    assert row["difference"] == pytest.approx(0.1)
    assert row["difference_low"] == pytest.approx(0.1 - 1.96 * error, abs=0.025)
    assert row["difference_high"] == pytest.approx(0.1 + 1.96 * error, abs=0.025)


def test_a_loss_that_grows_is_a_positive_difference() -> None:
    told = {"metric": "sequence_loss", "task": "prompt-injection"}
    base = curve((1.0, 2.0), "zero-shot", **told)
    worse = curve((1.0, 2.5), "cot", **told)
    rows = compared(
        (base, -np.array([[1.0] * 200, [2.0] * 200])),
        (worse, -np.array([[1.0] * 200, [2.4, 2.6] * 100])),
    )
    row = rows["replica", "cot"]
    assert row["difference"] == pytest.approx(0.5)
    assert 0.47 < row["difference_low"] < 0.5 < row["difference_high"] < 0.53


def test_each_source_is_compared_with_its_own_zero_shot() -> None:
    pairs = []
    for source, base in (("official", DOWN), ("replica", U)):
        pairs.append((curve(base, "zero-shot", source=source), answered(base)))
        pairs.append((curve(U, "cot", source=source), answered(U)))
    rows = compared(*pairs)
    assert rows["official", "cot"]["flips"] == "yes"
    assert rows["replica", "cot"]["flips"] == "no"


def test_other_items_or_another_largest_size_have_no_difference() -> None:
    half = (0.9, 0.5)
    other = {"cot": ITEMS + 1}
    pair = [(curve(half, name), answered(half)) for name in ("zero-shot", "cot")]
    row = compared(*pair, items=other)["replica", "cot"]
    assert (row["difference"], row["p_differs"], row["flips"]) == (None, None, "no")
    smaller = curve(half, "cot", sizes=("s0", "s9"))
    row = compared(pair[0], (smaller, answered(half)))["replica", "cot"]
    assert (row["difference"], row["flips"]) == (None, "no")


def test_a_variant_that_lacks_items_is_compared_on_those_that_both_have() -> None:
    # Of the hundred items that both have, zero-shot has all right, and the variant half.
    here = ITEMS[:100]
    base, less = answered((0.9, 0.5)), answered((0.9, 0.5))[:, :100]
    less[1, ::2] = 0
    few = curve((1.0, 0.5), "inside-0", n=100)
    pairs = [(curve((0.9, 0.5), "zero-shot"), base), (few, less)]
    for items, wanted in (({"inside-0": here}, -0.5), ({"inside-0": here + 100}, 0.5)):
        row = compared(*pairs, items=items)["replica", "inside-0"]
        assert row["difference"] == pytest.approx(wanted)
        assert row["difference_low"] <= wanted <= row["difference_high"]
        assert row["difference_high"] - row["difference_low"] < 0.25
        assert (row["n"], row["base_value"], row["value"]) == (100, 0.5, 0.5)
        assert row["p_differs"] is not None


def test_one_size_has_a_difference_and_no_verdict() -> None:
    rows = compared(
        (curve((0.5,), "zero-shot"), answered((0.5,))), (curve((0.7,), "cot"), answered((0.7,)))
    )
    row = rows["replica", "cot"]
    assert row["difference"] == pytest.approx(0.2)
    assert (row["equivalent"], row["flips"], row["p"]) == ("", None, None)


# -- protocols are not mixed ---------------------------------------------------------------------


def test_an_average_over_tasks_of_two_protocols_is_refused() -> None:
    pairs = [(curve(U, "zero-shot", task=task), answered(U)) for task in TEN_TASKS]
    changed = curve(U, "zero-shot", task="neqa", protocol="modified")
    pairs = [pair for pair in pairs if pair[0].task != "neqa"] + [(changed, answered(U))]
    average = curve(U, "zero-shot", task=AVERAGE)
    with pytest.raises(UserError, match=r"would mix the protocols 'modified'.*and 'official'"):
        compared(*pairs, (average, answered(U)))


@pytest.mark.parametrize("name", ["metrics", "shapes", "protocols"])
def test_no_table_is_shown_in_which_one_variant_has_two_protocols(
    name: str, tmp_path: Path
) -> None:
    row = dict.fromkeys(getattr(columns, name.upper()), "")
    row |= {"family": "f", "variant": "zero-shot"}
    rows = [row | {"task": "neqa", "protocol": "official"}]
    rows += [row | {"task": "redefine", "protocol": "modified"}]
    path = tmp_path / f"{name}.csv"
    pd.DataFrame(rows).to_csv(path, index=False)
    with pytest.raises(UserError, match=r"variant 'zero-shot': mixes the protocols 'modified' and"):
        getattr(tables, f"read_{name}")(path)


def comparisons(folder: Path, *pairs: tuple[str, str]) -> pd.DataFrame:
    """Read a table of (task, protocol), all zero-shot."""
    row = dict.fromkeys(columns.PROTOCOLS, "") | {"family": "f", "variant": "zero-shot"}
    path = folder / "protocols.csv"
    rows = [row | {"task": task, "protocol": protocol} for task, protocol in pairs]
    pd.DataFrame(rows).to_csv(path, index=False)
    return tables.read_protocols(path)


def test_tasks_outside_the_prize_share_a_variant_with_its_tasks_and_a_column_names_both(
    tmp_path: Path,
) -> None:
    table = comparisons(tmp_path, ("neqa", "official"), ("zebra-puzzles", "own"))
    assert tables.shared_protocol(table["protocol"]) == "official or own"
    drawn = protocols_figure.figure(protocols_figure.table(table.assign(p=np.nan)))
    assert "official or own" in [text.get_text() for text in drawn.axes[0].texts]
    with pytest.raises(UserError, match="mixes the protocols 'modified' and 'own'"):
        comparisons(tmp_path, ("neqa", "modified"), ("zebra-puzzles", "own"))
    with pytest.raises(UserError, match="mixes the protocols 'official' and 'own'"):
        comparisons(tmp_path, ("zebra-puzzles", "official"), ("zebra-puzzles", "own"))


# -- the step ------------------------------------------------------------------------------------


def test_the_step_writes_one_row_per_way_of_asking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows, items = [], []
    for variant, values in {"zero-shot": DOWN, "cot": U}.items():
        for place, value in enumerate(values):
            told = dict.fromkeys(METRICS, "") | {
                "family": "f",
                "size": f"s{place}",
                "training_flops": 10.0**place,
                "source": "replica",
                "task": "neqa",
                "variant": variant,
                "protocol": "official" if variant == "zero-shot" else "modified",
                "modified": "" if variant == "zero-shot" else "our own, with reasoning",
                "metric": "accuracy",
                "value": value,
                "n": len(ITEMS),
            }
            rows += [told, told | {"model": f"m{place}", "seed": 0}]
            items += [
                {"family": "f", "model": f"m{place}", "source": "replica", "task": "neqa"}
                | {"variant": variant, "item": int(item), "correct": float(correct)}
                | {"cluster": 0, "answer": 0, "distractor": float("nan")}
                for item, correct in zip(ITEMS, answered([value])[0], strict=True)
            ]
    pd.DataFrame(rows).to_csv(tmp_path / "metrics.csv", index=False)
    pq.write_table(pa.Table.from_pylist(items), tmp_path / "items.parquet")
    words = ["--metrics", tmp_path / "metrics.csv", "--items", tmp_path / "items.parquet"]
    words += ["--recovery", "0.3", "--equivalence", "0.02", "--draws", "100", "--seed", "0"]
    words += ["--output", tmp_path / "protocols.csv"]
    monkeypatch.setattr(sys, "argv", ["protocols.py", *map(str, words)])
    step.main()
    with open(tmp_path / "protocols.csv", encoding="utf-8", newline="") as handle:
        found = {row["variant"]: row for row in csv.DictReader(handle)}
    assert tuple(found["cot"]) == COLUMNS
    assert (found["cot"]["flips"], found["cot"]["modified"]) == ("yes", "our own, with reasoning")
    assert (found["zero-shot"]["flips"], found["zero-shot"]["difference"]) == ("", "")
    # What the step writes is what figures and page read.
    shown = tables.read_protocols(tmp_path / "protocols.csv")
    assert summarize(read_comparisons(shown))[0].all.flips == 1


# -- what is shown -------------------------------------------------------------------------------


def shown_table(*rows: tuple[str, str, str, str, str, str]) -> pd.DataFrame:
    """A table of (family, task, variant, protocol, flips, settled), all else made up."""
    names = list(COLUMNS)
    made = pd.DataFrame([dict.fromkeys(names, "") for _ in rows])
    for number in tables.numbers(COLUMNS):
        made[number] = np.nan
    given = zip(*rows, strict=True)
    for name, values in zip(
        ("family", "task", "variant", "protocol", "flips", "settled"), given, strict=True
    ):
        made[name] = list(values)
    return made.assign(
        source="replica", metric="accuracy", equivalent="U-shaped", p=0.95, flips_literal="no"
    )


TABLE = (
    ("f", "neqa", "zero-shot", "official", "", ""),
    ("f", "neqa", "few-shot-2", "official", "no", "yes"),
    ("f", "neqa", "cot", "modified", "yes", "yes"),
    ("f", "redefine", "zero-shot", "official", "", ""),
    ("f", "redefine", "cot", "modified", "yes", "no"),
    ("f", "redefine", "inside-0", "modified", "no", "no"),
    ("f", AVERAGE, "cot", "modified", "yes", "yes"),
)


def test_the_summary_counts_single_tasks_by_protocol() -> None:
    (one,) = summarize(read_comparisons(shown_table(*TABLE)))
    assert (one.all.compared, one.all.flips, one.all.settled) == (4, 2, 1)
    assert one.all.sentence == "in 2 of 4 comparisons the verdict changes; 1 of them is settled"
    told = {part.who: (part.variants, part.compared, part.flips) for part in one.by_protocol}
    assert told == {
        "official": (["few-shot-2"], 1, 0),
        "modified": (["cot", "inside-0"], 3, 2),
    }
    assert count("", []).sentence == "in 0 of 0 comparisons the verdict changes"


def test_the_table_of_changes_holds_changes_of_either_rule_and_the_average() -> None:
    made = shown_table(*TABLE)
    made.loc[1, "flips_literal"] = "yes"
    changes = [(c.task, c.variant) for c in read_comparisons(made) if c.changes]
    assert changes == [
        ("redefine", "cot"),
        ("neqa", "few-shot-2"),
        ("neqa", "cot"),
        (AVERAGE, "cot"),
    ]
    assert read_comparisons(None) == []
    unjudged = read_comparisons(made.assign(equivalent=""))
    assert {comparison.side.shown for comparison in unjudged} == {"none: one size"}


def test_the_figure_frames_what_flips_and_names_every_protocol() -> None:
    made = protocols_figure.table(shown_table(*TABLE))
    drawn = protocols_figure.figure(made)
    (axis,) = drawn.axes
    frames = [patch.get_linestyle() for patch in axis.patches if not patch.get_fill()]
    assert len(frames) == 3
    assert frames.count("-") == 2
    said = [text.get_text() for text in axis.texts]
    assert (said.count("official"), said.count("modified")) == (2, 2)
    assert said.count("not run") == 5
    entries = [text.get_text() for text in drawn.legends[0].get_texts()]
    assert len(entries) == 2


def test_each_family_has_its_own_block() -> None:
    rows = [*TABLE, *[("g", *row[1:]) for row in TABLE[:3]]]
    drawn = protocols_figure.figure(protocols_figure.table(shown_table(*rows)))
    assert [len(axis.texts) > 0 for axis in drawn.axes] == [True, True]
