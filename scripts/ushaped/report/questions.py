"""The open questions: what the tables answer, put into words, and what stays open."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ushaped.questions import QUESTIONS
from ushaped.questions.selection import SELECTED, SUBMITTED, closest_fall
from ushaped.report.base_and_chat import BaseAndChat, base_and_chat_view
from ushaped.report.difficulty import Difficulty, describe_difficulty, difficulties
from ushaped.report.findings import Findings
from ushaped.report.methods import rule_settings
from ushaped.report.metrics_compared import MetricsComparedView, metrics_compared_view
from ushaped.report.onsets import Onsets, describe_onsets, onsets_view
from ushaped.report.pictures import Picture
from ushaped.report.text import listing, plural
from ushaped.report.written_answers import WrittenAnswers, written_answers_view
from ushaped.results import tables
from ushaped.results.numbers import draws, metric_prefix, percent, signed, zetta
from ushaped.terms import (
    AVERAGE,
    CONFIDENCE,
    FLOPS,
    INVERSE,
    LOSSES,
    MAIN_VARIANT,
    PALM,
    PUBLISHED,
    SIGNIFICANCE,
)
from ushaped.variants import order_variants

# Directions of the last step, of one task and of several.
DIRECTIONS = {
    "down": ("still falls", "still fall"),
    "flat": ("changes no further", "change no further"),
    "up": ("rises again", "rise again"),
}
CURVES = ["family", "source", "variant", "protocol"]

Row = dict[str, Any]


def group_curves(table: pd.DataFrame) -> Iterator[tuple[dict[str, str], list[Row]]]:
    """The rows of each family, source, variant and protocol, with these names."""
    for key, rows in table.groupby(CURVES):
        yield dict(zip(CURVES, map(str, key), strict=True)), tables.records(rows)


# -- does it continue? ----------------------------------------------------------------------------


@dataclass(frozen=True)
class LastSteps:
    """The last steps of all inverse curves of one family, source and variant."""

    family: str
    source: str
    variant: str
    protocol: str
    rows: list[Row]

    @property
    def published(self) -> bool:
        return self.source == PUBLISHED

    @property
    def single(self) -> list[Row]:
        """Those of single tasks."""
        return [row for row in self.rows if row["task"] != AVERAGE]

    @property
    def who(self) -> str:
        """Whose curves these are, with items and protocol."""
        items = "published results on official" if self.published else self.source
        return f"{self.family}, {self.variant} ({self.protocol} protocol), {items} items"

    @property
    def sentence(self) -> str:
        """The directions in words."""
        parts = []
        for direction, verbs in DIRECTIONS.items():
            names = [row["task"] for row in self.single if row["direction"] == direction]
            if names:
                parts.append(f"{len(names)} {verbs[len(names) > 1]} ({listing(names)})")
        return f"Of {plural(len(self.single), 'inverse task')}, {listing(parts)}"

    @property
    def unsettled(self) -> list[str]:
        """Tasks of which too few draws are inverse for a settled verdict, with their share."""
        return [
            f"{row['task']} ({percent(row['p_inverse'], 0)})"
            for row in self.single
            if row["p_inverse"] < CONFIDENCE
        ]

    def floored(self, margin: float) -> list[str]:
        """Tasks that cannot fall by more than the margin, with the accuracy they have."""
        return [
            f"{row['task']} ({percent(row['value'])})"
            for row in self.single
            if row["room_to_zero"] <= margin
        ]


def last_steps(parts: Sequence[pd.DataFrame | None]) -> list[LastSteps]:
    """Group the last steps: PaLM first, then what was run here, then the other series."""
    filled = [part for part in parts if part is not None and len(part)]
    if not filled:
        return []
    table = pd.concat(filled, ignore_index=True)
    order = order_variants(table["variant"])
    groups = [LastSteps(**curve, rows=rows) for curve, rows in group_curves(table)]
    return sorted(
        [group for group in groups if group.single],
        key=lambda group: (
            group.family != PALM or not group.published,
            group.published,
            group.family,
            order.index(group.variant),
        ),
    )


# -- with reasoning? ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Chains:
    """The verdicts of one family, source and variant with reasoning."""

    family: str
    source: str
    variant: str
    protocol: str
    rows: list[Row]

    @property
    def judged(self) -> list[Row]:
        """Single tasks that have a verdict."""
        return [r for r in self.rows if r["task"] != AVERAGE and r["equivalent"]]

    @property
    def inverse(self) -> list[Row]:
        return [row for row in self.judged if row["equivalent"] == INVERSE]

    @property
    def sentence(self) -> str:
        """The count of inverse tasks in words."""
        who = f"{self.family}, {self.variant} ({self.protocol} protocol), {self.source} items"
        if not self.judged:
            return f"{who}: one size, so no curve and no verdict"
        if not self.inverse:
            return f"{who}: none of {plural(len(self.judged), 'task')} is inverse"
        names = [f"{row['task']} ({draws(row['p'])})" for row in self.inverse]
        settled = sum(row["p"] >= CONFIDENCE for row in self.inverse)
        verb = "is" if len(names) == 1 else "are"
        return (
            f"{who}: {len(names)} of {plural(len(self.judged), 'task')} {verb} inverse: "
            f"{listing(names)}; for {settled} of these at least {percent(CONFIDENCE, 0)} of the "
            "draws agree"
        )


def chains(table: pd.DataFrame | None) -> list[Chains]:
    """Group the verdicts of the variants with reasoning."""
    if table is None or table.empty:
        return []
    return [Chains(**curve, rows=rows) for curve, rows in group_curves(table)]


# -- compute-optimal? -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Match:
    """Chinchilla beside one series on one axis, at the largest point that both reach."""

    axis: str
    other: str
    rows: list[Row]

    @property
    def scale(self) -> str:
        """Where they are compared."""
        return format_scale(self.axis, self.rows[0]["scale"])

    @property
    def ratio(self) -> float:
        """Chinchilla's scale on the other axis over that of the other series."""
        return float(self.rows[0]["other_axis_ratio"])

    @property
    def sentence(self) -> str:
        """Average and single tasks in words."""
        single = [row for row in self.rows if row["task"] != AVERAGE]
        counts = {"better": 0, "worse": 0, "not distinguishable": 0, "without an interval": 0}
        for row in single:
            counts[outcome(row)] += 1
        counted = listing(f"{count} {word}" for word, count in counts.items() if count)
        counted = f"of {plural(len(single), 'task')}, {counted}"
        axis = "compute" if self.axis == FLOPS else "parameters"
        begin = f"At equal {axis} ({self.scale}) Chinchilla"
        average = next((row for row in self.rows if row["task"] == AVERAGE), None)
        if average is None:
            return f"{begin} against {self.other}: {counted}"
        size, low, high = (signed(average[n], "accuracy") for n in ("difference", "low", "high"))
        return (
            f"{begin}'s ten-task average differs from {self.other}'s by {size} points "
            f"({low} to {high}); {counted}"
        )


