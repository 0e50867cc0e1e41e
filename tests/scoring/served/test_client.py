"""Asking a server: patient with what passes, short about what does not, silent about the key."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from email.message import Message
from email.utils import formatdate
from typing import Any

import pytest

from fake_server import NAME, Reply, Server, served
from ushaped.errors import UserError
from ushaped.scoring.served import client as module
from ushaped.scoring.served.client import Client, Endpoint, TooLongError, Usage

KEY = "sk-very-secret-0123456789"
BUSY: Reply = (503, {}, {})


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.now

    time = monotonic

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The client's clock."""
    found = Clock()
    monkeypatch.setattr(module, "time", found)
    return found


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server that has a ready answer instead of a model."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    one = Server()
    answer = {"model": NAME, "choices": [{"text": "x"}]}
    monkeypatch.setattr(one, "_completed", lambda body: (200, {}, answer))
    with served(one):
        yield one


def client(server: Server, lines: list[str] | None = None, **more: Any) -> Client:
    """A client of the server."""
    log = lines.append if lines is not None else lambda line: None
    return Client(Endpoint(server.url, NAME, **more), log)


@pytest.mark.parametrize(
    "fault",
    [
        (429, {}, {}),
        (500, {}, b"a page"),
        BUSY,
        (408, {}, {}),
        (0, {}, {}),
        (200, {}, b'{"choices": ['),
        (200, {}, [1]),
        (200, {"Content-Length": "1000"}, {}),
    ],
)
def test_what_may_pass_is_asked_again(server: Server, clock: Clock, fault: Reply) -> None:
    server.faults = [fault, fault]
    lines: list[str] = []
    answer = client(server, lines).complete("x", max_tokens=1)
    assert answer["choices"][0]["text"] == "x"
    assert len(server.asked) == 3
    assert len(lines) == 2
    assert all("trying again in" in line for line in lines)


@pytest.mark.parametrize("status", [400, 404, 422])
def test_what_will_not_pass_is_asked_once(server: Server, clock: Clock, status: int) -> None:
    server.faults = [(status, {}, {"error": {"message": "no such thing"}})]
    with pytest.raises(UserError, match=f"status {status}: no such thing"):
        client(server).complete("x")
    assert len(server.asked) == 1


def test_pauses_grow_and_differ(
    server: Server, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    most: list[float] = []

    def drawn(low: float, high: float) -> float:
        assert low == 0
        most.append(high)
        return high

    monkeypatch.setattr(module.random, "uniform", drawn)
    server.faults = [BUSY] * 9
    client(server, retries=9).complete("x")
    assert most == [0.5, 1, 2, 4, 8, 16, 32, 60, 60]
    assert clock.slept == pytest.approx(most)


def test_a_server_that_never_answers_is_given_up_with_one_line(
    server: Server, clock: Clock
) -> None:
    server.faults = [(503, {}, b"")] * 3
    with pytest.raises(
        UserError, match=r"gives no answer \(status 503\).*what was scored is stored"
    ):
        client(server, retries=2).complete("x")
    assert len(server.asked) == 3


def test_a_server_that_is_not_there_is_told_in_one_line(server: Server, clock: Clock) -> None:
    endpoint = Endpoint("http://127.0.0.1:9/v1", NAME, retries=1)
    with pytest.raises(UserError, match=r"127\.0\.0\.1:9/v1: gives no answer"):
        Client(endpoint, lambda line: None).complete("x")


def test_a_slow_server_is_not_waited_for_without_end(server: Server) -> None:
    server.pause = 0.5
    began = time.monotonic()
    with pytest.raises(UserError, match=r"gives no answer.*timed out"):
        client(server, timeout=0.05, retries=1).complete("x")
    assert time.monotonic() - began < 3


@pytest.mark.parametrize(
    ("headers", "least"),
    [
        ({"Retry-After": "17"}, 17),
        ({"Retry-After": formatdate(1030.0, usegmt=True)}, 30),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1m3s"}, 63),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "2500ms"}, 2.5),
    ],
)
def test_the_server_says_how_long_to_wait(
    server: Server, clock: Clock, headers: dict[str, str], least: float
) -> None:
    server.faults = [(429, headers, {})]
    client(server).complete("x")
    assert least <= sum(clock.slept) <= 1.1 * least


def test_a_spent_limit_holds_back_the_next_request(server: Server, clock: Clock) -> None:
    spent = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "20s"}
    good = (200, spent, {"model": NAME, "choices": [{}]})
    server.faults = [good]
    asker = client(server)
    asker.complete("x")
    assert clock.slept == []
    asker.complete("x")
    assert clock.slept == [20]


