"""Regions: straight-line statements over a frame, as one generated function.

A region that mostly computes with numbers gets two bodies. The first begins with a test that every
variable it starts from is a number of moderate size; from that the generator proves what stays in
bounds, so the body is the host's own arithmetic on host variables, and the frame is written once at
the end. Where the test fails, the second body, generated only then, does the same with a guard per
operation.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

from ..errors import BlueprintError
from ..model.ast import IR
from .emit import Emitter
from .ir import walk
from .kinds import ANY, CONTAINER, FITS, NUMBER, Kind, either
from .trees import STORE, Code, Functions

#: Entry bounds of the numeric body: a dozen multiplications by small factors stay in 64 bits; where
#: nothing is multiplied, times in milliseconds and the like may enter too.
ENTRY_INT: Final = 2**31
ENTRY_SUMS: Final = 2**56
ENTRY_FLOAT: Final = 1e50
#: Statements past which a second body costs more memory than it saves time.
_LONGEST: Final = 300

_ARITHMETIC: Final = frozenset(("add", "sub", "mul", "div", "floordiv", "mod", "neg"))
_ORDER: Final = frozenset(("<", "<=", ">", ">="))
#: What makes a list that nothing else holds (or is the one the slot holds already).
_FRESH: Final = frozenset(("list", "listcomp", "push"))
_EMPTY: Final[IR] = ("const", [])


class RegionEmitter(Emitter):
    """Builds the function of one region."""

    def __init__(
        self,
        table: Functions,
        name: str,
        *,
        maybe_unset: frozenset[int] | None = None,
        slot_names: Sequence[str] | None = None,
        holders: frozenset[int] = frozenset(),
    ) -> None:
        super().__init__(
            table, name, params=0, frame=True, maybe_unset=maybe_unset, slot_names=slot_names,
            holders=holders,
        )  # fmt: skip
        #: The numeric body: slots whose host variable is newer than the frame; None: write through.
        self.dirty: set[int] | None = None

    def region(self, statements: Sequence[IR]) -> None:
        """The body that takes any values."""
        self.body += self.block(statements)

    def numeric_region(
        self, statements: Sequence[IR], numeric: Sequence[int], otherwise: str
    ) -> None:
        """The body for numbers in the slots ``numeric``; where one holds something else it calls
        ``otherwise``, a function over the same frame."""
        self.dirty = set()
        bound = ENTRY_INT if _multiplies(statements) else ENTRY_SUMS
        self.cached = dict.fromkeys(numeric, Kind(NUMBER, bound, ENTRY_FLOAT))
        fast = self.block(statements)
        self.line = 1
        tests = [self.entry_test(slot, bound) for slot in numeric]
        test = tests[0] if len(tests) == 1 else self.both(*tests)
        slow = self.ret(self.call(otherwise, self.var("s"), self.var("c")))
        self.body += [ast.If(test, fast, [], **self.place()), slow]

    def entry_test(self, slot: int, bound: int) -> ast.expr:
        """Whether a slot holds a number of moderate size; keeps it in its host variable."""
        name = f"v{slot}"
        value = self.var(name)
        loaded = self.type_of(self.bind(name, self.element(slot)))
        return self.either(
            self.both(self.compare(loaded, ast.Is(), self.var("int")), self.within(value, bound)),
            self.both(
                self.compare(self.type_of(value), ast.Is(), self.var("float")),
                self.within(value, ENTRY_FLOAT),
            ),
        )

    def within(self, value: ast.expr, bound: float) -> ast.expr:
        """Whether a magnitude is at most ``bound``."""
        return ast.Compare(
            self.const(-bound), [ast.LtE(), ast.LtE()], [value, self.const(bound)],
            lineno=self.line, col_offset=0,
        )  # fmt: skip

    # --- statements ---------------------------------------------------------------------------

    def block(self, statements: Sequence[IR]) -> list[ast.stmt]:
        """A whole body: ends by returning exit 0 if no statement took another."""
        out, ended = self.statements(statements)
        if not ended:
            out += self.flush()
            out.append(self.ret(self.const(0)))
        return out

    def statements(self, statements: Sequence[IR]) -> tuple[list[ast.stmt], bool]:
        """(tree, whether control never comes out at the end)."""
        out: list[ast.stmt] = []
        for statement in statements:
            handler = _STATEMENTS.get(statement[0])
            if handler is None:
                raise BlueprintError(f"unknown statement {str(statement[0])[:40]!r}")
            self.temps = 0
            if statement[0] == "exit":
                out += handler(self, statement)
                return out, True
            if type(statement[1]) is not int or statement[1] < 0:
                raise BlueprintError("a statement without a site")
            self.line = statement[1] + 1
            out += handler(self, statement)
            if statement[0] == "if" and self.closed:
                return out, True
        return out, False

    #: Whether both branches of the ``if`` emitted last left the region.
    closed = False

    def flush(self) -> list[ast.stmt]:
        """Write to the frame what only host variables hold."""
        if not self.dirty:
            return []
        out = [self.store(self.var(f"v{i}"), self.element(i, STORE)) for i in sorted(self.dirty)]
        self.dirty.clear()
        return out

    def guarded(self, emit: Callable[[], list[ast.stmt]]) -> list[ast.stmt]:
        """A statement, after a flush where it may raise or read the frame."""
        self.risky = False
        nodes = emit()
        return [*self.flush(), *nodes] if self.risky else nodes

    def slot_of(self, statement: IR) -> int:
        """The slot a statement sets."""
        slot = statement[2]
        if type(slot) is not int or slot < 0:
            raise BlueprintError("a statement without a slot")
        return slot

    def assign(self, statement: IR) -> list[ast.stmt]:
        """``set``."""
        slot = self.slot_of(statement)
        if statement[3][0] == "push" and statement[3][1] != ("slot", slot):
            raise BlueprintError("a list is appended to in the slot that holds it")
        code = Code(self.const(None), ANY)

        def emit() -> list[ast.stmt]:
            nonlocal code
            code = self.finish(self.emit(statement[3]))
            if slot in self.holders and statement[3][0] not in _FRESH and statement[3] != _EMPTY:
                code = Code(self.help("unshared", code.node), code.kind)
            targets = [self.target(f"v{slot}")]
            if self.dirty is None:
                targets.append(self.element(slot, STORE))
            return [self.store(code.node, *targets)]

        out = self.guarded(emit)
        self.cached[slot] = code.kind
        if self.dirty is not None:
            self.dirty.add(slot)
        return out

    def assign_path(self, statement: IR) -> list[ast.stmt]:
        """``path``."""
        slot, keys = self.slot_of(statement), statement[3]
        if type(keys) is not tuple or not keys:
            raise BlueprintError("a path without keys")

        def emit() -> list[ast.stmt]:
            value = self.narrow(self.emit(statement[4]))
            if value.kind.mask & CONTAINER:
                checked = self.call("leave", value.node, self.var("c"), self.const(len(keys)))
                value = Code(checked, value.kind)
            # The value is evaluated before the place, as Python does.
            name = self.temp()
            first = self.store(value.node, self.target(name))
            root = self.emit(("slot", slot))
            parts = [self.narrow(self.emit(key)).node for key in keys]
            path = ast.Tuple(parts, ast.Load(), lineno=self.line, col_offset=0)
            made = self.help("assign", root.node, path, self.var(name))
            return [first, self.store(made, self.target(f"v{slot}"), self.element(slot, STORE))]

        out = self.guarded(emit)
        self.cached[slot] = ANY
        if self.dirty is not None:
            self.dirty.discard(slot)
        return out

    def unassign(self, statement: IR) -> list[ast.stmt]:
        """``unset``."""
        slot = self.slot_of(statement)
        self.cached.pop(slot, None)
        if self.dirty is not None:
            self.dirty.discard(slot)
        return [self.store(self.var("U"), self.element(slot, STORE))]

    def branch(self, statement: IR) -> list[ast.stmt]:
        """``if``: what both branches leave known is known after it."""
        _, _, condition, then, other = statement
        line = self.line
        self.risky = False
        test = self.emit(condition).node
        out = self.flush() if self.risky else []
        before = dict(self.cached)
        dirty = None if self.dirty is None else set(self.dirty)
        yes, yes_ends = self.statements(then)
        if not yes_ends:
            yes += self.flush()
        after_yes = self.cached
        self.cached = dict(before)
        if dirty is not None:
            self.dirty = dirty
        no, no_ends = self.statements(other)
        if not no_ends:
            no += self.flush()
        if yes_ends:
            pass
        elif no_ends:
            self.cached = after_yes
        else:
            self.cached = {
                slot: either(kind, self.cached[slot])
                for slot, kind in after_yes.items()
                if slot in self.cached
            }
        self.line = line
        self.closed = yes_ends and no_ends
        node = ast.If(
            test, yes or [ast.Pass(lineno=line, col_offset=0)], no, lineno=line, col_offset=0
        )
        return [*out, node]

    def leave_region(self, statement: IR) -> list[ast.stmt]:
        """``exit``."""
        if type(statement[1]) is not int or statement[1] < 0:
            raise BlueprintError("an exit without an index")
        return [*self.flush(), self.ret(self.const(statement[1]))]


_STATEMENTS: Final[dict[str, Callable[[RegionEmitter, IR], list[ast.stmt]]]] = {
    "set": RegionEmitter.assign,
    "path": RegionEmitter.assign_path,
    "unset": RegionEmitter.unassign,
    "if": RegionEmitter.branch,
    "exit": RegionEmitter.leave_region,
}


def region_expressions(statements: Iterable[IR]) -> Iterator[IR]:
    """The expressions that the statements of a region hold, in no particular order."""
    stack = list(statements)
    while stack:
        statement = stack.pop()
        tag = statement[0]
        if tag == "set":
            yield statement[3]
        elif tag == "path":
            yield from statement[3]
            yield statement[4]
        elif tag == "if":
            yield statement[2]
            stack.extend(statement[3])
            stack.extend(statement[4])


def region_nesting(statements: Iterable[IR]) -> int:
    """How deep blocks nest in a region."""
    deepest = 0
    stack = [(statement, 1) for statement in statements if statement[0] == "if"]
    while stack:
        statement, level = stack.pop()
        deepest = max(deepest, level)
        for block in statement[3:5]:
            stack.extend([(inner, level + 1) for inner in block if inner[0] == "if"])
    return deepest


def push_targets(statements: Iterable[IR]) -> Iterator[int]:
    """The slots whose lists a region appends to in place."""
    stack = list(statements)
    while stack:
        statement = stack.pop()
        if statement[0] == "set" and statement[3][0] == "push":
            yield statement[2]
        elif statement[0] == "if":
            stack.extend(statement[3])
            stack.extend(statement[4])


def numeric_slots(statements: Sequence[IR]) -> list[int]:
    """The slots worth testing at entry: read as operands of arithmetic before they are set. Empty
    where a numeric body would not pay: each test must save at least two guards."""
    live: set[int] = set()
    written: set[int] = set()
    operations = 0
    count = 0
    stack: list[Any] = list(reversed(statements))
    while stack:
        statement = stack.pop()
        count += 1
        if count > _LONGEST:
            return []
        tag = statement[0]
        if tag == "set":
            found = _operands(statement[3])
            operations += len(found)
            live |= {slot for slot in found if slot >= 0} - written
            written.add(statement[2])
        elif tag == "if":
            found = _operands(statement[2])
            operations += len(found)
            live |= {slot for slot in found if slot >= 0} - written
            stack += [*reversed(statement[4]), *reversed(statement[3])]
        elif tag in ("path", "unset"):
            written.add(statement[2])
    if operations < 2 * len(live):
        return []
    return sorted(slot for slot in live if slot < FITS)


def _multiplies(statements: Sequence[IR]) -> bool:
    """Whether some statement multiplies or raises to a power."""
    return any(
        node[0] in ("mul", "pow") for ir in region_expressions(statements) for node in walk(ir)
    )


def _operands(ir: IR) -> list[int]:
    """One entry per arithmetic operation or ordering: a slot that is its operand, or -1."""
    found = []
    for node in walk(ir):
        if node[0] in _ARITHMETIC:
            slots = [e[1] for e in node[1:] if e[0] == "slot" and type(e[1]) is int]
            found += slots or [-1]
        elif node[0] == "compare" and any(op in _ORDER for op, _ in node[2]):
            operands = (node[1], *[e for _, e in node[2]])
            found += [e[1] for e in operands if e[0] == "slot" and type(e[1]) is int]
    return found
