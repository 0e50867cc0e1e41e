"""Reading what is measured: model.json, prompts, scores; each checked against the others."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ushaped.errors import UserError
from ushaped.metrics.definitions import Bools, Floats, Ints, Questions, Scores, contrasts, joined
from ushaped.metrics.table import Condition, Model, scale
from ushaped.metrics.written import WrittenAnswers
from ushaped.results.columns import SCALE
from ushaped.results.parquet import (
    MADE,
    UNSPLIT,
    lists,
    read_table,
    same_length,
    single_value,
    whole_numbers,
)
from ushaped.results.text_files import AGAIN, read_json
from ushaped.terms import MODIFIED
from ushaped.variants import CHAT_MODIFICATION, parse_variant, with_chat

QUESTION_COLUMNS = (
    *("item", "classes", "answer_index", "distractor_index", "part", "cluster"),
    *("protocol", "modified", "chain", "generated", "think", "metric"),
)
SCORE_COLUMNS = (
    *("item", "log_likelihood", "last_token", "other_last_token", "parsed"),
    *("chain_stopped", "boundary_merged", "cut"),
)
WRITTEN_COLUMNS = ("refused", "sample_tokens", "sample_stopped", "thought_tokens", "thought_cut")
Key = tuple[str, str, str]


def key_of(path: Path) -> Key:
    """Source, task and variant of ``.../{source}/{task}/{variant}.parquet``."""
    if len(path.parts) < 3:
        raise UserError(
            str(path), "has no source and task in its path", "give .../source/task/variant.parquet"
        )
    return path.parts[-3], path.parts[-2], path.stem


def read_model(path: Path) -> Model:
    """Read what a curve needs of a ``model.json``; a number that is not known is null there.

    Raises
    ------
    UserError
        If it is no JSON, or a key is missing or neither a positive number nor null.
    """
    about = read_json(path)
    for key in ("model", "family", "size", "seed", *SCALE):
        if key not in about:
            raise UserError(str(path), f"key '{key}' is missing", "add it to the model's entry")
    for key in SCALE:
        number = about[key]
        if number is None:
            continue
        if not isinstance(number, int | float) or not 0 < number < math.inf:
            raise UserError(str(path), f"{key} is {number!r}", "give a positive number, or null")
    return Model(about["model"], *(about[key] for key in ("family", "size", "seed", *SCALE)))


def add_inputs(parser: argparse.ArgumentParser) -> None:
    """Add the options that name prompts, scores and models; see `read_conditions`."""
    parser.add_argument("--prompts", nargs="+", type=Path, required=True, metavar="PARQUET")
    parser.add_argument(
        "--scores",
        nargs="+",
        type=Path,
        required=True,
        metavar="PARQUET",
        help="files, or the folder that holds those of all models and prompts",
    )
    parser.add_argument("--models", nargs="+", type=Path, required=True, metavar="MODEL.JSON")


def read_conditions(
    arguments: argparse.Namespace,
) -> Iterator[tuple[Condition, Scores | WrittenAnswers]]:
    """The conditions of the files that the options of `add_inputs` name; see `conditions`."""
    read = {path: read_model(path) for path in arguments.models}
    models = {model.name: model for model in read.values()}
    chats = {model.name for path, model in read.items() if is_asked_by_chat(path)}
    prompts = {key_of(path): path for path in arguments.prompts}
    return conditions(prompts, score_files(arguments.scores, models, prompts, chats), models)


def is_asked_by_chat(path: Path) -> bool:
    """Whether a ``model.json`` describes a model behind a chat endpoint: it only writes answers."""
    return bool((read_json(path).get("served") or {}).get("api") == "chat")


def score_files(
    paths: Sequence[Path],
    models: Iterable[str],
    prompts: Iterable[Key],
    chats: Container[str] = (),
) -> list[Path]:
    """Files of scores; a folder stands for one of each model and each file of prompts in it.

    Models of ``chats`` have only written answers.

    Examples
    --------
    >>> paths = [Path("scores"), Path("other/m/replica/neqa/cot.parquet")]
    >>> files = score_files(paths, ["m"], [("replica", "neqa", "zero-shot")])
    >>> [path.as_posix() for path in files]
    ['scores/m/replica/neqa/zero-shot.parquet', 'other/m/replica/neqa/cot.parquet']
    """
    files: list[Path] = []
    for path in paths:
        if path.suffix:
            files.append(path)
        else:
            files += [
                path / model / source / task / f"{variant}.parquet"
                for model in models
                for source, task, variant in prompts
                if model not in chats or parse_variant(variant).writes
            ]
    return files


def conditions(
    prompts: dict[Key, Path], scores: Sequence[Path], models: dict[str, Model]
) -> Iterator[tuple[Condition, Scores | WrittenAnswers]]:
    """Every family's answers to every prompts file, as arrays over (models, items).

    Order: source, task, variant, family; models by `scale`, then seed.

    Raises
    ------
    UserError
        If a scores file has no prompts or no model, or two models are the same size and seed.
    """
    paths: dict[tuple[Key, str], list[tuple[Model, Path]]] = {}
    for path in scores:
        key = key_of(path)
        name = path.parts[-4] if len(path.parts) > 3 else ""
        if name not in models:
            raise UserError(str(path), f"no model.json of model '{name}'", "give it with --models")
        if key not in prompts:
            raise UserError(str(path), f"no prompts {'/'.join(key)}", "give them with --prompts")
        paths.setdefault((key, models[name].family), []).append((models[name], path))
    # Families come one after another for the same prompts: those are read once.
    for key, families in groupby(sorted(paths), key=itemgetter(0)):
        questions = read_questions(prompts[key])
        for _, family in families:
            entries = paths[key, family]
            scales = scale([model for model, _ in entries])
            order = [(at, model.seed or 0) for at, (model, _) in zip(scales, entries, strict=True)]
            entries = [entries[i] for i in sorted(range(len(entries)), key=order.__getitem__)]
            models_of = tuple(model for model, _ in entries)
            _refuse_twins(models_of, "/".join(key))
            source, task, variant = key
            asked = questions
            if _is_chat(entries[0][1]):
                variant = with_chat(variant)
                modified = joined((questions.modified, CHAT_MODIFICATION), "; ")
                asked = replace(questions, protocol=MODIFIED, modified=modified)
            condition = Condition(source, task, variant, asked, models_of)
            yield condition, _answers_of([path for _, path in entries], questions)


def read_questions(path: Path) -> Questions:
    """Read a prompts file, all but the prompts themselves.

    Raises
    ------
    UserError
        With file and item, if a row cannot be used.
    """
    table = read_table(path, QUESTION_COLUMNS)
    item = whole_numbers(path, table, "item")
    count, text = lists(path, table, "classes")
    questions = Questions(
        where=str(path),
        item=item,
        count=count,
        answer=whole_numbers(path, table, "answer_index"),
        distractor=whole_numbers(path, table, "distractor_index", none=-1),
        text=text.astype(np.int64),
        generated=any(table["generated"].to_pylist()),
        thinks=any(limit is not None for limit in table["think"].to_pylist()),
        protocol=single_value(path, table, "protocol"),
        modified=joined(sorted(set(table["modified"].to_pylist()) - {None}), "; "),
        chain=any(table["chain"].to_pylist()),
        metric=single_value(path, table, "metric"),
        part=whole_numbers(path, table, "part"),
        cluster=whole_numbers(path, table, "cluster"),
        unsplit=read_unsplit(path),
    )
    bad = (questions.answer < 0) | (questions.answer >= count) | (questions.distractor >= count)
    bad |= questions.distractor < -1
    if bad.any():
        where = f"{path}, item {item[bad.argmax()]}"
        raise UserError(where, "answer or distractor index is out of range", "count from 0")
    if (count == 1).any() and not questions.sequence:
        raise UserError(
            f"{path}, item {item[(count == 1).argmax()]}",
            "has one class where others have several",
            "give it another",
        )
    return questions


def read_answer_bytes(path: Path) -> Ints:
    """UTF-8 bytes of each right class's text as it is scored, so with its leading space.

    Returns
    -------
    ndarray of int, shape (n,)
        Of the items of a prompts file, in the order of `read_questions`.
    """
    table = read_table(path, ("item", "classes", "answer_index"))
    pairs = zip(table["classes"].to_pylist(), table["answer_index"].to_pylist(), strict=True)
    return np.array([len(classes[answer].encode()) for classes, answer in pairs])


def read_unsplit(path: Path) -> int:
    """Number of items of the task that a prompts file leaves out; 0 where it does not say.

    The file's metadata hold it under `UNSPLIT` as JSON: a number, the list of the items, or an
    object with one of them as ``count`` or ``items``.

    Raises
    ------
    UserError
        If it is none of these.
    """
    text = (pq.read_schema(path).metadata or {}).get(UNSPLIT.encode())
    if text is None:
        return 0
    try:
        value = json.loads(text)
        if isinstance(value, dict):
            value = value["count"] if "count" in value else value["items"]
        count = len(value) if isinstance(value, list) else value
        if count is None:
            return 0
        if isinstance(count, bool) or count != int(count) or count < 0:
            raise ValueError(f"{count!r} is no count")
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        what = f"does not say how many items it leaves out ({error})"
        raise UserError(str(path), what, AGAIN) from None
    return int(count)


def read_scores(
    path: Path, questions: Questions
) -> tuple[Floats, Ints, Bools, np.bool_, np.bool_, Floats]:
    """Read a scores file and check it against its prompts.

    Returns
    -------
    log_likelihoods, parsed, stopped, merged, cut, contrast
        As in `Scores`, of one model.

    Raises
    ------
    UserError
        With file and item, for other items than the prompts', other numbers of classes, or a
        log-likelihood that is not finite.
    """
    table = read_table(path, SCORE_COLUMNS)
    item = whole_numbers(path, table, "item")
    _check_items(path, item, questions)
    count, log_likelihoods = log_probabilities(path, table, "log_likelihood", questions)
    parsed = whole_numbers(path, table, "parsed", none=-1)
    if (parsed >= count).any():
        at = (parsed >= count).argmax()
        what = f"parsed is {parsed[at]} of {count[at]} classes"
        raise UserError(f"{path}, item {item[at]}", what, AGAIN)
    stopped = whole_numbers(path, table, "chain_stopped", none=1) > 0
    merged = whole_numbers(path, table, "boundary_merged") > 0
    cut = whole_numbers(path, table, "cut") > 0
    contrast = np.full(len(item), np.nan)
    if questions.log_odds:
        names = ("last_token", "other_last_token")
        contrast = contrasts(*(log_probabilities(path, table, n, questions)[1] for n in names))
    return log_likelihoods, parsed, stopped, merged.any(), cut.any(), contrast


def _is_chat(path: Path) -> bool:
    """Whether the prompts behind a file of scores went through a chat template."""
    try:
        made = (pq.read_schema(path).metadata or {}).get(MADE.encode(), b"{}")
    except (OSError, pa.ArrowInvalid) as error:
        raise UserError(str(path), f"is not readable Parquet ({error})", AGAIN) from None
    return bool((json.loads(made) or {}).get("chat"))


def _check_items(path: Path, item: Ints, questions: Questions) -> None:
    if np.array_equal(item, questions.item):
        return
    missing, extra = np.setdiff1d(questions.item, item), np.setdiff1d(item, questions.item)
    what = (
        f"item {missing[0]} is missing ({len(missing)} of {len(questions.item)} are)"
        if len(missing)
        else f"item {extra[0]} is not among the prompts ({len(extra)} are not)"
    )
    raise UserError(str(path), f"{what}, {questions.where}", AGAIN)


def _answers_of(paths: Sequence[Path], questions: Questions) -> Scores | WrittenAnswers:
    """The answers of several models to the same questions."""
    if questions.generated:
        written = [read_written(path, questions) for path in paths]
        samples = [answers.shape[-1] for answers, *_ in written]
        if len(set(samples)) > 1:
            what = f"has {samples[0]} samples of each answer, {paths[samples.index(min(samples))]} "
            raise UserError(str(paths[0]), what + f"has {min(samples)}", AGAIN)
        stacked = (np.stack(parts) for parts in zip(*written, strict=True))
        return WrittenAnswers(questions.thinks, *stacked)
    read = [read_scores(path, questions) for path in paths]
    return Scores(*(np.stack(parts) for parts in zip(*read, strict=True)))


def read_written(path: Path, questions: Questions) -> tuple[Ints | Bools, ...]:
    """Read the answers that a model wrote, and check them against the prompts.

    Returns
    -------
    read, refused, tokens, stopped, thought_tokens, thought_cut
        As in `ushaped.metrics.written.WrittenAnswers`, of one model.

    Raises
    ------
    UserError
        With file and item, for other items than the prompts', other numbers of samples, or a class
        that there is not.
    """
    table = read_table(path, ("item", "answers", *WRITTEN_COLUMNS))
    _check_items(path, whole_numbers(path, table, "item"), questions)
    read = same_length(path, table, "answers", none=-1)
    wrong = (read >= questions.count[:, None]).any(axis=1)
    if wrong.any():
        raise UserError(
            f"{path}, item {questions.item[wrong.argmax()]}", "names a class that it lacks", AGAIN
        )
    columns = [same_length(path, table, name) for name in WRITTEN_COLUMNS]
    flags = ("refused", "sample_stopped", "thought_cut")
    named = zip(WRITTEN_COLUMNS, columns, strict=True)
    return (read, *(one > 0 if name in flags else one for name, one in named))


def log_probabilities(
    path: Path, table: pa.Table, column: str, questions: Questions
) -> tuple[Ints, Floats]:
    """A column with one log-probability per class: their number, and their values side by side.

    Raises
    ------
    UserError
        With file and item, for another number of classes than asked, or a value that is no number.
    """
    item = table["item"]
    count, values = lists(path, table, column)
    wrong = count != questions.count
    if wrong.any():
        at = int(wrong.argmax())
        what = f"{column} has {count[at]} values for {questions.count[at]} classes"
        raise UserError(f"{path}, item {item[at]}", what, AGAIN)
    broken = ~np.isfinite(values) & (np.arange(values.shape[1]) < count[:, None])
    if broken.any():
        at = int(broken.any(axis=1).argmax())
        what = f"{column} is {values[at][broken[at]][0]}"
        do = "see whether the model's weights are whole, then score it again"
        raise UserError(f"{path}, item {item[at]}", what, do)
    return count, values


def _refuse_twins(models: Sequence[Model], key: str) -> None:
    seen: dict[tuple[str, int | None], Model] = {}
    for model in models:
        twin = seen.setdefault((model.size, model.seed), model)
        if twin is model:
            continue
        if twin.name == model.name:
            raise UserError(
                f"--scores, {key}", f"model '{model.name}' occurs twice", "give it once"
            )
        raise UserError(
            f"models {twin.name} and {model.name}",
            f"both are size '{model.size}', seed {model.seed} of family '{model.family}'",
            "give them different seeds",
        )
