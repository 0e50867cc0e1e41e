"""Two-task mechanism of a U: a distractor task with an earlier onset than the true task.

Wei et al. (2022, arXiv:2211.02011, section 3) explain U-shaped scaling so: small models do neither
task, medium ones the distractor task, which costs them the right answer, and large ones the true
task. As a model, with T and D the shares of items on which the true and the distractor task are
done, each a logistic curve over the logarithm of scale,

    right      a = T + (1 - T) (1 - D) b
    distractor d = (1 - T) [(1 - D) b_d + D]

where b and b_d are the shares of both answers when neither task is done. The formula is ours: the
paper states none. Without measured distractor answers a alone is fitted; with two classes d is
1 - a and adds no information.

Fit
    Maximum binomial likelihood by Fisher scoring with Levenberg-Marquardt damping from the best of
    a grid of starts, all draws and starts at once. Right, distractor and other answers are
    multinomial, a product of two binomials: right ones among all, and distractor ones among the
    wrong, the latter with probability d / (1 - a), which does not depend on T.
Baseline
    b is chance, unless a free b (and b_d) fits significantly better (likelihood ratio, 5 %) and
    leaves a degree of freedom: a small model that always gives one answer need not be at chance.
Dispersion
    Curves scatter more than their items do, since two sizes differ in more than size. Where the
    deviance exceeds its degrees of freedom, their ratio (McCullagh and Nelder 1989, section 4.5)
    divides the gain of a second task, which is then compared by F, and its root stretches the draws
    about the curve: misfit is no evidence, and widens every interval.
Identifiable
    Only if all of this holds: there is a degree of freedom left; the fit needs both tasks (each
    improves it significantly, 1 %); no other optimum within the 95 % likelihood region has an onset
    more than a step away, a step being the mean distance of neighbouring sizes; the 95 % bootstrap
    interval of each onset lies within the sizes; and that of each width stays below the whole
    range. Otherwise no parameter is reported.
Abrupt tasks
    A width of less than an eighth of a step is indistinguishable from 0: the onset lies anywhere
    between two sizes. Where the interval of a width reaches that limit, it is extended to 0, and
    those of the onset, and of quantities derived from it, are extended to the neighbouring sizes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtrc, expit, fdtrc, xlogy

from ushaped.errors import UserError
from ushaped.shapes.evidence_record import MechanismRecord
from ushaped.shapes.rules import Floats, Ints
from ushaped.terms import SIGNIFICANCE

Bools = NDArray[np.bool_]
Estimate = tuple[float, float, float]

PARAMETERS = (
    "baseline",
    "distractor_baseline",
    "true_onset",
    "true_width",
    "distractor_onset",
    "distractor_width",
)

# Columns of a row of parameters during the fit. The distractor's baseline is a share of the wrong
# answers and widths are logarithms, so that every bound is an interval.
_BASELINE, _WRONG, _TRUE, _TRUE_WIDTH, _DISTRACTOR, _DISTRACTOR_WIDTH = range(6)
_TASKS = (("true", _TRUE), ("distractor", _DISTRACTOR))

# Level of the test of each task. It is strict: an absent component's onset is unidentified and fits
# the noise (a parameter present only under the alternative: Davies 1987, Biometrika 74).
TASK_LEVEL = 0.01
# Quantile of chi-squared with one degree of freedom: the 95 % likelihood region of one parameter.
_NEAR = 3.841458820694124
# Draws also start from a second optimum within this difference of deviance.
_RIVAL = 4 * _NEAR
# Range beyond the largest size in which the return is searched, in decades.
BEYOND = 3.0

# Onset of an absent task.
_NEVER = 1e9
_UNKNOWN = (math.nan, math.nan, math.nan)
_LEAST_SHARE = 1e-6
_TINY = 1e-12


@dataclass(frozen=True)
class Mechanism:
    """Fit of the two-task mechanism to a curve.

    Attributes
    ----------
    identifiable : bool
    reason : str
        Why it is not identifiable; empty if it is.
    parameters : dict of str to (float, float, float)
        Estimate and 95 % interval of each of `PARAMETERS`; NaN where not identifiable. Intervals
        are NaN without draws, and the distractor's baseline where its answers were not measured or
        there are two classes. Onsets and widths are in the unit of ``x``.
    gap : (float, float, float)
        Onset of the true task minus that of the distractor task.
    back_at : (float, float, float)
        Scale at which accuracy returns to the fitted value of the smallest size; infinite beyond
        `BEYOND` decades above the largest size.
    deviance : float
    degrees : int
        Residual degrees of freedom.
    misfit_p : float
        P-value of the deviance if items are the only noise.
    sizes : ndarray of float, shape (sizes,)
        The fitted scale.
    fitted : ndarray of float, shape (6,), or None
        Row of parameters for `accuracy`, identifiable or not; None if there is no fit.
    drawn : ndarray of float, shape (draws, 6), or None
        The same for each draw; None if no draws were passed or needed.
    """

    identifiable: bool
    reason: str
    parameters: dict[str, Estimate]
    gap: Estimate
    back_at: Estimate
    deviance: float
    degrees: int
    misfit_p: float
    sizes: Floats
    fitted: Floats | None = None
    drawn: Floats | None = None

    def as_evidence(self) -> MechanismRecord:
        """Entry of ``evidence.json``."""
        curve: dict[str, list[float]] = {}
        if self.identifiable and self.fitted is not None:
            x = np.linspace(self.sizes[0], self.sizes[-1] + 1, 50)
            row = self.fitted[None]
            curve = {
                "x": x.tolist(),
                "accuracy": accuracy(row, x)[0].tolist(),
                "true": _task_curve(row, _TRUE, x)[0].tolist(),
                "distractor": _task_curve(row, _DISTRACTOR, x)[0].tolist(),
            }
        return {
            "identifiable": self.identifiable,
            "reason": self.reason,
            "parameters": {name: list(value) for name, value in self.parameters.items()},
            "gap": list(self.gap),
            "back_at": list(self.back_at),
            "deviance": self.deviance,
            "degrees": self.degrees,
            "misfit_p": self.misfit_p,
            "curve": curve,
        }


@dataclass(frozen=True)
class _Data:
    """Binomial observations: right answers, then, if measured, distractor among wrong answers.

    ``shares`` and ``trials`` have one row per curve and one column per size, or two if measured.
    """

    x: Floats
    shares: Floats
    trials: Floats

    @property
    def measured(self) -> bool:
        """Whether distractor answers are among the observations."""
        return self.shares.shape[1] > len(self.x)

    def take(self, rows: Ints) -> _Data:
        """Select rows; a single row stands for all."""
        if len(self.shares) == 1:
            return self
        return _Data(self.x, self.shares[rows], self.trials[rows])


@dataclass(frozen=True)
class _Bounds:
    """Box of the parameters, shape (6,) each, and the mean distance of neighbouring sizes."""

    low: Floats
    high: Floats
    step: float

    @classmethod
    def of(cls, x: Floats) -> _Bounds:
        """Onsets up to twice the range away, widths from an eighth of a step to the range."""
        reach = float(x[-1] - x[0])
        step = reach / (len(x) - 1)
        onset, width = (x[0] - reach, x[-1] + reach), (math.log(step / 8), math.log(reach))
        share = (_LEAST_SHARE, 1 - _LEAST_SHARE)
        low, high = zip(share, share, onset, width, onset, width, strict=True)
        return cls(np.array(low), np.array(high), step)


def fit_mechanism(
    x: ArrayLike,
    shares: ArrayLike,
    trials: ArrayLike,
    chance: float,
    distractor: ArrayLike | None = None,
    drawn: ArrayLike | None = None,
    drawn_distractor: ArrayLike | None = None,
) -> Mechanism:
    """Fit the mechanism to a curve and decide whether it is identifiable.

    Parameters
    ----------
    x : array_like of float, shape (sizes,)
        Logarithm to base 10 of the scale, increasing.
    shares : array_like of float, shape (sizes,)
        Share of right answers.
    trials : array_like of float, shape (sizes,)
        Effective sample sizes; need not be integers.
    chance : float
    distractor : array_like of float, shape (sizes,), optional
        Share of the same items answered with the distractor task's answer.
    drawn, drawn_distractor : array_like of float, shape (draws, sizes), optional
        Bootstrap draws of both shares. Without them there are no intervals, and identifiability is
        decided by the estimate alone.

    Raises
    ------
    UserError
        For arrays of different shapes, scales that do not increase, shares outside [0, 1].

    Examples
    --------
    >>> x = np.linspace(0, 4, 12)
    >>> true, distractor = expit((x - 2.5) / 0.3), expit((x - 1) / 0.3)
    >>> right = true + (1 - true) * (1 - distractor) * 0.5
    >>> fit = fit_mechanism(x, right, np.full(12, 1000), 0.5)
    >>> fit.identifiable, round(fit.parameters["true_onset"][0], 2), round(fit.gap[0], 2)
    (True, 2.5, 1.5)
    >>> fit_mechanism(x, true + (1 - true) * 0.5, np.full(12, 1000), 0.5).reason
    'the curve shows no distractor task: the true task alone fits it as well'
    """
    scale, data = _observe(x, shares, trials, distractor)
    if not 0 < chance < 1:
        raise UserError("chance", f"is {chance}", "give a share between 0 and 1")
    bounds = _Bounds.of(scale) if len(scale) > 1 else None
    spare = data.shares.shape[1] - 4
    if spare < 1 or bounds is None:
        return _unfitted(scale, f"too few sizes ({len(scale)}) for its four parameters")
    fits = _fits(data, chance, bounds)
    baselines = 2 if data.measured else 1
    can_free = spare > baselines
    gain = max(0.0, fits["both"].best - fits["both, free"].best)
    freed = can_free and chdtrc(baselines, gain) < SIGNIFICANCE
    kind, degrees = (", free", spare - baselines) if freed else ("", spare)
    full = fits["both" + kind]
    misfit = float(chdtrc(degrees, full.best))
    reason = _unidentifiable_reason(fits, kind, degrees, bounds, scale)
    if not can_free and misfit < SIGNIFICANCE:
        reason = (
            "it does not fit with small models at chance, and sizes are too few for another level"
        )
    rows = None
    if drawn is not None and not reason:
        stretch = math.sqrt(_dispersion(full.best, degrees))
        resampled = _draws(data, drawn, drawn_distractor, stretch)
        rows = _fit_draws(resampled, full, bounds, degrees)
        reason = _unbounded_reason(rows, bounds, scale)
    estimates = dict.fromkeys((*PARAMETERS, "gap", "back_at"), _UNKNOWN)
    if not reason:
        estimates = _estimates(full.rows[0], rows, bounds, scale)
    if not data.measured:
        estimates["distractor_baseline"] = _UNKNOWN
    return Mechanism(
        not reason,
        reason,
        {name: estimates[name] for name in PARAMETERS},
        estimates["gap"],
        estimates["back_at"],
        full.best,
        degrees,
        misfit,
        scale,
        full.rows[0],
        rows,
    )


def accuracy(rows: Floats, x: Floats) -> Floats:
    """Share of right answers, shape (rows, scales).

    Parameters
    ----------
    rows : ndarray of float, shape (rows, 6)
        As in `Mechanism.fitted`.
    x : ndarray of float, shape (scales,) or (rows, scales)
    """
    true, distractor = _task_curve(rows, _TRUE, x), _task_curve(rows, _DISTRACTOR, x)
    return true + (1 - true) * (1 - distractor) * rows[:, [_BASELINE]]


def _task_curve(rows: Floats, onset: int, x: Floats) -> Floats:
    """Share of items on which a task is done: a logistic curve."""
    return expit((x - rows[:, [onset]]) * np.exp(-rows[:, [onset + 1]]))


# -- observations ---------------------------------------------------------------------------------


def _observe(
    x: ArrayLike, shares: ArrayLike, trials: ArrayLike, distractor: ArrayLike | None
) -> tuple[Floats, _Data]:
    scale, right, n = (np.asarray(values, dtype=np.float64) for values in (x, shares, trials))
    if not scale.shape == right.shape == n.shape == (scale.size,) or not scale.size:
        raise UserError("a curve", "has not one share and number per size", "mend the curve")
    if not np.isfinite(scale).all() or (np.diff(scale) <= 0).any():
        raise UserError("a curve", "has scales that do not increase", "sort it, one row per size")
    if not ((right >= 0) & (right <= 1)).all():
        raise UserError("a curve", "has a value that is no share", "give values from 0 to 1")
    if not (np.isfinite(n) & (n > 0)).all():
        raise UserError("a curve", "has a size without items", "give a positive number of items")
    wrong = None if distractor is None else np.asarray(distractor, dtype=np.float64)
    if wrong is not None and (
        wrong.shape != right.shape or not ((wrong >= 0) & (right + wrong <= 1 + 1e-9)).all()
    ):
        what = "has distractor shares that do not go with its right answers"
        raise UserError("a curve", what, "give shares of the same items")
    # If all wrong answers are distractors, as with two classes, they add no information.
    if wrong is not None and np.allclose(right + wrong, 1, rtol=0, atol=1e-9):
        wrong = None
    return scale, _stack(scale, right[None], n, None if wrong is None else wrong[None])


def _stack(x: Floats, right: Floats, n: Floats, distractor: Floats | None) -> _Data:
    trials = np.broadcast_to(n, right.shape)
    if distractor is None:
        return _Data(x, right, trials)
    wrong = 1 - right
    among = np.divide(distractor, wrong, out=np.zeros_like(wrong), where=wrong > _TINY).clip(0, 1)
    return _Data(
        x, np.concatenate([right, among], axis=1), np.concatenate([trials, n * wrong], axis=1)
    )


def _draws(data: _Data, drawn: ArrayLike, distractor: ArrayLike | None, stretch: float) -> _Data:
    """Draws as observations, with their deviations from the curve stretched."""
    right = np.asarray(drawn, dtype=np.float64)
    sizes = len(data.x)
    if right.ndim != 2 or right.shape[1] != sizes or not len(right):
        raise UserError("the draws of a curve", "do not have its sizes", "draw the same sizes")
    observed, n = data.shares[0, :sizes], data.trials[0, :sizes]
    stretched = (observed + stretch * (right - observed)).clip(0, 1)
    if not data.measured:
        return _stack(data.x, stretched, n, None)
    if distractor is None or np.shape(distractor) != right.shape:
        what = "lack the distractor answers"
        raise UserError("the draws of a curve", what, "draw both shares from the same items")
    share = (1 - observed) * data.shares[0, sizes:]
    other = share + stretch * (np.asarray(distractor, dtype=np.float64) - share)
    return _stack(data.x, stretched, n, other.clip(0, 1 - stretched))


# -- likelihood -----------------------------------------------------------------------------------


def _probabilities(rows: Floats, data: _Data) -> tuple[Floats, Floats]:
    """Probability of each observation, and of its opposite; subtraction would lose digits."""
    b, c = rows[:, [_BASELINE]], rows[:, [_WRONG]]
    true, distractor = _task_curve(rows, _TRUE, data.x), _task_curve(rows, _DISTRACTOR, data.x)
    neither = 1 - distractor
    right, not_distracted = true + (1 - true) * neither * b, 1 - neither * b
    wrong = (1 - true) * not_distracted
    if not data.measured:
        return right, wrong
    among = (neither * (1 - b) * c + distractor) / not_distracted
    other = neither * (1 - b) * (1 - c) / not_distracted
    return np.concatenate([right, among], axis=1), np.concatenate([wrong, other], axis=1)


def _loss(rows: Floats, data: _Data) -> Floats:
    """Minus twice the log-likelihood of every row, shape (rows,)."""
    yes, no = _probabilities(rows, data)
    log_yes, log_no = np.log(np.maximum(yes, _TINY)), np.log(np.maximum(no, _TINY))
    each = data.trials * (data.shares * log_yes + (1 - data.shares) * log_no)
    return -2 * each.sum(axis=1)


def _saturated(data: _Data) -> Floats:
    """Minus twice the log-likelihood of a saturated model, shape (rows,)."""
    shares = data.shares
    return -2 * (data.trials * (xlogy(shares, shares) + xlogy(1 - shares, 1 - shares))).sum(axis=1)


def _slopes(rows: Floats, data: _Data, columns: Ints) -> Floats:
    """Derivatives of the probabilities, shape (rows, observations, columns)."""
    b, c = rows[:, [_BASELINE]], rows[:, [_WRONG]]
    true, distractor = _task_curve(rows, _TRUE, data.x), _task_curve(rows, _DISTRACTOR, data.x)
    neither, sizes = 1 - distractor, len(data.x)
    free = 1 - neither * b
    slopes = np.zeros((len(rows), data.shares.shape[1], len(columns)))
    by_task = {_TRUE: free, _DISTRACTOR: -(1 - true) * b}
    for index, column in enumerate(columns):
        right = slopes[:, :sizes, index]
        if column == _BASELINE:
            right[:] = (1 - true) * neither
        elif column != _WRONG:
            task = column - column % 2
            right[:] = by_task[task] * _logistic_slope(rows, task, column, data.x)
        if not data.measured or column in (_TRUE, _TRUE_WIDTH):
            continue
        among = slopes[:, sizes:, index]
        top = neither * (1 - b) * c + distractor
        if column == _BASELINE:
            among[:] = neither * (top - c * free) / free**2
        elif column == _WRONG:
            among[:] = neither * (1 - b) / free
        else:
            by_distractor = ((1 - (1 - b) * c) * free - top * b) / free**2
            among[:] = by_distractor * _logistic_slope(rows, _DISTRACTOR, column, data.x)
    return slopes


def _logistic_slope(rows: Floats, onset: int, column: int, x: Floats) -> Floats:
    """Derivative of a task's logistic curve by its onset or the logarithm of its width."""
    per_width = np.exp(-rows[:, [onset + 1]])
    z = (x - rows[:, [onset]]) * per_width
    bell = expit(z) * expit(-z)
    return -bell * (per_width if column == onset else z)


