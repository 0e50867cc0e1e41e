"""Our verdicts beside the classes of the literature for the same curves, with reasons to differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from ushaped.atlas.answers.agreement import verdicts_in_words
from ushaped.atlas.answers.predictable import MOVING, summary_of
from ushaped.atlas.curves import FAMILIES
from ushaped.atlas.points import ACCURACY
from ushaped.atlas.sources import PublishedClass, PublishedSet
from ushaped.atlas.verdicts import is_tested
from ushaped.axes import COMPUTE, VALIDATION_LOSS
from ushaped.results.numbers import percent
from ushaped.results.text_files import Row
from ushaped.terms import IRREGULAR, UNDETERMINED

COLUMNS = ("set", "by", "of", "class", "published", "our_curves", "ours", "reasons")
# Shares of predictable curves are those over validation loss, as theirs, by a straight line.
LAW = "error_line"


def rows(verdicts: Sequence[Row], sets: Mapping[str, PublishedSet], margin: float) -> list[Row]:
    """One row for each published class and group of our curves."""
    return [
        {"set": name, "by": claim.by, "of": claim.of, "class": claim.class_} | row
        for name, published in sets.items()
        for claim in published.published
        for row in _compared([row for row in verdicts if row["set"] == name], claim, margin)
    ]


def _compared(own: Sequence[Row], claim: PublishedClass, margin: float) -> Iterator[Row]:
    if claim.groups:
        yield from _groups(own, claim)
    else:
        yield from _shares(own, claim, margin)


def _shares(own: Sequence[Row], claim: PublishedClass, margin: float) -> Iterator[Row]:
    groups: dict[str, list[Row]] = {}
    for row in own:
        if row["metric"] == ACCURACY and row["axis"] == VALIDATION_LOSS.name:
            groups.setdefault(str(row["corpus"]), []).append(row)
    for corpus, curves in groups.items():
        summary = summary_of(curves, LAW, margin)
        if not summary:
            continue
        resting = sum(row["statistical"] not in MOVING for row in curves)
        foretold = int(str(summary["foretold"]))
        yield {
            "published": f"{percent(claim.share, 0)}; rest: {claim.rest}",
            "our_curves": f"{corpus}, accuracy over validation loss, all runs",
            "ours": f"{summary['foretold']} of {len(curves)} foretold by a line "
            f"({percent(foretold / len(curves), 0)}), {summary['predictable']} of them moving "
            f"({percent(summary['share'], 0)})",
            "reasons": f"another definition: theirs states no threshold; here {resting} curves are "
            "flat, undetermined or irregular, so that there is nothing to predict, and "
            f"{len(curves) - foretold} are missed by more than {100 * margin:g} points at the "
            "largest model",
        }


def _groups(own: Sequence[Row], claim: PublishedClass) -> Iterator[Row]:
    """Groups of items under accuracy: all families on one axis, and each family by itself."""
    groups: dict[tuple[str, bool], list[Row]] = {}
    for row in own:
        compute = row["metric"] == ACCURACY and row["axis"] == COMPUTE.name
        if compute and row["part"] and int(str(row["part"])) in claim.groups:
            pooled = FAMILIES in str(row["flags"]).split(";")
            groups.setdefault((str(row["task"]), pooled), []).append(row)
    for (task, pooled), curves in groups.items():
        found = Counter(str(row["statistical"]) for row in curves if is_tested(row))
        yield {
            "published": "by a polynomial through all models",
            "our_curves": f"{task}, groups {', '.join(map(str, claim.groups))}, "
            + ("all families on one axis" if pooled else "each family of three models or more"),
            "ours": verdicts_in_words(found),
            "reasons": "; ".join(_reasons(found, claim, pooled)),
        }


def _reasons(found: Counter[str], claim: PublishedClass, pooled: bool) -> Iterator[str]:
    others = sum(count for shape, count in found.items() if shape != claim.class_)
    if not others:
        return
    if pooled:
        yield "families differ by more than training runs, which is not in the noise"
    if found[IRREGULAR]:
        yield "irregular: it turns more than once, where a polynomial of low degree smooths"
    if found[UNDETERMINED]:
        yield "undetermined: too few models or items to tell"
    if "then up" in claim.class_:
        yield "a rise after an inverted U is a second turn, which only irregular names"
    if not pooled:
        yield "a family of few models spans a part of the compute of all models together"
    yield "models that are drawn sorted the items, which moves hard and easy groups apart"
