"""What is published where: ``literature/atlas.yaml``."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator

from ushaped import yaml_files
from ushaped.validation import Count, Distinct, InvalidError, Model, Share, Text, setting, validate


def _inside(path: str) -> str:
    if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
        raise InvalidError(f"'{path}' leaves its folder", "give a path inside the repository")
    return path


class PublishedFile(Model):
    """A file of a repository, and what it must be."""

    path: Annotated[Text, AfterValidator(_inside)] = setting("Path inside the repository.")
    bytes: int = setting("Its length.", ge=1)
    sha256: str = setting("SHA-256 of its content (hex).", pattern="^[0-9a-f]{64}$")


class PublishedClass(Model):
    """How the literature classes curves of a set."""

    by: Text = setting("Whose classes these are.")
    of: Text = setting("What is classed.")
    class_: Text = setting("The class.", alias="class")
    share: Share = setting("Share of what is classed that has the class.", None)
    groups: list[int] = setting("Groups of items that have the class.", [])
    rest: str = setting("Classes of the rest.", "")


class PublishedSet(Model):
    """A set of published results."""

    title: Text = setting("What the page calls it.")
    repository: str = setting("Owner and name on GitHub.", pattern=r"^[\w.-]+/[\w.-]+$")
    commit: str = setting("Full commit.", pattern="^[0-9a-f]{40}$")
    licence: Text = setting("Licence of the repository.")
    source: Text = setting("The paper.")
    about: Text = setting("What was measured.")
    reader: Literal["gadre", "olmo-ladder", "wu-lo"] = setting("Reader of its files.")
    pooled: str = setting("What models of all families on one axis are called, if they are.", "")
    items: dict[str, Count] = setting("Items of tasks of which its files give a wrong number.", {})
    published: list[PublishedClass] = setting("Classes that the literature gives its curves.", [])
    files: Distinct[PublishedFile] = setting("The files that are read.")

    @property
    def folder(self) -> str:
        """Its folder in a mirror."""
        return self.repository.replace("/", "__")

    def address(self, path: str) -> str:
        """Where a file is published."""
        return f"https://raw.githubusercontent.com/{self.repository}/{self.commit}/{path}"


def read_sources(path: str | Path) -> dict[str, PublishedSet]:
    """Read the sets by name.

    Raises
    ------
    UserError
        With file and key, if a set lacks something or has something unknown.
    """
    found = yaml_files.read_mapping(path)
    return {name: validate(PublishedSet, own, f"{path}, {name}") for name, own in found.items()}
