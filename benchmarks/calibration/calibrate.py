"""Error rates of the verdict on simulated curves of known shape.

    python benchmarks/calibration/calibrate.py [--curves 1000]

Prints Markdown tables: frequencies of the verdicts with independent items, with correlated items,
and with training seeds that differ; for PaLM's effect sizes; false positives of two tests of the
literature beside ours; coverage of the intervals of the valley and of the mechanism.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import expit, logit

from ushaped.metrics.intervals import generator
from ushaped.shapes.bootstrap import binomial_resamples
from ushaped.shapes.conclude import judge
from ushaped.shapes.hypothesis_tests.lines import lind_mehlum, two_lines
from ushaped.shapes.hypothesis_tests.significance import NullDistributions, p_values_of
from ushaped.shapes.laws.mechanism import fit_mechanism
from ushaped.shapes.power import shares_of_verdicts
from ushaped.shapes.read import read_published
from ushaped.shapes.rules import Floats, Ints, Rule, valley
from ushaped.shapes.run_noise import NO_NOISE, estimate_run_noise, with_run_noise
from ushaped.shapes.sample import from_counts, from_items
from ushaped.shapes.valley_estimate import estimate_valley
from ushaped.terms import STATISTICAL_SHAPES, U_SHAPED

PUBLISHED = Path(__file__).resolve().parents[2] / "literature" / "series.csv"
RULE = Rule.published_equivalent()
ITEMS = 300
# False U's may be no more frequent.
LIMIT = 0.05
# Draws from the null distributions: shared by all curves of a row, and of each curve.
NULL_DRAWS = 10_000
OWN_DRAWS = 500

# Truths without a U: the probability of a right answer at every size.
NO_U = {
    "flat 0.5": lambda sizes: np.full(sizes, 0.5),
    "flat 0.25": lambda sizes: np.full(sizes, 0.25),
    "flat 0.02": lambda sizes: np.full(sizes, 0.02),
    "inverse, even": lambda sizes: np.linspace(0.7, 0.4, sizes),
    "inverse, slight": lambda sizes: np.linspace(0.52, 0.48, sizes),
    "inverse, falls at once": lambda sizes: np.array([0.6, *[0.3] * (sizes - 1)]),
    "inverse, falls half-way": lambda sizes: np.where(np.arange(sizes) < sizes / 2, 0.6, 0.3),
    "inverse, falls at last": lambda sizes: np.array([*[0.6] * (sizes - 1), 0.3]),
    "inverse, to nothing": lambda sizes: np.array([0.3, *[0.01] * (sizes - 1)]),
    "positive, even": lambda sizes: np.linspace(0.3, 0.8, sizes),
    "positive, rises at last": lambda sizes: np.array([*[0.4] * (sizes - 1), 0.9]),
    "positive, rises at once": lambda sizes: np.array([0.3, *[0.6] * (sizes - 1)]),
}

# Curves with a valley at one size, and two with several sizes equally low or high.
VALLEYS = {
    "4 sizes, deep": [0.467, 0.2, 0.448, 0.883],
    "4 sizes, shallow": [0.437, 0.463, 0.29, 0.4],
    "4 sizes, small recovery": [0.546, 0.335, 0.31, 0.402],
    "4 sizes, down to 1 %": [0.4, 0.03, 0.01, 0.2],
    "8 sizes": [0.6, 0.55, 0.5, 0.3, 0.22, 0.2, 0.3, 0.4],
    "8 sizes, early valley": [0.5, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 0.7],
    "8 sizes, two equally high before": [0.5, 0.5, 0.45, 0.3, 0.2, 0.25, 0.4, 0.6],
    "8 sizes, four equally low": [0.5, 0.5, 0.2, 0.2, 0.2, 0.2, 0.4, 0.6],
}


def main() -> None:
    """Simulate and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--curves", type=int, default=1000, help="for each row (default 1000)")
    curves = parser.parse_args().curves
    with ProcessPoolExecutor() as pool:
        print(f"{curves} curves for each row.\n\n### No U, {ITEMS} independent items\n")
        jobs = [(name, sizes, curves, "calibration") for sizes in (4, 8) for name in NO_U]
        again = too_many(jobs, verdict_table("truth, sizes", pool.map(no_u, jobs)))
        print("\n### No U, correlated items and training seeds\n")
        mixed = [
            (name, kind, curves, "calibration") for kind in DEPENDENT for name in DEPENDENT_TRUTHS
        ]
        repeat = too_many(mixed, verdict_table("truth, sampling", pool.map(dependent, mixed)))
        print(f"\n### The rows above {100 * LIMIT:g} %, again with ten times as many curves\n")
        verdict_table("truth", [*pool.map(no_u, again), *pool.map(dependent, repeat)])
        print("\n### PaLM's shares as truths\n")
        verdict_table("task, items", pool.map(palm, palm_jobs(curves)))
        print("\n### False U's of each test at 5 %\n")
        print("| truth, sizes | ours, any U | two lines | Lind-Mehlum |\n|---|---|---|---|")
        for row in pool.map(classical_tests, jobs):
            print(row, flush=True)
        print("\n### Coverage of 95 % intervals of the valley\n")
        print("| curve, items | depth | rise | recovery | set contains the valley | sizes in it |")
        print("|---|---|---|---|---|---|")
        valleys = [(name, n, curves) for name in VALLEYS for n in (300, 2000)]
        for row in pool.map(coverage, valleys):
            print(row, flush=True)
        print("\n### Coverage of 95 % intervals of the mechanism, where identifiable\n")
        columns = ["distractor onset", "true onset", "gap", "back at", "identifiable"]
        print(f"| truth, sizes, items | {' | '.join(columns)} |\n|{'---|' * 6}")
        truths = [(*truth, curves) for truth in MECHANISMS]
        for row in pool.map(mechanism, truths):
            print(row, flush=True)


