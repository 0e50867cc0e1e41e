"""`UserError`, the only error that a user is meant to read."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable


class UserError(Exception):
    """Bad input, described in one line: file, key or row, what is wrong, what to do.

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
        # Unchanged arguments, so that the error can be pickled to another process.
        super().__init__(where, what, do)

    def __str__(self) -> str:
        where, what, do = self.args
        return f"{where}: {what}; {do}".replace("\n", " ")


# Errors of the system: what is wrong, and what to do.
REFUSALS = {
    errno.ENOSPC: ("no space is left on the device", "free some, then run again"),
    errno.EDQUOT: ("the quota of this user is used up", "free some space, then run again"),
    errno.EFBIG: ("the file is longer than is allowed here", "raise the limit (ulimit -f)"),
    errno.EROFS: ("the file system is read-only", "name a folder that can be written to"),
    errno.EACCES: ("permission denied", "give this user the right, or name another place"),
    errno.EPERM: ("permission denied", "give this user the right, or name another place"),
    errno.ENAMETOOLONG: ("the name is too long", "choose a shorter one"),
    errno.ENOTDIR: ("a file stands where a folder is wanted", "move it, or name another place"),
    errno.EISDIR: ("a folder stands where a file is wanted", "move it, or name another place"),
    errno.EMFILE: ("too many files are open", "raise the limit (ulimit -n)"),
}

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


def refusal(error: Exception, place: str = "") -> UserError | None:
    """The `UserError` for an error of the system; None for other errors.

    Libraries written in Rust or C++ raise errors of their own, with the system's words in them.
    ``place`` stands for the file where the error names none.
    """
    number = error.errno if isinstance(error, OSError) else None
    if number is None and not isinstance(error, UserError):
        text = str(error)
        number = next((code for code in FULL if os.strerror(code) in text), None)
    if number not in REFUSALS:
        return None
    return UserError(str(getattr(error, "filename", None) or place or "a file"), *REFUSALS[number])


def run(main: Callable[[], None]) -> None:
    """Run a step's ``main`` and end with exit code 2 and one line on a `UserError` or `refusal`."""
    if code := run_program(main, bad_input=2):
        sys.exit(code)


def run_program(main: Callable[[], int | None], bad_input: int = 1) -> int:
    """Run ``main``; its exit code, or ``bad_input`` with one line on a `UserError` or `refusal`."""
    try:
        return main() or 0
    except Exception as error:
        shown = error if isinstance(error, UserError) else refusal(error)
        if shown is None:
            raise
        print(f"error: {shown}", file=sys.stderr)
        return bad_input
