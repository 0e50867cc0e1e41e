"""Steps start fast, leave no half file, and declare all the code that they run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from project import ROOT, Project
from ushaped.code_dependencies import closure
from ushaped.files import delete_abandoned, digest, whole, whole_folder, write_json, write_text

HEAVY = {"train", "scores"}
STEPS = sorted(path.stem for path in (ROOT / "scripts").glob("*.py"))


# -- torch -------------------------------------------------------------------------------------


# Each step is imported in a process of its own, forked from one that has the packages already,
# which would otherwise be loaded for every step.
IMPORTER = """
import importlib, json, os, sys
import matplotlib.figure, numpy, pandas, pyarrow.parquet, scipy.stats, yaml
sys.path.insert(0, "scripts")
for step in sys.argv[1:]:
    if not os.fork():
        importlib.import_module(step)
        modules = list(sys.modules.values())
        files = [getattr(module, "__file__", None) for module in modules]
        heavy = sorted({"torch", "transformers"} & set(sys.modules))
        print(json.dumps([step, heavy, list(filter(None, files))]), flush=True)
        os._exit(0)
    os.wait()
"""


@pytest.fixture(scope="module")
def imported() -> dict[str, tuple[list[str], set[str]]]:
    """What importing each step loads: the heavy packages among it, and all files."""
    command = [sys.executable, "-c", IMPORTER, *STEPS]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    lines = map(json.loads, done.stdout.splitlines())
    return {step: (heavy, set(files)) for step, heavy, files in lines}


def test_no_step_imports_a_heavy_package_before_it_runs(
    imported: dict[str, tuple[list[str], set[str]]],
) -> None:
    assert {step: heavy for step, (heavy, _) in imported.items()} == {step: [] for step in STEPS}


def test_only_training_and_scoring_import_torch_while_they_run(finished: Project) -> None:
    heavy = {Path(told["argv"][0]).stem for told in finished.records() if told["torch"]}
    assert heavy == HEAVY


def test_no_step_hides_a_package_of_the_same_name() -> None:
    # A step's folder comes first on its path, so `import name` anywhere would find the step.
    assert not set(STEPS) & (set(packages_distributions()) | set(sys.stdlib_module_names))


# -- declared code -----------------------------------------------------------------------------


def test_every_project_file_that_a_step_imports_is_an_input_of_its_rule(
    finished: Project,
) -> None:
    declared: dict[str, list[set[str]]] = {}
    for job in finished.plan("report", words=("--forceall",)):
        script = next((path for path in job.inputs if path.startswith("scripts/")), None)
        if script:
            declared.setdefault(script, []).append(set(job.inputs))
    told = finished.records()
    assert {Path(one["argv"][0]).name for one in told} == {Path(path).name for path in declared}
    for one in told:
        choices = declared[one["argv"][0]]
        missing = min((set(one["files"]) - choice for choice in choices), key=len)
        assert not missing, f"{' '.join(one['argv'][:4])} imports {sorted(missing)}"


@pytest.mark.parametrize("step", STEPS)
def test_closure_holds_everything_that_importing_a_step_loads(
    step: str, imported: dict[str, tuple[list[str], set[str]]]
) -> None:
    files = imported[step][1]
    loaded = {file for file in files if file.startswith(str(ROOT / "scripts"))}
    assert str(ROOT / "scripts" / f"{step}.py") in loaded
    assert loaded <= set(closure(ROOT / "scripts" / f"{step}.py", ROOT / "scripts"))


def test_closure_follows_every_form_of_import(tmp_path: Path) -> None:
    package = tmp_path / "ushaped"
    for name, text in {
        "__init__": "",
        "one": "import ushaped.two",
        "two": "def f():\n    from ushaped.inner import three\n",
        "inner/__init__": "from ushaped.four import thing",
        "inner/three": "import numpy, os.path",
        "four": "thing = 1",
        "unused": "",
    }.items():
        write_text(package / f"{name}.py", text)
    write_text(tmp_path / "step.py", "from ushaped import one\n")
    found = closure(tmp_path / "step.py", tmp_path)
    assert found[0] == str(tmp_path / "step.py")
    assert [str(Path(path).relative_to(package)) for path in found[1:]] == [
        "__init__.py",
        "four.py",
        "inner/__init__.py",
        "inner/three.py",
        "one.py",
        "two.py",
    ]


# -- files -------------------------------------------------------------------------------------


def fail_in_the_middle(path: Path) -> None:
    """Write half a file."""
    with whole(path) as beside:
        beside.write_text("half")
        raise RuntimeError("in the middle")


def test_a_writer_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    write_text(path, "old")
    with pytest.raises(RuntimeError, match="in the middle"):
        fail_in_the_middle(path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_writer_that_fails_makes_no_new_file(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="in the middle"):
        fail_in_the_middle(tmp_path / "a.txt")
    with pytest.raises(TypeError):
        write_json(tmp_path / "b.json", {"key": object()})
    assert list(tmp_path.iterdir()) == []


def test_the_file_appears_only_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    with whole(path) as beside:
        beside.write_text("all")
        assert not path.exists()
        assert beside.suffix == ".parquet"
    assert path.read_text() == "all"


def fill(path: Path, fails: bool = False) -> None:
    """Fill a folder with one file, and perhaps fail then."""
    with whole_folder(path) as beside:
        (beside / "half").write_text("half")
        assert not (path / "half").exists()
        if fails:
            raise RuntimeError("in the middle")


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "new" / "model"
    with pytest.raises(RuntimeError, match="in the middle"):
        fill(path, fails=True)
    assert list(path.parent.iterdir()) == []
    fill(path)
    assert [file.name for file in path.iterdir()] == ["half"]


def test_a_folder_replaces_an_old_one_with_all_that_was_in_it(tmp_path: Path) -> None:
    path = tmp_path / "model"
    path.mkdir()
    (path / "old").write_text("old")
    with pytest.raises(RuntimeError, match="in the middle"):
        fill(path, fails=True)
    assert [file.name for file in path.iterdir()] == ["old"]
    fill(path)
    assert [file.name for file in path.iterdir()] == ["half"]


def test_digest_tells_apart_what_runs_together() -> None:
    assert digest("ab", "c") != digest("a", "bc")
    assert digest("ab") != digest("ab", "")
    assert digest("é") == digest("é".encode())


WRITER = """
import sys
from pathlib import Path
from ushaped.files import whole, whole_folder
path = Path(sys.argv[1])
with whole_folder(path) as folder, whole(path.with_name("a.bin")) as file:
    (folder / "half").write_text("half")
    file.write_text("half")
    print("half", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process in the middle of writing ``a``, a folder, and ``a.bin``."""
    words = [sys.executable, "-c", WRITER, str(tmp_path / "a")]
    pipe = subprocess.PIPE
    surroundings = os.environ | {"PYTHONPATH": str(ROOT / "scripts")}
    with subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True, env=surroundings) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "half\n"
        yield process
        process.kill()


def test_what_a_killed_process_left_is_deleted_by_the_next(
    tmp_path: Path, writer: subprocess.Popen[str]
) -> None:
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    assert len(list(tmp_path.iterdir())) == 2
    fill(tmp_path / "a")
    delete_abandoned(tmp_path / "a.bin")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_what_another_process_still_writes_is_left_alone(
    tmp_path: Path, writer: subprocess.Popen[str]
) -> None:
    fill(tmp_path / "a")
    delete_abandoned(tmp_path / "a.bin")
    assert len(list(tmp_path.iterdir())) == 3


def test_what_another_machine_left_is_left_alone(
    tmp_path: Path, writer: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    writer.kill()
    writer.wait()
    monkeypatch.setattr("platform.node", lambda: "elsewhere")
    fill(tmp_path / "a")
    assert len(list(tmp_path.iterdir())) == 3
