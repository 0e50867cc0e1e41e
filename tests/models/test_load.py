"""Loading a model: its files hold what its configuration describes, or one line says what not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification, PreTrainedModel

import tiny_models
from ushaped.errors import UserError
from ushaped.ladder import tokens
from ushaped.models.load import WRAPPERS, check_folder, fingerprint, load, vocabulary

Tensors = dict[str, torch.Tensor]


@pytest.fixture
def saved(tmp_path: Path, raw: Tokenizer) -> Callable[[str], Path]:
    """Save a tiny model with its tokenizer; where."""

    def save(name: str) -> Path:
        return save_model(tiny_models.made(name), raw, tmp_path / name)

    return save


def save_model(model: PreTrainedModel, raw: Tokenizer, folder: Path) -> Path:
    """Save a model as others do."""
    model.save_pretrained(folder)
    tokens.save(raw, folder)
    return folder


def change(folder: Path, edit: Callable[[Tensors], Tensors]) -> None:
    """Write other tensors into a folder."""
    path = folder / "model.safetensors"
    save_file(edit(load_file(path)), path, metadata={"format": "pt"})


def configure(folder: Path, **values: Any) -> None:
    """Change some values of the configuration."""
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def refusal(folder: Path) -> str:
    """What is said of a folder that is not loaded, without the folder."""
    with pytest.raises(UserError) as caught:
        load(folder)
    line = str(caught.value)
    assert "\n" not in line
    assert line.startswith(f"{folder}: ")
    return line.removeprefix(f"{folder}: ")


def without(name: str) -> Callable[[Tensors], Tensors]:
    """An edit that leaves out the tensors whose names hold a text."""
    return lambda tensors: {key: one for key, one in tensors.items() if name not in key}


@pytest.mark.parametrize("name", [*tiny_models.TREES, *tiny_models.PLAIN])
def test_a_whole_model_is_loaded_whether_its_weights_are_tied_or_not(
    saved: Callable[[str], Path], name: str
) -> None:
    said: list[str] = []
    loaded, _ = load(saved(name), log=said.append)
    expected = tiny_models.made(name).state_dict()
    assert all(torch.equal(one, expected[key]) for key, one in loaded.state_dict().items())
    assert said == []


@pytest.mark.parametrize(
    ("edit", "line"),
    [
        (without("lm_head"), "1 of the model's tensors are missing from its files (the first is "),
        (without("layers.1."), "9 of the model's tensors are missing from its files"),
        (without("mlp.up_proj"), "2 of the model's tensors are missing from its files"),
        (
            lambda tensors: {f"model._orig_mod.{k}": v for k, v in tensors.items()},
            "with names that do not begin with 'model._orig_mod.'",
        ),
        (
            lambda tensors: tensors | {"model.layers.0.q.lora_A.weight": torch.ones(1)},
            "1 tensors in its files are not part of the model (the first is "
            "'model.layers.0.q.lora_A.weight'); merge the adapter",
        ),
        (
            lambda tensors: tensors | {"lm_head.weight": torch.ones(7, 16)},
            "tensor 'lm_head.weight' has the shape (7, 16) in the weights, (300, 16) by config",
        ),
    ],
)
def test_tensors_that_are_missing_too_many_or_of_another_shape_are_named(
    saved: Callable[[str], Path], edit: Callable[[Tensors], Tensors], line: str
) -> None:
    folder = saved("llama")
    change(folder, edit)
    assert line in refusal(folder)


@pytest.mark.parametrize("prefix", WRAPPERS)
def test_names_with_a_wrappers_prefix_are_refused_before_anything_is_loaded(
    saved: Callable[[str], Path], prefix: str
) -> None:
    folder = saved("llama")
    change(folder, lambda tensors: {prefix + name: one for name, one in tensors.items()})
    with pytest.raises(UserError, match=f"^here: the names of its tensors begin with '{prefix}'"):
        check_folder(folder, "here")
    assert f"begin with '{prefix}'" in refusal(folder)


@pytest.mark.parametrize("layers", [1, 3])
def test_a_configuration_with_another_number_of_layers_is_refused(
    saved: Callable[[str], Path], layers: int
) -> None:
    folder = saved("llama")
    configure(folder, num_hidden_layers=layers)
    assert ("layers.1." if layers == 1 else "layers.2.") in refusal(folder)


@pytest.mark.parametrize("auto", [AutoModel, AutoModelForSequenceClassification])
def test_a_base_model_or_a_classifier_is_no_language_model(
    tmp_path: Path, raw: Tokenizer, auto: Any
) -> None:
    for name in ("llama", "gpt2"):
        config = tiny_models.made(name).config
        folder = save_model(auto.from_config(config), raw, tmp_path / name)
        if name == "gpt2" and auto is AutoModel:
            # Nothing is missing: its output layer is its embedding.
            load(folder)
        else:
            assert "lm_head.weight" in refusal(folder) or "score.weight" in refusal(folder)


def test_a_configuration_of_another_kind_of_model_is_refused(
    saved: Callable[[str], Path],
) -> None:
    folder = saved("llama")
    configure(folder, model_type="clip")
    assert refusal(folder).endswith("; give a causal language model")


def test_what_old_checkpoints_hold_of_masks_and_positions_is_no_fault(
    saved: Callable[[str], Path],
) -> None:
    mask = torch.ones(1, 1, 4, 4, dtype=torch.bool)
    for name, extra in (
        ("gpt2", ["transformer.h.0.attn.bias", "transformer.h.0.attn.masked_bias"]),
        ("neox", ["gpt_neox.layers.0.attention.bias", "gpt_neox.layers.0.attention.masked_bias"]),
        ("llama", ["model.layers.0.self_attn.rotary_emb.inv_freq"]),
    ):
        folder = saved(name)
        change(folder, lambda tensors, more=extra: tensors | {n: mask.clone() for n in more})
        load(folder)


def test_a_vision_tower_is_left_out_and_said(saved: Callable[[str], Path]) -> None:
    folder, said = saved("llama"), list[str]()
    tower = {"vision_tower.layers.0.weight": torch.ones(1)}
    change(folder, lambda tensors: tensors | tower)
    load(folder, log=said.append)
    assert said == [
        f"{folder}: 1 tensors of other modalities are left out (vision_tower.layers.0.weight)"
    ]


def test_an_adapter_beside_full_weights_is_said_and_alone_it_is_refused(
    saved: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, said = saved("llama"), list[str]()
    (folder / "adapter_config.json").write_text('{"base_model_name_or_path": "elsewhere"}')
    monkeypatch.setattr(transformers.utils, "is_peft_available", lambda: False)
    load(folder, log=said.append)
    assert said == [
        f"{folder}: its adapter (adapter_config.json) is not used, the full weights are scored"
    ]
    monkeypatch.setattr(transformers.utils, "is_peft_available", lambda: True)
    with pytest.raises(UserError, match="is an adapter beside full weights"):
        load(folder)
    (folder / "config.json").unlink()
    assert "holds an adapter without its model" in refusal(folder)


def test_a_tokenizer_with_more_tokens_than_the_embedding_is_refused(
    saved: Callable[[str], Path], raw: Tokenizer
) -> None:
    folder = saved("llama")
    words = ["".join(chr(97 + n // 26**i % 26) for i in range(3)) for n in range(900)]
    tokens.save(tokens.train_tokenizer(words, 400), folder)
    assert "the tokenizer has more tokens than the model's embedding (" in refusal(folder)
    tokens.save(raw, folder)
    loaded, its = load(folder)
    assert its.vocab_size <= vocabulary(loaded) == 300


# -- code of its own ------------------------------------------------------------------------------

CODE = """
from transformers import LlamaForCausalLM
from .configuration_own import Own

