"""Mangled tables of curves and mangled output of lm-evaluation-harness: a result, or a `UserError`.

Nothing else may come out, and no curve with a number that is not finite.
"""

from __future__ import annotations

import json
import random
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness_runs import LARGE, LONG, MODELS, SMALL, TWO, write_run
from ushaped.errors import UserError
from ushaped.shapes.curves import Curve
from ushaped.shapes.data import Counts, Data, Items, Means
from ushaped.shapes.standalone.lm_eval_input import read_harness
from ushaped.shapes.standalone.table_input import read_curves

# Inputs of each kind: tables, files of the harness with bytes changed, and with values changed.
TABLES, BYTES, VALUES = 1000, 500, 700
ODD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1.5, 1e308, 10**400, 2**63, float("nan"), float("inf")),
    *("", "N/A", "nan", "1_0", "０", "\ud83d", "\x00", "a,b", "-inf", [], {}, [[]], {"a": 1}),
)
CELLS = ("", "nan", "-1", "0", "1e400", "1_0", "x", '"', "0.5", "1e20", "９", "true", "NULL", ";")
HEADS = (b"", b"\xef\xbb\xbf", b"\xff\xfe", b"\x00", b"\n\n", b"{", b"[")
JSONL = "\n".join(json.dumps({"scale": 10**n, "k": n, "n": 9, "task": "é"}) for n in range(1, 4))
SEEDS = (
    "scale,k,n\n1e20,90,100\n1e21,30,100\n1e22,70,100\n",
    "scale,mean,error,chance\n1e20,.5,.1,.25\n1e21,.6,.2,.25\n",
    *(LONG, TWO, JSONL),
)


def mangled_bytes(text: bytes, draw: random.Random) -> bytes:
    """Flip, cut, repeat or insert bytes and lines."""
    lines = text.splitlines(keepends=True)
    at = draw.randrange(len(text))
    line = draw.randrange(len(lines))
    kind = draw.randrange(8)
    if kind == 0:
        return text[:at] + bytes([text[at] ^ 1 << draw.randrange(8)]) + text[at + 1 :]
    if kind == 1:
        return text[:at]
    if kind == 2:
        return b"".join([*lines[:line], *lines[line + 1 :]])
    if kind == 3:
        return b"".join([*lines[: line + 1], *lines[line:]])
    if kind == 4:
        return b"".join([*lines[:line], lines[line][: draw.randrange(9)], *lines[line + 1 :]])
    if kind == 5:
        return draw.choice(HEADS) + text
    if kind == 6:
        return text.replace(b",", draw.choice((b";", b"\t", b",,")), draw.choice((1, -1)))
    return text[:at] + draw.choice((b"\xe9", b"\r", b'"', b"\x00", b"\xed\xa0\x80")) + text[at:]


def mangled_cells(text: bytes, draw: random.Random) -> bytes:
    """Replace a cell of a table."""
    lines = text.split(b"\n")
    line = draw.randrange(len(lines))
    cells = lines[line].split(b",")
    cells[draw.randrange(len(cells))] = draw.choice(CELLS).encode()
    lines[line] = b",".join(cells)
    return b"\n".join(lines)


def mangled_values(text: bytes, draw: random.Random) -> bytes:
    """Change, delete or double a value somewhere in one of the JSON values of a file."""
    whole = text.decode()
    rows = [json.loads(whole)] if whole.startswith("{\n") else [*map(json.loads, whole.split("\n"))]
    row = inner = draw.choice(rows)
    while True:
        key = draw.choice([*inner]) if isinstance(inner, dict) else draw.randrange(len(inner))
        if not isinstance(inner[key], dict | list) or not inner[key] or draw.random() < 0.4:
            break
        inner = inner[key]
    kind = draw.randrange(4)
    if kind < 2:
        inner[key] = draw.choice(ODD)
    elif kind == 2 or not isinstance(inner, dict):
        del inner[key]
    else:
        inner[str(key) + draw.choice(("", ",none", "_stderr,none", " "))] = inner.pop(key)
    if draw.random() < 0.1:
        rows.insert(0, row)
    return "\n".join(map(json.dumps, rows)).encode()


def outcome(read: Callable[[], list[tuple[Curve, Data]]], made: bytes) -> str:
    """What came of reading: ``refused`` or ``read``; anything else is a failure."""
    try:
        curves = read()
    except UserError as error:
        told = str(error)
    else:
        told = ""
    if told:
        assert "\n" not in told, made
        return "refused"
    for curve, data in curves:
        assert np.isfinite(curve.values).all(), made
        assert (curve.scale_values > 0).all(), made
        assert np.isfinite(curve.scale_values).all(), made
        if isinstance(data, Items):
            assert np.isfinite(data.values).all(), made
        elif isinstance(data, Means):
            assert (data.errors > 0).all(), made
            assert np.isfinite(data.errors).all(), made
        else:
            assert isinstance(data, Counts), made
            assert ((data.k >= 0) & (data.k <= data.n)).all(), made
        # They can be printed.
        "\n".join((curve.family, curve.task, curve.protocol, *curve.sizes, *curve.flags)).encode()
    return "read"


def test_mangled_tables_are_read_or_refused(tmp_path: Path) -> None:
    draw, path, found = random.Random(14), tmp_path / "curve.csv", Counter[str]()
    for _ in range(TABLES):
        made = draw.choice(SEEDS).encode()
        for _ in range(draw.randint(1, 2)):
            made = draw.choice((mangled_bytes, mangled_cells))(made or b"\n", draw)
        path.write_bytes(made)
        metric = draw.choice(("accuracy", "sequence_loss"))
        found[outcome(lambda metric=metric: read_curves(path, metric=metric), made)] += 1
    assert found.total() == TABLES
    assert min(found.values()) > TABLES / 20, found


@pytest.mark.parametrize(("mangle", "count"), [(mangled_bytes, BYTES), (mangled_values, VALUES)])
def test_mangled_output_of_the_harness_is_read_or_refused(
    tmp_path: Path, mangle: Callable[[bytes, random.Random], bytes], count: int
) -> None:
    draw, found = random.Random(14), Counter[str]()
    models, out = tmp_path / "models.csv", tmp_path / "out"
    models.write_text(MODELS)
    for kind, samples in (("both", True), ("results", False)):
        for name, right in (("org/tiny-1b", SMALL), ("org/tiny-8b", LARGE)):
            write_run(out / kind, name, {"neqa": right}, with_samples=samples)
    for path in out.rglob("*.jsonl"):
        path.write_text(path.read_text().strip())
    files = sorted(path for path in out.rglob("*.json*"))
    for _ in range(count):
        path = draw.choice(files)
        whole = path.read_bytes()
        made = mangle(whole, draw)
        path.write_bytes(made)
        folder = path.parent.parent
        metric, higher = draw.choice(("", "acc", "acc_norm")), draw.choice((None, True))
        read = lambda: read_harness([folder], models, metric, higher_is_better=higher)  # noqa: B023, E731
        found[outcome(read, made)] += 1
        path.write_bytes(whole)
    assert found.total() == count
    assert min(found["read"], found["refused"]) > count / 20, found
    shutil.rmtree(out)


def test_at_least_two_thousand_inputs_are_tried() -> None:
    assert TABLES + BYTES + VALUES >= 2000
