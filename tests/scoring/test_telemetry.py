"""Progress: an item counts once the last of its scores is stored."""

from __future__ import annotations

import math
import time

import pytest

from ushaped.scoring.telemetry import Progress, Telemetry, add_up


def test_an_item_is_complete_with_its_last_key() -> None:
    progress = Progress()
    progress.characters = 30
    for key, item in (("a", "item 0"), ("b", "item 0"), ("b", "item 1")):
        progress.expect(key, item, 10.0)
    assert (progress.finish(["a"]), progress.share) == (0, 1 / 3)
    # Both items need the same score.
    assert (progress.finish(["b"]), progress.share) == (2, 1.0)
    assert progress.finish(["a", "b", "unknown"]) == 0


def test_chains_advance_the_share_and_complete_no_item() -> None:
    progress = Progress()
    assert progress.share == 0.0
    progress.characters = 10
    progress.expect("a", "item 0", 3.0)
    progress.advance(7.0)
    assert (progress.share, progress.finish(["a"]), progress.share) == (0.7, 1, 1.0)


def test_the_work_of_shards_counts_as_that_of_one_job() -> None:
    idle = {"items": 0, "items_kept": 9, "scoring_s": 0.0, "computed_tokens": 0}
    idle |= {"total_tokens": 0, "model_flop_utilisation": math.nan, "matrix_gflops": 0.0}
    idle |= {"threads": 0, "gpus": 0, "weight_bits": 0}
    slow = {"items": 4, "items_kept": 0, "scoring_s": 2.0, "computed_tokens": 50}
    slow |= {"total_tokens": 80, "model_flop_utilisation": 0.5, "matrix_gflops": 9.0}
    slow |= {"threads": 2, "gpus": 0, "weight_bits": 32}
    fast = slow | {"model_flop_utilisation": 0.2, "matrix_gflops": 18.0}
    total = add_up([idle, slow, fast])
    assert (total["items"], total["items_kept"]) == (8, 1)
    assert (total["computed_tokens"], total["tokens_per_s"]) == (100, 40.0)
    # 9 of 18 and 7.2 of 36 operations.
    assert (total["model_flop_utilisation"], total["matrix_gflops"]) == (0.3, 18.0)
    # 9 and 7.2 GFLOP in two seconds each.
    assert total["flops_per_s"] == pytest.approx((9.0 + 7.2) / 4 * 1e9, rel=1e-3)
    assert (total["threads"], total["gpus"], total["weight_bits"]) == (2, 0, 32)
    # Items whose scores lie in two shards count once.
    assert add_up([idle, slow, slow, slow])["items"] == 9
    assert math.isnan(add_up([idle, idle])["model_flop_utilisation"])


def test_the_time_of_an_earlier_model_of_the_same_job_is_not_counted() -> None:
    while time.process_time() < 0.5:
        pass
    assert Telemetry("model", 1).row()["cpu_time"] < 0.25
