"""Files of lm-evaluation-harness (0.4): which belong together, and what they hold.

A run writes ``results_<date>.json`` into a folder named after the model, and with ``--log_samples``
beside it ``samples_<task>_<date>.jsonl`` with one line for each document and filter. The formats
were read in version 0.4.9 and checked against files that 0.4.13 wrote
(``loggers/evaluation_tracker.py``, ``evaluator.py``).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ushaped.errors import UserError
from ushaped.metrics.definitions import joined
from ushaped.shapes.standalone.table_input import LARGEST_COUNT, LARGEST_NUMBER, is_text, parse_json

# The keys of a sample that are no metric; older versions do not list a sample's metrics.
NO_METRICS = {"doc_id", "doc", "target", "arguments", "resps", "filtered_resps"} | {
    *("filter", "metrics", "doc_hash", "prompt_hash", "target_hash")
}
# Metrics that are no mean over samples: what a sample holds of them, if anything, is a part of
# their computation (of perplexity a log-likelihood), so they are read from results alone.
NO_MEANS = {"perplexity", "word_perplexity", "byte_perplexity", "bits_per_byte"} | {
    *("bleu", "chrf", "ter", "mcc", "brier_score", "acc_all")
}
# Of results, the keys that hold something for each task, and whether that is a mapping again.
SECTIONS = {"results": True, "higher_is_better": True, "n-samples": True, "configs": False} | {
    **dict.fromkeys(("n-shot", "versions", "groups", "group_subtasks"), False)
}
# Keys of a task's results that are no metric, where metrics stand without filters.
NO_RESULTS = ("name", "alias", "sample_len", "samples", "sample_count")

DATE = r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d(?:\.\d+)?"
SAMPLES_NAME = re.compile(rf"samples_(?P<task>.+)_(?P<date>{DATE})\.jsonl")
RESULTS_NAME = re.compile(rf".+_(?P<date>{DATE})\.json")

WRITTEN = "give what 'lm_eval --output_path ... --log_samples' wrote"


@dataclass
class Run:
    """Files of one folder and date.

    Attributes
    ----------
    folder : Path
        Without links.
    date : str
    aliases : set of Path
        Other paths of the folder, through links.
    path : Path or None
        Of the results; None where there are none.
    results : dict
        What ``results_<date>.json`` holds; empty where there is none.
    samples : dict of str to Path
        File of each task.
    dangling : list of Path
        Links with names of results or samples whose targets do not exist.
    """

    folder: Path
    date: str
    aliases: set[Path] = field(default_factory=set)
    path: Path | None = None
    results: dict[str, Any] = field(default_factory=dict)
    samples: dict[str, Path] = field(default_factory=dict)
    dangling: list[Path] = field(default_factory=list)

    def is_of(self, model: str) -> bool:
        """Whether the run is of a model, by its name or by the end of the folder's path."""
        folders = [self.folder, *self.aliases]
        names = {folder.name for folder in folders}
        if isinstance(name := self.results.get("model_name"), str):
            names.add(sanitize_name(name))
        ends = (f"/{folder.as_posix()}".endswith(f"/{model}") for folder in folders)
        return sanitize_name(model) in names or any(ends)

    @property
    def tasks(self) -> list[str]:
        """Tasks of the run; the groups among its results are none."""
        groups = {name for name, tasks in self._section("group_subtasks").items() if tasks}
        groups |= self._section("groups").keys()
        named = self._section("configs") or self._section("results")
        return list(dict.fromkeys([*(one for one in named if one not in groups), *self.samples]))

    def protocol(self, task: str) -> str:
        """How the task was asked; "" where there are no results that say it."""
        if not self.results:
            return ""
        shots, version = (self._section(name).get(task) for name in ("n-shot", "versions"))
        return joined(
            (
                "" if shots is None else f"{shots}-shot",
                "" if version is None else f"task version {version}",
                "chat template" if self.results.get("chat_template_sha") else "",
                "system instruction" if self.results.get("system_instruction_sha") else "",
            ),
            ", ",
        )

    @property
    def arguments(self) -> str | None:
        """Arguments that the model was run with, where the results say them."""
        config = self.results.get("config")
        return str(config.get("model_args")) if isinstance(config, dict) else None

    def higher_is_better(self, task: str, metric: str) -> bool | None:
        """What the results say of the direction of a metric; None where they do not."""
        said = (self._section("higher_is_better").get(task) or {}).get(metric)
        return said if isinstance(said, bool) else None

    def means(self, task: str) -> dict[str, Aggregate]:
        """Means of a task by metric and filter."""
        of_task = self._section("results").get(task) or {}
        samples = self._section("n-samples").get(task) or {}
        n = _count(of_task.get("sample_len")) or _count(samples.get("effective"))
        # Before version 0.4 metrics had no filters.
        with_filters = any("," in key for key in of_task)
        found = {}
        for key, mean in of_task.items():
            metric, _, name = key.partition(",")
            is_metric = "," in key if with_filters else key not in NO_RESULTS
            if is_metric and not metric.endswith("_stderr"):
                error = of_task.get(f"{metric}_stderr,{name}" if name else f"{metric}_stderr")
                found[f"{metric},{name or 'none'}"] = Aggregate(_number(mean), _error(error), n)
        return found

    def _section(self, name: str) -> dict[str, Any]:
        return self.results.get(name) or {}


