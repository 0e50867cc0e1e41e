"""Configuration and model registry: read, checked against their schemas, and made into names.

Everything that can be known to be wrong before a model is trained or loaded is refused here.
"""

from __future__ import annotations

import difflib
import json
import math
import os
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema

from ushaped import yaml_files
from ushaped.errors import UserError
from ushaped.items import released as official
from ushaped.items.task import Task, demonstrations_file, load_task
from ushaped.models import registry, unpack
from ushaped.models.load import check_folder
from ushaped.models.registry import check_name
from ushaped.terms import LADDER, OFFICIAL, OWN, REPLICA, ROUND_1
from ushaped.variants import PATTERNS, is_variant, parse_variant

Config = Mapping[str, Any]

# The key of `sources` that stands for every task without a key of its own.
ALL = "all"
# What a family says of all its models.
SETTINGS = ("bos", "trust_remote_code", "chain_tokens")


# Whole numbers only: 8.0 is none to the programs that are given it.
Validator = jsonschema.validators.extend(
    jsonschema.Draft202012Validator,
    type_checker=jsonschema.Draft202012Validator.TYPE_CHECKER.redefine(
        "integer", lambda _, value: isinstance(value, int) and not isinstance(value, bool)
    ),
)


def read_registry(root: Path) -> dict[str, Any]:
    """Read ``config/models.yaml`` and check it against its schema.

    Raises
    ------
    UserError
        Naming the first wrong key.
    """
    path = root / "config" / "models.yaml"
    read = yaml_files.read_mapping(path)
    validate(read, root / "config" / "schema" / "models.schema.yaml", "config/models.yaml")
    registry.check(read["families"], root / "literature" / "series.csv")
    return registry.with_folders(read["families"])


def check(config: Config, registry: Mapping[str, Any], root: Path, where: str = "config") -> None:
    """Check a configuration against its schema, the tasks, the registry and itself.

    ``where`` is what a message calls the configuration.

    Raises
    ------
    UserError
        Naming the first wrong key.
    """
    validate(config, root / "config" / "schema" / "config.schema.yaml", where)
    _check_output(config["output"], where)
    known = sorted(path.parent.name for path in (root / "tasks").glob("*/task.yaml"))
    for task in config["tasks"]:
        check_name(f"{where}, tasks", "task", task)
        if task == ALL:
            what = f"a task named '{ALL}' would be meant by sources.{ALL}"
            raise UserError(f"{where}, tasks", what, "rename its folder")
        if task not in known:
            raise _unknown(f"{where}, tasks", "task", task, known)
    for variant in config["variants"]:
        if not is_variant(variant):
            raise _unknown(f"{where}, variants", "variant", variant, PATTERNS)
    for task in (load_task(root / "tasks" / name) for name in config["tasks"]):
        if not any([parse_variant(variant).applies(task) for variant in config["variants"]]):
            raise UserError(
                f"{where}, variants",
                f"none of them is one of task '{task.name}'",
                "add zero-shot, or leave the task out",
            )
    for family in config["families"]:
        if family not in registry:
            raise _unknown(f"{where}, families", "model family", family, sorted(registry))
        if "models" in registry[family]:
            for name, entry in registry[family]["models"].items():
                _check_folder(f"config/models.yaml, {family}, {name}", entry)
                _check_not_cut(config, name, entry, where)
    _check_one_family(config, registry, where)
    _check_sources(config, known, root, where)
    _check_ladder(config, known, where)
    _check_taught(config, registry, root, where)


def check_present(config: Config, registry: Mapping[str, Any], root: Path) -> None:
    """Look for what must lie on this machine: given files of items, installed models.

    Only that they are there, not what is in them; and not for what was already made from them.
    Without a mirror, released files will be downloaded, so they are not looked for.

    Raises
    ------
    UserError
        Naming the first that is missing.
    """
    output = Path(config["output"])
    mirror = official.mirror(config)
    for source, name in sources(config):
        task = load_task(root / "tasks" / name)
        if source == OWN:
            # Part of the project, so it is wanted even where its items were made before.
            official.find_own(task)
        made = output / "tasks" / source / f"{name}.jsonl"
        if source in (OFFICIAL, ROUND_1) and mirror and not made.exists():
            official.find(official.release(task, source), mirror)
    for name, model in models(config, registry).items():
        entry = model.get("entry", {})
        if "package" in entry and not (output / "models" / name / "model.json").exists():
            unpack.find(entry, f"config/models.yaml, {name}")


