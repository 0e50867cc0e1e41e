"""The evidence on each curve as the page shows it, and what it says when it is put together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd
from markupsafe import Markup

from ushaped.figures import style
from ushaped.figures.evidence import evidence_svg, next_shape, shown_shape
from ushaped.report.text import by_metric, listing, p_value, percent, signed, slug
from ushaped.report.verdicts import Verdict
from ushaped.results import tables
from ushaped.results.records import key_of
from ushaped.shapes.evidence_record import Verdict as VerdictRecord
from ushaped.terms import PALM, SIGNIFICANCE, SIGNS, UNDETERMINED

IRREGULAR = "irregular"
STATISTICAL = (*style.SHAPES, IRREGULAR, UNDETERMINED)
# A movement is said to be shown below this.

# What the intervals and tests of a curve come from.
SAMPLING = {
    "items": "its items, one by one",
    "counts": "counts of right answers alone",
    "errors": "means with their standard errors",
    "none": "means alone, so nothing can be tested",
}
TESTS = {
    "mcnemar": "McNemar, exact",
    "paired-means": "paired means",
    "two-proportions": "two proportions",
    "means": "means",
}
# The movements that each shape has.
MOVES = {
    "U-shaped": ("fall", "rise"),
    "inverted-U": ("rise", "fall"),
    "inverse": ("fall",),
    "positive": ("rise",),
    "flat": (),
}
PARAMETERS = {
    "true_onset": "true task sets in at",
    "distractor_onset": "distractor sets in at",
    "true_width": "width of the true task (decades)",
    "distractor_width": "width of the distractor (decades)",
    "baseline": "right answers of a model that does neither task",
    "distractor_baseline": "distractor answers of such a model",
}


Key = tuple[str, str, str, str]


@dataclass(frozen=True)
class Proof:
    """The evidence on one curve, and where on the page it stands.

    ``given`` is the curve of ``evidence.json``; ``slug`` names it on the page.
    """

    given: dict[str, Any]
    slug: str

    @property
    def about(self) -> dict[str, str]:
        """What the curve is of."""
        return self.given["about"]

    @property
    def key(self) -> Key:
        """Family, source, task and variant."""
        return key_of(self.about)

    @cached_property
    def verdict(self) -> dict[str, Any]:
        """What is concluded; None where nothing is."""
        return dict.fromkeys(VerdictRecord.__annotations__) | (self.given["verdict"] or {})

    @property
    def statistical(self) -> str:
        """The statistical verdict, "" if there is none."""
        return self.verdict["statistical"] or ""

    @property
    def published(self) -> bool:
        """Whether the curve is of the literature."""
        return self.about["source"] == "published"

    @property
    def compared(self) -> str:
        """How the statistical verdict stands to that of the published-equivalent rule."""
        if not self.statistical or self.statistical == UNDETERMINED:
            return "open"
        return "same" if self.statistical == self.verdict["equivalent"] else "other"

    def value(self, height: float | None) -> float | None:
        """A height in the metric's own unit."""
        return None if height is None else SIGNS[self.about["metric"]] * height

    @property
    def because(self) -> str:
        """The verdict and its reason, as a sentence."""
        reason = (self.verdict["because"] or "").rstrip(".")
        return f"{self.statistical[:1].upper()}{self.statistical[1:]}: {reason}." if reason else ""

    @property
    def picture(self) -> Markup:
        """The picture; every name in it is escaped."""
        return Markup(evidence_svg(self.given))

    @property
    def fits(self) -> list[tuple[str, list[float]]]:
        """The fits that the picture shows: of the verdict's shape, and of the next one."""
        by_shape = {fit["shape"]: fit["values"] for fit in self.given["shapes"]}
        names = [name for name in (shown_shape(self.given), next_shape(self.given)) if name]
        return [(name, by_shape[name]) for name in names]

    @property
    def points(self) -> list[dict[str, Any]]:
        """One row per size: value, interval, trials, seeds and fitted values."""
        rows = []
        for place, size in enumerate(self.given["sizes"]):
            row: dict[str, Any] = {"size": size}
            for column in ("at", "values", "low", "high", "trials", "seeds"):
                row[column] = (self.given[column] or [None] * (place + 1))[place]
            rows.append(row | {"fits": [values[place] for _, values in self.fits]})
        return rows

    @property
    def parameters(self) -> list[tuple[str, list[float | None], bool]]:
        """Parameters of the mechanism: words, [estimate, low, high], and whether on the scale."""
        found = (self.given["mechanism"] or {}).get("parameters") or {}
        return [
            (words, found[name], name.endswith("onset"))
            for name, words in PARAMETERS.items()
            if found.get(name)
        ]


