"""The configuration: its keys, what can be refused early, and the models that it names.

Everything that can be known to be wrong before a model is trained or loaded is refused here.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, Tag, model_validator

from ushaped import yaml_files
from ushaped.errors import UserError
from ushaped.items import own as own_items
from ushaped.items import released
from ushaped.items.task import Task, demonstrations_file, load_task
from ushaped.ladder.families import ladders
from ushaped.models import unpack
from ushaped.models.endpoints import check_endpoint, is_chat
from ushaped.models.load import check_folder, has_chat_template
from ushaped.models.registry import Folder, Name, file_of
from ushaped.sources import PATTERNS as SOURCE_PATTERNS
from ushaped.sources import base_of, is_source
from ushaped.terms import LADDER, OFFICIAL, OWN, REPLICA, ROUND_1
from ushaped.validation import (
    AS_WRITTEN,
    NUMBER_OR_WORD,
    Count,
    Distinct,
    InvalidError,
    Model,
    Number,
    Shards,
    Share,
    Text,
    changes,
    distinct,
    setting,
    unknown,
    validate,
)
from ushaped.variants import CHAT, KINDS, PATTERNS, is_variant, parse_variant, points_along

Config = Mapping[str, Any]

# The key of `sources` that stands for every task without a key of its own.
ALL = "all"
# What a family says of all its models.
SETTINGS = (
    *("bos", "trust_remote_code", "chain_tokens", "licence", "gated", "distilled"),
    *("chat", "system_prompt", "template_arguments", "thinking"),
)


def _marks(path: str) -> str:
    """The characters of a path that Snakemake or a shell would read as something else."""
    # Snakemake reads the first four as wildcards and as variables of paths.
    return " ".join(map(repr, sorted({c for c in path if c in "{}<>*?\\" or not c.isprintable()})))


def _check_place(place: str) -> str:
    """The path of a user's own file or folder without detours."""
    path = os.path.normpath(os.path.expanduser(place))
    if bad := _marks(path):
        do = "rename it: letters, digits, spaces and marks other than { } < > * ? and backslash"
        raise InvalidError(f"{place!r} has {bad}", do)
    return path


def _check_output(output: str) -> str:
    """The path without detours, if every step and Snakemake can write to such a folder."""
    path = os.path.normpath(os.path.expanduser(output))
    if bad := _marks(path):
        what = f"{output!r} has {bad}"
    elif os.path.basename(path) in ("", ".", ".."):
        what = f"'{output}' is no folder of its own"
    elif path.startswith("-") or path != path.strip() or not output.strip():
        what = f"'{output}' begins with a dash, or begins or ends with a space"
    else:
        return path
    raise InvalidError(
        what,
        "name a folder, as in results/mine: letters, digits, spaces and marks other than "
        "{ } < > * ? and backslash, no dash or space first",
    )


def _check_variant(name: str) -> str:
    if is_variant(name) and parse_variant(name).chat:
        what = f"'{name}' is what tables call a variant of families with a chat template"
        raise InvalidError(what, f"say '{name.replace(CHAT, '')}', and 'chat' in the registry")
    if not is_variant(name):
        _, what, do = unknown("", "variant", name, PATTERNS).args
        raise InvalidError(what, do)
    return name


def _check_source(name: str) -> str:
    if not is_source(name):
        _, what, do = unknown("", "source", name, SOURCE_PATTERNS).args
        raise InvalidError(what, do)
    return name


Place = Annotated[str, Field(min_length=1), AfterValidator(_check_place)]
Places = Annotated[
    list[Place], Field(json_schema_extra={"uniqueItems": True}), AfterValidator(distinct)
]
ScaleAxis = Literal["parameters", "training-tokens", "shots", "thinking-tokens"]
Sources = Distinct[Annotated[str, AfterValidator(_check_source)]]


class Replica(Model):
    """The generated items."""

    items: int = setting("Items per task.", ge=2)
    seed: int = setting("Another seed draws other items.")


class Official(Model):
    """The released files of the Inverse Scaling Prize."""

    mirror: Folder = setting(
        "Folder that holds the released files; where it is empty, the environment variable "
        "USHAPED_MIRROR names it, and without that they are downloaded from the public mirrors of "
        "tasks/mirrors.yaml. It changes no result. ~ is the home folder.",
        max_length=4096,
    )


class Prompts(Model):
    """How prompts are drawn."""

    seed: int = setting("Draws the demonstrations of few-shot-k.")