def sources(config: Config) -> list[tuple[str, str]]:
    """The editions of tasks that are run: pairs of source and task, in the order of the tasks.

    Examples
    --------
    >>> told = {"all": ["replica"], "neqa": ["official", "replica"]}
    >>> sources({"tasks": ["neqa", "redefine"], "sources": told})
    [('official', 'neqa'), ('replica', 'neqa'), ('replica', 'redefine')]
    """
    told = config["sources"]
    return [(source, task) for task in config["tasks"] for source in told.get(task, told[ALL])]


def filled(given: Config, default: Config) -> dict[str, Any]:
    """Settings, and those of another configuration where they say nothing.

    Examples
    --------
    >>> filled({"replica": {"items": 8}}, {"output": "out", "replica": {"items": 128, "seed": 1}})
    {'output': 'out', 'replica': {'items': 8, 'seed': 1}}
    """
    both = dict(default)
    for key, value in given.items():
        below = both.get(key)
        if isinstance(value, dict) and isinstance(below, dict):
            value = filled(value, below)
        both[key] = value
    return both


def given(files: Iterable[Path], words: Config, made: Config) -> dict[str, Any]:
    """The settings of a command line, read again, since Snakemake reads YAML in another way.

    Parameters
    ----------
    files : iterable of Path
        Those of ``--configfile``, the last one first in rank.
    words : mapping
        What ``--config`` says; before all files.
    made : mapping
        What Snakemake made of them; taken as it is where a file asks it for templates
        (``__use_yte__``).

    Raises
    ------
    UserError
        If a file has two readings; see `yaml_files.read`.
    """
    read: dict[str, Any] = {}
    for path in files:
        one = yaml_files.read_mapping(path)
        if "__use_yte__" in one:
            return dict(made)
        read = filled(one, read)
    return filled(words, read)


def with_folders(config: Config) -> dict[str, Any]:
    """A checked configuration, ``~`` of its folders replaced and ``output`` without detours."""
    official = config["official"]
    mirror = {"mirror": os.path.expanduser(official["mirror"])}
    output = os.path.normpath(os.path.expanduser(config["output"]))
    return dict(config) | {"output": output, "official": official | mirror}


def told(config: Config) -> dict[str, Any]:
    """The configuration as provenance tells it: without the folder of the mirror, and the plan.

    Where the verified files lay says nothing about the results, and much about the machine; what
    they might have cost elsewhere says nothing about them either.
    """
    return {key: value for key, value in config.items() if key not in ("official", "plan")}


