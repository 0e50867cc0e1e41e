"""The page: what it says is what the tables say, and nothing in it can do harm."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import math
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as Xml
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fabricate import (
    ALL_TASKS,
    metrics,
    of_two_sources,
    onset_rows,
    shapes,
    with_published,
    write_inputs,
    write_made,
    write_scoring,
    write_tables,
)
from page import (
    HOSTILE,
    ROOT,
    SMALL,
    TEMPLATE,
    Page,
    changed,
    inputs,
    own_scripts,
    spaced,
    unpacked,
)
from ushaped.errors import UserError
from ushaped.figures import style
from ushaped.files import write_json
from ushaped.ladder.families import ladders
from ushaped.questions import QUESTIONS, Question
from ushaped.report import page as page_module
from ushaped.report import render
from ushaped.report.limits import frequencies
from ushaped.report.packed import as_json, pack
from ushaped.report.pictures import svg_uri
from ushaped.report.provenance import costs, scorings, total
from ushaped.report.tasks import shared_item
from ushaped.report.text import FLAGS, flatten, in_order, slug
from ushaped.report.verdicts import count_range
from ushaped.results import columns, tables
from ushaped.results.folder import Results
from ushaped.results.formats import Precision, precisions, read_made
from ushaped.results.numbers import by_metric, draws, probability, spread
from ushaped.results.text_files import write_table


@pytest.fixture
def other(tmp_path: Path) -> Callable[..., Results]:
    """Build inputs of other made-up results, without figures."""

    def build(prompt: str = "", title: str = "A title", **options: Any) -> Results:
        twice = options.pop("twice", ())
        options = SMALL | options
        measured = of_two_sources(twice, **options) if twice else metrics(**options)
        write_tables(tmp_path, measured)
        write_inputs(tmp_path, measured, **({"prompt": prompt} if prompt else {}), title=title)
        return inputs(tmp_path, literature=None)

    return build


def test_published_points_are_explained(tmp_path: Path) -> None:
    measured = with_published(metrics(**SMALL))
    write_tables(tmp_path, measured)
    write_inputs(tmp_path, measured[measured["flags"] != "published"])
    path = tmp_path / "shapes.csv"
    shapes = pd.read_csv(path, dtype=str, keep_default_na=False)
    ours = (shapes["source"] != "published") & (shapes["variant"] == "zero-shot")
    shapes.loc[ours, "flags"] = "published-points"
    shapes.to_csv(path, index=False)
    words = spaced(render(TEMPLATE, inputs(tmp_path, literature=None)))
    for flag in ("published", "published-points"):
        assert f"{flag} : {FLAGS[flag]}" in words or f"{flag}: {FLAGS[flag]}" in words


def test_a_number_that_was_never_published_is_called_unknown(
    other: Callable[..., Results],
) -> None:
    text = render(TEMPLATE, other(families=("gpt", "ladder"), unknown=("gpt",)))
    table = text[text.index("<h3>Models</h3>") :]
    rows = [spaced(row) for row in re.findall(r"<tr>.*?</tr>", table, re.DOTALL)]
    (row,) = [row for row in rows if row.startswith("gpt-8k-s0")]
    assert "8,000 6,000 unknown unknown" in row
    (row,) = [row for row in rows if row.startswith("ladder-8k-s0")]
    assert "unknown" not in row
    assert "each against parameters" in text


PARTS = (
    "verdict",
    "sure",
    "limits",
    "scaling",
    "matrix",
    "overview",
    "tasks",
    "protocols",
    "seeds",
)


def test_the_page_is_well_formed_and_has_its_parts(page: str) -> None:
    parsed = Page(page)
    ids = [a["id"] for _, a in parsed.elements if "id" in a]
    assert len(ids) == len(set(ids))
    assert set(ids) >= {*PARTS, "questions", "methods", "provenance", "task-neqa"}
    assert [a.get("lang") for a in parsed.all("html")] == ["en"]


def test_the_section_on_the_literature_says_what_its_tables_say(page: str) -> None:
    section = page[page.index('<section id="published"') : page.index('<section id="questions"')]
    words = spaced(section)
    assert "For GPT-3 FeedME, GPT-2 and OPT it does not" in words
    assert "off by up to 12.8 percentage points" in words
    split = "exactly one split explains all averages: neqa and hindsight-neglect are plotted"
    assert split in words
    assert "ten-task-average 52.7% 36.5% 40.3% 55.9%" in words
    assert "PaLM published-equivalent 6 4 1 0 0 PaLM literal 9 1 1 0 0" in words
    assert "GPT-4 on hindsight-neglect: its source says that it reverses the trend" in words
    alts = [a["alt"] for a in Page(section).all("img")]
    assert any("PaLM: 6 U-shaped, 4 inverse, 1 positive." in alt for alt in alts)
    assert any("OPT at 175B: 55.5% as plotted, 43.2% corrected." in alt for alt in alts)
    # Not drawn for this test: three figures of the literature, and the one beside ours.
    assert words.count("This figure was not drawn.") == 4


def test_without_the_literature_there_is_no_section_on_it(other: Callable[..., Results]) -> None:
    parsed = Page(render(TEMPLATE, other()))
    assert "published" not in {a.get("id") for _, a in parsed.elements}
    assert "#published" not in {a["href"] for a in parsed.all("a")}


def test_a_missing_table_of_the_literature_is_named(results: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"verdicts|tasks.*no such file.*snakemake figures"):
        render(TEMPLATE, inputs(results, literature=tmp_path))


def test_every_link_inside_the_page_leads_somewhere(page: str) -> None:
    parsed = Page(page)
    ids = {a["id"] for _, a in parsed.elements if "id" in a}
    targets = {a["href"][1:] for a in parsed.all("a") if a["href"].startswith("#")}
    assert targets
    assert targets <= ids


def test_nothing_is_loaded_from_elsewhere(page: str) -> None:
    parsed = Page(page)
    for _, attributes in parsed.elements:
        assert attributes.get("src", "data:").startswith("data:")
        assert attributes.get("href", "#").startswith(("data:", "#"))
        assert not {"srcset", "action", "style"} & set(attributes)
        assert not [name for name in attributes if name.startswith("on")]
    assert not parsed.all("link")
    assert not parsed.all("iframe")
    (css,) = parsed.texts["style"]
    assert "url(" not in css
    assert "@import" not in css


def shown_svg(page: str) -> list[str]:
    """Texts of the figures inside the page."""
    sources = [a["src"] for a in Page(page).all("img")]
    assert all(source.startswith("data:image/svg+xml,") for source in sources)
    return [unquote(source.split(",", 1)[1]) for source in sources]


def test_figures_inside_the_page_load_nothing_either(page: str) -> None:
    shown = shown_svg(page)
    assert len(shown) == 6
    for svg in shown:
        assert not re.search(r'href="(?!#)|url\((?!#)|@import|<script', svg)


def seal(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def test_the_policy_allows_this_style_sheet_and_this_script_alone(page: str) -> None:
    parsed = Page(page)
    (policy,) = [a["content"] for a in parsed.all("meta") if "http-equiv" in a]
    (css,) = parsed.texts["style"]
    (script,) = own_scripts(parsed)
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["style-src"] == f"'sha256-{seal(css)}'"
    assert rules["script-src"] == f"'sha256-{seal(script)}'"
    assert "unsafe" not in policy


def test_a_script_that_would_end_its_element_is_refused(tmp_path: Path) -> None:
    (tmp_path / "00-core.js").write_text("const end = '</script>';\n")
    with pytest.raises(UserError, match=r"00-core\.js.*holds '</'"):
        page_module.script(tmp_path)
    with pytest.raises(UserError, match="holds no script"):
        page_module.script(tmp_path / "empty")


@pytest.mark.parametrize("text", ["</script><script>", "<!--", "a\u2028b & 'c' \"d\"", "é漢"])
def test_values_for_the_script_stay_inside_their_element(text: str) -> None:
    written = as_json({text: [text, 1.5, None]})
    assert not set("<>&\u2028") & set(written)
    assert json.loads(written) == {text: [text, 1.5, None]}
    raw = zlib.decompress(base64.b64decode(pack([text])), -zlib.MAX_WBITS)
    assert json.loads(raw) == [text]


def test_a_hostile_prompt_is_shown_as_text(page: str, other: Callable[..., Results]) -> None:
    text = render(TEMPLATE, other(prompt=HOSTILE, title=HOSTILE))
    parsed = Page(text)
    assert HOSTILE not in text
    assert all(a["src"].startswith("data:") for a in parsed.all("img"))
    assert own_scripts(parsed) == own_scripts(Page(page))
    assert parsed.texts["pre"]
    assert set(parsed.texts["pre"]) == {HOSTILE}


def test_hostile_settings_and_names_are_shown_as_text(page: str, results: Path) -> None:
    given = inputs(results)
    given.config["<script>"] = {HOSTILE: HOSTILE}
    given.provenance["hardware"] = {"cpu": HOSTILE}
    given.models[0]["flops_source"] = HOSTILE
    given.metrics.loc[given.metrics.index[0], "flags"] = HOSTILE
    given.shapes["flags"] = HOSTILE
    name = str(given.models[0]["model"])
    given.models[0]["model"] = HOSTILE
    given.made[HOSTILE] = {"dtype": HOSTILE, "begins_with": [HOSTILE], "prefixes_shared": False}
    given.made[name] = {"dtype": HOSTILE, "begins_with": HOSTILE, "prefixes_shared": HOSTILE}
    text = render(TEMPLATE, given)
    assert HOSTILE not in text
    assert own_scripts(Page(text)) == own_scripts(Page(page))
    assert "evil.example" in Page(text).words


@pytest.mark.parametrize(
    "prompt", ["\nbegins with a line", "  two blanks\n\n\nand lines \t", "é漢"]
)
def test_the_example_is_exactly_what_is_sent(other: Callable[..., Results], prompt: str) -> None:
    text = render(TEMPLATE, other(prompt=prompt))
    raw = re.findall(r"<pre[^>]*>(.*?)</pre>", text, re.DOTALL)
    # HTML drops one line break right after <pre>.
    assert {one.removeprefix("\n") for one in raw} == {prompt}


def test_each_example_has_its_protocol_classes_and_answer(page: str) -> None:
    parsed = Page(page)
    summaries = " ".join(text for text in parsed.texts["summary"] if "(replica)" in text)
    assert summaries.count("official") == 3
    assert summaries.count("modified") == 3
    codes = parsed.texts["code"]
    assert '" A"' in codes
    assert '" Repeat this."' in codes
    answers = [item for item in parsed.texts["li"] if "right answer" in item]
    assert answers
    assert all(item.strip().startswith('" B"') for item in answers)


def statistical_counts(given: Results, family: str = "") -> Counter[str]:
    """Statistical verdicts on our own tasks, zero-shot."""
    return Counter(
        curve["verdict"]["statistical"]
        for curve in given.evidence
        if curve["about"]["source"] != "published"
        and curve["about"]["variant"] == "zero-shot"
        and curve["about"]["task"] != tables.AVERAGE
        and family in ("", curve["about"]["family"])
    )


def counts_in_tiles(text: str) -> Counter[str]:
    tiles = [a for a in Page(text).all("li") if "data-shape" in a]
    return Counter({a["data-shape"]: int(a["data-count"]) for a in tiles if a["data-count"] != "0"})


def test_the_first_screen_counts_what_the_data_support(other: Callable[..., Results]) -> None:
    given = other()
    text = render(TEMPLATE, given)
    expected = statistical_counts(given)
    assert counts_in_tiles(text) == expected
    assert f"Of {expected.total()} tasks" in Page(text).words
    for shape, n in expected.items():
        if shape != "undetermined":
            assert re.search(rf"{n} ((is|are) shown to be )?{shape}", Page(text).texts["b"][0])
    first = spaced(text[text.index('id="verdict"') : text.index('id="scaling"')])
    assert f"and {expected['undetermined']} " in first or not expected["undetermined"]
    assert "The published-equivalent rule, which ignores all noise, says that" in first
    assert "run-to-run noise estimated from the runs of each curve's sizes" in first
    for curve in given.evidence:
        limit = curve["verdict"]["tipping_point"]
        about = curve["about"]
        if about["source"] != "published" and about["variant"] == "zero-shot" and limit:
            same = curve["verdict"]["statistical"] == curve["verdict"]["equivalent"]
            shown = spaced(f"{about['task']} up to {spread(limit, about['metric'])}") in first
            assert shown == (same and about["task"] != tables.AVERAGE)


def test_without_evidence_the_first_screen_counts_the_rule_and_says_so(
    other: Callable[..., Results],
) -> None:
    given = changed(other(), evidence=[])
    ours = given.shapes[given.shapes["source"] != "published"]
    ours = ours[(ours["variant"] == "zero-shot") & (ours["task"] != tables.AVERAGE)]
    text = render(TEMPLATE, given)
    assert counts_in_tiles(text) == Counter(ours["equivalent"])
    assert "by the published-equivalent rule alone" in Page(text).words


def test_the_verdict_and_what_it_is_no_evidence_of_come_before_every_figure(page: str) -> None:
    assert 0 < page.index('id="verdict"') < page.index("<img") < page.index('id="limits"')
    first = spaced(page[page.index('id="verdict"') : page.index("<img")])
    assert "a controlled experiment, and no evidence about large models" in first
    assert "Of 3 tasks" in first


def test_several_families_stand_in_one_table_first(other: Callable[..., Results]) -> None:
    given = other(families=("gpt", "ladder"))
    text = render(TEMPLATE, given)
    first = text[text.index('id="verdict"') : text.index('id="scaling"')]
    assert "zero-shot under the official protocol, with replica items" in spaced(first)
    rows = [spaced(row) for row in re.findall(r"<tr><th scope=.row.>.*?</tr>", first, re.DOTALL)]
    for family, row in zip(("gpt", "ladder"), rows, strict=True):
        judged = statistical_counts(given, family)
        counts = " ".join(str(judged[shape]) for shape in (*style.SHAPES, "undetermined"))
        assert row.startswith(f"{family} 3 tasks, 3 sizes {counts} ")


def test_numbers_in_the_tables_are_those_of_the_metrics(page: str, results: Path) -> None:
    table = tables.read_metrics(results / "metrics.csv")
    unmarked = re.sub(r'<span class="marks">.*?</span></span>', "", page)
    cells = {" ".join(cell.split()) for cell in Page(unmarked).texts["td"]}
    means = table[(table["model"] == "") & table["metric"].isin(["accuracy", "loss"])]
    for row in means.itertuples():
        value, low, high = (by_metric(v, str(row.metric)) for v in (row.value, row.low, row.high))
        assert f"{value}{low} to {high}" in cells


def test_the_page_says_that_the_ladder_is_no_evidence_about_large_models(page: str) -> None:
    words = Page(page).words
    assert "controlled experiment, and no evidence about large models" in words
    table = words[words.index("How common the two regularities are") :]
    assert "memo-trap 95% 5% 20% 15% all other tasks 75% 25% 20% 15%" in spaced(page)
    assert "12% of the whole text belongs to no task" in table


def test_without_the_ladder_that_warning_is_not_given(other: Callable[..., Results]) -> None:
    text = render(TEMPLATE, other(families=("somebody",)))
    assert "no evidence about large models" not in text


def test_every_picture_states_its_finding(page: str) -> None:
    alts = [a["alt"] for a in Page(page).all("img")]
    assert all(len(alt) > 20 for alt in alts)
    assert any("U-shaped" in alt for alt in alts)


def test_each_figure_stands_in_the_page_once_as_its_file_and_a_style_for_dark_pages(
    page: str, results: Path
) -> None:
    assert page.count("data:image/svg+xml,<svg") == len(Page(page).all("img"))
    files = {path.read_text() for path in results.rglob("*.svg")}
    for svg in shown_svg(page):
        assert re.sub(r'<style id="dark">.*?</style>', "", svg, flags=re.DOTALL) in files
        Xml.fromstring(svg)


def test_the_numbers_of_the_figures_are_their_files_to_the_byte(page: str, results: Path) -> None:
    numbers = unpacked(page, "files")
    named = {a["data-csv"] for a in Page(page).all("span") if "data-csv" in a}
    named |= {a["data-file"] for a in Page(page).all("button") if "data-file" in a}
    assert set(numbers) == named
    for name in ("verdicts", "tasks/replica/neqa"):
        assert numbers[name].encode() == (results / f"figures/{name}.csv").read_bytes()
    table = results / "literature/tables/verdicts.csv"
    assert numbers["published-verdicts"].encode() == table.read_bytes()


def test_what_a_figure_cannot_hold_in_its_address_is_encoded() -> None:
    svg = "<svg a=\"1\" b='2'><!-- 100% #x &amp; é\t\n --></svg>\n"
    address = str(svg_uri(svg))
    assert not set("'&#\t\n") & set(address)
    assert unquote(address.split(",", 1)[1]) == svg


def test_every_section_heading_and_figure_has_a_link_to_itself(page: str) -> None:
    links = {a["href"][1:]: a for a in Page(page).all("a") if a.get("class") == "permalink"}
    assert all(a["aria-label"].startswith("Link to ") for a in links.values())
    sections = {a["id"] for a in Page(page).all("section")}
    figures = {a["id"] for a in Page(page).all("figure")}
    assert set(links) >= sections | figures


def test_provenance_is_complete(page: str) -> None:
    words = Page(page).words
    for text in ("0123456789abcdef", "uncommitted changes", "torch 2.13.0", "3.11.7"):
        assert text in words
    assert "a key that nobody expects" in words
    assert "own mine.jsonl 1,234 98,765 abababababab" in spaced(page)
    assert "ladder-8k-s1" in words
    assert "shapes.equivalence" in words


def test_the_same_inputs_give_the_same_page(page: str, results: Path) -> None:
    assert render(TEMPLATE, inputs(results)) == page


@pytest.mark.parametrize(
    "options",
    [
        {"seeds": 1},
        {"sizes": (1_000,)},
        {"tasks": ("neqa",)},
        {"variants": ("cot",)},
        {"families": ("ladder", "other")},
    ],
    ids=["one seed", "one size", "one task", "no zero-shot", "two families"],
)
def test_it_renders_whatever_was_run(
    other: Callable[..., Results], options: dict[str, Any]
) -> None:
    parsed = Page(render(TEMPLATE, other(**options)))
    assert "The verdict #" in [" ".join(text.split()) for text in parsed.texts["h2"]]
    assert "nan" not in re.split(r"\W+", parsed.words.lower())


# -- where the items come from -----------------------------------------------------------------


def cards(text: str) -> dict[str, str]:
    """The words of each task's part of the page."""
    found = re.findall(r'<article id="task-([^"]*)".*?</article>', text, re.DOTALL)
    parts = re.findall(r"<article .*?</article>", text, re.DOTALL)
    return {name: spaced(part) for name, part in zip(found, parts, strict=True)}


