"""Scoring prompt files with a served model: as `ushaped.scoring.job`, by requests to a server.

The server has the tokenizer, so it also decides which tokens a text begins with. A prompt and a
class are sent as one text, and the offsets of the returned tokens show where the class begins.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from ushaped.errors import UserError
from ushaped.scoring import audit
from ushaped.scoring.job import NO_THOUGHT, Sample
from ushaped.scoring.requests import Prompt, PromptFile
from ushaped.scoring.samples import Tags
from ushaped.scoring.served.check import (
    LISTED,
    NO_CACHE,
    READINGS,
    Checked,
    Echo,
    check,
    letters,
    tolerance,
)
from ushaped.scoring.served.client import Client
from ushaped.scoring.served.scorer import ServerScorer, name_item
from ushaped.scoring.store import Value

# Part of the key of every stored score: raise it when a change to the code can move a score.
VERSION = "served 1"
# Share of a job's requests that its audit may add, beyond one item of each file.
AUDITED = 0.03
# Where a token's log-probability is in a list of the likeliest tokens, lengths of list to request:
# the next only if the token is not in the one before, since the answers get large.
LISTS = (100, 2000, 1_000_000)


@dataclass(frozen=True)
class LogprobRequest:
    """A text and a class, and the item that they belong to, for messages."""

    text: str
    name: str
    where: str


@dataclass(frozen=True)
class ClassLogprobs:
    """A server's log-probabilities (nats) of a class's tokens, and how many tokens come before
    them.

    ``boundary_merged``: the first of them begins before the class does.
    """

    values: tuple[float, ...]
    prompt_tokens: int
    boundary_merged: bool

    def value(self, last: bool) -> Value:
        """A row of the store: of all tokens of the class, or of the last alone."""
        number = len(self.values)
        return {
            "log_likelihood": self.values[-1] if last else math.fsum(self.values),
            "prompt_tokens": self.prompt_tokens + (number - 1 if last else 0),
            "class_tokens": 1 if last else number,
            "boundary_merged": self.boundary_merged,
            "cut": 0,
        }


class ServedScorer(ServerScorer):
    """One model behind ``/completions`` and its store."""

    version = VERSION

    @property
    def cache_key_parts(self) -> tuple[str, ...]:
        """See `Scorer`; only answers after a thought depend on the texts around it."""
        tags = (self.settings.thinking,) if self.settings.thinking else ()
        return (*super().cache_key_parts, *tags)

    # -- the audit --------------------------------------------------------------------------------

    def _audit(self, files: Sequence[PromptFile]) -> None:
        """Query a sample of the items again, one by one, and compare with the stored scores.

        Reused scores too, unless they have passed an audit already.

        Raises
        ------
        UserError
            With the item, if a score has changed; then nothing is written.
        """
        # Written answers have no log-likelihoods to compare.
        files = [file for file in files if any(prompt.requests for prompt in file.prompts)]
        lengths = [[len(prompt.row["prompt"]) for prompt in file.prompts] for file in files]
        requests = [[len(_pairs(prompt)) for prompt in file.prompts] for file in files]
        if not self.settings.audit:
            return
        drawn = audit.sample(lengths, one_in=self.settings.audit)
        room = AUDITED * sum(map(sum, requests))
        room -= sum(own[items[0]] for own, items in zip(requests, drawn, strict=True) if items)
        for file, own, items in zip(files, requests, drawn, strict=True):
            audited = items[:1]
            for item in items[1:]:
                if (room := room - own[item]) >= 0:
                    audited.append(item)
            if (name := self._audit_key(file)) not in self.store.rows:
                result = self._audit_file([file.prompts[item] for item in audited])
                self.store.add({name: result})
                self.telemetry.audited += result["items"]
                self.telemetry.audit_largest = max(self.telemetry.audit_largest, result["largest"])

    def _audit_file(self, prompts: Sequence[Prompt]) -> Value:
        """Audit some items of a file.

        Returns
        -------
        dict
            Number of ``items``; ``largest`` difference of a log-likelihood, in nats, of those that
            come nearest to their tolerances; its ``tolerance`` and ``item``.
        """
        result: Value = {"items": len(prompts), "largest": 0.0, "tolerance": tolerance(0.0)}
        result["item"], nearest = None, -1.0
        for prompt in prompts:
            client, checked = self._server
            now = {
                pair: score(client, checked, LogprobRequest(*pair, prompt.where))
                for pair in _pairs(prompt)
            }
            for request in prompt.requests:
                before = self.store.rows[self._key(prompt, request)]["log_likelihood"]
                answer = now[request.text, request.continuation]
                again = answer.value(request.last)["log_likelihood"]
                gap, allowed = abs(again - before), tolerance(before)
                if not gap <= allowed:
                    raise UserError(
                        prompt.where,
                        f"scored {before:.4f} nats for {request.continuation!r}, and {again:.4f} "
                        "when it was requested again, alone",
                        f"{NO_CACHE}, delete {self.store.folder} and run again",
                    )
                if gap / allowed > nearest:
                    nearest = gap / allowed
                    result |= {"largest": gap, "tolerance": allowed, "item": prompt.row["item"]}
        return result

    # -- requests ---------------------------------------------------------------------------------

    def _generate_chains(self, prompts: Sequence[Prompt], stop: Sequence[str]) -> None:
        client, _ = self._server

        def query(number: int) -> Value:
            prompt = prompts[number]
            text, limit = prompt.row["prompt"], self._chain_limit(prompt)
            return generate_chain(client, text, stop, limit, prompt.where)

        # One request for equal prompts; another task may have generated the same chain.
        keys = {self._chain_key(prompt): number for number, prompt in enumerate(prompts)}
        missing = [number for name, number in keys.items() if name not in self.store.rows]
        for answers in self._timed(self._answers(query, missing)):
            self.telemetry.counts.total_tokens += sum(chain["tokens"] for _, chain in answers)
            self._store_chains(prompts, dict(answers))
        for prompt in prompts:
            prompt.chain = self.store.rows[self._chain_key(prompt)]

    def _write_samples(
        self, prompts: Sequence[Prompt], missing: Collection[Sample]
    ) -> Iterator[dict[Sample, Value]]:
        client, _ = self._server

        def query(sample: Sample) -> Value:
            prompt = prompts[sample[0]]
            row, where, draw = prompt.row, prompt.where, self._draw(prompt, sample[1])
            text, thought = row["prompt"], NO_THOUGHT
            if row["think"] is not None:
                text = self._tags.begun(text)
                if row["think"]:
                    close, budget = [self._tags.stop], row["think"]
                    own = self._draw(prompt, sample[1], thought=True)
                    thought = generate_chain(client, text, close, budget, where, **own)
                text = self._tags.ended(text, thought["text"])
            limit = self.sampling.limit(row)
            return generate_chain(client, text, row["stop"], limit, where, **draw) | {
                "thought": thought["text"],
                "thought_tokens": thought["tokens"],
                "thought_cut": not thought["stopped"],
                "refused": False,
            }

        yield from self._by_sample(prompts, missing, query)

    @cached_property
    def _tags(self) -> Tags:
        given = json.loads(self.settings.thinking or "{}")
        if "open" not in given:
            raise UserError(
                f"{self.about['model']}, thinking",
                "its tokenizer is on a server, so the tags around a thought are not known",
                "name them in the registry, as in thinking: {open: <think>, close: </think>}",
            )
        return Tags(given["open"], given["close"])

    def _score_requests(self, prompts: Sequence[Prompt]) -> None:
        if not prompts:
            return
        client, checked = self._server
        # One answer serves all requests of a text and a class.
        keys: dict[tuple[str, str], dict[str, bool]] = {}
        where: dict[tuple[str, str], str] = {}
        for prompt in prompts:
            for request in prompt.requests:
                if (name := self._key(prompt, request)) not in self.store.rows:
                    pair = (request.text, request.continuation)
                    keys.setdefault(pair, {})[name] = request.last
                    where.setdefault(pair, prompt.where)
        self._expect(prompts, {name for names in keys.values() for name in names})

        def query(pair: tuple[str, str]) -> ClassLogprobs:
            return score(client, checked, LogprobRequest(*pair, where[pair]))

        for answers in self._timed(self._answers(query, list(keys))):
            for _, answer in answers:
                self.telemetry.counts.total_tokens += answer.prompt_tokens + len(answer.values)
            self._store_scores(
                {
                    name: answer.value(last)
                    for pair, answer in answers
                    for name, last in keys[pair].items()
                }
            )

    @cached_property
    def _server(self) -> tuple[Client, Checked]:
        """The server, once it has passed the check."""
        client = self._client
        checked = check(client)
        self.log(
            f"{self.about['model']}: the server lists log-probabilities {checked.reading}; "
            f"{checked.observations} comparisons, largest difference {checked.worst:.3f} nats"
        )
        self._store_made({"check": asdict(checked)})
        return client, checked


def _pairs(prompt: Prompt) -> list[tuple[str, str]]:
    """Texts and classes of a prompt's requests, each once."""
    return list(dict.fromkeys((r.text, r.continuation) for r in prompt.requests))


