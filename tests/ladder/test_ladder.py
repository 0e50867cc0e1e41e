"""The ladder: exact counts, a tokenizer that loses nothing, and training that repeats itself."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode
from transformers import AutoTokenizer

from ushaped.errors import UserError
from ushaped.files import write_json
from ushaped.ladder import network, tokens, train
from ushaped.ladder.corpus import background, shuffle
from ushaped.ladder.flops import Shape, forward_flops, training_flops
from ushaped.models.load import describe, fingerprint, load

SHAPES = [Shape(8, 1, 1, 300), Shape(24, 2, 2, 400), Shape(32, 3, 1, 350)]
TEXTS = [f"Round {a} and ({a}) and {b}.{c} plus 12{a}: it is what one's café said,\n- so?" * 3
         for a in range(100) for b in (1, 23) for c in (4, 567)]  # fmt: skip


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def fresh(shape: Shape, seed: int = 0) -> network.Weights:
    """Weights before training."""
    weights = network.new_weights(shape, seed)
    return {name: weight.requires_grad_() for name, weight in weights.items()}


# -- counts ------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES)
def test_parameters_are_those_of_the_model(shape: Shape) -> None:
    assert shape.parameters == sum(weight.numel() for weight in fresh(shape).values())


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("rows", "length"), [(1, 16), (3, 40)])
def test_flops_are_those_that_torch_counts(shape: Shape, rows: int, length: int) -> None:
    weights = fresh(shape)
    inputs = torch.zeros(rows, length, dtype=torch.long)
    # The fused attention of a CPU is invisible to the counter; this one is made of products.
    with sdpa_kernel(SDPBackend.MATH):
        with FlopCounterMode(display=False) as forward:
            loss = network.next_token_loss(weights, shape, inputs)
        with FlopCounterMode(display=False) as backward:
            loss.backward()
    # The last token of a row predicts nothing.
    assert forward.get_total_flops() == forward_flops(shape, rows, length - 1)
    both = forward.get_total_flops() + backward.get_total_flops()
    assert both == training_flops(shape, {length: rows})


def test_flops_of_rows_of_several_lengths_add_up() -> None:
    shape = SHAPES[0]
    separate = training_flops(shape, {16: 5}) + training_flops(shape, {64: 2})
    assert training_flops(shape, {16: 5, 64: 2}) == separate
    assert training_flops(shape, {}) == 0


# -- tokenizer ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    """A small tokenizer of this project."""
    return tokens.train_tokenizer(TEXTS, 700)


@pytest.fixture(scope="module")
def folder(tokenizer: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where it is saved."""
    path = tmp_path_factory.mktemp("tokenizer")
    tokens.save(tokenizer, path)
    return path


@settings(deadline=None)
@given(text=st.text().filter(lambda text: tokens.END not in text))
def test_any_text_survives_the_tokenizer(tokenizer: Tokenizer, text: str) -> None:
    assert tokenizer.decode(tokenizer.encode(text).ids) == text


@settings(deadline=None)
@given(text=st.text(st.sampled_from("ab 12.,'?!n\n")))
def test_any_text_survives_the_loaded_tokenizer(folder: Path, text: str) -> None:
    loaded = AutoTokenizer.from_pretrained(folder)
    assert loaded.decode(loaded(text)["input_ids"], skip_special_tokens=True) == text


def test_the_vocabulary_is_no_larger_than_asked_for(tokenizer: Tokenizer) -> None:
    assert tokenizer.get_vocab_size() <= 700


@pytest.mark.parametrize("text", ["7", "42", " 7", " 42", "99", " 10"])
def test_short_numbers_are_one_token(tokenizer: Tokenizer, text: str) -> None:
    assert len(tokenizer.encode(text).ids) == 2


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("123", ["1", "2", "3"]),
        (" 6.27", [" 6", ".", "2", "7"]),
        ("31.4", ["3", "1", ".", "4"]),
        (" 12.", [" 12", "."]),
        ("5+7", ["5", "+", "7"]),
    ],
)
def test_longer_numbers_and_decimals_fall_into_digits(
    tokenizer: Tokenizer, text: str, pieces: list[str]
) -> None:
    ids = tokenizer.encode(text).ids
    assert [tokenizer.decode([one]) for one in ids[1:]] == pieces


