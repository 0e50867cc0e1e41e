"""Shape of ``evidence.json``: one record per curve, and the reader and writer of the file.

The file holds ``{"version": 2, "curves": [CurveEvidence, ...]}``. Unknown numbers are NaN in memory
and null in the file. An `Estimate` is a list of three numbers: value, and both ends of its 95 %
interval.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NotRequired, TypedDict

from ushaped.errors import UserError
from ushaped.files import without_nan, write_json
from ushaped.results.text_files import AGAIN as REMEDY
from ushaped.results.text_files import read_json

# Another number means another layout.
VERSION = 2

Estimate = list[float]


class About(TypedDict):
    """What the curve is of."""

    family: str
    source: str
    task: str
    variant: str
    protocol: str
    modified: str
    metric: str


class Verdict(TypedDict):
    """Verdicts and tests; of a curve of one size, notes alone.

    ``probabilities`` are the frequencies of the published-equivalent verdicts among bootstrap draws
    over items and, where sizes have several, training runs. ``statistical`` is the verdict on
    models trained this way, ``these_models`` that on these very models, without run-to-run noise,
    and ``tipping_point`` the largest standard deviation between training runs at which it stands
    (`.stability`; NaN for an undetermined one). ``p_*`` are p-values, ``q_*`` are corrected for the
    tasks of a family and variant.
    """

    notes: list[str]
    literal: NotRequired[str]
    equivalent: NotRequired[str]
    probabilities: NotRequired[dict[str, float]]
    statistical: NotRequired[str]
    these_models: NotRequired[str]
    tipping_point: NotRequired[float]
    because: NotRequired[str]
    p_change: NotRequired[float]
    p_rise: NotRequired[float]
    p_fall: NotRequired[float]
    p_u: NotRequired[float]
    p_inverted_u: NotRequired[float]
    p_misfit: NotRequired[float]
    q_u: NotRequired[float]
    q_change: NotRequired[float]


class RunNoiseRecord(TypedDict):
    """Run-to-run noise in the verdict (`.run_noise`).

    ``sd`` is the standard deviation between runs of one size, in the metric's own unit; ``degrees``
    are those of an estimate, infinite where it is taken as known; ``study`` is where it was
    borrowed.
    """

    source: str
    study: str
    sd: float
    degrees: float


class FittedShape(TypedDict):
    """Fit of one shape (`.hypothesis_tests.goric`).

    ``log_likelihood`` is up to a constant common to all shapes, ``penalty`` the effective number of
    parameters, ``criterion`` -2 log L + 2 penalty; ``weight`` is exp(-criterion / 2), scaled to a
    sum of 1 over the shapes (Burnham and Anderson 2002, section 2.9.1). ``values`` of the fitted
    curve are in the metric's own unit.
    """

    shape: str
    log_likelihood: float
    penalty: float
    criterion: float
    weight: float
    values: list[float]


# "from" and "break" are words of Python.
NeighbourTest = TypedDict(
    "NeighbourTest",
    {
        "from": str,
        "to": str,
        "difference": float,
        "low": float,
        "high": float,
        "p": float,
        "p_holm": float,
        "test": str,
    },
)
"""Change from one size to the next (`.hypothesis_tests.neighbours`).

``difference`` is the second height minus the first, NaN where unknown. ``p_holm`` is corrected over
all pairs of the curve. ``test`` is ``mcnemar``, ``two-proportions``, ``paired-means`` or ``means``.
"""

TwoLinesTest = TypedDict(
    "TwoLinesTest",
    {
        "break": float,
        "slope_left": float,
        "slope_right": float,
        "p_left": float,
        "p_right": float,
        "p_u": float,
        "p_inverted_u": float,
    },
)
"""Result of the two-lines test (`.hypothesis_tests.lines`).

