"""The check of a server: what it echoes must be what it says when it generates."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from fake_server import NAME, Server
from ushaped.errors import UserError
from ushaped.scoring.served.check import LISTED, PROBES, USUAL, Checked, Echo, check
from ushaped.scoring.served.client import Client, Endpoint


def checked(server: Server) -> Checked:
    """What the check says of the server."""
    return check(Client(Endpoint(server.url, NAME, retries=0), lambda line: None))


def test_a_server_that_is_right_passes(server: Server) -> None:
    found = checked(server)
    assert (found.reading, found.unlisted) == (USUAL, 0)
    assert found.observations >= 6
    assert found.worst < 1e-6


@pytest.mark.parametrize(
    ("echo", "reading"),
    [
        ("late", LISTED),
        ("before", "beside the token before"),
        ("after", "beside the token after"),
    ],
)
def test_a_shift_by_one_is_found_and_corrected(server: Server, echo: str, reading: str) -> None:
    server.echo = echo
    found = checked(server)
    assert found.reading == reading
    assert found.worst < 1e-6


def without_alternatives(late: int) -> Callable[[dict[str, Any]], Any]:
    """Answers with empty lists of likeliest tokens, as FastChat's; echoed some positions late."""

    def completed(body: dict[str, Any]) -> Any:
        tokens = re.findall(r"\s?\S+", body["prompt"])
        moved, count = late if body.get("echo") else 0, len(tokens)
        tokens.append(" on")
        values = [-len(token) - (at + moved) / 2 for at, token in enumerate(tokens)]
        first = 0 if body.get("echo") else count
        listed = {
            "tokens": tokens[first:],
            "token_logprobs": values[first:],
            "text_offset": [sum(map(len, tokens[first:at])) for at in range(first, count + 1)],
            "top_logprobs": [{}] * len(tokens[first:]),
        }
        usage = {"prompt_tokens": count}
        return 200, {}, {"model": NAME, "choices": [{"logprobs": listed}], "usage": usage}

    return completed


def test_of_a_server_that_names_no_alternatives_each_token_is_compared_once(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "_completed", without_alternatives(late=0))
    found = checked(server)
    assert (found.reading, found.observations) == (USUAL, 2 * len(PROBES))


def test_a_shift_that_only_alternatives_could_correct_is_refused_without_them(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "_completed", without_alternatives(late=1))
    with pytest.raises(UserError, match="does not help"):
        checked(server)


def test_log_probabilities_that_depend_on_earlier_requests_are_refused(server: Server) -> None:
    assert checked(server).repeated < 1e-6
    server.cached = 1.5
    for _ in range(2):
        with pytest.raises(UserError, match=r"depend on earlier requests.*--no-enable-prefix"):
            checked(server)


def test_log_probabilities_that_turn_into_no_number_are_refused(server: Server) -> None:
    server.cached = float("nan")
    with pytest.raises(UserError, match="depend on earlier requests"):
        checked(server)


def test_numbers_that_fit_nowhere_are_refused_with_an_example(server: Server) -> None:
    server.echo = "noise"
    with pytest.raises(UserError, match=r"do not fit .* echoed, .* generated\), .*does not help"):
        checked(server)


@pytest.mark.parametrize(
    ("echo", "reason"),
    [
        ("none", "gives no log-probabilities of a prompt"),
        ("ignored", "for the prompt"),
        ("refused", "refuses to echo a prompt.*echo is not supported"),
    ],
)
def test_a_server_without_log_probabilities_of_prompts_is_refused(
    server: Server, echo: str, reason: str
) -> None:
    server.echo = echo
    with pytest.raises(UserError, match=reason) as caught:
        checked(server)
    assert "use a server that gives them" in str(caught.value)


@pytest.mark.parametrize("echo", ["right", "late"])
def test_a_special_token_before_the_text_is_no_shift(server: Server, echo: str) -> None:
    server.echo, server.begins_with = echo, "<s>"
    found = checked(server)
    assert found.reading == (USUAL if echo == "right" else LISTED)
    assert (found.unlisted, found.worst < 1e-6) == (0, True)


def test_a_server_that_generates_nothing_to_compare_is_refused(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "_generated", lambda ids, body: ([], True))
    with pytest.raises(UserError, match="cannot be checked: only 0 of its generated tokens"):
        checked(server)


def test_a_server_with_other_answers_is_told_what_is_missing(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As llama.cpp's own server answers: of the tokens that it generated, in a form of its own.
    listed = {"content": [{"token": " yes", "logprob": -0.5}]}
    answer = {"choices": [{"text": " yes", "logprobs": listed}], "usage": {"prompt_tokens": 5}}
    monkeypatch.setattr(server, "_completed", lambda body: (200, {}, answer | {"model": NAME}))
    with pytest.raises(UserError, match="gives no log-probabilities of a prompt"):
        checked(server)


def test_an_answer_whose_lists_do_not_match_is_no_echo() -> None:
    listed = {"tokens": ["a", "b"], "text_offset": [0, 1], "token_logprobs": [None]}
    answer = {"choices": [{"logprobs": listed}], "usage": {"prompt_tokens": 2}}
    assert Echo.of(answer) is None
