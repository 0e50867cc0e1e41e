"""The evidence on each curve, and how often it confirms the verdict of the rule."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ushaped.figures import style
from ushaped.report.text import run_noise_text, slug
from ushaped.results import tables
from ushaped.results.numbers import by_metric, p_value, signed, spread
from ushaped.results.records import Key, key_of
from ushaped.shapes.evidence_record import Verdict as VerdictRecord
from ushaped.terms import PALM, PUBLISHED, SIGNIFICANCE, SIGNS, STATISTICAL_SHAPES, UNDETERMINED
from ushaped.variants import order_variants

if TYPE_CHECKING:
    from ushaped.report.findings import Findings

# The movements that each shape has.
MOVES = {
    "U-shaped": ("fall", "rise"),
    "inverted-U": ("rise", "fall"),
    "inverse": ("fall",),
    "positive": ("rise",),
    "flat": (),
}


@dataclass(frozen=True)
class CurveEvidence:
    """The evidence on one curve: its record in ``evidence.json``, and its name on the page."""

    record: dict[str, Any]
    slug: str

    @property
    def about(self) -> dict[str, str]:
        """Family, source, task, variant, protocol, its modification, and metric."""
        return self.record["about"]

    @property
    def key(self) -> Key:
        return key_of(self.about)

    @cached_property
    def verdict(self) -> dict[str, Any]:
        """What is concluded; None where nothing is."""
        return dict.fromkeys(VerdictRecord.__annotations__) | (self.record["verdict"] or {})

    @property
    def statistical(self) -> str:
        """The statistical verdict, "" if there is none."""
        return self.verdict["statistical"] or ""

    @property
    def published(self) -> bool:
        """Whether the curve is of the literature."""
        return self.about["source"] == PUBLISHED

    @property
    def agreement(self) -> str:
        """Whether the statistical verdict is that of the rule: ``same``, ``other`` or ``open``."""
        if not self.statistical or self.statistical == UNDETERMINED:
            return "open"
        return "same" if self.statistical == self.verdict["equivalent"] else "other"

    def value(self, height: float | None) -> float | None:
        """A height in the unit of the metric."""
        return None if height is None else SIGNS[self.about["metric"]] * height

    @property
    def because(self) -> str:
        """The verdict and its reason, as a sentence."""
        reason = (self.verdict["because"] or "").rstrip(".")
        return f"{self.statistical[:1].upper()}{self.statistical[1:]}: {reason}." if reason else ""

    @property
    def holds(self) -> str:
        """How much run-to-run noise the verdict on these very models withstands; "" if none."""
        limit = self.verdict["tipping_point"]
        if limit is None or not self.verdict["these_models"]:
            return ""
        return f"up to {spread(limit, self.about['metric'])}"

    @property
    def run_noise(self) -> str:
        """The run-to-run noise in the verdict, and where it comes from."""
        return run_noise_text(self.record)


def index_evidence(curves: Sequence[dict[str, Any]]) -> dict[Key, CurveEvidence]:
    """The evidence on all curves by their keys, in reading order; every slug once."""
    tasks = {t: i for i, t in enumerate(tables.order_tasks(c["about"]["task"] for c in curves))}
    variants = order_variants(curve["about"]["variant"] for curve in curves)

    def reading_order(curve: dict[str, Any]) -> tuple[Any, ...]:
        family, source, task, variant = key_of(curve["about"])
        published = source == PUBLISHED
        return tasks[task], published, source, family != PALM, family, variants.index(variant)

    index: dict[Key, CurveEvidence] = {}
    taken: Counter[str] = Counter()
    for curve in sorted(curves, key=reading_order):
        name = slug("-".join(key_of(curve["about"])))
        taken[name] += 1
        # Different names may give the same slug.
        name = f"{name}--{taken[name]}" if taken[name] > 1 else name
        index[key_of(curve["about"])] = CurveEvidence(curve, name)
    return index


def by_task(curves: Sequence[CurveEvidence]) -> dict[str, list[CurveEvidence]]:
    groups: dict[str, list[CurveEvidence]] = {}
    for curve in curves:
        groups.setdefault(curve.about["task"], []).append(curve)
    return groups


# -- the partial ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Group:
    """Curves that are counted together, by the rule's verdict and by the statistical one."""

    name: str
    curves: list[CurveEvidence]

    @property
    def judged(self) -> list[CurveEvidence]:
        """Those with a statistical verdict."""
        return [curve for curve in self.curves if curve.statistical]

    @property
    def columns(self) -> list[str]:
        """Statistical verdicts that occur."""
        occurring = {curve.statistical for curve in self.judged}
        return [shape for shape in COLUMNS if shape in occurring]

    @property
    def rows(self) -> list[tuple[str, list[int]]]:
        """Counts, verdicts of the rule by statistical verdicts."""
        counts = Counter((c.verdict["equivalent"], c.statistical) for c in self.judged)
        shapes = [s for s in style.SHAPES if any(rule == s for rule, _ in counts)]
        return [(shape, [counts[shape, column] for column in self.columns]) for shape in shapes]

    def count(self, agreement: str) -> int:
        """Number of curves with an agreement: ``same``, ``other`` or ``open``."""
        return sum(curve.agreement == agreement for curve in self.judged)


