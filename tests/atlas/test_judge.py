"""Curves of the atlas are made of the right points and judged as the same curves anywhere else."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from ushaped.atlas.curves import FAMILIES, MIXED, SUBTASKS, AtlasCurve, curves_of, rerun_noise
from ushaped.atlas.judge import NOT_TESTED, add_q_values, judge_curve
from ushaped.atlas.points import Point
from ushaped.literature.run_noise import read_run_noise
from ushaped.shapes.curves import Curve
from ushaped.shapes.data import Counts, Settings
from ushaped.shapes.evidence import examine

NOISE = read_run_noise("multiple-choice")
TWO_CHOICE = read_run_noise("two-choice")
SETTINGS = Settings(draws=400, run_noise=NOISE)
U = [0.6, 0.4, 0.2, 0.3, 0.5, 0.7]
RISE = [0.2, 0.25, 0.3, 0.4, 0.5, 0.6]


def point(parameters: float, value: float, multiple: float = 1.0, **more: object) -> Point:
    """A point of an invented set; whatever is not given is the same for all."""
    made = Point(
        set="made",
        corpus="web",
        task="quiz",
        part="",
        metric="accuracy",
        model=f"m{parameters:g}-{multiple:g}",
        run="",
        size=f"{parameters:g}",
        value=value,
        n=1000,
        chance=0.25,
        parameters=parameters,
        training_tokens=20 * multiple * parameters,
        training_flops=120 * multiple * parameters**2,
        token_multiple=multiple,
        validation_loss=5 - math.log10(parameters * multiple) / 4,
        protocol="5-shot",
        modified="",
        commit="c",
    )
    return replace(made, **more)  # type: ignore[arg-type]


def grid(values: list[float], multiples: tuple[float, ...] = (1.0,)) -> list[Point]:
    return [
        point(10.0 ** (6 + place / 2), value, multiple)
        for place, value in enumerate(values)
        for multiple in multiples
    ]


def curve(values: list[float], axis: str = "parameters", **more: object) -> AtlasCurve:
    points = [replace(one, **more) for one in grid(values)]  # type: ignore[arg-type]
    return next(one for one in curves_of(points, {})[0] if one.axis.name == axis)


def judged(one: AtlasCurve) -> dict[str, object]:
    return judge_curve(one, SETTINGS, TWO_CHOICE)


# -- curves ---------------------------------------------------------------------------------------


def test_runs_of_two_multiples_make_curves_with_one_of_both_held_fixed() -> None:
    curves, left_out = curves_of(grid(U[:3], (1.0, 4.0, 16.0)), {})
    found = {(one.axis.name, one.fixed): len(one.sizes) for one in curves}
    assert found == {
        ("training-compute", "all runs"): 9,
        ("parameters", "20 tokens per parameter"): 3,
        ("parameters", "80 tokens per parameter"): 3,
        ("parameters", "320 tokens per parameter"): 3,
        ("training-tokens", "1e+06 parameters"): 3,
        ("training-tokens", "3.16228e+06 parameters"): 3,
        ("training-tokens", "1e+07 parameters"): 3,
        ("validation-loss", "all runs"): 9,
    }
    assert {one.axis.name for one in curves if MIXED in one.flags} == {
        "training-compute",
        "validation-loss",
    }
    assert not left_out


def test_two_points_are_no_curve_and_are_named() -> None:
    curves, left_out = curves_of(grid(U[:2]), {})
    assert not curves
    assert sorted((one.what, one.reason) for one in left_out) == [
        ("web, 1e+06 parameters, over training tokens", reason(1)),
        ("web, 20 tokens per parameter, over parameters", reason(2)),
        ("web, 3.16228e+06 parameters, over training tokens", reason(1)),
        ("web, all runs, over training compute", reason(2)),
        ("web, all runs, over validation loss", reason(2)),
    ]


def reason(points: int) -> str:
    return f"has {'1 point' if points == 1 else f'{points} points'}, and a turn needs 3 (1 curve)"


def test_a_curve_over_validation_loss_begins_at_the_highest_loss() -> None:
    one = curve(U, "validation-loss")
    assert (np.diff(one.at) < 0).all()
    assert one.values.tolist() == U
    assert (np.diff(one.axis.positions(one.at)) > 0).all()


def test_protocols_are_never_on_one_curve() -> None:
    points = [*grid(U), *(replace(one, protocol="0-shot") for one in grid(RISE))]
    curves, _ = curves_of(points, {})
    by = {(one.axis.name, one.protocol): one.values.tolist() for one in curves}
    assert by["parameters", "5-shot"] == U
    assert by["parameters", "0-shot"] == RISE


def test_families_are_pooled_beside_their_own_curves() -> None:
    nan = math.nan
    points = [
        replace(one, corpus=family, token_multiple=nan, model=f"{family}{one.model}")
        for family, values in (("a", U), ("b", RISE))
        for one in grid(values)
    ]
    curves, _ = curves_of(points, {"made": "everybody"})
    compute = {one.corpus: one for one in curves if one.axis.name == "training-compute"}
    assert compute.keys() == {"a", "b", "everybody"}
    assert compute["everybody"].values.tolist() == pytest.approx(
        [(one + other) / 2 for one, other in zip(U, RISE, strict=True)]
    )
    assert compute["everybody"].flags == (FAMILIES,)
    assert compute["everybody"].models[0] == ("am1e+06-1", "bm1e+06-1")


def test_shares_that_are_no_counts_are_flagged() -> None:
    assert SUBTASKS in curve([value + 0.0005 for value in U]).flags
    assert SUBTASKS not in curve(U).flags


def test_reruns_give_the_noise_of_a_task() -> None:
    points = [*grid(U), *(replace(one, run="rerun", value=one.value + 0.02) for one in grid(U))]
    noise = rerun_noise(points)
    assert noise is not None
    assert (noise.sd, noise.degrees) == (pytest.approx(0.02 / math.sqrt(2)), 6)
    assert rerun_noise(grid(U)) is None


# -- verdicts -------------------------------------------------------------------------------------


@pytest.mark.parametrize("values", [U, RISE, RISE[::-1], [0.3] * 6, U[::-1]])
def test_a_verdict_is_that_of_the_same_curve_judged_elsewhere(values: list[float]) -> None:
    one = curve(values)
    counts = one.counts
    assert counts is not None
    corpus, of, task, variant = one.key
    same = Curve(
        corpus,
        of,
        task,
        variant,
        protocol="",
        modified="",
        metric="accuracy",
        sizes=one.sizes,
        flops=one.at,
        values=one.values,
        n=1000,
    )
    expected = examine(same, Counts(*counts), SETTINGS)["verdict"]
    row = judged(one)
    for name in ("statistical", "because", "these_models", "tipping_point", "literal"):
        assert row[name] == pytest.approx(expected[name], nan_ok=True), name  # type: ignore[literal-required]
    for test in ("change", "rise", "fall", "u", "inverted_u", "misfit"):
        assert row[f"pvalue_{test}"] == expected[f"p_{test}"]  # type: ignore[literal-required]


def test_a_loss_with_reruns_is_judged_by_their_noise_alone() -> None:
    values = [3.0, 2.9, 2.8, 2.6, 2.5, 2.4]
    points = [replace(one, metric="bits_per_byte") for one in grid(values)]
    again = [replace(one, run="rerun", value=one.value + 0.01) for one in points]
    one = next(c for c in curves_of([*points, *again], {})[0] if c.axis.name == "parameters")
    row = judged(one)
    assert (row["statistical"], row["run_noise_source"]) == ("positive", "estimated")
    assert row["these_models"] is None


def test_values_without_known_errors_are_not_tested() -> None:
    for one in (curve(U, metric="brier"), curve(U, n=None)):
        row = judged(one)
        assert (row["statistical"], row["because"]) == ("undetermined", NOT_TESTED)
        assert row["pvalue_u"] is None
    assert judged(curve(U, metric="brier"))["equivalent"] == "inverted-U"


def test_two_choice_tasks_borrow_their_own_noise() -> None:
    noise = {chance: judged(curve(U, chance=chance))["run_noise"] for chance in (0.25, 0.5)}
    assert noise[0.5] > noise[0.25]  # type: ignore[operator]


def test_a_curve_of_mixed_multiples_has_no_tipping_point() -> None:
    mixed = next(
        one
        for one in curves_of(grid(RISE, (1.0, 2.0)), {})[0]
        if one.axis.name == "training-compute"
    )
    assert judged(mixed)["tipping_point"] is None


def test_the_correction_is_over_all_curves() -> None:
    rows = [judged(curve(U)), judged(curve([0.3] * 6)), judged(curve(RISE))]
    alone = [dict(rows[0])]
    add_q_values(alone)
    add_q_values(rows)
    assert rows[0]["qvalue_u"] == pytest.approx(3 * float(str(alone[0]["qvalue_u"])), rel=0.01)
    assert [row["confirmed"] for row in rows] == ["yes", "", "yes"]
