"""The card of a task: its parts, and the items that flip between sizes."""

from __future__ import annotations

import csv
import json
import re
import sys
import xml.etree.ElementTree as Xml
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import flips as step
from fabricate import metrics, write_inputs, write_tables
from page import HOSTILE, SMALL, TEMPLATE, Page, inputs, spaced
from ushaped.errors import UserError
from ushaped.figures import parts as figure
from ushaped.figures import style
from ushaped.figures.inline_svg import MARKERS
from ushaped.flips import flipped, seeds_differ, transitions
from ushaped.report import render
from ushaped.results import tables
from ushaped.results.columns import PARTS
from ushaped.results.records import read_flip_items

# -- what flips --------------------------------------------------------------------------------


def test_gained_less_lost_is_the_change_of_accuracy_whatever_the_seeds() -> None:
    rng = np.random.default_rng(0)
    before, after = rng.integers(0, 4, 50) / 3, rng.integers(0, 3, 50) / 2
    lost, gained = flipped(before, after)
    assert min(lost, gained) > 0
    assert gained - lost == pytest.approx(50 * (after.mean() - before.mean()))


def test_flips_are_the_mean_over_all_pairs_of_seeds() -> None:
    one, other = np.array([[1, 1, 0], [0, 1, 0]]), np.array([[0, 1, 1], [0, 0, 1], [1, 0, 1]])
    pairs = [(a, b) for a in one for b in other]
    lost, gained = flipped(one.mean(axis=0), other.mean(axis=0))
    assert lost == pytest.approx(np.mean([(a & ~b & 1).sum() for a, b in pairs]))
    assert gained == pytest.approx(np.mean([(~a & b & 1).sum() for a, b in pairs]))


def test_seeds_of_one_size_are_compared_pair_by_pair() -> None:
    seeds = np.array([[1, 1, 0, 0], [0, 1, 0, 1], [1, 1, 1, 0]])
    pairs = [(seeds[a] != seeds[b]).sum() for a, b in ((0, 1), (0, 2), (1, 2))]
    assert seeds_differ(seeds.mean(axis=0), 3) == pytest.approx(np.mean(pairs))
    assert seeds_differ(seeds[0] * 1.0, 1) is None


# Items a to f; the curve falls from the second size to the third, and rises to the fourth.
SHARES = np.array(
    [
        # a  b  c  d  e    f
        [1, 0, 1, 0, 1.0, 0],
        [1, 1, 1, 0, 1.0, 0],
        [0, 0, 0, 0, 0.5, 1],
        [1, 1, 0, 0, 1.0, 1],
    ]
)


def test_items_of_a_u_are_right_at_the_highest_size_before_the_lowest_wrong_and_right() -> None:
    found = {way.shape: way for way in transitions(SHARES)}
    assert found["U-shaped"].sizes == (1, 2, 3)
    assert np.flatnonzero(found["U-shaped"].follows).tolist() == [0, 1]
    assert np.flatnonzero(found["U-shaped"].split).tolist() == [4]
    assert np.flatnonzero(found["inverse"].follows).tolist() == [2]
    assert np.flatnonzero(found["positive"].follows).tolist() == [1, 5]


def test_items_of_an_inverted_u_are_the_mirror_image() -> None:
    upright, turned = (
        {way.shape: way for way in transitions(shares)} for shares in (SHARES, 1 - SHARES)
    )
    for shape, other in (("U-shaped", "inverted-U"), ("inverse", "positive")):
        assert upright[shape].sizes == turned[other].sizes
        assert upright[shape].follows.tolist() == turned[other].follows.tolist()


@pytest.mark.parametrize(("sizes", "shapes"), [(1, []), (2, ["inverse", "positive"])])
def test_few_sizes_have_no_turn(sizes: int, shapes: list[str]) -> None:
    assert [way.shape for way in transitions(SHARES[:sizes])] == shapes


# -- the step ----------------------------------------------------------------------------------

LONG = "Some words before the question. " * 40 + "What now?"
CLASSES = [[" yes", " no" + "o" * 300], [" A", " B"], [" A", " B", " C"], [" A", " B"]]
ANSWER = [0, 1, 2, 0]
# Which class each model chooses, by item: one seed, two seeds, one seed.
CHOSEN = {
    "m-1k-s0": [0, 1, 2, 0],
    "m-2k-s0": [1, 0, 0, 0],
    "m-2k-s1": [1, 1, 1, 0],
    "m-3k-s0": [0, 1, 2, 1],
}


