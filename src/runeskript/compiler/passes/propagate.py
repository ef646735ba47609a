"""Puts constants, and the variables that were copied, in the place of the variables that hold them.

After ``set: {limit: 10}`` a condition ``n < limit`` is ``n < 10``, and what has become constant is
computed. This is done where a run computes: in conditions, and in what variables are set to. Beside
what a call or a message costs, a variable in its parameters costs nothing.

A variable is known from its assignment on: until another assignment of it and until the next label,
or, where nothing else assigns it and every way leads through the assignment, everywhere behind it,
in branches, iterations and undos that begin there too. A list or an object is never put in the
place of its variable: nobody gains by it. The assignment itself stays; where nothing reads it any
more, ``drop_dead`` removes it.
"""

from __future__ import annotations

from typing import Any

from ...model.ast import IR, Expr
from ...model.catalog import HandlerCatalog
from ...model.parsed import Parsed
from ...model.spans import NOWHERE
from .. import core
from .operands import written, written_by
from .simplify import Simplifier

_new = object.__new__
#: Characters of a text that may be put in the place of its variable.
_TEXT = 64
#: Operations that neither write a variable nor lead anywhere but on.
_QUIET = frozenset((core.Log, core.Emit, core.Enter, core.Leave, core.Arrive, core.Raise,
                    core.Reraise, core.Return))  # fmt: skip
#: Operations with bodies of their own; all others write variables.
_HOLDERS = frozenset((core.Call, core.Fork, core.ForkN, core.Run))


def propagate(program: core.Program, _: HandlerCatalog) -> None:
    """Rewrite the regions that read a known variable."""
    _Walk(program).body(program.root)


