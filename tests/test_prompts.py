"""Prompts: whose protocol each variant follows, and what is read from a generated chain."""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import prompts as step
from project import ROOT
from ushaped.errors import UserError
from ushaped.items.task import (
    ChainRule,
    Demonstration,
    EmbeddedDemonstrations,
    Item,
    as_item,
    load_task,
    repeated,
    replicate,
)
from ushaped.prompts import build, extract, misfits, unsplit
from ushaped.terms import SOURCES
from ushaped.variants import SEPARATOR, THOUGHT, is_variant, worked

OURS = [
    Demonstration("First?", " It is so.", " yes"),
    Demonstration("Second?", " It is not.", " no"),
    Demonstration("Third?", " It is so again.", " yes"),
]
RULE = ChainRule(answer_after=" So the answer is", stop=("\n",))
AFTER = RULE.answer_after


def items(n: int) -> list[Item]:
    """Items that are easy to tell apart."""
    return [Item(f"Question {i}:", (f" a{i}", f" b{i}"), i % 2, 1 - i % 2, i % 3) for i in range(n)]


def solved(item: Item) -> str:
    """An item with its answer."""
    return item.prompt + item.classes[item.answer_index]


# -- variants ----------------------------------------------------------------------------------


KNOWN = ["zero-shot", "few-shot-1", "few-shot-16", "one-shot", "cot", "zero-shot-cot", "inside-0"]
KNOWN += ["zero-shot-generated", "few-shot-2-generated", "cot-generated", "think-0", "think-64"]


@pytest.mark.parametrize("name", KNOWN)
def test_known_variants(name: str) -> None:
    assert is_variant(name)


@pytest.mark.parametrize(
    "name",
    [
        *("few-shot", "few-shot-0", "few-shot-02", "few-shot--1", "CoT", "inside", "inside-05", ""),
        *("think", "think-4-generated", "generated", "zero-shot-generated-chat"),
    ],
)
def test_unknown_variants(name: str) -> None:
    assert not is_variant(name)
    with pytest.raises(
        UserError,
        match="use zero-shot, few-shot-k, one-shot, cot, zero-shot-cot, inside-k or think-k",
    ):
        build(items(3), name, OURS, RULE, seed=0)


def test_zero_shot_cot_asks_for_reasoning_and_shows_none() -> None:
    rows = build(items(2), "zero-shot-cot", OURS, RULE, seed=0)
    assert [row["prompt"] for row in rows] == [
        f"Question {n}:\nThought: Let's think step by step." for n in range(2)
    ]
    assert {(row["protocol"], row["chain"]) for row in rows} == {("modified", True)}
    assert rows[0]["stop"] == ["\n\n"]
    assert rows[0]["answer_after"] == AFTER
    assert "step by step" in rows[0]["modified"]


HELD = EmbeddedDemonstrations(3, re.compile("\n\n"))


def holding(count: int) -> list[Item]:
    """One item whose prompt holds so many solved questions."""
    shown = "".join(f"Q{n}? a\n\n" for n in range(1, count + 1))
    return [Item(shown + "Which?", (" a", " b"), 0, 1, 1)]


@pytest.mark.parametrize(
    ("kept", "text"), [(0, "Which?"), (1, "Q3? a\n\nWhich?"), (2, "Q2? a\n\nQ3? a\n\nWhich?")]
)
def test_inside_k_keeps_the_last_k_solved_questions(kept: int, text: str) -> None:
    (row,) = build(holding(3), f"inside-{kept}", OURS, RULE, 0, HELD)
    assert row["prompt"] == text
    assert row["protocol"] == "modified"
    some = f"only the last {kept}" if kept else "none"
    assert row["modified"] == f"{some} of the 3 solved questions that the item holds"


def test_items_of_which_none_splits_are_refused() -> None:
    with pytest.raises(UserError, match=r"item 0: inside_separator matches 2 times, but demon.* 3"):
        build(holding(2) + holding(4), "inside-1", OURS, RULE, 0, HELD)


