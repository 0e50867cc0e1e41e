"""Import a task file of lm-evaluation-harness: ``python -m ushaped.items.harness_tasks FILE.yaml``.

Of tasks with ``output_type: multiple_choice`` the templates ``doc_to_text``, ``doc_to_choice`` and
``doc_to_target`` are filled with the rows of a file or dataset, as ``ConfigurableTask`` in
``lm_eval/api/task.py`` (https://github.com/EleutherAI/lm-evaluation-harness) does, and written as a
task of one's own: ``task.yaml`` and ``items.jsonl``. Templates run in Jinja's sandbox; a task that
needs Python code (``!function``) is refused. What is not taken over is printed at the end.
"""

from __future__ import annotations

import argparse
import ast
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from ushaped.errors import UserError, run
from ushaped.files import whole_folder
from ushaped.items.datasets import folder_files, hub_files
from ushaped.items.records import Record, read_records
from ushaped.items.task import CLASSIFICATION, check_item
from ushaped.models.registry import NAME
from ushaped.variants import SEPARATOR

OUTPUT_TYPE = "multiple_choice"
TEXT, CHOICE, TARGET = TEMPLATES = ("doc_to_text", "doc_to_choice", "doc_to_target")
# Keys that decide what the items are.
TAKEN = (
    *TEMPLATES,
    *("task", "include", "output_type", "description", "target_delimiter"),
    *("num_fewshot", "metric_list", "dataset_path", "dataset_name"),
)
SPLITS = ("test_split", "validation_split", "training_split")
# Keys that change neither prompts nor classes nor which of them is right.
WITHOUT_EFFECT = (
    *SPLITS,
    *("group", "tag", "task_alias", "metadata", "dataset_kwargs", "repeats", "generation_kwargs"),
    *("should_decontaminate", "doc_to_decontamination_query"),
)
# Keys without which the items would be others, and why they cannot be taken over.
REFUSED = {
    "process_docs": "changes the rows by code",
    "use_prompt": "takes its prompts from another collection",
    "gen_prefix": "puts a text between prompt and classes",
    "custom_dataset": "makes the rows by code",
    "class": "is Python code",
    "doc_to_image": "asks about images",
    "doc_to_audio": "asks about sounds",
}
METRIC = "acc"


@dataclass(frozen=True)
class Code:
    """What ``!function`` names."""

    name: str


class _Loader(yaml.SafeLoader):
    """YAML as the harness reads it; code is named and not loaded."""


_Loader.add_constructor("!function", lambda loader, node: Code(str(node.value)))


