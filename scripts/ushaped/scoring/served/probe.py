"""What a chat server does with a question, found out before the first item.

It must answer, count its tokens, and write no more of them than it was asked for. Whether it gives
log-probabilities of the first token, and whether they can be those of a distribution; whether the
same request gets the same answer, and another seed another one; whether it thinks where it is told
to: these are recorded, not required. Many servers ignore a parameter that they do not know.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ushaped.errors import UserError
from ushaped.scoring.served.answer import ChatAnswer
from ushaped.scoring.served.client import RefusedError, TooLongError
from ushaped.scoring.served.first_token import distribution_problem

# Long to answer, so that the limit is met.
QUESTION = "Write the numbers from one to one hundred in words."
LIMIT = 16
# Tokens to list at the first position: the most that OpenAI's servers and vLLM's defaults list,
# then what others do.
LENGTHS = (20, 5)
# What the first token's list may be found to be.
LISTED, NONE, REFUSED = "a distribution", "none", "refused"
# Keys of a request that a server may not know, and what to do then.
REMEDIES = {
    "max_tokens": "add 'limit_parameter: max_completion_tokens' to the model",
    "max_completion_tokens": "add 'limit_parameter: max_tokens' to the model",
    "temperature": "add 'omit: [temperature]' to the model, and set generation.temperature to 1",
    "seed": "add 'omit: [seed]' to the model",
    "thinking": "correct 'thinking' of the family, or how the server is started",
    "reasoning": "correct 'thinking' of the family, or how the server is started",
}

Ask = Callable[..., ChatAnswer]


@dataclass(frozen=True)
class Probed:
    """Result of the probe.

    Attributes
    ----------
    tokens, limit : int
        Tokens of an answer, and the most that were asked for.
    first_token : str
        ``a distribution``, ``none``, ``refused``, or why the list cannot be one.
    listed : int
        Tokens to ask for at the first position; 0 for none.
    repeats : bool
        Whether the same request was answered in the same words.
    seeds : str
        ``differ``, ``alike`` (of two seeds), or ``not sent``.
    thinks : bool or None
        Whether it thought when it was told a budget; None where it was told none.
    """

    tokens: int
    limit: int
    first_token: str
    listed: int
    repeats: bool
    seeds: str
    thinks: bool | None = None


def probe(ask: Ask, where: str, draw: dict[str, Any], omitted: set[str], budget: int = 0) -> Probed:
    """Find out what a chat server does.

    Parameters
    ----------
    ask : callable
        Sends a question with options, and returns a `ChatAnswer`.
    where : str
        What a message calls the server.
    draw : dict
        ``temperature`` and ``seed`` of a sample; empty for the likeliest answer.
    omitted : set of str
        Keys that are not sent.
    budget : int
        Largest thinking budget that items will be sent with.

    Raises
    ------
    UserError
        If the server refuses, counts no tokens or writes more than it was asked for.
    """
    try:
        first, listed, found = _with_log_probs(ask, omitted)
        if first.usage.completion_tokens > LIMIT:
            raise UserError(
                where,
                f"was asked for at most {LIMIT} tokens and wrote {first.usage.completion_tokens}",
                "set limit_parameter to the key that it obeys, or use another server",
            )
        drawn = [ask(QUESTION, max_tokens=LIMIT, **draw) for _ in range(2)]
        seeds = "not sent"
        if draw and "seed" not in omitted:
            other = ask(QUESTION, max_tokens=LIMIT, **draw | {"seed": draw["seed"] + 1})
            seeds = "differ" if _words(other) != _words(drawn[0]) else "alike"
        thinks = None
        if budget:
            thought = ask(QUESTION, budget=budget, max_tokens=LIMIT)
            thinks = bool(thought.thought or thought.thought_tokens)
    except (RefusedError, TooLongError) as error:
        raise UserError(where, f"answers no chat ({_said(error)})", _remedy(str(error))) from None
    repeats = _words(drawn[0]) == _words(drawn[1])
    tokens = first.usage.completion_tokens
    return Probed(tokens, LIMIT, found, listed, repeats, seeds, thinks)


def _with_log_probs(ask: Ask, omitted: set[str]) -> tuple[ChatAnswer, int, str]:
    """An answer, how many tokens to ask for at the first position, and what the list is."""
    for length in () if "logprobs" in omitted else LENGTHS:
        try:
            answer = ask(QUESTION, max_tokens=LIMIT, logprobs=True, top_logprobs=length)
        except RefusedError:
            continue
        if not answer.top:
            return answer, 0, NONE
        problem = distribution_problem(answer.top, answer.sampled)
        return answer, 0 if problem else length, problem or LISTED
    return ask(QUESTION, max_tokens=LIMIT), 0, NONE if "logprobs" in omitted else REFUSED


def _words(answer: ChatAnswer) -> tuple[str, str]:
    return answer.text, answer.thought


def _said(error: Exception) -> str:
    return str(error.args[1]) if isinstance(error, UserError) else str(error)


def _remedy(said: str) -> str:
    named = [name for name in REMEDIES if name in said]
    # One of the two limits is named as the one to use instead: the first named is the wrong one.
    named.sort(key=said.index)
    return REMEDIES[named[0]] if named else "check endpoint, served_as and api in the registry"
