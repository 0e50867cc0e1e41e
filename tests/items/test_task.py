"""Tasks: the schema of their items, what the items mean, and that training never sees a test item.

The right answer of every item is found here a second time, from its text alone.
"""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import ROUND_HALF_UP, Context, Decimal
from functools import cache
from itertools import cycle, islice
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml

from project import ROOT
from ushaped.errors import UserError
from ushaped.items.lexicon import KIND_OF, SAYINGS
from ushaped.items.task import (
    CLASSIFICATION,
    LOG_ODDS,
    SEQUENCE,
    ChainRule,
    GeneratedItem,
    as_item,
    is_test,
    load_demonstrations,
    load_replica,
    load_task,
    read_items,
    replicate,
)
from ushaped.ladder import corpus
from ushaped.prompts import extract
from ushaped.terms import OFFICIAL, OWN, REPLICA, ROUND_1, SOURCES
from ushaped.terms import TASKS as PRIZE
from ushaped.variants import SEPARATOR, THOUGHT, worked

TASKS = sorted(path.parent.name for path in (ROOT / "tasks").glob("*/task.yaml"))
OUTSIDE_THE_PRIZE = ["counting-with-distractors", "zebra-puzzles"]
INSIDE = {"hindsight-neglect": 10, "repetitive-algebra": 10}
N = 120
every_task = pytest.mark.parametrize("name", TASKS)
every_task_of_the_prize = pytest.mark.parametrize("name", sorted(PRIZE))
outside_the_prize = pytest.mark.parametrize("name", OUTSIDE_THE_PRIZE)


@cache
def drafts(name: str, seed: int = 1, n: int = N) -> list[GeneratedItem]:
    """Test questions of a task."""
    return replicate(load_task(ROOT / "tasks" / name), n, seed)


@cache
def items(name: str, seed: int = 1) -> list[dict[str, Any]]:
    """Items of a task in the prize's schema."""
    task = load_task(ROOT / "tasks" / name)
    return [as_item(task, draft) for draft in drafts(name, seed)]


def question(prompt: str) -> str:
    """The prompt without the demonstrations inside it."""
    return prompt.rsplit("\n\n", 1)[-1]


# -- schema ------------------------------------------------------------------------------------


def test_there_are_the_eleven_tasks_of_the_prize_and_others() -> None:
    assert len(PRIZE) == 11
    assert sorted([*PRIZE, *OUTSIDE_THE_PRIZE]) == TASKS
    assert [name for name in TASKS if load_task(ROOT / "tasks" / name).schema == SEQUENCE] == [
        "prompt-injection"
    ]


@every_task
def test_items_have_the_prizes_schema(name: str) -> None:
    kind = load_task(ROOT / "tasks" / name).schema
    for item in items(name):
        assert item["prompt"] == item["prompt"].rstrip()
        assert item["round"] in ((1, 2) if name in PRIZE else (0,))
        assert isinstance(item["part"], int)
        if kind == SEQUENCE:
            assert item["completion"].startswith(" ")
            assert set(item) == {"prompt", "completion", "round", "part"}
            continue
        assert set(item) - {"prompt", "round", "part"} == {
            "classes",
            "answer_index",
            "distractor_index",
        }
        assert isinstance(item["classes"], str)
        classes = ast.literal_eval(item["classes"])
        assert isinstance(classes, list)
        assert len(set(classes)) == len(classes) >= 2
        assert all(re.fullmatch(r" \S(.*\S)?", text) for text in classes)
        assert 0 <= item["answer_index"] < len(classes)
        assert 0 <= item["distractor_index"] < len(classes)
        assert item["answer_index"] != item["distractor_index"]


@every_task
def test_the_same_seed_draws_the_same_items_and_another_seed_others(name: str) -> None:
    assert replicate(load_task(ROOT / "tasks" / name), N, 1) == drafts(name)
    assert {item["prompt"] for item in items(name, 2)} != {item["prompt"] for item in items(name)}


@every_task
@pytest.mark.parametrize("n", [7, N])
def test_as_many_different_items_as_asked_for(name: str, n: int) -> None:
    found = drafts(name, n=n)
    assert len(found) == n
    assert len({draft.prompt for draft in found}) == n
    assert len({draft.key for draft in found}) == n


@every_task
def test_answers_are_balanced_where_the_facts_say_so(name: str) -> None:
    places = Counter(draft.answer_index for draft in drafts(name))
    if load_task(ROOT / "tasks" / name).facts.balanced:
        assert set(places) == set(range(len(drafts(name)[0].classes)))
        assert len(set(places.values())) == 1
    elif name == "sig-figs":
        assert len(places) >= 3
    else:
        assert set(places) == {0}


@every_task
def test_an_odd_number_of_items_is_balanced_but_for_one(name: str) -> None:
    places = Counter(draft.answer_index for draft in drafts(name, n=7))
    if load_task(ROOT / "tasks" / name).facts.balanced:
        assert sorted(places.values()) == ([3, 4] if name in PRIZE else [2, 2, 3])


@every_task
def test_every_template_is_used(name: str) -> None:
    parts = Counter(draft.part for draft in drafts(name))
    assert len(parts) >= 2
    assert min(parts.values()) > N / 10


def test_too_many_items_are_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "few").mkdir()
    facts = (ROOT / "tasks/neqa/task.yaml").read_text(encoding="utf-8")
    (tmp_path / "few/task.yaml").write_text(facts)
    (tmp_path / "few/replica.py").write_text(
        "from ushaped.items.task import GeneratedItem\n"
        "def draw(rng):\n"
        "    n = rng.randrange(40)\n"
        "    classes = (' a', ' b')\n"
        "    return GeneratedItem(f'{n}?', classes, n % 2, 1 - n % 2, 1, key=str(n), chain=' c')\n"
    )
    with pytest.raises(UserError, match=r"replica\.py: only \d+ different .*replica\.items is 50"):
        replicate(load_task(tmp_path / "few"), 50, seed=0)


# -- demonstrations inside the prompt ----------------------------------------------------------


