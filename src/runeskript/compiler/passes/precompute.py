"""Running, before the run, what does not depend on it.

By the very functions, and the very generated code, that would compute it later: an operator has one
meaning. What would fail is left for the run to fail; so is what takes too long or gives too much
(``limits.PRECOMPUTED*``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from ...errors import StepError
from ...expr.generate import FunctionTable, compile_expr
from ...expr.ir import uses, walk
from ...expr.runtime import Context, measure
from ...model.ast import IR
from ...model.blueprint import FunctionRow
from ...model.limits import (
    INT_MAX,
    INT_MIN,
    PRECOMPUTED,
    PRECOMPUTED_SIZE,
    PRECOMPUTED_TEXT,
    PRECOMPUTED_WORK,
)
from .. import core
from ..irtools import replace

_SCALARS: Final = frozenset((type(None), bool, int, float, str))


class Precomputer:
    """Computes for one program, within a budget for all of it."""

    def __init__(self, program: core.Program) -> None:
        self._declared = program.document.functions
        self._indexes = {f.name: i for i, f in enumerate(self._declared)}
        self._table: FunctionTable | None = None
        self._pure: dict[str, bool] = {}
        #: Units that calls may still cost.
        self._work = PRECOMPUTED * PRECOMPUTED_WORK
        #: What generated code made of an expression, by its text (1, 1.0 and true are equal keys).
        self._known: dict[str, IR | None] = {}
        #: Has no unit to spend.
        self._free = Context(fuel=0)

    def apply(self, function: Callable[..., Any], *values: Any) -> IR | None:
        """The result of an operator or function on constants, as a constant: a scalar that costs
        no units of work. None for everything else."""
        try:
            value = function(*values, self._free)
        except StepError:
            self._free.fuel = 0
            return None
        return ("const", value) if _is_small(value) else None

    def compute(self, ir: IR) -> IR | None:
        """The value of an expression that does not depend on the run: a constant, or a ``paid`` one
        where computing it costs units; None where it fails, or is too much work or too large."""
        key = repr(ir)
        if key not in self._known:
            if len(self._known) >= PRECOMPUTED:
                return None
            expression = compile_expr(self._numbered(ir), self._functions())
            self._known[key] = _run(lambda context: expression([], context))
        return self._known[key]

    def call(self, name: str, values: Sequence[Any]) -> IR | None:
        """The same for a call of one of the document's functions with constants."""
        if self._work <= 0:
            return None
        function = self._functions().function(self._indexes[name])
        found = _run(lambda context: function(context, *values))
        self._work -= PRECOMPUTED_WORK if found is None else found[2] if found[0] == "paid" else 0
        return found

    def is_pure(self, name: str) -> bool:
        """Whether a function of the document, and all it calls, depends on its parameters alone."""
        pure = self._pure.get(name)
        if pure is None:
            call = ("ucall", self._indexes[name], ())
            pure = self._pure[name] = not uses(call, self._functions().rows)
        return pure

    def _functions(self) -> FunctionTable:
        if self._table is None:
            rows = [(f.name, len(f.params), self._numbered(f.body.ir)) for f in self._declared]
            self._table = FunctionTable([FunctionRow(*row) for row in rows])
        return self._table

    def _numbered(self, ir: IR) -> IR:
        """The expression with user functions by index, as generated code knows them."""

        def leaf(node: IR) -> IR:
            return ("ucall", self._indexes[node[1]], *node[2:]) if node[0] == "ucall" else node

        out: IR = replace(ir, leaf)
        return out


def _run(evaluate: Callable[[Context], Any]) -> IR | None:
    context = Context(fuel=PRECOMPUTED_WORK)
    try:
        value = evaluate(context)
        _, weight = measure(value, texts=True)
    except StepError:
        return None
    if weight > PRECOMPUTED_SIZE or (type(value) in _SCALARS and not _is_small(value)):
        return None
    units = PRECOMPUTED_WORK - context.fuel
    return ("paid", ("const", value), units) if units else ("const", value)


def container(ir: IR) -> IR | None:
    """A list or object of constant scalars written out, as a constant: making it costs nothing."""
    if ir[0] == "list":
        return ("const", _values(ir[1])) if _are_scalars(ir[1]) else None
    if ir[0] == "object":
        keys, values = [key for key, _ in ir[1]], [value for _, value in ir[1]]
        if all(map(is_text, keys)) and _are_scalars(values):
            return ("const", dict(zip(_values(keys), _values(values), strict=True)))
    return None


def is_scalar(ir: IR) -> bool:
    """Whether a node is a scalar, constant or ``paid``."""
    value = ir[1] if ir[0] == "paid" else ir
    return value[0] == "const" and type(value[1]) in _SCALARS


def is_constant(ir: IR) -> bool:
    """Whether a node is a constant that costs nothing."""
    return bool(ir[0] == "const")


def is_text(ir: IR) -> bool:
    """Whether a node is a constant text."""
    return ir[0] == "const" and type(ir[1]) is str


def _are_scalars(parts: Sequence[IR]) -> bool:
    return all(part[0] == "const" and type(part[1]) in _SCALARS for part in parts)


def _values(parts: Sequence[IR]) -> list[Any]:
    return [part[1] for part in parts]


def _is_small(value: Any) -> bool:
    """Whether a scalar is short and a value of the language."""
    if type(value) is int:
        return INT_MIN <= value <= INT_MAX
    if type(value) is str:
        return len(value) <= PRECOMPUTED_TEXT
    return type(value) in _SCALARS


def uses_bound(ir: IR) -> bool:
    """Whether an expression uses what a comprehension around it binds."""
    used: set[int] = set()
    bound: set[int] = set()
    for node in walk(ir):
        if node[0] == "local":
            used.add(node[1])
        elif node[0] == "listcomp" or node[0] == "dictcomp":
            for targets, _, _ in node[-1]:
                bound.update(targets)
    return not used <= bound
