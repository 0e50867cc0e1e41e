"""The metrics' definitions, as functions of arrays of shape (models, items, classes)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

CONSTANT = "constant-answer"
CONSTANT_SHARE = 0.99
MERGED = "boundary-merged"
CUT = "prompt-cut"


@dataclass(frozen=True)
class Questions:
    """What the items of one prompts file ask, without their text.

    Attributes
    ----------
    where : str
        The file, for messages.
    item : ndarray of int, shape (n,)
        Item numbers, increasing.
    count : ndarray of int, shape (n,)
        Number of classes.
    answer : ndarray of int, shape (n,)
        Place of the right class.
    distractor : ndarray of int, shape (n,)
        Place of the distractor task's class, -1 if it has none.
    text : ndarray of int, shape (n, k)
        A number for each class's text (equal texts, equal numbers), -1 beyond ``count``.
    protocol, modified : str
        The one protocol of the file, and what was modified.
    chain : bool
        Whether a reasoning chain is generated first.
    metric : str
        What judges the task, as ``task.yaml`` has it: ``accuracy``, ``sequence-loss``, ``log-odds``
        or ``absolute-log-odds``.
    part : ndarray of int, shape (n,)
        Which part of the task each item belongs to.
    cluster : ndarray of int, shape (n,)
        The template that each item was made from, or else its part.
    generated, thinks : bool
        Whether the models write their answers, and whether they think before.
    unsplit : int
        Items of the task that the variant leaves out, since it cannot ask them.
    """

    where: str
    item: Ints
    count: Ints
    answer: Ints
    distractor: Ints
    text: Ints
    protocol: str
    modified: str
    chain: bool
    metric: str
    part: Ints
    cluster: Ints
    unsplit: int = 0
    generated: bool = False
    thinks: bool = False

    @property
    def unsplit_share(self) -> float:
        """Share of the task's items that are left out."""
        return self.unsplit / (self.unsplit + len(self.item))

    @property
    def right_text(self) -> Ints:
        """Number of the right class's text of each item, shape (n,)."""
        return self.text[np.arange(len(self.answer)), self.answer]

    @property
    def sequence(self) -> bool:
        """Whether these are sequence items (one class each, the completion)."""
        return bool((self.count == 1).all())

    @property
    def log_odds(self) -> bool:
        """Whether these are items that compare two prompts."""
        return self.metric.endswith("log-odds")

    def select(self, keep: Bools) -> Questions:
        """Some of the items."""
        arrays = ("item", "count", "answer", "distractor", "text", "part", "cluster")
        return replace(self, **{name: getattr(self, name)[keep] for name in arrays})


@dataclass(frozen=True)
class Scores:
    """How models answered the items of one prompts file.

    Attributes
    ----------
    log_likelihoods : ndarray of float, shape (models, n, k)
        In nats; ``-inf`` where an item has fewer than ``k`` classes.
    parsed : ndarray of int, shape (models, n)
        Class extracted from the chain, -1 for none.
    stopped : ndarray of bool, shape (models, n)
        Whether the chain ended by itself; True where there is none.
    merged : ndarray of bool, shape (models,)
        Whether, for any item, a token spans the join of prompt and class.
    cut : ndarray of bool, shape (models,)
        Whether the beginning of any item was cut off.
    contrast : ndarray of float, shape (models, n)
        Of log-odds items, how much more the prompt than the other one speaks for the first class
        (`contrasts`); NaN elsewhere.
    """

    log_likelihoods: Floats
    parsed: Ints
    stopped: Bools
    merged: Bools
    cut: Bools
    contrast: Floats

    def select(self, keep: Bools) -> Scores:
        """Some of the items, with the flags of all."""
        arrays = ("log_likelihoods", "parsed", "stopped", "contrast")
        return replace(self, **{name: getattr(self, name)[:, keep] for name in arrays})

    def metrics(self, questions: Questions) -> dict[str, Measured]:
        """`item_metrics` of these answers."""
        return item_metrics(
            self.log_likelihoods, questions, self.parsed, self.stopped, self.contrast
        )

    def commonest_share(self, questions: Questions) -> Floats:
        """`commonest_share` of these answers."""
        return commonest_share(self.log_likelihoods, questions)


@dataclass(frozen=True)
class Measured:
    """A metric's value for every model and item.

    Attributes
    ----------
    values : ndarray of float, shape (models, n)
    share : bool
        Whether values are 0 or 1, so that their mean is a share.
    chance : float
        Value of guessing evenly; NaN where that is not defined.
    """

    values: Floats
    share: bool
    chance: float


def answers(log_likelihoods: Floats) -> Ints:
    """Class that each model answers with; the first of equals.

    Parameters
    ----------
    log_likelihoods : ndarray of float, shape (models, n, k)
        In nats; ``-inf`` where an item has fewer than ``k`` classes.

    Returns
    -------
    ndarray of int, shape (models, n)

    Examples
    --------
    >>> answers(np.array([[[-2.0, -1.0], [-3.0, -3.0]]]))
    array([[1, 0]])
    """
    return np.argmax(log_likelihoods, axis=-1)


def contrasts(last: Floats, other_last: Floats) -> Floats:
    """How much more a prompt than the other one speaks for the first of two classes, in nats.

    With l0 and l1 the log-probabilities of the last tokens of the two classes, (l0 - l1) after the
    prompt minus (l0 - l1) after the other prompt.

    Parameters
    ----------
    last, other_last : ndarray of float, shape (..., 2)

    Returns
    -------
    ndarray of float, shape (...)
    """
    return (last[..., 0] - last[..., 1]) - (other_last[..., 0] - other_last[..., 1])


