"""The questions that Wei et al. (2022) leave open, each answered from data as far as data go.

A question is a module of its name, with its ``COLUMNS``, those of text that no other table has
(``TEXT``), and ``answer``; and an entry in `QUESTIONS`, from which rules and report take theirs.
The page shows the answer as a table under its title, unless `ushaped.report.questions` has words
for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ushaped.ladder.families import ladders
from ushaped.variants import parse_variant


class Question(NamedTuple):
    """What rules and report know of a question without importing it.

    Attributes
    ----------
    title : str
        What the page and Snakemake's own report call it.
    reads : tuple of str
        Its inputs: ``published`` (the published series), or of the run ``metrics``, ``items``,
        ``protocols``, and ``prompts`` and ``scores`` of the accuracy tasks in the main variant;
        ``ladders``, the settings of families trained here, of which it takes several; ``written``,
        scores of written answers; ``pairs``, families of base and chat models.
    """

    title: str
    reads: tuple[str, ...]


QUESTIONS = {
    "continuing-published": Question(
        "do inverse curves go on falling? (published)", reads=("published",)
    ),
    "continuing-measured": Question(
        "do inverse curves go on falling? (measured)", reads=("metrics", "items")
    ),
    "chains": Question("does reasoning first change the verdict?", reads=("metrics", "protocols")),
    "matching": Question("equal compute or equal parameters?", reads=("published",)),
    "metrics-compared": Question(
        "does the shape depend on the metric?", reads=("metrics", "prompts", "scores")
    ),
    "selection": Question("how many U by chance alone?", reads=("published",)),
    "difficulty": Question(
        "is the U on hard items a selection effect?", reads=("metrics", "items")
    ),
    "onsets": Question(
        "does a rarer true regularity move the turn?", reads=("metrics", "items", "ladders")
    ),
    "written-answers": Question(
        "do written answers agree with log-likelihoods?", reads=("metrics", "protocols", "written")
    ),
    "base-and-chat": Question(
        "does a chat template change the answers?", reads=("metrics", "items", "pairs")
    ),
}


def asked(config: Mapping[str, Any]) -> dict[str, Question]:
    """The questions of a run with this configuration."""
    families, variants = config.get("families", []), config.get("variants", [])
    has = {
        "ladders": sum(name in ladders(config) for name in families) > 1,
        "written": any(parse_variant(name).writes for name in variants),
        "pairs": len(families) > 1,
    }
    return {
        name: question
        for name, question in QUESTIONS.items()
        if all(has.get(what, True) for what in question.reads)
    }