def test_a_saved_tokenizer_loads_as_that_of_any_model(tokenizer: Tokenizer, folder: Path) -> None:
    loaded = AutoTokenizer.from_pretrained(folder)
    text = "Round 12.5 café\n- so? Yes"
    assert loaded(text)["input_ids"] == tokenizer.encode(text).ids
    assert loaded.convert_ids_to_tokens(loaded(text)["input_ids"][0]) == "<|endoftext|>"
    assert loaded.eos_token == loaded.bos_token == loaded.pad_token == "<|endoftext|>"


def test_the_same_texts_make_the_same_tokenizer(tokenizer: Tokenizer) -> None:
    assert tokens.train_tokenizer(TEXTS, 700).to_str() == tokenizer.to_str()


# -- rows and batches --------------------------------------------------------------------------

texts = st.lists(st.lists(st.integers(1, 50), max_size=30), max_size=20)


@given(encoded=texts, lengths=st.lists(st.integers(2, 40), min_size=1, max_size=3, unique=True))
def test_rows_hold_every_token_in_order(encoded: list[list[int]], lengths: list[int]) -> None:
    packed = tokens.pack(encoded, lengths, filler=0)
    longest = max(lengths)
    for length, rows in packed.items():
        assert rows.shape[1] == length
        shorter = [other for other in lengths if other < length]
        here = [
            text[:length]
            for text in encoded
            if len(text) > max(shorter, default=-1) and (len(text) <= length or length == longest)
        ]
        laid = [token for text in here for token in text]
        flat = rows.flatten().tolist()
        assert flat[: len(laid)] == laid
        assert flat[len(laid) :] == [0] * (len(flat) - len(laid))
        assert len(flat) - len(laid) < length
    kept = sum(len(text[:longest]) for text in encoded)
    assert sum(int((rows > 0).sum()) for rows in packed.values()) == kept


@settings(deadline=None)
@given(
    counts=st.dictionaries(st.sampled_from([2, 4, 8]), st.integers(1, 20), min_size=1),
    budget=st.integers(1, 40),
    seed=st.integers(0, 9),
)
def test_batches_hold_every_row_once(counts: dict[int, int], budget: int, seed: int) -> None:
    packed = [
        torch.arange(count * length).reshape(count, length) for length, count in counts.items()
    ]
    cut = train.batches(packed, budget, seed)
    found = Counter(tuple(row) for batch in cut for row in batch.tolist())
    assert found == Counter(tuple(row) for rows in packed for row in rows.tolist())
    assert all(len(batch) == 1 or batch.numel() <= budget for batch in cut)
    again = train.batches(packed, budget, seed)
    assert all(torch.equal(a, b) for a, b in zip(cut, again, strict=True))


def test_seeds_put_batches_in_different_orders() -> None:
    rows = [torch.arange(200).reshape(50, 4)]
    orders = [torch.cat(train.batches(rows, 8, seed)).tolist() for seed in (0, 1)]
    assert orders[0] != orders[1]


