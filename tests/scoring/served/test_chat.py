"""Written answers of a model behind a chat endpoint: what is asked, stored and recorded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import prompts as prompt_step
from fake_server import Server
from score_files import describe_served, score, write_prompts
from ushaped.errors import UserError
from ushaped.scoring.served.probe import QUESTION
from ushaped.scoring.served.thinking import ThinkingBudget

Row = dict[str, Any]
BIRD, NOT_BIRD, WHICH = "a bird?", "not a bird?", "Which one?"
DRAWN = {"samples": 3, "temperature": 1.0, "tokens": 8, "seed": 7}


def write_generated(folder: Path, variant: str, think: int | None = None, **rule: Any) -> Path:
    """A prompt file of written answers."""
    path = write_prompts(folder, "neqa", variant, **rule)
    written = {"generated": True, "think": think, "stop": ["\n\n"], "answer_after": " So"}
    written |= {"announced_by": [], "aliases": "{}"}
    rows = [row | written for row in pq.read_table(path).to_pylist()]
    pq.write_table(pa.Table.from_pylist(rows, schema=prompt_step.SCHEMA), path)
    return path


@pytest.fixture
def ready(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the description of the served model and a prompt file."""
    server.answers = {BIRD: "yes", NOT_BIRD: "no, it is not", WHICH: "I do not know"}
    describe_served(tmp_path, server, monkeypatch, api="chat")
    write_generated(tmp_path, "zero-shot-generated")
    return tmp_path


def run(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    chat: Row | None = None,
    thinking: Row | None = None,
    **sampling: Any,
) -> dict[str, float]:
    """Score by chat; the benchmark."""
    words = ["--sampling", json.dumps({"tokens": 8} | sampling)]
    for name, value in (("--chat", chat), ("--thinking", thinking)):
        words += [name, json.dumps(value)] if value else []
    return score(folder, monkeypatch, *words)


def rows(folder: Path, variant: str = "zero-shot-generated") -> list[Row]:
    """The scores of a variant."""
    found: list[Row] = pq.read_table(folder / f"scores/replica/neqa/{variant}.parquet").to_pylist()
    return found


def made(folder: Path, variant: str = "zero-shot-generated") -> Row:
    """How they were made."""
    schema = pq.read_schema(folder / f"scores/replica/neqa/{variant}.parquet")
    return dict(json.loads(schema.metadata[b"made"]))


def asked(server: Server) -> list[Row]:
    """Requests for items, those of the probe left out."""
    return [body for body in server.asked if body["messages"][-1]["content"] != QUESTION]


