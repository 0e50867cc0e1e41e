"""The page: what the tables say, put in the order in which a reader wants it.

Everything here turns tables and files into plain values; the templates under ``report/`` turn those
into HTML. Jinja2 escapes all of them: prompts, classes, titles, flags and settings are shown as
text whatever they hold. The page loads nothing: figures are ``data:`` URIs, and the only style
sheet and the only script are allowed by their hashes.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ushaped.results.folder import Results


def render(template: str | Path, inputs: Results) -> str:
    """Render the page; see `ushaped.report.page.render`.

    Jinja2 is imported here alone: numbers and names in words (`.text`) need none.
    """
    from ushaped.report import page

    return page.render(template, inputs)
