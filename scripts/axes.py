"""Step: regroup what was measured, so that curves run along another axis than the sizes.

Three products, of one axis (`ushaped.axes`); nothing is measured or scored anew:

``--output`` (CSV)
    Rows of the metrics table that belong to a curve along the axis, with its column: ``family`` is
    what stays the same along a curve (a family, or one size of it), ``size`` the name of a point,
    and ``variant`` that of the curve, as in ``few-shot-k``. Along thinking tokens
    ``thinking_budget`` is what was allowed and ``thinking_tokens`` the mean of what was used.
``--regrouped-items`` (Parquet)
    The rows of the items file that these numbers are means of.
``--left-out`` (CSV)
    What is on no curve, and why: ``family,source,task,variant,reason``; an empty cell stands for
    all.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ushaped.axes import ASKED, AXES
from ushaped.errors import UserError, run
from ushaped.files import whole
from ushaped.metrics.regroup import regroup
from ushaped.results import tables
from ushaped.results.columns import LEFT_OUT, METRICS
from ushaped.results.parquet import ITEMS
from ushaped.results.text_files import AGAIN, Row, write_table


def main() -> None:
    """Read the command line and both tables, regroup them, write all files."""
    options = parse()
    axis, metrics = AXES[options.axis], tables.read_metrics(options.metrics)
    try:
        items = pq.read_table(options.items, columns=ITEMS.names).to_pandas()
    except (OSError, pa.ArrowInvalid) as error:
        raise UserError(str(options.items), f"is not readable Parquet ({error})", AGAIN) from None
    found = regroup(axis, metrics, items)
    exact = ("training_flops", "training_tokens")
    write_table(options.output, axis.columns(METRICS), rows_of(found.metrics), exact=exact)
    with whole(options.regrouped_items) as beside:
        table = pa.Table.from_pandas(found.items, preserve_index=False).select(ITEMS.names)
        pq.write_table(table.cast(ITEMS), beside)
    write_table(options.left_out, LEFT_OUT, rows_of(found.left_out))


def rows_of(table: pd.DataFrame) -> list[Row]:
    """Rows of a table, to be written."""
    return [
        dict(zip(map(str, table), row, strict=True))
        for row in table.itertuples(index=False, name=None)
    ]


def parse() -> argparse.Namespace:
    """Command line of the step."""
    parser = argparse.ArgumentParser(description="Regroup metrics along another axis.")
    parser.add_argument("axis", choices=ASKED)
    parser.add_argument("--metrics", type=Path, required=True, metavar="CSV")
    parser.add_argument("--items", type=Path, required=True, metavar="PARQUET")
    parser.add_argument("--output", type=Path, required=True, metavar="CSV")
    parser.add_argument("--regrouped-items", type=Path, required=True, metavar="PARQUET")
    parser.add_argument("--left-out", type=Path, required=True, metavar="CSV")
    return parser.parse_args()


if __name__ == "__main__":
    run(main)
