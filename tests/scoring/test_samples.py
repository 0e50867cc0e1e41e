"""Written answers: greedy or drawn, after a thought, resumed without a changed letter."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
from tokenizers import Tokenizer
from transformers import PreTrainedModel

from score_files import TEXTS, score, scores, write_prompts
from tiny_models import greedy
from ushaped.errors import UserError
from ushaped.files import write_json
from ushaped.ladder import tokens
from ushaped.models.load import describe
from ushaped.results.parquet import MADE
from ushaped.scoring import job
from ushaped.scoring.engine import draws, generation
from ushaped.scoring.job import Scorer
from ushaped.scoring.samples import Sampling, Tags
from ushaped.scoring.store import Store

DRAWN = Sampling(samples=3, temperature=1.0, tokens=6).as_json()
TAGS = json.dumps({"open": " <", "close": " > "})


def write(folder: Path, variant: str, think: int | None = None) -> Path:
    """A prompt file of written answers."""
    same: dict[str, Any] = {
        "generated": True,
        "think": think,
        "answer_after": " So the answer is",
        "stop": ["\n"],
        "announced_by": [],
        "aliases": "{}",
    }
    columns = {name: [value] * len(TEXTS) for name, value in same.items()}
    return write_prompts(folder, "neqa", variant, **columns)


@pytest.fixture
def ready(tmp_path: Path, model: PreTrainedModel, raw: Tokenizer) -> Path:
    """A folder with a model and no prompts yet."""
    folder = tmp_path / "model"
    model.save_pretrained(folder)
    tokens.save(raw, folder)
    scale = {"parameters": 1, "non_embedding_parameters": 1, "training_tokens": 1}
    about = describe("tiny", folder, family="test", size="1", seed=0, training_flops=1.0, **scale)
    write_json(tmp_path / "model.json", about)
    return tmp_path


def test_greedy_answers_are_the_likeliest_tokens_one_after_the_other(
    ready: Path, model: PreTrainedModel, tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(ready, "zero-shot-generated")
    score(ready, monkeypatch, "--sampling", Sampling(tokens=6).as_json())
    for row, text in zip(scores(ready)["zero-shot-generated"], TEXTS, strict=True):
        assert row["samples"] == [greedy(model, tokenizer, f"{text}?", 6)]
        assert row["log_likelihood"] == []
        assert 1 <= row["sample_tokens"][0] <= 6
        assert row["thought_tokens"] == [0]
        assert row["answers"] in ([0], [1], [None])


def test_samples_differ_and_come_again_with_the_same_seed(
    ready: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(ready, "zero-shot-generated")
    score(ready, monkeypatch, "--sampling", DRAWN)
    first = [row["samples"] for row in scores(ready)["zero-shot-generated"]]
    assert all(len(samples) == 3 for samples in first)
    assert len({text for samples in first for text in samples}) > 3
    # Whatever else is in a batch: each text by itself.
    for path in (ready / "store").glob("*/*.jsonl"):
        path.unlink()
    score(ready, monkeypatch, "--sampling", DRAWN, "--batch-tokens", "1")
    assert [row["samples"] for row in scores(ready)["zero-shot-generated"]] == first
    other = Sampling(samples=3, temperature=1.0, tokens=6, seed=1).as_json()
    score(ready, monkeypatch, "--sampling", other)
    assert [row["samples"] for row in scores(ready)["zero-shot-generated"]] != first


def test_more_samples_keep_those_that_there_are(
    ready: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(ready, "zero-shot-generated")
    score(ready, monkeypatch, "--sampling", DRAWN)
    first = [row["samples"] for row in scores(ready)["zero-shot-generated"]]
    kept = {path.name for path in (ready / "store").glob("*/*.jsonl")}
    more = Sampling(samples=4, temperature=1.0, tokens=6).as_json()
    score(ready, monkeypatch, "--sampling", more)
    again = [row["samples"] for row in scores(ready)["zero-shot-generated"]]
    assert [samples[:3] for samples in again] == first
    assert kept < {path.name for path in (ready / "store").glob("*/*.jsonl")}


@pytest.mark.parametrize("sampling", [Sampling(tokens=6).as_json(), DRAWN])
def test_an_audit_follows_what_was_written_token_by_token(
    ready: Path, monkeypatch: pytest.MonkeyPatch, sampling: str
) -> None:
    write(ready, "think-4", think=4)
    extra = ("--sampling", sampling, "--thinking", TAGS)
    assert score(ready, monkeypatch, *extra)["audited_items"] == 2
    path = ready / "scores/replica/neqa/think-4.parquet"
    audit = json.loads(pq.read_schema(path).metadata[MADE.encode()])["audit"]
    assert 0 <= audit["largest"] < 1e-3

    for file in (ready / "store").glob("*/*.jsonl"):
        file.unlink()
    monkeypatch.setattr(generation, "_chosen", least_likely)
    with pytest.raises(UserError, match=r"item \d: what was written differs by .* nats"):
        score(ready, monkeypatch, *extra)


def least_likely(logits: torch.Tensor, growing: Any, steps: Any) -> list[int]:
    """The token that the model gives the lowest probability."""
    return list(logits.argmin(-1).tolist())


def test_a_thought_and_the_answer_after_it_have_draws_of_their_own(
    ready: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeds: set[int] = set()
    draw = draws.noise
    monkeypatch.setattr(draws, "noise", lambda *args: (seeds.add(args[1]), draw(*args))[1])
    write(ready, "think-4", think=4)
    score(ready, monkeypatch, "--sampling", DRAWN, "--thinking", TAGS, "--audit", "0")
    assert len(seeds) == 2 * 3 * len(TEXTS)


@pytest.mark.parametrize("writes", [1, 2, 3, 4])
def test_a_job_that_is_killed_while_sampling_ends_with_the_same_files(
    ready: Path, monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    # How many items are audited depends on the time otherwise.
    monkeypatch.setattr(job, "TIME_SHARE", math.inf)
    write(ready, "zero-shot-generated")
    write(ready, "think-4", think=4)
    extra = ("--sampling", DRAWN, "--thinking", TAGS, "--batch-tokens", "8")
    score(ready, monkeypatch, *extra)
    files = sorted((ready / "scores").rglob("*.parquet"))
    undisturbed = [path.read_bytes() for path in files]
    for path in (*files, *(ready / "store").glob("*/*.jsonl")):
        path.unlink()

    add, count = Store.add, 0

    def dying(store: Store, rows: Any) -> None:
        nonlocal count
        count += 1
        if count > writes:
            raise KeyboardInterrupt
        add(store, rows)

    monkeypatch.setattr(Store, "add", dying)
    with pytest.raises(KeyboardInterrupt):
        score(ready, monkeypatch, *extra)
    monkeypatch.setattr(Store, "add", add)
    assert not any(path.exists() for path in files)
    score(ready, monkeypatch, *extra)
    assert [path.read_bytes() for path in files] == undisturbed


def test_a_thought_ends_at_its_budget_and_the_answer_follows_it(
    ready: Path, model: PreTrainedModel, tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(ready, "think-4", think=4)
    score(ready, monkeypatch, "--sampling", Sampling(tokens=6).as_json(), "--thinking", TAGS)
    for row, text in zip(scores(ready)["think-4"], TEXTS, strict=True):
        assert row["thought_tokens"][0] <= 4
        assert row["thought_cut"] == [row["thought_tokens"][0] == 4]
        begun = f"{text}? <{row['thoughts'][0].rstrip()} > "
        assert row["samples"] == [greedy(model, tokenizer, begun, 6)]


def test_a_budget_of_nothing_gives_an_empty_thought(
    ready: Path, model: PreTrainedModel, tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(ready, "think-0", think=0)
    score(ready, monkeypatch, "--sampling", Sampling(tokens=6).as_json(), "--thinking", TAGS)
    for row, text in zip(scores(ready)["think-0"], TEXTS, strict=True):
        assert (row["thoughts"], row["thought_tokens"]) == ([""], [0])
        assert row["samples"] == [greedy(model, tokenizer, f"{text}? < > ", 6)]


def test_what_cannot_think_is_refused_before_the_model_is_loaded(
    ready: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Scorer, "_loaded", property(lambda self: pytest.fail("was loaded")))
    path = write(ready, "think-4", think=4)
    with pytest.raises(UserError, match="tiny, thinking: its tokenizer has no tags"):
        score(ready, monkeypatch)
    path.unlink()
    write(ready, "think-99999", think=99999)
    with pytest.raises(UserError, match="think-99999: needs 100255 tokens for thought and answer"):
        score(ready, monkeypatch, "--thinking", TAGS)


def test_a_thought_that_the_template_has_opened_is_not_opened_twice() -> None:
    tags = Tags("<think>\n", "\n</think>\n\n")
    assert tags.begun("Which?") == "Which?<think>\n"
    assert tags.begun("assistant\n<think>\n") == "assistant\n<think>\n"
    assert tags.ended("<think>\n", "So.\n") == "<think>\nSo.\n</think>\n\n"
    assert tags.stop == "</think>"
