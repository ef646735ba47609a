"""The records of the store protocol that every run needs; ``base`` says how they are used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, Literal

from ..model.codec import encode
from ..model.events import Event, Path, Status
from ..model.machine import may_change
from ..model.rows import NamedTuple
from ..model.values import UNSET, Value

if TYPE_CHECKING:
    from .slots import Take

SubmitOutcome = Literal["created", "exists", "replaced"]
PostOutcome = Literal["accepted", "duplicate", "unknown"]
CommitOutcome = Literal["ok", "already", "fenced", "conflict", "limited"]
#: What a submit does with a key that a kept job of the tenant has. ``replace`` replaces a job that
#: has ended, and only that. ``reject`` and ``return`` both leave everything as it is: they differ
#: in what the caller makes of the outcome ``exists``.
OnConflict = Literal["reject", "return", "replace"]
#: What a job is: a skript, a declared machine, neither (others move it), or a part of another job
#: that any worker may take: a handler call on a named queue, a chunk of a large fork.
JobKind = Literal["skript", "machine", "bare", "call", "chunk"]
#: What may be asked of a job from outside its run.
#:
#: ``cancel pause resume retry`` are people's commands; ``complete`` and ``fail`` end call ``n`` of
#: the token ``path``; ``child`` says that the child of RUN ``n`` has ended; ``event`` is one for
#: a machine. The store itself adds ``message`` (for listener (path, n)) and ``slot`` (call ``n``
#: of the token has got the slots it stood queued for).
CommandKind = Literal["cancel", "pause", "resume", "retry", "complete", "fail", "child", "event"]
#: What a job takes before all that arrived earlier.
URGENT: Final = ("cancel", "pause")
InboxKind = Literal[
    "cancel", "pause", "resume", "retry", "complete", "fail", "child", "event", "message", "slot"
]

#: The ``reason`` of a job whose payloads were erased.
ERASED: Final = "erased"
#: Claims in a row without a new event after which a job is parked, and after which it is suspect:
#: it may be the one that crashes whoever claims it, or a neighbour of that one.
CLAIMS: Final = 5
SUSPECT: Final = 2
#: ``due`` of a job that is held: it begins when something arrives for it, such as ``resume``.
HELD: Final = 2**62


# --- jobs ---------------------------------------------------------------------------------------
class ParentRef(NamedTuple):
    """The RUN step a child job belongs to."""

    job: str
    path: Path
    n: int
    step: str


class JobRow(NamedTuple):
    """One job.

    Of a row that is submitted the store sets ``epoch``, ``seq``, ``claims`` and ``number`` itself.
    With an ``owner`` (a worker whose lease lives) the job belongs to it from the start; without one
    it may be claimed from ``due`` on (None: at once). One that has ended has neither.
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
    #: When status, state or data last changed.
    updated_at: int
    status: Status = "Pending"
    #: That of the declared machine; equal to ``status`` where none is declared.
    state: str = "Pending"
    output: Value = None
    error: dict[str, Value] | None = None
    #: Rises with every change of owner; a unit with another epoch is refused.
    epoch: int = 0
    #: Length of the journal when the row was read.
    seq: int = 0
    #: How many ``run`` steps stand above the job, and the one that created it.
    depth: int = 0
    parent: ParentRef | None = None
    tenant: str = ""
    kind: JobKind = "skript"
    #: What a worker must have to take the job: all of these handlers, and this queue.
    handlers: tuple[str, ...] = ()
    queue: str = ""
    #: Higher is claimed first.
    priority: int = 0
    owner: str | None = None
    #: From when on it may be claimed; None while it has an owner, waits for a message or ended.
    due: int | None = None
    #: Why it is Suspended.
    reason: str | None = None
    #: A machine's data.
    data: Value = None
    #: Claims in a row without a new event.
    claims: int = 0
    #: Place in the order of creation, from 1.
    number: int = 0


class RowChange(NamedTuple):
    """What a unit changes in the job's row.

    ``state`` None: as ``status``. ``data`` UNSET: as it was. ``output`` and ``error`` come with a
    final status, ``reason`` with Suspended. ``rest``: the job only waits; it gives up its owner.
    ``begins``: with its first events; it is Running before it is anything else.
    """

    status: Status
    at: int
    output: Value = None
    error: dict[str, Value] | None = None
    state: str | None = None
    data: Any = UNSET
    reason: str | None = None
    rest: bool = False
    begins: bool = False

    def fits(self, before: Status) -> bool:
        """Whether the default machine lets a job of this status change so."""
        now: Status = "Running" if self.begins and may_change(before, "Running") else before
        return now == self.status or may_change(now, self.status)


class Submitted(NamedTuple):
    """The outcome of submitting one job, and the row that now has its id or key."""

    outcome: SubmitOutcome
    row: JobRow


