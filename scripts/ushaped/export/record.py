"""``report.json``: every verdict and number as one value; ``report.schema.json`` describes it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jsonschema
import pandas as pd

from ushaped.errors import UserError
from ushaped.metrics.flags import FLAGS as DOUBTS
from ushaped.results import tables
from ushaped.results.columns import ABOUT, KEY, SCALE, CurveKey
from ushaped.results.folder import AlongAxis, Results
from ushaped.results.formats import Precision
from ushaped.results.records import Key, key_of
from ushaped.shapes.evidence_record import Verdict
from ushaped.shapes.shapes_table import shapes_row
from ushaped.terms import AVERAGE, PRIMARY, PUBLISHED, SHAPES, SIGNIFICANCE

FORMAT, VERSION = "ushaped-report", "1.4"

# Digits of every number, as in the tables.
DIGITS = 10

TASK = ("title", "schema", "metric", "true_task", "distractor_task")
# Facts of a model; the folder of its weights on this machine is none.
MODEL = (
    "model",
    "family",
    "size",
    "seed",
    *SCALE,
    "flops_source",
    "revision",
    "fingerprint",
)
# What is said of a curve that was measured elsewhere.
MEASURED_ELSEWHERE = (
    *("family", "source", "task", "variant", "protocol", "metric", "unit", "scale", "chance", "n"),
    *("sampling", "sizes", "at", "values", "low", "high", "run_noise", "flags", "verdicts"),
    "valley",
)
PROVENANCE = ("commit", "dirty", "config_digest", "python", "packages", "hardware")

Value = dict[str, Any]


def record(results: Results) -> Value:
    """All results as one value that JSON can hold.

    Parameters
    ----------
    results : Results

    Returns
    -------
    dict
        As ``report/schema/report.schema.json`` says. Numbers have ten significant digits; what is
        not known is None.
    """
    return plain(
        {
            "format": FORMAT,
            "version": VERSION,
            "provenance": {name: results.provenance.get(name) for name in PROVENANCE},
            "config": results.config,
            "rules": _rules(results.config),
            "tasks": list(_tasks(results)),
            "families": list(_families(results)),
            "models": [{name: model.get(name) for name in MODEL} for model in results.models],
            "scoring": [_scoring(one) for one in results.precisions],
            "flags": [
                {"flag": flag.name, "mark": flag.mark, "words": flag.words}
                for flag in DOUBTS.values()
            ],
            "curves": list(_curves(results)),
            "measurements": list(_measurements(results)),
            "parts": list(_parts(results.parts)),
            "flips": _records(results.flips, whole=("seeds", "next_seeds", "n")),
            "protocols": list(_protocols(results.protocols)),
            "axes": [_axis(own, results.folder) for own in results.axes.values()],
            "elsewhere": _elsewhere(results),
            "power": _records(results.power, whole=("sizes", "n")),
            "published_verdicts": list(_published_verdicts(results)),
            "questions": {name: _records(table) for name, table in results.questions.items()},
        }
    )


def plain(value: Any) -> Any:
    """Numbers with ten significant digits, and None for those that JSON does not have.

    Examples
    --------
    >>> plain({"low": [float("nan"), 1 / 3], "n": 128})
    {'low': [None, 0.3333333333], 'n': 128}
    """
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if not isinstance(value, float):
        return value
    # Adding zero takes the sign from a negative one.
    return float(f"{value:.{DIGITS}g}") + 0.0 if math.isfinite(value) else None


def text(value: Mapping[str, Any]) -> str:
    """Write the value as JSON, every record of a list on a line of its own.

    Examples
    --------
    >>> print(text({"version": "1.0", "curves": [{"n": 1}, {"n": 2}]}), end="")
    {
    "version": "1.0",
    "curves": [
    {"n":1},
    {"n":2}
    ]
    }
    """
    members = [f"{_dump(key)}: {_lines(inner)}" for key, inner in value.items()]
    return "{\n" + ",\n".join(members) + "\n}\n"


def _lines(value: Any) -> str:
    if not isinstance(value, list) or not value:
        return _dump(value)
    return "[\n" + ",\n".join(map(_dump, value)) + "\n]"


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def check(value: Mapping[str, Any], schema: str | Path) -> None:
    """Check the value against its schema.

    Raises
    ------
    UserError
        Naming the place of the first violation: an input is damaged, or schema and program differ.
    """
    rules = json.loads(Path(schema).read_text(encoding="utf-8"))
    error = next(jsonschema.Draft202012Validator(rules).iter_errors(value), None)
    if error is not None:
        place = ".".join(map(str, error.absolute_path)) or "report.json"
        raise UserError(
            f"{schema}, {place}",
            f"does not fit ({error.message[:200]})",
            "run the step again that wrote this number, or mend the schema",
        )


# -- what was run ---------------------------------------------------------------------------------


def _rules(config: Mapping[str, Any]) -> Value:
    section = config.get("shapes") or {}
    return {
        "equivalent": {name: section.get(name) for name in ("equivalence", "recovery")},
        "literal": {"equivalence": section.get("equivalence")},
        "statistical": {
            "level": SIGNIFICANCE,
            "correction": "Benjamini-Hochberg",
            "run_noise": section.get("run_noise"),
        },
        "draws": section.get("draws"),
        "seed": section.get("seed"),
    }


def _tasks(results: Results) -> Iterator[Value]:
    found: dict[str, list[str]] = {}
    for edition in tables.editions(results.metrics):
        found.setdefault(edition.task, []).append(edition.source)
    for task, sources in found.items():
        facts = results.tasks[task].facts.model_dump(by_alias=True) if task in results.tasks else {}
        told = {name: facts.get(name) for name in TASK}
        yield {"task": task, "sources": sources, "average": task == AVERAGE} | told


def _families(results: Results) -> Iterator[Value]:
    """Families and their sizes, smallest first: those that were run here, then published series."""
    ours = results.metrics.assign(measured=~tables.flagged(results.metrics, tables.PUBLISHED_POINT))
    series = results.published[results.published["series"] != tables.CHANCE]
    theirs = series.rename(columns={"series": "family"}).assign(measured=False)
    for table, published in ((ours, False), (theirs, True)):
        rows = table.reindex(columns=["family", "size", *SCALE, "measured"])
        rows = rows.drop_duplicates(["family", "size"])
        rows = rows.iloc[tables.scale(rows).argsort(kind="stable")]
        for family, own in rows.groupby("family"):
            scale = tables.axis_of(own)
            sizes = _records(own.drop(columns="family"), whole=SCALE)
            yield {"family": family, "published": published, "scale": scale, "sizes": sizes}


def _scoring(one: Precision) -> Value:
    told = {name: getattr(one, name) for name in ("model", "dtype")}
    told |= {"twin": one.twin or None, "audit": one.audit}
    counts = {"ties": one.ties, "answers": one.items}
    # Without a twin nothing was compared, which is not the same as nothing changed.
    nothing = math.nan if not one.compared else 0.0
    counts |= {"changed": one.changed + nothing, "compared": one.compared + nothing}
    return told | {name: _whole(count) for name, count in counts.items()}


# -- curves ---------------------------------------------------------------------------------------


def _curves(results: Results) -> Iterator[Value]:
    literal = _literal_probabilities(results.protocols)
    pairs = _pairs(results.folder, results.shapes, results.evidence)
    for key, (curve, row) in pairs.items():
        yield _curve(curve, row, literal.get(key))


def _pairs(
    folder: Path, shapes: pd.DataFrame, evidence: Sequence[Any]
) -> dict[Key, tuple[Any, pd.Series]]:
    """The evidence on each curve with its row of the shapes, by curve."""
    verdicts = {key_of(row.to_dict()): row for _, row in shapes.iterrows()}
    records = {key_of(curve["about"]): curve for curve in evidence}
    if strange := sorted(verdicts.keys() ^ records.keys()):
        what = f"has other curves than shapes.csv, for example {strange[0]}"
        raise UserError(str(folder / "evidence.json"), what, "judge the curves again")
    return {key: (record, verdicts[key]) for key, record in records.items()}


def _axis(own: AlongAxis, folder: Path) -> Value:
    """The curves along one axis, and what is on none."""
    used, pairs = _used(own), _pairs(folder / "axes" / own.axis.name, own.shapes, own.evidence)
    left_out = [
        {name: cell or None for name, cell in row.items()} for row in _records(own.left_out)
    ]
    return {
        "axis": own.axis.name,
        "scale": own.axis.column,
        "curves": [_curve(curve, row, None) for curve, row in pairs.values()],
        "used": [used[key] for key in pairs] if own.axis.used else None,
        "left_out": left_out,
    }


def _elsewhere(results: Results) -> Value | None:
    """Curves that were measured elsewhere; None where the configuration names none."""
    if results.elsewhere is None:
        return None
    measured, left_out = results.elsewhere
    curves = []
    for one in measured:
        whole = _curve(one.evidence, pd.Series(shapes_row(one.evidence)), None)
        kept = {name: whole[name] for name in MEASURED_ELSEWHERE}
        curves.append({"origin": one.origin, "file": one.file} | kept)
    return {"curves": curves, "left_out": left_out}


def _used(own: AlongAxis) -> dict[Key, list[float]]:
    """What was really used at each point of each curve; empty where that is the value itself."""
    if not own.axis.used:
        return {}
    rows = own.metrics[(own.metrics["model"] == "") & own.metrics["metric"].isin(PRIMARY)]
    rows = rows.sort_values(own.axis.column, kind="stable")
    used: dict[Key, list[float]] = {}
    for row in rows.to_dict("records"):
        used.setdefault(key_of(row), []).append(row[own.axis.used])
    return used


def _literal_probabilities(protocols: pd.DataFrame) -> dict[Key, float]:
    """Share of draws with the literal rule's verdict, by curve; of measured curves alone."""
    keys = map(CurveKey._make, protocols[list(KEY)].itertuples(index=False, name=None))
    return dict(zip(keys, protocols["p_literal"], strict=True))


