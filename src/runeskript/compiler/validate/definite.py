"""Which variables may be read before they are set: those that ``flow.py`` has to look at closely.

One pass over the code in its order, which settles nearly every variable of nearly every document.
What is set for certain at a point is a chain of writes; chains share what they have in common.
Where paths meet, what stands in both chains behind their common part is set for certain, too. A
path back to the head of a loop takes nothing away: all that was set at the head is set at its end.
So the work is linear in the code, however many variables there are.

What is found here need not be wrong. What a ``try`` set before it failed, which way led through a
``finally``, whether a parallel body's write was lost: all that is for the closer look. Code that is
no nest of blocks and loops (a ``Flow`` may have two ways into one loop) is left to it altogether.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable
from typing import Any, Final, TypeAlias, final

from .. import core, machine_ops

#: The bodies that vanish around a place, outermost first.
Region: TypeAlias = tuple[int, ...]


@final
class Chain:
    """What is set for certain at some point: one more than ``before``; the first is the start."""

    __slots__ = ("before", "here", "key")

    def __init__(self, before: Chain | None, key: Hashable, here: bool) -> None:
        self.before = self if before is None else before
        self.key = key
        #: Whether the point that is looked at has all this, too.
        self.here = here


def unsettled(
    program: core.Program, variables: Collection[str], others: Iterable[str] = ()
) -> set[str] | None:
    """The variables that may be unset, or lost, where they are read; None: nothing is known.

    A hidden ``$yield...`` is among them if it may be set twice. ``others``: names of which nothing
    is to be found out, as ``Parsed.used`` has them; who knows them all is done sooner.
    """
    walk = _Walk(program, variables)
    walk.set.update([name for name in others if name not in walk.variables])
    try:
        walk.body(program.root, (0,))
    except _NoNestError:
        return None
    return walk.found


class _NoNestError(Exception):
    """A path leads back to where something is set that is not set on the path."""


class _Walk:
    """The walk over the code of all bodies, each where its fork or call stands."""

    __slots__ = ("at", "found", "lossy", "reducers", "set", "variables")

    def __init__(self, program: core.Program, variables: Collection[str]) -> None:
        self.variables = variables
        self.reducers = program.reducers
        self.found: set[str] = set()
        #: Variables that vanish with a body that writes them. Others see an old value then, so a
        #: write of one counts in its region only, which is the innermost body that vanishes, and
        #: in the regions inside.
        self.lossy: set[str] = set()
        for body in program.bodies():
            for fork in body.forks():
                if not fork.keeps:
                    for inner in fork.branches:
                        self.lossy.update(inner.writes)
        self.lossy.difference_update(program.reducers)
        #: What is set for certain here: the chain, and all that is in it.
        self.at = Chain(None, None, here=True)
        self.set: set[Hashable] = set()

    # --- chains --------------------------------------------------------------------------------
    def key(self, name: str, region: Region) -> Hashable:
        """A variable, as what it is called in chains."""
        return (region, name) if name in self.lossy else name

    def write(self, name: str, region: Region) -> None:
        """A variable is set."""
        if name in self.variables and name not in self.set:
            key = self.key(name, region)
            if key not in self.set:
                self.set.add(key)
                self.at = Chain(self.at, key, here=True)

    def meet(self, there: Chain) -> Chain:
        """What is set both here and there."""
        keys = []
        while not there.here:
            keys.append(there.key)
            there = there.before
        for key in reversed(keys):
            if key in self.set:
                there = Chain(there, key, here=False)
        return there

    def go(self, to: Chain) -> None:
        """Look at another point."""
        links, common = [], to
        while not common.here:
            links.append(common)
            common = common.before
        while self.at is not common:
            self.at.here = False
            self.set.discard(self.at.key)
            self.at = self.at.before
        for link in links:
            link.here = True
            self.set.add(link.key)
        self.at = to

    # --- bodies --------------------------------------------------------------------------------
    def body(self, body: core.Body, region: Region) -> list[str]:
        """Walk a body that begins here; which of its writes are certain when it arrives."""
        start = self.at
        code = _Code(self, body, region)
        is_set = self.set.issuperset
        op: Any
        for position, op in enumerate(body.ops):
            kind = type(op)
            if kind is core.Mark:
                code.mark(op.label, position)
            elif code.reachable:
                for expr in op.reads:
                    if not is_set(expr.parsed.used):  # most names are set
                        code.read(expr.parsed.used)
                effect = _EFFECTS.get(kind)
                if effect is not None:
                    effect(code, op, position)
                elif kind in core.LAST:
                    code.reachable = False
        certain: list[str] = []
        if code.arrived is not None:
            self.go(code.arrived)
            certain = [name for name in body.writes if self.key(name, region) in self.set]
        self.go(start)
        return certain

    def fork(self, fork: core.Fork | core.ForkN, body: core.Body, region: Region) -> list[str]:
        """Walk the branches of a fork; what is certainly set behind its join."""
        certain: list[str] = []
        for branch in fork.branches:
            if fork.keeps:
                certain += self.body(branch, region)
                continue
            self.body(branch, (*region, id(branch)))
            around: core.Body | None = body
            while around is not None:  # what stood in the variable before may be read for it
                self.found.update(around.writes.keys() & branch.writes.keys() - self.reducers)
                around = around.parent
        return [name for name in certain if name not in self.reducers]


class _Code:
    """The walk through one body."""

    __slots__ = ("arrived", "body", "certain", "marks", "reachable", "region", "starts", "states",
                 "waiting", "walk", "yields")  # fmt: skip

    def __init__(self, walk: _Walk, body: core.Body, region: Region) -> None:
        self.walk = walk
        self.body = body
        self.region = region
        self.reachable = True
        #: What is set wherever this body arrives; None: it never does.
        self.arrived: Chain | None = None
        #: What the branches of the fork before a join set for certain.
        self.certain: list[str] = []
        #: Labels behind: their positions, and what was set there (None: no path led there).
        self.marks: dict[core.Label, int] = {}
        self.states: dict[core.Label, Chain | None] = {}
        #: Labels ahead: what is set on all paths to them so far.
        self.waiting: dict[core.Label, Chain] = {}
        #: Where a range of the exception table begins: the handlers.
        self.starts: dict[core.Label, list[core.Label]] = {}
        for row in body.ranges:
            self.starts.setdefault(row.start, []).append(row.handler)
        #: Yields: variable -> (position, position of the ``unset`` before it or -1).
        self.yields: dict[str, tuple[int, int]] = {}

    def mark(self, label: core.Label, position: int) -> None:
        """The paths to a label meet the one that falls into it."""
        walk = self.walk
        there = self.waiting.pop(label, None)
        if there is not None:
            walk.go(walk.meet(there) if self.reachable else there)
            self.reachable = True
        self.marks[label] = position
        self.states[label] = walk.at if self.reachable else None
        if self.reachable:
            for handler in self.starts.get(label, ()):
                self.leads(handler)

    def leads(self, label: core.Label) -> None:
        """A path leads from here to a label."""
        walk = self.walk
        if label not in self.marks:
            there = self.waiting.get(label)
            self.waiting[label] = walk.at if there is None else walk.meet(there)
            return
        head = self.states[label]
        while head is not None and not head.here and head.key in walk.set:
            head = head.before
        if head is None or not head.here:
            raise _NoNestError
        for name, (position, unset) in self.yields.items():
            if unset < self.marks[label] <= position:
                walk.found.add(name)

    def read(self, used: Iterable[str]) -> None:
        """Names that are read here."""
        walk = self.walk
        for text in used:
            if text in walk.set or text not in walk.variables:
                continue
            if text not in walk.lossy or not self.is_set_around(text):
                walk.found.add(text)

    def is_set_around(self, name: str) -> bool:
        """Whether a variable that may vanish is set here, or was in a region around."""
        region = self.region
        while region:
            if (region, name) in self.walk.set:
                return True
            region = region[:-1]
        return False

    def pure(self, op: core.Pure, position: int) -> None:
        """Statements, then exits."""
        for statement in op.statements:
            tag = statement[0]
            if tag == "set":
                name: str = statement[2]
                if name[0] != "$":
                    self.walk.write(name, self.region)
                elif name.startswith("$yield"):
                    known = self.yields.get(name, (-1, -1))
                    if known[0] >= 0:
                        self.walk.found.add(name)
                    self.yields[name] = (position, known[1])
            elif tag == "if":
                for inner in statement[3]:
                    if inner[0] == "unset":
                        self.yields[inner[2]] = (-1, position)
        exits = op.exits
        if exits == core.ONWARD:
            return
        for label in exits:
            if label is not None:
                self.leads(label)
        if None not in exits:
            self.reachable = False

    def jump(self, op: core.Jump, position: int) -> None:
        """To a label."""
        self.leads(op.to)
        self.reachable = False

    def arrive(self, op: core.Arrive, position: int) -> None:
        """One of the ends of this body."""
        walk = self.walk
        self.arrived = walk.at if self.arrived is None else walk.meet(self.arrived)
        self.reachable = False

    def fork(self, op: core.Fork | core.ForkN, position: int) -> None:
        """The branches, each from here; a join follows at once."""
        self.certain = self.walk.fork(op, self.body, self.region)

    def store(self, op: core.Wait | core.Join, position: int) -> None:
        """A result, and what branches left behind."""
        if op.into is not None:
            self.walk.write(op.into, self.region)
        for name in self.certain if isinstance(op, core.Join) else ():
            self.walk.write(name, self.region)

    def await_(self, op: machine_ops.Await, position: int) -> None:
        """The event of a machine, and who fired it."""
        self.walk.write(op.event, self.region)
        self.walk.write(op.actor, self.region)

    def call(self, op: core.Call | core.Run, position: int) -> None:
        """A result; its undo begins with it."""
        if op.into is not None:
            self.walk.write(op.into, self.region)
        if op.undo is not None:
            self.walk.body(op.undo, self.region)


#: Operations that do more than read.
_EFFECTS: Final[dict[type[core.Op], Callable[[_Code, Any, int], None]]] = {
    core.Pure: _Code.pure,
    core.Jump: _Code.jump,
    core.Arrive: _Code.arrive,
    core.Fork: _Code.fork,
    core.ForkN: _Code.fork,
    core.Join: _Code.store,
    core.Wait: _Code.store,
    core.Call: _Code.call,
    core.Run: _Code.call,
    machine_ops.Await: _Code.await_,
}
