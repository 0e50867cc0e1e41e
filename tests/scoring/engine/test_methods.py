"""Which way a model is computed: what a configuration says, and what a model shows."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from transformers import (
    BertConfig,
    BertLMHeadModel,
    DeepseekV4Config,
    DynamicCache,
    FalconConfig,
    FalconForCausalLM,
    Gemma2Config,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MixtralConfig,
    Phi3Config,
    Phi3ForCausalLM,
    PreTrainedModel,
    Qwen2Config,
    Qwen3NextConfig,
)

import tiny_models
from tiny_models import CLASSES, ENDS, PROMPTS, SMALL, VOCABULARY
from ushaped.errors import UserError
from ushaped.scoring.engine.encoding import Encoded, data, tokens
from ushaped.scoring.engine.engine import Engine, in_order, log_likelihoods
from ushaped.scoring.engine.generation import GenerationRequest, chains
from ushaped.scoring.engine.methods import Methods, limit_of, probes
from ushaped.scoring.engine.precision import in_float32
from ushaped.scoring.engine.tree import MIN_PREFIX

SIZES = {"vocab_size": VOCABULARY, **SMALL, "intermediate_size": 32, **ENDS}


def ready(model: PreTrainedModel, size: float = 0.3) -> PreTrainedModel:
    """A model with random weights of a size."""
    torch.manual_seed(7)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim >= 2:
                parameter.normal_(0, size)
    return model.eval()


def long_rope() -> PreTrainedModel:
    """A tiny Phi-3 whose rotary frequencies are others beyond 24 tokens."""
    rope = {"rope_type": "longrope", "short_factor": [1.0, 1.0], "long_factor": [3.0, 9.0]}
    rope |= {"original_max_position_embeddings": 24, "rope_theta": 10000.0}
    sizes = SIZES | {"max_position_embeddings": 96, "original_max_position_embeddings": 24}
    return ready(Phi3ForCausalLM(Phi3Config(**sizes, rope_parameters=rope)))


def sequences(lengths: list[int]) -> list[Encoded]:
    """Sequences that begin alike, of so many tokens that are read."""
    some = torch.Generator().manual_seed(1)
    head = torch.randint(0, VOCABULARY, (200,), generator=some).tolist()
    return [Encoded(data([*head[: n - 1], n % 7, 9]), n) for n in lengths]


@torch.inference_mode()
def alone(model: PreTrainedModel, some: list[Encoded]) -> list[float]:
    """Log-likelihoods of sequences of which only the last token is asked for, each by itself."""
    found = []
    for one in some:
        *read, last = tokens(one.data).tolist()
        logits = model(torch.tensor([read]), use_cache=False).logits[0, -1].double()
        found.append(float(torch.log_softmax(logits, 0)[last]))
    return found


@pytest.mark.parametrize(
    ("config", "limit"),
    [
        (LlamaConfig(), (None, "")),
        (MistralConfig(sliding_window=4096), (4096, "sliding_window")),
        (MistralConfig(sliding_window=None), (None, "")),
        (Qwen2Config(use_sliding_window=False, sliding_window=4096), (None, "")),
        (
            Qwen2Config(
                use_sliding_window=True,
                sliding_window=512,
                max_window_layers=1,
                num_hidden_layers=2,
            ),
            (512, "sliding_window"),
        ),
        (LlamaConfig(rope_parameters={"rope_type": "linear", "factor": 2.0}), (None, "")),
    ],
)
def test_a_configuration_names_the_length_up_to_which_all_is_seen(
    config: Any, limit: tuple[int | None, str]
) -> None:
    assert limit_of(config) == limit


def test_frequencies_that_switch_with_the_longest_sequence_do_not_reach_shorter_ones() -> None:
    model = long_rope()
    said: list[str] = []
    engine = Engine(model, log=said.append)
    assert (engine.methods.of(24), engine.methods.of(25)) == ("tree", "single")
    assert said == [
        "Phi3ForCausalLM: sequences of more than 24 tokens are computed one by one "
        "(original_max_position_embeddings)"
    ]
    some = sequences([5, 23, 24, 25, 26, 40, 60])
    assert in_order(engine.score(some)) == pytest.approx(alone(model, some), abs=1e-4)
    # Frequencies do matter: one batch of all would have been wrong.
    engine.methods = Methods("padded")
    together = in_order(engine.score(some))
    assert max(abs(a - b) for a, b in zip(together, alone(model, some), strict=True)) > 0.1


def test_a_chain_that_may_grow_beyond_the_limit_takes_no_tree(tokenizer: Any) -> None:
    engine = Engine(long_rope())
    prompts = [tokens(one.data).tolist() for one in sequences([10, 20])]
    asked = [GenerationRequest(data(ids), 8) for ids in prompts]
    found = dict(pair for batch in chains(engine, tokenizer, asked, ()) for pair in batch)
    for number, ids in enumerate(prompts):
        expected = list(ids)
        for _ in range(8):
            logits = engine.model(torch.tensor([expected]), use_cache=False).logits
            expected.append(int(logits[0, -1].argmax()))
        assert list(found[number].ids) == expected[len(ids) :][: len(found[number].ids)]


@pytest.mark.parametrize("size", [0.02, 0.3])
def test_attention_that_never_hears_of_the_tree_gets_none(size: float) -> None:
    said: list[str] = []
    model = ready(FalconForCausalLM(FalconConfig(**SIZES)), size).to(torch.bfloat16)
    assert Engine(model, log=said.append).methods.short == "padded"
    assert "0 of 2 layers attend as requested" in said[0]


@pytest.mark.parametrize("size", [0.02, 0.3])
def test_a_model_that_sees_what_follows_is_refused(size: float) -> None:
    model = ready(BertLMHeadModel(BertConfig(**SIZES)), size)
    with pytest.raises(UserError, match=r"predictions change by .* with the tokens after them"):
        Engine(model)


def test_hybrids_are_called_what_they_are() -> None:
    from ushaped.scoring.engine.methods import _other_layers

    assert _other_layers(Qwen3NextConfig()) == "layers of the kind linear_attention"
    kind = "heavily_compressed_attention"
    assert _other_layers(DeepseekV4Config()).endswith(f"compressed_sparse_attention, {kind}")
    assert _other_layers(LlamaConfig()) == _other_layers(Gemma2Config()) == ""


@pytest.mark.parametrize("context", [8, 12, 40])
def test_a_context_of_a_few_tokens_is_enough(context: int, tokenizer: Any) -> None:
    sizes = SIZES | {"max_position_embeddings": context}
    model = ready(LlamaForCausalLM(LlamaConfig(**sizes)))
    assert Engine(model).tree
    found = log_likelihoods(model, tokenizer, ["no"], [[" A", " B"]])
    assert len(found[0].log_likelihood) == 2


@pytest.mark.parametrize(("shortest", "longest"), [(1, 8), (1, 64), (9, 40), (33, 4096)])
def test_probes_have_the_lengths_that_are_asked_for(shortest: int, longest: int) -> None:
    assert all(shortest <= len(one) - 1 <= longest for one in probes(VOCABULARY, shortest, longest))
    assert len(probes(VOCABULARY, shortest, longest)) >= 4


def test_the_self_check_keeps_a_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    prefixes: list[int] = []
    straight = Engine.prefix_pass

    def counting(engine: Engine, row: bytes, prefix: int) -> Any:
        prefixes.append(prefix)
        return straight(engine, row, prefix)

    monkeypatch.setattr(Engine, "prefix_pass", counting)
    Engine(tiny_models.made("llama"))
    assert max(prefixes) >= MIN_PREFIX


@pytest.mark.parametrize("model", ["llama", "mamba"], indirect=True)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_in_low_precision_the_output_matrix_is_applied_in_float32(
    model: PreTrainedModel, dtype: torch.dtype, tokenizer: Any
) -> None:
    found = log_likelihoods(model.to(dtype), tokenizer, PROMPTS, CLASSES)
    hidden = torch.randn(1, 16, dtype=dtype)
    weight = model.get_output_embeddings().weight
    assert torch.equal(model.get_output_embeddings()(hidden), hidden.float() @ weight.float().T)
    assert all(math.isfinite(value) for one in found for value in one.log_likelihood)


def test_a_model_is_float32_for_a_while_and_then_what_it_was() -> None:
    model = tiny_models.made("llama").to(torch.bfloat16)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with in_float32(model) as precise:
        assert precise
        assert {one.dtype for one in model.parameters()} == {torch.float32}
    after = model.state_dict()
    assert {one.dtype for one in model.parameters()} == {torch.bfloat16}
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_a_model_whose_cache_is_wrong_generates_without(
    monkeypatch: pytest.MonkeyPatch, tokenizer: Any
) -> None:
    model = tiny_models.made("bloom")
    straight = DynamicCache.update
    monkeypatch.setattr(
        DynamicCache, "update", lambda cache, k, v, *a, **m: straight(cache, k * 0.1, v, *a, **m)
    )
    said: list[str] = []
    engine = Engine(model, log=said.append)
    list(chains(engine, tokenizer, [GenerationRequest(data([5, 6, 7, 8]), 4)], ()))
    assert "BloomForCausalLM: chains are generated without cache" in said


def test_batches_of_one_token_score_each_text_by_itself() -> None:
    assert Engine(tiny_models.made("llama"), batch_tokens=1).methods == Methods(
        "single", reason="batches of one token"
    )


@pytest.mark.parametrize(
    ("config", "experts"),
    [(MixtralConfig(), True), (LlamaConfig(), False), (BertConfig(), False)],
)
def test_mixtures_of_experts_are_known_by_their_configuration(config: Any, experts: bool) -> None:
    from ushaped.scoring.engine.methods import _has_experts

    assert _has_experts(config) == experts
