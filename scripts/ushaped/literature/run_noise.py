"""Published run-to-run noise (`literature/run_noise.csv`), for families with one run per size."""

from __future__ import annotations

import math
from pathlib import Path

from ushaped.errors import UserError
from ushaped.results.text_files import number, read_rows
from ushaped.shapes.run_noise import ZERO, Borrowed

# In a clone a link to the table among the others; in an installed package the table itself.
TABLE = Path(__file__).with_name("run_noise.csv")

# A standard deviation of shares cannot be larger.
_LARGEST = 0.5


def read_run_noise(setting: str, path: Path = TABLE) -> Borrowed | None:
    """Run-to-run noise that a setting names; None for ``zero``.

    Parameters
    ----------
    setting : str
        ``zero``; a kind of task of the table, whose standard deviations are pooled (root mean
        square over its rows); or a standard deviation of accuracy between 0 and 0.5, a share of 1,
        which is taken for the mean over tasks too.
    path : Path
        ``literature/run_noise.csv``.

    Raises
    ------
    UserError
        If the setting is none of these, or with file and line, if a standard deviation is no share.
    """
    if setting == ZERO:
        return None
    squares: dict[tuple[str, bool], list[float]] = {}
    kinds = []
    for row in read_rows(path, ("kind", "of", "metric", "sd")):
        sd = number(path, row, "sd")
        if not 0 < sd <= _LARGEST:
            where = f"{path}, line {row['line']}"
            raise UserError(where, f"sd is '{row['sd']}'", "give a share of 1 above 0")
        kinds.append(row["kind"])
        if row["kind"] == setting:
            squares.setdefault((row["metric"], row["of"] == "average"), []).append(sd**2)
    if squares:
        sds = {key: math.sqrt(sum(own) / len(own)) for key, own in squares.items()}
        return Borrowed(setting, sds)
    known = f"zero, {', '.join(dict.fromkeys(kinds))}, or a share of 1 up to {_LARGEST}"
    try:
        sd = float(setting)
    except ValueError:
        raise UserError("run noise", f"is '{setting}'", f"give {known}") from None
    if not 0 < sd <= _LARGEST:
        raise UserError("run noise", f"is '{setting}'", f"give {known}")
    return Borrowed("as given", {("accuracy", False): sd, ("accuracy", True): sd})
