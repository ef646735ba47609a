"""Creating jobs: one, or thousands in one go, each with an outcome of its own.

What the items of a batch share (a skript, its handlers, its labels) is found out once. They are
written in portions, so that whoever else is on the loop gets on; an item is told to be created when
it is durable, not before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, Final, Literal, TypeAlias

from ..errors import (
    JobExistsError,
    RuneskriptError,
    RuntimeClosedError,
    RuntimeOptionError,
    StoreError,
    StoreTooLargeError,
)
from ..kernel import Program
from ..model.limits import SUBMITS
from ..model.records import record
from ..model.rows import NamedTuple
from ..model.values import Value
from ..stores.base import JobRow, OnConflict, Submitted
from . import requests
from .assembly import Observer
from .clock import Clock
from .compiling import Skript, Source
from .driver import Driver
from .ids import Ids
from .skripts import Skripts

#: Jobs that are written in one commit.
PORTION: Final = 250


@record
class Submission:
    """A job to be; see ``Runtime.submit_job`` and ``submit_many``.

    ``skript``: what it runs, or ``deployed``: ``NAME`` or ``NAME@VERSION`` of what its tenant has
    deployed; without either it is a bare job, which nothing begins, and ``input`` its data. ``id``:
    of equal ones only the first makes a job; whoever derives it from what it is for may submit
    again what may have been submitted. Without it the job gets a new one.
    """

    skript: Skript | None = None
    input: object = None
    deployed: str | None = None
    key: str | None = None
    labels: Mapping[str, str] | None = None
    on_conflict: OnConflict = "return"
    start: bool = True
    hold: bool = False
    priority: int = 0
    tenant: str = ""
    id: str | None = None


@record
class Receipt:
    """What became of a submission. ``id``: of the job that has its id or its key now; ``error``:
    why there is none.
    """

    outcome: Literal["created", "exists", "replaced", "refused"]
    id: str | None
    error: RuneskriptError | None


class Asked(NamedTuple):
    """A submission that has been checked: what it runs (None: it is bare), and its input."""

    item: Submission
    program: Program | None
    value: Value
    labels: dict[str, str]

    @property
    def begins(self) -> bool:
        """Whether it is to run here."""
        return self.program is not None and self.item.start and not self.item.hold


class Shared:
    """What items of a batch have in common."""

    __slots__ = ("_before", "_found", "_program", "before")

    def __init__(self) -> None:
        self._found: dict[Any, Program | RuneskriptError] = {}
        self._before: Submission | None = None
        self._program: Program | RuneskriptError | None = None
        #: The last one that was sound.
        self.before: Submission | None = None

    def program(self, item: Submission) -> Program | RuneskriptError | None:
        """What an item runs, or why that cannot be, if another one had the same."""
        last = self._before
        if (
            last is None
            or item.skript is not last.skript
            or item.deployed is not last.deployed
            or item.tenant is not last.tenant
        ):
            self._program = self._found.get(_same(item))
            self._before = item
        return self._program

    def keep(self, item: Submission, program: Program | RuneskriptError) -> None:
        """What an item runs."""
        self._found[_same(item)] = self._program = program


#: What became of one that was checked, or what was wrong with it.
Found: TypeAlias = "Submitted | RuneskriptError"


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
    ) -> None:
        """``places``: as many as jobs may live at once."""
        self._driver = driver
        self._ids = ids
        self._clock = clock
        self._source = source
        self._skripts = skripts
        self._places = places
        self._observer = observer
        #: After the runtime was closed.
        self.closed = False

    async def one(self, item: Submission) -> JobRow:
        """Create a job, or find the one that has its key. Raises what is wrong with it."""
        bare = item.skript is None and item.deployed is None
        program = None if bare else await self._program(item)
        (found,) = await self._write([self._asked(item, program)])
        if isinstance(found, RuneskriptError):
            raise found
        return found.row

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
            found: list[Asked | RuneskriptError] = [
                await self._checked(item, shared) for item in portion
            ]
            written = iter(await self._write([one for one in found if isinstance(one, Asked)]))
            told = [next(written) if isinstance(one, Asked) else one for one in found]
            receipts += map(_receipt, told)
            broken = next(filter(_is_broken, told), None)
            if broken is not None:  # the others would not get on either
                left = len(items) - len(receipts)
                receipts += [_receipt(broken)] * left
                break
        return receipts

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

    async def _program(self, item: Submission) -> Program:
        """What an item runs, which is then in the store. Raises CompileError and others."""
        skript, deployed = item.skript, item.deployed
        tenant = requests.tenant(item.tenant)
        if deployed is not None and skript is None:
            program = await self._skripts.named(deployed, tenant)
            await self._skripts.permit((program.blueprint,), tenant)
            return program
        if skript is None or deployed is not None:
            raise RuntimeOptionError("a job runs a skript, or what is deployed: say one of them")
        return await self._skripts.put_all(*self._source.blueprints(skript), tenant)

    def _asked(
        self, item: Submission, program: Program | None, before: Submission | None = None
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
        if program is None:
            return Asked(item, None, requests.bare_data(item.input), labels)
        return Asked(item, program, self._skripts.accept(program, item.input), labels)

    # --- what is written ------------------------------------------------------------------------
    async def _write(self, asked: Sequence[Asked]) -> list[Found]:
        """Create the jobs of items that are checked; those that are to begin, as soon as there are
        places for them.
        """
        found: list[Found] = []
        while len(found) < len(asked):
            held, part = 0, list[Asked]()
            try:
                for one in asked[len(found) :]:
                    if one.begins:
                        if held and self._places.locked():
                            break  # nobody waits for one while others are held for nothing
                        await self._places.acquire()
                        held += 1
                    part.append(one)
                rows = await self._rows(part)
                for one, what in zip(part, await self._submit(part, rows), strict=True):
                    held -= self._begin(one, what)
                    found.append(what)
            finally:
                for _ in range(held):
                    self._places.release()
        return found

    async def _rows(self, asked: Sequence[Asked]) -> list[JobRow]:
        lease = self._driver.lease
        await lease.ensure()
        now, worker, rows = self._clock.now_ms(), lease.worker.id, list[JobRow]()
        shapes: dict[str, JobRow] = {}
        for one in asked:
            item, program, value, own = one
            id_ = self._ids.job_id() if item.id is None else item.id
            key, rank, tenant = item.key, item.priority, item.tenant
            if program is None:
                rows.append(requests.bare_row(id_, value, now, key, own, rank, tenant))
                continue
            labels = own
            if self._observer is not None:
                labels = self._observer.submitting(id_, program.blueprint.name, own)
            shape = shapes.get(program.digest)
            if shape is None:
                shape = shapes[program.digest] = requests.job_shape(program)
            owner = worker if one.begins else None
            rows.append(
                requests.job_row(
                    shape, id_, value, now, key, labels, owner, rank, tenant, item.hold
                )
            )
        return rows

    async def _submit(self, asked: Sequence[Asked], rows: list[JobRow]) -> list[Found]:
        """Write rows, those in a row that treat a taken key alike in one go."""
        found: list[Found] = []
        pairs = zip(asked, rows, strict=True)
        for replace, some in groupby(pairs, key=lambda one: one[0].item.on_conflict == "replace"):
            part = [row for _, row in some]
            on_conflict: OnConflict = "replace" if replace else "return"
            try:
                found += await self._driver.lease.submit(part, on_conflict)
            except StoreTooLargeError as exc:
                found += await self._singly(part, on_conflict) if len(part) > 1 else [exc]
            except StoreError as exc:
                found += [exc] * len(part)
        return [
            _said(one.item, row, what) for one, row, what in zip(asked, rows, found, strict=True)
        ]

    async def _singly(self, rows: list[JobRow], on_conflict: OnConflict) -> list[Found]:
        """Write each row by itself: one of them is too large for the store."""
        found: list[Found] = []
        for row in rows:
            try:
                found += await self._driver.lease.submit([row], on_conflict)
            except StoreError as exc:
                found.append(exc)
        return found

    def _begin(self, asked: Asked, found: Found) -> bool:
        """Let a job begin if it is new and to run here; whether it has taken its place."""
        program = asked.program
        if isinstance(found, RuneskriptError) or found.outcome == "exists":
            return False
        if program is None or not asked.begins:
            return False
        if self.closed:
            raise RuntimeClosedError("the runtime was closed while the job was submitted")
        live = self._driver.adopt(found.row, program)
        live.place = True
        self._driver.poke()
        return True


def skript_of(given: Any) -> Skript:
    """What a job that is to run something runs. Raises RuntimeOptionError for nothing."""
    if given is None:
        raise RuntimeOptionError("None is no skript to run")
    found: Skript = given
    return found


def _said(item: Submission, row: JobRow, found: Found) -> Found:
    """What the store made of an item, or the error that this is."""
    if isinstance(found, RuneskriptError) or found.outcome != "exists":
        return found
    there = found.row
    if there.id == row.id:  # it was submitted before, by this id
        if there.tenant != row.tenant:
            return RuntimeOptionError(f"the id {row.id!r} is another's")
        return found
    return JobExistsError(there.id, item.key) if item.on_conflict == "reject" else found


def _same(item: Submission) -> object:
    """What is equal where items run the same: texts that are equal, or one object."""
    return tuple(
        given if isinstance(given, str | bytes) else id(given)
        for given in (item.skript, item.deployed, item.tenant)
    )


def _is_broken(found: Found) -> bool:
    """Whether the store failed, and not for this item alone."""
    return isinstance(found, StoreError) and not isinstance(found, StoreTooLargeError)


def _receipt(found: Found) -> Receipt:
    if isinstance(found, RuneskriptError):
        return Receipt("refused", None, found)
    return Receipt(found.outcome, found.row.id, None)
