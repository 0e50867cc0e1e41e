"""What a chat server answers: the text, the thought before it, and whether it declined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ushaped.scoring.samples import KNOWN_TAGS
from ushaped.scoring.served.client import RefusedError, Usage
from ushaped.scoring.store import Value

Json = dict[str, Any]

# Keys under which servers give what the model thought, apart from the answer.
THOUGHTS = ("reasoning_content", "reasoning")
FILTERED, CUT = "content_filter", "length"


@dataclass(frozen=True)
class ChatAnswer:
    """An answer of ``/chat/completions``.

    Attributes
    ----------
    text, thought : str
        Without the blanks around them.
    refused : bool
        The model declined (``refusal``) or the server stopped it (``content_filter``).
    finish : str
        Why it ended: ``stop``, ``length``, ``content_filter``, or what else the server says.
    usage : Usage
    thought_tokens : int
        As the server counts them; where it gives a thought and does not count it apart, the
        thought's share of the characters, of all tokens.
    top : list of (str, float)
        Tokens that the server lists at the first position, with their log-probabilities in nats.
    sampled : (str, float) or None
        The token at the first position.
    """

    text: str
    thought: str
    refused: bool
    finish: str
    usage: Usage
    thought_tokens: int
    top: Sequence[tuple[str, float]] = ()
    sampled: tuple[str, float] | None = None

    @classmethod
    def of(
        cls, answer: Json, where: str, tags: Sequence[tuple[str, str]] = KNOWN_TAGS
    ) -> ChatAnswer:
        """Read an answer; ``tags`` are those around thoughts that a server leaves in the text.

        Content that is null is an empty text: a thought may have used up the answer's tokens.

        Raises
        ------
        RefusedError
            If the server counts no tokens.
        """
        choice = answer["choices"][0]
        message = choice.get("message") or {}
        usage = Usage.of(answer)
        if (answer.get("usage") or {}).get("completion_tokens") is None:
            what = "answers without 'usage', so that tokens cannot be counted"
            raise RefusedError(where, what, "use a server that counts them")
        text, thought = _content(message.get("content"))
        refusal, finish = message.get("refusal"), str(choice.get("finish_reason"))
        thought = next((str(message[k]) for k in THOUGHTS if message.get(k)), thought)
        for opening, closing in tags if not thought else ():
            text, thought = split_thought(text, opening.strip(), closing.strip())
            if thought:
                break
        counted = usage.thinking_tokens
        if thought.strip() and not counted:
            share = len(thought) / len(thought + text)
            counted = round(share * usage.completion_tokens)
        top, sampled = _first_position(choice.get("logprobs"))
        return cls(
            (text or str(refusal or "")).strip(),
            thought.strip(),
            bool(refusal) or finish == FILTERED,
            finish,
            usage,
            counted,
            top,
            sampled,
        )

    def row(self, budget: int | None) -> Value:
        """A row of the store.

        ``budget`` is the number of tokens that the server was told to think for at most; None where
        it was told something else or nothing. A thought was cut if it has as many, or if it left
        none for the answer.
        """
        thinks = bool(self.thought or self.thought_tokens)
        reached = budget is not None and self.thought_tokens >= budget
        return {
            "text": self.text,
            "tokens": self.usage.completion_tokens - self.thought_tokens,
            "stopped": self.finish != CUT,
            "refused": self.refused,
            "thought": self.thought,
            "thought_tokens": self.thought_tokens,
            "thought_cut": thinks and (reached or (self.finish == CUT and not self.text)),
            "prompt_tokens": self.usage.prompt_tokens,
        }


def split_thought(text: str, opening: str, closing: str) -> tuple[str, str]:
    """Text after a thought, and the thought; templates may have written the opening tag.

    Examples
    --------
    >>> split_thought("<think>Birds fly.</think>B", "<think>", "</think>")
    ('B', 'Birds fly.')
    >>> split_thought("Birds fly.</think>B", "<think>", "</think>")
    ('B', 'Birds fly.')
    >>> split_thought("<think>Birds", "<think>", "</think>")
    ('', 'Birds')
    >>> split_thought("B", "<think>", "</think>")
    ('B', '')
    """
    before, tag, after = text.partition(closing)
    begun = before.lstrip()
    if tag:
        return after, begun.removeprefix(opening)
    return ("", begun.removeprefix(opening)) if begun.startswith(opening) else (text, "")


def _content(content: Any) -> tuple[str, str]:
    """Text and thought of a message's content: a text, a list of parts, or nothing."""
    if not isinstance(content, list):
        return str(content or ""), ""
    texts = [_part(part) for part in content if part.get("type") == "text"]
    thoughts = [_part(part) for part in content if part.get("type") == "thinking"]
    return "".join(texts), "".join(thoughts)


def _part(part: Json) -> str:
    inner = part.get(str(part.get("type")))
    return "".join(map(_part, inner)) if isinstance(inner, list) else str(inner or "")


def _first_position(logprobs: Any) -> tuple[list[tuple[str, float]], tuple[str, float] | None]:
    listed = (logprobs or {}).get("content") or []
    if not listed:
        return [], None
    first = listed[0]

    def pair(one: Json) -> tuple[str, float]:
        return str(one["token"]), float(one["logprob"])

    return [pair(one) for one in first.get("top_logprobs") or []], pair(first)