# -- fitting --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Fit:
    """Optima of one kind of fit, best first: rows (optima, 6), deviances (optima,)."""

    rows: Floats
    deviances: Floats
    free: Bools

    @property
    def best(self) -> float:
        """Least deviance."""
        return float(self.deviances[0])


def _fits(data: _Data, chance: float, bounds: _Bounds) -> dict[str, _Fit]:
    """Fit both tasks, or one, with the baseline at chance or free, from several starts each."""
    grid = _starts(data.x, bounds.step)
    at_chance = chance, min(1.0, chance / (1 - chance))
    as_smallest = data.shares[0, [0, len(data.x) if data.measured else 0]].clip(0.02, 0.98)
    kinds: dict[str, tuple[Floats, Bools]] = {}
    for tasks, onsets, keep in (
        ("both", [_TRUE, _DISTRACTOR], 6),
        ("true", [_TRUE], 2),
        ("distractor", [_DISTRACTOR], 2),
    ):
        starts = grid.copy()
        for _, onset in _TASKS:
            if onset not in onsets:
                starts[:, [onset, onset + 1]] = _NEVER, 0.0
        for kind, baselines in (("", at_chance), (", free", as_smallest)):
            free = np.zeros(6, dtype=bool)
            free[onsets + [onset + 1 for onset in onsets]] = True
            free[: 1 + data.measured] = bool(kind)
            starts[:, [_BASELINE, _WRONG]] = baselines
            kinds[tasks + kind] = _best_starts(starts, data, onsets, keep), free
    rows = np.concatenate([starts for starts, _ in kinds.values()])
    free = np.concatenate([np.tile(mask, (len(starts), 1)) for starts, mask in kinds.values()])
    rows, loss = _maximise(rows, free, data, bounds, 60)
    deviances = np.maximum(0, loss - _saturated(data))
    fits, first = {}, 0
    for name, (starts, mask) in kinds.items():
        own = slice(first, first + len(starts))
        order = np.argsort(deviances[own], kind="stable")
        fits[name] = _Fit(rows[own][order], deviances[own][order], mask)
        first += len(starts)
    return fits


