"""The lock file: commits of branches and tags of the hub when their models were first fetched."""

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
# The commits of branches and tags of the hub when their models were first fetched; every later
# fetch takes the same ones. To take a branch as it is now, delete its line and fetch the model
# again: snakemake --forcerun results/models/MODEL/model.json
"""


def pin_commit(path: Path, hub: str, revision: str, query_hub: Callable[[], str]) -> str:
    """The commit of a revision: itself, or from the lock file, or from the hub.

    A commit from the hub (``query_hub``) is written to the lock file, which is made if it is
    missing. Jobs that fetch at the same time wait for each other there, and the first one to write
    decides.

    Raises
    ------
    UserError
        If the file cannot be used.
    """
    from filelock import FileLock

    if commit := pinned_commit(path, hub, revision):
        return commit
    name = f"{hub}@{revision}"
    current = query_hub()
    with FileLock(path.with_name(f".{path.name}.lock")):
        commits = read(path)
        if name not in commits:
            commits[name] = current
            write_text(path, HEAD + yaml.safe_dump(commits, sort_keys=True))
    return commits[name]


def pinned_commit(path: Path, hub: str, revision: str) -> str | None:
    """The commit of a revision: itself, or from the lock file; None if neither.

    Raises
    ------
    UserError
        If the file cannot be used.
    """
    return revision if COMMIT.fullmatch(revision) else read(path).get(f"{hub}@{revision}")


def require_pinned_commit(path: Path, hub: str, revision: str) -> str:
    """The commit of a revision, for a cache that workflows share.

    Raises
    ------
    UserError
        If it is not pinned, or the file cannot be used.
    """
    commit = pinned_commit(path, hub, revision)
    if commit is None:
        raise UserError(
            str(path),
            f"has no commit of {hub}@{revision}, and a branch cannot be shared by its name",
            "run first, without --cache: snakemake lock",
        )
    return commit


def read(path: Path) -> dict[str, str]:
    """Commits by ``repository@revision``; empty if there is no file.

    Raises
    ------
    UserError
        If it is no lock file.
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
