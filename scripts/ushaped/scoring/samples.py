"""Answers that a model writes: how they are asked for, and what is stored of each sample.

A model may think first, between the two tags that its tokenizer or the registry names. A thought
that has not ended after the budget is ended there by the closing tag, and the answer is asked for
all the same (budget forcing: Muennighoff et al. 2025, arXiv:2501.19393).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ushaped.answers import is_refusal, read_answer
from ushaped.errors import UserError
from ushaped.files import digest
from ushaped.scoring.store import Value, key

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from ushaped.scoring.requests import Prompt

# Texts around a thought that is in tags which tokenizers know as tokens: Qwen3, DeepSeek-R1 and
# others; Magistral.
KNOWN_TAGS = (("<think>\n", "\n</think>\n\n"), ("[THINK]", "[/THINK]"))


@dataclass(frozen=True)
class Sampling:
    """How answers are written.

    Attributes
    ----------
    samples : int
        Answers to each prompt.
    temperature : float
        0 for the likeliest token, one after the other.
    tokens : int
        Longest answer, in tokens, without the thought.
    seed : int
        Of the draws.
    tags : str
        The texts around a thought as the registry gives them, JSON; part of the keys alone.
    """

    samples: int = 1
    temperature: float = 0.0
    tokens: int = 256
    seed: int = 0
    tags: str = ""

    @classmethod
    def parse(cls, text: str) -> Sampling:
        """Read what `as_json` wrote."""
        return cls(**json.loads(text))

    def as_json(self) -> str:
        """As one argument of a command line."""
        return json.dumps(asdict(self), sort_keys=True)

    def key(self, prompt: Prompt, number: int) -> str:
        """Key of a sample in the store."""
        return self._key("sample", prompt, number, str(self.limit(prompt.row)))

    def thought_key(self, prompt: Prompt, number: int) -> str:
        """Key of the thought before a sample."""
        return self._key("thought", prompt, number)

    def _key(self, kind: str, prompt: Prompt, number: int, *more: str) -> str:
        row = prompt.row
        draws = (f"{self.temperature:g}", str(self.seed)) if self.temperature else ()
        # With the texts around a thought that the registry gives; the tokenizer's are its own.
        think = "None" if row["think"] is None else f"{row['think']} {self.tags}"
        parts = (row["prompt"], think, *row["stop"], *draws, *more)
        return key(kind, *parts, f"sample {number}")

    def limit(self, row: Mapping[str, Any]) -> int:
        """Longest answer to a prompt; that to a prompt that asks for reasoning holds that too."""
        return max(self.tokens, row["chain_limit"] or 0)

    def draw_seed(self, prompt: Prompt, number: int, thought: bool = False) -> int:
        """Seed of the draws of one sample or of its thought, below 2**63; all are different."""
        part = ("thought",) if thought else ()
        return int(digest(str(self.seed), prompt.row["prompt"], str(number), *part)[:16], 16) >> 1


@dataclass(frozen=True)
class Tags:
    """The texts before and after a thought."""

    open: str
    close: str

    @classmethod
    def of(
        cls, tokenizer: PreTrainedTokenizerBase, given: Mapping[str, str] | None, where: str
    ) -> Tags:
        """Those that the registry gives, or else those that the tokenizer has as tokens.

        Raises
        ------
        UserError
            If there are none.
        """
        if given and "open" in given:
            return cls(given["open"], given["close"])
        known = tokenizer.get_vocab()
        for opening, closing in KNOWN_TAGS:
            if opening.strip() in known and closing.strip() in known:
                return cls(opening, closing)
        raise UserError(
            f"{where}, thinking",
            "its tokenizer has no tags around a thought, which variant 'think-k' needs",
            "name them in the registry, as in thinking: {open: <think>, close: </think>}, or "
            "leave the variant out",
        )

    def begun(self, prompt: str) -> str:
        """A prompt up to where the model thinks; many templates open the thought themselves."""
        is_open = prompt.rstrip().endswith(self.open.strip())
        return prompt if is_open else prompt + self.open

    def ended(self, begun: str, thought: str) -> str:
        """A prompt with its thought, up to where the answer begins."""
        return begun + thought.rstrip() + self.close

    @property
    def stop(self) -> str:
        """The text that ends a thought."""
        return self.close.strip()


def sample_row(prompt: Prompt, samples: Sequence[Value]) -> dict[str, Any]:
    """Columns of the file of scores about the samples of a prompt."""
    row = prompt.row
    announced = [row["answer_after"], *row["announced_by"]]
    aliases = json.loads(row["aliases"])
    answers = [
        read_answer(sample["text"], row["classes"], announced, aliases) for sample in samples
    ]
    return {
        "item": row["item"],
        "log_likelihood": [],
        "prompt_tokens": samples[0]["prompt_tokens"],
        "samples": [sample["text"] for sample in samples],
        "answers": answers,
        "refused": [
            answer is None and (sample["refused"] or is_refusal(sample["text"]))
            for sample, answer in zip(samples, answers, strict=True)
        ],
        "sample_tokens": [sample["tokens"] for sample in samples],
        "sample_stopped": [sample["stopped"] for sample in samples],
        "thoughts": [sample["thought"] for sample in samples],
        "thought_tokens": [sample["thought_tokens"] for sample in samples],
        "thought_cut": [sample["thought_cut"] for sample in samples],
        "first_token": samples[0].get("first_token"),
    }
