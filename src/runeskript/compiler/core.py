"""The core form: what ``expand`` makes of the AST and ``codegen`` makes instructions of.

One linear list of operations per body, on *named* variables, with labels in place of addresses.
A variable is named as in the document; what the compiler adds begins with ``$``. Structure is gone
(no ``if``, no ``try``), bodies are not: branches, iterations and undos have frames of their own.

Statements are those of ``model/isa.py`` with names in place of slots. An operation keeps, beside
the IR it evaluates, the source expressions it came from (``reads``), so that the checks can point
at the place in the text.
"""

from __future__ import annotations

from dataclasses import field
from typing import Any, Final, Literal, TypeAlias

from ..model.ast import IR, Document, Expr, Site, Target, Var
from ..model.blueprint import MachineTable
from ..model.records import mutable
from ..model.spans import Span
from ..model.values import Value

#: A position inside one body; unique in the program.
Label: TypeAlias = int
#: Where an exit of a PURE goes; None = on to the next operation.
Exit: TypeAlias = "Label | None"
#: The exits of a region that only leads on to the next operation.
ONWARD: Final[tuple[Exit, ...]] = (None,)

#: Where a variable is written.
Write: TypeAlias = Target | Var

BodyKind: TypeAlias = Literal["root", "branch", "iteration", "undo"]


@mutable
class Op:
    """Any operation: the index of its step in ``Program.sites`` and what it reads.

    ``reads`` names every variable of the document that it reads; of a region without any (which the
    lowering added, or a pass made) the statements tell.
    """

    site: int
    reads: tuple[Expr, ...]


@mutable
class Mark(Op):
    """A label."""

    label: Label


@mutable
class Jump(Op):
    """Go on at ``to``."""

    to: Label


@mutable
class Pure(Op):
    """Statements, then one of ``exits``. ``loop`` marks the head of a loop of the source.

    ``dispatch``: the end of a ``finally``; the variable that says how it was entered and, for each
    exit, the number that leads there.
    """

    statements: tuple[IR, ...]
    exits: tuple[Exit, ...] = ONWARD
    loop: bool = False
    dispatch: tuple[str, tuple[int, ...]] | None = None


@mutable
class Policy:
    """How a call or a child run is attempted."""

    max_attempts: int = 1
    retry_on: tuple[str, ...] = ()
    backoff_ms: int = 1_000
    backoff_max_ms: int = 60_000
    timeout: IR | None = None
    on_crash: Literal["rerun", "fail"] = "rerun"
    queue: str | None = None


@mutable
class Call(Op):
    """A handler. ``grouped``: it may leave with the call before it (``passes/group_calls.py``)."""

    handler: str
    params: IR | None
    into: str | None
    policy: Policy | None
    undo: Body | None
    grouped: bool = False

    @property
    def branches(self) -> tuple[Body, ...]:
        """The bodies that begin here: that of the undo."""
        return () if self.undo is None else (self.undo,)


@mutable
class Fork(Op):
    """Static branches; a Join follows at once.

    ``pure``: the bodies only compute, so branches need not be tokens (``passes/pure_fork.py``).
    """

    bodies: tuple[Body, ...]
    need: int
    pure: bool = False

    @property
    def branches(self) -> tuple[Body, ...]:
        """The bodies that begin here."""
        return self.bodies

    @property
    def keeps(self) -> bool:
        """Whether what the branches write is seen behind the join (else it vanishes with them)."""
        return self.need == 0


@mutable
class ForkN(Op):
    """One token per element; a Join follows at once.

    ``calls``: the body is one call, so branches need not be tokens (``passes/fork_call.py``).
    ``pure``: as of a ``Fork``.
    """

    body: Body
    over: IR
    limit: IR | None
    need: int
    calls: bool = False
    pure: bool = False

    @property
    def branches(self) -> tuple[Body, ...]:
        """The bodies that begin here."""
        return (self.body,)

    @property
    def keeps(self) -> bool:
        """As of a ``Fork``: what an iteration writes is its own."""
        return False


@mutable
class Arrive(Op):
    """The end of a branch or an undo."""


@mutable
class Join(Op):
    """Where the parent waits; ``fork`` is the operation before it."""

    fork: Fork | ForkN
    into: str | None
    shape: Literal["none", "object", "list", "winner"]


@mutable
class Listen:
    """What a Wait listens for."""

    topic: IR
    key: IR | None
    where: IR | None
    schema: Value


@mutable
class Wait(Op):
    """A timer, a message, or whichever is first."""

    due: IR | None
    clock: Literal["delay", "until"]
    listen: Listen | None
    into: str | None


@mutable
class Emit(Op):
    """A message."""

    topic: IR
    key: IR | None
    to: IR | None
    data: IR | None
    keep: IR | None


@mutable
class Run(Op):
    """A child skript: by ``path`` (pinned at compile time), else by name when it executes."""

    name: str | None
    version: int | None
    path: str | None
    span: Span
    params: IR | None
    into: str | None
    policy: Policy | None
    undo: Body | None
    detach: bool

    @property
    def branches(self) -> tuple[Body, ...]:
        """The bodies that begin here: that of the undo."""
        return () if self.undo is None else (self.undo,)