def _starts(x: Floats, step: float) -> Floats:
    """Grid of onsets, the distractor task's before the true task's, and of widths."""
    onsets = np.linspace(x[0] - step / 2, x[-1] + step / 2, 8)
    widths = np.log([step / 3, step, 3 * step])
    first, second = np.triu_indices(len(onsets))
    axes = np.meshgrid(np.arange(len(first)), widths, widths, indexing="ij")
    pair, distractor_width, true_width = (axis.ravel() for axis in axes)
    grid = np.ones((len(pair), 6))
    grid[:, _DISTRACTOR], grid[:, _TRUE] = onsets[first[pair]], onsets[second[pair]]
    grid[:, _DISTRACTOR_WIDTH], grid[:, _TRUE_WIDTH] = distractor_width, true_width
    return grid


def _best_starts(starts: Floats, data: _Data, onsets: list[int], keep: int) -> Floats:
    """The best starts that differ in an onset."""
    ranked = starts[np.argsort(_loss(starts, data), kind="stable")]
    _, firsts = np.unique(ranked[:, onsets], axis=0, return_index=True)
    return ranked[np.sort(firsts)[:keep]]


def _maximise(
    start: Floats, free: Bools, data: _Data, bounds: _Bounds, rounds: int
) -> tuple[Floats, Floats]:
    """Maximum-likelihood parameters, shape (rows, 6), and loss, shape (rows,), from starts.

    Fisher scoring with Levenberg-Marquardt damping inside a box: a parameter at a bound that the
    score pushes outwards is fixed for the round. A row ends when a round gains less than 1e-5 of
    minus twice the log-likelihood.

    Parameters
    ----------
    start : ndarray of float, shape (rows, 6)
    free : ndarray of bool, shape (rows, 6)
        Which parameters are fitted.
    data : _Data
        With as many rows, or with one for all.
    bounds : _Bounds
    rounds : int
        At most.
    """
    columns = np.flatnonzero(free.any(axis=0))
    low, high = bounds.low[columns], bounds.high[columns]
    best, loss = start.copy(), _loss(start, data)
    damping = np.full(len(start), 1e-2)
    active = np.arange(len(start))
    every = np.arange(len(columns))
    for _ in range(rounds):
        own, rows = data.take(active), best[active]
        now = rows[:, columns]
        yes, no = _probabilities(rows, own)
        slopes = _slopes(rows, own, columns)
        weighted = slopes * (own.trials / np.maximum(yes * no, _TINY))[..., None]
        score = np.einsum("rop,ro->rp", weighted, own.shares - yes)
        fixed = ~free[active][:, columns] | ((now <= low) & (score < 0))
        fixed |= (now >= high) & (score > 0)
        score[fixed] = 0.0
        weighted[np.broadcast_to(fixed[:, None], weighted.shape)] = 0.0
        information = np.swapaxes(weighted, 1, 2) @ slopes
        # Fixed parameters: their rows are zeroed, so their step is 0.
        diagonal = information[:, every, every]
        information[:, every, every] += damping[active, None] * diagonal + fixed + _TINY
        move = np.linalg.solve(information, score[..., None])[..., 0]
        rows[:, columns] = np.where(fixed, now, (now + move).clip(low, high))
        after = _loss(rows, own)
        gain = loss[active] - after
        better = gain > 0
        best[active[better]], loss[active[better]] = rows[better], after[better]
        damping[active] = np.where(better, damping[active] / 5, damping[active] * 8)
        # Also stop a fit whose damping has reached 1e6.
        going = np.where(better, gain > 1e-5, damping[active] < 1e6)
        active = active[going]
        if not len(active):
            break
    return best, loss


