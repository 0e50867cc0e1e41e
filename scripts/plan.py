"""Step: estimate the cost of the configured run, model by model, before any model runs.

Prints a table, and writes it with all its columns as CSV.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from ushaped import plan
from ushaped.errors import run
from ushaped.files import whole
from ushaped.items.task import find_task, load_task
from ushaped.ladder.families import ladders
from ushaped.models.hub import gated_note
from ushaped.models.load import read
from ushaped.models.registry import join_families
from ushaped.plan import GPUS, Limits, Model, TokenCounter, Work
from ushaped.prices import price_of
from ushaped.settings import models as configured
from ushaped.sources import parse_source
from ushaped.variants import parse_variant

COLUMNS = [
    *("prompt", "other_prompt", "classes", "chain", "chain_limit", "stop", "answer_after"),
    *("generated", "think"),
]
# Columns of the printed table: title, column of the file, format of a number.
SHOWN = (
    ("model", "model", "{}"),
    ("prompts", "prompts", "{:,}"),
    ("unique tokens", "unique_tokens", "{:,.0f}"),
    ("generated, at most", "generated_tokens", "{:,.0f}"),
    ("FLOPs", "flops", "{:.1e}"),
    ("GPU hours", "gpu_hours", "{:.2f}"),
    ("GPU memory GB", "memory_gb", "{:.1f}"),
    ("GPUs", "gpus", "{}"),
    ("jobs", "scoring_jobs", "{:,}"),
    ("download GB", "download_gb", "{:.1f}"),
)
# Further ones where the processor scores.
SHOWN_PROCESSOR = (("processor hours", "processor", "{}"),)
# Further ones where a server has a model.
SHOWN_SERVED = (
    ("requests", "requests", "{:,}"),
    ("sent tokens", "sent_tokens", "{:,.0f}"),
    ("estimated cost", "price", "{}"),
)
# Columns that the last line adds up.
SUMS = (
    "prompts",
    "unique_tokens",
    "generated_tokens",
    "flops",
    "gpu_hours",
    "processor_hours",
    "download_gb",
    "scoring_jobs",
    "requests",
    "sent_tokens",
)


def main() -> None:
    """Read the command line, estimate, print, write."""
    arguments = parse()
    registry = join_families(arguments.registry, str(arguments.registry[0]))
    models = configured({"families": arguments.families, **arguments.ladders}, registry)
    trained_here = ladders(arguments.ladders)
    local = [about for about in models.values() if "endpoint" not in about.get("entry", {})]
    kinds = {"entry" not in about for about in local}
    rates = processor_rates(arguments, trained_here, kinds)
    rows = []
    for family, group in groupby(models.items(), key=lambda m: m[1]["family"]):
        about = dict(group)
        # A setting of the family, so the same for all of its models.
        entry = next(iter(about.values())).get("entry", {})
        chain_tokens = entry.get("chain_tokens", arguments.chain_tokens)
        generation = arguments.generation
        limits = Limits(
            arguments.batch_tokens, chain_tokens, generation["tokens"], generation["samples"]
        )
        folders = {
            name: local_folder(name, model, arguments.models) for name, model in about.items()
        }
        paths = [folder / "tokenizer.json" for folder in folders.values() if folder]
        if family in trained_here:
            paths = [arguments.corpora / family / "tokenizer.json"]
        counter = next((plan.by_tokens(p) for p in paths if p.exists()), plan.by_characters())
        estimates: dict[bool, tuple[Work, str]] = {}
        for name, settings in about.items():
            if "entry" in settings:
                model = plan.released(name, settings, folders[name])
            else:
                model = plan.trained(name, settings, trained_here[family])
            if model.chat not in estimates:
                files = (arguments.prompts, arguments.absent)
                prompts, absent = (prompt_files(paths, model) for paths in files)
                estimates[model.chat] = estimate_workload(
                    prompts, absent, arguments.tasks, counter, limits
                )
            work, basis = estimates[model.chat]
            line = row(model, work, basis, arguments)
            rows.append(line | processor(model, "entry" not in settings, line, rates))
    write(arguments.output, rows)
    print(table(rows))
    print(
        "\n".join(
            filter(None, [*notes(rows, arguments, rates), gated_note(models, arguments.models)])
        )
    )


def parse() -> argparse.Namespace:
    """Command line of the step."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--registry", type=Path, nargs="+", required=True, metavar="YAML")
    parser.add_argument("--families", nargs="+", required=True)
    parser.add_argument(
        "--ladders", type=json.loads, required=True, help="keys ladder and ladders as JSON"
    )
    parser.add_argument("--corpora", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--models", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--tasks", type=Path, nargs="+", required=True, metavar="FOLDER")
    parser.add_argument("--prompts", nargs="*", type=Path, default=[], metavar="PARQUET")
    parser.add_argument(
        "--absent",
        nargs="*",
        type=Path,
        default=[],
        metavar="SOURCE/TASK/VARIANT",
        help="prompts of files that are not downloaded",
    )
    parser.add_argument("--batch-tokens", type=int, required=True)
    parser.add_argument("--chain-tokens", type=int, required=True)
    parser.add_argument("--shards", type=int, default=1)
    parser.add_argument(
        "--generation",
        type=json.loads,
        default={"tokens": 256, "samples": 1},
        metavar="JSON",
        help="how answers are written",
    )
    parser.add_argument(
        "--prices", type=json.loads, default={}, metavar="JSON", help="by served model or family"
    )
    parser.add_argument("--dtype", choices=sorted(plan.BYTES), required=True)
    parser.add_argument("--processor-dtype", choices=sorted(plan.BYTES), default="float32")
    parser.add_argument(
        "--benchmarks", type=Path, required=True, metavar="FOLDER", help="of earlier scoring"
    )
    parser.add_argument("--device", choices=["cpu", "cuda"], required=True)
    parser.add_argument("--gpu", choices=sorted(GPUS), required=True)
    parser.add_argument("--utilisation", type=float, required=True)
    parser.add_argument("--output", type=Path, required=True, metavar="CSV")
    return parser.parse_args()


