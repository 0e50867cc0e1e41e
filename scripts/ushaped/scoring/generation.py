"""Greedy generation of reasoning chains, in batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch
from transformers import StoppingCriteria, StoppingCriteriaList

from ushaped.prompts import CONCLUSION
from ushaped.scoring.engine import context_length

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


class LineEnd(StoppingCriteria):
    """Each row stops by itself once it has written a line end."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        ids = range(len(tokenizer))
        self.ends = torch.tensor([i for i in ids if "\n" in tokenizer.decode([i])])

    def __call__(self, input_ids: torch.Tensor, scores: object, **_: object) -> torch.Tensor:
        """Which rows end in a token that holds a line end."""
        return torch.isin(input_ids[:, -1], self.ends)


@torch.inference_mode()
def chains(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[str],
    max_tokens: int,
    batch_tokens: int,
    tell: Callable[[int, int], None] = lambda done, total: None,
) -> list[str]:
    """Continue each prompt greedily to the end of its line.

    Parameters
    ----------
    prompts : sequence of str
    max_tokens : int
        Longest chain, in tokens.
    batch_tokens : int
        Tokens of one batch, prompts and chains together, at most.

    Returns
    -------
    list of str
        The generated line of each prompt, without its end.
    """
    tokenizer.padding_side = "left"
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    stop = StoppingCriteriaList([LineEnd(tokenizer)])
    lengths = [len(ids) for ids in tokenizer(list(prompts))["input_ids"]]
    limit = context_length(model) or max(lengths) + max_tokens
    rooms = [max(1, min(max_tokens, limit - length)) for length in lengths]
    order = sorted(range(len(prompts)), key=lambda i: lengths[i], reverse=True)
    found = [""] * len(prompts)
    done = 0
    while done < len(order):
        longest, room = lengths[order[done]], rooms[order[done]]
        some = order[done : done + max(1, batch_tokens // (longest + room))]
        # Near the end of the context, a longer neighbour must not shorten a chain.
        some = [i for i in some if rooms[i] == room]
        batch = tokenizer([prompts[i] for i in some], return_tensors="pt", padding=True)
        made = model.generate(
            **batch,
            max_new_tokens=room,
            do_sample=False,
            stopping_criteria=stop,
            pad_token_id=tokenizer.pad_token_id,
        )
        texts = tokenizer.batch_decode(made[:, batch["input_ids"].shape[1] :])
        for i, text in zip(some, texts, strict=True):
            end = tokenizer.eos_token
            found[i] = (text.split(end)[0] if end else text).split("\n")[0]
        done += len(some)
        tell(done, len(order))
    return found


def before_answer(chain: str) -> str:
    """A chain up to and with the words that announce the answer, so that classes can follow."""
    return chain.rsplit(CONCLUSION, 1)[0] + CONCLUSION
