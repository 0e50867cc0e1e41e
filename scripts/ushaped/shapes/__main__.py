"""Verdict with its evidence for curves of one's own: ``python -m ushaped.shapes curve.csv``.

Reads a table of numbers (`.standalone.table_input`) or the results of lm-evaluation-harness
(`.standalone.lm_eval_input`), prints the verdict of each curve with its evidence, and draws it.
"""

from __future__ import annotations

import argparse
import math
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ushaped.errors import UserError, run
from ushaped.files import without_nan, write_json, write_text
from ushaped.report.text import FLAGS, listing, plural, scientific, signed, slug
from ushaped.shapes.curves import Curve
from ushaped.shapes.data import VERSION, Data, Settings
from ushaped.shapes.standalone.lm_eval_input import read_harness
from ushaped.shapes.standalone.table_input import FORMS, read_curves, write_curves
from ushaped.terms import SIGNS

Evidence = Mapping[str, Any]
Examine = Callable[[Curve, Data, Settings], dict[str, Any]]
Draw = Callable[..., str]

WIDTH = 80
# Columns of the text for the names of its lines.
INDENT = 13
DASH = "–"
SAMPLING = {
    "items": "intervals from items drawn again",
    "counts": "intervals from counts, each size on its own",
    "errors": "intervals from standard errors, each size on its own",
    "none": "no intervals, since neither items nor counts are known",
}
TESTS = {
    "mcnemar": "McNemar's exact test",
    "paired-means": "paired tests of means",
    "two-proportions": "tests of two proportions",
    "means": "tests of means",
}


def main() -> None:
    """Read the command line and the curves; write them, or tell and draw their verdicts."""
    arguments = parse()
    curves = read(arguments)
    if arguments.convert:
        for path in write_curves(arguments.convert, curves):
            print(f"written: {path}")
        for curve, _ in curves:
            for flag in curve.flags:
                print(f"note: {curve.family}/{curve.task}: {FLAGS.get(flag, flag)}")
        return
    # Not before the input is known to be good: statistics take seconds to load.
    from ushaped.figures.evidence import evidence_svg
    from ushaped.shapes.evidence import examine

    judge(curves, arguments, examine, evidence_svg)


def judge(
    curves: Sequence[tuple[Curve, Data]],
    arguments: argparse.Namespace,
    examine: Examine,
    draw: Draw,
) -> None:
    """Examine curves, print what was found, and write pictures and JSON."""
    settings = Settings(arguments.equivalence, arguments.recovery, arguments.draws, arguments.seed)
    from ushaped.shapes.evidence import control

    records = [examine(curve, data, settings) for curve, data in curves]
    control(records)
    found = without_nan(records)
    for evidence in found:
        print(f"{told(evidence)}\n")
    for evidence, path in zip(found, pictures(arguments, curves), strict=True):
        write_text(path, draw(evidence, standalone=True))
        print(f"picture: {path}")
    if arguments.json:
        write_json(arguments.json, {"version": VERSION, "curves": found})
        print(f"evidence: {arguments.json}")


def read(arguments: argparse.Namespace) -> list[tuple[Curve, Data]]:
    """Curves that the command line asks for.

    Raises
    ------
    UserError
    """
    if not arguments.harness:
        return read_curves(
            arguments.curve,
            arguments.family,
            arguments.task,
            arguments.metric or "accuracy",
            arguments.chance,
            arguments.parameters,
        )
    return read_harness(
        arguments.harness,
        arguments.models,
        arguments.metric,
        arguments.parameters,
        arguments.higher_is_better,
        arguments.family,
        arguments.task,
    )