def test_answers_are_read_and_stored(
    ready: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    benchmark = run(ready, monkeypatch)
    found = rows(ready)
    assert [row["samples"] for row in found] == [["yes"], ["no, it is not"], ["I do not know"]]
    assert [row["answers"] for row in found] == [[0], [1], [None]]
    assert [row["sample_tokens"] for row in found] == [[1], [4], [4]]
    assert [row["sample_stopped"] for row in found] == [[True]] * 3
    assert [row["prompt_tokens"] for row in found] == [2, 3, 2]
    assert (benchmark["items"], benchmark["items_kept"]) == (3, 0)
    # Three for the probe, which asks a second and a third time.
    assert benchmark["requests"] == 3 + 3
    assert benchmark["prompt_tokens"] == 3 * len(QUESTION.split()) + 7
    assert [body["max_tokens"] for body in asked(server)] == [8] * 3
    assert {body["temperature"] for body in server.asked} == {0}
    assert "seed" not in server.asked[-1]


def test_a_prompt_is_the_message_of_a_user_after_the_system_prompt(
    ready: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = {"enable_thinking": False}
    run(ready, monkeypatch, chat={"system_prompt": "Be brief.", "template_arguments": arguments})
    system = {"role": "system", "content": "Be brief."}
    for text in (BIRD, NOT_BIRD, WHICH):
        messages = [system, {"role": "user", "content": text}]
        assert messages in [body["messages"] for body in asked(server)]
    assert {json.dumps(body["chat_template_kwargs"]) for body in server.asked} == {
        json.dumps(arguments)
    }
    assert made(ready)["chat"]["system_prompt"] == "Be brief."
    assert made(ready)["chat"]["example"] == "system: Be brief.\nuser: PROMPT"


def test_another_system_prompt_is_another_answer(
    ready: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(ready, monkeypatch)
    again = run(ready, monkeypatch, chat={"system_prompt": ""})
    assert again["items"] == 3


def test_samples_have_seeds_of_their_own_that_another_run_repeats(
    ready: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answers = {}
    run(ready, monkeypatch, **DRAWN)
    first, seeds = rows(ready), [body["seed"] for body in asked(server)]
    assert len(set(seeds)) == 9
    assert max(seeds) < 2**31
    assert {body["temperature"] for body in asked(server)} == {1.0}
    assert len({tuple(row["samples"]) for row in first}) == 3
    assert made(ready)["probe"]["seeds"] == "differ"
    (ready / "store").rename(ready / "aside")
    run(ready, monkeypatch, **DRAWN)
    assert rows(ready) == first


def test_a_job_that_lost_its_server_goes_on_with_the_next_sample(
    ready: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answers = {}
    write_generated(ready, "zero-shot-generated", texts=tuple(f"Which {n}" for n in range(8)))
    # The probe takes four requests; of 24 samples, the store has two batches of eight.
    server.lives = 4 + 20
    with pytest.raises(UserError, match="what was scored is stored"):
        run(ready, monkeypatch, **DRAWN)
    server.asked.clear()
    server.lives = None
    run(ready, monkeypatch, **DRAWN)
    assert 4 <= len(asked(server)) <= 8
    assert all(len(row["samples"]) == 3 for row in rows(ready))
    server.asked.clear()
    assert run(ready, monkeypatch, **DRAWN)["items_kept"] == 8
    assert server.asked == []


def test_equal_prompts_are_asked_once(
    ready: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_generated(ready, "few-shot-2-generated")
    run(ready, monkeypatch)
    assert len(asked(server)) == 3
    assert rows(ready) == rows(ready, "few-shot-2-generated")


@pytest.mark.parametrize(
    ("odd", "expected"),
    [
        ({"message": {"content": None, "refusal": "I cannot."}}, ("I cannot.", True, True)),
        ({"finish_reason": "content_filter"}, ("yes", False, True)),
        ({"message": {"content": None}, "finish_reason": "content_filter"}, ("", True, True)),
        ({"message": {"content": None}}, ("", False, True)),
        ({"finish_reason": "length"}, ("yes", False, False)),
    ],
)
def test_an_odd_answer_is_an_answer(
    ready: Path,
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    odd: Row,
    expected: tuple[str, bool, bool],
) -> None:
    server.odd = {BIRD: odd}
    run(ready, monkeypatch)
    row = rows(ready)[0]
    # What was stopped by a filter is no refusal where a class can be read all the same.
    assert (row["samples"][0], row["refused"][0], row["sample_stopped"][0]) == expected


def test_an_answer_without_choices_stops_the_job_and_names_the_item(
    ready: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    chatted = server._chatted

    def without_choices(body: Row) -> Any:
        status, headers, answer = chatted(body)
        if body["messages"][-1]["content"] == WHICH:
            answer["choices"] = []
        return status, headers, answer

    monkeypatch.setattr(server, "_chatted", without_choices)
    with pytest.raises(UserError, match=r"item 2: answers without 'choices'"):
        run(ready, monkeypatch)


def test_a_prompt_that_is_too_long_is_named(
    ready: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_generated(ready, "zero-shot-generated", texts=("Which", "bird " * 400, "no"))
    with pytest.raises(UserError, match=r"generated\.parquet, item 1: is too long"):
        run(ready, monkeypatch)


# -- thinking -----------------------------------------------------------------------------------


@pytest.mark.parametrize("thinks", ["apart", "inside"])
def test_a_budget_is_sent_and_the_thought_stored(
    ready: Path, server: Server, monkeypatch: pytest.MonkeyPatch, thinks: str
) -> None:
    server.thinks = thinks
    write_generated(ready, "think-4", think=4)
    run(ready, monkeypatch, thinking={"parameter": "max_thinking_tokens"})
    thinking = [body for body in asked(server) if body["max_thinking_tokens"] == 4]
    assert [body["max_tokens"] for body in thinking] == [8 + 4] * 3
    assert all(body.get("logprobs") is None for body in thinking)
    row = rows(ready, "think-4")[0]
    assert (row["samples"], row["thoughts"]) == (["yes"], ["hm hm hm hm"])
    assert row["answers"] == [0]
    if thinks == "apart":
        assert (row["sample_tokens"], row["thought_tokens"]) == ([1], [4])
        assert row["thought_cut"] == [True]
    assert made(ready)["probe"]["thinks"] is True
    # The others shall not think.
    assert {body["max_thinking_tokens"] for body in server.asked} == {0, 4}
    assert rows(ready)[0]["thoughts"] == [""]


def test_a_server_that_ignores_a_budget_is_told_apart(
    ready: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_generated(ready, "think-4", think=4)
    run(ready, monkeypatch, thinking={"parameter": "budget"})
    assert "remote: was told to think and did not" in capsys.readouterr().err
    assert made(ready)["probe"]["thinks"] is False
    assert rows(ready, "think-4")[0]["thought_tokens"] == [0]


def test_a_thought_may_leave_no_answer(
    ready: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.thinks = "apart"
    chatted = server._chatted
    monkeypatch.setattr(
        server, "_chatted", lambda body: chatted(body | {"max_thinking_tokens": 99})
    )
    write_generated(ready, "think-4", think=4)
    (ready / "prompts/replica/neqa/zero-shot-generated.parquet").unlink()
    values = {"parameter": "reasoning_effort", "values": {"0": "none", "4": "low"}}
    run(ready, monkeypatch, thinking=values)
    assert asked(server)[0]["reasoning_effort"] == "low"
    row = rows(ready, "think-4")[0]
    assert (row["samples"], row["answers"]) == ([""], [None])
    assert (row["thought_cut"], row["thought_tokens"]) == ([True], [12])


@pytest.mark.parametrize(
    ("told", "budget", "sent"),
    [
        (ThinkingBudget("max_thinking_tokens"), 64, {"max_thinking_tokens": 64}),
        (ThinkingBudget("max_thinking_tokens"), None, {"max_thinking_tokens": 0}),
        (ThinkingBudget("effort", values={64: "low"}), 64, {"effort": "low"}),
        (ThinkingBudget("effort", values={64: "low"}), None, {}),
        (ThinkingBudget("effort", values={0: "none", 64: "low"}), None, {"effort": "none"}),
        (ThinkingBudget("a.b.c"), 64, {"a": {"b": {"c": 64}}}),
        (
            ThinkingBudget(template_argument="enable_thinking", values={0: False, 9: True}),
            9,
            {"chat_template_kwargs": {"enable_thinking": True}},
        ),
        (ThinkingBudget(), 64, {}),
    ],
)
def test_a_budget_is_sent_as_the_registry_says(
    told: ThinkingBudget, budget: int | None, sent: Row
) -> None:
    assert told.options(budget) == sent


def test_a_budget_above_the_servers_context_is_refused_before_anything_is_asked(
    ready: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_generated(ready, "think-400", think=400)
    with pytest.raises(UserError, match=r"think-400: needs 408 tokens.*context has 400"):
        run(ready, monkeypatch, thinking={"parameter": "max_thinking_tokens"})
    assert server.asked == []


# -- the probe ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("top", "found", "expected"),
    [
        ("right", "a distribution", [pytest.approx(-0.6931, abs=1e-3), None]),
        ("none", "none", None),
        ("refused", "refused", None),
        ("too likely", "their probabilities add up to 1.80", None),
        ("without", "they lack the token that was written", None),
    ],
)
def test_first_tokens_are_recorded_where_they_are_those_of_a_distribution(
    ready: Path,
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    top: str,
    found: str,
    expected: list[float | None] | None,
) -> None:
    server.top = top
    run(ready, monkeypatch)
    assert rows(ready)[0]["first_token"] == expected
    assert rows(ready)[2]["first_token"] is None
    assert made(ready)["probe"]["first_token"].startswith(found)


def test_a_server_that_ignores_the_limit_is_refused(
    ready: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.obeys = False
    with pytest.raises(UserError, match="at most 16 tokens and wrote 30; set limit_parameter"):
        run(ready, monkeypatch)
    assert asked(server) == []


@pytest.mark.parametrize(
    ("said", "remedy"),
    [
        (
            "'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
            "add 'limit_parameter: max_completion_tokens'",
        ),
        ("temperature does not support 0 with this model", r"add 'omit: \[temperature\]'"),
        ("thinking_token_budget is not configured", "correct 'thinking' of the family"),
        ("no such model", "check endpoint, served_as and api"),
    ],
)
def test_what_a_server_refuses_is_told_with_the_remedy(
    ready: Path, server: Server, monkeypatch: pytest.MonkeyPatch, said: str, remedy: str
) -> None:
    server.faults = [(400, {}, {"error": {"message": said}})] * 3
    with pytest.raises(UserError, match=f"answers no chat .*{remedy}"):
        run(ready, monkeypatch)


def test_likelihoods_are_not_asked_of_a_chat_endpoint(
    ready: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_prompts(ready, "neqa", "zero-shot")
    with pytest.raises(UserError, match="asks for log-likelihoods, which remote does not show"):
        run(ready, monkeypatch)
    assert server.asked == []


def test_a_price_is_a_column_of_the_benchmark(
    ready: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    price = json.dumps({"currency": "EUR", "input": 1e6, "output": 2e6})
    sampling = ["--sampling", json.dumps({"tokens": 8})]
    row = score(ready, monkeypatch, *sampling, "--price", price)
    assert row["cost_EUR"] == row["prompt_tokens"] + 2 * row["completion_tokens"]


def test_a_completions_endpoint_writes_answers_too(
    ready: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    describe_served(ready, server, monkeypatch)
    write_generated(ready, "think-2", think=2)
    tags = {"open": "<think>\n", "close": "\n</think>\n\n"}
    run(ready, monkeypatch, thinking=tags, samples=2, temperature=1.0)
    assert [len(row["samples"]) for row in rows(ready)] == [2, 2, 2]
    texts = [body["prompt"] for body in server.asked if "</think>" in body["prompt"]]
    assert len(texts) == 6
    assert all("?<think>\n" in text for text in texts)
    assert rows(ready, "think-2")[0]["thought_tokens"] == [2, 2]
    assert len({body["seed"] for body in server.asked if body["prompt"] == BIRD}) == 2
