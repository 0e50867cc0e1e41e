"""Prompts through a model's own chat template.

A prompt is the one message of the user, after a system prompt if there is one; its classes follow
where the template puts what the assistant says. Both places are read off the template itself: a
conversation with a marker for an answer is rendered, and ends before the marker.

What the template ends in decides how a class begins. After ``<|im_start|>assistant`` and a line
break it is ``A``, not `` A``; where the template puts a blank before an answer, as Llama 2's does,
the blank belongs to the class, since most tokenizers join it with what follows.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ushaped.errors import UserError
from ushaped.files import digest

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

# Stands for an answer; templates trim blanks, and split some tags off.
MARKER = "Zq7answer7qZ"
PROBE = "Which?"
# Templates may write today's date. A fixed one, the default of Llama 3.1's, keeps prompts the same:
# the function that transformers gives them is hidden by one that fills in these parts.
DATE = {"%d": "26", "%b": "Jul", "%B": "July", "%m": "07", "%Y": "2024", "%y": "24"}
FIXED_DATE = (
    "{% macro strftime_now(form) %}{{ form"
    + "".join(f".replace('{part}', '{value}')" for part, value in DATE.items())
    + " }}{% endmacro %}"
)
# Keys of the registry that say how, and change no weights.
CHAT_KEYS = ("chat", "system_prompt", "template_arguments", "thinking")


@dataclass(frozen=True)
class ChatSettings:
    """How a family's prompts become conversations.

    Attributes
    ----------
    system_prompt : str or None
        Text of the system message; None leaves it to the template, which may bring its own.
    template_arguments : mapping
        Variables of the template, such as ``enable_thinking``.
    """

    system_prompt: str | None = None
    template_arguments: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> ChatSettings | None:
        """The settings of a registry entry with those of its family; None without a template.

        A chat endpoint puts everything through a template of its own.
        """
        if entry.get("chat", "off") == "off" and entry.get("api") != "chat":
            return None
        return cls(entry.get("system_prompt"), entry.get("template_arguments", {}))

    @classmethod
    def parse(cls, text: str) -> ChatSettings | None:
        """Settings of `as_json`; None for an empty text."""
        return cls(**json.loads(text)) if text else None

    def as_json(self) -> str:
        """The settings as one argument of a command line."""
        both = {"system_prompt": self.system_prompt} | {
            "template_arguments": dict(self.template_arguments)
        }
        return json.dumps(both, sort_keys=True)

    def messages(self, prompt: str) -> list[dict[str, str]]:
        """The conversation up to the answer."""
        system = [] if self.system_prompt is None else [_message("system", self.system_prompt)]
        return [*system, _message("user", prompt)]


class ChatTemplate:
    """The chat template of a tokenizer.

    ``where`` names the model in messages.

    Attributes
    ----------
    ends : list of str
        What the template puts after an answer, if it is a special token.

    Raises
    ------
    UserError
        If the tokenizer has no template, or its template refuses such a conversation or does not
        repeat an answer.
    """

    def __init__(
        self, tokenizer: PreTrainedTokenizerBase, settings: ChatSettings, where: str
    ) -> None:
        self.tokenizer, self.settings, self.where = tokenizer, settings, where
        if not tokenizer.chat_template:
            raise UserError(
                f"{where}, chat: template",
                "its tokenizer has no chat template",
                "set chat: off for this family in the registry, or add chat_template.jinja "
                "to the model's folder",
            )
        template = tokenizer.get_chat_template()
        self.template = FIXED_DATE + template if "strftime_now" in template else template
        before, after = self._around_answer(PROBE)
        if settings.system_prompt and settings.system_prompt.strip() not in before:
            raise UserError(
                f"{where}, system_prompt", "the template leaves it out", "take the key out"
            )
        special = [t for t in tokenizer.all_special_tokens if after.lstrip().startswith(t)]
        self.ends = [max(special, key=len)] if special else []

    def before_answer(self, prompt: str) -> str:
        """The conversation up to where the template puts an answer, without a last blank."""
        return self._around_answer(prompt)[0].removesuffix(" ")

    def before_generation(self, prompt: str) -> str:
        """The conversation up to where a model begins to write, as the template says."""
        return self._rendered(self.settings.messages(prompt), start=True)

    def row(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """A row of a prompt file with its prompts as conversations, and classes that fit them.

        After a chain of thought, classes follow the words that announce the answer, as ever. What
        a model writes ends where it ends its turn, not at a text. Only where it may think does it
        begin as the template says: elsewhere an empty thought, if the template has one, is part of
        the prompt.
        """
        if row["think"] is not None:
            return dict(row) | {"prompt": self.before_generation(row["prompt"]), "stop": []}
        other = row["other_prompt"]
        changed = {
            "prompt": self.before_answer(row["prompt"]),
            "other_prompt": None if other is None else self.before_answer(other),
        }
        if row["stop"] is not None:
            return dict(row) | changed | {"stop": []}
        blank = " " if self._around_answer(PROBE)[0].endswith(" ") else ""
        classes = [blank + name.lstrip(" ") for name in row["classes"]]
        return dict(row) | changed | {"classes": classes}

    def bos(self, setting: str) -> str:
        """Which beginning-of-sequence token a tokenizer should add; see `.engine.encoding.Encoder`.

        A template's own is put once. Where it has none there is none by default, as with
        transformers' ``apply_chat_template``.
        """
        own = self.tokenizer.bos_token
        begins = bool(own) and self.before_answer(PROBE).startswith(own)
        return "always" if setting == "always" and not begins else "never"

    def about(self) -> dict[str, Any]:
        """What a file of scores says of the template.

        ``example`` is a conversation as it is sent, in which ``PROMPT`` stands for the prompt.
        """
        return {
            "template_sha256": digest(self.template),
            "system_prompt": self.settings.system_prompt,
            "template_arguments": dict(self.settings.template_arguments),
            "example": self.before_answer("PROMPT"),
        }

    def _around_answer(self, prompt: str) -> tuple[str, str]:
        """What the template puts before an answer to a prompt, and after it."""
        messages = [*self.settings.messages(prompt), _message("assistant", MARKER)]
        before, marker, after = self._rendered(messages, start=False).rpartition(MARKER)
        if not marker:
            raise UserError(
                f"{self.where}, chat: template",
                "the template leaves out what the assistant says",
                "set chat: off for this family, or mend the template",
            )
        return before, after

    def _rendered(self, messages: list[dict[str, str]], start: bool) -> str:
        try:
            return str(
                self.tokenizer.apply_chat_template(
                    messages,
                    tokenize=False,
                    add_generation_prompt=start,
                    chat_template=self.template,
                    **self.settings.template_arguments,
                )
            )
        except Exception as error:  # whatever a template raises, its own message says what
            said = " ".join(str(error).split()) or type(error).__name__
            has_system = self.settings.system_prompt is not None
            raise UserError(
                f"{self.where}, chat: template",
                f"the template refuses the conversation ({said})",
                "leave system_prompt out" if has_system else "see template_arguments",
            ) from None


def _message(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}
