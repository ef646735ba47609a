"""Expressions made simpler: what the passes ``fold`` and ``propagate`` share.

Variables that are known are put in, and every part that does not depend on the run is computed.
What draws from ``uuid()``, ``random()`` or ``now()`` does depend on it.

Work is charged all the same (``limits.PURE_WORK`` counts units of the source): where a computation
costs units, a ``paid`` constant stands in its place, which charges them where and when the
computation would have. For the same reason a text is not put beside ``==``, and a list or an object
only where it is the whole expression: beside constants generated code charges less.

A document has tens of thousands of expressions, so this is written for speed: a node with nothing
to do is left early, and comes back as the very same object.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from ...expr import access, ops
from ...expr.functions import FUNCTIONS
from ...expr.instants import to_duration, to_instant
from ...expr.ir import walk
from ...expr.show import join_text, to_text
from ...model.ast import IR
from .. import core
from .operands import expression_names
from .precompute import Precomputer, container, is_constant, is_scalar, is_text, uses_bound

#: Variable -> what may stand in its place: a constant, or the name of another variable.
Known: TypeAlias = Mapping[str, IR]

_OPERATORS: Final[dict[str, Callable[..., Any]]] = {
    **ops.ARITHMETIC,
    "not": lambda value, c: not value,
    "item": access.item,
    "duration": to_duration,
    "instant": to_instant,
}
_COMPARISONS: Final[dict[str, Callable[..., bool]]] = {
    "==": ops.eq,
    "!=": ops.ne,
    "<": ops.lt,
    "<=": ops.le,
    ">": ops.gt,
    ">=": ops.ge,
    "in": ops.contains,
    "not-in": ops.lacks,
}
#: Nodes without parts; all but names stay as they are.
_LEAVES: Final = frozenset(("const", "paid", "local", "secret", "isset", "slot"))
#: Those whose value only the run knows.
_GIVEN: Final = _LEAVES - {"const", "paid"}
#: What may make a list or object that holds others: leaving an expression is charged for those.
_GROWING: Final = frozenset(("list", "object", "listcomp", "dictcomp", "call"))
#: What depends on the run.
_RUNNING: Final = frozenset(("name", "isset", "slot", "secret", "fault", "push"))


class Simplifier:
    """Simplifies the expressions of one program, within a budget of work for all of them."""

    def __init__(self, program: core.Program) -> None:
        self._computer = Precomputer(program)
        self._known: Known = {}
        #: Nodes, by id, that do not depend on the run but give a list or an object: (the node, what
        #: it gives where that is known already).
        self._closed: dict[int, tuple[IR, IR | None]] = {}
        #: Known variables that were left where they are, all the same.
        self.left: set[str] = set()

    def begin(self, known: Known) -> None:
        """What is known of the variables from now on."""
        self._known = known
        self.left.clear()

    def value(self, ir: IR) -> IR:
        """An expression whose value is kept as it is: an operand, what a variable is set to."""
        new = self.part(ir)
        closed = self._closed.get(id(new))
        if closed is None:
            return new
        return closed[1] or container(new) or self._computer.compute(new) or new

    def part(self, ir: IR) -> IR:
        """An expression that something is made of: a condition, a part of a path."""
        tag = ir[0]
        if tag == "name":
            return self._known.get(ir[1], ir)
        handler = _NODES.get(tag)
        return ir if handler is None else handler(self, ir)

    # --- what the nodes have in common ---------------------------------------------------------
    def _parts(self, parts: Sequence[IR]) -> Sequence[IR]:
        """The parts of a node, simplified; the same sequence where nothing changed."""
        out: list[IR] | None = None
        known = self._known
        for i, part in enumerate(parts):
            tag = part[0]
            if tag == "name":
                new = known.get(part[1], part)
            elif tag in _LEAVES:
                continue
            else:
                handler = _NODES.get(tag)
                new = part if handler is None else handler(self, part)
            if new is not part:
                if out is None:
                    out = list(parts)
                out[i] = new
        return parts if out is None else out

    def _is_known(self, parts: Sequence[IR]) -> bool:
        """Whether nothing in these parts depends on the run."""
        closed = self._closed
        for part in parts:
            tag = part[0]
            if tag != "const" and tag != "paid" and id(part) not in closed:
                return False
        return True

    def _apply(self, function: Callable[..., Any], parts: Sequence[IR], new: IR) -> IR:
        """A node whose parts are known, computed; the node itself where that cannot be."""
        values = []
        units = 0
        for part in parts:
            if part[0] == "paid":
                units += part[2]
                part = part[1]
            elif part[0] != "const":
                return self._compute(new)
            values.append(part[1])
        found = self._computer.apply(function, *values)
        if found is None:
            return self._compute(new)
        return ("paid", found, units) if units else found

    def _compute(self, new: IR) -> IR:
        """The same by generated code: what costs units, what gives a list or an object."""
        found = self._computer.compute(new)
        if found is None:
            return new
        if is_scalar(found):
            return found
        return self._close(new, found)

    def _close(self, new: IR, found: IR | None = None) -> IR:
        self._closed[id(new)] = new, found
        return new

    # --- nodes ---------------------------------------------------------------------------------
    def _binary(self, ir: IR) -> IR:
        parts = ir[1:]
        done = self._parts(parts)
        for part in done:
            tag = part[0]
            if tag != "const" and tag != "paid" and id(part) not in self._closed:
                return ir if done is parts else (ir[0], *done)
        return self._apply(_OPERATORS[ir[0]], done, ir if done is parts else (ir[0], *done))

    def _item(self, ir: IR) -> IR:
        """A path that begins with a variable nothing is known of is what most expressions are."""
        at = ir
        while at[0] == "item" and at[2][0] == "const":
            at = at[1]
        if at[0] in _GIVEN or (at[0] == "name" and at[1] not in self._known):
            return ir
        return self._binary(ir)

    def _slice(self, ir: IR) -> IR:
        given = tuple([part for part in ir[1:] if part is not None])
        done = self._parts(given)
        rest = iter(done)
        parts = [None if part is None else next(rest) for part in ir[1:]]
        new = ir if done is given else ("slice", *parts)
        if not self._is_known(done):
            return new

        def cut(*values: Any) -> Any:
            found = iter(values)
            holder, low, high = (None if part is None else next(found) for part in parts)
            return access.cut(holder, low, high, next(found))

        return self._apply(cut, done, new)

    def _list(self, ir: IR) -> IR:
        done = self._parts(ir[1])
        new = ir if done is ir[1] else ("list", tuple(done))
        return self._close(new) if self._is_known(done) else new

    def _object(self, ir: IR) -> IR:
        flat = [part for pair in ir[1] for part in pair]
        done = self._parts(flat)
        if done is not flat:
            ir = ("object", tuple(zip(done[::2], done[1::2], strict=True)))
        return self._close(ir) if self._is_known(done) else ir

    def _text(self, ir: IR) -> IR:
        """A text: what is known of it becomes one piece."""
        parts = self._parts(ir[1])
        pieces: list[IR] = []
        for part in parts:
            tag = part[0]
            if tag == "const":
                if type(part[1]) in (int, float, bool):
                    part = self._computer.apply(to_text, part[1]) or part
                if pieces and is_text(part) and is_text(pieces[-1]):
                    joined = self._computer.apply(join_text, (pieces[-1][1], part[1]))
                    if joined is not None:
                        pieces[-1] = joined
                        continue
            pieces.append(part)
        if len(pieces) == 1 and is_text(pieces[0]):
            return pieces[0]
        if len(pieces) != len(parts) or parts is not ir[1]:
            ir = ("text", tuple(pieces))
        return self._compute(ir) if self._is_known(pieces) else ir

    def _comparison(self, ir: IR) -> IR:
        before = [ir[1], *[part for _, part in ir[2]]]
        signs = [sign for sign, _ in ir[2]]
        done = self._parts(before)
        if self._is_known(done):
            new = ir if done is before else _compare(signs, done)
            if len(done) == 2 or all(part[0] == "const" for part in done):
                found = self._apply(lambda *given: _chain(signs, given), done, new)
                if found[0] != "compare":
                    return found
        if done is not before and ("==" in signs or "!=" in signs):
            done = [
                self._leave(old) if is_text(new) and new is not old else new
                for old, new in zip(before, done, strict=True)
            ]
        return ir if all(map(_same, before, done)) else _compare(signs, done)

    def _leave(self, part: IR) -> IR:
        """A part that stays as it was."""
        expression_names(part, self.left)
        return part

    def _connection(self, ir: IR) -> IR:
        """``and``, ``or``: constants that decide nothing go; behind one that decides all goes."""
        parts = ir[1]
        done = self._parts(parts)
        decides = ir[0] == "or"
        kept: list[IR] = []
        for i, part in enumerate(done):
            if part[0] == "const" and i < len(done) - 1:
                if bool(part[1]) is not decides:
                    continue
                if not any(map(_grows, done[i + 1 :])):
                    kept.append(part)
                    break
            kept.append(part)
        if len(kept) == 1:
            return kept[0]
        return ir if done is parts and len(kept) == len(parts) else (ir[0], tuple(kept))

    def _choice(self, ir: IR) -> IR:
        parts = ir[1:]
        done = self._parts(parts)
        if done[0][0] == "const":
            kept, gone = (1, 2) if done[0][1] else (2, 1)
            if not _grows(done[gone]):
                return done[kept]
        return ir if done is parts else ("ifelse", *done)

    def _function(self, ir: IR) -> IR:
        done = self._parts(ir[2])
        new = ir if done is ir[2] else ("call", ir[1], tuple(done))
        row = FUNCTIONS[ir[1]]
        if row.effect != "pure" or not self._is_known(done):
            return new
        return self._apply(lambda *given: row.run(given[-1], *given[:-1]), done, new)

    def _user_function(self, ir: IR) -> IR:
        done = self._parts(ir[2])
        new = ir if done is ir[2] else ("ucall", ir[1], tuple(done))
        if not self._is_known(done) or not self._computer.is_pure(ir[1]):
            return new
        if not all(map(is_constant, done)):
            return self._compute(new)
        found = self._computer.call(ir[1], [part[1] for part in done])
        if found is None:
            return new
        return found if is_scalar(found) else self._close(new, found)

    def _comprehension(self, ir: IR) -> IR:
        tag, generators = ir[0], ir[-1]
        before = [part for _, over, conditions in generators for part in (over, *conditions)]
        before += ir[1:-1]
        done = self._parts(before)
        new = ir
        if done is not before:
            rest = iter(done)
            made = tuple(
                [
                    (targets, next(rest), tuple([next(rest) for _ in conditions]))
                    for targets, _, conditions in generators
                ]
            )
            new = (tag, *rest, made)
        return self._close(new) if self._is_known(done[:1]) and self._is_whole(new) else new

    def _is_whole(self, ir: IR) -> bool:
        """Whether an expression depends neither on the run nor on a comprehension around it."""
        for node in walk(ir):
            tag = node[0]
            if tag in _RUNNING:
                return False
            if tag == "call" and FUNCTIONS[node[1]].effect != "pure":
                return False
            if tag == "ucall" and not self._computer.is_pure(node[1]):
                return False
        return not uses_bound(ir)

    def _as_list(self, ir: IR) -> IR:
        part = self.part(ir[1])
        if part[0] == "const" and type(part[1]) is list:
            return part
        new = ir if part is ir[1] else ("aslist", part)
        return self._close(new) if self._is_known((part,)) else new

    def _push(self, ir: IR) -> IR:
        """What is pushed; never the list, which is changed in place."""
        part = self.part(ir[2])
        return ir if part is ir[2] else ("push", ir[1], part)


def _chain(signs: Sequence[str], given: Sequence[Any]) -> bool:
    """A comparison, chained as in Python; the context is the last of what is given."""
    *values, c = given
    return all(
        _COMPARISONS[sign](left, right, c)
        for sign, left, right in zip(signs, values, values[1:], strict=False)
    )


def _same(one: object, other: object) -> bool:
    return one is other


def _compare(signs: Sequence[str], parts: Sequence[IR]) -> IR:
    return ("compare", parts[0], tuple(zip(signs, parts[1:], strict=True)))


def _grows(ir: IR) -> bool:
    return ir[0] not in _LEAVES and any(node[0] in _GROWING for node in walk(ir))


_NODES: Final[dict[str, Callable[[Simplifier, IR], IR]]] = {
    **dict.fromkeys(_OPERATORS, Simplifier._binary),
    "item": Simplifier._item,
    "slice": Simplifier._slice,
    "list": Simplifier._list,
    "object": Simplifier._object,
    "text": Simplifier._text,
    "compare": Simplifier._comparison,
    "and": Simplifier._connection,
    "or": Simplifier._connection,
    "ifelse": Simplifier._choice,
    "call": Simplifier._function,
    "ucall": Simplifier._user_function,
    "listcomp": Simplifier._comprehension,
    "dictcomp": Simplifier._comprehension,
    "aslist": Simplifier._as_list,
    "push": Simplifier._push,
}
