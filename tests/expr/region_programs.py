"""Random regions, and what they mean: a plain interpreter over the frame, one turn at a time."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from expr.evaluating import context
from runeskript.errors import StepError
from runeskript.expr import faults
from runeskript.expr.access import assign
from runeskript.expr.generate import compile_expr
from runeskript.expr.runtime import Context, leave
from runeskript.model.values import UNSET

SLOTS = 8
#: Slots that only loops use, for lists and indexes.
HIDDEN = 8
EXITS = 3


class Making:
    """Draws one region."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.site = 0
        self.hidden = SLOTS

    def at(self) -> int:
        self.site += 1
        return self.site - 1

    def slot(self) -> int:
        return self.rng.randrange(SLOTS)

    # --- expressions ----------------------------------------------------------------------------
    def leaf(self) -> Any:
        if self.rng.random() < 0.65:
            return ("slot", self.slot())
        return ("const", self.rng.choice([0, 1, 2, 3, -1, 7, 1.5, 2**31, 2**61, "a", True, None]))

    def number(self, depth: int = 2) -> Any:
        if depth == 0 or self.rng.random() < 0.2:
            return self.leaf()
        kind = self.rng.randrange(9)
        one, two = self.number(depth - 1), self.number(depth - 1)
        if kind < 4:
            return (self.rng.choice(["add", "add", "sub", "mul"]), one, two)
        if kind == 4:
            return ("mod", one, ("const", self.rng.choice([2, 7, 100])))
        if kind == 5:
            return ("ifelse", self.test(0), one, two)
        if kind == 6:
            return (self.rng.choice(["and", "or"]), (one, two))
        if kind == 7:
            return ("neg", one)
        return ("call", "len", (("listcomp", ("local", 0), (((0,), ("slot", self.slot()), ()),)),))

    def test(self, depth: int = 1) -> Any:
        kind = self.rng.randrange(5)
        if kind == 0:
            return ("isset", self.slot())
        op = self.rng.choice(["<", "<=", "==", "!=", ">"])
        if kind == 1:
            return ("compare", self.number(depth), ((op, self.number(depth)),))
        return (
            "compare",
            ("mod", self.leaf(), ("const", 3)),
            (("==", ("const", self.rng.randrange(3))),),
        )

    # --- statements -----------------------------------------------------------------------------
    def block(self, depth: int, loops: int, size: int = 3) -> tuple[Any, ...]:
        out: list[Any] = []
        for _ in range(self.rng.randrange(1, size + 1)):
            out += self.statement(depth, loops)
        if loops and self.rng.random() < 0.15:
            out.append((self.rng.choice(["break", "continue"]),))
        elif self.rng.random() < 0.06:
            out.append(self.leave())
        return tuple(out)

    def leave(self) -> Any:
        if self.rng.random() < 0.5:
            return ("exit", self.rng.randrange(EXITS))
        return ("raise", self.at(), ("object", ((("const", "type"), ("const", "x.y")),)))

    def statement(self, depth: int, loops: int) -> list[Any]:
        kind = self.rng.randrange(20)
        if depth <= 0 or kind < 9:
            return [("set", self.at(), self.slot(), self.number())]
        if kind == 9:
            return [("unset", self.at(), self.slot())]
        if kind == 10:
            keys = (("const", self.rng.choice(["a", "b"])),)
            return [("path", self.at(), self.slot(), keys, self.number())]
        if kind == 11:
            slot = self.slot()
            return [
                ("set", self.at(), slot, ("list", ())),
                ("set", self.at(), slot, ("push", ("slot", slot), self.leaf())),
            ]
        if kind < 15 or loops >= 3:
            other = self.block(depth - 1, loops) if self.rng.random() < 0.6 else ()
            return [("if", self.at(), self.test(), self.block(depth - 1, loops), other)]
        if kind < 18:
            return self.elements(depth, loops)
        limit = self.rng.randrange(1, 5)
        counter = self.slot()
        more = ("compare", ("slot", counter), (("<", ("const", limit)),))
        turn = ("set", self.at(), counter, ("add", ("slot", counter), ("const", 1)))
        body = ("if", self.at(), more, (turn, *self.block(depth - 1, loops + 1)), (("break",),))
        start = ("set", self.at(), counter, ("const", 0))
        return [start, ("loop", self.at(), (body,))]

    def elements(self, depth: int, loops: int) -> list[Any]:
        if self.hidden + 2 > SLOTS + HIDDEN:
            return [("set", self.at(), self.slot(), self.number())]
        items, at = self.hidden, self.hidden + 1
        self.hidden += 2
        source = self.rng.choice(
            [
                ("const", [1, 2, 3]),
                ("const", [5, 1.5, "x", 4]),
                ("const", []),
                ("const", [2**62, 1]),
            ]
        )
        turn = [("set", self.at(), self.slot(), ("item", ("slot", items), ("slot", at)))]
        if self.rng.random() < 0.4:
            index = self.slot()
            if index != turn[0][2]:
                turn.append(("set", self.at(), index, ("slot", at)))
        turn.append(("set", self.at(), at, ("add", ("slot", at), ("const", 1))))
        more = ("compare", ("slot", at), (("<", ("call", "len", (("slot", items),))),))
        way = ("break",) if self.rng.random() < 0.7 else ("exit", self.rng.randrange(EXITS))
        ends = ("if", self.at(), ("not", more), (way,), ())
        return [
            ("set", self.at(), items, source),
            ("set", self.at(), at, ("const", 0)),
            ("loop", self.at(), (ends, *turn, *self.block(depth - 1, loops + 1))),
        ]

    def region(self) -> tuple[Any, ...]:
        body: list[Any] = []
        for _ in range(self.rng.randrange(1, 4)):
            body += self.statement(3, 0)
        return (*body, ("exit", self.rng.randrange(EXITS)))