class Scoring(Model):
    """How models are run. Only chain_tokens, too_long and dtype change a result."""

    batch_tokens: Count = setting(
        "Tokens in one forward pass, at most (a single longer prompt still runs); 1 scores each "
        "text by itself."
    )
    chain_tokens: Count = setting(
        "Longest chain of thought, in tokens, of tasks without a chain.tokens of their own "
        "(task.yaml) and families without a chain_tokens of theirs (config/models.yaml)."
    )
    too_long: Literal["error", "cut"] = setting(
        "A prompt longer than a model's context is an error that names the item, or its beginning "
        "is cut off, which the column 'cut' of the scores says."
    )
    device: Literal["cpu", "cuda"] = setting(
        "Processor, or GPUs (one job each, unless a model's registry entry asks for more)."
    )
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = setting(
        "Number format of the weights; auto is float32 on cpu and bfloat16 on cuda."
    )
    megabytes_per_job: float = setting(
        "Models trained here share a scoring job, as long as their weights have no more megabytes "
        "together; 0 for a job for each model, as released models always have.",
        ge=0,
    )
    audit: int = setting(
        "One item in so many of each prompt file, and at least one, is scored again by itself, in "
        "at most 3 % of a job's time; the job fails if a log-likelihood differs by more than "
        "rounding. 0 for none.",
        ge=0,
    )
    shards: Shards = setting(
        "Jobs that a model's prompts are split into, each with GPUs, threads and memory of its "
        "own, unless the registry gives the model another number. A model on a server is one job."
    )


class Generation(Model):
    """How models write answers, in variants whose name ends in -generated, and in think-k."""

    samples: Count = setting("Answers to each prompt.")
    temperature: Number = setting(
        "0 for the likeliest token, one after the other; more than one sample needs more.", ge=0
    )
    tokens: Count = setting("Longest answer, in tokens, without what was thought before it.")
    seed: int = setting("Of the draws.", ge=0)

    @model_validator(mode="after")
    def _check(self) -> Generation:
        if self.samples > 1 and not self.temperature:
            what = f"is {self.samples}, but at temperature 0 all would be the same"
            raise InvalidError(what, "set 1, or another temperature", "samples")
        return self


class ModelPrice(Model):
    """What the server of a model charges for a million tokens."""

    currency: str = setting("Its code, as in USD.", pattern="^[A-Z]{3}$")
    input: Number = setting("For tokens of prompts.", ge=0)
    output: Number = setting("For tokens that the model writes, thoughts too.", ge=0)


class Elsewhere(Model):
    """Files of curves that were measured elsewhere."""

    path: Folder = setting(
        "File or folder: a table (CSV, JSONL), output of lm-evaluation-harness, Every Eval Ever, "
        "or the report.json of another run.",
        min_length=1,
    )
    models: Folder = setting(
        "Table of family and scale of each model (model,family,scale), where the files do not have "
        "them.",
        None,
        min_length=1,
    )
    metric: str = setting("Its name in the files; left out: the usual one.", None, min_length=1)
    axis: Literal["training-compute", "parameters", "training-tokens"] = setting(
        "What the scale is; left out: training compute.", None
    )


class Plan(Model):
    """What `snakemake plan` computes hours and memory for. It changes no result."""

    gpu: Literal["A100", "H100", "H200"] = setting("The GPU by name.")
    utilisation: Number = setting(
        "Share of its published rate that scoring reaches. 0.3 is an assumption; the benchmark "
        "files of a run on GPUs have the measured one (model_flop_utilisation, of the rate that "
        "the same GPU showed, which is less than the published one).",
        gt=0,
        le=1,
    )


RunNoise = Annotated[
    Annotated[Literal["two-choice", "multiple-choice", "zero"], Tag("word")]
    | Annotated[float, Field(gt=0, le=0.5, allow_inf_nan=False), AS_WRITTEN, Tag("number")],
    NUMBER_OR_WORD,
]


AtlasNoise = Annotated[
    Annotated[Literal["by-task", "two-choice", "multiple-choice", "zero"], Tag("word")]
    | Annotated[float, Field(gt=0, le=0.5, allow_inf_nan=False), AS_WRITTEN, Tag("number")],
    NUMBER_OR_WORD,
]