@dataclass(frozen=True)
class Imported:
    """A task that was taken over.

    Attributes
    ----------
    name : str
    facts : dict
        Of ``task.yaml``.
    items : list of dict
        In the prize's schema.
    variants : list of str
        That the task file asks for.
    left_out : list of str
        What was not taken over.
    """

    name: str
    facts: dict[str, Any]
    items: list[dict[str, Any]]
    variants: list[str]
    left_out: list[str]


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, import, write, print what was not taken over."""
    options = _parse(arguments)
    config = read_config(options.file)
    name = options.name or str(config.get("task", ""))
    if not NAME.fullmatch(name):
        raise UserError(f"{options.file}, task", f"{name!r} is no name of a folder", "give --name")
    folder = options.output / name
    if folder.exists():
        raise UserError(str(folder), "is there already", "delete it, or give another --name")
    with TemporaryDirectory() as place:
        records = read_data(options, config, Path(place))
    made = import_task(options.file, config, records, name)
    with whole_folder(folder) as beside:
        lines = (json.dumps(item, ensure_ascii=False) + "\n" for item in made.items)
        (beside / "items.jsonl").write_text("".join(lines), encoding="utf-8")
        text = yaml.safe_dump(made.facts, sort_keys=False, allow_unicode=True)
        (beside / "task.yaml").write_text(text, encoding="utf-8")
    print(f"{folder}: {len(made.items)} items. In a configuration:")
    settings: dict[str, Any] = {"task_folders": [str(options.output)], "tasks": [name]}
    settings |= {"sources": {"all": ["own"]}, "variants": made.variants}
    print(yaml.safe_dump(settings, sort_keys=False, default_flow_style=None), end="")
    print("Not taken over:" if made.left_out else "Everything was taken over.")
    for line in made.left_out:
        print(f"- {line}")


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m ushaped.items.harness_tasks",
        description="Import a task file of lm-evaluation-harness as a task of one's own.",
    )
    parser.add_argument("file", type=Path, metavar="YAML", help="the task file")
    parser.add_argument(
        "--data",
        type=Path,
        metavar="PATH",
        help="its rows: JSON lines, CSV or Parquet, or the folder of a dataset; without it they "
        "are downloaded from the hub (dataset_path)",
    )
    parser.add_argument("--split", help="of the dataset; without it test_split of the file")
    parser.add_argument("--revision", default="main", help="of the dataset on the hub")
    parser.add_argument("--name", help="of the task; without it that of the file")
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER", help="of tasks")
    parser.add_argument(
        "--lock", type=Path, default=Path("models.lock.yaml"), metavar="YAML", help="lock file"
    )
    return parser.parse_args(arguments)


# -- what is read -------------------------------------------------------------------------------


def read_config(path: Path, above: tuple[Path, ...] = ()) -> dict[str, Any]:
    """A task file with those that it includes; its own keys win.

    Raises
    ------
    UserError
        If a file cannot be read, is no mapping, or includes itself.
    """
    if path.resolve() in above:
        raise UserError(str(path), "includes itself", "take the line out")
    try:
        config = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except OSError as error:
        raise UserError(str(path), f"cannot be read ({error.strerror})", "give its path") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        what = " ".join(str(error).split())
        raise UserError(str(path), f"is no YAML ({what})", "give a task file") from None
    if not isinstance(config, dict):
        raise UserError(str(path), "is no mapping", "give a task file")
    included = config.pop("include", [])
    base: dict[str, Any] = {}
    for name in included if isinstance(included, list) else [included]:
        base |= read_config(path.parent / str(name), (*above, path.resolve()))
    return base | config


def read_data(options: argparse.Namespace, config: Mapping[str, Any], place: Path) -> list[Record]:
    """The rows of the task, of a file, of a folder, or downloaded into ``place``.

    Raises
    ------
    UserError
        If they cannot be read or fetched.
    """
    split = options.split or next((config[key] for key in SPLITS if config.get(key)), None)
    subset = config.get("dataset_name")
    where = str(options.file)
    if options.data is None:
        if not isinstance(config.get("dataset_path"), str):
            raise UserError(f"{where}, dataset_path", "names no dataset", "give --data")
        hub = config["dataset_path"]
        _, files = hub_files(
            hub, options.revision, subset, split, lock=options.lock, folder=place, where=where
        )
    elif options.data.is_dir():
        files = folder_files(options.data, subset, split, where)
    elif options.data.is_file():
        files = [options.data]
    else:
        raise UserError(str(options.data), "is not there", "give a file, or a dataset's folder")
    records = [record for file in files for record in _with_numbers(file)]
    if not records:
        raise UserError(str(files[0]), "has no rows", "give a file with one row for each item")
    return records


def _with_numbers(path: Path) -> list[Record]:
    """The rows of a file; columns of whole numbers alone are numbers in CSV too."""
    records = read_records(path)
    for name in records[0] if records and path.suffix in (".csv", ".tsv") else ():
        if all(re.fullmatch(r"-?[0-9]{1,18}", record[name]) for record in records):
            records = [record | {name: int(record[name])} for record in records]
    return records


# -- what is made -------------------------------------------------------------------------------


def import_task(
    path: Path, config: Mapping[str, Any], records: Sequence[Record], name: str
) -> Imported:
    """The task of a file of the harness on some rows.

    Parameters
    ----------
    path : Path
        What messages call the file.
    config : mapping
        From `read_config`.
    records : sequence of mapping
        The rows; at least one.
    name : str
        Of the task.

    Raises
    ------
    UserError
        If the task is of another kind or needs code, or no row makes an item.
    """
    _check_kind(path, config)
    fill = _Filler(path, config)
    items: list[dict[str, Any]] = []
    refused: list[UserError] = []
    for number, record in enumerate(records, start=1):
        try:
            items.append(fill.item(record, f"row {number}"))
        except UserError as error:
            refused.append(error)
    if not items:
        where, what, do = refused[0].args
        raise UserError(f"{path}, {where}", what, do)
    return Imported(
        name,
        _facts(name, items),
        items,
        _variants(config),
        [*_left_out(config, items), *_rows_left_out(refused, len(records))],
    )


def _check_kind(path: Path, config: Mapping[str, Any]) -> None:
    """Refuse what is no task of multiple choice, or needs code."""
    if "group" in config and isinstance(config.get("task"), list):
        raise UserError(str(path), "is a group of tasks", "give the file of one of them")
    kind = config.get("output_type")
    if kind != OUTPUT_TYPE:
        what = f"is {kind!r}" if kind else "is missing"
        raise UserError(f"{path}, output_type", what, f"only {OUTPUT_TYPE} can be taken over")
    for key, why in REFUSED.items():
        if config.get(key) is not None:
            raise UserError(f"{path}, {key}", why, "write the items by a program of your own")
    for key in (*TEMPLATES, "description", "target_delimiter"):
        if isinstance(config.get(key), Code):
            what = f"is code (!function {config[key].name}), which is not run"
            raise UserError(f"{path}, {key}", what, "write the items by a program of your own")
    for key in TEMPLATES:
        if config.get(key) is None:
            raise UserError(f"{path}, {key}", "is missing", "give a complete task file")


class _Filler:
    """Fills the templates of a task with one row after the other."""

    def __init__(self, path: Path, config: Mapping[str, Any]) -> None:
        environment = ImmutableSandboxedEnvironment(
            undefined=StrictUndefined, keep_trailing_newline=True
        )
        environment.filters["regex_replace"] = _regex_replace
        self._config = config
        self._templates: dict[str, Template] = {}
        for key in (*TEMPLATES, "description"):
            if not isinstance(config.get(key), str):
                continue
            try:
                self._templates[key] = environment.from_string(config[key])
            except TemplateSyntaxError as error:
                what = f"is no template ({error.message}, line {error.lineno})"
                raise UserError(f"{path}, {key}", what, "mend it") from None

    def item(self, record: Record, where: str) -> dict[str, Any]:
        """The item of a row."""
        text = self._text(record, where)
        choices = self._choices(record, where)
        answer = self._answer(record, choices, where)
        delimiter = str(self._config.get("target_delimiter", " "))
        context = self._description(record, where) + text
        # As the harness encodes a pair: blanks at the end of the prompt belong to the class.
        prompt = context.rstrip()
        blanks = context[len(prompt) :] + delimiter
        item = {
            "prompt": prompt,
            "classes": [blanks + choice for choice in choices],
            "answer_index": answer,
        }
        check_item(where, item, CLASSIFICATION)
        return item

    def _text(self, record: Record, where: str) -> str:
        value = self._value(TEXT, record, where)
        number = isinstance(value, str) and value.isdigit() and not self._is_column(TEXT, record)
        if isinstance(value, int) or number:
            what = "is the number of a choice: each choice is a prompt of its own"
            raise UserError(
                f"{where}, {TEXT}", what, "it has no classes to compare after one prompt"
            )
        if not isinstance(value, str):
            raise UserError(f"{where}, {TEXT}", f"{value!r:.80} is no text", "mend the template")
        return value

    def _description(self, record: Record, where: str) -> str:
        if not self._config.get("description"):
            return ""
        return str(self._value("description", record, where))

    def _choices(self, record: Record, where: str) -> list[str]:
        value = self._value(CHOICE, record, where)
        if isinstance(value, dict):
            value = list(value.values())
        elif isinstance(value, str) and not self._is_column(CHOICE, record):
            value = _literal(value)
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            what = f"{value!r:.80} is no list of texts"
            raise UserError(f"{where}, {CHOICE}", what, "mend the template")
        return value

    def _answer(self, record: Record, choices: list[str], where: str) -> int:
        value = self._value(TARGET, record, where)
        if isinstance(value, str) and not self._is_column(TARGET, record):
            listed = value[:1] + value[-1:] == "[]"
            value = int(value) if value.isdigit() else _literal(value) if listed else value
        if isinstance(value, list):
            what = "are several right answers"
            raise UserError(f"{where}, {TARGET}", what, "an item has one right class")
        if isinstance(value, str) and value in choices:
            value = choices.index(value)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < len(choices):
            what = f"{value!r:.80} is none of {len(choices)} choices"
            raise UserError(f"{where}, {TARGET}", what, "does this split have its answers?")
        return value

    def _value(self, key: str, record: Record, where: str) -> Any:
        """A column's value, if the template is the name of one, or the filled template."""
        if self._is_column(key, record):
            return record[self._config[key]]
        if key not in self._templates:
            return self._config[key]
        try:
            return self._templates[key].render(**record)
        except TemplateError as error:
            what = f"cannot be filled ({error})"
            raise UserError(f"{where}, {key}", what, _there(record)) from None
        except Exception as error:  # a template may call methods of any value
            what = f"cannot be filled ({type(error).__name__}: {error})"
            raise UserError(f"{where}, {key}", what, "mend the template or the row") from None

    def _is_column(self, key: str, record: Record) -> bool:
        """Whether a template is the name of a column."""
        return isinstance(self._config[key], str) and self._config[key] in record


