"""Events: what goes into the kernel, and is journaled. What comes out of it is in ``effects.py``.

Events name the step (id where given, else JSON pointer) and the token path, never an address or a
tick, so that the same journal replays on another optimisation of the same document.

* ``path``: for each level (n-th fork of the parent token, branch index); the root's is ``()``.
  An undo of call n of a token runs as path + (n, -1).
* ``n``: counts a token's forks and non-pure calls (call, run, emit).
* ``m``: counts a token's timers and listeners.
* ``at``: milliseconds since 1970, the clock of whoever saw the event.
* ``stop``: set where an event interrupted a token in a pure region: (its path, its count of loop
  turns and wakings, see ``Token.turns``); replay stops it there.

NamedTuples, because a fan-out makes one or two of these per branch.
"""

from __future__ import annotations

from typing import Any, Final, Literal, TypeAlias

from .machine_events import Moved as Moved
from .machine_events import MoveFailed as MoveFailed
from .machine_events import Refused as Refused
from .machine_events import Sent as Sent
from .machine_events import SentIf as SentIf
from .rows import NamedTuple
from .values import Value

Path: TypeAlias = tuple[int, ...]
Stop: TypeAlias = "tuple[Path, int] | None"

#: Terminal and live states of a job; see ``model/machine.py``.
Status: TypeAlias = Literal["Pending", "Running", "Suspended", "Completed", "Failed", "Cancelled"]


#: ``m`` of the timers that end the grace time of a cancel: of what was asked to stop, and of all
#: that is under way. They stand at the root, whose own timers count from 1.
GRACE_ASKED: Final = 0
GRACE_ALL: Final = -1


class Started(NamedTuple):
    """The first event. ``seed``: 32 hex digits. ``job``: id, key, created_at, labels."""

    at: int
    blueprint: str
    job: dict[str, Value]
    input: Value
    env: dict[str, Value]
    seed: str


class CallDone(NamedTuple):
    """Call ``n`` of the token succeeded."""

    at: int
    path: Path
    n: int
    step: str
    attempt: int
    result: Value


class CallsDone(NamedTuple):
    """Call ``n`` of branches of a FORKN or FORKCALL succeeded at the first attempt, in this order.

    A batch: the same as a CallDone for each of ``indexes``, with ``path`` + (index,) as its path
    (``model/batches.py`` unfolds it). ``path``: the owner's, then the fork's n. It may cover any of
    the branches that are under way whose call ``n`` is this step.
    """

    at: int
    path: Path
    n: int
    step: str
    indexes: tuple[int, ...]
    results: list[Value]


class CallFailed(NamedTuple):
    """One attempt failed. ``error``: type, message, data, retryable."""

    at: int
    path: Path
    n: int
    step: str
    attempt: int
    error: dict[str, Value]


class TimerFired(NamedTuple):
    """A timer is due: a wait, a retry, the timeout of a listen or the deadline of a block."""

    at: int
    path: Path
    m: int
    stop: Stop = None


class MessageIn(NamedTuple):
    """A message reached a listener. ``message``: id, topic, key, data."""

    at: int
    path: Path
    m: int
    message: dict[str, Value]


class ChildDone(NamedTuple):
    """A child job ended. ``error`` is None unless it failed or was cancelled."""

    at: int
    path: Path
    n: int
    step: str
    status: Status
    output: Value
    error: dict[str, Value] | None


class CancelRequested(NamedTuple):
    """Cancel the run: unwind through ``finally``, compensate, end as Cancelled."""

    at: int
    reason: str
    stop: Stop = None


class GraceGiven(NamedTuple):
    """What a cancel has asked to stop has ``grace`` ms from now on; then it is given up.

    ``everything``: so are the calls and waits of ``finally`` and ``undo`` blocks. The time is over
    with the TimerFired of GRACE_ASKED or GRACE_ALL.
    """

    at: int
    grace: int
    everything: bool


class Finished(NamedTuple):
    """The last record. Derived (replay recomputes and compares it); ``error`` None if Completed."""

    at: int
    status: Status
    output: Value
    error: dict[str, Value] | None


class Retried(NamedTuple):
    """An operator's retry: the ``back`` records before this one do not count any more.

    The first of them ended attempt ``attempt`` of call (or child) ``n`` of the token; that call is
    made again. All numbers that are given from here on are above ``floor`` (``numbering.py``), so
    that none is that of a call which was taken back (0, and they are not, in records of before).
    """

    at: int
    path: Path
    n: int
    step: str
    attempt: int
    back: int
    floor: int = 0


class Forked(NamedTuple):
    """The job began as a copy of the first ``position`` records of job ``origin``.

    ``seed``: that of the run from here on. ``variables``: those of the main flow that were patched.
    """

    at: int
    origin: str
    position: int
    seed: str
    variables: dict[str, Value]


class CallPending(NamedTuple):
    """The handler of this attempt has returned, and somebody outside will tell what it came to."""

    at: int
    path: Path
    n: int
    step: str
    attempt: int


def is_derived(event: object) -> bool:
    """Whether replay recomputes an event instead of taking it."""
    return isinstance(event, Finished | Moved | Refused | MoveFailed)


def is_force(event: object) -> bool:
    """Whether an event ends the grace time of a cancel."""
    return isinstance(event, TimerFired) and event.m <= 0


Event: TypeAlias = (
    Started
    | CallDone
    | CallsDone
    | CallFailed
    | TimerFired
    | MessageIn
    | ChildDone
    | CancelRequested
    | Finished
    | Retried
    | Forked
    | CallPending
    | GraceGiven
    | Sent
    | SentIf
    | Moved
    | Refused
    | MoveFailed
)

#: Numbers of the event kinds in the journal format; never reused.
EVENT_KINDS: dict[int, type[Any]] = {
    1: Started,
    2: CallDone,
    3: CallFailed,
    4: TimerFired,
    5: MessageIn,
    6: ChildDone,
    7: CancelRequested,
    8: Finished,
    9: CallsDone,
    10: Retried,
    11: Forked,
    12: CallPending,
    13: GraceGiven,
    14: Sent,
    15: Moved,
    16: Refused,
    17: MoveFailed,
    18: SentIf,
}
KIND_OF: dict[type[Any], int] = {cls: number for number, cls in EVENT_KINDS.items()}