def parse() -> argparse.Namespace:
    """Command line."""
    forms = "; ".join(",".join(columns) for columns in FORMS.values())
    parser = argparse.ArgumentParser(
        prog="python -m ushaped.shapes",
        description="Name the shape of scaling curves, with the evidence for it.",
        epilog="Optional columns: size (its label), family, task, protocol, chance; of items and "
        "files also seed, of items also part.",
    )
    parser.add_argument(
        "curve", nargs="?", type=Path, help=f"CSV or JSONL with one of these: {forms}"
    )
    parser.add_argument(
        "--harness", nargs="+", type=Path, metavar="PATH", help="output of lm-evaluation-harness"
    )
    parser.add_argument(
        "--models", type=Path, metavar="CSV", help="its models: model,family,scale and size, seed"
    )
    parser.add_argument("--family", default="", help="name of the curve, or the one to be read")
    parser.add_argument("--task", default="", help="name of the curve, or the one to be read")
    parser.add_argument(
        "--metric", default="", help=f"{', '.join(SIGNS)}; with --harness its name there"
    )
    direction = parser.add_mutually_exclusive_group()
    direction.add_argument(
        "--lower-is-better",
        action="store_const",
        const=False,
        dest="higher_is_better",
        help="the values are losses (sequence_loss)",
    )
    direction.add_argument(
        "--higher-is-better",
        action="store_const",
        const=True,
        help="with --harness, of a metric that is not known",
    )
    parser.add_argument("--chance", type=float, default=math.nan, help="value of guessing evenly")
    parser.add_argument(
        "--parameters", action="store_true", help="the scale is parameters, not training FLOPs"
    )
    parser.add_argument(
        "--output", type=Path, metavar="SVG", help="picture (default: the input's name)"
    )
    parser.add_argument("--json", type=Path, help="all evidence, as JSON")
    parser.add_argument(
        "--convert", type=Path, metavar="CSV", help="only write the curves as such a table"
    )
    numbers = (
        ("equivalence", "no practical difference", Settings.equivalence),
        ("recovery", "least ratio of fall and rise", Settings.recovery),
        ("draws", "bootstrap draws", Settings.draws),
        ("seed", "of the bootstrap", Settings.seed),
    )
    for name, text, default in numbers:
        words = f"{text} (default {default:.4g})"
        parser.add_argument(f"--{name}", type=type(default), default=default, help=words)
    arguments = parser.parse_args()
    _check(arguments)
    return arguments


def _check(arguments: argparse.Namespace) -> None:
    if (arguments.curve is None) == (arguments.harness is None):
        raise UserError("the command line", "has no input, or two", "give a table or --harness")
    if (arguments.models is None) != (arguments.harness is None):
        do = "give both: --models tells the scale of each model"
        raise UserError("--harness and --models", "one of them is missing", do)
    if arguments.curve and arguments.higher_is_better is not None:
        if arguments.higher_is_better:
            do = "leave it out: accuracy is read so"
            raise UserError("--higher-is-better", "is of --harness", do)
        if arguments.metric:
            do = "leave out --lower-is-better, or --metric"
            raise UserError("--lower-is-better", "is of tables without --metric", do)
        arguments.metric = "sequence_loss"
    if arguments.curve and arguments.metric not in ("", *SIGNS):
        raise UserError("--metric", f"is '{arguments.metric}'", f"name {', '.join(SIGNS)}")
    if not 0 < arguments.recovery < math.inf:
        raise UserError("--recovery", f"is {arguments.recovery}", "give a number above 0")
    if not 0 <= arguments.equivalence < math.inf:
        raise UserError("--equivalence", f"is {arguments.equivalence}", "give 0 or more")
    if math.isinf(arguments.chance):
        raise UserError("--chance", f"is {arguments.chance}", "give a number")
    if arguments.draws < 1:
        raise UserError("--draws", f"is {arguments.draws}", "give 1 or more")
    if arguments.seed < 0:
        raise UserError("--seed", f"is {arguments.seed}", "give 0 or more")


