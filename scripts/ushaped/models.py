"""Models: what is known of one (``model.json``), and loading its weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ushaped.errors import UserError
from ushaped.files import digest, file_digest

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

UNKNOWN = "unknown"
"""What the registry says of a number that was never published."""


def fingerprint(folder: str | Path) -> str:
    """SHA-256 (hex) over a model's weights, configuration and tokenizer files."""
    folder = Path(folder)
    names = sorted(
        path.name
        for pattern in ("*.safetensors", "config.json", "tokenizer*.json")
        for path in folder.glob(pattern)
    )
    return digest(*(part for name in names for part in (name, file_digest(folder / name))))


def describe(
    name: str,
    folder: str | Path | None,
    *,
    family: str,
    size: str,
    seed: int,
    parameters: int | str,
    non_embedding_parameters: int | str,
    training_tokens: float | str,
    training_flops: float | str,
    flops_source: str = "registry",
    made_of: str | None = None,
) -> dict[str, Any]:
    """The content of ``model.json``.

    Each number may be the text ``unknown``, which becomes null; ``training_flops`` as `compute`
    takes it. A model without a folder needs ``made_of``, which stands for its fingerprint.
    """
    source: str | None = flops_source
    if training_flops == "6ND":
        source = "6 x parameters x training tokens"
    elif training_flops == UNKNOWN:
        source = None
    return {
        "model": name,
        "family": family,
        "size": size,
        "seed": seed,
        "parameters": _known(parameters),
        "non_embedding_parameters": _known(non_embedding_parameters),
        "training_tokens": _known(training_tokens),
        "training_flops": compute(training_flops, parameters, training_tokens),
        "flops_source": source,
        "folder": None if folder is None else str(folder),
        "fingerprint": fingerprint(folder) if folder is not None else made_of,
    }


def compute(
    training_flops: float | str, parameters: float | str, training_tokens: float | str
) -> float | None:
    """Training FLOPs, None if they are ``unknown``.

    ``training_flops`` may be the text ``6ND``: six times all parameters times training tokens
    (Kaplan et al. 2020, arXiv:2001.08361, section 2.1), which needs both of them.
    """
    if training_flops == "6ND":
        return 6.0 * float(parameters) * float(training_tokens)
    return None if training_flops == UNKNOWN else float(training_flops)


def _known(number: float | str) -> float | str | None:
    return None if number == UNKNOWN else number


def read(path: str | Path) -> dict[str, Any]:
    """Read ``model.json``."""
    return dict(json.loads(Path(path).read_text(encoding="utf-8")))


def load(
    folder: str | Path,
    device: str = "cpu",
    dtype: str = "float32",
    trust_remote_code: bool = False,
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Load a causal language model and its tokenizer from a folder, for evaluation.

    Only safetensors weights are read, and no code of the folder is run unless that is said. On
    ``cuda``, a model goes to the one device that is visible, or is spread over all of them in the
    order of its layers (which needs the package accelerate).

    Parameters
    ----------
    folder : path
    device : {"cpu", "cuda"}
    dtype : {"float32", "bfloat16", "float16"}
    trust_remote_code : bool

    Raises
    ------
    UserError
        If the folder cannot be loaded.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    spread = device == "cuda" and torch.cuda.device_count() > 1
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            str(folder), local_files_only=True, trust_remote_code=trust_remote_code
        )
        model = AutoModelForCausalLM.from_pretrained(
            str(folder),
            local_files_only=True,
            use_safetensors=True,
            dtype=dtype,
            trust_remote_code=trust_remote_code,
            device_map="auto" if spread else None,
        )
        model = model if spread else model.to(device)
    except Exception as error:  # whatever transformers raises, the user needs the folder's name
        first = str(error).strip().split("\n")[0]
        raise UserError(
            str(folder), f"cannot be loaded as a model ({first})", "fetch or train it again"
        ) from error
    return model.eval(), tokenizer
