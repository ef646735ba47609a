"""Checks of decoded fields: from a value of unknown origin to the type a record declares.

A check takes the value and where it stands, and returns the field or raises BlueprintError. Checks
combine: ``sequence(row(text, natural))`` is a tuple of pairs. A place is a linked pair (place
around it, name or index), because most are never shown and text for each would cost more than the
check.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, NoReturn, TypeAlias

from ..errors import BlueprintError
from .limits import VALUE_DEPTH

Place: TypeAlias = "tuple[Place | None, str | int]"
Check: TypeAlias = Callable[[Any, Place], Any]


def refuse(place: Place, problem: str) -> NoReturn:
    """Raise BlueprintError for what stands at ``place``."""
    parts: list[str] = []
    at: Place | None = place
    while at is not None:
        at, part = at
        parts.append(f"[{part}]" if type(part) is int else str(part))
    raise BlueprintError(f"{''.join(reversed(parts))} {problem}")


# --- scalars ----------------------------------------------------------------------------------


def value(value: Any, place: Place) -> Any:
    """Any value (a schema, say); it nests no deeper than values may."""
    level = [value]
    for _ in range(VALUE_DEPTH + 1):
        inner: list[Any] = []
        for item in level:
            if type(item) is list:
                inner.extend(item)
            elif type(item) is dict:
                inner.extend(item.values())
        if not inner:
            return value
        level = inner
    refuse(place, f"is nested deeper than {VALUE_DEPTH} levels")


def text(value: Any, place: Place) -> str:
    """A text."""
    if type(value) is not str:
        refuse(place, "must be text")
    return value


def natural(value: Any, place: Place) -> int:
    """An int from 0 up."""
    if type(value) is not int or value < 0:
        refuse(place, "must be an int from 0 up")
    return value


def integer(value: Any, place: Place) -> int:
    """An int of either sign."""
    if type(value) is not int:
        refuse(place, "must be an int")
    return value


def flag(value: Any, place: Place) -> bool:
    """A bool."""
    if type(value) is not bool:
        refuse(place, "must be a bool")
    return value


def word(*words: str) -> Check:
    """One of a closed set of texts."""

    def check(value: Any, place: Place) -> Any:
        if type(value) is not str or value not in words:
            refuse(place, f"must be one of {', '.join(words)}")
        return value

    return check


# --- combinations -----------------------------------------------------------------------------


def optional(inner: Check) -> Check:
    """Null, or what ``inner`` takes."""

    def check(value: Any, place: Place) -> Any:
        return None if value is None else inner(value, place)

    return check


def sequence(inner: Check) -> Check:
    """A list of any length; the field is a tuple."""

    def check(value: Any, place: Place) -> Any:
        if type(value) is not list:
            refuse(place, "must be a list")
        return tuple([inner(item, (place, i)) for i, item in enumerate(value)])

    return check


def row(*inner: Check, make: Callable[..., Any] | None = None) -> Check:
    """A list with one check per element; the field is a tuple, or what ``make`` makes of them."""

    def check(value: Any, place: Place) -> Any:
        if type(value) is not list or len(value) != len(inner):
            refuse(place, f"must be a list of {len(inner)}")
        pairs = enumerate(zip(inner, value, strict=True))
        fields = [f(item, (place, i)) for i, (f, item) in pairs]
        return tuple(fields) if make is None else make(*fields)

    return check


def texts_by_name(value: Any, place: Place) -> dict[str, str]:
    """An object of texts."""
    if type(value) is not dict or not all(type(v) is str for v in value.values()):
        refuse(place, "must be an object of texts")
    return value


naturals: Final = sequence(natural)
texts: Final = sequence(text)
natural_or_none: Final = optional(natural)
text_or_none: Final = optional(text)


# --- code -------------------------------------------------------------------------------------


def instruction(value: Any, place: Place) -> tuple[object, ...]:
    """An opcode and operands of the kinds there are at all; which belong is the verifier's."""
    if type(value) is not list or not value or type(value[0]) is not int:
        refuse(place, "must be a list that begins with an opcode")
    operands: list[object] = []
    for operand in value:
        if type(operand) is list:
            operands.append(naturals(operand, place))
        elif operand is None or type(operand) in (int, str, bool):
            operands.append(operand)
        else:
            refuse(place, "has an operand of no known kind")
    return tuple(operands)


def ir(value: Any, place: Place) -> tuple[Any, ...]:
    """Lists to tuples, but for the value of ``("const", value)``; with a stack of its own."""
    if type(value) is not list:
        refuse(place, "must be an expression")
    items: Iterator[Any] = iter((value,))
    built: list[Any] = []
    waiting: list[tuple[Iterator[Any], list[Any]]] = []
    while True:
        for item in items:
            if type(item) is list:
                if len(item) == 2 and item[0] == "const":
                    built.append(("const", item[1]))
                    continue
                waiting.append((items, built))
                items, built = iter(item), []
                break
            if item is not None and type(item) not in (int, str, bool):
                refuse(place, "holds a float or an object outside a constant")
            built.append(item)
        else:
            if not waiting:
                root: tuple[Any, ...] = built[0]
                return root
            node = tuple(built)
            items, built = waiting.pop()
            built.append(node)