def test_an_item_that_does_not_split_is_left_out_and_the_others_keep_their_numbers() -> None:
    some = holding(2) + holding(3) + holding(4) + holding(3)
    rows = build(some, "inside-1", OURS, RULE, 0, HELD)
    assert [row["item"] for row in rows] == [1, 3]
    assert {row["prompt"] for row in rows} == {"Q3? a\n\nWhich?"}
    numbers = range(len(some))
    assert unsplit(numbers, rows) == [0, 2]
    assert unsplit(numbers, build(some, "zero-shot", OURS, RULE, 0, HELD)) == []


def test_an_item_whose_second_prompt_does_not_split_is_left_out() -> None:
    (short,), (right,) = holding(2), holding(3)
    pair = [replace(right, other_prompt=other.prompt) for other in (short, right)]
    (row,) = build(pair, "inside-0", OURS, RULE, 0, HELD)
    assert (row["item"], row["prompt"], row["other_prompt"]) == (1, "Which?", "Which?")


def test_inside_k_needs_more_than_k_solved_questions() -> None:
    for inside in (HELD, None):
        with pytest.raises(UserError, match="the prompts hold"):
            build(holding(3), "inside-3", OURS, RULE, 0, inside)


@pytest.mark.parametrize("name", ["hindsight-neglect", "repetitive-algebra"])
def test_the_replicas_hold_what_their_facts_say(name: str) -> None:
    task = load_task(ROOT / "tasks" / name)
    drafts = [as_item(task, draft) for draft in replicate(task, 20, seed=3)]
    own = [Item(row["prompt"], (" a", " b"), 0, None, 1) for row in drafts]
    assert task.inside is not None
    for item, row in zip(own, build(own, "inside-2", OURS, RULE, 0, task.inside), strict=True):
        assert item.prompt.endswith(row["prompt"])
        assert len(task.inside.separator.findall(row["prompt"])) == 2
    bare = build(own, "inside-0", OURS, RULE, 0, task.inside)
    assert {row["prompt"].count("\n") for row in bare} == {1}


BREAKS = ("\n", "\n\n", "\n\n\n", "\r\n", "\r\n\r\n", " \n", "\n \n")


@pytest.mark.parametrize("gap", BREAKS)
@pytest.mark.parametrize("opening", ["", "Solve these: one after another."])
@pytest.mark.parametrize(
    ("name", "question", "answer"),
    [
        ("repetitive-algebra", "Q: Suppose {0} = b + {0}. What is b? A:", " 39"),
        ("hindsight-neglect", "Question: {0} or {0}? Say Y or N.{1}Answer:", " Y"),
    ],
)
def test_released_items_split_at_any_number_of_line_breaks(
    name: str, question: str, answer: str, opening: str, gap: str
) -> None:
    if opening and name == "hindsight-neglect":
        return  # Its items have none.
    inside = load_task(ROOT / "tasks" / name).inside
    assert inside is not None
    asked = [question.format(n, gap.rstrip(" ")) for n in range(11)]
    before = opening + gap if opening else ""
    prompt = before + gap.join([text + answer for text in asked[:10]] + asked[10:])
    for kept in (0, 1, 5, 9):
        (row,) = build(
            [Item(prompt, (" 1", " 2"), 0, None, 1)], f"inside-{kept}", OURS, RULE, 0, inside
        )
        last = [text + answer for text in asked[10 - kept : 10]] + asked[10:]
        # An opening is no solved question: it stays.
        assert row["prompt"] == before + gap.join(last)


def test_the_released_layout_of_questions_and_answers_is_split_too() -> None:
    for name, begin, end in (
        ("hindsight-neglect", "Question: one or two?", "Answer:"),
        ("repetitive-algebra", "Q: how many?", "A:"),
    ):
        inside = load_task(ROOT / "tasks" / name).inside
        assert inside is not None
        for gap in ("\n", "\n\n"):
            solved_one = f"{begin}{gap if name == 'hindsight-neglect' else chr(10)}{end} Y\n\n"
            prompt = solved_one * inside.count + f"{begin}\n{end}"
            (row,) = build([Item(prompt, (" Y", " N"), 0, 1, 1)], "inside-0", OURS, RULE, 0, inside)
            assert row["prompt"] == f"{begin}\n{end}"