def pictures(arguments: argparse.Namespace, curves: Sequence[tuple[Curve, Data]]) -> list[Path]:
    """Path of each curve's picture; of several curves, family and task stand in its name."""
    name = "harness" if arguments.harness else arguments.curve.stem
    path = arguments.output or Path(f"{name}.svg")
    if len(curves) == 1:
        return [path]
    return [
        path.with_name(f"{path.stem}-{slug(curve.family)}-{slug(curve.task)}{path.suffix}")
        for curve, _ in curves
    ]


# -- telling --------------------------------------------------------------------------------------


def told(evidence: Evidence) -> str:
    """The evidence of a curve in plain lines of at most 80 columns.

    Parameters
    ----------
    evidence : mapping
        What ``ushaped.shapes.evidence.examine`` gives.

    Returns
    -------
    str
    """
    about, verdict = evidence["about"], evidence["verdict"] or {}
    name = ", ".join(about[key] for key in ("family", "task", "protocol") if about[key])
    lines = _wrapped("", f"{name}: {verdict.get('statistical') or 'no verdict'}", 0)
    if verdict.get("because"):
        lines += _wrapped("", f"{verdict['because']}", 2)
    lines += ["", *_points(evidence), ""]
    for title, text in _evidence(evidence):
        lines += _wrapped(title, text)
    for note in _notes(evidence):
        lines += _wrapped("note", note)
    return "\n".join(lines)


def _points(evidence: Evidence) -> Iterator[str]:
    """The table of the points."""
    scale = "parameters" if evidence["scale"] == "parameters" else "FLOPs"
    share = evidence["unit"] == "share"
    lowest = (evidence["valley"] or {}).get("at")
    wide = max(10, *(len(size) for size in evidence["sizes"]))
    yield f"  {'size':<{wide}}{scale:>14}{evidence['about']['metric']:>16}   95 % interval"
    unknown = [None] * len(evidence["sizes"])
    points = zip(
        evidence["sizes"],
        evidence["at"],
        evidence["values"],
        evidence["low"] or unknown,
        evidence["high"] or unknown,
        strict=True,
    )
    for size, at, value, low, high in points:
        interval = "" if low is None else f"{_value(low, share)} to {_value(high, share)}"
        mark = "lowest" if size == lowest else ""
        point = f"{size:<{wide}}{scientific(at):>14}{_value(value, share):>16}"
        yield f"  {point}   {interval:<18} {mark}".rstrip()


def _evidence(evidence: Evidence) -> Iterator[tuple[str, str]]:
    """Titles and texts of what the verdict rests on; what is not there is left out."""
    verdict, metric = evidence["verdict"] or {}, evidence["about"]["metric"]
    yield "data", _data(evidence)
    if verdict.get("literal"):
        yield "rules", f"literal {verdict['literal']}, published-equivalent {verdict['equivalent']}"
    likely = _ranked(verdict.get("probabilities"))
    if likely:
        yield "draws", f"{likely} of draws, by the published-equivalent rule"
    tests = (
        ("a U", "p_u", "q_u"),
        ("an inverted U", "p_inverted_u", None),
        ("more turns", "p_misfit", None),
        ("any change", "p_change", "q_change"),
    )
    known = [
        f"{what} {_p(verdict[p])}" + (f" (q {_p(verdict[q])[2:]})" if _known(verdict, q) else "")
        for what, p, q in tests
        if _known(verdict, p)
    ]
    if known:
        yield "tests", ", ".join(known)
    weights = _ranked({fit["shape"]: fit["weight"] for fit in evidence["shapes"] or ()})
    if weights:
        yield "fits", f"weights of the fitted shapes: {weights}"
    yield from _classical(evidence, metric)
    if evidence["valley"]:
        yield "valley", _valley(evidence["valley"], metric)
    yield from _models(evidence, metric)
    if evidence["parts"]:
        shapes = [f"{part['part']} {part['equivalent']}" for part in evidence["parts"]]
        yield "parts", ", ".join(shapes)


