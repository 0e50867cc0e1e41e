"""What is declared in more than one place is the same everywhere: packages, rules, settings."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
import yaml
from snakemake.cli import get_argument_parser

from ushaped.models.registry import read_registry
from ushaped.settings import Configuration
from ushaped.validation import validate

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LISTS = [
    "requirements.txt",
    "requirements-dev.txt",
    "requirements-smollm.txt",
    "requirements-slurm.txt",
    "requirements-browser.txt",
]
PROFILES = sorted((ROOT / "profiles").glob("*/config.yaml"))
CONFIGS = [*(ROOT / "config").glob("*.yaml"), *(ROOT / "tests" / "config").glob("*.yaml")]


def normal(name: str) -> str:
    """A package's name as the packaging standard compares it, without extras and versions."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\s\[<>=!~;]", name, maxsplit=1)[0]).lower()


def pinned(path: Path) -> dict[str, str]:
    """Versions by package of a list of requirements; anything but an exact version is refused."""
    found = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            name, version = line.split(";")[0].strip().split("==")
            found[normal(name)] = version
    return found


def rules() -> Iterator[tuple[str, str]]:
    """Name and text of every rule that the rule files define."""
    for path in [ROOT / "Snakefile", *(ROOT / "rules").glob("*.smk")]:
        text = path.read_text(encoding="utf-8")
        for found in re.finditer(r"^rule (\w+):\n((?:(?:[ ]{4}.*)?\n)+)", text, re.MULTILINE):
            yield found.group(1), found.group(2)


def runtime() -> Iterator[str]:
    """Packages that the project needs, those of its extras too."""
    extras = PROJECT["project"]["optional-dependencies"].values()
    for names in (PROJECT["project"]["dependencies"], *extras):
        yield from map(normal, names)


STEPS = {name: text for name, text in rules() if "    shell:" in text}


# -- packages ----------------------------------------------------------------------------------


def test_conda_installs_the_pinned_list() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    parts = environment["dependencies"]
    assert "pip" in parts
    [files] = [part["pip"] for part in parts if isinstance(part, dict)]
    names = [re.fullmatch(r"-r (\S+)", file).group(1) for file in files]
    assert names == ["requirements.txt"]
    assert (ROOT / names[0]).is_file()
    [python] = [part for part in parts if str(part).startswith("python=")]
    assert python == f"python={PROJECT['project']['requires-python'].removeprefix('>=')}"


def test_the_rules_name_the_environment_that_conda_makes() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    assert f'"{environment["name"]}"' in (ROOT / "rules" / "paths.smk").read_text(encoding="utf-8")


def test_every_dependency_is_pinned() -> None:
    assert set(runtime()) <= set(pinned(ROOT / "requirements.txt"))
    development = {normal(name) for name in PROJECT["dependency-groups"]["dev"]}
    assert development <= set(pinned(ROOT / "requirements-dev.txt"))
    real = {normal(name) for name in PROJECT["dependency-groups"]["smollm"]}
    assert real <= set(pinned(ROOT / "requirements-smollm.txt"))
    cluster = {normal(name) for name in PROJECT["dependency-groups"]["slurm"]}
    assert cluster <= set(pinned(ROOT / "requirements-slurm.txt"))
    browser = {normal(name) for name in PROJECT["dependency-groups"]["browser"]}
    assert browser <= set(pinned(ROOT / "requirements-browser.txt"))


@pytest.mark.parametrize("name", LISTS[1:])
def test_all_lists_pin_the_same_versions(name: str) -> None:
    first, second = pinned(ROOT / "requirements.txt"), pinned(ROOT / name)
    shared = set(first) & set(second)
    assert {name: first[name] for name in shared} == {name: second[name] for name in shared}


@pytest.mark.parametrize("name", LISTS)
def test_pins_name_no_host(name: str) -> None:
    assert "://" not in (ROOT / name).read_text(encoding="utf-8")


def test_every_package_that_the_code_imports_is_declared() -> None:
    declared = {*runtime(), *map(normal, PROJECT["dependency-groups"]["smollm"])}
    for folder in ("scripts", "tasks"):
        for path in (ROOT / folder).rglob("*.py"):
            assert not foreign(path, declared), path


def test_a_test_that_imports_more_than_make_test_installs_says_what_it_needs() -> None:
    for path in (ROOT / "tests").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        lists = ["", "-dev", *("-smollm" for _ in re.findall(r'mark\.needs\("smollm"\)', text))]
        # Its conftest.py skips all tests of the folder.
        lists += ["-browser"] if path.parent.name == "browser" else []
        installed = {name for one in lists for name in pinned(ROOT / f"requirements{one}.txt")}
        assert not foreign(path, installed), path


