"""Which files of this project a step's result depends on: its script and all that it imports."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

PACKAGE = "ushaped"


def closure(script: str | Path, root: str | Path) -> list[str]:
    """A Python file and the modules of this project that it imports, directly or through others.

    Imports inside functions count too. ``__init__.py`` files of the packages on the way belong to
    it, since Python runs them.

    Parameters
    ----------
    script : path
        A program of this project.
    root : path
        The folder that holds the package ``ushaped``.

    Returns
    -------
    list of str
        Paths, the script first, the others sorted.
    """
    script = Path(script)
    found: set[Path] = set()
    waiting = [script]
    while waiting:
        path = waiting.pop()
        for module in _imported(path):
            for file in _files(Path(root), module):
                if file not in found:
                    found.add(file)
                    waiting.append(file)
    return [str(script), *sorted(str(path) for path in found)]


def _imported(path: Path) -> frozenset[str]:
    """Dotted names of this project's modules that a file imports, with what it takes from them."""
    return _imports(path.read_text(encoding="utf-8"))


# Many steps share their modules, and every run of Snakemake asks for all steps.
@cache
def _imports(text: str) -> frozenset[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(name for name in names if name.split(".")[0] == PACKAGE)


def _files(root: Path, module: str) -> list[Path]:
    parts = module.split(".")
    packages = [root.joinpath(*parts[: i + 1], "__init__.py") for i in range(len(parts))]
    return [path for path in (*packages, root.joinpath(*parts).with_suffix(".py")) if path.exists()]
