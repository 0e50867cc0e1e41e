"""Tasks: their facts, their items, and the replicas that this project generates.

An item follows the schema of the Inverse Scaling Prize's released files (McKenzie et al. 2023,
arXiv:2306.09479): classification tasks have ``prompt, classes, answer_index, round, part``, where
``classes`` is the *text* of a Python list; sequence-probability tasks have ``prompt, completion,
round, part``; log-odds tasks have the columns of classification and ``other_prompt``, a second
prompt that the first is compared with. A replica adds ``distractor_index``. A task of a user's own
may add ``template``, a whole number: items of one template stand or fall together.
"""

from __future__ import annotations

import ast
import difflib
import hashlib
import importlib.util
import io
import json
import random
import re
import reprlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, Tag, model_validator

from ushaped import yaml_files
from ushaped.errors import UserError
from ushaped.items.own_facts import OwnItems
from ushaped.sources import base_of
from ushaped.terms import OFFICIAL, OWN, REPLICA, ROUND_1
from ushaped.validation import (
    NUMBER_OR_WORD,
    Count,
    InvalidError,
    Model,
    Text,
    Unknown,
    setting,
    validate,
)

CLASSIFICATION = "classification"
SEQUENCE = "sequence-probability"
LOG_ODDS = "log-odds"
COLUMNS = {
    CLASSIFICATION: ("prompt", "classes", "answer_index"),
    SEQUENCE: ("prompt", "completion"),
    LOG_ODDS: ("prompt", "other_prompt", "classes", "answer_index"),
}
# The metrics that may judge a task, by its schema.
METRICS = {
    CLASSIFICATION: ("accuracy",),
    SEQUENCE: ("sequence-loss",),
    LOG_ODDS: ("log-odds", "absolute-log-odds"),
}

# One item in five is kept for testing: enough left on both sides for tasks with few combinations.
TEST_BYTES = 51


@dataclass(frozen=True)
class GeneratedItem:
    """One generated question, before it is written as an item.

    Attributes
    ----------
    prompt : str
        The question; no trailing space.
    classes : tuple of str
        Candidate answers, each with its leading space; for sequence tasks the one completion.
    answer_index, distractor_index : int or None
        Positions of the true and of the distractor task's answer.
    part : int
        Which template made it.
    key : str
        Equal for items that ask the same question; decides between training and test.
    chain : str
        Reasoning from the question to the answer, with its leading space.
    context : str
        Demonstrations inside the prompt, before the question (two of the tasks have ten).
    other_prompt : str
        Of log-odds tasks, the question that this one is compared with.
    """

    prompt: str
    classes: tuple[str, ...]
    answer_index: int
    distractor_index: int | None
    part: int
    key: str
    chain: str
    context: str = ""
    other_prompt: str = ""


@dataclass(frozen=True)
class Demonstration:
    """A solved question of ours: prompt, reasoning, answer, and the form of its file."""

    prompt: str
    chain: str
    answer: str
    form: str = ""


class SolvedQuestion(Model):
    """A solved question."""

    prompt: Text = setting(
        "A question, in double quotes or a block |-, without a space at its end."
    )
    chain: Text = setting('Reasoning, in double quotes and with a leading space, as in " It is."')
    answer: Text = setting('An answer, in double quotes and with a leading space, as in " B".')

    @model_validator(mode="after")
    def _check(self) -> SolvedQuestion:
        for key in ("chain", "answer"):
            if not getattr(self, key).startswith(" "):
                do = f'write it in double quotes, as in {key}: " B"'
                raise InvalidError("does not begin with a space", do, key)
        if self.prompt != self.prompt.rstrip():
            do = "write it without: the answer begins with a space; a block begins with |-"
            raise InvalidError("ends in a space or a line break", do, "prompt")
        return self


class Demonstrations(Model):
    """Demonstrations of this project for the items of a task."""

    form: str = setting("What the questions look like; part of the protocol's label.", "")
    demonstrations: list[SolvedQuestion] = setting(
        "Solved questions, in the order in which prompts show them.", min_length=1
    )


class ChainRule(Model):
    """How a chain of thought ends, and where its answer is."""

    answer_after: Text = setting("The words that announce the answer.")
    stop: Annotated[
        tuple[Annotated[str, Field(min_length=1)], ...], Field(strict=False, min_length=1)
    ] = setting(r'Texts that end a chain, in a list, as in ["\n"].')
    tokens: Count | None = setting(
        "Most tokens of a chain; left out, the chain_tokens of family or configuration.", None
    )


