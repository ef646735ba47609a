"""The store protocol: records, outcomes, and the operations the driver asks for.

A commit is a list of independent *units*, one per run. A unit is atomic over everything it names:
journal segment, job row, listeners, consumed inbox rows, messages sent and child jobs created. Its
guard is (job, epoch, first sequence): a stale owner writes nothing, and the same unit again is
``already``, a success. One refused unit does not fail the others.

Ids of children and messages are derived from (job, token path, n), so creating them twice is
harmless. Values held by a store are never changed by anyone; whoever hands one out copies it.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import field
from typing import Any, Final, Literal, Protocol

from ..model.codec import encode
from ..model.events import Event, Path, Status
from ..model.records import record
from ..model.rows import NamedTuple
from ..model.values import Value

SubmitOutcome = Literal["created", "exists", "replaced"]
PostOutcome = Literal["accepted", "duplicate", "unknown"]
CommitOutcome = Literal["ok", "already", "fenced", "conflict"]
#: What a submit does with a key that a kept job already has. ``replace`` only replaces a job that
#: has ended.
OnConflict = Literal["exists", "replace"]


class ParentRef(NamedTuple):
    """The RUN step a child job belongs to."""

    job: str
    path: Path
    n: int
    step: str


class JobRow(NamedTuple):
    """One job. Times are milliseconds since 1970.

    Written only when the status changes, so ``seq`` is the length of the journal at that time.
    """

    id: str
    key: str | None
    labels: dict[str, str]
    skript: str
    version: int | None
    #: Hex digest of the Blueprint the job runs, and of the AST it was compiled from.
    blueprint: str
    ast_hash: str
    input: Value
    created_at: int
    updated_at: int
    status: Status = "Pending"
    state: str = "Pending"
    output: Value = None
    error: dict[str, Value] | None = None
    #: Rises with every change of owner; a unit with another epoch is refused.
    epoch: int = 1
    seq: int = 0
    #: How many ``run`` steps stand above the job, and the one that created it.
    depth: int = 0
    parent: ParentRef | None = None


class RowChange(NamedTuple):
    """What a unit changes in the job's row. ``output`` and ``error`` come with a final status."""

    status: Status
    at: int
    output: Value = None
    error: dict[str, Value] | None = None


class Listener(NamedTuple):
    """A token that waits for a message."""

    job: str
    path: Path
    m: int
    topic: str
    key: Value


class Message(NamedTuple):
    """A message to (topic, key), or to one job's listeners of the topic where ``to`` is set.

    ``keep``: milliseconds it waits for a listener, and as long an equal ``id`` is a duplicate.
    """

    id: str
    topic: str
    key: Value
    to: str | None
    data: Value
    keep: int = 0


class Cancel(NamedTuple):
    """The command to cancel a job."""

    job: str
    reason: str


class InboxRow(NamedTuple):
    """Something that arrived for a job from outside its run, until a unit consumes it.

    ``number`` rises in order of arrival. A message names the listener (path, m) it is for; a
    cancel has neither.
    """

    number: int
    job: str
    path: Path
    m: int
    message: dict[str, Value] | None
    reason: str


class Unit(NamedTuple):
    """One run's part of a commit. ``first`` is the sequence number of ``events[0]`` (from 0).

    Sequence numbers count single events: a batch (``model/batches.py``) counts as those it stands
    for, and may be stored and read in pieces.
    """

    job: str
    epoch: int
    first: int
    events: Sequence[Event]
    row: RowChange | None = None
    listens: Sequence[Listener] = ()
    unlistens: Sequence[tuple[Path, int]] = ()
    #: Numbers of inbox rows, and ids of kept messages, that the events used up.
    inbox: Sequence[int] = ()
    taken: Sequence[str] = ()
    messages: Sequence[Message] = ()
    children: Sequence[JobRow] = ()


class Submitted(NamedTuple):
    """The outcome of submitting one job, and the row that now has its key."""

    outcome: SubmitOutcome
    row: JobRow


@record
class JobFilter:
    """Which jobs ``query`` lists; every field that is set must hold."""

    status: Status | None = None
    skript: str | None = None
    key: str | None = None
    labels: dict[str, str] = field(default_factory=dict)

    def accepts(self, row: JobRow) -> bool:
        """Whether the row is among the wanted ones."""
        return (
            (self.status is None or row.status == self.status)
            and (self.skript is None or row.skript == self.skript)
            and (self.key is None or row.key == self.key)
            and all(row.labels.get(name) == value for name, value in self.labels.items())
        )


class Record(NamedTuple):
    """A named value with a version that rises by one with each put."""

    name: str
    version: int
    value: Value


#: Records that are no jobs, by table: deployed skripts.
RecordTable = Literal["skripts"]
TABLES: Final[tuple[RecordTable, ...]] = ("skripts",)


class Store(Protocol):
    """What every backend offers."""

    def now(self) -> int:
        """The store's clock, in milliseconds since 1970."""

    async def put_blob(self, digest: str, data: bytes) -> None:
        """Keep bytes under the hash they are identified by; putting them twice is harmless."""

    async def get_blob(self, digest: str) -> bytes | None:
        """The bytes of a blob, or None."""

    async def submit(
        self, jobs: Sequence[JobRow], on_conflict: OnConflict = "exists"
    ) -> list[Submitted]:
        """Create jobs. ``exists`` where the id or the key is taken, with the row that has it."""

    async def post(self, items: Sequence[Message | Cancel]) -> list[PostOutcome]:
        """The door for everyone who is not the owner; ``unknown``: no such live job."""

    async def commit(self, units: Sequence[Unit]) -> list[CommitOutcome]:
        """Apply each unit atomically; see the module's text."""

    async def inbox(self, after: int, limit: int) -> list[InboxRow]:
        """Unconsumed inbox rows with a number over ``after``, in order."""

    async def load(self, job: str) -> JobRow | None:
        """The job's row, or None."""

    async def journal(self, job: str, start: int, limit: int) -> list[Event]:
        """Events of a job from sequence number ``start`` on, which stand for at most ``limit``."""

    async def query(
        self, wanted: JobFilter, cursor: str | None, limit: int
    ) -> tuple[list[JobRow], str | None]:
        """Jobs, newest first, and the cursor of the next page (None: no more)."""

    async def get_record(self, table: RecordTable, name: str) -> Record | None:
        """A record, or None."""

    async def put_record(
        self, table: RecordTable, name: str, value: Value, version: int
    ) -> Record | None:
        """Write a record whose stored version is ``version`` (0: there is none); else None."""

    async def list_records(self, table: RecordTable, prefix: str = "") -> list[Record]:
        """Records whose name begins with ``prefix``, by name."""

    async def close(self) -> None:
        """Give back what the store holds; later calls raise StoreError."""


def match_key(key: Value) -> Hashable:
    """What two message keys have in common when they are equal in the language.

    ``1`` and ``1.0`` are the same key, ``1`` and ``true`` are not.
    """
    if key is None or isinstance(key, str):
        return key
    if isinstance(key, bool):
        return (bool, key)
    if isinstance(key, int | float):
        return (int, key)
    return encode(_canonical(key))


def _canonical(value: Any) -> Any:
    """Floats that are whole become ints, and objects lose their order."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**63:
        return int(value)
    if isinstance(value, list):
        return [_canonical(item) for item in value]
    if isinstance(value, dict):
        return {name: _canonical(value[name]) for name in sorted(value)}
    return value
