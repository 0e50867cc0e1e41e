"""The page stays small: eleven tasks and five families in less than five megabytes."""

from __future__ import annotations

import shutil
from pathlib import Path

from drawing import make
from fabricate import ALL_TASKS, metrics, published, shapes, write_inputs, write_tables
from page import TEMPLATE, inputs
from ushaped.figures.theme import save
from ushaped.report import render

FAMILIES = ("gpt-neo", "ladder", "llama", "olmo", "pythia")
# Of the figures of the literature, which are the same on every page, and of the smaller ones.
NOT_DRAWN = 600_000


def test_eleven_tasks_and_five_families_take_less_than_five_megabytes(tmp_path: Path) -> None:
    measured = metrics(families=FAMILIES, seeds=2)
    write_tables(tmp_path, measured)
    write_inputs(tmp_path, measured)
    judged, theirs = shapes(measured), published()
    folder = tmp_path / "figures/tasks/replica"
    inputs_of = {"metrics": measured, "shapes": judged, "published": theirs}
    table, figure = make("task", inputs_of, task="hindsight-neglect", source="replica")
    save(figure, table, folder / "drawn")
    for task in ALL_TASKS:
        # Of one task with four panels; the others draw as many curves, or fewer.
        shutil.copy(folder / "drawn.svg", folder / f"{task}.svg")
        rows = table.assign(task=task, value=table["value"] * (1 + len(task) / 1000))
        rows.to_csv(folder / f"{task}.csv", index=False)
    page = render(TEMPLATE, inputs(tmp_path, literature=None))
    assert page.count("data:image/svg+xml,<svg") == len(ALL_TASKS)
    assert len(page.encode()) + NOT_DRAWN < 5_000_000
