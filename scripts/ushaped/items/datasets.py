"""Which files of a Hugging Face dataset hold a split, in a local folder or on the hub.

A dataset's card (``README.md``) may say so, under ``configs``; otherwise the names of files and
folders do, as in ``data/test-00000-of-00001.parquet`` or, written by ``save_to_disk``,
``test/data-00000-of-00001.arrow``. See https://huggingface.co/docs/hub/datasets-data-files-configuration.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from ushaped.errors import UserError
from ushaped.items.records import READERS
from ushaped.models.hub import DATASETS, head, not_fetched, revision_label
from ushaped.models.lock import pin_commit

CARD = "README.md"
# Other words for a split in the names of files.
WORDS = {
    "train": ("training",),
    "validation": ("valid", "val", "dev"),
    "test": ("testing", "eval", "evaluation"),
}


def folder_files(folder: Path, subset: str | None, split: str | None, where: str) -> list[Path]:
    """The files of a split of a dataset in a folder of this machine, in order.

    Parameters
    ----------
    folder : Path
    subset, split : str or None
        Configuration and split; None where there is only one.
    where : str
        What messages call the place of these settings.

    Raises
    ------
    UserError
        If there is no such folder, or `split_files` finds none.
    """
    if not folder.is_dir():
        raise UserError(where, f"{folder} is no folder", "name the folder of a dataset")
    names = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    card = folder / CARD
    text = card.read_text(encoding="utf-8", errors="replace") if card.is_file() else ""
    return [folder / name for name in split_files(names, text, subset, split, where)]


def hub_files(
    hub: str,
    revision: str,
    subset: str | None,
    split: str | None,
    *,
    lock: Path,
    folder: Path,
    where: str,
) -> tuple[str, list[Path]]:
    """Download the files of a split of a dataset of the hub.

    Parameters
    ----------
    hub, revision : str
        Name, and commit or branch; a branch stays at the commit in the lock file.
    subset, split : str or None
        As in `folder_files`.
    lock : Path
        The lock file.
    folder : Path
        Where the files go.
    where : str
        As in `folder_files`.

    Returns
    -------
    commit : str
    files : list of Path

    Raises
    ------
    UserError
        If the hub cannot be reached or refuses, or `split_files` finds none.
    """
    from huggingface_hub import HfApi, hf_hub_download

    name = DATASETS + hub
    commit = pin_commit(lock, name, revision, partial(head, name, revision))
    about = {"repo_type": "dataset", "revision": commit}
    get = partial(hf_hub_download, hub, local_dir=folder, **about)
    try:
        names = HfApi().list_repo_files(hub, **about)
        card = Path(get(CARD)).read_text(encoding="utf-8") if CARD in names else ""
        return commit, [Path(get(file)) for file in split_files(names, card, subset, split, where)]
    except UserError:
        raise
    except Exception as error:  # network, rights, names: the user needs to know which dataset
        raise not_fetched(name, revision_label(name, revision), error, "folder") from error


def split_files(
    names: Iterable[str], card: str, subset: str | None, split: str | None, where: str
) -> list[str]:
    """The data files of a split, sorted.

    Parameters
    ----------
    names : iterable of str
        All files of the dataset, relative to its folder.
    card : str
        Text of its card, "" without one.
    subset, split, where
        As in `folder_files`.

    Raises
    ------
    UserError
        If there are none, or none can be told from others, with what there is.

    Examples
    --------
    >>> names = ["data/test-0.parquet", "data/train-0.parquet", "README.md"]
    >>> split_files(names, "", None, "test", "here")
    ['data/test-0.parquet']
    """
    data = sorted(name for name in names if _is_data(PurePosixPath(name)))
    configurations = _configurations(card)
    if configurations:
        patterns = _patterns(configurations, subset, split, where)
        found = [name for name in data if any(_fits(name, one) for one in patterns)]
    else:
        inside = [name for name in data if subset is None or subset in PurePosixPath(name).parts]
        found = [name for name in inside if split is None or _bears(PurePosixPath(name), split)]
    if not found:
        what = f"no file of split '{split}'" if split else "no file"
        shown = ", ".join(data[:5]) + ", ..." * (len(data) > 5)
        raise UserError(
            where,
            f"{what}{f' of subset {subset!r}' if subset else ''} ends in {', '.join(READERS)}",
            f"name what there is: {shown}" if data else "convert the files",
        )
    # The card says what belongs together; names do so if they differ in a number alone.
    if not configurations and len({_series(name) for name in found}) > 1:
        what = f"{len(found)} files may be meant, {found[0]} and {found[-1]} among them"
        raise UserError(where, what, "name the split, and the subset if there are several")
    return found


def _is_data(path: PurePosixPath) -> bool:
    hidden = any(part.startswith(".") for part in path.parts)
    return path.suffix in READERS and not hidden


def _series(name: str) -> str:
    """The name of a file without its number, as in data-00000-of-00002.parquet."""
    return re.sub(r"-\d+-of-\d+(-[0-9a-f]+)?(?=\.\w+$)", "", name)


def _bears(path: PurePosixPath, split: str) -> bool:
    """Whether the name of a file, or of a folder that it is in, holds a split as a word."""
    words = "|".join(map(re.escape, (split, *WORDS.get(split, ()))))
    pattern = rf"(?:^|[^A-Za-z0-9])(?:{words})(?:$|[^A-Za-z0-9])"
    return any(re.search(pattern, part) for part in (*path.parts[:-1], path.stem))


def _configurations(card: str) -> list[Mapping[str, Any]]:
    """Those of ``configs`` in the head of a card that name data files; empty without any."""
    head_of = re.match(r"---\s*\n(.*?)\n---\s*(?:\n|$)", card, re.DOTALL)
    try:
        about = yaml.safe_load(head_of.group(1)) if head_of else None
    except yaml.YAMLError:
        return []
    found = about.get("configs") if isinstance(about, dict) else None
    listed = found if isinstance(found, list) else []
    return [one for one in listed if isinstance(one, dict) and one.get("data_files")]


def _patterns(
    configurations: Sequence[Mapping[str, Any]], subset: str | None, split: str | None, where: str
) -> list[str]:
    """The patterns of the files of a split, as a card has them."""
    names = [str(one.get("config_name", "default")) for one in configurations]
    chosen = [one for one, name in zip(configurations, names, strict=True) if name == subset]
    if subset is None:
        chosen = list(configurations) if len(configurations) == 1 else []
        chosen = chosen or [one for one in configurations if one.get("default") is True]
    if len(chosen) != 1:
        what = f"unknown subset '{subset}'" if subset else "the dataset has several subsets"
        raise UserError(where, what, f"name one as subset: {', '.join(names)}")
    files = chosen[0]["data_files"]
    if not isinstance(files, list) or not all(isinstance(one, dict) for one in files):
        files = [{"split": "train", "path": files}]
    paths = {str(one.get("split")): one.get("path") for one in files}
    if split is None and len(paths) == 1:
        split = next(iter(paths))
    if split not in paths:
        what = f"unknown split '{split}'" if split else "the dataset has several splits"
        raise UserError(where, what, f"name one as split: {', '.join(paths)}")
    path = paths[split]
    below = str(chosen[0].get("data_dir") or "")
    return [
        str(PurePosixPath(below, str(one))) for one in (path if isinstance(path, list) else [path])
    ]


def _fits(name: str, pattern: str) -> bool:
    return fnmatchcase(name, pattern) or fnmatchcase(name, pattern.replace("**/", ""))
