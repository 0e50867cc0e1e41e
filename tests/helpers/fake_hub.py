"""A hub on this machine that says as much as fetching a model needs, for tests."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

HEAD = json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
FILES = {
    "config.json": b"{}",
    "tokenizer.json": b'{"first": true}',
    "model.safetensors": len(HEAD).to_bytes(8, "little") + HEAD + b"1234",
    "README.md": b"not wanted",
}
NAME = "someone/small"
ENTRY = {
    "hub": NAME,
    "revision": "main",
    "size": "1k",
    "parameters": 1000,
    "non_embedding_parameters": 500,
    "training_tokens": "unknown",
    "training_flops": "unknown",
}


@dataclass
class Hub:
    """Repositories with branches, and the files of their commits.

    ``asked`` lists the paths of all requests; repositories in ``gated`` are refused.
    """

    branches: dict[str, dict[str, str]] = field(default_factory=dict)
    files: dict[tuple[str, str], dict[str, bytes]] = field(default_factory=dict)
    gated: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    url: str = ""

    def push(self, repository: str, branch: str, files: dict[str, bytes]) -> str:
        """Make a commit of these files the head of a branch; return its hash."""
        commit = hashlib.sha1(repr((branch, sorted(files.items()))).encode()).hexdigest()
        self.branches.setdefault(repository, {})[branch] = commit
        self.files[repository, commit] = files
        return commit

    def answer(self, path: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body for a path without its query."""
        self.asked.append(path)
        # A dataset's address begins with the word, as the names of its files do.
        path = path.replace("/api/datasets/", "/api/models/datasets/")
        if found := re.fullmatch(r"/api/models/((?:datasets/)?[^/]+/[^/]+)/revision/(.+)", path):
            repository, revision = found.groups()
            commit = self.branches.get(repository, {}).get(revision)
            if commit is None:
                return 404, {"X-Error-Code": "RevisionNotFound"}, b"{}"
            return 200, {}, json.dumps({"id": repository, "sha": commit}).encode()
        if found := re.fullmatch(r"/api/models/((?:datasets/)?[^/]+/[^/]+)/tree/(\w+)", path):
            repository, commit = found.groups()
            if repository in self.gated:
                return 403, {"X-Error-Code": "GatedRepo"}, b"{}"
            listed = [
                {"type": "file", "path": name, "size": len(data), "oid": _oid(data)}
                for name, data in self.files[repository, commit].items()
            ]
            return 200, {}, json.dumps(listed).encode()
        if found := re.fullmatch(r"/((?:datasets/)?[^/]+/[^/]+)/resolve/(\w+)/(.+)", path):
            repository, commit, name = found.groups()
            if repository in self.gated:
                return 403, {"X-Error-Code": "GatedRepo"}, b""
            data = self.files[repository, commit][name]
            return 200, {"X-Repo-Commit": commit, "ETag": f'"{_oid(data)}"'}, data
        return 404, {}, b"{}"


def environment(hub: Hub, folder: Path) -> dict[str, str]:
    """What sends the libraries to that hub, with nothing of this machine."""
    return {
        "HF_ENDPOINT": hub.url,
        "HF_HOME": str(folder / "hf"),
        "HF_TOKEN": "hf_secret",
        "HF_HUB_OFFLINE": "0",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "NO_PROXY": "127.0.0.1",
    }


def _oid(data: bytes) -> str:
    return hashlib.sha1(data).hexdigest()


@contextmanager
def served() -> Iterator[Hub]:
    """A hub that answers at its ``url`` until the block ends."""
    hub = Hub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            status, headers, body = hub.answer(self.path.split("?")[0])
            self.send_response(status)
            for name, value in ({"Content-Length": str(len(body))} | headers).items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        do_HEAD = do_GET  # noqa: N815 - the name that http.server calls

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    hub.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
