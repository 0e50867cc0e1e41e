"""What a server's tokens cost, by the prices of the configuration."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

MILLION = 1e6


@dataclass(frozen=True)
class Price:
    """Prices of a model per million tokens.

    ``input`` is that of prompts; ``output`` that of all that a model writes, thoughts too.
    """

    currency: str
    input: float
    output: float

    @classmethod
    def parse(cls, text: str) -> Price | None:
        """Read what `as_json` wrote; None for the text null."""
        found = json.loads(text)
        return cls(**found) if found else None

    def as_json(self) -> str:
        """As one argument of a command line."""
        return json.dumps(asdict(self), sort_keys=True)

    def of(self, prompt_tokens: float, completion_tokens: float) -> float:
        """Cost of so many tokens, in units of the currency.

        Examples
        --------
        >>> Price("USD", 0.15, 0.6).of(2_000_000, 500_000)
        0.6
        """
        return (self.input * prompt_tokens + self.output * completion_tokens) / MILLION


def price_of(prices: Mapping[str, Mapping[str, Any]], model: str, family: str) -> Price | None:
    """The price of a model: its own, or else that of its family; None without one."""
    found = prices.get(model) or prices.get(family)
    return Price(**found) if found else None