class _Walk:
    """One walk over all bodies, each where it begins."""

    __slots__ = ("_assigned", "_copies", "_here", "_known", "_learned", "_simplifier")

    def __init__(self, program: core.Program) -> None:
        self._simplifier = Simplifier(program)
        self._assigned = program.assigned
        self._known: dict[str, IR] = {}
        #: Which of them are known up to the next label. All others are known up to the end of the
        #: body that assigned them; these stand in the order in which they became known.
        self._here: set[str] = set()
        self._learned: list[str] = []
        #: Variable -> those that are known to be copies of it, up to the next label.
        self._copies: dict[str, list[str]] = {}

    def body(self, body: core.Body) -> None:
        """Walk over a body and those that begin in it; what it learns ends with it."""
        before = len(self._learned)
        handlers: dict[core.Label, list[core.Label]] = {}
        for row in body.ranges:
            handlers.setdefault(row.start, []).append(row.handler)
        #: Labels passed, and those further down that something above leads to. Every way leads
        #: through what stands where there are none of these. An error of what a row covers leads to
        #: its handler, even of what cannot fail: a token may be cancelled while it stands there.
        passed: set[core.Exit] = {None}
        ahead: set[core.Exit] = set()
        known = self._known
        op: Any
        for op in body.ops:
            kind = type(op)
            if kind is core.Pure:
                if known and op.reads:
                    self._read(op)
                first = op.statements[0]
                if first[0] == "set" and len(op.statements) == 2:
                    if self._here or self._copies or first[3][0] in _LEARNED:
                        self._assign(first, not ahead)
                elif first[0] != "exit":
                    self._write(op, not ahead)
                if op.exits != core.ONWARD:
                    ahead.update([to for to in op.exits if to not in passed])
            elif kind in _QUIET:
                continue
            elif kind is core.Mark:
                label = op.label
                passed.add(label)
                ahead.discard(label)
                if label in handlers:
                    ahead.update([to for to in handlers[label] if to not in passed])
                if self._here:
                    self._meet()
            elif kind is core.Jump:
                if op.to not in passed:
                    ahead.add(op.to)
            else:
                if kind in _HOLDERS and op.branches:
                    self._branches(op.branches)
                if self._here or self._copies:
                    for name in written(op):
                        self._forget(name)
        for name in self._learned[before:]:
            del known[name]
        del self._learned[before:]
        self._meet()

    def _branches(self, bodies: tuple[core.Body, ...]) -> None:
        """Walk over the bodies that begin at an operation."""
        known, here, copies = self._known, self._here, self._copies
        hidden = {name: known.pop(name) for name in here}
        self._here, self._copies = set(), {}
        for inner in bodies:
            self.body(inner)
        self._here, self._copies = here, copies
        known.update(hidden)

    # --- what is known -------------------------------------------------------------------------
    def _meet(self) -> None:
        """Ways may meet here."""
        if self._here:
            for name in self._here:
                del self._known[name]
            self._here.clear()
            self._copies.clear()

    def _forget(self, name: str) -> None:
        """A variable is written."""
        here = self._here
        if name in here:
            here.remove(name)
            del self._known[name]
        if name in self._copies:
            for copy in self._copies.pop(name):
                if copy in here and self._known[copy] == ("name", name):
                    here.remove(copy)
                    del self._known[copy]

    def _learn(self, name: str, value: IR, certain: bool) -> None:
        """A variable was just set to an expression; ``certain``: on every way to what is below."""
        if value[0] == "paid":
            value = value[1]
        lasts = certain and self._assigned.get(name) == 1
        if value[0] == "name":
            original = value[1]
            if original == name or original[0] == "$":
                return
            lasts = lasts and original in _FIXED
            if not lasts:
                self._copies.setdefault(original, []).append(name)
        elif not _is_short(value):
            return
        self._known[name] = value
        if lasts:
            self._learned.append(name)
        else:
            self._here.add(name)

    # --- regions -------------------------------------------------------------------------------
    def _read(self, op: core.Pure) -> None:
        """Rewrite a region that reads a known variable."""
        all_known = self._known
        known: dict[str, IR] = {}
        for expr in op.reads:
            for name in expr.parsed.used:
                if name in all_known:
                    known[name] = all_known[name]
        if not known:
            return
        first, *more = op.statements
        tag = first[0]
        simplifier = self._simplifier
        simplifier.begin(known)
        # What one statement writes the next may read: only the first is rewritten.
        if tag == "set":
            old = first[3]
            new = simplifier.value(old)
            first = (tag, first[1], first[2], new)
        elif tag == "if":
            old = first[2]
            new = simplifier.part(old)
            first = (tag, first[1], new, *first[3:])
        else:
            return
        if new is not old:
            op.statements = (first, *more)
            _update_reads(op, old, new, known, simplifier.left)

    def _write(self, op: core.Pure, certain: bool) -> None:
        """Take note of what a region assigns. What follows a test in it is not sure to happen."""
        straight = True
        for statement in op.statements:
            tag = statement[0]
            if tag == "exit":
                continue
            if tag == "if":
                straight = False
                for name in written_by(statement):
                    self._forget(name)
                continue
            if straight and tag == "set":
                self._assign(statement, certain)
            else:
                self._forget(statement[2])

    def _assign(self, statement: IR, certain: bool) -> None:
        """Take note of what one variable is set to."""
        name, value = statement[2], statement[3]
        if name in self._here or name in self._copies:
            self._forget(name)
        if value[0] in _LEARNED:
            self._learn(name, value, certain)


#: What a variable may be known to be.
_LEARNED = frozenset(("const", "paid", "name"))
#: Variables that no step can assign.
_FIXED = frozenset(("input", "env", "job"))


def _is_short(value: IR) -> bool:
    """Whether it pays to have this in many places."""
    if value[0] != "const":
        return False
    if type(value[1]) is str:
        return len(value[1]) <= _TEXT
    return type(value[1]) not in (list, dict)


def _made(ir: IR, used: list[str]) -> Expr:
    """An expression that stands nowhere in the text, and so do its names."""
    known: Any = _new(Parsed)
    known.ir, known.names, known.bound, known.used = ir, (), (), tuple(used)
    made: Any = _new(Expr)
    made.ir, made.parsed = ir, known
    made.source, made.span, made.pointer = "", NOWHERE, ""
    return made  # type: ignore[no-any-return]


def _update_reads(op: core.Pure, old: IR, new: IR, known: dict[str, IR], left: set[str]) -> None:
    """Let ``reads`` tell what the operation still reads; nothing, where that is not plain."""
    reads: list[Expr] = []
    for expr in op.reads:
        if expr.ir is old:
            used: list[str] = []
            for name in expr.parsed.used:
                if name not in known or name in left:
                    used.append(name)
                elif known[name][0] == "name":
                    used.append(known[name][1])
            reads.append(_made(new, used))
        elif known.keys().isdisjoint(expr.parsed.used):
            reads.append(expr)
        else:
            op.reads = ()
            return
    op.reads = tuple(reads)
