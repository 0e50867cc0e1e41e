"""Scoring many prompt files with one model: stored scores are reused, missing ones computed."""

from __future__ import annotations

import json
import math
import random
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from ushaped.errors import UserError
from ushaped.files import digest, whole
from ushaped.models.load import (
    fingerprint,
    load,
    load_config,
    load_tokenizer,
    tokenizer_fingerprint,
    vocabulary,
)
from ushaped.prompts import extract
from ushaped.results.parquet import MADE, SCORES
from ushaped.scoring.audit import (
    TIME_SHARE,
    TOLERANCE,
    Audit,
    Auditor,
    Reference,
    Written,
    sample,
)
from ushaped.scoring.chat import ChatSettings, ChatTemplate
from ushaped.scoring.devices import reserve_gpus
from ushaped.scoring.requests import Prompt, PromptFile, ScoreRequest
from ushaped.scoring.samples import Sampling, Tags, sample_row
from ushaped.scoring.store import Store, Value, key
from ushaped.scoring.telemetry import Progress, Telemetry, matrix_rate

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from ushaped.scoring.engine.encoding import Encoded, Encoder
    from ushaped.scoring.engine.engine import Engine
    from ushaped.scoring.engine.tree import Layouts

# Share of the time of a prompt with a chain that generating the chain takes: a guess, for the time
# left alone.
CHAIN_SHARE = 0.7
# Prefix of the keys that record which libraries computed a store's scores. They are not part of a
# score's key: another release moves scores by rounding, not by more.
LIBRARIES = "libraries "
# Number of a prompt, and of one of its samples.
Sample = tuple[int, int]
NO_THOUGHT: Value = {"text": "", "tokens": 0, "stopped": True}
# Part of the key of every stored score: raise it when a change to the code can move a score.
VERSION = "4"


