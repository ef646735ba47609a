"""Expression IR as text, in the language's own syntax where it has one; for listings only."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, Final

from ..model.ast import IR

#: Tag -> (operator, how tightly it binds).
_BINARY: Final = {
    "add": ("+", 7), "concat": ("++", 7), "sub": ("-", 7), "mul": ("*", 8), "div": ("/", 8),
    "floordiv": ("//", 8), "mod": ("%", 8), "pow": ("**", 10),
}
_ATOM: Final = 12
#: Tags whose operands are plain expressions, written as a call.
_CALLS: Final = ("duration", "instant", "fault", "aslist", "push")


def show(ir: IR, slots: Sequence[str] = (), functions: Sequence[str] = ()) -> str:
    """One line; ``slots`` and ``functions`` name what is a number after code generation."""
    return _Shower(slots, functions).show(ir)


def show_value(value: object, limit: int = 60) -> str:
    """A constant as JSON, cut at ``limit`` characters."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


class _Shower:
    __slots__ = ("functions", "slots")

    def __init__(self, slots: Sequence[str], functions: Sequence[str]) -> None:
        self.slots = slots
        self.functions = functions

    def show(self, ir: IR, outer: int = 0) -> str:
        """The text of a node, in brackets where it binds less tightly than ``outer``."""
        text, binds = self.node(ir)
        return f"({text})" if binds < outer else text

    def many(self, irs: Sequence[IR]) -> str:
        return ", ".join(self.show(ir) for ir in irs)

    def slot(self, at: object) -> str:
        if isinstance(at, int):
            return self.slots[at] if at < len(self.slots) else f"slot{at}"
        return str(at)

    def node(self, ir: IR) -> tuple[str, int]:
        tag = ir[0]
        if tag in _BINARY:
            sign, binds = _BINARY[tag]
            left, right = self.show(ir[1], binds), self.show(ir[2], binds + 1)
            return f"{left} {sign} {right}", binds
        if tag in _CALLS:
            return f"{tag}({self.many(ir[1:])})", _ATOM
        return _NODES[tag](self, ir)

    # --- leaves and containers -------------------------------------------------------------------
    def const(self, ir: IR) -> tuple[str, int]:
        return show_value(ir[1]), _ATOM

    def name(self, ir: IR) -> tuple[str, int]:
        return str(ir[1]), _ATOM

    def slot_node(self, ir: IR) -> tuple[str, int]:
        return self.slot(ir[1]), _ATOM

    def local(self, ir: IR) -> tuple[str, int]:
        return f"%{ir[1]}", _ATOM

    def secret(self, ir: IR) -> tuple[str, int]:
        return f"secrets.{ir[1]}", _ATOM

    def isset(self, ir: IR) -> tuple[str, int]:
        return f"isset({self.slot(ir[1])})", _ATOM

    def list(self, ir: IR) -> tuple[str, int]:
        return f"[{self.many(ir[1])}]", _ATOM

    def object(self, ir: IR) -> tuple[str, int]:
        pairs = ", ".join(f"{self.show(k)}: {self.show(v)}" for k, v in ir[1])
        return f"{{{pairs}}}", _ATOM

    def text(self, ir: IR) -> tuple[str, int]:
        parts = [
            part[1].replace("${", "$${")
            if part[0] == "const" and isinstance(part[1], str)
            else f"${{{self.show(part)}}}"
            for part in ir[1]
        ]
        return json.dumps("".join(parts), ensure_ascii=False), _ATOM

    # --- access, operators, calls ----------------------------------------------------------------
    def item(self, ir: IR) -> tuple[str, int]:
        key = ir[2]
        base = self.show(ir[1], 11)
        if key[0] == "const" and isinstance(key[1], str) and key[1].isidentifier():
            return f"{base}.{key[1]}", 11
        return f"{base}[{self.show(key)}]", 11

    def slice(self, ir: IR) -> tuple[str, int]:
        low, high = ("" if part is None else self.show(part) for part in ir[2:])
        return f"{self.show(ir[1], 11)}[{low}:{high}]", 11

    def neg(self, ir: IR) -> tuple[str, int]:
        return f"-{self.show(ir[1], 9)}", 9

    def pos(self, ir: IR) -> tuple[str, int]:
        return f"+{self.show(ir[1], 9)}", 9

    def not_(self, ir: IR) -> tuple[str, int]:
        return f"not {self.show(ir[1], 4)}", 4

    def compare(self, ir: IR) -> tuple[str, int]:
        rest = "".join(f" {op.replace('-', ' ')} {self.show(e, 6)}" for op, e in ir[2])
        return f"{self.show(ir[1], 6)}{rest}", 5

    def and_(self, ir: IR) -> tuple[str, int]:
        return " and ".join(self.show(e, 4) for e in ir[1]), 3

    def or_(self, ir: IR) -> tuple[str, int]:
        return " or ".join(self.show(e, 3) for e in ir[1]), 2

    def ifelse(self, ir: IR) -> tuple[str, int]:
        _, condition, yes, no = ir
        return f"{self.show(yes, 2)} if {self.show(condition, 2)} else {self.show(no, 1)}", 1

    def call(self, ir: IR) -> tuple[str, int]:
        return f"{ir[1]}({self.many(ir[2])})", _ATOM

    def ucall(self, ir: IR) -> tuple[str, int]:
        at: Any = ir[1]
        name = self.functions[at] if isinstance(at, int) and at < len(self.functions) else at
        return f"{name}({self.many(ir[2])})", _ATOM

    def generators(self, generators: Any) -> str:
        parts = []
        for targets, over, conditions in generators:
            names = ", ".join(f"%{t}" for t in targets)
            ifs = "".join(f" if {self.show(c, 2)}" for c in conditions)
            parts.append(f" for {names} in {self.show(over, 2)}{ifs}")
        return "".join(parts)

    def listcomp(self, ir: IR) -> tuple[str, int]:
        return f"[{self.show(ir[1])}{self.generators(ir[2])}]", _ATOM

    def dictcomp(self, ir: IR) -> tuple[str, int]:
        pair = f"{self.show(ir[1])}: {self.show(ir[2])}"
        return f"{{{pair}{self.generators(ir[3])}}}", _ATOM


_NODES: Final[dict[str, Callable[[_Shower, IR], tuple[str, int]]]] = {
    "const": _Shower.const, "name": _Shower.name, "slot": _Shower.slot_node,
    "local": _Shower.local, "secret": _Shower.secret, "isset": _Shower.isset,
    "list": _Shower.list, "object": _Shower.object, "text": _Shower.text, "item": _Shower.item,
    "slice": _Shower.slice, "neg": _Shower.neg, "pos": _Shower.pos, "not": _Shower.not_,
    "compare": _Shower.compare, "and": _Shower.and_, "or": _Shower.or_,
    "ifelse": _Shower.ifelse, "call": _Shower.call, "ucall": _Shower.ucall,
    "listcomp": _Shower.listcomp, "dictcomp": _Shower.dictcomp,
}  # fmt: skip
