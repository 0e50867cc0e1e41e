"""The registry of model families: ``config/models.yaml``, and a user's own files beside it."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from ushaped import yaml_files
from ushaped.errors import UserError
from ushaped.models.load import UNKNOWN
from ushaped.terms import LADDER
from ushaped.validation import (
    AS_WRITTEN,
    NUMBER_OR_WORD,
    Count,
    Distinct,
    InvalidError,
    Model,
    Number,
    Shards,
    Unknown,
    setting,
    validate,
)

FILE = "config/models.yaml"
# Names become folders and words of command lines. Fewer than a file system's 255 bytes.
NAME = re.compile(r"[0-9A-Za-z_][0-9A-Za-z._-]{0,99}")
# Keys that say where the weights are, and the optional ones beside them.
WEIGHTS = (
    (("hub", "revision"), ()),
    (("path",), ()),
    (("package", "gguf", "sha256"), ()),
    (
        ("endpoint", "served_as"),
        (
            *("key_variable", "concurrency", "timeout", "retries"),
            *("api", "limit_parameter", "omit", "context"),
        ),
    ),
)
# Keys of a chat endpoint alone.
CHAT_ENDPOINT = ("limit_parameter", "omit", "context")
# What looks like the key of a server, or like a password in an address.
SECRET = re.compile(
    r"\bsk-(?=[\w-]*\d)[\w-]{16,}|\b(hf|gsk|ghp)_[A-Za-z0-9]{20,}|\bxai-[A-Za-z0-9]{20,}"
    r"|\bAIza[\w-]{30,}|\bBearer\s+\S{8,}|\w://[^/\s@]*:[^/\s@]+@"
)


def _check_name(name: str) -> str:
    if not NAME.fullmatch(name):
        raise InvalidError(
            f"{name!r} is not a valid name",
            "use at most 100 of a-z, A-Z, 0-9, '.', '_' and '-', with no '.' or '-' first",
        )
    return name


Name = Annotated[str, AfterValidator(_check_name)]
Folder = Annotated[str, AfterValidator(os.path.expanduser)]
# Keys of YAML files are read as texts.
Budget = Annotated[str, Field(pattern=r"^(0|[1-9]\d*)$")]


LICENCE = "Licence of the weights, as the hub names it."
GATED = "Whether the hub gives the weights only to accounts that have accepted the licence."
DISTILLED = "The model whose outputs it was trained on; training_flops leaves that model out."


class Architecture(Model):
    """Sizes of a transformer with as many key heads as query heads."""

    layers: Count = setting("Number of layers.")
    hidden: Count = setting("Width of the residual stream.")
    vocabulary: Count = setting("Rows of the vocabulary matrix.")


class Entry(Model):
    """Numbers of one model, and where its weights are."""

    hub: str = setting("Repository on the Hugging Face hub.", None)
    revision: str = setting("Commit hash or branch.", None)
    path: Folder = setting(
        "Folder with config.json and safetensors weights and tokenizer; ~ is the home folder.",
        None,
        min_length=1,
    )
    package: str = setting("Installed Python package that brings the weights.", None, min_length=1)
    gguf: str = setting(
        "Its GGUF file, as a path below the folder that packages are installed into.", None
    )
    sha256: str = setting("SHA-256 of that file.", None, pattern="^[0-9a-f]{64}$")
    # The values of these two are never shown: somebody may have written a password into them.
    endpoint: str = setting(
        "Address of an OpenAI-compatible server, with /v1; without user, password or key.",
        None,
        pattern=r"^https?://[^@?#\s]+$",
        json_schema_extra={"writeOnly": True},
    )
    key_variable: str = setting(
        "Name, in capitals, of the environment variable with the server's key; never the key.",
        None,
        pattern="^[A-Z][A-Z0-9_]*$",
        json_schema_extra={"writeOnly": True},
    )
    served_as: str = setting("Name by which the server knows the model.", None)
    concurrency: Count = setting("Most requests to the server at a time (default 4).", None)
    timeout: Number = setting(
        "Seconds without an answer after which a request is given up (default 120).", None, gt=0
    )
    retries: int = setting(
        "How often a request that may succeed later is sent again (default 6).", None, ge=0
    )
    api: Literal["completions", "chat"] = setting(
        "What is asked at the address: completions with log-probabilities of the prompt (default), "
        "or chat, for variants in which the model writes its answer.",
        None,
    )
    limit_parameter: Literal["max_tokens", "max_completion_tokens"] = setting(
        "Of a chat endpoint: what it calls the limit of an answer (default max_tokens).", None
    )
    omit: Distinct[Literal["temperature", "seed", "logprobs"]] = setting(
        "Of a chat endpoint: what it refuses, so that it is never sent.", None
    )
    context: Count = setting(
        "Of a chat endpoint that does not say itself: most tokens of a prompt with its answer.",
        None,
    )
    size: Name = setting("What the report calls this size, in letters, digits, '.', '_' and '-'.")
    seed: int = setting(
        "Seed of the training run (default 0); models of one size differ in it alone.", None, ge=0
    )
    gpus: Count = setting(
        "GPUs that the weights are spread over, where scoring.device is cuda (default 1).", None
    )
    shards: Shards = setting(
        "Jobs that its prompts are split into, each with its own GPUs; left out, scoring.shards.",
        None,
    )
    source: str = setting("Where the numbers of this model come from.", None)
    licence: str = setting(LICENCE, None)
    gated: bool = setting(GATED, None)
    distilled: str = setting(DISTILLED, None)
    architecture: Architecture = setting(
        "Sizes for `snakemake plan`, as long as the weights, which have them too, are not here.",
        None,
    )
    parameters: Annotated[
        Annotated[int, Field(ge=1, le=10**15), Tag("number")] | Unknown, NUMBER_OR_WORD
    ] = setting("All parameters, or the text unknown.")
    active_parameters: Annotated[int, Field(ge=1, le=10**15)] = setting(
        "Parameters that a token passes through, of a mixture of experts; 6ND counts these.", None
    )
    non_embedding_parameters: Annotated[
        Annotated[int, Field(ge=0, le=10**15), Tag("number")] | Unknown, NUMBER_OR_WORD
    ] = setting(
        "Parameters without the token and position embeddings and the output layer, or the text "
        "unknown."
    )
    training_tokens: Annotated[
        Annotated[float, Field(gt=0, le=1e18, allow_inf_nan=False), AS_WRITTEN, Tag("number")]
        | Unknown,
        NUMBER_OR_WORD,
    ] = setting("Tokens seen in training, or the text unknown.")
    training_flops: Annotated[
        Annotated[float, Field(gt=0, le=1e35, allow_inf_nan=False), AS_WRITTEN, Tag("number")]
        | Annotated[Literal["6ND", "unknown"], Tag("word")],
        NUMBER_OR_WORD,
    ] = setting(
        "A number stated by the source, the text 6ND for 6 x parameters x tokens (the active "
        "parameters of a mixture of experts), or the text unknown."
    )

    @model_validator(mode="after")
    def _check(self) -> Entry:
        # No key of another way: a sha256 beside a path would look as if it were compared.
        keys = {key for needed, more in WEIGHTS for key in (*needed, *more)} & self.model_fields_set
        if not any({*needed} <= keys <= {*needed, *more} for needed, more in WEIGHTS):
            ways = "; ".join(" and ".join(map(repr, needed)) for needed, _ in WEIGHTS)
            what = f"has {', '.join(sorted(keys)) or 'no key'} for its weights"
            raise InvalidError(what, f"give exactly one of: {ways}")
        if self.endpoint and self.shards:
            what = f"is {self.shards}, but a model on a server is one job"
            do = "leave it out; 'concurrency' sends several requests at once"
            raise InvalidError(what, do, "shards")
        for key in CHAT_ENDPOINT:
            if self.endpoint and self.api != "chat" and getattr(self, key) is not None:
                raise InvalidError("is of chat endpoints alone", "add 'api: chat'", key)
        if isinstance(self.parameters, int) and (self.active_parameters or 0) > self.parameters:
            what = f"is {self.active_parameters}, more than all {self.parameters} parameters"
            raise InvalidError(what, "correct one of them", "active_parameters")
        counted = "parameters" if self.active_parameters is None else "active_parameters"
        for key in (counted, "training_tokens"):
            if self.training_flops == "6ND" and getattr(self, key) == UNKNOWN:
                do = f"write {UNKNOWN} here too, or the number of the source"
                raise InvalidError(f"is 6ND, but {key} is {UNKNOWN}", do, "training_flops")
        return self


class PublishedSizes(Model):
    """Sizes without weights whose published results are points of the family's curves."""

    series: str = setting("A series of literature/series.csv.")
    sizes: Distinct[str] = setting("Which of its sizes.")


