"""The program ``ushaped``: what it prints, writes and exits with."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from eee_files import ANSWERS, log, write_log, write_logs
from harness_runs import LARGE, LONG, MODELS, SMALL, TWO, write_run
from ushaped import __main__ as program
from ushaped.command import plan
from ushaped.shapes.evidence_record import check_evidence
from ushaped.shapes.standalone.inputs import read_inputs
from ushaped.shapes.standalone.reading import Wanted

PALM = "scale,k,n\n0.24e21,147,315\n37.4e21,63,315\n295.7e21,141,315\n2527.2e21,278,315\n"
FEW = ("--draws", "100")
# Rows and columns of a screen.
SCREEN = (40, 80)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "palm.csv"
    path.write_text(PALM)
    return path


def code(*words: object) -> int:
    """Exit code of a command line."""
    with pytest.raises(SystemExit) as ended:
        program.main([str(word) for word in words])
    return int(ended.value.code or 0)


# -- help and command lines -----------------------------------------------------------------------


@pytest.mark.parametrize("words", [(), *((name,) for name in program.COMMANDS)])
def test_help_fits_a_screen(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(SCREEN[1]))
    assert code(*words, "--help") == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= SCREEN[0]
    assert max(map(len, lines)) <= SCREEN[1]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "the following arguments are required: COMMAND"),
        (("judge",), "the following arguments are required: FILE"),
        (("judg", "a.csv"), "invalid choice: 'judg'"),
        (("judge", "a.csv", "--draws", "0"), "--draws: is 0; give 1 or more"),
        (("judge", "a.csv", "--run-noise", "x"), "run noise: is 'x'; give zero, "),
        (("judge", "a.csv", "--axis", "shot"), "unknown axis 'shot'; did you mean 'shots'"),
        (("judge", "a.csv", "--chance", "inf"), "--chance: is inf; give a number"),
        (("judge", "a.csv", "--json", "--evidence"), "not allowed with argument --json"),
        (("convert", "a.csv", "--to", "xml", "--output", "x"), "invalid choice: 'xml'"),
    ],
)
def test_a_wrong_command_line_exits_with_two(
    words: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert code(*words) == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("scale,k,n\n1,5,4\n2,1,4\n", "line 2: 5 of 4 items are right"),
        ("scale,mean,error\n1,50,1\n2,60,1\n", "a value is 50, which looks like percent"),
        ("scale,k,n\n1,5,\n2,1,4\n", "line 2: n is ''; give a number"),
        ("scale,k,n\n1,5,9\n1,6,9\n", "line 3: scale 1 of models/curve is there twice"),
        ("scale,protocol,k,n\n1,p,5,9\n2,q,6,9\n", "its sizes differ in protocol ('p' and 'q')"),
        ("scale,k,n\n,5,9\n,6,9\n", "line 2: scale is ''; give a number"),
    ],
)
def test_bad_input_exits_with_one_and_one_line(
    tmp_path: Path, text: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "curve.csv"
    path.write_text(text)
    assert code("judge", path) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"error: {path}")
    assert told in err
    assert err.count("\n") == 1


# -- judging --------------------------------------------------------------------------------------


def test_a_table_of_verdicts_is_printed(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert code("judge", table, *FEW) == 0
    out, err = capsys.readouterr()
    header, row = out.splitlines()
    assert header.split()[:3] == ["family", "task", "verdict"]
    assert row.split()[:4] == ["models", "palm", "U-shaped", "U-shaped"]
    assert err == ""


def test_the_program_and_the_module_give_the_same_evidence(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert code("judge", table, "--json", *FEW) == 0
    told = json.loads(capsys.readouterr().out)
    start = [sys.executable, "-m", "ushaped.shapes", str(table), *FEW]
    files = ["--json", tmp_path / "a.json", "--output", tmp_path / "a.svg"]
    subprocess.run([*start, *map(str, files)], check=True, capture_output=True)
    assert (
        check_evidence(told, "standard output")
        == json.loads((tmp_path / "a.json").read_text())["curves"]
    )
    assert told["left_out"] == []


def test_evidence_can_be_printed_in_words(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert code("judge", table, "--evidence", *FEW) == 0
    out = capsys.readouterr().out
    assert out.startswith("models, palm: U-shaped\n")
    assert "holds up to" in out


def test_pictures_are_written_on_request(table: Path, tmp_path: Path) -> None:
    assert code("judge", table, "--picture", tmp_path / "out" / "palm", *FEW) == 0
    files = {path.suffix: path for path in (tmp_path / "out").iterdir()}
    assert set(files) == {".svg", ".png", ".csv"}
    assert "U-shaped" in files[".svg"].read_text()
    assert files[".png"].read_bytes().startswith(b"\x89PNG")
    assert len(files[".csv"].read_text().splitlines()) == 5
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["palm.csv"]


def test_a_picture_never_overwrites_what_is_read(
    table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert code("judge", table, "--picture", table.with_suffix(""), *FEW) == 1
    assert "would overwrite" in capsys.readouterr().err
    assert table.read_text() == PALM


def test_curves_with_an_error_are_left_out_and_listed_at_the_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "curve.csv"
    path.write_text(TWO + "A,z,1,95,9\nA,z,2,4,9\nB,x,,5,9\nB,x,2,5,9\nB,x,3,6,9\n")
    assert code("judge", path, *FEW) == 0
    lines = capsys.readouterr().out.splitlines()
    at = lines.index("left out (2):")
    assert [line.split()[:2] for line in lines[1 : at - 1]] == [["A", "x"], ["A", "y"], ["B", "x"]]
    assert lines[at + 1 :] == [
        f"{path}, line 8: scale is ''; give its training compute",
        f"{path}, line 6: 95 of 9 items are right; give whole numbers with 0 <= k <= n and n from "
        "1 to 9007199254740992",
    ]


def test_output_of_the_harness_is_read_as_before(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, right in (("org/tiny-1b", SMALL), ("org/tiny-8b", LARGE)):
        write_run(tmp_path / "out", name, {"neqa": right})
    assert code("judge", tmp_path / "out") == 1
    assert "does not say how large its models are; give --models" in capsys.readouterr().err
    models = tmp_path / "models.csv"
    models.write_text(MODELS + "org/tiny-62b,tiny,62b,1e22\n")
    assert code("judge", tmp_path / "out", "--models", models, *FEW) == 0
    out = capsys.readouterr().out
    assert "tiny" in out.splitlines()[1]
    assert "there is no output of model 'org/tiny-62b'" in out


# -- converting -----------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [PALM, TWO, LONG, "scale,mean,error\n1e20,.5,.1\n3e20,.4,.1\n"])
def test_a_table_becomes_every_eval_ever_and_back(
    tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path, folder, again = tmp_path / "a.csv", tmp_path / "eee", tmp_path / "b.csv"
    path.write_text(text)
    assert code("convert", path, "--to", "every-eval-ever", "--output", folder) == 0
    assert code("convert", folder, "--to", "table", "--output", again) == 0
    before, after = (
        sorted(read_inputs([one], Wanted()).curves, key=lambda pair: pair[0].task)
        for one in (path, again)
    )
    assert len(after) == len(before)
    for (curve, data), (other, data_again) in zip(before, after, strict=True):
        for name in ("family", "task", "sizes", "metric", "n"):
            assert getattr(other, name) == getattr(curve, name)
        assert other.flops.tolist() == curve.flops.tolist()
        assert other.values.tolist() == curve.values.tolist()
        assert type(data_again) is type(data)
        for name in ("values", "clusters", "members", "k", "n", "errors"):
            if hasattr(data, name):
                first, second = getattr(data, name), getattr(data_again, name)
                assert str(first) == str(second)


def test_verdicts_survive_the_way_through_every_eval_ever(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, folder = write_logs(tmp_path / "source"), tmp_path / "eee"
    assert code("convert", source, "--to", "every-eval-ever", "--output", folder) == 0
    capsys.readouterr()
    told = []
    for files in (source, folder):
        assert code("judge", files, "--json", *FEW) == 0
        told.append(json.loads(capsys.readouterr().out)["curves"])
    assert told[0][0]["verdict"]["statistical"] == "U-shaped"
    notes = [one["verdict"].pop("notes") for curves in told for one in curves]
    assert all("instances" not in note for one in notes for note in one)
    assert told[0] == told[1]


def test_nothing_is_written_into_a_folder_of_other_files(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert code("convert", table, "--to", "every-eval-ever", "--output", tmp_path) == 1
    assert "is not an empty folder" in capsys.readouterr().err


def test_what_was_left_out_is_told_after_a_conversion(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_logs(tmp_path / "in")
    write_log(tmp_path / "in", "old", log("tiny-8b", ANSWERS["tiny-8b"], schema_version="0.1.0"))
    assert code("convert", tmp_path / "in", "--to", "table", "--output", tmp_path / "a.csv") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"written: {tmp_path / 'a.csv'}"
    assert lines[-2] == "left out (1):"
    assert "old.json: schema_version is '0.1.0'" in lines[-1]


# -- planning -------------------------------------------------------------------------------------


def test_a_plan_needs_the_packages_of_the_workflow(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(plan, "find_spec", lambda name: None)
    assert code("plan") == 1
    err = capsys.readouterr().err
    assert "needs snakemake and transformers; install the workflow: pip install" in err
    assert err.count("\n") == 1


def test_a_plan_needs_a_clone_of_the_workflow(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert code("plan", "--clone", tmp_path) == 1
    assert "is no clone of the workflow" in capsys.readouterr().err
    assert code("plan", "--configfile", tmp_path / "my.yaml") == 1
    assert "my.yaml: no such file" in capsys.readouterr().err
