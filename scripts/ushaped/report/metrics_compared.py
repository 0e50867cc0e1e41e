"""The open question whether the shape depends on the metric: which U's survive a continuous one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ushaped.metrics.continuous import CONTINUOUS
from ushaped.questions.metrics_compared import ACCURACY, OPEN, SAME
from ushaped.report.text import WhoseCurves, listing, plural
from ushaped.results import tables
from ushaped.results.numbers import number, percent
from ushaped.terms import U_SHAPED, UNDETERMINED

# What the page calls each metric; accuracy comes first.
NAMES = {
    ACCURACY: "accuracy",
    "answer_probability": "probability",
    "loss": "loss",
    "brier": "Brier score",
    "answer_log_likelihood": "log-likelihood",
    "bits_per_byte": "bits per byte",
}
SHARES = (ACCURACY, "answer_probability")
CURVES = ["family", "source", "variant", "protocol"]
# Column of each verdict, with what it is called in a sentence.
VERDICTS = {"equivalent": "By the rule", "statistical": "By the statistical verdict"}

Row = Mapping[str, Any]


@dataclass(frozen=True)
class ComparedCurve:
    """One curve under every metric: rows of the answer by metric."""

    rows: Mapping[str, Row]

    @property
    def about(self) -> Row:
        """Row of the accuracy, which names the curve."""
        return self.rows[ACCURACY]

    def agreeing(self, verdict: str) -> str:
        """Under how many continuous metrics a verdict is that under accuracy, in words."""
        agreements = [self.rows[metric][f"{verdict}_agrees"] for metric in CONTINUOUS]
        words = f"{agreements.count(SAME)} of {len(agreements)}"
        undetermined = agreements.count(OPEN)
        return f"{words}, {undetermined} undetermined" if undetermined else words


@dataclass(frozen=True)
class ComparedFamily(WhoseCurves):
    """All curves of one family on the items of one source."""

    curves: list[ComparedCurve]

    @property
    def verdicts_on(self) -> list[str]:
        """What the statistical verdicts are on, without repetition."""
        found = (row["verdict_on"] for curve in self.curves for row in curve.rows.values())
        return sorted(set(found))

    @property
    def sentences(self) -> list[str]:
        """How many U's under accuracy survive each continuous metric, by each verdict."""
        return [self._survivors(*verdict) for verdict in VERDICTS.items()]

    def _survivors(self, verdict: str, by: str) -> str:
        turned = [curve for curve in self.curves if curve.about[verdict] == U_SHAPED]
        count = f"{len(turned) or 'none'} of {plural(len(self.curves), 'curve')}"
        begin = f"{by}, {count} {'are' if len(turned) > 1 else 'is'} U-shaped under accuracy"
        if not turned:
            return begin
        counts = []
        for metric in CONTINUOUS:
            shapes = [curve.rows[metric][verdict] for curve in turned]
            undetermined = shapes.count(UNDETERMINED)
            more = f" ({undetermined} undetermined)" if undetermined else ""
            counts.append(f"{shapes.count(U_SHAPED)} under {NAMES[metric]}{more}")
        return f"{begin}; of {'these' if len(turned) > 1 else 'this one'}, {listing(counts)}"


@dataclass(frozen=True)
class MetricsComparedView:
    """``partials/metrics_compared.html.j2``."""

    families: list[ComparedFamily]
    by_task: dict[str, list[ComparedCurve]]
    names: dict[str, str]
    equivalence: float


def metrics_compared_view(
    table: pd.DataFrame | None, equivalence: float
) -> MetricsComparedView | None:
    """The answer in words and by task; None where the question was not answered."""
    if table is None:
        return None
    families = [
        ComparedFamily(**dict(zip(CURVES, map(str, key), strict=True)), curves=_curves(rows))
        for key, rows in table.groupby(CURVES)
    ]
    curves = [curve for family in families for curve in family.curves]
    by_task = {
        task: [curve for curve in curves if curve.about["task"] == task]
        for task in tables.order_tasks(table["task"])
    }
    return MetricsComparedView(families, by_task, NAMES, equivalence)


def _curves(rows: pd.DataFrame) -> list[ComparedCurve]:
    """The curves of one family, source and variant, tasks in the order of the paper."""
    by_task: dict[str, dict[str, Row]] = {}
    for row in rows.to_dict("records"):
        by_task.setdefault(row["task"], {})[row["metric"]] = _shown(row)
    return [ComparedCurve(by_task[task]) for task in tables.order_tasks(by_task)]


def _shown(row: dict[Any, Any]) -> Row:
    """A row with its values as people read them."""
    write = percent if row["metric"] in SHARES else number
    cells = {name: write(row[name]) for name in ("first", "lowest", "last")}
    cells["points"] = ", ".join(write(float(value)) for value in row["values"].split(";"))
    return row | cells
