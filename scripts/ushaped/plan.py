"""What a run will cost before it begins: tokens, operations, GPU hours, memory and downloads.

Tokens are those that `ushaped.scoring` computes: each token with the same history once, in one tree
per task. Where a tokenizer is at hand they are counted; otherwise characters are counted alike and
divided by `CHARACTERS_PER_TOKEN`; of released files that are not here yet, all bytes are taken for
prompts, which is too many rather than too few. What chains of thought will be is not known: each is
taken to be as long as it may become. A number that needs an unknown one is unknown, too.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ushaped.errors import UserError
from ushaped.items.task import Task
from ushaped.ladder.flops import Shape
from ushaped.models.load import UNKNOWN
from ushaped.scoring.engine.encoding import TOKEN
from ushaped.scoring.engine.tree import prefix_lengths
from ushaped.terms import OFFICIAL
from ushaped.variants import parse_variant

# On the eleven replicas and two released files, SmolLM2's tokenizer takes 1.7 (numbers) to 4.3
# (plain English) characters for a token.
CHARACTERS_PER_TOKEN = 3
# Of a prompt in a file that is not here; most tasks have so many.
CLASSES = 2
# A batch of prompts that are continued has this many times the tokens of one that is scored
# (`scoring.engine.generation.LARGER`), and at most so many numbers of vocabulary x predictions are
# held (`scoring.engine.engine.MOST_CELLS`); those modules import PyTorch, which a plan can spare.
LARGER, MOST_CELLS = 4, 1 << 25
# Share of a GPU's memory that is planned with; the rest is for activations and PyTorch itself.
USABLE = 0.92
# What a layer takes however little it computes: some dozens of kernels to launch. Not measured.
LAYER_SECONDS = 3e-4
BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
# The layout of the weights on the hub is not known before they are fetched; most are 16 bits.
DOWNLOADED_BYTES = 2

COUNTED = "tokens"
CHARACTERS = f"characters / {CHARACTERS_PER_TOKEN}"
FILE_SIZE = f"file size / {CHARACTERS_PER_TOKEN}"

Encode = Callable[[Sequence[str]], list[bytes]]


@dataclass(frozen=True)
class Gpu:
    """Published numbers of a GPU.

    Attributes
    ----------
    memory : float
        In bytes.
    bandwidth : float
        Bytes per second.
    rates : dict of str to float
        Dense floating-point operations per second of matrix products, by dtype.
    source : str
    """

    memory: float
    bandwidth: float
    rates: Mapping[str, float]
    source: str


def _rates(half: float, single: float) -> dict[str, float]:
    return {"bfloat16": half, "float16": half, "float32": single}


# PyTorch multiplies float32 matrices in float32, so the rate of TF32 does not count.
GPUS = {
    "A100": Gpu(80e9, 2.039e12, _rates(312e12, 19.5e12), "NVIDIA A100 80GB SXM datasheet (2021)"),
    "H100": Gpu(80e9, 3.35e12, _rates(989.4e12, 66.9e12), "NVIDIA H100 SXM datasheet (2023)"),
    "H200": Gpu(141e9, 4.8e12, _rates(989.4e12, 66.9e12), "NVIDIA H200 SXM datasheet (2024)"),
}


# -- what there is to do --------------------------------------------------------------------------


@dataclass(frozen=True)
class Work:
    """What a model has to do; all but ``longest`` add up.

    Attributes
    ----------
    prompts : int
        Items in all their variants.
    read, predictions : float
        Tokens that are read for scores, and how many of them must predict the next.
    pairs : float
        Pairs of a token and a token that it attends to, itself included.
    passes : float
        Forward passes, at least.
    continued, generated : float
        Tokens that are read to be continued, and that are generated, at most.
    generated_pairs : float
        As ``pairs``, of both.
    steps : float
        Passes that generate one token for each prompt of a batch, at most.
    longest : float
        Tokens of the longest sequence.
    sent : float
        Tokens of all prompts, each with each of its classes: what a server is asked for scores.
    """

    prompts: int = 0
    read: float = 0.0
    predictions: float = 0.0
    pairs: float = 0.0
    passes: float = 0.0
    continued: float = 0.0
    generated: float = 0.0
    generated_pairs: float = 0.0
    steps: float = 0.0
    longest: float = 0.0
    sent: float = 0.0

    def __add__(self, other: Work) -> Work:
        """Both."""
        mine, others = asdict(self), asdict(other)
        longest = max(self.longest, other.longest)
        return Work(**{key: mine[key] + others[key] for key in mine} | {"longest": longest})


@dataclass(frozen=True)
class Limits:
    """Settings of scoring that decide how much work there is (``scoring`` in the configuration)."""

    batch_tokens: int
    chain_tokens: int


@dataclass(frozen=True)
class Ruler:
    """How text is measured.

    Attributes
    ----------
    encode : callable
        Texts to sequences, four bytes for each unit.
    per_token : int
        Units of a token.
    basis : str
        What a plan says of it.
    """

    encode: Encode
    per_token: int
    basis: str


def by_characters() -> Ruler:
    """Characters are counted; UTF-32 has four bytes for each, as a token has.

    Examples
    --------
    >>> [len(data) for data in by_characters().encode(["Yes", "é"])]
    [12, 4]
    """

    # "surrogatepass": half a character, which JSON can hold, is counted, not refused.
    def encode(texts: Sequence[str]) -> list[bytes]:
        return [text.encode("utf-32-be", "surrogatepass") for text in texts]

    return Ruler(encode, CHARACTERS_PER_TOKEN, CHARACTERS)


def by_tokens(path: Path) -> Ruler:
    """Tokens are counted, of a ``tokenizer.json``, without tokens that every text begins with.

    Raises
    ------
    UserError
        If the file cannot be read.
    """
    import numpy as np
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing more special
        raise UserError(str(path), f"cannot be read ({error})", "mend or delete it") from None

    def encode(texts: Sequence[str]) -> list[bytes]:
        found = tokenizer.encode_batch(list(texts), add_special_tokens=False)
        return [np.asarray(one.ids, dtype=TOKEN).tobytes() for one in found]

    return Ruler(encode, 1, COUNTED)


def counted(rows: Sequence[Mapping[str, Any]], ruler: Ruler, limits: Limits) -> Work:
    """The work on the prompts of one task on the items of one source, in all variants.

    Prompts and classes are measured apart; a token that spans their join is not seen.

    Parameters
    ----------
    rows : sequence of mapping
        Of the prompts tables (`ushaped.prompts.build`).
    ruler : Ruler
    limits : Limits
    """
    per_token, unit = ruler.per_token, TOKEN.itemsize
    below = _Classes(ruler)
    lengths: dict[bytes, float] = {}
    work = Work(prompts=len(rows))
    thinking: dict[tuple[str, ...], list[tuple[bytes, int]]] = {}
    texts = [(row, text) for row in rows for text in _texts(row)]
    after = _length(ruler, {row["answer_after"] for row in rows if row["chain"]})
    read = predictions = pairs = 0.0
    for (row, _), data in zip(texts, ruler.encode([text for _, text in texts]), strict=True):
        length = lengths.setdefault(data, len(data) / unit / per_token)
        more = 0.0
        if row["chain"]:
            limit = row["chain_limit"] or limits.chain_tokens
            thinking.setdefault(tuple(row["stop"]), []).append((data, limit))
            more = limit + after[row["answer_after"]]
        nodes, deepest, total = below(tuple(row["classes"]))
        read += more + nodes
        predictions += 1 + nodes
        pairs += more * (length + more / 2) + nodes * (length + more)
        sent = (length + more) * len(row["classes"]) + total
        work += Work(longest=length + more + deepest, sent=sent)
    shared, shared_pairs = _tree(lengths, per_token)
    read += shared
    work += Work(0, read, predictions, pairs + shared_pairs, math.ceil(read / limits.batch_tokens))
    for some in thinking.values():
        work += _generated(some, per_token, limits)
    return work


def _texts(row: Mapping[str, Any]) -> list[str]:
    return [row["prompt"]] if row["other_prompt"] is None else [row["prompt"], row["other_prompt"]]


def _length(ruler: Ruler, texts: set[str]) -> dict[str, float]:
    """Tokens of each text."""
    asked = sorted(texts)
    sizes = [len(data) / TOKEN.itemsize / ruler.per_token for data in ruler.encode(asked)]
    return dict(zip(asked, sizes, strict=True))


class _Classes:
    """Tokens of a prompt's classes that are read: all but the last of each, shared ones once."""

    def __init__(self, ruler: Ruler) -> None:
        self.ruler = ruler
        self.known: dict[tuple[str, ...], tuple[float, float, float]] = {}

    def __call__(self, classes: tuple[str, ...]) -> tuple[float, float, float]:
        """How many they are, and all tokens of the longest class and of all classes."""
        if classes not in self.known:
            per_token, unit = self.ruler.per_token, TOKEN.itemsize
            encoded = self.ruler.encode(classes)
            nodes, _ = _tree([data[: -unit * per_token] for data in encoded], per_token)
            sizes = [len(data) / unit / per_token for data in encoded]
            self.known[classes] = nodes, max(sizes), sum(sizes)
        return self.known[classes]


