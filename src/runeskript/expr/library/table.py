"""Rows of the function table and the decorator that makes them.

A row's signature is written once, as the reference prints it, and everything else (arity, keyword
names, defaults, static types) is read from it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, Literal

from ...errors import StepError
from ...model.limits import COLLECTION, TEXT
from ...model.records import record
from ...model.values import type_name
from ..faults import int_limit, too_big, wrong_type
from ..runtime import Context, burn

Effect = Literal["pure", "clock", "entropy"]

#: A parameter without a default.
REQUIRED: Final = object()

_DEFAULTS: Final[dict[str, Any]] = {"null": None, "true": True, "false": False}
_SIGNATURE = re.compile(r"(\w+)\((.*)\) -> (.+)")
_PARAM = re.compile(r"(\w+)(\.\.\.)?: ([\w|]+)(?: = (.+))?")


@record
class Param:
    """One parameter. ``types`` are names of ``model.values.type_name``, or ``any``."""

    name: str
    types: tuple[str, ...]
    default: Any = REQUIRED


@record
class Function:
    """One row of the function table.

    ``variadic``: the last parameter may be given any number of times, and at least once where it is
    the only one. ``wide``:
    takes and may give integers past 64 bits. ``grows``: the result may nest an argument deeper.
    ``effect`` other than ``pure`` reads the context's clock or draws from its seed. ``examples``
    are (expression, value) pairs; tests hold every host to them.
    """

    name: str
    signature: str
    params: tuple[Param, ...]
    variadic: bool
    result: tuple[str, ...]
    run: Callable[..., Any]
    doc: str
    examples: tuple[tuple[str, Any], ...]
    topic: str
    effect: Effect
    wide: bool
    grows: bool

    @property
    def least(self) -> int:
        """Fewest arguments."""
        required = sum(1 for p in self.params if p.default is REQUIRED)
        return required - 1 if self.variadic and len(self.params) > 1 else required

    @property
    def most(self) -> int | None:
        """Most arguments, None for any number."""
        return None if self.variadic else len(self.params)


def function(
    rows: dict[str, Function],
    topic: str,
    signature: str,
    *examples: tuple[str, Any],
    effect: Effect = "pure",
    wide: bool = False,
    grows: bool = False,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add a row to ``rows``; the docstring of the implementation is the reference's text."""
    match = _SIGNATURE.fullmatch(signature)
    assert match is not None, signature  # noqa: S101 - a mistake in this package's own table
    name, inner, result = match.groups()
    params = []
    variadic = False
    for part in filter(None, inner.split(", ")):
        found = _PARAM.fullmatch(part)
        assert found is not None, part  # noqa: S101 - as above
        variadic = found[2] is not None
        default = REQUIRED if found[4] is None else _default(found[4])
        params.append(Param(found[1], tuple(found[3].split("|")), default))

    def add(run: Callable[..., Any]) -> Callable[..., Any]:
        rows[name] = Function(
            name,
            signature,
            tuple(params),
            variadic,
            tuple(result.split("|")),
            run,
            " ".join((run.__doc__ or "").split()),
            examples,
            topic,
            effect,
            wide,
            grows,
        )
        return run

    return add


def _default(text: str) -> Any:
    if text in _DEFAULTS:
        return _DEFAULTS[text]
    return text[1:-1] if text.startswith("'") else int(text)


# --- checks shared by the implementations -----------------------------------------------------


def refuse(function_: str, expected: str, value: Any) -> StepError:
    """``type``: an argument of the wrong type."""
    return wrong_type(f"{function_} takes {expected}, not {type_name(value)}")


def need_text(name: str, value: Any) -> str:
    """An argument that must be text."""
    if type(value) is not str:
        raise refuse(name, "text", value)
    return value


def need_list(name: str, value: Any) -> list[Any]:
    """An argument that must be a list."""
    if type(value) is not list:
        raise refuse(name, "a list", value)
    return value


def need_object(name: str, value: Any) -> dict[str, Any]:
    """An argument that must be an object."""
    if type(value) is not dict:
        raise refuse(name, "an object", value)
    return value


def need_int(name: str, value: Any) -> int:
    """An argument that must be an int."""
    if type(value) is not int:
        raise refuse(name, "int", value)
    return value


def need_number(name: str, value: Any) -> Any:
    """An argument that must be int or float."""
    if type(value) is not int and type(value) is not float:
        raise refuse(name, "a number", value)
    return value


def need_bool(name: str, value: Any) -> bool:
    """An argument that must be a bool."""
    if type(value) is not bool:
        raise refuse(name, "bool", value)
    return value


def charge_text(c: Context, size: int) -> None:
    """Charge for a text of ``size`` characters and refuse one past ``limits.TEXT``."""
    if size > TEXT:
        raise too_big(f"a text may have at most {TEXT} characters")
    if size > 255:
        burn(c, size >> 8)


def charge_list(c: Context, size: int) -> None:
    """Charge for a list of ``size`` elements and refuse one past ``limits.COLLECTION``."""
    if size > COLLECTION:
        raise too_big(f"a list or object may have at most {COLLECTION} elements")
    if size > 7:
        burn(c, size >> 3)


def cap_int(value: int, bits: int = 4096) -> int:
    """An int a function computed, bounded as intermediates are."""
    if value.bit_length() > bits:
        raise int_limit(f"an integer past {bits} bits")
    return value
