"""U-Shaped: how does a task change as language models grow?

``from ushaped import judge`` gives verdicts on curves of one's own: `ushaped.judged.judge`.
"""

from importlib import import_module
from typing import Any


def __getattr__(name: str) -> Any:
    # Imported on first use, since it loads the statistics; and by name, so that no step of the
    # workflow depends on its code.
    if name == "judge":
        return import_module("ushaped.judged").judge
    raise AttributeError(f"module 'ushaped' has no attribute '{name}'")