def test_every_part_says_whose_items_its_numbers_are_from(other: Callable[..., Results]) -> None:
    text = render(TEMPLATE, other(official=("neqa",)))
    words = spaced(text)
    told = "Official items: neqa; replica items: all other tasks."
    # The matrix, all tasks at a glance, prompt variants, seeds, and the part on the ladder.
    assert words.count(told) == 5
    assert "Of 1 task" in words
    assert "under the official protocol with official items" in words
    assert "Of 2 tasks" in words
    assert "under the official protocol with replica items" in words
    parts = cards(text)
    for name, source in (("neqa", "official"), ("memo-trap", "replica")):
        assert f"Items {source}: " in parts[name]
        assert f"every size and variant, {source} items" in parts[name]
        assert f"{source.capitalize()} items. Bands are" in parts[name]
    assert "ladder official items zero-shot" in parts["neqa"]
    assert "PaLM published, official items zero-shot" in parts["memo-trap"]


def test_a_table_has_one_column_per_prompt_variant_and_its_rows_say_the_source(
    other: Callable[..., Results],
) -> None:
    text = render(TEMPLATE, other(official=("neqa",)))
    tables_shown = re.findall(r"<table\b.*?</table>", text, re.DOTALL)
    both = [part for part in tables_shown if re.search(r">neqa</a><span class=.under.>", part)]
    assert len(both) == 4  # families, their prompt variants, changes, training seeds
    for part in both[1:3]:
        assert len(re.findall(r"<th scope=.col.>zero-shot", part)) == 1
        assert "<td>–</td>" not in part.split("PaLM")[0]
        assert re.search(r">neqa</a><span class=.under.>official items<", part)
        assert re.search(r">memo-trap</a><span class=.under.>replica items<", part)


