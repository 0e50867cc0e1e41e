"""Finished runs of this workflow in the atlas: an archive that grows by one folder a run.

A run's curves come with the verdicts that the run gave them, which rest on its items; the atlas
corrects their p-values together with all others, and compares what was measured twice.

Results in another format join in another way: a module of `ushaped.atlas.readers` makes points of
them (`ushaped.atlas.points.Read`), and these are judged as those of a published set.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ushaped.atlas.judge import COLUMNS, METHODS, SEPARATOR, TESTS
from ushaped.atlas.points import SHARES, LeftOut
from ushaped.axes import BY_COLUMN
from ushaped.errors import UserError
from ushaped.export.record import FORMAT, VERSION
from ushaped.metrics.definitions import joined
from ushaped.results.text_files import Row
from ushaped.terms import PUBLISHED

NAME = "report.json"


def find_reports(folders: Iterable[str]) -> list[Path]:
    """The reports of folders of results, or of folders of such folders, in order.

    Raises
    ------
    UserError
        If a folder holds none.
    """
    found: list[Path] = []
    for folder in folders:
        place = Path(folder).expanduser()
        own = [place / NAME] if (place / NAME).is_file() else sorted(place.glob(f"*/{NAME}"))
        if not own:
            do = "run `snakemake report` there, or take the folder out of atlas.runs"
            raise UserError(str(place), f"holds no {NAME}, nor does a folder in it", do)
        found += own
    return list(dict.fromkeys(found))


def read_runs(paths: Sequence[Path]) -> tuple[list[Row], list[LeftOut]]:
    """Rows of the atlas (`ushaped.atlas.judge.COLUMNS`) of all runs, and what was left out."""
    rows: list[Row] = []
    left_out: list[LeftOut] = []
    for path in paths:
        try:
            own, lacking = _rows(path)
        except UserError as error:
            left_out.append(LeftOut(str(path.parent), NAME, str(error)))
            continue
        rows += own
        left_out += lacking
    return rows, left_out


def _rows(path: Path) -> tuple[list[Row], list[LeftOut]]:
    report = _report(path)
    commit = str((report.get("provenance") or {}).get("commit") or "")
    name = str(path.parent)
    rows: dict[tuple[object, ...], Row] = {}
    left_out: list[LeftOut] = []
    for number, curve in enumerate(report["curves"], 1):
        if isinstance(curve, Mapping) and curve.get("source") == PUBLISHED:
            continue
        try:
            row = _row(curve) | {"set": name, "commit": commit}
        except (KeyError, TypeError, ValueError, IndexError) as error:
            reason = f"curve {number} lacks or damages {error}: write {NAME} again"
            left_out.append(LeftOut(name, NAME, reason))
            continue
        key = tuple(row[part] for part in ("corpus", "task", "metric", "axis", "fixed"))
        if reason := _complaint(row, curve, key in rows):
            left_out.append(LeftOut(name, f"{row['corpus']}/{row['task']}/{row['fixed']}", reason))
        else:
            rows[key] = row
    return list(rows.values()), left_out


def _report(path: Path) -> dict[str, Any]:
    """A report of a version that is known."""
    do = f"take {NAME} of `snakemake report`"
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(str(path), f"is not readable JSON ({error})", do) from None
    if not isinstance(report, dict) or report.get("format") != FORMAT:
        raise UserError(str(path), f"is not of format {FORMAT}", do)
    version = str(report.get("version"))
    if version.split(".")[0] != VERSION.split(".")[0]:
        what = f"is of version {version}, and {VERSION.split('.')[0]} is read here"
        raise UserError(str(path), what, "write it again with this version of the workflow")
    if not isinstance(report.get("curves"), list):
        raise UserError(str(path), "has no list of curves", do)
    return report


def _complaint(row: Row, curve: Mapping[str, Any], known: bool) -> str:
    if known:
        return "the curve is there twice: only the first is taken"
    if row["metric"] in SHARES and not all(0 <= value <= 1 for value in curve["values"]):
        return f"{row['metric']} is no share of 1: divide percentages by 100"
    if row["n"] is None:
        return "the number of items is unknown, so nothing could be tested"
    if None in curve["at"]:
        return "a model has no known place on the axis"
    return ""


def _row(curve: Mapping[str, Any]) -> Row:
    """Row of one curve; verdicts and p-values are those of the run."""
    verdicts, valley, noise = curve["verdicts"], curve["valley"], curve["run_noise"]
    tested = verdicts["statistical"] or {}
    p = tested.get("p") or {}
    errors = {found["method"]: found["error"] for found in curve["prediction"]}
    row: Row = dict.fromkeys(COLUMNS)
    row |= {
        "corpus": curve["family"],
        "task": curve["task"],
        "part": "",
        "metric": curve["metric"],
        "axis": BY_COLUMN[curve["scale"]].name,
        "fixed": f"{curve['variant']}, {curve['source']} items",
        "protocol": curve["protocol"],
        "modified": curve["modified"],
        "points": len(curve["sizes"]),
        "n": curve["n"],
        "chance": math.nan if curve["chance"] is None else curve["chance"],
        "size_names": SEPARATOR.join(curve["sizes"]),
        "first": valley["first"],
        "lowest": valley["lowest"],
        "last": valley["last"],
        "valley_size": valley["size"] or "",
        "literal": (verdicts["literal"] or {}).get("shape", ""),
        "equivalent": (verdicts["equivalent"] or {}).get("shape", ""),
        "statistical": tested.get("shape", ""),
        "because": tested.get("because") or "",
        "these_models": tested.get("these_models") or "",
        "tipping_point": tested.get("tipping_point"),
        "run_noise": noise["sd"],
        "run_noise_source": noise["source"],
        "held_out": curve["sizes"][-1],
        "flags": joined(curve["flags"]),
    }
    row |= {name: _cells(curve[name]) for name in ("at", "values", "low", "high")}
    row |= {f"pvalue_{test}": p.get(test) for test in TESTS}
    return row | {f"error_{column}": errors.get(name) for name, column in METHODS.items()}


def _cells(values: Sequence[float | None]) -> str:
    return SEPARATOR.join("" if value is None else f"{value:.6g}" for value in values)