def _curve(proof: Mapping[str, Any], row: pd.Series, p_literal: float | None) -> Value:
    along = ("sizes", "at", "values", "low", "high", "trials", "seeds")
    described = ("unit", "scale", "chance", "n", "clusters", "sampling")
    verdict = dict.fromkeys(Verdict.__annotations__) | (proof["verdict"] or {})
    return {
        **{name: proof["about"][name] for name in ABOUT},
        **{name: proof[name] for name in (*described, *along)},
        "run_noise": proof["run_noise"],
        "overdispersion": estimate(proof["overdispersion"]),
        "flags": _flags(row["flags"]),
        "verdicts": {
            "equivalent": _equivalent(verdict),
            "literal": _named(verdict["literal"], probability=p_literal),
            "statistical": _statistical(verdict, row),
        },
        "valley": _valley(proof["valley"], row),
        "fits": proof["shapes"],
        "neighbours": proof["neighbours"],
        "two_lines": proof["two_lines"],
        "lind_mehlum": _with_estimates(proof["lind_mehlum"], "extremum"),
        "mechanism": _mechanism(proof["mechanism"]),
        "broken": _broken(proof["broken"]),
        "prediction": proof["prediction"] or [],
        "parts": proof["parts"],
    }


def _named(shape: str | None, **more: Any) -> Value | None:
    """A verdict; None where there is none."""
    return {"shape": shape, **more} if shape else None