class AnswerRule(Model):
    """How a class is read from an answer that a model wrote; see `ushaped.answers.extract`."""

    announced_by: Annotated[tuple[Text, ...], Field(strict=False)] = setting(
        "Further words that announce an answer, in a list, beside chain.answer_after.", ()
    )
    aliases: dict[Text, str] = setting(
        "Other ways to write a class, each with the class as the items have it, as in "
        "valid: ' Yes'.",
        {},
        json_schema_extra={"additionalProperties": False},
    )


class ItemsFile(Model):
    """A file of items; the text unknown stands for what was never published."""

    file: Text = setting("Name of the file.")
    rows: Annotated[Annotated[Count, Tag("number")] | Unknown, NUMBER_OR_WORD] = setting(
        "Number of items, a line each, as `wc -l` counts them."
    )
    bytes: Annotated[Annotated[Count, Tag("number")] | Unknown, NUMBER_OR_WORD] = setting(
        "Length in bytes, as `wc -c` counts them."
    )
    sha256: str = setting(
        "The 64 digits of `sha256sum`, or the text unknown.", pattern="^([0-9a-f]{64}|unknown)$"
    )


def _compile(pattern: Any) -> Any:
    try:
        return re.compile(pattern) if isinstance(pattern, str) else pattern
    except re.error as error:
        what = f"{pattern!r} is no regular expression ({error})"
        raise InvalidError(what, "write one, as in '\\n\\n'") from None


Pattern = Annotated[re.Pattern[str], BeforeValidator(_compile)]


class TaskFile(Model):
    """What is known of a task (``task.yaml``)."""

    title: Text = setting("Name of the task, as pages and figures show it.")
    round: int = setting("Round of the Inverse Scaling Prize; left out for other tasks.", 0, ge=0)
    # BaseModel has an attribute of the shorter name.
    item_schema: Literal["classification", "sequence-probability", "log-odds"] = setting(
        "Which columns the items have.", alias="schema"
    )
    metric: Literal["accuracy", "sequence-loss", "log-odds", "absolute-log-odds"] = setting(
        "What judges the task."
    )
    balanced: bool = setting("Whether the replica makes every answer index right equally often.")
    origin: Text = setting(
        "Paper whose task this one puts in other words, as in Gema et al. 2025, arXiv:2507.14417; "
        "left out for the prize's tasks and for those without an original.",
        "",
    )
    true_task: Text = setting("What the prompt asks for, in the imperative.")
    distractor_task: Text = setting("What a model may do instead, in the imperative.")
    chain: ChainRule
    answer: AnswerRule = setting(
        "How a class is read from an answer that a model wrote.", AnswerRule()
    )
    demonstrations_inside: int = setting("Number of solved questions inside every prompt.", 0, ge=0)
    inside_separator: Pattern = setting(
        "Regular expression of the text between two solved questions, as in '\\n\\n'.", None
    )
    inside_opening: Pattern = setting(
        "Regular expression of the text before the first solved question.", None
    )
    class_form: dict[Literal["replica", "official", "own"], Pattern] = setting(
        "Regular expressions that match every class in full, by replica, official or own.", {}
    )
    official: ItemsFile = setting("The released file.", None)
    round1: ItemsFile = setting("The file of the prize's first round.", None)
    own: OwnItems = setting("A user's own items.", None)

    @model_validator(mode="after")
    def _check(self) -> TaskFile:
        if self.metric not in METRICS[self.item_schema]:
            do = f"a {self.item_schema} task is judged by {' or '.join(METRICS[self.item_schema])}"
            what = f"'{self.metric}' does not go with schema '{self.item_schema}'"
            raise InvalidError(what, do, "metric")
        if self.demonstrations_inside and not self.inside_separator:
            do = "give the regular expression that matches the text between two questions"
            raise InvalidError("key 'inside_separator' is missing", do)
        return self


@dataclass(frozen=True)
class EmbeddedDemonstrations:
    """The solved questions inside every prompt of a task.

    Attributes
    ----------
    count : int
    separator : re.Pattern
        Of the text between one question and the next.
    opening : re.Pattern or None
        Of the text that may precede the first question and belongs to all of them.
    """

    count: int
    separator: re.Pattern[str]
    opening: re.Pattern[str] | None = None


