"""A class is read from what a model wrote, by rules that a reader can check."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ushaped.answers import is_refusal, read_answer

LETTERS = [" A", " B"]


@pytest.mark.parametrize(
    ("text", "classes", "found"),
    [
        # Announced, and the last announcement counts.
        (" It flies. So the answer is B", LETTERS, 1),
        ("The answer is A. No, the answer is: (B).", LETTERS, 1),
        ("**Answer:** B", LETTERS, 1),
        ("the answer is yes, it does", [" Yes", " No"], 0),
        ("The answer is 12.", [" 1", " 12"], 1),
        ("The answer is 1.5", [" 1", " 2"], None),
        # Exact, but for marks.
        ("B", LETTERS, 1),
        ("\u201cB.\u201d", LETTERS, 1),
        ("fonder", [" fonder.", " heavy."], 0),
        ("Let me see.\n\nheavy.", [" fonder.", " heavy."], 1),
        # Begins with it.
        ("No, it does not follow.", [" Yes", " No"], 1),
        ("B) It is a bird.", LETTERS, 1),
        ("Nothing follows.", [" Yes", " No"], None),
        # The one letter that stands alone before a mark.
        ("I would choose option B.", LETTERS, 1),
        ("Between A) and B) I cannot say.", LETTERS, None),
        # An article is no answer.
        ("A bird can fly.", LETTERS, None),
        ("It is a bird.", LETTERS, None),
        ("", LETTERS, None),
        ("I do not know.", LETTERS, None),
    ],
)
def test_the_first_rule_that_finds_a_class_counts(
    text: str, classes: list[str], found: int | None
) -> None:
    assert read_answer(text, classes) == found


def test_a_task_names_more_announcements_and_other_ways_to_write_a_class() -> None:
    assert read_answer("Final verdict: B", LETTERS, ["Final verdict:"]) == 1
    assert read_answer("It is valid.", [" Yes", " No"]) is None
    assert read_answer("Valid.", [" Yes", " No"], aliases={"valid": " Yes"}) == 0


def test_an_alias_of_a_class_that_the_item_lacks_is_no_answer() -> None:
    assert read_answer("valid", [" A", " B"], aliases={"valid": " Yes"}) is None


@given(st.text(), st.lists(st.text(min_size=1), min_size=1, max_size=4))
def test_any_text_gives_a_class_that_there_is_or_none(text: str, classes: list[str]) -> None:
    found = read_answer(text, classes)
    assert found is None or 0 <= found < len(classes)


@given(st.sampled_from([" Yes", " No", " A", " B", " 3", " fonder."]))
def test_a_class_alone_is_read_as_itself(name: str) -> None:
    classes = [name, " something else"]
    assert read_answer(name, classes) == 0
    assert read_answer(f"So the answer is{name}", classes) == 0


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ("I'm sorry, but I can't help with that.", True),
        ("I\u2019m sorry.", True),
        ("Sorry, no.", True),
        ("As an AI, I have no opinion.", True),
        ("Unfortunately, I cannot.", True),
        ("I can see that B follows.", False),
        ("The author is sorry.", False),
    ],
)
def test_a_refusal_is_told_by_how_it_begins(text: str, refused: bool) -> None:
    assert is_refusal(text) is refused