def test_name(test: str) -> str:
    """A test between neighbouring sizes in words."""
    return TESTS.get(test, test)


def proofs_of(curves: Sequence[dict[str, Any]]) -> dict[Key, Proof]:
    """The evidence on all curves by what they are of, in reading order; every slug once."""
    tasks = {t: i for i, t in enumerate(tables.order_tasks(c["about"]["task"] for c in curves))}
    variants = style.order_variants(curve["about"]["variant"] for curve in curves)

    def place(curve: dict[str, Any]) -> tuple[Any, ...]:
        family, source, task, variant = key_of(curve["about"])
        ours = source != "published"
        return tasks[task], not ours, source, family != PALM, family, variants.index(variant)

    found: dict[Key, Proof] = {}
    taken: Counter[str] = Counter()
    for curve in sorted(curves, key=place):
        name = slug("-".join(key_of(curve["about"])))
        taken[name] += 1
        # Different names may give the same slug.
        name = f"{name}--{taken[name]}" if taken[name] > 1 else name
        found[key_of(curve["about"])] = Proof(curve, name)
    return found


@dataclass(frozen=True)
class Group:
    """Curves that are counted together, by the rule's verdict and by the statistical one."""

    name: str
    proofs: list[Proof]

    @property
    def judged(self) -> list[Proof]:
        """Those with a statistical verdict."""
        return [proof for proof in self.proofs if proof.statistical]

    @property
    def columns(self) -> list[str]:
        """Statistical verdicts that occur."""
        return [s for s in STATISTICAL if any(proof.statistical == s for proof in self.judged)]

    @property
    def rows(self) -> list[tuple[str, list[int]]]:
        """Counts, verdicts of the rule by statistical verdicts."""
        counts = Counter((p.verdict["equivalent"], p.statistical) for p in self.judged)
        shapes = [s for s in style.SHAPES if any(rule == s for rule, _ in counts)]
        return [(shape, [counts[shape, column] for column in self.columns]) for shape in shapes]

    def count(self, compared: str) -> int:
        """How many stand so to the rule's verdict: ``same``, ``other`` or ``open``."""
        return sum(proof.compared == compared for proof in self.judged)


# Why the mechanism was not even fitted.
NOT_FITTED = "not fitted: an average of tasks, a loss, or answers that nobody counted"


@dataclass(frozen=True)
class Fits:
    """Fits of the mechanism to some curves: those that the data can tell, and why not the others.

    ``why_not`` are reasons with the curves they hold for, most frequent first.
    """

    name: str
    told: list[Proof]
    why_not: list[tuple[str, list[Proof]]]

    @property
    def total(self) -> int:
        """Number of curves."""
        return len(self.told) + sum(len(some) for _, some in self.why_not)


def fits_of(name: str, proofs: Sequence[Proof]) -> Fits:
    """Sort curves by what the mechanism says of them."""
    told: list[Proof] = []
    others: dict[str, list[Proof]] = {}
    for proof in proofs:
        mechanism = proof.given["mechanism"]
        if mechanism and mechanism["identifiable"]:
            told.append(proof)
        else:
            reason = mechanism["reason"] or "no reason given" if mechanism else NOT_FITTED
            others.setdefault(reason, []).append(proof)
    return Fits(name, told, sorted(others.items(), key=lambda one: -len(one[1])))


@dataclass(frozen=True)
class Compared:
    """A published label beside ours; ``why`` is a sentence where they differ."""

    task: str
    label: str
    proof: Proof
    why: str


def evidence_values(
    curves: Sequence[dict[str, Any]],
    labels: Mapping[tuple[str, str], str],
    power: pd.DataFrame | None,
) -> dict[str, Any]:
    """Everything that the templates say about evidence."""
    proofs = proofs_of(curves)
    every = list(proofs.values())
    groups = [
        Group("Run here", [p for p in every if not p.published]),
        Group("Published series", [p for p in every if p.published]),
    ]
    by_task: dict[str, list[Proof]] = {}
    for proof in every:
        by_task.setdefault(proof.about["task"], []).append(proof)
    return {
        "proofs": proofs,
        "by_task": by_task,
        "groups": [group for group in groups if group.judged],
        "fits": [fits_of(group.name, group.proofs) for group in groups if group.proofs],
        "labels": [
            Compared(p.about["task"], label, p, why(p, label))
            for p in every
            if p.published and (label := labels.get((p.about["family"], p.about["task"])))
        ],
        "power": power_rows(power),
        "sampling": SAMPLING,
        "level": SIGNIFICANCE,
    }


