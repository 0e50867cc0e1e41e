"""Scoring prompt files with a served model: as `ushaped.scoring.job`, with requests for a pass.

The server has the tokenizer, so it also decides what a text begins with; a prompt and a class are
sent as one text, and the offsets of the tokens that come back tell where the class begins.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from ushaped.errors import UserError
from ushaped.scoring import audit
from ushaped.scoring.job import CHAIN_SHARE, MADE, File, Prompt, Scorer, Settings
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
from ushaped.scoring.served.client import Client, Endpoint, TooLongError
from ushaped.scoring.store import Value
from ushaped.scoring.telemetry import Counts, Telemetry

T = TypeVar("T")
R = TypeVar("R")

# Part of the key of every stored score: raise it when a change to the code can move a score.
VERSION = "served 1"
# Requests for each connection between two writes to the store.
EACH = 4
# Of a job's requests, the share that its audit may add, beyond one item of each file.
AUDITED = 0.03
# Where a token's log-probability is in a list of the likeliest tokens, how long a list to ask for:
# the next only if the token is not in the one before, since the answers get large.
LISTS = (100, 2000, 1_000_000)


class ServedTelemetry(Telemetry):
    """What a job that asks a server did; what the server computed for it is not known."""

    def row(self) -> dict[str, Any]:
        """See `Telemetry.row`."""
        return super().row() | {"computed_tokens": math.nan, "matrix_gflops": math.nan}

    def line(self, share: float) -> str:
        """See `Telemetry.line`."""
        left = self.seconds / share * (1 - share) if share else math.nan
        rate = self.row()["tokens_per_s"]
        return f"{self.name}: {self.items} items, {rate:,.0f} tokens/s asked for, {left:.0f} s left"


@dataclass(frozen=True)
class Found:
    """What a server says of a class after a text.

    Attributes
    ----------
    values : tuple of float
        Log-probability of each of the class's tokens, in nats.
    prompt_tokens : int
        Tokens before them.
    boundary_merged : bool
        Whether the first of them begins before the class does.
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


@dataclass(frozen=True)
class Asked:
    """A text and a class, and the item that they are of, for messages."""

    text: str
    name: str
    where: str