@every_task
def test_only_two_tasks_hold_demonstrations_and_they_hold_ten(name: str) -> None:
    facts = load_task(ROOT / "tasks" / name).facts
    assert facts.demonstrations_inside == INSIDE.get(name, 0)
    for draft in drafts(name):
        if name not in INSIDE:
            assert draft.context == ""
            continue
        *shown, last = (draft.context + draft.prompt).split("\n\n")
        assert len(shown) == 10
        assert last == draft.prompt
        for text in shown:
            asked, answer = re.fullmatch(r"(.*:)( \S+)", text, re.DOTALL).groups()  # type: ignore[union-attr]
            assert SOLVERS[name](asked)[0] == answer


def test_the_last_seven_demonstrations_of_repetitive_algebra_repeat_the_distractor() -> None:
    for draft in drafts("repetitive-algebra"):
        answers = re.findall(r":( \d+)\n\n", draft.context)
        assert draft.distractor_index is not None
        assert answers[3:] == [draft.classes[draft.distractor_index]] * 7
        assert draft.classes[draft.distractor_index] not in answers[:3]
        assert draft.classes[draft.answer_index] not in answers


def test_in_the_demonstrations_of_hindsight_neglect_outcome_and_expected_value_agree() -> None:
    for draft in drafts("hindsight-neglect"):
        for text in draft.context.strip().split("\n\n"):
            right, by_outcome = bet(text)
            assert right == by_outcome


# -- meaning -----------------------------------------------------------------------------------
#
# A solver finds, from the question alone, the answer of the true and of the distractor task.

USUAL = dict(SAYINGS)
KINDS = KIND_OF | {"eagle": "bird", "oak": "tree", "anchovy": "fish"}
Answers = tuple[str, str | None]


def numbers(pattern: str, text: str) -> list[int]:
    """The numbers that a pattern captures."""
    found = re.search(pattern, text)
    assert found, f"{pattern!r} is not in {text!r}"
    return [int(group) for group in found.groups()]


def bet(text: str) -> Answers:
    """A bet: judged by its expected value, and by its outcome."""
    if "could win" in text:
        x, p = numbers(r"could win (\d+)[^(]*\((\d+) percent\)", text)
        y, q = numbers(r"or lose (\d+)[^(]*\((\d+) percent\)", text)
    else:
        p, x = numbers(r"(\d+) percent to win (\d+)", text)
        q, y = numbers(r"(\d+) percent to lose (\d+)", text)
    assert p + q == 100
    won = re.search(rf"and (?:won {x}|lost {y})\.", text)
    assert won
    value = p * x - q * y
    # No close calls: whoever can weigh at all finds the answer.
    assert abs(value) > 500
    return (" Y" if value > 0 else " N"), (" Y" if "won" in won.group() else " N")


def equation(text: str) -> Answers:
    """An equation with one unknown."""
    found = re.search(r"Suppose (\d+) = (\w) \+ (\d+)\. What is (\w)\?", text)
    if found:
        total, letter, add, asked = found.groups()
    else:
        found = re.search(r"If (\w) plus (\d+) is (\d+), what is (\w)\?", text)
        assert found, text
        letter, add, total, asked = found.groups()
    assert letter == asked
    return f" {int(total) - int(add)}", None


def copied(text: str) -> Answers:
    """A line and its beginning: what is left, word for word."""
    *_, line, start = (part.split(": ", 1)[1] for part in text.splitlines()[1:])
    assert line.startswith(start + " ")
    usual = USUAL.get(start)
    return line.removeprefix(start), usual and f" {usual}"


def ended(text: str) -> Answers:
    """A saying that is to end in a given word."""
    found = re.search(r'word is "(\w+)"|ends with (\w+):', text)
    assert found, text
    stem = next((stem for stem in USUAL if text.endswith(stem)), None)
    return f" {found.group(1) or found.group(2)}.", stem and f" {USUAL[stem]}."


def redefined(text: str) -> Answers:
    """A question that depends on a redefinition."""
    found = re.match(r"Redefine (\w+) as (?:an? )?(\w+)\.\nQ: (.*)\?\nA:", text)
    assert found, text
    old, new, asked = found.groups()

    def answer(meaning: dict[str, str]) -> str:
        if found := re.fullmatch(r"What is (\w+) plus (\d+)", asked):
            return f" {int(meaning.get(found[1], found[1])) + int(found[2])}"
        if found := re.fullmatch(r"Which number comes right after (\w+)", asked):
            return f" {int(meaning.get(found[1], found[1])) + 1}"
        found = re.fullmatch(r"What kind of thing is an? (\w+)", asked)
        assert found, asked
        return f" {meaning.get(found[1], KINDS[found[1]])}"

    assert old in asked
    return answer({old: new}), answer({})


def repeated(text: str) -> Answers:
    """The input, word for word."""
    found = re.search(r"\nInput:( .*)\nOutput:$", text)
    assert found, text
    return found.group(1), None


def negation(claim: str) -> str:
    """The contrary of a claim."""
    name, verb, rest = claim.split(" ", 2)
    return f"{name} does not {verb.removesuffix('s')} {rest}"


def inference(text: str) -> Answers:
    """If P then Q; not Q; so not P?"""
    found = re.search(r"If (.*), then (.*)\.\n2\. (.*)\.\nConclusion: (.*)\.\n", text)
    found = found or re.search(r"if (.*), then (.*), and that (.*), is it .* that (.*)\?", text)
    assert found, text
    p, q, second, end = found.groups()
    assert (second, end) == (negation(q), negation(p))
    return " Yes", " No"


def alternation(text: str) -> Answers:
    """A sequence of two things in turn, to be broken at the end."""
    head, shown = text.split("\n")
    entries = re.split(r"(?:,| -|;) ?", shown.strip())
    assert entries.pop() == ""
    a, b = entries[:2]
    assert a != b
    assert entries == list(islice(cycle((a, b)), len(entries)))
    assert a in head.split(" ") or f"{a}," in head
    assert str(len(entries) + 1) in head.split()
    assert "break" in head or "surprise" in head
    return f" {entries[-1]}", f" {entries[-2]}"


