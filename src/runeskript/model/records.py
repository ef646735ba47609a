"""``record``: slotted data classes that are cheap to define and to make.

``@dataclass(frozen=True, slots=True)`` generates and compiles six functions a class, a millisecond
each time a process starts; some sixty classes made that a fifth of what ``rune run`` costs. A
record generates only ``__init__``; equality, hash and repr are written once, below. It is frozen
for the type checker (``dataclass_transform``), which is who reads our code.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeVar, dataclass_transform

_T = TypeVar("_T")


def _eq(self: Any, other: Any) -> bool:
    if type(self) is not type(other):
        return NotImplemented  # type: ignore[no-any-return]
    return all(getattr(self, f) == getattr(other, f) for f in self.__match_args__)


def _hash(self: Any) -> int:
    return hash((type(self), *[getattr(self, f) for f in self.__match_args__]))


def _repr(self: Any) -> str:
    shown = ", ".join(f"{f}={getattr(self, f)!r}" for f in self.__match_args__)
    return f"{type(self).__name__}({shown})"


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def record(cls: type[_T]) -> type[_T]:
    """Make a class a record: slots, ``__init__`` from its annotations, equality by value."""
    made = dataclass(slots=True, eq=False, repr=False)(cls)
    made.__eq__ = _eq  # type: ignore[method-assign]
    made.__hash__ = _hash  # type: ignore[method-assign]
    made.__repr__ = _repr  # type: ignore[method-assign]
    return made


@dataclass_transform(field_specifiers=(field,))
def mutable(cls: type[_T]) -> type[_T]:
    """A slotted class with only a generated ``__init__``; compared by identity."""
    made = dataclass(slots=True, eq=False, repr=False)(cls)
    made.__repr__ = _repr  # type: ignore[method-assign]
    return made