@dataclass(frozen=True)
class Task:
    """A task: its name, its folder, and its ``task.yaml``."""

    name: str
    folder: Path
    facts: TaskFile

    @property
    def schema(self) -> str:
        """``classification``, ``sequence-probability`` or ``log-odds``."""
        return self.facts.item_schema

    @property
    def metric(self) -> str:
        """What judges the task: one of `METRICS` of its schema."""
        return self.facts.metric

    @property
    def is_new(self) -> bool:
        """Whether no original of it exists, neither the prize's nor in a paper."""
        return not (self.facts.round or self.facts.origin)

    @property
    def protocol(self) -> str:
        """That of a prompt which nothing modifies: ``official``, or ``own`` outside the prize."""
        return OFFICIAL if self.facts.round else OWN

    @property
    def chain(self) -> ChainRule:
        """How a chain of thought ends, and where its answer is."""
        return self.facts.chain

    @property
    def answer(self) -> AnswerRule:
        """How a class is read from an answer that a model wrote."""
        return self.facts.answer

    @property
    def inside(self) -> EmbeddedDemonstrations | None:
        """The solved questions inside every prompt; None if there are none."""
        facts = self.facts
        count, opening = facts.demonstrations_inside, facts.inside_opening
        return EmbeddedDemonstrations(count, facts.inside_separator, opening) if count else None

    @property
    def has_replica(self) -> bool:
        """Whether its folder holds a generator of items and of training text."""
        return (self.folder / "replica.py").exists()

    def items_file(self, source: str) -> ItemsFile | None:
        """The released file of a source; None for others, and if ``task.yaml`` names none."""
        return {OFFICIAL: self.facts.official, ROUND_1: self.facts.round1}.get(base_of(source))

    def class_form(self, source: str) -> re.Pattern[str] | None:
        """The pattern of every class of the items of a source; None if ``task.yaml`` has none.

        Items of ``round-1`` have the form of ``official`` ones.
        """
        forms: Mapping[Any, re.Pattern[str]] = self.facts.class_form
        return forms.get(_layout(source))

    def demonstrations(self, source: str) -> list[Demonstration]:
        """Our demonstrations for the items of a source; see `load_demonstrations`."""
        return load_demonstrations(self.folder, source, self.class_form(source))


def load_task(folder: str | Path) -> Task:
    """Read ``task.yaml`` of a task folder.

    Raises
    ------
    UserError
        If there is no such folder, or naming the first wrong key.
    """
    folder = Path(folder)
    path = folder / "task.yaml"
    if not path.exists():
        do = "name a task that has a folder under tasks/ or in one of task_folders"
        raise UserError(str(path), "no such file", do)
    return Task(folder.name, folder, validate(TaskFile, yaml_files.read_mapping(path), str(path)))


def find_task(name: str, folders: Sequence[Path]) -> Path:
    """The folder of a task, in the first of some folders of tasks that has it."""
    places = [folder / name for folder in folders]
    return next((place for place in places if (place / "task.yaml").exists()), places[0])


def demonstrations_file(folder: str | Path, source: str) -> Path:
    """Where our demonstrations for the items of a source stand.

    Released items are laid out otherwise than replicas, so a task may have a file for them; without
    one, and for all other items, it is ``demonstrations.yaml``.
    """
    special = Path(folder) / f"demonstrations.{_layout(source)}.yaml"
    return special if special.exists() else Path(folder) / "demonstrations.yaml"


def _layout(source: str) -> str:
    """The source whose items are laid out like those of a source."""
    base = base_of(source)
    return OFFICIAL if base == ROUND_1 else base


def load_demonstrations(
    folder: str | Path, source: str = REPLICA, form: re.Pattern[str] | None = None
) -> list[Demonstration]:
    """Read our demonstrations for the items of a source, in the order in which prompts show them.

    Parameters
    ----------
    folder : path
        Of the task.
    source : str
    form : re.Pattern, optional
        What every answer matches in full.

    Raises
    ------
    UserError
        If the list is empty, a key is missing or unknown, a prompt ends in a space, a chain or an
        answer lacks its leading space, or an answer has not the form of the classes of the items.
    """
    path = demonstrations_file(folder, source)
    file = validate(Demonstrations, yaml_files.read_mapping(path), str(path))
    for number, shown in enumerate(file.demonstrations):
        if form is not None and not form.fullmatch(shown.answer):
            raise UserError(
                f"{path}, demonstrations.{number}.answer",
                f"{shown.answer!r} does not match {form.pattern!r}, the form of the items' classes",
                "write one that does, or mend class_form in task.yaml",
            )
    return [Demonstration(**dict(shown), form=file.form) for shown in file.demonstrations]