def too_many(
    jobs: Sequence[tuple[Any, ...]], rows: list[tuple[str, dict[str, float]]]
) -> list[Any]:
    """The jobs whose curves are too often called U-shaped, with ten times as many curves."""
    return [
        (*job[:-2], 10 * job[-2], "again")
        for job, (_, shares) in zip(jobs, rows, strict=True)
        if shares.get(U_SHAPED, 0.0) > LIMIT
    ]


def verdict_table(
    first: str, rows: Iterable[tuple[str, dict[str, float]]]
) -> list[tuple[str, dict[str, float]]]:
    """Print the share of each verdict, U-shaped first, and return the rows."""
    names = [U_SHAPED, *[name for name in STATISTICAL_SHAPES if name != U_SHAPED]]
    print(f"| {first} | {' | '.join(names)} |\n|{'---|' * (len(names) + 1)}")
    printed = []
    for what, shares in rows:
        cells = [f"{100 * shares.get(name, 0.0):.1f} %" for name in names]
        print(f"| {what} | {' | '.join([f'**{cells[0]}**', *cells[1:]])} |", flush=True)
        printed.append((what, shares))
    return printed


def no_u(job: tuple[str, int, int, str]) -> tuple[str, dict[str, float]]:
    """Verdicts on one of `NO_U`; the last of the job names its random numbers."""
    name, sizes, curves, stream = job
    return f"{name}, {sizes}", verdict_shares_of(NO_U[name](sizes), ITEMS, curves, name, stream)


def palm_jobs(curves: int) -> list[tuple[str, Floats, int, int]]:
    """PaLM's tasks with the number of items they have, and with `ITEMS`."""
    tasks = [c for c in read_published(PUBLISHED) if c.family == "PaLM" and c.right is not None]
    both = [(c.task, c.values, int(c.n or 0), curves) for c in tasks]
    return both + [(task, values, ITEMS, curves) for task, values, n, _ in both if n != ITEMS]


def palm(job: tuple[str, Floats, int, int]) -> tuple[str, dict[str, float]]:
    """Verdicts on curves drawn from PaLM's shares."""
    task, values, n, curves = job
    return f"{task}, {n:,}", verdict_shares_of(values, n, curves, task)


