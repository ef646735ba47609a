"""A region as one generated function: ``f(frame, context)``, which returns the exit it takes.

A region that mostly computes with numbers gets two bodies. The first begins with a test that every
variable it starts from is a number of moderate size; from that the generator proves what stays in
bounds, so the body is the host's own arithmetic on host variables, and the frame is written once at
the end. Where the test fails, the second body, generated only then, does the same with a guard per
operation.

A region with loops takes two more arguments, ``f(frame, context, b, e)``: the budget its loops draw
from, and the label it is entered at (0: the beginning). It returns an exit, or -k where it gave way
at label k, or GENERAL - k where its general body has to take over at label k.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import ClassVar

from ..model.ast import IR
from .loops import LoopEmitter
from .turns import GENERAL


class RegionEmitter(LoopEmitter):
    """Builds the function of one region. ``protected``: an error leads to code that may look at the
    frame, so it must hold what the statements before have set."""

    def region(self, statements: Sequence[IR], *, protected: bool) -> None:
        """Without loops, the body that takes any values."""
        self.flushes = protected
        self.body += self.block(statements)

    def numeric_region(self, statements: Sequence[IR], otherwise: str, *, protected: bool) -> None:
        """Without loops, the body for numbers; where a slot holds something else it calls
        ``otherwise``, a function over the same frame."""
        self.flushes = protected
        tests = self.begin_numeric()
        fast = self.block(statements)
        self.line = 1
        test = self.all_of(tests)
        slow = self.ret(self.call(otherwise, self.var("s"), self.var("c")))
        self.body += [ast.If(test, fast, [], **self.place()), slow]

    def begin_numeric(self) -> list[ast.expr]:
        """From here on the slots it starts from are numbers; the tests for that also load them."""
        tests: list[ast.expr] = []
        numeric = self.numeric
        if numeric is None:
            return tests
        for slot in numeric.live:
            wanted = numeric.bound(slot)
            name = f"v{slot}"
            first = self.bind(name, self.element(slot))
            tests.append(self.is_number(first, self.var(name), wanted))
            self.cached[slot] = wanted
            self.loose.discard(slot)
        return tests

    def looped_region(self, statements: Sequence[IR], *, protected: bool) -> None:
        """With loops: one of the two bodies, depending on whether it is one for numbers."""
        self.arguments = ["b", "e"]
        self.prepare_loops()
        self.flushes = False
        # Inside a loop nothing is written to the frame, so an error has to do it.
        kept = self.touched(statements)[0] if protected else set()
        self.loose |= kept
        tests = self.begin_numeric()
        body = self.block(statements)
        self.charge_turns()
        self.line = 1
        start = self.loads(kept)
        inside: set[int] = set()
        inside.update(*[held.slots() for held in self.entries.values()])
        entered = self.loads(inside - kept)
        if self.numeric is not None:
            for label in self.entries:
                here = self.compare(self.var("e"), ast.Eq(), self.const(label))
                holds = self.all_of(self.entry_tests(label))
                entered.append(ast.If(here, self.general_unless(holds, label), [], **self.place()))
        begun = self.general_unless(self.all_of(tests), 0) if tests else []
        if entered or begun:
            entered = entered or [ast.Pass(**self.place())]
            start.append(ast.If(self.var("e"), entered, begun, **self.place()))
        if protected:
            again = ast.Raise(None, None, **self.place())
            handler = ast.ExceptHandler(None, None, [*self.stores(kept), again], **self.place())
            body = [ast.Try(body, [handler], [], [], **self.place())]
        self.body += [*start, *body]

    def general_unless(self, holds: ast.expr, label: int) -> list[ast.stmt]:
        """On the way in: where a test fails, the general body is entered at the same label."""
        fails = ast.UnaryOp(ast.Not(), holds, **self.place())
        return [ast.If(fails, [self.ret(self.const(GENERAL - label))], [], **self.place())]

    handlers: ClassVar = {
        "set": LoopEmitter.assign,
        "path": LoopEmitter.assign_path,
        "unset": LoopEmitter.unassign,
        "if": LoopEmitter.branch,
        "loop": LoopEmitter.loop_statement,
        "break": LoopEmitter.break_,
        "continue": LoopEmitter.continue_,
        "raise": LoopEmitter.raise_,
        "exit": LoopEmitter.leave_region,
    }
