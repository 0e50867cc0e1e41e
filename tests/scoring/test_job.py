"""The scoring step: one row per item, nothing computed twice, nothing lost."""

from __future__ import annotations

import json
import math
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from transformers import PreTrainedModel

import prompts as prompt_step
import scores as score_step
from project import ROOT
from score_files import (
    AFTER,
    TEXTS,
    counted_items,
    made,
    parts,
    score,
    scores,
    words,
    write_prompts,
)
from tiny_models import greedy, plain_text
from ushaped.artifact_store import reuse_artifact
from ushaped.errors import UserError, run
from ushaped.files import write_json
from ushaped.ladder import tokens
from ushaped.models.load import describe, fingerprint
from ushaped.scoring import job, telemetry
from ushaped.scoring.engine import engine as engine_module
from ushaped.scoring.engine import generation, tree
from ushaped.scoring.engine.attention import UnsupportedError
from ushaped.scoring.engine.encoding import Encoder
from ushaped.scoring.engine.engine import Engine
from ushaped.scoring.engine.methods import Methods
from ushaped.scoring.job import check_finite
from ushaped.scoring.requests import before_answer
from ushaped.scoring.store import Store


def read_files(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """All files of scores below a folder, by their name there."""
    return {
        str(path.relative_to(folder)): pq.read_table(path).to_pylist()
        for path in sorted(folder.rglob("*.parquet"))
    }


@pytest.fixture
def ready(tmp_path: Path, model: PreTrainedModel, raw: Tokenizer) -> Path:
    """A folder with a model and two prompt files."""
    folder = tmp_path / "model"
    model.save_pretrained(folder)
    tokens.save(raw, folder)
    scale = {"parameters": 1, "non_embedding_parameters": 1, "training_tokens": 1}
    about = describe("tiny", folder, family="test", size="1", seed=0, training_flops=1.0, **scale)
    write_json(tmp_path / "model.json", about)
    write_prompts(tmp_path, "neqa", "zero-shot")
    write_prompts(tmp_path, "neqa", "cot")
    return tmp_path


def test_the_step_writes_one_row_per_item(
    ready: Path, tokenizer: Any, monkeypatch: pytest.MonkeyPatch, model: PreTrainedModel
) -> None:
    score(ready, monkeypatch)
    found = scores(ready)
    assert set(found) == {"zero-shot", "cot"}
    for row, text in zip(found["zero-shot"], TEXTS, strict=True):
        expected = [plain_text(model, tokenizer, f"{text}?", name) for name in (" yes", " no")]
        assert row["log_likelihood"] == pytest.approx(expected, abs=1e-4)
        assert (row["chain"], row["chain_tokens"], row["chain_stopped"]) == ("", None, None)
        assert (row["parsed"], row["boundary_merged"], row["cut"]) == (None, False, 0)
    assert [row["item"] for row in found["cot"]] == [0, 1, 2]
    for row, text in zip(found["cot"], TEXTS, strict=True):
        assert row["chain"] == greedy(model, tokenizer, f"{text}?", 5)
        assert 1 <= row["chain_tokens"] <= 5
        thought = f"{text}?" + before_answer(row["chain"], AFTER)
        assert row["prompt_tokens"] == len(tokenizer(thought)["input_ids"])
        expected = [plain_text(model, tokenizer, thought, name) for name in (" yes", " no")]
        assert row["log_likelihood"] == pytest.approx(expected, abs=1e-4)


def test_log_odds_items_get_the_last_tokens_after_both_prompts(
    ready: Path, tokenizer: Any, monkeypatch: pytest.MonkeyPatch, model: PreTrainedModel
) -> None:
    others = tuple(f"{text} at all?" for text in TEXTS)
    path = write_prompts(ready, "neqa", "zero-shot", other_prompt=others)
    rows = pq.read_table(path).to_pylist()
    score(ready, monkeypatch)

    def last(text: str, name: str) -> float:
        ids = tokenizer(text + name)["input_ids"]
        with torch.no_grad():
            logits = model(torch.tensor([ids])).logits[0].double()
        return float(torch.log_softmax(logits, -1)[-2, ids[-1]])

    for row, asked in zip(scores(ready)["zero-shot"], rows, strict=True):
        for column, prompt in (("last_token", "prompt"), ("other_last_token", "other_prompt")):
            expected = [last(asked[prompt], name) for name in asked["classes"]]
            assert row[column] == pytest.approx(expected, abs=1e-4)
        whole = [plain_text(model, tokenizer, asked["prompt"], name) for name in asked["classes"]]
        assert row["log_likelihood"] == pytest.approx(whole, abs=1e-4)
    assert all(row["last_token"] is None for row in scores(ready)["cot"])


@pytest.mark.parametrize(
    ("chain", "text"),
    [
        (" It is so.", " It is so. So the answer is"),
        (" It is so. So the answer is B", " It is so. So the answer is"),
        ("", " So the answer is"),
        (" So the answer is A. So the answer is B", " So the answer is A. So the answer is"),
    ],
)
def test_classes_follow_the_words_that_announce_the_answer(chain: str, text: str) -> None:
    assert before_answer(chain, AFTER) == text
    assert before_answer(chain.replace(AFTER, "\nA:"), "\nA:") == text.replace(AFTER, "\nA:")


def test_a_chain_ends_where_its_task_says(
    ready: Path, monkeypatch: pytest.MonkeyPatch, tokenizer: Any, model: PreTrainedModel
) -> None:
    score(ready, monkeypatch)
    before = scores(ready)["cot"]
    chains = [greedy(model, tokenizer, f"{text}?", 5) for text in TEXTS]
    assert [row["chain"] for row in before] == chains
    # A text of the first chain ends it; the others stay as they were, and the last is shorter.
    stop = chains[0][1:3]
    rules = {
        "stop": [[stop], ["\n"], ["\n"]],
        "answer_after": [AFTER, AFTER, " Hence"],
        "chain_limit": [None, None, 3],
    }
    write_prompts(ready, "neqa", "cot", **rules)
    told = score(ready, monkeypatch)
    assert (told["items"], told["items_kept"]) == (2, 4)
    first, second, third = scores(ready)["cot"]
    assert (first["chain"], first["chain_stopped"]) == (chains[0].split(stop)[0], True)
    assert second == before[1]
    assert (third["chain"], third["chain_tokens"]) == (greedy(model, tokenizer, "Which one?", 3), 3)
    thought = "Which one?" + before_answer(third["chain"], " Hence")
    expected = [plain_text(model, tokenizer, thought, name) for name in (" yes", " no")]
    assert third["log_likelihood"] == pytest.approx(expected, abs=1e-4)
    write_prompts(ready, "neqa", "cot")
    assert score(ready, monkeypatch)["items"] == 0
    assert scores(ready)["cot"] == before


def test_an_answer_is_read_after_the_words_of_its_task(
    ready: Path, monkeypatch: pytest.MonkeyPatch, tokenizer: Any, model: PreTrainedModel
) -> None:
    chain = greedy(model, tokenizer, "Which one?", 5)
    assert len(chain) > 2
    write_prompts(ready, "neqa", "cot", answer_after=[AFTER, AFTER, chain[:1]])
    rows = pq.read_table(ready / "prompts/replica/neqa/cot.parquet").to_pylist()
    rows[2]["classes"] = [f"{chain}?", chain[1:]]
    table = pa.Table.from_pylist(rows, schema=prompt_step.SCHEMA)
    pq.write_table(table, ready / "prompts/replica/neqa/cot.parquet")
    score(ready, monkeypatch)
    assert [row["parsed"] for row in scores(ready)["cot"]][:2] == [None, None]
    assert scores(ready)["cot"][2]["chain"] == chain
    assert scores(ready)["cot"][2]["parsed"] == 1


def test_scoring_twice_takes_the_scores_from_the_store_without_torch(
    ready: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = score(ready, monkeypatch)
    assert (told["items"], told["items_kept"]) == (6, 0)
    first, before = parts(ready), scores(ready)
    script = (
        "import runpy, sys\n"
        "sys.path.insert(0, 'scripts')\n"
        "sys.argv = ['scripts/scores.py', *sys.argv[1:]]\n"
        "runpy.run_path('scripts/scores.py', run_name='__main__')\n"
        "print('torch' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *words(ready)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("False\n", "")
    assert parts(ready) == first
    assert scores(ready) == before
    told = score(ready, monkeypatch)
    assert (told["items"], told["items_kept"], told["computed_tokens"]) == (0, 6, 0)


def test_models_that_share_a_job_get_the_scores_that_they_get_alone(
    ready: Path, monkeypatch: pytest.MonkeyPatch, model: PreTrainedModel
) -> None:
    other = ready / "other"
    shutil.copytree(ready / "model", other)
    weights = load_file(other / "model.safetensors")
    save_file({name: 1.5 * weight for name, weight in weights.items()}, other / "model.safetensors")
    about = json.loads((ready / "model.json").read_text())
    again = about | {"model": "again", "folder": str(other), "fingerprint": fingerprint(other)}
    write_json(ready / "again.json", again)

    score(ready, monkeypatch, "--model", f"{ready}/again.json", "--output", f"{ready}/alone")
    score(ready, monkeypatch)
    alone = [read_files(ready / name) for name in ("scores", "alone")]
    assert alone[0] != alone[1]

    tokenised: list[str] = []
    encode = Encoder._tokenise

    def counted(self: Encoder, texts: list[str]) -> Iterator[bytes]:
        tokenised.extend(texts)
        return encode(self, texts)

    monkeypatch.setattr(Encoder, "_tokenise", counted)
    both = ["--model", f"{ready}/model.json", f"{ready}/again.json"]
    both += ["--output", f"{ready}/first", f"{ready}/second", "--store", f"{ready}/shared"]
    both += ["--benchmark", f"{ready}/benchmark.tsv", f"{ready}/second.tsv"]
    score(ready, monkeypatch, *both)
    assert [read_files(ready / name) for name in ("first", "second")] == alone
    assert max(Counter(tokenised).values()) == 1
    items = [(ready / f"{name}.tsv").read_text().split("\n")[1] for name in ("benchmark", "second")]
    assert all("\t6\t0\t" in row for row in items)


def test_editing_one_prompt_scores_that_prompt_and_no_other(
    ready: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    score(ready, monkeypatch)
    before = scores(ready)
    write_prompts(ready, "neqa", "zero-shot", (*TEXTS[:2], "Which one is not"))
    told = score(ready, monkeypatch)
    assert (told["items"], told["items_kept"]) == (1, 5)
    after = scores(ready)
    assert after["cot"] == before["cot"]
    assert after["zero-shot"][:2] == before["zero-shot"][:2]
    assert after["zero-shot"][2]["log_likelihood"] != before["zero-shot"][2]["log_likelihood"]


def test_an_edit_undone_finds_the_old_scores(
    ready: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    score(ready, monkeypatch)
    before = scores(ready)
    write_prompts(ready, "neqa", "zero-shot", (*TEXTS[:2], "Which one is not"))
    score(ready, monkeypatch)
    write_prompts(ready, "neqa", "zero-shot")
    capsys.readouterr()
    assert score(ready, monkeypatch)["items"] == 0
    assert capsys.readouterr().err == ""
    assert scores(ready) == before


def test_the_step_says_how_much_and_how_fast(
    ready: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    told = score(ready, monkeypatch)
    todo, line = capsys.readouterr().err.splitlines()
    assert todo == "tiny: replica neqa: 3 cot, 3 zero-shot"
    pattern = (
        r"tiny: 6 of 6 items, 3 chains, [\d,]+ tokens/s, [\d,]+ of [\d,]+ tokens computed, "
        r"\d+% of the matrix rate, 0 s left"
    )
    assert re.fullmatch(pattern, line)
    assert 0 < told["computed_tokens"] < told["total_tokens"]
    assert told["scoring_s"] <= told["s"]
    assert told["matrix_gflops"] > 0


def test_progress_counts_items_and_chains_as_batches_finish(
    ready: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    many_prompts(ready)
    monkeypatch.setattr(telemetry, "EVERY", 0)
    capsys.readouterr()
    score(ready, monkeypatch)
    counted = counted_items(capsys.readouterr().err)
    items, chains, speeds = zip(*counted, strict=True)
    assert list(items) == sorted(items)
    assert len(set(items)) > 5
    assert items[-1] == 320
    # Chains come first, and are counted one batch after the other.
    assert 0 < chains[0] < chains[-1] == 160
    assert min(speeds) > 0


def test_another_dtype_beginning_or_model_has_scores_of_its_own(
    ready: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    score(ready, monkeypatch)
    assert score(ready, monkeypatch, "--dtype", "bfloat16")["items"] == 6
    before, was = scores(ready), made(ready)
    assert score(ready, monkeypatch, "--bos", "never")["items"] == 6
    assert (was["begins_with"], was["dtype"]) == (["<|endoftext|>"], "bfloat16")
    assert (made(ready)["begins_with"], made(ready)["bos"]) == ([], "never")
    assert scores(ready)["zero-shot"][0]["prompt_tokens"] == (
        before["zero-shot"][0]["prompt_tokens"] - 1
    )
    assert len(list((ready / "store").iterdir())) == 3


def test_a_damaged_part_is_scored_again(
    ready: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    score(ready, monkeypatch)
    before = scores(ready)
    part = max((ready / "store").glob("*/*.jsonl"), key=lambda path: path.stat().st_size)
    part.write_bytes(part.read_bytes()[:-9])
    capsys.readouterr()
    assert score(ready, monkeypatch)["items"] > 0
    assert "is damaged, set aside as" in capsys.readouterr().err
    assert scores(ready) == before


def test_the_row_that_says_how_scores_are_made_comes_back_when_its_part_was_damaged(
    ready: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    score(ready, monkeypatch)
    before = made(ready)
    (part,) = (p for p in (ready / "store").glob("*/*.jsonl") if '["made"' in p.read_text())
    part.write_text("")
    assert score(ready, monkeypatch)["items"] == 0
    assert made(ready) == before


def test_weights_that_were_changed_are_refused(
    ready: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = ready / "model/model.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(UserError, match=r"does not hold the weights that model\.json was written"):
        score(ready, monkeypatch)
    assert not (ready / "scores").exists()


def test_scores_that_are_no_numbers_are_not_kept_and_the_remedy_is_named(
    ready: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = ready / "model/model.safetensors"
    weights = load_file(path)
    name = "gpt_neox.layers.0.mlp.dense_4h_to_h.weight"
    save_file(weights | {name: weights[name] * 3e6}, path, metadata={"format": "pt"})
    about = json.loads((ready / "model.json").read_text())
    write_json(ready / "model.json", about | {"fingerprint": fingerprint(about["folder"])})
    for _ in range(2):
        with pytest.raises(UserError) as caught:
            score(ready, monkeypatch, "--dtype", "float16")
        line = r"/(cot|zero-shot)\.parquet, item \d: its log-likelihood is nan in float16; set "
        assert re.search(line + r"scoring\.dtype to bfloat16 or float32$", str(caught.value))
    assert not list((ready / "scores").rglob("*.parquet"))
    score(ready, monkeypatch)
    assert all(
        math.isfinite(x) for row in scores(ready)["zero-shot"] for x in row["log_likelihood"]
    )


@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
def test_what_to_do_about_a_score_that_is_no_number_depends_on_the_format(dtype: str) -> None:
    check_finite("here", -0.5, dtype)
    for value in (math.nan, -math.inf, math.inf):
        with pytest.raises(UserError, match=r"dtype to float32$|weights are whole$") as caught:
            check_finite("here", value, dtype)
        assert ("scoring.dtype" in str(caught.value)) == (dtype == "bfloat16")


def test_scores_of_other_special_tokens_are_not_taken(
    ready: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    about = json.loads((ready / "model.json").read_text())
    found = []
    for token in ("<|endoftext|>", "a"):
        settings = {"tokenizer_class": "PreTrainedTokenizerFast"}
        (ready / "model/tokenizer_config.json").write_text(json.dumps(settings))
        (ready / "model/special_tokens_map.json").write_text(json.dumps({"bos_token": token}))
        digest = fingerprint(about["folder"])
        write_json(ready / "model.json", about | {"fingerprint": digest})
        assert score(ready, monkeypatch, "--bos", "always")["items"] == 6
        found.append(made(ready)["begins_with"])
    assert found == [["<|endoftext|>"], ["a"]]


def test_scores_say_which_libraries_computed_them(
    ready: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    score(ready, monkeypatch)
    (first,) = made(ready)["libraries"]
    assert first == f"torch {version('torch')}, transformers {version('transformers')}"
    write_prompts(ready, "neqa", "zero-shot", (*TEXTS, "Which one is not"))
    monkeypatch.setattr("ushaped.scoring.job.version", lambda name: "99")
    score(ready, monkeypatch)
    assert made(ready)["libraries"] == [first, "torch 99, transformers 99"]


def test_a_prompt_too_long_names_file_and_item_unless_it_may_be_cut(
    ready: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_prompts(ready, "neqa", "zero-shot", (*TEXTS[:2], "12 " * 99))
    with pytest.raises(UserError) as caught:
        score(ready, monkeypatch)
    line = str(caught.value)
    assert line.startswith(f"{ready}/prompts/replica/neqa/zero-shot.parquet, item 2: has ")
    assert "\n" not in line
    assert not list((ready / "scores").rglob("*.parquet"))
    score(ready, monkeypatch, "--too-long", "cut")
    assert [row["cut"] > 0 for row in scores(ready)["zero-shot"]] == [False, False, True]


def test_a_corrupt_model_folder_ends_the_step_with_one_line(
    ready: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (ready / "model/config.json").write_text("{")
    about = json.loads((ready / "model.json").read_text())
    write_json(ready / "model.json", about | {"fingerprint": fingerprint(about["folder"])})
    monkeypatch.setattr("sys.argv", ["score", *words(ready)])
    with pytest.raises(SystemExit) as ended:
        run(score_step.main)
    assert ended.value.code == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if "error" in line]
    assert len(lines) == 1
    assert f"{ready}/model: cannot be loaded as a model" in lines[0]


# -- killed -----------------------------------------------------------------------------------


def many_prompts(folder: Path) -> None:
    """Enough prompts that scoring takes many batches."""
    rng = random.Random(0)
    all_words = ("Which", "one", "is", "not", "a", "bird", "no", "yes", "12", "7")
    for variant in ("zero-shot", "cot"):
        texts = tuple(" ".join(rng.choices(all_words, k=rng.randint(3, 14))) for _ in range(160))
        write_prompts(folder, "neqa", variant, texts)


def outputs(folder: Path) -> dict[str, bytes]:
    """The bytes of every file of scores."""
    return {path.name: path.read_bytes() for path in (folder / "scores").rglob("*.parquet")}


def slowly(add: Any) -> Any:
    """Writing to a store, with a pause after it."""

    def wait(store: Store, rows: Any) -> None:
        add(store, rows)
        time.sleep(0.1)

    return wait


@pytest.mark.workflow
def test_a_job_killed_twenty_times_ends_in_the_same_bytes(
    ready: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    many_prompts(ready)
    score(ready, monkeypatch)
    expected = outputs(ready)
    work = tmp_path / "killed"
    work.mkdir()
    (work / "model.json").write_bytes((ready / "model.json").read_bytes())
    (work / "prompts").symlink_to(ready / "prompts")
    rng = random.Random()
    progress = [0]
    for _ in range(20):
        # Forked, since importing torch again for each would take minutes.
        child = os.fork()
        if not child:
            with open(os.devnull, "w") as nothing:
                os.dup2(nothing.fileno(), 2)
            # So that on a busy machine, too, no two parts are written between two looks.
            monkeypatch.setattr(Store, "add", slowly(Store.add))
            monkeypatch.setattr("sys.argv", ["score", *words(work)])
            score_step.main()
            os._exit(0)
        # Somewhere in the first four parts that it writes, or before any.
        few = progress[-1] + rng.randint(0, 3)
        while few > rows_kept(work) and not os.waitpid(child, os.WNOHANG)[0]:
            time.sleep(0.001)
        time.sleep(rng.uniform(0.0, 0.02))
        os.kill(child, signal.SIGKILL)
        assert os.WIFSIGNALED(os.waitpid(child, 0)[1]), "the job was at work when it was killed"
        progress.append(rows_kept(work))
    assert progress == sorted(progress)
    assert len(set(progress)) > 10
    score(work, monkeypatch)
    assert outputs(work) == expected


def test_a_job_that_stops_computes_only_what_is_missing_when_it_goes_on(
    ready: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    many_prompts(ready)
    straight, added = Store.add, []

    def dying(store: Store, rows: dict[str, Any]) -> None:
        if len(added) == 7:
            raise KeyboardInterrupt
        straight(store, rows)
        added.append(len(rows))

    monkeypatch.setattr(Store, "add", dying)
    with pytest.raises(KeyboardInterrupt):
        score(ready, monkeypatch)
    before = list(added)
    added.clear()
    monkeypatch.setattr(
        Store, "add", lambda store, rows: (straight(store, rows), added.append(len(rows)))
    )
    score(ready, monkeypatch)
    both = [*before, *added]
    # 320 different prompts with two classes each, and a chain for half of them.
    assert sum(both) == 320 * 2 + 160 + 4
    # The four are the rows that say how scores are made, by which libraries, and two files' audits.
    assert len(added) > 7


# -- the audit ------------------------------------------------------------------------------------


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """An audit may take as long as it likes: the jobs of these tests take half a second."""
    monkeypatch.setattr(job, "TIME_SHARE", math.inf)


@pytest.mark.usefixtures("patient")
def test_every_file_says_what_its_audit_found(ready: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    many_prompts(ready)
    benchmark = score(ready, monkeypatch, "--audit", "40")
    audit = made(ready)["audit"]
    # One in 40 of 160 items, and with luck the shortest and the longest of the job.
    assert 4 <= audit["items"] <= 6
    assert 0 <= audit["largest"] < 1e-4
    assert audit["tolerance"] == 1e-3
    assert 8 <= benchmark["audited_items"] <= 10
    assert benchmark["audit_largest_nats"] < 1e-4


def test_an_audit_takes_little_of_the_time(ready: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    many_prompts(ready)
    monkeypatch.setattr(job, "TIME_SHARE", 0.0)
    # The shortest and the longest prompt.
    assert score(ready, monkeypatch, "--audit", "2")["audited_items"] == 2


def test_an_audit_may_be_left_out_and_is_made_up_for_later(
    ready: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert score(ready, monkeypatch, "--audit", "0")["audited_items"] == 0
    assert made(ready)["audit"] is None
    assert score(ready, monkeypatch)["audited_items"] == 2
    assert made(ready)["audit"]["items"] == 1
    # Once is enough.
    assert score(ready, monkeypatch)["audited_items"] == 0
    assert made(ready)["audit"]["items"] == 1


def shifted(build: Any, *arguments: Any, **more: Any) -> Any:
    """Positions that are one too many from the fourth token on."""
    layout = build(*arguments, **more)
    return replace(layout, positions=layout.positions + (layout.positions > 2))


def unmasked(build: Any, *arguments: Any, **more: Any) -> Any:
    """Queries that see what comes after them."""
    layout = build(*arguments, **more)
    groups = [
        replace(group, hidden=np.zeros((*group.size[:2], group.size[2]), dtype=np.bool_))
        for group in layout.groups
    ]
    return replace(layout, groups=groups)


def sibling(build: Any, *arguments: Any, **more: Any) -> Any:
    """Predictions read at the indices of the sequence before."""
    layout = build(*arguments, **more)
    indices = [p - 1 if n and len(p) and p[0] else p for n, p in enumerate(layout.logit_indices)]
    return replace(layout, logit_indices=indices)


def stale(engine: Engine, row: bytes, prefix: int) -> Any:
    """The kept prefix of an earlier batch, whatever it was."""
    if engine._prefix is not None and engine._prefix[1].layout.tokens.size == prefix:
        return engine._prefix[1]
    return fresh_prefix(engine, row, prefix)


fresh_prefix = Engine.prefix_pass


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("fault", [shifted, unmasked, sibling])
def test_an_engine_with_a_wrong_layout_is_caught(
    ready: Path, monkeypatch: pytest.MonkeyPatch, fault: Any
) -> None:
    many_prompts(ready)
    # It got past the self-check.
    monkeypatch.setattr(engine_module, "find_methods", lambda engine: Methods("tree"))
    monkeypatch.setattr(tree, "build_layout", partial(fault, tree.build_layout))
    with pytest.raises(UserError, match=r"item \d+: its log-likelihoods differ by .* nats"):
        score(ready, monkeypatch, "--audit", "10")
    assert not (ready / "scores").exists()


@pytest.mark.usefixtures("patient")
def test_a_stale_key_is_caught(ready: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (ready / "prompts/replica/neqa/cot.parquet").unlink()
    middle = random.Random(3).choices(["bird", "one", "not", "Which"], k=40)
    for task, middle_words in {"neqa": middle, "redefine": middle[::-1]}.items():
        long = " ".join(["a", *middle_words, "a"])
        write_prompts(ready, task, "zero-shot", tuple(f"{long} {n} {n}" for n in range(40)))
    monkeypatch.setattr(engine_module, "find_methods", lambda engine: Methods("tree"))
    monkeypatch.setattr(Engine, "prefix_pass", stale)
    with pytest.raises(UserError, match="its log-likelihoods differ by"):
        score(ready, monkeypatch, "--audit", "2")


def test_attention_that_ignores_the_tree_never_gets_that_far(
    ready: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "find_methods", lambda engine: Methods("tree"))
    monkeypatch.setattr(engine_module.attention, "NAME", "sdpa")
    with pytest.raises(UnsupportedError, match="0 of 2 layers attend"):
        score(ready, monkeypatch)


def test_a_chain_that_is_not_greedy_is_caught(ready: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    straight = generation._chain

    def other(ending: Any, row: bytes, made: list[int]) -> Any:
        return straight(ending, row, [(token + 1) % 300 for token in made])

    monkeypatch.setattr(generation, "_chain", other)
    with pytest.raises(UserError, match=r"cot.parquet, item \d+: its log-likelihoods differ"):
        score(ready, monkeypatch)


@pytest.mark.usefixtures("patient")
def test_low_precision_is_compared_with_float32(
    ready: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    many_prompts(ready)
    score(ready, monkeypatch, "--dtype", "bfloat16", "--audit", "10")
    found = made(ready)
    assert found["output_format"] == "float32"
    assert found["audit"]["float32_items"] == found["audit"]["items"] >= 16
    assert 0 < found["audit"]["float32_largest"] < 0.5


def rows_kept(folder: Path) -> int:
    """Different rows in the whole parts of the store, read without opening it."""
    found: set[str] = set()
    for path in (folder / "store").glob("*/[!.]*.jsonl"):
        # A part may just have been merged with others.
        with suppress(FileNotFoundError):
            found.update(json.loads(line)[0] for line in path.read_text().splitlines()[1:])
    return len(found)


# -- products kept by content -------------------------------------------------------------------


def test_a_product_is_made_once(tmp_path: Path) -> None:
    made: list[Path] = []

    def make(path: Path) -> None:
        made.append(path)
        path.write_text("product")

    first, found = reuse_artifact(tmp_path / "store", "key", ".txt", make)
    assert (first.read_text(), found) == ("product", False)
    assert reuse_artifact(tmp_path / "store", "key", ".txt", make) == (first, True)
    assert len(made) == 1


def test_a_product_that_fails_is_not_kept(tmp_path: Path) -> None:
    def fail(path: Path) -> None:
        path.write_text("half")
        raise UserError("here", "fails", "mend it")

    with pytest.raises(UserError, match="here: fails"):
        reuse_artifact(tmp_path / "store", "key", ".txt", fail)
    assert list((tmp_path / "store").iterdir()) == []
