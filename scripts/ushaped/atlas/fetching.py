"""Published files of a set: from a local mirror or from where they are published, verified."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

from ushaped.atlas.sources import PublishedFile, PublishedSet
from ushaped.errors import UserError
from ushaped.files import whole_folder
from ushaped.items.download import SILENCE, RefusedError, fetched

VARIABLE = "USHAPED_ATLAS_MIRROR"
# Files that are fetched at once; each is small.
AT_ONCE = 8

Fetch = Callable[[str, int, float], bytes]


def mirror_folder(setting: str) -> str:
    """The local mirror: of the configuration, or of the environment; "" if none."""
    return os.path.expanduser(setting or os.environ.get(VARIABLE, ""))


def take(published: PublishedSet, mirror: str, target: Path, fetch: Fetch = fetched) -> None:
    """Put the verified files of a set into a folder, at the paths of their repository.

    Parameters
    ----------
    published : PublishedSet
    mirror : str
        Folder that holds the repository as OWNER__NAME; "" to download.
    target : Path
        Appears whole or not at all.
    fetch : callable
        Bytes of an address, given the most bytes and the seconds of silence.

    Raises
    ------
    UserError
        If a file is missing, cannot be fetched, or is another one.
    """

    def bring(file: PublishedFile) -> bytes:
        if mirror:
            return _of_mirror(Path(mirror) / published.folder / file.path, file)
        return _downloaded(published.address(quote(file.path)), file, fetch)

    with whole_folder(target) as folder, ThreadPoolExecutor(AT_ONCE) as pool:
        for file, data in zip(published.files, pool.map(bring, published.files), strict=True):
            path = folder / file.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)


def _of_mirror(path: Path, wanted: PublishedFile) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        do = (
            f"put the published file there, or name another folder as atlas.mirror or in {VARIABLE}"
        )
        raise UserError(str(path), f"cannot be read ({error.strerror})", do) from None
    if wrong := differences(data, wanted):
        do = f"get the published file again; its sha256 is {wanted.sha256}"
        raise UserError(str(path), f"is not the published file: {wrong}", do)
    return data


def _downloaded(address: str, wanted: PublishedFile, fetch: Fetch) -> bytes:
    do = f"get the repository elsewhere, and name its folder as atlas.mirror or in {VARIABLE}"
    try:
        data = fetch(address, wanted.bytes, SILENCE)
    except RefusedError as reason:
        raise UserError(address, str(reason), do) from None
    if wrong := differences(data, wanted):
        raise UserError(address, f"serves another file: {wrong}", do)
    return data


def differences(data: bytes, wanted: PublishedFile) -> str:
    """In what a content differs from the file that is wanted; "" if in nothing."""
    actual = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    return ", ".join(
        f"{key} is {value}, expected {getattr(wanted, key)}"
        for key, value in actual.items()
        if value != getattr(wanted, key)
    )
