"""Step: the smallest dip that makes a family's curve U-shaped.

One row per family, number of items and ratio of recovery to dip, with the columns
`ushaped.results.columns.POWER`, for the families of this run (``--models``), published series
(``--series`` of ``--published``), and families of the registry (``--reference`` of ``--registry``).
``dip`` is the smallest fall that the statistical verdict calls U-shaped with the probability in the
last column, with the run-to-run noise of ``--run-noise`` at every size; empty where no dip is large
enough.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from ushaped import yaml_files
from ushaped.errors import UserError, run
from ushaped.literature.run_noise import read_run_noise
from ushaped.metrics.read import read_model
from ushaped.metrics.table import Model, scale
from ushaped.models.load import compute
from ushaped.options import add_bootstrap, add_rule, add_run_noise
from ushaped.results.columns import POWER
from ushaped.results.text_files import write_table
from ushaped.shapes.curves import Curve
from ushaped.shapes.data import Settings
from ushaped.shapes.power import power_rows
from ushaped.shapes.read import read_published
from ushaped.shapes.rules import Floats

ITEMS = (100, 300, 1000, 3000, 10_000)
RATIOS = (0.5, 1.0)


def main() -> None:
    """Read the command line, simulate, write the table."""
    arguments = parse()
    families = scales_of_models(arguments.models)
    published = scales_of_series(read_published(arguments.published))
    for name in arguments.series:
        if name not in published:
            raise UserError(str(arguments.published), f"has no series '{name}'", "name another")
        families[name] = published[name]
    for name in arguments.reference:
        families.setdefault(name, registered_scale(arguments.registry, name))
    run_noise = read_run_noise(arguments.run_noise, arguments.run_noise_table)
    settings = Settings.from_options(arguments, run_noise)
    rows = power_rows(families, ITEMS, RATIOS, settings, arguments.simulations)
    write_table(arguments.output, POWER, list(rows))


def scales_of_models(paths: list[Path]) -> dict[str, Floats]:
    """Log scale of each family of the ``model.json`` files."""
    by_family: dict[str, list[Model]] = {}
    for model in map(read_model, paths):
        by_family.setdefault(model.family, []).append(model)
    scales = {}
    for family, models in by_family.items():
        sizes = dict(zip((model.size for model in models), scale(models), strict=True))
        scales[family] = np.sort(np.log10(np.array(list(sizes.values()), dtype=np.float64)))
    return scales


def scales_of_series(curves: list[Curve]) -> dict[str, Floats]:
    """Log scale of each series, of its curve with the most sizes."""
    scales: dict[str, Floats] = {}
    for curve in curves:
        if len(curve.sizes) > len(scales.get(curve.family, ())):
            scales[curve.family] = np.log10(curve.scale_values)
    return scales


def registered_scale(path: Path, family: str) -> Floats:
    """Log training FLOPs of a family of the registry."""
    families = yaml_files.read_mapping(path)["families"]
    if family not in families:
        raise UserError(str(path), f"has no family '{family}'", "name one that it has")
    models = families[family]["models"].values()
    flops = [
        compute(
            model["training_flops"],
            model.get("active_parameters", model["parameters"]),
            model["training_tokens"],
        )
        for model in models
    ]
    if None in flops:
        raise UserError(str(path), f"compute of {family} is unknown", "name another family")
    return np.sort(np.log10(np.array(flops, dtype=np.float64)))


def parse() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description="Find the smallest dip that is called U-shaped.")
    parser.add_argument("--models", nargs="+", type=Path, required=True, metavar="MODEL.JSON")
    parser.add_argument("--published", type=Path, required=True, metavar="CSV")
    parser.add_argument("--series", nargs="*", default=[], metavar="NAME")
    parser.add_argument("--registry", type=Path, required=True, metavar="YAML")
    parser.add_argument("--reference", nargs="*", default=[], metavar="FAMILY")
    add_rule(parser)
    add_bootstrap(parser)
    add_run_noise(parser)
    parser.add_argument("--simulations", type=int, required=True, help="curves for each dip tried")
    parser.add_argument("--output", type=Path, required=True, metavar="CSV")
    return parser.parse_args()


if __name__ == "__main__":
    run(main)
