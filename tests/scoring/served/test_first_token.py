"""Log-probabilities of classes from a list of likely first tokens."""

from __future__ import annotations

import math

import pytest

from ushaped.scoring.served.first_token import distribution_problem, first_token_log_probs

Top = list[tuple[str, float]]


@pytest.mark.parametrize(
    ("classes", "top", "expected"),
    [
        ([" A", " B"], [("A", -0.1), ("B", -3.0)], [-0.1, -3.0]),
        ([" Yes", " No"], [("Y", -1.0), ("No", -2.0)], [-1.0, -2.0]),
        # A class that no listed token begins.
        ([" A", " B"], [("A", -0.1), ("The", -3.0)], [-0.1, None]),
        # "p" and "pos" begin both, "posit" only one.
        (
            [" positive", " possible"],
            [("p", -0.5), ("pos", -1.5), ("posit", -2.0)],
            [-2.0, None],
        ),
        ([" 1", " 12"], [("1", -0.1), ("12", -3.0)], [None, -3.0]),
        # Nothing decides.
        ([" positive", " possible"], [("pos", -0.5)], None),
        ([" A", " B"], [("The", -0.5)], None),
        ([" A", " B"], [], None),
        # Blanks and what is longer than a class begin none.
        ([" A", " B"], [("\n", -0.5), ("A.", -1.0)], None),
    ],
)
def test_a_token_counts_for_the_one_class_that_it_begins(
    classes: list[str], top: Top, expected: list[float | None] | None
) -> None:
    assert first_token_log_probs(classes, top) == (
        None if expected is None else [x if x is None else pytest.approx(x) for x in expected]
    )


def test_probabilities_of_several_tokens_of_a_class_are_added() -> None:
    top = [("A", math.log(0.5)), (" A", math.log(0.25))]
    assert first_token_log_probs([" A", " B"], top) == [pytest.approx(math.log(0.75)), None]


@pytest.mark.parametrize(
    ("top", "sampled", "problem"),
    [
        ([("A", math.log(0.6)), ("B", math.log(0.4))], ("A", math.log(0.6)), None),
        ([("A", math.log(0.9)), ("B", math.log(0.9))], ("A", math.log(0.9)), "add up to 1.80"),
        ([("B", -1.0)], ("A", -0.5), "lack the token"),
        ([("A", -1.0)], ("A", -0.5), "lack the token"),
        ([("A", -1.0)], None, "lack the token"),
        ([("A", 0.5)], ("A", 0.5), "they are"),
        ([("A", math.nan)], ("A", math.nan), "they are"),
    ],
)
def test_a_list_that_can_be_no_distribution_is_known_as_such(
    top: Top, sampled: tuple[str, float] | None, problem: str | None
) -> None:
    found = distribution_problem(top, sampled)
    assert found is None if problem is None else problem in str(found)
