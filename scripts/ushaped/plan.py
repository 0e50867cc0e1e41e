"""Cost of a run before it begins: tokens, operations, hours, memory and downloads.

Tokens are those that `ushaped.scoring` computes: each token with the same history once, in one tree
per task. They are counted with the model's tokenizer if it is on this machine; otherwise characters
are counted in the same way and divided by `CHARACTERS_PER_TOKEN`. Of released files that are not
downloaded yet, all bytes count as prompts, which overestimates. Chains of thought, thoughts and
written answers are taken to be as long as their limits. A number that depends on an unknown one is
unknown.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ushaped.benchmark_file import read_benchmark
from ushaped.errors import UserError
from ushaped.items.task import Task
from ushaped.ladder.flops import Shape
from ushaped.models.endpoints import is_chat
from ushaped.models.load import UNKNOWN
from ushaped.scoring.engine.encoding import TOKEN
from ushaped.scoring.engine.tree import CHAIN_BATCH_FACTOR, MAX_LOGITS, prefix_lengths
from ushaped.terms import OFFICIAL
from ushaped.variants import parse_variant

# On the eleven replicas and two released files, SmolLM2's tokenizer has 1.7 (numbers) to 4.3 (plain
# English) characters per token.
CHARACTERS_PER_TOKEN = 3
# Classes of a prompt in a file that is not downloaded; most tasks have so many.
CLASSES = 2
# Usable share of a GPU's memory; the rest is for activations and PyTorch itself.
USABLE = 0.92
# Shortest time of a layer: some dozens of kernels to launch. Not measured.
LAYER_SECONDS = 3e-4
BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
# The format of weights on the hub is unknown before they are fetched; most have 16 bits.
DOWNLOADED_BYTES = 2

COUNTED = "tokens"
CHARACTERS = f"characters / {CHARACTERS_PER_TOKEN}"
FILE_SIZE = f"file size / {CHARACTERS_PER_TOKEN}"

Encode = Callable[[Sequence[str]], list[bytes]]


@dataclass(frozen=True)
class Gpu:
    """Published numbers of a GPU.

    Memory in bytes, bandwidth in bytes per second, and ``rates``: dense floating-point operations
    per second of matrix products, by dtype.
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


# -- work -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Work:
    """Workload of a model; all but ``longest`` add up.

    Attributes
    ----------
    prompts : int
        Items in all their variants.
    read, predictions : float
        Tokens that are read for scores, and how many of them must predict the next.
    pairs : float
        Pairs of a token and a token that it attends to, itself included.
    passes : float
        Smallest number of forward passes.
    continued, generated : float
        Tokens that are read before chains, and largest number of generated tokens.
    generated_pairs : float
        As ``pairs``, of both.
    steps : float
        Largest number of passes that generate one token for each prompt of a batch.
    longest : float
        Tokens of the longest sequence.
    requests : int
        Requests to a server: one for each class of each prompt, each chain and each sample.
    sent : float
        Tokens of prompts in all of them, as a server gets them.
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
    requests: int = 0
    sent: float = 0.0

    def __add__(self, other: Work) -> Work:
        """The work of both."""
        left, right = asdict(self), asdict(other)
        longest = max(self.longest, other.longest)
        return Work(**{key: left[key] + right[key] for key in left} | {"longest": longest})


@dataclass(frozen=True)
class Limits:
    """Settings that decide how much work there is, of ``scoring`` and ``generation``."""

    batch_tokens: int
    chain_tokens: int
    answer_tokens: int = 256
    samples: int = 1

    def written(self, chain: int | None, think: int | None) -> int:
        """Most tokens of a written answer with its thought.

        As `ushaped.scoring.samples.Sampling.limit`: that to a prompt that asks for reasoning holds
        the reasoning too.
        """
        return max(self.answer_tokens, chain or 0) + (think or 0)


@dataclass(frozen=True)
class TokenCounter:
    """Counts tokens, or estimates them from smaller units.

    ``encode`` turns texts into sequences of four bytes per unit; the plan names the ``basis``.
    """

    encode: Encode
    per_token: int
    basis: str


def by_characters() -> TokenCounter:
    """Count characters; UTF-32 has four bytes for each, as a sequence has per token.

    Examples
    --------
    >>> [len(data) for data in by_characters().encode(["Yes", "é"])]
    [12, 4]
    """

    # "surrogatepass": half a character, which JSON allows, is counted, not refused.
    def encode(texts: Sequence[str]) -> list[bytes]:
        return [text.encode("utf-32-be", "surrogatepass") for text in texts]

    return TokenCounter(encode, CHARACTERS_PER_TOKEN, CHARACTERS)


def by_tokens(path: Path) -> TokenCounter:
    """Count tokens of a ``tokenizer.json``, without those that every text begins with.

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
        encodings = tokenizer.encode_batch(list(texts), add_special_tokens=False)
        return [np.asarray(encoding.ids, dtype=TOKEN).tobytes() for encoding in encodings]

    return TokenCounter(encode, 1, COUNTED)


