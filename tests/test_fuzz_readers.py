"""Mangled items, registries, configurations and task files: a result or a `UserError`."""

from __future__ import annotations

import copy
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import prompts as step
from eee_files import ANSWERS, instances, log
from project import ROOT, TINY
from ushaped import yaml_files
from ushaped.errors import UserError
from ushaped.items.download import read_mirrors
from ushaped.items.own import described
from ushaped.items.released import BLOCKS, release
from ushaped.items.task import COLUMNS, load_demonstrations, load_task, read_items
from ushaped.models import lock
from ushaped.models.registry import read_registry
from ushaped.prompts import build
from ushaped.settings import check
from ushaped.shapes.standalone.eee_files import read_instances
from ushaped.shapes.standalone.inputs import read_inputs
from ushaped.shapes.standalone.reading import Wanted

INPUTS = 300
SEED = 14

# Values of other types, and values that other programs choke on.
ODD: list[Any] = [
    *(None, True, False, 0, -1, 1.5, 10**30, 2**63, float("nan"), float("inf"), "", " ", "x" * 300),
    *([], {}, [None], {"": 1}, [[]], {"a": {"b": []}}, "0", "1e21", "010", "nan", "\0", "\ud83d"),
    *("a b", "-x", "../x", "{x}", "$HOME", "'", '"', "é", "\u2028", "~", "[' A'", "(" * 300, "own"),
]
ITEM: dict[str, Any] = {
    **{"prompt": "Q:", "other_prompt": "P:", "completion": " A", "classes": [" A", " B"]},
    **{"answer_index": 0, "distractor_index": 1, "part": 1, "template": 2, "round": 1},
}
MODEL: dict[str, Any] = {
    **{"hub": "a/b", "revision": "main", "size": "1k", "parameters": 1000},
    **{"non_embedding_parameters": 500, "training_tokens": 10000, "training_flops": "6ND"},
}


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container inside a value with each of its keys."""
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from places(value[key])


def mangled(value: Any, rng: random.Random) -> Any:
    """A copy with a value replaced, a key deleted, renamed or added."""
    made = copy.deepcopy(value)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        found = list(places(made))
        if not found:
            return rng.choice(ODD)
        inside, key = rng.choice(found)
        what = rng.randrange(4)
        if what == 0 and isinstance(inside, dict):
            del inside[key]
        elif what == 1 and isinstance(inside, dict):
            inside[rng.choice(["", "x y", f"{key}s", "<<"])] = inside.pop(key)
        elif what == 2 and isinstance(inside, list):
            inside.insert(key, inside[key])
        else:
            inside[key] = copy.deepcopy(rng.choice(ODD))
    return made


def broken(data: bytes, rng: random.Random) -> bytes:
    """Bytes with some of them changed, a line twice, or an end cut off."""
    if not data:
        return bytes([rng.randrange(256)])
    at = rng.randrange(len(data))
    lines = data.splitlines(keepends=True)
    line = rng.randrange(len(lines))
    return rng.choice(
        [
            data[:at],
            data[:at] + bytes([rng.randrange(256)]) + data[at + 1 :],
            data[:at] + rng.choice([b"\t", b"\r", b"\0", b"\xe9", b"{", b"&a ", b"*a "])
            + data[at:],
            b"".join([*lines[: line + 1], *lines[line:]]),
            b"".join([*lines[:line], *lines[line + 1 :]]),
            rng.choice([b"\xef\xbb\xbf", b"\xff\xfe", b"- ", b"? ", b"%"]) + data,
            data.replace(b"\n", b"\r\n"),
        ]
    )  # fmt: skip


def texts(valid: Any, rng: random.Random, dump: Callable[[Any], str]) -> Iterator[bytes]:
    """`INPUTS` files: of mangled values, of broken bytes, and of both."""
    for number in range(INPUTS):
        value = mangled(valid, rng) if number % 3 else valid
        data = dump(value).encode("utf-8", "surrogatepass")
        yield broken(data, rng) if number % 3 != 1 else data


def as_yaml(value: Any) -> str:
    """A YAML file as a person has it, as far as PyYAML can write it."""
    return str(yaml.safe_dump(value, allow_unicode=True, sort_keys=False))


def as_rows(rows: list[Any]) -> str:
    """A file of items."""
    return "".join(json.dumps(row) + "\n" for row in rows)


@pytest.fixture(scope="module")
def registry() -> dict[str, Any]:
    """The registry of this project."""
    return read_registry(ROOT)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project's folder for one reader; its registry is written again and again."""
    (tmp_path / "config").mkdir()
    (tmp_path / "literature").symlink_to(ROOT / "literature")
    return tmp_path


def outcomes(
    path: Path, files: Iterator[bytes], reader: Callable[[], Any], least: int = 20
) -> Counter[str]:
    """Feed files to a reader; only a result or a `UserError` of one line may come out."""
    counts: Counter[str] = Counter()
    for data in files:
        path.write_bytes(data)
        try:
            reader()
            counts["result"] += 1
        except UserError:
            counts["refused"] += 1
        except Exception as error:
            error.add_note(f"input: {data[:3000]!r}")
            raise
    print(f"{path.name}: {dict(counts)}")
    assert counts.total() == INPUTS
    # Neither does a reader refuse all nor take all.
    assert min(counts["result"], counts["refused"]) >= least
    return counts