class Thinking(Model):
    """How the models of a family think before they answer, and how a server is told for how long.

    Of a chat endpoint, ``parameter`` or ``template_argument`` carries the budget k of think-k.
    """

    open: str = setting(
        "The text before a thought, with its blanks and line breaks.", None, min_length=1
    )
    close: str = setting(
        "The text after a thought, with its blanks and line breaks.", None, min_length=1
    )
    parameter: str = setting(
        "Of a chat endpoint: the key of a request that carries the budget, as in reasoning_effort; "
        "a dot leads to a key within a key, as in reasoning.max_tokens.",
        None,
        pattern=r"^\w+(\.\w+)*$",
    )
    template_argument: str = setting(
        "Of a chat endpoint: the variable of the chat template that carries the budget, sent in "
        "chat_template_kwargs.",
        None,
        pattern=r"^\w+$",
    )
    values: dict[Budget, bool | int | float | str] = setting(
        "What stands for each budget, as in {0: none, 64: low}; left out, its number of tokens. "
        "That of 0 is sent where a model shall answer without thinking.",
        None,
        min_length=1,
        json_schema_extra={"additionalProperties": False},
    )

    @model_validator(mode="after")
    def _check(self) -> Thinking:
        if (self.open is None) != (self.close is None):
            missing = "open" if self.open is None else "close"
            raise InvalidError(f"key '{missing}' is missing", f"add '{missing}:'")
        if self.parameter and self.template_argument:
            what = "has both 'parameter' and 'template_argument'"
            raise InvalidError(what, "keep the one that the server knows")
        if self.values and not (self.parameter or self.template_argument):
            what = "is there, but nothing carries them"
            raise InvalidError(what, "add 'parameter' or 'template_argument'", "values")
        return self


