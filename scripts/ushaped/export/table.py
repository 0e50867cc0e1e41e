"""A table as it is meant, before it is written in a format."""

from __future__ import annotations

from dataclasses import dataclass, field

TEXT, NUMBER = "l", "r"


@dataclass(frozen=True)
class Group:
    """Rows that belong together, under a heading that may be empty."""

    heading: str
    rows: list[list[str]]


@dataclass(frozen=True)
class Table:
    """A table for a paper; all texts are plain, and each format escapes them its own way.

    Attributes
    ----------
    name : str
        What a label calls it.
    caption : str
        What it shows and how to read it.
    columns : list of (str, str)
        Head of each column, and whether it holds `TEXT` or a `NUMBER`.
    groups : list of Group
        Each row has one cell per column.
    notes : list of str
        What stands below.
    """

    name: str
    caption: str
    columns: list[tuple[str, str]]
    groups: list[Group]
    notes: list[str] = field(default_factory=list)

    @property
    def length(self) -> int:
        """Lines of the body."""
        return sum(len(group.rows) + bool(group.heading) for group in self.groups)
