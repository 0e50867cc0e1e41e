"""Which models share a scoring job."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ushaped.scoring.sharing import shared_jobs

SIZES = st.dictionaries(st.text("abcdefgh", min_size=1), st.integers(1, 20), max_size=12)


@given(SIZES, st.integers(0, 40))
def test_jobs_keep_within_the_limit_and_no_model_has_two(sizes: dict[str, int], limit: int) -> None:
    jobs = shared_jobs(sizes, limit)
    shared = [name for job in jobs for name in job]
    assert len(shared) == len(set(shared))
    assert all(len(job) > 1 for job in jobs)
    assert all(sum(sizes[name] for name in job) <= limit for job in jobs)


def test_all_models_share_one_job_if_they_fit() -> None:
    assert shared_jobs({"b": 2, "a": 3, "c": 5}, 10) == [["b", "a", "c"]]


def test_a_larger_model_has_a_job_of_its_own() -> None:
    assert shared_jobs({"a": 3, "b": 11, "c": 5}, 10) == [["a", "c"]]


def test_jobs_are_of_about_equal_size() -> None:
    sizes = {f"{size}-{seed}": size for size in (1, 2, 4, 8) for seed in range(3)}
    totals = [sum(sizes[name] for name in job) for job in shared_jobs(sizes, 15)]
    assert len(totals) == 3
    assert max(totals) - min(totals) <= 1


def test_a_limit_of_zero_shares_nothing() -> None:
    assert shared_jobs({"a": 1, "b": 1}, 0) == []