def why(proof: Proof, label: str) -> str:
    """Why the statistical verdict is not a label: what the data show, and do not, of its movements.

    Returns
    -------
    str
        Sentences; "" where verdict and label are the same.
    """
    if proof.statistical == label:
        return ""
    if proof.given["sampling"] == "none":
        said = "only means were published, so nothing can be tested"
    else:
        said = "; ".join([*_missing(proof, label), *_unexpected(proof, label)])
    said = f"{said[:1].upper()}{said[1:]}." if said else ""
    return f"{said} {proof.because}".strip()


def _missing(proof: Proof, label: str) -> list[str]:
    """Movements that a label has and the data do not show."""
    shown = {move: proof.verdict[f"p_{move}"] for move in MOVES.get(label, ())}
    return [
        f"no {move} is shown (p {_p(p)})"
        for move, p in shown.items()
        if p is None or p > SIGNIFICANCE
    ]


def _unexpected(proof: Proof, label: str) -> list[str]:
    """Movements that the data show and a label has not."""
    found = []
    for move, name in (("fall", "depth"), ("rise", "rise")):
        p = proof.verdict[f"p_{move}"]
        if move in MOVES.get(label, ()) or p is None or p > SIGNIFICANCE:
            continue
        size = ((proof.given["valley"] or {}).get(name) or [None])[0]
        by = "" if size is None else f" by {_size_of(proof, size)}"
        found.append(f"it shows a {move}{by} (p {_p(p)})")
    return found


def _size_of(proof: Proof, size: float) -> str:
    """A movement in words."""
    metric = proof.about["metric"]
    if proof.given["unit"] == "share":
        return f"{signed(abs(size), metric).lstrip('+')} points"
    return f"{by_metric(abs(size), metric)} nats"


def _p(value: float | None) -> str:
    said = p_value(value)
    return said if said.startswith("<") else f"= {said}"


@dataclass(frozen=True)
class PowerRow:
    """What a family needs with some items: one dip for each ratio of rise and fall."""

    family: str
    sizes: int
    n: int
    dips: list[float]


def power_rows(power: pd.DataFrame | None) -> dict[str, Any] | None:
    """The table of powers: ratios as columns; None if it was not made."""
    if power is None or power.empty:
        return None
    ratios = sorted(set(power["ratio"]))
    rows = []
    for _, group in power.groupby(["family", "sizes", "n"], sort=False):
        first = group.iloc[0]
        by_ratio = dict(zip(group["ratio"], group["dip"], strict=True))
        dips = [by_ratio.get(ratio, float("nan")) for ratio in ratios]
        rows.append(PowerRow(str(first["family"]), int(first["sizes"]), int(first["n"]), dips))
    return {"ratios": ratios, "rows": rows}


def say_power(power: pd.DataFrame | None) -> str:
    """What the figure of powers shows, in words."""
    table = power_rows(power)
    if table is None:
        return ""
    said = []
    for family in dict.fromkeys(row.family for row in table["rows"]):
        known = [(row.n, d) for row in table["rows"] if row.family == family for d in row.dips[-1:]]
        ends = [f"{percent(dip)} at {n:,} items" for n, dip in (known[0], known[-1]) if dip == dip]
        said.append(f"{family}: {listing(ends) if ends else 'no dip that was tried'}")
    return (
        "Smallest fall that is called U-shaped with 80% probability, against the number of items. "
        f"Where the rise is {table['ratios'][-1]:g} times the fall: {'; '.join(said)}."
    )


def shown_by_data(found: Iterable[Verdict], proofs: Mapping[Key, Proof]) -> str:
    """The statistical verdicts on some tasks, counted in a clause; "" if there are none."""
    verdicts = [
        proofs[key].statistical
        for one in found
        if (key := (one.family, one.source, one.task, one.variant)) in proofs
    ]
    if not any(verdicts):
        return ""
    counts = Counter(verdicts)
    shapes = [name for name in (*style.SHAPES, "irregular") if counts[name]]
    if not shapes:
        return "none is shown to have a shape"
    first, *others = shapes
    said = listing([first, *(f"{counts[name]} {name}" for name in others)])
    return f"{counts[first]} {'is' if counts[first] == 1 else 'are'} shown to be {said}"


def agreeing(found: Iterable[Verdict], proofs: Mapping[Key, Proof]) -> dict[str, list[Verdict]]:
    """Verdicts of the rule by how the statistical ones stand to them."""
    split: dict[str, list[Verdict]] = {"same": [], "other": [], "open": []}
    for verdict in found:
        proof = proofs.get((verdict.family, verdict.source, verdict.task, verdict.variant))
        if proof is not None:
            split[proof.compared].append(verdict)
    return split
