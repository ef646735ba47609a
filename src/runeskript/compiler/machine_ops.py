"""The operations of a machine in the core form; see ``expand/machines.py`` for how they go."""

from __future__ import annotations

from ..model.ast import IR
from ..model.records import mutable
from .core import Op


@mutable
class Await(Op):
    """Rest in a state until an event comes; ``into``: which of its transitions is tried first."""

    state: int
    event: str
    actor: str
    into: str


@mutable
class Pass(Op):
    """The guard does not hold: ``into`` is the next transition of the event, or -1."""

    into: str


@mutable
class Refuse(Op):
    """The guard has failed."""

    variable: str


@mutable
class Move(Op):
    """The machine is in another state; ``transition`` None: it begins there. ``due``: ms until the
    event of its timeout."""

    to: int
    transition: int | None
    due: IR | None


@mutable
class Fail(Op):
    """A transition has failed."""

    variable: str
    transition: int


@mutable
class Event(Op):
    """The machine raises an event itself."""

    event: IR