def _tree(rows: Iterable[bytes], per_token: int) -> tuple[float, float]:
    """Tokens with different histories, and pairs of one and a token that it attends to."""
    some = sorted(set(rows))
    nodes = pairs = 0
    for row, shared in zip(some, prefix_lengths(some).tolist(), strict=True):
        length = len(row) // TOKEN.itemsize
        nodes += length - shared
        pairs += (length * (length + 1) - shared * (shared + 1)) // 2
    return nodes / per_token, pairs / per_token**2


def _generated(asked: Sequence[tuple[bytes, int]], per_token: int, limits: Limits) -> Work:
    """The work of continuing prompts that end alike, each up to its limit."""
    read, pairs = _tree((data for data, _ in asked), per_token)
    lengths = [len(data) / TOKEN.itemsize / per_token for data, _ in asked]
    made = [limit for _, limit in asked]
    batches = math.ceil(read / (LARGER * limits.batch_tokens))
    return Work(
        continued=read,
        generated=sum(made),
        generated_pairs=pairs
        + sum(limit * (length + limit / 2) for length, limit in zip(lengths, made, strict=True)),
        steps=batches * max(made),
    )


def from_file_size(
    task: Task, rows: int, size: int, variants: Sequence[str], limits: Limits
) -> Work:
    """The work on a released file of which only rows and bytes are known, by far estimated.

    All bytes count as prompts, names of columns and classes included, and nothing is shared between
    items but our demonstrations.

    Parameters
    ----------
    task : Task
    rows, size : int
        Of the file; ``size`` in bytes.
    variants : sequence of str
    limits : Limits
    """
    per_token = CHARACTERS_PER_TOKEN
    one = size / rows / per_token
    work = Work()
    for variant in map(parse_variant, variants):
        length = one * variant.item_share(task)
        shown = variant.shown_characters(task, OFFICIAL) / per_token
        limit = (task.chain.tokens or limits.chain_tokens) if variant.generates else 0
        pairs = rows * length * (shown + length / 2) + shown**2 / 2
        read = rows * (length + limit) + shown
        own = rows * limit * (shown + length + limit / 2)
        batches = math.ceil((rows * length + shown) / (LARGER * limits.batch_tokens))
        work += Work(
            prompts=rows,
            read=read,
            predictions=rows,
            pairs=pairs + own,
            passes=math.ceil(read / limits.batch_tokens),
            continued=rows * length + shown if limit else 0.0,
            generated=rows * limit,
            generated_pairs=pairs + own if limit else 0.0,
            steps=batches * limit,
            longest=shown + length + limit,
            sent=CLASSES * rows * (shown + length + limit),
        )
    return work