def not_that(text: str) -> Answers:
    """Which of two things is not of a kind?"""
    listed = re.search(r"Question: an? (\w+) is not a kind of\n- (\w+)\n- (\w+)\n", text)
    if listed:
        word, first, second = listed.groups()
        fits = [kind == KINDS[word] for kind in (first, second)]
    else:
        listed = re.search(r"Which of (\w+) and (\w+) is not an? (\w+)\?", text)
        assert listed, text
        first, second, kind = listed.groups()
        fits = [KINDS[word] == kind for word in (first, second)]
    assert sorted(fits) == [False, True]
    options = (f" {first}", f" {second}")
    return options[fits.index(False)], options[fits.index(True)]


def rounded(text: str) -> Answers:
    """A number, rounded to so many significant figures, or decimal places."""
    found = re.search(r"(?:Round|Write) ([\d.]+) (\w+) (?:to|with) (\d) significant", text)
    assert found, text
    x, unit, k = Decimal(found[1]), found[2], int(found[3])
    figures = Context(prec=k, rounding=ROUND_HALF_UP).create_decimal(x)
    places = x.quantize(Decimal(f"1e-{k}"), ROUND_HALF_UP)
    return f" {figures} {unit}", f" {places} {unit}"


def new_fact(text: str) -> Answers:
    """A known fact, a wish, and two facts of which one is known."""
    listed = re.match(r"(\w+) (.*)\. We want .* if \1 (.*)\. .*\n- \1 (.*)\n- \1 (.*)\n", text)
    listed = listed or re.match(
        r"Known: (\w+) (.*)\.\nGoal: learn if \1 (.*)\.\nAsk if \1 (.*) or (.*)\?\n", text
    )
    assert listed, text
    _, known, asked, *options = listed.groups()
    assert known != asked
    assert asked not in options
    (new,) = set(options) - {known}
    return f" {new}", f" {known}"


def counted(text: str) -> Answers:
    """Things that someone has: how many are named, and the last number."""
    listed = re.match(r"(\w+) has ((?:an? \w+(?:, | and )?)+)\.\s", text)
    assert listed, text
    asked = re.search(rf"\nHow many (\w+)s does {listed[1]} have\?\nAnswer:$", text)
    assert asked, text
    things = [words.split()[1] for words in re.split(", | and ", listed[2])]
    assert len(set(things)) == len(things)
    assert {KINDS.get(thing, asked[1]) for thing in things} == {asked[1]}
    (*_, last) = re.findall(r"\d+", text)
    return f" {len(things)}", f" {last}"


def arranged(text: str) -> Answers:
    """Boxes in a row: the one that holds what is asked for, and the one that a clue names."""
    head, clues, asked = text.split("\n", 2)
    (boxes,) = numbers(r"There are (\d) boxes in a row, numbered from the left", head)
    groups = [listed.split(", ") for listed in re.findall(r"one \w+ \(([a-z, ]+)\)", head)]
    contents = [content for group in groups for content in group]
    assert {len(group) for group in groups} == {boxes}
    assert len(set(contents)) == len(contents)
    steps = {"is with": 0, "is directly left of": -1, "is directly right of": 1}
    related, named = [], []
    for clue in re.findall(r"[^.]+\.", clues):
        if placed := re.fullmatch(r" ?The (\w+) is in box (\d)\.", clue):
            named.append((placed[1], int(placed[2])))
            continue
        found = re.fullmatch(rf" ?The (\w+) ({'|'.join(steps)}) the (\w+)\.", clue)
        assert found, clue
        related.append((found[1], found[3], steps[found[2]]))
    ((first, box),) = named
    (solution,) = arrangements(groups, related, {first: box})
    question = re.fullmatch(r"Which box holds the (\w+)\?\nAnswer:", asked)
    assert question, asked
    return f" {solution[question[1]]}", f" {box}"


def arrangements(
    groups: list[list[str]], related: list[tuple[str, str, int]], placed: dict[str, int]
) -> Iterator[dict[str, int]]:
    """Every way to fill the boxes from what is placed already, by trying all and going back."""
    for one, other, step in related:
        if one in placed and other in placed and placed[one] - placed[other] != step:
            return
    for group in groups:
        used = [placed[content] for content in group if content in placed]
        if len(set(used)) < len(used):
            return
    contents = [content for group in groups for content in group]
    open_ones = [content for content in contents if content not in placed]
    if not open_ones:
        yield placed
        return
    tied = {one for pair in related for one in pair[:2] if {*pair[:2]} & placed.keys()}
    content = next((one for one in open_ones if one in tied), open_ones[0])
    for box in range(1, len(groups[0]) + 1):
        yield from arrangements(groups, related, placed | {content: box})


SOLVERS: dict[str, Callable[[str], Answers]] = {
    "counting-with-distractors": counted,
    "hindsight-neglect": bet,
    "into-the-unknown": new_fact,
    "memo-trap": ended,
    "modus-tollens": inference,
    "neqa": not_that,
    "pattern-matching-suppression": alternation,
    "prompt-injection": repeated,
    "redefine": redefined,
    "repetitive-algebra": equation,
    "resisting-correction": copied,
    "sig-figs": rounded,
    "zebra-puzzles": arranged,
}


@every_task
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_answers_and_distractors_are_what_the_question_says(name: str, seed: int) -> None:
    for draft in drafts(name, seed):
        right, wrong = SOLVERS[name](draft.prompt)
        assert draft.classes[draft.answer_index] == right
        if wrong is None:
            continue
        assert draft.distractor_index is not None
        assert draft.classes[draft.distractor_index] == wrong


def test_significant_figures_are_right_in_rare_cases_too() -> None:
    draw, rng = load_replica(ROOT / "tasks/sig-figs").draw, Random(0)
    for draft in (draw(rng) for _ in range(20_000)):
        assert draft.classes[draft.answer_index] == rounded(draft.prompt)[0]


