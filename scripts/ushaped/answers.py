"""Reading a class from an answer that a model wrote: by rules, never by another model.

The rules, the first that finds a class counts:

1. the class announced: after the last words that announce an answer (``chain.answer_after`` and
   ``answer.announced_by`` of ``task.yaml``, "answer is", "answer:");
2. an exact class: the whole answer, its first or its last line, but for marks around it;
3. a class that the answer begins with; a single letter there must be followed by a mark;
4. a letter: the one class letter that stands alone before a mark, if all such letters are the same.

Letters are told from words of one letter by their case. Other classes may have any case.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

# What must not follow a class that was read: 1 is not the answer of "12", nor 6 that of "6.27".
NO_MORE = r"(?!\w|\.\d)"
# Marks that may stand around a class.
MARKS = " \t\n\r\"'\u201c\u201d\u2018\u2019`*_.,:;!()[]{}<>\\$"
ANNOUNCED = ("answer is", "answer:")
# How a text begins that declines to answer.
REFUSAL = re.compile(
    r"\W*(i['\u2019]?m (sorry|unable|not able)|i am (sorry|unable|not able)|sorry\b|"
    r"i (can['\u2019]?t|cannot|can not|won['\u2019]?t|will not)\b|as an ai\b|unfortunately,? i\b)",
    re.IGNORECASE,
)


def read_answer(
    text: str,
    classes: Sequence[str],
    announced_by: Sequence[str] = (),
    aliases: Mapping[str, str] | None = None,
) -> int | None:
    """The class that a written answer gives, or None where no rule finds one.

    Parameters
    ----------
    text : str
    classes : sequence of str
    announced_by : sequence of str
        Words that announce an answer, beside those that always do.
    aliases : mapping of str to str, optional
        Other ways to write a class; those of classes that the item lacks are left out.

    Examples
    --------
    >>> read_answer("Birds fly. So the answer is (B).", [" A", " B"])
    1
    >>> read_answer("Yes, it follows.", [" Yes", " No"]), read_answer("A bird.", [" A", " B"])
    (0, None)
    """
    names = {_bare(name): place for place, name in enumerate(classes)}
    for written, name in (aliases or {}).items():
        if name in classes:
            names.setdefault(_bare(written), classes.index(name))
    phrases = "|".join(re.escape(words.strip()) for words in (*announced_by, *ANNOUNCED))
    *_, announced = re.split(phrases, text, flags=re.IGNORECASE)
    found = None if announced == text else _beginning(announced, names)
    if found is None:
        found = _exact(text, names)
    if found is None:
        found = _beginning(text, names, letter_before_mark=True)
    return _letter(text, names) if found is None else found


def is_refusal(text: str) -> bool:
    """Whether a text begins by declining to answer.

    Examples
    --------
    >>> is_refusal("I'm sorry, but I cannot."), is_refusal("I can see B.")
    (True, False)
    """
    return REFUSAL.match(text) is not None


def _bare(name: str) -> str:
    """A class without the marks around it, unless it is nothing but marks."""
    return name.strip(MARKS) or name.strip()


def _is_letter(name: str) -> bool:
    return len(name) == 1 and name.isalpha()


def _beginning(text: str, names: Mapping[str, int], letter_before_mark: bool = False) -> int | None:
    """The longest class that a text begins with, whole words and whole numbers of it."""
    rest = text.lstrip(MARKS)
    fits = []
    for name in names:
        letter = _is_letter(name)
        end = r"(?=[).:,;\]*]|\s*$)" if letter and letter_before_mark else NO_MORE
        if re.match(re.escape(name) + end, rest, 0 if letter else re.IGNORECASE):
            fits.append(name)
    return names[max(fits, key=len)] if fits else None


def _exact(text: str, names: Mapping[str, int]) -> int | None:
    lines = [line for line in text.split("\n") if line.strip()]
    folded = {name if _is_letter(name) else name.casefold(): at for name, at in names.items()}
    for part in (text, *lines[:1], *lines[-1:]):
        bare = _bare(part)
        found = folded.get(bare if _is_letter(bare) else bare.casefold())
        if found is not None:
            return found
    return None


def _letter(text: str, names: Mapping[str, int]) -> int | None:
    letters = [name for name in names if _is_letter(name)]
    if not letters:
        return None
    alone = re.findall(rf"(?<![\w'])({'|'.join(letters)})(?=[).:,;\]*]|\s*$)", text)
    return names[alone[0]] if len(set(alone)) == 1 else None