class Shapes(Model):
    """How a curve gets its verdict."""

    recovery: Number = setting(
        "A curve is U-shaped if the smaller one of its fall and rise is this share of the larger.",
        gt=0,
    )
    equivalence: Number = setting(
        "Differences up to this size count as none (accuracy as a share, losses in nats).", ge=0
    )
    run_noise: RunNoise = setting(
        "Run-to-run noise of families with one run per size: a kind of task of"
        " literature/run_noise.csv, or a standard deviation of accuracy (a share of 1). Zero: no"
        " run-to-run noise in any verdict."
    )
    draws: Count = setting("Bootstrap draws over items and training seeds, and draws per test.")
    simulations: Count = setting("Simulated curves for each dip that the table of power tries.")
    seed: int = setting("Seed of the bootstrap.", ge=0)


class Atlas(Model):
    """Curves that others measured, and those of finished runs: docs/atlas.md."""

    sets: Annotated[list[Name], AfterValidator(distinct)] = setting(
        "Sets of literature/atlas.yaml.", json_schema_extra={"uniqueItems": True}
    )
    mirror: Folder = setting(
        "Folder that holds the repositories of the sets, each as OWNER__NAME; where it is empty, "
        "the environment variable USHAPED_ATLAS_MIRROR names it, and without that the files are "
        "downloaded from where they are published. It changes no result. ~ is the home folder.",
        max_length=4096,
    )
    runs: list[Text] = setting(
        "Folders of results: those that hold a report.json, or folders of such folders. Curves of "
        "finished runs join the atlas, with the verdicts that the runs gave them."
    )
    run_noise: AtlasNoise = setting(
        "Run-to-run noise of sets without reruns: by-task, which is two-choice where guessing "
        "gives one half and else multiple-choice, or as shapes.run_noise."
    )
    predictable: Number = setting(
        "A curve is foretold if the largest model, predicted from the others, is missed by at most "
        "this much (accuracy as a share of 1).",
        gt=0,
    )


class Frequencies(Model):
    """Other frequencies for one task."""

    true_frequency: Share = setting("The setting of this name above, for this task.", None)
    demonstrated: Share = setting("The setting of this name above, for this task.", None)
    worked: Share = setting("The setting of this name above, for this task.", None)


class Corpus(Model):
    """The training text, and how common each regularity is in it."""

    characters_per_task: int = setting("Length of the text of each task.", ge=1000)
    seed: int = setting("Another seed writes another corpus.")
    true_frequency: Share = setting(
        "Share of a task's texts in which the true regularity decides; in the rest the "
        "distractor's answer is right."
    )
    demonstrated: Share = setting(
        "Share of texts that show two or three solved questions in a row."
    )
    worked: Share = setting("Share of the true texts that spell out their reasoning.")
    background: Number = setting(
        "Share of the whole corpus that is lists of random words, each written twice.", ge=0, lt=1
    )
    tasks: dict[str, Frequencies] = setting(
        "Other frequencies for single tasks, for instance neqa with true_frequency 0.1.", None
    )


class Rung(Model):
    """One size of the ladder."""

    size: str = setting(
        "What the report calls it; here the parameters without the embeddings.",
        pattern="^[0-9a-zA-Z.]+$",
    )
    hidden: int = setting("Width of the residual stream.", ge=4)
    layers: Count = setting("Number of layers.")
    heads: Count = setting("Attention heads; hidden is a multiple of four times them.")
    embedding_rate: Number = setting(
        "Peak learning rate of AdamW, for embeddings, norms and biases.", gt=0
    )
    matrix_rate: Number = setting(
        "Peak learning rate of Muon, for the weight matrices of the layers.", gt=0
    )
    text: Number = setting(
        "Share of the training text that it is trained on (left out: all of it).", None, gt=0, le=1
    )