def _fit_draws(drawn: _Data, full: _Fit, bounds: _Bounds, degrees: int) -> Floats:
    """Fit every draw from the best optimum, and from a second one of similar deviance."""
    rival = _has_other_onsets(full.rows, bounds) & (
        full.deviances - full.best < _RIVAL * _dispersion(full.best, degrees)
    )
    fitted = []
    for row in (full.rows[:1], full.rows[rival][:1]):
        if len(row):
            starts = np.repeat(row, len(drawn.shares), axis=0)
            free = np.tile(full.free, (len(starts), 1))
            fitted.append(_maximise(starts, free, drawn, bounds, 25))
    losses = np.stack([loss for _, loss in fitted])
    rows = np.stack([rows for rows, _ in fitted])
    return rows[losses.argmin(axis=0), np.arange(len(drawn.shares))]


def _has_other_onsets(rows: Floats, bounds: _Bounds) -> Bools:
    """Optima with an onset more than a step away from that of the best one."""
    onsets = rows[:, [_TRUE, _DISTRACTOR]]
    return (np.abs(onsets - onsets[0]) > bounds.step).any(axis=1)


# -- identifiability and intervals ----------------------------------------------------------------


def _dispersion(deviance: float, degrees: int) -> float:
    return max(1.0, deviance / degrees)