def outcome(row: Row) -> str:
    """Whether Chinchilla does better, by the interval of the difference."""
    if row["low"] != row["low"]:
        return "without an interval"
    if row["low"] <= 0 <= row["high"]:
        return "not distinguishable"
    return "better" if (row["difference"] > 0) != (row["metric"] in LOSSES) else "worse"


def format_scale(axis: str, scale: float) -> str:
    """A scale with its unit."""
    if axis == FLOPS:
        return f"{zetta(scale)} zettaFLOPs"
    return f"{metric_prefix(scale)} parameters"


def matches(table: pd.DataFrame | None) -> list[Match]:
    """The comparisons at the largest point, compute first."""
    if table is None:
        return []
    groups = table[table["largest"] == "yes"].groupby(["axis", "other"])
    unsorted = [
        Match(str(axis), str(other), tables.records(rows)) for (axis, other), rows in groups
    ]
    return sorted(unsorted, key=lambda match: (match.axis != FLOPS, match.other))


def matched_points(table: pd.DataFrame | None) -> list[Row]:
    """Every point of every comparison, with its scale and outcome in words."""
    if table is None:
        return []
    rows = sorted(tables.records(table), key=lambda r: (r["axis"] != FLOPS, r["other"], r["scale"]))
    return [
        row | {"scale": format_scale(row["axis"], row["scale"]), "outcome": outcome(row)}
        for row in rows
    ]


# -- a selection effect? --------------------------------------------------------------------------


@dataclass(frozen=True)
class SelectionOutcome:
    """What chance makes of the selected tasks where it falls as far as the prize's tasks did."""

    kind: str
    row: Row

    @property
    def position(self) -> str:
        """Where the observed number lies."""
        observed = self.row["observed_u"]
        if observed > self.row["u_high"]:
            return "above"
        return "below" if observed < self.row["u_low"] else "inside"


@dataclass(frozen=True)
class Selection:
    """The simulation in a few numbers; see `ushaped.questions.selection`."""

    noise: Row
    independent: SelectionOutcome
    walk: SelectionOutcome
    bounding: Row
    walk_bounding: Row
    rows: list[Row]

    @property
    def small_noise(self) -> bool:
        """Whether item noise alone makes falls of less than half the observed depth."""
        return bool(2 * self.noise["fall_median"] < self.noise["observed_fall"])

    @property
    def fits(self) -> bool:
        """Whether the number that turned is one that chance makes, under either kind of wiggle."""
        return "inside" in (self.independent.position, self.walk.position)

    @property
    def replicated(self) -> bool:
        """Whether the fall in a family that was not looked at is too large for chance."""
        significant = self.bounding["p_fresh_fall"] < SIGNIFICANCE
        return bool(self.bounding["fresh_fall"] > 0 and significant)

    @property
    def sentence(self) -> str:
        """The answer in words."""
        count = "may be" if self.fits else "is not"
        fall = "further" if self.replicated else "no further"
        return (
            f"The number of tasks that turn {count} what selection alone would give; in a family "
            f"that played no part in it, accuracy falls {fall} than independent wiggle explains"
        )