# -- what it is done with -------------------------------------------------------------------------


@dataclass(frozen=True)
class Architecture:
    """Sizes of a transformer.

    Attributes
    ----------
    layers : int
    hidden : int
        Heads x size of a head, of the queries.
    key_width : int
        Heads x size of a head, of the keys.
    vocabulary : int
    width : int
        Of the residual stream: a row of the vocabulary matrix.
    """

    layers: int
    hidden: int
    key_width: int
    vocabulary: int
    width: int


def architecture(config: Mapping[str, Any]) -> Architecture | None:
    """Sizes that a ``config.json`` of `transformers` tells, None if it does not tell all.

    Examples
    --------
    >>> told = {"n_layer": 12, "n_embd": 768, "n_head": 12, "vocab_size": 50257}
    >>> architecture(told)
    Architecture(layers=12, hidden=768, key_width=768, vocabulary=50257, width=768)
    """
    config = config.get("text_config", config)

    def number(*names: str) -> Any:
        return next((config[name] for name in names if config.get(name) is not None), None)

    layers, width = number("num_hidden_layers", "n_layer"), number("hidden_size", "n_embd")
    heads, vocabulary = number("num_attention_heads", "n_head"), number("vocab_size")
    if None in (layers, width, heads, vocabulary):
        return None
    head = number("head_dim") or width // heads
    keys = number("num_key_value_heads") or heads
    return Architecture(layers, heads * head, keys * head, vocabulary, width)


