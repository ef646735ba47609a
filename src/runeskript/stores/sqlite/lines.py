"""Slots of limits, and the lines of calls that wait for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...model.events import Path
from ...model.payloads import Payloads
from ..slots import Limit, Take
from .database import Database
from .heads import LINES, Head


class Lines:
    """Everything here is called inside a transaction."""

    def __init__(self, db: Database, payloads: Payloads, now: Callable[[], int]) -> None:
        self._db = db
        self._payloads = payloads
        self._now = now
        #: Limits with slots that were freed, or calls that left their lines.
        self._stirred: set[str] = set()

    def forget(self) -> None:
        """A transaction was undone."""
        self._stirred.clear()

    def take(self, head: Head, take: Take) -> None:
        """Put a call at the end of its lines."""
        payloads = self._payloads
        ((number,),) = self._db.rows(
            "INSERT INTO waiting(job, path, n, limits) VALUES(?, ?, ?, ?) RETURNING number",
            (head.number, payloads.dumps(take.path), take.n, payloads.dumps(take.limits)),
        )
        for limit in take.limits:
            self._db.ex(
                "INSERT OR IGNORE INTO waiting_for(name, number) VALUES(?, ?)", (limit.name, number)
            )
            self._stirred.add(limit.name)
        head.has |= LINES
        if not take.limits:
            self._leave(number)

    def free(self, head: Head, path: Path, n: int) -> None:
        """A call is over: its slots are free, and it waits for none."""
        of = (head.number, self._payloads.dumps(path), n)
        self._stir(
            self._db.rows(
                "DELETE FROM slot WHERE job=? AND path=? AND n=? AND until IS NULL RETURNING name",
                of,
            )
        )
        for (number,) in self._db.rows(
            "SELECT number FROM waiting WHERE job=? AND path=? AND n=?", of
        ):
            self._leave(number)

    def drop(self, head: Head) -> bool:
        """A job has ended; whether it had or wanted slots."""
        of = (head.number,)
        slots = self._db.rows("DELETE FROM slot WHERE job=? AND until IS NULL RETURNING name", of)
        self._stir(slots)
        calls = self._db.rows("SELECT number FROM waiting WHERE job=?", of)
        for (number,) in calls:
            self._leave(number)
        head.has &= ~LINES
        return bool(slots or calls)

    def _leave(self, number: int) -> None:
        self._db.ex("DELETE FROM waiting WHERE number=?", (number,))
        self._stir(
            self._db.rows("DELETE FROM waiting_for WHERE number=? RETURNING name", (number,))
        )

    def _stir(self, rows: list[tuple[Any, ...]]) -> None:
        self._stirred.update(name for (name,) in rows)

    def settle(self) -> list[tuple[int, Path, int]]:
        """Give what is free to those who are first in all their lines: (job number, path, n)."""
        now = self._now()
        self._stir(self._db.rows("DELETE FROM slot WHERE until <= ? RETURNING name", (now,)))
        granted: list[tuple[int, int, Path, int]] = []
        while self._stirred:
            name = self._stirred.pop()
            while True:
                rows = self._db.rows(
                    "SELECT number, job, path, n, limits FROM waiting WHERE number = "
                    "(SELECT min(number) FROM waiting_for WHERE name=?)",
                    (name,),
                )
                if not rows:
                    break
                number, job, path, n, packed = rows[0]
                limits = [Limit(*limit) for limit in self._payloads.loads(packed)]
                if not all(self._open(limit, number) for limit in limits):
                    break
                self._leave(number)
                for limit in limits:
                    until = None if limit.hold is None else now + limit.hold
                    self._db.ex(
                        "INSERT INTO slot(name, job, path, n, until) VALUES(?, ?, ?, ?, ?)",
                        (limit.name, job, path, n, until),
                    )
                granted.append((number, job, tuple(self._payloads.loads(path)), n))
        return [one[1:] for one in sorted(granted)]

    def _open(self, limit: Limit, number: int) -> bool:
        """Whether a call is first in a limit's line and there is a slot."""
        ((first, taken),) = self._db.rows(
            "SELECT (SELECT min(number) FROM waiting_for WHERE name=?1), "
            "(SELECT count(*) FROM slot WHERE name=?1)",
            (limit.name,),
        )
        return bool(first == number and taken < limit.size)

    def waiting(self, job: int) -> list[tuple[Path, int, tuple[Limit, ...]]]:
        """What waits for one job, in order."""
        return [
            (tuple(self._payloads.loads(path)), n, limits_of(self._payloads, packed))
            for path, n, packed in self._db.rows(
                "SELECT path, n, limits FROM waiting WHERE job=? ORDER BY number", (job,)
            )
        ]

    def due(self) -> int | None:
        """When time makes the next slot free for somebody who waits."""
        ((due,),) = self._db.rows(
            "SELECT min(until) FROM slot WHERE until IS NOT NULL "
            "AND name IN (SELECT name FROM waiting_for)"
        )
        found: int | None = due
        return found


def limits_of(payloads: Payloads, packed: bytes) -> tuple[Limit, ...]:
    """Limits as a waiting call keeps them."""
    return tuple(Limit(*limit) for limit in payloads.loads(packed))
