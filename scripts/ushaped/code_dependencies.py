"""Code that a step's result depends on: its script and all modules that it imports."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

PACKAGE = "ushaped"


def closure(script: str | Path, root: str | Path) -> list[str]:
    """A Python file and the modules of this project that it imports, directly or through others.

    Imports inside functions count too, and so do the ``__init__.py`` files of their packages.

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
    modules: set[Path] = set()
    unread = [Path(script)]
    while unread:
        for name in _imports(unread.pop().read_text(encoding="utf-8")):
            new = set(_files(Path(root), name)) - modules
            modules |= new
            unread += new
    return [str(script), *sorted(map(str, modules))]


# Many steps share their modules, and every run of Snakemake needs the closures of all steps.
@cache
def _imports(text: str) -> frozenset[str]:
    """Dotted names of this project's modules, and of the names imported from them."""
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
