"""Expression IR and regions as text that reads like the language.

For people (listings, ``rune explain``, messages), not for parsing back, though most of it would:
operators in infix form with as few brackets as needed, ``a.b`` for an item with a plain name, texts
with ``${...}`` inserts in double quotes. Works on names and on slots, so before and after code
generation. Knows the tags of ``expr/ir.py`` by their shape only; what it does not know, and what a
verifier would refuse, is shown as it is.
"""

from __future__ import annotations

import re
import reprlib
from collections.abc import Sequence
from typing import Any, Final

from .ast import IR
from .records import record

__all__ = ["Names", "expression_text", "region_text"]

#: How tightly a construct binds; a part that binds less tightly is put in brackets.
_CONDITIONAL, _OR, _AND, _NOT, _COMPARE, _SUM, _PRODUCT, _SIGN, _POWER, _ATOM = range(10)

_INFIX: Final = {
    "add": ("+", _SUM),
    "sub": ("-", _SUM),
    "mul": ("*", _PRODUCT),
    "div": ("/", _PRODUCT),
    "floordiv": ("//", _PRODUCT),
    "mod": ("%", _PRODUCT),
}
_PREFIX: Final = {"neg": ("-", _SIGN), "pos": ("+", _SIGN), "not": ("not ", _NOT)}
_JOINED: Final = {"and": (" and ", _AND), "or": (" or ", _OR)}
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
#: Statements that stand for no step.
_UNPLACED: Final = ("exit", "break", "continue")
#: Nesting shown; what is deeper becomes an ellipsis.
_DEPTH: Final = 80

_raw = reprlib.Repr()
_raw.maxstring = _raw.maxother = 120
#: What taking apart a node of the wrong shape raises.
_MISSHAPEN: Final = (TypeError, ValueError, IndexError, KeyError, AttributeError)


@record
class Names:
    """What to call slots, locals bound from outside, and user functions; by index."""

    slots: Sequence[str] = ()
    locals: Sequence[str] = ()
    functions: Sequence[str] = ()

    def slot(self, slot: object) -> str:
        """A slot (or, before code generation, the variable's name itself)."""
        if isinstance(slot, str):
            return slot
        return _pick(self.slots, slot) or f"s{slot}"


def _pick(names: Sequence[str], index: object) -> str:
    return names[index] if isinstance(index, int) and 0 <= index < len(names) else ""


def expression_text(ir: IR, names: Names | None = None) -> str:
    """One line of text for an expression; never raises."""
    try:
        return _Writer(names or Names()).node(ir, _CONDITIONAL)
    except _MISSHAPEN:
        return f"<{_raw.repr(ir)}>"


class _Writer:
    __slots__ = ("level", "names")

    def __init__(self, names: Names) -> None:
        self.names = names
        self.level = 0

    def node(self, ir: Any, around: int) -> str:
        """The text of a node, in brackets if it binds less tightly than ``around``."""
        if self.level >= _DEPTH:
            return "…"
        self.level += 1
        text, binding = self.parts(ir)
        self.level -= 1
        return f"({text})" if binding < around else text

    def parts(self, ir: Any) -> tuple[str, int]:
        """(text, how tightly it binds)."""
        tag = ir[0]
        if tag in _INFIX:
            sign, binding = _INFIX[tag]
            return f"{self.node(ir[1], binding)} {sign} {self.node(ir[2], binding + 1)}", binding
        if tag == "pow":
            return f"{self.node(ir[1], _ATOM)} ** {self.node(ir[2], _SIGN)}", _POWER
        if tag in _PREFIX:
            sign, binding = _PREFIX[tag]
            return sign + self.node(ir[1], binding), binding
        if tag in _JOINED:
            sign, binding = _JOINED[tag]
            return sign.join([self.node(part, binding + 1) for part in ir[1]]), binding
        if tag == "compare":
            rest = [
                f" {op.replace('-', ' ')} {self.node(right, _COMPARE + 1)}" for op, right in ir[2]
            ]
            return self.node(ir[1], _COMPARE + 1) + "".join(rest), _COMPARE
        if tag == "ifelse":
            test = self.node(ir[1], _OR)
            yes, no = self.node(ir[2], _OR), self.node(ir[3], _CONDITIONAL)
            return f"{yes} if {test} else {no}", _CONDITIONAL
        return self.atom(tag, ir), _ATOM

    def atom(self, tag: Any, ir: Any) -> str:
        """Everything that needs no brackets around it."""
        if tag == "const":
            return _constant(ir[1])
        if tag == "paid":
            return f"paid({self.node(ir[1], _CONDITIONAL)}, {ir[2]})"
        if tag in ("slot", "isset"):
            name = self.names.slot(ir[1])
            return name if tag == "slot" else f"isset({name})"
        if tag == "name":
            return str(ir[1])
        if tag == "local":
            return self.local(ir[1])
        if tag == "secret":
            return f"secrets.{ir[1]}"
        if tag == "list":
            return f"[{self.several(ir[1])}]"
        if tag == "object":
            pairs = [
                f"{self.node(k, _CONDITIONAL)}: {self.node(v, _CONDITIONAL)}" for k, v in ir[1]
            ]
            return "{" + ", ".join(pairs) + "}"
        if tag == "item":
            return self.node(ir[1], _ATOM) + self.key(ir[2])
        if tag == "slice":
            low, high = ("" if e is None else self.node(e, _CONDITIONAL) for e in ir[2:4])
            return f"{self.node(ir[1], _ATOM)}[{low}:{high}]"
        if tag == "text":
            return '"' + "".join(map(self.insert, ir[1])) + '"'
        if tag == "call":
            return f"{ir[1]}({self.several(ir[2])})"
        if tag == "ucall":
            name = ir[1] if isinstance(ir[1], str) else _pick(self.names.functions, ir[1])
            return f"{name or f'f{ir[1]}'}({self.several(ir[2])})"
        if tag == "listcomp":
            return f"[{self.node(ir[1], _CONDITIONAL)}{self.generators(ir[2])}]"
        if tag == "dictcomp":
            key, value = self.node(ir[1], _CONDITIONAL), self.node(ir[2], _CONDITIONAL)
            return f"{{{key}: {value}{self.generators(ir[3])}}}"
        return f"{tag}({self.several(ir[1:])})"

    def several(self, parts: Any) -> str:
        return ", ".join([self.node(part, _CONDITIONAL) for part in parts])

    def local(self, index: int) -> str:
        return _pick(self.names.locals, index) or f"v{index}"

    def key(self, key: Any) -> str:
        """``.name`` or ``[key]``."""
        if key[0] == "const" and isinstance(key[1], str) and _NAME.match(key[1]):
            return f".{key[1]}"
        return f"[{self.node(key, _CONDITIONAL)}]"

    def insert(self, part: Any) -> str:
        """One part of a text."""
        if part[0] == "const" and isinstance(part[1], str):
            plain = _quoted(part[1])[1:-1].replace("\\'", "'").replace('"', '\\"')
            return plain.replace("${", "$${")
        return "${" + self.node(part, _CONDITIONAL) + "}"

    def generators(self, generators: Any) -> str:
        out: list[str] = []
        for targets, over, conditions in generators:
            names = ", ".join([self.local(target) for target in targets])
            out.append(f" for {names} in {self.node(over, _OR)}")
            out.extend([f" if {self.node(condition, _OR)}" for condition in conditions])
        return "".join(out)


