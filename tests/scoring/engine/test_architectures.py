"""Every architecture that transformers has is scored as each text by itself, or refused."""

from __future__ import annotations

import pytest
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from architectures import ARCHITECTURES, LEFT_OUT, Architecture
from batch_one import Measured, Outcome, measure

# One of each kind of trouble; the others are tried under the marker `architectures`.
FEW = {
    "bert",  # sees what follows
    "bloom",  # ALiBi
    "deepseek_v32",  # attends to chosen tokens
    "diffllama",  # attends twice in a layer
    "falcon",  # takes no attention from the registry
    "gemma2",  # windows, capped attention
    "hrm_text",  # runs its layers several times
    "llama: every head its keys",
    "mixtral",  # experts
    "phi3: longrope",  # switches with the longest row
    "qwen3_5_text",  # linear attention
    "reformer",  # random
    "xglm",  # positions as sines
}


def check(architecture: Architecture) -> None:
    """Fail with everything that is wrong."""
    assert measure(architecture).faults() == []


def params(some: list[Architecture]) -> list[object]:
    """Parameters of a test with readable names."""
    return [pytest.param(one, id=one.name) for one in some]


@pytest.mark.parametrize("architecture", params([a for a in ARCHITECTURES if a.name in FEW]))
def test_each_kind_of_architecture_scores_as_one_text_by_itself(architecture: Architecture) -> None:
    check(architecture)


@pytest.mark.architectures
@pytest.mark.parametrize("architecture", params([a for a in ARCHITECTURES if a.name not in FEW]))
def test_every_other_architecture_scores_as_one_text_by_itself(architecture: Architecture) -> None:
    check(architecture)


def test_no_model_type_is_dropped_in_silence() -> None:
    tried = {one.type for one in ARCHITECTURES}
    assert tried | set(LEFT_OUT) == set(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES)
    assert not tried & set(LEFT_OUT)
    names = [one.name for one in ARCHITECTURES]
    assert len(names) == len(set(names)) >= 90
    assert set(names) > FEW


RIGHT = Outcome("tree", "", 1e-5)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({}, ""),
        ({"float32": Outcome("tree", "", 0.01)}, "float32: tree is 0.01 nats off"),
        ({"bfloat16": Outcome("tree", "", 0.3)}, "bfloat16: tree is 0.3 nats off"),
        ({"bfloat16": Outcome("padded", "", 0.1)}, "tree in float32, padded in bfloat16"),
        ({"float32": Outcome("crashed", "KeyError: a")}, "float32: crashed: KeyError: a"),
        ({"float32": Outcome("refused", "why")}, "float32: refused: why"),
        ({"unfit": "it sees what follows"}, "float32: scored (tree), but it sees what follows"),
        ({"chains": "other"}, "chains: other"),
        ({"influence": 0.001}, "the text before moves a score by 0.001 nats only"),
    ],
)
def test_what_counts_as_wrong(changes: dict[str, object], fault: str) -> None:
    usual: dict[str, object] = {"name": "a", "unfit": "", "unfit_rounded": "", "influence": 1.0}
    usual |= {"noise": 0.1, "float32": RIGHT, "bfloat16": RIGHT, "chains": "equal"}
    found = Measured(**usual | changes).faults()  # type: ignore[arg-type]
    assert found == ([fault] if fault else [])
