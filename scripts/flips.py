"""Step: find the items that flip between sizes.

Two products, of tasks that are judged by accuracy:

``--output`` (CSV)
    One row per family, source, task, variant and pair of neighbouring sizes, with the columns
    `ushaped.results.columns.FLIPS`. ``lost`` counts the items that are right at the size and wrong
    at the next one, ``gained`` those that are wrong and then right; ``seeds_differ`` and
    ``next_seeds_differ``, empty for a single seed, the items on which two seeds of one size differ.
    With several seeds all are means over pairs of seeds.
``--items`` (JSON)
    ``{"version": 1, "prompt_end": ..., "class_start": ..., "curves": [...]}``. A curve has its
    names, its ``sizes`` with their ``seeds``, and its ``ways`` (`ushaped.flips.transitions`): the
    ``sizes`` looked at, how many items go so (``count``), on how many the seeds of such a size are
    ``split``, and the first of those that go so by number as ``examples``. Of an example there are
    the last ``prompt_end`` characters of its prompt, how many are ``left_out`` before them, its
    classes (``class_start`` characters of each), and by size the class that each seed chose
    (``chosen``) and the mean probability of the right class among the classes (``probability``).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import softmax

from ushaped.errors import run
from ushaped.files import write_json
from ushaped.flips import Transition, about, step_rows, transitions
from ushaped.metrics.definitions import Scores, answers
from ushaped.metrics.read import add_inputs, read_conditions
from ushaped.metrics.table import Condition, by_size, mean_over
from ushaped.metrics.written import WrittenAnswers
from ushaped.results.columns import FLIPS
from ushaped.results.parquet import read_table
from ushaped.results.records import FLIPS_VERSION
from ushaped.results.text_files import Row, write_table

# Examples of each transition: the lowest item numbers, so that nobody chose them.
EXAMPLES = 2
# Characters that are shown: the end of a prompt holds the question.
PROMPT_END, CLASS_START = 400, 160
TEXTS = ("item", "prompt", "classes", "answer_index", "distractor_index")


def main() -> None:
    """Read the command line, find what flips, write both files."""
    arguments = parse()
    rows: list[Row] = []
    curves: list[dict[str, Any]] = []
    for condition, scores in read_conditions(arguments):
        if isinstance(scores, WrittenAnswers):
            continue
        metrics = scores.metrics(condition.questions)
        # Nothing is right or wrong where no accuracy is measured.
        if "accuracy" in metrics:
            rows += step_rows(condition, metrics["accuracy"].values)
            curves.append(curve(condition, scores, metrics["accuracy"].values))
    write_table(arguments.output, FLIPS, rows)
    limits = {"prompt_end": PROMPT_END, "class_start": CLASS_START}
    write_json(arguments.items, {"version": FLIPS_VERSION} | limits | {"curves": curves})


def parse() -> argparse.Namespace:
    """Command line of the step."""
    parser = argparse.ArgumentParser(description="Find the items that flip between sizes.")
    add_inputs(parser)
    parser.add_argument("--output", type=Path, required=True, metavar="CSV")
    parser.add_argument("--items", type=Path, required=True, metavar="JSON")
    return parser.parse_args()


def curve(condition: Condition, scores: Scores, correct: np.ndarray) -> dict[str, Any]:
    """The transitions of one curve's items, with examples; ``correct`` has shape (models, n)."""
    members = by_size(condition.models)
    sizes = [condition.models[rows[0]].size for rows in members]
    of_curve = list(transitions(mean_over(members, correct)))
    positions = sorted({i for transition in of_curve for i in first(transition)})
    texts = read_texts(condition, positions)
    examples = {
        i: text | example(condition, scores, members, i)
        for i, text in zip(positions, texts, strict=True)
    }
    return about(condition) | {
        "n": correct.shape[1],
        "sizes": sizes,
        "seeds": [len(rows) for rows in members],
        "ways": [
            {
                "shape": transition.shape,
                "sizes": [sizes[i] for i in transition.sizes],
                "count": int(transition.follows.sum()),
                "split": int(transition.split.sum()),
                "examples": [examples[i] for i in first(transition)],
            }
            for transition in of_curve
        ],
    }


def first(transition: Transition) -> list[int]:
    """Positions of the items that are shown as examples."""
    return np.flatnonzero(transition.follows)[:EXAMPLES].tolist()


def example(
    condition: Condition, scores: Scores, members: Sequence[Sequence[int]], position: int
) -> dict[str, Any]:
    """How each size answered one item."""
    log_likelihoods = scores.log_likelihoods[:, position]
    chosen = answers(log_likelihoods)
    right = softmax(log_likelihoods, axis=-1)[:, condition.questions.answer[position]]
    return {
        "chosen": [[int(chosen[row]) for row in rows] for rows in members],
        "probability": [float(f"{right[list(rows)].mean():.3g}") for rows in members],
    }


def read_texts(condition: Condition, positions: Sequence[int]) -> list[dict[str, Any]]:
    """Prompts and classes of some items, cut to `PROMPT_END` and `CLASS_START` characters."""
    table = read_table(Path(condition.questions.where), TEXTS)
    return [
        {
            "item": row["item"],
            "prompt": row["prompt"][-PROMPT_END:],
            "left_out": max(len(row["prompt"]) - PROMPT_END, 0),
            "classes": [shortened(text) for text in row["classes"]],
            "answer": row["answer_index"],
            "distractor": row["distractor_index"],
        }
        for row in table.take(np.array(positions, dtype=np.int64)).to_pylist()
    ]


def shortened(text: str) -> str:
    """A class, cut if it is long."""
    return text if len(text) <= CLASS_START else f"{text[:CLASS_START]}…"


if __name__ == "__main__":
    run(main)
