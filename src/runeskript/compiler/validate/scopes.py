"""What holds for all steps of one block, and where what they yield goes."""

from __future__ import annotations

from dataclasses import field
from typing import Any, Literal, TypeAlias

from ...model.ast import Expr
from ...model.records import mutable, record

#: What stands between a step and the place a jump would lead to.
Barrier: TypeAlias = Literal["", "fork", "finally", "undo"]
LoopKind: TypeAlias = Literal["", "sequential", "parallel"]
#: What of a machine: a guard, what its transitions do (and what is done when a job begins, which no
#: event is the cause of), what its states do, how long they last.
Part: TypeAlias = Literal["", "guard", "action", "begin", "activity", "time"]


@mutable
class Sink:
    """Where yields go: what each step that leads there yields."""

    yields: list[Expr] = field(default_factory=list)


@record
class Scope:
    """What holds for all steps of one block."""

    loop_names: frozenset[str] = frozenset()
    #: Whether ``error`` is in scope.
    error: bool = False
    #: The nearest loop, and what stands between it and here.
    loop: LoopKind = ""
    barrier: Barrier = ""
    #: Why ``return`` is not possible here.
    confined: Barrier = ""
    #: Whether a fork stands around (what is set here may be a contribution to a reducer).
    forked: bool = False
    sink: Sink | None = None
    #: Whether it is the ``on_failure`` of the document.
    notice: bool = False
    #: Where in a machine.
    part: Part = ""
    #: Whether there are no variables here.
    bare: bool = False

    def but(self, **changes: Any) -> Scope:
        """The same with changes (quicker than ``dataclasses.replace``, and typed at the edge)."""
        values = {name: getattr(self, name) for name in _SCOPE_FIELDS}
        values.update(changes)
        return Scope(**values)


_SCOPE_FIELDS = (
    "loop_names",
    "error",
    "loop",
    "barrier",
    "confined",
    "forked",
    "sink",
    "notice",
    "part",
    "bare",
)
