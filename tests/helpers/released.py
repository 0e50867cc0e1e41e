"""Files of released items, declared and damaged."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import yaml

from ushaped.errors import UserError
from ushaped.items.released import Release


def row(number: int) -> str:
    """One invented item as the prize writes it: classes as a text, no distractor."""
    item = {
        "prompt": f"Question: which of these is not number {number}?\nA. one\nB. two\nAnswer:",
        "classes": "[' A', ' B']",
        "answer_index": number % 2,
        "round": 1,
        "part": 1,
    }
    return json.dumps(item) + "\n"


def make(folder: Path, rows: int = 12, name: str = "neqa_classification.jsonl") -> Release:
    """A mirror with one invented file; return what a task's facts would say of it."""
    folder.mkdir(parents=True)
    data = "".join(map(row, range(rows))).encode()
    (folder / name).write_bytes(data)
    return Release(name, len(data), rows, hashlib.sha256(data).hexdigest())


def declare(folder: Path, wanted: Release) -> None:
    """Write into a task's facts that this is its released file."""
    path = folder / "task.yaml"
    facts = yaml.safe_load(path.read_text(encoding="utf-8"))
    facts["official"] |= asdict(wanted)
    path.write_text(yaml.safe_dump(facts), encoding="utf-8")


def complaint(do: Callable[..., Any], *given: Any) -> str:
    """The one line of a refusal."""
    with pytest.raises(UserError) as caught:
        do(*given)
    assert "\n" not in str(caught.value)
    return str(caught.value)
