"""YAML as people mean it: the one reader of configuration, registry, task files and lock.

YAML 1.1, which PyYAML reads, takes 1e21 for a text, 010 for eight, 1:30 for ninety and ``no`` for
false, and lets the last of two equal keys win. Here plain scalars follow the core schema of YAML
1.2.2 (https://yaml.org/spec/1.2.2/#103-core-schema), and whatever has two readings is refused.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from ushaped.errors import UserError

# Deeper and longer than any file of a person; aliases that repeat aliases count each time.
DEPTH = 50
MOST = 100_000
# The largest whole number that a float holds without rounding its neighbours away.
EXACT = 2**53

TAG = "tag:yaml.org,2002:"
PLAIN = {
    "null": r"(?:~|null|Null|NULL|)",
    "bool": r"(?:true|True|TRUE|false|False|FALSE)",
    # An underscore between digits is YAML 1.1's, and has one reading.
    "int": r"(?:[-+]?[0-9][0-9_]*|0o[0-7]+|0x[0-9a-fA-F]+)",
    "float": r"(?:[-+]?(?:\.[0-9]+|[0-9][0-9_]*(?:\.[0-9_]*)?)(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))",
    "merge": r"<<",
}


class _Loader(yaml.SafeLoader):
    """Composes nodes; what a plain scalar is, `PLAIN` says."""

    yaml_implicit_resolvers: dict[Any, Any] = {}  # noqa: RUF012 - as PyYAML declares it


for _name, _pattern in PLAIN.items():
    _Loader.add_implicit_resolver(TAG + _name, re.compile(rf"{_pattern}\Z"), None)


def read(path: str | Path) -> Any:
    """Read a YAML file (JSON is YAML too).

    Keys are always texts, as written: a model named 7 or no is no number and no truth value. A
    number with an exponent that is whole and at most 2**53 is an int, as in ``parameters: 7e9``.

    Raises
    ------
    UserError
        With file, line and what to write, if it is no UTF-8 or no YAML, or holds a key twice, a
        number that is not finite or begins with a zero, another tag than those of JSON's types,
        more than `DEPTH` levels or more than `MOST` values.
    """
    where = str(path)
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise UserError(where, f"cannot be read ({error.strerror})", "give a YAML file") from None
    return parse(decode(data, where, "line"), where)


def read_mapping(path: str | Path) -> dict[str, Any]:
    """Read a YAML file that holds a mapping.

    Raises
    ------
    UserError
        As `read`, or if it holds anything else.
    """
    value = read(path)
    if not isinstance(value, dict):
        what = "is empty" if value is None else "is not a mapping"
        raise UserError(str(path), what, "write 'key: value' lines")
    return value


def decode(data: bytes, where: str, unit: str) -> str:
    """UTF-8, with or without a byte order mark; ``unit`` is what a message calls a line."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        number = data.count(b"\n", 0, error.start) + 1
        raise UserError(
            f"{where}, {unit} {number}",
            f"byte 0x{data[error.start]:02x} is not UTF-8",
            "save the file as UTF-8",
        ) from None


def parse(text: str, where: str) -> Any:
    """Read the text of a YAML file; ``where`` is what a message calls it."""
    if text.lstrip().startswith("{"):
        # JSON may be indented with tabs, which YAML forbids.
        try:
            json.loads(text)
        except (ValueError, RecursionError):
            pass
        else:
            text = text.replace("\t", " ")
    try:
        node = yaml.compose(text, Loader=_Loader)
        return None if node is None else _Builder(where).value(node, ())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        what = f"is not YAML ({error.problem or error.context})"
        tab = "'\\t'" in what
        do = "indent with spaces, not with tabs" if tab else "mend the line, or quote its text"
        raise UserError(where + place, " ".join(what.split()), do) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        what = f"holds the character {chr(error.character)!r}"
        raise UserError(f"{where}, line {line}", what, "take it out") from None
    except yaml.YAMLError as error:
        what = f"is not YAML ({' '.join(str(error).split())})"
        raise UserError(where, what, "mend it") from None
    except RecursionError:
        raise UserError(where, f"is nested deeper than {DEPTH} levels", "flatten it") from None


