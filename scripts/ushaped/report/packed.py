"""Values inside the page for its script: as JSON, or packed."""

from __future__ import annotations

import base64
import json
import zlib
from typing import Any

from markupsafe import Markup

# What would end the element that holds the text, or a line of a script.
_ESCAPES = {ord(letter): f"\\u{ord(letter):04x}" for letter in "<>&\u2028\u2029"}


def as_json(value: Any) -> Markup:
    r"""Write a value as JSON that may stand inside a ``script`` element, whatever it holds.

    Parameters
    ----------
    value : JSON value
        Without NaN, which JSON does not know.

    Raises
    ------
    ValueError
        If a number is not finite.

    Examples
    --------
    >>> print(as_json(["</script>"]))
    ["\u003c/script\u003e"]
    """
    written = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Markup(written.translate(_ESCAPES))


def pack(value: Any) -> Markup:
    """Pack a value for ``unpack`` of the page's script: JSON, raw deflate (RFC 1951), base64.

    The same value gives the same text.

    Examples
    --------
    >>> print(pack([1, 2]))
    izbUMYoFAA==
    """
    written = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    deflate = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = deflate.compress(written.encode()) + deflate.flush()
    return Markup(base64.b64encode(packed).decode())