def test_a_caption_names_the_panels_that_the_figure_has(other: Callable[..., Results]) -> None:
    parts = cards(render(TEMPLATE, other(official=("neqa",))))
    assert "(a) accuracy, (b) loss over the classes, (c) probability of" in parts["neqa"]
    assert "(b) share of answers that belong to the distractor task, (c) loss" in parts["memo-trap"]
    assert "answer of the distractor task" in parts["memo-trap"]


# -- one task on items of two sources ----------------------------------------------------------


def test_a_task_on_items_of_two_sources_has_two_cards_with_numbers_of_their_own(
    other: Callable[..., Results],
) -> None:
    given = other(twice=("neqa",))
    text = render(TEMPLATE, given)
    test_the_page_is_well_formed_and_has_its_parts(text.replace("task-neqa-replica", "task-neqa"))
    test_every_link_inside_the_page_leads_somewhere(text)
    parts = cards(text)
    assert list(parts) == ["memo-trap", "prompt-injection", "neqa-official", "neqa-replica"]
    judged = given.metrics[
        (given.metrics["task"] == "neqa")
        & (given.metrics["metric"] == "accuracy")
        & (given.metrics["model"] == "")
    ]
    values = {
        source: {by_metric(value, "accuracy") for value in rows["value"]}
        for source, rows in judged.groupby("source")
    }
    assert not values["official"] & values["replica"]
    for source, rest in (("official", "replica"), ("replica", "official")):
        card = parts[f"neqa-{source}"]
        assert f"neqa ({source} items)" in card
        assert f"every size and variant, {source} items" in card
        assert f"ladder {source} items zero-shot" in card
        assert f"ladder {rest} items zero-shot" not in card
        assert values[source] <= set(card.split())
        assert f"zero-shot official ({source})" in card
        assert f"zero-shot official ({rest})" not in card


