"""What ``own`` of ``task.yaml`` says of a user's own items: where they are, in which columns."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, WithJsonSchema, model_validator

from ushaped.validation import Count, InvalidError, Model, Text, setting


def _check_class_columns(value: Any) -> Any:
    names = value if isinstance(value, list) and len(value) > 1 else [value]
    if not all(isinstance(name, str) and name.strip() for name in names):
        do = "name the column that holds the classes, or, in a list, the columns of one class each"
        raise InvalidError(f"{value!r} names no column", do)
    return value


ClassColumns = Annotated[
    Any,
    AfterValidator(_check_class_columns),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": r"\S"},
                {"type": "array", "items": {"type": "string", "pattern": r"\S"}, "minItems": 2},
            ]
        }
    ),
]


# Which keys go with which place of a user's own items.
PLACE_KEYS = {
    ("revision",): ("hub",),
    ("subset", "split"): ("folder", "hub"),
    ("bytes", "sha256"): ("file",),
}


class OwnColumns(Model):
    """The column that holds each part of an item; left out, the one of that name.

    A dot leads into a column of structures, as in choices.text.
    """

    prompt: Text = setting("Column of the prompt.", None)
    other_prompt: Text = setting("Column of the prompt that log odds compare it with.", None)
    completion: Text = setting("Column of the completion.", None)
    classes: ClassColumns = setting(
        "Column of the classes, a list or its text as in ['A', 'B'], or a list of columns with one "
        "class each.",
        None,
    )
    answer_index: Text = setting("Column of the right class's number, from 0.", None)
    distractor_index: Text = setting("Column of the distractor class's number, from 0.", None)
    part: Text = setting("Column of the number of the sub-task.", None)
    template: Text = setting("Column of the number of the template.", None)


class OwnItems(Model):
    """A user's own items. Those of rows, bytes and sha256 that are given are held against them."""

    file: Text = setting(
        "File in the folder of the task, or its path: JSON lines, or by its ending .csv, .tsv or "
        ".parquet.",
        None,
    )
    folder: Text = setting(
        "Folder of a Hugging Face dataset, in the folder of the task, or its path.", None
    )
    hub: str = setting(
        "Dataset of the Hugging Face hub, as in owner/name.", None, pattern=r"^[\w.-]+(/[\w.-]+)?$"
    )
    revision: Text = setting("Commit hash or branch of the dataset on the hub.", None)
    subset: Text = setting("Configuration of the dataset, where it has several.", None)
    split: Text = setting("Split of the dataset, as in test.", None)
    columns: OwnColumns = setting(
        "The column that holds each part of an item; left out, the one of that name.", OwnColumns()
    )
    leading_space: bool = setting(
        "Whether a space is put before every class and completion that begins with none.", False
    )
    rows: Count = setting("Number of items; left out, as many as there are.", None)
    bytes: Count = setting("Length of file, as `wc -c` counts bytes; left out, any.", None)
    sha256: str = setting(
        "The 64 digits of `sha256sum` of file; left out, any.", None, pattern="^[0-9a-f]{64}$"
    )

    @model_validator(mode="after")
    def _check(self) -> OwnItems:
        places = [key for key in ("file", "folder", "hub") if getattr(self, key) is not None]
        if len(places) != 1:
            what = f"both {' and '.join(places)} are there" if places else "key 'file' is missing"
            raise InvalidError(what, "say where the items are by one of file, folder and hub")
        for keys, allowed in PLACE_KEYS.items():
            for key in keys:
                if getattr(self, key) is not None and places[0] not in allowed:
                    what = f"goes with {' or '.join(allowed)}, not with {places[0]}"
                    raise InvalidError(what, "take it out", key)
        if self.hub is not None and self.revision is None:
            raise InvalidError("key 'revision' is missing", "add it, as in revision: main")
        return self
