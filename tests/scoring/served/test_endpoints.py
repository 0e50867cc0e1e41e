"""Registry entries of served models: checked before any job, and no key in a message."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from project import ROOT, TINY, Project
from registry_files import ENTRY, changed, registry_with
from ushaped.errors import UserError
from ushaped.models.registry import read_registry
from ushaped.settings import check, models

SERVED: dict[str, Any] = {key: value for key, value in ENTRY.items() if key != "path"} | {
    "endpoint": "http://127.0.0.1:8000/v1",
    "served_as": "my/model",
}
ALL_KEYS = {"key_variable": "SERVER_KEY", "concurrency": 8, "timeout": 30.5, "retries": 0}


@pytest.mark.parametrize("more", [{}, ALL_KEYS, {"endpoint": "https://models.example.org/v1"}])
def test_an_entry_may_name_a_server(tmp_path: Path, more: dict[str, Any]) -> None:
    entry = SERVED | more
    families = read_registry(registry_with(tmp_path, entry))
    assert models({"families": ["mine"]}, families)["my-model"]["entry"] == entry


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"served_as": None}, "'endpoint' and 'served_as'"),
        ({"path": "somewhere"}, "'endpoint' and 'served_as'"),
        ({"hub": "a/b", "revision": "main"}, "'endpoint' and 'served_as'"),
        ({"endpoint": None, "served_as": None, "path": "x", "timeout": 3}, "'endpoint'"),
        ({"endpoint": "localhost:8000/v1"}, "endpoint"),
        ({"concurrency": 0}, "concurrency"),
        ({"timeout": 0}, "timeout"),
        ({"retries": -1}, "retries"),
    ],
)
def test_a_wrong_entry_is_told_in_one_line(
    tmp_path: Path, change: dict[str, Any], word: str
) -> None:
    entry = {key: value for key, value in (SERVED | change).items() if value is not None}
    with pytest.raises(UserError, match="my-model") as caught:
        read_registry(registry_with(tmp_path, entry))
    assert word in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        {"key_variable": "sk-0123secret"},
        {"key_variable": "hf_0123secret"},
        {"endpoint": "https://me:0123secret@example.org/v1"},
        {"endpoint": "https://example.org/v1?key=0123secret"},
    ],
)
def test_a_key_in_the_registry_is_refused_and_not_shown(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    with pytest.raises(UserError, match=r"key_variable|endpoint") as caught:
        read_registry(registry_with(tmp_path, SERVED | change))
    assert "0123secret" not in str(caught.value)


def test_how_a_text_begins_is_the_servers_business(tmp_path: Path) -> None:
    path = registry_with(tmp_path, SERVED) / "config/models.yaml"
    registry = yaml.safe_load(path.read_text(encoding="utf-8"))
    registry["families"]["mine"]["bos"] = "always"
    path.write_text(yaml.safe_dump(registry), encoding="utf-8")
    with pytest.raises(UserError, match=r"mine\.bos: is always.*server of my-model"):
        read_registry(tmp_path)


def test_prompts_of_a_served_model_cannot_be_cut(tmp_path: Path) -> None:
    settings = yaml.safe_load((ROOT / "config/config.yaml").read_text(encoding="utf-8"))
    settings = changed(settings, "scoring.too_long", "cut") | {"families": ["mine"]}
    registry = read_registry(registry_with(tmp_path, SERVED))
    with pytest.raises(UserError, match=r"scoring\.too_long: is cut.*my-model"):
        check(settings, registry, ROOT)
    check(changed(settings, "scoring.too_long", "error"), registry, ROOT)


def test_a_served_model_takes_no_gpu_and_one_thread(fresh: Project) -> None:
    shutil.rmtree(fresh.folder / "config")
    registry_with(fresh.folder, SERVED | {"parameters": 70 * 10**9})
    fresh.configure(TINY | {"families": ["mine"], "scoring": {"device": "cuda"}})
    done = fresh.call(fresh.command("--dry-run", "--workflow-profile", "none", "--", "report"))
    assert done.returncode == 0, done.stdout
    told = done.stdout.split("rule scores:")[1].split("\n[")[0]
    assert "mem_mb=2000" in told
    assert "gpu=0" in told
    assert "threads" not in told
