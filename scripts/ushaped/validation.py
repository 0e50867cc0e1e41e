"""Typed settings: models that refuse unknown keys, and one clear line for a value that is wrong."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    WrapValidator,
    create_model,
)

from ushaped.errors import UserError

T = TypeVar("T")
M = TypeVar("M", bound="Model")


class InvalidError(ValueError):
    """What is wrong and what to do, raised by a validator; ``key`` is relative to its model."""

    def __init__(self, what: str, do: str, key: str = "") -> None:
        super().__init__(what, do, key)


class Model(BaseModel):
    """Settings that cannot change, of exactly the declared keys and types."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


def setting(description: str, default: Any = ..., **options: Any) -> Any:
    """Declare a key of a `Model`; with default None it may be left out, but null is refused."""
    return Field(default, description=description, **options)


def changes(model: type[Model]) -> type[Model]:
    """The same keys, each of which may be left out, in all depths; without checks across keys."""
    fields: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        copied = copy(field)
        copied.default = None
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, Model):
            kind = changes(kind)
        fields[name] = (kind, copied)
    made: type[Model] = create_model(f"{model.__name__}Changes", __base__=Model, **fields)
    made.__doc__ = model.__doc__
    return made


def distinct(values: list[T]) -> list[T]:
    """The values, if none is there twice."""
    for number, value in enumerate(values):
        if value in values[:number]:
            raise InvalidError(f"{value!r} is there twice", "keep one")
    return values


# Checked as a number, but a whole number stays one: parameters of jobs show it as it is written.
AS_WRITTEN = WrapValidator(lambda value, check: (check(value), value)[1])
Number = Annotated[float, Field(allow_inf_nan=False), AS_WRITTEN]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False), AS_WRITTEN]
Count = Annotated[int, Field(ge=1)]
# Of one model: more would take Snakemake long to plan.
Shards = Annotated[int, Field(ge=1, le=1000)]
Text = Annotated[str, Field(pattern=r"\S")]
Distinct = Annotated[
    list[T],
    Field(min_length=1, json_schema_extra={"uniqueItems": True}),
    AfterValidator(distinct),
]
# One branch of a union is chosen before it is checked, so that one error says what is wrong.
Unknown = Annotated[Literal["unknown"], Tag("word")]
NUMBER_OR_WORD = Discriminator(lambda value: "word" if isinstance(value, str) else "number")

# What is wrong with a value, by pydantic's type of error.
WRONG = {
    "string_type": "is no text",
    "string_unicode": "holds half a character",
    "string_pattern_mismatch": "does not match '{pattern}'",
    "int_type": "is no whole number",
    "float_type": "is no number",
    "finite_number": "is no finite number",
    "bool_type": "is neither true nor false",
    "list_type": "is no list",
    "tuple_type": "is no list",
    "dict_type": "is no mapping",
    "model_type": "is no mapping",
    "literal_error": "is not {expected}",
    "greater_than": "is not more than {gt:g}",
    "greater_than_equal": "is less than the minimum of {ge:g}",
    "less_than": "is not less than {lt:g}",
    "less_than_equal": "is more than the maximum of {le:g}",
    "too_short": "is empty",
    "string_too_short": "is empty",
    "pattern_type": "is no regular expression",
    "pattern_regex": "is no regular expression",
}


def validate(model: type[M], value: Any, where: str) -> M:
    """Check a value against a model; ``where`` is what a message calls the file.

    Raises
    ------
    UserError
        One line for the most telling error: file, key, what is wrong, what to do.
    """
    try:
        return model.model_validate(value)
    except ValidationError as error:
        # A misspelt key is also one that is missing: its name tells more.
        errors = error.errors(include_url=False)
        worst = min(errors, key=lambda e: e["type"] != "extra_forbidden")
        raise _user_error(worst, model.model_json_schema(), where) from None


def unknown(where: str, what: str, name: str, known: Iterable[str]) -> UserError:
    """The error for a name that is not among the known ones, with the most similar of these."""
    do = _suggestion(name, known := list(known)) or f"use one of: {', '.join(known)}"
    return UserError(where, f"unknown {what} '{name}'", do)


def _suggestion(name: Any, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5) if isinstance(name, str) else []
    return f"did you mean '{near[0]}'?" if near else ""


def _user_error(error: Mapping[str, Any], schema: dict[str, Any], where: str) -> UserError:
    kind, value = error["type"], error["input"]
    *above, last = error["loc"] or ("",)
    if last == "[key]":
        *above, last = above
        is_key = True
    else:
        is_key = kind in ("missing", "extra_forbidden", "invalid_key")
    path, part = _locate(schema, above if is_key else error["loc"])
    place = ", ".join(filter(None, (where, ".".join(path))))
    if kind == "missing":
        return UserError(place, f"key '{last}' is missing", f"add '{last}:'")
    if kind == "extra_forbidden":
        return unknown(place, "key", str(last), sorted(part.get("properties", {})))
    if kind == "value_error":
        what, do, key = error["ctx"]["error"].args
        return UserError(f"{place}{'.' if path else ', '}{key}" if key else place, what, do)
    if is_key and not isinstance(last, str):
        return UserError(place, f"key {last!r} is no text", f"write '{last}' in quotes")
    if kind == "string_pattern_mismatch" and not value.strip():
        kind = "string_too_short"
    # Somebody may have written a password into a key that is only to be written.
    what = WRONG[kind].format(**error.get("ctx", {})) if kind in WRONG else error["msg"]
    shown = "its value" if part.get("writeOnly") else _shortened(repr(value))
    choices = part.get("enum") or part.get("propertyNames", {}).get("enum", [])
    advice = f"it should be: {part.get('description', '')}{_form(kind, value)}"
    what = f"{'key ' * is_key}{shown} {what}"
    return UserError(place, what, _suggestion(value, choices) or advice)


def _locate(schema: dict[str, Any], location: Sequence[str | int]) -> tuple[list[str], Any]:
    """The keys of pydantic's location, without its tags of unions, and the schema of the value."""
    path: list[str] = []
    part: dict[str, Any] = schema
    for key in location:
        if "oneOf" in part:
            branches = [one for one in part["oneOf"] if str(one.get("$ref")).endswith(f"/{key}")]
            below = branches[0] if branches else {}
        else:
            path.append(str(key))
            inner = part.get("additionalProperties") or part.get("items") or {}
            below = part.get("properties", {}).get(key, inner)
        named = schema.get("$defs", {}).get(below.get("$ref", "").removeprefix("#/$defs/"), {})
        part = {"description": part.get("description", "")} | named | below
    return path, part


def _form(kind: str, value: Any) -> str:
    """How a value of another type is written in YAML; "" where that is not what is wrong."""
    if kind == "string_type" and isinstance(value, int | float):
        return " (a text, so in quotes)"
    if kind == "bool_type" and isinstance(value, str):
        return " (write true or false)"
    numeric = kind in ("int_type", "float_type", "literal_error") and isinstance(value, str)
    return " (a number, so without quotes)" * (numeric and value.replace(".", "").isdecimal())


def _shortened(text: str, most: int = 300) -> str:
    return text if len(text) <= most else f"{text[:most]}..."