class ServedScorer(Scorer):
    """One served model and its store; nothing is asked before something is missing.

    Raises
    ------
    UserError
        If prompts may be cut: their tokens are the server's.
    """

    def __init__(
        self,
        about: Mapping[str, Any],
        settings: Settings,
        store: Path,
        log: Callable[[str], None],
    ) -> None:
        if settings.too_long == "cut":
            raise UserError(
                "scoring.too_long: cut",
                f"cannot be done with {about['model']}, which a server holds and tokenises for",
                "set it to error, or leave out the model",
            )
        super().__init__(about, settings, store, log)

    @property
    def depends(self) -> tuple[str, ...]:
        """See `Scorer.depends`: the fingerprint has endpoint, name and engine of the model."""
        return (self.about["fingerprint"], VERSION)

    def telemetry_of(self, about: Mapping[str, Any]) -> Telemetry:
        """See `Scorer.telemetry_of`."""
        return ServedTelemetry(about["model"], about["non_embedding_parameters"], counts=Counts())

    # -- the audit --------------------------------------------------------------------------------

    def _audit(self, files: Sequence[File]) -> None:
        """Ask for a sample of the items again, one by one, and compare with what is stored.

        Kept scores too, unless they have passed an audit already.

        Raises
        ------
        UserError
            With the item, if a score is another one now; then nothing is written.
        """
        lengths = [[len(prompt.row["prompt"]) for prompt in file.prompts] for file in files]
        requests = [[len(_pairs(prompt)) for prompt in file.prompts] for file in files]
        if not self.settings.audit:
            return
        drawn = audit.sample(lengths, one_in=self.settings.audit)
        room = AUDITED * sum(map(sum, requests))
        room -= sum(own[items[0]] for own, items in zip(requests, drawn, strict=True) if items)
        for file, own, items in zip(files, requests, drawn, strict=True):
            chosen = items[:1]
            for item in items[1:]:
                if (room := room - own[item]) >= 0:
                    chosen.append(item)
            if (name := self._audit_key(file)) not in self.store.rows:
                found = self._audit_file([file.prompts[item] for item in chosen])
                self.store.add({name: found})
                self.telemetry.audited += found["items"]
                self.telemetry.audit_largest = max(self.telemetry.audit_largest, found["largest"])

    def _audit_file(self, prompts: Sequence[Prompt]) -> Value:
        """Audit some items of a file.

        Returns
        -------
        dict
            Number of ``items``; ``largest`` difference of a log-likelihood, in nats, of those that
            come nearest to their tolerances; its ``tolerance`` and ``item``.
        """
        found: Value = {"items": len(prompts), "largest": 0.0, "tolerance": tolerance(0.0)}
        found["item"], nearest = None, -1.0
        for prompt in prompts:
            client, checked = self._server
            now = {
                both: scored(client, checked, Asked(*both, prompt.where)) for both in _pairs(prompt)
            }
            for one in prompt.wanted:
                before = self.store.rows[self._key(prompt, one)]["log_likelihood"]
                again = now[one.text, one.name].value(one.last)["log_likelihood"]
                gap, allowed = abs(again - before), tolerance(before)
                if not gap <= allowed:
                    raise UserError(
                        prompt.where,
                        f"scored {before:.4f} nats for {one.name!r}, and {again:.4f} when it was "
                        "asked again, alone",
                        f"{NO_CACHE}, delete {self.store.folder} and run again",
                    )
                if gap / allowed > nearest:
                    nearest = gap / allowed
                    found |= {"largest": gap, "tolerance": allowed, "item": prompt.row["item"]}
        return found

    # -- requests ---------------------------------------------------------------------------------

    def _think(self, prompts: Sequence[Prompt], stop: Sequence[str]) -> None:
        client, _ = self._server

        def ask(number: int) -> Value:
            prompt = prompts[number]
            return chain(client, prompt.row["prompt"], stop, self._limit(prompt), prompt.where)

        # Of prompts that are the same, one; another task may have had it.
        keys = {self._chain_key(prompt): number for number, prompt in enumerate(prompts)}
        missing = {key: number for key, number in keys.items() if key not in self.store.rows}
        for found in self._timed(self._answers(ask, list(missing.values()))):
            self._keep_chains(prompts, dict(found))
        for prompt in prompts:
            prompt.chain = self.store.rows[self._chain_key(prompt)]

    def _score(self, prompts: Sequence[Prompt]) -> None:
        client, checked = self._server
        # All that is wanted of a text and a class comes with one answer.
        wanted: dict[tuple[str, str], dict[str, bool]] = {}
        asked: dict[tuple[str, str], Asked] = {}
        done: dict[tuple[str, str], float] = {}
        for prompt in prompts:
            share = 1 - CHAIN_SHARE if prompt.row["chain"] else 1.0
            more = share * len(prompt.row["prompt"]) / len(prompt.wanted)
            for one in prompt.wanted:
                if (name := self._key(prompt, one)) not in self.store.rows:
                    both = (one.text, one.name)
                    wanted.setdefault(both, {})[name] = one.last
                    asked.setdefault(both, Asked(*both, prompt.where))
                    done[both] = done.get(both, 0.0) + more

        def ask(both: tuple[str, str]) -> Found:
            return scored(client, checked, asked[both])

        for found in self._timed(self._answers(ask, list(asked))):
            self.store.add(
                {
                    name: one.value(last)
                    for both, one in found
                    for name, last in wanted[both].items()
                }
            )
            assert self.telemetry.counts is not None
            for both, one in found:
                self.telemetry.counts.total_tokens += one.prompt_tokens + len(one.values)
                self._done += done[both]
            self._tell()

    def _answers(self, ask: Callable[[T], R], asked: Sequence[T]) -> Iterator[list[tuple[T, R]]]:
        """Ask with several requests at once; what was answered before an error comes first."""
        concurrency = self._server[0].endpoint.concurrency
        pool = ThreadPoolExecutor(concurrency)
        try:
            for first in range(0, len(asked), EACH * concurrency):
                some = asked[first : first + EACH * concurrency]
                futures = [pool.submit(ask, one) for one in some]
                wait(futures, return_when=FIRST_EXCEPTION)
                for future in futures:
                    future.cancel()
                running = [future for future in futures if not future.cancelled()]
                wait(running)
                if found := [
                    (one, future.result())
                    for one, future in zip(some, futures, strict=True)
                    if not future.cancelled() and future.exception() is None
                ]:
                    yield found
                for future in running:
                    future.result()
        finally:
            pool.shutdown(cancel_futures=True)

    def _load(self) -> None:
        _ = self._server

    @cached_property
    def _server(self) -> tuple[Client, Checked]:
        """The server, once it has passed the check."""
        client = Client(Endpoint(**self.about["served"]), self.log)
        identity = client.identity()
        if client.fingerprint(identity) != self.about["fingerprint"]:
            raise UserError(
                client.endpoint.url,
                f"says {identity} of the model, and said {self.about['said']} when model.json was "
                "written",
                "remove model.json, so that it is made again",
            )
        checked = check(client)
        self.log(
            f"{self.about['model']}: the server's log-probabilities stand {checked.reading}; "
            f"{checked.observations} comparisons, largest difference {checked.worst:.3f} nats"
        )
        made = {
            "dtype": "as served",
            "engine": VERSION,
            "endpoint": client.endpoint.url,
            "served_as": client.endpoint.model,
            "said": identity,
            "check": asdict(checked),
        }
        if self.store.rows.get(MADE) != made:
            self.store.add({MADE: made})
        return client, checked

    def _measure_rate(self) -> None:
        """What the server's device can do is not known."""