@dataclass(frozen=True)
class Model:
    """A model as a plan sees it; None is what is not known.

    Attributes
    ----------
    name, family, size : str
    parameters, inner : int or None
        All, and those without embeddings and output layer.
    architecture : Architecture or None
    gpus : int
        What the registry asks for.
    download : bool
        Whether it must be fetched from a hub.
    served : bool
        Whether somebody else runs it.
    """

    name: str
    family: str
    size: str
    parameters: int | None
    inner: int | None
    architecture: Architecture | None = None
    gpus: int = 1
    download: bool = False
    served: bool = False


def trained(name: str, about: Mapping[str, Any], ladder: Mapping[str, Any]) -> Model:
    """A model of the ladder (``about`` as `ushaped.settings.models` tells it)."""
    rung = next(rung for rung in ladder["rungs"] if rung["size"] == about["size"])
    sizes = {key: rung[key] for key in ("hidden", "layers", "heads")}
    vocabulary, hidden = ladder["vocabulary"], rung["hidden"]
    parameters = Shape(**sizes, vocabulary=vocabulary).parameters
    built = Architecture(rung["layers"], hidden, hidden, vocabulary, hidden)
    inner = parameters - hidden * vocabulary
    return Model(name, about["family"], about["size"], parameters, inner, built)


def released(name: str, about: Mapping[str, Any], folder: Path | None) -> Model:
    """A model of the registry; ``folder`` holds its weights, if they are here."""
    entry = about["entry"]
    built = None
    if folder and (folder / "config.json").exists():
        built = architecture(json.loads((folder / "config.json").read_text(encoding="utf-8")))
    elif "architecture" in entry:
        built = _registered(entry["architecture"])
    return Model(
        name,
        about["family"],
        about["size"],
        _known(entry["parameters"]),
        _known(entry["non_embedding_parameters"]),
        built,
        entry.get("gpus", 1),
        download="hub" in entry and folder is None,
        served="endpoint" in entry,
    )


def _registered(told: Mapping[str, int]) -> Architecture:
    hidden = told["hidden"]
    return Architecture(told["layers"], hidden, hidden, told["vocabulary"], hidden)


