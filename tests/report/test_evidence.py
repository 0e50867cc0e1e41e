"""The evidence on each curve: its picture, its section of the page, and what they add up to."""

from __future__ import annotations

import copy
import itertools
import json
import re
import xml.etree.ElementTree as Xml
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from matplotlib.colors import to_hex

from fabricate import evidence, metrics, power, published, shapes, write_inputs, write_tables
from page import Page, inputs, own_scripts, spaced, unpacked
from ushaped.errors import UserError
from ushaped.figures import power as power_figure
from ushaped.figures import style
from ushaped.figures.evidence import CHARACTER, LINES, evidence_svg, next_shape, shown_shape
from ushaped.report import render
from ushaped.report.evidence import (
    CurveEvidence,
    Group,
    explain_difference,
    index_evidence,
)
from ushaped.report.power import describe_power
from ushaped.report.text import FLAGS
from ushaped.results import tables
from ushaped.results.folder import Results
from ushaped.results.numbers import number, p_value, percent, scale_at, signed
from ushaped.shapes.evidence_record import check_evidence
from ushaped.shapes.read import read_published
from ushaped.shapes.rules import Rule, verdict

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "report" / "report.html.j2"
SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = '"><script>alert(1)</script>&<b>'
TASKS = ("memo-trap", "redefine", "prompt-injection", "neqa")

Curve = dict[str, Any]


@pytest.fixture(scope="module")
def measured() -> pd.DataFrame:
    return metrics(tasks=TASKS, variants=("zero-shot", "cot"), seeds=2)


@pytest.fixture(scope="module")
def told(measured: pd.DataFrame) -> dict[str, Any]:
    """What an ``evidence.json`` holds."""
    return json.loads(json.dumps(evidence(measured, shapes(measured), published())))


@pytest.fixture
def curves(told: dict[str, Any]) -> dict[tuple[str, str, str], Curve]:
    """Its curves by family, task and variant, to be changed."""
    keys = ("family", "task", "variant")
    return {tuple(c["about"][k] for k in keys): c for c in copy.deepcopy(told["curves"])}


@pytest.fixture
def curve(curves: dict[tuple[str, str, str], Curve]) -> Curve:
    """The curve of accuracies that the tests change: a U of eight sizes, made by hand."""
    made = curves["ladder", "memo-trap", "zero-shot"]
    made["values"] = [0.6, 0.5, 0.4, 0.3, 0.2, 0.3, 0.5, 0.7]
    made["low"] = [value - 0.05 for value in made["values"]]
    made["high"] = [value + 0.05 for value in made["values"]]
    made["verdict"]["statistical"] = "U-shaped"
    return made


@pytest.fixture
def loss(curves: dict[tuple[str, str, str], Curve]) -> Curve:
    """A curve of losses."""
    return curves["ladder", "prompt-injection", "zero-shot"]


def drawn(curve: Curve) -> Xml.Element:
    return Xml.fromstring(evidence_svg(curve, standalone=True))


def path(picture: Xml.Element, kind: str) -> list[tuple[float, float]]:
    """Points of the curve of a kind, which stands before the sample in the key."""
    (data, *_) = [p.get("d", "") for p in picture.iter(f"{SVG}path") if p.get("class") == kind]
    return [tuple(map(float, point.split())) for point in re.split("[ML]", data)[1:]]


def circles(picture: Xml.Element) -> list[tuple[float, float]]:
    """The points, without the one in the key."""
    found = [(float(c.get("cx", "")), float(c.get("cy", ""))) for c in picture.iter(f"{SVG}circle")]
    return found[:-1]


def words_of(picture: Xml.Element) -> list[str]:
    return [text.text or "" for text in picture.iter(f"{SVG}text")]


# -- the picture -------------------------------------------------------------------------------


def test_every_size_has_its_point_and_its_interval(curve: Curve) -> None:
    picture = drawn(curve)
    points = circles(picture)
    assert len(points) == len(curve["sizes"])
    assert [x for x, _ in points] == sorted(x for x, _ in points)
    by_height = sorted(zip(curve["values"], points, strict=True))
    assert [y for _, (_, y) in by_height] == sorted((y for _, y in points), reverse=True)
    (bars,) = [p.get("d", "") for p in picture.iter(f"{SVG}path") if p.get("class") == "bar"]
    ends = [[float(n) for n in re.findall(r"[\d.]+", bar)] for bar in bars.split("M")[1:]]
    for (x, y), (at, low, high) in zip(points, ends, strict=True):
        assert at == x
        assert high < y < low


