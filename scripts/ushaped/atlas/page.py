"""The page of the atlas, in the style of the report and with its script."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import TemplateError

from ushaped.atlas.compare import compare_data
from ushaped.atlas.curves import MIXED, name_of
from ushaped.atlas.judge import DECIDES
from ushaped.atlas.points import ACCURACY, LeftOut, Point
from ushaped.atlas.sources import PublishedSet
from ushaped.atlas.verdicts import is_tested, task_of
from ushaped.axes import AXES, VALIDATION_LOSS
from ushaped.errors import UserError
from ushaped.report.page import environment, script, style_sheet
from ushaped.results.text_files import Row
from ushaped.terms import IRREGULAR, STATISTICAL_SHAPES

AXIS_TITLES = {name: axis.title for name, axis in AXES.items()}
AXIS_TITLES[VALIDATION_LOSS.name] = VALIDATION_LOSS.title
# What the table of all curves shows of each.
SHOWN = (
    *("set", "corpus", "metric", "axis", "fixed", "protocol", "modified", "commit", "points", "n"),
    *("equivalent", "statistical", "because", "these_models", "tipping_point", "run_noise"),
    *("run_noise_source", "first", "lowest", "valley_size", "last", "confirmed", "flags"),
)


@dataclass(frozen=True)
class Atlas:
    """Everything that the page shows.

    Attributes
    ----------
    sets : dict of str to PublishedSet
    points : list of Point
    rows : list of dict
        Rows of ``verdicts.csv``.
    tables : dict of str to list of dict
        The answers by name, cells as texts.
    left_out : list of LeftOut
    margin : float
        Largest error of a prediction that foretells.
    """

    sets: Mapping[str, PublishedSet]
    points: Sequence[Point]
    rows: Sequence[Row]
    tables: Mapping[str, Sequence[Mapping[str, str]]]
    left_out: Sequence[LeftOut]
    margin: float

    @property
    def tested(self) -> list[Row]:
        """Curves whose errors are known."""
        return [row for row in self.rows if is_tested(row)]

    @property
    def tiles(self) -> list[tuple[str, int, int]]:
        """Shapes with the number of tested curves, and of those confirmed."""
        found = Counter(str(row["statistical"]) for row in self.tested)
        sure = Counter(str(row["statistical"]) for row in self.tested if row["confirmed"] == "yes")
        return [(shape, found[shape], sure[shape]) for shape in STATISTICAL_SHAPES]

    @property
    def counts(self) -> list[tuple[Mapping[str, str], dict[str, Mapping[str, str]]]]:
        """Rows of the counts by shape, for each set, metric and axis with a tested curve."""
        groups: dict[tuple[str, ...], dict[str, Mapping[str, str]]] = {}
        for row in self.tables["counts"]:
            key = (row["set"], row["metric"], row["axis"])
            groups.setdefault(key, {})[row["shape"]] = row
        firsts = ((next(iter(shapes.values())), shapes) for shapes in groups.values())
        return [(first, shapes) for first, shapes in firsts if int(first["tested"])]

    @property
    def mixed(self) -> tuple[int, int, int, int]:
        """Curves of mixed multiples and how many are irregular; the same of tested others."""
        mixed = [MIXED in str(row["flags"]).split(";") for row in self.tested]
        irregular = [row["statistical"] == IRREGULAR for row in self.tested]
        pairs = list(zip(mixed, irregular, strict=True))
        return (
            sum(mixed),
            sum(one and other for one, other in pairs),
            len(mixed) - sum(mixed),
            sum(other and not one for one, other in pairs),
        )

    @property
    def matrices(self) -> list[Matrix]:
        """Verdicts under accuracy, or the first metric of a set: one matrix for set and axis."""
        groups: dict[tuple[str, str], list[Row]] = {}
        for row in self.rows:
            if row["metric"] == ACCURACY:
                groups.setdefault((str(row["set"]), str(row["axis"])), []).append(row)
        return [
            Matrix(self.title(of), AXIS_TITLES[axis], own) for (of, axis), own in groups.items()
        ]

    def title(self, name: str) -> str:
        """What the page calls a set."""
        return self.sets[name].title if name in self.sets else name

    @property
    def compare(self) -> dict[str, Any]:
        """What *Compare curves* draws."""
        return compare_data(self.rows, self._scales())

    def _scales(self) -> dict[tuple[str, str, str], list[Any]]:
        """Parameters and compute of every point of a curve, by set, corpus and its name."""
        scales: dict[tuple[str, str, str], list[Any]] = {}
        for point in self.points:
            place = [_known(point.parameters), _known(point.training_flops)]
            for corpus in (point.corpus, self.sets[point.set].pooled):
                scales.setdefault((point.set, corpus, name_of([point])), place)
        for row in self.rows:
            own = str(row["set"]), str(row["corpus"])
            for name, at in zip(
                str(row["size_names"]).split(";"), str(row["at"]).split(";"), strict=True
            ):
                by_axis = {"training-compute": [None, float(at)], "parameters": [float(at), None]}
                scales.setdefault((*own, name), by_axis.get(str(row["axis"]), [None, None]))
        return scales

    @property
    def curves(self) -> dict[str, Any]:
        """The table of all curves, for the script of the page."""
        return {
            "columns": ["task", *SHOWN, "q"],
            "titles": {name: self.title(name) for name in {str(row["set"]) for row in self.rows}},
            "axes": AXIS_TITLES,
            "rows": [
                [task_of(row), *(row[name] for name in SHOWN), q_of(row)] for row in self.rows
            ],
        }


def _known(value: float) -> float | None:
    return value if value == value else None


def q_of(row: Row) -> object:
    """The q-value of the test that a verdict rests on; None without one."""
    test = DECIDES.get(str(row["statistical"]))
    return row[f"qvalue_{test}"] if test else None


@dataclass(frozen=True)
class Matrix:
    """Tasks of one set by what is held fixed on each corpus, along one axis."""

    title: str
    axis: str
    rows: Sequence[Row]

    @property
    def columns(self) -> list[tuple[str, str]]:
        """Corpus and what is held fixed."""
        found = {(str(row["corpus"]), str(row["fixed"])) for row in self.rows}
        return sorted(found, key=lambda one: (one[0], len(one[1]), one[1]))

    @property
    def tasks(self) -> list[str]:
        return list(dict.fromkeys(task_of(row) for row in self.rows))

    @property
    def cells(self) -> dict[tuple[str, str, str], Row]:
        """The row of each task, corpus and what is held fixed."""
        return {(task_of(row), str(row["corpus"]), str(row["fixed"])): row for row in self.rows}


def render_atlas(template: Path, atlas: Atlas) -> str:
    """Render the page.

    Raises
    ------
    UserError
        If the template is not there or is wrong.
    """
    css, css_hash = style_sheet(template.parent / "style.css")
    code, code_hash = script(template.parent / "script", template.parent / "script" / "atlas")
    shell = {"css": css, "css_hash": css_hash, "script": code, "script_hash": code_hash}
    try:
        html = environment(template.parent).get_template(template.name)
        return html.render(atlas=atlas, axis_titles=AXIS_TITLES, files={}, **shell)
    except TemplateError as error:
        raise UserError(str(template), f"cannot be rendered ({error})", "mend it") from error
