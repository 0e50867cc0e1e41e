"""Shards: each batch belongs to one, and together they make the files of a single job."""

from __future__ import annotations

import math
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import pytest

import scores as score_step
from score_files import score, words, write_prompts
from ushaped.errors import UserError
from ushaped.files import write_json
from ushaped.ladder import tokens
from ushaped.models.load import describe
from ushaped.scoring import job
from ushaped.scoring.engine import engine
from ushaped.scoring.engine.methods import PADDED, TREE, Methods
from ushaped.scoring.shards import Shard, ShardScorer, cut, shared_characters
from ushaped.scoring.store import Store

COUNT = 3
ITEMS = 120
COMMON = 20
STAGES = ("chains", "scores")


# -- the split --------------------------------------------------------------------------------


def random_units(seed: int) -> list[int]:
    """Costs of many units, some large."""
    rng = random.Random(seed)
    return [rng.choice([1, 3, 40, 400]) for _ in range(rng.randint(0, 900))]


@pytest.mark.parametrize("seed", range(40))
def test_every_unit_is_in_one_piece_and_pieces_cost_the_same(seed: int) -> None:
    costs, count = random_units(seed), 1 + seed % 9
    pieces = cut(costs, lambda unit: unit % 7, count)
    assert len(pieces) == count
    assert list(chain(*pieces)) == list(range(len(costs)))
    even = sum(costs) / count
    for piece in pieces:
        # Each end may be off by 2 % of a piece, or by half of a unit.
        assert abs(sum(costs[unit] for unit in piece) - even) <= max(0.04 * even, 400)


@pytest.mark.parametrize("seed", range(20))
def test_every_unit_is_of_one_shard(seed: int) -> None:
    costs, count = random_units(seed), 1 + seed % 9
    own = [Shard("scores", n, count).own(costs, lambda unit: 0) for n in range(1, count + 1)]
    assert sorted(chain(*own)) == list(range(len(costs)))


def test_few_units_do_not_always_go_to_the_same_shard() -> None:
    shards = [Shard("scores", number, 4) for number in (1, 2, 3, 4)]
    tasks = random.Random(1).sample(range(1000, 9999), 40)
    got = [sum(bool(shard.own([size], lambda unit: 0)) for size in tasks) for shard in shards]
    assert sum(got) == 40
    assert min(got) >= 4


def test_prompts_that_share_a_long_prefix_stay_together() -> None:
    rng = random.Random(2)
    groups = [f"Demonstrations {name} " * 20 for name in "abcdefgh"]
    # Nearly equal in size, so that a cut between two of them is near an even one.
    texts = sorted(group + str(rng.random()) for group in groups for _ in range(500))
    pieces = cut(
        [len(text) for text in texts],
        lambda at: shared_characters(texts[at - 1], texts[at]),
        4,
    )
    for before, after in pairwise(pieces):
        assert shared_characters(texts[before[-1]], texts[after[0]]) < 40


@pytest.mark.parametrize("name", ["2-of-4", "scores-0-of-2", "scores-3-of-2", "scores-1-of-2.tsv"])
def test_a_name_that_is_no_shard_is_refused_in_one_line(name: str) -> None:
    with pytest.raises(UserError, match=r"^--shard: '.*' is no shard; say it as scores-2-of-4$"):
        Shard.parse(name)


def test_a_served_model_has_no_shards(tmp_path: Path) -> None:
    about = {"model": "far", "served": {}}
    with pytest.raises(UserError, match=r"^far: is on a server, which one job queries; leave "):
        ShardScorer(Shard.parse("scores-1-of-2"), about, job.Settings(), tmp_path, print)


# -- the scores -------------------------------------------------------------------------------