def test_equal_steps_of_the_logarithm_are_equal_steps_of_the_picture(curve: Curve) -> None:
    curve["at"] = [10.0**power for power in range(18, 26)]
    steps = [b - a for (a, _), (b, _) in itertools.pairwise(circles(drawn(curve)))]
    assert steps == pytest.approx([steps[0]] * 7, abs=0.11)


def test_the_fit_is_drawn_through_its_values(curve: Curve) -> None:
    fit = next(fit for fit in curve["shapes"] if fit["shape"] == "U-shaped")
    fit["values"] = curve["values"]
    assert path(drawn(curve), "fit") == circles(drawn(curve))


def test_the_fit_is_that_of_the_verdict_and_the_next_one_another(curve: Curve) -> None:
    for fit in curve["shapes"]:
        fit["weight"] = {"inverse": 0.5, "U-shaped": 0.2, "any": 0.3}.get(fit["shape"], 0.0)
    assert (shown_shape(curve), next_shape(curve)) == ("U-shaped", "inverse")
    assert {"fit: U-shaped", "next: inverse"} <= set(words_of(drawn(curve)))
    curve["verdict"]["statistical"] = "undetermined"
    assert (shown_shape(curve), next_shape(curve)) == ("inverse", "U-shaped")
    curve["verdict"]["statistical"] = "irregular"
    assert shown_shape(curve) == "any"


def test_a_loss_is_negated_so_that_up_is_better(loss: Curve) -> None:
    picture = drawn(loss)
    points = circles(picture)
    ordered = sorted(zip(loss["values"], points, strict=True))
    assert [y for _, (_, y) in ordered] == sorted(y for _, y in points)
    assert "negated loss (nats)" in words_of(picture)
    # Numbers of the axis are negated like the values: none is a loss.
    assert [text for text in words_of(picture) if text.startswith("−")]


def test_a_fit_of_losses_is_negated_like_its_values(loss: Curve) -> None:
    for fit in loss["shapes"]:
        fit["values"] = loss["values"]
    assert path(drawn(loss), "fit") == circles(drawn(loss))


def test_title_and_description_state_the_finding(curve: Curve) -> None:
    curve["verdict"]["because"] = "its fall and its rise are significant"
    picture = drawn(curve)
    title, described = picture.find(f"{SVG}title"), picture.find(f"{SVG}desc")
    assert title is not None
    assert title.text == "ladder, memo-trap, zero-shot: U-shaped"
    assert described is not None
    assert (described.text or "").startswith("its fall and its rise are significant. 60.0% at 1k,")
    assert next(iter(picture)) is title


def test_the_mechanism_is_drawn_only_where_it_is_identifiable(curve: Curve) -> None:
    names = {"mechanism", "true task", "distractor"}
    curve["mechanism"] = None
    assert not names & set(words_of(drawn(curve)))
    halves = [0.5] * 50
    x = [18 + 0.1 * place for place in range(50)]
    curve["mechanism"] = {
        "identifiable": True,
        "curve": {"x": x, "accuracy": halves, "true": halves, "distractor": halves},
    }
    assert names <= set(words_of(drawn(curve)))
    assert len(path(drawn(curve), "true")) == 50
    curve["mechanism"]["identifiable"] = False
    assert not names & set(words_of(drawn(curve)))


def test_the_sizes_at_which_the_valley_may_lie_are_marked_on_the_axis(curve: Curve) -> None:
    def marks(sizes: list[str]) -> list[tuple[float, float]]:
        curve["valley"] = {"at": sizes[0], "sizes": sizes}
        found = [p.get("d", "") for p in drawn(curve).findall(f"{SVG}path[@class='valley']")]
        return [tuple(map(float, run.split(" 268H"))) for run in found[0].split("M")[1:]]

    at = dict(zip(curve["sizes"], (x for x, _ in circles(drawn(curve))), strict=True))
    names = list(at)
    ((first, last),) = marks(names[3:6])
    assert (first, last) == pytest.approx((at[names[3]] - 5, at[names[5]] + 5), abs=0.1)
    assert len(marks([names[0], names[1], names[6]])) == 2