def verdict_shares_of(
    truth: Floats, n: int, curves: int, name: str, stream: str = "calibration"
) -> dict[str, float]:
    """Frequencies of the verdicts on curves of independent items."""
    rng = generator(0, stream, name, str(len(truth)), str(n))
    return shares_of_verdicts(truth, n, RULE, curves, NULL_DRAWS, rng)


# -- correlated items and seeds -------------------------------------------------------------------

# Items, seeds per size, spread of the seeds (logits), clusters and their spread.
DEPENDENT = {
    "128 items of unequal difficulty": (128, 1, 0.0, 0, 0.0),
    "2 seeds that agree": (128, 2, 0.0, 0, 0.0),
    "2 seeds that differ": (128, 2, 0.3, 0, 0.0),
    "2 seeds that differ much": (128, 2, 1.0, 0, 0.0),
    "3 seeds that differ": (128, 3, 0.3, 0, 0.0),
    "20 templates of 15 items": (300, 1, 0.0, 20, 1.0),
}
DEPENDENT_TRUTHS = {
    "flat": np.full(8, 0.5),
    "inverse, even": np.linspace(0.7, 0.3, 8),
    "inverse, falls at once": np.array([0.6, *[0.3] * 7]),
}


def dependent(job: tuple[str, str, int, str]) -> tuple[str, dict[str, float]]:
    """Verdicts on curves of items of unequal difficulty, common to all sizes; see `no_u`."""
    name, kind, curves, stream = job
    rng = generator(0, stream, name, kind)
    n, seeds, spread, templates, cluster_spread = DEPENDENT[kind]
    clusters = np.arange(n) % templates if templates else None
    shapes: Counter[str] = Counter()
    for _ in range(curves):
        values = answers(DEPENDENT_TRUTHS[name], n, seeds, spread, clusters, cluster_spread, rng)
        shapes[verdict_on_items(values, seeds, clusters, rng)] += 1
    return f"{name}, {kind}", {shape: count / curves for shape, count in shapes.items()}


def answers(
    truth: Floats,
    n: int,
    seeds: int,
    spread: float,
    clusters: Ints | None,
    cluster_spread: float,
    rng: np.random.Generator,
) -> Floats:
    """Answers of shape (sizes x seeds, n), those of one size side by side."""
    difficulty = rng.normal(size=n)
    if clusters is not None:
        difficulty += cluster_spread * rng.normal(size=clusters.max() + 1)[clusters]
    level = np.repeat(logit(truth), seeds) + spread * rng.normal(size=len(truth) * seeds)
    return (rng.random((len(level), n)) < expit(level[:, None] + difficulty)).astype(np.float64)


def verdict_on_items(
    values: Floats, seeds: int, clusters: Ints | None, rng: np.random.Generator
) -> str:
    """The statistical verdict on one simulated curve."""
    members = np.arange(len(values)).reshape(-1, seeds).tolist()
    sample = from_items(values, members, clusters, shares=True)
    assert sample is not None
    noise = estimate_run_noise(values, members, shares=True) or NO_NOISE
    trained = with_run_noise(sample, noise, np.full(len(members), seeds))
    return judge(trained, RULE, OWN_DRAWS, rng).conclusion.shape


# -- intervals ------------------------------------------------------------------------------------


def coverage(job: tuple[str, int, int]) -> str:
    """Coverage of the intervals of one of `VALLEYS`."""
    name, n, curves = job
    truth = np.array(VALLEYS[name])
    rng = generator(0, "calibration", name, str(n))
    true = valley(truth)
    lowest = set(np.flatnonzero(truth == truth.min()).tolist())
    covered, inside, sizes = np.zeros(3), 0, 0
    for _ in range(curves):
        right = rng.binomial(n, truth)
        sample = from_counts(right, np.full(len(truth), n))
        drawn = binomial_resamples(right, np.full(len(truth), n), 1000, rng)
        fit = estimate_valley(sample, drawn, 500, rng)
        assert fit is not None
        pairs = [(true.drop, fit.depth), (true.rise, fit.rise), (true.recovery, fit.recovery)]
        covered += [low <= value[0] <= high for value, (_, low, high) in pairs]
        inside += bool(lowest & set(fit.possible))
        sizes += len(fit.possible)
    shares = " | ".join(f"{100 * share / curves:.1f} %" for share in [*covered, inside])
    return f"| {name}, {n:,} | {shares} | {sizes / curves:.1f} of {len(truth)} |"