def item_metrics(
    log_likelihoods: Floats,
    questions: Questions,
    parsed: Ints | None = None,
    stopped: Bools | None = None,
    contrast: Floats | None = None,
) -> dict[str, Measured]:
    """Value of every metric for every model and item.

    The metric that judges the task comes first.

    Parameters
    ----------
    log_likelihoods : ndarray of float, shape (models, n, k)
        In nats; ``-inf`` where an item has fewer than ``k`` classes.
    questions : Questions
        Of the same n items.
    parsed : ndarray of int, shape (models, n), optional
        Class extracted from the chain, -1 for none; needed for variants with a chain.
    stopped : ndarray of bool, shape (models, n), optional
        Whether the chain ended by itself; needed for variants with a chain.
    contrast : ndarray of float, shape (models, n), optional
        See `Scores`; needed for log-odds items.

    Returns
    -------
    dict of str to Measured
        ``distractor_share`` has a column only for each item that has a distractor.

    Examples
    --------
    >>> one = np.array([0])
    >>> text = np.array([[0, 1]])
    >>> asked = Questions(
    ...     "", one, one + 2, one, one - 1, text, "official", "", False, "accuracy", one, one
    ... )
    >>> found = item_metrics(np.log([[[0.2, 0.6]]]), asked)
    >>> float(found["accuracy"].values[0, 0]), round(float(found["label_mass"].values[0, 0]), 3)
    (0.0, 0.8)
    >>> round(float(found["loss"].values[0, 0]), 3)  # -log(0.2 / 0.8)
    1.386
    """
    if questions.sequence:
        return {
            "sequence_loss": Measured(-log_likelihoods[..., 0], False, float("nan")),
            "sequence_probability": Measured(np.exp(log_likelihoods[..., 0]), False, float("nan")),
        }
    if questions.log_odds:
        assert contrast is not None
        return _log_odds(contrast, questions) | {
            "label_mass": Measured(np.exp(log_sum_exp(log_likelihoods)), False, float("nan"))
        }
    answer = np.broadcast_to(questions.answer[:, None], (*log_likelihoods.shape[:2], 1))
    mass = log_sum_exp(log_likelihoods)
    right = np.take_along_axis(log_likelihoods, answer, axis=-1)[..., 0]
    said = answers(log_likelihoods)
    even = float(np.mean(1.0 / questions.count))

    found = {
        "accuracy": _share(said == questions.answer, even),
        "loss": Measured(mass - right, False, float(np.mean(np.log(questions.count)))),
        "label_mass": Measured(np.exp(mass), False, float("nan")),
    }
    has = questions.distractor >= 0
    if has.any():
        found["distractor_share"] = _share(said[:, has] == questions.distractor[has])
    for place in range(log_likelihoods.shape[-1]):
        found[f"answer_rate_{place}"] = _share(said == place)
    found |= _ties(log_likelihoods, answer, even)
    if questions.chain:
        assert parsed is not None
        assert stopped is not None
        found["parsed_accuracy"] = _share(parsed == questions.answer, even)
        found["unparsed_share"] = _share(parsed < 0)
        found["unstopped_share"] = _share(~stopped)
    return found


def _ties(log_likelihoods: Floats, answer: Ints, even: float) -> dict[str, Measured]:
    """How many items have several likeliest classes, and what accuracy makes of that.

    With m likeliest classes of which one is right: right only if m is 1 (``against``), right in
    any case (``for``), or 1/m right (``shared``). Without any tie all three are the accuracy, and
    left out.
    """
    likeliest = log_likelihoods == log_likelihoods.max(axis=-1, keepdims=True)
    count = likeliest.sum(axis=-1)
    found = {"tie_share": _share(count > 1)}
    if (count > 1).any():
        right = np.take_along_axis(likeliest, answer, axis=-1)[..., 0]
        found["accuracy_ties_against"] = _share(right & (count == 1), even)
        found["accuracy_ties_for"] = _share(right, even)
        found["accuracy_ties_shared"] = Measured(right / count, False, even)
    return found


def _log_odds(contrast: Floats, questions: Questions) -> dict[str, Measured]:
    """Log odds of the right class, or their size: two of the prize's five metrics."""
    if questions.metric == "absolute-log-odds":
        return {"absolute_log_odds": Measured(np.abs(contrast), False, float("nan"))}
    right = np.where(questions.answer == 1, -contrast, contrast)
    return {"log_odds": Measured(right, False, 0.0)}


def commonest_share(log_likelihoods: Floats, questions: Questions) -> Floats:
    """Share of the items that get each model's most frequent answer text; 0 without answers.

    The text counts, not the place: where items offer different classes no single text can be
    constant, and where the order of the same classes changes a place means nothing.

    Parameters
    ----------
    log_likelihoods : ndarray of float, shape (models, n, k)
    questions : Questions

    Returns
    -------
    ndarray of float, shape (models,)
    """
    if questions.sequence or questions.log_odds:
        return np.zeros(len(log_likelihoods))
    said = answers(log_likelihoods)
    text = questions.text[np.arange(said.shape[1]), said]
    texts = int(questions.text.max()) + 1
    return np.array([np.bincount(row, minlength=texts).max() / len(row) for row in text])


def _share(hit: Bools, chance: float = float("nan")) -> Measured:
    return Measured(hit.astype(np.float64), True, chance)


def log_sum_exp(values: Floats) -> Floats:
    """Logarithm of the sum of exponentials over the last axis, shape (..., k) to (...)."""
    top = values.max(axis=-1)
    return top + np.log(np.exp(values - top[..., None]).sum(axis=-1))


def joined(parts: Iterable[str], separator: str = ";") -> str:
    """Different non-empty parts, in the order of their first occurrence."""
    return separator.join(dict.fromkeys(part for part in parts if part))