def test_lines_can_be_told_apart_without_colour() -> None:
    dashes = [pattern for _, pattern in LINES.values()]
    assert len(set(dashes)) == len(dashes)


def test_the_page_draws_lines_as_a_picture_alone_does() -> None:
    sheet = (ROOT / "report" / "style.css").read_text()
    for kind, (width, dashes) in LINES.items():
        (rule,) = re.findall(rf"^\.proof \.{kind} {{(.*?)}}", sheet, re.MULTILINE)
        assert f"stroke-width: {width};" in rule
        assert (f"stroke-dasharray: {dashes};" in rule) == bool(dashes)


def test_a_picture_alone_has_its_colours_and_one_in_a_page_has_none(curve: Curve) -> None:
    alone, inside = evidence_svg(curve, standalone=True), evidence_svg(curve)
    assert 'xmlns="http://www.w3.org/2000/svg"' in alone
    assert '<rect width="640" height="320" fill="#ffffff"/>' in alone
    assert ".fit{stroke:#0072b2}" in alone
    assert "#" not in inside
    assert "style" not in inside
    assert inside.startswith('<svg class="proof u-shaped" ')
    assert "ladder, memo-trap, zero-shot: U-shaped" in words_of(drawn(curve))
    for picture in (alone, inside):
        assert not re.search(r"href|url\(|<script|@import", picture)


def test_numbers_that_are_not_known_may_be_nan(curve: Curve) -> None:
    empty = curve | {"chance": None, "low": [None] * 8, "high": [None] * 8}
    nothing = float("nan")
    unknown = curve | {"chance": nothing, "low": [nothing] * 8, "high": [nothing] * 8}
    assert evidence_svg(unknown) == evidence_svg(empty)


def test_names_are_escaped_in_the_picture(curve: Curve) -> None:
    curve["about"] |= dict.fromkeys(("family", "task", "variant"), HOSTILE)
    curve["sizes"] = [f"{HOSTILE}{place}" for place in range(8)]
    curve["verdict"]["because"] = HOSTILE
    picture = drawn(curve)
    assert not list(picture.iter(f"{SVG}script"))
    assert f"{HOSTILE}0" in words_of(picture)


def test_names_of_sizes_do_not_touch(curve: Curve) -> None:
    curve["at"] = [1e20 * 1.05**place for place in range(7)] + [1e25]
    names = set(curve["sizes"])
    found = [text for text in drawn(curve).iter(f"{SVG}text") if text.text in names]
    assert len(found) >= 3
    rows: dict[str, list[tuple[float, float]]] = {}
    for text in found:
        half = CHARACTER * len(text.text or "") / 2
        x = float(text.get("x", ""))
        rows.setdefault(text.get("y", ""), []).append((x - half, x + half))
    for row in rows.values():
        assert all(one[1] <= other[0] for one, other in itertools.pairwise(sorted(row)))


def test_chance_is_left_out_where_it_would_press_the_curve_flat(curve: Curve) -> None:
    assert "chance 50%" in words_of(drawn(curve))
    curve["values"] = [0.01, 0.02, 0.01, 0.0, 0.01, 0.02, 0.01, 0.0]
    curve["low"], curve["high"], curve["shapes"] = None, None, []
    curve["broken"] = curve["mechanism"] = None
    assert "chance 50%, above" in words_of(drawn(curve))


@pytest.mark.parametrize("sizes", [1, 2])
def test_few_sizes_without_anything_known_can_be_drawn(curve: Curve, sizes: int) -> None:
    for name in ("sizes", "at", "values"):
        curve[name] = curve[name][:sizes]
    empty = ("verdict", "valley", "mechanism", "broken", "prediction", "two_lines", "lind_mehlum")
    curve |= dict.fromkeys((*empty, "low", "high", "chance", "trials", "seeds"))
    curve |= {"shapes": [], "neighbours": [], "parts": []}
    assert len(circles(drawn(curve))) == sizes
    # Without a fit the points are joined by a thin line.
    assert path(drawn(curve), "joined") == circles(drawn(curve))
    assert "no verdict" in evidence_svg(curve)