class Model(LlamaForCausalLM):
    config_class = Own

    def forward({arguments}):
        found = super().forward(input_ids)
        return {result}
"""


def with_code(folder: Path, arguments: str, result: str = "found") -> Path:
    """Give a tiny Llama code of its own."""
    (folder / "configuration_own.py").write_text(
        "from transformers import LlamaConfig\n\nclass Own(LlamaConfig):\n    model_type = 'own'\n"
    )
    (folder / "modeling_own.py").write_text(CODE.format(arguments=arguments, result=result))
    names = {"AutoConfig": "configuration_own.Own", "AutoModelForCausalLM": "modeling_own.Model"}
    configure(folder, model_type="own", auto_map=names)
    return folder


@pytest.mark.parametrize(
    ("arguments", "result"),
    [
        ("self, input_ids", "found"),
        ("self, input_ids, use_cache=None", "(found.logits,)"),
        ("self, input_ids, **more", "found"),
        ("self, input_ids, logits_to_keep=0", "found"),
        ("self, input_ids, num_logits_to_keep=0", "found"),
        (
            "self, input_ids, num_logits_to_keep=0",
            "type(found)(logits=found.logits[:, -num_logits_to_keep:])",
        ),
        (
            "self, input_ids, logits_to_keep=0",
            "type(found)(logits=found.logits[:, -logits_to_keep:])",
        ),
    ],
)
def test_code_that_does_not_know_which_predictions_are_wanted_gives_the_same_scores(
    saved: Callable[[str], Path], arguments: str, result: str
) -> None:
    from ushaped.scoring.engine.engine import log_likelihoods

    folder = with_code(saved("llama"), arguments, result)
    model, tokenizer = load(folder, trust_remote_code=True)
    asked = tiny_models.PROMPTS[:6], tiny_models.CLASSES[:6]
    found = log_likelihoods(model, tokenizer, *asked)
    expected = log_likelihoods(tiny_models.made("llama"), tokenizer, *asked)
    for one, other in zip(found, expected, strict=True):
        assert one.log_likelihood == pytest.approx(other.log_likelihood, abs=1e-4)


def test_code_of_another_repository_is_refused(saved: Callable[[str], Path]) -> None:
    folder = saved("llama")
    configure(folder, auto_map={"AutoModelForCausalLM": "someone/other--modeling.Model"})
    with pytest.raises(UserError, match=r"config\.json, auto_map: names code of another repo"):
        load(folder, trust_remote_code=True)


# -- fingerprint ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "special_tokens_map.json",
        "added_tokens.json",
        "vocab.json",
        "vocab.txt",
        "merges.txt",
        "tokenizer.model",
        "spiece.model",
        "qwen.tiktoken",
        "chat_template.jinja",
        "additional_chat_templates/tools.jinja",
        "chat_template.json",
        "generation_config.json",
        "modeling_own.py",
        "code/layers.py",
        "model-00001-of-00002.safetensors",
        "model.safetensors.index.json",
    ],
)
def test_the_fingerprint_covers_every_file_that_scores_depend_on(tmp_path: Path, name: str) -> None:
    found = [fingerprint(tmp_path)]
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    for content in ("one", "two"):
        path.write_text(content)
        found.append(fingerprint(tmp_path))
    assert len(set(found)) == 3


@pytest.mark.parametrize(
    "name", ["model.json", "README.md", "trainer_state.json", ".cache/a.py", "pytorch_model.bin"]
)
def test_the_fingerprint_stays_with_what_no_score_depends_on(tmp_path: Path, name: str) -> None:
    before = fingerprint(tmp_path)
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("one")
    assert fingerprint(tmp_path) == before


def test_the_fingerprint_of_a_folder_of_the_ladder_is_what_it_was(tmp_path: Path) -> None:
    for name in ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"):
        (tmp_path / name).write_text(name)
    (tmp_path / "model.json").write_text("{}")
    assert fingerprint(tmp_path).startswith("2269ae8ce8da7601")


# -- context --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "context"),
    [
        ({"max_position_embeddings": 8}, 8),
        ({"n_positions": 9}, 9),
        ({"max_seq_len": 10}, 10),
        ({"seq_length": 11}, 11),
        ({"max_sequence_length": 12}, 12),
        ({"text_config": {"model_type": "llama", "max_position_embeddings": 13}}, 13),
        ({"llm_config": {"max_position_embeddings": 14}}, 14),
        ({"model_max_length": 15}, None),
        ({"max_position_embeddings": None}, None),
        ({"n_ctx": -1}, None),
    ],
)
def test_the_context_is_found_by_any_of_its_names_and_inside_a_multimodal_configuration(
    values: dict[str, Any], context: int | None
) -> None:
    from ushaped.scoring.engine.encoding import context_length

    kind = "llava" if "text_config" in values else None
    config = AutoConfig.for_model(kind, **values) if kind else transformers.PreTrainedConfig()
    for name, value in values.items() if kind is None else ():
        setattr(config, name, value)
    model = type("Model", (), {"config": config})()
    assert context_length(model.config) == context
