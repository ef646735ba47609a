"""Forged Blueprints: changed row by row, so that many of them pass the verifier and have to run.

Changing bytes or values of an encoded Blueprint nearly always breaks its form. Here instructions,
frames, exception rows and expressions are exchanged for others of the right kind, instructions are
inserted and deleted with all addresses moved along, and the digest is right again at the end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

from runeskript.expr.functions import FUNCTIONS
from runeskript.expr.ir import COMPARISONS, TABLE
from runeskript.model.blueprint import Blueprint, ExceptionRow, ListenRef, Policy
from runeskript.model.blueprint_codec import encode
from runeskript.model.isa import BY_OP, ROWS, Op, Operand

CONSTANTS: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 3, 10, 2**31, 2**63 - 1, -(2**63), 0.5, -0.0, 1e300, 5e-324, "", "a",
    "k", "price", "items", "a" * 50, "\u00e9\U0001f600", [], [1, 2, 3], [[]], ["a", None], {}, {"a": 1},
    {"k": {"a": [1, 2]}}, {"type": "cancel", "$": {"scope": 3}}, {"type": "late", "compensate": True},
    "3d", "2030-01-01T00:00:00Z", "[1, 2, {}]",
)  # fmt: skip
SCHEMAS: tuple[Any, ...] = (
    None, True, False, {"type": "object"}, {"type": ["integer", "null"]}, {"pattern": "^(a|b)+$"},
    {"enum": [1, {"a": []}]}, {"items": {"$ref": "#/$defs/a"}, "$defs": {"a": {"minimum": 1}}},
    {"properties": {"weight": {"maximum": 2}}, "required": ["weight"]}, {"uniqueItems": True},
)  # fmt: skip


class Forger:
    """Draws changes of one Blueprint from a source of chance."""

    def __init__(self, bp: Blueprint, random: Random) -> None:
        self.bp = bp
        self.random = random

    def forge(self, changes: int) -> Blueprint:
        """The Blueprint after some changes; its debug section is dropped, since sizes differ."""
        self.bp = replace(self.bp, debug=type(self.bp.debug)())
        for _ in range(changes):
            self.pick(CHANGES)(self)
        return self.bp

    # --- chance -------------------------------------------------------------------------------
    def pick(self, options: Any) -> Any:
        return options[self.random.randrange(len(options))]

    def index(self, size: int) -> int:
        """An index; one past the end now and then."""
        return self.random.randrange(size + (self.random.random() < 0.02)) if size > 0 else 0

    def body_of(self, address: int) -> int:
        return next((i for i, b in enumerate(self.bp.bodies) if b.entry <= address < b.end), 0)

    # --- instructions -------------------------------------------------------------------------
    def operand(self, operand: Operand, body: int) -> Any:
        """A value of an operand's kind."""
        bp, kind = self.bp, operand.kind
        if kind.endswith("?"):
            if self.random.random() < 0.4:
                return None
            kind = kind[:-1]
        home = bp.bodies[body]
        kids = [i for i, b in enumerate(bp.bodies) if b.parent == body] or [1]
        pools = {
            "expr": bp.exprs, "region": bp.regions, "handler": bp.handlers,
            "policy": bp.policies, "listen": bp.listens, "skript": bp.skripts,
        }  # fmt: skip
        if kind in pools:
            return self.index(len(pools[kind]))
        if kind == "addr":
            return self.random.randrange(home.entry, max(home.end, home.entry + 1))
        if kind == "addrs":
            count = self.random.randint(1, 3)
            return tuple(self.operand(Operand("", "addr"), body) for _ in range(count))
        if kind == "slot":
            return self.index(home.slots)
        if kind == "body":
            return self.pick(kids)
        if kind == "bodies":
            return tuple(self.pick(kids) for _ in range(self.random.randint(1, 3)))
        if kind == "count":
            return self.pick((0, 0, 1, 2, 3))
        if kind == "flag":
            return self.random.random() < 0.5
        if kind == "word":
            return self.pick(operand.words)
        raise AssertionError(f"operands of kind {kind} are not forged yet")

    def instruction(self, body: int) -> tuple[Any, ...]:
        """A new instruction."""
        row = self.pick(ROWS)
        return (int(row.op), *[self.operand(o, body) for o in row.operands])

    def change_operand(self) -> None:
        bp = self.bp
        address = self.random.randrange(len(bp.code))
        instruction: tuple[Any, ...] = bp.code[address]
        row = BY_OP[instruction[0]]
        if not row.operands:
            return
        at = self.random.randrange(len(row.operands))
        value = self.operand(row.operands[at], self.body_of(address))
        self.put(address, (*instruction[: at + 1], value, *instruction[at + 2 :]))

    def put(self, address: int, instruction: tuple[Any, ...]) -> None:
        code = list(self.bp.code)
        code[address] = instruction
        self.bp = replace(self.bp, code=tuple(code))

    def change_instruction(self) -> None:
        address = self.random.randrange(len(self.bp.code))
        self.put(address, self.instruction(self.body_of(address)))

    def swap_instructions(self) -> None:
        code = self.bp.code
        one, other = self.random.randrange(len(code)), self.random.randrange(len(code))
        first, second = code[one], code[other]
        self.put(one, second)
        self.put(other, first)

    def insert_instruction(self) -> None:
        address = self.random.randrange(len(self.bp.code))
        self._move(address, 1, self.instruction(self.body_of(address)))

    def insert_scope(self) -> None:
        """ENTER and LEAVE around a stretch of a body."""
        body = self.bp.bodies[self.random.randrange(len(self.bp.bodies))]
        start = self.random.randrange(body.entry, body.end)
        end = self.random.randrange(start, body.end)
        self._move(end, 1, (int(Op.LEAVE),))
        kind = self.pick(("block", "try", "shield"))
        deadline = self.pick((None, None, self.index(len(self.bp.exprs))))
        self._move(start, 1, (int(Op.ENTER), kind, deadline))

    def delete_instruction(self) -> None:
        address = self.random.randrange(len(self.bp.code))
        if len(self.bp.code) > 1:
            self._move(address, -1, None)

    def _move(self, at: int, by: int, new: tuple[Any, ...] | None) -> None:
        """Insert an instruction before ``at``, or delete the one there; addresses move along."""
        bp = self.bp

        def moved(address: int) -> int:
            return address + by if address > at else address

        def fixed(instruction: Any) -> tuple[Any, ...]:
            out = [instruction[0]]
            row = BY_OP.get(instruction[0])
            for operand, value in zip(row.operands if row else (), instruction[1:], strict=False):
                if operand.kind == "addr" and type(value) is int:
                    value = moved(value)
                elif operand.kind == "addrs" and type(value) is tuple:
                    value = tuple(moved(to) for to in value)
                out.append(value)
            return tuple(out)

        code = [fixed(instruction) for instruction in bp.code]
        sites = list(bp.sites)
        if new is None:
            del code[at], sites[at]
        else:
            code.insert(at, fixed(new))
            sites.insert(at, sites[at])
        self.bp = replace(
            bp,
            code=tuple(code),
            sites=tuple(sites),
            bodies=tuple(replace(b, entry=moved(b.entry), end=moved(b.end)) for b in bp.bodies),
            exceptions=tuple(
                replace(r, start=moved(r.start), end=moved(r.end), handler=moved(r.handler))
                for r in bp.exceptions
            ),
        )

    # --- frames and rows ----------------------------------------------------------------------
    def change_body(self) -> None:
        bp = self.bp
        index = self.random.randrange(len(bp.bodies))
        body = bp.bodies[index]
        outer = bp.bodies[body.parent].slots if body.parent is not None else 1
        inner = self.index(body.slots)
        change = self.random.randrange(8)
        if change == 0:
            pair = (self.index(outer), inner)
            body = replace(body, captures=(*body.captures, pair))
        elif change == 1:
            body = replace(body, captures=body.captures[:-1])
        elif change == 2:
            reducer = self.pick(("", "sum", "min", "max", "append", "merge"))
            body = replace(body, outs=(*body.outs, (inner, self.index(outer), reducer)))
        elif change == 3:
            body = replace(body, outs=body.outs[1:])
        elif change == 4:
            body = replace(
                body, **{self.pick(("item", "index", "result")): self.pick((None, inner))}
            )
        elif change == 5:
            body = replace(body, slots=body.slots + self.pick((1, 1, 3, -1)))
        elif change == 6:
            body = replace(body, name=self.pick(bp.bodies).name)
        else:
            body = replace(body, parent=self.pick((body.parent, 0, index, None)))
        self.bp = replace(bp, bodies=(*bp.bodies[:index], body, *bp.bodies[index + 1 :]))

    def change_exceptions(self) -> None:
        bp = self.bp
        rows = list(bp.exceptions)
        change = self.random.randrange(4)
        if change == 0 or not rows:
            body = self.pick(bp.bodies)
            start = self.random.randrange(body.entry, body.end)
            end = self.random.randrange(start, body.end) + 1
            handler = self.random.randrange(body.entry, body.end)
            kind = self.pick(("catch", "finally"))
            depth, slot = self.random.randrange(3), self.index(body.slots)
            at = self.random.randrange(len(rows) + 1)
            rows.insert(at, ExceptionRow(start, end, handler, kind, depth, slot))
        elif change == 1:
            del rows[self.random.randrange(len(rows))]
        else:
            at = self.random.randrange(len(rows))
            row = rows[at]
            field = self.pick(("start", "end", "handler", "depth", "slot", "kind"))
            value: Any = self.pick(("catch", "finally"))
            if field != "kind":
                value = max(getattr(row, field) + self.pick((-2, -1, 1, 2)), 0)
            rows[at] = replace(row, **{field: value})
        self.bp = replace(bp, exceptions=tuple(rows))

    def change_entry(self) -> None:
        """A policy, a listener, a flag or a root."""
        bp, exprs = self.bp, len(self.bp.exprs)
        change = self.random.randrange(5)
        if change == 0:
            policy = Policy(
                self.pick((1, 2, 3, 10_000)), self.pick(((), ("timeout",), ("http.5xx", "handler"))),
                self.pick((0, 1, 200)), self.pick((200, 60_000)), self.pick((None, self.index(exprs))),
                self.pick(("rerun", "fail")), self.pick((None, "slow")),
            )  # fmt: skip
            self.bp = replace(bp, policies=(*bp.policies[1:], policy))
        elif change == 1:
            some = (None, self.index(exprs))
            listen = ListenRef(
                self.index(exprs), self.pick(some), self.pick(some), self.pick(SCHEMAS)
            )
            self.bp = replace(bp, listens=(*bp.listens[1:], listen))
        elif change == 2:
            self.bp = replace(bp, input_schema=self.pick(SCHEMAS))
        elif change == 3:
            roots = [(name, self.index(bp.bodies[0].slots)) for name in ("input", "env", "job")]
            self.bp = replace(bp, roots=tuple(roots[: self.random.randrange(4)]))
        else:
            sites = list(bp.sites)
            sites[self.random.randrange(len(sites))] = self.index(len(bp.steps))
            self.bp = replace(bp, sites=tuple(sites))

    # --- expressions --------------------------------------------------------------------------
    def change_expression(self) -> None:
        bp = self.bp
        pools: list[tuple[str, Any]] = [
            (name, pool)
            for name, pool in (
                ("exprs", bp.exprs),
                ("regions", bp.regions),
                ("functions", bp.functions),
            )
            if pool
        ]
        if not pools:
            return
        name, pool = self.pick(pools)
        at = self.random.randrange(len(pool))
        old = pool[at]
        new = replace(old, ir=self.graft(old.ir)) if name == "functions" else self.graft(old)
        self.bp = replace(bp, **{name: (*pool[:at], new, *pool[at + 1 :])})

    def graft(self, tree: Any, level: int = 0) -> Any:
        """The tree with one part exchanged: for a new one, another part of it, or a statement."""
        if type(tree) is not tuple or not tree or self.random.random() < 0.15 * level:
            return self.graft_leaf(tree)
        inner = [i for i, part in enumerate(tree) if type(part) is tuple and part]
        if not inner:
            return self.graft_leaf(tree)
        at = self.pick(inner)
        if type(tree[0]) is tuple and self.random.random() < 0.2:
            change = self.random.randrange(3)  # a list of statements, pairs or operands
            if change == 0:
                return (*tree[:at], *tree[at + 1 :])
            if change == 1:
                return (*tree[:at], tree[at], *tree[at:])
            return tuple(reversed(tree))
        return (*tree[:at], self.graft(tree[at], level + 1), *tree[at + 1 :])

    def graft_leaf(self, tree: Any) -> Any:
        if type(tree) is tuple and tree and tree[0] in ("set", "path", "unset", "if", "exit"):
            return self.statement()
        if type(tree) is tuple and tree and type(tree[0]) is not str:
            return tree
        return self.expression(2)

    def statement(self) -> Any:
        site, slot = self.index(len(self.bp.steps)), self.random.randrange(6)
        kind = self.random.randrange(6)
        if kind == 0:
            return ("unset", site, slot)
        if kind == 1:
            return ("path", site, slot, (self.expression(1),), self.expression(1))
        if kind == 2:
            then = (self.statement(), ("exit", 0))
            return ("if", site, self.expression(1), then, (("exit", self.random.randrange(2)),))
        if kind == 3:
            holder = self.pick((slot, slot, self.random.randrange(6)))
            return ("set", site, slot, ("push", ("slot", holder), self.expression(1)))
        if kind == 4:
            return ("exit", self.random.randrange(3))
        return ("set", site, slot, self.expression(2))

    def expression(self, depth: int, locals_: int = 0) -> Any:
        """A new expression."""
        if depth <= 0 or self.random.random() < 0.3:
            leaf = self.random.randrange(4)
            if leaf == 0:
                return ("slot", self.random.randrange(6))
            if leaf == 1 and locals_:
                return ("local", self.random.randrange(locals_))
            return ("const", self.pick(CONSTANTS))
        tag = self.pick(TAGS)
        return (tag, *[self.part(tag, kind, depth - 1, locals_) for kind in TABLE[tag]])

    def part(self, tag: str, kind: str, depth: int, locals_: int) -> Any:
        if kind == "e" or (kind == "e?" and self.random.random() < 0.5):
            return self.expression(depth, locals_ + (tag in ("listcomp", "dictcomp")))
        some = self.random.randint(0 if tag in ("list", "object", "text") else 1, 3)
        if kind == "es":
            return tuple(self.expression(depth, locals_) for _ in range(some))
        if kind == "pairs":
            return tuple((("const", f"k{i}"), self.expression(depth, locals_)) for i in range(some))
        if kind == "ops":
            return tuple(
                (self.pick(COMPARISONS), self.expression(depth, locals_)) for _ in range(some)
            )
        if kind == "gens":
            return (((locals_,), self.expression(depth, locals_), ()),)
        return {
            "e?": None,
            "value": self.pick(CONSTANTS),
            "slot": self.random.randrange(6),
            "local": locals_,
            "fname": self.pick(NAMES),
            "user": 0,
            "units": self.pick((1, 2, 300, 0, -1, 10**30, True)),
            "id": "X",
        }[kind]


NAMES = sorted(FUNCTIONS)
TAGS = sorted(set(TABLE) - {"name", "push"})
CHANGES: tuple[Callable[[Forger], None], ...] = (
    Forger.change_operand,
    Forger.change_operand,
    Forger.change_instruction,
    Forger.swap_instructions,
    Forger.insert_instruction,
    Forger.insert_scope,
    Forger.delete_instruction,
    Forger.change_body,
    Forger.change_exceptions,
    Forger.change_entry,
    Forger.change_expression,
    Forger.change_expression,
    Forger.change_expression,
)


def forged(bp: Blueprint, random: Random) -> bytes:
    """The bytes of a forged Blueprint, with right digests; raises what encoding raises."""
    return encode(Forger(bp, random).forge(random.choice((1, 1, 1, 2, 2, 3, 5))))
