"""The wheel in an environment of its own, with what it declares and nothing else."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from project import ROOT

PALM = "scale,k,n\n0.24e21,147,315\n37.4e21,63,315\n295.7e21,141,315\n2527.2e21,278,315\n"
SOURCES = ("pyproject.toml", "README.md", "LICENSE", "scripts", "literature")
ABSENT = ("torch", "snakemake", "transformers", "jinja2", "huggingface_hub")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy: building leaves files beside the sources."""
    folder = tmp_path_factory.mktemp("wheel")
    copy = folder / "copy"
    copy.mkdir()
    for name in SOURCES:
        if (ROOT / name).is_dir():
            skip = shutil.ignore_patterns("__pycache__", "*.egg-info")
            shutil.copytree(ROOT / name, copy / name, ignore=skip, symlinks=True)
        else:
            shutil.copy(ROOT / name, copy / name)
    words = ["wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder)]
    subprocess.run([sys.executable, "-m", "pip", *words, str(copy)], check=True)
    (path,) = folder.glob("*.whl")
    return path


def needed(wheel: Path) -> Iterator[str]:
    """Packages that the wheel declares, and what they declare, without any extra."""
    with zipfile.ZipFile(wheel) as content:
        (name,) = (n for n in content.namelist() if n.endswith(".dist-info/METADATA"))
        lines = content.read(name).decode().splitlines()
    words = [line.removeprefix("Requires-Dist: ") for line in lines if "Requires-Dist: " in line]
    seen: set[str] = set()
    while words:
        one = Requirement(words.pop())
        if one.name in seen or (one.marker and not one.marker.evaluate({"extra": ""})):
            continue
        seen.add(one.name)
        words += distribution(one.name).requires or ()
        yield one.name


@pytest.fixture(scope="module")
def environment(wheel: Path) -> Path:
    """An environment with the wheel, and links to the packages that it needs."""
    folder = wheel.parent / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    (site,) = folder.glob("lib/python*/site-packages")
    for name in needed(wheel):
        own = distribution(name)
        for top in {file.parts[0] for file in own.files or ()} - {"..", "__pycache__"}:
            link, target = site / top, Path(str(own.locate_file(top)))
            if not link.exists() and target.exists():
                link.symlink_to(target)
    python = str(folder / "bin/python")
    words = ["--python", python, "install", "--quiet", "--no-deps", "--no-index", str(wheel)]
    subprocess.run([sys.executable, "-m", "pip", *words], check=True)
    return folder


def run(environment: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a program of the environment, which knows nothing of any other."""
    return subprocess.run(
        [str(environment / "bin" / words[0]), *words[1:]],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.workflow
def test_the_wheel_judges_with_what_it_declares(environment: Path, tmp_path: Path) -> None:
    (tmp_path / "palm.csv").write_text(PALM)
    words = ("judge", "palm.csv", "--draws", "100", "--picture", "curve")
    done = run(environment, tmp_path, "ushaped", *words)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1].split()[:3] == ["models", "palm", "U-shaped"]
    assert {path.name for path in tmp_path.glob("curve.*")} == {
        "curve.svg",
        "curve.png",
        "curve.csv",
    }
    done = run(environment, tmp_path, "python", "-m", "ushaped.shapes", "palm.csv", "--draws", "50")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("models, palm: U-shaped")


@pytest.mark.workflow
def test_nothing_of_the_workflow_is_there(environment: Path, tmp_path: Path) -> None:
    program = "from importlib.util import find_spec as find\n"
    program += f"print([name for name in {ABSENT} if find(name)])"
    assert run(environment, tmp_path, "python", "-c", program).stdout == "[]\n"
    done = run(environment, tmp_path, "ushaped", "plan")
    assert done.returncode == 1
    assert "pip install 'ushaped[workflow,models]'" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.workflow
def test_a_notebook_needs_no_more(environment: Path, tmp_path: Path) -> None:
    (tmp_path / "palm.csv").write_text(PALM)
    program = "from ushaped import judge\njudged = judge('palm.csv', draws=50)\n"
    program += "judged.figure\nprint(len(judged.table), '<svg' in judged._repr_html_())"
    done = run(environment, tmp_path, "python", "-c", program)
    assert done.stdout == "1 True\n", done.stderr


@pytest.mark.workflow
def test_formats_are_converted_without_more(environment: Path, tmp_path: Path) -> None:
    (tmp_path / "palm.csv").write_text(PALM)
    words = ("convert", "palm.csv", "--to", "every-eval-ever", "--output", "eee")
    assert run(environment, tmp_path, "ushaped", *words).returncode == 0
    done = run(environment, tmp_path, "ushaped", "judge", "eee", "--draws", "50")
    assert "U-shaped" in done.stdout, done.stderr
