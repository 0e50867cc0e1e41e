"""Step: render the page of the atlas."""

from __future__ import annotations

import argparse
from pathlib import Path

from ushaped.atlas.answers import TABLES
from ushaped.atlas.page import Atlas, render_atlas
from ushaped.atlas.points import read_left_out, read_points
from ushaped.atlas.sources import read_sources
from ushaped.atlas.verdicts import read_verdicts
from ushaped.errors import run
from ushaped.files import write_text
from ushaped.results.text_files import read_rows


def main() -> None:
    """Read the command line and all tables, render the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sources", type=Path, required=True, help="literature/atlas.yaml")
    parser.add_argument("--sets", nargs="*", default=[], help="names of the sets")
    parser.add_argument("--curves", type=Path, required=True, metavar="CSV")
    parser.add_argument("--verdicts", type=Path, required=True, metavar="CSV")
    parser.add_argument("--left-out", type=Path, nargs="+", required=True, metavar="CSV")
    parser.add_argument("--tables", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--margin", type=float, required=True, help="largest error that foretells")
    parser.add_argument("--template", type=Path, required=True, help="atlas.html.j2")
    parser.add_argument("--output", type=Path, required=True, help="the page (HTML)")
    arguments = parser.parse_args()
    sources = read_sources(arguments.sources)
    atlas = Atlas(
        {name: sources[name] for name in arguments.sets},
        read_points(arguments.curves),
        read_verdicts(arguments.verdicts),
        {
            name: read_rows(arguments.tables / f"{name}.csv", table.columns)
            for name, table in TABLES.items()
        },
        [one for path in arguments.left_out for one in read_left_out(path)],
        arguments.margin,
    )
    write_text(arguments.output, render_atlas(arguments.template, atlas))


if __name__ == "__main__":
    run(main)
