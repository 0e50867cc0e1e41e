"""The files of the page's script, which share one function; no browser is needed for this."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

FILES = sorted((Path(__file__).parents[2] / "report" / "script").glob("*.js"))


def test_no_two_files_declare_the_same_name() -> None:
    # A function would silently replace the other; anything else would stop the whole script.
    declaration = re.compile(r"^(?:async )?(?:function\*?|const|let|class) (\w+)", re.MULTILINE)
    names = Counter(
        name for file in FILES for name in declaration.findall(file.read_text(encoding="utf-8"))
    )
    assert names
    assert [name for name, times in names.items() if times > 1] == []
