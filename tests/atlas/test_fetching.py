"""Published files are taken only if every byte is as expected."""

from __future__ import annotations

from pathlib import Path

import pytest

import published_results
from released import complaint
from ushaped.atlas.fetching import VARIABLE, mirror_folder, take
from ushaped.atlas.sources import PublishedSet, read_sources
from ushaped.items.download import RefusedError

ROOT = Path(__file__).parents[2]


@pytest.fixture
def published(tmp_path: Path) -> PublishedSet:
    """A set of one invented model, which lies in a mirror."""
    folder = tmp_path / "mirror/owner__name"
    published_results.gadre(folder, {"a=1": {"copa": 0.5}})
    return published_results.source("gadre", folder)


def test_files_of_a_mirror_keep_their_paths_and_bytes(
    published: PublishedSet, tmp_path: Path
) -> None:
    take(published, str(tmp_path / "mirror"), tmp_path / "taken")
    for file in published.files:
        original = tmp_path / "mirror/owner__name" / file.path
        assert (tmp_path / "taken" / file.path).read_bytes() == original.read_bytes()


def test_a_changed_file_of_a_mirror_is_refused_and_nothing_is_left(
    published: PublishedSet, tmp_path: Path
) -> None:
    path = tmp_path / "mirror/owner__name" / published.files[0].path
    path.write_bytes(path.read_bytes() + b" ")
    line = complaint(take, published, str(tmp_path / "mirror"), tmp_path / "taken")
    assert str(path) in line
    assert "bytes is" in line
    assert [one.name for one in tmp_path.iterdir()] == ["mirror"]


def test_a_missing_file_of_a_mirror_names_the_setting(
    published: PublishedSet, tmp_path: Path
) -> None:
    line = complaint(take, published, str(tmp_path / "nowhere"), tmp_path / "taken")
    assert "atlas.mirror" in line
    assert VARIABLE in line


def test_files_are_downloaded_at_their_commit(published: PublishedSet, tmp_path: Path) -> None:
    asked = []

    def fetch(address: str, most: int, silence: float) -> bytes:
        asked.append(address)
        path = address.split(f"{published_results.COMMIT}/")[1].replace("%3D", "=")
        return (tmp_path / "mirror/owner__name" / path).read_bytes()

    take(published, "", tmp_path / "taken", fetch)
    start = f"https://raw.githubusercontent.com/owner/name/{published_results.COMMIT}/exp_data/"
    assert len(asked) == len(published.files)
    assert all(address.startswith(start) for address in asked)


def test_a_download_of_another_file_is_refused(published: PublishedSet, tmp_path: Path) -> None:
    line = complaint(take, published, "", tmp_path / "taken", lambda *_: b"another")
    assert "serves another file" in line


def test_an_address_that_serves_nothing_is_named(published: PublishedSet, tmp_path: Path) -> None:
    def fetch(address: str, most: int, silence: float) -> bytes:
        raise RefusedError("answers with HTTP status 404")

    line = complaint(take, published, "", tmp_path / "taken", fetch)
    assert "HTTP status 404" in line
    assert "raw.githubusercontent.com" in line


def test_the_setting_goes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "/one")
    assert mirror_folder("") == "/one"
    assert mirror_folder("/two") == "/two"


def test_every_file_of_the_literature_has_its_commit_length_and_digest() -> None:
    sets = read_sources(ROOT / "literature/atlas.yaml")
    assert {name: len(own.files) for name, own in sets.items()} == {
        "gadre-2024": 209,
        "olmo-ladder-2024": 30,
        "wu-lo-2024": 12,
    }


@pytest.mark.parametrize("path", ["/etc/passwd", "../else"])
def test_a_path_that_leaves_the_repository_is_refused(tmp_path: Path, path: str) -> None:
    text = (ROOT / "literature/atlas.yaml").read_text(encoding="utf-8")
    wrong = tmp_path / "atlas.yaml"
    wrong.write_text(text.replace("exp_data/eval_metadata.csv", path), encoding="utf-8")
    assert "leaves its folder" in complaint(read_sources, wrong)