# -- other tests ----------------------------------------------------------------------------------


def classical_tests(job: tuple[str, int, int, str]) -> str:
    """False positives of three tests of a U, at 5 %, on one of `NO_U`."""
    name, sizes, curves, _ = job
    truth, x = NO_U[name](sizes), np.linspace(20, 24, sizes)
    n = np.full(sizes, ITEMS)
    sample = from_counts(n // 2, n)
    rng = generator(0, "calibration", "rivals", name, str(sizes))
    rows = rng.binomial(ITEMS, truth, size=(curves, sizes)) / ITEMS
    ours = [p.u for p in p_values_of(sample, rows, NullDistributions(sample, NULL_DRAWS, rng))]
    lines = [two_lines(x, row, sample.trials) for row in rows]
    curved = [lind_mehlum(x, row, sample.trials) for row in rows]
    shares = [
        np.mean([p <= 0.05 for p in ours]),
        np.mean([test is not None and test["p_u"] <= 0.05 for test in lines]),
        np.mean([test is not None and test["p_u"] <= 0.05 for test in curved]),
    ]
    return f"| {name}, {sizes} | {' | '.join(f'{100 * share:.1f} %' for share in shares)} |"


# -- the mechanism --------------------------------------------------------------------------------

# Onsets of distractor and true task, width (decades), sizes over four decades, items.
MECHANISMS = [
    (1.0, 2.5, 0.2, 8, 300),
    (1.0, 2.5, 0.2, 8, 2000),
    (1.0, 3.2, 0.3, 12, 500),
    (0.8, 1.6, 0.2, 12, 500),
    (1.0, 9.0, 0.2, 8, 300),
    (9.0, 2.5, 0.2, 8, 300),
]


def mechanism(job: tuple[float, float, float, int, int, int]) -> str:
    """Coverage of the mechanism's intervals on simulated curves."""
    distractor, true, width, sizes, n, curves = job
    x = np.linspace(0, 4, sizes)
    right, wrong = expit((x - true) / width), expit((x - distractor) / width)
    truth = right + (1 - right) * (1 - wrong) * 0.5
    fine = np.linspace(0, 7, 7001)
    later = expit((fine - true) / width)
    level = later + (1 - later) * (1 - expit((fine - distractor) / width)) * 0.5
    returned = (level >= truth[0]) & (fine > (distractor + true) / 2)
    back = float(fine[returned][0]) if returned.any() else np.inf
    rng = generator(0, "calibration", "mechanism", *map(str, job))
    covered, identifiable = np.zeros(4), 0
    for _ in range(curves):
        k = rng.binomial(n, truth)
        drawn = binomial_resamples(k, np.full(sizes, n), 500, rng)
        fit = fit_mechanism(x, k / n, np.full(sizes, n), 0.5, drawn=drawn)
        if fit.identifiable:
            identifiable += 1
            known = [
                (fit.parameters["distractor_onset"], distractor),
                (fit.parameters["true_onset"], true),
                (fit.gap, true - distractor),
                (fit.back_at, back),
            ]
            covered += [low <= value <= high for (_, low, high), value in known]
    cells = [
        f"{100 * share / identifiable:.1f} %" if identifiable >= 50 else "-" for share in covered
    ]
    what = f"D at {distractor:g}, T at {true:g}, {sizes}, {n:,}"
    return f"| {what} | {' | '.join(cells)} | {100 * identifiable / curves:.1f} % |"


if __name__ == "__main__":
    main()
