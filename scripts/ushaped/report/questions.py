"""The open questions: what the tables answer, put into words, and what stays open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ushaped.figures import selection as selection_figure
from ushaped.figures import style
from ushaped.questions.selection import SELECTED, SUBMITTED
from ushaped.report.text import listing, percent, plural, signed
from ushaped.results import tables
from ushaped.terms import CONFIDENCE, PALM

INVERSE = "inverse"
WORDS = {"down": "still falls", "flat": "stands still", "up": "rises again"}

Row = dict[str, Any]


def records(table: pd.DataFrame) -> list[Row]:
    """Rows of a table as dictionaries, tasks in the order of the paper."""
    order = {task: place for place, task in enumerate(tables.order_tasks(table["task"]))}
    rows = [{str(k): v for k, v in row.items()} for row in table.to_dict("records")]
    return sorted(rows, key=lambda row: order[row["task"]])


# -- does it continue? ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Steps:
    """The last steps of all inverse curves of one family, source and variant."""

    family: str
    source: str
    variant: str
    protocol: str
    rows: list[Row]

    @property
    def single(self) -> list[Row]:
        """Those of single tasks."""
        return [row for row in self.rows if row["task"] != tables.AVERAGE]

    @property
    def who(self) -> str:
        """Whose curves these are, with items and protocol."""
        published = self.source == "published"
        items = "published results on official items" if published else f"{self.source} items"
        return f"{self.family}, {self.variant} ({self.protocol} protocol), {items}"

    @property
    def counts(self) -> dict[str, list[str]]:
        """Tasks by the direction of the last step."""
        return {
            direction: [row["task"] for row in self.single if row["direction"] == direction]
            for direction in WORDS
        }

    @property
    def sentence(self) -> str:
        """The directions in words."""
        parts = [
            f"{len(names)} {WORDS[direction] if len(names) == 1 else _many(direction)} "
            f"({listing(names)})"
            for direction, names in self.counts.items()
            if names
        ]
        return f"Of {plural(len(self.single), 'inverse task')}, {listing(parts)}"

    @property
    def unsure(self) -> list[str]:
        """Tasks that fewer than 95 % of the draws call inverse."""
        return [row["task"] for row in self.single if row["p_inverse"] < CONFIDENCE]

    def floored(self, margin: float) -> list[str]:
        """Tasks that cannot fall by more than the margin, with the accuracy they have."""
        return [
            f"{row['task']} ({percent(row['value'])})"
            for row in self.single
            if row["room_to_zero"] <= margin
        ]


def _many(direction: str) -> str:
    return {"down": "still fall", "flat": "stand still", "up": "rise again"}[direction]


def steps(parts: Sequence[pd.DataFrame | None]) -> list[Steps]:
    """Group the last steps: PaLM first, then what was run here, then the other series."""
    found = [part for part in parts if part is not None and len(part)]
    if not found:
        return []
    table = pd.concat(found, ignore_index=True)
    order = {v: i for i, v in enumerate(style.order_variants(table["variant"]))}
    keys = ["family", "source", "variant", "protocol"]
    groups = [
        Steps(*(str(name) for name in key), rows=records(rows))  # type: ignore[arg-type, misc]
        for key, rows in table.groupby(keys)
    ]
    return sorted(
        [group for group in groups if group.single],
        key=lambda g: (
            g.family != PALM or g.source != "published",
            g.source == "published",
            g.family,
            order[g.variant],
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
        return [r for r in self.rows if r["task"] != tables.AVERAGE and r["equivalent"]]

    @property
    def inverse(self) -> list[Row]:
        """Those that are inverse."""
        return [row for row in self.judged if row["equivalent"] == INVERSE]

    @property
    def sentence(self) -> str:
        """The count of inverse tasks in words."""
        who = f"{self.family}, {self.variant} ({self.protocol} protocol), {self.source} items"
        if not self.judged:
            return f"{who}: one size, so no curve and no verdict"
        if not self.inverse:
            return f"{who}: none of {plural(len(self.judged), 'task')} is inverse"
        named = [f"{row['task']} ({tables.say_probability(row['p'])})" for row in self.inverse]
        sure = sum(row["p"] >= CONFIDENCE for row in self.inverse)
        count = f"{len(self.inverse)} of {plural(len(self.judged), 'task')}"
        verb = "is" if len(self.inverse) == 1 else "are"
        told = f"{who}: {count} {verb} inverse: {listing(named)}"
        return f"{told}; in {sure} of these at least 90% of the draws agree"


def chains(table: pd.DataFrame | None) -> list[Chains]:
    """Group the verdicts of the variants with reasoning."""
    if table is None or table.empty:
        return []
    keys = ["family", "source", "variant", "protocol"]
    return [
        Chains(*(str(name) for name in key), rows=records(rows))  # type: ignore[arg-type, misc]
        for key, rows in table.groupby(keys)
    ]


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
        return said_scale(self.axis, self.rows[0]["scale"])

    @property
    def ratio(self) -> float:
        """Chinchilla's scale on the other axis over that of the other series."""
        return float(self.rows[0]["other_axis_ratio"])

    @property
    def average(self) -> Row | None:
        """The row of the ten-task average."""
        return next((row for row in self.rows if row["task"] == tables.AVERAGE), None)

    @property
    def sentence(self) -> str:
        """Average and single tasks in words."""
        single = [row for row in self.rows if row["task"] != tables.AVERAGE]
        told = {"better": 0, "worse": 0, "not told apart": 0, "without an interval": 0}
        for row in single:
            told[outcome(row)] += 1
        counts = listing(f"{count} {word}" for word, count in told.items() if count)
        begin = (
            f"{'At equal compute' if self.axis == 'training_flops' else 'At equal parameters'} "
            f"({self.scale}) Chinchilla"
        )
        one = self.average
        if one is None:
            return f"{begin} against {self.other}: of {plural(len(single), 'task')}, {counts}"
        low, high = (signed(one[end], "accuracy") for end in ("low", "high"))
        size = signed(one["difference"], "accuracy")
        return (
            f"{begin}'s ten-task average differs from {self.other}'s by {size} points "
            f"({low} to {high}); of {plural(len(single), 'task')}, {counts}"
        )


