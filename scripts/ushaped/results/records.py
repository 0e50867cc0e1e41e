"""The items that flip: `flips.json`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ushaped.errors import UserError
from ushaped.results.columns import CurveKey
from ushaped.results.text_files import read_json

# Another number means another layout of the file.
FLIPS_VERSION = 1

FLIPS = (
    *("family", "source", "task", "variant", "protocol", "modified"),
    *("n", "sizes", "seeds", "ways"),
)
# Characters of prompts and classes that `flips.json` holds.
LIMITS = ("prompt_end", "class_start")


Key = tuple[str, str, str, str]


def key_of(about: Mapping[Any, Any]) -> Key:
    """The key of a curve from its names."""
    return CurveKey(*(str(about[name]) for name in CurveKey._fields))


def read_flip_items(path: str | Path) -> dict[Key, dict[str, Any]]:
    """Read ``flips.json``: curves by their key, each with the `LIMITS` of its texts.

    Raises
    ------
    UserError
        If it is no JSON, of another version, or lacks a part.
    """
    again = "find the flips again"
    value = read_json(path)
    if value.get("version") != FLIPS_VERSION:
        raise UserError(str(path), f"is not of version {FLIPS_VERSION}", again)
    missing = [name for name in (*LIMITS, "curves") if name not in value]
    missing += [name for curve in value.get("curves", ()) for name in FLIPS if name not in curve]
    if missing:
        raise UserError(str(path), f"lacks '{missing[0]}'", again)
    limits = {name: value[name] for name in LIMITS}
    return {key_of(curve): curve | limits for curve in value["curves"]}
