"""Step: find the items that flip between sizes.

Two products, of tasks that are judged by accuracy:

``--output`` (CSV)
    One row per family, source, task, variant and pair of neighbouring sizes, with the columns
    `ushaped.flips.COLUMNS`. ``lost`` counts the items that are right at the size and wrong at the
    next one, ``gained`` those that are wrong and then right; ``seeds_differ`` and
    ``next_seeds_differ``, empty for a single seed, the items on which two seeds of one size differ.
    With several seeds all are means over pairs of seeds.
``--items`` (JSON)
    ``{"version": 1, "prompt_end": ..., "class_start": ..., "curves": [...]}``. A curve has its
    names, its ``sizes`` with their ``seeds``, and its ``ways`` (`ushaped.flips.ways`): the
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
from ushaped.flips import COLUMNS, VERSION, Way, about, step_rows, ways
from ushaped.metrics.definitions import Scores, answers
from ushaped.metrics.read import conditions, key_of, read_model, read_table, score_files
from ushaped.metrics.table import Condition, Row, by_size, mean_over, write_table

# Of each way. They are the first by number, so nobody chose them.
EXAMPLES = 2
# Characters that are kept: what is asked stands at the end of a prompt.
PROMPT_END, CLASS_START = 400, 160
TEXTS = ("item", "prompt", "classes", "answer_index", "distractor_index")


def main() -> None:
    """Read the command line, find what flips, write both files."""
    arguments = parse()
    models = {model.name: model for model in map(read_model, arguments.models)}
    prompts = {key_of(path): path for path in arguments.prompts}
    rows: list[Row] = []
    curves: list[dict[str, Any]] = []
    files = score_files(arguments.scores, models, prompts)
    for condition, scores in conditions(prompts, files, models):
        found = scores.metrics(condition.questions)
        # Nothing is right or wrong where no accuracy is measured.
        if "accuracy" in found:
            rows += step_rows(condition, found["accuracy"].values)
            curves.append(curve(condition, scores, found["accuracy"].values))
    write_table(arguments.output, COLUMNS, rows)
    told = {"version": VERSION, "prompt_end": PROMPT_END, "class_start": CLASS_START}
    write_json(arguments.items, told | {"curves": curves})


def parse() -> argparse.Namespace:
    """Command line of the step."""
    parser = argparse.ArgumentParser(description="Find the items that flip between sizes.")
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
    parser.add_argument("--output", type=Path, required=True, metavar="CSV")
    parser.add_argument("--items", type=Path, required=True, metavar="JSON")
    return parser.parse_args()


def curve(condition: Condition, scores: Scores, correct: np.ndarray) -> dict[str, Any]:
    """The ways of one curve's items, with examples; ``correct`` has the shape (models, n)."""
    members = by_size(condition.models)
    sizes = [condition.models[rows[0]].size for rows in members]
    found = list(ways(mean_over(members, correct)))
    wanted = sorted({int(place) for way in found for place in first(way)})
    shown = {place: example(condition, scores, members, place) for place in wanted}
    for place, texts in zip(wanted, read_texts(condition, wanted), strict=True):
        shown[place] = texts | shown[place]
    return about(condition) | {
        "n": correct.shape[1],
        "sizes": sizes,
        "seeds": [len(rows) for rows in members],
        "ways": [
            {
                "shape": way.shape,
                "sizes": [sizes[place] for place in way.sizes],
                "count": int(way.goes.sum()),
                "split": int(way.split.sum()),
                "examples": [shown[int(place)] for place in first(way)],
            }
            for way in found
        ],
    }


def first(way: Way) -> np.ndarray:
    """Places of the items that stand for a way."""
    return np.flatnonzero(way.goes)[:EXAMPLES]


def example(
    condition: Condition, scores: Scores, members: Sequence[Sequence[int]], place: int
) -> dict[str, Any]:
    """How each size answered one item."""
    found = scores.log_likelihoods[:, place]
    chosen = answers(found)
    probability = softmax(found, axis=-1)[:, condition.questions.answer[place]]
    return {
        "chosen": [[int(chosen[row]) for row in rows] for rows in members],
        "probability": [float(f"{probability[list(rows)].mean():.3g}") for rows in members],
    }


def read_texts(condition: Condition, places: Sequence[int]) -> list[dict[str, Any]]:
    """What some items ask, at most so many characters of it."""
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
        for row in table.take(np.array(places, dtype=np.int64)).to_pylist()
    ]


def shortened(text: str) -> str:
    """A class, cut if it is long."""
    return text if len(text) <= CLASS_START else f"{text[:CLASS_START]}…"


if __name__ == "__main__":
    run(main)