class _Builder:
    """Makes values of nodes, and refuses what has two readings."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.count = 0

    def refuse(self, node: yaml.Node, key: tuple[str, ...], what: str, do: str) -> UserError:
        """The error for a node."""
        inside = f", {'.'.join(key)}" if key else ""
        return UserError(f"{self.where}, line {node.start_mark.line + 1}{inside}", what, do)

    def value(self, node: yaml.Node, key: tuple[str, ...]) -> Any:
        """The value of a node below a key."""
        self.count += 1
        if len(key) > DEPTH:
            raise self.refuse(node, (), f"is nested deeper than {DEPTH} levels", "flatten it")
        if self.count > MOST:
            what = f"holds more than {MOST} values, those of aliases included"
            raise self.refuse(node, (), what, "write less")
        name = node.tag.removeprefix(TAG)
        if isinstance(node, yaml.MappingNode) and name == "map":
            return self.mapping(node, key)
        if isinstance(node, yaml.SequenceNode) and name == "seq":
            return [self.value(one, (*key, str(i))) for i, one in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode) and name in (*PLAIN, "str"):
            return self.scalar(node, name, key)
        what = f"the tag {node.tag.replace(TAG, '!!')} is not used here"
        raise self.refuse(node, key, what, "leave it out")

    def mapping(self, node: yaml.MappingNode, key: tuple[str, ...]) -> dict[str, Any]:
        """A mapping; what ``<<`` merges into it gives way to its own keys."""
        lines: dict[str, int] = {}
        merged: dict[str, Any] = {}
        own: dict[str, Any] = {}
        for at, below in node.value:
            if not isinstance(at, yaml.ScalarNode):
                raise self.refuse(at, key, "a key is no text", "write 'key: value'")
            name = self.text(at, key)
            if name in lines:
                what = f"key '{name}' is there twice, in lines {lines[name]} and "
                what += str(at.start_mark.line + 1)
                raise self.refuse(at, key, what, "keep one")
            lines[name] = at.start_mark.line + 1
            if at.tag == TAG + "merge":
                # Of several the first wins.
                merged = self.merged(below, key) | merged
            else:
                own[name] = self.value(below, (*key, name))
        return merged | own

    def merged(self, node: yaml.Node, key: tuple[str, ...]) -> dict[str, Any]:
        """The mapping, or the mappings of the list, after ``<<``."""
        value = self.value(node, (*key, "<<"))
        found: dict[str, Any] = {}
        for one in value if isinstance(value, list) else [value]:
            if not isinstance(one, Mapping):
                raise self.refuse(node, key, "<< merges no mapping", "name one, as in <<: *name")
            found = {**one, **found}
        return found

    def text(self, node: yaml.ScalarNode, key: tuple[str, ...]) -> str:
        """The text of a scalar."""
        text = str(node.value)
        if lone_surrogate(text):
            # JSON writes one character as two halves.
            text = text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
        if lone_surrogate(text):
            do = r"write the character itself, or \U and eight digits"
            raise self.refuse(node, key, f"{text!r} holds half a character", do)
        return text

    def scalar(self, node: yaml.ScalarNode, name: str, key: tuple[str, ...]) -> Any:
        """The value of a scalar of one of the types of `PLAIN`, or a text."""
        text = self.text(node, key)
        if name in ("str", "merge"):
            return text
        # An explicit tag can stand before any text.
        if not re.fullmatch(PLAIN[name], text):
            raise self.refuse(node, key, f"{text!r} is no {name}", "take the tag away")
        if name == "null":
            return None
        if name == "bool":
            return text.lower() == "true"
        if trap := _trap(text):
            raise self.refuse(node, key, f"{_short(text)} {trap[0]}", trap[1])
        return _number(text)


def _trap(text: str) -> tuple[str, str] | None:
    """What is wrong with a number, and what to write; None where it has one reading."""
    plain = text.replace("_", "").lower()
    if re.fullmatch("[-+]?0[0-9]+", plain):
        what = "begins with a zero, which some programs read as octal"
        short = re.sub("^([-+]?)0+(?=.)", r"\1", plain)
        return what, f"write {_short(short)}, or '{_short(text)}' in quotes if it is a text"
    # Longer whole numbers are no float, and Python makes none of their digits.
    finite = len(plain) < 400 and plain[-3:] not in ("inf", "nan")
    try:
        finite = finite and math.isfinite(float(_number(text)))
    except OverflowError:
        finite = False
    return None if finite else ("is no finite number", "write a number, or quotes around a text")


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:40]}..."


def _number(text: str) -> int | float:
    plain = text.replace("_", "").lower()
    if re.fullmatch("[-+]?[0-9]+|0[ox].*", plain):
        return int(plain, 0)
    value = float(plain)
    whole = "e" in plain and abs(value) <= EXACT and value.is_integer()
    return int(value) if whole else value


def lone_surrogate(text: str) -> bool:
    """Whether a text holds half of a character outside the basic plane, which no UTF-8 can hold.

    Examples
    --------
    >>> lone_surrogate("\\ud83d"), lone_surrogate("\\U0001f600")
    (True, False)
    """
    return any("\ud800" <= character <= "\udfff" for character in text)


def merge_defaults(config: Mapping[str, Any], default: Mapping[str, Any]) -> dict[str, Any]:
    """Settings, and those of another mapping for the keys that they lack.

    Examples
    --------
    >>> merge_defaults({"replica": {"items": 8}}, {"output": "out", "replica": {"seed": 1}})
    {'output': 'out', 'replica': {'seed': 1, 'items': 8}}
    """
    merged = dict(default)
    for key, value in config.items():
        below = merged.get(key)
        if isinstance(value, dict) and isinstance(below, dict):
            value = merge_defaults(value, below)
        merged[key] = value
    return merged
