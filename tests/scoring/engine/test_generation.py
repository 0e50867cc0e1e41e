"""Chains: what the likeliest token, one after the other, gives; each stops by itself."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import PreTrainedModel

from tiny_models import CONTEXT, PLAIN, PROMPTS, TREES, greedy
from ushaped.errors import UserError
from ushaped.scoring.engine import generation
from ushaped.scoring.engine.encoding import Encoder, data, tokens
from ushaped.scoring.engine.engine import Engine
from ushaped.scoring.engine.generation import Chain, GenerationRequest, chains
from ushaped.scoring.engine.methods import Methods
from ushaped.scoring.engine.tree import Batch


def continued(
    engine: Engine,
    tokenizer: Any,
    prompts: list[str],
    limits: list[int],
    stop: tuple[str, ...] = ("\n",),
    *missing: Any,
) -> dict[int, Chain]:
    """Chains by the number of the prompt."""
    asked = [
        GenerationRequest(ids, limit)
        for ids, limit in zip(Encoder(tokenizer)(prompts), limits, strict=True)
    ]
    batches = chains(engine, tokenizer, asked, stop, *missing)
    return dict(pair for batch in batches for pair in batch)


@pytest.mark.parametrize("model", [*TREES, *PLAIN], indirect=True)
@pytest.mark.parametrize("batch_tokens", [1, 40, 100_000])
def test_chains_equal_the_likeliest_token_one_by_one(
    model: PreTrainedModel, tokenizer: Any, batch_tokens: int
) -> None:
    limits = [3 + n % 9 for n in range(len(PROMPTS))]
    # Prompts that stand twice have the longer one of their limits generated, and are cut to theirs.
    found = continued(Engine(model, batch_tokens), tokenizer, PROMPTS, limits)
    texts = [found[i].text for i in range(len(PROMPTS))]
    assert texts == [
        greedy(model, tokenizer, prompt, limit)
        for prompt, limit in zip(PROMPTS, limits, strict=True)
    ]
    assert len(set(texts)) > 3
    assert all(found[i].tokens <= limits[i] for i in found)


def test_a_finished_chain_leaves_the_batch(
    model: PreTrainedModel, tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Engine(model)
    sizes: list[int] = []
    straight = engine.run

    def counting(ids: Any, *rest: Any) -> torch.Tensor:
        sizes.append(len(ids))
        return straight(ids, *rest)

    monkeypatch.setattr(engine, "run", counting)
    prompts = ["Which one", "a bird", "not"]
    found = continued(engine, tokenizer, prompts, [2, 9, 5], stop=())
    # One token to learn the memory's size, the prompts, and a step for each further token.
    assert sizes[2:] == [3, 2, 2, 2, 1, 1, 1, 1]
    assert [found[i].tokens for i in range(3)] == [2, 9, 5]
    assert {one.stopped for one in found.values()} == {False}
    assert [found[i].text for i in range(3)] == [
        greedy(model, tokenizer, prompt, limit)
        for prompt, limit in zip(prompts, [2, 9, 5], strict=True)
    ]


def by_four(rows: list[bytes], *_: Any) -> list[Batch]:
    """Batches of four rows that keep no prefix."""
    return [Batch(at, min(at + 4, len(rows))) for at in range(0, len(rows), 4)]


def test_the_last_chains_of_all_batches_go_on_together(
    model: PreTrainedModel, tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Engine(model)
    steps: list[int] = []
    step = generation._Memory.step

    def counting(memory: Any, engine: Engine, new: list[int]) -> list[int]:
        steps.append(len(new))
        return step(memory, engine, new)

    monkeypatch.setattr(generation, "plan_batches", by_four)
    monkeypatch.setattr(generation, "STEP", 1000)
    monkeypatch.setattr(generation._Memory, "step", counting)
    prompts = sorted(set(PROMPTS))[:8]
    limits = [2, 2, 9, 2, 2, 9, 2, 2]
    found = continued(engine, tokenizer, prompts, limits, stop=())
    # Both batches stop with one of their four; the two get their third token from their rows.
    assert steps == [4, 4, 2, 2, 2, 2, 2, 2]
    assert [found[i].text for i in range(8)] == [
        greedy(model, tokenizer, prompt, limit)
        for prompt, limit in zip(prompts, limits, strict=True)
    ]


def test_few_chains_go_on_alone_until_that_has_cost_what_their_rows_would_cost_again(
    model: PreTrainedModel, tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generation, "plan_batches", by_four)
    prompts = sorted(set(PROMPTS))[:8]
    computed = []
    for limit in (3, 60):
        engine = Engine(model)
        for step in (0, 2):
            monkeypatch.setattr(generation, "STEP", step)
            engine.counts.computed_tokens = 0
            continued(engine, tokenizer, prompts, [2, 2, limit, 2, 2, limit, 2, 2], stop=())
            computed.append(engine.counts.computed_tokens)
    # Short chains end before; of long ones the rows are computed once more, for fewer steps.
    assert computed[0] == computed[1]
    assert computed[2] < computed[3]


def test_a_chain_that_has_become_another_prompt_waits_for_it(
    model: PreTrainedModel, tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Engine(model)
    (row,) = Encoder(tokenizer)(["Which one"])
    (whole,) = dict(
        pair
        for batch in chains(engine, tokenizer, [GenerationRequest(row, 12)], ())
        for pair in batch
    ).values()
    # Two steps in the first batch, one in the second: then both rows are the same.
    first, second = row, row + data(whole.ids[:1])
    others = [data([*tokens(row), 0, n]) for n in range(6)]
    order = sorted([first, second, *others])
    assert order == [first, *others, second]
    limits = [12, 2, 2, 2, 1, 1, 1, 12]
    asked = [GenerationRequest(*one) for one in zip(order, limits, strict=True)]
    monkeypatch.setattr(generation, "plan_batches", by_four)
    monkeypatch.setattr(generation, "STEP", 1000)
    found = dict(pair for batch in chains(engine, tokenizer, asked, ()) for pair in batch)
    assert found[0].ids == whole.ids
    assert found[7].ids[:11] == whole.ids[1:]


def test_a_resumed_job_generates_the_same(model: PreTrainedModel, tokenizer: Any) -> None:
    limits = [8] * len(PROMPTS)
    whole = continued(Engine(model, 10), tokenizer, PROMPTS, limits)
    rest = continued(Engine(model, 10), tokenizer, PROMPTS, limits, ("\n",), {1, 5, 6, 20})
    assert rest == {i: whole[i] for i in (1, 5, 6, 20)}


def always(model: PreTrainedModel, tokenizer: Any, text: str) -> None:
    """Make a token the likeliest one everywhere."""
    token = tokenizer.convert_tokens_to_ids(tokenizer.tokenize(text))[0]
    with torch.no_grad():
        # The last hidden state is the same everywhere, and one token's row points its way.
        model.gpt_neox.final_layer_norm.weight.zero_()
        model.gpt_neox.final_layer_norm.bias.fill_(1.0)
        model.get_output_embeddings().weight.zero_()
        model.get_output_embeddings().weight[token] = 1.0


@pytest.mark.parametrize("shares", [True, False])
@pytest.mark.parametrize(
    ("token", "stop", "chain"),
    [
        ("y", ("\n",), Chain("yyyyy", 5, False)),
        ("\n", ("\n",), Chain("", 1, True)),
        ("<|endoftext|>", ("\n",), Chain("", 1, True)),
        ("y", ("q", "yyy"), Chain("", 3, True)),
        ("y", (), Chain("yyyyy", 5, False)),
    ],
)
def test_a_chain_ends_with_a_stop_string_or_its_text(
    model: PreTrainedModel,
    tokenizer: Any,
    shares: bool,
    token: str,
    stop: tuple[str, ...],
    chain: Chain,
) -> None:
    always(model, tokenizer, token)
    engine = Engine(model)
    engine.methods = Methods("tree" if shares else "padded")
    found = continued(engine, tokenizer, PROMPTS[:2], [5, 5], stop)
    assert found == {0: chain, 1: chain}


def test_out_of_memory_halves_the_chains_of_a_batch(
    model: PreTrainedModel, tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    engine = Engine(model, log=said.append)
    expected = continued(engine, tokenizer, PROMPTS, [4] * 24)
    straight = generation._by_tree

    def narrow(engine: Engine, ending: Any, rows: list[bytes], *rest: Any) -> Any:
        if len(rows) > 5:
            raise MemoryError
        return straight(engine, ending, rows, *rest)

    monkeypatch.setattr(generation, "_by_tree", narrow)
    assert continued(engine, tokenizer, PROMPTS, [4] * 24) == expected
    assert said[0].startswith("out of memory with ")
    monkeypatch.setattr(generation, "_by_tree", lambda *_: (_ for _ in ()).throw(MemoryError))
    with pytest.raises(UserError, match="does not fit into memory"):
        continued(engine, tokenizer, ["a"], [4])


def test_positions_go_up_to_the_end_of_the_context(model: PreTrainedModel, tokenizer: Any) -> None:
    prompt = "a" * 90
    size = len(tokenizer(prompt)["input_ids"])
    found = continued(Engine(model), tokenizer, [prompt], [CONTEXT - size], stop=())
    assert found[0].tokens == CONTEXT - size
