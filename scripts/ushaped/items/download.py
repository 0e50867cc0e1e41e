"""Released files from public mirrors: within limits of time and size, and only the very bytes."""

from __future__ import annotations

import http.client
import io
import time
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from ushaped import yaml_files
from ushaped.errors import UserError
from ushaped.items.released import VARIABLE, Release, differences
from ushaped.terms import ROUND_1
from ushaped.validation import Model, setting, validate

# Seconds without a sign of life, and seconds for a whole file.
SILENCE, PATIENCE = 30.0, 600.0
# A longer file is another one; so much more is read to say so.
SLACK = 1
CHUNK = 1 << 16


class RefusedError(Exception):
    """Why one mirror gave no file, in a few words."""


class Mirror(Model):
    """A public place that holds released files."""

    url: str = setting("Address, with {file} for the name of the file.", "")
    urls: dict[str, str] = setting("Addresses by task, if each task has one of its own.", {})
    archive: int = setting("Most bytes of the zip that holds the file; 0 without one.", 0, ge=0)
    verified: bool = setting("Whether a file was downloaded from there.", False)
    seen: str = setting("Where its layout was read, if it was not tried.", "")

    def address(self, task: str, file: str) -> str:
        """The address of the file of a task; "" if the mirror does not hold it."""
        return self.urls.get(task, self.url.replace("{file}", file))


class Mirrors(Model):
    """Public places that hold released files, in the order in which they are tried."""

    official: list[Mirror] = setting("Of the files of source official.", [])
    round1: list[Mirror] = setting("Of the files of source round-1.", [], alias="round-1")


def read_mirrors(path: str | Path, source: str) -> list[Mirror]:
    """Read the mirrors of one source, in the order in which they are tried.

    Raises
    ------
    UserError
        If it is no list of mirrors.
    """
    mirrors = validate(Mirrors, yaml_files.read_mapping(path), str(path))
    return mirrors.round1 if source == ROUND_1 else mirrors.official


def download(
    task: str, wanted: Release, mirrors: Sequence[Mirror], silence: float = SILENCE
) -> tuple[bytes, str]:
    """Get a file from the first mirror that serves the very one.

    Parameters
    ----------
    task : str
        Name of the task.
    wanted : Release
        What the file must be.
    mirrors : sequence of Mirror
    silence : float
        Seconds without a byte after which a mirror is given up.

    Returns
    -------
    data : bytes
        The content, verified.
    address : str
        Where it came from.

    Raises
    ------
    UserError
        If no mirror serves it, with what each of them did instead.
    """
    reasons = []
    for mirror in mirrors:
        if not (address := mirror.address(task, wanted.file)):
            continue
        try:
            data = _served(address, mirror.archive, wanted, silence)
        except RefusedError as reason:
            reasons.append(f"{address} {reason}")
            continue
        if not (wrong := differences(data, wanted)):
            return data, address
        reasons.append(f"{address} serves another file ({', '.join(wrong)})")
    listed = "".join(f" ({place}) {reason}" for place, reason in enumerate(reasons, start=1))
    raise UserError(
        wanted.file,
        f"no public mirror serves it:{listed or ' none is known'}",
        f"get the file with sha256 {wanted.sha256} elsewhere, and name its folder as "
        f"official.mirror in the configuration or in the environment as {VARIABLE}",
    )


def _served(address: str, archive: int, wanted: Release, silence: float) -> bytes:
    if archive:
        return _unzipped(fetched(address, archive, silence), wanted)
    return fetched(address, wanted.bytes, silence)


def fetched(address: str, most: int, silence: float) -> bytes:
    """What an address serves, if that is no more than ``most`` bytes.

    Parameters
    ----------
    address : str
    most : int
        Bytes.
    silence : float
        Seconds without a byte after which it is given up.

    Raises
    ------
    RefusedError
        If it serves nothing, or more.
    """
    request = urllib.request.Request(address, headers={"User-Agent": "ushaped"})
    data = bytearray()
    end = time.monotonic() + PATIENCE
    try:
        with urllib.request.urlopen(request, timeout=silence) as answer:
            while len(data) < most + SLACK and (part := answer.read1(CHUNK)):
                data += part
                if time.monotonic() > end:
                    raise RefusedError(f"took longer than {PATIENCE:g} s")
    except urllib.error.HTTPError as error:
        raise RefusedError(f"answers with HTTP status {error.code}") from None
    except (OSError, http.client.HTTPException) as error:
        # URLError is an OSError and wraps another one.
        reason = getattr(error, "reason", "") or error
        if isinstance(reason, TimeoutError):
            reason = f"no answer within {silence:g} s"
        raise RefusedError(f"cannot be reached ({reason})") from None
    if len(data) > most:
        raise RefusedError(f"serves more than {most} bytes, which is too much")
    return bytes(data)


def _unzipped(data: bytes, wanted: Release) -> bytes:
    """The file of the wanted name in a zip, up to one byte more than it has."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = [n for n in archive.namelist() if PurePosixPath(n).name == wanted.file]
            if not names:
                raise RefusedError(f"holds no {wanted.file}")
            with archive.open(names[0]) as member:
                content = member.read(wanted.bytes + SLACK)
    # An encrypted member is a RuntimeError, an unknown compression a NotImplementedError.
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        raise RefusedError(f"serves no zip that can be read ({error})") from None
    if len(content) > wanted.bytes:
        raise RefusedError(f"holds a {wanted.file} of more than {wanted.bytes} bytes")
    return content
