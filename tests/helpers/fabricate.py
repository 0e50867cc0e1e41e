"""Made-up results for tests of what is shown: right in form, invented in content."""

from __future__ import annotations

import itertools
import json
import math
import shutil
import subprocess
import sys
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from scipy.optimize import isotonic_regression

from ushaped.metrics.continuous import CONTINUOUS
from ushaped.results import parquet, tables
from ushaped.results.columns import METRICS, SHAPES
from ushaped.results.columns import PROTOCOLS as COMPARED
from ushaped.terms import TASKS

FORMS = {
    "resisting-correction": "U-shaped",
    "memo-trap": "U-shaped",
    "redefine": "inverse",
    "prompt-injection": "inverse",
    "modus-tollens": "U-shaped",
    "pattern-matching-suppression": "inverse",
    "neqa": "U-shaped",
    "sig-figs": "positive",
    "into-the-unknown": "inverted-U",
    "hindsight-neglect": "flat",
    "repetitive-algebra": "positive",
}
ALL_TASKS = tuple(FORMS)
VARIANTS = ("zero-shot", "few-shot-2", "one-shot", "cot")
SIZES = (1_000, 3_000, 8_000, 16_000, 45_000, 110_000, 250_000, 520_000)
PALM = {
    "resisting-correction": (0.926, 0.728, 0.767, 0.827),
    "memo-trap": (0.546, 0.335, 0.310, 0.402),
    "redefine": (0.715, 0.647, 0.567, 0.441),
    "ten-task-average": (0.5271, 0.3646, 0.4033, 0.5586),
}
PROTOCOLS = {"zero-shot": "official", "few-shot-2": "official"}
ITEMS = 200


def _form(shape: str, t: float, shift: float) -> float:
    curves = {
        "U-shaped": 0.55 - 0.45 * math.sin(math.pi * min(t + shift, 1.0)) + 0.35 * t,
        "inverted-U": 0.3 + 0.5 * math.sin(math.pi * t),
        "inverse": 0.6 - (0.5 + shift) * t,
        "positive": 0.35 + 0.5 * t**1.5 + shift * t,
        "flat": 0.5 + 0.01 * math.sin(9 * t),
    }
    return min(max(curves[shape], 0.0), 1.0)


def _models(
    family: str, sizes: Sequence[int], seeds: int
) -> Iterator[tuple[str, str, int, dict[str, Any]]]:
    for parameters in sizes:
        size = f"{parameters // 1000}k"
        scale = {
            "parameters": parameters,
            "non_embedding_parameters": parameters * 3 // 4,
            "training_tokens": 4_000_000,
            "training_flops": 6.0 * parameters * 4_000_000,
        }
        for seed in range(seeds):
            yield f"{family}-{size}-s{seed}", size, seed, scale


def metrics(
    tasks: Sequence[str] = ALL_TASKS,
    variants: Sequence[str] = VARIANTS,
    sizes: Sequence[int] = SIZES,
    seeds: int = 3,
    families: Sequence[str] = ("ladder",),
    official: Sequence[str] = (),
    unknown: Sequence[str] = (),
) -> pd.DataFrame:
    """Invent ``metrics.csv``; the tasks ``official`` have official items, without distractor.

    Tokens and compute of the families ``unknown`` are not known.
    """
    rows: list[dict[str, Any]] = []
    for family in families:
        for variant_place, variant in enumerate(variants):
            for task in tasks:
                rows += _task_rows(family, task, variant, variant_place, sizes, seeds)
    table = pd.DataFrame(rows)
    table.loc[table["family"].isin(unknown), ["training_tokens", "training_flops"]] = math.nan
    released = table["task"].isin(official)
    table.loc[released, "source"] = "official"
    table = table[~released | (table["metric"] != "distractor_share")]
    scored = [task for task in tasks if task != "prompt-injection"]
    if len(scored) == 10 and table["source"].nunique() == 1:
        accuracy = table[(table["metric"] == "accuracy")]
        keys = ["family", "model", "size", "seed", "source", "variant", "protocol", "modified"]
        scale = ["parameters", "non_embedding_parameters", "training_tokens", "training_flops"]
        average = accuracy.groupby([*keys, *scale], as_index=False, dropna=False)[
            ["value", "low", "high", "chance", "n"]
        ].mean()
        average = average.assign(task="ten-task-average", metric="accuracy", flags="")
        table = pd.concat([table, average], ignore_index=True)
    return table[list(METRICS)]


