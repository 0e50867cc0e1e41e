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


# -- chat endpoints -----------------------------------------------------------------------------

CHAT: dict[str, Any] = SERVED | {"api": "chat"}
WRITTEN = ["zero-shot", "zero-shot-generated"]


def family_with(folder: Path, entry: dict[str, Any], **family: Any) -> dict[str, Any]:
    """The registry's families, ``mine`` with more keys."""
    path = registry_with(folder, entry) / "config/models.yaml"
    registry = yaml.safe_load(path.read_text(encoding="utf-8"))
    registry["families"]["mine"] |= family
    path.write_text(yaml.safe_dump(registry), encoding="utf-8")
    return read_registry(folder)


def configuration(**more: Any) -> dict[str, Any]:
    """The default settings with the family ``mine``."""
    settings = yaml.safe_load((ROOT / "config/config.yaml").read_text(encoding="utf-8"))
    tasks = {"tasks": ["neqa"], "variants": WRITTEN, "families": ["mine"]}
    return dict(settings | tasks | more)


def test_a_chat_endpoint_may_say_more_and_its_family_what_goes_before(tmp_path: Path) -> None:
    entry = CHAT | {"limit_parameter": "max_completion_tokens", "omit": ["seed"], "context": 99}
    families = family_with(
        tmp_path,
        entry,
        system_prompt="Be brief.",
        template_arguments={"enable_thinking": False},
        thinking={"parameter": "reasoning.effort", "values": {0: "none", 64: "low"}},
    )
    check(configuration(), families, ROOT)
    assert families["mine"]["thinking"]["values"] == {"0": "none", "64": "low"}


@pytest.mark.parametrize(
    ("entry", "family", "said"),
    [
        (SERVED | {"omit": ["seed"]}, {}, r"omit: is of chat endpoints alone; add 'api: chat'"),
        (SERVED | {"context": 9}, {}, r"context: is of chat endpoints alone"),
        (CHAT | {"api": "talk"}, {}, r"api: 'talk' is not"),
        (CHAT | {"omit": ["stop"]}, {}, r"omit.*'stop' is not"),
        (CHAT, {"chat": "off"}, r"chat: is off, but my-model is asked by chat"),
        (SERVED, {"chat": "template"}, r"chat: is template, but the tokenizer of my-model is on"),
        (SERVED, {"system_prompt": "Be brief."}, r"system_prompt: is there, but prompts do not"),
        (CHAT, {"thinking": {"values": {64: "low"}}}, r"values: is there, but nothing carries"),
        (CHAT, {"thinking": {"parameter": "a b"}}, r"parameter: 'a b' does not match"),
        (
            CHAT,
            {"thinking": {"parameter": "a", "template_argument": "b"}},
            r"thinking: has both 'parameter' and 'template_argument'",
        ),
    ],
)
def test_a_wrong_chat_endpoint_is_told_in_one_line(
    tmp_path: Path, entry: dict[str, Any], family: dict[str, Any], said: str
) -> None:
    with pytest.raises(UserError, match=said) as caught:
        family_with(tmp_path, entry, **family)
    assert "\n" not in str(caught.value)


def test_the_models_of_a_family_are_asked_in_one_way(tmp_path: Path) -> None:
    other = SERVED | {"size": "2k"}
    with pytest.raises(UserError, match="my-model is asked by chat, and other is not"):
        family_with(tmp_path, CHAT, models={"my-model": CHAT, "other": other})


@pytest.mark.parametrize(
    ("change", "family"),
    [
        ({"served_as": "sk-proj-0123secret0123456789"}, {}),
        ({"source": "see https://me:0123secret@example.org"}, {}),
        ({}, {"template_arguments": {"key": "hf_0123secretABCDEFGHIJKL"}}),
        ({}, {"system_prompt": "Authorization: Bearer 0123secret"}),
    ],
)
def test_what_looks_like_a_key_anywhere_is_refused_and_not_shown(
    tmp_path: Path, change: dict[str, Any], family: dict[str, Any]
) -> None:
    with pytest.raises(UserError, match=r"mine.*looks like a key or a password") as caught:
        family_with(tmp_path, CHAT | change, **family)
    assert "0123secret" not in str(caught.value)