def write(path: Path, columns: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path)


def write_prompts(folder: Path, task: str, metric: str = "accuracy") -> None:
    one = metric == "sequence-loss"
    columns = {
        "item": pa.array(range(4), pa.int64()),
        "prompt": [LONG, "short?", HOSTILE, "last?"],
        "classes": [[" repeat"]] * 4 if one else CLASSES,
        "answer_index": pa.array([0] * 4 if one else ANSWER, pa.int64()),
        "distractor_index": pa.array([None] * 4 if one else [1, 0, 1, None], pa.int64()),
        "part": [0] * 4,
        "cluster": [0] * 4,
        "protocol": ["official"] * 4,
        "modified": [""] * 4,
        "chain": [False] * 4,
        "generated": [False] * 4,
        "think": [None] * 4,
        "metric": [metric] * 4,
    }
    write(folder / "prompts/replica" / task / "zero-shot.parquet", columns)


def write_scores(folder: Path, task: str, model: str, likelihoods: list[list[float]]) -> None:
    columns = {
        "item": pa.array(range(4), pa.int64()),
        "log_likelihood": pa.array(likelihoods, pa.list_(pa.float64())),
        "last_token": pa.array([None] * 4, pa.list_(pa.float64())),
        "other_last_token": pa.array([None] * 4, pa.list_(pa.float64())),
        "boundary_merged": [False] * 4,
        "cut": [0] * 4,
        "chain_stopped": pa.array([None] * 4, pa.bool_()),
        "parsed": pa.array([None] * 4, pa.int64()),
    }
    write(folder / "scores" / model / "replica" / task / "zero-shot.parquet", columns)


def write_model(folder: Path, model: str) -> None:
    family, size, seed = model.split("-")
    number = int(size[0]) * 1000
    told = {"model": model, "family": family, "size": size, "seed": int(seed[1])}
    told |= {"parameters": number, "non_embedding_parameters": number}
    told |= {"training_tokens": 10, "training_flops": 60.0 * number}
    path = folder / "models" / model / "model.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(told))


