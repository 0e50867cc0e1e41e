"""Metrics of a right answer that change continuously with a model's probabilities.

Accuracy jumps where another class becomes the likeliest. Schaeffer et al. (2023, arXiv:2304.15004)
hold that the shape of a scaling curve can be an artefact of such a metric; they follow an answer
from its log-likelihood through its probability among the classes to Brier score and accuracy (2024,
arXiv:2406.04391). The metrics here need only the log-likelihoods of the classes.
"""

from __future__ import annotations

import math

import numpy as np

from ushaped.errors import UserError
from ushaped.metrics.definitions import Floats, Ints, log_sum_exp

PROBABILITY, LOSS, BRIER = "answer_probability", "loss", "brier"
LOG_LIKELIHOOD, BITS = "answer_log_likelihood", "bits_per_byte"

# The sign that makes higher values better.
CONTINUOUS = {PROBABILITY: 1.0, LOSS: -1.0, BRIER: -1.0, LOG_LIKELIHOOD: 1.0, BITS: -1.0}


def class_probabilities(log_likelihoods: Floats) -> Floats:
    """Probability of each class, given that the answer is one of the classes.

    Parameters
    ----------
    log_likelihoods : ndarray of float, shape (..., n, k)
        In nats; ``-inf`` where an item has fewer than ``k`` classes.

    Returns
    -------
    ndarray of float, shape (..., n, k)
        Sums to 1 over the classes of an item.

    Examples
    --------
    >>> class_probabilities(np.log([[0.1, 0.3]])).round(3).tolist()
    [[0.25, 0.75]]
    """
    return np.exp(log_likelihoods - log_sum_exp(log_likelihoods)[..., None])


def answer_probability(log_likelihoods: Floats, answer: Ints) -> Floats:
    """Probability of the right class among the classes, shape (..., n); see `class_probabilities`.

    Parameters
    ----------
    log_likelihoods : ndarray of float, shape (..., n, k)
        In nats.
    answer : ndarray of int, shape (n,)
        Index of the right class.

    Examples
    --------
    >>> answer_probability(np.log([[0.1, 0.3]]), np.array([1])).round(3).tolist()
    [0.75]
    """
    return _of_answer(class_probabilities(log_likelihoods), answer)


def loss(log_likelihoods: Floats, answer: Ints) -> Floats:
    """Minus the logarithm of `answer_probability` in nats, shape (..., n): ``loss`` of the metrics.

    Examples
    --------
    >>> loss(np.log([[0.1, 0.3]]), np.array([1])).round(3).tolist()  # -log(0.75)
    [0.288]
    """
    return log_sum_exp(log_likelihoods) - answer_log_likelihood(log_likelihoods, answer)


def brier_score(log_likelihoods: Floats, answer: Ints) -> Floats:
    """Squared distance of `class_probabilities` from the right answer, summed over the classes.

    This is the score of Brier (1950, Monthly Weather Review 78:1-3): 0 at best and 2 at worst, and
    twice the share of wrong answers where all probabilities are 0 or 1.

    Returns
    -------
    ndarray of float, shape (..., n)

    Examples
    --------
    >>> brier_score(np.log([[0.1, 0.3]]), np.array([1])).round(3).tolist()  # 2 * 0.25**2
    [0.125]
    """
    right = np.arange(log_likelihoods.shape[-1]) == answer[:, None]
    return ((class_probabilities(log_likelihoods) - right) ** 2).sum(axis=-1)


def answer_log_likelihood(log_likelihoods: Floats, answer: Ints) -> Floats:
    """Log-likelihood of the right class's text in nats, whatever the other classes, shape (..., n).

    It also rises where a model learns to give any of the classes at all.

    Examples
    --------
    >>> answer_log_likelihood(np.log([[0.1, 0.3]]), np.array([1])).round(3).tolist()
    [-1.204]
    """
    return _of_answer(log_likelihoods, answer)


def bits_per_byte(log_likelihoods: Floats, answer: Ints, lengths: Ints) -> Floats:
    """Bits per byte of the right class's text, shape (..., n).

    The unit is that of Gao et al. (2020, arXiv:2101.00027). They divide the sum over a corpus by
    its bytes; here each item has its own ratio, so that every item counts the same.

    Parameters
    ----------
    log_likelihoods : ndarray of float, shape (..., n, k)
        In nats.
    answer : ndarray of int, shape (n,)
        Index of the right class.
    lengths : ndarray of int, shape (n,)
        UTF-8 bytes of the right class's text as it is scored, so with its leading space.

    Raises
    ------
    UserError
        If a text is empty.

    Examples
    --------
    >>> bits_per_byte(np.log([[0.5, 0.25]]), np.array([1]), np.array([2])).tolist()  # 2 bits
    [1.0]
    """
    if (lengths < 1).any():
        at = int(np.argmax(lengths < 1))
        raise UserError(f"right answer {at}", "has no text", "give its class a text")
    return -answer_log_likelihood(log_likelihoods, answer) / math.log(2) / lengths


def continuous_metrics(log_likelihoods: Floats, answer: Ints, lengths: Ints) -> dict[str, Floats]:
    """Values of all metrics of `CONTINUOUS`, each of shape (..., n); see `bits_per_byte`."""
    return {
        PROBABILITY: answer_probability(log_likelihoods, answer),
        LOSS: loss(log_likelihoods, answer),
        BRIER: brier_score(log_likelihoods, answer),
        LOG_LIKELIHOOD: answer_log_likelihood(log_likelihoods, answer),
        BITS: bits_per_byte(log_likelihoods, answer, lengths),
    }


def equivalences(equivalence: float, lengths: Ints) -> dict[str, float]:
    """Practical equivalence in the unit of each metric, from that in units of accuracy.

    If all probabilities are 0 or 1, `answer_probability` is the accuracy and the Brier score twice
    the error, so their margins are the same number and twice it. In nats it is the same number, as
    for every other loss: a factor of ``exp(equivalence)`` in a probability, so a difference of at
    most about ``equivalence``. In bits per byte it is that of an answer of mean length.

    Parameters
    ----------
    equivalence : float
        Largest difference of accuracy that is practically none.
    lengths : ndarray of int, shape (n,)
        UTF-8 bytes of each right answer.

    Examples
    --------
    >>> margins = equivalences(0.02, np.array([2, 2]))
    >>> margins["brier"], round(margins["bits_per_byte"], 4)
    (0.04, 0.0144)
    """
    return {
        PROBABILITY: equivalence,
        LOSS: equivalence,
        BRIER: 2 * equivalence,
        LOG_LIKELIHOOD: equivalence,
        BITS: equivalence / math.log(2) / float(lengths.mean()),
    }


def _of_answer(values: Floats, answer: Ints) -> Floats:
    """The value of each item's right class, shape (..., n, k) to (..., n)."""
    return values[..., np.arange(len(answer)), answer]
