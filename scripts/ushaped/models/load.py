"""Models: what is known of one (``model.json``), and loading its weights."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ushaped.errors import UserError
from ushaped.files import digest, file_digest

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

UNKNOWN = "unknown"
"""What the registry says of a number that was never published."""

# Files of a model's folder that its scores depend on: weights, configuration (of generation and
# quantisation too), whatever a tokenizer reads, chat templates, and the model's own code.
SCORED_BY = (
    "*.safetensors",
    "*.json",
    "*vocab*",
    "*merges*",
    "*dict*.txt",
    "*.model",
    "*.tiktoken",
    "*.bpe",
    "*.codes",
    "*.spm",
    "*.jinja",
    "**/*.jinja",
    "**/*.py",
)
# JSON files that say something about a model and are not read with it.
NOT_SCORED_BY = ("model.json", "trainer_state.json", "*_results.json")

# Prefixes that wrappers put before the names of all tensors: torch.compile, data parallelism,
# FSDP, Lightning and DeepSpeed, PEFT.
WRAPPERS = (
    "_orig_mod.",
    "module.",
    "_fsdp_wrapped_module.",
    "_forward_module.",
    "base_model.model.",
)
# Tensors that follow from the configuration: causal masks and tables of positions, which older
# checkpoints hold (GPT-2, GPT-J, GPT-Neo, GPT-NeoX, CodeGen, XGLM) and newer classes make.
COMPUTED = re.compile(
    r"(^|\.)(attn|attention|self_attn|self_attention)\.(bias|masked_bias|causal_mask)$"
    r"|(^|\.)(inv_freq|cos_cached|sin_cached|position_ids|embed_positions\.weights)$"
    r"|(^|\.)embed_positions\._float_tensor$"
)
# Output layers of what is no language model.
HEADS = re.compile(r"(score|classifier|classification_head|qa_outputs|v_head|value_head)\.")
# Parts of multimodal models that no text goes through.
NOT_TEXT = re.compile(
    r"(^|\.)(vision_tower|vision_model|vision_encoder|visual|vit|image_newline|embed_vision"
    r"|multi_modal_projector|mm_projector|audio_tower|audio_encoder|embed_audio)(\.|$)"
)


def fingerprint(folder: str | Path) -> str:
    """SHA-256 (hex) over the files of a model's folder that its scores depend on.

    Those are `SCORED_BY`, by name and content; of hidden folders, nothing.
    """
    folder = Path(folder)
    names = sorted(
        {
            path.relative_to(folder).as_posix()
            for pattern in SCORED_BY
            for path in folder.glob(pattern)
            if path.is_file() and not any(map(path.match, NOT_SCORED_BY))
        }
    )
    names = [name for name in names if not any(part[0] == "." for part in name.split("/"))]
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


def to_screen(line: str) -> None:
    """Write a line to standard error."""
    print(line, file=sys.stderr, flush=True)


def load(
    folder: str | Path,
    device: str = "cpu",
    dtype: str = "float32",
    trust_remote_code: bool = False,
    log: Callable[[str], None] = to_screen,
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
    log : callable
        Gets a line for each part of the folder that is not used.

    Raises
    ------
    UserError
        If the folder cannot be loaded, its tensors are not exactly those of the model that its
        configuration describes, or its tokenizer is of another model.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    spread = device == "cuda" and torch.cuda.device_count() > 1
    check_folder(folder, str(folder))
    _check_adapter(Path(folder), log)
    if trust_remote_code:
        _check_code(Path(folder))
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            str(folder), local_files_only=True, trust_remote_code=trust_remote_code
        )
        model, loaded = AutoModelForCausalLM.from_pretrained(
            str(folder),
            local_files_only=True,
            use_safetensors=True,
            dtype=dtype,
            trust_remote_code=trust_remote_code,
            device_map="auto" if spread else None,
            # Tensors of another shape are refused below, by name.
            ignore_mismatched_sizes=True,
            output_loading_info=True,
        )
    except Exception as error:  # whatever transformers raises, the user needs the folder's name
        first = str(error).strip().split("\n")[0]
        other = "Unrecognized configuration class" in first
        raise UserError(
            str(folder),
            f"cannot be loaded as a model ({first})",
            "give a causal language model" if other else "fetch or train it again",
        ) from error
    check_tensors(model, loaded, str(folder), log)
    _check_vocabulary(model, tokenizer, str(folder))
    return (model if spread else model.to(device)).eval(), tokenizer


# -- what is refused ------------------------------------------------------------------------------


def check_folder(folder: str | Path, where: str) -> None:
    """Refuse a folder that by its files alone holds no whole model; nothing is loaded.

    Parameters
    ----------
    folder : path
    where : str
        What a message calls it.

    Raises
    ------
    UserError
        If it holds nothing but an adapter, or all names of tensors have a wrapper's prefix.
    """
    folder = Path(folder)
    adapter, config = folder / "adapter_config.json", folder / "config.json"
    if adapter.is_file() and not config.is_file():
        raise UserError(
            where,
            f"{folder} holds an adapter and not the model that it belongs to",
            "merge the two (peft: merge_and_unload), save the result and give its folder",
        )
    names = [n for path in folder.glob("model*.safetensors") for n in _names(path)]
    for prefix in WRAPPERS:
        if names and all(name.startswith(prefix) for name in names):
            raise _wrapped(where, prefix, min(names))


def _names(path: Path) -> list[str]:
    """Names of the tensors of a safetensors file, none if its header cannot be read."""
    try:
        with open(path, "rb") as handle:
            length = int.from_bytes(handle.read(8), "little")
            header = json.loads(handle.read(min(length, path.stat().st_size)))
        return [name for name in header if name != "__metadata__"]
    except (OSError, ValueError, TypeError):
        return []


def _wrapped(where: str, prefix: str, name: str) -> UserError:
    return UserError(
        where,
        f"the names of its tensors begin with '{prefix}' (the first is '{name}'), so that none "
        "would be loaded",
        "save the model itself, not what it was wrapped in, or rename the tensors",
    )


def _check_adapter(folder: Path, log: Callable[[str], None]) -> None:
    """Say that an adapter beside full weights is not used; transformers applies it if it can."""
    from transformers.utils import is_peft_available

    if not (folder / "adapter_config.json").is_file():
        return
    if is_peft_available():
        raise UserError(
            f"{folder}/adapter_config.json",
            "is an adapter beside full weights, and with the package peft installed it would be "
            "applied to them",
            "move it elsewhere to score the weights alone; to score both, merge them and save",
        )
    log(f"{folder}: its adapter (adapter_config.json) is not used, the full weights are scored")


def _check_code(folder: Path) -> None:
    """Refuse code that lies elsewhere: it could change and scores would not know."""
    for name in ("config.json", "tokenizer_config.json"):
        try:
            found = json.loads((folder / name).read_text(encoding="utf-8")).get("auto_map", {})
        except (OSError, ValueError, AttributeError):
            continue
        if "--" in json.dumps(found):
            raise UserError(
                f"{folder / name}, auto_map",
                "names code of another repository, and scores must not depend on what is not here",
                "copy its .py files into the folder and take 'REPOSITORY--' out of the names",
            )


def check_tensors(
    model: PreTrainedModel, loaded: Mapping[str, Any], where: str, log: Callable[[str], None]
) -> None:
    """Refuse a model unless its files held exactly the tensors that it takes.

    Tied weights, tensors that follow from the configuration (`COMPUTED`) and what transformers
    itself knows that a class need not find or take are no fault; parts of a multimodal model that
    no text goes through (`NOT_TEXT`) are logged.

    Parameters
    ----------
    model : PreTrainedModel
    loaded : mapping
        What ``from_pretrained`` returns for ``output_loading_info``.
    where : str
        What a message calls the model.
    log : callable
        Gets a line of text.

    Raises
    ------
    UserError
        With the first name and the number of tensors that are missing, of another shape, or not
        part of the model.
    """
    for name, found, wanted in sorted(loaded["mismatched_keys"])[:1]:
        more = len(loaded["mismatched_keys"]) - 1
        raise UserError(
            where,
            f"tensor '{name}'{f' and {more} more' if more else ''} has the shape {tuple(found)} in "
            f"the weights, {tuple(wanted)} by config.json",
            "use the configuration that the weights were saved with",
        )
    missing = _real(loaded["missing_keys"])
    missing -= _tied(model, missing)
    unexpected = _real(loaded["unexpected_keys"])
    other = {name for name in unexpected if NOT_TEXT.search(name)}
    unexpected -= other
    if other:
        log(f"{where}: {len(other)} tensors that no text goes through are left out ({min(other)})")
    if missing or unexpected:
        said = [
            f"{len(names)} {what} (the first is '{min(names)}')"
            for names, what in (
                (missing, "of the model's tensors are missing from its files"),
                (unexpected, "tensors in its files are not part of the model"),
            )
            if names
        ]
        raise UserError(where, " and ".join(said), _remedy(missing, unexpected))
    if loaded["error_msgs"]:
        raise UserError(where, str(loaded["error_msgs"][0]).strip(), "save the weights again")


def _real(names: Iterable[str]) -> set[str]:
    return {name for name in names if not COMPUTED.search(name)}


def _tied(model: PreTrainedModel, missing: Collection[str]) -> set[str]:
    """Missing parameters that are the same memory as one that was found."""
    if not missing:
        return set()
    every = [
        (name, one.data_ptr())
        for name, one in model.named_parameters(remove_duplicate=False)
        if one.device.type != "meta"
    ]
    found = {place for name, place in every if name not in missing}
    return {name for name, place in every if name in missing and place in found}


def _remedy(missing: Collection[str], unexpected: Collection[str]) -> str:
    """What to do about tensors that are missing or too many."""
    if prefix := _prefix(missing, unexpected):
        return f"save them with names that do not begin with '{prefix}'"
    if any("lora_" in name for name in unexpected):
        return "merge the adapter into the weights (peft: merge_and_unload) and save the result"
    if any(HEADS.match(name) for name in unexpected):
        return "give a causal language model, not a classifier or a reward model"
    if len(missing) == 1 and not unexpected:
        return (
            "save the whole causal language model, not its base model; if it is its output layer "
            "that is missing and is tied to the embedding, set tie_word_embeddings in config.json"
        )
    if not missing and any(re.search(r"\.\d+\.", name) for name in unexpected):
        return "see whether config.json is of this model: it may say fewer layers than there are"
    return "give the folder of a whole causal language model with the configuration of its own"


def _prefix(missing: Collection[str], unexpected: Collection[str]) -> str:
    """What stands before missing names where they are found among the unexpected ones."""
    for name in sorted(missing)[:3]:
        for other in sorted(unexpected):
            if other.endswith(f".{name}"):
                return other.removesuffix(name)
    return ""


def vocabulary(model: PreTrainedModel) -> int:
    """Tokens that a model can read and predict."""
    read = int(model.get_input_embeddings().weight.shape[0])
    return min(read, getattr(model.get_output_embeddings(), "out_features", read))


def _check_vocabulary(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, where: str
) -> None:
    # Added tokens are not counted: some tokenizers have a few beyond the embedding that no text
    # makes, and `Encoder` refuses those that one does.
    size, room = int(tokenizer.vocab_size), vocabulary(model)
    if size > room:
        raise UserError(
            where,
            f"the tokenizer has more tokens than the model's embedding ({size}, {room} rows)",
            "use the model's own tokenizer",
        )
