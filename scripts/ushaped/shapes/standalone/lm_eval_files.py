"""Output files of lm-evaluation-harness (0.4).

A run writes ``results_<date>.json`` into a folder named after the model, and with ``--log_samples``
beside it ``samples_<task>_<date>.jsonl`` with one line for each document and filter. The formats
were read in version 0.4.9 and checked against files of 0.4.13 (``loggers/evaluation_tracker.py``,
``evaluator.py``).
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
from ushaped.shapes.standalone.rows import LARGEST_COUNT, LARGEST_NUMBER, is_text, parse_json

# Keys of a sample other than metrics; older versions do not list a sample's metrics.
NO_METRICS = {"doc_id", "doc", "target", "arguments", "resps", "filtered_resps"} | {
    *("filter", "metrics", "doc_hash", "prompt_hash", "target_hash")
}
# Metrics that are no mean over samples: a sample holds at most a part of their computation (of
# perplexity a log-likelihood), so they are read from results alone.
NO_MEANS = {"perplexity", "word_perplexity", "byte_perplexity", "bits_per_byte"} | {
    *("bleu", "chrf", "ter", "mcc", "brier_score", "acc_all")
}
# Keys of results with an entry for each task, and whether the entry is a mapping.
SECTIONS = {"results": True, "higher_is_better": True, "n-samples": True, "configs": False} | {
    **dict.fromkeys(("n-shot", "versions", "groups", "group_subtasks"), False)
}
# Keys of a task's results other than metrics, where metrics have no filters.
NO_RESULTS = ("name", "alias", "sample_len", "samples", "sample_count")

DATE = r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d(?:\.\d+)?"
SAMPLES_NAME = re.compile(rf"samples_(?P<task>.+)_(?P<date>{DATE})\.jsonl")
RESULTS_NAME = re.compile(rf".+_(?P<date>{DATE})\.json")

REMEDY = "give what 'lm_eval --output_path ... --log_samples' wrote"


@dataclass
class Run:
    """Files of one folder and date.

    Attributes
    ----------
    folder : Path
        Resolved; ``aliases`` are its paths through links.
    path : Path or None
        File of the results; None, with empty ``results``, where there is none.
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
        """Tasks of the run, without the groups among its results."""
        groups = {name for name, tasks in self._section("group_subtasks").items() if tasks}
        groups |= self._section("groups").keys()
        named = self._section("configs") or self._section("results")
        return list(dict.fromkeys([*(name for name in named if name not in groups), *self.samples]))

    def protocol(self, task: str) -> str:
        """Shots, task version and templates; "" without results."""
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
        """Arguments of the model, if the results record them."""
        config = self.results.get("config")
        return str(config.get("model_args")) if isinstance(config, dict) else None

    def higher_is_better(self, task: str, metric: str) -> bool | None:
        """Direction of a metric by the results; None where they record none."""
        higher = (self._section("higher_is_better").get(task) or {}).get(metric)
        return higher if isinstance(higher, bool) else None

    def means(self, task: str) -> dict[str, Aggregate]:
        """Means of a task by metric and filter."""
        results = self._section("results").get(task) or {}
        samples = self._section("n-samples").get(task) or {}
        n = whole_count(results.get("sample_len")) or whole_count(samples.get("effective"))
        # Before version 0.4 metrics had no filters.
        with_filters = any("," in key for key in results)
        means = {}
        for key, mean in results.items():
            metric, _, name = key.partition(",")
            is_metric = "," in key if with_filters else key not in NO_RESULTS
            if is_metric and not metric.endswith("_stderr"):
                error = results.get(f"{metric}_stderr,{name}" if name else f"{metric}_stderr")
                means[f"{metric},{name or 'none'}"] = Aggregate(
                    finite_number(mean), _error(error), n
                )
        return means

    def _section(self, name: str) -> dict[str, Any]:
        return self.results.get(name) or {}


@dataclass(frozen=True)
class Samples:
    """One model's samples of one task.

    Attributes
    ----------
    path : Path
    values : dict of str to dict of str to float
        By metric and filter (``acc,none``), then by item: its number and the digest of its content.
    invalid : dict of str to list of int
        By metric and filter, the lines without a number for it.
    chance : float
        Value of guessing evenly among the choices; NaN where there are none.
    """

    path: Path
    values: dict[str, dict[str, float]]
    invalid: dict[str, list[int]]
    chance: float


