"""Print a registry file for model folders: ``python -m ushaped.models.entries FOLDER ...``.

Parameters are counted from each ``config.json``, without loading weights. What training used is
unknown here: with numbers of your own, write them in, and the family is ordered by compute.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from ushaped.errors import UserError, run
from ushaped.models.load import UNKNOWN, check_folder, load_config
from ushaped.models.registry import NAME, Registry
from ushaped.validation import validate

DESCRIPTION = "Models in folders of this machine."
SOURCE = "parameters counted from config.json"


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, count, print."""
    parser = argparse.ArgumentParser(
        prog="python -m ushaped.models.entries",
        description="Print a registry file for model folders.",
    )
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    parser.add_argument("--family", default="mine", metavar="NAME", help="(default: mine)")
    options = parser.parse_args(arguments)
    registry = {"families": {options.family: family(options.folders)}}
    validate(Registry, registry, "the command line")
    print(yaml.safe_dump(registry, sort_keys=False, allow_unicode=True), end="")


def family(folders: Sequence[Path]) -> dict[str, Any]:
    """The registry entry of a family whose models are in folders, the smallest first.

    Raises
    ------
    UserError
        If a folder holds no whole model, or two have one name.
    """
    models = {folder.resolve().name: entry(folder) for folder in folders}
    if len(models) < len(folders):
        names = Counter(folder.resolve().name for folder in folders)
        (name, _), *_ = names.most_common(1)
        raise UserError("the command line", f"two folders are named '{name}'", "rename one")
    sizes = Counter(about["size"] for about in models.values())
    for name, about in models.items():
        if not NAME.fullmatch(name):
            what = "has a name that no model may have"
            raise UserError(about["path"], what, "rename it: letters, digits, '.', '_' and '-'")
        if sizes[about["size"]] > 1:
            about["size"] = name
    ordered = sorted(models.items(), key=lambda item: item[1]["parameters"])
    return {"description": DESCRIPTION, "source": SOURCE, "models": dict(ordered)}


def entry(folder: Path) -> dict[str, Any]:
    """The registry entry of a model in a folder.

    Raises
    ------
    UserError
        If it holds no causal language model.
    """
    check_folder(folder, str(folder))
    total, inner = count(folder)
    return {
        "path": str(folder),
        "size": label(total),
        "parameters": total,
        "non_embedding_parameters": inner,
        "training_tokens": UNKNOWN,
        "training_flops": UNKNOWN,
    }


def count(folder: Path) -> tuple[int, int]:
    """All parameters of a model, and those without token and position embeddings and output layer.

    Weights that several layers share count once; none are loaded.
    """
    import torch
    from transformers import AutoModelForCausalLM

    config = load_config(folder)
    try:
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(config)
    except ValueError as error:
        first = str(error).strip().split("\n")[0]
        what = f"is no causal language model ({first})"
        raise UserError(str(folder), what, "give the folder of one") from None
    tables = [part for part in model.modules() if isinstance(part, torch.nn.Embedding)]
    output = model.get_output_embeddings()
    outer = {
        id(weight): weight.numel()
        for part in [*tables, *([] if output is None else [output])]
        for weight in part.parameters()
    }
    total = sum(weight.numel() for weight in model.parameters())
    return total, total - sum(outer.values())


def label(parameters: int) -> str:
    """What the report calls a size.

    Examples
    --------
    >>> label(412), label(70_426_624), label(6_857_302_016)
    ('412', '70.4M', '6.86B')
    """
    for unit, name in ((10**12, "T"), (10**9, "B"), (10**6, "M"), (10**3, "k")):
        if parameters >= unit:
            return f"{parameters / unit:.3g}{name}"
    return str(parameters)


if __name__ == "__main__":
    run(main)
