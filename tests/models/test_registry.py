"""The registry: its parameters are what transformers counts, its compute what its sources say."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from project import ROOT
from ushaped.errors import UserError
from ushaped.models.hub import gated_note
from ushaped.models.load import describe
from ushaped.models.registry import read_families, read_registry
from ushaped.settings import models

REGISTRY = read_registry(ROOT)
MODELS = {
    name: entry for family in REGISTRY.values() for name, entry in family.get("models", {}).items()
}

# The released configurations, as far as they decide how many parameters there are.
CONFIGURATIONS: dict[str, dict[str, Any]] = {}


def gpt2(name: str, width: int, layers: int, heads: int, positions: int = 1024) -> None:
    CONFIGURATIONS[name] = {
        **{"model_type": "gpt2", "n_embd": width, "n_layer": layers, "n_head": heads},
        **{"vocab_size": 50257, "n_positions": positions},
    }


def opt(name: str, width: int, layers: int, heads: int, **more: Any) -> None:
    CONFIGURATIONS[name] = {
        **{"model_type": "opt", "hidden_size": width, "num_hidden_layers": layers},
        **{"num_attention_heads": heads, "ffn_dim": 4 * width, "word_embed_proj_dim": width},
        **{"vocab_size": 50272, "max_position_embeddings": 2048},
        **more,
    }


def neox(name: str, width: int, layers: int, heads: int, vocabulary: int) -> None:
    CONFIGURATIONS[name] = {
        **{"model_type": "gpt_neox", "hidden_size": width, "num_hidden_layers": layers},
        **{"num_attention_heads": heads, "intermediate_size": 4 * width, "vocab_size": vocabulary},
    }


def neo(name: str, width: int, layers: int, heads: int) -> None:
    CONFIGURATIONS[name] = {
        **{"model_type": "gpt_neo", "hidden_size": width, "num_layers": layers},
        **{"num_heads": heads, "vocab_size": 50257, "max_position_embeddings": 2048},
    }


def bloom(name: str, width: int, layers: int, heads: int) -> None:
    CONFIGURATIONS[name] = {
        **{"model_type": "bloom", "hidden_size": width, "n_layer": layers, "n_head": heads},
        "vocab_size": 250880,
    }


def gated(
    name: str,
    kind: str,
    shape: tuple[int, int, int, int, int, int],
    tied: bool = False,
    head: int | None = None,
) -> None:
    """Models with a gated feed-forward part; shape: width, layers, heads, groups, inner, words."""
    width, layers, heads, groups, inner, words = shape
    CONFIGURATIONS[name] = {
        **{"model_type": kind, "hidden_size": width, "num_hidden_layers": layers},
        **{"num_attention_heads": heads, "num_key_value_heads": groups},
        **{"intermediate_size": inner, "vocab_size": words, "tie_word_embeddings": tied},
        **({"head_dim": head} if head else {}),
    }


neox("pythia-14m", 128, 6, 4, 50304)
neox("pythia-31m", 256, 6, 8, 50304)
neox("pythia-70m", 512, 6, 8, 50304)
neox("pythia-160m", 768, 12, 12, 50304)
neox("pythia-410m", 1024, 24, 16, 50304)
neox("pythia-1b", 2048, 16, 8, 50304)
neox("pythia-1.4b", 2048, 24, 16, 50304)
neox("pythia-2.8b", 2560, 32, 32, 50304)
neox("pythia-6.9b", 4096, 32, 32, 50432)
neox("pythia-12b", 5120, 36, 40, 50688)
gpt2("gpt2", 768, 12, 12)
gpt2("gpt2-medium", 1024, 24, 16)
gpt2("gpt2-large", 1280, 36, 20)
gpt2("gpt2-xl", 1600, 48, 25)
opt("opt-125m", 768, 12, 12)
opt("opt-350m", 1024, 24, 16, word_embed_proj_dim=512, do_layer_norm_before=False)
opt("opt-1.3b", 2048, 24, 32)
opt("opt-2.7b", 2560, 32, 32)
opt("opt-6.7b", 4096, 32, 32)
opt("opt-13b", 5120, 40, 40)
opt("opt-30b", 7168, 48, 56)
opt("opt-66b", 9216, 64, 72)
neo("gpt-neo-125m", 768, 12, 12)
neo("gpt-neo-1.3b", 2048, 24, 16)
neo("gpt-neo-2.7b", 2560, 32, 20)
CONFIGURATIONS["gpt-j-6b"] = {
    **{"model_type": "gptj", "n_embd": 4096, "n_layer": 28, "n_head": 16, "rotary_dim": 64},
    **{"vocab_size": 50400, "tie_word_embeddings": False},
}
neox("gpt-neox-20b", 6144, 44, 64, 50432)
bloom("bloom-560m", 1024, 24, 16)
bloom("bloom-1b1", 1536, 24, 16)
bloom("bloom-1b7", 2048, 24, 16)
bloom("bloom-3b", 2560, 30, 32)
bloom("bloom-7b1", 4096, 30, 32)
bloom("bloom-176b", 14336, 70, 112)
gpt2("cerebras-gpt-111m", 768, 10, 12, 2048)
gpt2("cerebras-gpt-256m", 1088, 14, 17, 2048)
gpt2("cerebras-gpt-590m", 1536, 18, 12, 2048)
gpt2("cerebras-gpt-1.3b", 2048, 24, 16, 2048)
gpt2("cerebras-gpt-2.7b", 2560, 32, 32, 2048)
gpt2("cerebras-gpt-6.7b", 4096, 32, 32, 2048)
gpt2("cerebras-gpt-13b", 5120, 40, 40, 2048)
gated("olmo-2-1b", "olmo2", (2048, 16, 16, 16, 8192, 100352))
gated("olmo-2-7b", "olmo2", (4096, 32, 32, 32, 11008, 100352))
gated("olmo-2-13b", "olmo2", (5120, 40, 40, 40, 13824, 100352))
gated("olmo-2-32b", "olmo2", (5120, 64, 40, 8, 27648, 100352))
for name, width, layers in [
    *[("3e18", 1024, 11), ("9e18", 1152, 12), ("2e19", 1408, 15), ("3e19", 1536, 16)],
    *[("9e19", 1792, 18), ("2e20", 2048, 21), ("3e20", 2304, 23), ("1e21", 2560, 26)],
    *[("1e22", 3840, 37), ("1e23", 5376, 51)],
]:
    shape = (width, layers, width // 128, width // 128, 4 * width, 128256)
    gated(f"delphi-{name}", "qwen3", shape, head=128)
for name, width, layers, inner in [
    *[("150m", 512, 12, 2048), ("440m", 1024, 16, 3584), ("980m", 1536, 20, 5376)],
    *[("1.8b", 2048, 24, 7168), ("3.7b", 3072, 28, 8192), ("7.2b", 4096, 32, 11008)],
    ("13b", 5120, 40, 13824),
]:
    gated(f"llm-jp-3-{name}", "llama", (width, layers, 16, 16, inner, 99584))
for width, layers in [(512, 14), (1024, 28), (1280, 36), (1536, 50)]:
    shape = (width, layers, width // 128, width // 256, 4 * width, 50304)
    gated(f"gemstone-{width}x{layers}", "gemma", shape, head=128)
for name, width, layers, inner in [
    *[("17m", 256, 7, 384), ("32m", 384, 10, 576), ("68m", 512, 19, 768)],
    *[("150m", 768, 22, 1152), ("400m", 1024, 28, 2624), ("1b", 1792, 28, 3840)],
]:
    shape = (width, layers, width // 64, width // 64, inner, 50368)
    gated(f"ettin-{name}", "modernbert-decoder", shape, tied=True)
gated("smollm2-135m", "llama", (576, 30, 9, 3, 1536, 49152), tied=True)
gated("smollm2-360m", "llama", (960, 32, 15, 5, 2560, 49152), tied=True)
gated("smollm2-1.7b", "llama", (2048, 24, 32, 32, 8192, 49152), tied=True)
gated("qwen2.5-0.5b", "qwen2", (896, 24, 14, 2, 4864, 151936), tied=True)
gated("qwen2.5-1.5b", "qwen2", (1536, 28, 12, 2, 8960, 151936), tied=True)
gated("qwen2.5-3b", "qwen2", (2048, 36, 16, 2, 11008, 151936), tied=True)
gated("qwen2.5-7b", "qwen2", (3584, 28, 28, 4, 18944, 152064))
gated("qwen2.5-14b", "qwen2", (5120, 48, 40, 8, 13824, 152064))
gated("qwen2.5-32b", "qwen2", (5120, 64, 40, 8, 27648, 152064))
gated("qwen2.5-72b", "qwen2", (8192, 80, 64, 8, 29568, 152064))
gated("qwen3-0.6b", "qwen3", (1024, 28, 16, 8, 3072, 151936), tied=True, head=128)
gated("qwen3-1.7b", "qwen3", (2048, 28, 16, 8, 6144, 151936), tied=True, head=128)
gated("qwen3-4b", "qwen3", (2560, 36, 32, 8, 9728, 151936), tied=True, head=128)
gated("qwen3-8b", "qwen3", (4096, 36, 32, 8, 12288, 151936), head=128)
gated("qwen3-14b", "qwen3", (5120, 40, 40, 8, 17408, 151936), head=128)
gated("llama-2-7b", "llama", (4096, 32, 32, 32, 11008, 32000))
gated("llama-2-13b", "llama", (5120, 40, 40, 40, 13824, 32000))
gated("llama-2-70b", "llama", (8192, 80, 64, 8, 28672, 32000))
gated("llama-3.1-8b", "llama", (4096, 32, 32, 8, 14336, 128256))
gated("llama-3.1-70b", "llama", (8192, 80, 64, 8, 28672, 128256))
gated("llama-3.1-405b", "llama", (16384, 126, 128, 8, 53248, 128256))
gated("gemma-2-2b", "gemma2", (2304, 26, 8, 4, 9216, 256000), tied=True, head=256)
gated("gemma-2-9b", "gemma2", (3584, 42, 16, 8, 14336, 256000), tied=True, head=256)
gated("gemma-2-27b", "gemma2", (4608, 46, 32, 16, 36864, 256000), tied=True, head=128)
gated("gemma-3-270m", "gemma3_text", (640, 18, 4, 1, 2048, 262144), tied=True, head=256)
gated("gemma-3-1b", "gemma3_text", (1152, 26, 4, 1, 6912, 262144), tied=True, head=256)
gated("gemma-3-4b", "gemma3_text", (2560, 34, 8, 4, 10240, 262208), tied=True, head=256)
gated("gemma-3-12b", "gemma3_text", (3840, 48, 16, 8, 15360, 262208), tied=True, head=256)
gated("gemma-3-27b", "gemma3_text", (5376, 62, 32, 16, 21504, 262208), tied=True, head=128)

DEPTH = ("num_hidden_layers", "n_layer", "num_layers")
POSITIONS = ("wpe", "embed_positions")


def counted(settings: dict[str, Any], layers: int) -> tuple[int, int]:
    """Parameters of so many layers, all and without embeddings and output; nothing is allocated."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    depth = next(key for key in DEPTH if key in settings)
    more = {"attention_types": [[["global"], layers]]} if depth == "num_layers" else {}
    config = AutoConfig.for_model(**(settings | {depth: layers} | more))
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    outer = [*model.get_input_embeddings().parameters()]
    outer += [*model.get_output_embeddings().parameters()]
    for name, module in model.named_modules():
        if name.split(".")[-1] in POSITIONS:
            outer += [*module.parameters()]
    total = sum(weight.numel() for weight in model.parameters())
    return total, total - sum({id(weight): weight.numel() for weight in outer}.values())