def score(client: Client, checked: Checked, request: LogprobRequest) -> ClassLogprobs:
    """Request the log-probabilities of a class's tokens after a text.

    Raises
    ------
    UserError
        If the text is too long, the tokens do not spell it, or a number is missing.
    """
    reading = READINGS[checked.reading]
    where, text = request.where, request.text + request.name
    for length in LISTS if checked.reading == LISTED else (1,):
        with name_item(where):
            answer = client.complete(text, echo=True, max_tokens=1, logprobs=length)
        echo = Echo.of(answer)
        if echo is None:
            raise UserError(where, "came back without log-probabilities", "run again")
        count = echo.prompt_tokens - checked.unlisted
        start, merged = class_start(echo, count, request)
        listed = [reading(echo, at) for at in range(start, count)]
        values = tuple(value for value in listed if value is not None)
        if not all(isinstance(value, int | float) and math.isfinite(value) for value in values):
            what = f"came back with log-probabilities {values} for the class {request.name!r}"
            raise UserError(where, what, "look at the server's log; nothing of it is stored")
        if len(values) == len(listed):
            return ClassLogprobs(values, start + checked.unlisted, merged)
    raise UserError(
        where,
        f"has a class {request.name!r}, of a token of which the server gives no log-probability",
        "begin the prompt with more than one token, or leave out the variant",
    )


