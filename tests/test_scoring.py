"""Scoring: equal to the plainest loop one can write, whatever the batches, and kept by content."""

from __future__ import annotations

import json
import math
import random
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from tokenizers import Tokenizer
from transformers import (
    AutoTokenizer,
    GPT2Config,
    GPT2LMHeadModel,
    GPTNeoXConfig,
    GPTNeoXForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
)

import prompt as prompt_step
import score as score_step
from ushaped import models
from ushaped.errors import UserError, run
from ushaped.files import write_json
from ushaped.ladder import tokens
from ushaped.prompts import CONCLUSION
from ushaped.scoring.engine import Encoded, encode, log_likelihoods
from ushaped.scoring.generation import before_answer, chains
from ushaped.scoring.store import kept
from workflow import ROOT

SIZES = {"vocab_size": 300, "max_position_embeddings": 96, "initializer_range": 0.5}
SMALL = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
ENDS = {"bos_token_id": 0, "eos_token_id": 0}


def neox() -> PreTrainedModel:
    """A tiny GPT-NeoX."""
    return GPTNeoXForCausalLM(GPTNeoXConfig(**SIZES, **SMALL, **ENDS, intermediate_size=32))


def llama() -> PreTrainedModel:
    """A tiny Llama."""
    return LlamaForCausalLM(LlamaConfig(**SIZES, **SMALL, **ENDS, intermediate_size=32))


def gpt2() -> PreTrainedModel:
    """A tiny GPT-2."""
    sizes = {"vocab_size": 300, "n_positions": 96, "n_embd": 16, "n_layer": 2, "n_head": 2}
    return GPT2LMHeadModel(GPT2Config(**sizes, **ENDS, initializer_range=0.5))


MODELS: dict[str, Callable[[], PreTrainedModel]] = {"neox": neox, "llama": llama, "gpt2": gpt2}
every_model = pytest.mark.parametrize("model", MODELS, indirect=True)


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def model(request: pytest.FixtureRequest) -> PreTrainedModel:
    """A tiny random model."""
    torch.manual_seed(7)
    return MODELS[getattr(request, "param", "neox")]().eval()


@pytest.fixture(scope="module")
def raw() -> Tokenizer:
    """A tokenizer for small texts."""
    return tokens.train_tokenizer(["Which one is not a bird?\nAnswer: no 12 yes 7\n"] * 9, 300)


