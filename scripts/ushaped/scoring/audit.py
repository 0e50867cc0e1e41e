"""Audit of a scoring job: some of its items are scored again, each text by itself.

What a model wrote is checked token by token: each must be the one that the model, given all before
it, puts first, with the same noise if it was drawn.

`Reference` is the slow, plain method: a text is tokenised alone and is one row of the model's
input, with the model's own attention, without cache, padding or shared prefixes. The code that it
checks is not used by it, but for the call of a model (`ushaped.scoring.engine.plain.logits_at`).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ushaped.scoring.requests import Prompt, ScoreRequest
from ushaped.scoring.store import Value

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

# Largest difference, in nats, of a stored log-likelihood from the same computed alone, by number
# format. Rounding alone: at most 1e-4 in float32; in the others it grows with the model's depth and
# the length of a class.
TOLERANCE = {"float32": 1e-3, "float16": 0.1, "bfloat16": 0.5}
# Largest share of the job's time that its audit may take; two items are always audited.
TIME_SHARE = 0.03
# Largest number of logits that are computed at once; of longer texts only the last positions are.
MAX_LOGITS = 1 << 27


@dataclass
class Audit:
    """Result of the audit of one file of scores, as it is stored.

    Attributes
    ----------
    items : int
        Items scored again.
    largest : float
        Largest absolute difference of their log-likelihoods, in nats.
    tolerance : float
        Difference from which on the job fails.
    item : int or None
        Item with the largest difference.
    float32_items : int
        Of low-precision scores: items that were also scored again with all weights in float32; 0
        where memory did not suffice.
    float32_largest : float
        Largest absolute difference from float32, in nats.
    float32_changed : int
        Items whose likeliest class is another one in float32.
    """

    items: int = 0
    largest: float = 0.0
    tolerance: float = 0.0
    item: int | None = None
    float32_items: int = 0
    float32_largest: float = 0.0
    float32_changed: int = 0

    def add(self, item: int, difference: float) -> None:
        """Count an item, by the largest difference of its log-likelihoods."""
        self.items += 1
        if self.item is None or difference > self.largest:
            self.largest, self.item = difference, item

    def add_float32(self, difference: float, changed: bool) -> None:
        """Count an item's comparison with float32."""
        self.float32_items += 1
        self.float32_largest = max(self.float32_largest, difference)
        self.float32_changed += changed


@dataclass(frozen=True)
class Written:
    """What a model wrote after a text: its tokens, and temperature and seed of their draws."""

    text: str
    ids: Sequence[int]
    temperature: float = 0.0
    seed: int = 0


