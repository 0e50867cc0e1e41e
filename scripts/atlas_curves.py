"""Step: read the published files of the atlas into one tidy table.

``--output`` (CSV)
    One row for each value of a model on a task: `ushaped.atlas.points.Point`.
``--left-out`` (CSV)
    What is on no curve, and why.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from ushaped.atlas.curves import curves_of
from ushaped.atlas.points import LeftOut, Point, write_left_out, write_points
from ushaped.atlas.readers import read_set
from ushaped.atlas.sources import read_sources
from ushaped.errors import run


def main() -> None:
    """Read the command line and all sets, write both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sources", type=Path, required=True, help="literature/atlas.yaml")
    parser.add_argument("--files", type=Path, nargs="*", default=[], help="folder of each set")
    parser.add_argument("--output", type=Path, required=True, metavar="CSV")
    parser.add_argument("--left-out", type=Path, required=True, metavar="CSV")
    arguments = parser.parse_args()
    sources = read_sources(arguments.sources)
    points: list[Point] = []
    left_out: list[LeftOut] = []
    for folder in arguments.files:
        found = read_set(folder.name, sources[folder.name], folder)
        points += found.points
        left_out += found.left_out
    left_out += curves_of(points, {name: own.pooled for name, own in sources.items()})[1]
    write_points(arguments.output, points)
    write_left_out(arguments.left_out, left_out)


if __name__ == "__main__":
    run(main)
