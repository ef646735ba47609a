"""A second evaluator, for tests: walks the IR and calls the checked operators, nothing else.

Slow and plain, so that it is easy to see that it is right; generated code must agree with it.
"""

from __future__ import annotations

from typing import Any

from runeskript.errors import StepError
from runeskript.expr import access, ops
from runeskript.expr.faults import fault
from runeskript.expr.functions import FUNCTIONS
from runeskript.expr.instants import to_duration, to_instant
from runeskript.expr.runtime import Context, bounded, each, fit, leave, text_key, unpack
from runeskript.expr.show import join_text
from runeskript.model.ast import IR
from runeskript.model.values import UNSET

BINARY = {
    "add": ops.add,
    "sub": ops.sub,
    "mul": ops.mul,
    "div": ops.div,
    "floordiv": ops.floordiv,
    "mod": ops.mod,
    "pow": ops.power,
    "concat": ops.concat,
    "item": access.item,
}
COMPARE = {
    "==": ops.eq, "!=": ops.ne, "<": ops.lt, "<=": ops.le, ">": ops.gt, ">=": ops.ge,
    "in": ops.contains, "not-in": ops.lacks,
}  # fmt: skip


class Interpreter:
    def __init__(self, frame: list[Any], c: Context) -> None:
        self.frame = frame
        self.c = c
        self.locals: dict[int, Any] = {}

    def result(self, ir: IR) -> Any:
        """What leaves an expression."""
        return leave(self.of(ir), self.c)

    def of(self, ir: IR) -> Any:
        tag, c = ir[0], self.c
        if tag == "const":
            return ir[1]
        if tag == "slot":
            if self.frame[ir[1]] is UNSET:
                raise fault("unset", "")
            return self.frame[ir[1]]
        if tag == "local":
            return self.locals[ir[1]]
        if tag in BINARY:
            left = self.of(ir[1])
            return BINARY[tag](left, self.of(ir[2]), c)
        if tag == "neg":
            return ops.neg(self.of(ir[1]), c)
        if tag == "pos":
            return ops.pos(self.of(ir[1]), c)
        if tag == "not":
            return not self.of(ir[1])
        if tag in ("and", "or"):
            value = None
            for part in ir[1]:
                value = self.of(part)
                if bool(value) == (tag == "or"):
                    return value
            return value
        if tag == "ifelse":
            return self.of(ir[2]) if self.of(ir[1]) else self.of(ir[3])
        if tag == "compare":
            left = self.of(ir[1])
            for op, part in ir[2]:
                right = self.of(part)
                if not COMPARE[op](left, right, c):
                    return False
                left = right
            return True
        return self.larger(ir)

    def larger(self, ir: IR) -> Any:
        tag, c = ir[0], self.c
        if tag == "list":
            return [fit(self.of(e)) for e in ir[1]]
        if tag == "object":
            out = {}
            for key, value in ir[1]:
                name = text_key(self.of(key))
                out[name] = fit(self.of(value))
            return out
        if tag == "slice":
            holder = self.of(ir[1])
            ends = [None if e is None else self.of(e) for e in ir[2:]]
            return access.cut(holder, ends[0], ends[1], c)
        if tag == "call":
            row = FUNCTIONS[ir[1]]
            args = [self.of(e) for e in ir[2]]
            return row.run(c, *(args if row.wide else map(fit, args)))
        if tag == "text":
            return join_text(tuple([fit(self.of(e)) for e in ir[1]]), c)
        if tag == "duration":
            return to_duration(self.of(ir[1]), c)
        if tag == "instant":
            return to_instant(self.of(ir[1]), c)
        assert tag in ("listcomp", "dictcomp"), tag
        rows: list[Any] = []
        self.loop(ir, 0, rows)
        return bounded(rows if tag == "listcomp" else dict(rows))

    def loop(self, ir: IR, level: int, rows: list[Any]) -> None:
        if level == len(ir[-1]):
            if ir[0] == "dictcomp":
                key = text_key(self.of(ir[1]))
                rows.append((key, fit(self.of(ir[2]))))
            else:
                rows.append(fit(self.of(ir[1])))
            return
        targets, over, conditions = ir[-1][level]
        for element in each(self.c, self.of(over)):
            values = [element] if len(targets) == 1 else unpack(element, len(targets))
            self.locals.update(zip(targets, values, strict=True))
            if all(self.of(condition) for condition in conditions):
                self.loop(ir, level + 1, rows)


def run_region(statements: Any, frame: list[Any], c: Context) -> int:
    """A region, statement by statement; returns the exit, with the site added to an error."""
    for statement in statements:
        tag = statement[0]
        if tag == "exit":
            return statement[1]
        interpreter = Interpreter(frame, c)
        try:
            if tag == "set":
                frame[statement[2]] = interpreter.result(statement[3])
            elif tag == "unset":
                frame[statement[2]] = UNSET
            elif tag == "path":
                value = leave(fit(interpreter.of(statement[4])), c, len(statement[3]))
                root = interpreter.of(("slot", statement[2]))
                keys = tuple([fit(interpreter.of(k)) for k in statement[3]])
                frame[statement[2]] = access.assign(root, keys, value, c)
            else:
                taken = statement[3] if interpreter.of(statement[2]) else statement[4]
        except StepError as error:
            error.site = statement[1]  # type: ignore[attr-defined]
            raise
        if tag == "if":
            result = run_region(taken, frame, c)
            if result >= 0:
                return result
    return -1