class Reference:
    """Log-likelihoods computed one text at a time; for ``bos`` see `.engine.encoding.Encoder`.

    ``begins_with`` are the tokens before a text where the tokenizer's own output does not show
    them.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        bos: str,
        begins_with: Sequence[int] = (),
    ) -> None:
        self.model, self.tokenizer, self.bos = model, tokenizer, bos
        self.begins_with = list(begins_with)

    def log_likelihood(self, request: ScoreRequest, cut: int = 0) -> float:
        """Log-likelihood (natural log) of a class after a text.

        ``cut`` tokens are left out at the beginning.
        """
        begin, prompt = self._ids(request.text)
        _, joined = self._ids(request.text + request.continuation)
        start = 0
        while start < min(len(prompt), len(joined) - 1) and prompt[start] == joined[start]:
            start += 1
        ids = begin + joined[cut:]
        start = len(ids) - 1 if request.last else len(begin) + start - cut
        log_probs = self._log_probs(ids[:-1], len(ids) - start)
        return sum(float(log_probs[at - start, ids[at]]) for at in range(start, len(ids)))

    def gap(self, written: Written) -> float:
        """Largest number, in nats, by which a token lies above the one that was written.

        Noise of its draw included; 0 if the same method would write the same.
        """
        import torch

        from ushaped.scoring.engine.draws import noise

        begin, prompt = self._ids(written.text)
        ids = list(written.ids)
        heights = self._log_probs((begin + prompt + ids)[:-1], len(ids))
        if written.temperature:
            size, steps = heights.shape[1], range(len(ids))
            drawn = [noise(written.temperature, written.seed, step, size) for step in steps]
            heights = heights + torch.stack(drawn)
        return max(float(heights[at].max() - heights[at, token]) for at, token in enumerate(ids))

    def _ids(self, text: str) -> tuple[list[int], list[int]]:
        """Tokens before every text, and those of a text."""
        bare = list(self.tokenizer(text, add_special_tokens=False)["input_ids"])
        if self.bos == "never":
            return [], bare
        if self.bos == "always":
            return [int(self.tokenizer.bos_token_id)], bare
        usual, size = list(self.tokenizer(text)["input_ids"]), len(bare)
        starts = (n for n in range(len(usual) + 1) if usual[n : n + size] == bare)
        start = next(starts, None)
        return (self.begins_with if start is None else usual[:start]), bare

    def _log_probs(self, ids: list[int], count: int) -> Tensor:
        """Log-probabilities after the last ``count`` tokens; shape (count, vocabulary), float64."""
        import torch

        from ushaped.scoring.engine.plain import logits_at

        embedding = self.model.get_input_embeddings().weight
        first = 0 if len(ids) * embedding.shape[0] <= MAX_LOGITS else len(ids) - count
        with torch.inference_mode():
            input_ids = torch.tensor([ids], device=embedding.device)
            positions = torch.arange(first, len(ids), device=embedding.device)
            logits = logits_at(self.model, positions, input_ids=input_ids)[0, -count:]
            return torch.log_softmax(logits.double(), dim=-1).cpu()


class Auditor:
    """Compares stored log-likelihoods of prompts with those of a reference, and what was written.

    ``stored`` gives the stored values of some requests of a prompt, ``written`` all that the model
    wrote after it.
    """

    def __init__(
        self,
        reference: Reference,
        stored: Callable[[Prompt, Sequence[ScoreRequest]], list[Value]],
        written: Callable[[Prompt], list[Written]],
    ) -> None:
        self.reference, self.stored, self.written = reference, stored, written

    def compare(self, prompt: Prompt, audit: Audit) -> float:
        """Audit a prompt; its largest difference in nats, that of its chain's choices included."""
        largest = self._difference(prompt, self._score_again(prompt))
        # Of a prompt that was cut to make room for a chain, the cut is not stored.
        if not any(value["cut"] for value in self._stored(prompt)):
            gaps = [self.reference.gap(own) for own in self.written(prompt) if own.ids]
            largest = max(largest, *gaps, 0.0)
        audit.add(prompt.row["item"], largest)
        return largest

    def compare_float32(self, prompt: Prompt, audit: Audit) -> None:
        """Compare a prompt with the scores of the model as it is now, in float32."""
        values, stored = self._score_again(prompt), self._stored(prompt)
        classes = range(len(prompt.scores))
        before = max(classes, key=lambda i: stored[i]["log_likelihood"])
        changed = before != max(classes, key=values.__getitem__)
        audit.add_float32(self._difference(prompt, values), changed)

    def _stored(self, prompt: Prompt) -> list[Value]:
        return self.stored(prompt, prompt.requests)

    def _score_again(self, prompt: Prompt) -> list[float]:
        return [
            self.reference.log_likelihood(request, value["cut"])
            for request, value in zip(prompt.requests, self._stored(prompt), strict=True)
        ]

    def _difference(self, prompt: Prompt, values: Sequence[float]) -> float:
        pairs = zip(self._stored(prompt), values, strict=True)
        return max((abs(stored["log_likelihood"] - value) for stored, value in pairs), default=0.0)


def sample(lengths: Sequence[Sequence[int]], one_in: int = 200, seed: int = 0) -> list[list[int]]:
    """Draw the items of each file to audit.

    Parameters
    ----------
    lengths : sequence of sequence of int
        For each file, the prompt length of each of its items, in characters.
    one_in : int
        One in so many items of a file is drawn, rounded up.
    seed : int
        Of the random draw; the same arguments give the same items.

    Returns
    -------
    list of list of int
        For each file, positions of items in ascending order: at least one where the file has items.
        The shortest and the longest prompt of all files (the first of several) are among them and
        count towards what is drawn of their files.

    Raises
    ------
    ValueError
        If ``one_in`` is below 1.

    Examples
    --------
    >>> [len(items) for items in sample([[7] * 401, [], [3, 9, 5]])]
    [3, 0, 2]
    >>> sample([[7], [3, 9, 5]])
    [[0], [0, 1]]
    """
    if one_in < 1:
        raise ValueError(f"one_in is {one_in}, and has to be 1 or more")
    items = [(file, item) for file, own in enumerate(lengths) for item in range(len(own))]
    if not items:
        return [[] for _ in lengths]
    required = {choose(items, key=lambda at: lengths[at[0]][at[1]]) for choose in (min, max)}
    rng = random.Random(seed)
    drawn = []
    for file, own in enumerate(lengths):
        fixed = {item for at, item in required if at == file}
        others = [item for item in range(len(own)) if item not in fixed]
        missing = max(0, -(-len(own) // one_in) - len(fixed))
        drawn.append(sorted(fixed | set(rng.sample(others, missing))))
    return drawn
