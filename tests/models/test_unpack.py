"""A model in a package's GGUF file: refused unless it is the one meant, unpacked unchanged."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from project import ROOT
from ushaped.errors import UserError
from ushaped.files import file_digest
from ushaped.models import unpack
from ushaped.models.registry import read_registry
from ushaped.settings import check_present

NAME = "smollm2-135m-instruct"
ENTRY: dict[str, Any] = read_registry(ROOT)["smollm"]["models"][NAME]
needs_package = pytest.mark.needs("smollm")


class Package:
    """An invented installed package in a folder."""

    version = "0.0"

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def locate_file(self, name: str) -> Path:
        return self.folder / name


@pytest.fixture
def packaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A registry entry and the invented package that it names."""
    monkeypatch.setattr(unpack, "distribution", lambda name: Package(tmp_path))
    (tmp_path / "a_package").mkdir()
    path = tmp_path / "a_package/a.gguf"
    path.write_bytes(b"not really a model")
    return {"package": "a-package", "gguf": "a_package/a.gguf", "sha256": file_digest(path)}


# -- the file that is meant --------------------------------------------------------------------


def test_the_file_of_the_package_is_found_and_verified(
    packaged: dict[str, Any], tmp_path: Path
) -> None:
    path = unpack.find(packaged, "here")
    assert path == tmp_path / "a_package/a.gguf"
    unpack.verify(path, packaged, "here")


def test_a_missing_package_is_told_with_what_installs_it() -> None:
    with pytest.raises(UserError) as caught:
        unpack.find(ENTRY | {"package": "no-such-package"}, "config/models.yaml, a-model")
    line = str(caught.value)
    assert line.startswith("config/models.yaml, a-model, package: 'no-such-package' is not inst")
    assert "make smollm" in line
    assert "requirements-smollm.txt" in line


def test_a_package_without_the_file_is_told_in_one_line(packaged: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=r"^here, gguf: a-package 0.0 holds no b.gguf; install"):
        unpack.find(packaged | {"gguf": "b.gguf"}, "here")


def test_another_file_is_told_with_both_digests(packaged: dict[str, Any]) -> None:
    path = unpack.find(packaged, "here")
    with pytest.raises(UserError) as caught:
        unpack.verify(path, packaged | {"sha256": "0" * 64}, "here")
    assert f"a.gguf has sha256 {packaged['sha256']}, expected {'0' * 64}" in str(caught.value)


def test_a_missing_package_stops_a_run_before_any_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = {"output": "results", "families": ["mine"], "tasks": [], "sources": {"all": []}}
    settings |= {"official": {"mirror": ""}}
    registry = {"mine": {"models": {"a-model": ENTRY | {"package": "no-such-package"}}}}
    with pytest.raises(UserError, match="'no-such-package' is not installed"):
        check_present(settings, registry, ROOT)
    made = tmp_path / "results/models/a-model/model.json"
    made.parent.mkdir(parents=True)
    made.write_text("{}")
    check_present(settings, registry, ROOT)


def test_the_registry_names_the_pinned_package() -> None:
    pins = (ROOT / "requirements-smollm.txt").read_text(encoding="utf-8").splitlines()
    assert any(line.startswith(f"{ENTRY['package']}==") for line in pins)


# -- unpacking ---------------------------------------------------------------------------------


def fetch(folder: Path, **changed: Any) -> subprocess.CompletedProcess[str]:
    """Run the step on the registry's entry, with changes."""
    words = ["--name", NAME, "--family", "smollm", "--output", str(folder)]
    words += ["--lock", str(folder.parent / "models.lock.yaml")]
    words += ["--store", str(folder.parent / "store"), "--benchmark", str(folder / "used.tsv")]
    return subprocess.run(
        [
            *(sys.executable, str(ROOT / "scripts/fetch.py")),
            *("--entry", json.dumps(ENTRY | changed), *words),
        ],
        capture_output=True,
        text=True,
        check=False,
    )


@needs_package
def test_the_step_refuses_another_file_before_it_unpacks(tmp_path: Path) -> None:
    done = fetch(tmp_path / "model", sha256="0" * 64)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: the registry, {NAME}, sha256: ")
    assert not (tmp_path / "model").exists()


