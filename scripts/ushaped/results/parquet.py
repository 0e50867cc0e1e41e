"""Prompts, scores and items: the schemas of these Parquet files, and reading them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ushaped.errors import UserError
from ushaped.results.text_files import AGAIN

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Metadata of a file of prompts: items that do not split, and how many repeat another's question.
UNSPLIT, DUPLICATES = "unsplit", "duplicates"
PROMPTS = pa.schema(
    [
        ("item", pa.int64()),
        ("prompt", pa.string()),
        ("other_prompt", pa.string()),
        ("classes", pa.list_(pa.string())),
        ("answer_index", pa.int64()),
        ("distractor_index", pa.int64()),
        ("part", pa.int64()),
        ("cluster", pa.int64()),
        ("protocol", pa.string()),
        ("modified", pa.string()),
        ("chain", pa.bool_()),
        ("answer_after", pa.string()),
        ("stop", pa.list_(pa.string())),
        ("chain_limit", pa.int64()),
        ("generated", pa.bool_()),
        ("think", pa.int64()),
        ("announced_by", pa.list_(pa.string())),
        ("aliases", pa.string()),
        ("metric", pa.string()),
    ]
)

# Metadata of a file of scores: how they were made.
MADE = "made"
SCORES = pa.schema(
    [
        ("item", pa.int64()),
        ("log_likelihood", pa.list_(pa.float64())),
        ("last_token", pa.list_(pa.float64())),
        ("other_last_token", pa.list_(pa.float64())),
        ("prompt_tokens", pa.int64()),
        ("class_tokens", pa.list_(pa.int64())),
        ("boundary_merged", pa.bool_()),
        ("cut", pa.int64()),
        ("chain", pa.string()),
        ("chain_tokens", pa.int64()),
        ("chain_stopped", pa.bool_()),
        ("parsed", pa.int64()),
        # Of written answers, one value per sample.
        ("samples", pa.list_(pa.string())),
        ("answers", pa.list_(pa.int64())),
        ("refused", pa.list_(pa.bool_())),
        ("sample_tokens", pa.list_(pa.int64())),
        ("sample_stopped", pa.list_(pa.bool_())),
        ("thoughts", pa.list_(pa.string())),
        ("thought_tokens", pa.list_(pa.int64())),
        ("thought_cut", pa.list_(pa.bool_())),
        # Of a chat server that lists likely first tokens: their log-probability by class, or null.
        ("first_token", pa.list_(pa.float64())),
    ]
)

_NAME = pa.dictionary(pa.int32(), pa.string())
# One row per model and item; rows stand model by model within a condition, items increasing.
ITEMS = pa.schema(
    [
        ("family", _NAME),
        ("model", _NAME),
        ("source", _NAME),
        ("task", _NAME),
        ("variant", _NAME),
        ("item", pa.int64()),
        ("correct", pa.float64()),
        ("distractor", pa.float64()),
        ("cluster", pa.int64()),
        ("answer", pa.int64()),
    ]
)


def read_table(path: Path, columns: Sequence[str]) -> pa.Table:
    """Read columns of a Parquet file, rows in the order of ``item``."""
    try:
        with pq.ParquetFile(path) as file:
            for column in columns:
                if column not in file.schema_arrow.names:
                    raise UserError(str(path), f"column '{column}' is missing", AGAIN)
            table = file.read(columns=list(columns))
    except (OSError, pa.ArrowInvalid) as error:
        raise UserError(str(path), f"is not readable Parquet ({error})", AGAIN) from None
    if not len(table):
        raise UserError(str(path), "has no rows", AGAIN)
    item = whole_numbers(path, table, "item")
    if (np.diff(item) <= 0).any():
        table = table.take(np.argsort(item, kind="stable"))
        item = np.sort(item)
        if (np.diff(item) == 0).any():
            twice = item[1:][np.diff(item) == 0][0]
            raise UserError(str(path), f"item {twice} occurs twice", AGAIN)
    return table


def whole_numbers(path: Path, table: pa.Table, column: str, none: int | None = None) -> Ints:
    """A column as int64, ``none`` in place of nulls; nulls are an error without it."""
    values = table[column].combine_chunks().cast(pa.int64())
    if values.null_count:
        if none is None:
            raise UserError(str(path), f"column '{column}' has an empty cell", AGAIN)
        values = values.fill_null(none)
    return values.to_numpy(zero_copy_only=False)


def lists(path: Path, table: pa.Table, column: str) -> tuple[Ints, Floats]:
    """A column of lists: their lengths, and their values side by side (``-inf``, -1 for text).

    Text is replaced by a number per different text.
    """
    values = table[column].combine_chunks()
    count = values.value_lengths().fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
    if (count == 0).any():
        item = table["item"][int((count == 0).argmax())]
        raise UserError(f"{path}, item {item}", f"'{column}' is empty", AGAIN)
    flat, fill = values.flatten(), -np.inf
    if pa.types.is_string(flat.type) or pa.types.is_large_string(flat.type):
        flat, fill = flat.dictionary_encode().indices, -1.0
    side = np.full((len(count), int(count.max())), fill)
    side[np.arange(side.shape[1]) < count[:, None]] = flat.to_numpy(zero_copy_only=False)
    return count, side


def same_length(path: Path, table: pa.Table, column: str, none: int | None = None) -> Ints:
    """A column of lists of one length as int64, shape (n, length), ``none`` in place of nulls.

    Raises
    ------
    UserError
        If lengths differ, are 0, or a value is null without ``none``.
    """
    values = table[column].combine_chunks()
    count = values.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    if len(set(count)) != 1 or not count[0]:
        at = int((count != count[0]).argmax())
        raise UserError(
            f"{path}, item {table['item'][at]}", f"'{column}' has {count[at]} values", AGAIN
        )
    flat = values.flatten().cast(pa.int64())
    if flat.null_count:
        if none is None:
            raise UserError(str(path), f"column '{column}' has an empty cell", AGAIN)
        flat = flat.fill_null(none)
    side: Ints = flat.to_numpy(zero_copy_only=False).reshape(len(count), -1)
    return side


def single_value(path: Path, table: pa.Table, column: str) -> str:
    """The value that all rows of a text column have.

    Raises
    ------
    UserError
        If there are several.
    """
    names = sorted(map(str, table[column].unique().to_pylist()))
    if len(names) > 1:
        what = f"rows have different values of '{column}' ({', '.join(names)})"
        raise UserError(str(path), what, "make each its own variant")
    return names[0]
