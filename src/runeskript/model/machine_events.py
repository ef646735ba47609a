"""The journal's events of a declared machine: what was fired at it, and what it says of that."""

from __future__ import annotations

from typing import Literal

from .rows import NamedTuple
from .values import Value


class Sent(NamedTuple):
    """An event for a machine. ``actor``: id and roles of who fired it; ``why``: what they said."""

    at: int
    id: str
    name: str
    data: Value
    actor: dict[str, Value]
    why: str | None


class SentIf(NamedTuple):
    """The same with conditions. ``expected``: the revision that the job must have when it comes,
    that is, the position of this very event in the journal, which ``version`` then says (-1: it has
    not come yet). ``to``: the state it must lead to; transitions to others are not for it.
    """

    at: int
    id: str
    name: str
    data: Value
    actor: dict[str, Value]
    why: str | None
    expected: int | None
    to: str | None
    version: int


class Moved(NamedTuple):
    """The machine is in state ``to``. Derived, as all that a machine says of itself.

    ``event``: the name of what moved it, ``id`` and ``actor`` those it came with; all are empty
    where the machine begins, and ``source`` is, too.
    """

    at: int
    source: str
    to: str
    event: str
    id: str
    actor: dict[str, Value]
    why: str | None


class Refused(NamedTuple):
    """An event changed nothing. Derived.

    ``reason``: ``conflict`` (no transition of the state takes it, or no guard holds), ``forbidden``
    (the actor has no role that may), ``guard`` (a guard failed), ``limit`` (too many wait),
    ``version`` (the job has another revision, or is about to). ``error``: type and message.
    """

    at: int
    state: str
    event: str
    id: str
    actor: dict[str, Value]
    reason: Literal["conflict", "forbidden", "guard", "limit", "version"]
    error: dict[str, Value]


class MoveFailed(NamedTuple):
    """A transition's action failed: the state is as it was. Derived."""

    at: int
    source: str
    to: str
    event: str
    id: str
    actor: dict[str, Value]
    error: dict[str, Value]