def _there(record: Record) -> str:
    return f"the row has: {', '.join(map(str, record))}"


def _regex_replace(text: str, pattern: str, replacement: str, count: int = 0) -> str:
    """The filter of that name of the harness."""
    return re.sub(pattern, replacement, text, count=count)


def _literal(text: str) -> Any:
    """The Python value that a text is, or the text."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        return text


def _facts(name: str, items: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Of ``task.yaml``."""
    sizes = {len(item["classes"]) for item in items}
    counts = Counter(item["answer_index"] for item in items)
    return {
        "title": name,
        "schema": CLASSIFICATION,
        "metric": "accuracy",
        "balanced": sizes == {len(counts)} and len(set(counts.values())) == 1,
        "true_task": "choose the right answer",
        "distractor_task": "unknown (imported from lm-evaluation-harness, whose file names none)",
        "chain": {"answer_after": " So the answer is", "stop": ["\n"]},
        "own": {"file": "items.jsonl"},
    }


def _variants(config: Mapping[str, Any]) -> list[str]:
    shots = config.get("num_fewshot")
    return ["zero-shot", *([f"few-shot-{shots}"] if isinstance(shots, int) and shots else [])]


def _left_out(config: Mapping[str, Any], items: Sequence[Mapping[str, Any]]) -> list[str]:
    """What of the file changes nothing here, though it would change a result of the harness."""
    lines = [_metric_line(name) for name in _metrics(config) if name != METRIC]
    if len(_variants(config)) > 1:
        lines += _shot_lines(config)
    handled = {*TAKEN, *WITHOUT_EFFECT, *REFUSED, "fewshot_split", "fewshot_delimiter"}
    lines += [f"{key}: has no counterpart here" for key in config if key not in handled]
    if any(not name[:1].isspace() for item in items for name in item["classes"]):
        lines.append(
            "target_delimiter: some classes begin with no space, and are joined without one"
        )
    return [
        *lines,
        "true_task, distractor_task: the file does not say them; write them in task.yaml",
    ]


