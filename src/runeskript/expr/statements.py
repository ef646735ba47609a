"""Statements of a region -> Python syntax tree: assignments, conditionals, exits.

While a region runs, its variables live in host variables; ``cached`` and ``loose`` say which hold
what, ``dirty`` which are newer than the frame. They are written back on the way out, and before
anything that may raise where somebody might look at the frame then (``flushes``).
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import ClassVar, Final, NamedTuple

from ..errors import BlueprintError
from ..model.ast import IR
from .emit import Emitter
from .kinds import ANY, CONTAINER, Kind, either
from .labels import label_count
from .numeric import Numeric
from .trees import STORE, Code, Functions

#: What makes a list that nothing else holds (or is the one the slot holds already).
_FRESH: Final = frozenset(("list", "listcomp", "push"))
_EMPTY: Final[IR] = ("const", [])
#: The nodes of a statement or block, and whether control never comes out at their end.
Emitted = tuple[list[ast.stmt], bool]


class Held(NamedTuple):
    """What the host variables hold at some point."""

    cached: dict[int, Kind]
    loose: set[int]
    dirty: set[int]

    def slots(self) -> set[int]:
        """All slots that a host variable holds."""
        return self.loose.union(self.cached)


class StatementEmitter(Emitter):
    """Emits blocks of statements."""

    def __init__(
        self,
        table: Functions,
        name: str,
        *,
        maybe_unset: frozenset[int] | None = None,
        slot_names: Sequence[str] | None = None,
        holders: frozenset[int] = frozenset(),
        numeric: Numeric | None = None,
    ) -> None:
        super().__init__(
            table, name, params=0, frame=True, maybe_unset=maybe_unset, slot_names=slot_names,
            holders=holders,
        )  # fmt: skip
        #: Set in the body for numbers: what it expects of which slots.
        self.numeric = numeric
        self.dirty: set[int] = set()
        #: Whether the frame must be right whenever something raises.
        self.flushes = True
        #: The number of the label emitted last.
        self.label = 0

    # --- what host variables hold -------------------------------------------------------------

    def state(self) -> Held:
        """What they hold here."""
        return Held(dict(self.cached), set(self.loose), set(self.dirty))

    def hold(self, held: Held) -> None:
        """Go on from a point where they hold this."""
        self.cached, self.loose = dict(held.cached), set(held.loose)
        self.dirty = set(held.dirty)

    def meet(self, ways: Sequence[tuple[Held, list[ast.stmt], int]]) -> None:
        """Where several ways come together: what all of them know is known.

        Each way has its nodes and the place in them where what only it holds is written back.
        """
        first, *others = [held for held, _, _ in ways]
        both = first.slots()
        cached = first.cached
        for held in others:
            both &= held.slots()
            cached = {
                slot: either(kind, held.cached[slot])
                for slot, kind in cached.items()
                if slot in held.cached
            }
        self.cached = {slot: kind for slot, kind in cached.items() if slot in both}
        self.loose = both.difference(self.cached)
        self.dirty = set()
        for held, nodes, place in ways:
            self.dirty |= held.dirty & both
            nodes[place:place] = self.stores(held.dirty - both)

    def stores(self, slots: set[int]) -> list[ast.stmt]:
        """Write host variables to the frame."""
        return [self.store(self.var(f"v{i}"), self.element(i, STORE)) for i in sorted(slots)]

    def loads(self, slots: set[int]) -> list[ast.stmt]:
        """Read slots of the frame, set or not, into host variables."""
        return [self.store(self.element(i), self.target(f"v{i}")) for i in sorted(slots)]

    def flush(self) -> list[ast.stmt]:
        """Write to the frame what only host variables hold."""
        out = self.stores(self.dirty)
        self.dirty.clear()
        return out

    def spill(self) -> list[ast.stmt]:
        """The same on a way out: what comes after in the text still has it to do."""
        return self.stores(self.dirty)

    def guarded(self, emit: Callable[[], list[ast.stmt]]) -> list[ast.stmt]:
        """A statement, after a flush where it may raise."""
        self.risky = False
        nodes = emit()
        return [*self.flush(), *nodes] if self.risky and self.flushes else nodes

    def now_holds(self, slot: int, kind: Kind) -> None:
        """A value has been put into the host variable of a slot."""
        self.cached[slot] = kind
        self.loose.discard(slot)
        self.dirty.add(slot)

    # --- blocks -------------------------------------------------------------------------------

    def block(self, statements: Sequence[IR]) -> list[ast.stmt]:
        """A whole region: ends by returning exit 0 if no statement took another."""
        out, ended = self.statements(statements)
        if not ended:
            out += self.spill()
            out.append(self.ret(self.const(0)))
        return out

    def statements(self, statements: Sequence[IR], before: Sequence[ast.stmt] = ()) -> Emitted:
        """A block, behind nodes that belong to it.

        Where it holds labels, all that stands before the label it is entered at is left out.
        """
        counts = [label_count(statement) for statement in statements]
        last = max((i for i, count in enumerate(counts) if count), default=-1)
        out: list[ast.stmt] = []
        #: What only runs when the block is not entered in the middle.
        normal = list(before)
        for i, statement in enumerate(statements):
            self.temps = 0
            nodes, ended = self.statement(statement)
            if not counts[i]:
                normal += nodes
            else:
                out += self.unless_entering(normal)
                normal = []
                if i != last:
                    test = self.compare(self.var("e"), ast.LtE(), self.const(self.label))
                    nodes = [ast.If(test, nodes, [], **self.place())]
                out += nodes
            if ended:
                self.label += sum(counts[i + 1 :])
                return [*out, *normal], True
        return [*out, *normal], False

    def unless_entering(self, nodes: list[ast.stmt]) -> list[ast.stmt]:
        """Nodes that are skipped on the way to the label a region is entered at."""
        if not nodes:
            return []
        test = ast.UnaryOp(ast.Not(), self.var("e"), **self.place())
        return [ast.If(test, nodes, [], **self.place())]

    def statement(self, statement: IR) -> Emitted:
        """One statement of any kind."""
        handler = self.handlers.get(statement[0])
        if handler is None:
            raise BlueprintError(f"unknown statement {str(statement[0])[:40]!r}")
        if statement[0] not in ("exit", "break", "continue"):
            if type(statement[1]) is not int or statement[1] < 0:
                raise BlueprintError("a statement without a site")
            self.line = statement[1] + 1
        return handler(self, statement)

    #: Tag -> method; filled by the class that has them all.
    handlers: ClassVar[dict[str, Callable[..., Emitted]]]

    # --- statements ---------------------------------------------------------------------------

    def slot_of(self, slot: object) -> int:
        """The slot a statement sets."""
        if type(slot) is not int or slot < 0:
            raise BlueprintError("a statement without a slot")
        return slot

    def assign(self, statement: IR) -> Emitted:
        """``set``."""
        slot = self.slot_of(statement[2])
        if statement[3][0] == "push" and statement[3][1] != ("slot", slot):
            raise BlueprintError("a list is appended to in the slot that holds it")
        code = Code(self.const(None), ANY)

        def emit() -> list[ast.stmt]:
            nonlocal code
            code = self.finish(self.emit(statement[3]))
            if slot in self.holders and statement[3][0] not in _FRESH and statement[3] != _EMPTY:
                code = Code(self.help("unshared", code.node), code.kind)
            return [self.store(code.node, self.target(f"v{slot}"))]

        out = self.guarded(emit)
        self.now_holds(slot, code.kind)
        return out, False

    def assign_path(self, statement: IR) -> Emitted:
        """``path``."""
        slot, keys = self.slot_of(statement[2]), statement[3]
        if type(keys) is not tuple or not keys:
            raise BlueprintError("a path without keys")

        def emit() -> list[ast.stmt]:
            value = self.narrow(self.emit(statement[4]))
            if value.kind.mask & CONTAINER:
                checked = self.help("leave", value.node, last=[self.const(len(keys))])
                value = Code(checked, value.kind)
            # The value is evaluated before the place, as Python does.
            name = self.temp()
            first = self.store(value.node, self.target(name))
            root = self.emit(("slot", slot))
            parts = [self.narrow(self.emit(key)).node for key in keys]
            path = ast.Tuple(parts, ast.Load(), lineno=self.line, col_offset=0)
            made = self.help("assign", root.node, path, self.var(name))
            return [first, self.store(made, self.target(f"v{slot}"))]

        out = self.guarded(emit)
        self.now_holds(slot, ANY)
        return out, False

    def unassign(self, statement: IR) -> Emitted:
        """``unset``."""
        slot = self.slot_of(statement[2])
        self.cached.pop(slot, None)
        self.loose.add(slot)
        self.dirty.add(slot)
        return [self.store(self.var("U"), self.target(f"v{slot}"))], False

    def branch(self, statement: IR) -> Emitted:
        """``if``: what both branches leave known is known after it."""
        _, _, condition, then, other = statement
        line = self.line
        self.risky = False
        test = self.emit(condition).node
        out = self.flush() if self.risky and self.flushes else []
        entering = self.label
        inside = sum(map(label_count, then))
        if inside or any(map(label_count, other)):
            # Entered in the middle: whichever branch the label is in.
            where = self.compare(self.var("e"), ast.LtE(), self.const(entering + inside))
            new = ast.UnaryOp(ast.Not(), self.var("e"), **self.place())
            test = self.ifexp(new, test, where)
        before = self.state()
        yes, yes_ends = self.statements(then)
        after_yes = self.state()
        self.hold(before)
        no, no_ends = self.statements(other)
        if yes_ends and no_ends:
            pass
        elif yes_ends or no_ends:
            self.hold(after_yes if no_ends else self.state())
        else:
            self.meet([(after_yes, yes, len(yes)), (self.state(), no, len(no))])
        self.line = line
        node = ast.If(
            test, yes or [ast.Pass(lineno=line, col_offset=0)], no, lineno=line, col_offset=0
        )
        return [*out, node], yes_ends and no_ends

    def leave_region(self, statement: IR) -> Emitted:
        """``exit``."""
        if type(statement[1]) is not int or statement[1] < 0:
            raise BlueprintError("an exit without an index")
        return [*self.spill(), self.ret(self.const(statement[1]))], True

    def raise_(self, statement: IR) -> Emitted:
        """``raise``."""

        def emit() -> list[ast.stmt]:
            error = self.finish(self.emit(statement[2]))
            return [self.ret(self.help("raised", error.node))]

        return self.guarded(emit), True
