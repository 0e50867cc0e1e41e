"""Write a figure: SVG, PNG, and the CSV of the numbers in it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from ushaped.errors import UserError
from ushaped.figures import style
from ushaped.figures.compact import compact
from ushaped.files import whole

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

DPI = 160
PNG_COLOURS = 96


def save(figure: Figure, table: pd.DataFrame, prefix: str | Path, title: str = "") -> None:
    """Write ``prefix.svg``, ``prefix.png`` and ``prefix.csv``, each whole.

    The same figure gives the same bytes: ids in the SVG come from a fixed salt, and no file
    carries a date or a program's version.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        What is drawn.
    table : pandas.DataFrame
        The numbers in it.
    prefix : str or Path
        Path without its ending.
    title : str
        Title inside the SVG, for screen readers.
    """
    try:
        with style.context():
            with whole(f"{prefix}.svg") as path:
                path.write_text(_small_svg(figure, title), encoding="utf-8")
            with whole(f"{prefix}.png") as path:
                path.write_bytes(_small_png(figure))
        with whole(f"{prefix}.csv") as path:
            table.to_csv(path, index=False, lineterminator="\n")
    except OSError as error:
        raise UserError(
            f"{prefix}.*", f"cannot be written ({error.strerror})", "choose another --output"
        ) from error


def _small_svg(figure: Figure, title: str) -> str:
    kept_out = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    drawn = io.BytesIO()
    figure.savefig(
        drawn, format="svg", metadata={**kept_out, **({"Title": title} if title else {})}
    )
    return compact(drawn.getvalue().decode())


def _small_png(figure: Figure) -> bytes:
    """Draw with a palette of few colours: a third of the bytes, and no difference to the eye."""
    from PIL import Image

    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=DPI, metadata={"Software": None})
    image = Image.open(drawn).convert("RGB").quantize(PNG_COLOURS, dither=Image.Dither.NONE)
    packed = io.BytesIO()
    image.save(packed, format="png", optimize=True, dpi=(DPI, DPI))
    return packed.getvalue()
