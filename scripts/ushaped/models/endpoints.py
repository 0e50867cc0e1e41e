"""What a served model can be asked for, known from the registry and the configuration alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ushaped.errors import UserError
from ushaped.scoring.served.thinking import ThinkingBudget
from ushaped.variants import Variant

Entry = Mapping[str, Any]


def is_chat(entry: Entry) -> bool:
    """Whether a model is asked by chat, so that it shows no log-likelihoods of classes."""
    return entry.get("api") == "chat"


def check_endpoint(
    where: str, entry: Entry, variants: Sequence[Variant], answer_tokens: int, temperature: float
) -> None:
    """Refuse what a served model cannot be asked for, before anything is sent.

    Parameters
    ----------
    where : str
        What a message calls the model.
    entry : mapping
        Of the registry, with the settings of its family.
    variants : sequence of Variant
        Those of the configuration that some task has.
    answer_tokens : int
        ``generation.tokens``.
    temperature : float
        ``generation.temperature``.

    Raises
    ------
    UserError
        If a chat endpoint is asked for log-likelihoods alone, at a temperature that it does not
        take, or for a thought that does not fit its context or that nothing asks for.
    """
    thinking = entry.get("thinking", {})
    budgets = [variant.k for variant in variants if variant.thinks]
    if not is_chat(entry):
        if budgets and "open" not in thinking:
            raise UserError(
                f"{where}, thinking",
                f"names no tags around a thought, which variant 'think-{budgets[0]}' needs: its "
                "tokenizer is on the server",
                "add thinking: {open: <think>, close: </think>} to the family",
            )
        return
    if not any(variant.writes for variant in variants):
        raise UserError(
            where,
            "is asked by chat, which shows no log-likelihoods, and no variant is a written answer",
            "add zero-shot-generated to 'variants', or leave the family out",
        )
    if "temperature" in entry.get("omit", ()) and temperature != 1:
        raise UserError(
            f"{where}, omit",
            f"has temperature, so its server draws at its own, but generation.temperature is "
            f"{temperature:g}",
            "set generation.temperature to 1, the usual one",
        )
    for budget in budgets:
        _check_budget(where, entry, budget, answer_tokens)


def _check_budget(where: str, entry: Entry, budget: int, answer_tokens: int) -> None:
    told = ThinkingBudget.of(entry.get("thinking", {}))
    if not told.is_sent:
        raise UserError(
            f"{where}, thinking",
            f"names nothing that carries the budget of variant 'think-{budget}' to the server",
            "add thinking: {parameter: NAME} to the family, or leave the variant out",
        )
    if not told.knows(budget):
        known = ", ".join(map(str, sorted(told.values)))
        raise UserError(
            f"{where}, thinking.values",
            f"has no value for variant 'think-{budget}', only for {known}",
            "add one, or leave the variant out",
        )
    context, needed = entry.get("context"), budget + answer_tokens
    if context is not None and needed >= context:
        raise UserError(
            f"{where}, context",
            f"is {context}, and 'think-{budget}' needs {needed} for thought and answer",
            "leave the variant out, or lower generation.tokens",
        )