``break`` is log10 of the scale at which the lines meet; slopes are per decade, in log odds for
shares. ``p_left`` (of a left line that falls) and ``p_right`` (of a right line that rises) are
one-sided. ``p_u`` and ``p_inverted_u`` are the larger of the two lines' two-sided p-values, each
shape with its own break. Break, slopes, ``p_left`` and ``p_right`` are those of the likelier shape.
"""


class LindMehlumTest(TypedDict):
    """Result of the test of Lind and Mehlum (`.hypothesis_tests.lines`).

    Slopes of the parabola at the smallest and the largest size are per decade, in log odds for
    shares. P-values are the larger of the one-sided ones of both slopes (an intersection union
    test). ``extremum`` is log10 of the scale at which the parabola turns, with Fieller's interval,
    NaN where a straight line is not rejected; ``inside`` whether that is within the sizes.
    """

    slope_low: float
    slope_high: float
    p_u: float
    p_inverted_u: float
    extremum: Estimate
    inside: bool


class ValleyRecord(TypedDict):
    """Lowest size, the sizes that may be lowest, and what happens around them."""

    at: str
    sizes: list[str]
    depth: Estimate
    rise: Estimate
    recovery: Estimate


class MechanismRecord(TypedDict):
    """Two-task mechanism (`.laws.mechanism`); onsets and ``x`` are log10 of the scale."""

    identifiable: bool
    reason: str
    parameters: dict[str, Estimate]
    gap: Estimate
    back_at: Estimate
    deviance: float
    degrees: int
    misfit_p: float
    curve: dict[str, list[float]]


class BrokenLawRecord(TypedDict):
    """Broken power law (`.laws.broken`), or the reason why it was not fitted."""

    reason: NotRequired[str]
    parameters: dict[str, float] | None
    error: NotRequired[float]
    curve: dict[str, list[float]] | None


class PredictionRecord(TypedDict):
    """Prediction of the largest size by one method (`.laws.prediction`); higher is better.

    ``method`` is ``last value``, ``line``, ``mechanism`` or ``broken law``; ``error`` is predicted
    minus observed. ``low`` and ``high`` are the middle 95 % of the predictions from bootstrap draws
    of the other sizes, without the noise of the largest size itself; NaN without draws.
    """

    method: str
    predicted: float
    observed: float
    error: float
    low: float
    high: float


class PartVerdict(TypedDict):
    """Verdict on the curve of one part of a task."""

    part: int
    n: int
    equivalent: str


class CurveEvidence(TypedDict):
    """Everything concluded about one curve, and what it rests on.

    ``at`` are the sizes' values on the ``scale``, the column of an axis (`ushaped.axes`);
    ``values``, ``low``, ``high`` are in the metric's own unit, with run-to-run noise; ``seeds``
    counts the models of each size. ``overdispersion`` is how much the sizes scatter about the best
    curve of one turn beyond the noise of items, as a standard deviation between runs; None for
    fewer than eight sizes. Along an axis of the same models there is none, and no law is fitted.
    """

    about: About
    unit: str
    scale: str
    sizes: list[str]
    at: list[float]
    values: list[float]
    low: list[float]
    high: list[float]
    chance: float
    n: int | None
    trials: list[float] | None
    seeds: list[int] | None
    sampling: str
    run_noise: RunNoiseRecord
    overdispersion: Estimate | None
    clusters: int
    verdict: Verdict
    shapes: list[FittedShape]
    neighbours: list[NeighbourTest]
    two_lines: TwoLinesTest | None
    lind_mehlum: LindMehlumTest | None
    valley: ValleyRecord | None
    mechanism: MechanismRecord | None
    broken: BrokenLawRecord | None
    prediction: list[PredictionRecord] | None
    parts: list[PartVerdict]


def write_evidence(path: Path, curves: Sequence[CurveEvidence]) -> None:
    """Write ``evidence.json``."""
    write_json(path, {"version": VERSION, "curves": without_nan(curves)})


def read_evidence(path: Path) -> list[CurveEvidence]:
    """Read ``evidence.json``; unknown numbers are None.

    Raises
    ------
    UserError
        If the file is of another version, or a curve lacks a part.
    """
    return check_evidence(read_json(path), str(path))


def check_evidence(content: Mapping[str, Any], where: str) -> list[CurveEvidence]:
    """Check the content of ``evidence.json``, and return its curves."""
    version, curves = content.get("version", "unknown"), content.get("curves")
    if version != VERSION:
        raise UserError(where, f"is of version {version}, not {VERSION}", REMEDY)
    if not isinstance(curves, list):
        raise UserError(where, "has no list of curves", REMEDY)
    for number, curve in enumerate(curves, 1):
        about = curve.get("about") or {}
        missing = [key for key in CurveEvidence.__annotations__ if key not in curve]
        missing += [f"about.{key}" for key in About.__annotations__ if key not in about]
        if missing:
            raise UserError(f"{where}, curve {number}", f"lacks '{missing[0]}'", REMEDY)
    return curves