class Ladder(Model):
    """The embedded family, trained by this workflow."""

    seeds: Distinct[Annotated[int, Field(ge=0, le=2**32 - 1)]] = setting(
        "Training seeds; every rung is trained once with each."
    )
    corpus: Corpus
    vocabulary: int = setting("Tokens of the ladder's tokenizer, at most.", ge=300)
    context: int = setting("Longest prompt, in tokens.", ge=16)
    row_lengths: Distinct[Annotated[int, Field(ge=16)]] = setting(
        "Lengths of training rows, in tokens; a text goes to the shortest that holds it."
    )
    batch_tokens: int = setting("Tokens of one training step, about.", ge=16)
    warmup: Share = setting("Share of the steps in which the learning rate rises.")
    weight_decay: Number = setting("Decoupled weight decay.", ge=0)
    device: Literal["cpu", "cuda"] = setting(
        "Where the ladder is trained; other weights come out on another device."
    )
    rungs: list[Rung] = setting("The sizes, smallest first.", min_length=1)

    @model_validator(mode="after")
    def _check(self) -> Ladder:
        if len({rung.size for rung in self.rungs}) < len(self.rungs):
            raise InvalidError("two rungs have one size", "rename one", "rungs")
        for rung in self.rungs:
            if rung.hidden % (4 * rung.heads):
                what = f"hidden {rung.hidden} is no multiple of 4 x heads ({rung.heads})"
                raise InvalidError(what, "change one of them", f"rungs, {rung.size}")
        if max(self.row_lengths) > self.context:
            what = f"{max(self.row_lengths)} is longer than context {self.context}"
            raise InvalidError(what, "make the context longer", "row_lengths")
        return self


LadderChanges = changes(Ladder)


class Additions(Model):
    """What a user lays beside the tasks and the registry of this project."""

    task_folders: Places = setting(
        "Folders with tasks of your own, each a folder with a task.yaml, relative to where "
        "Snakemake runs; ~ is the home folder. No two tasks may have one name."
    )
    registry: Places = setting(
        "Files with families of your own, written as config/models.yaml is, relative to where "
        "Snakemake runs; ~ is the home folder. No two families may have one name."
    )


class Configuration(Additions):
    """What to run. The default is config/config.yaml."""

    output: Annotated[str, AfterValidator(_check_output)] = setting(
        "Folder for all products, relative to where Snakemake runs; ~ is the home folder. Any "
        "marks but { } < > * ? and backslash.",
        min_length=1,
    )
    tasks: Distinct[Name] = setting("Names of folders under tasks/ and those of task_folders.")
    variants: Distinct[Annotated[str, AfterValidator(_check_variant)]] = setting(
        "How an item becomes a prompt: zero-shot, few-shot-k (k a number), one-shot, cot, "
        "zero-shot-cot, inside-k, which keeps the last k of the solved questions that the items of "
        "some tasks hold, each also with -generated at the end, where the model writes its answer; "
        "or think-k, where it may think for k tokens before."
    )
    axes: Annotated[list[ScaleAxis], AfterValidator(distinct)] = setting(
        "What curves run along besides the sizes of a family (training FLOPs), from the numbers "
        "that are measured anyway: shots (few-shot-k, zero-shot as 0) or thinking-tokens (think-k, "
        "zero-shot-generated as 0) at one size; training-tokens or parameters, the other being the "
        "same.",
        json_schema_extra={"uniqueItems": True},
    )
    families: Distinct[str] = setting(
        "Families of config/models.yaml and of the files of registry, and those of ladders."
    )
    replica: Replica
    sources: dict[str, Sources] = setting(
        "Where the items of each task come from, a list of sources, as in [official, replica], for "
        "each task, and below 'all' for tasks without a key of their own; with several sources a "
        "task is run on the items of each, and they are never mixed. A source is replica, "
        "official, round-1 or own; with -first-N after it (official-first-200) the first N of its "
        "items, with -random-N-sS (official-random-200-s1) N of them, drawn with seed S.",
        json_schema_extra={"required": [ALL]},
    )
    official: Official
    prompts: Prompts
    scoring: Scoring
    generation: Generation
    elsewhere: list[Elsewhere] = setting(
        "Curves that were measured elsewhere: judged by the same tests, and shown in a section of "
        "their own, as in [{path: their/results, models: their-models.csv}].",
        None,
    )
    prices: dict[Name, ModelPrice] = setting(
        "What servers charge, by model or family, as in my-model: {currency: USD, input: 0.15, "
        "output: 0.6}. It changes no result.",
        None,
    )
    plan: Plan
    shapes: Shapes
    atlas: Atlas
    ladder: Ladder
    ladders: dict[Name, LadderChanges] = setting(  # type: ignore[valid-type]
        "Further families that are trained here, by name, each with what it changes of 'ladder', "
        "as in ladder-rare: {corpus: {true_frequency: 0.1}}. Those that 'families' names are run.",
        None,
    )

    @model_validator(mode="after")
    def _check(self) -> Configuration:
        if ALL not in self.sources:
            raise InvalidError(f"key '{ALL}' is missing", f"add '{ALL}:'", "sources")
        if ALL in self.tasks:
            what = f"a task named '{ALL}' would be meant by sources.{ALL}"
            raise InvalidError(what, "rename its folder", "tasks")
        return self


