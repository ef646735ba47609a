"""The audit log: every change that was made through the service or refused, and by whom.

An entry is written when the answer is known and before it is sent, so whoever was told of a change
finds it; that of a refusal waits after the answer where the store is known to be locked. What
several requests note while the store writes goes in one record, for each tenant one: under load the
log costs a commit for many changes, else one for each. That of a new job is written in the commit
that makes the job: it costs none, and neither is there without the other. A record is named
``TENANT/<milliseconds>-<number>-<process>``, so that a tenant's pages are read in the order of time
and never touch another's. An entry has the time of its record, but for a refusal that has waited
for a locked store.

Refused changes (4xx) are noted, too, but so many of one caller, and of all callers, as a flood
cannot fill the store with; how many were left out stands in the next entry. Where the store does
not take the entry of a change that is made, the entry goes to the log of the process, and the
answer is sent all the same.
"""

from __future__ import annotations

import logging
import re
import secrets
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

from ..engine.submissions import Note
from ..errors import RuntimeOptionError, StoreDamagedError, StoreError
from ..model.records import fields_of, record
from ..model.rows import NamedTuple
from ..model.values import Value
from ..stores.base import Store
from ..stores.gathering import Gathering, Waiting
from ..stores.queries import Put, Record
from .access import Caller
from .rates import Buckets

#: Entries of one record, and characters of one text: a record of the longest fits its place in a
#: store (64 KB) and is not kept apart.
ENTRIES: Final = 50
TEXT: Final = 200
#: Entries that are written before those who noted them are told.
AT_ONCE: Final = 1_000
#: Refused changes that are noted: a second and at once, of one caller and of all together. So a
#: flood writes at most 10 entries (2 kB) a second.
REFUSED: Final = (1.0, 30)
REFUSED_IN_ALL: Final = (10.0, 300)
#: The status of the answer to a change whose entry is written with it: something new.
MADE: Final = 201
#: Records that are read at once.
PAGE: Final = 50
#: ``at`` of an entry that gets the time when it is written.
_WRITTEN: Final = 0
_CURSOR: Final = re.compile(r"([0-9]{15}-[0-9a-f]{8}-[0-9a-f]{8})\.([0-9]{1,3})", re.ASCII)
_log = logging.getLogger("runeskript.audit")


@record
class Entry:
    """One change. ``at``: ms since 1970. ``target``: the job, skript or topic it was about.

    ``status``: that of the answer. ``request``: its id. ``left_out``: how many refused ones were
    not noted since the entry before.
    """

    at: int
    actor: str | None
    token: str | None
    route: str
    target: str
    status: int
    peer: str
    request: str
    left_out: int = 0


class Page(NamedTuple):
    """Entries, the oldest first; the cursor behind them, None where there are no more."""

    entries: list[Entry]
    next: str | None


