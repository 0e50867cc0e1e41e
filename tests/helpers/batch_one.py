"""How far the engine's scores are from those of each sequence by itself.

The reference is as plain as can be: one row, no cache, no mask, no neighbour, all logits. Below
float32 the output matrix is applied in float32 (only its inputs are rounded), as the engine does.
"""

from __future__ import annotations

import math
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
from ushaped.scoring.engine.encoding import Encoded, context_length, data, tokens
from ushaped.scoring.engine.engine import Engine, in_order
from ushaped.scoring.engine.generation import GenerationRequest, chains

# Small enough for several batches that share a prefix.
BATCH_TOKENS = 128
CHAIN_TOKENS = 6


# Largest difference in float32, in nats; of what is right, none came above 3e-5.
TOLERANCE = 1e-3
# In bfloat16, the largest difference as a multiple of what rounding does to the reference itself,
# which has the same sources: 1.1 at most where all was right, mostly above 4 where it was not.
NOISE, LEAST_NOISE = 2.0, 0.03
# A model whose scores move less when the text before is turned round would show nothing.
LEAST_INFLUENCE = 0.02


@dataclass(frozen=True)
class Outcome:
    """What the engine did in one number format.

    Attributes
    ----------
    method : str
        "tree", "padded" or "single", with a limit where the method changes; or
        "refused", by a `UserError`, or "crashed".
    words : str
        What the engine said, or the error.
    difference : float
        Largest difference from the reference, in nats; NaN if nothing was scored.
    """

    method: str
    words: str = ""
    difference: float = float("nan")

    @property
    def scored(self) -> bool:
        """Whether there are scores."""
        return not math.isnan(self.difference)


@dataclass(frozen=True)
class Measured:
    """What came of one architecture.

    Attributes
    ----------
    unfit : str
        Why the model has no scores of its own, so that it must be refused; empty if it has.
    unfit_rounded : str
        The same in bfloat16.
    influence : float
        How far scores move when the text before is turned round, in nats.
    noise : float
        Largest difference between bfloat16 and float32, of the reference, in nats.
    float32, bfloat16 : Outcome
    chains : str
        "equal" to the likeliest token, one by one; "refused", or how they differ.
    """

    name: str
    unfit: str
    unfit_rounded: str
    influence: float
    noise: float
    float32: Outcome
    bfloat16: Outcome
    chains: str

    def faults(self) -> list[str]:
        """What is wrong with how the engine treats this architecture."""
        tolerance = max(LEAST_NOISE, NOISE * self.noise)
        faults = _faults("float32", self.float32, self.unfit, TOLERANCE)
        faults += _faults("bfloat16", self.bfloat16, self.unfit_rounded, tolerance)
        if (
            self.float32.scored
            and self.bfloat16.scored
            and self.float32.method != self.bfloat16.method
        ):
            faults.append(f"{self.float32.method} in float32, {self.bfloat16.method} in bfloat16")
        if not self.unfit and self.influence < LEAST_INFLUENCE:
            faults.append(f"the text before moves a score by {self.influence:.2g} nats only")
        if self.float32.scored and self.chains not in ("equal", "refused"):
            faults.append(f"chains: {self.chains}")
        return faults


def _faults(dtype: str, outcome: Outcome, unfit: str, tolerance: float) -> list[str]:
    if outcome.method == "crashed" or (outcome.method == "refused" and not unfit):
        return [f"{dtype}: {outcome.method}: {outcome.words}"]
    if unfit and outcome.method != "refused":
        return [f"{dtype}: scored ({outcome.method}), but {unfit}"]
    if outcome.scored and not outcome.difference <= tolerance:
        return [f"{dtype}: {outcome.method} is {outcome.difference:.2g} nats off"]
    return []


def probes(context: int | None = None) -> list[Encoded]:
    """Sequences that share prefixes, from 3 to 203 tokens, with classes of one and more tokens.

    Those that do not fit into the context are left out.
    """
    rng = random.Random(0)

    def draw(n: int) -> list[int]:
        return [rng.randrange(3, VOCABULARY) for _ in range(n)]

    long, short, other = draw(200), draw(12), draw(30)
    prompts = [long[:2], long[:20], long[:20] + draw(3), long[:90], long[:90] + short, long]
    prompts += [short, other, long[:40] + other, short + draw(50)]
    sequences = []
    for prompt in prompts:
        several = draw(3)
        for end in ([several[0]], several, [several[0], *draw(1)], draw(1)):
            sequences.append(Encoded(data(prompt + end), len(prompt)))
    return [s for s in sequences if not context or len(s) <= context]


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
    scores = np.full(len(sequences), np.nan)
    log_probs: dict[tuple[int, ...], Tensor] = {}
    # From the shortest to the longest: with dynamic scaling, some models remember the longest.
    for number in sorted(range(len(sequences)), key=lambda n: len(sequences[n])):
        ids, start = tokens(sequences[number].data).tolist(), sequences[number].start
        # The last token is not read.
        read = tuple(ids[:-1])
        if read not in log_probs:
            log_probs[read] = torch.log_softmax(logits(model, read), -1)
        wanted = torch.tensor(ids[start:])[:, None]
        scores[number] = log_probs[read][start - 1 :].double().gather(1, wanted).sum()
    return scores