@dataclass(frozen=True)
class Samples:
    """One model's samples of one task.

    Attributes
    ----------
    path : Path
    values : dict of str to dict of str to float
        For each metric and filter (``acc,none``) and item, the value. An item is known by its
        number and the digest of its content.
    odd : dict of str to list of int
        For each metric and filter, the lines without a number for it.
    chance : float
        Value of guessing evenly among the choices; NaN where there are none.
    """

    path: Path
    values: dict[str, dict[str, float]]
    odd: dict[str, list[int]]
    chance: float


@dataclass(frozen=True)
class Aggregate:
    """One model's mean on one task.

    ``mean`` is NaN where it is no finite number, ``error`` where it is not known; ``n`` is 0 where
    it is not known.
    """

    mean: float
    error: float
    n: int

    @property
    def right(self) -> int | None:
        """Right answers, if mean and standard error are those of so many items of 1 or 0."""
        if not self.n or not 0 <= self.mean <= 1:
            return None
        right = round(self.mean * self.n)
        if not math.isclose(self.mean * self.n, right, abs_tol=1e-6 * self.n):
            return None
        # The harness divides by n - 1 under the root, by n for the mean.
        binomial = math.sqrt(self.mean * (1 - self.mean) / max(self.n - 1, 1))
        known = not math.isnan(self.error)
        return right if known and math.isclose(self.error, binomial, abs_tol=1e-6) else None


def sanitize_name(name: str) -> str:
    """Name of a model as the harness writes it into a folder's name.

    Examples
    --------
    >>> sanitize_name("EleutherAI/pythia-70m")
    'EleutherAI__pythia-70m'
    """
    return re.sub(r'["<>:/|\\?*\[\]]+', "__", name)


# -- folders --------------------------------------------------------------------------------------


def read_runs(paths: Sequence[Path]) -> tuple[list[Run], list[Path]]:
    """Read the runs in folders, searched with all below them, and files.

    What is there twice through links is read once.

    Returns
    -------
    list of Run
        The earliest first; samples are not read yet.
    list of Path
        Links whose targets do not exist.

    Raises
    ------
    UserError
        If there are no runs, or a file does not hold what its name says.
    """
    files = _Folders()
    for path in paths:
        if path.is_dir():
            files.search(path)
        elif path.exists():
            if _match(path) is None:
                raise UserError(str(path), "is not named as the harness names files", WRITTEN)
            files.files.append(path)
        else:
            is_link = path.is_symlink()
            raise UserError(
                str(path), "is a link to nothing" if is_link else "is not there", WRITTEN
            )
    runs: dict[tuple[Path, str], Run] = {}

    def run_of(file: Path, date: str) -> Run:
        folder = file.parent.resolve()
        aliases = files.aliases.get(folder, set())
        return runs.setdefault((folder, date), Run(folder, date, aliases))

    for file in files.once():
        match = _match(file)
        assert match is not None
        run = run_of(file, match["date"])
        if task := match.groupdict().get("task"):
            if not is_text(task):
                raise UserError(repr(str(file)), "is not named in printable UTF-8", "rename it")
            run.samples[task] = file
        else:
            results = _read_results(file)
            if run.path and results != run.results:
                what = f"and {run.path.name} are results of one date that differ"
                raise UserError(str(file), what, "give each run a folder of its own")
            run.path, run.results = file, results
    for link in files.dangling:
        if match := _match(link):
            run_of(link, match["date"]).dangling.append(link)
    if not runs:
        told = ", ".join(str(path) for path in [*paths, *files.dangling])
        raise UserError(told, "holds no output of lm-evaluation-harness", WRITTEN)
    return sorted(runs.values(), key=lambda run: run.date), files.dangling


def _match(file: Path) -> re.Match[str] | None:
    return SAMPLES_NAME.fullmatch(file.name) or RESULTS_NAME.fullmatch(file.name)


@dataclass
class _Folders:
    """Folders that were searched, and files named as the harness names them."""

    files: list[Path] = field(default_factory=list)
    aliases: dict[Path, set[Path]] = field(default_factory=dict)
    dangling: list[Path] = field(default_factory=list)

    def search(self, folder: Path) -> None:
        """Add a folder and all below it; links are followed, but to no folder a second time."""
        real = folder.resolve()
        searched = real in self.aliases
        self.aliases.setdefault(real, set()).add(folder.absolute())
        if searched:
            return
        try:
            for entry in sorted(folder.iterdir()):
                if entry.is_dir():
                    self.search(entry)
                elif not entry.exists():
                    self.dangling.append(entry)
                elif _match(entry):
                    self.files.append(entry)
        except OSError as error:
            what = f"cannot be read ({error.strerror})"
            raise UserError(str(folder), what, "allow it, or leave the folder out") from None

    def once(self) -> list[Path]:
        """The files, each once; one that is no link before links to it."""
        found: dict[Path, Path] = {}
        for file in sorted(self.files, key=lambda file: (file.is_symlink(), file)):
            found.setdefault(file.resolve(), file)
        return list(found.values())


