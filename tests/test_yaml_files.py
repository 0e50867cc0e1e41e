"""YAML as people mean it: what YAML 1.1 reads otherwise is read right, or refused with its line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from project import ROOT, TINY, Project
from ushaped.errors import UserError
from ushaped.settings import read_command_line
from ushaped.yaml_files import parse, read, read_mapping

TINY_AS_TEXT = yaml.safe_dump(TINY)


def complaint(text: str) -> str:
    """The one line that a text earns."""
    with pytest.raises(UserError) as caught:
        parse(text, "f.yaml")
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *(("1e21", 1e21), ("1.0e21", 1e21), ("1.0e+21", 1e21), ("1E3", 1000), ("7e9", 7 * 10**9)),
        *(("1.5e9", 1_500_000_000), ("7e-1", 0.7), (".5", 0.5), ("2.", 2.0), ("+5", 5)),
        *(("1_000", 1000), ("0x1f", 31), ("0o17", 15), ("0", 0), ("-0.0", 0.0)),
        *(("yes", "yes"), ("no", "no"), ("on", "on"), ("Off", "Off"), ("true", True)),
        *(("1:30", "1:30"), ("2024-01-01", "2024-01-01"), ("=", "="), ("", None), ("~", None)),
        *(("'010'", "010"), ("!!str 010", "010"), ("'.nan'", ".nan"), ("1.2.3", "1.2.3")),
        *(("1b", "1b"), ("0.9k", "0.9k"), ("e5", "e5"), ("125M", "125M"), ("12e", "12e")),
    ],
)
def test_a_plain_scalar_is_what_a_person_means(text: str, value: Any) -> None:
    found = parse(f"a: {text}", "f.yaml")["a"]
    assert (found, type(found)) == (value, type(value))


def test_keys_are_texts_as_they_are_written() -> None:
    assert parse("{7: a, no: b, 1.0: c, true: d, null: e, 010: f}", "f.yaml") == {
        **{"7": "a", "no": "b", "1.0": "c", "true": "d", "null": "e", "010": "f"}
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a:\n  b: 010", "f.yaml, line 2, a.b: 010 begins with a zero; write 10, or '010'"),
        ("a: -007", "write -7, or '-007' in quotes"),
        ("a: .nan", "f.yaml, line 1, a: .nan is no finite number"),
        ("a: -.INF", "-.INF is no finite number"),
        ("a: 1e999", "1e999 is no finite number"),
        ("a: 9" + "0" * 5000, "... is no finite number"),
        ("a: 1\nb: 2\na: 3", "f.yaml, line 3: key 'a' is there twice, in lines 1 and 3; keep one"),
        ("m:\n  1: a\n  '1': b", "line 3, m: key '1' is there twice, in lines 2 and 3"),
        ('{"a": 1, "a": 2}', "key 'a' is there twice"),
        ("a:\n\tb: 1", "f.yaml, line 2, column 1: is not YAML"),
        ("a:\n\tb: 1", "; indent with spaces, not with tabs"),
        ("a: [1,", "f.yaml, line 1, column 7: is not YAML"),
        ("a: b: c", "line 1, column 5: is not YAML (mapping values are not allowed here)"),
        ("a: 1\n---\nb: 2", "line 2, column 1: is not YAML (but found another document)"),
        ("a: \x07", "line 1: holds the character '\\x07'; take it out"),
        ("a: !!python/object:os.system x", "the tag !!python/object:os.system is not used here"),
        ("a: !!set {b}", "the tag !!set is not used here"),
        ("a: !!int x", "'x' is no int"),
        ("? [a]\n: b", "a key is no text"),
        ("<<: 3", "<< merges no mapping"),
        ('a: "\\ud83d"', "holds half a character"),
        ("[" * 60 + "]" * 60, "is nested deeper than 50 levels"),
        ("[" * 5000, "is nested deeper than 50 levels"),
        ("a: &a [*a]", "is nested deeper than 50 levels"),
    ],
)
def test_what_has_two_readings_or_none_is_refused_with_its_line(text: str, words: str) -> None:
    assert words.split("; ")[0] in complaint(text).replace(
        ", which some programs read as octal", ""
    )
    assert words.split("; ")[-1] in complaint(text)


def test_aliases_that_repeat_aliases_are_bounded() -> None:
    lines = ["x0: &x0 [0, 0, 0, 0, 0, 0, 0, 0, 0, 0]"]
    for n in range(1, 9):
        lines.append(f"x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 10)}]")
    assert "holds more than 100000 values, those of aliases included" in complaint("\n".join(lines))


def test_anchors_and_merge_keys_do_what_they_say() -> None:
    text = "a: &a {b: 1, c: 2}\nd: &d {c: 3, e: 4}\nf: {<<: [*a, *d], b: 5}\ng: {h: 1, <<: *d}"
    found = parse(text, "f.yaml")
    assert found["f"] == {"b": 5, "c": 2, "e": 4}
    assert found["g"] == {"h": 1, "c": 3, "e": 4}


def test_json_is_read_with_its_tabs_and_pairs_of_halves() -> None:
    assert parse('{\n\t"a": ["\\ud83d\\ude00", 1e2]\n}', "f.json") == {"a": ["\U0001f600", 100]}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"a: 1\nb: caf\xe9\n", ", line 2: byte 0xe9 is not UTF-8; save the file as UTF-8"),
        ("a: 1".encode("utf-16"), ", line 1: byte 0xff is not UTF-8"),
        (b"", ": is empty; write 'key: value' lines"),
        (b"- a\n", ": is not a mapping; write 'key: value' lines"),
    ],
)
def test_a_file_that_is_no_mapping_in_utf8_is_refused(
    tmp_path: Path, data: bytes, words: str
) -> None:
    path = tmp_path / "f.yaml"
    path.write_bytes(data)
    with pytest.raises(UserError) as caught:
        read_mapping(path)
    assert str(caught.value).startswith(f"{path}{words}")


def test_a_byte_order_mark_and_the_line_ends_of_windows_are_read(tmp_path: Path) -> None:
    (tmp_path / "f.yaml").write_bytes(b"\xef\xbb\xbfa: 1\r\nb: x\r\n")
    assert read(tmp_path / "f.yaml") == {"a": 1, "b": "x"}


@pytest.mark.parametrize(
    "path",
    [
        path
        for pattern in ("config/**/*.yaml", "tasks/**/*.yaml", "profiles/**/*.yaml")
        for path in sorted(ROOT.glob(pattern))
    ],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_the_files_of_this_project_read_as_before(path: Path) -> None:
    assert read(path) == yaml.safe_load(path.read_text(encoding="utf-8"))


# -- settings of a command line ----------------------------------------------------------------


def test_the_last_file_counts_and_words_before_all_files(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("output: a\nshapes: {draws: 1e3, seed: 1}\n")
    (tmp_path / "b.yaml").write_text("shapes: {seed: 2}\ntasks: [no]\n")
    found = read_command_line(
        [tmp_path / "a.yaml", tmp_path / "b.yaml"], {"output": "c"}, {"made": 1}
    )
    assert found == {"output": "c", "shapes": {"draws": 1000, "seed": 2}, "tasks": ["no"]}


def test_a_file_with_templates_is_left_to_snakemake(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("__use_yte__: true\noutput: ?'a' + 'b'\n")
    assert read_command_line([tmp_path / "a.yaml"], {}, {"output": "ab"}) == {"output": "ab"}


def test_snakemake_refuses_a_setting_that_is_there_twice_before_any_job(fresh: Project) -> None:
    fresh.write("tiny.yaml", f"{TINY_AS_TEXT}output: again\n")
    done = fresh.call(fresh.command("--dry-run", "--", "report"))
    assert done.returncode != 0
    (line,) = [line for line in done.stdout.splitlines() if "error" in line.lower()]
    assert "tiny.yaml, line" in line
    assert "key 'output' is there twice" in line
    assert "Job stats" not in done.stdout
