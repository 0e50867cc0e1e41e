"""What all scoring with a server has in common: one client, several requests at once, its usage."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from ushaped.errors import UserError
from ushaped.prices import Price
from ushaped.scoring.job import MADE, Sample, Scorer, Settings
from ushaped.scoring.requests import Prompt
from ushaped.scoring.served.client import Client, Endpoint, TooLongError, Usage
from ushaped.scoring.store import Value
from ushaped.scoring.telemetry import Telemetry

T = TypeVar("T")
R = TypeVar("R")

# Requests per connection between two writes to the store.
EACH = 4


@dataclass
class ServedTelemetry(Telemetry):
    """Telemetry of a job that queries a server, whose own work is unknown.

    Attributes
    ----------
    usage : Usage
        Of all answers in this job, those of the check and the audit too.
    price : Price or None
    """

    usage: Usage = field(default_factory=Usage)
    price: Price | None = None

    def row(self) -> dict[str, Any]:
        """See `Telemetry.row`; tokens as the server counts them, and what they cost."""
        usage = self.usage
        row = super().row() | {
            "computed_tokens": math.nan,
            "matrix_gflops": math.nan,
            "requests": usage.requests,
            "prompt_tokens": usage.prompt_tokens,
            "completion_tokens": usage.completion_tokens,
            "thinking_tokens": usage.thinking_tokens,
        }
        if self.price is not None:
            cost = self.price.of(usage.prompt_tokens, usage.completion_tokens)
            row[f"cost_{self.price.currency}"] = float(f"{cost:.6g}")
        return row

    def _work(self) -> str:
        return ""


class ServerScorer(Scorer, ABC):
    """One served model and its store; the server gets no request before something is missing.

    Raises
    ------
    UserError
        If prompts may be cut: their tokens are the server's.
    """

    telemetry_class = ServedTelemetry
    telemetry: ServedTelemetry
    # Part of the key of every stored value: raised when a change to the code can move one.
    version: ClassVar[str]

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
                f"is impossible with {about['model']}, whose server tokenises the prompts",
                "set it to error, or leave out the model",
            )
        super().__init__(about, settings, store, log)

    @property
    def cache_key_parts(self) -> tuple[str, ...]:
        """See `Scorer`; the fingerprint contains endpoint, name and engine of the model."""
        return (self.about["fingerprint"], self.version)

    def _check_budget(self, budget: int) -> None:
        described = self.about["said"]["model"]
        context = self.about["served"].get("context") or described.get("max_model_len")
        self._check_room(budget, context)

    def _draw(self, prompt: Prompt, number: int, thought: bool = False) -> dict[str, Any]:
        """How a sample is drawn: nothing where each token is the likeliest."""
        if not self.sampling.temperature:
            return {}
        seed = short_seed(self.sampling.draw_seed(prompt, number, thought))
        return {"temperature": self.sampling.temperature, "seed": seed}

    def _by_sample(
        self,
        prompts: Sequence[Prompt],
        missing: Collection[Sample],
        query: Callable[[Sample], Value],
    ) -> Iterator[dict[Sample, Value]]:
        """Query the missing samples; one request for those of equal prompts, which have one key."""
        alike: dict[str, list[Sample]] = {}
        for sample in sorted(missing):
            alike.setdefault(self.sampling.key(prompts[sample[0]], sample[1]), []).append(sample)
        of = {samples[0]: samples for samples in alike.values()}
        for answers in self._answers(query, list(of)):
            yield {sample: value for first, value in answers for sample in of[first]}

    def _answers(
        self, query: Callable[[T], R], requests: Sequence[T]
    ) -> Iterator[list[tuple[T, R]]]:
        """Send several requests at once; answers received before an error come first."""
        concurrency = self._client.endpoint.concurrency
        pool = ThreadPoolExecutor(concurrency)
        try:
            for first in range(0, len(requests), EACH * concurrency):
                batch = requests[first : first + EACH * concurrency]
                futures = [pool.submit(query, request) for request in batch]
                wait(futures, return_when=FIRST_EXCEPTION)
                for future in futures:
                    future.cancel()
                running = [future for future in futures if not future.cancelled()]
                wait(running)
                if answers := [
                    (request, future.result())
                    for request, future in zip(batch, futures, strict=True)
                    if not future.cancelled() and future.exception() is None
                ]:
                    yield answers
                for future in running:
                    future.result()
        finally:
            pool.shutdown(cancel_futures=True)

    def _load(self) -> None:
        _ = self._server

    @property
    @abstractmethod
    def _server(self) -> Any:
        """The server, once it has passed the check of its kind."""

    @cached_property
    def _client(self) -> Client:
        """The client of a server that describes its model as it did."""
        client = Client(Endpoint(**self.about["served"]), self.log)
        self.telemetry.usage = client.usage
        identity = client.identity()
        if client.fingerprint(identity) != self.about["fingerprint"]:
            raise UserError(
                client.endpoint.url,
                f"describes the model as {identity}, and as {self.about['said']} when model.json "
                "was written",
                "remove model.json, so that it is made again",
            )
        return client

    def _store_made(self, more: Value) -> None:
        """Store how the scores are made."""
        endpoint = self._client.endpoint
        made = {
            "dtype": "as served",
            "engine": self.version,
            "endpoint": endpoint.url,
            "served_as": endpoint.model,
            "said": self.about["said"],
        } | more
        if self.store.rows.get(MADE) != made:
            self.store.add({MADE: made})

    def _measure_rate(self) -> None:
        """The rate of the server's device is unknown."""


def short_seed(seed: int) -> int:
    """A seed below 2**31: some servers take no longer ones."""
    return seed % 2**31


@contextmanager
def name_item(where: str) -> Iterator[None]:
    """Name the item in the error for a text that is too long."""
    try:
        yield
    except TooLongError as error:
        raise UserError(
            where,
            f"is too long for the served model ({error})",
            "leave out the variant, or use a model with a longer context",
        ) from None