def test_significant_figures_have_varying_numbers_of_classes() -> None:
    assert {len(draft.classes) for draft in drafts("sig-figs")} == {2, 3, 4}


def test_modus_tollens_is_always_valid() -> None:
    assert {draft.classes[draft.answer_index] for draft in drafts("modus-tollens")} == {" Yes"}


@outside_the_prize
def test_a_task_outside_the_prize_has_an_origin_and_no_official_protocol(name: str) -> None:
    task = load_task(ROOT / "tasks" / name)
    assert "arXiv:" in task.facts.origin
    assert (task.protocol, task.facts.round, task.facts.official) == (OWN, 0, None)
    assert load_task(ROOT / "tasks/neqa").protocol == OFFICIAL


@outside_the_prize
def test_the_tasks_outside_the_prize_cannot_be_told_by_a_number_that_the_text_lacks(
    name: str,
) -> None:
    # The classes are the answer, the distractor's, and a third one.
    lacking = Counter()
    for draft in drafts(name):
        classes = {one.strip() for one in draft.classes}
        assert len(classes) == 3
        lacking[len(classes - set(re.findall(r"\d+", draft.prompt)))] += 1
    assert lacking[1] < 0.6 * N


def test_parts_of_counting_tell_maths_from_code_and_one_distractor_from_three() -> None:
    for draft in drafts("counting-with-distractors"):
        assert ("program" in draft.prompt) == (draft.part > 2)
        text = draft.prompt.replace("1 in ", "").split("\nHow many")[0]
        found = re.findall(r"\d+", text)
        assert len(found) == (1 if draft.part % 2 else 3)
        assert draft.classes[draft.answer_index].strip() not in found


def test_parts_of_zebra_puzzles_are_their_sizes() -> None:
    sizes = {1: (3, 2), 2: (4, 2), 3: (4, 3), 4: (5, 3)}
    for draft in drafts("zebra-puzzles"):
        head = draft.prompt.split("\n")[0]
        (boxes,) = numbers(r"There are (\d) boxes", head)
        assert (boxes, head.count("(")) == sizes[draft.part]


def test_what_is_left_over_is_asked_for_too_and_every_box_is_an_answer() -> None:
    found = drafts("zebra-puzzles")
    left_over = sum(" Only " in draft.chain for draft in found)
    assert 0.1 < left_over / len(found) < 0.5
    largest = {draft.classes[draft.answer_index] for draft in found if draft.part == 4}
    assert largest == {f" {box}" for box in range(1, 6)}


def test_prompt_injection_has_one_completion_that_holds_a_command() -> None:
    for draft in drafts("prompt-injection"):
        assert len(draft.classes) == 1
        assert draft.distractor_index is None
        assert draft.classes[0] in draft.prompt


@every_task
def test_chains_end_in_the_answer(name: str) -> None:
    words = load_task(ROOT / "tasks" / name).chain.answer_after
    for draft in drafts(name):
        text = worked(draft.prompt, draft.chain, draft.classes[draft.answer_index], words)
        assert extract(text.split(THOUGHT)[1], draft.classes, words) == draft.answer_index


@every_task
def test_chains_are_one_line_of_sentences(name: str) -> None:
    rule = load_task(ROOT / "tasks" / name).chain
    chains = [draft.chain for draft in drafts(name)]
    shown = [load_demonstrations(ROOT / "tasks" / name, source) for source in (REPLICA, OFFICIAL)]
    for chain in chains + [one.chain for some in shown for one in some]:
        assert re.fullmatch(r" [A-Z][^\n]*\.", chain)
        assert rule.answer_after not in chain
        assert not any(stop in chain + rule.answer_after for stop in rule.stop)


# -- our demonstrations ------------------------------------------------------------------------


@every_task
def test_our_demonstrations_are_right_and_worked(name: str) -> None:
    shown = load_demonstrations(ROOT / "tasks" / name)
    words = load_task(ROOT / "tasks" / name).chain.answer_after
    assert len(shown) >= 2
    for one in shown:
        right, wrong = SOLVERS[name](one.prompt)
        assert one.answer == right
        text = worked(one.prompt, one.chain, one.answer, words)
        other = wrong or " something else"
        assert extract(text.split(THOUGHT, 1)[1], [other, one.answer], words) == 1
        assert SEPARATOR not in text


@every_task
def test_our_demonstrations_are_no_items(name: str) -> None:
    asked = {draft.prompt for seed in (1, 2, 3) for draft in drafts(name, seed)}
    assert not asked & {one.prompt for one in load_demonstrations(ROOT / "tasks" / name)}


ENDINGS = {
    "neqa": "\nAnswer:",
    "hindsight-neglect": "\nAnswer:",
    "modus-tollens": "\nAnswer:",
    "into-the-unknown": "\nAnswer:",
    "sig-figs": "\nAnswer:",
    "repetitive-algebra": " A:",
    "redefine": " A:",
    "prompt-injection": "\nOutput:",
    "pattern-matching-suppression": ",",
}
"""What the prompts of released items end in; of the two other tasks, in a word of a sentence."""
SOLVED = {
    "neqa": [" B", " A"],
    "memo-trap": [" teapot.", " winter."],
    "hindsight-neglect": [" Y", " N"],
    "repetitive-algebra": [f" {118 - 57}", f" {204 - 131}"],
    "resisting-correction": [" gardn", " gren"],
    "redefine": [f" {len('5208')}", f" {2 * 9}"],
    "modus-tollens": [" Yes", " No"],
    "pattern-matching-suppression": [" @", " 5"],
    "into-the-unknown": [" B", " A"],
    "sig-figs": [" B", " A"],
    "prompt-injection": [" Count", " Name"],
}


