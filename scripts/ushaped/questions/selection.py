"""Was the prize a selection effect? Tasks that do not scale at all, chosen for looking inverse.

The prize chose its tasks by how inverse they looked on the models of its time; PaLM 540B came
afterwards. Whoever chooses by an extreme also chooses its noise, and the next measurement then lies
closer to the mean (Galton 1886). How many of eleven such tasks would be called U-shaped for that
reason alone?

The model, in which by construction no task gets truly worse or better with scale:

1. There are `SUBMITTED` tasks. Each is measured at the training compute of Gopher's six sizes (the
   largest series of the time, up to 280B parameters) and later at one size more, as far beyond the
   last as PaLM 540B is beyond Gopher 280B in log compute.
2. The true accuracy of a task is 0.5 (chance; binomial noise is largest there) plus a *wiggle*
   with mean 0, kept between 0 and 1. Two kinds bracket what is unknown about it:
   ``independent``: each size has its own, normal with standard deviation tau. What raised one size
   says nothing of the next, so regression to the mean is as strong as it can be.
   ``walk``: a random walk over log compute, whose steps have standard deviation tau times the root
   of their width in factors of ten. What is lost stays lost, and no step knows the one before, so
   there is no regression of the truth, only of the noise; a U is where the walk turns by itself.
3. What is measured is binomial: so many right of n items, n drawn from those of the ten accuracy
   tasks, each size anew. Sizes share their items in truth, so this is more noise than there is.
4. `SELECTED` tasks are chosen, in two ways: by ``slope`` (lowest least-squares slope of accuracy
   over log compute, as a jury that looks at the whole trend) or by ``last fall`` (deepest fall of
   the largest size below the mean of the smaller ones, which favours chance most).
5. With the size added, each chosen curve is judged by the published-equivalent rule.

Every choice but ``walk`` favours selection as the explanation: real trends would hold on.

How large tau can be is bounded by published series other than PaLM: `wiggle_bound`. And what no
selection can make is a fall in a family that was not looked at: `fresh_fall` asks how likely the
fall between PaLM's own smaller models is without any scaling.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ushaped.metrics.intervals import generator
from ushaped.questions.inputs import Inputs
from ushaped.results.text_files import Row
from ushaped.shapes.curves import Curve
from ushaped.shapes.read import read_published
from ushaped.shapes.rules import Floats, Ints, Rule, verdict, verdicts
from ushaped.terms import AVERAGE, SHAPES, U_SHAPED

SUBMITTED = 100
"""Of the order of the prize's submissions: the first of two rounds had 43 (its announcement of the
winners, irmckenzie.co.uk/round1)."""
SELECTED = 11
CHANCE_LEVEL = 0.5
REPEATS = 1000
TAUS = (0.0, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.125, 0.15, 0.2, 0.25)

INDEPENDENT, WALK = KINDS = ("independent", "walk")
SLOPE, LAST_FALL = RANKINGS = ("slope", "last fall")

THEN, LATER = "Gopher", "PaLM"
BOUNDING = ("Gopher", "Chinchilla", "Anthropic LM")
"""Series whose wiggle bounds tau: sizes as published, not those whose labels were corrected."""

COLUMNS = (
    *("kind", "ranking", "tau", "repeats", "u_median", "u_low", "u_high", "p_at_least_observed"),
    *("rises_median", "fall_median", "observed_u", "observed_of", "observed_fall"),
    *("tau_bound", "fresh_fall", "p_fresh_fall"),
)
TEXT = frozenset({"ranking"})


def answer(inputs: Inputs) -> list[Row]:
    """Simulated tasks beside what the published series show."""
    return selection(read_published(inputs.published), inputs.rule, inputs.seed)


@dataclass(frozen=True)
class Outcome:
    """What became of the chosen tasks; arrays of shape (repeats, selected).

    Attributes
    ----------
    turned : ndarray of bool
        Whether the curve with the added size is called U-shaped.
    rise : ndarray of float
        Measured value at the added size less that at the largest size before.
    fall : ndarray of float
        The highest measured value before the largest size, less that at the largest size.
    """

    turned: np.ndarray
    rise: Floats
    fall: Floats


def wiggles(kind: str, tau: float, decades: Floats, shape: tuple[int, ...], seed: int) -> Floats:
    """Deviations of the true accuracy, shape ``(*shape, sizes)``; see the module.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    tau : float
    decades : ndarray of float, shape (sizes,)
        Logarithm to base ten of the training compute, increasing.
    shape : tuple of int
    seed : int
    """
    drawn = generator(seed, "wiggle", kind).normal(size=(*shape, len(decades)))
    if kind == INDEPENDENT:
        return tau * drawn
    widths = np.sqrt(np.diff(decades, prepend=decades[0]))
    return tau * np.cumsum(widths * drawn, axis=-1)


def measured(true: Floats, items: Sequence[int] | None, seed: int) -> Floats:
    """Measure true accuracies on items; without items they are measured exactly.

    Parameters
    ----------
    true : ndarray of float, shape (repeats, tasks, sizes)
    items : sequence of int or None
        Numbers of items from which each task's is drawn.
    seed : int
    """
    if items is None:
        return true
    rng = generator(seed, "items")
    n = rng.choice(np.asarray(items), size=true.shape[:2])[..., None]
    return rng.binomial(n, true) / n


def chosen(values: Floats, decades: Floats, ranking: str, count: int) -> Ints:
    """Places of the tasks that look most inverse, shape (repeats, count).

    Parameters
    ----------
    values : ndarray of float, shape (repeats, tasks, sizes)
        Without the size that is added later.
    decades : ndarray of float, shape (sizes,)
    ranking : str
        One of `RANKINGS`.
    count : int
    """
    if ranking == SLOPE:
        centred = decades - decades.mean()
        score = values @ centred
    else:
        score = values[..., -1] - values[..., :-1].mean(axis=-1)
    return np.argsort(score, axis=-1, kind="stable")[:, :count]


def follow(values: Floats, decades: Floats, ranking: str, count: int, rule: Rule) -> Outcome:
    """Choose by all sizes but the last, and look at the last.

    Parameters
    ----------
    values : ndarray of float, shape (repeats, tasks, sizes)
        As measured, the added size last.
    decades : ndarray of float, shape (sizes,)
    ranking : str
    count : int
    rule : Rule

    Returns
    -------
    Outcome
    """
    places = chosen(values[..., :-1], decades[:-1], ranking, count)
    taken = np.take_along_axis(values, places[..., None], axis=1)
    codes = verdicts(taken.reshape(-1, taken.shape[-1]), rule).reshape(taken.shape[:2])
    return Outcome(
        turned=codes == SHAPES.index(U_SHAPED),
        rise=taken[..., -1] - taken[..., -2],
        fall=taken[..., :-2].max(axis=-1) - taken[..., -2],
    )


def selection(curves: Sequence[Curve], rule: Rule, seed: int) -> list[Row]:
    """Simulate every kind of wiggle, every tau and both rankings.

    Parameters
    ----------
    curves : sequence of Curve
        The published series: sizes, numbers of items, and what was observed come from them.
    rule : Rule
        The published-equivalent one.
    seed : int

    Returns
    -------
    list of dict
        Keys `COLUMNS`. ``u_*`` are median and middle 90 % of the number of chosen tasks that turn,
        over the repeats; ``p_at_least_observed`` the share of repeats with as many as PaLM shows or
        more; ``rises_median`` the median number whose added size is higher by more than the margin;
        ``fall_median`` how far the chosen fell at the largest size. Beside them stand what was
        observed, PaLM's number of U-shaped tasks and of tasks and the median fall of the ten
        accuracy tasks at Gopher's largest size; the bound on tau for that kind of wiggle; and the
        fall of `fresh_fall` with its probability at that tau.
    """
    series = {name: _single(curves, name) for name in {THEN, LATER, *BOUNDING}}
    then = np.log10(series[THEN][0].flops)
    added = math.log10(series[LATER][0].flops[-1] / series[THEN][0].flops[-1])
    decades = np.append(then, then[-1] + added)
    scored = [curve for curve in series[THEN] if curve.items is not None]
    items = [int(curve.items[0]) for curve in scored if curve.items is not None]
    told = {
        "observed_u": sum(verdict(curve.heights, rule) == U_SHAPED for curve in series[LATER]),
        "observed_of": len(series[LATER]),
        "observed_fall": float(np.median([c.heights[:-1].max() - c.heights[-1] for c in scored])),
    }
    later = [curve for curve in series[LATER] if curve.items is not None]
    bounding = [curve for name in BOUNDING for curve in series[name] if curve.items is not None]
    rows: list[Row] = []
    for kind in KINDS:
        bound = wiggle_bound(bounding, kind)
        for tau in TAUS:
            true = CHANCE_LEVEL + wiggles(kind, tau, decades, (REPEATS, SUBMITTED), seed)
            values = measured(np.clip(true, 0, 1), items, seed)
            fresh = fresh_fall(later, kind, tau)
            for ranking in RANKINGS:
                found = follow(values, decades, ranking, SELECTED, rule)
                rows.append(
                    {"kind": kind, "ranking": ranking, "tau": tau, "repeats": REPEATS}
                    | _summary(found, told["observed_u"], rule)
                    | told
                    | {"tau_bound": bound, "fresh_fall": fresh[0], "p_fresh_fall": fresh[1]}
                )
    return rows


def _summary(found: Outcome, observed: float, rule: Rule) -> Row:
    counts = found.turned.sum(axis=1)
    low, middle, high = np.percentile(counts, [5, 50, 95])
    rises = (found.rise > rule.equivalence).sum(axis=1)
    return {
        "u_median": float(middle),
        "u_low": float(low),
        "u_high": float(high),
        "p_at_least_observed": float((counts >= observed).mean()),
        "rises_median": float(np.median(rises)),
        "fall_median": float(np.median(found.fall)),
    }


def _single(curves: Sequence[Curve], series: str) -> list[Curve]:
    """Curves of a series on single tasks."""
    return [curve for curve in curves if curve.family == series and curve.task != AVERAGE]


def wiggle_bound(curves: Sequence[Curve], kind: str) -> float:
    """Largest tau that published curves leave room for: all that bends or moves counts as wiggle.

    ``independent``: of three sizes in a row, how far the middle one lies off the straight line
    (over log compute) between its neighbours. Off by e = y2 - (1 - a) y1 - a y3, whose variance is
    tau^2 (1 + (1 - a)^2 + a^2) and that of the items. A straight trend adds nothing, a real bend
    does. ``walk``: the step between neighbours, whose variance is tau^2 times its width and that of
    the items; a real trend adds to it. Both give the mean of the estimates of tau^2, so real bends
    and trends make them too large: upper bounds, as far as the tasks stand for others.

    Parameters
    ----------
    curves : sequence of Curve
        With counts.
    kind : str
        One of `KINDS`.

    Returns
    -------
    float
        0 where the items explain all.
    """
    found = list(_off_line(curves) if kind == INDEPENDENT else _steps(curves))
    return math.sqrt(max(0.0, float(np.mean(found)))) if found else math.nan


def _item_variance(curve: Curve) -> Floats:
    assert curve.items is not None
    return curve.values * (1 - curve.values) / curve.items


def _off_line(curves: Sequence[Curve]) -> Iterator[float]:
    for curve in curves:
        x, y, noise = np.log10(curve.flops), curve.values, _item_variance(curve)
        for i in range(1, len(x) - 1):
            a = (x[i] - x[i - 1]) / (x[i + 1] - x[i - 1])
            weights = np.array([-(1 - a), 1.0, -a])
            part = slice(i - 1, i + 2)
            off = float(weights @ y[part])
            yield (off**2 - float(weights**2 @ noise[part])) / float(weights @ weights)


def _steps(curves: Sequence[Curve]) -> Iterator[float]:
    for curve in curves:
        x, y, noise = np.log10(curve.flops), curve.values, _item_variance(curve)
        for i in range(1, len(x)):
            step = float(y[i] - y[i - 1])
            yield (step**2 - float(noise[i] + noise[i - 1])) / float(x[i] - x[i - 1])


def fresh_fall(curves: Sequence[Curve], kind: str, tau: float) -> tuple[float, float]:
    """Mean fall from the smallest to the second largest size, and how likely so large a one is.

    The probability is that of one normal tail: a mean over independent tasks that do not scale,
    none of them chosen by these models. It holds if the wiggle is each family's own; one that
    families share is no chance but how the tasks scale.

    Parameters
    ----------
    curves : sequence of Curve
        Of one series, with counts.
    kind : str
        One of `KINDS`.
    tau : float

    Returns
    -------
    fall, probability : float
        The probability is 0 or 1 where neither wiggle nor item noise is left.
    """
    falls = [float(curve.values[0] - curve.values[-2]) for curve in curves]
    variance = 0.0
    for curve in curves:
        noise = _item_variance(curve)
        width = math.log10(curve.flops[-2] / curve.flops[0])
        moved = 2 * tau**2 if kind == INDEPENDENT else tau**2 * width
        variance += moved + float(noise[0] + noise[-2])
    fall = float(np.mean(falls))
    error = math.sqrt(variance) / len(curves)
    if error == 0:
        return fall, float(fall <= 0)
    return fall, 0.5 * math.erfc(fall / error / math.sqrt(2))


def closest_fall(rows: pd.DataFrame) -> pd.Series:
    """The row of the table whose simulated fall is closest to the observed one.

    Parameters
    ----------
    rows : DataFrame
        Of one kind and ranking.
    """
    off = (rows["fall_median"] - rows["observed_fall"]).abs()
    return rows.iloc[int(off.to_numpy().argmin())]
