"""Prompt variants: how an item becomes a prompt, and whose protocol that follows.

A variant is a class here and nothing elsewhere: the configuration, the rules, the plan, the figures
and the page ask the class. The classes stand in the order in which a reader expects them.

``zero-shot`` and ``few-shot-k`` are the prize's own protocol (McKenzie et al. 2023): the item by
itself, or after k other items of the task with their answers. All others are labelled as modified.
A task that is not the prize's is asked in the same ways, and its unmodified protocol is its own.

A name may end in ``-generated``: the model writes its answer, where otherwise the log-likelihoods
of the classes decide. In tables it also has ``-chat``, before that, for families whose prompts go
through a chat template: what followed another protocol never bears the same name.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from ushaped.errors import UserError
from ushaped.items.task import (
    CLASSIFICATION,
    LOG_ODDS,
    ChainRule,
    Demonstration,
    EmbeddedDemonstrations,
    Item,
    Task,
    question,
)

# How a prompt that went through a chat template differs from the prize's protocol.
CHAT_MODIFICATION = "chat template"
CHAT, GENERATED = "-chat", "-generated"
SEPARATOR = "\n\n\n"
THOUGHT = "\nThought:"
# Kojima et al. 2022, table 4: the best of the phrases that were tried there.
TRIGGER = " Let's think step by step."


@dataclass(frozen=True)
class Material:
    """All that the prompts of one task are built from.

    Attributes
    ----------
    items : sequence of Item
    demonstrations : sequence of Demonstration
        Written by this project.
    rule : ChainRule
    seed : int
        Of the draw of few-shot demonstrations. Each item has its own stream.
    embedded : EmbeddedDemonstrations or None
        The solved questions that the items of the task hold.
    """

    items: Sequence[Item]
    demonstrations: Sequence[Demonstration]
    rule: ChainRule
    seed: int = 0
    embedded: EmbeddedDemonstrations | None = None


@dataclass(frozen=True)
class Variant:
    """One prompt variant; subclasses override what they change of zero-shot.

    Attributes
    ----------
    k : int
        The number in the name, where the pattern has one.
    chat : bool
        Whether prompts go through the chat template of a model.
    generated : bool
        Whether the model writes its answer.
    """

    k: int = 0
    chat: bool = False
    generated: bool = False

    # The name, with "k" for a number of at least `least`.
    pattern: ClassVar[str]
    least: ClassVar[int] = 0
    # The model writes a chain of thought before its answer.
    has_chain: ClassVar[bool] = False
    # The model may think before it writes its answer, `k` tokens at most.
    thinks: ClassVar[bool] = False
    needs_demonstrations: ClassVar[bool] = False
    # Only some tasks have it, so overviews leave it out.
    task_specific: ClassVar[bool] = False
    # Name of the scale axis (`ushaped.axes`) on which the variant stands at its `k`.
    axis: ClassVar[str | None] = None
    # Text after the item.
    ending: ClassVar[str] = ""

    def __init_subclass__(cls) -> None:
        KINDS.append(cls)

    @property
    def name(self) -> str:
        """The name in configurations, paths and tables, e.g. ``few-shot-2``."""
        stem = self.pattern.removesuffix("-k")
        name = self.pattern if stem == self.pattern else f"{stem}-{self.k}"
        suffix = GENERATED if self.generated and not self.thinks else ""
        return name + (CHAT if self.chat else "") + suffix

    @property
    def curve(self) -> str:
        """The name of its curve along `axis`, with k for the number: ``few-shot-k-chat``."""
        return self.name.replace(f"-{self.k}", "-k", 1) if self.axis else self.name

    @property
    def origin(self) -> Variant:
        """What stands at 0 of the axis: the item alone, answered in the same way."""
        return ZeroShot(chat=self.chat, generated=self.generated or self.thinks)

    @property
    def baselines(self) -> tuple[str, ...]:
        """Variants that it is compared with, the first one that was run.

        A written answer is compared with log-likelihoods after the same prompt; everything else,
        and a written answer without these, with the item by itself.
        """
        same = [replace(self, generated=False)] if self.generated and not self.thinks else []
        return tuple(variant.name for variant in (*same, self.origin))

    @property
    def writes(self) -> bool:
        """Whether the model writes its answer."""
        return self.generated or self.thinks

    @property
    def needs_chain(self) -> bool:
        """Whether a chain of thought is generated before the classes are scored."""
        return self.has_chain and not self.writes

    def applies(self, task: Task) -> bool:
        """Whether a task has this variant.

        Raises
        ------
        UserError
            For a chain of thought on a task that compares two prompts: no such protocol exists.
        """
        if self.writes:
            # Nothing but classes can be read from what a model writes.
            return task.schema == CLASSIFICATION
        if self.has_chain and task.schema == LOG_ODDS:
            raise UserError(
                f"variant '{self.name}'",
                f"task {task.name} compares two prompts by log odds, which has no chain of thought",
                "leave the variant out, or run the task in a configuration of its own",
            )
        return True

    def before(self, material: Material, number: int) -> list[str]:
        """Solved questions that stand before the item ``number``."""
        return []

    def questions(self, material: Material) -> dict[int, tuple[str, str | None]]:
        """Both questions of each item by its number; items that do not split are absent."""
        return {i: (item.prompt, item.other_prompt) for i, item in enumerate(material.items)}

    def stop(self, rule: ChainRule) -> tuple[str, ...] | None:
        """Texts that end a chain; None without one."""
        return None

    def modification(self, material: Material) -> str:
        """How the prompt differs from the prize's protocol; empty if it follows it."""
        return ""

    def modifications(self, material: Material) -> str:
        """How prompt and scoring differ from the prize's protocol; empty if they follow it."""
        written = "the model writes its answer" if self.writes else ""
        return "; ".join(filter(None, (self.modification(material), written)))

    def shown_characters(self, task: Task, source: str) -> int:
        """Characters of a prompt's demonstrations that all items share, for a cost estimate."""
        return 0

    def item_share(self, task: Task) -> float:
        """Length of what differs from item to item, in items, for a cost estimate."""
        return 1.0