def outcome(row: Row) -> str:
    """Whether Chinchilla does better, by the interval of the difference."""
    if row["low"] != row["low"]:
        return "without an interval"
    if row["low"] <= 0 <= row["high"]:
        return "not told apart"
    return "better" if (row["difference"] > 0) != (row["metric"] in tables.LOSSES) else "worse"


def said_scale(axis: str, scale: float) -> str:
    """A scale with its unit."""
    if axis == "training_flops":
        return f"{style.zetta(scale)} zettaFLOPs"
    return f"{style.metric_prefix(scale)} parameters"


def matches(table: pd.DataFrame | None) -> list[Match]:
    """The comparisons at the largest point, compute first."""
    if table is None:
        return []
    largest = table[table["largest"] == "yes"]
    groups = largest.groupby(["axis", "other"])
    found = [Match(str(axis), str(other), records(rows)) for (axis, other), rows in groups]
    return sorted(found, key=lambda match: (match.axis != "training_flops", match.other))


def matched_points(table: pd.DataFrame | None) -> list[Row]:
    """Every point of every comparison, with what the page says of it."""
    if table is None:
        return []
    order = {"training_flops": 0, "parameters": 1}
    rows = sorted(records(table), key=lambda r: (order[r["axis"]], r["other"], r["scale"]))
    return [
        row | {"said_scale": said_scale(row["axis"], row["scale"]), "outcome": outcome(row)}
        for row in rows
    ]


# -- a selection effect? --------------------------------------------------------------------------


@dataclass(frozen=True)
class Wander:
    """What chance makes of the chosen tasks where it falls as far as the prize's tasks did."""

    kind: str
    row: Row

    @property
    def place(self) -> str:
        """Where the observed number lies."""
        observed = self.row["observed_u"]
        if observed > self.row["u_high"]:
            return "above"
        return "below" if observed < self.row["u_low"] else "inside"


@dataclass(frozen=True)
class Selection:
    """The simulation in a few numbers; see `ushaped.questions.selection`."""

    noise: Row
    independent: Wander
    walk: Wander
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
        return "inside" in (self.independent.place, self.walk.place)

    @property
    def replicated(self) -> bool:
        """Whether the fall in a family that was not looked at is too large for chance."""
        return bool(self.bounding["fresh_fall"] > 0 and self.bounding["p_fresh_fall"] < 0.05)

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
    """Pick the rows that the page speaks of; tasks are those chosen by slope."""
    if table is None:
        return None
    slope = table[table["ranking"] == "slope"]
    kinds = {
        kind: slope[slope["kind"] == kind].sort_values("tau") for kind in ("independent", "walk")
    }
    return Selection(
        noise=as_row(kinds["independent"].iloc[0]),
        independent=Wander("independent", as_row(selection_figure.closest(kinds["independent"]))),
        walk=Wander("walk", as_row(selection_figure.closest(kinds["walk"]))),
        bounding=at_bound(kinds["independent"]),
        walk_bounding=at_bound(kinds["walk"]),
        rows=[{str(k): v for k, v in row.items()} for row in table.to_dict("records")],
    )


def at_bound(rows: pd.DataFrame) -> Row:
    """Row of the first tau that is not below the bound: chance gets all the room it may have."""
    enough = rows[rows["tau"] >= rows["tau_bound"]]
    return as_row(enough.iloc[0] if len(enough) else rows.iloc[-1])


def as_row(found: pd.Series) -> Row:
    """One row of a table."""
    return {str(name): value for name, value in found.items()}


# -- all of them ----------------------------------------------------------------------------------


def question_values(answers: dict[str, pd.DataFrame]) -> dict[str, Any]:
    """What the section refers to."""
    found = [answers.get(f"continuing-{part}") for part in ("published", "measured")]
    return {
        "asked": bool(answers),
        "steps": steps(found),
        "chains": chains(answers.get("chains")),
        "matches": matches(answers.get("matching")),
        "points": matched_points(answers.get("matching")),
        "selection": selection(answers.get("selection")),
        "submitted": SUBMITTED,
        "selected": SELECTED,
    }


def said_in_pictures(answers: dict[str, pd.DataFrame]) -> dict[str, str]:
    """Texts of the figures, each with its finding."""
    texts = {
        "matching": "Chinchilla less Gopher and less PaLM, task by task, published results. ",
        "selection": "Tasks that turn after being chosen for their fall, against the wiggle. ",
    }
    compared = "; ".join(match.sentence for match in matches(answers.get("matching")))
    simulated = selection(answers.get("selection"))
    turned = ""
    if simulated is not None:
        turned = "; ".join(
            f"{wander.kind} wiggle that falls as far as observed: {wander.row['u_median']:.0f} of "
            f"{wander.row['observed_of']:.0f} turn (90% of repeats: {wander.row['u_low']:.0f} to "
            f"{wander.row['u_high']:.0f}), observed {wander.row['observed_u']:.0f}"
            for wander in (simulated.independent, simulated.walk)
        )
    return {"matching": texts["matching"] + compared, "selection": texts["selection"] + turned}
