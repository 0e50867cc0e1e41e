"""Several ladders in one run: each with a text and models of its own, and what they show."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from project import ROOT, TINY, Project

pytestmark = pytest.mark.workflow
RARE = {"corpus": {"true_frequency": 0.1}}


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project(tmp_path_factory.mktemp("ladders") / "project")
    project.create()
    rungs = [rung | {"text": 0.5} for rung in TINY["ladder"]["rungs"]]
    own = {"families": ["ladder", "ladder-rare"], "variants": ["zero-shot"]}
    own |= {"ladders": {"ladder-rare": RARE}, "ladder": TINY["ladder"] | {"rungs": rungs}}
    project.configure(TINY | own)
    done = project.run("results/questions/onsets.csv", "results/figures/onsets.svg")
    assert done.returncode == 0, done.stdout
    return project


def test_each_ladder_has_its_own_text_tokenizer_and_models(two: Project) -> None:
    digests = set()
    for family in ("ladder", "ladder-rare"):
        corpus = json.loads(two.read(f"results/corpora/{family}/corpus.json"))
        digests.add(corpus["digest"])
        for size in ("tiny", "small"):
            model = json.loads(two.read(f"results/models/{family}-{size}-s0/model.json"))
            assert model["family"] == family
            # Half of the rows, of one length, and no fewer than one.
            assert model["training_tokens"] == 128 * max(1, round(corpus["rows"]["128"] / 2))
    assert len(digests) == 2


def test_their_onsets_are_compared_and_drawn(two: Project) -> None:
    rows = list(csv.DictReader(two.read("results/questions/onsets.csv").splitlines()))
    assert {row["family"] for row in rows if row["kind"] == "onset"} == {"ladder", "ladder-rare"}
    assert {float(row["true_frequency"]) for row in rows if row["kind"] == "onset"} == {0.1, 0.4}
    assert "<svg" in two.read("results/figures/onsets.svg")


def test_an_edit_of_one_ladder_trains_that_one_again(two: Project) -> None:
    wider = {"ladder-rare": {"corpus": {"true_frequency": 0.2}}}
    command = two.command("--config", f"ladders={json.dumps(wider)}", "-n", "--quiet", "rules")
    told = two.call([*command, "--", "results/metrics.csv"]).stdout
    lines = [line.split() for line in told.splitlines()]
    counts = dict(words for words in lines if len(words) == 2)
    assert (counts["corpus"], counts["train"]) == ("1", "2")


def test_a_single_ladder_is_not_asked(finished: Project) -> None:
    assert not (finished.folder / "results/questions/onsets.csv").exists()
    assert not (finished.folder / "results/figures/onsets.svg").exists()


@pytest.mark.parametrize("target", ["paper", "phase"])
def test_an_experiment_is_read_only_where_it_is_named(fresh: Project, target: str) -> None:
    others = fresh.call(fresh.command("--list-target-rules")).stdout
    assert f"{target} (" in others
    output = Path(ROOT / f"config/{target}.yaml").read_text().split("output: ")[1].split()[0]
    for named in (target, f"{output}/report.html"):
        done = fresh.call(fresh.command("-n", "--quiet", "rules", "--", named))
        assert done.returncode == 0, done.stdout
        assert f"{target}_report" in done.stdout
    assert f"{target}_report" not in fresh.call(fresh.command("-n", "--quiet", "rules")).stdout