@dataclass(frozen=True)
class Aggregate:
    """One model's mean on one task; ``mean`` and ``error`` are NaN, ``n`` is 0 where unknown."""

    mean: float
    error: float
    n: int

    @property
    def right(self) -> int | None:
        """Right answers, if mean and standard error are those of ``n`` items of 1 or 0."""
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
    """Read the runs in files, and in folders with all below them; links are followed once.

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
    files = _Files()
    for path in paths:
        if path.is_dir():
            files.search(path)
        elif not path.exists():
            what = "is a link to nothing" if path.is_symlink() else "is not there"
            raise UserError(str(path), what, REMEDY)
        elif _match(path) is None:
            raise UserError(str(path), "is not named as the harness names files", REMEDY)
        else:
            files.found.append(path)
    runs: dict[tuple[Path, str], Run] = {}

    def run_of(file: Path, date: str) -> Run:
        folder = file.parent.resolve()
        aliases = files.aliases.get(folder, set())
        return runs.setdefault((folder, date), Run(folder, date, aliases))

    for file in files.unique():
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
        searched = ", ".join(str(path) for path in [*paths, *files.dangling])
        raise UserError(searched, "holds no output of lm-evaluation-harness", REMEDY)
    return sorted(runs.values(), key=lambda run: run.date), files.dangling


def is_named_by_harness(file: Path) -> bool:
    """Whether a file has the name of results or samples."""
    return _match(file) is not None


def _match(file: Path) -> re.Match[str] | None:
    return SAMPLES_NAME.fullmatch(file.name) or RESULTS_NAME.fullmatch(file.name)


@dataclass
class _Files:
    """Files named as the harness names them, and the searched folders with their paths."""

    found: list[Path] = field(default_factory=list)
    aliases: dict[Path, set[Path]] = field(default_factory=dict)
    dangling: list[Path] = field(default_factory=list)

    def search(self, folder: Path) -> None:
        """Search a folder and all below it; links are followed, but to no folder a second time."""
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
                    self.found.append(entry)
        except OSError as error:
            what = f"cannot be read ({error.strerror})"
            raise UserError(str(folder), what, "allow it, or leave the folder out") from None

    def unique(self) -> list[Path]:
        """Each file once; a regular file before links to it."""
        files: dict[Path, Path] = {}
        for file in sorted(self.found, key=lambda file: (file.is_symlink(), file)):
            files.setdefault(file.resolve(), file)
        return list(files.values())


# -- results --------------------------------------------------------------------------------------


def _read_results(path: Path) -> dict[str, Any]:
    try:
        results = parse_json(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        what = f"holds no results of lm-evaluation-harness ({_one_line(error)})"
        raise UserError(str(path), what, REMEDY) from None
    if not isinstance(results, dict) or "results" not in results:
        raise UserError(str(path), "holds no results of lm-evaluation-harness", REMEDY)
    for name, of_mappings in SECTIONS.items():
        section = results.get(name)
        if not isinstance(section, dict | None):
            raise UserError(str(path), f"'{name}' is no mapping of tasks", REMEDY)
        for task, entry in (section or {}).items():
            if not is_text(task):
                what = f"{task!r} in '{name}' has a control character or half of one"
                raise UserError(str(path), what, REMEDY)
            if of_mappings and not isinstance(entry, dict | None):
                raise UserError(str(path), f"'{name}' of task '{task}' is no mapping", REMEDY)
    return results


def finite_number(value: object) -> float:
    """A finite number; NaN for anything else, including true and false."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return math.nan
    # Compared as an integer first: a huge one cannot become a float.
    return float(value) if abs(value) <= LARGEST_NUMBER else math.nan


def _error(value: object) -> float:
    """A standard error; NaN where it was not computed (``N/A``, ``[]``, null) or is negative."""
    error = finite_number(value)
    return error if error >= 0 else math.nan


def whole_count(value: object) -> int:
    """A number of items; 0 where it is none."""
    count = finite_number(value)
    return int(count) if 1 <= count <= LARGEST_COUNT and count == int(count) else 0


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:100]


# -- samples --------------------------------------------------------------------------------------


def read_samples(path: Path) -> Samples:
    """Values of one file of samples.

    Raises
    ------
    UserError
        With file and line, if a line is no sample, or a document occurs twice.
    """
    values: dict[str, dict[str, float]] = {}
    valid: dict[str, set[int]] = {}
    lines: dict[str, dict[str, int]] = {}
    chances: list[float] = []
    for line, sample in _samples(path):
        filtered, document = sample.get("filter") or "none", str(sample["doc_id"])
        if document in lines.setdefault(filtered, {}):
            where = f"{path}, line {line}"
            raise UserError(where, f"document {document} is there twice", REMEDY)
        lines[filtered][document] = line
        chances.append(_chance(sample))
        for metric in sample.get("metrics") or sample.keys() - NO_METRICS:
            value = sample.get(metric)
            number = float(value) if isinstance(value, bool) else finite_number(value)
            if metric not in NO_MEANS and not math.isnan(number):
                name, item = f"{metric},{filtered}", f"{document}:{sample.get('doc_hash') or ''}"
                values.setdefault(name, {})[item] = number
                valid.setdefault(name, set()).add(line)
    if not chances:
        raise UserError(str(path), "has no samples", REMEDY)
    invalid = {
        name: [line for line in lines[name.partition(",")[2]].values() if line not in numbered]
        for name, numbered in valid.items()
    }
    return Samples(path, values, invalid, math.fsum(chances) / len(chances))


def _samples(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Samples of a file with the numbers of their lines."""
    try:
        with open(path, encoding="utf-8-sig") as lines:
            for count, line in enumerate(lines, 1):
                if line.strip():
                    yield count, _sample(f"{path}, line {count}", line)
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(str(path), f"cannot be read ({error})", REMEDY) from None


def _sample(where: str, line: str) -> dict[str, Any]:
    try:
        sample = parse_json(line)
    except ValueError as error:
        what = f"is no sample of lm-evaluation-harness ({_one_line(error)})"
        raise UserError(where, what, REMEDY) from None
    types = {"doc_id": int | str, "filter": str | None, "metrics": list | None}
    if not isinstance(sample, dict) or not all(
        isinstance(sample.get(key), allowed) for key, allowed in types.items()
    ):
        raise UserError(where, "is no sample of lm-evaluation-harness", REMEDY)
    if not all(isinstance(name, str) for name in sample.get("metrics") or ()):
        raise UserError(where, "names metrics that are no text", REMEDY)
    return sample


def _chance(sample: Mapping[str, Any]) -> float:
    """One over the number of choices; NaN for generated answers.

    A multiple choice has one request per choice, and as many again without the question where
    mutual information is measured.
    """
    arguments = sample.get("arguments")
    requests = len(arguments) if isinstance(arguments, dict | list) else 0
    if "acc_mutual_info" in sample:
        requests //= 2
    return 1 / requests if requests > 1 else math.nan