KINDS: list[type[Variant]] = []


class ZeroShot(Variant):
    """The item by itself: the prize's protocol."""

    pattern = "zero-shot"


class FewShot(Variant):
    """The item after k others with their answers: the prize's few-shot protocol."""

    pattern, least = "few-shot-k", 1
    axis = "shots"

    def before(self, material: Material, number: int) -> list[str]:
        """Draw k other items.

        The prize draws among all other items. One that repeats the question of this item, with its
        answer, would give the answer away: another is drawn in its place, and only then, so that
        the prompts of a file without repetitions are those of the protocol.
        """
        items, k = material.items, self.k
        if k >= len(items):
            raise UserError(
                f"variant '{self.name}'", f"the task has only {len(items)} items", "use fewer shots"
            )
        rng = random.Random(f"{material.seed}-{number}")
        item = items[number]
        own = {question(text, item.classes) for text in (item.prompt, item.other_prompt) if text}

        def differs(other: int) -> bool:
            return question(items[other].prompt, items[other].classes) not in own

        others = [i for i in rng.sample(range(len(items)), k + 1) if i != number][:k]
        shown = [i for i in others if differs(i)]
        if len(shown) < k:
            left = [i for i in range(len(items)) if i not in (number, *shown) and differs(i)]
            if len(shown) + len(left) < k:
                raise UserError(
                    f"variant '{self.name}', item {number}",
                    f"only {len(shown) + len(left)} other items ask another question",
                    "use fewer shots, or remove the repeated items",
                )
            others = shown + rng.sample(left, k - len(shown))
        return [solved(items[i].prompt, items[i].classes[items[i].answer_index]) for i in others]

    def item_share(self, task: Task) -> float:
        return 1.0 + self.k


class OneShot(Variant):
    """The item after the first demonstration of this project."""

    pattern, needs_demonstrations = "one-shot", True

    def before(self, material: Material, number: int) -> list[str]:
        first = material.demonstrations[0]
        return [solved(first.prompt, first.answer)]

    def modification(self, material: Material) -> str:
        return f"one demonstration written by this project{_form(material)} before the item"

    def shown_characters(self, task: Task, source: str) -> int:
        first = task.demonstrations(source)[0]
        return len(first.prompt + first.answer)