def base(name: str) -> str:
    """The model whose configuration this one shares: the same for all checkpoints and seeds."""
    name = re.sub(r"-(s|seed)\d+$", "", name).replace("polypythia", "pythia")
    return re.sub(r"-(deduped|instruct|chat)$", "", name.split("-step")[0])


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_parameters_are_those_of_the_configuration(name: str) -> None:
    settings = CONFIGURATIONS[name]
    one, two = counted(settings, 1), counted(settings, 2)
    # All layers of a model are alike.
    layers = next(settings[key] for key in DEPTH if key in settings)
    every = [
        first + (layers - 1) * (second - first) for first, second in zip(one, two, strict=True)
    ]
    entry = MODELS[name]
    assert [entry["parameters"], entry["non_embedding_parameters"]] == every


def test_every_hub_model_has_the_parameters_of_a_checked_configuration() -> None:
    for name, entry in MODELS.items():
        if "hub" in entry:
            assert base(name) in CONFIGURATIONS
            same = MODELS[base(name)]
            for key in ("parameters", "non_embedding_parameters"):
                assert entry[key] == same[key], name


def test_the_layers_for_a_plan_are_those_of_the_configuration() -> None:
    for name, entry in MODELS.items():
        if "architecture" in entry:
            settings = CONFIGURATIONS[base(name)]
            assert entry["architecture"] == {
                "layers": settings["num_hidden_layers"],
                "hidden": settings["hidden_size"],
                "vocabulary": settings["vocab_size"],
            }, name


