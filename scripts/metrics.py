"""Step: measure every scored task, in a table for people and one row per item for the shapes.

Three products:

``--output`` (CSV)
    One row per family, model, source, task, variant and metric; the columns are
    `ushaped.results.columns.METRICS`. Rows with an empty ``model`` and ``seed`` pool all seeds of a
    size. Intervals are 95 %: Wilson for shares, normal for other means, bootstrap over items for
    pooled rows and averages. ``chance`` is empty where guessing has no defined value. ``n`` of
    ``distractor_share`` counts the items that have a distractor; ``n`` of the ten-task average is
    the sum over tasks, ``n`` of ``unsplit_share`` that of all items of the task, also of those
    that the variant leaves out. ``flags``, separated by ``;``, are those of
    `ushaped.metrics.flags.FLAGS`; pooled rows have the flags of any of their models, averages
    those of any of their tasks, but for ``constant-answer``, which is of one task's accuracy.
    A row flagged ``published`` was not measured here: it is the result of a size without weights,
    from the series of the literature (``--published``, ``--points``). Its interval is empty where
    no count is known, and in the average.
``--items`` (Parquet)
    One row per family, model, source, task, variant and item, with the schema
    `ushaped.results.parquet.ITEMS`. ``correct`` is 1 or 0; without accuracy it is the metric that
    judges the task, with the sign that makes higher better: minus the sequence loss, the log odds,
    or minus their absolute value, in nats. ``cluster`` is the template of the item where its task
    names templates, else its part; ``answer`` a number for the text of its right answer, equal
    within a condition where the texts are equal.
``--parts`` (CSV)
    One row per family, size, source, task, variant and part of the task, for tasks of several
    parts; the columns are `ushaped.results.columns.PARTS`, intervals are bootstrapped over items.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ushaped.errors import UserError, run
from ushaped.files import whole
from ushaped.literature.measured_rows import published_average, published_rows, read_points
from ushaped.metrics.definitions import Floats
from ushaped.metrics.parts import part_rows
from ushaped.metrics.read import add_inputs, read_conditions
from ushaped.metrics.table import Condition, TaskMeans, average_rows, measure
from ushaped.options import add_bootstrap
from ushaped.results.columns import METRICS, PARTS
from ushaped.results.parquet import ITEMS
from ushaped.results.text_files import Row, write_table


def main() -> None:
    """Read the command line, measure, write all files."""
    arguments = parse()
    rows: list[Row] = []
    items: list[pa.Table] = []
    parts: list[Row] = []
    averages: dict[tuple[str, str, str], dict[str, TaskMeans]] = {}
    points = read_points(arguments.published, arguments.points) if arguments.points else {}
    published: dict[str, dict[str, list[Row]]] = {}
    for condition, scores in read_conditions(arguments):
        measured, per_item, means = measure(condition, scores, arguments.draws, arguments.seed)
        theirs = published_rows(condition, points, means.chance if means else None)
        rows += measured + theirs
        items.append(item_table(condition, per_item))
        parts += part_rows(condition, scores, arguments.draws, arguments.seed)
        if means:
            family = condition.models[0].family
            group = averages.setdefault((family, condition.source, condition.variant), {})
            group[condition.task] = means
            published.setdefault(family, {}).setdefault(condition.task, []).extend(theirs)
    for group in averages.values():
        rows += average_rows(group)
    for by_task in published.values():
        rows += published_average(by_task)
    write_table(arguments.output, METRICS, rows, exact=("training_flops", "training_tokens"))
    with whole(arguments.items) as beside:
        pq.write_table(pa.concat_tables(items).unify_dictionaries(), beside)
    write_table(arguments.parts, PARTS, parts, exact=("training_flops",))


def parse() -> argparse.Namespace:
    """Command line of the step."""
    parser = argparse.ArgumentParser(description="Measure every scored task.")
    add_inputs(parser)
    parser.add_argument("--published", type=Path, metavar="CSV", help="series of the literature")
    parser.add_argument(
        "--points",
        type=json.loads,
        default={},
        metavar="JSON",
        help="by family, which series and sizes of them stand beside its own",
    )
    add_bootstrap(parser)
    parser.add_argument("--output", type=Path, required=True, metavar="CSV")
    parser.add_argument("--items", type=Path, required=True, metavar="PARQUET")
    parser.add_argument("--parts", type=Path, required=True, metavar="CSV")
    arguments = parser.parse_args()
    if arguments.points and not arguments.published:
        raise UserError("--points", "has no table to take them from", "give --published too")
    return arguments


def item_table(condition: Condition, per_item: Mapping[str, Floats]) -> pa.Table:
    """Rows of the items file for one condition; ``per_item`` has arrays of shape (models, n)."""
    models, n = per_item["correct"].shape

    def text(names: Sequence[str], each: int) -> pa.DictionaryArray:
        codes = np.repeat(np.arange(len(names), dtype=np.int32), each)
        return pa.DictionaryArray.from_arrays(codes, list(names))

    columns = {
        "family": text([condition.models[0].family], models * n),
        "model": text([model.name for model in condition.models], n),
        "source": text([condition.source], models * n),
        "task": text([condition.task], models * n),
        "variant": text([condition.variant], models * n),
        "item": np.tile(condition.questions.item, models),
        **{name: values.ravel() for name, values in per_item.items()},
        "cluster": np.tile(condition.questions.cluster, models),
        "answer": np.tile(condition.questions.right_text, models),
    }
    return pa.table(columns, schema=ITEMS)


if __name__ == "__main__":
    run(main)
