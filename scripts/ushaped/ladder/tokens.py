"""The ladder's tokenizer: byte-level BPE, with short numbers as whole tokens."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

from ushaped.files import write_json, write_text

END = "<|endoftext|>"

# Numbers of one or two digits are whole tokens, so that small models can learn small sums; longer
# ones and decimals are split into digits, so that digits can be counted.
PIECES = r"(?<![\d.]) ?\d{1,2}(?!\d|\.\d)| ?\d| ?\p{L}+| ?[^\s\p{L}\d]|\n| +"


def train_tokenizer(texts: Iterable[str], size: int) -> Tokenizer:
    """Train a tokenizer of at most ``size`` tokens.

    One token, ``<|endoftext|>``, begins every text and ends every generation.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PIECES), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=[END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{END} $A", special_tokens=[(END, tokenizer.token_to_id(END))]
    )
    return tokenizer


def save(tokenizer: Tokenizer, folder: str | Path) -> None:
    """Save the tokenizer in the format of `transformers`."""
    write_text(Path(folder) / "tokenizer.json", tokenizer.to_str(pretty=True))
    special = {"bos_token": END, "eos_token": END, "pad_token": END}
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", **special}
    write_json(Path(folder) / "tokenizer_config.json", settings)


def pack(
    texts: Sequence[Sequence[int]], lengths: Sequence[int], filler: int
) -> dict[int, NDArray[np.int32]]:
    """Lay token sequences end to end in rows.

    Each text goes to the shortest row length that holds it; one that is longer than the longest
    row is cut there. The last row of a length is filled up with ``filler``.

    Returns
    -------
    dict of int to int32 array (rows, length)
        Only the lengths that are needed.

    Examples
    --------
    >>> pack([[1, 2], [3, 4, 5]], lengths=[2, 4], filler=0)
    {2: array([[1, 2]], dtype=int32), 4: array([[3, 4, 5, 0]], dtype=int32)}
    """
    streams: dict[int, list[int]] = {length: [] for length in sorted(lengths)}
    for text in texts:
        fit = next((length for length in streams if len(text) <= length), max(streams))
        streams[fit].extend(text[:fit])
    return {
        length: np.array(stream + [filler] * (-len(stream) % length), np.int32).reshape(-1, length)
        for length, stream in streams.items()
        if stream
    }