class ChainOfThought(Variant):
    """The item after all demonstrations of this project, each with its chain of thought."""

    pattern, has_chain, needs_demonstrations = "cot", True, True
    ending = THOUGHT

    def before(self, material: Material, number: int) -> list[str]:
        after = material.rule.answer_after
        return [worked(d.prompt, d.chain, d.answer, after) for d in material.demonstrations]

    def stop(self, rule: ChainRule) -> tuple[str, ...]:
        return rule.stop

    def modification(self, material: Material) -> str:
        return (
            f"{len(material.demonstrations)} demonstrations with reasoning written by this "
            f"project{_form(material)} before the item; the model writes its reasoning before the "
            "answer"
        )

    def shown_characters(self, task: Task, source: str) -> int:
        return sum(len(d.prompt + d.chain + d.answer) for d in task.demonstrations(source))


class ZeroShotChainOfThought(Variant):
    """The item and a request to reason, no demonstration (Kojima et al. 2022, arXiv:2205.11916)."""

    pattern, has_chain = "zero-shot-cot", True
    ending = THOUGHT + TRIGGER

    def stop(self, rule: ChainRule) -> tuple[str, ...]:
        # Without a demonstration no model knows that its reasoning should stay in one line.
        return ("\n\n",)

    def modification(self, material: Material) -> str:
        return (
            f"'{TRIGGER.strip()}' after the item; the model writes its reasoning before the answer"
        )


class EmbeddedShots(Variant):
    """The item with only the last k of the solved questions that it holds itself."""

    pattern, task_specific = "inside-k", True

    @property
    def needs_chain(self) -> bool:
        """Whether a chain of thought is generated before the classes are scored."""
        return self.has_chain and not self.writes

    def applies(self, task: Task) -> bool:
        return task.inside is not None and self.k < task.inside.count

    def questions(self, material: Material) -> dict[int, tuple[str, str | None]]:
        items, embedded = material.items, material.embedded
        if embedded is None or self.k >= embedded.count:
            raise UserError(
                f"variant '{self.name}'",
                f"the prompts hold {embedded.count if embedded else 0} solved questions",
                "use it for tasks whose prompts hold more",
            )
        shortened: dict[int, tuple[str, str | None]] = {}
        for number, item in enumerate(items):
            own = _last(item.prompt, self.k, embedded)
            other = item.other_prompt and _last(item.other_prompt, self.k, embedded)
            if own is not None and (other is None) == (item.other_prompt is None):
                shortened[number] = own, other
        if not shortened:
            _, ends = _split(items[0].prompt, embedded)
            raise UserError(
                f"variant '{self.name}', item 0",
                f"inside_separator matches {len(ends)} times, but demonstrations_inside is "
                f"{embedded.count}, and no other item splits either",
                "correct inside_separator in task.yaml",
            )
        return shortened

    def modification(self, material: Material) -> str:
        count = material.embedded.count if material.embedded else 0
        kept = f"only the last {self.k}" if self.k else "none"
        return f"{kept} of the {count} solved questions that the item holds"

    def item_share(self, task: Task) -> float:
        return (self.k + 1) / (task.inside.count + 1) if task.inside else 1.0


class Think(Variant):
    """The item, and up to k tokens of thinking before the model writes its answer."""

    pattern, thinks = "think-k", True
    axis = "thinking-tokens"

    def modification(self, material: Material) -> str:
        return f"the model thinks for at most {self.k} tokens before its answer"


PATTERNS = [kind.pattern for kind in KINDS]


