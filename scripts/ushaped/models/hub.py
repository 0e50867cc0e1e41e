"""The Hugging Face hub: the commit of a branch, and messages for failed requests."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ushaped.errors import UserError

# What stands before the name of a dataset, as in addresses of the hub.
DATASETS = "datasets/"


def revision_label(hub: str, revision: str) -> str:
    """Name of a revision of a repository in messages."""
    place = "the hub" if hub.startswith(DATASETS) else "the registry"
    return f"{place}, {hub}@{revision}"


def gated_note(models: Mapping[str, Mapping[str, Any]], folder: Path) -> str:
    """What the user must do before gated models are downloaded; empty if there are none.

    Parameters
    ----------
    models : mapping
        From `ushaped.settings.models`.
    folder : Path
        Where a model that is here has its ``model.json``.
    """
    gated = {
        model["entry"]["hub"]: None
        for name, model in models.items()
        if {"hub", "gated"} <= model.get("entry", {}).keys()
        and model["entry"]["gated"]
        and not (folder / name / "model.json").exists()
    }
    if not gated:
        return ""
    return (
        f"Gated: {', '.join(gated)}. Accept the licence of each on https://huggingface.co with "
        "your account, and set HF_TOKEN to a token of it, before they are downloaded."
    )


def head(hub: str, revision: str) -> str:
    """The commit that a branch or tag of a model, or after `DATASETS` of a dataset, points to now.

    Raises
    ------
    UserError
        If the hub cannot be reached, refuses, or has no such repository or revision.
    """
    from huggingface_hub import HfApi

    try:
        kind = "dataset" if hub.startswith(DATASETS) else "model"
        name = hub.removeprefix(DATASETS)
        return str(HfApi().repo_info(name, repo_type=kind, revision=revision).sha)
    except Exception as error:  # network, rights, names: the user needs to know which model
        raise not_fetched(hub, revision_label(hub, revision), error) from error


def not_fetched(hub: str, where: str, error: Exception, key: str = "path") -> UserError:
    """The error of a failed request to the hub, without the token.

    ``key`` is what the folder of a copy is given as.
    """
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status in (401, 403):
        return UserError(
            where,
            f"the hub refuses it ({status}): it is gated, or there is no such repository",
            f"accept its licence on https://huggingface.co/{hub} and set HF_TOKEN to a token of "
            "the account that did",
        )
    first = str(error).strip().split("\n")[0]
    if token := os.environ.get("HF_TOKEN"):
        first = first.replace(token, "(token)")
    return UserError(
        where,
        f"cannot be fetched from the hub ({first})",
        f"check name and network, or give the folder of a copy as '{key}:'",
    )
