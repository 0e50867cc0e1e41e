"""The one error that a user is meant to read."""

from __future__ import annotations

import sys
from collections.abc import Callable


class UserError(Exception):
    """Bad input, told in one line: file, key or row, what is wrong, what to do.

    Parameters
    ----------
    where : str
        File, and key or row inside it.
    what : str
        What is wrong there.
    do : str
        What to do about it.
    """

    def __init__(self, where: str, what: str, do: str) -> None:
        # As given, so that the error can be raised again by the process that started this one.
        super().__init__(where, what, do)

    def __str__(self) -> str:
        where, what, do = self.args
        return f"{where}: {what}; {do}".replace("\n", " ")


def run(main: Callable[[], None]) -> None:
    """Run a step's ``main`` and end with exit code 2 and one line on a `UserError`."""
    try:
        main()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
