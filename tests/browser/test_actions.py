"""What a reader does with the page: switches, compares, filters, sorts, opens, downloads."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pandas as pd
import pytest
from PIL import Image

from browsing import Loader, settled, wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def page(load: Loader, few: Path) -> Page:
    return settled(load(few))


def downloaded(page: Page, act: Callable[[], None]) -> tuple[str, bytes]:
    """Name and content of the file that an action hands to the reader."""
    with page.expect_download() as waiting:
        act()
    return waiting.value.suggested_filename, Path(waiting.value.path()).read_bytes()


def texts(found: Locator) -> list[str]:
    return [" ".join(text.split()) for text in found.all_inner_texts()]


def is_drawn(svg: bytes) -> ElementTree.Element:
    """An SVG file that stands by itself: it draws something and loads nothing."""
    root = ElementTree.fromstring(svg)
    assert root.tag == f"{SVG}svg"
    assert list(root.iter(f"{SVG}path")) or list(root.iter(f"{SVG}polyline"))
    assert not list(root.iter(f"{SVG}script"))
    for element in root.iter():
        for name, value in element.attrib.items():
            if name.endswith("href"):
                assert value.startswith(("#", "data:"))
    return root


def is_picture(png: bytes, least_width: float) -> None:
    """A PNG file on white, of at least some width, with something on it."""
    with Image.open(io.BytesIO(png)) as picture:
        picture.load()
        assert picture.format == "PNG"
        assert picture.width >= least_width
        shown = picture.convert("RGB")
        assert shown.getpixel((0, 0)) == (255, 255, 255)
        assert len(shown.resize((200, 200)).getcolors(40_000)) > 20


# -- the verdict matrix ---------------------------------------------------------------------------


def matrix(page: Page) -> dict[tuple[str, str, str], str]:
    """What the cells to be seen say, by source, task and family."""
    told = page.locator("#matrix-table td[data-family]").evaluate_all(
        """cells => cells.filter((cell) => cell.checkVisibility()).map((cell) => [
          cell.dataset.source, cell.dataset.task, cell.dataset.family,
          cell.querySelector('.verdict')?.textContent.trim() ?? '',
        ])"""
    )
    return {(source, task, family): said for source, task, family, said in told}


def test_the_matrix_says_what_the_table_of_shapes_says(page: Page, results: Path) -> None:
    shapes = pd.read_csv(results / "shapes.csv", keep_default_na=False, dtype=str)
    ours = shapes[shapes["source"] != "published"]
    for variant in ("cot", "zero-shot"):
        page.locator(f"input[name=matrix-variant][value={variant}]").check()
        for rule in ("literal", "equivalent"):
            page.locator(f"input[name=matrix-rule][value={rule}]").check()
            said = matrix(page)
            checked = 0
            for _, row in ours[ours["variant"] == variant].iterrows():
                if (key := (row["source"], row["task"], row["family"])) in said:
                    assert said[key] == row[rule]
                    checked += 1
            assert checked >= 8


def test_another_rule_gives_other_verdicts(page: Page) -> None:
    said = {}
    for rule in ("equivalent", "literal", "statistical"):
        page.locator(f"input[name=matrix-rule][value={rule}]").check()
        said[rule] = matrix(page)
    assert said["equivalent"] != said["statistical"]
    assert {key: bool(word) for key, word in said["literal"].items()}


def test_the_protocol_of_the_chosen_variant_is_in_sight(page: Page) -> None:
    variants = page.locator("input[name=matrix-variant]")
    for place in range(variants.count()):
        variants.nth(place).check()
        name = variants.nth(place).get_attribute("value")
        label = variants.nth(place).locator("xpath=..").inner_text()
        (protocol,) = re.findall(r"\b(official|modified)\b", label)
        for head in texts(page.locator("#matrix-table .variant")):
            assert head == f"{name} {protocol}"


def test_one_source_hides_the_rows_of_others(page: Page, results: Path) -> None:
    page.locator("input[name=matrix-source][value=official]").check()
    sources = {source for source, _, _ in matrix(page)} - {"published"}
    assert sources == {"official"}
    page.locator("input[name=matrix-source][value='']").check()
    assert {source for source, _, _ in matrix(page)} >= {"official", "replica"}


def test_a_verdict_leads_to_its_evidence(page: Page) -> None:
    link = page.locator("#matrix-table td a[href^='#evidence-']").first
    target = (link.get_attribute("href") or "")[1:]
    assert not page.locator(f"[id='{target}']").get_attribute("data-filled")
    link.click()
    page.wait_for_selector(f"[id='{target}'][open][data-filled]")
    in_sight(page, target)


def in_sight(page: Page, target: str) -> None:
    """Wait until an element begins within the window."""
    wait_until(
        page,
        f"""(() => {{
          const top = document.getElementById({target!r}).getBoundingClientRect().top;
          return top > -5 && top < innerHeight;
        }})()""",
    )


# -- evidence ----------------------------------------------------------------------------------


def test_evidence_opens_by_its_address(load: Loader, few: Path) -> None:
    first = settled(load(few))
    target = first.locator("details[id^='evidence-']").nth(2).get_attribute("id")
    page = load(few, anchor=f"#{target}")
    page.wait_for_selector(f"[id='{target}'][open][data-filled]")
    assert page.locator(f"[id='{target}'] table").first.is_visible()
    in_sight(page, str(target))


def test_evidence_opens_by_a_press_and_closes_again(page: Page) -> None:
    # The first in reach: others stand in groups that are closed.
    details = page.locator("details[id^='evidence-']").first
    page.evaluate(
        """(id) => {
          for (let one = document.getElementById(id).parentElement; one; one = one.parentElement) {
            if (one.tagName === 'DETAILS') one.open = true;
          }
        }""",
        details.get_attribute("id"),
    )
    details.locator("summary").first.click()
    details.locator("table").first.wait_for()
    assert details.get_attribute("data-filled") is not None
    details.locator("summary").first.click()
    assert not details.locator("table").first.is_visible()


# -- comparing ---------------------------------------------------------------------------------


def choose(page: Page, name: str, *values: str) -> None:
    """Check these boxes of a group and no others."""
    for box in page.locator(f"input[name=compare-{name}]").all():
        box.set_checked(box.get_attribute("value") in values)


def first_values(page: Page, name: str, count: int) -> list[str]:
    boxes = page.locator(f"input[name=compare-{name}]")
    return [str(boxes.nth(place).get_attribute("value")) for place in range(count)]


@pytest.fixture
def compared(page: Page) -> Page:
    """Two tasks, one family, two prompt variants."""
    for name, count in (("task", 2), ("family", 1), ("variant", 2)):
        choose(page, name, *first_values(page, name, count))
    return page


def drawing(page: Page) -> str:
    return page.locator("#compare-plot").evaluate("one => one.outerHTML")


def test_the_comparison_says_what_it_shows(compared: Page) -> None:
    status = compared.locator("#compare-status").inner_text()
    assert status.startswith("4 curves")
    plot = compared.locator("svg#compare-plot[role=img]")
    assert "4 curves" in plot.locator("title").first.text_content()
    said = plot.locator("desc").first.text_content() or ""
    for variant in first_values(compared, "variant", 2):
        assert variant in said
        assert variant in status


def test_nothing_chosen_is_said(compared: Page) -> None:
    choose(compared, "task")
    assert "Nothing to draw" in compared.locator("#compare-status").inner_text()
    assert compared.locator("#compare-csv").is_disabled()


def test_another_scale_or_metric_is_another_drawing(compared: Page) -> None:
    before = drawing(compared)
    compared.locator("#compare-scale").select_option("parameters")
    by_size = drawing(compared)
    compared.locator("#compare-metric").select_option("loss")
    assert len({before, by_size, drawing(compared)}) == 3


def test_a_link_restores_the_comparison(compared: Page, load: Loader) -> None:
    compared.locator("#compare-scale").select_option("parameters")
    address = compared.evaluate("location.href")
    assert "#compare?" in address
    file, anchor = address.split("#")
    again = settled(
        load(Path(compared.evaluate("decodeURIComponent(location.pathname)")), f"#{anchor}")
    )
    assert again.evaluate("location.href").split("#")[0] == file
    for selector in ("#compare-status", "#compare-scale"):
        same = "one => one.value ?? one.textContent"
        assert again.locator(selector).evaluate(same) == compared.locator(selector).evaluate(same)
    chosen = "all => all.filter((one) => one.checked).map((one) => one.name + one.value)"
    boxes = "#compare input[type=checkbox]"
    assert again.locator(boxes).evaluate_all(chosen) == compared.locator(boxes).evaluate_all(chosen)
    assert drawing(again) == drawing(compared)
    in_sight(again, "compare")


@pytest.mark.parametrize(
    "anchor",
    [
        "#compare?",
        "#compare?task=%3Cb%3E&metric=%22&scale=none",
        "#compare?%",
        "#%",
        "#evidence-no",
    ],
)
def test_a_strange_link_does_no_harm(load: Loader, few: Path, anchor: str) -> None:
    page = load(few, anchor)
    page.wait_for_selector("#compare-status:not(:empty)")
    assert page.locator("#task-filter").is_visible()


def test_the_comparison_as_svg(compared: Page) -> None:
    name, svg = downloaded(compared, compared.locator("#compare-svg").click)
    assert name == "ushaped-compare.svg"
    root = is_drawn(svg)
    assert root.find(f"{SVG}title") is not None
    assert root.find(f"{SVG}rect").get("fill") == "#ffffff"


def test_the_comparison_as_png_twice_as_large(compared: Page) -> None:
    _, svg = downloaded(compared, compared.locator("#compare-svg").click)
    name, png = downloaded(compared, compared.locator("#compare-png").click)
    assert name == "ushaped-compare.png"
    is_picture(png, 2 * float(ElementTree.fromstring(svg).get("width")) - 1)


def test_the_comparison_as_csv_holds_the_numbers_of_the_metrics(
    compared: Page, results: Path
) -> None:
    name, content = downloaded(compared, compared.locator("#compare-csv").click)
    assert name == "ushaped-compare.csv"
    rows = list(csv.DictReader(io.StringIO(content.decode())))
    metrics = pd.read_csv(results / "metrics.csv", keep_default_na=False)
    keys = ["family", "source", "task", "variant", "metric", "size"]
    means = metrics[metrics["model"] == ""].set_index(keys)
    assert len(rows) == 4 * metrics["size"].nunique()
    for row in rows:
        known = means.loc[tuple(row[key] for key in keys)]
        for number in ("value", "low", "high", "training_flops"):
            assert float(row[number]) == pytest.approx(known[number], rel=1e-3, abs=1e-4)
        assert row["protocol"] == known["protocol"]
        assert row["modified"] == known["modified"]


def test_arrow_keys_read_the_points(compared: Page) -> None:
    compared.locator("#compare-canvas").focus()
    said = []
    for _ in range(2):
        compared.keyboard.press("ArrowRight")
        said.append(compared.locator("#compare-readout").inner_text())
    assert all(said)
    assert said[0] != said[1]


# -- filtering the cards -----------------------------------------------------------------------


def cards(page: Page) -> list[str]:
    """The tasks whose cards are to be seen."""
    return page.locator("article.card").evaluate_all(
        "all => all.filter((one) => one.checkVisibility()).map((one) => one.id)"
    )


def test_the_filter_finds_a_task_by_its_name(page: Page) -> None:
    every = cards(page)
    name = every[0].removeprefix("task-")
    page.locator("#filter-name").fill(name.upper())
    assert every[0] in cards(page)
    assert len(cards(page)) < len(every)
    said = page.locator("#filter-status").inner_text()
    assert str(len(cards(page))) in said
    page.locator("#filter-name").fill("")
    assert cards(page) == every


def test_the_filter_says_that_nothing_matches(page: Page) -> None:
    page.locator("#filter-name").fill("no task is called so")
    assert cards(page) == []
    assert "Nothing matches" in page.locator("#filter-status").inner_text()


def test_the_filter_finds_tasks_by_their_verdict(page: Page, results: Path) -> None:
    shapes = pd.read_csv(results / "shapes.csv", keep_default_na=False, dtype=str)
    asked = (shapes["family"] == "ladder") & (shapes["variant"] == "zero-shot")
    page.locator("#filter-family").select_option("ladder")
    for verdict in ("U-shaped", "inverse"):
        page.locator("#filter-verdict").select_option(verdict)
        tasks = page.locator("article.card:visible").evaluate_all(
            "all => all.map((one) => one.dataset.source + ' ' + one.dataset.task)"
        )
        said = shapes[asked & (shapes["equivalent"] == verdict) & (shapes["source"] != "published")]
        assert set(tasks) == set(said["source"] + " " + said["task"])
        assert tasks


def test_a_link_to_a_hidden_card_shows_it(page: Page) -> None:
    target = cards(page)[-1]
    page.locator("#filter-name").fill("no task is called so")
    page.locator(f"nav a[href='#{target}']").evaluate("one => one.click()")
    in_sight(page, target)
    assert target in cards(page)


# -- sorting -----------------------------------------------------------------------------------


def column(table: Locator, place: int) -> list[str]:
    """What the cells of a column are sorted by, over all groups of rows."""
    return table.evaluate(
        """(table, place) => [...table.tBodies].flatMap((body) => [...body.rows])
          .map((row) => row.cells[place]?.dataset.value ?? row.cells[place]?.textContent ?? '')""",
        place,
    )


def as_number(text: str) -> float | None:
    """A number as the column holds it; None for what is not known."""
    try:
        number = float(text)
    except ValueError:
        return None
    return None if math.isnan(number) else number


def test_columns_of_numbers_sort_as_numbers(page: Page) -> None:
    tables = page.locator("article.card table.sortable")
    for number in range(min(tables.count(), 6)):
        table = tables.nth(number)
        place = table.locator("thead th").all_text_contents().index("Recovery")
        head = table.locator("thead th").nth(place)
        before = column(table, place)
        for order in ("ascending", "descending"):
            # Some tables lie in closed details.
            head.locator("button.sort").evaluate("one => one.click()")
            assert head.get_attribute("aria-sort") == order
            numbers = [as_number(text) for text in column(table, place)]
            known = [one for one in numbers if one is not None]
            assert known == sorted(known, reverse=order == "descending")
            # What is not known comes last, whatever the order.
            assert None not in numbers[: len(known)]
        assert sorted(column(table, place)) == sorted(before)


def test_only_the_column_that_is_sorted_says_so(page: Page) -> None:
    table = page.locator("table.sortable").first
    for place in (0, 1):
        table.locator("button.sort").nth(place).click()
        assert table.locator("th[aria-sort=ascending], th[aria-sort=descending]").count() == 1


def test_groups_of_rows_stay_apart(page: Page) -> None:
    tables = page.locator("table.sortable").evaluate_all(
        "all => all.map((one, place) => [place, one.tBodies.length])"
    )
    grouped = [place for place, bodies in tables if bodies > 1]
    if not grouped:
        pytest.skip("no table that sorts has groups")
    table = page.locator("table.sortable").nth(grouped[0])
    groups = (
        "table => [...table.tBodies].map((body) => [...body.rows].map((r) => r.textContent).sort())"
    )
    before = table.evaluate(groups)
    table.locator("button.sort").last.evaluate("one => one.click()")
    assert table.evaluate(groups) == before


# -- figures -----------------------------------------------------------------------------------


def button_of(page: Page, figure: str, ending: str) -> Callable[[], None]:
    button = page.locator(f"figure#figure-{figure} .downloads button[data-format={ending}]")
    return button.click


@pytest.mark.parametrize(
    ("figure", "file"), [("scaling", "scaling"), ("task-redefine", "tasks/replica/redefine")]
)
def test_a_figure_downloads_as_it_was_drawn(
    page: Page, results: Path, figure: str, file: str
) -> None:
    drawn = results / "figures" / file
    name, numbers = downloaded(page, button_of(page, figure, "csv"))
    assert name == f"ushaped-{figure}.csv"
    assert numbers == drawn.with_suffix(".csv").read_bytes()
    name, svg = downloaded(page, button_of(page, figure, "svg"))
    assert name == f"ushaped-{figure}.svg"
    assert b"prefers-color-scheme" not in svg
    assert svg == drawn.with_suffix(".svg").read_bytes()


def test_figures_download_in_all_their_forms(page: Page) -> None:
    figures = [
        one for one in page.locator("figure:has(.downloads button)").all() if one.is_visible()
    ]
    assert figures
    # A real report has dozens, made in the same way: a few from all over the page.
    for figure in figures[:: len(figures) // 6 + 1]:
        name = str(figure.get_attribute("id")).removeprefix("figure-")
        endings = figure.locator("button[data-format]").evaluate_all(
            "all => all.map((one) => one.dataset.format)"
        )
        assert endings[:2] == ["svg", "png"]
        width = float(figure.locator("img").get_attribute("width") or 0)
        for ending in endings:
            press = figure.locator(f"button[data-format={ending}]").click
            file, content = downloaded(page, press)
            assert file == f"ushaped-{name}.{ending}"
            if ending == "svg":
                is_drawn(content)
            elif ending == "png":
                is_picture(content, 2 * width)
            else:
                assert len(list(csv.reader(io.StringIO(content.decode())))) > 1


def test_a_dark_page_hands_out_figures_on_white(load: Loader, few: Path) -> None:
    page = settled(load(few, color_scheme="dark"))
    _, png = downloaded(page, page.locator("button[data-format=png]").first.click)
    is_picture(png, 300)
    _, png = downloaded(page, page.locator("#compare-png").click)
    is_picture(png, 300)


# -- links and keys -----------------------------------------------------------------------------


def test_cards_sections_and_figures_link_to_themselves(page: Page) -> None:
    bare = page.evaluate(
        """() => [...document.querySelectorAll('main > section[id], article.card, figure[id]')]
          .filter((one) => !one.querySelector(`a.permalink[href="#${one.id}"][aria-label]`))
          .map((one) => one.id)"""
    )
    assert bare == []


def test_a_permalink_shows_when_it_is_reached(page: Page) -> None:
    link = page.locator("article.card a.permalink").first
    link.focus()
    assert float(link.evaluate("one => getComputedStyle(one).opacity")) > 0.9
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == link.get_attribute("href")


def test_every_link_inside_the_page_leads_somewhere(page: Page) -> None:
    dead = page.evaluate(
        """() => [...document.querySelectorAll('a[href^="#"]')]
          .map((one) => one.getAttribute('href'))
          .filter((href) => !href.startsWith('#compare?')
            && !document.getElementById(decodeURIComponent(href.slice(1))))"""
    )
    assert dead == []


FOCUSED = """() => {
  const one = document.activeElement;
  const style = getComputedStyle(one);
  return {
    html: one.outerHTML.slice(0, 120),
    seen: one.checkVisibility({ opacityProperty: true }),
    marked: (style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2),
  };
}"""


def test_the_first_key_leads_past_the_contents(page: Page) -> None:
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == "#main"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('main') !== null")


def test_whatever_has_the_focus_shows_it(page: Page) -> None:
    for _ in range(80):
        page.keyboard.press("Tab")
        focused = page.evaluate(FOCUSED)
        assert focused["seen"], focused
        assert focused["marked"], focused


def test_all_controls_are_reached_by_keys_in_their_order(page: Page) -> None:
    odd = page.evaluate(
        """() => [...document.querySelectorAll('a, button, input, select, summary, [tabindex]')]
          .filter((one) => one.tabIndex > 0
            || (one.matches('button, input, select, summary') && one.tabIndex !== 0))
          .map((one) => one.outerHTML.slice(0, 120))"""
    )
    assert odd == []


def test_the_matrix_is_switched_by_arrow_keys(page: Page) -> None:
    page.locator("input[name=matrix-rule]:checked").focus()
    before = matrix(page)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert page.locator("input[name=matrix-rule]:checked").get_attribute("value") == "statistical"
    assert matrix(page) != before


def test_boxes_buttons_and_lines_work_by_keys(page: Page) -> None:
    box = page.locator("input[name=compare-task]").first
    box.focus()
    before = box.is_checked()
    page.keyboard.press("Space")
    assert box.is_checked() != before
    table = page.locator("table.sortable").first
    table.locator("button.sort").first.focus()
    page.keyboard.press("Enter")
    assert table.locator("th[aria-sort]").count() == 1
    summary = page.locator("article.card summary").first
    summary.focus()
    was_open = summary.evaluate("one => one.parentElement.open")
    page.keyboard.press("Enter")
    assert summary.evaluate("one => one.parentElement.open") != was_open
    name, _ = downloaded(page, lambda: press_focused(page, "#compare-csv"))
    assert name == "ushaped-compare.csv"


def press_focused(page: Page, selector: str) -> None:
    page.locator(selector).focus()
    page.keyboard.press("Enter")
