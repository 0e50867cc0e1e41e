"""Released files from public mirrors: the very bytes, or one line on what each mirror did."""

from __future__ import annotations

import io
import json
import socket
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from project import ROOT, TINY, Project
from released import complaint, declare, make, row
from ushaped.items.download import Mirror, download, read_mirrors
from ushaped.items.released import VARIABLE, Release
from ushaped.terms import OFFICIAL, ROUND_1

LISTED = ROOT / "tasks/mirrors.yaml"


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Addresses of this machine are asked for directly."""
    monkeypatch.setenv("no_proxy", "*")


class Server:
    """A web server on this machine; ``pages`` are what it serves, by path."""

    def __init__(self) -> None:
        self.pages: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.open = threading.Event()
        served = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                served.asked.append(self.path)
                if self.path == "/slow":
                    served.open.wait(10)
                    return
                if self.path in ("/endless", "/drip"):
                    self.send_response(200)
                    self.end_headers()
                    self.pour(*((b"x" * 100_000, 0) if self.path == "/endless" else (b"x", 0.05)))
                    return
                if self.path not in served.pages:
                    self.send_error(404)
                    return
                self.send_response(200)
                self.end_headers()
                self.wfile.write(served.pages[self.path])

            def pour(self, part: bytes, pause: float) -> None:
                try:
                    for _ in range(1000):
                        self.wfile.write(part)
                        if served.open.wait(pause):
                            return
                except OSError:
                    pass

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.root = f"http://127.0.0.1:{self.http.server_address[1]}"
        threading.Thread(target=self.http.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self.open.set()
        self.http.shutdown()
        self.http.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


@pytest.fixture
def wanted(tmp_path: Path) -> Release:
    return make(tmp_path / "mirror")


@pytest.fixture
def data(tmp_path: Path, wanted: Release) -> bytes:
    return (tmp_path / "mirror" / wanted.file).read_bytes()


def zipped(**files: bytes) -> bytes:
    """A zip with files by name."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


def test_the_file_is_taken_from_the_first_mirror_that_has_it(
    server: Server, wanted: Release, data: bytes
) -> None:
    server.pages["/b/neqa_classification.jsonl"] = data
    server.pages["/c/neqa_classification.jsonl"] = data
    mirrors = [Mirror(url=f"{server.root}/{name}/{{file}}") for name in "abc"]
    assert download("neqa", wanted, mirrors) == (data, f"{server.root}/b/{wanted.file}")
    assert server.asked == [f"/a/{wanted.file}", f"/b/{wanted.file}"]


def test_a_changed_byte_is_refused_with_both_digests(
    server: Server, wanted: Release, data: bytes
) -> None:
    server.pages["/neqa"] = data.replace(b"one", b"onE", 1)
    line = complaint(download, "neqa", wanted, [Mirror(urls={"neqa": f"{server.root}/neqa"})])
    assert f"(1) {server.root}/neqa serves another file (sha256 is " in line
    assert f"expected {wanted.sha256}" in line