# -- replicas -----------------------------------------------------------------------------------


def load_replica(folder: str | Path) -> ModuleType:
    """Import ``replica.py``: ``draw(rng) -> GeneratedItem`` and ``practise(rng) -> str``."""
    path = Path(folder) / "replica.py"
    if not path.exists():
        raise UserError(str(path), "no such file", "write a replica.py or use another source")
    name = f"replica_{Path(folder).name.replace('-', '_')}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def is_test(key: str) -> bool:
    """Whether a question is kept for testing; by its content, so no item can be on both sides."""
    return hashlib.sha256(key.encode()).digest()[0] < TEST_BYTES


def questions(
    draw: Callable[[random.Random], GeneratedItem], rng: random.Random, *, test: bool
) -> Iterator[GeneratedItem]:
    """Draw questions of one side, without end, repetitions included."""
    while True:
        item = draw(rng)
        if is_test(item.key) == test:
            yield item


def replicate(task: Task, n: int, seed: int) -> list[GeneratedItem]:
    """Draw ``n`` different test questions of a task, the same ones for the same seed.

    Where ``task.yaml`` says ``balanced: true``, every answer index is right equally often (some
    once more when ``n`` is no multiple).

    Raises
    ------
    UserError
        If the generator runs out of different questions.
    """
    rng = random.Random(f"{task.name}-{seed}")
    seen: set[str] = set()
    room: dict[int, int] = {}
    items: list[GeneratedItem] = []
    stale = 0
    for item in questions(load_replica(task.folder).draw, rng, test=True):
        if len(items) == n:
            break
        full = task.facts.balanced and not _has_room(room, item, n)
        stale = stale + 1 if full or item.key in seen else 0
        if stale > 20_000:
            raise UserError(
                str(task.folder / "replica.py"),
                f"only {len(items)} different test items can be drawn",
                f"ask for at most that many (config: replica.items is {n})",
            )
        if stale:
            continue
        seen.add(item.key)
        room[item.answer_index] = room.get(item.answer_index, 0) + 1
        items.append(item)
    return items


def _has_room(room: Mapping[int, int], item: GeneratedItem, n: int) -> bool:
    """Whether one more of ``n`` items may have this answer index; ``room`` counts those before."""
    share, left = divmod(n, len(item.classes))
    larger = sum(count > share for count in room.values())
    return room.get(item.answer_index, 0) < share + (larger < left)


def as_item(task: Task, generated: GeneratedItem) -> dict[str, Any]:
    """The item in the prize's schema; its round is 0 if the task is not one of the prize."""
    item: dict[str, Any] = {"prompt": generated.context + generated.prompt}
    if task.schema == SEQUENCE:
        item["completion"] = generated.classes[0]
    else:
        if task.schema == LOG_ODDS:
            item["other_prompt"] = generated.context + generated.other_prompt
        item["classes"] = repr(list(generated.classes))
        item["answer_index"] = generated.answer_index
        item["distractor_index"] = generated.distractor_index
    return item | {"round": task.facts.round, "part": generated.part}


# -- items --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Item:
    """One checked item; sequence tasks have one class, their completion.

    Attributes
    ----------
    other_prompt : str or None
        Of log-odds tasks, the prompt that the first is compared with.
    template : int or None
        What the item was made from, one number per template of the whole task; None where the task
        names none.
    """

    prompt: str
    classes: tuple[str, ...]
    answer_index: int
    distractor_index: int | None
    part: int
    other_prompt: str | None = None
    template: int | None = None

    @property
    def cluster(self) -> int:
        """What the item has in common with others: its template, or else its part."""
        return self.part if self.template is None else self.template


