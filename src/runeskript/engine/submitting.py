"""Creating jobs: one, or thousands in one go, each with an outcome of its own.

What the items of a batch share (a skript, its handlers, its labels) is found out once. They are
written in portions, so that whoever else is on the loop gets on; an item is told to be created when
it is durable, not before. A job that nobody can watch before that is written together with its
first slice (``drafts``), which for a short one is its last.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from time import monotonic
from typing import Any, Final

from ..errors import (
    RuneskriptError,
    RuntimeClosedError,
    RuntimeOptionError,
    StoreError,
)
from ..model.limits import SUBMITS
from ..stores.base import JobRow, Submitted
from ..stores.gathering import Gathering, Waiting
from . import requests
from .assembly import Observer
from .clock import Clock
from .compiling import Source
from .drafts import Draft
from .driver import Driver
from .ids import Ids
from .skripts import Skripts
from .submissions import (
    Asked,
    Chosen,
    Found,
    Note,
    Notes,
    Receipt,
    Shared,
    Submission,
    is_broken,
    receipt,
)
from .writing import Writing

#: Jobs that are written in one commit.
PORTION: Final = 250
#: Turns of the loop for which a commit waits, as long as each brings one more job: requests of many
#: connections come a few in each, and a flush of the disk costs as much for one as for all.
TURNS: Final = 4
#: Seconds after which others get on while they are checked.
SLICE: Final = 0.005


class Submitting:
    """Creates the jobs of a runtime that runs, and begins those that it is to run itself."""

    def __init__(
        self,
        driver: Driver,
        ids: Ids,
        clock: Clock,
        source: Source,
        skripts: Skripts,
        places: asyncio.Semaphore,
        observer: Observer | None,
        notes: Notes | None,
    ) -> None:
        """``places``: as many as jobs may live at once. ``notes``: what becomes of the notes that
        come with jobs.
        """
        self._driver = driver
        self._ids = ids
        self._clock = clock
        self._source = source
        self._skripts = skripts
        self._places = places
        self._observer = observer
        self._writing = Writing(driver, clock, notes)
        #: Jobs that are submitted one by one. Who is cancelled while he waits has submitted his all
        #: the same.
        self._joined: Gathering[Asked, Found] = Gathering(
            self._write_group, PORTION, self._give_up, TURNS
        )
        #: After the runtime was closed.
        self.closed = False

    async def one(
        self,
        item: Submission,
        *,
        joined: bool = False,
        waiter: asyncio.Future[JobRow] | None = None,
        note: Note | None = None,
    ) -> Submitted:
        """Create a job, or find the one that has its key. ``joined``: in one commit with what
        others submit so at the same time, in other tasks. ``waiter``: who awaits its end, if it is
        a new one that begins here. With one of these it may have got on, or ended, when it is
        written. ``note``: what is to be written with it. Raises what is wrong with it.
        """
        bare = item.skript is None and item.deployed is None
        program = None if bare else await self._program(item)
        asked = self._asked(item, program)
        if waiter is not None:
            asked = asked._replace(waiter=waiter)
        if note is not None:
            note.job = asked.id
            asked = asked._replace(note=note)
        if not joined:
            (found,) = await self._write([asked], drafts=waiter is not None)
        else:
            asked = self._placed(asked, 0)
            if asked.begins:
                await self._places.acquire()
            found = await self._joined.add(asked)
        if isinstance(found, RuneskriptError):
            raise found
        return found

    async def many(self, items: Sequence[Submission]) -> list[Receipt]:
        """Create jobs; see ``Runtime.submit_many``."""
        if len(items) > SUBMITS:
            raise RuntimeOptionError(f"at most {SUBMITS:,} jobs are submitted in one go")
        shared = Shared()
        receipts: list[Receipt] = []
        for start in range(0, len(items), PORTION):
            if start:
                await asyncio.sleep(0)  # others are on the loop, too
            portion = items[start : start + PORTION]
            found: list[Asked | RuneskriptError] = []
            until = monotonic() + SLICE
            for item in portion:
                found.append(await self._checked(item, shared))
                if monotonic() > until:  # each may have a program of its own to be loaded
                    await asyncio.sleep(0)
                    until = monotonic() + SLICE
            sound = [one for one in found if isinstance(one, Asked)]
            written = iter(await self._write(sound, drafts=True))
            told = [next(written) if isinstance(one, Asked) else one for one in found]
            receipts += map(receipt, told)
            broken = next(filter(is_broken, told), None)
            if broken is not None:  # the others would not get on either
                left = len(items) - len(receipts)
                receipts += [receipt(broken)] * left
                break
        return receipts

    async def _write_group(self, group: list[Waiting[Asked, Found]]) -> None:
        """Write those who have submitted since the last commit: one of dozens takes hardly longer
        than that of one. Their places are taken already.
        """
        try:
            written = await self._writing.write([asked for asked, _ in group], drafts=True)
        except BaseException:
            for asked, _ in group:
                self._give_up(asked)
            raise
        for (asked, told), (what, draft) in zip(group, written, strict=True):
            begun = False
            try:
                begun = self._begin(asked, what, draft)
            except Exception as exc:  # the others' jobs are there as well
                if not told.done():
                    told.set_exception(exc)
            finally:
                if not begun:
                    self._give_up(asked)
            if not told.done():
                told.set_result(what)

    def _give_up(self, asked: Asked) -> None:
        """One that does not begin needs no place."""
        if asked.begins:
            self._places.release()

    # --- what is asked for ----------------------------------------------------------------------
    async def _checked(self, item: Submission, shared: Shared) -> Asked | RuneskriptError:
        """An item of a batch, or what is wrong with it."""
        try:
            what: Any = item
            if not isinstance(what, Submission):
                raise RuntimeOptionError(f"{type(item).__name__} is no Submission")
            if item.skript is None and item.deployed is None:
                return self._asked(item, None)
            program = shared.program(item)
            if program is None:
                try:
                    program = await self._program(item)
                except StoreError:
                    raise  # it is not the skript's fault
                except RuneskriptError as exc:
                    program = exc
                shared.keep(item, program)
            if isinstance(program, RuneskriptError):
                raise program
            found = self._asked(item, program, shared.before)
            shared.before = item
            return found
        except RuneskriptError as exc:
            return exc

    async def _program(self, item: Submission) -> Chosen:
        """What an item runs, which is then in the store. Raises CompileError and others."""
        skript, deployed = item.skript, item.deployed
        tenant = requests.tenant(item.tenant)
        if deployed is not None and skript is None:
            skript = Chosen(*await self._skripts.named(deployed, tenant))
        elif skript is None or deployed is not None:
            raise RuntimeOptionError("a job runs a skript, or what is deployed: say one of them")
        if isinstance(skript, Chosen):
            await self._skripts.permit((skript.program.blueprint,), tenant)
            return skript
        return Chosen(await self._skripts.put_all(*self._source.blueprints(skript), tenant))

    def _asked(
        self, item: Submission, chosen: Chosen | None, before: Submission | None = None
    ) -> Asked:
        """Check an item; ``before``: a sound one. Raises InputError, RuntimeOptionError."""
        if (
            before is None
            or item.on_conflict is not before.on_conflict
            or item.priority is not before.priority
            or item.tenant is not before.tenant
        ):
            requests.on_conflict(item.on_conflict)
            requests.priority(item.priority)
            requests.tenant(item.tenant)
        labels = requests.labels(item.labels)
        if item.key is not None:
            requests.name(item.key, "the key")
        if item.id is not None:
            requests.name(item.id, "the id")
        program, version = (None, None) if chosen is None else chosen
        if program is None:
            value = requests.bare_data(item.input)
        else:
            value = self._skripts.accept(program, item.input)
        id_ = self._ids.job_id() if item.id is None else item.id
        if self._observer is not None and program is not None:
            labels = self._observer.submitting(id_, program.blueprint.name, labels)
        return Asked(item, id_, program, value, labels, version=version)

    # --- what is written ------------------------------------------------------------------------
    async def _write(self, asked: Sequence[Asked], *, drafts: bool) -> list[Found]:
        """Create the jobs of items that are checked; those that are to begin, as soon as there are
        places for them. ``drafts``: with their first slices.
        """
        found: list[Found] = []
        while len(found) < len(asked):
            held, part = 0, list[Asked]()
            try:
                for given in asked[len(found) :]:
                    one = self._placed(given, held)
                    if one.begins:
                        if held and self._places.locked():
                            break  # nobody waits for one while others are held for nothing
                        await self._places.acquire()
                        held += 1
                    part.append(one)
                written = await self._writing.write(part, drafts=drafts)
                for one, (what, draft) in zip(part, written, strict=True):
                    held -= self._begin(one, what, draft)
                    found.append(what)
            finally:
                for _ in range(held):
                    self._places.release()
        return found

    def _placed(self, asked: Asked, held: int) -> Asked:
        """One that does not wait is only stored where there is no place for it. ``held``: places
        that others of its commit have taken, which are not live yet.
        """
        if asked.item.waits or not asked.begins:
            return asked
        full = self._places.locked() or self._driver.full(held)
        return asked._replace(stored=True) if full else asked

    def _begin(self, asked: Asked, found: Found, draft: Draft | None) -> bool:
        """Let a job begin if it is new and to run here; whether it has taken its place."""
        program = asked.program
        if isinstance(found, RuneskriptError) or found.outcome == "exists":
            return False
        if program is None or not asked.begins:
            return False
        if self.closed:
            raise RuntimeClosedError("the runtime was closed while the job was submitted")
        live = self._driver.adopt(found.row, program) if draft is None else draft.turn.live
        live.place = True
        if asked.waiter is not None:
            live.waiters.append(asked.waiter)
        try:
            if draft is not None:
                self._driver.take_in(draft, found.row)
        except BaseException:
            live.place = False  # whoever is told gives it back
            raise
        finally:
            self._driver.poke()
        return True
