"""The text that the ladder is trained on: the paper's hypothesis as a controlled experiment.

Wei et al. (2022, arXiv:2211.02011, section 2) suppose that a task with U-shaped scaling holds a
*true task* that only large models do and a *distractor task* that smaller ones learn first. Here
both are made: for each task, most texts are such that the distractor's answer is right (the common
regularity), and few are items as they are tested, answered as asked (the rare one).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ushaped import variants
from ushaped.items.lexicon import CITIES, ENDINGS, FOODS, JOBS, KIND_OF, KINDS, NAMES, THINGS
from ushaped.items.task import Draft, Task, load_replica, questions

SHARES = ("true_frequency", "demonstrated", "worked")


@dataclass(frozen=True)
class Mixture:
    """How the texts of one task are made up.

    Attributes
    ----------
    true_frequency : float
        Share of texts in which the true regularity decides; the rest follow the distractor's.
    demonstrated : float
        Share of texts that show several solved questions in a row.
    worked : float
        Share of the texts of the true regularity that spell out their reasoning.
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
    """Lists of random words, each said twice: the part of language that no task asks about.

    Repetition is what any text is full of; without it the ladder learns to copy only at sizes
    beyond its reach, and four of the tasks need copying.
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
    train: Iterator[Draft],
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
    # Ten demonstrations inside each of several items would drown the other tasks, so most texts
    # show the bare question.
    whole = rng.random() < 0.3
    return variants.SEPARATOR.join(
        variants.solved(
            draft.context + draft.prompt if whole else draft.prompt,
            draft.classes[draft.answer_index],
        )
        for draft in drafts
    )
