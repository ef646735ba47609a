"""What a submission of a job says, and what becomes of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeAlias

from ..errors import (
    JobExistsError,
    RuneskriptError,
    RuntimeOptionError,
    StoreError,
    StoreTooLargeError,
)
from ..kernel import Program
from ..model.records import record
from ..model.rows import NamedTuple
from ..model.values import Value
from ..stores.base import JobRow, OnConflict, Submitted
from ..stores.queries import Put
from .compiling import Skript


class Chosen(NamedTuple):
    """What a job is to run, found out. ``version``: the one it is deployed as, where it was found
    by its name.
    """

    program: Program
    version: int | None = None


@record
class Submission:
    """A job to be; see ``Runtime.submit_job`` and ``submit_many``.

    ``skript``: what it runs, or ``deployed``: ``NAME`` or ``NAME@VERSION`` of what its tenant has
    deployed; without either it is a bare job, which nothing begins, and ``input`` its data. ``id``:
    of equal ones only the first makes a job; whoever derives it from what it is for may submit
    again what may have been submitted. Without it the job gets a new one. ``waits``: where
    ``max_jobs`` live here already, until there is a place; False: it is only stored then, for
    whoever claims it (``work`` does).
    """

    skript: Skript | Chosen | None = None
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
    waits: bool = True


@record
class Receipt:
    """What became of a submission. ``id``: of the job that has its id or its key now; ``error``:
    why there is none.
    """

    outcome: Literal["created", "exists", "replaced", "refused"]
    id: str | None
    error: RuneskriptError | None


class Note:
    """What whoever submits a job wants written with it, if the job is a new one.

    ``job``: its id, as soon as that is known; ``kept``: whether it was written.
    """

    __slots__ = ("job", "kept", "what")

    def __init__(self, what: Any) -> None:
        self.what = what
        self.job = ""
        self.kept = False


#: The records that notes become.
Notes: TypeAlias = "Callable[[list[Note]], list[Put]]"


class Asked(NamedTuple):
    """A submission that has been checked: what it runs (None: it is bare), and its input."""

    item: Submission
    id: str
    program: Program | None
    value: Value
    labels: dict[str, str]
    #: There was no place for it.
    stored: bool = False
    #: That of what is deployed.
    version: int | None = None
    #: Who awaits its end from the moment it begins.
    waiter: asyncio.Future[JobRow] | None = None
    #: What is to be written with it.
    note: Note | None = None

    @property
    def begins(self) -> bool:
        """Whether it is to run here."""
        item = self.item
        return self.program is not None and item.start and not item.hold and not self.stored


class Shared:
    """What items of a batch have in common."""

    __slots__ = ("_before", "_found", "_program", "before")

    def __init__(self) -> None:
        self._found: dict[Any, Chosen | RuneskriptError] = {}
        self._before: Submission | None = None
        self._program: Chosen | RuneskriptError | None = None
        #: The last one that was sound.
        self.before: Submission | None = None

    def program(self, item: Submission) -> Chosen | RuneskriptError | None:
        """What an item runs, or why that cannot be, if another one had the same."""
        last = self._before
        if (
            last is None
            or item.skript is not last.skript
            or item.deployed is not last.deployed
            or item.tenant is not last.tenant
        ):
            self._program = self._found.get(same(item))
            self._before = item
        return self._program

    def keep(self, item: Submission, program: Chosen | RuneskriptError) -> None:
        """What an item runs."""
        self._found[same(item)] = self._program = program


#: What became of one that was checked, or what was wrong with it.
Found: TypeAlias = "Submitted | RuneskriptError"


def skript_of(given: Any) -> Skript:
    """What a job that is to run something runs. Raises RuntimeOptionError for nothing."""
    if given is None:
        raise RuntimeOptionError("None is no skript to run")
    found: Skript = given
    return found


def said(item: Submission, row: JobRow, found: Found) -> Found:
    """What the store made of an item, or the error that this is."""
    if isinstance(found, RuneskriptError) or found.outcome != "exists":
        return found
    there = found.row
    if there.id == row.id:  # it was submitted before, by this id
        if there.tenant != row.tenant:
            return RuntimeOptionError(f"the id {row.id!r} is another's")
        return found
    return JobExistsError(there.id, item.key) if item.on_conflict == "reject" else found


def same(item: Submission) -> object:
    """What is equal where items run the same: texts that are equal, or one object."""
    return tuple(
        given if isinstance(given, str | bytes) else id(given)
        for given in (item.skript, item.deployed, item.tenant)
    )


def is_broken(found: Found) -> bool:
    """Whether the store failed, and not for this item alone."""
    return isinstance(found, StoreError) and not isinstance(found, StoreTooLargeError)


def receipt(found: Found) -> Receipt:
    """What whoever submitted an item is told."""
    if isinstance(found, RuneskriptError):
        return Receipt("refused", None, found)
    return Receipt(found.outcome, found.row.id, None)
