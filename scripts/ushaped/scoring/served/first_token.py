"""Log-probabilities of classes by the first token of an answer, where a server lists some."""

from __future__ import annotations

import math
from collections.abc import Sequence

# How far a sum of probabilities may be above 1, and two numbers of one token apart, by rounding.
ROUNDING = 0.01


def first_token_log_probs(
    classes: Sequence[str], top: Sequence[tuple[str, float]]
) -> list[float | None] | None:
    """Log-probability that an answer begins with a token that only one class begins with.

    Tokens are compared as texts, without the blanks around them, with the beginning of each class.
    A token that two classes begin with decides nothing; of several tokens of one class, such as
    ``A`` and `` A``, the probabilities are added.

    Parameters
    ----------
    classes : sequence of str
    top : sequence of (str, float)
        Tokens and their log-probabilities in nats.

    Returns
    -------
    list of (float or None), or None
        One value for each class, None where no listed token is its own; None for all where no
        listed token decides.

    Examples
    --------
    >>> first_token_log_probs([" Yes", " No"], [("Yes", -0.5), ("The", -1.5)])
    [-0.5, None]
    >>> first_token_log_probs([" 1", " 12"], [("1", -0.1)]) is None
    True
    """
    names = [name.strip() for name in classes]
    shares = [0.0] * len(names)
    for token, value in top:
        begun = [at for at, name in enumerate(names) if token.strip() and _begins(name, token)]
        if len(begun) == 1:
            shares[begun[0]] += math.exp(value)
    values = [math.log(share) if share else None for share in shares]
    return None if all(value is None for value in values) else values


def _begins(name: str, token: str) -> bool:
    return name.startswith(token.strip())


def distribution_problem(
    top: Sequence[tuple[str, float]], sampled: tuple[str, float] | None
) -> str | None:
    """Why a list of tokens cannot be the likeliest ones of a distribution; None if it can.

    Examples
    --------
    >>> distribution_problem([("A", -0.1), ("B", -3.0)], ("A", -0.1)) is None
    True
    >>> distribution_problem([("A", 0.0), ("B", 0.0)], ("A", 0.0))
    'their probabilities add up to 2.00'
    """
    values = [value for _, value in top]
    if not all(math.isfinite(value) and value <= ROUNDING for value in values):
        return f"they are {values}"
    if (total := sum(map(math.exp, values))) > 1 + ROUNDING:
        return f"their probabilities add up to {total:.2f}"
    if sampled is None or not any(
        token == sampled[0] and abs(value - sampled[1]) <= ROUNDING for token, value in top
    ):
        return f"they lack the token that was written ({sampled[0] if sampled else None!r})"
    return None