@pytest.fixture
def found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The two files of the step, for neqa and, with a loss, for prompt-injection."""
    write_prompts(tmp_path, "neqa")
    write_prompts(tmp_path, "prompt-injection", "sequence-loss")
    for model, chosen in CHOSEN.items():
        write_model(tmp_path, model)
        likelihoods = [
            [
                float(np.log(0.75 if place == choice else 0.25 / (len(names) - 1)) - 3)
                for place in range(len(names))
            ]
            for names, choice in zip(CLASSES, chosen, strict=True)
        ]
        write_scores(tmp_path, "neqa", model, likelihoods)
        write_scores(tmp_path, "prompt-injection", model, [[-1.0]] * 4)
    paths: dict[str, list[Path]] = {
        "--prompts": sorted(tmp_path.glob("prompts/*/*/*.parquet")),
        "--scores": [tmp_path / "scores"],
        "--models": sorted(tmp_path.glob("models/*/model.json")),
        "--output": [tmp_path / "flips.csv"],
        "--items": [tmp_path / "flips.json"],
    }
    words = [str(word) for name, values in paths.items() for word in (name, *values)]
    monkeypatch.setattr(sys, "argv", ["flips.py", *words])
    step.main()
    return tmp_path


def test_the_table_counts_what_flips_from_size_to_size(found: Path) -> None:
    with open(found / "flips.csv", encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    # Without accuracy no item is right or wrong.
    assert {row["task"] for row in rows} == {"neqa"}
    told = ("size", "next_size", "n", "lost", "gained", "seeds_differ", "next_seeds_differ")
    assert [tuple(row[name] for name in told) for row in rows] == [
        ("1k", "2k", "4", "2.5", "0", "", "1"),
        ("2k", "3k", "4", "1", "2.5", "1", ""),
    ]
    assert tables.read_flips(found / "flips.csv")["lost"].tolist() == [2.5, 1.0]


def test_examples_are_the_first_items_with_every_answer_and_the_end_of_their_prompt(
    found: Path,
) -> None:
    (curve,) = read_flip_items(found / "flips.json").values()
    assert curve["sizes"] == ["1k", "2k", "3k"]
    assert curve["seeds"] == [1, 2, 1]
    by_shape = {way["shape"]: way for way in curve["ways"]}
    way = by_shape["U-shaped"]
    assert (way["sizes"], way["count"], way["split"]) == (["1k", "2k", "3k"], 2, 1)
    first, second = way["examples"]
    assert [first["item"], second["item"]] == [0, 2]
    assert first["prompt"] == LONG[-curve["prompt_end"] :]
    assert first["left_out"] == len(LONG) - curve["prompt_end"] > 0
    assert (second["prompt"], second["left_out"]) == (HOSTILE, 0)
    assert first["classes"] == [" yes", CLASSES[0][1][: curve["class_start"]] + "…"]
    assert second["chosen"] == [[2], [0, 1], [2]]
    assert (second["answer"], second["distractor"]) == (2, 1)
    assert second["probability"] == [0.75, 0.125, 0.75]
    assert [one["item"] for one in by_shape["inverse"]["examples"]] == [3]
    assert by_shape["positive"]["count"] == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("no json", "not readable JSON"),
        ("[]", "not a JSON object"),
        ('{"version": 2, "curves": []}', "not of version 1"),
        ('{"version": 1, "prompt_end": 9}', "lacks 'class_start'"),
        (
            '{"version": 1, "prompt_end": 9, "class_start": 9, "curves": [{"family": "m"}]}',
            "lacks 'source'",
        ),
    ],
)
def test_a_file_of_items_that_cannot_be_used_is_named(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "flips.json"
    path.write_text(text)
    with pytest.raises(UserError, match=rf"flips.json.*{said}"):
        read_flip_items(path)


# -- the page ----------------------------------------------------------------------------------


def write_parts(folder: Path, measured: pd.DataFrame, parts: Sequence[int]) -> None:
    """Invent ``parts.csv``: every part has the values of its task, shifted a little."""
    whole = measured[measured["metric"].isin(tables.PRIMARY) & (measured["model"] == "")]
    rows = [whole.assign(part=part, value=whole["value"] + 0.01 * part, n=40) for part in parts]
    pd.concat(rows)[list(PARTS)].to_csv(folder / "parts.csv", index=False)


@pytest.fixture
def page(tmp_path: Path) -> Callable[..., str]:
    """Render made-up results with parts."""

    def build(parts: Sequence[int] = (1, 2, 3), **options: Any) -> str:
        measured = metrics(**(SMALL | options))
        write_tables(tmp_path, measured)
        write_inputs(tmp_path, measured)
        write_parts(tmp_path, measured, parts)
        given = inputs(tmp_path, literature=None, parts=tables.read_parts(tmp_path / "parts.csv"))
        return render(TEMPLATE, given)

    return build


def card(text: str, task: str = "neqa") -> str:
    start = text.index(f'<article id="task-{task}"')
    return text[start : text.index("</article>", start)]


@pytest.fixture
def flipping(found: Path, page: Callable[..., str], tmp_path: Path) -> Callable[[str], str]:
    """The card of neqa where the curve of its flips has a verdict."""

    def build(shape: str) -> str:
        page(families=("m",), variants=("zero-shot",))
        judged = pd.read_csv(tmp_path / "shapes.csv", dtype=str, keep_default_na=False)
        own = (judged["family"] == "m") & (judged["task"] == "neqa")
        judged.loc[own, "equivalent"] = shape
        judged.to_csv(tmp_path / "shapes.csv", index=False)
        given = inputs(
            tmp_path,
            literature=None,
            models=[],
            flips=tables.read_flips(found / "flips.csv"),
            flip_items=read_flip_items(found / "flips.json"),
        )
        return card(render(TEMPLATE, given))

    return build


def test_a_card_says_how_many_items_change_like_its_curve_and_shows_some(
    flipping: Callable[[str], str],
) -> None:
    shown = flipping("U-shaped")
    words = spaced(shown)
    assert "of 4 items, 2 change like the curve, which is U-shaped" in words
    assert "right at 1k, wrong at 2k and right again at 3k. The opposite, wrong at" in words
    assert "The first 2 such items by number" in words
    assert f"the last 400 characters of its prompt; the {len(LONG) - 400:,} before them" in words
    assert "answers are cut after 160 characters" in words
    answers = [spaced(row) for row in re.findall(r"<tr><th scope=.row.>Answer.*?</tr>", shown)]
    assert answers == [
        "Answer ① right ② wrong ① right",
        "Answer ③ right ① ② wrong ③ right",
    ]
    assert "1k → 2k 2.5 0.0 −62.5" in words
    assert "2k → 3k 1.0 2.5 +37.5" in words


def test_a_card_shows_the_items_that_change_like_its_own_verdict_and_their_opposite(
    flipping: Callable[[str], str],
) -> None:
    words = spaced(flipping("inverse"))
    assert "of 4 items, 1 changes like the curve, which is inverse: right at 1k and" in words
    assert "The opposite, wrong at 1k and right at 3k: 0." in words
    assert "Item 3" in words
    assert "Item 0" not in words


def test_a_flat_curve_has_no_items_of_its_own(flipping: Callable[[str], str]) -> None:
    words = spaced(flipping("flat"))
    assert "the curve is flat, so no items change like it" in words
    assert "1k → 2k 2.5 0.0" in words
    assert "by number" not in words


def test_text_of_an_item_stays_text(flipping: Callable[[str], str]) -> None:
    shown = flipping("U-shaped")
    assert HOSTILE in [
        text.strip("\n") for text in Page(f"<main>{shown}</article></main>").texts["pre"]
    ]
    assert "<script" not in shown
    assert "evil.example" not in "".join(re.findall(r"<[^>]*>", shown))


def test_without_flips_there_is_nothing_about_them(page: Callable[..., str]) -> None:
    assert "flip" not in card(page())


# -- parts -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("parts", "shown"), [(1, False), (2, True), (9, True), (10, False)])
def test_two_to_nine_parts_are_shown(page: Callable[..., str], parts: int, shown: bool) -> None:
    text = card(page(range(1, parts + 1)))
    assert ('id="figure-parts-task-neqa"' in text) == shown
    assert ("Part by part" in text) == shown


def test_numbers_by_part_are_those_of_the_table(page: Callable[..., str], tmp_path: Path) -> None:
    words = spaced(card(page((1, 4))))
    assert "The task consists of 2 parts" in words
    assert "Part 1 40 items Part 4 40 items" in words
    table = pd.read_csv(tmp_path / "parts.csv")
    own = table[(table["task"] == "neqa") & (table["variant"] == "zero-shot")]
    assert len(own) == 6
    for value in own["value"]:
        assert f"{100 * value:.1f}%" in words


def drawn(parts: Sequence[int], **options: Any) -> pd.DataFrame:
    measured = metrics(**(SMALL | options))
    whole = measured[measured["metric"].isin(tables.PRIMARY) & (measured["model"] == "")]
    rows = [whole.assign(part=part, n=40) for part in parts]
    return figure.table(pd.concat(rows), measured, tables.Edition("replica", "neqa"))


def test_each_part_has_a_panel_and_every_value_is_in_the_numbers_of_the_figure() -> None:
    table = drawn((1, 2))
    picture = Xml.fromstring(figure.svg(table))
    texts = [element.text for element in picture.iter() if element.tag.endswith("text")]
    assert [text for text in texts if str(text).startswith("Part")] == [
        "Part 1, 40 items",
        "Part 2, 40 items",
    ]
    assert texts.count("all items") == 1
    # One marker a value, in each of the panels.
    marks = [e.get("d") or "" for e in picture.iter() if (e.get("class") or "").startswith("m")]
    assert sum(data.count("M") for data in marks) == len(table[table["part"] != "all"]) + 1
    assert set(table["variant"]) == {"zero-shot"}


def test_families_differ_in_more_than_colour_and_their_names_are_escaped() -> None:
    families = ("ladder", "<b>&", "two", "three", "four", "five")
    text = figure.svg(drawn((1, 2), families=families))
    names = [element.text for element in Xml.fromstring(text).iter()]
    assert set(families) <= set(names)
    assert "all items" not in names
    markers = {re.sub(r"^M[\d. ]+", "", one) for one in re.findall(r'd="(M12 0[^"]*)"', text)}
    assert len(markers) == len(families)


def test_every_look_of_a_family_has_a_marker() -> None:
    looks = [*style.FAMILIES.values(), *style.SPARE_FAMILIES]
    assert {look.marker for look in looks} == set(MARKERS)


def test_a_loss_is_negated() -> None:
    measured = metrics(**SMALL)
    edition = tables.Edition("replica", "prompt-injection")
    whole = tables.of_edition(measured, edition)
    whole = whole[(whole["metric"] == "sequence_loss") & (whole["model"] == "")]
    table = figure.table(pd.concat([whole.assign(part=part) for part in (1, 2)]), measured, edition)
    drawn = figure.svg(table)
    assert "Negated loss (nats)" in drawn
    values = re.findall(r"<text[^>]*>(−?[\d.]+)</text>", drawn)
    assert values
    assert all(value.startswith("−") for value in values)
