"""Windows, caps and sinks: the tree has them as each text by itself, or is not used."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from transformers import MistralConfig, MistralForCausalLM, PreTrainedModel, masking_utils

import tiny_models
from architectures import VOCABULARY, Architecture
from batch_one import Numbers, alone, greedy
from ushaped.scoring.engine import attention
from ushaped.scoring.engine.encoding import Encoded, data, tokens
from ushaped.scoring.engine.engine import Engine, in_order
from ushaped.scoring.engine.generation import GenerationRequest, chains
from ushaped.scoring.engine.methods import Methods

WINDOW = 8
BOTH = {"layer_types": ["sliding_attention", "full_attention"]}
ARCHITECTURES = [
    Architecture(kind, "windows", {"sliding_window": WINDOW, **settings})
    for kind, settings in {
        "mistral": {},
        "phi3": {},
        "qwen2": {"use_sliding_window": True, "max_window_layers": 1},
        "gemma2": {"attn_logit_softcapping": 0.5, "query_pre_attn_scalar": 4},
        "gemma3_text": BOTH,
        "gpt_oss": {},
        "cohere2": {**BOTH, "logit_scale": 1.0},
    }.items()
]
every_kind = pytest.mark.parametrize(
    "architecture", [pytest.param(one, id=one.type) for one in ARCHITECTURES]
)


def sequences(longest: int = 90) -> list[Encoded]:
    """Sequences of up to many windows that share long and short prefixes."""
    draw = random.Random(0)
    head = [draw.randrange(3, VOCABULARY) for _ in range(longest)]
    sizes = [3, WINDOW, WINDOW + 1, longest // 2, longest - 3, longest]
    rows = [
        head[:size] + [draw.randrange(3, VOCABULARY) for _ in range(n)]
        for size in sizes
        for n in (1, 3, 20)
    ]
    return [Encoded(data(row), max(1, len(row) - 2)) for row in rows]


@every_kind
@pytest.mark.parametrize("batch_tokens", [64, 4096])
def test_scores_are_those_of_each_text_by_itself(
    architecture: Architecture, batch_tokens: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    engine = Engine(architecture.model(), batch_tokens, said.append)
    assert (engine.methods, said) == (Methods("tree"), [])
    prefixes: list[int] = []
    straight = engine.prefix_pass

    def counting(row: bytes, prefix: int) -> Any:
        prefixes.append(prefix)
        return straight(row, prefix)

    monkeypatch.setattr(engine, "prefix_pass", counting)
    found = in_order(engine.score(sequences()))
    assert found == pytest.approx(list(alone(architecture.model(), sequences())), abs=1e-4)
    # Small batches keep a prefix of several windows.
    assert (max(prefixes) > 3 * WINDOW) == (batch_tokens == 64)


@every_kind
def test_chains_are_the_likeliest_token_one_by_one(architecture: Architecture) -> None:
    prompts = sorted({one.data for one in sequences()})
    engine = Engine(architecture.model(), 64)
    requests = [GenerationRequest(prompt, WINDOW + 2) for prompt in prompts]
    found = dict(pair for batch in chains(engine, Numbers(), requests, ()) for pair in batch)
    model = architecture.model()
    for number, prompt in enumerate(prompts):
        expected = greedy(model, tokens(prompt).tolist(), WINDOW + 2)
        assert found[number].text == Numbers().decode(expected)
    assert len({chain.text for chain in found.values()}) > 3


def mistral(window: int, context: int = 2048) -> PreTrainedModel:
    """A tiny Mistral, always the same."""
    sizes = tiny_models.SMALL | tiny_models.ENDS | {"vocab_size": VOCABULARY}
    sizes |= {"num_key_value_heads": 2, "intermediate_size": 32}
    config = MistralConfig(**sizes, sliding_window=window, max_position_embeddings=context)
    torch.manual_seed(7)
    model = MistralForCausalLM(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim >= 2:
                parameter.normal_(0, 0.3)
    return model


@pytest.mark.parametrize("window", [WINDOW, 600])
def test_beyond_float64_and_for_windows_too_wide_to_be_probed(
    window: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = mistral(window)
    longest = 0
    straight = model.forward

    def forward(*inputs: Any, **options: Any) -> Any:
        nonlocal longest
        longest = max(longest, options["input_ids"].shape[1])
        return straight(*inputs, **options)

    monkeypatch.setattr(model, "forward", forward)
    engine = Engine(model)
    assert engine.methods == Methods("tree")
    assert longest < 100
    assert model.config.sliding_window == window
    some = sequences(1300)
    assert 3 * attention.DOUBLE_UP_TO < 1300
    found = in_order(engine.score(some))
    assert found == pytest.approx(list(alone(mistral(window), some)), abs=1e-4)
    # The window is in the numbers.
    assert np.abs(np.array(found) - alone(mistral(2048), some)).max() > 0.01


def wider_mask(model: PreTrainedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows that hold one token more than the layers say."""

    def overlay(window: int) -> Callable[..., Any]:
        return lambda _batch, _head, query, key: key >= query - window

    monkeypatch.setattr(masking_utils, "sliding_window_overlay", overlay)


