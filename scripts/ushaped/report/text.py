"""Numbers and names as the page writes them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ushaped.figures import style
from ushaped.metrics.flags import FLAGS as DOUBTS
from ushaped.results.numbers import spread
from ushaped.shapes.run_noise import BORROWED, ESTIMATED, ZERO

# What a flag says, in words: those of numbers, then those that only curves have.
FLAGS = {flag.name: flag.words for flag in DOUBTS.values()} | {
    "published": "a published result of a size that was not run here",
    "published-points": "the curve has published results of sizes that were not run here, drawn "
    "again from their counts",
    "one-answer": "the same answer is right for all items, so accuracy is the rate of one word and "
    "all items can stand or fall together",
    "unbalanced-labels": "one answer is right for more than two thirds of the items, so accuracy "
    "also moves with how often a model gives that answer",
    "label-share-score": "a size that decides the shape has exactly as many right answers as one "
    "answer given to every item would have",
    "moves-together": "between two neighbouring sizes nine items in ten or more change the same "
    "way, so their number overstates the certainty of the step",
    "one-size": "a single size is no curve",
    "two-sizes": "two sizes cannot show a turn",
    "ordered-by-parameters": "the training compute of some sizes was never published, so the sizes "
    "are ordered by their parameters",
    "tiny-but-significant": "its change is significant, but practically nothing",
    "more-than-one-turn": "it turns significantly both ways: a U and an inverted U",
    "small-turn": "a significant turn of it is too small to make its shape",
    "overdispersed": "its sizes scatter about a curve of one turn by more than the run-to-run "
    "noise that its verdict allows for",
    "relabelled-sizes": "the published figure labels some of these sizes otherwise",
}


@dataclass(frozen=True)
class WhoseCurves:
    """Curves of one family on the items of one source, by one prompt variant."""

    family: str
    source: str
    variant: str
    protocol: str

    @property
    def who(self) -> str:
        """Whose curves these are, with items and protocol."""
        return f"{self.family}, {self.variant} ({self.protocol} protocol), {self.source} items"


def flatten(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """All settings below ``value`` as (dotted path, value).

    Lists of plain values stay whole, and so does each mapping of plain values inside a list.
    """
    if isinstance(value, Mapping) and value:
        for key, below in value.items():
            yield from flatten(below, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and any(isinstance(item, Mapping | list) for item in value):
        for index, below in enumerate(value):
            if isinstance(below, Mapping) and not any(
                isinstance(item, Mapping | list) for item in below.values()
            ):
                yield f"{path}[{index}]", ", ".join(f"{k} {v}" for k, v in below.items())
            else:
                yield from flatten(below, f"{path}[{index}]")
    else:
        yield path, value


def in_order(flags: Iterable[str]) -> list[str]:
    """Different flags, those that are explained first and in that order."""
    order = {flag: index for index, flag in enumerate(FLAGS)}
    return sorted(set(flags), key=lambda flag: (order.get(flag, len(order)), flag))


def slug(text: str) -> str:
    """A name that can be an HTML id or class, whatever the text holds."""
    return "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "-" for c in text.lower())


def listing(names: Iterable[str]) -> str:
    """Join names as a sentence does.

    Examples
    --------
    >>> listing(["a", "b", "c"])
    'a, b and c'
    """
    names = list(names)
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def plural(count: int, noun: str, many: str = "") -> str:
    """Write a count with its noun."""
    return f"{count:,} {noun if count == 1 else many or noun + 's'}"


def glyphs() -> dict[str, str]:
    """Path of each verdict's symbol in a box of 24 by 16, for inline SVG."""
    curves = {
        shape: "M" + "L".join(f"{4 + 16 * x:g} {14 - 12 * y:.3g}" for x, y in points)
        for shape, points in style.SHAPE_CURVES.items()
    }
    return curves | {"irregular": "M4 11L9 4L15 13L20 5", "undetermined": "M5 8h0M12 8h0M19 8h0"}


def run_noise_text(record: Mapping[str, Any]) -> str:
    """Run-to-run noise of a record in words.

    Examples
    --------
    >>> noise = {"source": "borrowed", "study": "two-choice", "sd": 0.032, "degrees": None}
    >>> " ".join(run_noise_text({"run_noise": noise, "about": {"metric": "accuracy"}}).split())
    '± 3.2 points between training runs, borrowed (two-choice)'
    """
    noise = record["run_noise"]
    size = f"{spread(noise['sd'], record['about']['metric'])} between training runs"
    if noise["source"] == ESTIMATED:
        degrees = noise["degrees"]
        freedom = f" ({plural(round(degrees), 'degree')} of freedom)" if degrees else ""
        return f"{size}, estimated from the runs of its sizes{freedom}"
    if noise["source"] == BORROWED:
        return f"{size}, borrowed ({noise['study']})"
    if noise["source"] == ZERO:
        return "none, as configured: the verdict is on these very models"
    return "unknown, so the verdict is on these very models"
