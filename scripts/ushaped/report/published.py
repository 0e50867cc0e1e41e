"""The results of the literature: its tables, and what its figures show."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ushaped.errors import UserError
from ushaped.figures import style
from ushaped.report.findings import Findings
from ushaped.report.pictures import Picture, picture
from ushaped.report.text import listing, plural
from ushaped.results import tables
from ushaped.results.folder import find_figures
from ushaped.results.numbers import by_metric, metric_prefix, percent, zetta
from ushaped.terms import AVERAGE, PALM

TABLES = ("tasks", "series", "palm", "averages", "verdicts", "verdict-counts", "ordering")
NEARLY = 0.01

Row = dict[str, str]


@dataclass(frozen=True)
class Judged:
    """The verdicts of both rules on one published curve."""

    shape: str
    literal: str

    @property
    def shown(self) -> str:
        """The verdict of the published-equivalent rule."""
        return self.shape

    @property
    def agree(self) -> bool:
        """Whether both rules give the same verdict."""
        return self.shape == self.literal


@dataclass(frozen=True)
class Grid:
    """A table: names of columns, and rows of (name, cells); a missing cell is None."""

    columns: list[str]
    rows: list[tuple[str, list[Judged | Row | None]]]


@dataclass(frozen=True)
class Orders:
    """What the averages say about the labels of the source figure.

    Attributes
    ----------
    consistent, mixed : list of str
        Series whose labels are right, and those with two orders of sizes.
    moved : list of str
        Tasks that stand in another order of sizes than the others.
    explanations : int
        Largest number of splits that explain the averages of one mixed series.
    before, after : float
        Largest error of an average of the mixed series, as a share of 1.
    rows : list of dict
        Rows of the mixed series.
    """

    consistent: list[str]
    mixed: list[str]
    moved: list[str]
    explanations: int
    before: float
    after: float
    rows: list[Row]


@dataclass(frozen=True)
class PublishedView:
    """``partials/published.html.j2``.

    ``corrected_shift`` is the largest change of a value of modus-tollens by the correction of its
    items, as a share of 1; NaN if its figure was not drawn. ``tables`` are CSV by name.
    """

    pictures: dict[str, Picture]
    tasks: list[Row]
    series: list[Row]
    values: Grid
    verdicts: Grid
    counts: list[Row]
    shapes: Sequence[str]
    orders: Orders
    markers: list[Row]
    corrected_shift: float
    tables: dict[str, str]
    has_evidence: bool
    item_sources: str


def published_view(findings: Findings) -> PublishedView | None:
    """Read the tables and figures of the literature; None if there is no folder of them.

    Raises
    ------
    UserError
        If a table is not there.
    """
    folder = findings.results.literature
    if folder is None:
        return None
    paths = {name: folder / "tables" / f"{name}.csv" for name in TABLES}
    read = {name: _rows(path) for name, path in paths.items()}
    order = tables.order_tasks(_tasks(read["verdicts"]))
    orders = _orders(read["ordering"])
    drawn = find_figures([folder / "figures"])
    # In the order of their numbers; the third is that of the families run here.
    alts = {
        "average": _describe_average(read["verdicts"]),
        "tasks": _describe_tasks(read["verdict-counts"]),
        "beside": "",
        "injection": _describe_injection(read["palm"]),
        "answers": _describe_answers(drawn.get("answers")),
        "ordering": _describe_orders(orders),
        "compute": _describe_compute(read["series"]),
    }
    pictures = {
        name: picture(name, drawn, f"Figure P{number}", alt, prefix="published-")
        for number, (name, alt) in enumerate(alts.items(), start=1)
    }
    counts = "; ".join(tally.description for tally in findings.tallies)
    alt = (
        "One small panel per task: what was run here zero-shot under the official protocol in "
        f"front of all published series. {counts}."
    )
    return PublishedView(
        pictures=pictures | {"beside": findings.picture("beside", "P3", alt)},
        tasks=sorted(
            read["tasks"],
            key=lambda row: order.index(row["task"]) if row["task"] in order else len(order),
        ),
        series=read["series"],
        values=_values(read["palm"], read["averages"]),
        verdicts=_verdicts(read["verdicts"]),
        counts=read["verdict-counts"],
        shapes=style.SHAPES,
        orders=orders,
        markers=_markers(drawn.get("tasks")),
        corrected_shift=_corrected_shift(drawn.get("answers")),
        tables={f"published-{name}": path.read_bytes().decode() for name, path in paths.items()},
        has_evidence=bool(findings.evidence),
        item_sources=findings.item_sources,
    )


def _rows(path: Path) -> list[Row]:
    if not path.exists():
        raise UserError(str(path), "no such file", "run `snakemake figures`")
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    return [{str(k): str(v) for k, v in row.items()} for row in table.to_dict("records")]


def _tasks(rows: Sequence[Row]) -> list[str]:
    return [row["task"] for row in rows]


def _names(rows: Sequence[Row], column: str = "series") -> list[str]:
    """Names in a column, each once, in the order of the table."""
    return list(dict.fromkeys(row[column] for row in rows))


# -- tables ---------------------------------------------------------------------------------------


def _values(palm: Sequence[Row], averages: Sequence[Row]) -> Grid:
    """Values of PaLM, tasks by sizes; the average is the mean of the ten tasks."""
    means = [
        row | {"task": AVERAGE, "metric": "accuracy", "value": row["mean_of_ten"]}
        for row in averages
        if row["series"] == PALM
    ]
    rows = [*(row for row in palm if row["task"] != AVERAGE), *means]
    cells = {(row["task"], row["size"]): row for row in rows}
    sizes = _names(sorted(rows, key=lambda row: float(row["zettaflops"])), "size")
    return Grid(
        sizes,
        [
            (task, [cells.get((task, size)) for size in sizes])
            for task in tables.order_tasks(_tasks(rows))
        ],
    )


def _verdicts(rows: Sequence[Row]) -> Grid:
    """Verdicts, tasks by series."""
    cells = {
        (row["task"], row["series"]): Judged(row["equivalent"], row["literal"]) for row in rows
    }
    names = _names(rows)
    return Grid(
        names,
        [
            (task, [cells.get((task, name)) for name in names])
            for task in tables.order_tasks(_tasks(rows))
        ],
    )


def _orders(rows: Sequence[Row]) -> Orders:
    mixed = [row for row in rows if row["moved_tasks"]]
    return Orders(
        consistent=[name for name in _names(rows) if name not in _names(mixed)],
        mixed=_names(mixed),
        moved=tables.order_tasks(task for row in mixed for task in row["moved_tasks"].split(";")),
        explanations=max((int(row["explanations"]) for row in mixed), default=0),
        before=max((abs(float(row["error_before"])) for row in mixed), default=0.0),
        after=max((abs(float(row["error_after"])) for row in mixed), default=0.0),
        rows=mixed,
    )


def _markers(figure: Path | None) -> list[Row]:
    """Results without known compute, from the numbers beside the figure of the tasks."""
    if figure is None:
        return []
    return [row for row in _rows(figure.with_suffix(".csv")) if row["kind"] == "marker"]


def _corrected_shift(figure: Path | None) -> float:
    if figure is None:
        return math.nan
    values: dict[tuple[str, str], list[float]] = {}
    for row in _rows(figure.with_suffix(".csv")):
        values.setdefault((row["family"], row["size"]), []).append(float(row["value"]))
    both = [pair for pair in values.values() if len(pair) == 2]
    return max((abs(one - other) for one, other in both), default=math.nan)


# -- what the figures say -------------------------------------------------------------------------


def _describe_average(verdicts: Sequence[Row]) -> str:
    averages = {row["series"]: row for row in verdicts if row["task"] == AVERAGE}
    others = [row for name, row in averages.items() if name != PALM]
    lower = [row for row in others if float(row["last"]) < float(row["first"])]
    text = f"{len(lower)} of {len(others)} series without {PALM} end lower than they begin. "
    lead = averages.get(PALM)
    if lead:
        first, lowest, last = (percent(float(lead[name])) for name in ("first", "lowest", "last"))
        text += f"{PALM} goes from {first} to {lowest} at {lead['valley_size']} and ends at {last}."
    return f"Mean accuracy over ten tasks against training compute, two panels. {text}"


def _describe_tasks(counts: Sequence[Row]) -> str:
    counted = [
        f"{row[shape]} {shape}"
        for row in counts
        if row["series"] == PALM and row["rule"] == "equivalent"
        for shape in style.SHAPES
        if row[shape] != "0"
    ]
    return f"One small panel per task with all published series. {PALM}: {', '.join(counted)}."


def _describe_injection(palm: Sequence[Row]) -> str:
    own = [row for row in palm if row["metric"] == "sequence_loss"]
    values = ", ".join(f"{by_metric(float(row['value']), row['metric'])}" for row in own)
    sizes = listing([row["size"] for row in own]) if own else "no size"
    return (
        "prompt-injection, negated loss and mean probability against training compute. "
        f"The loss of {PALM} is {values} nats at {sizes}; its probability was not published."
    )


def _describe_compute(series: Sequence[Row]) -> str:
    flops = [float(row["training_flops"]) for row in series]
    tokens = [float(row["implied_tokens"]) for row in series]
    return (
        f"Parameters against training compute of {plural(len(series), 'published model')}, from "
        f"{zetta(min(flops))} to {zetta(max(flops))} zettaFLOPs. Their compute implies "
        f"{metric_prefix(min(tokens))} to {metric_prefix(max(tokens))} training tokens."
    )


def _describe_answers(figure: Path | None) -> str:
    if figure is None:
        return ""
    rows = [row for row in _rows(figure.with_suffix(".csv")) if row["metric"] == "accuracy"]
    nearly = [row for row in rows if min(float(row["value"]), 1 - float(row["value"])) <= NEARLY]
    return (
        "modus-tollens, share of Yes by parameters, one panel per series. "
        f"{len(nearly)} of {plural(len(rows), 'model')} give the same answer to at least "
        f"{percent(1 - NEARLY, 0)} of the items."
    )


def _describe_orders(orders: Orders) -> str:
    if not orders.rows:
        return "Averages as plotted and corrected: no series has mixed orders of sizes."
    worst = max(orders.rows, key=lambda row: abs(float(row["error_before"])))
    plotted, corrected = (
        percent(float(worst[name])) for name in ("plotted_average", "average_corrected")
    )
    return (
        f"Average over ten tasks of {listing(orders.mixed)}, as plotted and corrected. "
        f"{worst['series']} at {worst['plotted_size']}: {plotted} as plotted, "
        f"{corrected} corrected."
    )
