"""Curves from files of any format that is read, which is found out by their names and content."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from ushaped.axes import COMPUTE
from ushaped.errors import UserError
from ushaped.shapes.standalone.eee_files import is_log, load
from ushaped.shapes.standalone.eee_input import read_every_eval_ever
from ushaped.shapes.standalone.lm_eval_files import is_named_by_harness
from ushaped.shapes.standalone.lm_eval_input import read_harness
from ushaped.shapes.standalone.reading import Reading, Wanted, listed
from ushaped.shapes.standalone.report_input import is_report, read_report
from ushaped.shapes.standalone.rows import read_table
from ushaped.shapes.standalone.table_input import curves_of_rows
from ushaped.terms import SIGNS

TABLE, HARNESS, EVERY_EVAL_EVER, REPORT = FORMATS = (
    "table",
    "lm-evaluation-harness",
    "Every Eval Ever",
    "report.json",
)
KNOWN = (
    "give a table (CSV, JSONL), output of lm-evaluation-harness, Every Eval Ever, or report.json"
)


def read_inputs(paths: Sequence[Path], wanted: Wanted) -> Reading:
    """Curves of files and folders, all of one format.

    Raises
    ------
    UserError
        If a path cannot be read, formats differ, or nothing in the files can be judged.
    """
    formats = {path: format_of(path) for path in paths}
    if len(set(formats.values())) > 1:
        (one, first), (other, second) = _different(formats)
        raise UserError(f"{one}, {other}", f"are {first} and {second}", "give one format at a time")
    (found,) = set(formats.values())
    reading = _READERS[found](paths, wanted)
    if not reading.curves:
        wrong, *more = reading.left_out or [UserError(listed(paths), "has no curve", KNOWN)]
        where, what, do = wrong.args
        raise UserError(where, what, f"{do} (and {len(more)} more)" if more else do)
    return reading


def format_of(path: Path) -> str:
    """The format of a file, or of what a folder holds.

    Raises
    ------
    UserError
        If it is none of `FORMATS`.
    """
    if path.is_dir():
        if (path / "report.json").is_file():
            return REPORT
        by_harness = any(is_named_by_harness(file) for file in path.rglob("*.json*"))
        return HARNESS if by_harness else EVERY_EVAL_EVER
    if not path.exists():
        raise UserError(str(path), "cannot be read (no such file)", "give its path")
    if is_named_by_harness(path):
        return HARNESS
    if path.suffix == ".eval":
        raise UserError(str(path), "is a log of Inspect", INSPECT)
    if path.suffix != ".json":
        return TABLE
    content = load(path)
    if is_report(content):
        return REPORT
    if is_log(content):
        return EVERY_EVAL_EVER
    if isinstance(content, dict) and {"eval", "plan"} <= content.keys():
        raise UserError(str(path), "is a log of Inspect", INSPECT)
    raise UserError(str(path), "is of no format that is read", KNOWN)


INSPECT = "convert it first: every_eval_ever convert inspect --log_path FILE"


def _different(formats: dict[Path, str]) -> list[tuple[Path, str]]:
    first = next(iter(formats.items()))
    return [first, next(one for one in formats.items() if one[1] != first[1])]


def _tables(paths: Sequence[Path], wanted: Wanted) -> Reading:
    reading = Reading()
    if wanted.models:
        raise UserError(
            "--models", "is not for tables, which have a column 'scale'", "leave it out"
        )
    if wanted.metric not in ("", *SIGNS):
        raise UserError("--metric", f"is '{wanted.metric}'", f"name {', '.join(SIGNS)}")
    default = "sequence_loss" if wanted.higher_is_better is False else "accuracy"
    for path in paths:
        reading.curves += curves_of_rows(
            path,
            read_table(path),
            wanted.family,
            wanted.task,
            wanted.metric or default,
            wanted.chance,
            wanted.axis,
            reading.left_out,
        )
    return reading


def _harness(paths: Sequence[Path], wanted: Wanted) -> Reading:
    if wanted.models is None:
        do = "give --models, a table with model,family,scale"
        raise UserError(listed(paths), "does not say how large its models are", do)
    left_out: list[UserError] = []
    curves = read_harness(
        paths,
        wanted.models,
        wanted.metric,
        wanted.axis or COMPUTE,
        wanted.higher_is_better,
        wanted.family,
        wanted.task,
        left_out,
    )
    return Reading(curves, left_out)


def _reports(paths: Sequence[Path], wanted: Wanted) -> Reading:
    reading = Reading()
    for path in paths:
        file = path / "report.json" if path.is_dir() else path
        content = load(file)
        if not is_report(content):
            raise UserError(str(file), "is no report of this workflow", KNOWN)
        reading.add(read_report(file, content, wanted))
    return reading


_READERS: dict[str, Callable[[Sequence[Path], Wanted], Reading]] = {
    TABLE: _tables,
    HARNESS: _harness,
    EVERY_EVAL_EVER: read_every_eval_ever,
    REPORT: _reports,
}