THINKING = (
    "For the variant think-k: the tags around what the models of a family think (left out, those "
    "that the tokenizer has as tokens), and what carries the budget to a chat endpoint."
)


class Trained(Model):
    """The family that this workflow trains."""

    description: str = setting("What the family is, in a sentence.", None)
    thinking: Thinking = setting(THINKING, None)
    trained: Literal["ladder"] = setting("The key of the configuration that says how.")


class Released(Model):
    """A family of models whose weights are on a hub, in a folder or a package, or with a server."""

    description: str = setting("What the family is, in a sentence.", None)
    source: str = setting("Where the numbers come from.", None)
    bos: Literal["default", "always", "never"] = setting(
        "Whether prompts begin with the beginning-of-sequence token; default is what the tokenizer "
        "does by itself.",
        None,
    )
    trust_remote_code: bool = setting(
        "Run Python code that comes with the weights. Leave it out unless you have read it.", None
    )
    chat: Literal["template", "off"] = setting(
        "With 'template', prompts go through the chat template of the model's tokenizer, as the "
        "message of a user; the protocol of every number is then modified.",
        None,
    )
    system_prompt: str = setting(
        "The system message before it; empty for an empty one. Left out, the template may bring "
        "its own, which the report shows.",
        None,
    )
    template_arguments: dict[str, bool | int | float | str] = setting(
        "Variables of the chat template, for instance enable_thinking: false.", None
    )
    thinking: Thinking = setting(THINKING, None)
    chat_of: Name = setting(
        "The family of base models that these were made from: the report compares the two, size "
        "by size.",
        None,
    )
    licence: str = setting(LICENCE, None)
    gated: bool = setting(GATED, None)
    distilled: str = setting(DISTILLED, None)
    chain_tokens: Count = setting(
        "Longest chain of thought of its models, in tokens, of tasks without a chain.tokens of "
        "their own (256 where a model reasons in sentences); left out, scoring.chain_tokens.",
        None,
    )
    published: PublishedSizes = setting(
        "Sizes without weights whose published results are points of the family's curves, on "
        "official items, zero-shot.",
        None,
    )
    models: dict[Name, Entry] = setting("Models by name, smallest first.", min_length=1)

    @model_validator(mode="after")
    def _check(self) -> Released:
        served = [name for name, entry in self.models.items() if entry.endpoint]
        if served and self.bos not in (None, "default"):
            what = f"is {self.bos}, but the server of {served[0]} decides what a text begins with"
            raise InvalidError(what, "say default, or put the model into another family", "bos")
        self._check_chat()
        entries = self.models.items()
        runs: dict[tuple[str, int], str] = {}
        for name, entry in entries:
            twin = runs.setdefault((entry.size, entry.seed or 0), name)
            if twin != name:
                raise InvalidError(
                    f"{twin} and {name} are both size '{entry.size}', seed {entry.seed or 0}",
                    "give them different sizes or seeds",
                    "models",
                )
        unordered = [name for name, entry in entries if entry.training_flops == UNKNOWN]
        unsized = [name for name, entry in entries if entry.parameters == UNKNOWN]
        if unordered and unsized:
            raise InvalidError(
                f"its sizes have no order: training_flops of {unordered[0]} and parameters of "
                f"{unsized[0]} are {UNKNOWN}",
                "give one of them, or leave that model out",
            )
        return self

    def _check_chat(self) -> None:
        """All models of a family are asked in one way, or variants of it would bear two names."""
        chats = [name for name, entry in self.models.items() if entry.api == "chat"]
        others = [name for name, entry in self.models.items() if entry.api != "chat"]
        texts = [name for name in others if self.models[name].endpoint]
        if chats and self.chat == "off":
            what = f"is off, but {chats[0]} is asked by chat"
            raise InvalidError(what, "take it out", "chat")
        if self.chat == "template" and texts:
            what = f"is template, but the tokenizer of {texts[0]} is on its server"
            raise InvalidError(what, "take it out, or add 'api: chat' to the model", "chat")
        if chats and others and self.chat != "template":
            what = f"{chats[0]} is asked by chat, and {others[0]} is not"
            raise InvalidError(what, "put one of them into another family", "models")
        for key in ("system_prompt", "template_arguments"):
            if getattr(self, key) is not None and self.chat != "template" and not chats:
                what = "is there, but prompts do not go through a chat template"
                raise InvalidError(what, "add 'chat: template', or take it out", key)


