"""The registry beyond its schema: numbers that need each other, and an order for every family."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ushaped.errors import UserError
from ushaped.models.load import UNKNOWN

FILE = "config/models.yaml"
# Names become folders and words of command lines. Fewer than a file system's 255 bytes.
NAME = re.compile(r"[0-9A-Za-z_][0-9A-Za-z._-]{0,99}")


def check_name(where: str, what: str, name: str) -> None:
    """Check the name of a task, family, model or size.

    Raises
    ------
    UserError
        If it holds anything but letters, digits, ``.``, ``_`` and ``-``, begins with one of the
        last two, or is longer than 100 characters.
    """
    if not NAME.fullmatch(name):
        raise UserError(
            where,
            f"{what} {name!r} is not a valid name",
            "use at most 100 of a-z, A-Z, 0-9, '.', '_' and '-', with no '.' or '-' first",
        )


def with_folders(families: Mapping[str, Any]) -> dict[str, Any]:
    """The families, ``~`` replaced in the folders of their models."""

    def model(entry: Mapping[str, Any]) -> dict[str, Any]:
        path = {"path": os.path.expanduser(entry["path"])} if "path" in entry else {}
        return {**entry, **path}

    return {
        name: {**told, "models": {key: model(entry) for key, entry in told["models"].items()}}
        if "models" in told
        else told
        for name, told in families.items()
    }


def check(families: Mapping[str, Any], series: Path) -> None:
    """Check what the schema cannot say of the families of released models.

    ``series`` is the table of the published series.

    Raises
    ------
    UserError
        Naming the first model whose training compute is to be computed from an unknown number,
        that cannot be put in order with its family or whose family asks of a server what it does
        not do, or the first published point that is not in the table.
    """
    for family, told in families.items():
        check_name(f"{FILE}, families", "family", family)
        for name, entry in told.get("models", {}).items():
            check_name(f"{FILE}, families.{family}.models", "model", name)
            check_name(f"{FILE}, families.{family}.models.{name}.size", "size", entry["size"])
            _check_compute(f"{FILE}, families.{family}.models.{name}", entry)
            _check_served(f"{FILE}, families.{family}", name, told, entry)
        _check_order(family, told.get("models", {}))
        if "published" in told:
            _check_published(f"{FILE}, families.{family}.published", told, series)


def points(chosen: Iterable[str], families: Mapping[str, Any]) -> dict[str, Any]:
    """Series and sizes of the published points of the chosen families, by family."""
    return {name: families[name]["published"] for name in chosen if "published" in families[name]}


def _check_compute(where: str, entry: Mapping[str, Any]) -> None:
    for key in ("parameters", "training_tokens"):
        if entry["training_flops"] == "6ND" and entry[key] == UNKNOWN:
            raise UserError(
                f"{where}.training_flops",
                f"is 6ND, but {key} is {UNKNOWN}",
                f"write {UNKNOWN} here too, or the number of the source",
            )


def _check_served(where: str, name: str, told: Mapping[str, Any], entry: Mapping[str, Any]) -> None:
    if "endpoint" in entry and told.get("bos", "default") != "default":
        raise UserError(
            f"{where}.bos",
            f"is {told['bos']}, but the server of {name} decides what a text begins with",
            "say default, or put the model into a family of its own",
        )


def _check_order(family: str, models: Mapping[str, Mapping[str, Any]]) -> None:
    unordered = [name for name, entry in models.items() if entry["training_flops"] == UNKNOWN]
    unsized = [name for name, entry in models.items() if entry["parameters"] == UNKNOWN]
    if unordered and unsized:
        raise UserError(
            f"{FILE}, families.{family}",
            f"its sizes have no order: training_flops of {unordered[0]} and parameters of "
            f"{unsized[0]} are {UNKNOWN}",
            "give one of them, or leave that model out",
        )


def _check_published(where: str, told: Mapping[str, Any], series: Path) -> None:
    with open(series, encoding="utf-8", newline="") as handle:
        known = [(row["series"], row["size"]) for row in csv.DictReader(handle) if row["size"]]
    wanted, own = told["published"], {entry["size"] for entry in told["models"].values()}
    sizes = {size for name, size in known if name == wanted["series"]}
    if not sizes:
        names = ", ".join(sorted({name for name, _ in known}))
        raise UserError(f"{where}.series", f"unknown '{wanted['series']}'", f"use one of: {names}")
    for size in wanted["sizes"]:
        if size not in sizes:
            raise UserError(
                f"{where}.sizes",
                f"{wanted['series']} has no size '{size}'",
                f"use one of: {', '.join(sorted(sizes))}",
            )
        if size in own:
            raise UserError(
                f"{where}.sizes", f"'{size}' is a model of the family too", "take one of them out"
            )
