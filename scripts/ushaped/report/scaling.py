"""The average over tasks against scale."""

from __future__ import annotations

from dataclasses import dataclass

from ushaped.figures.task_mean import common_tasks
from ushaped.report.findings import Findings
from ushaped.report.pictures import Picture
from ushaped.report.text import listing, plural
from ushaped.results import tables
from ushaped.terms import AVERAGE, FLOPS, MAIN_VARIANT, PALM, PUBLISHED


@dataclass(frozen=True)
class ScalingView:
    """``partials/scaling.html.j2``.

    ``mean_of`` are the tasks of the mean where they are fewer than ten, ``sources`` those of the
    items that the families run here answered, ``without_compute`` the families of unknown compute.
    """

    picture: Picture
    mean_of: list[str]
    sources: list[str]
    without_compute: list[str]
    several_families: bool
    main_variant: str


def scaling_view(findings: Findings) -> ScalingView:
    metrics = findings.results.metrics
    averages = metrics[metrics["task"] == AVERAGE]
    source, tasks = common_tasks(metrics)
    tasks = tables.order_tasks(tasks)
    shown = [
        verdict.description
        for verdict in findings.verdicts
        if verdict.task == AVERAGE and (verdict.source != PUBLISHED or verdict.family == PALM)
    ]
    over = f"{plural(len(tasks), 'task')} ({listing(tasks)})" if tasks else "ten tasks"
    return ScalingView(
        picture=findings.picture(
            "scaling",
            "1",
            f"Mean accuracy over {over} against training compute and parameters. "
            + ("; ".join([] if tasks else shown) or "No verdict on this mean."),
        ),
        mean_of=tasks,
        sources=[source] if source else [e.source for e in tables.editions(averages)],
        without_compute=sorted(set(metrics.loc[metrics[FLOPS].isna(), "family"])),
        several_families=findings.several_families,
        main_variant=MAIN_VARIANT,
    )