# -- results --------------------------------------------------------------------------------------


def _read_results(path: Path) -> dict[str, Any]:
    try:
        read = parse_json(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        what = f"holds no results of lm-evaluation-harness ({_one_line(error)})"
        raise UserError(str(path), what, WRITTEN) from None
    if not isinstance(read, dict) or "results" not in read:
        raise UserError(str(path), "holds no results of lm-evaluation-harness", WRITTEN)
    for name, deep in SECTIONS.items():
        section = read.get(name)
        if not isinstance(section, dict | None):
            raise UserError(str(path), f"'{name}' is no mapping of tasks", WRITTEN)
        for task, own in (section or {}).items():
            if not is_text(task):
                what = f"{task!r} in '{name}' has a control character or half of one"
                raise UserError(str(path), what, WRITTEN)
            if deep and not isinstance(own, dict | None):
                raise UserError(str(path), f"'{name}' of task '{task}' is no mapping", WRITTEN)
    return read


def _number(value: object) -> float:
    """A finite number; NaN for all else, true and false among it."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return math.nan
    try:
        number = float(value)
    except OverflowError:
        return math.nan
    return number if abs(number) <= LARGEST_NUMBER else math.nan


def _error(value: object) -> float:
    """A standard error; NaN where it was not computed (``N/A``, ``[]``, null) or can be none."""
    error = _number(value)
    return error if error >= 0 else math.nan


def _count(value: object) -> int:
    """A number of items; 0 where it is none."""
    count = _number(value)
    return int(count) if 1 <= count <= LARGEST_COUNT and count == int(count) else 0


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:100]


# -- samples --------------------------------------------------------------------------------------


def read_samples(path: Path) -> Samples:
    """Values of one file of samples.

    Raises
    ------
    UserError
        With file and line, for what is no sample, or a document that is there twice.
    """
    values: dict[str, dict[str, float]] = {}
    with_number: dict[str, set[int]] = {}
    lines: dict[str, dict[str, int]] = {}
    even: list[float] = []
    for line, sample in _samples(path):
        where = f"{path}, line {line}"
        filtered, document = sample.get("filter") or "none", str(sample["doc_id"])
        if document in lines.setdefault(filtered, {}):
            raise UserError(where, f"document {document} is there twice", WRITTEN)
        lines[filtered][document] = line
        even.append(_even(sample))
        for metric in sample.get("metrics") or sample.keys() - NO_METRICS:
            value = sample.get(metric)
            number = float(value) if isinstance(value, bool) else _number(value)
            if metric not in NO_MEANS and not math.isnan(number):
                name, item = f"{metric},{filtered}", f"{document}:{sample.get('doc_hash') or ''}"
                values.setdefault(name, {})[item] = number
                with_number.setdefault(name, set()).add(line)
    if not even:
        raise UserError(str(path), "has no samples", WRITTEN)
    odd = {
        name: [one for one in lines[name.partition(",")[2]].values() if one not in known]
        for name, known in with_number.items()
    }
    return Samples(path, values, odd, math.fsum(even) / len(even))


def _samples(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Samples of a file with the numbers of their lines."""
    try:
        with open(path, encoding="utf-8-sig") as lines:
            for count, line in enumerate(lines, 1):
                if line.strip():
                    yield count, _sample(f"{path}, line {count}", line)
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(str(path), f"cannot be read ({error})", WRITTEN) from None


def _sample(where: str, line: str) -> dict[str, Any]:
    try:
        sample = parse_json(line)
    except ValueError as error:
        what = f"is no sample of lm-evaluation-harness ({_one_line(error)})"
        raise UserError(where, what, WRITTEN) from None
    types = {"doc_id": int | str, "filter": str | None, "metrics": list | None}
    if not isinstance(sample, dict) or not all(
        isinstance(sample.get(key), allowed) for key, allowed in types.items()
    ):
        raise UserError(where, "is no sample of lm-evaluation-harness", WRITTEN)
    if not all(isinstance(name, str) for name in sample.get("metrics") or ()):
        raise UserError(where, "names metrics that are no text", WRITTEN)
    return sample


def _even(sample: Mapping[str, Any]) -> float:
    """One over the number of choices; NaN where an answer is written freely.

    A multiple choice has one request for each choice, and as many again without the question
    where mutual information is measured.
    """
    arguments = sample.get("arguments")
    requests = len(arguments) if isinstance(arguments, dict | list) else 0
    if "acc_mutual_info" in sample:
        requests //= 2
    return 1 / requests if requests > 1 else math.nan