class Worker(NamedTuple):
    """A process that runs the driver, and what it can run. ``info``: host, process, version."""

    id: str
    handlers: frozenset[str] = frozenset()
    queues: frozenset[str] = frozenset(("",))
    info: Value = None

    def can_run(self, handlers: Sequence[str], queue: str) -> bool:
        """Whether it has what a job asks for."""
        return queue in self.queues and self.handlers.issuperset(handlers)


# --- what goes between jobs ---------------------------------------------------------------------
class Timer(NamedTuple):
    """A timer of a run. ``kind``: wait, timeout, retry, deadline or grace."""

    path: Path
    m: int
    due: int
    kind: str
    step: str


class Listener(NamedTuple):
    """A token that waits for a message."""

    job: str
    path: Path
    m: int
    topic: str
    key: Value
    tenant: str = ""


class Message(NamedTuple):
    """A message to (topic, key), or to one job's listeners of the topic where ``to`` is set.

    ``keep``: milliseconds it waits for a listener, and as long an equal ``id`` is a duplicate.
    ``remember``: the same of the id alone, where it waits for nobody.
    """

    id: str
    topic: str
    key: Value
    to: str | None
    data: Value
    keep: int = 0
    tenant: str = ""
    remember: int = 0


class Command(NamedTuple):
    """Something asked of one job. Of equal ids only the first counts while the job is kept.

    A job that has ended takes nothing but ``retry``, and that only if it is Failed.
    """

    job: str
    kind: CommandKind
    data: Value = None
    id: str | None = None
    path: Path = ()
    n: int = 0


class InboxRow(NamedTuple):
    """Something that arrived for a job from outside its run, until a unit consumes it.

    ``number`` rises in order of arrival. ``data`` of a message: an object with id, topic, key and
    data; of a command: what it says.
    """

    number: int
    job: str
    kind: InboxKind
    path: Path
    n: int
    data: Value


# --- units --------------------------------------------------------------------------------------
class Unit(NamedTuple):
    """One run's part of a commit. ``first`` is the sequence number of ``events[0]`` (from 0).

    Sequence numbers count single events: a batch (``model/batches.py``) counts as those it stands
    for, and may be stored and read in pieces.

    A run that computes for long may have something to say between two events (a message, a child,
    a snapshot). A unit for that has no events: it is the ``part``-th such unit (from 1) behind
    ``first`` events, and guarded by that number as others are by their events.

    Applied in the order of the text: inbox and kept messages are used up, listeners and timers go
    and come, slots are freed and taken, children are created, messages sent, the row changed.
    """

    job: str
    epoch: int
    first: int
    events: Sequence[Event]
    row: RowChange | None = None
    listens: Sequence[Listener] = ()
    #: (path, m); what arrived for a listener that goes, goes with it.
    unlistens: Sequence[tuple[Path, int]] = ()
    #: Numbers of inbox rows, and ids of kept messages, that the events used up.
    inbox: Sequence[int] = ()
    taken: Sequence[str] = ()
    messages: Sequence[Message | Command] = ()
    children: Sequence[JobRow] = ()
    timers: Sequence[Timer] = ()
    untimers: Sequence[tuple[Path, int]] = ()
    #: Calls that need slots, and calls (path, n) that give theirs back.
    takes: Sequence[Take] = ()
    frees: Sequence[tuple[Path, int]] = ()
    #: The run as it is now (``model/snapshot.py``).
    snapshot: bytes | None = None
    part: int = 0

    @property
    def furnished(self) -> bool:
        """Whether it carries anything besides events, row and snapshot."""
        return any(self[5:15])


class Committed(NamedTuple):
    """What became of a unit.

    ``limited``: it is committed, but the calls (path, n) in ``queued`` got no slot. They stand in
    line, and an inbox row of kind ``slot`` says when one has.
    """

    outcome: CommitOutcome
    queued: tuple[tuple[Path, int], ...] = ()


def match_key(key: Value) -> bytes:
    """What two message keys have in common when they are equal in the language.

    ``1`` and ``1.0`` are the same key, ``1`` and ``true`` are not.
    """
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


def wakes(status: Status, kind: str, of: JobKind = "skript") -> bool:
    """Whether something of this kind that arrives makes a job (``of`` its kind) without an owner
    claimable.
    """
    if of == "bare" and kind == "event":
        return True
    if status == "Suspended":
        return kind in ("cancel", "resume")
    if status == "Failed":
        return kind == "retry"
    return status in ("Pending", "Running")


def takes(status: Status, kind: str, of: JobKind = "skript") -> bool:
    """Whether a job (``of`` its kind) of this status takes a command of this kind at all: a bare
    one is retried by an event, too.
    """
    if of == "bare" and kind == "event" and status == "Failed":
        return True
    if kind == "retry":
        return status == "Failed"
    return status in ("Pending", "Running", "Suspended")
