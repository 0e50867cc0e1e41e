"""The workflow as a module of another one: its rules, its default settings, and where files go."""

from __future__ import annotations

import re
import threading
from collections import Counter
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from project import ROOT, TINY, Project

pytestmark = pytest.mark.workflow

# What a user writes, as the page about it says.
OUTER = re.search(
    r"```python\n# Snakefile\n(.*?)```",
    (ROOT / "docs/module.md").read_text(encoding="utf-8"),
    re.DOTALL,
).group(1)
PREFIX = '    prefix:\n        "scaling"\n'
assert PREFIX in OUTER


class Outer(Project):
    """Another workflow that has a copy of this one below it."""

    def command(self, *words: str) -> list[str]:
        """A command line of Snakemake; the settings are in the outer workflow's own file."""
        return ["snakemake", "--cores", "2", *words]


def outer(folder: Path, settings: dict[str, Any], *, prefix: bool = False) -> Outer:
    """Make another workflow that uses this one, as the page says, or without the prefix there."""
    Project(folder / "modules/ushaped").create()
    made = Outer(folder)
    made.write("Snakefile", OUTER if prefix else OUTER.replace(PREFIX, ""))
    made.write("settings.yaml", yaml.safe_dump({"scaling": settings}))
    return made


def places(folder: Path) -> set[str]:
    """What lies in a folder, without Snakemake's own."""
    return {path.name for path in folder.iterdir()} - {".snakemake"}


def test_another_workflow_runs_this_one_below_a_prefix_and_reads_what_it_made(
    tmp_path: Path,
) -> None:
    settings = TINY | {"variants": ["zero-shot"], "tasks": ["neqa"]}
    using = outer(tmp_path / "outer", settings, prefix=True)
    before = places(using.folder)
    figure = "scaling/results/figures/scaling.svg"
    done = using.call(using.command("all", figure))
    assert done.returncode == 0, done.stdout
    found = re.findall(r"^.*,U-shaped,.*$", using.read("scaling/results/shapes.csv"), re.MULTILINE)
    assert 0 < int(using.read("u-shaped.txt")) <= len(found)
    assert places(using.folder) - before == {"u-shaped.txt", "scaling"}
    assert places(using.folder / "scaling") == {"results", "logs"}
    assert places(using.folder / "modules/ushaped") == {
        *("Snakefile", "config", "literature", "profiles", "report", "rules", "scripts", "tasks"),
        "tiny.yaml",
    }
    assert "<svg" in using.read(figure)
    assert using.plan("all", figure) == []

    using.write("settings.yaml", using.read("settings.yaml").replace("items: 8", "items: 9"))
    again = Counter(job.rule for job in using.plan("all"))
    assert {"ushaped_replica", "ushaped_scores_small_1", "count"} <= set(again)
    assert not {"ushaped_corpus", "ushaped_train"} & set(again)


def test_below_a_prefix_no_command_names_a_place_beside_it(tmp_path: Path) -> None:
    using = outer(tmp_path / "outer", TINY | {"families": ["ladder", "pythia"]}, prefix=True)
    targets = ("scaling/results/report.html", "ushaped_plan")
    done = using.call(using.command("--dry-run", "--printshellcmds", "--", *targets))
    assert done.returncode == 0, done.stdout
    commands = re.findall(r"^Shell command: (python .*)$", done.stdout, re.MULTILINE)
    programs = {Path(command.split()[1]).stem for command in commands}
    assert {
        "train",
        "fetch",
        "scores",
        "figures",
        "questions",
        "report",
        "plan",
    } <= programs
    for command in commands:
        assert not re.findall(r"(?<![\w./-])(?:results|logs)(?=[/ ])", command), command