def test_a_second_prompt_gets_what_the_first_one_gets() -> None:
    pair = [Item(f"{n}?", (" A", " B"), 0, None, 0, other_prompt=f"not {n}?") for n in range(3)]
    for variant in ("zero-shot", "few-shot-1", "one-shot"):
        for row, item in zip(build(pair, variant, OURS, RULE, 0), pair, strict=True):
            before = row["prompt"].removesuffix(item.prompt)
            assert row["other_prompt"] == f"{before}{item.other_prompt}"
    assert build(items(1), "zero-shot", OURS, RULE, 0)[0]["other_prompt"] is None


def test_zero_shot_is_the_item_as_it_stands() -> None:
    rows = build(items(4), "zero-shot", OURS, RULE, seed=0)
    assert [row["prompt"] for row in rows] == [item.prompt for item in items(4)]
    assert {(row["protocol"], row["modified"]) for row in rows} == {("official", "")}
    assert [row["item"] for row in rows] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("variant", "protocol"),
    [("zero-shot", "own"), ("few-shot-2", "own"), ("one-shot", "modified"), ("cot", "modified")],
)
def test_no_prompt_of_a_task_outside_the_prize_is_called_official(
    variant: str, protocol: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = load_task(ROOT / "tasks/zebra-puzzles")
    lines = [json.dumps(as_item(task, one)) for one in replicate(task, 4, 0)]
    (tmp_path / "items.jsonl").write_text("\n".join(lines) + "\n")
    run_step(tmp_path, monkeypatch, "--task", str(task.folder), "--variants", variant)
    rows = pq.read_table(tmp_path / f"{variant}.parquet").to_pylist()
    assert {row["protocol"] for row in rows} == {protocol}
    assert all(bool(row["modified"]) == (protocol == "modified") for row in rows)


@pytest.mark.parametrize("variant", ["zero-shot", "few-shot-2", "one-shot", "cot"])
def test_every_variant_keeps_classes_answers_and_parts(variant: str) -> None:
    for row, item in zip(build(items(6), variant, OURS, RULE, seed=0), items(6), strict=True):
        assert row["classes"] == list(item.classes)
        assert row["answer_index"] == item.answer_index
        assert row["distractor_index"] == item.distractor_index
        assert row["part"] == row["cluster"] == item.part
        assert row["chain"] == (variant == "cot")


# -- the step ----------------------------------------------------------------------------------


def run_step(folder: Path, monkeypatch: pytest.MonkeyPatch, *words: str) -> None:
    """Run the step on a file of items in a folder."""
    given = ["prompt", "--items", f"{folder}/items.jsonl", "--seed", "0", "--output", str(folder)]
    monkeypatch.setattr("sys.argv", [*given, *words])
    step.main()


def write_items(path: Path, prompts: list[str], classes: str = "[' Y', ' N']") -> None:
    """Write a file of items with these prompts."""
    rows = [{"prompt": text, "classes": classes, "answer_index": 0} for text in prompts]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_a_file_of_prompts_says_how_many_items_did_not_split(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = "Question: a or b?\nAnswer: Y\n" * 10 + "Question: c or d?\nAnswer:"
    other = whole.replace("c or d", "e or f")
    write_items(tmp_path / "items.jsonl", [whole, "Question: g or h?\nAnswer:", other])
    variants = ["--variants", "zero-shot", "inside-1"]
    run_step(tmp_path, monkeypatch, "--task", f"{ROOT}/tasks/hindsight-neglect", *variants)
    assert b"unsplit" not in pq.read_schema(tmp_path / "zero-shot.parquet").metadata
    table = pq.read_table(tmp_path / "inside-1.parquet")
    assert table["item"].to_pylist() == [0, 2]
    told = json.loads(table.schema.metadata[step.UNSPLIT.encode()])
    assert told == {"count": 1, "first": 1, "of": 3}
    (line,) = capsys.readouterr().err.splitlines()
    assert "hindsight-neglect, inside-1: 1 of 3 items do not split" in line
    assert line.endswith("the first of them item 1")


@pytest.mark.parametrize("source", SOURCES)
def test_the_step_shows_the_demonstrations_of_the_source_and_the_label_says_which(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    task = load_task(ROOT / "tasks/neqa")
    (shown, *_) = task.demonstrations(source)
    classes = "[' A', ' B']" if source in ("official", "round-1") else "[' tool', ' gem']"
    write_items(tmp_path / "items.jsonl", ["Which?\nAnswer:"] * 3, classes)
    words = ["--task", str(task.folder), "--source", source, "--variants", "one-shot", "cot"]
    run_step(tmp_path, monkeypatch, *words)
    for variant in ("one-shot", "cot"):
        row = pq.read_table(tmp_path / f"{variant}.parquet").to_pylist()[0]
        assert row["prompt"].startswith(shown.prompt)
        released = "in the form of the released items" in row["modified"]
        assert released == (source in ("official", "round-1"))
        assert row["protocol"] == "modified"
    warned = "' anchovy' is no class of any item" in capsys.readouterr().err
    assert warned == (source in ("replica", "own"))


def test_nothing_is_said_of_demonstrations_where_classes_differ_from_item_to_item() -> None:
    assert misfits(items(3), OURS) == []
    same = [Item("?", (" yes", " no"), 0, None, 0), Item("?", (" no", " yes"), 0, None, 0)]
    assert misfits(same, OURS) == []
    assert misfits(same, [*OURS, Demonstration("?", " So.", " A")]) == [" A"]


# -- few-shot: the prize's protocol ------------------------------------------------------------


@given(n=st.integers(2, 12), data=st.data(), seed=st.integers(0, 99))
def test_few_shot_shows_k_other_items_with_their_right_answers(
    n: int, data: st.DataObject, seed: int
) -> None:
    k = data.draw(st.integers(1, n - 1))
    everything = items(n)
    answered = {solved(item): number for number, item in enumerate(everything)}
    for number, row in enumerate(build(everything, f"few-shot-{k}", OURS, RULE, seed)):
        *shown, question = row["prompt"].split("\n\n\n")
        assert question == everything[number].prompt
        numbers = [answered[text] for text in shown]
        assert len(numbers) == len(set(numbers)) == k
        assert number not in numbers
        assert (row["protocol"], row["modified"]) == ("official", "")


def test_few_shot_draws_every_other_item_equally_often() -> None:
    drawn = Counter(
        build(items(5), "few-shot-2", OURS, RULE, seed)[3]["prompt"].split(SEPARATOR)[place]
        for seed in range(1500)
        for place in (0, 1)
    )
    assert set(drawn) == {solved(item) for number, item in enumerate(items(5)) if number != 3}
    # 3000 draws of four: 750 each, standard deviation 24.
    assert all(abs(count - 750) < 110 for count in drawn.values())


def test_few_shot_is_the_same_for_a_seed_and_differs_for_another() -> None:
    one, again, other = (build(items(20), "few-shot-3", OURS, RULE, seed) for seed in (1, 1, 2))
    assert one == again
    assert one != other


def test_items_show_different_demonstrations() -> None:
    rows = build(items(20), "few-shot-3", OURS, RULE, seed=0)
    assert len({row["prompt"].rsplit(SEPARATOR, 1)[0] for row in rows}) > 15


def twice(n: int) -> list[Item]:
    """Items of which each question stands twice, once with other blanks and classes swapped."""
    return [
        Item(f"Is {i // 2}  odd?\nAnswer:", (" no", " yes"), i // 2 % 2, None, 0)
        if i % 2
        else Item(f"Is {i // 2} odd?\nAnswer:", (" yes", " no"), 1 - i // 2 % 2, None, 0)
        for i in range(n)
    ]


@pytest.mark.parametrize("seed", range(5))
def test_few_shot_shows_no_item_its_own_question(seed: int) -> None:
    for row in build(twice(12), "few-shot-4", [], RULE, seed):
        *before, asked = (" ".join(text.split()) for text in row["prompt"].split(SEPARATOR))
        assert len(before) == 4
        assert not [text for text in before if text.startswith(asked)]


def test_few_shot_compares_neither_prompt_with_itself() -> None:
    """Of log-odds items another item may ask what this one is compared with."""
    pairs = [
        Item(f"Q{i}", (" a", " b"), 0, None, 0, other_prompt=f"Q{(i + 1) % 6}") for i in range(6)
    ]
    for row in build(pairs, "few-shot-3", [], RULE, 0):
        *before, asked = row["other_prompt"].split(SEPARATOR)
        assert f"{asked} a" not in before


def test_the_same_words_with_other_classes_are_another_question() -> None:
    same = [Item("Which is it?", (f" a{i}", f" b{i}"), 0, None, 0) for i in range(4)]
    assert repeated(same) == []
    assert len(build(same, "few-shot-3", [], RULE, 0)) == 4


def test_an_item_that_is_drawn_in_place_of_its_like_changes_no_other_prompt() -> None:
    plain = items(8)
    drawn = [row["prompt"] for row in build(plain, "few-shot-2", [], RULE, 0)]
    doubled = [*plain[:7], plain[0]]
    again = [row["prompt"] for row in build(doubled, "few-shot-2", [], RULE, 0)]
    for number in range(1, 7):
        assert again[number] == drawn[number].replace(solved(plain[7]), solved(plain[0]))


def test_few_shot_needs_enough_other_questions() -> None:
    assert len(build(twice(6), "few-shot-4", [], RULE, 0)) == 6
    with pytest.raises(UserError, match="item 0: only 4 other items ask another question; use"):
        build(twice(6), "few-shot-5", [], RULE, 0)


def test_few_shot_needs_enough_items() -> None:
    assert len(build(items(3), "few-shot-2", OURS, RULE, seed=0)) == 3
    with pytest.raises(UserError, match="'few-shot-3': the task has only 3 items"):
        build(items(3), "few-shot-3", OURS, RULE, seed=0)


# -- ours: modified, and it says what ------------------------------------------------------------


def test_one_shot_shows_our_first_demonstration_and_says_so() -> None:
    for row, item in zip(build(items(3), "one-shot", OURS, RULE, seed=0), items(3), strict=True):
        assert row["prompt"] == f"First? yes\n\n\n{item.prompt}"
        assert row["protocol"] == "modified"
        assert "demonstration" in row["modified"]
        assert "this project" in row["modified"]


def test_cot_shows_all_our_demonstrations_with_their_chains_and_says_so() -> None:
    for row, item in zip(build(items(3), "cot", OURS, RULE, seed=0), items(3), strict=True):
        *shown, question = row["prompt"].split("\n\n\n")
        assert shown == [
            "First?\nThought: It is so. So the answer is yes",
            "Second?\nThought: It is not. So the answer is no",
            "Third?\nThought: It is so again. So the answer is yes",
        ]
        assert question == item.prompt + "\nThought:"
        assert row["protocol"] == "modified"
        assert "3 demonstrations" in row["modified"]
        assert "reasoning" in row["modified"]


def test_only_prompts_with_a_chain_say_how_it_ends() -> None:
    rule = ChainRule(answer_after=" Hence", stop=("\n", " Q:"), tokens=9)
    rows = build(items(2), "cot", OURS, rule, seed=0)
    assert "Thought: It is so. Hence yes" in rows[0]["prompt"]
    told = {(row["answer_after"], tuple(row["stop"]), row["chain_limit"]) for row in rows}
    assert told == {(" Hence", ("\n", " Q:"), 9)}
    assert {row["chain_limit"] for row in build(items(2), "cot", OURS, RULE, seed=0)} == {None}
    for row in build(items(2), "one-shot", OURS, rule, seed=0):
        assert (row["answer_after"], row["stop"], row["chain_limit"]) == (None, None, None)


def test_the_step_writes_every_variant_with_its_protocol(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = tmp_path / "items.jsonl"
    line = '{"prompt": "Question %d:", "classes": "[\' A\', \' B\']", "answer_index": 0}\n'
    table.write_text("".join(line % i for i in range(3)))
    command = f"prompt --task {ROOT}/tasks/neqa --items {table} --seed 0 --output {tmp_path}"
    variants = ["--variants", "zero-shot", "few-shot-2", "one-shot", "cot"]
    monkeypatch.setattr("sys.argv", command.split() + variants)
    step.main()
    protocols = {
        variant: set(pq.read_table(tmp_path / f"{variant}.parquet")["protocol"].to_pylist())
        for variant in variants[1:]
    }
    (rule,) = {
        (row["answer_after"], tuple(row["stop"]), row["chain_limit"])
        for row in pq.read_table(tmp_path / "cot.parquet").to_pylist()
    }
    assert rule == (AFTER, ("\n",), None)
    assert set(pq.read_table(tmp_path / "one-shot.parquet")["stop"].to_pylist()) == {None}
    assert protocols == {
        "zero-shot": {"official"},
        "few-shot-2": {"official"},
        "one-shot": {"modified"},
        "cot": {"modified"},
    }


def test_repeated_items_are_counted_in_the_log_and_in_every_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "items.jsonl"
    line = '{"prompt": "Question %d:", "classes": [" A", " B"], "answer_index": 0}\n'
    for rows, count in (([0, 1, 0, 2, 0], 2), ([0, 1, 2], 0)):
        table.write_text("".join(line % i for i in rows))
        command = f"prompt --task {ROOT}/tasks/neqa --items {table} --seed 0 --output {tmp_path}"
        monkeypatch.setattr("sys.argv", [*command.split(), "--variants", "zero-shot"])
        step.main()
        said = capsys.readouterr().err
        assert ("2 of 5 items repeat the question of an earlier one (rows 3, 5)" in said) == bool(
            count
        )
        metadata = pq.read_schema(tmp_path / "zero-shot.parquet").metadata
        assert metadata[b"duplicates"] == str(count).encode()


# -- extract -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chain", "classes", "found"),
    [
        (" It is so. So the answer is A", [" A", " B"], 0),
        (" So the answer is B\nmore text", [" A", " B"], 1),
        (" So the answer is A. So the answer is B", [" A", " B"], 1),
        (" So the answer is  B .", [" A", " B"], 1),
        (" So the answer is B.", [" A", " B"], 1),
        (" So the answer is", [" A", " B"], None),
        (" So the answer is C", [" A", " B"], None),
        (" The answer: A", [" A", " B"], None),
        ("", [" A", " B"], None),
        # The longest class that fits, whole words and whole numbers only.
        (" So the answer is owns a lamp", [" owns a", " owns a lamp"], 1),
        (" So the answer is 12", [" 1", " 12"], 1),
        (" So the answer is 12", [" 1", " 2"], None),
        (" So the answer is golden", [" gold", " mind"], None),
        (" So the answer is 6.27", [" 6", " 7"], None),
        (" So the answer is 6.", [" 6", " 7"], 0),
        (" So the answer is gold.", [" gold.", " mind."], 0),
        (" So the answer is a", [" A", " B"], None),
    ],
)
def test_extract(chain: str, classes: list[str], found: int | None) -> None:
    assert extract(chain, classes, AFTER) == found


words = st.text(st.characters(categories=("L", "N")), min_size=1, max_size=8)
names = st.lists(words, min_size=2, max_size=5, unique=True).map(
    lambda found: [f" {word}" for word in found]
)


@given(thought=st.text(), classes=names, data=st.data())
def test_extract_finds_the_answer_of_any_worked_text(
    thought: str, classes: list[str], data: st.DataObject
) -> None:
    answer = data.draw(st.integers(0, len(classes) - 1))
    ending = data.draw(st.sampled_from(["", "\n", "\nAnd more", ".", " "]))
    text = worked("Question?", thought, classes[answer], AFTER) + ending
    assert extract(text.split(THOUGHT, 1)[1], classes, AFTER) == answer


@given(chain=st.text(), classes=names)
def test_extract_finds_nothing_without_a_conclusion(chain: str, classes: list[str]) -> None:
    assume(AFTER not in chain)
    assert extract(chain, classes, AFTER) is None


@pytest.mark.parametrize("words", [" Hence", "\nAnswer:", " ####", "(.*)"])
def test_extract_looks_for_the_words_of_the_task(words: str) -> None:
    chain = f" So the answer is A.{words} B"
    assert extract(chain, [" A", " B"], words) == 1
    assert extract(chain, [" A", " B"], AFTER) == 0


@given(before=st.text(), after=st.text(), classes=names)
def test_extract_looks_only_behind_the_last_conclusion(
    before: str, after: str, classes: list[str]
) -> None:
    found = extract(AFTER + after, classes, AFTER)
    assert found == extract(before + AFTER + after, classes, AFTER)
    assert found is None or after.strip().startswith(classes[found].strip())


@given(classes=names, seed=st.integers(0, 99))
def test_extract_does_not_depend_on_the_order_of_the_classes(classes: list[str], seed: int) -> None:
    chain = f"{AFTER}{classes[0]} indeed"
    mixed = random.Random(seed).sample(classes, len(classes))
    found, there = extract(chain, classes, AFTER), extract(chain, mixed, AFTER)
    assert found is not None
    assert there is not None
    assert classes[found] == mixed[there] == classes[0]
