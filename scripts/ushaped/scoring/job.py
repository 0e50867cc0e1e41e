"""Scoring many prompt files with one model: what is kept is taken, what is missing is computed."""

from __future__ import annotations

import json
import math
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from ushaped.errors import UserError
from ushaped.files import digest, whole
from ushaped.models import load as models
from ushaped.prompts import extract
from ushaped.results.parquet import MADE, SCORES
from ushaped.scoring.audit import TIME_SHARE, TOLERANCE, Audit, Auditor, Reference, sample
from ushaped.scoring.devices import chosen
from ushaped.scoring.store import Store, Value, key
from ushaped.scoring.telemetry import EVERY, Telemetry

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from ushaped.scoring.engine.encoding import Encoded, Encoder
    from ushaped.scoring.engine.engine import Engine

# Of the time that a prompt with a chain takes, the part that goes into writing the chain; a guess,
# for the time left alone.
CHAIN_SHARE = 0.7
# What the names of the rows begin with that say which libraries computed a store's scores. They are
# not part of a score's key: another release moves scores by rounding, not by more.
LIBRARIES = "libraries "
# Part of the key of every stored score: raise it when a change to the code can move a score.
VERSION = "4"


@dataclass(frozen=True)
class Settings:
    """How a model is run.

    Attributes
    ----------
    batch_tokens : int
        Tokens of one forward pass, at most.
    chain_tokens : int
        Longest chain, in tokens, of prompts that do not say it themselves.
    too_long : {"error", "cut"}
        What to do with a prompt that is longer than the model's context.
    device : {"cpu", "cuda"}
    gpus : int
        GPUs that the model is spread over, with ``cuda``.
    dtype : {"float32", "bfloat16", "float16"}
    threads : int
        Of the processor.
    bos : {"default", "always", "never"}
        See `ushaped.scoring.engine.encoding.Encoder`.
    trust_remote_code : bool
        Whether code that comes with the weights may run.
    audit : int
        One item in so many is scored again the plain way (see `ushaped.scoring.audit`); 0 for none.
    """

    batch_tokens: int = 2048
    chain_tokens: int = 40
    too_long: str = "error"
    device: str = "cpu"
    gpus: int = 1
    dtype: str = "float32"
    threads: int = 1
    bos: str = "default"
    trust_remote_code: bool = False
    audit: int = 200


@dataclass(frozen=True)
class Wanted:
    """One number that a prompt needs: the log-likelihood of a class after a text.

    Attributes
    ----------
    text, name : str
        Prompt, with any chain, and class.
    last : bool
        Only of the class's last token, given all before it; else of all its tokens.
    """

    text: str
    name: str
    last: bool = False


@dataclass
class Prompt:
    """One row of a prompt file, and what is found for it.

    Attributes
    ----------
    where : str
        File and item, for messages.
    row : mapping
        As the prompt file has it.
    chain : mapping or None
        The generated chain (``text``, ``tokens``, ``stopped``), if one is asked for and is there.
    """

    where: str
    row: Mapping[str, Any]
    chain: Value | None = None

    @property
    def text(self) -> str:
        """What the classes follow: the prompt, and the chain up to where the answer comes."""
        if not self.row["chain"]:
            return str(self.row["prompt"])
        assert self.chain is not None
        thought = before_answer(self.chain["text"], self.row["answer_after"])
        return str(self.row["prompt"]) + thought

    @property
    def scores(self) -> list[Wanted]:
        """The log-likelihood of each class."""
        return [Wanted(self.text, name) for name in self.row["classes"]]

    @property
    def last_tokens(self) -> list[Wanted]:
        """Of log-odds tasks, that of each class's last token after this prompt."""
        if self.row["other_prompt"] is None:
            return []
        return [Wanted(self.text, name, last=True) for name in self.row["classes"]]

    @property
    def other_last_tokens(self) -> list[Wanted]:
        """The same after the prompt that this one is compared with."""
        other = self.row["other_prompt"]
        if other is None:
            return []
        return [Wanted(other, name, last=True) for name in self.row["classes"]]

    @property
    def wanted(self) -> list[Wanted]:
        """All numbers that this prompt needs."""
        return self.scores + self.last_tokens + self.other_last_tokens