@pytest.mark.parametrize("prefix", [False, True], ids=["plain", "prefix"])
def test_tasks_and_models_of_the_outer_workflow_lie_beside_those_of_the_module(
    tmp_path: Path, prefix: bool
) -> None:
    own = {"task_folders": ["mine"], "registry": ["mine.yaml"]}
    own |= {"tasks": ["neqa", "fewer"], "sources": {"fewer": ["own"]}}
    own |= {"families": ["ladder", "mine"], "variants": ["zero-shot"]}
    using = outer(tmp_path / "outer", TINY | own, prefix=prefix)
    facts = yaml.safe_load(using.read("modules/ushaped/tasks/modus-tollens/task.yaml"))
    for key in ("official", "class_form", "round"):
        del facts[key]
    using.write("mine/fewer/task.yaml", yaml.safe_dump(facts | {"own": {"file": "items.jsonl"}}))
    using.write("mine/fewer/items.jsonl", "{}\n")
    entry = {"endpoint": "http://127.0.0.1:9/v1", "served_as": "it", "size": "1k"}
    entry |= {"parameters": 1000, "non_embedding_parameters": 500}
    entry |= {"training_tokens": "unknown", "training_flops": "unknown"}
    using.write("mine.yaml", yaml.safe_dump({"families": {"mine": {"models": {"it": entry}}}}))
    target = f"{'scaling/' * prefix}results/report.html"
    jobs = using.plan(target)
    (taken,) = [job for job in jobs if job.rule == "ushaped_acquire"]
    folder = using.folder / "mine/fewer" if prefix else Path("mine/fewer")
    assert {f"{folder}/task.yaml", f"{folder}/items.jsonl"} <= set(taken.inputs)
    assert [job.wildcards["model"] for job in jobs if job.rule == "ushaped_describe"] == ["it"]
    for job in jobs:
        assert not [path for path in job.inputs if path.startswith("scaling/mine")]


def test_what_it_is_not_told_is_that_of_the_default_settings(tmp_path: Path) -> None:
    using = outer(tmp_path / "outer", {"output": "made/scaling", "replica": {"items": 8}})
    jobs = using.plan("count")
    default = yaml.safe_load(using.read("modules/ushaped/config/config.yaml"))
    trained = [job for job in jobs if job.rule == "ushaped_train"]
    assert len(trained) == len(default["ladder"]["rungs"]) * len(default["ladder"]["seeds"])
    replicas = [job for job in jobs if job.rule == "ushaped_replica"]
    assert sorted(job.wildcards["task"] for job in replicas) == sorted(default["tasks"])
    assert all(job.outputs[0].startswith("made/scaling/") for job in replicas)


def test_its_settings_are_those_of_the_module_alone(tmp_path: Path) -> None:
    using = outer(tmp_path / "outer", TINY)
    using.write("settings.yaml", using.read("settings.yaml") + "variants: [nonsense]\n")
    assert {job.rule for job in using.plan("count")} > {"count", "ushaped_shapes"}


def test_a_wrong_setting_is_told_in_one_line(tmp_path: Path) -> None:
    using = outer(tmp_path / "outer", TINY | {"variant": ["zero-shot"]})
    done = using.call(using.command("--dry-run"))
    assert done.returncode != 0
    (line,) = [line for line in done.stdout.splitlines() if "error" in line.lower()]
    assert line == "error: config: unknown key 'variant'; did you mean 'variants'?"


def test_a_module_that_is_not_on_this_machine_is_refused_in_one_line(tmp_path: Path) -> None:
    using = outer(tmp_path / "outer", TINY)
    handler = partial(SimpleHTTPRequestHandler, directory=using.folder / "modules/ushaped")
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        place = f"http://127.0.0.1:{server.server_port}/Snakefile"
        using.edit("Snakefile", "modules/ushaped/Snakefile", place)
        done = using.call(using.command("--dry-run"))
        server.shutdown()
    assert done.returncode != 0
    (line,) = [line for line in done.stdout.splitlines() if "error" in line.lower()]
    assert "clone it, and name the Snakefile of the clone" in line


@pytest.mark.parametrize("prefix", [False, True], ids=["plain", "prefix"])
def test_the_run_of_the_paper_can_be_asked_for_too(tmp_path: Path, prefix: bool) -> None:
    using = outer(tmp_path / "outer", TINY, prefix=prefix)
    place = "scaling/results/paper" if prefix else "results/paper"
    jobs = using.plan(f"{place}/report.html")
    assert {job.rule for job in jobs} > {"ushaped_paper_scores", "ushaped_paper_report"}
    assert all(path.startswith(place) for job in jobs for path in job.outputs)