# -- what is read ------------------------------------------------------------------------------


def test_evidence_that_cannot_be_shown_is_refused_in_one_line(told: dict[str, Any]) -> None:
    assert len(check_evidence(told, "evidence.json")) == len(told["curves"])
    with pytest.raises(UserError, match=r"evidence\.json: is of version 0, not 2; delete it"):
        check_evidence(told | {"version": 0}, "evidence.json")
    with pytest.raises(UserError, match="is of version unknown"):
        check_evidence({}, "evidence.json")
    with pytest.raises(UserError, match="no list of curves"):
        check_evidence({"version": 2, "curves": {}}, "evidence.json")
    damaged = copy.deepcopy(told)
    del damaged["curves"][2]["valley"]
    with pytest.raises(UserError, match=r"evidence\.json, curve 3: lacks 'valley'"):
        check_evidence(damaged, "evidence.json")
    del damaged["curves"][1]["about"]["metric"]
    with pytest.raises(UserError, match=r"curve 2: lacks 'about\.metric'"):
        check_evidence(damaged, "evidence.json")


def test_the_published_verdicts_on_palm_are_those_of_the_rule() -> None:
    said = Results(ROOT, ROOT / "tasks", ROOT / "literature").published_verdicts
    palm = {
        (c.family, c.task): verdict(c.heights, Rule.published_equivalent())
        for c in read_published(ROOT / "literature/series.csv")
        if c.family == "PaLM" and c.task != tables.AVERAGE
    }
    assert said == palm
    assert len(said) == 11


def test_p_values_are_never_zero() -> None:
    assert [p_value(p) for p in (0.0, 0.0012, 0.04567, 0.5, None)] == [
        *("<0.001", "0.001", "0.046", "0.50", "–")
    ]


def test_a_negative_number_that_rounds_to_nothing_has_no_sign() -> None:
    assert (percent(-0.0001), percent(-0.041)) == ("0.0%", "−4.1%")
    assert (number(-0.001), number(-0.5), number(-1234.5, 1)) == ("0.00", "−0.50", "−1,234.5")


# -- what it adds up to ------------------------------------------------------------------------


def test_curves_whose_names_look_alike_have_sections_of_their_own(curve: Curve) -> None:
    other = copy.deepcopy(curve)
    other["about"]["family"] = "Ladder"
    slugs = {evidence.slug for evidence in index_evidence([curve, other]).values()}
    assert len(slugs) == 2


def test_counts_of_verdicts_add_up(told: dict[str, Any]) -> None:
    every = list(index_evidence(told["curves"]).values())
    group = Group("all", every)
    assert sum(group.count(how) for how in ("same", "other", "open")) == len(group.judged)
    assert sum(sum(counts) for _, counts in group.rows) == len(group.judged)
    diagonal = [
        count
        for shape, counts in group.rows
        for column, count in zip(group.columns, counts, strict=True)
        if shape == column
    ]
    assert sum(diagonal) == group.count("same")


def judged(curve: Curve, said: str, **p: float | None) -> CurveEvidence:
    curve["verdict"] |= {"statistical": said, "because": "so it is"} | p
    curve["valley"] = {"depth": [0.12, 0.1, 0.14], "rise": [0.03, 0.01, 0.05]}
    return CurveEvidence(curve, "slug")


def test_a_label_is_contradicted_by_what_the_data_do_not_show(curve: Curve) -> None:
    said = explain_difference(judged(curve, "positive", p_fall=0.2, p_rise=0.001), "U-shaped")
    assert said == "No fall is shown (p = 0.20). Positive: so it is."
    assert explain_difference(judged(curve, "U-shaped"), "U-shaped") == ""


def test_a_label_is_contradicted_by_what_the_data_show_besides(curve: Curve) -> None:
    said = explain_difference(judged(curve, "U-shaped", p_fall=0.0001, p_rise=0.01), "inverse")
    assert said == "It shows a rise by 3.0 points (p = 0.010). U-shaped: so it is."
    said = explain_difference(judged(curve, "flat", p_fall=0.0001, p_rise=0.3), "inverse")
    assert said == "Flat: so it is."