def class_start(echo: Echo, count: int, request: LogprobRequest) -> tuple[int, bool]:
    """Number of the first token of a class, and whether it begins before the class does.

    The first ``count`` tokens of the echo are the text's.

    Raises
    ------
    UserError
        If the tokens do not spell the text, or none is left before the class.
    """
    text, where = letters(request.text + request.name), request.where
    if not 0 < count <= len(echo.tokens) or not echo.spelled(0, count).endswith(text):
        raise UserError(
            where,
            f"was sent as {request.text[:40]!r}... and came back as other tokens",
            "look whether the server cuts long prompts",
        )
    ends = [*echo.offsets[1:], echo.offsets[-1] + len(echo.tokens[-1])][:count]
    begin = _class_offset(request, ends[-1], len(echo.spelled(0, count)) - len(text))
    spans = zip(echo.offsets, ends, strict=False)
    start = next(n for n, (offset, end) in enumerate(spans) if end > begin or offset >= begin)
    merged = echo.offsets[start] < begin
    spelled, name = echo.spelled(start, count), letters(request.name)
    # A token across the join is needed to spell the class, unless none of it is ASCII.
    needed = not name or len(echo.spelled(start + 1, count)) < len(name)
    if not (spelled.endswith(name) and needed if merged else spelled == name):
        raise _not_found(request)
    if start + (echo.prompt_tokens - count) < 1:
        raise UserError(where, "leaves no token before the class", "leave out the variant")
    return start, merged


def _class_offset(request: LogprobRequest, end: int, before: int) -> int:
    """Offset at which a class begins, if all of its text ends at ``end``.

    Offsets count letters of tokens, and a character that several tokens share may count as none or
    as several: it moves everything after it. ``before`` letters precede the text: those of a
    special token that is spelled out.
    """
    if request.name.isascii():
        return end - len(request.name)
    if request.text.isascii() or end == before + len(request.text + request.name):
        return before + len(request.text)
    raise _not_found(request)


def _not_found(request: LogprobRequest) -> UserError:
    return UserError(
        request.where,
        f"has a class {request.name!r}, which the offsets of the server's tokens do not find",
        "leave out the variant or the model",
    )


def generate_chain(
    client: Client, text: str, stop: Sequence[str], limit: int, where: str, **draw: Any
) -> Value:
    """Continue a text up to a stop string or a number of tokens.

    ``draw`` are temperature and seed; without them, each token is the likeliest.

    Raises
    ------
    UserError
        If the text and so many tokens are too long.
    """
    with name_item(where):
        answer = client.complete(text, max_tokens=limit, stop=list(stop), **draw)
    choice = answer["choices"][0]
    generated = str(choice.get("text") or "")
    # Most servers leave the stop string out, some do not.
    ends = [at for at in (generated.find(string) for string in stop) if at >= 0]
    return {
        "text": generated[: min(ends)] if ends else generated,
        "tokens": int((answer.get("usage") or {}).get("completion_tokens") or 0),
        "stopped": bool(ends) or choice.get("finish_reason") == "stop",
        "prompt_tokens": int((answer.get("usage") or {}).get("prompt_tokens") or 0),
    }