class Audit:
    """Writes the log of one store. ``clock``: seconds, for the bounds of refused changes."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._noted: Gathering[tuple[str, Entry], None] = Gathering(self._write, AT_ONCE, _lost)
        self._one = Buckets(*REFUSED, clock)
        self._all = Buckets(*REFUSED_IN_ALL, clock)
        self._left_out: dict[str, int] = {}
        self._process = secrets.token_hex(4)
        self._last = 0
        self._number = 0

    async def note(
        self,
        caller: Caller | None,
        *,
        route: str,
        target: str,
        status: int,
        peer: str,
        request: str,
        alone: bool = False,
    ) -> None:
        """Note a change, or one that was refused; back when it is written, but for a
        refusal while the store is locked. Never raises for what the store does. ``alone``: nobody
        else is about to note anything, so none is waited for.
        """
        tenant = "" if caller is None else caller.tenant
        token = None if caller is None else caller.token
        if 400 <= status < 500 and self._is_flood(token or f"peer {peer}"):
            self._left_out[tenant] = self._left_out.get(tenant, 0) + 1
            return
        actor = None if caller is None else caller.actor
        late = status >= 400 and self._store.locked()
        entry = Entry(
            self._store.now() if late else _WRITTEN,
            None if actor is None else _short(actor),
            token,
            _short(route),
            _short(target),
            status,
            _short(peer),
            _short(request),
            self._left_out.pop(tenant, 0),
        )
        if late:
            self._noted.add((tenant, entry))
        elif alone and not self._noted.busy:
            await self._put(tenant, [entry])
        else:
            await self._noted.add((tenant, entry))

    def beforehand(self, caller: Caller, *, route: str, peer: str, request: str) -> Note | None:
        """The entry of a job that is about to be made, to be written with it; None where the next
        entry has more to say.
        """
        if self._left_out.get(caller.tenant):
            return None
        actor = None if caller.actor is None else _short(caller.actor)
        return Note((caller.tenant, actor, caller.token, route, _short(peer), _short(request)))

    def puts(self, notes: list[Note]) -> list[Put]:
        """The records of such entries."""
        tenants: dict[str, list[Entry]] = {}
        for note in notes:
            tenant, actor, token, route, peer, request = note.what
            entry = Entry(_WRITTEN, actor, token, route, _short(note.job), MADE, peer, request)
            tenants.setdefault(tenant, []).append(entry)
        some = (self._records(tenant, entries) for tenant, entries in tenants.items())
        return [put for records in some for _, put in records]

    async def close(self) -> None:
        """Write what is still to be written: how many were left out since the last entries."""
        left, self._left_out = self._left_out, {}
        for tenant, count in left.items():
            entry = Entry(_WRITTEN, None, None, "audit", "", 429, "", "", count)
            await self._noted.add((tenant, entry))
        await self._noted.done()

    def _is_flood(self, key: str) -> bool:
        return self._one.take(key) > 0 or self._all.take("") > 0

    async def _write(self, group: list[Waiting[tuple[str, Entry], None]]) -> None:
        """Write entries, those of a tenant together."""
        tenants: dict[str, list[Entry]] = {}
        for (tenant, entry), _ in group:
            tenants.setdefault(tenant, []).append(entry)
        for tenant, entries in tenants.items():
            await self._put(tenant, entries)
        for _, written in group:
            if not written.done():
                written.set_result(None)

    async def _put(self, tenant: str, entries: list[Entry]) -> None:
        for part, put in self._records(tenant, entries):
            try:
                await self._store.put_record(*put)
            except Exception as exc:
                defect = None if isinstance(exc, StoreError) else exc
                _log.error("the store takes no entries (%s): %r", exc, part, exc_info=defect)

    def _records(self, tenant: str, entries: list[Entry]) -> Iterator[tuple[list[Entry], Put]]:
        """Entries of a tenant by record, each of which is written next."""
        for start in range(0, len(entries), ENTRIES):
            now = self._store.now()
            part = entries[start : start + ENTRIES]
            value: Value = [{**_stored(one), "at": one.at or now} for one in part]
            yield part, Put("audit", self._name(tenant, now), value, 0)

    def _name(self, tenant: str, at: int) -> str:
        """Names rise, also where the clock goes back."""
        self._last = max(self._last, at)
        self._number += 1
        return f"{tenant}/{self._last:015d}-{self._number & 0xFFFFFFFF:08x}-{self._process}"


def _lost(noted: tuple[str, Entry]) -> None:
    _log.error("the service ended before this entry was written: %r", noted[1])


async def page(store: Store, tenant: str, cursor: str | None, limit: int) -> Page:
    """A page of a tenant's log, from its beginning or behind ``cursor``.

    Raises RuntimeOptionError for a cursor that is none, StoreError. A record that cannot be read is
    an entry of the route ``damaged``.
    """
    prefix, after, skip = f"{tenant}/", "", 0
    entries: list[Entry] = []
    places: list[str] = []
    if cursor is not None:
        found = _CURSOR.fullmatch(cursor) if len(cursor) <= TEXT else None
        if found is None:
            raise RuntimeOptionError("the cursor is none of this log")
        after, skip = prefix + found[1], int(found[2])
        name, first = await _one(store, after)
        _take(name, first[skip:], skip, entries, places)
    while len(entries) <= limit:
        records, last = await _next(store, prefix, after)
        for name, known in records:
            _take(name, known, 0, entries, places)
        if last is None:
            break
        after = last
    more = len(entries) > limit
    return Page(entries[:limit], places[limit - 1] if more else None)


def _take(
    name: str, known: list[Entry], start: int, entries: list[Entry], places: list[str]
) -> None:
    short = name.rpartition("/")[2]
    for number, entry in enumerate(known, start + 1):
        entries.append(entry)
        places.append(f"{short}.{number}")


async def _one(store: Store, name: str) -> tuple[str, list[Entry]]:
    """The entries of one record; none where it is gone."""
    try:
        found = await store.get_record("audit", name)
    except StoreDamagedError:
        return name, [_damaged(name)]
    return name, [] if found is None else _entries(found)


async def _next(
    store: Store, prefix: str, after: str
) -> tuple[list[tuple[str, list[Entry]]], str | None]:
    """Entries of records by name, and the name to go on behind (None: there are no more)."""
    try:
        found = await store.list_records("audit", prefix, after, PAGE)
    except StoreDamagedError as exc:
        if exc.record is None:
            raise
        # Those in front of it one by one, then it, as what it is.
        done: list[tuple[str, list[Entry]]] = []
        while after < exc.record:
            try:
                single = await store.list_records("audit", prefix, after, 1)
            except StoreDamagedError as again:
                if again.record is None:
                    raise
                done.append((again.record, [_damaged(again.record)]))
                return done, again.record
            if not single:
                break
            done.append((single[0].name, _entries(single[0])))
            after = single[0].name
        return done, after
    known = [(one.name, _entries(one)) for one in found]
    return known, found[-1].name if len(found) == PAGE else None


def _entries(found: Record) -> list[Entry]:
    value: Any = found.value
    try:
        return [Entry(**{name: one[name] for name in _FIELDS}) for one in value]
    except (KeyError, TypeError):
        return [_damaged(found.name)]


_FIELDS: Final = fields_of(Entry)


def _stored(entry: Entry) -> dict[str, Value]:
    return {name: getattr(entry, name) for name in _FIELDS}


def _damaged(name: str) -> Entry:
    """What stands for a record that cannot be read."""
    at = name.rpartition("/")[2].partition("-")[0]
    return Entry(int(at) if at.isdigit() else 0, None, None, "damaged", name[:TEXT], 0, "", "")


def _short(text: str) -> str:
    """A text as it is kept: what would be too long is cut, what is no text is written out."""
    kept = text if len(text) <= TEXT else f"{text[: TEXT - 3]}..."
    return kept if kept.isprintable() else ascii(kept)[1:-1][:TEXT]