def test_means_alone_say_nothing_about_a_label(curve: Curve) -> None:
    evidence = judged(curve, "undetermined", p_fall=None, p_rise=None)
    evidence.record["sampling"] = "none"
    assert explain_difference(evidence, "inverse").startswith(
        "Only means were published, so nothing can be tested. "
    )


# -- the page ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory, measured: pd.DataFrame) -> Path:
    folder = tmp_path_factory.mktemp("results")
    write_tables(folder, measured)
    write_inputs(folder, measured)
    return folder


@pytest.fixture(scope="module")
def page(results: Path) -> str:
    return render(TEMPLATE, inputs(results, literature=None))


def sections(page: str) -> dict[str, str]:
    """The evidence on each curve, by its place: its line, and what the script puts below it."""
    found = re.findall(
        r'<details class="evidence-of" id="([^"]*)">(.*?)</details>', page, re.DOTALL
    )
    bodies = unpacked(page, "evidence")
    return {name: line + bodies[name.removeprefix("evidence-")] for name, line in found}


def test_every_curve_has_a_section_and_every_verdict_on_it_a_link(
    page: str, told: dict[str, Any]
) -> None:
    found = sections(page)
    assert len(found) == len(told["curves"])
    targets = [a["href"][1:] for a in Page(page).all("a") if a["href"].startswith("#evidence-")]
    assert set(targets) >= set(found)
    card = page[page.index('<article id="task-memo-trap"') :]
    card = card[: card.index("</article>")]
    linked = re.findall(r'href="#(evidence-\S+)"', card)
    assert linked == [
        "evidence-ladder-replica-memo-trap-zero-shot",
        "evidence-palm-published-memo-trap-zero-shot",
        "evidence-ladder-replica-memo-trap-cot",
    ]


def test_ids_are_unique_and_links_lead_somewhere(page: str) -> None:
    parsed = Page(page)
    ids = [a["id"] for _, a in parsed.elements if "id" in a]
    assert len(ids) == len(set(ids))
    targets = {a["href"][1:] for a in parsed.all("a") if a["href"].startswith("#")}
    assert targets <= set(ids)


def test_a_section_says_what_the_evidence_says(page: str, told: dict[str, Any]) -> None:
    (one,) = [
        c
        for c in told["curves"]
        if c["about"]["task"] == "neqa" and c["about"]["variant"] == "zero-shot"
    ]
    words = spaced(sections(page)["evidence-ladder-replica-neqa-zero-shot"])
    said = one["verdict"]
    assert f": {said['because']}." in words
    assert f"U-shape {p_value(said['p_u'])} {p_value(said['q_u'])}" in words
    for step in one["neighbours"]:
        assert f"{step['from']} {step['to']} " in words
        assert f"{p_value(step['p'])} {p_value(step['p_holm'])}" in words
    assert "part 1 (60 items) U-shaped, part 2 (60 items) inverse" in words
    assert f"Valley at {one['valley']['at']}; 95% confidence set: " in words
    assert "McNemar, exact" in words
    for fit in one["shapes"]:
        assert f"{fit['shape']} {number(fit['log_likelihood'], 1)} " in words


def test_a_loss_stands_in_its_own_unit_everywhere(page: str, told: dict[str, Any]) -> None:
    (one,) = [
        c
        for c in told["curves"]
        if c["about"]["task"] == "prompt-injection" and c["about"]["variant"] == "zero-shot"
    ]
    words = spaced(sections(page)["evidence-ladder-replica-prompt-injection-zero-shot"])
    fitted = words[words.index("Values, and fits") : words.index("Shapes: ")]
    assert "−" not in fitted
    last = one["values"][-2] - one["values"][-1]
    line = (
        f"{number(one['values'][-2])} {number(one['values'][-1])} {signed(last, 'sequence_loss')}"
    )
    assert f"last value {line}" in words
    assert "negated so that minus is worse" in words


