"""A wrong configuration or registry: one line that tells the key and the way out, and no job."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from project import ROOT, TINY, Project
from registry_files import ENTRY, Settings, changed, registry_with
from ushaped.axes import ASKED, AXES
from ushaped.errors import UserError
from ushaped.items.released import mirror
from ushaped.ladder.families import ladders
from ushaped.models.load import describe
from ushaped.models.registry import points, read_registry
from ushaped.settings import ScaleAxis, check, models, read_command_line, safetensors_problem
from ushaped.variants import KINDS
from ushaped.yaml_files import merge_defaults


@pytest.fixture
def settings() -> Settings:
    """The default configuration."""
    return dict(yaml.safe_load((ROOT / "config/config.yaml").read_text(encoding="utf-8")))


def complaint(settings: Settings, registry: Settings | None = None) -> str:
    """The line that a configuration earns."""
    with pytest.raises(UserError) as caught:
        check(settings, registry or read_registry(ROOT), ROOT)
    line = str(caught.value)
    assert "\n" not in line
    return line


# -- configuration -----------------------------------------------------------------------------


# -- other axes ---------------------------------------------------------------------------------


def test_every_axis_that_can_be_asked_for_is_one_of_the_configuration() -> None:
    assert set(get_args(ScaleAxis)) == set(ASKED)
    numbered = {kind.axis for kind in KINDS} - {None}
    assert numbered == {name for name, axis in AXES.items() if axis.same_models}


@pytest.mark.parametrize(
    ("axes", "variants", "words"),
    [
        (["shot"], ["zero-shot"], "'thinking-tokens'; did you mean 'shots'?"),
        (["shots", "shots"], ["zero-shot", "few-shot-2"], "axes: 'shots' is there twice"),
        (
            ["shots"],
            ["zero-shot", "one-shot"],
            "axes: 'shots' needs two variants that differ in their number alone, and there is "
            "none; add few-shot-k with other numbers (and zero-shot, which is 0)",
        ),
        (["shots"], ["few-shot-2"], "and there is few-shot-2; add few-shot-k"),
        (["shots"], ["few-shot-2-generated", "zero-shot"], "and there is few-shot-2-generated"),
        (["thinking-tokens"], ["zero-shot", "think-16"], "(and zero-shot-generated, which is 0)"),
    ],
)
def test_a_wrong_axis_is_told(
    settings: Settings, axes: list[str], variants: list[str], words: str
) -> None:
    changed = settings | {"axes": axes, "variants": variants, "tasks": ["neqa"]}
    assert words in complaint(changed)


@pytest.mark.parametrize(
    ("axes", "variants"),
    [
        (["shots"], ["zero-shot", "few-shot-2"]),
        (["shots"], ["few-shot-2", "few-shot-4"]),
        (["thinking-tokens"], ["zero-shot-generated", "think-16"]),
        (["parameters", "training-tokens"], ["zero-shot"]),
    ],
)
def test_an_axis_with_two_points_is_sound(
    settings: Settings, axes: list[str], variants: list[str]
) -> None:
    changed = settings | {"axes": axes, "variants": variants, "tasks": ["neqa"]}
    assert check(changed, read_registry(ROOT), ROOT)["axes"] == axes


# -- further ladders ---------------------------------------------------------------------------


def test_a_further_ladder_is_trained_with_what_it_changes(settings: Settings) -> None:
    settings["ladders"] = {"rare": {"corpus": {"true_frequency": 0.1}, "seeds": [5]}}
    settings["families"] = ["ladder", "rare"]
    checked = check(settings, read_registry(ROOT), ROOT)
    own = ladders(checked)
    assert own["rare"]["corpus"] == own["ladder"]["corpus"] | {"true_frequency": 0.1}
    assert own["rare"]["rungs"] == own["ladder"]["rungs"]
    named = models(checked, read_registry(ROOT))
    assert [m["seed"] for m in named.values() if m["family"] == "rare"] == [5] * 8
    assert named["rare-7k-s5"] == {"family": "rare", "size": "7k", "seed": 5}


@pytest.mark.parametrize(
    ("own", "words"),
    [
        ({"rare": {"corpse": {}}}, "ladders.rare: unknown key 'corpse'; did you mean 'corpus'?"),
        (
            {"rare": {"corpus": {"true_frequency": 2}}},
            "rare.corpus.true_frequency: 2 is more than the maximum of 1",
        ),
        (
            {"rare": {"corpus": {"tasks": {"memotrap": {}}}}},
            "ladders.rare.corpus.tasks: unknown task 'memotrap'; did you mean 'memo-trap'?",
        ),
        ({"rare": {"context": 64}}, "ladders.rare, row_lengths: 1536 is longer than context 64"),
        ({"pythia": {"seeds": [0]}}, "ladders.pythia: 'pythia' is a family of config/models.yaml"),
        ({"ladder": {"seeds": [0]}}, "ladders.ladder: 'ladder' is a family of config/models.yaml"),
        ({"../up": {}}, "'../up' is not a valid name"),
        ({"rare": 3}, "ladders.rare: 3 is no mapping"),
        ({"rare": {"seeds": None}}, "ladders.rare.seeds"),
    ],
)
def test_a_wrong_further_ladder_is_told_with_its_key(
    settings: Settings, own: Any, words: str
) -> None:
    assert words in complaint(settings | {"ladders": own})


def test_a_misspelt_further_ladder_is_suggested(settings: Settings) -> None:
    wrong = {"ladders": {"ladder-rare": {}}, "families": ["ladder-rar"]}
    assert "did you mean 'ladder-rare'?" in complaint(settings | wrong)


def test_only_the_configuration_has_further_families_that_are_trained_here(tmp_path: Path) -> None:
    root = registry_with(tmp_path, ENTRY)
    own = {"families": {"rare": {"trained": "ladder"}}}
    (root / "config/models.yaml").write_text(yaml.safe_dump(own))
    with pytest.raises(UserError, match="into the configuration, under 'ladders'"):
        read_registry(root)


@pytest.mark.parametrize("path", [*sorted((ROOT / "config").glob("*.yaml")), None])
def test_the_configurations_of_this_project_are_sound(settings: Settings, path: Path) -> None:
    if path and path.name == "models.yaml":
        read_registry(ROOT)
        return
    own = yaml.safe_load(path.read_text(encoding="utf-8")) if path else TINY
    settings = merge_defaults(own, settings)
    check(settings, read_registry(ROOT), ROOT)


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("variant", 1, ["config", "unknown key 'variant'", "did you mean 'variants'?"]),
        ("scoring.batch_token", 1, ["config, scoring", "'batch_token'", "'batch_tokens'"]),
        (
            "scoring.shards",
            0,
            ["scoring.shards: 0 is less than the minimum of 1; it should be: Jo"],
        ),
        ("scoring.shards", 9999, ["scoring.shards: 9999 is more than the maximum of 1000"]),
        (
            "scoring.shards",
            "2",
            ["shards: '2' is no whole number", "(a number, so without quotes)"],
        ),
        ("ladder.corpus.wroked", 0.1, ["config, ladder.corpus", "'wroked'", "'worked'"]),
        ("tasks", ["neqa", "memotrap"], ["config, tasks", "'memotrap'", "'memo-trap'"]),
        (
            "tasks",
            ["published"],
            ["config, tasks", "'published'", "use one of: counting-with-distractors"],
        ),
        ("tasks", [], ["config, tasks"]),
        ("variants", ["zeroshot"], ["config, variants", "'zeroshot'", "'zero-shot'"]),
        ("variants", ["few-shot-0"], ["config, variants", "'few-shot-0'", "'few-shot-k'"]),
        ("variants", ["inside-5"], ["config, variants", "none of them is one of task"]),
        ("sources.memotrap", ["own"], ["config, sources", "'memotrap'", "'memo-trap'?"]),
        (
            "sources.neqa",
            ["replica", "replica"],
            ["sources.neqa: 'replica' is there twice; keep one"],
        ),
        ("sources.neqa", [], ["config, sources.neqa", "[] is empty", "as in [official, replica]"]),
        (
            "sources.neqa",
            "replica",
            ["config, sources.neqa: 'replica' is no list", "a list of"],
        ),
        (
            "sources.neqa",
            ["offical"],
            ["sources.neqa.0: unknown source 'offical'; did you mean 'official'?"],
        ),
        ("sources", {"neqa": ["replica"]}, ["config, sources", "key 'all' is missing"]),
        ("sources.neqa", ["own"], ["neqa/task.yaml: key 'own' is missing", "'sources'"]),
        ("sources.neqa", ["round-1"], ["neqa/task.yaml: no bytes or sha256 of neqa.jsonl is"]),
        ("sources.sig-figs", ["round-1"], ["sig-figs/task.yaml: key 'round1' is missing"]),
        ("official.mirrow", "x", ["config, official", "'mirrow'", "did you mean 'mirror'?"]),
        ("families", ["lader"], ["config, families", "'lader'", "did you mean 'ladder'?"]),
        ("families", ["xyz"], ["config, families", "'xyz'", "use one of:", "pythia"]),
        ("replica.items", 1, ["config, replica.items", "1 is less than", "Items per task"]),
        (
            "replica.items",
            "many",
            ["config, replica.items: 'many' is no whole number; it"],
        ),
        ("ladder.rungs.2.hidden", 30, ["config, ladder.rungs", "hidden 30", "change one of them"]),
        ("ladder.rungs.1.size", "0.9k", ["config, ladder.rungs", "one size", "rename one"]),
        ("ladder.row_lengths", [99999], ["ladder.row_lengths", "99999", "make the context longer"]),
        ("ladder.corpus.true_frequency", 1.5, ["ladder.corpus.true_frequency", "1.5"]),
        ("shapes.seed", -1, ["config, shapes.seed", "-1 is less than the minimum of 0"]),
        ("replica.items", 8.0, ["config, replica.items", "8.0 is no whole number; it should be"]),
        (
            "replica.items",
            "8",
            ["'8' is no whole number; it", "(a number, so without quotes)"],
        ),
        ("shapes.recovery", float("nan"), ["shapes.recovery", "nan is no finite number"]),
        (
            "output",
            7,
            ["config, output: 7 is no text; it", "(a text, so in quotes)"],
        ),
        ("official", {7: "a", "mirror": ""}, ["official: key 7 is no text", "write '7' in quotes"]),
        ("sources", {7: ["own"]}, ["config, sources: key 7 is no text", "write '7' in quotes"]),
        ("official.mirror", "\ud83d", ["config, official.mirror", "holds half a character"]),
        (
            "scoring",
            None,
            ["scoring: None is no mapping; it should be: How models are run"],
        ),
        ("tasks", ("neqa",), ["config, tasks: ('neqa',) is no list"]),
        ("shapes.draws", True, ["config, shapes.draws: True is no whole number"]),
        ("output", "a{b}", ["config, output: 'a{b}' has '{' '}'", "name a folder"]),
        ("output", "a\nb", ["config, output: 'a\\nb' has '\\n'"]),
        ("output", "<results>/a", ["config, output", "has '<' '>'"]),
        ("output", "-out", ["config, output: '-out' begins with a dash"]),
        ("output", " out", ["config, output: ' out' begins with a dash, or begins or ends with"]),
        ("output", ".", ["config, output: '.' is no folder of its own"]),
        ("output", "results/..", ["config, output: 'results/..' is no folder of its own"]),
        ("output", "../..", ["config, output: '../..' is no folder of its own"]),
        ("output", "/", ["config, output: '/' is no folder of its own"]),
        ("tasks", ["much fewer"], ["config, tasks.0: 'much fewer' is not a valid name", "a-z"]),
        ("tasks", ["../neqa"], ["config, tasks.0: '../neqa' is not a valid name"]),
        ("tasks", ["-neqa"], ["config, tasks.0: '-neqa' is not a valid name"]),
        ("tasks", ["né"], ["config, tasks.0: 'né' is not a valid name"]),
        ("tasks", ["neqa\n"], ["config, tasks.0: 'neqa\\n' is not a valid name"]),
        ("tasks", ["all"], ["config, tasks: a task named 'all' would be meant by sources.all"]),
        ("ladder.corpus.tasks", {"neka": {}}, ["ladder.corpus.tasks", "'neka'", "'neqa'"]),
    ],
)
def test_a_wrong_key_or_value_is_named_in_one_line(
    settings: Settings, path: str, value: Any, words: list[str]
) -> None:
    line = complaint(changed(settings, path, value))
    for word in words:
        assert word in line


@pytest.mark.parametrize(
    ("output", "path"),
    [
        ("results/my run", "results/my run"),
        ('it\'s a "b"; $HOME [x] é', 'it\'s a "b"; $HOME [x] é'),
        ("results//a/./b/", "results/a/b"),
        ("../a", "../a"),
        ("/data/a", "/data/a"),
        ("~/a", "/home/me/a"),
    ],
)
def test_an_output_folder_may_have_spaces_and_marks_and_lie_anywhere(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, output: str, path: str
) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    settings |= {"output": output, "official": {"mirror": "~/items"}}
    made = check(settings, read_registry(ROOT), ROOT)
    assert (made["output"], made["official"]["mirror"]) == (path, "/home/me/items")
    assert mirror(made) == "/home/me/items"


def test_every_field_of_a_command_is_quoted() -> None:
    """So that an output folder may have a space; numbers that Snakemake makes need none."""
    names = ("batch_tokens", "audit", "device", "gpu")
    numbers = {"threads", *(f"resources.{name}" for name in names)}
    for path in (ROOT / "rules").glob("*.smk"):
        for command in re.findall(
            r'    shell:\n((?: {8}".*"\n)+)', path.read_text(encoding="utf-8")
        ):
            bare = set(re.findall(r"\{([^}:]+)\}", command)) - numbers
            assert not bare, f"{path.name}: {bare}"


def test_a_task_with_sources_must_be_one_of_those_that_are_run(settings: Settings) -> None:
    settings["tasks"] = ["redefine"]
    line = complaint(changed(settings, "sources.neqa", ["official"]))
    assert line.startswith("config, sources: 'neqa' is not among the tasks that are run; ")


def test_hidden_must_be_a_multiple_of_the_heads(settings: Settings) -> None:
    rung = settings["ladder"]["rungs"][-1] | {"hidden": 40, "heads": 3}
    line = complaint(changed(settings, "ladder.rungs", [rung]))
    assert rung["size"] in line
    assert "heads (3)" in line


def test_checked_settings_are_the_ones_that_were_given(settings: Settings) -> None:
    """Whole numbers stay whole, so that no parameter of a job changes."""
    settings["ladder"]["weight_decay"] = 0
    made = check(settings, read_registry(ROOT), ROOT)
    assert repr(made["ladder"]["weight_decay"]) == "0"
    assert made == settings


@pytest.mark.parametrize("key", ["output", "ladder", "scoring", "plan"])
def test_a_missing_key_is_named_in_one_line(settings: Settings, key: str) -> None:
    del settings[key]
    line = complaint(settings)
    assert f"key '{key}' is missing" in line
    assert f"add '{key}:'" in line


def test_frequencies_of_a_task_that_is_not_run_are_allowed(settings: Settings) -> None:
    settings["tasks"] = ["neqa"]
    settings["ladder"]["corpus"]["tasks"] = {"redefine": {"true_frequency": 0.1}}
    check(settings, read_registry(ROOT), ROOT)


def test_models_are_named_by_size_and_seed(settings: Settings) -> None:
    settings["ladder"]["seeds"] = [0, 7]
    found = models(settings, read_registry(ROOT))
    first = settings["ladder"]["rungs"][0]["size"]
    about = {"family": "ladder", "size": first, "seed": 7}
    assert found[f"ladder-{first}-s7"].items() >= about.items()
    # What the registry says of how its models think.
    assert set(found[f"ladder-{first}-s7"]) - set(about) == {"thinking"}
    assert len(found) == 2 * len(settings["ladder"]["rungs"])


def test_every_released_family_leaves_room_for_chains_of_sentences(settings: Settings) -> None:
    registry = read_registry(ROOT)
    settings["families"] = list(registry)
    found = models(settings, registry)
    limits = {
        name: model["entry"]["chain_tokens"] for name, model in found.items() if "entry" in model
    }
    assert len(limits) > 50
    assert min(limits.values()) > settings["scoring"]["chain_tokens"]


def test_the_limit_of_a_chain_is_the_familys_or_else_the_configurations(fresh: Project) -> None:
    registry = yaml.safe_load(fresh.read("config/models.yaml"))
    registry["families"]["gpt2"]["chain_tokens"] = 99
    del registry["families"]["opt"]["chain_tokens"]
    fresh.write("config/models.yaml", yaml.safe_dump(registry))
    fresh.configure(TINY | {"families": ["ladder", "gpt2", "opt"]})
    wanted = {"ladder-tiny-s0": TINY["scoring"]["chain_tokens"], "gpt2": 99}
    wanted["opt-125m"] = TINY["scoring"]["chain_tokens"]
    files = [f"results/scores/{name}/replica/neqa/cot.parquet" for name in wanted]
    options = ("--workflow-profile", "none", "--dry-run", "--printshellcmds")
    done = fresh.call(fresh.command(*options, "--", *files))
    assert done.returncode == 0, done.stdout
    limit = r"--model results/models/(\S+)/model\.json .*--chain-tokens (\d+)"
    assert {name: int(found) for name, found in re.findall(limit, done.stdout)} == wanted
    # What is fetched does not depend on it.
    assert "chain_tokens" not in done.stdout


# -- registry ----------------------------------------------------------------------------------


PACKAGED = {"package": "a-package", "gguf": "a_package/a.gguf", "sha256": "0" * 64}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"training_flops": None}, ["'training_flops'"]),
        ({"training_flops": "a lot"}, ["training_flops"]),
        ({"parameters": 1.5}, ["parameters", "1.5"]),
        ({"flops": 3}, ["'flops'"]),
        ({"shards": 0}, ["shards: 0 is less than the minimum of 1; it should be: Jobs that its"]),
        (
            {"path": None, "endpoint": "http://a/v1", "served_as": "a", "shards": 2},
            ["shards: is 2, but a model on a server is one job; leave it out; 'concurrency' sends"],
        ),
        (
            {"path": None},
            ["has no key for its weights; give exactly one of: 'hub' and"],
        ),
        (
            {"hub": "a/b", "revision": "main"},
            ["has hub, path, revision for its weights; give"],
        ),
        (PACKAGED, ["has gguf, package, path, sha256 for its weights"]),
        ({"path": None} | PACKAGED | {"sha256": None}, ["has gguf, package for its weights"]),
        ({"path": None} | PACKAGED | {"sha256": "ab12"}, ["sha256", "ab12"]),
        ({"path": None} | PACKAGED | {"gguf": None}, ["has package, sha256 for its weights"]),
        ({"sha256": "0" * 64}, ["has path, sha256 for its weights"]),
        ({"parameters": "many"}, ["parameters", "'many'"]),
        ({"parameters": 10**16}, ["parameters", "is more than the maximum of"]),
        ({"parameters": None, "parmeters": 9}, ["key 'parmeters'", "did you mean 'parameters'?"]),
        ({"path": None, "hbu": "a/b"}, ["unknown key 'hbu'", "did you mean 'hub'?"]),
        ({"size": 7}, ["size", "7 is no text", "(a text, so in quotes)"]),
        ({"size": "7B {x}"}, ["size: '7B {x}' is not a valid name"]),
        ({"size": ""}, ["size: '' is not a valid name"]),
        ({"training_tokens": "unknown"}, ["training_flops", "6ND", "training_tokens is unknown"]),
        ({"parameters": "unknown"}, ["training_flops", "6ND", "parameters is unknown"]),
    ],
)
def test_a_wrong_registry_entry_is_told_in_one_line(
    tmp_path: Path, change: Settings, words: list[str]
) -> None:
    entry = {key: value for key, value in (ENTRY | change).items() if value is not None}
    with pytest.raises(UserError) as caught:
        read_registry(registry_with(tmp_path, entry))
    line = str(caught.value)
    assert "\n" not in line
    for word in ["config/models.yaml", "families.mine.models.my-model", *words]:
        assert word in line


@pytest.mark.parametrize(
    ("families", "words"),
    [
        ({"my family": {"models": {"m": ENTRY}}}, "families: 'my family' is not a valid name"),
        ({"-f": {"models": {"m": ENTRY}}}, "families: '-f' is not a valid name; use at"),
        ({"f": {"models": {"-m": ENTRY}}}, "families.f.models: '-m' is not a valid name"),
        ({"f": {"models": {".m": ENTRY}}}, "families.f.models: '.m' is not a valid name"),
        ({"f": {"models": {"m/n": ENTRY}}}, "families.f.models: 'm/n' is not a valid"),
        ({"f": {"models": {"m" * 101: ENTRY}}}, "use at most 100 of a-z, A-Z, 0-9"),
        (
            {"f": {"modles": {"m": ENTRY}}},
            "families.f: unknown key 'modles'; did you mean",
        ),
        (
            {"f": {"models": {"m": ENTRY}, "boss": 1}},
            "families.f: unknown key 'boss'; did you",
        ),
        (
            {"f": {"models": {"m": ENTRY}, "trust_remote_code": "yes"}},
            "'yes' is neither true nor false; ",
        ),
        ({"f": 3}, "families.f: 3 is no mapping; "),
    ],
)
def test_a_wrong_name_or_key_of_a_family_is_told_with_it(
    tmp_path: Path, families: Settings, words: str
) -> None:
    root = registry_with(tmp_path, ENTRY)
    (root / "config/models.yaml").write_text(yaml.safe_dump({"families": families}))
    with pytest.raises(UserError) as caught:
        read_registry(root)
    assert words in str(caught.value)


def test_one_model_of_two_families_is_refused_where_both_are_run(settings: Settings) -> None:
    hub = {key: value for key, value in ENTRY.items() if key != "path"} | {"hub": "a/b"}
    both = {name: {"models": {"m": hub}} for name in ("f", "g")}
    settings["families"] = ["f"]
    check(settings, both, ROOT)
    settings["families"] = ["f", "g"]
    assert "families: 'f' and 'g' both have a model 'm'; rename one" in complaint(settings, both)


def test_the_home_folder_is_found_in_the_path_of_a_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    root = registry_with(tmp_path, ENTRY | {"path": "~/m"})
    assert read_registry(root)["mine"]["models"]["my-model"]["path"] == "/home/me/m"


def test_variables_in_a_path_are_not_replaced_and_that_is_said(settings: Settings) -> None:
    settings["families"] = ["mine"]
    line = complaint(settings, {"mine": {"models": {"m": ENTRY | {"path": "$HOME/m"}}}})
    assert line.endswith("mend the folder; variables are not replaced in it, only ~ is")


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"series": "OTP", "sizes": ["175B"]}, ["published.series", "'OTP'", "OPT"]),
        ({"series": "OPT", "sizes": ["174B"]}, ["published.sizes", "'174B'", "175B"]),
        ({"series": "OPT", "sizes": ["13B"]}, ["published.sizes", "'13B'", "one of them out"]),
        ({"series": "OPT", "sizes": []}, ["published.sizes"]),
        ({"series": "OPT"}, ["published", "sizes"]),
        ({"series": "OPT", "size": ["175B"], "sizes": ["175B"]}, ["published", "size"]),
    ],
)
def test_a_published_point_that_is_not_there_is_told_in_one_line(
    tmp_path: Path, told: Settings, words: list[str]
) -> None:
    root = registry_with(tmp_path, ENTRY)
    path = root / "config/models.yaml"
    registry = yaml.safe_load(path.read_text(encoding="utf-8"))
    registry["families"]["opt"]["published"] = told
    path.write_text(yaml.safe_dump(registry), encoding="utf-8")
    with pytest.raises(UserError) as caught:
        read_registry(root)
    for word in ["config/models.yaml, families.opt", *words]:
        assert word in str(caught.value)


def test_only_the_families_that_are_run_bring_published_points() -> None:
    registry = read_registry(ROOT)
    assert points(["opt", "ladder"], registry) == {"opt": {"series": "OPT", "sizes": ["175B"]}}
    assert points(["ladder"], registry) == {}


UNKNOWN = {"training_tokens": "unknown", "training_flops": "unknown"}


def test_numbers_that_were_never_published_may_be_unknown(tmp_path: Path) -> None:
    entry = ENTRY | UNKNOWN | {"non_embedding_parameters": "unknown"}
    assert read_registry(registry_with(tmp_path, entry))["mine"]["models"]["my-model"] == entry


def test_a_model_that_cannot_be_put_in_order_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"families\.mine: its sizes have no order: .*my-model"):
        read_registry(registry_with(tmp_path, ENTRY | UNKNOWN | {"parameters": "unknown"}))


@pytest.mark.parametrize(
    ("told", "flops", "source"),
    [
        ({"training_flops": "6ND"}, 6.0 * 1000 * 10000, "6 x parameters x training tokens"),
        ({"training_flops": 5e7}, 5e7, "registry"),
        (UNKNOWN, None, None),
    ],
)
def test_an_unknown_number_is_null_in_the_description(
    tmp_path: Path, told: Settings, flops: float | None, source: str | None
) -> None:
    numbers = {key: ENTRY[key] for key in list(ENTRY)[2:]} | told
    about = describe("my-model", tmp_path, family="mine", size="1k", seed=0, **numbers)
    assert (about["training_flops"], about["flops_source"]) == (flops, source)
    assert about["training_tokens"] == (None if told is UNKNOWN else 10000)


def make_folder(folder: Path) -> Path:
    """A model folder that looks sound from outside."""
    folder.mkdir(parents=True)
    for name in ("config.json", "tokenizer.json"):
        (folder / name).write_text("{}")
    header = json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    (folder / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + b"1234")
    return folder


def test_a_sound_model_folder_passes(settings: Settings, tmp_path: Path) -> None:
    entry = ENTRY | {"path": str(make_folder(tmp_path / "model"))}
    settings["families"] = ["mine"]
    check(settings, {"mine": {"models": {"my-model": entry}}}, ROOT)


@pytest.mark.parametrize(
    ("name", "content", "word"),
    [
        ("config.json", b"{", "config.json cannot be read"),
        ("config.json", None, "config.json cannot be read"),
        ("tokenizer.json", None, "tokenizer.json cannot be read"),
        ("model.safetensors", None, "holds no *.safetensors"),
        ("model.safetensors", b"", "model.safetensors is cut short"),
        ("model.safetensors", b"\xff" * 20, "model.safetensors is cut short"),
        ("model.safetensors", (3).to_bytes(8, "little") + b"{{{", "damaged header"),
    ],
)
def test_a_damaged_model_folder_is_told_in_one_line(
    settings: Settings, tmp_path: Path, name: str, content: bytes | None, word: str
) -> None:
    folder = make_folder(tmp_path / "model")
    (folder / name).unlink() if content is None else (folder / name).write_bytes(content)
    settings["families"] = ["mine"]
    line = complaint(settings, {"mine": {"models": {"my-model": ENTRY | {"path": str(folder)}}}})
    assert "config/models.yaml, mine, my-model" in line
    assert word in line


@pytest.mark.parametrize("change", [-1, 1])
def test_weights_with_bytes_missing_or_too_many_are_noticed(tmp_path: Path, change: int) -> None:
    path = make_folder(tmp_path / "model") / "model.safetensors"
    assert safetensors_problem(path) is None
    data = path.read_bytes()
    path.write_bytes(data[:change] if change < 0 else data + b"0")
    assert "cut short" in str(safetensors_problem(path))


# -- as the user meets it ----------------------------------------------------------------------


def refused(project: Project, *words: str) -> str:
    """The one error line of a dry run that fails before any job is planned."""
    done = project.call(project.command("--dry-run", "--", "report"))
    assert done.returncode not in (0, None)
    lines = done.stdout.splitlines()
    errors = [line for line in lines if "error" in line.lower()]
    assert len(errors) == 1, done.stdout
    assert "Job stats" not in done.stdout
    assert "Traceback" not in done.stdout
    for word in words:
        assert word in errors[0]
    return errors[0]


def test_snakemake_refuses_a_wrong_configuration_before_any_job(fresh: Project) -> None:
    fresh.configure(TINY | {"tasks": ["neqa", "memo-tarp"]})
    refused(fresh, "config, tasks", "'memo-tarp'", "did you mean 'memo-trap'?")


def test_snakemake_refuses_a_registry_entry_without_flops(fresh: Project) -> None:
    shutil.rmtree(fresh.folder / "config")
    registry_with(fresh.folder, {k: v for k, v in ENTRY.items() if k != "training_flops"})
    refused(fresh, "config/models.yaml", "my-model", "'training_flops' is missing", "add")


def test_snakemake_refuses_a_damaged_model_folder_before_any_job(fresh: Project) -> None:
    shutil.rmtree(fresh.folder / "config")
    folder = make_folder(fresh.folder / "weights")
    (folder / "model.safetensors").write_bytes(b"half")
    registry_with(fresh.folder, ENTRY | {"path": "weights"})
    fresh.configure(TINY | {"families": ["mine"]})
    refused(fresh, "mine, my-model, path", "weights/model.safetensors is cut short")


def test_numbers_inside_of_a_value_of_the_command_line_are_numbers() -> None:
    words = {"replica": {"items": "8"}, "scoring": {"device": "cuda"}, "tasks": ["neqa", "7"]}
    read = read_command_line([], words, {})
    assert read == {"replica": {"items": 8}, "scoring": {"device": "cuda"}, "tasks": ["neqa", 7]}


def test_a_run_in_another_directory_finds_the_project(fresh: Project, tmp_path: Path) -> None:
    jobs = fresh.plan(words=("--directory", str(tmp_path / "elsewhere" / "deep")))
    assert {"corpus", "train", "scores_small_1", "report"} <= {job.rule for job in jobs}