def test_every_mirror_that_failed_is_listed_with_its_reason(
    server: Server, wanted: Release, data: bytes
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    server.pages |= {"/short": data[:-1], "/long": data + b"x", "/page": b"<html>"}
    paths = ["none", "short", "long", "slow", "endless"]
    mirrors = [Mirror(url=f"{server.root}/{path}") for path in paths]
    mirrors += [
        Mirror(url=f"http://127.0.0.1:{port}/x"),
        Mirror(url=f"{server.root}/page", archive=99),
    ]
    start = time.monotonic()
    line = complaint(download, "neqa", wanted, mirrors, 0.3)
    assert time.monotonic() - start < 5
    assert line.startswith("neqa_classification.jsonl: no public mirror serves it: (1) http://127")
    for place, words in enumerate(
        [
            "/none answers with HTTP status 404",
            f"/short serves another file (bytes is {wanted.bytes - 1}, expected {wanted.bytes}",
            f"/long serves more than {wanted.bytes} bytes, which is too much",
            "/slow cannot be reached (no answer within 0.3 s)",
            f"/endless serves more than {wanted.bytes} bytes",
            "/x cannot be reached (",
            "/page serves no zip that can be read (",
        ],
        start=1,
    ):
        assert words in line.split(f" ({place}) ")[1].split(f" ({place + 1}) ")[0]
    for word in (wanted.sha256, "official.mirror", VARIABLE):
        assert word in line.split("; ")[-1]


def test_a_mirror_that_serves_byte_by_byte_is_given_up(
    server: Server, wanted: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ushaped.items.download.PATIENCE", 0.4)
    start = time.monotonic()
    line = complaint(download, "neqa", wanted, [Mirror(url=f"{server.root}/drip")])
    assert "/drip took longer than 0.4 s" in line
    assert time.monotonic() - start < 3


def test_a_source_without_any_mirror_is_told(wanted: Release) -> None:
    line = complaint(download, "neqa", wanted, [Mirror(urls={"redefine": "http://127.0.0.1/"})])
    assert "no public mirror serves it: none is known; get the file" in line


# -- archives ----------------------------------------------------------------------------------


def test_a_file_is_found_in_any_folder_of_a_zip(
    server: Server, wanted: Release, data: bytes
) -> None:
    other = data.replace(b"one", b"onE", 1)
    packed = zipped(**{"isp/other.jsonl": other, f"__MACOSX/isp/._{wanted.file}": b"x"})
    server.pages["/without"] = packed
    server.pages["/with"] = zipped(**{"isp/other.jsonl": other, f"isp/{wanted.file}": data})
    mirrors = [Mirror(url=f"{server.root}/{name}", archive=10_000) for name in ("without", "with")]
    assert download("neqa", wanted, mirrors) == (data, f"{server.root}/with")


@pytest.mark.parametrize(
    ("content", "archive", "words"),
    [
        (lambda d: {"other.jsonl": d}, 10_000, "holds no neqa_classification.jsonl"),
        (lambda d: {"neqa_classification.jsonl": d + b" " * 10**6}, 10_000, "of more than "),
        (lambda d: {"neqa_classification.jsonl": d[:-1]}, 10_000, "serves another file (bytes is"),
        (lambda d: {"neqa_classification.jsonl": d}, 100, "serves more than 100 bytes"),
    ],
    ids=["another file", "far too long", "cut short", "too long an archive"],
)
def test_a_zip_with_another_content_is_refused(
    server: Server, wanted: Release, data: bytes, content: Any, archive: int, words: str
) -> None:
    server.pages["/zip"] = zipped(**content(data))
    mirror = Mirror(url=f"{server.root}/zip", archive=archive)
    assert words in complaint(download, "neqa", wanted, [mirror])


def test_a_zip_with_a_password_or_with_damage_is_refused(
    server: Server, wanted: Release, data: bytes
) -> None:
    packed = zipped(**{wanted.file: data})
    # The first bit of the flags says that a member is encrypted: at 6 here, at 8 in the directory.
    locked = bytearray(packed)
    locked[6] |= 1
    locked[packed.index(b"PK\x01\x02") + 8] |= 1
    server.pages |= {"/locked": bytes(locked), "/half": packed[: len(packed) // 2]}
    mirrors = [Mirror(url=f"{server.root}/{name}", archive=10_000) for name in ("locked", "half")]
    line = complaint(download, "neqa", wanted, mirrors)
    assert line.count("serves no zip that can be read (") == 2
    assert "password" in line


# -- the list ----------------------------------------------------------------------------------


def test_every_listed_mirror_says_where_its_layout_was_seen_and_whether_it_was_tried() -> None:
    listed = yaml.safe_load(LISTED.read_text(encoding="utf-8"))
    assert set(listed) == {OFFICIAL, ROUND_1}
    for one in [one for some in listed.values() for one in some]:
        assert set(one) - {"archive"} in ({"url", "verified", "seen"}, {"urls", "verified", "seen"})
        assert isinstance(one["verified"], bool)
        assert len(one["seen"]) > 20


@pytest.mark.parametrize("source", [OFFICIAL, ROUND_1])
def test_every_address_is_safe_and_leads_to_one_file(source: str) -> None:
    block = {OFFICIAL: "official", ROUND_1: "round1"}[source]
    found = 0
    for path in (ROOT / "tasks").glob("*/task.yaml"):
        facts = yaml.safe_load(path.read_text(encoding="utf-8")).get(block)
        for mirror in read_mirrors(LISTED, source) if facts else []:
            if address := mirror.address(path.parent.name, facts["file"]):
                found += 1
                assert address.startswith("https://")
                assert "{" not in address
                assert address.endswith(".zip" if mirror.archive else f"/{facts['file']}")
    assert found >= {OFFICIAL: 22, ROUND_1: 4}[source]


# -- the step and the workflow -----------------------------------------------------------------


def list_only(path: Path, *addresses: str) -> None:
    """Write a list of mirrors."""
    told = {OFFICIAL: [{"url": one, "verified": True, "seen": "here"} for one in addresses]}
    path.write_text(yaml.safe_dump(told), encoding="utf-8")


def test_the_step_writes_what_was_verified_or_nothing(
    server: Server, wanted: Release, data: bytes, tmp_path: Path
) -> None:
    folder, output = tmp_path / "neqa", tmp_path / "out/neqa.jsonl"
    folder.mkdir()
    (folder / "task.yaml").write_bytes((ROOT / "tasks/neqa/task.yaml").read_bytes())
    declare(folder, wanted)
    list_only(tmp_path / "mirrors.yaml", f"{server.root}/{{file}}")
    words = ["--task", str(folder), "--source", "official", "--mirror", ""]
    words += ["--mirrors", str(tmp_path / "mirrors.yaml"), "--output", str(output)]
    words += ["--origin", str(tmp_path / "out/origin.json"), "--lock", "no-such.yaml"]
    command = [sys.executable, str(ROOT / "scripts/acquire.py"), *words]
    server.pages[f"/{wanted.file}"] = data[:-2]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "serves another file" in done.stderr
    assert not output.parent.exists()
    server.pages[f"/{wanted.file}"] = data
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert output.read_bytes() == data
    made = {path.name for path in output.parent.iterdir()}
    assert made == {"neqa.jsonl", "origin.json"}
    assert f"taken from {server.root}/{wanted.file}, verified" in done.stderr


@pytest.mark.workflow
def test_without_a_mirror_the_workflow_downloads_and_a_new_list_runs_nothing(
    fresh: Project, server: Server, wanted: Release, data: bytes
) -> None:
    made = "results/tasks/official/neqa.jsonl"
    declare(fresh.folder / "tasks/neqa", wanted)
    fresh.configure(TINY | {"sources": {"neqa": ["official"]}})
    list_only(fresh.folder / "tasks/mirrors.yaml", f"{server.root}/{{file}}")
    around = {VARIABLE: "", "no_proxy": "*"}
    done = fresh.call(fresh.command("--", made), **around)
    assert done.returncode != 0
    assert "answers with HTTP status 404" in done.stdout
    assert not (fresh.folder / made).exists()
    server.pages[f"/{wanted.file}"] = data
    done = fresh.call(fresh.command("--", made), **around)
    assert done.returncode == 0, done.stdout
    assert (fresh.folder / made).read_bytes() == data
    list_only(fresh.folder / "tasks/mirrors.yaml", "http://127.0.0.1:9/elsewhere")
    done = fresh.call(fresh.command("--dry-run", "--", made), **around)
    assert "Nothing to be done" in done.stdout


def test_invented_rows_are_items_in_the_released_form() -> None:
    assert set(json.loads(row(0))) == {"prompt", "classes", "answer_index", "round", "part"}


def test_a_file_of_another_task_is_not_taken_for_this_one(
    server: Server, wanted: Release, data: bytes
) -> None:
    server.pages["/neqa"] = data
    mirror = Mirror(urls={"neqa": f"{server.root}/neqa"})
    assert "sha256 is" in complaint(download, "neqa", replace(wanted, sha256="0" * 64), [mirror])
