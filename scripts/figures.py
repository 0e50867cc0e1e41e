"""Step: draw figures, each as SVG, PNG, the CSV of the numbers in it, and its caption.

A figure is drawn only if its numbers or its code are not those of files in the store; else its
files are copied from there.
"""

from __future__ import annotations

import argparse
import shutil
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from ushaped.axes import ASKED, AXES
from ushaped.code_dependencies import closure
from ushaped.errors import run
from ushaped.figures import ENDINGS, Entry, entries
from ushaped.figures.published.parts import read_markers
from ushaped.figures.theme import save
from ushaped.files import digest, whole, write_text
from ushaped.items.released import describe_sources
from ushaped.results import tables

SCRIPTS = Path(__file__).parent
LIBRARIES = ("matplotlib", "pandas", "seaborn")
# Other inputs are the answers to open questions, by their names.
READERS = {
    "metrics": tables.read_metrics,
    "shapes": tables.read_shapes,
    "protocols": tables.read_protocols,
    "power": tables.read_power,
    "published": tables.read_published,
    "markers": read_markers,
}
IN_LITERATURE = {"published": "series.csv", "markers": "markers.csv"}


def main() -> None:
    """Read the command line and the tables, draw what has changed, write all files."""
    given = parse()

    @cache
    def read(name: str) -> Any:
        if name == "axes":
            folder = given.results / "axes"
            files = {axis: folder / axis / "metrics.csv" for axis in given.axes}
            return {axis: tables.read_along(file, axis) for axis, file in files.items()}
        if name not in READERS:
            return tables.read_question(given.results / f"questions/{name}.csv")
        path = given.results / f"{name}.csv"
        if name in IN_LITERATURE:
            path = given.literature / IN_LITERATURE[name]
        return READERS[name](path)

    every = [{"source": source, "task": task} for source, task in given.editions]
    drawings = []
    for entry in map(entries().__getitem__, given.names):
        for options in entry.each(every, given.axes):
            inputs = {name: read(name) for name in entry.inputs}
            table = tables.rounded(entry.make_table(inputs, **options))
            drawings.append(Drawing(entry, options, table, given.store))
    with ProcessPoolExecutor(given.threads) as pool:
        for title in pool.map(Drawing.draw, [d for d in drawings if not d.is_stored]):
            print(f"{title}: drawn", flush=True)
    for drawing in drawings:
        target = given.results / drawing.entry.target(drawing.options)
        for ending in ENDINGS:
            with whole(f"{target}.{ending}") as beside:
                shutil.copy(f"{drawing.stored}.{ending}", beside)
        write_text(f"{target}.rst", caption(drawing.entry, drawing.options, given.editions))
    used = {drawing.stored.name for drawing in drawings}
    for path in given.store.glob("*"):
        if path.stem not in used:
            path.unlink()


@dataclass(frozen=True)
class Drawing:
    """A figure with its numbers, and its place in the store."""

    entry: Entry
    options: dict[str, str]
    table: pd.DataFrame
    store: Path

    @property
    def title(self) -> str:
        """Inside the SVG, and in the log."""
        return " ".join([self.entry.name, *self.options.values()])

    @cached_property
    def stored(self) -> Path:
        """Path without an ending: it names numbers, code and libraries."""
        code = [Path(path).read_bytes() for path in closure(self.entry.path, SCRIPTS)]
        libraries = [f"{library} {version(library)}" for library in LIBRARIES]
        return self.store / digest(self.title, self.table.to_csv(index=False), *libraries, *code)

    @property
    def is_stored(self) -> bool:
        """Whether it was drawn before."""
        return all(self.stored.with_suffix(f".{ending}").exists() for ending in ENDINGS)

    def draw(self) -> str:
        """Draw it to the store; return its title."""
        save(self.entry.module().figure(self.table), self.table, self.stored, self.title)
        return self.title


def caption(entry: Entry, options: dict[str, str], editions: list[tuple[str, str]]) -> str:
    """The caption of a figure, with whose items it shows."""
    sentences = [entry.caption]
    if entry.of_literature:
        sentences.append("Nothing in this figure was measured here.")
    elif "axis" in options:
        sentences.insert(0, f"**Along {AXES[options['axis']].title}.**")
    elif options:
        sentences.insert(0, f"**{options['task']}** ({options['source']} items).")
    elif "metrics" in entry.inputs and editions:
        sentences.append(describe_sources(editions))
    return "\n".join(sentences) + "\n"


def edition(text: str) -> tuple[str, str]:
    """Source and task of a word such as ``replica/neqa``."""
    source, _, task = text.partition("/")
    return source, task


def parse() -> argparse.Namespace:
    """Command line of the step."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="+", choices=entries(), metavar="NAME", help="of a figure")
    parser.add_argument("--literature", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--editions", nargs="*", type=edition, default=[], metavar="SOURCE/TASK")
    parser.add_argument("--axes", nargs="*", choices=ASKED, default=[], metavar="AXIS")
    parser.add_argument("--threads", type=int, default=1, help="figures drawn side by side")
    parser.add_argument("--store", type=Path, required=True, help="folder of drawn figures")
    parser.add_argument("--results", type=Path, required=True, help="folder of tables and figures")
    return parser.parse_args()


if __name__ == "__main__":
    run(main)
