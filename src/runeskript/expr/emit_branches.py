"""Branches of a fork -> Python syntax tree: a loop with a turn per branch (``branches.py``)."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from typing import ClassVar, Final

from ..model.ast import IR
from ..model.limits import PURE_WORK
from ..model.rows import NamedTuple
from .kinds import ANY, FLOAT, INT, NUMBER, Kind
from .labels import exposed
from .loops import INDEX, Head
from .numeric import FACTOR, FLOATS, TERM
from .regions import RegionEmitter
from .statements import Emitted
from .trees import IS, IS_NOT, Code
from .turns import ENDED, OTHER, SPENT

#: Floats past it are tested when they are stored, so that what is made of them stays finite.
_LARGE: Final = 1e100


class Branch(NamedTuple):
    """One branch: its statements, which end by running off the end; the slots of its element, index
    and yield, and those it hands to the join."""

    statements: Sequence[IR]
    item: int | None
    number: int | None
    result: int | None
    outs: tuple[int, ...]
    #: Slots of no frame that stand for a key of what another slot holds: slot -> (slot, key).
    keys: Mapping[int, tuple[int, str]] = {}


class BranchEmitter(RegionEmitter):
    """Builds the function."""

    def branches(self, branch: Branch) -> bool:
        """Emit all of it; returns whether each branch that ends is known to yield."""
        statements = branch.statements
        self.arguments = ["b", "x", "i", "r", "w"]
        self.flushes = False
        self.prepare_loops()
        written, touched = self.touched(statements)
        filled = {slot for slot in (branch.item, branch.number) if slot is not None}
        ends = set(branch.outs)
        if branch.result is not None:
            ends.add(branch.result)
        touched |= ends
        copied = self.yielded(branch)
        last = statements[-1] if statements else ()
        if copied is not None:  # if that variable is set there is nothing to do
            statements = statements[:-1]
        # Slots that may be read as they were at the fork, or as unset.
        read = exposed(branch.statements)
        holders = {holder for holder, _ in branch.keys.values()} - branch.keys.keys()
        begun = (read | ends | holders) - filled - branch.keys.keys()
        # No branch changes what holds keys, and they are looked up before the first one.
        again = begun & (written | ends) - holders
        before = [*self.loads(begun - again)]
        tests = [*self.captured_tests(begun, again, read), *self.key_tests(branch.keys)]
        self.loose |= touched - filled - self.cached.keys()
        turn = self.filled(branch)
        nodes, ended = self.statements(statements)
        if copied is not None and not ended:
            if copied in self.cached and copied not in branch.keys:
                branch = branch._replace(result=copied)
                begun -= ends - {*branch.outs, copied} - read
            else:
                more, ended = self.statement(last)
                nodes += more
        always = branch.result is not None and branch.result in self.cached
        self.charge_turns()
        if not ended:
            nodes += self.branch_ends(branch)
        # What is certainly set at the end need not be loaded only because it is handed on.
        again &= begun - (self.cached.keys() - read)
        turn = [*self.loads(again), *turn, *nodes]
        unset = sorted(touched - begun - filled - branch.keys.keys())
        if unset:
            targets = [self.target(f"v{slot}") for slot in unset]
            before.append(self.store(self.var("U"), *targets))
        if self.entries:
            before.append(self.store(self.const(0), self.target("e")))
        if tests:
            before += self.other_unless(tests)
        ways = self.turns_of(branch)
        loop = ast.For(*ways, turn, [], None, **self.place())
        self.body += [*before, *self.kept(branch), loop, self.ret(self.const(ENDED))]
        return always

    def yielded(self, branch: Branch) -> int | None:
        """The slot that a branch yields as it is, by its last statement."""
        last = branch.statements[-1] if branch.statements else ()
        if last[:1] != ("set",) or last[2] != branch.result or last[3][0] != "slot":
            return None
        slot: int = last[3][1]
        return None if branch.result in branch.outs or slot in self.holders else slot

    # --- what a branch begins with and ends with ----------------------------------------------

    def captured_tests(self, begun: set[int], again: set[int], read: set[int]) -> list[ast.expr]:
        """A body for numbers: tests that what it expects of captured values holds.

        What no branch writes is tested to be set, which most variables are. What is only read where
        control never comes need not even be loaded.
        """
        tests: list[ast.expr] = []
        if self.numeric is None:
            return tests
        for slot in self.numeric.live:
            if slot in begun and slot in read:
                wanted = self.numeric.bound(slot)
                tests.append(self.is_number(self.element(slot), self.element(slot), wanted))
                self.cached[slot] = wanted
        for slot in sorted(begun - again - self.cached.keys()):
            tests.append(self.is_set(slot))
            self.cached[slot] = ANY
        return tests

    def key_tests(self, keys: Mapping[int, tuple[int, str]]) -> list[ast.expr]:
        """A body for numbers: looks up the keys that stand for slots, and tests what is there."""
        tests: list[ast.expr] = []
        for slot, (holder, key) in keys.items():
            name = f"v{holder}"
            tests.append(self.compare(self.type_of(self.var(name)), IS, self.var("dict")))
            tests.append(self.compare(self.const(key), ast.In(), self.var(name)))
            found = ast.Subscript(self.var(name), self.const(key), ast.Load(), **self.place())
            held = self.bind(f"v{slot}", found)
            self.cached[slot] = ANY
            if self.numeric is not None and slot in self.numeric.live:
                wanted = self.cached[slot] = self.numeric.bound(slot)
                tests.append(self.is_number(held, self.var(f"v{slot}"), wanted))
            else:
                tests.append(self.compare(held, IS_NOT, self.var("U")))
        return tests

    def filled(self, branch: Branch) -> list[ast.stmt]:
        """What is known of the element and its index, after a test where it is one for numbers."""
        nodes: list[ast.stmt] = []
        if branch.item is not None:
            self.now_holds(branch.item, ANY)
            nodes += self.expected(branch.item)
        if branch.number is not None:
            self.now_holds(branch.number, INDEX)
        return nodes

    def turns_of(self, branch: Branch) -> tuple[ast.expr, ast.expr]:
        """The target and the iterable of the loop over branches."""
        item = "_" if branch.item is None else f"v{branch.item}"
        if branch.number is None:
            return self.target(item), self.var("x")
        names = [self.target(f"v{branch.number}"), self.target(item)]
        target = ast.Tuple(names, ast.Store(), **self.place())
        return target, self.call("numbered", self.var("x"), self.var("i"))

    def kept(self, branch: Branch) -> list[ast.stmt]:
        """The functions that take what a branch leaves."""
        names = [("a", "r"), ("k", "w")] if branch.outs else [("a", "r")]
        return [
            self.store(
                ast.Attribute(self.var(holder), "append", ast.Load(), **self.place()),
                self.target(name),
            )
            for name, holder in names
        ]

    def branch_ends(self, branch: Branch) -> list[ast.stmt]:
        """The branch is over: keep what it leaves, and account for its work."""
        nodes: list[ast.stmt] = []
        if branch.outs:
            values = [self.var(f"v{slot}") for slot in branch.outs]
            left = ast.Tuple(values, ast.Load(), **self.place())
            nodes.append(ast.Expr(self.call("k", left), **self.place()))
        value = "U" if branch.result is None else f"v{branch.result}"
        nodes.append(ast.Expr(self.call("a", self.var(value)), **self.place()))
        if self.burns:
            spent = self.compare(self.context("fuel"), ast.NotEq(), self.const(PURE_WORK))
            over = self.both(spent, self.call("used_up", self.var("c")))
            nodes.append(ast.If(over, [self.ret(self.const(SPENT))], [], **self.place()))
        return nodes

    # --- giving up ----------------------------------------------------------------------------

    def other_unless(self, tests: Sequence[ast.expr]) -> list[ast.stmt]:
        """Where a test fails, another body begins the branch anew."""
        fails = ast.UnaryOp(ast.Not(), self.all_of(tests), **self.place())
        return [ast.If(fails, [self.ret(self.const(OTHER))], [], **self.place())]

    def expected(self, slot: int) -> list[ast.stmt]:
        """A body for numbers: the test that a variable holds what it expects of it, if it does."""
        numeric, kind = self.numeric, self.cached[slot]
        if numeric is None or slot not in numeric.operands or kind.number:
            return []
        if not kind.mask & NUMBER:
            return []
        wanted = numeric.bound(slot)
        self.cached[slot] = wanted
        return self.other_unless(
            [self.is_number(self.var(f"v{slot}"), self.var(f"v{slot}"), wanted)]
        )

    def assign(self, statement: IR) -> Emitted:
        """``set``; a body for numbers gives up instead of checking what is rarely so."""
        slot, ir = self.slot_of(statement[2]), statement[3]
        if self.numeric is None or ir[0] == "push" or slot in self.holders:
            return super().assign(statement)
        code = self.emit(ir)
        kind = code.kind
        wide = (kind.mask & INT and not kind.fits) or (kind.mask & FLOAT and kind.floats > _LARGE)
        if not (kind.number and wide):
            code = self.finish(code)
        nodes = [self.store(code.node, self.target(f"v{slot}"))]
        self.now_holds(slot, code.kind)
        if kind.number and wide:
            # A narrower bound than has to hold, so that what is made of it needs no test.
            nodes += self.other_unless([self.within(self.var(f"v{slot}"), TERM)])
            self.cached[slot] = Kind(kind.mask, TERM, TERM if kind.mask & FLOAT else 0.0)
        else:
            nodes += self.expected(slot)
        return nodes, False

    def operands(self, ir: IR) -> tuple[Code, Code]:
        """Of arithmetic; a body for numbers expects them to be such."""
        a, b = super().operands(ir)
        numeric = self.numeric
        if numeric is None or not (a.kind.mask & NUMBER and b.kind.mask & NUMBER):
            return a, b
        floats = FLOATS if numeric.mask & FLOAT else 0.0
        wanted = Kind(numeric.mask, FACTOR if ir[0] == "mul" else TERM, floats)
        return self.number(a, wanted), self.number(b, wanted)

    def number(self, code: Code, wanted: Kind) -> Code:
        """An operand, after a test where it is not known to be a number."""
        if code.kind.number:
            return code
        value, again = self.keep(code)
        test = self.is_number(value, again, wanted)
        return Code(self.ifexp(test, again, self.call("unexpected")), wanted, again)

    def give_up_unless(
        self, tests: list[ast.expr], head: Head, undo: Sequence[ast.stmt] = (), refund: int = 0
    ) -> list[ast.stmt]:
        """At a loop inside: nothing has to be saved."""
        return self.other_unless(tests) if tests else []

    handlers: ClassVar = {**RegionEmitter.handlers, "set": assign}

    def gives_way(self, head: Head) -> list[ast.stmt]:
        """The budget is used up."""
        return [self.ret(self.const(SPENT))]

    def stores(self, slots: set[int]) -> list[ast.stmt]:
        """Nothing is written to the frame: all that is held is held everywhere."""
        return []
