"""The tables of one run as data frames: read, checked, and cut to what is shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from ushaped.axes import AXES
from ushaped.errors import UserError
from ushaped.metrics.intervals import wilson
from ushaped.results import columns
from ushaped.results.text_files import read_csv
from ushaped.terms import (
    AVERAGE,
    LOSSES,
    MAIN_VARIANT,
    NATS,
    OFFICIAL,
    OWN,
    PRIMARY,
    PUBLISHED,
    TASKS,
)
from ushaped.variants import order_variants

__all__ = ["AVERAGE", "LOSSES", "NATS", "PRIMARY", "TASKS", "order_variants"]

CHANCE = "chance"
# The flag of a result that stands on a family's curve but was not measured here.
PUBLISHED_POINT = "published"

PROBABILITY = {
    "positive": "p_positive",
    "inverse": "p_inverse",
    "U-shaped": "p_u",
    "inverted-U": "p_inverted_u",
    "flat": "p_flat",
}

# Columns of the CSV beside every figure of curves.
CURVE = [
    *("family", "source", "task", "variant", "protocol", "metric", "kind", "size", "seed"),
    *("parameters", "training_flops", "value", "low", "high", "n", "chance", "flags"),
]


# -- reading --------------------------------------------------------------------------------------


def numbers(names: Iterable[str]) -> list[str]:
    """Those of some columns that hold numbers.

    Examples
    --------
    >>> numbers(["family", "value", "low"])
    ['value', 'low']
    """
    return [name for name in names if name not in columns.TEXT]


def read(
    path: str | Path, names: Sequence[str], text: Collection[str] = columns.TEXT
) -> pd.DataFrame:
    """Read a CSV table.

    Parameters
    ----------
    path : str or Path
    names : sequence of str
        Columns that the table must have.
    text : collection of str
        Columns of text; all other ``names`` hold numbers, NaN where a cell is empty.

    Raises
    ------
    UserError
        If the file cannot be read, a column is missing, or a cell holds no number.
    """
    return read_lines(path, names, text).reset_index(drop=True)


def read_lines(
    path: str | Path, names: Sequence[str], text: Collection[str] = columns.TEXT
) -> pd.DataFrame:
    """Read a CSV table as `read` does; its index are the line numbers of the rows."""
    header, rows = read_csv(path, names)
    lines = pd.Index([int(row["line"]) for row in rows], name="line")
    cells = {name: [row[name] for row in rows] for name in header}
    table = pd.DataFrame(cells, index=lines, dtype=str)
    for name in names:
        if name not in text:
            table[name] = [_number(path, row, name) for row in rows]
            table[name] = table[name].astype(float)
    return table


def _number(path: str | Path, row: dict[str, str], name: str) -> float:
    cell = row[name]
    try:
        # Python takes 1_000 for a number; where it stands in a table, something went wrong.
        return float(cell if "_" not in cell else "?") if cell else float("nan")
    except ValueError:
        where = f"{path}, line {row['line']}"
        raise UserError(where, f"{name} is '{cell}'", "give a number") from None


def read_metrics(path: str | Path) -> pd.DataFrame:
    """Read ``metrics.csv``."""
    return refuse_mixed_protocols(read(path, columns.METRICS), path)


def read_along(path: str | Path, axis: str) -> pd.DataFrame:
    """Read ``axes/AXIS/metrics.csv``."""
    return refuse_mixed_protocols(read(path, AXES[axis].columns(columns.METRICS)), path)


def read_left_out(path: str | Path) -> pd.DataFrame:
    """Read ``axes/AXIS/left-out.csv``."""
    return read(path, columns.LEFT_OUT)


def read_parts(path: str | Path) -> pd.DataFrame:
    """Read ``parts.csv``."""
    return read(path, columns.PARTS)


def read_flips(path: str | Path) -> pd.DataFrame:
    """Read ``flips.csv``."""
    return read(path, columns.FLIPS)


def read_shapes(path: str | Path) -> pd.DataFrame:
    """Read ``shapes.csv``."""
    return refuse_mixed_protocols(read(path, columns.SHAPES), path)


def read_protocols(path: str | Path) -> pd.DataFrame:
    """Read ``protocols.csv``."""
    return refuse_mixed_protocols(read(path, columns.PROTOCOLS), path)


def read_power(path: str | Path) -> pd.DataFrame:
    """Read ``power.csv``."""
    return read(path, columns.POWER)


def read_published(path: str | Path) -> pd.DataFrame:
    """Read the published series (``literature/series.csv``)."""
    return read(path, columns.SERIES)


def read_labels(path: str | Path) -> pd.DataFrame:
    """Read what papers say of their curves (``literature/verdicts.csv``)."""
    return read(path, columns.LABELS)


def read_question(path: str | Path) -> pd.DataFrame:
    """Read the answer to an open question; its file bears the name of the question.

    Raises
    ------
    UserError
        If no question has that name.
    """
    name = Path(path).stem.replace("-", "_")
    # By name, so that no other reader depends on the code of the questions.
    try:
        module = import_module(f"ushaped.questions.{name}")
        names, text = module.COLUMNS, columns.TEXT | module.TEXT
    except (ModuleNotFoundError, AttributeError):
        do = "give a file that bears the name of a question"
        raise UserError(str(path), "is no open question", do) from None
    table = read(path, names, text)
    return refuse_mixed_protocols(table, path) if "protocol" in names else table


def refuse_mixed_protocols(table: pd.DataFrame, where: str | Path) -> pd.DataFrame:
    """Return a table unless one of its prompt variants has two protocols.

    Figures and page label, count and summarise by variant, so tasks of another protocol under the
    same name would be mixed with official ones unseen. Tasks of the prize and others share a
    variant that modifies neither (`shared_protocol`); a single task has one protocol.

    Raises
    ------
    UserError
        Naming the variant and both protocols.
    """
    for variant, rows in table.groupby("variant"):
        names = set(rows["protocol"])
        several = (rows.groupby("task")["protocol"].nunique() > 1).any()
        if several or (len(names) > 1 and names != {OFFICIAL, OWN}):
            raise UserError(
                f"{where}, variant '{variant}'",
                "mixes the protocols " + " and ".join(f"'{name}'" for name in sorted(names)),
                "give the prompts of a variant one protocol",
            )
    return table


# -- order and names ------------------------------------------------------------------------------


def order_tasks(tasks: Iterable[str]) -> list[str]:
    """Sort tasks as the paper does; others after them by name; the average last."""
    order = {name: place for place, name in enumerate(TASKS)}
    return sorted(set(tasks), key=lambda t: (t == AVERAGE, order.get(t, len(order)), t))


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of a table as dictionaries, tasks in the order of `order_tasks`."""
    order = order_tasks(table["task"])
    rows = [as_record(row) for _, row in table.iterrows()]
    return sorted(rows, key=lambda row: order.index(row["task"]))


