"""Unpack: a quantised model in a GGUF file, made into a folder of safetensors as others are.

Some packages on PyPI bring a small model as GGUF. Its weights are dequantised to float32 once, so
that every model is scored by the same code.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ushaped.errors import UserError
from ushaped.files import file_digest, whole_folder
from ushaped.models.load import check_tensors, to_screen

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

INSTALL = "pip install --no-deps --requirement requirements-smollm.txt"

# Byte-level tokenizers by the name of their splitting rule in the file (llama.cpp's names), and
# whether numbers are split into digits before GPT-2's rule is applied.
SPLITS_DIGITS = {"gpt-2": False, "smollm": True}

# What a tokenizer may lose on its way: blanks and line breaks, alone and before digits, special
# tokens, letters beyond ASCII. All come back from decoding.
PROBES = (
    "Yes",
    " Yes",
    "  two  blanks ",
    "a\n\n\nb",
    "a\n\n\n5 + 12",
    "x  3.14\t\t7",
    "don't I'm",
    "<|im_start|>user\nhi<|im_end|>",
    "é漢 ٣½ 🙂",
)
PROMPT = "The capital of France is"


def find(entry: Mapping[str, Any], where: str) -> Path:
    """The path of the GGUF file that a registry entry names; only its being there is looked at.

    Parameters
    ----------
    entry : mapping
        With ``package`` and ``gguf``, a path below the folder that packages are installed into.
    where : str
        What a message calls the entry.

    Raises
    ------
    UserError
        If the package is not installed or holds no such file.
    """
    try:
        package = distribution(entry["package"])
    except PackageNotFoundError:
        raise UserError(
            f"{where}, package",
            f"'{entry['package']}' is not installed",
            f"run 'make smollm', which installs it, or: {INSTALL}",
        ) from None
    path = Path(str(package.locate_file(entry["gguf"])))
    if not path.is_file():
        raise UserError(
            f"{where}, gguf",
            f"{entry['package']} {package.version} holds no {entry['gguf']}",
            f"install the pinned version: {INSTALL}",
        )
    return path


def verify(path: Path, entry: Mapping[str, Any], where: str) -> None:
    """Compare the file's SHA-256 with that of the registry.

    Raises
    ------
    UserError
        If they differ.
    """
    found = file_digest(path)
    if found != entry["sha256"]:
        raise UserError(
            f"{where}, sha256",
            f"{path.name} has sha256 {found}, expected {entry['sha256']}",
            f"install it again: {INSTALL} --force-reinstall",
        )


def unpack(path: Path, folder: Path) -> tuple[int, int]:
    """Convert a GGUF file to a folder with float32 safetensors and tokenizer, whole.

    The folder appears only after the model and the tokenizer were read back from it and found to
    say the same as before.

    Returns
    -------
    parameters, non_embedding_parameters : int
        Counted; a matrix that serves input and output counts once, and not in the second number.

    Raises
    ------
    UserError
        If the file cannot be read, its tokenizer is of a kind that would come out changed, or what
        was written does not say the same.
    """
    try:
        model, tokenizer = _read_packed(path)
    except UserError:
        raise
    except Exception as error:  # whatever the libraries raise, the user needs the file's name
        first = str(error).strip().split("\n")[0]
        raise UserError(str(path), f"cannot be unpacked ({first})", f"try {INSTALL}") from error
    with whole_folder(folder) as beside:
        model.save_pretrained(beside)
        tokenizer.save_pretrained(beside)
        again, its_tokenizer = _read(beside)
        if _encoded(tokenizer) != _encoded(its_tokenizer):
            raise _changed(path, "tokenizer")
        if not _same_logits(model, again, tokenizer(PROMPT)["input_ids"]):
            raise _changed(path, "model")
    return _counted(model)


def _read_packed(path: Path) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Model and tokenizer as the GGUF file means them."""
    digits, begins = _tokenizer_facts(path)
    model, tokenizer = _read(path.parent, path.name)
    if digits:
        _split_digits(tokenizer)
    _check_probes(path, tokenizer, begins)
    return model, tokenizer


def _read(folder: Path, gguf: str = "") -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Model in float32 and tokenizer of a folder, from one GGUF file or from safetensors."""
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    shared: dict[str, Any] = {"local_files_only": True}
    weights: dict[str, Any] = {"use_safetensors": True}
    if gguf:
        shared |= {"gguf_file": gguf}
        weights = {"quantization_config": GgufConfig(dequantize=True)}
    model, loaded = AutoModelForCausalLM.from_pretrained(
        str(folder), dtype="float32", output_loading_info=True, **shared, **weights
    )
    check_tensors(model, loaded, str(folder / gguf), to_screen)
    return model.eval(), AutoTokenizer.from_pretrained(str(folder), **shared)


def _tokenizer_facts(path: Path) -> tuple[bool, bool | None]:
    """Whether numbers are split into digits, and whether a token is put before every text."""
    from gguf import GGUFReader

    reader = GGUFReader(path)
    kind, rule, begins = (
        field.contents() if (field := reader.get_field(f"tokenizer.ggml.{key}")) else None
        for key in ("model", "pre", "add_bos_token")
    )
    if kind != "gpt2" or rule not in SPLITS_DIGITS:
        raise UserError(
            str(path),
            f"its tokenizer ({kind}, split by {rule}) is of no kind that can be unpacked unchanged",
            "convert it elsewhere and give the folder as 'path:'",
        )
    return SPLITS_DIGITS[rule], begins


def _split_digits(tokenizer: PreTrainedTokenizerBase) -> None:
    """Split numbers into digits first, as the file asks for.

    Transformers (5.23) reads every byte-level tokenizer of a GGUF file as GPT-2's, which differs
    where blanks or line breaks stand before a digit.
    """
    from tokenizers import pre_tokenizers

    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        ]
    )


def _check_probes(path: Path, tokenizer: PreTrainedTokenizerBase, begins: bool | None) -> None:
    """Refuse a tokenizer that loses something, or begins texts otherwise than the file says."""
    encoded = _encoded(tokenizer)
    if [tokenizer.decode(tokens) for tokens in encoded] != list(PROBES):
        raise _changed(path, "tokenizer")
    if begins is not None and begins != (encoded[0][0] == tokenizer.bos_token_id):
        raise _changed(path, "tokenizer")


def _encoded(tokenizer: PreTrainedTokenizerBase) -> list[list[int]]:
    return [tokenizer(text)["input_ids"] for text in PROBES]


def _same_logits(one: PreTrainedModel, other: PreTrainedModel, tokens: list[int]) -> bool:
    import torch

    with torch.inference_mode():
        rows = [model(torch.tensor([tokens])).logits for model in (one, other)]
    return torch.equal(*rows)


def _counted(model: PreTrainedModel) -> tuple[int, int]:
    """Parameters, with and without the matrices of input and output."""
    ends = (model.get_input_embeddings().weight, model.get_output_embeddings().weight)
    outer = sum(weight.numel() for weight in {id(weight): weight for weight in ends}.values())
    total = sum(weight.numel() for weight in model.parameters())
    return total, total - outer


def _changed(path: Path, what: str) -> UserError:
    return UserError(
        str(path), f"its {what} came out changed", f"install the pinned packages: {INSTALL}"
    )