def read_items(path: str | Path, schema: str) -> tuple[list[Item], list[str]]:
    """Read and check a task file: UTF-8, with or without a byte order mark, one item per line.

    Returns
    -------
    items : list of Item
    warnings : list of str
        One line for each class without its leading space, and for each column that is not read.

    Raises
    ------
    UserError
        With file and row, if a row cannot be used.
    """
    path = Path(path)
    items: list[Item] = []
    warnings: list[str] = []
    unread: dict[str, int] = {}
    for number, row in enumerate(read_rows(path), start=1):
        where = f"{path}, row {number}"
        item = check_item(where, row, schema)
        items.append(item)
        unread |= {key: number for key in row if key not in KNOWN_COLUMNS | unread.keys()}
        warnings += [
            f"warning: {where}: class {name!r} has no leading space; prompt and class are "
            "joined without one"
            for name in item.classes
            if not name.startswith(" ")
        ]
    named = [item.template is not None for item in items]
    if any(named) and not all(named):
        where = f"{path}, row {named.index(False) + 1}"
        raise UserError(where, "has no template, others have", "give it one, or none to any")
    if not items:
        raise UserError(str(path), "has no rows", "give a file with one JSON item per line")
    warnings += [unread_warning(f"{path}, row {number}", key) for key, number in unread.items()]
    return items, warnings


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """The JSON objects of a file with one per line: UTF-8, with or without a byte order mark.

    Raises
    ------
    UserError
        With file and row, if a line is no JSON object or has a key twice.
    """
    lines = io.StringIO(yaml_files.decode(path.read_bytes(), str(path), "row"), newline=None)
    for number, line in enumerate(lines, start=1):
        yield _row(f"{path}, row {number}", line)


def unread_warning(where: str, column: str) -> str:
    """The line about a column that is not read."""
    near = difflib.get_close_matches(column, KNOWN_COLUMNS, n=1, cutoff=0.8)
    meant = f"; did you mean {near[0]!r}?" if near else ""
    return f"warning: {where}: column {column!r} is not read{meant}"


def question(prompt: str, classes: Iterable[str]) -> tuple[str, frozenset[str]]:
    """What makes two items the same question: words and classes, whatever their blanks and order.

    Examples
    --------
    >>> question("Is it?\\nAnswer:", [" yes", " no"]) == question("Is it? Answer:", [" no", " yes"])
    True
    """
    return " ".join(prompt.split()), frozenset(name.strip() for name in classes)


def repeated(items: Sequence[Item]) -> list[int]:
    """Positions of the items whose question is that of an earlier item.

    Examples
    --------
    >>> repeated([Item(text, (" a", " b"), 0, None, 0) for text in ("P:", "Q:", "P:")])
    [2]
    """
    asked = [question(item.prompt, item.classes) for item in items]
    first = {one: number for number, one in reversed([*enumerate(asked)])}
    return [number for number, one in enumerate(asked) if first[one] < number]


def _row(where: str, line: str) -> dict[str, Any]:
    """The object of a line."""
    if not line.strip():
        raise UserError(where, "is empty", "take the line out, or write one JSON object per line")
    try:
        row = json.loads(line, object_pairs_hook=_without_repetition)
    except RepeatedKeyError as error:
        raise UserError(where, f"column '{error}' is there twice", "keep one") from None
    except json.JSONDecodeError as error:
        raise UserError(where, f"is not JSON ({error})", "write one JSON object per line") from None
    except (ValueError, RecursionError):
        what = (
            "is not JSON that can be read (a number of thousands of digits, or too many brackets)"
        )
        raise UserError(where, what, "write one JSON object per line") from None
    if not isinstance(row, dict):
        raise UserError(where, "is not a JSON object", "write one JSON object per line")
    return row


class RepeatedKeyError(Exception):
    """A key that an object has twice."""


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise RepeatedKeyError(key)
        found[key] = value
    return found


def _text_problem(value: Any) -> tuple[str, str] | None:
    """What keeps a value from being the text of a prompt, completion or class."""
    if not (isinstance(value, str) and value.strip()):
        return "is no text", "give it its text"
    if yaml_files.lone_surrogate(value):
        return "holds half a character", "write the whole one: a pair of \\u escapes, or itself"
    if "\0" in value:
        return "holds a NUL character", "take it out"
    return None


def _prompt_problem(value: Any) -> tuple[str, str] | None:
    if found := _text_problem(value):
        return found
    # A line break may end one: the class then has a line of its own.
    if value[-1].isspace() and value[-1] != "\n":
        return "ends in a space", "take it away: every class begins with its own"
    return None