def _equivalent(verdict: Mapping[str, Any]) -> Value | None:
    shares = verdict["probabilities"] or {}
    return _named(verdict["equivalent"], probabilities={s: shares.get(s) for s in SHAPES})


def _statistical(verdict: Mapping[str, Any], row: pd.Series) -> Value | None:
    tests = ("change", "rise", "fall", "u", "inverted_u", "misfit")
    shapes = ("flat", "positive", "inverse", "u", "inverted_u", "any")
    return _named(
        verdict["statistical"],
        these_models=verdict["these_models"],
        tipping_point=verdict["tipping_point"],
        because=verdict["because"],
        p={name: verdict[f"p_{name}"] for name in tests},
        q={name: verdict[f"q_{name}"] for name in ("u", "change")},
        weights={name: row[f"weight_{name}"] for name in shapes},
    )


def _valley(valley: Mapping[str, Any] | None, row: pd.Series) -> Value:
    """The lowest place of a curve; intervals where errors are known."""
    known = valley or {}
    return {
        "size": row["valley_size"] or None,
        "sizes": known.get("sizes") or [],
        **{name: row[name] for name in ("first", "lowest", "last")},
        "depth": estimate(known.get("depth"), row["depth"]),
        "rise": estimate(known.get("rise")),
        "recovery": estimate(known.get("recovery"), row["recovery"]),
    }


def _mechanism(found: Mapping[str, Any] | None) -> Value | None:
    """The two-task mechanism, without the points of the line that the page draws."""
    if found is None:
        return None
    parameters = (found.get("parameters") or {}).items()
    return {
        **{name: found.get(name) for name in ("identifiable", "reason")},
        "parameters": {name: estimate(values) for name, values in parameters},
        **{name: estimate(found.get(name)) for name in ("gap", "back_at")},
        **{name: found.get(name) for name in ("deviance", "degrees", "misfit_p")},
    }


def _broken(found: Mapping[str, Any] | None) -> Value | None:
    if found is None:
        return None
    return {name: found.get(name) for name in ("reason", "parameters", "error")}


def _with_estimates(found: Mapping[str, Any] | None, *names: str) -> Value | None:
    if found is None:
        return None
    return {**found, **{name: estimate(found.get(name)) for name in names}}