def test_chat_families_have_the_sizes_of_their_base_families() -> None:
    for family in REGISTRY.values():
        if "chat_of" in family:
            base_models = REGISTRY[family["chat_of"]]["models"].values()
            for model, base_model in zip(family["models"].values(), base_models, strict=True):
                for key in ("size", "parameters", "training_tokens", "training_flops"):
                    assert model[key] == base_model[key]


def compute(name: str) -> float:
    entry = MODELS[name]
    if entry["training_flops"] == "6ND":
        return 6.0 * float(entry["parameters"]) * float(entry["training_tokens"])
    return float(entry["training_flops"])


def test_stated_compute_is_near_six_parameters_times_tokens() -> None:
    # Sources round, count attention or a later stage too; a wrong power of ten is none of these.
    for name, entry in MODELS.items():
        known = "unknown" not in (entry["training_tokens"], entry["training_flops"])
        if known and entry["training_flops"] != "6ND":
            product = 6.0 * float(entry["parameters"]) * float(entry["training_tokens"])
            assert 0.5 < product / compute(name) < 1.1, name


def test_the_largest_model_lies_beyond_palm() -> None:
    assert compute("llama-3.1-405b") == 3.8e25 > 2.5272e24


def test_checkpoints_are_ordered_by_the_tokens_that_they_saw() -> None:
    family = REGISTRY["pythia-1.4b-checkpoints"]["models"]
    for entry in family.values():
        assert entry["training_tokens"] == int(entry["revision"].removeprefix("step")) * 2_097_152
    tokens = [entry["training_tokens"] for entry in family.values()]
    assert tokens == sorted(tokens)
    assert tokens[-1] == MODELS["pythia-1.4b"]["training_tokens"]