@pytest.fixture(scope="module")
def fetched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of the unpacked model; half a gigabyte, so it does not outlive the tests."""
    folder = tmp_path_factory.mktemp("smollm")
    done = fetch(folder)
    assert done.returncode == 0, done.stderr
    yield folder
    shutil.rmtree(folder)


@needs_package
def test_the_model_is_described_with_the_file_it_came_from(fetched: Path) -> None:
    about = json.loads((fetched / "model.json").read_text(encoding="utf-8"))
    assert about["source_file"] == "SmolLM2-135M-Instruct.Q4_1.gguf"
    assert about["source_sha256"] == ENTRY["sha256"]
    assert about["revision"] is None
    assert about["parameters"] == ENTRY["parameters"]
    assert about["training_flops"] == 6 * ENTRY["parameters"] * ENTRY["training_tokens"]
    assert Path(about["folder"]) == fetched / "snapshot"
    names = {path.name for path in fetched.iterdir()}
    assert names == {"model.json", "snapshot", "used.tsv"}
    names = {path.name for path in (fetched / "snapshot").iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= names


@needs_package
def test_the_registry_counts_what_the_weights_hold(fetched: Path) -> None:
    from safetensors import safe_open

    with safe_open(str(fetched / "snapshot/model.safetensors"), "pt") as weights:
        sizes = {name: weights.get_slice(name).get_shape() for name in weights.keys()}  # noqa: SIM118
        kinds = {weights.get_slice(name).get_dtype() for name in sizes}
    total = sum(math.prod(shape) for shape in sizes.values())
    rows, width = sizes["model.embed_tokens.weight"]
    assert kinds == {"F32"}
    assert total == ENTRY["parameters"]
    assert total - rows * width == ENTRY["non_embedding_parameters"]


# What llama.cpp (llama-cpp-python 0.3.36) makes of these texts with the tokenizer in this file.
# Transformers alone (5.23) would split the line breaks and blanks before a digit.
TOKENS = {
    "Yes": [10539],
    " Yes": [9230],
    "  two  blanks ": [216, 827, 216, 45843, 216],
    "a\n\n\nb": [81, 1116, 198, 82],
    "a\n\n\n5 + 12": [81, 16506, 37, 1232, 216, 33, 34],
    "x  3.14\t\t7": [104, 256, 35, 30, 33, 36, 1656, 39],
    "1\n\n2": [33, 1116, 34],
    "don't I'm": [12420, 982, 339, 5248],
    "é漢 ٣½ 🙂": [2756, 177, 137, 112, 216, 164, 113, 16738, 47526],
    "<|im_start|>user\nhi<|im_end|>": [1, 4093, 198, 6004, 2],
}


@needs_package
@pytest.mark.parametrize("text", TOKENS)
def test_texts_are_split_as_the_file_means_it(fetched: Path, text: str) -> None:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(fetched / "snapshot/tokenizer.json"))
    assert tokenizer.encode(text).ids == TOKENS[text]
    assert tokenizer.decode(TOKENS[text], skip_special_tokens=False) == text


@needs_package
def test_the_unpacked_model_knows_what_models_know(fetched: Path) -> None:
    import torch
    from tokenizers import Tokenizer
    from transformers import AutoModelForCausalLM

    folder = fetched / "snapshot"
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    model = AutoModelForCausalLM.from_pretrained(str(folder), dtype="float32").eval()
    with torch.inference_mode():
        logits = model(torch.tensor([tokenizer.encode("The capital of France is").ids])).logits
    assert tokenizer.decode([int(logits[0, -1].argmax())]) == " Paris"


@needs_package
@pytest.mark.parametrize(("model", "rule"), [("llama", "default"), ("gpt2", "qwen2")])
def test_a_tokenizer_of_another_kind_is_refused(tmp_path: Path, model: str, rule: str) -> None:
    from gguf import GGUFWriter

    writer = GGUFWriter(tmp_path / "a.gguf", "llama")
    writer.add_tokenizer_model(model)
    writer.add_tokenizer_pre(rule)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    with pytest.raises(UserError, match=rf"its tokenizer \({model}, split by {rule}\)"):
        unpack.unpack(tmp_path / "a.gguf", tmp_path / "snapshot")
    assert [path.name for path in tmp_path.iterdir()] == ["a.gguf"]


class Letters:
    """A tokenizer of one token per letter, with something wrong if asked for."""

    bos_token_id = 1

    def __init__(self, *, forgets: str = "", begins: bool = False) -> None:
        self.forgets, self.begins = forgets, begins

    def __call__(self, text: str) -> dict[str, list[int]]:
        letters = [ord(letter) for letter in text if letter != self.forgets]
        return {"input_ids": [*([self.bos_token_id] if self.begins else []), *letters]}

    def decode(self, tokens: list[int]) -> str:
        return "".join(map(chr, tokens)).removeprefix("\x01")


def test_a_tokenizer_that_loses_nothing_passes() -> None:
    for begins in (True, False):
        unpack._check_probes(Path("a.gguf"), Letters(begins=begins), begins)  # type: ignore[arg-type]
        unpack._check_probes(Path("a.gguf"), Letters(begins=begins), None)  # type: ignore[arg-type]


@pytest.mark.parametrize("letter", [" ", "\n", "\t", "3", "漢", "½"])
def test_a_tokenizer_that_loses_something_is_refused(letter: str) -> None:
    with pytest.raises(UserError, match="its tokenizer came out changed"):
        unpack._check_probes(Path("a.gguf"), Letters(forgets=letter), None)  # type: ignore[arg-type]


@pytest.mark.parametrize("begins", [True, False])
def test_a_tokenizer_that_begins_texts_otherwise_is_refused(begins: bool) -> None:
    with pytest.raises(UserError, match="its tokenizer came out changed"):
        unpack._check_probes(Path("a.gguf"), Letters(begins=not begins), begins)  # type: ignore[arg-type]