def _quoted(text: str) -> str:
    """In single quotes, always: double ones are for texts with inserts."""
    return "'" + repr('"' + text)[2:]


def _constant(value: Any) -> str:
    """A value in the language's spelling; containers nested too deep become an ellipsis."""
    if value is None:
        return "null"
    if value is True or value is False:
        return "true" if value else "false"
    if type(value) in (list, dict):
        return _container(value, 0)
    return _quoted(value) if type(value) is str else repr(value)


def _container(value: Any, level: int) -> str:
    if type(value) not in (list, dict):
        return _constant(value)
    if level >= _DEPTH:
        return "…"
    if type(value) is list:
        return "[" + ", ".join([_container(item, level + 1) for item in value]) + "]"
    pairs = [f"{_quoted(key)}: {_container(item, level + 1)}" for key, item in value.items()]
    return "{" + ", ".join(pairs) + "}"


# --- regions ----------------------------------------------------------------------------------


def region_text(
    statements: Sequence[IR], names: Names | None = None, exits: Sequence[object] = ()
) -> list[tuple[int | None, str]]:
    """The lines of a region, each with the site of its statement (None where it has none).

    ``exits[k]`` is where exit ``k`` leads; without it the exit is shown by number. Never raises.
    """
    lines: list[tuple[int | None, str]] = []
    try:
        _block(lines, statements, names or Names(), exits, 0)
    except _MISSHAPEN:
        lines.append((None, f"<{_raw.repr(statements)}>"))
    return lines


def _block(
    lines: list[tuple[int | None, str]],
    statements: Sequence[Any],
    names: Names,
    exits: Sequence[object],
    level: int,
) -> None:
    pad = "    " * level
    if level >= _DEPTH:
        lines.append((None, pad + "…"))
        return
    for statement in statements:
        if statement[0] == "loop":
            lines.append((statement[1], f"{pad}loop:"))
            _block(lines, statement[2], names, exits, level + 1)
            continue
        if statement[0] != "if":
            site = None if statement[0] in _UNPLACED else statement[1]
            lines.append((site, pad + _simple(statement, names, exits)))
            continue
        word = "if"
        # `else: if ...` reads, and nests, as `elif`.
        while True:
            _, site, condition, then, otherwise = statement
            lines.append((site, f"{pad}{word} {expression_text(condition, names)}:"))
            _block(lines, then, names, exits, level + 1)
            if len(otherwise) != 1 or otherwise[0][0] != "if":
                break
            word, statement = "elif", otherwise[0]
        if otherwise:
            lines.append((None, f"{pad}else:"))
            _block(lines, otherwise, names, exits, level + 1)


def _simple(statement: Any, names: Names, exits: Sequence[object]) -> str:
    tag = statement[0]
    if tag == "set":
        return f"{names.slot(statement[2])} = {expression_text(statement[3], names)}"
    if tag == "path":
        writer = _Writer(names)
        keys = "".join([writer.key(key) for key in statement[3]])
        return f"{names.slot(statement[2])}{keys} = {expression_text(statement[4], names)}"
    if tag == "unset":
        return f"unset {names.slot(statement[2])}"
    if tag == "raise":
        return f"raise {expression_text(statement[2], names)}"
    if tag in ("break", "continue"):
        return str(tag)
    k = statement[1]
    return f"goto {exits[k]}" if 0 <= k < len(exits) else f"exit {k}"