def estimate(found: Sequence[float | None] | None, value: float | None = None) -> Value:
    """Name the numbers of an estimate with its interval; ``value`` alone where there is none.

    Examples
    --------
    >>> estimate([0.2, 0.1, None])
    {'value': 0.2, 'low': 0.1, 'high': None}
    """
    return dict(zip(("value", "low", "high"), found or (value, None, None), strict=True))


# -- numbers --------------------------------------------------------------------------------------


def _measurements(results: Results) -> Iterator[Value]:
    """One record per metric of a curve: of every size, and of every single model."""
    metrics = list(dict.fromkeys(results.published["metric"]))
    theirs = tables.published_curves(results.published, metrics)
    table = pd.concat([results.metrics, theirs.assign(model="", modified="")], ignore_index=True)
    table = table.assign(at=tables.scale(table))
    for key, rows in table.groupby(list(ABOUT), sort=False):
        rows = rows.sort_values(["at", "seed"], kind="stable")
        means, runs = rows[rows["model"] == ""], rows[rows["model"] != ""]
        yield {
            **dict(zip(ABOUT, key, strict=True)),
            "chance": float(rows["chance"].iloc[0]),
            **_columns(means, "size", "sizes"),
            "runs": _columns(runs, "model", "models"),
        }


def _columns(rows: pd.DataFrame, name: str, plural: str) -> Value:
    return _points(rows, name, plural) | {"flags": [_flags(flags) for flags in rows["flags"]]}


def _points(rows: pd.DataFrame, name: str, plural: str) -> Value:
    numbers = {"values": "value", "low": "low", "high": "high"}
    told = {plural: list(rows[name])} | {key: list(rows[column]) for key, column in numbers.items()}
    return told | {"n": [_whole(n) for n in rows["n"]]}


def _parts(table: pd.DataFrame) -> Iterator[Value]:
    """One record per part of a curve's task."""
    table = table.assign(at=tables.scale(table))
    for key, rows in table.groupby([*ABOUT, "part"], sort=False):
        *about, part = key
        rows = rows.sort_values("at", kind="stable")
        yield {
            **dict(zip(ABOUT, about, strict=True)),
            "part": _whole(part),
            "chance": float(rows["chance"].iloc[0]),
            **_points(rows, "size", "sizes"),
        }


def _protocols(table: pd.DataFrame) -> Iterator[Value]:
    """Comparisons with the main variant: its verdict, this one's, and what became of the values."""
    for row in _records(table, whole=("n",)):
        told = {name: row[name] for name in (*ABOUT, "n", "size")}
        for rule, ending in (("equivalent", ""), ("literal", "_literal")):
            told[rule] = {
                "shape": row[rule] or None,
                "probability": row[f"p{ending}"],
                "base_shape": row[f"base_{rule}"] or None,
                "base_probability": row[f"base_p{ending}"],
                "flips": _answer(row[f"flips{ending}"]),
                "settled": _answer(row[f"settled{ending}"]),
            }
        told |= {"probability_differs": row["p_differs"], "base_value": row["base_value"]}
        told["value"] = estimate([row["value"], row["low"], row["high"]])
        ends = (f"difference{end}" for end in ("", "_low", "_high"))
        told["difference"] = estimate([row[name] for name in ends])
        yield told


def _published_verdicts(results: Results) -> Iterator[Value]:
    """What papers say of their curves, beside what is concluded here from the published numbers."""
    judged = {(row["family"], row["task"]): row for row in _records(results.shapes, published=True)}
    for label in _records(results.labels):
        ours = judged.get((label["series"], label["task"]), {})
        rules = ("equivalent", "literal", "statistical")
        yield {**label, **{rule: ours.get(rule) or None for rule in rules}}


def _records(
    table: pd.DataFrame, whole: Sequence[str] = (), published: bool | None = None
) -> list[Value]:
    """Rows of a table; the columns ``whole`` hold counts."""
    if published is not None:
        table = table[(table["source"] == PUBLISHED) == published]
    rows = table.to_dict("records")
    return [{str(k): _whole(v) if k in whole else v for k, v in row.items()} for row in rows]


def _whole(value: Any) -> int | float | None:
    """A count as a whole number; the mean of counts stays what it is."""
    if math.isnan(value):
        return None
    return int(value) if value == int(value) else value


def _flags(flags: str) -> list[str]:
    return [flag for flag in flags.split(";") if flag]


def _answer(word: str) -> bool | None:
    return {"yes": True, "no": False}.get(word)
