"""Expensive files, stored by a digest of everything they depend on, beside Snakemake's own files.

Snakemake decides by rule and removes the outputs of a job before it runs it again. A file that
still fits its inputs must survive that, so it lies in a store, and outputs are copied from there.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ushaped.files import whole


def reuse_artifact(
    store: str | Path, key: str, suffix: str, make: Callable[[Path], None]
) -> tuple[Path, bool]:
    """The file ``{key}{suffix}`` of a store, and whether it was there before.

    If it was not, ``make`` writes it to the path that it gets.
    """
    path = Path(store) / f"{key}{suffix}"
    if path.exists():
        return path, True
    with whole(path) as beside:
        make(beside)
    return path, False