@cache
def origins() -> dict[str, list[str]]:
    """The packages that each module of this environment comes from."""
    return dict(packages_distributions())


def foreign(path: Path, packages: set[str]) -> set[str]:
    """Modules that a file imports and that are neither this project's nor from these packages."""
    own = {"ushaped", *sys.stdlib_module_names}
    for folder in (ROOT / "scripts", ROOT / "tests" / "helpers", path.parent):
        own |= {one.stem for one in folder.glob("*.py")}
    return {
        module
        for module in imports(path) - own
        if not {normal(name) for name in origins().get(module, [module])} & packages
    }


def imports(path: Path) -> set[str]:
    """Top-level modules that a file imports, inside functions too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found


def test_the_citation_has_the_version_and_licence_of_the_project() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == PROJECT["project"]["version"]
    assert citation["license"] == PROJECT["project"]["license"]


# -- rules -------------------------------------------------------------------------------------


# Rules of which the name of the program is only a part, or that share one.
SHARED = {"published_shapes": "shapes"}


@pytest.mark.parametrize("name", STEPS)
def test_a_rule_bears_the_name_of_its_program(name: str) -> None:
    [program] = re.findall(r'\n        code=code\("(\w+)"\)', STEPS[name])
    assert program in (name, SHARED.get(name)) or name.endswith(f"_{program}")


@pytest.mark.parametrize("name", STEPS)
def test_a_step_runs_beside_snakemake_or_requests_more_memory_when_it_is_retried(name: str) -> None:
    grows = re.search(
        r"\n        mem_mb=(memory_per_attempt\(\d+\)|scoring_memory|fetching_memory),", STEPS[name]
    )
    assert bool(grows) != ("\n    localrule: True\n" in STEPS[name])


@pytest.mark.parametrize("name", STEPS)
def test_log_and_benchmark_have_the_same_path(name: str) -> None:
    [log] = re.findall(r'\n    log:\n        f"\{LOGS\}/(.*)\.log"', STEPS[name])
    benchmarks = re.findall(r'benchmark[:=]\s*f"\{BENCHMARKS\}/(.*)\.tsv"', STEPS[name])
    # A plan is made anew at every call, and a lock file is added to.
    assert benchmarks == ([] if name in ("plan", "lock") else [log])


# -- profiles and settings ---------------------------------------------------------------------


@pytest.mark.parametrize("path", PROFILES, ids=lambda path: path.parent.name)
def test_a_profile_names_only_options_of_snakemake(path: Path) -> None:
    profile = yaml.safe_load(path.read_text(encoding="utf-8"))
    parser = get_argument_parser()
    options = {word.lstrip("-") for action in parser._actions for word in action.option_strings}
    # Those of the executor plugin, which is not installed here, begin with its name.
    own = f"{profile.get('executor', 'local')}-"
    assert {name for name in profile if not name.startswith(own)} <= options


@pytest.mark.parametrize("path", PROFILES, ids=lambda path: path.parent.name)
def test_a_profile_names_only_rules_that_exist(path: Path) -> None:
    profile = yaml.safe_load(path.read_text(encoding="utf-8"))
    named = {*profile.get("set-resources", {}), *profile.get("set-threads", {})}
    known = dict(rules())
    assert named <= {*known, *(f"paper_{name}" for name in known)}


def merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Settings with others on top, as Snakemake lays them."""
    both = dict(base)
    for key, value in over.items():
        inner = both.get(key)
        nested = isinstance(value, dict) and isinstance(inner, dict)
        both[key] = merged(inner, value) if nested else value
    return both


def test_the_registry_passes_its_schema() -> None:
    assert read_registry(ROOT)


def test_every_family_of_released_models_says_where_its_numbers_come_from() -> None:
    for name, family in read_registry(ROOT).items():
        if "models" in family:
            # Delphi has no paper: its report is a post.
            where = "openathena.ai/blog/delphi" if name == "delphi" else r"arXiv:\d{4}\.\d{5}"
            assert re.search(where, family.get("source", "")), name


@pytest.mark.parametrize(
    "path",
    [path for path in CONFIGS if path.name != "models.yaml"],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_settings_pass_their_schema(path: Path) -> None:
    default = yaml.safe_load((ROOT / "config" / "config.yaml").read_text(encoding="utf-8"))
    settings = merged(default, yaml.safe_load(path.read_text(encoding="utf-8")))
    validate(Configuration, settings, path.name)