def before_answer(chain: str, answer_after: str) -> str:
    """A chain up to and with the words that announce the answer, so that classes can follow."""
    return chain.rsplit(answer_after, 1)[0] + answer_after


@dataclass(frozen=True)
class File:
    """One prompt file.

    Attributes
    ----------
    path : Path
        As ``.../{source}/{task}/{variant}.parquet``.
    prompts : list of Prompt
    """

    path: Path
    prompts: list[Prompt] = field(default_factory=list)

    @classmethod
    def read(cls, path: Path) -> File:
        """Read a prompt file."""
        rows = pq.read_table(path).to_pylist()
        return cls(path, [Prompt(f"{path}, item {row['item']}", row) for row in rows])


class Scorer:
    """One model, loaded when it is first needed, and its store.

    Parameters
    ----------
    about : mapping
        The content of ``model.json``.
    settings : Settings
    store : path
        Folder of all stores.
    log : callable
        Gets a line of text.
    """

    def __init__(
        self,
        about: Mapping[str, Any],
        settings: Settings,
        store: Path,
        log: Callable[[str], None],
    ) -> None:
        self.about, self.settings, self.log = about, settings, log
        self.store = Store(store / digest(*self.depends)[:32], log)
        self.telemetry = self.telemetry_of(about)
        self._devices = ExitStack()
        # Asked for once all chains are there, which they depend on.
        self._audit_keys: dict[Path, str] = {}
        self._told = time.monotonic()
        # What the progress is measured by: letters of prompts, asked for and done.
        self._letters, self._done = 0, 0.0

    @property
    def depends(self) -> tuple[str, ...]:
        """What every score depends on, besides what is in its key."""
        settings = self.settings
        code = ("trust_remote_code",) if settings.trust_remote_code else ()
        # The output matrix of other formats was once multiplied in them.
        output = () if settings.dtype == "float32" else ("float32 output",)
        return (self.about["fingerprint"], settings.dtype, VERSION, settings.bos, *code, *output)

    def telemetry_of(self, about: Mapping[str, Any]) -> Telemetry:
        """Where what the job does is counted."""
        return Telemetry(about["model"], about["non_embedding_parameters"])

    # -- the job ----------------------------------------------------------------------------------

    def run(self, paths: Sequence[Path], output: Path) -> None:
        """Score prompt files and write one file of scores for each.

        The variants of a task are scored together: their prompts may begin alike.

        Raises
        ------
        UserError
            If the model cannot be loaded, a prompt does not fit, or a score cannot be kept.
        """
        files = [File.read(path) for path in paths]
        with self.store.alone():
            self._run(files, output)

    def _run(self, files: Sequence[File], output: Path) -> None:
        self._letters = sum(self._waiting(file) for file in files)
        for _, some in groupby(files, key=lambda file: file.path.parent):
            together = list(some)
            self._complete(together)
            if MADE not in self.store.rows:
                self._load()
        # Before anything is written: what the audit refuses is no result.
        self._audit(files)
        for file in files:
            self._write(file, output)
        if self.telemetry.items:
            self._measure_rate()
            self.log(self.telemetry.line(1.0))

    def _waiting(self, file: File) -> int:
        """Letters of the prompts of a file that have to be scored."""
        waiting = 0
        for prompt in file.prompts:
            if prompt.row["chain"]:
                prompt.chain = self.store.rows.get(self._chain_key(prompt))
            if self._is_missing(prompt):
                waiting += len(prompt.row["prompt"])
            else:
                self.telemetry.kept += 1
        return waiting

    def _is_missing(self, prompt: Prompt) -> bool:
        if prompt.row["chain"] and prompt.chain is None:
            return True
        return any(self._key(prompt, one) not in self.store.rows for one in prompt.wanted)

    def _complete(self, files: Sequence[File]) -> None:
        """Compute what the store does not have."""
        counted = {f.path.stem: sum(map(self._is_missing, f.prompts)) for f in files}
        if not any(counted.values()):
            return
        todo = ", ".join(f"{number} {name}" for name, number in counted.items() if number)
        source, task = files[0].path.parts[-3:-1]
        self.log(f"{self.telemetry.name}: {source} {task}: {todo}")
        if not self.telemetry.matrix_rate:
            self._measure_rate()
        prompts = [prompt for file in files for prompt in file.prompts]
        missing = [prompt for prompt in prompts if self._is_missing(prompt)]
        thinking: dict[tuple[str, ...], list[Prompt]] = {}
        for prompt in prompts:
            if prompt.row["chain"]:
                thinking.setdefault(tuple(prompt.row["stop"]), []).append(prompt)
        for stop, some in thinking.items():
            if any(prompt.chain is None for prompt in some):
                self._think(some, stop)
        # All of them are handed over, so that a resumed job computes the same batches.
        self._score(prompts)
        self.telemetry.items += len(missing)
        self._tell()

    def _think(self, prompts: Sequence[Prompt], stop: Sequence[str]) -> None:
        from ushaped.scoring.engine.encoding import TOKEN, fitted_prompt
        from ushaped.scoring.engine.generation import Asked, chains

        engine, tokenizer, encoder = self._loaded
        # Room for the words that announce the answer, and for the longest class.
        rows = [prompt.row for prompt in prompts]
        texts = [row["answer_after"] + name for row in rows for name in row["classes"]]
        longest = iter(map(len, encoder(texts)))
        asked = []
        where = [prompt.where for prompt in prompts]
        encoded = encoder([row["prompt"] for row in rows], where)
        for prompt, ids in zip(prompts, encoded, strict=True):
            after = max(next(longest) for _ in prompt.row["classes"]) // TOKEN.itemsize
            ids, room = fitted_prompt(
                ids,
                engine.context,
                prompt.where,
                after=after,
                too_long=self.settings.too_long,
                begins_with=encoder.begins_with,
            )
            asked.append(Asked(ids, min(self._limit(prompt), room)))
        numbers = {i for i, prompt in enumerate(prompts) if prompt.chain is None}
        batches = chains(engine, tokenizer, asked, stop, numbers)
        for found in self._timed(batches):
            self._keep_chains(prompts, {i: asdict(one) for i, one in found})

    def _keep_chains(self, prompts: Sequence[Prompt], found: Mapping[int, Value]) -> None:
        """Store chains, by number of their prompts, and hand them to the prompts."""
        self.store.add({self._chain_key(prompts[i]): one for i, one in found.items()})
        for i in found:
            prompts[i].chain = self.store.rows[self._chain_key(prompts[i])]
            self._done += CHAIN_SHARE * len(prompts[i].row["prompt"])
        self._tell()

    def _limit(self, prompt: Prompt) -> int:
        """Longest chain of a prompt: what its task says, else what the settings say."""
        return prompt.row["chain_limit"] or self.settings.chain_tokens

    def _score(self, prompts: Sequence[Prompt]) -> None:
        from ushaped.scoring.engine.encoding import fitted

        engine, _, encoder = self._loaded
        # A prompt and the one that it is compared with are two texts with the same classes.
        asked = [(prompt, text) for prompt in prompts for text in texts_of(prompt)]
        pairs = encoder.pairs(
            [text for _, text in asked],
            [prompt.row["classes"] for prompt, _ in asked],
            [prompt.where for prompt, _ in asked],
        )
        wanted: dict[str, Encoded] = {}
        letters: dict[str, float] = {}
        where: dict[str, str] = {}
        for (prompt, text), names in zip(asked, pairs, strict=True):
            names = fitted(
                names,
                engine.context,
                prompt.where,
                too_long=self.settings.too_long,
                begins_with=encoder.begins_with,
            )
            encoded = dict(zip(prompt.row["classes"], names, strict=True))
            share = 1 - CHAIN_SHARE if prompt.row["chain"] else 1.0
            more = share * len(prompt.row["prompt"]) / len(prompt.wanted)
            for one in prompt.wanted:
                if one.text == text:
                    this = self._key(prompt, one)
                    sequence = encoded[one.name]
                    wanted.setdefault(this, last_token(sequence) if one.last else sequence)
                    where.setdefault(this, prompt.where)
                    letters[this] = letters.get(this, 0.0) + more
        keys, sequences = list(wanted), list(wanted.values())
        numbers = {i for i, name in enumerate(keys) if name not in self.store.rows}
        for found in self._timed(engine.score(sequences, numbers)):
            for i, value in found:
                check_finite(where[keys[i]], value, self.settings.dtype)
            self.store.add({keys[i]: _value(sequences[i], value) for i, value in found})
            self._done += sum(letters[keys[i]] for i, _ in found)
            self._tell()

    # -- the audit --------------------------------------------------------------------------------

    def _audit(self, files: Sequence[File]) -> None:
        """Score a sample of what has not been audited yet again, each text by itself.

        Raises
        ------
        UserError
            If a log-likelihood differs by more than the tolerance of the number format.
        """
        due = [
            file for file in files if file.prompts and self._audit_key(file) not in self.store.rows
        ]
        if not due or not self.settings.audit:
            return
        from ushaped.scoring.engine.precision import in_float32

        began, model = time.monotonic(), self._loaded[0].model
        audits = {file.path: Audit(tolerance=TOLERANCE[self.settings.dtype]) for file in due}
        auditor = Auditor(self._reference, self._found)
        audited: list[tuple[File, Prompt]] = []
        for file, prompt in self._sample(due):
            taken, whole = time.monotonic() - began, time.monotonic() - self.telemetry.began
            if len(audited) >= 2 and taken > TIME_SHARE * whole:
                break
            self._check(prompt, auditor.compare(prompt, audits[file.path]))
            audited.append((file, prompt))
        if self.settings.dtype != "float32":
            with in_float32(model) as precise:
                for file, prompt in audited if precise else []:
                    auditor.compare_float32(prompt, audits[file.path])
        self.store.add({self._audit_key(file): audits[file.path].row() for file in due})
        self.telemetry.audited += len(audited)
        self.telemetry.audit_largest = max(one.largest for one in audits.values())
        self.telemetry.audit_seconds += time.monotonic() - began

    def _check(self, prompt: Prompt, difference: float) -> None:
        most = TOLERANCE[self.settings.dtype]
        if not difference <= most:
            raise UserError(
                prompt.where,
                f"its log-likelihoods differ by {difference:.2g} nats from those of the same text "
                f"scored alone; more than {most:g} is no rounding in {self.settings.dtype}",
                f"remove {self.store.folder} and score again with scoring.batch_tokens: 1, which "
                "scores each text alone, and report this model",
            )

    def _sample(self, files: Sequence[File]) -> list[tuple[File, Prompt]]:
        """The items to audit: the shortest prompt, the longest, and the others in random order."""
        lengths = [[len(prompt.text) for prompt in file.prompts] for file in files]
        seed = int(self._audit_key(files[0])[:8], 16)
        drawn = [
            (size, file, file.prompts[number])
            for file, sizes, numbers in zip(
                files, lengths, sample(lengths, self.settings.audit, seed), strict=True
            )
            for number, size in ((number, sizes[number]) for number in numbers)
        ]
        random.Random(seed).shuffle(drawn)
        shortest = drawn.pop(min(range(len(drawn)), key=lambda i: drawn[i][0]))
        longest = max((size for size, _, _ in drawn), default=0)
        drawn.sort(key=lambda one: one[0] < longest)
        return [(file, prompt) for _, file, prompt in [shortest, *drawn]]

    def _audit_key(self, file: File) -> str:
        """Key of the audit of a file: it goes for these scores of these items."""
        if file.path not in self._audit_keys:
            scores = (self._key(prompt, one) for prompt in file.prompts for one in prompt.wanted)
            items = (str(prompt.row["item"]) for prompt in file.prompts)
            self._audit_keys[file.path] = key("audit", *items, *scores)
        return self._audit_keys[file.path]

    @property
    def _reference(self) -> Reference:
        engine, tokenizer, encoder = self._loaded
        return Reference(engine.model, tokenizer, self.settings.bos, encoder.begins_with)

    def _timed(self, batches: Iterator[Any]) -> Iterator[Any]:
        """The same batches; the time that computing them takes is added up."""
        while True:
            began = time.perf_counter()
            batch = next(batches, None)
            self.telemetry.seconds += time.perf_counter() - began
            if batch is None:
                return
            yield batch

    def _tell(self) -> None:
        if time.monotonic() - self._told >= EVERY:
            self._told = time.monotonic()
            self.log(self.telemetry.line(min(1.0, self._done / max(1, self._letters))))

    # -- what is kept -----------------------------------------------------------------------------

    def _chain_key(self, prompt: Prompt) -> str:
        # What has to fit behind a chain may leave it less room than its limit.
        limit, stop, behind = str(self._limit(prompt)), prompt.row["stop"], self._behind(prompt)
        return key("chain", prompt.row["prompt"], limit, *stop, behind)

    def _key(self, prompt: Prompt, one: Wanted) -> str:
        kind = "last" if one.last else "score"
        return key(kind, one.text, one.name, *self._cut_key(prompt))

    def _cut_key(self, prompt: Prompt) -> tuple[str, ...]:
        """Where prompts may be cut, what has to fit behind them decides how much."""
        return (self._behind(prompt),) if self.settings.too_long == "cut" else ()

    def _behind(self, prompt: Prompt) -> str:
        return json.dumps([prompt.row["answer_after"], prompt.row["classes"]])

    def _write(self, file: File, output: Path) -> None:
        rows = [self._row(prompt) for prompt in file.prompts]
        path = file.path
        with whole(output / path.parts[-3] / path.parts[-2] / path.name) as beside:
            made = self._made() | {"audit": self.store.rows.get(self._audit_key(file))}
            schema = SCORES.with_metadata({MADE: json.dumps(made)})
            pq.write_table(pa.Table.from_pylist(rows, schema=schema), beside)

    def _made(self) -> Value:
        """How the scores were made, with every set of libraries that computed some of them."""
        rows = self.store.rows
        libraries = sorted(
            name.removeprefix(LIBRARIES) for name in rows if name.startswith(LIBRARIES)
        )
        return rows[MADE] | ({"libraries": libraries} if libraries else {})

    def _row(self, prompt: Prompt) -> dict[str, Any]:
        names = prompt.row["classes"]
        values = self._found(prompt, prompt.scores)
        last, other = (
            self._found(prompt, some) for some in (prompt.last_tokens, prompt.other_last_tokens)
        )
        chain = prompt.chain or {"text": "", "tokens": None, "stopped": None}
        return {
            "item": prompt.row["item"],
            "log_likelihood": [value["log_likelihood"] for value in values],
            "last_token": [value["log_likelihood"] for value in last] or None,
            "other_last_token": [value["log_likelihood"] for value in other] or None,
            "prompt_tokens": values[0]["prompt_tokens"],
            "class_tokens": [value["class_tokens"] for value in values],
            "boundary_merged": any(value["boundary_merged"] for value in values + other),
            "cut": max(value["cut"] for value in values + other),
            "chain": chain["text"],
            "chain_tokens": chain["tokens"],
            "chain_stopped": chain["stopped"],
            "parsed": extract(chain["text"], names, prompt.row["answer_after"])
            if prompt.row["chain"]
            else None,
        }

    def _found(self, prompt: Prompt, wanted: Sequence[Wanted]) -> list[Value]:
        return [self.store.rows[self._key(prompt, one)] for one in wanted]

    # -- the model --------------------------------------------------------------------------------

    def _load(self) -> None:
        """Load the model, which also writes down how scores are made."""
        _ = self._loaded

    @cached_property
    def _loaded(self) -> tuple[Engine, PreTrainedTokenizerBase, Encoder]:
        import torch

        from ushaped.scoring.engine.encoding import Encoder
        from ushaped.scoring.engine.engine import Engine

        # Held until the process ends: only a job that has something to score takes a device.
        self._devices.enter_context(chosen(self.settings.device, self.settings.gpus))
        torch.set_num_threads(self.settings.threads)
        if models.fingerprint(self.about["folder"]) != self.about["fingerprint"]:
            raise UserError(
                self.about["folder"],
                "does not hold the weights that model.json was written for",
                "remove model.json, so that it is made again",
            )
        model, tokenizer = models.load(
            self.about["folder"],
            device=self.settings.device,
            dtype=self.settings.dtype,
            trust_remote_code=self.settings.trust_remote_code,
            log=self.log,
        )
        engine = Engine(model, self.settings.batch_tokens, self.log)
        encoder = Encoder(tokenizer, self.settings.bos, models.vocabulary(model))
        made = {
            "dtype": self.settings.dtype,
            "bos": self.settings.bos,
            "begins_with": tokenizer.convert_ids_to_tokens(list(encoder.begins_with)),
            "prefixes_shared": engine.tree,
            "ways": asdict(engine.ways),
            "output_format": str(engine.output_format).removeprefix("torch."),
            "engine": VERSION,
        }
        libraries = LIBRARIES + ", ".join(f"{n} {version(n)}" for n in ("torch", "transformers"))
        if self.store.rows.get(MADE) != made or libraries not in self.store.rows:
            self.store.add({MADE: made, libraries: {}})
        self.telemetry.width = model.get_input_embeddings().weight.numel()
        self.telemetry.counts = engine.counts
        return engine, tokenizer, encoder

    def _measure_rate(self) -> None:
        """Measure what the device can do: at both ends of a job, since other jobs may slow it."""
        from ushaped.scoring.telemetry import matrix_rate

        model = self._loaded[0].model
        now = matrix_rate(self._loaded[0].device, model.dtype)
        self.telemetry.matrix_rate = max(self.telemetry.matrix_rate, now)


def texts_of(prompt: Prompt) -> list[str]:
    """The texts that a prompt's classes follow."""
    other = prompt.row["other_prompt"]
    return [prompt.text] if other is None else [prompt.text, other]


def last_token(one: Encoded) -> Encoded:
    """The same tokens, of which only the last one's probability is wanted."""
    return replace(one, start=len(one) - 1)


def check_finite(where: str, log_likelihood: float, dtype: str) -> None:
    """Raise a `UserError` for a log-likelihood that is NaN or infinite."""
    if math.isfinite(log_likelihood):
        return
    others = {"float16": "bfloat16 or float32", "bfloat16": "float32"}
    raise UserError(
        where,
        f"its log-likelihood is {log_likelihood} in {dtype}",
        f"set scoring.dtype to {others[dtype]}"
        if dtype in others
        else "see whether the model's weights are whole",
    )


def _value(one: Encoded, log_likelihood: float) -> Value:
    return {
        "log_likelihood": log_likelihood,
        "prompt_tokens": one.start,
        "class_tokens": len(one) - one.start,
        "boundary_merged": one.boundary_merged,
        "cut": one.cut,
    }