@pytest.mark.parametrize(
    "text", ["hf-internal-testing/tiny-random-gpt2", "task-few-shot-of-2024-with-words"]
)
def test_a_name_that_resembles_a_key_is_none(tmp_path: Path, text: str) -> None:
    family_with(tmp_path, CHAT | {"served_as": text})


@pytest.mark.parametrize(
    ("entry", "family", "settings", "said"),
    [
        (CHAT, {}, {"variants": ["zero-shot", "cot"]}, "no variant is a written answer"),
        (
            CHAT,
            {},
            {"variants": [*WRITTEN, "think-64"]},
            "thinking: names nothing that carries the budget of variant 'think-64'",
        ),
        (
            CHAT,
            {"thinking": {"parameter": "effort", "values": {64: "low", 512: "high"}}},
            {"variants": ["think-65"]},
            "values: has no value for variant 'think-65', only for 64, 512",
        ),
        (
            CHAT | {"context": 300},
            {"thinking": {"parameter": "budget"}},
            {"variants": ["think-64"]},
            "context: is 300, and 'think-64' needs 320",
        ),
        (CHAT | {"omit": ["temperature"]}, {}, {}, "omit: has temperature.* to 1, the usual"),
        (
            SERVED,
            {},
            {"variants": ["think-64"]},
            "thinking: names no tags around a thought, which variant 'think-64' needs",
        ),
    ],
)
def test_what_a_server_cannot_be_asked_is_refused_by_the_configuration(
    tmp_path: Path,
    entry: dict[str, Any],
    family: dict[str, Any],
    settings: dict[str, Any],
    said: str,
) -> None:
    families = family_with(tmp_path, entry, **family)
    with pytest.raises(UserError, match=f"my-model.*{said}"):
        check(configuration(**settings), families, ROOT)


def test_a_task_that_nobody_could_answer_is_refused(tmp_path: Path) -> None:
    settings = configuration(tasks=["neqa", "prompt-injection"])
    with pytest.raises(UserError, match="tasks: 'prompt-injection' has no variant"):
        check(settings, family_with(tmp_path, CHAT), ROOT)


PRICE = {"currency": "USD", "input": 0.15, "output": 0.6}


@pytest.mark.parametrize("name", ["mine", "my-model"])
def test_a_price_is_of_a_model_or_its_family(tmp_path: Path, name: str) -> None:
    check(configuration(prices={name: PRICE}), family_with(tmp_path, CHAT), ROOT)


@pytest.mark.parametrize(
    ("prices", "said"),
    [
        ({"mine": {"input": 0.1, "output": 0.2}}, "prices.mine: key 'currency' is missing"),
        ({"mine": PRICE | {"currency": "$"}}, "currency"),
        ({"mine": PRICE | {"input": -1}}, "input: -1 is less than"),
        ({"yours": PRICE}, "prices: unknown served model or family 'yours'"),
    ],
)
def test_a_wrong_price_is_told_in_one_line(
    tmp_path: Path, prices: dict[str, Any], said: str
) -> None:
    with pytest.raises(UserError, match=said):
        check(configuration(prices=prices), family_with(tmp_path, CHAT), ROOT)


def test_a_chat_endpoint_gets_only_what_it_can_answer(fresh: Project) -> None:
    shutil.rmtree(fresh.folder / "config")
    family_with(fresh.folder, CHAT)
    tasks = {"tasks": ["neqa"], "variants": WRITTEN, "families": ["mine", "ladder"]}
    fresh.configure(TINY | tasks | {"prices": {"mine": PRICE}})
    done = fresh.call(fresh.command("--dry-run", "--workflow-profile", "none", "--", "report"))
    assert done.returncode == 0, done.stdout
    told = done.stdout.split("rule scores_chat:")[1].split("\n[")[0]
    assert "my-model/replica/neqa/zero-shot-generated.parquet" in told
    assert "zero-shot.parquet" not in told
    assert "scores/my-model/replica/neqa/zero-shot.parquet" not in done.stdout


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
