"""What keeps a file in order: pruning, compacting, copies, and a check of all that is in it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from hashlib import sha256
from typing import Any, Final

import apsw

from ...errors import RuneskriptError, StoreError, StoreUnavailableError
from ...model.payloads import Payloads
from ..retention import BLOB_GRACE, EraseOutcome, Policy, Pruned
from .database import Database
from .heads import LAST_SEQ, SEQ_BITS
from .jobs import OVER, Jobs
from .loading import Loading
from .mail import Mail
from .reading import Reading
from .records import Records

#: Jobs forgotten in one transaction.
_AT_ONCE: Final = 200
#: Pages of a copy that are made at once.
_PAGES: Final = 1_000
#: Jobs checked between two looks at the list of them.
_CHECKED: Final = 500


class Upkeep:
    """Pruning goes through the writing connection in small portions; the rest has its own."""

    def __init__(
        self,
        db: Database,
        jobs: Jobs,
        mail: Mail,
        records: Records,
        payloads: Payloads,
        now: Callable[[], int],
    ) -> None:
        self._db = db
        self._jobs = jobs
        self._mail = mail
        self._records = records
        self._payloads = payloads
        self._now = now

    # --- pruning --------------------------------------------------------------------------------
    async def prune(self, policy: Policy) -> Pruned:
        """Forget what the policy says."""
        jobs = events = 0
        ids = self._over(policy)
        for start in range(0, len(ids), _AT_ONCE):
            part = ids[start : start + _AT_ONCE]
            gone = await self._db.write(partial(self._forget, part))
            jobs += len(gone)
            events += sum(gone)
        if policy.journals:
            for (place,) in self._db.read("SELECT max(place) FROM snapshot GROUP BY place >> 32"):
                events += await self._db.write(partial(self._forget_events, place))
        records = 0
        for table, before in policy.records.items():
            records += await self._records.drop_old(table, before)
        rest = await self._db.write(lambda: self._forget_rest(policy))
        return rest._replace(jobs=jobs, events=events, records=records)

    def _over(self, policy: Policy) -> list[str]:
        """The jobs to forget, as far as can be said now; the last to end stand last."""
        rows = self._db.read(
            f"SELECT id, updated_at, status FROM job WHERE {OVER} "  # noqa: S608
            "ORDER BY updated_at DESC, number DESC"
        )
        found: list[str] = []
        kept = 0
        for id_, updated_at, status in rows:
            old = policy.ended_before is not None and updated_at < policy.ended_before
            if id_ in policy.jobs or (old and policy.status in (None, status)):
                found.append(id_)
                continue
            kept += 1
            if policy.keep is not None and kept > policy.keep:
                found.append(id_)
        return found

    def _forget(self, ids: list[str]) -> list[int]:
        """Forget jobs, if they have still ended; how many events each had."""
        over = [
            id_
            for id_ in ids
            if self._db.rows(f"SELECT 1 FROM job WHERE id=? AND {OVER}", (id_,))  # noqa: S608
        ]
        return [self._jobs.remove(id_) for id_ in over]

    def _forget_events(self, place: int) -> int:
        """Forget the events and snapshots of a job before its latest snapshot."""
        base = place & ~LAST_SEQ
        rows = self._db.rows(
            "DELETE FROM segment WHERE place >= ? AND place < ? RETURNING place", (base, place)
        )
        self._db.ex("DELETE FROM snapshot WHERE place >= ? AND place < ?", (base, place))
        return 0 if not rows else place - min(first for (first,) in rows)

    def _forget_rest(self, policy: Policy) -> Pruned:
        db = self._db
        removals: list[tuple[Any, ...]] = []
        if policy.removals_before is not None:
            removals = db.rows(
                "DELETE FROM removed WHERE at < ? RETURNING changed", (policy.removals_before,)
            )
        if removals:
            db.ex(
                "INSERT INTO meta(name, value) VALUES('feed', ?1) "
                "ON CONFLICT(name) DO UPDATE SET value=max(value, ?1)",
                (max(number for (number,) in removals),),
            )
        messages = self._mail.expire()
        return Pruned(0, 0, 0, len(removals), self._forget_blobs(), messages)

    def _forget_blobs(self) -> int:
        gone = self._db.rows(
            "WITH RECURSIVE live(digest) AS (SELECT blueprint FROM job "
            "UNION SELECT digest FROM uses WHERE user NOT LIKE 'blob:%' "
            "UNION SELECT uses.digest FROM live JOIN uses ON uses.user = 'blob:' || live.digest) "
            "DELETE FROM blob WHERE put_at < ? AND digest NOT IN live RETURNING digest",
            (self._now() - BLOB_GRACE,),
        )
        for (digest,) in gone:
            self._db.ex("DELETE FROM uses WHERE user=?", (f"blob:{digest}",))
        return len(gone)

    # --- erasing --------------------------------------------------------------------------------
    async def erase(self, jobs: Sequence[str]) -> list[EraseOutcome]:
        """Erase the payloads of jobs that have ended."""
        found: list[EraseOutcome] = []
        for start in range(0, len(jobs), _AT_ONCE):
            found += await self._db.write(partial(self._erase, jobs[start : start + _AT_ONCE]))
        if "erased" in found:
            await self._db.apart(_empty_wal)
        return found

    def _erase(self, ids: Sequence[str]) -> list[EraseOutcome]:
        """In one transaction, in which what is freed is overwritten with zeros."""
        self._db.ex("PRAGMA secure_delete=ON").fetchall()
        try:
            return [self._jobs.erase(id_) for id_ in ids]
        finally:
            self._db.ex("PRAGMA secure_delete=OFF").fetchall()

    # --- copies ---------------------------------------------------------------------------------
    async def backup(self, path: str) -> None:
        """Copy the store to a new file."""
        await self._db.apart(lambda connection: _copy(connection, path))

    async def compact(self) -> tuple[int, int]:
        """Write the file anew without the room that is free in it."""

        def work(connection: apsw.Connection) -> tuple[int, int]:
            before = _size(connection)
            connection.execute("VACUUM")
            connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
            return before, _size(connection)

        return await self._db.apart(work)

    # --- checking -------------------------------------------------------------------------------
    async def check(self) -> list[str]:
        """Read everything; what is wrong, one line each."""
        return await self._db.apart(self._check)

    def _check(self, connection: apsw.Connection) -> list[str]:
        def read(sql: str, args: tuple[Any, ...]) -> list[tuple[Any, ...]]:
            return connection.execute(sql, args).fetchall()

        def blob(digest: str) -> bytes | None:
            rows = read("SELECT data FROM blob WHERE digest=?", (digest,))
            return rows[0][0] if rows else None

        own = self._payloads
        payloads = Payloads(own.put_blob, blob, own.codec, own.dumps, own.loads)
        try:
            found = [
                f"file: {text}" for (text,) in read("PRAGMA integrity_check", ()) if text != "ok"
            ]
            reading = Reading(read, payloads)
            for check in (
                _jobs(read, reading, Loading(read, payloads)),
                _blobs(read, payloads),
                _strays(read),
            ):
                found.extend(check)
        except apsw.CorruptError as exc:
            return [f"file: {exc}"]
        return found


def _jobs(read: Any, reading: Reading, loading: Loading) -> Iterator[str]:
    """Each job: its row, and its journal from the first event to the last."""
    number = 0
    while True:
        rows = read("SELECT number, id FROM job WHERE number > ? ORDER BY number LIMIT ?",
                    (number, _CHECKED))  # fmt: skip
        for number, id_ in rows:
            try:
                (loaded,) = loading.load([id_], whole=False)
                if isinstance(loaded, RuneskriptError):
                    raise loaded
                reading.walk(id_, number)
            except RuneskriptError as exc:
                yield exc.message
        if len(rows) < _CHECKED:
            return


def _blobs(read: Any, payloads: Payloads) -> Iterator[str]:
    """Each blob is as it was put, a payload is what its name says, and none is missing.

    What else is kept by hash (a Blueprint) knows itself which of its bytes the hash is of.
    """
    rows = read(
        "SELECT digest, data, EXISTS(SELECT 1 FROM uses WHERE uses.digest = blob.digest "
        "AND user LIKE 'job:%') FROM blob",
        (),
    )
    for digest, data, is_payload in rows:
        try:
            body = payloads.bytes_out(data, digest)
        except RuneskriptError as exc:
            yield f"blob {exc.message}"
            continue
        if is_payload and sha256(body).hexdigest() != digest:
            yield f"blob {digest}: it holds something else"
    missing = read(
        "SELECT DISTINCT user, digest FROM uses WHERE digest NOT IN (SELECT digest FROM blob)", ()
    )
    for user, digest in missing:
        yield f"{user}: its blob {digest} is missing"


def _strays(read: Any) -> Iterator[str]:
    """What belongs to jobs that are not there."""
    for table, key in (
        ("segment", f"place >> {SEQ_BITS}"),
        ("snapshot", f"place >> {SEQ_BITS}"),
        ("payload", "place >> 2"),
        ("timer", "job"),
        ("listener", "job"),
        ("inbox", "job"),
        ("label", "job"),
        ("waiting", "job"),
    ):
        ((count,),) = read(
            f"SELECT count(*) FROM {table} WHERE {key} NOT IN (SELECT number FROM job)",  # noqa: S608
            (),
        )
        if count:
            yield f"{table}: {count} rows belong to no job"


def _copy(source: apsw.Connection, path: str) -> None:
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        raise StoreError(f"{path}: there is a file already") from None
    except OSError as exc:
        raise StoreUnavailableError(f"{path}: no copy can be here: {exc.strerror}") from exc
    target = apsw.Connection(path)
    try:
        with target.backup("main", source, "main") as copying:
            while not copying.done:
                copying.step(_PAGES)
    except BaseException:
        target.close()
        os.unlink(path)
        raise
    target.close()


def _empty_wal(connection: apsw.Connection) -> None:
    """Copy the WAL into the file and cut it off, unless somebody reads it: then it is overwritten
    as it goes on.
    """
    try:
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    except apsw.BusyError:
        return


def _size(connection: apsw.Connection) -> int:
    pages: Any = connection.pragma("page_count")
    size: Any = connection.pragma("page_size")
    return int(pages) * int(size)