def count_work(rows: Sequence[Mapping[str, Any]], counter: TokenCounter, limits: Limits) -> Work:
    """The work on the prompts of one task and source, in all variants.

    ``rows`` are of the prompts tables (`ushaped.prompts.build`). Prompts and classes are encoded
    apart, so a token that spans their join is not noticed.
    """
    per_token, unit = counter.per_token, TOKEN.itemsize
    written = [row for row in rows if row["generated"]]
    rows = [row for row in rows if not row["generated"]]
    class_tokens = _ClassTokens(counter)
    lengths: dict[bytes, float] = {}
    work = Work(prompts=len(rows)) + _written(written, counter, limits)
    chains: dict[tuple[str, ...], list[tuple[bytes, int]]] = {}
    texts = [(row, text) for row in rows for text in _texts(row)]
    after = _lengths(counter, {row["answer_after"] for row in rows if row["chain"]})
    read = predictions = pairs = 0.0
    for (row, _), data in zip(texts, counter.encode([text for _, text in texts]), strict=True):
        length = lengths.setdefault(data, len(data) / unit / per_token)
        more = 0.0
        if row["chain"]:
            limit = row["chain_limit"] or limits.chain_tokens
            chains.setdefault(tuple(row["stop"]), []).append((data, limit))
            more = limit + after[row["answer_after"]]
        nodes, deepest, total = class_tokens(tuple(row["classes"]))
        read += more + nodes
        predictions += 1 + nodes
        pairs += more * (length + more / 2) + nodes * (length + more)
        classes = len(row["classes"])
        sent = (length + more) * classes + total
        work += Work(longest=length + more + deepest, requests=classes, sent=sent)
    shared, shared_pairs = _tree(lengths, per_token)
    read += shared
    work += Work(0, read, predictions, pairs + shared_pairs, math.ceil(read / limits.batch_tokens))
    for requests in chains.values():
        work += _generated(requests, per_token, limits)
        sent = sum(len(data) for data, _ in requests) / unit / per_token
        work += Work(requests=len(requests), sent=sent)
    return work


def _written(rows: Sequence[Mapping[str, Any]], counter: TokenCounter, limits: Limits) -> Work:
    """The work of written answers: each prompt is read once here, and sent for every sample."""
    texts = counter.encode([row["prompt"] for row in rows])
    limit = [limits.written(row["chain_limit"], row["think"]) for row in rows]
    lengths = [len(data) / TOKEN.itemsize / counter.per_token for data in texts]
    requests = list(zip(texts, limit, strict=True)) * limits.samples
    work = Work(
        prompts=len(rows),
        longest=max(map(sum, zip(lengths, limit, strict=True)), default=0.0),
        requests=len(requests),
        sent=limits.samples * sum(lengths),
    )
    return work + _generated(requests, counter.per_token, limits) if rows else work


def _texts(row: Mapping[str, Any]) -> list[str]:
    return [row["prompt"]] if row["other_prompt"] is None else [row["prompt"], row["other_prompt"]]