def test_every_table_has_a_row_for_each_edition(other: Callable[..., Results]) -> None:
    given = other(twice=("neqa",))
    text = render(TEMPLATE, given)
    rows = [spaced(row) for row in re.findall(r"<tr>\s*<th scope=.row.>.*?</tr>", text, re.DOTALL)]
    for source in ("official", "replica"):
        assert sum(row.startswith(f"neqa ({source} items) ") for row in rows) == 3
    assert sum(row.startswith("memo-trap replica items ") for row in rows) == 3
    # The value at the largest size in the table of protocols is that of the edition.
    last = given.metrics[
        (given.metrics["task"] == "neqa")
        & (given.metrics["metric"] == "accuracy")
        & (given.metrics["model"] == "")
        & (given.metrics["variant"] == "zero-shot")
        & (given.metrics["size"] == "45k")
    ]
    for one in last.itertuples():
        start = f"neqa ({one.source} items) {by_metric(one.value, 'accuracy')} "
        assert sum(row.startswith(start) for row in rows) == 1


def test_tallies_count_each_source_apart(other: Callable[..., Results]) -> None:
    given = other(twice=("neqa", "memo-trap"))
    text = render(TEMPLATE, given)
    words = spaced(text)
    assert "curve has for 3 tasks and every model family" in words
    assert "Of 2 tasks, " in words
    assert "under the official protocol with official items" in words
    assert "Of 3 tasks, " in words
    assert "under the official protocol with replica items" in words
    told = "Official items: memo-trap, neqa; replica items: all tasks."
    assert words.count(told) == 5
    tiles = [a for a in Page(text).all("li") if "data-shape" in a]
    counted = Counter()
    for tile in tiles:
        counted[tile["data-shape"]] += int(tile["data-count"])
    ours = given.shapes[
        (given.shapes["source"] != "published") & (given.shapes["variant"] == "zero-shot")
    ]
    assert +counted == Counter(ours["equivalent"])


def test_averages_of_two_sources_stand_apart(other: Callable[..., Results]) -> None:
    text = render(TEMPLATE, other(tasks=ALL_TASKS, twice=ALL_TASKS, seeds=1))
    words = spaced(text)
    for source in ("official", "replica"):
        assert f"ten-task-average ({source} items)" in words
    assert "answer items of several sources, a curve for each" in words


# -- few tasks, unknown compute ----------------------------------------------------------------


def test_captions_follow_the_axes_and_the_tasks_that_were_run(
    other: Callable[..., Results],
) -> None:
    given = other(families=("smollm",), unknown=("smollm",), sizes=(1_000, 8_000), seeds=1)
    words = spaced(render(TEMPLATE, given))
    assert "Mean accuracy over 2 tasks that were run here, memo-trap and neqa" in words
    assert "The training compute of smollm is unknown, so (a) leaves it out." in words
    assert "Accuracy against parameters, one panel per task" in words
    assert "smollm has fewer than three sizes, which cannot show a turn" in words


# -- one size ----------------------------------------------------------------------------------


def test_one_size_alone_gets_no_verdict_and_the_page_says_why(
    other: Callable[..., Results],
) -> None:
    text = render(TEMPLATE, other(sizes=(8_000,), seeds=1, families=("single",)))
    verdict = spaced(text[text.index('id="verdict"') : text.index('id="scaling"')])
    assert "The family single was run at one size , 8k: a single point is no curve" in verdict
    assert "no verdict on 3 tasks with replica items" in verdict
    for shape in ("flat", "undetermined"):
        assert shape not in verdict
    # Neither tiles with counts nor a statement about draws, of which there are none.
    assert not [a for a in Page(text).all("li") if a.get("data-family") == "single"]
    assert "bootstrap" not in verdict
    assert "none: one size" in cards(text)["neqa"]
    assert "gets no verdict" in Page(text).words


