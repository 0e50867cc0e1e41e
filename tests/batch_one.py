"""How far the engine's scores are from those of each sequence by itself.

The reference is as plain as can be: one row, no cache, no mask, no neighbour, all logits. Below
float32 the output matrix is applied in float32 (only its inputs are rounded), as the engine does.
"""

from __future__ import annotations

import random
import traceback
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import linear
from transformers import PreTrainedModel

from architectures import VOCABULARY, Architecture
from ushaped.errors import UserError
from ushaped.scoring.encoding import Encoded, data, tokens
from ushaped.scoring.engine import Engine
from ushaped.scoring.generation import Asked, chains

# Small enough for several batches that share a prefix.
BATCH_TOKENS = 128
CHAIN_TOKENS = 6


@dataclass
class Outcome:
    """What came of one architecture in one number format.

    Attributes
    ----------
    way : {"tree", "plain", "refused", "crashed"}
        How the engine scored it.
    words : str
        The engine's reason for not sharing prefixes, or the error.
    difference : float
        Largest difference from the reference, in nats.
    noise : float
        Largest difference of the reference from the same in float32.
    chains : bool or None
        Whether greedy chains equal the likeliest token, one by one; None if not tried.
    """

    way: str
    words: str = ""
    difference: float = float("nan")
    noise: float = 0.0
    chains: bool | None = None
    chain_words: str = ""


def probes(context: int | None = None) -> list[Encoded]:
    """Sequences that share prefixes, from 3 to 203 tokens, with classes of one and more tokens.

    Those that do not fit into the context are left out.
    """
    draw = random.Random(0)

    def some(n: int) -> list[int]:
        return [draw.randrange(3, VOCABULARY) for _ in range(n)]

    long, short, other = some(200), some(12), some(30)
    prompts = [long[:2], long[:20], long[:20] + some(3), long[:90], long[:90] + short, long]
    prompts += [short, other, long[:40] + other, short + some(50)]
    found = []
    for prompt in prompts:
        several = some(3)
        for end in ([several[0]], several, [several[0], *some(1)], some(1)):
            found.append(Encoded(data(prompt + end), len(prompt)))
    return [one for one in found if not context or len(one) <= context]


class Numbers:
    """A tokenizer whose text is the numbers of the tokens."""

    eos_token_id = 0

    def decode(self, ids: Sequence[int], **_: object) -> str:
        """Numbers with a space before each."""
        return "".join(f" {one}" for one in ids)


@torch.inference_mode()
def logits(model: PreTrainedModel, ids: Sequence[int]) -> Tensor:
    """Logits after each token of one row, shape (tokens, vocabulary), float32."""
    return model(input_ids=torch.tensor([list(ids)]), use_cache=False).logits[0].float()


def with_float32_output(model: PreTrainedModel) -> PreTrainedModel:
    """Let a model apply its output matrix in float32, to the rounded hidden states."""
    head = model.get_output_embeddings()
    if head is not None:
        weight = head.weight.detach().float()
        bias = None if getattr(head, "bias", None) is None else head.bias.detach().float()
        head.forward = lambda hidden: linear(hidden.float(), weight, bias)
    return model


def alone(model: PreTrainedModel, sequences: Sequence[Encoded]) -> np.ndarray:
    """Log-likelihood of each continuation, shape (sequences,), each sequence by itself."""
    found = np.full(len(sequences), np.nan)
    # From the shortest to the longest: with dynamic scaling, some models remember the longest.
    for number in sorted(range(len(sequences)), key=lambda n: len(sequences[n])):
        ids, start = tokens(sequences[number].data).tolist(), sequences[number].start
        lines = torch.log_softmax(logits(model, ids[:-1]), -1)[start - 1 :]
        found[number] = lines.double().gather(1, torch.tensor(ids[start:])[:, None]).sum()
    return found


def looks_ahead(model: PreTrainedModel) -> bool:
    """Whether a prediction depends on what follows."""
    ids = tokens(probes()[0].data).tolist() + list(range(100, 140))
    changed = [*ids[:-20], *reversed(ids[-20:])]
    before = [logits(model, one)[: len(ids) - 20] for one in (ids, changed)]
    return bool((before[0] - before[1]).abs().max() > 1e-3)


def influence(model: PreTrainedModel) -> float:
    """How far scores move when the tokens before the last three are turned round, in nats."""
    some = [one for one in probes() if 5 < len(one) < 60]
    turned = []
    for one in some:
        ids, split = tokens(one.data).tolist(), one.start - 3
        turned.append(Encoded(data([*reversed(ids[:split]), *ids[split:]]), one.start))
    return float(np.abs(alone(model, some) - alone(model, turned)).max())


def greedy(model: PreTrainedModel, prompt: Sequence[int], most: int) -> list[int]:
    """The likeliest token, one after the other, up to the end."""
    ids = list(prompt)
    for _ in range(most):
        token = int(logits(model, ids)[-1].argmax())
        if token == Numbers.eos_token_id:
            break
        ids.append(token)
    return ids[len(prompt) :]


def chains_differ(architecture: Architecture, engine: Engine) -> str:
    """How the engine's chains differ from the likeliest token, one by one; nothing if not."""
    long = tokens(probes()[-20].data).tolist()
    # Behind the first and the second, a window or another limit of the architectures is crossed.
    prompts = [long[:61], long[:28], [*long[:28], 7, 8], long[50:54], long[50:54][::-1]]
    prompts = [one for one in prompts if len(one) + CHAIN_TOKENS <= (engine.context or 999)]
    asked = [Asked(data(one), CHAIN_TOKENS) for one in prompts]
    found = dict(pair for batch in chains(engine, Numbers(), asked, ["\n"]) for pair in batch)
    for number, prompt in sorted(enumerate(prompts), key=lambda pair: len(pair[1])):
        expected = Numbers().decode(greedy(architecture.model(), prompt, CHAIN_TOKENS))
        if found[number].text != expected:
            return f"after {len(prompt)} tokens{found[number].text}, not{expected}"
    return ""


def measure(architecture: Architecture, dtype: torch.dtype) -> Outcome:
    """Score with the engine and alone."""
    said: list[str] = []
    try:
        engine = Engine(architecture.model(dtype), BATCH_TOKENS, said.append)
        sequences = probes(engine.context)
        scores = dict(pair for batch in engine.score(sequences) for pair in batch)
    except UserError as error:
        return Outcome("refused", str(error))
    except Exception as error:
        return Outcome("crashed", _where(error))
    expected = alone(with_float32_output(architecture.model(dtype)), sequences)
    found = np.array([scores[number] for number in range(len(sequences))])
    result = Outcome("tree" if engine.tree else "plain", " ".join(said))
    result.difference = float(np.abs(found - expected).max())
    if dtype != torch.float32:
        exact = alone(architecture.model(), sequences)
        result.noise = float(np.abs(expected - exact).max())
        return result
    try:
        result.chain_words = chains_differ(architecture, engine)
    except Exception as error:
        result.chain_words = _where(error)
    result.chains = not result.chain_words
    return result


def _where(error: Exception) -> str:
    at = traceback.extract_tb(error.__traceback__)[-1]
    first = (str(error).splitlines() or [""])[0]
    return f"{type(error).__name__}: {first} ({at.filename.split('/')[-1]}:{at.lineno})"