def _unidentifiable_reason(
    fits: dict[str, _Fit], kind: str, degrees: int, bounds: _Bounds, x: Floats
) -> str:
    """Why the best fit is not identifiable; empty if it may be."""
    full = fits["both" + kind]
    dispersion = _dispersion(full.best, degrees)
    for alone, shown in (("true", "distractor task"), ("distractor", "recovery")):
        gain = max(0.0, fits[alone + kind].best - full.best)
        if chdtrc(2, gain) > TASK_LEVEL:
            return f"the curve shows no {shown}: the {alone} task alone fits it as well"
        if dispersion > 1 and fdtrc(2, degrees, gain / 2 / dispersion) > TASK_LEVEL:
            return f"the curve jumps too much about the fit to show a {shown}"
    near = full.deviances - full.best < _NEAR * dispersion
    if (near & _has_other_onsets(full.rows, bounds)).any():
        return "quite different onsets fit the curve equally well"
    return _unbounded_reason(full.rows[:1], bounds, x)


def _unbounded_reason(rows: Floats, bounds: _Bounds, x: Floats) -> str:
    """Which interval reaches beyond the sizes; empty if none does."""
    low, high = _interval(rows)
    for task, onset in _TASKS:
        width = onset + 1
        if low[onset] < x[0]:
            return f"the {task} task may set in below the smallest size"
        if high[onset] > x[-1]:
            return f"the {task} task may set in beyond the largest size"
        if high[width] >= bounds.high[width] - 1e-3:
            return f"the {task} task sets in too gradually for these sizes to tell where"
    return ""


