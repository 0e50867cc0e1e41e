"""Fetching from a hub: one commit, held by the lock file, and errors that tell the way out."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from fake_hub import ENTRY, FILES, NAME, Hub, environment, served
from project import ROOT, Project
from ushaped.errors import UserError
from ushaped.models.convert import convert
from ushaped.models.lock import pin_commit
from ushaped.models.lock import read as read_lock

A, B = "a" * 40, "b" * 40


def refuse() -> str:
    """A hub that must not be asked."""
    raise AssertionError("asked")


# -- the lock file -----------------------------------------------------------------------------


def test_a_branch_stays_at_the_commit_that_was_found_first(tmp_path: Path) -> None:
    path = tmp_path / "models.lock.yaml"
    assert pin_commit(path, NAME, "main", lambda: A) == A
    assert pin_commit(path, NAME, "main", refuse) == A
    assert pin_commit(path, NAME, "step1", lambda: B) == B
    assert read_lock(path) == {f"{NAME}@main": A, f"{NAME}@step1": B}


def test_a_commit_needs_no_lock(tmp_path: Path) -> None:
    assert pin_commit(tmp_path / "models.lock.yaml", NAME, A, refuse) == A
    assert not list(tmp_path.iterdir())


def test_the_lock_file_is_sorted_and_a_line_can_be_deleted(tmp_path: Path) -> None:
    path = tmp_path / "models.lock.yaml"
    for name in ("z/z", "a/a", "m/m"):
        pin_commit(path, name, "main", lambda: A)
    lines = path.read_text().splitlines()
    assert lines[0].startswith("# The commits")
    entries = [line for line in lines if not line.startswith("#")]
    assert entries == [f"{name}@main: {A}" for name in ("a/a", "m/m", "z/z")]
    path.write_text("\n".join(line for line in lines if "m/m" not in line))
    assert pin_commit(path, "m/m", "main", lambda: B) == B
    assert pin_commit(path, "a/a", "main", refuse) == A


def test_jobs_that_fetch_at_once_lose_no_line(tmp_path: Path) -> None:
    path = tmp_path / "models.lock.yaml"
    names = [f"someone/model-{place}" for place in range(24)]
    with ProcessPoolExecutor(4) as pool:
        jobs = [pool.submit(pin_commit, path, name, "main", partial(str, A)) for name in names]
        assert {job.result() for job in jobs} == {A}
    assert read_lock(path) == {f"{name}@main": A for name in names}


def test_of_two_jobs_that_ask_at_once_the_first_to_write_decides(tmp_path: Path) -> None:
    path = tmp_path / "models.lock.yaml"

    def overtaken() -> str:
        pin_commit(path, NAME, "main", lambda: A)
        return B

    assert pin_commit(path, NAME, "main", overtaken) == A
    assert read_lock(path) == {f"{NAME}@main": A}


@pytest.mark.parametrize("text", ["- a\n", "a/b@main: main\n", "a: [\n", "a/b@main: 12\n"])
def test_a_damaged_lock_file_is_told_in_one_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "models.lock.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match="mend or delete"):
        pin_commit(path, NAME, "main", refuse)


# -- the step, against a hub on this machine ------------------------------------------------------


@pytest.fixture
def hub() -> Iterator[Hub]:
    """An empty hub."""
    with served() as hub:
        yield hub


def fetch(hub: Hub, folder: Path, **changed: Any) -> subprocess.CompletedProcess[str]:
    """Run the step; the model comes to ``folder/model``."""
    entry = json.dumps(ENTRY | changed)
    words = ["--entry", entry, "--name", "small", "--family", "mine"]
    words += ["--lock", "models.lock.yaml", "--output", "model"]
    words += ["--store", "store", "--benchmark", "model.tsv"]
    return subprocess.run(
        [sys.executable, str(ROOT / "scripts/fetch.py"), *words],
        cwd=folder,
        env=os.environ | environment(hub, folder),
        capture_output=True,
        text=True,
        check=False,
    )


def about(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "model/model.json").read_text()))


def test_a_branch_that_moved_is_fetched_at_the_locked_commit_until_its_line_is_deleted(
    hub: Hub, tmp_path: Path
) -> None:
    old = hub.push(NAME, "main", FILES)
    done = fetch(hub, tmp_path)
    assert done.returncode == 0, done.stderr
    first = about(tmp_path)
    assert first["revision"] == old
    assert first["training_flops"] is None
    lock = tmp_path / "models.lock.yaml"
    assert read_lock(lock) == {f"{NAME}@main": old}
    names = {path.name for path in (tmp_path / "model/snapshot").iterdir()}
    assert names == FILES.keys() - {"README.md"}

    new = hub.push(NAME, "main", FILES | {"tokenizer.json": b'{"first": false}'})
    hub.asked.clear()
    assert fetch(hub, tmp_path).returncode == 0
    assert about(tmp_path) == first
    assert not [path for path in hub.asked if "/revision/" in path]

    lock.unlink()
    assert fetch(hub, tmp_path).returncode == 0
    assert about(tmp_path)["revision"] == new
    assert about(tmp_path)["fingerprint"] != first["fingerprint"]
    assert [path.name for path in (tmp_path / "store/small").iterdir()] == [new]
    assert (tmp_path / "model/snapshot/tokenizer.json").read_bytes() == b'{"first": false}'


def test_a_commit_is_fetched_without_a_lock_file(hub: Hub, tmp_path: Path) -> None:
    commit = hub.push(NAME, "main", FILES)
    assert fetch(hub, tmp_path, revision=commit).returncode == 0
    assert about(tmp_path)["revision"] == commit
    assert not (tmp_path / "models.lock.yaml").exists()


def test_a_gated_model_is_told_with_what_opens_it_and_without_the_token(
    hub: Hub, tmp_path: Path
) -> None:
    hub.push(NAME, "main", FILES)
    hub.gated.add(NAME)
    done = fetch(hub, tmp_path)
    assert done.returncode == 2
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error")]
    assert f"the registry, {NAME}@main: the hub refuses it (403)" in line
    assert f"https://huggingface.co/{NAME}" in line
    assert "HF_TOKEN" in line
    assert "hf_secret" not in done.stderr + done.stdout
    assert not (tmp_path / "model/model.json").exists()


def test_a_repository_without_weights_is_refused(hub: Hub, tmp_path: Path) -> None:
    hub.push(NAME, "main", {name: FILES[name] for name in ("config.json", "tokenizer.json")})
    done = fetch(hub, tmp_path)
    assert done.returncode == 2
    assert "holds no weights" in done.stderr


def saved(value: Any) -> bytes:
    """The bytes of a PyTorch file."""
    import torch

    held = io.BytesIO()
    torch.save(value, held)
    return held.getvalue()


def test_pytorch_files_become_safetensors_of_the_same_numbers(hub: Hub, tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file

    weight = torch.arange(6.0).reshape(2, 3)
    parts = [{"in.weight": weight, "out.weight": weight}, {"turned": weight.T}]
    names = [f"pytorch_model-0000{place}-of-00002" for place in (1, 2)]
    files = {name: FILES[name] for name in ("config.json", "tokenizer.json")}
    files |= {f"{name}.bin": saved(part) for name, part in zip(names, parts, strict=True)}
    commit = hub.push(NAME, "main", files)
    done = fetch(hub, tmp_path)
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "store/small" / commit
    assert not list(folder.glob("*.bin"))
    index = json.loads((folder / "model.safetensors.index.json").read_text())
    assert index["metadata"]["total_size"] == 3 * 6 * 4
    assert sorted(index["weight_map"]) == ["in.weight", "out.weight", "turned"]
    for part in parts:
        for name, tensor in part.items():
            assert torch.equal(load_file(folder / index["weight_map"][name])[name], tensor)

    # Nothing is converted twice, and one that was cut off is done again.
    first = about(tmp_path)
    hub.asked.clear()
    assert fetch(hub, tmp_path).returncode == 0
    assert not [path for path in hub.asked if path.endswith(".bin")]
    (folder / f"{names[0]}.bin").write_bytes(b"")
    next(folder.glob("model-00002*")).unlink()
    assert fetch(hub, tmp_path).returncode == 0
    assert about(tmp_path) == first


class Harmful:
    """What makes a pickle run something."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("harmed",)