def read_additions(config: Config, where: str = "config") -> dict[str, list[str]]:
    """``task_folders`` and ``registry`` of a configuration that is not checked yet.

    Raises
    ------
    UserError
        If one of them is no list of paths.
    """
    given = {key: config[key] for key in Additions.model_fields if key in config}
    return validate(Additions, given, where).model_dump()


def task_paths(config: Config, root: Path, where: str = "config") -> dict[str, Path]:
    """The folders of all tasks that a configuration may name, by name.

    Raises
    ------
    UserError
        If one of ``task_folders`` holds no task, or one of the name of another.
    """
    found = _tasks_in(root / "tasks")
    for place in map(Path, config.get("task_folders", ())):
        if not (own := _tasks_in(place)):
            what, do = "is no folder", "name a folder with tasks in it"
            if (place / "task.yaml").exists():
                what, do = "is a task", "name the folder that it lies in"
            elif place.is_dir():
                what, do = "holds no task", "name a folder with tasks in it, TASK/task.yaml"
            raise UserError(f"{where}, task_folders", f"'{place}' {what}", do)
        for name in own.keys() & found.keys():
            what = f"task '{name}' is in {found[name].parent} and in {place}"
            raise UserError(f"{where}, task_folders", what, "rename the folder of one of them")
        found |= own
    return found


def _tasks_in(folder: Path) -> dict[str, Path]:
    """The tasks of a folder, by name."""
    return {path.parent.name: path.parent for path in sorted(folder.glob("*/task.yaml"))}


def check(
    config: Config, registry: Mapping[str, Any], root: Path, where: str = "config"
) -> dict[str, Any]:
    """Check a configuration by itself, and against the tasks and the registry.

    Parameters
    ----------
    config, registry : mapping
    root : Path
        Folder of this project.
    where : str
        What a message calls the configuration.

    Returns
    -------
    dict
        The configuration, ``~`` of its folders replaced and ``output`` without detours.

    Raises
    ------
    UserError
        Naming the first wrong key.
    """
    settings = validate(Configuration, config, where)
    paths = task_paths(settings.model_dump(include={"task_folders"}), root, where)
    known = sorted(paths)
    for name in settings.tasks:
        if name not in known:
            raise unknown(f"{where}, tasks", "task", name, known)
    _check_ladders(settings, registry, known, where)
    tasks = {name: load_task(paths[name]) for name in settings.tasks}
    for task in tasks.values():
        if not any([parse_variant(variant).applies(task) for variant in settings.variants]):
            raise UserError(
                f"{where}, variants",
                f"none of them is one of task '{task.name}'",
                "add zero-shot, or leave the task out",
            )
    for axis in settings.axes:
        _check_axis(axis, settings.variants, where)
    _check_families(settings, registry, tasks, where)
    _check_prices(settings, registry, where)
    _check_sources(settings, known, tasks, where)
    trained = [family for family in settings.families if family in ladders(config)]
    if trained and not any(task.has_replica for task in tasks.values()):
        raise UserError(
            f"{where}, families",
            f"'{trained[0]}' learns from what the tasks' replica.py write, and no task has one",
            "add a task that has one, or choose another family",
        )
    return settings.model_dump(exclude_unset=True)


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
    mirror = released.mirror(config)
    paths = task_paths(config, root)
    for source, name in editions(config):
        task, source = load_task(paths[name]), base_of(source)
        if source == OWN:
            # Part of the project, so it is wanted even where its items were made before.
            own_items.find_own(task)
        made = output / "tasks" / source / f"{name}.jsonl"
        if source in (OFFICIAL, ROUND_1) and mirror and not made.exists():
            released.find(released.release(task, source), mirror)
    for entry in config.get("elsewhere", ()):
        for path in filter(None, (entry["path"], entry.get("models"))):
            if not Path(path).exists():
                raise UserError(f"elsewhere, {path}", "no such file or folder", "correct its path")
    for name, model in models(config, registry).items():
        entry = model.get("entry", {})
        if "package" in entry and not (output / "models" / name / "model.json").exists():
            unpack.find(entry, f"{file_of(registry[model['family']])}, {name}")