def _data(evidence: Evidence) -> str:
    texts = [plural(evidence["n"], "item")] if evidence["n"] else []
    seeds = evidence["seeds"] or []
    if max(seeds, default=1) > 1:
        texts.append(f"{'/'.join(str(count) for count in seeds)} training seeds per size")
    if evidence["clusters"]:
        texts.append(f"{evidence['clusters']} clusters of items")
    if evidence["chance"] is not None:
        texts.append(f"chance {_value(evidence['chance'], evidence['unit'] == 'share')}")
    texts.append(SAMPLING[evidence["sampling"]])
    return ", ".join(texts)


def _classical(evidence: Evidence, metric: str) -> Iterator[tuple[str, str]]:
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
    both = []
    if evidence["two_lines"]:
        both.append(f"two lines {_p(evidence['two_lines']['p_u'])}")
    if evidence["lind_mehlum"]:
        both.append(f"Lind and Mehlum {_p(evidence['lind_mehlum']['p_u'])}")
    if both:
        yield "slopes", f"for a U: {', '.join(both)}"


def _valley(valley: Mapping[str, Any], metric: str) -> str:
    depth = _interval(valley["depth"], lambda value: signed(value, metric).lstrip("+"))
    recovery = _interval(valley["recovery"], lambda value: f"{value:.2f}")
    within = ", ".join(valley["sizes"])
    return f"at {valley['at']} (95 %: {within}), depth {depth}, share won back {recovery}"


def _models(evidence: Evidence, metric: str) -> Iterator[tuple[str, str]]:
    """The mechanism, and how well the last size was foretold without it."""
    mechanism = evidence["mechanism"]
    if mechanism and mechanism["identifiable"]:
        gap = _interval(mechanism["gap"], lambda value: f"{value:.2f}")
        at = _interval(mechanism["back_at"], lambda value: f"1e{value:.1f}")
        yield "mechanism", f"true task {gap} decades after the distractor, back at {at}"
    elif mechanism:
        yield "mechanism", f"not identifiable: {mechanism['reason']}"
    share = evidence["unit"] == "share"
    for one in evidence["prediction"] or ():
        predicted = SIGNS[metric] * one["predicted"]
        missed = f"{_value(predicted, share)}, {signed(one['error'], metric)} off"
        yield "foretold", f"{evidence['sizes'][-1]} without it: {missed} ({one['method']})"


def _notes(evidence: Evidence) -> Iterator[str]:
    notes = list((evidence["verdict"] or {}).get("notes") or ())
    few = {1: "one-size", 2: "two-sizes"}.get(len(evidence["sizes"]))
    if few and few not in notes:
        notes.append(few)
    for note in notes:
        yield FLAGS.get(note, note)


# -- numbers --------------------------------------------------------------------------------------


def _value(value: float, share: bool) -> str:
    return f"{100 * value:.1f} %" if share else f"{value:.3g}".replace("-", "−")


def _interval(three: Sequence[float | None] | None, write: Callable[[float], str]) -> str:
    """An estimate with its interval, as far as they are known."""
    if three is None or three[0] is None:
        return DASH
    low, high = (DASH if end is None else write(end) for end in three[1:])
    return f"{write(three[0])} ({low} to {high})"


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


def _known(verdict: Mapping[str, Any], key: str | None) -> bool:
    return key is not None and verdict.get(key) is not None


def _ranked(shares: Mapping[str, float | None] | None) -> str:
    """Names with their shares, the largest first; those below one percent are left out."""
    known = {name: share for name, share in (shares or {}).items() if share is not None}
    order = sorted(known, key=lambda name: -known[name])
    return ", ".join(f"{name} {known[name]:.2f}" for name in order if known[name] >= 0.01)


def _wrapped(title: str, text: str, indent: int = INDENT) -> list[str]:
    """Text beside its title, in lines that a terminal shows whole."""
    first = f"  {title}".ljust(indent) if indent else ""
    return textwrap.wrap(text, WIDTH, initial_indent=first, subsequent_indent=" " * indent)


if __name__ == "__main__":
    run(main)