def as_record(row: pd.Series) -> dict[str, Any]:
    """A row as a dictionary."""
    return {str(name): value for name, value in row.items()}


class Edition(NamedTuple):
    """A task on the items of one source: different questions from those of another source."""

    source: str
    task: str


def editions(table: pd.DataFrame) -> list[Edition]:
    """The editions that were run here: tasks in the order of the paper, sources by name."""
    ours = table[table["source"] != PUBLISHED]
    tasks = order_tasks(ours["task"])
    pairs = set(zip(ours["source"], ours["task"], strict=True))
    return [Edition(*pair) for pair in sorted(pairs, key=lambda p: (tasks.index(p[1]), p[0]))]


def of_edition(table: pd.DataFrame, edition: Edition) -> pd.DataFrame:
    """The rows of one edition."""
    return table[(table["source"] == edition.source) & (table["task"] == edition.task)]


def edition_names(editions: Iterable[Edition]) -> dict[Edition, str]:
    """What each edition is called: as its task, with its items where the task has several editions.

    Examples
    --------
    >>> neqa = [Edition("official", "neqa"), Edition("replica", "neqa")]
    >>> list(edition_names([*neqa, Edition("replica", "redefine")]).values())
    ['neqa (official items)', 'neqa (replica items)', 'redefine']
    """
    editions = list(editions)
    count = Counter(edition.task for edition in editions)
    return {
        edition: task if count[task] == 1 else f"{task} ({source} items)"
        for edition in editions
        for source, task in [edition]
    }


def title_of_items(editions: Iterable[Edition]) -> str:
    """What a legend says about the items: where they come from, "" if it is not one source.

    Examples
    --------
    >>> title_of_items([Edition("replica", "neqa"), Edition("replica", "redefine")])
    'replica items'
    >>> title_of_items([Edition("replica", "neqa"), Edition("official", "neqa")])
    ''
    """
    sources = {edition.source for edition in editions}
    return f"{sources.pop()} items" if len(sources) == 1 else ""


def main_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of each family's main variant: the first one in reading order that it was run with."""
    main = {family: order_variants(own)[0] for family, own in rows.groupby("family")["variant"]}
    return rows[rows["variant"] == rows["family"].map(main)]


def primary_metric(task_rows: pd.DataFrame) -> str:
    """The metric that judges a task: accuracy, or what stands in its place."""
    present = set(task_rows["metric"])
    return next((metric for metric in PRIMARY if metric in present), PRIMARY[0])


