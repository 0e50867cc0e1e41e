"""The tables that figures and report are made from, read and cut to what is shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from ushaped.terms import AVERAGE, LOSSES, NATS, PRIMARY, TASKS
from ushaped.errors import UserError
from ushaped.figures import style
from ushaped.metrics.intervals import wilson
from ushaped.metrics.table import COLUMNS as METRICS
from ushaped.protocols import COLUMNS as PROTOCOLS
from ushaped.questions import chains, continuing, matching, selection
from ushaped.shapes.curves import COLUMNS as SHAPES

CHANCE = "chance"
# The flag of a result that stands on a family's curve but was not measured here.
PUBLISHED_POINT = "published"

# The order of the paper; a task that is not named here follows in alphabetical order.

# The columns that hold words, in whatever table they stand; all others hold numbers.
WORDS = frozenset(
    {
        "at",
        "axis",
        "base_equivalent",
        "base_literal",
        "before_size",
        "direction",
        "equivalent",
        "family",
        "flags",
        "flips",
        "flips_literal",
        "kind",
        "largest",
        "literal",
        "metric",
        "model",
        "modified",
        "next_size",
        "note",
        "other",
        "plotted_size",
        "protocol",
        "ranking",
        "seed",
        "series",
        "settled",
        "settled_literal",
        "size",
        "source",
        "statistical",
        "task",
        "valley_size",
        "valley_sizes",
        "variant",
        "verdict",
    }
)

# The answers to the open questions, by the name of their file.
QUESTIONS = {
    "continuing-published": continuing.COLUMNS,
    "continuing-measured": continuing.COLUMNS,
    "chains": chains.COLUMNS,
    "matching": matching.COLUMNS,
    "selection": selection.COLUMNS,
}
PUBLISHED = (
    "series",
    "size",
    "plotted_size",
    "task",
    "metric",
    "protocol",
    "source",
    "parameters",
    "training_flops",
    "value",
    "k",
    "n",
)
PROBABILITY = {
    "positive": "p_positive",
    "inverse": "p_inverse",
    "U-shaped": "p_u",
    "inverted-U": "p_inverted_u",
    "flat": "p_flat",
}

# Columns of the CSV beside every figure of curves.
CURVE = [
    "family",
    "source",
    "task",
    "variant",
    "protocol",
    "metric",
    "kind",
    "size",
    "seed",
    "parameters",
    "training_flops",
    "value",
    "low",
    "high",
    "n",
    "chance",
    "flags",
]


def numbers(columns: Iterable[str]) -> list[str]:
    """Those of some columns that hold numbers.

    Examples
    --------
    >>> numbers(["family", "value", "low"])
    ['value', 'low']
    """
    return [name for name in columns if name not in WORDS]


def read(path: str | Path, columns: Sequence[str]) -> pd.DataFrame:
    """Read a CSV table that has some columns; empty numbers become NaN.

    Raises
    ------
    UserError
        If the file is not there, a column is missing, or a number is none.
    """
    path = Path(path)
    if not path.exists():
        raise UserError(str(path), "no such file", "run the step that writes it first")
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    for name in columns:
        if name not in table.columns:
            raise UserError(f"{path}, column '{name}'", "is missing", "write it with its header")
    for name in numbers(columns):
        try:
            table[name] = pd.to_numeric(table[name].replace("", None)).astype(float)
        except (ValueError, TypeError) as error:
            raise UserError(
                f"{path}, column '{name}'", f"is not numeric ({error})", "mend the row"
            ) from None
    return table


def read_metrics(path: str | Path) -> pd.DataFrame:
    """Read ``metrics.csv``; rows over seeds get the scale of their size where it is not given."""
    table = read(path, METRICS)
    refuse_mixed_protocols(table, str(path))
    scale = ["parameters", "non_embedding_parameters", "training_tokens", "training_flops"]
    by_size = table.groupby(["family", "size"])[scale].transform("mean")
    table[scale] = table[scale].fillna(by_size)
    return table


def read_shapes(path: str | Path) -> pd.DataFrame:
    """Read ``shapes.csv``."""
    table = read(path, SHAPES)
    refuse_mixed_protocols(table, str(path))
    return table


def read_protocols(path: str | Path) -> pd.DataFrame:
    """Read ``protocols.csv``."""
    table = read(path, PROTOCOLS)
    refuse_mixed_protocols(table, str(path))
    return table


def read_question(path: str | Path) -> pd.DataFrame:
    """Read the answer to an open question, which its file's name tells.

    Raises
    ------
    UserError
        If no question is called so.
    """
    name = Path(path).stem
    if name not in QUESTIONS:
        raise UserError(str(path), "is no open question", f"give one of: {', '.join(QUESTIONS)}")
    table = read(path, QUESTIONS[name])
    if "protocol" in table.columns:
        refuse_mixed_protocols(table, str(path))
    return table


def refuse_mixed_protocols(table: pd.DataFrame, where: str) -> None:
    """Refuse a table in which one variant has two protocols.

    Figures and page label, count and summarise by variant, so tasks of another protocol under the
    same name would be mixed with official ones unseen.

    Raises
    ------
    UserError
        Naming the variant and both protocols.
    """
    for variant, names in table.groupby("variant")["protocol"].unique().items():
        if len(names) > 1:
            told = " and ".join(f"'{name}'" for name in sorted(names))
            raise UserError(
                f"{where}, variant '{variant}'",
                f"mixes the protocols {told}",
                "give the prompts of a variant one protocol",
            )


def read_published(path: str | Path) -> pd.DataFrame:
    """Read the published series."""
    return read(path, PUBLISHED)


def order_tasks(tasks: Iterable[str]) -> list[str]:
    """Sort tasks as the paper does; others after them by name; the average last."""
    known = {name: place for place, name in enumerate(TASKS)}
    return sorted(set(tasks), key=lambda t: (t == AVERAGE, known.get(t, len(known)), t))


class Edition(NamedTuple):
    """A task on the items of one source: different questions from those of another source."""

    source: str
    task: str


def editions(table: pd.DataFrame) -> list[Edition]:
    """The editions that were run here: tasks in the order of the paper, sources by name."""
    ours = table[table["source"] != "published"]
    pairs = set(zip(ours["source"], ours["task"], strict=True))
    place = {task: i for i, task in enumerate(order_tasks(ours["task"]))}
    return sorted((Edition(*pair) for pair in pairs), key=lambda one: (place[one.task], one.source))


def of_edition(table: pd.DataFrame, edition: Edition) -> pd.DataFrame:
    """The rows of one edition."""
    return table[(table["source"] == edition.source) & (table["task"] == edition.task)]


def edition_names(found: Iterable[Edition]) -> dict[Edition, str]:
    """What each edition is called: as its task, with its items where the task has several editions.

    Examples
    --------
    >>> found = [Edition("official", "neqa"), Edition("replica", "neqa")]
    >>> list(edition_names([*found, Edition("replica", "redefine")]).values())
    ['neqa (official items)', 'neqa (replica items)', 'redefine']
    """
    found = list(found)
    count = Counter(one.task for one in found)
    return {
        one: one.task if count[one.task] == 1 else f"{one.task} ({one.source} items)"
        for one in found
    }


def title_of_items(found: Iterable[Edition]) -> str:
    """What a legend says about the items: where they come from, "" if it is not one source.

    Examples
    --------
    >>> title_of_items([Edition("replica", "neqa"), Edition("replica", "redefine")])
    'replica items'
    >>> title_of_items([Edition("replica", "neqa"), Edition("official", "neqa")])
    ''
    """
    names = {one.source for one in found}
    return f"{names.pop()} items" if len(names) == 1 else ""


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
        "source": "published",
        "variant": "zero-shot",
        "kind": "published",
        "seed": "",
        "low": low,
        "high": high,
        "chance": rows["task"].map(levels).where(rows["metric"] == "accuracy"),
        "flags": "",
    }
    return in_order(pd.DataFrame(given | made, columns=CURVE, index=rows.index))


def in_order(rows: pd.DataFrame) -> pd.DataFrame:
    """Sort rows of curves: task, metric, family, variant, means before seeds, scale."""
    places = {v: i for i, v in enumerate(style.order_variants(rows["variant"]))}
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
    """Which rows have a flag."""
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
    return sorted(set(table.loc[table["source"] != "published", "family"]))


def verdict_probability(row: pd.Series) -> float:
    """Share of bootstrap draws that give the verdict of a row of ``shapes.csv``; NaN if none."""
    column = PROBABILITY.get(str(row["equivalent"]))
    return float(row[column]) if column else float("nan")


def say_probability(value: float) -> str:
    """Write a share of bootstrap draws; never as 0 or 1, which draws cannot show; "" if missing.

    Examples
    --------
    >>> say_probability(0.731), say_probability(1.0)
    ('p = 0.73', 'p > 0.99')
    """
    if pd.isna(value):
        return ""
    return "p > 0.99" if value > 0.99 else "p < 0.01" if value < 0.01 else f"p = {value:.2f}"


def variant_label(variant: str, protocol: str) -> str:
    """Variant and protocol in one label, as every legend shows them."""
    return f"{variant} ({protocol})" if protocol else variant
