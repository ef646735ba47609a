"""What operators and functions take and give, by the types of what they are given."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Final

from ..model.ast import IR
from .functions import FUNCTIONS, Function
from .shapes import ANY, FLOAT, INT, NUMBER, TEXT, Type, join, list_of, object_of, of

_NUMBERS: Final = frozenset(("int", "float"))


def result_of(row: Function, ir: IR, args: list[Type]) -> Type:
    """The type of a call's result; ``args``: the types of the arguments in ``ir``."""
    refine = _RESULTS.get(row.name)
    if refine is not None:
        return refine(ir, args)
    return _result(row.name)


@cache
def _result(name: str) -> Type:
    """The type of a function's result where the arguments do not matter."""
    result = FUNCTIONS[name].result
    return ANY if "any" in result else of(*result)


@cache
def kinds_of_arithmetic(tag: str, a: frozenset[str], b: frozenset[str]) -> frozenset[str]:
    """What an operator on values of these kinds can give; nothing where it takes none of them."""
    results: set[str] = set()
    if a & _NUMBERS and b & _NUMBERS:
        results |= {"float"} if tag == "div" else (a | b) & {"float"}
        if tag != "div" and "int" in a and "int" in b:
            results |= {"int", "float"} if tag == "pow" else {"int"}
    if tag == "add":
        results |= a & b & {"text", "list"}
    elif tag == "mul":
        results |= a & {"text", "list"} if "int" in b else set()
        results |= b & {"text", "list"} if "int" in a else set()
    return frozenset(results)


@cache
def kinds_taken(name: str) -> tuple[frozenset[str] | None, ...]:
    """For each parameter of a function, the kinds it takes; None where it takes all."""
    row = FUNCTIONS[name]
    out: list[frozenset[str] | None] = []
    for parameter in row.params:
        allowed = frozenset(parameter.types)
        if parameter.default is None and not row.variadic:
            allowed |= {"null"}
        out.append(None if "any" in allowed else allowed)
    return tuple(out)


def _element(found: Type) -> Type:
    return found.element if found.element is not None else ANY


def _get(ir: IR, args: list[Type]) -> Type:
    key = ir[2][1]
    default = args[2] if len(args) > 2 else of("null")
    if args[0].kinds <= {"object", "null"} and key[0] == "const" and type(key[1]) is str:
        inner = args[0].field(key[1])
        return default if inner is None else join(inner, default)
    return ANY


def _total(ir: IR, args: list[Type]) -> Type:
    element = _element(args[0])
    if args[0].kinds == {"list"} and element.kinds and not element.kinds & _NUMBERS:
        return NUMBER
    return INT if element.kinds == {"int"} and len(args) == 1 else NUMBER


def _sorted(ir: IR, args: list[Type]) -> Type:
    return args[0].only(("list", "text"))


#: Functions whose result type follows from the arguments.
_RESULTS: Final[dict[str, Callable[[IR, list[Type]], Type]]] = {
    "get": _get,
    "sum": _total,
    "abs": lambda ir, args: args[0].only(_NUMBERS),
    "sorted": _sorted,
    "reversed": _sorted,
    "slice": _sorted,
    "unique": _sorted,
    "difference": _sorted,
    "intersection": _sorted,
    "first": lambda ir, args: join(_element(args[0]), args[1] if len(args) > 1 else of("null")),
    "last": lambda ir, args: join(_element(args[0]), args[1] if len(args) > 1 else of("null")),
    "keys": lambda ir, args: list_of(TEXT),
    "split": lambda ir, args: list_of(TEXT),
    "lines": lambda ir, args: list_of(TEXT),
    "chars": lambda ir, args: list_of(TEXT),
    "range": lambda ir, args: list_of(INT),
    "chunk": lambda ir, args: list_of(args[0].only(("list",))),
    "parts": lambda ir, args: object_of(
        dict.fromkeys(
            ("year", "month", "day", "hour", "minute", "second", "millisecond", "weekday",
             "yearday", "offset"),
            INT,
        )
    ),
    "sqrt": lambda ir, args: FLOAT,
}  # fmt: skip
