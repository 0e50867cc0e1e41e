"""One model's scores by several jobs that share nothing but the store.

Each job, a shard, computes a part of the work into the store; a last job finds all of it there,
audits it and writes the files. What a shard computes follows from the prompts alone, whatever the
store holds, so every prompt and batch belongs to one shard, and a shard that was killed goes on
with its own.

The files are those of a single job. A score depends, by rounding, on what else is in its batch; so
it is the batches of a single job that are dealt out, whole, and each score has the same bits. The
batches follow from all texts of a task, chains of thought included, so there are two stages: first
the shards generate chains, and when all are there, shards of the second stage score. Chains are
dealt out by prompt: as after a job that was interrupted, one may differ where two tokens are
equally likely up to rounding, which hardly happens in float32.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby, takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ushaped.errors import UserError
from ushaped.scoring.job import CHAIN_SHARE, Sample, Scorer
from ushaped.scoring.requests import Prompt, PromptFile

if TYPE_CHECKING:
    from ushaped.scoring.engine.encoding import Encoded

CHAINS, SCORES = "chains", "scores"
# A cut may be away from the ideal place by this share of a piece.
NEAR = 0.02


def cut(costs: Sequence[int], shared: Callable[[int], int], count: int) -> list[range]:
    """Cut sorted units into pieces of about equal cost.

    Each cut is where the fewest tokens or characters are shared, among the places near the ideal
    one; if there is none near, at the nearest.

    Parameters
    ----------
    costs : sequence of int
        Of each unit.
    shared : callable
        What unit ``i`` has in common with unit ``i - 1``; asked for near cuts only.
    count : int
        Number of pieces.

    Returns
    -------
    list of range
        Units of each piece, some empty if there are few units.

    Examples
    --------
    >>> cut([1, 1, 1, 1, 1, 1], lambda unit: 0, 3)
    [range(0, 2), range(2, 4), range(4, 6)]
    >>> texts = ["a" * 9 + str(n) for n in range(98)] + ["b" * 9 + str(n) for n in range(102)]
    >>> cut([1] * 200, lambda unit: shared_characters(texts[unit - 1], texts[unit]), 2)
    [range(0, 98), range(98, 200)]
    """
    before = [0, *accumulate(costs)]
    piece = before[-1] / count
    cuts = [0]
    for number in range(1, count):
        ideal, reach = number * piece, NEAR * piece
        near = range(bisect_left(before, ideal - reach), bisect_right(before, ideal + reach))
        after = bisect_left(before, ideal)
        cuts.append(
            min(
                near or (max(after - 1, 0), after),
                key=lambda at: (
                    shared(at) if near and 0 < at < len(costs) else 0,
                    abs(before[at] - ideal),
                ),
            )
        )
    return [range(a, b) for a, b in zip(cuts, [*cuts[1:], len(costs)], strict=True)]


def shared_characters(left: str, right: str) -> int:
    """Length of the longest common prefix.

    Examples
    --------
    >>> shared_characters("Which one", "Which is")
    6
    """
    same = takewhile(lambda pair: pair[0] == pair[1], zip(left, right, strict=False))
    return sum(1 for _ in same)


@dataclass(frozen=True)
class Shard:
    """Shard ``number`` (from 1) ``of`` so many, in a stage: `CHAINS` or `SCORES`."""

    stage: str
    number: int
    of: int

    @classmethod
    def parse(cls, name: str) -> Shard:
        """Read a name.

        Raises
        ------
        UserError
            If it is none.

        Examples
        --------
        >>> Shard.parse("scores-2-of-4")
        Shard(stage='scores', number=2, of=4)
        """
        found = re.fullmatch(rf"({CHAINS}|{SCORES})-(\d+)-of-(\d+)", name)
        if not found or not 1 <= int(found[2]) <= int(found[3]):
            raise UserError("--shard", f"{name!r} is no shard", "say it as scores-2-of-4")
        return cls(found[1], int(found[2]), int(found[3]))

    def __str__(self) -> str:
        """The name that `parse` reads."""
        return f"{self.stage}-{self.number}-of-{self.of}"

    def own(self, costs: Sequence[int], shared: Callable[[int], int]) -> range:
        """Its units of one task; see `cut`.

        Which piece is whose differs from task to task, so that no shard always gets what is left
        when few units cannot be cut evenly.
        """
        return cut(costs, shared, self.of)[(self.number + sum(costs)) % self.of]


class ShardScorer(Scorer):
    """Computes the work of one shard; otherwise as `Scorer`.

    Raises
    ------
    UserError
        If a server has the model.
    """

    def __init__(self, shard: Shard, about: Mapping[str, Any], *arguments: Any) -> None:
        if "served" in about:
            do = "leave --shard out; 'concurrency' in the registry sends several requests at once"
            raise UserError(about["model"], "is on a server, which one job queries", do)
        super().__init__(about, *arguments)
        self.shard = shard
        # Keys of the tasks before: a text that two tasks have belongs to the first, as in one job.
        self._earlier: set[str] = set()
        self.telemetry.name += f" {shard}"

    def run(self, files: Sequence[PromptFile], output: Path | None = None) -> None:
        """Compute what is missing of this shard into the store; writes no file of scores.

        Raises
        ------
        UserError
            As `Scorer.run`.
        """
        with self.store.shard_lock(str(self.shard)):
            files = self._prepared(files)
            for file in files:
                self._count_missing(file)
            self._estimate_own([prompt for file in files for prompt in file.prompts])
            for _, variants in groupby(files, key=lambda file: file.path.parent):
                self._score_task(list(variants))
            if self.telemetry.seconds:
                self._measure_rate()
                self.log(self.telemetry.line(1.0))

    def _is_missing(self, prompt: Prompt) -> bool:
        if self.shard.stage == CHAINS:
            return bool(prompt.row["chain"]) and prompt.chain is None
        return super()._is_missing(prompt)

    def _estimate_own(self, prompts: Sequence[Prompt]) -> None:
        """Estimate the shard's part of what is missing, for the lines of progress.

        It is exact where nothing is stored, and where all that is missing is its own.
        """
        of = self.shard.of
        missing = [self._characters(prompt) for prompt in prompts if self._is_missing(prompt)]
        every = [size for prompt in prompts if (size := self._characters(prompt))]
        self.telemetry.missing = min(len(missing), math.ceil(len(every) / of))
        self.progress.characters = math.ceil(min(sum(missing), sum(every) / of))
        # What the store has of it is not known before the batches are.
        self.telemetry.reused = 0

    def _log_progress(self) -> None:
        self.telemetry.missing = max(self.telemetry.missing, self.telemetry.items)
        super()._log_progress()

    def _characters(self, prompt: Prompt) -> float:
        """Characters that a prompt counts as in this stage."""
        chain = CHAIN_SHARE if prompt.row["chain"] else 0.0
        return len(prompt.row["prompt"]) * (chain if self.shard.stage == CHAINS else 1 - chain)

    def _compute(self, prompts: Sequence[Prompt]) -> None:
        self._complete_chains(prompts)
        if self.shard.stage == SCORES:
            self._complete_samples([prompt for prompt in prompts if prompt.row["generated"]])
            self._score_requests([prompt for prompt in prompts if not prompt.row["generated"]])

    def _missing_chains(self, prompts: Sequence[Prompt]) -> set[int]:
        missing = super()._missing_chains(prompts)
        if self.shard.stage == SCORES:
            # Chains that were lost since the first stage: without all of them there are no batches.
            return missing
        mine = self._own_texts(prompts)
        return {i for i in missing if prompts[i].row["prompt"] in mine}

    def _missing_samples(self, prompts: Sequence[Prompt]) -> set[Sample]:
        mine = self._own_texts(prompts) if prompts else set()
        missing = super()._missing_samples(prompts)
        return {(i, number) for i, number in missing if prompts[i].row["prompt"] in mine}

    def _own_texts(self, prompts: Sequence[Prompt]) -> set[str]:
        """The prompts that this shard continues."""
        texts = sorted({prompt.row["prompt"] for prompt in prompts})
        own = self.shard.own(
            [len(text) for text in texts], lambda at: shared_characters(texts[at - 1], texts[at])
        )
        return set(texts[own.start : own.stop])

    def _missing_scores(self, keys: Sequence[str], encoded: Sequence[Encoded]) -> set[int]:
        batches = self._loaded[0].plan(encoded)
        own = self.shard.own([batch.tokens for batch in batches], lambda at: batches[at].shared)
        mine = {i for batch in batches[own.start : own.stop] for i in batch.sequences}
        missing = super()._missing_scores(keys, encoded) & mine
        missing = {i for i in missing if keys[i] not in self._earlier}
        self._earlier.update(keys)
        return missing