def region(rng: random.Random) -> tuple[Any, ...]:
    """A random region over ``SLOTS`` + ``HIDDEN`` slots."""
    return Making(rng).region()


def frame(rng: random.Random) -> list[Any]:
    """What its slots may hold at the beginning."""
    values = [0, 1, 2, 5, 0.5, 2**31, -(2**40), 2**62, "t", [1, 2], {"a": 1}, None, True, UNSET]
    plain = rng.random() < 0.6
    slots = [rng.randrange(6) if plain else rng.choice(values) for _ in range(SLOTS)]
    return slots + [UNSET] * HIDDEN


# --- what they mean ---------------------------------------------------------------------------
class Left(Exception):
    """Control leaves the block it is in."""

    def __init__(self, way: str, k: int = 0) -> None:
        self.way = way
        self.k = k


def meaning(statements: Any, frame_: list[Any]) -> Iterator[tuple[str, Any]]:
    """Runs a region over the frame, which is changed in place.

    Yields ("turn", frame) at each head before it is passed, at last ("exit", k) or
    ("error", (type, site)).
    """
    c = context()
    site = [0]
    try:
        yield from _block(statements, frame_, c, site)
        yield "exit", 0
    except Left as left:
        yield "exit", left.k
    except StepError as error:
        yield "error", (error.type, site[0])


def _block(statements: Any, frame_: list[Any], c: Context, site: list[int]) -> Iterator[Any]:
    for s in statements:
        tag = s[0]
        if tag == "exit":
            raise Left("exit", s[1])
        if tag in ("break", "continue"):
            raise Left(tag)
        site[0] = s[1]
        if tag == "set":
            frame_[s[2]] = _value(s[3], frame_, c)
        elif tag == "path":
            value = leave(_value(s[4], frame_, c), c, len(s[3]))
            root = _value(("slot", s[2]), frame_, c)
            keys = tuple(_value(key, frame_, c) for key in s[3])
            frame_[s[2]] = assign(root, keys, value, c)
        elif tag == "unset":
            frame_[s[2]] = UNSET
        elif tag == "if":
            yield from _block(s[3] if _value(s[2], frame_, c) else s[4], frame_, c, site)
        elif tag == "raise":
            faults.raised(_value(s[2], frame_, c))
        else:
            yield from _loop(s, frame_, c, site)


def _loop(s: Any, frame_: list[Any], c: Context, site: list[int]) -> Iterator[Any]:
    while True:
        yield "turn", frame_
        site[0] = s[1]
        try:
            yield from _block(s[2], frame_, c, site)
        except Left as left:
            if left.way == "break":
                return
            if left.way != "continue":
                raise


def _value(ir: Any, frame_: list[Any], c: Context) -> Any:
    return compile_expr(ir, holders=frozenset(range(SLOTS)))(frame_, c)
