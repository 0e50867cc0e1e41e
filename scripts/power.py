"""Step: how large a dip must be for a family's curve to be called U-shaped.

One row per family, number of items and ratio of recovery to dip, with the columns
`ushaped.shapes.power.COLUMNS`: the families that are run here (``--models``), published
series (``--series`` of ``--published``), and families of the registry (``--reference`` of
``--registry``). ``dip`` is the smallest fall that the statistical verdict calls U-shaped with the
probability in the last column; empty where no dip is large enough.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from ushaped import yaml_files
from ushaped.errors import UserError, run
from ushaped.metrics.table import write_table
from ushaped.models.load import compute, read
from ushaped.shapes.curves import Curve
from ushaped.shapes.power import COLUMNS, power_rows
from ushaped.shapes.read import read_published
from ushaped.shapes.rules import Floats, Rule
from ushaped.terms import FLOPS, PARAMETERS

ITEMS = (100, 300, 1000, 3000, 10_000)
RATIOS = (0.5, 1.0)


def main() -> None:
    """Read the command line, simulate, write the table."""
    arguments = parse()
    families = run_here(arguments.models)
    published = longest(read_published(arguments.published))
    for name in arguments.series:
        if name not in published:
            raise UserError(str(arguments.published), f"has no series '{name}'", "name another")
        families[name] = published[name]
    for name in arguments.reference:
        families.setdefault(name, registered(arguments.registry, name))
    rule = Rule.published_equivalent(arguments.equivalence, arguments.recovery)
    rows = power_rows(
        families, ITEMS, RATIOS, rule, arguments.simulations, arguments.draws, arguments.seed
    )
    write_table(arguments.output, COLUMNS, list(rows))


def run_here(paths: list[Path]) -> dict[str, Floats]:
    """Log scale of the families of some ``model.json``."""
    by_family: dict[str, list[dict[str, Any]]] = {}
    for path in paths:
        told = read(path)
        by_family.setdefault(told["family"], []).append(told)
    found = {}
    for family, models in by_family.items():
        unknown = any(one[FLOPS] is None for one in models)
        places = {one["size"]: one[PARAMETERS if unknown else FLOPS] for one in models}
        found[family] = np.sort(np.log10(np.array(list(places.values()), dtype=np.float64)))
    return found


def longest(curves: list[Curve]) -> dict[str, Floats]:
    """Log scale of each family, of its curve with the most sizes."""
    found: dict[str, Floats] = {}
    for curve in curves:
        if len(curve.sizes) > len(found.get(curve.family, ())):
            found[curve.family] = np.log10(curve.at)
    return found


def registered(path: Path, family: str) -> Floats:
    """Log training FLOPs of a family of the registry."""
    families = yaml_files.read_mapping(path)["families"]
    if family not in families:
        raise UserError(str(path), f"has no family '{family}'", "name one that it has")
    models = families[family]["models"].values()
    flops = [
        compute(entry["training_flops"], entry["parameters"], entry["training_tokens"])
        for entry in models
    ]
    if None in flops:
        raise UserError(str(path), f"compute of {family} is unknown", "name another family")
    return np.sort(np.log10(np.array(flops, dtype=np.float64)))


def parse() -> argparse.Namespace:
    """Command line of the step."""
    parser = argparse.ArgumentParser(description="How large a dip must be to be seen.")
    parser.add_argument("--models", nargs="+", type=Path, required=True, metavar="MODEL.JSON")
    parser.add_argument("--published", type=Path, required=True, metavar="CSV")
    parser.add_argument("--series", nargs="*", default=[], metavar="NAME")
    parser.add_argument("--registry", type=Path, required=True, metavar="YAML")
    parser.add_argument("--reference", nargs="*", default=[], metavar="FAMILY")
    parser.add_argument("--recovery", type=float, default=1 / 3)
    parser.add_argument("--equivalence", type=float, default=0.02)
    parser.add_argument("--simulations", type=int, default=200, help="curves for each dip tried")
    parser.add_argument("--draws", type=int, default=1000, help="from the null distributions")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, required=True, metavar="CSV")
    return parser.parse_args()


if __name__ == "__main__":
    run(main)
