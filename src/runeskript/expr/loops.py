"""Loops of a region -> Python syntax tree.

A loop is ``for _ in b``, ``b`` being the budget that all loops of the region draw from; when it is
used up the loop's ``else`` writes the variables to the frame and returns the loop's label, made
negative. Called again with that label, the function skips what stands before it in the text.

What is known at a head must hold however control comes there. Variables that the loop sets are
therefore known to be set at most, but for those that a body for numbers expects to be numbers of
moderate size: what it cannot prove at the end of a turn it tests there, and where the test fails
the general body takes over at the head.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Final, NamedTuple

from ..errors import BlueprintError
from ..model.ast import IR
from ..model.limits import PURE_WORK
from .ir import walk
from .kinds import ANY, BOOL, FLOAT, INT, LIST, NUMBER, OBJECT, TEXT, Kind
from .labels import exposed, expressions, label_count
from .numeric import subsumes
from .statements import Emitted, Held, StatementEmitter
from .trees import IS, IS_NOT
from .turns import GENERAL

#: The type to test for where a kind is of a single one.
_SINGLE: Final = {LIST: "list", OBJECT: "dict", TEXT: "str", BOOL: "bool"}
#: An index that counts the elements of a list.
INDEX: Final = Kind(INT, 2**40, 0.0)


class Head(NamedTuple):
    """A loop under construction: what holds at its head, and the ways out of it by ``break``."""

    label: int
    depth: int
    held: Held
    breaks: list[tuple[Held, list[ast.stmt], int]]


class Counted(NamedTuple):
    """A loop over a list, as the compiler lowers it: ``if not at < len(items): break`` (or the
    region is left), then ``item = items[at]``, ``number = at``, ``at = at + 1``, and its steps."""

    items: int
    at: int
    item: int
    number: int | None
    test: IR
    rest: Sequence[IR]


class LoopEmitter(StatementEmitter):
    """Emits loops."""

    def prepare_loops(self) -> None:
        """Before the first statement of a region that has labels."""
        self.heads: list[Head] = []
        #: What host variables hold at each label.
        self.entries: dict[int, Held] = {}
        #: The bodies of all loops, whose first statement may be a charge for work.
        self.turns: list[list[ast.stmt]] = []

    def loop_statement(self, statement: IR) -> Emitted:
        """``loop``."""
        body = statement[2]
        line = self.line
        self.label += 1
        label = self.label
        written, used = self.touched(body)
        out = self.loads(used - self.state().slots())
        self.loose |= used - self.state().slots()
        counted = _counted(body, written)
        needed = exposed(body)
        emptied = self.expect(body, written, counted, needed)
        tests = self.head_tests(needed - emptied)
        self.entries[label] = self.state()._replace(dirty=self.dirty | written)
        self.dirty |= written
        head = Head(label, len(self.heads), self.state(), [])
        out += self.unless_entering(self.give_up_unless(tests, head))
        inner = sum(map(label_count, body))
        arrived: ast.stmt = self.store(self.const(0), self.target("e"))
        if inner:
            here = self.compare(self.var("e"), ast.Eq(), self.const(label))
            arrived = ast.If(here, [arrived], [], **self.place())
        out.append(arrived)
        self.heads.append(head)
        if counted is None:
            nodes, ended = self.statements(body)
        else:
            nodes, ended = self.elements(counted, head, out)
        if not ended:
            nodes += self.turn_ends(head)
        self.heads.pop()
        self.line = line
        if not nodes:
            nodes.append(ast.Pass(**self.place()))
        self.turns.append(nodes)
        loop = ast.For(
            self.target("_"), self.var("b"), nodes, self.gives_way(head), None, lineno=line,
            col_offset=0,
        )  # fmt: skip
        out.append(loop)
        if not head.breaks:
            return out, True
        self.meet(head.breaks)
        return out, False

    def gives_way(self, head: Head) -> list[ast.stmt]:
        """What a head does where the budget is used up."""
        return [*self.stores(head.held.dirty), self.ret(self.const(-head.label))]

    def charge_turns(self) -> None:
        """Once it is known that the region may spend work: each turn begins with the account."""
        if not self.burns:
            return
        for nodes in self.turns:
            self.line = getattr(nodes[0], "lineno", self.line)
            test = self.compare(self.context("fuel"), ast.NotEq(), self.const(PURE_WORK))
            charge = ast.Expr(self.call("work", self.var("c")), **self.place())
            nodes.insert(0, ast.If(test, [charge], [], **self.place()))

    # --- heads --------------------------------------------------------------------------------

    def touched(self, statements: Sequence[IR]) -> tuple[set[int], set[int]]:
        """(slots that a block sets, slots that it sets or reads)."""
        written: set[int] = set()
        used: set[int] = set()
        stack = list(statements)
        while stack:
            statement = stack.pop()
            tag = statement[0]
            if tag in ("set", "path", "unset"):
                written.add(self.slot_of(statement[2]))
            elif tag == "if":
                stack += [*statement[3], *statement[4]]
            elif tag == "loop":
                stack += statement[2]
            for ir in expressions(statement):
                used.update([n[1] for n in walk(ir) if n[0] == "slot" or n[0] == "isset"])
        if not all(type(slot) is int and slot >= 0 for slot in used):
            raise BlueprintError("an expression reads a slot that it cannot see")
        return written, used | written

    def expect(
        self,
        body: Sequence[IR],
        written: set[int],
        counted: Counted | None,
        needed: set[int],
    ) -> set[int]:
        """What holds at a head: for a variable the loop sets, what is expected of it. Returns those
        that it may leave unset."""
        emptied, lists = _special(body)
        for slot in emptied & self.cached.keys():
            del self.cached[slot]
            self.loose.add(slot)
        for slot, kind in list(self.cached.items()):
            if slot not in written:
                self.cached[slot] = testable(kind)
            elif counted is not None and slot == counted.at:
                self.cached[slot] = INDEX if subsumes(kind, INDEX) else ANY
            elif slot in lists and kind.mask == LIST:
                self.cached[slot] = Kind(LIST)
            elif slot not in needed or not self.may_be_number(slot, kind):
                self.cached[slot] = ANY
        return emptied

    def may_be_number(self, slot: int, kind: Kind) -> bool:
        """Whether the body for numbers should expect one here."""
        numeric = self.numeric
        return numeric is not None and slot in numeric.operands and bool(kind.mask & NUMBER)

    def head_tests(self, needed: set[int]) -> list[ast.expr]:
        """What has to be tested before a loop for its head to know it; from here it is known."""
        if self.numeric is None:
            return []
        tests = []
        for slot in sorted(self.loose & needed):
            # Most variables are set; one that is not is read by the general body.
            tests.append(self.is_set(slot))
            self.cached[slot] = ANY
        self.loose -= needed
        for slot, kind in sorted(self.cached.items()):
            if kind != INDEX and slot in needed and self.may_be_number(slot, kind):
                wanted = self.numeric.bound(slot)
                if not subsumes(kind, wanted):
                    tests.append(self.is_a(slot, kind, wanted))
                self.cached[slot] = wanted
        return tests

    def give_up_unless(
        self, tests: list[ast.expr], head: Head, undo: Sequence[ast.stmt] = (), refund: int = 0
    ) -> list[ast.stmt]:
        """Where a test fails, the general body takes over at a head."""
        if not tests:
            return []
        if self.numeric is None:
            raise BlueprintError("a loop loses what it knows of a variable")
        holds = self.all_of(tests)
        fails = ast.UnaryOp(ast.Not(), holds, **self.place())
        turn = self.call("turn_back", self.var("c"), self.const(head.depth), self.const(refund))
        nodes = [
            *undo,
            *self.stores(self.dirty & head.held.slots()),
            ast.Expr(turn, **self.place()),
            self.ret(self.const(GENERAL - head.label)),
        ]
        return [ast.If(fails, nodes, [], **self.place())]

    def turn_ends(self, head: Head) -> list[ast.stmt]:
        """At the end of a turn: what the head expects must hold again."""
        tests = []
        for slot, wanted in sorted(head.held.cached.items()):
            kind = self.cached.get(slot)
            if kind is None:
                raise BlueprintError("a loop loses a variable")
            if not subsumes(kind, wanted):
                tests.append(self.is_a(slot, kind, wanted))
        return self.give_up_unless(tests, head)

    # --- tests --------------------------------------------------------------------------------

    def is_set(self, slot: int) -> ast.expr:
        """Whether a slot holds a value."""
        return self.compare(self.var(f"v{slot}"), IS_NOT, self.var("U"))

    def is_a(self, slot: int, kind: Kind, wanted: Kind) -> ast.expr:
        """Whether a value of which ``kind`` is known is what is wanted (see :func:`testable`)."""
        name = f"v{slot}"
        if not wanted.number:
            single = _SINGLE.get(wanted.mask)
            if single is None:
                return self.is_set(slot)
            return self.compare(self.type_of(self.var(name)), IS, self.var(single))
        if kind.number and not kind.mask & ~wanted.mask:
            # A bound that holds for ints is good enough for floats.
            bound = wanted.ints if kind.mask == INT else min(wanted.ints, wanted.floats)
            return self.within(self.var(name), bound)
        return self.is_number(self.var(name), self.var(name), wanted)

    def is_number(self, first: ast.expr, again: ast.expr, wanted: Kind) -> ast.expr:
        """Whether a value is a number within bounds; ``first`` evaluates it."""
        tests = []
        node = first
        for mask, name, bound in ((INT, "int", wanted.ints), (FLOAT, "float", wanted.floats)):
            if wanted.mask & mask:
                kind = self.compare(self.type_of(node), IS, self.var(name))
                tests.append(self.both(kind, self.within(again, bound)))
                node = again
        return tests[0] if len(tests) == 1 else self.either(*tests)

    def within(self, value: ast.expr, bound: float) -> ast.expr:
        """Whether a magnitude is at most ``bound``."""
        return ast.Compare(
            self.const(-bound), [ast.LtE(), ast.LtE()], [value, self.const(bound)],
            lineno=self.line, col_offset=0,
        )  # fmt: skip

    def entry_tests(self, label: int) -> list[ast.expr]:
        """What the body for numbers has to test when it is entered at a label."""
        tests = []
        for slot, kind in sorted(self.entries[label].cached.items()):
            tests.append(self.is_a(slot, Kind(), kind))
        return tests

    # --- ways out -----------------------------------------------------------------------------

    def head(self) -> Head:
        """The innermost loop."""
        if not self.heads:
            raise BlueprintError("a way out of a loop, outside one")
        return self.heads[-1]

    def break_(self, statement: IR) -> Emitted:
        """``break``."""
        nodes: list[ast.stmt] = [ast.Break(**self.place())]
        self.head().breaks.append((self.state(), nodes, 0))
        return nodes, True

    def continue_(self, statement: IR) -> Emitted:
        """``continue``."""
        return [*self.turn_ends(self.head()), ast.Continue(**self.place())], True

    # --- loops over lists ---------------------------------------------------------------------

    def elements(self, loop: Counted, head: Head, out: list[ast.stmt]) -> Emitted:
        """The body of a loop over a list: the length is known before, and so is the index."""
        length = f"n{head.label}"
        items, at = f"v{loop.items}", f"v{loop.at}"
        self.line = loop.test[1] + 1
        out.append(
            self.store(self.call("counted", self.var(items), self.var(at)), self.target(length))
        )
        ends = self.compare(self.var(at), ast.GtE(), self.var(length))
        out_of = loop.test[3][0]
        leaves = (self.break_ if out_of[0] == "break" else self.leave_region)(out_of)[0]
        nodes: list[ast.stmt] = [ast.If(ends, leaves, [], **self.place())]
        element = ast.Subscript(self.var(items), self.var(at), ast.Load(), **self.place())
        nodes.append(self.store(element, self.target(f"v{loop.item}")))
        kind = ANY
        numeric = self.numeric
        if numeric is not None and loop.item in numeric.operands:
            kind = numeric.bound(loop.item)
            test = self.is_number(self.var(f"v{loop.item}"), self.var(f"v{loop.item}"), kind)
            nodes += self.give_up_unless([test], head, refund=1)
        if loop.number is not None:
            nodes.append(self.store(self.var(at), self.target(f"v{loop.number}")))
            self.now_holds(loop.number, INDEX)
        one = self.binop(self.var(at), "add", self.const(1))
        nodes.append(self.store(one, self.target(at)))
        self.now_holds(loop.item, kind)
        self.now_holds(loop.at, INDEX)
        return self.statements(loop.rest, nodes)


def testable(kind: Kind) -> Kind:
    """What of a kind a test at entry can find out."""
    if kind.number or kind.mask in _SINGLE:
        return kind
    return ANY


def _special(statements: Sequence[IR]) -> tuple[set[int], set[int]]:
    """(slots that a block may leave unset, slots that it only appends to)."""
    emptied: set[int] = set()
    pushed: set[int] = set()
    other: set[int] = set()
    stack = list(statements)
    while stack:
        statement = stack.pop()
        tag = statement[0]
        if tag == "unset":
            emptied.add(statement[2])
        elif tag == "path":
            other.add(statement[2])
        elif tag == "set":
            ir = statement[3]
            appends = ir[0] == "push" and ir[1] == ("slot", statement[2])
            (pushed if appends else other).add(statement[2])
        elif tag == "if":
            stack += [*statement[3], *statement[4]]
        elif tag == "loop":
            stack += statement[2]
    return emptied, pushed - other - emptied


def _counted(body: Sequence[IR], written: set[int]) -> Counted | None:
    """The parts of a loop over a list, where ``body`` is one and leaves its index alone."""
    if len(body) < 3 or body[0][0] != "if" or body[0][4] or len(body[0][3]) != 1:
        return None
    if body[0][3][0][0] not in ("break", "exit"):
        return None
    match body[0][2]:
        case ("not", ("compare", ("slot", at), (("<", ("call", "len", (("slot", items),))),))):
            pass
        case _:
            return None
    then = body[1:]
    if then[0][0] != "set" or then[0][3] != ("item", ("slot", items), ("slot", at)):
        return None
    item, index, used = then[0][2], None, 1
    if then[1][0] == "set" and then[1][3] == ("slot", at):
        index, used = then[1][2], 2
    step = ("add", ("slot", at), ("const", 1))
    if len(then) <= used or then[used][0] != "set" or then[used][2:4] != (at, step):
        return None
    rest = then[used + 1 :]
    slots = [slot for slot in (items, at, item, index) if slot is not None]
    if len(set(slots)) != len(slots) or items in written or _sets(rest, at):
        return None
    return Counted(items, at, item, index, body[0], rest)


def _sets(statements: Sequence[IR], slot: int) -> bool:
    """Whether a block sets a slot."""
    stack = list(statements)
    while stack:
        statement = stack.pop()
        tag = statement[0]
        if tag in ("set", "path", "unset") and statement[2] == slot:
            return True
        if tag == "if":
            stack += [*statement[3], *statement[4]]
        elif tag == "loop":
            stack += statement[2]
    return False
