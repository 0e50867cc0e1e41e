"""What *Compare curves* of the report draws, for the curves of the atlas.

A corpus, or a family, stands for a family of the report, what is held fixed for a prompt variant,
and a set for a source of items. Curves over validation loss have the points of those over training
compute, and are not drawn again.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ushaped.atlas.judge import DECIDES, SEPARATOR
from ushaped.atlas.points import ACCURACY, HIGHER, SHARES
from ushaped.atlas.verdicts import numbers_in, task_of
from ushaped.axes import VALIDATION_LOSS
from ushaped.figures import style
from ushaped.report.compare import known, look_view
from ushaped.report.matrix import RULES, format_level
from ushaped.report.text import glyphs
from ushaped.results.text_files import Row
from ushaped.terms import FLOPS, SIGNIFICANCE

LABELS = {
    "accuracy": "Accuracy",
    "probability": "Probability of the right answer",
    "log_probability": "Log-probability of the right answer",
    "bits_per_byte": "Bits per byte of the right answer",
    "brier": "Brier score",
}
# What stands in place of the report's words.
WORDS = {
    "families": "corpora and families",
    "variants": "what is held fixed",
    "legend": "Held fixed",
    "status": "Held fixed",
    "head": "Held fixed",
    "rule": "statistical",
    "verdicts": "statistical ones, each with the q-value of the test that it rests on",
}
# Its protocol stands at each curve.
PROTOCOL = "as published"


def drawn_rows(rows: Sequence[Row]) -> list[Row]:
    """Rows of the curves that can be drawn."""
    return [row for row in rows if row["axis"] != VALIDATION_LOSS.name]


def compare_data(
    rows: Sequence[Row], scales: dict[tuple[str, str, str], list[Any]]
) -> dict[str, Any]:
    """What the script of the page reads: see `ushaped.report.compare.CompareView`.

    Parameters
    ----------
    rows : sequence of dict
        Rows of ``verdicts.csv``.
    scales : dict
        Parameters and training FLOPs of each point, by set, corpus and name of the point.
    """
    drawn = drawn_rows(rows)
    metrics = [name for name in HIGHER if any(row["metric"] == name for row in drawn)]
    families = list(dict.fromkeys(family_of(row) for row in drawn))
    variants = sorted({variant_of(row) for row in drawn}, key=lambda name: (len(name), name))
    tasks = list(dict.fromkeys((str(row["set"]), str(row["task"])) for row in drawn))
    parts = sorted({(tasks.index((str(r["set"]), str(r["task"]))), str(r["part"])) for r in drawn})
    editions = [(*tasks[place], part) for place, part in parts]
    looks = style.ordered_looks(variants)
    family_looks = style.ordered_looks(f"{of}:{corpus}" for of, corpus in families)
    return {
        "words": WORDS,
        "rules": RULES,
        "metrics": [metric_view(name) for name in metrics],
        "primary": list(range(len(metrics))),
        "variants": [
            {"name": name, "protocol": PROTOCOL, "modified": ""} | look_view(looks[name])
            for name in variants
        ],
        "families": [
            {
                "name": corpus,
                "published": False,
                "key": f"{of}:{corpus}",
                "sizes": sizes_of((of, corpus), scales),
            }
            | look_view(family_looks[f"{of}:{corpus}"])
            for of, corpus in families
        ],
        "editions": [
            {"source": of, "task": name, "name": name, "key": f"{name}@{of}", "card": ""}
            for of, task, part in editions
            for name in [task_of({"task": task, "part": part})]
        ],
        "looks": [look_view(look) for look in (*style.FAMILIES.values(), *style.SPARE_FAMILIES)],
        "average": "",
        "scale": FLOPS,
        "glyphs": glyphs(),
        "curves": curves_of(drawn, families, variants, metrics),
    }


def curves_of(
    rows: Sequence[Row],
    families: Sequence[tuple[str, str]],
    variants: Sequence[str],
    metrics: Sequence[str],
) -> list[dict[str, Any]]:
    """Curves with the series of all their metrics; the verdict is that under accuracy."""
    curves: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        key = family_of(row), variant_of(row), task_of(row)
        curve = curves.setdefault(
            key,
            {
                "family": families.index(family_of(row)),
                "source": row["set"],
                "task": task_of(row),
                "variant": variants.index(variant_of(row)),
                "judged": ACCURACY,
                "verdict": None,
                "metrics": {},
                "protocol": row["protocol"],
            },
        )
        curve["metrics"][metrics.index(str(row["metric"]))] = series_of(row)
        if row["metric"] == ACCURACY or curve["verdict"] is None:
            curve |= {"judged": row["metric"], "verdict": opinions(row)}
    return list(curves.values())


def family_of(row: Row) -> tuple[str, str]:
    """Set and corpus of a curve."""
    return str(row["set"]), str(row["corpus"])


def variant_of(row: Row) -> str:
    """What is held fixed."""
    return str(row["fixed"])


def sizes_of(
    family: tuple[str, str], scales: dict[tuple[str, str, str], list[Any]]
) -> list[list[Any]]:
    """Points of a corpus: name, parameters, training FLOPs."""
    own = [[name, *place] for (*of, name), place in scales.items() if tuple(of) == family]
    return sorted(own, key=lambda size: [math.inf if x is None else x for x in size[:0:-1]])


def series_of(row: Row) -> dict[str, Any]:
    """Values of a curve with their intervals."""
    series: dict[str, Any] = {"size": str(row["size_names"]).split(SEPARATOR)}
    for name, column in (("value", "values"), ("low", "low"), ("high", "high")):
        series[name] = [None if v is None else known(v) for v in numbers_in(row[column])]
    return series | {"n": row["n"], "chance": row["chance"], "flags": {}}


def opinions(row: Row) -> dict[str, Any]:
    """The verdicts on a curve as the page writes them."""
    test = DECIDES.get(str(row["statistical"]))
    q = row[f"qvalue_{test}"] if test else None
    level = None if q is None else float(str(q))
    sure = level is not None and level <= SIGNIFICANCE
    return {
        "equivalent": [row["equivalent"], "", False],
        "literal": [row["literal"], "", False],
        "statistical": [row["statistical"], format_level("q", level), sure],
        "shown": "",
        "link": "",
    }


def metric_view(name: str) -> dict[str, Any]:
    """What a metric is called, its unit, and whether lower is better."""
    unit = "share" if name in SHARES else "nats"
    return {"name": name, "label": LABELS.get(name, name), "unit": unit, "lower": not HIGHER[name]}
