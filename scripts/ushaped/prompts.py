"""Prompts: how an item becomes what is sent to a model, and whose protocol that follows.

``zero-shot`` and ``few-shot-k`` are the prize's own protocol (McKenzie et al. 2023): the item as it
stands, or after k other items of the task with their answers. All others are labelled as modified:
``one-shot`` and ``cot`` use demonstrations that this project wrote, ``zero-shot-cot`` asks for
reasoning without showing any (Kojima et al. 2022, arXiv:2205.11916, section 3), and ``inside-k``
keeps but the last k of the solved questions that the prompts of some tasks hold, and of an item
that does not split into them makes no prompt.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ushaped.errors import UserError
from ushaped.items.task import (
    LOG_ODDS,
    ChainRule,
    Demonstration,
    EmbeddedDemonstrations,
    Item,
    Task,
    question,
)

SEPARATOR = "\n\n\n"
THOUGHT = "\nThought:"
# Kojima et al. 2022, table 4: the best of the phrases that were tried there.
TRIGGER = " Let's think step by step."
# Without a demonstration no model knows that its reasoning should stay in one line.
UNSHOWN_STOP = ("\n\n",)
# What must not follow a class that was read: 1 is not the answer of "12", nor 6 that of "6.27".
NO_MORE = r"(?!\w|\.\d)"

OFFICIAL = "official"
MODIFIED = "modified"

FEW_SHOT = re.compile(r"few-shot-([1-9]\d*)")
INSIDE = re.compile(r"inside-(0|[1-9]\d*)")
CHAINS = ("cot", "zero-shot-cot")
FIXED_VARIANTS = ("zero-shot", "one-shot", *CHAINS)
EXAMPLES = ["zero-shot", "few-shot-2", "one-shot", "cot", "zero-shot-cot", "inside-5"]
KNOWN_VARIANTS = "zero-shot, few-shot-k, one-shot, cot, zero-shot-cot or inside-k"


def is_variant(name: str) -> bool:
    """Whether ``name`` is a variant that this module can build."""
    patterns = (FEW_SHOT, INSIDE)
    return name in FIXED_VARIANTS or any(pattern.fullmatch(name) for pattern in patterns)


def keeps_inside(variant: str) -> int | None:
    """How many of the solved questions inside a prompt a variant keeps; None for all."""
    found = INSIDE.fullmatch(variant)
    return int(found.group(1)) if found else None


def applies(variant: str, task: Task) -> bool:
    """Whether a task has a variant: ``inside-k`` needs more than k solved questions inside.

    Raises
    ------
    UserError
        For a chain of thought on a task that compares two prompts, which has no such protocol.
    """
    if task.schema == LOG_ODDS and variant in CHAINS:
        raise UserError(
            f"variant '{variant}'",
            f"task {task.name} compares two prompts by log odds, which has no chain of thought",
            "leave the variant out, or run the task in a configuration of its own",
        )
    kept = keeps_inside(variant)
    return kept is None or (task.inside is not None and kept < task.inside.count)


def needs_demonstrations(name: str) -> bool:
    """Whether a variant shows demonstrations of ours."""
    return name in ("one-shot", "cot")


def solved(prompt: str, answer: str) -> str:
    """A prompt with its answer, as a demonstration shows it."""
    return prompt + answer


def worked(prompt: str, chain: str, answer: str, answer_after: str) -> str:
    """A prompt with a chain of thought, the words that announce the answer, and the answer."""
    return prompt + THOUGHT + chain + answer_after + answer


def build(
    items: Sequence[Item],
    variant: str,
    demonstrations: Sequence[Demonstration],
    rule: ChainRule,
    seed: int,
    inside: EmbeddedDemonstrations | None = None,
) -> list[dict[str, Any]]:
    """Build one prompt per item; an item that does not split as ``inside-k`` needs has none.

    Parameters
    ----------
    items : sequence of Item
        All items of the task: few-shot demonstrations are drawn from them.
    variant : str
        ``zero-shot``, ``few-shot-k``, ``one-shot``, ``cot``, ``zero-shot-cot`` or ``inside-k``.
    demonstrations : sequence of Demonstration
        Ours, for ``one-shot`` (the first) and ``cot`` (all).
    rule : ChainRule
        Of the task, for ``cot`` and ``zero-shot-cot``.
    seed : int
        For drawing few-shot demonstrations; each item has its own stream, so adding items at the
        end changes nothing but the pool that is drawn from.
    inside : EmbeddedDemonstrations, optional
        Of the task, for ``inside-k``.

    Returns
    -------
    list of dict
        Rows of the prompts table: ``item, prompt, other_prompt, classes, answer_index,
        distractor_index, part, cluster, protocol, modified, chain``, and of the chain
        ``answer_after, stop, chain_limit``, which are None without one (``chain_limit`` also where
        the configuration says it). ``other_prompt`` is None but for log-odds tasks.

    Raises
    ------
    UserError
        If there are too few items for ``few-shot-k``, no prompt at all splits into the solved
        questions that ``inside-k`` takes away, or there is no such variant.
    """
    if not is_variant(variant):
        raise UserError(f"variant '{variant}'", "is unknown", f"use {KNOWN_VARIANTS}")
    few = FEW_SHOT.fullmatch(variant)
    shots = int(few.group(1)) if few else 0
    if shots >= len(items):
        raise UserError(
            f"variant '{variant}'", f"the task has only {len(items)} items", "ask for fewer shots"
        )
    modified = _modification(variant, demonstrations, inside)
    chain = variant in CHAINS
    questions = _shortened(items, variant, inside)

    def asked(number: int, text: str) -> str:
        before = _before(items, number, variant, shots, demonstrations, rule, seed)
        return SEPARATOR.join([*before, text])

    ending = {"cot": THOUGHT, "zero-shot-cot": THOUGHT + TRIGGER}.get(variant, "")
    stop = {"cot": rule.stop, "zero-shot-cot": UNSHOWN_STOP}.get(variant)
    return [
        {
            "item": number,
            "prompt": asked(number, question) + ending,
            "other_prompt": None if other is None else asked(number, other) + ending,
            "classes": list(item.classes),
            "answer_index": item.answer_index,
            "distractor_index": item.distractor_index,
            "part": item.part,
            "cluster": item.cluster,
            "protocol": MODIFIED if modified else OFFICIAL,
            "modified": modified,
            "chain": chain,
            "answer_after": rule.answer_after if chain else None,
            "stop": None if stop is None else list(stop),
            "chain_limit": rule.tokens if chain else None,
        }
        for number, (question, other) in questions.items()
        for item in [items[number]]
    ]


def unsplit(items: Sequence[Item], rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """Numbers of the items without a prompt, since they do not split as ``inside-k`` needs."""
    return sorted(set(range(len(items))) - {row["item"] for row in rows})


def misfits(items: Sequence[Item], demonstrations: Sequence[Demonstration]) -> list[str]:
    """Answers of demonstrations that are no class, where all items have the same classes.

    Where classes differ from item to item, nothing can be said.

    Examples
    --------
    >>> asked = [Item("A or B?", (" A", " B"), 0, None, 0)]
    >>> misfits(asked, [Demonstration("Which?", " It flies.", " bird")])
    [' bird']
    """
    classes = {frozenset(item.classes) for item in items}
    if len(classes) > 1:
        return []
    (names,) = classes
    return [one.answer for one in demonstrations if one.answer not in names]


def _before(
    items: Sequence[Item],
    number: int,
    variant: str,
    shots: int,
    demonstrations: Sequence[Demonstration],
    rule: ChainRule,
    seed: int,
) -> list[str]:
    """The solved questions that a variant puts before an item."""
    if variant == "one-shot":
        return [solved(demonstrations[0].prompt, demonstrations[0].answer)]
    if variant == "cot":
        return [worked(d.prompt, d.chain, d.answer, rule.answer_after) for d in demonstrations]
    if not shots:
        return []
    others = _drawn(items, number, shots, random.Random(f"{seed}-{number}"))
    return [solved(items[i].prompt, items[i].classes[items[i].answer_index]) for i in others]


def _drawn(items: Sequence[Item], number: int, shots: int, rng: random.Random) -> list[int]:
    """Positions of other items, in the order in which they are shown.

    The prize's protocol draws among all other items. One that asks the very question again, with
    its answer, would give the answer away: another is drawn in its place, and only then, so that
    the prompts of a file without repetitions are those of the protocol.
    """
    item = items[number]
    own = {question(text, item.classes) for text in (item.prompt, item.other_prompt) if text}

    def differs(other: int) -> bool:
        return question(items[other].prompt, items[other].classes) not in own

    others = [i for i in rng.sample(range(len(items)), shots + 1) if i != number][:shots]
    shown = [i for i in others if differs(i)]
    if len(shown) == shots:
        return others
    left = [i for i in range(len(items)) if i not in (number, *shown) and differs(i)]
    if len(shown) + len(left) < shots:
        raise UserError(
            f"variant 'few-shot-{shots}', item {number}",
            f"only {len(shown) + len(left)} other items ask another question",
            "ask for fewer shots, or take the repeated items out",
        )
    return shown + rng.sample(left, shots - len(shown))


def _shortened(
    items: Sequence[Item], variant: str, inside: EmbeddedDemonstrations | None
) -> dict[int, tuple[str, str | None]]:
    """Questions of the items by number, without the solved ones that a variant takes away.

    Items that do not split are left out.
    """
    kept = keeps_inside(variant)
    if kept is None:
        return {number: (item.prompt, item.other_prompt) for number, item in enumerate(items)}
    if inside is None or kept >= inside.count:
        raise UserError(
            f"variant '{variant}'",
            f"the prompts hold {inside.count if inside else 0} solved questions",
            "use it for tasks whose prompts hold more",
        )
    found: dict[int, tuple[str, str | None]] = {}
    for number, item in enumerate(items):
        question = _last(item.prompt, kept, inside)
        other = item.other_prompt and _last(item.other_prompt, kept, inside)
        if question is not None and (other is None) == (item.other_prompt is None):
            found[number] = question, other
    if not found:
        _, ends = _split(items[0].prompt, inside)
        raise UserError(
            f"variant '{variant}', item 0",
            f"inside_separator matches {len(ends)} times, but demonstrations_inside is "
            f"{inside.count}, and no other item splits either",
            "mend inside_separator in task.yaml",
        )
    return found


def _last(question: str, kept: int, inside: EmbeddedDemonstrations) -> str | None:
    """A question with its opening and the last of its solved ones; None if it does not split."""
    opening, ends = _split(question, inside)
    if len(ends) != inside.count:
        return None
    return question[:opening] + question[ends[inside.count - kept - 1] :]


def _split(question: str, inside: EmbeddedDemonstrations) -> tuple[int, list[int]]:
    """Where the opening of a question ends, and each of its separators."""
    opening = inside.opening.match(question) if inside.opening else None
    start = opening.end() if opening else 0
    return start, [found.end() for found in inside.separator.finditer(question, start)]


def _modification(
    variant: str, demonstrations: Sequence[Demonstration], inside: EmbeddedDemonstrations | None
) -> str:
    laid_out = next((one.form for one in demonstrations), "")
    form = f", in the form of {laid_out}," if laid_out else ""
    if variant == "one-shot":
        return f"one demonstration written by this project{form} before the item"
    if variant == "cot":
        return (
            f"{len(demonstrations)} demonstrations with reasoning written by this project{form} "
            "before the item; the model writes its reasoning before the answer"
        )
    if variant == "zero-shot-cot":
        return (
            f"'{TRIGGER.strip()}' after the item; the model writes its reasoning before the answer"
        )
    if (kept := keeps_inside(variant)) is not None and inside is not None:
        some = f"only the last {kept}" if kept else "none"
        return f"{some} of the {inside.count} solved questions that the item holds"
    return ""


def extract(chain: str, classes: Sequence[str], answer_after: str) -> int | None:
    """The class that a generated chain ends in, or None where none can be told.

    The rule: the text after the last ``answer_after``, up to the end of the line, without
    surrounding blanks; it must begin with a class, whole words and whole numbers of it, and the
    longest that fits counts.

    Examples
    --------
    >>> extract(" It says not. So the answer is B", [" A", " B"], " So the answer is")
    1
    >>> extract(" I do not know.", [" A", " B"], " So the answer is") is None
    True
    """
    if answer_after not in chain:
        return None
    rest = chain.rsplit(answer_after, 1)[1].strip("\n").split("\n")[0].strip()
    fits = [
        i for i, name in enumerate(classes) if re.match(re.escape(name.strip()) + NO_MORE, rest)
    ]
    return max(fits, key=lambda i: len(classes[i])) if fits else None
