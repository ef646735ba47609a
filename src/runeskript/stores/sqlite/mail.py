"""Listeners, kept messages, and what arrived for jobs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from ...model.events import Path
from ...model.machine import FINAL
from ...model.payloads import Payloads
from ...model.values import Value
from ..rows import (
    ERASED,
    Command,
    InboxKind,
    JobKind,
    Listener,
    Message,
    PostOutcome,
    match_key,
    takes,
    wakes,
)
from .database import Database
from .heads import COMMANDS, INBOX, KEPT, LISTENERS, Head, Heads

_INBOX: Final = "INSERT INTO inbox(job, kind, path, n, data) VALUES(?, ?, ?, ?, ?)"
_CONSUME: Final = "DELETE FROM inbox WHERE number=? AND job=?"
#: Inbox rows of one unit that are used up one by one.
_FEW: Final = 4
#: Statuses in which a job takes events.
_OPEN: Final = ("Pending", "Running", "Suspended")


class Mail:
    """Everything here is called inside a transaction."""

    def __init__(
        self, db: Database, heads: Heads, payloads: Payloads, now: Callable[[], int]
    ) -> None:
        self._db = db
        self._heads = heads
        self._payloads = payloads
        self._now = now

    # --- listeners ------------------------------------------------------------------------------
    def listen(self, head: Head, listener: Listener) -> None:
        """Register a listener, and give it the kept messages that match it, oldest first."""
        self.expire()
        payloads, path = self._payloads, self._payloads.dumps(listener.path)
        match, tenant = match_key(listener.key), head.tenant
        self._db.ex(
            "INSERT OR REPLACE INTO listener(job, path, m, tenant, topic, match, key) "
            "VALUES(?, ?, ?, ?, ?, ?, ?)",
            (
                head.number,
                path,
                listener.m,
                tenant,
                listener.topic,
                match,
                payloads.inline(listener.key, "listener"),
            ),
        )
        head.has |= LISTENERS
        kept = self._db.rows(
            "SELECT number, data FROM message WHERE tenant=?1 AND topic=?2 AND match=?3 "
            "AND data IS NOT NULL UNION "
            "SELECT number, data FROM message WHERE target=?4 AND tenant=?1 AND topic=?2 "
            "AND data IS NOT NULL ORDER BY number",
            (tenant, listener.topic, match, head.number),
        )
        for _, data in kept:
            body = payloads.unpack(data, "message")
            self._arrive(head, "message", listener.path, listener.m, body)

    def unlisten(self, head: Head, path: Path, m: int) -> None:
        """Remove a listener, and what arrived for it."""
        packed = self._payloads.dumps(path)
        self._db.ex("DELETE FROM listener WHERE job=? AND path=? AND m=?", (head.number, packed, m))
        if head.has & INBOX:
            self._db.ex(
                "DELETE FROM inbox WHERE job=? AND kind='message' AND path=? AND n=?",
                (head.number, packed, m),
            )

    # --- messages -------------------------------------------------------------------------------
    def post(self, item: Message) -> PostOutcome:
        """Take in a message."""
        target: Head | None = None
        if item.to is not None:
            target = self._heads.get(item.to)
            if target is None or target.tenant != item.tenant:
                return "unknown"
            if target.status not in ("Pending", "Running", "Suspended"):
                return "unknown"
        self.expire()
        ids = (item.tenant, item.id)
        if self._db.rows("SELECT 1 FROM message WHERE tenant=? AND id=?", ids):
            return "duplicate"
        body = body_of(item)
        match = None if target is not None else match_key(item.key)
        if item.keep > 0:
            self._keep(item, target, match, body)
        elif item.remember > 0:
            self._db.ex(
                "INSERT INTO message(tenant, id, topic, until) VALUES(?, ?, ?, ?)",
                (*ids, item.topic, self._now() + item.remember),
            )
        if target is not None:
            found = self._db.rows(
                "SELECT job.id, path, m FROM listener JOIN job ON job.number = listener.job "
                "WHERE job=? AND listener.tenant=? AND topic=?",
                (target.number, item.tenant, item.topic),
            )
        else:
            found = self._db.rows(
                "SELECT job.id, path, m FROM listener JOIN job ON job.number = listener.job "
                "WHERE listener.tenant=? AND topic=? AND match=?",
                (item.tenant, item.topic, match),
            )
        listeners = [(id_, tuple(self._payloads.loads(path)), m) for id_, path, m in found]
        for id_, path, m in sorted(listeners):
            head = self._heads.get(id_)
            if head is not None:
                self._arrive(head, "message", path, m, body)
        return "accepted"

    def _keep(
        self, item: Message, target: Head | None, match: bytes | None, body: dict[str, Value]
    ) -> None:
        if target is not None:
            target.has |= KEPT
        self._db.ex(
            "INSERT INTO message(tenant, id, topic, target, match, data, until) "
            "VALUES(?, ?, ?, ?, ?, ?, ?)",
            (
                item.tenant,
                item.id,
                item.topic,
                None if target is None else target.number,
                match,
                self._payloads.inline(body, "message"),
                self._now() + item.keep,
            ),
        )

    def take(self, id_: str, tenant: str) -> None:
        """A listener took a kept message: later ones do not get it, but its id is known."""
        self._db.ex("UPDATE message SET data=NULL WHERE tenant=? AND id=?", (tenant, id_))

    def expire(self) -> int:
        """Forget what has been kept long enough; how many that were."""
        rows = self._db.rows(
            "DELETE FROM message WHERE until <= ? RETURNING number", (self._now(),)
        )
        return len(rows)

    # --- commands -------------------------------------------------------------------------------
    def command(self, item: Command) -> PostOutcome:
        """Take in a command."""
        head = self._heads.get(item.job)
        if head is None:
            return "unknown"
        if item.id is not None:
            known = (head.number, item.id)
            if self._db.rows("SELECT 1 FROM command WHERE job=? AND id=?", known):
                return "duplicate"
        status: Any = head.status
        of = self._kind(head, item.kind)
        if not takes(status, item.kind, of) or (status in FINAL and self._erased(head)):
            return "unknown"
        if item.id is not None:
            self._db.ex("INSERT INTO command(job, id) VALUES(?, ?)", (head.number, item.id))
            head.has |= COMMANDS
        if item.kind in ("resume", "retry"):
            self._db.ex("UPDATE job SET claims=0 WHERE number=?", (head.number,))
        self._arrive(head, item.kind, item.path, item.n, item.data)
        return "accepted"

    def commands(self, items: Sequence[Command]) -> list[PostOutcome]:
        """Take in commands: the same as ``command`` for each, in their order. Events with ids that
        nobody sent before, which are most of what comes in numbers, are written in one go.
        """
        heads: list[Head] = []
        for item in items:
            head = self._heads.get(item.job)
            if head is None or item.id is None or item.kind != "event" or head.status not in _OPEN:
                return [self.command(item) for item in items]
            heads.append(head)
        pairs = list(zip(heads, items, strict=True))
        if not self._db.insert_all(
            "INSERT INTO command(job, id) VALUES(?, ?)",
            [(head.number, item.id) for head, item in pairs],
        ):
            return [self.command(item) for item in items]  # some were sent before
        dumps, inline = self._payloads.dumps, self._payloads.inline
        nowhere = dumps(())
        self._db.ex_many(
            _INBOX,
            [
                (
                    head.number,
                    "event",
                    dumps(item.path) if item.path else nowhere,
                    item.n,
                    inline(item.data, "inbox"),
                )
                for head, item in pairs
            ],
        )
        for head in dict.fromkeys(heads):
            head.has |= COMMANDS | INBOX
            self._wake(head, "event")
        return ["accepted"] * len(pairs)

    def _kind(self, head: Head, kind: InboxKind) -> JobKind:
        """The kind of a job, where it matters to what arrives for it."""
        if kind != "event" or head.status in ("Pending", "Running"):
            return "skript"
        ((found,),) = self._db.rows("SELECT kind FROM job WHERE number=?", (head.number,))
        return "bare" if found == "bare" else "skript"

    def _erased(self, head: Head) -> bool:
        rows = self._db.rows("SELECT reason FROM job WHERE number=?", (head.number,))
        return bool(rows and rows[0][0] == ERASED)

    def granted(self, head: Head, path: Path, n: int) -> None:
        """A call that stood in line has got its slots."""
        self._arrive(head, "slot", path, n, None)

    def _arrive(self, head: Head, kind: InboxKind, path: Path, n: int, data: Value) -> None:
        payloads = self._payloads
        self._db.ex(
            _INBOX,
            (head.number, kind, payloads.dumps(path), n, payloads.inline(data, "inbox")),
        )
        head.has |= INBOX
        self._wake(head, kind)

    def _wake(self, head: Head, kind: InboxKind) -> None:
        """Something has arrived for a job: if nobody has it, it may be claimed."""
        status: Any = head.status
        if head.owner is None and wakes(status, kind, self._kind(head, kind)):
            now = self._now()
            self._db.ex(
                "UPDATE job SET due=?1 WHERE number=?2 AND (due IS NULL OR due > ?1)",
                (now, head.number),
            )

    def consume(self, head: Head, numbers: Sequence[int]) -> None:
        """Inbox rows were used up."""
        first, last = min(numbers), max(numbers)
        if len(numbers) > _FEW and last - first == len(numbers) - 1 == len(set(numbers)) - 1:
            # All that arrived between the two.
            self._db.ex(
                "DELETE FROM inbox WHERE number BETWEEN ? AND ? AND job=?",
                (first, last, head.number),
            )
        elif len(numbers) > _FEW:
            self._db.ex_many(_CONSUME, [(number, head.number) for number in numbers])
        else:
            for number in numbers:
                self._db.ex(_CONSUME, (number, head.number))

    def forget(self, head: Head) -> None:
        """A job has ended: it listens no more, and nothing is left in its inbox."""
        of, has = (head.number,), head.has
        if has & LISTENERS:
            self._db.ex("DELETE FROM listener WHERE job=?", of)
        if has & INBOX:
            self._db.ex("DELETE FROM inbox WHERE job=?", of)
        if has & KEPT:
            self._db.ex("UPDATE message SET data=NULL WHERE target=? AND data IS NOT NULL", of)
        head.has &= ~(LISTENERS | INBOX | KEPT)


def body_of(message: Message) -> dict[str, Value]:
    """What a listener gets to see of a message."""
    return {"id": message.id, "topic": message.topic, "key": message.key, "data": message.data}