@pytest.fixture(scope="module")
def tokenizer(raw: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The same, as it is loaded."""
    folder = tmp_path_factory.mktemp("tokenizer")
    tokens.save(raw, folder)
    return AutoTokenizer.from_pretrained(folder)


# Prompts of many lengths; classes of one token, of several, of different lengths, and alike but for
# their last token.
WORDS = ["Which", "one", "is", "not", "a", "bird", "Answer", "no", "yes", "12", "7"]
PROMPTS = [" ".join(random.Random(n).choices(WORDS, k=1 + n % 13)) + ":" for n in range(24)]
CHOICES = [[" yes", " no"], [" A", " B", " C"], [" not a bird", " one"], [" 12 7", " 12 12"]]
CLASSES = [CHOICES[n % 4] for n in range(24)]


@torch.inference_mode()
def plain(model: PreTrainedModel, tokenizer: Any, prompt: str, name: str) -> float:
    """Log-likelihood of one continuation: one row, no sharing, one token after the other."""
    alone, text = (tokenizer(part)["input_ids"] for part in (prompt, prompt + name))
    assert text[: len(alone)] == alone
    logits = model(torch.tensor([text])).logits[0].double()
    return sum(
        float(logits[at - 1, text[at]] - torch.logsumexp(logits[at - 1], 0))
        for at in range(len(alone), len(text))
    )


# -- log-likelihoods ---------------------------------------------------------------------------


@every_model
@pytest.mark.parametrize("batch_tokens", [1, 64, 100_000])
def test_scores_equal_a_plain_loop_whatever_the_batches(
    model: PreTrainedModel, tokenizer: Any, batch_tokens: int
) -> None:
    scored = log_likelihoods(model, tokenizer, PROMPTS, CLASSES, batch_tokens)
    for prompt, names, one in zip(PROMPTS, CLASSES, scored, strict=True):
        expected = [plain(model, tokenizer, prompt, name) for name in names]
        assert one.log_likelihood == pytest.approx(expected, abs=1e-5)
        assert one.prompt_tokens == len(tokenizer(prompt)["input_ids"])
        lengths = [len(tokenizer(prompt + name)["input_ids"]) for name in names]
        assert one.class_tokens == [length - one.prompt_tokens for length in lengths]
    assert max(count for one in scored for count in one.class_tokens) >= 3


def test_scores_do_not_depend_on_the_order(model: PreTrainedModel, tokenizer: Any) -> None:
    order = random.Random(0).sample(range(len(PROMPTS)), len(PROMPTS))
    straight = log_likelihoods(model, tokenizer, PROMPTS, CLASSES, 200)
    mixed = log_likelihoods(
        model, tokenizer, [PROMPTS[i] for i in order], [CLASSES[i] for i in order], 200
    )
    for place, i in enumerate(order):
        assert mixed[place].log_likelihood == pytest.approx(straight[i].log_likelihood, abs=1e-5)


def test_a_prompt_that_stands_twice_gets_the_same_score_twice(
    model: PreTrainedModel, tokenizer: Any
) -> None:
    one, two, turned = log_likelihoods(
        model, tokenizer, [PROMPTS[3]] * 3, [[" yes", " no"], [" yes", " no"], [" no", " yes"]], 99
    )
    assert one == two
    assert turned.log_likelihood == one.log_likelihood[::-1]


def test_progress_ends_with_all_rows(model: PreTrainedModel, tokenizer: Any) -> None:
    told: list[tuple[int, int]] = []
    log_likelihoods(model, tokenizer, PROMPTS, CLASSES, 100, lambda *said: told.append(said))
    assert told == sorted(told)
    assert told[-1][0] == told[-1][1]


class Chain:
    """A model by hand: what follows depends on the last letter alone.

    After ``a``: a with 1/2, b with 1/4, c with 1/4; after ``b``: 1/8, 1/8, 3/4; after ``c``: 1/3
    each.
    """

    config = SimpleNamespace(max_position_embeddings=6)
    table = torch.tensor([[1 / 2, 1 / 4, 1 / 4], [1 / 8, 1 / 8, 3 / 4], [1 / 3, 1 / 3, 1 / 3]])

    def __call__(
        self, input_ids: torch.Tensor, logits_to_keep: int | torch.Tensor = 0, **_: Any
    ) -> SimpleNamespace:
        """Logits; a constant is added, which a softmax must take away again."""
        logits = self.table.log()[input_ids] + 5.0
        keep = slice(-logits_to_keep, None) if isinstance(logits_to_keep, int) else logits_to_keep
        return SimpleNamespace(logits=logits[:, keep])


def letters(text: str | Sequence[str]) -> dict[str, Any]:
    """A tokenizer by hand: one token per letter."""
    if isinstance(text, str):
        return {"input_ids": ["abc".index(letter) for letter in text]}
    return {"input_ids": [["abc".index(letter) for letter in one] for one in text]}


def test_scores_are_what_one_finds_by_hand() -> None:
    one, two = log_likelihoods(Chain(), letters, ["ca", "ab"], [["a", "b", "bc"], ["ccb", "a"]], 9)  # type: ignore[arg-type]
    assert one.log_likelihood == pytest.approx(
        [math.log(1 / 2), math.log(1 / 4), math.log(1 / 4 * 3 / 4)], abs=1e-6
    )
    assert two.log_likelihood == pytest.approx(
        [math.log(3 / 4 * 1 / 3 * 1 / 3), math.log(1 / 8)], abs=1e-6
    )
    assert (one.prompt_tokens, one.class_tokens) == (2, [1, 1, 2])


def test_a_prompt_longer_than_the_context_names_the_item() -> None:
    # The last token is never an input: six inputs and one more token fit.
    (fits,) = log_likelihoods(Chain(), letters, ["aaaaaa"], [["a", "b"]], 9)  # type: ignore[arg-type]
    assert fits.log_likelihood == pytest.approx([math.log(1 / 2), math.log(1 / 4)], abs=1e-6)
    with pytest.raises(UserError, match=r"^item 1: has 8 tokens, the model's context 6; "):
        log_likelihoods(Chain(), letters, ["a", "aaaaaaa"], [["a", "b"]] * 2, 9)  # type: ignore[arg-type]


def test_a_token_across_the_join_counts_to_the_class() -> None:
    def merging(texts: Sequence[str]) -> dict[str, Any]:
        pieces = {"x": 1, "y": 2, "xy": 3}
        return {"input_ids": [[0] + ([pieces["xy"]] if "xy" in t else [1]) for t in texts]}

    (found,) = encode(merging, ["x"], [["y"]])  # type: ignore[arg-type]
    assert found == [Encoded((0, 3), 1)]


def test_a_tokenizer_that_leaves_no_token_before_the_class_is_refused() -> None:
    with pytest.raises(UserError, match="leaves no token before the class"):
        encode(letters, [""], [["a", "b"]])  # type: ignore[arg-type]


# -- generation --------------------------------------------------------------------------------


@torch.inference_mode()
def greedy(model: PreTrainedModel, tokenizer: Any, prompt: str, most: int) -> str:
    """The likeliest token after the other, until a line end."""
    ids = tokenizer(prompt)["input_ids"]
    most = max(1, min(most, 96 - len(ids)))
    made: list[int] = []
    while len(made) < most:
        token = int(model(torch.tensor([ids + made])).logits[0, -1].argmax())
        if token == tokenizer.eos_token_id:
            break
        made.append(token)
        if "\n" in tokenizer.decode([token]):
            break
    return str(tokenizer.decode(made)).split("\n")[0]


@every_model
@pytest.mark.parametrize("batch_tokens", [1, 150, 100_000])
def test_chains_equal_the_likeliest_token_one_by_one(
    model: PreTrainedModel, tokenizer: Any, batch_tokens: int
) -> None:
    found = chains(model, tokenizer, PROMPTS, 10, batch_tokens)
    assert found == [greedy(model, tokenizer, prompt, 10) for prompt in PROMPTS]
    assert len(set(found)) > 3
    assert all("\n" not in chain for chain in found)


def test_a_long_neighbour_does_not_shorten_a_chain(model: PreTrainedModel, tokenizer: Any) -> None:
    long = "a" * 92
    assert len(tokenizer(long)["input_ids"]) > 86
    for batch_tokens in (1, 100_000):
        found = chains(model, tokenizer, [PROMPTS[0], long], 10, batch_tokens)
        assert found == [greedy(model, tokenizer, text, 10) for text in (PROMPTS[0], long)]


@pytest.mark.parametrize(("always", "chain"), [("y", "yyyyy"), ("\n", ""), ("<|endoftext|>", "")])
def test_a_chain_ends_with_its_line_or_text(
    model: PreTrainedModel, tokenizer: Any, always: str, chain: str
) -> None:
    token = tokenizer.convert_tokens_to_ids(tokenizer.tokenize(always))[0]
    with torch.no_grad():
        # The last hidden state is the same everywhere, and one token's row points its way.
        model.gpt_neox.final_layer_norm.weight.zero_()
        model.gpt_neox.final_layer_norm.bias.fill_(1.0)
        model.get_output_embeddings().weight.zero_()
        model.get_output_embeddings().weight[token] = 1.0
    assert chains(model, tokenizer, PROMPTS[:2], 5, 99) == [chain, chain]


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
    assert before_answer(chain) == text
    assert text.endswith(CONCLUSION)


# -- the step and its store --------------------------------------------------------------------


def write_prompts(folder: Path, task: str, variant: str, last: str = "Which one") -> Path:
    """A small prompt file."""
    rows = [
        {"item": n, "prompt": f"{text}?", "classes": [" yes", " no"], "answer_index": 0}
        | {"distractor_index": 1, "part": 1, "protocol": "official", "modified": ""}
        | {"chain": variant == "cot"}
        for n, text in enumerate(["a bird", "not a bird", last])
    ]
    path = folder / "prompts/replica" / task / f"{variant}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, schema=prompt_step.SCHEMA), path)
    return path


@pytest.fixture
def ready(tmp_path: Path, model: PreTrainedModel, raw: Tokenizer) -> Path:
    """A folder with a model and two prompt files."""
    folder = tmp_path / "model"
    model.save_pretrained(folder)
    tokens.save(raw, folder)
    scale = {"parameters": 1, "non_embedding_parameters": 1, "training_tokens": 1}
    about = models.describe(
        "tiny", folder, family="test", size="1", seed=0, training_flops=1.0, **scale
    )
    write_json(tmp_path / "model.json", about)
    write_prompts(tmp_path, "neqa", "zero-shot")
    write_prompts(tmp_path, "neqa", "cot")
    return tmp_path


def words(folder: Path) -> list[str]:
    """Command line of the scoring step."""
    files = sorted(str(path) for path in (folder / "prompts").rglob("*.parquet"))
    fixed = f"--batch-tokens 64 --chain-tokens 5 --store {folder}/store --output {folder}/scores"
    return ["--model", f"{folder}/model.json", "--prompts", *files, *fixed.split()]


def score(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the scoring step in this process."""
    monkeypatch.setattr("sys.argv", ["score", *words(folder)])
    score_step.main()


def scores(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """All scores, by variant."""
    return {
        path.stem: pq.read_table(path).to_pylist()
        for path in (folder / "scores/replica/neqa").glob("*.parquet")
    }


def test_the_step_writes_one_row_per_item(
    ready: Path, tokenizer: Any, monkeypatch: pytest.MonkeyPatch, model: PreTrainedModel
) -> None:
    score(ready, monkeypatch)
    found = scores(ready)
    assert set(found) == {"zero-shot", "cot"}
    for row, text in zip(found["zero-shot"], ["a bird?", "not a bird?", "Which one?"], strict=True):
        expected = [plain(model, tokenizer, text, name) for name in (" yes", " no")]
        assert row["log_likelihood"] == pytest.approx(expected, abs=1e-5)
        assert (row["chain"], row["parsed"]) == ("", None)
    assert [row["item"] for row in found["cot"]] == [0, 1, 2]
    for row, text in zip(found["cot"], ["a bird?", "not a bird?", "Which one?"], strict=True):
        assert row["chain"] == greedy(model, tokenizer, text, 5)
        thought = text + before_answer(row["chain"])
        assert row["prompt_tokens"] == len(tokenizer(thought)["input_ids"])


def test_scoring_twice_takes_the_scores_from_the_store_without_torch(
    ready: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    score(ready, monkeypatch)
    first = {path.name: path.stat().st_mtime_ns for path in (ready / "store").iterdir()}
    before = scores(ready)
    script = (
        "import runpy, sys\n"
        "sys.path.insert(0, 'scripts')\n"
        "sys.argv = ['scripts/score.py', *sys.argv[1:]]\n"
        "runpy.run_path('scripts/score.py', run_name='__main__')\n"
        "print('torch' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *words(ready)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "False\n"
    assert done.stderr == ""
    assert {path.name: path.stat().st_mtime_ns for path in (ready / "store").iterdir()} == first
    assert scores(ready) == before


def test_editing_one_prompt_file_scores_that_file_and_no_other(
    ready: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    score(ready, monkeypatch)
    before = scores(ready)
    capsys.readouterr()
    write_prompts(ready, "neqa", "zero-shot", last="Which one is not")
    score(ready, monkeypatch)
    lines = [line for line in capsys.readouterr().err.splitlines() if "prompts/s" in line]
    assert ["neqa zero-shot" in line for line in lines] == [True]
    assert len(list((ready / "store").iterdir())) == 3
    assert scores(ready)["cot"] == before["cot"]
    for number, (old, new) in enumerate(
        zip(before["zero-shot"], scores(ready)["zero-shot"], strict=True)
    ):
        same = pytest.approx(old["log_likelihood"], abs=1e-5)
        assert (new["log_likelihood"] == same) == (number < 2)


def test_an_edit_undone_finds_the_old_scores(
    ready: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    score(ready, monkeypatch)
    before = scores(ready)
    write_prompts(ready, "neqa", "zero-shot", last="Which one is not")
    score(ready, monkeypatch)
    write_prompts(ready, "neqa", "zero-shot")
    capsys.readouterr()
    score(ready, monkeypatch)
    assert capsys.readouterr().err == ""
    assert scores(ready) == before


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


def test_a_prompt_too_long_names_model_file_and_item(
    ready: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_prompts(ready, "neqa", "zero-shot", last="12 " * 99)
    with pytest.raises(UserError) as caught:
        score(ready, monkeypatch)
    line = str(caught.value)
    assert line.startswith(f"tiny, {ready}/prompts/replica/neqa/zero-shot.parquet: item 2: has ")
    assert "\n" not in line
    assert not list((ready / "scores").rglob("zero-shot.parquet"))


def test_a_corrupt_model_folder_ends_the_step_with_one_line(
    ready: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (ready / "model/config.json").write_text("{")
    about = json.loads((ready / "model.json").read_text())
    write_json(ready / "model.json", about | {"fingerprint": models.fingerprint(about["folder"])})
    monkeypatch.setattr("sys.argv", ["score", *words(ready)])
    with pytest.raises(SystemExit) as ended:
        run(score_step.main)
    assert ended.value.code == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if "error" in line]
    assert len(lines) == 1
    assert f"{ready}/model: cannot be loaded as a model" in lines[0]


def test_the_store_makes_a_product_once(tmp_path: Path) -> None:
    made: list[Path] = []

    def make(path: Path) -> None:
        made.append(path)
        path.write_text("product")

    first, found = kept(tmp_path / "store", "key", ".txt", make)
    assert (first.read_text(), found) == ("product", False)
    assert kept(tmp_path / "store", "key", ".txt", make) == (first, True)
    assert len(made) == 1


def test_a_product_that_fails_is_not_kept(tmp_path: Path) -> None:
    def fail(path: Path) -> None:
        path.write_text("half")
        raise UserError("here", "fails", "mend it")

    with pytest.raises(UserError, match="here: fails"):
        kept(tmp_path / "store", "key", ".txt", fail)
    assert list((tmp_path / "store").iterdir()) == []
