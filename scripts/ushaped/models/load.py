"""Models: their description (``model.json``), and loading their weights."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ushaped.errors import UserError
from ushaped.files import digest, file_digest

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

UNKNOWN = "unknown"
"""Value of the registry for a number that was never published."""

# Files of a model's folder that its scores depend on: weights, configuration (of generation and
# quantisation too), all that a tokenizer reads, chat templates, and the model's own code.
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
# JSON files that describe a model and are not loaded with it.
NOT_SCORED_BY = ("model.json", "trainer_state.json", "*_results.json")

# Prefixes that wrappers add to the names of all tensors: torch.compile, data parallelism, FSDP,
# Lightning and DeepSpeed, PEFT.
WRAPPERS = (
    "_orig_mod.",
    "module.",
    "_fsdp_wrapped_module.",
    "_forward_module.",
    "base_model.model.",
)
# Tensors that follow from the configuration: causal masks and tables of positions, which older
# checkpoints store (GPT-2, GPT-J, GPT-Neo, GPT-NeoX, CodeGen, XGLM) and newer classes compute.
COMPUTED = re.compile(
    r"(^|\.)(attn|attention|self_attn|self_attention)\.(bias|masked_bias|causal_mask)$"
    r"|(^|\.)(inv_freq|cos_cached|sin_cached|position_ids|embed_positions\.weights)$"
    r"|(^|\.)embed_positions\._float_tensor$"
)
# Output layers of classifiers and reward models.
HEADS = re.compile(r"(score|classifier|classification_head|qa_outputs|v_head|value_head)\.")
# Parts of multimodal models that no text goes through.
NOT_TEXT = re.compile(
    r"(^|\.)(vision_tower|vision_model|vision_encoder|visual|vit|image_newline|embed_vision"
    r"|multi_modal_projector|mm_projector|audio_tower|audio_encoder|embed_audio)(\.|$)"
)


def fingerprint(folder: str | Path, leave: Sequence[str] = NOT_SCORED_BY) -> str:
    """SHA-256 (hex) over names and contents of the `SCORED_BY` files of a model's folder.

    Hidden folders are left out, and files that match one of the patterns ``leave``.
    """
    folder = Path(folder)
    names = sorted(
        {
            path.relative_to(folder).as_posix()
            for pattern in SCORED_BY
            for path in folder.glob(pattern)
            if path.is_file() and not any(map(path.match, leave))
        }
    )
    names = [name for name in names if not any(part[0] == "." for part in name.split("/"))]
    return digest(*(part for name in names for part in (name, file_digest(folder / name))))


def tokenizer_fingerprint(folder: str | Path) -> str:
    """The same of all that may belong to the tokenizer: no weights, no ``config.json``."""
    return fingerprint(folder, (*NOT_SCORED_BY, "*.safetensors", "config.json"))


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
    active_parameters: int | None = None,
    flops_source: str = "registry",
    made_of: str | None = None,
) -> dict[str, Any]:
    """The content of ``model.json``.

    Each number may be the text ``unknown``, which becomes null; for ``training_flops`` see
    `compute`. ``made_of`` is the fingerprint of a model without a folder.
    """
    source: str | None = flops_source
    if training_flops == "6ND":
        counted = "parameters" if active_parameters is None else "active parameters"
        source = f"6 x {counted} x training tokens"
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
        "training_flops": compute(training_flops, active_parameters or parameters, training_tokens),
        "flops_source": source,
        "folder": None if folder is None else str(folder),
        "fingerprint": fingerprint(folder) if folder is not None else made_of,
    }


def compute(
    training_flops: float | str, parameters: float | str, training_tokens: float | str
) -> float | None:
    """Training FLOPs, None if they are ``unknown``.

    ``training_flops`` may be the text ``6ND``: six times the parameters that a token passes through
    times training tokens (Kaplan et al. 2020, arXiv:2001.08361, section 2.1), which needs both.
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
    """Print a line to standard error."""
    print(line, file=sys.stderr, flush=True)


