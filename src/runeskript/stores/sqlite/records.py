"""Records that are no jobs, and blobs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

from ...errors import DamagedError, FormatVersionError, SealedError, StoreDamagedError
from ...model.payloads import Payloads, is_plain
from ...model.recent import Recent
from ...model.values import Value
from ..queries import Record
from .database import Database

#: Records that are looked at in one go for whether they are old: about a millisecond, or some
#: milliseconds where all are.
_AT_ONCE: Final = 500
#: A record, and the digests of its blobs.
_SELECT: Final = (
    "SELECT name, version, value, at, "
    "(SELECT json_group_array(digest) FROM uses WHERE user = 'record:' || tab || '/' || name) "
    "FROM record WHERE tab = ?"
)
_ONE: Final = f"{_SELECT} AND name = ?"
#: Tables whose records are asked for again and again, for requests; how many are remembered as they
#: were unpacked, and the bytes of the longest.
_ASKED: Final = frozenset(("skripts", "tokens"))
_MANY: Final = 256
_SMALL: Final = 1_024


class Records:
    """Records by table and name; reading outside transactions, writing inside."""

    def __init__(self, db: Database, payloads: Payloads) -> None:
        self._db = db
        self._payloads = payloads
        #: Small records, neither sealed nor apart, with what they were unpacked from.
        self._unpacked: Recent[tuple[str, str], tuple[tuple[Any, ...], Record]] = Recent(_MANY)
        #: What was asked for in this turn already.
        self._known: Mapping[object, Any] = db.known

    def get(self, table: str, name: str) -> Record | None:
        """A record, or None."""
        key = (table, name)
        found = self._known.get(key)
        if found is None:
            found = self._db.keep(key, self._read(_ONE, (table, name)))
        return found[0] if found else None

    def all(self, table: str, prefix: str, after: str, limit: int | None) -> list[Record]:
        """Records by name."""
        key = (table, prefix, after, limit)
        found = self._known.get(key)
        if found is None:
            found = self._db.keep(key, self._all(table, prefix, after, limit))
        return list(found)

    def _all(self, table: str, prefix: str, after: str, limit: int | None) -> tuple[Record, ...]:
        terms, args = "AND name > ?", [after]
        if prefix:
            terms += " AND name >= ?"
            args.append(prefix)
            end = _behind(prefix)
            if end is not None:
                terms += " AND name < ?"
                args.append(end)
        sql = f"{_SELECT} {terms} ORDER BY name LIMIT ?"
        return self._read(sql, (table, *args, -1 if limit is None else limit))

    def _read(self, sql: str, args: tuple[Any, ...]) -> tuple[Record, ...]:
        """``args``: the table first."""
        rows = self._db.read(sql, args)
        return tuple([self._record(args[0], row) for row in rows])

    def _record(self, table: str, row: tuple[Any, ...]) -> Record:
        """A row unpacked, or as it was the last time."""
        name, version, data, at, blobs = row
        known = self._unpacked.use((table, name)) if table in _ASKED else None
        if known is not None and known[0] == row:
            return known[1]
        found = Record(name, version, self._value(table, name, version, data), at, _digests(blobs))
        if table in _ASKED and len(data) <= _SMALL and is_plain(data):
            self._unpacked[table, name] = row, found
        return found

    def _value(self, table: str, name: str, version: int, data: bytes) -> Value:
        try:
            value: Value = self._payloads.unpack(data, _user(table, name))
        except (DamagedError, FormatVersionError, SealedError) as exc:
            text = f"record {table}/{name}: {exc}"
            raise StoreDamagedError(text, record=name, version=version) from exc
        return value

    def version(self, table: str, name: str) -> int:
        """The version of a record, 0 where there is none."""
        rows = self._db.rows("SELECT version FROM record WHERE tab=? AND name=?", (table, name))
        return rows[0][0] if rows else 0

    def put(
        self, table: str, name: str, value: Value, version: int, blobs: Sequence[str], now: int
    ) -> Record | None:
        """Write a record if its version is still ``version``."""
        if self.version(table, name) != version:
            return None
        if version:
            self._unuse(table, name)
        self._db.ex(
            "INSERT OR REPLACE INTO record(tab, name, version, at, value) VALUES(?, ?, ?, ?, ?)",
            (
                table,
                name,
                version + 1,
                now,
                self._payloads.inline(value, _user(table, name)),
            ),
        )
        for digest in blobs:
            self._db.ex(
                "INSERT OR IGNORE INTO uses(user, digest) VALUES(?, ?)",
                (_user(table, name), digest),
            )
        return Record(name, version + 1, value, now, tuple(sorted(set(blobs))))

    def drop(self, table: str, name: str, version: int) -> bool:
        """Remove a record if its version is still ``version``."""
        if version == 0 or self.version(table, name) != version:
            return False
        self._unuse(table, name)
        self._db.ex("DELETE FROM record WHERE tab=? AND name=?", (table, name))
        return True

    async def drop_old(self, table: str, before: int) -> int:
        """Remove records that were last put before a time, in portions; how many."""
        dropped, after = 0, ""
        while True:
            page = self._db.read(
                "SELECT name, at FROM record WHERE tab=? AND name > ? ORDER BY name LIMIT ?",
                (table, after, _AT_ONCE),
            )
            old = [name for name, at in page if at < before]
            if old:
                dropped += await self._db.write(partial(self._drop_old, table, old, before))
            if len(page) < _AT_ONCE:
                return dropped
            after = page[-1][0]
            await asyncio.sleep(0)  # others have their turn

    def _drop_old(self, table: str, names: Sequence[str], before: int) -> int:
        gone = 0
        for name in names:
            self._db.ex("DELETE FROM record WHERE tab=? AND name=? AND at<?", (table, name, before))
            if self._db.changes():  # else it was put again meanwhile
                self._unuse(table, name)
                gone += 1
        return gone

    def _unuse(self, table: str, name: str) -> None:
        self._db.ex("DELETE FROM uses WHERE user=?", (_user(table, name),))


def _digests(text: str) -> tuple[str, ...]:
    return () if text == "[]" else tuple(sorted(json.loads(text)))


def _behind(prefix: str) -> str | None:
    """The first text behind all that begin with the prefix; None where there is none."""
    kept = prefix.rstrip(chr(0x10FFFF))
    if not kept:
        return None
    code = ord(kept[-1]) + 1
    return kept[:-1] + chr(0xE000 if 0xD800 <= code < 0xE000 else code)


def _user(table: str, name: str) -> str:
    return f"record:{table}/{name}"