def _kind(family: Any) -> str:
    is_trained = isinstance(family, Trained) or (isinstance(family, dict) and "trained" in family)
    return "Trained" if is_trained else "Released"


Family = Annotated[
    Annotated[Trained, Tag("Trained")] | Annotated[Released, Tag("Released")], Discriminator(_kind)
]


class Registry(Model):
    """The families that a configuration may name, and where every number comes from."""

    families: dict[Name, Family] = setting(
        "Families by name; the models of one differ in scale alone. Names of families and models "
        "are letters, digits, '.', '_' and '-', with no '.' or '-' first."
    )

    @model_validator(mode="after")
    def _check(self) -> Registry:
        for name, family in self.families.items():
            if isinstance(family, Trained) and name != LADDER:
                what = f"'{name}' is trained here, but only '{LADDER}' is so in this file"
                do = "put what it changes into the configuration, under 'ladders'"
                raise InvalidError(what, do, "families")
        return self


def read_families(path: Path, where: str = FILE) -> dict[str, Any]:
    """Read the families of one file; ``~`` in the folders of their models is replaced.

    Raises
    ------
    UserError
        Naming the first wrong key.
    """
    content = yaml_files.read_mapping(path)
    _refuse_secrets(content, where)
    registry = validate(Registry, content, where)
    families: dict[str, Any] = registry.model_dump(exclude_unset=True)["families"]
    return families


