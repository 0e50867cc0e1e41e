"""Error rates of the verdict on simulated curves whose sizes differ from run to run.

    python benchmarks/calibration/run_noise.py [--curves 1000]

Every size has the accuracy of its truth plus normal run-to-run noise, equal at all sizes. Prints
Markdown tables: false U's with noise that is ignored, known, estimated from two and three runs, and
borrowed wrongly by a factor of two; power; and the coverage of the interval of overdispersion.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import product

import numpy as np

from ushaped.metrics.intervals import generator
from ushaped.shapes.conclude import judge
from ushaped.shapes.power import u_curve
from ushaped.shapes.rules import Floats, Rule
from ushaped.shapes.run_noise import BORROWED, RunNoise, estimate_run_noise, with_run_noise
from ushaped.shapes.sample import Sample, from_counts, from_items
from ushaped.shapes.stability import overdispersion
from ushaped.terms import U_SHAPED

RULE = Rule.published_equivalent()
# Draws for each test of a single curve.
DRAWS = 500

SIZES, ITEMS, NOISES, RUNS = (4, 6, 8), (300, 1000, 5000), (0.01, 0.03, 0.05), (2, 3)
# False U's may be no more frequent.
LIMIT = 0.05
NO_U = {
    "flat 0.5": lambda sizes: np.full(sizes, 0.5),
    "inverse, even": lambda sizes: np.linspace(0.7, 0.4, sizes),
    "inverse, falls half-way": lambda sizes: np.where(np.arange(sizes) < sizes / 2, 0.6, 0.3),
    "inverse, falls at once to 10 %": lambda sizes: np.array([0.6, *[0.1] * (sizes - 1)]),
    "positive, rises at last": lambda sizes: np.array([*[0.4] * (sizes - 1), 0.9]),
}
DIPS = (0.1, 0.2, 0.3)


def main() -> None:
    """Simulate and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--curves", type=int, default=1000, help="for each cell (default 1000)")
    curves = parser.parse_args().curves
    points = [f"± {100 * noise:g}" for noise in NOISES]
    with ProcessPoolExecutor() as pool:
        print(f"{curves} curves for each cell; noise in points of accuracy.\n")
        print("### False U's: noise ignored, and noise known\n")
        head = [f"ignored, {p}" for p in points] + [f"known, {p}" for p in points]
        truths = list(product(NO_U, SIZES, ITEMS))
        rows = table("truth, sizes, items", head, pool.map(known, [(*t, curves) for t in truths]))
        again = [
            (*truth, noise, 1)
            for truth, (_, cells) in zip(truths, rows, strict=True)
            for noise, share in zip(NOISES, cells[len(NOISES) :], strict=True)
            if share > LIMIT
        ]
        print("\n### False U's: noise estimated from runs of each size\n")
        head = [f"{runs} runs, {p}" for runs in RUNS for p in points]
        truths = list(product(NO_U, SIZES, ITEMS[:2]))
        rows = table(
            "truth, sizes, items", head, pool.map(estimated, [(*t, curves) for t in truths])
        )
        again += [
            (*truth, noise, runs)
            for truth, (_, cells) in zip(truths, rows, strict=True)
            for (runs, noise), share in zip(product(RUNS, NOISES), cells, strict=True)
            if share > LIMIT
        ]
        print(f"\n### The cells above {percent(LIMIT)}, again with ten times as many curves\n")
        jobs = [(*cell, 10 * curves) for cell in again]
        table("truth, sizes, items, noise, runs", ["false U's"], pool.map(repeated, jobs))
        print("\n### False U's: noise of ± 3 points, borrowed\n")
        head = ["as half of it", "right", "as twice as much"]
        truths = list(product(NO_U, SIZES, ITEMS))
        table("truth, sizes, items", head, pool.map(borrowed, [(*t, curves) for t in truths]))
        print("\n### Power: U's that fall and rise by as much, noise known\n")
        head = ["no noise", *points]
        dips = list(product(DIPS, SIZES, ITEMS))
        table("dip, sizes, items", head, pool.map(power, [(*d, curves) for d in dips]))
        print("\n### Overdispersion: coverage of its 95 % interval, and its median\n")
        head = [f"{what}, {p}" for p in ["no noise", *points] for what in ("covered", "median")]
        truths = list(product(list(NO_U)[:1], (8, 12), ITEMS[:2]))
        table("truth, sizes, items", head, pool.map(scatter, [(*t, curves // 4) for t in truths]))


def table(
    first: str, head: Sequence[str], rows: Iterable[tuple[str, list[float]]]
) -> list[tuple[str, list[float]]]:
    """Print a Markdown table of shares as they come, and return them."""
    print(f"| {first} | {' | '.join(head)} |\n|{'---|' * (len(head) + 1)}")
    printed = []
    for what, cells in rows:
        print(f"| {what} | {' | '.join(map(percent, cells))} |", flush=True)
        printed.append((what, cells))
    return printed


def known(job: tuple[str, int, int, int]) -> tuple[str, list[float]]:
    """False U's with the noise ignored, and with its true size."""
    name, sizes, n, curves = job
    truth = NO_U[name](sizes)
    ignored = [called_u(truth, n, noise, 0.0, curves) for noise in NOISES]
    taken = [called_u(truth, n, noise, noise, curves) for noise in NOISES]
    return f"{name}, {sizes}, {n:,}", [*ignored, *taken]


def repeated(job: tuple[str, int, int, float, int, int]) -> tuple[str, list[float]]:
    """False U's of one cell, with other random numbers; one run: its noise is known."""
    name, sizes, n, noise, runs, curves = job
    truth = NO_U[name](sizes)
    if runs == 1:
        share = called_u(truth, n, noise, noise, curves, seed=1)
    else:
        share = called_u_by_runs(truth, n, noise, runs, curves, seed=1)
    return f"{name}, {sizes}, {n:,}, ± {100 * noise:g}, {runs}", [share]


def borrowed(job: tuple[str, int, int, int]) -> tuple[str, list[float]]:
    """False U's with noise of 3 points that is taken as 1.5, 3 and 6."""
    name, sizes, n, curves = job
    truth = NO_U[name](sizes)
    shares = [called_u(truth, n, 0.03, taken, curves) for taken in (0.015, 0.03, 0.06)]
    return f"{name}, {sizes}, {n:,}", shares


def power(job: tuple[float, int, int, int]) -> tuple[str, list[float]]:
    """How often a U is called one."""
    dip, sizes, n, curves = job
    truth = u_curve(np.arange(sizes, dtype=float), dip, 1.0)
    shares = [called_u(truth, n, noise, noise, curves) for noise in (0.0, *NOISES)]
    return f"{100 * dip:g} points, {sizes}, {n:,}", shares


def called_u(
    truth: Floats, n: int, noise: float, taken: float, curves: int, seed: int = 0
) -> float:
    """Share of curves that are called U-shaped; ``taken`` is the noise that the verdict has."""
    rng = generator(seed, "run noise", str(truth.tolist()), str((n, noise)))
    one = np.ones(len(truth), np.int64)
    called = 0
    for _ in range(curves):
        sample = with_run_noise(counted(truth, n, noise, rng), RunNoise(BORROWED, taken), one)
        called += judge(sample, RULE, DRAWS, rng).conclusion.shape == U_SHAPED
    return called / curves


def counted(truth: Floats, n: int, noise: float, rng: np.random.Generator) -> Sample:
    """Sample of one run of each size on independent items."""
    shares = (truth + noise * rng.standard_normal(len(truth))).clip(0, 1)
    return from_counts(rng.binomial(n, shares), np.full(len(truth), n))


def estimated(job: tuple[str, int, int, int]) -> tuple[str, list[float]]:
    """False U's with the noise that two and three runs of each size show."""
    name, sizes, n, curves = job
    truth = NO_U[name](sizes)
    cells = [
        called_u_by_runs(truth, n, noise, runs, curves) for runs, noise in product(RUNS, NOISES)
    ]
    return f"{name}, {sizes}, {n:,}", cells


def called_u_by_runs(
    truth: Floats, n: int, noise: float, runs: int, curves: int, seed: int = 0
) -> float:
    """Share of curves of several runs that the verdict calls U-shaped."""
    rng = generator(seed, "run noise", str(truth.tolist()), str((n, noise, runs)))
    members = np.arange(len(truth) * runs).reshape(-1, runs).tolist()
    called = 0
    for _ in range(curves):
        level = np.repeat(truth, runs) + noise * rng.standard_normal(len(truth) * runs)
        values = (rng.random((len(level), n)) < level[:, None]).astype(np.float64)
        sample, found = (
            from_items(values, members, None, True),
            estimate_run_noise(values, members, True),
        )
        assert sample is not None
        assert found is not None
        trained = with_run_noise(sample, found, np.full(len(truth), runs))
        called += judge(trained, RULE, DRAWS, rng).conclusion.shape == U_SHAPED
    return called / curves


def scatter(job: tuple[str, int, int, int]) -> tuple[str, list[float]]:
    """Coverage of the interval of overdispersion, and the median estimate."""
    name, sizes, n, curves = job
    truth = NO_U[name](sizes)
    cells: list[float] = []
    for noise in (0.0, *NOISES):
        rng = generator(0, "overdispersion", name, str((sizes, n, noise)))
        found = []
        for _ in range(curves):
            estimate = overdispersion(counted(truth, n, noise, rng), np.ones(sizes, np.int64), rng)
            assert estimate is not None
            found.append(estimate)
        covered = np.mean([low <= noise <= high for _, low, high in found])
        cells += [float(covered), float(np.median([value for value, *_ in found]))]
    return f"{name}, {sizes}, {n:,}", cells


def percent(share: float) -> str:
    """Write a share."""
    return f"{100 * share:.1f} %"


if __name__ == "__main__":
    main()