def _pairs(prompt: Prompt) -> list[tuple[str, str]]:
    """Texts and classes that are asked for a prompt, each once."""
    return list(dict.fromkeys((one.text, one.name) for one in prompt.wanted))


def scored(client: Client, checked: Checked, asked: Asked) -> Found:
    """Ask for the log-probabilities of a class's tokens after a text.

    Raises
    ------
    UserError
        If the text is too long, the tokens do not spell it, or a number is missing.
    """
    reading = READINGS[checked.reading]
    for length in LISTS if checked.reading == LISTED else (1,):
        with _told(asked.where):
            answer = client.complete(
                asked.text + asked.name, echo=True, max_tokens=1, logprobs=length
            )
        echo = Echo.of(answer)
        if echo is None:
            raise UserError(asked.where, "came back without log-probabilities", "run again")
        count = echo.prompt_tokens - checked.unlisted
        start, merged = place(echo, count, asked)
        found = [reading(echo, at) for at in range(start, count)]
        values = tuple(one for one in found if one is not None)
        if not all(isinstance(one, int | float) and math.isfinite(one) for one in values):
            what = f"came back with log-probabilities {values} for the class {asked.name!r}"
            raise UserError(asked.where, what, "look at the server's log; nothing of it is kept")
        if len(values) == len(found):
            return Found(values, start + checked.unlisted, merged)
    raise UserError(
        asked.where,
        f"has a class {asked.name!r}, of a token of which the server gives no log-probability",
        "begin the prompt with more than one token, or leave out the variant",
    )


def place(echo: Echo, count: int, asked: Asked) -> tuple[int, bool]:
    """Number of the first token of a class, and whether it begins before the class does.

    Parameters
    ----------
    echo : Echo
    count : int
        How many of its tokens are the text's.

    Raises
    ------
    UserError
        If the tokens do not spell the text, or none is left before the class.
    """
    text = letters(asked.text + asked.name)
    if not 0 < count <= len(echo.tokens) or not echo.spelled(0, count).endswith(text):
        raise UserError(
            asked.where,
            f"was sent as {asked.text[:40]!r}... and came back as other tokens",
            "look whether the server cuts long prompts",
        )
    ends = [*echo.offsets[1:], echo.offsets[-1] + len(echo.tokens[-1])][:count]
    begin = _begin(asked, ends[-1], len(echo.spelled(0, count)) - len(text))
    places = zip(echo.offsets, ends, strict=False)
    start = next(n for n, (at, end) in enumerate(places) if end > begin or at >= begin)
    merged = echo.offsets[start] < begin
    spelled, name = echo.spelled(start, count), letters(asked.name)
    # A token across the join is needed to spell the class, unless none of it is ASCII.
    needed = not name or len(echo.spelled(start + 1, count)) < len(name)
    if not (spelled.endswith(name) and needed if merged else spelled == name):
        raise _not_found(asked)
    if start + (echo.prompt_tokens - count) < 1:
        raise UserError(asked.where, "leaves no token before the class", "leave out the variant")
    return start, merged


def _begin(asked: Asked, end: int, before: int) -> int:
    """Offset at which a class begins, if all of its text ends at ``end``.

    Offsets count letters of tokens, and a character that several tokens share may count as none or
    as several: it moves all that comes after. ``before`` letters stand before the text, those of a
    special token that is spelled out.
    """
    if asked.name.isascii():
        return end - len(asked.name)
    if asked.text.isascii() or end == before + len(asked.text + asked.name):
        return before + len(asked.text)
    raise _not_found(asked)


def _not_found(asked: Asked) -> UserError:
    return UserError(
        asked.where,
        f"has a class {asked.name!r}, which the offsets of the server's tokens do not find",
        "leave out the variant or the model",
    )


def chain(client: Client, text: str, stop: Sequence[str], limit: int, where: str) -> Value:
    """Continue a text greedily up to a stop string or a number of tokens.

    Raises
    ------
    UserError
        If the text and so many tokens are too long.
    """
    with _told(where):
        answer = client.complete(text, max_tokens=limit, stop=list(stop))
    choice = answer["choices"][0]
    made = str(choice.get("text") or "")
    # Most servers leave the stop string out, some do not.
    found = [at for at in (made.find(one) for one in stop) if at >= 0]
    return {
        "text": made[: min(found)] if found else made,
        "tokens": int((answer.get("usage") or {}).get("completion_tokens") or 0),
        "stopped": bool(found) or choice.get("finish_reason") == "stop",
    }


@contextmanager
def _told(where: str) -> Iterator[None]:
    """Turn a refusal for length into a message that names the item."""
    try:
        yield
    except TooLongError as error:
        raise UserError(
            where,
            f"is too long for the served model ({error})",
            "leave out the variant, or use a model with a longer context",
        ) from None
