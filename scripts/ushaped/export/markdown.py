"""Tables in Markdown, as GitHub reads it (GitHub Flavored Markdown, version 0.29, section 4.10)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ushaped.export.table import NUMBER, Table

# All that could be markup, a mention, a link, an emoji or mathematics; after a backslash each is a
# plain sign.
_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|~&$@]|:(?=\S)|(?<=www)\.)")


def document(tables: Iterable[Table]) -> str:
    """Write tables one below the other, each under its caption."""
    return "\n".join(map(markdown, tables))


def markdown(table: Table) -> str:
    """Write one table.

    Examples
    --------
    >>> from ushaped.export.table import Group, Table
    >>> print(markdown(Table("a", "Two.", [("a|b", "l"), ("n", "r")], [Group("", [["x", "1"]])])))
    Two.
    <BLANKLINE>
    | a\\|b | n |
    | --- | ---: |
    | x | 1 |
    <BLANKLINE>
    """
    lines = [escape(table.caption), ""]
    lines.append(_row(escape(name) for name, _ in table.columns))
    lines.append(_row("---:" if kind == NUMBER else "---" for _, kind in table.columns))
    for group in table.groups:
        if group.heading:
            empty = [""] * (len(table.columns) - 1)
            lines.append(_row([f"**{escape(group.heading)}**", *empty]))
        lines += [_row(map(escape, cells)) for cells in group.rows]
    for note in table.notes:
        lines += ["", escape(note)]
    return "\n".join(lines) + "\n"


def escape(text: str) -> str:
    """Write a text such that it is shown as it is, on one line.

    Examples
    --------
    >>> print(escape("<b> 1 | 2"))
    \\<b\\> 1 \\| 2
    """
    return _MARKUP.sub(r"\\\1", " ".join(text.split()))


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