def test_one_size_beside_a_curve_takes_nothing_from_it(other: Callable[..., Results]) -> None:
    given = other(families=("ladder", "single"))
    for table in (given.metrics, given.shapes):
        assert set(table["family"]) >= {"ladder", "single"}
    small = given.metrics["size"] == given.metrics["size"].iloc[0]
    metrics_left = given.metrics[small | (given.metrics["family"] == "ladder")]
    judged = given.shapes[given.shapes["family"] != "single"]
    alone = shapes(metrics_left[metrics_left["family"] == "single"], published=False)
    text = render(
        TEMPLATE,
        changed(given, metrics=metrics_left, shapes=pd.concat([judged, alone])),
    )
    assert "The family single was run at <b>one size</b>" in text
    assert "Of 3 tasks, <a" in text


def test_it_renders_with_values_missing(results: Path) -> None:
    given = inputs(results)
    given.metrics.loc[given.metrics.index[::5], ["value", "low", "high", "chance"]] = np.nan
    given.shapes.loc[:, ["recovery", "p_u", "p_flat", "n"]] = np.nan
    parsed = Page(render(TEMPLATE, given))
    assert "nan" not in re.split(r"\W+", parsed.words.lower())


def test_it_renders_with_nothing_but_tables(results: Path) -> None:
    given = inputs(
        results,
        figures={},
        prompts={},
        models=[],
        tasks={},
        benchmarks=None,
        made={},
        scores=[],
        literature=None,
        protocols=None,
        evidence=[],
        published_verdicts={},
        power=None,
        questions={},
        config={},
        provenance={},
    )
    parsed = Page(render(TEMPLATE, given))
    assert "This figure was not drawn." in parsed.words
    assert "not known" in parsed.words


