"""Prompts: the table of what is sent to a model, and the answer read from what it writes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ushaped.answers import NO_MORE
from ushaped.items.task import AnswerRule, ChainRule, Demonstration, EmbeddedDemonstrations, Item
from ushaped.terms import MODIFIED, OFFICIAL
from ushaped.variants import SEPARATOR, Material, parse_variant

# What ends the answer that a base model writes, which may go on with another question.
ANSWER_END = ("\n\n",)


def build(
    items: Sequence[Item],
    variant: str,
    demonstrations: Sequence[Demonstration],
    rule: ChainRule,
    seed: int,
    inside: EmbeddedDemonstrations | None = None,
    answer: AnswerRule | None = None,
    protocol: str = OFFICIAL,
) -> list[dict[str, Any]]:
    """Build one prompt per item; an item that does not split as ``inside-k`` needs has none.

    Parameters
    ----------
    items : sequence of Item
        All items of the task: few-shot demonstrations are drawn from them.
    variant : str
        A name that `ushaped.variants.parse_variant` knows.
    demonstrations : sequence of Demonstration
        Written by this project.
    rule : ChainRule
        Of the task.
    seed : int
        Of the draw of few-shot demonstrations. Each item has its own stream, so adding items at the
        end changes only the pool.
    inside : EmbeddedDemonstrations, optional
        The solved questions that the items hold.
    answer : AnswerRule, optional
        Of the task: how a written answer is read.
    protocol : str
        Of the task: that of a prompt which the variant does not modify.

    Returns
    -------
    list of dict
        Rows of the prompts table: ``item, prompt, other_prompt, classes, answer_index,
        distractor_index, part, cluster, protocol, modified, chain, generated``; of the chain or the
        written answer ``answer_after, stop, chain_limit``, which are None without one
        (``chain_limit`` also where the configuration sets it); of a written answer ``think``, the
        most tokens of thinking before it, ``announced_by`` and ``aliases`` (JSON), else None.
        ``other_prompt`` is None but for log-odds tasks.

    Raises
    ------
    UserError
        If there are too few items for ``few-shot-k``, no prompt splits into the solved questions
        that ``inside-k`` removes, or there is no such variant.
    """
    chosen = parse_variant(variant)
    material = Material(items, demonstrations, rule, seed, inside)
    modified, stop = chosen.modifications(material), chosen.stop(rule)
    generated, answer = chosen.writes, answer or AnswerRule()
    if generated and stop is None:
        stop = ANSWER_END
    written = chosen.has_chain or generated

    def prompt(number: int, text: str) -> str:
        return SEPARATOR.join([*chosen.before(material, number), text]) + chosen.ending

    return [
        {
            "item": number,
            "prompt": prompt(number, question),
            "other_prompt": None if other is None else prompt(number, other),
            "classes": list(item.classes),
            "answer_index": item.answer_index,
            "distractor_index": item.distractor_index,
            "part": item.part,
            "cluster": item.cluster,
            "protocol": MODIFIED if modified else protocol,
            "modified": modified,
            "chain": chosen.needs_chain,
            "answer_after": rule.answer_after if written else None,
            "stop": None if stop is None else list(stop),
            "chain_limit": rule.tokens if chosen.has_chain else None,
            "generated": generated,
            "think": chosen.k if chosen.thinks else None,
            "announced_by": list(answer.announced_by) if generated else None,
            "aliases": json.dumps(answer.aliases) if generated else None,
        }
        for number, (question, other) in chosen.questions(material).items()
        for item in [items[number]]
    ]


def unsplit(numbers: Iterable[int], rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """Those of some items without a prompt, since they do not split as ``inside-k`` needs."""
    return sorted(set(numbers) - {row["item"] for row in rows})


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


def unknown_aliases(items: Sequence[Item], answer: AnswerRule) -> dict[str, str]:
    """Aliases of what is no class of any item."""
    known = {name for item in items for name in item.classes}
    return {written: name for written, name in answer.aliases.items() if name not in known}


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
