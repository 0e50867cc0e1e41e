"""Points of curves, each one value of one model on one task; and what was left out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from ushaped.errors import UserError
from ushaped.results.text_files import Row, read_rows, write_table

# Metrics of the atlas and whether higher is better.
HIGHER = {
    "accuracy": True,
    "probability": True,
    "log_probability": True,
    "bits_per_byte": False,
    "brier": False,
    "sequence_loss": False,
    "log_odds": True,
    "absolute_log_odds": False,
}
# Metrics whose values lie between 0 and 1.
SHARES = frozenset({"accuracy", "probability"})
ACCURACY = "accuracy"


@dataclass(frozen=True)
class Point:
    """One value of one model.

    Attributes
    ----------
    set : str
        Who measured it: a set of ``literature/atlas.yaml``, or a folder of results.
    corpus : str
        What models of one curve share: the training corpus, or the family.
    task, part : str
        ``part`` is a group of the task's items; 0 is the hardest.
    metric : str
        One of `HIGHER`; shares lie between 0 and 1.
    model, run : str
        Name of the model, and of its training run where a size has several.
    size : str
        Label of its number of parameters.
    value : float
        In the metric's own unit.
    n : int or None
        Items, where known.
    chance : float
        Value of guessing evenly; NaN where unknown.
    parameters, training_tokens, training_flops : float
        NaN where unknown.
    token_multiple : float
        Training tokens in units of 20 per parameter; NaN where models of one curve differ anyhow.
    validation_loss : float
        Nats per token; NaN where unknown.
    protocol, modified, commit : str
        How it was measured, and by which commit of the files or of the program.
    """

    set: str
    corpus: str
    task: str
    part: str
    metric: str
    model: str
    run: str
    size: str
    value: float
    n: int | None
    chance: float
    parameters: float
    training_tokens: float
    training_flops: float
    token_multiple: float
    validation_loss: float
    protocol: str
    modified: str
    commit: str

    @property
    def about(self) -> str:
        """What it is of, as a message names it."""
        part = f" group {self.part}" if self.part else ""
        return f"{self.corpus}/{self.task}{part}/{self.metric}"

    @property
    def identity(self) -> tuple[str, ...]:
        """What only one value may have."""
        names = ("set", "corpus", "task", "part", "metric", "model", "run", "protocol", "modified")
        return tuple(getattr(self, name) for name in names)


COLUMNS = tuple(field.name for field in fields(Point))
TEXT = tuple(field.name for field in fields(Point) if field.type == "str")


@dataclass(frozen=True)
class LeftOut:
    """What is on no curve: the file or curve, and the reason with what to do, in one line."""

    set: str
    what: str
    reason: str


@dataclass(frozen=True)
class Read:
    """What a reader found."""

    points: list[Point]
    left_out: list[LeftOut]


def checked(found: Read) -> Read:
    """Leave out points that no curve can hold, with one line for each kind of complaint.

    Values outside their range (a percentage in place of a share), values that are no number, scales
    of 0 or less, and two different values of one model.
    """
    kept: dict[tuple[str, ...], Point] = {}
    doubtful: set[tuple[str, ...]] = set()
    reasons: dict[tuple[str, str, str], int] = {}

    def refuse(point: Point, reason: str) -> None:
        key = point.set, f"{point.corpus}/{point.task}", reason
        reasons[key] = reasons.get(key, 0) + 1

    for point in found.points:
        before = kept.get(point.identity)
        if reason := _complaint(point):
            refuse(point, reason)
        elif before is None:
            kept[point.identity] = point
        elif before.value != point.value:
            doubtful.add(point.identity)
            refuse(point, f"two values of {point.model}: keep one")
        else:
            refuse(point, f"{point.model} is there twice with one value, and was read once")
    left_out = [
        LeftOut(of, what, f"{reason} ({count} values)" if count > 1 else reason)
        for (of, what, reason), count in reasons.items()
    ]
    points = [point for point in kept.values() if point.identity not in doubtful]
    return Read(points, [*found.left_out, *left_out])


def _complaint(point: Point) -> str:
    """Why a point cannot be used; "" if it can."""
    if point.metric not in HIGHER:
        return f"metric '{point.metric}' has no known direction: use one of {', '.join(HIGHER)}"
    if not math.isfinite(point.value):
        return f"{point.metric} of a model is no number: give a number"
    if point.metric in SHARES and not 0 <= point.value <= 1:
        return f"{point.metric} is no share of 1: divide percentages by 100"
    if point.n is not None and point.n < 1:
        return "the number of items is less than 1: correct it"
    for name in ("parameters", "training_tokens", "training_flops", "validation_loss"):
        value = getattr(point, name)
        if not math.isnan(value) and not 0 < value < math.inf:
            return f"{name} is {value:g}: give a number above 0"
    return ""


# -- files ----------------------------------------------------------------------------------------


def write_points(path: str | Path, points: Iterable[Point]) -> None:
    """Write ``curves.csv``."""
    rows: list[Row] = [{name: getattr(point, name) for name in COLUMNS} for point in points]
    write_table(path, COLUMNS, rows, exact=("training_flops", "value"))


def read_points(path: str | Path) -> list[Point]:
    """Read ``curves.csv``.

    Raises
    ------
    UserError
        With file and line, if a column is missing or a cell is no number.
    """
    return [_point(path, row) for row in read_rows(path, COLUMNS)]


def _point(path: str | Path, row: dict[str, str]) -> Point:
    cells: dict[str, Any] = {}
    for name in COLUMNS:
        try:
            cells[name] = row[name] if name in TEXT else float(row[name] or "nan")
        except ValueError:
            where = f"{path}, line {row['line']}"
            raise UserError(where, f"{name} is '{row[name]}'", "give a number") from None
    cells["n"] = None if math.isnan(cells["n"]) else int(cells["n"])
    return Point(**cells)


def write_left_out(path: str | Path, left_out: Sequence[LeftOut]) -> None:
    """Write ``left-out.csv``."""
    names = tuple(field.name for field in fields(LeftOut))
    write_table(path, names, [{name: getattr(one, name) for name in names} for one in left_out])


def read_left_out(path: str | Path) -> list[LeftOut]:
    """Read ``left-out.csv``."""
    names = tuple(field.name for field in fields(LeftOut))
    return [LeftOut(*(row[name] for name in names)) for row in read_rows(path, names)]