def test_a_limit_that_is_not_spent_holds_nothing_back(server: Server, clock: Clock) -> None:
    left = {"x-ratelimit-remaining-requests": "3", "x-ratelimit-reset-requests": "20s"}
    server.faults = [(200, left, {"model": NAME, "choices": [{}]})]
    asker = client(server)
    asker.complete("x")
    asker.complete("x")
    assert clock.slept == []


def test_nobody_asks_while_the_server_wants_time(server: Server) -> None:
    server.faults = [(429, {"Retry-After": "0.3"}, {})]
    asker = client(server)
    asked_at: list[float] = []

    def ask(number: int) -> None:
        time.sleep(0.1 * number)
        asker.complete("x")
        asked_at.append(time.monotonic())

    began = time.monotonic()
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(ask, range(3)))
    assert min(asked_at) - began >= 0.3


def test_a_wait_of_hours_is_not_waited(server: Server, clock: Clock) -> None:
    server.faults = [(429, {"Retry-After": "7200"}, {})]
    with pytest.raises(UserError, match="run again later"):
        client(server).complete("x")
    assert clock.slept == []


@pytest.mark.parametrize(
    "said",
    ["This model's maximum context length is 96 tokens", "prompt is too long: 100 > 96"],
)
def test_a_text_that_is_too_long_is_known_as_such(server: Server, clock: Clock, said: str) -> None:
    server.faults = [(400, {}, {"error": {"message": said}})]
    with pytest.raises(TooLongError, match="96"):
        client(server).complete("x")


# -- chats -------------------------------------------------------------------------------------


def chatting(more: dict[str, Any] | None = None) -> Reply:
    """A chat's answer."""
    return 200, {}, {"model": NAME, "choices": [{"message": {"content": "A"}}]} | (more or {})


HELLO = [{"role": "user", "content": "Hello"}]


@pytest.fixture
def talking(server: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """The server, which has a ready answer to chats too."""
    usage = {"prompt_tokens": 3, "completion_tokens": 5}
    usage |= {"completion_tokens_details": {"reasoning_tokens": 4}}
    monkeypatch.setattr(server, "_chatted", lambda body: chatting({"usage": usage}))
    return server


@pytest.mark.parametrize(
    "fault", [(429, {}, {}), (500, {}, b"a page"), (0, {}, {}), (200, {}, b'{"choices": [')]
)
def test_a_chat_is_asked_again_as_a_completion_is(
    talking: Server, clock: Clock, fault: Reply
) -> None:
    talking.faults = [fault, fault]
    assert client(talking).chat(HELLO)["choices"][0]["message"]["content"] == "A"
    assert len(talking.asked) == 3


def test_a_chat_is_greedy_unless_it_says_otherwise(talking: Server) -> None:
    asker = client(talking)
    asker.chat(HELLO, max_tokens=7)
    asker.chat(HELLO, temperature=0.7, seed=5, n=2, stop=["."])
    assert talking.asked == [
        {"model": NAME, "messages": HELLO, "temperature": 0, "max_tokens": 7},
        {"model": NAME, "messages": HELLO, "temperature": 0.7} | {"seed": 5, "n": 2, "stop": ["."]},
    ]


def test_the_limit_has_the_name_that_the_server_knows_and_refused_keys_are_not_sent(
    talking: Server,
) -> None:
    more = {"limit_parameter": "max_completion_tokens", "omit": ("temperature", "seed")}
    client(talking, **more).chat(HELLO, max_tokens=7, temperature=1, seed=3)
    assert talking.asked == [{"model": NAME, "messages": HELLO, "max_completion_tokens": 7}]


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (chatting({"choices": []}), "answers without 'choices'"),
        (chatting({"model": "other"}), "asked for 'tiny' and answered with 'other'"),
        ((400, {}, {"error": {"message": "no such role"}}), "status 400: no such role"),
    ],
)
def test_a_wrong_answer_to_a_chat_is_not_asked_for_again(
    talking: Server, clock: Clock, fault: Reply, said: str
) -> None:
    talking.faults = [fault]
    with pytest.raises(UserError, match=said):
        client(talking).chat(HELLO)
    assert len(talking.asked) == 1


@pytest.mark.parametrize(
    "said",
    [
        "This model's maximum context length is 96 tokens",
        "max_tokens=5000 cannot be greater than max_model_len=4096",
    ],
)
def test_a_chat_that_is_too_long_is_known_as_such(talking: Server, said: str) -> None:
    talking.faults = [(400, {}, {"error": {"message": said}})]
    with pytest.raises(TooLongError):
        client(talking).chat(HELLO)