def _estimates(
    best: Floats, rows: Floats | None, bounds: _Bounds, x: Floats
) -> dict[str, Estimate]:
    """Estimates and intervals of all parameters and derived quantities."""
    estimates = {name: float(value[0]) for name, value in _quantities(best[None], x).items()}
    if rows is None:
        return {name: (value, math.nan, math.nan) for name, value in estimates.items()}
    low, high = {}, {}
    for name, values in _quantities(rows, x).items():
        low[name], high[name] = map(float, _interval(values))
    for task, onset in _TASKS:
        if low[f"{task}_width"] <= math.exp(bounds.low[onset + 1]) * 1.001:
            _widen(task, low, high, x)
    return {name: (value, low[name], high[name]) for name, value in estimates.items()}


def _interval(drawn: Floats) -> tuple[Floats, Floats]:
    """Middle 95 % of the draws (axis 0), without interpolation: some draws are infinite."""
    low = np.quantile(drawn, 0.025, axis=0, method="lower")
    return low, np.quantile(drawn, 0.975, axis=0, method="higher")


def _widen(task: str, low: dict[str, float], high: dict[str, float], x: Floats) -> None:
    """Extend the intervals of an abrupt task, and of derived quantities, to the adjacent sizes."""
    onset = f"{task}_onset"
    down = low[onset] - float(x[x <= low[onset]].max())
    up = float(x[x >= high[onset]].min()) - high[onset]
    low[f"{task}_width"] = 0.0
    for name in (onset, "gap", "back_at") if task == "true" else (onset,):
        low[name], high[name] = low[name] - down, high[name] + up
    if task == "distractor":
        low["gap"], high["gap"] = low["gap"] - up, high["gap"] + down