def selection(table: pd.DataFrame | None) -> Selection | None:
    """Pick the rows that the page speaks of; tasks are those selected by slope."""
    if table is None:
        return None
    slope = table[table["ranking"] == "slope"].sort_values("tau")
    independent, walk = (slope[slope["kind"] == kind] for kind in ("independent", "walk"))
    return Selection(
        noise=tables.as_record(independent.iloc[0]),
        independent=SelectionOutcome("independent", tables.as_record(closest_fall(independent))),
        walk=SelectionOutcome("walk", tables.as_record(closest_fall(walk))),
        bounding=at_bound(independent),
        walk_bounding=at_bound(walk),
        rows=[tables.as_record(row) for _, row in table.iterrows()],
    )


def at_bound(rows: pd.DataFrame) -> Row:
    """Row of the first tau that is not below the bound: chance gets all the room it may have."""
    enough = rows[rows["tau"] >= rows["tau_bound"]]
    return tables.as_record(enough.iloc[0] if len(enough) else rows.iloc[-1])


# -- all other questions --------------------------------------------------------------------------

WORDED = (
    *("continuing-published", "continuing-measured", "chains", "matching", "selection"),
    "metrics-compared",
    "difficulty",
    "onsets",
    "written-answers",
    "base-and-chat",
)
"""Questions whose answers the partial puts into words; every other one is shown as its table."""


@dataclass(frozen=True)
class Tabled:
    """A question without words of its own on the page, and the table that answers it."""

    name: str
    title: str
    columns: list[str]
    rows: list[list[object]]


def tabled(answers: Mapping[str, pd.DataFrame]) -> list[Tabled]:
    return [
        Tabled(name, QUESTIONS[name].title, list(table.columns), table.to_numpy().tolist())
        for name, table in answers.items()
        if name not in WORDED and len(table)
    ]


# -- the partial ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class QuestionsView:
    """``partials/questions.html.j2``."""

    answered: bool
    steps: list[LastSteps]
    chains: list[Chains]
    matches: list[Match]
    points: list[Row]
    selection: Selection | None
    compared: MetricsComparedView | None
    difficulties: list[Difficulty]
    onsets: list[Onsets]
    written: list[WrittenAnswers]
    chat: list[BaseAndChat]
    tabled: list[Tabled]
    matching_picture: Picture
    selection_picture: Picture
    difficulty_picture: Picture
    onsets_picture: Picture
    submitted: int
    selected: int
    rule: dict[str, float]
    confidence: float
    main_variant: str


def questions_view(findings: Findings) -> QuestionsView:
    answers = findings.results.questions
    matching, simulated = answers.get("matching"), answers.get("selection")
    alts = describe_figures(answers)
    rule = rule_settings(findings.results.config)
    return QuestionsView(
        answered=bool(answers),
        steps=last_steps([answers.get(f"continuing-{part}") for part in ("published", "measured")]),
        chains=chains(answers.get("chains")),
        matches=matches(matching),
        points=matched_points(matching),
        selection=selection(simulated),
        compared=metrics_compared_view(answers.get("metrics-compared"), rule["equivalence"]),
        difficulties=difficulties(answers.get("difficulty")),
        onsets=onsets_view(answers.get("onsets")),
        written=written_answers_view(answers.get("written-answers")),
        chat=base_and_chat_view(answers.get("base-and-chat")),
        tabled=tabled(answers),
        matching_picture=findings.picture("matching", 3, alts["matching"]),
        selection_picture=findings.picture("selection", 4, alts["selection"]),
        difficulty_picture=findings.picture("difficulty", 5, alts["difficulty"]),
        onsets_picture=findings.picture("onsets", 6, alts["onsets"]),
        submitted=SUBMITTED,
        selected=SELECTED,
        rule=rule,
        confidence=CONFIDENCE,
        main_variant=MAIN_VARIANT,
    )


def describe_figures(answers: Mapping[str, pd.DataFrame]) -> dict[str, str]:
    """What the figures show, each with its finding."""
    compared = "; ".join(match.sentence for match in matches(answers.get("matching")))
    simulated = selection(answers.get("selection"))
    turned = ""
    if simulated is not None:
        turned = "; ".join(
            "{kind} wiggle that falls as far as observed: {u_median:.0f} of {observed_of:.0f} turn "
            "(90% of repeats: {u_low:.0f} to {u_high:.0f}), observed {observed_u:.0f}".format(
                **outcome.row
            )
            for outcome in (simulated.independent, simulated.walk)
        )
    return {
        "matching": "Chinchilla minus Gopher and minus PaLM, task by task, published results. "
        + compared,
        "selection": "Tasks that turn after being selected for their fall, against the wiggle. "
        + turned,
        "difficulty": describe_difficulty(answers.get("difficulty")),
        "onsets": describe_onsets(answers.get("onsets")),
    }
