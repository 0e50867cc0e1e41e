"""The evidence on one curve as plain text, for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ushaped.axes import BY_COLUMN, COMPUTE
from ushaped.report.text import FLAGS, listing, plural, run_noise_text
from ushaped.results.numbers import signed, spread
from ushaped.terms import SIGNS

# Values of a record as read from a file: unknown numbers are None.
Evidence = Mapping[str, Any]

WIDTH = 80
# Columns of the text for the names of its lines.
INDENT = 13
DASH = "–"
SAMPLING = {
    "items": "intervals from resampled items",
    "counts": "intervals from counts, sizes independent",
    "errors": "intervals from standard errors, sizes independent",
    "none": "no intervals, since neither items nor counts are known",
}
SAME_MODELS = "none between points of the same models: the verdict is on these very models"
TESTS = {
    "mcnemar": "McNemar's exact test",
    "paired-means": "paired tests of means",
    "two-proportions": "tests of two proportions",
    "means": "tests of means",
}


def evidence_text(evidence: Evidence) -> str:
    """The evidence on a curve as plain text in lines of at most 80 columns."""
    about, verdict = evidence["about"], evidence["verdict"] or {}
    name = ", ".join(about[key] for key in ("family", "task", "protocol") if about[key])
    lines = _wrap("", f"{name}: {verdict.get('statistical') or 'no verdict'}", 0)
    if verdict.get("because"):
        lines += _wrap("", f"{verdict['because']}", 2)
    lines += ["", *_points(evidence), ""]
    for title, text in (*_stability(evidence), *_details(evidence)):
        lines += _wrap(title, text)
    for note in _notes(evidence):
        lines += _wrap("note", note)
    return "\n".join(lines)


def _points(evidence: Evidence) -> Iterator[str]:
    """The table of the points."""
    axis = BY_COLUMN[evidence["scale"]]
    scale = axis.short if axis is COMPUTE else axis.short.lower()
    share = evidence["unit"] == "share"
    lowest = (evidence["valley"] or {}).get("at")
    width = max(10, *(len(size) for size in evidence["sizes"]))
    point, room = axis.words("size"), max(14, len(scale) + 2)
    yield f"  {point:<{width}}{scale:>{room}}{evidence['about']['metric']:>16}   95 % interval"
    unknown = [None] * len(evidence["sizes"])
    columns = [evidence[key] or unknown for key in ("sizes", "at", "values", "low", "high")]
    for size, at, value, low, high in zip(*columns, strict=True):
        interval = "" if low is None else f"{_value(low, share)} to {_value(high, share)}"
        mark = "lowest" if size == lowest else ""
        point = f"{size:<{width}}{axis.write(at):>{room}}{_value(value, share):>16}"
        yield f"  {point}   {interval:<18} {mark}".rstrip()


def _stability(evidence: Evidence) -> Iterator[tuple[str, str]]:
    """The verdict on these very models, and the run-to-run noise in the other one."""
    verdict, metric = evidence["verdict"] or {}, evidence["about"]["metric"]
    if not (shape := verdict.get("these_models")):
        return
    limit = verdict.get("tipping_point")
    holds = "" if limit is None else f"; holds up to {spread(limit, metric)} between training runs"
    yield "models", f"these very models: {shape}{holds}"
    if BY_COLUMN[evidence["scale"]].same_models:
        yield "run noise", SAME_MODELS
        return
    yield "run noise", run_noise_text(evidence)
    if scatter := evidence["overdispersion"]:
        size = _interval(scatter, lambda sd: spread(sd, metric))
        yield "scatter", f"of the sizes, as if by {size}"


def _details(evidence: Evidence) -> Iterator[tuple[str, str]]:
    """Titles and texts of all evidence there is."""
    verdict, metric = evidence["verdict"] or {}, evidence["about"]["metric"]
    yield "data", _data(evidence)
    if verdict.get("literal"):
        yield "rules", f"literal {verdict['literal']}, published-equivalent {verdict['equivalent']}"
    if frequencies := _ranked(verdict.get("probabilities"), percent=True):
        yield "draws", f"{frequencies} of draws, by the published-equivalent rule"
    tests = (
        ("a U", "p_u", "q_u"),
        ("an inverted U", "p_inverted_u", ""),
        ("more turns", "p_misfit", ""),
        ("any change", "p_change", "q_change"),
    )
    results = [
        f"{what} {_p(verdict[p])}"
        + (f" (q {_p(verdict[q])[2:]})" if verdict.get(q) is not None else "")
        for what, p, q in tests
        if verdict.get(p) is not None
    ]
    if results:
        yield "tests", ", ".join(results)
    if weights := _ranked({fit["shape"]: fit["weight"] for fit in evidence["shapes"] or ()}):
        yield "fits", f"weights of the fitted shapes: {weights}"
    yield from _classical_tests(evidence, metric)
    if evidence["valley"]:
        yield "valley", _valley(evidence["valley"], metric)
    yield from _laws(evidence, metric)
    if evidence["parts"]:
        shapes = [f"{part['part']} {part['equivalent']}" for part in evidence["parts"]]
        yield "parts", ", ".join(shapes)


def _data(evidence: Evidence) -> str:
    axis = BY_COLUMN[evidence["scale"]]
    texts = [plural(evidence["n"], "item")] if evidence["n"] else []
    seeds = evidence["seeds"] or []
    if max(seeds, default=1) > 1:
        texts.append(
            f"{'/'.join(str(count) for count in seeds)} training seeds per {axis.words('size')}"
        )
    if evidence["clusters"]:
        texts.append(f"{evidence['clusters']} clusters of items")
    if evidence["chance"] is not None:
        texts.append(f"chance {_value(evidence['chance'], evidence['unit'] == 'share')}")
    texts.append(axis.words(SAMPLING[evidence["sampling"]]))
    return ", ".join(texts)


def _classical_tests(evidence: Evidence, metric: str) -> Iterator[tuple[str, str]]:
    """Tests between neighbours, of two lines, and of the slopes at both ends."""
    steps = evidence["neighbours"] or []
    for step in steps:
        change = _interval(
            [step["difference"], step["low"], step["high"]], lambda value: signed(value, metric)
        )
        text = f"{step['from']} to {step['to']}: {change}, {_p(step['p_holm'])}"
        yield "" if step is not steps[0] else "steps", text
    if steps:
        names = dict.fromkeys(TESTS[step["test"]] for step in steps)
        yield "", f"by {listing(names)}, p after Holm"
    slopes = [
        f"{name} {_p(evidence[key]['p_u'])}"
        for key, name in (("two_lines", "two lines"), ("lind_mehlum", "Lind and Mehlum"))
        if evidence[key]
    ]
    if slopes:
        yield "slopes", f"for a U: {', '.join(slopes)}"


def _valley(valley: Mapping[str, Any], metric: str) -> str:
    depth = _interval(valley["depth"], lambda value: signed(value, metric).lstrip("+"))
    recovery = _interval(valley["recovery"], lambda value: f"{value:.2f}")
    sizes = ", ".join(valley["sizes"])
    return f"at {valley['at']} (95 %: {sizes}), depth {depth}, recovery {recovery}"


def _laws(evidence: Evidence, metric: str) -> Iterator[tuple[str, str]]:
    """The mechanism, and out-of-sample predictions of the largest size."""
    mechanism = evidence["mechanism"]
    if mechanism and mechanism["identifiable"]:
        gap = _interval(mechanism["gap"], lambda value: f"{value:.2f}")
        at = _interval(mechanism["back_at"], lambda value: f"1e{value:.1f}")
        yield "mechanism", f"true task {gap} decades after the distractor, back at {at}"
    elif mechanism:
        yield "mechanism", f"not identifiable: {mechanism['reason']}"
    share = evidence["unit"] == "share"
    for prediction in evidence["prediction"] or ():
        value = _value(SIGNS[metric] * prediction["predicted"], share)
        error = f"{signed(prediction['error'], metric)} off"
        yield (
            "predicted",
            f"{evidence['sizes'][-1]} without it: {value}, {error} ({prediction['method']})",
        )


def _notes(evidence: Evidence) -> Iterator[str]:
    notes = list((evidence["verdict"] or {}).get("notes") or ())
    few_sizes = {1: "one-size", 2: "two-sizes"}.get(len(evidence["sizes"]))
    if few_sizes and few_sizes not in notes:
        notes.append(few_sizes)
    for note in notes:
        yield BY_COLUMN[evidence["scale"]].words(FLAGS.get(note, note))


def _value(value: float, share: bool) -> str:
    return f"{100 * value:.1f} %" if share else f"{value:.3g}".replace("-", "−")


def _interval(estimate: Sequence[float | None] | None, write: Callable[[float], str]) -> str:
    """An estimate with its interval; a dash for unknown numbers."""
    if estimate is None or estimate[0] is None:
        return DASH
    low, high = (DASH if end is None else write(end) for end in estimate[1:])
    return f"{write(estimate[0])} ({low} to {high})"


def _p(value: float | None) -> str:
    """A p-value with two digits.

    Examples
    --------
    >>> _p(0.0321), _p(2e-9)
    ('p 0.032', 'p <0.0001')
    """
    if value is None:
        return f"p {DASH}"
    return "p <0.0001" if value < 0.0001 else f"p {value:.2g}"


def _ranked(shares: Mapping[str, float | None] | None, percent: bool = False) -> str:
    """Names with their shares of at least one percent, the largest first."""
    known = {name: share for name, share in (shares or {}).items() if (share or 0) >= 0.01}
    return ", ".join(
        f"{name} {100 * share:.0f} %" if percent else f"{name} {share:.2f}"
        for name, share in sorted(known.items(), key=lambda pair: -(pair[1] or 0))
        if share is not None
    )


def _wrap(title: str, text: str, indent: int = INDENT) -> list[str]:
    """Text beside its title, wrapped to the width."""
    first = f"  {title}".ljust(indent) if indent else ""
    return textwrap.wrap(text, WIDTH, initial_indent=first, subsequent_indent=" " * indent)