@dataclass(frozen=True)
class Settings:
    """How a model is run.

    Attributes
    ----------
    batch_tokens : int
        Largest number of tokens of one forward pass.
    chain_tokens : int
        Longest chain, in tokens, where the task sets no limit of its own.
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
    chat : str
        How prompts become conversations, `ushaped.scoring.chat.ChatSettings` as JSON; empty where
        they are sent as they are.
    sampling : str
        How answers are written, `ushaped.scoring.samples.Sampling` as JSON.
    thinking : str
        The texts before and after a thought as JSON, ``open`` and ``close``; empty for those of the
        tokenizer.
    audit : int
        One in so many items is scored again by itself (see `ushaped.scoring.audit`); 0 for none.
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
    chat: str = ""
    sampling: str = "{}"
    thinking: str = ""
    audit: int = 200


@dataclass
class Shared:
    """What models that are scored one after another need only once.

    Attributes
    ----------
    encoders : dict of str to Encoder
        By the fingerprint of the tokenizer and the size of the vocabulary; each remembers the texts
        that it has tokenised.
    layouts : Layouts
    matrix_rate : float
        See `Telemetry`; measured with the first model.
    """

    encoders: dict[str, Encoder]
    layouts: Layouts
    matrix_rate: float = 0.0


class Scorer:
    """One model, described by its ``model.json``, and its store in the folder of all stores.

    The model is loaded when it is first needed. ``log`` gets lines of text.
    """

    telemetry_class: type[Telemetry] = Telemetry

    def __init__(
        self,
        about: Mapping[str, Any],
        settings: Settings,
        store: Path,
        log: Callable[[str], None],
        shared: Shared | None = None,
    ) -> None:
        self.about, self.settings, self.log, self.shared = about, settings, log, shared
        self.sampling = replace(Sampling.parse(settings.sampling), tags=settings.thinking)
        self.store = Store(store / digest(*self.cache_key_parts)[:32], log)
        self.telemetry = self.telemetry_class(about["model"], about["non_embedding_parameters"])
        self.progress = Progress()
        self._gpus = ExitStack()
        # Computed once all chains are there, which the keys depend on.
        self._audit_keys: dict[Path, str] = {}

    @property
    def cache_key_parts(self) -> tuple[str, ...]:
        """What every score depends on, besides the parts of its own key."""
        settings = self.settings
        code = ("trust_remote_code",) if settings.trust_remote_code else ()
        # An earlier version multiplied by the output matrix in the model's own format.
        output = () if settings.dtype == "float32" else ("float32 output",)
        chat = (f"chat {settings.chat}",) if settings.chat else ()
        parts = (self.about["fingerprint"], settings.dtype, VERSION, settings.bos)
        return (*parts, *code, *output, *chat)

    # -- the job ----------------------------------------------------------------------------------

    def run(self, files: Sequence[PromptFile], output: Path) -> None:
        """Score prompt files and write one file of scores for each.

        The variants of a task are scored together, since their prompts share prefixes.

        Raises
        ------
        UserError
            If the model cannot be loaded, a prompt does not fit, or a score cannot be stored.
        """
        with self.store.exclusive_lock():
            self._run(files, output)

    def _run(self, files: Sequence[PromptFile], output: Path) -> None:
        files = self._prepared(files)
        for file in files:
            self._count_missing(file)
        for _, variants in groupby(files, key=lambda file: file.path.parent):
            self._score_task(list(variants))
            if MADE not in self.store.rows:
                self._load()
        # Before anything is written: scores that the audit refuses are no result.
        self._audit(files)
        for file in files:
            self._write(file, output)
        if self.telemetry.items:
            self._measure_rate()
            self.log(self.telemetry.line(1.0))

    def _prepared(self, files: Sequence[PromptFile]) -> list[PromptFile]:
        """The files with their prompts as the model gets them."""
        budgets = {prompt.row["think"] for file in files for prompt in file.prompts} - {None}
        if budgets:
            self._check_budget(max(budgets))
        if self._template is None:
            return list(files)
        return [file.with_rows(self._template.row) for file in files]

    def _count_missing(self, file: PromptFile) -> None:
        """Take the stored chains of a file's prompts, and count its stored and missing items."""
        for prompt in file.prompts:
            if prompt.row["chain"]:
                prompt.chain = self.store.rows.get(self._chain_key(prompt))
            if self._is_missing(prompt):
                self.telemetry.missing += 1
                self.progress.characters += len(prompt.row["prompt"])
            else:
                self.telemetry.reused += 1

    def _is_missing(self, prompt: Prompt) -> bool:
        if prompt.row["chain"] and prompt.chain is None:
            return True
        if any(name not in self.store.rows for name in self._sample_keys(prompt)):
            return True
        return any(name not in self.store.rows for name in self._keys(prompt))

    def _score_task(self, files: Sequence[PromptFile]) -> None:
        """Compute the missing scores of the variants of one task."""
        missing = {f.path.stem: sum(map(self._is_missing, f.prompts)) for f in files}
        if not any(missing.values()):
            return
        todo = ", ".join(f"{number} {name}" for name, number in missing.items() if number)
        source, task = files[0].path.parts[-3:-1]
        self.log(f"{self.telemetry.name}: {source} {task}: {todo}")
        if not self.telemetry.matrix_rate:
            self._measure_rate()
        self._compute([prompt for file in files for prompt in file.prompts])
        self._log_progress()

    def _compute(self, prompts: Sequence[Prompt]) -> None:
        items = self.telemetry.items + sum(map(self._is_missing, prompts))
        self._complete_chains(prompts)
        # Stored ones too, so that a resumed job computes the same batches.
        self._complete_samples([prompt for prompt in prompts if prompt.row["generated"]])
        self._score_requests([prompt for prompt in prompts if not prompt.row["generated"]])
        # Some may have needed nothing but their chains.
        self.telemetry.items = items

    def _complete_chains(self, prompts: Sequence[Prompt]) -> None:
        by_stop: dict[tuple[str, ...], list[Prompt]] = {}
        for prompt in prompts:
            if prompt.row["chain"]:
                by_stop.setdefault(tuple(prompt.row["stop"]), []).append(prompt)
        for stop, group in by_stop.items():
            if any(prompt.chain is None for prompt in group):
                self._generate_chains(group, stop)

    def _generate_chains(self, prompts: Sequence[Prompt], stop: Sequence[str]) -> None:
        from ushaped.scoring.engine.encoding import TOKEN, fitted_prompt
        from ushaped.scoring.engine.generation import GenerationRequest, chains

        engine, tokenizer, encoder = self._loaded
        # Room for the words that announce the answer, and for the longest class.
        rows = [prompt.row for prompt in prompts]
        suffixes = [row["answer_after"] + name for row in rows for name in row["classes"]]
        sizes = iter(map(len, encoder(suffixes)))
        where = [prompt.where for prompt in prompts]
        encoded = encoder([row["prompt"] for row in rows], where)
        requests = []
        for prompt, ids in zip(prompts, encoded, strict=True):
            after = max(next(sizes) for _ in prompt.row["classes"]) // TOKEN.itemsize
            ids, room = fitted_prompt(
                ids,
                engine.context,
                prompt.where,
                after=after,
                too_long=self.settings.too_long,
                begins_with=encoder.begins_with,
            )
            requests.append(GenerationRequest(ids, min(self._chain_limit(prompt), room)))
        missing = self._missing_chains(prompts)
        batches = chains(engine, tokenizer, requests, stop, missing, self._ends)
        for batch in self._timed(batches):
            self._store_chains(prompts, {i: asdict(chain) for i, chain in batch})

    def _missing_chains(self, prompts: Sequence[Prompt]) -> set[int]:
        return {i for i, prompt in enumerate(prompts) if prompt.chain is None}

    def _store_chains(self, prompts: Sequence[Prompt], chains: Mapping[int, Value]) -> None:
        """Store chains, by number of their prompts, and hand them to the prompts."""
        self.store.add({self._chain_key(prompts[i]): chain for i, chain in chains.items()})
        self.telemetry.chains += len(chains)
        for i in chains:
            prompts[i].chain = self.store.rows[self._chain_key(prompts[i])]
            self.progress.advance(CHAIN_SHARE * len(prompts[i].row["prompt"]))
        self._log_progress()

    def _chain_limit(self, prompt: Prompt) -> int:
        return prompt.row["chain_limit"] or self.settings.chain_tokens

    def _check_budget(self, budget: int) -> None:
        """Refuse a thinking budget that the context cannot hold, and a model without tags.

        Only configuration and tokenizer are read.
        """
        _ = self._tags
        from ushaped.scoring.engine.encoding import context_length

        config = load_config(self.about["folder"], self.settings.trust_remote_code)
        self._check_room(budget, context_length(config))

    def _check_room(self, budget: int, context: int | None) -> None:
        needed = budget + self.sampling.tokens
        if context is not None and needed >= context:
            raise UserError(
                f"{self.about['model']}, think-{budget}",
                f"needs {needed} tokens for thought and answer, and the context has {context}",
                "leave the variant out, lower generation.tokens, or use a model with a longer "
                "context",
            )

    # -- written answers --------------------------------------------------------------------------

    def _sample_keys(self, prompt: Prompt) -> list[str]:
        if not prompt.row["generated"]:
            return []
        return [self.sampling.key(prompt, number) for number in range(self.sampling.samples)]

    def _missing_samples(self, prompts: Sequence[Prompt]) -> set[Sample]:
        return {
            (i, number)
            for i, prompt in enumerate(prompts)
            for number, name in enumerate(self._sample_keys(prompt))
            if name not in self.store.rows
        }

    def _complete_samples(self, prompts: Sequence[Prompt]) -> None:
        """Let the model write the missing answers; all samples go into the same batches."""
        missing = self._missing_samples(prompts)
        if not missing:
            return
        for batch in self._timed(self._write_samples(prompts, missing)):
            self.store.add(
                {
                    self.sampling.key(prompts[i], number): value
                    for (i, number), value in batch.items()
                }
            )
            for i, _ in batch:
                size = len(prompts[i].row["prompt"]) / self.sampling.samples
                self.progress.advance(size)
            self.telemetry.samples += len(batch)
            self._log_progress()

    def _write_samples(
        self, prompts: Sequence[Prompt], missing: Collection[Sample]
    ) -> Iterator[dict[Sample, Value]]:
        """Yield the missing answers, by number of prompt and sample, batch by batch."""
        groups: dict[tuple[Any, ...], list[Sample]] = {}
        for i, prompt in enumerate(prompts):
            own = [(i, number) for number in range(self.sampling.samples)]
            groups.setdefault((tuple(prompt.row["stop"]), prompt.row["think"]), []).extend(own)
        limit = self.sampling.limit
        for (stop, think), samples in groups.items():
            todo = set(samples).intersection(missing)
            if not todo:
                continue
            texts = {sample: prompts[sample[0]].row["prompt"] for sample in samples}
            thoughts = dict.fromkeys(samples, NO_THOUGHT)
            if think is not None:
                texts, thoughts = self._thoughts(prompts, texts, think, todo)
            for batch in self._written(prompts, texts, stop, lambda i: limit(prompts[i].row), todo):
                yield {
                    sample: answer
                    | {
                        "thought": thoughts[sample]["text"],
                        "thought_tokens": thoughts[sample]["tokens"],
                        "thought_cut": not thoughts[sample]["stopped"],
                        "refused": False,
                    }
                    for sample, answer in batch.items()
                }

    def _thoughts(
        self,
        prompts: Sequence[Prompt],
        texts: Mapping[Sample, str],
        budget: int,
        todo: Collection[Sample],
    ) -> tuple[dict[Sample, str], dict[Sample, Value]]:
        """Let the model think before the answers ``todo``.

        Returns
        -------
        dict of tuple to str
            Each prompt with its thought, up to where the answer begins.
        dict of tuple to dict
            The thoughts. Another shard's samples may lack in both.
        """
        begun = {sample: self._tags.begun(text) for sample, text in texts.items()}
        if not budget:
            thoughts = dict.fromkeys(texts, NO_THOUGHT)
        else:
            keys = {
                (i, number): self.sampling.thought_key(prompts[i], number) for i, number in texts
            }
            missing = {sample for sample in todo if keys[sample] not in self.store.rows}
            close = [self._tags.stop]
            batches = self._written(prompts, begun, close, lambda _: budget, missing, thought=True)
            for batch in batches:
                self.store.add({keys[sample]: thought for sample, thought in batch.items()})
            rows = self.store.rows
            thoughts = {sample: rows[name] for sample, name in keys.items() if name in rows}
        ended = {
            sample: self._tags.ended(begun[sample], thought["text"])
            for sample, thought in thoughts.items()
        }
        return ended, thoughts

    def _written(
        self,
        prompts: Sequence[Prompt],
        texts: Mapping[Sample, str],
        stop: Sequence[str],
        limit: Callable[[int], int],
        missing: Collection[Sample],
        thought: bool = False,
    ) -> Iterator[dict[Sample, Value]]:
        """Continue the texts of the missing samples, in batches of all.

        ``limit`` gives the most tokens after a prompt, by its number.
        """
        from ushaped.scoring.engine.encoding import TOKEN, fitted_prompt
        from ushaped.scoring.engine.generation import GenerationRequest, chains

        if not missing:
            return
        engine, tokenizer, encoder = self._loaded
        samples, temperature = list(texts), self.sampling.temperature
        where = [prompts[i].where for i, _ in samples]
        requests = []
        for (i, number), ids in zip(samples, encoder(list(texts.values()), where), strict=True):
            ids, room = fitted_prompt(
                ids, engine.context, prompts[i].where, after=0, too_long="error"
            )
            seed = self.sampling.draw_seed(prompts[i], number, thought) if temperature else 0
            requests.append(GenerationRequest(ids, min(limit(i), room), temperature, seed))
        numbers = {at for at, sample in enumerate(samples) if sample in missing}
        for batch in chains(engine, tokenizer, requests, stop, numbers, self._ends):
            yield {
                samples[at]: asdict(chain)
                | {"prompt_tokens": len(requests[at].data) // TOKEN.itemsize}
                for at, chain in batch
            }

    @cached_property
    def _tags(self) -> Tags:
        tokenizer = load_tokenizer(self.about["folder"], self.settings.trust_remote_code)
        given = json.loads(self.settings.thinking) if self.settings.thinking else None
        return Tags.of(tokenizer, given, self.about["model"])

    @cached_property
    def _ends(self) -> set[int]:
        """Tokens that end what a model writes, beside the tokenizer's own."""
        if self._template is None:
            return set()
        engine, tokenizer, _ = self._loaded
        ends = {int(tokenizer.convert_tokens_to_ids(token)) for token in self._template.ends}
        return ends | engine.end_tokens

    # -- scores -----------------------------------------------------------------------------------

    def _score_requests(self, prompts: Sequence[Prompt]) -> None:
        from ushaped.scoring.engine.encoding import fitted

        if not prompts:
            return
        engine, _, encoder = self._loaded
        # A prompt and the one that it is compared with are two texts with the same classes.
        texts = [(prompt, text) for prompt in prompts for text in prompt.texts]
        pairs = encoder.pairs(
            [text for _, text in texts],
            [prompt.row["classes"] for prompt, _ in texts],
            [prompt.where for prompt, _ in texts],
        )
        sequences: dict[str, Encoded] = {}
        where: dict[str, str] = {}
        for (prompt, text), encoded in zip(texts, pairs, strict=True):
            encoded = fitted(
                encoded,
                engine.context,
                prompt.where,
                too_long=self.settings.too_long,
                begins_with=encoder.begins_with,
            )
            by_class = dict(zip(prompt.row["classes"], encoded, strict=True))
            for request in prompt.requests:
                if request.text == text:
                    name, sequence = self._key(prompt, request), by_class[request.continuation]
                    sequences.setdefault(name, last_token(sequence) if request.last else sequence)
                    where.setdefault(name, prompt.where)
        keys, encoded = list(sequences), list(sequences.values())
        missing = self._missing_scores(keys, encoded)
        self._expect(prompts, {keys[i] for i in missing})
        for batch in self._timed(engine.score(encoded, missing)):
            for i, value in batch:
                check_finite(where[keys[i]], value, self.settings.dtype)
            self._store_scores({keys[i]: _value(encoded[i], value) for i, value in batch})

    def _missing_scores(self, keys: Sequence[str], encoded: Sequence[Encoded]) -> set[int]:
        return {i for i, name in enumerate(keys) if name not in self.store.rows}

    def _expect(self, prompts: Sequence[Prompt], missing: Collection[str]) -> None:
        """Let the progress know which items wait for the missing keys."""
        for prompt in prompts:
            requests = prompt.requests
            share = 1 - CHAIN_SHARE if prompt.row["chain"] else 1.0
            characters = share * len(prompt.row["prompt"]) / len(requests)
            for request in requests:
                if (name := self._key(prompt, request)) in missing:
                    self.progress.expect(name, prompt.where, characters)

    def _store_scores(self, rows: Mapping[str, Value]) -> None:
        self.store.add(rows)
        self.telemetry.items += self.progress.finish(rows)
        self._log_progress()

    def _timed(self, batches: Iterator[Any]) -> Iterator[Any]:
        """The same batches; the time of computing them is added up."""
        while True:
            began = time.perf_counter()
            batch = next(batches, None)
            self.telemetry.seconds += time.perf_counter() - began
            if batch is None:
                return
            yield batch

    def _log_progress(self) -> None:
        if self.progress.is_due():
            self.log(self.telemetry.line(self.progress.share))

    # -- the audit --------------------------------------------------------------------------------

    def _audit(self, files: Sequence[PromptFile]) -> None:
        """Score a sample of the items that were not audited before again, each text by itself.

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

        # Loading it, where all scores were stored, is no part of the audit's own time.
        model, began = self._loaded[0].model, time.monotonic()
        audits = {file.path: Audit(tolerance=TOLERANCE[self.settings.dtype]) for file in due}
        auditor = Auditor(self._reference, self._stored, self._written_after)
        audited: list[tuple[PromptFile, Prompt]] = []
        for file, prompt in self._sample(due):
            spent = time.monotonic() - began
            total = time.monotonic() - self.telemetry.began + self.telemetry.shard_seconds
            if len(audited) >= 2 and spent > TIME_SHARE * total:
                break
            self._check_difference(prompt, auditor.compare(prompt, audits[file.path]))
            audited.append((file, prompt))
        if self.settings.dtype != "float32":
            with in_float32(model) as precise:
                for file, prompt in audited if precise else []:
                    if prompt.requests:
                        auditor.compare_float32(prompt, audits[file.path])
        self.store.add({self._audit_key(file): asdict(audits[file.path]) for file in due})
        self.telemetry.audited += len(audited)
        self.telemetry.audit_largest = max(audit.largest for audit in audits.values())
        self.telemetry.audit_seconds += time.monotonic() - began

    def _check_difference(self, prompt: Prompt, difference: float) -> None:
        tolerance = TOLERANCE[self.settings.dtype]
        what = "what was written differs"
        if not prompt.row["generated"]:
            what = "its log-likelihoods differ"
        if not difference <= tolerance:
            raise UserError(
                prompt.where,
                f"{what} by {difference:.2g} nats from the same text computed alone; more than "
                f"{tolerance:g} is no rounding in {self.settings.dtype}",
                f"remove {self.store.folder} and score again with scoring.batch_tokens: 1, which "
                "scores each text alone, and report this model",
            )

    def _sample(self, files: Sequence[PromptFile]) -> list[tuple[PromptFile, Prompt]]:
        """The items to audit: the shortest prompt, the longest, and the others in random order."""
        lengths = [[len(prompt.text) for prompt in file.prompts] for file in files]
        seed = int(self._audit_key(files[0])[:8], 16)
        drawn = [
            (sizes[number], file, file.prompts[number])
            for file, sizes, numbers in zip(
                files, lengths, sample(lengths, self.settings.audit, seed), strict=True
            )
            for number in numbers
        ]
        random.Random(seed).shuffle(drawn)
        shortest = drawn.pop(min(range(len(drawn)), key=lambda i: drawn[i][0]))
        longest = max((size for size, _, _ in drawn), default=0)
        drawn.sort(key=lambda entry: entry[0] < longest)
        return [(file, prompt) for _, file, prompt in [shortest, *drawn]]

    def _audit_key(self, file: PromptFile) -> str:
        """Key of the audit of a file, which holds for these scores of these items."""
        if file.path not in self._audit_keys:
            scores = [
                name
                for prompt in file.prompts
                for name in (*self._keys(prompt), *self._sample_keys(prompt))
            ]
            items = (str(prompt.row["item"]) for prompt in file.prompts)
            self._audit_keys[file.path] = key("audit", *items, *scores)
        return self._audit_keys[file.path]

    def _written_after(self, prompt: Prompt) -> list[Written]:
        """All that the model wrote after a prompt: its chain, or its samples and their thoughts."""
        text, rows, sampling = prompt.row["prompt"], self.store.rows, self.sampling
        if prompt.chain:
            return [Written(text, prompt.chain.get("ids", ()))]
        written = []
        for number, name in enumerate(self._sample_keys(prompt)):
            thought, before = NO_THOUGHT, text
            if prompt.row["think"] is not None:
                begun = self._tags.begun(text)
                if prompt.row["think"]:
                    thought = rows[sampling.thought_key(prompt, number)]
                    seed = sampling.draw_seed(prompt, number, thought=True)
                    written.append(Written(begun, thought["ids"], sampling.temperature, seed))
                before = self._tags.ended(begun, thought["text"])
            seed = sampling.draw_seed(prompt, number)
            written.append(Written(before, rows[name]["ids"], sampling.temperature, seed))
        return written

    @property
    def _reference(self) -> Reference:
        engine, tokenizer, encoder = self._loaded
        return Reference(engine.model, tokenizer, self._bos, encoder.begins_with)

    # -- the store --------------------------------------------------------------------------------

    def _chain_key(self, prompt: Prompt) -> str:
        # What has to fit after a chain may leave it less room than its limit.
        limit, stop, suffixes = self._chain_limit(prompt), prompt.row["stop"], _suffixes(prompt)
        return key("chain", prompt.row["prompt"], str(limit), *stop, suffixes)

    def _key(self, prompt: Prompt, request: ScoreRequest) -> str:
        kind = "last" if request.last else "score"
        # Where prompts may be cut, what has to fit after them decides how much is cut.
        suffixes = (_suffixes(prompt),) if self.settings.too_long == "cut" else ()
        return key(kind, request.text, request.continuation, *suffixes)

    def _keys(self, prompt: Prompt) -> list[str]:
        return [self._key(prompt, request) for request in prompt.requests]

    def _stored(self, prompt: Prompt, requests: Sequence[ScoreRequest]) -> list[Value]:
        return [self.store.rows[self._key(prompt, request)] for request in requests]

    def _write(self, file: PromptFile, output: Path) -> None:
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
        """A row of the file of scores."""
        if prompt.row["generated"]:
            return sample_row(prompt, [self.store.rows[k] for k in self._sample_keys(prompt)])
        values = self._stored(prompt, prompt.scores)
        last = self._stored(prompt, prompt.last_tokens)
        other = self._stored(prompt, prompt.other_last_tokens)
        chain = prompt.chain or {"text": "", "tokens": None, "stopped": None}
        answer_after = prompt.row["answer_after"]
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
            "parsed": extract(chain["text"], prompt.row["classes"], answer_after)
            if prompt.row["chain"]
            else None,
        }

    # -- the model --------------------------------------------------------------------------------

    @cached_property
    def _template(self) -> ChatTemplate | None:
        settings = ChatSettings.parse(self.settings.chat)
        if settings is None:
            return None
        tokenizer = load_tokenizer(self.about["folder"], self.settings.trust_remote_code)
        return ChatTemplate(tokenizer, settings, self.about["model"])

    @property
    def _bos(self) -> str:
        return self._template.bos(self.settings.bos) if self._template else self.settings.bos

    def _load(self) -> None:
        """Load the model, which also records how scores are made."""
        _ = self._loaded

    @cached_property
    def _loaded(self) -> tuple[Engine, PreTrainedTokenizerBase, Encoder]:
        import torch

        from ushaped.scoring.engine.engine import Engine

        # Until the process ends. Only a job that has something to score takes a GPU.
        self._gpus.enter_context(reserve_gpus(self.settings.device, self.settings.gpus))
        torch.set_num_threads(self.settings.threads)
        if fingerprint(self.about["folder"]) != self.about["fingerprint"]:
            raise UserError(
                self.about["folder"],
                "does not hold the weights that model.json was written for",
                "remove model.json, so that it is made again",
            )
        model, tokenizer = load(
            self.about["folder"],
            device=self.settings.device,
            dtype=self.settings.dtype,
            trust_remote_code=self.settings.trust_remote_code,
            log=self.log,
        )
        layouts = self.shared.layouts if self.shared else None
        engine = Engine(model, self.settings.batch_tokens, self.log, layouts)
        encoder = self._encoder(tokenizer, vocabulary(model))
        made = {
            "dtype": self.settings.dtype,
            "bos": self._bos,
            "begins_with": tokenizer.convert_ids_to_tokens(list(encoder.begins_with)),
            "prefixes_shared": engine.tree,
            # The name in existing stores.
            "ways": asdict(engine.methods),
            "output_format": str(engine.output_format).removeprefix("torch."),
            "engine": VERSION,
        } | ({"chat": self._template.about()} if self._template else {})
        libraries = LIBRARIES + ", ".join(f"{n} {version(n)}" for n in ("torch", "transformers"))
        if self.store.rows.get(MADE) != made or libraries not in self.store.rows:
            self.store.add({MADE: made, libraries: {}})
        self.telemetry.vocabulary_parameters = model.get_input_embeddings().weight.numel()
        self.telemetry.counts = engine.counts
        self.telemetry.threads = self.settings.threads
        self.telemetry.gpus = self.settings.gpus if self.settings.device == "cuda" else 0
        self.telemetry.weight_bits = 8 * model.dtype.itemsize
        return engine, tokenizer, encoder

    def _encoder(self, tokenizer: PreTrainedTokenizerBase, size: int) -> Encoder:
        from ushaped.scoring.engine.encoding import Encoder

        if self.shared is None:
            return Encoder(tokenizer, self._bos, size)
        known, name = self.shared.encoders, tokenizer_fingerprint(self.about["folder"]) + f" {size}"
        if name not in known:
            known[name] = Encoder(tokenizer, self._bos, size, remember=True)
        return known[name]

    def _measure_rate(self) -> None:
        """Measure the device at both ends of a job, since other jobs may slow it."""
        engine = self._loaded[0]
        rate = self.shared.matrix_rate if self.shared else 0.0
        rate = rate or matrix_rate(engine.device, engine.model.dtype)
        self.telemetry.matrix_rate = max(self.telemetry.matrix_rate, rate)
        if self.shared:
            self.shared.matrix_rate = self.telemetry.matrix_rate


def _suffixes(prompt: Prompt) -> str:
    """What has to fit after a prompt, as part of a key."""
    return json.dumps([prompt.row["answer_after"], prompt.row["classes"]])


def last_token(sequence: Encoded) -> Encoded:
    """The same tokens, of which only the last one is scored."""
    return replace(sequence, start=len(sequence) - 1)


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


def _value(sequence: Encoded, log_likelihood: float) -> Value:
    return {
        "log_likelihood": log_likelihood,
        "prompt_tokens": sequence.start,
        "class_tokens": len(sequence) - sequence.start,
        "boundary_merged": sequence.boundary_merged,
        "cut": sequence.cut,
    }
