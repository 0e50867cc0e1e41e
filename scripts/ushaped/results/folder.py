"""The output folder of a run: where each file lies, read when it is first needed."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from ushaped.axes import AXES, Axis
from ushaped.items.task import Task, find_task, load_task
from ushaped.questions import asked
from ushaped.results import tables
from ushaped.results.columns import CurveKey
from ushaped.results.formats import Precision, precisions, read_made
from ushaped.results.records import Key, read_flip_items
from ushaped.results.text_files import read_json
from ushaped.shapes.elsewhere_record import MeasuredElsewhere, read_elsewhere
from ushaped.shapes.evidence_record import read_evidence
from ushaped.terms import AVERAGE
from ushaped.variants import without_chat


@dataclass(frozen=True)
class AlongAxis:
    """The files of one axis: its numbers, verdicts, evidence, and what is on no curve."""

    axis: Axis
    metrics: pd.DataFrame
    shapes: pd.DataFrame
    evidence: list[Any]
    left_out: pd.DataFrame


class Results:
    """Everything that a run has written, as attributes that are read when they are first used.

    Which models, tasks and prompts belong to the run is what ``metrics.csv`` has; other files of
    the folder may be of an earlier configuration.

    Parameters
    ----------
    folder : path
        The output folder.
    tasks : path or sequence of path
        The folders that tasks lie in, with ``TASK/task.yaml`` in them.
    literature : path
        The folder with ``series.csv`` and ``verdicts.csv``.

    Raises
    ------
    UserError
        On the first use of a file that is missing or damaged.
    """

    def __init__(
        self,
        folder: str | Path,
        tasks: str | Path | Sequence[str | Path],
        literature: str | Path,
    ) -> None:
        self.folder = Path(folder)
        folders = [tasks] if isinstance(tasks, str | Path) else tasks
        self._tasks = list(map(Path, folders))
        self._literature = Path(literature)

    @staticmethod
    def add_options(parser: argparse.ArgumentParser) -> None:
        """Add the options that name the folders."""
        parser.add_argument("--results", required=True, metavar="FOLDER", help="output folder")
        parser.add_argument(
            "--tasks", nargs="+", required=True, metavar="FOLDER", help="that tasks lie in"
        )
        parser.add_argument(
            "--literature", required=True, metavar="FOLDER", help="of series.csv and verdicts.csv"
        )

    # -- what was measured ------------------------------------------------------------------------

    @cached_property
    def metrics(self) -> pd.DataFrame:
        """``metrics.csv``."""
        return tables.read_metrics(self.folder / "metrics.csv")

    @cached_property
    def parts(self) -> pd.DataFrame:
        """``parts.csv``."""
        return tables.read_parts(self.folder / "parts.csv")

    @cached_property
    def flips(self) -> pd.DataFrame:
        """``flips.csv``."""
        return tables.read_flips(self.folder / "flips.csv")

    @cached_property
    def flip_items(self) -> dict[Key, dict[str, Any]]:
        """The curves of ``flips.json``."""
        return read_flip_items(self.folder / "flips.json")

    # -- what was concluded -----------------------------------------------------------------------

    @cached_property
    def shapes(self) -> pd.DataFrame:
        """``shapes.csv``."""
        return tables.read_shapes(self.folder / "shapes.csv")

    @cached_property
    def evidence(self) -> list[Any]:
        """The curves of ``evidence.json``, each an `ushaped.shapes.evidence_record.CurveEvidence`.

        Where a number is unknown, it is None.
        """
        return list(read_evidence(self.folder / "evidence.json"))

    @cached_property
    def axes(self) -> dict[str, AlongAxis]:
        """The curves along each other axis that the configuration asks for, by its name."""
        return {
            name: AlongAxis(
                AXES[name],
                tables.read_along(folder / "metrics.csv", name),
                tables.read_shapes(folder / "shapes.csv"),
                list(read_evidence(folder / "evidence.json")),
                tables.read_left_out(folder / "left-out.csv"),
            )
            for name in self.config.get("axes", ())
            for folder in [self.folder / "axes" / name]
        }

    @cached_property
    def protocols(self) -> pd.DataFrame:
        """``protocols.csv``."""
        return tables.read_protocols(self.folder / "protocols.csv")

    @cached_property
    def power(self) -> pd.DataFrame:
        """``power.csv``."""
        return tables.read_power(self.folder / "power.csv")

    @cached_property
    def questions(self) -> dict[str, pd.DataFrame]:
        """The answer to each open question."""
        folder = self.folder / "questions"
        return {name: tables.read_question(folder / f"{name}.csv") for name in asked(self.config)}

    # -- what was run -----------------------------------------------------------------------------

    @cached_property
    def config(self) -> dict[str, Any]:
        """The resolved configuration."""
        return read_json(self.folder / "config.json")

    @cached_property
    def provenance(self) -> dict[str, Any]:
        """``provenance.json``."""
        return read_json(self.folder / "provenance.json")

    @cached_property
    def models(self) -> list[dict[str, Any]]:
        """The ``model.json`` of each model, in the order of the metrics."""
        names = dict.fromkeys(filter(None, self.metrics["model"]))
        return [read_json(self.folder / "models" / name / "model.json") for name in names]

    @cached_property
    def prompts(self) -> dict[tuple[str, str, str], Path]:
        """Files of prompts by source, task and variant."""
        names = self.metrics.loc[self.metrics["task"] != AVERAGE, ["source", "task", "variant"]]
        return {
            (source, task, variant): self.folder / "prompts" / _file(source, task, variant)
            for source, task, variant in names.drop_duplicates().itertuples(index=False)
        }

    @cached_property
    def scores(self) -> list[Path]:
        """Files of scores: one per model and file of prompts that it was asked."""
        rows = self.metrics[(self.metrics["task"] != AVERAGE) & (self.metrics["model"] != "")]
        names = rows[["model", "source", "task", "variant"]].drop_duplicates()
        asked_of = {str(model): own for model, own in names.groupby("model", sort=False)}
        return [
            self.folder / "scores" / model / _file(source, task, variant)
            for model, own in asked_of.items()
            for _, source, task, variant in own.itertuples(index=False)
        ]

    def score_file(self, model: str, key: CurveKey) -> Path:
        """The file of scores of one model and curve."""
        return self.folder / "scores" / model / _file(key.source, key.task, key.variant)

    @cached_property
    def made(self) -> dict[str, dict[str, Any]]:
        """How the scores of each model were made."""
        return read_made(self.scores)

    @property
    def precisions(self) -> list[Precision]:
        """How exact the scores of each model are."""
        return precisions(self.models, self.made, self.metrics, self.scores)

    @cached_property
    def tasks(self) -> dict[str, Task]:
        """The tasks of the run by name."""
        names = tables.order_tasks(task for _, task, _ in self.prompts)
        return {name: load_task(find_task(name, self._tasks)) for name in names}

    @cached_property
    def benchmarks(self) -> Path:
        """The folder of benchmark files."""
        return self.folder / "benchmarks"

    @cached_property
    def figures(self) -> dict[str, Path]:
        """The figures of the run by name."""
        return find_figures([self.folder / "figures"])

    @cached_property
    def elsewhere(self) -> tuple[list[MeasuredElsewhere], list[str]] | None:
        """Curves that were measured elsewhere, and what of them was left out.

        None where the configuration names none.
        """
        if not self.config.get("elsewhere"):
            return None
        return read_elsewhere(self.folder / "elsewhere.json")

    # -- the literature ---------------------------------------------------------------------------

    @cached_property
    def published(self) -> pd.DataFrame:
        """The published series."""
        return tables.read_published(self._literature / "series.csv")

    @cached_property
    def labels(self) -> pd.DataFrame:
        """What papers say of their curves."""
        return tables.read_labels(self._literature / "verdicts.csv")

    @cached_property
    def published_verdicts(self) -> dict[tuple[str, str], str]:
        """What papers say of their curves, by series and task."""
        names = zip(self.labels["series"], self.labels["task"], strict=True)
        return dict(zip(names, self.labels["verdict"], strict=True))

    @cached_property
    def literature(self) -> Path:
        """The folder that ``snakemake figures`` fills."""
        return self.folder / "published"


def find_figures(paths: Iterable[str | Path]) -> dict[str, Path]:
    """Find figures by name among files and folders; see `figure_name`."""
    figures: dict[str, Path] = {}
    for path in map(Path, paths):
        files = sorted(path.rglob("*.svg")) if path.is_dir() else [path]
        figures |= {figure_name(file): file.with_suffix(".svg") for file in files}
    return figures


def figure_name(path: Path) -> str:
    """What a figure is called: its stem, before it the axis's folder or the edition's folders.

    Examples
    --------
    >>> figure_name(Path("figures/seeds.svg")), figure_name(Path("figures/tasks/replica/neqa.svg"))
    ('seeds', 'tasks/replica/neqa')
    >>> figure_name(Path("figures/axes/shots.svg"))
    'axes/shots'
    """
    last = path.with_suffix("").parts[-3:]
    if last[-2:-1] == ("axes",):
        return "/".join(last[-2:])
    return "/".join(last) if last[0] == "tasks" and len(last) == 3 else path.stem


def _file(source: str, task: str, variant: str) -> str:
    """Where a variant's file is below the folder of prompts, or of a model's scores."""
    return f"{source}/{task}/{without_chat(variant)}.parquet"
