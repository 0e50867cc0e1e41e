"""Figures: each is a table of the numbers drawn, and a function from that table to axes."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

NAMES = ("scaling", "task", "verdicts", "overview", "seeds", "beside")
# Those that show one table of their own; their function ``table`` takes it alone.
OF_ONE_TABLE = ("protocols", "matching", "selection", "power")


def figure_module(name: str) -> ModuleType:
    """Import one figure's module, with its functions ``table`` and ``figure``.

    Parameters
    ----------
    name : str
        One of `NAMES` or `OF_ONE_TABLE`.
    """
    if name not in NAMES + OF_ONE_TABLE:
        known = ", ".join(NAMES + OF_ONE_TABLE)
        raise ValueError(f"no figure is called {name!r}; there are {known}")
    return import_module(f"ushaped.figures.{name}")