def why_unfit(model: PreTrainedModel) -> str:
    """Why a model has no log-likelihoods of texts; nothing if it has."""
    longest = max(probes(_context(model)), key=len)
    ids = tokens(longest.data).tolist()
    before = len(ids) // 3
    changed = [*ids[:before], *reversed(ids[before:])]
    try:
        first, again, other = logits(model, ids), logits(model, ids), logits(model, changed)
    except Exception as error:
        return f"it cannot be run ({_where(error)})"
    if not torch.equal(first, again):
        return "its predictions are random"
    moved = float((first - other)[:before].abs().max())
    return "it sees what follows" if moved > 1e-3 else ""


def _context(model: PreTrainedModel) -> int | None:
    size = context_length(model.config)
    return size if size and size > 0 else None


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


def compare_chains(architecture: Architecture, engine: Engine) -> str:
    """The engine's chains beside the likeliest token, one by one; see `Measured`."""
    draw = random.Random(1)
    long = [draw.randrange(3, VOCABULARY) for _ in range(61)]
    # Behind the first two a window or another limit of the architectures is crossed; the last two
    # are of one length, so that they may be continued together.
    prompts = [long, long[:28], [*long[:28], 7, 8], long[50:54], long[54:50:-1]]
    prompts = [one for one in prompts if len(one) + CHAIN_TOKENS <= (_context(engine.model) or 999)]
    requests = [GenerationRequest(data(one), CHAIN_TOKENS) for one in prompts]
    try:
        batches = chains(engine, Numbers(), requests, ["\n"])
        generated = dict(pair for batch in batches for pair in batch)
    except UserError:
        return "refused"
    except Exception as error:
        return _where(error)
    model = architecture.model()
    for number, prompt in sorted(enumerate(prompts), key=lambda pair: len(pair[1])):
        expected = Numbers().decode(greedy(model, prompt, CHAIN_TOKENS))
        if generated[number].text != expected:
            return f"after {len(prompt)} tokens{generated[number].text}, not{expected}"
    return "equal"


def measure(architecture: Architecture) -> Measured:
    """Score an architecture with the engine, and each sequence by itself, in both formats."""
    model, rounded = architecture.model(), architecture.model(torch.bfloat16)
    unfit, unfit_rounded = why_unfit(model), why_unfit(rounded)
    sequences = probes(_context(model))
    exact = None if unfit else alone(architecture.model(), sequences)
    rough = None if unfit_rounded else alone(with_float32_output(rounded), sequences)
    noise = math.nan if exact is None or rough is None else float(np.abs(exact - rough).max())
    precise, engine = _outcome(model, sequences, exact)
    low, _ = _outcome(architecture.model(torch.bfloat16), sequences, rough)
    return Measured(
        architecture.name,
        unfit,
        unfit_rounded,
        math.nan if unfit else influence(architecture.model()),
        noise,
        precise,
        low,
        compare_chains(architecture, engine) if engine and not unfit else "refused",
    )


def _outcome(
    model: PreTrainedModel, sequences: list[Encoded], expected: np.ndarray | None
) -> tuple[Outcome, Engine | None]:
    said: list[str] = []
    try:
        engine = Engine(model, BATCH_TOKENS, said.append)
        scores = in_order(engine.score(sequences))
    except UserError as error:
        return Outcome("refused", str(error)), None
    except Exception as error:
        return Outcome("crashed", _where(error)), None
    limit = engine.methods.limit
    method = engine.methods.short + (f" to {limit}, {engine.methods.long}" if limit else "")
    worst = math.nan if expected is None else float(np.abs(np.array(scores) - expected).max())
    return Outcome(method, "; ".join(said), worst), engine


def _where(error: Exception) -> str:
    at = traceback.extract_tb(error.__traceback__)[-1]
    first = (str(error).splitlines() or [""])[0]
    return f"{type(error).__name__}: {first} ({at.filename.split('/')[-1]}:{at.lineno})"
