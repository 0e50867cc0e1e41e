"""The JSON schemas for editors: generated from the models, and complete."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
import yaml

from project import ROOT
from ushaped.schemas import schemas

FOLDER = ROOT / "config/schema"
READ = {name: yaml.safe_load(text) for name, text in schemas().items()}


def test_the_committed_schemas_are_current() -> None:
    committed = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.yaml")}
    assert committed == schemas(), "run: python -m ushaped.schemas config/schema"


def parts(schema: Any, place: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every part of a schema that describes an object, with its place."""
    if isinstance(schema, dict):
        if schema.get("type") == "object" or "properties" in schema:
            yield place or "/", schema
        for key, value in schema.items():
            yield from parts(value, f"{place}/{key}")


OBJECTS = [
    pytest.param(schema, part, id=f"{name.split('.')[0]}:{place}")
    for name, schema in READ.items()
    for place, part in parts(schema)
]


@pytest.mark.parametrize(("schema", "part"), OBJECTS)
def test_an_object_refuses_unknown_keys(schema: dict[str, Any], part: dict[str, Any]) -> None:
    # Either no other key, or (for names that the user gives) a rule for each of their values.
    others = part.get("additionalProperties")
    assert others is False or isinstance(others, dict)


@pytest.mark.parametrize(("schema", "part"), OBJECTS)
def test_every_key_is_described(schema: dict[str, Any], part: dict[str, Any]) -> None:
    for name, below in part.get("properties", {}).items():
        named = schema["$defs"].get(below.get("$ref", "").split("/")[-1], {})
        assert (named | below).get("description"), name


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("config/config.yaml", "config"),
        ("config/models.yaml", "models"),
        ("tasks/*/task.yaml", "task"),
    ],
)
def test_the_files_of_this_project_fit_their_schemas(pattern: str, name: str) -> None:
    validator = jsonschema.Draft202012Validator(READ[f"{name}.schema.yaml"])
    paths = list(ROOT.glob(pattern))
    assert paths
    for path in paths:
        validator.validate(yaml.safe_load(path.read_text(encoding="utf-8")))