def _number_problem(value: Any) -> tuple[str, str] | None:
    """What keeps a value from being a whole number that a table can hold."""
    # JSON's `true` is an int to Python.
    if not isinstance(value, int) or isinstance(value, bool):
        kind = ", but a text" if isinstance(value, str) and value.strip().isdecimal() else ""
        return f"is no whole number{kind}", "write it as one, as in 0, without quotes or fraction"
    if not -LARGEST <= value < LARGEST:
        return "is too large", "write a number of at most 18 digits"
    return None


# Tables hold numbers of 64 bits.
LARGEST = 2**63
# What is wrong with the value of a column, and what to do; classes have `parse_classes`.
PROBLEMS: dict[str, Callable[[Any], tuple[str, str] | None]] = {
    "prompt": _prompt_problem,
    "other_prompt": _prompt_problem,
    "completion": _text_problem,
    "answer_index": _number_problem,
    "distractor_index": _number_problem,
    "part": _number_problem,
    "template": _number_problem,
}
# Columns that an item need not have, and whether null is the same as having none. A replica's
# generator writes null for a distractor that there is not.
OPTIONAL = {"distractor_index": True, "part": False, "template": True}
INDICES = ("answer_index", "distractor_index")
KNOWN_COLUMNS = {*PROBLEMS, "classes", "round"}


def check_item(where: str, row: Mapping[str, Any], schema: str) -> Item:
    """The item of a row; ``where`` is what a message calls the row.

    Raises
    ------
    UserError
        If it cannot be used.
    """
    given = [*COLUMNS[schema]]
    for column in COLUMNS[schema]:
        if column not in row:
            raise UserError(where, f"column '{column}' is missing", f"add it, {schema} needs it")
    for column, may_be_null in OPTIONAL.items():
        asked = column not in INDICES or "classes" in given
        if asked and column in row and not (may_be_null and row[column] is None):
            given.append(column)
    for column in given:
        if column in PROBLEMS and (problem := PROBLEMS[column](row[column])):
            raise UserError(where, f"{column} {reprlib.repr(row[column])} {problem[0]}", problem[1])
    if "classes" in given:
        classes = parse_classes(where, row["classes"])
        _check_indices(where, {key: row[key] for key in INDICES if key in given}, len(classes))
    else:
        classes = (row["completion"],)
    if schema == LOG_ODDS and len(classes) != 2:
        what = f"has {len(classes)} classes, log odds compare two"
        raise UserError(where, what, "give two classes")
    return Item(
        row["prompt"],
        classes,
        row["answer_index"] if "answer_index" in given else 0,
        row["distractor_index"] if "distractor_index" in given else None,
        row.get("part", 0),
        row["other_prompt"] if schema == LOG_ODDS else None,
        row.get("template"),
    )


def _check_indices(where: str, indices: Mapping[str, int], classes: int) -> None:
    for column, index in indices.items():
        if not 0 <= index < classes:
            what = f"{column} {index} is out of range for {classes} classes"
            raise UserError(where, what, "count from 0")
    if len(indices) == len(INDICES) and len(set(indices.values())) == 1:
        what = f"distractor_index {indices['distractor_index']} is the answer_index too"
        raise UserError(where, what, "name another class, or leave the distractor out")


def _parsed(text: str) -> Any:
    """The value that a text is in JSON, or else in Python."""
    try:
        return json.loads(text)
    except ValueError:
        return ast.literal_eval(text)


def parse_classes(where: str, text: Any) -> tuple[str, ...]:
    """A list of strings, or the text of one in JSON or, as the released files hold it, in Python.

    Examples
    --------
    >>> parse_classes("row 1", "[' A', ' B']")
    (' A', ' B')
    """
    try:
        classes = _parsed(text) if isinstance(text, str) else text
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        classes = None
    shown = reprlib.repr(text)
    if not isinstance(classes, list) or not all(isinstance(name, str) for name in classes):
        raise UserError(
            where, f"classes {shown} do not parse", "write a list of strings, [' A', ' B']"
        )
    if any(not name.strip() for name in classes):
        raise UserError(where, "a class is empty", "give every class its text")
    # Read from a chain of thought, classes have no blanks around them.
    if len(classes) < 2 or len({name.strip() for name in classes}) < len(classes):
        raise UserError(where, f"classes {shown} are not two or more different ones", "mend them")
    for name in classes:
        if problem := _text_problem(name):
            raise UserError(where, f"class {reprlib.repr(name)} {problem[0]}", problem[1])
    return tuple(classes)