def _quantities(rows: Floats, x: Floats) -> dict[str, Floats]:
    """Parameters in their own units, gap and return, each of shape (rows,)."""
    values = dict(zip(PARAMETERS, rows.T, strict=True))
    values["distractor_baseline"] = (1 - rows[:, _BASELINE]) * rows[:, _WRONG]
    for task, onset in _TASKS:
        values[f"{task}_width"] = np.exp(rows[:, onset + 1])
    values["gap"] = rows[:, _TRUE] - rows[:, _DISTRACTOR]
    values["back_at"] = _back_at(rows, x)
    return values


def _back_at(rows: Floats, x: Floats) -> Floats:
    """Scale beyond the lowest point at which accuracy returns to its value at the smallest size."""
    level = accuracy(rows, x[:1])
    coarse = np.linspace(x[0], x[-1] + BEYOND, 48)
    low = coarse[accuracy(rows, coarse).argmin(axis=1)][:, None]
    high = np.full_like(low, x[-1] + BEYOND)
    never = accuracy(rows, high) < level
    for _ in range(40):
        middle = (low + high) / 2
        below = accuracy(rows, middle) < level
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return np.where(never, np.inf, high)[:, 0]


def _unfitted(x: Floats, reason: str) -> Mechanism:
    unknown = dict.fromkeys(PARAMETERS, _UNKNOWN)
    return Mechanism(False, reason, unknown, _UNKNOWN, _UNKNOWN, math.nan, 0, math.nan, x)