def _lengths(counter: TokenCounter, texts: set[str]) -> dict[str, float]:
    """Tokens of each text."""
    ordered = sorted(texts)
    sizes = [len(data) / TOKEN.itemsize / counter.per_token for data in counter.encode(ordered)]
    return dict(zip(ordered, sizes, strict=True))


class _ClassTokens:
    """Tokens of a prompt's classes that are read: all but the last of each, shared ones once."""

    def __init__(self, counter: TokenCounter) -> None:
        self.counter = counter
        self.cache: dict[tuple[str, ...], tuple[float, float, float]] = {}

    def __call__(self, classes: tuple[str, ...]) -> tuple[float, float, float]:
        """Their number, and all tokens of the longest class and of all classes."""
        if classes not in self.cache:
            per_token, unit = self.counter.per_token, TOKEN.itemsize
            encoded = self.counter.encode(classes)
            nodes, _ = _tree([data[: -unit * per_token] for data in encoded], per_token)
            sizes = [len(data) / unit / per_token for data in encoded]
            self.cache[classes] = nodes, max(sizes), sum(sizes)
        return self.cache[classes]


def _tree(rows: Iterable[bytes], per_token: int) -> tuple[float, float]:
    """Tokens with different histories, and pairs of a token and a token that it attends to."""
    ordered = sorted(set(rows))
    nodes = pairs = 0
    for row, shared in zip(ordered, prefix_lengths(ordered).tolist(), strict=True):
        length = len(row) // TOKEN.itemsize
        nodes += length - shared
        pairs += (length * (length + 1) - shared * (shared + 1)) // 2
    return nodes / per_token, pairs / per_token**2


def _generated(requests: Sequence[tuple[bytes, int]], per_token: int, limits: Limits) -> Work:
    """The work of texts that are generated together, each as long as its limit."""
    read, pairs = _tree((data for data, _ in requests), per_token)
    for data, limit in requests:
        pairs += limit * (len(data) / TOKEN.itemsize / per_token + limit / 2)
    batches = math.ceil(read / (CHAIN_BATCH_FACTOR * limits.batch_tokens))
    return Work(
        continued=read,
        generated=sum(limit for _, limit in requests),
        generated_pairs=pairs,
        steps=batches * max(limit for _, limit in requests),
    )


def from_file_size(
    task: Task, rows: int, size: int, variants: Sequence[str], limits: Limits
) -> Work:
    """A rough estimate of the work on a released file of ``rows`` rows and ``size`` bytes.

    All bytes count as prompts, names of columns and classes included, and items share nothing but
    our demonstrations.
    """
    per_token = CHARACTERS_PER_TOKEN
    item = size / rows / per_token
    work = Work()
    for variant in map(parse_variant, variants):
        length = item * variant.item_share(task)
        shown = variant.shown_characters(task, OFFICIAL) / per_token
        limit = (task.chain.tokens or limits.chain_tokens) if variant.has_chain else 0
        if variant.writes:
            work += _written_from_size(rows, length, shown, limits, limit, variant.k)
            continue
        pairs = rows * length * (shown + length / 2) + shown**2 / 2
        read = rows * (length + limit) + shown
        own = rows * limit * (shown + length + limit / 2)
        batches = math.ceil((rows * length + shown) / (CHAIN_BATCH_FACTOR * limits.batch_tokens))
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
            requests=(CLASSES + variant.has_chain) * rows,
            sent=CLASSES * rows * (shown + length + limit)
            + (rows * (shown + length) if limit else 0.0),
        )
    return work


def _written_from_size(
    rows: int, length: float, shown: float, limits: Limits, chain: int, think: int
) -> Work:
    """As `from_file_size`, of one variant in which the model writes its answer."""
    limit, texts = limits.written(chain, think), rows * limits.samples
    read = rows * length + shown
    return Work(
        prompts=rows,
        continued=read,
        generated=texts * limit,
        generated_pairs=rows * length * (shown + length / 2)
        + shown**2 / 2
        + texts * limit * (shown + length + limit / 2),
        steps=math.ceil(read / (CHAIN_BATCH_FACTOR * limits.batch_tokens)) * limit,
        longest=shown + length + limit,
        requests=texts,
        sent=texts * (shown + length),
    )