def test_background_says_every_list_twice() -> None:
    found = background(3000, seed=1)
    assert sum(map(len, found)) >= 3000
    assert found == background(3000, seed=1)
    for text in found:
        assert any(text == f"{line}{join}{line}" for join in (". ", ", ", "\n")
                   for line in [text[: (len(text) - len(join)) // 2]])  # fmt: skip


def test_shuffling_keeps_every_text() -> None:
    ordered = [str(n) for n in range(100)]
    assert sorted(shuffle(ordered, 0)) == sorted(ordered)
    assert shuffle(ordered, 0) == shuffle(ordered, 0) != shuffle(ordered, 1)


# -- training ----------------------------------------------------------------------------------

RECIPE = train.Recipe(
    batch_tokens=64, embedding_rate=0.01, matrix_rate=0.02, warmup=0.1, weight_decay=0.01
)


def trained(seed: int) -> tuple[network.Weights, float]:
    """Weights after a few steps on a text that repeats itself, and the loss."""
    rows = torch.arange(20).repeat(40).reshape(-1, 16)
    data = train.batches([rows], 64, seed)
    return train.train(fresh(SHAPES[0], seed), SHAPES[0], data, RECIPE, lambda *_: None)


def test_the_same_seed_and_data_give_the_same_weights() -> None:
    (one, loss), (two, same), (other, _) = trained(0), trained(0), trained(1)
    assert loss == same
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert not any(torch.equal(one[name], other[name]) for name in one if one[name].dim() == 2)


def test_training_learns() -> None:
    rows = torch.arange(20).repeat(40).reshape(-1, 16)
    before = network.next_token_loss(fresh(SHAPES[0]), SHAPES[0], rows).item()
    assert before == pytest.approx(np.log(300), abs=0.5)
    assert trained(0)[1] < before - 0.5


def test_training_tells_how_far_it_is() -> None:
    told: list[tuple[int, int]] = []
    rows = torch.zeros(4, 16, dtype=torch.long)
    data = train.batches([rows], 16, 0)
    train.train(fresh(SHAPES[0]), SHAPES[0], data, RECIPE, lambda *said: told.append(said[:2]))
    assert told[-1] == (4, 4)


def test_the_learning_rate_rises_and_falls_to_a_tenth() -> None:
    rates = [train.learning_rate(step, 100, 0.1) for step in range(100)]
    assert rates.index(max(rates)) in (9, 10)
    assert max(rates) == pytest.approx(1.0)
    assert rates[0] == pytest.approx(0.1)
    assert rates[-1] == pytest.approx(0.1, abs=0.01)
    assert all(a >= b for a, b in pairwise(rates[10:]))


def test_every_weight_has_one_optimizer() -> None:
    weights = fresh(SHAPES[1])
    steppers = train.optimizers(weights, RECIPE)
    groups = [group["params"] for stepper in steppers for group in stepper.param_groups]
    held = [id(weight) for group in groups for weight in group]
    assert sorted(held) == sorted(id(weight) for weight in weights.values())


# -- saved and loaded --------------------------------------------------------------------------


def save(shape: Shape, seed: int, tokenizer: Tokenizer, folder: Path) -> Path:
    """Save new weights as the training step does."""
    folder.mkdir(exist_ok=True)
    network.save(network.new_weights(shape, seed), folder / "model.safetensors")
    write_json(folder / "config.json", network.configuration(shape, context=64, end=0))
    tokens.save(tokenizer, folder)
    return folder


def test_a_loaded_model_has_the_same_logits(tokenizer: Tokenizer, tmp_path: Path) -> None:
    shape = Shape(24, 2, 2, 500)
    loaded, its = load(save(shape, 0, tokenizer, tmp_path / "model"))
    inputs = torch.tensor(
        [its("Round 12 and (12) and 1.4 plus 120: it is what one's café said")["input_ids"]]
    )
    weights = network.new_weights(shape, 0)
    with torch.inference_mode():
        states = network.hidden_states(weights, shape, inputs)
        logits = states @ weights[network.EMBEDDING].T
        torch.testing.assert_close(loaded(inputs).logits, logits, rtol=0, atol=1e-5)
    assert loaded.dtype == torch.float32
    assert not loaded.training


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("model.safetensors", b"\x10\x00\x00\x00\x00\x00\x00\x00{"),
        ("model.safetensors", None),
        ("config.json", b"{"),
        ("config.json", None),
        ("tokenizer.json", b"nothing"),
    ],
)
def test_a_corrupt_model_folder_is_told_in_one_line(
    tokenizer: Tokenizer, tmp_path: Path, name: str, content: bytes | None
) -> None:
    folder = save(SHAPES[0], 0, tokenizer, tmp_path / "model")
    (folder / name).unlink() if content is None else (folder / name).write_bytes(content)
    with pytest.raises(UserError, match="cannot be loaded as a model") as caught:
        load(folder)
    assert str(caught.value).startswith(f"{folder}: ")
    assert "\n" not in str(caught.value)


def test_the_fingerprint_tells_weights_apart(tokenizer: Tokenizer, tmp_path: Path) -> None:
    other = save(SHAPES[0], 1, tokenizer, tmp_path / "other")
    same = {
        fingerprint(save(SHAPES[0], 0, tokenizer, tmp_path / f"same-{number}"))
        for number in range(8)
    }
    assert len(same) == 1
    assert fingerprint(other) not in same


def test_stated_flops_and_six_n_d() -> None:
    about = {
        "family": "f",
        "size": "1B",
        "seed": 0,
        "parameters": 10**9,
        "non_embedding_parameters": 10**8,
        "training_tokens": 3e11,
    }
    stated = describe("m", "nowhere", training_flops=2.5e21, **about)
    counted = describe("m", "nowhere", training_flops="6ND", **about)
    assert (stated["training_flops"], stated["flops_source"]) == (2.5e21, "registry")
    assert counted["training_flops"] == 6 * 10**9 * 3e11
    assert "6 x" in counted["flops_source"]
