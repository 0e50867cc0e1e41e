"""Scoring: equal to the plainest loop one can write, whatever the model, batches and order."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transformers import PreTrainedModel

import tiny_models
from tiny_models import CLASSES, PLAIN, PROMPTS, TREES, plain, plain_text
from ushaped.errors import UserError
from ushaped.scoring.engine import attention
from ushaped.scoring.engine.encoding import Encoded, data, tokens
from ushaped.scoring.engine.engine import Engine, log_likelihoods

every_model = pytest.mark.parametrize("model", [*TREES, *PLAIN], indirect=True)
every_tree = pytest.mark.parametrize("model", TREES, indirect=True)


def values(engine: Engine, sequences: list[Encoded], *missing: Any) -> dict[int, float]:
    """Log-likelihoods by the number of the sequence."""
    return dict(pair for batch in engine.score(sequences, *missing) for pair in batch)


@pytest.mark.parametrize("model", [*TREES, *PLAIN], indirect=True)
def test_models_share_prefixes_where_they_can_and_say_so_where_not(
    model: PreTrainedModel, request: pytest.FixtureRequest
) -> None:
    said: list[str] = []
    engine = Engine(model, log=said.append)
    assert engine.tree == (request.node.callspec.params["model"] in TREES)
    assert len(said) == (0 if engine.tree else 1)
    assert all("prefixes are not shared, in padded batches instead (" in line for line in said)


@every_model
@pytest.mark.parametrize("batch_tokens", [1, 64, 100_000])
def test_scores_equal_a_plain_loop_whatever_the_batches(
    model: PreTrainedModel, tokenizer: Any, batch_tokens: int
) -> None:
    found = log_likelihoods(model, tokenizer, PROMPTS, CLASSES, batch_tokens)
    model.set_attn_implementation("eager")
    for prompt, names, one in zip(PROMPTS, CLASSES, found, strict=True):
        expected = [plain_text(model, tokenizer, prompt, name) for name in names]
        assert one.log_likelihood == pytest.approx(expected, abs=1e-4)
        assert one.prompt_tokens == len(tokenizer(prompt)["input_ids"])
        lengths = [len(tokenizer(prompt + name)["input_ids"]) for name in names]
        assert one.class_tokens == [length - one.prompt_tokens for length in lengths]
        assert (one.boundary_merged, one.cut) == (False, 0)
    assert max(count for one in found for count in one.class_tokens) >= 3


@st.composite
def tries(draw: st.DrawFn) -> list[Encoded]:
    """Sequences that share prefixes at random depths."""
    rows: list[list[int]] = [draw(st.lists(st.integers(0, 299), min_size=40, max_size=60))]
    found = []
    token = st.integers(0, 299)
    for _ in range(draw(st.integers(1, 14))):
        base = draw(st.sampled_from(rows))
        depth = draw(st.integers(0, len(base)))
        row = base[:depth] + draw(st.lists(token, min_size=2, max_size=30))
        rows.append(row[: tiny_models.CONTEXT])
        found.append(Encoded(data(rows[-1]), draw(st.integers(1, len(rows[-1]) - 1))))
    return found


@pytest.fixture(scope="module")
def engines() -> dict[str, tuple[Engine, PreTrainedModel]]:
    """An engine and an untouched model of every architecture that takes trees."""
    return {name: (Engine(tiny_models.made(name)), tiny_models.made(name)) for name in TREES}


@pytest.mark.parametrize("name", TREES)
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(sequences=tries(), budget=st.sampled_from([1, 20, 70, 150, 4096]), seed=st.integers(0, 9))
def test_random_tries_score_alike_in_any_budget_order_and_history(
    engines: dict[str, tuple[Engine, PreTrainedModel]],
    name: str,
    sequences: list[Encoded],
    budget: int,
    seed: int,
) -> None:
    engine, model = engines[name]
    expected = [plain(model, tokens(one.data).tolist(), one.start) for one in sequences]
    engine.batch_tokens = budget
    found = values(engine, sequences)
    assert [found[i] for i in range(len(sequences))] == pytest.approx(expected, abs=1e-4)
    order = random.Random(seed).sample(range(len(sequences)), len(sequences))
    turned = values(engine, [sequences[i] for i in order])
    assert [turned[i] for i in range(len(order))] == pytest.approx(
        [found[i] for i in order], abs=1e-5
    )
    some = set(order[: len(order) // 2])
    rest = values(engine, sequences, some)
    assert rest.keys() == some
    assert [rest[i] for i in some] == pytest.approx([found[i] for i in some], abs=1e-5)


@every_tree
def test_the_same_batch_gives_the_same_bits(model: PreTrainedModel) -> None:
    sequences = [Encoded(data([*range(40), n, n + 1, n + 2]), 41) for n in range(40)]
    engine = Engine(model, 60)
    whole = list(engine.score(sequences))
    assert len(whole) > 2
    for batch in (whole[0], whole[-1]):
        alone = list(Engine(model, 60).score(sequences, {i for i, _ in batch}))
        assert alone == [batch]


def test_shared_tokens_are_computed_once(model: PreTrainedModel) -> None:
    sequences = [Encoded(data([*range(50), n, 7]), 50) for n in range(20)]
    engine = Engine(model)
    values(engine, sequences)
    assert engine.counts.computed_tokens == 50 + 20
    assert engine.counts.total_tokens == 20 * 52
    assert engine.counts.predictions == 1 + 20
    assert engine.counts.sequences == 20


def test_a_kept_prefix_is_computed_once_for_all_batches(model: PreTrainedModel) -> None:
    sequences = [Encoded(data([*range(50), n, n, 7]), 51) for n in range(40)]
    engine = Engine(model, 70)
    batches = list(engine.score(sequences))
    assert len(batches) > 1
    assert engine.counts.computed_tokens == 50 + 2 * 40


def test_a_prompt_that_stands_twice_gets_the_same_score_twice(
    model: PreTrainedModel, tokenizer: Any
) -> None:
    one, two, turned = log_likelihoods(
        model, tokenizer, [PROMPTS[3]] * 3, [[" yes", " no"], [" yes", " no"], [" no", " yes"]], 99
    )
    assert one == two
    assert turned.log_likelihood == one.log_likelihood[::-1]


def test_scores_are_what_one_finds_by_hand(model: PreTrainedModel) -> None:
    logs = [math.log(p) for p in (1 / 2, 1 / 4, 1 / 8, 1 / 8)]
    with torch.no_grad():
        # The last hidden state is the same everywhere; the vocabulary's rows make the odds.
        model.gpt_neox.final_layer_norm.weight.zero_()
        model.gpt_neox.final_layer_norm.bias.fill_(1 / 16)
        head = model.get_output_embeddings().weight
        head.fill_(-50.0)
        for token, value in enumerate(logs):
            head[token] = value
    found = values(Engine(model), [Encoded(data([9, 0, 1, 2]), 1), Encoded(data([9, 0, 3]), 2)])
    assert found[0] == pytest.approx(math.log(1 / 2 * 1 / 4 * 1 / 8), abs=1e-5)
    assert found[1] == pytest.approx(math.log(1 / 8), abs=1e-5)


def test_a_prompt_longer_than_the_context_names_the_item(
    model: PreTrainedModel, tokenizer: Any
) -> None:
    long = " ".join(["12"] * 60)
    with pytest.raises(UserError, match=r"^item 1: has \d+ tokens, the model's context 96; "):
        log_likelihoods(model, tokenizer, ["a", long], [[" yes", " no"]] * 2)
    one, two = log_likelihoods(model, tokenizer, ["a", long], [[" yes", " no"]] * 2, too_long="cut")
    assert one.cut == 0
    assert two.cut > 0
    # The beginning token, and as many of the last ones as fit, are the prompt that was scored.
    begin, *ids = tokenizer(long)["input_ids"]
    ids = [begin, *ids[two.cut :]]
    name = tokenizer(" yes")["input_ids"][1:]
    assert len(ids) + max(two.class_tokens) - 1 == 96
    assert two.log_likelihood[0] == pytest.approx(plain(model, ids + name, len(ids)), abs=1e-4)


def test_out_of_memory_halves_the_batches_and_goes_on(
    model: PreTrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    sequences = [Encoded(data([n, *range(30), n]), 30) for n in range(40)]
    said: list[str] = []
    engine = Engine(model, 1000, said.append)
    expected = values(engine, sequences)
    straight = engine.run

    def narrow(ids: Any, *rest: Any) -> torch.Tensor:
        if len(ids) > 130:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return straight(ids, *rest)

    monkeypatch.setattr(engine, "run", narrow)
    assert values(engine, sequences) == pytest.approx(expected, abs=1e-5)
    assert engine.batch_tokens == 125
    assert said == [
        f"out of memory with {size} tokens at once: going on with {size // 2}"
        for size in (1000, 500, 250)
    ]
    monkeypatch.setattr(engine, "run", lambda ids, *_: narrow(range(999)))
    with pytest.raises(UserError, match="a sequence of 31 tokens: does not fit into memory"):
        values(engine, sequences)


def test_an_error_that_is_not_memory_is_not_swallowed(
    model: PreTrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Engine(model)
    monkeypatch.setattr(engine, "run", lambda *_: (_ for _ in ()).throw(RuntimeError("shapes")))
    with pytest.raises(RuntimeError, match="shapes"):
        values(engine, [Encoded(data([1, 2, 3]), 1)])


def test_low_precision_still_sums_in_float32(model: PreTrainedModel, tokenizer: Any) -> None:
    expected = log_likelihoods(model, tokenizer, PROMPTS, CLASSES)
    engine_model = tiny_models.made("neox").to(torch.bfloat16)
    found = log_likelihoods(engine_model, tokenizer, PROMPTS, CLASSES)
    flat = [x for one in found for x in one.log_likelihood]
    assert flat == pytest.approx([x for one in expected for x in one.log_likelihood], abs=2.0)
    # bfloat16 has eight bits: sums rounded to it would all be multiples of a power of two.
    assert any(float(torch.tensor(x).bfloat16()) != x for x in flat)


def test_attention_that_asks_for_more_than_the_usual_is_refused() -> None:
    attention.register()
    from transformers import AttentionInterface

    function = AttentionInterface()[attention.NAME]
    states = torch.zeros(1, 1, 3, 4)
    for options, why in (({"position_bias": states}, "bias"), ({"sliding_window": (8, 0)}, "8, 0")):
        with pytest.raises(attention.UnsupportedError, match=why):
            function(None, states, states, states, None, **options)
    with pytest.raises(attention.UnsupportedError, match="other keys"):
        function(None, states, states[:, :, :2], states, None)