def load(
    folder: str | Path,
    device: str = "cpu",
    dtype: str = "float32",
    trust_remote_code: bool = False,
    log: Callable[[str], None] = to_screen,
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Load a causal language model and its tokenizer from a folder, for evaluation.

    Only safetensors weights are read, and no code of the folder is run without
    ``trust_remote_code``. On ``cuda``, a model goes to the one visible GPU, or is spread over all
    of them in the order of its layers (which needs the package accelerate). ``log`` gets a line for
    each part of the folder that is not used.

    Raises
    ------
    UserError
        If the folder cannot be loaded, its tensors are not exactly those that its configuration
        describes, or its tokenizer belongs to another model.
    """
    import torch
    from transformers import AutoModelForCausalLM
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    spread = device == "cuda" and torch.cuda.device_count() > 1
    check_folder(folder, str(folder))
    _check_adapter(Path(folder), log)
    tokenizer = load_tokenizer(folder, trust_remote_code)
    try:
        model, info = AutoModelForCausalLM.from_pretrained(
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
        raise _not_loaded(folder, error) from error
    check_tensors(model, info, str(folder), log)
    _check_vocabulary(model, tokenizer, str(folder))
    return (model if spread else model.to(device)).eval(), tokenizer


def load_tokenizer(folder: str | Path, trust_remote_code: bool = False) -> PreTrainedTokenizerBase:
    """Load the tokenizer of a folder; no code of the folder is run without ``trust_remote_code``.

    Raises
    ------
    UserError
        If it cannot be loaded.
    """
    from transformers import AutoTokenizer

    tokenizer: PreTrainedTokenizerBase = _load_part(AutoTokenizer, folder, trust_remote_code)
    return tokenizer


def load_config(folder: str | Path, trust_remote_code: bool = False) -> PreTrainedConfig:
    """Load the configuration of a model without its weights; otherwise as `load_tokenizer`."""
    from transformers import AutoConfig

    config: PreTrainedConfig = _load_part(AutoConfig, folder, trust_remote_code)
    return config


def _load_part(kind: Any, folder: str | Path, trust_remote_code: bool) -> Any:
    """What one of transformers' automatic classes makes of a folder."""
    if trust_remote_code:
        _check_code(Path(folder))
    try:
        return kind.from_pretrained(
            str(folder), local_files_only=True, trust_remote_code=trust_remote_code
        )
    except Exception as error:  # whatever transformers raises, the user needs the folder's name
        raise _not_loaded(folder, error) from error


def _not_loaded(folder: str | Path, error: Exception) -> UserError:
    first = str(error).strip().split("\n")[0]
    other = "Unrecognized configuration class" in first
    return UserError(
        str(folder),
        f"cannot be loaded as a model ({first})",
        "give a causal language model" if other else "fetch or train it again",
    )


# -- checks ---------------------------------------------------------------------------------------


def check_folder(folder: str | Path, where: str) -> None:
    """Refuse a folder whose files alone show that it holds no whole model; nothing is loaded.

    ``where`` names the folder in messages.

    Raises
    ------
    UserError
        If it holds only an adapter, or all names of tensors have a wrapper's prefix.
    """
    folder = Path(folder)
    adapter, config = folder / "adapter_config.json", folder / "config.json"
    if adapter.is_file() and not config.is_file():
        raise UserError(
            where,
            f"{folder} holds an adapter without its model",
            "merge the two (peft: merge_and_unload), save the result and give its folder",
        )
    names = [n for path in folder.glob("model*.safetensors") for n in _tensor_names(path)]
    for prefix in WRAPPERS:
        if names and all(name.startswith(prefix) for name in names):
            raise _wrapped(where, prefix, min(names))


def has_chat_template(folder: Path) -> bool:
    """Whether the files of a tokenizer bring a chat template; nothing is loaded."""
    if (folder / "chat_template.jinja").is_file() or any(folder.glob("chat_template*/*.jinja")):
        return True
    try:
        settings = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(settings, dict) and bool(settings.get("chat_template"))


def _tensor_names(path: Path) -> list[str]:
    """Names of the tensors of a safetensors file; empty if its header cannot be read."""
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
    """Log that an adapter beside full weights is not used; refuse it where peft would apply it."""
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
    """Refuse code of another repository: it could change without a change of the fingerprint."""
    for name in ("config.json", "tokenizer_config.json"):
        try:
            classes = json.loads((folder / name).read_text(encoding="utf-8")).get("auto_map", {})
        except (OSError, ValueError, AttributeError):
            continue
        if "--" in json.dumps(classes):
            raise UserError(
                f"{folder / name}, auto_map",
                "names code of another repository, which may change unnoticed",
                "copy its .py files into the folder and take 'REPOSITORY--' out of the names",
            )


def check_tensors(
    model: PreTrainedModel, info: Mapping[str, Any], where: str, log: Callable[[str], None]
) -> None:
    """Refuse a model unless its files contained exactly its tensors.

    Tied weights, tensors that follow from the configuration (`COMPUTED`) and those that
    transformers itself allows a class to miss or ignore are no fault; parts of a multimodal model
    that no text goes through (`NOT_TEXT`) are logged. ``info`` is from ``from_pretrained`` with
    ``output_loading_info``; ``where`` names the model in messages.

    Raises
    ------
    UserError
        With the first name and the number of tensors that are missing, of another shape, or not
        part of the model.
    """
    for name, actual, expected in sorted(info["mismatched_keys"])[:1]:
        more = len(info["mismatched_keys"]) - 1
        raise UserError(
            where,
            f"tensor '{name}'{f' and {more} more' if more else ''} has the shape {tuple(actual)} "
            f"in the weights, {tuple(expected)} by config.json",
            "use the configuration that the weights were saved with",
        )
    missing = _not_computed(info["missing_keys"])
    missing -= _tied(model, missing)
    unexpected = _not_computed(info["unexpected_keys"])
    not_text = {name for name in unexpected if NOT_TEXT.search(name)}
    unexpected -= not_text
    if not_text:
        log(f"{where}: {len(not_text)} tensors of other modalities are left out ({min(not_text)})")
    if missing or unexpected:
        problems = [
            f"{len(names)} {what} (the first is '{min(names)}')"
            for names, what in (
                (missing, "of the model's tensors are missing from its files"),
                (unexpected, "tensors in its files are not part of the model"),
            )
            if names
        ]
        raise UserError(where, " and ".join(problems), _remedy(missing, unexpected))
    if info["error_msgs"]:
        raise UserError(where, str(info["error_msgs"][0]).strip(), "save the weights again")


def _not_computed(names: Iterable[str]) -> set[str]:
    return {name for name in names if not COMPUTED.search(name)}


def _tied(model: PreTrainedModel, missing: Collection[str]) -> set[str]:
    """Missing parameters that share memory with a loaded one."""
    if not missing:
        return set()
    pointers = [
        (name, parameter.data_ptr())
        for name, parameter in model.named_parameters(remove_duplicate=False)
        if parameter.device.type != "meta"
    ]
    loaded = {pointer for name, pointer in pointers if name not in missing}
    return {name for name, pointer in pointers if name in missing and pointer in loaded}


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
        return "see whether config.json belongs to this model: it may have too few layers"
    return "give the folder of a whole causal language model with its own configuration"


def _prefix(missing: Collection[str], unexpected: Collection[str]) -> str:
    """The prefix of unexpected names that are otherwise missing ones, or empty."""
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
    # contains, and `Encoder` refuses a text that does.
    size, room = int(tokenizer.vocab_size), vocabulary(model)
    if size > room:
        raise UserError(
            where,
            f"the tokenizer has more tokens than the model's embedding ({size}, {room} rows)",
            "use the model's own tokenizer",
        )
