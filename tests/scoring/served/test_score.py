"""Scoring with a served model: the numbers of the same model here, each asked for once."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tokenizers import Tokenizer
from transformers import PreTrainedModel

import prompts as prompt_step
import scores as score_step
from fake_server import NAME, Server
from score_files import (
    SCALE,
    TEXTS,
    counted_items,
    describe_served,
    made,
    parts,
    score,
    scores,
    words,
    write_prompts,
)
from ushaped.errors import UserError
from ushaped.files import write_json
from ushaped.ladder import tokens
from ushaped.models.load import describe as describe_model
from ushaped.scoring import telemetry
from ushaped.scoring.served.check import PROBES, Echo
from ushaped.scoring.served.client import Client, Endpoint
from ushaped.scoring.served.score import LogprobRequest, class_start, generate_chain

KEY = "sk-very-secret-0123456789"


@pytest.fixture
def ready(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the description of the served model and two prompt files."""
    describe_served(tmp_path, server, monkeypatch)
    write_prompts(tmp_path, "neqa", "zero-shot")
    write_prompts(tmp_path, "neqa", "cot")
    return tmp_path


def echoes(server: Server) -> list[str]:
    """Texts that were sent to be scored, those of the check left out."""
    return [
        body["prompt"]
        for body in server.asked
        if body.get("echo") and not body["prompt"].startswith(PROBES)
    ]