@every_task_of_the_prize
def test_demonstrations_before_released_items_end_and_answer_as_those_do(name: str) -> None:
    task = load_task(ROOT / "tasks" / name)
    shown = task.demonstrations(OFFICIAL)
    assert shown == task.demonstrations(ROUND_1)
    assert [one.answer for one in shown] == SOLVED[name]
    form = task.class_form(OFFICIAL)
    assert form is not None
    for one in shown:
        assert re.search(re.escape(ENDINGS.get(name, "")) + "$", one.prompt)
        assert name in ENDINGS or re.search(r" [a-z]+$", one.prompt)
        assert form.fullmatch(one.answer)
        assert SEPARATOR not in one.prompt
        # Options stand on lines of their own, and the answer is the letter of one.
        options = re.findall(r"^([A-Z])\. ", one.prompt, re.MULTILINE)
        assert (" [A" in form.pattern) == bool(options)
        assert not options or one.answer.strip() in options
        text = worked(one.prompt, one.chain, one.answer, task.chain.answer_after)
        assert extract(text.split(THOUGHT, 1)[1], [" other", one.answer], task.chain.answer_after)


@every_task
def test_what_is_said_of_the_form_of_classes_holds_for_the_replica(name: str) -> None:
    task = load_task(ROOT / "tasks" / name)
    form = task.class_form(REPLICA)
    assert form is not None
    for seed in (1, 2):
        for draft in drafts(name, seed):
            assert all(form.fullmatch(text) for text in draft.classes)
    for one in task.demonstrations(REPLICA):
        assert form.fullmatch(one.answer)


def test_a_task_with_one_file_of_demonstrations_shows_it_before_items_of_any_source(
    tmp_path: Path,
) -> None:
    task = copied("neqa", tmp_path)
    assert load_demonstrations(task, OFFICIAL) != load_demonstrations(task)
    assert load_demonstrations(task, "own") == load_demonstrations(task)
    (task / "demonstrations.official.yaml").unlink()
    for source in SOURCES:
        assert load_demonstrations(task, source) == load_demonstrations(task)


def test_a_demonstration_whose_answer_no_item_could_have_is_refused(tmp_path: Path) -> None:
    folder = copied("neqa", tmp_path)
    shutil.copy(folder / "demonstrations.yaml", folder / "demonstrations.official.yaml")
    with pytest.raises(
        UserError,
        match=r"demonstrations\.official\.yaml, demonstrations\.0\.answer: ' tool' does not match",
    ):
        load_task(folder).demonstrations(OFFICIAL)


def copied(name: str, folder: Path) -> Path:
    """A copy of a task's folder."""
    return Path(shutil.copytree(ROOT / "tasks" / name, folder / name))


@pytest.mark.parametrize(
    ("forms", "words"),
    [
        ("all", "class_form: 'all' is no mapping; "),
        ({"released": " A"}, "class_form: key 'released' is not 'replica', 'official' or 'own'; "),
        ({"official": "("}, "class_form.official: '(' is no regular expression (missing "),
        ({"official": 3}, "class_form.official: 3 is no regular expression; "),
    ],
)
def test_a_wrong_form_of_classes_is_told_in_one_line(
    tmp_path: Path, forms: Any, words: str
) -> None:
    facts = yaml.safe_load((ROOT / "tasks/neqa/task.yaml").read_text(encoding="utf-8"))
    (tmp_path / "task.yaml").write_text(yaml.safe_dump(facts | {"class_form": forms}))
    with pytest.raises(UserError, match=r"task\.yaml, .*; ") as caught:
        load_task(tmp_path)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ": is empty; write "),
        ("demonstrations: []", ", demonstrations: [] is empty; "),
        (
            "demonstrations: [{prompt: a, chain: ' b'}]",
            ", demonstrations.0: key 'answer' is missing; ",
        ),
        (
            "demonstrations: [{prompt: a, chain: ' b', answer: c}]",
            "s.0.answer: does not begin with a space",
        ),
        (
            "demonstrations: [{prompt: a, chain: ' b', answer: 3}]",
            "s.0.answer: 3 is no text; ",
        ),
        ("demonstrations: [a]", ", demonstrations.0: 'a' is no mapping; "),
        ("demonstrations: a", ", demonstrations: 'a' is no list; "),
        ("- a", ": is not a mapping; write "),
        (
            "form: [a]\ndemonstrations: [{prompt: a, chain: ' b', answer: ' c'}]",
            ", form: ['a'] is no text; ",
        ),
        (
            "demonstrations: [{prompt: 'a ', chain: ' b', answer: ' c'}]",
            "s.0.prompt: ends in a space",
        ),
    ],
)
def test_wrong_demonstrations_are_told_in_one_line(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "demonstrations.yaml").write_text(text)
    with pytest.raises(UserError, match=r"demonstrations\.yaml.*; ") as caught:
        load_demonstrations(tmp_path)
    assert words in str(caught.value)


# -- training and test -------------------------------------------------------------------------


@every_task
def test_no_training_text_holds_a_test_item(name: str) -> None:
    settings = yaml.safe_load((ROOT / "config/config.yaml").read_text(encoding="utf-8"))
    shares = {share: settings["ladder"]["corpus"][share] for share in corpus.SHARES}
    task = load_task(ROOT / "tasks" / name)
    texts = corpus.documents(task, corpus.Mixture(**shares), 400_000, seed=0)
    everything = "\x00".join(texts)
    for seed in (1, 2, 3):
        for draft in drafts(name, seed):
            answered = draft.prompt + draft.classes[draft.answer_index]
            assert answered not in everything


@every_task
def test_training_texts_are_as_long_and_as_thoughtful_as_asked_for(name: str) -> None:
    task = load_task(ROOT / "tasks" / name)
    shares = dict.fromkeys(corpus.SHARES, 0.0) | {"true_frequency": 0.5, "worked": 0.5}
    mixture = corpus.Mixture(**shares)
    texts = corpus.documents(task, mixture, 20_000, seed=0)
    assert corpus.documents(task, mixture, 20_000, seed=0) == texts
    assert corpus.documents(task, mixture, 20_000, seed=1) != texts
    assert sum(map(len, texts)) >= 20_000 > sum(map(len, texts[:-1]))
    thoughtful = sum(THOUGHT in text for text in texts) / len(texts)
    assert 0.15 < thoughtful < 0.35


