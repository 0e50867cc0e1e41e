"""Which models share a scoring job.

Loading the libraries, reading the prompts and tokenising them is much of the time of a small model,
so that several are scored by one job.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping


def shared_jobs(sizes: Mapping[str, int], limit: float) -> list[list[str]]:
    """Divide models among jobs of about equal size.

    The largest first, each to the job that has the least (longest processing time first: Graham
    1969).

    Parameters
    ----------
    sizes : mapping of str to int
        Bytes of weights by model.
    limit : float
        Most bytes of the models of one job. Larger models have a job of their own.

    Returns
    -------
    list of list of str
        The jobs with several models, these in the given order.

    Examples
    --------
    >>> shared_jobs({"a": 1, "b": 2, "c": 2, "d": 3, "e": 9}, limit=4)
    [['a', 'd'], ['b', 'c']]
    """
    small = sorted((n for n, size in sizes.items() if size <= limit), key=sizes.__getitem__)
    jobs: list[list[str]] = (
        [[] for _ in range(math.ceil(_sum(sizes, small) / limit))] if small else []
    )
    for name in reversed(small):
        least = min(jobs, key=lambda job: _sum(sizes, job))
        if _sum(sizes, least) + sizes[name] > limit:
            jobs.append(least := [])
        least.append(name)
    order = list(sizes)
    return [sorted(job, key=order.index) for job in jobs if len(job) > 1]


def _sum(sizes: Mapping[str, int], names: Iterable[str]) -> int:
    return sum(sizes[name] for name in names)
