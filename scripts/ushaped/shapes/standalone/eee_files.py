"""Files of Every Eval Ever: aggregate JSON, and instance-level JSONL beside it.

Read as the package every-eval-ever 0.3.0 describes them (``eval.schema.json``,
``instance_level_eval.schema.json``). What is not needed for a curve is not looked at.
"""

from __future__ import annotations

import gzip
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, TypeGuard, cast

from ushaped.errors import UserError
from ushaped.files import file_digest
from ushaped.metrics.definitions import joined
from ushaped.shapes.standalone.lm_eval_files import finite_number, whole_count
from ushaped.shapes.standalone.rows import is_text, parse_json

# What this project writes, and what marks its additional details, with the version of those.
SCHEMA_VERSION = "0.3.0"
MARK, MEANING = "ushaped", "1"
# Major and minor number of the versions of the schema that are read.
VERSIONS = ("0.2", "0.3")
REMEDY = "give files as the package every-eval-ever writes and validates them"
# Longer texts are no version of one library.
LONGEST_VERSION = 40
# Metrics that are the share of right answers, so a whole number of items whatever the rounding.
SHARES_OF_ITEMS = {"accuracy", "acc", "exact_match", "em"}
# How far a share may be from a whole number of items: by rounding of floats, or to three decimals.
EXACT, ROUNDED = 1e-6, 5e-4


@dataclass(frozen=True)
class Score:
    """One metric of one model, as an aggregate file has it.

    ``mean`` and ``error`` are in the metric's own unit, ``error`` is NaN and ``n`` is 0 where
    unknown. ``details`` are additional details of the metric, all text.
    """

    log: Log = field(repr=False)
    name: str
    result: str
    metric: str
    lower_is_better: bool
    mean: float
    error: float
    n: int
    details: Mapping[str, str]
    protocol: str

    @property
    def where(self) -> str:
        """File, model and evaluation, for messages."""
        return f"{self.log.path}, model '{self.log.model}', evaluation '{self.name}'"

    @property
    def own(self) -> Mapping[str, str]:
        """Details that this project wrote (`ushaped.export.every_eval_ever`); else none."""
        return self.details if self.details.get(MARK) == MEANING else {}

    @property
    def right(self) -> int | None:
        """Right answers, if the score can be the share of ``n`` items that are right."""
        if not self.n or self.lower_is_better or not 0 <= self.mean <= 1:
            return None
        right = round(self.mean * self.n)
        if abs(self.mean * self.n - right) > self.n * (ROUNDED if self.counts_items else EXACT):
            return None
        if math.isnan(self.error):
            return right
        # Some divide by n under the root, some by n - 1.
        variance = self.mean * (1 - self.mean)
        binomial = (math.sqrt(variance / count) for count in (self.n, max(self.n - 1, 1)))
        alike = any(math.isclose(self.error, one, rel_tol=0.01, abs_tol=1e-6) for one in binomial)
        return right if alike else None

    @property
    def counts_items(self) -> bool:
        """Whether the metric is a share of items by its name."""
        return self.metric in SHARES_OF_ITEMS

    @property
    def is_rounded(self) -> bool:
        """Whether `right` is the nearest count of a rounded share."""
        right = self.right
        return right is not None and abs(self.mean * self.n - right) > EXACT * self.n


@dataclass(frozen=True)
class Instances:
    """Scores of one evaluation by item, and the cluster of each item where all have one."""

    path: Path
    values: dict[str, float]
    clusters: dict[str, int] | None


@dataclass
class Log:
    """One aggregate file.

    ``details`` are additional details of the model; ``samples`` is the file of its instances.
    """

    path: Path
    model: str
    names: tuple[str, ...]
    details: Mapping[str, str]
    library: str
    source: str
    samples: Path | None
    checksum: str
    scores: list[Score] = field(default_factory=list)
    _instances: dict[str, Instances] | None = field(default=None, init=False, repr=False)

    def instances(self, score: Score) -> Instances | None:
        """Scores by item; None where the file has none of that evaluation.

        Raises
        ------
        UserError
            If the file of instances is damaged.
        """
        if self.samples is None:
            return None
        if self._instances is None:
            self._instances = read_instances(self.samples, self.checksum)
        if score.result and score.result in self._instances:
            return self._instances[score.result]
        # Without identity, several metrics share a name: of equal scores it is not known whose the
        # instances are.
        same = [
            one
            for one in self.scores
            if one.name == score.name and math.isclose(one.mean, score.mean, abs_tol=1e-6)
        ]
        return self._instances.get(score.name) if len(same) == 1 else None


def is_log(content: Any) -> bool:
    """Whether JSON content is an aggregate file."""
    return isinstance(content, dict) and "evaluation_results" in content