def _metrics(config: Mapping[str, Any]) -> list[str]:
    listed = config.get("metric_list") or [{"metric": METRIC}]
    names = [one.get("metric") if isinstance(one, dict) else one for one in listed]
    return [f"!function {one.name}" if isinstance(one, Code) else str(one) for one in names]


def _metric_line(name: str) -> str:
    if name in ("acc_norm", "acc_bytes"):
        return f"metric {name}: classes are compared by their summed log-probability, not by length"
    return f"metric {name}: the metric is accuracy"


def _shot_lines(config: Mapping[str, Any]) -> list[str]:
    """How few-shot prompts differ from those of the harness."""
    split = config.get("fewshot_split") or config.get("training_split")
    lines = []
    if split:
        lines.append(f"few-shot: other items of the task are shown, not those of split '{split}'")
    delimiter = config.get("fewshot_delimiter", "\n\n")
    if delimiter != SEPARATOR:
        lines.append(f"few-shot: items are joined by {SEPARATOR!r}, not by {delimiter!r}")
    if config.get("description"):
        lines.append("description: stands before every item of a few-shot prompt, not once")
    return lines


def _rows_left_out(refused: Sequence[UserError], rows: int) -> list[str]:
    """The rows that made no item, in one line, with the first three reasons."""
    if not refused:
        return []
    reasons = [f"{error.args[0]}: {error.args[1]}" for error in refused[:3]]
    more = ", ..." if len(refused) > 3 else ""
    return [f"{len(refused)} of {rows} rows: {'; '.join(reasons)}{more}"]


if __name__ == "__main__":
    run(main)
