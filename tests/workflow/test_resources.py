"""What the jobs of a model ask for follows from what the registry says of it."""

from __future__ import annotations

import re

import pytest

from project import TINY, Project

# 6.9 billion parameters on one GPU, and 70 billion on two, in two bytes each.
MODELS = {"pythia-6.9b": 6857302016, "llama-2-70b": 68976648192}


@pytest.fixture
def asked(fresh: Project) -> dict[str, dict[str, int]]:
    """Resources of the scoring jobs of released models on GPUs, by model."""
    settings = TINY | {"families": ["pythia", "llama-2"], "variants": ["zero-shot"]}
    fresh.configure(settings | {"scoring": {"device": "cuda"}})
    done = fresh.call(
        fresh.command(
            "--workflow-profile", "none", "--dry-run", "--until", "scores", "--", "metrics"
        )
    )
    assert done.returncode == 0, done.stdout
    found = re.findall(
        r"^rule scores:\n(?:    .*\n)*?    wildcards: model=(.*)\n"
        r"(?:    .*\n)*?    resources: (.*)",
        done.stdout,
        re.MULTILINE,
    )
    return {
        model: {name: int(number) for name, number in re.findall(r"(\w+)=(\d+)(?:,|$)", resources)}
        for model, resources in found
    }


def test_a_scoring_job_asks_for_what_its_model_needs(asked: dict[str, dict[str, int]]) -> None:
    small, large = (asked[name] for name in MODELS)
    assert (small["gpu"], large["gpu"]) == (1, 2)
    for told, parameters in zip((small, large), MODELS.values(), strict=True):
        assert told["gpu_mem_mb"] * told["gpu"] > 2 * parameters / 1e6
        assert told["mem_mb"] > 2 * parameters / 1e6
    assert small["runtime"] < large["runtime"] <= 24 * 60
    # It fits the GPUs that it is usually run on.
    assert small["gpu_mem_mb"] < 40_000
    assert large["gpu_mem_mb"] < 80_000