def answers(measured: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Invent the answers behind invented metrics of single tasks.

    Returns the metrics, whose primary values are means of answers now, and ``items.parquet``. Every
    twenty items are of one template.
    """
    measured = measured.copy()
    primary = measured["metric"].isin(tables.PRIMARY)
    keys = ["family", "source", "task", "variant"]
    made = []
    for place, row in measured[primary & (measured["model"] != "")].iterrows():
        rng = np.random.default_rng(zlib.crc32("/".join(row[[*keys, "model"]]).encode()))
        if row["metric"] == "accuracy":
            correct = (rng.permutation(ITEMS) < round(row["value"] * ITEMS)).astype(float)
        else:
            correct = -row["value"] + rng.normal(size=ITEMS)
        value = correct.mean() if row["metric"] == "accuracy" else -correct.mean()
        measured.loc[place, "value"] = value
        item = np.arange(ITEMS)
        told = {"item": item, "cluster": item // 20, "answer": item % 2, "distractor": math.nan}
        made.append(pd.DataFrame(row[[*keys, "model"]].to_dict() | told | {"correct": correct}))
    pooled = measured["value"].where(measured["model"] != "")
    means = pooled.groupby([measured[key] for key in [*keys, "metric", "size"]]).transform("mean")
    measured.loc[primary & (measured["model"] == ""), "value"] = means
    return measured, pd.concat(made, ignore_index=True)


def of_two_sources(official: Sequence[str], **options: Any) -> pd.DataFrame:
    """Invent ``metrics.csv`` in which some tasks have official items beside their replica items.

    What a model scores on the official ones is another number, by a fifth of the way to one.
    """
    replica = metrics(**options)
    released = metrics(**(options | {"tasks": official, "official": official}))
    for column in ("value", "low", "high"):
        released[column] += 0.2 * (1 - released[column])
    return pd.concat([replica, released], ignore_index=True)


def with_published(measured: pd.DataFrame, size: str = "175B") -> pd.DataFrame:
    """Add a published point beyond the largest size to every zero-shot curve."""
    last = measured["training_flops"] == measured["training_flops"].max()
    chosen = (measured["variant"] == "zero-shot") & (measured["model"] == "")
    rows = measured[last & chosen & measured["metric"].isin(tables.PRIMARY)]
    told = {"size": size, "parameters": 1.75e11, "training_flops": 1e14, "flags": "published"}
    scaled = {name: rows[name] * 0.9 for name in ("value", "low", "high")}
    rows = rows.assign(**told, **scaled, training_tokens=math.nan)
    return pd.concat([measured, rows], ignore_index=True)


def _task_rows(
    family: str, task: str, variant: str, place: int, sizes: Sequence[int], seeds: int
) -> list[dict[str, Any]]:
    rng = np.random.default_rng(zlib.crc32(f"{family} {task} {variant}".encode()))
    rows: list[dict[str, Any]] = []
    models = list(_models(family, sizes, seeds))
    for size in dict.fromkeys(size for _, size, _, _ in models):
        singles = []
        for model, own, seed, scale in models:
            if own != size:
                continue
            t = math.log(scale["parameters"] / sizes[0]) / math.log(sizes[-1] / sizes[0] + 1e-9)
            value = _form(FORMS[task], t, 0.05 * place) + 0.04 * rng.normal()
            singles.append((model, str(seed), scale, min(max(value, 0.0), 1.0)))
        mean = float(np.mean([value for *_, value in singles]))
        if seeds:
            singles.append(("", "", singles[0][2], mean))
        for model, seed_text, scale, value in singles:
            for metric, number, width, chance in _values(task, variant, value):
                rows.append(
                    {
                        "family": family,
                        "model": model,
                        "size": size,
                        "seed": seed_text,
                        **scale,
                        "source": "replica",
                        "task": task,
                        "variant": variant,
                        "protocol": PROTOCOLS.get(variant, "modified"),
                        "modified": "" if variant in PROTOCOLS else f"our own {variant} prompt",
                        "metric": metric,
                        "value": number,
                        "low": number - width,
                        "high": number + width,
                        "n": ITEMS,
                        "chance": chance,
                        "flags": "constant-answer" if task == "neqa" and size == "1k" else "",
                    }
                )
    return rows


def _values(task: str, variant: str, value: float) -> list[tuple[str, float, float, float]]:
    if task == "prompt-injection":
        return [("sequence_loss", 3 * (1 - value), 0.15, math.nan)]
    width = min(0.06, value, 1 - value)
    first = [
        ("accuracy", value, width, 0.5),
        ("loss", 1.4 - value, 0.08, math.log(2)),
        ("label_mass", 0.2 + 0.7 * value, 0.05, math.nan),
        ("distractor_share", 1 - value, width, math.nan),
        ("answer_rate_0", 0.5 + 0.3 * (value - 0.5), 0.05, math.nan),
        ("answer_rate_1", 0.5 - 0.3 * (value - 0.5), 0.05, math.nan),
    ]
    if variant == "cot":
        first += [
            ("parsed_accuracy", value * 0.8, width, math.nan),
            ("unparsed_share", 0.2, 0.05, math.nan),
            ("unstopped_share", 0.35, 0.05, math.nan),
        ]
    return first


def _verdict(values: Sequence[float], least: float) -> str:
    """A rough copy of the rule, good enough to label made-up curves."""
    if max(values) - min(values) <= 0.02:
        return "flat"
    for sign, name in ((1, "U-shaped"), (-1, "inverted-U")):
        v = [sign * value for value in values]
        place = v.index(min(v))
        drop, rise = max(v[: place + 1]) - v[place], v[-1] - v[place]
        if drop > 0.02 and rise > 0 and rise / drop >= least:
            return name
    return "positive" if values[-1] > values[0] else "inverse"


def shapes(metrics: pd.DataFrame, published: bool = True) -> pd.DataFrame:
    """Invent ``shapes.csv`` for invented metrics."""
    rows = []
    judged = metrics[metrics["metric"].isin(tables.PRIMARY) & (metrics["model"] == "")]
    keys = ["family", "source", "task", "variant", "protocol", "modified", "metric"]
    for names, curve in judged.groupby(keys, sort=False):
        rows.append(_shape(dict(zip(keys, names, strict=True)), curve["value"], curve["size"]))
    if published:
        for task, values in PALM.items():
            key = dict.fromkeys(keys, "") | {
                "family": "PaLM",
                "source": "published",
                "task": task,
                "variant": "zero-shot",
                "protocol": "official",
                "metric": "accuracy",
            }
            row = _shape(key, pd.Series(values), pd.Series(["1B", "8B", "62B", "540B"]))
            rows.append(row | dict.fromkeys(tables.PROBABILITY.values(), math.nan))
    # What rests on errors stays empty, as it does for means of which none are known.
    return pd.DataFrame(rows).reindex(columns=list(SHAPES))


def _shape(key: dict[str, Any], series: pd.Series, sizes: pd.Series) -> dict[str, Any]:
    values = [-v if key["metric"] == "sequence_loss" else v for v in series]
    equivalent = _verdict(values, 1 / 3) if len(values) > 1 else ""
    lowest = values.index(min(values))
    drop = max(values[: lowest + 1]) - min(values)
    p = 0.7 + 0.3 * (zlib.crc32(str(key).encode()) % 100) / 100
    shares = {column: (1 - p) / 4 for column in tables.PROBABILITY.values()}
    if equivalent:
        shares[tables.PROBABILITY[equivalent]] = p
    return {
        **key,
        "sizes": len(values),
        "n": ITEMS,
        "first": series.iloc[0],
        "lowest": abs(min(values)),
        "last": series.iloc[-1],
        "valley_size": sizes.iloc[lowest],
        "valley_flops": 1e10,
        "valley_sizes": sizes.iloc[lowest],
        "depth": drop if drop > 0 else math.nan,
        "recovery": (values[-1] - min(values)) / drop if drop > 0 else math.nan,
        "recovery_low": 0.1,
        "recovery_high": 0.9,
        "literal": _verdict(values, 0.0) if len(values) > 1 else "",
        "equivalent": equivalent,
        "statistical": equivalent,
        "flags": "one-size" if len(values) == 1 else "",
        **shares,
    }


def protocols(measured: pd.DataFrame, judged: pd.DataFrame) -> pd.DataFrame:
    """Invent ``protocols.csv`` for invented metrics and shapes; differences have made-up widths."""
    ours = judged[judged["source"] != "published"]
    keys = ["family", "source", "task", "variant"]
    means = measured[(measured["model"] == "") & measured["metric"].isin(tables.PRIMARY)]
    largest = means.sort_values("training_flops").groupby(keys).tail(1).set_index(keys)
    shown = {tuple(row[keys]): row for _, row in ours.iterrows()}
    rows = []
    for key, row in shown.items():
        base = shown.get((*key[:3], "zero-shot"))
        value = largest.loc[key] if key in largest.index else {}
        made = dict.fromkeys(COMPARED, "")
        made |= {name: row[name] for name in (*keys, "protocol", "modified", "metric", "n")}
        made |= {name: value.get(name, math.nan) for name in ("value", "low", "high")}
        made |= {name: row[name] for name in ("equivalent", "literal")}
        made |= {"size": value.get("size", ""), "p": tables.verdict_probability(row)}
        made |= {"p_literal": made["p"]}
        if base is not None and key[3] != "zero-shot":
            made |= _against(made, base, largest.loc[tuple(base[keys])])
        rows.append(made)
    return pd.DataFrame(rows)


def _against(made: dict[str, Any], base: pd.Series, value: pd.Series) -> dict[str, Any]:
    difference = made["value"] - value["value"]
    told = {
        "base_variant": "zero-shot",
        "base_value": value["value"],
        "difference": difference,
        "difference_low": difference - 0.03,
        "difference_high": difference + 0.03,
    }
    share = tables.verdict_probability(base)
    for name, ending in (("equivalent", ""), ("literal", "_literal")):
        told |= {f"base_{name}": base[name], f"base_p{ending}": share}
        if made[name] and base[name]:
            told[f"flips{ending}"] = "yes" if made[name] != base[name] else "no"
            told[f"settled{ending}"] = "yes" if min(share, made["p"]) >= 0.9 else "no"
    return told


def write_questions(folder: Path) -> None:
    """Invent the answers to the open questions, few rows each."""
    key = {"variant": "zero-shot", "protocol": "official", "modified": "", "metric": "accuracy"}
    step = key | {"before_size": "8k", "size": "45k", "before": 0.5, "value": 0.4, "step": -0.1}
    step |= {"slope": -0.1, "direction": "down", "p_direction": 0.97, "p_inverse": 0.95}
    step |= {"room_to_zero": 0.4, "room_to_chance": -0.1, "flops": 1e12, "chance": 0.5}
    ends = {f"{name}_{end}": -0.1 for name in ("step", "slope") for end in ("low", "high")}
    measured = step | ends | {"family": "ladder", "source": "replica", "task": "redefine"}
    theirs = step | dict.fromkeys(ends, math.nan) | {"family": "PaLM", "source": "published"}
    chain = key | {"variant": "cot", "protocol": "modified", "modified": "our own", "size": "45k"}
    chain |= {"family": "ladder", "source": "replica", "task": "redefine", "value": 0.4}
    chain |= {"base_equivalent": "inverse", "equivalent": "inverse", "literal": "inverse"}
    chain |= {"base_p": 0.97, "p": 0.93, "p_literal": 0.9, "low": 0.3, "high": 0.5, "unparsed": 0.2}
    match = {"at": "Chinchilla 70B", "largest": "yes", "optimal": 0.4, "value": 0.3}
    match |= {"difference": 0.1, "low": 0.05, "high": 0.15, "metric": "accuracy"}
    match |= {"other_axis_ratio": 0.25}
    made = {
        "difficulty": list(_difficulty_rows()),
        "continuing-measured": [measured],
        "continuing-published": [
            theirs | {"task": "redefine"},
            theirs
            | {"task": "pattern-matching-suppression", "direction": "flat"}
            | {"value": 0.001, "room_to_zero": 0.001},
        ],
        "chains": [chain, chain | {"task": "neqa", "equivalent": "positive"}],
        "matching": [
            match | {"axis": axis, "other": other, "task": task, "scale": scale}
            for axis, scale in (("training_flops", 5e23), ("parameters", 7e10))
            for other in ("Gopher", "PaLM")
            for task in ("redefine", tables.AVERAGE)
        ],
        "selection": [
            {"kind": kind, "ranking": ranking, "tau": tau, "repeats": 10, "u_median": 4 - turned}
            | {"u_low": 2 - turned, "u_high": 6 - turned, "p_at_least_observed": 0.5}
            | {"rises_median": 5, "fall_median": tau, "observed_u": 6, "observed_of": 11}
            | {"observed_fall": 0.1, "tau_bound": 0.15, "fresh_fall": 0.12, "p_fresh_fall": 0.01}
            for kind, turned in (("independent", 0), ("walk", 2))
            for ranking in ("slope", "last fall")
            for tau in (0.0, 0.1, 0.2)
        ],
        "metrics-compared": list(_compared_metrics(key)),
    }
    for name, rows in made.items():
        path = folder / "questions" / f"{name}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        pd.DataFrame(rows).to_csv(path, index=False)


def _compared_metrics(key: dict[str, str]) -> Iterator[dict[str, Any]]:
    """One U-shaped curve under accuracy, of which every second continuous metric has another."""
    base = key | {"family": "ladder", "source": "replica", "task": "neqa", "sizes": 3, "n": ITEMS}
    base |= {"size_names": "1k;8k;45k", "values": "0.6;0.3;0.5", "first": 0.6, "lowest": 0.3}
    base |= {"last": 0.5, "valley_size": "8k", "equivalence": 0.02, "run_noise": 0.01}
    base |= {"run_noise_source": "estimated", "verdict_on": "models trained this way"}
    base |= {"accuracy_equivalent": "U-shaped", "accuracy_statistical": "U-shaped"}
    for place, metric in enumerate(("accuracy", *CONTINUOUS)):
        shapes = ("positive", "undetermined") if place % 2 else ("U-shaped", "U-shaped")
        agree = ("other", "open") if place % 2 else ("same", "same")
        yield (
            base
            | {"metric": metric}
            | {
                "equivalent": shapes[0],
                "statistical": shapes[1],
                "equivalent_agrees": agree[0],
                "statistical_agrees": agree[1],
            }
        )


def _difficulty_rows() -> Iterator[dict[str, Any]]:
    """Two tasks at two sizes; the groups of one have no known chance level."""
    key = {"family": "ladder", "source": "replica", "variant": "zero-shot", "protocol": "official"}
    key |= {"modified": "", "metric": "accuracy", "n": 60}
    key |= {"all_items": 0.5, "all_low": 0.45, "all_high": 0.55}
    others = {"same models": "the same models", "cross-fitted": "other training runs"}
    gaps = {"hardest": -0.3, "middle": 0.0, "easiest": 0.3}
    for task, chance in (("neqa", 0.5), ("sig-figs", math.nan)):
        for grouping, difficulty_from in others.items():
            share = 1.0 if grouping == "same models" else 0.2
            for (group, gap), parameters in itertools.product(gaps.items(), (1000, 8000)):
                yield key | {
                    **{"task": task, "chance": chance, "grouping": grouping, "group": group},
                    **{"difficulty_from": difficulty_from, "size": f"{parameters // 1000}k"},
                    **{"parameters": parameters, "training_flops": 2.4e7 * parameters},
                    **{"value": 0.5 + share * gap, "low": 0.4 + share * gap},
                    **{"high": 0.6 + share * gap, "gap": share * gap, "equivalent": "flat"},
                    "gap_share": share if gap and share < 1 else math.nan,
                }


def onset_rows() -> Iterator[dict[str, Any]]:
    """Two tasks at three frequencies: the rarer, the later the end; and how the onsets move."""
    key = {"source": "replica", "variant": "zero-shot", "protocol": "official"}
    for task in ("neqa", "memo-trap"):
        about = key | {"kind": "onset", "task": task}
        for share, end in ((0.05, 4e5), (0.1, 1e5), (0.4, 2e4)):
            own = about | {"family": f"true-{share}", "true_frequency": share, "draws_with": 1.0}
            places = {"distractor": 2e3, "true task": end / 2, "end of the valley": end}
            for name, value in places.items():
                ends = {"low": value / 1.5, "high": min(value * 1.5, 4e5)}
                side = "beyond the largest" if value == 4e5 else ""
                yield own | ends | {"onset": name, "value": value, "outside": side}
        if task == "memo-trap":
            own = about | {"family": "true-0.9", "true_frequency": 0.9, "outside": "no valley"}
            for name in places:
                yield own | {"onset": name, "draws_with": 0.1}
    for task in ("neqa", "memo-trap", "mean over tasks"):
        for name, slope in {
            "distractor": 0.0,
            "true task": -0.4,
            "end of the valley": -0.4,
        }.items():
            ends = {"value": slope, "low": slope - 0.1, "high": slope + 0.1, "draws_with": 1.0}
            said = {"kind": "slope", "task": task, "onset": name, "outcome": "as expected"}
            yield key | said | ends


def evidence(measured: pd.DataFrame, judged: pd.DataFrame, theirs: pd.DataFrame) -> dict[str, Any]:
    """Invent ``evidence.json`` for metrics, shapes and published series: fits are fits of a kind.

    Every statement that a curve can carry occurs on some curve, and what depends on the number of
    sizes is there from as many sizes on.
    """
    ours = measured[(measured["model"] == "") & measured["metric"].isin(tables.PRIMARY)]
    points = pd.concat([ours, tables.published_curves(theirs)], ignore_index=True)
    keys = ["family", "source", "task", "variant"]
    curves = {key: rows for key, rows in points.groupby(keys)}
    made = []
    for _, row in judged.iterrows():
        rows = curves[tuple(row[keys])]
        rows = rows.iloc[tables.scale(rows).argsort(kind="stable")]
        made.append(_evidence(row, rows[rows["metric"] == row["metric"]]))
    return {"version": 2, "curves": made}


ALL_SHAPES = ("flat", "positive", "inverse", "U-shaped", "inverted-U", "any")


def _known_list(values: Any) -> list[float | None]:
    return [None if pd.isna(value) else float(value) for value in values]


def _evidence(row: pd.Series, points: pd.DataFrame) -> dict[str, Any]:
    about = {name: str(row[name]) for name in ABOUT}
    rng = np.random.default_rng(zlib.crc32("/".join(about.values()).encode()))
    at = tables.scale(points).to_numpy(dtype=float)
    values = points["value"].to_numpy(dtype=float)
    sign = -1.0 if row["metric"] in tables.LOSSES else 1.0
    heights = sign * values
    known = bool(points["low"].notna().all())
    sizes = [str(size) for size in points["size"]]
    chance = points["chance"].iloc[0]
    share = row["metric"] == "accuracy"
    items = None if math.isnan(row["n"]) else int(row["n"])
    made: dict[str, Any] = {
        "about": about,
        "unit": "share" if share else "nats",
        "scale": tables.axis_of(points),
        "sizes": sizes,
        "at": at.tolist(),
        "values": values.tolist(),
        "low": _known_list(points["low"]),
        "high": _known_list(points["high"]),
        "chance": None if math.isnan(chance) else float(chance),
        "n": items,
        "trials": [items * 1.0] * len(at) if share and items else None,
        "seeds": [2] * len(at) if about["source"] != "published" else None,
        "sampling": "none"
        if not known
        else "counts"
        if about["source"] == "published"
        else "items",
        "clusters": 12 if about["task"] == "redefine" else 0,
        "run_noise": _run_noise(about["source"], share),
        "overdispersion": [0.03, 0.01, 0.09] if len(sizes) >= 8 else None,
    }
    empty = ("verdict", "two_lines", "lind_mehlum", "valley", "mechanism", "broken", "prediction")
    made |= dict.fromkeys(empty) | {"shapes": [], "neighbours": [], "parts": []}
    if len(sizes) == 1:
        return made
    fits = {shape: _fit(shape, heights) for shape in ALL_SHAPES}
    made["shapes"] = _weighed(fits, heights, 0.02 if share else 0.1)
    for fit in made["shapes"]:
        fit["values"] = [sign * height for height in fit["values"]]
    said = max(made["shapes"], key=lambda fit: float(fit["weight"]))["shape"]
    said = {"any": "irregular"}.get(said, said) if known else "undetermined"
    made["verdict"] = _verdict_of(row, said, known, rng)
    made["valley"] = _valley_of(sizes, heights, rng) if known else None
    if known:
        made["neighbours"] = _steps(sizes, heights, rng)
        made["prediction"] = _predictions(heights)
    if known and len(sizes) > 3:
        x = np.log10(at)
        made["two_lines"] = {"break": float(x[1]), "slope_left": -1.0, "slope_right": 1.0}
        made["two_lines"] |= {"p_left": 0.01, "p_right": 0.2, "p_u": 0.2, "p_inverted_u": 0.9}
        made["lind_mehlum"] = {"slope_low": -1.0, "slope_high": 0.5, "inside": True}
        made["lind_mehlum"] |= {"p_u": 0.04, "p_inverted_u": 0.9}
        made["lind_mehlum"] |= {"extremum": [float(x[1]), None, None]}
        made["mechanism"] = _mechanism(x, said, share)
        made["broken"] = _broken(x, heights)
    if about["task"] == "neqa":
        made["parts"] = [{"part": p, "n": 60, "equivalent": shape} for p, shape in PART_SHAPES]
    return made


def _run_noise(source: str, share: bool) -> dict[str, Any]:
    """Estimated for our own curves; borrowed for published shares, unknown for other metrics."""
    if source != "published":
        return {"source": "estimated", "study": "", "sd": 0.04, "degrees": 6.0}
    if share:
        return {"source": "borrowed", "study": "two-choice", "sd": 0.032, "degrees": None}
    return {"source": "unknown", "study": "two-choice", "sd": 0.0, "degrees": None}


ABOUT = ("family", "source", "task", "variant", "protocol", "modified", "metric")
PART_SHAPES = ((1, "U-shaped"), (2, "inverse"))


def _fit(shape: str, heights: np.ndarray) -> np.ndarray:
    """The nearest curve of a shape, by least squares."""
    if shape == "flat":
        return np.full_like(heights, heights.mean())
    if shape == "any":
        return heights
    if shape in ("inverse", "inverted-U"):
        mirror = {"inverse": "positive", "inverted-U": "U-shaped"}[shape]
        return -_fit(mirror, -heights)
    if shape == "positive":
        return np.asarray(isotonic_regression(heights).x)
    made = [
        np.concatenate(
            [-isotonic_regression(-heights[:cut]).x, isotonic_regression(heights[cut:]).x]
        )
        for cut in range(1, len(heights))
    ]
    return min(made, key=lambda fit: float(((fit - heights) ** 2).sum()))


def _weighed(
    fits: dict[str, np.ndarray], heights: np.ndarray, error: float
) -> list[dict[str, Any]]:
    penalties = {"flat": 1.0, "positive": 2.0, "inverse": 2.0, "any": float(len(heights))}
    rows = []
    for shape, fit in fits.items():
        likelihood = -float(((fit - heights) ** 2).sum()) / (2 * error**2)
        penalty = penalties.get(shape, 3.0)
        row = {"shape": shape, "log_likelihood": likelihood, "penalty": penalty}
        rows.append(row | {"criterion": 2 * (penalty - likelihood), "values": fit.tolist()})
    least = min(row["criterion"] for row in rows)
    total = sum(math.exp((least - row["criterion"]) / 2) for row in rows)
    return [row | {"weight": math.exp((least - row["criterion"]) / 2) / total} for row in rows]


def _verdict_of(row: pd.Series, said: str, known: bool, rng: np.random.Generator) -> dict[str, Any]:
    names = ("p_u", "p_inverted_u", "p_misfit", "p_rise", "p_fall", "p_change", "q_u", "q_change")
    p = {name: float(rng.uniform() ** 3) if known else None for name in names}
    shares = {shape: float(row[column]) for shape, column in tables.PROBABILITY.items()}
    because = f"a made-up reason to say {said}"
    return p | {
        "statistical": said,
        "these_models": said,
        "tipping_point": None if said == "undetermined" else float(rng.uniform(0.01, 0.1)),
        "literal": row["literal"],
        "equivalent": row["equivalent"],
        "because": because if known else "means without counts cannot be tested",
        "probabilities": {s: None if math.isnan(v) else v for s, v in shares.items()},
        "notes": [flag for flag in str(row["flags"]).split(";") if flag],
    }


def _valley_of(sizes: list[str], heights: np.ndarray, rng: np.random.Generator) -> dict[str, Any]:
    place = int(np.argmin(heights))
    drop = float(heights[: place + 1].max() - heights[place])
    rise = float(heights[-1] - heights[place])
    recovery = rise / drop if drop else None
    return {
        "at": sizes[place],
        "sizes": sizes[max(0, place - int(rng.integers(2))) : place + 1],
        "depth": [drop, 0.9 * drop, 1.1 * drop],
        "rise": [rise, 0.9 * rise, 1.1 * rise],
        "recovery": [recovery, *((0.8 * recovery, None) if recovery else (None, None))],
    }


def _steps(sizes: list[str], heights: np.ndarray, rng: np.random.Generator) -> list[dict[str, Any]]:
    rows = []
    for first in range(len(sizes) - 1):
        step = float(heights[first + 1] - heights[first])
        p = float(rng.uniform() ** 3)
        row = {"from": sizes[first], "to": sizes[first + 1], "difference": step, "p": p}
        rows.append(row | {"low": step - 0.05, "high": step + 0.05, "test": "mcnemar"})
        rows[-1]["p_holm"] = min(1.0, p * (len(sizes) - 1))
    return rows


def _predictions(heights: np.ndarray) -> list[dict[str, Any]]:
    told = {"predicted": float(heights[-2]), "observed": float(heights[-1])}
    told |= {"error": float(heights[-2] - heights[-1]), "low": None, "high": None}
    spread = {"low": float(heights[-2]) - 0.1, "high": float(heights[-2]) + 0.1}
    return [{"method": "last value"} | told, {"method": "mechanism"} | told | spread]


def _mechanism(x: np.ndarray, said: str, share: bool) -> dict[str, Any] | None:
    if not share:
        return None
    if said != "U-shaped":
        reason = "no fall that a distractor would explain"
        return {"identifiable": False, "reason": reason, "parameters": {}, "curve": None}
    grid = np.linspace(x[0], x[-1] + 1, 50)
    middle = (x[0] + x[-1]) / 2
    true = 1 / (1 + np.exp(-(grid - middle - 0.5) / 0.3))
    false = 1 / (1 + np.exp(-(grid - middle + 0.7) / 0.2))
    names = ("baseline", "true_onset", "true_width", "distractor_onset", "distractor_width")
    guesses = (0.5, middle + 0.5, 0.3, middle - 0.7, 0.2)
    return {
        "identifiable": True,
        "reason": "",
        "parameters": {n: [g, 0.95 * g, 1.05 * g] for n, g in zip(names, guesses, strict=True)},
        "gap": [1.2, 0.9, 1.6],
        "back_at": None,
        "deviance": 3.4,
        "degrees": 3,
        "misfit_p": 0.33,
        "curve": {
            "x": grid.tolist(),
            "accuracy": (true + (1 - true) * (1 - false) * 0.5).tolist(),
            "true": true.tolist(),
            "distractor": false.tolist(),
        },
    }


def _broken(x: np.ndarray, heights: np.ndarray) -> dict[str, Any] | None:
    if len(x) < 7:
        return {"reason": "fewer than seven sizes", "parameters": None, "curve": None}
    grid = np.linspace(x[0], x[-1], 50)
    fit = np.polyval(np.polyfit(x - x[0], heights, 2), grid - x[0])
    parameters = dict.fromkeys(("a", "b", "c0", "c1", "d1", "f1"), 0.1234)
    return {
        "parameters": parameters,
        "error": 0.03,
        "curve": {"x": grid.tolist(), "value": fit.tolist()},
    }


def power() -> pd.DataFrame:
    """Invent ``power.csv``; with few items no fall is enough."""
    rows = [
        (
            family,
            sizes,
            n,
            0.032,
            ratio,
            math.nan if n < 200 else 2.5 / math.sqrt(n * sizes * len(family)) / ratio,
            0.8,
        )
        for family, sizes in (("PaLM", 4), ("Pythia", 8), ("ladder", 8))
        for n in (100, 300, 1000, 10_000)
        for ratio in (1 / 3, 1.0)
    ]
    names = ["family", "sizes", "n", "run_noise", "ratio", "dip", "probability"]
    return pd.DataFrame(rows, columns=names)


def published() -> pd.DataFrame:
    """A small ``series.csv``: PaLM as published, a made-up Gopher, and the chance level."""
    rows = []
    scale = {"1B": (1e9, 2.4e20), "8B": (8e9, 3.7e22), "62B": (6.2e10, 2.9e23)}
    scale["540B"] = (5.4e11, 2.53e24)
    for series, shift in (("PaLM", 0.0), ("Gopher", 0.05)):
        for task, values in PALM.items():
            for (size, (parameters, flops)), value in zip(scale.items(), values, strict=True):
                rows.append((series, size, parameters, flops, task, value + shift))
    rows.append(("chance", "", math.nan, math.nan, "ten-task-average", 0.4894))
    names = ["series", "size", "parameters", "training_flops", "task", "value"]
    table = pd.DataFrame(rows, columns=names)
    return table.assign(
        plotted_size=table["size"],
        metric="accuracy",
        k=math.nan,
        n=math.nan,
        protocol="official",
        source="invented",
    )


def write_tables(folder: Path, measured: pd.DataFrame) -> None:
    """Write the tables that figures and page are made from."""
    folder.mkdir(parents=True, exist_ok=True)
    judged = shapes(measured)
    made = {"metrics": measured, "shapes": judged, "published": published()}
    protocols(measured, judged).to_csv(folder / "protocols.csv", index=False)
    told = evidence(measured, judged, made["published"])
    (folder / "evidence.json").write_text(json.dumps(told, allow_nan=False))
    power().to_csv(folder / "power.csv", index=False)
    write_questions(folder)
    for name, table in made.items():
        table.to_csv(folder / f"{name}.csv", index=False)


SCRIPTS = Path(__file__).parents[2] / "scripts"
LITERATURE = Path(__file__).parents[2] / "literature"


SETTINGS = ("--recovery", 1 / 3, "--equivalence", 0.02, "--draws", 50, "--seed", 0)
RUN_NOISE = ("--run-noise", "two-choice", "--run-noise-table", LITERATURE / "run_noise.csv")


def write_literature(folder: Path, figures: Sequence[str] = ()) -> Path:
    """Run the steps of ``snakemake figures`` on the real numbers; return the folder."""
    series = ("--published", LITERATURE / "series.csv")
    labels = ("--labels", LITERATURE / "labels.csv")
    products = ("--output", folder / "shapes.csv", "--evidence", folder / "evidence.json")
    _run("shapes", *series, *labels, *SETTINGS, *RUN_NOISE, *products)
    _run(
        "published_tables",
        *("--series", LITERATURE / "series.csv", "--humans", LITERATURE / "humans.csv"),
        *("--shapes", folder / "shapes.csv", "--output", folder / "tables"),
        *("--tasks", *(LITERATURE.parent / f"tasks/{task}/task.yaml" for task in sorted(TASKS))),
    )
    if figures:
        made = folder.with_name(f"{folder.name}-figures")
        options = ("--literature", LITERATURE, "--store", made / "store", "--results", made)
        _run("figures", *figures, *options)
        shutil.move(made / "published" / "figures", folder / "figures")
    return folder


def write_axes(folder: Path, measured: pd.DataFrame, *axes: str) -> None:
    """Ask for axes in written results, and judge the invented answers along them."""
    values, items = answers(measured[measured["task"] != tables.AVERAGE])
    values.to_csv(folder / "of-answers.csv", index=False)
    schema = parquet.ITEMS
    table = pa.Table.from_pandas(items).select(schema.names).cast(schema)
    pq.write_table(table, folder / "of-answers.parquet")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"axes": list(axes)}))
    for axis in axes:
        own = folder / "axes" / axis
        given = ("--metrics", folder / "of-answers.csv", "--items", folder / "of-answers.parquet")
        made = ("--metrics", own / "metrics.csv", "--items", own / "items.parquet")
        more = ("--regrouped-items", made[3], "--left-out", own / "left-out.csv")
        _run("axes", axis, *given, "--output", made[1], *more)
        judged = ("--output", own / "shapes.csv", "--evidence", own / "evidence.json")
        _run("shapes", "--axis", axis, *made, *SETTINGS, *RUN_NOISE, *judged)


def _run(step: str, *words: object) -> None:
    subprocess.run([sys.executable, SCRIPTS / f"{step}.py", *map(str, words)], check=True)


PROMPT = "Question: Which of these is <b>not</b> a bird?\nA. wren\nB. spade\nAnswer:"


def write_inputs(
    folder: Path, measured: pd.DataFrame, prompt: str = PROMPT, title: str = "A title"
) -> None:
    """Write what the page needs beside tables and figures."""
    for (source, task, variant), _ in measured.groupby(["source", "task", "variant"]):
        if task != tables.AVERAGE:
            _write_prompts(folder / "prompts" / str(source), str(task), str(variant), prompt)
            _write_task(folder / "tasks" / str(task), str(task), title)
    for model, rows in measured[measured["model"] != ""].groupby("model"):
        _write_model(folder / "models" / str(model), str(model), rows.iloc[0])
    tasks = sorted(set(measured["task"]) - {tables.AVERAGE})
    config = {
        "source": "replica",
        "shapes": {"equivalence": 0.02, "recovery": 1 / 3, "draws": 1000},
        "ladder": {
            "seeds": [0, 1, 2],
            "corpus": {
                "characters_per_task": 350_000,
                "true_frequency": 0.25,
                "demonstrated": 0.15,
                "worked": 0.2,
                "background": 0.125,
                "tasks": {tasks[0]: {"true_frequency": 0.05}},
            },
        },
    }
    provenance = {
        "commit": "0123456789abcdef0123456789abcdef01234567",
        "dirty": True,
        "config_digest": "f" * 64,
        "python": "3.11.7",
        "packages": {"torch": "2.13.0", "numpy": "2.4.6"},
        "hardware": {"cpu": "a processor", "cores": 2, "memory_gib": 23.4, "gpu": None},
        "items": [
            {"source": "own", "task": tasks[0], "file": "mine.jsonl"}
            | {"rows": 1234, "bytes": 98765, "sha256": "ab" * 32}
        ],
        "note": "a key that nobody expects",
    }
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "provenance.json").write_text(json.dumps(provenance))
    _write_benchmarks(folder / "benchmarks", measured)
    for model in sorted(set(measured["model"]) - {""}):
        write_made(folder / "scores", model)


def _write_prompts(folder: Path, task: str, variant: str, prompt: str) -> None:
    path = folder / task / f"{variant}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    loss = task == "prompt-injection"
    row: dict[str, list[Any]] = {
        "item": [0, 1],
        "prompt": [prompt, "another"],
        "other_prompt": pa.array([None, None], pa.string()),
        "classes": [[" Repeat this."]] * 2 if loss else [[" A", " B"]] * 2,
        "answer_index": [0, 0] if loss else [1, 0],
        "distractor_index": [None, None] if loss else [0, 1],
        "part": [1, 1],
        "protocol": [PROTOCOLS.get(variant, "modified")] * 2,
        "modified": ["" if variant in PROTOCOLS else "our own demonstrations"] * 2,
        "chain": [variant == "cot"] * 2,
        "generated": [False] * 2,
        "think": [None] * 2,
        "answer_after": [" So the answer is" if variant == "cot" else None] * 2,
    }
    pq.write_table(pa.table(row), path)


def _write_task(folder: Path, task: str, title: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    loss = task == "prompt-injection"
    facts = {
        "title": title if title != "A title" else task.replace("-", " ").capitalize(),
        "schema": "sequence-probability" if loss else "classification",
        "metric": "sequence-loss" if loss else "accuracy",
        "balanced": True,
        "round": 1,
        "true_task": "answer the question as it is put",
        "distractor_task": "answer the question as it is usually put",
        "chain": {"answer_after": " So the answer is", "stop": ["\n"]},
    }
    (folder / "task.yaml").write_text(yaml.safe_dump(facts))
    (folder / "replica.py").touch()


def _known(number: float) -> float | None:
    return None if math.isnan(number) else float(number)


def _write_model(folder: Path, model: str, row: pd.Series) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    facts = {
        "model": model,
        "family": row["family"],
        "size": row["size"],
        "seed": int(row["seed"]),
        "parameters": int(row["parameters"]),
        "non_embedding_parameters": int(row["non_embedding_parameters"]),
        "training_tokens": _known(row["training_tokens"]),
        "training_flops": _known(row["training_flops"]),
        "flops_source": "counted",
        "fingerprint": f"{zlib.crc32(model.encode()):08x}" * 8,
    }
    (folder / "model.json").write_text(json.dumps(facts))


def _write_benchmarks(folder: Path, measured: pd.DataFrame) -> None:
    header = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n"
    row = "{}\t0:00:12\t{}\t1\t1\t1\t0\t0\t97\t{}\n"
    for model in sorted(set(measured["model"]) - {""}):
        path = folder / f"models/{model}.tsv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(header + row.format("12.5", "410.2", "12.1"))
        write_scoring(folder, model, items=900)
    (folder / "metrics.tsv").write_text(header + row.format("0.4", "NA", "-"))


def write_scoring(folder: Path, model: str, **changed: Any) -> None:
    """Write what scoring records of itself: first what Snakemake would, then its own columns."""
    told = {"s": 12.5, "max_rss": 410.2, "io_in": 0, "io_out": 0, "mean_load": 97, "cpu_time": 12.1}
    told |= {"items": 0, "items_kept": 300, "scoring_s": 8.25, "computed_tokens": 30_000}
    told |= {"total_tokens": 120_000, "tokens_per_s": 14_545.5, "model_flop_utilisation": 0.4567}
    told |= {"matrix_gflops": 88.1} | changed
    path = folder / f"scores/{model}.tsv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\t".join(told) + "\n" + "\t".join(map(str, told.values())) + "\n")


MADE = {
    "dtype": "float32",
    "bos": "default",
    "begins_with": ["<|endoftext|>"],
    "prefixes_shared": True,
    "engine": "3",
}


def write_made(folder: Path, model: str, **changed: Any) -> None:
    """Write a file of scores that holds nothing but how it was made."""
    path = folder / model / "replica/neqa/zero-shot.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    schema = pa.schema([("item", pa.int64())], {"made": json.dumps(MADE | changed)})
    pq.write_table(schema.empty_table(), path)
