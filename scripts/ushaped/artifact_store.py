"""Products kept by the content they were made from, beside Snakemake's own files.

Snakemake decides by rule and removes the outputs of a job before it runs it again. An expensive
product that still fits its inputs must survive that, so it lies in a store under a key that names
everything it depends on, and outputs are made from there.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ushaped.files import whole


def kept(
    store: str | Path, key: str, suffix: str, make: Callable[[Path], None]
) -> tuple[Path, bool]:
    """The product under ``key``, made now if it is not there.

    Parameters
    ----------
    store : path
        Folder of the store.
    key : str
        Digest of everything that the product depends on.
    suffix : str
        Of the file name, for instance ``.parquet``.
    make : callable
        Writes the product to the path that it gets.

    Returns
    -------
    path : Path
    found : bool
        Whether it was there before.
    """
    path = Path(store) / f"{key}{suffix}"
    if path.exists():
        return path, True
    with whole(path) as beside:
        make(beside)
    return path, False
