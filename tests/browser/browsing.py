"""Pages in a browser without network, and what they did that a report must not do."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

WIDTHS = (360, 1280, 1920)
SCHEMES = ("light", "dark")
OPEN_ALL = "() => { for (const one of document.querySelectorAll('details')) one.open = true; }"


class Loader:
    """Opens files, each in a context of its own, and notes what they say, ask and request.

    Attributes
    ----------
    seen : list of str
        Console lines, errors, dialogs, and requests for anything outside the page.
    """

    def __init__(self, browser: Browser) -> None:
        self.seen: list[str] = []
        self._browser = browser
        self._contexts: list[BrowserContext] = []

    def __call__(
        self, path: Path, anchor: str = "", width: int = 1280, height: int = 800, **options: Any
    ) -> Page:
        """Open a file; ``options`` are those of a browser context."""
        viewport = {"width": width, "height": height}
        context = self._browser.new_context(offline=True, viewport=viewport, **options)
        self._contexts.append(context)
        context.on("console", lambda said: self.seen.append(f"{said.type}: {said.text}"))
        context.on("weberror", lambda found: self.seen.append(f"error: {found.error}"))
        context.on("request", self._requested)
        context.on("dialog", self._asked)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.goto(path.as_uri() + anchor)
        return page

    def _requested(self, request: Any) -> None:
        if not request.url.startswith(("file:", "data:", "blob:")):
            self.seen.append(f"request: {request.url}")

    def _asked(self, dialog: Any) -> None:
        self.seen.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def close(self) -> None:
        """Close everything that was opened."""
        for context in self._contexts:
            context.close()


def settled(page: Page) -> Page:
    """Wait until the page's script has made its controls."""
    page.wait_for_selector("html.with-script")
    page.wait_for_selector("#task-filter")
    page.wait_for_selector("#compare-plot", state="attached")
    return page


def open_all(page: Page) -> None:
    """Open all details, and wait until the evidence in them is there."""
    page.evaluate(OPEN_ALL)
    page.wait_for_selector("details.evidence-of:not([data-filled])", state="detached")


def wait_until(page: Page, expression: str) -> None:
    """Wait until an expression holds.

    The policy of the page forbids Playwright's own way, which evaluates it inside the page.
    """
    deadline = time.monotonic() + 20
    while not page.evaluate(expression):
        assert time.monotonic() < deadline, f"it did not come to: {expression}"
        page.wait_for_timeout(20)
