"""The families that are trained here: the ladder, and others with some settings of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ushaped.terms import LADDER
from ushaped.yaml_files import merge_defaults


def ladders(config: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """All settings of each family that a configuration can train, by its name; none without them.

    Examples
    --------
    >>> own = {"rare": {"corpus": {"true_frequency": 0.1}}}
    >>> ladders({"ladder": {"context": 64, "corpus": {"seed": 1}}, "ladders": own})["rare"]
    {'context': 64, 'corpus': {'seed': 1, 'true_frequency': 0.1}}
    """
    if LADDER not in config:
        return {}
    shared = config[LADDER]
    others = config.get("ladders", {}).items()
    return {LADDER: shared} | {name: merge_defaults(own, shared) for name, own in others}
