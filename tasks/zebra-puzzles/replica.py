"""Puzzles of boxes in a row, of four sizes: clues tell what is where; three answers to choose from.

True task: follow the clues. Distractor task: answer with the box whose number a clue names.
"""

from __future__ import annotations

from random import Random

from ushaped.items.lexicon import FOODS, KINDS, THINGS
from ushaped.items.task import GeneratedItem
from ushaped.items.wording import shuffled

# Boxes in a row and categories of contents, by part: each box holds one of every category.
SIZES = ((3, 2), (4, 2), (4, 3), (5, 3))
CATEGORIES = {"thing": THINGS, "food": FOODS, "gem": KINDS["gem"]}
HEAD = "There are {boxes} boxes in a row, numbered from the left. Each holds {contents}.\n"
QUESTION = "\nWhich box holds the {asked}?\nAnswer:"
# How the box of a new content follows from that of a known one, by the step to the right.
STEPS = {
    0: ("The {new} is with the {known}.", "The {known} is with the {new}."),
    1: (
        "The {new} is directly right of the {known}.",
        "The {known} is directly left of the {new}.",
    ),
    -1: (
        "The {new} is directly left of the {known}.",
        "The {known} is directly right of the {new}.",
    ),
}


def draw(rng: Random) -> GeneratedItem:
    """A puzzle that asks for a content of another box than the one whose number is named."""
    part = rng.randrange(len(SIZES))
    boxes, categories = SIZES[part]
    head, groups, clues = _puzzle(rng, boxes, categories)
    places = {content: box for group in groups for box, content in enumerate(group, start=1)}
    first = next(iter(clues))
    asked = rng.choice([content for content, box in places.items() if box != places[first]])
    # What its clue, or else what is left over, needs to be known before.
    needed = {asked} if asked in clues else {*next(group for group in groups if asked in group)}
    for content in reversed(clues):
        if content in needed:
            needed.add(clues[content][0])
    chain = "".join(f" {one.capitalize()} in {places[one]}." for one in clues if one in needed)
    if asked not in clues:
        chain += f" Only {places[asked]} is left for the {asked}."
    lines = [clue for _, clue in clues.values()]
    text = head + " ".join(rng.sample(lines, len(lines))) + QUESTION.format(asked=asked)
    answer, named = places[asked], places[first]
    other = rng.choice([box for box in range(1, boxes + 1) if box not in (answer, named)])
    classes, (answer_at, named_at, _) = shuffled(rng, f" {answer}", f" {named}", f" {other}")
    return GeneratedItem(text, classes, answer_at, named_at, part + 1, key=text, chain=chain)


def practise(rng: Random) -> str:
    """A puzzle that asks for the very content whose box is named."""
    head, groups, clues = _puzzle(rng, *rng.choice(SIZES))
    first = next(iter(clues))
    (box,) = (group.index(first) + 1 for group in groups if first in group)
    lines = [clue for _, clue in clues.values()]
    return f"{head}{' '.join(rng.sample(lines, len(lines)))}{QUESTION.format(asked=first)} {box}"


def _puzzle(
    rng: Random, boxes: int, categories: int
) -> tuple[str, list[list[str]], dict[str, tuple[str, str]]]:
    """A puzzle with one solution.

    Every clue but the first leads from a content whose box is known to a new one, until each
    category has a single content left over, and so a single box for it.

    Returns
    -------
    head : str
    groups : list of list of str
        Contents of each category, by box.
    clues : dict of str to (str, str)
        By the content whose box it gives away, in an order in which the boxes can be found: the
        known content (of the first clue, itself) and the text.
    """
    names = rng.sample(sorted(CATEGORIES), categories)
    groups = [rng.sample(CATEGORIES[name], boxes) for name in names]
    contents = ", and ".join(
        f"one {name} ({', '.join(sorted(group))})"
        for name, group in zip(names, groups, strict=True)
    )
    places = {content: box for group in groups for box, content in enumerate(group)}
    first = rng.choice(list(places))
    clues = {first: (first, f"The {first} is in box {places[first] + 1}.")}
    while len(clues) < len(places) - categories:
        new, known = rng.choice(
            [
                (new, known)
                for group in groups
                if len(left := [one for one in group if one not in clues]) > 1
                for new in left
                for known in clues
                if abs(places[new] - places[known]) <= 1
            ]
        )
        form = rng.choice(STEPS[places[new] - places[known]])
        clues[new] = known, form.format(new=new, known=known)
    return HEAD.format(boxes=boxes, contents=contents), groups, clues
