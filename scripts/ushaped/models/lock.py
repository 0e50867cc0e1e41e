"""The lock file: which commit a branch or tag of the hub was when its model was first fetched."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import yaml

from ushaped import yaml_files
from ushaped.errors import UserError
from ushaped.files import write_text

COMMIT = re.compile("[0-9a-f]{40}")
HEAD = """\
# The commits that branches and tags of the hub were when their models were first fetched; every
# later fetch takes the same ones. To take what a branch is now, delete its line and fetch the model
# again: snakemake --forcerun results/models/MODEL/model.json
"""


def locked(path: Path, hub: str, revision: str, ask: Callable[[], str]) -> str:
    """The commit of a revision: itself, or that of the lock file, or what the hub says now.

    What the hub says is written to the lock file. Jobs that fetch at the same time wait for each
    other there, and the first one to write decides.

    Parameters
    ----------
    path : Path
        The lock file; it need not be there.
    hub, revision : str
        Repository on the hub, and a commit hash, branch or tag of it.
    ask : callable
        Asks the hub for the commit.

    Raises
    ------
    UserError
        If the file cannot be used.
    """
    from filelock import FileLock

    if commit := known(path, hub, revision):
        return commit
    name = f"{hub}@{revision}"
    found = ask()
    with FileLock(path.with_name(f".{path.name}.lock")):
        commits = read(path)
        if name not in commits:
            commits[name] = found
            write_text(path, HEAD + yaml.safe_dump(commits, sort_keys=True))
    return commits[name]


def known(path: Path, hub: str, revision: str) -> str | None:
    """The commit of a revision, if it is one or the lock file has it.

    Raises
    ------
    UserError
        If the file cannot be used.
    """
    return revision if COMMIT.fullmatch(revision) else read(path).get(f"{hub}@{revision}")


def needed(path: Path, hub: str, revision: str) -> str:
    """The commit of a revision, where nothing can be done without.

    Raises
    ------
    UserError
        If it is not known, or the file cannot be used.
    """
    commit = known(path, hub, revision)
    if commit is None:
        raise UserError(
            str(path),
            f"has no commit of {hub}@{revision}, and a branch cannot be shared by its name",
            "say first, without --cache: snakemake lock",
        )
    return commit


def read(path: Path) -> dict[str, str]:
    """Commits by ``repository@revision``; none if there is no file.

    Raises
    ------
    UserError
        If it is no such file.
    """
    if not path.exists():
        return {}
    try:
        commits = yaml_files.read(path) or {}
    except UserError as error:
        where, what, _ = error.args
        raise UserError(where, f"cannot be read ({what})", "mend or delete it") from None
    if not isinstance(commits, dict):
        raise UserError(str(path), "is not a mapping", "mend or delete it")
    for name, commit in commits.items():
        if not isinstance(commit, str) or not COMMIT.fullmatch(commit):
            raise UserError(
                f"{path}, {name}", f"{commit!r} is no commit hash", "mend or delete the line"
            )
    return commits