def test_what_is_not_known_is_said_in_words(page: str) -> None:
    words = spaced(sections(page)["evidence-ladder-replica-redefine-zero-shot"])
    assert "The mechanism of two tasks is not identifiable: no fall that a distractor" in words
    assert "resampled in 12 clusters" in words
    theirs = spaced(sections(page)["evidence-palm-published-memo-trap-zero-shot"])
    assert "means alone, so nothing can be tested" in theirs
    assert "Tests" not in theirs


def test_estimates_without_intervals_are_shown_alone(results: Path) -> None:
    given = inputs(results, literature=None)
    for one in given.evidence:
        for name in ("depth", "rise", "recovery"):
            if one["valley"]:
                one["valley"][name] = [0.1234, None, None]
        if one["two_lines"]:
            one["two_lines"]["break"] = None
        if one["mechanism"] and one["mechanism"]["identifiable"]:
            one["mechanism"]["gap"] = [1.2, None, None]
            one["mechanism"]["back_at"] = [None, None, None]
    words = spaced("".join(sections(render(TEMPLATE, given)).values()))
    assert "depth 12.3% rise 12.3% recovery 0.12 " in words
    assert "distance of the onsets (decades) 1.20 back at the small models' level" in words
    assert "not within three decades" in words
    assert "break at" not in words


def test_notes_are_explained_in_the_section(results: Path) -> None:
    given = inputs(results, literature=None)
    given.evidence[0]["verdict"]["notes"] = ["relabelled-sizes", "strange"]
    words = spaced("".join(sections(render(TEMPLATE, given)).values()))
    assert f"relabelled-sizes : {FLAGS['relabelled-sizes']}." in words
    assert "strange ." in words


def test_the_table_of_all_curves_marks_where_verdicts_differ(page: str) -> None:
    table = page[page.index('aria-label="All verdicts on all curves"') :]
    rows = re.findall(r"<tr><th scope=.row.>.*?</tr>", table[: table.index("</table>")], re.DOTALL)
    said = {"": 0, "yes": 0, "open": 0}
    for row in rows:
        cells = [spaced(cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL)]
        rule, statistical, differs = cells[2], cells[4], cells[7]
        said[differs] += 1
        assert (rule == statistical) == (differs == "")
        assert (statistical == "undetermined") == (differs == "open")
    counted = [a for a in Page(page).all("p") if "data-group" in a]
    assert said[""] == sum(int(a["data-same"]) for a in counted)
    assert said["yes"] == sum(int(a["data-other"]) for a in counted)
    assert said["open"] == sum(int(a["data-open"]) for a in counted)


def test_published_labels_stand_beside_the_statistical_verdicts(page: str) -> None:
    section = page[page.index('<h3 id="evidence-labels"') : page.index('<section id="power"')]
    words = spaced(section)
    assert "Of their 3 labels the statistical verdict is the same for 0" in words
    assert "memo-trap: undetermined, not U-shaped Only means were published" in words


def test_without_evidence_the_page_has_no_word_of_it(results: Path) -> None:
    given = inputs(results, literature=None, evidence=[], published_verdicts={}, power=None)
    text = render(TEMPLATE, given)
    assert "#evidence" not in text
    assert "#verdict-methods" not in text
    ids = {a.get("id") for _, a in Page(text).elements}
    assert not {"evidence", "curves", "power", "verdict-methods"} & ids


def test_hostile_names_in_evidence_are_shown_as_text(results: Path) -> None:
    given = inputs(results, literature=None)
    for one in given.evidence:
        one["about"] |= dict.fromkeys(("family", "variant", "modified"), HOSTILE)
        one["sampling"] = HOSTILE
        if one["verdict"]:
            one["verdict"] |= {"because": HOSTILE, "notes": [HOSTILE]}
    text = render(TEMPLATE, given)
    assert HOSTILE not in text
    assert len(own_scripts(Page(text))) == 1
    bodies = "".join(unpacked(text, "evidence").values())
    assert HOSTILE not in bodies
    assert not Page(bodies).all("script")
    assert Page(bodies).all("svg")