@pytest.fixture
def ready(tmp_path: Path, model: Any, raw: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a model, and prompts of two tasks that take many batches."""
    monkeypatch.setattr(job, "TIME_SHARE", float("inf"))
    folder = tmp_path / "one"
    model.save_pretrained(folder / "model")
    tokens.save(raw, folder / "model")
    scale = {"parameters": 1, "non_embedding_parameters": 1, "training_tokens": 1}
    about = describe(
        "tiny", folder / "model", family="test", size="1", seed=0, training_flops=1.0, **scale
    )
    write_json(folder / "model.json", about)
    rng = random.Random(0)
    all_words = ("Which", "one", "is", "not", "a", "bird", "no", "yes", "12", "7")
    lengths = rng.choices(range(3, 15), k=3 * ITEMS)
    texts = [" ".join(rng.choices(all_words, k=length)) for length in lengths]
    write_prompts(folder, "neqa", "zero-shot", tuple(texts[:ITEMS]))
    write_prompts(folder, "neqa", "cot", tuple(texts[ITEMS : 2 * ITEMS]))
    # Some prompts are those of the other task.
    write_prompts(
        folder, "redefine", "zero-shot", tuple(texts[:COMMON] + texts[2 * ITEMS + COMMON :])
    )
    return folder


def copy(ready: Path, name: str) -> Path:
    """Another folder with the same model and prompts."""
    folder = ready.with_name(name)
    folder.mkdir()
    shutil.copy(ready / "model.json", folder)
    (folder / "prompts").symlink_to(ready / "prompts")
    return folder


def score_shards(
    folder: Path, monkeypatch: pytest.MonkeyPatch, stages: Sequence[str], *more: str
) -> dict[str, dict[str, float]]:
    """Run all shards of some stages; their benchmarks by name."""
    told = {}
    for stage in stages:
        for number in range(1, COUNT + 1):
            name = f"{stage}-{number}-of-{COUNT}"
            told[name] = score(folder, monkeypatch, "--shard", name, *more)
            (folder / "benchmark.tsv").rename(folder / f"{name}.tsv")
    return told


def collect(folder: Path, monkeypatch: pytest.MonkeyPatch, *more: str) -> dict[str, float]:
    """Run the job that comes after all shards."""
    files = map(str, sorted(folder.glob("*-of-*.tsv")))
    return score(folder, monkeypatch, *more, "--shards", *files)


def outputs(folder: Path) -> dict[Path, bytes]:
    """The bytes of every file of scores."""
    found = (folder / "scores").rglob("*.parquet")
    return {path.relative_to(folder): path.read_bytes() for path in found}


@pytest.mark.parametrize(("dtype", "method"), [("bfloat16", TREE), ("float32", PADDED)])
def test_the_files_of_shards_have_the_bytes_of_one_job_and_nothing_is_computed_twice(
    ready: Path, monkeypatch: pytest.MonkeyPatch, dtype: str, method: str
) -> None:
    if method == PADDED:
        monkeypatch.setattr(engine, "find_methods", lambda engine: Methods(PADDED))
    if dtype == "bfloat16":
        # Of two tokens that are equally likely up to rounding, a chain may take either.
        (ready / "prompts/replica/neqa/cot.parquet").unlink()
    files = len(list((ready / "prompts").rglob("*.parquet")))
    options = ("--dtype", dtype)
    added: list[str] = []
    straight = Store.add
    monkeypatch.setattr(
        Store, "add", lambda store, rows: (straight(store, rows), added.extend(rows))
    )
    alone = score(ready, monkeypatch, *options)
    expected, single = outputs(ready), sorted(added)
    assert len(expected) == files
    added.clear()

    folder = copy(ready, "split")
    told = score_shards(folder, monkeypatch, STAGES, *options)
    assert outputs(folder) == {}
    rows = [told[f"scores-{number}-of-{COUNT}"]["items"] for number in range(1, COUNT + 1)]
    assert min(rows) > 0.5 * files * ITEMS / COUNT
    # The last job adds what its audits found, and no score.
    before = len(added)
    last = collect(folder, monkeypatch, *options)
    assert len(added) - before == files
    assert outputs(folder) == expected
    made = [name for name in added if name == "made" or name.startswith("libraries ")]
    assert len(made) == 2
    assert sorted(added) == single

    # The benchmark file is that of all jobs together.
    assert (last["items"], last["items_kept"]) == (alone["items"], COMMON)
    assert last["total_tokens"] == alone["total_tokens"]
    assert 1 <= last["computed_tokens"] / alone["computed_tokens"] < 1.1
    seconds = sum(row["scoring_s"] for row in told.values())
    assert last["scoring_s"] == pytest.approx(seconds, abs=0.01)
    assert math.isfinite(last["model_flop_utilisation"])


@pytest.mark.parametrize("stage", STAGES)
def test_a_shard_that_is_killed_goes_on_where_it_was(
    ready: Path, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    if stage == "scores":
        score_shards(ready, monkeypatch, ("chains",))
    name = f"{stage}-2-of-{COUNT}"
    whole = copy(ready, "whole")
    if stage == "scores":
        shutil.copytree(ready / "store", whole / "store")
    score(whole, monkeypatch, "--shard", name)
    expected, before = stored(whole), stored(ready)
    kill_at_work(ready, name, len(before) + len(expected - before) // 4)
    kept = stored(ready)
    assert before < kept < expected
    added: list[str] = []
    straight = Store.add
    monkeypatch.setattr(
        Store, "add", lambda store, rows: (straight(store, rows), added.extend(rows))
    )
    score(ready, monkeypatch, "--shard", name)
    # What it had stored is not computed again, and what the others will do is left to them.
    assert not kept & set(added)
    assert stored(ready) == expected


def stored(folder: Path) -> set[str]:
    """Keys of the store."""
    return {name for path in (folder / "store").glob("*") for name in Store(path, print).rows}


def kill_at_work(folder: Path, name: str, rows: int) -> None:
    """Run a shard in a process of its own, and kill it once the store has so many rows."""
    # Forked, since importing torch again would take seconds.
    child = os.fork()
    if not child:
        straight = Store.add

        def slowly(store: Store, new: Any) -> None:
            straight(store, new)
            time.sleep(0.2)

        Store.add = slowly  # type: ignore[method-assign]
        sys.argv = ["score", *words(folder, "--shard", name)]
        score_step.main()
        os._exit(0)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and len(stored(folder)) < rows:
        time.sleep(0.05)
    os.kill(child, signal.SIGKILL)
    assert os.WIFSIGNALED(os.waitpid(child, 0)[1]), "the shard was at work when it was killed"