def find_logs(paths: Sequence[Path]) -> Iterator[tuple[Path, bool]]:
    """JSON files among paths and below folders; with each, whether it was named itself."""
    seen = set()
    for path in paths:
        for file in sorted(path.rglob("*.json")) if path.is_dir() else [path]:
            if file.resolve() not in seen:
                seen.add(file.resolve())
                yield file, not path.is_dir()


def load(path: Path) -> Any:
    """Content of a JSON file.

    Raises
    ------
    UserError
        If it cannot be read, or is no JSON.
    """
    try:
        return parse_json(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UserError(str(path), f"cannot be read ({error.strerror})", "give its path") from None
    except ValueError as error:
        what = f"is no JSON ({' '.join(str(error).split())[:100]})"
        raise UserError(str(path), what, REMEDY) from None


def read_log(path: Path, content: Mapping[str, Any], left_out: list[UserError]) -> Log:
    """Read an aggregate file; results that are wrong are left out.

    Raises
    ------
    UserError
        If the file is of another version, or what all of its results need is missing.
    """
    version = str(content.get("schema_version"))
    if ".".join(version.split(".")[:2]) not in VERSIONS:
        what = f"schema_version is {version!r}, not {' or '.join(f'{v}.x' for v in VERSIONS)}"
        raise UserError(str(path), what, "convert it with the package every-eval-ever 0.3.0")
    model = _section(path, content, "model_info")
    name = model.get("id") or model.get("name")
    if not isinstance(name, str) or not is_text(name):
        raise UserError(f"{path}, model_info.id", "is no name", REMEDY)
    results = content.get("evaluation_results")
    if not isinstance(results, list):
        raise UserError(f"{path}, evaluation_results", "is no list", REMEDY)
    detailed = content.get("detailed_evaluation_results")
    detailed = detailed if isinstance(detailed, dict) else {}
    log = Log(
        path=path,
        model=name,
        names=tuple(model[key] for key in ("id", "name") if isinstance(model.get(key), str)),
        details=_details(model),
        library=_library(content),
        source=_source(content),
        samples=_samples_file(path, detailed),
        checksum=str(detailed.get("checksum") or "")
        if detailed.get("hash_algorithm") == "sha256"
        else "",
    )
    if detailed and log.samples is None:
        what = f"{detailed.get('file_path')!r} is not there"
        left_out.append(UserError(f"{path}, detailed_evaluation_results", what, "add it"))
    for number, result in enumerate(results):
        try:
            log.scores.append(_score(log, result))
        except UserError as error:
            place = f"evaluation_results[{number}]"
            left_out.append(UserError(f"{path}, {place}, {error.args[0]}", *error.args[1:]))
    return log


def _section(path: Path, content: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    section = content.get(name)
    if not isinstance(section, dict):
        raise UserError(f"{path}, {name}", "is missing", REMEDY)
    return section


def _details(section: Mapping[str, Any]) -> dict[str, str]:
    """Additional details that can be printed, as text."""
    details = section.get("additional_details")
    known = details.items() if isinstance(details, dict) else ()
    texts = {str(key): str(value) for key, value in known if value is not None}
    return {key: text for key, text in texts.items() if is_text(key) and is_text(text)}


def _library(content: Mapping[str, Any]) -> str:
    library = content.get("eval_library")
    name = library.get("name") if isinstance(library, dict) else None
    return name if isinstance(name, str) and is_text(name) else "unknown"


def _source(content: Mapping[str, Any]) -> str:
    """Who measured, with what: for people."""
    about = content.get("source_metadata")
    about = about if isinstance(about, dict) else {}
    library = content.get("eval_library")
    version = library.get("version") if isinstance(library, dict) else None
    named = _library(content)
    # Converters list all packages there; that is no version.
    if _is_name(version) and len(version) <= LONGEST_VERSION:
        named += f" {version}"
    whose = (about.get("source_name"), about.get("source_organization_name"))
    return joined((*filter(_is_name, whose), named), ", ")


def _is_name(text: Any) -> TypeGuard[str]:
    return isinstance(text, str) and text not in ("", "unknown") and is_text(text)


def _samples_file(path: Path, detailed: Mapping[str, Any]) -> Path | None:
    """The file of instances: beside the aggregate file, or where it says."""
    named = detailed.get("file_path")
    if not isinstance(named, str):
        return None
    candidates = (path.parent / Path(named).name, path.parent / named, Path(named))
    try:
        return next((file for file in candidates if file.is_file()), None)
    except OSError:
        # A name that no file can have.
        return None


def _score(log: Log, result: Any) -> Score:
    """One result; the place of an error is the key alone."""
    if not isinstance(result, dict):
        raise UserError("the result", "is no mapping", REMEDY)
    name, metric = result.get("evaluation_name"), result.get("metric_config")
    if not isinstance(name, str) or not name or not is_text(name):
        raise UserError("evaluation_name", "is no name", REMEDY)
    if not isinstance(metric, dict) or not isinstance(metric.get("lower_is_better"), bool):
        raise UserError("metric_config.lower_is_better", "is not true or false", REMEDY)
    known = result.get("score_details")
    mean = finite_number(known.get("score")) if isinstance(known, dict) else math.nan
    if math.isnan(mean):
        raise UserError("score_details.score", "is no finite number", "leave the result out")
    uncertainty = cast(dict[str, Any], known).get("uncertainty")
    uncertainty = uncertainty if isinstance(uncertainty, dict) else {}
    error = uncertainty.get("standard_error")
    error = finite_number(error.get("value")) if isinstance(error, dict) else math.nan
    names = (metric.get(key) for key in ("metric_id", "metric_name", "evaluation_description"))
    return Score(
        log=log,
        name=name,
        result=str(result.get("evaluation_result_id") or ""),
        metric=next(filter(_is_name, names), "score"),
        lower_is_better=metric["lower_is_better"],
        mean=mean,
        error=error if error >= 0 else math.nan,
        n=whole_count(uncertainty.get("num_samples")),
        details=_details(metric),
        protocol=_protocol(result),
    )


def _protocol(result: Mapping[str, Any]) -> str:
    """How the models were asked, as far as the file says: shots, template, temperature."""
    config = result.get("generation_config")
    config = config if isinstance(config, dict) else {}
    arguments = config.get("generation_args")
    arguments = arguments if isinstance(arguments, dict) else {}
    details = _details(config)
    shots = details.get("num_fewshot")
    temperature = arguments.get("temperature")
    return joined(
        (
            f"{shots}-shot" if shots else "",
            "prompt template" if arguments.get("prompt_template") else "",
            "reasoning" if arguments.get("reasoning") is True else "",
            f"temperature {temperature}" if isinstance(temperature, int | float) else "",
        ),
        ", ",
    )


# -- instances ------------------------------------------------------------------------------------


def read_instances(path: Path, checksum: str = "") -> dict[str, Instances]:
    """Scores by item of every evaluation in a file, under its result id or else its name.

    Raises
    ------
    UserError
        With file and line, if a line is no instance or an item is there twice; or if the file is
        not the one of the SHA-256 ``checksum``.
    """
    if checksum and file_digest(path) != checksum:
        what = "is not the file that its aggregate file names (other SHA-256)"
        raise UserError(str(path), what, "give both files of one run")
    values: dict[str, dict[str, float]] = {}
    clusters: dict[str, dict[str, int]] = {}
    for where, row in _rows(path):
        evaluation = row.get("evaluation")
        value = finite_number(evaluation.get("score")) if isinstance(evaluation, dict) else math.nan
        name = row.get("evaluation_result_id") or row.get("evaluation_name")
        sample = row.get("sample_id")
        if not isinstance(name, str) or not isinstance(sample, str | int) or math.isnan(value):
            what = "has no evaluation, no sample_id or no evaluation.score"
            raise UserError(where, what, REMEDY)
        item = f"{sample}:{row.get('sample_hash') or ''}"
        of_name = values.setdefault(name, {})
        if item in of_name:
            do = "give one answer per item (of several epochs, one)"
            raise UserError(where, f"sample {sample!r} of {name!r} is there twice", do)
        of_name[item] = value
        cluster = (row.get("metadata") or {}).get("cluster")
        if isinstance(cluster, str) and cluster.lstrip("-").isdecimal():
            clusters.setdefault(name, {})[item] = int(cluster)
    return {
        name: Instances(path, own, found if len(found) == len(own) else None)
        for name, own in values.items()
        for found in [clusters.get(name, {})]
    }


def _rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Rows of a file with their places."""
    try:
        with _open(path) as lines:
            for count, line in enumerate(lines, 1):
                if line.strip():
                    yield f"{path}, line {count}", _row(f"{path}, line {count}", line)
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise UserError(str(path), f"cannot be read ({error})", REMEDY) from None


def _open(path: Path) -> IO[str]:
    if path.suffix == ".gz":
        return cast(IO[str], gzip.open(path, "rt", encoding="utf-8"))
    return open(path, encoding="utf-8-sig")


def _row(where: str, line: str) -> dict[str, Any]:
    try:
        row = parse_json(line)
    except ValueError as error:
        what = f"is no instance ({' '.join(str(error).split())[:100]})"
        raise UserError(where, what, REMEDY) from None
    if not isinstance(row, dict) or not isinstance(row.get("metadata"), dict | None):
        raise UserError(where, "is no instance", REMEDY)
    return row
