"""Progress: an item counts once the last of its scores is stored."""

from __future__ import annotations

from ushaped.scoring.telemetry import Progress


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
