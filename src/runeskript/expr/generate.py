"""Verified IR -> functions: the one file that makes code.

IR becomes a Python syntax tree, never source text; the tree is compiled by the host, and functions
are made from the resulting code objects over a fixed table of globals without builtins (nothing is
ever passed to ``exec`` or ``eval``). Every name the code refers to is checked against that table.
What the generator can prove (``kinds.py``) it writes as the host's own operator; everything else is
guarded inline or goes through ``ops.py``.

Nothing here trusts the IR beyond its shape: a slot, local or index that is not an int, or a tag
that is not in the table, raises :class:`~runeskript.errors.BlueprintError`.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from types import CodeType, FunctionType, TracebackType
from typing import Any, Final

from ..errors import BlueprintError
from ..model.ast import IR
from ..model.blueprint import FunctionRow
from ..model.limits import CALL_DEPTH
from ..model.values import UNSET, Value
from . import access, ops, runtime, turns
from .emit import Emitter
from .faults import raise_unset, raise_work, raised
from .functions import FUNCTIONS
from .instants import to_duration, to_instant
from .ir import children, depth
from .labels import Label, push_targets, region_expressions, region_labels, region_nesting
from .numeric import numeric
from .regions import RegionEmitter
from .runtime import Context, host_depth
from .show import join_text, secret_text

__all__ = [
    "EXPRESSION_FILE",
    "HELPERS",
    "REGION_FILE",
    "FunctionTable",
    "Looped",
    "compile_expr",
    "compile_region",
    "fault_site",
    "push_targets",
    "region_expressions",
    "region_room",
]

#: ``co_filename`` of generated code; never a file.
REGION_FILE: Final = "<rune region>"
EXPRESSION_FILE: Final = "<rune expression>"

#: Everything generated code may refer to.
HELPERS: Final[dict[str, Any]] = {
    "__builtins__": {},
    "U": UNSET,
    "type": type,
    "int": int,
    "float": float,
    "str": str,
    "list": list,
    "dict": dict,
    "bool": bool,
    "len": len,
    **ops.ARITHMETIC,
    "eq": ops.eq,
    "ne": ops.ne,
    "lt": ops.lt,
    "le": ops.le,
    "gt": ops.gt,
    "ge": ops.ge,
    "contains": ops.contains,
    "lacks": ops.lacks,
    "item": access.item,
    "cut": access.cut,
    "assign": access.assign,
    "overflow": ops.overflow,
    "fit": runtime.fit,
    "leave": runtime.leave,
    "each": runtime.each,
    "each_range": runtime.make_range,
    "each_enumerate": runtime.each_enumerated,
    "each_items": runtime.each_item,
    "each_zip": runtime.each_zipped,
    "unpack": runtime.unpack,
    "bounded": runtime.bounded,
    "text_key": runtime.text_key,
    "descend": runtime.descend,
    "unset": raise_unset,
    "spent": raise_work,
    "join_text": join_text,
    "secret_text": secret_text,
    "to_duration": to_duration,
    "to_instant": to_instant,
    "public_fault": runtime.public_fault,
    "raised": raised,
    "counted": turns.counted,
    "numbered": enumerate,
    "used_up": turns.used_up,
    "unexpected": turns.unexpected,
    "work": turns.work,
    "turn_back": turns.turn_back,
    "as_list": runtime.as_list,
    "push": runtime.push,
    "unshared": runtime.unshared,
    "paid": runtime.paid,
    **{f"f_{name}": row.run for name, row in FUNCTIONS.items()},
}

#: Attributes that generated code may touch: of the context, and ``append`` of a list it made.
_ATTRIBUTES: Final = frozenset(("fuel", "depth", "gate", "append"))


class FunctionTable:
    """The user functions of one Program, and the globals that all its generated code shares.

    Functions are generated on first call. ``rows`` must have been verified (``ir.check_ir``).
    """

    __slots__ = ("_serial", "frames", "globals", "rows")

    def __init__(self, rows: Sequence[FunctionRow] = ()) -> None:
        self.rows = tuple(rows)
        self.globals: dict[str, Any] = dict(HELPERS)
        self._serial = 0
        #: Host frames that one level of user calls takes at most.
        self.frames = 2 + max((_comprehension_depth(row.ir) for row in self.rows), default=0)
        for index in range(len(self.rows)):
            self.globals[f"u{index}"] = self._stub(index)

    def serial(self) -> int:
        """A number that no other generated name of this table has."""
        self._serial += 1
        return self._serial

    def later(self, make: Callable[[], Callable[..., Any]]) -> str:
        """The name of a function that is generated when it is first called."""
        name = f"d{self.serial()}"

        def first_call(*args: Any) -> Any:
            self.globals[name] = made = make()
            return made(*args)

        self.globals[name] = first_call
        return name

    def _stub(self, index: int) -> Callable[..., Any]:
        def first_call(c: Context, *args: Any) -> Any:
            return self.function(index)(c, *args)

        return first_call

    def function(self, index: int) -> Callable[..., Value]:
        """The generated user function: called with the context and its arguments."""
        name = f"u{index}"
        known = self.globals[name]
        if known.__code__.co_filename == EXPRESSION_FILE:
            return known  # type: ignore[no-any-return]
        row = self.rows[index]
        if type(row.params) is not int or not 0 <= row.params <= 1_000:
            raise BlueprintError("a function has too many parameters")
        with _room(row.ir):
            emitter = Emitter(self, name, params=row.params, frame=False)
            emitter.function(row.ir)
            made = self.make(emitter, EXPRESSION_FILE)
        self.globals[name] = made
        return made

    def make(self, emitter: Emitter, filename: str) -> Callable[..., Any]:
        """Compile what an emitter holds; the names it defines become globals of this table."""
        module = ast.Module(body=emitter.definitions(), type_ignores=[])
        try:
            code = compile(module, filename, "exec", dont_inherit=True, optimize=2)
        except (SyntaxError, ValueError, TypeError, RecursionError) as error:
            raise BlueprintError(f"no code can be made from this expression: {error}") from None
        self.globals.update(emitter.constants)
        made: dict[str, FunctionType] = {}
        for constant in code.co_consts:
            if isinstance(constant, CodeType):
                made[constant.co_name] = FunctionType(constant, self.globals, constant.co_name)
        for name, function in made.items():
            self._check_names(function.__code__, made)
            if name != emitter.name:
                self.globals[name] = function
        return made[emitter.name]

    def _check_names(self, code: CodeType, made: dict[str, FunctionType]) -> None:
        for name in code.co_names:
            if name not in self.globals and name not in _ATTRIBUTES and name not in made:
                raise BlueprintError(f"generated code refers to {name!r}")
        if any(isinstance(constant, CodeType) for constant in code.co_consts):
            raise BlueprintError("generated code defines code")


def _comprehension_depth(ir: IR) -> int:
    """How deep comprehensions are nested: each level is a function of its own."""
    deepest = 0
    stack = [(ir, 0)]
    while stack:
        node, level = stack.pop()
        if node[0] in ("listcomp", "dictcomp"):
            level += 1
            deepest = max(deepest, level)
        stack.extend([(child, level) for child in children(node)])
    return deepest


_NO_FUNCTIONS: Final[tuple[FunctionRow, ...]] = ()


def _table(functions: FunctionTable | Sequence[FunctionRow] | None) -> FunctionTable:
    if isinstance(functions, FunctionTable):
        return functions
    return FunctionTable(functions or _NO_FUNCTIONS)


class _Room:
    """Nothing to do: an expression that is not deep."""

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        return None


_NO_ROOM: Final = _Room()


def _room(ir: IR) -> Any:
    """Host stack for generating from deep IR (at most ``ir.MAX_DEPTH``): emitting and the host's
    compiler recurse along it."""
    deepest = depth(ir)
    return host_depth(100 + deepest * 12) if deepest > 20 else _NO_ROOM


def region_room(statements: Sequence[IR]) -> Any:
    """The same for a region: its blocks nest, too."""
    deepest = max(map(depth, region_expressions(statements)), default=0)
    nesting = region_nesting(statements)
    if deepest > 20 or nesting > 10:
        return host_depth(100 + deepest * 12 + nesting * 12)
    return _NO_ROOM


def compile_expr(
    ir: IR,
    functions: FunctionTable | Sequence[FunctionRow] | None = None,
    *,
    locals_: int = 0,
    maybe_unset: frozenset[int] | None = None,
    slot_names: Sequence[str] | None = None,
    holders: frozenset[int] = frozenset(),
) -> Callable[..., Value]:
    """A function ``f(frame, context, *locals)`` that evaluates one expression.

    ``locals_``: how many locals are passed (1 for ``where``, which sees the event as local 0).
    ``maybe_unset``: the slots that may be unset (None: any). ``slot_names`` name variables in
    messages; ``holders`` are those that regions of the same frame append to in place
    (:func:`push_targets`). The function raises only StepError; its result is a value (or holds
    SecretText, where the expression reads secrets).
    """
    table = _table(functions)
    with _room(ir):
        emitter = Emitter(
            table, f"e{table.serial()}", params=locals_, frame=True, maybe_unset=maybe_unset,
            slot_names=slot_names, holders=holders,
        )  # fmt: skip
        emitter.expression(ir)
        return table.make(emitter, EXPRESSION_FILE)


def compile_region(
    statements: Sequence[IR],
    functions: FunctionTable | Sequence[FunctionRow] | None = None,
    *,
    maybe_unset: frozenset[int] | None = None,
    slot_names: Sequence[str] | None = None,
    holders: frozenset[int] = frozenset(),
    protected: bool = True,
) -> Callable[[list[Any], Context], int]:
    """A function ``f(frame, context)`` that runs a region (``isa.STATEMENTS``) without loops over
    the frame and returns the index of the exit it takes; 0 where it runs off the end.

    When it raises StepError, the frame holds what the statements before have set, if ``protected``,
    and :func:`fault_site` tells which statement failed.
    """
    table = _table(functions)
    held = holders.union(push_targets(statements))
    found = numeric(statements)

    def general() -> Callable[[list[Any], Context], int]:
        with region_room(statements):
            made = RegionEmitter(
                table, f"r{table.serial()}", maybe_unset=maybe_unset, slot_names=slot_names,
                holders=held,
            )  # fmt: skip
            made.region(statements, protected=protected)
            return table.make(made, REGION_FILE)

    if found is None:
        return general()
    with region_room(statements):
        made = RegionEmitter(
            table, f"r{table.serial()}", maybe_unset=maybe_unset, slot_names=slot_names,
            holders=held, numeric=found,
        )  # fmt: skip
        made.numeric_region(statements, table.later(general), protected=protected)
        return table.make(made, REGION_FILE)


class Looped:
    """The function of a region with loops; its bodies are generated when they are first run."""

    __slots__ = ("_bodies", "_make", "_numeric", "labels")

    def __init__(
        self,
        statements: Sequence[IR],
        functions: FunctionTable | Sequence[FunctionRow] | None = None,
        *,
        maybe_unset: frozenset[int] | None = None,
        slot_names: Sequence[str] | None = None,
        holders: frozenset[int] = frozenset(),
        protected: bool = True,
    ) -> None:
        """As for :func:`compile_region`."""
        table = _table(functions)
        held = holders.union(push_targets(statements))
        self.labels: tuple[Label, ...] = region_labels(statements)
        self._numeric = numeric(statements) is not None
        self._bodies: dict[bool, Callable[..., int]] = {}

        def make(for_numbers: bool) -> Callable[..., int]:
            with region_room(statements):
                made = RegionEmitter(
                    table, f"r{table.serial()}", maybe_unset=maybe_unset, slot_names=slot_names,
                    holders=held, numeric=numeric(statements) if for_numbers else None,
                )  # fmt: skip
                made.looped_region(statements, protected=protected)
                return table.make(made, REGION_FILE)

        self._make = make

    def __call__(self, frame: list[Any], c: Context, entry: int) -> int:
        """Run it from a label (0: the beginning) on the budget of the context (``turns.grant``).

        Returns an exit, or -k where the budget was used up at label k; then the frame holds all.
        """
        k = self._body(self._numeric)(frame, c, c.budget, entry)
        if k <= turns.GENERAL:
            k = self._body(False)(frame, c, c.budget, turns.GENERAL - k)
        return k

    def _body(self, for_numbers: bool) -> Callable[..., int]:
        known = self._bodies.get(for_numbers)
        if known is None:
            known = self._bodies[for_numbers] = self._make(for_numbers)
        return known


def fault_site(error: BaseException) -> int | None:
    """The ``site`` of the statement of a region in which ``error`` was raised, or None."""
    site = None
    trace = error.__traceback__
    while trace is not None:
        # The innermost: the numeric body of a region may have called the general one.
        if trace.tb_frame.f_code.co_filename == REGION_FILE:
            site = trace.tb_lineno
        trace = trace.tb_next
    return site - 1 if site is not None and site > 0 else None


assert CALL_DEPTH > runtime.GATE  # noqa: S101 - two bounds that belong together