def local_folder(name: str, about: Mapping[str, Any], folder: Path) -> Path | None:
    """Folder of the weights and tokenizer of a model; None if they are not on this machine."""
    if "path" in about.get("entry", {}):
        return Path(about["entry"]["path"])
    description = folder / name / "model.json"
    if not description.exists():
        return None
    # A server's model has none.
    own = read(description)["folder"]
    return Path(own) if own else None


def prompt_files(paths: Sequence[Path], model: Model) -> list[Path]:
    """The files of prompts that a model is asked."""
    return [path for path in paths if not model.chat or parse_variant(path.stem).writes]


def estimate_workload(
    prompts: Sequence[Path],
    absent: Sequence[Path],
    tasks: Sequence[Path],
    counter: TokenCounter,
    limits: Limits,
) -> tuple[Work, str]:
    """The work on all prompt files, and the basis of the estimate."""
    work, bases = Work(), []
    for _, files in groupby(prompts, key=lambda path: path.parent):
        tables = [pq.read_table(path, columns=COLUMNS).to_pylist() for path in files]
        work += plan.count_work([row for rows in tables for row in rows], counter, limits)
        bases.append(counter.basis)
    for folder, files in groupby(absent, key=lambda path: path.parent):
        task = load_task(find_task(folder.name, tasks))
        source = parse_source(str(folder.parent))
        file = task.items_file(source.name)
        variants = [path.stem for path in files]
        if file is None or isinstance(file.rows, str) or isinstance(file.bytes, str):
            bases.append(f"without {folder}, whose size is unknown")
            continue
        rows = min(source.count or file.rows, file.rows)
        size = round(file.bytes * rows / file.rows)
        work += plan.from_file_size(task, rows, size, variants, limits)
        bases.append(plan.FILE_SIZE)
    return work, "; ".join(dict.fromkeys(bases))


