"""How a chat server is told for how long a model may think."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class ThinkingBudget:
    """How a server is told for how long a model may think; see the registry's ``thinking``."""

    parameter: str | None = None
    template_argument: str | None = None
    values: Mapping[int, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, thinking: Mapping[str, Any]) -> ThinkingBudget:
        """Read the mapping of the registry, whose keys are texts."""
        values = {int(budget): value for budget, value in thinking.get("values", {}).items()}
        return cls(thinking.get("parameter"), thinking.get("template_argument"), values)

    @property
    def is_sent(self) -> bool:
        """Whether anything carries a budget."""
        return bool(self.parameter or self.template_argument)

    def knows(self, budget: int) -> bool:
        """Whether a budget can be sent."""
        return self.is_sent and (not self.values or budget in self.values)

    def options(self, budget: int | None) -> dict[str, Any]:
        """Keys of a request; None, for an answer without thinking, is sent as 0 where 0 is known.

        Examples
        --------
        >>> ThinkingBudget("reasoning.effort", values={64: "low"}).options(64)
        {'reasoning': {'effort': 'low'}}
        >>> ThinkingBudget(template_argument="thinking_budget").options(None)
        {'chat_template_kwargs': {'thinking_budget': 0}}
        """
        if not self.knows(budget or 0):
            return {}
        value = self.values.get(budget or 0, budget or 0)
        if self.template_argument:
            return {"chat_template_kwargs": {self.template_argument: value}}
        for name in reversed(str(self.parameter).split(".")):
            value = {name: value}
        return dict(value)

    def tokens(self, budget: int | None) -> int | None:
        """The budget, where the server is told a number of tokens; else None."""
        return budget if budget and self.is_sent and not self.values else None