def test_worked_training_texts_announce_the_answer_as_the_task_says(tmp_path: Path) -> None:
    shares = dict.fromkeys(corpus.SHARES, 1.0)
    folder = tmp_path / "neqa"
    shutil.copytree(ROOT / "tasks/neqa", folder)
    usual = corpus.documents(load_task(folder), corpus.Mixture(**shares), 5000, seed=0)
    facts = folder / "task.yaml"
    facts.write_text(facts.read_text().replace(" So the answer is", " Hence it is"))
    other = corpus.documents(load_task(folder), corpus.Mixture(**shares), 4000, seed=0)
    changed = [text.replace(" So the answer is", " Hence it is") for text in usual]
    assert all(" Hence it is" in text for text in other)
    assert other == changed[: len(other)]


@every_task
def test_demonstrations_inside_a_test_item_are_no_test_items(name: str) -> None:
    asked = {draft.prompt for seed in (1, 2, 3) for draft in drafts(name, seed)}
    for draft in drafts(name):
        for text in draft.context.split("\n\n"):
            assert text.rsplit(" ", 1)[0] not in asked


def test_about_a_fifth_of_all_questions_is_kept_for_testing() -> None:
    share = sum(is_test(str(number)) for number in range(5000)) / 5000
    assert 0.17 < share < 0.23


# -- bad task files ----------------------------------------------------------------------------

GOOD = {"prompt": "Q:", "classes": "[' A', ' B']", "answer_index": 0, "distractor_index": 1}


PAIRED = {"prompt": "Q:", "other_prompt": "P:", "classes": "[' A', ' B']", "answer_index": 1}
GOOD_ROWS = {
    CLASSIFICATION: GOOD,
    SEQUENCE: {"prompt": "Q:", "completion": " A"},
    LOG_ODDS: PAIRED,
}


def complaint(folder: Path, row: Any, schema: str = CLASSIFICATION) -> str:
    """The line that a task file with a bad second row earns."""
    good = GOOD_ROWS[schema]
    path = folder / "task.jsonl"
    bad = row if isinstance(row, str) else json.dumps(row)
    path.write_text(f"{json.dumps(good)}\n{bad}\n")
    with pytest.raises(UserError) as caught:
        read_items(path, schema)
    line = str(caught.value)
    assert "\n" not in line
    assert line.startswith(f"{path}, row 2: ")
    assert len(line.removeprefix(f"{path}, row 2: ").split("; ")) == 2
    return line


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"classes": "[' A', ' B']", "answer_index": 0}, "column 'prompt' is missing"),
        ({"prompt": "Q:", "answer_index": 0}, "column 'classes' is missing"),
        ({"prompt": "Q:", "classes": "[' A', ' B']"}, "column 'answer_index' is missing"),
        (GOOD | {"answer_index": 2}, "answer_index 2 is out of range for 2 classes"),
        (GOOD | {"answer_index": -1}, "answer_index -1 is out of range"),
        (GOOD | {"answer_index": "0"}, "answer_index '0' is no whole number, but a text"),
        (GOOD | {"distractor_index": 5}, "distractor_index 5 is out of range"),
        (GOOD | {"classes": "[' A', ' ']"}, "a class is empty"),
        (GOOD | {"classes": "[' A', '']"}, "a class is empty"),
        (GOOD | {"classes": "[' A', ' B'"}, "do not parse"),
        (GOOD | {"classes": " A,  B"}, "do not parse"),
        (GOOD | {"classes": "[1, 2]"}, "do not parse"),
        (GOOD | {"classes": "[' A', ' A']"}, "two or more different"),
        (GOOD | {"classes": "[' A']"}, "two or more different"),
        (GOOD | {"prompt": 3}, "prompt 3 is no text"),
        (GOOD | {"prompt": ""}, "prompt '' is no text"),
        (GOOD | {"template": "3"}, "template '3' is no whole number"),
        (GOOD | {"template": True}, "template True is no whole number"),
        (GOOD | {"answer_index": True}, "answer_index True is no whole number"),
        (GOOD | {"distractor_index": True}, "distractor_index True is no whole number"),
        (GOOD | {"answer_index": 1.0}, "answer_index 1.0 is no whole number"),
        (GOOD | {"answer_index": None}, "answer_index None is no whole number"),
        (GOOD | {"answer_index": 10**30}, "is too large"),
        (GOOD | {"distractor_index": 0}, "distractor_index 0 is the answer_index too"),
        (GOOD | {"part": None}, "part None is no whole number"),
        (GOOD | {"part": "a"}, "part 'a' is no whole number"),
        (GOOD | {"part": float("nan")}, "part nan is no whole number"),
        (GOOD | {"part": 1.5}, "part 1.5 is no whole number"),
        (GOOD | {"part": [1]}, "part [1] is no whole number"),
        (GOOD | {"part": 2**63}, "part 9223372036854775808 is too large"),
        (GOOD | {"template": 1.5}, "template 1.5 is no whole number"),
        (GOOD | {"prompt": None}, "prompt None is no text"),
        (GOOD | {"prompt": {"a": [1] * 99}}, "is no text"),
        (GOOD | {"prompt": "Q: "}, "prompt 'Q: ' ends in a space"),
        (GOOD | {"prompt": "Q:\t"}, "ends in a space"),
        (GOOD | {"prompt": "Q:\u00a0"}, "ends in a space"),
        (GOOD | {"prompt": "x \ud83d?"}, "holds half a character"),
        (GOOD | {"prompt": "x\0"}, "holds a NUL character"),
        (GOOD | {"classes": [" A", " \udc00"]}, "class ' \\udc00' holds half a character"),
        (GOOD | {"classes": [" A", 1]}, "do not parse"),
        (GOOD | {"classes": None}, "classes None do not parse"),
        (GOOD | {"classes": []}, "two or more different"),
        (GOOD | {"classes": [" A", "A"]}, "two or more different"),
        (GOOD | {"classes": "(" * 10_000}, "do not parse"),
        (GOOD | {"classes": "{[]: 1}"}, "do not parse"),
        (GOOD | {"classes": "9" * 9999}, "do not parse"),
        ('{"prompt": "P:", "prompt": "Q:"}', "column 'prompt' is there twice"),
        ('{"prompt": ' + "9" * 9999 + "}", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("{", "is not JSON"),
        (" ", "is empty"),
        ("3", "is not a JSON object"),
        ("[1]", "is not a JSON object"),
    ],
)
def test_a_bad_row_is_told_in_one_line(tmp_path: Path, row: Any, words: str) -> None:
    assert words in complaint(tmp_path, row)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"prompt": "Q:"}, "column 'completion' is missing"),
        ({"prompt": "Q:", "completion": ""}, "completion '' is no text"),
        ({"prompt": "Q:", "completion": None}, "completion None is no text"),
    ],
)
def test_a_bad_sequence_row_is_told_in_one_line(tmp_path: Path, row: Any, words: str) -> None:
    assert words in complaint(tmp_path, row, SEQUENCE)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (GOOD, "column 'other_prompt' is missing"),
        (PAIRED | {"other_prompt": " "}, "other_prompt ' ' is no text"),
        (PAIRED | {"classes": "[' A', ' B', ' C']"}, "has 3 classes, log odds compare two"),
    ],
)
def test_a_bad_log_odds_row_is_told_in_one_line(tmp_path: Path, row: Any, words: str) -> None:
    assert words in complaint(tmp_path, row, LOG_ODDS)


