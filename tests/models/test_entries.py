"""Registry entries of model folders: what is counted is what the weights have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

import tiny_models
from project import ROOT
from ushaped.errors import UserError
from ushaped.models.entries import count, label, main
from ushaped.models.registry import read_families, read_registry


def save(folder: Path, name: str) -> Any:
    """Write the weights of a tiny model; return it."""
    model = tiny_models.made(name)
    model.save_pretrained(folder)
    return model


@pytest.mark.parametrize("name", ["neox", "llama", "gpt2", "opt"])
def test_what_is_counted_is_what_the_weights_have(name: str, tmp_path: Path) -> None:
    model = save(tmp_path / name, name)
    total, inner = count(tmp_path / name)
    assert total == model.num_parameters()
    outer = [
        weight
        for key, weight in model.named_parameters()
        if any(word in key for word in ("embed", "wte", "wpe", "lm_head"))
    ]
    assert inner == total - sum(weight.numel() for weight in outer)
    assert 0 < inner < total


def test_the_file_that_is_printed_is_a_registry(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save(tmp_path / "two", "neox")
    save(tmp_path / "one", "llama")
    main([str(tmp_path / "two"), str(tmp_path / "one"), "--family", "own-ones"])
    path = tmp_path / "models.yaml"
    path.write_text(capsys.readouterr().out)
    models = read_families(path)["own-ones"]["models"]
    assert set(models) == {"one", "two"}
    numbers = [about["parameters"] for about in models.values()]
    assert numbers == sorted(numbers)
    assert models["one"]["path"] == str(tmp_path / "one")
    assert models["one"]["training_flops"] == "unknown"
    assert "own-ones" in read_registry(ROOT, [str(path)])


def test_two_models_of_one_size_are_told_apart_by_their_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("one", "two"):
        save(tmp_path / name, "neox")
    main([str(tmp_path / "one"), str(tmp_path / "two")])
    models = yaml.safe_load(capsys.readouterr().out)["families"]["mine"]["models"]
    assert [about["size"] for about in models.values()] == ["one", "two"]


def test_folders_that_cannot_be_entries_are_refused_in_one_line(tmp_path: Path) -> None:
    save(tmp_path / "a/same", "neox")
    save(tmp_path / "b/same", "neox")
    save(tmp_path / "a name", "neox")
    (tmp_path / "empty").mkdir()
    for words, said in (
        (["a/same", "b/same"], "two folders are named 'same'; rename one"),
        (["a name"], "has a name that no model may have; rename it"),
        (["empty"], "empty"),
        (["none"], "none"),
    ):
        with pytest.raises(UserError) as caught:
            main([str(tmp_path / word) for word in words])
        assert said in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("parameters", "said"),
    [(9, "9"), (999, "999"), (9_400, "9.4k"), (412_345_678_901, "412B"), (1_300_000, "1.3M")],
)
def test_sizes_have_three_digits_and_a_unit(parameters: int, said: str) -> None:
    assert label(parameters) == said