def editions(config: Config) -> list[tuple[str, str]]:
    """The editions of tasks that are run: pairs of source and task, in the order of the tasks.

    Examples
    --------
    >>> sources = {"all": ["replica"], "neqa": ["official", "replica"]}
    >>> editions({"tasks": ["neqa", "redefine"], "sources": sources})
    [('official', 'neqa'), ('replica', 'neqa'), ('replica', 'redefine')]
    """
    sources = config["sources"]
    return [
        (source, task) for task in config["tasks"] for source in sources.get(task, sources[ALL])
    ]


def read_command_line(files: Iterable[Path], words: Config, parsed: Config) -> dict[str, Any]:
    """The configuration of a command line, read again: Snakemake reads YAML in another way.

    Parameters
    ----------
    files : iterable of Path
        Those of ``--configfile``; a later one takes precedence.
    words : mapping
        Of ``--config``; takes precedence over all files.
    parsed : mapping
        What Snakemake made of them; returned as it is if a file asks Snakemake for templates
        (``__use_yte__``).

    Raises
    ------
    UserError
        If a file has two readings; see `yaml_files.read`.
    """
    config: dict[str, Any] = {}
    for path in files:
        settings = yaml_files.read_mapping(path)
        if "__use_yte__" in settings:
            return dict(parsed)
        config = yaml_files.merge_defaults(settings, config)
    return yaml_files.merge_defaults(
        {key: _typed(value, False) for key, value in words.items()}, config
    )


def _typed(value: Any, inside: bool) -> Any:
    """A value of ``--config``: Snakemake leaves whatever is inside of brackets a text."""
    if isinstance(value, dict):
        return {key: _typed(part, True) for key, part in value.items()}
    if isinstance(value, list):
        return [_typed(part, True) for part in value]
    if inside and isinstance(value, str):
        read = yaml_files.parse(value, "--config")
        return read if isinstance(read, int | float) else value
    return value


def settings_for_provenance(config: Config) -> dict[str, Any]:
    """The configuration without what no result depends on: where files lie, plan, prices, atlas."""
    left_out = ("official", "plan", "prices", "atlas", *Additions.model_fields)
    return {key: value for key, value in config.items() if key not in left_out}


