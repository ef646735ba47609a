"""Applying the units of a commit, and taking in what is posted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from ...errors import DamagedError, FormatVersionError, SealedError, StoreDamagedError
from ...model.batches import unfold_events
from ...model.events import Event
from ...model.payloads import Payloads
from ...model.segments import pack_one, unpack
from ..rows import Command, Committed, Message, PostOutcome, Unit
from .creating import Creating
from .database import Database
from .heads import LAST_SEQ, LISTENERS, SEQ_BITS, TIMERS, Head, Heads
from .jobs import APPEND, Jobs
from .lines import Lines
from .mail import Mail

#: What a unit carries besides its guard and its events, where that is nothing.
_PLAIN: Final = Unit("", 0, 0, ())[4:]
#: A unit was applied.
OK: Final = Committed("ok")
_ALREADY: Final = Committed("already")
_FENCED: Final = Committed("fenced")
_CONFLICT: Final = Committed("conflict")


class Units:
    """Everything here is called inside a transaction."""

    def __init__(
        self,
        db: Database,
        heads: Heads,
        payloads: Payloads,
        jobs: Jobs,
        creating: Creating,
        mail: Mail,
        lines: Lines,
    ) -> None:
        self._db = db
        self._heads = heads
        self._payloads = payloads
        self._jobs = jobs
        self._creating = creating
        self._mail = mail
        self._lines = lines

    def apply_all(self, units: Sequence[Unit]) -> list[Committed]:
        """The units of a commit, one after the other."""
        if len(units) == 1:
            return [self.apply(units[0])]
        return [self.apply(unit) for unit in units]

    def append(self, unit: Unit) -> bool:
        """Commit a unit that is one more event and nothing else, if all that has to be known of the
        job is remembered. False, and nothing done: it has to go the long way.

        The same as ``apply`` does in a transaction, in one statement: what a job that goes step by
        step mostly commits. Not called inside a transaction.
        """
        db = self._db
        id_, epoch, first, events = unit[:4]
        head = self._heads.known(id_)
        if (
            not db.free
            or head is None
            or head.epoch != epoch
            or head.length != first
            or head.owner is None
            or not head.chain
            or len(events) != 1
            or unit[4:] != _PLAIN
        ):
            return False
        segment = pack_one(self._payloads, first, head.chain, events[0])
        if segment is None:
            return False
        place = head.number << SEQ_BITS | first
        data, chain = segment
        if not db.insert(APPEND, (place, data)):
            return False
        head.last, head.length, head.chain = place, first + 1, chain
        return True

    def apply(self, unit: Unit) -> Committed:
        """One unit, if its guard holds."""
        id_, epoch, first, events = unit[:4]
        plain = unit[4:] == _PLAIN
        head = self._heads.get(id_)
        if head is None or head.epoch != epoch:
            return _FENCED
        if plain and events and head.owner is not None and head.chain and first == head.length:
            # One more event and nothing else: what a job that is on its way mostly commits.
            self._jobs.append(head, events)
            if self._jobs.lifted:
                self._jobs.note_blobs(head)
            return OK
        if head.chain is None:
            try:
                self._heads.read_end(head)
            except StoreDamagedError:
                # It is parked when it is claimed the next time.
                return _FENCED if head.owner is None else _CONFLICT
        change = unit.row
        if first != head.length or unit.part or not events:
            before = self._stood(head, unit)
            if before is not None:
                return before
        if head.owner is None:
            return _FENCED
        if change is not None and not change.fits(head.status):
            return _CONFLICT
        jobs = self._jobs
        if events:
            jobs.append(head, events)
            if jobs.lifted:
                jobs.note_blobs(head)
        else:
            head.part = (head.length, unit.part)
            self._db.ex(
                "UPDATE job SET part_at=?, part=? WHERE number=?", (*head.part, head.number)
            )
        if plain:
            return OK
        if unit.snapshot is not None:
            self._snapshot(head, unit.snapshot)
        if unit.inbox:
            self._mail.consume(head, unit.inbox)
        if unit.furnished:
            self._carry_out(head, unit)
        if change is not None:
            jobs.change(head, change)
            if jobs.lifted:
                jobs.note_blobs(head)
        return OK if not unit.takes else self._queued(head, unit, OK)

    def _snapshot(self, head: Head, data: bytes) -> None:
        place = head.number << SEQ_BITS | head.length
        # The chain lets the journal be followed from here when what stands before is pruned.
        chain = head.chain or b""
        framed = self._payloads.bytes_in(chain + data, f"{head.id}/snapshot/{head.length}")
        self._db.ex("INSERT OR REPLACE INTO snapshot(place, data) VALUES(?, ?)", (place, framed))

    def _stood(self, head: Head, unit: Unit) -> Committed | None:
        """What became of a unit before, or why nothing can; None where it is the next."""
        if unit.events:
            if unit.part:
                return _CONFLICT
            return None if unit.first == head.length else self._again(head, unit)
        if unit.part < 1 or not 0 <= unit.first <= head.length:
            return _CONFLICT
        known = unit.part
        if unit.first == head.length:
            if head.part is None:
                ((at, part),) = self._db.rows(
                    "SELECT part_at, part FROM job WHERE number=?", (head.number,)
                )
                head.part = (at, part)
            known = head.part[1] if head.part[0] == head.length else 0
        if unit.part <= known:
            return self._queued(head, unit, _ALREADY)
        return None if unit.part == known + 1 else _CONFLICT

    def _again(self, head: Head, unit: Unit) -> Committed:
        """A unit for a place of the journal that is not its end."""
        sent = list(unfold_events(unit.events))
        try:
            found = self._events(head, unit.first, len(sent))
        except (DamagedError, FormatVersionError, SealedError):
            return _CONFLICT
        return self._queued(head, unit, _ALREADY) if found == sent else _CONFLICT

    def _events(self, head: Head, first: int, count: int) -> list[Event] | None:
        """Single events of a journal; None where there are not so many."""
        base = head.number << SEQ_BITS
        if first < 0 or first + count > head.length:
            return None
        rows = self._db.rows(
            "SELECT place, data FROM segment WHERE place <= ?3 AND place >= "
            "(SELECT max(place) FROM segment WHERE place >= ?1 AND place <= ?2)",
            (base, base | first, base | min(first + count - 1, LAST_SEQ)),
        )
        found: list[Event] = []
        start = first
        for number, (place, data) in enumerate(rows):
            at = place - base
            if number == 0:
                start = at
            events, _ = unpack(self._payloads, head.id, at, data, None)
            found.extend(unfold_events(events))
        return found[first - start : first - start + count] if rows else None

    def _queued(self, head: Head, unit: Unit, result: Committed) -> Committed:
        """The unit's result, where its calls may stand in line."""
        if not unit.takes:
            return result
        waiting = {(path, n) for path, n, _ in self._lines.waiting(head.number)}
        queued = tuple((t.path, t.n) for t in unit.takes if (t.path, t.n) in waiting)
        if not queued:
            return result
        return Committed("limited" if result is OK else result.outcome, queued)

    def _carry_out(self, head: Head, unit: Unit) -> None:
        """Everything of a unit besides its events, snapshot and row. What leaves the job stays
        with its tenant, whatever the unit says.
        """
        mail, tenant, number = self._mail, head.tenant, head.number
        for id_ in unit.taken:
            mail.take(id_, tenant)
        if head.has & LISTENERS:
            for path, m in unit.unlistens:
                mail.unlisten(head, path, m)
        for listener in unit.listens:
            mail.listen(head, listener)
        dumps, ex = self._payloads.dumps, self._db.ex
        if head.has & TIMERS:
            for path, m in unit.untimers:
                ex("DELETE FROM timer WHERE job=? AND path=? AND m=?", (number, dumps(path), m))
        for path, m, due, kind, step in unit.timers:
            ex(
                "INSERT OR REPLACE INTO timer(job, path, m, due, kind, step) "
                "VALUES(?, ?, ?, ?, ?, ?)",
                (number, dumps(path), m, due, kind, step),
            )
            head.has |= TIMERS
        if unit.frees or unit.takes:
            for path, n in unit.frees:
                self._lines.free(head, path, n)
            for take in unit.takes:
                self._lines.take(head, take)
            asked: set[tuple[int, Any, int]] = {(number, t.path, t.n) for t in unit.takes}
            self._jobs.settle(asked)
        for child in unit.children:
            self._creating.submit(child._replace(tenant=tenant), "return")
        for item in unit.messages:
            if isinstance(item, Message):
                mail.post(item._replace(tenant=tenant))
            else:
                target = self._heads.get(item.job)
                if target is not None and target.tenant == tenant:
                    mail.command(item)

    def post_all(self, items: Sequence[Message | Command]) -> list[PostOutcome]:
        """Take in messages and commands, in their order."""
        if len(items) > 1 and all(type(item) is Command for item in items):
            commands: Any = items
            return self._mail.commands(commands)
        return [self.post(item) for item in items]

    def post(self, item: Message | Command) -> PostOutcome:
        """Take in a message or a command."""
        if isinstance(item, Message):
            return self._mail.post(item)
        return self._mail.command(item)
