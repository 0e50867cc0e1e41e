"""Which items of a job are audited."""

from __future__ import annotations

import pytest

from ushaped.scoring.audit import sample


def test_every_file_gets_one_item_and_one_in_two_hundred() -> None:
    lengths = [[50] * count for count in (1, 200, 201, 1000)]
    lengths.append([1, 99])
    assert [len(some) for some in sample(lengths)] == [1, 1, 2, 5, 2]


def test_shortest_and_longest_prompt_of_the_job_are_audited() -> None:
    lengths = [[20, 10, 30], [40, 5, 25, 5], [60, 70, 65]]
    for seed in range(20):
        drawn = sample(lengths, seed=seed)
        assert (1 in drawn[1], 1 in drawn[2]) == (True, True)
        assert [len(some) for some in drawn] == [1, 1, 1]


def test_shortest_and_longest_prompt_may_be_of_one_file_or_the_same() -> None:
    assert sample([[9, 8, 1]]) == [[0, 2]]
    assert sample([[4]]) == [[0]]


def test_files_without_items_are_not_audited() -> None:
    assert sample([]) == []
    assert sample([[], [3], []]) == [[], [0], []]


def test_the_draw_follows_its_seed_and_reaches_every_item() -> None:
    lengths = [[10, 30, *[20] * 10]]
    assert sample(lengths, one_in=4, seed=7) == sample(lengths, one_in=4, seed=7)
    drawn = [sample(lengths, one_in=4, seed=seed)[0] for seed in range(200)]
    assert {len(some) for some in drawn} == {3}
    assert all(some == sorted(set(some)) for some in drawn)
    assert {item for some in drawn for item in some} == set(range(12))


def test_every_item_can_be_asked_for_and_a_share_below_none_cannot() -> None:
    assert sample([[1, 2], [3]], one_in=1) == [[0, 1], [0]]
    with pytest.raises(ValueError, match="one_in is 0"):
        sample([[1]], one_in=0)
