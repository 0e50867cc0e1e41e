"""The ladder's tokenizer: byte-level BPE, with short numbers as whole tokens."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

END = "<|endoftext|>"

# Numbers of one or two digits stay whole, so that small models can learn small sums; longer ones
# and decimals fall into digits, so that digits can be counted.
PIECES = r"(?<![\d.]) ?\d{1,2}(?!\d|\.\d)| ?\d| ?\p{L}+| ?[^\s\p{L}\d]|\n| +"


def train_tokenizer(texts: Iterable[str], size: int) -> PreTrainedTokenizerFast:
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
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=END, eos_token=END, pad_token=END
    )


def save(tokenizer: PreTrainedTokenizerFast, folder: str | Path) -> None:
    """Save the tokenizer in the Hugging Face layout."""
    tokenizer.save_pretrained(str(folder))