def models(config: Config, registry: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The models that a configuration asks for, by name.

    Returns
    -------
    dict of str to dict
        ``family``, ``size`` and ``seed``; for released models also ``entry``, their registry entry
        with the settings of their family.
    """
    found: dict[str, dict[str, Any]] = {}
    for family in config["families"]:
        if "trained" in registry[family]:
            for rung in config[LADDER]["rungs"]:
                for seed in config[LADDER]["seeds"]:
                    name = f"{family}-{rung['size']}-s{seed}"
                    found[name] = {"family": family, "size": rung["size"], "seed": seed}
        else:
            settings = {key: registry[family][key] for key in SETTINGS if key in registry[family]}
            for name, entry in registry[family]["models"].items():
                about = {"family": family, "size": entry["size"], "seed": 0}
                found[name] = about | {"entry": settings | entry}
    return found


def validate(value: Any, schema: Path, where: str) -> None:
    """Check a value against a JSON schema.

    Raises
    ------
    UserError
        One line for the most telling violation: file, key, what is wrong, what to do.
    """
    _check_plain(value, where, ())
    errors = list(_validator(schema.read_text(encoding="utf-8"), str(schema)).iter_errors(value))
    # A misspelt key is also one that is missing: its name tells more.
    misspelt = [error for error in errors if error.validator == "additionalProperties"]
    error = misspelt[0] if misspelt else jsonschema.exceptions.best_match(errors)
    if error is None:
        return
    key = ".".join(map(str, error.absolute_path))
    place = f"{where}, {key}" if key else where
    if error.validator == "additionalProperties":
        allowed = sorted(error.schema.get("properties", {}))
        extra = next(name for name in error.instance if name not in allowed)
        raise _unknown(place, "key", extra, allowed)
    if error.validator == "required":
        missing = next(name for name in error.validator_value if name not in error.instance)
        raise UserError(place, f"key '{missing}' is missing", f"add '{missing}:'")
    advice = error.schema.get("description", "see " + str(schema.name)) if error.schema else ""
    hidden = error.validator == "oneOf" or (error.schema and error.schema.get("writeOnly"))
    what = "does not fit" if hidden else _shortened(error.message)
    raise UserError(place, what, f"it should be: {advice}{_form(error)}")


# A run checks two configurations, and reading a schema takes longer than using it.
@cache
def _validator(text: str, where: str) -> Any:
    return Validator(yaml_files.parse(text, where))


def _form(error: jsonschema.ValidationError) -> str:
    """How a value of the wrong type is written in YAML; "" where that is not what is wrong."""
    expected, value = error.validator_value, error.instance
    if error.validator not in ("type", "pattern"):
        return ""
    if expected == "string" and isinstance(value, int | float):
        return " (a text, so in quotes)"
    if expected == "boolean" and isinstance(value, str):
        return " (write true or false)"
    if isinstance(value, str) and value.replace(".", "").isdecimal():
        return " (a number, so without quotes)"
    return ""


def _shortened(text: str, most: int = 300) -> str:
    return text if len(text) <= most else f"{text[:most]}..."


def _check_plain(value: Any, where: str, key: tuple[str, ...]) -> None:
    """Refuse what no JSON holds: settings may come from another workflow, not from a file."""
    place = f"{where}, {'.'.join(key)}" if key else where
    if isinstance(value, float) and not math.isfinite(value):
        raise UserError(place, f"{value} is no finite number", "write a number")
    if isinstance(value, str) and yaml_files.lone_surrogate(value):
        raise UserError(place, f"{value!r} holds half a character", "write the whole one")
    if isinstance(value, Mapping):
        for name, below in value.items():
            if not isinstance(name, str):
                raise UserError(place, f"key {name!r} is no text", f"write '{name}' in quotes")
            _check_plain(below, where, (*key, name))
    elif isinstance(value, list | tuple):
        for number, below in enumerate(value):
            _check_plain(below, where, (*key, str(number)))


def _unknown(where: str, what: str, name: str, known: list[str]) -> UserError:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    do = f"did you mean '{near[0]}'?" if near else f"use one of: {', '.join(known)}"
    return UserError(where, f"unknown {what} '{name}'", do)


def _check_sources(config: Config, known: list[str], root: Path, where: str) -> None:
    """Look whether every task has what its sources and variants need, without opening an item."""
    told = config["sources"]
    for name in told:
        if name in known and name not in config["tasks"]:
            raise UserError(
                f"{where}, sources",
                f"'{name}' is not among the tasks that are run",
                "add it to 'tasks', or take it out here",
            )
        if name not in (ALL, *known):
            raise _unknown(f"{where}, sources", "task", name, [ALL, *config["tasks"]])
    for source, name in sources(config):
        task = load_task(root / "tasks" / name)
        if source != REPLICA:
            official.release(task, source)
        elif not task.has_replica:
            key = name if name in told else ALL
            raise UserError(
                f"{where}, sources.{key}",
                f"'{REPLICA}' needs {task.folder / 'replica.py'}, which is not there",
                "write it, or choose another source for this task",
            )
        _check_demonstrations(config["variants"], task, source, where)


def _check_demonstrations(variants: list[str], task: Task, source: str, where: str) -> None:
    """Look whether demonstrations are there, and fit the items, where a variant shows some."""
    shown = [variant for variant in variants if parse_variant(variant).needs_demonstrations]
    if not shown:
        return
    path = demonstrations_file(task.folder, source)
    if not path.exists():
        raise UserError(
            f"{where}, variants",
            f"'{shown[0]}' needs {path}, which is not there",
            f"write it, or run {task.name} without '{shown[0]}'",
        )
    task.demonstrations(source)


def _check_taught(config: Config, registry: Mapping[str, Any], root: Path, where: str) -> None:
    """Look whether a family that is trained here would have anything to learn."""
    trained = [family for family in config["families"] if "trained" in registry[family]]
    if trained and not taught(config["tasks"], root):
        raise UserError(
            f"{where}, families",
            f"'{trained[0]}' learns from what the tasks' replica.py write, and no task has one",
            "add a task that has one, or choose another family",
        )


def taught(tasks: Iterable[str], root: Path) -> list[str]:
    """The tasks whose generators write the training text of the ladder: those that have one."""
    return [name for name in tasks if (root / "tasks" / name / "replica.py").exists()]


def _check_ladder(config: Config, known: list[str], where: str) -> None:
    ladder = config[LADDER]
    sizes = [rung["size"] for rung in ladder["rungs"]]
    if len(set(sizes)) < len(sizes):
        raise UserError(f"{where}, ladder.rungs", "two rungs have one size", "rename one")
    for rung in ladder["rungs"]:
        if rung["hidden"] % (4 * rung["heads"]):
            raise UserError(
                f"{where}, ladder.rungs, {rung['size']}",
                f"hidden {rung['hidden']} is no multiple of 4 x heads ({rung['heads']})",
                "change one of them",
            )
    if max(ladder["row_lengths"]) > ladder["context"]:
        raise UserError(
            f"{where}, ladder.row_lengths",
            f"{max(ladder['row_lengths'])} is longer than context {ladder['context']}",
            "make the context longer",
        )
    for task in ladder["corpus"].get("tasks", {}):
        if task not in known:
            raise _unknown(f"{where}, ladder.corpus.tasks", "task", task, known)


def _check_output(output: str, where: str) -> None:
    """Look whether every step, and Snakemake, can write to a folder of this name."""
    path = os.path.normpath(os.path.expanduser(output))
    # Snakemake reads the first four as wildcards and as variables of paths.
    bad = sorted({c for c in path if c in "{}<>*?\\" or not c.isprintable()})
    if bad:
        what = f"{output!r} has {' '.join(map(repr, bad))}"
    elif os.path.basename(path) in ("", ".", ".."):
        what = f"'{output}' is no folder of its own"
    elif path.startswith("-") or path != path.strip() or not output.strip():
        what = f"'{output}' begins with a dash, or begins or ends with a space"
    else:
        return
    raise UserError(
        f"{where}, output",
        what,
        "name a folder, as in results/mine: letters, digits, spaces and marks other than "
        "{ } < > * ? and backslash, no dash or space first",
    )


def _check_one_family(config: Config, registry: Mapping[str, Any], where: str) -> None:
    """Look that no two families bring a model of one name, whose results would be one file."""
    families: dict[str, str] = {}
    for family in config["families"]:
        for name in models({**config, "families": [family]}, registry):
            if name in families:
                what = f"'{families[name]}' and '{family}' both have a model '{name}'"
                raise UserError(f"{where}, families", what, "rename one in config/models.yaml")
            families[name] = family


def _check_not_cut(config: Config, name: str, entry: Mapping[str, Any], where: str) -> None:
    if "endpoint" in entry and config["scoring"]["too_long"] == "cut":
        raise UserError(
            f"{where}, scoring.too_long",
            f"is cut, which cannot be done with {name}: its server makes the tokens",
            "set it to error, or run the family by itself",
        )


def _check_folder(where: str, entry: Mapping[str, Any]) -> None:
    """Look at a model folder without loading it: its files are there and their heads are sound."""
    if "path" not in entry:
        return
    folder = Path(entry["path"]).expanduser()
    mend = "mend the folder"
    if "$" in entry["path"]:
        mend += "; variables are not replaced in it, only ~ is"
    check_folder(folder, f"{where}, path")
    weights = sorted(folder.glob("*.safetensors"))
    for needed in ("config.json", "tokenizer.json"):
        try:
            json.loads((folder / needed).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise UserError(
                f"{where}, path", f"{folder / needed} cannot be read ({error})", mend
            ) from None
    if not weights:
        raise UserError(
            f"{where}, path", f"{folder} holds no *.safetensors", "save the weights as safetensors"
        )
    for path in weights:
        if problem := safetensors_problem(path):
            raise UserError(f"{where}, path", f"{path} {problem}", "copy the file again")


def safetensors_problem(path: Path) -> str | None:
    """What is wrong with a safetensors file by its header and length, or None.

    The format: eight bytes with the header's length, a JSON header with the byte range of each
    tensor, then the tensors; see https://github.com/huggingface/safetensors#format.
    """
    size = path.stat().st_size
    with open(path, "rb") as handle:
        length = int.from_bytes(handle.read(8), "little")
        if size < 8 or length > size - 8:
            return "is cut short"
        try:
            header = json.loads(handle.read(length))
            ends = [entry["data_offsets"][1] for k, entry in header.items() if k != "__metadata__"]
        except (ValueError, TypeError, KeyError, AttributeError):
            return "has a damaged header"
    if 8 + length + max(ends, default=0) != size:
        return "is cut short or has bytes too many"
    return None
