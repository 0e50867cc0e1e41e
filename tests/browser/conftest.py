"""A browser without network, and pages in it that must be silent.

The tests run where Playwright (``make setup-browser``) and Chromium or Chrome are installed, and
are skipped elsewhere, unless ``USHAPED_BROWSER=required`` is set: then what is missing is an error.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from browsing import Loader

if TYPE_CHECKING:
    from playwright.sync_api import Browser

REMEDY = "run tests/browser/run"
PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# A container has no user namespaces to build the sandbox from; pages here are our own.
SWITCHES = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--page", type=Path, help="a report to test in place of made-up ones (HTML)")
    parser.addoption("--screenshots", type=Path, help="keep screenshots in this folder")


def missing(what: str) -> NoReturn:
    """Skip, or fail where a browser is required."""
    if os.environ.get("USHAPED_BROWSER") == "required":
        pytest.fail(f"{what}, and USHAPED_BROWSER=required")
    pytest.skip(what)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The machine's own browser, started once."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing(f"needs the package playwright: {REMEDY}")
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if not program:
        missing(f"needs a browser, {' or '.join(PROGRAMS)}: {REMEDY}")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=list(SWITCHES))
        yield started
        started.close()


@pytest.fixture(scope="session")
def axe() -> str:
    """The script of axe-core, as a package carries it."""
    found = importlib.util.find_spec("axe_playwright_python")
    if found is None or not found.origin:
        missing(f"needs the package axe_playwright_python: {REMEDY}")
    return (Path(found.origin).parent / "axe.min.js").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def made(
    request: pytest.FixtureRequest, shared: Callable[[str], AbstractContextManager[Any]]
) -> Path | None:
    """Folder of the made-up pages; None if a page was given."""
    if request.config.getoption("--page", None):
        return None
    import made as pages

    with shared("browser") as (folder, first):
        if first:
            pages.write_all(folder)
    return Path(folder)


def _file(request: pytest.FixtureRequest, made: Path | None, name: str) -> Path:
    given = request.config.getoption("--page", None)
    return Path(given).resolve() if made is None else made / name / "page.html"


@pytest.fixture(scope="session")
def few(request: pytest.FixtureRequest, browser: Browser, made: Path | None) -> Path:
    """The page of few tasks and families, or the one given."""
    return _file(request, made, "few")


@pytest.fixture(scope="session")
def many(request: pytest.FixtureRequest, browser: Browser, made: Path | None) -> Path:
    """The page of eleven tasks and five families, or the one given."""
    return _file(request, made, "many")


@pytest.fixture(scope="session")
def hostile(few: Path, made: Path | None) -> Path:
    """The page of few tasks, which is full of hostile texts."""
    if made is None:
        pytest.skip("the page that was given holds no hostile texts")
    return few


@pytest.fixture(scope="session")
def results(few: Path, made: Path | None) -> Path:
    """Where the tables lie that the page of few tasks was made from."""
    if made is None:
        pytest.skip("the results behind the page that was given are not known")
    return few.parent


@pytest.fixture
def load(browser: Browser) -> Iterator[Loader]:
    """Open files; at the end nothing may have been said, asked or requested."""
    loader = Loader(browser)
    yield loader
    loader.close()
    assert loader.seen == []