def test_every_line_of_evidence_has_something_to_show(page: str) -> None:
    lines = {a["id"] for a in Page(page).all("details") if a.get("class") == "evidence-of"}
    assert {f"evidence-{name}" for name in unpacked(page, "evidence")} == lines


def test_fits_of_the_mechanism_are_counted_and_shown_where_they_are_identified(
    page: str, told: dict[str, Any]
) -> None:
    fits = [c["mechanism"] for c in told["curves"]]
    identifiable = [one for one in fits if one and one["identifiable"]]
    counted = [a for a in Page(page).all("p") if "data-fits" in a]
    assert sum(int(a["data-identified"]) for a in counted) == len(identifiable)
    assert sum(int(a["data-total"]) for a in counted) == len(fits)
    section = page[page.index('<section id="mechanism"') : page.index('<section id="questions"')]
    told_here, others = section.split("Why not on the others")
    assert told_here.count('<a href="#evidence-') == len(identifiable)
    for one in identifiable:
        assert scale_at(one["parameters"]["true_onset"][0]) in told_here
    for one in fits:
        if one and not one["identifiable"]:
            assert one["reason"] in spaced(others)


def test_a_single_size_has_its_value_and_no_verdict(tmp_path: Path) -> None:
    single = metrics(tasks=TASKS, variants=("zero-shot",), sizes=(8_000,), seeds=1)
    write_tables(tmp_path, single)
    write_inputs(tmp_path, single)
    text = render(TEMPLATE, inputs(tmp_path, literature=None))
    words = spaced(sections(text)["evidence-ladder-replica-neqa-zero-shot"])
    assert "no verdict" in words
    assert "Shapes: " not in words
    assert "nan" not in re.split(r"\W+", Page(text).words.lower())


def test_a_section_of_eight_sizes_stays_small(page: str) -> None:
    ours = [text for name, text in sections(page).items() if "-published-" not in name]
    assert max(map(len, ours)) < 13_000


# -- power -------------------------------------------------------------------------------------


def test_the_figure_draws_every_dip_and_marks_where_none_is_enough() -> None:
    table = power_figure.table(power())
    figure = power_figure.figure(table)
    points = {
        (float(x), round(float(y), 9))
        for axis in figure.axes
        for line in axis.get_lines()
        for x, y in line.get_xydata()
    }
    known = table.dropna(subset=["dip"])
    assert {(n, round(d, 9)) for n, d in zip(known["n"], known["dip"], strict=True)} <= points
    assert len(figure.axes) == table["ratio"].nunique()
    lines = figure.axes[0].get_lines()
    hollow = [line for line in lines if to_hex(line.get_markerfacecolor()) == style.PAPER]
    assert [list(line.get_xdata()) for line in hollow] == [[100]] * 3


def test_the_table_of_power_shows_dips_in_points_and_a_dash_for_none(page: str) -> None:
    section = page[page.index('<section id="power"') : page.index('<section id="questions"')]
    row = power().query("family == 'PaLM' and n == 300").sort_values("ratio")
    dips = " ".join(f"{100 * dip:.1f}%" for dip in row["dip"])
    assert f"PaLM 4 300 {dips}" in spaced(section)
    assert "PaLM 4 100 – –" in spaced(section)


def test_the_table_of_power_separates_what_was_not_run(page: str) -> None:
    section = page[page.index('<section id="power"') : page.index('<section id="questions"')]
    run, compared = spaced(section).split("For comparison, not run here")
    assert "ladder 8 300" in run
    assert "Pythia 8 300" not in run
    assert "Pythia 8 300" in compared
    assert "PaLM 4 300" in compared


def test_power_in_words_names_only_what_is_known() -> None:
    table = power()
    dip = table.query("family == 'PaLM' and n == 10000 and ratio == 1")["dip"].item()
    assert f"PaLM: {100 * dip:.1f}% at 10,000 items;" in describe_power(table)
    assert "PaLM: no dip that was tried" in describe_power(table.assign(dip=float("nan")))


def test_a_table_of_power_without_a_column_is_refused(tmp_path: Path) -> None:
    power().drop(columns="dip").to_csv(tmp_path / "power.csv", index=False)
    with pytest.raises(UserError, match="column 'dip'"):
        tables.read_power(tmp_path / "power.csv")
