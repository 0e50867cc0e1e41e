"""Whether the log-probabilities that a server echoes belong to the tokens beside them.

A server that echoes a prompt with log-probabilities may get them wrong: llama-cpp-python 0.3.36
reports, for a prompt without a BOS token, each token's log-probability *after* itself. The
log-probability of a generated token is harder to get wrong, since sampling depends on it. So a few
texts are continued, a token at a time, then echoed with their continuation, and both numbers of
each token must agree. Of several ways to read an echo (`READINGS`) exactly one must fit all
observations.

An echo must not depend on earlier requests either: with its prefix cache on, vLLM may give
log-probabilities of an earlier request (issue 42019 of vllm-project/vllm). So one text is echoed
twice, the second time after a longer one that begins with it.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ushaped.errors import UserError
from ushaped.scoring.served.client import Client, RefusedError, TooLongError

Json = dict[str, Any]

# Unfinished on purpose, so that a model continues them.
PROBES = (
    "The capital of France is",
    "One, two, three, four,",
    "The cat sat on the",
    "Once upon a time there was a",
    "Water is made of hydrogen and",
    "She opened the door and",
)
# Appended to a probe, so that server caches, which store blocks of 16 tokens or more, hold some of
# it; then a second text is appended to both.
REPEATED = ". Some towns lie at a river, and some at a lake or by the sea; people there catch fish."
BEHIND = " In winter they mend their nets"
# Alternative tokens to request; servers allow at least as many.
ALTERNATIVES = 5
# Smallest number of observations that proves a reading.
MIN_OBSERVATIONS = 6
# Two numbers of one token agree within ABSOLUTE nats plus a share of the log-probability. An engine
# computes an echoed prompt in one batch and a generated token by itself, with other kernels: with
# 4-bit weights that moved a log-probability of -8.5 by 0.23 (benchmarks/README.md).
ABSOLUTE, SHARE = 0.1, 0.05
NO_CACHE = (
    "turn the server's prefix cache off (vLLM: --no-enable-prefix-caching) and start it again"
)
LOST = "use a server that gives them (vLLM does), or run the model here"


@dataclass(frozen=True)
class Echo:
    """A server's answer: the tokens of a text and of what it generated after it.

    Attributes
    ----------
    tokens : list of str
    offsets : list of int
        Of the beginning of each token.
    values : list of (float or None)
        Log-probabilities listed beside the tokens.
    tops : list of (dict or None)
        Log-probabilities of the likeliest tokens, listed beside the tokens.
    prompt_tokens : int
        Tokens of the text as the server counts them; it may list fewer.
    """

    tokens: list[str]
    offsets: list[int]
    values: list[float | None]
    tops: list[dict[str, float] | None]
    prompt_tokens: int

    @classmethod
    def of(cls, answer: Json) -> Echo | None:
        """Read an answer; None if it has no log-probabilities."""
        listed = answer["choices"][0].get("logprobs") or {}
        tokens, values = listed.get("tokens"), listed.get("token_logprobs")
        offsets, count = listed.get("text_offset"), (answer.get("usage") or {}).get("prompt_tokens")
        if not (tokens and values and offsets and count):
            return None
        if not len(tokens) == len(values) == len(offsets):
            return None
        tops = listed.get("top_logprobs") or [None] * len(tokens)
        return cls(tokens, offsets, values, tops, count)

    def spelled(self, first: int, last: int) -> str:
        """Letters of some tokens, as `letters`."""
        return letters("".join(self.tokens[first:last]))


def letters(text: str) -> str:
    """The ASCII characters of a text, which no server splits into several tokens.

    Examples
    --------
    >>> letters("naïve")
    'nave'
    """
    return "".join(letter for letter in text if letter.isascii())


Reading = Callable[[Echo, int], float | None]


def _beside(echo: Echo, at: int) -> float | None:
    return echo.values[at]


def _one_before(echo: Echo, at: int) -> float | None:
    return echo.values[at - 1] if at >= 1 else None


def _one_after(echo: Echo, at: int) -> float | None:
    return echo.values[at + 1] if at + 1 < len(echo.values) else None


def _listed_before(echo: Echo, at: int) -> float | None:
    """Predictions are listed one token late: a token's is in the list of the token before.

    Lists are by text, so a token that is only a part of a character, whose text it shares with
    others, cannot be looked up.
    """
    top, token = echo.tops[at - 1] if at >= 1 else None, echo.tokens[at]
    return None if top is None or not token or "\ufffd" in token else top.get(token)


READINGS: dict[str, Reading] = {
    "beside its token": _beside,
    "beside the token before": _one_before,
    "beside the token after": _one_after,
    "in the list of the token before": _listed_before,
}
LISTED = "in the list of the token before"
USUAL = "beside its token"


@dataclass(frozen=True)
class Checked:
    """Result of the check.

    ``reading`` is the key of `READINGS` that fits, by ``observations`` comparisons; ``unlisted``
    tokens are counted by the server in a prompt, but not listed. ``worst`` is the largest
    difference between an echoed and a generated log-probability, ``repeated`` that between two
    echoes, both in nats.
    """

    reading: str
    unlisted: int
    observations: int
    worst: float
    repeated: float


@dataclass(frozen=True)
class _Observation:
    """One token of an echo, and its log-probability when it was generated."""

    echo: Echo
    at: int
    generated: float

    def gap(self, reading: Reading) -> float:
        value = reading(self.echo, self.at)
        return math.inf if value is None else abs(value - self.generated)

    def fits(self, reading: Reading) -> bool:
        return self.gap(reading) <= tolerance(self.generated)


def tolerance(value: float) -> float:
    """Nats by which two computations of a log-probability may differ."""
    return ABSOLUTE + SHARE * abs(value)


def check(client: Client) -> Checked:
    """Compare the server's echoes with the log-probabilities of tokens that it generates.

    Raises
    ------
    UserError
        If the server gives no log-probabilities of prompts, or gives them in no way that all probes
        prove, if too little could be compared, or if they depend on earlier requests.
    """
    where = client.endpoint.url
    try:
        # First, so that a server without echoes gets that message.
        echoed(client, PROBES[0])
        # Before the rest, which a wrong cache would fail for no clear reason.
        repeated = _order_gap(where, _repeated(client))
        pairs = [pair for probe in PROBES for pair in _probe(client, probe)]
    except (RefusedError, TooLongError) as error:
        what = f"cannot be checked: it refuses to echo a prompt or to continue it ({error})"
        raise UserError(where, what, LOST) from None
    seen = [observation for observation, _ in pairs]
    unlisted = {number for _, number in pairs}
    if len(seen) < MIN_OBSERVATIONS:
        raise UserError(
            where,
            f"cannot be checked: only {len(seen)} of its generated tokens came back in an echo",
            LOST,
        )
    if len(unlisted) > 1:
        raise UserError(where, "lists now more, now fewer of a prompt's tokens", LOST)
    proved = [name for name, reading in READINGS.items() if all(s.fits(reading) for s in seen)]
    if len(proved) != 1:
        raise UserError(where, _doubt(seen, proved), LOST)
    worst = max(observation.gap(READINGS[proved[0]]) for observation in seen)
    return Checked(proved[0], unlisted.pop(), len(seen), worst, repeated)


def _doubt(seen: list[_Observation], proved: list[str]) -> str:
    if proved:
        return f"echoes log-probabilities that fit {' as well as '.join(proved)}"
    worst = max(seen, key=lambda observation: observation.gap(_beside))
    token, value = worst.echo.tokens[worst.at], worst.echo.values[worst.at]
    return (
        "echoes log-probabilities that do not fit those of the same tokens when it generates them "
        f"({token!r}: {value} echoed, {worst.generated} generated), and moving them by one "
        "position does not help"
    )


def _probe(client: Client, text: str) -> Iterator[tuple[_Observation, int]]:
    """Continue a text and echo it with its continuation; with the number of unlisted tokens."""
    first = _continued(client, text)
    if not first:
        return
    best, last = max(first, key=first.__getitem__), min(first, key=first.__getitem__)
    steps = [(best, first[best])]
    if second := _continued(client, text + best):
        token = max(second, key=second.__getitem__)
        steps.append((token, second[token]))
    # A server that names no alternatives has no other token to compare.
    for path in [steps] if best == last else [[(last, first[last])], steps]:
        whole = text + "".join(token for token, _ in path)
        echo, count, unlisted = echoed(client, whole)
        begin = count - len(path)
        # As one text, the continuation may be tokenised differently than it was generated.
        if echo.tokens[begin:count] == [token for token, _ in path]:
            for at, (_, value) in enumerate(path, begin):
                yield _Observation(echo, at, value), unlisted


def _repeated(client: Client) -> list[Echo]:
    """Echoes of one text, of a longer one that begins with it, and of the first text again."""
    # No server has seen this text before: an earlier check must not have filled its cache.
    text = f"{PROBES[0]} {secrets.token_hex(3)}{REPEATED}"
    return [echoed(client, prompt)[0] for prompt in (text, text + BEHIND, text)]


def _order_gap(where: str, echoes: Sequence[Echo]) -> float:
    """Largest difference, in nats, between echoes of the tokens that all texts begin with."""
    largest = 0.0
    for other in echoes[1:]:
        pairs = zip(echoes[0].tokens, other.tokens, strict=False)
        same = next((at for at, (left, right) in enumerate(pairs) if left != right), None)
        values = zip(echoes[0].values[:same], other.values[:same], echoes[0].tokens, strict=False)
        # The last one may be a token that was generated.
        for first, second, token in list(values)[:-1]:
            if first is None or second is None:
                continue
            if not abs(first - second) <= tolerance(first):
                raise UserError(
                    where,
                    f"gives log-probabilities that depend on earlier requests ({token!r} of one "
                    f"text: {first}, and {second} after a text that begins alike)",
                    NO_CACHE,
                )
            largest = max(largest, abs(first - second))
    return largest


def _continued(client: Client, text: str) -> dict[str, float]:
    """Log-probabilities of the likeliest next tokens that are plain text."""
    answer = client.complete(text, max_tokens=1, logprobs=ALTERNATIVES)
    listed = answer["choices"][0].get("logprobs") or {}
    tops = listed.get("top_logprobs") or [{}]
    values = dict(tops[0] or {}) | dict(
        zip(listed.get("tokens") or [], listed.get("token_logprobs") or [], strict=False)
    )
    return {
        token: value
        for token, value in values.items()
        if token.strip() and token.isascii() and token.isprintable() and not token.startswith("<")
    }


def echoed(client: Client, text: str) -> tuple[Echo, int, int]:
    """Echo a plain text; the echo, how many of its tokens are the text's, how many unlisted.

    Raises
    ------
    UserError
        If the tokens that come back do not spell the text.
    """
    echo = Echo.of(client.complete(text, echo=True, max_tokens=1, logprobs=ALTERNATIVES))
    where = client.endpoint.url
    if echo is None:
        raise UserError(where, "gives no log-probabilities of a prompt", LOST)
    # The text may come after a special token that is spelled out, and before a generated one.
    for count in range(len(echo.tokens), 0, -1):
        if echo.spelled(0, count).endswith(text):
            return echo, count, echo.prompt_tokens - count
    raise UserError(
        where, f"gives log-probabilities of {echo.tokens} for the prompt {text!r}", LOST
    )