def _refuse_secrets(value: Any, where: str, path: Sequence[str] = ()) -> None:
    """Refuse a text that looks like a key or holds a password, without showing it."""
    if isinstance(value, dict):
        for key, below in value.items():
            _refuse_secrets(below, where, (*path, str(key)))
    elif isinstance(value, list):
        for below in value:
            _refuse_secrets(below, where, path)
    elif isinstance(value, str) and SECRET.search(value):
        raise UserError(
            ", ".join(filter(None, (where, ".".join(path)))),
            "looks like a key or a password (it is not shown)",
            "take it out, make it invalid, and name the environment variable with the key in "
            "key_variable",
        )


def read_registry(root: Path, files: Iterable[str] = ()) -> dict[str, Any]:
    """Read the families of ``config/models.yaml`` and of a user's own files.

    Parameters
    ----------
    root : Path
        Folder of this project.
    files : iterable of str
        Their paths.

    Returns
    -------
    dict
        Families by name; those of a user's own file have its path under ``file``.

    Raises
    ------
    UserError
        Naming the first wrong key, or the first family that is there twice.
    """
    families = join_families([root / FILE, *map(Path, files)], FILE)
    for name, family in families.items():
        if "published" in family:
            where = f"{file_of(family)}, families.{name}.published"
            _check_published(where, family, root / "literature" / "series.csv")
    return families


def join_families(paths: Sequence[Path], first: str) -> dict[str, Any]:
    """The families of several files, each a name of its own; see `read_registry`.

    ``first`` is what messages call the first file.
    """
    families = read_families(paths[0], first)
    for path in paths[1:]:
        for name, family in read_families(path, str(path)).items():
            if name in families:
                what = f"'{name}' is a family of {file_of(families[name])} too"
                raise UserError(f"{path}, families", what, "give it another name")
            families[name] = family | {"file": str(path)}
    for name, family in families.items():
        base = family.get("chat_of")
        if base is not None and (base not in families or base == name):
            raise UserError(
                f"{file_of(family)}, families.{name}.chat_of",
                f"'{base}' is no other family of the registry",
                "name the family of its base models",
            )
    return families


def file_of(family: Mapping[str, Any]) -> str:
    """The file in which a family is described."""
    return str(family.get("file", FILE))


def points(chosen: Iterable[str], families: Mapping[str, Any]) -> dict[str, Any]:
    """Series and sizes of the published points of the chosen families, by family."""
    found = {name: families.get(name, {}).get("published") for name in chosen}
    return {name: about for name, about in found.items() if about}


def _check_published(where: str, family: Mapping[str, Any], series: Path) -> None:
    with open(series, encoding="utf-8", newline="") as handle:
        known = [(row["series"], row["size"]) for row in csv.DictReader(handle) if row["size"]]
    wanted, own = family["published"], {entry["size"] for entry in family["models"].values()}
    sizes = {size for name, size in known if name == wanted["series"]}
    if not sizes:
        names = ", ".join(sorted({name for name, _ in known}))
        raise UserError(f"{where}.series", f"unknown '{wanted['series']}'", f"use one of: {names}")
    for size in wanted["sizes"]:
        if size not in sizes:
            raise UserError(
                f"{where}.sizes",
                f"{wanted['series']} has no size '{size}'",
                f"use one of: {', '.join(sorted(sizes))}",
            )
        if size in own:
            raise UserError(
                f"{where}.sizes", f"'{size}' is a model of the family too", "take one of them out"
            )