def row(model: Model, work: Work, basis: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """One line of the table."""
    gpu, batch = GPUS[arguments.gpu], arguments.batch_tokens
    costs = plan.cost(model, work, gpu, arguments.utilisation, arguments.dtype, batch)
    price = price_of(arguments.prices, model.name, model.family) if model.served else None
    return {
        "family": model.family,
        "model": model.name,
        "size": model.size,
        "parameters": model.parameters,
        "prompts": work.prompts,
        "basis": basis,
        "unique_tokens": work.read + work.continued,
        "predictions": work.predictions,
        "generated_tokens": work.generated,
        "requests": work.requests if model.served else None,
        "sent_tokens": work.sent if model.served else None,
        "gpu": arguments.gpu,
        "utilisation": arguments.utilisation,
        "dtype": arguments.dtype,
        "registry_gpus": model.gpus,
        "scoring_jobs": plan.scoring_jobs(model, work, arguments.shards),
        **costs,
        "cost": price.of(work.sent, work.generated) if price else None,
        "currency": price.currency if price else None,
    }


@dataclass(frozen=True)
class ProcessorRates:
    """What is known of the speed of this processor: rates of earlier runs, or of a matrix product.

    ``product`` is in operations per second on so many ``threads``; 0 where it was not needed.
    """

    measured: list[plan.Rate]
    product: float = 0.0
    threads: int = 0


def processor_rates(
    arguments: argparse.Namespace, trained: Mapping[str, Any], kinds: set[bool]
) -> ProcessorRates | None:
    """Rates of the processor; None if it does not score.

    ``kinds`` says whether there are models that are trained here, and others. A matrix product is
    measured where a kind has no rate.
    """
    if arguments.device != "cpu":
        return None
    dtype = arguments.processor_dtype
    found = plan.measured_rates(arguments.benchmarks, arguments.models, trained, dtype)
    if kinds <= {rate.trained for rate in found}:
        return ProcessorRates(found)
    import torch

    from ushaped.scoring.telemetry import matrix_rate

    # A bound must hold for a job of any number of threads; Snakemake gives this one a single one.
    torch.set_num_threads(os.cpu_count() or 1)
    product = matrix_rate(torch.device("cpu"), getattr(torch, dtype))
    return ProcessorRates(found, product, torch.get_num_threads())


def processor(
    model: Model, trained: bool, costs: Mapping[str, Any], rates: ProcessorRates | None
) -> dict[str, Any]:
    """Columns on the hours of a model on the processor.

    ``processor_model`` is the one whose measured rate they rest on; empty where the hours are the
    least that a matrix product allows.
    """
    hours: float | None = None
    name: str | None = None
    if rates is not None and not model.served:
        if rate := plan.nearest_rate(model, trained, rates.measured):
            hours, name = plan.processor_hours(costs, rate.flops), rate.model
        elif rates.product:
            hours = plan.processor_hours(costs, rates.product)
    return {"processor_hours": hours, "processor_model": name}


def write(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write all columns; unknown numbers are empty."""
    with whole(path) as beside, open(beside, "w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, list(rows[0]))
        writer.writeheader()
        writer.writerows(
            {k: f"{v:.6g}" if isinstance(v, float) else v for k, v in row.items()} for row in rows
        )


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """The printed table, with a line of sums."""
    known = {key: [row[key] for row in rows if row[key] is not None] for key in SUMS}
    total = {key: sum(values) if values else None for key, values in known.items()}
    served = any(row["sent_tokens"] is not None for row in rows)
    here = any(row["processor_hours"] is not None for row in rows)
    columns = SHOWN + SHOWN_PROCESSOR * here + SHOWN_SERVED * served
    lines = [[title for title, _, _ in columns]]
    least = any(map(is_least, rows))
    for line in [*rows, {"model": "all", "least": least} | total]:
        line = {**line, "processor": hours_of(line)}
        if served:
            line = blank_where_local(line) | {"price": priced(line)}
        cells = [(line.get(key, ""), form) for _, key, form in columns]
        lines.append(
            ["unknown" if v is None else "" if v == "" else form.format(v) for v, form in cells]
        )
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            [line[0].ljust(widths[0])]
            + [cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)]
        )
        for line in lines
    )


def blank_where_local(line: Mapping[str, Any]) -> dict[str, Any]:
    """A line without the numbers that only servers have, where no server has the model."""
    keys = ("requests", "sent_tokens")
    return {key: "" if key in keys and value is None else value for key, value in line.items()}


def is_least(line: Mapping[str, Any]) -> bool:
    """Whether the hours on the processor are the least that they can be."""
    return line["processor_hours"] is not None and line["processor_model"] is None


def hours_of(line: Mapping[str, Any]) -> str | None:
    """Hours on the processor, with a mark where they are the least that they can be."""
    if line.get("processor_hours") is None:
        return None
    least = line["least"] if "least" in line else is_least(line)
    return f"{'> ' * least}{line['processor_hours']:.3g}"


def priced(line: Mapping[str, Any]) -> str:
    """A model's cost with its currency, or nothing."""
    return "" if line.get("cost") is None else money(line["cost"], line["currency"])


def money(amount: float, currency: str) -> str:
    """An amount with its currency; small ones with two digits that are not 0.

    Examples
    --------
    >>> money(1234.5, "USD"), money(0.00123, "EUR")
    ('1,234.50 USD', '0.0012 EUR')
    """
    return f"{amount:,.2f} {currency}" if amount >= 1 or not amount else f"{amount:.2g} {currency}"


def notes(
    rows: Sequence[Mapping[str, Any]],
    arguments: argparse.Namespace,
    rates: ProcessorRates | None,
) -> list[str]:
    """Assumptions behind the numbers, and what they leave out."""
    gpu = GPUS[arguments.gpu]
    lines = [
        f"Hours: on {arguments.gpu}, at {arguments.utilisation:.0%} of its published rate "
        f"({gpu.rates[arguments.dtype] / 1e12:.0f} TFLOP/s in {arguments.dtype}, {gpu.source}); "
        "plan.utilisation is an assumption until you have measured yours.",
        "Tokens: each token with the same history once, by "
        + "; ".join(dict.fromkeys(row["basis"] for row in rows))
        + ". Chains of thought, thoughts and written answers are taken to be as long as their "
        "limits.",
        "Scores that the store already has are counted too, though they cost nothing again.",
    ]
    if arguments.device == "cpu":
        lines.append(
            "This configuration scores on the processor; with scoring.device: cuda it would not."
        )
        lines += processor_notes(rows, rates)
    if bare := [row["model"] for row in rows if row["attention_flops"] is None]:
        lines.append(
            "Without attention, the launching of layers and the memory of keys and values: "
            f"{named(bare)}, whose layers are unknown before they are fetched."
        )
    if served := [row for row in rows if row["sent_tokens"] is not None]:
        most = max(row["sent_tokens"] + row["generated_tokens"] for row in served)
        lines.append(
            f"Served: {named([row['model'] for row in served])}. Each server gets every prompt "
            "with each of its classes, or for each sample of a written answer, and may write as "
            f"many tokens as its limits allow: {most:,.0f} tokens."
        )
        lines.append(cost_note(served))
    if split := [row["model"] for row in rows if row["scoring_jobs"] > 1]:
        lines.append(
            f"Several jobs, the last one of which collects what the others scored: {named(split)}. "
            "Each takes the GPUs of the model, and loads its weights."
        )
    if unknown := [row["model"] for row in rows if row["gpu_hours"] is None]:
        lines.append(f"Not in the sum of hours: {named(unknown)}.")
    if tight := [row["model"] for row in rows if (row["gpus"] or 0) > row["registry_gpus"]]:
        lines.append(f"Need more GPUs than the registry gives them: {named(tight)}.")
    if trained := [f for f in ladders(arguments.ladders) if f in {row["family"] for row in rows}]:
        lines.append(f"Training is not counted: {named(trained)}.")
    if any(row["download_gb"] for row in rows):
        lines.append("Downloads: at 16 bits for each parameter.")
    return lines


def processor_notes(rows: Sequence[Mapping[str, Any]], rates: ProcessorRates | None) -> list[str]:
    """What the hours on the processor rest on."""
    used = {row["processor_model"] for row in rows}
    lines = []
    if measured := [rate for rate in rates.measured if rate.model in used] if rates else []:
        known = ", ".join(
            f"{rate.model} ({rate.flops / 1e9:.3g} GFLOP/s on {rate.threads} threads)"
            for rate in measured
        )
        lines.append(
            f"Processor hours: at the rate that an earlier run here reached, that of {known}; "
            "other models at that of the nearest in size. Each model by itself, without loading it."
        )
    if rates and rates.product and any(map(is_least, rows)):
        lines.append(
            "Processor hours after '>': no earlier run here has a rate of such a model; scoring "
            f"takes more than a large matrix product, {rates.product / 1e9:.3g} GFLOP/s on "
            f"{rates.threads} threads, measured now. Score a few items to know how much more."
        )
    return lines


def cost_note(served: Sequence[Mapping[str, Any]]) -> str:
    """What all servers cost, in each currency, and which have no price."""
    totals: dict[str, float] = {}
    for row in served:
        if row["cost"] is not None:
            totals[row["currency"]] = totals.get(row["currency"], 0.0) + row["cost"]
    parts = [money(total, currency) for currency, total in totals.items()]
    note = f"Estimated cost by 'prices': {' and '.join(parts)}, "
    note += "without the check before the first item and the tokens of chat templates."
    note = note if parts else ""
    if free := [row["model"] for row in served if row["cost"] is None]:
        note += (
            f"{' ' * bool(note)}No price is known of {named(free)}: 'prices' is where to put it."
        )
    return note


def named(names: Sequence[str]) -> str:
    """The first three names, and the number of others."""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


if __name__ == "__main__":
    run(main)
