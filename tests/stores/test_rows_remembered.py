"""A row or a record of the SQLite store is unpacked again only if it is not, byte for byte, what it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import apsw
import pytest

from runeskript.errors import StoreDamagedError
from runeskript.stores.base import JobRow, RowChange, Unit
from runeskript.stores.leases import Worker
from runeskript.stores.sqlite import SqliteStore
from runeskript.testing.faults import HandClock

ME = Worker("me")


class Codec:
    """Turns bytes around, so that what is sealed is no plain payload."""

    name = "backwards"

    def encode(self, data: bytes, place: str) -> bytes:
        return data[::-1]

    decode = encode


async def opened(path: Path, codec: Any = None, **fields: Any) -> SqliteStore:
    store = SqliteStore(str(path / "jobs.db"), HandClock(), sync="normal", codec=codec)
    await store.heartbeat(ME, 10**9)
    input_ = fields.get("input", {"n": 1})
    await store.submit([JobRow("a", None, {}, "s", None, "b", "x", input_, 1, 1, owner="me")])
    return store


async def row(store: SqliteStore) -> JobRow:
    (found,) = await store.get(["a"])
    assert found is not None
    return found


async def test_what_is_as_it_was_is_not_unpacked_anew(tmp_path: Path) -> None:
    store = await opened(tmp_path)
    first = await row(store)
    assert await row(store) is first
    await store.commit([Unit("a", 1, 0, [], RowChange("Running", 7), part=1)])
    changed = await row(store)
    assert (changed.status, changed.updated_at) == ("Running", 7)
    assert (await row(store)) is changed
    await store.close()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE job SET status = 'Completed'",
        "UPDATE job SET head = CAST(substr(head, 1, length(head) - 1) || x'07' AS BLOB)",
        "UPDATE payload SET data = CAST(substr(data, 1, length(data) - 1) || x'07' AS BLOB)",
        "DELETE FROM payload",
    ],
)
async def test_what_is_damaged_is_no_more_what_it_was(tmp_path: Path, change: str) -> None:
    store = await opened(tmp_path)
    await row(store)
    apsw.Connection(str(tmp_path / "jobs.db")).execute(change)
    with pytest.raises(StoreDamagedError):
        await row(store)
    await store.close()


@pytest.mark.parametrize(
    ("codec", "input_"),
    [(Codec(), 1), (None, "x" * 5_000), (None, "x" * 200_000)],
    ids=["sealed", "large", "apart"],
)
async def test_what_is_large_or_sealed_is_not_kept_in_memory(
    tmp_path: Path, codec: Any, input_: Any
) -> None:
    store = await opened(tmp_path, codec, input=input_)
    assert (await row(store)).input == input_
    assert (await row(store)) is not (await row(store))
    assert not store._reading._known
    await store.close()


# --- records --------------------------------------------------------------------------------------
async def test_a_record_is_unpacked_anew_when_it_is_another(tmp_path: Path) -> None:
    store, other = await opened(tmp_path), await opened(tmp_path)
    await store.put_record("skripts", "a@1", {"n": 1}, 0, ["d"])
    first = await store.get_record("skripts", "a@1")
    assert first is not None
    assert await store.get_record("skripts", "a@1") is first
    assert await store.list_records("skripts") == [first]
    await other.put_record("skripts", "a@1", {"n": 2}, 1, ["d", "e"])
    changed = await store.get_record("skripts", "a@1")
    assert changed is not None
    assert (changed.value, changed.version, changed.blobs) == ({"n": 2}, 2, ("d", "e"))
    await other.drop_record("skripts", "a@1", 2)
    await other.put_record("skripts", "a@1", {"n": 3}, 0)
    again = await store.get_record("skripts", "a@1")
    assert again is not None
    assert (again.value, again.version, again.blobs) == ({"n": 3}, 1, ())
    await other.close()
    await store.close()


async def test_a_record_that_is_damaged_is_told_to_be(tmp_path: Path) -> None:
    store = await opened(tmp_path)
    await store.put_record("tokens", "t", {"n": 1}, 0)
    assert await store.get_record("tokens", "t") is not None
    change = "UPDATE record SET value = CAST(substr(value, 1, length(value) - 1) || x'07' AS BLOB)"
    apsw.Connection(str(tmp_path / "jobs.db")).execute(change)
    with pytest.raises(StoreDamagedError):
        await store.get_record("tokens", "t")
    await store.close()


@pytest.mark.parametrize(
    ("codec", "table", "value"),
    [(Codec(), "skripts", 1), (None, "skripts", "x" * 5_000), (None, "requests", 1)],
    ids=["sealed", "large", "another table"],
)
async def test_what_is_sealed_or_large_or_seldom_asked_for_is_not_kept(
    tmp_path: Path, codec: Any, table: Any, value: Any
) -> None:
    store = await opened(tmp_path, codec)
    await store.put_record(table, "a", value, 0)
    assert await store.get_record(table, "a") == await store.get_record(table, "a")
    assert not store._records._unpacked
    await store.close()