@pytest.mark.parametrize("family", [name for name in REGISTRY if "models" in REGISTRY[name]])
def test_sizes_stand_in_order_and_none_twice(family: str) -> None:
    models = REGISTRY[family]["models"]
    flops = [entry["training_flops"] for entry in models.values()]
    place = [
        entry["parameters"] if "unknown" in flops else compute(name)
        for name, entry in models.items()
    ]
    sizes = [entry["size"] for entry in models.values()]
    # The runs of one size stand together, and are one place.
    assert sizes == sorted(sizes, key=list(dict.fromkeys(sizes)).index)
    assert place == sorted(place)
    assert len(set(place)) == len(set(sizes))


def registry_with(tmp_path: Path, **models: dict[str, Any]) -> Path:
    """A registry with one family of these models, each as a change of a complete entry."""
    entry = {
        **{"path": "weights", "size": "1B", "parameters": 1_000, "training_tokens": 10},
        **{"non_embedding_parameters": 900, "training_flops": "6ND"},
    }
    family = {"models": {name: entry | changed for name, changed in models.items()}}
    path = tmp_path / "models.yaml"
    path.write_text(yaml.safe_dump({"families": {"mine": family}}))
    return path


def test_runs_of_one_size_need_different_seeds(tmp_path: Path) -> None:
    read_families(registry_with(tmp_path, one={}, two={"seed": 1}))
    with pytest.raises(UserError, match=r"one and two are both size '1B', seed 0"):
        read_families(registry_with(tmp_path, one={}, two={"seed": 0}))


def refusal(files: list[Path]) -> str:
    """The one line about a user's own registry files."""
    with pytest.raises(UserError) as caught:
        read_registry(ROOT, list(map(str, files)))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_families_of_a_users_own_file_lie_beside_those_of_the_project(tmp_path: Path) -> None:
    path = registry_with(tmp_path, one={})
    families = read_registry(ROOT, [str(path)])
    assert families.keys() == REGISTRY.keys() | {"mine"}
    assert families["mine"]["file"] == str(path)
    (model,) = models({"families": ["mine"]}, families).values()
    assert model["entry"] == families["mine"]["models"]["one"]


