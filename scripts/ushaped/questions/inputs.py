"""What an open question is answered from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ushaped.shapes.rules import Rule


@dataclass(frozen=True)
class Inputs:
    """Files and settings of the step; a file that the question does not read may be None.

    Attributes
    ----------
    published : Path
        ``literature/series.csv``.
    metrics, items, protocols : Path
        Of the run.
    prompts, scores : Path
        Of the run, the folders of all files of prompts and of scores.
    rule : Rule
        The published-equivalent one.
    draws, seed : int
        Of the bootstrap.
    ladders : mapping
        All settings of each family that is trained here, by name.
    pairs : mapping
        Families of chat models, with that of their base models.
    """

    published: Path
    metrics: Path
    items: Path
    protocols: Path
    prompts: Path
    scores: Path
    rule: Rule
    draws: int
    seed: int
    ladders: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    pairs: Mapping[str, str] = field(default_factory=dict)
