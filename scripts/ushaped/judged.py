"""Verdicts on curves of one's own, in a notebook or a program: `judge`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from ushaped.errors import UserError
from ushaped.figures.evidence import evidence_svg
from ushaped.files import without_nan
from ushaped.literature.run_noise import read_run_noise
from ushaped.results.numbers import MISSING, p_value, spread
from ushaped.shapes.data import Settings
from ushaped.shapes.evidence import add_fdr_q_values, examine
from ushaped.shapes.evidence_record import CurveEvidence
from ushaped.shapes.standalone.inputs import read_inputs
from ushaped.shapes.standalone.options import RUN_NOISE, axis_of
from ushaped.shapes.standalone.reading import Reading, Wanted
from ushaped.shapes.standalone.rows import Row, rows_of_frame
from ushaped.shapes.standalone.table_input import curves_of_rows

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Columns of the table of verdicts.
COLUMNS = (
    *("family", "task", "variant", "protocol", "metric", "sizes", "n", "statistical"),
    *("these_models", "tipping_point", "equivalent", "literal"),
    *("p_u", "q_u", "p_inverted_u", "p_change", "q_change", "lowest", "notes"),
)
NAMES = ("family", "task", "variant", "protocol", "metric")
# The stem of a DataFrame, which has no file, in messages and as the name of a task.
FRAME = Path("frame")


@dataclass(frozen=True)
class Judged:
    """Verdicts on curves.

    Attributes
    ----------
    evidence : list of CurveEvidence
        All evidence on each curve (`ushaped.shapes.evidence_record`); unknown numbers are None.
    left_out : list of str
        What was not judged, one line each: where, what is wrong, what to do.
    """

    evidence: list[CurveEvidence]
    left_out: list[str] = field(default_factory=list)

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row per curve, with the columns `COLUMNS`; NaN or None where unknown.

        ``sizes`` counts them, ``lowest`` names the lowest one, ``tipping_point`` is in the unit of
        the metric, ``p_*`` are p-values, ``q_*`` corrected over the tasks of a family.
        """
        rows = []
        for record in self.evidence:
            verdict: Mapping[str, Any] = record["verdict"]
            about: Mapping[str, Any] = record["about"]
            row: dict[str, Any] = {name: verdict.get(name) for name in COLUMNS}
            row |= {name: about[name] for name in NAMES}
            row |= {"sizes": len(record["sizes"]), "n": record["n"]}
            valley = record["valley"]
            row["lowest"] = valley["at"] if valley else None
            row["notes"] = "; ".join(verdict["notes"])
            rows.append(row)
        return pd.DataFrame(rows, columns=list(COLUMNS))

    @cached_property
    def points(self) -> pd.DataFrame:
        """One row per point of every curve.

        ``at`` is its place on the axis named in ``scale``; ``value``, ``low``, ``high`` (95 %) and
        ``fitted``, the curve fitted under the shape of the verdict, are in the metric's own unit.
        """
        from ushaped.figures.judged import points

        return points(self.evidence)

    @property
    def figure(self) -> Figure:
        """A new figure with a small panel for each curve."""
        from ushaped.figures.judged import figure

        return figure(self.points)

    @property
    def html(self) -> str:
        """Verdicts as an HTML table, below it a drawing of each curve (SVG)."""
        return "\n".join([_html_table(self), *map(_drawing, self.evidence), *_html_left_out(self)])

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        return summary(self)


