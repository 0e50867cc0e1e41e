"""Step: write the ladder's training text, its tokenizer, and the token rows to train on."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from ushaped.errors import run
from ushaped.files import digest, whole, write_json, write_text
from ushaped.items.task import load_task
from ushaped.ladder import corpus, tokens


def main() -> None:
    """Read the command line, write the corpus and its summary."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", nargs="+", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--settings", type=json.loads, required=True, help="ladder.corpus as JSON")
    parser.add_argument("--vocabulary", type=int, required=True)
    parser.add_argument("--row-lengths", nargs="+", type=int, required=True)
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER")
    arguments = parser.parse_args()
    texts = write_texts(arguments.tasks, arguments.settings)
    every = [text for own in texts.values() for text in own]
    ordered = corpus.shuffle(every, arguments.settings["seed"])
    tokenizer = tokens.train_tokenizer(ordered, arguments.vocabulary)
    encoded = [encoding.ids for encoding in tokenizer.encode_batch(ordered)]
    rows = tokens.pack(encoded, arguments.row_lengths, tokenizer.get_vocab()[tokens.END])
    save(arguments.output, texts, tokenizer, rows)


def write_texts(folders: list[Path], settings: dict[str, Any]) -> dict[str, list[str]]:
    """The texts of every task and of the background, by name."""
    length = settings["characters_per_task"]
    texts: dict[str, list[str]] = {}
    for folder in folders:
        task = load_task(folder)
        own = settings.get("tasks", {}).get(task.name, {})
        shares = {name: own.get(name, settings[name]) for name in corpus.SHARES}
        texts[task.name] = corpus.documents(
            task, corpus.Mixture(**shares), length, settings["seed"]
        )
    share = settings["background"]
    extra = round(len(folders) * length * share / (1 - share))
    texts["background"] = corpus.background(extra, settings["seed"])
    return texts


def save(
    folder: Path,
    texts: dict[str, list[str]],
    tokenizer: tokens.Tokenizer,
    rows: dict[int, np.ndarray[Any, np.dtype[np.int32]]],
) -> None:
    """Write corpus, tokenizer and rows, and last the summary with their digest."""
    lines = (
        json.dumps({"task": name, "text": text}, ensure_ascii=False) + "\n"
        for name, own in texts.items()
        for text in own
    )
    write_text(folder / "corpus.jsonl", "".join(lines))
    tokens.save(tokenizer, folder)
    with whole(folder / "rows.npz") as beside:
        np.savez(
            beside, allow_pickle=False, **{str(length): array for length, array in rows.items()}
        )
    parts = [tokenizer.to_str(), *(str(n) + array.tobytes().hex() for n, array in rows.items())]
    summary = {
        "digest": digest(*parts),
        "vocabulary": tokenizer.get_vocab_size(),
        "tokens": sum(array.size for array in rows.values()),
        "rows": {str(length): len(array) for length, array in rows.items()},
        "texts": {name: len(own) for name, own in texts.items()},
    }
    write_json(folder / "corpus.json", summary)


if __name__ == "__main__":
    run(main)
