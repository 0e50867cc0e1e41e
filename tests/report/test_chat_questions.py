"""The answers on written answers and on chat models on the page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from page import TEMPLATE, Page, inputs, spaced
from ushaped.questions import base_and_chat, written_answers
from ushaped.report import render
from ushaped.report.base_and_chat import base_and_chat_view
from ushaped.report.written_answers import written_answers_view


def written(**changed: Any) -> dict[str, Any]:
    row: dict[str, Any] = {"family": "f", "source": "replica", "variant": "think-16"}
    row |= {"task": "neqa", "protocol": "modified", "size": "1B", "base_variant": "zero-shot"}
    row |= {"value": 0.25, "low": 0.2, "high": 0.3, "base_value": 0.75, "answered_accuracy": 0.5}
    row |= {"unanswered_share": 0.5, "thinking_tokens": 12.5, "answer_tokens": 3.0}
    row |= {"base_equivalent": "inverse", "equivalent": "U-shaped", "unread_example": "<b>Hm"}
    return dict.fromkeys(written_answers.COLUMNS, float("nan")) | row | changed


def paired(**changed: Any) -> dict[str, Any]:
    row: dict[str, Any] = {"source": "replica", "task": "neqa", "family": "f-chat"}
    row |= {"variant": "zero-shot-chat", "protocol": "modified", "base_family": "f"}
    row |= {"base_variant": "zero-shot", "base_protocol": "official", "metric": "accuracy"}
    row |= {"size": "1B", "n": 20, "base_value": 0.25, "value": 0.75, "difference": 0.5}
    row |= {"difference_low": 0.3, "difference_high": 0.7, "base_label_mass": 0.4}
    row |= {"label_mass": 0.00003, "base_equivalent": "", "equivalent": ""}
    return row | changed


@pytest.fixture(scope="module")
def words(results: Path) -> str:
    answers = {
        "written-answers": pd.DataFrame(
            [written(), written(task="redefine", equivalent="inverse")]
        ),
        "base-and-chat": pd.DataFrame([paired(), paired(task="redefine", difference_low=-0.1)]),
    }
    page = render(TEMPLATE, inputs(results, questions=answers))
    Page(page)
    start = page.index('id="question-written-answers"')
    return spaced(page[start : page.index("</section>", start)])


def test_the_page_says_how_many_answers_were_read_and_whose_verdict_changes(words: str) -> None:
    assert "think-16 (modified protocol), replica items. A class was read from 50.0% of" in words
    assert (
        "the same verdict as with zero-shot on 1 of 2 tasks; another on neqa (U-shaped, with "
        "zero-shot inverse)"
    ) in words
    assert "neqa 1B 25.0% 20.0% to 30.0% 50.0% 75.0% 50.0% – – 12.5 3.0 U-shaped inverse" in words
    assert "no class was read: redefine, 1B: <b>Hm neqa, 1B: <b>Hm" in words
    assert "nan" not in words


def test_the_page_counts_the_pairs_that_a_template_moves(words: str) -> None:
    assert (
        "f-chat (zero-shot-chat) beside f (zero-shot), replica items: of 2 pairs of models, 1 "
        "better through the template and 0 worse"
    ) in words
    assert "25.0% 75.0% +50.0 +30.0 to +70.0 40.0% 0.003%" in words


def test_of_one_size_no_verdicts_are_compared() -> None:
    (said,) = written_answers_view(pd.DataFrame([written(equivalent="", base_equivalent="")]))
    assert said.verdicts == "no verdict to compare: one size, or no baseline in this run"


def test_without_such_models_nothing_is_said(results: Path) -> None:
    assert written_answers_view(None) == base_and_chat_view(None) == []
    empty = {
        "written-answers": pd.DataFrame(columns=list(written_answers.COLUMNS)),
        "base-and-chat": pd.DataFrame(columns=list(base_and_chat.COLUMNS)),
    }
    page = render(TEMPLATE, inputs(results, questions=empty))
    assert "question-written-answers" not in page
    assert "question-base-and-chat" not in page
