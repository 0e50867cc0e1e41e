"""The numbers that a scoring job needs: prompt files, their prompts, and one request per number."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from ushaped.scoring.store import Value


@dataclass(frozen=True)
class ScoreRequest:
    """The log-likelihood of a class after a text (the prompt, with its chain if it has one).

    With ``last``, only of the class's last token, given all tokens before it.
    """

    text: str
    continuation: str
    last: bool = False


@dataclass
class Prompt:
    """One row of a prompt file.

    Attributes
    ----------
    where : str
        File and item, for messages.
    row : mapping
        The columns of the prompt file.
    chain : mapping or None
        The generated chain (``text``, ``tokens``, ``stopped``), once there is one.
    """

    where: str
    row: Mapping[str, Any]
    chain: Value | None = None

    @property
    def text(self) -> str:
        """The text before the classes: the prompt, with its chain up to the announced answer."""
        prompt = str(self.row["prompt"])
        if not self.row["chain"]:
            return prompt
        assert self.chain is not None
        return prompt + before_answer(self.chain["text"], self.row["answer_after"])

    @property
    def texts(self) -> list[str]:
        """`text`, and of log-odds tasks the prompt that it is compared with."""
        other = self.row["other_prompt"]
        return [self.text] if other is None else [self.text, other]

    @property
    def scores(self) -> list[ScoreRequest]:
        """The log-likelihood of each class."""
        return self._requests(self.text)

    @property
    def last_tokens(self) -> list[ScoreRequest]:
        """Of log-odds tasks: each class's last token after this prompt."""
        return [] if self.row["other_prompt"] is None else self._requests(self.text, last=True)

    @property
    def other_last_tokens(self) -> list[ScoreRequest]:
        """Of log-odds tasks: each class's last token after the other prompt."""
        other = self.row["other_prompt"]
        return [] if other is None else self._requests(other, last=True)

    @property
    def requests(self) -> list[ScoreRequest]:
        """All numbers that this prompt needs; none where the model writes its answer."""
        if self.row["generated"]:
            return []
        return self.scores + self.last_tokens + self.other_last_tokens

    def _requests(self, text: str, last: bool = False) -> list[ScoreRequest]:
        return [ScoreRequest(text, name, last) for name in self.row["classes"]]


def before_answer(chain: str, answer_after: str) -> str:
    """A chain up to and with the words that announce the answer, so that classes can follow."""
    return chain.rsplit(answer_after, 1)[0] + answer_after


@dataclass(frozen=True)
class PromptFile:
    """A prompt file, ``.../{source}/{task}/{variant}.parquet``."""

    path: Path
    prompts: list[Prompt]

    @classmethod
    def read(cls, path: Path) -> PromptFile:
        """Read a prompt file."""
        rows = pq.read_table(path).to_pylist()
        return cls(path, [Prompt(f"{path}, item {row['item']}", row) for row in rows])

    def with_rows(self, change: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> PromptFile:
        """The same items with other rows."""
        prompts = [replace(prompt, row=change(prompt.row)) for prompt in self.prompts]
        return PromptFile(self.path, prompts)

    def without_chains(self) -> PromptFile:
        """The same prompts for another model, which generates its own chains."""
        return PromptFile(self.path, [replace(prompt, chain=None) for prompt in self.prompts])