def _known(number: Any) -> Any:
    return None if number == UNKNOWN else number


# -- what it costs --------------------------------------------------------------------------------


def cost(
    model: Model, work: Work, gpu: Gpu, utilisation: float, dtype: str, batch_tokens: int
) -> dict[str, Any]:
    """Operations, hours, memory and download of one model; None is what is not known.

    A token costs two operations for each parameter of the layers, a prediction two for each number
    of the vocabulary matrix (Kaplan et al. 2020, arXiv:2001.08361, section 2.1), as
    ``benchmarks/scoring.py`` counts, and a pair of tokens ``4 x layers x hidden`` for attention.
    Without the sizes of the layers, attention and the memory of keys and values are left out, and
    the vocabulary matrix is taken to be all parameters outside the layers.

    The time of a pass is the longest of three: of its operations and of reading the weights, at
    ``utilisation`` of the published rates, and of launching its layers. A model on several GPUs
    works on one of them at a time, so that its hours are paid once for each. A served model needs
    no GPU here.

    Parameters
    ----------
    model : Model
    work : Work
    gpu : Gpu
    utilisation : float
        Share of the published rates that is reached.
    dtype : str
        A key of `BYTES`.
    batch_tokens : int

    Returns
    -------
    dict
        ``flops``, ``attention_flops``, ``gpu_hours``, ``weights_gb``, ``keys_values_gb``,
        ``memory_gb``, ``gpus`` and ``download_gb`` (10**9 bytes).
    """
    size, built = BYTES[dtype], model.architecture
    # Predictions x vocabulary in float32; with a huge vocabulary there are still 64 predictions.
    logits = 4 * max(MOST_CELLS, 64 * built.vocabulary if built else 0)
    weights = kept = memory = gpus = None
    if built and not model.served:
        kept = 2 * built.layers * built.key_width * size * (batch_tokens + work.longest)
    if model.parameters is not None and not model.served:
        weights = model.parameters * size
        memory = weights + (kept or 0) + logits
        gpus = math.ceil(memory / (USABLE * gpu.memory))
    operations = _operations(model, work)
    hours = None
    if operations is not None and weights is not None and gpus is not None:
        rate, bandwidth = gpu.rates[dtype] * utilisation, gpu.bandwidth * utilisation
        least = max(weights / bandwidth, LAYER_SECONDS * (built.layers if built else 0))
        passes = (work.passes, work.steps)
        seconds = [max(f / rate, n * least) for f, n in zip(operations, passes, strict=True)]
        hours = sum(seconds) / 3600 * gpus
    return {
        "flops": None if operations is None else sum(operations),
        "attention_flops": sum(_attention(built, work)) if built else None,
        "gpu_hours": hours,
        "weights_gb": _giga(weights),
        "keys_values_gb": _giga(kept),
        "memory_gb": _giga(memory),
        "gpus": gpus,
        "download_gb": 0.0
        if not model.download
        else _giga(None if model.parameters is None else model.parameters * DOWNLOADED_BYTES),
    }


def _operations(model: Model, work: Work) -> tuple[float, float] | None:
    """Floating-point operations of scoring and of generating."""
    if model.parameters is None or model.inner is None:
        return None
    built = model.architecture
    matrix = built.vocabulary * built.width if built else model.parameters - model.inner
    scoring, generating = _attention(built, work) if built else (0.0, 0.0)
    return (
        2.0 * model.inner * work.read + 2.0 * matrix * work.predictions + scoring,
        2.0 * model.inner * (work.continued + work.generated)
        + 2.0 * matrix * work.generated
        + generating,
    )


def _attention(built: Architecture, work: Work) -> tuple[float, float]:
    """Operations of attention: products with the keys and with the values."""
    one = 4.0 * built.layers * built.hidden
    return one * work.pairs, one * work.generated_pairs


def _giga(number: float | None) -> float | None:
    return None if number is None else number / 1e9
