"""The expression IR: one table of tags, and everything that walks it.

A node is a tuple whose first element is a tag; the table says what the other elements are. Walkers,
the verifier and the generator all follow it. ``("name", id)`` exists only until code generation has
turned names into slots; a ``ucall`` names a user function by text until then and by index after.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from ..model.ast import IR
from ..model.blueprint import FunctionRow
from ..model.limits import DOCUMENT_DEPTH, EXPRESSION_DEPTH
from .functions import FUNCTIONS

#: Operand kinds:
#:   e       an expression               e?      an expression or None
#:   es      tuple of expressions        pairs   tuple of (expression, expression)
#:   ops     tuple of (comparison, expression)   gens    tuple of (targets, expression, conditions)
#:   value   a value                     id      a variable's name
#:   slot    index of a slot             local   index of a local
#:   fname   name of a table function    user    name or index of a user function
#:   units   units of work
TABLE: Final[dict[str, tuple[str, ...]]] = {
    "const": ("value",),
    "name": ("id",),
    "slot": ("slot",),
    "local": ("local",),
    "list": ("es",),
    "object": ("pairs",),
    "item": ("e", "e"),
    "slice": ("e", "e?", "e?"),
    "neg": ("e",),
    "pos": ("e",),
    "not": ("e",),
    "add": ("e", "e"),
    "sub": ("e", "e"),
    "mul": ("e", "e"),
    "div": ("e", "e"),
    "floordiv": ("e", "e"),
    "mod": ("e", "e"),
    "pow": ("e", "e"),
    "concat": ("e", "e"),
    "compare": ("e", "ops"),
    "and": ("es",),
    "or": ("es",),
    "ifelse": ("e", "e", "e"),
    "call": ("fname", "es"),
    "ucall": ("user", "es"),
    "listcomp": ("e", "gens"),
    "dictcomp": ("e", "e", "gens"),
    "text": ("es",),
    "secret": ("id",),
    "duration": ("e",),
    "instant": ("e",),
    # Made by the compiler's lowering only, never by the parser:
    # whether the slot is set · a stored error as the language's `error` (without its internal key;
    # null stays null) · the value if it is a list, else the typed error `type` · the list of a slot
    # with the element appended in place; only as `set s = push(s, e)`, where `s` is a variable of
    # the lowering's own: no result, capture, out or error goes there or comes from there
    "isset": ("slot",),
    "fault": ("e",),
    "aslist": ("e",),
    "push": ("e", "e"),
    # Made by the optimizer only: a value computed before the run, and the units of work that its
    # computation is charged.
    "paid": ("e", "units"),
}

COMPARISONS: Final = ("==", "!=", "<", "<=", ">", ">=", "in", "not-in")

#: Nesting of one IR: an expression inside an object written out in the document.
MAX_DEPTH: Final = EXPRESSION_DEPTH + DOCUMENT_DEPTH + 20
#: Parts of the constants in one IR.
MAX_PARTS: Final = 2_000_000
#: Locals of one function, comprehension variables included.
MAX_LOCALS: Final = 10_000


def children(node: IR) -> Iterator[IR]:
    """The expressions directly inside a node, in order of the text (generators come first)."""
    tag = node[0]
    if tag == "listcomp" or tag == "dictcomp":
        for _, over, conditions in node[-1]:
            yield over
            yield from conditions
        yield from node[1:-1]
        return
    for kind, operand in zip(TABLE[tag], node[1:], strict=True):
        if kind == "e":
            yield operand
        elif kind == "es":
            yield from operand
        elif kind == "e?":
            if operand is not None:
                yield operand
        elif kind == "pairs":
            for key, value in operand:
                yield key
                yield value
        elif kind == "ops":
            for _, right in operand:
                yield right


def walk(ir: IR) -> Iterator[IR]:
    """Every node, parents before children, in order of the text."""
    stack = [ir]
    while stack:
        node = stack.pop()
        yield node
        if node[0] not in _LEAVES:
            stack.extend(reversed(list(children(node))))


_LEAVES: Final = frozenset(
    tag
    for tag, kinds in TABLE.items()
    if not any(kind in ("e", "e?", "es", "pairs", "ops", "gens") for kind in kinds)
)


def rewrite(ir: IR, change: Callable[[IR], IR]) -> IR:
    """A copy with ``change`` applied to every node, children first."""
    tag = ir[0]
    if tag in _LEAVES:
        return change(ir)
    operands: list[Any] = [tag]
    for kind, operand in zip(TABLE[tag], ir[1:], strict=True):
        if kind == "e":
            operands.append(rewrite(operand, change))
        elif kind == "e?":
            operands.append(None if operand is None else rewrite(operand, change))
        elif kind == "es":
            operands.append(tuple([rewrite(e, change) for e in operand]))
        elif kind == "pairs":
            operands.append(tuple([(rewrite(k, change), rewrite(v, change)) for k, v in operand]))
        elif kind == "ops":
            operands.append(tuple([(op, rewrite(e, change)) for op, e in operand]))
        elif kind == "gens":
            operands.append(
                tuple(
                    [
                        (targets, rewrite(over, change), tuple([rewrite(c, change) for c in conds]))
                        for targets, over, conds in operand
                    ]
                )
            )
        else:
            operands.append(operand)
    return change(tuple(operands))


def depth(ir: IR) -> int:
    """Nesting of a node; a leaf has 1."""
    deepest = 0
    stack = [(ir, 1)]
    while stack:
        node, level = stack.pop()
        deepest = max(deepest, level)
        if node[0] not in _LEAVES:
            stack.extend([(child, level + 1) for child in children(node)])
    return deepest


def uses(ir: IR, functions: Sequence[FunctionRow] = ()) -> frozenset[str]:
    """Which of ``clock``, ``entropy`` and ``secret`` an expression reads.

    Calls of user functions by index are followed into ``functions``.
    """
    found: set[str] = set()
    seen: set[int] = set()
    todo = [ir]
    while todo:
        for node in walk(todo.pop()):
            if node[0] == "secret":
                found.add("secret")
            elif node[0] == "call":
                found.add(FUNCTIONS[node[1]].effect)
            elif node[0] == "ucall" and type(node[1]) is int and node[1] not in seen:
                seen.add(node[1])
                if node[1] < len(functions):
                    todo.append(functions[node[1]].ir)
    return frozenset(found - {"pure"})