def models(config: Config, registry: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The models that a configuration asks for, by name.

    Returns
    -------
    dict of str to dict
        ``family``, ``size`` and ``seed``; for released models also ``entry``, their registry entry
        with the settings of their family.
    """
    named: dict[str, dict[str, Any]] = {}
    own = ladders(config)
    for family in config["families"]:
        if family in own:
            for rung in own[family]["rungs"]:
                for seed in own[family]["seeds"]:
                    name = f"{family}-{rung['size']}-s{seed}"
                    named[name] = {"family": family, "size": rung["size"], "seed": seed}
                    if thinking := registry.get(family, {}).get("thinking"):
                        named[name]["thinking"] = thinking
        else:
            settings = {key: registry[family][key] for key in SETTINGS if key in registry[family]}
            for name, entry in registry[family]["models"].items():
                about = {"family": family, "size": entry["size"]} | {"seed": entry.get("seed", 0)}
                named[name] = about | {"entry": settings | entry}
    return named


def _check_ladders(
    settings: Configuration, registry: Mapping[str, Any], known: list[str], where: str
) -> None:
    """Check what every further ladder comes to with the settings that it does not change."""
    for family in settings.ladders or {}:
        if family in registry:
            what = f"'{family}' is a family of {file_of(registry[family])} too"
            raise UserError(f"{where}, ladders.{family}", what, "give it another name")
    dumped = settings.model_dump(include={LADDER, "ladders"}, exclude_unset=True)
    for family, own in ladders(dumped).items():
        at = f"{where}, {LADDER}" if family == LADDER else f"{where}, ladders.{family}"
        ladder = validate(Ladder, own, at)
        for name in ladder.corpus.tasks or {}:
            if name not in known:
                raise unknown(f"{at}.corpus.tasks", "task", name, known)


def _check_axis(axis: str, variants: list[str], where: str) -> None:
    """Refuse an axis of prompt variants on which no two of them stand."""
    kinds = [kind for kind in KINDS if kind.axis == axis]
    curves = points_along(axis, variants)
    if not kinds or any(len(points) > 1 for points in curves.values()):
        return
    there = ", ".join(name for points in curves.values() for name in points) or "none"
    patterns = " or ".join(kind.pattern for kind in kinds)
    origins = " or ".join(dict.fromkeys(kind(k=1).origin.name for kind in kinds))
    raise UserError(
        f"{where}, axes",
        f"'{axis}' needs two variants that differ in their number alone, and there is {there}",
        f"add {patterns} with other numbers (and {origins}, which is 0) to 'variants', or leave "
        "the axis out",
    )


def _check_families(
    settings: Configuration, registry: Mapping[str, Any], tasks: Mapping[str, Task], where: str
) -> None:
    """Look for the families and their folders; no two may have a model of one name."""
    trained = settings.model_dump(include={LADDER, "ladders"}, exclude_unset=True)
    known = sorted({*registry, *ladders(trained)})
    for family in settings.families:
        if family not in known:
            raise unknown(f"{where}, families", "model family", family, known)
    families: dict[str, str] = {}
    variants = list(map(parse_variant, settings.variants))
    chats = True
    for family in settings.families:
        own, file = trained | {"families": [family]}, file_of(registry.get(family, {}))
        for name, model in models(own, registry).items():
            if name in families:
                what = f"'{families[name]}' and '{family}' both have a model '{name}'"
                raise UserError(f"{where}, families", what, f"rename one in {file}")
            families[name] = family
            entry = model.get("entry", {})
            _check_folder(f"{file}, {family}, {name}", entry)
            if "endpoint" in entry and settings.scoring.too_long == "cut":
                raise UserError(
                    f"{where}, scoring.too_long",
                    f"is cut, which cannot be done with {name}: its server makes the tokens",
                    "set it to error, or run the family by itself",
                )
            if entry.get("chat") == "template":
                _check_chat(f"{file}, {family}, {name}", settings, entry)
            chats = chats and is_chat(entry)
            if "endpoint" in entry:
                check_endpoint(
                    f"{file}, {family}, {name}",
                    entry,
                    [v for v in variants if any(map(v.applies, tasks.values()))],
                    settings.generation.tokens,
                    settings.generation.temperature,
                )
    for task in tasks.values() if chats else ():
        if not any(v.writes and v.applies(task) for v in variants):
            raise UserError(
                f"{where}, tasks",
                f"'{task.name}' has no variant that the models can answer: all are asked by chat",
                "leave the task out, or add zero-shot-generated if it has classes",
            )


def _check_prices(settings: Configuration, registry: Mapping[str, Any], where: str) -> None:
    """A price is one of a model on a server, or of its family."""
    trained = settings.model_dump(include={LADDER, "ladders"}, exclude_unset=True)
    served = {
        name: model["family"]
        for name, model in models(trained | {"families": settings.families}, registry).items()
        if "endpoint" in model.get("entry", {})
    }
    known = [*served, *dict.fromkeys(served.values())]
    for name in settings.prices or {}:
        if name not in known:
            raise unknown(f"{where}, prices", "served model or family", name, known)


def _check_chat(where: str, settings: Configuration, entry: Mapping[str, Any]) -> None:
    """Refuse what cannot be done with a chat template, and a local folder without one."""
    if settings.scoring.too_long == "cut":
        raise UserError(
            "scoring.too_long",
            f"is cut, which would cut the chat template of {where} off",
            "set it to error, or run the family by itself",
        )
    if "path" in entry and not has_chat_template(Path(entry["path"])):
        raise UserError(
            f"{where}, chat: template",
            f"{entry['path']} holds no chat template",
            "take 'chat' out of its family, or add chat_template.jinja to the folder",
        )


def _check_sources(
    settings: Configuration, known: list[str], tasks: Mapping[str, Task], where: str
) -> None:
    """Look whether every task has what its sources and variants need, without opening an item."""
    for name in settings.sources:
        if name in known and name not in tasks:
            raise UserError(
                f"{where}, sources",
                f"'{name}' is not among the tasks that are run",
                "add it to 'tasks', or take it out here",
            )
        if name not in (ALL, *known):
            raise unknown(f"{where}, sources", "task", name, [ALL, *tasks])
    for source, name in editions(settings.model_dump(include={"tasks", "sources"})):
        task, base = tasks[name], base_of(source)
        if base == OWN:
            own_items.described(task)
        elif base != REPLICA:
            released.release(task, base)
        elif not task.has_replica:
            raise UserError(
                f"{where}, sources.{name if name in settings.sources else ALL}",
                f"'{REPLICA}' needs {task.folder / 'replica.py'}, which is not there",
                "write it, or choose another source for this task",
            )
        _check_demonstrations(settings.variants, task, source, where)


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
