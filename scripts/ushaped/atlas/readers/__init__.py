"""Readers of published result files as they are: one module for each layout.

A reader takes the folder of a set and what ``literature/atlas.yaml`` says of it, and returns points
and what it left out. A file that is damaged or of another layout costs its own points alone.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ushaped.atlas.points import Read, checked
from ushaped.atlas.readers import gadre, olmo_ladder, wu_lo
from ushaped.atlas.sources import PublishedSet

Reader = Callable[[str, PublishedSet, Path], Read]

READERS: dict[str, Reader] = {
    "gadre": gadre.read,
    "olmo-ladder": olmo_ladder.read,
    "wu-lo": wu_lo.read,
}


def read_set(name: str, published: PublishedSet, folder: Path) -> Read:
    """Points of a set, checked; ``folder`` holds its files at the paths of their repository."""
    return checked(READERS[published.reader](name, published, folder))