def parse_variant(name: str) -> Variant:
    """The variant of a name.

    Raises
    ------
    UserError
        If no variant has that name.

    Examples
    --------
    >>> parse_variant("few-shot-2-chat-generated")
    FewShot(k=2, chat=True, generated=True)
    """
    own, *ends = re.split(f"(?={CHAT}$|{CHAT}{GENERATED}$|{GENERATED}$)", name, maxsplit=1)
    end = "".join(ends)
    suffixes = {"chat": CHAT in end, "generated": GENERATED in end}
    for kind in KINDS:
        if kind.thinks and suffixes["generated"]:
            continue
        stem = kind.pattern.removesuffix("-k")
        if own == stem == kind.pattern:
            return kind(**suffixes)
        number = re.fullmatch(re.escape(stem) + r"-(0|[1-9]\d*)", own)
        if stem != kind.pattern and number and int(number[1]) >= kind.least:
            return kind(int(number[1]), **suffixes)
    *first, last = PATTERNS
    raise UserError(
        f"variant '{name}'",
        "is unknown",
        f"use {', '.join(first)} or {last}, all but the last also with {GENERATED} at the end",
    )


def is_variant(name: str) -> bool:
    """Whether a variant has this name."""
    try:
        parse_variant(name)
    except UserError:
        return False
    return True


def kind_of(name: str) -> type[Variant] | None:
    """The class of a variant; None for a name that only an older or foreign table knows."""
    return type(parse_variant(name)) if is_variant(name) else None


def order_variants(names: Iterable[str]) -> list[str]:
    """Sort names as the reader expects them: by class, unknown ones last.

    Examples
    --------
    >>> order_variants(["cot", "few-shot-16", "few-shot-2", "zero-shot"])
    ['zero-shot', 'few-shot-2', 'few-shot-16', 'cot']
    """

    def key(name: str) -> tuple[int, int, bool, bool, str]:
        kind = kind_of(name)
        if kind is None:
            return len(KINDS), 0, False, False, name
        variant = parse_variant(name)
        return KINDS.index(kind), variant.k, variant.chat, variant.generated, name

    return sorted(set(names), key=key)


def points_along(axis: str, names: Iterable[str]) -> dict[str, dict[str, int]]:
    """The curves that some variants make along an axis, each with its points.

    The item alone is the point 0 of every curve whose variants have its suffixes, unless one of
    these has the number 0 itself.

    Examples
    --------
    >>> points_along("shots", ["zero-shot", "few-shot-4", "few-shot-2", "few-shot-2-chat"])
    {'few-shot-k': {'zero-shot': 0, 'few-shot-2': 2, 'few-shot-4': 4}, \
'few-shot-k-chat': {'few-shot-2-chat': 2}}
    """
    known = order_variants(name for name in names if is_variant(name))
    curves: dict[str, dict[str, int]] = {}
    for variant in map(parse_variant, known):
        if variant.axis != axis:
            continue
        origin = variant.origin.name
        begun = {origin: 0} if origin in known and variant.k > 0 else {}
        curves.setdefault(variant.curve, begun)[variant.name] = variant.k
    return curves


def with_chat(name: str) -> str:
    """What tables call a variant whose prompts went through a chat template."""
    return replace(parse_variant(name), chat=True).name


def without_chat(name: str) -> str:
    """What files call a variant: the template is the model's, so they are the same for all.

    Examples
    --------
    >>> without_chat("few-shot-2-chat-generated")
    'few-shot-2-generated'
    """
    return replace(parse_variant(name), chat=False).name if is_variant(name) else name


def solved(prompt: str, answer: str) -> str:
    """A prompt with its answer, as a demonstration shows it."""
    return prompt + answer


def worked(prompt: str, chain: str, answer: str, answer_after: str) -> str:
    """A prompt with a chain of thought, the words that announce the answer, and the answer."""
    return prompt + THOUGHT + chain + answer_after + answer


def _form(material: Material) -> str:
    form = next((d.form for d in material.demonstrations), "")
    return f", in the form of {form}," if form else ""


def _last(text: str, k: int, embedded: EmbeddedDemonstrations) -> str | None:
    """A question with its opening and the last k of its solved ones; None if it does not split."""
    opening, ends = _split(text, embedded)
    if len(ends) != embedded.count:
        return None
    return text[:opening] + text[ends[embedded.count - k - 1] :]


def _split(text: str, embedded: EmbeddedDemonstrations) -> tuple[int, list[int]]:
    """Where the opening of a question ends, and each of its separators."""
    opening = embedded.opening.match(text) if embedded.opening else None
    start = opening.end() if opening else 0
    return start, [match.end() for match in embedded.separator.finditer(text, start)]
