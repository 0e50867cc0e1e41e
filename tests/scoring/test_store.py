"""The store: rows by key, whole parts, nothing lost by dying, damage, company or a full disk."""

from __future__ import annotations

import errno
import fcntl
import json
import multiprocessing
import os
import resource
import signal
import threading
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from ushaped.errors import UserError
from ushaped.scoring import store as store_module
from ushaped.scoring.store import Store, key


def opened(folder: Path) -> tuple[Store, list[str]]:
    """A store and what it says."""
    said: list[str] = []
    return Store(folder, said.append), said


def row(number: int) -> dict[str, Any]:
    """A value."""
    return {"log_likelihood": -number / 3, "text": "é\n" * number}


def test_what_was_added_is_there_when_the_store_is_opened_again(tmp_path: Path) -> None:
    first, _ = opened(tmp_path)
    first.add({"a": row(1), "b": row(2)})
    first.add({"c": row(3)})
    again, said = opened(tmp_path)
    assert again.rows == first.rows == {"a": row(1), "b": row(2), "c": row(3)}
    assert said == []
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("harm", ["cut", "flip", "empty", "text", "number"])
def test_a_damaged_part_is_set_aside_and_the_others_are_read(tmp_path: Path, harm: str) -> None:
    store, _ = opened(tmp_path)
    store.add({"a": row(1)})
    (part,) = tmp_path.iterdir()
    store.add({"b": row(2)})
    content = part.read_bytes()
    part.write_bytes(
        {
            "cut": content[:-3],
            "flip": content[:-4] + bytes([content[-4] ^ 1]) + content[-3:],
            "empty": b"",
            "text": b"no JSON\n",
            "number": b"7\n",
        }[harm]
    )
    again, (line,) = opened(tmp_path)
    assert again.rows == {"b": row(2)}
    assert line == (
        f"{part}: is damaged, set aside as {part.stem}.damaged; its items are scored again"
    )
    assert part.with_suffix(".damaged").exists()
    again.add({"a": row(1)})
    assert opened(tmp_path)[0].rows == {"b": row(2), "a": row(1)}
    assert opened(tmp_path)[1] == []


def test_a_part_that_is_still_being_written_is_not_read(tmp_path: Path) -> None:
    opened(tmp_path)[0].add({"a": row(1)})
    (tmp_path / ".1234.jsonl.77.jsonl").write_text('{"sha')
    store, said = opened(tmp_path)
    assert (store.rows, said) == ({"a": row(1)}, [])


def test_many_parts_become_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, _ = opened(tmp_path)
    for number in range(9):
        store.add({str(number): row(number)})
    monkeypatch.setattr(store_module, "MANY", 8)
    assert opened(tmp_path)[0].rows == store.rows
    assert len(list(tmp_path.glob("*.jsonl"))) == 1
    assert opened(tmp_path)[0].rows == store.rows


def test_parts_are_merged_while_no_shard_is_at_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "MANY", 2)
    store, _ = opened(tmp_path)
    with store.shard_lock("a"):
        for number in range(3):
            store.add({str(number): row(number)})
        assert opened(tmp_path)[0].rows == store.rows
        assert len(list(tmp_path.glob("*.jsonl"))) == 3
    assert opened(tmp_path)[0].rows == store.rows
    assert len(list(tmp_path.glob("*.jsonl"))) == 1


def test_a_damaged_part_that_another_job_has_set_aside_is_told_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(tmp_path)[0].add({"a": row(1)})
    (part,) = tmp_path.iterdir()
    part.write_bytes(b"")
    straight = Path.read_bytes

    def meanwhile(path: Path) -> bytes:
        content = straight(path)
        path.rename(path.with_suffix(".damaged"))
        return content

    monkeypatch.setattr(Path, "read_bytes", meanwhile)
    store, said = opened(tmp_path)
    assert (store.rows, len(said)) == ({}, 1)


def test_a_part_that_another_job_merges_meanwhile_is_found_in_the_merged_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, _ = opened(tmp_path)
    for number in range(3):
        store.add({str(number): row(number)})
    straight = Path.read_bytes
    merged: list[int] = []

    def meanwhile(path: Path) -> bytes:
        if not merged:
            merged.append(1)
            store._merge(sorted(tmp_path.glob("*.jsonl")))
        return straight(path)

    monkeypatch.setattr(Path, "read_bytes", meanwhile)
    again, said = opened(tmp_path)
    assert (again.rows, said) == (store.rows, [])


def _fill(folder: Path, start: int, failed: Any) -> None:
    store_module.MANY = 5
    said: list[str] = []
    for number in range(start, start + 60):
        Store(folder, said.append).add({str(number): row(number)})
    failed.value += len(said)


