"""The training text of the ladder: the paper's hypothesis as a controlled experiment.

Wei et al. (2022, arXiv:2211.02011, section 2) suppose that a task with U-shaped scaling contains a
*true task* that only large models solve and a *distractor task* that smaller ones learn first. The
corpus has both: for each task, in most texts the distractor's answer is right (the common
regularity), and a few are test-like items with the right answer (the rare one).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ushaped import variants
from ushaped.items.lexicon import CITIES, ENDINGS, FOODS, JOBS, KIND_OF, KINDS, NAMES, THINGS
from ushaped.items.task import GeneratedItem, Task, load_replica, questions

SHARES = ("true_frequency", "demonstrated", "worked")


@dataclass(frozen=True)
class Mixture:
    """Shares of the kinds of text of one task.

    ``true_frequency``: texts with the true task's answer (the rest have the distractor's);
    ``demonstrated``: few-shot texts, several solved items in a row; ``worked``: of the texts of the
    true task, those with a chain of thought.
    """

    true_frequency: float
    demonstrated: float
    worked: float


def documents(task: Task, mixture: Mixture, characters: int, seed: int) -> list[str]:
    """Make texts of one task until they hold ``characters`` characters."""
    rng = random.Random(f"corpus-{task.name}-{seed}")
    module = load_replica(task.folder)
    train = questions(module.draw, rng, test=False)
    texts: list[str] = []
    length = 0
    while length < characters:
        texts.append(_document(rng, train, module.practise, mixture, task.chain.answer_after))
        length += len(texts[-1])
    return texts


def background(characters: int, seed: int) -> list[str]:
    """Lists of random words, each written twice: text that belongs to no task.

    Natural text is full of repetition; without it the ladder would learn to copy only at sizes
    beyond its largest, and four of the tasks need copying.
    """
    rng = random.Random(f"background-{seed}")
    words = sorted({*NAMES, *THINGS, *FOODS, *CITIES, *JOBS, *KIND_OF, *KINDS, *ENDINGS})
    words += [str(number) for number in range(60)]
    texts: list[str] = []
    length = 0
    while length < characters:
        line = " ".join(rng.sample(words, rng.randrange(3, 9)))
        texts.append(line + rng.choice((". ", ", ", "\n")) + line)
        length += len(texts[-1])
    return texts


def shuffle(texts: list[str], seed: int) -> list[str]:
    """The texts of all tasks in one random order."""
    return random.Random(f"order-{seed}").sample(texts, len(texts))


def _document(
    rng: random.Random,
    train: Iterator[GeneratedItem],
    practise: Callable[[random.Random], str],
    mixture: Mixture,
    answer_after: str,
) -> str:
    count = rng.randrange(2, 4) if rng.random() < mixture.demonstrated else 1
    if rng.random() >= mixture.true_frequency:
        return variants.SEPARATOR.join(practise(rng) for _ in range(count))
    drafts = [next(train) for _ in range(count)]
    if rng.random() < mixture.worked:
        return variants.SEPARATOR.join(
            variants.worked(
                draft.prompt, draft.chain, draft.classes[draft.answer_index], answer_after
            )
            for draft in drafts
        )
    # Ten demonstrations inside each of several items would outweigh the other tasks, so most texts
    # have the bare item.
    whole = rng.random() < 0.3
    return variants.SEPARATOR.join(
        variants.solved(
            draft.context + draft.prompt if whole else draft.prompt,
            draft.classes[draft.answer_index],
        )
        for draft in drafts
    )
