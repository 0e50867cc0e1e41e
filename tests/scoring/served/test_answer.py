"""What is read from the answers of chat servers, odd ones too."""

from __future__ import annotations

from typing import Any

import pytest

from ushaped.errors import UserError
from ushaped.scoring.served.answer import ChatAnswer


def answer(message: dict[str, Any], finish: str | None = "stop", **usage: Any) -> ChatAnswer:
    """The reading of an answer of ten tokens."""
    choice = {"message": message, "finish_reason": finish}
    counts = {"prompt_tokens": 4, "completion_tokens": 10} | usage
    return ChatAnswer.of({"choices": [choice], "usage": counts}, "http://x/v1")


COUNTED = {"completion_tokens_details": {"reasoning_tokens": 7}}


def test_a_plain_answer_is_a_text_and_nothing_else() -> None:
    assert answer({"content": " Yes.\n"}).row(None) == {
        "text": "Yes.",
        "tokens": 10,
        "stopped": True,
        "refused": False,
        "thought": "",
        "thought_tokens": 0,
        "thought_cut": False,
        "prompt_tokens": 4,
    }


@pytest.mark.parametrize(
    "message",
    [
        {"content": "B", "reasoning_content": "Birds fly."},
        {"content": "B", "reasoning": "Birds fly."},
        {"content": "<think>Birds fly.</think>\n\nB"},
        {"content": "Birds fly.</think>B"},
        {"content": "[THINK]Birds fly.[/THINK]B"},
        {
            "content": [
                {"type": "thinking", "thinking": [{"type": "text", "text": "Birds fly."}]},
                {"type": "text", "text": "B"},
            ]
        },
    ],
)
def test_a_thought_is_found_wherever_servers_put_it(message: dict[str, Any]) -> None:
    row = answer(message, **COUNTED).row(None)
    assert (row["text"], row["thought"]) == ("B", "Birds fly.")
    assert (row["tokens"], row["thought_tokens"]) == (3, 7)


def test_the_registrys_tags_are_taken_in_place_of_the_known_ones() -> None:
    message = {"content": "<t>Birds.</t><think>B</think>"}
    choice = {"message": message, "finish_reason": "stop"}
    usage = {"completion_tokens": 9}
    found = ChatAnswer.of({"choices": [choice], "usage": usage}, "x", [("<t>", "</t>")])
    assert (found.text, found.thought) == ("<think>B</think>", "Birds.")


def test_a_thought_that_nobody_counts_has_its_share_of_the_characters() -> None:
    row = answer({"content": "B" * 10, "reasoning": "x" * 40}).row(None)
    assert (row["tokens"], row["thought_tokens"]) == (2, 8)


@pytest.mark.parametrize(
    ("message", "finish", "text"),
    [
        ({"content": None, "refusal": "I cannot say."}, "stop", "I cannot say."),
        ({"content": None}, "content_filter", ""),
        ({"content": "Half a"}, "content_filter", "Half a"),
    ],
)
def test_a_refusal_is_an_answer_that_was_refused(
    message: dict[str, Any], finish: str, text: str
) -> None:
    row = answer(message, finish).row(None)
    assert (row["text"], row["refused"], row["stopped"]) == (text, True, True)


@pytest.mark.parametrize("message", [{"content": None}, {"content": ""}, {}])
def test_an_answer_without_content_is_empty_and_no_refusal(message: dict[str, Any]) -> None:
    row = answer(message).row(None)
    assert (row["text"], row["refused"], row["stopped"]) == ("", False, True)


def test_an_answer_that_met_its_limit_did_not_stop_by_itself() -> None:
    assert not answer({"content": "So"}, "length").row(None)["stopped"]


@pytest.mark.parametrize(
    ("message", "finish", "budget", "cut"),
    [
        ({"content": None, "reasoning": "Birds"}, "length", None, True),
        ({"content": "<think>Birds"}, "length", None, True),
        ({"content": "B", "reasoning": "Birds"}, "length", None, False),
        ({"content": "B", "reasoning": "Birds"}, "stop", 7, True),
        ({"content": "B", "reasoning": "Birds"}, "stop", 8, False),
    ],
)
def test_a_thought_was_cut_at_its_budget_or_where_it_left_no_answer(
    message: dict[str, Any], finish: str, budget: int | None, cut: bool
) -> None:
    assert answer(message, finish, **COUNTED).row(budget)["thought_cut"] is cut


def test_a_server_that_counts_no_tokens_is_refused() -> None:
    with pytest.raises(UserError, match="answers without 'usage'"):
        ChatAnswer.of({"choices": [{"message": {"content": "A"}}]}, "http://x/v1")


def test_the_likeliest_first_tokens_are_read() -> None:
    top = [{"token": "A", "logprob": -0.1}, {"token": "B", "logprob": -2.5}]
    listed = {"content": [top[0] | {"top_logprobs": top}, {"token": ".", "logprob": 0.0}]}
    choice = {"message": {"content": "A."}, "finish_reason": "stop", "logprobs": listed}
    found = ChatAnswer.of({"choices": [choice], "usage": {"completion_tokens": 2}}, "x")
    assert found.top == [("A", -0.1), ("B", -2.5)]
    assert found.sampled == ("A", -0.1)
