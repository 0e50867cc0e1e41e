"""A full disk or a folder that may not be written to: one line, and nothing half-written."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

import pytest

import prompts as step
from ushaped.errors import UserError, refusal, run
from ushaped.files import whole, whole_folder

WORDS = {
    errno.ENOSPC: "no space is left on the device; free some, then run again",
    errno.EDQUOT: "the quota of this user is used up; free some space",
    errno.EROFS: "the file system is read-only; name a folder",
    errno.EACCES: "permission denied; give this user the right",
}


def line_of(step_main: object, capsys: pytest.CaptureFixture[str]) -> str:
    """The one line with which a step ends."""
    with pytest.raises(SystemExit) as caught:
        run(step_main)  # type: ignore[arg-type]
    assert caught.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


@pytest.mark.parametrize("number", list(WORDS))
def test_what_the_machine_refuses_is_one_line_with_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], number: int
) -> None:
    def main() -> None:
        with whole(tmp_path / "a.csv") as beside:
            beside.write_text("half")
            # As write(2) fails: with no name of a file.
            raise OSError(number, os.strerror(number))

    assert line_of(main, capsys).startswith(f"error: {tmp_path}/a.csv: {WORDS[number]}")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_the_old_file_and_folder(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")
    (tmp_path / "b").mkdir()
    (tmp_path / "b/c").write_text("old")
    for kind, name in ((whole, "a"), (whole_folder, "b")):
        with pytest.raises(OSError, match="No space") as caught, kind(tmp_path / name):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        assert caught.value.filename == str(tmp_path / name)
    assert {path.name for path in tmp_path.iterdir()} == {"a", "b"}
    assert (tmp_path / "a").read_text() == (tmp_path / "b/c").read_text() == "old"


def test_a_library_that_raises_errors_of_its_own_is_understood(tmp_path: Path) -> None:
    full = RuntimeError("I/O error: No space left on device (os error 28)")
    line = r"w\.safetensors: no space is left"
    with pytest.raises(UserError, match=line), whole(tmp_path / "w.safetensors"):
        raise full
    assert refusal(RuntimeError("out of memory")) is None
    assert refusal(FileNotFoundError(errno.ENOENT, "No such file or directory")) is None


def test_a_fault_of_the_program_stays_a_traceback() -> None:
    def main() -> None:
        raise KeyError("a")

    with pytest.raises(KeyError):
        run(main)


@pytest.mark.skipif(os.geteuid() == 0, reason="waits for a user who is not root")
def test_a_read_only_folder_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tmp_path.chmod(0o500)

    def main() -> None:
        with whole(tmp_path / "a/b.csv"):
            pass

    assert "permission denied" in line_of(main, capsys)


def test_a_file_where_a_folder_is_wanted_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "results").write_text("")

    def main() -> None:
        with whole(tmp_path / "results/tasks/b.csv"):
            pass

    line = line_of(main, capsys)
    assert line.startswith(f"error: {tmp_path}/results")
    assert "a file stands where a folder is wanted" in line


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="waits for Linux, which has /dev/full")
def test_a_step_whose_disk_is_full_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parquet's own writer, on a device that is always full."""
    task = tmp_path / "fewer"
    task.mkdir()
    (task / "task.yaml").write_text(
        "title: F\nschema: classification\nmetric: accuracy\nbalanced: false\ntrue_task: t\n"
        'distractor_task: d\nchain: {answer_after: " So", stop: ["\\n"]}\n'
    )
    (task / "items.jsonl").write_text(
        '{"prompt": "Q:", "classes": [" A", " B"], "answer_index": 0}\n'
    )
    words = ["--task", task, "--items", task / "items.jsonl", "--variants", "zero-shot"]
    words += ["--seed", "0", "--output", tmp_path / "prompts"]
    monkeypatch.setattr(sys, "argv", ["prompts.py", *map(str, words)])
    written = step.pq.write_table
    # Not by name: after a failure the writer removes the file, which root may do to a device.
    with open("/dev/full", "wb", buffering=0) as full:
        monkeypatch.setattr(step.pq, "write_table", lambda table, _: written(table, full))
        line = line_of(step.main, capsys)
    assert line.startswith(f"error: {tmp_path}/prompts/zero-shot.parquet: no space is left")
    assert list((tmp_path / "prompts").iterdir()) == []