def test_two_families_of_one_name_are_refused_with_both_files(tmp_path: Path) -> None:
    path = registry_with(tmp_path, one={})
    path.write_text(path.read_text().replace("mine", "pythia"))
    line = refusal([path])
    assert line.startswith(f"{path}, families: 'pythia' is a family of config/models.yaml too; ")
    own, twin = registry_with(tmp_path, one={}), tmp_path / "twin.yaml"
    twin.write_bytes(own.read_bytes())
    line = refusal([own, twin])
    assert line.startswith(f"{twin}, families: 'mine' is a family of {own} too; ")


def test_a_mistake_in_a_users_own_file_names_that_file(tmp_path: Path) -> None:
    path = registry_with(tmp_path, one={"parameters": "many"})
    assert refusal([path]).startswith(f"{path}, families.mine.models.one.parameters: 'many' is ")
    missing = tmp_path / "no.yaml"
    assert refusal([missing]).startswith(f"{missing}: cannot be read (No such file or directory)")


def test_a_family_of_a_users_own_may_name_one_of_the_project_as_that_of_its_base_models(
    tmp_path: Path,
) -> None:
    path = registry_with(tmp_path, one={})
    own = yaml.safe_load(path.read_text())
    for base in ("pythia", "mine", "no-such"):
        own["families"]["mine"]["chat_of"] = base
        path.write_text(yaml.safe_dump(own))
        if base == "pythia":
            assert read_registry(ROOT, [str(path)])["mine"]["chat_of"] == "pythia"
        else:
            line = refusal([path])
            assert f"{path}, families.mine.chat_of: '{base}' is no other family" in line


def test_no_more_parameters_are_active_than_there_are(tmp_path: Path) -> None:
    read_families(registry_with(tmp_path, one={"active_parameters": 1_000}))
    with pytest.raises(UserError, match="active_parameters: is 1001, more than all 1000 para"):
        read_families(registry_with(tmp_path, one={"active_parameters": 1_001}))


def test_the_compute_of_a_mixture_of_experts_is_that_of_its_active_parameters() -> None:
    about = {"family": "f", "size": "1B", "seed": 0, "non_embedding_parameters": 900}
    numbers = {"parameters": 1_000, "training_tokens": 10.0, "training_flops": "6ND"}
    described = describe("m", None, active_parameters=200, **about, **numbers)
    assert described["training_flops"] == 6 * 200 * 10
    assert described["flops_source"] == "6 x active parameters x training tokens"
    assert described["parameters"] == 1_000


def test_gated_models_that_are_not_here_are_named_with_what_to_do(tmp_path: Path) -> None:
    families = {"families": ["llama-2", "pythia"]}
    chosen = models(families, REGISTRY)
    note = gated_note(chosen, tmp_path)
    assert "Gated: meta-llama/Llama-2-7b-hf, " in note
    assert "HF_TOKEN" in note
    assert "pythia" not in note
    copied = {"entry": {"path": "weights", "gated": True}}
    assert gated_note({"copy": copied}, tmp_path) == ""
    for name in chosen:
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.json").touch()
    assert gated_note(chosen, tmp_path) == ""


def test_polypythias_have_ten_seeds_a_size() -> None:
    chosen = models({"families": ["polypythias"]}, REGISTRY)
    seeds: dict[str, list[int]] = {}
    for model in chosen.values():
        seeds.setdefault(model["size"], []).append(model["seed"])
    assert seeds == {size: [*range(10)] for size in ("14M", "31M", "70M", "160M", "410M")}


def test_opt_has_the_compute_of_its_published_series() -> None:
    import csv

    with open(ROOT / "literature/series.csv", encoding="utf-8", newline="") as handle:
        rows = [row for row in csv.DictReader(handle) if row["series"] == "OPT"]
    published = {row["size"]: float(row["training_flops"]) for row in rows}
    for entry in REGISTRY["opt"]["models"].values():
        assert entry["training_flops"] == published[entry["size"]]