def test_a_pytorch_file_that_would_run_code_is_refused(hub: Hub, tmp_path: Path) -> None:
    files = {name: FILES[name] for name in ("config.json", "tokenizer.json")}
    hub.push(NAME, "main", files | {"pytorch_model.bin": saved({"w": Harmful()})})
    done = fetch(hub, tmp_path)
    assert done.returncode == 2
    assert f"{NAME}@main: pytorch_model.bin cannot be converted" in done.stderr
    assert not (tmp_path / "harmed").exists()


def test_a_converted_model_answers_as_before(tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, OPTConfig, OPTForCausalLM

    config = OPTConfig(
        **{"hidden_size": 16, "num_hidden_layers": 2, "ffn_dim": 32, "num_attention_heads": 2},
        **{"word_embed_proj_dim": 16, "vocab_size": 50, "max_position_embeddings": 32},
    )
    model = OPTForCausalLM(config).eval()
    config.save_pretrained(tmp_path)
    (tmp_path / "pytorch_model.bin").write_bytes(saved(model.state_dict()))
    convert(tmp_path, "somewhere")
    again = AutoModelForCausalLM.from_pretrained(tmp_path, use_safetensors=True).eval()
    tokens = torch.tensor([[3, 7, 11]])
    with torch.inference_mode():
        assert torch.equal(model(tokens).logits, again(tokens).logits)


def test_a_revision_that_is_not_there_is_told_and_not_locked(hub: Hub, tmp_path: Path) -> None:
    hub.push(NAME, "main", FILES)
    done = fetch(hub, tmp_path, revision="step7")
    assert done.returncode == 2
    assert f"the registry, {NAME}@step7: cannot be fetched from the hub" in done.stderr
    assert not (tmp_path / "models.lock.yaml").exists()


@pytest.mark.workflow
def test_one_more_line_in_the_lock_file_fetches_nothing_again(
    fresh: Project, hub: Hub, tmp_path: Path
) -> None:
    commit = hub.push(NAME, "main", FILES)
    fresh.add_model("small", ENTRY)
    target = "results/models/small/model.json"
    done = fresh.call(fresh.command("--", target), **environment(hub, tmp_path))
    assert done.returncode == 0, done.stdout
    assert read_lock(fresh.folder / "models.lock.yaml") == {f"{NAME}@main": commit}
    with open(fresh.folder / "models.lock.yaml", "a", encoding="utf-8") as lock:
        lock.write(f"another/model@main: {A}\n")
    assert not fresh.plan(target)


@pytest.mark.workflow
def test_a_corrected_entry_downloads_nothing_again(
    fresh: Project, hub: Hub, tmp_path: Path
) -> None:
    hub.push(NAME, "main", FILES)
    fresh.add_model("small", ENTRY)
    command = fresh.command("--", "results/models/small/model.json")
    assert fresh.call(command, **environment(hub, tmp_path)).returncode == 0
    hub.asked.clear()
    fresh.add_model("small", ENTRY | {"training_tokens": 7})
    done = fresh.call(command, **environment(hub, tmp_path))
    assert done.returncode == 0, done.stdout
    folder = fresh.folder / "results/models/small"
    assert json.loads((folder / "model.json").read_text())["training_tokens"] == 7
    assert (folder / "snapshot/model.safetensors").read_bytes() == FILES["model.safetensors"]
    assert not [path for path in hub.asked if "/resolve/" in path]


@pytest.mark.workflow
def test_commits_are_written_down_without_fetching(
    fresh: Project, hub: Hub, tmp_path: Path
) -> None:
    commit = hub.push(NAME, "main", FILES)
    fresh.add_model("small", ENTRY)
    done = fresh.call(fresh.command("--", "lock"), **environment(hub, tmp_path))
    assert done.returncode == 0, done.stdout
    assert read_lock(fresh.folder / "models.lock.yaml") == {f"{NAME}@main": commit}
    assert not [path for path in hub.asked if "/resolve/" in path]
    fresh.add_model("small", ENTRY | {"revision": "step7"})
    done = fresh.call(fresh.command("--", "lock"), **environment(hub, tmp_path))
    assert f"{NAME}@step7: cannot be fetched from the hub" in done.stdout