@pytest.mark.parametrize("schema", list(COLUMNS))
def test_items(tmp_path: Path, schema: str) -> None:
    rows = [ITEM | {"prompt": f"Q{number % 4}:"} for number in range(6)]
    path = tmp_path / "items.jsonl"
    task = load_task(ROOT / "tasks/neqa")

    def read() -> None:
        items, _ = read_items(path, schema)
        made = [row | {"metric": "m"} for row in build(items, "few-shot-1", [], task.chain, 0)]
        step.write(tmp_path / "prompts.parquet", made, {})

    outcomes(path, texts(rows, random.Random(SEED), as_rows), read)


def test_registry(root: Path) -> None:
    families = {
        "ladder": {"trained": "ladder"},
        "mine": {
            "bos": "always",
            "models": {"m1": MODEL, "m2": MODEL | {"path": "~/m2", "size": "2k"}},
            "published": {"series": "OPT", "sizes": ["175B"]},
        },
    }
    del families["mine"]["models"]["m2"]["hub"], families["mine"]["models"]["m2"]["revision"]  # type: ignore[index]
    path = root / "config/models.yaml"
    files = texts({"families": families}, random.Random(SEED), as_yaml)
    outcomes(path, files, lambda: read_registry(root))


def test_configuration(tmp_path: Path, registry: dict[str, Any]) -> None:
    path = tmp_path / "my.yaml"
    default = yaml_files.read_mapping(ROOT / "config/config.yaml")
    valid = TINY | {"official": {"mirror": "~/items"}, "sources": {"all": ["replica"]}}

    def read() -> None:
        check(yaml_files.merge_defaults(yaml_files.read_mapping(path), default), registry, ROOT)

    outcomes(path, texts(valid, random.Random(SEED), as_yaml), read)


def test_configuration_from_another_workflow(registry: dict[str, Any]) -> None:
    """As a module's ``config`` it is no file: there may be any Python value in it."""
    rng = random.Random(SEED)
    default = yaml_files.read_mapping(ROOT / "config/config.yaml")
    refused = 0
    for _ in range(INPUTS):
        try:
            check(mangled(default, rng), registry, ROOT)
        except UserError:
            refused += 1
    assert INPUTS / 2 < refused < INPUTS


def test_task(tmp_path: Path) -> None:
    folder = tmp_path / "fewer"
    folder.mkdir()
    block = {"file": "items.jsonl", "bytes": 1, "rows": 1, "sha256": "0" * 64}
    valid = {
        **{"title": "F", "schema": "classification", "metric": "accuracy", "balanced": False},
        **{"true_task": "t", "distractor_task": "d", "own": block, "round1": block},
        **{"demonstrations_inside": 10, "inside_separator": "\n\n", "official": block, "round": 1},
        "chain": {"answer_after": " So", "stop": ["\n"], "tokens": 9},
    }

    def read() -> None:
        task = load_task(folder)
        described(task)
        for source in BLOCKS:
            release(task, source)

    outcomes(folder / "task.yaml", texts(valid, random.Random(SEED), as_yaml), read)


def test_demonstrations(tmp_path: Path) -> None:
    row = {"prompt": "Q:", "chain": " It is.", "answer": " A"}
    valid = {"demonstrations": [row, row | {"answer": " B"}]}
    files = texts(valid, random.Random(SEED), as_yaml)
    outcomes(tmp_path / "demonstrations.yaml", files, lambda: load_demonstrations(tmp_path))


def test_mirrors(tmp_path: Path) -> None:
    valid = {"official": [{"url": "https://a.example/{file}"}, {"urls": {"neqa": "https://b"}}]}
    path = tmp_path / "mirrors.yaml"

    def read() -> None:
        for mirror in read_mirrors(path, "official"):
            mirror.address("neqa", "neqa.jsonl")

    outcomes(path, texts(valid, random.Random(SEED), as_yaml), read)


def test_every_eval_ever(tmp_path: Path) -> None:
    right = ANSWERS["tiny-1b"]
    valid = log("tiny-1b", right)
    valid["detailed_evaluation_results"] = {"format": "jsonl", "file_path": "rows.jsonl"}
    text = "".join(json.dumps(row) + "\n" for row in instances("tiny-1b", right))
    (tmp_path / "rows.jsonl").write_text(text)
    path = tmp_path / "log.json"
    files = texts(valid, random.Random(SEED), json.dumps)
    outcomes(path, files, lambda: read_inputs([path], Wanted()))


def test_instances(tmp_path: Path) -> None:
    rows = instances("tiny-1b", ANSWERS["tiny-1b"])
    path = tmp_path / "rows.jsonl"
    outcomes(path, texts(rows, random.Random(SEED), as_rows), lambda: read_instances(path))


def test_report_without_items(tmp_path: Path) -> None:
    about = {"family": "f", "source": "replica", "task": "t", "variant": "zero-shot"}
    about |= {"protocol": "own", "modified": "", "metric": "accuracy", "scale": "training_flops"}
    points = {"sizes": ["a", "b"], "at": [1e20, 1e21], "values": [0.5, 0.25], "seeds": [1, 1]}
    curve = about | points | {"n": 8, "chance": None, "flags": []}
    valid = {"format": "ushaped-report", "version": "1.4", "curves": [curve]}
    path = tmp_path / "report.json"
    files = texts(valid, random.Random(SEED), json.dumps)
    outcomes(path, files, lambda: read_inputs([path], Wanted()))


def test_lock(tmp_path: Path) -> None:
    path = tmp_path / "models.lock.yaml"
    valid = {"a/b@main": "0" * 40, "a/c@main": "1" * 40}
    files = texts(valid, random.Random(SEED), as_yaml)
    outcomes(path, files, lambda: lock.pinned_commit(path, "a/b", "main"))