# -- models ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Architecture:
    """Sizes of a transformer.

    ``hidden`` is heads x head size of the queries, ``key_width`` of the keys, and ``width`` that of
    the residual stream: a row of the vocabulary matrix.
    """

    layers: int
    hidden: int
    key_width: int
    vocabulary: int
    width: int


def architecture(config: Mapping[str, Any]) -> Architecture | None:
    """Sizes from a ``config.json`` of `transformers`; None if one is missing.

    Examples
    --------
    >>> architecture({"n_layer": 12, "n_embd": 768, "n_head": 12, "vocab_size": 50257})
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
    """A model of the plan; unknown numbers are None.

    ``inner`` are its parameters without embeddings and output layer, ``gpus`` those of the
    registry; ``idle`` are those parameters of a mixture of experts that a token does not pass
    through; ``download`` says whether it must be fetched, ``served`` whether a server runs it,
    ``chat`` whether it is asked by chat, so for written answers alone; ``shards`` is the registry's
    number of jobs for its prompts.
    """

    name: str
    family: str
    size: str
    parameters: int | None
    inner: int | None
    architecture: Architecture | None = None
    gpus: int = 1
    idle: int = 0
    download: bool = False
    served: bool = False
    chat: bool = False
    shards: int | None = None


def trained(name: str, about: Mapping[str, Any], ladder: Mapping[str, Any]) -> Model:
    """A model of the ladder (``about`` from `ushaped.settings.models`)."""
    rung = next(rung for rung in ladder["rungs"] if rung["size"] == about["size"])
    sizes = {key: rung[key] for key in ("hidden", "layers", "heads")}
    vocabulary, hidden = ladder["vocabulary"], rung["hidden"]
    parameters = Shape(**sizes, vocabulary=vocabulary).parameters
    built = Architecture(rung["layers"], hidden, hidden, vocabulary, hidden)
    inner = parameters - hidden * vocabulary
    return Model(name, about["family"], about["size"], parameters, inner, built)


def released(name: str, about: Mapping[str, Any], folder: Path | None) -> Model:
    """A model of the registry; ``folder`` has its weights, if they are on this machine."""
    entry = about["entry"]
    built = None
    if folder and (folder / "config.json").exists():
        built = architecture(json.loads((folder / "config.json").read_text(encoding="utf-8")))
    elif "architecture" in entry:
        built = _registered(entry["architecture"])
    parameters = _known(entry["parameters"])
    return Model(
        name,
        about["family"],
        about["size"],
        parameters,
        _known(entry["non_embedding_parameters"]),
        built,
        entry.get("gpus", 1),
        parameters - entry.get("active_parameters", parameters) if parameters else 0,
        download="hub" in entry and folder is None,
        served="endpoint" in entry,
        chat=is_chat(entry),
        shards=entry.get("shards"),
    )


def _registered(sizes: Mapping[str, int]) -> Architecture:
    hidden = sizes["hidden"]
    return Architecture(sizes["layers"], hidden, hidden, sizes["vocabulary"], hidden)


def _known(number: Any) -> Any:
    return None if number == UNKNOWN else number


def scoring_jobs(model: Model, work: Work, shards: int) -> int:
    """Jobs that score a model: one, or its shards in one or two stages and one that collects.

    ``shards`` is the configuration's number, for models without one of their own.
    """
    count = model.shards or shards
    if count == 1 or model.served:
        return 1
    return (2 if work.generated else 1) * count + 1


# -- processors -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rate:
    """Operations per second that scoring a model reached on the processor, attention not counted.

    ``inner`` are its parameters without embeddings and output layer, ``trained`` says whether it
    was trained here: such a model has a job of one thread.
    """

    model: str
    inner: int
    trained: bool
    flops: float
    threads: int


def measured_rates(
    benchmarks: Path, models: Path, trained_families: Iterable[str], dtype: str
) -> list[Rate]:
    """Rates of earlier runs on a processor.

    Parameters
    ----------
    benchmarks : Path
        Folder of the benchmark files of scoring, ``MODEL.tsv``; those of other devices and number
        formats, and of runs that found all scores in the store, say nothing.
    models : Path
        Folder with ``MODEL/model.json``.
    trained_families : iterable of str
        Families that are trained here.
    dtype : str
        Number format of the weights, a key of `BYTES`.
    """
    families, rates = set(trained_families), []
    for path in sorted(benchmarks.glob("*.tsv")):
        row, description = read_benchmark(path), models / path.stem / "model.json"
        here = row.get("threads", 0) and not row["gpus"] and row["weight_bits"] == 8 * BYTES[dtype]
        if not here or not row["flops_per_s"] > 0 or not description.exists():
            continue
        about = json.loads(description.read_text(encoding="utf-8"))
        inner, trained_here = about.get("non_embedding_parameters"), about["family"] in families
        if inner:
            threads = int(row["threads"])
            rates.append(Rate(path.stem, inner, trained_here, row["flops_per_s"], threads))
    return rates


def nearest_rate(model: Model, trained_here: bool, rates: Iterable[Rate]) -> Rate | None:
    """The rate of the model itself, or else of the one that is nearest in size; None without any.

    Models that are trained here and others have jobs of different numbers of threads, so neither
    speaks for the other.
    """
    inner = model.inner
    known = [rate for rate in rates if rate.trained == trained_here]
    if not known or not inner:
        return None
    return min(known, key=lambda r: (r.model != model.name, abs(math.log(r.inner / inner))))


def processor_hours(costs: Mapping[str, Any], flops: float) -> float | None:
    """Hours of the operations of a model, from `cost`, at so many per second.

    The rate is measured without counting attention, whose time it holds; so it is not counted here.
    """
    if costs["flops"] is None:
        return None
    return float(costs["flops"] - (costs["attention_flops"] or 0.0)) / flops / 3600


# -- costs ----------------------------------------------------------------------------------------


def cost(
    model: Model, work: Work, gpu: Gpu, utilisation: float, dtype: str, batch_tokens: int
) -> dict[str, Any]:
    """Operations, hours, memory and download of one model; unknown numbers are None.

    A token costs two operations for each parameter of the layers, a prediction two for each number
    of the vocabulary matrix (Kaplan et al. 2020, arXiv:2001.08361, section 2.1), as in
    ``benchmarks/scoring.py``, and a pair of tokens ``4 x layers x hidden`` for attention. If the
    sizes of the layers are unknown, attention and the memory of keys and values are left out, and
    the vocabulary matrix is taken to be all parameters outside the layers.

    The time of a pass is the longest of three: its operations and reading the weights, both at
    ``utilisation`` of the published rates, and launching its layers. A model on several GPUs uses
    one of them at a time, so its hours count once for each. A served model needs no GPU.

    Parameters
    ----------
    model : Model
    work : Work
    gpu : Gpu
    utilisation : float
        Share of the published rates.
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
    # Logits in float32; with a huge vocabulary there are still 64 predictions.
    logits = 4 * max(MAX_LOGITS, 64 * built.vocabulary if built else 0)
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
    built, layers = model.architecture, model.inner - model.idle
    matrix = built.vocabulary * built.width if built else model.parameters - model.inner
    scoring, generating = _attention(built, work) if built else (0.0, 0.0)
    return (
        2.0 * layers * work.read + 2.0 * matrix * work.predictions + scoring,
        2.0 * layers * (work.continued + work.generated)
        + 2.0 * matrix * work.generated
        + generating,
    )


def _attention(built: Architecture, work: Work) -> tuple[float, float]:
    """Operations of attention: products with the keys and with the values."""
    pair = 4.0 * built.layers * built.hidden
    return pair * work.pairs, pair * work.generated_pairs


def _giga(number: float | None) -> float | None:
    return None if number is None else number / 1e9
