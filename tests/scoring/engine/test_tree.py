"""The prefix tree: every token once, every query sees its history, batches within their budget."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ushaped.scoring.engine.encoding import data, tokens
from ushaped.scoring.engine.tree import Layout, build_layout, plan_batches, prefix_lengths


@st.composite
def tries(draw: st.DrawFn, most: int = 12) -> list[bytes]:
    """Sorted different rows of few tokens, many of which begin alike."""
    rows: list[list[int]] = []
    for _ in range(draw(st.integers(1, most))):
        base = draw(st.sampled_from(rows)) if rows and draw(st.booleans()) else []
        new = draw(st.lists(st.integers(0, 2), min_size=1, max_size=30))
        rows.append(base[: draw(st.integers(0, len(base)))] + new)
    return sorted({data(row) for row in rows})


def visible(layout: Layout) -> dict[int, list[int]]:
    """What each token of a layout sees, by the groups' indices and masks."""
    seen: dict[int, list[int]] = {}
    for group in layout.groups:
        units, queries, keys = group.size
        hidden = group.hidden
        if hidden is None:
            hidden = np.broadcast_to(np.triu(np.ones((queries, keys), bool), 1), group.size)
        for unit in range(units):
            for query in range(queries):
                if not group.real.reshape(units, queries)[unit, query]:
                    continue
                token = int(group.queries.reshape(units, queries)[unit, query])
                assert token not in seen, "a token is computed once"
                own = group.keys.reshape(units, keys)[unit]
                seen[token] = sorted(own[~hidden[unit, query]].tolist())
    return seen


def check(rows: list[bytes], prefix: int) -> None:
    """Each token of each row sees exactly the tokens before it in its row, and itself."""
    layout = build_layout(rows, [prefix + 1] * len(rows), prefix)
    seen = visible(layout)
    assert len(seen) == len(layout.tokens)
    for row, indices in zip(rows, layout.logit_indices, strict=True):
        assert layout.tokens[indices].tolist() == tokens(row)[prefix:].tolist()
        assert layout.positions[indices].tolist() == list(range(prefix, len(tokens(row))))
        for depth, index in enumerate(indices):
            before = [*range(prefix), *(prefix + indices[: depth + 1]).tolist()]
            assert seen[int(index)] == before


@given(tries())
def test_every_token_sees_its_own_history_and_nothing_else(rows: list[bytes]) -> None:
    check(rows, 0)


@given(tries(), st.lists(st.integers(0, 2), min_size=1, max_size=200))
def test_the_same_holds_behind_a_kept_prefix(rows: list[bytes], prefix: list[int]) -> None:
    check([data(prefix) + row for row in rows], len(prefix))


@given(tries())
def test_a_layout_holds_every_token_of_the_tree_once(rows: list[bytes]) -> None:
    histories = {row[: 4 * n] for row in rows for n in range(1, len(row) // 4 + 1)}
    assert len(build_layout(rows, [1] * len(rows)).tokens) == len(histories)


@given(tries(40), st.integers(1, 120), st.integers(1, 60))
def test_batches_hold_each_row_once_in_order_and_keep_to_their_budgets(
    rows: list[bytes], budget: int, most_needed: int
) -> None:
    starts = [max(1, len(tokens(row)) - 3) for row in rows]
    needed = [len(tokens(row)) - start + 1 for row, start in zip(rows, starts, strict=True)]
    batches = plan_batches(rows, starts, needed, budget, most_needed)
    assert [i for batch in batches for i in range(batch.first, batch.last)] == [*range(len(rows))]
    for batch in batches:
        some = rows[batch.first : batch.last]
        assert all(row[: 4 * batch.prefix] == some[0][: 4 * batch.prefix] for row in some)
        assert all(batch.prefix < start for start in starts[batch.first : batch.last])
        if len(some) > 1:
            layout = build_layout(some, starts[batch.first : batch.last], batch.prefix)
            assert len(layout.tokens) <= budget
            assert sum(needed[batch.first : batch.last]) <= most_needed


def test_a_long_prefix_is_kept_between_batches_and_a_short_one_is_not() -> None:
    for shared, kept in ((200, 200), (10, 0)):
        rows = sorted(data([1] * shared + [n, n, n]) for n in range(2, 99))
        batches = plan_batches(rows, [shared + 1] * 97, [3] * 97, 230, 99)
        assert len(batches) > 1
        assert {batch.prefix for batch in batches} == {kept}


def test_a_batch_ends_where_its_rows_have_least_in_common() -> None:
    rows = [data([item, *[9] * 50, answer]) for item in range(8) for answer in (1, 2)]
    batches = plan_batches(rows, [51] * 16, [2] * 16, 170, 99)
    # 53 tokens an item: three fit, and the fourth is not torn from its second answer.
    assert [batch.last - batch.first for batch in batches] == [6, 6, 4]


def test_prefix_lengths_compare_each_row_with_the_one_before() -> None:
    rows = [data(row) for row in ([1], [1, 2, 3], [1, 2, 4], [2])]
    assert prefix_lengths(rows).tolist() == [0, 1, 2, 0]
    assert prefix_lengths([]).tolist() == []
