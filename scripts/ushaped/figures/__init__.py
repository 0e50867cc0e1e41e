"""Figures: a module with a ``TITLE`` is one, and nothing else has to name it.

Its title and ``CAPTION`` (reStructuredText) stand in Snakemake's report. Its function ``table``
takes the inputs that its parameters are named after and returns the numbers that are drawn and
written; its function ``figure`` draws them. Options after ``*`` tell the figures of one
module apart. Reading the modules imports none of them.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from ushaped.questions import QUESTIONS

FOLDER = Path(__file__).parent
ENDINGS = ("svg", "png", "csv")
# The options of a figure that there is one of for each axis of the configuration.
AXIS = ("axis",)
# What needs no model: figures of these alone are drawn by `snakemake figures`.
LITERATURE = frozenset({"published", "markers", "matching", "selection"})


@dataclass(frozen=True)
class Entry:
    """A figure, as far as it is known without importing it: its module, and what that says."""

    path: Path
    title: str
    caption: str
    inputs: tuple[str, ...]
    options: tuple[str, ...]

    @property
    def name(self) -> str:
        """Name of its files."""
        return self.path.stem

    @property
    def of_literature(self) -> bool:
        """Whether it needs no model."""
        return LITERATURE.issuperset(self.inputs)

    @property
    def category(self) -> str:
        """Where Snakemake's report shows it."""
        if self.path.parent != FOLDER:
            return "Published"
        if self.options:
            return "Other axes" if self.options == AXIS else "Tasks"
        return "Overview" if QUESTIONS.keys().isdisjoint(self.inputs) else "Open questions"

    def label(self, options: Mapping[str, str]) -> dict[str, str]:
        """What Snakemake's report calls it, as the other files of its category."""
        if self.options == AXIS:
            return {"axis": options["axis"], "figure": self.title}
        if self.options:
            return {"task": f"{options['task']}, {options['source']} items"}
        return {"question" if self.category == "Open questions" else "figure": self.title}

    def each(
        self, editions: Sequence[dict[str, str]], axes: Sequence[str]
    ) -> Sequence[dict[str, str]]:
        """The options of each of its figures: one for every edition or axis, or one without."""
        if self.options == AXIS:
            return [{"axis": axis} for axis in axes]
        return editions if self.options else [{}]

    def target(self, options: Mapping[str, str]) -> str:
        """Its files in the folder of the results, without their ending."""
        folder = f"{self.name.removesuffix('s')}s"
        name = "/".join([folder, *options.values()]) if options else self.name
        return (self.path.parent.relative_to(FOLDER) / "figures" / name).as_posix()

    def module_of(self, scripts: Path) -> Path:
        """Path of its module in a folder of programs."""
        return scripts / "ushaped" / "figures" / self.path.relative_to(FOLDER)

    def module(self) -> ModuleType:
        """Import it."""
        parts = self.path.relative_to(FOLDER).with_suffix("").parts
        return import_module(".".join([__name__, *parts]))

    def make_table(self, inputs: Mapping[str, Any], **options: str) -> Any:
        """Its table, from those of some inputs that it needs."""
        return self.module().table(*(inputs[name] for name in self.inputs), **options)


@cache
def entries() -> dict[str, Entry]:
    """All figures by name."""
    found = filter(None, map(_read, sorted(FOLDER.rglob("*.py"))))
    return {entry.name: entry for entry in found}


def _read(path: Path) -> Entry | None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    texts = {
        target.id: ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name) and target.id in ("TITLE", "CAPTION")
    }
    if not texts:
        return None
    (made,) = (n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == "table")
    inputs, options = ([a.arg for a in found] for found in (made.args.args, made.args.kwonlyargs))
    return Entry(path, texts["TITLE"], texts["CAPTION"].strip(), tuple(inputs), tuple(options))