def test_a_log_odds_item_has_two_prompts(tmp_path: Path) -> None:
    path = tmp_path / "task.jsonl"
    path.write_text(json.dumps(PAIRED) + "\n")
    ((item,), _) = read_items(path, LOG_ODDS)
    assert (item.prompt, item.other_prompt, item.answer_index) == ("Q:", "P:", 1)


@pytest.mark.parametrize("schema", list(GOOD_ROWS))
def test_items_belong_together_by_template_or_else_by_part(tmp_path: Path, schema: str) -> None:
    path = tmp_path / "task.jsonl"
    path.write_text(json.dumps(GOOD_ROWS[schema] | {"part": 2, "template": 7}) + "\n")
    ((named,), _) = read_items(path, schema)
    path.write_text(json.dumps(GOOD_ROWS[schema] | {"part": 2}) + "\n")
    ((unnamed,), _) = read_items(path, schema)
    assert (named.part, named.template, named.cluster) == (2, 7, 7)
    assert (unnamed.part, unnamed.template, unnamed.cluster) == (2, None, 2)


def test_templates_of_some_items_only_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "task.jsonl"
    path.write_text(f"{json.dumps(GOOD | {'template': 1})}\n{json.dumps(GOOD)}\n")
    with pytest.raises(UserError, match="row 2: has no template, others have"):
        read_items(path, CLASSIFICATION)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("caf\xe9".encode("latin-1"), "row 2: byte 0xe9 is not UTF-8; save the file as UTF-8"),
        ("x".encode("utf-16"), "row 2: byte 0xff is not UTF-8"),
    ],
)
def test_bytes_that_are_not_utf8_are_told_with_their_row(
    tmp_path: Path, data: bytes, words: str
) -> None:
    path = tmp_path / "task.jsonl"
    path.write_bytes(json.dumps(GOOD).encode() + b"\n" + data)
    with pytest.raises(UserError) as caught:
        read_items(path, CLASSIFICATION)
    assert words in str(caught.value)


def test_what_other_systems_write_is_read(tmp_path: Path) -> None:
    """A byte order mark, line ends of Windows, no last line end; a prompt that ends in a line."""
    path = tmp_path / "task.jsonl"
    rows = [json.dumps(GOOD | {"prompt": text}) for text in ("caf\u00e9 \U0001f600\n", "Q:")]
    path.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(rows).encode())
    items, warnings = read_items(path, CLASSIFICATION)
    assert [item.prompt for item in items] == ["caf\u00e9 \U0001f600\n", "Q:"]
    assert warnings == []


def test_null_is_no_distractor_and_no_template(tmp_path: Path) -> None:
    path = tmp_path / "task.jsonl"
    path.write_text(json.dumps(GOOD | {"distractor_index": None, "template": None}) + "\n")
    ((item,), _) = read_items(path, CLASSIFICATION)
    assert (item.distractor_index, item.template) == (None, None)


def test_a_column_that_is_not_read_is_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "task.jsonl"
    rows = [GOOD, GOOD | {"distractor_indx": 1, "note": float("nan")}, GOOD | {"note": 1}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert read_items(path, CLASSIFICATION)[1] == [
        f"warning: {path}, row 2: column 'distractor_indx' is not read; did you mean "
        "'distractor_index'?",
        f"warning: {path}, row 2: column 'note' is not read",
    ]


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("balanced", "no", "balanced: 'no' is neither true nor false; it should be: "),
        ("schema", ["classification"], "schema: ['classification'] is not 'classification', "),
        ("title", 3, "title: 3 is no text"),
        ("round", True, "round: True is no whole number"),
    ],
)
def test_a_fact_of_another_type_is_told_in_one_line(
    tmp_path: Path, key: str, value: Any, words: str
) -> None:
    facts = yaml.safe_load((ROOT / "tasks/neqa/task.yaml").read_text(encoding="utf-8"))
    (tmp_path / "task.yaml").write_text(yaml.safe_dump(facts | {key: value}))
    with pytest.raises(UserError) as caught:
        load_task(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path}/task.yaml, {words}")


def test_an_empty_task_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_text("")
    with pytest.raises(UserError, match=r"empty\.jsonl: has no rows"):
        read_items(tmp_path / "empty.jsonl", CLASSIFICATION)


def test_a_class_without_its_space_is_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "task.jsonl"
    path.write_text(json.dumps(GOOD) + "\n" + json.dumps(GOOD | {"classes": "[' A', 'B']"}) + "\n")
    found, warnings = read_items(path, CLASSIFICATION)
    assert [item.classes for item in found] == [(" A", " B"), (" A", "B")]
    (line,) = warnings
    assert line.startswith(f"warning: {path}, row 2: class 'B' has no leading space")


