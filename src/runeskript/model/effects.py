"""Effects: what comes out of the kernel, to be done once its cause is durable; never journaled.

``path``, ``n``, ``m`` and ``step`` are what they are of events (``events.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

from .events import Path
from .rows import NamedTuple
from .values import Value


class CallOut(NamedTuple):
    """Dispatch an attempt. ``timeout``: ms from dispatch. ``params`` may hold secret references."""

    path: Path
    n: int
    step: str
    handler: str
    params: Any
    attempt: int
    timeout: int | None
    queue: str | None


class CallsOut(NamedTuple):
    """Dispatch the first attempt of call ``n`` of branches of one FORKN or FORKCALL.

    A batch: the same as a CallOut for each of ``indexes``, with ``path`` + (index,) as its path.
    ``params`` is None where no call has any, ``timeouts`` where none has one.
    """

    path: Path
    n: int
    step: str
    handler: str
    indexes: Sequence[int]
    params: list[Any] | None
    timeouts: list[int] | None
    queue: str | None


class CallDrop(NamedTuple):
    """The result of this call is no longer wanted: cancel the handler.

    ``settle``: the call has an undo, so whether it succeeded still matters: its end is awaited
    (as CallDone or CallFailed), however the handler takes the cancellation.
    """

    path: Path
    n: int
    step: str
    attempt: int
    settle: bool = False


class CallsDrop(NamedTuple):
    """The results of these branches' calls (see CallsOut) are no longer wanted."""

    path: Path
    n: int
    step: str
    indexes: Sequence[int]


class TimerSet(NamedTuple):
    """Wake the run at ``due`` (ms since 1970)."""

    path: Path
    m: int
    step: str
    due: int
    kind: Literal["wait", "timeout", "retry", "deadline", "grace"]


class TimerDrop(NamedTuple):
    """Forget a timer."""

    path: Path
    m: int


class ListenSet(NamedTuple):
    """Register a listener for (topic, key)."""

    path: Path
    m: int
    step: str
    topic: str
    key: Value


class ListenDrop(NamedTuple):
    """Remove a listener; ``consumed`` names the message it took, if one."""

    path: Path
    m: int
    consumed: str | None


class MessageOut(NamedTuple):
    """Send a message, to (topic, key) or to one job. ``keep`` in ms, 0 = not kept."""

    id: str
    step: str
    topic: str
    key: Value
    to: str | None
    data: Value
    keep: int


class ChildOut(NamedTuple):
    """Create a child job. Its ``id`` is derived, so creating it twice is harmless."""

    path: Path
    n: int
    step: str
    id: str
    name: str
    version: int | None
    digest: str | None
    input: Value
    detach: bool


class ChildDrop(NamedTuple):
    """Cancel a child job; its end is still awaited, unless the wait for it is given up.

    ``grace`` and ``everything``: as of GraceGiven, where the parent's cancel has said so.
    """

    path: Path
    n: int
    id: str
    grace: int | None = None
    everything: bool = False


class LogOut(NamedTuple):
    """A ``log`` step: leaves after the commit, is not journaled, is silent on replay."""

    step: str
    level: str
    text: str


Effect: TypeAlias = (
    CallOut
    | CallsOut
    | CallDrop
    | CallsDrop
    | TimerSet
    | TimerDrop
    | ListenSet
    | ListenDrop
    | MessageOut
    | ChildOut
    | ChildDrop
    | LogOut
)
