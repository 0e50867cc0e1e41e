"""Written answers of a model behind ``/chat/completions``, which shows no log-likelihoods.

A prompt is the message of a user, after a system message if the registry has one; the server puts
both through the model's chat template. Each sample is a request of its own with a seed of its own,
so a job that was interrupted goes on with the next sample.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from typing import Any

from ushaped.errors import UserError
from ushaped.scoring.chat import ChatSettings
from ushaped.scoring.job import Sample
from ushaped.scoring.requests import Prompt, PromptFile
from ushaped.scoring.samples import KNOWN_TAGS
from ushaped.scoring.served.answer import ChatAnswer
from ushaped.scoring.served.client import Client, RefusedError
from ushaped.scoring.served.first_token import first_token_log_probs
from ushaped.scoring.served.probe import Probed, probe
from ushaped.scoring.served.scorer import ServerScorer, name_item
from ushaped.scoring.served.thinking import ThinkingBudget
from ushaped.scoring.store import Value

# Part of the key of every stored answer: raise it when a change to the code can move an answer.
VERSION = "chat 1"


class ChatScorer(ServerScorer):
    """One model behind ``/chat/completions`` and its store of written answers."""

    version = VERSION
    _largest_budget = 0

    @property
    def cache_key_parts(self) -> tuple[str, ...]:
        """See `Scorer`; all that a request holds besides the prompt and how it is drawn."""
        endpoint = self.about["served"]
        sent = [self.settings.chat, self.settings.thinking, sorted(endpoint.get("omit") or ())]
        return (*super().cache_key_parts, json.dumps(sent))

    def _prepared(self, files: Sequence[PromptFile]) -> list[PromptFile]:
        """The files of written answers, which end where the model ends them, not at a text."""
        for file in files:
            if not all(prompt.row["generated"] for prompt in file.prompts):
                raise UserError(
                    str(file.path),
                    f"asks for log-likelihoods, which {self.about['model']} does not show: it is "
                    "asked by chat",
                    "leave it out, or use variants that end in -generated",
                )
        files = super()._prepared(files)
        return [file.with_rows(lambda row: dict(row) | {"stop": []}) for file in files]

    def _check_budget(self, budget: int) -> None:
        super()._check_budget(budget)
        self._largest_budget = budget

    @property
    def _template(self) -> None:
        """The server's."""

    def _audit(self, files: Sequence[PromptFile]) -> None:
        """There are no log-likelihoods; whether answers repeat is part of the probe."""

    def _write_samples(
        self, prompts: Sequence[Prompt], missing: Collection[Sample]
    ) -> Iterator[dict[Sample, Value]]:
        client, probed = self._server

        def query(sample: Sample) -> Value:
            prompt = prompts[sample[0]]
            row, budget = prompt.row, prompt.row["think"]
            options: dict[str, Any] = {"max_tokens": self.sampling.limit(row) + (budget or 0)}
            listed = probed.listed if sample[1] == 0 and budget is None else 0
            if listed:
                options |= {"logprobs": True, "top_logprobs": listed}
            options |= self._draw(prompt, sample[1])
            with name_item(prompt.where):
                try:
                    answer = self._ask(client, row["prompt"], budget, **options)
                except RefusedError as error:
                    raise UserError(prompt.where, *error.args[1:]) from None
            value = answer.row(self._budget.tokens(budget))
            if listed and not answer.thought:
                value["first_token"] = first_token_log_probs(row["classes"], answer.top)
            return value

        for answers in self._by_sample(prompts, missing, query):
            tokens = (value["prompt_tokens"] + value["tokens"] for value in answers.values())
            self.telemetry.counts.total_tokens += sum(tokens)
            yield answers

    def _ask(
        self, client: Client, prompt: str, budget: int | None = None, **options: Any
    ) -> ChatAnswer:
        kwargs = dict(self._chat.template_arguments)
        sent = self._budget.options(budget)
        kwargs |= sent.pop("chat_template_kwargs", {})
        if kwargs:
            sent["chat_template_kwargs"] = kwargs
        answer = client.chat(self._chat.messages(prompt), **options, **sent)
        return ChatAnswer.of(answer, client.endpoint.url, self._text_tags)

    @cached_property
    def _chat(self) -> ChatSettings:
        return ChatSettings.parse(self.settings.chat) or ChatSettings()

    @cached_property
    def _thinking(self) -> Mapping[str, Any]:
        return dict(json.loads(self.settings.thinking or "{}"))

    @cached_property
    def _budget(self) -> ThinkingBudget:
        return ThinkingBudget.of(self._thinking)

    @cached_property
    def _text_tags(self) -> Sequence[tuple[str, str]]:
        given = self._thinking
        return [(given["open"], given["close"])] if "open" in given else KNOWN_TAGS

    @cached_property
    def _server(self) -> tuple[Client, Probed]:
        """The server, once it has passed the probe."""
        client, draw = self._client, {}
        if self.sampling.temperature:
            draw = {"temperature": self.sampling.temperature, "seed": self.sampling.seed}

        def ask(question: str, **options: Any) -> ChatAnswer:
            return self._ask(client, question, **options)

        omitted = set(client.endpoint.omit)
        probed = probe(ask, client.endpoint.url, draw, omitted, self._largest_budget)
        if probed.thinks is False:
            self.log(
                f"{self.about['model']}: was told to think and did not; does the server know what "
                "'thinking' in the registry names?"
            )
        self.log(
            f"{self.about['model']}: log-probabilities of the first token: {probed.first_token}; "
            f"the same request {'repeats' if probed.repeats else 'does not repeat'} its answer; "
            f"seeds: {probed.seeds}"
        )
        messages = self._chat.messages("PROMPT")
        chat = {
            "template_sha256": None,
            "system_prompt": self._chat.system_prompt,
            "template_arguments": dict(self._chat.template_arguments),
            "example": "\n".join(f"{one['role']}: {one['content']}" for one in messages),
        }
        more = {"chat": chat, "thinking": self._thinking, "omit": list(client.endpoint.omit)}
        self._store_made(more | {"probe": asdict(probed)})
        return client, probed
