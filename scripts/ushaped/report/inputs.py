"""What the page is made from, read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from ushaped.errors import UserError
from ushaped.items.task import Task, load_task
from ushaped.metrics.parts import COLUMNS as PARTS
from ushaped.metrics.read import score_files
from ushaped.report.evidence import read_curves, read_published_verdicts
from ushaped.report.flips import read_flips, read_items
from ushaped.report.formats import read_made
from ushaped.results import tables
from ushaped.shapes.power import COLUMNS as POWER


@dataclass(frozen=True)
class Inputs:
    """Everything that the page is made from; see `gather`."""

    metrics: pd.DataFrame
    shapes: pd.DataFrame
    literature: Path | None
    figures: dict[str, Path]
    prompts: dict[tuple[str, str, str], Path]
    tasks: dict[str, Task]
    models: list[dict[str, Any]]
    config: dict[str, Any]
    provenance: dict[str, Any]
    benchmarks: Path | None
    made: dict[str, dict[str, Any]]
    protocols: pd.DataFrame | None = None
    questions: dict[str, pd.DataFrame] = field(default_factory=dict)
    evidence: list[dict[str, Any]] = field(default_factory=list)
    published_verdicts: dict[tuple[str, str], str] = field(default_factory=dict)
    power: pd.DataFrame | None = None
    parts: pd.DataFrame | None = None
    flips: pd.DataFrame | None = None
    flip_items: dict[tuple[str, str, str, str], dict[str, Any]] = field(default_factory=dict)
    scores: list[Path] = field(default_factory=list)


def read_json(path: str | Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises
    ------
    UserError
        If there is no such file or it holds no JSON object.
    """
    try:
        value = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(str(path), "no such file", "run the step that writes it") from None
    except json.JSONDecodeError as error:
        raise UserError(str(path), f"is not JSON ({error})", "write it again") from None
    if not isinstance(value, dict):
        raise UserError(str(path), "is not a JSON object", "write it again")
    return value


def find_figures(paths: Iterable[str | Path]) -> dict[str, Path]:
    """Find figures by name among files and folders; see `figure_name`."""
    found: dict[str, Path] = {}
    for path in map(Path, paths):
        files = sorted(path.rglob("*.svg")) if path.is_dir() else [path]
        found |= {figure_name(file): file.with_suffix(".svg") for file in files}
    return found


def figure_name(path: Path) -> str:
    """What a figure is called: by its stem, and by its source and task if it is that of an edition.

    Examples
    --------
    >>> figure_name(Path("figures/seeds.svg")), figure_name(Path("figures/tasks/replica/neqa.svg"))
    ('seeds', 'tasks/replica/neqa')
    """
    last = path.with_suffix("").parts[-3:]
    return "/".join(last) if last[0] == "tasks" and len(last) == 3 else path.stem


def find_prompts(paths: Iterable[str | Path]) -> dict[tuple[str, str, str], Path]:
    """Index prompt files by source, task and variant, which are the last parts of their paths."""
    return {(p.parts[-3], p.parts[-2], p.stem): p for p in map(Path, paths)}


def find_scores(
    paths: Iterable[str | Path],
    models: Iterable[Mapping[str, Any]],
    prompts: Iterable[tuple[str, str, str]],
) -> list[Path]:
    """Find files of scores; a folder stands for those of all models and prompts in it."""
    names = [str(model.get("model")) for model in models]
    return score_files(list(map(Path, paths)), names, prompts)


def gather(
    *,
    metrics: str,
    shapes: str,
    figures: Sequence[str],
    prompts: Sequence[str],
    tasks: Sequence[str],
    models: Sequence[str],
    config: str,
    provenance: str,
    benchmarks: str | None = None,
    scores: Sequence[str] = (),
    literature: str | None = None,
    protocols: str | None = None,
    questions: Sequence[str] = (),
    evidence: str | None = None,
    published_verdicts: str | None = None,
    power: str | None = None,
    parts: str | None = None,
    flips: str | None = None,
    flip_items: str | None = None,
) -> Inputs:
    """Read everything that the page is made from; the arguments are paths.

    A folder among ``scores`` stands for the files of all models and prompts in it.
    """
    models_read = [read_json(path) for path in models]
    found_prompts = find_prompts(prompts)
    files = find_scores(scores, models_read, found_prompts)
    loaded = [load_task(Path(path).parent if path.endswith(".yaml") else path) for path in tasks]
    return Inputs(
        metrics=tables.read_metrics(metrics),
        shapes=tables.read_shapes(shapes),
        literature=Path(literature) if literature else None,
        figures=find_figures(figures),
        prompts=found_prompts,
        tasks={task.name: task for task in loaded},
        models=models_read,
        config=read_json(config),
        provenance=read_json(provenance),
        benchmarks=Path(benchmarks) if benchmarks else None,
        made=read_made(files),
        scores=files,
        protocols=tables.read_protocols(protocols) if protocols else None,
        questions={Path(path).stem: tables.read_question(path) for path in questions},
        evidence=read_curves(read_json(evidence), evidence) if evidence else [],
        published_verdicts=(
            read_published_verdicts(published_verdicts) if published_verdicts else {}
        ),
        power=tables.read(power, POWER) if power else None,
        parts=tables.read(parts, PARTS) if parts else None,
        flips=read_flips(flips) if flips else None,
        flip_items=read_items(flip_items) if flip_items else {},
    )