@mutable
class Log(Op):
    """A line in the log."""

    text: IR
    level: Literal["debug", "info", "warning", "error"]


@mutable
class Enter(Op):
    """Push a scope."""

    kind: Literal["block", "try", "shield"]
    deadline: IR | None


@mutable
class Leave(Op):
    """Pop a scope."""


@mutable
class Raise(Op):
    """Raise a typed error."""

    error: IR


@mutable
class Reraise(Op):
    """Go on raising what a range stored."""

    variable: str


@mutable
class Compensate(Op):
    """Run the undos of the top scope if the error asks for it."""

    variable: str


@mutable
class Return(Op):
    """The run's output."""

    value: IR | None


@mutable
class Range:
    """A row of the exception table: errors in [start, end) go to ``handler``."""

    start: Label
    end: Label
    handler: Label
    kind: Literal["catch", "finally", "any"]
    depth: int
    variable: str


@mutable
class Body:
    """One frame with its code. ``outs`` are (inner name, outer name, reducer or "")."""

    name: str
    kind: BodyKind
    parent: Body | None
    ops: list[Op] = field(default_factory=list)
    ranges: list[Range] = field(default_factory=list)
    outs: list[tuple[str, str, str]] = field(default_factory=list)
    item: str | None = None
    index: str | None = None
    result: str | None = None
    #: First write of each of the document's variables (loop names and hidden ones are not listed).
    writes: dict[str, Write] = field(default_factory=dict)
    #: What ``holders`` found; None again where operations with bodies have gone.
    holding: tuple[Any, ...] | None = None
    #: Whether its pure operations have been fused; once is all that can be done.
    fused: bool = False

    def holders(self) -> tuple[Any, ...]:
        """The operations with bodies of their own, in the order of the code."""
        if self.holding is None:
            some: list[Any] = [op for op in self.ops if type(op) in _HOLDERS]
            self.holding = tuple([op for op in some if op.branches])
        return self.holding

    def forks(self) -> list[Fork | ForkN]:
        """The forks, in the order of the code."""
        return [op for op in self.holders() if type(op) is Fork or type(op) is ForkN]

    def children(self) -> list[Body]:
        """Bodies that begin here, in the order of the code."""
        return [body for op in self.holders() for body in op.branches]


#: Operations that may have bodies of their own.
_HOLDERS: Final = frozenset((Call, Fork, ForkN, Run))


@mutable
class Program:
    """The core form of a document."""

    document: Document
    root: Body
    sites: list[Site]
    #: Variables of ``vars`` with a reducer.
    reducers: dict[str, str]
    #: Steps that no path reaches, the first of each block.
    unreachable: list[Site]
    #: How many places assign each of the document's variables; loops' own names are not listed.
    assigned: dict[str, int]
    labels: Label = 0  # the last that was made
    machine: MachineTable | None = None

    def label(self) -> Label:
        """A label that the program does not have."""
        self.labels += 1
        return self.labels

    def bodies(self) -> list[Body]:
        """All bodies, each before those that begin in it; the root is the first."""
        out = [self.root]
        for body in out:  # grows while it is read: breadth first, no recursion
            for op in body.holders():
                out.extend(op.branches)
        return out


def labels_used(body: Body) -> set[Label]:
    """Labels that something refers to; all others may go."""
    used: set[Label] = set()
    op: Any
    for op in body.ops:
        kind = type(op)
        if kind is Pure:
            if op.exits != ONWARD:
                used.update([label for label in op.exits if label is not None])
        elif kind is Jump:
            used.add(op.to)
    for row in body.ranges:
        used.update((row.start, row.end, row.handler))
    return used


def places(ops: list[Op]) -> dict[Label, int]:
    """Where each label stands, in the order of the code."""
    mark = Mark
    return {op.label: at for at, op in enumerate(ops) if type(op) is mark}


def edges(body: Body) -> set[Label]:
    """The labels at which rows of the exception table and their handlers begin or end."""
    return {label for row in body.ranges for label in (row.start, row.end, row.handler)}


def leads_on(ops: list[Op], position: int, to: Label, but: set[Label]) -> bool:
    """Whether a jump only leads to the operation that follows anyway, and there is none of some
    labels between them: a token that is cancelled may stand at a jump, where rows cover it."""
    for at in range(position + 1, len(ops)):
        op = ops[at]
        if not isinstance(op, Mark) or op.label in but:
            return False
        if op.label == to:
            return True
    return False


#: Operations after which control never goes on.
LAST: Final[frozenset[type[Op]]] = frozenset((Jump, Arrive, Raise, Reraise, Return))


def ends(op: Op) -> bool:
    """Whether control never goes on to the operation after this one."""
    return type(op) in LAST or (isinstance(op, Pure) and None not in op.exits)