def locally(
    folder: Path, model: PreTrainedModel, raw: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> dict[str, list[dict[str, Any]]]:
    """The scores of the same prompts by the same model on this machine."""
    here = folder / "here"
    model.save_pretrained(here / "model")
    tokens.save(raw, here / "model")
    about = describe_model("tiny", here / "model", family="test", seed=0, **SCALE)
    write_json(here / "model.json", about)
    (here / "prompts").symlink_to(folder / "prompts")
    files = sorted((folder / "prompts").rglob("*.parquet"))
    line = words(here)
    line[line.index("--prompts") + 1 : line.index("--batch-tokens")] = map(str, files)
    monkeypatch.setattr("sys.argv", ["score", *line])
    score_step.main()
    return scores(here)


@pytest.mark.parametrize(
    ("echo", "begins_with"),
    [("right", ""), ("right", "<s>"), ("late", ""), ("late", "<s>"), ("before", ""), ("after", "")],
)
def test_served_scores_are_those_of_the_same_model_here(
    ready: Path,
    server: Server,
    model: PreTrainedModel,
    raw: Tokenizer,
    monkeypatch: pytest.MonkeyPatch,
    echo: str,
    begins_with: str,
) -> None:
    server.echo, server.begins_with = echo, begins_with
    others = tuple(f"{text} at all?" for text in TEXTS)
    write_prompts(ready, "neqa", "one-shot", other_prompt=others)
    # The tokenizer joins the beginning of "not" with what goes before it, and knows no bird 🦜.
    write_prompts(ready, "neqa", "few-shot", texts=("Which 🦜 one", "naïve", "12 yes"))
    score(ready, monkeypatch)
    here = locally(ready, model, raw, monkeypatch)
    there = scores(ready)
    assert set(there) == {"zero-shot", "one-shot", "few-shot", "cot"}
    numbers = ("log_likelihood", "last_token", "other_last_token")
    for variant, rows in there.items():
        for row, expected in zip(rows, here[variant], strict=True):
            for name in numbers:
                assert row.pop(name) == pytest.approx(expected.pop(name), abs=1e-4)
            if begins_with:
                # A token that the server alone counts.
                assert row.pop("prompt_tokens") == expected.pop("prompt_tokens") + 1
            assert row == expected
    assert made(ready)["check"]["worst"] < 1e-6
    assert "here" not in json.dumps(made(ready))


def test_a_token_across_the_join_belongs_to_the_class(
    ready: Path,
    server: Server,
    model: PreTrainedModel,
    raw: Tokenizer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = write_prompts(ready, "neqa", "zero-shot")
    rows = pq.read_table(path).to_pylist()
    rows[0] |= {"prompt": "Which one is n", "classes": ["ot a bird", "o"]}
    pq.write_table(pa.Table.from_pylist(rows, schema=prompt_step.SCHEMA), path)
    score(ready, monkeypatch)
    here = locally(ready, model, raw, monkeypatch)["zero-shot"][0]
    there = scores(ready)["zero-shot"][0]
    assert there["boundary_merged"]
    assert there.pop("log_likelihood") == pytest.approx(here.pop("log_likelihood"), abs=1e-4)
    assert there == here


@pytest.mark.parametrize(("echo", "known"), [("right", True), ("late", False)])
def test_parts_of_a_character_are_not_looked_up_by_their_text(
    ready: Path, server: Server, monkeypatch: pytest.MonkeyPatch, echo: str, known: bool
) -> None:
    path = write_prompts(ready, "neqa", "zero-shot")
    rows = pq.read_table(path).to_pylist()
    rows[0]["classes"] = [" 🦜", " no"]
    pq.write_table(pa.Table.from_pylist(rows, schema=prompt_step.SCHEMA), path)
    server.echo = echo
    if known:
        score(ready, monkeypatch)
        assert scores(ready)["zero-shot"][0]["class_tokens"][0] > 1
        return
    with pytest.raises(UserError, match="item 0: has a class ' 🦜', of a token of which"):
        score(ready, monkeypatch)


def test_nothing_is_asked_twice(
    ready: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_prompts(ready, "neqa", "one-shot")
    # The same prompts again, of the same file and of another.
    write_prompts(ready, "memo-trap", "cot", texts=(*TEXTS, TEXTS[0]))
    first = score(ready, monkeypatch)
    assert (first["items"], first["items_kept"]) == (13, 0)
    assert first["total_tokens"] > 0
    assert first["computed_tokens"] != first["computed_tokens"]
    sent = [(body["prompt"], body.get("echo")) for body in server.asked]
    sent = [one for one in sent if not one[0].startswith(PROBES)]
    # But by the audit, when all else is done.
    once = sent[: len(set(sent))]
    assert len(once) == len(set(once))
    assert 2 <= len(sent) - len(once) <= 8
    before, kept = scores(ready), parts(ready)
    server.asked.clear()
    server.lives = 0
    again = score(ready, monkeypatch)
    assert (again["items"], again["items_kept"]) == (0, 13)
    assert server.asked == []
    assert (scores(ready), parts(ready)) == (before, kept)


def test_progress_counts_items_and_chains_as_answers_come(
    ready: Path,
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_prompts(ready, "neqa", "zero-shot", texts=MANY)
    monkeypatch.setattr(telemetry, "EVERY", 0)
    capsys.readouterr()
    score(ready, monkeypatch)
    items, chains, speeds = zip(*counted_items(capsys.readouterr().err), strict=True)
    assert list(items) == sorted(items)
    assert len(set(items)) > 3
    assert (items[-1], chains[-1]) == (23, 3)
    assert min(speeds) > 0


def test_a_run_that_lost_its_server_goes_on_where_it_was(
    ready: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = tuple(f"Which one is {n} not {n}" for n in range(20))
    write_prompts(ready, "neqa", "zero-shot", texts=many)
    (ready / "prompts/replica/neqa/cot.parquet").unlink()
    score(ready, monkeypatch)
    expected = scores(ready)
    (ready / "store").rename(ready / "aside")
    server.asked.clear()
    # The check takes at most 25 requests, and the items 40 more.
    server.lives = 25 + 20
    with pytest.raises(UserError, match="what was scored is stored"):
        score(ready, monkeypatch)
    reached = len(echoes(server))
    server.asked.clear()
    server.lives = None
    score(ready, monkeypatch)
    assert scores(ready) == expected
    # At most one batch is asked again: EACH requests for each of two connections.
    assert 40 <= reached + len(echoes(server)) <= 40 + 8
    assert len(echoes(server)) < 40


@pytest.mark.parametrize("concurrency", [1, 3])
def test_no_more_requests_are_under_way_than_allowed(
    ready: Path, server: Server, monkeypatch: pytest.MonkeyPatch, concurrency: int
) -> None:
    describe_served(ready, server, monkeypatch, concurrency=concurrency)
    server.pause, server.most = 0.005, 0
    score(ready, monkeypatch)
    assert server.most == concurrency


def test_a_server_that_fails_the_check_is_asked_for_no_item(
    ready: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.echo = "noise"
    with pytest.raises(UserError, match="does not help"):
        score(ready, monkeypatch)
    assert echoes(server) == []
    assert not list((ready / "scores").rglob("*.parquet"))


def test_another_engine_behind_the_address_is_noticed(
    ready: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.version = "2.0"
    with pytest.raises(UserError, match=r"2\.0.*1\.0.*remove model\.json"):
        score(ready, monkeypatch)
    assert server.asked == []
    describe_served(ready, server, monkeypatch)
    assert score(ready, monkeypatch)["items"] == 6


def test_a_prompt_that_is_too_long_is_named(
    ready: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_prompts(ready, "neqa", "zero-shot", texts=("Which one", "bird " * 400, "no"))
    with pytest.raises(UserError, match=r"zero-shot\.parquet, item 1: is too long .* 400 tokens"):
        score(ready, monkeypatch)


def test_a_server_that_cuts_prompts_by_itself_is_noticed(
    ready: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = server._completed

    def cut(body: dict[str, Any]) -> Any:
        return whole(body | {"prompt": body["prompt"][-200:]})

    monkeypatch.setattr(server, "_completed", cut)
    write_prompts(ready, "neqa", "zero-shot", texts=("Which one", "bird " * 50, "no"))
    with pytest.raises(UserError, match=r"item 1: .* came back as other tokens"):
        score(ready, monkeypatch)


def test_prompts_are_not_cut(ready: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="too_long: cut"):
        score(ready, monkeypatch, "--too-long", "cut")
    assert server.asked == []


def test_the_key_is_in_no_file_and_no_line(
    tmp_path: Path,
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("SERVER_KEY", KEY)
    server.key = KEY
    describe_served(tmp_path, server, monkeypatch, key_variable="SERVER_KEY", retries=3)
    write_prompts(tmp_path, "neqa", "zero-shot")
    server.faults = [(500, {}, f"your key is {KEY}".encode())]
    score(tmp_path, monkeypatch)
    assert set(server.keys) == {f"Bearer {KEY}"}
    shown = capfd.readouterr()
    assert "your key is (key)" in shown.err
    assert KEY not in shown.err + shown.out
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) >= 5
    for path in files:
        assert KEY.encode() not in path.read_bytes(), path


# -- the audit -----------------------------------------------------------------------------------

MANY = tuple(f"Which one is {n} not {n}" for n in range(20))


def audits(folder: Path) -> dict[str, dict[str, Any]]:
    """The audit of each file of scores, by variant."""
    found = {}
    for path in (folder / "scores").rglob("*.parquet"):
        found[path.stem] = json.loads(pq.read_schema(path).metadata[b"made"])["audit"]
    return found


def test_some_items_of_every_file_are_asked_again_at_the_end(
    ready: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_prompts(ready, "neqa", "zero-shot", texts=MANY)
    write_prompts(ready, "neqa", "one-shot", other_prompt=TEXTS)
    score(ready, monkeypatch)
    found = audits(ready)
    assert set(found) == {"zero-shot", "one-shot", "cot"}
    for one in found.values():
        assert set(one) == {"items", "largest", "tolerance", "item"}
        assert (one["items"], one["item"] is not None) == (1, True)
        assert 0 <= one["largest"] < 1e-6 < one["tolerance"] < 1
    sent = echoes(server)
    assert len(sent) - len(set(sent)) <= 2 * 4
    # The longest prompt is of the first file.
    assert found["zero-shot"]["item"] == 10


def test_an_audit_asks_for_few_items_of_many(
    ready: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_prompts(ready, "neqa", "zero-shot", texts=("no", *MANY * 21))
    (ready / "prompts/replica/neqa/cot.parquet").unlink()
    score(ready, monkeypatch, "--audit", "5")
    # Of 421 prompts with two classes each, 3 %, and the first.
    assert audits(ready)["zero-shot"]["items"] == 12


def test_a_score_that_depends_on_earlier_requests_fails_the_job(
    ready: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_prompts(ready, "neqa", "zero-shot", texts=MANY)
    # After the check, which asks fewer than 30 times; the cache goes by beginnings.
    server.cached, server.cached_from = 2.5, 30
    with pytest.raises(UserError, match=r"\.parquet, item \d+: scored .* nats") as caught:
        score(ready, monkeypatch)
    assert "--no-enable-prefix-caching" in str(caught.value)
    assert str(ready / "store") in str(caught.value)
    assert not list((ready / "scores").rglob("*.parquet"))
    # What was kept has not passed an audit, so it is not taken over silently.
    server.asked.clear()
    with pytest.raises(UserError, match=r"item \d+: scored"):
        score(ready, monkeypatch)
    assert len(echoes(server)) <= 4


def test_scores_that_were_kept_before_there_were_audits_are_audited(
    ready: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    score(ready, monkeypatch)
    for path in (ready / "store").rglob("*.jsonl"):
        head, *rows = path.read_text().splitlines(keepends=True)
        body = "".join(row for row in rows if '"tolerance"' not in row)
        head = json.dumps({"sha256": hashlib.sha256(body.encode()).hexdigest()})
        path.write_text(f"{head}\n{body}")
    before = audits(ready)
    server.asked.clear()
    assert score(ready, monkeypatch)["items"] == 0
    assert audits(ready) == before
    assert 1 <= len(echoes(server)) <= 4


@pytest.mark.parametrize("value", [float("nan"), float("-inf"), "-1.5"])
def test_a_log_probability_that_is_no_number_is_not_kept(
    ready: Path, server: Server, monkeypatch: pytest.MonkeyPatch, value: object
) -> None:
    whole = server._listed

    def listed(ids: list[int], *rest: Any) -> dict[str, Any]:
        found = whole(ids, *rest)
        if len(server.asked) > 30:
            found["token_logprobs"] = [value for _ in found["token_logprobs"]]
        return found

    monkeypatch.setattr(server, "_listed", listed)
    write_prompts(ready, "neqa", "zero-shot", texts=MANY)
    with pytest.raises(UserError, match=r"item \d+: came back with log-probabilities"):
        score(ready, monkeypatch)


# -- single answers ------------------------------------------------------------------------------


def echo(tokens: list[str], **more: Any) -> Echo:
    """An echo of these tokens."""
    places = [sum(map(len, tokens[:n])) for n in range(len(tokens))]
    told = {"offsets": places, "prompt_tokens": len(tokens)} | more
    return Echo(tokens, values=[-1.0] * len(tokens), tops=[None] * len(tokens), **told)


@pytest.mark.parametrize(
    ("tokens", "text", "name", "expected"),
    [
        (["Is", " it", "?", " yes"], "Is it?", " yes", (3, False)),
        (["Is", " it", "?", " y", "es"], "Is it?", " yes", (3, False)),
        (["Is", " it", "? y", "es"], "Is it?", " yes", (2, True)),
        (["<s>", "Is", " it", "?", " yes"], "Is it?", " yes", (4, False)),
        # Bytes of one character come as nothing, or as a replacement each.
        (["a", "\ufffd", "\ufffd", "?", " yes"], "a🦜?", " yes", (4, False)),
        (["a", "", "", "?", " yes"], "a🦜?", " yes", (4, False)),
        (["a", "\ufffd", "\ufffd", " yes"], "a🦜", " yes", (3, False)),
        (["Is", "?", " ", "\ufffd", "\ufffd"], "Is?", " 🦜", (2, False)),
        (["<s>", "Is", "?", "", ""], "Is?", "🦜", (3, False)),
    ],
)
def test_a_class_begins_where_its_letters_do(
    tokens: list[str], text: str, name: str, expected: tuple[int, bool]
) -> None:
    assert class_start(echo(tokens), len(tokens), LogprobRequest(text, name, "item 1")) == expected


@pytest.mark.parametrize(
    ("tokens", "text", "problem"),
    [
        (["it", "?", " yes"], "Is it?", "came back as other tokens"),
        ([" yes"], "", "leaves no token before the class"),
    ],
)
def test_tokens_that_do_not_fit_the_text_are_refused(
    tokens: list[str], text: str, problem: str
) -> None:
    with pytest.raises(UserError, match=f"item 1: .*{problem}"):
        class_start(echo(tokens), len(tokens), LogprobRequest(text, " yes", "item 1"))


def test_a_class_that_counts_as_other_than_its_letters_is_not_guessed() -> None:
    both = echo(["\ufffd", "\ufffd", "?", "\ufffd", "\ufffd"])
    with pytest.raises(UserError, match="offsets of the server's tokens do not find"):
        class_start(both, 5, LogprobRequest("🦜?", "🦜", "item 1"))
    whole = echo(["🦜", "?", "🦜"])
    assert class_start(whole, 3, LogprobRequest("🦜?", "🦜", "item 1")) == (2, False)


def test_offsets_that_contradict_the_tokens_are_refused() -> None:
    wrong = echo(["Is", " it", "?", " y", "es"], offsets=[0, 2, 5, 7, 8])
    with pytest.raises(UserError, match="offsets of the server's tokens do not find"):
        class_start(wrong, 5, LogprobRequest("Is it?", " yes", "item 1"))


def test_a_chain_ends_before_a_stop_string_that_the_server_keeps(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    choice = {"text": " So it is.\nQ: no", "finish_reason": "length"}
    answer = {"model": NAME, "choices": [choice], "usage": {"completion_tokens": 7}}
    monkeypatch.setattr(server, "_completed", lambda body: (200, {}, answer))
    asker = Client(Endpoint(server.url, NAME), lambda line: None)
    expected = {"text": " So it is.", "tokens": 7, "stopped": True, "prompt_tokens": 0}
    assert generate_chain(asker, "Why?", ["\n"], 9, "item 1") == expected
    assert server.asked[0]["stop"] == ["\n"]
    choice["text"] = " So it is."
    assert not generate_chain(asker, "Why?", ["\n"], 9, "item 1")["stopped"]