COLUMNS = (*style.SHAPES, *(s for s in STATISTICAL_SHAPES if s not in style.SHAPES))


def group_by_origin(curves: Sequence[CurveEvidence]) -> list[Group]:
    """The curves that were run here, and those of the literature."""
    return [
        Group("Run here", [curve for curve in curves if not curve.published]),
        Group("Published series", [curve for curve in curves if curve.published]),
    ]


@dataclass(frozen=True)
class Label:
    """A published label beside our verdicts; ``why`` is a sentence where they differ."""

    task: str
    label: str
    curve: CurveEvidence
    why: str


@dataclass(frozen=True)
class EvidenceView:
    """``partials/evidence.html.j2``."""

    groups: list[Group]
    by_task: dict[str, list[CurveEvidence]]
    labels: list[Label]
    level: float

    @property
    def published_noise(self) -> list[str]:
        """The run-to-run noise in the verdicts beside the labels."""
        curves = [label.curve for label in self.labels if label.curve.record["trials"]]
        return list(dict.fromkeys(curve.run_noise for curve in curves))

    @property
    def undone(self) -> int:
        """Curves with labels whose verdict on these very models the run-to-run noise changes."""
        verdicts = [label.curve.verdict for label in self.labels]
        return sum(v["these_models"] != v["statistical"] for v in verdicts)

    @property
    def differing(self) -> list[Label]:
        """The labels that the statistical verdicts do not confirm."""
        return [label for label in self.labels if label.why]


def evidence_view(findings: Findings) -> EvidenceView | None:
    """None where no curve has evidence."""
    if not findings.evidence:
        return None
    curves = list(findings.evidence.values())
    labels = findings.results.published_verdicts
    return EvidenceView(
        groups=[group for group in group_by_origin(curves) if group.judged],
        by_task=by_task(curves),
        labels=[
            Label(c.about["task"], label, c, explain_difference(c, label))
            for c in curves
            if c.published and (label := labels.get((c.about["family"], c.about["task"])))
        ],
        level=SIGNIFICANCE,
    )


def explain_difference(curve: CurveEvidence, label: str) -> str:
    """Why the statistical verdict is not a label: which movements the data show, and which not.

    Returns
    -------
    str
        Sentences; "" where verdict and label are the same.
    """
    if curve.statistical == label:
        return ""
    if curve.record["sampling"] == "none":
        reason = "only means were published, so nothing can be tested"
    else:
        reason = "; ".join([*_missing(curve, label), *_unexpected(curve, label)])
    reason = f"{reason[:1].upper()}{reason[1:]}." if reason else ""
    return f"{reason} {curve.because}".strip()


def _missing(curve: CurveEvidence, label: str) -> list[str]:
    """Movements that a label has and the data do not show."""
    levels = {move: curve.verdict[f"p_{move}"] for move in MOVES.get(label, ())}
    return [
        f"no {move} is shown (p {_p(p)})"
        for move, p in levels.items()
        if p is None or p > SIGNIFICANCE
    ]


def _unexpected(curve: CurveEvidence, label: str) -> list[str]:
    """Movements that the data show and a label has not."""
    unexpected = []
    for move, name in (("fall", "depth"), ("rise", "rise")):
        p = curve.verdict[f"p_{move}"]
        if move in MOVES.get(label, ()) or p is None or p > SIGNIFICANCE:
            continue
        size = ((curve.record["valley"] or {}).get(name) or [None])[0]
        by = "" if size is None else f" by {_size_of(curve, size)}"
        unexpected.append(f"it shows a {move}{by} (p {_p(p)})")
    return unexpected


def _size_of(curve: CurveEvidence, size: float) -> str:
    """A movement in words."""
    metric = curve.about["metric"]
    if curve.record["unit"] == "share":
        return f"{signed(abs(size), metric).lstrip('+')} points"
    return f"{by_metric(abs(size), metric)} nats"


def _p(value: float | None) -> str:
    text = p_value(value)
    return text if text.startswith("<") else f"= {text}"
