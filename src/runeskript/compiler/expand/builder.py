"""Builds the operation list of one body: labels, hidden variables, scopes, and ways out of them.

A :class:`Builder` belongs to one body; what all bodies of a document share is in :class:`Shared`.
The lowerings of the single steps are functions ``(builder, step, site)`` in the sibling modules;
``document.TABLE`` lists them by type.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from typing import Any, TypeAlias

from ...model.ast import IR, Args, Block, Call, Expr, Listen, Name, Run, Site, Step, Target
from ...model.records import mutable
from .. import core
from ..irtools import const, name, rename

#: Lowers one kind of step.
Lowering: TypeAlias = "Callable[[Builder, Any, int], None]"
#: A way out of nested scopes: ("break", loop) and the like; compared by equality.
Way: TypeAlias = tuple[str, int]

RETURN: Way = ("return", 0)
#: Steps whose ``timeout`` is their own and not a block around them.
OWN_TIMEOUT = (Call, Run, Listen)


class Keys(dict[str, IR]):
    """Key of an object -> the same as a constant, which all objects with that key share."""

    def __missing__(self, key: str) -> IR:
        made = self[key] = const(key)
        return made


@mutable
class Shared:
    """What the bodies of one document have in common."""

    table: Mapping[type[Step], Lowering]
    reducers: dict[str, str]
    sites: list[Site] = field(default_factory=list)
    unreachable: list[Site] = field(default_factory=list)
    loop_names: set[str] = field(default_factory=set)
    #: How many places assign each variable.
    assigned: dict[str, int] = field(default_factory=dict)
    #: Keys of parameters, as constants.
    keys: Keys = field(default_factory=Keys)
    #: Names made so far, for labels and for hidden variables.
    labels: int = 0
    hidden: int = 0


@mutable
class LoopWays:
    """A loop as seen by ``break`` and ``continue``."""

    number: int
    break_to: core.Label | None
    continue_to: core.Label
    depth: int


@mutable
class FinallyWays:
    """A ``finally`` that every way out of its try leads through.

    ``code`` is the hidden variable that says where to go on afterwards; 0 is on, 1 is raising.
    """

    code: str
    to: core.Label
    depth: int
    codes: dict[Way, int] = field(default_factory=dict)

    def code_for(self, way: Way) -> int:
        """The number of a way out, allotted at its first use."""
        return self.codes.setdefault(way, len(self.codes) + 2)


@mutable
class TryWays:
    """A ``try`` without ``finally``: ways out of its body leave the range by a stub behind it."""

    depth: int
    stubs: dict[Way, core.Label] = field(default_factory=dict)


class Builder:
    """The operations of one body under construction."""

    __slots__ = (
        "_marked",
        "body",
        "depth",
        "reachable",
        "renames",
        "shared",
        "shielded",
        "used",
        "ways",
        "yielded",
        "yields",
    )

    def __init__(self, shared: Shared, body: core.Body, renames: dict[str, str]) -> None:
        self.shared = shared
        self.body = body
        #: Scopes entered and not yet left.
        self.depth = 0
        self.reachable = True
        #: In a ``finally``, which nothing leaves.
        self.shielded = False
        #: Names that mean another variable here (``error`` inside a catch).
        self.renames = renames
        self.ways: list[LoopWays | FinallyWays | TryWays] = []
        #: Hidden variables that a ``yield`` sets, innermost last.
        self.yields: list[str] = []
        #: Whether a ``yield`` set the value of this body.
        self.yielded = False
        self.used: set[core.Label] = set()

    # --- names ---------------------------------------------------------------------------------
    def label(self) -> core.Label:
        """A fresh label."""
        self.shared.labels += 1
        return self.shared.labels

    def hidden(self, stem: str) -> str:
        """A fresh variable that no document can name."""
        self.shared.hidden += 1
        return f"${stem}{self.shared.hidden}"

    def site(self, site: Site) -> int:
        """The index of a step, for instructions and statements."""
        sites = self.shared.sites
        sites.append(site)
        return len(sites) - 1

    def ir(self, expr: Expr) -> IR:
        """The IR of an expression of the document, as this place understands it."""
        if self.renames and not self.renames.keys().isdisjoint(expr.parsed.used):
            return rename(expr.ir, self.renames)
        return expr.ir

    def optional(self, expr: Expr | None) -> IR | None:
        """The same for a field that may be absent."""
        return None if expr is None else self.ir(expr)

    # --- operations ----------------------------------------------------------------------------
    def op(self, op: core.Op) -> None:
        """Append, unless no path leads here."""
        if not self.reachable:
            return
        self.body.ops.append(op)
        kind = type(op)
        if kind is core.Pure:
            if op.exits != core.ONWARD:  # type: ignore[attr-defined]
                self._exits(op.exits)  # type: ignore[attr-defined]
        elif kind in core.LAST:
            self.reachable = False
            if kind is core.Jump:
                self.used.add(op.to)  # type: ignore[attr-defined]

    def _exits(self, exits: tuple[core.Exit, ...]) -> None:
        """Note where a region leads to."""
        self.used.update([label for label in exits if label is not None])
        if None not in exits:
            self.reachable = False

    def pure(self, site: int, *statements: IR, reads: Iterable[Expr] = ()) -> None:
        """Statements that go on to the next operation."""
        self.op(core.Pure(site, tuple(reads), (*statements, ("exit", 0))))

    def set(self, site: int, variable: str, value: IR, reads: Iterable[Expr] = ()) -> None:
        """One assignment to a variable as a whole."""
        if self.reachable:
            statements = (("set", site, variable, value), ("exit", 0))
            self.body.ops.append(core.Pure(site, tuple(reads), statements))

    def test(
        self, site: int, condition: IR, otherwise: core.Label, reads: Iterable[Expr] = ()
    ) -> None:
        """Go on if the condition holds, else at ``otherwise``."""
        if self.reachable:
            branch = ("if", site, condition, (("exit", 0),), (("exit", 1),))
            self.body.ops.append(core.Pure(site, tuple(reads), (branch,), (None, otherwise)))
            self.used.add(otherwise)

    def jump(self, site: int, to: core.Label) -> None:
        """Go on at ``to``."""
        self.op(core.Jump(site, (), to))

    def mark(self, site: int, label: core.Label, *, reached: bool = False) -> None:
        """Place a label. ``reached`` where something other than a jump leads here.

        It is placed even where no path leads: a range may end here.
        """
        self.reachable = self.reachable or reached or label in self.used
        self.body.ops.append(core.Mark(site, (), label))

    def enter(self, site: int, kind: Any, deadline: Expr | None = None) -> None:
        """Push a scope."""
        reads = () if deadline is None else (deadline,)
        self.op(core.Enter(site, reads, kind, self.optional(deadline)))
        self.depth += 1

    def leave(self, site: int) -> None:
        """Pop the scope, on the way that goes on."""
        self.op(core.Leave(site, ()))
        self.depth -= 1

    # --- writes --------------------------------------------------------------------------------
    def wrote(self, site: int, place: core.Write) -> None:
        """Note a write of one of the document's variables; a reducer's is a contribution."""
        variable = place.name
        shared = self.shared
        shared.assigned[variable] = shared.assigned.get(variable, 0) + 1
        if variable not in self.body.writes and variable not in shared.loop_names:
            self.body.writes[variable] = place
        if self.contributes(variable):
            value = name(variable)
            if self.shared.reducers[variable] == "append":
                value = ("list", (value,))  # a join appends lists, so that nested forks flatten
            self.set(site, contribution(variable), value)

    def contributes(self, variable: str) -> bool:
        """Whether a write here is a contribution to a reducer of the outer body."""
        return variable in self.shared.reducers and self.body.kind in ("branch", "iteration")

    def assign(self, site: int, target: Target, value: IR, reads: Iterable[Expr] = ()) -> None:
        """An assignment as the document writes it: to a variable, or to a path below one."""
        if target.path:
            keys = tuple(self.ir(key) for key in target.path)
            statement = ("path", site, target.name, keys, value)
            self.pure(site, statement, reads=(*reads, _base(target), *target.path))
        else:
            self.set(site, target.name, value, reads)
        self.wrote(site, target)

    def into(self, target: Target | None) -> str | None:
        """The variable an operation may store its result in; :meth:`stored` must follow it."""
        if target is None:
            return None
        return self.hidden("into") if target.path else target.name

    def stored(self, site: int, target: Target | None, variable: str | None) -> None:
        """After an operation that stored into ``into(target)``: finish the assignment."""
        if target is None or variable is None:
            return
        if target.path:
            self.assign(site, target, name(variable))
        else:
            self.wrote(site, target)

    def args(self, args: Args) -> tuple[IR | None, tuple[Expr, ...]]:
        """``with`` as one IR, None if there is none, and what it reads."""
        if args.whole is not None:
            return self.ir(args.whole), (args.whole,)
        if not args.entries:
            return None, ()
        keys, renames = self.shared.keys, self.renames
        entries = args.entries
        pairs = tuple([
            (keys[key], value.ir if not renames else self.ir(value))
            for key, value in entries.items()
        ])  # fmt: skip
        return ("object", pairs), tuple(entries.values())

    # --- ways out ------------------------------------------------------------------------------
    def go(self, site: int, way: Way) -> None:
        """Leave all scopes up to the end of ``way``, through every ``finally`` on it."""
        if way == RETURN and not any(isinstance(w, FinallyWays) for w in self.ways):
            self.op(core.Return(site, (), name("$return")))
            return
        for ways in reversed(self.ways):
            if isinstance(ways, TryWays):
                stub = ways.stubs.get(way)
                if stub is None:
                    stub = ways.stubs[way] = self.label()
                self._drop(site, ways.depth)
                self.jump(site, stub)
                return
            if isinstance(ways, FinallyWays):
                self.set(site, ways.code, const(ways.code_for(way)))
                self._drop(site, ways.depth)
                self.jump(site, ways.to)
                return
            kind, number = way
            if ways.number == number and kind in ("break", "continue"):
                to = ways.break_to if kind == "break" else ways.continue_to
                if to is not None:
                    self._drop(site, ways.depth)
                    self.jump(site, to)
                return

    def _drop(self, site: int, depth: int) -> None:
        """Pop scopes on a way that leaves this stretch of code; ``self.depth`` stays."""
        for _ in range(self.depth - depth):
            self.op(core.Leave(site, ()))

    # --- steps ---------------------------------------------------------------------------------
    def block(self, block: Block) -> None:
        """Lower steps in order; the first that no path reaches is noted."""
        for step in block:
            if not self.reachable:
                self.shared.unreachable.append(step.site)
                # Lowered all the same: what it writes must not look like it were never written.
                self.reachable = True
            self.step(step)

    def step(self, step: Step) -> int:
        """Lower one step with its modifiers; the index of its site."""
        site = self.site(step.site)
        skip = None
        if step.when is not None:
            skip = self.label()
            self.test(site, self.ir(step.when), skip, (step.when,))
        if step.timeout is not None and not isinstance(step, OWN_TIMEOUT):
            self.enter(site, "block", step.timeout)
            self.shared.table[type(step)](self, step, site)
            self.leave(site)
        else:
            self.shared.table[type(step)](self, step, site)
        if skip is not None:
            self.mark(site, skip)
        return site

    def inner(self, name_: str, kind: core.BodyKind) -> Builder:
        """A builder for a body that begins here."""
        return Builder(self.shared, core.Body(name_, kind, self.body), self.renames)


def _base(target: Target) -> Expr:
    """The variable a path assignment changes, as something that is read."""
    at = (Name(target.name, 0, "variable"),)
    return Expr(target.name, name(target.name), target.span, target.pointer, at)


def contribution(variable: str) -> str:
    """The hidden variable that holds what a branch adds to a reducer."""
    return f"${variable}+"