def test_the_tokens_of_all_answers_are_added_up(talking: Server) -> None:
    asker = client(talking)
    asker.chat(HELLO)
    asker.chat(HELLO)
    assert asker.usage == Usage(2, 6, 10, 8)


@pytest.mark.parametrize(
    ("said", "usage"),
    [
        (None, Usage(1, 0, 0, 0)),
        ({"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}, Usage(1, 3, 5, 0)),
        # Here the thought is not among the tokens of the completion, but it is paid for.
        (
            {
                "prompt_tokens": 3,
                "completion_tokens": 5,
                "total_tokens": 18,
                "reasoning_tokens": 10,
            },
            Usage(1, 3, 15, 10),
        ),
    ],
)
def test_thoughts_are_counted_among_what_was_written(
    said: dict[str, Any] | None, usage: Usage
) -> None:
    assert Usage.of({"usage": said}) == usage


# -- which model -------------------------------------------------------------------------------


def test_a_model_that_is_not_served_is_told_with_those_that_are(server: Server) -> None:
    asker = client(server)
    asker.endpoint = replace(asker.endpoint, model="huge")
    with pytest.raises(UserError, match=f"serves no 'huge'; set served_as to one of: {NAME}"):
        asker.identity()


def test_an_answer_of_another_model_is_refused(server: Server) -> None:
    server.faults = [(200, {}, {"model": "other", "choices": [{}]})]
    with pytest.raises(UserError, match="asked for 'tiny' and answered with 'other'"):
        client(server).complete("x")


def test_the_fingerprint_stays_until_model_engine_or_address_changes(server: Server) -> None:
    asker = client(server)

    def now() -> str:
        return asker.fingerprint(asker.identity())

    first = now()
    # The server says a new time of creation with every answer.
    assert now() == first
    server.version = "2.0"
    second = now()
    server.context = 128
    third = now()
    asker.endpoint = replace(asker.endpoint, url=server.url + "/")
    assert len({first, second, third, asker.fingerprint({})}) == 4


# -- the key -----------------------------------------------------------------------------------


def test_the_key_is_sent(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVER_KEY", f" {KEY}\n")
    server.key = KEY
    client(server, key_variable="SERVER_KEY").complete("x")
    assert server.keys == [f"Bearer {KEY}"]


def test_a_missing_key_is_told_by_the_name_of_its_variable(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SERVER_KEY", raising=False)
    with pytest.raises(UserError, match="environment variable SERVER_KEY: is not set"):
        client(server, key_variable="SERVER_KEY")


@pytest.mark.parametrize("key", [f"{KEY}\nX-Other: 1", f"{KEY}é"])
def test_what_cannot_be_a_key_is_refused_without_showing_it(
    server: Server, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("SERVER_KEY", key)
    with pytest.raises(UserError, match="SERVER_KEY") as caught:
        client(server, key_variable="SERVER_KEY")
    assert KEY not in str(caught.value)


def test_no_message_shows_the_key_even_if_the_server_does(
    server: Server, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SERVER_KEY", KEY)
    server.key = "another"
    lines: list[str] = []
    asker = client(server, lines, key_variable="SERVER_KEY", retries=1)
    with pytest.raises(UserError, match=r"no such key: Bearer \(key\).*key in SERVER_KEY") as one:
        asker.complete("x")
    server.key = None
    # It begins within what is shown of a long message, and ends beyond.
    server.faults = [(500, {}, {"error": {"message": "-" * 290 + KEY}})] * 2
    with pytest.raises(UserError) as two:
        asker.complete("x")
    server.faults = [(500, {}, KEY.encode())]
    asker.complete("x")
    shown = "".join([str(one.value), str(two.value), *lines, repr(asker.endpoint)])
    assert len(lines) == 2
    assert KEY[:8] not in shown


def test_a_redirection_is_not_followed(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVER_KEY", KEY)
    with served(Server()) as elsewhere:
        for status in (301, 302, 307, 308):
            server.faults = [(status, {"Location": f"{elsewhere.url}/models"}, {})]
            with pytest.raises(UserError, match=f"status {status}"):
                client(server, key_variable="SERVER_KEY").complete("x")
        assert elsewhere.keys == []


@pytest.mark.parametrize("told", ["", "soon", "-3", "Thu, 99 Foo"])
def test_a_wait_that_cannot_be_read_is_ours_to_choose(told: str) -> None:
    headers = Message()
    headers["Retry-After"] = told
    assert module._requested_pause(headers) is None