def judge(
    curves: pd.DataFrame | str | Path | Sequence[str | Path],
    *,
    models: str | Path | None = None,
    family: str = "",
    task: str = "",
    metric: str = "",
    higher_is_better: bool | None = None,
    axis: str = "",
    chance: float = math.nan,
    equivalence: float = Settings.equivalence,
    recovery: float = Settings.recovery,
    draws: int = Settings.draws,
    seed: int = Settings.seed,
    run_noise: str = RUN_NOISE,
) -> Judged:
    """Name the shape of scaling curves, with the evidence for it.

    Parameters
    ----------
    curves : DataFrame, path, or sequence of paths
        A table with the columns ``scale,k,n`` (right answers of n items), ``scale,mean,error`` or
        ``scale,item,correct``, and optionally family, task, protocol, chance, size, seed and part;
        or files or folders: such a table (CSV, JSONL), output of lm-evaluation-harness, Every Eval
        Ever, or ``report.json``.
    models : path, optional
        Table of family and scale of each model (``model,family,scale``), where the files do not
        have them.
    family, task : str
        Curves to select; or their names, where the files have none.
    metric : str
        Its name in the files; of a table one of `ushaped.terms.SIGNS`.
    higher_is_better : bool, optional
        Of the metric, where the files do not say it; False for a table of losses.
    axis : str
        A name of `ushaped.axes.AXES`; "" for training compute, or what a column is named after.
    chance : float
        Value of guessing evenly, a share of 1; NaN if unknown.
    equivalence, recovery, draws, seed, run_noise
        As in the configuration of the workflow (``shapes``).

    Returns
    -------
    Judged

    Raises
    ------
    UserError
        In one line, if nothing can be judged; what can go on without the rest is judged.

    Examples
    --------
    >>> frame = pd.DataFrame({"scale": [1e20, 1e21, 1e22], "k": [90, 20, 95], "n": 100})
    >>> judge(frame, draws=200).table["statistical"].tolist()
    ['U-shaped']
    """
    settings = Settings(equivalence, recovery, draws, seed, read_run_noise(run_noise))
    wanted = Wanted(
        models=None if models is None else Path(models),
        metric=metric,
        higher_is_better=higher_is_better,
        axis=axis_of(axis),
        chance=chance,
        family=family,
        task=task,
    )
    if isinstance(curves, pd.DataFrame):
        reading = _read_frame(rows_of_frame(FRAME, curves), wanted)
    else:
        paths = [curves] if isinstance(curves, str | Path) else curves
        reading = read_inputs([Path(path) for path in paths], wanted)
    return judge_reading(reading, settings)


def judge_reading(reading: Reading, settings: Settings) -> Judged:
    """Judge curves that were read."""
    records = [examine(curve, data, settings) for curve, data in reading.curves]
    add_fdr_q_values(records)
    return Judged(without_nan(records), reading.lines())


def _read_frame(rows: list[Row], wanted: Wanted) -> Reading:
    left_out: list[UserError] = []
    default = "sequence_loss" if wanted.higher_is_better is False else "accuracy"
    names = (wanted.family, wanted.task, wanted.metric or default)
    curves = curves_of_rows(FRAME, rows, *names, wanted.chance, wanted.axis, left_out)
    if not curves:
        raise left_out[0]
    return Reading(curves, left_out)


def summary(judged: Judged) -> str:
    """Verdicts as a plain table in columns, with what was left out below it."""
    header = ("family", "task", "verdict", "by the rule", "p of a U", "holds up to", "sizes")
    rows = [header, *(_summary_row(record) for record in judged.evidence)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    if judged.left_out:
        lines += ["", f"left out ({len(judged.left_out)}):", *judged.left_out]
    return "\n".join(lines)


def _summary_row(record: CurveEvidence) -> tuple[str, ...]:
    about, verdict = record["about"], record["verdict"]
    limit = verdict.get("tipping_point")
    task = f"{about['task']}, {about['variant']}" if about["variant"] else about["task"]
    return (
        about["family"],
        task,
        verdict.get("statistical") or "no verdict",
        verdict.get("equivalent") or MISSING,
        p_value(verdict.get("p_u")),
        spread(limit, about["metric"]),
        ", ".join(record["sizes"]),
    )


def _html_table(judged: Judged) -> str:
    shown = judged.table.drop(columns=["literal", "p_change", "q_change", "p_inverted_u"])
    return shown.to_html(index=False, na_rep=MISSING, border=0, float_format="{:.3g}".format)


def _drawing(record: CurveEvidence) -> str:
    return evidence_svg({**record}, standalone=True)


def _html_left_out(judged: Judged) -> list[str]:
    if not judged.left_out:
        return []
    lines = "".join(f"<li>{escape(line)}</li>" for line in judged.left_out)
    return [f"<p>Left out:</p><ul>{lines}</ul>"]
