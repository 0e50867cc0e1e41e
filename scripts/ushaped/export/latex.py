"""Tables in LaTeX, with the packages booktabs and longtable and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ushaped.export.table import Table

HEAD = r"% Made by U-Shaped; needs \usepackage{booktabs,longtable}" + "\n"
# A longer table goes on over the next page, so it cannot float.
LONGEST = 40

_ESCAPED = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    # German texts read this sign as the beginning of a command.
    '"': r"{\char34}",
    "`": r"\`{}",
    "−": "$-$",
    "–": r"\textendash{}",
    "×": r"$\times$",
    **{sign: rf"\textsuperscript{{{digit}}}" for digit, sign in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")},
    "⁻": r"\textsuperscript{$-$}",
}
# Letters of Western Europe that LaTeX has in its oldest fonts, too.
_LETTERS = frozenset(map(chr, range(0xC0, 0x100))) - frozenset("ÐÞðþ×÷")
# Signs that LaTeX reads as one where two follow each other.
_LIGATURES = re.compile(r"([-',])(?=\1)")


def document(tables: Iterable[Table]) -> str:
    """Write tables for ``\\input``, one below the other."""
    return "\n".join([HEAD, *map(latex, tables)])


def latex(table: Table) -> str:
    """Write one table: a float, or pages of it if it is long.

    Examples
    --------
    >>> from ushaped.export.table import Group, Table
    >>> print(latex(Table("a", "Two.", [("a", "l"), ("n", "r")], [Group("", [["x&y", "1"]])])))
    \\begin{table}
    \\caption{Two.}\\label{tab:a}
    \\centering\\footnotesize\\setlength{\\tabcolsep}{4pt}
    \\begin{tabular}{@{}lr@{}}
    \\toprule
    a & n \\\\
    \\midrule
    x\\&y & 1 \\\\
    \\bottomrule
    \\end{tabular}
    \\end{table}
    <BLANKLINE>
    """
    size = r"\footnotesize\setlength{\tabcolsep}{4pt}"
    caption = rf"\caption{{{escape(table.caption)}}}\label{{tab:{label(table.name)}}}"
    columns = f"{{@{{}}{''.join(kind for _, kind in table.columns)}@{{}}}}"
    head = [r"\toprule", _row(name for name, _ in table.columns), r"\midrule"]
    notes = [rf"\par\raggedright\smallskip {escape(note)}" for note in table.notes]
    if table.length > LONGEST:
        wide = r"\setlength{\LTcapwidth}{\textwidth}"
        begin = [r"\begingroup" + size + wide, rf"\begin{{longtable}}{columns}", caption + r" \\"]
        repeated = [*head, r"\endfirsthead", *head, r"\endhead", r"\bottomrule", r"\endlastfoot"]
        lines = [*begin, *repeated, *_body(table), r"\end{longtable}", *notes, r"\endgroup"]
    else:
        begin = [r"\begin{table}", caption, r"\centering" + size]
        inside = [rf"\begin{{tabular}}{columns}", *head, *_body(table)]
        lines = [*begin, *inside, r"\bottomrule", r"\end{tabular}", *notes, r"\end{table}"]
    return "\n".join(lines) + "\n"


def escape(text: str) -> str:
    """Write a text such that LaTeX prints it as it is.

    A sign that not every LaTeX can print stands as its code point.

    Examples
    --------
    >>> print(escape("50% of a_b -- 木"))
    50\\% of a\\_b -{}- U+6728
    """
    signs = map(_sign, " ".join(text.split()))
    return _LIGATURES.sub(r"\1{}", "".join(signs))


def label(name: str) -> str:
    """A name that can be a label, whatever it holds."""
    return re.sub(r"[^A-Za-z0-9-]", "-", name)


def _sign(sign: str) -> str:
    if sign in _ESCAPED:
        return _ESCAPED[sign]
    plain = (sign.isascii() and sign.isprintable()) or sign in _LETTERS
    return sign if plain else f"U+{ord(sign):04X}"


def _body(table: Table) -> list[str]:
    """Rows; a line of space between groups."""
    lines: list[str] = []
    for group in table.groups:
        if lines:
            lines.append(r"\addlinespace")
        if group.heading:
            width = len(table.columns)
            heading = rf"\textit{{{escape(group.heading)}}}"
            lines.append(rf"\multicolumn{{{width}}}{{@{{}}l@{{}}}}{{{heading}}} \\")
        lines += map(_row, group.rows)
    return lines


def _row(cells: Iterable[str]) -> str:
    row = " & ".join(map(escape, cells))
    # After the end of a row a bracket or a star would be read as a part of it.
    return ("{}" if row[:1] in ("[", "*") else "") + row + r" \\"