def test_a_question_without_words_of_its_own_is_answered_by_its_table(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(QUESTIONS, "longest", Question("which item is the longest?", ("items",)))
    answer = pd.DataFrame({"task": ["neqa", "memo-trap"], "mean_length": [81.25, float("nan")]})
    text = render(TEMPLATE, inputs(results, questions={"longest": answer}))
    section = text[text.index('id="question-longest"') :]
    words = spaced(section[: section.index("</section>")])
    assert "which item is the longest?" in words
    assert "task mean length neqa 81.250 memo-trap" in words
    assert "nan" not in words


def test_ladders_that_differ_in_a_frequency_have_a_section_and_others_none(
    results: Path, tmp_path: Path, page: str
) -> None:
    path = tmp_path / "onsets.csv"
    pd.DataFrame(list(onset_rows())).to_csv(path, index=False)
    text = render(TEMPLATE, inputs(results, questions={"onsets": tables.read_question(path)}))
    section = text[text.index('id="question-onsets"') :]
    words = spaced(section[: section.index("</section>")])
    assert "distractor: 0.00 decades (−0.10 to 0.10), expected within ±0.15 (as expected)" in words
    assert "memo-trap 5% true-0.05 2k (1.33k to 3k)" in words, words[
        words.index("True regularity Family") :
    ][:300]
    assert "no valley" in words
    assert "nan" not in words
    assert "question-onsets" not in page


def test_the_command_writes_the_page(results: Path, tmp_path: Path, page: str) -> None:
    folder = tmp_path / "results"
    shutil.copytree(results, folder)
    (folder / "literature").rename(folder / "published")
    # Nothing has parts or flips; then the page is the same as without their files.
    for name, names in (("parts", columns.PARTS), ("flips", columns.FLIPS)):
        write_table(folder / f"{name}.csv", names, [])
    write_json(
        folder / "flips.json", {"version": 1, "prompt_end": 9, "class_start": 9, "curves": []}
    )
    given = Results(folder, folder / "tasks", ROOT / "literature")
    for path in given.scores:
        path.parent.mkdir(parents=True, exist_ok=True)
        made = next((folder / "scores" / path.parts[-4]).rglob("*.parquet"))
        if not path.exists():
            shutil.copy(made, path)
    output = tmp_path / "report.html"
    options = [
        *("--results", folder, "--tasks", folder / "tasks", "--literature", ROOT / "literature"),
        *("--template", TEMPLATE, "--output", output),
    ]
    script = ROOT / "scripts" / "report.py"
    subprocess.run([sys.executable, str(script), *map(str, options)], check=True)
    assert output.read_text() == page


def test_a_missing_file_is_told_in_one_line(results: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere/config\.json: no such file"):
        _ = inputs(results / "nowhere").config
    with pytest.raises(UserError, match="no such file"):
        render(results / "report.html.j2", inputs(results))


def test_the_range_of_a_count_is_that_of_all_outcomes() -> None:
    chances = [0.9, 0.2, 0.5, 0.97]
    weight = [0.0] * 5
    for outcome in itertools.product((0, 1), repeat=4):
        parts = [p if hit else 1 - p for p, hit in zip(chances, outcome, strict=True)]
        weight[sum(outcome)] += float(np.prod(parts))
    cumulated = np.cumsum(weight)
    low, high = (int(np.argmax(cumulated >= level)) for level in (0.025, 0.975))
    assert count_range(chances) == (pytest.approx(sum(chances)), low, high)


def test_times_are_summed_by_step(results: Path) -> None:
    found = {cost.step: cost for cost in costs(results / "benchmarks")}
    assert set(found) == {"models", "scores", "metrics"}
    assert found["models"].jobs == 6
    assert found["models"].wall == pytest.approx(6 * 12.5)
    assert found["models"].cpu == pytest.approx(6 * 12.1)
    assert found["metrics"].cpu != found["metrics"].cpu
    assert total(list(found.values())).wall == pytest.approx(12 * 12.5 + 0.4)
    assert costs(None) == []


# -- flags -------------------------------------------------------------------------------------


def test_each_flag_is_explained_once_for_all_and_on_the_cards_that_have_it(
    other: Callable[..., Results],
) -> None:
    given = other()
    neqa = (given.metrics["task"] == "neqa") & (given.metrics["variant"] == "cot")
    given.metrics.loc[neqa, "flags"] = "boundary-merged;prompt-cut"
    judged = (given.shapes["task"] == "neqa") & (given.shapes["variant"] == "zero-shot")
    given.shapes.loc[judged, "flags"] = "prompt-cut;strange"
    text = render(TEMPLATE, given)
    methods = spaced(text[text.index('id="flags"') : text.index('id="provenance"')])
    for flag, words in FLAGS.items():
        assert f"{flag} {words}." in methods
    parts = cards(text)
    for flag in ("boundary-merged", "prompt-cut"):
        assert f"{flag} : {FLAGS[flag]}" in parts["neqa"]
        assert flag not in parts["memo-trap"]
    assert "constant-answer, boundary-merged, prompt-cut" not in parts["neqa"]
    assert "boundary-merged, prompt-cut" in parts["neqa"]
    assert "strange" in parts["neqa"]
    verdict = spaced(text[text.index('id="verdict"') : text.index('id="limits"')])
    assert f"Flagged prompt-cut : {FLAGS['prompt-cut']} (neqa)." in verdict
    assert "Flagged strange (neqa)." in verdict
    # The chain of thought is not what the verdict is on.
    assert "boundary-merged" not in verdict


TIED = {"tie_share": 0.25, "accuracy_ties_against": 0.4, "accuracy_ties_for": 0.6}
TIED |= {"accuracy_ties_shared": 0.5}


def doubtful(given: Results) -> Results:
    """The same results where zero-shot neqa has ties, and cot chains without an end."""
    neqa = (given.metrics["task"] == "neqa") & (given.metrics["metric"] == "accuracy")
    chosen = neqa & (given.metrics["variant"] == "zero-shot")
    given.metrics.loc[chosen, "flags"] = "ties"
    given.metrics.loc[neqa & (given.metrics["variant"] == "cot"), "flags"] = "chains-cut"
    rows = [given.metrics[chosen].assign(metric=m, value=v, flags="") for m, v in TIED.items()]
    judged = given.shapes["task"] == "neqa"
    zero = given.shapes["variant"] == "zero-shot"
    given.shapes.loc[judged & zero, "flags"] = "ties"
    given.shapes.loc[judged & ~zero, "flags"] = "chains-cut"
    return changed(given, metrics=pd.concat([given.metrics, *rows], ignore_index=True))


def test_a_card_lists_its_doubtful_numbers_with_what_they_are_unfolded(
    other: Callable[..., Results],
) -> None:
    text = render(TEMPLATE, doubtful(other()))
    card = re.search(r'<article id="task-neqa".*?</article>', text, re.DOTALL)
    assert card is not None
    doubts = re.search(r'<div class="doubts".*?</div>', card[0], re.DOTALL)
    assert doubts is not None
    # Not inside anything that is folded.
    before = card[0][: doubts.start()]
    assert before.count("<details") == before.count("</details>")
    words = spaced(doubts[0])
    assert "zero-shot : all sizes (50 of 200 items, accuracy 40.0% to 60.0%, 50.0% at 1/m)" in words
    assert "cot : all sizes (35.0% cut)" in words
    assert f"ties : {FLAGS['ties']}" in words
    # And beside the number itself.
    assert card[0].count('class="flag" title="some items have several answers') >= 4
    assert "doubts" not in re.findall(r'<article id="task-memo-trap".*?</article>', text, re.S)[0]


def test_the_matrix_marks_a_doubtful_curve_whatever_prompt_variant_is_chosen(
    other: Callable[..., Results],
) -> None:
    text = render(TEMPLATE, doubtful(other()))
    table = text[text.index('id="matrix-table"') : text.index('id="matrix-modified"')]
    cells = re.findall(r'<td data-family="ladder" data-task="(.*?)".*?</td>', table)
    marked = re.findall(
        r'<td data-family="ladder" data-task="([^"]*)"[^>]*>(?:(?!</td>).)*class="flag"', table
    )
    assert (set(cells), marked) == ({"memo-trap", "neqa", "prompt-injection"}, ["neqa"])
    given = unpacked(text, "matrix")
    (row,) = [row for row in given["rows"] if row["task"] == "neqa"]
    flags = {variant: cell["flags"] for variant, cell in row["cells"]["ladder"].items()}
    assert flags == {"zero-shot": ["ties"], "cot": ["chains-cut"]}
    assert given["marks"]["ties"] == ["ties", FLAGS["ties"]]
    assert set(given["marks"]) == {"ties", "chains-cut"}


def test_a_table_of_metrics_without_the_numbers_of_a_flag_still_shows_it(
    other: Callable[..., Results],
) -> None:
    given = other()
    given.metrics.loc[given.metrics["task"] == "prompt-injection", "flags"] = "ties;low-label-mass"
    assert "zero-shot : all sizes" in spaced(render(TEMPLATE, given))


def test_the_example_is_one_item_even_where_a_variant_leaves_the_first_out(tmp_path: Path) -> None:
    for variant, items in (("zero-shot", [0, 1, 2]), ("inside-2", [1, 2])):
        pq.write_table(pa.table({"item": items}), tmp_path / f"{variant}.parquet")
    assert shared_item(sorted(tmp_path.glob("*.parquet"))) == 1
    pq.write_table(pa.table({"item": [7]}), tmp_path / "cot.parquet")
    assert shared_item(sorted(tmp_path.glob("*.parquet"))) is None


def test_flags_stand_in_one_order() -> None:
    assert in_order(["b", "prompt-cut", "a", "constant-answer", "b"]) == [
        *("constant-answer", "prompt-cut", "a", "b")
    ]


def test_a_card_says_how_many_chains_had_no_answer_and_how_many_no_end(page: str) -> None:
    card = re.search(r'<article id="task-neqa".*?</article>', page, re.DOTALL)
    assert card is not None
    for name in ("No answer parsed", "Chain without an end"):
        assert f'<th scope="col">{name}</th>' in card[0]
    # Of two chains of thought out of ten, and of seven out of twenty; three sizes each.
    assert spaced(card[0]).count("20.0% 15.0% to 25.0%") == 3
    assert spaced(card[0]).count("35.0% 30.0% to 40.0%") == 3
    assert "that chain and the words So the answer is ." in spaced(card[0])
    assert "Chain without an end" not in cards(page)["prompt-injection"]


# -- scoring -----------------------------------------------------------------------------------


def scoring_rows(text: str) -> dict[str, str]:
    """The words of each row of the table on scoring, by model."""
    part = text[text.index("<h3>Scoring</h3>") : text.index("<h3>Models</h3>")]
    rows = [spaced(row) for row in re.findall(r"<tr>(<th scope=.row.>.*?)</tr>", part)]
    return {row.split()[0]: row.split(maxsplit=1)[1] for row in rows}


def test_the_scoring_of_every_model_is_told(page: str) -> None:
    rows = scoring_rows(page)
    assert list(rows) == [
        f"ladder-{size}-s{seed}" for size in ("1k", "8k", "45k") for seed in (0, 1)
    ]
    told = "900 300 120,000 30,000 25.0% 14,546 45.7% 8.2 float32 <|endoftext|> yes"
    assert set(rows.values()) == {told}


def test_a_run_that_found_everything_in_the_store_has_nothing_to_time(tmp_path: Path) -> None:
    nothing = dict.fromkeys(("scoring_s", "computed_tokens", "total_tokens", "tokens_per_s"), 0)
    told: dict[str, Any] = nothing | {"items_kept": 1200, "model_flop_utilisation": "nan"}
    write_scoring(tmp_path, "one", **told)
    write_made(tmp_path / "scores", "one", begins_with=[], prefixes_shared=False, dtype="bfloat16")
    made = read_made([tmp_path / "scores/one/replica/neqa/zero-shot.parquet"])
    (one,) = scorings(tmp_path, ["one", "unknown"], made)
    assert (one.items, one.reused) == (0, 1200)
    numbers = (one.tokens, one.computed, one.rate, one.utilisation, one.seconds)
    assert all(np.isnan([*numbers, one.computed_share]))
    assert (one.dtype, one.begins_with, one.shared) == ("bfloat16", "none", False)


def test_a_store_that_held_everything_shows_dashes(other: Callable[..., Results]) -> None:
    given = other()
    assert given.benchmarks is not None
    write_scoring(given.benchmarks, "ladder-8k-s1", items=0, items_kept=1200)
    (given.benchmarks / "scores/ladder-8k-s0.tsv").write_text("s\th:m:s\n3\t0:00:03\n")
    del given.made["ladder-8k-s0"]
    (given.benchmarks / "scores/ladder-1k-s0.tsv").unlink()
    del given.made["ladder-1k-s0"]
    rows = scoring_rows(render(TEMPLATE, given))
    assert rows["ladder-8k-s1"].startswith("0 1,200 – – – – – float32 ")
    assert rows["ladder-8k-s0"] == "– – – – – – – – – –"
    assert "ladder-1k-s0" not in rows


def test_scores_that_are_damaged_or_silent_about_their_making(tmp_path: Path) -> None:
    write_made(tmp_path, "one")
    path = tmp_path / "one/replica/neqa/zero-shot.parquet"
    pq.write_table(pq.read_table(path).replace_schema_metadata(None), path)
    assert read_made([path]) == {}
    path.write_bytes(b"PAR1")
    with pytest.raises(UserError, match=r"zero-shot\.parquet: does not say how its scores") as told:
        read_made([path])
    assert "\n" not in str(told.value)
    with pytest.raises(UserError, match="score it again"):
        read_made([tmp_path / "two/replica/neqa/zero-shot.parquet"])


# -- number format and audit -------------------------------------------------------------------

AUDIT = {"items": 12, "largest": 3.1e-6, "tolerance": 1e-4, "item": 7}


def format_rows(text: str) -> dict[str, str]:
    """The words of each row of the table of number formats, by model."""
    part = text[text.index('id="formats"') : text.index("<h3>Scoring</h3>")]
    rows = [spaced(row) for row in re.findall(r"<tr>(<th scope=.row.>.*?)</tr>", part, re.DOTALL)]
    return {row.split()[0]: row.split(maxsplit=1)[1] for row in rows}


def test_the_audit_and_the_number_format_of_every_model_are_told(
    other: Callable[..., Results],
) -> None:
    given = other()
    given.made["ladder-1k-s0"]["audit"] = AUDIT
    given.made["ladder-1k-s1"]["audit"] = None
    given.made["ladder-8k-s0"]["dtype"] = "bfloat16"
    text = render(TEMPLATE, given)
    rows = format_rows(text)
    assert rows["ladder-1k-s0"] == "float32 – – 12 3.1e−06 0.0001"
    assert rows["ladder-1k-s1"] == "float32 – – none – –"
    # An old file says nothing of an audit.
    assert rows["ladder-8k-s1"] == "float32 – – none – –"
    assert rows["ladder-8k-s0"] == "bfloat16 – not compared none – –"
    words = spaced(text)
    assert "The scores of 1 model in bfloat16 were not compared with float32" in words
    assert "in float32 were not compared" not in words


def test_ties_of_a_model_are_summed_over_all_that_it_was_asked(
    other: Callable[..., Results],
) -> None:
    rows = format_rows(render(TEMPLATE, doubtful(other())))
    assert rows["ladder-1k-s0"].startswith("float32 50 of 200 ")


def write_answers(path: Path, made: dict[str, Any], scores: list[list[float]], first: int) -> Path:
    """A file of scores of items from ``first`` on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = {"item": list(range(first, first + len(scores))), "log_likelihood": scores}
    table = pa.table(columns).replace_schema_metadata({"made": json.dumps(made)})
    pq.write_table(table, path)
    return path


def test_the_same_weights_in_two_formats_are_compared_answer_by_answer(tmp_path: Path) -> None:
    a, b = [-1.0, -2.0], [-2.0, -1.0]
    models = [{"model": name, "fingerprint": name[0]} for name in ("m32", "m16", "n16")]
    inside = "official/neqa/zero-shot.parquet"
    half = {"dtype": "bfloat16"}
    paths = [
        write_answers(tmp_path / "m32" / inside, {"dtype": "float32"}, [a, b, a, a], 0),
        write_answers(tmp_path / "m16" / inside, half, [b, b, a, b], 1),
        write_answers(tmp_path / "n16" / inside, half, [a, b, a, a], 0),
    ]
    none = pd.DataFrame({"metric": [], "model": [], "value": [], "n": []})
    found = {one.model: one for one in precisions(models, read_made(paths), none, paths)}
    # Items 1 to 3 are in both files; of item 2 the answers differ.
    one = found["m16"]
    assert (one.twin, one.changed, one.compared, one.unverified) == ("m32", 1, 3, False)
    write_answers(paths[1], half, [b, b, a, b], 0)
    (one,) = [one for one in precisions(models, read_made(paths), none, paths) if one.twin]
    assert (one.changed, one.compared) == (2, 4)
    assert found["n16"].unverified
    assert not found["m32"].unverified


def test_audits_of_all_files_of_a_model_are_one_and_the_worst_is_shown(tmp_path: Path) -> None:
    audits = {"zero-shot": AUDIT, "cot": AUDIT | {"largest": 5e-5, "item": 3}, "one-shot": None}
    paths = [
        write_answers(tmp_path / f"m/replica/neqa/{name}.parquet", {"audit": audit}, [[-1.0]], 0)
        for name, audit in audits.items()
    ]
    found = read_made(paths)["m"]["audit"]
    assert (found["items"], found["largest"], found["tolerance"]) == (24, 5e-5, 1e-4)
    assert found["item"] == "replica/neqa/cot, item 3"
    assert read_made(paths[2:])["m"]["audit"] is None


def test_what_low_precision_did_to_the_audited_answers_is_shown(tmp_path: Path) -> None:
    exact = {"float32_items": 4, "float32_changed": 1, "float32_largest": 0.25}
    audits = {"zero-shot": AUDIT | exact, "cot": AUDIT | exact | {"float32_largest": 0.5}}
    paths = [
        write_answers(tmp_path / f"m/replica/neqa/{name}.parquet", {"audit": audit}, [[-1.0]], 0)
        for name, audit in audits.items()
    ]
    found = read_made(paths)["m"]["audit"]
    assert found["float32"] == {"items": 8, "changed": 2, "largest": 0.5}
    one = Precision("m", "bfloat16", 0, 8, "", math.nan, math.nan, found)
    assert not one.unverified
    assert Precision("m", "bfloat16", 0, 8, "", math.nan, math.nan, AUDIT).unverified


def test_an_audit_that_is_damaged_is_named(tmp_path: Path) -> None:
    path = tmp_path / "m/replica/neqa/cot.parquet"
    write_answers(path, {"audit": {"items": 3}}, [[-1.0]], 0)
    with pytest.raises(UserError, match=r"cot\.parquet: does not say how its scores were made"):
        read_made([path])


def test_files_of_one_model_in_two_formats_name_both(tmp_path: Path) -> None:
    paths = [
        write_answers(tmp_path / f"m/replica/neqa/{dtype}.parquet", {"dtype": dtype}, [[-1.0]], 0)
        for dtype in ("float32", "bfloat16")
    ]
    assert read_made(paths)["m"]["dtype"] == "bfloat16, float32"


def test_frequencies_are_those_of_the_corpus_with_each_tasks_own() -> None:
    corpus = {"true_frequency": 0.3, "demonstrated": 0.15, "worked": 0.2, "background": 0.1}
    config = {"ladder": {"corpus": corpus, "seeds": [0, 1]}}
    found = frequencies(ladders(config), ["neqa", "redefine"])
    assert found is not None
    assert [name for _, name, _ in found.rows] == ["every task"]
    assert found.rows[0][2]["distractor_frequency"] == pytest.approx(0.7)
    assert found.others == [("seeds", [0, 1])]
    corpus["tasks"] = {"neqa": {"true_frequency": 0.05}}  # type: ignore[assignment]
    found = frequencies(ladders(config), ["neqa", "redefine"])
    assert found is not None
    assert [name for _, name, _ in found.rows] == ["neqa", "all other tasks"]
    assert [shares["true_frequency"] for *_, shares in found.rows] == [0.05, 0.3]
    assert [shares["worked"] for *_, shares in found.rows] == [0.2, 0.2]
    assert frequencies({"ladder": {}}, ["neqa"]) is None


def test_of_a_further_ladder_the_page_shows_its_frequencies_and_what_it_changes() -> None:
    corpus = {"true_frequency": 0.3, "demonstrated": 0.15, "worked": 0.2, "background": 0.1}
    config = {
        "ladder": {"corpus": corpus, "seeds": [0, 1]},
        "ladders": {"rare": {"corpus": {"true_frequency": 0.1}, "seeds": [0]}},
    }
    found = frequencies(ladders(config), ["neqa"])
    assert found is not None
    shown = [(family, shares["true_frequency"]) for family, _, shares in found.rows]
    assert shown == [("ladder", 0.3), ("rare", 0.1)]
    assert found.others == [("seeds", [0, 1]), ("rare: seeds", [0])]


def test_settings_are_shown_by_their_path() -> None:
    nested = {"a": [{"b": 1, "e": "x"}, {"f": [3]}], "c": {"d": [1, 2]}}
    assert list(flatten(nested)) == [("a[0]", "b 1, e x"), ("a[1].f", [3]), ("c.d", [1, 2])]


def test_a_tiny_label_mass_is_not_rounded_away() -> None:
    assert by_metric(0.000123, "label_mass") == "0.012%"
    assert by_metric(0.25, "label_mass") == "25.0%"
    assert by_metric(0.25, "sequence_loss") == "0.25"


def test_a_bootstrap_never_claims_certainty() -> None:
    assert probability(1.0) == ">0.99"
    assert probability(0.0) == "<0.01"
    assert probability(0.5) == "0.50"
    assert probability(float("nan")) == "–"
    assert [draws(share) for share in (1.0, 0.0, 0.5)] == [
        *(">99% of draws", "<1% of draws", "50% of draws")
    ]
    assert draws(float("nan")) == ""


def test_names_become_safe_ids() -> None:
    assert slug('a"b <c>') == "a-b--c-"
    assert slug("U-shaped") == "u-shaped"


@pytest.mark.parametrize("question", QUESTIONS)
def test_captions_are_templates_that_snakemake_can_render(question: str) -> None:
    import docutils.core  # type: ignore[import-untyped]
    from jinja2 import Environment

    snakemake = SimpleNamespace(
        wildcards=SimpleNamespace(question=question),
        rule="shapes",
        config={"families": ["ladder"], "ladder": {}},
    )
    for path in sorted((ROOT / "report").rglob("*.rst")):
        text = Environment().from_string(path.read_text()).render(snakemake=snakemake)
        parts = docutils.core.publish_parts(
            text, writer="html", settings_overrides={"halt_level": 2, "report_level": 2}
        )
        assert len(parts["body"]) > 60, path
        assert "{{" not in parts["body"]


@pytest.mark.parametrize("families", [["ladder"], ["smollm"], ["smollm", "ladder"]])
def test_the_introduction_speaks_of_the_ladder_where_it_was_run(families: list[str]) -> None:
    from jinja2 import Environment

    text = (ROOT / "report/workflow.rst").read_text(encoding="utf-8")
    snakemake = SimpleNamespace(config={"families": families, "ladder": {}})
    shown = Environment().from_string(text).render(snakemake=snakemake)
    assert ("no evidence about large models" in shown) == ("ladder" in families)


def test_every_caption_belongs_to_an_output_and_every_output_finds_its_caption() -> None:
    rules = "".join(path.read_text() for path in (ROOT / "rules").glob("*.smk"))
    named = set(re.findall(r'"\.\./report/captions/(\S+)"', rules))
    kinds = ("verdicts", "numbers", "protocols", "published")
    named = {name.replace("{kind}", kind) for name in named for kind in kinds}
    assert named == {path.name for path in (ROOT / "report" / "captions").glob("*.rst")}


def test_the_page_has_no_leftovers_of_its_templates(page: str) -> None:
    main = page[page.index("<main") :]
    assert "{{" not in main
    assert "{%" not in main
    assert "None" not in Page(page).words
    json.dumps(Page(page).words)
