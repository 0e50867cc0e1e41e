"""The output folder: which files belong to what was measured."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from ushaped.results.folder import Results


def test_files_bear_the_names_of_the_configuration_and_only_those_of_what_was_asked(
    tmp_path: Path,
) -> None:
    results = Results(tmp_path, tmp_path / "tasks", tmp_path / "literature")
    rows = [
        ("base", "neqa", "zero-shot"),
        ("base", "neqa", "zero-shot-generated"),
        # A chat endpoint, which is asked for written answers alone.
        ("talker", "neqa", "zero-shot-chat-generated"),
        # Pooled over seeds, and an average over tasks.
        ("", "neqa", "zero-shot"),
        ("base", "ten-task-average", "zero-shot"),
    ]
    columns = ["model", "task", "variant"]
    results.__dict__["metrics"] = pd.DataFrame(rows, columns=columns).assign(source="replica")
    assert [path.relative_to(tmp_path).as_posix() for path in results.scores] == [
        "scores/base/replica/neqa/zero-shot.parquet",
        "scores/base/replica/neqa/zero-shot-generated.parquet",
        "scores/talker/replica/neqa/zero-shot-generated.parquet",
    ]
    prompts = results.prompts["replica", "neqa", "zero-shot-chat-generated"]
    assert prompts == tmp_path / "prompts/replica/neqa/zero-shot-generated.parquet"
