"""Time and memory of a step, in a benchmark file with Snakemake's columns.

For steps that `benchmark:` does not suit: it has no columns for a step's own numbers, and a rule
with it cannot be cached between workflows.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ushaped.files import write_text


def resources_used(began: float, cpu_before: float = 0.0) -> dict[str, float]:
    """Resources of this process since ``time.monotonic()`` was ``began``, in Snakemake's columns.

    ``cpu_before`` are the CPU seconds that it had used before.

    Returns
    -------
    dict of str to float
        ``s``, ``cpu_time`` (seconds), ``max_rss``, ``io_in``, ``io_out`` (MiB) and ``mean_load``
        (percent of one core).
    """
    resources = resource.getrusage(resource.RUSAGE_SELF)
    cpu = resources.ru_utime + resources.ru_stime - cpu_before
    wall = time.monotonic() - began
    return {
        "s": round(wall, 4),
        "max_rss": round(resources.ru_maxrss / 1024, 2),
        "io_in": round(resources.ru_inblock / 2048, 2),
        "io_out": round(resources.ru_oublock / 2048, 2),
        "mean_load": round(100 * cpu / wall, 2) if wall else 0.0,
        "cpu_time": round(cpu, 2),
    }


def write_benchmark(path: str | Path, row: Mapping[str, Any]) -> None:
    """Write a benchmark file: a line of names, a line of values, separated by tabs.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.tsv"
    >>> write_benchmark(path, {"s": 1.5, "items": 3})
    >>> path.read_text()
    's\\titems\\n1.5\\t3\\n'
    """
    write_text(path, "\t".join(row) + "\n" + "\t".join(map(str, row.values())) + "\n")


def read_benchmark(path: str | Path) -> dict[str, float]:
    """Read the numbers of a file that `write_benchmark` wrote."""
    names, values = Path(path).read_text(encoding="utf-8").splitlines()
    return dict(zip(names.split("\t"), map(float, values.split("\t")), strict=True))