def one_layer_in_silence(model: PreTrainedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """A layer whose window is in its mask alone."""
    straight = attention._attention
    silent = model.model.layers[1].self_attn

    def attend(module: Any, *inputs: Any, **options: Any) -> Any:
        window = None if module is silent else options.pop("sliding_window")
        return straight(module, *inputs, **options | {"sliding_window": window})

    monkeypatch.setattr(attention, "_attention", attend)


def one_layer_by_itself(model: PreTrainedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same, with a mask of its own, which cannot be made small."""
    one_layer_in_silence(model, monkeypatch)
    silent, window = model.model.layers[1].self_attn, model.config.sliding_window
    straight = silent.forward

    def forward(hidden_states: torch.Tensor, **options: Any) -> Any:
        key = torch.arange(hidden_states.shape[1])
        query = key[:, None]
        seen = (key <= query) & (key > query - window)
        return straight(hidden_states, **options | {"attention_mask": seen[None, None]})

    monkeypatch.setattr(silent, "forward", forward)


def fixed_windows(model: PreTrainedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows that cannot be made small, and hold one token more than the layers say."""
    window = model.config.sliding_window
    fixed = masking_utils.sliding_window_overlay(window + 1)
    monkeypatch.setattr(masking_utils, "sliding_window_overlay", lambda _: fixed)
    name_always(window, monkeypatch)


def name_always(window: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every layer name a window."""
    straight = attention._attention
    monkeypatch.setattr(
        attention,
        "_attention",
        lambda *inputs, **options: straight(*inputs, **options | {"sliding_window": window}),
    )


@pytest.mark.parametrize(
    "broken", [wider_mask, one_layer_in_silence, one_layer_by_itself, fixed_windows]
)
@pytest.mark.parametrize("window", [WINDOW, 600])
def test_windows_that_are_others_than_the_layers_say_are_not_the_trees(
    broken: Callable[[PreTrainedModel, pytest.MonkeyPatch], None],
    window: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = mistral(window, 1024)
    broken(model, monkeypatch)
    said: list[str] = []
    engine = Engine(model, log=said.append)
    assert engine.methods == Methods("tree", window, "padded", "", "sliding_window")
    assert said == [
        f"MistralForCausalLM: sequences of more than {window} tokens are computed in padded "
        "batches (sliding_window)"
    ]
    some = sequences(700)
    assert in_order(engine.score(some)) == pytest.approx(list(alone(model, some)), abs=1e-4)


def test_a_window_of_which_the_configuration_says_nothing_ends_the_tree(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name_always(50, monkeypatch)
    engine = Engine(tiny_models.made("llama"))
    assert (engine.methods.of(50), engine.methods.of(51)) == ("tree", "single")


def test_chunks_are_computed_whole() -> None:
    settings = {"attention_chunk_size": WINDOW, "attn_temperature_tuning": False}
    architecture = Architecture("llama4_text", "chunks", settings)
    engine = Engine(architecture.model())
    assert engine.methods == Methods("tree", WINDOW, "padded", "", "attention_chunk_size")
    found = in_order(engine.score(sequences()))
    assert found == pytest.approx(list(alone(architecture.model(), sequences())), abs=1e-4)


def test_layers_that_scale_queries_by_their_place_in_the_batch_share_no_prefix() -> None:
    # No probe has so many tokens, but a batch of the tree has.
    settings = {"no_rope_layers": [0, 0], "floor_scale": 128, "attn_scale": 5.0}
    architecture = Architecture("llama4_text", "temperature", settings)
    engine = Engine(architecture.model())
    assert engine.methods.short == "padded"
    found = in_order(engine.score(sequences()))
    assert found == pytest.approx(list(alone(architecture.model(), sequences())), abs=1e-4)