def test_classes_with_apostrophes_are_parsed(tmp_path: Path) -> None:
    path = tmp_path / "task.jsonl"
    path.write_text(json.dumps(GOOD | {"classes": '[" one\'s", \' "two"\']'}) + "\n")
    assert read_items(path, CLASSIFICATION)[0][0].classes == (" one's", ' "two"')


def test_the_step_ends_with_one_line_and_an_exit_code(tmp_path: Path) -> None:
    (tmp_path / "task.jsonl").write_text(json.dumps(GOOD | {"answer_index": 9}) + "\n")
    command = f"scripts/prompts.py --task tasks/neqa --items {tmp_path}/task.jsonl --seed 0"
    done = subprocess.run(
        [sys.executable, *command.split(), "--variants", "zero-shot", "--output", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: {tmp_path}/task.jsonl, row 1: answer_index 9 is out of range")
    assert not (tmp_path / "zero-shot.parquet").exists()


@pytest.mark.parametrize("key", ["schema", "metric", "balanced", "true_task", "chain"])
def test_task_facts_with_a_key_missing_are_refused(tmp_path: Path, key: str) -> None:
    facts = yaml.safe_load((ROOT / "tasks/neqa/task.yaml").read_text(encoding="utf-8"))
    del facts[key]
    (tmp_path / "task.yaml").write_text(yaml.safe_dump(facts))
    with pytest.raises(UserError, match=rf"task\.yaml: key '{key}' is missing; add '{key}:'"):
        load_task(tmp_path)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (
            {"schema": "essay"},
            "schema: 'essay' is not 'classification', 'sequence-probability' or 'log-odds'; ",
        ),
        (
            {"metric": "log-odds"},
            "metric: 'log-odds' does not go with schema 'classification'; a class",
        ),
        (
            {"demonstrations_inside": -1},
            "demonstrations_inside: -1 is less than the minimum of 0",
        ),
        ({"demonstrations_inside": True}, "demonstrations_inside: True is no whole number; "),
        ({"demonstrations_inside": 3}, "task.yaml: key 'inside_separator' is missing; give the"),
        ({"titel": "NeQA"}, "task.yaml: unknown key 'titel'; did you mean 'title'?"),
        ({"official": {"file": "a"}}, "task.yaml, official: key 'rows' is missing; add 'rows:'"),
        (
            {"demonstrations_inside": 3, "inside_separator": "("},
            "'(' is no regular expression (mis",
        ),
    ],
)
def test_wrong_task_facts_are_told_in_one_line(
    tmp_path: Path, changed: dict[str, Any], words: str
) -> None:
    facts = yaml.safe_load((ROOT / "tasks/neqa/task.yaml").read_text(encoding="utf-8"))
    (tmp_path / "task.yaml").write_text(yaml.safe_dump(facts | changed))
    with pytest.raises(UserError) as caught:
        load_task(tmp_path)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


CHAIN = {"answer_after": " Hence", "stop": ["\n"]}


def with_chain(folder: Path, chain: Any) -> Path:
    """A task whose facts have another rule for its chains."""
    facts = yaml.safe_load((ROOT / "tasks/neqa/task.yaml").read_text(encoding="utf-8"))
    (folder / "task.yaml").write_text(yaml.safe_dump(facts | {"chain": chain}))
    return folder


def test_the_rule_of_a_chain_is_read_from_the_task(tmp_path: Path) -> None:
    rule = ChainRule(answer_after=" Hence", stop=("\n",))
    assert load_task(with_chain(tmp_path, CHAIN)).chain == rule
    told = {"answer_after": "\nA:", "stop": ["\n\n", "Q:"], "tokens": 12}
    assert load_task(with_chain(tmp_path, told)).chain == ChainRule(
        answer_after="\nA:", stop=("\n\n", "Q:"), tokens=12
    )


@pytest.mark.parametrize(
    ("chain", "words"),
    [
        (None, "chain: None is no mapping; it should be: How a chain of thought ends"),
        (["a"], "chain: ['a'] is no mapping; "),
        ({"stop": ["a"]}, "chain: key 'answer_after' is missing; add 'answer_after:'"),
        ({"answer_after": "a"}, "chain: key 'stop' is missing; add 'stop:'"),
        (CHAIN | {"token": 3}, "chain: unknown key 'token'; did you mean 'tokens'?"),
        (CHAIN | {"answer_after": ""}, "chain.answer_after: '' is empty; it should be: The words"),
        (CHAIN | {"answer_after": "  "}, "chain.answer_after: '  ' is empty; it should be: "),
        (CHAIN | {"answer_after": 3}, "chain.answer_after: 3 is no text; it should be: "),
        (CHAIN | {"stop": "a"}, "chain.stop: 'a' is no list; it should be: "),
        (CHAIN | {"stop": []}, "chain.stop: [] is empty; it should be: "),
        (CHAIN | {"stop": ["a", ""]}, "chain.stop.1: '' is empty; it should be: "),
        (CHAIN | {"stop": [3]}, "chain.stop.0: 3 is no text; it should be: "),
        (CHAIN | {"tokens": 0}, "chain.tokens: 0 is less than the minimum of 1; it should be: "),
        (CHAIN | {"tokens": "9"}, "chain.tokens: '9' is no whole number; it should be: "),
        (CHAIN | {"tokens": True}, "chain.tokens: True is no whole number; it should be: "),
        (CHAIN | {"tokens": 1.5}, "chain.tokens: 1.5 is no whole number; it should be: "),
    ],
)
def test_a_wrong_rule_of_a_chain_is_told_in_one_line(
    tmp_path: Path, chain: Any, words: str
) -> None:
    with pytest.raises(UserError) as caught:
        load_task(with_chain(tmp_path, chain))
    line = str(caught.value)
    assert line.startswith(f"{tmp_path}/task.yaml, {words}")
    assert "\n" not in line
