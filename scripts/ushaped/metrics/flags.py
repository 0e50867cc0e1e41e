"""Flags: what makes a number doubtful, each with its condition, its mark and its words.

`FLAGS` is the one place of them: the metrics table, the page and the plain files take theirs from
here, so another flag is another entry. The thresholds are this project's conventions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ushaped.metrics.definitions import (
    CONSTANT,
    CONSTANT_SHARE,
    CUT,
    MERGED,
    Measured,
    Questions,
    Scores,
    joined,
)
from ushaped.metrics.written import WrittenAnswers

TIES = "ties"
LEFT_OUT = "items-left-out"
UNPARSED = "chains-unparsed"
UNANSWERED = "answers-unread"
CUT_ANSWERS = "answers-cut"
CUT_THOUGHTS = "thoughts-cut"
CUT_CHAINS = "chains-cut"
LOW_MASS = "low-label-mass"

CHAIN_SHARE = 0.1
"""Share of chains without an answer, or cut at the limit, above which a number is flagged."""

LABEL_MASS = 0.5
"""Label mass below which a number is flagged: the model prefers another text."""

Values = Mapping[str, float]
"""Of one model: the mean of each metric by its name, and what `values_of` adds."""


@dataclass(frozen=True)
class Flag:
    """One kind of doubt.

    Attributes
    ----------
    name : str
        As the column ``flags`` of every table has it.
    mark : str
        A word or two that stand beside a number.
    words : str
        The clause that explains it.
    holds : callable
        Whether the values of one model have it.
    says : callable
        What it is in numbers, from the values of a model or of a size; "" where there are none.
    metrics : tuple of str
        Metrics whose rows have it; names that end in ``_`` are beginnings. Empty for all.
    averaged : bool
        Whether an average over tasks has it where one of the tasks does.
    """

    name: str
    mark: str
    words: str
    holds: Callable[[Values], bool]
    says: Callable[[Values], str] = lambda values: ""
    metrics: tuple[str, ...] = ()
    averaged: bool = True

    def concerns(self, metric: str) -> bool:
        """Whether rows of a metric have it.

        Examples
        --------
        >>> FLAGS[TIES].concerns("answer_rate_0"), FLAGS[TIES].concerns("loss")
        (True, False)
        """
        if not self.metrics:
            return True
        return any(
            metric.startswith(name) if name.endswith("_") else metric == name
            for name in self.metrics
        )


def _percent(share: float) -> str:
    return f"{100 * share:.1f}%"


def _of_items(share: float, n: float) -> str:
    """A share of items as a count; a mean over seeds that is no whole number as a percentage."""
    count = share * n
    whole = abs(count - round(count)) < 1e-6 * max(n, 1)
    return (
        f"{round(count):,} of {n:,.0f} items" if whole else f"{_percent(share)} of {n:,.0f} items"
    )


def _ties(values: Values) -> str:
    said = _of_items(values["tie_share"], values["n"])
    low, high, even = (values.get(f"accuracy_ties_{how}") for how in ("against", "for", "shared"))
    if low is None or high is None or even is None:
        return said
    return f"{said}, accuracy {_percent(low)} to {_percent(high)}, {_percent(even)} at 1/m"


def _left_out(values: Values) -> str:
    share = values["unsplit_share"]
    return f"{_of_items(share, values['n'] / (1 - share))} left out"


def _unanswered(values: Values) -> str:
    said = f"no class read from {_percent(values['unanswered_share'])}"
    if not values.get("refused_share") or math.isnan(values["refused_share"]):
        return said
    return f"{said}, {_percent(values['refused_share'])} declined"


def _low_mass(values: Values) -> str:
    base = values.get("base_label_mass")
    beside = "" if base is None else f" ({_percent(base)} zero-shot)"
    return f"label mass {_percent(values['label_mass'])}{beside}"


FLAGS = {
    flag.name: flag
    for flag in (
        Flag(
            CONSTANT,
            "one answer",
            f"one answer takes {CONSTANT_SHARE:.0%} of the items or more",
            lambda values: values.get("commonest_share", 0) >= CONSTANT_SHARE,
            metrics=("accuracy",),
            averaged=False,
        ),
        Flag(
            TIES,
            "ties",
            "some items have several answers that are exactly equally likely, of which the first "
            "counts as given (the range is the accuracy with all ties broken against, or for, the "
            "right answer; 1/m that with a right answer among m counted in part)",
            lambda values: values.get("tie_share", 0) > 0,
            _ties,
            metrics=("accuracy", "distractor_share", "answer_rate_"),
        ),
        Flag(
            LEFT_OUT,
            "items left out",
            "some items of the task have no prompt in this variant and are left out",
            lambda values: values.get("unsplit_share", 0) > 0,
            _left_out,
        ),
        Flag(
            UNPARSED,
            "chains unparsed",
            f"more than {CHAIN_SHARE:.0%} of the chains of reasoning hold no answer that the rule "
            "can read",
            lambda values: values.get("unparsed_share", 0) > CHAIN_SHARE,
            lambda values: f"no answer read from {_percent(values['unparsed_share'])}",
        ),
        Flag(
            CUT_CHAINS,
            "chains cut",
            f"more than {CHAIN_SHARE:.0%} of the chains of reasoning did not end by themselves but "
            "were cut at the most tokens that a chain may have",
            lambda values: values.get("unstopped_share", 0) > CHAIN_SHARE,
            lambda values: f"{_percent(values['unstopped_share'])} cut",
        ),
        Flag(
            UNANSWERED,
            "answers unread",
            f"from more than {CHAIN_SHARE:.0%} of the written answers no class can be read; they "
            "count as wrong",
            lambda values: values.get("unanswered_share", 0) > CHAIN_SHARE,
            _unanswered,
        ),
        Flag(
            CUT_ANSWERS,
            "answers cut",
            f"more than {CHAIN_SHARE:.0%} of the written answers did not end by themselves but "
            "were cut at the most tokens that an answer may have",
            lambda values: values.get("answer_cut_share", 0) > CHAIN_SHARE,
            lambda values: f"{_percent(values['answer_cut_share'])} cut",
        ),
        Flag(
            CUT_THOUGHTS,
            "thoughts cut",
            f"more than {CHAIN_SHARE:.0%} of the thoughts were ended at the thinking budget",
            lambda values: values.get("thought_cut_share", 0) > CHAIN_SHARE,
            lambda values: f"{_percent(values['thought_cut_share'])} cut",
        ),
        Flag(
            LOW_MASS,
            "low label mass",
            f"the offered answers together have less than {LABEL_MASS:.0%} of the probability, so "
            "the model prefers another text",
            lambda values: values.get("label_mass", 1) < LABEL_MASS,
            _low_mass,
        ),
        Flag(
            MERGED,
            "merged token",
            "for some items one token holds the end of the prompt and the beginning of a class; it "
            "counts as part of the class",
            lambda values: values.get("merged", 0) > 0,
        ),
        Flag(
            CUT,
            "prompt cut",
            "some prompts were longer than the model's context, and their beginning was left out",
            lambda values: values.get("cut", 0) > 0,
        ),
    )
}


def values_of(
    found: Mapping[str, Measured], scores: Scores | WrittenAnswers, questions: Questions
) -> list[dict[str, float]]:
    """What the flags of each model depend on.

    Returns
    -------
    list of dict
        Per model, the mean of every metric, ``n``, the ``commonest_share`` of one answer text,
        the ``unsplit_share`` of the task's items that are left out, and 1 or 0 for ``merged`` and
        ``cut``.
    """
    columns = {name: one.values.mean(axis=1) for name, one in found.items()}
    columns |= {"merged": scores.merged, "cut": scores.cut}
    columns["commonest_share"] = scores.commonest_share(questions)
    same = {"n": float(len(questions.item)), "unsplit_share": questions.unsplit_share}
    return [
        {name: float(column[row]) for name, column in columns.items()} | same
        for row in range(len(scores.merged))
    ]


def flags_of(values: Sequence[Values], members: Sequence[Sequence[int]]) -> list[tuple[Flag, ...]]:
    """The flags of every model, then of every size: those that any of its models has."""
    own = [tuple(flag for flag in FLAGS.values() if flag.holds(one)) for one in values]
    sizes = [{flag.name for row in rows for flag in own[row]} for rows in members]
    return own + [tuple(flag for flag in FLAGS.values() if flag.name in names) for names in sizes]


def names_for(flags: Sequence[Flag], metric: str) -> str:
    """The cell ``flags`` of a row of the metrics table."""
    return joined(flag.name for flag in flags if flag.concerns(metric))