def curves(
    metrics: pd.DataFrame,
    task: str,
    wanted: Sequence[str],
    *,
    source: str | None = None,
    variants: Sequence[str] | None = None,
    seeds: bool = True,
) -> pd.DataFrame:
    """Cut out the rows of one task that a figure draws, in drawing order.

    Parameters
    ----------
    metrics : DataFrame
        The table of `read_metrics`.
    task : str
        Task name.
    wanted : sequence of str
        Metrics.
    source : str, optional
        Where its items come from; all sources unless given.
    variants : sequence of str, optional
        Variants; all of them unless given.
    seeds : bool
        Whether rows of single models come along.

    Returns
    -------
    DataFrame
        Columns `CURVE`; ``kind`` is ``mean`` or ``seed``.
    """
    rows = metrics[(metrics["task"] == task) & metrics["metric"].isin(wanted)]
    if source is not None:
        rows = rows[rows["source"] == source]
    if variants is not None:
        rows = rows[rows["variant"].isin(variants)]
    rows = rows.assign(kind=rows["model"].map(lambda model: "seed" if model else "mean"))
    if not seeds:
        rows = rows[rows["kind"] == "mean"]
    return in_order(rows[CURVE])


def published_curves(published: pd.DataFrame, metrics: Sequence[str] = PRIMARY) -> pd.DataFrame:
    """Turn published points into the rows that figures draw.

    Parameters
    ----------
    published : DataFrame
        The table of `read_published`.
    metrics : sequence of str
        Which metrics.

    Returns
    -------
    DataFrame
        Columns `CURVE`; ``kind`` is ``published``, ``low`` and ``high`` are Wilson's interval where
        the counts are known, ``chance`` is the task's.
    """
    is_chance = published["series"] == CHANCE
    levels = dict(zip(published["task"][is_chance], published["value"][is_chance], strict=True))
    rows = published[~is_chance & published["metric"].isin(metrics)]
    low, high = wilson((rows["k"] / rows["n"]).to_numpy(), rows["n"].to_numpy())
    given = {name: rows[name] for name in CURVE if name in rows}
    made = {
        "family": rows["series"],
        "source": PUBLISHED,
        "variant": MAIN_VARIANT,
        "kind": PUBLISHED,
        "seed": "",
        "low": low,
        "high": high,
        "chance": rows["task"].map(levels).where(rows["metric"] == "accuracy"),
        "flags": "",
    }
    return in_order(pd.DataFrame(given | made, columns=CURVE, index=rows.index))


def in_order(rows: pd.DataFrame) -> pd.DataFrame:
    """Sort rows of curves: task, metric, family, variant, means before seeds, scale."""
    places = {v: i for i, v in enumerate(order_variants(rows["variant"]))}
    tasks = {t: i for i, t in enumerate(order_tasks(rows["task"]))}
    keyed = rows.assign(
        _task=rows["task"].map(tasks),
        _variant=rows["variant"].map(places),
        _scale=scale(rows),
    )
    keys = ["_task", "metric", "family", "source", "_variant", "kind", "seed"]
    ordered = keyed.sort_values([*keys, "_scale", "parameters"], kind="stable")
    return ordered.drop(columns=["_task", "_variant", "_scale"]).reset_index(drop=True)


def flagged(rows: pd.DataFrame, flag: str) -> pd.Series:
    """Whether each row has a flag."""
    return rows["flags"].map(lambda flags: flag in flags.split(";")).astype(bool)


def scale(rows: pd.DataFrame) -> pd.Series:
    """Where each row stands along the scale of its family.

    That is its training compute, or, in a family where that is not known of all, its parameters.
    """
    known = rows["training_flops"].notna().groupby(rows["family"]).transform("all")
    return rows["training_flops"].where(known.astype(bool), rows["parameters"])


def axis_of(rows: pd.DataFrame) -> str:
    """The column that a figure with one horizontal axis draws all these rows against.

    That is training compute, unless it is not known of a row and the parameters of all are.
    """
    unknown = rows["training_flops"].isna().any() and rows["parameters"].notna().all()
    return "parameters" if unknown else "training_flops"


def rounded(table: pd.DataFrame, digits: int = 6) -> pd.DataFrame:
    """Round all numbers to so many significant digits: those are drawn, and those are written."""
    table = table.copy()
    for name in table.select_dtypes("float").columns:
        table[name] = [float(f"{value:.{digits}g}") for value in table[name]]
    return table


def our_families(table: pd.DataFrame) -> list[str]:
    """Names of the families that were run here, not taken from the literature."""
    return sorted(set(table.loc[table["source"] != PUBLISHED, "family"]))


def verdict_probability(row: pd.Series) -> float:
    """Share of bootstrap draws that give the verdict of a row of ``shapes.csv``; NaN if none."""
    column = PROBABILITY.get(str(row["equivalent"]))
    return float(row[column]) if column else float("nan")


def shared_protocol(protocols: Iterable[str]) -> str:
    """The protocol of a variant for several tasks: both where only some are tasks of the prize.

    Examples
    --------
    >>> shared_protocol(["own", "official", "official"])
    'official or own'
    """
    return " or ".join(sorted(set(protocols)))


def variant_label(variant: str, protocol: str) -> str:
    """Variant and protocol in one label, as every legend shows them."""
    return f"{variant} ({protocol})" if protocol else variant
