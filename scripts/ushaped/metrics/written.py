"""Metrics of answers that models wrote: accuracy is then that of the classes read from them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ushaped.metrics.definitions import Bools, Floats, Ints, Measured, Questions


@dataclass(frozen=True)
class WrittenAnswers:
    """What models wrote to the items of one prompts file, in several samples each.

    Attributes
    ----------
    thinks : bool
        Whether there were thoughts.
    read : ndarray of int, shape (models, n, samples)
        Class that was read from each, -1 for none.
    refused : ndarray of bool, shape (models, n, samples)
        Whether the model declined to answer.
    tokens, thought_tokens : ndarray of int, shape (models, n, samples)
    stopped, thought_cut : ndarray of bool, shape (models, n, samples)
        Whether the answer ended by itself, and whether its thought was ended at the budget.
    """

    thinks: bool
    read: Ints
    refused: Bools
    tokens: Ints
    stopped: Bools
    thought_tokens: Ints
    thought_cut: Bools

    @property
    def merged(self) -> Bools:
        """No class was scored, so no token spans the join before one; shape (models,)."""
        return np.zeros(len(self.read), dtype=bool)

    @property
    def cut(self) -> Bools:
        """No prompt is ever cut before an answer is written; shape (models,)."""
        return np.zeros(len(self.read), dtype=bool)

    def select(self, keep: Bools) -> WrittenAnswers:
        """Some of the items."""
        names = ("read", "refused", "tokens", "stopped", "thought_tokens", "thought_cut")
        return replace(self, **{name: getattr(self, name)[:, keep] for name in names})

    def commonest_share(self, questions: Questions) -> Floats:
        """See `ushaped.metrics.definitions.commonest_share`; of all samples."""
        places = np.arange(self.read.shape[1])[None, :, None]
        text = np.where(self.read < 0, -1, questions.text[places, self.read])
        flat, texts = text.reshape(len(text), -1), int(questions.text.max()) + 1
        return np.array(
            [np.bincount(row[row >= 0], minlength=texts).max() / row.size for row in flat]
        )

    def metrics(self, questions: Questions) -> dict[str, Measured]:
        """Value of every metric for every model and item, means over its samples.

        Returns
        -------
        dict of str to Measured
            ``accuracy`` first, in which an answer that cannot be read is wrong.
            ``answered_accuracy`` is that of the readable ones; ``agreement``, which needs several
            samples, the share of pairs of readable samples with the same class. Both are ratios of
            two means, and their values are linearised for intervals (delta method; Cochran 1977,
            section 6.4).
        """
        even = float(np.mean(1.0 / questions.count))
        answered = self.read >= 0
        right = self.read == questions.answer[None, :, None]
        found = {
            "accuracy": _share(right, even),
            "answered_accuracy": Measured(
                _ratio(right.mean(axis=-1), answered.mean(axis=-1)), False, even
            ),
            "unanswered_share": _share(~answered),
            "refused_share": _share(self.refused),
        }
        if self.read.shape[-1] > 1:
            found["agreement"] = Measured(_agreement(self.read), False, float("nan"))
        has = questions.distractor >= 0
        if has.any():
            distractor = questions.distractor[has]
            found["distractor_share"] = _share(self.read[:, has] == distractor[None, :, None])
        for place in range(questions.text.shape[1]):
            found[f"answer_rate_{place}"] = _share(self.read == place)
        found["answer_tokens"] = _mean(self.tokens)
        found["answer_cut_share"] = _share(~self.stopped)
        if self.thinks:
            found["thinking_tokens"] = _mean(self.thought_tokens)
            found["thought_cut_share"] = _share(self.thought_cut)
        return found


def _share(hit: NDArray[np.bool_], chance: float = float("nan")) -> Measured:
    return Measured(hit.mean(axis=-1), True, chance)


def _mean(values: Ints) -> Measured:
    return Measured(values.mean(axis=-1), False, float("nan"))


def _ratio(parts: Floats, wholes: Floats) -> Floats:
    """Values whose mean is the ratio of two means over items, and whose spread is that of it.

    NaN for a model without anything in the whole; shape (models, n), as the arguments.
    """
    mean = wholes.mean(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = parts.mean(axis=1, keepdims=True) / mean
        values: Floats = ratio + (parts - ratio * wholes) / mean
    return values


def _agreement(read: Ints) -> Floats:
    """Share of the pairs of readable samples with the same class, as `_ratio`."""
    first, second = np.triu_indices(read.shape[-1], k=1)
    both = (read[..., first] >= 0) & (read[..., second] >= 0)
    same = both & (read[..., first] == read[..., second])
    return _ratio(same.mean(axis=-1), both.mean(axis=-1))