def test_jobs_that_share_a_store_do_no_harm_to_each_other(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    said = context.Value("i", 0)
    jobs = [context.Process(target=_fill, args=(tmp_path, start, said)) for start in (0, 30, 60)]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    assert said.value == 0
    assert opened(tmp_path)[0].rows == {str(number): row(number) for number in range(120)}


def test_a_full_disk_is_told_and_what_was_kept_stays(tmp_path: Path) -> None:
    store, _ = opened(tmp_path)
    store.add({"a": row(1)})
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
        with pytest.raises(UserError) as caught:
            store.add({"b": row(200)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert str(caught.value) == (
        f"{tmp_path}: scores cannot be stored (File too large); mend that and run again: 1 "
        "scores are stored and will not be computed again"
    )
    again, said = opened(tmp_path)
    assert (again.rows, said) == ({"a": row(1)}, [])
    assert len(list(tmp_path.iterdir())) == 1


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"file/store: scores cannot be stored \(Not a directory\)"):
        opened(tmp_path / "file/store")


def test_keys_differ_with_every_part_and_with_where_parts_end() -> None:
    keys = {key("a", "bc"), key("ab", "c"), key("abc"), key("a", "b", "c"), key("a", "bd")}
    assert len(keys) == 5
    assert all(len(one) == 32 for one in keys)


def test_a_part_is_text_that_one_can_read(tmp_path: Path) -> None:
    opened(tmp_path)[0].add({"a": {"log_likelihood": -0.5}})
    (part,) = tmp_path.iterdir()
    head, line = part.read_text().splitlines()
    assert json.loads(line) == ["a", {"log_likelihood": -0.5}]
    assert set(json.loads(head)) == {"sha256"}


def test_a_job_waits_for_the_one_before_and_takes_what_it_has_kept(tmp_path: Path) -> None:
    first, _ = opened(tmp_path)
    second, said = opened(tmp_path)
    found: dict[str, Any] = {}

    def follow() -> None:
        with second.exclusive_lock():
            found.update(second.rows)

    follower = threading.Thread(target=follow)
    with first.exclusive_lock():
        follower.start()
        first.add({"a": row(1)})
        follower.join(0.2)
        assert follower.is_alive()
        assert found == {}
        first.add({"b": row(2)})
    follower.join(10)
    assert found == {"a": row(1), "b": row(2)}
    assert "waiting" in said[0]


def waiting_line(folder: Path) -> str:
    """What a job says that waits for another one."""
    return f"{folder}: another job scores with this model; waiting for it"


@pytest.mark.parametrize(
    ("held", "wanted"), [("a", "a"), ("a", None), (None, "a")], ids=["same", "whole", "shard"]
)
def test_a_shard_waits_for_itself_and_for_a_whole_job_and_that_for_shards(
    tmp_path: Path, held: str | None, wanted: str | None
) -> None:
    first, _ = opened(tmp_path)
    second, said = opened(tmp_path)
    found: dict[str, Any] = {}

    def locked(store: Store, shard: str | None) -> AbstractContextManager[None]:
        return store.shard_lock(shard) if shard else store.exclusive_lock()

    def follow() -> None:
        with locked(second, wanted):
            found.update(second.rows)

    follower = threading.Thread(target=follow)
    with locked(first, held):
        follower.start()
        first.add({"a": row(1)})
        follower.join(0.2)
        assert follower.is_alive()
    follower.join(10)
    assert (found, said) == ({"a": row(1)}, [waiting_line(tmp_path)])


def test_shards_are_at_work_at_the_same_time_and_a_whole_job_then_sees_all_rows(
    tmp_path: Path,
) -> None:
    (first, _), (second, said), (whole, _) = (opened(tmp_path) for _ in range(3))
    with first.shard_lock("1-of-2"), second.shard_lock("2-of-2"):
        first.add({"a": row(1)})
        second.add({"b": row(2)})
    assert said == []
    with whole.exclusive_lock():
        assert whole.rows == {"a": row(1), "b": row(2)}


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_where_the_file_system_has_no_locks_nobody_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    store, said = opened(tmp_path)
    with store.exclusive_lock():
        store.add({"a": row(1)})
    assert opened(tmp_path)[0].rows == {"a": row(1)}
    assert said == [f"{tmp_path}: is not locked ({os.strerror(number)})"]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_is_none_is_not_read_back(tmp_path: Path, value: float) -> None:
    opened(tmp_path)[0].add({"a": {"log_likelihood": value}, "b": row(2)})
    assert opened(tmp_path)[0].rows == {"b": row(2)}
