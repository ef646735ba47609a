"""What somebody asks for who cancels a job: why, and how long it may take."""

from __future__ import annotations

from ..errors import RuntimeOptionError
from ..model.rows import NamedTuple
from ..model.values import Value
from ..stores.base import Command
from .handlers.durations import milliseconds


class Asked(NamedTuple):
    """``grace``: ms that what is asked to stop has to end; None where nobody said so.

    ``everything``: the calls and waits of ``finally`` and ``undo`` blocks are to end by then, too.
    """

    reason: str
    grace: int | None = None
    everything: bool = False


def grace_ms(grace: str | int) -> int:
    """A grace time in ms. Raises RuntimeOptionError."""
    try:
        return milliseconds(grace)
    except ValueError as exc:
        raise RuntimeOptionError(f"grace: {exc}") from None


def asked_for(reason: str, grace: str | int | None, force: bool) -> Asked:
    """What is asked for; by force at once, unless a grace time is given. Raises as ``grace_ms``."""
    ms = None if grace is None else grace_ms(grace)
    return Asked(reason or "cancelled", 0 if force and ms is None else ms, force)


def command(
    job: str, asked: Asked, id_: str | None = None, *, who: dict[str, Value] | None = None
) -> Command:
    """It as a command to a job. ``who``: who asks (``{"actor": ...}``)."""
    data: Value = asked.reason
    if asked.grace is not None:
        data = {"reason": asked.reason, "grace": asked.grace, "everything": asked.everything}
    if who is not None:
        data = {**data, **who} if isinstance(data, dict) else {"reason": data, **who}
    return Command(job, "cancel", data, id_)


def asked_by(data: Value) -> Asked:
    """What such a command asks for."""
    if not isinstance(data, dict):
        return Asked(str(data))
    grace = data.get("grace")
    ms = grace if type(grace) is int else None
    return Asked(str(data.get("reason")), ms, data.get("everything") is True)
